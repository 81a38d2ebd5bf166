/* SPDX-License-Identifier: MIT */
/* <derive>: rules over finished records, derivations over a subject's sorted records, relations. */
#include "spec/spec_priv.h"

struct derive { /* one domain's <derive> while it is built */
    struct sp_load *l;
    struct sp_dom *x;
    struct sp_build b;
    struct sp_vec derives; /* struct sm_derive */
    struct sp_vec relates; /* struct sm_relate */
};

static struct sm_slot derive_slot(uint32_t var) {
    return (struct sm_slot){var == SM_NO ? SM_SLOT_NONE : SM_SLOT_VAR, var == SM_NO ? 0 : var};
}

/* A variable that a row-wise rule reads: it must be there by then. */
static uint32_t derive_input(struct derive *d, const xmlNode *n, const char *attr) {
    if (!sp_has(n, attr)) return SM_NO;
    struct sm_slot s = sp_slot(&d->b.scope, n, attr);
    return s.kind == SM_SLOT_VAR ? s.index : SM_NO;
}

/* The variable named, else the domain's own with this suffix if it is there. */
static uint32_t derive_var_or(struct derive *d, const xmlNode *n, const char *attr,
                              const char *suffix) {
    if (sp_has(n, attr)) return derive_input(d, n, attr);
    uint32_t v = sp_var(d->x->d, sp_prefixed(d->l, d->x->d, suffix));
    return v != SM_NO && d->x->subjectwise[v] ? SM_NO : v;
}

static struct sm_rule *derive_rule(struct derive *d, const xmlNode *n, enum sm_rule_kind kind,
                                   uint32_t var) {
    struct sm_rule *r = sp_rule_add(&d->b, kind, sp_at(n));
    if (r == NULL) return NULL;
    r->var = var;
    sp_gives(&d->b, var, r->where, SM_NO);
    return r;
}

/* ---- row-wise -------------------------------------------------------------------------------- */

static void derive_study_day(struct derive *d, const xmlNode *n) {
    uint32_t from = derive_input(d, n, "from");
    const struct sm_expr *reference = sp_expr(&d->b.scope, n, "reference");
    struct sm_rule *r = derive_rule(d, n, SM_RULE_STUDY_DAY, sp_var_attr(d->l, d->x, n, "var"));
    if (r == NULL) return;
    r->from = derive_slot(from);
    r->expr = reference;
}

static void derive_epoch(struct derive *d, const xmlNode *n) {
    struct sp_load *l = d->l;
    uint32_t from = derive_input(d, n, "from");
    struct sm_rule *r = derive_rule(d, n, SM_RULE_EPOCH, sp_var_attr(l, d->x, n, "var"));
    if (r) r->from = derive_slot(from);
    for (uint32_t i = 0, n_edges = l->edges.n; i < n_edges; i++) {
        struct sp_edge e = ((const struct sp_edge *)l->edges.p)[i];
        if (e.user == SP_STEP_EPOCHS) sp_edge(l, e.used, sp_at(n));
    }
    if (l->epochs.n == 0)
        sp_say(l, SM_D_MAPPING_INVALID, sp_at(n),
               &(struct sp_about){.mend = "declare <epochs> on the study"},
               "the study declares no epochs");
}

static void derive_duration(struct derive *d, const xmlNode *n) {
    uint32_t from = derive_input(d, n, "from"), to = derive_input(d, n, "to");
    struct sm_rule *r = derive_rule(d, n, SM_RULE_DURATION, sp_var_attr(d->l, d->x, n, "var"));
    if (r == NULL) return;
    r->from = derive_slot(from);
    r->time = derive_slot(to);
}

