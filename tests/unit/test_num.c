/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>

#include "sdtmill/num.h"

static void check_format(double v, const char *want, const char *plain) {
    char out[401];
    out[sm_num_format(v, out)] = '\0';
    assert_string_equal(out, want);
    out[sm_num_format_plain(v, out)] = '\0';
    assert_string_equal(out, plain);
}

static void grammar_is_strict(void **state) {
    (void)state;
    static const char *const good[] = {"0", "-0", "+1", "1.5", ".5", "-.5", "007", "1.50"};
    static const char *const bad[] = {"",    "-",   ".",    "5.",   "1e5",  "nan", "inf", "0x1p3",
                                      " 1",  "1 ",  "1,5",  "--1",  "1.2.3", "+-1", "1_0", "1.e1"};
    static const char *const bad_exp[] = {"1e", "e5", "1e+", "1e5.0", "1e 5", "1e999", "nan", ""};
    for (size_t i = 0; i < SM_ARRAY_LEN(good); i++)
        assert_true(sm_num_parse(sm_str(good[i]), false, NULL));
    for (size_t i = 0; i < SM_ARRAY_LEN(bad); i++)
        assert_false(sm_num_parse(sm_str(bad[i]), false, NULL));
    for (size_t i = 0; i < SM_ARRAY_LEN(bad_exp); i++)
        assert_false(sm_num_parse(sm_str(bad_exp[i]), true, NULL));
    assert_false(sm_num_parse(sm_str(NULL), true, NULL));
    assert_true(sm_num_parse(SM_STR("1E-5"), true, NULL));
}

static void conversion_is_correctly_rounded(void **state) {
    (void)state;
    static const struct {
        const char *text;
        double want;
    } cases[] = {
        {"0.1", 0.1},
        {"-5.4", -5.4},
        {"123456789012345678", 123456789012345678.0},
        {"9007199254740993", 9007199254740992.0},
        {"9007199254740993.00000000000000000000000000000000001", 9007199254740994.0},
        {"2.2250738585072011e-308", 2.2250738585072011e-308},
        {"1.7976931348623157e308", DBL_MAX},
        {"4.9e-324", 4.9e-324},
        {"1e-999999999999999999999", 0.0},
        {"0e999999999999999999999", 0.0},
        {"1e22", 1e22},
        {"1e23", 1e23},
    };
    for (size_t i = 0; i < SM_ARRAY_LEN(cases); i++) {
        double v = -1;
        assert_true(sm_num_parse(sm_str(cases[i].text), true, &v));
        assert_memory_equal(&v, &cases[i].want, sizeof v);
    }
}

static void digits_beyond_any_buffer_still_decide(void **state) {
    (void)state;
    static char text[20000];
    memset(text, '0', sizeof text);
    memcpy(text, "9007199254740993.", 17);
    double v = 0;
    assert_true(sm_num_parse(sm_str_n(text, sizeof text), false, &v));
    assert_true(v <= 9007199254740992.0);
    text[sizeof text - 1] = '1';
    assert_true(sm_num_parse(sm_str_n(text, sizeof text), false, &v));
    assert_true(v >= 9007199254740994.0);
}

static void leading_zeros_behind_the_point_balance_an_exponent(void **state) {
    (void)state;
    static char text[5010];
    memset(text, '0', sizeof text);
    text[1] = '.';
    memcpy(text + 5000, "15e5000", 8);
    double v = 0;
    assert_true(sm_num_parse(sm_str(text), true, &v));
    assert_true(v >= 15 && v <= 15);
}

static void doubles_are_written_shortest(void **state) {
    (void)state;
    check_format(39, "39", "39");
    check_format(5.4, "5.4", "5.4");
    check_format(-0.0, "0", "0");
    check_format(0.1 + 0.2, "0.30000000000000004", "0.30000000000000004");
    check_format(-123.456, "-123.456", "-123.456");
    check_format(1e15, "1000000000000000", "1000000000000000");
    check_format(1e20, "100000000000000000000", "100000000000000000000");
    check_format(1e21, "1e21", "1000000000000000000000");
    check_format(-2.5e-7, "-0.00000025", "-0.00000025");
    check_format(2.5e-8, "2.5e-8", "0.000000025");
    check_format(0.001, "0.001", "0.001");
}

static void not_finite_gives_nothing_and_extremes_fit(void **state) {
    (void)state;
    char out[400];
    assert_int_equal(sm_num_format((double)NAN, out), 0);
    assert_int_equal(sm_num_format((double)INFINITY, out), 0);
    assert_int_equal(sm_num_format_plain(-DBL_MAX, out), 310);
    assert_int_equal(sm_num_format_plain(-4.9e-324, out), 327);
    assert_true(sm_num_format_plain(-2.2250738585072011e-308, out) <= 400);
    assert_int_equal(sm_num_format(4.9e-324, out), 6);
    assert_memory_equal(out, "5e-324", 6);
}

static void integers_are_written_at_their_limits(void **state) {
    (void)state;
    char out[21];
    out[sm_num_format_u64(UINT64_MAX, out)] = '\0';
    assert_string_equal(out, "18446744073709551615");
    out[sm_num_format_i64(INT64_MIN, out)] = '\0';
    assert_string_equal(out, "-9223372036854775808");
    out[sm_num_format_u64(0, out)] = '\0';
    assert_string_equal(out, "0");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grammar_is_strict),
        cmocka_unit_test(conversion_is_correctly_rounded),
        cmocka_unit_test(digits_beyond_any_buffer_still_decide),
        cmocka_unit_test(leading_zeros_behind_the_point_balance_an_exponent),
        cmocka_unit_test(doubles_are_written_shortest),
        cmocka_unit_test(not_finite_gives_nothing_and_extremes_fit),
        cmocka_unit_test(integers_are_written_at_their_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
