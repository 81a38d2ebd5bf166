/* SPDX-License-Identifier: MIT */
#include <libxml/xmlreader.h>

#include "ct_priv.h"

#include "sdtmill/err.h"
#include "sdtmill/mem.h"

enum { CT_XML_DEPTH = 30 };

struct ct_term { /* a term while it is read */
    struct sm_term t;
    struct sm_str *synonym;
    size_t nsynonym, cap;
};
struct ct_xml {
    struct sm_ct *ct;
    const char *path;
    xmlTextReaderPtr reader;
    struct sm_err *err;
    struct ct_list *list; /* the open one */
    bool in_term, in_synonym_of_list;
    struct ct_term now;
    struct sm_term *term;
    size_t nterm, cap;
    bool known; /* some element of a terminology was met */
};

static void xml_error(void *ctx, xmlErrorPtr e) {
    struct ct_xml *x = ctx;
    if (!e || e->level < XML_ERR_ERROR || x->err->code) return;
    struct sm_str s = sm_str_trim(sm_str(e->message));
    sm_fail(x->err, SM_ESPEC, "%s:%d: %.*s", x->path, e->line, SM_STR_FMT(s));
}

static int xml_fail(struct ct_xml *x, const char *what) {
    return sm_fail(x->err, SM_ESPEC, "%s:%d: %s", x->path,
                   xmlTextReaderGetParserLineNumber(x->reader), what);
}

/* An attribute by its name without prefix; copied. Missing gives no value. */
static struct sm_str xml_attr(struct ct_xml *x, const char *name) {
    struct sm_str s = {NULL, 0};
    for (int ok = xmlTextReaderMoveToFirstAttribute(x->reader); ok == 1;
         ok = xmlTextReaderMoveToNextAttribute(x->reader)) {
        const char *have = (const char *)xmlTextReaderConstLocalName(x->reader);
        if (!have || strcmp(have, name) != 0) continue;
        s = sm_arena_dup(x->ct->arena, sm_str((const char *)xmlTextReaderConstValue(x->reader)));
        break;
    }
    xmlTextReaderMoveToElement(x->reader);
    return s;
}

/* The text of the current element, copied. */
static struct sm_str xml_text(struct ct_xml *x) {
    xmlChar *p = xmlTextReaderReadString(x->reader);
    struct sm_str s = sm_arena_dup(x->ct->arena, sm_str_trim(sm_str((const char *)p)));
    xmlFree(p);
    return s;
}

static int list_open(struct ct_xml *x, bool odm) {
    struct sm_codelist *l;
    x->list = ct_list_new(x->ct, x->err);
    if (!x->list) return SM_ENOMEM;
    l = &x->list->list;
    l->from_package = true;
    l->name = xml_attr(x, odm ? "Name" : "name");
    l->code = xml_attr(x, odm ? "ExtCodeID" : "code");
    l->label = odm ? l->name : xml_attr(x, "label");
    l->extensible =
        sm_str_eq_nocase(xml_attr(x, odm ? "CodeListExtensible" : "extensible"), SM_STR("yes"));
    if (!odm) x->list->extends = xml_attr(x, "extends");
    x->nterm = 0;
    return l->name.n ? SM_OK : xml_fail(x, "codelist has no name");
}

static int list_close(struct ct_xml *x) {
    struct sm_codelist *l = &x->list->list;
    struct sm_term *term = sm_arena_array(x->ct->arena, x->nterm + 1, sizeof *term);
    if (!term || x->nterm > UINT32_MAX) return sm_fail(x->err, SM_ENOMEM, "out of memory");
    if (x->nterm) memcpy(term, x->term, x->nterm * sizeof *term);
    l->term = term;
    l->nterm = (uint32_t)x->nterm;
    int rc = ct_list_name(x->ct, x->list, x->err);
    x->list = NULL;
    return rc;
}

static int term_open(struct ct_xml *x, bool odm) {
    struct sm_str *keep = x->now.synonym;
    size_t cap = x->now.cap;
    x->now = (struct ct_term){.synonym = keep, .cap = cap};
    x->now.t.value = xml_attr(x, odm ? "CodedValue" : "value");
    x->now.t.code = xml_attr(x, odm ? "ExtCodeID" : "code");
    if (!odm) x->now.t.decode = xml_attr(x, "decode");
    x->in_term = true;
    return x->now.t.value.p ? SM_OK : xml_fail(x, "term has no value");
}

static int term_close(struct ct_xml *x) {
    struct ct_term *n = &x->now;
    x->in_term = false;
    struct sm_str *syn = sm_arena_array(x->ct->arena, n->nsynonym + 1, sizeof *syn);
    if (!syn) return sm_fail(x->err, SM_ENOMEM, "out of memory");
    if (n->nsynonym) memcpy(syn, n->synonym, n->nsynonym * sizeof *syn);
    n->t.synonym = syn;
    n->t.nsynonym = (uint32_t)n->nsynonym;
    int rc = sm_grow(&x->term, &x->cap, x->nterm + 1, sizeof *x->term, x->err);
    if (rc == SM_OK) x->term[x->nterm++] = n->t;
    return rc;
}

