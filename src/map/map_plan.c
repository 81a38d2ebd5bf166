/* SPDX-License-Identifier: MIT */
#include "map/map_priv.h"

struct plan_maker {
    struct sm_map_worker *w;
    const struct sm_domain *domain;
    const struct sm_source *source;
    struct map_plan *plan;
    bool nomem;
};

static void *plan_array(struct plan_maker *k, size_t n, size_t size) {
    void *p = sm_arena_array(&k->w->arena, n ? n : 1, size);
    if (!p) k->nomem = true;
    return p;
}

static uint32_t guard_find(const struct map_guards *g, const struct sm_guard *want) {
    for (size_t i = g->n; i-- > 0;)
        if (g->item[i].guard == want) return (uint32_t)i;
    return SM_NO;
}

/* Is the condition the same at whatever time it is asked? */
static bool is_fixed(const struct map_rule *test) {
    for (uint32_t i = 0; i < test->nin; i++)
        if (test->in[i].kind != SM_SLOT_COLUMN && test->in[i].kind != SM_SLOT_PARAM) return false;
    return test->memo_ok;
}

/* Finds the guard that holds where the new one at `at` does not. */
static void guard_pair(struct map_guards *g, uint32_t at) {
    struct map_guard *it = &g->item[at];
    for (uint32_t i = at; i-- > 0 && is_fixed(&it->test);) {
        struct map_guard *o = &g->item[i];
        if (o->twin != SM_NO || o->parent != it->parent || o->guard->test != it->guard->test ||
            o->guard->negate == it->guard->negate)
            continue;
        o->twin = at;
        it->twin = i;
        return;
    }
}

/* Index of a guard among a template's, added with its parents if it is new. */
static uint32_t guard_index(struct plan_maker *k, struct map_guards *g,
                            const struct sm_guard *guard) {
    if (!guard) return SM_NO;
    uint32_t at = guard_find(g, guard);
    if (at != SM_NO) return at;
    uint32_t parent = guard_index(k, g, guard->parent);
    if (sm_grow(&g->item, &g->cap, g->n + 1, sizeof *g->item, NULL) != SM_OK) {
        k->nomem = true;
        return SM_NO;
    }
    struct map_guard *it = &g->item[g->n];
    *it = (struct map_guard){.guard = guard, .parent = parent, .twin = SM_NO};
    map_rule_of_expr(&it->test, guard->test, &guard->where, true);
    it->test.domain = k->domain;
    it->test.source = k->source;
    if (!k->w->memo_none) guard_pair(g, (uint32_t)g->n);
    return (uint32_t)g->n++;
}

/* The raw column behind what a rule gives, for findings of later rules. */
static uint32_t rule_column(const struct map_template *t, const struct map_rule *r) {
    if (r->rule->column != SM_NO) return r->rule->column;
    for (uint32_t i = 0; i < r->nin; i++) {
        struct sm_slot s = r->in[i];
        if (s.kind == SM_SLOT_COLUMN && r->source) return s.index;
        if (s.kind == SM_SLOT_PARAM && t->record) return t->record->repeat;
        if (s.kind == SM_SLOT_VAR && t->var_column[s.index] != SM_NO) return t->var_column[s.index];
    }
    return SM_NO;
}

static void plan_rules(struct plan_maker *k, struct map_template *t, const struct sm_rule *rule,
                       uint32_t n) {
    t->rule = plan_array(k, n, sizeof *t->rule);
    if (k->nomem) return;
    t->nrule = n;
    for (uint32_t i = 0; i < n && !k->nomem; i++) {
        struct map_rule *r = &t->rule[i];
        r->domain = k->domain;
        r->source = k->source;
        map_rule_prepare(r, &rule[i], k->w->spec);
        r->guard = guard_index(k, &t->guards, rule[i].guard);
        uint32_t column = t->var_column ? rule_column(t, r) : SM_NO;
        for (uint32_t o = 0; o < r->nout && t->var_column; o++)
            if (r->out[o] != SM_NO && t->var_column[r->out[o]] == SM_NO)
                t->var_column[r->out[o]] = column;
    }
    if (!k->w->memo_none) map_share_rules(t, k->domain);
}

static void plan_template(struct plan_maker *k, struct map_template *t,
                          const struct sm_record *record) {
    t->record = record;
    t->guard = guard_index(k, &t->guards, record->guard);
    t->var_column = plan_array(k, k->domain->nvar, sizeof *t->var_column);
    for (uint32_t v = 0; t->var_column && v < k->domain->nvar; v++)
        t->var_column[v] = SM_NO;
    if (!k->nomem) plan_rules(k, t, record->rule, record->nrule);
}

/* Does the template write the variable in all its records? */
static bool always_gives(const struct map_template *t, uint32_t var) {
    for (uint32_t i = 0; i < t->nrule; i++) {
        const struct map_rule *r = &t->rule[i];
        for (uint32_t o = 0; o < r->nout && r->guard == SM_NO; o++)
            if (r->out[o] == var) return true;
    }
    return false;
}

