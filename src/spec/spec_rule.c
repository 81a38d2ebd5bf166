/* SPDX-License-Identifier: MIT */
/* One rule element to one compiled rule. */
#include "spec/spec_priv.h"

#include "sdtmill/num.h"

bool sp_build_start(struct sp_build *b, struct sp_load *l, struct sp_dom *x, struct sm_where at) {
    uint32_t n = x->d->nvar;
    *b = (struct sp_build){.l = l, .x = x, .repeat = SM_NO};
    if (!sp_budget(l, n + 1, at)) return false;
    b->given = sp_alloc(l, n, 1);
    b->by_var = sp_alloc(l, n, sizeof *b->by_var);
    b->trace = sp_alloc(l, n, sizeof *b->trace);
    if (l->failed) return false;
    for (uint32_t i = 0; i < n; i++)
        b->trace[i] = SM_NO;
    b->scope = (struct sp_scope){.l = l, .dom = x, .given = b->given};
    return true;
}

struct sm_rule *sp_rule_add(struct sp_build *b, enum sm_rule_kind kind, struct sm_where at) {
    struct sp_load *l = b->l;
    if (++l->nrules > SP_RULES_MAX) {
        sp_too_large(l, at, "rules", SP_RULES_MAX);
        return NULL;
    }
    struct sm_rule *r = sp_push(l, &b->rules, sizeof *r);
    if (r == NULL) return NULL;
    *r = (struct sm_rule){.kind = kind,
                          .var = SM_NO,
                          .guard = b->guard,
                          .column = SM_NO,
                          .digits = -1,
                          .lut = SM_NO,
                          .sev = SM_SEV_WARNING,
                          .where = at};
    for (size_t i = 0; i < SM_ARRAY_LEN(r->v); i++)
        r->v[i] = r->c[i] = SM_NO;
    return r;
}

const struct sm_guard *sp_guard(struct sp_load *l, const struct sm_expr *test, bool negate,
                                const struct sm_guard *parent, const xmlNode *n) {
    struct sm_guard *g = sp_alloc(l, 1, sizeof *g);
    if (g) *g = (struct sm_guard){test, negate, parent, sp_at(n)};
    return g;
}

/* ---- given twice ----------------------------------------------------------------------------- */

/* Two chains never hold together when one has a test that the other has negated. */
static bool rule_exclusive(const struct sm_guard *a, const struct sm_guard *b) {
    for (const struct sm_guard *p = a; p; p = p->parent)
        for (const struct sm_guard *q = b; q; q = q->parent)
            if (p->test && p->test == q->test && p->negate != q->negate) return true;
    return false;
}

void sp_gives(struct sp_build *b, uint32_t var, struct sm_where at, uint32_t column) {
    enum { MOST = 500 };
    struct sp_load *l = b->l;
    if (var == SM_NO) return;
    struct sm_var *v = &b->x->var[var];
    uint32_t n = 0;
    for (const struct sp_given *g = b->by_var[var]; g; g = g->next, n++) {
        if (rule_exclusive(g->guard, b->full) && n < MOST) continue;
        char mend[200];
        (void)snprintf(mend, sizeof mend,
                       "remove one of the rules, or put them into <when> and its <otherwise>; "
                       "the other is at line %u",
                       g->where.line);
        sp_say(l, SM_D_ASSIGNED_TWICE, at, &(struct sp_about){b->x->d->dataset, v->name, mend},
               "%.*s is given a value twice in one record; first at %.*s:%u", SM_STR_FMT(v->name),
               SM_STR_FMT(g->where.file), g->where.line);
        return;
    }
    struct sp_given *g = sp_alloc(l, 1, sizeof *g);
    if (g == NULL) return;
    *g = (struct sp_given){b->full, at, b->by_var[var]};
    b->by_var[var] = g;
    b->given[var] = 1;
    v->ruled = true;
    if (b->trace[var] == SM_NO) b->trace[var] = column;
}

/* ---- shared parts ---------------------------------------------------------------------------- */

static uint32_t rule_slot_column(const struct sp_build *b, struct sm_slot s) {
    if (s.kind == SM_SLOT_COLUMN && b->scope.source) return s.index;
    if (s.kind == SM_SLOT_PARAM && s.index == 0) return b->repeat;
    if (s.kind == SM_SLOT_VAR) return b->trace[s.index];
    return SM_NO;
}

