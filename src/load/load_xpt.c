/* SPDX-License-Identifier: MIT */
/* load_xpt.c - SAS transport files, versions 5 and 8 (8 differs in longer names, labels in a record of
 * their own and, from some writers, a row count). Read here and not through a library, because every
 * header and the padding must be checked to notice a damaged file. */
#include "load_priv.h"
#include "sdtmill/utf8.h"

enum { REC = 80, NAMESTR = 140, XPT_BUF = 64 * 1024 };

struct xpt_var { uint32_t at, n; bool num; };
struct xpt {
    struct sm_bytes *bytes;
    uint64_t offset;                /* of the file, behind the last record taken */
    bool v8, eof;
    struct xpt_var *var;
    uint32_t row_n;
    uint64_t data_at;               /* offset of the first row */
    char *row;                      /* [row_n] */
    uint64_t blank;                 /* rows of nothing but blanks not delivered yet */
    uint64_t due;                   /* of these, how many really are rows */
    bool held;                      /* x->row holds the row behind them */
    char rec[REC];
    size_t rec_at, rec_n;           /* bytes of rec taken and there */
    struct sm_buf text;
    struct sm_charmap *latin;
    size_t at, n;
    char buf[XPT_BUF];
};

static bool xpt_bid(struct sm_str head, bool gzip) {
    (void)gzip;
    return sm_str_starts(head, SM_STR("HEADER RECORD*******LIB"));
}

/* ---- records ---------------------------------------------------------------------------------------- */
/* Next 80 bytes; SM_EOF at the end. A piece of a record is damage. */
static int record(struct sm_loader *l, struct xpt *x, char out[REC], struct sm_err *err) {
    size_t have = 0;
    while (have < REC) {
        if (x->at == x->n) {
            x->at = 0;
            int rc = load_bytes_read(l, x->bytes, x->buf, sizeof x->buf, &x->n, err);
            if (rc) return rc;
            if (x->n == 0) break;
        }
        size_t n = x->n - x->at < REC - have ? x->n - x->at : REC - have;
        memcpy(out + have, x->buf + x->at, n);
        x->at += n;
        have += n;
    }
    x->offset += have;
    if (have == 0) return SM_EOF;
    if (have < REC) return load_fail(l, err, "byte %" PRIu64 ": the file is cut off (its size is no multiple of 80)", x->offset);
    return SM_OK;
}

static int must_record(struct sm_loader *l, struct xpt *x, char out[REC], struct sm_err *err) {
    int rc = record(l, x, out, err);
    return rc == SM_EOF ? load_fail(l, err, "byte %" PRIu64 ": the file ends inside its headers", x->offset) : rc;
}

static bool is_header(const char rec[REC], const char *name) {
    return memcmp(rec, "HEADER RECORD*******", 20) == 0 && memcmp(rec + 20, name, strlen(name)) == 0 &&
           memcmp(rec + 28, "HEADER RECORD!!!!!!!", 20) == 0;
}

static int header(struct sm_loader *l, struct xpt *x, const char *v5, const char *v8, char out[REC], struct sm_err *err) {
    int rc = must_record(l, x, out, err);
    if (rc || is_header(out, x->v8 ? v8 : v5)) return rc;
    return load_fail(l, err, "byte %" PRIu64 ": the header record %s must stand here", x->offset - REC, x->v8 ? v8 : v5);
}

/* Bytes that go over record borders, from x->rec. */
static int stream(struct sm_loader *l, struct xpt *x, char *to, size_t n, struct sm_err *err) {
    while (n > 0) {
        if (x->rec_at == x->rec_n) {
            int rc = must_record(l, x, x->rec, err);
            if (rc) return rc;
            x->rec_at = 0;
            x->rec_n = REC;
        }
        size_t m = x->rec_n - x->rec_at < n ? x->rec_n - x->rec_at : n;
        memcpy(to, x->rec + x->rec_at, m);
        x->rec_at += m;
        to += m;
        n -= m;
    }
    return SM_OK;
}

