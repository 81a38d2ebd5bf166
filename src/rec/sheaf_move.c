/* SPDX-License-Identifier: MIT */
/* sheaf_move.c - the way from one form of a record to another: as few moves as can be. */
#include "sheaf_priv.h"

struct path { /* of moves, while they are made */
    struct sheaf_move *first, *next;
    uint32_t from, to; /* bits where the last field ends, before and after */
    uint32_t wide;     /* bits of the last move */
    bool tight;        /* its last field is as wide after as before: another can follow */
};

/* a less b in steps of 1 << shift, which is what they differ by; below zero, too. */
static uint64_t less(uint64_t a, uint64_t b, unsigned shift) {
    return a >= b ? (a - b) >> shift : 0 - ((b - a) >> shift);
}

static struct sheaf_move move_of(const struct sm_pack_field *f, const struct sm_pack_field *t,
                           bool number) {
    struct sheaf_move m = {
        .mask = sm_bits_most(f->width), .at = f->bit >> 3, .by = f->bit & 7, .left = t->bit & 63};
    if (number) {
        m.add = f->base - t->base;
    } else if (f->width) {
        m.up = f->shift > t->shift ? f->shift - t->shift : 0;
        m.add = less(f->base, t->base, t->shift) + 1;
        m.value = m.up || m.add != 1;
        if (!m.value) m.add = 0; /* the same number */
    }
    return m;
}

/* Fields come in the order of their places. */
static void path_add(struct path *p, const struct sm_pack_field *f, const struct sm_pack_field *t,
                     bool number) {
    struct sheaf_move m = move_of(f, t, number), *last = p->next > p->first ? p->next - 1 : NULL;
    const bool joins = last && p->tight && !last->value && !m.value && f->width &&
                       p->from == f->bit && p->to == t->bit &&
                       p->wide + t->width <= SM_PACK_BITS_MOST;
    if (joins) {
        last->mask = sm_bits_most(p->wide + f->width);
        last->add += m.add << p->wide;
        p->wide += t->width;
    } else {
        if (last) last->ends = t->bit / 64 > (p->to - p->wide) / 64;
        *p->next++ = m;
        p->wide = t->width;
    }
    p->tight = f->width == t->width;
    p->from = f->bit + f->width;
    p->to = t->bit + t->width;
}

uint32_t sheaf_moves(const struct sm_pack_field *f, const struct sm_pack_field *t, uint32_t ncol,
                     struct sheaf_move *out) {
    struct path p = {.first = out, .next = out};
    for (uint32_t c = 0; c < ncol; c++)
        if (t[c].coded && !t[c].leader && t[c].width) path_add(&p, &f[c], &t[c], true);
    for (uint32_t c = 0; c < ncol + 2; c++)
        if (!t[c].coded && t[c].width) path_add(&p, &f[c], &t[c], c >= ncol);
    if (p.next > out) p.next[-1].ends = (p.to - p.wide) % 64 + p.wide > 64;
    return (uint32_t)(p.next - out);
}
