/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_TEST_DATASET_H
#define SDTMILL_TEST_DATASET_H
/* dataset.h - for tests of writers: a small dataset made from texts, and one call that writes it.
 * Include cmocka.h first. The test fails on the spot when anything does. */
#include "sdtmill/emit.h"
#include "sdtmill/err.h"
#include "sdtmill/num.h"
#include "sdtmill/utf8.h"
#include "tmp.h"

enum { KIT_VARS = 16, KIT_ROWS = 64 };
struct kit {
    struct tmp tmp;
    struct sm_texts *texts;
    struct sm_intern *in;
    struct sm_diags diags;
    struct sm_emit_study study;
    struct sm_dsvar var[KIT_VARS];
    uint32_t column[KIT_VARS];
    struct sm_dsinfo ds;
    sm_val cell[KIT_ROWS * KIT_VARS];
    sm_pos pos[KIT_ROWS];
    char path[300];           /* of the latest file, relative to tmp.dir */
    uint64_t rows, bytes;     /* as told to wrote() */
    char sha256[65];
    unsigned wrote;
    struct sm_err err;
};

SM_UNUSED static inline void kit_wrote(void *ctx, const char *relative, struct sm_str dataset, uint64_t rows, uint64_t bytes,
                                       const char *sha256) {
    struct kit *k = ctx;
    assert_true(sm_str_eq(dataset, k->ds.name));
    snprintf(k->path, sizeof k->path, "out/%s", relative);
    snprintf(k->sha256, sizeof k->sha256, "%s", sha256);
    k->rows = rows;
    k->bytes = bytes;
    k->wrote++;
}

SM_UNUSED static inline void kit_open(struct kit *k, const char *name) {
    memset(k, 0, sizeof *k);
    tmp_open(&k->tmp);
    assert_int_equal(sm_texts_open(&k->texts, &k->err), SM_OK);
    assert_int_equal(sm_intern_open(&k->in, k->texts, &k->err), SM_OK);
    sm_diags_init(&k->diags);
    k->study = (struct sm_emit_study){.oid = SM_STR("STUDY-1"), .name = SM_STR("Study 1"), .metadata_oid = SM_STR("MDV.STUDY-1"),
        .file_oid = SM_STR("STUDY-1.define"), .originator = SM_STR("A & B"), .created = SM_STR("2024-05-06T07:08:09"),
        .texts = k->texts, .diags = &k->diags, .wrote = kit_wrote, .wrote_ctx = k};
    k->ds = (struct sm_dsinfo){.name = sm_str(name), .label = SM_STR("A Dataset"), .domain = sm_str(name), .repeating = true,
        .var = k->var, .column = k->column};
}

/* kind: 'c' text, 'n' number, 'd' date. */
SM_UNUSED static inline void kit_var(struct kit *k, const char *name, char kind) {
    struct sm_dsvar *v = &k->var[k->ds.nvar];
    assert_in_range(k->ds.nvar, 0, KIT_VARS - 1);
    *v = (struct sm_dsvar){.name = sm_str(name), .label = SM_STR("A Label"), .is_num = kind == 'n', .is_dtc = kind == 'd',
        .all_integer = true, .all_ascii = true};
    k->column[k->ds.nvar] = k->ds.nvar;
    k->ds.block_ncol = ++k->ds.nvar;
}

SM_UNUSED static inline void kit_fact(struct sm_dsvar *v, struct sm_str s) {
    if (s.n == 0) return;
    v->present = true;
    if (s.n > v->max_bytes) v->max_bytes = (uint32_t)s.n;
    uint32_t chars = sm_utf8_invalid(s, NULL) == SIZE_MAX ? (uint32_t)sm_utf8_count(s) : 0;
    if (chars > v->max_chars) v->max_chars = chars;
    v->all_ascii = v->all_ascii && sm_utf8_is_printable_ascii(s);
    if (sm_str_find_byte(s, '.', 0) != SIZE_MAX) v->all_integer = false;
    if (v->is_dtc) v->date_shapes |= s.n == 10 ? SM_SHAPE_DATE : s.n < 10 ? SM_SHAPE_PARTIAL_DATE : SM_SHAPE_DATETIME_FULL;
}

/* Cell of the record that kit_row began; NULL = missing. */
SM_UNUSED static inline void kit_cell(struct kit *k, uint32_t var, struct sm_str s) {
    sm_val v = sm_val_make(k->in, s);
    if (k->var[var].is_dtc) v = sm_val_as_dtc(k->texts, v);
    k->cell[(k->ds.rows - 1) * k->ds.nvar + var] = v;
    k->pos[k->ds.rows - 1] = sm_pos_make(0, k->ds.rows + 1, 0);
    kit_fact(&k->var[var], s);
}

/* A record; all variables are declared by now. Cells are separated by '|'. */
SM_UNUSED static inline void kit_row(struct kit *k, const char *cells) {
    struct sm_str rest = sm_str(cells), piece;
    assert_in_range(k->ds.rows, 0, KIT_ROWS - 1);
    k->ds.rows++;
    for (uint32_t i = 0; i < k->ds.nvar; i++)
        kit_cell(k, i, sm_str_split(&rest, '|', &piece) ? piece : (struct sm_str){NULL, 0});
}

/* Writes the dataset in blocks of two records; 0 or the failure, which is in k->err too. */
SM_UNUSED static inline int kit_emit(struct kit *k, const char *format) {
    struct sm_emitter *e = NULL;
    struct sm_stage *stage = NULL;
    const struct sm_emit_ops *ops = sm_emit_find(sm_str(format));
    const struct sm_dsinfo *all[1] = {&k->ds};
    assert_non_null(ops);
    assert_int_equal(sm_stage_open(&stage, tmp_path(&k->tmp, "out"), true, &k->err), SM_OK);
    k->study.stage = stage;
    int rc = sm_emitter_open(&e, ops, &k->study, &k->err);
    if (!rc) rc = sm_emitter_begin(e, &k->ds, &k->err);
    for (uint64_t r = 0; !rc && r < k->ds.rows; r += 2) {
        struct sm_block b = {&k->cell[r * k->ds.nvar], &k->pos[r], k->ds.rows - r < 2 ? 1 : 2, k->ds.nvar};
        rc = sm_emitter_block(e, &b, &k->err);
    }
    if (!rc) rc = sm_emitter_end(e, &k->err);
    if (!rc) rc = sm_emitter_finish(e, all, 1, &k->err);
    sm_emitter_close(e);
    if (!rc) rc = sm_stage_commit(stage, &k->err);
    sm_stage_close(stage);
    return rc;
}

/* Absolute path of the latest file. */
SM_UNUSED static inline const char *kit_file(struct kit *k) { return tmp_path(&k->tmp, k->path); }

/* The i-th finding as it came. */
SM_UNUSED static inline const struct sm_diag *kit_finding(struct kit *k, size_t i) {
    static const struct sm_diag none;
    const struct sm_diag *d = k->diags.first;
    while (d && i-- > 0) d = d->next;
    assert_non_null(d);
    return d ? d : &none;
}

SM_UNUSED static inline void kit_close(struct kit *k) {
    sm_diags_free(&k->diags);
    sm_intern_close(k->in);
    sm_texts_close(k->texts);
    tmp_close(&k->tmp);
}
#endif
