/* SPDX-License-Identifier: MIT */
/* define_items.c - the variables of a dataset: type, length, role, key, where values come from. */
#include "define_priv.h"

/* ---- types
 * ------------------------------------------------------------------------------------------ */
static bool is_sas_name(struct sm_str s) {
    bool fine = s.n >= 1 && s.n <= 8 && !sm_is_digit(s.p[0]);
    for (size_t i = 0; fine && i < s.n; i++)
        fine = sm_is_alpha(s.p[i]) || sm_is_digit(s.p[i]) || s.p[i] == '_';
    return fine;
}

static uint32_t at_least_one(uint32_t n) {
    return n ? n : 1;
}

/* free_type: a text whose values are all numbers is typed as numbers (value level). */
void def_item_type(struct def_item *i, bool free_type) {
    const struct sm_dsvar *v = i->facts;
    bool number = v->is_num || (free_type && v->present && v->all_number);
    i->digits = DEF_NO_DIGITS;
    i->length = 0;
    i->type = number ? (v->all_integer && (v->is_num || v->decimals == 0) ? "integer" : "float")
                     : emit_data_type(v);
    if (strcmp(i->type, "text") == 0) {
        i->length = at_least_one(v->length ? v->length : v->max_chars);
    } else if (strcmp(i->type, "integer") == 0) {
        i->length = at_least_one(v->int_digits);
    } else if (strcmp(i->type, "float") == 0) {
        i->length = at_least_one(v->int_digits + v->decimals);
        i->digits = (int)v->decimals;
    }
}

/* ---- origin
 * ----------------------------------------------------------------------------------------- */
struct origin {
    struct define *f;
    const struct sm_domain *d;
    const struct sm_var *var;
    unsigned found;       /* 1 << enum sm_origin */
    struct sm_buf copied; /* DOMAIN.VARIABLE texts */
};

static void copied(struct origin *o, struct sm_str domain, struct sm_str var) {
    char text[160];
    (void)snprintf(text, sizeof text, "%.*s.%.*s", SM_STR_FMT(domain), SM_STR_FMT(var));
    if (sm_str_find(sm_buf_str(&o->copied), sm_str(text), 0) != SIZE_MAX) return;
    if (o->copied.n) sm_buf_add_c(&o->copied, ", ");
    sm_buf_add_c(&o->copied, text);
}

/* Names and codes of tests, dictionary terms: the sponsor's words for what was collected. */
static bool is_coded_name(struct sm_str name) {
    static const char *const ends[] = {"TESTCD", "TEST", "PARMCD", "PARM", "DECOD"};
    for (size_t i = 0; i < SM_ARRAY_LEN(ends); i++)
        if (sm_str_ends(name, sm_str(ends[i]))) return true;
    return false;
}

static enum sm_origin origin_of_assign(struct origin *o, const struct def_use *u) {
    if (u->rule->from.kind == SM_SLOT_PARAM) return SM_ORIGIN_COLLECTED;
    if (!u->from || u->rule->from.kind != SM_SLOT_COLUMN) return SM_ORIGIN_DERIVED;
    if (u->from->source != SM_NO)
        return is_coded_name(o->var->name) ? SM_ORIGIN_ASSIGNED : SM_ORIGIN_COLLECTED;
    if (o->d->ngroup && o->var->has_take) return SM_ORIGIN_DERIVED;
    copied(o, o->f->spec->domain[u->from->domain].name,
           def_slot_name(o->f, o->d, u, u->rule->from));
    return SM_ORIGIN_PREDECESSOR;
}

/* The name of a visit and its number are the sponsor's, its planned day is the protocol's. */
static enum sm_origin origin_of_visit(const struct origin *o) {
    return sm_str_eq_c(o->var->name, "VISITDY") ? SM_ORIGIN_PROTOCOL : SM_ORIGIN_ASSIGNED;
}

static void use_origin(void *ctx, const struct def_use *u) {
    struct origin *o = ctx;
    enum sm_origin k = SM_ORIGIN_DERIVED;
    if (u->rule && (u->rule->kind == SM_RULE_ASSIGN || u->rule->kind == SM_RULE_DATETIME))
        k = origin_of_assign(o, u);
    else if (u->rule && u->rule->kind == SM_RULE_CONSTANT)
        k = SM_ORIGIN_ASSIGNED;
    else if (u->rule && u->rule->kind == SM_RULE_VISIT)
        k = origin_of_visit(o);
    else if (u->rule && u->rule->kind == SM_RULE_MULTIPLE)
        k = SM_ORIGIN_COLLECTED;
    o->found |= 1u << k;
}

