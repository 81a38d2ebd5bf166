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
    assert_true(f.present);
    static const char *const none[] = {"", ""};
    assert_false(facts(none, 2, false, false, true).present);
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

static void without_widths_only_records_are_counted(void **state) {
    (void)state;
    static const char *const v[] = {"abc", "", "d"};
    struct sm_dsvar f = facts(v, SM_ARRAY_LEN(v), false, false, false);
    assert_false(f.present);
    assert_int_equal(f.max_bytes, 0);
}

enum { MERGE_ROWS = 60, MERGE_VARS = 3 };
static const uint32_t merge_column[MERGE_VARS] = {2, 0, 1};

static struct sm_dsinfo merge_info(struct sm_dsvar *var) {
    static const struct sm_dsvar kind[MERGE_VARS] = {{.is_num = true}, {.is_dtc = true}, {.coded = true}};
    memcpy(var, kind, sizeof kind);
    return (struct sm_dsinfo){.var = var, .nvar = MERGE_VARS, .column = merge_column, .block_ncol = MERGE_VARS};
}

static void assert_same_facts(const struct sm_dsinfo *a, const struct sm_dsinfo *b) {
    assert_int_equal(a->rows, b->rows);
    for (uint32_t i = 0; i < a->nvar; i++) {
        const struct sm_dsvar *x = &a->var[i], *y = &b->var[i];
        assert_int_equal(x->present, y->present);
        assert_int_equal(x->max_ascii, y->max_ascii);
        assert_int_equal(x->max_bytes, y->max_bytes);
        assert_int_equal(x->max_chars, y->max_chars);
        assert_int_equal(x->int_digits, y->int_digits);
        assert_int_equal(x->decimals, y->decimals);
        assert_int_equal(x->date_shapes, y->date_shapes);
        assert_true(x->all_integer == y->all_integer && x->all_ascii == y->all_ascii && x->all_number == y->all_number);
    }
}

/* The same records in parts of 1, 2, .. rows, added from the front or from the back. */
static void merge_parts(const struct sm_texts *t, const struct sm_block *b, bool widths, bool back, struct sm_dsinfo *all) {
    struct sm_dsvar var[MERGE_VARS];
    for (uint32_t from = 0, n = 0; from <= b->nrow; from += n++) {
        const uint32_t k = n < b->nrow - from ? n : b->nrow - from;
        const uint32_t at = back ? b->nrow - from - k : from;
        struct sm_dsinfo part = merge_info(var);
        struct sm_block cut = {b->cell + (size_t)at * b->ncol, b->pos + at, k, b->ncol};
        if (k) sm_dsinfo_fold(&part, t, &cut, widths);
        sm_dsinfo_merge(all, &part);
    }
}

static void parts_merged_in_any_order_are_the_whole(void **state) {
    (void)state;
    static const char *const text[] = {"", "1", "-12.50", "plain text", "\xC3\xA9t\xC3\xA9", "a \xE2\x84\xA2 of some length", "007.0"};
    static const char *const date[] = {"2014-03-05", "2014-03-05T10:00", "", "2014-03", "nothing of the kind", "--03-05"};
    struct sm_texts *texts = NULL;
    struct sm_intern *in = NULL;
    sm_val cell[MERGE_ROWS * MERGE_VARS];
    sm_pos pos[MERGE_ROWS] = {0};
    assert_int_equal(sm_texts_open(&texts, NULL), SM_OK);
    assert_int_equal(sm_intern_open(&in, texts, NULL), SM_OK);
    for (uint32_t i = 0; i < MERGE_ROWS; i++) {
        cell[i * 3] = sm_val_as_dtc(texts, sm_val_make(in, sm_str(date[i * 7 / 5 % SM_ARRAY_LEN(date)])));
        cell[i * 3 + 1] = sm_val_make(in, sm_str(text[i * 11 / 4 % SM_ARRAY_LEN(text)]));
        cell[i * 3 + 2] = sm_val_make(in, sm_str(text[i / 10]));
    }
    struct sm_block b = {cell, pos, MERGE_ROWS, MERGE_VARS};
    for (int k = 0; k < 4; k++) {
        struct sm_dsvar v1[MERGE_VARS], v2[MERGE_VARS];
        struct sm_dsinfo whole = merge_info(v1), all = merge_info(v2);
        sm_dsinfo_fold(&whole, texts, &b, k & 1);
        merge_parts(texts, &b, k & 1, k & 2, &all);
        assert_same_facts(&whole, &all);
    }
    sm_intern_close(in);
    sm_texts_close(texts);
}

