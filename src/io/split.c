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
                           .scan = sm_scan_best(),
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

static bool split_is_blank(const struct sm_split *s, const char *p, size_t from, size_t to) {
    while (from < to && s->cls[(unsigned char)p[from]] == CLS_BLANK)
        from++;
    return from == to;
}

/* ---- whole records -----------------------------------------------------------------------------
 * Nearly all records are whole lines whose quotes, if there are some, are the bounds of fields or
 * doubled within them: their ends are found sixty-four bytes at a time. */
enum { SPLIT_LOOK = 8 }; /* times SM_SCAN bytes looked at in one go */
struct split_lines {     /* the record under way */
    size_t start;
    uint64_t line;
    uint64_t quotes, breaks; /* not 0: it has some */
};

static uint64_t split_count(const char *p, size_t from, size_t to) {
    uint64_t n = 0;
    for (; from < to; from++)
        n += p[from] == '\n';
    return n;
}

/* The records that end among sixty-four bytes. */
static struct sm_span *split_ends(const struct sm_split *s, struct split_lines *k,
                                  struct sm_scan_records g, const char *p, size_t at,
                                  struct sm_span *to) {
    for (; g.ends; g.ends &= g.ends - 1) {
        const uint64_t upto = g.ends ^ (g.ends - 1);
        const size_t lf = at + (size_t)__builtin_ctzll(g.ends), start = k->start;
        const size_t end = lf > start && p[lf - 1] == '\r' ? lf - 1 : lf;
        to->at = (uint32_t)start;
        to->n = (uint32_t)(end - start);
        to->line = (uint32_t)(k->line - s->base_line);
        to->flags = (k->quotes | (g.quotes & upto)) ? SM_SPAN_QUOTE : 0;
        if (k->breaks | (g.breaks & upto)) {
            to->flags |= SM_SPAN_BREAK;
            k->line += split_count(p, start, end);
        }
        to += !split_is_blank(s, p, start, end);
        g.quotes &= ~upto;
        g.breaks &= ~upto;
        *k = (struct split_lines){.start = lf + 1, .line = k->line + 1};
    }
    k->quotes |= g.quotes;
    k->breaks |= g.breaks;
    return to;
}

/* Takes whole records from *at on, where one begins, up to the first that has to be looked at byte
 * by byte; *at is moved there. */
static int split_lines(struct sm_split *s, const char *p, size_t *at, size_t to,
                       struct sm_spans *out, struct sm_err *err) {
    struct sm_scan scan = sm_scan_start(s->delimiter, s->quote);
    struct split_lines k = {.start = *at, .line = s->line};
    struct sm_scan_records g[SPLIT_LOOK];
    bool odd = false;
    for (size_t i = *at; i < to && !odd;) {
        char rest[SM_SCAN] = {0};
        size_t left = to - i, n = left / SM_SCAN < SPLIT_LOOK ? left / SM_SCAN : SPLIT_LOOK;
        const char *from = n ? p + i : memcpy(rest, p + i, left);
        if (n == 0) n = 1;
        int rc = sm_grow(&out->v, &out->cap, out->n + n * SM_SCAN, sizeof *out->v, err);
        if (rc) return rc;
        s->scan->records(&scan, from, n, g);
        struct sm_span *span = out->v + out->n;
        for (size_t b = 0; b < n && !odd; b++, i += SM_SCAN) {
            odd = g[b].odd != 0;
            if (odd) g[b].ends &= (g[b].odd & (0 - g[b].odd)) - 1;
            span = split_ends(s, &k, g[b], p, i, span);
        }
        out->n = (size_t)(span - out->v);
    }
    *at = k.start;
    s->line = k.line;
    split_begin(s, k.start);
    return SM_OK;
}

int sm_split_feed(struct sm_split *s, const char *p, size_t from, size_t to, struct sm_spans *out,
                  struct sm_err *err) {
    if (to > UINT32_MAX) return sm_fail(err, SM_ELIMIT, "more than 4 GiB of records in one piece");
    for (size_t at = from; at < to;) {
        const bool half = s->after_cr && p[at] == '\n';
        int rc = SM_OK;
        if (s->state == ST_ROW && s->start == at && !half)
            rc = split_lines(s, p, &at, to, out, err);
        if (!rc && at < to) rc = split_bytes(s, p, &at, to, out, err);
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
