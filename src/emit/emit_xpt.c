/* SPDX-License-Identifier: MIT */
/* emit_xpt.c - SAS transport files, version 5: one dataset a file, records of 80 bytes, rows of fixed
 * length, numbers as IBM doubles. A dataset that is larger than a limit is written in parts, each a
 * file of its own with the same headers. Whatever does not fit is a finding, and then no file is written. */
#include "emit_priv.h"

#include "sdtmill/buf.h"
#include "sdtmill/err.h"
#include "sdtmill/mem.h"
#include "sdtmill/num.h"
#include "sdtmill/utf8.h"

enum { RECORD = 80, NAMESTR = 140, NUMBER = 8, TEXT_MOST = 200, STAMP = 16, NUMBER_BITS = 12 };
static const struct emit_limits limits = {.name = 8, .label = 40, .text = TEXT_MOST, .vars = 9999};

struct xpt_number { sm_val v; uint64_t ibm; }; /* ibm: NOT_FINE for what is no such number */
#define NOT_FINE UINT64_MAX
struct xpt {
    struct emit_ready_memo memo;
    struct xpt_number number[1 << NUMBER_BITS];
    struct xpt_field {
        uint32_t column, width, is_num; /* width: bytes in a row */
        uint64_t over;                  /* bytes of an inline text that do not fit */
    } *field;                           /* [nvar] */
    size_t cap_field;
    size_t row;                         /* bytes of a row */
    struct sm_buf ascii;                /* a text that was transliterated */
    uint64_t spelled;                   /* how many there were in the dataset */
    char stamp[STAMP + 1];
    uint64_t most, here;                /* rows that a part holds, and those in this one; most 0: no parts */
};

/* Texts that are not ready to be copied: longer, or with other than printable ASCII. */
enum mark { MARK_READY = EMIT_READY_ALL, MARK_LONG, MARK_ODD };

/* ---- numbers ------------------------------------------------------------------------------------- */
/* The IBM form of x, big-endian as a number; false when x is too great, or too small but not 0. */
static bool ibm_double(double x, uint64_t *ret) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int e = (int)(bits >> 52 & 0x7FF) - 1022;
    uint64_t m = (bits & (((uint64_t)1 << 52) - 1));
    *ret = 0;
    if (e == -1022) return m == 0;
    m |= (uint64_t)1 << 52;
    int h = (e + 3 + 4096) / 4 - 1024; /* ceil(e / 4) */
    int s = e - 4 * h;                 /* -3 .. 0 */
    if (h + 64 > 127 || h + 64 < 0) return false;
    *ret = (bits & (uint64_t)1 << 63) | (uint64_t)(h + 64) << 56 | m << (3 + s);
    return true;
}

static void make_number(struct xpt_number *n, const struct sm_texts *t, sm_val v) {
    double d = 0;
    n->v = v;
    if (!sm_val_to_num(t, v, &d) || !ibm_double(d, &n->ibm)) n->ibm = NOT_FINE;
}

static void put_big(char *p, uint64_t v, int n) {
    for (int i = 0; i < n; i++) p[i] = (char)(unsigned char)(v >> 8 * (n - 1 - i));
}

/* ---- head ---------------------------------------------------------------------------------------- */
static void put_text(char *p, size_t width, struct sm_str s) {
    memset(p, ' ', width);
    if (s.n) memcpy(p, s.p, s.n < width ? s.n : width);
}

static void put_header(struct sm_sink *k, const char *name, const char *digits) {
    char r[RECORD];
    put_text(r, RECORD, SM_STR("HEADER RECORD*******        HEADER RECORD!!!!!!!"));
    put_text(r + 20, 8, sm_str(name));
    put_text(r + 48, 32, sm_str(digits));
    sm_sink_write(k, r, RECORD);
}

/* ddMMMyy:hh:mm:ss of YYYY-MM-DDThh:mm:ss. */
static void make_stamp(struct sm_str iso, char out[STAMP + 1]) {
    static const char months[] = "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC";
    uint64_t m = 0;
    memcpy(out, "01JAN60:00:00:00", STAMP + 1);
    if (iso.n < 19 || !sm_str_to_u64(sm_str_n(iso.p + 5, 2), &m) || m < 1 || m > 12) return;
    memcpy(out, iso.p + 8, 2);
    memcpy(out + 2, months + (m - 1) * 3, 3);
    memcpy(out + 5, iso.p + 2, 2);
    memcpy(out + 8, iso.p + 11, 8);
}

/* The text itself, or what --transliterate makes of it. Good until the next call. */
static struct sm_str spell(struct sm_emitter *e, struct sm_str s) {
    struct xpt *x = e->state;
    if (!e->study->transliterate || emit_ascii_length(s) == s.n) return s;
    sm_buf_clear(&x->ascii);
    if (!sm_utf8_to_ascii(s, &x->ascii)) return s;
    x->spelled++;
    return sm_str_n(x->ascii.p ? x->ascii.p : "", x->ascii.n);
}

