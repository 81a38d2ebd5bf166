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

static void use_terms(struct sm_rule *r, const struct sm_codelist *const *list, uint32_t n,
                      enum sm_unmatched policy) {
    r->terms = (struct sm_terms){list, n, policy};
}

static void terms_are_submission_values_and_misses_are_kept_and_named(void **state) {
    (void)state;
    static const char *const value[] = {"MILD", "MODERATE", "SEVERE"};
    uint32_t c = kit_column(&kit, "SEV", SM_COL_TEXT), v = kit_var(&kit, "AESEV");
    const struct sm_codelist *list[] = {kit_list(&kit, "AESEV", false, value, 3)};
    use_terms(kit_assign(&kit, v, c), list, 1, SM_UNMATCHED_KEEP);
    kit_subject(&kit, "SEV");
    KIT_ROW(&kit, "S-1", "mild ");
    KIT_ROW(&kit, "S-1", "");
    KIT_ROW(&kit, "S-2", "heavy");
    kit_run(&kit);
    assert_string_equal(kit_out(&kit, 0, v), "MILD");
    assert_string_equal(kit_out(&kit, 1, v), "");
    assert_string_equal(kit_out(&kit, 2, v), "heavy");
    assert_int_equal(kit.batch.diags.n, 1);
    const struct sm_diag *d = kit_diag(&kit, 0);
    assert_int_equal(d->code, SM_D_UNKNOWN_TERM);
    assert_int_equal(d->effect, SM_EFFECT_KEPT);
    assert_int_equal(d->line, 4);
    assert_int_equal(d->field, 1);
    kit_is(d->column, "sev");
    kit_is(d->value, "heavy");
    kit_is(d->domain, "AE");
    kit_is(d->variable, "AESEV");
    kit_is(d->subject, "S-2");
    kit_is(d->map_file, "ae.xml");
    assert_int_equal(d->map_line, 7);
    assert_true(sm_str_find(d->detail, SM_STR("AESEV"), 0) != SIZE_MAX);
    assert_true(sm_str_find(d->detail, SM_STR("MODERATE"), 0) != SIZE_MAX);
}

static void unmatched_policies_do_what_they_say(void **state) {
    (void)state;
    static const char *const value[] = {"Y"};
    static const struct {
        enum sm_unmatched policy;
        const char *want;
        enum sm_effect effect;
    } row[] = {{SM_UNMATCHED_KEEP, "vielleicht", SM_EFFECT_KEPT},
               {SM_UNMATCHED_UPPER, "VIELLEICHT", SM_EFFECT_KEPT},
               {SM_UNMATCHED_BLANK, "", SM_EFFECT_BLANK}};
    uint32_t c = kit_column(&kit, "X", SM_COL_TEXT), v[3];
    const struct sm_codelist *list[] = {kit_list(&kit, "NY", true, value, 1)};
    for (uint32_t i = 0; i < 3; i++) {
        v[i] = kit_var(&kit, "AEX");
        use_terms(kit_assign(&kit, v[i], c), list, 1, row[i].policy);
    }
    KIT_ROW(&kit, "", "vielleicht");
    kit_run(&kit);
    for (uint32_t i = 0; i < 3; i++) {
        assert_string_equal(kit_out(&kit, 0, v[i]), row[i].want);
        assert_int_equal(kit_diag(&kit, i)->effect, row[i].effect);
        assert_int_equal(kit_diag(&kit, i)->code, SM_D_EXTENDED_TERM);
    }
}

