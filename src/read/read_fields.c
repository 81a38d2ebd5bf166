/* SPDX-License-Identifier: MIT */
#include <csv.h>

#include "read_priv.h"

/* Records in which quotes stand for more than the bounds of a field are libcsv's. The others, where
 * its rules come down to cutting at delimiters and trimming blanks, are cut here without copying a
 * byte: sixty-four bytes at a time, blanks and quotes being looked at one by one only where they
 * stand otherwise than usual. */
struct read_csv {
    struct csv_parser p;
    struct read_fields *f;
    size_t *end; /* of each field in f->cells */
    size_t cap, max;
    bool failed;
};

static void *csv_memory(void *p, size_t n) {
    return sm_resize(&p, n, 1, NULL) ? NULL : p;
}

int read_fields_open(struct read_fields *f, struct sm_err *err) {
    *f = (struct read_fields){0};
    sm_buf_init(&f->decoded, 0);
    sm_buf_init(&f->cells, 0);
    f->csv = sm_alloc(1, sizeof *f->csv);
    if (!f->csv) return sm_fail(err, SM_ENOMEM, "out of memory");
    if (csv_init(&f->csv->p, CSV_APPEND_NULL) != 0)
        return sm_fail(err, SM_ESTATE, "libcsv cannot be set up");
    csv_set_realloc_func(&f->csv->p, csv_memory);
    csv_set_free_func(&f->csv->p, sm_free);
    csv_set_blk_size(&f->csv->p, 65536);
    return SM_OK;
}

void read_fields_close(struct read_fields *f) {
    if (f->csv) {
        csv_free(&f->csv->p);
        sm_free(f->csv->end);
        sm_free(f->csv);
    }
    sm_free(f->v);
    sm_buf_free(&f->decoded);
    sm_buf_free(&f->cells);
    *f = (struct read_fields){0};
}

static void fields_csv_field(void *text, size_t n, void *ctx) {
    struct read_csv *c = ctx;
    uint32_t i = c->f->n++;
    if (i >= c->max || c->failed) return;
    if (i >= c->cap && sm_grow(&c->end, &c->cap, i + 1, sizeof *c->end, NULL)) {
        c->failed = true;
        return;
    }
    sm_buf_add(&c->f->cells, text, n);
    c->end[i] = c->f->cells.n;
}

static bool fields_room(struct read_fields *f, size_t n) {
    return n <= f->cap || sm_grow(&f->v, &f->cap, n, sizeof *f->v, NULL) == SM_OK;
}

static bool fields_csv(struct read_fields *f, const struct sm_reader *r) {
    struct read_csv *c = f->csv;
    csv_set_delim(&c->p, (unsigned char)r->file->delimiter);
    csv_set_quote(&c->p, (unsigned char)r->file->quote);
    sm_buf_clear(&f->cells);
    c->f = f;
    c->failed = false;
    c->max = r->opts.max_columns;
    f->changed = true;
    size_t n = csv_parse(&c->p, f->text.p, f->text.n, fields_csv_field, NULL, c);
    if (n != f->text.n || csv_fini(&c->p, fields_csv_field, NULL, c) != 0) return false;
    size_t stored = f->n < c->max ? f->n : c->max;
    if (c->failed || f->cells.failed || !fields_room(f, stored + 1)) return false;
    if (!sm_buf_reserve(&f->cells, SM_SCAN)) return false;
    const char *base = f->cells.p;
    for (size_t i = 0, at = 0; i < stored; at = c->end[i++])
        f->v[i] = (struct sm_str){base + at, c->end[i] - at};
    return true;
}

/* ---- records cut here --------------------------------------------------------------------------
 */
/* What is looked for in a record, and what is known of the byte before the next sixty-four. */
#define SM_INLINE inline __attribute__((always_inline))
struct cut {
    char delim, quote, blank[2];
    uint64_t delim_was, blank_was; /* 1 if it was such a sign */
    uint64_t inside;               /* all bits: within quotes */
    uint64_t space_was, open_was;  /* a blank, whatever else it is; a quote that opens */
    uint64_t odd;                  /* blanks or quotes stand where they need a look */
    uint64_t edge;                 /* blanks stand next to quotes that they are within */
    bool high;
};

static struct cut cut_start(const struct sm_reader *r) {
    char delim = r->file->delimiter;
    return (struct cut){.delim = delim,
                        .quote = r->file->quote,
                        .blank = {delim == ' ' ? '\t' : ' ', delim == '\t' ? ' ' : '\t'},
                        .delim_was = 1};
}

