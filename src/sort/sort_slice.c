/* SPDX-License-Identifier: MIT */
/* sort_slice.c - runs cut by key. A slice names, for every run, the records up to some key that
 * follow those of the slice before: places in sheaves that the owner has loaded and that stay until
 * the last slice in them is given back. Merging them is a reader's work. */
#include "sdtmill/err.h"
#include "sdtmill/mem.h"
#include "sort/sort_priv.h"

struct sort_piece {
    struct sort_loaded *k;
    uint32_t from, end; /* rows */
};
struct sm_sort_slice {
    struct sm_sorter *s;
    uint64_t nrow;
    struct sort_piece *piece;
    size_t npiece, cap;
    size_t first[]; /* [runs + 1] pieces of each run */
};
struct sort_cutter {
    struct sort_run *left;   /* [n] of each run, not loaded yet */
    struct sort_loaded **at; /* [n] sheaf under way; NULL at the end */
    uint32_t *row;           /* [n] next record in it */
    uint32_t n;
    struct sort_loaded *spare;
    uint64_t *mask, *bound, *key; /* [words] bits that lead; the slice's last key; scratch */
};

bool sm_sorter_slices(const struct sm_sorter *s, uint32_t lead) {
    const struct sort_plan *p = &s->plan;
    return s->finished && s->nrun && (p->exact || (lead && lead <= p->rest));
}

/* ---- sheaves that come and go ---------------------------------------------------------------- */

static void let_go(struct sort_cutter *t, struct sort_loaded *k) {
    if (--k->users) return;
    k->next = t->spare;
    t->spare = k;
}

/* Run i goes on with its next sheaf, if it has one. */
static int load(struct sm_sorter *s, uint32_t i, struct sm_err *err) {
    struct sort_cutter *t = s->cutter;
    if (t->at[i]) let_go(t, t->at[i]);
    t->at[i] = NULL;
    t->row[i] = 0;
    if (t->left[i].at >= t->left[i].end) return SM_OK;
    struct sort_loaded *k = t->spare;
    if (k)
        t->spare = k->next;
    else if (sort_loaded_new(&k, err) != SM_OK)
        return SM_ENOMEM;
    t->at[i] = k;
    k->users = 1;
    return sort_loaded_read(k, &s->plan, &s->file, &t->left[i], err);
}

static int cutter_open(struct sm_sorter *s, struct sm_err *err) {
    struct sort_cutter *t = s->cutter = sm_alloc(1, sizeof *t);
    if (!t) return sm_fail(err, SM_ENOMEM, "out of memory");
    t->n = (uint32_t)s->nrun;
    t->left = sm_alloc(t->n, sizeof *t->left);
    t->at = sm_alloc(t->n, sizeof *t->at);
    t->row = sm_alloc(t->n, sizeof *t->row);
    t->mask = sm_alloc((size_t)s->plan.words * 3, sizeof *t->mask);
    if (!t->left || !t->at || !t->row || !t->mask) return sm_fail(err, SM_ENOMEM, "out of memory");
    t->bound = t->mask + s->plan.words;
    t->key = t->bound + s->plan.words;
    int rc = SM_OK;
    for (uint32_t i = 0; i < t->n && rc == SM_OK; i++) {
        t->left[i] = s->run[i];
        rc = load(s, i, err);
    }
    return rc;
}

void sort_cutter_free(struct sm_sorter *s) {
    struct sort_cutter *t = s->cutter;
    if (!t) return;
    for (uint32_t i = 0; t->at && i < t->n; i++)
        sort_loaded_free(t->at[i]);
    for (struct sort_loaded *k = t->spare, *next; k; k = next) {
        next = k->next;
        sort_loaded_free(k);
    }
    sm_free(t->left);
    sm_free(t->at);
    sm_free(t->row);
    sm_free(t->mask);
    sm_free(t);
    s->cutter = NULL;
}

/* ---- where a slice ends ---------------------------------------------------------------------- */

/* What leads in the key of a record. */
static void lead_key(const struct sm_sorter *s, const struct sort_loaded *k, uint32_t row,
                     uint64_t *out) {
    sort_loaded_key(k, &s->plan, row, out);
    for (uint32_t w = 0; w < s->plan.words; w++)
        out[w] &= s->cutter->mask[w];
}

/* The least of the keys that are some records ahead in each run: no run gives many more records
 * than that. SM_EOF: all are at their end. */
static int find_bound(struct sm_sorter *s, uint32_t lead, uint32_t rows) {
    struct sort_cutter *t = s->cutter;
    uint32_t runs = 0;
    bool any = false;
    for (uint32_t w = 0; w < s->plan.words; w++)
        t->mask[w] = lead ? sort_plan_lead(&s->plan, lead, w) : UINT64_MAX;
    for (uint32_t i = 0; i < t->n; i++)
        runs += t->at[i] != NULL;
    for (uint32_t i = 0; i < t->n; i++) {
        if (!t->at[i]) continue;
        const uint32_t left = t->at[i]->sheaf->nrow - t->row[i];
        const uint32_t step = rows / runs ? rows / runs : 1;
        lead_key(s, t->at[i], t->row[i] + (step < left ? step : left) - 1, t->key);
        if (any && sort_cmp_words(t->key, t->bound, s->plan.words) >= 0) continue;
        memcpy(t->bound, t->key, s->plan.words * sizeof *t->key);
        any = true;
    }
    return any ? SM_OK : SM_EOF;
}

