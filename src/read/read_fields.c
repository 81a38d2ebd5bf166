/* SPDX-License-Identifier: MIT */
#include <csv.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "read_priv.h"

/* Records in which quotes stand for more than the bounds of a field are libcsv's. The others, where
 * its rules come down to cutting at delimiters and trimming blanks, are cut here without copying a
 * byte. */
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
    const char *base = f->cells.p ? f->cells.p : "";
    for (size_t i = 0, at = 0; i < stored; at = c->end[i++])
        f->v[i] = (struct sm_str){base + at, c->end[i] - at};
    return true;
}

/* ---- delimiters and quotes, in order ----------------------------------------------------------
 */
struct marks {
    const char *at, *end; /* bytes not looked at yet */
    const char *base;     /* of the bits */
    uint64_t bits;
    char delim, quote;
};

#ifdef __SSE2__
static inline uint64_t marks_of(const char *p, char delim, char quote) {
    __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i d = _mm_cmpeq_epi8(x, _mm_set1_epi8(delim)),
            q = _mm_cmpeq_epi8(x, _mm_set1_epi8(quote));
    return (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_or_si128(d, q));
}
#else
static inline uint64_t marks_of(const char *p, char delim, char quote) {
    uint64_t bits = 0;
    for (unsigned i = 0; i < 16; i++)
        bits |= (uint64_t)(p[i] == delim || p[i] == quote) << i;
    return bits;
}
#endif

/* Looks at the next 64 bytes at most. */
static void marks_more(struct marks *m) {
    size_t left = (size_t)(m->end - m->at), n = left < 64 ? left : 64;
    m->base = m->at;
    m->at += n;
    m->bits = 0;
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        m->bits |= marks_of(m->base + i, m->delim, m->quote) << i;
    if (i == n) return;
    char rest[16] = {0};
    memcpy(rest, m->base + i, n - i);
    m->bits |= (marks_of(rest, m->delim, m->quote) & (((uint64_t)1 << (n - i)) - 1)) << i;
}

/* The next one, or the end. */
static inline const char *marks_next(struct marks *m) {
    while (m->bits == 0) {
        if (m->at == m->end) return m->end;
        marks_more(m);
    }
    const char *p = m->base + __builtin_ctzll(m->bits);
    m->bits &= m->bits - 1;
    return p;
}

static inline const char *marks_next_of(struct marks *m, char c) {
    const char *p = marks_next(m);
    while (p != m->end && *p != c)
        p = marks_next(m);
    return p;
}

struct fields_one {
    const char *from, *to, *next;
};

/* A field whose first sign, at p, is a quote; next is NULL when libcsv has to look at it. */
static struct fields_one fields_quoted(struct marks *m, const char *p) {
    struct fields_one one = {p + 1, NULL, NULL};
    (void)marks_next_of(m, m->quote); /* the one at p */
    one.to = marks_next_of(m, m->quote);
    if (one.to == m->end) return one;
    const char *next = one.to + 1;
    while (next < m->end && sm_is_blank(*next) && *next != m->delim)
        next++;
    if (next == m->end || *next == m->delim) one.next = marks_next(m);
    return one;
}

static inline struct fields_one fields_plain(struct marks *m, const char *p) {
    struct fields_one one = {p, NULL, marks_next_of(m, m->delim)};
    one.to = one.next;
    while (one.to > p && sm_is_blank(one.to[-1]))
        one.to--;
    return one;
}

/* False when libcsv has to look at the record (*ret_retry), or out of memory. */
static bool fields_cut(struct read_fields *f, const struct sm_reader *r, bool quotes,
                       bool *ret_retry) {
    const char delim = r->file->delimiter, quote = quotes ? r->file->quote : delim;
    const char *p = f->text.p, *end = p + f->text.n;
    struct marks m = {p, end, p, 0, delim, quote};
    uint32_t n = 0, max = r->opts.max_columns;
    bool changed = false;
    for (;; n++, p++) {
        const char *from = p;
        if (n >= f->cap && n < max && !fields_room(f, (size_t)n + 1)) return false;
        while (p < end && sm_is_blank(*p) && *p != delim)
            p++;
        bool quoted = quotes && p < end && *p == quote;
        struct fields_one one = quoted ? fields_quoted(&m, p) : fields_plain(&m, p);
        *ret_retry = one.next == NULL;
        if (!one.next) return false;
        if (n < max) f->v[n] = (struct sm_str){one.from, (size_t)(one.to - one.from)};
        changed |= one.from != from || one.to != one.next;
        p = one.next;
        if (p == end) break;
    }
    f->n = n + 1;
    f->changed = changed;
    return true;
}

static bool fields_is_ascii(struct sm_str s) {
    size_t i = 0;
    for (; i + 8 <= s.n; i += 8) {
        uint64_t w;
        memcpy(&w, s.p + i, sizeof w);
        if (w & UINT64_C(0x8080808080808080)) return false;
    }
    for (; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80) return false;
    return true;
}

/* A byte that is no character becomes the mark that a converted file would hold. */
static bool fields_decode(struct read_fields *f, const struct sm_charmap *map, struct sm_str raw) {
    sm_buf_clear(&f->decoded);
    if (!sm_buf_reserve(&f->decoded, raw.n * 4)) return false;
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
    f->n = 0;
    f->text = raw;
    f->invalid = f->changed = false;
    f->ascii = fields_is_ascii(raw);
    if (!f->ascii && r->map) {
        if (!fields_decode(f, r->map, raw)) return false;
    } else if (!f->ascii) {
        f->invalid = sm_utf8_invalid(raw, NULL) != SIZE_MAX;
    }
    bool retry = (flags & SM_SPAN_BROKEN) != 0;
    if (!retry && fields_cut(f, r, flags & SM_SPAN_QUOTE, &retry)) return true;
    f->n = 0;
    return retry && fields_csv(f, r);
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
