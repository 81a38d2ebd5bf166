/* SPDX-License-Identifier: MIT */
#include "read_priv.h"

#include "sdtmill/num.h"

/* read_clean.c - the text of one raw cell to a value: cleaned, missing words, recoded, of the
 * column's type. */

enum { CLEAN_NUMBER = 480, CLEAN_FORMATS = 96 };

/* Length of a mark that is dropped (U+FEFF, U+200E, U+200F) at p, or 0. */
static size_t clean_mark(const char *p, size_t n) {
    if (n < 3) return 0;
    if (memcmp(p, "\xEF\xBB\xBF", 3) == 0) return 3;
    if (memcmp(p, "\xE2\x80\x8E", 3) == 0 || memcmp(p, "\xE2\x80\x8F", 3) == 0) return 3;
    return 0;
}

static bool clean_is_break(char c) {
    return c == '\r' || c == '\n';
}

static struct sm_str clean_trim(struct sm_str s) {
    for (;;) {
        if (s.n && sm_is_blank(s.p[0]))
            s = (struct sm_str){s.p + 1, s.n - 1};
        else if (s.n > 1 && memcmp(s.p, "\xC2\xA0", 2) == 0)
            s = (struct sm_str){s.p + 2, s.n - 2};
        else
            break;
    }
    for (;;) {
        if (s.n && sm_is_blank(s.p[s.n - 1]))
            s.n--;
        else if (s.n > 1 && memcmp(s.p + s.n - 2, "\xC2\xA0", 2) == 0)
            s.n -= 2;
        else
            break;
    }
    return s;
}

struct sm_str read_clean(struct sm_str s, struct sm_buf *work) {
    size_t i = 0;
    while (i < s.n && !clean_is_break(s.p[i]) &&
           ((unsigned char)s.p[i] < 0x80 || !clean_mark(s.p + i, s.n - i)))
        i++;
    if (i == s.n) return clean_trim(s);
    sm_buf_clear(work);
    if (!sm_buf_reserve(work, s.n)) return (struct sm_str){NULL, 0}; /* the caller asks the buffer */
    char *to = work->p;
    memcpy(to, s.p, i);
    to += i;
    while (i < s.n) {
        const size_t mark = (unsigned char)s.p[i] < 0x80 ? 0 : clean_mark(s.p + i, s.n - i);
        if (mark) {
            i += mark;
        } else if (clean_is_break(s.p[i])) {
            while (i < s.n && clean_is_break(s.p[i]))
                i++;
            *to++ = ' ';
        } else {
            *to++ = s.p[i++];
        }
    }
    work->n = (size_t)(to - work->p);
    return clean_trim(sm_buf_str(work));
}

bool read_is_token(const struct sm_str *token, uint32_t n, struct sm_str s) {
    for (uint32_t i = 0; i < n; i++)
        if (sm_str_eq(token[i], s)) return true;
    return false;
}

/* ---- numbers --------------------------------------------------------------------------------- */
struct clean_num {
    struct sm_str s; /* what is left */
    char *out;
    size_t n;
    size_t digits; /* in a row, since the latest thousands sign */
    bool grouped;
};

static bool num_take(struct clean_num *c, const char *what) {
    struct sm_str w = sm_str(what);
    if (!sm_str_starts(c->s, w)) return false;
    c->s = (struct sm_str){c->s.p + w.n, c->s.n - w.n};
    return true;
}

/* A thousands sign: after one to three digits at first, then after each three. */
static bool num_group(struct clean_num *c, struct sm_str group) {
    const char *p = group.p, *end = p ? p + group.n : NULL;
    while (p && p < end) {
        const char *from = p;
        (void)sm_utf8_next(&p, end);
        struct sm_str sign = {from, (size_t)(p - from)};
        if (!sm_str_starts(c->s, sign)) continue;
        if (c->digits == 0 || c->digits > 3 || (c->grouped && c->digits != 3)) return false;
        c->s = (struct sm_str){c->s.p + sign.n, c->s.n - sign.n};
        c->grouped = true;
        c->digits = 0;
        return true;
    }
    return false;
}

