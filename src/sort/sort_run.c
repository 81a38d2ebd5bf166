/* SPDX-License-Identifier: MIT */
/* sort_run.c - a run: sheaves one after the other in the temporary file, their records in order. */
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

int sort_run_add(struct sort_run *r, struct sm_tmpfile *f, struct sm_sheaf *k,
                 struct sm_err *err) {
    uint64_t at;
    sm_sheaf_seal(k);
    int rc = sm_tmpfile_add(f, k, k->bytes, &at, err);
    r->end = f->bytes;
    if (k->bytes > r->widest) r->widest = k->bytes;
    return rc;
}

int sort_run_write(struct sort_run *ret, struct sm_tmpfile *f, struct sm_packer *packer,
                   struct sort_from from, struct sm_err *err) {
    struct sort_intake t;
    *ret = sort_run_begin(f);
    int rc = sort_intake_open(&t, packer, err);
    while (rc == SM_OK) {
        struct sm_pack *k = NULL;
        struct sm_sheaf *sheaf = NULL;
        rc = sort_intake_pack(&t, from, packer, packer->rows, &k, err);
        if (rc != SM_OK || !k) break;
        rc = sm_sheaf_of_pack(&sheaf, k, err);
        sm_free(k);
        if (rc == SM_OK) rc = sort_run_add(ret, f, sheaf, err);
        sm_free(sheaf);
    }
    sort_intake_close(&t);
    return rc;
}

/* ---- read ------------------------------------------------------------------------------------ */

int sort_loaded_new(struct sort_loaded **ret, struct sm_err *err) {
    *ret = sm_alloc(1, sizeof **ret);
    return *ret ? SM_OK : sm_fail(err, SM_ENOMEM, "out of memory");
}

void sort_loaded_free(struct sort_loaded *k) {
    if (!k) return;
    for (uint32_t i = 0; i < k->kinds; i++)
        sm_free(k->view[i]);
    sm_free(k->view);
    sm_free(k->step);
    sm_free(k->sheaf);
    sm_free(k);
}

/* Room for that many bytes of a sheaf. */
static int loaded_room(struct sort_loaded *k, uint64_t bytes, struct sm_err *err) {
    if (k->room >= bytes) return SM_OK;
    sm_free(k->sheaf); /* nothing of it is needed */
    k->sheaf = NULL;
    k->room = 0;
    int rc = sm_resize(&k->sheaf, 1, bytes, err);
    if (rc == SM_OK) k->room = bytes;
    return rc;
}

static int loaded_kinds(struct sort_loaded *k, const struct sort_plan *plan, uint32_t n,
                        struct sm_err *err) {
    if (n <= k->kinds) return SM_OK;
    int rc = sm_resize(&k->step, (size_t)n * plan->nfield + 1, sizeof *k->step, err);
    if (rc == SM_OK) rc = sm_resize(&k->view, n, sizeof *k->view, err);
    while (rc == SM_OK && k->kinds < n) {
        k->view[k->kinds] = NULL;
        rc = sm_resize(&k->view[k->kinds], 1, sm_unpack_most(plan->ncol), err);
        if (rc == SM_OK) k->kinds++;
    }
    return rc;
}

/* How long it is stands in it: as much is read as the longest takes. */
static int read_sheaf(struct sort_loaded *k, const struct sm_tmpfile *f, const struct sort_run *left,
                      struct sm_err *err) {
    const uint64_t n = left->end - left->at < left->widest ? left->end - left->at : left->widest;
    int rc = loaded_room(k, left->widest, err);
    if (rc == SM_OK) rc = sm_tmpfile_read(f, left->at, k->sheaf, (size_t)n, err);
    if (rc == SM_OK && !sm_sheaf_sound(k->sheaf, n))
        rc = sm_fail(err, SM_EIO, "the temporary file was changed");
    return rc;
}

int sort_loaded_read(struct sort_loaded *k, const struct sort_plan *plan,
                     const struct sm_tmpfile *f, struct sort_run *left, struct sm_err *err) {
    int rc = read_sheaf(k, f, left, err);
    if (rc == SM_OK) rc = loaded_kinds(k, plan, k->sheaf->nkind, err);
    if (rc != SM_OK) return rc;
    left->at += k->sheaf->bytes;
    k->record = sm_sheaf_records(k->sheaf);
    k->kind = sm_sheaf_kinds(k->sheaf);
    for (uint32_t i = 0; i < k->sheaf->nkind; i++) {
        const struct sm_pack *head = sm_sheaf_head(k->sheaf, i);
        sort_plan_steps(plan, head, k->step + (size_t)i * plan->nfield);
        sm_unpack_set(k->view[i], plan->by.packer[head->maker], head);
        k->view[i]->data = k->record;
    }
    return SM_OK;
}
