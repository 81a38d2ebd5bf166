/* SPDX-License-Identifier: MIT */
/* Domains: which variables they have, in which order. All domains are declared before any rule is
 * compiled, so that rules can read each other's. */
#include "spec/spec_priv.h"

/* ---- finding --------------------------------------------------------------------------------- */

struct sp_dom *sp_domain_find(struct sp_load *l, struct sm_str name, uint32_t *ret_index) {
    struct sp_dom *v = l->doms.p;
    *ret_index = SM_NO;
    for (uint32_t pass = 0; pass < 2; pass++)
        for (uint32_t i = 0; i < l->doms.n; i++) {
            if (!sm_str_eq(pass ? v[i].d->name : v[i].d->dataset, name)) continue;
            *ret_index = i;
            return &v[i];
        }
    return NULL;
}

struct sm_str sp_domain_nearest(struct sp_load *l, struct sm_str name) {
    struct sp_near near = sp_near_start(name);
    struct sp_dom *v = l->doms.p;
    for (uint32_t i = 0; i < l->doms.n; i++)
        sp_near_try(&near, v[i].d->dataset);
    return near.best;
}

uint32_t sp_var(const struct sm_domain *d, struct sm_str name) {
    for (uint32_t i = 0; i < d->nvar; i++)
        if (sm_str_eq(d->var[i].name, name)) return i;
    return SM_NO;
}

struct sm_str sp_var_nearest(const struct sm_domain *d, struct sm_str name) {
    struct sp_near near = sp_near_start(name);
    for (uint32_t i = 0; i < d->nvar; i++)
        sp_near_try(&near, d->var[i].name);
    return near.best;
}

static const struct sm_model_var *domain_model_var(const struct sp_dom *x, struct sm_str name) {
    const struct sm_model_var *v = x->models.p;
    for (uint32_t i = 0; i < x->models.n; i++)
        if (sm_str_eq(v[i].name, name)) return &v[i];
    return NULL;
}

static struct sp_decl *domain_decl(const struct sp_dom *x, struct sm_str name) {
    struct sp_decl *v = x->decls.p;
    for (uint32_t i = 0; i < x->decls.n; i++)
        if (sm_str_eq(v[i].name, name)) return &v[i];
    return NULL;
}

static void domain_unknown(struct sp_load *l, struct sp_dom *x, struct sm_where at,
                           struct sm_str name) {
    const struct sm_model_var *m = x->models.p;
    const struct sp_decl *d = x->decls.p;
    struct sp_near near = sp_near_start(name);
    for (uint32_t i = 0; i < x->models.n; i++)
        sp_near_try(&near, m[i].name);
    for (uint32_t i = 0; i < x->decls.n; i++)
        sp_near_try(&near, d[i].name);
    for (uint32_t i = 0; i < x->d->nvar; i++)
        sp_near_try(&near, x->d->var[i].name);
    char mend[300] = "mend the name, or declare the sponsor's own with <variable>";
    if (near.best.p)
        (void)snprintf(mend, sizeof mend,
                       "did you mean '%.*s'? (the sponsor's own are declared with <variable>)",
                       SM_STR_FMT(near.best));
    sp_say(l, SM_D_UNKNOWN_NAME, at, &(struct sp_about){.domain = x->d->dataset, .mend = mend},
           "%.*s has no variable '%.*s'", SM_STR_FMT(x->d->dataset), SM_STR_FMT(name));
}

static uint32_t domain_var_at(struct sp_load *l, struct sp_dom *x, struct sm_where at,
                              struct sm_str name) {
    uint32_t v = sp_var(x->d, name);
    if (v != SM_NO) return v;
    if (domain_model_var(x, name) || domain_decl(x, name))
        sp_say(l, SM_D_UNKNOWN_NAME, at,
               &(struct sp_about){.domain = x->d->dataset,
                                  .mend = "give it a rule, or leave it out here"},
               "no rule of %.*s gives '%.*s'", SM_STR_FMT(x->d->dataset), SM_STR_FMT(name));
    else
        domain_unknown(l, x, at, name);
    return SM_NO;
}

uint32_t sp_var_attr(struct sp_load *l, struct sp_dom *x, const xmlNode *n, const char *attr) {
    struct sm_str name = sp_word(n, attr);
    return name.n ? domain_var_at(l, x, sp_at_attr(n, attr, 1), name) : SM_NO;
}