static uint32_t rule_expr_column(const struct sp_build *b, const struct sm_expr *e) {
    const struct sm_slot *in;
    size_t n = e ? sm_expr_inputs(e, &in) : 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t c = rule_slot_column(b, in[i]);
        if (c != SM_NO) return c;
    }
    return SM_NO;
}

static void rule_take(struct sp_build *b, const xmlNode *n, struct sm_var *v) {
    static const char *const names[] = {"first", "last", "min", "max", "sum", "count", "only"};
    struct sm_str s = sp_word(n, "take");
    for (size_t i = 0; i < SM_ARRAY_LEN(names); i++) {
        if (!sm_str_eq_c(s, names[i])) continue;
        if (v->has_take && v->take != (enum sm_take)i)
            sp_say(b->l, SM_D_MAPPING_INVALID, sp_at_attr(n, "take", 1), NULL,
                   "another rule takes %.*s in another way", SM_STR_FMT(v->name));
        v->take = (enum sm_take)i;
        v->has_take = true;
    }
}

static void rule_about(struct sp_build *b, const xmlNode *n, struct sm_var *v) {
    static const char *const names[] = {"",         "Collected",   "Derived",       "Assigned",
                                        "Protocol", "Predecessor", "Not Available", "Other"};
    struct sm_str s = sp_word(n, "origin");
    for (size_t i = 1; s.n && v->origin == SM_ORIGIN_NONE && i < SM_ARRAY_LEN(names); i++)
        if (sm_str_eq_c(s, names[i])) {
            v->origin = (enum sm_origin)i;
            v->origin_text = sp_dup(b->l, s);
        }
    if (v->comment.p == NULL && sp_has(n, "comment"))
        v->comment = sp_dup(b->l, sp_word(n, "comment"));
    if (v->method.p == NULL && sp_has(n, "method")) v->method = sp_dup(b->l, sp_word(n, "method"));
}

static void rule_lists(struct sp_build *b, const struct sm_terms *t, uint32_t var) {
    struct sp_vec *v = &b->x->lists[var];
    for (uint32_t k = 0; k < t->nlist; k++) {
        const struct sm_codelist **have = v->p;
        uint32_t i = 0;
        while (i < v->n && have[i] != t->list[k])
            i++;
        if (i < v->n) continue;
        const struct sm_codelist **slot = sp_push(b->l, v, sizeof *slot);
        if (slot) *slot = t->list[k];
    }
}

/* var=, terms, case, limits, take, about; and that the record has the variable now. */
static void rule_finish(struct sp_build *b, struct sm_rule *r, const xmlNode *n, uint32_t var) {
    struct sm_str fold = sp_word(n, "case");
    r->var = var;
    if (sp_has(n, "codelist")) sp_terms(b->l, n, &r->terms);
    if (sp_has(n, "recode")) r->recode = sp_recode(b->l, n, "recode");
    r->fold = fold.n ? fold.p[0] : '\0';
    r->has_min = sp_decimal(b->l, n, "min", &r->min);
    r->has_max = sp_decimal(b->l, n, "max", &r->max);
    sp_gives(b, var, r->where, r->column);
    if (var == SM_NO) return;
    rule_lists(b, &r->terms, var);
    rule_about(b, n, &b->x->var[var]);
    rule_take(b, n, &b->x->var[var]);
}

/* ---- the rules ------------------------------------------------------------------------------- */

static void rule_assign(struct sp_build *b, const xmlNode *n, uint32_t var) {
    struct sm_slot from = sp_slot(&b->scope, n, "from");
    struct sm_rule *r = sp_rule_add(b, SM_RULE_ASSIGN, sp_at(n));
    if (r == NULL) return;
    r->from = from;
    r->column = rule_slot_column(b, from);
    rule_finish(b, r, n, var);
}

static void rule_hardcode(struct sp_build *b, const xmlNode *n, uint32_t var) {
    struct sm_rule *r = sp_rule_add(b, SM_RULE_CONSTANT, sp_at(n));
    if (r == NULL) return;
    struct sm_str value = sp_attr(n, "value");
    r->value = sm_val_make(b->l->s->in, value);
    rule_finish(b, r, n, var);
    sp_terms_check(b->l, n, &r->terms, value);
    if (var != SM_NO && value.n && b->x->var[var].is_num && !sm_num_parse(value, true, NULL))
        sp_say(b->l, SM_D_MAPPING_INVALID, sp_at_attr(n, "value", 1),
               &(struct sp_about){b->x->d->dataset, b->x->var[var].name, "write a number"},
               "'%.*s' is not a number, and %.*s is numeric", SM_STR_FMT(value),
               SM_STR_FMT(b->x->var[var].name));
}

