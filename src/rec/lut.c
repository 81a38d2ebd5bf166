/* SPDX-License-Identifier: MIT */
#include "sdtmill/lut.h"

#include "sdtmill/err.h"
#include "sdtmill/mem.h"
#include "sdtmill/num.h"
#include "sdtmill/utf8.h"

enum { LUT_FIRST = 16, SUM_MAX = 512 };

struct lut_place {
    uint32_t hash, row; /* row + 1; 0 = free */
};
struct sm_lut {
    struct sm_texts *texts;
    uint32_t nkey, nval;
    bool ignore_case;
    sm_val *key, *val;
    size_t n, keycap, valcap;
    struct lut_place *place;
    size_t cap;
};

int sm_lut_open(struct sm_lut **ret, struct sm_texts *t, uint32_t nkey, uint32_t nval,
                bool ignore_case, struct sm_err *err) {
    struct sm_lut *l = sm_alloc(1, sizeof *l);
    if (l) l->place = sm_alloc(LUT_FIRST, sizeof *l->place);
    if (!l || !l->place) {
        sm_free(l);
        return sm_fail(err, SM_ENOMEM, "out of memory");
    }
    l->texts = t;
    l->nkey = nkey;
    l->nval = nval;
    l->ignore_case = ignore_case;
    l->cap = LUT_FIRST;
    *ret = l;
    return SM_OK;
}

void sm_lut_close(struct sm_lut *l) {
    if (!l) return;
    sm_free(l->key);
    sm_free(l->val);
    sm_free(l->place);
    sm_free(l);
}

static uint64_t fold_hash(struct sm_str s) {
    uint64_t h = UINT64_C(0xCBF29CE484222325);
    const char *p = s.p, *end = s.p + s.n;
    while (p < end)
        h = (h ^ sm_utf8_lower(sm_utf8_next(&p, end))) * UINT64_C(0x100000001B3);
    return h ^ h >> 32;
}

static bool fold_eq(struct sm_str a, struct sm_str b) {
    const char *p = a.p, *q = b.p, *pe = a.p + a.n, *qe = b.p + b.n;
    while (p < pe && q < qe)
        if (sm_utf8_lower(sm_utf8_next(&p, pe)) != sm_utf8_lower(sm_utf8_next(&q, qe)))
            return false;
    return p == pe && q == qe;
}

static uint32_t lut_hash(const struct sm_lut *l, const sm_val *key) {
    uint64_t h = 0;
    for (uint32_t i = 0; i < l->nkey; i++) {
        struct sm_valbuf buf;
        uint64_t one = l->ignore_case ? fold_hash(sm_val_text(l->texts, key[i], &buf))
                                      : sm_val_hash(l->texts, key[i]);
        h = (h << 5 | h >> 59) * UINT64_C(0x9E3779B97F4A7C15) ^ one;
    }
    return (uint32_t)(h ^ h >> 32);
}

static bool lut_same(const struct sm_lut *l, const sm_val *a, const sm_val *b) {
    for (uint32_t i = 0; i < l->nkey; i++) {
        if (a[i] == b[i]) continue;
        if (!l->ignore_case) {
            if (!sm_val_eq(l->texts, a[i], b[i])) return false;
            continue;
        }
        struct sm_valbuf x, y;
        if (!fold_eq(sm_val_text(l->texts, a[i], &x), sm_val_text(l->texts, b[i], &y)))
            return false;
    }
    return true;
}

/* Where the key is, or the free place where it would go. */
static size_t lut_place(const struct sm_lut *l, const sm_val *key, uint32_t hash) {
    size_t at = hash & (l->cap - 1);
    for (; l->place[at].row; at = (at + 1) & (l->cap - 1))
        if (l->place[at].hash == hash &&
            lut_same(l, l->key + (size_t)(l->place[at].row - 1) * l->nkey, key))
            break;
    return at;
}

static int lut_grow(struct sm_lut *l, struct sm_err *err) {
    size_t cap = l->cap * 2;
    struct lut_place *now = sm_alloc(cap, sizeof *now);
    if (!now) return sm_fail(err, SM_ENOMEM, "out of memory for a table of %zu rows", l->n);
    for (size_t i = 0; i < l->cap; i++) {
        if (l->place[i].row == 0) continue;
        size_t at = l->place[i].hash & (cap - 1);
        while (now[at].row)
            at = (at + 1) & (cap - 1);
        now[at] = l->place[i];
    }
    sm_free(l->place);
    l->place = now;
    l->cap = cap;
    return SM_OK;
}

