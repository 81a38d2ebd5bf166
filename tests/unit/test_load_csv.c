/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "load_kit.h"
#include "tmp.h"

static void cells_quotes_and_line_breaks_are_read(void **state) {
    (void)state;
    kit_loads("ae.csv", "USUBJID,AETERM\n1,\"a, \"\"b\"\"\nc\"\r\n2,plain \"quote\"\n", "USUBJID AETERM", "1|a, \"b\"\nc|\n2|plain \"quote\"|\n");
    kit_loads("ae.csv", "A;B\n1;2\n", "A B", "1|2|\n");
    kit_loads("ae.csv", "A\tB\n\t\n", "A B", "||\n");
    kit_loads("ae.csv", "\xEF\xBB\xBF" "A,B\n1,2\n", "A B", "1|2|\n");
    kit_loads("ae.csv", "A,B\n", "A B", "");
    kit_loads("ae.csv", "A\n\nx\n", "A", "|\nx|\n");
}

static void numbers_and_dates_are_known_by_name_without_a_standard(void **state) {
    (void)state;
    kit_loads("lb.csv", "LBSEQ,LBSTRESN,LBORRES,VISITNUM,LBDTC,LBDY\n01,5.40,5.40,1e1,2014-03,-0\n", "LBSEQ# LBSTRESN# LBORRES VISITNUM# LBDTC@ LBDY#",
              "1|5.4|5.40|10|2014-03|0|\n");
    kit_loads("lb.csv", "LBSTRESN\n0.1000000000000000055\n.\nNA\n<5\n", NULL, "0.1|\n|\n|\n<5|\n");
}

static void damage_is_an_error_with_its_place(void **state) {
    (void)state;
    kit_refuses("a.csv", "A,B\n1,2\n1\n", "line 3: 1 fields, the header has 2");
    kit_refuses("a.csv", "A,B\n1,2,3\n", "line 2: 3 fields");
    kit_refuses("a.csv", "A,B\n1,\"2\n3\n", "line 2: the quote opened here is never closed");
    kit_refuses("a.csv", "A,B\n1,\"2\"x\n", "line 2, field 2: text after the closing quote");
    kit_refuses("a.csv", "A,B\n1,2", "line 2: the file ends without a line end");
    kit_refuses("a.csv", "A,B\n1,\xFF\n", "line 2, field 2 (B): bytes that are no UTF-8");
    kit_refuses("a.csv", "A,A\n", "field 2: variable A stands there twice");
    kit_refuses("a.csv", "A,\n", "field 2: no name");
    kit_refuses("a.csv", "A,B\n1\r2,3\n", "carriage return without line feed");
    kit_refuses("a.csv", "", "empty");
}

static void an_open_end_can_be_allowed(void **state) {
    (void)state;
    struct kit k;
    kit_memory(&k, "a.csv", "A,B\n1,2", 7, &(struct sm_load_opts){.open_end = true});
    assert_int_equal(k.rc, SM_OK);
    assert_string_equal(k.rows.p, "1|2|\n");
    kit_close(&k);
}

static void a_declared_encoding_is_undone(void **state) {
    (void)state;
    struct kit k;
    kit_memory(&k, "a.csv", "A\nM\xFCller\n", 9, &(struct sm_load_opts){.encoding = "ISO-8859-1"});
    assert_int_equal(k.rc, SM_OK);
    assert_string_equal(k.rows.p, "M\xC3\xBCller|\n");
    kit_close(&k);
}

static bool at_line_end(const char *p, size_t n, size_t at) { return at > 0 && at <= n && p[at - 1] == '\n'; }

static void a_file_cut_off_inside_a_line_is_refused(void **state) {
    (void)state;
    struct sm_buf b;
    sm_buf_init(&b, 0);
    sm_buf_add_c(&b, "USUBJID,AESEQ,AETERM\n");
    for (int i = 0; i < 100; i++) sm_buf_printf(&b, "S-%03d,%d,\"Term, %d\"\n", i, i, i);
    kit_cut("ae.csv", b.p, b.n, 1, at_line_end);
    sm_buf_free(&b);
}

static void many_rows_come_in_blocks_with_record_numbers(void **state) {
    (void)state;
    struct sm_buf b;
    struct kit k;
    struct sm_block blk;
    uint64_t rows = 0;
    sm_buf_init(&b, 0);
    sm_buf_add_c(&b, "A\n");
    for (int i = 0; i < 2000; i++) sm_buf_printf(&b, "%d\n", i);
    kit_start(&k);
    assert_int_equal(sm_loader_open_memory(&k.l, "a.csv", sm_buf_str(&b), &(struct sm_load_opts){.file = 3}, k.in, &k.err), SM_OK);
    struct sm_blocks in = sm_loader_blocks(k.l);
    while (!in.next(in.ctx, &blk, &k.err))
        for (uint32_t i = 0; i < blk.nrow; i++) assert_true(blk.pos[i] == sm_pos_make(3, ++rows, 0));
    assert_int_equal(rows, 2000);
    assert_int_equal(sm_loader_info(k.l)->rows, 2000);
    kit_close(&k);
    sm_buf_free(&b);
}

static void a_folder_lists_each_dataset_once_by_name(void **state) {
    (void)state;
    struct tmp t;
    struct sm_arena a;
    struct sm_err err = {0};
    const struct sm_load_file *f;
    size_t n;
    tmp_open(&t);
    sm_arena_init(&a);
    tmp_write(&t, "xpt/vs.xpt", "x");
    tmp_write(&t, "csv/ae.csv", "x");
    tmp_write(&t, "xml/ae.xml", "x");
    tmp_write(&t, "xml/define.xml", "x");
    tmp_write(&t, "issues.csv", "x");
    tmp_write(&t, "manifest.json", "x");
    tmp_write(&t, "rejects/raw.csv", "x");
    tmp_write(&t, "dm.csv.gz", "x");
    assert_int_equal(sm_load_list(t.dir, NULL, &a, &f, &n, &err), SM_OK);
    assert_int_equal(n, 4);
    assert_string_equal(f[0].name.p, "AE");
    assert_string_equal(f[0].suffix.p, "xml");
    assert_false(f[0].again);
    assert_true(f[1].again);
    assert_string_equal(f[2].name.p, "DM");
    assert_string_equal(f[2].suffix.p, "csv");
    assert_string_equal(f[3].name.p, "VS");
    assert_int_equal(sm_load_list(t.dir, "csv", &a, &f, &n, &err), SM_OK);
    assert_int_equal(n, 2);
    sm_arena_free(&a);
    tmp_close(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_quotes_and_line_breaks_are_read),
        cmocka_unit_test(numbers_and_dates_are_known_by_name_without_a_standard),
        cmocka_unit_test(damage_is_an_error_with_its_place),
        cmocka_unit_test(an_open_end_can_be_allowed),
        cmocka_unit_test(a_declared_encoding_is_undone),
        cmocka_unit_test(a_file_cut_off_inside_a_line_is_refused),
        cmocka_unit_test(many_rows_come_in_blocks_with_record_numbers),
        cmocka_unit_test(a_folder_lists_each_dataset_once_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
