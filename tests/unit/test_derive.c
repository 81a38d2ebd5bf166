/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sdtmill/derive.h"
#include "sdtmill/err.h"
#include "sdtmill/mem.h"

#define NAME(literal) {(literal), sizeof(literal) - 1}

enum { V_STUDYID, V_USUBJID, V_TEST, V_SEQ, V_STAT, V_RES, V_DTC, V_NUM, V_FLAG, NVAR };
enum { ROWS_MOST = 6000 };

static const struct sm_var lb_var[NVAR] = {
    {.name = NAME("STUDYID")}, {.name = NAME("USUBJID")}, {.name = NAME("LBTESTCD")}, {.name = NAME("LBSEQ"), .is_num = true},
    {.name = NAME("LBSTAT")},  {.name = NAME("LBORRES")}, {.name = NAME("LBDTC"), .is_dtc = true}, {.name = NAME("LBNUM"), .is_num = true},
    {.name = NAME("LBLOBXFL")}};
static const uint32_t keys[] = {V_STUDYID, V_USUBJID, V_TEST, V_DTC};
static const uint32_t by_test[] = {V_TEST};
static const uint32_t by_number[] = {V_NUM};

struct world {
    struct sm_texts *texts;
    struct sm_intern *in;
    struct sm_arena arena;
    struct sm_spec spec;
    struct sm_var var[NVAR];
    struct sm_domain d;
    struct sm_derive rule[2];
    struct sm_lut *refs;
    struct sm_diags diags;
    sm_val cell[ROWS_MOST * NVAR], out[ROWS_MOST * NVAR];
    sm_pos pos[ROWS_MOST], out_pos[ROWS_MOST];
    uint32_t n, given, step, nout;
};

/* What expressions name: variables of the domain, and the reference DM.RFXSTDTC. */
static struct sm_slot resolve(void *ctx, struct sm_str name, char force, struct sm_str *ret_nearest) {
    (void)ctx;
    *ret_nearest = (struct sm_str){NULL, 0};
    if (force == '.') return (struct sm_slot){SM_SLOT_REF, 0};
    for (uint32_t i = 0; i < NVAR; i++)
        if (sm_str_eq(lb_var[i].name, name)) return (struct sm_slot){SM_SLOT_VAR, i};
    return (struct sm_slot){SM_SLOT_NONE, 0};
}

static const struct sm_expr *expr(struct world *w, const char *text) {
    struct sm_expr_scope scope = {.resolve = resolve, .in = w->in};
    struct sm_err err = {0};
    uint32_t at = 0;
    const struct sm_expr *e = sm_expr_compile(&w->arena, sm_str(text), &scope, &at, &err);
    if (!e) fail_msg("%s: %s", text, err.text);
    return e;
}

static struct world *world_open(void) {
    struct world *w = sm_alloc(1, sizeof *w);
    assert_non_null(w);
    assert_int_equal(sm_texts_open(&w->texts, NULL), SM_OK);
    assert_int_equal(sm_intern_open(&w->in, w->texts, NULL), SM_OK);
    assert_int_equal(sm_lut_open(&w->refs, w->texts, 1, 1, false, NULL), SM_OK);
    sm_diags_init(&w->diags);
    memcpy(w->var, lb_var, sizeof lb_var);
    w->spec = (struct sm_spec){.texts = w->texts, .in = w->in, .nref = 1};
    w->d = (struct sm_domain){.name = NAME("LB"), .dataset = NAME("LB"), .var = w->var, .nvar = NVAR, .key = keys, .nkey = SM_ARRAY_LEN(keys),
                              .usubjid = V_USUBJID, .seq = V_SEQ, .derive = w->rule};
    w->step = 3;
    return w;
}

static void world_close(struct world *w) {
    sm_lut_close(w->refs);
    sm_diags_free(&w->diags);
    sm_arena_free(&w->arena);
    sm_intern_close(w->in);
    sm_texts_close(w->texts);
    sm_free(w);
}

static sm_val val(struct world *w, const char *s) { return sm_val_make(w->in, sm_str(s)); }

static void add(struct world *w, const char *subject, const char *test, const char *result, const char *date) {
    sm_val *c = w->cell + (size_t)w->n * NVAR;
    assert_true(w->n < ROWS_MOST);
    memset(c, 0, NVAR * sizeof *c);
    c[V_STUDYID] = val(w, "ST");
    c[V_USUBJID] = val(w, subject);
    c[V_TEST] = val(w, test);
    c[V_RES] = val(w, result);
    c[V_DTC] = sm_val_as_dtc(w->texts, val(w, date));
    w->pos[w->n] = sm_pos_make(0, w->n + 2, 0);
    w->n++;
}

static void reference(struct world *w, const char *subject, const char *date) {
    sm_val key = val(w, subject), v = sm_val_as_dtc(w->texts, val(w, date)), *old;
    assert_int_equal(sm_lut_add(w->refs, &key, &v, &old, NULL), SM_OK);
}

static int give(void *ctx, struct sm_block *ret, struct sm_err *err) {
    struct world *w = ctx;
    (void)err;
    if (w->given >= w->n) return SM_EOF;
    uint32_t k = w->n - w->given < w->step ? w->n - w->given : w->step;
    *ret = (struct sm_block){w->cell + (size_t)w->given * NVAR, w->pos + w->given, k, NVAR};
    w->given += k;
    return SM_OK;
}