static void num_digits(struct clean_num *c) {
    while (c->s.n && sm_is_digit(*c->s.p)) {
        c->out[c->n++] = *c->s.p;
        c->s = (struct sm_str){c->s.p + 1, c->s.n - 1};
        c->digits++;
    }
}

/* Digits, thousands signs, decimal sign. `tidy`: no plus sign, no needless zeros in front. */
static bool num_read(struct sm_str s, const struct sm_filecol *fc, bool tidy, char *out,
                     size_t *n) {
    struct clean_num c = {.s = s, .out = out, .n = *n};
    char decimal[2] = {fc->decimal ? fc->decimal : '.', '\0'};
    if (s.n == 0 || s.n > CLEAN_NUMBER / 2) return false;
    if (num_take(&c, "-") || num_take(&c, "\xE2\x88\x92"))
        out[c.n++] = '-';
    else if (num_take(&c, "+") && !tidy)
        out[c.n++] = '+';
    size_t whole = c.n;
    for (num_digits(&c); c.s.n && !sm_str_starts(c.s, sm_str(decimal)); num_digits(&c))
        if (!num_group(&c, fc->group)) return false;
    if (c.grouped && c.digits != 3) return false;
    bool any = c.n > whole;
    if (tidy && !any) out[c.n++] = '0';
    while (tidy && c.n > whole + 1 && out[whole] == '0') {
        memmove(out + whole, out + whole + 1, c.n - whole - 1);
        c.n--;
    }
    if (num_take(&c, decimal)) {
        size_t point = c.n;
        out[c.n++] = '.';
        num_digits(&c);
        if (c.n == point + 1)
            c.n--;
        else
            any = true;
    }
    *n = c.n;
    return any && c.s.n == 0;
}

/* Comparison signs stand as written; blanks between them and the number do not matter. */
static bool num_read_result(struct sm_str s, const struct sm_filecol *fc, char *out, size_t *n,
                            bool *ret_sign) {
    static const char *const signs[] = {"<=", ">=", "<", ">", "\xE2\x89\xA4", "\xE2\x89\xA5"};
    *ret_sign = false;
    for (size_t i = 0; i < SM_ARRAY_LEN(signs); i++) {
        struct sm_str sign = sm_str(signs[i]);
        if (!sm_str_starts(s, sign)) continue;
        memcpy(out, sign.p, sign.n);
        *n = sign.n;
        s = clean_trim((struct sm_str){s.p + sign.n, s.n - sign.n});
        *ret_sign = true;
        break;
    }
    return num_read(s, fc, false, out, n);
}

/* ---- types ----------------------------------------------------------------------------------- */
struct clean_raw {
    uint32_t field;
    struct sm_str text;
};

/* Header position and text of the raw cell behind a cell, as findings name it. */
static struct clean_raw clean_raw(const struct read_job *j, const struct read_cell *cell) {
    if (cell->field == SM_NO || cell->field >= j->f->n) return (struct clean_raw){0};
    return (struct clean_raw){cell->field + 1, read_field(j, cell->field)};
}

static void clean_find(struct read_job *j, const struct read_cell *cell, uint16_t code,
                       enum sm_effect effect, struct sm_str value, struct sm_str detail) {
    struct clean_raw raw = clean_raw(j, cell);
    j->found = true;
    read_find(j, code, effect, raw.field, raw.field ? raw.text : value, detail);
}

static void clean_range(struct read_job *j, const struct read_cell *cell, struct sm_str number) {
    const struct sm_column *c = cell->column;
    int order;
    bool low = c->has_min && sm_dec_cmp(number, c->min, &order) && order < 0;
    bool high = !low && c->has_max && sm_dec_cmp(number, c->max, &order) && order > 0;
    if (!low && !high) return;
    struct sm_str limit = low ? c->min : c->max;
    char text[160];
    (void)snprintf(text, sizeof text, "%s must be at %s %.*s", "the number", low ? "least" : "most",
                   (int)(limit.n > 60 ? 60 : limit.n), limit.p);
    clean_find(j, cell, SM_D_OUT_OF_RANGE, SM_EFFECT_KEPT, number, sm_str(text));
}

