/* SPDX-License-Identifier: MIT */
/* define_values.c - value level: results and units by test, parameters, supplemental qualifiers. */
#include "define_priv.h"

enum { OID_VALUE_MAX = 40 }; /* bytes of a value that go into OIDs */

struct level {
    struct define *f;
    struct def_group *g;
    const struct sm_dsvalues *w;
    uint32_t *order; /* of the slices, by value */
    bool *clause;    /* [groups.n] its where-clause is defined */
};

/* A value as a part of an OID; a long one is told by its number, written longer than any other. */
static struct sm_str oid_part(struct define *f, const struct level *l, uint32_t at) {
    struct sm_str s = def_value(f, l->w->slice[at]->value);
    return s.n <= OID_VALUE_MAX ? s : def_printf(f, "%041u", at + 1);
}

static struct sm_str clause_of(const struct level *l, uint32_t at) {
    struct define *f = l->f;
    const struct def_item *by = &l->g->item[l->w->by];
    struct sm_str part = oid_part(f, l, at);
    struct sm_str oid =
        def_printf(f, "WC.%.*s.EQ.%.*s", (int)(by->oid.n - 3), by->oid.p + 3, SM_STR_FMT(part));
    if (l->clause[at]) return oid;
    struct def_clause *c = DEF_PUSH(f, clause);
    if (c) *c = (struct def_clause){oid, by->oid, def_value(f, l->w->slice[at]->value)};
    l->clause[at] = true;
    return oid;
}

/* The mapping's supplement behind a QNAM. */
static uint32_t supplement(const struct sm_domain *d, struct sm_str qnam) {
    for (uint32_t i = 0; d && i < d->nvar; i++)
        if (d->var[i].supp && sm_str_eq(d->var[i].name, qnam)) return i;
    return SM_NO;
}

static void set_supplement(const struct level *l, struct def_item *i, uint32_t at) {
    struct define *f = l->f;
    uint32_t v = supplement(l->g->domain, def_value(f, l->w->slice[at]->value));
    i->name = def_value(f, l->w->slice[at]->value);
    i->mandatory = true;
    i->role = SM_STR("Result Qualifier");
    if (!f->spec) return;
    if (v == SM_NO) {
        i->origins = 1u << SM_ORIGIN_COLLECTED; /* the rest of a text, or one of several choices */
        i->source = "Investigator";
        return;
    }
    i->var = &l->g->domain->var[v];
    def_item_origin(f, l->g, i, v);
    if (i->origins & 1u << SM_ORIGIN_DERIVED) i->method = def_method_of(f, l->g, i, v);
    i->comment = def_comment(f, def_printf(f, "COM.%.*s", (int)(i->oid.n - 3), i->oid.p + 3),
                             i->var->comment);
}

static void set_value_item(const struct level *l, struct def_item *i, const struct def_item *parent,
                           uint32_t at, uint32_t k) {
    struct define *f = l->f;
    const struct sm_dsslice *s = l->w->slice[at];
    struct sm_str part = oid_part(f, l, at), label = def_value(f, s->label);
    *i = (struct def_item){
        .oid = def_printf(f, "%.*s.%.*s", SM_STR_FMT(parent->oid), SM_STR_FMT(part)),
        .name = parent->name,
        .label = label.n ? label : parent->label,
        .field = parent->field,
        .facts = &s->var[k]};
    def_item_type(i, !sm_str_ends(parent->name, SM_STR("U")));
    if (i->length > parent->length && parent->length) i->length = parent->length;
    if (l->g->d->is_supp) set_supplement(l, i, at);
    const struct sm_var *v = l->g->d->is_supp ? i->var : parent->var;
    const struct sm_dsset *all =
        l->g->d->is_supp || !l->w->set[l->w->split[k]].max ? NULL : &l->w->set[l->w->split[k]];
    if (v && s->set[k].max && f->spec)
        i->list = def_codelist(
            f, &(struct def_coded){
                   .var = v,
                   .set = &s->set[k],
                   .all = all,
                   .dataset = l->g->d->name,
                   .name = def_printf(f, "%.*s.%.*s", SM_STR_FMT(parent->name), SM_STR_FMT(part)),
                   .type = i->type});
    i->clause = clause_of(l, at);
}

