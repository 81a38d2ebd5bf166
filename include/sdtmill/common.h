/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_COMMON_H
#define SDTMILL_COMMON_H
/* common.h - what every file may use without asking: attributes, sizes, return codes.
 *
 * Include order: third-party headers (libxml2, libcsv, zlib ...) first, then this one, because
 * banned.h at the end turns unsafe or locale-dependent C functions into compile errors.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SM_MUST_CHECK __attribute__((warn_unused_result))
#define SM_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define SM_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define SM_UNUSED __attribute__((unused))
/* Inlined wherever it is called. What does nothing but ask for memory (__builtin_prefetch) has to be: gcc finds that
 * such a function has no effect and leaves calls of it out. */
#define SM_INLINE inline __attribute__((always_inline))

/* Outcome of every fallible function. 0 and 1 are success; negative values are failures. */
enum sm_rc {
    SM_OK = 0,
    SM_EOF = 1,        /* no more items; not a failure */
    SM_EUSAGE = -1,    /* command line is wrong (exit 2) */
    SM_ESPEC = -2,     /* mapping, terminology or metadata invalid (exit 3) */
    SM_EDATA = -3,     /* input missing, unreadable or truncated (exit 4) */
    SM_EIO = -4,       /* output could not be written or verified (exit 5) */
    SM_ELIMIT = -5,    /* a stated limit was reached (exit 6) */
    SM_ENOMEM = -6,    /* the system has no more memory (exit 6) */
    SM_EFORMAT = -7,   /* a dataset file is damaged or not of its format (exit 4) */
    SM_ESTATE = -8,    /* internal invariant broken (exit 70) */
    SM_EINTR = -9      /* interrupted by a signal (exit 130/143) */
};

struct sm_err;

#include "sdtmill/banned.h"
#endif
