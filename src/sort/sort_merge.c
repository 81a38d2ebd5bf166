/* SPDX-License-Identifier: MIT */
/* sort_merge.c - sequences of records in order, merged with a tree of losers; runs are such. */
#include "sdtmill/err.h"
#include "sdtmill/mem.h"
#include "sort/sort_priv.h"

enum {
    SAME = 4,   /* times one sequence was first, before it is asked for how long it stays so */
    STRETCH = 8 /* records looked ahead at first */
};

/* ---- the tree -------------------------------------------------------------------------------- */

int sort_tree_open(struct sort_tree *t, const struct sort_plan *plan, uint32_t n,
                   struct sm_err *err) {
    *t = (struct sort_tree){.plan = plan, .n = n};
    t->c = sm_alloc(n, sizeof *t->c);
    t->key = sm_alloc((size_t)(n + 1) * plan->words, sizeof *t->key);
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
    sort_loaded_key(t->c[i].k, t->plan, t->c[i].row, t->key + (size_t)i * t->plan->words);
}

static const struct sm_pack *cursor_head(const struct sort_cursor *c) {
    return sm_sheaf_head(c->k->sheaf, sort_loaded_kind(c->k, c->row));
}

static int cmp_tie(const struct sort_plan *p, const struct sort_cursor *a,
                   const struct sort_cursor *b) {
    return sort_plan_tie(p, cursor_head(a), sort_loaded_record(a->k, a->row), cursor_head(b),
                         sort_loaded_record(b->k, b->row));
}

static inline bool comes_before(const struct sort_tree *t, uint32_t i, uint32_t j) {
    const struct sort_cursor *a = &t->c[i], *b = &t->c[j];
    if (!a->k || !b->k) return !a->k == !b->k ? i < j : !b->k;
    const uint32_t words = t->plan->words;
    int c = sort_cmp_words(t->key + (size_t)i * words, t->key + (size_t)j * words, words);
    if (!c) c = cmp_tie(t->plan, a, b);
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
    t->same = 0;
    return SM_OK;
}

/* ---- stretches that come from one sequence --------------------------------------------------- */

/* The one that wins when the winner is not there; the winner where it is alone. */
static uint32_t runner_up(const struct sort_tree *t, uint32_t winner) {
    uint32_t best = winner;
    for (uint32_t node = (winner + t->n) / 2; node > 0; node /= 2)
        if (best == winner || comes_before(t, t->tree[node], best)) best = t->tree[node];
    return best;
}

/* Does the winner's record `ahead` records on come before that of another sequence, as far as the
 * words tell? Of equal keys the earlier sequence comes first. */
static bool stays_first(const struct sort_tree *t, uint32_t winner, uint32_t ahead, uint32_t other) {
    const uint32_t words = t->plan->words;
    const struct sort_cursor *c = &t->c[winner];
    uint64_t *key = t->key + (size_t)t->n * words;
    sort_loaded_key(c->k, t->plan, c->row + ahead, key);
    return sort_cmp_words(key, t->key + (size_t)other * words, words) <
           (t->plan->exact && winner < other);
}

/* How many of the winner's next `most` records come before those of all others, the first one with
 * them: found in steps that double, and then between the last two. */
static uint32_t stretch(const struct sort_tree *t, uint32_t winner, uint32_t most) {
    const uint32_t other = runner_up(t, winner);
    uint32_t low = 1, high = STRETCH;
    if (other == winner || !t->c[other].k) return most;
    for (; high < most && stays_first(t, winner, high, other); high *= 2)
        low = high + 1;
    if (high > most) high = most;
    while (low < high) { /* those below low do; the one at high does not, or is one too many */
        const uint32_t middle = low + (high - low) / 2;
        if (stays_first(t, winner, middle, other))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void give(const struct sort_tree *t, const struct sort_cursor *c, uint32_t n, sm_val *cell,
                 sm_pos *pos) {
    const struct sort_loaded *k = c->k;
    for (uint32_t i = 0; i < n; i++, cell += t->plan->ncol)
        pos[i] = sm_unpack_row(k->view[sort_loaded_kind(k, c->row + i)], c->row + i, cell);
}

int sort_tree_next(struct sort_tree *t, struct sort_more more, sm_val *cell, sm_pos *pos,
                   uint32_t want, uint32_t *ret_n, struct sm_err *err) {
    uint32_t n = 0;
    while (n < want && t->c[t->tree[0]].k) {
        const uint32_t i = t->tree[0];
        struct sort_cursor *c = &t->c[i];
        const uint32_t most = c->end - c->row < want - n ? c->end - c->row : want - n;
        const uint32_t many = t->same < SAME ? 1 : stretch(t, i, most);
        if (many == 1 && t->same >= SAME) t->same = 0; /* it is not asked for each record */
        give(t, c, many, cell + (size_t)n * t->plan->ncol, pos + n);
        n += many;
        c->row += many;
        if (c->row >= c->end) {
            int rc = more.fn(more.ctx, i, c, err);
            if (rc != SM_OK) return rc;
        }
        if (c->k) cursor_key(t, i);
        replay(t, i);
        t->same = t->tree[0] == i ? t->same + 1 : 0;
    }
    *ret_n = n;
    return SM_OK;
}

/* ---- runs ------------------------------------------------------------------------------------ */

struct sort_merge {
    struct sort_tree tree;
    const struct sm_tmpfile *file;
    struct sort_run *left;   /* [n] of each run */
    struct sort_loaded **at; /* [n] the sheaf under way */
};

static int next_sheaf(void *ctx, uint32_t i, struct sort_cursor *c, struct sm_err *err) {
    struct sort_merge *m = ctx;
    *c = (struct sort_cursor){.k = NULL};
    if (m->left[i].at >= m->left[i].end) return SM_OK;
    int rc = sort_loaded_read(m->at[i], m->tree.plan, m->file, &m->left[i], err);
    if (rc == SM_OK) *c = (struct sort_cursor){m->at[i], 0, m->at[i]->sheaf->nrow};
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
        rc = sort_loaded_new(&m->at[i], err);
    }
    if (rc == SM_OK) rc = sort_tree_start(&m->tree, (struct sort_more){next_sheaf, m}, err);
    if (rc == SM_OK)
        *ret = m;
    else
        sort_merge_close(m);
    return rc;
}

int sort_merge_next(struct sort_merge *m, sm_val *cell, sm_pos *pos, uint32_t want, uint32_t *ret_n,
                    struct sm_err *err) {
    return sort_tree_next(&m->tree, (struct sort_more){next_sheaf, m}, cell, pos, want, ret_n, err);
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