static int run_rc(struct world *w, uint32_t nderive) {
    static const struct sm_str files[] = {NAME("lab.csv")};
    struct sm_deriver *v = NULL;
    struct sm_block b;
    w->d.nderive = nderive;
    w->given = w->nout = 0;
    int rc = sm_deriver_open(&v, &w->spec, &w->d, w->refs, NULL, w->in, (struct sm_blocks){give, w}, files, &w->diags, NULL);
    assert_int_equal(rc, SM_OK);
    struct sm_blocks in = sm_deriver_blocks(v);
    while ((rc = in.next(in.ctx, &b, NULL)) == SM_OK) {
        assert_true(b.nrow > 0 && b.nrow <= 1024 && b.ncol == NVAR);
        memcpy(w->out + (size_t)w->nout * NVAR, b.cell, (size_t)b.nrow * NVAR * sizeof(sm_val));
        memcpy(w->out_pos + w->nout, b.pos, b.nrow * sizeof(sm_pos));
        w->nout += b.nrow;
    }
    sm_deriver_close(v);
    return rc;
}

static void run(struct world *w, uint32_t nderive) {
    assert_int_equal(run_rc(w, nderive), SM_EOF);
    assert_int_equal(w->nout, w->n);
    assert_memory_equal(w->out_pos, w->pos, w->n * sizeof *w->pos);
}

/* All values of one variable, joined; a hyphen for missing. */
static void assert_column(struct world *w, uint32_t c, const char *want) {
    char got[4000] = "";
    size_t n = 0;
    for (uint32_t i = 0; i < w->nout; i++) {
        struct sm_valbuf b;
        struct sm_str s = sm_val_text(w->texts, w->out[(size_t)i * NVAR + c], &b);
        n += (size_t)snprintf(got + n, sizeof got - n, "%s%.*s", i ? " " : "", (int)(s.n ? s.n : 1), s.n ? s.p : "-");
    }
    assert_string_equal(got, want);
}

/* ---- sequence ----------------------------------------------------------------------------------- */

static void numbers_begin_anew_with_each_subject(void **state) {
    (void)state;
    struct world *w = world_open();
    for (int i = 0; i < 4; i++) add(w, "S1", "A", "1", "");
    for (int i = 0; i < 2; i++) add(w, "S2", "A", "1", "");
    add(w, "S3", "A", "1", "");
    w->rule[0] = (struct sm_derive){.kind = SM_DERIVE_SEQUENCE, .var = V_SEQ, .date = SM_NO, .stat = SM_NO, .result = SM_NO};
    run(w, 1);
    assert_column(w, V_SEQ, "1 2 3 4 1 2 1");
    world_close(w);
}

static void by_variables_take_the_subjects_place(void **state) {
    (void)state;
    struct world *w = world_open();
    add(w, "S1", "A", "1", "");
    add(w, "S1", "B", "1", "");
    add(w, "S2", "A", "1", "");
    add(w, "S2", "A", "1", "");
    add(w, "S2", "B", "1", "");
    w->rule[0] = (struct sm_derive){.kind = SM_DERIVE_SEQUENCE, .var = V_SEQ, .by = by_test, .nby = 1};
    run(w, 1);
    assert_column(w, V_SEQ, "1 1 2 3 2");
    world_close(w);
}

static void another_order_numbers_without_moving_records(void **state) {
    (void)state;
    struct world *w = world_open();
    static const char *const number[] = {"10", "9", "", "9.0", "x"};
    for (uint32_t s = 0; s < 2; s++)
        for (uint32_t i = 0; i < 5; i++) {
            add(w, s ? "S2" : "S1", "A", "1", "");
            w->cell[(size_t)(w->n - 1) * NVAR + V_NUM] = val(w, number[i]);
        }
    w->rule[0] = (struct sm_derive){.kind = SM_DERIVE_SEQUENCE, .var = V_SEQ, .order = by_number, .norder = 1};
    run(w, 1);
    assert_column(w, V_SEQ, "4 2 1 3 5 4 2 1 3 5");
    w->rule[0].by = by_test;
    w->rule[0].nby = 1;
    run(w, 1);
    assert_column(w, V_SEQ, "7 3 1 4 9 8 5 2 6 10");
    world_close(w);
}

static void raw_rows_can_give_the_order(void **state) {
    (void)state;
    struct world *w = world_open();
    static const uint32_t line[] = {7, 3, 9, 3}, by_source[] = {SM_NO};
    for (uint32_t i = 0; i < 4; i++) {
        add(w, "S1", "A", "1", "");
        w->pos[i] = sm_pos_make(0, line[i], i);
    }
    add(w, "S2", "A", "1", "");
    w->pos[4] = sm_pos_make(1, 1, 0);
    add(w, "S2", "A", "1", "");
    w->pos[5] = sm_pos_make(0, 12, 0);
    w->rule[0] = (struct sm_derive){.kind = SM_DERIVE_SEQUENCE, .var = V_SEQ, .order = by_source, .norder = 1};
    run(w, 1);
    assert_column(w, V_SEQ, "3 1 4 2 2 1");
    world_close(w);
}