/* The first record of a sheaf, from `row` on, that is beyond the bound. */
static uint32_t find_end(const struct sm_sorter *s, const struct sort_loaded *k, uint32_t row) {
    uint32_t low = row, high = k->sheaf->nrow;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        lead_key(s, k, middle, s->cutter->key);
        if (sort_cmp_words(s->cutter->key, s->cutter->bound, s->plan.words) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The records of run i up to the bound. */
static int cut_pieces(struct sm_sorter *s, uint32_t i, struct sm_sort_slice *c,
                      struct sm_err *err) {
    struct sort_cutter *t = s->cutter;
    int rc = SM_OK;
    c->first[i] = c->npiece;
    while (rc == SM_OK && t->at[i]) {
        struct sort_loaded *k = t->at[i];
        const uint32_t from = t->row[i], end = find_end(s, k, from);
        if (end == from) break;
        rc = sm_grow(&c->piece, &c->cap, c->npiece + 1, sizeof *c->piece, err);
        if (rc != SM_OK) break;
        c->piece[c->npiece++] = (struct sort_piece){k, from, end};
        c->nrow += end - from;
        k->users++;
        t->row[i] = end;
        if (end < k->sheaf->nrow) break;
        rc = load(s, i, err);
    }
    c->first[i + 1] = c->npiece;
    return rc;
}

int sm_sorter_slice(struct sm_sorter *s, uint32_t lead, uint32_t rows, struct sm_sort_slice **ret,
                    struct sm_err *err) {
    *ret = NULL;
    if (!sm_sorter_slices(s, lead)) return sm_fail(err, SM_ESTATE, "there are no slices");
    int rc = s->cutter ? SM_OK : cutter_open(s, err);
    if (rc == SM_OK) rc = find_bound(s, lead, rows);
    if (rc != SM_OK) return rc;
    struct sm_sort_slice *c = sm_alloc(1, sizeof *c + (s->nrun + 1) * sizeof *c->first);
    if (!c) return sm_fail(err, SM_ENOMEM, "out of memory");
    c->s = s;
    for (uint32_t i = 0; i < s->cutter->n && rc == SM_OK; i++)
        rc = cut_pieces(s, i, c, err);
    if (rc == SM_OK && c->nrow > UINT32_MAX)
        rc = sm_fail(err, SM_ELIMIT, "more than 4 billion records have equal keys");
    if (rc == SM_OK)
        *ret = c;
    else
        sm_sort_slice_free(c);
    return rc;
}

void sm_sort_slice_free(struct sm_sort_slice *slice) {
    if (!slice) return;
    for (size_t i = 0; i < slice->npiece; i++)
        let_go(slice->s->cutter, slice->piece[i].k);
    sm_free(slice->piece);
    sm_free(slice);
}

/* ---- merged ---------------------------------------------------------------------------------- */

struct pieces { /* on their way out */
    const struct sm_sort_slice *slice;
    size_t *next; /* [runs] */
};

static int next_piece(void *ctx, uint32_t i, struct sort_cursor *c, struct sm_err *err) {
    const struct pieces *p = ctx;
    (void)err;
    *c = (struct sort_cursor){.k = NULL};
    if (p->next[i] == p->slice->first[i + 1]) return SM_OK;
    const struct sort_piece *piece = &p->slice->piece[p->next[i]++];
    *c = (struct sort_cursor){piece->k, piece->from, piece->end};
    return SM_OK;
}

uint32_t sort_slice_rows(const struct sm_sort_slice *c) {
    return (uint32_t)c->nrow;
}

int sort_slice_merge(const struct sm_sort_slice *c, struct sort_tree *t, sm_val *cell, sm_pos *pos,
                     struct sm_err *err) {
    const struct sm_sorter *s = c->s;
    struct pieces p = {c, sm_alloc(s->nrun, sizeof *p.next)};
    const struct sort_more more = {next_piece, &p};
    uint32_t n = 0;
    int rc = p.next ? SM_OK : sm_fail(err, SM_ENOMEM, "out of memory");
    if (rc == SM_OK && !t->c) rc = sort_tree_open(t, &s->plan, (uint32_t)s->nrun, err);
    if (rc == SM_OK) {
        memcpy(p.next, c->first, s->nrun * sizeof *p.next);
        rc = sort_tree_start(t, more, err);
    }
    if (rc == SM_OK) rc = sort_tree_next(t, more, cell, pos, sort_slice_rows(c), &n, err);
    sm_free(p.next);
    return rc;
}
