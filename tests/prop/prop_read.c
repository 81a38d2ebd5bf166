/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>

#include "random.h"
#include "rawspec.h"

static const size_t chunk_sizes[] = {1, 7, 4096, 256 * 1024};

/* What a reading yields, all of it: rows, lost records, findings, totals, repeats, the failure. */
static void mark(void *ctx, uint32_t file, uint64_t record, enum sm_fate fate, uint16_t code) {
    struct sm_buf *out = ctx;
    sm_buf_printf(out, "mark %u %u %u %u\n", (unsigned)file, (unsigned)record, (unsigned)fate,
                  code);
}

struct dialect {
    const char *columns, *encoding, *footer;
    char delimiter;
    uint32_t header;
};

static int read_and_close(struct rawspec *raw, const char *p, size_t n, struct sm_buf *out) {
    if (sm_dedup_open(&raw->dedup, &raw->spec, &raw->source, &raw->err)) fail_msg("out of memory");
    int rc = rawspec_read_n(raw, p, n);
    sm_buf_printf(out, "%d %s\n%u records %u lines\n", rc, raw->err.text,
                  (unsigned)raw->totals.records, (unsigned)raw->totals.lines);
    sm_buf_add_str(out, sm_buf_str(&raw->rows));
    sm_buf_add_str(out, sm_buf_str(&raw->lost));
    if (sm_dedup_finish(raw->dedup, mark, out, &raw->diags, &raw->err)) fail_msg("out of memory");
    rawspec_findings(raw, out);
    rawspec_close(raw);
    return rc;
}

static void read_all(const char *p, size_t n, const struct dialect *d, size_t chunk,
                     struct sm_buf *out) {
    struct rawspec raw;
    if (!rawspec_open(&raw, d->columns)) fail_msg("out of memory");
    raw.file.delimiter = d->delimiter;
    raw.file.encoding = sm_str(d->encoding);
    raw.file.header = d->header;
    raw.file.footer = sm_str(d->footer);
    raw.opts.chunk = chunk;
    raw.opts.max_record = 2000;
    raw.opts.max_field = 1000;
    rawspec_key(&raw, "1", SM_DUPS_FIRST, NULL);
    (void)read_and_close(&raw, p, n, out);
}

static void check_chunks(const char *p, size_t n, const struct dialect *d, const char *name) {
    struct sm_buf want, got;
    sm_buf_init(&want, 0);
    sm_buf_init(&got, 0);
    read_all(p, n, d, 1 << 20, &want);
    for (size_t i = 0; i < SM_ARRAY_LEN(chunk_sizes); i++) {
        sm_buf_clear(&got);
        read_all(p, n, d, chunk_sizes[i], &got);
        if (!sm_str_eq(sm_buf_str(&got), sm_buf_str(&want)))
            fail_msg("%s with chunks of %zu bytes:\n%.*s\ngives\n%s\nnot\n%s", name, chunk_sizes[i],
                     n < 200 ? (int)n : 0, p, got.p, want.p);
    }
    sm_buf_free(&got);
    sm_buf_free(&want);
}

static void check_file(const char *path, const struct dialect *d) {
    static char bytes[2 << 20];
    FILE *f = fopen(path, "rb");
    if (!f) fail_msg("cannot read %s", path);
    size_t n = fread(bytes, 1, sizeof bytes, f);
    (void)fclose(f);
    check_chunks(bytes, n, d, path);
}

static size_t check_folder(const char *folder, const struct dialect *d) {
    char path[512];
    size_t n = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *e; dir && (e = readdir(dir)) != NULL;) {
        if (!strstr(e->d_name, ".csv") || strcmp(e->d_name, "expected.csv") == 0) continue;
        (void)snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        check_file(path, d);
        n++;
    }
    if (dir) (void)closedir(dir);
    return n;
}

static void site_files_read_alike_in_any_chunks(void **state) {
    (void)state;
    static const struct {
        const char *folder;
        struct dialect d;
    } sites[] = {{"US01", {"1 2 3:d 4:r", "UTF-8", NULL, ',', 0}},
                 {"NO01", {"1 2 3:d 4:r", "UTF-8", NULL, ';', 0}},
                 {"SE01", {"1 2 3:d 4:r", "ISO-8859-1", NULL, ';', 0}},
                 {"FI01", {"1 2 3:n 4:r", "UTF-8", NULL, '\t', 0}},
                 {"DE01", {"1 2 3:n 4:t", "Windows-1252", NULL, ';', 0}},
                 {"IT01", {"1 2 3:N 4:r", "UTF-8", NULL, ',', 0}},
                 {"ES01", {"1 2 3:d 4:r", "ISO-8859-1", NULL, ';', 0}},
                 {"IL01", {"1 2 3:d 4:r", "UTF-16LE", NULL, '\t', 0}}};
    size_t n = 0;
    for (size_t i = 0; i < SM_ARRAY_LEN(sites); i++) {
        char folder[128];
        (void)snprintf(folder, sizeof folder, "fixtures/re223/raw/%s", sites[i].folder);
        n += check_folder(folder, &sites[i].d);
    }
    if (n == 0) skip();
    assert_int_equal(n, 88);
}