static void a_domain_without_derivations_is_passed_on(void **state) {
    (void)state;
    struct world *w = world_open();
    add(w, "S1", "A", "1", "2020-01-01");
    add(w, "S2", "A", "1", "2020-01-02");
    run(w, 0);
    assert_memory_equal(w->out, w->cell, 2 * NVAR * sizeof *w->out);
    world_close(w);
}

/* ---- flags -------------------------------------------------------------------------------------- */

static void flag_rule(struct world *w, enum sm_derive_kind kind, const char *ref, const char *where, bool ties) {
    w->rule[0] = (struct sm_derive){.kind = kind, .var = V_FLAG, .by = by_test, .nby = 1, .date = V_DTC, .stat = V_STAT, .result = V_RES,
                                    .reference = ref ? expr(w, ref) : NULL, .filter = where ? expr(w, where) : NULL, .all_ties = ties};
}

static void the_last_record_before_exposure_is_flagged(void **state) {
    (void)state;
    struct world *w = world_open();
    reference(w, "S1", "2020-03-10T09:00");
    reference(w, "S2", "2020-05-01");
    add(w, "S1", "A", "1", "2020-03-01");
    add(w, "S1", "A", "1", "2020-03-10T08:59");
    add(w, "S1", "A", "1", "2020-03-10T09:01");
    add(w, "S1", "B", "1", "2020-03-10");       /* no time: the day is enough */
    add(w, "S1", "B", "1", "2020-03-11");
    add(w, "S2", "A", "1", "2020-05-01T23:00"); /* the reference has no time */
    add(w, "S2", "A", "1", "2020-05-02");
    add(w, "S2", "B", "1", "2020-05-02");
    flag_rule(w, SM_DERIVE_LAST_BEFORE, "DM.RFXSTDTC", NULL, false);
    run(w, 1);
    assert_column(w, V_FLAG, "- Y - Y - Y - -");
    assert_int_equal(w->diags.n, 0);
    world_close(w);
}

static void partial_dates_not_done_and_empty_results_are_never_flagged(void **state) {
    (void)state;
    struct world *w = world_open();
    reference(w, "S1", "2020-03-10");
    add(w, "S1", "A", "1", "2020-03-01");
    add(w, "S1", "A", "1", "2020-03");
    add(w, "S1", "A", "1", "");
    add(w, "S1", "A", "", "2020-03-05");
    add(w, "S1", "A", "1", "2020-03-06");
    w->cell[4 * NVAR + V_STAT] = val(w, "NOT DONE");
    flag_rule(w, SM_DERIVE_LAST_BEFORE, "DM.RFXSTDTC", NULL, false);
    run(w, 1);
    assert_column(w, V_FLAG, "Y - - - -");
    world_close(w);
}

static void on_a_day_with_an_unknown_time_the_record_order_decides(void **state) {
    (void)state;
    struct world *w = world_open();
    reference(w, "S1", "2020-03-10");
    add(w, "S1", "A", "1", "2020-03-09T10:00");
    add(w, "S1", "A", "2", "2020-03-09");
    add(w, "S1", "A", "3", "2020-03-09T08:00");
    add(w, "S1", "B", "1", "2020-03-09T10:00");
    add(w, "S1", "B", "2", "2020-03-09T08:00");
    add(w, "S1", "C", "1", "2020-03-09T10:00");
    add(w, "S1", "C", "2", "2020-03-09T10:00");
    flag_rule(w, SM_DERIVE_LAST_BEFORE, "DM.RFXSTDTC", NULL, false);
    run(w, 1);
    assert_column(w, V_FLAG, "- - Y Y - - Y");
    flag_rule(w, SM_DERIVE_LAST_BEFORE, "DM.RFXSTDTC", NULL, true);
    run(w, 1);
    assert_column(w, V_FLAG, "Y Y Y Y - Y Y");
    world_close(w);
}

static void where_limits_the_candidates(void **state) {
    (void)state;
    struct world *w = world_open();
    reference(w, "S1", "2020-03-10");
    add(w, "S1", "A", "1", "2020-03-01");
    add(w, "S1", "A", "2", "2020-03-02");
    flag_rule(w, SM_DERIVE_BASELINE, "DM.RFXSTDTC", "LBORRES = '1'", false);
    run(w, 1);
    assert_column(w, V_FLAG, "Y -");
    world_close(w);
}

static void without_a_reference_where_alone_decides(void **state) {
    (void)state;
    struct world *w = world_open();
    add(w, "S1", "A", "1", "2020-03-05");
    add(w, "S1", "A", "1", "2020-03-02");
    add(w, "S1", "A", "1", "");
    add(w, "S1", "A", "2", "2020-03-09");
    add(w, "S1", "B", "1", "");
    add(w, "S1", "B", "1", "");
    flag_rule(w, SM_DERIVE_BASELINE, NULL, "LBORRES = '1'", false);
    run(w, 1);
    assert_column(w, V_FLAG, "Y - - - - Y");
    flag_rule(w, SM_DERIVE_BASELINE, NULL, "LBORRES = '1'", true);
    run(w, 1);
    assert_column(w, V_FLAG, "Y Y Y - Y Y");
    assert_int_equal(w->diags.n, 0);
    world_close(w);
}

