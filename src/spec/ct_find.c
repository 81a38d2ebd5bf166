/* SPDX-License-Identifier: MIT */
#include "ct_priv.h"

#include "sdtmill/hash.h"
#include "sdtmill/utf8.h"

enum { FOLD_ROOM = 256 };

/* The text in lower case goes through the hash in pieces. */
static uint32_t fold_hash(struct sm_str s) {
    char low[FOLD_ROOM];
    size_t n = 0;
    uint64_t h = 0;
    const char *p = s.p, *end = s.n ? s.p + s.n : s.p;
    while (p < end) {
        if ((unsigned char)*p < 0x80)
            low[n++] = sm_to_lower(*p++);
        else
            n += sm_utf8_put(low + n, sm_utf8_lower(sm_utf8_next(&p, end)));
        if (n <= FOLD_ROOM - 4 && p < end) continue;
        h = h * UINT64_C(0x9E3779B97F4A7C15) ^ sm_hash(low, n);
        n = 0;
    }
    return (uint32_t)(h ^ h >> 32);
}

static bool fold_eq(struct sm_str a, struct sm_str b) {
    if (a.n == b.n && memcmp(a.p, b.p, a.n) == 0) return true;
    const char *p = a.p, *q = b.p, *pe = a.n ? a.p + a.n : a.p, *qe = b.n ? b.p + b.n : b.p;
    while (p < pe && q < qe)
        if (sm_utf8_lower(sm_utf8_next(&p, pe)) != sm_utf8_lower(sm_utf8_next(&q, qe)))
            return false;
    return p == pe && q == qe;
}

/* A text of a term by its number: 0 value, 1 decode, then the synonyms. */
static struct sm_str text_of(const struct sm_term *t, uint32_t which) {
    struct sm_str s = which == 0 ? t->value : which == 1 ? t->decode : t->synonym[which - 2];
    return sm_str_trim_unicode(s);
}

static void index_add(struct sm_ct_index *x, const struct sm_codelist *l, uint32_t term,
                      uint32_t which) {
    struct sm_str s = text_of(&l->term[term], which);
    if (s.n == 0) return;
    uint32_t hash = fold_hash(s);
    size_t at = hash & (x->cap - 1);
    while (x->place[at].term)
        at = (at + 1) & (x->cap - 1);
    x->place[at] = (struct ct_place){hash, term + 1, which};
}

/* Values stand before synonyms and these before decodes, so that a search meets the best first. */
static bool index_build(struct sm_arena *a, struct sm_codelist *l) {
    size_t n = 0;
    for (uint32_t i = 0; i < l->nterm; i++)
        n += 2 + l->term[i].nsynonym;
    struct sm_ct_index *x = sm_arena_alloc(a, sizeof *x);
    if (!x) return false;
    for (x->cap = 4; x->cap < n + n / 3; x->cap *= 2) {
    }
    x->place = sm_arena_array(a, x->cap, sizeof *x->place);
    if (!x->place) return false;
    for (uint32_t i = 0; i < l->nterm; i++)
        index_add(x, l, i, 0);
    for (uint32_t i = 0; i < l->nterm; i++)
        for (uint32_t k = 0; k < l->term[i].nsynonym; k++)
            index_add(x, l, i, 2 + k);
    for (uint32_t i = 0; i < l->nterm; i++)
        index_add(x, l, i, 1);
    l->index = x;
    return true;
}

static bool list_build(struct sm_ct *ct, struct ct_list *l, int depth);

/* All terms of the other list, then its own. */
static bool list_extend(struct sm_ct *ct, struct ct_list *l, int depth) {
    struct ct_list *base = ct_list_get(ct, l->extends);
    if (base == l) base = NULL;
    if (!base || depth > CT_EXTENDS_MAX || base->busy) return true;
    if (!list_build(ct, base, depth + 1)) return false;
    size_t n = (size_t)base->list.nterm + l->list.nterm;
    struct sm_term *term = sm_arena_array(ct->arena, n + 1, sizeof *term);
    if (!term) return false;
    size_t at = base->list.nterm;
    if (at) memcpy(term, base->list.term, at * sizeof *term);
    for (size_t i = 0; i < l->list.nterm; i++, at++) {
        term[at] = l->list.term[i];
        term[at].extended = true;
    }
    l->list.term = term;
    l->list.nterm = (uint32_t)n;
    return true;
}

static bool list_build(struct sm_ct *ct, struct ct_list *l, int depth) {
    if (l->ready) return true;
    l->busy = true;
    bool ok = !l->left_out || ct_text_fetch(ct, l);
    if (ok && l->lines) ok = ct_text_terms(ct, l);
    if (ok && l->plain.p) ok = ct_plain_terms(ct, l);
    if (ok && l->extends.n) ok = list_extend(ct, l, depth);
    if (ok) ok = index_build(ct->arena, &l->list);
    l->busy = false;
    l->ready = ok;
    return ok;
}

const struct sm_codelist *sm_ct_list(struct sm_ct *ct, struct sm_str name) {
    struct ct_list *l = ct_list_get(ct, name);
    return l && list_build(ct, l, 0) ? &l->list : NULL;
}

static int rank_of(uint32_t which, struct sm_str text, const struct sm_term *t, struct sm_str value,
                   struct sm_str key) {
    if (which == 0) return sm_str_eq(t->value, value) ? 1 : 2;
    if (which == 1) return 5;
    return sm_str_eq(text, key) ? 3 : 4;
}

enum sm_ct_how sm_ct_find(const struct sm_codelist *l, struct sm_str value,
                          const struct sm_term **ret) {
    static const enum sm_ct_how how[] = {SM_CT_NONE,    SM_CT_EXACT,   SM_CT_NOCASE,
                                         SM_CT_SYNONYM, SM_CT_SYNONYM, SM_CT_DECODE};
    const struct sm_ct_index *x = l->index;
    struct sm_str key = sm_str_trim_unicode(value);
    if (key.n == 0 || !x) return SM_CT_NONE;
    uint32_t hash = fold_hash(key);
    int best = 0;
    for (size_t at = hash & (x->cap - 1); x->place[at].term; at = (at + 1) & (x->cap - 1)) {
        const struct ct_place *p = &x->place[at];
        if (p->hash != hash) continue;
        const struct sm_term *t = &l->term[p->term - 1];
        struct sm_str text = text_of(t, p->which);
        if (!fold_eq(text, key)) continue;
        int rank = rank_of(p->which, text, t, value, key);
        if (best && rank >= best) continue;
        best = rank;
        *ret = t;
        if (rank == 1) break;
    }
    return how[best];
}

struct sm_str sm_ct_nearest_term(const struct sm_codelist *l, struct sm_str value) {
    struct sm_str best = {NULL, 0}, key = sm_str_trim_unicode(value);
    unsigned cap = key.n < 6 ? 1 : key.n < 12 ? 2 : 3, least = cap + 1;
    if (key.n == 0 || key.n > 100) return best;
    for (size_t i = 0; i < l->nterm; i++) {
        struct sm_str s = l->term[i].value;
        if (s.n > key.n + cap || key.n > s.n + cap) continue;
        unsigned d = sm_str_distance(s, key, cap);
        if (d >= least) continue;
        least = d;
        best = s;
    }
    return best;
}
