/* SPDX-License-Identifier: MIT */
/* Files written by libreadstat, read by the loaders of XPORT 5, XPORT 8 and SAS7BDAT. */
#include <readstat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "load_kit.h"

enum { ROWS = 40 };

static ssize_t put(const void *p, size_t n, void *ctx) {
    sm_buf_add(ctx, p, n);
    return (ssize_t)n;
}

static void must(readstat_error_t e) { assert_int_equal(e, READSTAT_OK); }

static const char long_label[] = "A label of far more than forty bytes, which version eight can hold";

/* version 5 or 8, or 0 for SAS7BDAT */
static void write_file(struct sm_buf *b, int version, int rows, bool char_only) {
    readstat_writer_t *w = readstat_writer_init();
    sm_buf_init(b, 0);
    must(readstat_set_data_writer(w, put));
    if (version) must(readstat_writer_set_file_format_version(w, (uint8_t)version));
    must(readstat_writer_set_table_name(w, "LB"));
    must(readstat_writer_set_file_label(w, "Laboratory"));
    must(readstat_writer_set_file_timestamp(w, (time_t)1714979289));
    readstat_variable_t *u = readstat_add_variable(w, "USUBJID", READSTAT_TYPE_STRING, char_only ? 5 : 12);
    readstat_variable_t *v = char_only ? NULL : readstat_add_variable(w, version == 8 ? "LBSTRESNLONG" : "LBSTRESN", READSTAT_TYPE_DOUBLE, 8);
    readstat_variable_set_label(u, version == 8 ? long_label : "Subject");
    if (version) must(readstat_begin_writing_xport(w, b, rows));
    else must(readstat_begin_writing_sas7bdat(w, b, rows));
    for (int i = 0; i < rows; i++) {
        char text[16];
        (void)snprintf(text, sizeof text, "S%d", i);
        must(readstat_begin_row(w));
        must(readstat_insert_string_value(w, u, i % 7 == 3 ? "" : text));
        if (v && i % 5 == 2) must(readstat_insert_missing_value(w, v));
        else if (v) must(readstat_insert_double_value(w, v, (i - 10) / 10.0));
        must(readstat_end_row(w));
    }
    must(readstat_end_writing(w));
    readstat_writer_free(w);
}

static void expect_rows(const struct kit *k, int rows, bool char_only) {
    struct sm_buf want;
    sm_buf_init(&want, 0);
    for (int i = 0; i < rows; i++) {
        if (i % 7 != 3) sm_buf_printf(&want, "S%d", i);
        sm_buf_add_c(&want, "|");
        if (char_only) {
            sm_buf_add_c(&want, "\n");
            continue;
        }
        int tenths = i - 10;
        if (i % 5 != 2) sm_buf_printf(&want, tenths % 10 ? "%s%d.%d" : "%s%d", tenths < 0 ? "-" : "", abs(tenths) / 10, abs(tenths) % 10);
        sm_buf_add_c(&want, "|\n");
    }
    assert_string_equal(k->rows.p, want.p);
    sm_buf_free(&want);
}

static void reads(int version, int rows, bool char_only) {
    struct sm_buf b;
    struct kit k;
    write_file(&b, version, rows, char_only);
    kit_memory(&k, "lb", b.p, b.n, NULL);
    if (k.rc) print_error("%s\n", k.err.text);
    assert_int_equal(k.rc, SM_OK);
    expect_rows(&k, rows, char_only);
    assert_string_equal(sm_loader_format(k.l), version ? "xpt" : "sas7bdat");
    assert_string_equal(sm_loader_info(k.l)->name.p, "LB");
    assert_string_equal(sm_loader_info(k.l)->label.p, "Laboratory");
    assert_string_equal(sm_loader_info(k.l)->var[0].label.p, version == 8 ? long_label : "Subject");
    kit_close(&k);
    sm_buf_free(&b);
}

