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

void map_memo_free(struct sm_map_worker *w, struct map_memo *memo) {
    if (memo->cell) w->memo_bytes -= memo_bytes(memo->bits, memo->width);
    sm_free(memo->cell);
    *memo = (struct map_memo){0};
}

void map_memo_forget(struct map_memo *memo) {
    if (memo->cell) memset(memo->cell, 0, memo_bytes(memo->bits, memo->width));
}

static SM_INLINE uint64_t memo_hash(const sm_val *key, uint32_t nkey) {
    uint64_t h = (key[0] ^ key[0] >> 32) * UINT64_C(0x9E3779B97F4A7C15);
    for (uint32_t i = 1; i < nkey; i++)
        h = ((h ^ h >> 29) + (key[i] ^ key[i] >> 32)) * UINT64_C(0xBF58476D1CE4E5B9);
    return h;
}

bool map_memo_may(const struct sm_map_worker *w, uint64_t bytes) {
    uint64_t most = w->rt->memo_bytes ? w->rt->memo_bytes : MEMO_BYTES_ALL;
    return w->memo_bytes + bytes <= most;
}

/* Entries of a smaller or larger table go where a look-up finds them. */
static void memo_move(const struct map_memo *from, sm_val *cell, uint32_t bits, uint32_t nkey) {
    sm_val key[MAP_KEYS];
    for (size_t i = 0; from->cell && i < (size_t)1 << from->bits; i++) {
        const sm_val *e = from->cell + i * from->width;
        if (e[0] == 0) continue;
        key[0] = ~e[0];
        for (uint32_t k = 1; k < nkey; k++)
            key[k] = e[k];
        memcpy(cell + (memo_hash(key, nkey) >> (64 - bits)) * from->width, e,
               from->width * sizeof *e);
    }
}

static bool memo_resize(struct sm_map_worker *w, struct map_rule *r, uint32_t bits) {
    struct map_memo *memo = &r->memo;
    size_t was = memo->cell ? memo_bytes(memo->bits, memo->width) : 0;
    size_t want = memo_bytes(bits, memo->width);
    if (want > was && bits > MEMO_BITS_MIN && !map_memo_may(w, want - was)) return false;
    sm_val *cell = sm_alloc((size_t)1 << bits, memo->width * sizeof *cell);
    if (!cell) return false;
    memo_move(memo, cell, bits, r->nin);
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
        memo->width = r->nin + r->nall;
        return memo_resize(m->w, r, MEMO_BITS_MIN);
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
            memo->settled = memo_resize(m->w, r, MEMO_BITS_MIN);
        else if (vain)
            memo->settled = memo_resize(m->w, r, memo->bits - 2);
        else if (more && memo_resize(m->w, r, memo->bits + 2))
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
    m->found |= m->dirty;
    return !m->dirty;
}

/* Where the wanted values of an entry go: value at[i] to column to[i]. */
struct memo_out {
    uint32_t n;
    uint32_t at[MAP_OUTS];
    sm_val *to[MAP_OUTS];
};

/* Values of the rules that share a memo, one behind the other. True if all are clean. */
static bool shared_values(struct map_run *m, const struct map_rule *r, uint32_t row, uint32_t rec,
                          sm_val *out) {
    bool clean = true;
    for (; r; r = r->next) {
        clean &= map_value(m, r, row, rec, out);
        out += r->nout;
    }
    return clean;
}

/* Computes entry k of the selection, to tmp and, if it is clean, to the memo's entry e. */
static __attribute__((noinline)) const sm_val *memo_miss(struct map_run *m, struct map_rule *r,
                                                         const struct map_sel *sel, uint32_t k,
                                                         const sm_val *key, sm_val *tmp) {
    struct map_memo *memo = &r->memo;
    memo->misses++;
    uint32_t rec = sel->rec ? sel->rec[k] : k, row = sel->row ? sel->row[k] : k;
    if (!shared_values(m, r, row, rec, tmp)) return tmp;
    sm_val *e = memo->cell + (memo_hash(key, r->nin) >> (64 - memo->bits)) * memo->width;
    e[0] = ~key[0];
    for (uint32_t i = 1; i < r->nin; i++)
        e[i] = key[i];
    for (uint32_t i = 0; i < r->nall; i++)
        e[r->nin + i] = tmp[i];
    return tmp;
}

enum { FAR_BYTES = 256 * 1024, AHEAD = 8 }; /* a memo that large is asked for that early */

/* A memo as the loops see it. */
struct memo_view {
    struct map_run *m;
    struct map_rule *r;
    const struct map_sel *sel;
    const struct map_src *src;
    const sm_val *cell;
    uint32_t shift, width;
};

