/* SPDX-License-Identifier: MIT */
/* load_dsjson.c - Dataset-JSON 1.1: one object (json), or an object and a row a line (ndjson), the
 * latter also compressed (dsjc). What describes the dataset goes through jansson, value by value; rows
 * are read here, so that numbers keep their digits and one row is held at a time. */
#include <jansson.h>
#include <zlib.h>

#include "load_priv.h"

enum { JS_BUF = 64 * 1024, JS_DEPTH = 64, JS_RATIO = 250, JS_FREE = 64 << 20 };

struct dsjson {
    struct sm_bytes *bytes;
    bool zlib, zopen, zend;
    z_stream z;
    char *zbuf;
    uint64_t offset, line;          /* of the next byte: from 0, from 1 */
    size_t at, n;
    struct sm_buf value;            /* text of the value under way */
    struct sm_buf text;             /* of a cell */
    bool in_rows, lines, first;     /* inside "rows"; a row a line; before the first row */
    bool have_rows, late;           /* the object has rows; they stand before the columns */
    json_t *columns;
    struct sm_str name, label, oid;
    bool have_records, version_1_1, have_name;
    char buf[JS_BUF];
};

static bool looks_zlib(struct sm_str s) {
    return s.n >= 2 && (unsigned char)s.p[0] == 0x78 && (((unsigned)(unsigned char)s.p[0] << 8) + (unsigned char)s.p[1]) % 31 == 0;
}

/* Does the deflated text begin with an object? */
static bool zlib_object(struct sm_str s) {
    z_stream z;
    char out[16];
    memset(&z, 0, sizeof z);
    if (inflateInit(&z) != Z_OK) return false;
    unsigned char in[LOAD_HEAD];
    memcpy(in, s.p, s.n < sizeof in ? s.n : sizeof in);
    z.next_in = in;
    z.avail_in = (uInt)(s.n < sizeof in ? s.n : sizeof in);
    z.next_out = (Bytef *)out;
    z.avail_out = sizeof out;
    int rc = inflate(&z, Z_SYNC_FLUSH);
    (void)inflateEnd(&z);
    struct sm_str text = sm_str_trim_unicode(sm_str_n(out, sizeof out - z.avail_out));
    if (text.n > 0) return text.p[0] == '{';
    return rc != Z_DATA_ERROR && (unsigned char)s.p[1] != 0x5E; /* nothing seen yet, and no CSV header "x^..." */
}

static bool dsjson_bid(struct sm_str head, bool gzip) {
    (void)gzip;
    if (looks_zlib(head)) return zlib_object(head);
    return sm_str_starts(sm_str_trim_unicode(head), SM_STR("{"));
}

/* ---- bytes ------------------------------------------------------------------------------------------ */
static int zlib_fill(struct sm_loader *l, struct dsjson *s, struct sm_err *err) {
    s->z.next_out = (Bytef *)s->buf;
    s->z.avail_out = sizeof s->buf;
    while (!s->zend && s->z.avail_out == sizeof s->buf) {
        if (s->z.avail_in == 0) {
            size_t n = 0;
            int rc = load_bytes_read(l, s->bytes, s->zbuf, JS_BUF, &n, err);
            if (rc) return rc;
            if (n == 0) return load_fail(l, err, "byte %" PRIu64 ": compressed data is cut off", sm_bytes_offset(s->bytes));
            s->z.next_in = (Bytef *)s->zbuf;
            s->z.avail_in = (uInt)n;
        }
        int zrc = inflate(&s->z, Z_NO_FLUSH);
        s->zend = zrc == Z_STREAM_END;
        if (zrc == Z_MEM_ERROR) return sm_fail(err, SM_ENOMEM, "out of memory");
        if (zrc != Z_OK && zrc != Z_STREAM_END && zrc != Z_BUF_ERROR)
            return load_fail(l, err, "compressed data is damaged before byte %" PRIu64, sm_bytes_offset(s->bytes) - s->z.avail_in);
    }
    s->n = sizeof s->buf - s->z.avail_out;
    if (s->offset > JS_FREE && s->offset / JS_RATIO > sm_bytes_offset(s->bytes))
        return sm_fail(err, SM_ELIMIT, "%s: unpacks to more than %d times its size", l->path, (int)JS_RATIO);
    if (s->n > 0) return SM_OK;
    size_t rest = 0;
    int rc = s->z.avail_in ? SM_OK : load_bytes_read(l, s->bytes, s->zbuf, JS_BUF, &rest, err);
    if (!rc && (s->z.avail_in || rest)) return load_fail(l, err, "bytes follow the compressed data");
    return rc;
}