uint32_t *sp_var_list(struct sp_load *l, struct sp_dom *x, const xmlNode *n, const char *attr,
                      uint32_t *ret_n) {
    struct sp_vec v = {NULL, 0, 0};
    struct sm_str rest = sp_attr(n, attr), word;
    while (rest.p && sm_str_word(&rest, &word)) {
        uint32_t k = domain_var_at(
            l, x, sp_at_attr(n, attr, (uint32_t)(word.p - sp_attr(n, attr).p) + 1), word);
        uint32_t *slot = k == SM_NO ? NULL : sp_push(l, &v, sizeof *slot);
        if (slot) *slot = k;
    }
    *ret_n = v.n;
    return v.p;
}

struct sm_str sp_prefixed(struct sp_load *l, const struct sm_domain *d, const char *suffix) {
    return sp_printf(l, "%.*s%s", SM_STR_FMT(d->name), suffix);
}

/* ---- what a domain may have ------------------------------------------------------------------ */

static struct sm_str domain_swap(struct sp_load *l, struct sm_str name, struct sm_str from,
                                 struct sm_str to) {
    if (from.n == 0 || sm_str_eq(from, to) || !sm_str_starts(name, from) || name.n <= from.n)
        return name;
    return sp_printf(l, "%.*s%.*s", SM_STR_FMT(to), (int)(name.n - from.n), name.p + from.n);
}

static void domain_like(struct sp_load *l, struct sp_dom *x, const struct sm_model_ds *ds) {
    for (uint32_t i = 0; i < ds->nvar; i++) {
        struct sm_model_var *v = sp_push(l, &x->models, sizeof *v);
        if (v == NULL) return;
        *v = ds->var[i];
        v->name = domain_swap(l, v->name, ds->name, x->d->name);
    }
    struct sm_str rest = ds->keys, word, keys = {NULL, 0};
    while (rest.p && sm_str_word(&rest, &word)) {
        word = domain_swap(l, word, ds->name, x->d->name);
        keys = keys.p ? sp_printf(l, "%.*s %.*s", SM_STR_FMT(keys), SM_STR_FMT(word))
                      : sp_dup(l, word);
    }
    x->keys = keys;
}

static void domain_identifiers(struct sp_load *l, struct sp_dom *x) {
    const struct {
        struct sm_str name;
        const char *label, *role;
        bool is_num;
    } ids[] = {
        {SM_STR("STUDYID"), "Study Identifier", "Identifier", false},
        {SM_STR("DOMAIN"), "Domain Abbreviation", "Identifier", false},
        {SM_STR("USUBJID"), "Unique Subject Identifier", "Identifier", false},
        {sp_prefixed(l, x->d, "SEQ"), "Sequence Number", "Identifier", true},
    };
    for (uint32_t i = 0; i < SM_ARRAY_LEN(ids); i++) {
        struct sm_model_var *v = sp_push(l, &x->models, sizeof *v);
        if (v == NULL) return;
        *v = (struct sm_model_var){.name = ids[i].name,
                                   .label = sm_str(ids[i].label),
                                   .role = sm_str(ids[i].role),
                                   .core = i < 2 ? SM_STR("Req") : SM_STR("Perm"),
                                   .is_num = ids[i].is_num,
                                   .order = i + 1};
    }
    x->keys = SM_STR("STUDYID USUBJID");
}

static void domain_unknown_name(struct sp_load *l, struct sp_dom *x, const char *attr,
                                struct sm_str name) {
    struct sp_near near = sp_near_start(name);
    for (uint32_t i = 0; i < l->s->model->nds; i++)
        sp_near_try(&near, l->s->model->ds[i].name);
    char mend[300] =
        "mend the name, or declare a domain of your own with like= or <variable> elements";
    if (near.best.p)
        (void)snprintf(mend, sizeof mend,
                       "did you mean '%.*s'? (a domain of your own says like= or has <variable> "
                       "elements)",
                       SM_STR_FMT(near.best));
    sp_say(l, SM_D_UNKNOWN_NAME, sp_at_attr(x->top.node, attr, 1),
           &(struct sp_about){.domain = x->d->dataset, .mend = mend}, "%.*s has no domain '%.*s'",
           SM_STR_FMT(l->s->standard), SM_STR_FMT(name));
}

