/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sdtmill/clock.h"

static void iso_text_and_seconds_agree_over_all_years(void **state) {
    (void)state;
    char out[20], last[20] = "";
    for (int64_t t = INT64_C(-62135596800); t <= INT64_C(253402300799); t += 86400 * 3 + 3661) {
        int64_t back = 0;
        sm_clock_iso(t, out);
        assert_true(sm_clock_parse_iso(out, &back));
        assert_true(back == t);
        assert_true(memcmp(last, out, sizeof out) < 0);
        memcpy(last, out, sizeof out);
    }
}

static void known_moments(void **state) {
    (void)state;
    static const struct {
        int64_t t;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00"},
        {951782400, "2000-02-29T00:00:00"},
        {1709251199, "2024-02-29T23:59:59"},
        {-1, "1969-12-31T23:59:59"},
        {INT64_MAX, "9999-12-31T23:59:59"},
        {INT64_MIN, "0001-01-01T00:00:00"},
    };
    for (size_t i = 0; i < SM_ARRAY_LEN(cases); i++) {
        char out[20];
        sm_clock_iso(cases[i].t, out);
        assert_string_equal(out, cases[i].text);
    }
}

static void only_real_moments_are_read(void **state) {
    (void)state;
    static const char *const bad[] = {
        "", "2024", "2023-02-29", "1900-02-29", "2024-13-01", "2024-00-10", "2024-04-31",
        "2024-01-01T24:00:00", "2024-01-01T00:60:00", "2024-01-01T00:00:60", "2024-01-01 00:00:00",
        "0000-01-01", "2024-01-01T00:00", "2024-1-1", "2024-01-01ZZ", "+024-01-01", "Z"};
    int64_t t = 7;
    for (size_t i = 0; i < SM_ARRAY_LEN(bad); i++) assert_false(sm_clock_parse_iso(bad[i], &t));
    assert_int_equal(t, 7);
    assert_true(sm_clock_parse_iso("1970-01-02", &t));
    assert_int_equal(t, 86400);
    assert_true(sm_clock_parse_iso("1970-01-02T00:00:01Z", &t));
    assert_int_equal(t, 86401);
}

static void epoch_comes_from_the_environment(void **state) {
    (void)state;
    int64_t t = 7;
    unsetenv("SOURCE_DATE_EPOCH");
    assert_false(sm_clock_epoch(&t));
    setenv("SOURCE_DATE_EPOCH", "1700000000", 1);
    assert_true(sm_clock_epoch(&t));
    assert_int_equal(t, 1700000000);
    setenv("SOURCE_DATE_EPOCH", "soon", 1);
    assert_false(sm_clock_epoch(&t));
    setenv("SOURCE_DATE_EPOCH", "", 1);
    assert_false(sm_clock_epoch(&t));
    unsetenv("SOURCE_DATE_EPOCH");
}

static void monotonic_clock_does_not_go_back(void **state) {
    (void)state;
    double a = sm_clock_monotonic();
    assert_true(a > 0 && sm_clock_monotonic() >= a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(iso_text_and_seconds_agree_over_all_years),
        cmocka_unit_test(known_moments),
        cmocka_unit_test(only_real_moments_are_read),
        cmocka_unit_test(epoch_comes_from_the_environment),
        cmocka_unit_test(monotonic_clock_does_not_go_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
