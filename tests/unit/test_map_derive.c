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

static struct sm_slot var_slot(uint32_t v) {
    return (struct sm_slot){SM_SLOT_VAR, v};
}

/* A date column assigned to a date variable; the subject is the column ID; references by subject.
 */
static uint32_t dated(const char *name) {
    uint32_t id = kit_column(&kit, "ID", SM_COL_TEXT), d = kit_column(&kit, "DAT", SM_COL_DATE),
             v = kit_dtc(&kit, name);
    (void)id;
    kit_subject(&kit, "ID");
    kit_assign(&kit, v, d);
    kit.refs = kit_lut(&kit, 1, 2);
    kit.rt.refs = kit.refs;
    return v;
}

static void study_day_has_no_zero_and_needs_whole_dates(void **state) {
    (void)state;
    uint32_t v = dated("LBDTC"), dy = kit_num(&kit, "LBDY");
    struct sm_rule *r = kit_post(&kit, SM_RULE_STUDY_DAY, dy);
    r->from = var_slot(v);
    r->expr = kit_expr(&kit, "DM.RFSTDTC");
    KIT_LUT_ROW(&kit, kit.refs, "S1", "2014-05-12T09:00", "");
    KIT_LUT_ROW(&kit, kit.refs, "S2", "2014-05", "");
    KIT_ROW(&kit, "S1", "S1", "2014-05-12");
    KIT_ROW(&kit, "S1", "S1", "2014-05-11T23:59");
    KIT_ROW(&kit, "S1", "S1", "2014-06-09");
    KIT_ROW(&kit, "S1", "S1", "2014-06");
    KIT_ROW(&kit, "S2", "S2", "2014-06-09");
    KIT_ROW(&kit, "S3", "S3", "2014-06-09");
    kit_run(&kit);
    static const char *const want[] = {"1", "-1", "29", "", "", ""};
    for (uint32_t i = 0; i < 6; i++)
        assert_string_equal(kit_out(&kit, i, dy), want[i]);
    assert_int_equal(kit.batch.diags.n, 0);
}

static void subject_assigned_by_a_rule_has_references_too(void **state) {
    (void)state;
    uint32_t v = dated("LBDTC"), dy = kit_num(&kit, "LBDY"), id = kit_var(&kit, "USUBJID");
    kit.source.usubjid = NULL;
    kit.domain.usubjid = id;
    kit_compute(&kit, id, "concat('S', ID)");
    struct sm_rule *r = kit_post(&kit, SM_RULE_STUDY_DAY, dy);
    r->from = var_slot(v);
    r->expr = kit_expr(&kit, "DM.RFSTDTC");
    KIT_LUT_ROW(&kit, kit.refs, "S1", "2014-05-12", "");
    KIT_LUT_ROW(&kit, kit.refs, "S2", "2014-05-10", "");
    KIT_ROW(&kit, "", "1", "2014-05-13");
    KIT_ROW(&kit, "", "2", "2014-05-13");
    kit_run(&kit);
    assert_string_equal(kit_out(&kit, 0, dy), "2");
    assert_string_equal(kit_out(&kit, 1, dy), "4");
}

static void references_of_a_template_are_not_those_of_the_one_before(void **state) {
    (void)state;
    uint32_t a = kit_column(&kit, "A", SM_COL_TEXT), b = kit_column(&kit, "B", SM_COL_TEXT);
    uint32_t id = kit_var(&kit, "USUBJID"), ref = kit_dtc(&kit, "REF");
    kit.domain.usubjid = id;
    kit.refs = kit_lut(&kit, 1, 2);
    kit.rt.refs = kit.refs;
    kit.from.nrecord = 2;
    for (uint32_t t = 0; t < 2; t++) {
        kit_rule_in(&kit, t, SM_RULE_ASSIGN, id)->from =
            (struct sm_slot){SM_SLOT_COLUMN, t ? b : a};
        kit_rule_in(&kit, t, SM_RULE_COMPUTE, ref)->expr = kit_expr(&kit, "DM.RFSTDTC");
    }
    KIT_LUT_ROW(&kit, kit.refs, "S1", "2014-05-12", "");
    KIT_LUT_ROW(&kit, kit.refs, "S2", "2014-05-10", "");
    KIT_ROW(&kit, "", "S1", "S2");
    KIT_ROW(&kit, "", "S2", "S1");
    kit_run(&kit);
    static const char *const want[] = {"2014-05-12", "2014-05-10", "2014-05-10", "2014-05-12"};
    for (uint32_t i = 0; i < 4; i++)
        assert_string_equal(kit_out(&kit, i, ref), want[i]);
}

