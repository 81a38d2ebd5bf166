/* SPDX-License-Identifier: MIT */
/* chk_define.c - a define.xml as a whole: definitions by OID, references, what belongs together. */
#include <libxml/hash.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <unistd.h>

#include "sdtmill/check_define.h"

#include "sdtmill/err.h"
#include "sdtmill/mem.h"

#define NS_ODM   "http://www.cdisc.org/ns/odm/v1.3"
#define NS_DEF   "http://www.cdisc.org/ns/def/v2.1"
#define NS_XLINK "http://www.w3.org/1999/xlink"

struct entry { /* something with an OID */
    const xmlNode *node;
    const xmlNode
        *list_of; /* ValueListDef: the item that refers to it; item of a value list: that list */
    bool used;
};
struct checking {
    struct sm_str name;
    struct sm_diags *diags;
    xmlHashTable *by_oid;
    struct entry *entry;
    size_t n, cap;
    uint64_t found;
    bool submission, failed;
};

/* ---- nodes
 * ------------------------------------------------------------------------------------------- */
static bool in_ns(const xmlNs *ns, const char *uri) {
    return ns && ns->href && strcmp((const char *)ns->href, uri) == 0;
}
static bool is(const xmlNode *n, const char *name) {
    return n->type == XML_ELEMENT_NODE && strcmp((const char *)n->name, name) == 0 &&
           (in_ns(n->ns, NS_ODM) || in_ns(n->ns, NS_DEF));
}

/* An attribute without prefix, or with that of Define-XML ("def:...") or of XLink. */
static struct sm_str attr(const xmlNode *n, const char *name) {
    const char *uri = strncmp(name, "def:", 4) == 0     ? NS_DEF
                      : strncmp(name, "xlink:", 6) == 0 ? NS_XLINK
                                                        : NULL;
    const char *local = uri ? strchr(name, ':') + 1 : name;
    for (const xmlAttr *a = n->properties; a; a = a->next) {
        if (strcmp((const char *)a->name, local) != 0 || (uri ? !in_ns(a->ns, uri) : a->ns != NULL))
            continue;
        return a->children && a->children->content ? sm_str((const char *)a->children->content)
                                                   : (struct sm_str){"", 0};
    }
    return (struct sm_str){NULL, 0};
}
static bool attr_is(const xmlNode *n, const char *name, const char *value) {
    return sm_str_eq_c(attr(n, name), value);
}

static const xmlNode *next_of(const xmlNode *n, const char *name) {
    while (n && !is(n, name))
        n = n->next;
    return n;
}
static const xmlNode *first(const xmlNode *parent, const char *name) {
    return next_of(parent->children, name);
}
/* The next one of the same name. */
static const xmlNode *after(const xmlNode *n) {
    return next_of(n->next, (const char *)n->name);
}

static bool has_text(const xmlNode *parent, const char *name) {
    const xmlNode *n = first(parent, name), *t = n ? first(n, "TranslatedText") : NULL;
    return t && t->children && t->children->content &&
           sm_str_trim(sm_str((const char *)t->children->content)).n > 0;
}

static struct sm_str oid_of(const xmlNode *n) {
    struct sm_str s = attr(n, "OID");
    if (!s.p) s = attr(n, "ID");
    return s.p ? s : attr(n, "ItemOID");
}

/* ---- findings
 * ----------------------------------------------------------------------------------------- */
static void SM_PRINTF(4, 5)
    report(struct checking *c, enum sm_diag_code code, const xmlNode *n, const char *fmt, ...) {
    char text[320];
    va_list ap;
    if (c->found++ >= SM_DEFINE_FINDINGS) return;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    long line = xmlGetLineNo(n);
    struct sm_str oid = oid_of(n);
    sm_diags_add(c->diags,
                 &(struct sm_diag){.code = (uint16_t)code,
                                   .file = c->name,
                                   .line = line > 0 ? (uint64_t)line : 0,
                                   .value = oid.n > 200 ? sm_str_n(oid.p, 200) : oid,
                                   .detail = sm_str(text)},
                 -1);
}
#define RULE(c, n, ...)      report(c, SM_D_DEFINE_RULE, n, __VA_ARGS__)
#define REFERENCE(c, n, ...) report(c, SM_D_DEFINE_REFERENCE, n, __VA_ARGS__)

/* ---- definitions
 * ----------------------------------------------------------------------------------------- */
