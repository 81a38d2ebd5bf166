/* SPDX-License-Identifier: MIT */
#include "map/map_priv.h"

enum {
    MEMO_BITS_MIN = 8,
    MEMO_BITS_MAX = 16,
    MEMO_BYTES_MOST = 8 * 1024 * 1024, /* of one table */
    MEMO_BYTES_ALL = 48 * 1024 * 1024, /* of all tables of a worker */
    MEMO_GIVE_UP = 1 << 12             /* a table of that many entries that never hits shrinks */
};

static size_t memo_bytes(uint32_t bits, uint32_t width) {
    return ((size_t)1 << bits) * width * sizeof(sm_val);
}

void map_memo_free(struct map_memo *memo) {
    sm_free(memo->cell);
    memo->cell = NULL;
}

void map_memo_forget(struct map_memo *memo) {
    if (memo->cell) memset(memo->cell, 0, memo_bytes(memo->bits, memo->width));
}

static bool memo_resize(struct sm_map_worker *w, struct map_memo *memo, uint32_t bits) {
    size_t was = memo->cell ? memo_bytes(memo->bits, memo->width) : 0;
    size_t want = memo_bytes(bits, memo->width);
    if (w->memo_bytes - was + want > MEMO_BYTES_ALL && bits > MEMO_BITS_MIN) return false;
    sm_val *cell = sm_alloc((size_t)1 << bits, memo->width * sizeof *cell);
    if (!cell) return false;
    sm_free(memo->cell);
    memo->cell = cell;
    memo->bits = bits;
    w->memo_bytes += want - was;
    return true;
}

/* False: there is no table, the rule runs without. */
static bool memo_ready(struct map_run *m, struct map_rule *r, uint32_t n) {
    struct map_memo *memo = &r->memo;
    if (!r->memo_ok || m->w->memo_none) return false;
    if (!memo->cell) {
        memo->width = r->nin + r->nout;
        return memo_resize(m->w, memo, MEMO_BITS_MIN);
    }
    uint64_t entries = (uint64_t)1 << memo->bits;
    if (!memo->settled && memo->looks >= 4 * entries) {
        bool useless = entries >= MEMO_GIVE_UP && memo->misses > memo->looks - memo->looks / 16;
        bool more = memo->misses > memo->looks / 16 && memo->bits + 2 <= MEMO_BITS_MAX &&
                    memo_bytes(memo->bits + 2, memo->width) <= MEMO_BYTES_MOST;
        uint64_t rate = memo->misses * 1024 / memo->looks;
        /* what repeats does so at once: a larger table only takes the cache from others */
        bool vain = memo->was && rate < 256 && rate > memo->was - memo->was / 4;
        if (useless)
            memo->settled = memo_resize(m->w, memo, MEMO_BITS_MIN);
        else if (vain)
            memo->settled = memo_resize(m->w, memo, memo->bits - 2);
        else if (more && memo_resize(m->w, memo, memo->bits + 2))
            memo->was = rate;
        memo->looks = memo->misses = 0;
    }
    memo->looks += n;
    return true;
}

bool map_value(struct map_run *m, const struct map_rule *r, uint32_t row, uint32_t rec,
               sm_val *out) {
    for (uint32_t i = 0; i < r->nout; i++)
        out[i] = SM_MISSING;
    if (m->rejected && m->rejected[rec]) return false;
    map_at(m, row, rec);
    m->rule = r;
    m->dirty = false;
    r->op.value(m, r, out);
    return !m->dirty;
}

static inline __attribute__((always_inline)) uint64_t memo_hash(const sm_val *key, uint32_t nkey) {
    uint64_t h = (key[0] ^ key[0] >> 32) * UINT64_C(0x9E3779B97F4A7C15);
    for (uint32_t i = 1; i < nkey; i++)
        h = ((h ^ h >> 29) + (key[i] ^ key[i] >> 32)) * UINT64_C(0xBF58476D1CE4E5B9);
    return h;
}

/* The outputs for entry k of the selection: in the memo, or in tmp. */
static inline __attribute__((always_inline)) const sm_val *
memo_look(struct map_run *m, struct map_rule *r, const struct map_src *src, uint32_t nkey,
          const struct map_sel *sel, uint32_t k, sm_val *tmp) {
    struct map_memo *memo = &r->memo;
    sm_val key[MAP_KEYS];
    key[0] = src[0].base[src[0].at ? src[0].at[k] : k];
    for (uint32_t i = 1; i < nkey; i++)
        key[i] = src[i].base[src[i].at ? src[i].at[k] : k];
    sm_val *e = memo->cell + (memo_hash(key, nkey) >> (64 - memo->bits)) * memo->width;
    bool hit = e[0] == ~key[0];
    for (uint32_t i = 1; i < nkey; i++)
        hit &= e[i] == key[i];
    if (__builtin_expect(hit, 1)) return e + nkey;
    memo->misses++;
    uint32_t rec = sel->rec ? sel->rec[k] : k, row = sel->row ? sel->row[k] : k;
    if (!map_value(m, r, row, rec, tmp)) return tmp;
    e[0] = ~key[0];
    for (uint32_t i = 1; i < nkey; i++)
        e[i] = key[i];
    for (uint32_t i = 0; i < r->nout; i++)
        e[nkey + i] = tmp[i];
    return tmp;
}

