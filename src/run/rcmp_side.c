/* SPDX-License-Identifier: MIT */
/* rcmp_side.c - one dataset of one side: from its file to sorted blocks of the compared columns. */
#include "rcmp_priv.h"

uint32_t rcmp_column(const struct sm_dsinfo *d, const char *name) {
    for (uint32_t i = 0; i < d->nvar; i++)
        if (sm_str_eq_c(d->var[i].name, name)) return i;
    return SM_CMP_NONE;
}

int rcmp_side_open(struct rcmp_pair *p, struct rcmp_side *s, struct sm_err *err) {
    const struct sm_compare_opts *o = p->run->o;
    struct sm_load_opts lo = {.model = o->model, .encoding = o->encoding, .open_end = o->open_end};
    sm_loader_close(s->l);
    s->l = NULL;
    int rc = sm_loader_open(&s->l, s->file->path.p, &lo, p->in, err);
    if (!rc) s->info = sm_loader_info(s->l);
    return rc;
}

int rcmp_side_columns(struct rcmp_pair *p, struct rcmp_side *s, struct sm_err *err) {
    uint32_t plain = p->cmp.nvar - p->nfold - (p->site_made != SM_CMP_NONE);
    s->from = sm_alloc(p->cmp.nvar, sizeof *s->from);
    if (!s->from) return sm_fail(err, SM_ENOMEM, "out of memory");
    s->subject = rcmp_column(s->info, "USUBJID");
    for (uint32_t i = 0; i < p->cmp.nvar; i++) {
        s->from[i] = SM_CMP_NONE;
        for (uint32_t k = 0; i < plain && k < s->info->nvar && s->from[i] == SM_CMP_NONE; k++)
            if (sm_str_eq(s->info->var[k].name, p->var[i].name)) s->from[i] = k;
    }
    return SM_OK;
}

/* Without blanks at the end; most texts have none. */
static sm_val trim(struct rcmp_pair *p, sm_val v) {
    struct sm_valbuf buf;
    if (!v || sm_val_is_dtc(v)) return v;
    struct sm_str s = sm_val_text(p->texts, v, &buf);
    if (s.n == 0 || s.p[s.n - 1] != ' ') return v;
    while (s.n > 0 && s.p[s.n - 1] == ' ') s.n--;
    return sm_val_make(p->in, s);
}

/* ---- the renumbering of --SEQ ------------------------------------------------------------------------ */
struct pointer { uint32_t domain, subject, idvar, idvarval; };

static bool pointer_find(const struct sm_dsinfo *d, struct pointer *ret) {
    *ret = (struct pointer){rcmp_column(d, "RDOMAIN"), rcmp_column(d, "USUBJID"), rcmp_column(d, "IDVAR"), rcmp_column(d, "IDVARVAL")};
    return ret->domain != SM_CMP_NONE && ret->subject != SM_CMP_NONE && ret->idvar != SM_CMP_NONE && ret->idvarval != SM_CMP_NONE;
}

/* IDVARVAL as base would have it, when it points to a --SEQ that was renumbered. */
static sm_val translate(struct rcmp_pair *p, const sm_val *row, const struct pointer *at) {
    struct sm_valbuf buf;
    struct sm_intern *in = p->run->seq_in;
    struct sm_texts *t = p->run->seq_texts;
    if (!rcmp_is_seq(sm_val_text(p->texts, row[at->idvar], &buf))) return row[at->idvarval];
    sm_val key[3] = {sm_val_make(in, sm_val_text(p->texts, row[at->domain], &buf)), SM_MISSING, SM_MISSING};
    key[1] = sm_val_make(in, sm_val_text(p->texts, row[at->subject], &buf));
    key[2] = rcmp_idvarval(t, in, sm_val_make(in, sm_val_text(p->texts, row[at->idvarval], &buf)));
    const sm_val *old = sm_lut_find(p->run->seq, key);
    return old ? sm_val_make(p->in, sm_val_text(t, *old, &buf)) : rcmp_idvarval(p->texts, p->in, row[at->idvarval]);
}