static void epochs_follow_each_other_and_hold_their_bounds(void **state) {
    (void)state;
    uint32_t v = dated("LBDTC"), ep = kit_var(&kit, "EPOCH");
    struct sm_epoch epoch[] = {{.name = kit_val(&kit, "SCREENING")},
                               {.name = kit_val(&kit, "TREATMENT"),
                                .start = kit_expr(&kit, "DM.RFSTDTC"),
                                .end = kit_expr(&kit, "DM.RFXENDTC")},
                               {.name = kit_val(&kit, "FOLLOW-UP")}};
    kit.spec.epoch = epoch;
    kit.spec.nepoch = 3;
    struct sm_rule *r = kit_post(&kit, SM_RULE_EPOCH, ep);
    r->from = var_slot(v);
    KIT_LUT_ROW(&kit, kit.refs, "S1", "2014-05-12T09:00", "2014-06-12T09:00");
    KIT_ROW(&kit, "S1", "S1", "2014-05-12");
    KIT_ROW(&kit, "S1", "S1", "2014-05-12T08:00");
    KIT_ROW(&kit, "S1", "S1", "2014-06-13");
    KIT_ROW(&kit, "S1", "S1", "2014-06-12");
    KIT_ROW(&kit, "S1", "S1", "2014-05");
    KIT_ROW(&kit, "S1", "S1", "");
    KIT_ROW(&kit, "S9", "S9", "2014-05-12");
    kit_run(&kit);
    static const char *const want[] = {"TREATMENT", "SCREENING", "FOLLOW-UP", "TREATMENT",
                                       "",          "",          "SCREENING"};
    for (uint32_t i = 0; i < 7; i++)
        assert_string_equal(kit_out(&kit, i, ep), want[i]);
}

static void dates_give_order_duration_and_age(void **state) {
    (void)state;
    uint32_t a = kit_column(&kit, "START", SM_COL_DATE), b = kit_column(&kit, "STOP", SM_COL_DATE);
    uint32_t st = kit_dtc(&kit, "AESTDTC"), en = kit_dtc(&kit, "AEENDTC"),
             du = kit_var(&kit, "AEDUR");
    uint32_t age = kit_num(&kit, "AGE"), ageu = kit_var(&kit, "AGEU");
    kit_assign(&kit, st, a);
    kit_assign(&kit, en, b);
    struct sm_rule *r = kit_post(&kit, SM_RULE_DURATION, du);
    r->from = var_slot(st);
    r->time = var_slot(en);
    r = kit_post(&kit, SM_RULE_AGE, age);
    r->expr = kit_expr(&kit, "AESTDTC");
    r->expr2 = kit_expr(&kit, "AEENDTC");
    r->value = kit_val(&kit, "YEARS");
    r->nv = 1;
    r->v[0] = ageu;
    r = kit_post(&kit, SM_RULE_DATE_ORDER, SM_NO);
    r->from = var_slot(st);
    r->time = var_slot(en);
    KIT_ROW(&kit, "", "2012-02-29", "2014-02-28");
    KIT_ROW(&kit, "", "2016-01-10", "2016-01-08");
    KIT_ROW(&kit, "", "2016-01-10", "2016-01");
    KIT_ROW(&kit, "", "2016-01", "2015");
    kit_run(&kit);
    assert_string_equal(kit_out(&kit, 0, du), "P730D");
    assert_string_equal(kit_out(&kit, 1, du), "");
    assert_string_equal(kit_out(&kit, 0, age), "1");
    assert_string_equal(kit_out(&kit, 0, ageu), "YEARS");
    assert_string_equal(kit_out(&kit, 2, ageu), "");
    assert_string_equal(kit_out(&kit, 1, en), "2016-01-08");
    assert_int_equal(kit.batch.diags.n, 2);
    const struct sm_diag *d = kit_diag(&kit, 0);
    assert_int_equal(d->code, SM_D_DATE_ORDER);
    assert_int_equal(d->line, 3);
    kit_is(d->column, "stop");
    kit_is(d->variable, "AEENDTC");
    assert_int_equal(kit_diag(&kit, 1)->line, 5);
}

