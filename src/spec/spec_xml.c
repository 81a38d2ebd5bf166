/* SPDX-License-Identifier: MIT */
/* XML without surprises: no network, no DTD, no entities but the five, limits on size and depth.
 * Included files stay trees of their own, so that every node knows its file; the place of an
 * element is found by scanning the text beside the tree, which gives columns (libxml2 has lines
 * of the end of a start tag only). */
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <libxml/xmlerror.h>

#include "spec/spec_priv.h"

#include <limits.h>
#include <sys/stat.h>

#include "sdtmill/err.h"
#include "sdtmill/mem.h"
#include "sdtmill/utf8.h"

#define SP_NS "urn:sdtmill:mapping:1"
#define SP_XI "http://www.w3.org/2001/XInclude"

/* ---- nodes ----------------------------------------------------------------------------------- */

static bool xml_is_ours(const xmlNode *n) {
    return n->type == XML_ELEMENT_NODE && n->ns && n->ns->href &&
           strcmp((const char *)n->ns->href, SP_NS) == 0;
}

bool sp_is(const xmlNode *n, const char *name) {
    return strcmp((const char *)n->name, name) == 0;
}

static xmlNode *xml_skip(xmlNode *n) {
    while (n && !xml_is_ours(n))
        n = n->next;
    return n;
}

xmlNode *sp_first(const xmlNode *n) {
    return xml_skip(n->children);
}
xmlNode *sp_next(const xmlNode *n) {
    return xml_skip(n->next);
}

static const xmlAttr *xml_attr(const xmlNode *n, const char *name) {
    for (const xmlAttr *a = n->properties; a; a = a->next)
        if (a->ns == NULL && strcmp((const char *)a->name, name) == 0) return a;
    return NULL;
}

bool sp_has(const xmlNode *n, const char *attr) {
    return xml_attr(n, attr) != NULL;
}

struct sm_str sp_attr(const xmlNode *n, const char *attr) {
    const xmlAttr *a = xml_attr(n, attr);
    if (a == NULL) return (struct sm_str){NULL, 0};
    if (a->children == NULL || a->children->content == NULL) return SM_STR("");
    return sm_str((const char *)a->children->content);
}

struct sm_str sp_word(const xmlNode *n, const char *attr) {
    return sm_str_trim(sp_attr(n, attr));
}

bool sp_yes(const xmlNode *n, const char *attr, bool otherwise) {
    struct sm_str s = sp_word(n, attr);
    return s.p ? sm_str_eq_c(s, "yes") : otherwise;
}

struct sm_str sp_text(struct sp_load *l, const xmlNode *n) {
    size_t len = 0, at = 0;
    for (const xmlNode *t = n->children; t; t = t->next)
        if ((t->type == XML_TEXT_NODE || t->type == XML_CDATA_SECTION_NODE) && t->content)
            len += strlen((const char *)t->content);
    char *p = sm_arena_alloc(&l->own->scratch, len + 1);
    if (p == NULL) {
        sp_nomem(l);
        return SM_STR("");
    }
    for (const xmlNode *t = n->children; t; t = t->next) {
        if ((t->type != XML_TEXT_NODE && t->type != XML_CDATA_SECTION_NODE) || !t->content)
            continue;
        size_t k = strlen((const char *)t->content);
        memcpy(p + at, t->content, k);
        at += k;
    }
    return sm_str_n(p, at);
}

/* ---- places ---------------------------------------------------------------------------------- */

struct sp_file *sp_file_of(const xmlNode *n) {
    return n->doc->_private;
}

static size_t xml_offset(const xmlNode *n) {
    uintptr_t v = (uintptr_t)n->_private;
    return v ? (size_t)v - 1 : SIZE_MAX;
}

static uint32_t xml_chars_of(struct sm_str text, size_t from, size_t to) {
    if (to > text.n) to = text.n;
    return from < to ? (uint32_t)sm_utf8_count(sm_str_n(text.p + from, to - from)) : 0;
}