static void put_first_records(struct sm_emitter *e) {
    char r[RECORD];
    const char *stamp = ((const struct xpt *)e->state)->stamp;
    static const char zeros[] = "000000000000000000000000000000";
    put_header(e->sink, "LIBRARY", zeros);
    put_text(r, RECORD, SM_STR("SAS     SAS     SASLIB  9.4     SDTMILL"));
    memcpy(r + RECORD - STAMP, stamp, STAMP);
    sm_sink_write(e->sink, r, RECORD);
    put_text(r, RECORD, sm_str_n(stamp, STAMP));
    sm_sink_write(e->sink, r, RECORD);
    put_header(e->sink, "MEMBER", "000000000000000001600000000140");
    put_header(e->sink, "DSCRPTR", zeros);
    put_text(r, RECORD, SM_STR("SAS             SASDATA 9.4     SDTMILL"));
    put_text(r + 8, 8, e->ds->name);
    memcpy(r + RECORD - STAMP, stamp, STAMP);
    sm_sink_write(e->sink, r, RECORD);
    put_text(r, RECORD, sm_str_n(stamp, STAMP));
    put_text(r + 32, 40, spell(e, e->ds->label));
    sm_sink_write(e->sink, r, RECORD);
}

static void put_pad(struct sm_sink *k) {
    char blanks[RECORD];
    memset(blanks, ' ', RECORD);
    size_t over = (size_t)(sm_sink_size(k) % RECORD);
    if (over) sm_sink_write(k, blanks, RECORD - over);
}

static void put_variables(struct sm_emitter *e, const struct xpt *x) {
    char n[NAMESTR], digits[48];
    uint64_t at = 0;
    (void)snprintf(digits, sizeof digits, "000000%04u00000000000000000000", e->ds->nvar);
    put_header(e->sink, "NAMESTR", digits);
    for (uint32_t i = 0; i < e->ds->nvar; i++) {
        const struct sm_dsvar *v = &e->ds->var[i];
        memset(n, 0, sizeof n);
        put_big(n, v->is_num ? 1 : 2, 2);
        put_big(n + 4, x->field[i].width, 2);
        put_big(n + 6, i + 1, 2);
        put_text(n + 8, 8, v->name);
        put_text(n + 16, 40, spell(e, v->label));
        put_text(n + 56, 8, SM_STR(""));
        put_text(n + 72, 8, SM_STR(""));
        put_big(n + 84, at, 4);
        sm_sink_write(e->sink, n, NAMESTR);
        at += x->field[i].width;
    }
    put_pad(e->sink);
    put_header(e->sink, "OBS", "000000000000000000000000000000");
}

static void put_head(struct sm_emitter *e) {
    struct xpt *x = e->state;
    uint64_t spelled = x->spelled;
    put_first_records(e);
    put_variables(e, x);
    if (e->parted) x->spelled = spelled; /* the labels were counted before */
}

static int next_part(struct sm_emitter *e, struct sm_err *err) {
    struct xpt *x = e->state;
    if (e->parted) put_pad(e->sink);
    int rc = emit_part_next(e, x->here, err);
    if (rc) return rc;
    put_head(e);
    x->here = 0;
    return SM_OK;
}

/* The head is written; the rows follow it in one file, or in as many as the limit asks for. */
static int plan_parts(struct sm_emitter *e, struct sm_err *err) {
    struct xpt *x = e->state;
    const struct sm_dsinfo *d = e->ds;
    uint64_t limit = e->study->split_size, room = limit - limit % RECORD, head = sm_sink_size(e->sink);
    uint64_t least = head + (d->rows ? (x->row + RECORD - 1) / RECORD * RECORD : 0);
    if (!limit) return SM_OK;
    if (room < least)
        return sm_fail(err, SM_EUSAGE, "--split-size %" PRIu64 ": %.*s needs at least %" PRIu64 " bytes for its headers and a record",
                       limit, SM_STR_FMT(d->name), least);
    uint64_t most = x->row ? (room - head) / x->row : UINT64_MAX;
    if (d->rows <= most) return SM_OK;
    if ((d->rows - 1) / most >= EMIT_PARTS_MOST)
        return sm_fail(err, SM_EUSAGE, "--split-size %" PRIu64 ": %.*s would become more than %d parts", limit, SM_STR_FMT(d->name),
                       (int)EMIT_PARTS_MOST);
    x->most = most;
    return next_part(e, err);
}

