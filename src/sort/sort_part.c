/* SPDX-License-Identifier: MIT */
/* sort_part.c - the records in memory as parts, each a range of buckets (or of records that came in
 * order), that several threads sort and read at once. */
#include "sdtmill/err.h"
#include "sdtmill/mem.h"
#include "sort/sort_priv.h"

enum { PART_MOST = 1 << 20 }; /* records beyond those asked for that equal keys may bring in */

struct sm_sort_part {
    const struct sm_sorter *s;
    struct sort_scratch scratch;
    struct sort_tree tree; /* of slices */
    sm_val *cell;
    sm_pos *pos;
    uint32_t cap;
};

static int cut_here(struct sm_sorter *s, size_t *cap, struct sort_cut cut, struct sm_err *err) {
    int rc = sm_grow(&s->cut, cap, s->nparts + 2, sizeof *s->cut, err);
    if (rc == SM_OK) s->cut[++s->nparts] = cut;
    return rc;
}

/* First bits of a bucket's number that records equal in the lead keys have in common. */
static unsigned lead_bits(const struct sort_plan *p, uint32_t lead, unsigned top) {
    uint64_t mask = lead ? sort_plan_lead(p, lead, 0) : UINT64_MAX;
    if (p->words > 1 && sort_plan_lead(p, lead, 1)) return top;
    unsigned n = mask == UINT64_MAX ? 64 : (unsigned)__builtin_clzll(~mask);
    return n < top ? n : top;
}

/* SM_EOF: a part would be too large. */
static int cut_buckets(struct sm_sorter *s, uint32_t lead, uint32_t rows, uint64_t most,
                       size_t *cap, struct sm_err *err) {
    const struct sort_index *x = &s->index;
    const unsigned free_bits = x->top - lead_bits(&s->plan, lead, x->top);
    struct sort_cut last = {0};
    int rc = SM_OK;
    for (uint32_t b = 0; b < x->nbucket && rc == SM_OK; b++) {
        bool may = b + 1 == x->nbucket || b >> free_bits != (b + 1) >> free_bits;
        uint64_t n = x->end[b] - last.from;
        if (!may || n == 0 || (n < rows && x->end[b] < x->n)) continue;
        if (n > most) return SM_EOF;
        last = (struct sort_cut){.from = x->end[b], .bucket = b + 1};
        rc = cut_here(s, cap, last, err);
    }
    return rc;
}

/* The keys of a record as far as they lead. */
static void lead_key(const struct sort_index *x, const struct sort_cut *at, uint32_t lead,
                     uint64_t *key) {
    const struct sort_plan *p = x->plan;
    sort_plan_key(p, sort_index_step(x, at->pack), x->pack[at->pack],
                  sort_record(x->pack[at->pack], at->row), key);
    for (uint32_t w = 0; w < p->words; w++)
        key[w] &= sort_plan_lead(p, lead, w);
}

/* The same for records that came in order. */
static int cut_run(struct sm_sorter *s, uint32_t lead, uint32_t rows, uint64_t most, size_t *cap,
                   struct sm_err *err) {
    const struct sort_index *x = &s->index;
    const size_t width = s->plan.words * sizeof(uint64_t);
    uint64_t *key = sm_alloc((size_t)s->plan.words * 2, sizeof *key);
    if (!key) return sm_fail(err, SM_ENOMEM, "out of memory");
    struct sort_cut at = {0};
    int rc = SM_OK;
    while (at.from < x->n && rc == SM_OK) {
        const uint64_t begin = at.from;
        while (at.from < x->n && at.from - begin < rows) {
            if (lead && at.from - begin + 1 == rows) lead_key(x, &at, lead, key);
            sort_cut_step(x, &at);
        }
        for (; lead && at.from < x->n; sort_cut_step(x, &at)) {
            lead_key(x, &at, lead, key + s->plan.words);
            if (memcmp(key, key + s->plan.words, width) != 0) break;
        }
        rc = at.from - begin > most ? SM_EOF : cut_here(s, cap, at, err);
    }
    sm_free(key);
    return rc;
}

