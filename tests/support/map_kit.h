/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_TEST_MAP_KIT_H
#define SDTMILL_TEST_MAP_KIT_H
/* map_kit.h - for tests of the map room: a small study by hand, one source, one domain, rows as
 * texts. Include cmocka.h first. The raw cell behind a column is the value's own text, its header
 * the column's name in lower case, its field the column's number from 1. */
#include "map/map_priv.h"

enum { KIT_MOST = 24, KIT_ROWS = 4096, KIT_RULES = 48 };

struct kit {
    struct sm_texts *texts;
    struct sm_intern *in;
    struct sm_ct *ct;
    struct sm_arena arena;
    struct sm_spec spec;
    struct sm_runtime rt;
    struct sm_lut *lut[4], *refs, *subjects;
    struct sm_table table[2];
    struct sm_ref ref[4];
    struct sm_source source;
    struct sm_column column[KIT_MOST];
    struct sm_file file;
    struct sm_domain domain;
    struct sm_var var[KIT_MOST];
    struct sm_from from;
    struct sm_record record[4];
    struct sm_rule rule[4][KIT_RULES], post[KIT_RULES];
    struct sm_batch batch;
    sm_val cell[KIT_MOST][KIT_ROWS], *col[KIT_MOST];
    sm_pos pos[KIT_ROWS];
    struct sm_recs out;
    struct sm_map_worker *worker;
    struct sm_valbuf buf;
};

static inline sm_val kit_val(struct kit *k, const char *text) {
    return sm_val_make(k->in, sm_str(text));
}

static inline struct sm_raw_cell kit_raw(const struct sm_batch *b, uint32_t row, uint32_t column,
                                         struct sm_str *ret_header) {
    struct kit *k = (struct kit *)(uintptr_t)b->reader;
    struct sm_valbuf buf;
    struct sm_str t = sm_arena_dup(&k->arena, sm_val_text(k->texts, b->col[column][row], &buf));
    char name[64];
    size_t n = k->column[column].name.n;
    for (size_t i = 0; i < n; i++)
        name[i] = sm_to_lower(k->column[column].name.p[i]);
    *ret_header = sm_arena_dup(&k->arena, sm_str_n(name, n));
    return (struct sm_raw_cell){t, column + 1};
}

static inline uint32_t kit_find(struct kit *k, struct sm_str name, bool var) {
    uint32_t n = var ? k->domain.nvar : k->source.ncolumn;
    for (uint32_t i = 0; i < n; i++)
        if (sm_str_eq(name, var ? k->var[i].name : k->column[i].name)) return i;
    return SM_NO;
}

static inline struct sm_slot kit_resolve(void *ctx, struct sm_str name, char force,
                                         struct sm_str *ret_nearest) {
    struct kit *k = ctx;
    (void)ret_nearest;
    if (force == '$') return (struct sm_slot){SM_SLOT_PARAM, sm_str_eq_c(name, "column")};
    if (force == '.') return (struct sm_slot){SM_SLOT_REF, sm_str_eq_c(name, "DM.RFXENDTC")};
    uint32_t column = force == 'v' ? SM_NO : kit_find(k, name, false);
    if (column != SM_NO) return (struct sm_slot){SM_SLOT_COLUMN, column};
    if (sm_str_eq_c(name, "USUBJID")) return (struct sm_slot){SM_SLOT_COLUMN, k->source.ncolumn};
    uint32_t var = kit_find(k, name, true);
    if (var != SM_NO) return (struct sm_slot){SM_SLOT_VAR, var};
    return (struct sm_slot){SM_SLOT_NONE, 0};
}

static inline bool kit_table(void *ctx, struct sm_str name, struct sm_str column, uint32_t *ret_lut,
                             uint32_t *ret_nkey, uint32_t *ret_val, struct sm_str *ret_nearest) {
    (void)ctx, (void)name, (void)column, (void)ret_nearest;
    *ret_lut = 0;
    *ret_nkey = 1;
    *ret_val = 0;
    return true;
}

static inline const struct sm_expr *kit_expr(struct kit *k, const char *text) {
    struct sm_expr_scope scope = {.ctx = k,
                                  .resolve = kit_resolve,
                                  .table = kit_table,
                                  .ct = k->ct,
                                  .in = k->in,
                                  .study_oid = SM_STR("S1")};
    struct sm_err err = {0};
    uint32_t at = 0;
    const struct sm_expr *e = sm_expr_compile(&k->arena, sm_str(text), &scope, &at, &err);
    if (!e) fail_msg("%s: %u: %s", text, at, err.text);
    return e;
}

static inline uint32_t kit_column(struct kit *k, const char *name, enum sm_col_type type) {
    k->column[k->source.ncolumn] =
        (struct sm_column){.name = sm_str(name), .type = type, .used = true};
    return k->source.ncolumn++;
}

