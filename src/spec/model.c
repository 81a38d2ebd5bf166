/* SPDX-License-Identifier: MIT */
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <sys/stat.h>

#include "model_priv.h"

#include "sdtmill/err.h"

enum { MODEL_FILE_MAX = 64 * 1024 * 1024, PLAIN_FILE_MAX = 8 * 1024 * 1024 };
static const char model_ns[] = "urn:sdtmill:standard:1";

struct model_load {
    const char *path;
    struct sm_arena *arena;
    struct sm_err *err;
    bool nomem; /* a text could not be copied */
};

static int model_fail(struct model_load *m, const xmlNode *at, const char *what, const char *arg) {
    if (m->nomem) return sm_fail(m->err, SM_ENOMEM, "out of memory");
    return sm_fail(m->err, SM_ESPEC, "%s:%ld: %s%s", m->path, xmlGetLineNo(at), what, arg);
}

static struct sm_str attr(struct model_load *m, xmlNode *e, const char *name) {
    xmlChar *p = xmlGetNoNsProp(e, (const xmlChar *)name);
    struct sm_str s = sm_arena_dup(m->arena, sm_str((const char *)p));
    if (p && !s.p) m->nomem = true;
    xmlFree(p);
    return s;
}

static int attr_must(struct model_load *m, xmlNode *e, const char *name, struct sm_str *ret) {
    *ret = attr(m, e, name);
    return ret->n ? SM_OK : model_fail(m, e, "missing attribute ", name);
}

static int attr_yes(struct model_load *m, xmlNode *e, const char *name, bool *ret) {
    struct sm_str s = attr(m, e, name);
    *ret = sm_str_eq_c(s, "yes");
    if (!s.p || *ret || sm_str_eq_c(s, "no")) return SM_OK;
    return model_fail(m, e, "must be yes or no: ", name);
}

/* Is e the element we expect? Text that is no white space, and any other element, is a mistake. */
static int expect(struct model_load *m, const xmlNode *e, const char *name, bool *ret) {
    *ret = e->type == XML_ELEMENT_NODE;
    if (*ret) {
        bool ours = e->ns && strcmp((const char *)e->ns->href, model_ns) == 0;
        if (ours && strcmp((const char *)e->name, name) == 0) return SM_OK;
        return model_fail(m, e, "expected element ", name);
    }
    if (e->type == XML_TEXT_NODE && !xmlIsBlankNode(e))
        return model_fail(m, e, "unexpected text before element ", name);
    return SM_OK;
}

static int count(struct model_load *m, const xmlNode *parent, const char *name, size_t *ret) {
    *ret = 0;
    for (const xmlNode *e = parent->children; e; e = e->next) {
        bool hit;
        int rc = expect(m, e, name, &hit);
        if (rc != SM_OK) return rc;
        *ret += hit;
    }
    return SM_OK;
}

static int load_var(struct model_load *m, xmlNode *e, struct sm_model_var *v) {
    struct sm_str type = {NULL, 0};
    int rc = attr_must(m, e, "name", &v->name);
    if (rc == SM_OK) rc = attr_must(m, e, "label", &v->label);
    if (rc == SM_OK) rc = attr_must(m, e, "type", &type);
    if (rc != SM_OK) return rc;
    v->is_num = sm_str_eq_c(type, "Num");
    if (!v->is_num && !sm_str_eq_c(type, "Char"))
        return model_fail(m, e, "type must be Char or Num: ", v->name.p);
    v->role = attr(m, e, "role");
    v->core = attr(m, e, "core");
    v->codelist = attr(m, e, "codelist");
    v->values = attr(m, e, "values");
    return SM_OK;
}

static int load_vars(struct model_load *m, xmlNode *e, struct sm_model_ds *d) {
    size_t n;
    int rc = count(m, e, "variable", &n);
    if (rc != SM_OK) return rc;
    if (n == 0) return model_fail(m, e, "dataset has no variables: ", d->name.p);
    struct sm_model_var *var = sm_arena_array(m->arena, n, sizeof *var);
    if (!var) return sm_fail(m->err, SM_ENOMEM, "out of memory");
    d->var = var;
    for (xmlNode *c = e->children; c; c = c->next) {
        if (c->type != XML_ELEMENT_NODE) continue;
        struct sm_model_var *v = &var[d->nvar];
        rc = load_var(m, c, v);
        if (rc != SM_OK) return rc;
        if (sm_model_ds_var(d, v->name))
            return model_fail(m, c, "variable stands twice: ", v->name.p);
        v->order = ++d->nvar;
    }
    return SM_OK;
}

static int load_ds(struct model_load *m, xmlNode *e, struct sm_model_ds *d) {
    int rc = attr_must(m, e, "name", &d->name);
    if (rc == SM_OK) rc = attr_must(m, e, "label", &d->label);
    if (rc == SM_OK) rc = attr_must(m, e, "class", &d->cls);
    d->structure = attr(m, e, "structure");
    d->keys = attr(m, e, "keys");
    if (rc == SM_OK) rc = attr_yes(m, e, "repeating", &d->repeating);
    if (rc == SM_OK) rc = attr_yes(m, e, "reference", &d->reference);
    if (rc == SM_OK) rc = load_vars(m, e, d);
    if (rc != SM_OK) return rc;
    struct sm_str word;
    for (struct sm_str rest = d->keys; rest.p && sm_str_word(&rest, &word);)
        if (!sm_model_ds_var(d, word))
            return sm_fail(m->err, SM_ESPEC, "%s:%ld: key %.*s is no variable of %.*s", m->path,
                           xmlGetLineNo(e), SM_STR_FMT(word), SM_STR_FMT(d->name));
    return SM_OK;
}

