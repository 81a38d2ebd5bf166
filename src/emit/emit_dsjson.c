/* SPDX-License-Identifier: MIT */
/* emit_dsjson.c - CDISC Dataset-JSON 1.1 in its three shapes: one object; one object and then one array
 * a line; the latter as a zlib stream, or inside gzip. */
#include <zlib.h>

#include "emit_priv.h"

#include "sdtmill/buf.h"
#include "sdtmill/err.h"
#include "sdtmill/jsonw.h"
#include "sdtmill/num.h"

/* Room of a cell of any kind but a pooled text; of a number that is spelled anew. */
enum { CELL_ROOM = SM_DTC_TEXT_MAX + 16, NUMBER_ROOM = 512, PIECE = 256 * 1024 };

struct dsjson {
    struct emit_memo text, number;
    struct sm_buf line;   /* rows that are not written yet */
    z_stream z;
    bool packing;         /* z is open */
};
enum shape { SHAPE_OBJECT, SHAPE_LINES, SHAPE_PACKED };
static enum shape shape_of(const struct sm_emitter *e) {
    return e->ops == &emit_json ? SHAPE_OBJECT : e->ops == &emit_ndjson ? SHAPE_LINES : SHAPE_PACKED;
}

/* ---- bytes out ----------------------------------------------------------------------------------- */
static int pack(struct sm_emitter *e, int how, struct sm_err *err) {
    struct dsjson *j = e->state;
    int rc;
    do {
        char *p = sm_sink_reserve(e->sink, PIECE);
        if (!p) return sm_sink_check(e->sink, err);
        j->z.next_out = (Bytef *)p;
        j->z.avail_out = PIECE;
        rc = deflate(&j->z, how);
        if (rc == Z_STREAM_ERROR) return sm_fail(err, SM_ESTATE, "zlib refuses to go on");
        sm_sink_used(e->sink, PIECE - j->z.avail_out);
    } while (j->z.avail_out == 0);
    return SM_OK;
}

/* Empties the line buffer. */
static int write_lines(struct sm_emitter *e, int how, struct sm_err *err) {
    struct dsjson *j = e->state;
    int rc = sm_buf_check(&j->line, err);
    if (rc) return rc;
    if (!j->packing) {
        sm_sink_write(e->sink, j->line.p, j->line.n);
        sm_buf_clear(&j->line);
        return SM_OK;
    }
    Bytef *p = (Bytef *)j->line.p;
    for (size_t left = j->line.n; !rc && (left > 0 || how == Z_FINISH);) {
        size_t n = left < PIECE ? left : PIECE;
        j->z.next_in = p;
        j->z.avail_in = (uInt)n;
        p += n;
        left -= n;
        rc = pack(e, left ? Z_NO_FLUSH : how, err);
        if (!left) break;
    }
    sm_buf_clear(&j->line);
    return rc;
}

/* ---- head ---------------------------------------------------------------------------------------- */
static void member(struct sm_buf *b, const char *name, struct sm_str value) {
    if (value.n == 0) return;
    sm_jsonw_name(b, name);
    sm_jsonw_text(b, value);
    sm_buf_add_byte(b, ',');
}

static void label_member(struct sm_buf *b, struct sm_str value) {
    sm_jsonw_name(b, "label");
    sm_jsonw_text(b, value);
    sm_buf_add_byte(b, ',');
}

/* Define-XML's word to Dataset-JSON's: what is no full date or number travels as text. */
static const char *json_type(const struct sm_dsvar *v) {
    static const char *const same[] = {"integer", "float", "date", "datetime", "time"};
    const char *type = emit_data_type(v);
    for (size_t i = 0; i < SM_ARRAY_LEN(same); i++)
        if (strcmp(type, same[i]) == 0) return type;
    return "string";
}

static void add_column(struct sm_buf *b, const struct sm_dsinfo *d, const struct sm_dsvar *v) {
    char oid[SM_EMIT_OID_MAX];
    sm_oid_item(d, v, oid, sizeof oid);
    sm_buf_add_byte(b, '{');
    member(b, "itemOID", sm_str(oid));
    member(b, "name", v->name);
    label_member(b, v->label);
    sm_jsonw_name(b, "dataType");
    sm_jsonw_text(b, sm_str(json_type(v)));
    if (strcmp(emit_data_type(v), "text") == 0) {
        uint32_t n = v->length ? v->length : v->max_chars;
        sm_buf_printf(b, ",\"length\":%u", n ? n : 1);
    }
    if (v->key) sm_buf_printf(b, ",\"keySequence\":%u", v->key);
    sm_buf_add_byte(b, '}');
}

/* <file OID of the define>/<date>/<dataset> */
static void add_file_oid(struct sm_buf *b, const struct sm_emitter *e) {
    const struct sm_emit_study *s = e->study;
    struct sm_buf oid;
    sm_buf_init(&oid, 0);
    sm_buf_add_str(&oid, s->file_oid);
    sm_buf_add_byte(&oid, '/');
    sm_buf_add_str(&oid, sm_str_n(s->created.p, s->created.n < 10 ? s->created.n : 10));
    sm_buf_add_byte(&oid, '/');
    sm_buf_add_str(&oid, e->ds->name);
    if (oid.failed) b->failed = true;
    else member(b, "fileOID", sm_buf_str(&oid));
    sm_buf_free(&oid);
}