static int stream_pad(struct sm_loader *l, struct xpt *x, struct sm_err *err) {
    for (; x->rec_at < x->rec_n; x->rec_at++)
        if (x->rec[x->rec_at] != ' ' && x->rec[x->rec_at] != 0)
            return load_fail(l, err, "byte %" PRIu64 ": padding must stand here", x->offset - REC + x->rec_at);
    x->rec_at = x->rec_n = 0;
    return SM_OK;
}

/* ---- texts and numbers ------------------------------------------------------------------------------ */
static uint32_t be(const char *p, int n) {
    uint32_t v = 0;
    for (int i = 0; i < n; i++) v = v << 8 | (unsigned char)p[i];
    return v;
}

static struct sm_str trimmed(const char *p, size_t n) {
    while (n > 0 && (p[n - 1] == ' ' || p[n - 1] == 0)) n--;
    return (struct sm_str){p, n};
}

/* As UTF-8: by the declared encoding, else as it is, else by Windows-1252. */
static int as_utf8(struct sm_loader *l, struct xpt *x, struct sm_str *s, struct sm_err *err) {
    const struct sm_charmap *map = l->map;
    if (!map && sm_utf8_invalid(*s, NULL) == SIZE_MAX) return SM_OK;
    if (!map) {
        bool fits;
        if (!x->latin) {
            x->latin = sm_alloc(1, sizeof *x->latin);
            int rc = x->latin ? sm_charmap_make(x->latin, "WINDOWS-1252", &fits, err) : sm_fail(err, SM_ENOMEM, "out of memory");
            if (rc) return rc;
        }
        map = x->latin;
        l->recoded++;
    }
    sm_buf_clear(&x->text);
    for (size_t i = 0; i < s->n; i++) {
        unsigned char c = (unsigned char)s->p[i];
        if (map->n[c] == 0) return load_fail(l, err, "byte %" PRIu64 ": 0x%02X is no character", x->offset, c);
        sm_buf_add(&x->text, map->c[c], map->n[c]);
    }
    *s = sm_buf_str(&x->text);
    return sm_buf_check(&x->text, err);
}

static int dup_utf8(struct sm_loader *l, struct xpt *x, struct sm_str s, struct sm_str *to, struct sm_err *err) {
    *to = SM_STR("");
    if (s.n == 0) return SM_OK;
    int rc = as_utf8(l, x, &s, err);
    if (!rc) *to = sm_arena_dup(&l->arena, s);
    return rc || to->p ? rc : sm_fail(err, SM_ENOMEM, "out of memory");
}

/* IBM double of n bytes: sign, exponent of 16 (excess 64), fraction of 56 bits. False for a missing. */
static bool ibm_double(const char *p, uint32_t n, double *ret) {
    uint64_t u = 0;
    for (uint32_t i = 0; i < 8; i++) u = u << 8 | (i < n ? (unsigned char)p[i] : 0u);
    unsigned char c = (unsigned char)p[0];
    uint64_t frac = u & (((uint64_t)1 << 56) - 1);
    *ret = 0;
    if (frac == 0) return !(c == '.' || c == '_' || (c >= 'A' && c <= 'Z'));
    int exponent = ((int)(u >> 56 & 0x7F) - 64) * 4 - 56;
    double d = (double)frac; /* rounds to nearest, as it must */
    for (; exponent >= 32; exponent -= 32) d *= 4294967296.0;
    for (; exponent > 0; exponent--) d *= 2;
    for (; exponent <= -32; exponent += 32) d /= 4294967296.0;
    for (; exponent < 0; exponent++) d /= 2;
    *ret = u >> 63 ? -d : d;
    return true;
}

/* ---- headers ---------------------------------------------------------------------------------------- */
static bool number_at(const char *p, size_t n, uint64_t *ret) {
    struct sm_str s = sm_str_trim(sm_str_n(p, n));
    return s.n > 0 && sm_str_to_u64(s, ret);
}