static void domain_models(struct sp_load *l, struct sp_dom *x) {
    struct sm_domain *d = x->d;
    const xmlNode *n = x->top.node;
    struct sm_str like = sp_word(n, "like");
    const struct sm_model *m = l->s->model;
    const struct sm_model_ds *ds = m ? sm_model_find(m, like.n ? like : d->name) : NULL;
    d->repeating = true;
    if (ds) {
        domain_like(l, x, ds);
        d->cls = ds->cls;
        d->structure = ds->structure;
        d->repeating = ds->repeating;
        d->reference = ds->reference;
        d->label = like.n ? (struct sm_str){NULL, 0} : ds->label;
        d->model = like.n ? NULL : ds;
        d->custom = like.n != 0;
    } else {
        d->custom = true;
        domain_identifiers(l, x);
        if (m && (like.n || x->decls.n == 0))
            domain_unknown_name(l, x, like.n ? "like" : "name", like.n ? like : d->name);
    }
    if (sp_has(n, "label")) d->label = sp_dup(l, sp_word(n, "label"));
    if (sp_has(n, "class")) d->cls = sp_dup(l, sp_word(n, "class"));
    if (sp_has(n, "structure")) d->structure = sp_dup(l, sp_word(n, "structure"));
    d->comment = sp_dup(l, sp_word(n, "comment"));
}

static bool domain_good_name(struct sm_str s) {
    if (s.n == 0 || s.n > 8 || !(s.p[0] == '_' || (s.p[0] >= 'A' && s.p[0] <= 'Z'))) return false;
    for (size_t i = 0; i < s.n; i++)
        if (!(sm_is_digit(s.p[i]) || s.p[i] == '_' || (s.p[i] >= 'A' && s.p[i] <= 'Z')))
            return false;
    return true;
}

static bool domain_check_name(struct sp_load *l, const xmlNode *n, const char *attr,
                              struct sm_str name) {
    if (domain_good_name(name)) return true;
    sp_say(
        l, SM_D_MAPPING_INVALID, sp_at_attr(n, attr, 1),
        &(struct sp_about){.mend = "use at most 8 capital letters, digits and _, a letter first"},
        "'%.*s' cannot be the name of a variable", SM_STR_FMT(name));
    return false;
}

/* Labels of variables and of supplements: SDTMIG 3.4 section 4.2.1. */
static void domain_check_label(struct sp_load *l, const xmlNode *n, struct sm_str label) {
    enum { LABEL_MAX = 40 };
    if (label.n <= LABEL_MAX) return;
    sp_lint(l, SM_D_LENGTH_LIMIT, sp_at_attr(n, "label", 1),
            &(struct sp_about){.mend = "shorten it"}, "label has %zu bytes, the limit is %d",
            label.n, LABEL_MAX);
}

static void domain_decls(struct sp_load *l, struct sp_dom *x) {
    for (const xmlNode *n = sp_first(x->top.node); n && !l->failed; n = sp_next(n)) {
        if (!sp_is(n, "variable")) continue;
        struct sm_str name = sp_word(n, "name");
        if (name.p == NULL || !domain_check_name(l, n, "name", name)) continue;
        if (domain_decl(x, name) || x->decls.n >= SP_VARS_MAX) {
            sp_say(l, SM_D_MAPPING_INVALID, sp_at(n), NULL, "variable '%.*s' is declared twice",
                   SM_STR_FMT(name));
            continue;
        }
        struct sp_decl *d = sp_push(l, &x->decls, sizeof *d);
        if (d) *d = (struct sp_decl){sp_dup(l, name), sp_word(n, "after"), n, false};
        domain_check_label(l, n, sp_word(n, "label"));
    }
}

/* ---- what its rules give --------------------------------------------------------------------- */

static struct sp_give *domain_given(const struct sp_dom *x, struct sm_str name) {
    struct sp_give *v = x->gives.p;
    for (uint32_t i = 0; i < x->gives.n; i++)
        if (sm_str_eq(v[i].name, name)) return &v[i];
    return NULL;
}

static void domain_give(struct sp_load *l, struct sp_dom *x, struct sm_str name, const xmlNode *n) {
    struct sp_give *had = name.n ? domain_given(x, name) : NULL;
    if (had && had->node == x->top.node) had->node = n; /* was there without a rule */
    if (name.n == 0 || had || !(domain_model_var(x, name) || domain_decl(x, name))) return;
    struct sp_give *g = x->gives.n < SP_VARS_MAX ? sp_push(l, &x->gives, sizeof *g) : NULL;
    if (g)
        *g = (struct sp_give){.name = sp_dup(l, name), .node = n};
    else
        sp_too_large(l, sp_at(n), "variables and supplements of a domain", SP_VARS_MAX);
}

