/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "map_kit.h"

static struct kit kit;

static int open_kit(void **state) {
    (void)state;
    kit_open(&kit);
    return 0;
}
static int close_kit(void **state) {
    (void)state;
    kit_close(&kit);
    return 0;
}

static void each_row_gives_one_record_in_order(void **state) {
    (void)state;
    uint32_t term = kit_column(&kit, "TERM", SM_COL_TEXT), v = kit_var(&kit, "AETERM");
    kit_assign(&kit, v, term);
    KIT_ROW(&kit, "", "Nausea");
    KIT_ROW(&kit, "", "Vomiting all night");
    kit_run(&kit);
    assert_int_equal(kit.out.nrow, 2);
    assert_string_equal(kit_out(&kit, 0, v), "Nausea");
    assert_string_equal(kit_out(&kit, 1, v), "Vomiting all night");
    assert_int_equal(sm_pos_line(kit.out.pos[1]), 3);
    assert_int_equal(kit.batch.verdict[1].fate, SM_FATE_USED);
}

/* Conditions about one column are asked once for each of its first values, and of the others each time. */
static void conditions_tell_values_that_come_late(void **state) {
    (void)state;
    enum { EARLY = 255, ROWS = 1000, LATE = 500 };
    const uint32_t a = kit_column(&kit, "A", SM_COL_TEXT), x = kit_var(&kit, "AEX"), y = kit_var(&kit, "AEY");
    char text[16];
    kit_assign(&kit, x, a)->guard = kit_guard(&kit, "contains(A, '-')", false, NULL);
    kit_assign(&kit, y, a)->guard = kit_guard(&kit, "A = 'e7'", false, NULL);
    for (uint32_t i = 0; i < EARLY; i++) {
        (void)snprintf(text, sizeof text, "e%u", i);
        KIT_ROW(&kit, "", text);
    }
    kit_run(&kit);
    sm_recs_clear(&kit.out);
    kit.batch.nrow = 0;
    for (uint32_t i = 0; i < ROWS; i++)
        KIT_ROW(&kit, "", i == LATE || i == LATE + 2 ? "new-one" : i == LATE + 1 ? "other" : i % 2 ? "e7" : "e1");
    kit_run(&kit);
    assert_int_equal(kit.out.nrow, ROWS);
    for (uint32_t i = 0; i < ROWS; i++) {
        const bool late = i >= LATE && i <= LATE + 2;
        assert_string_equal(kit_out(&kit, i, x), late && i != LATE + 1 ? "new-one" : "");
        assert_string_equal(kit_out(&kit, i, y), !late && i % 2 ? "e7" : "");
    }
}

static void a_second_batch_is_appended(void **state) {
    (void)state;
    uint32_t term = kit_column(&kit, "TERM", SM_COL_TEXT), v = kit_var(&kit, "AETERM"),
             w = kit_var(&kit, "AELOC");
    kit_assign(&kit, v, term);
    kit_assign(&kit, w, term)->guard = kit_guard(&kit, "TERM = 'B'", false, NULL);
    KIT_ROW(&kit, "", "A");
    KIT_ROW(&kit, "", "B");
    kit_run(&kit);
    kit_run(&kit);
    assert_int_equal(kit.out.nrow, 4);
    assert_string_equal(kit_out(&kit, 2, v), "A");
    assert_string_equal(kit_out(&kit, 2, w), "");
    assert_string_equal(kit_out(&kit, 3, w), "B");
}

static void filtered_rows_say_which_rule_left_them_out(void **state) {
    (void)state;
    uint32_t term = kit_column(&kit, "TERM", SM_COL_TEXT), v = kit_var(&kit, "AETERM");
    kit_assign(&kit, v, term);
    kit.from.filter = kit_expr(&kit, "TERM != ''");
    kit.record[0].guard = kit_guard(&kit, "TERM = 'NO'", true, NULL);
    KIT_ROW(&kit, "", "");
    KIT_ROW(&kit, "", "NO");
    KIT_ROW(&kit, "", "YES");
    kit_run(&kit);
    assert_int_equal(kit.out.nrow, 1);
    assert_string_equal(kit_out(&kit, 0, v), "YES");
    assert_int_equal(kit.batch.verdict[0].fate, SM_FATE_FILTERED);
    assert_ptr_equal(kit.batch.verdict[0].where, &kit.from.where);
    assert_ptr_equal(kit.batch.verdict[1].where, &kit.record[0].guard->where);
    assert_int_equal(kit.batch.verdict[2].fate, SM_FATE_USED);
}

