/* SPDX-License-Identifier: MIT */
/* The rules of a <from>, flattened: each <record>, each column of a <repeat>, becomes one list of
 * rules in document order, together with the rules that stand outside any record. */
#include "spec/spec_priv.h"

struct rules_from { /* one <from> while its records are built */
    struct sp_load *l;
    struct sp_dom *x;
    const xmlNode *node;
    struct sm_from *from;
    struct sm_source *source;
    struct sp_dom *domain;
    struct sp_vec records;                 /* struct sm_record */
    const xmlNode *path[SP_DEPTH_MAX + 2]; /* the leaf and its ancestors below <from> */
    size_t npath;
    const struct sm_guard *record_guard;
    struct sm_str repeat_name;
};

static bool rules_is_record(const xmlNode *n) {
    return sp_is(n, "record") || sp_is(n, "repeat");
}
static bool rules_is_when(const xmlNode *n) {
    return sp_is(n, "when") || sp_is(n, "otherwise");
}

static bool rules_on_path(const struct rules_from *w, const xmlNode *n) {
    for (size_t i = 0; i < w->npath; i++)
        if (w->path[i] == n) return true;
    return false;
}

/* ---- what a record gives by itself ----------------------------------------------------------- */

/* Does a rule for the variable lie on the way to the leaf? */
static bool rules_name(const struct rules_from *w, const xmlNode *parent, const char *var) {
    for (const xmlNode *n = sp_first(parent); n; n = sp_next(n)) {
        if (sp_has(n, "var") && sm_str_eq_c(sp_word(n, "var"), var)) return true;
        bool into = rules_is_when(n) || (rules_is_record(n) && rules_on_path(w, n));
        if (into && rules_name(w, n, var)) return true;
    }
    return false;
}

static void rules_auto(struct rules_from *w, struct sp_build *b) {
    struct sp_load *l = w->l;
    const struct sm_domain *d = w->x->d;
    const struct {
        const char *name;
        bool is_value;
        sm_val value;
        uint32_t column;
    } autos[] = {
        {"STUDYID", true, l->s->study_oid, SM_NO},
        {"DOMAIN", true, sm_val_make(l->s->in, d->name), SM_NO},
        {"USUBJID", false, 0,
         w->domain                         ? w->domain->d->usubjid
         : w->source && w->source->usubjid ? w->source->ncolumn
                                           : SM_NO},
        {"SUBJID", false, 0,
         w->domain                         ? sp_var(w->domain->d, SM_STR("SUBJID"))
         : w->source && w->source->usubjid ? w->source->ncolumn + 1
                                           : SM_NO},
    };
    for (size_t i = 0; i < SM_ARRAY_LEN(autos); i++) {
        uint32_t v = sp_var(d, sm_str(autos[i].name));
        bool possible = v != SM_NO && (autos[i].is_value || autos[i].column != SM_NO);
        if (!possible || rules_name(w, w->node, autos[i].name)) continue;
        struct sm_rule *r =
            sp_rule_add(b, autos[i].is_value ? SM_RULE_CONSTANT : SM_RULE_ASSIGN, d->where);
        if (r == NULL) return;
        r->var = v;
        r->value = autos[i].value;
        if (!autos[i].is_value) r->from = (struct sm_slot){SM_SLOT_COLUMN, autos[i].column};
        sp_gives(b, v, r->where, SM_NO);
    }
}

/* ---- one record ------------------------------------------------------------------------------ */

static void rules_walk(struct rules_from *w, struct sp_build *b, const xmlNode *parent);

/* Conditions on the way to the record decide whether it is made; those beside it guard rules. */
static void rules_branch(struct rules_from *w, struct sp_build *b, const xmlNode *n,
                         const struct sm_expr *test, bool negate) {
    const struct sm_guard *guard = b->guard, *full = b->full;
    b->full = sp_guard(w->l, test, negate, full, n);
    if (rules_on_path(w, n))
        w->record_guard = sp_guard(w->l, test, negate, w->record_guard, n);
    else
        b->guard = sp_guard(w->l, test, negate, guard, n);
    rules_walk(w, b, n);
    b->guard = guard;
    b->full = full;
}

static void rules_when(struct rules_from *w, struct sp_build *b, const xmlNode *n) {
    const xmlNode *other = sp_next(n);
    if (other && !sp_is(other, "otherwise")) other = NULL;
    b->scope.no_vars = rules_on_path(w, n) || (other && rules_on_path(w, other));
    const struct sm_expr *test = sp_expr(&b->scope, n, "test");
    b->scope.no_vars = false;
    rules_branch(w, b, n, test, false);
    if (other) rules_branch(w, b, other, test, true);
}

static void rules_record(struct rules_from *w, struct sp_build *b, const xmlNode *n) {
    bool repeat = sp_is(n, "repeat");
    const struct sm_guard *full = b->full;
    b->scope.in_repeat = b->scope.in_repeat || repeat;
    if (sp_has(n, "when")) {
        b->scope.no_vars = true;
        const struct sm_expr *test = sp_expr(&b->scope, n, "when");
        b->scope.no_vars = false;
        w->record_guard = sp_guard(w->l, test, false, w->record_guard, n);
        b->full = sp_guard(w->l, test, false, full, n);
    }
    rules_walk(w, b, n);
    b->full = full;
    if (repeat) b->scope.in_repeat = false;
}

static void rules_walk(struct rules_from *w, struct sp_build *b, const xmlNode *parent) {
    for (const xmlNode *n = sp_first(parent); n && !w->l->failed; n = sp_next(n)) {
        if (sp_is(n, "when"))
            rules_when(w, b, n);
        else if (rules_is_record(n) && rules_on_path(w, n))
            rules_record(w, b, n);
        else if (!rules_is_record(n))
            sp_rule(b, n);
    }
}