static void visit_label_gives_its_row_local_or_standard(void **state) {
    (void)state;
    uint32_t c = kit_column(&kit, "BESUCH", SM_COL_TEXT), visit = kit_var(&kit, "VISIT"),
             num = kit_num(&kit, "VISITNUM");
    kit_assign(&kit, visit, c);
    kit.lut[0] = kit_lut(&kit, 1, 2);
    kit.table[0].name = SM_STR("visits");
    KIT_LUT_ROW(&kit, kit.lut[0], "C1D1", "CYCLE 1 DAY 1", "1");
    KIT_LUT_ROW(&kit, kit.lut[0], "Zyklus 1", "CYCLE 1 DAY 1", "1");
    struct sm_rule *r = kit_post(&kit, SM_RULE_VISIT, SM_NO);
    r->from = var_slot(visit);
    r->terms.unmatched = SM_UNMATCHED_REPORT;
    r->nv = 2;
    r->v[0] = visit;
    r->c[0] = 0;
    r->v[1] = num;
    r->c[1] = 1;
    KIT_ROW(&kit, "", "Zyklus 1");
    KIT_ROW(&kit, "", "CYCLE 1 DAY 1");
    KIT_ROW(&kit, "", "Irgendwann");
    KIT_ROW(&kit, "", "");
    kit_run(&kit);
    static const char *const want[][2] = {
        {"CYCLE 1 DAY 1", "1"}, {"CYCLE 1 DAY 1", "1"}, {"Irgendwann", ""}, {"", ""}};
    for (uint32_t i = 0; i < 4; i++) {
        assert_string_equal(kit_out(&kit, i, visit), want[i][0]);
        assert_string_equal(kit_out(&kit, i, num), want[i][1]);
    }
    assert_int_equal(kit.batch.diags.n, 1);
    assert_int_equal(kit_diag(&kit, 0)->code, SM_D_UNKNOWN_KEY);
    kit_is(kit_diag(&kit, 0)->column, "besuch");
}

/* ---- standardize
 * --------------------------------------------------------------------------------------- */

static const char *const std_name[SM_STD_COUNT] = {"LBTESTCD", "LBORRES",  "LBORRESU", "LBORNRLO",
                                                   "LBORNRHI", "LBSTRESC", "LBSTRESN", "LBSTRESU",
                                                   "LBSTNRLO", "LBSTNRHI", "LBNRIND"};
static struct sm_units units;
static struct sm_convert convert[8];

static void unit_row(const char *test, const char *from, const char *to, const char *factor,
                     const char *offset, int digits) {
    struct sm_convert *c = &convert[units.nconvert];
    char row[4] = {(char)('0' + units.nconvert), '\0'};
    *c = (struct sm_convert){.test = kit_val(&kit, test),
                             .from = kit_val(&kit, from),
                             .to = kit_val(&kit, to),
                             .digits = digits};
    if (factor) c->factor = sm_dec_parse(sm_str(factor));
    if (offset) c->offset = sm_dec_parse(sm_str(offset));
    KIT_LUT_ROW(&kit, units.index, test, from, row);
    sm_val key = kit_val(&kit, test), *old;
    if (test[0])
        assert_int_equal(sm_lut_add(units.tests, &key, NULL, &old, NULL), SM_OK);
    else
        units.any_test = true;
    units.nconvert++;
}

