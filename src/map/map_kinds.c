/* SPDX-License-Identifier: MIT */
/* map_kinds.c - columns that several conditions ask about. What a row has there, as long as there
 * are few such values (or pairs, and so on, of them), has a number, its kind, and each condition is
 * asked once a kind. A condition that holds nowhere in a batch is then found out by the kinds in it,
 * without a look at its rows. */
#include "map/map_priv.h"

enum {
    KINDS_MOST = 256,
    PLACE_BITS = 10,
    OTHERS_SHIFT = 6 /* a column where more than one row in 64 has no kind is left to the memos */
};
enum known { UNKNOWN, HOLDS_NOT, HOLDS };

struct map_kinds {
    struct map_kinds *next;
    uint32_t column[MAP_KEYS], ncol;
    uint32_t n; /* kinds 1 to n - 1; 0: the values came when all were taken */
    sm_val val[KINDS_MOST][MAP_KEYS];
    uint8_t place[1 << PLACE_BITS]; /* kinds by the hash of their values; 0: none */
    bool given_up;
    uint8_t *of; /* [rows of the batch]; NULL: not looked at yet */
    uint8_t here[KINDS_MOST];
    uint32_t nhere, others; /* kinds in the batch; rows without one */
};

/* ---- plan ------------------------------------------------------------------------------------ */

/* Does the condition ask about columns of the rows alone? */
static bool asks_columns(const struct map_rule *test) {
    for (uint32_t i = 0; i < test->nin; i++)
        if (test->in[i].kind != SM_SLOT_COLUMN) return false;
    return test->memo_ok && test->nin;
}

static bool asks_these(const struct map_guard *g, const struct map_rule *like) {
    bool same = asks_columns(&g->test) && g->test.nin == like->nin;
    for (uint32_t i = 0; same && i < like->nin; i++)
        same = g->test.in[i].index == like->in[i].index;
    return same;
}

/* Guards that ask about the columns of this one; one that is the rest of another does not count. */
static uint32_t asked(const struct map_guards *g, const struct map_rule *like) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < g->n; i++)
        n += asks_these(&g->item[i], like) && (g->item[i].twin == SM_NO || g->item[i].twin > i);
    return n;
}

static bool is_of(const struct map_kinds *s, const struct map_rule *test) {
    bool same = s->ncol == test->nin;
    for (uint32_t i = 0; same && i < s->ncol; i++)
        same = s->column[i] == test->in[i].index;
    return same;
}

static struct map_kinds *kinds_for(struct sm_map_worker *w, struct map_plan *p,
                                   const struct map_rule *test) {
    struct map_kinds *s = p->kinds;
    while (s && !is_of(s, test))
        s = s->next;
    if (s || !(s = sm_arena_alloc(&w->arena, sizeof *s))) return s;
    *s = (struct map_kinds){.next = p->kinds, .ncol = test->nin, .n = 1};
    for (uint32_t i = 0; i < test->nin; i++)
        s->column[i] = test->in[i].index;
    return p->kinds = s;
}

bool map_kinds_plan(struct sm_map_worker *w, struct map_plan *p, struct map_guards *g) {
    for (size_t i = 0; i < g->n; i++) {
        struct map_guard *it = &g->item[i];
        if (!asks_columns(&it->test) || asked(g, &it->test) < 2) continue;
        it->kinds = kinds_for(w, p, &it->test);
        it->known = sm_arena_alloc(&w->arena, KINDS_MOST);
        if (!it->kinds || !it->known) return false;
        map_kinds_forget(it);
    }
    return true;
}

void map_kinds_forget(struct map_guard *g) {
    if (g->known) memset(g->known, UNKNOWN, KINDS_MOST);
}

/* ---- batch ----------------------------------------------------------------------------------- */

void map_kinds_begin(struct map_plan *p) {
    for (struct map_kinds *s = p->kinds; s; s = s->next)
        s->of = NULL;
}

static SM_INLINE bool is_kind(const sm_val *a, const sm_val *b,
                                                          uint32_t ncol) {
    bool same = true;
    for (uint32_t c = 0; c < ncol && same; c++)
        same = a[c] == b[c];
    return same;
}

