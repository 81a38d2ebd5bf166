/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_BANNED_H
#define SDTMILL_BANNED_H
/* banned.h - C functions that overflow, depend on the locale or the time zone, or leave order
 * unspecified. Using one is a compile error. Allocation is base/mem.c's alone: that file defines
 * SM_MAY_ALLOCATE before it includes anything. */
#pragma GCC poison strcpy strcat sprintf vsprintf strncpy strncat gets strtok atoi atol atof
#pragma GCC poison strtol strtoul strtoll strtoull localtime gmtime mktime ctime asctime
#pragma GCC poison setlocale qsort rand srand
#ifndef SM_MAY_ALLOCATE
#pragma GCC poison malloc calloc realloc strdup strndup
#endif
#endif
