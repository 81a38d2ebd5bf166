/* SPDX-License-Identifier: MIT */
/* define_ct.c - code lists of the terms that are in the data. */
#include "define_priv.h"
#include "sdtmill/num.h"

struct choice {                     /* which terminology a variable's values are of */
    const struct sm_codelist *base; /* a CDISC list, or NULL */
    struct sm_str name, label, code;
};

static bool holds(const struct sm_codelist *l, struct sm_str s, const struct sm_term **ret) {
    return sm_ct_find(l, s, ret) == SM_CT_EXACT;
}

/* The term, looked for in the CDISC list first, then in those of the rules. */
static const struct sm_term *term_of(const struct def_coded *c, const struct choice *x,
                                     struct sm_str s) {
    const struct sm_term *t = NULL;
    if (x->base && holds(x->base, s, &t)) return t;
    for (uint32_t i = 0; i < c->var->ncodelist; i++)
        if (holds(c->var->codelist[i], s, &t)) return t;
    return NULL;
}

/* Does any value come from the list? */
static bool is_used(const struct define *f, const struct def_coded *c,
                    const struct sm_codelist *l) {
    const struct sm_term *t;
    struct sm_valbuf b;
    for (uint32_t i = 0; i < c->set->n; i++)
        if (holds(l, sm_val_text(f->study->texts, c->set->value[i], &b), &t)) return true;
    return false;
}

/* Values with NCI codes of their own, in a list of the study that has none. */
static bool has_codes(const struct define *f, const struct def_coded *c) {
    struct sm_valbuf b;
    for (uint32_t i = 0; i < c->set->n; i++) {
        const struct sm_term *t = term_of(c, &(struct choice){.base = NULL},
                                          sm_val_text(f->study->texts, c->set->value[i], &b));
        if (t && t->code.n && !t->extended) return true;
    }
    return false;
}

static struct sm_str label_of(const struct sm_codelist *l) {
    return l->label.n ? l->label : l->name;
}

static bool is_number_or_none(struct sm_str s, const struct def_coded *c) {
    return sm_num_parse(s, false, NULL) && !term_of(c, &(struct choice){.base = NULL}, s);
}

/* Do the values come from the variable's lists? Some must, and no result may be a mere number. */
bool def_is_coded(const struct define *f, const struct sm_var *v, const struct sm_dsset *set) {
    const struct def_coded c = {.var = v, .set = set};
    bool result = sm_str_ends(v->name, SM_STR("ORRES")) || sm_str_ends(v->name, SM_STR("STRESC")) ||
                  sm_str_ends(v->name, SM_STR("VAL"));
    bool some = false;
    struct sm_valbuf b;
    for (uint32_t i = 0; i < v->ncodelist && !some; i++)
        some = is_used(f, &c, v->codelist[i]);
    for (uint32_t i = 0; some && result && i < set->n; i++)
        if (is_number_or_none(sm_val_text(f->study->texts, set->value[i], &b), &c)) return false;
    return some;
}

/* All values in the list? */
static bool holds_all(const struct define *f, const struct def_coded *c,
                      const struct sm_codelist *l) {
    const struct sm_term *t;
    struct sm_valbuf b;
    for (uint32_t i = 0; i < c->set->n; i++)
        if (!holds(l, sm_val_text(f->study->texts, c->set->value[i], &b), &t)) return false;
    return true;
}

static void choose_own(const struct define *f, const struct def_coded *c, struct choice *x) {
    const struct sm_var *v = c->var;
    x->name = v->ncodelist == 1 ? v->codelist[0]->name : c->name;
    x->label = v->ncodelist == 1 ? label_of(v->codelist[0]) : v->label.n ? v->label : v->name;
    for (uint32_t i = v->ncodelist; i-- > 0;)
        if (holds_all(f, c, v->codelist[i])) {
            x->name = v->codelist[i]->name;
            x->label = label_of(v->codelist[i]);
        }
}

/* The CDISC list is chosen by all values of the variable, so that its parts by test agree. */
static void choose(const struct define *f, const struct def_coded *c, struct choice *x) {
    const struct sm_var *v = c->var;
    const struct def_coded all = {.var = v, .set = c->all ? c->all : c->set};
    struct sm_str rest = v->model ? v->model->codelist : (struct sm_str){NULL, 0}, word,
                  first = {NULL, 0};
    for (uint32_t i = 0; i < v->ncodelist && !x->base; i++)
        if (v->codelist[i]->code.n && !v->codelist[i]->nonstandard &&
            is_used(f, &all, v->codelist[i]))
            x->base = v->codelist[i];
    while (!x->base && rest.p && sm_str_word(&rest, &word)) {
        const struct sm_codelist *l = sm_ct_list(f->spec->ct, word);
        if (!first.n) first = word;
        if (l && is_used(f, &all, l)) x->base = l;
    }
    if (x->base) {
        *x = (struct choice){x->base, x->base->name, label_of(x->base), x->base->code};
        return;
    }
    x->code = first.n && has_codes(f, c) ? first : (struct sm_str){NULL, 0};
    choose_own(f, c, x);
}

/* ---- terms
 * ------------------------------------------------------------------------------------------- */
