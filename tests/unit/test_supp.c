/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sdtmill/derive.h"

#define NAME(literal) {(literal), sizeof(literal) - 1}

enum { V_STUDYID, V_USUBJID, V_SEQ, V_TERM, V_FLAG, V_NOTE, NVAR };

struct world {
    struct sm_texts *texts;
    struct sm_intern *in;
    struct sm_spec spec;
    struct sm_var var[NVAR];
    struct sm_domain d;
    struct sm_diags diags;
    struct sm_recs out;
};

static void world_open(struct world *w) {
    *w = (struct world){0};
    assert_int_equal(sm_texts_open(&w->texts, NULL), SM_OK);
    assert_int_equal(sm_intern_open(&w->in, w->texts, NULL), SM_OK);
    sm_diags_init(&w->diags);
    static const struct sm_var var[NVAR] = {
        {.name = NAME("STUDYID")}, {.name = NAME("USUBJID")}, {.name = NAME("AESEQ"), .is_num = true},
        {.name = NAME("AETERM"), .label = NAME("Reported Term"), .origin_text = NAME("Collected")},
        {.name = NAME("AEFLAG"), .label = NAME("A Flag"), .supp = true},
        {.name = NAME("AENOTE"), .label = NAME("A Note"), .supp = true, .origin_text = NAME("Derived"), .evaluator = NAME("INVESTIGATOR")}};
    memcpy(w->var, var, sizeof var);
    w->d = (struct sm_domain){.name = SM_STR("AE"), .dataset = SM_STR("AE"), .var = w->var, .nvar = NVAR, .nsupp = 2,
                              .usubjid = V_USUBJID, .seq = V_SEQ};
    w->spec = (struct sm_spec){.texts = w->texts, .in = w->in, .study_oid = sm_val_make(w->in, SM_STR("ST"))};
}

static void world_close(struct world *w) {
    sm_recs_free(&w->out);
    sm_diags_free(&w->diags);
    sm_intern_close(w->in);
    sm_texts_close(w->texts);
}

static sm_val val(struct world *w, const char *s) { return sm_val_make(w->in, sm_str(s)); }

/* Row i of the result as "a|b|..." */
static void assert_row(struct world *w, uint32_t i, const char *want) {
    char got[1000];
    size_t n = 0;
    assert_true(i < w->out.nrow);
    for (uint32_t c = 0; c < SM_SUPP_COUNT; c++) {
        struct sm_valbuf b;
        struct sm_str s = sm_val_text(w->texts, w->out.col[c][i], &b);
        n += (size_t)snprintf(got + n, sizeof got - n, "%s%.*s", c ? "|" : "", (int)s.n, s.p);
    }
    assert_string_equal(got, want);
}

static void supplements_come_in_record_order_and_missing_ones_do_not_come(void **state) {
    (void)state;
    struct world w;
    world_open(&w);
    sm_val cell[2 * NVAR] = {val(&w, "ST01"), val(&w, "S1"), val(&w, "1"), val(&w, "Headache"), val(&w, "Y"), val(&w, "seen"),
                             val(&w, "ST01"), val(&w, "S2"), val(&w, "7"), val(&w, "Pain"), SM_MISSING, val(&w, "not seen")};
    sm_pos pos[2] = {5, 6};
    struct sm_block b = {cell, pos, 2, NVAR};
    assert_true(sm_domain_supplements(&w.d));
    assert_int_equal(sm_supp_rows(&w.spec, &w.d, &b, w.in, &w.out, NULL), SM_OK);
    assert_int_equal(w.out.nrow, 3);
    assert_row(&w, 0, "ST01|AE|S1|AESEQ|1|AEFLAG|A Flag|Y|CRF|");
    assert_row(&w, 1, "ST01|AE|S1|AESEQ|1|AENOTE|A Note|seen|Derived|INVESTIGATOR");
    assert_row(&w, 2, "ST01|AE|S2|AESEQ|7|AENOTE|A Note|not seen|Derived|INVESTIGATOR");
    assert_int_equal(w.out.pos[2], 6);
    world_close(&w);
}

static void dm_and_domains_without_seq_have_no_idvar(void **state) {
    (void)state;
    struct world w;
    world_open(&w);
    sm_val cell[NVAR] = {val(&w, "ST01"), val(&w, "S1"), val(&w, "1"), val(&w, "x"), val(&w, "Y"), SM_MISSING};
    sm_pos pos[1] = {5};
    struct sm_block b = {cell, pos, 1, NVAR};
    w.d.name = SM_STR("DM");
    assert_int_equal(sm_supp_rows(&w.spec, &w.d, &b, w.in, &w.out, NULL), SM_OK);
    assert_row(&w, 0, "ST01|DM|S1|||AEFLAG|A Flag|Y|CRF|");
    w.d.name = SM_STR("XX");
    w.d.seq = SM_NO;
    assert_int_equal(sm_supp_rows(&w.spec, &w.d, &b, w.in, &w.out, NULL), SM_OK);
    assert_row(&w, 1, "ST01|XX|S1|||AEFLAG|A Flag|Y|CRF|");
    world_close(&w);
}