static void version_5_agrees_with_its_writer(void **state) {
    (void)state;
    reads(5, ROWS, false);
    reads(5, 1, false);
    reads(5, 2000, false);
}
static void version_8_keeps_long_names_and_labels(void **state) {
    (void)state;
    reads(8, ROWS, false);
}
static void sas7bdat_agrees_with_its_writer(void **state) {
    (void)state;
    reads(0, ROWS, false);
    reads(0, 2000, false);
}
static void blank_rows_in_the_middle_are_rows(void **state) {
    (void)state;
    reads(5, 15, true);
}

static void a_loader_may_be_closed_before_its_end(void **state) {
    (void)state;
    for (int version = 0; version <= 5; version += 5) {
        struct sm_buf b;
        struct kit k;
        struct sm_block blk;
        write_file(&b, version, 3000, false);
        kit_start(&k);
        assert_int_equal(sm_loader_open_memory(&k.l, "lb", sm_buf_str(&b), NULL, k.in, &k.err), SM_OK);
        struct sm_blocks in = sm_loader_blocks(k.l);
        assert_int_equal(in.next(in.ctx, &blk, &k.err), SM_OK);
        kit_close(&k);
        sm_buf_free(&b);
    }
}

/* Where a cut leaves a whole number of records and of 80 bytes, version 5 cannot tell. */
static bool looks_whole(const char *p, size_t n, size_t at) {
    (void)p, (void)n;
    return at >= 960 && at % 80 == 0 && (at - 960) % 20 == 0;
}

static void a_file_cut_off_is_refused(void **state) {
    (void)state;
    struct sm_buf b;
    write_file(&b, 5, 200, false);
    kit_cut("lb.xpt", b.p, b.n, 1, looks_whole);
    sm_buf_free(&b);
    write_file(&b, 0, 200, false);
    kit_cut("lb.sas7bdat", b.p, b.n, 1, NULL);
    sm_buf_free(&b);
}

static void damaged(size_t at, char with, const char *what) {
    struct sm_buf b;
    struct kit k;
    write_file(&b, 5, ROWS, false);
    b.p[at] = with;
    kit_memory(&k, "lb.xpt", b.p, b.n, NULL);
    if (k.rc != SM_EFORMAT || !strstr(k.err.text, what)) print_error("%zu: %d %s\n", at, k.rc, k.err.text);
    assert_int_equal(k.rc, SM_EFORMAT);
    assert_non_null(strstr(k.err.text, what));
    kit_close(&k);
    sm_buf_free(&b);
}

static void damaged_headers_are_refused_with_their_place(void **state) {
    (void)state;
    damaged(30, 'x', "byte 0");
    damaged(80, 'x', "byte 80");
    damaged(245, 'x', "byte 240");
    damaged(325, 'x', "byte 320");
    damaged(565, 'x', "byte 560");
    damaged(641, 9, "descriptor of variable 1 is damaged");
    damaged(645, 9, "descriptor of variable 2 is damaged");
}

static void bytes_that_are_no_utf8_are_read_as_windows_1252(void **state) {
    (void)state;
    struct sm_buf b;
    struct kit k;
    write_file(&b, 5, 1, false);
    size_t at = b.n;
    while (b.p[at - 1] != 'S' || b.p[at] != '0') at--;
    b.p[at - 1] = (char)0xFC;
    kit_memory(&k, "lb.xpt", b.p, b.n, NULL);
    assert_int_equal(k.rc, SM_OK);
    assert_string_equal(k.rows.p, "\xC3\xBC" "0|-1|\n");
    assert_int_equal(sm_loader_recoded(k.l), 1);
    kit_close(&k);
    sm_buf_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_5_agrees_with_its_writer),
        cmocka_unit_test(version_8_keeps_long_names_and_labels),
        cmocka_unit_test(sas7bdat_agrees_with_its_writer),
        cmocka_unit_test(blank_rows_in_the_middle_are_rows),
        cmocka_unit_test(a_loader_may_be_closed_before_its_end),
        cmocka_unit_test(a_file_cut_off_is_refused),
        cmocka_unit_test(damaged_headers_are_refused_with_their_place),
        cmocka_unit_test(bytes_that_are_no_utf8_are_read_as_windows_1252),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