/* Characters between two offsets; lines may be as long as the file. */
static uint32_t xml_chars(const struct sp_file *f, size_t from, size_t to) {
    if (to - from < SP_BLOCK) return xml_chars_of(f->text, from, to);
    uint32_t n = f->chars[to / SP_BLOCK] + xml_chars_of(f->text, to / SP_BLOCK * SP_BLOCK, to);
    return n - f->chars[from / SP_BLOCK] - xml_chars_of(f->text, from / SP_BLOCK * SP_BLOCK, from);
}

static struct sm_where xml_where(const struct sp_file *f, size_t at) {
    uint32_t lo = 0, hi = f->nline;
    while (hi - lo > 1) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (f->line[mid] <= at)
            lo = mid;
        else
            hi = mid;
    }
    return (struct sm_where){f->path, lo + 1, xml_chars(f, f->line[lo], at) + 1};
}

struct sm_where sp_at(const xmlNode *n) {
    const struct sp_file *f = sp_file_of(n);
    size_t at = xml_offset(n);
    if (at != SIZE_MAX) return xml_where(f, at);
    long line = xmlGetLineNo(n);
    return (struct sm_where){f->path, line > 0 ? (uint32_t)line : 0, 0};
}

static bool xml_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Moves behind one attribute of a start tag; its name and the start of its value. */
static bool xml_scan_attr(struct sm_str t, size_t *at, struct sm_str *name, size_t *value) {
    size_t i = *at;
    while (i < t.n && xml_blank(t.p[i]))
        i++;
    size_t from = i;
    while (i < t.n && !xml_blank(t.p[i]) && t.p[i] != '=' && t.p[i] != '>' && t.p[i] != '/')
        i++;
    *name = sm_str_n(t.p + from, i - from);
    while (i < t.n && xml_blank(t.p[i]))
        i++;
    if (i >= t.n || t.p[i] != '=') return false;
    i++;
    while (i < t.n && xml_blank(t.p[i]))
        i++;
    if (i >= t.n || (t.p[i] != '"' && t.p[i] != '\'')) return false;
    size_t end = sm_str_find_byte(t, t.p[i], i + 1);
    if (end == SIZE_MAX) return false;
    *value = i + 1;
    *at = end + 1;
    return true;
}

static size_t xml_tag_start(struct sm_str t, size_t at) {
    while (at < t.n && !xml_blank(t.p[at]) && t.p[at] != '>' && t.p[at] != '/')
        at++;
    return at;
}

/* Moves over one character of a parsed value in its source: a reference, a line break, a character.
 */
static size_t xml_char(struct sm_str t, size_t i) {
    if (t.p[i] == '&') {
        size_t end = sm_str_find_byte(t, ';', i);
        return end == SIZE_MAX ? i + 1 : end + 1;
    }
    if (t.p[i] == '\r' && i + 1 < t.n && t.p[i + 1] == '\n') return i + 2;
    i++;
    while (i < t.n && ((unsigned char)t.p[i] & 0xC0) == 0x80)
        i++;
    return i;
}

struct sm_where sp_at_attr(const xmlNode *n, const char *attr, uint32_t at) {
    const struct sp_file *f = sp_file_of(n);
    size_t i = xml_offset(n), value = 0;
    if (i == SIZE_MAX) return sp_at(n);
    struct sm_str name;
    i = xml_tag_start(f->text, i);
    while (xml_scan_attr(f->text, &i, &name, &value)) {
        if (!sm_str_eq_c(name, attr)) continue;
        for (uint32_t k = 1; k < at && value + 1 < i; k++)
            value = xml_char(f->text, value);
        return xml_where(f, value);
    }
    return sp_at(n);
}

uint32_t sp_text_line(const xmlNode *n) {
    const struct sp_file *f = sp_file_of(n);
    size_t i = xml_offset(n), value;
    if (i == SIZE_MAX) return sp_at(n).line;
    struct sm_str name;
    i = xml_tag_start(f->text, i);
    while (xml_scan_attr(f->text, &i, &name, &value))
        continue;
    return xml_where(f, i).line;
}