static void a_rejected_record_is_gone_and_silent_from_there(void **state) {
    (void)state;
    static const char *const value[] = {"PSA"};
    uint32_t c = kit_column(&kit, "TEST", SM_COL_TEXT), v = kit_var(&kit, "LBTESTCD"),
             w = kit_num(&kit, "LBSTRESN");
    const struct sm_codelist *list[] = {kit_list(&kit, "LBTESTCD", true, value, 1)};
    use_terms(kit_assign(&kit, v, c), list, 1, SM_UNMATCHED_REJECT);
    kit_assign(&kit, w, c);
    KIT_ROW(&kit, "", "free PSA");
    kit_run(&kit);
    assert_int_equal(kit.out.nrow, 0);
    assert_int_equal(kit.batch.diags.n, 1);
    assert_int_equal(kit_diag(&kit, 0)->effect, SM_EFFECT_DROPPED);
    assert_int_equal(kit.batch.verdict[0].fate, SM_FATE_REJECTED);
    assert_int_equal(kit.batch.verdict[0].code, SM_D_EXTENDED_TERM);
}

static void first_list_that_has_the_value_wins(void **state) {
    (void)state;
    static const char *const one[] = {"A"}, *const two[] = {"B", "a"};
    uint32_t c = kit_column(&kit, "X", SM_COL_TEXT), v = kit_var(&kit, "AEX");
    const struct sm_codelist *list[] = {kit_list(&kit, "ONE", false, one, 1),
                                        kit_list(&kit, "TWO", false, two, 2)};
    use_terms(kit_assign(&kit, v, c), list, 2, SM_UNMATCHED_KEEP);
    KIT_ROW(&kit, "", "b");
    KIT_ROW(&kit, "", "a");
    kit_run(&kit);
    assert_string_equal(kit_out(&kit, 0, v), "B");
    assert_string_equal(kit_out(&kit, 1, v), "A");
    assert_int_equal(kit.batch.diags.n, 0);
}

static void case_then_recode_then_terms(void **state) {
    (void)state;
    static const char *const value[] = {"POSITIVE"};
    uint32_t c = kit_column(&kit, "X", SM_COL_TEXT), v = kit_var(&kit, "LBX");
    const struct sm_codelist *list[] = {kit_list(&kit, "L", false, value, 1)};
    struct sm_recode recode = {
        .name = SM_STR("words"), .map = kit_lut(&kit, 1, 1), .unmatched = SM_UNMATCHED_BLANK};
    kit.lut[1] = recode.map;
    KIT_LUT_ROW(&kit, recode.map, "\xC3\x84HNLICH", "positive");
    struct sm_rule *r = kit_assign(&kit, v, c);
    r->fold = 'u';
    r->recode = &recode;
    use_terms(r, list, 1, SM_UNMATCHED_KEEP);
    KIT_ROW(&kit, "", "\xC3\xA4hnlich");
    KIT_ROW(&kit, "", "other");
    kit_run(&kit);
    assert_string_equal(kit_out(&kit, 0, v), "POSITIVE");
    assert_string_equal(kit_out(&kit, 1, v), "");
    assert_int_equal(kit.batch.diags.n, 1);
    assert_int_equal(kit_diag(&kit, 0)->code, SM_D_UNKNOWN_WORD);
    assert_int_equal(kit_diag(&kit, 0)->effect, SM_EFFECT_BLANK);
}

static void range_is_reported_and_kept_every_time(void **state) {
    (void)state;
    uint32_t c = kit_column(&kit, "P5", SM_COL_NUMBER), v = kit_num(&kit, "QSORRES");
    struct sm_rule *r = kit_assign(&kit, v, c);
    r->has_min = r->has_max = true;
    r->min = SM_STR("0");
    r->max = SM_STR("10");
    for (int i = 0; i < 3; i++)
        KIT_ROW(&kit, "", "11");
    KIT_ROW(&kit, "", "10");
    KIT_ROW(&kit, "", "-0.5");
    kit_run(&kit);
    assert_string_equal(kit_out(&kit, 1, v), "11");
    assert_int_equal(kit.batch.diags.n, 4);
    assert_int_equal(kit_diag(&kit, 2)->code, SM_D_OUT_OF_RANGE);
    assert_int_equal(kit_diag(&kit, 2)->line, 4);
    assert_int_equal(kit_diag(&kit, 3)->line, 6);
}