static uint32_t width_of(const struct sm_dsvar *v, const struct sm_emit_study *s) {
    if (v->is_num) return NUMBER;
    uint32_t need = s->transliterate ? v->max_ascii : v->max_bytes;
    uint32_t n = v->length && (!v->length_planned || v->length > need) ? v->length : need;
    return n < 1 ? 1 : n > TEXT_MOST ? TEXT_MOST : n;
}

static int xpt_begin(struct sm_emitter *e, const struct sm_dsinfo *d, struct sm_err *err) {
    struct xpt *x = e->state;
    int rc = emit_check_names(e, &limits, err);
    if (!rc) rc = sm_grow(&x->field, &x->cap_field, (size_t)d->nvar + 1, sizeof *x->field, err);
    if (rc) return rc;
    x->row = 0;
    x->spelled = x->most = x->here = 0;
    for (uint32_t i = 0; i < d->nvar; i++) {
        const struct sm_dsvar *v = &d->var[i];
        const uint32_t width = width_of(v, e->study);
        x->field[i] = (struct xpt_field){d->column[i], width, v->is_num, width < 8 ? UINT64_MAX >> 8 * width : 0};
        x->row += width;
    }
    if (e->refused) return SM_OK;
    make_stamp(e->study->created, x->stamp);
    put_head(e);
    return plan_parts(e, err);
}

/* ---- rows ---------------------------------------------------------------------------------------- */
struct cell {
    struct sm_emitter *e;
    const struct sm_block *b;
    uint32_t row;
};

static uint32_t var_of(const struct cell *c, const struct xpt_field *f) {
    return (uint32_t)(f - ((const struct xpt *)c->e->plan)->field);
}

static void report_number(const struct cell *c, const struct xpt_field *f, sm_val v) {
    struct sm_valbuf buf;
    struct emit_breach b = {.code = SM_D_NUMBER_RANGE, .var = var_of(c, f), .block = c->b, .row = c->row,
        .value = sm_val_text(c->e->study->texts, v, &buf), .what = "value is no number, or outside 5.4e-79 to 7.2e75"};
    emit_report(c->e, &b);
    c->e->refused = true;
}

/* A value that is too long, or no ASCII from byte `ascii` on. */
static void report_text(const struct cell *c, const struct xpt_field *f, struct sm_str s, uint32_t ascii) {
    const struct sm_dsvar *v = &c->e->ds->var[var_of(c, f)];
    struct emit_breach b = {.var = var_of(c, f), .block = c->b, .row = c->row, .value = s};
    if (s.n > f->width) emit_report_too_long(c->e, &b, f->width, !v->length_planned && v->length && v->length <= TEXT_MOST);
    if (ascii < s.n) emit_report_not_ascii(c->e, &b);
}

static inline void put_number(const struct cell *c, const struct xpt_field *f, char *p, sm_val v) {
    uint64_t bits = (uint64_t)'.' << 56;
    if (v != SM_MISSING) {
        struct xpt *x = c->e->state;
        struct xpt_number *n = &x->number[v * UINT64_C(0x9E3779B97F4A7C15) >> (64 - NUMBER_BITS)];
        if (n->v != v) make_number(n, c->e->study->texts, v);
        bits = n->ibm;
        if (bits == NOT_FINE) report_number(c, f, v);
    }
    emit_store_left(p, bits);
}

/* A text that is not simply as it should be: in ASCII if that is asked for, or a finding. */
static void put_odd(const struct cell *c, const struct xpt_field *f, char *p, struct sm_str s) {
    struct sm_str ascii = spell(c->e, s);
    uint32_t good = emit_ascii_length(ascii);
    if (good < ascii.n) report_text(c, f, s, emit_ascii_length(s));
    else if (ascii.n > f->width) report_text(c, f, ascii, good);
    else memcpy(p, ascii.p, ascii.n);
}

static void make_ready(const struct sm_emitter *e, struct emit_ready *r, sm_val v) {
    struct sm_valbuf buf;
    struct sm_str s = sm_val_text(e->study->texts, v, &buf);
    bool ascii = emit_ascii_length(s) == s.n;
    emit_ready_clear(r, v, !ascii ? MARK_ODD : s.n > EMIT_READY_TEXT ? MARK_LONG : MARK_READY);
    r->n = (uint32_t)s.n;
    if (r->mark == MARK_READY) memcpy(r->text, s.p, s.n);
}

/* A text that is longer than those that are ready, or odd. */
static void put_any(const struct cell *c, const struct xpt_field *f, char *p, const struct emit_ready *r) {
    struct sm_valbuf buf;
    struct sm_str s = sm_val_text(c->e->study->texts, r->v, &buf);
    if (r->mark == MARK_LONG && s.n <= f->width)
        memcpy(p, s.p, s.n);
    else
        put_odd(c, f, p, s);
}

