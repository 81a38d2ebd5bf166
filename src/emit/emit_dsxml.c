/* SPDX-License-Identifier: MIT */
/* emit_dsxml.c - CDISC Dataset-XML 1.0: one file a dataset, one ItemGroupData a record, one ItemData a
 * cell that has a value. */
#include "emit_priv.h"

#include "sdtmill/buf.h"
#include "sdtmill/err.h"
#include "sdtmill/mem.h"
#include "sdtmill/num.h"
#include "sdtmill/xmlw.h"

/* Room of a cell of any kind but a pooled text, without its prefix; of a record's first and last tag
 * without the OID. */
enum { CELL_ROOM = SM_DTC_TEXT_MAX + 16, RECORD_ROOM = 128 };
static const char item_end[] = "\"/>\n";
enum { ITEM_END = sizeof item_end - 1 };
static const char open_end[] = "\">\n";
enum { OPEN_END = sizeof open_end - 1 };
static const char record_end[] = "    </ItemGroupData>\n";
enum { RECORD_END = sizeof record_end - 1 };

struct dsxml {
    struct emit_memo memo;
    struct sm_buf text;  /* record prefix, then the prefix of every variable, one after the other */
    uint32_t *from;      /* [nvar + 1] where variable i's prefix begins in it */
    size_t cap_from;
    size_t room;         /* of a record without its pooled texts */
};

static uint32_t look(struct sm_str s) { return (uint32_t)sm_xml_look(s); }

/* ---- prefixes ------------------------------------------------------------------------------------ */
static void add_escaped(struct sm_buf *b, const char *text) {
    struct sm_str s = sm_str(text);
    if (sm_buf_reserve(b, SM_XML_GROWTH * s.n)) b->n = (size_t)(sm_xml_put(b->p + b->n, s) - b->p);
}

static int make_prefixes(struct dsxml *x, const struct sm_dsinfo *d, struct sm_err *err) {
    char oid[SM_EMIT_OID_MAX];
    int rc = sm_grow(&x->from, &x->cap_from, (size_t)d->nvar + 1, sizeof *x->from, err);
    if (rc) return rc;
    sm_buf_clear(&x->text);
    sm_buf_add_c(&x->text, "    <ItemGroupData ItemGroupOID=\"");
    sm_oid_group(d, oid, sizeof oid);
    add_escaped(&x->text, oid);
    sm_buf_add_c(&x->text, "\" data:ItemGroupDataSeq=\"");
    for (uint32_t i = 0; i < d->nvar; i++) {
        x->from[i] = (uint32_t)x->text.n;
        sm_buf_add_c(&x->text, "      <ItemData ItemOID=\"");
        sm_oid_item(d, &d->var[i], oid, sizeof oid);
        add_escaped(&x->text, oid);
        sm_buf_add_c(&x->text, "\" Value=\"");
    }
    x->from[d->nvar] = (uint32_t)x->text.n;
    x->room = x->text.n + RECORD_ROOM + (size_t)d->nvar * CELL_ROOM;
    return sm_buf_check(&x->text, err);
}

/* ---- head ---------------------------------------------------------------------------------------- */
static void put(struct sm_sink *k, const char *text) { sm_sink_write(k, text, strlen(text)); }

static void attr_line(struct sm_sink *k, const char *name, struct sm_str value) {
    if (value.n == 0) return;
    put(k, "\n ");
    sm_xmlw_attr(k, name, value);
}

/* <file OID of the define>(IG.DM).Data(DM) */
static int put_file_oid(struct sm_emitter *e, struct sm_err *err) {
    struct sm_buf b;
    char oid[SM_EMIT_OID_MAX];
    sm_buf_init(&b, 0);
    sm_oid_group(e->ds, oid, sizeof oid);
    sm_buf_add_str(&b, e->study->file_oid);
    sm_buf_printf(&b, "(%s).Data(%.*s)", oid, SM_STR_FMT(e->ds->name));
    attr_line(e->sink, "FileOID", sm_buf_str(&b));
    int rc = sm_buf_check(&b, err);
    sm_buf_free(&b);
    return rc;
}

static const char *section(const struct sm_dsinfo *d) { return d->reference ? "ReferenceData" : "ClinicalData"; }