static struct entry *find(const struct checking *c, struct sm_str oid, const char *kind) {
    uintptr_t at = oid.p ? (uintptr_t)xmlHashLookup(c->by_oid, (const xmlChar *)oid.p) : 0;
    return at && is(c->entry[at - 1].node, kind) ? &c->entry[at - 1] : NULL;
}

static void define(struct checking *c, const xmlNode *n, const char *id) {
    struct sm_err err = {0};
    struct sm_str oid = attr(n, id);
    if (oid.n == 0) {
        RULE(c, n, "<%s> has no %s", (const char *)n->name, id);
        return;
    }
    if (xmlHashLookup(c->by_oid, (const xmlChar *)oid.p)) {
        RULE(c, n, "%s %.*s is given twice", id, SM_STR_FMT(oid));
        return;
    }
    if (sm_grow(&c->entry, &c->cap, c->n + 1, sizeof *c->entry, &err) ||
        xmlHashAddEntry(c->by_oid, (const xmlChar *)oid.p, (void *)(uintptr_t)(c->n + 1)) !=
            0) { /* NOLINT: a number, not an address */
        c->failed = true;
        return;
    }
    c->entry[c->n++] = (struct entry){.node = n};
}

static void define_all(struct checking *c, const xmlNode *version) {
    for (const xmlNode *n = version->children; n; n = n->next) {
        if (n->type != XML_ELEMENT_NODE) continue;
        if (is(n, "Standards"))
            for (const xmlNode *s = first(n, "Standard"); s; s = after(s))
                define(c, s, "OID");
        else if (is(n, "leaf"))
            define(c, n, "ID");
        else if (!is(n, "AnnotatedCRF") && !is(n, "SupplementalDoc"))
            define(c, n, "OID");
        if (is(n, "ItemGroupDef"))
            for (const xmlNode *leaf = first(n, "leaf"); leaf; leaf = after(leaf))
                define(c, leaf, "ID");
    }
}

/* ---- references: which attribute of which element leads to what
 * -------------------------------------------- */
static const struct {
    const char *element, *attr, *kind;
} refs[] = {
    {"ItemRef", "ItemOID", "ItemDef"},
    {"ItemRef", "MethodOID", "MethodDef"},
    {"ItemRef", "RoleCodeListOID", "CodeList"},
    {"CodeListRef", "CodeListOID", "CodeList"},
    {"ValueListRef", "ValueListOID", "ValueListDef"},
    {"WhereClauseRef", "WhereClauseOID", "WhereClauseDef"},
    {"RangeCheck", "def:ItemOID", "ItemDef"},
    {"*", "def:CommentOID", "CommentDef"},
    {"*", "def:StandardOID", "Standard"},
    {"ItemGroupDef", "def:ArchiveLocationID", "leaf"},
    {"DocumentRef", "leafID", "leaf"},
};

static void follow(struct checking *c, const xmlNode *n) {
    for (size_t i = 0; i < SM_ARRAY_LEN(refs); i++) {
        if (refs[i].element[0] != '*' && !is(n, refs[i].element)) continue;
        struct sm_str oid = attr(n, refs[i].attr);
        if (!oid.p) continue;
        struct entry *e = find(c, oid, refs[i].kind);
        if (!e) {
            REFERENCE(c, n, "%s %.*s leads to no <%s>", refs[i].attr, SM_STR_FMT(oid),
                      refs[i].kind);
            continue;
        }
        e->used = true;
        if (is(n, "ValueListRef")) e->list_of = n->parent;
        if (is(n, "ItemRef") && is(e->node, "ItemDef") && is(n->parent, "ValueListDef"))
            e->list_of = n->parent;
    }
}

/* Every element below the node, without recursion: the depth of a file is its writer's. */
static void walk(struct checking *c, const xmlNode *top) {
    const xmlNode *n = top;
    while (n) {
        if (n->type == XML_ELEMENT_NODE) follow(c, n);
        if (n->children && n->type == XML_ELEMENT_NODE) {
            n = n->children;
            continue;
        }
        while (n && n != top && !n->next)
            n = n->parent;
        if (!n || n == top) return;
        n = n->next;
    }
}