/* ---- element offsets ------------------------------------------------------------------------- */

static xmlNode *xml_after(xmlNode *n, const xmlNode *root) {
    xmlNode *next = n->children;
    while (next == NULL) {
        if (n == root) return NULL;
        next = n->next;
        if (next == NULL) n = n->parent;
    }
    return next;
}

static xmlNode *xml_element_after(xmlNode *n, const xmlNode *root) {
    do
        n = xml_after(n, root);
    while (n && n->type != XML_ELEMENT_NODE);
    return n;
}

static size_t xml_skip_past(struct sm_str t, size_t from, const char *end) {
    size_t at = sm_str_find(t, sm_str(end), from);
    return at == SIZE_MAX ? t.n : at + strlen(end);
}

/* The next start tag at or after *at; *at moves behind it. SIZE_MAX at the end. */
static size_t xml_next_tag(struct sm_str t, size_t *at) {
    static const struct {
        const char *open, *close;
    } skip[] = {{"<!--", "-->"}, {"<![CDATA[", "]]>"}, {"<?", "?>"}, {"</", ">"}};
    for (;;) {
        size_t i = sm_str_find_byte(t, '<', *at);
        if (i == SIZE_MAX) return SIZE_MAX;
        struct sm_str rest = sm_str_n(t.p + i, t.n - i);
        size_t k = 0;
        while (k < SM_ARRAY_LEN(skip) && !sm_str_starts(rest, sm_str(skip[k].open)))
            k++;
        if (k < SM_ARRAY_LEN(skip)) {
            *at = xml_skip_past(t, i + strlen(skip[k].open), skip[k].close);
            continue;
        }
        size_t end = xml_tag_start(t, i), value;
        struct sm_str name;
        while (xml_scan_attr(t, &end, &name, &value))
            continue;
        *at = end < t.n ? end : t.n;
        return i;
    }
}

/* Gives every element its offset. Texts that are not ASCII-based (UTF-16) keep libxml2's lines. */
static void xml_place(struct sp_file *f) {
    if (memchr(f->text.p, 0, f->text.n)) return;
    xmlNode *root = xmlDocGetRootElement(f->doc);
    size_t at = 0;
    for (xmlNode *n = root; n; n = xml_element_after(n, root)) {
        size_t tag = xml_next_tag(f->text, &at);
        if (tag == SIZE_MAX) return;
        n->_private = (void *)(uintptr_t)(tag + 1);
    }
}

static bool xml_lines(struct sp_load *l, struct sp_file *f) {
    uint32_t n = 1;
    for (size_t i = 0; (i = sm_str_find_byte(f->text, '\n', i)) != SIZE_MAX; i++)
        n++;
    uint32_t *line = sm_arena_array(&l->own->scratch, n, sizeof *line);
    if (line == NULL) {
        sp_nomem(l);
        return false;
    }
    uint32_t k = 1;
    for (size_t i = 0; (i = sm_str_find_byte(f->text, '\n', i)) != SIZE_MAX; i++)
        line[k++] = (uint32_t)i + 1;
    uint32_t *chars = sm_arena_array(&l->own->scratch, f->text.n / SP_BLOCK + 2, sizeof *chars);
    if (chars == NULL) {
        sp_nomem(l);
        return false;
    }
    for (size_t i = 0; i < f->text.n / SP_BLOCK; i++)
        chars[i + 1] = chars[i] + xml_chars_of(f->text, i * SP_BLOCK, (i + 1) * SP_BLOCK);
    f->chars = chars;
    f->line = line;
    f->nline = n;
    return true;
}

/* ---- parsing --------------------------------------------------------------------------------- */

