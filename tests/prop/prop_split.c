/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <csv.h>

#include "random.h"
#include "sdtmill/split.h"

/* A record's fields behind each other, each with its length: what two ways of cutting must share.
 */
struct taken {
    char v[4096];
    size_t n, rows;
};

static void take_field(void *text, size_t n, void *ctx) {
    struct taken *t = ctx;
    if (t->n + n + 2 > sizeof t->v) fail_msg("text is too long for this test");
    if (n) memcpy(t->v + t->n, text, n);
    t->n += n;
    t->v[t->n++] = (char)(n & 0x7F);
    t->v[t->n++] = 'f';
}

static void take_row(int c, void *ctx) {
    struct taken *t = ctx;
    (void)c;
    if (t->n == sizeof t->v) fail_msg("text is too long for this test");
    t->v[t->n++] = 'r';
    t->rows++;
}

static void take_all(struct taken *t, const char *p, size_t n, char delimiter, char quote) {
    struct csv_parser csv;
    if (csv_init(&csv, 0) != 0) fail_msg("libcsv cannot be set up");
    csv_set_delim(&csv, (unsigned char)delimiter);
    csv_set_quote(&csv, (unsigned char)quote);
    assert_int_equal(csv_parse(&csv, p, n, take_field, take_row, t), n);
    assert_int_equal(csv_fini(&csv, take_field, take_row, t), 0);
    csv_free(&csv);
}

struct way {
    char delimiter, quote;
    const struct sm_scan_way *scan;
    size_t step; /* bytes given at once; 0 = all but cut once at `at` */
    size_t at;
    size_t restart; /* start anew at a record end after so many records; 0 = never */
};

static void split_all(const char *p, size_t n, const struct way *w, struct sm_spans *out,
                      bool *ret_open, uint64_t *ret_line) {
    struct sm_split s;
    assert_int_equal(sm_split_init(&s, w->delimiter, w->quote, NULL), SM_OK);
    if (w->scan) s.scan = w->scan;
    size_t since = 0;
    for (size_t at = 0; at < n;) {
        size_t to = w->step ? at + w->step : at < w->at ? w->at : n;
        if (to > n) to = n;
        size_t before = out->n;
        assert_int_equal(sm_split_feed(&s, p, at, to, out, NULL), SM_OK);
        since += out->n - before;
        at = to;
        if (w->restart && since >= w->restart) {
            at = s.start;
            sm_split_restart(&s, s.start, s.start_line);
            since = 0;
        }
    }
    *ret_open = sm_split_end(&s, p, n, out, NULL) == SM_EDATA;
    *ret_line = s.line;
}

static void compare(const char *p, size_t n, const struct way *w, const struct sm_spans *want) {
    struct sm_spans got = {0};
    bool open;
    uint64_t line, lines = 1, lone = 0;
    split_all(p, n, w, &got, &open, &line);
    for (size_t i = 0; i < n; i++) {
        lines += p[i] == '\n';
        lone += p[i] == '\r' && (i + 1 == n || p[i + 1] != '\n');
    }
    if (line < lines || line > lines + lone) fail_msg("counted %d lines", (int)line);
    if (got.n != want->n || (got.n && memcmp(got.v, want->v, got.n * sizeof *got.v) != 0))
        fail_msg("other records when cut in steps of %zu at %zu: %.*s", w->step, w->at, (int)n, p);
    sm_spans_free(&got);
}

/* Records found in one go and parsed one by one give what libcsv gives for the whole; then every
 * other way of giving the same bytes must find the same records. */
static void check(const char *p, size_t n, char delimiter, char quote) {
    struct taken whole = {.n = 0}, parts = {.n = 0};
    struct sm_spans spans = {0};
    struct way way = {.delimiter = delimiter, .quote = quote, .at = n};
    bool open;
    uint64_t line;
    split_all(p, n, &way, &spans, &open, &line);
    take_all(&whole, p, n, delimiter, quote);
    size_t end = 0;
    for (size_t i = 0; i < spans.n; i++) {
        end = spans.v[i].at + (size_t)spans.v[i].n;
        take_all(&parts, p + spans.v[i].at, spans.v[i].n, delimiter, quote);
    }
    if (open) take_all(&parts, p + end, n - end, delimiter, quote);
    if (whole.n != parts.n || memcmp(whole.v, parts.v, whole.n) != 0)
        fail_msg("libcsv reads it otherwise: %.*s", (int)n, p);
    const struct sm_scan_way *scan[SM_SCAN_WAYS];
    sm_scan_ways(scan);
    for (size_t i = 0; i < SM_SCAN_WAYS && scan[i]; i++) {
        way = (struct way){.delimiter = delimiter, .quote = quote, .at = n, .scan = scan[i]};
        compare(p, n, &way, &spans);
        for (way.step = 1; way.step < 9; way.step += 2) {
            way.restart = way.restart ? 0 : way.step;
            compare(p, n, &way, &spans);
        }
    }
    sm_spans_free(&spans);
}