static void a_subject_without_reference_is_noted_once(void **state) {
    (void)state;
    struct world *w = world_open();
    reference(w, "S2", "2020-03");
    reference(w, "S3", "2020-03-10");
    add(w, "S1", "A", "1", "2020-03-01");
    add(w, "S1", "B", "1", "2020-03-01");
    add(w, "S2", "A", "1", "2020-03-01");
    add(w, "S3", "A", "1", "2020-03-01");
    flag_rule(w, SM_DERIVE_LAST_BEFORE, "DM.RFXSTDTC", NULL, false);
    w->rule[1] = w->rule[0];
    run(w, 2);
    assert_column(w, V_FLAG, "- - - Y");
    assert_int_equal(w->diags.n, 2);
    const struct sm_diag *d = w->diags.first;
    assert_int_equal(d->code, SM_D_NO_REFERENCE);
    assert_int_equal(d->sev, SM_SEV_NOTE);
    assert_true(sm_str_eq_c(d->subject, "S1") && sm_str_eq_c(d->file, "lab.csv") && sm_str_eq_c(d->domain, "LB"));
    assert_true(sm_str_eq_c(d->next->subject, "S2"));
    world_close(w);
}

static void subjects_that_are_not_together_are_derived_all_the_same(void **state) {
    (void)state;
    static const uint32_t test_first[] = {V_TEST, V_USUBJID};
    struct world *w = world_open();
    w->d.key = test_first;
    w->d.nkey = 2;
    reference(w, "S1", "2020-03-10");
    reference(w, "S2", "2020-03-20");
    add(w, "S1", "A", "1", "2020-03-01");
    add(w, "S2", "A", "1", "2020-03-15");
    add(w, "S1", "B", "1", "2020-03-01");
    add(w, "S2", "B", "1", "2020-03-25");
    flag_rule(w, SM_DERIVE_LAST_BEFORE, "DM.RFXSTDTC", NULL, false);
    w->rule[1] = (struct sm_derive){.kind = SM_DERIVE_SEQUENCE, .var = V_SEQ};
    run(w, 2);
    assert_column(w, V_FLAG, "Y Y Y -");
    assert_column(w, V_SEQ, "1 1 2 2");
    world_close(w);
}

static void blocks_of_any_size_give_the_same(void **state) {
    (void)state;
    struct world *w = world_open();
    sm_val *first = sm_alloc(ROWS_MOST * NVAR, sizeof *first);
    char subject[16], date[16], test[4];
    for (uint32_t i = 0; i < ROWS_MOST; i++) {
        (void)snprintf(subject, sizeof subject, "S%04u", i < 3000 ? i / 7 : 9000 + i / 1500);
        (void)snprintf(date, sizeof date, "2020-%02u-%02u", 1 + i * 7 % 12, 1 + i * 13 % 28);
        (void)snprintf(test, sizeof test, "T%u", i * 31 % 3);
        if (i % 7 == 0) reference(w, subject, "2020-06-15");
        add(w, subject, test, "1", date);
    }
    flag_rule(w, SM_DERIVE_LAST_BEFORE, "DM.RFXSTDTC", NULL, false);
    w->rule[1] = (struct sm_derive){.kind = SM_DERIVE_SEQUENCE, .var = V_SEQ};
    static const uint32_t step[] = {1, 3, 700, 1024, ROWS_MOST};
    for (size_t k = 0; k < SM_ARRAY_LEN(step); k++) {
        w->step = step[k];
        run(w, 2);
        if (k == 0) memcpy(first, w->out, sizeof w->out);
        assert_memory_equal(first, w->out, sizeof w->out);
    }
    sm_free(first);
    world_close(w);
}

/* ---- ranges of subjects -------------------------------------------------------------------------- */

static const uint32_t by_subject_test[] = {V_USUBJID, V_TEST};
static const uint32_t by_raw[] = {SM_NO};
static const uint32_t order_date[] = {V_DTC};

/* UINT32_MAX: no. */
static uint32_t lead_of(struct world *w, uint32_t nderive) {
    uint32_t lead = 77;
    w->d.nderive = nderive;
    return sm_deriver_by_subject(&w->d, &lead) ? lead : UINT32_MAX;
}

static void ranges_are_cut_between_subjects(void **state) {
    (void)state;
    struct world *w = world_open();
    w->rule[0] = (struct sm_derive){.kind = SM_DERIVE_SEQUENCE, .var = V_SEQ};
    assert_int_equal(lead_of(w, 1), 2);
    flag_rule(w, SM_DERIVE_LAST_BEFORE, "DM.RFXSTDTC", NULL, false);
    assert_int_equal(lead_of(w, 1), 2);
    w->rule[1] = (struct sm_derive){.kind = SM_DERIVE_SEQUENCE, .var = V_SEQ, .by = by_subject_test, .nby = 2};
    assert_int_equal(lead_of(w, 2), 2);
    w->rule[1].order = order_date;
    w->rule[1].norder = 1;
    assert_int_equal(lead_of(w, 2), 2);
    w->rule[1].nby = 0;
    w->rule[1].order = by_raw;
    assert_int_equal(lead_of(w, 2), 2);
    static const uint32_t subject_first[] = {V_USUBJID, V_TEST};
    w->d.key = subject_first;
    w->d.nkey = 2;
    assert_int_equal(lead_of(w, 2), 1);
    world_close(w);
}

