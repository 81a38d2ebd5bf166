/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_DTC_H
#define SDTMILL_DTC_H
/* dtc.h - ISO 8601 dates and times with unknown parts, as SDTM writes them (SDTMIG 3.4 section
 * 4.4.1 and 4.4.2): right-truncated when the end is unknown ("2014-03"), a hyphen for a part that
 * is unknown in the middle ("2014---15", "2014-03-15T-:30"). Pure functions, no I/O, no clock. */
#include "sdtmill/arena.h"
#include "sdtmill/common.h"
#include "sdtmill/str.h"

enum { SM_DTC_UNKNOWN = -1, SM_DTC_TEXT_MAX = 48 };

struct sm_dtc {               /* a part that is not known is SM_DTC_UNKNOWN */
    int16_t year;             /* 0..9999 */
    int8_t month, day;        /* 1..12, 1..31 */
    int8_t hour, minute, second;
    uint8_t frac_digits;      /* 0..9 digits of fraction of the second */
    uint32_t frac;            /* the digits as a number */
    bool has_zone;            /* an offset was written; "Z" is 0 */
    bool zone_is_z;
    int16_t zone;             /* minutes east */
};

extern const struct sm_dtc sm_dtc_none; /* nothing known */

/* Reads the text form above and no other: what it takes, sm_dtc_format writes back byte for byte
 * (no open end such as "2014-03-", no offset "+02" or "-00:00", at most nine digits of fraction,
 * an offset of at most 14 hours). A part that is written must be a possible one, and a full date a
 * real day of the proleptic Gregorian calendar; 29 February without a year is possible. 24:00 and
 * second 60 are refused. On false *ret is sm_dtc_none. */
bool sm_dtc_parse(struct sm_str s, struct sm_dtc *ret);
/* Writes the text form with a NUL behind it; its length. Nothing known gives 0. Fraction and zone
 * are written only behind a known second and a known time. */
size_t sm_dtc_format(const struct sm_dtc *d, char out[SM_DTC_TEXT_MAX]);
/* 62 bits whose numeric order is the byte order of the text form. False (not packable) with a
 * fraction or a zone, true and 0 for nothing known. Never 0 for a value with a known part. */
bool sm_dtc_pack(const struct sm_dtc *d, uint64_t *ret);
struct sm_dtc sm_dtc_unpack(uint64_t packed);
/* sm_dtc_format(sm_dtc_unpack(packed)), fast: no division-heavy or library formatting. */
size_t sm_dtc_format_packed(uint64_t packed, char out[SM_DTC_TEXT_MAX]);
/* A packed value with the same parts known, whose text is as long; values of one form have the same. */
uint64_t sm_dtc_packed_form(uint64_t packed);
/* The packed value with this time of day (0..23, 0..59); false unless its date is complete and it
 * has no time. */
bool sm_dtc_packed_at(uint64_t packed, int hour, int minute, uint64_t *ret);
/* Days since 1970-01-01 of the date part of a packed value; false unless the date is complete. */
bool sm_dtc_packed_day(uint64_t packed, int32_t *ret);
/* A number of the date part whose order is the calendar's; 0 unless the date is complete. A date's
 * year + 1, month + 1 and day + 1 lie above each other in it. */
enum { SM_DTC_DATE_MONTH = 6, SM_DTC_DATE_YEAR = 10, SM_DTC_DATE_SHIFT = 17 };
static inline uint32_t sm_dtc_packed_date(uint64_t packed) {
    const uint32_t date = (uint32_t)(packed >> SM_DTC_DATE_SHIFT);
    const uint32_t month = date >> SM_DTC_DATE_MONTH & 0xF, day = date & 0x3F;
    return (date >> SM_DTC_DATE_YEAR) != 0 && month > 1 && day > 1 ? date : 0;
}
/* The same of a date that is not packed. */
static inline uint32_t sm_dtc_date(const struct sm_dtc *d) {
    if (d->year < 0 || d->month < 0 || d->day < 0) return 0;
    return ((uint32_t)d->year + 1) << SM_DTC_DATE_YEAR |
           ((uint32_t)d->month + 1) << SM_DTC_DATE_MONTH | ((uint32_t)d->day + 1);
}

/* Days since 1970-01-01 of the date part; false unless year, month and day are known. */
bool sm_dtc_day(const struct sm_dtc *d, int32_t *ret);
int32_t sm_dtc_days_from_civil(int32_t year, int month, int day);
void sm_dtc_civil_from_days(int32_t days, int32_t *year, int *month, int *day);
int sm_dtc_days_in_month(int32_t year, int month);
/* Completed years from a to b (both complete dates), as SDTM's AGE. False otherwise, or b < a. Who
 * is born on 29 February completes a year on 1 March of the other years. */
