/* SPDX-License-Identifier: MIT */
/* rcmp_fold.c - what is looked up beside the records: supplements folded into their parents, and sites
 * of subjects. */
#include "rcmp_priv.h"
#include "sdtmill/num.h"

sm_val rcmp_idvarval(struct sm_texts *t, struct sm_intern *in, sm_val v) {
    struct sm_valbuf buf;
    char out[64];
    size_t n;
    if (!v || sm_val_is_dtc(v)) return v;
    struct sm_str s = sm_val_text(t, v, &buf), trimmed = sm_str_trim(s);
    if (trimmed.n <= 40 && sm_dec_canonical(trimmed, out, sizeof out, &n)) return sm_val_make(in, sm_str_n(out, n));
    return trimmed.n == s.n ? v : sm_val_make(in, trimmed);
}

static int idvar_note(struct rcmp_fold *f, const struct sm_texts *t, sm_val v, struct sm_err *err) {
    for (uint32_t i = 0; i < f->nidvar; i++)
        if (sm_val_eq(t, f->idvar[i], v)) return SM_OK;
    if (f->nidvar == RCMP_IDVARS) return sm_fail(err, SM_ELIMIT, "more than %d variables in IDVAR", (int)RCMP_IDVARS);
    f->idvar[f->nidvar++] = v;
    return SM_OK;
}

static int qnam_note(struct rcmp_pair *p, struct rcmp_fold *f, struct sm_str s, struct sm_err *err) {
    for (uint32_t i = 0; i < f->nqnam; i++)
        if (sm_str_eq(f->qnam[i], s)) return SM_OK;
    if (f->nqnam == RCMP_FOLDED) return sm_fail(err, SM_ELIMIT, "more than %d names in QNAM", (int)RCMP_FOLDED);
    f->qnam[f->nqnam] = sm_arena_dup(&p->run->arena, s);
    return f->qnam[f->nqnam++].p ? SM_OK : sm_fail(err, SM_ENOMEM, "out of memory");
}

static int supp_row(struct rcmp_pair *p, struct rcmp_fold *f, const sm_val *row, const uint32_t col[5], struct sm_err *err) {
    struct sm_valbuf buf;
    sm_val *old = NULL, key[4] = {row[col[1]], row[col[0]], rcmp_idvarval(p->texts, p->in, row[col[2]]), row[col[3]]};
    int rc = idvar_note(f, p->texts, key[0], err);
    if (!rc && key[3]) rc = qnam_note(p, f, sm_val_text(p->texts, key[3], &buf), err);
    if (!rc) rc = sm_lut_add(f->lut, key, &row[col[4]], &old, err);
    f->twice += !rc && old;
    return rc;
}

int rcmp_fold_read(struct rcmp_pair *p, struct rcmp_side *s, struct sm_err *err) {
    static const char *const names[] = {"USUBJID", "IDVAR", "IDVARVAL", "QNAM", "QVAL"};
    const struct sm_compare_opts *o = p->run->o;
    struct sm_load_opts lo = {.model = o->model, .encoding = o->encoding, .open_end = o->open_end};
    struct sm_loader *l;
    struct sm_block b;
    uint32_t col[5];
    s->fold = sm_alloc(1, sizeof *s->fold);
    if (!s->fold) return sm_fail(err, SM_ENOMEM, "out of memory");
    if (!s->supp) return SM_OK;
    int rc = sm_loader_open(&l, s->supp->path.p, &lo, p->in, err);
    if (rc) return rc;
    for (size_t i = 0; !rc && i < SM_ARRAY_LEN(names); i++) {
        col[i] = rcmp_column(sm_loader_info(l), names[i]);
        if (col[i] == SM_CMP_NONE) rc = sm_fail(err, SM_EFORMAT, "%s: no variable %s: no supplemental qualifiers", s->supp->path.p, names[i]);
    }
    if (!rc) rc = sm_lut_open(&s->fold->lut, p->texts, 4, 1, false, err);
    struct sm_blocks in = sm_loader_blocks(l);
    while (!rc && !(rc = in.next(in.ctx, &b, err)))
        for (uint32_t i = 0; !rc && i < b.nrow; i++) rc = supp_row(p, s->fold, b.cell + (size_t)i * b.ncol, col, err);
    sm_loader_close(l);
    if (rc != SM_EOF) return rc;
    for (uint32_t i = 0; i < s->fold->nidvar; i++) {
        struct sm_valbuf buf;
        struct sm_str name = sm_val_text(p->texts, s->fold->idvar[i], &buf);
        s->idvar_from[i] = SM_CMP_NONE;
        for (uint32_t k = 0; name.n && k < s->info->nvar; k++)
            if (sm_str_eq(s->info->var[k].name, name)) s->idvar_from[i] = k;
    }
    return SM_OK;
}

sm_val rcmp_fold_find(struct rcmp_pair *p, const struct rcmp_side *s, const sm_val *row, struct sm_str qnam) {
    uint32_t subject = s->subject;
    if (!s->fold || !s->fold->lut || subject == SM_CMP_NONE) return SM_MISSING;
    sm_val name = sm_val_make(p->in, qnam);
    for (uint32_t i = 0; i < s->fold->nidvar; i++) {
        uint32_t from = s->idvar_from[i];
        if (s->fold->idvar[i] && from == SM_CMP_NONE) continue;
        sm_val key[4] = {s->fold->idvar[i], row[subject], s->fold->idvar[i] ? rcmp_idvarval(p->texts, p->in, row[from]) : SM_MISSING, name};
        const sm_val *v = sm_lut_find(s->fold->lut, key);
        if (v) return *v;
    }
    return SM_MISSING;
}

int rcmp_sites_read(struct rcmp_pair *p, struct rcmp_side *s, const struct sm_load_file *dm, struct sm_err *err) {
    const struct sm_compare_opts *o = p->run->o;
    struct sm_load_opts lo = {.model = o->model, .encoding = o->encoding, .open_end = o->open_end};
    struct sm_loader *l;
    struct sm_block b;
    sm_val *old;
    int rc = sm_loader_open(&l, dm->path.p, &lo, p->in, err);
    if (rc) return rc;
    uint32_t subject = rcmp_column(sm_loader_info(l), "USUBJID"), site = rcmp_column(sm_loader_info(l), "SITEID");
    struct sm_blocks in = sm_loader_blocks(l);
    if (subject == SM_CMP_NONE || site == SM_CMP_NONE) rc = SM_EOF;
    else rc = sm_lut_open(&s->sites, p->texts, 1, 1, false, err);
    while (!rc && !(rc = in.next(in.ctx, &b, err)))
        for (uint32_t i = 0; !rc && i < b.nrow; i++) rc = sm_lut_add(s->sites, &b.cell[(size_t)i * b.ncol + subject], &b.cell[(size_t)i * b.ncol + site], &old, err);
    sm_loader_close(l);
    return rc == SM_EOF ? SM_OK : rc;
}

void rcmp_fold_free(struct rcmp_fold *f) {
    if (!f) return;
    sm_lut_close(f->lut);
    sm_free(f);
}
