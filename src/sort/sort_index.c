/* SPDX-License-Identifier: MIT */
/* sort_index.c - a split by the first bits of the key into buckets of a few thousand records, each of
 * which is sorted when it is asked for, so that its records are still near when they go out. */
#include "sdtmill/err.h"
#include "sdtmill/mem.h"
#include "sort/sort_priv.h"

enum {
    BUCKET_AIM = 512,  /* records in a bucket of the first split */
    TOP_MOST = 16,      /* bits of the first split */
    SPLIT_BITS = 8,     /* of further ones */
    FEW = 48,           /* records that insertion sorts faster */
    AHEAD = 12          /* records fetched before they are needed */
};

static inline const struct sm_pack *pack_at(const struct sort_index *x, uint32_t number) {
    return x->pack[number >> SORT_NUMBER_BITS];
}
static inline uint32_t row_at(uint32_t number) { return number & ((1u << SORT_NUMBER_BITS) - 1); }

/* Asks for the memory of a record and of its pack's fields. */
static inline void fetch(const struct sort_index *x, uint32_t number) {
    const struct sort_place *at = &x->place[number >> SORT_NUMBER_BITS];
    const uint8_t *record = at->data + (size_t)row_at(number) * at->stride;
    __builtin_prefetch(record);
    __builtin_prefetch(record + at->stride);
    for (const uint8_t *f = at->data - x->head; f < at->data; f += 64) __builtin_prefetch(f);
}

static inline sm_pos cells_of(const struct sort_index *x, const struct sm_pack *k, uint32_t row, sm_val *out) {
    return x->coded ? sm_pack_row_coded(x->plan->packer, k, row, out) : sm_pack_row(x->plan->packer, k, row, out);
}

/* ---- what the key words leave open ----------------------------------------------------------- */

static int cmp_tie(const struct sort_index *x, uint32_t a, uint32_t b) {
    int c = sort_plan_tie(x->plan, pack_at(x, a), row_at(a), pack_at(x, b), row_at(b));
    return c ? c : (a > b) - (a < b);
}

