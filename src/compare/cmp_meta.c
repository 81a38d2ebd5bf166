/* SPDX-License-Identifier: MIT */
/* cmp_meta.c - differences in what two datasets say of their variables. */
#include "cmp_priv.h"

struct metas {
    struct sm_arena *arena;
    struct sm_cmp_meta *v;
    size_t n, cap;
};

static int add(struct metas *m, struct sm_str variable, const char *what, struct sm_str base, struct sm_str now, struct sm_err *err) {
    int rc = sm_grow(&m->v, &m->cap, m->n + 1, sizeof *m->v, err);
    if (rc) return rc;
    struct sm_cmp_meta *d = &m->v[m->n++];
    d->variable = variable.n ? sm_arena_dup(m->arena, variable) : SM_STR("");
    d->what = sm_str(what);
    d->base = base.n ? sm_arena_dup(m->arena, base) : SM_STR("");
    d->now = now.n ? sm_arena_dup(m->arena, now) : SM_STR("");
    return d->variable.p && d->base.p && d->now.p ? SM_OK : sm_fail(err, SM_ENOMEM, "out of memory");
}

static int add_count(struct metas *m, struct sm_str variable, const char *what, uint64_t base, uint64_t now, struct sm_err *err) {
    char x[24], y[24];
    int n = snprintf(x, sizeof x, "%" PRIu64, base), k = snprintf(y, sizeof y, "%" PRIu64, now);
    return add(m, variable, what, sm_str_n(x, (size_t)n), sm_str_n(y, (size_t)k), err);
}

static const struct sm_dsvar *find(const struct sm_dsinfo *d, struct sm_str name, uint32_t guess) {
    if (guess < d->nvar && sm_str_eq(d->var[guess].name, name)) return &d->var[guess];
    for (uint32_t i = 0; i < d->nvar; i++)
        if (sm_str_eq(d->var[i].name, name)) return &d->var[i];
    return NULL;
}

static int variable(struct metas *m, const struct sm_cmp_side *b, const struct sm_cmp_side *n, const struct sm_dsvar *x, const struct sm_dsvar *y,
                    struct sm_err *err) {
    int rc = SM_OK;
    if (b->labels && n->labels && !sm_str_eq(sm_str_trim(x->label), sm_str_trim(y->label))) rc = add(m, x->name, "label", x->label, y->label, err);
    if (!rc && b->types && n->types && x->is_num != y->is_num)
        rc = add(m, x->name, "type", x->is_num ? SM_STR("numeric") : SM_STR("character"), y->is_num ? SM_STR("numeric") : SM_STR("character"), err);
    if (!rc && b->lengths && n->lengths && !x->is_num && !y->is_num && x->length && y->length && x->length != y->length)
        rc = add_count(m, x->name, "length", x->length, y->length, err);
    return rc;
}

/* The first variable of base whose successors, among the variables in both, differ. */
static int order(struct metas *m, const struct sm_dsinfo *b, const struct sm_dsinfo *n, struct sm_err *err) {
    uint32_t k = 0;
    for (uint32_t i = 0; i < b->nvar; i++) {
        if (!find(n, b->var[i].name, i)) continue;
        while (k < n->nvar && !find(b, n->var[k].name, k)) k++;
        if (k < n->nvar && !sm_str_eq(b->var[i].name, n->var[k].name)) return add(m, SM_STR(""), "order of variables", b->var[i].name, n->var[k].name, err);
        k++;
    }
    return SM_OK;
}

static int all(struct metas *m, const struct sm_cmp_side *b, const struct sm_cmp_side *n, struct sm_err *err) {
    int rc = SM_OK;
    if (b->types && n->types && !sm_str_eq(b->info->name, n->info->name)) rc = add(m, SM_STR(""), "name", b->info->name, n->info->name, err);
    if (!rc && b->labels && n->labels && !sm_str_eq(sm_str_trim(b->info->label), sm_str_trim(n->info->label)))
        rc = add(m, SM_STR(""), "label", b->info->label, n->info->label, err);
    for (uint32_t i = 0; !rc && i < b->info->nvar; i++) {
        const struct sm_dsvar *x = &b->info->var[i], *y = find(n->info, x->name, i);
        rc = y ? variable(m, b, n, x, y, err) : add(m, x->name, "in base only", x->label, SM_STR(""), err);
    }
    for (uint32_t i = 0; !rc && i < n->info->nvar; i++)
        if (!find(b->info, n->info->var[i].name, i)) rc = add(m, n->info->var[i].name, "in new only", SM_STR(""), n->info->var[i].label, err);
    if (!rc && b->order && n->order) rc = order(m, b->info, n->info, err);
    return rc;
}

int sm_cmp_meta(struct sm_cmp_side base, struct sm_cmp_side now, struct sm_arena *a, const struct sm_cmp_meta **ret, size_t *ret_n, struct sm_err *err) {
    struct metas m = {.arena = a};
    int rc = all(&m, &base, &now, err);
    struct sm_cmp_meta *v = rc ? NULL : sm_arena_array(a, m.n + 1, sizeof *v);
    if (!rc && !v) rc = sm_fail(err, SM_ENOMEM, "out of memory");
    if (!rc && m.n) memcpy(v, m.v, m.n * sizeof *v);
    *ret = v;
    *ret_n = rc ? 0 : m.n;
    sm_free(m.v);
    return rc;
}