static sm_val clean_number(struct read_job *j, const struct read_cell *cell, struct sm_str s) {
    char out[CLEAN_NUMBER];
    size_t n = 0;
    if (!num_read(s, cell->fc, true, out, &n)) {
        clean_find(j, cell, SM_D_NOT_A_NUMBER, SM_EFFECT_BLANK, s, (struct sm_str){NULL, 0});
        return SM_MISSING;
    }
    clean_range(j, cell, (struct sm_str){out, n});
    return sm_val_make(j->w->in, (struct sm_str){out, n});
}

static sm_val clean_result(struct read_job *j, const struct read_cell *cell, struct sm_str s) {
    char out[CLEAN_NUMBER];
    size_t n = 0;
    bool sign;
    if (!num_read_result(s, cell->fc, out, &n, &sign)) return sm_val_make(j->w->in, s);
    if (!sign) clean_range(j, cell, (struct sm_str){out, n});
    return sm_val_make(j->w->in, (struct sm_str){out, n});
}

static sm_val clean_bad_date(struct read_job *j, const struct read_cell *cell, struct sm_str s,
                             bool fits) {
    enum sm_effect effect = cell->rejects ? SM_EFFECT_DROPPED : SM_EFFECT_BLANK;
    const bool time = cell->column->type == SM_COL_TIME;
    struct sm_str formats = sm_str(time ? "HH:MM" : "iso");
    if (cell->fc->dates) formats = sm_dtc_pattern_formats(cell->fc->dates);
    char text[160];
    if (formats.n > CLEAN_FORMATS) { /* whole characters */
        formats.n = CLEAN_FORMATS;
        while (formats.n && ((unsigned char)formats.p[formats.n] & 0xC0) == 0x80)
            formats.n--;
    }
    (void)snprintf(text, sizeof text, "%s %s; formats: %.*s", fits ? "there is no such" : "not a",
                   time ? "time" : "date", SM_STR_FMT(formats));
    clean_find(j, cell, SM_D_INVALID_DATE, effect, s, sm_str(text));
    if (cell->rejects) read_loses(j, SM_D_INVALID_DATE);
    return SM_MISSING;
}

static enum sm_dtc_fit clean_fit(struct read_job *j, const struct read_cell *cell, struct sm_str s,
                                 struct sm_dtc *ret) {
    if (cell->fc->dates) return sm_dtc_pattern_run(cell->fc->dates, &j->r->file->rules, s, ret);
    return sm_dtc_parse(s, ret) ? SM_DTC_FITS : SM_DTC_NO_FIT;
}

static void clean_other_date(struct read_job *j, const struct read_cell *cell, struct sm_str s,
                             const struct sm_dtc *d) {
    struct sm_dtc other;
    char a[SM_DTC_TEXT_MAX], b[SM_DTC_TEXT_MAX], text[160];
    if (!sm_dtc_pattern_other(cell->fc->dates, &j->r->file->rules, s, d, &other)) return;
    size_t n = sm_dtc_format(d, a), k = sm_dtc_format(&other, b);
    (void)snprintf(text, sizeof text, "read as %.*s, but the declared formats also allow %.*s",
                   (int)n, a, (int)k, b);
    clean_find(j, cell, SM_D_MIXED_ORDER, SM_EFFECT_KEPT, s, sm_str(text));
}

static sm_val clean_date(struct read_job *j, const struct read_cell *cell, struct sm_str s) {
    struct sm_dtc d;
    enum sm_dtc_fit fit = clean_fit(j, cell, s, &d);
    if (fit != SM_DTC_FITS) return clean_bad_date(j, cell, s, fit == SM_DTC_IMPOSSIBLE);
    if (cell->fc->dates) clean_other_date(j, cell, s, &d);
    return sm_val_from_dtc(j->w->in, &d);
}