static bool same_set(const struct sm_dsset *a, const struct sm_dsset *b) {
    bool same = a->n == b->n && a->over == b->over;
    for (uint32_t i = 0; same && i < a->n; i++) {
        uint32_t k = 0;
        while (k < b->n && b->value[k] != a->value[i])
            k++;
        same = k < b->n;
    }
    return same;
}

/* Type, length, digits and values agree: the variable's own definition says it all. */
static bool same_facts(const struct sm_dsslice *a, const struct sm_dsslice *b, uint32_t k) {
    struct def_item x = {.facts = &a->var[k]}, y = {.facts = &b->var[k]};
    def_item_type(&x, true);
    def_item_type(&y, true);
    return x.length == y.length && x.digits == y.digits && strcmp(x.type, y.type) == 0 &&
           same_set(&a->set[k], &b->set[k]);
}

/* How many slices have values, and whether they differ. */
static uint32_t count_values(const struct level *l, uint32_t k, bool *ret_differ) {
    const struct sm_dsslice *first = NULL;
    uint32_t n = 0;
    *ret_differ = false;
    for (uint32_t i = 0; i < l->w->groups.n; i++) {
        const struct sm_dsslice *s = l->w->slice[i];
        if (!s->var[k].present) continue;
        n++;
        if (!first)
            first = s;
        else
            *ret_differ = *ret_differ || !same_facts(first, s, k);
    }
    return n;
}

static void add_list(const struct level *l, uint32_t k) {
    struct define *f = l->f;
    struct def_item *parent = &l->g->item[l->w->split[k]];
    bool differ;
    uint32_t n = count_values(l, k, &differ), at = 0;
    if (n == 0 || !(l->g->d->is_supp || differ)) return;
    struct def_item *item = sm_arena_array(&f->arena, n, sizeof *item);
    struct sm_str oid = def_printf(f, "VL.%.*s", (int)(parent->oid.n - 3), parent->oid.p + 3);
    struct def_values *v = DEF_PUSH(f, values);
    if (!item || !v) {
        f->failed = true;
        return;
    }
    for (uint32_t i = 0; i < l->w->groups.n; i++)
        if (l->w->slice[l->order[i]]->var[k].present)
            set_value_item(l, &item[at++], parent, l->order[i], k);
    *v = (struct def_values){oid, item, n};
    parent->values = oid;
}

/* Insertion by value: at most SM_DSSLICE_MAX, and they mostly come in order. */
static void sort_slices(struct level *l) {
    struct define *f = l->f;
    for (uint32_t i = 0; i < l->w->groups.n; i++) {
        uint32_t k = i;
        for (; k > 0 && sm_val_cmp(f->study->texts, l->w->slice[l->order[k - 1]]->value,
                                   l->w->slice[i]->value) > 0;
             k--)
            l->order[k] = l->order[k - 1];
        l->order[k] = i;
    }
}

void def_group_values(struct define *f, struct def_group *g) {
    const struct sm_dsvalues *w = g->d->values;
    if (!w || !w->nsplit || !w->groups.n || w->groups.over) return;
    struct level l = {.f = f, .g = g, .w = w};
    l.order = sm_arena_array(&f->arena, w->groups.n, sizeof *l.order);
    l.clause = sm_arena_array(&f->arena, w->groups.n, sizeof *l.clause);
    if (!l.order || !l.clause) {
        f->failed = true;
        return;
    }
    sort_slices(&l);
    for (uint32_t k = 0; k < w->nsplit && !f->failed; k++)
        add_list(&l, k);
}
