/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_CHECK_ANALYZER_H
#define SDTMILL_CHECK_ANALYZER_H
/* analyzer.h - read by clang-tidy before every source (never by a compiler): tells the analyser,
 * which sees one file at a time, that a function that reports a failure returns that failure. */
#include "sdtmill/err.h"

#ifndef SM_CHECKS_ERR_ITSELF
#define sm_fail(err, code, ...) ((void)(sm_fail)(err, code, __VA_ARGS__), (int)(code))
#define sm_fail_sys(err, code, ...) ((void)(sm_fail_sys)(err, code, __VA_ARGS__), (int)(code))
#endif
#endif