static void without_derivations_equal_keys_stay_together(void **state) {
    (void)state;
    struct world *w = world_open();
    assert_int_equal(lead_of(w, 0), SM_ARRAY_LEN(keys));
    w->var[V_RES].split_supp = true;
    assert_int_equal(lead_of(w, 0), SM_ARRAY_LEN(keys));
    w->d.usubjid = SM_NO;
    w->d.nkey = 0;
    assert_int_equal(lead_of(w, 0), 0);
    world_close(w);
}

static void numbers_that_go_on_beyond_the_subject_forbid_ranges(void **state) {
    (void)state;
    struct world *w = world_open();
    static const uint32_t by_study[] = {V_STUDYID};
    w->rule[0] = (struct sm_derive){.kind = SM_DERIVE_SEQUENCE, .var = V_SEQ, .by = by_test, .nby = 1};
    assert_int_equal(lead_of(w, 1), UINT32_MAX);
    w->rule[0].by = by_study;
    assert_int_equal(lead_of(w, 1), UINT32_MAX);
    w->rule[0].order = by_raw;
    w->rule[0].norder = 1;
    assert_int_equal(lead_of(w, 1), UINT32_MAX);
    w->rule[1] = (struct sm_derive){.kind = SM_DERIVE_SEQUENCE, .var = V_SEQ};
    assert_int_equal(lead_of(w, 2), UINT32_MAX);
    world_close(w);
}

static void subjects_that_do_not_stand_together_forbid_ranges(void **state) {
    (void)state;
    struct world *w = world_open();
    static const uint32_t test_first[] = {V_STUDYID, V_TEST, V_USUBJID}, no_subject[] = {V_STUDYID, V_TEST};
    w->rule[0] = (struct sm_derive){.kind = SM_DERIVE_SEQUENCE, .var = V_SEQ};
    w->d.nkey = 3;
    w->d.key = test_first;
    struct sm_rule rule = {.kind = SM_RULE_ASSIGN, .var = V_TEST};
    struct sm_record rec = {.rule = &rule, .nrule = 1};
    struct sm_from from = {.record = &rec, .nrecord = 1};
    w->d.from = &from;
    w->d.nfrom = 1;
    assert_int_equal(lead_of(w, 1), UINT32_MAX);
    w->d.nkey = 2;
    w->d.key = no_subject;
    assert_int_equal(lead_of(w, 1), UINT32_MAX);
    w->d.nkey = 0;
    assert_int_equal(lead_of(w, 1), UINT32_MAX);
    w->d.key = keys;
    w->d.nkey = 2;
    assert_int_equal(lead_of(w, 1), 2);
    w->d.usubjid = SM_NO;
    assert_int_equal(lead_of(w, 1), UINT32_MAX);
    world_close(w);
}

/* Records of two studies: the last subject of one can be the first of the next. */
static void a_key_before_the_subject_must_be_constant(void **state) {
    (void)state;
    struct world *w = world_open();
    struct sm_rule rule[] = {{.kind = SM_RULE_CONSTANT, .var = V_STUDYID, .value = val(w, "ST")}, {.kind = SM_RULE_ASSIGN, .var = V_RES}};
    struct sm_rule other[] = {{.kind = SM_RULE_CONSTANT, .var = V_STUDYID, .value = val(w, "ST")}};
    struct sm_record rec[] = {{.rule = rule, .nrule = 2}, {.rule = other, .nrule = 1}};
    struct sm_from from = {.record = rec, .nrecord = 2};
    struct sm_guard guard = {0};
    w->d.from = &from;
    w->d.nfrom = 1;
    w->rule[0] = (struct sm_derive){.kind = SM_DERIVE_SEQUENCE, .var = V_SEQ};
    assert_int_equal(lead_of(w, 1), 2);
    other[0].value = val(w, "SU");
    assert_int_equal(lead_of(w, 1), UINT32_MAX);
    other[0].value = rule[0].value;
    other[0].guard = &guard;
    assert_int_equal(lead_of(w, 1), UINT32_MAX);
    other[0].guard = NULL;
    other[0].fold = 'l';
    assert_int_equal(lead_of(w, 1), UINT32_MAX);
    other[0].fold = 0;
    rec[1].nrule = 0;
    assert_int_equal(lead_of(w, 1), UINT32_MAX);
    rec[1].nrule = 1;
    rule[0].kind = SM_RULE_ASSIGN;
    assert_int_equal(lead_of(w, 1), UINT32_MAX);
    rule[0].kind = SM_RULE_CONSTANT;
    rule[1].var = V_STUDYID;
    assert_int_equal(lead_of(w, 1), UINT32_MAX);
    rule[1] = (struct sm_rule){.kind = SM_RULE_MULTIPLE, .var = V_RES, .v = {V_STUDYID}, .nv = 1};
    assert_int_equal(lead_of(w, 1), UINT32_MAX);
    rule[1].nv = 0;
    assert_int_equal(lead_of(w, 1), 2);
    struct sm_rule post = {.kind = SM_RULE_COMPUTE, .var = V_STUDYID};
    w->d.post = &post;
    w->d.npost = 1;
    assert_int_equal(lead_of(w, 1), UINT32_MAX);
    w->d.npost = 0;
    w->d.ngroup = 1;
    w->var[V_STUDYID].has_take = true;
    assert_int_equal(lead_of(w, 1), UINT32_MAX);
    world_close(w);
}