static void derive_age(struct derive *d, const xmlNode *n) {
    struct sp_load *l = d->l;
    const struct sm_expr *from = sp_expr(&d->b.scope, n, "from"),
                         *to = sp_expr(&d->b.scope, n, "to");
    struct sm_rule *r = derive_rule(d, n, SM_RULE_AGE, sp_var_attr(l, d->x, n, "var"));
    if (r == NULL) return;
    r->expr = from;
    r->expr2 = to;
    r->value = sm_val_make(l->s->in, SM_STR("YEARS"));
    struct sm_str unit = sp_word(n, "unit");
    if (unit.n == 0) return;
    uint32_t v = sp_var(d->x->d, unit);
    if (v == SM_NO && sm_str_eq_c(unit, "YEARS"))
        v = sp_var(d->x->d, sp_printf(l, "%.*sU", SM_STR_FMT(sp_word(n, "var"))));
    if (v == SM_NO) {
        sp_say(l, SM_D_UNKNOWN_NAME, sp_at_attr(n, "unit", 1),
               &(struct sp_about){.domain = d->x->d->dataset,
                                  .mend = "name the variable that receives YEARS, such as AGEU"},
               "'%.*s' is neither a variable of %.*s nor YEARS", SM_STR_FMT(unit),
               SM_STR_FMT(d->x->d->dataset));
        return;
    }
    r->v[0] = v;
    r->nv = 1;
    sp_gives(&d->b, v, r->where, SM_NO);
}

static void derive_visit(struct derive *d, const xmlNode *n) {
    struct sp_load *l = d->l;
    uint32_t from = derive_input(d, n, "from");
    const struct sm_table *t = sp_table(l, n, "table");
    struct sm_rule *r = sp_rule_add(&d->b, SM_RULE_VISIT, sp_at(n));
    if (r == NULL || t == NULL) return;
    struct sm_str u = sp_word(n, "unmatched");
    r->from = derive_slot(from);
    r->lut = t->lut;
    r->terms.unmatched = sm_str_eq_c(u, "keep")    ? SM_UNMATCHED_KEEP
                         : sm_str_eq_c(u, "blank") ? SM_UNMATCHED_BLANK
                                                   : SM_UNMATCHED_REPORT;
    if (from != SM_NO) r->column = d->b.trace[from];
    if (t->nkey != 1)
        sp_say(l, SM_D_MAPPING_INVALID, sp_at_attr(n, "table", 1), NULL,
               "a table of visits has one key column, not %u", t->nkey);
    for (uint32_t c = 0; c < t->nval; c++) {
        uint32_t v = sp_var(d->x->d, t->val[c]);
        if (v == SM_NO || r->nv == SM_ARRAY_LEN(r->v)) continue;
        r->v[r->nv] = v;
        r->c[r->nv++] = c;
        if (v != from) sp_gives(&d->b, v, r->where, SM_NO);
    }
    if (r->nv == 0)
        sp_say(l, SM_D_NEVER_FIRES, r->where, &(struct sp_about){.domain = d->x->d->dataset},
               "no value column of table '%.*s' is a variable of %.*s", SM_STR_FMT(t->name),
               SM_STR_FMT(d->x->d->dataset));
}

/* Does a rule outside <derive> give it already? Then its value stands. */
static uint32_t derive_unless_ruled(struct derive *d, const char *suffix, bool wanted) {
    uint32_t v = wanted ? sp_var(d->x->d, sp_prefixed(d->l, d->x->d, suffix)) : SM_NO;
    return v != SM_NO && d->b.given[v] ? SM_NO : v;
}