static void domain_give_supp(struct sp_load *l, struct sp_dom *x, struct sm_str name,
                             struct sm_str label, const xmlNode *n, const char *attr) {
    struct sp_give *had = domain_given(x, name);
    if (name.n == 0 || !domain_check_name(l, n, attr, name)) return;
    if (domain_model_var(x, name) || domain_decl(x, name)) {
        sp_say(l, SM_D_MAPPING_INVALID, sp_at_attr(n, attr, 1),
               &(struct sp_about){.domain = x->d->dataset,
                                  .mend = "give the variable itself, or rename the supplement"},
               "'%.*s' is a variable of %.*s and cannot be a supplement", SM_STR_FMT(name),
               SM_STR_FMT(x->d->dataset));
        return;
    }
    if (had) {
        if (!sm_str_eq(had->label, label))
            sp_say(l, SM_D_MAPPING_INVALID, sp_at_attr(n, "label", 1),
                   &(struct sp_about){.domain = x->d->dataset},
                   "supplement '%.*s' has another label at line %u: '%.*s'", SM_STR_FMT(name),
                   sp_at(had->node).line, SM_STR_FMT(had->label));
        return;
    }
    if (x->gives.n >= SP_VARS_MAX) {
        sp_too_large(l, sp_at(n), "variables and supplements of a domain", SP_VARS_MAX);
        return;
    }
    domain_check_label(l, n, label);
    struct sp_give *g = sp_push(l, &x->gives, sizeof *g);
    if (g) *g = (struct sp_give){sp_dup(l, name), sp_dup(l, label), true, n};
}

enum { DOMAIN_CHOICES = 12 };

static void domain_give_multiple(struct sp_load *l, struct sp_dom *x, const xmlNode *n) {
    struct sm_str var = sp_word(n, "var"), label = sp_word(n, "label");
    domain_give(l, x, var, n);
    const struct sm_model_var *m = domain_model_var(x, var);
    if (label.n == 0) label = m ? m->label : var;
    uint32_t k = 0;
    for (const xmlNode *c = sp_first(n); c; c = sp_next(c)) {
        if (!sp_is(c, "choice")) continue;
        if (++k > DOMAIN_CHOICES) {
            sp_say(l, SM_D_MAPPING_INVALID, sp_at(c), NULL, "<multiple> has more than %d choices",
                   DOMAIN_CHOICES);
            return;
        }
        domain_give_supp(l, x, sp_printf(l, "%.*s%u", SM_STR_FMT(var), k),
                         sp_printf(l, "%.*s %u", SM_STR_FMT(label), k), n, "var");
    }
}

static void domain_give_visit(struct sp_load *l, struct sp_dom *x, const xmlNode *n) {
    const struct sm_table *t = sp_table(l, n, "table");
    for (uint32_t i = 0; t && i < t->nval; i++)
        domain_give(l, x, t->val[i], n);
}

static void domain_give_age(struct sp_load *l, struct sp_dom *x, const xmlNode *n) {
    struct sm_str unit = sp_word(n, "unit"),
                  ageu = sp_printf(l, "%.*sU", SM_STR_FMT(sp_word(n, "var")));
    domain_give(l, x, sp_word(n, "var"), n);
    if (unit.n)
        domain_give(l, x, domain_model_var(x, unit) || domain_decl(x, unit) ? unit : ageu, n);
}

static void domain_give_standardize(struct sp_load *l, struct sp_dom *x, const xmlNode *n) {
    static const char *const always[] = {"STRESC", "STRESN", "STRESU"};
    static const struct {
        const char *from, *to;
    } limits[] = {
        {"ORNRLO", "STNRLO"}, {"ORNRHI", "STNRHI"}, {"ORNRLO", "NRIND"}, {"ORNRHI", "NRIND"}};
    for (size_t i = 0; i < SM_ARRAY_LEN(always); i++)
        domain_give(l, x, sp_prefixed(l, x->d, always[i]), n);
    for (size_t i = 0; i < SM_ARRAY_LEN(limits); i++)
        if (domain_given(x, sp_prefixed(l, x->d, limits[i].from)))
            domain_give(l, x, sp_prefixed(l, x->d, limits[i].to), n);
}

