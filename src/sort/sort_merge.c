/* SPDX-License-Identifier: MIT */
/* sort_merge.c - sequences of records in order, merged with a tree of losers; runs are such. */
#include "sdtmill/err.h"
#include "sdtmill/mem.h"
#include "sort/sort_priv.h"

/* ---- the tree -------------------------------------------------------------------------------- */

int sort_tree_open(struct sort_tree *t, const struct sort_plan *plan, uint32_t n,
                   struct sm_err *err) {
    *t = (struct sort_tree){.plan = plan, .n = n};
    t->c = sm_alloc(n, sizeof *t->c);
    t->key = sm_alloc((size_t)n * plan->words, sizeof *t->key);
    t->tree = sm_alloc((size_t)n * 2, sizeof *t->tree);
    return t->c && t->key && t->tree ? SM_OK : sm_fail(err, SM_ENOMEM, "out of memory");
}

void sort_tree_close(struct sort_tree *t) {
    sm_free(t->c);
    sm_free(t->key);
    sm_free(t->tree);
    *t = (struct sort_tree){0};
}

static void cursor_key(struct sort_tree *t, uint32_t i) {
    const struct sort_cursor *c = &t->c[i];
    const struct sm_pack *k = c->k->pack;
    sort_plan_key(t->plan, c->k->step, k, c->row, sort_record(k, c->row),
                  t->key + (size_t)i * t->plan->words);
}

static inline bool comes_before(const struct sort_tree *t, uint32_t i, uint32_t j) {
    const struct sort_cursor *a = &t->c[i], *b = &t->c[j];
    if (!a->k || !b->k) return !a->k == !b->k ? i < j : !b->k;
    const uint32_t words = t->plan->words;
    int c = sort_cmp_words(t->key + (size_t)i * words, t->key + (size_t)j * words, words);
    if (!c) c = sort_plan_tie(t->plan, a->k->pack, a->row, b->k->pack, b->row);
    return c ? c < 0 : i < j;
}

/* Plays cursor i up to the top. */
static void replay(struct sort_tree *t, uint32_t i) {
    for (uint32_t node = (i + t->n) / 2; node > 0; node /= 2) {
        if (!comes_before(t, t->tree[node], i)) continue;
        uint32_t loser = i;
        i = t->tree[node];
        t->tree[node] = loser;
    }
    t->tree[0] = i;
}

/* The winners of the first round stand where their losers will, one match later. */
int sort_tree_start(struct sort_tree *t, struct sort_more more, struct sm_err *err) {
    uint32_t *winner = t->tree;
    for (uint32_t i = 0; i < t->n; i++) {
        int rc = more.fn(more.ctx, i, &t->c[i], err);
        if (rc != SM_OK) return rc;
        if (t->c[i].k) cursor_key(t, i);
        winner[t->n + i] = i;
    }
    for (uint32_t node = t->n - 1; node > 0; node--) {
        const uint32_t a = winner[2 * node], b = winner[2 * node + 1];
        winner[node] = comes_before(t, a, b) ? a : b;
    }
    const uint32_t first = t->n > 1 ? winner[1] : 0;
    for (uint32_t node = 1; node < t->n; node++) {
        const uint32_t a = winner[2 * node], b = winner[2 * node + 1];
        t->tree[node] = winner[node] == a ? b : a;
    }
    t->tree[0] = first;
    return SM_OK;
}

int sort_tree_next(struct sort_tree *t, struct sort_more more, sm_val *cell, sm_pos *pos,
                   uint32_t want, uint32_t *ret_n, struct sm_err *err) {
    const uint32_t ncol = t->plan->ncol;
    uint32_t n = 0;
    for (; n < want && t->c[t->tree[0]].k; n++) {
        const uint32_t i = t->tree[0];
        struct sort_cursor *c = &t->c[i];
        pos[n] = sm_unpack_row(c->k->view, c->row, cell + (size_t)n * ncol);
        if (++c->row >= c->end) {
            int rc = more.fn(more.ctx, i, c, err);
            if (rc != SM_OK) return rc;
        }
        if (c->k) cursor_key(t, i);
        replay(t, i);
    }
    *ret_n = n;
    return SM_OK;
}

/* ---- runs ------------------------------------------------------------------------------------ */

struct sort_merge {
    struct sort_tree tree;
    const struct sm_tmpfile *file;
    struct sort_run *left;   /* [n] of each run */
    struct sort_loaded **at; /* [n] the pack under way */
};

static int next_pack(void *ctx, uint32_t i, struct sort_cursor *c, struct sm_err *err) {
    struct sort_merge *m = ctx;
    *c = (struct sort_cursor){.k = NULL};
    if (m->left[i].at >= m->left[i].end) return SM_OK;
    int rc = sort_loaded_read(m->at[i], m->tree.plan, m->file, &m->left[i], err);
    if (rc == SM_OK) *c = (struct sort_cursor){m->at[i], 0, m->at[i]->pack->nrow};
    return rc;
}

int sort_merge_open(struct sort_merge **ret, const struct sort_plan *plan,
                    const struct sm_tmpfile *f, const struct sort_run *run, uint32_t nrun,
                    struct sm_err *err) {
    struct sort_merge *m = sm_alloc(1, sizeof *m);
    if (!m) return sm_fail(err, SM_ENOMEM, "out of memory");
    m->file = f;
    int rc = sort_tree_open(&m->tree, plan, nrun, err);
    m->left = sm_alloc(nrun, sizeof *m->left);
    m->at = sm_alloc(nrun, sizeof *m->at);
    if (rc == SM_OK && (!m->left || !m->at)) rc = sm_fail(err, SM_ENOMEM, "out of memory");
    for (uint32_t i = 0; i < nrun && rc == SM_OK; i++) {
        m->left[i] = run[i];
        rc = sort_loaded_new(&m->at[i], plan, err);
    }
    if (rc == SM_OK) rc = sort_tree_start(&m->tree, (struct sort_more){next_pack, m}, err);
    if (rc == SM_OK)
        *ret = m;
    else
        sort_merge_close(m);
    return rc;
}

int sort_merge_next(void *merge, sm_val *cell, sm_pos *pos, uint32_t want, uint32_t *ret_n,
                    struct sm_err *err) {
    struct sort_merge *m = merge;
    return sort_tree_next(&m->tree, (struct sort_more){next_pack, m}, cell, pos, want, ret_n, err);
}

void sort_merge_close(struct sort_merge *m) {
    if (!m) return;
    for (uint32_t i = 0; m->at && i < m->tree.n; i++)
        sort_loaded_free(m->at[i]);
    sm_free(m->at);
    sm_free(m->left);
    sort_tree_close(&m->tree);
    sm_free(m);
}