static void text_in_a_numeric_variable_is_blanked_and_reported(void **state) {
    (void)state;
    uint32_t c = kit_column(&kit, "DOSE", SM_COL_TEXT), v = kit_num(&kit, "EXDOSE");
    kit_assign(&kit, v, c);
    KIT_ROW(&kit, "", "50");
    KIT_ROW(&kit, "", "#####");
    kit_run(&kit);
    assert_string_equal(kit_out(&kit, 0, v), "50");
    assert_string_equal(kit_out(&kit, 1, v), "");
    assert_int_equal(kit_diag(&kit, 0)->code, SM_D_NOT_A_NUMBER);
    assert_int_equal(kit_diag(&kit, 0)->effect, SM_EFFECT_BLANK);
}

static void dates_of_a_date_variable_are_packed_and_others_reported(void **state) {
    (void)state;
    uint32_t c = kit_column(&kit, "DAT", SM_COL_TEXT), v = kit_dtc(&kit, "AESTDTC");
    kit_assign(&kit, v, c);
    KIT_ROW(&kit, "", "2014-03");
    KIT_ROW(&kit, "", "12 March");
    KIT_ROW(&kit, "", "2014-03-12T08:10:00+01:00");
    kit_run(&kit);
    assert_string_equal(kit_out(&kit, 2, v), "2014-03-12T08:10:00+01:00");
    assert_true(sm_val_is_dtc(kit.out.col[v][0]));
    assert_int_equal(kit.batch.diags.n, 1);
    assert_string_equal(kit_out(&kit, 1, v), "");
    assert_int_equal(kit_diag(&kit, 0)->code, SM_D_INVALID_DATE);
}

static void constants_fill_only_where_the_guard_holds(void **state) {
    (void)state;
    uint32_t c = kit_column(&kit, "X", SM_COL_TEXT), v = kit_var(&kit, "AECAT"),
             w = kit_var(&kit, "AESCAT");
    (void)c;
    kit_rule(&kit, SM_RULE_CONSTANT, v)->value = kit_val(&kit, "ADVERSE EVENT");
    struct sm_rule *r = kit_rule(&kit, SM_RULE_CONSTANT, w);
    r->value = kit_val(&kit, "S");
    r->guard = kit_guard(&kit, "X = 'b'", false, NULL);
    KIT_ROW(&kit, "", "a");
    KIT_ROW(&kit, "", "b");
    kit_run(&kit);
    assert_string_equal(kit_out(&kit, 0, v), "ADVERSE EVENT");
    assert_string_equal(kit_out(&kit, 0, w), "");
    assert_string_equal(kit_out(&kit, 1, w), "S");
}

static void computed_values_may_use_earlier_variables_and_problems_name_the_cell(void **state) {
    (void)state;
    uint32_t c = kit_column(&kit, "LB", SM_COL_TEXT), v = kit_num(&kit, "KG"),
             w = kit_var(&kit, "TEXT");
    (void)c;
    kit_compute(&kit, v, "round(LB * 2, 1)");
    kit_compute(&kit, w, "if (KG > 100) then 'heavy' else 'light'");
    KIT_ROW(&kit, "", "50.26");
    KIT_ROW(&kit, "", "7O");
    kit_run(&kit);
    assert_string_equal(kit_out(&kit, 0, v), "100.5");
    assert_string_equal(kit_out(&kit, 0, w), "heavy");
    assert_string_equal(kit_out(&kit, 1, v), "");
    const struct sm_diag *d = kit_diag(&kit, 0);
    assert_int_equal(d->code, SM_D_NOT_A_NUMBER);
    assert_int_equal(d->effect, SM_EFFECT_BLANK);
    kit_is(d->column, "lb");
    kit_is(d->value, "7O");
    kit_is(d->variable, "KG");
}

static void line_numbers_are_not_remembered(void **state) {
    (void)state;
    uint32_t c = kit_column(&kit, "X", SM_COL_TEXT), v = kit_var(&kit, "AESPID");
    (void)c;
    kit_compute(&kit, v, "concat(X, sourceline())");
    for (int i = 0; i < 3; i++)
        KIT_ROW(&kit, "", "L");
    kit_run(&kit);
    assert_string_equal(kit_out(&kit, 0, v), "L2");
    assert_string_equal(kit_out(&kit, 2, v), "L4");
}