static int load_root(struct model_load *m, xmlNode *root, struct sm_model *model) {
    bool hit;
    size_t n = 0;
    int rc = expect(m, root, "standard", &hit);
    if (rc == SM_OK) rc = attr_must(m, root, "name", &model->name);
    if (rc == SM_OK) rc = attr_must(m, root, "version", &model->version);
    if (rc == SM_OK) rc = count(m, root, "dataset", &n);
    if (rc != SM_OK) return rc;
    struct sm_model_ds *ds = sm_arena_array(m->arena, n + 1, sizeof *ds);
    if (!ds) return sm_fail(m->err, SM_ENOMEM, "out of memory");
    model->ds = ds;
    for (xmlNode *e = root->children; e; e = e->next) {
        if (e->type != XML_ELEMENT_NODE) continue;
        struct sm_model_ds *d = &ds[model->nds];
        rc = load_ds(m, e, d);
        if (rc != SM_OK) return rc;
        if (sm_model_find(model, d->name))
            return model_fail(m, e, "dataset stands twice: ", d->name.p);
        model->nds++;
    }
    return SM_OK;
}

static int load_doc(struct model_load *m, xmlParserCtxt *ctx, xmlDoc *doc, struct sm_model *model) {
    if (!doc) {
        const xmlError *e = xmlCtxtGetLastError(ctx);
        struct sm_str why = e ? sm_str_trim(sm_str(e->message)) : SM_STR("cannot be read");
        return sm_fail(m->err, SM_ESPEC, "%s:%d: %.*s", m->path, e ? e->line : 0, SM_STR_FMT(why));
    }
    xmlNode *root = xmlDocGetRootElement(doc);
    if (doc->intSubset) return model_fail(m, root, "a document type is not allowed", "");
    return root ? load_root(m, root, model) : SM_ESPEC;
}

/* The whole file, in the arena; NULL when it cannot be read so. */
static char *read_all(const char *path, size_t n, struct sm_arena *a) {
    FILE *f = n <= PLAIN_FILE_MAX ? fopen(path, "rb") : NULL;
    if (!f) return NULL;
    char *p = sm_arena_alloc(a, n + 1);
    if (p && fread(p, 1, n + 1, f) != n) p = NULL;
    (void)fclose(f);
    return p;
}

static int load_file(struct model_load *m, struct sm_model *model) {
    xmlParserCtxt *ctx = xmlNewParserCtxt();
    if (!ctx) return sm_fail(m->err, SM_ENOMEM, "out of memory");
    xmlDoc *doc = xmlCtxtReadFile(ctx, m->path, NULL,
                                  XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING |
                                      XML_PARSE_BIG_LINES | XML_PARSE_COMPACT);
    int rc = load_doc(m, ctx, doc, model);
    xmlFreeDoc(doc);
    xmlFreeParserCtxt(ctx);
    if (rc == SM_OK && m->nomem) rc = sm_fail(m->err, SM_ENOMEM, "out of memory");
    return rc;
}

int sm_model_load(const struct sm_model **ret, const char *path, struct sm_arena *a,
                  struct sm_err *err) {
    struct model_load m = {.path = path, .arena = a, .err = err};
    struct stat st;
    if (stat(path, &st) != 0) return sm_fail_sys(err, SM_ESPEC, "%s", path);
    if (st.st_size > MODEL_FILE_MAX)
        return sm_fail(err, SM_ELIMIT, "%s: larger than %d bytes", path, MODEL_FILE_MAX);
    struct sm_model *model = sm_arena_alloc(a, sizeof *model);
    char *text = read_all(path, (size_t)st.st_size, a);
    bool plain = false;
    int rc = model ? SM_OK : sm_fail(err, SM_ENOMEM, "out of memory");
    if (rc == SM_OK && text) rc = model_load_plain(model, text, (size_t)st.st_size, a, &plain, err);
    if (rc == SM_OK && !plain) {
        *model = (struct sm_model){.nds = 0};
        rc = load_file(&m, model);
    }
    if (rc == SM_OK) *ret = model;
    return rc;
}

const struct sm_model_ds *sm_model_find(const struct sm_model *m, struct sm_str dataset) {
    for (uint32_t i = 0; i < m->nds; i++)
        if (sm_str_eq(m->ds[i].name, dataset)) return &m->ds[i];
    return NULL;
}

const struct sm_model_var *sm_model_ds_var(const struct sm_model_ds *d, struct sm_str variable) {
    for (uint32_t i = 0; i < d->nvar; i++)
        if (sm_str_eq(d->var[i].name, variable)) return &d->var[i];
    return NULL;
}

bool sm_model_var_is_dtc(const struct sm_model_var *v) {
    if (v->is_num) return false;
    if (sm_str_ends(v->name, SM_STR("DTC"))) return true;
    return sm_str_starts(v->values, SM_STR("ISO 8601 date")) &&
           !sm_str_ends(v->values, SM_STR("duration"));
}
