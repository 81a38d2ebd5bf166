/* SPDX-License-Identifier: MIT */
/* load_dsxml.c - Dataset-XML 1.0. The file holds cells only, and only those with a value: variables
 * come from the define.xml that belongs to it, else the file is read twice, first for the item OIDs. */
#include <libxml/xmlreader.h>

#include "load_priv.h"

struct dsxml {
    struct load_xml *x;
    struct sm_buf text;
    struct sm_str *oid;          /* [nvar] */
    struct sm_str group_oid;
    size_t noid, cap_oid;
    size_t guess;                /* where the next item of the record most likely stands */
    uint64_t *seen;              /* [nvar] number of the last record that held the item */
    uint64_t seq;                /* ItemGroupDataSeq of the record before */
    unsigned blocks;             /* ClinicalData and ReferenceData elements */
    struct sm_str data_name;     /* by FileOID: "...Data(LBUR)" */
};

static bool dsxml_bid(struct sm_str head, bool gzip) {
    (void)gzip;
    struct sm_str s = sm_str_trim_unicode(head);
    if (sm_str_starts(s, SM_STR("<"))) return true;
    return head.n >= 4 && (memcmp(head.p, "<\0?\0", 4) == 0 || memcmp(head.p, "\0<\0?", 4) == 0);
}

/* ---- the frame ------------------------------------------------------------------------------------ */
static struct sm_str attr(struct dsxml *s, const char *name) { return load_xml_attr(s->x, name, &s->text); }

static int root_check(struct sm_loader *l, struct dsxml *s, struct sm_err *err) {
    if (!load_xml_is(s->x, "ODM")) return load_fail(l, err, "line %u: the root element is not ODM: no Dataset-XML", load_xml_line(s->x));
    if (attr(s, "DatasetXMLVersion").n == 0)
        return load_fail(l, err, "line %u: ODM without data:DatasetXMLVersion: no Dataset-XML", load_xml_line(s->x));
    struct sm_str oid = attr(s, "FileOID");
    size_t at = sm_str_find(oid, SM_STR(".Data("), 0);
    if (at == SIZE_MAX || oid.p[oid.n - 1] != ')' || oid.n - at < 8) return SM_OK;
    s->data_name = sm_arena_dup(&l->arena, sm_str_n(oid.p + at + 6, oid.n - at - 7));
    return s->data_name.p ? SM_OK : sm_fail(err, SM_ENOMEM, "out of memory");
}

static int frame_take(struct sm_loader *l, struct dsxml *s, struct sm_err *err) {
    int type = xmlTextReaderNodeType(load_xml_reader(s->x)), depth = xmlTextReaderDepth(load_xml_reader(s->x));
    if (type != XML_READER_TYPE_ELEMENT) return SM_OK;
    if (depth == 0) return root_check(l, s, err);
    bool clinical = load_xml_is(s->x, "ClinicalData"), reference = load_xml_is(s->x, "ReferenceData");
    if (depth == 1 && (clinical || reference)) {
        if (s->blocks++) return load_fail(l, err, "line %u: a second %s", load_xml_line(s->x), clinical ? "ClinicalData" : "ReferenceData");
        l->info.reference = reference;
    }
    return SM_OK;
}

/* To the next <ItemGroupData>; SM_EOF at the end of the document. */
static int record_find(struct sm_loader *l, struct dsxml *s, struct sm_err *err) {
    for (;;) {
        int rc = load_xml_step(s->x, err);
        if (rc == SM_EOF && !s->blocks) return load_fail(l, err, "neither ClinicalData nor ReferenceData");
        if (rc) return rc;
        if (load_xml_is(s->x, "ItemGroupData") && xmlTextReaderDepth(load_xml_reader(s->x)) == 2) return SM_OK;
        rc = frame_take(l, s, err);
        if (rc) return rc;
    }
}

static int record_check(struct sm_loader *l, struct dsxml *s, struct sm_err *err) {
    struct sm_str oid = attr(s, "ItemGroupOID");
    if (oid.n == 0) return load_fail(l, err, "line %u: ItemGroupData without ItemGroupOID", load_xml_line(s->x));
    if (!s->group_oid.n) {
        s->group_oid = sm_arena_dup(&l->arena, oid);
        if (!s->group_oid.p) return sm_fail(err, SM_ENOMEM, "out of memory");
    } else if (!sm_str_eq(s->group_oid, oid)) {
        return load_fail(l, err, "line %u: record of %.*s in a file of %.*s", load_xml_line(s->x), SM_STR_FMT(oid), SM_STR_FMT(s->group_oid));
    }
    uint64_t seq;
    struct sm_str text = attr(s, "ItemGroupDataSeq");
    if (!sm_str_to_u64(text, &seq) || seq <= s->seq)
        return load_fail(l, err, "line %u: data:ItemGroupDataSeq \"%.*s\" does not follow %" PRIu64, load_xml_line(s->x), SM_STR_FMT(text), s->seq);
    s->seq = seq;
    return SM_OK;
}