static struct sm_rule *standardize(void) {
    struct sm_rule *r = NULL;
    for (uint32_t i = 0; i < SM_STD_COUNT; i++) {
        uint32_t v = kit_var(&kit, std_name[i]);
        assert_int_equal(v, i);
        if (i <= SM_STD_ORNRHI) kit_assign(&kit, v, kit_column(&kit, std_name[i] + 2, SM_COL_TEXT));
    }
    r = kit_post(&kit, SM_RULE_STANDARDIZE, SM_STD_STRESC);
    for (uint32_t i = 0; i < SM_STD_COUNT; i++)
        r->v[i] = i;
    r->nv = SM_STD_COUNT;
    units = (struct sm_units){.name = SM_STR("lab"),
                              .convert = convert,
                              .digits = 6,
                              .index = kit_lut(&kit, 2, 1),
                              .tests = kit_lut(&kit, 1, 0)};
    r->units = &units;
    unit_row("CREAT", "mg/dl", "umol/L", "88.42", NULL, -1);
    unit_row("CREAT", "umol/l", "umol/L", NULL, NULL, -1);
    unit_row("CRP", "mg/dl", "mg/L", "10", NULL, -1);
    unit_row("TEMP", "F", "C", "5/9", "-32", 2);
    unit_row("", "%", "%", NULL, NULL, -1);
    return r;
}

static int close_units(void **state) {
    for (uint32_t i = 0; i < units.nconvert; i++) {
        sm_dec_free((struct sm_dec *)(uintptr_t)convert[i].factor);
        sm_dec_free((struct sm_dec *)(uintptr_t)convert[i].offset);
    }
    sm_lut_close(units.index);
    sm_lut_close(units.tests);
    return close_kit(state);
}

static void expect_std(uint32_t rec, const char *const *want) {
    for (uint32_t i = 0; i < 6; i++) {
        const char *got = kit_out(&kit, rec, SM_STD_STRESC + i);
        if (strcmp(got, want[i]) != 0)
            fail_msg("row %u %s: \"%s\" is not \"%s\"", rec, std_name[SM_STD_STRESC + i], got,
                     want[i]);
    }
}

static void results_are_converted_exactly_with_their_limits(void **state) {
    (void)state;
    static const struct {
        const char *in[5], *want[6];
    } row[] = {
        {{"CREAT", "1.0", "mg/dl", "0.5", "1.2"},
         {"88.42", "88.42", "umol/L", "44.21", "106.104", "NORMAL"}},
        {{"CREAT", "12.0", "umol/l", "", "105"}, {"12", "12", "umol/L", "", "105", "NORMAL"}},
        {{"CREAT", "106", "umol/l", "", "105"}, {"106", "106", "umol/L", "", "105", "HIGH"}},
        {{"CREAT", "7", "umol/l", "7.5", ""}, {"7", "7", "umol/L", "7.5", "", "LOW"}},
        {{"CREAT", "7.50", "umol/l", "7.5", "9"}, {"7.5", "7.5", "umol/L", "7.5", "9", "NORMAL"}},
        {{"CREAT", "9", "umol/l", "7.5", "9.0"}, {"9", "9", "umol/L", "7.5", "9", "NORMAL"}},
        {{"CREAT", "7", "umol/l", "", ""}, {"7", "7", "umol/L", "", "", ""}},
        {{"CRP", "<0.1", "mg/dl", "", "0.50"}, {"<1", "", "mg/L", "", "5", ""}},
        {{"CRP", ">= 10", "mg/dl", "", ""}, {">=100", "", "mg/L", "", "", ""}},
        {{"TEMP", "100", "F", "", ""}, {"37.78", "37.78", "C", "", "", ""}},
        {{"HCT", "41.50", "%", "", ""}, {"41.5", "41.5", "%", "", "", ""}},
        {{"CREAT", "", "umol/l", "", "105"}, {"", "", "", "", "", ""}},
        {{"COLOUR", "yellow", "", "", ""}, {"yellow", "", "", "", "", ""}},
    };
    standardize();
    for (size_t i = 0; i < SM_ARRAY_LEN(row); i++)
        kit_row(&kit, "", row[i].in);
    kit_run(&kit);
    for (uint32_t i = 0; i < SM_ARRAY_LEN(row); i++)
        expect_std(i, row[i].want);
    assert_int_equal(kit.batch.diags.n, 0);
}

