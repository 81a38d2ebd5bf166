/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "sdtmill/err.h"
#include "sdtmill/model.h"

static struct sm_arena arena;
static struct sm_err err;
static char path[64];

static int setup(void **state) {
    (void)state;
    sm_arena_init(&arena);
    sm_err_reset(&err);
    snprintf(path, sizeof path, "/tmp/sdtmill-test-model-%ld", (long)getpid());
    return 0;
}

static int teardown(void **state) {
    (void)state;
    sm_arena_free(&arena);
    unlink(path);
    return 0;
}

static int load(const char *text, const struct sm_model **ret) {
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    return sm_model_load(ret, path, &arena, &err);
}

#define ROOT "<standard xmlns='urn:sdtmill:standard:1' name='SDTMIG' version='3.4'>\n"
#define VARS                                                                                       \
    "<variable name='STUDYID' label='Study' type='Char' role='Identifier' core='Req'/>\n"          \
    "<variable name='AESEQ' label='Sequence' type='Num' core='Req'/>\n"                            \
    "<variable name='AESTDTC' label='Start' type='Char' values='ISO 8601 datetime or "             \
    "interval'/>\n"                                                                                \
    "<variable name='AEDUR' label='Duration' type='Char' values='ISO 8601 duration'/>\n"           \
    "<variable name='AESEV' label='Severity' type='Char' codelist='C66769'/>\n"
#define DS(name)                                                                                   \
    "<dataset name='" name "' label='Events' class='Events' structure='One' keys='STUDYID AESEQ' " \
                           "repeating='yes' reference='no'>\n"

static void datasets_and_variables_are_found(void **state) {
    (void)state;
    const struct sm_model *m = NULL;
    assert_int_equal(load(ROOT DS("AE") VARS "</dataset></standard>", &m), SM_OK);
    assert_true(sm_str_eq_c(m->name, "SDTMIG") && sm_str_eq_c(m->version, "3.4"));
    const struct sm_model_ds *d = sm_model_find(m, SM_STR("AE"));
    assert_non_null(d);
    assert_true(d->repeating && !d->reference && d->nvar == 5);
    const struct sm_model_var *v = sm_model_ds_var(d, SM_STR("AESEQ"));
    assert_non_null(v);
    assert_true(v->is_num && v->order == 2 && sm_str_eq_c(v->core, "Req"));
    assert_true(sm_str_eq_c(sm_model_ds_var(d, SM_STR("AESEV"))->codelist, "C66769"));
    assert_null(sm_model_ds_var(d, SM_STR("AETERM")));
    assert_null(sm_model_find(m, SM_STR("DM")));
}

static void dates_are_told_from_durations(void **state) {
    (void)state;
    const struct sm_model *m = NULL;
    assert_int_equal(load(ROOT DS("AE") VARS "</dataset></standard>", &m), SM_OK);
    const struct sm_model_ds *d = sm_model_find(m, SM_STR("AE"));
    assert_true(sm_model_var_is_dtc(sm_model_ds_var(d, SM_STR("AESTDTC"))));
    assert_false(sm_model_var_is_dtc(sm_model_ds_var(d, SM_STR("AEDUR"))));
    assert_false(sm_model_var_is_dtc(sm_model_ds_var(d, SM_STR("AESEQ"))));
}

static void mistakes_name_file_and_line(void **state) {
    (void)state;
    static const struct {
        const char *text, *line, *what;
    } bad[] = {
        {"nothing", ":1:", ""},
        {"<standard name='x' version='1'/>", ":1:", "expected element standard"},
        {ROOT "<thing/></standard>", ":2:", "expected element dataset"},
        {ROOT DS("AE") "</dataset></standard>", ":2:", "no variables"},
        {ROOT DS("AE") "<variable name='X' type='Char'/></dataset></standard>", ":3:", "label"},
        {ROOT DS("AE") "<variable name='X' label='x' type='Text'/></dataset></standard>",
         ":3:", "Char or Num"},
        {ROOT DS("AE") VARS VARS "</dataset></standard>", ":8:", "stands twice: STUDYID"},
        {ROOT DS("AE") VARS "</dataset>" DS("AE") VARS "</dataset></standard>",
         ":8:", "stands twice: AE"},
        {ROOT DS("AE") "<variable name='X' label='x' type='Char'/></dataset></standard>",
         ":2:", "key STUDYID"},
        {"<!DOCTYPE standard [<!ENTITY a 'b'>]>" ROOT DS("AE") VARS "</dataset></standard>",
         ":1:", "document type"},
        {ROOT DS("AE") VARS "</dataset>", "", "standard"}};
    for (size_t i = 0; i < SM_ARRAY_LEN(bad); i++) {
        const struct sm_model *m = NULL;
        sm_err_reset(&err);
        if (load(bad[i].text, &m) != SM_ESPEC) fail_msg("taken: %s", bad[i].text);
        assert_null(m);
        if (!strstr(err.text, bad[i].line) || !strstr(err.text, bad[i].what))
            fail_msg("%s: %s", bad[i].what, err.text);
    }
    const struct sm_model *m = NULL;
    sm_err_reset(&err);
    assert_int_equal(sm_model_load(&m, "/nonexistent/standard.xml", &arena, &err), SM_ESPEC);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(datasets_and_variables_are_found, setup, teardown),
        cmocka_unit_test_setup_teardown(dates_are_told_from_durations, setup, teardown),
        cmocka_unit_test_setup_teardown(mistakes_name_file_and_line, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