static void records_come_in_row_then_template_order_with_their_own_numbers(void **state) {
    (void)state;
    uint32_t a = kit_column(&kit, "SYS", SM_COL_TEXT), b = kit_column(&kit, "DIA", SM_COL_TEXT);
    uint32_t test = kit_var(&kit, "VSTESTCD"), res = kit_var(&kit, "VSORRES");
    kit.from.nrecord = 2;
    for (uint32_t t = 0; t < 2; t++) {
        kit_rule_in(&kit, t, SM_RULE_CONSTANT, test)->value = kit_val(&kit, t ? "DIABP" : "SYSBP");
        struct sm_rule *r = kit_rule_in(&kit, t, SM_RULE_ASSIGN, res);
        r->from = (struct sm_slot){SM_SLOT_COLUMN, t ? b : a};
    }
    kit.record[1].guard = kit_guard(&kit, "DIA != ''", false, NULL);
    KIT_ROW(&kit, "", "120", "80");
    KIT_ROW(&kit, "", "121", "");
    KIT_ROW(&kit, "", "122", "82");
    kit_run(&kit);
    static const char *const want[][2] = {
        {"SYSBP", "120"}, {"DIABP", "80"}, {"SYSBP", "121"}, {"SYSBP", "122"}, {"DIABP", "82"}};
    assert_int_equal(kit.out.nrow, 5);
    for (uint32_t i = 0; i < 5; i++) {
        assert_string_equal(kit_out(&kit, i, test), want[i][0]);
        assert_string_equal(kit_out(&kit, i, res), want[i][1]);
        if (i) assert_true(kit.out.pos[i] > kit.out.pos[i - 1]);
    }
    assert_int_equal(sm_pos_copy(kit.out.pos[1]), 1);
    assert_int_equal(sm_pos_line(kit.out.pos[4]), 4);
}

static void repeat_gives_a_record_for_each_filled_column(void **state) {
    (void)state;
    uint32_t c[2] = {kit_column(&kit, "Q1", SM_COL_TEXT), kit_column(&kit, "Q2", SM_COL_TEXT)};
    uint32_t test = kit_var(&kit, "QSTESTCD"), res = kit_var(&kit, "QSORRES");
    kit.from.nrecord = 2;
    for (uint32_t t = 0; t < 2; t++) {
        kit.record[t].repeat = c[t];
        kit.record[t].skip_empty = true;
        kit.record[t].param[1] = kit_val(&kit, t ? "Q2" : "Q1");
        kit_rule_in(&kit, t, SM_RULE_COMPUTE, test)->expr =
            kit_expr(&kit, "concat('BPI', $column)");
        kit_rule_in(&kit, t, SM_RULE_COMPUTE, res)->expr = kit_expr(&kit, "$value + 1");
    }
    KIT_ROW(&kit, "", "3", "");
    KIT_ROW(&kit, "", "", "");
    KIT_ROW(&kit, "", "", "7");
    kit_run(&kit);
    assert_int_equal(kit.out.nrow, 2);
    assert_string_equal(kit_out(&kit, 0, test), "BPIQ1");
    assert_string_equal(kit_out(&kit, 0, res), "4");
    assert_string_equal(kit_out(&kit, 1, test), "BPIQ2");
    assert_string_equal(kit_out(&kit, 1, res), "8");
    assert_int_equal(kit.batch.verdict[1].fate, SM_FATE_FILTERED);
    assert_ptr_equal(kit.batch.verdict[1].where, &kit.record[0].where);
}

static void unpivoted_rows_keep_records_apart_until_the_numbers_run_out(void **state) {
    (void)state;
    uint32_t term = kit_column(&kit, "TERM", SM_COL_TEXT), v = kit_var(&kit, "AETERM");
    kit_assign(&kit, v, term);
    kit.from.nrecord = 2;
    kit.record[1] = kit.record[0];
    KIT_ROW(&kit, "", "A");
    KIT_ROW(&kit, "", "B");
    kit.pos[1] = sm_pos_make(0, 2, 1);
    kit_run(&kit);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(sm_pos_copy(kit.out.pos[i]), i);
    kit.pos[1] = sm_pos_make(0, 2, 40000);
    struct sm_err err = {0};
    assert_int_equal(sm_map_batch(kit.worker, &kit.domain, &kit.from, &kit.source, &kit.file,
                                  &kit.batch, &kit.out, &err),
                     SM_ELIMIT);
}

