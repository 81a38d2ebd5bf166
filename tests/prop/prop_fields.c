/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <csv.h>

#include "read/read_priv.h"

static uint64_t next_random(uint64_t *seed) {
    uint64_t z = *seed += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

static uint64_t bit(bool set, size_t i) {
    return (uint64_t)set << i;
}

/* Masks of sixty-four bytes are what looking at one byte after the other gives, wherever they lie
 * and however many of them count. */
static void masks_are_those_of_single_bytes(void **state) {
    (void)state;
    static const char letters[] = ",\" \t\n\xC3\xA4z,\"\x80\xFF\x7F";
    uint64_t seed = 3;
    for (int round = 0; round < 20000; round++) {
        char text[SM_SCAN * 2];
        bool any = round & 1;
        for (size_t i = 0; i < sizeof text; i++) {
            uint64_t r = next_random(&seed);
            text[i] = any ? (char)r : letters[r % (sizeof letters - 1)];
        }
        size_t at = (size_t)round % SM_SCAN, n = next_random(&seed) % (SM_SCAN + 1);
        struct sm_scan x;
        sm_scan_load(&x, text + at, n);
        uint64_t comma = 0, blank = 0, between = 0, quotes = 0;
        bool high = false, inside = false;
        for (size_t i = 0; i < n; i++) {
            char c = text[at + i];
            comma |= bit(c == ',', i);
            blank |= bit(c == ' ' || c == '\t', i);
            quotes |= bit(c == '"', i);
            high |= (unsigned char)c >= 0x80;
        }
        for (size_t i = 0; i < SM_SCAN; i++) {
            inside ^= quotes >> i & 1;
            between |= bit(inside, i);
        }
        assert_true(sm_scan_eq(&x, ',') == comma);
        assert_true(sm_scan_eq(&x, '"') == quotes);
        assert_true(sm_scan_either(&x, ' ', '\t') == blank);
        assert_true(sm_scan_high(&x) == high);
        assert_true(sm_scan_between(quotes) == between);
    }
}

/* ---- fields of one record ----------------------------------------------------------------------
 */
struct want {
    char v[8192];
    struct sm_str field[512];
    size_t n, used;
    bool row;
};

static void want_field(void *text, size_t n, void *ctx) {
    struct want *w = ctx;
    if (w->row || w->n == SM_ARRAY_LEN(w->field) || w->used + n > sizeof w->v) fail_msg("too much");
    if (n) memcpy(w->v + w->used, text, n);
    w->field[w->n++] = (struct sm_str){w->v + w->used, n};
    w->used += n;
}

static void want_row(int c, void *ctx) {
    (void)c;
    ((struct want *)ctx)->row = true;
}

static bool is_clean(struct sm_str s) {
    struct sm_buf work;
    sm_buf_init(&work, 0);
    struct sm_str clean = read_clean(s, &work);
    bool same = clean.n == s.n && (s.n == 0 || memcmp(clean.p, s.p, s.n) == 0);
    sm_buf_free(&work);
    return same;
}

static bool is_ascii(struct sm_str s) {
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80) return false;
    return true;
}

/* The record s, which is one, through libcsv and through the reader's own cutting. */
static void check_record(struct read_fields *f, const struct sm_reader *r, struct sm_str s,
                         const struct sm_span *span) {
    static struct want w;
    w.n = w.used = 0;
    w.row = false;
    struct csv_parser csv;
    if (csv_init(&csv, 0) != 0) fail_msg("libcsv cannot be set up");
    csv_set_delim(&csv, (unsigned char)r->file->delimiter);
    csv_set_quote(&csv, (unsigned char)r->file->quote);
    assert_int_equal(csv_parse(&csv, s.p, s.n, want_field, want_row, &w), s.n);
    assert_int_equal(csv_fini(&csv, want_field, want_row, &w), 0);
    csv_free(&csv);
    assert_true(read_fields_run(f, r, s, span->flags));
    if (f->n != w.n) fail_msg("%u fields, not %zu: %.*s", f->n, w.n, (int)s.n, s.p);
    size_t stored = f->n < r->opts.max_columns ? f->n : r->opts.max_columns;
    bool clean = true;
    for (size_t i = 0; i < stored; i++) {
        if (!sm_str_eq(f->v[i], (struct sm_str){w.field[i].n ? w.field[i].p : "", w.field[i].n}))
            fail_msg("field %zu is <%.*s>, not <%.*s>: %.*s", i + 1, (int)f->v[i].n, f->v[i].p,
                     (int)w.field[i].n, w.field[i].p, (int)s.n, s.p);
        clean &= is_clean(f->v[i]);
    }
    assert_int_equal(f->ascii, is_ascii(s));
    if (f->tidy && !clean) fail_msg("not tidy: %.*s", (int)s.n, s.p);
    struct sm_str join = {NULL, 0};
    char text[8192];
    for (size_t i = 0; i < stored; i++) {
        if (i) text[join.n++] = r->file->delimiter;
        if (f->v[i].n) memcpy(text + join.n, f->v[i].p, f->v[i].n);
        join.n += f->v[i].n;
    }
    if (!f->changed && stored == f->n && !(join.n == s.n && memcmp(text, s.p, s.n) == 0))
        fail_msg("not the fields joined: %.*s", (int)s.n, s.p);
}

struct kind {
    const char *letters;
    char delimiter, quote;
    uint32_t max;
};