static int fill(struct sm_loader *l, struct dsjson *s, struct sm_err *err) {
    s->at = s->n = 0;
    return s->zlib ? zlib_fill(l, s, err) : load_bytes_read(l, s->bytes, s->buf, sizeof s->buf, &s->n, err);
}

/* Next byte without taking it, -1 at the end. */
static int peek(struct sm_loader *l, struct dsjson *s, int *ret, struct sm_err *err) {
    if (s->at == s->n) {
        int rc = fill(l, s, err);
        if (rc) return rc;
    }
    *ret = s->at == s->n ? -1 : (unsigned char)s->buf[s->at];
    return SM_OK;
}

static void take(struct dsjson *s) {
    s->line += s->buf[s->at] == '\n';
    s->offset++;
    s->at++;
}

static int fail_at(const struct sm_loader *l, const struct dsjson *s, struct sm_err *err, const char *what) {
    return load_fail(l, err, "line %" PRIu64 ", byte %" PRIu64 "%s: %s", s->line, s->offset, s->zlib || l->gzip ? " (uncompressed)" : "", what);
}

/* Next byte that is no white space, -1 at the end. */
static int skip_space(struct sm_loader *l, struct dsjson *s, int *ret, struct sm_err *err) {
    for (;;) {
        int rc = peek(l, s, ret, err);
        if (rc) return rc;
        if (*ret != ' ' && *ret != '\t' && *ret != '\n' && *ret != '\r') return SM_OK;
        take(s);
    }
}

static int expect(struct sm_loader *l, struct dsjson *s, char want, struct sm_err *err) {
    int c, rc = skip_space(l, s, &c, err);
    if (rc) return rc;
    if (c != want) {
        char what[64];
        (void)snprintf(what, sizeof what, c < 0 ? "the file ends where '%c' must stand" : "'%c' must stand here", want);
        return fail_at(l, s, err, what);
    }
    take(s);
    return SM_OK;
}

/* ---- values ----------------------------------------------------------------------------------------- */
struct scan { int depth; bool text, escape; };

/* Is the value complete with this byte? Only brackets and quotes are looked at here. */
static bool scan_byte(struct scan *k, char c) {
    if (k->escape) {
        k->escape = false;
        return false;
    }
    if (k->text) {
        k->escape = c == '\\';
        k->text = c != '"';
        return !k->text && k->depth == 0;
    }
    k->text = c == '"';
    k->depth += (c == '{' || c == '[') - (c == '}' || c == ']');
    return k->depth <= 0 && (c == '}' || c == ']');
}

/* The text of the next value into s->value, or only over it. */
static int value_read(struct sm_loader *l, struct dsjson *s, bool keep, struct sm_err *err) {
    struct scan k = {0, false, false};
    int c, rc = skip_space(l, s, &c, err);
    bool scalar = c != '{' && c != '[' && c != '"', done = false;
    sm_buf_clear(&s->value);
    while (!rc && !done) {
        rc = peek(l, s, &c, err);
        if (rc) return rc;
        if (scalar && (c < 0 || strchr(",]} \t\r\n", c))) break;
        if (c < 0) return fail_at(l, s, err, "the file ends inside a value");
        if (keep) sm_buf_add_byte(&s->value, (char)c);
        done = !scalar && scan_byte(&k, (char)c);
        if (k.depth > JS_DEPTH) return fail_at(l, s, err, "values nest too deep");
        take(s);
    }
    if (s->value.over) return sm_fail(err, SM_ELIMIT, "%s: line %" PRIu64 ": value or row of more than 16 MiB", l->path, s->line);
    return rc ? rc : sm_buf_check(&s->value, err);
}