static int put_head(struct sm_emitter *e, struct sm_err *err) {
    const struct sm_emit_study *s = e->study;
    struct sm_sink *k = e->sink;
    put(k, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ODM");
    attr_line(k, "xmlns", SM_STR("http://www.cdisc.org/ns/odm/v1.3"));
    attr_line(k, "xmlns:data", SM_STR("http://www.cdisc.org/ns/Dataset-XML/v1.0"));
    attr_line(k, "FileType", SM_STR("Snapshot"));
    attr_line(k, "ODMVersion", SM_STR("1.3.2"));
    attr_line(k, "data:DatasetXMLVersion", SM_STR("1.0.0"));
    int rc = put_file_oid(e, err);
    attr_line(k, "PriorFileOID", s->file_oid);
    attr_line(k, "CreationDateTime", s->created);
    attr_line(k, "Originator", s->originator);
    attr_line(k, "SourceSystem", SM_STR("sdtmill"));
    attr_line(k, "SourceSystemVersion", emit_version());
    put(k, ">\n  <");
    put(k, section(e->ds));
    sm_xmlw_attr(k, "StudyOID", s->oid);
    sm_xmlw_attr(k, "MetaDataVersionOID", s->metadata_oid);
    put(k, ">\n");
    return rc;
}

static int dsxml_begin(struct sm_emitter *e, const struct sm_dsinfo *d, struct sm_err *err) {
    int rc = make_prefixes(e->state, d, err);
    return rc ? rc : put_head(e, err);
}

static int dsxml_end(struct sm_emitter *e, const struct sm_dsinfo *d, struct sm_err *err) {
    (void)err;
    put(e->sink, "  </");
    put(e->sink, section(d));
    put(e->sink, ">\n</ODM>\n");
    return SM_OK;
}

/* ---- records ------------------------------------------------------------------------------------- */
static void report(struct sm_emitter *e, const struct sm_block *b, uint32_t row, uint32_t var, struct sm_str value) {
    char what[96];
    size_t at = sm_xml_impossible(value);
    unsigned char c = (unsigned char)value.p[at];
    (void)snprintf(what, sizeof what, "byte %zu of the value (0x%02X) is no character of XML; cell is left out", at + 1, c);
    emit_report(e, &(struct emit_breach){.code = SM_D_NOT_XML, .var = var, .block = b, .row = row, .effect = SM_EFFECT_BLANK, .value = value, .what = what});
}

static inline char *put_prefix(char *p, const struct dsxml *x, uint32_t i) {
    size_t n = x->from[i + 1] - x->from[i];
    memcpy(p, x->text.p + x->from[i], n);
    return p + n;
}

static inline char *put_end(char *p) {
    memcpy(p, item_end, ITEM_END);
    return p + ITEM_END;
}

static char *put_escaped(char *p, const struct dsxml *x, uint32_t i, struct sm_str s) {
    return put_end(sm_xml_put(put_prefix(p, x, i), s));
}

static char *put_short(struct sm_emitter *e, char *p, const struct sm_block *b, uint32_t row, uint32_t i) {
    const struct dsxml *x = e->state;
    uint64_t bytes, filled;
    size_t n = emit_short(b->cell[(size_t)row * b->ncol + e->ds->column[i]], &bytes, &filled);
    if (sm_xml_word_plain(filled)) {
        p = put_prefix(p, x, i);
        emit_store_left(p, bytes);
        return put_end(p + n);
    }
    char text[8];
    emit_store_left(text, bytes);
    struct sm_str s = {text, n};
    if (sm_xml_look(s) != SM_XML_IMPOSSIBLE) return put_escaped(p, x, i, s);
    report(e, b, row, i, s);
    return p;
}

/* Writes up to p, the end of what is formatted, and makes room for a text and the rest of the record. */
static char *more_room(struct sm_emitter *e, char **base, char *p, size_t n) {
    const struct dsxml *x = e->state;
    sm_sink_used(e->sink, (size_t)(p - *base));
    return *base = sm_sink_reserve(e->sink, SM_XML_GROWTH * n + x->room);
}

static int put_record(struct sm_emitter *e, const struct sm_block *b, uint32_t row, struct sm_err *err) {
    struct dsxml *x = e->state;
    const struct sm_dsinfo *d = e->ds;
    char *base = sm_sink_reserve(e->sink, x->room), *p = base;
    if (!p) return sm_sink_check(e->sink, err);
    memcpy(p, x->text.p, x->from[0]);
    p += x->from[0];
    p += sm_num_format_u64(e->rows + row + 1, p);
    memcpy(p, open_end, OPEN_END);
    p += OPEN_END;
    for (uint32_t i = 0; i < d->nvar; i++) {
        sm_val v = b->cell[(size_t)row * b->ncol + d->column[i]];
        if (sm_val_is_inline(v)) {
            p = put_short(e, p, b, row, i);
        } else if (sm_val_is_pooled(v)) {
            const struct emit_text *t = emit_memo_text(&x->memo, e->study->texts, v, look);
            if (t->mark == SM_XML_IMPOSSIBLE) {
                report(e, b, row, i, (struct sm_str){t->p, t->n});
                continue;
            }
            if (SM_XML_GROWTH * (size_t)t->n > SM_DTC_TEXT_MAX && !(p = more_room(e, &base, p, t->n)))
                return sm_sink_check(e->sink, err);
            if (t->mark == SM_XML_ESCAPE) {
                p = put_escaped(p, x, i, (struct sm_str){t->p, t->n});
                continue;
            }
            p = put_prefix(p, x, i);
            emit_copy(p, t->p, t->n);
            p = put_end(p + t->n);
        } else if (sm_val_is_dtc(v)) {
            p = put_prefix(p, x, i);
            p += sm_dtc_format_packed(sm_val_packed(v), p);
            p = put_end(p);
        }
    }
    memcpy(p, record_end, RECORD_END);
    sm_sink_used(e->sink, (size_t)(p - base) + RECORD_END);
    return SM_OK;
}

static int dsxml_block(struct sm_emitter *e, const struct sm_block *b, struct sm_err *err) {
    for (uint32_t r = 0; r < b->nrow; r++) {
        int rc = put_record(e, b, r, err);
        if (rc) return rc;
    }
    return SM_OK;
}

static void dsxml_close(struct sm_emitter *e) {
    struct dsxml *x = e->state;
    sm_buf_free(&x->text);
    sm_free(x->from);
}

const struct sm_emit_ops emit_dsxml = {.name = "xml", .folder = "xml", .suffix = ".xml", .state_size = sizeof(struct dsxml),
    .begin = dsxml_begin, .block = dsxml_block, .end = dsxml_end, .close = dsxml_close};
