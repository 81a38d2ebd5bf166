/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sdtmill/arena.h"
#include "sdtmill/dtc.h"
#include "sdtmill/err.h"

enum { ROUNDS = 20000 };

/* A fixed sequence (xorshift), so that a failure can be run again. */
struct dice {
    uint64_t state;
};

static unsigned roll(struct dice *d, unsigned sides) {
    d->state ^= d->state << 13;
    d->state ^= d->state >> 7;
    d->state ^= d->state << 17;
    return (unsigned)(d->state >> 33) % sides;
}

/* A possible value; years and parts are few, so that pairs often share their left parts. */
static struct sm_dtc any_value(struct dice *dice, bool packable) {
    static const int16_t years[] = {0, 1, 1999, 2000, 2013, 2014, 9999};
    struct sm_dtc d = sm_dtc_none;
    if (roll(dice, 8) != 0) d.year = years[roll(dice, SM_ARRAY_LEN(years))];
    if (roll(dice, 4) != 0) d.month = (int8_t)(1 + roll(dice, 12));
    if (roll(dice, 4) != 0) {
        int month = d.month == SM_DTC_UNKNOWN ? 1 : d.month;
        int last = sm_dtc_days_in_month(d.year == SM_DTC_UNKNOWN ? 2000 : d.year, month);
        d.day = (int8_t)(1 + roll(dice, (unsigned)last));
    }
    if (roll(dice, 2) != 0) d.hour = (int8_t)roll(dice, 24);
    if (roll(dice, 2) != 0) d.minute = (int8_t)roll(dice, 60);
    if (roll(dice, 2) != 0) d.second = (int8_t)roll(dice, 60);
    if (packable) return d;
    if (d.second != SM_DTC_UNKNOWN && roll(dice, 2) != 0) {
        d.frac_digits = (uint8_t)(1 + roll(dice, 9));
        uint32_t limit = 1;
        for (unsigned i = 0; i < d.frac_digits; i++)
            limit *= 10;
        d.frac = roll(dice, limit);
    }
    if ((d.hour >= 0 || d.minute >= 0 || d.second >= 0) && roll(dice, 2) != 0) {
        d.has_zone = true;
        d.zone_is_z = roll(dice, 3) == 0;
        if (!d.zone_is_z) d.zone = (int16_t)((int)roll(dice, 1681) - 840);
    }
    return d;
}

static bool knows_something(const struct sm_dtc *d) {
    return d->year >= 0 || d->month >= 0 || d->day >= 0 || d->hour >= 0 || d->minute >= 0 ||
           d->second >= 0;
}

/* A value complete to the second that `partial` could be. */
static struct sm_dtc completed(struct dice *dice, const struct sm_dtc *partial) {
    for (;;) {
        struct sm_dtc d = *partial;
        if (d.year == SM_DTC_UNKNOWN) d.year = (int16_t)roll(dice, 10000);
        if (d.month == SM_DTC_UNKNOWN) d.month = (int8_t)(1 + roll(dice, 12));
        int last = sm_dtc_days_in_month(d.year, d.month);
        if (d.day == SM_DTC_UNKNOWN) d.day = (int8_t)(1 + roll(dice, (unsigned)last));
        if (d.hour == SM_DTC_UNKNOWN) d.hour = (int8_t)roll(dice, 24);
        if (d.minute == SM_DTC_UNKNOWN) d.minute = (int8_t)roll(dice, 60);
        if (d.second == SM_DTC_UNKNOWN) d.second = (int8_t)roll(dice, 60);
        if (d.day <= last) return d;
    }
}

static void what_is_written_is_read_back(void **state) {
    (void)state;
    struct dice dice = {0x9E3779B97F4A7C15};
    for (int i = 0; i < ROUNDS; i++) {
        struct sm_dtc d = any_value(&dice, false), e;
        char text[SM_DTC_TEXT_MAX], again[SM_DTC_TEXT_MAX];
        size_t n = sm_dtc_format(&d, text);
        assert_true(n < SM_DTC_TEXT_MAX);
        assert_int_equal(n > 0, knows_something(&d));
        if (n == 0) continue;
        if (!sm_dtc_parse(sm_str_n(text, n), &e)) fail_msg("\"%s\" is not read", text);
        assert_memory_equal(&d, &e, sizeof d);
        assert_int_equal(sm_dtc_format(&e, again), n);
        assert_string_equal(text, again);
    }
}