static struct sm_str label_in_data(struct define *f, const struct sm_dsvalues *w, sm_val v) {
    for (uint32_t i = 0; i < w->groups.n; i++)
        if (w->groups.value[i] == v && w->slice[i]) return def_value(f, w->slice[i]->label);
    return (struct sm_str){NULL, 0};
}

static void add_term(struct define *f, const struct def_coded *c, const struct choice *x,
                     struct def_list *l, sm_val v) {
    struct def_term *to = &l->term[l->nterm++];
    *to = (struct def_term){.value = def_value(f, v)};
    const struct sm_term *t = term_of(c, x, to->value);
    if (t && !t->extended && l->standard) to->code = t->code;
    to->extended = l->standard && !to->code.n;
    if (c->plain) return;
    if (t) to->decode = t->decode;
    if (c->decode) to->decode = label_in_data(f, c->decode, v);
    if (to->decode.n && !sm_str_eq_nocase(to->decode, to->value)) l->decoded = true;
}

/* Heap sort by value: few terms, any order of coming. */
static void sift(struct def_term *t, uint32_t i, uint32_t n) {
    for (uint32_t c; (c = 2 * i + 1) < n; i = c) {
        if (c + 1 < n && sm_str_cmp(t[c].value, t[c + 1].value) < 0) c++;
        if (sm_str_cmp(t[i].value, t[c].value) >= 0) return;
        struct def_term swap = t[i];
        t[i] = t[c];
        t[c] = swap;
    }
}

static void sort_terms(struct def_term *t, uint32_t n) {
    for (uint32_t i = n / 2; i-- > 0;)
        sift(t, i, n);
    for (uint32_t i = n; i-- > 1;) {
        struct def_term swap = t[0];
        t[0] = t[i];
        t[i] = swap;
        sift(t, 0, i);
    }
}

static bool same_terms(const struct def_list *a, const struct def_list *b) {
    bool same = a->nterm == b->nterm && a->standard == b->standard && a->decoded == b->decoded &&
                strcmp(a->type, b->type) == 0 && sm_str_eq(a->code, b->code);
    for (uint32_t i = 0; same && i < a->nterm; i++)
        same = sm_str_eq(a->term[i].value, b->term[i].value) &&
               sm_str_eq(a->term[i].decode, b->term[i].decode) &&
               sm_str_eq(a->term[i].code, b->term[i].code);
    return same;
}

/* ---- names: the list's own for its first subset, then with the variable
 * ------------------------------- */
static bool is_taken(const struct define *f, struct sm_str s, bool oid) {
    for (size_t i = 0; i < f->list.n; i++)
        if (sm_str_eq(oid ? f->list.p[i].oid : f->list.p[i].name, s)) return true;
    return false;
}

static void name_list(struct define *f, const struct def_coded *c, const struct choice *x,
                      struct def_list *l) {
    l->oid = def_printf(f, "CL.%.*s", SM_STR_FMT(x->name));
    if (is_taken(f, l->oid, true))
        l->oid = def_printf(f, "CL.%.*s.%.*s.%.*s", SM_STR_FMT(x->name), SM_STR_FMT(c->dataset),
                            SM_STR_FMT(c->name));
    l->name = x->label;
    if (is_taken(f, l->name, false))
        l->name = def_printf(f, "%.*s (%.*s.%.*s)", SM_STR_FMT(x->label), SM_STR_FMT(c->dataset),
                             SM_STR_FMT(c->name));
    for (unsigned k = 2; is_taken(f, l->oid, true) && !f->failed; k++)
        l->oid = def_printf(f, "CL.%.*s.%.*s.%.*s.%u", SM_STR_FMT(x->name), SM_STR_FMT(c->dataset),
                            SM_STR_FMT(c->name), k);
    for (unsigned k = 2; is_taken(f, l->name, false) && !f->failed; k++)
        l->name = def_printf(f, "%.*s (%.*s.%.*s, %u)", SM_STR_FMT(x->label),
                             SM_STR_FMT(c->dataset), SM_STR_FMT(c->name), k);
}

struct sm_str def_codelist(struct define *f, const struct def_coded *c) {
    struct choice x = {.base = NULL};
    struct sm_str none = {NULL, 0};
    if (!c->var || !c->set->n || c->set->over ||
        (!c->decode && !def_is_coded(f, c->var, c->set) &&
         !(c->all && def_is_coded(f, c->var, c->all))))
        return none;
    choose(f, c, &x);
    struct def_list l = {.type = c->type, .code = x.code, .standard = x.code.n > 0};
    l.term = sm_arena_array(&f->arena, c->set->n, sizeof *l.term);
    if (!l.term) {
        f->failed = true;
        return none;
    }
    for (uint32_t i = 0; i < c->set->n; i++)
        add_term(f, c, &x, &l, c->set->value[i]);
    sort_terms(l.term, l.nterm);
    for (size_t i = 0; i < f->list.n; i++)
        if (same_terms(&f->list.p[i], &l)) return f->list.p[i].oid;
    name_list(f, c, &x, &l);
    f->uses_ct = f->uses_ct || l.standard;
    struct def_list *to = DEF_PUSH(f, list);
    if (to) *to = l;
    return l.oid;
}