static int namestr(struct sm_loader *l, struct xpt *x, uint32_t i, uint32_t size, struct sm_err *err) {
    char b[NAMESTR];
    int rc = stream(l, x, b, size, err);
    if (rc) return rc;
    struct sm_dsvar *v = &l->info.var[i];
    struct xpt_var *xv = &x->var[i];
    uint32_t type = be(b, 2);
    struct sm_str name = trimmed(b + 8, 8), longer = trimmed(b + 88, 32);
    *xv = (struct xpt_var){be(b + 84, 4), be(b + 4, 2), type == 1};
    if ((type != 1 && type != 2) || xv->n == 0 || (type == 1 && (xv->n < 2 || xv->n > 8)) || xv->at != x->row_n)
        return load_fail(l, err, "byte %" PRIu64 ": descriptor of variable %u is damaged", x->offset, i + 1);
    x->row_n += xv->n;
    rc = dup_utf8(l, x, x->v8 && longer.n ? longer : name, &v->name, err);
    if (!rc && v->name.n == 0) return load_fail(l, err, "byte %" PRIu64 ": variable %u has no name", x->offset, i + 1);
    if (!rc) rc = dup_utf8(l, x, trimmed(b + 16, 40), &v->label, err);
    v->is_num = xv->num;
    v->is_dtc = !v->is_num && load_name_is_dtc(v->name);
    v->length = xv->n;
    for (uint32_t k = 0; !rc && k < i; k++)
        if (sm_str_eq_nocase(l->info.var[k].name, v->name)) return load_fail(l, err, "variable %.*s stands there twice", SM_STR_FMT(v->name));
    return rc;
}

static int namestrs(struct sm_loader *l, struct xpt *x, uint32_t size, const char head[REC], struct sm_err *err) {
    uint64_t n;
    if (!number_at(head + 48, 10, &n)) return load_fail(l, err, "number of variables is damaged");
    int rc = load_vars(l, n > UINT32_MAX ? UINT32_MAX : (uint32_t)n, err);
    if (rc) return rc;
    x->var = sm_alloc(l->info.nvar, sizeof *x->var);
    if (!x->var) return sm_fail(err, SM_ENOMEM, "out of memory");
    for (uint32_t i = 0; !rc && i < l->info.nvar; i++) rc = namestr(l, x, i, size, err);
    if (!rc && x->row_n > LOAD_MAX_RECORD) rc = sm_fail(err, SM_ELIMIT, "%s: records of more than 16 MiB", l->path);
    return rc ? rc : stream_pad(l, x, err);
}

/* Version 8 keeps labels of more than 40 bytes (LABELV8), and formats (LABELV9), in entries of their own. */
static int labels(struct sm_loader *l, struct xpt *x, const char head[REC], struct sm_err *err) {
    uint64_t n;
    bool v9 = is_header(head, "LABELV9 ");
    int lengths = v9 ? 5 : 3, rc = SM_OK;
    if (!number_at(head + 48, 30, &n)) return load_fail(l, err, "number of long labels is damaged");
    for (uint64_t i = 0; i < n && !rc; i++) {
        char b[10], *text;
        rc = stream(l, x, b, (size_t)lengths * 2, err);
        if (rc) return rc;
        uint32_t at = be(b, 2), name = be(b + 2, 2), skip = v9 ? be(b + 4, 2) + be(b + 6, 2) : 0, label = be(b + (v9 ? 8 : 4), 2);
        if (at == 0 || at > l->info.nvar) return load_fail(l, err, "byte %" PRIu64 ": long label of no variable", x->offset);
        text = sm_alloc(name + skip + label + 1, 1);
        if (!text) return sm_fail(err, SM_ENOMEM, "out of memory");
        rc = stream(l, x, text, name + skip + label, err);
        if (!rc && label) rc = dup_utf8(l, x, trimmed(text + name + skip, label), &l->info.var[at - 1].label, err);
        sm_free(text);
    }
    return rc ? rc : stream_pad(l, x, err);
}