/* Identifiers whose origin no rule tells; SM_ORIGIN_NONE for all others. */
static enum sm_origin origin_by_name(struct sm_str name, bool supp) {
    static const struct {
        const char *name;
        enum sm_origin origin;
        bool supp;
    } known[] = {{"STUDYID", SM_ORIGIN_PROTOCOL, false}, {"SITEID", SM_ORIGIN_ASSIGNED, false},
                 {"DOMAIN", SM_ORIGIN_ASSIGNED, false},  {"RDOMAIN", SM_ORIGIN_ASSIGNED, true},
                 {"USUBJID", SM_ORIGIN_DERIVED, false},  {"SUBJID", SM_ORIGIN_DERIVED, false},
                 {"IDVAR", SM_ORIGIN_ASSIGNED, true},    {"IDVARVAL", SM_ORIGIN_ASSIGNED, true},
                 {"QNAM", SM_ORIGIN_ASSIGNED, true},     {"QLABEL", SM_ORIGIN_ASSIGNED, true},
                 {"QORIG", SM_ORIGIN_ASSIGNED, true},    {"QEVAL", SM_ORIGIN_ASSIGNED, true},
                 {"RELTYPE", SM_ORIGIN_ASSIGNED, true},  {"RELID", SM_ORIGIN_ASSIGNED, true}};
    for (size_t i = 0; i < SM_ARRAY_LEN(known); i++)
        if (sm_str_eq_c(name, known[i].name) && (supp || !known[i].supp)) return known[i].origin;
    return SM_ORIGIN_NONE;
}

/* Measured outside the site as a rule: specimens, tracings. */
static const char *source_of(const struct def_group *g, unsigned origins) {
    static const char *const vendor[] = {"BS", "CP", "EG", "GF", "IS", "LB",
                                         "MB", "MI", "MS", "PC", "PP"};
    if (!(origins & 1u << SM_ORIGIN_COLLECTED)) return "Sponsor";
    for (size_t i = 0; i < SM_ARRAY_LEN(vendor); i++)
        if (sm_str_eq_c(g->d->domain, vendor[i])) return "Vendor";
    return "Investigator";
}

void def_item_origin(struct define *f, const struct def_group *g, struct def_item *i, uint32_t v) {
    struct origin o = {.f = f, .d = g->domain, .var = i->var};
    enum sm_origin known =
        i->var && i->var->origin ? i->var->origin : origin_by_name(i->name, !i->var);
    sm_buf_init(&o.copied, 0);
    if (i->var && v != SM_NO) def_uses(g->domain, v, use_origin, &o);
    if (known) o.found = 1u << known;
    if (o.found & 1u << SM_ORIGIN_DERIVED)
        o.found = 1u << SM_ORIGIN_DERIVED; /* a part of it is computed */
    i->origins = o.found;
    i->source = source_of(g, o.found);
    i->predecessor = def_take(f, &o.copied);
    if (i->origins & 1u << SM_ORIGIN_PREDECESSOR && !i->predecessor.n)
        i->predecessor = def_printf(
            f, "%.*s", SM_STR_FMT(i->var && i->var->origin_text.n ? i->var->origin_text : i->name));
}

/* ---- comments
 * ---------------------------------------------------------------------------------------- */
static void set_comment(struct define *f, const struct def_group *g, struct def_item *i,
                        uint32_t at) {
    const struct sm_dsvalues *w = g->d->values;
    const char *why = !i->no_data                ? ""
                      : i->var && !i->var->ruled ? "No data: the mapping has no rule for it."
                                                 : "No data: no record has a value.";
    char many[96] = "";
    if (w && w->set[at].over && i->var && def_is_coded(f, i->var, &w->set[at]))
        (void)snprintf(many, sizeof many,
                       "More than %d different values; its codelist is not given.", SM_DSSET_MAX);
    struct sm_buf b;
    sm_buf_init(&b, 0);
    if (i->var) sm_buf_add_str(&b, i->var->comment);
    if (b.n && (*why || *many)) sm_buf_add_c(&b, b.p[b.n - 1] == '.' ? " " : ". ");
    sm_buf_add_c(&b, why);
    if (*why && *many) sm_buf_add_c(&b, " ");
    sm_buf_add_c(&b, many);
    struct sm_str text = def_take(f, &b);
    i->comment = def_comment(f, def_printf(f, "COM.%.*s", (int)(i->oid.n - 3), i->oid.p + 3), text);
}

/* ---- variables
 * ------------------------------------------------------------------------------------------ */
