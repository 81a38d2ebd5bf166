/* SPDX-License-Identifier: MIT */
#include "derive/derive_priv.h"
#include "sdtmill/err.h"
#include "sdtmill/mem.h"

struct reference { bool known, constant, usable; uint32_t date; struct sm_dtc d; };

static void note_no_reference(struct sm_deriver *v, const struct sm_derive *r, size_t row) {
    struct sm_valbuf b;
    const struct sm_domain *d = v->d;
    sm_val subject = d->usubjid == SM_NO ? SM_MISSING : der_row(v, row)[d->usubjid], *old = NULL;
    if (!v->noted || sm_lut_add(v->noted, &subject, NULL, &old, NULL) != SM_OK) v->failed = true;
    if (v->failed || old) return;
    struct sm_diag x = {.code = SM_D_NO_REFERENCE, .domain = d->name, .variable = d->var[r->var].name, .map_file = r->where.file,
                        .map_line = r->where.line, .map_column = r->where.column};
    if (v->files) x.file = v->files[sm_pos_file(v->pos[row])];
    if (d->usubjid != SM_NO) x.subject = sm_val_text(v->texts, subject, &b);
    sm_diags_add(v->diags, &x, -1);
}

/* A value that depends on the subject alone is computed once for all its records. */
static bool is_of_subject(const struct sm_deriver *v, const struct sm_expr *e) {
    const struct sm_slot *in;
    size_t n = sm_expr_inputs(e, &in);
    for (size_t i = 0; i < n; i++)
        if (in[i].kind != SM_SLOT_REF) return false;
    return !v->whole && sm_expr_is_pure(e);
}

/* False: no complete date to compare with. */
static bool reference_at(struct sm_deriver *v, const struct sm_derive *r, size_t row, struct reference *f) {
    if (f->known && f->constant) return f->usable;
    sm_val x = sm_expr_eval(r->reference, der_env(v, r, r->reference, row));
    f->known = true;
    f->date = sm_val_to_dtc(v->texts, x, &f->d) ? sm_dtc_date(&f->d) : 0;
    f->usable = f->date != 0;
    if (!f->usable) note_no_reference(v, r, row);
    return f->usable;
}

static bool has_result(const struct sm_derive *r, const sm_val *cell) {
    if (r->stat != SM_NO && cell[r->stat] != SM_MISSING) return false;
    return r->result == SM_NO || cell[r->result] != SM_MISSING;
}

/* A packed date is taken apart only where its day does not decide. */
static uint32_t date_of(const struct sm_deriver *v, sm_val x, struct sm_dtc *d) {
    if (sm_val_is_dtc(x)) return sm_dtc_packed_date(sm_val_packed(x));
    return sm_val_to_dtc(v->texts, x, d) ? sm_dtc_date(d) : 0;
}

static bool is_not_after(sm_val x, const struct der_candidate *c, const struct reference *f) {
    if (sm_val_is_dtc(x) && c->date != f->date) return c->date < f->date;
    const struct sm_dtc d = sm_val_is_dtc(x) ? sm_dtc_unpack(sm_val_packed(x)) : c->d;
    enum sm_order o = sm_dtc_compare_common(&d, &f->d);
    return o == SM_BEFORE || o == SM_SAME;
}

/* Quickly found out, where the reference holds for the whole subject: a later day, or none. */
static inline bool is_surely_after(const struct sm_derive *r, const sm_val *cell, const struct reference *f) {
    if (!f->known || !f->constant || r->date == SM_NO) return false;
    const sm_val x = cell[r->date];
    return sm_val_is_dtc(x) && sm_val_packed(x) >> SM_DTC_DATE_SHIFT > f->date;
}

/* Is the record one of those the last is looked for among? */
static bool is_candidate(struct sm_deriver *v, const struct sm_derive *r, size_t row, struct reference *f, struct der_candidate *c) {
    const sm_val *cell = der_row(v, row);
    const sm_val x = r->date == SM_NO ? SM_MISSING : cell[r->date];
    c->date = date_of(v, x, &c->d);
    if (r->reference && (!reference_at(v, r, row, f) || !c->date || !has_result(r, cell) || !is_not_after(x, c, f))) return false;
    c->row = (uint32_t)row;
    if (sm_val_is_dtc(x)) c->d = sm_dtc_unpack(sm_val_packed(x));
    return !r->filter || sm_expr_test(r->filter, der_env(v, r, r->filter, row));
}

/* Of the latest day: the last in time, or in record order where one of them has no time. */
static void group_take(struct der_flag_group *g, const struct der_candidate *c) {
    const bool bare = !c->date || c->d.hour < 0;
    if (c->date < g->date) return;
    if (c->date > g->date) *g = (struct der_flag_group){.date = c->date, .best = UINT32_MAX};
    g->last = c->row;
    g->bare = g->bare || bare;
    if (bare) return;
    if (g->best != UINT32_MAX && sm_dtc_compare_common(&c->d, &g->latest) == SM_BEFORE) return;
    g->best = c->row;
    g->latest = c->d;
}

static bool is_winner(const struct sm_derive *r, const struct der_flag_group *g, const struct der_candidate *c) {
    if (r->all_ties && !r->reference) return true;
    if (!r->all_ties) return c->row == (g->bare ? g->last : g->best);
    if (c->date != g->date) return false;
    return g->bare || sm_dtc_compare_common(&c->d, &g->latest) == SM_SAME;
}

static int candidates(struct sm_deriver *v, const struct sm_derive *r, size_t from, size_t to, size_t *ret_n, struct sm_err *err) {
    struct reference f = {.constant = r->reference && is_of_subject(v, r->reference)};
    size_t n = 0;
    for (size_t row = from; row < to; row++) {
        struct der_candidate *c = &v->candidate[n];
        if (f.known && f.constant && !f.usable) break;
        if (is_surely_after(r, der_row(v, row), &f) || !is_candidate(v, r, row, &f, c)) continue;
        int rc = der_groups_of(v, r->by, r->nby, row, &c->group, err);
        if (rc == SM_OK) rc = sm_grow(&v->flag, &v->cap_flag, v->groups.n, sizeof *v->flag, err);
        if (rc != SM_OK) return rc;
        if (v->groups.first[c->group] == row) v->flag[c->group] = (struct der_flag_group){.best = UINT32_MAX};
        group_take(&v->flag[c->group], c);
        n++;
    }
    *ret_n = n;
    return SM_OK;
}

int der_flag_held(struct sm_deriver *v, const struct sm_derive *r, size_t from, size_t to, struct sm_err *err) {
    size_t n = 0;
    int rc = der_groups_reset(&v->groups, to - from, err);
    if (rc == SM_OK) rc = sm_grow(&v->candidate, &v->cap_candidate, to - from, sizeof *v->candidate, err);
    if (rc == SM_OK) rc = candidates(v, r, from, to, &n, err);
    if (rc != SM_OK) return rc;
    for (size_t i = 0; i < n; i++) {
        const struct der_candidate *c = &v->candidate[i];
        if (is_winner(r, &v->flag[c->group], c)) der_row(v, c->row)[r->var] = v->yes;
    }
    return SM_OK;
}