static void broken_files_read_alike_in_any_chunks(void **state) {
    (void)state;
    static const struct dialect comma = {"1 2", "UTF-8", NULL, ',', 0};
    static const struct dialect tab = {"1 2", "UTF-8", "x", '\t', 0};
    size_t n =
        check_folder("fixtures/re223/broken", &comma) + check_folder("fixtures/re223/broken", &tab);
    if (n == 0) skip();
}

static void random_texts_read_alike_in_any_chunks(void **state) {
    (void)state;
    static const struct dialect kinds[] = {{"1 2", "UTF-8", NULL, ',', 0},
                                           {"1 2:D", "UTF-8", "a", ',', 0},
                                           {"1 2:N", "ISO-8859-1", NULL, ',', 0},
                                           {"1 2:n", "EUC-JP", "1", ',', 0}};
    static const char letters[] = "1,,2\"\n\r \t\n\xC3\xA4"
                                  "a,\n,,";
    uint64_t seed = 11;
    for (int i = 0; i < 4000; i++) {
        char text[96] = "1,2\n";
        size_t n = 4 + (next_random(&seed) % 80);
        for (size_t k = 4; k < n; k++)
            text[k] = letters[next_random(&seed) % (sizeof letters - 1)];
        check_chunks(text, n, &kinds[i & 3], "random text");
    }
}

/* Records of a few words with skips, computed and required columns, repeated records, quotes. What
 * asks for the line is never remembered, and tells what is right. */
static void skips_and_expressions_read_alike_in_any_chunks(void **state) {
    (void)state;
#define C(n) "column('" #n "')"
    static const char *const when[] = {C(1) " = 'a'",
                                       C(2) " = '5' and " C(1) " = 'b'",
                                       "number(" C(2) ") > 4",
                                       C(3) " = 'x' or " C(1) " = 'd'",
                                       C(4) " = 'a'",
                                       "sourceline() = 9",
                                       "concat(" C(1) "," C(2) "," C(3) "," C(4) "," C(5) ") = 'ab'"};
    static const char *const word[] = {"a", "b", "c", "d", "5", "7", "", "x", "\"q\"", "31.02.2014"};
    static const char *const make[] = {"concat(" C(1) ", " C(2) ")",
                                       "if (" C(3) " = 'x') then " C(2) " else " C(1),
                                       "number(" C(4) ") + 1"};
#undef C
    struct sm_buf text, want, got;
    sm_buf_init(&text, 0);
    sm_buf_init(&want, 0);
    sm_buf_init(&got, 0);
    uint64_t seed = 17;
    for (int i = 0; i < 400; i++) {
        sm_buf_clear(&text);
        for (int k = 0; k < 5 * 90; k++) {
            const uint64_t nth = next_random(&seed) % (k % 5 == 1 ? 3 : SM_ARRAY_LEN(word));
            sm_buf_printf(&text, "%s%s", word[nth], k % 5 == 4 ? "\n" : ",");
        }
        const uint64_t skips = next_random(&seed), exprs = next_random(&seed);
        for (size_t c = 0; c <= SM_ARRAY_LEN(chunk_sizes); c++) {
            struct rawspec raw;
            struct sm_buf *out = c ? &got : &want;
            if (!rawspec_open(&raw, "1 2:R 3 4 5:n")) fail_msg("out of memory");
            raw.file.header = 0;
            raw.opts.chunk = c ? chunk_sizes[c - 1] : 1 << 20;
            for (size_t n = 0; n < SM_ARRAY_LEN(when); n++) {
                char asks[128];
                (void)snprintf(asks, sizeof asks, c ? "%s" : "(%s) and sourceline() > 0", when[n]);
                if ((skips >> (2 * n) & 3) == 0 && !rawspec_skip(&raw, asks)) fail_msg("%s", asks);
            }
            for (uint32_t n = 0; n < 3; n++)
                if (exprs >> n & 1) {
                    raw.col[n + 2].how = SM_SUPPLY_EXPR;
                    raw.col[n + 2].expr = rawspec_expr(&raw, make[n]);
                }
            rawspec_key(&raw, "1 2", SM_DUPS_FIRST, NULL);
            sm_buf_clear(out);
            if (read_and_close(&raw, text.p, text.n, out)) fail_msg("%s", out->p);
            if (!sm_str_eq(sm_buf_str(out), sm_buf_str(&want)))
                fail_msg("study %d, chunks of %zu bytes:\n%s\nnot\n%s", i, chunk_sizes[c - 1], got.p, want.p);
        }
    }
    sm_buf_free(&text);
    sm_buf_free(&want);
    sm_buf_free(&got);
}

