/* SPDX-License-Identifier: MIT */
/* load_csv.c - CSV as datasets are exchanged (RFC 4180): strict, since a lenient reader turns damage
 * into data. Read twice over the first line only: the delimiter is the commonest of , ; tab | there. */
#include "load_priv.h"

enum { CSV_BUF = 64 * 1024 };
enum csv_state { CSV_START, CSV_PLAIN, CSV_QUOTED, CSV_QUOTE_END, CSV_CR };

struct csv {
    struct sm_bytes *bytes;
    struct sm_buf text;              /* the fields of the record under way, one after another */
    size_t *end;                     /* [nfield] where each ends */
    size_t nfield, cap;
    enum csv_state state;
    char delimiter;
    bool any;                        /* the record has begun */
    uint64_t line, start_line, quote_line;
    size_t at, n;
    char buf[CSV_BUF];
};

/* No control character in the header, no NUL anywhere. */
static bool csv_bid(struct sm_str head, bool gzip) {
    (void)gzip;
    bool header = true;
    for (size_t i = 0; i < head.n; i++) {
        unsigned char c = (unsigned char)head.p[i];
        if (c < 0x20 && c != '\t' && c != '\n' && c != '\r' && (header || c == 0)) return false;
        header = header && c != '\n';
    }
    return true;
}

static int field_end(struct csv *c, struct sm_err *err) {
    int rc = sm_grow(&c->end, &c->cap, c->nfield + 1, sizeof *c->end, err);
    if (rc == SM_OK) c->end[c->nfield++] = c->text.n;
    c->state = CSV_START;
    return rc;
}

static int record_end(struct csv *c, struct sm_err *err, bool *ret_done) {
    int rc = field_end(c, err);
    *ret_done = true;
    c->any = false;
    return rc;
}

static int byte_quoted(struct sm_loader *l, struct csv *c, char x, struct sm_err *err) {
    if (c->state == CSV_QUOTED) {
        if (x == '"') c->state = CSV_QUOTE_END;
        else sm_buf_add_byte(&c->text, x);
        return SM_OK;
    }
    if (x == '"') { /* a doubled one */
        sm_buf_add_byte(&c->text, x);
        c->state = CSV_QUOTED;
        return SM_OK;
    }
    return load_fail(l, err, "line %" PRIu64 ", field %zu: text after the closing quote", c->line, c->nfield + 1);
}

static int byte_take(struct sm_loader *l, struct csv *c, char x, bool *ret_done, struct sm_err *err) {
    if (c->state == CSV_CR) {
        c->state = CSV_START;
        if (x != '\n') return load_fail(l, err, "line %" PRIu64 ": carriage return without line feed", c->line);
        return record_end(c, err, ret_done);
    }
    if (x == 0) return load_fail(l, err, "line %" PRIu64 ", field %zu: NUL byte", c->line, c->nfield + 1);
    if (!c->any) {
        c->any = true;
        c->start_line = c->line;
        c->nfield = 0;
        sm_buf_clear(&c->text);
    }
    if (c->state == CSV_QUOTED) return byte_quoted(l, c, x, err);
    if (x == '\n') return record_end(c, err, ret_done);
    if (x == '\r') {
        c->state = CSV_CR;
        return SM_OK;
    }
    if (x == c->delimiter) return field_end(c, err);
    if (c->state == CSV_QUOTE_END) return byte_quoted(l, c, x, err);
    if (c->state == CSV_START && x == '"') {
        c->state = CSV_QUOTED;
        c->quote_line = c->line;
        return SM_OK;
    }
    c->state = CSV_PLAIN;
    sm_buf_add_byte(&c->text, x);
    return SM_OK;
}

static int csv_end(struct sm_loader *l, struct csv *c, struct sm_err *err) {
    if (!c->any) return SM_EOF;
    if (c->state == CSV_QUOTED) return load_fail(l, err, "line %" PRIu64 ": the quote opened here is never closed", c->quote_line);
    if (!l->opts.open_end) return load_fail(l, err, "line %" PRIu64 ": the file ends without a line end, it may be cut off", c->start_line);
    bool done;
    return record_end(c, err, &done);
}

/* Ordinary bytes of the field under way, all at once. */
static void run_take(struct csv *c) {
    size_t from = c->at;
    bool quoted = c->state == CSV_QUOTED;
    if (!c->any || (c->state != CSV_PLAIN && c->state != CSV_START && !quoted)) return;
    for (; c->at < c->n; c->at++) {
        char x = c->buf[c->at];
        if (x == '"' || x == '\n' || x == 0 || (!quoted && (x == c->delimiter || x == '\r'))) break;
    }
    if (c->at == from) return;
    sm_buf_add(&c->text, c->buf + from, c->at - from);
    if (c->state == CSV_START) c->state = CSV_PLAIN;
}

/* One record into text and end. */
static int record_read(struct sm_loader *l, struct csv *c, struct sm_err *err) {
    bool done = false;
    while (!done) {
        if (c->at == c->n) {
            c->at = 0;
            int rc = load_bytes_read(l, c->bytes, c->buf, sizeof c->buf, &c->n, err);
            if (rc) return rc;
            if (c->n == 0) return csv_end(l, c, err);
        }
        run_take(c);
        if (c->at == c->n) continue;
        char x = c->buf[c->at++];
        int rc = byte_take(l, c, x, &done, err);
        if (rc) return rc;
        c->line += x == '\n';
        if (c->text.over) return sm_fail(err, SM_ELIMIT, "%s: line %" PRIu64 ": record of more than 16 MiB", l->path, c->start_line);
        if (c->nfield > LOAD_MAX_VARS) return sm_fail(err, SM_ELIMIT, "%s: more than %d fields", l->path, (int)LOAD_MAX_VARS);
    }
    return sm_buf_check(&c->text, err);
}

