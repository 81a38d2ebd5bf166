/* SPDX-License-Identifier: MIT */
#include "sdtmill/split.h"

#include "sdtmill/err.h"
#include "sdtmill/mem.h"

enum split_class { CLS_OTHER, CLS_BLANK, CLS_CR, CLS_LF, CLS_DELIM, CLS_QUOTE, CLS_COUNT };
enum split_state {
    ST_ROW,       /* nothing of a record but blanks yet */
    ST_FIELD,     /* at the start of a field, blanks passed */
    ST_PLAIN,     /* inside an unquoted field */
    ST_QUOTED,    /* inside a quoted field */
    ST_CLOSED,    /* behind a quote that may close the field */
    ST_CLOSED_SP, /* the same, blanks passed */
    ST_COUNT
};
/* What else a step does, above the next state. */
enum { DO_STATE = 0x0F, DO_END = 0x10, DO_BROKEN = 0x20, DO_OPEN = 0x40 };

static const uint8_t split_step[ST_COUNT][CLS_COUNT] = {
    /* other, blank, CR, LF, delimiter, quote */
    [ST_ROW] = {ST_PLAIN, ST_ROW, ST_ROW, ST_ROW, ST_FIELD, ST_QUOTED | DO_OPEN},
    [ST_FIELD] = {ST_PLAIN, ST_FIELD, ST_ROW | DO_END, ST_ROW | DO_END, ST_FIELD,
                  ST_QUOTED | DO_OPEN},
    [ST_PLAIN] = {ST_PLAIN, ST_PLAIN, ST_ROW | DO_END, ST_ROW | DO_END, ST_FIELD, ST_PLAIN},
    [ST_QUOTED] = {ST_QUOTED, ST_QUOTED, ST_QUOTED, ST_QUOTED, ST_QUOTED, ST_CLOSED},
    [ST_CLOSED] = {ST_QUOTED | DO_BROKEN, ST_CLOSED_SP, ST_ROW | DO_END, ST_ROW | DO_END, ST_FIELD,
                   ST_QUOTED},
    [ST_CLOSED_SP] = {ST_QUOTED | DO_BROKEN, ST_CLOSED_SP, ST_ROW | DO_END, ST_ROW | DO_END,
                      ST_FIELD, ST_CLOSED | DO_BROKEN},
};

static bool split_is_reserved(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\0' || (unsigned char)c >= 0x80;
}

int sm_split_init(struct sm_split *s, char delimiter, char quote, struct sm_err *err) {
    *s = (struct sm_split){.delimiter = delimiter,
                           .quote = quote,
                           .line = 1,
                           .base_line = 1,
                           .start_line = 1,
                           .quote_line = 1};
    bool blank = delimiter == ' ' || delimiter == '\t';
    if ((split_is_reserved(delimiter) && !blank) || delimiter == quote)
        return sm_fail(err, SM_ESPEC, "byte 0x%02X cannot be the delimiter",
                       (unsigned)(unsigned char)delimiter);
    if (quote && split_is_reserved(quote))
        return sm_fail(err, SM_ESPEC, "byte 0x%02X cannot be the quote",
                       (unsigned)(unsigned char)quote);
    s->cls[' '] = s->cls['\t'] = CLS_BLANK;
    s->cls['\r'] = CLS_CR;
    s->cls['\n'] = CLS_LF;
    s->cls[(unsigned char)delimiter] = CLS_DELIM;
    if (quote) s->cls[(unsigned char)quote] = CLS_QUOTE;
    s->state = ST_ROW;
    return SM_OK;
}

static int split_emit(struct sm_split *s, size_t end, struct sm_spans *out, struct sm_err *err) {
    if (out->n == out->cap) {
        int rc = sm_grow(&out->v, &out->cap, out->n + 1, sizeof *out->v, err);
        if (rc) return rc;
    }
    out->v[out->n++] = (struct sm_span){(uint32_t)s->start, (uint32_t)(end - s->start),
                                        (uint32_t)(s->start_line - s->base_line), s->flags};
    return SM_OK;
}

