/* SPDX-License-Identifier: MIT */
/* sort_index.c - a split by the first bits of the key into buckets of a few hundred records, each
 * of which is sorted when it is asked for, so that its records are still near when they go out. */
#include "sdtmill/err.h"
#include "sdtmill/mem.h"
#include "sort/sort_priv.h"

enum {
    BUCKET_AIM = 512, /* records in a bucket of the first split */
    TOP_MOST = 16,    /* bits of the first split */
    SPLIT_BITS = 8,   /* of further ones */
    FEW = 48,         /* records that insertion sorts faster */
    SPREAD_BITS = 12, /* most bits that a bucket is spread by */
    SMALL = 20,       /* records in a group of those that insertion puts in order */
    AHEAD = 12        /* records fetched before they are needed */
};

static inline const struct sm_pack *pack_at(const struct sort_index *x, uint32_t number) {
    return x->pack[sm_pack_of(number)];
}
static inline const uint8_t *record_at(const struct sort_index *x, uint32_t number) {
    const struct sort_place *at = &x->place[sm_pack_of(number)];
    return at->data + (size_t)sm_pack_place(number) * at->stride;
}

/* Asks for the memory of a record. */
static SM_INLINE void fetch(const struct sort_index *x, uint32_t number) {
    const uint8_t *record = record_at(x, number);
    __builtin_prefetch(record);
    __builtin_prefetch(record + x->place[sm_pack_of(number)].stride);
}

/* ---- what the key words leave open ----------------------------------------------------------- */

static int cmp_tie(const struct sort_index *x, uint32_t a, uint32_t b) {
    int c = sort_plan_tie(x->plan, pack_at(x, a), record_at(x, a), pack_at(x, b), record_at(x, b));
    return c ? c : (a > b) - (a < b);
}

/* Stable, by sort_plan_tie; tmp needs room for n. */
static void sort_ties(const struct sort_index *x, uint32_t *number, uint32_t *tmp, size_t n) {
    uint32_t *from = number, *to = tmp;
    for (size_t run = 1; run < n; run *= 2) {
        for (size_t lo = 0; lo < n; lo += 2 * run) {
            size_t mid = lo + run < n ? lo + run : n, hi = lo + 2 * run < n ? lo + 2 * run : n;
            size_t i = lo, j = mid;
            for (size_t o = lo; o < hi; o++) {
                bool left = i < mid && (j >= hi || cmp_tie(x, from[i], from[j]) <= 0);
                to[o] = left ? from[i++] : from[j++];
            }
        }
        uint32_t *was = from;
        from = to;
        to = was;
    }
    if (from != number) memcpy(number, from, n * sizeof *number);
}

/* ---- a bucket that fits the scratch ---------------------------------------------------------- */

struct bucket { /* being sorted */
    const struct sort_index *x;
    struct sort_scratch *s;
    uint32_t *number, n;
};

static int scratch(const struct sort_index *x, struct sort_scratch *s, uint32_t n,
                   struct sm_err *err) {
    if (n <= s->cap) return SM_OK;
    uint32_t cap = n < x->most / 2 ? n * 2 : x->most;
    if (cap < n) cap = n;
    int rc = sm_resize(&s->key, (size_t)cap * x->plan->words, sizeof *s->key, err);
    if (rc == SM_OK) rc = sm_resize(&s->a, cap, sizeof *s->a, err);
    if (rc == SM_OK) rc = sm_resize(&s->b, cap, sizeof *s->b, err);
    if (rc == SM_OK) s->cap = cap;
    return rc;
}

void sort_scratch_free(struct sort_scratch *s) {
    sm_free(s->key);
    sm_free(s->a);
    sm_free(s->b);
    *s = (struct sort_scratch){0};
}

/* True when the keys ascend already. */
static bool bucket_keys(const struct bucket *b) {
    const struct sort_index *x = b->x;
    const uint32_t words = x->plan->words;
    bool ascending = true;
    uint64_t *key = b->s->key;
    for (uint32_t i = 0; i < b->n; i++, key += words) {
        const uint32_t number = b->number[i];
        if (i + AHEAD < b->n) fetch(x, b->number[i + AHEAD]);
        sort_plan_key(x->plan, sort_index_step(x, sm_pack_of(number)), pack_at(x, number),
                      record_at(x, number), key);
        if (ascending && i) ascending = sort_cmp_words(key - words, key, words) <= 0;
    }
    return ascending;
}

