/* SPDX-License-Identifier: MIT */
/* run_turn.c - columns of records to blocks of rows, and back. */
#include "run_priv.h"
#include "sdtmill/err.h"
#include "sdtmill/mem.h"

enum { TURN_ROWS = 1024 };

static int turn_next(void *ctx, struct sm_block *ret, struct sm_err *err) {
    struct run_turn *t = ctx;
    const struct sm_recs *r = t->recs;
    (void)err;
    if (t->at >= r->nrow) return SM_EOF;
    uint32_t n = r->nrow - t->at < TURN_ROWS ? r->nrow - t->at : TURN_ROWS;
    for (uint32_t c = 0; c < r->ncol; c++)
        for (uint32_t i = 0; i < n; i++)
            t->cell[(size_t)i * r->ncol + c] = r->col[c][t->at + i];
    *ret = (struct sm_block){t->cell, r->pos + t->at, n, r->ncol};
    t->at += n;
    return SM_OK;
}

int run_turn_open(struct run_turn *t, const struct sm_recs *recs, struct sm_err *err) {
    *t = (struct run_turn){.recs = recs};
    t->cell = sm_alloc((size_t)TURN_ROWS * (recs->ncol ? recs->ncol : 1), sizeof *t->cell);
    return t->cell ? SM_OK : sm_fail(err, SM_ENOMEM, "out of memory");
}

struct sm_blocks run_turn_blocks(struct run_turn *t) {
    return (struct sm_blocks){turn_next, t};
}

void run_turn_close(struct run_turn *t) {
    sm_free(t->cell);
}

int run_turn_back(struct sm_recs *out, const struct sm_block *b, struct sm_err *err) {
    int rc = sm_recs_reserve(out, b->ncol, out->nrow + b->nrow, err);
    if (rc) return rc;
    for (uint32_t c = 0; c < b->ncol; c++)
        for (uint32_t i = 0; i < b->nrow; i++)
            out->col[c][out->nrow + i] = b->cell[(size_t)i * b->ncol + c];
    memcpy(out->pos + out->nrow, b->pos, b->nrow * sizeof *b->pos);
    out->nrow += b->nrow;
    return SM_OK;
}