static void split_begin(struct sm_split *s, size_t at) {
    s->start = at;
    s->after_cr = false;
    s->start_line = s->line;
    s->flags = 0;
    s->state = ST_ROW;
}

/* Offset of the next byte that means something in this state. */
static size_t split_skip(const struct sm_split *s, const char *p, size_t i, size_t to) {
    static const uint8_t dull[ST_COUNT] = {[ST_PLAIN] = 1 << CLS_OTHER | 1 << CLS_BLANK,
                                           [ST_QUOTED] =
                                               1 << CLS_OTHER | 1 << CLS_BLANK | 1 << CLS_DELIM};
    unsigned mask = dull[s->state];
    while (mask && i < to && (mask >> s->cls[(unsigned char)p[i]] & 1))
        i++;
    return i;
}

/* One record (or what is there of it) byte by byte. *at is moved behind what was looked at. */
static int split_bytes(struct sm_split *s, const char *p, size_t *at, size_t to,
                       struct sm_spans *out, struct sm_err *err) {
    uint8_t state = s->state, flags = s->flags;
    for (size_t i = *at; i < to; i++) {
        s->state = state;
        i = split_skip(s, p, i, to);
        if (i == to) break;
        uint8_t cls = s->cls[(unsigned char)p[i]];
        uint8_t step = split_step[state][cls];
        state = step & DO_STATE;
        if (cls <= CLS_BLANK || cls == CLS_DELIM) {
            if (step & DO_BROKEN) flags |= SM_SPAN_BROKEN;
            continue;
        }
        if (step & DO_OPEN) s->quote_line = s->line;
        if (step & DO_BROKEN) flags |= SM_SPAN_BROKEN;
        if (cls == CLS_QUOTE) flags |= SM_SPAN_QUOTE;
        if (cls == CLS_LF && !(s->after_cr && i == s->start)) s->line++;
        if (cls == CLS_QUOTE) continue;
        if (state != ST_ROW) {
            flags |= SM_SPAN_BREAK;
            continue;
        }
        s->flags = flags;
        int rc = step & DO_END ? split_emit(s, i, out, err) : SM_OK;
        if (cls == CLS_CR) s->line++;
        split_begin(s, i + 1);
        s->after_cr = cls == CLS_CR;
        *at = i + 1;
        return rc;
    }
    s->state = state;
    s->flags = flags;
    *at = to;
    return SM_OK;
}

/* Offset of the next c in p[from..to), or `to`. */
static size_t split_next(const char *p, size_t from, size_t to, char c) {
    const char *q = memchr(p + from, c, to - from);
    return q ? (size_t)(q - p) : to;
}

static bool split_is_blank(const struct sm_split *s, const char *p, size_t from, size_t to) {
    while (from < to && s->cls[(unsigned char)p[from]] == CLS_BLANK)
        from++;
    return from == to;
}

/* Where the next signs are that end a line or a field; moved on as they are passed. */
struct split_ahead {
    const char *p;
    size_t to, lf, cr, quote;
};

static size_t split_ahead(size_t known, const struct split_ahead *a, size_t at, char c) {
    return known >= at ? known : split_next(a->p, at, a->to, c);
}

/* Passes the quoted field that opens at `at`: offset behind its closing quote, or 0 when the field
 * is not simply closed by a quote before a delimiter or line end. */
static size_t split_pass_quoted(const struct sm_split *s, struct split_ahead *a, size_t at,
                                uint64_t *lines, uint8_t *flags) {
    size_t close = at + 1;
    for (;; close += 2) {
        close = split_next(a->p, close, a->to, s->quote);
        if (close + 1 >= a->to) return 0;
        if (a->p[close + 1] != s->quote) break;
    }
    uint8_t cls = s->cls[(unsigned char)a->p[close + 1]];
    if (cls != CLS_DELIM && cls != CLS_LF && cls != CLS_CR) return 0;
    a->lf = split_ahead(a->lf, a, at, '\n');
    for (; a->lf < close; a->lf = split_next(a->p, a->lf + 1, a->to, '\n')) {
        ++*lines;
        *flags |= SM_SPAN_BREAK;
    }
    a->cr = split_ahead(a->cr, a, at, '\r');
    if (a->cr < close) *flags |= SM_SPAN_BREAK;
    return close + 1;
}