/* Records of any length at any place, cut out of random bytes by the splitter. */
static void check_kind(const struct kind *k, uint64_t *seed, size_t longest) {
    struct sm_file file = {.delimiter = k->delimiter, .quote = k->quote};
    struct sm_reader r = {.file = &file, .opts = {.max_columns = k->max}};
    struct read_fields f;
    struct sm_split split;
    struct sm_spans spans = {0};
    char text[1024];
    size_t n = next_random(seed) % longest, count = strlen(k->letters);
    assert_int_equal(read_fields_open(&f, NULL), SM_OK);
    assert_int_equal(sm_split_init(&split, k->delimiter, k->quote, NULL), SM_OK);
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = k->letters[next_random(seed) % count];
    assert_int_equal(sm_split_feed(&split, text, 0, n, &spans, NULL), SM_OK);
    bool open = sm_split_end(&split, text, n, &spans, NULL) != SM_OK;
    assert_int_equal(open, sm_split_is_quoted(&split));
    for (size_t i = 0; i < spans.n; i++)
        check_record(&f, &r, (struct sm_str){text + spans.v[i].at, spans.v[i].n}, &spans.v[i]);
    sm_spans_free(&spans);
    read_fields_close(&f);
}

static void fields_are_those_of_libcsv(void **state) {
    (void)state;
    static const struct kind kinds[] = {{"abcdefgh,,\"", ',', '"', 400},
                                        {"ab,,c \t\"\"\n", ',', '"', 400},
                                        {"abcdefghijk\",\",\"\xC3\xA4", ',', '"', 400},
                                        {"abcdefghijklmnop;\"", ';', '"', 20},
                                        {"ab \t\t\"", '\t', '"', 400},
                                        {"ab \t||''\"", '|', '\'', 400},
                                        {"ab \t  \"", ' ', '"', 400},
                                        {"abc,,,  \"\n", ',', '\0', 400},
                                        {",,,,,\"\" ", ',', '"', 100}};
    uint64_t seed = 17;
    for (size_t i = 0; i < 30000; i++)
        check_kind(&kinds[i % SM_ARRAY_LEN(kinds)], &seed, i % 7 ? 40 : 400);
}

/* The same with quotes where most files have them. */
static void usual_quotes_are_those_of_libcsv(void **state) {
    (void)state;
    static const char *const parts[] = {"a",
                                        "",
                                        "\"a\"",
                                        "\"\"",
                                        "\"a,b\"",
                                        "\" a\"",
                                        "\"a \"",
                                        " \"a\" ",
                                        "\"a\"\"b\"",
                                        "a b",
                                        "5\" x",
                                        "\"\t\"",
                                        " ",
                                        "\"a\nb\"",
                                        "\xC3\xA4",
                                        "\"a\"\t",
                                        "\"\"\"a\"",
                                        "ab\"c,d\"",
                                        "longer text, of words"};
    struct sm_file file = {.delimiter = ',', .quote = '"'};
    struct sm_reader r = {.file = &file, .opts = {.max_columns = 1000}};
    struct read_fields f;
    assert_int_equal(read_fields_open(&f, NULL), SM_OK);
    uint64_t seed = 23;
    for (int i = 0; i < 30000; i++) {
        char text[2048] = "x";
        size_t n = 1, fields = next_random(&seed) % 20;
        for (size_t k = 0; k < fields; k++)
            n += (size_t)snprintf(text + n, sizeof text - n, ",%s",
                                  parts[next_random(&seed) % SM_ARRAY_LEN(parts)]);
        struct sm_spans spans = {0};
        struct sm_split split;
        assert_int_equal(sm_split_init(&split, ',', '"', NULL), SM_OK);
        assert_int_equal(sm_split_feed(&split, text, 0, n, &spans, NULL), SM_OK);
        assert_int_equal(sm_split_end(&split, text, n, &spans, NULL), SM_OK);
        for (size_t k = 0; k < spans.n; k++)
            check_record(&f, &r, (struct sm_str){text + spans.v[k].at, spans.v[k].n}, &spans.v[k]);
        sm_spans_free(&spans);
    }
    read_fields_close(&f);
}

/* One thing out of the ordinary at any place of a record that is otherwise plain. */
static void oddities_are_seen_wherever_they_stand(void **state) {
    (void)state;
    static const char *const parts[] = {
        ",a ,b",     ", a,b",     ",\"a\" ,b",     ", \"a\",b",   ",a\"b,c\"",       ",\"a\"\"\",b",
        ",\" a\",b", ",\"a \",b", ",\"\xC3\xA4\"", ",\"a,b\",c",  ",\"a\nb\",\"c\"", ",  ,",
        ",\"\"",     ",a ",       ",\"a\" ",       ",\"a,b\" ,\t"};
    struct sm_file file = {.delimiter = ',', .quote = '"'};
    struct sm_reader r = {.file = &file, .opts = {.max_columns = 1000}};
    struct read_fields f;
    assert_int_equal(read_fields_open(&f, NULL), SM_OK);
    for (size_t i = 0; i < SM_ARRAY_LEN(parts) * 140; i++) {
        char text[512] = {0};
        const char *part = parts[i % SM_ARRAY_LEN(parts)];
        size_t before = i / SM_ARRAY_LEN(parts);
        for (size_t k = 0; k < before; k++)
            text[k] = k % 8 == 7 ? ',' : 'x';
        size_t n = before + (size_t)snprintf(text + before, sizeof text - before, "%s", part);
        struct sm_span span = {.n = (uint32_t)n};
        if (strchr(part, '"')) span.flags |= SM_SPAN_QUOTE;
        if (strchr(part, '\n')) span.flags |= SM_SPAN_BREAK;
        check_record(&f, &r, (struct sm_str){text, n}, &span);
    }
    read_fields_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masks_are_those_of_single_bytes),
        cmocka_unit_test(fields_are_those_of_libcsv),
        cmocka_unit_test(oddities_are_seen_wherever_they_stand),
        cmocka_unit_test(usual_quotes_are_those_of_libcsv),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
