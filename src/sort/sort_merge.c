/* SPDX-License-Identifier: MIT */
/* sort_merge.c - runs of packs in the temporary file: written one after the other, merged with a
 * tree of losers. Of records that tie the one of the earlier run comes first. */
#include "sdtmill/err.h"
#include "sdtmill/mem.h"
#include "sort/sort_priv.h"

struct cursor {       /* in one run */
    uint64_t at, end; /* the next pack in the file */
    struct sm_pack *pack;
    uint32_t row;
    bool over;
    struct sort_step *step; /* [nfield] of the pack */
    struct sm_unpack *view; /* of the pack */
};
struct sort_merge {
    const struct sort_plan *plan;
    const struct sm_tmpfile *file;
    struct cursor *c;
    uint64_t *widest; /* [n] room in c[i].pack */
    uint32_t n;
    uint64_t *key;  /* [n][words] of each cursor's record */
    uint32_t *tree; /* [n] [0]: the winner; else the loser of that match */
};

/* ---- runs ------------------------------------------------------------------------------------ */

enum { FEW_ROWS = 128 }; /* that stay near while they are turned into columns */

/* Records on their way into a pack. */
struct intake {
    sm_val *few;        /* [FEW_ROWS][ncol] */
    sm_val *cell;       /* [ncol][rows] */
    const sm_val **col; /* [ncol] in cell */
    sm_pos *pos;        /* [rows] */
    uint32_t ncol, rows, n;
};

static int intake_open(struct intake *t, const struct sm_packer *p, struct sm_err *err) {
    *t = (struct intake){.ncol = p->ncol, .rows = p->rows};
    const size_t ncol = p->ncol ? p->ncol : 1;
    t->col = sm_alloc(ncol, sizeof *t->col);
    int rc = t->col ? SM_OK : sm_fail(err, SM_ENOMEM, "out of memory");
    if (rc == SM_OK) rc = sm_resize(&t->few, FEW_ROWS * ncol, sizeof *t->few, err);
    if (rc == SM_OK) rc = sm_resize(&t->cell, p->rows * ncol, sizeof *t->cell, err);
    if (rc == SM_OK) rc = sm_resize(&t->pos, p->rows, sizeof *t->pos, err);
    for (uint32_t c = 0; c < p->ncol && rc == SM_OK; c++)
        t->col[c] = t->cell + (size_t)c * p->rows;
    return rc;
}

static void intake_close(struct intake *t) {
    sm_free(t->few);
    sm_free(t->cell);
    sm_free(t->col);
    sm_free(t->pos);
}

/* As many records as a pack takes, or as there are. */
static int intake_fill(struct intake *t, struct sort_from from, struct sm_err *err) {
    int rc = SM_OK;
    uint32_t n = 1;
    for (t->n = 0; rc == SM_OK && n && t->n < t->rows; t->n += n) {
        const uint32_t want = t->rows - t->n < FEW_ROWS ? t->rows - t->n : FEW_ROWS;
        n = 0;
        rc = from.next(from.ctx, t->few, t->pos + t->n, want, &n, err);
        for (uint32_t c = 0; c < t->ncol; c++) {
            sm_val *to = t->cell + (size_t)c * t->rows + t->n;
            for (uint32_t i = 0; i < n; i++)
                to[i] = t->few[(size_t)i * t->ncol + c];
        }
    }
    return rc;
}

int sort_run_write(struct sort_run *ret, struct sm_tmpfile *f, struct sm_packer *packer,
                   struct sort_from from, struct sm_err *err) {
    struct intake t;
    int rc = intake_open(&t, packer, err);
    *ret = (struct sort_run){.at = f->bytes, .end = f->bytes};
    while (rc == SM_OK) {
        struct sm_pack *k = NULL;
        uint64_t at;
        rc = intake_fill(&t, from, err);
        if (rc != SM_OK || t.n == 0) break;
        struct sm_pack_in in = {.col = t.col, .step = 1, .pos = t.pos, .nrow = t.n};
        rc = sm_packer_encode(packer, &in, &k, err);
        if (rc == SM_OK) rc = sm_tmpfile_add(f, k, k->bytes, &at, err);
        if (rc == SM_OK && k->bytes > ret->widest) ret->widest = k->bytes;
        sm_free(k);
    }
    ret->end = f->bytes;
    intake_close(&t);
    return rc;
}

/* ---- cursors --------------------------------------------------------------------------------- */

static int cursor_load(struct sort_merge *m, uint32_t i, struct sm_err *err) {
    struct cursor *c = &m->c[i];
    c->row = 0;
    c->over = c->at >= c->end;
    if (c->over) return SM_OK;
    uint64_t n = c->end - c->at < m->widest[i] ? c->end - c->at : m->widest[i];
    int rc = sm_tmpfile_read(m->file, c->at, c->pack, (size_t)n, err);
    if (rc != SM_OK) return rc;
    if (!sm_pack_sound(m->plan->by.packer[SORT_OWNER], c->pack, n))
        return sm_fail(err, SM_EIO, "the temporary file was changed");
    c->at += c->pack->bytes;
    sort_plan_steps(m->plan, c->pack, c->step);
    sm_unpack_set(c->view, m->plan->by.packer[SORT_OWNER], c->pack);
    return SM_OK;
}

