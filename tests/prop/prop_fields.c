/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <csv.h>

#include "random.h"
#include "read/read_priv.h"

/* How many ways of looking for signs there are here. */
static size_t all_ways(const struct sm_scan_way *way[SM_SCAN_WAYS]) {
    size_t n = 0;
    sm_scan_ways(way);
    assert_ptr_equal(way[0], sm_scan_best());
    while (n < SM_SCAN_WAYS && way[n])
        n++;
    return n;
}

/* All ways of looking see the same, wherever the bytes lie and in however many pieces. */
static void all_ways_see_the_same(void **state) {
    (void)state;
    enum { LOOKS = 4 };
    static const char letters[] = ",\" \t\r\n\xC3\xA4z,\"\x80\xFF\x7Fxyz,,";
    static const char signs[][2] = {{',', '"'}, {'\t', '"'}, {';', '\0'}, {' ', '\''}};
    const struct sm_scan_way *way[SM_SCAN_WAYS];
    const size_t ways = all_ways(way);
    uint64_t seed = 3;
    for (size_t round = 0; round < 20000; round++) {
        char text[SM_SCAN * (LOOKS + 1)];
        const size_t kinds = round % 3 == 0    ? sizeof letters - 1
                             : round % 16 == 1 ? 1
                                               : 7,
                     at = round % SM_SCAN;
        for (size_t i = 0; i < sizeof text; i++) {
            const uint64_t r = next_random(&seed);
            text[i] = round % 3 == 1       ? (char)r
                      : r & 1 && kinds > 1 ? 'a'
                                           : letters[(r >> 8) % kinds];
        }
        struct sm_scan_records records[2][LOOKS];
        uint32_t next[2][LOOKS * SM_SCAN + SM_SCAN_MORE];
        size_t n[2], odd[2];
        for (size_t w = 0; w < ways; w++) {
            const size_t to = w > 0;
            const char *sign = signs[round % SM_ARRAY_LEN(signs)];
            struct sm_scan s = sm_scan_start(sign[0], sign[1]);
            way[w]->records(&s, text + at, 1, records[to]);
            way[w]->records(&s, text + at + SM_SCAN, LOOKS - 1, records[to] + 1);
            s = sm_scan_start(sign[0], sign[1]);
            n[to] = way[w]->fields(&s, text + at, 1, 5, 0, next[to], &odd[to]);
            if (odd[to] == SIZE_MAX)
                n[to] += way[w]->fields(&s, text + at + SM_SCAN, LOOKS - 1, SM_SCAN + 5, n[to],
                                        next[to] + n[to], &odd[to]);
            assert_memory_equal(records[0], records[to], sizeof records[0]);
            assert_true(n[0] == n[to] && odd[0] == odd[to]);
            assert_memory_equal(next[0], next[to], n[0] * sizeof next[0][0]);
        }
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

/* Records cut together have the fields that each of them has for itself, whatever the way of
 * looking and wherever one starts. Gives how many were cut together. */
static size_t check_many(const struct sm_reader *as, const char *text, size_t n,
                         const struct sm_spans *spans) {
    const struct sm_scan_way *way[SM_SCAN_WAYS];
    const size_t ways = all_ways(way);
    struct sm_str name = SM_STR("x");
    struct sm_reader r = {.file = as->file, .opts = as->opts, .name = &name, .nname = 1};
    struct sm_chunk c = {.data = (char *)(uintptr_t)text, .n = n, .rec = *spans};
    struct read_fields many, one;
    size_t taken = 0;
    assert_int_equal(read_fields_open(&many, NULL), SM_OK);
    assert_int_equal(read_fields_open(&one, NULL), SM_OK);
    r.opts.max_field = n;
    for (size_t i = 0; i < spans->n * ways; i++) {
        const size_t first = i % spans->n, left = spans->n - first;
        const struct sm_span *span = &spans->v[first];
        r.split.scan = way[i / spans->n];
        assert_true(
            read_fields_run(&one, &r, (struct sm_str){text + span->at, span->n}, span->flags));
        r.nname = one.n;
        size_t got = read_fields_many(&many, &r, &c, first, left < READ_ROWS ? left : READ_ROWS);
        for (size_t k = 0; k < got; k++, span++, taken++) {
            const uint32_t *next = many.next + k * r.nname;
            assert_true(
                read_fields_run(&one, &r, (struct sm_str){text + span->at, span->n}, span->flags));
            if (one.n != r.nname)
                fail_msg("%u fields, not %u: %.*s", one.n, r.nname, (int)span->n, text + span->at);
            assert_true(one.ascii && !one.invalid);
            for (size_t v = 0; v < r.nname; v++) {
                struct sm_str s = read_many_field(text, v ? next[v - 1] : many.start[k], next[v]);
                if (!sm_str_eq(s, one.v[v]) || !is_clean(s))
                    fail_msg("field %zu is <%.*s>, not <%.*s>: %.*s", v + 1, (int)s.n, s.p,
                             (int)one.v[v].n, one.v[v].p, (int)span->n, text + span->at);
            }
        }
    }
    read_fields_close(&many);
    read_fields_close(&one);
    return taken;
}

struct kind {
    const char *letters;
    char delimiter, quote;
    uint32_t max;
};

/* Records of any length at any place, cut out of random bytes by the splitter. */
static void check_kind(const struct kind *k, uint64_t *seed, size_t longest) {
    struct sm_file file = {.delimiter = k->delimiter, .quote = k->quote};
    const struct sm_scan_way *way[SM_SCAN_WAYS];
    struct sm_reader r = {.file = &file, .opts = {.max_columns = k->max}};
    r.split.scan = way[*seed % all_ways(way)];
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
    (void)check_many(&r, text, n, &spans);
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
    r.split.scan = sm_scan_best();
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
    r.split.scan = sm_scan_best();
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

/* Lines of one number of fields, with something else between them now and then. */
static void records_are_cut_together(void **state) {
    (void)state;
    static const char *const parts[] = {
        "a",        "",     "\"a\"", "\"\"",       "\"a,b\"",  "longer text", "\"longer, text\"",
        "b c",      "12.5", "\"x\"", "\"a\"\"b\"", "\xC3\xA4", " a",          "\" a\"",
        "\"a\nb\"", "a\"b", "a,b",   "\n \n",      "\r"};
    static const char *const ends[] = {"\n", "\r\n", "\n\n"};
    const struct sm_file file = {.delimiter = ',', .quote = '"'};
    const struct sm_reader r = {.file = &file, .opts = {.max_columns = 1000}};
    uint64_t seed = 29;
    size_t taken = 0, all = 0;
    for (int i = 0; i < 3000; i++) {
        char text[8192 + SM_SCAN] = {0};
        size_t n = 0, fields = 1 + next_random(&seed) % 12,
               kinds = i % 3 ? 10 : SM_ARRAY_LEN(parts);
        const char *end = ends[i % 7 % 3];
        while (n < 1500) {
            for (size_t k = 0; k < fields; k++) {
                const uint64_t x = next_random(&seed);
                const size_t part = (x & 31) == 0 ? (x >> 8) % kinds : (x >> 8) % 10;
                n += (size_t)snprintf(text + n, sizeof text - SM_SCAN - n, "%s%s", parts[part],
                                      k + 1 == fields ? end : ",");
            }
        }
        struct sm_spans spans = {0};
        struct sm_split split;
        assert_int_equal(sm_split_init(&split, ',', '"', NULL), SM_OK);
        assert_int_equal(sm_split_feed(&split, text, 0, n, &spans, NULL), SM_OK);
        taken += check_many(&r, text, n, &spans);
        all += spans.n;
        sm_spans_free(&spans);
    }
    if (taken < all * 4) fail_msg("only %zu of %zu are cut together", taken, all);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_ways_see_the_same),
        cmocka_unit_test(records_are_cut_together),
        cmocka_unit_test(fields_are_those_of_libcsv),
        cmocka_unit_test(oddities_are_seen_wherever_they_stand),
        cmocka_unit_test(usual_quotes_are_those_of_libcsv),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