/* ---- texts that go on --------------------------------------------------------------------------- */

struct one { struct sm_block b; bool given; };

static int one_block(void *ctx, struct sm_block *ret, struct sm_err *err) {
    struct one *o = ctx;
    (void)err;
    if (o->given) return SM_EOF;
    o->given = true;
    *ret = o->b;
    return SM_OK;
}

/* Runs one record with this term through the deriver: its term then, and the SUPP records in w->out. */
static struct sm_str split(struct world *w, const char *term, struct sm_valbuf *buf) {
    sm_val cell[NVAR] = {val(w, "ST01"), val(w, "S1"), val(w, "1"), val(w, term), SM_MISSING, SM_MISSING};
    sm_pos pos[1] = {5};
    struct one one = {.b = {cell, pos, 1, NVAR}};
    struct sm_deriver *v = NULL;
    struct sm_block b;
    w->var[V_TERM].split_supp = true;
    assert_int_equal(sm_deriver_ncol(&w->d), NVAR + 1);
    assert_int_equal(sm_deriver_open(&v, &w->spec, &w->d, NULL, NULL, w->in, (struct sm_blocks){one_block, &one}, NULL, &w->diags, NULL), SM_OK);
    struct sm_blocks in = sm_deriver_blocks(v);
    assert_int_equal(in.next(in.ctx, &b, NULL), SM_OK);
    assert_int_equal(b.ncol, NVAR + 1);
    assert_int_equal(sm_supp_rows(&w->spec, &w->d, &b, w->in, &w->out, NULL), SM_OK);
    struct sm_str s = sm_val_text(w->texts, b.cell[V_TERM], buf);
    assert_int_equal(in.next(in.ctx, &b, NULL), SM_EOF);
    sm_deriver_close(v);
    return s;
}

static void a_text_of_200_bytes_is_not_split(void **state) {
    (void)state;
    struct world w;
    struct sm_valbuf buf;
    char text[201];
    world_open(&w);
    memset(text, 'x', 200);
    text[200] = '\0';
    assert_int_equal(split(&w, text, &buf).n, 200);
    assert_int_equal(w.out.nrow, 0);
    world_close(&w);
}

static void a_long_text_is_cut_at_a_blank_and_goes_on_in_supp(void **state) {
    (void)state;
    struct world w;
    struct sm_valbuf buf;
    char text[451], want[300];
    world_open(&w);
    memset(text, 'x', 450);
    text[190] = text[385] = ' ';
    text[450] = '\0';
    assert_int_equal(split(&w, text, &buf).n, 190);
    assert_int_equal(w.out.nrow, 2);
    (void)snprintf(want, sizeof want, "ST01|AE|S1|AESEQ|1|AETERM1|Reported Term|%.194s|Collected|", text + 191);
    assert_row(&w, 0, want);
    (void)snprintf(want, sizeof want, "ST01|AE|S1|AESEQ|1|AETERM2|Reported Term|%.64s|Collected|", text + 386);
    assert_row(&w, 1, want);
    world_close(&w);
}

static void a_text_without_blanks_is_cut_between_characters(void **state) {
    (void)state;
    struct world w;
    struct sm_valbuf buf;
    char text[260] = "x";
    world_open(&w);
    for (size_t i = 1; i < 240; i += 2) memcpy(text + i, "\xC3\xA9", 2);
    assert_int_equal(split(&w, text, &buf).n, 199);
    assert_int_equal(w.out.nrow, 1);
    struct sm_valbuf b;
    assert_int_equal(sm_val_text(w.texts, w.out.col[SM_SUPP_QVAL][0], &b).n, strlen(text) - 199);
    world_close(&w);
}

static void a_long_name_gives_way_to_the_number(void **state) {
    (void)state;
    struct world w;
    struct sm_valbuf buf, b;
    char text[401];
    world_open(&w);
    w.var[V_TERM].name = SM_STR("AETERMXY");
    memset(text, 'x', 400);
    text[400] = '\0';
    (void)split(&w, text, &buf);
    struct sm_str s = sm_val_text(w.texts, w.out.col[SM_SUPP_QNAM][0], &b);
    assert_true(sm_str_eq_c(s, "AETERMX1"));
    world_close(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(supplements_come_in_record_order_and_missing_ones_do_not_come),
        cmocka_unit_test(dm_and_domains_without_seq_have_no_idvar),
        cmocka_unit_test(a_text_of_200_bytes_is_not_split),
        cmocka_unit_test(a_long_text_is_cut_at_a_blank_and_goes_on_in_supp),
        cmocka_unit_test(a_text_without_blanks_is_cut_between_characters),
        cmocka_unit_test(a_long_name_gives_way_to_the_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