static void check_orphans(struct checking *c) {
    static const char *const kinds[] = {"ItemDef",      "CodeList",       "MethodDef", "CommentDef",
                                        "ValueListDef", "WhereClauseDef", "leaf"};
    for (size_t i = 0; i < c->n; i++)
        for (size_t k = 0; k < SM_ARRAY_LEN(kinds); k++)
            if (!c->entry[i].used && is(c->entry[i].node, kinds[k]))
                REFERENCE(c, c->entry[i].node, "nothing refers to this <%s>", kinds[k]);
}

/* ---- rules
 * --------------------------------------------------------------------------------------------------
 */
/* Attributes that the schema lets be missing. */
static const struct {
    const char *element, *attr;
} required[] = {
    {"ItemGroupDef", "Purpose"},
    {"ItemGroupDef", "Domain"},
    {"ItemGroupDef", "SASDatasetName"},
    {"ItemGroupDef", "def:Structure"},
    {"ItemDef", "DataType"},
    {"ItemDef", "Name"},
    {"MethodDef", "Type"},
    {"MethodDef", "Name"},
    {"CodeList", "Name"},
    {"CodeList", "DataType"},
    {"Standard", "Version"},
    {"Standard", "Status"},
};

static void check_required(struct checking *c, const xmlNode *n) {
    for (size_t i = 0; i < SM_ARRAY_LEN(required); i++)
        if (is(n, required[i].element) && attr(n, required[i].attr).n == 0)
            RULE(c, n, "<%s> has no %s", required[i].element, required[i].attr);
}

static bool is_number(const xmlNode *n, const char *name, uint64_t least, uint64_t *ret) {
    *ret = 0;
    return sm_str_to_u64(attr(n, name), ret) && *ret >= least;
}

/* KeySequence is 1, 2, 3 ... in some order; OrderNumber is there for all or none, each once; no
 * item twice. */
struct seen {
    unsigned char *key;
    uint64_t n, keys, orders;
    xmlHashTable *item, *order;
};

static void check_ref(struct checking *c, const xmlNode *r, struct seen *s) {
    uint64_t k;
    struct sm_str oid = attr(r, "ItemOID");
    if (attr(r, "KeySequence").p) {
        if (!is_number(r, "KeySequence", 1, &k) || k > s->n || s->key[k]++)
            RULE(c, r, "KeySequence is no number, beyond the items, or given twice");
        s->keys++;
    }
    if (attr(r, "OrderNumber").p) {
        bool fine =
            is_number(r, "OrderNumber", 1, &k) &&
            xmlHashAddEntry(s->order, (const xmlChar *)attr(r, "OrderNumber").p, s->order) == 0;
        if (!fine) RULE(c, r, "OrderNumber is no number, or given twice");
        s->orders++;
    }
    if (oid.n && xmlHashAddEntry(s->item, (const xmlChar *)oid.p, s->item) != 0)
        RULE(c, r, "the item stands twice here");
    if (!attr_is(r, "Mandatory", "Yes") && !attr_is(r, "Mandatory", "No"))
        RULE(c, r, "Mandatory is neither Yes nor No");
    if (attr_is(r, "Mandatory", "Yes") && attr(r, "def:HasNoData").p)
        RULE(c, r, "a mandatory item has no data");
}

static void check_ref_item(struct checking *c, const xmlNode *r) {
    const struct entry *e = find(c, attr(r, "ItemOID"), "ItemDef");
    bool where = first(r, "WhereClauseRef") != NULL, value = is(r->parent, "ValueListDef");
    if (value != where)
        RULE(c, r,
             value ? "an item of a value list has no where-clause"
                   : "an item of a dataset has a where-clause");
    if (!e) return;
    for (const xmlNode *o = first(e->node, "Origin"); o; o = after(o))
        if (attr_is(o, "Type", "Derived") && attr(r, "MethodOID").n == 0)
            RULE(c, r, "the item is derived, but there is no MethodOID");
    if (attr(r, "def:HasNoData").p && attr(e->node, "def:CommentOID").n == 0)
        RULE(c, r, "the item has no data and no comment says why");
}

