/* SPDX-License-Identifier: MIT */
#include "dtc/dtc_priv.h"

/* Every part after the year is 0 when the text ends before it, 1 for the hyphen of an unknown part,
 * else its value from 2 on; the year is 0 for the hyphen, else value + 1. That is the byte order of
 * the text: its end sorts before '-', and '-' before the digits. */
enum {
    SECOND_SHIFT = 0,
    MINUTE_SHIFT = 6,
    HOUR_SHIFT = 12,
    DAY_SHIFT = 17,
    MONTH_SHIFT = 23,
    YEAR_SHIFT = 27
};
enum { YEARS_AHEAD = 400, DAYS_AHEAD = 146097 }; /* so that no year is below 0 */
enum { CODE_END = 0, CODE_UNKNOWN = 1, CODE_FROM_1 = 1, CODE_FROM_0 = 2 };

_Static_assert((int)DAY_SHIFT == SM_DTC_DATE_SHIFT &&
                   (int)MONTH_SHIFT == SM_DTC_DATE_SHIFT + SM_DTC_DATE_MONTH &&
                   (int)YEAR_SHIFT == SM_DTC_DATE_SHIFT + SM_DTC_DATE_YEAR && CODE_FROM_1 == 1,
               "dtc.h tells where the date lies");

struct codes {
    unsigned year, month, day, hour, minute, second;
};

const struct sm_dtc sm_dtc_none = {.year = SM_DTC_UNKNOWN,
                                   .month = SM_DTC_UNKNOWN,
                                   .day = SM_DTC_UNKNOWN,
                                   .hour = SM_DTC_UNKNOWN,
                                   .minute = SM_DTC_UNKNOWN,
                                   .second = SM_DTC_UNKNOWN};

/* The code of a part; `more` tells whether a known part follows, and is brought up to date. */
static inline uint64_t part_code(int value, unsigned offset, bool *more) {
    if (value >= 0) {
        *more = true;
        return (unsigned)value + offset;
    }
    return *more ? CODE_UNKNOWN : CODE_END;
}

static uint64_t pack_parts(const struct sm_dtc *d) {
    bool more = false;
    uint64_t packed = part_code(d->second, CODE_FROM_0, &more) << SECOND_SHIFT;
    packed |= part_code(d->minute, CODE_FROM_0, &more) << MINUTE_SHIFT;
    packed |= part_code(d->hour, CODE_FROM_0, &more) << HOUR_SHIFT;
    packed |= part_code(d->day, CODE_FROM_1, &more) << DAY_SHIFT;
    packed |= part_code(d->month, CODE_FROM_1, &more) << MONTH_SHIFT;
    if (d->year >= 0) packed |= ((uint64_t)d->year + 1) << YEAR_SHIFT;
    return packed;
}

static inline struct codes codes_of(uint64_t packed) {
    return (struct codes){.year = (unsigned)(packed >> YEAR_SHIFT) & 0x3FFF,
                          .month = (unsigned)(packed >> MONTH_SHIFT) & 0xF,
                          .day = (unsigned)(packed >> DAY_SHIFT) & 0x3F,
                          .hour = (unsigned)(packed >> HOUR_SHIFT) & 0x1F,
                          .minute = (unsigned)(packed >> MINUTE_SHIFT) & 0x3F,
                          .second = (unsigned)(packed >> SECOND_SHIFT) & 0x3F};
}

bool sm_dtc_pack(const struct sm_dtc *d, uint64_t *ret) {
    *ret = 0;
    if (d->has_zone || d->frac_digits != 0) return false;
    *ret = pack_parts(d);
    return true;
}

static inline int8_t part_of_code(unsigned code, unsigned offset) {
    return (int8_t)(code <= CODE_UNKNOWN ? SM_DTC_UNKNOWN : (int)(code - offset));
}

struct sm_dtc sm_dtc_unpack(uint64_t packed) {
    const struct codes c = codes_of(packed);
    struct sm_dtc d = sm_dtc_none;
    d.year = (int16_t)((int)c.year - 1);
    d.month = part_of_code(c.month, CODE_FROM_1);
    d.day = part_of_code(c.day, CODE_FROM_1);
    d.hour = part_of_code(c.hour, CODE_FROM_0);
    d.minute = part_of_code(c.minute, CODE_FROM_0);
    d.second = part_of_code(c.second, CODE_FROM_0);
    return d;
}

static inline char *put_two(char *p, unsigned value) {
    static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                                "25262728293031323334353637383940414243444546474849"
                                "50515253545556575859606162636465666768697071727374"
                                "75767778798081828384858687888990919293949596979899";
    memcpy(p, pairs + (size_t)(value % 100) * 2, 2);
    return p + 2;
}