static void of_facts_that_are_there_only_late_ones_change(void **state) {
    (void)state;
    struct sm_texts *texts = NULL;
    struct sm_intern *in = NULL;
    struct sm_dsvar var[MERGE_VARS];
    sm_val cell[2 * MERGE_VARS];
    sm_pos pos[2] = {0};
    assert_int_equal(sm_texts_open(&texts, NULL), SM_OK);
    assert_int_equal(sm_intern_open(&in, texts, NULL), SM_OK);
    for (uint32_t i = 0; i < 2 * MERGE_VARS; i++) cell[i] = sm_val_make(in, sm_str("123"));
    struct sm_dsinfo d = merge_info(var), part;
    const struct sm_block b = {cell, pos, 2, MERGE_VARS};
    d.ahead = true;
    d.rows = 4;
    var[0].late = true;
    var[2].max_bytes = 1;
    assert_int_equal(sm_dsinfo_part_open(&part, &d, NULL), SM_OK);
    for (uint32_t i = 0; i < 2; i++) sm_dsinfo_fold(&part, texts, &b, true);
    sm_dsinfo_merge(&d, &part);
    sm_dsinfo_part_close(&part);
    sm_dsinfo_part_close(&part);
    assert_int_equal(d.rows, 4);
    assert_true(var[0].present && var[0].max_bytes == 3 && var[0].int_digits == 3);
    assert_true(!var[2].present && var[2].max_bytes == 1);
    sm_intern_close(in);
    sm_texts_close(texts);
}

static void facts_by_value_can_be_folded_alone(void **state) {
    (void)state;
    struct sm_texts *texts = NULL;
    struct sm_intern *in = NULL;
    struct sm_arena arena = {0};
    struct sm_dsvar var[MERGE_VARS];
    sm_val cell[4 * MERGE_VARS] = {0};
    sm_pos pos[4] = {0};
    assert_int_equal(sm_texts_open(&texts, NULL), SM_OK);
    assert_int_equal(sm_intern_open(&in, texts, NULL), SM_OK);
    for (uint32_t i = 0; i < 4; i++) cell[i * MERGE_VARS + 1] = sm_val_make(in, sm_str(i % 2 ? "A" : "B"));
    struct sm_dsinfo d = merge_info(var);
    struct sm_block b = {cell, pos, 4, MERGE_VARS};
    sm_dsinfo_fold_values(&d, texts, &b);
    assert_int_equal(sm_dsinfo_by_value(&d, &arena, NULL), SM_OK);
    sm_dsinfo_fold_values(&d, texts, &b);
    assert_int_equal(d.rows, 0);
    assert_false(d.var[2].present);
    assert_int_equal(d.values->set[2].n, 2);
    assert_true(d.values->set[2].value[0] == cell[1] && d.values->set[2].value[1] == cell[MERGE_VARS + 1]);
    sm_arena_free(&arena);
    sm_intern_close(in);
    sm_texts_close(texts);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(widths_are_those_of_the_longest_text),
        cmocka_unit_test(numbers_have_digits_before_and_after_the_point),
        cmocka_unit_test(date_shapes_are_collected),
        cmocka_unit_test(without_widths_only_records_are_counted),
        cmocka_unit_test(parts_merged_in_any_order_are_the_whole),
        cmocka_unit_test(of_facts_that_are_there_only_late_ones_change),
        cmocka_unit_test(facts_by_value_can_be_folded_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