static void check_refs(struct checking *c, const xmlNode *parent) {
    struct seen s = {.item = xmlHashCreate(64), .order = xmlHashCreate(64)};
    for (const xmlNode *r = first(parent, "ItemRef"); r; r = after(r))
        s.n++;
    s.key = sm_alloc(s.n + 1, 1);
    if (!s.key || !s.order || !s.item) {
        c->failed = true;
    } else {
        for (const xmlNode *r = first(parent, "ItemRef"); r; r = after(r)) {
            check_ref(c, r, &s);
            check_ref_item(c, r);
        }
        for (uint64_t k = 1; k <= s.keys && k <= s.n; k++)
            if (!s.key[k]) {
                RULE(c, parent, "KeySequence has a gap at %" PRIu64, k);
                break;
            }
        if (s.orders && s.orders != s.n) RULE(c, parent, "only some items have an OrderNumber");
        if (s.n == 0) RULE(c, parent, "there are no items");
    }
    sm_free(s.key);
    xmlHashFree(s.item, NULL);
    xmlHashFree(s.order, NULL);
}

static bool is_sas_name(struct sm_str s) {
    bool fine = s.n >= 1 && s.n <= 8 && !sm_is_digit(s.p[0]);
    for (size_t i = 0; fine && i < s.n; i++)
        fine = sm_is_alpha(s.p[i]) || sm_is_digit(s.p[i]) || s.p[i] == '_';
    return fine;
}

static void check_group(struct checking *c, const xmlNode *g) {
    bool no_data = attr_is(g, "def:HasNoData", "Yes");
    const xmlNode *leaf = first(g, "leaf");
    if (!has_text(g, "Description")) RULE(c, g, "the dataset has no label");
    if (!first(g, "Class")) RULE(c, g, "the dataset has no class");
    if (!attr(g, "def:StandardOID").p == !attr_is(g, "def:IsNonStandard", "Yes"))
        RULE(c, g, "the dataset must have either a standard or IsNonStandard");
    if (no_data && attr(g, "def:CommentOID").n == 0)
        RULE(c, g, "the dataset has no data and no comment says why");
    if (no_data && leaf) RULE(c, g, "the dataset has no data, but a file");
    if (leaf && !sm_str_eq(attr(leaf, "ID"), attr(g, "def:ArchiveLocationID")))
        RULE(c, g, "ArchiveLocationID is not that of the dataset's own leaf");
    if (leaf && attr(leaf, "xlink:href").n == 0) RULE(c, leaf, "the leaf has no href");
    if (c->submission && !leaf && !no_data) RULE(c, g, "the dataset has no file");
    if (attr(g, "SASDatasetName").n && !is_sas_name(attr(g, "SASDatasetName")))
        RULE(c, g, "SASDatasetName is no SAS name");
    check_refs(c, g);
}

static void check_length(struct checking *c, const xmlNode *i) {
    static const char *const sized[] = {"text", "integer", "float"};
    struct sm_str type = attr(i, "DataType");
    bool has = attr(i, "Length").p != NULL, wants = false, is_float = sm_str_eq_c(type, "float");
    uint64_t n, digits;
    for (size_t k = 0; k < SM_ARRAY_LEN(sized); k++)
        wants = wants || sm_str_eq_c(type, sized[k]);
    if (has != wants)
        RULE(c, i, wants ? "%.*s without Length" : "%.*s with Length", SM_STR_FMT(type));
    if (has && !is_number(i, "Length", 1, &n)) RULE(c, i, "Length is no number from 1 on");
    if (is_float != (attr(i, "SignificantDigits").p != NULL))
        RULE(c, i,
             is_float ? "float without SignificantDigits"
                      : "SignificantDigits on what is no float");
    if (is_float && !is_number(i, "SignificantDigits", 0, &digits))
        RULE(c, i, "SignificantDigits is no number");
    if (!wants && first(i, "CodeListRef")) RULE(c, i, "%.*s with a code list", SM_STR_FMT(type));
}

static void check_origin(struct checking *c, const xmlNode *o) {
    bool copied = attr_is(o, "Type", "Predecessor"),
         paged = attr_is(o, "Source", "Investigator") || attr_is(o, "Source", "Subject");
    if (!copied && attr(o, "Source").n == 0) RULE(c, o->parent, "origin without Source");
    if (copied && !has_text(o, "Description")) RULE(c, o->parent, "the predecessor is not named");
    if (c->submission && attr_is(o, "Type", "Collected") && paged && !first(o, "DocumentRef"))
        RULE(c, o->parent, "collected, but no page of the annotated CRF is named");
}