static void what_cannot_be_converted_is_reported_and_never_relabelled(void **state) {
    (void)state;
    static const struct {
        const char *in[5], *want[6], *column;
        unsigned code;
    } row[] = {
        {{"CREAT", "0.9", "mg%", "", "1.2"}, {"", "", "", "", "", ""}, "orresu", SM_D_UNKNOWN_UNIT},
        {{"CREAT", "8O", "umol/l", "", "105"},
         {"8O", "", "", "", "105", ""},
         "orres",
         SM_D_NOT_A_NUMBER},
        {{"CREAT", "9", "", "", ""}, {"", "", "", "", "", ""}, "orres", SM_D_UNKNOWN_UNIT},
        {{"CREAT", "9", "umol/l", "low", "9"},
         {"9", "9", "umol/L", "", "9", "NORMAL"},
         "ornrlo",
         SM_D_NOT_A_NUMBER},
    };
    standardize();
    for (size_t i = 0; i < SM_ARRAY_LEN(row); i++)
        kit_row(&kit, "", row[i].in);
    kit_run(&kit);
    assert_int_equal(kit.batch.diags.n, SM_ARRAY_LEN(row));
    for (uint32_t i = 0; i < SM_ARRAY_LEN(row); i++) {
        expect_std(i, row[i].want);
        assert_int_equal(kit_diag(&kit, i)->code, row[i].code);
        assert_int_equal(kit_diag(&kit, i)->effect, SM_EFFECT_BLANK);
        assert_int_equal(kit_diag(&kit, i)->line, i + 2);
        kit_is(kit_diag(&kit, i)->column, row[i].column);
    }
}

static void declared_words_and_unconverted_results_may_stay(void **state) {
    (void)state;
    static const char *const word[] = {"NEGATIVE"};
    struct sm_rule *r = standardize();
    r->words = kit_list(&kit, "WORDS", false, word, 1);
    r->keep_unconverted = true;
    KIT_ROW(&kit, "", "CREAT", "negative", "mg/dl", "", "");
    KIT_ROW(&kit, "", "CREAT", "0.90", "mg%", "", "0.80");
    kit_run(&kit);
    static const char *const want[][6] = {{"NEGATIVE", "", "", "", "", ""},
                                          {"0.9", "0.9", "mg%", "", "0.8", "HIGH"}};
    expect_std(0, want[0]);
    expect_std(1, want[1]);
    assert_int_equal(kit.batch.diags.n, 1);
    assert_int_equal(kit_diag(&kit, 0)->effect, SM_EFFECT_KEPT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(study_day_has_no_zero_and_needs_whole_dates, open_kit,
                                        close_kit),
        cmocka_unit_test_setup_teardown(subject_assigned_by_a_rule_has_references_too, open_kit,
                                        close_kit),
        cmocka_unit_test_setup_teardown(references_of_a_template_are_not_those_of_the_one_before,
                                        open_kit, close_kit),
        cmocka_unit_test_setup_teardown(epochs_follow_each_other_and_hold_their_bounds, open_kit,
                                        close_kit),
        cmocka_unit_test_setup_teardown(dates_give_order_duration_and_age, open_kit, close_kit),
        cmocka_unit_test_setup_teardown(visit_label_gives_its_row_local_or_standard, open_kit,
                                        close_kit),
        cmocka_unit_test_setup_teardown(results_are_converted_exactly_with_their_limits, open_kit,
                                        close_units),
        cmocka_unit_test_setup_teardown(what_cannot_be_converted_is_reported_and_never_relabelled,
                                        open_kit, close_units),
        cmocka_unit_test_setup_teardown(declared_words_and_unconverted_results_may_stay, open_kit,
                                        close_units),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
