/* SPDX-License-Identifier: MIT */
#include "diag_priv.h"

#include "sdtmill/hash.h"

enum { ROWS = 512, SHAPES_FIRST = 64, ROOM = 16 * 1024, TEXT_ALIGN = _Alignof(struct diag_bytes) };

struct rows {
    struct rows *next;
    size_t n;
    struct diag_row row[ROWS];
};
struct sm_diags_pack {
    struct diag_shape **place; /* hash table; NULL = free */
    size_t nshape, cap;
    struct rows *first, *last;
    const struct diag_row *newest;
    char *room; /* for texts */
    size_t nroom;
    struct diag_row **order;
    size_t norder;
};

struct sm_diags_pack *diag_pack_new(struct sm_arena *a) {
    struct sm_diags_pack *p = sm_arena_alloc(a, sizeof *p);
    if (!p) return NULL;
    p->cap = SHAPES_FIRST;
    p->place = sm_arena_array(a, p->cap, sizeof(struct diag_shape *));
    p->first = p->last = sm_arena_alloc(a, sizeof *p->first);
    return p->place && p->first ? p : NULL;
}

/* ---- texts -------------------------------------------------------------------------------------
 */

struct sm_str diag_row_text(const struct diag_bytes *b) {
    return b ? sm_str_n(b->text, b->n) : (struct sm_str){NULL, 0};
}

static struct diag_bytes *bytes_new(struct sm_diags_pack *p, struct sm_arena *a, struct sm_str s) {
    if (s.n > UINT32_MAX / 2) return NULL;
    size_t need = (sizeof(struct diag_bytes) + s.n + TEXT_ALIGN) / TEXT_ALIGN * TEXT_ALIGN;
    bool own = need > ROOM / 4;
    if (!own && need > p->nroom) {
        p->room = sm_arena_alloc(a, ROOM);
        p->nroom = p->room ? ROOM : 0;
    }
    char *at = own ? sm_arena_alloc(a, need) : p->nroom ? p->room : NULL;
    if (!at) return NULL;
    if (!own) {
        p->room += need;
        p->nroom -= need;
    }
    struct diag_bytes *b = (struct diag_bytes *)(void *)at;
    b->n = (uint32_t)s.n;
    if (s.n) memcpy(b->text, s.p, s.n);
    return b;
}

/* Neighbours mostly share them. */
static bool bytes_put(struct sm_diags_pack *p, struct sm_arena *a, struct sm_str s,
                      const struct diag_bytes *before, const struct diag_bytes **ret) {
    *ret = NULL;
    if (!s.p) return true;
    *ret = before && sm_str_eq(diag_row_text(before), s) ? before : bytes_new(p, a, s);
    return *ret != NULL;
}

/* A detail as what it has in the middle that the shape's has not. */
static bool detail_put(struct sm_diags_pack *p, struct sm_arena *a, struct sm_str s,
                       const struct diag_shape *shape, const struct diag_bytes **ret) {
    struct sm_str of = shape->d.detail;
    size_t head = 0, tail = 0, both = s.n < of.n ? s.n : of.n;
    *ret = NULL;
    if (sm_str_eq(s, of)) return true;
    if (s.n >= SM_DIAG_DETAIL || of.n >= SM_DIAG_DETAIL) both = 0;
    while (head < both && s.p[head] == of.p[head])
        head++;
    while (tail < both - head && s.p[s.n - 1 - tail] == of.p[of.n - 1 - tail])
        tail++;
    struct diag_bytes *b = bytes_new(p, a, sm_str_n(s.p + head, s.n - head - tail));
    if (!b) return false;
    b->head = (uint16_t)head;
    b->tail = (uint16_t)tail;
    *ret = b;
    return true;
}

struct sm_str diag_row_detail(const struct diag_row *r, char *room) {
    const struct diag_bytes *b = r->detail;
    struct sm_str of = r->shape->d.detail;
    if (!b) return of;
    if (b->head + b->tail == 0) return diag_row_text(b);
    memcpy(room, of.p, b->head);
    memcpy(room + b->head, b->text, b->n);
    memcpy(room + b->head + b->n, of.p + of.n - b->tail, b->tail);
    size_t n = (size_t)b->head + b->n + b->tail;
    room[n] = '\0';
    return sm_str_n(room, n);
}

/* ---- shapes ------------------------------------------------------------------------------------
 */

static const size_t shape_texts[] = {
    offsetof(struct sm_diag, file),     offsetof(struct sm_diag, column),
    offsetof(struct sm_diag, domain),   offsetof(struct sm_diag, variable),
    offsetof(struct sm_diag, map_file), offsetof(struct sm_diag, mend),
};

static uint64_t shape_hash(const struct sm_diag *d) {
    uint64_t h = ((uint64_t)d->code << 16 | (uint64_t)d->sev << 8 | d->effect) +
                 ((uint64_t)d->map_line << 32 | d->map_column) * 31 + d->field;
    for (size_t i = 0; i < SM_ARRAY_LEN(shape_texts); i++) {
        const struct sm_str *s = diag_text(d, shape_texts[i]);
        h = h * UINT64_C(0x9E3779B97F4A7C15) ^ (s->p ? sm_hash(s->p, s->n) : 1);
    }
    return h ^ h >> 29;
}

