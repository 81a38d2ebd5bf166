/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sdtmill/num.h"

/* NULL offset or factor: none. NULL want: refused. */
static void check_convert(const char *x, const char *offset, const char *factor, int digits,
                          enum sm_round how, const char *want) {
    char out[300] = "";
    size_t n = 0;
    struct sm_dec *o = offset ? sm_dec_parse(sm_str(offset)) : NULL;
    struct sm_dec *f = factor ? sm_dec_parse(sm_str(factor)) : NULL;
    assert_true(!offset || o);
    assert_true(!factor || f);
    bool ok = sm_dec_convert(sm_str(x), o, f, digits, how, out, sizeof out - 1, &n);
    sm_dec_free(o);
    sm_dec_free(f);
    assert_int_equal(ok, want != NULL);
    if (ok) assert_string_equal((out[n] = '\0', out), want);
}

static void units_convert_exactly(void **state) {
    (void)state;
    check_convert("39", NULL, NULL, -1, SM_ROUND_HALF_UP, "39");
    check_convert("102.2", "-32", "5/9", 2, SM_ROUND_HALF_UP, "39");
    check_convert("102.2", "-32", "5/9", -1, SM_ROUND_HALF_UP, "39");
    check_convert("98.6", "-32", "5/9", -1, SM_ROUND_HALF_UP, "37");
    check_convert("100", "-32", "5/9", 2, SM_ROUND_HALF_UP, "37.78");
    check_convert("100", "-32", "5/9", -1, SM_ROUND_HALF_UP, NULL);
    check_convert("39", "160/9", "9/5", -1, SM_ROUND_HALF_UP, "102.2");
    check_convert("70", NULL, "2.54", 1, SM_ROUND_HALF_UP, "177.8");
    check_convert("180.00", NULL, "0.45359237", -1, SM_ROUND_HALF_UP, "81.6466266");
    check_convert("0", NULL, "5/9", 200, SM_ROUND_HALF_UP, "0");
    check_convert("-0", "0", NULL, 3, SM_ROUND_HALF_UP, "0");
}

static void large_numbers_take_the_same_rules(void **state) {
    (void)state;
    check_convert("123456789012345678901234567890", NULL, "10", -1, SM_ROUND_HALF_UP,
                  "1234567890123456789012345678900");
    check_convert("0.0000000000000000000000000000015", NULL, NULL, 30, SM_ROUND_HALF_EVEN,
                  "0.000000000000000000000000000002");
    check_convert("0.0000000000000000000000000000025", NULL, NULL, 30, SM_ROUND_HALF_EVEN,
                  "0.000000000000000000000000000002");
    check_convert("1", NULL, "1/3", 50, SM_ROUND_HALF_UP,
                  "0.33333333333333333333333333333333333333333333333333");
    check_convert("-2", NULL, "1/3", 25, SM_ROUND_HALF_UP, "-0.6666666666666666666666667");
    check_convert("1", NULL, "1/1267650600228229401496703205376", -1, SM_ROUND_HALF_UP,
                  "0.0000000000000000000000000000007888609052210118054117285652827862296732064351"
                  "090230047702789306640625");
}

static void rounding_modes_differ_on_ties_and_sign(void **state) {
    (void)state;
    check_convert("2.5", NULL, NULL, 0, SM_ROUND_HALF_UP, "3");
    check_convert("2.5", NULL, NULL, 0, SM_ROUND_HALF_EVEN, "2");
    check_convert("-2.5", NULL, NULL, 0, SM_ROUND_HALF_UP, "-3");
    check_convert("-3.5", NULL, NULL, 0, SM_ROUND_HALF_EVEN, "-4");
    check_convert("-2.9", NULL, NULL, 0, SM_ROUND_DOWN, "-2");
    check_convert("-0.4", NULL, NULL, 0, SM_ROUND_HALF_UP, "0");
    check_convert("1.005", NULL, NULL, 2, SM_ROUND_HALF_UP, "1.01");
}

static void bad_input_and_short_room_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"", "x", "1/0", "1/", "/2", "1/2/3", "1e5", "5.", "1/0.00"};
    char out[300], many[202];
    size_t n = 77;
    int c;
    for (size_t i = 0; i < SM_ARRAY_LEN(bad); i++) assert_null(sm_dec_parse(sm_str(bad[i])));
    check_convert("<5", NULL, NULL, 1, SM_ROUND_HALF_UP, NULL);
    assert_false(sm_dec_convert(SM_STR("123"), NULL, NULL, 0, SM_ROUND_DOWN, out, 2, &n));
    assert_int_equal(n, 77);
    memset(many, '9', sizeof many);
    assert_null(sm_dec_parse(sm_str_n(many, 201)));
    assert_false(sm_dec_round(sm_str_n(many, 201), 0, SM_ROUND_DOWN, out, sizeof out, &n));
    assert_true(sm_dec_round(sm_str_n(many, 200), -1, SM_ROUND_HALF_UP, out, sizeof out, &n));
    assert_int_equal(n, 201);
    assert_false(sm_dec_cmp(SM_STR("1"), SM_STR(""), &c));
}

static void check_arith(char op, const char *a, const char *b, const char *want) {
    char out[500];
    size_t n = 0;
    bool ok = sm_dec_arith(op, sm_str(a), sm_str(b), out, sizeof out - 1, &n);
    assert_int_equal(ok, want != NULL);
    if (ok) assert_string_equal((out[n] = '\0', out), want);
}

