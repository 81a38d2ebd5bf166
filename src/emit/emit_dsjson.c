/* SPDX-License-Identifier: MIT */
/* emit_dsjson.c - CDISC Dataset-JSON 1.1 in its three shapes: one object; one object and then one array
 * a line; the latter as a zlib stream, or inside gzip. */
#define ZLIB_CONST
#include <zlib.h>

#include "emit_priv.h"

#include "sdtmill/buf.h"
#include "sdtmill/err.h"
#include "sdtmill/jsonw.h"
#include "sdtmill/mem.h"
#include "sdtmill/num.h"

/* Room of a cell of any kind but a long text; of a number that is spelled anew. */
enum { CELL_ROOM = EMIT_READY_TEXT + 16, NUMBER_ROOM = 512, PIECE = 256 * 1024 };
/* Values that are not ready to be copied: to copy, to escape, or no number. */
enum mark { MARK_READY = EMIT_READY_ALL, MARK_LONG, MARK_ESCAPE, MARK_NO_NUMBER };

struct dsjson {
    struct emit_ready_memo text, number; /* with quotes and the comma behind */
    struct field { uint32_t column, is_num; } *field; /* [nvar] */
    size_t cap_field;
    struct sm_buf line;    /* the head, or the end */
    struct sm_sink *rows;  /* to be packed */
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

static int write_bytes(struct sm_emitter *e, struct sm_str s, int how, struct sm_err *err) {
    struct dsjson *j = e->state;
    int rc = SM_OK;
    if (!j->packing) {
        sm_sink_write(e->sink, s.p, s.n);
        return SM_OK;
    }
    do {
        size_t n = s.n < PIECE ? s.n : PIECE;
        j->z.next_in = (const Bytef *)s.p;
        j->z.avail_in = (uInt)n;
        s = sm_str_n(s.p + n, s.n - n);
        rc = pack(e, s.n ? Z_NO_FLUSH : how, err);
    } while (!rc && s.n);
    return rc;
}

/* Empties the line buffer. */
static int write_line(struct sm_emitter *e, int how, struct sm_err *err) {
    struct dsjson *j = e->state;
    int rc = sm_buf_check(&j->line, err);
    if (!rc) rc = write_bytes(e, sm_buf_str(&j->line), how, err);
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
    int rc = sm_grow(&j->field, &j->cap_field, (size_t)d->nvar + 1, sizeof *j->field, err);
    if (rc) return rc;
    for (uint32_t i = 0; i < d->nvar; i++)
        j->field[i] = (struct field){d->column[i], d->var[i].is_num};
    sm_buf_clear(&j->line);
    add_head(&j->line, e);
    sm_buf_add_c(&j->line, shape_of(e) == SHAPE_OBJECT ? ",\"rows\":[" : "}\n");
    if (shape_of(e) != SHAPE_PACKED) return write_line(e, Z_NO_FLUSH, err);
    rc = j->packing ? deflateReset(&j->z) : deflateInit2(&j->z, 6, Z_DEFLATED, e->study->dsjc_gzip ? 15 + 16 : 15, 8, Z_DEFAULT_STRATEGY);
    if (rc != Z_OK) return sm_fail(err, SM_ENOMEM, "out of memory for zlib");
    j->packing = true;
    return write_line(e, Z_NO_FLUSH, err);
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

struct cell { /* where a row goes, and which cell it is at */
    struct sm_emitter *e;
    const struct sm_block *b;
    uint32_t row, var;
    struct sm_sink *out;
    char *base; /* what is behind it is not the sink's yet */
};

/* Room for n bytes and the rest of the row behind p, the end of what is formatted. NULL when out of
 * memory. */
static char *more_room(struct cell *c, char *p, size_t n) {
    sm_sink_used(c->out, (size_t)(p - c->base));
    return c->base =
               sm_sink_reserve(c->out, n + (size_t)(c->e->ds->nvar - c->var + 2) * CELL_ROOM);
}

/* What a number is written as: itself, another spelling in `text`, or no value for what is none. */
static struct sm_str spell_number(struct sm_str s, char text[NUMBER_ROOM]) {
    size_t n = 0;
    double d;
    if (is_json_number(s)) return s;
    if (sm_dec_canonical(s, text, NUMBER_ROOM, &n)) return sm_str_n(text, n);
    if (sm_num_parse(s, false, &d)) n = sm_num_format(d, text);
    return n ? sm_str_n(text, n) : (struct sm_str){NULL, 0};
}

static void make_number(const struct sm_emitter *e, struct emit_ready *r, sm_val v) {
    char text[NUMBER_ROOM];
    struct sm_valbuf buf;
    struct sm_str s = spell_number(sm_val_text(e->study->texts, v, &buf), text);
    emit_ready_clear(r, v, s.n < EMIT_READY_TEXT ? MARK_READY : MARK_LONG);
    if (!s.n) r->mark = MARK_NO_NUMBER;
    if (r->mark != MARK_READY) return;
    memcpy(r->text, s.p, s.n);
    r->text[s.n] = ',';
    r->n = (uint32_t)s.n + 1;
}

/* A number that is long; what is none is a finding and null. */
static char *put_odd_number(char *p, struct cell *c, const struct emit_ready *r) {
    char text[NUMBER_ROOM];
    struct sm_valbuf buf;
    struct sm_str value = sm_val_text(c->e->study->texts, r->v, &buf);
    struct sm_str s = spell_number(value, text);
    if (!s.n) {
        emit_report(c->e, &(struct emit_breach){.code = SM_D_NUMBER_RANGE,
                                                .var = c->var,
                                                .block = c->b,
                                                .row = c->row,
                                                .effect = SM_EFFECT_BLANK,
                                                .value = value,
                                                .what = "value is no number; null is written"});
        s = SM_STR("null");
    }
    p = more_room(c, p, s.n);
    if (!p) return NULL;
    memcpy(p, s.p, s.n);
    p += s.n;
    *p++ = ',';
    return p;
}

/* ---- rows ---------------------------------------------------------------------------------------
 */
static void make_text(const struct sm_emitter *e, struct emit_ready *r, sm_val v) {
    struct sm_valbuf buf;
    struct sm_str s = sm_val_text(e->study->texts, v, &buf);
    bool plain = sm_json_plain(s);
    size_t most = (plain ? s.n : SM_JSON_GROWTH * s.n) + 3;
    emit_ready_clear(r, v, most <= EMIT_READY_TEXT ? MARK_READY : plain ? MARK_LONG : MARK_ESCAPE);
    if (r->mark != MARK_READY) return;
    char *p = r->text;
    *p++ = '"';
    if (plain) memcpy(p, s.p, s.n);
    p = plain ? p + s.n : sm_json_put(p, s);
    *p++ = '"';
    *p++ = ',';
    r->n = (uint32_t)(p - r->text);
}

static char *put_long_text(char *p, struct cell *c, const struct emit_ready *r) {
    struct sm_valbuf buf;
    struct sm_str s = sm_val_text(c->e->study->texts, r->v, &buf);
    p = more_room(c, p, r->mark == MARK_LONG ? s.n : SM_JSON_GROWTH * s.n);
    if (!p) return NULL;
    *p++ = '"';
    if (r->mark == MARK_LONG) memcpy(p, s.p, s.n);
    p = r->mark == MARK_LONG ? p + s.n : sm_json_put(p, s);
    *p++ = '"';
    *p++ = ',';
    return p;
}

static const struct {
    char text[8];
    uint32_t n;
} missing[2] = {{"\"\",", 3}, {"null,", 5}}; /* of texts, of numbers */

/* A text of a plain inline value; false if it is none. */
static inline bool put_short_text(char **p, sm_val v) {
    const uint64_t quote = (uint64_t)('"' ^ 1) << 56; /* in place of the mark of an inline value */
    uint64_t left;
    const unsigned behind = emit_short(v, &left);
    if (!sm_json_word_plain(left | emit_letters[behind])) return false;
    emit_store_left(*p, v ^ quote);
    *p += 9 - behind;
    memcpy(*p, "\",", 2);
    *p += 2;
    return true;
}

/* The same for a whole number that begins with no 0. */
static inline bool put_short_number(char **p, sm_val v) {
    uint64_t left;
    const unsigned behind = emit_short(v, &left);
    if (!sm_val_is_digits(v) || left >> 56 == '0') return false;
    emit_store_left(*p, left | emit_comma[behind]);
    *p += 9 - behind;
    return true;
}

/* A cell that has neither of these forms. */
static inline char *put_known(char *p, struct cell *c, const struct field *f, sm_val v) {
    struct dsjson *j = c->e->state;
    struct emit_ready *r = emit_ready_at(f->is_num ? &j->number : &j->text, v);
    if (r->v != v) (f->is_num ? make_number : make_text)(c->e, r, v);
    if (r->mark == MARK_READY) return emit_ready_put(p, r);
    c->var = (uint32_t)(f - ((const struct dsjson *)c->e->plan)->field);
    return f->is_num ? put_odd_number(p, c, r) : put_long_text(p, c, r);
}

/* The end of the row's cells, each with a comma behind; NULL after an error. */
static inline char *put_cells(char *p, struct cell *c) {
    const sm_val *row = c->b->cell + (size_t)c->row * c->b->ncol;
    const struct field *f = ((const struct dsjson *)c->e->plan)->field, *const end = f + c->e->ds->nvar;
    for (; f < end; f++) {
        const sm_val v = row[f->column];
        if (v == SM_MISSING) {
            memcpy(p, missing[f->is_num].text, sizeof missing->text);
            p += missing[f->is_num].n;
        } else if (!sm_val_is_inline(v) || !(f->is_num ? put_short_number(&p, v) : put_short_text(&p, v))) {
            p = put_known(p, c, f, v);
            if (!p) return NULL;
        }
    }
    return p;
}

/* Every row of an object has a comma in front, which the first one is to lose. */
static bool put_row(struct cell *c, bool object) {
    const uint32_t nvar = c->e->ds->nvar;
    char *p = c->base = sm_sink_reserve(c->out, (size_t)(nvar + 2) * CELL_ROOM);
    if (!p) return false;
    if (object && (c->e->apart || c->e->rows + c->row > 0)) *p++ = ',';
    *p++ = '[';
    p = put_cells(p, c);
    if (!p) return false;
    if (nvar) p--;
    *p++ = ']';
    if (!object) *p++ = '\n';
    sm_sink_used(c->out, (size_t)(p - c->base));
    return true;
}

static int dsjson_block(struct sm_emitter *e, const struct sm_block *b, struct sm_err *err) {
    struct dsjson *j = e->state;
    const bool pack_here = shape_of(e) == SHAPE_PACKED && !e->apart;
    struct cell c = {.e = e, .b = b, .out = e->sink};
    int rc = pack_here && !j->rows ? sm_sink_in_memory(&j->rows, err) : SM_OK;
    if (rc) return rc;
    if (pack_here) c.out = j->rows;
    for (; c.row < b->nrow; c.row++)
        if (!put_row(&c, shape_of(e) == SHAPE_OBJECT)) return sm_sink_check(c.out, err);
    return pack_here ? write_bytes(e, sm_sink_kept(j->rows), Z_NO_FLUSH, err) : SM_OK;
}

static int dsjson_put(struct sm_emitter *e, struct sm_emit_apart *a, struct sm_err *err) {
    if (shape_of(e) == SHAPE_LINES || (shape_of(e) == SHAPE_OBJECT && e->rows > 0)) {
        sm_sink_move(e->sink, a->sink);
        return SM_OK;
    }
    struct sm_str s = sm_sink_kept(a->sink);
    if (shape_of(e) == SHAPE_OBJECT && s.n) s = sm_str_n(s.p + 1, s.n - 1);
    return write_bytes(e, s, Z_NO_FLUSH, err);
}

static int dsjson_end(struct sm_emitter *e, const struct sm_dsinfo *d, struct sm_err *err) {
    struct dsjson *j = e->state;
    if (e->rows != d->rows) return sm_fail(err, SM_ESTATE, "%" PRIu64 " records came, not %" PRIu64, e->rows, d->rows);
    if (shape_of(e) == SHAPE_OBJECT) sm_buf_add_c(&j->line, "]}");
    return write_line(e, Z_FINISH, err);
}

static void dsjson_close(struct sm_emitter *e) {
    struct dsjson *j = e->state;
    if (j->packing) (void)deflateEnd(&j->z);
    sm_free(j->field);
    sm_buf_free(&j->line);
    sm_sink_discard(j->rows);
}

#define DSJSON(name_, suffix_)                                                                                    \
    {.name = name_, .folder = name_, .suffix = suffix_, .caps = SM_EMIT_FACTS | SM_EMIT_APART, .state_size = sizeof(struct dsjson), \
     .begin = dsjson_begin, .block = dsjson_block, .put = dsjson_put, .end = dsjson_end, .close = dsjson_close}
const struct sm_emit_ops emit_json = DSJSON("json", ".json");
const struct sm_emit_ops emit_ndjson = DSJSON("ndjson", ".ndjson");
const struct sm_emit_ops emit_dsjc = DSJSON("dsjc", ".dsjc");