static inline uint32_t kit_var(struct kit *k, const char *name) {
    k->var[k->domain.nvar] = (struct sm_var){.name = sm_str(name)};
    return k->domain.nvar++;
}
static inline uint32_t kit_num(struct kit *k, const char *name) {
    uint32_t v = kit_var(k, name);
    k->var[v].is_num = true;
    return v;
}
static inline uint32_t kit_dtc(struct kit *k, const char *name) {
    uint32_t v = kit_var(k, name);
    k->var[v].is_dtc = true;
    return v;
}

static inline struct sm_rule *kit_fresh(struct sm_rule *r, enum sm_rule_kind kind, uint32_t var) {
    *r = (struct sm_rule){
        .kind = kind, .var = var, .column = SM_NO, .digits = -1, .sev = SM_SEV_WARNING};
    r->where = (struct sm_where){SM_STR("ae.xml"), 7, 3};
    return r;
}
static inline struct sm_rule *kit_rule_in(struct kit *k, uint32_t record, enum sm_rule_kind kind,
                                          uint32_t var) {
    return kit_fresh(&k->rule[record][k->record[record].nrule++], kind, var);
}
static inline struct sm_rule *kit_rule(struct kit *k, enum sm_rule_kind kind, uint32_t var) {
    return kit_rule_in(k, 0, kind, var);
}
static inline struct sm_rule *kit_post(struct kit *k, enum sm_rule_kind kind, uint32_t var) {
    return kit_fresh(&k->post[k->domain.npost++], kind, var);
}
static inline struct sm_rule *kit_assign(struct kit *k, uint32_t var, uint32_t column) {
    struct sm_rule *r = kit_rule(k, SM_RULE_ASSIGN, var);
    r->from = (struct sm_slot){SM_SLOT_COLUMN, column};
    r->column = column;
    return r;
}
static inline struct sm_rule *kit_compute(struct kit *k, uint32_t var, const char *expr) {
    struct sm_rule *r = kit_rule(k, SM_RULE_COMPUTE, var);
    r->expr = kit_expr(k, expr);
    return r;
}
static inline const struct sm_guard *kit_guard(struct kit *k, const char *test, bool negate,
                                               const struct sm_guard *parent) {
    struct sm_guard *g = sm_arena_alloc(&k->arena, sizeof *g);
    *g = (struct sm_guard){kit_expr(k, test), negate, parent, {SM_STR("ae.xml"), 20, 5}};
    return g;
}

static inline void kit_open(struct kit *k) {
    struct sm_err err = {0};
    memset(k, 0, sizeof *k);
    assert_int_equal(sm_texts_open(&k->texts, &err), SM_OK);
    assert_int_equal(sm_intern_open(&k->in, k->texts, &err), SM_OK);
    assert_int_equal(sm_ct_open(&k->ct, &k->arena, &err), SM_OK);
    for (int i = 0; i < 4; i++)
        k->record[i] = (struct sm_record){
            .repeat = SM_NO, .rule = k->rule[i], .where = {SM_STR("ae.xml"), 10, 1}};
    k->from = (struct sm_from){.source = 0,
                               .domain = SM_NO,
                               .record = k->record,
                               .nrecord = 1,
                               .where = {SM_STR("ae.xml"), 5, 1}};
    k->domain = (struct sm_domain){.name = SM_STR("AE"),
                                   .var = k->var,
                                   .from = &k->from,
                                   .nfrom = 1,
                                   .post = k->post,
                                   .usubjid = SM_NO,
                                   .seq = SM_NO};
    k->source = (struct sm_source){
        .name = SM_STR("ae"), .column = k->column, .where = {SM_STR("sources.xml"), 3, 1}};
    k->file.rules = (struct sm_dtc_rules){SM_STR("UN|UNK"), 68};
    k->file.dates = sm_dtc_pattern_compile(&k->arena, SM_STR("dd.mm.yyyy|mm.yyyy"), NULL, &err);
    k->file.times = sm_dtc_pattern_compile(&k->arena, SM_STR("HH:MM"), NULL, &err);
    k->spec = (struct sm_spec){.source = &k->source,
                               .nsource = 1,
                               .domain = &k->domain,
                               .ndomain = 1,
                               .ref = k->ref,
                               .nref = 2,
                               .table = k->table,
                               .ntable = 1,
                               .subject_source = SM_NO,
                               .texts = k->texts,
                               .in = k->in,
                               .ct = k->ct};
    k->rt.lut = (const struct sm_lut *const *)k->lut;
    k->batch = (struct sm_batch){.file_name = SM_STR("US01/ae.csv"),
                                 .raw = kit_raw,
                                 .reader = k,
                                 .pos = k->pos,
                                 .col = k->col};
    sm_diags_init(&k->batch.diags);
    for (int i = 0; i < KIT_MOST; i++)
        k->col[i] = k->cell[i];
}