static inline bool is_after(const struct bucket *b, const struct sort_item *x,
                            const struct sort_item *y) {
    if (x->key != y->key) return x->key > y->key;
    const uint32_t words = b->x->plan->words;
    if (words == 1) return false;
    return sort_cmp_words(b->s->key + (size_t)x->at * words, b->s->key + (size_t)y->at * words, words) >
           0;
}

/* For items that are few or nearly in order, with the first words of their keys. */
static void bucket_insert(const struct bucket *b) {
    struct sort_item *a = b->s->a;
    for (uint32_t i = 1; i < b->n; i++) {
        const struct sort_item it = a[i];
        uint32_t j = i;
        for (; j && is_after(b, &a[j - 1], &it); j--)
            a[j] = a[j - 1];
        a[j] = it;
    }
}

/* One stable pass over eight bits. */
static void items_pass(const struct sort_item *from, struct sort_item *to, uint32_t n,
                       unsigned shift) {
    uint32_t at[256] = {0}, sum = 0;
    for (uint32_t i = 0; i < n; i++)
        at[from[i].key >> shift & 255]++;
    for (unsigned d = 0; d < 256; d++) {
        uint32_t k = at[d];
        at[d] = sum;
        sum += k;
    }
    for (uint32_t i = 0; i < n; i++)
        to[at[from[i].key >> shift & 255]++] = from[i];
}

static void items_swap(struct sort_scratch *s) {
    struct sort_item *was = s->a;
    s->a = s->b;
    s->b = was;
}

/* Loads word w of every key to its item; the bits in which they differ. */
static uint64_t items_word(const struct bucket *b, uint32_t w) {
    const uint32_t words = b->x->plan->words;
    const uint64_t *key = b->s->key + w, first = *key;
    uint64_t differ = 0;
    for (uint32_t i = 0; i < b->n; i++) {
        struct sort_item *it = &b->s->a[i];
        it->key = key[(size_t)it->at * words];
        differ |= it->key ^ first;
    }
    return differ;
}

static void bucket_radix(const struct bucket *b) {
    for (uint32_t w = b->x->plan->words; w-- > 0;) {
        uint64_t differ = items_word(b, w);
        while (differ) {
            unsigned shift = (unsigned)__builtin_ctzll(differ);
            items_pass(b->s->a, b->s->b, b->n, shift);
            items_swap(b->s);
            differ = shift + 8 < 64 ? differ >> (shift + 8) << (shift + 8) : 0;
        }
    }
}

/* Deals the items by the first bits in which their first words differ, as many as make most groups
 * tiny; what order is left to make, insertion makes. False: some group is not small. */
static bool bucket_spread(const struct bucket *b) {
    uint32_t at[1 << SPREAD_BITS], sum = 0;
    const uint64_t differ = items_word(b, 0);
    if (!differ) return false;
    const unsigned high = 64 - (unsigned)__builtin_clzll(differ);
    const unsigned enough = 33 - (unsigned)__builtin_clz(b->n); /* two places for each item */
    const unsigned bits = high < enough ? high : enough, shift = high - bits;
    const uint64_t mask = ((uint64_t)1 << bits) - 1;
    memset(at, 0, (mask + 1) * sizeof *at);
    struct sort_item *from = b->s->a, *to = b->s->b;
    for (uint32_t i = 0; i < b->n; i++)
        at[from[i].key >> shift & mask]++;
    for (uint32_t d = 0; d <= mask; d++) {
        uint32_t k = at[d];
        if (k > SMALL) return false;
        at[d] = sum;
        sum += k;
    }
    for (uint32_t i = 0; i < b->n; i++)
        to[at[from[i].key >> shift & mask]++] = from[i];
    items_swap(b->s);
    return true;
}

static int bucket_ties(const struct bucket *b, struct sm_err *err) {
    const uint32_t words = b->x->plan->words, n = b->n;
    const struct sort_item *a = b->s->a;
    uint32_t *tmp = NULL;
    int rc = sm_resize(&tmp, n, sizeof *tmp, err);
    for (uint32_t i = 0, j; i < n && rc == SM_OK; i = j) {
        const uint64_t *key = b->s->key + (size_t)a[i].at * words;
        for (j = i + 1; j < n && sort_cmp_words(key, b->s->key + (size_t)a[j].at * words, words) == 0;)
            j++;
        if (j - i > 1) sort_ties(b->x, b->number + i, tmp, j - i);
    }
    sm_free(tmp);
    return rc;
}