static int value_parse(struct sm_loader *l, struct dsjson *s, json_t **ret, struct sm_err *err) {
    json_error_t why;
    int rc = value_read(l, s, true, err);
    if (rc) return rc;
    *ret = json_loadb(s->value.p ? s->value.p : "", s->value.n, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &why);
    return *ret ? SM_OK : fail_at(l, s, err, why.text);
}

static int key_read(struct sm_loader *l, struct dsjson *s, char *key, size_t cap, struct sm_err *err) {
    json_t *j;
    int c, rc = skip_space(l, s, &c, err);
    if (!rc && c != '"') return fail_at(l, s, err, c < 0 ? "the file ends inside an object" : "an attribute name must stand here");
    if (!rc) rc = value_parse(l, s, &j, err);
    if (rc) return rc;
    (void)snprintf(key, cap, "%s", json_string_value(j));
    json_decref(j);
    return expect(l, s, ':', err);
}

static int dup_text(struct sm_loader *l, struct dsjson *s, const json_t *j, struct sm_str *to, struct sm_err *err) {
    if (!json_is_string(j)) return fail_at(l, s, err, "the attribute must be a text");
    *to = sm_arena_dup(&l->arena, sm_str_n(json_string_value(j), json_string_length(j)));
    return to->p ? SM_OK : sm_fail(err, SM_ENOMEM, "out of memory");
}

static int attribute_take(struct sm_loader *l, struct dsjson *s, const char *key, json_t *j, struct sm_err *err) {
    if (strcmp(key, "clinicalData") == 0 || strcmp(key, "referenceData") == 0)
        return fail_at(l, s, err, "Dataset-JSON 1.0 is not read; 1.1 has no clinicalData or referenceData");
    if (strcmp(key, "name") == 0) {
        s->have_name = true;
        return dup_text(l, s, j, &s->name, err);
    }
    if (strcmp(key, "label") == 0) return dup_text(l, s, j, &s->label, err);
    if (strcmp(key, "datasetJSONVersion") == 0) {
        s->version_1_1 = json_is_string(j) && strncmp(json_string_value(j), "1.1", 3) == 0;
        return s->version_1_1 ? SM_OK : fail_at(l, s, err, "datasetJSONVersion is not 1.1");
    }
    if (strcmp(key, "records") == 0) {
        if (!json_is_integer(j) || json_integer_value(j) < 0) return fail_at(l, s, err, "records must be a number of rows");
        s->have_records = true;
        l->want_rows = (uint64_t)json_integer_value(j);
    }
    if (strcmp(key, "columns") == 0) {
        if (!json_is_array(j) || s->columns) return fail_at(l, s, err, "columns must be one array");
        s->columns = json_incref(j);
    }
    return SM_OK;
}

/* Attributes up to and including `"rows":[`, or to the closing brace. *ret_rows tells which. */
static int attributes_read(struct sm_loader *l, struct dsjson *s, bool *ret_rows, struct sm_err *err) {
    char key[64];
    int c = 0, rc = SM_OK;
    for (*ret_rows = false; !rc;) {
        rc = key_read(l, s, key, sizeof key, err);
        if (rc) return rc;
        if (strcmp(key, "rows") == 0) {
            if (s->have_rows) return fail_at(l, s, err, "rows stands there twice");
            s->have_rows = *ret_rows = true;
            return SM_OK;
        }
        json_t *j = NULL;
        rc = value_parse(l, s, &j, err);
        if (!rc) rc = attribute_take(l, s, key, j, err);
        json_decref(j);
        if (!rc) rc = skip_space(l, s, &c, err);
        if (rc) return rc;
        take(s);
        if (c == '}') return SM_OK;
        if (c != ',') return fail_at(l, s, err, c < 0 ? "the file ends inside an object" : "a comma or the closing brace must stand here");
    }
    return rc;
}