/* Where fields end in the next n bytes, 64 at most; the end of the record is such a place. Behind a
 * quote that closes stands a delimiter, a blank or a quote: otherwise the record would be broken.
 */
static SM_INLINE uint64_t cut_ends(struct cut *c, const char *p, size_t n, const bool quotes) {
    struct sm_scan x;
    sm_scan_load(&x, p, n < SM_SCAN ? n : SM_SCAN);
    uint64_t ends = sm_scan_eq(&x, c->delim), blank = sm_scan_either(&x, c->blank[0], c->blank[1]);
    c->high |= sm_scan_high(&x);
    if (n < SM_SCAN) ends |= (uint64_t)1 << n;
    if (!quotes) {
        uint64_t starts = ends << 1 | c->delim_was;
        c->odd |= (blank & starts) | (ends & (blank << 1 | c->blank_was));
        c->delim_was = ends >> 63;
        c->blank_was = blank >> 63;
        return ends;
    }
    uint64_t quote = sm_scan_eq(&x, c->quote), inside = sm_scan_between(quote) ^ c->inside;
    uint64_t close = quote & ~inside, open = quote & inside;
    uint64_t space = sm_is_blank(c->delim) ? blank | ends : blank;
    c->edge |= (space & (open << 1 | c->open_was)) | (close & (space << 1 | c->space_was));
    c->open_was = open >> 63;
    c->space_was = space >> 63;
    ends &= ~inside;
    blank &= ~inside;
    uint64_t starts = ends << 1 | c->delim_was;
    c->odd |= (blank & starts) | (ends & (blank << 1 | c->blank_was)) | (open & ~starts);
    c->inside = 0 - (inside >> 63);
    c->delim_was = ends >> 63;
    c->blank_was = blank >> 63;
    return ends;
}

/* Fields as they stand between delimiters that are not within quotes; with `bare`, those whose
 * first byte is a quote without their two quotes. False when not all of them are taken. */
static SM_INLINE bool cut_all(struct read_fields *f, struct cut *c, uint32_t max, const bool quotes,
                              const bool bare) {
    const char *text = f->text.p, *from = text;
    uint32_t n = 0;
    for (size_t at = 0; at <= f->text.n; at += SM_SCAN) {
        uint64_t ends = cut_ends(c, text + at, f->text.n - at, quotes);
        if (n > max || !fields_room(f, (size_t)n + SM_SCAN)) return false;
        struct sm_str *v = f->v + n;
        for (; ends; ends &= ends - 1, v++) {
            const char *to = text + at + __builtin_ctzll(ends);
            const size_t quoted = bare && from < to && *from == c->quote;
            *v = (struct sm_str){from + quoted, (size_t)(to - from) - 2 * quoted};
            from = to + 1;
        }
        n = (uint32_t)(v - f->v);
        if (bare && c->odd) return false;
    }
    f->n = n;
    return n <= max && from == text + f->text.n + 1;
}

/* A field that was cut at delimiters only: without blanks around it, without quotes around that.
 * False if quotes stand elsewhere. */
static bool cut_tidy(const struct cut *c, bool quotes, struct sm_str *s) {
    const char *from = s->p, *to = from + s->n;
    while (from < to && (*from == c->blank[0] || *from == c->blank[1]))
        from++;
    while (to > from && (to[-1] == c->blank[0] || to[-1] == c->blank[1]))
        to--;
    if (quotes && from < to && *from == c->quote) {
        if (to - from < 2 || to[-1] != c->quote) return false;
        from++;
        to--;
    }
    *s = (struct sm_str){from, (size_t)(to - from)};
    return !quotes || from == to || !memchr(from, c->quote, s->n);
}

/* Blanks around fields. False when libcsv has to look at the record. */
static bool fields_tidy(struct read_fields *f, const struct sm_reader *r, bool quotes) {
    struct cut c = cut_start(r);
    uint32_t max = r->opts.max_columns;
    bool taken = cut_all(f, &c, max, quotes, false);
    f->changed = true;
    for (uint32_t i = 0; taken && i < f->n; i++)
        taken = cut_tidy(&c, quotes, &f->v[i]);
    return taken;
}

/* False when fields need another look than the usual one. */
static bool fields_cut(struct read_fields *f, const struct sm_reader *r, bool quotes) {
    struct cut c = cut_start(r);
    uint32_t max = r->opts.max_columns;
    bool taken = quotes ? cut_all(f, &c, max, true, true) : cut_all(f, &c, max, false, false);
    f->changed = quotes;
    f->ascii = !c.high;
    f->tidy = !c.high && !c.edge;
    return taken && !c.odd;
}

