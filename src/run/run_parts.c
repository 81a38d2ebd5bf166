/* SPDX-License-Identifier: MIT */
/* run_parts.c - a domain's sorted records to all writers, part by part: a worker sorts a part, or
 * merges it when it was spilled, derives, checks and formats it; the owner's thread takes the parts
 * in order, merges facts and writes. Writers that need facts, which are not there before the rows,
 * get the parts in a second reading. */
#include "run_priv.h"
#include "sdtmill/check.h"
#include "sdtmill/err.h"
#include "sdtmill/mem.h"

struct hand { /* one worker's tools for the dataset under way */
    struct sm_intern *in;
    struct sm_sort_part *part;
    struct sm_deriver *deriver;
    struct sm_row_checks *checks;
    struct sm_dsinfo info; /* facts of the parts that it made */
    struct sm_block block; /* the part at work, until the deriver has taken it */
};
struct parts {
    struct run *r;
    const struct run_parts *p;
    struct run_out out;
    struct run_pass pass;
    struct hand *hand; /* [threads] */
    bool again;        /* the second reading */
    bool keeps;        /* the owner's thread wants the cells too */
};

/* Is it one of the writers that this reading serves? */
static bool is_served(const struct parts *f, const struct sm_emitter *e) {
    return f->again ? run_waits_for_facts(&f->out, e) : run_takes_stream(&f->out, e);
}
static bool is_apart(const struct sm_emitter *e) {
    return (e->ops->caps & SM_EMIT_APART) != 0;
}

/* ---- in a worker ----------------------------------------------------------------------------- */

static int hand_next(void *ctx, struct sm_block *ret, struct sm_err *err) {
    struct hand *h = ctx;
    (void)err;
    if (h->block.nrow == 0) return SM_EOF;
    *ret = h->block;
    h->block.nrow = 0;
    return SM_OK;
}

static void hand_close(struct hand *h) {
    sm_row_checks_close(h->checks);
    sm_deriver_close(h->deriver);
    sm_sort_part_close(h->part);
    sm_dsinfo_part_close(&h->info);
    *h = (struct hand){0};
}

static int hand_open(struct parts *f, struct run_job *j, struct run_worker *w, struct hand *h) {
    struct run *r = f->r;
    const struct sm_domain *d = f->p->domain;
    struct sm_diags *diags = &j->batch.diags;
    h->in = w->in;
    int rc = sm_dsinfo_part_open(&h->info, f->out.info, &j->err);
    if (!rc) rc = sm_sort_part_open(&h->part, f->p->sorter, &j->err);
    if (!rc)
        rc = sm_deriver_open(&h->deriver, r->spec, d, r->refs, r->rt.lut, w->in,
                             (struct sm_blocks){hand_next, h}, r->files, diags, &j->err);
    if (!rc) rc = sm_row_checks_open(&h->checks, r->spec, d, r->files, diags, &j->err);
    if (rc) hand_close(h);
    return rc;
}

static int part_block(struct parts *f, struct run_job *j, struct hand *h,
                      const struct sm_block *b) {
    struct run *r = f->r;
    int rc = SM_OK;
    if (!f->again) {
        sm_dsinfo_fold(&h->info, r->spec->texts, b, f->out.widths);
        rc = sm_row_checks_block(h->checks, b, &j->err);
    }
    if (!rc && !f->again && f->p->supp)
        rc = sm_supp_rows(r->spec, f->p->domain, b, h->in, &j->recs, &j->err);
    for (size_t i = 0; i < r->nemitter && !rc; i++)
        if (is_served(f, r->emitter[i]) && is_apart(r->emitter[i]))
            rc = sm_emitter_format(r->emitter[i], &j->apart[i], b, &j->err);
    return !rc && f->keeps ? run_cells_add(&j->cells, b, 0, b->nrow, &j->err) : rc;
}