/* Walks the rules; depth is bounded by the file's. */
static void domain_gather(struct sp_load *l, struct sp_dom *x, const xmlNode *parent) {
    static const char *const with_var[] = {"assign",
                                           "hardcode",
                                           "datetime",
                                           "compute",
                                           "sequence",
                                           "study-day",
                                           "last-before-exposure",
                                           "baseline",
                                           "epoch",
                                           "duration"};
    static const char *const nests[] = {"from", "when", "otherwise", "record", "repeat", "derive"};
    for (const xmlNode *n = sp_first(parent); n && !l->failed; n = sp_next(n)) {
        for (size_t i = 0; i < SM_ARRAY_LEN(with_var); i++)
            if (sp_is(n, with_var[i])) domain_give(l, x, sp_word(n, "var"), n);
        for (size_t i = 0; i < SM_ARRAY_LEN(nests); i++)
            if (sp_is(n, nests[i])) domain_gather(l, x, n);
        if (sp_is(n, "supplement"))
            domain_give_supp(l, x, sp_word(n, "name"), sp_word(n, "label"), n, "name");
        else if (sp_is(n, "multiple"))
            domain_give_multiple(l, x, n);
        else if (sp_is(n, "visit"))
            domain_give_visit(l, x, n);
        else if (sp_is(n, "age"))
            domain_give_age(l, x, n);
    }
}

static void domain_gather_standardize(struct sp_load *l, struct sp_dom *x) {
    for (const xmlNode *n = sp_first(x->top.node); n; n = sp_next(n)) {
        if (!sp_is(n, "derive")) continue;
        for (const xmlNode *c = sp_first(n); c; c = sp_next(c))
            if (sp_is(c, "standardize")) domain_give_standardize(l, x, c);
    }
}

/* Has some <from> rows that belong to subjects? */
static bool domain_has_subject(struct sp_load *l, struct sp_dom *x) {
    struct sm_source *v = l->sources.p;
    for (const xmlNode *n = sp_first(x->top.node); n; n = sp_next(n)) {
        if (!sp_is(n, "from")) continue;
        if (sp_has(n, "domain")) return true;
        for (uint32_t i = 0; i < l->sources.n; i++)
            if (sm_str_eq(v[i].name, sp_word(n, "source")) && v[i].usubjid) return true;
    }
    return false;
}

static void domain_gather_auto(struct sp_load *l, struct sp_dom *x) {
    const xmlNode *n = x->top.node;
    domain_give(l, x, SM_STR("STUDYID"), n);
    domain_give(l, x, SM_STR("DOMAIN"), n);
    if (domain_has_subject(l, x)) {
        domain_give(l, x, SM_STR("USUBJID"), n);
        if (sm_str_eq_c(x->d->name, "DM")) domain_give(l, x, SM_STR("SUBJID"), n);
    }
    const struct sm_model_var *m = x->models.p;
    for (uint32_t i = 0; i < x->models.n; i++)
        if (sm_str_eq_c(m[i].core, "Req") && !sm_str_eq_c(m[i].name, "USUBJID"))
            domain_give(l, x, m[i].name, n);
    struct sp_decl *v = x->decls.p;
    for (uint32_t i = 0; i < x->decls.n; i++)
        if (sp_yes(v[i].node, "keep", false)) domain_give(l, x, v[i].name, v[i].node);
}

/* ---- variables in order ---------------------------------------------------------------------- */

static enum sm_origin domain_origin(struct sm_str s) {
    static const char *const names[] = {"",         "Collected",   "Derived",       "Assigned",
                                        "Protocol", "Predecessor", "Not Available", "Other"};
    for (size_t i = 1; i < SM_ARRAY_LEN(names); i++)
        if (sm_str_eq_c(s, names[i])) return (enum sm_origin)i;
    return SM_ORIGIN_NONE;
}

static void domain_about(struct sp_load *l, const xmlNode *n, struct sm_var *v) {
    if (sp_has(n, "origin")) {
        v->origin_text = sp_dup(l, sp_word(n, "origin"));
        v->origin = domain_origin(v->origin_text);
    }
    if (sp_has(n, "comment")) v->comment = sp_dup(l, sp_word(n, "comment"));
    if (sp_has(n, "method")) v->method = sp_dup(l, sp_word(n, "method"));
}

