/* SPDX-License-Identifier: MIT */
/* load_xml.c - the XML text reader, with everything shut that reaches outside the file: no network, no
 * DTD, no entities. */
#include <libxml/xmlreader.h>

#include "load_priv.h"

struct load_xml {
    const struct sm_loader *l;
    struct sm_bytes *bytes;
    xmlTextReaderPtr reader;
    struct sm_err io;             /* what reading the bytes failed with */
    char why[300];                /* first complaint of the parser */
    unsigned line;
    struct sm_loader other;       /* stands for a file that is not the loader's own */
};

static int xml_read(void *ctx, char *buf, int cap) {
    struct load_xml *x = ctx;
    size_t n = 0;
    if (load_bytes_read(x->l, x->bytes, buf, (size_t)cap, &n, &x->io)) return -1;
    return (int)n;
}

static void xml_complain(void *ctx, xmlErrorPtr e) {
    struct load_xml *x = ctx;
    if (x->why[0] || !e || e->level < XML_ERR_ERROR) return;
    (void)snprintf(x->why, sizeof x->why, "%s", e->message ? e->message : "not well-formed");
    size_t n = strlen(x->why);
    while (n > 0 && x->why[n - 1] == '\n') x->why[--n] = 0;
    x->line = e->line > 0 ? (unsigned)e->line : 0;
}

int load_xml_open(const struct sm_loader *l, const char *path, struct load_xml **ret, struct sm_err *err) {
    struct load_xml *x = sm_alloc(1, sizeof *x);
    if (!x) return sm_fail(err, SM_ENOMEM, "out of memory");
    x->l = l;
    if (path) {
        x->other.path = path;
        x->l = &x->other;
    }
    int rc = load_bytes_open(x->l, NULL, &x->bytes, err);
    const char *given = NULL;
    if (!rc && strcmp(sm_bytes_file_encoding(x->bytes), "UTF-8") != 0) given = "UTF-8"; /* already turned */
    if (!rc) x->reader = xmlReaderForIO(xml_read, NULL, x, NULL, given, XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    if (!rc && !x->reader) rc = sm_fail(err, SM_ENOMEM, "out of memory");
    if (rc) {
        load_xml_close(x);
        return rc;
    }
    xmlTextReaderSetStructuredErrorHandler(x->reader, xml_complain, x);
    *ret = x;
    return SM_OK;
}

xmlTextReaderPtr load_xml_reader(struct load_xml *x) { return x->reader; }

/* The parser is ahead of the node; but nodes count lines in 16 bits. */
unsigned load_xml_line(const struct load_xml *x) {
    xmlNodePtr node = xmlTextReaderCurrentNode(x->reader);
    long n = node ? xmlGetLineNo(node) : 0;
    if (n <= 0 || n >= 65535) n = xmlTextReaderGetParserLineNumber(x->reader);
    return n > 0 ? (unsigned)n : 0;
}

int load_xml_step(struct load_xml *x, struct sm_err *err) {
    int got = xmlTextReaderRead(x->reader);
    if (x->io.code) return sm_fail(err, x->io.code, "%s", x->io.text);
    if (got < 0 || x->why[0])
        return load_fail(x->l, err, "line %u: %s", x->line ? x->line : load_xml_line(x), x->why[0] ? x->why : "not well-formed");
    if (got == 0) return SM_EOF;
    int type = xmlTextReaderNodeType(x->reader);
    if (type == XML_READER_TYPE_DOCUMENT_TYPE || type == XML_READER_TYPE_ENTITY_REFERENCE)
        return load_fail(x->l, err, "line %u: a document type or entity has no place here", load_xml_line(x));
    return SM_OK;
}

bool load_xml_is(const struct load_xml *x, const char *name) {
    return xmlTextReaderNodeType(x->reader) == XML_READER_TYPE_ELEMENT &&
           strcmp((const char *)xmlTextReaderConstLocalName(x->reader), name) == 0;
}

struct sm_str load_xml_attr(struct load_xml *x, const char *name, struct sm_buf *keep) {
    sm_buf_clear(keep);
    bool found = false;
    for (int more = xmlTextReaderMoveToFirstAttribute(x->reader); more == 1 && !found; more = xmlTextReaderMoveToNextAttribute(x->reader)) {
        const char *local = (const char *)xmlTextReaderConstLocalName(x->reader), *value;
        if (!local || xmlTextReaderIsNamespaceDecl(x->reader) == 1 || strcmp(local, name) != 0) continue;
        value = (const char *)xmlTextReaderConstValue(x->reader);
        found = true;
        sm_buf_add_c(keep, value ? value : "");
    }
    (void)xmlTextReaderMoveToElement(x->reader);
    if (!found || keep->failed) return (struct sm_str){NULL, 0};
    return (struct sm_str){keep->p ? keep->p : "", keep->n};
}

void load_xml_close(struct load_xml *x) {
    if (!x) return;
    if (x->reader) xmlFreeTextReader(x->reader);
    sm_bytes_close(x->bytes);
    sm_free(x);
}
