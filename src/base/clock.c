/* SPDX-License-Identifier: MIT */
#include <time.h>

#include "sdtmill/clock.h"

#include "sdtmill/str.h"

static const int64_t clock_first = INT64_C(-62135596800); /* 0001-01-01T00:00:00 */
static const int64_t clock_last = INT64_C(253402300799);  /* 9999-12-31T23:59:59 */
enum { CLOCK_DAY = 86400 };

bool sm_clock_epoch(int64_t *ret_seconds) {
    const char *env = getenv("SOURCE_DATE_EPOCH");
    return env && sm_str_to_i64(sm_str(env), ret_seconds);
}

static void clock_put(char *out, int64_t v, int digits) {
    for (int i = digits - 1; i >= 0; i--, v /= 10) out[i] = (char)('0' + v % 10);
}

/* Counting from 1 March makes the leap day the last day of a year. */
static int64_t clock_days(int64_t year, int64_t month, int64_t day) {
    int64_t y = year - (month <= 2);
    int64_t m = month + (month > 2 ? -3 : 9);
    return y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

void sm_clock_iso(int64_t seconds, char out[20]) {
    int64_t t = seconds < clock_first ? clock_first : seconds > clock_last ? clock_last : seconds;
    int64_t days = t / CLOCK_DAY, rest = t % CLOCK_DAY;
    if (rest < 0) rest += CLOCK_DAY, days--;
    int64_t z = days + 719468; /* days since 0000-03-01, never negative here */
    int64_t era = z / 146097, doe = z % 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t m = (5 * doy + 2) / 153;
    int64_t month = m < 10 ? m + 3 : m - 9;
    memcpy(out, "0000-00-00T00:00:00", 20);
    clock_put(out, yoe + era * 400 + (month <= 2), 4);
    clock_put(out + 5, month, 2);
    clock_put(out + 8, doy - (153 * m + 2) / 5 + 1, 2);
    clock_put(out + 11, rest / 3600, 2);
    clock_put(out + 14, rest / 60 % 60, 2);
    clock_put(out + 17, rest % 60, 2);
}

/* '0' in the pattern stands for a digit, anything else for itself. */
static bool clock_match(struct sm_str s, const char *pattern) {
    if (s.n != strlen(pattern)) return false;
    for (size_t i = 0; i < s.n; i++)
        if (pattern[i] == '0' ? !sm_is_digit(s.p[i]) : s.p[i] != pattern[i]) return false;
    return true;
}

static int64_t clock_part(const char *p, size_t n) {
    uint64_t v = 0;
    return sm_str_to_u64(sm_str_n(p, n), &v) ? (int64_t)v : -1;
}

bool sm_clock_parse_iso(const char *text, int64_t *ret_seconds) {
    struct sm_str s = sm_str(text);
    if (s.n && s.p[s.n - 1] == 'Z') s.n--;
    bool time = clock_match(s, "0000-00-00T00:00:00");
    if (!time && !clock_match(s, "0000-00-00")) return false;
    int64_t y = clock_part(text, 4), m = clock_part(text + 5, 2), d = clock_part(text + 8, 2);
    bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (y < 1 || m < 1 || m > 12 || d < 1) return false;
    if (d > month_days[m - 1] + (m == 2 && leap)) return false;
    int64_t hour = 0, minute = 0, second = 0;
    if (time) {
        hour = clock_part(text + 11, 2);
        minute = clock_part(text + 14, 2);
        second = clock_part(text + 17, 2);
    }
    if (hour > 23 || minute > 59 || second > 59) return false;
    *ret_seconds = clock_days(y, m, d) * CLOCK_DAY + hour * 3600 + minute * 60 + second;
    return true;
}

double sm_clock_monotonic(void) {
    struct timespec ts;
    if (clock_gettime(CLOCK_MONOTONIC, &ts) != 0) return 0;
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}
