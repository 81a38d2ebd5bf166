/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dataset.h"
#include "emit/emit_priv.h"
#include "sdtmill/mem.h"
#include "sdtmill/hash.h"

static void a_dataset_is_a_header_and_its_records(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, "AE");
    kit_var(&k, "USUBJID", 'c');
    kit_var(&k, "AESEQ", 'n');
    kit_var(&k, "AETERM", 'c');
    kit_var(&k, "AESTDTC", 'd');
    kit_row(&k, "S-001-0001|1|Headache|2014-03-15");
    kit_row(&k, "S-001-0001|2|Pain, left arm|2014-03");
    kit_row(&k, "S-001-0002|1|\"odd\"||");
    kit_row(&k, "|||");
    kit_row(&k, "S| 3|a,b |2014---15T10:20");
    assert_int_equal(kit_emit(&k, "csv"), SM_OK);
    static const char want[] = "USUBJID,AESEQ,AETERM,AESTDTC\n"
                               "S-001-0001,1,Headache,2014-03-15\n"
                               "S-001-0001,2,\"Pain, left arm\",2014-03\n"
                               "S-001-0002,1,\"\"\"odd\"\"\",\n"
                               ",,,\n"
                               "S,\" 3\",\"a,b \",2014---15T10:20\n";
    assert_string_equal(k.path, "out/csv/ae.csv");
    tmp_assert_file(kit_file(&k), want);
    assert_int_equal(k.rows, 5);
    assert_int_equal(k.bytes, sizeof want - 1);
    assert_int_equal(k.wrote, 1);
    struct sm_sha256 *h;
    char digest[65];
    assert_int_equal(sm_sha256_open(&h, NULL), SM_OK);
    sm_sha256_add(h, want, sizeof want - 1);
    sm_sha256_finish(h, digest);
    assert_string_equal(k.sha256, digest);
    assert_int_equal(k.diags.n, 0);
    kit_close(&k);
}

static void texts_of_every_length_are_written_whole(void **state) {
    (void)state;
    struct kit k;
    struct sm_buf want;
    sm_buf_init(&want, 0);
    kit_open(&k, "XX");
    kit_var(&k, "A", 'c');
    kit_var(&k, "B", 'c');
    sm_buf_add_c(&want, "A,B\n");
    static const char line[] = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ.-_/+!abcdefghijklmnop";
    for (size_t n = 1; n <= KIT_ROWS; n++) {
        k.ds.rows++;
        size_t other = n + 17;
        kit_cell(&k, 0, sm_str_n(line, n));
        kit_cell(&k, 1, sm_str_n(line, other));
        sm_buf_add(&want, line, n);
        sm_buf_add_byte(&want, ',');
        sm_buf_add(&want, line, other);
        sm_buf_add_byte(&want, '\n');
    }
    assert_int_equal(kit_emit(&k, "csv"), SM_OK);
    tmp_assert_file(kit_file(&k), want.p);
    sm_buf_free(&want);
    kit_close(&k);
}

/* One cell as RFC 4180 and csvw.h have it, found byte by byte. */
static void add_cell(struct sm_buf *b, struct sm_str s, char end) {
    bool quotes = s.n && (sm_is_blank(s.p[0]) || sm_is_blank(s.p[s.n - 1]));
    for (size_t i = 0; i < s.n; i++) quotes = quotes || s.p[i] == ',' || s.p[i] == '"' || s.p[i] == '\n' || s.p[i] == '\r';
    if (quotes) sm_buf_add_byte(b, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"') sm_buf_add_byte(b, '"');
        sm_buf_add_byte(b, s.p[i]);
    }
    if (quotes) sm_buf_add_byte(b, '"');
    sm_buf_add_byte(b, end);
}