static void domain_declared(struct sp_load *l, const xmlNode *n, struct sm_var *v) {
    uint64_t number;
    if (sp_has(n, "label")) v->label = sp_dup(l, sp_word(n, "label"));
    if (sp_has(n, "type")) v->is_num = sm_str_eq_c(sp_word(n, "type"), "Num");
    if (sm_str_to_u64(sp_word(n, "length"), &number)) v->length = (uint32_t)number;
    if (sp_has(n, "role")) v->role = sp_dup(l, sp_word(n, "role"));
    if (sp_has(n, "core")) v->core = sp_dup(l, sp_word(n, "core"));
    v->inner = !sp_yes(n, "keep", true);
    v->split_supp = !v->inner && sm_str_eq_c(sp_word(n, "split"), "supp");
    domain_about(l, n, v);
}

static void domain_put(struct sp_load *l, struct sp_dom *x, struct sm_str name, bool supp) {
    struct sp_give *g = domain_given(x, name);
    const struct sm_model_var *m = supp ? NULL : domain_model_var(x, name);
    struct sp_decl *decl = supp ? NULL : domain_decl(x, name);
    if (g == NULL) return;
    struct sm_var *v = &x->var[x->d->nvar++];
    *v = (struct sm_var){
        .name = g->name, .label = g->label, .supp = supp, .model = m, .where = sp_at(g->node)};
    if (m) {
        v->label = m->label;
        v->role = m->role;
        v->core = m->core;
        v->is_num = m->is_num;
        v->is_dtc = sm_model_var_is_dtc(m);
    }
    if (decl) {
        decl->placed = true;
        domain_declared(l, decl->node, v);
    }
    if (!m && !supp) v->is_dtc = sm_str_ends(v->name, SM_STR("DTC")) && !v->is_num;
    v->required = sm_str_eq_c(v->core, "Req");
    if (supp) {
        x->d->nsupp++;
        v->evaluator = sp_dup(l, sp_word(g->node, "evaluator"));
    }
    if (g->node != x->top.node) domain_about(l, g->node, v);
}

/* The sponsor's variables stand behind the one they name, and these behind each other. */
static void domain_put_after(struct sp_load *l, struct sp_dom *x, struct sm_str after) {
    struct sp_decl *d = x->decls.p;
    for (uint32_t i = 0; i < x->decls.n; i++) {
        if (d[i].placed || domain_model_var(x, d[i].name) || !sm_str_eq(d[i].after, after))
            continue;
        d[i].placed = true;
        domain_put(l, x, d[i].name, false);
        domain_put_after(l, x, d[i].name);
    }
}

static void domain_after_names(struct sp_load *l, struct sp_dom *x) {
    struct sp_decl *d = x->decls.p;
    for (uint32_t i = 0; i < x->decls.n; i++) {
        if (d[i].after.n == 0 || domain_model_var(x, d[i].after) || domain_decl(x, d[i].after))
            continue;
        domain_unknown(l, x, sp_at_attr(d[i].node, "after", 1), d[i].after);
    }
}

static void domain_variables(struct sp_load *l, struct sp_dom *x) {
    uint32_t n = x->gives.n;
    if (!sp_budget(l, n, x->d->where)) n = 0;
    x->var = sp_alloc(l, n, sizeof *x->var);
    x->subjectwise = sp_alloc(l, n, 1);
    x->anywhere = sp_alloc(l, n, 1);
    x->lists = sp_alloc(l, n, sizeof *x->lists);
    if (l->failed || n == 0) return;
    x->d->var = x->var;
    const struct sm_model_var *m = x->models.p;
    for (uint32_t i = 0; i < x->models.n; i++) {
        domain_put(l, x, m[i].name, false);
        domain_put_after(l, x, m[i].name);
    }
    struct sp_decl *d = x->decls.p;
    for (uint32_t i = 0; i < x->decls.n; i++)
        if (!d[i].placed && !domain_model_var(x, d[i].name)) domain_put(l, x, d[i].name, false);
    const struct sp_give *g = x->gives.p;
    for (uint32_t i = 0; i < x->gives.n; i++)
        if (g[i].supp) domain_put(l, x, g[i].name, true);
    domain_after_names(l, x);
}

static void domain_subjectwise(struct sp_dom *x) {
    static const char *const kinds[] = {"sequence", "last-before-exposure", "baseline"};
    for (const xmlNode *n = sp_first(x->top.node); n; n = sp_next(n)) {
        if (!sp_is(n, "derive")) continue;
        for (const xmlNode *c = sp_first(n); c; c = sp_next(c))
            for (size_t i = 0; i < SM_ARRAY_LEN(kinds); i++) {
                uint32_t v = sp_is(c, kinds[i]) ? sp_var(x->d, sp_word(c, "var")) : SM_NO;
                if (v != SM_NO) x->subjectwise[v] = 1;
            }
    }
}