static bool shape_is(const struct sm_diag *a, const struct sm_diag *b) {
    if (a->code != b->code || a->sev != b->sev || a->effect != b->effect || a->field != b->field ||
        a->map_line != b->map_line || a->map_column != b->map_column ||
        !a->detail.p != !b->detail.p)
        return false;
    for (size_t i = 0; i < SM_ARRAY_LEN(shape_texts); i++) {
        const struct sm_str *s = diag_text(a, shape_texts[i]), *t = diag_text(b, shape_texts[i]);
        if (!s->p != !t->p || !sm_str_eq(*s, *t)) return false;
    }
    return true;
}

static bool shapes_grow(struct sm_diags_pack *p, struct sm_arena *a) {
    struct diag_shape **now = sm_arena_array(a, p->cap * 2, sizeof(struct diag_shape *));
    if (!now) return false;
    for (size_t i = 0; i < p->cap; i++) {
        if (!p->place[i]) continue;
        size_t at = p->place[i]->hash & (p->cap * 2 - 1);
        while (now[at])
            at = (at + 1) & (p->cap * 2 - 1);
        now[at] = p->place[i];
    }
    p->place = now;
    p->cap *= 2;
    return true;
}

static struct diag_shape *shape_new(struct sm_arena *a, const struct sm_diag *d, uint64_t hash) {
    struct diag_shape *s = sm_arena_alloc(a, sizeof *s);
    if (!s) return NULL;
    s->hash = hash;
    s->d = *d;
    s->d.line = 0;
    s->d.value = s->d.subject = (struct sm_str){NULL, 0};
    s->d.next = NULL;
    s->d.detail = sm_arena_dup(a, d->detail);
    if (d->detail.p && !s->d.detail.p) return NULL;
    for (size_t i = 0; i < SM_ARRAY_LEN(shape_texts); i++) {
        const struct sm_str *from = diag_text(d, shape_texts[i]);
        struct sm_str copy = sm_arena_dup(a, *from);
        if (from->p && !copy.p) return NULL;
        memcpy((char *)&s->d + shape_texts[i], &copy, sizeof copy);
    }
    return s;
}

static struct diag_shape *shape_put(struct sm_diags_pack *p, struct sm_arena *a,
                                    const struct sm_diag *d) {
    if (p->newest && shape_is(&p->newest->shape->d, d)) return p->newest->shape;
    if (p->nshape >= p->cap / 2 && !shapes_grow(p, a)) return NULL;
    uint64_t hash = shape_hash(d);
    size_t at = hash & (p->cap - 1);
    for (; p->place[at]; at = (at + 1) & (p->cap - 1))
        if (p->place[at]->hash == hash && shape_is(&p->place[at]->d, d)) return p->place[at];
    p->place[at] = shape_new(a, d, hash);
    p->nshape += p->place[at] != NULL;
    return p->place[at];
}

/* ---- rows --------------------------------------------------------------------------------------
 */

bool diag_pack_add(struct sm_diags_pack *p, struct sm_arena *a, const struct sm_diag *in) {
    const struct diag_row *was = p->newest;
    struct diag_row r = {.line = in->line, .shape = shape_put(p, a, in)};
    if (!r.shape || !detail_put(p, a, in->detail, r.shape, &r.detail) ||
        !bytes_put(p, a, in->value, was ? was->value : NULL, &r.value) ||
        !bytes_put(p, a, in->subject, was ? was->subject : NULL, &r.subject))
        return false;
    if (p->last->n == ROWS) {
        struct rows *more = sm_arena_alloc(a, sizeof *more);
        if (!more) return false;
        p->last->next = more;
        p->last = more;
    }
    p->last->row[p->last->n] = r;
    p->newest = &p->last->row[p->last->n++];
    return true;
}

void diag_row_get(const struct diag_row *r, struct sm_diags_walk *w) {
    w->shape = r->shape;
    w->diag = r->shape->d;
    w->diag.line = r->line;
    w->diag.value = diag_row_text(r->value);
    w->diag.subject = diag_row_text(r->subject);
    w->diag.detail = diag_row_detail(r, w->detail);
}

bool diag_pack_next(const struct sm_diags_pack *p, struct sm_diags_walk *w) {
    const struct rows *at = w->at ? w->at : p->first;
    if (w->i == at->n && at->next) {
        at = at->next;
        w->i = 0;
    }
    w->at = at;
    if (w->i == at->n) return false;
    diag_row_get(&at->row[w->i++], w);
    return true;
}

void diag_pack_rows(struct sm_diags_pack *p, struct diag_row **ret) {
    for (struct rows *at = p->first; at; at = at->next)
        for (size_t i = 0; i < at->n; i++)
            *ret++ = &at->row[i];
}

bool diag_pack_raise(struct sm_diags_pack *p, struct sm_arena *a, struct diag_row *row, uint8_t sev,
                     uint8_t effect) {
    struct sm_diags_walk w;
    if (row->shape->d.sev == sev && row->shape->d.effect == effect) return true;
    diag_row_get(row, &w);
    w.diag.sev = sev;
    w.diag.effect = effect;
    row->shape = shape_put(p, a, &w.diag);
    return row->shape && detail_put(p, a, w.diag.detail, row->shape, &row->detail);
}

void diag_pack_set_order(struct sm_diags_pack *p, struct diag_row **order, size_t n) {
    p->order = order;
    p->norder = n;
}

struct diag_row *const *diag_pack_order(const struct sm_diags_pack *p, size_t *ret_n) {
    *ret_n = p->norder;
    return p->order;
}