/* Writes n records of as many columns as there are variables, formatted apart, in blocks of `step`. */
static void assert_cells_written(struct kit *k, sm_val *cell, uint32_t n, uint32_t step,
                                 const struct sm_buf *want) {
    const uint32_t ncol = k->ds.nvar;
    struct sm_emitter *e = NULL;
    struct sm_emit_apart a = {0};
    assert_int_equal(sm_emitter_open(&e, sm_emit_find(SM_STR("csv")), &k->study, &k->err), SM_OK);
    e->ds = &k->ds;
    size_t at = 0;
    for (uint32_t i = 0; i < n; i += step) {
        struct sm_block b = {cell + (size_t)i * ncol, NULL,
                             n - i < step ? n - i : step, ncol};
        assert_int_equal(sm_emitter_format(e, &a, &b, &k->err), SM_OK);
        struct sm_str got = sm_sink_kept(a.sink);
        assert_true(at + got.n <= want->n);
        assert_memory_equal(got.p, want->p + at, got.n);
        at += got.n;
    }
    assert_int_equal(at, want->n);
    sm_emit_apart_free(&a);
    sm_emitter_close(e);
}

/* One column beside a number. */
static void assert_column_written(struct kit *k, const sm_val *v, uint32_t n, uint32_t step, const struct sm_buf *want) {
    sm_val *cell = sm_alloc((size_t)n * 2, sizeof *cell);
    assert_non_null(cell);
    for (uint32_t i = 0; i < n; i++) {
        cell[i * 2] = v[i];
        cell[i * 2 + 1] = sm_val_from_i64(k->in, i);
    }
    assert_cells_written(k, cell, n, step, want);
    sm_free(cell);
}

enum { CELLS_MOST = 12000 };

static void quotes_stand_where_they_must_at_any_length(void **state) {
    (void)state;
    static const char odd[] = ",\"\n\r \t!%+-.a\x7F\xC3\xFF";
    struct kit k;
    struct sm_buf want;
    sm_buf_init(&want, 0);
    kit_open(&k, "XX");
    kit_var(&k, "A", 'c');
    kit_var(&k, "B", 'n');
    sm_val *v = sm_alloc(CELLS_MOST, sizeof *v);
    char text[80], number[24];
    uint32_t n = 0;
    for (size_t len = 1; len <= 70; len += len < 10 || len > 44 ? 1 : 7)
        for (size_t at = 0; at < len; at += at < 8 ? 1 : 5)
            for (size_t c = 0; c + 1 < sizeof odd; c++) {
                memset(text, len % 2 ? '-' : 'z', len);
                text[at] = odd[c];
                if (at && c % 3 == 0) text[at - 1] = odd[(c + at) % (sizeof odd - 1)];
                v[n] = sm_val_make(k.in, sm_str_n(text, len));
                add_cell(&want, sm_str_n(text, len), ',');
                add_cell(&want, sm_str_n(number, (size_t)snprintf(number, sizeof number, "%u", n)), '\n');
                assert_true(++n < CELLS_MOST);
            }
    assert_true(n > 5000);
    assert_column_written(&k, v, n, n, &want);
    assert_column_written(&k, v, n, 700, &want);
    sm_free(v);
    sm_buf_free(&want);
    kit_close(&k);
}

static void dates_and_texts_that_recur_are_written_alike(void **state) {
    (void)state;
    struct kit k;
    struct sm_buf want;
    sm_buf_init(&want, 0);
    kit_open(&k, "XX");
    kit_var(&k, "A", 'd');
    kit_var(&k, "B", 'n');
    sm_val *v = sm_alloc(CELLS_MOST, sizeof *v);
    char text[80], number[24];
    for (uint32_t i = 0; i < CELLS_MOST; i++) {
        const uint32_t d = i * 7919 % 2500;
        const unsigned y = 1900 + d % 200, m = 1 + d % 12, day = 1 + d % 28, minute = d % 60;
        int len = d % 5 == 0   ? snprintf(text, sizeof text, "%04u-%02u-%02uT10:%02u", y, m, day, minute)
                  : d % 5 == 1 ? snprintf(text, sizeof text, "%04u-%02u-%02u", y, m, day)
                  : d % 5 == 2 ? snprintf(text, sizeof text, "%04u---%02uT01:02:%02u", y, day, minute)
                  : d % 5 == 3 ? snprintf(text, sizeof text, "a text of %04u,%02u or more than that, in some records only", y, m)
                               : snprintf(text, sizeof text, "text %04u of %02u", y, m);
        v[i] = sm_val_as_dtc(k.texts, sm_val_make(k.in, sm_str_n(text, (size_t)len)));
        add_cell(&want, sm_str_n(text, (size_t)len), ',');
        add_cell(&want, sm_str_n(number, (size_t)snprintf(number, sizeof number, "%u", i)), '\n');
    }
    assert_column_written(&k, v, CELLS_MOST, 1024, &want);
    sm_free(v);
    sm_buf_free(&want);
    kit_close(&k);
}

