/* SPDX-License-Identifier: MIT */
/* The RELAX NG schema over every file of the mapping: the last word on its shape. */
#include <libxml/parser.h>
#include <libxml/relaxng.h>
#include <libxml/xmlerror.h>

#include "spec/spec_priv.h"

struct rng_watch {
    struct sp_load *l;
    bool set;
    const xmlNode *node;
    char text[300];
};

static void rng_on_error(void *ctx, xmlErrorPtr e) {
    struct rng_watch *w = ctx;
    if (w->set) return;
    w->set = true;
    const xmlNode *n = e->node;
    while (n && n->type != XML_ELEMENT_NODE)
        n = n->parent;
    w->node = n;
    (void)snprintf(w->text, sizeof w->text, "%s", e->message ? e->message : "not valid");
    size_t k = strlen(w->text);
    while (k && (w->text[k - 1] == '\n' || w->text[k - 1] == ' '))
        w->text[--k] = 0;
}

/* A schema that would read other files is not ours. */
static bool rng_is_plain(const xmlNode *n) {
    for (; n; n = n->next) {
        if (n->type != XML_ELEMENT_NODE) continue;
        if (sp_is(n, "include") || sp_is(n, "externalRef")) return false;
        if (!rng_is_plain(n->children)) return false;
    }
    return true;
}

static xmlDoc *rng_doc(struct sp_load *l, struct sm_str path) {
    const char *why;
    struct sm_str text = sp_read_file(l, path.p, &why);
    if (text.p == NULL) return NULL;
    xmlDoc *doc = xmlReadMemory(text.p, (int)text.n, NULL, NULL,
                                XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    if (doc && (doc->intSubset || !rng_is_plain(doc->children))) {
        xmlFreeDoc(doc);
        doc = NULL;
    }
    return doc;
}

/* Codelists, recodes and units can hold tens of thousands of rows, over which the validator's time
 * grows with the square; the element table has checked them as exactly as the schema would, so they
 * step aside. */
struct rng_aside {
    xmlNode *node, *mark;
};

static bool rng_is_list(const xmlNode *n) {
    if (sp_is(n, "codelist")) return n->children != NULL;
    bool rows = sp_is(n, "recode") || sp_is(n, "units");
    return rows && !sp_has(n, "file") && n->children != NULL;
}

static void rng_hide_lists(struct sp_load *l, xmlNode *n, struct sp_vec *aside) {
    for (; n; n = n->next) {
        if (n->type != XML_ELEMENT_NODE) continue;
        if (sp_is(n, "part")) rng_hide_lists(l, n->children, aside);
        if (!rng_is_list(n)) continue;
        struct rng_aside *a = sp_push(l, aside, sizeof *a);
        if (a == NULL) return;
        *a = (struct rng_aside){n, n->children};
        n->children = NULL;
    }
}

static void rng_validate(struct sp_load *l, xmlRelaxNGValidCtxt *v, struct sp_file *f) {
    struct rng_watch w = {.l = l};
    struct sp_vec aside = {NULL, 0, 0};
    xmlNode *root = xmlDocGetRootElement(f->doc);
    rng_hide_lists(l, rng_is_list(root) ? root : root->children, &aside);
    xmlRelaxNGSetValidStructuredErrors(v, rng_on_error, &w);
    int rc = xmlRelaxNGValidateDoc(v, f->doc);
    const struct rng_aside *a = aside.p;
    for (uint32_t i = 0; i < aside.n; i++)
        a[i].node->children = a[i].mark;
    if (rc == 0) return;
    struct sm_where at = w.node ? sp_at(w.node) : sp_at(root);
    sp_say(l, SM_D_MAPPING_INVALID, at,
           &(struct sp_about){.mend = "see the element in sdtmill-mapping(5)"},
           "not as the mapping schema has it: %s", w.set ? w.text : "not valid");
}

static void rng_run(struct sp_load *l, xmlRelaxNG *schema) {
    xmlRelaxNGValidCtxt *v = xmlRelaxNGNewValidCtxt(schema);
    if (v == NULL) {
        sp_nomem(l);
        return;
    }
    struct sp_file **f = l->own->files.p;
    for (uint32_t i = 0; i < l->own->files.n && !l->failed; i++) {
        const xmlNode *root = xmlDocGetRootElement(f[i]->doc);
        if (sp_is(root, "terminology") || sp_is(root, "subject") || sp_is(root, "epochs") ||
            sp_is(root, "ignore"))
            continue; /* the schema's start has no single ones; the element table has */
        rng_validate(l, v, f[i]);
    }
    xmlRelaxNGFreeValidCtxt(v);
}

void sp_rng_check(struct sp_load *l) {
    struct sm_str path = sp_search(l, "schema", SM_STR("mapping.rng"));
    struct sm_where at = {l->s->path, 0, 0};
    if (path.p == NULL) {
        sp_say(l, SM_D_MAPPING_INVALID, at,
               &(struct sp_about){
                   .mend = "install the shipped mappings, or name their folder with --library"},
               "the schema schema/mapping.rng is neither beside the study, above it nor in the "
               "library");
        return;
    }
    xmlDoc *doc = rng_doc(l, path);
    struct rng_watch w = {.l = l};
    xmlRelaxNGParserCtxt *p = doc ? xmlRelaxNGNewDocParserCtxt(doc) : NULL;
    if (p) xmlRelaxNGSetParserStructuredErrors(p, rng_on_error, &w);
    xmlRelaxNG *schema = p ? xmlRelaxNGParse(p) : NULL;
    if (p) xmlRelaxNGFreeParserCtxt(p);
    struct sm_where grammar = {path, 0, 0};
    if (schema)
        rng_run(l, schema);
    else
        sp_say(l, SM_D_MAPPING_INVALID, grammar, NULL, "not a usable schema%s%s", w.set ? ": " : "",
               w.text);
    if (schema) xmlRelaxNGFree(schema);
    if (doc) xmlFreeDoc(doc);
}
