/* SPDX-License-Identifier: MIT */
#include <csv.h>

#include "read_priv.h"

/* Records in which quotes stand for more than the bounds of a field and themselves are libcsv's.
 * The others, where its rules come down to cutting at delimiters and trimming blanks, are cut here,
 * mostly without copying a byte: sixty-four bytes at a time, many records in one go. Blanks and
 * quotes are looked at one by one only where they stand otherwise than usual. */
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
    sm_free(f->next);
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

/* ---- many records ------------------------------------------------------------------------------
 */
enum { FIELDS_LOOK = 8 }; /* times SM_SCAN bytes looked at in one go */
struct fields_run {
    const struct sm_scan_way *way;
    struct sm_scan scan;
    const struct sm_chunk *c;
    size_t at;  /* of the next bytes */
    size_t odd; /* of the first byte that is odd */
};

/* Fields that end in the next bytes. False when nothing can be said of them. */
static bool fields_more(struct read_fields *f, struct fields_run *u, size_t *n) {
    if (u->at >= u->c->n || u->odd != SIZE_MAX) return false;
    size_t look = (u->c->n - u->at + SM_SCAN - 1) / SM_SCAN, odd;
    if (look > FIELDS_LOOK) look = FIELDS_LOOK;
    *n +=
        u->way->fields(&u->scan, u->c->data + u->at, look, (uint32_t)u->at, *n, f->next + *n, &odd);
    if (odd != SIZE_MAX) u->odd = u->at + odd;
    u->at += look * SM_SCAN;
    return true;
}

/* Does the record end where it should, and its first field begin where it should (a line of blanks
 * before it looks like a field)? And does nothing else speak against it, such as an empty first
 * field, or that of the header? */
static bool fields_are_usual(const struct sm_reader *r, const struct sm_chunk *c,
                             const struct sm_span *span, const uint32_t *next) {
    const struct sm_str first = read_many_field(c->data, span->at, next[0]), name = r->name[0];
    if ((next[r->nname - 1] & SM_SCAN_OFFSET) != span->at + span->n + 1) return false;
    if (first.n - 1 >= span->n || span->n > r->opts.max_field) return false;
    if (span->flags & (SM_SPAN_BROKEN | SM_SPAN_BREAK)) return false;
    return first.n != name.n || memcmp(first.p, name.p, first.n) != 0;
}

uint32_t read_fields_many(struct read_fields *f, const struct sm_reader *r,
                          const struct sm_chunk *c, size_t first, size_t most) {
    const struct sm_span *span = &c->rec.v[first];
    const size_t nname = r->nname, room = most * nname + FIELDS_LOOK * SM_SCAN + SM_SCAN_MORE;
    struct fields_run u = {.way = r->split.scan,
                           .scan = sm_scan_start(r->file->delimiter, r->file->quote),
                           .c = c,
                           .at = span->at,
                           .odd = SIZE_MAX};
    uint32_t k = 0;
    if (c->n >= SM_SCAN_OFFSET || !fields_room(f, nname)) return 0;
    if (sm_grow(&f->next, &f->cap_next, room, sizeof *f->next, NULL)) return 0;
    for (size_t n = 0; k < most; k++, span++) {
        while (n < (k + 1) * nname && fields_more(f, &u, &n)) {
        }
        if (n < (k + 1) * nname || u.odd <= span->at + (size_t)span->n) break;
        if (!fields_are_usual(r, c, span, f->next + k * nname)) break;
        f->start[k] = span->at;
    }
    f->n = r->nname;
    f->ascii = f->tidy = true;
    f->invalid = false;
    return k;
}

/* ---- one record --------------------------------------------------------------------------------
 */
/* Fields as they stand between delimiters that are not within quotes. False when not all of them
 * are taken. */