static uint32_t index_in_domain(const struct sm_domain *d, const struct sm_var *v) {
    return d && v && v >= d->var && v < d->var + d->nvar ? (uint32_t)(v - d->var) : SM_NO;
}

/* SUPP-- and RELREC: SDTMIG 3.4 sections 8.3 and 8.4. */
static void set_fixed(struct def_item *i) {
    static const struct {
        const char *name, *role;
        bool mandatory;
    } fixed[] = {{"STUDYID", "Identifier", true},        {"RDOMAIN", "Identifier", true},
                 {"USUBJID", "Identifier", true},        {"IDVAR", "Identifier", false},
                 {"IDVARVAL", "Identifier", false},      {"QNAM", "Topic", true},
                 {"QLABEL", "Synonym Qualifier", true},  {"QVAL", "Result Qualifier", true},
                 {"QORIG", "Record Qualifier", true},    {"QEVAL", "Record Qualifier", false},
                 {"RELTYPE", "Record Qualifier", false}, {"RELID", "Record Qualifier", true}};
    for (size_t k = 0; k < SM_ARRAY_LEN(fixed); k++)
        if (sm_str_eq_c(i->name, fixed[k].name)) {
            i->role = sm_str(fixed[k].role);
            i->mandatory = fixed[k].mandatory && !i->no_data;
        }
}

/* The standard's roles in the spelling of Define-XML; anything else is left out. */
static struct sm_str role_of(const struct sm_var *v) {
    static const char *const roles[] = {"Identifier",
                                        "Topic",
                                        "Timing",
                                        "Rule",
                                        "Grouping Qualifier",
                                        "Result Qualifier",
                                        "Synonym Qualifier",
                                        "Record Qualifier",
                                        "Variable Qualifier"};
    for (size_t i = 0; i < SM_ARRAY_LEN(roles); i++)
        if (sm_str_eq_nocase(v->role, sm_str(roles[i]))) return sm_str(roles[i]);
    return v->role;
}

static void set_codelist(struct define *f, const struct def_group *g, struct def_item *i,
                         uint32_t at) {
    const struct sm_dsvalues *w = g->d->values;
    if (!w || !i->var || i->facts->is_dtc) return;
    bool code = at == w->by, label = at == w->label;
    const struct sm_dsset *set = w->set[at].max ? &w->set[at] : code ? &w->groups : NULL;
    if (!set || (!i->var->ncodelist && !i->var->model && !code)) return;
    i->list =
        def_codelist(f, &(struct def_coded){.var = i->var,
                                            .set = set,
                                            .decode = code && w->label != UINT32_MAX ? w : NULL,
                                            .dataset = g->d->name,
                                            .name = i->name,
                                            .type = i->type,
                                            .plain = label});
}

static void set_item(struct define *f, struct def_group *g, uint32_t at) {
    const struct sm_dsvar *v = &g->d->var[at];
    struct def_item *i = &g->item[at];
    char oid[SM_EMIT_OID_MAX];
    sm_oid_item(g->d, v, oid, sizeof oid);
    *i = (struct def_item){.oid = def_keep(f, sm_str(oid)),
                           .name = v->name,
                           .label = v->label.n ? v->label : v->name,
                           .facts = v,
                           .key = v->key,
                           .var = g->domain && !g->d->is_supp ? v->source : NULL};
    i->field = is_sas_name(v->name) ? v->name : (struct sm_str){NULL, 0};
    i->no_data = g->d->rows > 0 && v->present == 0;
    def_item_type(i, false);
    if (i->var) {
        i->role = role_of(i->var);
        i->mandatory = i->var->required || sm_str_eq_c(i->var->core, "Req");
        i->nonstandard = g->standard && !i->var->model;
    } else {
        set_fixed(i);
    }
    if (!f->spec) return;
    uint32_t index = index_in_domain(g->domain, i->var);
    set_codelist(f, g, i, at);
    if (!(g->d->is_supp && sm_str_eq_c(i->name, "QVAL"))) def_item_origin(f, g, i, index);
    if (i->origins & 1u << SM_ORIGIN_DERIVED) i->method = def_method_of(f, g, i, index);
    set_comment(f, g, i, at);
}

void def_group_items(struct define *f, struct def_group *g) {
    g->item = sm_arena_array(&f->arena, g->d->nvar ? g->d->nvar : 1, sizeof *g->item);
    if (!g->item) {
        f->failed = true;
        return;
    }
    for (uint32_t i = 0; i < g->d->nvar; i++)
        set_item(f, g, i);
}