static void check_cuts(const char *p, size_t n, char delimiter, char quote) {
    struct sm_spans spans = {0};
    struct way way = {.delimiter = delimiter, .quote = quote, .at = n};
    bool open;
    uint64_t line;
    check(p, n, delimiter, quote);
    split_all(p, n, &way, &spans, &open, &line);
    const struct sm_scan_way *scan[SM_SCAN_WAYS];
    sm_scan_ways(scan);
    for (size_t i = 0; i < SM_SCAN_WAYS && scan[i]; i++) {
        way.scan = scan[i];
        for (way.at = 1; way.at < n; way.at++)
            compare(p, n, &way, &spans);
    }
    sm_spans_free(&spans);
}

static void small_texts_are_cut_alike_at_every_byte(void **state) {
    (void)state;
    static const char *const texts[] = {"a,b\n1,2\n",
                                        "a,b\r\n1,2\r\n\r\n3,4",
                                        "\"x\ny\",1\n\n\"\"\"\",2\r\r\n",
                                        "a\rb\rc",
                                        " \t \n , \n\"a\" ,b\n",
                                        "\"a\"b,c\"\nd\n",
                                        "\"a\" \"b\n\",c\nd",
                                        "x\"y\",z\n\"open\n",
                                        "5\" pipe,1\n",
                                        "\n\n\n",
                                        "\"\"\n",
                                        "a,b,\n,,\n"};
    for (size_t i = 0; i < SM_ARRAY_LEN(texts); i++)
        check_cuts(texts[i], strlen(texts[i]), ',', '"');
}

static void random_texts_are_cut_as_libcsv_does(void **state) {
    (void)state;
    static const struct {
        const char *letters;
        char delimiter, quote;
    } kinds[] = {{"ab\",\n\r \t\"\",\n", ',', '"'},
                 {"ab\";\n\r \t\"\"'", ';', '"'},
                 {"ab\"\t\n\r \t\t\",", '\t', '"'},
                 {"a'|\n \r'|b\"", '|', '\''},
                 {"a b\"\n \r", ' ', '"'}};
    uint64_t seed = 7;
    for (int i = 0; i < 200000; i++) {
        uint64_t r = next_random(&seed);
        const char *letters = kinds[r % SM_ARRAY_LEN(kinds)].letters;
        size_t n = r >> 8 & 63, count = strlen(letters);
        char text[64];
        for (size_t k = 0; k < n; k++)
            text[k] = letters[next_random(&seed) % count];
        check(text, n, kinds[r % SM_ARRAY_LEN(kinds)].delimiter,
              kinds[r % SM_ARRAY_LEN(kinds)].quote);
    }
}

/* Records as files have them, longer than what is looked at in one go. */
static void usual_records_are_cut_as_libcsv_does(void **state) {
    (void)state;
    static const char *const parts[] = {
        "a",
        "",
        "\"a\"",
        "\"\"",
        "\"a,b\"",
        "\" a\"",
        "\"a\"\"b\"",
        "a b",
        "\"a\nb\"",
        "5\" x",
        "\"\"\"a\"",
        "longer text, of words",
        "\"a\r\nb\"",
        "\"a\" ",
        " \"a\"",
        "\"a\"b",
        "\"a text of more than sixty-four bytes, which is looked at in two\"",
        "\"a\rb\""};
    uint64_t seed = 31;
    for (int i = 0; i < 20000; i++) {
        char text[1024];
        size_t n = 0, kinds = i % 3 ? 9 : SM_ARRAY_LEN(parts), fields = next_random(&seed) % 16;
        for (size_t k = 0; k < fields; k++) {
            uint64_t r = next_random(&seed);
            const char *end = r & 7 ? "," : r & 8 ? "\n" : r & 16 ? "\r\n" : r & 32 ? "\r" : "\n\n";
            const char *part = r & 64 ? parts[(r >> 8) % kinds] : parts[16];
            n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", part, end);
        }
        check(text, n, ',', '"');
    }
}

static void quotes_close_at_any_place(void **state) {
    (void)state;
    static const char *const tails[] = {",b\n",  "b\nd\n",    " b\nd\n", "b\"\n",     "b,c\"\nd\n",
                                        " ,b\n", "\"b\",c\n", "\n",      "\r\n\"b\"", "\r\"b\"\n",
                                        "\n\"c", "\"",        "\tb\"\n"};
    for (size_t i = 0; i < SM_ARRAY_LEN(tails) * 140; i++) {
        char text[256] = "\"";
        size_t n = 1, before = i / SM_ARRAY_LEN(tails);
        while (n < before)
            text[n] = n % 50 == 49 ? '\n' : n % 7 ? 'x' : ',', n++;
        n += (size_t)snprintf(text + n, sizeof text - n, "\"%s", tails[i % SM_ARRAY_LEN(tails)]);
        check(text, n, ',', '"');
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_texts_are_cut_alike_at_every_byte),
        cmocka_unit_test(quotes_close_at_any_place),
        cmocka_unit_test(usual_records_are_cut_as_libcsv_does),
        cmocka_unit_test(random_texts_are_cut_as_libcsv_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