static void add_head(struct sm_buf *b, const struct sm_emitter *e) {
    const struct sm_emit_study *s = e->study;
    const struct sm_dsinfo *d = e->ds;
    char oid[SM_EMIT_OID_MAX];
    sm_buf_add_byte(b, '{');
    member(b, "datasetJSONCreationDateTime", s->created);
    member(b, "datasetJSONVersion", SM_STR("1.1.0"));
    add_file_oid(b, e);
    member(b, "originator", s->originator);
    sm_buf_add_c(b, "\"sourceSystem\":{");
    member(b, "name", SM_STR("sdtmill"));
    sm_jsonw_name(b, "version");
    sm_jsonw_text(b, emit_version());
    sm_buf_add_c(b, "},");
    member(b, "studyOID", s->oid);
    member(b, "metaDataVersionOID", s->metadata_oid);
    sm_oid_group(d, oid, sizeof oid);
    member(b, "itemGroupOID", sm_str(oid));
    sm_buf_printf(b, "\"records\":%" PRIu64 ",", d->rows);
    member(b, "name", d->name);
    label_member(b, d->label);
    sm_buf_add_c(b, "\"columns\":[");
    for (uint32_t i = 0; i < d->nvar; i++) {
        if (i) sm_buf_add_byte(b, ',');
        add_column(b, d, &d->var[i]);
    }
    sm_buf_add_byte(b, ']');
}

static int dsjson_begin(struct sm_emitter *e, const struct sm_dsinfo *d, struct sm_err *err) {
    struct dsjson *j = e->state;
    (void)d;
    sm_buf_clear(&j->line);
    add_head(&j->line, e);
    sm_buf_add_c(&j->line, shape_of(e) == SHAPE_OBJECT ? ",\"rows\":[" : "}\n");
    if (shape_of(e) != SHAPE_PACKED) return write_lines(e, Z_NO_FLUSH, err);
    int rc = j->packing ? deflateReset(&j->z) : deflateInit2(&j->z, 6, Z_DEFLATED, e->study->dsjc_gzip ? 15 + 16 : 15, 8, Z_DEFAULT_STRATEGY);
    if (rc != Z_OK) return sm_fail(err, SM_ENOMEM, "out of memory for zlib");
    j->packing = true;
    return write_lines(e, Z_NO_FLUSH, err);
}

/* ---- numbers ------------------------------------------------------------------------------------- */
/* True for a JSON number as it is written here: -?(0|[1-9]d*)(.d*[1-9])?, not -0. */
static bool is_json_number(struct sm_str s) {
    size_t i = s.n && s.p[0] == '-', whole = i;
    while (i < s.n && sm_is_digit(s.p[i])) i++;
    if (i == whole || (s.p[whole] == '0' && i > whole + 1)) return false;
    if (i == s.n) return !(whole == 1 && s.p[1] == '0');
    if (s.p[i++] != '.' || s.p[s.n - 1] == '0') return false;
    size_t frac = i;
    while (i < s.n && sm_is_digit(s.p[i])) i++;
    return i == s.n && i > frac;
}

struct cell {
    struct sm_emitter *e;
    const struct sm_block *b;
    uint32_t row, var;
};

/* Room for n bytes and the rest of the row behind p, the end of what is formatted. NULL when out of
 * memory. */
static char *more_room(const struct cell *c, char *p, size_t n) {
    struct sm_buf *b = &((struct dsjson *)c->e->state)->line;
    b->n = (size_t)(p - b->p);
    if (!sm_buf_reserve(b, n + (size_t)(c->e->ds->nvar - c->var + 1) * CELL_ROOM)) return NULL;
    return b->p + b->n;
}

static char *put_bytes(char *p, const struct cell *c, struct sm_str s) {
    if (s.n + 2 > CELL_ROOM && !(p = more_room(c, p, s.n))) return NULL;
    memcpy(p, s.p, s.n);
    return p + s.n;
}

/* A number in another spelling; what is none is a finding and null. */
static char *put_other_number(char *p, const struct cell *c, struct sm_str s) {
    char text[NUMBER_ROOM];
    size_t n;
    double d;
    if (sm_dec_canonical(s, text, sizeof text, &n)) return put_bytes(p, c, sm_str_n(text, n));
    if (sm_num_parse(s, false, &d) && (n = sm_num_format(d, text)) > 0) return put_bytes(p, c, sm_str_n(text, n));
    emit_report(c->e, &(struct emit_breach){.code = SM_D_NUMBER_RANGE, .var = c->var, .block = c->b, .row = c->row,
        .effect = SM_EFFECT_BLANK, .value = s, .what = "value is no number; null is written"});
    return put_bytes(p, c, SM_STR("null"));
}

static uint32_t look_number(struct sm_str s) { return is_json_number(s); }