/* Calls item for every <ItemData> of the record that begins here. */
static int record_items(struct sm_loader *l, struct dsxml *s, int (*item)(struct sm_loader *, struct dsxml *, sm_val *, struct sm_err *),
                        sm_val *row, struct sm_err *err) {
    xmlTextReaderPtr x = load_xml_reader(s->x);
    if (xmlTextReaderIsEmptyElement(x) == 1) return SM_OK;
    for (;;) {
        int rc = load_xml_step(s->x, err);
        if (rc) return rc == SM_EOF ? sm_fail(err, SM_ESTATE, "%s: document ended inside a record", l->path) : rc;
        int type = xmlTextReaderNodeType(x);
        if (type == XML_READER_TYPE_END_ELEMENT && xmlTextReaderDepth(x) == 2) return SM_OK;
        if (type != XML_READER_TYPE_ELEMENT) continue;
        if (!load_xml_is(s->x, "ItemData") || xmlTextReaderDepth(x) != 3)
            return load_fail(l, err, "line %u: element %s has no place in a record", load_xml_line(s->x), (const char *)xmlTextReaderConstLocalName(x));
        rc = item(l, s, row, err);
        if (rc) return rc;
    }
}

/* ---- first pass: which items there are ------------------------------------------------------------ */
static size_t oid_find(const struct dsxml *s, struct sm_str oid, size_t from) {
    for (size_t i = from; i < s->noid; i++)
        if (sm_str_eq(s->oid[i], oid)) return i;
    for (size_t i = 0; i < from && i < s->noid; i++)
        if (sm_str_eq(s->oid[i], oid)) return i;
    return SIZE_MAX;
}

/* An item seen for the first time is put behind the one before it in its record. */
static int item_note(struct sm_loader *l, struct dsxml *s, sm_val *place, struct sm_err *err) {
    struct sm_str oid = attr(s, "ItemOID");
    if (oid.n == 0) return load_fail(l, err, "line %u: ItemData without ItemOID", load_xml_line(s->x));
    size_t at = oid_find(s, oid, (size_t)*place);
    if (at == SIZE_MAX) {
        if (s->noid >= LOAD_MAX_VARS) return sm_fail(err, SM_ELIMIT, "%s: more than %d variables", l->path, (int)LOAD_MAX_VARS);
        int rc = sm_grow(&s->oid, &s->cap_oid, s->noid + 1, sizeof *s->oid, err);
        if (rc) return rc;
        at = (size_t)*place;
        memmove(s->oid + at + 1, s->oid + at, (s->noid - at) * sizeof *s->oid);
        s->oid[at] = sm_arena_dup(&l->arena, oid);
        s->noid++;
        if (!s->oid[at].p) return sm_fail(err, SM_ENOMEM, "out of memory");
    }
    *place = at + 1;
    return SM_OK;
}

static struct sm_str oid_tail(struct sm_str oid) {
    size_t from = 0;
    for (size_t i = 0; i < oid.n; i++)
        if (oid.p[i] == '.') from = i + 1;
    return from < oid.n ? sm_str_n(oid.p + from, oid.n - from) : oid;
}

static int survey(struct sm_loader *l, struct dsxml *s, struct sm_err *err) {
    int rc = SM_OK;
    while (!rc && !(rc = record_find(l, s, err))) {
        sm_val place = 0;
        rc = record_check(l, s, err);
        if (!rc) rc = record_items(l, s, item_note, &place, err);
    }
    if (rc != SM_EOF) return rc;
    if (s->noid == 0) return load_fail(l, err, "no records and no define.xml: the variables are not known");
    rc = load_vars(l, (uint32_t)s->noid, err);
    for (uint32_t i = 0; !rc && i < l->info.nvar; i++) l->info.var[i].name = oid_tail(s->oid[i]);
    for (uint32_t i = 0; !rc && i < l->info.nvar; i++)
        for (uint32_t k = 0; k < i; k++)
            if (sm_str_eq(l->info.var[i].name, l->info.var[k].name))
                return load_fail(l, err, "item OIDs %.*s and %.*s name the same variable", SM_STR_FMT(s->oid[k]), SM_STR_FMT(s->oid[i]));
    return rc;
}