static void keys_that_are_cut_or_derived_forbid_ranges(void **state) {
    (void)state;
    struct world *w = world_open();
    w->rule[0] = (struct sm_derive){.kind = SM_DERIVE_SEQUENCE, .var = V_SEQ};
    w->var[V_TEST].split_supp = true;
    assert_int_equal(lead_of(w, 1), UINT32_MAX);
    assert_int_equal(lead_of(w, 0), UINT32_MAX);
    w->var[V_TEST].split_supp = false;
    assert_int_equal(lead_of(w, 1), 2);
    w->rule[0].var = V_USUBJID;
    assert_int_equal(lead_of(w, 1), UINT32_MAX);
    world_close(w);
}

/* One range, copied to where it is derived. */
static void run_in_place(struct world *w, struct sm_deriver *v, uint32_t from, uint32_t to) {
    struct sm_block b = {w->out + (size_t)from * NVAR, w->pos + from, to - from, NVAR};
    memcpy(w->out + (size_t)from * NVAR, w->cell + (size_t)from * NVAR, (size_t)(to - from) * NVAR * sizeof(sm_val));
    assert_int_equal(sm_deriver_in_place(v, &b, NULL), SM_OK);
    w->nout = to;
}

/* Derives range by range with one deriver, cut at every `every`th subject; findings one after another. */
static void run_ranges(struct world *w, uint32_t every, bool in_place, struct sm_diags *all) {
    static const struct sm_str files[] = {NAME("lab.csv")};
    struct sm_deriver *v = NULL;
    struct sm_block b;
    struct sm_diags *part = sm_alloc(1, sizeof *part);
    const uint32_t n = w->n;
    w->given = w->nout = 0;
    sm_diags_init(part);
    assert_int_equal(sm_deriver_open(&v, &w->spec, &w->d, w->refs, NULL, w->in, (struct sm_blocks){give, w}, files, part, NULL), SM_OK);
    for (uint32_t from = 0, to, subjects; from < n; from = to) {
        for (to = from + 1, subjects = 0; to < n; to++)
            if (w->cell[(size_t)to * NVAR + V_USUBJID] != w->cell[(size_t)(to - 1) * NVAR + V_USUBJID] && ++subjects == every) break;
        w->n = to;
        if (from) sm_deriver_restart(v, part);
        struct sm_blocks in = sm_deriver_blocks(v);
        if (in_place) run_in_place(w, v, from, to);
        while (!in_place && in.next(in.ctx, &b, NULL) == SM_OK) {
            memcpy(w->out + (size_t)w->nout * NVAR, b.cell, (size_t)b.nrow * NVAR * sizeof(sm_val));
            w->nout += b.nrow;
        }
        assert_int_equal(w->nout, to);
        sm_diags_move(all, part);
    }
    sm_deriver_close(v);
    sm_diags_free(part);
    sm_free(part);
}

static void assert_ranges_give_the_same(struct world *w, uint32_t nderive) {
    sm_val *together = sm_alloc(ROWS_MOST * NVAR, sizeof *together);
    assert_int_equal(lead_of(w, nderive), 2);
    sm_diags_clear(&w->diags);
    run(w, nderive);
    memcpy(together, w->out, sizeof w->out);
    for (uint32_t every = 1, k = 0; every < 400; every = every * (k % 2 ? 5 : 1) + k % 2, k++) {
        struct sm_diags apart;
        sm_diags_init(&apart);
        memset(w->out, 0, sizeof w->out);
        run_ranges(w, every, k % 2 == 0, &apart);
        assert_memory_equal(together, w->out, (size_t)w->n * NVAR * sizeof(sm_val));
        assert_int_equal(apart.n, w->diags.n);
        const struct sm_diag *a = apart.first, *b = w->diags.first;
        for (; a && b; a = a->next, b = b->next) assert_true(a->code == b->code && sm_str_eq(a->subject, b->subject));
        sm_diags_free(&apart);
    }
    sm_free(together);
}

static void subjects_derived_apart_give_the_same(void **state) {
    (void)state;
    struct world *w = world_open();
    char subject[16], date[24], test[4];
    for (uint32_t i = 0; i < 3000; i++) {
        (void)snprintf(subject, sizeof subject, "S%04u", i < 1500 ? i / 7 : 9000 + i / 500);
        (void)snprintf(date, sizeof date, i % 5 == 0 ? "2020-%02u-%02uT10:00" : i % 11 == 0 ? "2020-%02u" : "2020-%02u-%02u", 1 + i * 7 % 12,
                       1 + i * 13 % 28);
        (void)snprintf(test, sizeof test, "T%u", i * 31 % 3);
        if (i % 21 == 0) reference(w, subject, "2020-06-15");
        add(w, subject, test, i % 17 ? "1" : "", date);
    }
    w->step = 64;
    w->rule[0] = (struct sm_derive){.kind = SM_DERIVE_SEQUENCE, .var = V_SEQ};
    assert_ranges_give_the_same(w, 1);
    flag_rule(w, SM_DERIVE_LAST_BEFORE, "DM.RFXSTDTC", NULL, false);
    w->rule[1] = (struct sm_derive){.kind = SM_DERIVE_SEQUENCE, .var = V_SEQ, .by = by_subject_test, .nby = 2};
    assert_ranges_give_the_same(w, 2);
    assert_true(w->diags.n > 10);
    flag_rule(w, SM_DERIVE_BASELINE, "DM.RFXSTDTC", "LBTESTCD != 'T1'", true);
    w->rule[1].order = order_date;
    w->rule[1].norder = 1;
    assert_ranges_give_the_same(w, 2);
    w->rule[1].nby = 0;
    assert_ranges_give_the_same(w, 2);
    static const uint32_t test_subject[] = {V_TEST, V_USUBJID};
    w->rule[1] = (struct sm_derive){.kind = SM_DERIVE_SEQUENCE, .var = V_SEQ, .by = test_subject, .nby = 2};
    w->rule[0] = (struct sm_derive){.kind = SM_DERIVE_SEQUENCE, .var = V_NUM};
    assert_ranges_give_the_same(w, 2);
    world_close(w);
}

