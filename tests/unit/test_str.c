/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sdtmill/str.h"

static void no_value_is_not_the_empty_text(void **state) {
    (void)state;
    assert_false(sm_str_eq(sm_str(NULL), SM_STR("")));
    assert_true(sm_str_eq(sm_str(NULL), sm_str(NULL)));
    assert_true(sm_str_cmp(sm_str(NULL), SM_STR("")) < 0);
    assert_int_equal(sm_str_cmp(sm_str(NULL), sm_str(NULL)), 0);
    assert_true(sm_str_eq_c(SM_STR("ab"), "ab"));
    assert_true(sm_str_eq_nocase(SM_STR("aB"), SM_STR("Ab")));
    assert_false(sm_str_eq_nocase(SM_STR("aB"), SM_STR("Ac")));
}

static void order_is_bytes_then_length(void **state) {
    (void)state;
    assert_true(sm_str_cmp(SM_STR("a"), SM_STR("ab")) < 0);
    assert_true(sm_str_cmp(SM_STR("b"), SM_STR("ab")) > 0);
    assert_true(sm_str_cmp(SM_STR("\xC3"), SM_STR("z")) > 0);
    assert_int_equal(sm_str_cmp(SM_STR("ab"), SM_STR("ab")), 0);
}

static void trim_takes_blanks_off_both_ends(void **state) {
    (void)state;
    assert_true(sm_str_eq_c(sm_str_trim(SM_STR(" \t a b\r\n ")), "a b"));
    assert_int_equal(sm_str_trim(SM_STR(" \t ")).n, 0);
    struct sm_str wrapped = SM_STR("\xEF\xBB\xBF \xC2\xA0x\xE2\x80\x8F\xC2\xA0");
    assert_true(sm_str_eq_c(sm_str_trim_unicode(wrapped), "x"));
    assert_int_equal(sm_str_trim_unicode(SM_STR("\xC2\xA0\xC2\xA0")).n, 0);
    assert_int_equal(sm_str_trim(SM_STR("\xC2\xA0")).n, 2);
}

static void find_and_affixes(void **state) {
    (void)state;
    struct sm_str s = SM_STR("abcabc");
    assert_int_equal(sm_str_find(s, SM_STR("bc"), 0), 1);
    assert_int_equal(sm_str_find(s, SM_STR("bc"), 2), 4);
    assert_int_equal(sm_str_find(s, SM_STR("bd"), 0), SIZE_MAX);
    assert_int_equal(sm_str_find(s, SM_STR(""), 6), 6);
    assert_int_equal(sm_str_find(s, SM_STR("a"), 7), SIZE_MAX);
    assert_int_equal(sm_str_find_byte(s, 'c', 3), 5);
    assert_int_equal(sm_str_find_byte(s, 'x', 0), SIZE_MAX);
    assert_true(sm_str_starts(s, SM_STR("abca")));
    assert_false(sm_str_starts(SM_STR("ab"), s));
    assert_true(sm_str_ends(s, SM_STR("cabc")));
    assert_false(sm_str_ends(s, SM_STR("ab")));
}

static void split_gives_every_piece_once(void **state) {
    (void)state;
    struct sm_str rest = SM_STR("a||b|"), piece;
    static const char *const want[] = {"a", "", "b", ""};
    for (size_t i = 0; i < SM_ARRAY_LEN(want); i++) {
        assert_true(sm_str_split(&rest, '|', &piece));
        assert_true(sm_str_eq_c(piece, want[i]));
    }
    assert_false(sm_str_split(&rest, '|', &piece));
    rest = SM_STR("");
    assert_true(sm_str_split(&rest, '|', &piece));
    assert_false(sm_str_split(&rest, '|', &piece));
}

static void words_are_never_empty(void **state) {
    (void)state;
    struct sm_str rest = SM_STR("  ab \t\n c "), word;
    assert_true(sm_str_word(&rest, &word));
    assert_true(sm_str_eq_c(word, "ab"));
    assert_true(sm_str_word(&rest, &word));
    assert_true(sm_str_eq_c(word, "c"));
    assert_false(sm_str_word(&rest, &word));
}

static void integers_are_strict_and_exact_at_the_limits(void **state) {
    (void)state;
    uint64_t u = 7;
    int64_t i = 7;
    assert_true(sm_str_to_u64(SM_STR("18446744073709551615"), &u));
    assert_true(u == UINT64_MAX);
    assert_false(sm_str_to_u64(SM_STR("18446744073709551616"), &u));
    assert_false(sm_str_to_u64(SM_STR(""), &u));
    assert_false(sm_str_to_u64(SM_STR("1 "), &u));
    assert_false(sm_str_to_u64(SM_STR("+1"), &u));
    assert_true(sm_str_to_i64(SM_STR("-9223372036854775808"), &i));
    assert_true(i == INT64_MIN);
    assert_true(sm_str_to_i64(SM_STR("9223372036854775807"), &i));
    assert_true(i == INT64_MAX);
    assert_false(sm_str_to_i64(SM_STR("9223372036854775808"), &i));
    assert_false(sm_str_to_i64(SM_STR("-"), &i));
}

static void distance_counts_swaps_as_one_and_stops_at_the_cap(void **state) {
    (void)state;
    assert_int_equal(sm_str_distance(SM_STR("threads"), SM_STR("thraeds"), 5), 1);
    assert_int_equal(sm_str_distance(SM_STR("kitten"), SM_STR("sitting"), 5), 3);
    assert_int_equal(sm_str_distance(SM_STR("FORCE"), SM_STR("force"), 5), 0);
    assert_int_equal(sm_str_distance(SM_STR("abc"), SM_STR(""), 5), 3);
    assert_int_equal(sm_str_distance(SM_STR("abcdef"), SM_STR("uvwxyz"), 2), 3);
    assert_int_equal(sm_str_distance(SM_STR("ca"), SM_STR("abc"), 5), 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_value_is_not_the_empty_text),
        cmocka_unit_test(order_is_bytes_then_length),
        cmocka_unit_test(trim_takes_blanks_off_both_ends),
        cmocka_unit_test(find_and_affixes),
        cmocka_unit_test(split_gives_every_piece_once),
        cmocka_unit_test(words_are_never_empty),
        cmocka_unit_test(integers_are_strict_and_exact_at_the_limits),
        cmocka_unit_test(distance_counts_swaps_as_one_and_stops_at_the_cap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
