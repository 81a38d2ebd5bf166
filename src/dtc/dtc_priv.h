/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_DTC_PRIV_H
#define SDTMILL_DTC_PRIV_H
/* dtc_priv.h - what the files of the dtc room share. */
#include "sdtmill/dtc.h"

enum { SM_DTC_NAME_BUCKETS = 32 };

/* One spelling of a month in lower case. */
struct sm_dtc_name {
    const char *p;
    uint8_t n;
    uint8_t month;
};

/* The month names of a language, by their first byte (its low five bits, so that case does not
 * matter), longest first: bucket b is names[start[b]] .. names[start[b + 1]]. */
struct sm_dtc_names {
    const struct sm_dtc_name *names;
    uint16_t start[SM_DTC_NAME_BUCKETS + 1];
};

/* NULL with err filled for a language without names (SM_ESPEC) or when out of memory. */
const struct sm_dtc_names *sm_dtc_names_load(struct sm_arena *a, const char *locale,
                                             struct sm_err *err);
/* Equal without case: ASCII letters and, in UTF-8, the letters U+00C0..U+00FE. */
bool sm_dtc_same_nocase(const char *a, const char *b, size_t n);
/* sm_dtc_parse that tells a text of another shape from one that is no real date or time. */
enum sm_dtc_fit sm_dtc_scan(struct sm_str s, struct sm_dtc *ret);
/* Can the known ones of year, month and day stand together? 29 February without a year can. */
bool sm_dtc_date_possible(const struct sm_dtc *d);
#endif