static void cursor_key(struct sort_merge *m, uint32_t i) {
    struct cursor *c = &m->c[i];
    sort_plan_key(m->plan, c->step, c->pack, c->row, sort_record(c->pack, c->row),
                  m->key + (size_t)i * m->plan->words);
}

static inline bool comes_before(const struct sort_merge *m, uint32_t i, uint32_t j) {
    const struct cursor *a = &m->c[i], *b = &m->c[j];
    if (a->over || b->over) return a->over == b->over ? i < j : b->over;
    const uint32_t words = m->plan->words;
    const uint64_t *x = m->key + (size_t)i * words, *y = m->key + (size_t)j * words;
    for (uint32_t w = 0; w < words; w++)
        if (x[w] != y[w]) return x[w] < y[w];
    int c = sort_plan_tie(m->plan, a->pack, a->row, b->pack, b->row);
    return c ? c < 0 : i < j;
}

/* Plays cursor i up to the top. */
static void replay(struct sort_merge *m, uint32_t i) {
    for (uint32_t node = (i + m->n) / 2; node > 0; node /= 2) {
        if (!comes_before(m, m->tree[node], i)) continue;
        uint32_t loser = i;
        i = m->tree[node];
        m->tree[node] = loser;
    }
    m->tree[0] = i;
}

/* All matches for the first time: winner[] of the nodes n..2n-1 are the cursors. */
static int first_round(struct sort_merge *m, struct sm_err *err) {
    uint32_t *winner = sm_alloc((size_t)m->n * 2, sizeof *winner);
    if (!winner) return sm_fail(err, SM_ENOMEM, "out of memory");
    for (uint32_t i = 0; i < m->n; i++)
        winner[m->n + i] = i;
    for (uint32_t node = m->n - 1; node > 0; node--) {
        uint32_t a = winner[2 * node], b = winner[2 * node + 1];
        bool left = comes_before(m, a, b);
        winner[node] = left ? a : b;
        m->tree[node] = left ? b : a;
    }
    m->tree[0] = m->n > 1 ? winner[1] : 0;
    sm_free(winner);
    return SM_OK;
}

int sort_merge_open(struct sort_merge **ret, const struct sort_plan *plan,
                    const struct sm_tmpfile *f, const struct sort_run *run, uint32_t nrun,
                    struct sm_err *err) {
    struct sort_merge *m = sm_alloc(1, sizeof *m);
    if (!m) return sm_fail(err, SM_ENOMEM, "out of memory");
    *m = (struct sort_merge){.plan = plan, .file = f, .n = nrun};
    m->c = sm_alloc(nrun, sizeof *m->c);
    m->widest = sm_alloc(nrun, sizeof *m->widest);
    m->key = sm_alloc((size_t)nrun * plan->words, sizeof *m->key);
    m->tree = sm_alloc(nrun, sizeof *m->tree);
    int rc =
        m->c && m->widest && m->key && m->tree ? SM_OK : sm_fail(err, SM_ENOMEM, "out of memory");
    for (uint32_t i = 0; i < nrun && rc == SM_OK; i++) {
        m->c[i] = (struct cursor){.at = run[i].at, .end = run[i].end};
        m->widest[i] = run[i].widest;
        rc = sm_resize(&m->c[i].pack, 1, run[i].widest, err);
        if (rc == SM_OK) rc = sm_resize(&m->c[i].step, plan->nfield, sizeof *m->c[i].step, err);
        if (rc == SM_OK) rc = sm_resize(&m->c[i].view, 1, sm_unpack_most(plan->ncol), err);
        if (rc == SM_OK) rc = cursor_load(m, i, err);
        if (rc == SM_OK && !m->c[i].over) cursor_key(m, i);
    }
    if (rc == SM_OK) rc = first_round(m, err);
    if (rc == SM_OK)
        *ret = m;
    else
        sort_merge_close(m);
    return rc;
}

int sort_merge_next(void *merge, sm_val *cell, sm_pos *pos, uint32_t want, uint32_t *ret_n,
                    struct sm_err *err) {
    struct sort_merge *m = merge;
    const uint32_t ncol = m->plan->ncol;
    uint32_t n = 0;
    while (n < want) {
        uint32_t i = m->tree[0];
        struct cursor *c = &m->c[i];
        if (c->over) break;
        sm_val *out = cell + (size_t)n * ncol;
        pos[n] = sm_unpack_row(c->view, c->row, out);
        n++;
        if (++c->row >= c->pack->nrow) {
            int rc = cursor_load(m, i, err);
            if (rc != SM_OK) return rc;
        }
        if (!c->over) cursor_key(m, i);
        replay(m, i);
    }
    *ret_n = n;
    return SM_OK;
}

void sort_merge_close(struct sort_merge *m) {
    if (!m) return;
    for (uint32_t i = 0; m->c && i < m->n; i++) {
        sm_free(m->c[i].pack);
        sm_free(m->c[i].step);
        sm_free(m->c[i].view);
    }
    sm_free(m->c);
    sm_free(m->widest);
    sm_free(m->key);
    sm_free(m->tree);
    sm_free(m);
}