static SM_INLINE uint8_t kind_of(struct map_kinds *s, const sm_val *v,
                                                             uint32_t ncol) {
    uint64_t h = 0;
    for (uint32_t c = 0; c < ncol; c++)
        h = (h ^ h >> 29 ^ v[c]) * UINT64_C(0x9E3779B97F4A7C15);
    size_t at = (size_t)(h >> (64 - PLACE_BITS));
    for (; s->place[at]; at = (at + 1) & ((1 << PLACE_BITS) - 1))
        if (is_kind(s->val[s->place[at]], v, ncol)) return s->place[at];
    if (s->n == KINDS_MOST) return 0;
    memcpy(s->val[s->n], v, ncol * sizeof *v);
    return s->place[at] = (uint8_t)s->n++;
}

/* Kinds of n rows; numbers of each kind are added to count. */
static SM_INLINE void
kinds_of_rows(struct map_kinds *s, const sm_val *const *col, uint32_t ncol, uint32_t n, uint8_t *of,
              uint32_t *count) {
    sm_val v[MAP_KEYS] = {0}, last[MAP_KEYS];
    uint8_t kind = 0;
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t c = 0; c < ncol; c++)
            v[c] = col[c][i];
        if (i == 0 || !is_kind(v, last, ncol)) kind = kind_of(s, v, ncol);
        for (uint32_t c = 0; c < ncol; c++)
            last[c] = v[c];
        of[i] = kind;
        count[kind]++;
    }
}

static bool is_late(const struct map_run *m, const struct map_kinds *s) {
    bool late = false;
    for (uint32_t c = 0; c < s->ncol && m->batch && m->batch->late && !late; c++)
        late = m->batch->late[s->column[c]];
    return late;
}

/* Kinds of all rows of the batch. False: there are none, or no memory. */
static bool look(struct map_run *m, struct map_kinds *s) {
    if (s->of) return true;
    if (s->given_up || is_late(m, s)) return false;
    const sm_val *col[MAP_KEYS];
    uint32_t count[KINDS_MOST] = {0};
    uint8_t *of = map_room_take(m, (size_t)m->nrow + 1, sizeof *of);
    if (!of) return false;
    for (uint32_t c = 0; c < s->ncol; c++)
        col[c] = m->col[s->column[c]];
    if (s->ncol == 1)
        kinds_of_rows(s, col, 1, m->nrow, of, count);
    else
        kinds_of_rows(s, col, s->ncol, m->nrow, of, count);
    s->others = count[0];
    s->nhere = 0;
    for (uint32_t k = 1; k < s->n; k++)
        if (count[k]) s->here[s->nhere++] = (uint8_t)k;
    s->given_up = s->others > m->nrow >> OTHERS_SHIFT;
    if (!s->given_up) s->of = of;
    return !s->given_up;
}

/* What the condition says of all kinds in the batch; UNKNOWN: not the same, or not known yet. */
static uint8_t of_all(const struct map_kinds *s, const uint8_t *known) {
    const uint8_t first = s->nhere && !s->others ? known[s->here[0]] : UNKNOWN;
    for (uint32_t i = 1; i < s->nhere; i++)
        if (known[s->here[i]] != first) return UNKNOWN;
    return first;
}

static bool holds_at(struct map_run *m, struct map_guard *g, const struct map_sel *from, uint32_t k) {
    const uint32_t row = from->row ? from->row[k] : k;
    uint8_t *known = &g->known[g->kinds->of[row]];
    if (*known != UNKNOWN) return *known == HOLDS;
    sm_val out[MAP_OUTS] = {SM_MISSING};
    const bool clean = map_value(m, &g->test, row, from->rec ? from->rec[k] : k, out);
    const bool holds = out[0] != SM_MISSING;
    if (clean && known != g->known) *known = holds ? HOLDS : HOLDS_NOT;
    return holds;
}

bool map_kinds_test(struct map_run *m, struct map_guard *g, const struct map_sel *from,
                    struct map_split *ret) {
    if (!g->kinds || !look(m, g->kinds)) return false;
    const uint8_t all = of_all(g->kinds, g->known);
    if (all != UNKNOWN) {
        ret->n[all == HOLDS] = from->n;
        return true;
    }
    for (uint32_t k = 0; k < from->n; k++) {
        const bool holds = holds_at(m, g, from, k);
        ret->at[holds][ret->n[holds]++] = k;
    }
    return true;
}