static void items_sort(const struct bucket *b) {
    if (b->n <= FEW) {
        (void)items_word(b, 0);
        bucket_insert(b);
    } else if (b->n < 1 << (SPREAD_BITS - 1) && bucket_spread(b)) {
        bucket_insert(b);
    } else {
        bucket_radix(b);
    }
}

static int bucket_sort(const struct bucket *b, struct sm_err *err) {
    int rc = b->n > 1 ? scratch(b->x, b->s, b->n, err) : SM_OK;
    if (rc != SM_OK || b->n < 2) return rc;
    bool ascending = bucket_keys(b);
    if (ascending && b->x->plan->exact) return SM_OK;
    for (uint32_t i = 0; i < b->n; i++)
        b->s->a[i].at = i;
    if (!ascending) items_sort(b);
    for (uint32_t i = 0; i < b->n; i++)
        b->s->b[i].at = b->number[b->s->a[i].at];
    for (uint32_t i = 0; i < b->n; i++)
        b->number[i] = b->s->b[i].at;
    return b->x->plan->exact ? SM_OK : bucket_ties(b, err);
}

/* ---- a bucket that does not ------------------------------------------------------------------ */

static void split(const struct bucket *b, uint32_t *tmp, unsigned bit, size_t end[256]) {
    const struct sort_index *x = b->x;
    size_t at[256] = {0}, sum = 0;
    for (uint32_t i = 0; i < b->n; i++) {
        const uint32_t k = b->number[i];
        at[sort_plan_digit(x->plan, sort_index_step(x, sm_pack_of(k)), pack_at(x, k), record_at(x, k),
                           bit, SPLIT_BITS)]++;
    }
    for (unsigned d = 0; d < 256; d++) {
        size_t k = at[d];
        at[d] = sum;
        sum += k;
        end[d] = sum;
        if (k == b->n) return; /* the rest of end[] is not looked at */
    }
    for (uint32_t i = 0; i < b->n; i++) {
        const uint32_t k = b->number[i];
        tmp[at[sort_plan_digit(x->plan, sort_index_step(x, sm_pack_of(k)), pack_at(x, k),
                               record_at(x, k), bit, SPLIT_BITS)]++] = k;
    }
    memcpy(b->number, tmp, b->n * sizeof *tmp);
}

/* Sorts records whose first `bit` key bits are equal. */
static int big_sort(const struct bucket *b, uint32_t *tmp, unsigned bit, struct sm_err *err) {
    size_t end[256] = {0};
    for (; bit < b->x->plan->words * 64; bit += SPLIT_BITS) {
        if (b->n <= b->x->most) return bucket_sort(b, err);
        split(b, tmp, bit, end);
        unsigned d = 0;
        while (end[d] == 0)
            d++;
        if (end[d] == b->n) continue;
        size_t from = 0;
        for (d = 0; d < 256; d++) {
            struct bucket one = {b->x, b->s, b->number + from, (uint32_t)(end[d] - from)};
            int rc = big_sort(&one, tmp, bit + SPLIT_BITS, err);
            if (rc != SM_OK) return rc;
            from = end[d];
        }
        return SM_OK;
    }
    if (!b->x->plan->exact) sort_ties(b->x, b->number, tmp, b->n);
    return SM_OK;
}

