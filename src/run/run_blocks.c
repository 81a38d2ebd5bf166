/* SPDX-License-Identifier: MIT */
/* run_blocks.c - finished blocks to the writers that take them as they come. Back ends whose blocks
 * can be formatted apart do so in the workers; their bytes are written here, in order. */
#include "run_priv.h"
#include "sdtmill/err.h"
#include "sdtmill/mem.h"

static bool is_apart(const struct run_out *o, const struct sm_emitter *e) {
    return run_takes_stream(o, e) && (e->ops->caps & SM_EMIT_APART) != 0;
}

/* Runs in a worker. */
void run_blocks_work(struct run_job *j) {
    const struct run_blocks *f = j->pass->ctx;
    const struct run_out *o = f->out;
    const struct run *r = o->r;
    int rc = SM_OK;
    for (size_t i = 0; i < r->nemitter && !rc; i++)
        if (is_apart(o, r->emitter[i]))
            rc = sm_emitter_format(r->emitter[i], &j->apart[i], &j->cells.block, &j->err);
}

int run_cells_add(struct run_cells *c, const struct sm_block *b, uint32_t from, uint32_t n,
                  struct sm_err *err) {
    const size_t ncol = b->ncol, had = c->block.nrow;
    int rc = sm_grow(&c->cell, &c->cap_cell, (had + n) * ncol, sizeof *c->cell, err);
    if (!rc) rc = sm_grow(&c->pos, &c->cap_pos, had + n, sizeof *c->pos, err);
    if (rc) return rc;
    memcpy(c->cell + had * ncol, b->cell + from * ncol, n * ncol * sizeof *c->cell);
    memcpy(c->pos + had, b->pos + from, n * sizeof *c->pos);
    c->block = (struct sm_block){c->cell, c->pos, (uint32_t)(had + n), b->ncol};
    return SM_OK;
}

static void run_cells_free(struct run_cells *c) {
    sm_free(c->cell);
    sm_free(c->pos);
}

void run_blocks_free(struct run_job *j) {
    for (size_t i = 0; i < SM_ARRAY_LEN(j->apart); i++)
        sm_emit_apart_free(&j->apart[i]);
    run_cells_free(&j->cells);
    run_cells_free(&j->raw);
}

static int put_oldest(const struct run_out *o, struct sm_err *err) {
    struct run *r = o->r;
    struct run_job *j = sm_pool_get(r->pool);
    if (!j) return SM_OK;
    int rc = j->err.code;
    if (rc) *err = j->err;
    for (size_t i = 0; i < r->nemitter && !rc; i++)
        if (is_apart(o, r->emitter[i])) rc = sm_emitter_put(r->emitter[i], &j->apart[i], err);
    run_job_release(r, j);
    return rc;
}

/* The cells die with the next block, so a job has its own. */
static int give_out(struct run_blocks *f, const struct sm_block *b, struct sm_err *err) {
    struct run *r = f->out->r;
    struct run_job *j = NULL;
    int rc = SM_OK;
    while (!rc && sm_pool_full(r->pool))
        rc = put_oldest(f->out, err);
    if (!rc) rc = run_job_new(r, &j, err);
    if (rc) return rc;
    j->cells.block.nrow = 0;
    rc = run_cells_add(&j->cells, b, 0, b->nrow, err);
    if (rc) {
        run_job_release(r, j);
        return rc;
    }
    j->pass = &f->pass;
    sm_pool_put(r->pool, j);
    return SM_OK;
}

void run_blocks_open(struct run_blocks *f, const struct run_out *out) {
    *f = (struct run_blocks){.out = out, .pass = {.kind = RUN_BLOCK, .ctx = f}};
}

/* A dataset of one block is not worth the workers' while. */
int run_blocks_block(struct run_blocks *f, const struct sm_block *b, struct sm_err *err) {
    const struct run *r = f->out->r;
    const bool apart = r->pool && r->threads > 1 && f->blocks++ > 0;
    bool any = false;
    for (size_t i = 0; i < r->nemitter; i++) {
        struct sm_emitter *e = r->emitter[i];
        if (!run_takes_stream(f->out, e)) continue;
        if (apart && is_apart(f->out, e)) {
            any = true;
            continue;
        }
        int rc = sm_emitter_block(e, b, err);
        if (rc) return rc;
    }
    return any ? give_out(f, b, err) : SM_OK;
}

int run_blocks_end(struct run_blocks *f, int rc, struct sm_err *err) {
    struct run *r = f->out->r;
    bool good = rc == SM_EOF;
    while (r->pool && sm_pool_busy(r->pool)) {
        if (!good) {
            run_job_release(r, sm_pool_get(r->pool));
            continue;
        }
        int now = put_oldest(f->out, err);
        if (now) rc = now;
        good = !now;
    }
    return rc;
}