static int synonym_add(struct ct_xml *x) {
    struct ct_term *n = &x->now;
    int rc = sm_grow(&n->synonym, &n->cap, n->nsynonym + 1, sizeof *n->synonym, x->err);
    if (rc == SM_OK) n->synonym[n->nsynonym++] = xml_text(x);
    return rc;
}

/* The date at the end of an OID like CDISC_CT.SDTM.2023-09-29. */
static void version_from(struct ct_xml *x, struct sm_str oid) {
    struct sm_str d = oid.n >= 10 ? sm_str_n(oid.p + oid.n - 10, 10) : SM_STR("");
    for (size_t i = 0; i < d.n; i++)
        if (i == 4 || i == 7 ? d.p[i] != '-' : !sm_is_digit(d.p[i])) return;
    if (d.n) x->ct->version = d;
}

/* Elements inside a list or a term; others say nothing to us. */
static int inner(struct ct_xml *x, const char *name) {
    struct sm_codelist *l = &x->list->list;
    if (!x->in_term) {
        if (strcmp(name, "CDISCSubmissionValue") == 0) {
            struct sm_str s = xml_text(x);
            if (s.n) l->name = s;
        }
        return SM_OK;
    }
    if (strcmp(name, "CDISCSynonym") == 0 || strcmp(name, "synonym") == 0) return synonym_add(x);
    bool text = strcmp(name, "TranslatedText") == 0 && !x->now.t.decode.p;
    if (text || strcmp(name, "PreferredTerm") == 0)
        x->now.t.decode = xml_text(x);
    return SM_OK;
}

static int element_open(struct ct_xml *x, const char *name) {
    bool odm_list = strcmp(name, "CodeList") == 0, own_list = strcmp(name, "codelist") == 0;
    bool odm_term = strcmp(name, "EnumeratedItem") == 0 || strcmp(name, "CodeListItem") == 0;
    bool own_term = strcmp(name, "term") == 0;
    bool empty = xmlTextReaderIsEmptyElement(x->reader) == 1;
    int rc = SM_OK;
    if (strcmp(name, "Study") == 0) version_from(x, xml_attr(x, "OID"));
    if (odm_list || own_list) {
        x->known = true;
        if (x->list) return xml_fail(x, "codelist inside a codelist");
        rc = list_open(x, odm_list);
        return rc == SM_OK && empty ? list_close(x) : rc;
    }
    if (!x->list) return SM_OK;
    if (odm_term || own_term) {
        if (x->in_term) return xml_fail(x, "term inside a term");
        rc = term_open(x, odm_term);
        return rc == SM_OK && empty ? term_close(x) : rc;
    }
    return empty ? SM_OK : inner(x, name);
}

static int element_close(struct ct_xml *x, const char *name) {
    if (x->in_term && (strcmp(name, "EnumeratedItem") == 0 || strcmp(name, "CodeListItem") == 0 ||
                       strcmp(name, "term") == 0))
        return term_close(x);
    if (x->list && (strcmp(name, "CodeList") == 0 || strcmp(name, "codelist") == 0))
        return list_close(x);
    return SM_OK;
}

static int node(struct ct_xml *x) {
    int type = xmlTextReaderNodeType(x->reader);
    const char *name = (const char *)xmlTextReaderConstLocalName(x->reader);
    if (type == XML_READER_TYPE_DOCUMENT_TYPE) return xml_fail(x, "a document type is not allowed");
    if (xmlTextReaderDepth(x->reader) > CT_XML_DEPTH)
        return xml_fail(x, "elements are nested too deep");
    if (type == XML_READER_TYPE_ELEMENT && name) return element_open(x, name);
    if (type == XML_READER_TYPE_END_ELEMENT && name) return element_close(x, name);
    return SM_OK;
}

int ct_load_xml(struct sm_ct *ct, const char *path, struct sm_str text, struct sm_err *err) {
    struct sm_err mine = {0};
    struct ct_xml x = {.ct = ct, .path = path, .err = &mine};
    x.reader =
        xmlReaderForMemory(text.p, (int)text.n, path, NULL, XML_PARSE_NONET | XML_PARSE_COMPACT);
    if (!x.reader) return sm_fail(err, SM_ENOMEM, "%s: out of memory", path);
    xmlTextReaderSetStructuredErrorHandler(x.reader, xml_error, &x);
    int more, rc = SM_OK;
    while (rc == SM_OK && mine.code == SM_OK && (more = xmlTextReaderRead(x.reader)) == 1)
        rc = node(&x);
    if (rc == SM_OK && mine.code == SM_OK && more < 0) xml_fail(&x, "not well-formed XML");
    if (rc == SM_OK && mine.code == SM_OK && !x.known)
        sm_fail(&mine, SM_ESPEC,
                "%s: holds no codelist (neither CDISC ODM XML nor a mapping's own)", path);
    xmlFreeTextReader(x.reader);
    sm_free(x.term);
    sm_free(x.now.synonym);
    return mine.code ? sm_fail(err, mine.code, "%s", mine.text) : rc;
}
