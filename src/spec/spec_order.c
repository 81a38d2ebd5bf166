/* SPDX-License-Identifier: MIT */
/* The order of work: a lookup or domain comes after everything it reads. */
#include "spec/spec_priv.h"

enum { ORDER_NEW, ORDER_OPEN, ORDER_DONE };

struct order {
    struct sp_load *l;
    uint32_t n;      /* lookups, then domains */
    uint32_t *first; /* [n + 1] into used */
    const struct sp_edge **used;
    uint32_t *at;        /* [n] next edge to look at */
    uint32_t *stack;     /* [n] */
    uint8_t *state;      /* [n] */
    struct sp_vec steps; /* struct sm_step */
};

static struct sm_str order_name(const struct order *o, uint32_t i) {
    const struct sm_lookup *k = o->l->lookups.p;
    const struct sm_domain *d = o->l->domains.p;
    return i < o->l->lookups.n ? k[i].name : d[i - o->l->lookups.n].dataset;
}

static struct sm_where order_place(const struct order *o, uint32_t i) {
    const struct sm_lookup *k = o->l->lookups.p;
    const struct sm_domain *d = o->l->domains.p;
    return i < o->l->lookups.n ? k[i].place : d[i - o->l->lookups.n].where;
}

/* The stack from `back` up is the circle. */
static void order_circle(struct order *o, uint32_t depth, uint32_t back) {
    char list[600];
    size_t n = 0;
    uint32_t from = depth;
    while (from > 0 && o->stack[from - 1] != back)
        from--;
    for (uint32_t i = from ? from - 1 : 0; i < depth; i++) {
        int w =
            snprintf(list + n, sizeof list - n, "%.*s -> ", SM_STR_FMT(order_name(o, o->stack[i])));
        if (w < 0 || (size_t)w >= sizeof list - n) break;
        n += (size_t)w;
    }
    sp_say(o->l, SM_D_CIRCLE, order_place(o, back), NULL,
           "these need each other in a circle: %.*s%.*s", (int)n, list,
           SM_STR_FMT(order_name(o, back)));
}

static void order_done(struct order *o, uint32_t i) {
    bool lookup = i < o->l->lookups.n;
    o->state[i] = ORDER_DONE;
    struct sm_step *s = sp_push(o->l, &o->steps, sizeof *s);
    if (s)
        *s = (struct sm_step){lookup ? SM_STEP_LOOKUP : SM_STEP_DOMAIN,
                              lookup ? i : i - o->l->lookups.n};
}

static void order_visit(struct order *o, uint32_t root) {
    uint32_t depth = 0;
    o->stack[depth++] = root;
    o->state[root] = ORDER_OPEN;
    while (depth) {
        uint32_t i = o->stack[depth - 1];
        if (o->first[i] + o->at[i] == o->first[i + 1]) {
            order_done(o, i);
            depth--;
            continue;
        }
        uint32_t next = o->used[o->first[i] + o->at[i]++]->used;
        if (o->state[next] == ORDER_OPEN) order_circle(o, depth, next);
        if (o->state[next] != ORDER_NEW) continue;
        o->state[next] = ORDER_OPEN;
        o->stack[depth++] = next;
    }
}

/* Edges by user. */
static void order_index(struct order *o) {
    const struct sp_edge *e = o->l->edges.p;
    for (uint32_t i = 0; i < o->l->edges.n; i++)
        if (e[i].user < o->n) o->first[e[i].user + 1]++;
    for (uint32_t i = 0; i < o->n; i++)
        o->first[i + 1] += o->first[i];
    for (uint32_t i = 0; i < o->l->edges.n; i++)
        if (e[i].user < o->n) o->used[o->first[e[i].user] + o->at[e[i].user]++] = &e[i];
    for (uint32_t i = 0; i < o->n; i++)
        o->at[i] = 0;
}

void sp_order(struct sp_load *l) {
    struct order o = {.l = l, .n = l->lookups.n + l->domains.n};
    o.first = sp_alloc(l, (size_t)o.n + 1, sizeof *o.first);
    o.used = sp_alloc(l, l->edges.n, sizeof *o.used);
    o.at = sp_alloc(l, o.n, sizeof *o.at);
    o.stack = sp_alloc(l, o.n, sizeof *o.stack);
    o.state = sp_alloc(l, o.n, 1);
    if (l->failed) return;
    order_index(&o);
    for (uint32_t i = 0; i < o.n; i++)
        if (o.state[i] == ORDER_NEW) order_visit(&o, i);
    l->s->step = o.steps.p;
    l->s->nstep = o.steps.n;
}