/* Records without quotes are cut by own code, those with quotes by libcsv. */
static void quoted_and_plain_fields_read_alike(void **state) {
    (void)state;
    static const char *const parts[] = {"a",  "",   " ",        "b c", "\t",
                                        " d", "e ", "\xC3\xA4", "1",   "f\xC2\xA0"};
    static const struct dialect d = {"1 2 3", "UTF-8", NULL, ',', 0};
    struct sm_buf plain, quoted, a, b;
    sm_buf_init(&plain, 0);
    sm_buf_init(&quoted, 0);
    sm_buf_init(&a, 0);
    sm_buf_init(&b, 0);
    uint64_t seed = 5;
    for (int i = 0; i < 500; i++) {
        sm_buf_clear(&plain);
        sm_buf_clear(&quoted);
        for (int k = 0; k < 30; k++) {
            const char *end = k % 3 == 2 ? "\n" : ",";
            const char *p = k % 3 == 0 ? "x" : parts[next_random(&seed) % SM_ARRAY_LEN(parts)];
            struct sm_str s = sm_str_trim(sm_str(p));
            sm_buf_printf(&plain, "%s%s", p, end);
            sm_buf_printf(&quoted, " \"%.*s\" %s", SM_STR_FMT(s), end);
        }
        sm_buf_clear(&a);
        sm_buf_clear(&b);
        read_all(plain.p, plain.n, &d, 100, &a);
        read_all(quoted.p, quoted.n, &d, 100, &b);
        struct sm_str x = sm_buf_str(&a), y = sm_buf_str(&b);
        if (!sm_str_eq(x, y)) fail_msg("%s\n%s\n%s\n%s", plain.p, x.p, quoted.p, y.p);
    }
    sm_buf_free(&plain);
    sm_buf_free(&quoted);
    sm_buf_free(&a);
    sm_buf_free(&b);
}

/* One cell, quoted or (where its content allows that) perhaps not, with blanks around, into `text`;
 * what must be read of it into `want`. */
static void put_cell(uint64_t *seed, struct sm_buf *text, struct sm_buf *want) {
    static const char letters[] = "aab ,\"\"\n";
    char cell[12], clean[12];
    size_t n = next_random(seed) % 6, kept = 0;
    bool quoted = next_random(seed) & 1;
    for (size_t i = 0; i < n; i++) {
        cell[i] = letters[next_random(seed) % (quoted ? sizeof letters - 1 : 3)];
        bool again = cell[i] == '\n' && i > 0 && cell[i - 1] == '\n';
        if (!again) clean[kept++] = cell[i] == '\n' ? ' ' : cell[i];
    }
    if (next_random(seed) & 1) sm_buf_add_byte(text, ' ');
    if (quoted) sm_buf_add_byte(text, '"');
    for (size_t i = 0; i < n; i++) {
        if (cell[i] == '"') sm_buf_add_byte(text, '"');
        sm_buf_add_byte(text, cell[i]);
    }
    if (quoted) sm_buf_add_byte(text, '"');
    if (next_random(seed) & 1) sm_buf_add_byte(text, ' ');
    sm_buf_add_byte(want, '|');
    sm_buf_add_str(want, sm_str_trim((struct sm_str){clean, kept}));
}

static void what_was_written_is_read(void **state) {
    (void)state;
    static const struct dialect d = {"1 2 3", "UTF-8", NULL, ',', 0};
    struct sm_buf text, want, got;
    sm_buf_init(&text, 0);
    sm_buf_init(&want, 0);
    sm_buf_init(&got, 0);
    uint64_t seed = 9;
    for (int i = 0; i < 3000; i++) {
        unsigned line = 1;
        sm_buf_clear(&text);
        sm_buf_clear(&want);
        sm_buf_clear(&got);
        for (unsigned k = 0; k < 6; k++) {
            size_t from = text.n;
            sm_buf_printf(&want, "%u|%u|0|x", line, k + 1);
            sm_buf_add_c(&text, "x,");
            put_cell(&seed, &text, &want);
            sm_buf_add_byte(&text, ',');
            put_cell(&seed, &text, &want);
            sm_buf_add_c(&text, "\n");
            sm_buf_add_c(&want, "\n");
            for (; from < text.n; from++)
                line += text.p[from] == '\n';
        }
        read_all(text.p, text.n, &d, 50, &got);
        if (!strstr(got.p, want.p)) fail_msg("%s\n%s\n%s", text.p, got.p, want.p);
    }
    sm_buf_free(&text);
    sm_buf_free(&want);
    sm_buf_free(&got);
}

