/* SPDX-License-Identifier: MIT */
/* emit_dsxml.c - CDISC Dataset-XML 1.0: one file a dataset, one ItemGroupData a record, one ItemData a
 * cell that has a value. */
#include "emit_priv.h"

#include "sdtmill/buf.h"
#include "sdtmill/err.h"
#include "sdtmill/mem.h"
#include "sdtmill/num.h"
#include "sdtmill/xmlw.h"

/* Prefixes are copied in pieces, and texts with what is behind them: so much more room than that. */
enum { PIECE = 16, SLACK = EMIT_READY_TEXT + PIECE };
/* Room of a cell of any kind but a long text, without its prefix; of a record's first and last tag
 * without the OID. */
enum { CELL_ROOM = EMIT_READY_TEXT + 16, RECORD_ROOM = 128 + SLACK };
static const char item_end[] = "\"/>\n";
enum { ITEM_END = sizeof item_end - 1 };
static const char open_end[] = "\">\n";
enum { OPEN_END = sizeof open_end - 1 };
static const char record_end[] = "    </ItemGroupData>\n";
enum { RECORD_END = sizeof record_end - 1 };

struct prefix {
    uint32_t from, n; /* in the text; what follows it there has at least PIECE bytes */
};
struct dsxml {
    struct emit_ready_memo memo;
    struct sm_buf text;
    struct prefix *prefix; /* [nvar + 1]; the last one is the record's */
    size_t cap_prefix;
    size_t room;           /* of a record without its long texts */
    struct emit_counter record;
};
/* Values that are not ready to be copied: to copy, to escape, or not for XML at all. */
enum mark { MARK_READY = EMIT_READY_ALL, MARK_LONG, MARK_ESCAPE, MARK_IMPOSSIBLE };

/* ---- prefixes ------------------------------------------------------------------------------------ */
static void add_escaped(struct sm_buf *b, const char *text) {
    struct sm_str s = sm_str(text);
    if (sm_buf_reserve(b, SM_XML_GROWTH * s.n)) b->n = (size_t)(sm_xml_put(b->p + b->n, s) - b->p);
}

static void end_prefix(struct dsxml *x, uint32_t i, size_t from) {
    static const char blanks[PIECE] = "               ";
    x->prefix[i] = (struct prefix){(uint32_t)from, (uint32_t)(x->text.n - from)};
    sm_buf_add(&x->text, blanks, PIECE);
    x->room += x->prefix[i].n + CELL_ROOM;
}