static void rule_compute(struct sp_build *b, const xmlNode *n, uint32_t var) {
    const struct sm_expr *e = sp_expr(&b->scope, n, "value");
    struct sm_rule *r = sp_rule_add(b, SM_RULE_COMPUTE, sp_at(n));
    if (r == NULL) return;
    r->expr = e;
    r->column = rule_expr_column(b, e);
    rule_finish(b, r, n, var);
}

static bool rule_has_type(const struct sp_build *b, struct sm_slot s, enum sm_col_type type) {
    const struct sm_source *src = b->scope.source;
    uint32_t c = s.kind == SM_SLOT_PARAM && s.index == 0 ? b->repeat
                 : s.kind == SM_SLOT_COLUMN              ? s.index
                                                         : SM_NO;
    /* variables and other domains' dates are ISO 8601 already */
    if (s.kind == SM_SLOT_VAR || s.kind == SM_SLOT_REF || src == NULL)
        return s.kind != SM_SLOT_NONE;
    return c < src->ncolumn && src->column[c].type == type;
}

static const struct sm_dtc_pattern *rule_pattern(struct sp_build *b, const xmlNode *n,
                                                 const char *attr) {
    if (!sp_has(n, attr)) return NULL;
    struct sm_str locale = sp_has(n, "locale") ? sp_word(n, "locale") : b->l->habits.locale;
    return sp_pattern(b->l, n, attr, sp_attr(n, attr), locale);
}

static void rule_datetime(struct sp_build *b, const xmlNode *n, uint32_t var) {
    struct sm_slot from = sp_slot(&b->scope, n, "date"), time = sp_slot(&b->scope, n, "time");
    struct sm_rule *r = sp_rule_add(b, SM_RULE_DATETIME, sp_at(n));
    if (r == NULL) return;
    r->from = from;
    r->time = time;
    r->from_is_iso = rule_has_type(b, from, SM_COL_DATE);
    r->time_is_iso = rule_has_type(b, time, SM_COL_TIME);
    r->dates = rule_pattern(b, n, "format");
    r->times = rule_pattern(b, n, "time-format");
    r->reject_invalid = sm_str_eq_c(sp_word(n, "invalid"), "reject");
    r->column = rule_slot_column(b, from);
    if (r->column == SM_NO) r->column = rule_slot_column(b, time);
    if (!sp_has(n, "date") && !sp_has(n, "time"))
        sp_say(b->l, SM_D_MAPPING_INVALID, r->where, NULL, "<datetime> needs date= or time=");
    const struct {
        const char *attr;
        bool iso;
    } formats[] = {{"format", r->from_is_iso}, {"time-format", r->time_is_iso}};
    for (size_t i = 0; i < SM_ARRAY_LEN(formats); i++)
        if (formats[i].iso && sp_has(n, formats[i].attr))
            sp_say(
                b->l, SM_D_NEVER_FIRES, sp_at_attr(n, formats[i].attr, 1),
                &(struct sp_about){.mend = "remove it, or say dates= where the column is declared"},
                "%s= has no effect: the column is of type %s and ISO 8601 already", formats[i].attr,
                i ? "time" : "date");
    rule_finish(b, r, n, var);
}

static bool rule_choice(struct sp_build *b, const xmlNode *n, struct sm_choice *c) {
    c->from = sp_has(n, "from") ? sp_slot(&b->scope, n, "from") : (struct sm_slot){SM_SLOT_NONE, 0};
    c->test = sp_expr(&b->scope, n, "test");
    c->value = sm_val_make(b->l->s->in, sp_attr(n, "value"));
    if (sp_has(n, "from") != (sp_has(n, "test") && sp_has(n, "value"))) return true;
    sp_say(b->l, SM_D_MAPPING_INVALID, sp_at(n), NULL,
           "<choice> has either from= or test= and value=");
    return false;
}