/* ---- datetime
 * ------------------------------------------------------------------------------------- */

static struct sm_rule *datetime_rule(uint32_t v, uint32_t date, uint32_t time) {
    struct sm_rule *r = kit_rule(&kit, SM_RULE_DATETIME, v);
    r->from = (struct sm_slot){SM_SLOT_COLUMN, date};
    if (time != SM_NO) r->time = (struct sm_slot){SM_SLOT_COLUMN, time};
    r->column = date;
    return r;
}

static void date_and_time_become_one_value(void **state) {
    (void)state;
    uint32_t d = kit_column(&kit, "DAT", SM_COL_TEXT), t = kit_column(&kit, "TIM", SM_COL_TEXT),
             v = kit_dtc(&kit, "EXSTDTC");
    datetime_rule(v, d, t);
    KIT_ROW(&kit, "", "12.03.2014", "08:10");
    KIT_ROW(&kit, "", "12.03.2014", "");
    KIT_ROW(&kit, "", "03.2014", "08:10");
    KIT_ROW(&kit, "", "", "08:10");
    KIT_ROW(&kit, "", "UN.03.2014", "08:10");
    KIT_ROW(&kit, "", "12.UN.2014", "08:10");
    kit_run(&kit);
    static const char *const want[] = {"2014-03-12T08:10", "2014-03-12", "2014-03", "",
                                       "2014-03",          "2014---12T08:10"};
    for (uint32_t i = 0; i < SM_ARRAY_LEN(want); i++)
        assert_string_equal(kit_out(&kit, i, v), want[i]);
    assert_int_equal(kit.batch.diags.n, 0);
}

static void impossible_date_is_left_blank_or_drops_the_record(void **state) {
    (void)state;
    uint32_t d = kit_column(&kit, "DAT", SM_COL_TEXT), v = kit_dtc(&kit, "AEENDTC"),
             w = kit_dtc(&kit, "AESTDTC");
    datetime_rule(v, d, SM_NO);
    KIT_ROW(&kit, "", "30.02.2015");
    KIT_ROW(&kit, "", "15-foo-2013");
    kit_run(&kit);
    assert_int_equal(kit.out.nrow, 2);
    assert_string_equal(kit_out(&kit, 0, v), "");
    assert_int_equal(kit.batch.diags.n, 2);
    assert_int_equal(kit_diag(&kit, 0)->effect, SM_EFFECT_BLANK);
    kit_is(kit_diag(&kit, 0)->value, "30.02.2015");
    assert_true(sm_str_find(kit_diag(&kit, 0)->detail, SM_STR("calendar"), 0) != SIZE_MAX);
    assert_true(sm_str_find(kit_diag(&kit, 1)->detail, SM_STR("formats"), 0) != SIZE_MAX);
    sm_map_worker_close(kit.worker);
    kit.worker = NULL;
    datetime_rule(w, d, SM_NO)->reject_invalid = true;
    sm_recs_clear(&kit.out);
    kit_run(&kit);
    assert_int_equal(kit.out.nrow, 0);
    assert_int_equal(kit.batch.verdict[0].code, SM_D_INVALID_DATE);
}

static void bad_time_leaves_the_date(void **state) {
    (void)state;
    uint32_t d = kit_column(&kit, "DAT", SM_COL_DATE), t = kit_column(&kit, "TIM", SM_COL_TIME),
             v = kit_dtc(&kit, "EXSTDTC");
    struct sm_rule *r = datetime_rule(v, d, t);
    r->from_is_iso = r->time_is_iso = true;
    KIT_ROW(&kit, "", "2014-03-12", "25:10");
    KIT_ROW(&kit, "", "2014-03-12", "23:59:58");
    kit_run(&kit);
    assert_string_equal(kit_out(&kit, 0, v), "2014-03-12");
    assert_string_equal(kit_out(&kit, 1, v), "2014-03-12T23:59:58");
    assert_int_equal(kit.batch.diags.n, 1);
    kit_is(kit_diag(&kit, 0)->column, "tim");
}

