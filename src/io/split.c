/* SPDX-License-Identifier: MIT */
#include "sdtmill/split.h"

#include "sdtmill/err.h"
#include "sdtmill/mem.h"
#include "sdtmill/scan.h"

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

/* A record with quotes, sixty-four bytes at a time; *_was is 1 if the byte before was such a sign.
 */
struct split_look {
    uint64_t inside; /* all bits: within quotes */
    uint64_t starts_was, close_was;
    uint64_t lines; /* LFs within quotes */
    uint64_t odd;   /* quotes that neither bound a field nor are doubled */
    uint8_t flags;
};

/* Where the record ends among these bytes: one bit, or none. */
static uint64_t split_look(struct split_look *k, const struct sm_split *s,
                           const struct sm_scan *x) {
    uint64_t quote = sm_scan_eq(x, s->quote), inside = sm_scan_between(quote) ^ k->inside;
    uint64_t lf = sm_scan_eq(x, '\n'), breaks = lf | sm_scan_eq(x, '\r');
    uint64_t end = breaks & ~inside, delim = sm_scan_eq(x, s->delimiter) & ~inside;
    end &= 0 - end;
    const uint64_t upto = end ? end | (end - 1) : UINT64_MAX;
    uint64_t open = quote & inside, close = quote & ~inside, shut = close << 1 | k->close_was;
    uint64_t starts = delim << 1 | k->starts_was;
    lf &= inside & upto;
    k->odd |= ((open & ~starts & ~shut) | (shut & ~(delim | end | open))) & upto;
    if (breaks & inside & upto) k->flags |= SM_SPAN_BREAK;
    if (lf) k->lines += (uint64_t)__builtin_popcountll(lf);
    k->inside = 0 - (inside >> 63);
    k->starts_was = delim >> 63;
    k->close_was = close >> 63;
    return end;
}

/* A whole record whose first quote is the one at *at, if all of its quotes are the bounds of fields
 * or doubled within them: *at is moved behind its line end. Otherwise it stays there: the record
 * has to be looked at byte by byte. */
static int split_quoted(struct sm_split *s, const char *p, size_t *at, size_t to,
                        struct sm_spans *out, struct sm_err *err) {
    struct split_look k = {.starts_was = 1, .flags = SM_SPAN_QUOTE};
    if (*at != s->start && p[*at - 1] != s->delimiter) return SM_OK;
    for (size_t i = *at; i < to; i += SM_SCAN) {
        char rest[SM_SCAN] = {0};
        size_t left = to - i;
        struct sm_scan x;
        if (left < SM_SCAN) memcpy(rest, p + i, left);
        sm_scan_load(&x, left < SM_SCAN ? rest : p + i, SM_SCAN);
        uint64_t bit = split_look(&k, s, &x);
        if (k.odd) return SM_OK;
        if (!bit) continue;
        size_t end = i + (size_t)__builtin_ctzll(bit), lf = p[end] == '\r' ? end + 1 : end;
        if (lf >= to || p[lf] != '\n') return SM_OK;
        s->flags = k.flags;
        int rc = split_emit(s, end, out, err);
        if (rc) return rc;
        s->line += k.lines + 1;
        *at = lf + 1;
        split_begin(s, *at);
        return SM_OK;
    }
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
            size_t quote = at;
            if (!s->quote || p[at] != s->quote) {
                a.lf = split_ahead(a.lf, &a, at, '\n');
                a.quote = split_ahead(a.quote, &a, at, s->quote);
                a.cr = split_ahead(a.cr, &a, at, '\r');
                quote = a.quote;
            }
            size_t end = a.cr + 1 == a.lf ? a.cr : a.lf;
            if (quote > at && a.lf < to && quote >= a.lf && a.cr >= end) {
                int rc = split_is_blank(s, p, at, end) ? SM_OK : split_emit(s, end, out, err);
                if (rc) return rc;
                if (!(s->after_cr && a.lf == at)) s->line++;
                at = a.lf + 1;
                split_begin(s, at);
                continue;
            }
            if (quote == at || (quote < a.lf && quote < a.cr)) {
                size_t next = quote;
                int rc = split_quoted(s, p, &next, to, out, err);
                if (rc) return rc;
                if (next > quote) at = next;
                if (next > quote) continue;
            }
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