static void split_texts_are_not_derived_in_place(void **state) {
    (void)state;
    struct world *w = world_open();
    struct sm_deriver *v = NULL;
    w->var[V_RES].split_supp = true;
    assert_int_equal(sm_deriver_open(&v, &w->spec, &w->d, w->refs, NULL, w->in, (struct sm_blocks){give, w}, NULL, &w->diags, NULL), SM_OK);
    add(w, "S1", "A", "1", "");
    struct sm_block b = {w->cell, w->pos, 1, NVAR};
    assert_int_equal(sm_deriver_in_place(v, &b, NULL), SM_ESTATE);
    b.ncol = NVAR + 1;
    assert_int_equal(sm_deriver_in_place(v, &b, NULL), SM_ESTATE);
    sm_deriver_close(v);
    world_close(w);
}

/* ---- grouped records ---------------------------------------------------------------------------- */

static void group(struct world *w) {
    static const uint32_t by[] = {V_USUBJID, V_NUM};
    static const struct sm_str files[] = {NAME("lab.csv")};
    struct sm_grouper *g = NULL;
    struct sm_block b;
    w->d.group = by;
    w->d.ngroup = 2;
    assert_int_equal(sm_grouper_open(&g, &w->spec, &w->d, w->in, (struct sm_blocks){give, w}, files, &w->diags, NULL), SM_OK);
    struct sm_blocks in = sm_grouper_blocks(g);
    while (in.next(in.ctx, &b, NULL) == SM_OK) {
        memcpy(w->out + (size_t)w->nout * NVAR, b.cell, (size_t)b.nrow * NVAR * sizeof(sm_val));
        memcpy(w->out_pos + w->nout, b.pos, b.nrow * sizeof(sm_pos));
        w->nout += b.nrow;
    }
    sm_grouper_close(g);
}

static void add_number(struct world *w, const char *subject, const char *number, const char *test, const char *result, const char *date) {
    add(w, subject, test, result, date);
    w->cell[(size_t)(w->n - 1) * NVAR + V_NUM] = val(w, number);
}

static void records_of_a_group_become_one_as_take_says(void **state) {
    (void)state;
    struct world *w = world_open();
    w->var[V_DTC].has_take = w->var[V_RES].has_take = true;
    w->var[V_DTC].take = SM_TAKE_MIN;
    w->var[V_RES].take = SM_TAKE_SUM;
    add_number(w, "S1", "1", "A", "1.5", "2020-01-03");
    add_number(w, "S1", "1.0", "A", "2", "2020-01-01");
    add_number(w, "S1", "1", "", "", "2020-01-02");
    add_number(w, "S1", "2", "B", "7", "");
    add_number(w, "S2", "2", "B", "1", "2020-02-01");
    group(w);
    assert_column(w, V_USUBJID, "S1 S1 S2");
    assert_column(w, V_NUM, "1 2 2");
    assert_column(w, V_RES, "3.5 7 1");
    assert_column(w, V_DTC, "2020-01-01 - 2020-02-01");
    assert_column(w, V_TEST, "A B B");
    assert_int_equal(w->out_pos[0], w->pos[0]);
    assert_int_equal(w->out_pos[1], w->pos[3]);
    assert_int_equal(w->diags.n, 0);
    world_close(w);
}

static void a_value_that_differs_without_take_is_reported_once(void **state) {
    (void)state;
    struct world *w = world_open();
    add_number(w, "S1", "1", "", "1", "");
    add_number(w, "S1", "1", "A", "1", "");
    add_number(w, "S1", "1", "B", "1", "");
    add_number(w, "S1", "1", "C", "1", "");
    group(w);
    assert_column(w, V_TEST, "A");
    assert_int_equal(w->diags.n, 1);
    const struct sm_diag *d = w->diags.first;
    assert_int_equal(d->code, SM_D_GROUP_DIFFERS);
    assert_int_equal(d->line, 4);
    assert_true(sm_str_eq_c(d->value, "B") && sm_str_eq_c(d->variable, "LBTESTCD") && sm_str_eq_c(d->subject, "S1"));
    world_close(w);
}