static bool fields_cut(struct read_fields *f, const struct sm_reader *r, bool quotes) {
    struct sm_scan scan = sm_scan_start(r->file->delimiter, quotes ? r->file->quote : '\0');
    const char *text = f->text.p, *from = text;
    const uint32_t max = r->opts.max_columns;
    for (size_t at = 0; at <= f->text.n; at += SM_SCAN) {
        const size_t left = f->text.n - at;
        char end[SM_SCAN] = {0}; /* the record ends with a line end here */
        uint32_t next[SM_SCAN + SM_SCAN_MORE];
        size_t odd;
        if (left < SM_SCAN) {
            memcpy(end, text + at, left);
            end[left] = '\n';
        }
        const char *look = left < SM_SCAN ? end : text + at;
        const size_t n = r->split.scan->fields(&scan, look, 1, 0, 0, next, &odd);
        if (f->n > max || !fields_room(f, (size_t)f->n + SM_SCAN)) return false;
        for (size_t i = 0; i < n; i++) {
            const char *to = text + at + (next[i] & SM_SCAN_OFFSET);
            f->v[f->n++] = (struct sm_str){from, (size_t)(to - 1 - from)};
            from = to;
        }
    }
    return f->n <= max && from == text + f->text.n + 1;
}

/* Two quotes stand for one. False if one stands alone. */
static bool field_double(struct sm_buf *cells, char quote, struct sm_str *v) {
    char *to = cells->p + cells->n, *start = to;
    for (size_t i = 0; i < v->n; i++) {
        if (v->p[i] == quote && (++i == v->n || v->p[i] != quote)) return false;
        *to++ = v->p[i];
    }
    *v = (struct sm_str){start, (size_t)(to - start)};
    cells->n += v->n;
    return true;
}

/* A field without blanks around it, without quotes around that. False if quotes stand elsewhere. */
static bool field_trim(const struct sm_scan *s, struct sm_buf *cells, char quote,
                       struct sm_str *v) {
    const char *from = v->p, *to = from + v->n;
    while (from < to && (*from == s->blank[0] || *from == s->blank[1]))
        from++;
    while (to > from && (to[-1] == s->blank[0] || to[-1] == s->blank[1]))
        to--;
    const bool quoted = quote && from < to && *from == quote;
    if (quoted) {
        if (to - from < 2 || to[-1] != quote) return false;
        from++;
        to--;
    }
    *v = (struct sm_str){from, (size_t)(to - from)};
    if (!quote || from == to || !memchr(from, quote, v->n)) return true;
    return quoted && field_double(cells, quote, v);
}

/* False when libcsv has to look at the record. */
static bool fields_tidy(struct read_fields *f, const struct sm_reader *r, bool quotes) {
    const char quote = quotes ? r->file->quote : '\0';
    const struct sm_scan s = sm_scan_start(r->file->delimiter, quote);
    f->n = 0;
    sm_buf_clear(&f->cells);
    bool taken =
        (!quotes || sm_buf_reserve(&f->cells, f->text.n + SM_SCAN)) && fields_cut(f, r, quotes);
    for (uint32_t i = 0; taken && i < f->n; i++)
        taken = field_trim(&s, &f->cells, quote, &f->v[i]);
    f->tidy = taken && f->ascii && !quotes;
    return taken;
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

bool read_fields_run(struct read_fields *f, const struct sm_reader *r, struct sm_str raw,
                     uint32_t flags) {
    f->text = raw;
    f->ascii = sm_utf8_is_ascii(raw);
    f->invalid = f->tidy = false;
    f->changed = true;
    if (!f->ascii && r->map) {
        if (!fields_decode(f, r->map, raw)) return false;
    } else if (!f->ascii) {
        f->invalid = sm_utf8_invalid(raw, NULL) != SIZE_MAX;
    }
    if (!(flags & SM_SPAN_BROKEN) && fields_tidy(f, r, flags & SM_SPAN_QUOTE)) return true;
    f->n = 0;
    return fields_csv(f, r);
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
