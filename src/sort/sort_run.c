/* SPDX-License-Identifier: MIT */
/* sort_run.c - a run: sheaves one after the other in the temporary file, their records in order. */
#include "sdtmill/err.h"
#include "sdtmill/mem.h"
#include "sort/sort_priv.h"

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
    if (k->nkind > r->kinds) r->kinds = k->nkind;
    return rc;
}

static int write_records(struct sort_run *r, struct sm_tmpfile *f, struct sm_packer *packer,
                         const struct sm_pack_in *in, struct sm_err *err) {
    struct sm_pack *k = NULL;
    struct sm_sheaf *sheaf = NULL;
    int rc = sm_packer_encode(packer, in, &k, err);
    if (rc == SM_OK) rc = sm_sheaf_of_pack(&sheaf, k, err);
    if (rc == SM_OK) rc = sort_run_add(r, f, sheaf, err);
    sm_free(sheaf);
    sm_free(k);
    return rc;
}

int sort_run_write(struct sort_run *ret, struct sm_tmpfile *f, struct sm_packer *packer,
                   struct sort_merge *m, struct sm_err *err) {
    const size_t ncol = packer->ncol ? packer->ncol : 1;
    sm_val *cell = NULL;
    sm_pos *pos = NULL;
    const sm_val **col = sm_alloc(ncol, sizeof *col);
    int rc = col ? SM_OK : sm_fail(err, SM_ENOMEM, "out of memory");
    if (rc == SM_OK) rc = sm_resize(&cell, packer->rows * ncol, sizeof *cell, err);
    if (rc == SM_OK) rc = sm_resize(&pos, packer->rows, sizeof *pos, err);
    for (size_t c = 0; c < ncol && rc == SM_OK; c++)
        col[c] = cell + c;
    struct sm_pack_in in = {.col = col, .step = packer->ncol, .pos = pos};
    *ret = sort_run_begin(f);
    while (rc == SM_OK) {
        rc = sort_merge_next(m, cell, pos, packer->rows, &in.nrow, err);
        if (rc != SM_OK || in.nrow == 0) break;
        rc = write_records(ret, f, packer, &in, err);
    }
    sm_free(cell);
    sm_free(col);
    sm_free(pos);
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

static int was_changed(struct sm_err *err) {
    return sm_fail(err, SM_EIO, "the temporary file was changed");
}

/* How long it is stands in it. */
static int read_sheaf(struct sort_loaded *k, const struct sm_tmpfile *f, const struct sort_run *left,
                      struct sm_err *err) {
    struct sm_sheaf first = {0};
    const uint64_t n = left->end - left->at;
    if (n < sizeof first) return was_changed(err);
    int rc = sm_tmpfile_read(f, left->at, &first, sizeof first, err);
    if (rc == SM_OK && (first.bytes > n || first.bytes < sizeof first)) return was_changed(err);
    if (rc == SM_OK) rc = loaded_room(k, first.bytes, err);
    if (rc == SM_OK) rc = sm_tmpfile_read(f, left->at, k->sheaf, (size_t)first.bytes, err);
    return rc == SM_OK && !sm_sheaf_sound(k->sheaf, first.bytes) ? was_changed(err) : rc;
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
        if (head->maker >= plan->by.n || !plan->by.packer[head->maker]) return was_changed(err);
        sort_plan_steps(plan, head, k->step + (size_t)i * plan->nfield);
        sm_sheaf_view(k->view[i], plan->by.packer[head->maker], k->sheaf, i);
    }
    return SM_OK;
}