static uint32_t rules_repeat_column(struct rules_from *w, const xmlNode *leaf, struct sm_str name) {
    struct sm_str all = sp_attr(leaf, "columns");
    if (w->source == NULL) {
        sp_say(w->l, SM_D_MAPPING_INVALID, sp_at(leaf), NULL,
               "<repeat> reads columns of a source, not of a domain");
        return SM_NO;
    }
    uint32_t c = sp_column(w->source, name);
    if (c != SM_NO)
        ((struct sm_column *)(uintptr_t)w->source->column)[c].used = true;
    else
        sp_unknown(w->l, sp_at_attr(leaf, "columns", (uint32_t)(name.p - all.p) + 1),
                   "column of the source", name, sp_column_nearest(w->source, name));
    return c;
}

/* leaf NULL: the <from> itself makes one record a row. */
static void rules_one(struct rules_from *w, const xmlNode *leaf, struct sm_str column) {
    struct sp_load *l = w->l;
    struct sp_build b;
    struct sm_where at = sp_at(leaf ? leaf : w->node);
    if (!sp_build_start(&b, l, w->x, at)) return;
    b.scope.kind = SP_SCOPE_RECORD;
    b.scope.source = w->source;
    b.scope.from_domain = w->domain;
    w->record_guard = NULL;
    w->npath = 0;
    for (const xmlNode *p = leaf; p && p != w->node && w->npath < SM_ARRAY_LEN(w->path);
         p = p->parent)
        w->path[w->npath++] = p;
    if (column.p) {
        b.repeat = rules_repeat_column(w, leaf, column);
        if (b.repeat == SM_NO) return;
    }
    rules_auto(w, &b);
    rules_walk(w, &b, w->node);
    for (uint32_t v = 0; v < w->x->d->nvar; v++)
        w->x->anywhere[v] |= b.given[v];
    struct sm_record *r = l->failed ? NULL : sp_push(l, &w->records, sizeof *r);
    if (r == NULL) return;
    *r = (struct sm_record){.guard = w->record_guard,
                            .param = {SM_MISSING, sm_val_make(l->s->in, column)},
                            .repeat = b.repeat,
                            .skip_empty = column.p && sp_yes(leaf, "skip-empty", true),
                            .rule = b.rules.p,
                            .nrule = b.rules.n,
                            .trace = b.trace,
                            .where = at};
}

/* ---- all records ----------------------------------------------------------------------------- */

static bool rules_has_record(const xmlNode *parent) {
    for (const xmlNode *n = sp_first(parent); n; n = sp_next(n))
        if (rules_is_record(n) || (rules_is_when(n) && rules_has_record(n))) return true;
    return false;
}

static void rules_leaves(struct rules_from *w, const xmlNode *parent) {
    for (const xmlNode *n = sp_first(parent); n && !w->l->failed; n = sp_next(n)) {
        if (rules_is_when(n) || (rules_is_record(n) && rules_has_record(n))) {
            rules_leaves(w, n);
            continue;
        }
        if (!rules_is_record(n)) continue;
        if (!sp_is(n, "repeat")) {
            rules_one(w, n, (struct sm_str){NULL, 0});
            continue;
        }
        struct sm_str rest = sp_attr(n, "columns"), word;
        while (rest.p && sm_str_word(&rest, &word) && !w->l->failed)
            rules_one(w, n, word);
    }
}

static void rules_from(struct sp_load *l, struct sp_dom *x, const xmlNode *n, struct sm_from *f) {
    struct rules_from w = {.l = l, .x = x, .node = n, .from = f};
    *f = (struct sm_from){.source = SM_NO, .domain = SM_NO, .where = sp_at(n)};
    if (sp_has(n, "source") == sp_has(n, "domain")) {
        sp_say(l, SM_D_MAPPING_INVALID, f->where, NULL, "<from> has either source= or domain=");
        return;
    }
    if (sp_has(n, "source")) {
        w.source = sp_source(l, n, "source", &f->source);
        if (w.source) w.source->used = true;
    } else {
        struct sm_str name = sp_word(n, "domain");
        w.domain = sp_domain_find(l, name, &f->domain);
        if (w.domain)
            sp_edge(l, l->lookups.n + f->domain, f->where);
        else
            sp_unknown(l, sp_at_attr(n, "domain", 1), "domain", name, sp_domain_nearest(l, name));
    }
    if (w.source == NULL && w.domain == NULL) return;
    struct sp_scope scope = {
        .l = l, .kind = SP_SCOPE_ROW, .source = w.source, .from_domain = w.domain};
    f->filter = sp_expr(&scope, n, "where");
    if (rules_has_record(n))
        rules_leaves(&w, n);
    else
        rules_one(&w, NULL, (struct sm_str){NULL, 0});
    f->record = w.records.p;
    f->nrecord = w.records.n;
}

void sp_rules(struct sp_load *l, struct sp_dom *x) {
    struct sp_vec v = {NULL, 0, 0};
    for (const xmlNode *n = sp_first(x->top.node); n && !l->failed; n = sp_next(n)) {
        if (!sp_is(n, "from")) continue;
        struct sm_from *f = sp_push(l, &v, sizeof *f);
        if (f) rules_from(l, x, n, f);
    }
    x->d->from = v.p;
    x->d->nfrom = v.n;
    if (v.n == 0 && !l->failed)
        sp_say(l, SM_D_MAPPING_INVALID, x->d->where, &(struct sp_about){.domain = x->d->dataset},
               "domain '%.*s' has no <from>", SM_STR_FMT(x->d->dataset));
}