/* A whole record with quotes from *at on, if all of them are the bounds of fields or doubled within
 * them. *ret_taken false: it has to be looked at byte by byte. */
static int split_quoted(struct sm_split *s, struct split_ahead *a, size_t *at, bool *ret_taken,
                        struct sm_spans *out, struct sm_err *err) {
    uint64_t lines = 0, quote_line = s->quote_line;
    uint8_t flags = SM_SPAN_QUOTE;
    size_t i = *at;
    *ret_taken = false;
    for (;;) {
        a->lf = split_ahead(a->lf, a, i, '\n');
        a->cr = split_ahead(a->cr, a, i, '\r');
        a->quote = split_ahead(a->quote, a, i, s->quote);
        size_t end = a->cr < a->lf ? a->cr : a->lf;
        if (a->lf == a->to || (end == a->cr && a->cr + 1 != a->lf)) return SM_OK;
        if (a->quote > end) break;
        if (a->quote != *at && a->p[a->quote - 1] != s->delimiter) return SM_OK;
        quote_line = s->line + lines;
        i = split_pass_quoted(s, a, a->quote, &lines, &flags);
        if (i == 0) return SM_OK;
    }
    s->quote_line = quote_line;
    s->flags = flags;
    int rc = split_emit(s, a->cr < a->lf ? a->cr : a->lf, out, err);
    if (rc) return rc;
    s->line += lines + 1;
    *at = a->lf + 1;
    split_begin(s, *at);
    *ret_taken = true;
    return SM_OK;
}

/* Whole lines without quotes and lone CRs are by far the most common records: they are found by
 * their LF alone. */
int sm_split_feed(struct sm_split *s, const char *p, size_t from, size_t to, struct sm_spans *out,
                  struct sm_err *err) {
    if (to > UINT32_MAX) return sm_fail(err, SM_ELIMIT, "more than 4 GiB of records in one piece");
    struct split_ahead a = {p, to, 0, 0, 0};
    size_t at = from;
    if (at < to) {
        a.lf = split_next(p, at, to, '\n');
        a.cr = split_next(p, at, to, '\r');
        a.quote = s->quote ? split_next(p, at, to, s->quote) : to;
    }
    while (at < to) {
        if (s->state == ST_ROW && s->start == at) {
            a.lf = split_ahead(a.lf, &a, at, '\n');
            a.quote = split_ahead(a.quote, &a, at, s->quote);
            a.cr = split_ahead(a.cr, &a, at, '\r');
            size_t end = a.cr + 1 == a.lf ? a.cr : a.lf;
            bool taken = false;
            if (a.lf < to && a.quote >= a.lf && a.cr >= end) {
                int rc = split_is_blank(s, p, at, end) ? SM_OK : split_emit(s, end, out, err);
                if (rc) return rc;
                if (!(s->after_cr && a.lf == at)) s->line++;
                at = a.lf + 1;
                split_begin(s, at);
                continue;
            }
            int rc = a.lf < to ? split_quoted(s, &a, &at, &taken, out, err) : SM_OK;
            if (rc) return rc;
            if (taken) continue;
        }
        int rc = split_bytes(s, p, &at, to, out, err);
        if (rc) return rc;
    }
    return SM_OK;
}

int sm_split_end(struct sm_split *s, const char *p, size_t to, struct sm_spans *out,
                 struct sm_err *err) {
    (void)p;
    if (s->state == ST_QUOTED) return SM_EDATA;
    int rc = s->state == ST_ROW ? SM_OK : split_emit(s, to, out, err);
    if (rc == SM_OK) split_begin(s, to);
    return rc;
}

void sm_split_restart(struct sm_split *s, size_t at, uint64_t line) {
    const bool after_cr = s->after_cr && at == s->start;
    s->line = line;
    split_begin(s, at);
    s->after_cr = after_cr;
}

bool sm_split_is_quoted(const struct sm_split *s) {
    return s->state == ST_QUOTED;
}

void sm_spans_free(struct sm_spans *s) {
    sm_free(s->v);
    *s = (struct sm_spans){0};
}