#define BLANKS(n) EMIT_FILL(' ', n)
static const uint64_t blanks[8] = EMIT_BEHIND(BLANKS);

/* p and what is behind it up to the end of the row is blank, and so it is when this is done. There
 * is room for EMIT_READY_TEXT bytes more. */
static inline void put_value(const struct cell *c, const struct xpt_field *f, char *p, sm_val v) {
    uint64_t left;
    if (sm_val_is_inline(v)) {
        const uint64_t filled = blanks[emit_short(v, &left)] | left;
        if (!(left & f->over) && emit_word_ascii(filled)) {
            emit_store_left(p, filled);
            return;
        }
    }
    struct emit_ready *r = emit_ready_at(&((struct xpt *)c->e->state)->memo, v);
    if (r->v != v) make_ready(c->e, r, v);
    if (r->mark == MARK_READY && r->n <= f->width)
        (void)emit_ready_put(p, r);
    else
        put_any(c, f, p, r);
}

static inline void put_row(const struct cell *c, char *p) {
    const struct xpt *plan = c->e->plan;
    const struct xpt_field *f = plan->field, *const end = f + c->e->ds->nvar;
    const sm_val *row = c->b->cell + (size_t)c->row * c->b->ncol;
    memset(p, ' ', plan->row);
    for (; f < end; p += f->width, f++) {
        const sm_val v = row[f->column];
        if (f->is_num)
            put_number(c, f, p, v);
        else if (v != SM_MISSING)
            put_value(c, f, p, v);
    }
}

static int put_rows(struct cell c, uint32_t to, struct sm_err *err) {
    const struct xpt *plan = c.e->plan;
    for (; c.row < to; c.row++) {
        char *p = sm_sink_reserve(c.e->sink, plan->row + EMIT_READY_TEXT);
        if (!p) return sm_sink_check(c.e->sink, err);
        put_row(&c, p);
        if (!c.e->refused) sm_sink_used(c.e->sink, plan->row);
    }
    return SM_OK;
}

/* How many of n rows go into this part, once it is the right one. */
static int part_room(struct sm_emitter *e, uint32_t *n, struct sm_err *err) {
    struct xpt *x = e->state;
    if (!x->most || e->refused) return SM_OK;
    int rc = x->here == x->most ? next_part(e, err) : SM_OK;
    if (*n > x->most - x->here) *n = (uint32_t)(x->most - x->here);
    x->here += *n;
    return rc;
}

static int xpt_block(struct sm_emitter *e, const struct sm_block *b, struct sm_err *err) {
    struct cell c = {.e = e, .b = b};
    int rc = SM_OK;
    if (e->apart) return put_rows(c, b->nrow, err);
    for (uint32_t n; c.row < b->nrow && !rc; c.row += n) {
        n = b->nrow - c.row;
        rc = part_room(e, &n, err);
        if (!rc) rc = put_rows(c, c.row + n, err);
    }
    return rc;
}

static int xpt_put(struct sm_emitter *e, struct sm_emit_apart *a, struct sm_err *err) {
    struct xpt *x = e->state, *other = a->state;
    int rc = SM_OK;
    x->spelled += other->spelled;
    other->spelled = 0;
    if (!x->most && !e->refused) {
        sm_sink_move(e->sink, a->sink);
        return SM_OK;
    }
    const char *p = sm_sink_kept(a->sink).p;
    for (uint32_t done = 0, n; done < a->rows && !e->refused && !rc; done += n) {
        n = a->rows - done;
        rc = part_room(e, &n, err);
        if (!rc) sm_sink_write(e->sink, p + done * x->row, n * x->row);
    }
    return rc;
}

static int xpt_end(struct sm_emitter *e, const struct sm_dsinfo *d, struct sm_err *err) {
    struct xpt *x = e->state;
    char what[96];
    (void)d;
    put_pad(e->sink);
    if (x->spelled) {
        (void)snprintf(what, sizeof what, "%" PRIu64 " texts of this dataset were transliterated", x->spelled);
        emit_report(e, &(struct emit_breach){.code = SM_D_TRANSLITERATED, .var = EMIT_NO_VAR, .effect = SM_EFFECT_NONE, .what = what});
    }
    return sm_buf_check(&x->ascii, err);
}

static void xpt_close(struct sm_emitter *e) {
    struct xpt *x = e->state;
    sm_free(x->field);
    sm_buf_free(&x->ascii);
}

const struct sm_emit_ops emit_xpt = {.name = "xpt", .folder = "xpt", .suffix = ".xpt", .caps = SM_EMIT_FACTS | SM_EMIT_APART,
    .state_size = sizeof(struct xpt), .begin = xpt_begin, .block = xpt_block, .put = xpt_put, .end = xpt_end, .close = xpt_close};