/* Output 0 of each entry, by the memo. */
static inline __attribute__((always_inline)) void memo_one(struct map_run *m, struct map_rule *r,
                                                           const struct map_src *src, uint32_t nkey,
                                                           const struct map_sel *sel, sm_val *dst) {
    sm_val tmp[MAP_OUTS];
    for (uint32_t k = 0; k < sel->n; k++) {
        const sm_val *v = memo_look(m, r, src, nkey, sel, k, tmp);
        dst[sel->rec ? sel->rec[k] : k] = v[0];
    }
}

static void memo_many(struct map_run *m, struct map_rule *r, const struct map_src *src,
                      const struct map_sel *sel, sm_val *const *dst) {
    sm_val tmp[MAP_OUTS];
    for (uint32_t k = 0; k < sel->n; k++) {
        const sm_val *v = memo_look(m, r, src, r->nin, sel, k, tmp);
        uint32_t rec = sel->rec ? sel->rec[k] : k;
        for (uint32_t i = 0; i < r->nout; i++)
            if (dst[i]) dst[i][rec] = v[i];
    }
}

static void run_plain(struct map_run *m, struct map_rule *r, const struct map_sel *sel,
                      sm_val *const *dst) {
    sm_val tmp[MAP_OUTS];
    bool fixed = r->memo_ok && r->nin == 0, clean = false; /* no input: one value serves all */
    for (uint32_t k = 0; k < sel->n; k++) {
        uint32_t rec = sel->rec ? sel->rec[k] : k;
        if (!clean) clean = map_value(m, r, sel->row ? sel->row[k] : k, rec, tmp) && fixed;
        for (uint32_t i = 0; i < r->nout; i++)
            if (dst[i]) dst[i][rec] = tmp[i];
    }
}

/* Cells that are no values yet become some. */
static void settle(struct map_run *m, const struct map_rule *r, const struct map_sel *sel) {
    const struct sm_batch *b = m->batch;
    for (uint32_t i = 0; i < r->nin; i++) {
        if (r->in[i].kind != SM_SLOT_COLUMN || r->in[i].index >= m->source->ncolumn) continue;
        if (!b->late[r->in[i].index]) continue;
        sm_val *cell = b->col[r->in[i].index];
        for (uint32_t k = 0; k < sel->n; k++) {
            sm_val *v = &cell[sel->row ? sel->row[k] : k];
            if (sm_val_is_late(*v)) *v = sm_val_make(m->in, sm_val_late_text(b, *v));
        }
    }
}

void map_settle(struct map_run *m, const struct map_rule *r, const struct map_sel *sel) {
    if (m->batch && m->batch->late) settle(m, r, sel);
}

static bool sources(struct map_run *m, const struct map_rule *r, const struct map_sel *sel,
                    struct map_src *src) {
    for (uint32_t i = 0; i < r->nin; i++) {
        if (map_source_of(m, r->in[i], sel, &src[i])) continue;
        m->nomem = true;
        return false;
    }
    return true;
}

void map_memo_run(struct map_run *m, struct map_rule *r, const struct map_sel *sel,
                  sm_val *const *dst) {
    struct map_src src[MAP_KEYS];
    map_settle(m, r, sel);
    if (r->nin == 0 || !memo_ready(m, r, sel->n)) {
        run_plain(m, r, sel, dst);
        return;
    }
    if (!sources(m, r, sel, src)) return;
    if (r->nout != 1 || !dst[0])
        memo_many(m, r, src, sel, dst);
    else if (r->nin == 1)
        memo_one(m, r, src, 1, sel, dst[0]);
    else if (r->nin == 2)
        memo_one(m, r, src, 2, sel, dst[0]);
    else
        memo_one(m, r, src, r->nin, sel, dst[0]);
}

static uint32_t test_plain(struct map_run *m, struct map_rule *r, const struct map_sel *sel,
                           bool want, uint32_t *rec, uint32_t *row) {
    sm_val tmp[MAP_OUTS] = {0};
    bool fixed = r->memo_ok && r->nin == 0, clean = false;
    uint32_t n = 0;
    for (uint32_t k = 0; k < sel->n; k++) {
        rec[n] = sel->rec ? sel->rec[k] : k;
        row[n] = sel->row ? sel->row[k] : k;
        if (!clean) clean = map_value(m, r, row[n], rec[n], tmp) && fixed;
        n += (tmp[0] != 0) == want;
    }
    return n;
}

static inline __attribute__((always_inline)) uint32_t
test_memo(struct map_run *m, struct map_rule *r, const struct map_src *src, uint32_t nkey,
          const struct map_sel *sel, bool want, uint32_t *rec, uint32_t *row) {
    sm_val tmp[MAP_OUTS] = {SM_MISSING};
    uint32_t n = 0;
    for (uint32_t k = 0; k < sel->n; k++) {
        const sm_val *v = memo_look(m, r, src, nkey, sel, k, tmp);
        rec[n] = sel->rec ? sel->rec[k] : k;
        row[n] = sel->row ? sel->row[k] : k;
        n += (v[0] != 0) == want;
    }
    return n;
}

uint32_t map_memo_test(struct map_run *m, struct map_rule *r, const struct map_sel *sel, bool want,
                       uint32_t *rec, uint32_t *row) {
    struct map_src src[MAP_KEYS];
    map_settle(m, r, sel);
    if (r->nin == 0 || !memo_ready(m, r, sel->n)) return test_plain(m, r, sel, want, rec, row);
    if (!sources(m, r, sel, src)) return 0;
    if (r->nin == 1) return test_memo(m, r, src, 1, sel, want, rec, row);
    return test_memo(m, r, src, r->nin, sel, want, rec, row);
}