int sort_index_bucket(const struct sort_index *x, struct sort_scratch *s, uint32_t bucket,
                      struct sm_err *err) {
    const uint32_t from = bucket ? x->end[bucket - 1] : 0;
    struct bucket b = {x, s, x->number + from, x->end[bucket] - from};
    if (b.n <= x->most) return bucket_sort(&b, err);
    uint32_t *tmp = NULL;
    int rc = sm_resize(&tmp, b.n, sizeof *tmp, err);
    if (rc == SM_OK) rc = big_sort(&b, tmp, x->top & ~7u, err);
    sm_free(tmp);
    return rc;
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* Do all keys ascend, so that nothing is to be done? key: room for two. */
static bool all_ascend(const struct sort_index *x, uint64_t *key) {
    const uint32_t words = x->plan->words;
    uint64_t *last = key + words;
    memset(last, 0, words * sizeof *last);
    for (uint32_t i = 0; i < x->npack; i++) {
        const struct sm_pack *k = x->pack[i];
        for (uint32_t r = 0; r < k->nrow; r++) {
            sort_plan_key(x->plan, sort_index_step(x, i), k, sort_record(k, r), key);
            if (sort_cmp_words(last, key, words) > 0) return false;
            memcpy(last, key, words * sizeof *last);
        }
    }
    return true;
}

int sort_index_open(struct sort_index *x, const struct sort_plan *plan, struct sm_pack **pack,
                    uint32_t npack, struct sort_limits limits, struct sm_err *err) {
    *x = (struct sort_index){.plan = plan, .pack = pack, .npack = npack, .most = limits.most};
    for (uint32_t i = 0; i < npack; i++)
        x->n += pack[i]->nrow;
    while (x->top < TOP_MOST && x->n >> x->top > BUCKET_AIM)
        x->top++;
    x->nbucket = 1u << x->top;
    x->step = sm_alloc((size_t)npack * plan->nfield, sizeof *x->step);
    x->view = limits.views ? sm_alloc(npack, sizeof *x->view) : NULL;
    x->place = sm_alloc(npack, sizeof *x->place);
    uint64_t *key = sm_alloc((size_t)plan->words * 2, sizeof *key);
    struct sort_deal *deal = NULL;
    const bool good = x->step && (x->view || !limits.views) && x->place && key;
    int rc = good ? SM_OK : sm_fail(err, SM_ENOMEM, "out of memory");
    if (rc == SM_OK) rc = sort_deal_open(&deal, x, limits.threads, err);
    if (rc == SM_OK) x->as_is = plan->exact && all_ascend(x, key);
    if (rc == SM_OK && !x->as_is) rc = sort_deal_run(deal, err);
    sort_deal_close(deal);
    sm_free(key);
    if (rc != SM_OK) sort_index_free(x);
    return rc;
}

void sort_index_free(struct sort_index *x) {
    sm_free(x->number);
    sm_free(x->end);
    sm_free(x->step);
    for (uint32_t i = 0; x->view && i < x->npack; i++)
        sm_free(x->view[i]);
    sm_free(x->view);
    sm_free(x->place);
    *x = (struct sort_index){0};
}

/* ---- records out ----------------------------------------------------------------------------- */

void sort_index_gather(const struct sort_index *x, const uint32_t *number, uint32_t n, sm_val *cell,
                       sm_pos *pos) {
    enum { MANY = 128 };
    struct sm_unpack_at at[MANY];
    const uint32_t ncol = x->plan->ncol;
    for (uint32_t from = 0, many; from < n; from += many) {
        many = n - from < MANY ? n - from : MANY;
        for (uint32_t i = 0; i < many; i++) {
            const uint32_t k = number[from + i];
            at[i] = (struct sm_unpack_at){x->view[sm_pack_of(k)], sm_pack_place(k)};
        }
        sm_unpack_rows(at, many, ncol, cell + (size_t)from * ncol, pos + from);
    }
}

void sort_index_run(const struct sort_index *x, uint32_t *pack, uint32_t *row, uint32_t n,
                    sm_val *cell, sm_pos *pos) {
    const uint32_t ncol = x->plan->ncol;
    for (uint32_t from = 0, many; from < n; from += many) {
        const uint32_t left = x->pack[*pack]->nrow - *row;
        many = n - from < left ? n - from : left;
        sm_unpack_run(x->view[*pack], *row, many, ncol, cell + (size_t)from * ncol, pos + from);
        *row += many;
        if (many < left) break;
        *row = 0;
        ++*pack;
    }
}

int sort_reader_next(struct sort_reader *r, sm_val *cell, sm_pos *pos, uint32_t want, uint32_t *ret_n,
                     struct sm_err *err) {
    const struct sort_index *x = r->x;
    if (x->as_is) r->sorted = x->n;
    while (r->sorted < x->n && r->sorted < r->given + want) {
        int rc = sort_index_bucket(x, &r->scratch, r->bucket, err);
        if (rc != SM_OK) return rc;
        r->sorted = x->end[r->bucket++];
    }
    uint32_t n = r->sorted - r->given < want ? (uint32_t)(r->sorted - r->given) : want;
    if (x->as_is)
        sort_index_run(x, &r->pack, &r->row, n, cell, pos);
    else
        sort_index_gather(x, x->number + r->given, n, cell, pos);
    r->given += n;
    *ret_n = n;
    return SM_OK;
}