static int member(struct sm_loader *l, struct xpt *x, uint32_t *ret_size, struct sm_err *err) {
    char r[REC];
    uint64_t size;
    int rc = header(l, x, "MEMBER  ", "MEMBV8  ", r, err);
    if (rc) return rc;
    if (!number_at(r + 74, 4, &size) || (size != 140 && size != 136)) return load_fail(l, err, "byte %" PRIu64 ": descriptor size is neither 140 nor 136", x->offset - REC);
    *ret_size = (uint32_t)size;
    rc = header(l, x, "DSCRPTR ", "DSCPTV8 ", r, err);
    if (!rc) rc = must_record(l, x, r, err);
    if (!rc && memcmp(r, "SAS     ", 8) != 0) return load_fail(l, err, "byte %" PRIu64 ": member record is damaged", x->offset - REC);
    if (!rc) rc = dup_utf8(l, x, trimmed(r + 8, x->v8 ? 32 : 8), &l->info.name, err);
    if (!rc) rc = must_record(l, x, r, err);
    if (!rc) rc = dup_utf8(l, x, trimmed(r + 32, 40), &l->info.label, err);
    return rc;
}

static int xpt_open(struct sm_loader *l, struct sm_err *err) {
    struct xpt *x = l->state;
    char r[REC];
    uint32_t size = NAMESTR;
    uint64_t rows;
    sm_buf_init(&x->text, 0);
    int rc = load_bytes_open(l, NULL, &x->bytes, err);
    if (!rc) rc = must_record(l, x, r, err);
    if (rc) return rc;
    x->v8 = is_header(r, "LIBV8   ");
    if (!x->v8 && !is_header(r, "LIBRARY ")) return load_fail(l, err, "byte 0: library header is damaged");
    rc = must_record(l, x, r, err);
    if (!rc && memcmp(r, "SAS     SAS     SASLIB", 22) != 0) return load_fail(l, err, "byte 80: library record is damaged");
    if (!rc) rc = must_record(l, x, r, err);
    if (!rc) rc = member(l, x, &size, err);
    if (!rc) rc = header(l, x, "NAMESTR ", "NAMSTV8 ", r, err);
    if (!rc) rc = namestrs(l, x, size, r, err);
    if (!rc) rc = must_record(l, x, r, err);
    if (!rc && x->v8 && (is_header(r, "LABELV8 ") || is_header(r, "LABELV9 "))) {
        rc = labels(l, x, r, err);
        if (!rc) rc = must_record(l, x, r, err);
    }
    if (rc) return rc;
    if (!is_header(r, x->v8 ? "OBSV8   " : "OBS     ")) return load_fail(l, err, "byte %" PRIu64 ": the observation header must stand here", x->offset - REC);
    if (x->v8 && number_at(r + 48, 15, &rows) && rows > 0) l->want_rows = rows;
    x->data_at = x->offset;
    x->row = sm_alloc(x->row_n, 1);
    l->knows = SM_LOAD_LABELS | SM_LOAD_TYPES | SM_LOAD_LENGTHS | SM_LOAD_ORDER;
    return x->row ? SM_OK : sm_fail(err, SM_ENOMEM, "out of memory");
}

/* ---- rows ------------------------------------------------------------------------------------------- */
static bool all_blank(const char *p, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (p[i] != ' ') return false;
    return true;
}