static void a_time_without_a_date_stands_alone(void **state) {
    (void)state;
    uint32_t t = kit_column(&kit, "TIM", SM_COL_TEXT), v = kit_dtc(&kit, "EGDTC");
    struct sm_rule *r = kit_rule(&kit, SM_RULE_DATETIME, v);
    r->time = (struct sm_slot){SM_SLOT_COLUMN, t};
    KIT_ROW(&kit, "", "08:10");
    KIT_ROW(&kit, "", "");
    kit_run(&kit);
    assert_string_equal(kit_out(&kit, 0, v), "-----T08:10");
    assert_string_equal(kit_out(&kit, 1, v), "");
}

static void another_files_formats_are_used_for_its_rows(void **state) {
    (void)state;
    uint32_t d = kit_column(&kit, "DAT", SM_COL_TEXT), v = kit_dtc(&kit, "EXSTDTC");
    datetime_rule(v, d, SM_NO);
    KIT_ROW(&kit, "", "01.02.2014");
    kit_run(&kit);
    struct sm_file other = kit.file;
    other.dates = sm_dtc_pattern_compile(&kit.arena, SM_STR("mm.dd.yyyy"), NULL, NULL);
    assert_int_equal(sm_map_batch(kit.worker, &kit.domain, &kit.from, &kit.source, &other,
                                  &kit.batch, &kit.out, NULL),
                     SM_OK);
    assert_string_equal(kit_out(&kit, 0, v), "2014-02-01");
    assert_string_equal(kit_out(&kit, 1, v), "2014-01-02");
}

/* ---- multiple, check
 * --------------------------------------------------------------------------------- */

static void several_choices_become_a_word_and_single_values(void **state) {
    (void)state;
    uint32_t a = kit_column(&kit, "WHITE", SM_COL_TEXT), b = kit_column(&kit, "ASIAN", SM_COL_TEXT);
    uint32_t v = kit_var(&kit, "RACE"), s1 = kit_var(&kit, "RACE1"), s2 = kit_var(&kit, "RACE2");
    struct sm_choice choice[2] = {
        {.from = {SM_SLOT_COLUMN, a}},
        {.test = kit_expr(&kit, "ASIAN = '1'"), .value = kit_val(&kit, "ASIAN")}};
    (void)b;
    struct sm_rule *r = kit_rule(&kit, SM_RULE_MULTIPLE, v);
    r->choice = choice;
    r->nchoice = 2;
    r->value = kit_val(&kit, "MULTIPLE");
    r->nv = 2;
    r->v[0] = s1;
    r->v[1] = s2;
    KIT_ROW(&kit, "", "WHITE", "1");
    KIT_ROW(&kit, "", "", "1");
    KIT_ROW(&kit, "", "", "");
    kit_run(&kit);
    static const char *const want[][3] = {
        {"MULTIPLE", "WHITE", "ASIAN"}, {"ASIAN", "", ""}, {"", "", ""}};
    for (uint32_t i = 0; i < 3; i++) {
        assert_string_equal(kit_out(&kit, i, v), want[i][0]);
        assert_string_equal(kit_out(&kit, i, s1), want[i][1]);
        assert_string_equal(kit_out(&kit, i, s2), want[i][2]);
    }
}