static void arithmetic_is_exact(void **state) {
    (void)state;
    check_arith('+', "0.1", "0.2", "0.3");
    check_arith('-', "1", "1.00", "0");
    check_arith('-', "0.1", "0.25", "-0.15");
    check_arith('*', "1.10", "-1.1", "-1.21");
    check_arith('*', "999999999999999999", "999999999999999999",
                "999999999999999998000000000000000001");
    check_arith('/', "1", "3", "0.33333333333333333333");
    check_arith('/', "-1", "-8", "0.125");
    check_arith('/', "2", "-3", "-0.66666666666666666667");
    check_arith('%', "7.5", "2", "1.5");
    check_arith('%', "-7.5", "2", "-1.5");
    check_arith('%', "7.5", "-2", "1.5");
    check_arith('+', "99999999999999999999", "0.00000000000000000001",
                "99999999999999999999.00000000000000000001");
    check_arith('-', "100000000000000000000", "1", "99999999999999999999");
    check_arith('%', "-100000000000000000001", "10", "-1");
    check_arith('/', "100000000000000000000", "8", "12500000000000000000");
    check_arith('/', "1", "0.0", NULL);
    check_arith('%', "1", "-0", NULL);
    check_arith('^', "1", "1", NULL);
    check_arith('+', "1", "x", NULL);
}

static void check_round(const char *a, int digits, enum sm_round how, const char *want) {
    char out[300];
    size_t n = 0;
    assert_true(sm_dec_round(sm_str(a), digits, how, out, sizeof out - 1, &n));
    assert_string_equal((out[n] = '\0', out), want);
}

static void round_works_on_both_sides_of_the_point(void **state) {
    (void)state;
    check_round("1.005", 2, SM_ROUND_HALF_UP, "1.01");
    check_round("1.005", 2, SM_ROUND_HALF_EVEN, "1");
    check_round("1.0050001", 2, SM_ROUND_HALF_EVEN, "1.01");
    check_round("9.995", 2, SM_ROUND_HALF_UP, "10");
    check_round("999.5", 0, SM_ROUND_HALF_UP, "1000");
    check_round("150", -2, SM_ROUND_HALF_UP, "200");
    check_round("250", -2, SM_ROUND_HALF_EVEN, "200");
    check_round("50", -2, SM_ROUND_HALF_UP, "100");
    check_round("50", -2, SM_ROUND_HALF_EVEN, "0");
    check_round("50", -3, SM_ROUND_HALF_UP, "0");
    check_round("-0.04", 1, SM_ROUND_HALF_UP, "0");
    check_round("0.5", 0, SM_ROUND_HALF_EVEN, "0");
    check_round("0.05", 1, SM_ROUND_HALF_UP, "0.1");
    check_round("1.5", 5, SM_ROUND_DOWN, "1.5");
    check_round("1234", INT32_MIN, SM_ROUND_HALF_UP, "0");
    check_round("1234", INT32_MAX, SM_ROUND_HALF_UP, "1234");
}

static void comparison_ignores_form_not_value(void **state) {
    (void)state;
    static const char *const rising[] = {"-100", "-99.5", "-1.01", "-1",  "-0.001", "0",
                                         "0.01", "0.1",   "1",     "1.5", "10",     "10.05"};
    int c = 9;
    for (size_t i = 0; i < SM_ARRAY_LEN(rising); i++)
        for (size_t k = 0; k < SM_ARRAY_LEN(rising); k++) {
            assert_true(sm_dec_cmp(sm_str(rising[i]), sm_str(rising[k]), &c));
            assert_int_equal(c, (i > k) - (i < k));
        }
    assert_true(sm_dec_cmp(SM_STR("+01.50"), SM_STR("1.5"), &c));
    assert_int_equal(c, 0);
    assert_true(sm_dec_cmp(SM_STR("-0"), SM_STR("0.00"), &c));
    assert_int_equal(c, 0);
}

static void canonical_form_is_one(void **state) {
    (void)state;
    static const char *const cases[][2] = {{"+007.500", "7.5"}, {"-0.00", "0"}, {".5", "0.5"},
                                           {"-.50", "-0.5"},    {"100", "100"}, {"000", "0"}};
    char out[20];
    size_t n;
    for (size_t i = 0; i < SM_ARRAY_LEN(cases); i++) {
        assert_true(sm_dec_canonical(sm_str(cases[i][0]), out, sizeof out - 1, &n));
        out[n] = '\0';
        assert_string_equal(out, cases[i][1]);
    }
    assert_false(sm_dec_canonical(SM_STR("1e5"), out, sizeof out, &n));
    assert_false(sm_dec_canonical(SM_STR("1."), out, sizeof out, &n));
    assert_false(sm_dec_canonical(SM_STR("-12"), out, 2, &n));
    assert_true(sm_dec_canonical(SM_STR("-12"), out, 3, &n));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(units_convert_exactly),
        cmocka_unit_test(large_numbers_take_the_same_rules),
        cmocka_unit_test(rounding_modes_differ_on_ties_and_sign),
        cmocka_unit_test(bad_input_and_short_room_are_refused),
        cmocka_unit_test(arithmetic_is_exact),
        cmocka_unit_test(round_works_on_both_sides_of_the_point),
        cmocka_unit_test(comparison_ignores_form_not_value),
        cmocka_unit_test(canonical_form_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