/* A code with its name and more, at first few and in step, then ever more of them, out of step. */
static void values_that_come_together_are_written_as_if_they_came_alone(void **state) {
    (void)state;
    enum { COLUMNS = 9, RECORDS = 120000, IN_STEP = RECORDS / 8, FEW = RECORDS / 8 * 7 };
    static const struct {
        const char *before, *after; /* the number; "" and NULL: no value */
    } form[COLUMNS] = {{"", ""},    {"C", ""},      {"name, \"", "\""}, {"a longer name: ", " of them"}, {"", NULL},
                       {"", ".25"}, {" blank", ""}, {"", "x"},          {"", NULL}};
    struct kit k;
    struct sm_buf want;
    sm_buf_init(&want, 0);
    kit_open(&k, "XX");
    for (uint32_t c = 0; c < COLUMNS; c++)
        kit_var(&k, "A", 'c');
    sm_val *v = sm_alloc((size_t)RECORDS * COLUMNS, sizeof *v);
    assert_non_null(v);
    uint32_t seed = 1;
    for (uint32_t i = 0; i < RECORDS; i++) {
        seed = seed * 1664525 + 1013904223;
        const uint32_t most = i < FEW ? 20 : i / 16, one = (seed >> 8) % most;
        for (uint32_t c = 0; c < COLUMNS; c++) {
            char text[200];
            const bool alone = c == 5 || (i > IN_STEP && (seed >> 20) % 50 == c);
            const uint32_t x = alone ? (seed ^ seed >> 15) * 2654435761u >> 8 : one;
            int n = form[c].after ? snprintf(text, sizeof text, "%s%u%s", form[c].before, x, form[c].after) : 0;
            if (c == 3 && x % 19 == 7) n += snprintf(text + n, sizeof text - (size_t)n, "%0100u", x);
            v[(size_t)i * COLUMNS + c] = sm_val_make(k.in, sm_str_n(text, (size_t)n));
            add_cell(&want, sm_str_n(text, (size_t)n), c + 1 < COLUMNS ? ',' : '\n');
        }
    }
    assert_cells_written(&k, v, RECORDS, 700, &want);
    assert_cells_written(&k, v, RECORDS, 1, &want);
    assert_cells_written(&k, v, RECORDS, RECORDS, &want);
    sm_free(v);
    sm_buf_free(&want);
    kit_close(&k);
}

