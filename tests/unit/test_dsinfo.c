/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sdtmill/dsinfo.h"

/* The facts about one column of texts. */
static struct sm_dsvar facts(const char *const *value, uint32_t n, bool is_num, bool is_dtc, bool widths) {
    struct sm_texts *texts = NULL;
    struct sm_intern *in = NULL;
    struct sm_dsvar var = {.name = SM_STR("X"), .is_num = is_num, .is_dtc = is_dtc};
    static const uint32_t column[] = {1};
    struct sm_dsinfo d = {.var = &var, .nvar = 1, .column = column, .block_ncol = 2};
    sm_val cell[64] = {0};
    sm_pos pos[32] = {0};
    assert_int_equal(sm_texts_open(&texts, NULL), SM_OK);
    assert_int_equal(sm_intern_open(&in, texts, NULL), SM_OK);
    for (uint32_t i = 0; i < n; i++) {
        sm_val v = sm_val_make(in, sm_str(value[i]));
        cell[i * 2 + 1] = is_dtc ? sm_val_as_dtc(texts, v) : v;
    }
    struct sm_block first = {cell, pos, 1, 2}, rest = {cell + 2, pos + 1, n - 1, 2};
    sm_dsinfo_fold(&d, texts, &first, widths);
    sm_dsinfo_fold(&d, texts, &rest, widths);
    assert_int_equal(d.rows, n);
    sm_intern_close(in);
    sm_texts_close(texts);
    return var;
}

static void widths_are_those_of_the_longest_text(void **state) {
    (void)state;
    static const char *const v[] = {"ab", "", "abcdefghijk", "\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9"};
    struct sm_dsvar f = facts(v, SM_ARRAY_LEN(v), false, false, true);
    assert_int_equal(f.present, 3);
    assert_int_equal(f.max_bytes, 14);
    assert_int_equal(f.max_chars, 11);
    assert_false(f.all_ascii);
}

static void numbers_have_digits_before_and_after_the_point(void **state) {
    (void)state;
    static const char *const v[] = {"1", "-12.5", "0.125", ""};
    struct sm_dsvar f = facts(v, SM_ARRAY_LEN(v), true, false, true);
    assert_int_equal(f.int_digits, 3);
    assert_int_equal(f.decimals, 3);
    assert_false(f.all_integer);
    assert_true(f.all_ascii);
    static const char *const whole[] = {"1", "-12", "7.0"};
    assert_true(facts(whole, SM_ARRAY_LEN(whole), true, false, true).all_integer);
}

static void date_shapes_are_collected(void **state) {
    (void)state;
    static const struct { const char *text; uint8_t shape; } t[] = {
        {"2014-03-05", SM_SHAPE_DATE},          {"2014-03", SM_SHAPE_PARTIAL_DATE},
        {"2014", SM_SHAPE_PARTIAL_DATE},        {"2014-03-05T10:30:15", SM_SHAPE_DATETIME_FULL},
        {"2014-03-05T10:30", SM_SHAPE_DATETIME_SHORT}, {"2014-03-05T10", SM_SHAPE_DATETIME_SHORT},
        {"2014---05", SM_SHAPE_GAP},            {"--03-05", SM_SHAPE_GAP},
        {"2014-03-05T-:30", SM_SHAPE_GAP},      {"10:30", SM_SHAPE_TIME},
        {"10:30:59", SM_SHAPE_TIME},            {"P3D", SM_SHAPE_DURATION},
        {"PT5M", SM_SHAPE_DURATION},            {"yesterday", SM_SHAPE_OTHER},
        {"2014-03-05T10:30:15.5", SM_SHAPE_DATETIME_FULL}};
    for (size_t i = 0; i < SM_ARRAY_LEN(t); i++) {
        const char *const v[] = {t[i].text, ""};
        struct sm_dsvar f = facts(v, 2, false, true, true);
        if (f.date_shapes != t[i].shape) fail_msg("%s: %d", t[i].text, f.date_shapes);
    }
}

static void without_widths_only_presence_is_counted(void **state) {
    (void)state;
    static const char *const v[] = {"abc", "", "d"};
    struct sm_dsvar f = facts(v, SM_ARRAY_LEN(v), false, false, false);
    assert_int_equal(f.present, 2);
    assert_int_equal(f.max_bytes, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(widths_are_those_of_the_longest_text),
        cmocka_unit_test(numbers_have_digits_before_and_after_the_point),
        cmocka_unit_test(date_shapes_are_collected),
        cmocka_unit_test(without_widths_only_presence_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