/* A value is not longer than its variable. */
static void check_parent(struct checking *c, const struct entry *e) {
    const struct entry *list = e->list_of ? find(c, attr(e->list_of, "OID"), "ValueListDef") : NULL;
    uint64_t mine, theirs;
    if (!list || !list->list_of || !is_number(e->node, "Length", 1, &mine) ||
        !is_number(list->list_of, "Length", 1, &theirs))
        return;
    if (mine > theirs) RULE(c, e->node, "Length is greater than that of the variable");
}

static void check_item(struct checking *c, const struct entry *e) {
    const xmlNode *i = e->node;
    if (!has_text(i, "Description")) RULE(c, i, "the item has no label");
    if (attr(i, "SASFieldName").p && !is_sas_name(attr(i, "SASFieldName")))
        RULE(c, i, "SASFieldName is no SAS name");
    check_length(c, i);
    for (const xmlNode *o = first(i, "Origin"); o; o = after(o))
        check_origin(c, o);
    check_parent(c, e);
}

static struct sm_str nci_code(const xmlNode *n) {
    for (const xmlNode *a = first(n, "Alias"); a; a = after(a))
        if (attr_is(a, "Context", "nci:ExtCodeID")) return attr(a, "Name");
    return (struct sm_str){NULL, 0};
}

static void check_codelist(struct checking *c, const xmlNode *l) {
    static const char *const kinds[] = {"CodeListItem", "EnumeratedItem", "ExternalCodeList"};
    unsigned kind = 0;
    bool standard = attr(l, "def:StandardOID").p != NULL;
    xmlHashTable *seen = xmlHashCreate(64);
    for (unsigned k = 0; k < SM_ARRAY_LEN(kinds); k++)
        for (const xmlNode *i = first(l, kinds[k]); i; i = after(i)) {
            struct sm_str v = attr(i, "CodedValue");
            kind |= 1u << k;
            if (k == 2) continue;
            if (sm_str_trim(v).n == 0)
                RULE(c, l, "a coded value is blank");
            else if (seen && xmlHashAddEntry(seen, (const xmlChar *)v.p, seen) != 0)
                RULE(c, l, "'%.*s' stands twice in the code list", SM_STR_FMT(v));
            if (k == 0 && !has_text(i, "Decode")) RULE(c, l, "'%.*s' has no decode", SM_STR_FMT(v));
            if (attr_is(i, "def:ExtendedValue", "Yes") && nci_code(i).n)
                RULE(c, l, "'%.*s' extends the list, but has an NCI code", SM_STR_FMT(v));
            if (standard && nci_code(l).n && !nci_code(i).n &&
                !attr_is(i, "def:ExtendedValue", "Yes"))
                RULE(c, l, "'%.*s' has neither an NCI code nor ExtendedValue", SM_STR_FMT(v));
        }
    xmlHashFree(seen, NULL);
    if (kind != 1 && kind != 2 && kind != 4)
        RULE(c, l, kind ? "kinds of items are mixed" : "the code list is empty");
    if (kind != 4 && standard == attr_is(l, "def:IsNonStandard", "Yes"))
        RULE(c, l, "the code list must have either a standard or IsNonStandard");
}

static void check_clause(struct checking *c, const xmlNode *w) {
    for (const xmlNode *r = first(w, "RangeCheck"); r; r = after(r)) {
        size_t n = 0;
        for (const xmlNode *v = first(r, "CheckValue"); v; v = after(v)) {
            n++;
            if (!v->children || !v->children->content ||
                sm_str_trim(sm_str((const char *)v->children->content)).n == 0)
                RULE(c, w, "a CheckValue is empty");
        }
        bool many = attr_is(r, "Comparator", "IN") || attr_is(r, "Comparator", "NOTIN");
        if (n == 0 || (n > 1 && !many)) RULE(c, w, "%zu values for this comparator", n);
        if (attr(r, "def:ItemOID").n == 0) RULE(c, w, "the where-clause tests no item");
    }
    if (!first(w, "RangeCheck")) RULE(c, w, "the where-clause is empty");
}

static void check_entry(struct checking *c, const struct entry *e) {
    const xmlNode *n = e->node;
    check_required(c, n);
    if (is(n, "ItemGroupDef"))
        check_group(c, n);
    else if (is(n, "ItemDef"))
        check_item(c, e);
    else if (is(n, "ValueListDef"))
        check_refs(c, n);
    else if (is(n, "WhereClauseDef"))
        check_clause(c, n);
    else if (is(n, "CodeList"))
        check_codelist(c, n);
    else if ((is(n, "MethodDef") || is(n, "CommentDef")) && !has_text(n, "Description"))
        RULE(c, n, "<%s> says nothing", (const char *)n->name);
    else if (is(n, "Standard") && attr_is(n, "Type", "CT") && attr(n, "PublishingSet").n == 0)
        RULE(c, n, "terminology without PublishingSet");
}