static int make_prefixes(struct dsxml *x, const struct sm_dsinfo *d, struct sm_err *err) {
    char oid[SM_EMIT_OID_MAX];
    int rc = sm_grow(&x->prefix, &x->cap_prefix, (size_t)d->nvar + 1, sizeof *x->prefix, err);
    if (rc) return rc;
    sm_buf_clear(&x->text);
    x->room = RECORD_ROOM;
    for (uint32_t i = 0; i < d->nvar; i++) {
        size_t from = x->text.n;
        sm_buf_add_c(&x->text, "      <ItemData ItemOID=\"");
        sm_oid_item(d, &d->var[i], oid, sizeof oid);
        add_escaped(&x->text, oid);
        sm_buf_add_c(&x->text, "\" Value=\"");
        end_prefix(x, i, from);
    }
    size_t from = x->text.n;
    sm_buf_add_c(&x->text, "    <ItemGroupData ItemGroupOID=\"");
    sm_oid_group(d, oid, sizeof oid);
    add_escaped(&x->text, oid);
    sm_buf_add_c(&x->text, "\" data:ItemGroupDataSeq=\"");
    end_prefix(x, d->nvar, from);
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

static inline char *put_prefix(char *p, const struct dsxml *plan, uint32_t i) {
    const struct prefix at = plan->prefix[i];
    const char *from = plan->text.p + at.from;
    for (uint32_t k = 0; k < at.n; k += PIECE)
        memcpy(p + k, from + k, PIECE);
    return p + at.n;
}

static inline char *put_end(char *p) {
    memcpy(p, item_end, ITEM_END);
    return p + ITEM_END;
}

static void make_ready(const struct sm_emitter *e, struct emit_ready *r, sm_val v) {
    struct sm_valbuf buf;
    struct sm_str s = sm_val_text(e->study->texts, v, &buf);
    enum sm_xml_fit fit = sm_xml_look(s);
    emit_ready_clear(r, v, MARK_READY);
    if (fit == SM_XML_IMPOSSIBLE)
        r->mark = MARK_IMPOSSIBLE;
    else if (fit == SM_XML_ESCAPE && SM_XML_GROWTH * s.n > EMIT_READY_TEXT)
        r->mark = MARK_ESCAPE;
    else if (s.n > EMIT_READY_TEXT)
        r->mark = MARK_LONG;
    else if (fit == SM_XML_ESCAPE)
        r->n = (uint32_t)(sm_xml_put(r->text, s) - r->text);
    else
        memcpy(r->text, s.p, r->n = (uint32_t)s.n);
}

struct place { /* where a record goes */
    struct sm_emitter *e;
    const struct sm_block *b;
    uint32_t row;
    char *base; /* what is behind it is not the sink's yet */
};

/* A value that is not ready to be copied, with its prefix. NULL after an error. */
static char *put_odd(struct place *at, uint32_t i, char *p, const struct emit_ready *r) {
    struct sm_emitter *e = at->e;
    const struct dsxml *plan = e->plan;
    struct sm_valbuf buf;
    struct sm_str s = sm_val_text(e->study->texts, r->v, &buf);
    if (r->mark == MARK_IMPOSSIBLE) {
        report(e, at->b, at->row, i, s);
        return p;
    }
    sm_sink_used(e->sink, (size_t)(p - at->base));
    p = at->base = sm_sink_reserve(
        e->sink, (r->mark == MARK_LONG ? 1 : SM_XML_GROWTH) * s.n + plan->room);
    if (!p) return NULL;
    p = put_prefix(p, plan, i);
    if (r->mark == MARK_ESCAPE) return put_end(sm_xml_put(p, s));
    memcpy(p, s.p, s.n);
    return put_end(p + s.n);
}

static inline char *put_item(struct place *at, uint32_t i, char *p, sm_val v) {
    struct dsxml *x = at->e->state;
    const struct dsxml *plan = at->e->plan;
    uint64_t left;
    if (sm_val_is_inline(v)) {
        const unsigned behind = emit_short(v, &left);
        if (sm_xml_word_plain(left | emit_letters[behind])) {
            p = put_prefix(p, plan, i);
            emit_store_left(p, left);
            return put_end(p + 8 - behind);
        }
    }
    struct emit_ready *r = emit_ready_at(&x->memo, v);
    if (r->v != v) make_ready(at->e, r, v);
    if (r->mark != MARK_READY) return put_odd(at, i, p, r);
    return put_end(emit_ready_put(put_prefix(p, plan, i), r));
}

static int put_record(struct place *at, struct sm_err *err) {
    struct sm_emitter *e = at->e;
    struct dsxml *x = e->state;
    const struct dsxml *plan = e->plan;
    const struct sm_dsinfo *d = e->ds;
    const sm_val *row = at->b->cell + (size_t)at->row * at->b->ncol;
    char *p = at->base = sm_sink_reserve(e->sink, plan->room);
    if (!p) return sm_sink_check(e->sink, err);
    p = put_prefix(p, plan, d->nvar);
    emit_counter_set(&x->record, e->rows + at->row + 1);
    p = emit_number_put(e, &x->record, p, (size_t)(p - at->base));
    memcpy(p, open_end, OPEN_END);
    p += OPEN_END;
    for (uint32_t i = 0; i < d->nvar; i++) {
        sm_val v = row[d->column[i]];
        if (v == SM_MISSING) continue;
        p = put_item(at, i, p, v);
        if (!p) return sm_sink_check(e->sink, err);
    }
    memcpy(p, record_end, RECORD_END);
    sm_sink_used(e->sink, (size_t)(p - at->base) + RECORD_END);
    return SM_OK;
}

static int dsxml_block(struct sm_emitter *e, const struct sm_block *b, struct sm_err *err) {
    struct place at = {.e = e, .b = b};
    int rc = emit_numbers_reserve(e, b->nrow, err);
    for (; !rc && at.row < b->nrow; at.row++)
        rc = put_record(&at, err);
    return rc;
}

static void dsxml_close(struct sm_emitter *e) {
    struct dsxml *x = e->state;
    sm_buf_free(&x->text);
    sm_free(x->prefix);
}

const struct sm_emit_ops emit_dsxml = {.name = "xml", .folder = "xml", .suffix = ".xml", .caps = SM_EMIT_APART, .state_size = sizeof(struct dsxml),
    .begin = dsxml_begin, .block = dsxml_block, .end = dsxml_end, .close = dsxml_close};