void run_parts_work(struct run_job *j, struct run_worker *w) {
    struct parts *f = j->pass->ctx;
    struct hand *h = &f->hand[w->index];
    sm_diags_clear(&j->batch.diags);
    j->cells.block.nrow = 0;
    sm_recs_clear(&j->recs);
    if (!h->checks && hand_open(f, j, w, h)) return;
    sm_deriver_restart(h->deriver, &j->batch.diags);
    sm_row_checks_restart(h->checks, &j->batch.diags);
    int rc = SM_OK;
    if (j->slice)
        rc = sm_sort_part_slice(h->part, j->slice, &h->block, &j->err);
    else if (f->p->n)
        rc = sm_sort_part_read(h->part, j->part, &h->block, &j->err);
    else
        h->block = j->raw.block;
    struct sm_blocks in = sm_deriver_blocks(h->deriver);
    struct sm_block b = h->block;
    if (!rc && b.nrow && b.ncol == sm_deriver_ncol(f->p->domain)) { /* the memory is this job's */
        h->block.nrow = 0;
        rc = sm_deriver_in_place(h->deriver, &b, &j->err);
        if (!rc) (void)part_block(f, j, h, &b); /* j->err tells */
        return;
    }
    while (!rc && !in.next(in.ctx, &b, &j->err))
        rc = part_block(f, j, h, &b);
}

/* ---- in the owner's thread ------------------------------------------------------------------- */

/* What wants all blocks in order: facts by value, the spool, writers that cannot format apart. */
static int see_cells(struct parts *f, const struct sm_block *b, struct sm_err *err) {
    struct run *r = f->r;
    int rc = SM_OK;
    if (!f->again && f->out.info->values) sm_dsinfo_fold_values(f->out.info, r->spec->texts, b);
    if (!rc && !f->again && f->out.spool) rc = sm_spool_add(f->out.spool, b, err);
    for (size_t i = 0; i < r->nemitter && !rc; i++)
        if (is_served(f, r->emitter[i]) && !is_apart(r->emitter[i]))
            rc = sm_emitter_block(r->emitter[i], b, err);
    return rc;
}

static int take_part(struct parts *f, struct run_job *j, struct sm_err *err) {
    struct run *r = f->r;
    if (j->err.code) {
        *err = j->err;
        return err->code;
    }
    if (j->batch.diags.failed) return sm_fail(err, SM_ENOMEM, "out of memory for findings");
    if (!f->again) sm_diags_move(r->diags, &j->batch.diags);
    int rc = f->keeps && j->cells.block.nrow ? see_cells(f, &j->cells.block, err) : SM_OK;
    if (!rc && j->recs.nrow) rc = f->p->supp(f->p->ctx, &j->recs, err);
    for (size_t i = 0; i < r->nemitter && !rc; i++)
        if (is_served(f, r->emitter[i]) && is_apart(r->emitter[i]))
            rc = sm_emitter_put(r->emitter[i], &j->apart[i], err);
    if (r->opts->progress) r->opts->progress(r->opts->progress_ctx, &r->progress);
    if (!rc && run_stopped(r)) rc = sm_fail(err, SM_EINTR, "interrupted");
    return rc;
}

static int take_oldest(struct parts *f, int rc, struct sm_err *err) {
    struct run_job *j = sm_pool_get(f->r->pool);
    if (!rc) rc = take_part(f, j, err);
    run_job_release(f->r, j);
    return rc;
}

static int next_job(struct parts *f, struct run_job **ret, struct sm_err *err) {
    int rc = SM_OK;
    while (!rc && sm_pool_full(f->r->pool))
        rc = take_oldest(f, rc, err);
    if (!rc) rc = run_job_new(f->r, ret, err);
    if (rc) return rc;
    sm_err_reset(&(*ret)->err);
    (*ret)->pass = &f->pass;
    (*ret)->raw.block.nrow = 0;
    return SM_OK;
}

/* All parts once. */
static int read_parts(struct parts *f, struct sm_err *err) {
    int rc = SM_OK;
    for (size_t i = 0; i < f->p->n && !rc; i++) {
        struct run_job *j = NULL;
        rc = next_job(f, &j, err);
        if (rc) break;
        j->part = i;
        sm_pool_put(f->r->pool, j);
    }
    return rc;
}

/* What was spilled, slice by slice. */
static int read_slices(struct parts *f, struct sm_err *err) {
    int rc = SM_OK;
    while (!rc) {
        struct run_job *j = NULL;
        rc = next_job(f, &j, err);
        if (rc) break;
        rc = sm_sorter_slice(f->p->sorter, f->p->lead, f->p->rows, &j->slice, err);
        if (rc)
            run_job_release(f->r, j);
        else
            sm_pool_put(f->r->pool, j);
    }
    return rc == SM_EOF ? SM_OK : rc;
}

