/* SPDX-License-Identifier: MIT */
#include "dtc/dtc_priv.h"

enum { SECONDS_PER_DAY = 86400, LAST_YEAR = 9999, LAST_LEAP_YEAR = 9996, FRAC_MAX = 9 };

struct moment {
    int64_t seconds;
    uint32_t nanos;
};

static inline int or_else(int part, int otherwise) {
    return part == SM_DTC_UNKNOWN ? otherwise : part;
}

static uint32_t fraction_nanos(const struct sm_dtc *d) {
    if (d->second == SM_DTC_UNKNOWN) return 0;
    uint32_t value = d->frac_digits == 0 ? 0 : d->frac;
    for (unsigned i = d->frac_digits; i > 0 && i < FRAC_MAX; ++i)
        value *= 10;
    return value;
}

static struct moment moment_of(int32_t day, int hour, int minute, int second) {
    const int64_t seconds =
        (int64_t)day * SECONDS_PER_DAY + (int64_t)hour * 3600 + minute * 60 + second;
    return (struct moment){.seconds = seconds, .nanos = 0};
}

static struct moment earliest(const struct sm_dtc *d) {
    const int32_t day =
        sm_dtc_days_from_civil(or_else(d->year, 0), or_else(d->month, 1), or_else(d->day, 1));
    struct moment m =
        moment_of(day, or_else(d->hour, 0), or_else(d->minute, 0), or_else(d->second, 0));
    m.nanos = fraction_nanos(d);
    return m;
}

static struct moment latest(const struct sm_dtc *d) {
    const int month = or_else(d->month, 12);
    int year = or_else(d->year, LAST_YEAR);
    if (d->year == SM_DTC_UNKNOWN && month == 2 && d->day == 29) year = LAST_LEAP_YEAR;
    const int last_day = sm_dtc_days_in_month(year, month);
    const int32_t day = sm_dtc_days_from_civil(year, month, or_else(d->day, last_day));
    struct moment m =
        moment_of(day, or_else(d->hour, 23), or_else(d->minute, 59), or_else(d->second, 59));
    m.nanos = fraction_nanos(d);
    return m;
}

static int moment_cmp(struct moment a, struct moment b) {
    if (a.seconds != b.seconds) return a.seconds < b.seconds ? -1 : 1;
    return (a.nanos > b.nanos) - (a.nanos < b.nanos);
}

enum sm_order sm_dtc_compare(const struct sm_dtc *a, const struct sm_dtc *b) {
    struct moment a_min = earliest(a), a_max = latest(a);
    struct moment b_min = earliest(b), b_max = latest(b);
    if (a->has_zone && b->has_zone) {
        a_min.seconds -= (int64_t)a->zone * 60;
        a_max.seconds -= (int64_t)a->zone * 60;
        b_min.seconds -= (int64_t)b->zone * 60;
        b_max.seconds -= (int64_t)b->zone * 60;
    }
    if (moment_cmp(a_max, b_min) < 0) return SM_BEFORE;
    if (moment_cmp(b_max, a_min) < 0) return SM_AFTER;
    return moment_cmp(a_min, b_max) == 0 && moment_cmp(a_max, b_min) == 0 ? SM_SAME : SM_MAYBE;
}

enum { PART_COUNT = 6 };

static void parts_of(const struct sm_dtc *d, int parts[PART_COUNT]) {
    parts[0] = d->year;
    parts[1] = d->month;
    parts[2] = d->day;
    parts[3] = d->hour;
    parts[4] = d->minute;
    parts[5] = d->second;
}

static bool known_to_the_minute(const struct sm_dtc *d) {
    return d->year >= 0 && d->month >= 0 && d->day >= 0 && d->hour >= 0 && d->minute >= 0;
}

/* Moves the parts to UTC; the year may leave 0..9999. */
static void parts_to_utc(const struct sm_dtc *d, int parts[PART_COUNT]) {
    int32_t day = sm_dtc_days_from_civil(d->year, d->month, d->day);
    int minutes = d->hour * 60 + d->minute - d->zone;
    while (minutes < 0) {
        minutes += 1440;
        --day;
    }
    while (minutes >= 1440) {
        minutes -= 1440;
        ++day;
    }
    int32_t year;
    sm_dtc_civil_from_days(day, &year, &parts[1], &parts[2]);
    parts[0] = year;
    parts[3] = minutes / 60;
    parts[4] = minutes % 60;
}

static enum sm_order compare_fractions(const struct sm_dtc *a, const struct sm_dtc *b) {
    uint32_t x = a->frac, y = b->frac;
    for (unsigned i = a->frac_digits; i > b->frac_digits; --i)
        x /= 10;
    for (unsigned i = b->frac_digits; i > a->frac_digits; --i)
        y /= 10;
    if (x == y || a->frac_digits == 0 || b->frac_digits == 0) return SM_SAME;
    return x < y ? SM_BEFORE : SM_AFTER;
}

enum sm_order sm_dtc_compare_common(const struct sm_dtc *a, const struct sm_dtc *b) {
    if (a->year == SM_DTC_UNKNOWN || b->year == SM_DTC_UNKNOWN) return SM_MAYBE;
    int pa[PART_COUNT], pb[PART_COUNT];
    parts_of(a, pa);
    parts_of(b, pb);
    if (a->has_zone && b->has_zone && known_to_the_minute(a) && known_to_the_minute(b)) {
        parts_to_utc(a, pa);
        parts_to_utc(b, pb);
    }
    for (int i = 0; i < PART_COUNT; ++i) {
        if (i > 0 && (pa[i] == SM_DTC_UNKNOWN || pb[i] == SM_DTC_UNKNOWN)) return SM_SAME;
        if (pa[i] != pb[i]) return pa[i] < pb[i] ? SM_BEFORE : SM_AFTER;
    }
    return compare_fractions(a, b);
}

static inline bool part_agrees(int partial, int full) {
    return partial == SM_DTC_UNKNOWN || partial == full;
}

bool sm_dtc_contains(const struct sm_dtc *partial, const struct sm_dtc *full) {
    if (!part_agrees(partial->year, full->year) || !part_agrees(partial->month, full->month) ||
        !part_agrees(partial->day, full->day) || !part_agrees(partial->hour, full->hour) ||
        !part_agrees(partial->minute, full->minute) || !part_agrees(partial->second, full->second))
        return false;
    if (partial->second != SM_DTC_UNKNOWN && partial->frac_digits != 0 &&
        (full->frac_digits == 0 || fraction_nanos(partial) != fraction_nanos(full)))
        return false;
    return !partial->has_zone || (full->has_zone && partial->zone == full->zone);
}

static void merge_part(int8_t *into, int8_t from) {
    if (*into == SM_DTC_UNKNOWN) *into = from;
}

void sm_dtc_merge(struct sm_dtc *into, const struct sm_dtc *from) {
    if (into->year == SM_DTC_UNKNOWN) into->year = from->year;
    merge_part(&into->month, from->month);
    merge_part(&into->day, from->day);
    merge_part(&into->hour, from->hour);
    merge_part(&into->minute, from->minute);
    if (into->second == SM_DTC_UNKNOWN) {
        into->second = from->second;
        into->frac = from->frac;
        into->frac_digits = from->frac_digits;
    }
    if (!into->has_zone && from->has_zone) {
        into->has_zone = true;
        into->zone_is_z = from->zone_is_z;
        into->zone = from->zone;
    }
}