/* Next row's bytes into x->row: SM_OK, or SM_EOF with *ret_rest bytes of it. */
static int row_read(struct sm_loader *l, struct xpt *x, uint32_t *ret_rest, struct sm_err *err) {
    uint32_t have = 0;
    while (have < x->row_n) {
        if (x->rec_at == x->rec_n) {
            int rc = x->eof ? SM_EOF : record(l, x, x->rec, err);
            x->eof = rc == SM_EOF;
            *ret_rest = have;
            if (rc) return rc;
            if (is_header(x->rec, "MEMBER  ") || is_header(x->rec, "MEMBV8  "))
                return load_fail(l, err, "byte %" PRIu64 ": a second dataset begins here; one a file is read", x->offset - REC);
            x->rec_at = 0;
            x->rec_n = REC;
        }
        uint32_t m = x->row_n - have < x->rec_n - x->rec_at ? x->row_n - have : (uint32_t)(x->rec_n - x->rec_at);
        memcpy(x->row + have, x->rec + x->rec_at, m);
        x->rec_at += m;
        have += m;
    }
    return SM_OK;
}

/* The file is at its end: the blanks there are padding (less than 80 bytes), or rows of blanks too. */
static int rows_end(struct sm_loader *l, struct xpt *x, uint32_t rest, struct sm_err *err) {
    if (!all_blank(x->row, rest)) return load_fail(l, err, "byte %" PRIu64 ": the file ends inside record %" PRIu64, x->offset, l->info.rows + x->blank + 1);
    uint64_t tail = x->blank * x->row_n + rest;
    x->due = 0;
    while (tail >= REC && x->due < x->blank) {
        x->due++;
        tail -= x->row_n;
    }
    if (tail >= REC) return load_fail(l, err, "byte %" PRIu64 ": more padding than there can be", x->offset);
    if (l->want_rows != UINT64_MAX && l->want_rows >= l->info.rows && l->want_rows - l->info.rows <= x->blank) x->due = l->want_rows - l->info.rows;
    return SM_OK;
}

static int row_cells(struct sm_loader *l, struct xpt *x, sm_val *to, struct sm_err *err) {
    for (uint32_t i = 0; i < l->info.nvar; i++) {
        const struct xpt_var *v = &x->var[i];
        const char *p = x->row + v->at;
        double d;
        if (v->num) {
            if (ibm_double(p, v->n, &d)) to[i] = load_cell_double(l, d);
            continue;
        }
        struct sm_str s = trimmed(p, v->n);
        int rc = s.n ? as_utf8(l, x, &s, err) : SM_OK;
        if (rc) return rc;
        enum load_cell got = load_cell(l, &l->info.var[i], s, &to[i]);
        if (got != LOAD_CELL_OK)
            return load_fail(l, err, "byte %" PRIu64 ", record %" PRIu64 ", %.*s: %s", x->data_at + (l->info.rows - 1) * x->row_n + v->at, l->info.rows,
                             SM_STR_FMT(l->info.var[i].name), load_cell_why(got));
    }
    return SM_OK;
}

static int xpt_next(struct sm_loader *l, struct sm_err *err) {
    struct xpt *x = l->state;
    uint32_t rest;
    if (x->due > 0) { /* rows of blanks before the one in x->row, or before the end */
        x->due--;
        x->blank--;
        (void)load_row(l);
        return SM_OK;
    }
    if (x->eof) return SM_EOF;
    if (!x->held) {
        int rc = row_read(l, x, &rest, err);
        while (!rc && all_blank(x->row, x->row_n)) {
            x->blank++;
            rc = row_read(l, x, &rest, err);
        }
        if (rc == SM_EOF) return rows_end(l, x, rest, err);
        x->held = true;
        x->due = x->blank;
        if (rc || x->due > 0) return rc;
    }
    x->held = false;
    return row_cells(l, x, load_row(l), err);
}

static void xpt_close(struct sm_loader *l) {
    struct xpt *x = l->state;
    sm_bytes_close(x->bytes);
    sm_buf_free(&x->text);
    sm_free(x->var);
    sm_free(x->row);
    sm_free(x->latin);
}

const struct sm_load_ops load_xpt_ops = {"xpt", sizeof(struct xpt), xpt_bid, xpt_open, xpt_next, xpt_close};