static void two_froms_of_one_source_number_their_records_apart(void **state) {
    (void)state;
    uint32_t term = kit_column(&kit, "TERM", SM_COL_TEXT), v = kit_var(&kit, "AETERM");
    kit_assign(&kit, v, term);
    struct sm_from two[2] = {kit.from, kit.from};
    kit.domain.from = two;
    kit.domain.nfrom = 2;
    KIT_ROW(&kit, "", "A");
    kit_worker(&kit);
    for (uint32_t i = 0; i < 2; i++)
        assert_int_equal(sm_map_batch(kit.worker, &kit.domain, &two[i], &kit.source, &kit.file,
                                      &kit.batch, &kit.out, NULL),
                         SM_OK);
    assert_int_equal(sm_pos_copy(kit.out.pos[0]), 0);
    assert_int_equal(sm_pos_copy(kit.out.pos[1]), 1);
}

static void exclusive_branches_give_each_record_one_value(void **state) {
    (void)state;
    uint32_t on = kit_column(&kit, "ONGOING", SM_COL_TEXT),
             g = kit_column(&kit, "GRADE", SM_COL_TEXT), v = kit_var(&kit, "AEENRF");
    (void)on, (void)g;
    const struct sm_guard *yes = kit_guard(&kit, "ONGOING = 'Y'", false, NULL);
    const struct sm_guard *no = kit_guard(&kit, "ONGOING = 'Y'", true, NULL);
    const struct sm_guard *deep = kit_guard(&kit, "GRADE = '5'", false, no);
    struct sm_rule *r = kit_rule(&kit, SM_RULE_CONSTANT, v);
    r->value = kit_val(&kit, "ONGOING");
    r->guard = yes;
    r = kit_rule(&kit, SM_RULE_CONSTANT, v);
    r->value = kit_val(&kit, "FATAL");
    r->guard = deep;
    KIT_ROW(&kit, "", "Y", "5");
    KIT_ROW(&kit, "", "N", "5");
    KIT_ROW(&kit, "", "N", "1");
    kit_run(&kit);
    assert_string_equal(kit_out(&kit, 0, v), "ONGOING");
    assert_string_equal(kit_out(&kit, 1, v), "FATAL");
    assert_string_equal(kit_out(&kit, 2, v), "");
}

static void a_text_that_waits_becomes_a_value_only_where_a_rule_asks(void **state) {
    (void)state;
    static const char bytes[] = "first comment, second comment";
    uint32_t result = kit_column(&kit, "RESULT", SM_COL_TEXT),
             comment = kit_column(&kit, "COMMENT", SM_COL_TEXT), v = kit_var(&kit, "LBREASND"),
             o = kit_var(&kit, "LBORRES");
    kit_assign(&kit, o, result);
    kit_assign(&kit, v, comment)->guard = kit_guard(&kit, "RESULT = 'ND'", false, NULL);
    KIT_ROW(&kit, "", "ND", "");
    KIT_ROW(&kit, "", "1.5", "");
    KIT_ROW(&kit, "", "ND", "short");
    KIT_ROW(&kit, "", "ND", "");
    kit_worker(&kit);
    kit.batch.late = sm_map_late(kit.worker, &kit.domain, &kit.from);
    assert_non_null(kit.batch.late);
    assert_int_equal(kit.batch.late[result], 0);
    assert_int_equal(kit.batch.late[comment], 1);
    static char more[] = "cleaned comment";
    kit.batch.bytes = sm_str(bytes);
    kit.batch.more = more;
    kit.batch.col[comment][0] = sm_val_make_late(0, 13);
    kit.batch.col[comment][1] = sm_val_make_late(15, 14);
    kit.batch.col[comment][3] = sm_val_make_late(sizeof bytes - 1, sizeof more - 1);
    kit_run(&kit);
    assert_string_equal(kit_out(&kit, 0, v), "first comment");
    assert_string_equal(kit_out(&kit, 1, v), "");
    assert_string_equal(kit_out(&kit, 2, v), "short");
    assert_string_equal(kit_out(&kit, 3, v), "cleaned comment");
    assert_true(sm_val_is_late(kit.batch.col[comment][1]));
    kit.batch.late = NULL;
}