int sort_cuts_make(struct sm_sorter *s, uint32_t lead, uint32_t rows, uint64_t most,
                   struct sm_err *err) {
    size_t cap = 0;
    sm_free(s->cut);
    s->cut = NULL;
    s->nparts = 0;
    int rc = sm_grow(&s->cut, &cap, 1, sizeof *s->cut, err);
    if (rc != SM_OK) return rc;
    s->cut[0] = (struct sort_cut){0};
    rc = s->index.as_is ? cut_run(s, lead, rows, most, &cap, err)
                        : cut_buckets(s, lead, rows, most, &cap, err);
    if (rc != SM_OK) s->nparts = 0;
    return rc;
}

int sm_sorter_parts(struct sm_sorter *s, uint32_t lead, uint32_t rows, size_t *ret_n,
                    struct sm_err *err) {
    *ret_n = 0;
    if (!s->finished) return sm_fail(err, SM_ESTATE, "the sorter is not finished");
    if (s->nrun || s->index.n == 0) return SM_OK;
    if (rows == 0) rows = 1;
    int rc = sort_cuts_make(s, lead, rows, (uint64_t)rows + PART_MOST, err);
    *ret_n = s->nparts;
    return rc == SM_EOF ? SM_OK : rc;
}

/* ---- reading --------------------------------------------------------------------------------- */

int sm_sort_part_open(struct sm_sort_part **ret, struct sm_sorter *s, struct sm_err *err) {
    struct sm_sort_part *p = sm_alloc(1, sizeof *p);
    if (!p) return sm_fail(err, SM_ENOMEM, "out of memory");
    p->s = s;
    *ret = p;
    return SM_OK;
}

static int part_room(struct sm_sort_part *p, uint32_t n, struct sm_err *err) {
    if (n <= p->cap) return SM_OK;
    const size_t ncol = p->s->o.ncol ? p->s->o.ncol : 1;
    p->cap = 0;
    sm_free(p->cell); /* nothing of it is needed */
    p->cell = NULL;
    int rc = sm_resize(&p->cell, ncol * n, sizeof *p->cell, err);
    if (rc == SM_OK) rc = sm_resize(&p->pos, n, sizeof *p->pos, err);
    if (rc == SM_OK) p->cap = n;
    return rc;
}

/* Each bucket is gathered while its records are near. */
static int read_buckets(struct sm_sort_part *p, const struct sort_cut *cut, struct sm_err *err) {
    const struct sort_index *x = &p->s->index;
    uint64_t at = cut->from;
    for (uint32_t b = cut[0].bucket; b < cut[1].bucket; b++) {
        int rc = sort_index_bucket(x, &p->scratch, b, err);
        if (rc != SM_OK) return rc;
        const uint32_t n = (uint32_t)(x->end[b] - at);
        const size_t out = (size_t)(at - cut->from);
        sort_index_gather(x, x->number + at, n, p->cell + out * p->s->o.ncol, p->pos + out);
        at = x->end[b];
    }
    return SM_OK;
}

int sm_sort_part_read(struct sm_sort_part *p, size_t part, struct sm_block *ret,
                      struct sm_err *err) {
    const struct sm_sorter *s = p->s;
    const struct sort_index *x = &s->index;
    if (part >= s->nparts) return sm_fail(err, SM_ESTATE, "there is no part %zu", part);
    const struct sort_cut *cut = &s->cut[part];
    const uint32_t n = (uint32_t)(cut[1].from - cut[0].from);
    int rc = part_room(p, n, err);
    if (rc == SM_OK && x->as_is) {
        uint32_t pack = cut[0].pack, row = cut[0].row;
        sort_index_run(x, &pack, &row, n, p->cell, p->pos);
    } else if (rc == SM_OK) {
        rc = read_buckets(p, cut, err);
    }
    if (rc != SM_OK) return rc;
    *ret = (struct sm_block){p->cell, p->pos, n, s->o.ncol};
    return SM_OK;
}

int sm_sort_part_slice(struct sm_sort_part *p, const struct sm_sort_slice *slice,
                       struct sm_block *ret, struct sm_err *err) {
    const uint32_t n = sort_slice_rows(slice);
    int rc = part_room(p, n, err);
    if (rc == SM_OK) rc = sort_slice_merge(slice, &p->tree, p->cell, p->pos, err);
    if (rc == SM_OK) *ret = (struct sm_block){p->cell, p->pos, n, p->s->o.ncol};
    return rc;
}

void sm_sort_part_close(struct sm_sort_part *p) {
    if (!p) return;
    sort_scratch_free(&p->scratch);
    sort_tree_close(&p->tree);
    sm_free(p->cell);
    sm_free(p->pos);
    sm_free(p);
}