/* Do the post rules write the variable in all records, before anybody reads it? */
static bool gives_in_time(const struct map_plan *p, uint32_t var) {
    for (uint32_t t = 0; t < p->ntpl; t++)
        if (map_reads(&p->tpl[t], p->tpl[t].nrule, var)) return false;
    for (uint32_t i = 0; i < p->post.nrule; i++) {
        const struct map_rule *r = &p->post.rule[i];
        for (uint32_t o = 0; o < r->nout && r->guard == SM_NO; o++)
            if (r->out[o] == var) return !map_reads(&p->post, i + 1, var);
    }
    return false;
}

static void plan_zero(struct plan_maker *k) {
    struct map_plan *p = k->plan;
    p->zero = plan_array(k, k->domain->nvar, sizeof *p->zero);
    for (uint32_t v = 0; p->zero && v < k->domain->nvar; v++) {
        bool given = true;
        for (uint32_t t = 0; t < p->ntpl && given; t++)
            given = always_gives(&p->tpl[t], v);
        if (!given && v != k->domain->usubjid) given = gives_in_time(p, v);
        if (!given) p->zero[p->nzero++] = v;
    }
}

/* Records of one raw record are told apart by number: each <from> of the domain that may meet the
 * same raw record has its own range. */
static void plan_copies(struct map_plan *p, const struct sm_domain *d, const struct sm_from *f) {
    bool blocks = false;
    for (uint32_t i = 0; i < d->nfrom; i++)
        blocks |= d->from[i].domain != SM_NO;
    for (uint32_t i = 0; i < d->nfrom; i++) {
        const struct sm_from *other = &d->from[i];
        if (!blocks && other->source != f->source) continue;
        if (other == f) p->copy = p->copies;
        p->copies += other->nrecord ? other->nrecord : 1;
    }
    if (p->copies == 0) p->copies = f->nrecord ? f->nrecord : 1;
}

static struct map_plan *plan_find(const struct sm_map_worker *w, const void *owner) {
    for (struct map_plan *p = w->plan; p; p = p->next)
        if (p->owner == owner) return p;
    return NULL;
}

static struct map_plan *plan_new(struct plan_maker *k, const void *owner,
                                 const struct sm_where *place) {
    struct map_plan *p = plan_array(k, 1, sizeof *p);
    if (!p) return NULL;
    k->plan = p;
    p->owner = owner;
    p->place = place;
    p->next = k->w->plan;
    k->w->plan = p;
    return p;
}

static void plan_filter(struct plan_maker *k, const struct sm_expr *filter) {
    if (!filter) return;
    map_rule_of_expr(&k->plan->filter, filter, k->plan->place, true);
    k->plan->filter.domain = k->domain;
    k->plan->filter.source = k->source;
}

/* ---- columns that are hardly read -------------------------------------------------------------
 */

static void not_late(struct plan_maker *k, const struct sm_slot *in, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (in[i].kind == SM_SLOT_COLUMN && in[i].index < k->source->ncolumn)
            k->plan->late[in[i].index] = 0;
}

/* A rule without memo may read what it does not say. */
static void late_of_rule(struct plan_maker *k, const struct map_rule *r) {
    if (!r->memo_ok)
        memset(k->plan->late, 0, k->source->ncolumn);
    else if (r->guard == SM_NO)
        not_late(k, r->in, r->nin);
}

static void late_of_template(struct plan_maker *k, const struct map_template *t) {
    if (t->record && t->record->repeat != SM_NO) k->plan->late[t->record->repeat] = 0;
    for (uint32_t i = 0; i < t->nrule; i++)
        late_of_rule(k, &t->rule[i]);
    for (size_t i = 0; i < t->guards.n; i++)
        late_of_rule(k, &t->guards.item[i].test);
}

static void plan_late(struct plan_maker *k) {
    struct map_plan *p = k->plan;
    const struct sm_source *s = k->source;
    if (!s) return;
    p->late = plan_array(k, s->ncolumn, 1);
    for (uint32_t c = 0; p->late && c < s->ncolumn; c++) {
        const struct sm_column *col = &s->column[c];
        p->late[c] = col->type == SM_COL_TEXT && !col->required && !col->in_key && !col->has_min &&
                     !col->has_max;
    }
    if (!p->late) return;
    const struct sm_expr *id[] = {s->usubjid, s->subjid};
    for (size_t i = 0; i < SM_ARRAY_LEN(id); i++) {
        const struct sm_slot *in;
        size_t n = id[i] ? sm_expr_inputs(id[i], &in) : 0;
        if (n) not_late(k, in, n);
    }
    if (p->filter.expr) late_of_rule(k, &p->filter);
    for (uint32_t t = 0; t < p->ntpl; t++)
        late_of_template(k, &p->tpl[t]);
    late_of_template(k, &p->post);
}

const uint8_t *sm_map_late(struct sm_map_worker *w, const struct sm_domain *d,
                           const struct sm_from *f) {
    const struct map_plan *p = map_plan_get(w, d, f, NULL);
    return p ? p->late : NULL;
}

