/* SPDX-License-Identifier: MIT */
/* sort_run.c - a run: packs one after the other in the temporary file, their records in order. */
#include "sdtmill/err.h"
#include "sdtmill/mem.h"
#include "sort/sort_priv.h"

/* ---- records to packs ------------------------------------------------------------------------ */

int sort_intake_open(struct sort_intake *t, const struct sm_packer *p, struct sm_err *err) {
    *t = (struct sort_intake){.ncol = p->ncol, .rows = p->rows};
    const size_t ncol = p->ncol ? p->ncol : 1;
    t->col = sm_alloc(ncol, sizeof *t->col);
    int rc = t->col ? SM_OK : sm_fail(err, SM_ENOMEM, "out of memory");
    if (rc == SM_OK) rc = sm_resize(&t->few, SORT_INTAKE_ROWS * ncol, sizeof *t->few, err);
    if (rc == SM_OK) rc = sm_resize(&t->cell, p->rows * ncol, sizeof *t->cell, err);
    if (rc == SM_OK) rc = sm_resize(&t->pos, p->rows, sizeof *t->pos, err);
    for (uint32_t c = 0; c < p->ncol && rc == SM_OK; c++)
        t->col[c] = t->cell + (size_t)c * p->rows;
    if (rc != SM_OK) sort_intake_close(t);
    return rc;
}

void sort_intake_close(struct sort_intake *t) {
    sm_free(t->few);
    sm_free(t->cell);
    sm_free(t->col);
    sm_free(t->pos);
    *t = (struct sort_intake){0};
}

/* As many records as are wanted, or as there are. */
static int intake_fill(struct sort_intake *t, struct sort_from from, uint32_t want, uint32_t *ret_n,
                       struct sm_err *err) {
    int rc = SM_OK;
    uint32_t at = 0;
    for (uint32_t n = 1; rc == SM_OK && n && at < want; at += n) {
        const uint32_t few = want - at < SORT_INTAKE_ROWS ? want - at : SORT_INTAKE_ROWS;
        n = 0;
        rc = from.next(from.ctx, t->few, t->pos + at, few, &n, err);
        for (uint32_t c = 0; c < t->ncol; c++) {
            sm_val *to = t->cell + (size_t)c * t->rows + at;
            for (uint32_t i = 0; i < n; i++)
                to[i] = t->few[(size_t)i * t->ncol + c];
        }
    }
    *ret_n = at;
    return rc;
}

int sort_intake_pack(struct sort_intake *t, struct sort_from from, struct sm_packer *p,
                     uint32_t want, struct sm_pack **ret, struct sm_err *err) {
    struct sm_pack_in in = {.col = t->col, .step = 1, .pos = t->pos};
    *ret = NULL;
    int rc = intake_fill(t, from, want, &in.nrow, err);
    return rc == SM_OK && in.nrow ? sm_packer_encode(p, &in, ret, err) : rc;
}

/* ---- written --------------------------------------------------------------------------------- */

struct sort_run sort_run_begin(const struct sm_tmpfile *f) {
    return (struct sort_run){.at = f->bytes, .end = f->bytes};
}

int sort_run_add(struct sort_run *r, struct sm_tmpfile *f, struct sm_pack *k,
                 struct sm_err *err) {
    uint64_t at;
    sm_pack_seal(k);
    int rc = sm_tmpfile_add(f, k, k->bytes, &at, err);
    r->end = f->bytes;
    if (k->bytes > r->widest) r->widest = k->bytes;
    return rc;
}

int sort_run_write(struct sort_run *ret, struct sm_tmpfile *f, struct sm_packer *packer,
                   struct sort_from from, struct sm_err *err) {
    struct sort_intake t;
    struct sm_pack *k = NULL;
    *ret = sort_run_begin(f);
    int rc = sort_intake_open(&t, packer, err);
    while (rc == SM_OK) {
        rc = sort_intake_pack(&t, from, packer, packer->rows, &k, err);
        if (rc != SM_OK || !k) break;
        rc = sort_run_add(ret, f, k, err);
        sm_free(k);
    }
    sort_intake_close(&t);
    return rc;
}

/* ---- read ------------------------------------------------------------------------------------ */

int sort_loaded_new(struct sort_loaded **ret, const struct sort_plan *plan, struct sm_err *err) {
    struct sort_loaded *k = sm_alloc(1, sizeof *k);
    int rc = k ? SM_OK : sm_fail(err, SM_ENOMEM, "out of memory");
    if (rc == SM_OK) rc = sm_resize(&k->step, (size_t)plan->nfield + 1, sizeof *k->step, err);
    if (rc == SM_OK) rc = sm_resize(&k->view, 1, sm_unpack_most(plan->ncol), err);
    if (rc == SM_OK)
        *ret = k;
    else
        sort_loaded_free(k);
    return rc;
}

void sort_loaded_free(struct sort_loaded *k) {
    if (!k) return;
    sm_free(k->pack);
    sm_free(k->step);
    sm_free(k->view);
    sm_free(k);
}

static bool is_sound(const struct sort_makers *by, const struct sm_pack *k, uint64_t n) {
    return n >= sizeof *k && k->maker < by->n && by->packer[k->maker] &&
           sm_pack_sound(by->packer[k->maker], k, n);
}

int sort_loaded_read(struct sort_loaded *k, const struct sort_plan *plan,
                     const struct sm_tmpfile *f, struct sort_run *left, struct sm_err *err) {
    const uint64_t n = left->end - left->at < left->widest ? left->end - left->at : left->widest;
    int rc = SM_OK;
    if (k->room < left->widest) {
        k->room = 0;
        rc = sm_resize(&k->pack, 1, left->widest, err);
        if (rc == SM_OK) k->room = left->widest;
    }
    if (rc == SM_OK) rc = sm_tmpfile_read(f, left->at, k->pack, (size_t)n, err);
    if (rc == SM_OK && !is_sound(&plan->by, k->pack, n))
        rc = sm_fail(err, SM_EIO, "the temporary file was changed");
    if (rc != SM_OK) return rc;
    left->at += k->pack->bytes;
    sort_plan_steps(plan, k->pack, k->step);
    sm_unpack_set(k->view, plan->by.packer[k->pack->maker], k->pack);
    return SM_OK;
}