struct sm_str sp_read_file(struct sp_load *l, const char *path, const char **ret_why) {
    struct sm_str none = {NULL, 0};
    struct stat st;
    *ret_why = "cannot be read";
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode)) return none;
    if (st.st_size > SP_FILE_MAX) {
        *ret_why = "is larger than 16 MiB";
        return none;
    }
    FILE *fp = fopen(path, "rb");
    if (fp == NULL) return none;
    size_t cap = (size_t)st.st_size;
    char *p = sm_arena_alloc(&l->own->scratch, cap + 1);
    size_t n = p ? fread(p, 1, cap, fp) : 0;
    bool bad = ferror(fp) != 0;
    (void)fclose(fp);
    if (p == NULL) {
        sp_nomem(l);
        return none;
    }
    if (bad) return none;
    *ret_why = NULL;
    return sm_str_n(p, n);
}

struct xml_watch {
    xmlParserCtxt *ctxt;
    bool dtd, set;
    int line, column;
    char text[400];
};

static void xml_on_error(void *ctx, xmlErrorPtr e) {
    xmlParserCtxt *c = ctx;
    struct xml_watch *w = c->_private;
    if (w->set || e->level < XML_ERR_ERROR) return;
    w->set = true;
    w->line = e->line;
    w->column = e->int2;
    (void)snprintf(w->text, sizeof w->text, "%s", e->message ? e->message : "not well-formed");
    size_t n = strlen(w->text);
    while (n && xml_blank(w->text[n - 1]))
        w->text[--n] = 0;
}

static void xml_on_dtd(void *ctx, const xmlChar *name SM_UNUSED, const xmlChar *public_id SM_UNUSED,
                       const xmlChar *system_id SM_UNUSED) {
    xmlParserCtxt *c = ctx;
    struct xml_watch *w = c->_private;
    w->dtd = true;
    w->line = c->input ? c->input->line : 0;
    xmlStopParser(c);
}

static xmlDoc *xml_parse_text(struct sm_str text, struct xml_watch *w) {
    xmlParserCtxt *c = xmlNewParserCtxt();
    if (c == NULL) return NULL;
    w->ctxt = c;
    c->_private = w;
    c->sax->serror = xml_on_error;
    c->sax->internalSubset = xml_on_dtd;
    xmlDoc *doc = xmlCtxtReadMemory(c, text.p, (int)text.n, NULL, NULL,
                                    XML_PARSE_NONET | XML_PARSE_BIG_LINES | XML_PARSE_NOBLANKS);
    if (doc && (!c->wellFormed || w->dtd)) {
        xmlFreeDoc(doc);
        doc = NULL;
    }
    xmlFreeParserCtxt(c);
    return doc;
}

static bool xml_say_parse(struct sp_load *l, const struct sp_file *f, const struct xml_watch *w) {
    struct sm_where at = {f->path, w->line > 0 ? (uint32_t)w->line : 0,
                          w->column > 0 ? (uint32_t)w->column : 0};
    if (w->dtd)
        sp_say(l, SM_D_MAPPING_INVALID, at,
               &(struct sp_about){.mend = "remove the DOCTYPE; include files with xi:include"},
               "a document type declaration is not allowed in a mapping");
    else
        sp_say(l, SM_D_MAPPING_INVALID, at, &(struct sp_about){.mend = "mend the XML"},
               "not well-formed XML: %s", w->set ? w->text : "empty");
    return false;
}

static bool xml_depth(struct sp_load *l, const struct sp_file *f) {
    xmlNode *root = xmlDocGetRootElement(f->doc);
    for (xmlNode *n = root; n; n = xml_element_after(n, root)) {
        unsigned depth = 0;
        if (n->children) continue;
        for (const xmlNode *p = n; p; p = p->parent)
            depth++;
        if (depth <= SP_DEPTH_MAX) continue;
        sp_say(l, SM_D_MAPPING_INVALID, sp_at(n), NULL, "elements are nested deeper than %d",
               SP_DEPTH_MAX);
        return false;
    }
    return true;
}

