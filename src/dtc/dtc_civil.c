/* SPDX-License-Identifier: MIT */
#include "dtc/dtc_priv.h"

enum { DAYS_PER_ERA = 146097, YEARS_PER_ERA = 400, DAYS_TO_EPOCH = 719468 };

static bool year_is_leap(int32_t year) {
    return year % 4 == 0 && (year % 100 != 0 || year % YEARS_PER_ERA == 0);
}

int sm_dtc_days_in_month(int32_t year, int month) {
    static const int8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (month < 1 || month > 12) return 0;
    return month == 2 && year_is_leap(year) ? 29 : days[month - 1];
}

/* Years are counted from March, so that the leap day is the last one; eras of 400 years repeat. */
int32_t sm_dtc_days_from_civil(int32_t year, int month, int day) {
    const int32_t y = month <= 2 ? year - 1 : year;
    const int32_t era = (y >= 0 ? y : y - (YEARS_PER_ERA - 1)) / YEARS_PER_ERA;
    const int32_t year_of_era = y - era * YEARS_PER_ERA;
    const int32_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    const int32_t day_of_era =
        year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_PER_ERA + day_of_era - DAYS_TO_EPOCH;
}

void sm_dtc_civil_from_days(int32_t days, int32_t *year, int *month, int *day) {
    const int64_t z = (int64_t)days + DAYS_TO_EPOCH;
    const int64_t era = (z >= 0 ? z : z - (DAYS_PER_ERA - 1)) / DAYS_PER_ERA;
    const int32_t doe = (int32_t)(z - era * DAYS_PER_ERA);
    const int32_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    const int32_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    const int32_t mp = (5 * doy + 2) / 153;
    *day = doy - (153 * mp + 2) / 5 + 1;
    *month = mp < 10 ? mp + 3 : mp - 9;
    *year = (int32_t)(era * YEARS_PER_ERA) + yoe + (*month <= 2 ? 1 : 0);
}

bool sm_dtc_date_possible(const struct sm_dtc *d) {
    if (d->month == SM_DTC_UNKNOWN || d->day == SM_DTC_UNKNOWN) return true;
    const int32_t year = d->year == SM_DTC_UNKNOWN ? YEARS_PER_ERA : d->year;
    return d->day <= sm_dtc_days_in_month(year, d->month);
}

static bool date_is_complete(const struct sm_dtc *d) {
    return d->year != SM_DTC_UNKNOWN && d->month != SM_DTC_UNKNOWN && d->day != SM_DTC_UNKNOWN;
}

bool sm_dtc_day(const struct sm_dtc *d, int32_t *ret) {
    if (!date_is_complete(d)) return false;
    *ret = sm_dtc_days_from_civil(d->year, d->month, d->day);
    return true;
}

bool sm_dtc_years_between(const struct sm_dtc *a, const struct sm_dtc *b, int32_t *ret) {
    if (!date_is_complete(a) || !date_is_complete(b)) return false;
    const int month_day_a = a->month * 32 + a->day;
    const int month_day_b = b->month * 32 + b->day;
    const int32_t years = b->year - a->year - (month_day_b < month_day_a ? 1 : 0);
    if (years < 0) return false;
    *ret = years;
    return true;
}

bool sm_dtc_study_day(const struct sm_dtc *d, const struct sm_dtc *reference, int32_t *ret) {
    int32_t day, ref;
    if (!sm_dtc_day(d, &day) || !sm_dtc_day(reference, &ref)) return false;
    *ret = day - ref + (day >= ref ? 1 : 0);
    return true;
}
