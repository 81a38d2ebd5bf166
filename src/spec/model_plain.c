/* SPDX-License-Identifier: MIT */
#include "model_priv.h"
#include "xplain_priv.h"

#include "sdtmill/err.h"
#include "sdtmill/mem.h"

static const char model_ns[] = "urn:sdtmill:standard:1";

struct field { /* an attribute that is a text of the model */
    const char *name;
    size_t at;
    bool must;
};
#define DS(member)  offsetof(struct sm_model_ds, member)
#define VAR(member) offsetof(struct sm_model_var, member)
static const struct field root_fields[] = {{"name", offsetof(struct sm_model, name), true},
                                           {"version", offsetof(struct sm_model, version), true},
                                           {NULL, 0, false}};
static const struct field ds_fields[] = {
    {"name", DS(name), true},  {"label", DS(label), true},
    {"class", DS(cls), true},  {"structure", DS(structure), false},
    {"keys", DS(keys), false}, {NULL, 0, false}};
static const struct field var_fields[] = {{"name", VAR(name), true},
                                          {"label", VAR(label), true},
                                          {"role", VAR(role), false},
                                          {"core", VAR(core), false},
                                          {"values", VAR(values), false},
                                          {"codelist", VAR(codelist), false},
                                          {NULL, 0, false}};

struct plain {
    struct xp x;
    char *text;
    struct sm_arena *arena;
    struct sm_err *err;
    struct sm_model_ds *ds;
    struct sm_model_var *var; /* of the open dataset */
    size_t nds, dscap, nvar, varcap;
    int rc;
};

static bool good(struct plain *p, int rc) {
    p->rc = rc;
    return rc == SM_OK;
}

/* An array of the arena that holds what was gathered. */
static void *keep(struct plain *p, const void *from, size_t n, size_t size) {
    void *to = sm_arena_array(p->arena, n, size);
    if (to)
        memcpy(to, from, n * size);
    else
        p->rc = sm_fail(p->err, SM_ENOMEM, "out of memory");
    return to;
}

/* The closing quotes give way to zero bytes: texts of a model are strings of C, too. */
static bool fields_read(struct plain *p, const struct field *f, void *to) {
    for (uint32_t i = 0; i < p->x.nattr; i++) {
        struct sm_str v = p->x.attr[i].value;
        if (v.n == 0) return false;
        p->text[v.p - p->text + (ptrdiff_t)v.n] = '\0';
    }
    for (; f->name; f++) {
        struct sm_str v = xp_attr(&p->x, f->name);
        if (v.p) v = xp_meaning(p->arena, v);
        if (!v.p && f->must) return false;
        memcpy((char *)to + f->at, &v, sizeof v);
    }
    return true;
}

static bool yes(struct plain *p, const char *name, bool *ret) {
    struct sm_str v = xp_attr(&p->x, name);
    *ret = sm_str_eq_c(v, "yes");
    return !v.p || *ret || sm_str_eq_c(v, "no");
}

static bool read_var(struct plain *p) {
    struct sm_model_var v = {.order = (uint32_t)p->nvar + 1};
    struct sm_str type = xp_attr(&p->x, "type");
    v.is_num = sm_str_eq_c(type, "Num");
    if (!v.is_num && !sm_str_eq_c(type, "Char")) return false;
    if (!fields_read(p, var_fields, &v)) return false;
    for (size_t i = 0; i < p->nvar; i++)
        if (sm_str_eq(p->var[i].name, v.name)) return false;
    if (!good(p, sm_grow(&p->var, &p->varcap, p->nvar + 1, sizeof v, p->err))) return false;
    p->var[p->nvar++] = v;
    return p->x.empty || xp_next(&p->x) == XP_CLOSE;
}

static bool read_vars(struct plain *p, struct sm_model_ds *d) {
    struct sm_str word, rest = d->keys;
    enum xp_what what;
    p->nvar = 0;
    while ((what = xp_next(&p->x)) != XP_CLOSE)
        if (!xp_is_open(&p->x, what, "variable") || !read_var(p)) return false;
    if (p->nvar == 0) return false;
    d->nvar = (uint32_t)p->nvar;
    d->var = keep(p, p->var, p->nvar, sizeof *p->var);
    if (!d->var) return false;
    while (rest.p && sm_str_word(&rest, &word))
        if (!sm_model_ds_var(d, word)) return false;
    return true;
}

static bool read_ds(struct plain *p) {
    struct sm_model_ds d = {.nvar = 0};
    if (!yes(p, "repeating", &d.repeating) || !yes(p, "reference", &d.reference)) return false;
    if (!fields_read(p, ds_fields, &d) || p->x.empty || !read_vars(p, &d)) return false;
    for (size_t i = 0; i < p->nds; i++)
        if (sm_str_eq(p->ds[i].name, d.name)) return false;
    if (!good(p, sm_grow(&p->ds, &p->dscap, p->nds + 1, sizeof d, p->err))) return false;
    p->ds[p->nds++] = d;
    return true;
}

static bool read_root(struct plain *p, struct sm_model *model) {
    enum xp_what what;
    if (!xp_is_open(&p->x, xp_next(&p->x), "standard") || p->x.empty) return false;
    if (!sm_str_eq_c(xp_attr(&p->x, "xmlns"), model_ns)) return false;
    if (!fields_read(p, root_fields, model)) return false;
    while ((what = xp_next(&p->x)) != XP_CLOSE)
        if (!xp_is_open(&p->x, what, "dataset") || !read_ds(p)) return false;
    if (xp_next(&p->x) != XP_END || p->nds == 0) return false;
    model->nds = (uint32_t)p->nds;
    model->ds = keep(p, p->ds, p->nds, sizeof *p->ds);
    return model->ds != NULL;
}

int model_load_plain(struct sm_model *model, char *text, size_t n, struct sm_arena *a, bool *ret_is,
                     struct sm_err *err) {
    struct plain p = {.text = text, .arena = a, .err = err};
    *ret_is = xp_file(&p.x, sm_str_n(text, n)) && read_root(&p, model);
    sm_free(p.ds);
    sm_free(p.var);
    return p.rc;
}