static inline char *put_part(char *p, char before, unsigned code, unsigned offset) {
    *p++ = before;
    if (code == CODE_UNKNOWN) {
        *p++ = '-';
        return p;
    }
    return put_two(p, code - offset);
}

size_t sm_dtc_format_packed(uint64_t packed, char out[SM_DTC_TEXT_MAX]) {
    const struct codes c = codes_of(packed);
    char *p = out;
    if (c.year != 0) {
        p = put_two(p, (c.year - 1) / 100);
        p = put_two(p, c.year - 1);
    } else if (c.month != CODE_END) {
        *p++ = '-';
    }
    if (c.month != CODE_END) p = put_part(p, '-', c.month, CODE_FROM_1);
    if (c.day != CODE_END) p = put_part(p, '-', c.day, CODE_FROM_1);
    if (c.hour != CODE_END) p = put_part(p, 'T', c.hour, CODE_FROM_0);
    if (c.minute != CODE_END) p = put_part(p, ':', c.minute, CODE_FROM_0);
    if (c.second != CODE_END) p = put_part(p, ':', c.second, CODE_FROM_0);
    *p = '\0';
    return (size_t)(p - out);
}

static char *put_zone(char *p, const struct sm_dtc *d) {
    if (d->zone_is_z) {
        *p++ = 'Z';
        return p;
    }
    const unsigned minutes = (unsigned)(d->zone < 0 ? -d->zone : d->zone);
    *p++ = d->zone < 0 ? '-' : '+';
    p = put_two(p, minutes / 60);
    *p++ = ':';
    return put_two(p, minutes % 60);
}

size_t sm_dtc_format(const struct sm_dtc *d, char out[SM_DTC_TEXT_MAX]) {
    const uint64_t packed = pack_parts(d);
    char *p = out + sm_dtc_format_packed(packed, out);
    if (d->second != SM_DTC_UNKNOWN && d->frac_digits != 0) {
        *p++ = '.';
        uint32_t rest = d->frac;
        for (unsigned i = d->frac_digits; i-- > 0; rest /= 10)
            p[i] = (char)('0' + rest % 10);
        p += d->frac_digits;
    }
    if (d->has_zone && codes_of(packed).hour != CODE_END) p = put_zone(p, d);
    *p = '\0';
    return (size_t)(p - out);
}

bool sm_dtc_packed_at(uint64_t packed, int hour, int minute, uint64_t *ret) {
    const struct codes c = codes_of(packed);
    if (c.year == 0 || c.month <= CODE_UNKNOWN || c.day <= CODE_UNKNOWN || c.hour != CODE_END)
        return false;
    *ret = packed | (uint64_t)(hour + CODE_FROM_0) << HOUR_SHIFT |
           (uint64_t)(minute + CODE_FROM_0) << MINUTE_SHIFT;
    return true;
}

static inline uint64_t code_form(unsigned code) {
    return code <= CODE_UNKNOWN ? code : CODE_UNKNOWN + 1;
}

uint64_t sm_dtc_packed_form(uint64_t packed) {
    const struct codes c = codes_of(packed);
    return (uint64_t)(c.year != 0) << YEAR_SHIFT | code_form(c.month) << MONTH_SHIFT |
           code_form(c.day) << DAY_SHIFT | code_form(c.hour) << HOUR_SHIFT |
           code_form(c.minute) << MINUTE_SHIFT | code_form(c.second) << SECOND_SHIFT;
}

/* sm_dtc_days_from_civil for the years that can be packed, without signs or long divisions. */
bool sm_dtc_packed_day(uint64_t packed, int32_t *ret) {
    static const uint16_t before_month[12] = {306, 337, 0,   31,  61,  92,
                                              122, 153, 184, 214, 245, 275}; /* from March */
    enum { YEAR_0_TO_EPOCH = 719468 + 1 };
    const struct codes c = codes_of(packed);
    if (c.year == 0 || c.month <= CODE_UNKNOWN || c.day <= CODE_UNKNOWN) return false;
    const unsigned month = c.month - CODE_FROM_1, day = c.day - CODE_FROM_1;
    const unsigned year = c.year - 1 + YEARS_AHEAD - (month <= 2), century = year / 100;
    const unsigned days = year * 365 + year / 4 - century + century / 4 + before_month[month - 1];
    *ret = (int32_t)(days + day) - YEAR_0_TO_EPOCH - DAYS_AHEAD;
    return true;
}