/* ---- the whole
 * -------------------------------------------------------------------------------------------------
 */
static void check_head(struct checking *c, const xmlNode *odm) {
    static const char *const foreign[] = {"ClinicalData", "ReferenceData", "AdminData",
                                          "Association"};
    if (attr(odm, "ODMVersion").n == 0) RULE(c, odm, "<ODM> has no ODMVersion");
    if (attr(odm, "FileOID").n == 0) RULE(c, odm, "<ODM> has no FileOID");
    if (!attr_is(odm, "def:Context", "Submission") && !attr_is(odm, "def:Context", "Other"))
        RULE(c, odm, "Context is neither Submission nor Other");
    c->submission = attr_is(odm, "def:Context", "Submission");
    for (size_t i = 0; i < SM_ARRAY_LEN(foreign); i++)
        if (first(odm, foreign[i])) RULE(c, odm, "<%s> does not belong into a define", foreign[i]);
}

static int check_doc(struct checking *c, const xmlDoc *doc, struct sm_err *err) {
    const xmlNode *odm = xmlDocGetRootElement(doc);
    const xmlNode *study = odm && is(odm, "ODM") ? first(odm, "Study") : NULL;
    const xmlNode *version = study ? first(study, "MetaDataVersion") : NULL;
    if (doc->intSubset)
        return sm_fail(err, SM_EDATA, "%.*s: a document type is not allowed", SM_STR_FMT(c->name));
    if (!version)
        return sm_fail(err, SM_EDATA, "%.*s: no Define-XML: there is no ODM/Study/MetaDataVersion",
                       SM_STR_FMT(c->name));
    check_head(c, odm);
    define_all(c, version);
    if (!c->failed) walk(c, version);
    check_orphans(c);
    for (size_t i = 0; i < c->n && !c->failed; i++)
        check_entry(c, &c->entry[i]);
    if (c->found > SM_DEFINE_FINDINGS) {
        uint64_t more = c->found - SM_DEFINE_FINDINGS;
        c->found = 0;
        RULE(c, odm, "%" PRIu64 " more findings about this file are not listed", more);
    }
    return c->failed || c->diags->failed ? sm_fail(err, SM_ENOMEM, "out of memory") : SM_OK;
}

int sm_check_define(const char *path, struct sm_str name, struct sm_diags *diags,
                    struct sm_err *err) {
    struct checking c = {.name = name, .diags = diags, .by_oid = xmlHashCreate(1024)};
    xmlParserCtxt *ctx = xmlNewParserCtxt();
    if (ctx && c.by_oid && access(path, R_OK) != 0) {
        xmlFreeParserCtxt(ctx);
        xmlHashFree(c.by_oid, NULL);
        return sm_fail_sys(err, SM_EIO, "%s", path);
    }
    if (!ctx || !c.by_oid) {
        xmlFreeParserCtxt(ctx);
        xmlHashFree(c.by_oid, NULL);
        return sm_fail(err, SM_ENOMEM, "out of memory");
    }
    xmlDoc *doc = xmlCtxtReadFile(ctx, path, NULL,
                                  XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING |
                                      XML_PARSE_BIG_LINES | XML_PARSE_COMPACT | XML_PARSE_NOCDATA);
    const xmlError *e = xmlCtxtGetLastError(ctx);
    int rc;
    if (!doc && e && e->domain == XML_FROM_IO)
        rc = sm_fail(err, SM_EIO, "%.*s cannot be read", SM_STR_FMT(name));
    else if (!doc)
        rc = sm_fail(err, SM_EDATA, "%.*s:%d: no well-formed XML: %.200s", SM_STR_FMT(name),
                     e ? e->line : 0, e && e->message ? e->message : "unknown");
    else
        rc = check_doc(&c, doc, err);
    xmlFreeDoc(doc);
    xmlFreeParserCtxt(ctx);
    xmlHashFree(c.by_oid, NULL);
    sm_free(c.entry);
    return rc;
}