/* ---- all domains ----------------------------------------------------------------------------- */

static void domain_declare(struct sp_load *l, struct sp_dom *x) {
    struct sm_domain *d = x->d;
    const xmlNode *n = x->top.node;
    d->where = sp_at(n);
    d->name = sp_dup(l, sp_word(n, "name"));
    d->dataset = sp_has(n, "dataset") ? sp_dup(l, sp_word(n, "dataset")) : d->name;
    if (sp_has(n, "dataset") && !domain_good_name(d->dataset))
        sp_say(l, SM_D_MAPPING_INVALID, sp_at_attr(n, "dataset", 1),
               &(struct sp_about){
                   .mend = "use at most 8 capital letters, digits and _, a letter first"},
               "'%.*s' cannot be the name of a dataset", SM_STR_FMT(d->dataset));
    d->usubjid = d->seq = SM_NO;
    if (d->name.n) (void)domain_check_name(l, n, "name", d->name);
    domain_decls(l, x);
    domain_models(l, x);
    domain_gather_auto(l, x);
    domain_gather(l, x, n);
    domain_gather_standardize(l, x);
    if (!l->failed) domain_variables(l, x);
    if (l->failed) return;
    domain_subjectwise(x);
    d->usubjid = sp_var(d, SM_STR("USUBJID"));
    d->seq = sp_var(d, sp_prefixed(l, d, "SEQ"));
}

static void domain_twice(struct sp_load *l, struct sp_dom *x) {
    const struct sp_dom *v = l->doms.p;
    for (const struct sp_dom *e = v; e < x; e++)
        if (sm_str_eq(e->d->dataset, x->d->dataset)) {
            sp_say(l, SM_D_MAPPING_INVALID, sp_at_attr(x->top.node, "name", 1),
                   &(struct sp_about){.mend = "put all <from> into one <domain>, or say dataset="},
                   "domain '%.*s' is defined twice; first at %.*s:%u", SM_STR_FMT(x->d->dataset),
                   SM_STR_FMT(e->d->where.file), e->d->where.line);
            return;
        }
}

/* SUPP-- of one domain and a domain of that name would be one dataset. */
static void domain_supplements(struct sp_load *l, const struct sp_dom *x) {
    const struct sp_dom *v = l->doms.p;
    const struct sm_str name = x->d->dataset;
    if (!sm_str_starts(name, SM_STR("SUPP"))) return;
    for (uint32_t i = 0; i < l->doms.n; i++)
        if (sm_domain_supplements(v[i].d) &&
            sm_str_eq(v[i].d->dataset, sm_str_n(name.p + 4, name.n - 4)))
            sp_say(l, SM_D_MAPPING_INVALID, sp_at_attr(x->top.node, "name", 1),
                   &(struct sp_about){.mend = "take another name, or leave it to the supplements"},
                   "dataset '%.*s' is already that of the supplements of %.*s, at %.*s:%u",
                   SM_STR_FMT(name), SM_STR_FMT(v[i].d->dataset), SM_STR_FMT(v[i].d->where.file),
                   v[i].d->where.line);
}

void sp_domains_declare(struct sp_load *l) {
    const struct sp_top *t = l->tops.p;
    uint32_t n = 0;
    for (uint32_t i = 0; i < l->tops.n; i++)
        n += sp_is(t[i].node, "domain");
    struct sm_domain *d = sp_alloc(l, n, sizeof *d);
    struct sp_dom *x = sp_alloc(l, n, sizeof *x);
    if (d == NULL || x == NULL) return;
    l->domains = (struct sp_vec){d, n, n};
    l->doms = (struct sp_vec){x, 0, n};
    for (uint32_t i = 0; i < l->tops.n && !l->failed; i++) {
        if (!sp_is(t[i].node, "domain")) continue;
        struct sp_dom *one = &x[l->doms.n];
        one->top = t[i];
        one->d = &d[l->doms.n];
        one->index = l->doms.n;
        domain_declare(l, one);
        domain_twice(l, one);
        l->doms.n++;
    }
    for (uint32_t i = 0; i < l->doms.n && !l->failed; i++)
        domain_supplements(l, &x[i]);
}

/* ---- after the rules ------------------------------------------------------------------------- */

