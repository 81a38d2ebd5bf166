/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sdtmill/err.h"
#include "sdtmill/lut.h"

static struct sm_texts *texts;
static struct sm_intern *in;
static struct sm_lut *lut;
static struct sm_err err;

static int setup(void **state) {
    (void)state;
    sm_err_reset(&err);
    lut = NULL;
    if (sm_texts_open(&texts, &err) != SM_OK) return -1;
    return sm_intern_open(&in, texts, &err);
}

static int teardown(void **state) {
    (void)state;
    sm_lut_close(lut);
    sm_intern_close(in);
    sm_texts_close(texts);
    return 0;
}

static sm_val make(const char *s) {
    return sm_val_make(in, sm_str(s));
}

static bool add(const char *a, const char *b, const char *v) {
    sm_val key[2] = {make(a), make(b)}, val = make(v), *old;
    assert_int_equal(sm_lut_add(lut, key, &val, &old, &err), SM_OK);
    return old == NULL;
}

static sm_val find(const char *a, const char *b) {
    sm_val key[2] = {make(a), make(b)};
    const sm_val *row = sm_lut_find(lut, key);
    return row ? row[0] : SM_MISSING;
}

static void many_pairs_are_found_in_their_order(void **state) {
    (void)state;
    char a[40], b[40];
    assert_int_equal(sm_lut_open(&lut, texts, 2, 1, false, &err), SM_OK);
    for (int i = 0; i < 3000; i++) {
        snprintf(a, sizeof a, "key part %d", i);
        snprintf(b, sizeof b, "%d", i % 7);
        assert_true(add(a, b, b));
        assert_false(add(a, b, "other"));
    }
    assert_int_equal(sm_lut_count(lut), 3000);
    for (int i = 0; i < 3000; i++) {
        snprintf(a, sizeof a, "key part %d", i);
        snprintf(b, sizeof b, "%d", i % 7);
        assert_true(find(a, b) == make(b));
        assert_true(sm_lut_key_at(lut, (size_t)i)[0] == make(a));
    }
    assert_true(find("key part 1", "2") == SM_MISSING);
    assert_true(find("1", "key part 1") == SM_MISSING);
}

static void case_counts_unless_it_is_ignored(void **state) {
    (void)state;
    assert_int_equal(sm_lut_open(&lut, texts, 2, 1, false, &err), SM_OK);
    add("Week 1", "x", "1");
    assert_true(find("WEEK 1", "x") == SM_MISSING);
    sm_lut_close(lut);
    assert_int_equal(sm_lut_open(&lut, texts, 2, 1, true, &err), SM_OK);
    add("M\xC3\xA4nnlich visit", "x", "1");
    assert_true(find("M\xC3\x84NNLICH VISIT", "X") == make("1"));
    assert_true(find("M\xC3\x84NNLICH VISI", "X") == SM_MISSING);
}

static void packed_date_finds_its_text(void **state) {
    (void)state;
    assert_int_equal(sm_lut_open(&lut, texts, 1, 1, false, &err), SM_OK);
    sm_val key = make("2014-03-05"), val = make("x"), *old;
    assert_int_equal(sm_lut_add(lut, &key, &val, &old, &err), SM_OK);
    sm_val packed = sm_val_as_dtc(texts, key);
    assert_true(packed != key);
    assert_non_null(sm_lut_find(lut, &packed));
}

static void value_row_of_a_known_key_can_be_changed(void **state) {
    (void)state;
    assert_int_equal(sm_lut_open(&lut, texts, 1, 1, false, &err), SM_OK);
    sm_val key = make("k"), val = make("1"), *old;
    assert_int_equal(sm_lut_add(lut, &key, &val, &old, &err), SM_OK);
    assert_null(old);
    assert_int_equal(sm_lut_add(lut, &key, &val, &old, &err), SM_OK);
    *old = make("2");
    assert_true(sm_lut_find(lut, &key)[0] == make("2"));
}

static void keys_without_values_are_a_set(void **state) {
    (void)state;
    assert_int_equal(sm_lut_open(&lut, texts, 1, 0, false, &err), SM_OK);
    sm_val key = make("a longer key"), other = make("other"), *old;
    assert_int_equal(sm_lut_add(lut, &key, NULL, &old, &err), SM_OK);
    assert_null(old);
    assert_int_equal(sm_lut_add(lut, &key, NULL, &old, &err), SM_OK);
    assert_non_null(old);
    assert_non_null(sm_lut_find(lut, &key));
    assert_null(sm_lut_find(lut, &other));
}

static void check_take(enum sm_take how, const char *want) {
    static const char *const values[] = {"10", "", "9", "0.25", "9.0"};
    sm_val v = SM_MISSING;
    for (size_t i = 0; i < SM_ARRAY_LEN(values); i++)
        sm_take_combine(how, &v, make(values[i]), in);
    assert_true(v == make(want));
}

static void each_take_combines_its_way(void **state) {
    (void)state;
    check_take(SM_TAKE_FIRST, "10");
    check_take(SM_TAKE_ONLY, "10");
    check_take(SM_TAKE_LAST, "9.0");
    check_take(SM_TAKE_MIN, "0.25");
    check_take(SM_TAKE_MAX, "10");
    check_take(SM_TAKE_SUM, "28.25");
    check_take(SM_TAKE_COUNT, "4");
}

static void texts_and_dates_are_taken_as_texts(void **state) {
    (void)state;
    sm_val v = SM_MISSING;
    sm_take_combine(SM_TAKE_MIN, &v, make("beta"), in);
    sm_take_combine(SM_TAKE_MIN, &v, make("alpha is first"), in);
    assert_true(v == make("alpha is first"));
    v = SM_MISSING;
    sm_take_combine(SM_TAKE_MAX, &v, sm_val_as_dtc(texts, make("2014-03-05")), in);
    sm_take_combine(SM_TAKE_MAX, &v, sm_val_as_dtc(texts, make("2014-04")), in);
    sm_take_combine(SM_TAKE_MAX, &v, SM_MISSING, in);
    assert_true(sm_val_eq(texts, v, make("2014-04")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(many_pairs_are_found_in_their_order, setup, teardown),
        cmocka_unit_test_setup_teardown(case_counts_unless_it_is_ignored, setup, teardown),
        cmocka_unit_test_setup_teardown(packed_date_finds_its_text, setup, teardown),
        cmocka_unit_test_setup_teardown(value_row_of_a_known_key_can_be_changed, setup, teardown),
        cmocka_unit_test_setup_teardown(keys_without_values_are_a_set, setup, teardown),
        cmocka_unit_test_setup_teardown(each_take_combines_its_way, setup, teardown),
        cmocka_unit_test_setup_teardown(texts_and_dates_are_taken_as_texts, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