int sm_lut_add(struct sm_lut *l, const sm_val *key, const sm_val *val, sm_val **ret_old,
               struct sm_err *err) {
    uint32_t hash = lut_hash(l, key);
    size_t at = lut_place(l, key, hash);
    if (l->place[at].row) {
        *ret_old = l->val + (size_t)(l->place[at].row - 1) * l->nval;
        return SM_OK;
    }
    if (l->n >= UINT32_MAX - 1)
        return sm_fail(err, SM_ELIMIT, "a table has more than 4 billion rows");
    int rc = sm_grow(&l->key, &l->keycap, (l->n + 1) * l->nkey, sizeof *l->key, err);
    if (rc == SM_OK)
        rc = sm_grow(&l->val, &l->valcap, (l->n + 1) * l->nval + 1, sizeof *l->val, err);
    if (rc == SM_OK && l->n + 1 > l->cap / 2) {
        rc = lut_grow(l, err);
        if (rc == SM_OK) at = lut_place(l, key, hash);
    }
    if (rc != SM_OK) return rc;
    if (l->nkey) memcpy(l->key + l->n * l->nkey, key, l->nkey * sizeof *key);
    if (l->nval && val) memcpy(l->val + l->n * l->nval, val, l->nval * sizeof *val);
    if (!val) memset(l->val + l->n * l->nval, 0, l->nval * sizeof *l->val);
    l->place[at] = (struct lut_place){hash, (uint32_t)++l->n};
    *ret_old = NULL;
    return SM_OK;
}

const sm_val *sm_lut_find(const struct sm_lut *l, const sm_val *key) {
    size_t at = lut_place(l, key, lut_hash(l, key));
    return l->place[at].row ? l->val + (size_t)(l->place[at].row - 1) * l->nval : NULL;
}

/* What the next step reads is asked for in the one before, for all keys of a tile. */
void sm_lut_find_each(const struct sm_lut *l, const sm_val *key, size_t n, const sm_val **ret) {
    enum { TOGETHER = 16 };
    for (size_t from = 0; from < n; from += TOGETHER) {
        const size_t many = n - from < TOGETHER ? n - from : TOGETHER;
        const sm_val *k = key + from * l->nkey;
        uint32_t hash[TOGETHER];
        for (size_t i = 0; i < many * l->nkey; i++)
            sm_val_ask(l->texts, k[i]);
        for (size_t i = 0; i < many; i++) {
            hash[i] = lut_hash(l, k + i * l->nkey);
            __builtin_prefetch(&l->place[hash[i] & (l->cap - 1)]);
        }
        for (size_t i = 0; i < many; i++) {
            const uint32_t row = l->place[hash[i] & (l->cap - 1)].row;
            if (row == 0) continue;
            __builtin_prefetch(l->key + (size_t)(row - 1) * l->nkey);
            __builtin_prefetch(l->val + (size_t)(row - 1) * l->nval);
        }
        for (size_t i = 0; i < many; i++) {
            const uint32_t row = l->place[lut_place(l, k + i * l->nkey, hash[i])].row;
            ret[from + i] = row ? l->val + (size_t)(row - 1) * l->nval : NULL;
        }
    }
}

size_t sm_lut_count(const struct sm_lut *l) {
    return l->n;
}
const sm_val *sm_lut_key_at(const struct sm_lut *l, size_t i) {
    return l->key + i * l->nkey;
}
const sm_val *sm_lut_val_at(const struct sm_lut *l, size_t i) {
    return l->val + i * l->nval;
}
uint32_t sm_lut_nkey(const struct sm_lut *l) {
    return l->nkey;
}
uint32_t sm_lut_nval(const struct sm_lut *l) {
    return l->nval;
}

static int take_cmp(const struct sm_texts *t, sm_val a, sm_val b) {
    struct sm_valbuf x, y;
    int c;
    if (sm_val_is_dtc(a) || sm_val_is_dtc(b)) return sm_val_cmp(t, a, b);
    if (sm_dec_cmp(sm_val_text(t, a, &x), sm_val_text(t, b, &y), &c)) return c;
    return sm_val_cmp(t, a, b);
}

/* A text that is no number does not count in a sum. */
static void take_sum(sm_val *into, sm_val v, struct sm_intern *in) {
    struct sm_valbuf x, y;
    char out[SUM_MAX];
    size_t n;
    const struct sm_texts *t = sm_intern_texts(in);
    struct sm_str add = sm_val_text(t, v, &y);
    struct sm_str sum = *into == SM_MISSING ? SM_STR("0") : sm_val_text(t, *into, &x);
    if (sm_dec_arith('+', sum, add, out, sizeof out, &n)) *into = sm_val_make(in, sm_str_n(out, n));
}

void sm_take_combine(enum sm_take how, sm_val *into, sm_val v, struct sm_intern *in) {
    const struct sm_texts *t = sm_intern_texts(in);
    struct sm_valbuf buf;
    int64_t n = 0;
    if (v == SM_MISSING) return;
    switch (how) {
    case SM_TAKE_FIRST:
    case SM_TAKE_ONLY:
        if (*into == SM_MISSING) *into = v;
        return;
    case SM_TAKE_LAST:
        *into = v;
        return;
    case SM_TAKE_MIN:
        if (*into == SM_MISSING || take_cmp(t, v, *into) < 0) *into = v;
        return;
    case SM_TAKE_MAX:
        if (*into == SM_MISSING || take_cmp(t, v, *into) > 0) *into = v;
        return;
    case SM_TAKE_SUM:
        take_sum(into, v, in);
        return;
    case SM_TAKE_COUNT:
        if (*into != SM_MISSING && !sm_str_to_i64(sm_val_text(t, *into, &buf), &n)) return;
        *into = sm_val_from_i64(in, n + 1);
        return;
    }
}