static void a_check_fails_on_values_not_on_missing_ones(void **state) {
    (void)state;
    uint32_t c = kit_column(&kit, "SYS", SM_COL_NUMBER), d = kit_column(&kit, "DIA", SM_COL_NUMBER),
             v = kit_var(&kit, "X");
    (void)d;
    kit_assign(&kit, v, c);
    struct sm_rule *r = kit_rule(&kit, SM_RULE_CHECK, SM_NO);
    r->expr = kit_expr(&kit, "SYS > DIA");
    r->message = SM_STR("systolic is not above diastolic");
    r->sev = SM_SEV_ERROR;
    KIT_ROW(&kit, "", "120", "80");
    KIT_ROW(&kit, "", "80", "120");
    KIT_ROW(&kit, "", "80", "");
    kit_run(&kit);
    assert_int_equal(kit.out.nrow, 3);
    assert_int_equal(kit.batch.diags.n, 1);
    const struct sm_diag *f = kit_diag(&kit, 0);
    assert_int_equal(f->code, SM_D_ASSERTION);
    assert_int_equal(f->sev, SM_SEV_ERROR);
    assert_int_equal(f->line, 3);
    kit_is(f->detail, "systolic is not above diastolic");
}

static void a_check_that_speaks_of_missing_values_sees_them_and_may_reject(void **state) {
    (void)state;
    uint32_t c = kit_column(&kit, "TERM", SM_COL_TEXT), v = kit_var(&kit, "AETERM");
    kit_assign(&kit, v, c);
    struct sm_rule *r = kit_rule(&kit, SM_RULE_CHECK, SM_NO);
    r->expr = kit_expr(&kit, "TERM != ''");
    r->kind_text = SM_STR("out-of-range");
    r->reject_invalid = true;
    KIT_ROW(&kit, "", "");
    KIT_ROW(&kit, "", "x");
    kit_run(&kit);
    assert_int_equal(kit.out.nrow, 1);
    assert_string_equal(kit_out(&kit, 0, v), "x");
    assert_int_equal(kit_diag(&kit, 0)->code, SM_D_OUT_OF_RANGE);
    assert_int_equal(kit_diag(&kit, 0)->effect, SM_EFFECT_DROPPED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(terms_are_submission_values_and_misses_are_kept_and_named,
                                        open_kit, close_kit),
        cmocka_unit_test_setup_teardown(unmatched_policies_do_what_they_say, open_kit, close_kit),
        cmocka_unit_test_setup_teardown(a_rejected_record_is_gone_and_silent_from_there, open_kit,
                                        close_kit),
        cmocka_unit_test_setup_teardown(first_list_that_has_the_value_wins, open_kit, close_kit),
        cmocka_unit_test_setup_teardown(case_then_recode_then_terms, open_kit, close_kit),
        cmocka_unit_test_setup_teardown(range_is_reported_and_kept_every_time, open_kit, close_kit),
        cmocka_unit_test_setup_teardown(text_in_a_numeric_variable_is_blanked_and_reported,
                                        open_kit, close_kit),
        cmocka_unit_test_setup_teardown(dates_of_a_date_variable_are_packed_and_others_reported,
                                        open_kit, close_kit),
        cmocka_unit_test_setup_teardown(constants_fill_only_where_the_guard_holds, open_kit,
                                        close_kit),
        cmocka_unit_test_setup_teardown(
            computed_values_may_use_earlier_variables_and_problems_name_the_cell, open_kit,
            close_kit),
        cmocka_unit_test_setup_teardown(line_numbers_are_not_remembered, open_kit, close_kit),
        cmocka_unit_test_setup_teardown(date_and_time_become_one_value, open_kit, close_kit),
        cmocka_unit_test_setup_teardown(impossible_date_is_left_blank_or_drops_the_record, open_kit,
                                        close_kit),
        cmocka_unit_test_setup_teardown(bad_time_leaves_the_date, open_kit, close_kit),
        cmocka_unit_test_setup_teardown(a_time_without_a_date_stands_alone, open_kit, close_kit),
        cmocka_unit_test_setup_teardown(another_files_formats_are_used_for_its_rows, open_kit,
                                        close_kit),
        cmocka_unit_test_setup_teardown(several_choices_become_a_word_and_single_values, open_kit,
                                        close_kit),
        cmocka_unit_test_setup_teardown(a_check_fails_on_values_not_on_missing_ones, open_kit,
                                        close_kit),
        cmocka_unit_test_setup_teardown(
            a_check_that_speaks_of_missing_values_sees_them_and_may_reject, open_kit, close_kit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