static struct sp_file *xml_open(struct sp_load *l, struct sm_str path, struct sm_where at,
                                struct sp_file *parent) {
    struct sp_file *f = sp_alloc(l, 1, sizeof *f), **slot;
    if (f == NULL) return NULL;
    char real[PATH_MAX];
    f->path = path;
    f->dir = path;
    while (f->dir.n && f->dir.p[f->dir.n - 1] != '/')
        f->dir.n--;
    if (f->dir.n > 1)
        f->dir.n--;
    else if (f->dir.n == 0)
        f->dir = SM_STR(".");
    f->parent = parent;
    f->nest = parent ? parent->nest + 1 : 0;
    f->real = realpath(path.p, real) ? sp_dup(l, sm_str(real)) : path;
    f->own = sm_str_starts(f->real, l->study_dir);
    const char *why;
    f->text = sp_read_file(l, path.p, &why);
    if (l->failed) return NULL;
    if (f->text.p == NULL) {
        struct sm_where whole = {path, 0, 0};
        sp_say(l, SM_D_MAPPING_INVALID, parent ? at : whole, NULL, "%.*s %s", SM_STR_FMT(path),
               why);
        return NULL;
    }
    struct xml_watch w = {.set = false};
    f->doc = xml_parse_text(f->text, &w);
    if (f->doc == NULL) {
        (void)xml_say_parse(l, f, &w);
        return NULL;
    }
    f->doc->_private = f;
    slot = sp_push(l, &l->own->files, sizeof *slot);
    if (slot == NULL) {
        xmlFreeDoc(f->doc);
        return NULL;
    }
    *slot = f;
    sp_input(l, path);
    if (!xml_lines(l, f)) return NULL;
    xml_place(f);
    return xml_depth(l, f) ? f : NULL;
}

void sp_xml_free(struct sm_spec_own *own) {
    struct sp_file **f = own->files.p;
    for (uint32_t i = 0; i < own->files.n; i++)
        xmlFreeDoc(f[i]->doc);
    own->files = (struct sp_vec){NULL, 0, 0};
    sm_arena_free(&own->scratch);
    sm_arena_init(&own->scratch);
}

/* ---- inclusion ------------------------------------------------------------------------------- */

static bool xml_is_include(const xmlNode *n) {
    return n->type == XML_ELEMENT_NODE && n->ns && n->ns->href &&
           strcmp((const char *)n->ns->href, SP_XI) == 0;
}

static bool xml_circle(struct sp_load *l, const xmlNode *n, const struct sp_file *from,
                       struct sm_str path) {
    char real[PATH_MAX];
    if (realpath(path.p, real) == NULL) return false;
    for (const struct sp_file *f = from; f; f = f->parent) {
        if (!sm_str_eq_c(f->real, real)) continue;
        sp_say(l, SM_D_CIRCLE, sp_at(n), &(struct sp_about){.mend = "remove one of the includes"},
               "%.*s includes itself", SM_STR_FMT(path));
        return true;
    }
    return false;
}

static struct sp_file *xml_include(struct sp_load *l, xmlNode *n, struct sp_file *from) {
    struct sm_where at = sp_at(n);
    if (!sp_is(n, "include") || xml_attr(n, "href") == NULL) {
        sp_say(l, SM_D_MAPPING_INVALID, at, NULL, "only <xi:include href=\"...\"/> is understood");
        return NULL;
    }
    for (const xmlAttr *a = n->properties; a; a = a->next) {
        if (sm_str_eq_c(sm_str((const char *)a->name), "href")) continue;
        if (strcmp((const char *)a->name, "parse") == 0 && sm_str_eq_c(sp_attr(n, "parse"), "xml"))
            continue;
        sp_say(l, SM_D_MAPPING_INVALID, sp_at_attr(n, (const char *)a->name, 1), NULL,
               "xi:include takes href= and nothing else, not %s=", (const char *)a->name);
        return NULL;
    }
    if (from->nest >= SP_NEST_MAX || l->own->files.n > SP_INCLUDE_MAX) {
        sp_say(l, SM_D_MAPPING_INVALID, at, NULL,
               "more than %d files within each other, or %d files in all", SP_NEST_MAX,
               SP_INCLUDE_MAX);
        return NULL;
    }
    at = sp_at_attr(n, "href", 1);
    struct sm_str path = sp_find_file(l, at, from, sp_word(n, "href"), NULL);
    if (path.p == NULL || xml_circle(l, n, from, path)) return NULL;
    return xml_open(l, path, at, from);
}

