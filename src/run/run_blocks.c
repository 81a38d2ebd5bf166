/* SPDX-License-Identifier: MIT */
/* run_blocks.c - finished blocks to the writers that take them as they come. Back ends whose blocks
 * can be formatted apart do so in the workers; their bytes are written here, in order. */
#include "run_priv.h"
#include "sdtmill/err.h"
#include "sdtmill/mem.h"

static bool is_apart(const struct sm_emitter *e) {
    return run_takes_stream(e) && (e->ops->caps & SM_EMIT_APART) != 0;
}

/* Runs in a worker. */
void run_blocks_work(struct run_job *j) {
    const struct run *r = j->pass->ctx;
    int rc = SM_OK;
    for (size_t i = 0; i < r->nemitter && !rc; i++)
        if (is_apart(r->emitter[i]))
            rc = sm_emitter_format(r->emitter[i], &j->apart[i], &j->block, &j->err);
}

void run_blocks_free(struct run_job *j) {
    for (size_t i = 0; i < SM_ARRAY_LEN(j->apart); i++)
        sm_emit_apart_free(&j->apart[i]);
    sm_free(j->cell);
    sm_free(j->pos);
    sm_free(j->raw_cell);
    sm_free(j->raw_pos);
}

static int put_oldest(struct run *r, struct sm_err *err) {
    struct run_job *j = sm_pool_get(r->pool);
    if (!j) return SM_OK;
    int rc = j->err.code;
    if (rc) *err = j->err;
    for (size_t i = 0; i < r->nemitter && !rc; i++)
        if (is_apart(r->emitter[i])) rc = sm_emitter_put(r->emitter[i], &j->apart[i], err);
    run_job_release(r, j);
    return rc;
}

/* The cells die with the next block, so a job has its own. */
static int give_out(struct run_blocks *f, const struct sm_block *b, struct sm_err *err) {
    struct run *r = f->r;
    struct run_job *j = NULL;
    int rc = SM_OK;
    while (!rc && sm_pool_full(r->pool))
        rc = put_oldest(r, err);
    if (!rc) rc = run_job_new(r, &j, err);
    if (rc) return rc;
    size_t n = (size_t)b->nrow * b->ncol;
    rc = sm_grow(&j->cell, &j->cap_cell, n + b->nrow, sizeof *j->cell, err);
    if (rc) {
        run_job_release(r, j);
        return rc;
    }
    memcpy(j->cell, b->cell, n * sizeof *j->cell);
    sm_pos *pos = j->cell + n; /* both are numbers of 64 bits */
    memcpy(pos, b->pos, b->nrow * sizeof *pos);
    j->block = (struct sm_block){j->cell, pos, b->nrow, b->ncol};
    j->pass = &f->pass;
    sm_pool_put(r->pool, j);
    return SM_OK;
}

void run_blocks_open(struct run_blocks *f, struct run *r) {
    *f = (struct run_blocks){.r = r, .pass = {.kind = RUN_BLOCK, .ctx = r}};
}

/* A dataset of one block is not worth the workers' while. */
int run_blocks_block(struct run_blocks *f, const struct sm_block *b, struct sm_err *err) {
    struct run *r = f->r;
    const bool apart = r->pool && r->threads > 1 && f->blocks++ > 0;
    bool any = false;
    for (size_t i = 0; i < r->nemitter; i++) {
        struct sm_emitter *e = r->emitter[i];
        if (!run_takes_stream(e)) continue;
        if (apart && is_apart(e)) {
            any = true;
            continue;
        }
        int rc = sm_emitter_block(e, b, err);
        if (rc) return rc;
    }
    return any ? give_out(f, b, err) : SM_OK;
}

int run_blocks_end(struct run_blocks *f, int rc, struct sm_err *err) {
    struct run *r = f->r;
    bool good = rc == SM_EOF;
    while (r->pool && sm_pool_busy(r->pool)) {
        if (!good) {
            run_job_release(r, sm_pool_get(r->pool));
            continue;
        }
        int now = put_oldest(r, err);
        if (now) rc = now;
        good = !now;
    }
    return rc;
}
