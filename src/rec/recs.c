/* SPDX-License-Identifier: MIT */
#include "sdtmill/batch.h"
#include "sdtmill/err.h"
#include "sdtmill/mem.h"

/* The number of column arrays stands before r->col[0], since ncol may shrink and grow again. */
static size_t recs_columns(const struct sm_recs *r) {
    return r->col ? (size_t)(uintptr_t)r->col[-1] : 0;
}

static int recs_widen(struct sm_recs *r, uint32_t ncol, struct sm_err *err) {
    size_t had = recs_columns(r);
    if (ncol <= had && r->col) return SM_OK;
    sm_val **base = r->col ? r->col - 1 : NULL;
    int rc = sm_resize(&base, (size_t)ncol + 1, sizeof *base, err);
    if (rc != SM_OK) return rc;
    r->col = base + 1;
    for (size_t i = had; i < ncol; i++)
        r->col[i] = NULL;
    for (size_t i = had; i < ncol; i++) {
        base[0] = (sm_val *)(uintptr_t)i;
        r->col[i] = sm_alloc(r->cap, sizeof(sm_val));
        if (!r->col[i]) return sm_fail(err, SM_ENOMEM, "out of memory");
    }
    base[0] = (sm_val *)(uintptr_t)ncol;
    return SM_OK;
}

int sm_recs_reserve(struct sm_recs *r, uint32_t ncol, uint32_t nrow, struct sm_err *err) {
    int rc = recs_widen(r, ncol, err);
    if (rc != SM_OK) return rc;
    r->ncol = ncol;
    if (nrow <= r->cap) return SM_OK;
    uint32_t cap = r->cap > UINT32_MAX / 2 ? UINT32_MAX : r->cap * 2;
    if (cap < nrow) cap = nrow;
    if (cap < 64) cap = 64;
    size_t more = cap - r->cap;
    for (size_t i = 0; i < recs_columns(r); i++) {
        rc = sm_resize(&r->col[i], cap, sizeof(sm_val), err);
        if (rc != SM_OK) return rc;
        memset(r->col[i] + r->cap, 0, more * sizeof(sm_val));
    }
    rc = sm_resize(&r->pos, cap, sizeof *r->pos, err);
    if (rc != SM_OK) return rc;
    memset(r->pos + r->cap, 0, more * sizeof *r->pos);
    r->cap = cap;
    return SM_OK;
}

int sm_recs_append(struct sm_recs *r, const struct sm_recs *from, struct sm_err *err) {
    int rc = sm_recs_reserve(r, from->ncol, r->nrow + from->nrow, err);
    if (rc != SM_OK) return rc;
    for (uint32_t c = 0; c < from->ncol; c++)
        memcpy(r->col[c] + r->nrow, from->col[c], from->nrow * sizeof(sm_val));
    memcpy(r->pos + r->nrow, from->pos, from->nrow * sizeof *from->pos);
    r->nrow += from->nrow;
    return SM_OK;
}

void sm_recs_clear(struct sm_recs *r) {
    r->nrow = 0;
}

void sm_recs_free(struct sm_recs *r) {
    for (size_t i = 0; i < recs_columns(r); i++)
        sm_free(r->col[i]);
    if (r->col) sm_free(r->col - 1);
    sm_free(r->pos);
    *r = (struct sm_recs){0};
}