static SM_INLINE void memo_key(const struct memo_view *v, uint32_t nkey,
                                                           bool dense, uint32_t k, sm_val *key) {
    key[0] = dense ? v->src[0].base[k] : map_src_at(&v->src[0], k);
    for (uint32_t i = 1; i < nkey; i++)
        key[i] = dense ? v->src[i].base[k] : map_src_at(&v->src[i], k);
}

static SM_INLINE const sm_val *
memo_entry(const struct memo_view *v, uint32_t nkey, const sm_val *key) {
    return v->cell + (memo_hash(key, nkey) >> v->shift) * v->width;
}

static SM_INLINE void memo_ask(const struct memo_view *v, uint32_t nkey,
                                                           bool dense, uint32_t k) {
    sm_val key[MAP_KEYS];
    if (k >= v->sel->n) return;
    memo_key(v, nkey, dense, k, key);
    __builtin_prefetch(memo_entry(v, nkey, key));
}

/* The outputs for entry k of the selection: in the memo, or in tmp. dense: every cell is at k. */
static SM_INLINE const sm_val *
memo_look(const struct memo_view *v, uint32_t nkey, bool dense, uint32_t k, sm_val *tmp) {
    sm_val key[MAP_KEYS];
    memo_key(v, nkey, dense, k, key);
    const sm_val *e = memo_entry(v, nkey, key);
    bool hit = e[0] == ~key[0];
    for (uint32_t i = 1; i < nkey; i++)
        hit &= e[i] == key[i];
    if (__builtin_expect(hit, 1)) return e + nkey;
    return memo_miss(v->m, v->r, v->sel, k, key, tmp);
}

static SM_INLINE void memo_loop(const struct memo_view *view,
                                                            const struct memo_out *out,
                                                            uint32_t nkey, bool one, bool dense) {
    const struct memo_view v = *view;
    sm_val tmp[MAP_OUTS], *to = out->to[0];
    uint32_t n = v.sel->n, nout = out->n, at = out->at[0];
    const bool far = memo_bytes(64 - v.shift, v.width) >= FAR_BYTES;
    for (uint32_t k = 0; k < n; k++) {
        if (far) memo_ask(&v, nkey, dense, k + AHEAD);
        const sm_val *e = memo_look(&v, nkey, dense, k, tmp);
        uint32_t rec = dense || !v.sel->rec ? k : v.sel->rec[k];
        if (one) {
            to[rec] = e[at];
            continue;
        }
        for (uint32_t i = 0; i < nout; i++)
            out->to[i][rec] = e[out->at[i]];
    }
}