static struct sm_str field(const struct csv *c, size_t i) {
    size_t from = i ? c->end[i - 1] : 0;
    return (struct sm_str){c->text.p ? c->text.p + from : "", c->end[i] - from};
}

static char delimiter_find(const char *p, size_t n) {
    static const char signs[] = ",;\t|";
    size_t count[sizeof signs - 1] = {0}, best = 0;
    bool quoted = false;
    for (size_t i = 0; i < n && (quoted || p[i] != '\n'); i++) {
        quoted ^= p[i] == '"';
        for (size_t k = 0; k + 1 < sizeof signs && !quoted; k++) count[k] += p[i] == signs[k];
    }
    for (size_t k = 1; k + 1 < sizeof signs; k++)
        if (count[k] > count[best]) best = k;
    return signs[best];
}

static bool name_good(struct sm_str s) {
    if (s.n == 0 || s.n > 200) return false;
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20) return false;
    return true;
}

static int header_take(struct sm_loader *l, struct csv *c, struct sm_err *err) {
    int rc = load_vars(l, (uint32_t)c->nfield, err);
    for (uint32_t i = 0; !rc && i < l->info.nvar; i++) {
        struct sm_str s = sm_str_trim_unicode(field(c, i));
        if (!name_good(s)) return load_fail(l, err, "line 1, field %u: no name for a variable", i + 1);
        l->info.var[i].name = sm_arena_dup(&l->arena, s);
        if (!l->info.var[i].name.p) return sm_fail(err, SM_ENOMEM, "out of memory");
        for (uint32_t k = 0; k < i; k++)
            if (sm_str_eq_nocase(l->info.var[k].name, s))
                return load_fail(l, err, "line 1, field %u: variable %.*s stands there twice", i + 1, SM_STR_FMT(s));
    }
    return rc;
}

static int csv_open(struct sm_loader *l, struct sm_err *err) {
    struct csv *c = l->state;
    const struct load_define *d = NULL;
    sm_buf_init(&c->text, LOAD_MAX_RECORD);
    c->line = 1;
    int rc = load_bytes_open(l, l->opts.encoding, &c->bytes, err);
    if (!rc) rc = load_bytes_read(l, c->bytes, c->buf, sizeof c->buf, &c->n, err);
    if (rc) return rc;
    c->delimiter = delimiter_find(c->buf, c->n);
    rc = record_read(l, c, err);
    if (rc == SM_EOF) return load_fail(l, err, "no header line");
    if (!rc) rc = header_take(l, c, err);
    if (!rc) rc = load_define_open(l, &d, err);
    if (rc) return rc;
    l->info.name = load_stem(l);
    l->knows = SM_LOAD_ORDER;
    load_describe(l, d ? load_define_group(d, (struct sm_str){NULL, 0}, l->info.name) : NULL);
    return SM_OK;
}

/* A record of single-byte text as UTF-8. */
static int remap(struct sm_loader *l, struct sm_str *s, struct sm_buf *to, struct sm_err *err) {
    sm_buf_clear(to);
    for (size_t i = 0; i < s->n; i++) {
        unsigned char x = (unsigned char)s->p[i];
        if (l->map->n[x] == 0) return load_fail(l, err, "byte 0x%02X is no character of %s", x, l->opts.encoding);
        sm_buf_add(to, l->map->c[x], l->map->n[x]);
    }
    *s = sm_buf_str(to);
    return sm_buf_check(to, err);
}

static bool says_missing(struct sm_str s) { return sm_str_eq_c(s, ".") || sm_str_eq_c(s, "NA"); }

static int csv_next(struct sm_loader *l, struct sm_err *err) {
    struct csv *c = l->state;
    int rc = record_read(l, c, err);
    if (rc) return rc;
    if (c->nfield != l->info.nvar)
        return load_fail(l, err, "line %" PRIu64 ": %zu fields, the header has %u", c->start_line, c->nfield, l->info.nvar);
    sm_val *row = load_row(l);
    struct sm_buf other;
    sm_buf_init(&other, 0);
    for (uint32_t i = 0; i < l->info.nvar && !rc; i++) {
        struct sm_str s = field(c, i);
        if (l->map && s.n) rc = remap(l, &s, &other, err);
        if (rc) break;
        enum load_cell got = load_cell(l, &l->info.var[i], s, &row[i]);
        if (got == LOAD_CELL_NUMBER && says_missing(s)) row[i] = SM_MISSING;
        if (got != LOAD_CELL_OK && got != LOAD_CELL_NUMBER)
            rc = load_fail(l, err, "line %" PRIu64 ", field %u (%.*s): %s", c->start_line, i + 1, SM_STR_FMT(l->info.var[i].name), load_cell_why(got));
    }
    sm_buf_free(&other);
    return rc;
}

static void csv_close(struct sm_loader *l) {
    struct csv *c = l->state;
    sm_bytes_close(c->bytes);
    sm_buf_free(&c->text);
    sm_free(c->end);
}

const struct sm_load_ops load_csv_ops = {"csv", sizeof(struct csv), csv_bid, csv_open, csv_next, csv_close};