/* Behind rows or an attribute: what else the object says. */
static int object_rest(struct sm_loader *l, struct dsjson *s, struct sm_err *err) {
    int c, rc = skip_space(l, s, &c, err);
    bool rows;
    if (rc) return rc;
    if (c == ',') {
        take(s);
        rc = attributes_read(l, s, &rows, err);
        if (!rc && rows) return fail_at(l, s, err, "rows stands there twice");
    } else {
        rc = expect(l, s, '}', err);
    }
    if (!rc) rc = skip_space(l, s, &c, err);
    if (!rc && c >= 0) return fail_at(l, s, err, "something follows the dataset");
    return rc;
}

/* ---- opening ---------------------------------------------------------------------------------------- */
static int bytes_start(struct sm_loader *l, struct dsjson *s, struct sm_err *err) {
    sm_bytes_close(s->bytes);
    s->bytes = NULL;
    s->offset = 0;
    s->line = 1;
    s->at = s->n = 0;
    int c, rc = load_bytes_open(l, NULL, &s->bytes, err);
    if (!rc && s->zopen) {
        s->zend = false;
        s->z.avail_in = 0;
        if (inflateReset(&s->z) != Z_OK) return sm_fail(err, SM_ESTATE, "compression state is broken");
    }
    if (!rc) rc = peek(l, s, &c, err);
    if (rc || s->zlib || !looks_zlib((struct sm_str){s->buf, s->n})) return rc;
    s->zlib = true;
    s->zbuf = sm_alloc(JS_BUF, 1);
    if (!s->zbuf || inflateInit(&s->z) != Z_OK) return sm_fail(err, SM_ENOMEM, "out of memory");
    s->zopen = true;
    memcpy(s->zbuf, s->buf, s->n);
    s->z.next_in = (Bytef *)s->zbuf;
    s->z.avail_in = (uInt)s->n;
    s->at = s->n = 0;
    return SM_OK;
}

static int column_take(struct sm_loader *l, struct dsjson *s, uint32_t i, struct sm_err *err) {
    static const char *const numeric[] = {"integer", "float", "double", "decimal"};
    json_t *c = json_array_get(s->columns, i);
    const char *type = json_string_value(json_object_get(c, "dataType"));
    const json_t *label = json_object_get(c, "label"), *length = json_object_get(c, "length"), *key = json_object_get(c, "keySequence");
    struct sm_dsvar *v = &l->info.var[i];
    if (!json_is_string(json_object_get(c, "name")) || !json_string_length(json_object_get(c, "name")) || !type)
        return load_fail(l, err, "column %u has no name or no dataType", i + 1);
    int rc = dup_text(l, s, json_object_get(c, "name"), &v->name, err);
    v->label = (struct sm_str){"", 0};
    if (!rc && label) rc = dup_text(l, s, label, &v->label, err);
    for (size_t k = 0; k < SM_ARRAY_LEN(numeric); k++) v->is_num = v->is_num || strcmp(type, numeric[k]) == 0;
    v->is_dtc = !v->is_num && (strncmp(type, "date", 4) == 0 || strcmp(type, "time") == 0 || load_name_is_dtc(v->name));
    json_int_t n = json_integer_value(length), q = json_integer_value(key);
    v->length = n > 0 && n < INT32_MAX ? (uint32_t)n : 0;
    v->key = q > 0 && q < INT32_MAX ? (uint32_t)q : 0;
    for (uint32_t k = 0; !rc && k < i; k++)
        if (sm_str_eq(l->info.var[k].name, v->name)) return load_fail(l, err, "column %u: %.*s stands there twice", i + 1, SM_STR_FMT(v->name));
    return rc;
}

static int columns_take(struct sm_loader *l, struct dsjson *s, struct sm_err *err) {
    if (!s->columns) return load_fail(l, err, "no columns: no Dataset-JSON");
    if (!s->version_1_1) return load_fail(l, err, "no datasetJSONVersion: no Dataset-JSON");
    if (!s->have_name || !s->name.n || !s->have_records) return load_fail(l, err, "no name or no records");
    size_t n = json_array_size(s->columns);
    int rc = load_vars(l, n > UINT32_MAX ? UINT32_MAX : (uint32_t)n, err);
    for (uint32_t i = 0; !rc && i < l->info.nvar; i++) rc = column_take(l, s, i, err);
    l->info.name = s->name;
    l->info.label = s->label.p ? s->label : SM_STR("");
    l->knows = SM_LOAD_LABELS | SM_LOAD_TYPES | SM_LOAD_LENGTHS | SM_LOAD_ORDER | SM_LOAD_KEYS;
    json_decref(s->columns);
    s->columns = NULL;
    return rc;
}