/* A cell as it may stand in a file; texts come again, differ in length only or in their last byte.
 */
static void put_short(uint64_t *seed, struct sm_buf *text) {
    static const char *const parts[] = {"",        "0",   "07",     "1.50",         "\xC3\xA4",
                                        "abc",     "9:5", "09:17",  "09:17:30.250", "25:00",
                                        "< 5",     ">=7", "\" a\"", "\"b \"",       "\"c\nd\"",
                                        "\"e\t\"", "NK",  "-3",     "1e5",          "abcdefg",
                                        "abcdefgh"};
    uint64_t r = next_random(seed);
    if (r & 1) {
        sm_buf_add_c(text, parts[(r >> 1) % SM_ARRAY_LEN(parts)]);
        return;
    }
    static const char letters[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    sm_buf_add(text, letters, r >> 1 & 31);
    if (r & 64) sm_buf_add_byte(text, (char)('a' + (r >> 7 & 1)));
    if (r & 512) sm_buf_add_c(text, "\xC2\xA0");
}

/* What a row became, without its place in the file, and whether something was found. */
static bool row_alone(const char *columns, struct sm_str row, struct sm_buf *out) {
    struct rawspec raw;
    struct sm_buf text;
    sm_buf_init(&text, 0);
    sm_buf_add_c(&text, "1,2,3,4\n");
    sm_buf_add_str(&text, row);
    if (!rawspec_open(&raw, columns)) fail_msg("out of memory");
    assert_int_equal(rawspec_read_n(&raw, text.p, text.n), SM_OK);
    if (raw.rows.n) sm_buf_add_c(out, strchr(strchr(strchr(raw.rows.p, '|') + 1, '|') + 1, '|'));
    size_t n = 0;
    (void)findings_final(&raw.diags, &n);
    rawspec_close(&raw);
    sm_buf_free(&text);
    return n > 0;
}

static void cells_do_not_depend_on_cells_before(void **state) {
    (void)state;
    static const char *const columns[] = {"1 2:n 3:t 4:r", "1:n 2 3 4", "1:t 2:r 3:n 4"};
    struct sm_buf text, row, want, got;
    sm_buf_init(&text, 0);
    sm_buf_init(&row, 0);
    sm_buf_init(&want, 0);
    sm_buf_init(&got, 0);
    uint64_t seed = 29;
    for (int i = 0; i < 60; i++) {
        const char *kind = columns[i % 3];
        size_t found = 0, n = 0;
        sm_buf_clear(&text);
        sm_buf_clear(&want);
        sm_buf_clear(&got);
        sm_buf_add_c(&text, "1,2,3,4\n");
        for (int k = 0; k < 40; k++) {
            sm_buf_clear(&row);
            sm_buf_add_c(&row, k & 1 ? "x" : "");
            for (int c = 0; c < 4; c++) {
                if (c) sm_buf_add_byte(&row, ',');
                if (c || !(k & 1)) put_short(&seed, &row);
            }
            sm_buf_add_byte(&row, '\n');
            sm_buf_add_str(&text, sm_buf_str(&row));
            found += row_alone(kind, sm_buf_str(&row), &want);
        }
        struct rawspec raw;
        if (!rawspec_open(&raw, kind)) fail_msg("out of memory");
        assert_int_equal(rawspec_read_n(&raw, text.p, text.n), SM_OK);
        struct sm_str rest = sm_buf_str(&raw.rows), line;
        while (rest.n && sm_str_split(&rest, '\n', &line))
            for (int bars = 0; line.n && bars >= 0; line.p++, line.n--)
                if (line.p[0] == '|' && ++bars == 3) {
                    sm_buf_add_str(&got, line);
                    sm_buf_add_byte(&got, '\n');
                    bars = -2;
                }
        if (!sm_str_eq(sm_buf_str(&got), sm_buf_str(&want)))
            fail_msg("%s\ngives\n%s\nnot\n%s", text.p, got.p, want.p);
        const struct sm_diag **v = findings_final(&raw.diags, &n);
        size_t lines = 0;
        for (size_t k = 0; k < n; k++)
            lines += k == 0 || v[k]->line != v[k - 1]->line;
        assert_int_equal(lines, found);
        rawspec_close(&raw);
    }
    sm_buf_free(&text);
    sm_buf_free(&row);
    sm_buf_free(&want);
    sm_buf_free(&got);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_do_not_depend_on_cells_before),
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(random_texts_read_alike_in_any_chunks),
        cmocka_unit_test(skips_and_expressions_read_alike_in_any_chunks),
        cmocka_unit_test(quoted_and_plain_fields_read_alike),
        cmocka_unit_test(broken_files_read_alike_in_any_chunks),
        cmocka_unit_test(site_files_read_alike_in_any_chunks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