/* ---- opening --------------------------------------------------------------------------------------- */
static int vars_by_define(struct sm_loader *l, struct dsxml *s, const struct load_group *g, struct sm_err *err) {
    int rc = load_vars(l, g->nitem, err);
    if (!rc) rc = sm_grow(&s->oid, &s->cap_oid, g->nitem, sizeof *s->oid, err);
    for (uint32_t i = 0; !rc && i < g->nitem; i++) {
        l->info.var[i].name = g->item[i].name;
        s->oid[i] = g->item[i].oid;
        s->noid = i + 1;
    }
    l->knows |= SM_LOAD_ORDER;
    return rc;
}

/* The group of the first record tells which dataset it is. */
static int first_group(struct sm_loader *l, struct dsxml *s, struct sm_err *err) {
    int rc = record_find(l, s, err);
    if (rc == SM_EOF) return SM_OK;
    if (!rc) rc = record_check(l, s, err);
    return rc;
}

static int restart(struct sm_loader *l, struct dsxml *s, struct sm_err *err) {
    load_xml_close(s->x);
    s->x = NULL;
    s->blocks = 0;
    s->seq = 0;
    return load_xml_open(l, NULL, &s->x, err);
}

static int dsxml_open(struct sm_loader *l, struct sm_err *err) {
    struct dsxml *s = l->state;
    const struct load_define *d = NULL;
    sm_buf_init(&s->text, LOAD_MAX_RECORD);
    int rc = load_define_open(l, &d, err);
    if (!rc) rc = load_xml_open(l, NULL, &s->x, err);
    if (!rc) rc = first_group(l, s, err);
    if (rc) return rc;
    struct sm_str name = s->data_name.n ? s->data_name : s->group_oid.n ? oid_tail(s->group_oid) : load_stem(l);
    const struct load_group *g = d ? load_define_group(d, s->group_oid, name) : NULL;
    rc = restart(l, s, err);
    if (!rc && g && g->nitem) {
        rc = vars_by_define(l, s, g, err);
    } else if (!rc) {
        rc = survey(l, s, err);
        if (!rc) rc = restart(l, s, err);
    }
    if (rc) return rc;
    s->seen = sm_alloc(s->noid, sizeof *s->seen);
    if (!s->seen) return sm_fail(err, SM_ENOMEM, "out of memory");
    l->info.name = load_upper(&l->arena, name);
    load_describe(l, g);
    return SM_OK;
}

/* ---- rows ------------------------------------------------------------------------------------------ */
static int item_cell(struct sm_loader *l, struct dsxml *s, sm_val *row, struct sm_err *err) {
    struct sm_str oid = attr(s, "ItemOID");
    uint64_t rec = l->info.rows;
    size_t at = oid_find(s, oid, s->guess);
    if (at == SIZE_MAX)
        return load_fail(l, err, "line %u: item %.*s is not in the define.xml for this dataset", load_xml_line(s->x), SM_STR_FMT(oid));
    s->guess = at + 1 < s->noid ? at + 1 : 0;
    if (s->seen[at] == rec) return load_fail(l, err, "line %u: item %.*s stands twice in record %" PRIu64, load_xml_line(s->x), SM_STR_FMT(oid), rec);
    s->seen[at] = rec;
    struct sm_str value = attr(s, "Value");
    if (s->text.failed) return sm_fail(err, SM_ELIMIT, "%s: line %u: value too long", l->path, load_xml_line(s->x));
    if (!value.p && !sm_str_eq_c(attr(s, "IsNull"), "Yes"))
        return load_fail(l, err, "line %u: ItemData without Value", load_xml_line(s->x));
    if (!value.p) return SM_OK;
    enum load_cell got = load_cell(l, &l->info.var[at], value, &row[at]);
    if (got == LOAD_CELL_OK || got == LOAD_CELL_NUMBER) return SM_OK;
    return load_fail(l, err, "line %u, item %.*s: %s", load_xml_line(s->x), SM_STR_FMT(s->oid[at]), load_cell_why(got));
}

static int dsxml_next(struct sm_loader *l, struct sm_err *err) {
    struct dsxml *s = l->state;
    int rc = record_find(l, s, err);
    if (!rc) rc = record_check(l, s, err);
    return rc ? rc : record_items(l, s, item_cell, load_row(l), err);
}

static void dsxml_close(struct sm_loader *l) {
    struct dsxml *s = l->state;
    load_xml_close(s->x);
    sm_buf_free(&s->text);
    sm_free(s->oid);
    sm_free(s->seen);
}

const struct sm_load_ops load_dsxml_ops = {"xml", sizeof(struct dsxml), dsxml_bid, dsxml_open, dsxml_next, dsxml_close};