/* The buffer is written and begins anew at the same address while a phrase is put together. */
static void a_phrase_that_was_written_in_part_is_whole(void **state) {
    (void)state;
    enum { ROWS = 300, BLOCKS = 10, A = 500000, B = 280000 };
    struct kit k;
    struct sm_emitter *e = NULL;
    struct sm_buf want;
    char number[16], *text = test_malloc(A);
    sm_buf_init(&want, 0);
    kit_open(&k, "XX");
    kit_var(&k, "A", 'c');
    kit_var(&k, "B", 'c');
    kit_var(&k, "C", 'c');
    sm_buf_add_c(&want, "A,B,C\n");
    sm_val *v = sm_alloc(ROWS * 3, sizeof *v);
    assert_int_equal(sm_stage_open(&k.study.stage, tmp_path(&k.tmp, "out"), false, &k.err), SM_OK);
    sm_stage_no_threads(k.study.stage);
    assert_int_equal(sm_emitter_open(&e, sm_emit_find(SM_STR("csv")), &k.study, &k.err), SM_OK);
    assert_int_equal(sm_emitter_begin(e, &k.ds, &k.err), SM_OK);
    for (uint32_t b = 0, i = 0; b <= BLOCKS; b++) {
        const bool last = b == BLOCKS;
        const uint32_t n = last ? 2 : ROWS;
        for (uint32_t r = 0; r < n; r++, i++) {
            struct sm_str s[3] = {{number, (size_t)snprintf(number, sizeof number, "row %u", i)},
                                  SM_STR("a phrase, "), SM_STR("that comes again")};
            if (last) {
                memset(text, 'x', A);
                s[0] = sm_str_n(text, A);
                s[1] = sm_str_n(text, B + r * 200000);
            }
            for (uint32_t c = 0; c < 3; c++) {
                v[r * 3 + c] = sm_val_make(k.in, s[c]);
                add_cell(&want, s[c], c < 2 ? ',' : '\n');
            }
        }
        struct sm_block block = {v, k.pos, n, 3};
        assert_int_equal(sm_emitter_block(e, &block, &k.err), SM_OK);
    }
    k.ds.rows = BLOCKS * ROWS + 2;
    assert_int_equal(sm_emitter_end(e, &k.err), SM_OK);
    sm_emitter_close(e);
    assert_int_equal(sm_stage_commit(k.study.stage, &k.err), SM_OK);
    sm_stage_close(k.study.stage);
    tmp_assert_file(tmp_path(&k.tmp, "out/csv/xx.csv"), want.p);
    sm_free(v);
    sm_buf_free(&want);
    test_free(text);
    kit_close(&k);
}

static void a_phrase_is_known_by_all_its_values(void **state) {
    (void)state;
    struct emit_phrase_memo *m = sm_alloc(1, sizeof *m);
    struct emit_phrase f = {4, {0, 1, 2, 3}};
    bool hit;
    assert_non_null(m);
    const sm_val row[4] = {11, 22, 33, 44};
    struct emit_phrase_text *t = emit_phrase_at(m, &f, row, &hit);
    assert_false(hit);
    memcpy(t->v, row, sizeof row);
    t->cells = f.cells;
    assert_ptr_equal(emit_phrase_at(m, &f, row, &hit), t);
    assert_true(hit);
    for (int i = 0; i < 4; i++) {
        sm_val other[4] = {11, 22, 33, 44};
        do other[i]++;
        while (emit_phrase_at(m, &f, other, &hit) != t);
        assert_false(hit);
    }
    f.cells = 3;
    assert_ptr_equal(emit_phrase_at(m, &f, row, &hit), t);
    assert_false(hit);
    sm_free(m);
}

static void a_huge_text_full_of_quotes_fits(void **state) {
    (void)state;
    struct kit k;
    struct sm_buf got;
    size_t n = 1 << 20;
    char *text = test_malloc(n);
    memset(text, '"', n);
    kit_open(&k, "XX");
    kit_var(&k, "A", 'c');
    kit_var(&k, "B", 'c');
    kit_row(&k, "short|");
    kit_cell(&k, 1, sm_str_n(text, n));
    kit_row(&k, "|end");
    assert_int_equal(kit_emit(&k, "csv"), SM_OK);
    sm_buf_init(&got, 0);
    assert_true(tmp_slurp(kit_file(&k), &got));
    assert_int_equal(got.n, strlen("A,B\nshort,\"\"\n,end\n") + 2 * n);
    assert_memory_equal(got.p + got.n - 7, "\"\n,end\n", 7);
    sm_buf_free(&got);
    test_free(text);
    kit_close(&k);
}

static void one_variable_without_a_value_is_no_empty_line(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, "XX");
    kit_var(&k, "A", 'c');
    kit_row(&k, "");
    kit_row(&k, "x");
    assert_int_equal(kit_emit(&k, "csv"), SM_OK);
    tmp_assert_file(kit_file(&k), "A\n\"\"\nx\n");
    kit_close(&k);
}