static inline void kit_close(struct kit *k) {
    sm_map_worker_close(k->worker);
    sm_recs_free(&k->out);
    sm_diags_free(&k->batch.diags);
    sm_arena_free(&k->batch.arena);
    for (int i = 0; i < 4; i++)
        sm_lut_close(k->lut[i]);
    sm_lut_close(k->refs);
    sm_lut_close(k->subjects);
    sm_ct_close(k->ct);
    sm_intern_close(k->in);
    sm_texts_close(k->texts);
    sm_arena_free(&k->arena);
}

/* One row: the subject ("" = none), then a text for each column. Dates of DATE columns are packed.
 */
static inline void kit_row(struct kit *k, const char *subject, const char *const *text) {
    uint32_t row = k->batch.nrow++;
    for (uint32_t c = 0; c < k->source.ncolumn; c++) {
        sm_val v = kit_val(k, text[c]);
        k->cell[c][row] = k->column[c].type == SM_COL_DATE ? sm_val_as_dtc(k->texts, v) : v;
    }
    k->cell[k->source.ncolumn][row] = kit_val(k, subject);
    k->pos[row] = sm_pos_make(0, row + 2, 0);
}
#define KIT_ROW(k, subject, ...) kit_row(k, subject, (const char *const[]){__VA_ARGS__})

/* USUBJID comes from the given column. */
static inline void kit_subject(struct kit *k, const char *column) {
    k->source.usubjid = kit_expr(k, column);
}

static inline void kit_worker(struct kit *k) {
    struct sm_err err = {0};
    k->batch.ncol = k->source.ncolumn;
    if (!k->worker)
        assert_int_equal(sm_map_worker_open(&k->worker, &k->spec, &k->rt, k->in, &err), SM_OK);
}

static inline void kit_run(struct kit *k) {
    struct sm_err err = {0};
    kit_worker(k);
    int rc = sm_map_batch(k->worker, &k->domain, &k->from, &k->source, &k->file, &k->batch, &k->out,
                          &err);
    if (rc) fail_msg("%s", err.text);
}

static inline const char *kit_text(struct kit *k, sm_val v) {
    struct sm_str s = sm_val_text(k->texts, v, &k->buf);
    return s.p;
}
static inline const char *kit_out(struct kit *k, uint32_t rec, uint32_t var) {
    assert_true(rec < k->out.nrow);
    return kit_text(k, k->out.col[var][rec]);
}

/* The finding with this number, counted as they came. */
static inline const struct sm_diag *kit_diag(struct kit *k, size_t i) {
    static const struct sm_diag none;
    for (const struct sm_diag *d = k->batch.diags.first; d; d = d->next)
        if (i-- == 0) return d;
    fail_msg("no such finding");
    return &none;
}
static inline void kit_is(struct sm_str s, const char *text) {
    if (!sm_str_eq_c(s, text)) fail_msg("\"%.*s\" is not \"%s\"", SM_STR_FMT(s), text);
}

static inline struct sm_lut *kit_lut(struct kit *k, uint32_t nkey, uint32_t nval) {
    struct sm_lut *l = NULL;
    assert_int_equal(sm_lut_open(&l, k->texts, nkey, nval, false, NULL), SM_OK);
    return l;
}
static inline void kit_lut_row(struct kit *k, struct sm_lut *l, const char *const *text) {
    sm_val cell[16], *old;
    uint32_t nkey = sm_lut_nkey(l), n = nkey + sm_lut_nval(l);
    for (uint32_t i = 0; i < n; i++)
        cell[i] = sm_val_as_dtc(k->texts, kit_val(k, text[i]));
    assert_int_equal(sm_lut_add(l, cell, cell + nkey, &old, NULL), SM_OK);
}
#define KIT_LUT_ROW(k, l, ...) kit_lut_row(k, l, (const char *const[]){__VA_ARGS__})

static inline const struct sm_codelist *kit_list(struct kit *k, const char *name, bool extensible,
                                                 const char *const *value, uint32_t n) {
    struct sm_term *t = sm_arena_array(&k->arena, n, sizeof *t);
    struct sm_codelist *l = sm_arena_alloc(&k->arena, sizeof *l);
    for (uint32_t i = 0; i < n; i++)
        t[i].value = sm_str(value[i]);
    *l =
        (struct sm_codelist){.name = sm_str(name), .extensible = extensible, .term = t, .nterm = n};
    assert_int_equal(sm_ct_add(k->ct, l, NULL), SM_OK);
    const struct sm_codelist *ret = sm_ct_list(k->ct, sm_str(name));
    assert_non_null(ret);
    return ret;
}
#endif