void sort_index_ties(const struct sort_index *x, uint32_t *number, uint32_t *tmp, size_t n) {
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

static int scratch(struct sort_index *x, uint32_t n, struct sm_err *err) {
    if (n <= x->cap) return SM_OK;
    uint32_t cap = n < x->most / 2 ? n * 2 : x->most;
    if (cap < n) cap = n;
    int rc = sm_resize(&x->key, (size_t)cap * x->plan->words, sizeof *x->key, err);
    if (rc == SM_OK) rc = sm_resize(&x->a, cap, sizeof *x->a, err);
    if (rc == SM_OK) rc = sm_resize(&x->b, cap, sizeof *x->b, err);
    if (rc == SM_OK) x->cap = cap;
    return rc;
}

static inline int cmp_words(const uint64_t *a, const uint64_t *b, uint32_t words) {
    for (uint32_t w = 0; w < words; w++)
        if (a[w] != b[w]) return a[w] < b[w] ? -1 : 1;
    return 0;
}

/* True when the keys ascend already. */
static bool bucket_keys(struct sort_index *x, const uint32_t *number, uint32_t n) {
    const uint32_t words = x->plan->words;
    bool ascending = true;
    for (uint32_t i = 0; i < n; i++) {
        if (i + AHEAD < n) fetch(x, number[i + AHEAD]);
        uint64_t *key = x->key + (size_t)i * words;
        sort_plan_key(x->plan, pack_at(x, number[i]), row_at(number[i]), key);
        if (ascending && i) ascending = cmp_words(key - words, key, words) <= 0;
    }
    return ascending;
}

static void bucket_insert(struct sort_index *x, uint32_t n) {
    const uint32_t words = x->plan->words;
    for (uint32_t i = 1; i < n; i++) {
        uint32_t j = i;
        const uint64_t *key = x->key + (size_t)i * words;
        for (; j && cmp_words(x->key + (size_t)x->a[j - 1] * words, key, words) > 0; j--) x->a[j] = x->a[j - 1];
        x->a[j] = i;
    }
}

/* One stable pass over eight bits of word w. */
static void bucket_pass(struct sort_index *x, uint32_t n, uint32_t w, unsigned shift) {
    const uint32_t words = x->plan->words;
    const uint64_t *key = x->key + w;
    uint32_t at[256] = {0}, sum = 0;
    for (uint32_t i = 0; i < n; i++) at[key[(size_t)i * words] >> shift & 255]++;
    for (unsigned d = 0; d < 256; d++) {
        uint32_t k = at[d];
        at[d] = sum;
        sum += k;
    }
    for (uint32_t i = 0; i < n; i++) x->b[at[key[(size_t)x->a[i] * words] >> shift & 255]++] = x->a[i];
    uint32_t *was = x->a;
    x->a = x->b;
    x->b = was;
}

static void bucket_radix(struct sort_index *x, uint32_t n) {
    const uint32_t words = x->plan->words;
    for (uint32_t w = words; w-- > 0;) {
        uint64_t differ = 0, first = x->key[w];
        for (uint32_t i = 1; i < n; i++) differ |= x->key[(size_t)i * words + w] ^ first;
        while (differ) {
            unsigned shift = (unsigned)__builtin_ctzll(differ);
            bucket_pass(x, n, w, shift);
            differ = shift + 8 < 64 ? differ >> (shift + 8) << (shift + 8) : 0;
        }
    }
}

static void bucket_ties(struct sort_index *x, uint32_t *number, uint32_t n) {
    const uint32_t words = x->plan->words;
    for (uint32_t i = 0, j; i < n; i = j) {
        const uint64_t *key = x->key + (size_t)x->a[i] * words;
        for (j = i + 1; j < n && cmp_words(key, x->key + (size_t)x->a[j] * words, words) == 0;) j++;
        if (j - i > 1) sort_index_ties(x, number + i, x->b, j - i);
    }
}

static int bucket_sort(struct sort_index *x, uint32_t *number, uint32_t n, struct sm_err *err) {
    int rc = n > 1 ? scratch(x, n, err) : SM_OK;
    if (rc != SM_OK || n < 2) return rc;
    bool ascending = bucket_keys(x, number, n);
    if (ascending && x->plan->exact) return SM_OK;
    for (uint32_t i = 0; i < n; i++) x->a[i] = i;
    if (!ascending && n <= FEW) bucket_insert(x, n);
    if (!ascending && n > FEW) bucket_radix(x, n);
    for (uint32_t i = 0; i < n; i++) x->b[i] = number[x->a[i]];
    memcpy(number, x->b, n * sizeof *number);
    if (!x->plan->exact) bucket_ties(x, number, n);
    return SM_OK;
}

/* ---- a bucket that does not ------------------------------------------------------------------ */

static void split(const struct sort_index *x, uint32_t *number, uint32_t *tmp, size_t n, unsigned bit, size_t end[256]) {
    const uint32_t w = bit / 64;
    const unsigned shift = 64 - SPLIT_BITS - bit % 64;
    size_t at[256] = {0}, sum = 0;
    for (size_t i = 0; i < n; i++) at[sort_plan_digit(x->plan, pack_at(x, number[i]), row_at(number[i]), w, shift, SPLIT_BITS)]++;
    for (unsigned d = 0; d < 256; d++) {
        size_t k = at[d];
        at[d] = sum;
        sum += k;
        end[d] = sum;
        if (k == n) return; /* the rest of end[] is not looked at */
    }
    for (size_t i = 0; i < n; i++)
        tmp[at[sort_plan_digit(x->plan, pack_at(x, number[i]), row_at(number[i]), w, shift, SPLIT_BITS)]++] = number[i];
    memcpy(number, tmp, n * sizeof *number);
}

/* Sorts n records whose first `bit` key bits are equal. */
static int big_sort(struct sort_index *x, uint32_t *number, uint32_t *tmp, size_t n, unsigned bit, struct sm_err *err) {
    size_t end[256] = {0};
    for (; bit < x->plan->words * 64; bit += SPLIT_BITS) {
        if (n <= x->most) return bucket_sort(x, number, (uint32_t)n, err);
        split(x, number, tmp, n, bit, end);
        unsigned d = 0;
        while (end[d] == 0) d++;
        if (end[d] == n) continue;
        size_t from = 0;
        for (d = 0; d < 256; d++) {
            int rc = big_sort(x, number + from, tmp, end[d] - from, bit + SPLIT_BITS, err);
            if (rc != SM_OK) return rc;
            from = end[d];
        }
        return SM_OK;
    }
    if (!x->plan->exact) sort_index_ties(x, number, tmp, n);
    return SM_OK;
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* Counts the buckets; false when all keys ascend and nothing is to be done. */
static bool count_top(struct sort_index *x, uint32_t npack, uint64_t *key) {
    const uint32_t words = x->plan->words;
    bool ascending = x->plan->exact;
    uint64_t *last = key + words;
    memset(last, 0, words * sizeof *last);
    for (uint32_t i = 0; i < npack; i++) {
        const struct sm_pack *k = x->pack[i];
        for (uint32_t r = 0; r < k->nrow; r++) {
            if (ascending) {
                sort_plan_key(x->plan, k, r, key);
                ascending = cmp_words(last, key, words) <= 0;
                memcpy(last, key, words * sizeof *last);
            }
            x->end[x->top ? sort_plan_digit(x->plan, k, r, 0, 64 - x->top, x->top) : 0]++;
        }
    }
    return !ascending;
}

static void deal_top(struct sort_index *x, uint32_t npack) {
    uint32_t sum = 0;
    for (uint32_t b = 0; b < x->nbucket; b++) {
        uint32_t k = x->end[b];
        x->end[b] = sum;
        sum += k;
    }
    for (uint32_t i = 0; i < npack; i++) {
        const struct sm_pack *k = x->pack[i];
        for (uint32_t r = 0; r < k->nrow; r++) {
            uint32_t b = x->top ? sort_plan_digit(x->plan, k, r, 0, 64 - x->top, x->top) : 0;
            x->number[x->end[b]++] = i << SORT_NUMBER_BITS | r;
        }
    }
}

int sort_index_open(struct sort_index *x, const struct sort_plan *plan, struct sm_pack **pack, uint32_t npack, uint32_t most,
                    struct sm_err *err) {
    *x = (struct sort_index){.plan = plan, .pack = pack, .most = most};
    x->place = sm_alloc((size_t)npack + 1, sizeof *x->place);
    for (uint32_t i = 0; i < npack; i++) {
        x->n += pack[i]->nrow;
        if (x->place) x->place[i] = (struct sort_place){sm_pack_data(pack[i]), pack[i]->stride};
    }
    x->head = ((size_t)plan->packer->ncol + 2) * sizeof(struct sm_pack_field);
    while (x->top < TOP_MOST && x->n >> x->top > BUCKET_AIM) x->top++;
    x->nbucket = 1u << x->top;
    x->end = sm_alloc(x->nbucket, sizeof *x->end);
    uint64_t *key = sm_alloc((size_t)plan->words * 2, sizeof *key);
    int rc = x->end && x->place && key ? SM_OK : sm_fail(err, SM_ENOMEM, "out of memory");
    if (rc == SM_OK) x->as_is = !count_top(x, npack, key);
    sm_free(key);
    if (rc == SM_OK && !x->as_is) {
        rc = sm_resize(&x->number, x->n ? x->n : 1, sizeof *x->number, err);
        if (rc == SM_OK) deal_top(x, npack);
    }
    if (rc != SM_OK) sort_index_free(x);
    return rc;
}

void sort_index_free(struct sort_index *x) {
    sm_free(x->number);
    sm_free(x->place);
    sm_free(x->end);
    sm_free(x->key);
    sm_free(x->a);
    sm_free(x->b);
    *x = (struct sort_index){0};
}

static int next_bucket(struct sort_index *x, struct sm_err *err) {
    uint64_t from = x->sorted, to = x->end[x->bucket++];
    x->sorted = to;
    if (to - from <= x->most) return bucket_sort(x, x->number + from, (uint32_t)(to - from), err);
    uint32_t *tmp = NULL;
    int rc = sm_resize(&tmp, to - from, sizeof *tmp, err);
    if (rc == SM_OK) rc = big_sort(x, x->number + from, tmp, to - from, x->top & ~7u, err);
    sm_free(tmp);
    return rc;
}

static uint32_t next_as_is(struct sort_index *x, sm_val *cell, sm_pos *pos, uint32_t want) {
    const uint32_t ncol = x->plan->packer->ncol;
    uint32_t n = 0;
    for (; n < want && x->sorted < x->n; n++, x->sorted++) {
        const struct sm_pack *k = x->pack[x->as_pack];
        pos[n] = cells_of(x, k, x->as_row, cell + (size_t)n * ncol);
        if (++x->as_row < k->nrow) continue;
        x->as_row = 0;
        x->as_pack++;
    }
    return n;
}

int sort_index_next(void *index, sm_val *cell, sm_pos *pos, uint32_t want, uint32_t *ret_n, struct sm_err *err) {
    struct sort_index *x = index;
    const uint32_t ncol = x->plan->packer->ncol;
    if (x->as_is) {
        *ret_n = next_as_is(x, cell, pos, want);
        return SM_OK;
    }
    while (x->sorted < x->n && x->sorted < x->given + want) {
        int rc = next_bucket(x, err);
        if (rc != SM_OK) return rc;
    }
    uint32_t n = x->sorted - x->given < want ? (uint32_t)(x->sorted - x->given) : want;
    const uint32_t *number = x->number + x->given;
    for (uint32_t i = 0; i < n; i++) {
        if (i + AHEAD < n) fetch(x, number[i + AHEAD]);
        pos[i] = cells_of(x, pack_at(x, number[i]), row_at(number[i]), cell + (size_t)i * ncol);
    }
    x->given += n;
    *ret_n = n;
    return SM_OK;
}