/* Rows before the columns: the rest is read first, then the file once more. */
static int late_columns(struct sm_loader *l, struct dsjson *s, struct sm_err *err) {
    char key[64];
    int rc = value_read(l, s, false, err);
    if (!rc) rc = object_rest(l, s, err);
    if (!rc) rc = columns_take(l, s, err);
    if (!rc) rc = bytes_start(l, s, err);
    if (!rc) rc = expect(l, s, '{', err);
    while (!rc && !(rc = key_read(l, s, key, sizeof key, err)) && strcmp(key, "rows") != 0) {
        rc = value_read(l, s, false, err);
        if (!rc) rc = expect(l, s, ',', err);
    }
    s->late = true;
    return rc;
}

static int dsjson_open(struct sm_loader *l, struct sm_err *err) {
    struct dsjson *s = l->state;
    bool rows = false;
    sm_buf_init(&s->value, LOAD_MAX_RECORD);
    sm_buf_init(&s->text, 0);
    int rc = bytes_start(l, s, err);
    if (!rc) rc = expect(l, s, '{', err);
    if (!rc) rc = attributes_read(l, s, &rows, err);
    if (!rc && rows && !s->columns) rc = late_columns(l, s, err);
    else if (!rc) rc = columns_take(l, s, err);
    if (!rc && rows) rc = expect(l, s, '[', err);
    s->in_rows = rows;
    s->lines = !rows;
    s->first = true;
    l->format = s->zlib || (l->gzip && s->lines) ? "dsjc" : s->lines ? "ndjson" : "json";
    return rc;
}

/* ---- rows ------------------------------------------------------------------------------------------- */
static int row_take(struct sm_loader *l, struct dsjson *s, struct sm_err *err) {
    uint32_t at = 0;
    const char *why = load_json_row(l, sm_buf_str(&s->value), &s->text, load_row(l), &at);
    if (!why) return sm_buf_check(&s->text, err);
    struct sm_str name = at < l->info.nvar ? l->info.var[at].name : SM_STR("none");
    return load_fail(l, err, "line %" PRIu64 ", record %" PRIu64 ", cell %u (%.*s): %s", s->line, l->info.rows, at + 1, SM_STR_FMT(name), why);
}

static int rows_end(struct sm_loader *l, struct dsjson *s, struct sm_err *err) {
    int rc = SM_OK;
    if (s->in_rows) take(s);
    if (s->in_rows && !s->late) rc = object_rest(l, s, err);
    return rc ? rc : SM_EOF;
}

static int dsjson_next(struct sm_loader *l, struct sm_err *err) {
    struct dsjson *s = l->state;
    int c, rc = skip_space(l, s, &c, err);
    if (rc) return rc;
    if (s->in_rows ? c == ']' && s->first : c < 0) return rows_end(l, s, err);
    if (s->in_rows && !s->first) {
        if (c == ']') return rows_end(l, s, err);
        rc = expect(l, s, ',', err);
        if (!rc) rc = skip_space(l, s, &c, err);
        if (rc) return rc;
    }
    if (c != '[') return fail_at(l, s, err, c < 0 ? "the file ends inside the rows" : "a row (an array) must stand here");
    s->first = false;
    rc = value_read(l, s, true, err);
    return rc ? rc : row_take(l, s, err);
}

static void dsjson_close(struct sm_loader *l) {
    struct dsjson *s = l->state;
    sm_bytes_close(s->bytes);
    if (s->zopen) (void)inflateEnd(&s->z);
    sm_free(s->zbuf);
    sm_buf_free(&s->value);
    sm_buf_free(&s->text);
    json_decref(s->columns);
}

const struct sm_load_ops load_dsjson_ops = {"json", sizeof(struct dsjson), dsjson_bid, dsjson_open, dsjson_next, dsjson_close};