static void unknown_subject_names_the_raw_id_and_drops_the_row(void **state) {
    (void)state;
    uint32_t id = kit_column(&kit, "PATNR", SM_COL_TEXT), v = kit_var(&kit, "AETERM");
    kit_assign(&kit, v, id);
    kit_subject(&kit, "concat('S-', PATNR)");
    kit.subjects = kit_lut(&kit, 1, 0);
    KIT_LUT_ROW(&kit, kit.subjects, "S-1");
    kit.rt.subjects = kit.subjects;
    KIT_ROW(&kit, "S-1", "1");
    KIT_ROW(&kit, "S-9", "9");
    KIT_ROW(&kit, "S-1", "1");
    kit_run(&kit);
    assert_int_equal(kit.out.nrow, 2);
    assert_int_equal(kit.batch.verdict[1].fate, SM_FATE_REJECTED);
    assert_int_equal(kit.batch.verdict[1].code, SM_D_UNKNOWN_SUBJECT);
    assert_int_equal(kit.batch.diags.n, 1);
    const struct sm_diag *d = kit_diag(&kit, 0);
    kit_is(d->column, "patnr");
    kit_is(d->value, "9");
    kit_is(d->subject, "S-9");
    kit_is(d->file, "US01/ae.csv");
    assert_int_equal(d->line, 3);
    assert_int_equal(d->effect, SM_EFFECT_DROPPED);
}

static void reported_unknown_subject_keeps_its_row(void **state) {
    (void)state;
    uint32_t id = kit_column(&kit, "PATNR", SM_COL_TEXT), v = kit_var(&kit, "AETERM");
    kit_assign(&kit, v, id);
    kit_subject(&kit, "PATNR");
    kit.subjects = kit_lut(&kit, 1, 0);
    kit.rt.subjects = kit.subjects;
    kit.spec.unknown_subject = SM_SUBJECT_REPORT;
    KIT_ROW(&kit, "9", "9");
    kit_run(&kit);
    assert_int_equal(kit.out.nrow, 1);
    assert_int_equal(kit_diag(&kit, 0)->effect, SM_EFFECT_KEPT);
    kit.spec.unknown_subject = SM_SUBJECT_KEEP;
    kit_run(&kit);
    assert_int_equal(kit.batch.diags.n, 1);
}

static void finished_records_are_rows_of_another_domain(void **state) {
    (void)state;
    uint32_t usubjid = kit_var(&kit, "USUBJID"), day = kit_num(&kit, "DSSTDY");
    const struct sm_var of_dm[] = {{.name = SM_STR("USUBJID")}, {.name = SM_STR("DMDY")}};
    struct sm_domain dm = {.name = SM_STR("DM"), .var = of_dm, .nvar = 2, .usubjid = 0};
    kit.source.usubjid = NULL;
    kit_column(&kit, "ID", SM_COL_TEXT);
    kit_column(&kit, "BAD", SM_COL_TEXT);
    kit.from.source = SM_NO;
    kit.from.domain = 0;
    kit_compute(&kit, usubjid, "ID");
    kit_compute(&kit, day, "BAD");
    sm_val cell[] = {kit_val(&kit, "S-1"), kit_val(&kit, "1"), kit_val(&kit, "S-2"),
                     kit_val(&kit, "x")};
    sm_pos pos[] = {sm_pos_make(0, 7, 0), sm_pos_make(1, 9, 2)};
    struct sm_block block = {cell, pos, 2, 2};
    struct sm_str names[] = {SM_STR("a.csv"), SM_STR("b.csv")};
    kit.rt.file = names;
    kit.rt.nfile = 2;
    kit_worker(&kit);
    assert_int_equal(sm_map_block(kit.worker, &kit.domain, &kit.from, &dm, &block, &kit.out,
                                  &kit.batch.diags, NULL),
                     SM_OK);
    assert_int_equal(kit.out.nrow, 2);
    assert_string_equal(kit_out(&kit, 1, usubjid), "S-2");
    assert_string_equal(kit_out(&kit, 0, day), "1");
    assert_string_equal(kit_out(&kit, 1, day), "");
    assert_int_equal(kit.out.pos[1], pos[1]);
    const struct sm_diag *d = kit_diag(&kit, 0);
    kit_is(d->file, "b.csv");
    kit_is(d->subject, "S-2");
    assert_int_equal(d->line, 9);
    assert_int_equal(d->field, 0);
}