/* Texts one byte away from a good one: refused, or canonical again. */
static void what_is_read_is_written_back(void **state) {
    (void)state;
    static const char bytes[] = "0123459-:T.Z+ ";
    struct dice dice = {0xD1B54A32D192ED03};
    for (int i = 0; i < ROUNDS; i++) {
        struct sm_dtc d = any_value(&dice, false);
        char text[SM_DTC_TEXT_MAX], again[SM_DTC_TEXT_MAX];
        size_t n = sm_dtc_format(&d, text);
        if (n == 0) continue;
        text[roll(&dice, (unsigned)n)] = bytes[roll(&dice, sizeof bytes - 1)];
        n -= roll(&dice, 4) == 0;
        text[n] = '\0';
        if (!sm_dtc_parse(sm_str_n(text, n), &d)) continue;
        assert_int_equal(sm_dtc_format(&d, again), n);
        assert_string_equal(text, again);
    }
}

static int sign_of(int64_t x) {
    return (x > 0) - (x < 0);
}

static void packed_order_is_text_order(void **state) {
    (void)state;
    struct dice dice = {0x2545F4914F6CDD1D};
    for (int i = 0; i < ROUNDS; i++) {
        struct sm_dtc a = any_value(&dice, true), b = any_value(&dice, true);
        if (roll(&dice, 2) != 0) {
            b = a;
            if (roll(&dice, 2) != 0) b.day = SM_DTC_UNKNOWN;
            if (roll(&dice, 2) != 0) b.hour = SM_DTC_UNKNOWN;
            if (roll(&dice, 2) != 0) b.second = SM_DTC_UNKNOWN;
        }
        uint64_t pa, pb;
        char ta[SM_DTC_TEXT_MAX], tb[SM_DTC_TEXT_MAX], tp[SM_DTC_TEXT_MAX];
        assert_true(sm_dtc_pack(&a, &pa));
        assert_true(sm_dtc_pack(&b, &pb));
        size_t na = sm_dtc_format(&a, ta), nb = sm_dtc_format(&b, tb);
        int want = sm_str_cmp(sm_str_n(ta, na), sm_str_n(tb, nb));
        if (sign_of((int64_t)(pa - pb)) != sign_of(want)) fail_msg("%s and %s", ta, tb);
        assert_int_equal(pa >> 62, 0);
        assert_int_equal(pa == 0, na == 0);
        assert_int_equal(sm_dtc_format_packed(pa, tp), na);
        assert_string_equal(tp, ta);
        struct sm_dtc back = sm_dtc_unpack(pa);
        assert_memory_equal(&back, &a, sizeof a);
    }
}

static int reversed(enum sm_order o) {
    return o == SM_MAYBE ? (int)SM_MAYBE : -(int)o;
}

/* Whatever the unknown parts turn out to be, a verdict other than "maybe" stands. */
static void verdicts_hold_for_every_completion(void **state) {
    (void)state;
    struct dice dice = {0xA0761D6478BD642F};
    for (int i = 0; i < ROUNDS; i++) {
        struct sm_dtc a = any_value(&dice, i % 2 == 0), b = any_value(&dice, i % 2 == 0);
        enum sm_order order = sm_dtc_compare(&a, &b);
        assert_int_equal(sm_dtc_compare(&b, &a), reversed(order));
        assert_int_equal(sm_dtc_compare_common(&b, &a), reversed(sm_dtc_compare_common(&a, &b)));
        struct sm_dtc x = completed(&dice, &a), y = completed(&dice, &b);
        assert_int_equal(sm_dtc_compare(&x, &x), SM_SAME);
        assert_int_not_equal(sm_dtc_compare(&x, &y), SM_MAYBE);
        if (order != SM_MAYBE) assert_int_equal(sm_dtc_compare(&x, &y), order);
        enum sm_order inside = sm_dtc_compare(&a, &x);
        assert_true(inside == SM_MAYBE || inside == SM_SAME);
    }
}

static void completed_dates_order_like_their_days(void **state) {
    (void)state;
    struct dice dice = {0xE7037ED1A0B428DB};
    for (int i = 0; i < ROUNDS; i++) {
        struct sm_dtc x = completed(&dice, &sm_dtc_none), y = completed(&dice, &sm_dtc_none);
        int32_t dx, dy, study, packed_day;
        uint64_t packed;
        assert_true(sm_dtc_day(&x, &dx));
        assert_true(sm_dtc_day(&y, &dy));
        assert_true(sm_dtc_pack(&x, &packed));
        assert_true(sm_dtc_packed_day(packed, &packed_day));
        assert_int_equal(packed_day, dx);
        const uint32_t date = sm_dtc_packed_date(packed);
        assert_int_not_equal(date, 0);
        assert_int_equal(sm_dtc_date(&x), date);
        assert_int_equal(sign_of((int64_t)date - sm_dtc_date(&y)), sign_of((int64_t)dx - dy));
        if (dx != dy) assert_int_equal(sm_dtc_compare(&x, &y), sign_of((int64_t)dx - dy));
        assert_true(sm_dtc_study_day(&x, &y, &study));
        assert_int_not_equal(study, 0);
        assert_int_equal(study > 0 ? study - 1 : study, dx - dy);
    }
}