/* HH, HH:MM or HH:MM:SS without declared formats. */
static bool clean_iso_time(struct sm_str s, struct sm_dtc *ret) {
    char text[SM_DTC_TEXT_MAX];
    if (s.n > 20) return false;
    int n = snprintf(text, sizeof text, "2000-01-01T%.*s", (int)s.n, s.p);
    return n > 0 && sm_dtc_parse((struct sm_str){text, (size_t)n}, ret);
}

/* Two more digits of a time; a colon between them. */
static size_t time_put(char *out, size_t n, int part) {
    if (n) out[n++] = ':';
    out[n++] = (char)('0' + part / 10);
    out[n++] = (char)('0' + part % 10);
    return n;
}

static sm_val clean_time(struct read_job *j, const struct read_cell *cell, struct sm_str s) {
    struct sm_dtc d;
    enum sm_dtc_fit fit;
    if (cell->fc->dates)
        fit = clean_fit(j, cell, s, &d);
    else
        fit = clean_iso_time(s, &d) ? SM_DTC_FITS : SM_DTC_NO_FIT;
    if (fit != SM_DTC_FITS) return clean_bad_date(j, cell, s, fit == SM_DTC_IMPOSSIBLE);
    char out[48];
    size_t n = 0;
    if (d.hour == SM_DTC_UNKNOWN) return SM_MISSING;
    n = time_put(out, n, d.hour);
    if (d.minute != SM_DTC_UNKNOWN) n = time_put(out, n, d.minute);
    if (d.minute != SM_DTC_UNKNOWN && d.second != SM_DTC_UNKNOWN) n = time_put(out, n, d.second);
    if (n == sizeof "HH:MM:SS" - 1 && d.frac_digits > 0)
        n += (size_t)snprintf(out + n, sizeof out - n, ".%0*" PRIu32, d.frac_digits, d.frac);
    return sm_val_make(j->w->in, (struct sm_str){out, n});
}

static sm_val clean_type(struct read_job *j, const struct read_cell *cell, sm_val v,
                         struct sm_str s) {
    switch (cell->column->type) {
    case SM_COL_NUMBER:
        return clean_number(j, cell, s);
    case SM_COL_RESULT:
        return clean_result(j, cell, s);
    case SM_COL_DATE:
        return sm_val_is_dtc(v) ? v : clean_date(j, cell, s);
    case SM_COL_TIME:
        return clean_time(j, cell, s);
    case SM_COL_TEXT:
        break;
    }
    if (cell->column->has_min || cell->column->has_max) clean_range(j, cell, s);
    return v == SM_MISSING ? sm_val_make(j->w->in, s) : v;
}

sm_val read_convert(struct read_job *j, const struct read_cell *cell, sm_val v, struct sm_str s) {
    if (read_is_token(cell->token, cell->ntoken, s)) return SM_MISSING;
    const struct sm_recode *recode = cell->fc->recode;
    struct sm_valbuf buf;
    if (recode) {
        if (v == SM_MISSING) v = sm_val_make(j->w->in, s);
        const sm_val *to = sm_lut_find(recode->map, &v);
        bool blank = !to && recode->unmatched == SM_UNMATCHED_BLANK;
        if (!to && recode->unmatched != SM_UNMATCHED_KEEP)
            clean_find(j, cell, SM_D_UNKNOWN_WORD, blank ? SM_EFFECT_BLANK : SM_EFFECT_KEPT, s,
                       (struct sm_str){NULL, 0});
        if (blank) return SM_MISSING;
        if (to) v = *to;
        s = sm_val_text(sm_intern_texts(j->w->in), v, &buf);
        if (s.n == 0) return SM_MISSING;
    }
    return clean_type(j, cell, v, s);
}