static void domain_keys(struct sp_load *l, struct sp_dom *x) {
    const xmlNode *n = x->top.node;
    struct sm_domain *d = x->d;
    if (sp_has(n, "keys")) {
        d->key = sp_var_list(l, x, n, "keys", &d->nkey);
        for (uint32_t i = 0; i < d->nkey; i++)
            if (x->subjectwise[d->key[i]])
                sp_say(l, SM_D_MAPPING_INVALID, sp_at_attr(n, "keys", 1),
                       &(struct sp_about){.domain = d->dataset},
                       "'%.*s' cannot be a sort key: it is derived from the sorted records",
                       SM_STR_FMT(d->var[d->key[i]].name));
        return;
    }
    struct sp_vec v = {NULL, 0, 0};
    struct sm_str rest = x->keys, word;
    while (rest.p && sm_str_word(&rest, &word)) {
        uint32_t k = sp_var(d, word);
        uint32_t *slot = k == SM_NO || x->subjectwise[k] ? NULL : sp_push(l, &v, sizeof *slot);
        if (slot) *slot = k;
    }
    d->key = v.p;
    d->nkey = v.n;
}

static void domain_group(struct sp_load *l, struct sp_dom *x) {
    bool had = false;
    for (const xmlNode *n = sp_first(x->top.node); n; n = sp_next(n)) {
        if (!sp_is(n, "group")) continue;
        if (had) sp_say(l, SM_D_MAPPING_INVALID, sp_at(n), NULL, "<domain> has two <group>");
        had = true;
        x->d->group = sp_var_list(l, x, n, "by", &x->d->ngroup);
        for (uint32_t i = 0; i < x->d->ngroup; i++)
            if (x->subjectwise[x->d->group[i]])
                sp_say(
                    l, SM_D_MAPPING_INVALID, sp_at_attr(n, "by", 1), NULL,
                    "records cannot be grouped by '%.*s': it is derived from the grouped records",
                    SM_STR_FMT(x->d->var[x->d->group[i]].name));
    }
    for (uint32_t i = 0; !had && i < x->d->nvar; i++)
        if (x->var[i].has_take)
            sp_say(l, SM_D_NEVER_FIRES, x->var[i].where,
                   &(struct sp_about){.domain = x->d->dataset,
                                      .variable = x->var[i].name,
                                      .mend = "add <group by=...> to the domain, or remove take="},
                   "take= has an effect in a domain with <group> only");
}

static void domain_list_add(struct sp_load *l, struct sp_vec *v, const struct sm_codelist *c) {
    const struct sm_codelist **list = v->p;
    for (uint32_t i = 0; i < v->n; i++)
        if (list[i] == c) return;
    const struct sm_codelist **slot = sp_push(l, v, sizeof *slot);
    if (slot) *slot = c;
}

/* Lists of its rules, else of its <variable>, else of the standard as far as they are loaded. */
static void domain_lists(struct sp_load *l, struct sp_dom *x, uint32_t i) {
    struct sm_var *v = &x->var[i];
    struct sp_decl *d = v->supp ? NULL : domain_decl(x, v->name);
    struct sm_str name = d ? sp_word(d->node, "codelist") : (struct sm_str){NULL, 0};
    if (name.n) {
        const struct sm_codelist *c = sp_list(l, name);
        if (c)
            domain_list_add(l, &x->lists[i], c);
        else
            sp_unknown(l, sp_at_attr(d->node, "codelist", 1), "codelist", name,
                       sm_ct_nearest_list(l->s->ct, name));
    }
    struct sm_str rest = v->model ? v->model->codelist : (struct sm_str){NULL, 0}, word;
    while (x->lists[i].n == 0 && rest.p && sm_str_word(&rest, &word)) {
        const struct sm_codelist *c = sp_list(l, word);
        if (c) domain_list_add(l, &x->lists[i], c);
    }
    v->codelist = x->lists[i].p;
    v->ncodelist = x->lists[i].n;
}

void sp_domains_finish(struct sp_load *l) {
    struct sp_dom *x = l->doms.p;
    for (uint32_t i = 0; i < l->doms.n && !l->failed; i++) {
        domain_keys(l, &x[i]);
        domain_group(l, &x[i]);
        uint32_t seq = x[i].d->seq;
        if (seq != SM_NO && !x[i].var[seq].ruled) x[i].d->seq = SM_NO;
        for (uint32_t v = 0; v < x[i].d->nvar && !l->failed; v++)
            domain_lists(l, &x[i], v);
    }
}