bool sm_dtc_years_between(const struct sm_dtc *a, const struct sm_dtc *b, int32_t *ret);
/* SDTM study day (SDTMIG 3.4 section 4.4.4): date part only, no day 0. False unless both are
 * complete. */
bool sm_dtc_study_day(const struct sm_dtc *d, const struct sm_dtc *reference, int32_t *ret);

enum sm_order { SM_BEFORE = -1, SM_SAME = 0, SM_AFTER = 1, SM_MAYBE = 2 };
/* Three-valued: SM_MAYBE when the unknown parts could make it either way (a partial value stands
 * for the interval from its earliest to its latest second). So two equal partial values are
 * SM_MAYBE, and SM_SAME takes values complete to the second; a fraction not written is zero. Zones
 * are applied when both have one. */
enum sm_order sm_dtc_compare(const struct sm_dtc *a, const struct sm_dtc *b);
/* The same on what both sides know from the left: "2014-03" and "2014-03-05" are SM_SAME; without
 * a common year SM_MAYBE. Zones are applied when both have one and are known to the minute. */
enum sm_order sm_dtc_compare_common(const struct sm_dtc *a, const struct sm_dtc *b);
/* True if every known part of `partial` is equal in `full`. */
bool sm_dtc_contains(const struct sm_dtc *partial, const struct sm_dtc *full);

/* ---- site formats ------------------------------------------------------------------------- */
struct sm_dtc_pattern;        /* compiled, immutable, lives in the arena */
struct sm_dtc_rules {         /* how a site writes what it does not know */
    struct sm_str unknown;    /* '|'-separated tokens, matched without case; no value = none */
    int century_cutoff;       /* two-digit years <= cutoff are 20yy, else 19yy */
};
/* Compiles '|'-separated alternatives (blanks around them do not count), first that fits wins.
 * Letters (runs): yyyy four digits, yy two, y four or two; mmm (mmmm) month name or abbreviation in
 * the language of `locale`, mm two digits, m one or two digits or a name; dd, d the day; HH, H the
 * hour; MM, M minutes; SS, S seconds with optional fraction (zeros at its end dropped); a am/pm.
 * All but mm take two digits, or one that has no digit on either side; H takes one digit anywhere.
 * Y, D and A are y, d and a; h and s are H and S where the alternative has no H or S, else
 * literals. As a whole alternative: the word excel, a serial day number of the 1900 system, its
 * fraction rounded to the second, which is not written when it is 0 (with less than five digits, to
 * the minute; a whole number is a date, 0.x a time, day 60 was none); iso, any text form
 * sm_dtc_parse takes. Everything else is literal; a backslash or 'quotes' make a letter
 * literal. The whole text must fit; one longer than 128 bytes fits nothing. Mistakes are a part
 * given twice, am/pm without hour, and minutes in a date without hour (MM/DD/YYYY; months are mm).
 * locale: en de es fr it pt nl sv nb da fi, a region behind it does not count (NULL = en).
 * Limits: 64 alternatives, 24 parts and literals each.
 * On a mistake: NULL, and err (SM_ESPEC) says what and the position in the format. */
const struct sm_dtc_pattern *sm_dtc_pattern_compile(struct sm_arena *a, struct sm_str formats,
                                                    const char *locale, struct sm_err *err);
struct sm_str sm_dtc_pattern_formats(const struct sm_dtc_pattern *p); /* as given */
enum sm_dtc_fit {
    SM_DTC_FITS,
    SM_DTC_NO_FIT,       /* no alternative has this shape */
    SM_DTC_IMPOSSIBLE    /* some have its shape, but it is no real date or time (31-FEB-2014) */
};
/* Parts a pattern does not contain, or that are unknown, stay SM_DTC_UNKNOWN. A text whose parts
 * are all unknown fits, with nothing known; so does one that as a whole is a listed token. An
 * alternative in which the text is impossible is passed over.
 * Unknown parts: what can be a value of the part is that value (minute 00, year 00), except that
 * year 0000 is never one and 9999 only where it is not listed; else a listed token stands for an
 * unknown part, and so do blanks when any token is listed and the text is not all blanks.
 * rules may be NULL: no tokens, cutoff 68. Unless the text fits, *ret is sm_dtc_none. */
enum sm_dtc_fit sm_dtc_pattern_run(const struct sm_dtc_pattern *p, const struct sm_dtc_rules *rules,
                                   struct sm_str text, struct sm_dtc *ret);
/* After a fit with `taken`: true, and the first other reading, if another alternative fits the same text
 * with a different result (03/04/2014 with dd/mm/yyyy|mm/dd/yyyy). */
bool sm_dtc_pattern_other(const struct sm_dtc_pattern *p, const struct sm_dtc_rules *rules,
                          struct sm_str text, const struct sm_dtc *taken, struct sm_dtc *ret);
/* Takes each part that `into` does not know from `from`. */
void sm_dtc_merge(struct sm_dtc *into, const struct sm_dtc *from);
#endif