static void derive_standardize(struct derive *d, const xmlNode *n) {
    struct sp_load *l = d->l;
    const struct sm_units *units = sp_unit_table(l, n, "units");
    struct sm_rule *r = sp_rule_add(&d->b, SM_RULE_STANDARDIZE, sp_at(n));
    if (r == NULL) return;
    uint64_t digits;
    struct sm_str words = sp_word(n, "words");
    r->units = units;
    r->keep_unconverted = sm_str_eq_c(sp_word(n, "unconverted"), "keep");
    if (sm_str_to_u64(sp_word(n, "digits"), &digits) && digits <= 30) r->digits = (int)digits;
    if (words.n) {
        r->words = sp_list(l, words);
        if (r->words == NULL)
            sp_unknown(l, sp_at_attr(n, "words", 1), "codelist", words,
                       sm_ct_nearest_list(l->s->ct, words));
    }
    r->nv = SM_STD_COUNT;
    r->v[SM_STD_TEST] = derive_var_or(d, n, "test", "TESTCD");
    r->v[SM_STD_ORRES] = derive_var_or(d, n, "result", "ORRES");
    r->v[SM_STD_ORRESU] = derive_var_or(d, n, "unit", "ORRESU");
    r->v[SM_STD_ORNRLO] = derive_var_or(d, n, "", "ORNRLO");
    r->v[SM_STD_ORNRHI] = derive_var_or(d, n, "", "ORNRHI");
    bool lo = r->v[SM_STD_ORNRLO] != SM_NO, hi = r->v[SM_STD_ORNRHI] != SM_NO;
    static const struct {
        enum sm_std_var v;
        const char *suffix;
    } plain[] = {{SM_STD_STRESC, "STRESC"}, {SM_STD_STRESN, "STRESN"}, {SM_STD_STRESU, "STRESU"}};
    for (size_t i = 0; i < SM_ARRAY_LEN(plain); i++)
        r->v[plain[i].v] = sp_var(d->x->d, sp_prefixed(l, d->x->d, plain[i].suffix));
    r->v[SM_STD_STNRLO] = derive_unless_ruled(d, "STNRLO", lo);
    r->v[SM_STD_STNRHI] = derive_unless_ruled(d, "STNRHI", hi);
    r->v[SM_STD_NRIND] = derive_unless_ruled(d, "NRIND", lo || hi);
    for (size_t i = SM_STD_STRESC; i < SM_STD_COUNT; i++)
        sp_gives(&d->b, r->v[i], r->where, SM_NO);
    if (r->v[SM_STD_ORRES] == SM_NO && !sp_has(n, "result"))
        sp_say(l, SM_D_MAPPING_INVALID, r->where,
               &(struct sp_about){.domain = d->x->d->dataset, .mend = "map it, or say result="},
               "there is nothing to standardize: no rule gives %.*sORRES",
               SM_STR_FMT(d->x->d->name));
}

/* ---- subject-wise ---------------------------------------------------------------------------- */

static void derive_sequence(struct derive *d, const xmlNode *n) {
    struct sm_derive *v = sp_push(d->l, &d->derives, sizeof *v);
    if (v == NULL) return;
    *v = (struct sm_derive){.kind = SM_DERIVE_SEQUENCE,
                            .var = sp_var_attr(d->l, d->x, n, "var"),
                            .date = SM_NO,
                            .stat = SM_NO,
                            .result = SM_NO,
                            .where = sp_at(n)};
    v->by = sp_var_list(d->l, d->x, n, "by", &v->nby);
    if (sm_str_eq_c(sp_attr(n, "order"), "source")) {
        static const uint32_t by_source[] = {SM_NO};
        v->order = by_source;
        v->norder = 1;
    } else {
        v->order = sp_var_list(d->l, d->x, n, "order", &v->norder);
    }
    sp_gives(&d->b, v->var, v->where, SM_NO);
}