/* A byte that is no character becomes the mark that a converted file would hold. */
static bool fields_decode(struct read_fields *f, const struct sm_charmap *map, struct sm_str raw) {
    sm_buf_clear(&f->decoded);
    if (!sm_buf_reserve(&f->decoded, raw.n * 4 + SM_SCAN)) return false;
    char *to = f->decoded.p;
    for (size_t i = 0; i < raw.n; i++) {
        unsigned char c = (unsigned char)raw.p[i];
        size_t n = map->n[c];
        if (n == 0) {
            f->invalid = true;
            *to++ = (char)0xFF;
            *to++ = (char)(0xE0 | c >> 4);
            *to++ = (char)(0xE0 | (c & 15));
            continue;
        }
        memcpy(to, map->c[c], 4);
        to += n;
    }
    f->decoded.n = (size_t)(to - f->decoded.p);
    f->text = sm_buf_str(&f->decoded);
    return true;
}

/* A record that is not the usual one: bytes above ASCII, blanks around fields, libcsv's. */
static bool fields_other(struct read_fields *f, const struct sm_reader *r, struct sm_str raw,
                         uint32_t flags, bool taken) {
    const bool broken = flags & SM_SPAN_BROKEN, quotes = flags & SM_SPAN_QUOTE;
    if (!taken) f->ascii = sm_utf8_is_ascii(raw);
    if (!f->ascii && r->map) {
        if (!fields_decode(f, r->map, raw)) return false;
        taken = !broken && fields_cut(f, r, quotes);
        f->ascii = false;
    } else if (!f->ascii) {
        f->invalid = sm_utf8_invalid(raw, NULL) != SIZE_MAX;
    }
    f->tidy = false;
    if (taken) return true;
    if (!broken && fields_tidy(f, r, quotes)) {
        f->tidy = f->ascii && !quotes;
        return true;
    }
    f->n = 0;
    return fields_csv(f, r);
}

bool read_fields_run(struct read_fields *f, const struct sm_reader *r, struct sm_str raw,
                     uint32_t flags) {
    f->n = 0;
    f->text = raw;
    f->invalid = false;
    bool taken = !(flags & SM_SPAN_BROKEN) && fields_cut(f, r, flags & SM_SPAN_QUOTE);
    if (!taken || !f->ascii) return fields_other(f, r, raw, flags, taken);
    if (flags & SM_SPAN_BREAK) f->tidy = false;
    return true;
}

uint32_t read_fields_invalid(const struct read_fields *f, const struct sm_reader *r,
                             unsigned *ret_byte) {
    uint32_t stored = f->n < r->opts.max_columns ? f->n : r->opts.max_columns;
    for (uint32_t i = 0; i < stored; i++) {
        size_t at = sm_utf8_invalid(f->v[i], NULL);
        if (at == SIZE_MAX) continue;
        const unsigned char *p = (const unsigned char *)f->v[i].p + at;
        *ret_byte = p[0];
        if (r->marked && p[0] == 0xFF && f->v[i].n - at >= 3)
            *ret_byte = (unsigned)(p[1] & 15) << 4 | (p[2] & 15);
        return i;
    }
    *ret_byte = 0;
    return 0;
}

bool read_fields_hash(struct read_fields *f, const struct sm_reader *r, struct sm_hash128 *ret) {
    if (!f->changed) {
        *ret = sm_hash128(f->text.p, f->text.n, 0);
        return true;
    }
    struct sm_buf join;
    sm_buf_init(&join, 0);
    uint32_t stored = f->n < r->opts.max_columns ? f->n : r->opts.max_columns;
    bool clear = true;
    for (uint32_t i = 0; i < stored; i++) {
        if (f->v[i].n && memchr(f->v[i].p, r->file->delimiter, f->v[i].n)) clear = false;
        if (i) sm_buf_add_byte(&join, r->file->delimiter);
        sm_buf_add_str(&join, f->v[i]);
    }
    for (uint32_t i = 0; i < stored && !clear; i++) {
        sm_buf_add_byte(&join, '\0');
        sm_buf_add_u64(&join, f->v[i].n);
    }
    *ret = sm_hash128(join.p ? join.p : "", join.n, clear ? 0 : 1);
    bool ok = !join.failed;
    sm_buf_free(&join);
    return ok;
}