static void lookup_rows_without_a_value_are_left_out(void **state) {
    (void)state;
    kit_column(&kit, "ID", SM_COL_TEXT);
    kit_column(&kit, "DAT", SM_COL_DATE);
    kit_column(&kit, "KIND", SM_COL_TEXT);
    const struct sm_expr *key[] = {kit_expr(&kit, "ID")};
    struct sm_lookup_from from = {.source = 0,
                                  .key = key,
                                  .value = kit_expr(&kit, "DAT"),
                                  .where = kit_expr(&kit, "KIND = 'X'")};
    struct sm_lookup l = {
        .name = SM_STR("first"), .take = SM_TAKE_MIN, .nkey = 1, .from = &from, .nfrom = 1};
    KIT_ROW(&kit, "", "1", "2014-03-01", "X");
    KIT_ROW(&kit, "", "2", "", "X");
    KIT_ROW(&kit, "", "3", "2014-03-02", "Y");
    KIT_ROW(&kit, "", "4", "2014-03-03", "X");
    kit_worker(&kit);
    assert_int_equal(
        sm_map_lookup(kit.worker, &l, &from, &kit.source, &kit.file, &kit.batch, &kit.out, NULL),
        SM_OK);
    assert_int_equal(kit.out.nrow, 2);
    assert_int_equal(kit.out.ncol, 2);
    assert_string_equal(kit_out(&kit, 1, 0), "4");
    assert_string_equal(kit_out(&kit, 1, 1), "2014-03-03");
    assert_int_equal(kit.batch.verdict[0].fate, SM_FATE_USED);
    assert_int_equal(kit.batch.verdict[1].fate, SM_FATE_FILTERED);
    struct sm_lookup_from all = {.source = 0, .key = key};
    l.take = SM_TAKE_COUNT;
    assert_int_equal(
        sm_map_lookup(kit.worker, &l, &all, &kit.source, &kit.file, &kit.batch, &kit.out, NULL),
        SM_OK);
    assert_int_equal(kit.out.nrow, 6);
    assert_string_equal(kit_out(&kit, 3, 1), "1");
}

static void lookup_leaves_unknown_subjects_out_in_silence(void **state) {
    (void)state;
    kit_column(&kit, "ID", SM_COL_TEXT);
    kit_subject(&kit, "ID");
    kit.subjects = kit_lut(&kit, 1, 0);
    KIT_LUT_ROW(&kit, kit.subjects, "1");
    kit.rt.subjects = kit.subjects;
    const struct sm_expr *key[] = {kit_expr(&kit, "ID")};
    struct sm_lookup_from from = {.source = 0, .key = key, .value = key[0]};
    struct sm_lookup l = {.name = SM_STR("ids"), .nkey = 1, .from = &from, .nfrom = 1};
    KIT_ROW(&kit, "1", "1");
    KIT_ROW(&kit, "2", "2");
    kit_worker(&kit);
    assert_int_equal(
        sm_map_lookup(kit.worker, &l, &from, &kit.source, &kit.file, &kit.batch, &kit.out, NULL),
        SM_OK);
    assert_int_equal(kit.out.nrow, 1);
    assert_int_equal(kit.batch.diags.n, 0);
    assert_int_equal(kit.batch.verdict[1].fate, SM_FATE_REJECTED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_row_gives_one_record_in_order, open_kit, close_kit),
        cmocka_unit_test_setup_teardown(conditions_tell_values_that_come_late, open_kit, close_kit),
        cmocka_unit_test_setup_teardown(a_second_batch_is_appended, open_kit, close_kit),
        cmocka_unit_test_setup_teardown(filtered_rows_say_which_rule_left_them_out, open_kit,
                                        close_kit),
        cmocka_unit_test_setup_teardown(
            records_come_in_row_then_template_order_with_their_own_numbers, open_kit, close_kit),
        cmocka_unit_test_setup_teardown(repeat_gives_a_record_for_each_filled_column, open_kit,
                                        close_kit),
        cmocka_unit_test_setup_teardown(unpivoted_rows_keep_records_apart_until_the_numbers_run_out,
                                        open_kit, close_kit),
        cmocka_unit_test_setup_teardown(two_froms_of_one_source_number_their_records_apart,
                                        open_kit, close_kit),
        cmocka_unit_test_setup_teardown(exclusive_branches_give_each_record_one_value, open_kit,
                                        close_kit),
        cmocka_unit_test_setup_teardown(
            a_text_that_waits_becomes_a_value_only_where_a_rule_asks, open_kit, close_kit),
        cmocka_unit_test_setup_teardown(unknown_subject_names_the_raw_id_and_drops_the_row,
                                        open_kit, close_kit),
        cmocka_unit_test_setup_teardown(reported_unknown_subject_keeps_its_row, open_kit,
                                        close_kit),
        cmocka_unit_test_setup_teardown(finished_records_are_rows_of_another_domain, open_kit,
                                        close_kit),
        cmocka_unit_test_setup_teardown(lookup_rows_without_a_value_are_left_out, open_kit,
                                        close_kit),
        cmocka_unit_test_setup_teardown(lookup_leaves_unknown_subjects_out_in_silence, open_kit,
                                        close_kit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