static void derive_flag(struct derive *d, const xmlNode *n) {
    struct sp_load *l = d->l;
    struct sm_derive *v = sp_push(l, &d->derives, sizeof *v);
    if (v == NULL) return;
    *v = (struct sm_derive){.kind =
                                sp_is(n, "baseline") ? SM_DERIVE_BASELINE : SM_DERIVE_LAST_BEFORE,
                            .var = sp_var_attr(l, d->x, n, "var"),
                            .where = sp_at(n)};
    uint32_t testcd = sp_var(d->x->d, sp_prefixed(l, d->x->d, "TESTCD"));
    if (sp_has(n, "by"))
        v->by = sp_var_list(l, d->x, n, "by", &v->nby);
    else if (testcd != SM_NO) {
        uint32_t *by = sp_alloc(l, 1, sizeof *by);
        if (by == NULL) return;
        by[0] = testcd;
        v->by = by;
        v->nby = 1;
    }
    v->date = sp_has(n, "date") ? sp_var_attr(l, d->x, n, "date")
                                : sp_var(d->x->d, sp_prefixed(l, d->x->d, "DTC"));
    v->stat = sp_var(d->x->d, sp_prefixed(l, d->x->d, "STAT"));
    v->result = sp_var(d->x->d, sp_prefixed(l, d->x->d, "ORRES"));
    if (v->result == SM_NO) v->result = sp_var(d->x->d, sp_prefixed(l, d->x->d, "STRESC"));
    v->all_ties = sm_str_eq_c(sp_word(n, "ties"), "all");
    d->b.scope.subjectwise = true;
    v->reference = sp_expr(&d->b.scope, n, "reference");
    v->filter = sp_expr(&d->b.scope, n, "where");
    d->b.scope.subjectwise = false;
    if (v->date == SM_NO && sp_has(n, "reference") && !sp_has(n, "date"))
        sp_say(l, SM_D_MAPPING_INVALID, v->where,
               &(struct sp_about){.domain = d->x->d->dataset, .mend = "map it, or say date="},
               "no rule gives %.*sDTC, the date to compare", SM_STR_FMT(d->x->d->name));
    sp_gives(&d->b, v->var, v->where, SM_NO);
}

/* ---- relations ------------------------------------------------------------------------------- */

static bool derive_pair(struct derive *d, const xmlNode *n, struct sp_dom *to, struct sm_str word,
                        uint32_t *mine, uint32_t *theirs) {
    struct sm_str all = sp_attr(n, "by"), left = word, right = word;
    size_t eq = sm_str_find_byte(word, '=', 0);
    if (eq != SIZE_MAX) {
        left = sm_str_n(word.p, eq);
        right = sm_str_n(word.p + eq + 1, word.n - eq - 1);
    }
    const struct {
        struct sp_dom *x;
        struct sm_str name;
        uint32_t *ret;
    } sides[] = {{d->x, left, mine}, {to, right, theirs}};
    for (size_t i = 0; i < 2; i++) {
        *sides[i].ret = sp_var(sides[i].x->d, sides[i].name);
        if (*sides[i].ret != SM_NO) continue;
        char what[64];
        (void)snprintf(what, sizeof what, "variable of %.*s", SM_STR_FMT(sides[i].x->d->dataset));
        sp_unknown(d->l, sp_at_attr(n, "by", (uint32_t)(sides[i].name.p - all.p) + 1), what,
                   sides[i].name, sp_var_nearest(sides[i].x->d, sides[i].name));
        return false;
    }
    return true;
}

static void derive_relate(struct derive *d, const xmlNode *n) {
    struct sp_load *l = d->l;
    struct sm_str name = sp_word(n, "to"), rest = sp_attr(n, "by"), word;
    uint32_t index;
    struct sp_dom *to = sp_domain_find(l, name, &index);
    if (to == NULL) {
        if (name.n)
            sp_unknown(l, sp_at_attr(n, "to", 1), "domain", name, sp_domain_nearest(l, name));
        return;
    }
    struct sp_vec mine = {NULL, 0, 0}, theirs = {NULL, 0, 0};
    while (rest.p && sm_str_word(&rest, &word)) {
        uint32_t a, b, *p, *q;
        if (!derive_pair(d, n, to, word, &a, &b)) continue;
        p = sp_push(l, &mine, sizeof *p);
        q = sp_push(l, &theirs, sizeof *q);
        if (p == NULL || q == NULL) return;
        *p = a;
        *q = b;
    }
    struct sm_relate *r = sp_push(l, &d->relates, sizeof *r);
    if (r)
        *r = (struct sm_relate){.to = index,
                                .mine = mine.p,
                                .theirs = theirs.p,
                                .npair = mine.n,
                                .id = sp_dup(l, sp_word(n, "id")),
                                .type = sp_dup(l, sp_word(n, "type")),
                                .where = sp_at(n)};
}