/* The loops that are worth code of their own. */
static void memo_loops(const struct memo_view *v, const struct memo_out *out, bool dense) {
    uint32_t nkey = v->r->nin;
    bool one = out->n == 1;
    if (dense && nkey == 1 && one)
        memo_loop(v, out, 1, true, true);
    else if (dense && nkey == 1)
        memo_loop(v, out, 1, false, true);
    else if (dense && nkey == 2 && one)
        memo_loop(v, out, 2, true, true);
    else if (nkey == 1 && one)
        memo_loop(v, out, 1, true, false);
    else
        memo_loop(v, out, nkey, false, dense);
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

/* Cells that are no values yet, and their texts. */
struct unsettled {
    sm_val *at[64];
    struct sm_str text[64];
    uint32_t n;
};

static void settle_these(struct map_run *m, struct unsettled *u) {
    sm_val v[SM_ARRAY_LEN(u->at)];
    sm_val_make_each(m->in, u->text, u->n, v);
    for (uint32_t i = 0; i < u->n; i++)
        *u->at[i] = v[i];
    u->n = 0;
}

/* Cells that are no values yet become some. */
static void settle(struct map_run *m, const struct map_rule *r, const struct map_sel *sel) {
    const struct sm_batch *b = m->batch;
    struct unsettled u = {.n = 0};
    for (uint32_t i = 0; i < r->nin; i++) {
        if (r->in[i].kind != SM_SLOT_COLUMN || r->in[i].index >= m->source->ncolumn) continue;
        if (!b->late[r->in[i].index]) continue;
        sm_val *cell = b->col[r->in[i].index];
        for (uint32_t k = 0; k < sel->n; k++) {
            sm_val *v = &cell[sel->row ? sel->row[k] : k];
            if (!sm_val_is_late(*v)) continue;
            u.at[u.n] = v;
            u.text[u.n++] = sm_val_late_text(b, *v);
            if (u.n == SM_ARRAY_LEN(u.at)) settle_these(m, &u);
        }
        settle_these(m, &u);
    }
}

void map_settle(struct map_run *m, const struct map_rule *r, const struct map_sel *sel) {
    if (m->batch && m->batch->late) settle(m, r, sel);
}

bool map_sources(struct map_run *m, const struct map_rule *r, const struct map_sel *sel,
                 struct map_src *src) {
    for (uint32_t i = 0; i < r->nin; i++) {
        if (map_source_of(m, r->in[i], sel, &src[i])) continue;
        m->nomem = true;
        return false;
    }
    return true;
}

static bool all_dense(const struct map_sel *sel, const struct map_src *src, uint32_t n) {
    bool dense = !sel->rec && !sel->row;
    for (uint32_t i = 0; i < n; i++)
        dense &= !src[i].at;
    return dense;
}

void map_memo_run(struct map_run *m, struct map_rule *r, const struct map_sel *sel,
                  sm_val *const *dst) {
    struct map_src src[MAP_KEYS];
    map_settle(m, r, sel);
    if (r->nin == 0 || !memo_ready(m, r, sel->n)) {
        for (; r; dst += r->nout, r = r->next)
            run_plain(m, r, sel, dst);
        return;
    }
    if (!map_sources(m, r, sel, src)) return;
    struct memo_out out = {0};
    for (uint32_t i = 0; i < r->nall; i++) {
        if (!dst[i]) continue;
        out.at[out.n] = i;
        out.to[out.n++] = dst[i];
    }
    const struct memo_view v = {m, r, sel, src, r->memo.cell, 64 - r->memo.bits, r->memo.width};
    memo_loops(&v, &out, all_dense(sel, src, r->nin));
}

static void test_plain(struct map_run *m, struct map_rule *r, const struct map_sel *sel,
                       struct map_split *ret) {
    sm_val tmp[MAP_OUTS] = {0};
    bool fixed = r->memo_ok && r->nin == 0, clean = false;
    for (uint32_t k = 0; k < sel->n; k++) {
        uint32_t rec = sel->rec ? sel->rec[k] : k, row = sel->row ? sel->row[k] : k;
        if (!clean) clean = map_value(m, r, row, rec, tmp) && fixed;
        bool holds = tmp[0] != 0;
        ret->at[holds][ret->n[holds]++] = k;
    }
}

static SM_INLINE void
test_loop(const struct memo_view *view, struct map_split *ret, uint32_t nkey, bool dense) {
    const struct memo_view v = *view;
    sm_val tmp[MAP_OUTS] = {SM_MISSING};
    uint32_t n = v.sel->n, no = 0, yes = 0, *at_no = ret->at[0], *at_yes = ret->at[1];
    const bool far = memo_bytes(64 - v.shift, v.width) >= FAR_BYTES;
    for (uint32_t k = 0; k < n; k++) {
        if (far) memo_ask(&v, nkey, dense, k + AHEAD);
        bool holds = memo_look(&v, nkey, dense, k, tmp)[0] != 0;
        at_no[no] = at_yes[yes] = k;
        no += !holds;
        yes += holds;
    }
    ret->n[0] = no;
    ret->n[1] = yes;
}

/* A comparison takes less than to remember it. */
static void test_equal(struct map_run *m, const struct map_rule *r, const struct map_src *src,
                       uint32_t n, struct map_split *ret) {
    const sm_val k = r->k;
    const bool date = sm_val_is_dtc(k);
    uint32_t no = 0, yes = 0, *at_no = ret->at[0], *at_yes = ret->at[1];
    for (uint32_t i = 0; i < n; i++) {
        const sm_val v = map_src_at(src, i);
        bool holds = v == k;
        if (__builtin_expect(sm_val_is_dtc(v) != date, 0)) holds = sm_val_eq(m->texts, v, k);
        holds ^= r->negate;
        at_no[no] = at_yes[yes] = i;
        no += !holds;
        yes += holds;
    }
    ret->n[0] = no;
    ret->n[1] = yes;
}

bool map_memo_test(struct map_run *m, struct map_rule *r, const struct map_sel *sel,
                   struct map_split *ret) {
    struct map_src src[MAP_KEYS];
    map_settle(m, r, sel);
    const bool equal = r->equal && r->nin == 1 && !m->w->memo_none;
    if (!equal && (r->nin == 0 || !memo_ready(m, r, sel->n))) {
        test_plain(m, r, sel, ret);
        return true;
    }
    if (!map_sources(m, r, sel, src)) return false;
    if (equal) {
        test_equal(m, r, &src[0], sel->n, ret);
        return true;
    }
    const struct memo_view v = {m, r, sel, src, r->memo.cell, 64 - r->memo.bits, r->memo.width};
    bool dense = all_dense(sel, src, r->nin);
    if (dense && r->nin == 1)
        test_loop(&v, ret, 1, true);
    else
        test_loop(&v, ret, r->nin, dense);
    return true;
}