static char *put_number(char *p, const struct cell *c, sm_val v) {
    struct dsjson *j = c->e->state;
    struct sm_valbuf buf;
    struct sm_str s;
    bool fine;
    if (sm_val_is_pooled(v)) {
        const struct emit_text *t = emit_memo_text(&j->number, c->e->study->texts, v, look_number);
        s = (struct sm_str){t->p, t->n};
        fine = t->mark;
    } else {
        s = sm_val_text(c->e->study->texts, v, &buf);
        fine = is_json_number(s);
    }
    return fine ? put_bytes(p, c, s) : put_other_number(p, c, s);
}

/* ---- rows ---------------------------------------------------------------------------------------- */
static char *put_short(char *p, sm_val v) {
    uint64_t bytes, filled;
    size_t n = emit_short(v, &bytes, &filled);
    if (sm_json_word_plain(filled)) {
        emit_store_left(p, bytes);
        return p + n;
    }
    char text[8];
    emit_store_left(text, bytes);
    return sm_json_put(p, (struct sm_str){text, n});
}

static uint32_t look(struct sm_str s) { return sm_json_plain(s); }

static char *put_text(char *p, const struct cell *c, sm_val v) {
    struct dsjson *j = c->e->state;
    *p++ = '"';
    if (sm_val_is_inline(v)) {
        p = put_short(p, v);
    } else if (sm_val_is_pooled(v)) {
        const struct emit_text *t = emit_memo_text(&j->text, c->e->study->texts, v, look);
        size_t most = t->mark ? t->n : SM_JSON_GROWTH * (size_t)t->n;
        if (most + 3 > CELL_ROOM && !(p = more_room(c, p, most))) return NULL;
        if (t->mark) emit_copy(p, t->p, t->n);
        p = t->mark ? p + t->n : sm_json_put(p, (struct sm_str){t->p, t->n});
    } else if (sm_val_is_dtc(v)) {
        p += sm_dtc_format_packed(sm_val_packed(v), p);
    }
    *p++ = '"';
    return p;
}

static bool put_row(const struct cell *at) {
    struct cell c = *at;
    struct sm_emitter *e = c.e;
    struct dsjson *j = e->state;
    const struct sm_dsinfo *d = e->ds;
    const sm_val *row = c.b->cell + (size_t)c.row * c.b->ncol;
    if (!sm_buf_reserve(&j->line, (size_t)(d->nvar + 1) * CELL_ROOM)) return false;
    char *p = j->line.p + j->line.n;
    if (shape_of(e) == SHAPE_OBJECT && e->rows + c.row > 0) *p++ = ',';
    *p++ = '[';
    for (c.var = 0; c.var < d->nvar; c.var++) {
        sm_val v = row[d->column[c.var]];
        if (!d->var[c.var].is_num) {
            if (!(p = put_text(p, &c, v))) return false;
        } else if (v == SM_MISSING) {
            if (!(p = put_bytes(p, &c, SM_STR("null")))) return false;
        } else {
            if (!(p = put_number(p, &c, v))) return false;
        }
        *p++ = ',';
    }
    if (d->nvar) p--;
    *p++ = ']';
    if (shape_of(e) != SHAPE_OBJECT) *p++ = '\n';
    j->line.n = (size_t)(p - j->line.p);
    return true;
}

static int dsjson_block(struct sm_emitter *e, const struct sm_block *b, struct sm_err *err) {
    struct dsjson *j = e->state;
    for (uint32_t r = 0; r < b->nrow; r++) {
        const struct cell at = {.e = e, .b = b, .row = r};
        if (!put_row(&at)) return sm_buf_check(&j->line, err);
        if (j->line.n < PIECE / 2) continue;
        int rc = write_lines(e, Z_NO_FLUSH, err);
        if (rc) return rc;
    }
    return SM_OK;
}

static int dsjson_end(struct sm_emitter *e, const struct sm_dsinfo *d, struct sm_err *err) {
    struct dsjson *j = e->state;
    if (e->rows != d->rows) return sm_fail(err, SM_ESTATE, "%" PRIu64 " records came, not %" PRIu64, e->rows, d->rows);
    if (shape_of(e) == SHAPE_OBJECT) sm_buf_add_c(&j->line, "]}");
    return write_lines(e, Z_FINISH, err);
}

static void dsjson_close(struct sm_emitter *e) {
    struct dsjson *j = e->state;
    if (j->packing) (void)deflateEnd(&j->z);
    sm_buf_free(&j->line);
}

#define DSJSON(name_, suffix_)                                                                                    \
    {.name = name_, .folder = name_, .suffix = suffix_, .caps = SM_EMIT_FACTS, .state_size = sizeof(struct dsjson), \
     .begin = dsjson_begin, .block = dsjson_block, .end = dsjson_end, .close = dsjson_close}
const struct sm_emit_ops emit_json = DSJSON("json", ".json");
const struct sm_emit_ops emit_ndjson = DSJSON("ndjson", ".ndjson");
const struct sm_emit_ops emit_dsjc = DSJSON("dsjc", ".dsjc");
