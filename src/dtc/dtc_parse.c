/* SPDX-License-Identifier: MIT */
#include "dtc/dtc_priv.h"

enum { FRAC_MAX = 9, ZONE_MAX = 14 * 60 };

struct scan {
    const char *p, *end;
    bool possible;   /* all parts so far are in range */
    bool last_known; /* the part read last was written, not left open by a hyphen */
};

/* Two or four digits, or the hyphen of an unknown part. */
static bool scan_part(struct scan *s, int digits, int min, int max, int *ret) {
    if (s->p < s->end && *s->p == '-') {
        ++s->p;
        s->last_known = false;
        *ret = SM_DTC_UNKNOWN;
        return true;
    }
    if (s->end - s->p < digits) return false;
    int value = 0;
    for (int i = 0; i < digits; ++i) {
        if (!sm_is_digit(s->p[i])) return false;
        value = value * 10 + (s->p[i] - '0');
    }
    s->p += digits;
    s->possible = s->possible && value >= min && value <= max;
    s->last_known = true;
    *ret = value;
    return true;
}

static bool scan_byte(struct scan *s, char c) {
    if (s->p >= s->end || *s->p != c) return false;
    ++s->p;
    return true;
}

static bool scan_fraction(struct scan *s, struct sm_dtc *d) {
    uint32_t value = 0;
    uint8_t digits = 0;
    while (s->p < s->end && sm_is_digit(*s->p)) {
        if (digits == FRAC_MAX) return false;
        value = value * 10 + (uint32_t)(*s->p++ - '0');
        ++digits;
    }
    d->frac = value;
    d->frac_digits = digits;
    return digits > 0;
}

static bool scan_zone(struct scan *s, struct sm_dtc *d) {
    d->has_zone = true;
    if (scan_byte(s, 'Z')) {
        d->zone_is_z = true;
        return true;
    }
    const bool west = *s->p == '-';
    int hours, minutes;
    if (!scan_byte(s, west ? '-' : '+') || !scan_part(s, 2, 0, 23, &hours) || !scan_byte(s, ':') ||
        !scan_part(s, 2, 0, 59, &minutes))
        return false;
    if (hours < 0 || minutes < 0) return false;
    const int zone = hours * 60 + minutes;
    s->possible = s->possible && zone <= ZONE_MAX && !(west && zone == 0);
    d->zone = (int16_t)(west ? -zone : zone);
    return true;
}

static bool scan_time(struct scan *s, struct sm_dtc *d) {
    int value;
    if (!scan_part(s, 2, 0, 23, &value)) return false;
    d->hour = (int8_t)value;
    if (scan_byte(s, ':')) {
        if (!scan_part(s, 2, 0, 59, &value)) return false;
        d->minute = (int8_t)value;
        if (scan_byte(s, ':')) {
            if (!scan_part(s, 2, 0, 59, &value)) return false;
            d->second = (int8_t)value;
            if (scan_byte(s, '.') && !scan_fraction(s, d)) return false;
        }
    }
    return s->last_known && (s->p == s->end || scan_zone(s, d));
}

static bool scan_all(struct scan *s, struct sm_dtc *d) {
    int value;
    if (!scan_part(s, 4, 0, 9999, &value)) return false;
    d->year = (int16_t)value;
    if (scan_byte(s, '-')) {
        if (!scan_part(s, 2, 1, 12, &value)) return false;
        d->month = (int8_t)value;
        if (scan_byte(s, '-')) {
            if (!scan_part(s, 2, 1, 31, &value)) return false;
            d->day = (int8_t)value;
            if (scan_byte(s, 'T') && !scan_time(s, d)) return false;
        }
    }
    return s->last_known && s->p == s->end;
}

enum sm_dtc_fit sm_dtc_scan(struct sm_str s, struct sm_dtc *ret) {
    *ret = sm_dtc_none;
    if (s.p == NULL || s.n == 0 || s.n >= SM_DTC_TEXT_MAX) return SM_DTC_NO_FIT;
    struct sm_dtc d = sm_dtc_none;
    struct scan scan = {.p = s.p, .end = s.p + s.n, .possible = true};
    if (!scan_all(&scan, &d)) return SM_DTC_NO_FIT;
    if (!scan.possible || !sm_dtc_date_possible(&d)) return SM_DTC_IMPOSSIBLE;
    *ret = d;
    return SM_DTC_FITS;
}

bool sm_dtc_parse(struct sm_str s, struct sm_dtc *ret) {
    return sm_dtc_scan(s, ret) == SM_DTC_FITS;
}
