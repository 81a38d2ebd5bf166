/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_CLOCK_H
#define SDTMILL_CLOCK_H
/* clock.h - the only place that knows about time. UTC only; no C library calendar. */
#include "sdtmill/common.h"

/* SOURCE_DATE_EPOCH from the environment: true and seconds if it is set to a valid number. */
bool sm_clock_epoch(int64_t *ret_seconds);
/* "YYYY-MM-DDThh:mm:ss" of a Unix time; out needs 20 bytes. Years 0001-9999, else clamped. */
void sm_clock_iso(int64_t seconds, char out[20]);
/* Accepts YYYY-MM-DD or YYYY-MM-DDThh:mm:ss, optional Z. */
bool sm_clock_parse_iso(const char *text, int64_t *ret_seconds);
/* Seconds of a monotonic clock (progress and peak figures only, never in data). */
double sm_clock_monotonic(void);
#endif