static void columns_are_taken_from_where_they_stand(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, "XX");
    kit_var(&k, "A", 'c');
    kit_var(&k, "B", 'c');
    kit_row(&k, "1|2");
    k.column[0] = 1;
    k.column[1] = 0;
    assert_int_equal(kit_emit(&k, "csv"), SM_OK);
    tmp_assert_file(kit_file(&k), "A,B\n2,1\n");
    kit_close(&k);
}

static void calls_out_of_order_are_refused(void **state) {
    (void)state;
    struct kit k;
    struct sm_emitter *e = NULL;
    struct sm_block b = {k.cell, k.pos, 1, 1};
    kit_open(&k, "XX");
    kit_var(&k, "A", 'c');
    kit_row(&k, "1");
    assert_int_equal(sm_stage_open(&k.study.stage, tmp_path(&k.tmp, "out"), false, &k.err), SM_OK);
    assert_int_equal(sm_emitter_open(&e, sm_emit_at(0), &k.study, &k.err), SM_OK);
    assert_int_equal(sm_emitter_block(e, &b, NULL), SM_ESTATE);
    assert_int_equal(sm_emitter_begin(e, &k.ds, NULL), SM_ESTATE); /* failed stays failed */
    sm_emitter_close(e);
    assert_int_equal(sm_emitter_open(&e, sm_emit_at(0), &k.study, &k.err), SM_OK);
    assert_int_equal(sm_emitter_end(e, NULL), SM_ESTATE);
    sm_emitter_close(e);
    assert_int_equal(sm_emitter_open(&e, sm_emit_at(0), &k.study, &k.err), SM_OK);
    assert_int_equal(sm_emitter_begin(e, &k.ds, &k.err), SM_OK);
    b.ncol = 2;
    assert_int_equal(sm_emitter_block(e, &b, NULL), SM_ESTATE); /* another shape */
    sm_emitter_close(e);
    sm_emitter_close(NULL);
    sm_stage_close(k.study.stage);
    assert_int_equal(k.wrote, 0);
    kit_close(&k);
}

static void a_name_that_is_no_file_name_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"", "../AE", "A E", "A.B", "A/B"};
    for (size_t i = 0; i < SM_ARRAY_LEN(bad); i++) {
        struct kit k;
        kit_open(&k, bad[i]);
        kit_var(&k, "A", 'c');
        assert_int_equal(kit_emit(&k, "csv"), SM_EUSAGE);
        kit_close(&k);
    }
}

static void formats_are_found_by_name(void **state) {
    (void)state;
    assert_null(sm_emit_find(SM_STR("cs")));
    assert_null(sm_emit_find((struct sm_str){NULL, 0}));
    size_t n = 0;
    for (; sm_emit_at(n); n++) assert_ptr_equal(sm_emit_find(sm_str(sm_emit_at(n)->name)), sm_emit_at(n));
    assert_null(sm_emit_at(n + 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dataset_is_a_header_and_its_records),
        cmocka_unit_test(texts_of_every_length_are_written_whole),
        cmocka_unit_test(quotes_stand_where_they_must_at_any_length),
        cmocka_unit_test(dates_and_texts_that_recur_are_written_alike),
        cmocka_unit_test(values_that_come_together_are_written_as_if_they_came_alone),
        cmocka_unit_test(a_phrase_that_was_written_in_part_is_whole),
        cmocka_unit_test(a_phrase_is_known_by_all_its_values),
        cmocka_unit_test(a_huge_text_full_of_quotes_fits),
        cmocka_unit_test(one_variable_without_a_value_is_no_empty_line),
        cmocka_unit_test(columns_are_taken_from_where_they_stand),
        cmocka_unit_test(calls_out_of_order_are_refused),
        cmocka_unit_test(a_name_that_is_no_file_name_is_refused),
        cmocka_unit_test(formats_are_found_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