/* ---- all of <derive> ------------------------------------------------------------------------- */

static void derive_children(struct derive *d, const xmlNode *parent);

static void derive_branch(struct derive *d, const xmlNode *n, const struct sm_expr *test,
                          bool negate) {
    const struct sm_guard *guard = d->b.guard;
    d->b.guard = d->b.full = sp_guard(d->l, test, negate, guard, n);
    derive_children(d, n);
    d->b.guard = d->b.full = guard;
}

static void derive_when(struct derive *d, const xmlNode *n) {
    const struct sm_expr *test = sp_expr(&d->b.scope, n, "test");
    const xmlNode *other = sp_next(n);
    derive_branch(d, n, test, false);
    if (other && sp_is(other, "otherwise")) derive_branch(d, other, test, true);
}

static void derive_children(struct derive *d, const xmlNode *parent) {
    static const struct {
        const char *name;
        void (*make)(struct derive *, const xmlNode *);
    } kinds[] = {
        {"when", derive_when},           {"sequence", derive_sequence},
        {"study-day", derive_study_day}, {"standardize", derive_standardize},
        {"visit", derive_visit},         {"last-before-exposure", derive_flag},
        {"baseline", derive_flag},       {"epoch", derive_epoch},
        {"duration", derive_duration},   {"age", derive_age},
        {"relate", derive_relate},
    };
    for (const xmlNode *n = sp_first(parent); n && !d->l->failed; n = sp_next(n)) {
        size_t i = 0;
        while (i < SM_ARRAY_LEN(kinds) && !sp_is(n, kinds[i].name))
            i++;
        if (i < SM_ARRAY_LEN(kinds))
            kinds[i].make(d, n);
        else
            sp_rule(&d->b, n);
    }
}

static void derive_date_pair(struct derive *d, uint32_t start, uint32_t end) {
    if (start == SM_NO || end == SM_NO) return;
    struct sm_rule *r = sp_rule_add(&d->b, SM_RULE_DATE_ORDER, d->x->var[end].where);
    if (r == NULL) return;
    r->from = derive_slot(start);
    r->time = derive_slot(end);
}

static void derive_date_order(struct derive *d) {
    static const struct sm_str pairs[][2] = {{{"RFSTDTC", 7}, {"RFENDTC", 7}},
                                             {{"RFXSTDTC", 8}, {"RFXENDTC", 8}}};
    const struct sm_domain *x = d->x->d;
    derive_date_pair(d, sp_var(x, sp_prefixed(d->l, x, "STDTC")),
                     sp_var(x, sp_prefixed(d->l, x, "ENDTC")));
    for (size_t i = 0; i < SM_ARRAY_LEN(pairs); i++)
        derive_date_pair(d, sp_var(x, pairs[i][0]), sp_var(x, pairs[i][1]));
}

/* Everything a record may bring is there when <derive> begins. */
static void derive_inherit(struct derive *d) {
    for (uint32_t v = 0; v < d->x->d->nvar; v++) {
        if (!d->x->anywhere[v]) continue;
        struct sp_given *g = sp_alloc(d->l, 1, sizeof *g);
        if (g == NULL) return;
        g->where = d->x->var[v].where;
        d->b.by_var[v] = g;
        d->b.given[v] = 1;
    }
}

void sp_derive(struct sp_load *l, struct sp_dom *x) {
    struct derive d = {.l = l, .x = x};
    if (!sp_build_start(&d.b, l, x, x->d->where)) return;
    d.b.scope.kind = SP_SCOPE_POST;
    derive_inherit(&d);
    for (const xmlNode *n = sp_first(x->top.node); n && !l->failed; n = sp_next(n))
        if (sp_is(n, "derive")) derive_children(&d, n);
    derive_date_order(&d);
    x->d->post = d.b.rules.p;
    x->d->npost = d.b.rules.n;
    x->d->derive = d.derives.p;
    x->d->nderive = d.derives.n;
    x->d->relate = d.relates.p;
    x->d->nrelate = d.relates.n;
}