static void every_day_has_its_number(void **state) {
    (void)state;
    int32_t expected = sm_dtc_days_from_civil(0, 1, 1);
    for (int32_t year = 0; year <= 9999; year++)
        for (int month = 1; month <= 12; month++) {
            const int last = sm_dtc_days_in_month(year, month);
            for (int day = 1; day <= last; day++, expected++) {
                int32_t y;
                int m, d;
                if (day > 1 && day < last) continue;
                sm_dtc_civil_from_days(expected, &y, &m, &d);
                if (sm_dtc_days_from_civil(year, month, day) != expected || y != year ||
                    m != month || d != day)
                    fail_msg("%d-%d-%d", (int)year, month, day);
            }
        }
}

static void a_partial_value_contains_its_completions(void **state) {
    (void)state;
    struct dice dice = {0x8EBC6AF09C88C6E3};
    for (int i = 0; i < ROUNDS; i++) {
        struct sm_dtc a = any_value(&dice, false), x = completed(&dice, &a);
        assert_true(sm_dtc_contains(&a, &a));
        assert_true(sm_dtc_contains(&sm_dtc_none, &a));
        assert_true(sm_dtc_contains(&a, &x));
        if (a.month != SM_DTC_UNKNOWN) {
            x.month = (int8_t)(x.month % 12 + 1);
            assert_false(sm_dtc_contains(&a, &x));
        }
        struct sm_dtc merged = a;
        sm_dtc_merge(&merged, &x);
        assert_true(sm_dtc_contains(&a, &merged));
    }
}

static void a_pattern_reads_what_its_letters_write(void **state) {
    (void)state;
    struct sm_arena arena = {0};
    struct sm_err err = {0};
    const struct sm_dtc_pattern *patterns[] = {
        sm_dtc_pattern_compile(&arena, SM_STR("yyyy-mm-ddTHH:MM:SS"), NULL, &err),
        sm_dtc_pattern_compile(&arena, SM_STR("dd/m/y H:M:S"), NULL, &err),
        sm_dtc_pattern_compile(&arena, SM_STR("ddmmmyyyyHHMMSS"), "de", &err),
        sm_dtc_pattern_compile(&arena, SM_STR("excel|iso"), NULL, &err)};
    static const char *const months[] = {"jan",  "Feb",    "M\u00C4R", "apr", "mai", "juni",
                                         "Juli", "AUGUST", "sep",      "okt", "nov", "dez"};
    struct dice dice = {0x589965CC75374CC3};
    for (int i = 0; i < ROUNDS; i++) {
        struct sm_dtc want = completed(&dice, &sm_dtc_none), got;
        if (want.year == 0) continue;
        char texts[4][SM_DTC_TEXT_MAX * 2];
        snprintf(texts[0], sizeof texts[0], "%04d-%02d-%02dT%02d:%02d:%02d", want.year, want.month,
                 want.day, want.hour, want.minute, want.second);
        snprintf(texts[1], sizeof texts[1], "%d/%d/%04d %d:%d:%d", want.day, want.month, want.year,
                 want.hour, want.minute, want.second);
        snprintf(texts[2], sizeof texts[2], "%02d%s%04d%02d%02d%02d", want.day,
                 months[want.month - 1], want.year, want.hour, want.minute, want.second);
        memcpy(texts[3], texts[0], sizeof texts[0]);
        for (size_t k = 0; k < SM_ARRAY_LEN(patterns); k++) {
            assert_non_null(patterns[k]);
            if (sm_dtc_pattern_run(patterns[k], NULL, sm_str(texts[k]), &got) != SM_DTC_FITS)
                fail_msg("%s", texts[k]);
            assert_memory_equal(&got, &want, sizeof got);
        }
    }
    sm_arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(what_is_read_is_written_back),
        cmocka_unit_test(packed_order_is_text_order),
        cmocka_unit_test(verdicts_hold_for_every_completion),
        cmocka_unit_test(completed_dates_order_like_their_days),
        cmocka_unit_test(every_day_has_its_number),
        cmocka_unit_test(a_partial_value_contains_its_completions),
        cmocka_unit_test(a_pattern_reads_what_its_letters_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
