/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sdtmill/derive.h"

#define NAME(literal) {(literal), sizeof(literal) - 1}

enum { NVAR = 4, ROWS_MOST = 8 };

struct table { sm_val cell[ROWS_MOST * NVAR]; sm_pos pos[ROWS_MOST]; uint32_t n; bool given; };
struct world {
    struct sm_texts *texts;
    struct sm_intern *in;
    struct sm_spec spec;
    struct sm_domain d[2];
    struct sm_diags diags;
    struct sm_recs out;
    struct table ae, ds;
};

static const struct sm_var ae_var[NVAR] = {{.name = NAME("STUDYID")}, {.name = NAME("USUBJID")}, {.name = NAME("AESEQ")}, {.name = NAME("AESPID")}};
static const struct sm_var ds_var[NVAR] = {{.name = NAME("STUDYID")}, {.name = NAME("USUBJID")}, {.name = NAME("DSSEQ")}, {.name = NAME("DSSPID")}};
static const uint32_t spid[] = {3};

static void world_open(struct world *w) {
    *w = (struct world){0};
    assert_int_equal(sm_texts_open(&w->texts, NULL), SM_OK);
    assert_int_equal(sm_intern_open(&w->in, w->texts, NULL), SM_OK);
    sm_diags_init(&w->diags);
    w->d[0] = (struct sm_domain){.name = SM_STR("AE"), .var = ae_var, .nvar = NVAR, .usubjid = 1, .seq = 2};
    w->d[1] = (struct sm_domain){.name = SM_STR("DS"), .var = ds_var, .nvar = NVAR, .usubjid = 1, .seq = 2};
    w->spec = (struct sm_spec){.texts = w->texts, .in = w->in, .domain = w->d, .ndomain = 2};
}

static void world_close(struct world *w) {
    sm_recs_free(&w->out);
    sm_diags_free(&w->diags);
    sm_intern_close(w->in);
    sm_texts_close(w->texts);
}

static void add(struct world *w, struct table *t, const char *subject, const char *seq, const char *id) {
    sm_val *c = t->cell + (size_t)t->n * NVAR;
    c[0] = sm_val_make(w->in, SM_STR("ST"));
    c[1] = sm_val_make(w->in, sm_str(subject));
    c[2] = sm_val_make(w->in, sm_str(seq));
    c[3] = sm_val_make(w->in, sm_str(id));
    t->pos[t->n] = t->n + 1;
    t->n++;
}

static int table_next(void *ctx, struct sm_block *ret, struct sm_err *err) {
    struct table *t = ctx;
    (void)err;
    if (t->given || t->n == 0) return SM_EOF;
    t->given = true;
    *ret = (struct sm_block){t->cell, t->pos, t->n, NVAR};
    return SM_OK;
}

static void run(struct world *w, const char *id, const char *type) {
    struct sm_relate rel = {.to = 1, .mine = spid, .theirs = spid, .npair = 1, .id = sm_str(id), .type = sm_str(type)};
    assert_int_equal(sm_relate_rows(&w->spec, &w->d[0], &rel, (struct sm_blocks){table_next, &w->ae}, (struct sm_blocks){table_next, &w->ds},
                                    w->in, &w->out, &w->diags, NULL), SM_OK);
}

static void assert_rows(struct world *w, const char *want) {
    char got[2000] = "";
    size_t n = 0;
    for (uint32_t i = 0; i < w->out.nrow; i++)
        for (uint32_t c = 1; c < SM_RELREC_COUNT; c++) {
            struct sm_valbuf b;
            struct sm_str s = sm_val_text(w->texts, w->out.col[c][i], &b);
            n += (size_t)snprintf(got + n, sizeof got - n, "%.*s%s", (int)s.n, s.p, c + 1 == SM_RELREC_COUNT ? "\n" : "|");
        }
    assert_string_equal(got, want);
}

static void records_with_equal_values_are_one_relation(void **state) {
    (void)state;
    struct world w;
    world_open(&w);
    add(&w, &w.ae, "S1", "1", "A");
    add(&w, &w.ae, "S1", "2", "B");
    add(&w, &w.ae, "S1", "3", "A");
    add(&w, &w.ae, "S2", "1", "B");
    add(&w, &w.ds, "S1", "4", "B");
    add(&w, &w.ds, "S1", "5", "A");
    add(&w, &w.ds, "S1", "6", "A");
    add(&w, &w.ds, "S2", "9", "B");
    run(&w, NULL, NULL);
    assert_rows(&w, "DS|S1|DSSEQ|5||AEDS1\nDS|S1|DSSEQ|6||AEDS1\nAE|S1|AESEQ|1||AEDS1\n"
                    "DS|S1|DSSEQ|4||AEDS2\nAE|S1|AESEQ|2||AEDS2\nAE|S1|AESEQ|3||AEDS1\n"
                    "DS|S2|DSSEQ|9||AEDS1\nAE|S2|AESEQ|1||AEDS1\n");
    assert_int_equal(w.diags.n, 0);
    world_close(&w);
}

static void a_value_nobody_else_has_is_noted_and_a_missing_one_is_not(void **state) {
    (void)state;
    struct world w;
    world_open(&w);
    add(&w, &w.ae, "S1", "1", "");
    add(&w, &w.ae, "S1", "2", "B");
    add(&w, &w.ds, "S1", "1", "");
    add(&w, &w.ds, "S2", "1", "B");
    run(&w, "X", NULL);
    assert_int_equal(w.out.nrow, 0);
    assert_int_equal(w.diags.n, 1);
    assert_int_equal(w.diags.first->code, SM_D_RELATE_NONE);
    assert_true(sm_str_eq_c(w.diags.first->value, "B"));
    assert_true(sm_str_eq_c(w.diags.first->subject, "S1"));
    world_close(&w);
}

static void a_type_relates_the_datasets_as_a_whole(void **state) {
    (void)state;
    struct world w;
    world_open(&w);
    add(&w, &w.ae, "S1", "1", "A");
    add(&w, &w.ds, "S1", "1", "A");
    run(&w, "R1", "MANY");
    assert_rows(&w, "AE||AESPID||MANY|R1\nDS||DSSPID||ONE|R1\n");
    world_close(&w);
}

static void an_empty_domain_gives_no_relation(void **state) {
    (void)state;
    struct world w;
    world_open(&w);
    add(&w, &w.ds, "S1", "1", "A");
    run(&w, NULL, "ONE");
    w.ae.given = w.ds.given = false;
    run(&w, NULL, NULL);
    assert_int_equal(w.out.nrow, 0);
    world_close(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_with_equal_values_are_one_relation),
        cmocka_unit_test(a_value_nobody_else_has_is_noted_and_a_missing_one_is_not),
        cmocka_unit_test(a_type_relates_the_datasets_as_a_whole),
        cmocka_unit_test(an_empty_domain_gives_no_relation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