static void xml_top(struct sp_load *l, xmlNode *n, struct sp_file *f) {
    if (l->tops.n == SP_TOPS_MAX) {
        sp_too_large(l, sp_at(n), "elements in the study", SP_TOPS_MAX);
        return;
    }
    struct sp_top *t = sp_push(l, &l->tops, sizeof *t);
    if (t) *t = (struct sp_top){n, f};
}

/* Turned into an empty <part>, an include keeps its place and the schema sees nothing foreign. */
static void xml_hide(xmlNode *n) {
    while (n->properties)
        (void)xmlRemoveProp(n->properties);
    xmlNs *ns = n->parent && n->parent->type == XML_ELEMENT_NODE ? n->parent->ns : NULL;
    while (n->children) {
        xmlNode *c = n->children;
        xmlUnlinkNode(c);
        xmlFreeNode(c);
    }
    xmlNodeSetName(n, (const xmlChar *)"part");
    xmlSetNs(n, ns);
}

static bool xml_gather(struct sp_load *l, xmlNode *parent, struct sp_file *f);

static bool xml_gather_one(struct sp_load *l, xmlNode *n, struct sp_file *f) {
    if (xml_is_include(n)) {
        struct sp_file *in = xml_include(l, n, f);
        xml_hide(n);
        if (in == NULL) return l->nerror == 0;
        xmlNode *root = xmlDocGetRootElement(in->doc);
        if (!xml_is_ours(root) || sp_is(root, "study")) {
            sp_say(l, SM_D_MAPPING_INVALID, sp_at(root), NULL,
                   "an included file holds one element of the mapping language, such as <part> or "
                   "<domain>, not <%s>",
                   (const char *)root->name);
            return true;
        }
        if (sp_is(root, "part")) return xml_gather(l, root, in);
        xml_top(l, root, in);
        return true;
    }
    if (!xml_is_ours(n)) return true;
    if (sp_is(n, "part")) return xml_gather(l, n, f);
    xml_top(l, n, f);
    return true;
}

/* False after a file that could not be parsed: what follows would complain about names it holds. */
static bool xml_gather(struct sp_load *l, xmlNode *parent, struct sp_file *f) {
    bool whole = true;
    for (xmlNode *n = parent->children; n && !l->failed; n = n->next)
        whole = xml_gather_one(l, n, f) && whole;
    return whole;
}

bool sp_xml_load(struct sp_load *l, const char *path) {
    xmlInitParser();
    struct sp_file *f =
        xml_open(l, sp_dup(l, sm_str(path)), (struct sm_where){sm_str(path), 0, 0}, NULL);
    if (f == NULL) return false;
    xmlNode *root = xmlDocGetRootElement(f->doc);
    if (!xml_is_ours(root) || !sp_is(root, "study")) {
        sp_say(l, SM_D_MAPPING_INVALID, sp_at(root),
               &(struct sp_about){.mend = "begin with <study xmlns=\"" SP_NS "\" ...>"},
               "the root element is <%s>, not <study> of the namespace %s",
               (const char *)root->name, SP_NS);
        return false;
    }
    l->study = root;
    if (!xml_gather(l, root, f) || l->failed) return false;
    struct sp_file **files = l->own->files.p;
    for (uint32_t i = 0; i < l->own->files.n; i++)
        (void)sp_elem_check(l, files[i]);
    return !l->failed;
}