/* May a part end before row i of b? */
static bool is_cut(const struct parts *f, const struct run_job *j, const struct sm_block *b,
                   uint32_t i) {
    const struct sm_domain *d = f->p->domain;
    const struct sm_block *part = &j->raw.block;
    const sm_val *x = &b->cell[(size_t)i * b->ncol],
                 *last = &part->cell[(size_t)(part->nrow - 1) * b->ncol];
    for (uint32_t k = 0; k < f->p->lead; k++)
        if (!sm_val_eq(f->r->spec->texts, x[d->key[k]], last[d->key[k]])) return true;
    return f->p->lead == 0;
}

/* Cuts the blocks into parts: whole subjects, about as many records as a part should have. */
static int cut_parts(struct parts *f, struct sm_err *err) {
    struct sm_blocks in = f->p->blocks;
    struct run_job *j = NULL;
    struct sm_block b;
    int rc = SM_OK;
    while (!rc && !(rc = in.next(in.ctx, &b, err))) {
        uint32_t from = 0;
        for (uint32_t i = 0; i < b.nrow && !rc; i++) {
            if (!j || j->raw.block.nrow + i - from < f->p->rows) continue;
            if (i > from) rc = run_cells_add(&j->raw, &b, from, i - from, err);
            from = i;
            if (rc || !is_cut(f, j, &b, i)) continue;
            sm_pool_put(f->r->pool, j);
            j = NULL;
            rc = next_job(f, &j, err);
        }
        if (!rc && !j) rc = next_job(f, &j, err);
        if (!rc) rc = run_cells_add(&j->raw, &b, from, b.nrow - from, err);
    }
    if (rc == SM_EOF && j)
        sm_pool_put(f->r->pool, j);
    else if (j)
        run_job_release(f->r, j);
    return rc == SM_EOF ? SM_OK : rc;
}

/* Also after a failure: the jobs use what is closed next. */
static int take_rest(struct parts *f, int rc, struct sm_err *err) {
    while (sm_pool_busy(f->r->pool))
        rc = take_oldest(f, rc, err);
    return rc;
}

static bool keeps_cells(const struct parts *f) {
    bool any = !f->again && (f->out.info->values || f->out.spool);
    for (size_t i = 0; i < f->r->nemitter && !any; i++)
        any = is_served(f, f->r->emitter[i]) && !is_apart(f->r->emitter[i]);
    return any;
}

static int read_again(struct parts *f, struct sm_err *err) {
    struct run *r = f->r;
    int rc = SM_OK;
    f->again = true;
    f->keeps = keeps_cells(f);
    for (size_t i = 0; i < r->nemitter && !rc; i++)
        if (run_waits_for_facts(&f->out, r->emitter[i]))
            rc = sm_emitter_begin(r->emitter[i], f->out.info, err);
    if (!rc) rc = read_parts(f, err);
    return take_rest(f, rc, err);
}

int run_write_parts(struct run *r, struct sm_dsinfo *info, const struct run_parts *p,
                    struct sm_spool **keep, struct sm_err *err) {
    struct parts f = {.r = r, .p = p, .out = {.r = r, .spools_facts = p->n == 0}};
    f.pass = (struct run_pass){.kind = RUN_PART, .ctx = &f};
    f.hand = sm_alloc(r->threads, sizeof *f.hand);
    int rc = f.hand ? SM_OK : sm_fail(err, SM_ENOMEM, "out of memory");
    if (!rc) rc = run_out_begin(&f.out, info, keep != NULL, err);
    f.keeps = !rc && keeps_cells(&f);
    if (!rc)
        rc = p->n                                   ? read_parts(&f, err)
             : sm_sorter_slices(p->sorter, p->lead) ? read_slices(&f, err)
                                                    : cut_parts(&f, err);
    rc = take_rest(&f, rc, err);
    for (unsigned i = 0; f.hand && i < r->threads; i++)
        if (!rc && f.hand[i].checks) sm_dsinfo_merge(info, &f.hand[i].info);
    if (!rc && f.out.facts && p->n) rc = read_again(&f, err);
    for (unsigned i = 0; f.hand && i < r->threads; i++)
        hand_close(&f.hand[i]);
    sm_free(f.hand);
    return run_out_end(&f.out, rc, keep, err);
}