static void rule_multiple(struct sp_build *b, const xmlNode *n, uint32_t var) {
    struct sp_load *l = b->l;
    struct sm_str name = sp_word(n, "var");
    struct sp_vec choices = {NULL, 0, 0};
    for (const xmlNode *c = sp_first(n); c && !l->failed; c = sp_next(c)) {
        struct sm_choice *slot = sp_is(c, "choice") ? sp_push(l, &choices, sizeof *slot) : NULL;
        if (slot) (void)rule_choice(b, c, slot);
    }
    struct sm_rule *r = sp_rule_add(b, SM_RULE_MULTIPLE, sp_at(n));
    if (r == NULL) return;
    r->choice = choices.p;
    r->nchoice = choices.n;
    r->value = sm_val_make(l->s->in, sp_has(n, "value") ? sp_attr(n, "value") : SM_STR("MULTIPLE"));
    if (choices.n) r->column = rule_slot_column(b, r->choice[0].from);
    rule_finish(b, r, n, var);
    for (uint32_t i = 0; i < choices.n && i < SM_ARRAY_LEN(r->v); i++) {
        r->v[i] = sp_var(b->x->d, sp_printf(l, "%.*s%u", SM_STR_FMT(name), i + 1));
        r->nv = i + 1;
        sp_gives(b, r->v[i], r->where, r->column);
        if (r->v[i] != SM_NO) rule_lists(b, &r->terms, r->v[i]);
    }
}

static void rule_supplement(struct sp_build *b, const xmlNode *n) {
    uint32_t var = sp_var(b->x->d, sp_word(n, "name"));
    bool from = sp_has(n, "from");
    if (from == sp_has(n, "value"))
        sp_say(b->l, SM_D_MAPPING_INVALID, sp_at(n), NULL,
               "<supplement> has either from= or value=");
    else if (from)
        rule_assign(b, n, var);
    else
        rule_compute(b, n, var);
}

static void rule_check(struct sp_build *b, const xmlNode *n) {
    static const char *const sevs[] = {"note", "warning", "error"};
    const struct sm_expr *e = sp_expr(&b->scope, n, "test");
    struct sm_rule *r = sp_rule_add(b, SM_RULE_CHECK, sp_at(n));
    if (r == NULL) return;
    struct sp_load *l = b->l;
    struct sm_str sev = sp_word(n, "severity");
    r->expr = e;
    r->kind_text = sp_has(n, "kind") ? sp_dup(l, sp_word(n, "kind")) : SM_STR("assertion");
    r->message = sp_dup(l, sp_word(n, "message"));
    r->mend = sp_dup(l, sp_word(n, "mend"));
    r->reject_invalid = sm_str_eq_c(sp_word(n, "effect"), "reject");
    for (size_t i = 0; i < SM_ARRAY_LEN(sevs); i++)
        if (sm_str_eq_c(sev, sevs[i])) r->sev = (enum sm_sev)i;
    r->column = sp_has(n, "column") ? rule_slot_column(b, sp_slot(&b->scope, n, "column"))
                                    : rule_expr_column(b, e);
}

static void rule_not_submitted(struct sp_build *b, const xmlNode *n) {
    struct sm_source *s = b->scope.source;
    struct sm_str rest = sp_attr(n, "columns"), word, one = sp_word(n, "column");
    bool more = true;
    while (s && more) {
        const char *attr = "columns";
        more = rest.p && sm_str_word(&rest, &word);
        if (!more && one.n == 0) return;
        if (!more) word = one, attr = "column";
        uint32_t c = sp_column(s, word);
        if (c != SM_NO)
            ((struct sm_column *)(uintptr_t)s->column)[c].used = true;
        else
            sp_unknown(b->l, sp_at_attr(n, attr, 1), "column of the source", word,
                       sp_column_nearest(s, word));
    }
}

void sp_rule(struct sp_build *b, const xmlNode *n) {
    static const struct {
        const char *name;
        void (*make)(struct sp_build *, const xmlNode *, uint32_t);
    } with_var[] = {
        {"assign", rule_assign},     {"hardcode", rule_hardcode}, {"compute", rule_compute},
        {"datetime", rule_datetime}, {"multiple", rule_multiple},
    };
    static const struct {
        const char *name;
        void (*make)(struct sp_build *, const xmlNode *);
    } others[] = {{"supplement", rule_supplement},
                  {"check", rule_check},
                  {"not-submitted", rule_not_submitted}};
    for (size_t i = 0; i < SM_ARRAY_LEN(with_var); i++)
        if (sp_is(n, with_var[i].name)) {
            with_var[i].make(b, n, sp_var_attr(b->l, b->x, n, "var"));
            return;
        }
    for (size_t i = 0; i < SM_ARRAY_LEN(others); i++)
        if (sp_is(n, others[i].name)) {
            others[i].make(b, n);
            return;
        }
}