static void groups_go_on_over_blocks_and_there_may_be_many(void **state) {
    (void)state;
    struct world *w = world_open();
    char subject[16];
    for (uint32_t i = 0; i < 5000; i++) {
        (void)snprintf(subject, sizeof subject, "S%04u", i / 2);
        add_number(w, subject, "1", "A", "1", "");
    }
    w->step = 333;
    group(w);
    assert_int_equal(w->nout, 2500);
    for (uint32_t i = 0; i < w->nout; i++) assert_int_equal(w->out_pos[i], w->pos[i * 2]);
    world_close(w);
}

/* All but STUDYID are written. */
enum { NWRITTEN = NVAR - 1 };
static struct sm_dsinfo facts_of(const struct world *w, struct sm_dsvar *var) {
    static const uint32_t column[NWRITTEN] = {V_USUBJID, V_TEST, V_SEQ, V_STAT, V_RES, V_DTC, V_NUM, V_FLAG};
    for (uint32_t i = 0; i < NWRITTEN; i++) {
        const struct sm_var *v = &w->var[column[i]];
        var[i] = (struct sm_dsvar){.name = v->name, .is_num = v->is_num, .is_dtc = v->is_dtc, .max_bytes = 200};
    }
    return (struct sm_dsinfo){.var = var, .nvar = NWRITTEN, .column = column, .block_ncol = NVAR};
}

static void numbers_and_flags_alone_change_what_is_known_before(void **state) {
    (void)state;
    struct world *w = world_open();
    struct sm_dsvar var[NWRITTEN];
    w->rule[0] = (struct sm_derive){.kind = SM_DERIVE_SEQUENCE, .var = V_SEQ};
    w->rule[1] = (struct sm_derive){.kind = SM_DERIVE_BASELINE, .var = V_FLAG};
    w->d.nderive = 2;
    struct sm_dsinfo d = facts_of(w, var);
    assert_true(sm_deriver_keeps_facts(&w->d, &d));
    for (uint32_t i = 0; i < NWRITTEN; i++)
        assert_true(var[i].late == (d.column[i] == V_SEQ || d.column[i] == V_FLAG));
    world_close(w);
}

static void what_a_derivation_may_overwrite_or_cut_is_not_known_before(void **state) {
    (void)state;
    struct world *w = world_open();
    struct sm_dsvar var[NWRITTEN];
    w->rule[0] = (struct sm_derive){.kind = SM_DERIVE_SEQUENCE, .var = V_SEQ};
    w->d.nderive = 1;
    struct sm_dsinfo d = facts_of(w, var);
    var[2].present = true;
    assert_false(sm_deriver_keeps_facts(&w->d, &d));
    static const struct sm_derive odd[] = {{.kind = SM_DERIVE_SEQUENCE, .var = V_RES}, {.kind = SM_DERIVE_BASELINE, .var = V_NUM},
                                           {.kind = SM_DERIVE_LAST_BEFORE, .var = V_DTC}};
    for (size_t i = 0; i < SM_ARRAY_LEN(odd); i++) {
        w->rule[0] = odd[i];
        d = facts_of(w, var);
        assert_false(sm_deriver_keeps_facts(&w->d, &d));
    }
    w->rule[0] = (struct sm_derive){.kind = SM_DERIVE_SEQUENCE, .var = V_STUDYID};
    w->var[V_RES].split_supp = true;
    d = facts_of(w, var);
    assert_true(sm_deriver_keeps_facts(&w->d, &d));
    var[4].max_bytes = 201;
    assert_false(sm_deriver_keeps_facts(&w->d, &d));
    world_close(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_begin_anew_with_each_subject),
        cmocka_unit_test(by_variables_take_the_subjects_place),
        cmocka_unit_test(another_order_numbers_without_moving_records),
        cmocka_unit_test(raw_rows_can_give_the_order),
        cmocka_unit_test(a_domain_without_derivations_is_passed_on),
        cmocka_unit_test(the_last_record_before_exposure_is_flagged),
        cmocka_unit_test(partial_dates_not_done_and_empty_results_are_never_flagged),
        cmocka_unit_test(on_a_day_with_an_unknown_time_the_record_order_decides),
        cmocka_unit_test(where_limits_the_candidates),
        cmocka_unit_test(without_a_reference_where_alone_decides),
        cmocka_unit_test(a_subject_without_reference_is_noted_once),
        cmocka_unit_test(subjects_that_are_not_together_are_derived_all_the_same),
        cmocka_unit_test(blocks_of_any_size_give_the_same),
        cmocka_unit_test(ranges_are_cut_between_subjects),
        cmocka_unit_test(without_derivations_equal_keys_stay_together),
        cmocka_unit_test(numbers_that_go_on_beyond_the_subject_forbid_ranges),
        cmocka_unit_test(subjects_that_do_not_stand_together_forbid_ranges),
        cmocka_unit_test(a_key_before_the_subject_must_be_constant),
        cmocka_unit_test(keys_that_are_cut_or_derived_forbid_ranges),
        cmocka_unit_test(subjects_derived_apart_give_the_same),
        cmocka_unit_test(split_texts_are_not_derived_in_place),
        cmocka_unit_test(records_of_a_group_become_one_as_take_says),
        cmocka_unit_test(a_value_that_differs_without_take_is_reported_once),
        cmocka_unit_test(groups_go_on_over_blocks_and_there_may_be_many),
        cmocka_unit_test(numbers_and_flags_alone_change_what_is_known_before),
        cmocka_unit_test(what_a_derivation_may_overwrite_or_cut_is_not_known_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