/* ---- rows ----------------------------------------------------------------------------------------------- */
/* Records of one subject mostly stand together: the last answer is kept. */
static sm_val site_of(struct rcmp_side *s, const sm_val *row) {
    if (s->subject == SM_CMP_NONE || !s->sites) return SM_MISSING;
    if (row[s->subject] == s->last_subject) return s->last_site;
    const sm_val *site = sm_lut_find(s->sites, &row[s->subject]);
    s->last_subject = row[s->subject];
    return s->last_site = site ? *site : SM_MISSING;
}

int rcmp_side_take(struct rcmp_pair *p, struct rcmp_side *s, const struct sm_block *b, struct sm_err *err) {
    struct sm_recs *r = &s->recs;
    struct pointer at;
    bool pointers = s->is_new && p->run->seq && p->relation && pointer_find(s->info, &at);
    bool plain = !pointers && p->run->o->seq_renumbered && p->relation && pointer_find(s->info, &at);
    int rc = sm_recs_reserve(r, p->cmp.nvar, r->nrow + b->nrow, err);
    if (rc) return rc;
    uint32_t first_fold = p->cmp.nvar - p->nfold - (p->site_made != SM_CMP_NONE);
    for (uint32_t i = 0; i < p->cmp.nvar; i++) {
        sm_val *to = r->col[i] + r->nrow;
        uint32_t from = s->from[i];
        for (uint32_t k = 0; k < b->nrow; k++) {
            const sm_val *row = b->cell + (size_t)k * b->ncol;
            if (from == SM_CMP_NONE) to[k] = i == p->site_made ? site_of(s, row) : rcmp_fold_find(p, s, row, p->fold_name[i - first_fold]);
            else if (pointers && from == at.idvarval) to[k] = translate(p, row, &at);
            else if (plain && from == at.idvarval) to[k] = rcmp_idvarval(p->texts, p->in, row[from]);
            else to[k] = p->cmp.ignore_blanks ? trim(p, row[from]) : row[from];
        }
    }
    memcpy(r->pos + r->nrow, b->pos, b->nrow * sizeof *b->pos);
    r->nrow += b->nrow;
    return SM_OK;
}

int rcmp_side_sort(struct rcmp_pair *p, struct rcmp_side *s, struct sm_blocks *ret, struct sm_err *err) {
    const struct sm_compare_opts *o = p->run->o;
    struct sm_sort_key *key = sm_alloc(p->cmp.nkey, sizeof *key);
    if (!key) return sm_fail(err, SM_ENOMEM, "out of memory");
    for (uint32_t i = 0; i < p->cmp.nkey; i++) key[i] = (struct sm_sort_key){p->cmp.key[i], p->cmp.key_num[i] ? SM_SORT_NUM : SM_SORT_TEXT};
    const char *tmp = o->tmpdir ? o->tmpdir : getenv("TMPDIR");
    struct sm_sort_opts so = {.ncol = p->cmp.nvar, .key = key, .nkey = p->cmp.nkey, .memory = (o->memory ? o->memory : (uint64_t)256 << 20) / 2,
                              .tmpdir = tmp && *tmp ? tmp : "/tmp", .threads = o->threads ? o->threads : 1};
    int rc = sm_sorter_open(&s->sorter, p->texts, &so, err);
    struct sm_blocks in = sm_loader_blocks(s->l);
    struct sm_block b;
    while (!rc && !(rc = in.next(in.ctx, &b, err))) {
        sm_recs_clear(&s->recs);
        rc = rcmp_side_take(p, s, &b, err);
        if (!rc) rc = sm_sorter_add(s->sorter, &s->recs, err);
        if (!rc && o->stopped && o->stopped()) rc = sm_fail(err, SM_EINTR, "interrupted");
    }
    if (rc == SM_EOF) rc = sm_intern_failed(p->in) ? sm_fail(err, SM_ENOMEM, "out of memory for texts") : sm_sorter_finish(s->sorter, ret, err);
    sm_free(key);
    return rc;
}

void rcmp_side_close(struct rcmp_side *s) {
    sm_sorter_close(s->sorter);
    sm_loader_close(s->l);
    sm_recs_free(&s->recs);
    sm_free(s->from);
    rcmp_fold_free(s->fold);
    sm_lut_close(s->sites);
    s->sorter = NULL;
    s->l = NULL;
    s->from = NULL;
    s->fold = NULL;
    s->sites = NULL;
}