/* Conditions about columns of the rows. */
static void plan_kinds(struct plan_maker *k) {
    struct map_plan *p = k->plan;
    for (uint32_t t = 0; t < p->ntpl && !k->nomem && !k->w->memo_none; t++)
        k->nomem = !map_kinds_plan(k->w, p, &p->tpl[t].guards);
}

/* A plan that could not be finished is never found again. */
static struct map_plan *plan_done(struct plan_maker *k, struct sm_err *err) {
    if (!k->nomem) return k->plan;
    if (k->plan) k->plan->owner = NULL;
    sm_fail(err, SM_ENOMEM, "out of memory");
    return NULL;
}

struct map_plan *map_plan_get(struct sm_map_worker *w, const struct sm_domain *d,
                              const struct sm_from *f, struct sm_err *err) {
    struct map_plan *p = plan_find(w, f);
    if (p) return p;
    struct plan_maker k = {.w = w, .domain = d};
    if (f->source != SM_NO) k.source = &w->spec->source[f->source];
    p = plan_new(&k, f, &f->where);
    if (!p) return plan_done(&k, err);
    plan_filter(&k, f->filter);
    plan_copies(p, d, f);
    p->tpl = plan_array(&k, f->nrecord, sizeof *p->tpl);
    for (uint32_t t = 0; t < f->nrecord && !k.nomem; t++) {
        p->ntpl = t + 1;
        plan_template(&k, &p->tpl[t], &f->record[t]);
    }
    if (!k.nomem) plan_rules(&k, &p->post, d->post, d->npost);
    if (!k.nomem) plan_zero(&k);
    if (!k.nomem) plan_late(&k);
    if (!k.nomem) plan_kinds(&k);
    return plan_done(&k, err);
}

struct map_plan *map_plan_lookup(struct sm_map_worker *w, const struct sm_lookup *l,
                                 const struct sm_lookup_from *f, struct sm_err *err) {
    struct map_plan *p = plan_find(w, f);
    if (p) return p;
    struct plan_maker k = {.w = w, .source = &w->spec->source[f->source]};
    p = plan_new(&k, f, &l->place);
    if (!p) return plan_done(&k, err);
    plan_filter(&k, f->where);
    p->expr = plan_array(&k, (size_t)l->nkey + 1, sizeof *p->expr);
    for (uint32_t i = 0; i <= l->nkey && !k.nomem; i++) {
        const struct sm_expr *e = i < l->nkey ? f->key[i] : f->value;
        if (!e) continue;
        map_rule_of_expr(&p->expr[i], e, &l->place, false);
        p->expr[i].source = k.source;
        p->nexpr = i + 1;
    }
    return plan_done(&k, err);
}

static bool same_formats(const struct sm_file *a, const struct sm_file *b) {
    return a->dates == b->dates && a->times == b->times &&
           sm_str_eq(a->rules.unknown, b->rules.unknown) &&
           a->rules.century_cutoff == b->rules.century_cutoff;
}

static void forget_by_file(struct map_rule *rule, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        if (rule[i].by_file) map_memo_forget(&rule[i].memo);
}

static void forget_template(struct map_template *t) {
    forget_by_file(t->rule, t->nrule);
    for (size_t i = 0; i < t->guards.n; i++) {
        forget_by_file(&t->guards.item[i].test, 1);
        if (t->guards.item[i].test.by_file) map_kinds_forget(&t->guards.item[i]);
    }
}

void map_plan_file(struct map_plan *p, const struct sm_file *file) {
    if (p->file == file) return;
    bool same = p->file && file && same_formats(p->file, file);
    p->file = file;
    if (same) return;
    forget_by_file(&p->filter, 1);
    forget_by_file(p->expr, p->nexpr);
    for (uint32_t t = 0; t < p->ntpl; t++)
        forget_template(&p->tpl[t]);
    forget_template(&p->post);
}

static void clear_template(struct sm_map_worker *w, struct map_template *t) {
    for (uint32_t i = 0; i < t->nrule; i++) {
        map_memo_free(w, &t->rule[i].memo);
        map_standardize_free(w, &t->rule[i]);
    }
    for (size_t i = 0; i < t->guards.n; i++)
        map_memo_free(w, &t->guards.item[i].test.memo);
}

static void plan_clear(struct sm_map_worker *w, struct map_plan *p) {
    map_memo_free(w, &p->filter.memo);
    for (uint32_t i = 0; i < p->nexpr; i++)
        map_memo_free(w, &p->expr[i].memo);
    for (uint32_t t = 0; t < p->ntpl; t++)
        clear_template(w, &p->tpl[t]);
    clear_template(w, &p->post);
}

void sm_map_forget(struct sm_map_worker *w, const struct sm_domain *d) {
    for (uint32_t i = 0; i < d->nfrom; i++) {
        struct map_plan *p = plan_find(w, &d->from[i]);
        if (p) plan_clear(w, p);
    }
}

void map_plan_free(struct sm_map_worker *w, struct map_plan *p) {
    plan_clear(w, p);
    for (uint32_t t = 0; t < p->ntpl; t++)
        sm_free(p->tpl[t].guards.item);
    sm_free(p->post.guards.item);
}
