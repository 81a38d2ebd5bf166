/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rawspec.h"

static struct rawspec raw;
static struct sm_buf marks;

static void mark(void *ctx, uint32_t file, uint64_t record, enum sm_fate fate, uint16_t code) {
    assert_ptr_equal(ctx, &raw);
    assert_int_equal(fate, code == SM_D_DUPLICATE_KEY ? SM_FATE_UNREADABLE : SM_FATE_DUPLICATE);
    sm_buf_printf(&marks, "%u.%u:%u ", (unsigned)file, (unsigned)record, (unsigned)code);
}

static void begin(const char *key, enum sm_dups dups, const char *by) {
    assert_true(rawspec_open(&raw, "ID VISIT VAL ENTERED"));
    rawspec_key(&raw, key, dups, by);
    sm_buf_init(&marks, 0);
    assert_int_equal(sm_dedup_open(&raw.dedup, &raw.spec, &raw.source, &raw.err), SM_OK);
}

static void file(const char *rows) {
    struct sm_buf text;
    sm_buf_init(&text, 0);
    sm_buf_printf(&text, "ID,VISIT,VAL,ENTERED\n%s", rows);
    int rc = rawspec_read_n(&raw, text.p, text.n);
    if (rc) fail_msg("%s", raw.err.text);
    sm_buf_free(&text);
}

static void expect(const char *marked, const char *findings) {
    struct sm_buf found;
    sm_buf_init(&found, 0);
    assert_int_equal(sm_dedup_finish(raw.dedup, mark, &raw, &raw.diags, &raw.err), SM_OK);
    rawspec_findings(&raw, &found);
    assert_string_equal(marks.n ? marks.p : "", marked);
    assert_string_equal(found.n ? found.p : "", findings);
    sm_buf_free(&found);
    sm_buf_free(&marks);
    rawspec_close(&raw);
}

static void equal_rows_of_one_file_are_repeats(void **state) {
    (void)state;
    begin("ID VISIT", SM_DUPS_FIRST, NULL);
    file("1,A,5,x\n2,A,5,x\n1,\"A\" , 5,x\n1,A,5,x\n");
    expect("0.3:1004 0.4:1004 ",
           "4.0 duplicate-row [1] row-dropped\n5.0 duplicate-row [1] row-dropped\n");
}

static void equal_rows_of_two_files_share_a_key_only(void **state) {
    (void)state;
    begin("ID VISIT", SM_DUPS_LAST, NULL);
    file("1,A,5,x\n");
    file("1,A,5,x\n");
    expect("0.1:1005 ", "2.0 superseded-row [1] row-dropped\n");
}

static void the_latest_entry_wins_wherever_it_stands(void **state) {
    (void)state;
    begin("ID VISIT", SM_DUPS_LAST_BY, "ENTERED");
    file("1,A,5,2014-02-01\n1,A,6,2014-01-01\n2,A,1,2014-01-01\n2,A,2,2014-01-01\n"
         "3,A,1,9\n3,A,2,10\n4,A,1,\n4,A,2,1\n");
    expect("0.2:1005 0.3:1005 0.5:1005 0.7:1005 ",
           "3.0 superseded-row [1] row-dropped\n4.0 superseded-row [2] row-dropped\n"
           "6.0 superseded-row [3] row-dropped\n8.0 superseded-row [4] row-dropped\n");
}

static void a_finding_names_the_line_that_is_kept(void **state) {
    (void)state;
    begin("ID", SM_DUPS_LAST, NULL);
    file("1,A,5,x\n");
    file("1,B,5,x\n");
    assert_int_equal(sm_dedup_finish(raw.dedup, mark, &raw, &raw.diags, &raw.err), SM_OK);
    assert_string_equal(raw.diags.first->detail.p, "same key as line 2 of raw2.csv, which is kept");
    assert_string_equal(raw.diags.first->file.p, "raw1.csv");
    sm_buf_free(&marks);
    rawspec_close(&raw);
}

static void keys_with_missing_parts_take_part(void **state) {
    (void)state;
    begin("ID VISIT", SM_DUPS_REJECT, NULL);
    file("1,,5,x\n1,,6,x\n,1,6,x\n");
    expect("0.2:1006 ", "3.0 duplicate-key [1] row-dropped\n");
}

static void repeats_of_a_superseded_row_are_repeats(void **state) {
    (void)state;
    begin("ID", SM_DUPS_LAST, NULL);
    file("1,A,5,x\n1,B,5,x\n1,A,5,x\n");
    expect("0.1:1005 0.3:1004 ",
           "2.0 superseded-row [1] row-dropped\n4.0 duplicate-row [1] row-dropped\n");
}

/* Both values of a wide row count for its key, and the record is lost as one. */
static void the_key_of_a_file_is_that_of_its_records(void **state) {
    (void)state;
    begin("ID", SM_DUPS_LAST_BY, "ENTERED");
    struct sm_filecol a[1] = {{.column = 2, .how = SM_SUPPLY_HEADER, .raw = 2}};
    struct sm_filecol b[1] = {{.column = 2, .how = SM_SUPPLY_HEADER, .raw = 1}};
    struct sm_unpivot_from from[2] = {{.col = a, .ncol = 1, .value_col = 2},
                                      {.col = b, .ncol = 1, .value_col = 2}};
    struct sm_unpivot unpivot = {from, 2, true};
    struct sm_filecol base[2] = {raw.col[0], raw.col[3]};
    raw.file.unpivot = &unpivot;
    raw.file.col = base;
    raw.file.ncol = 2;
    raw.file.key = &raw.key;
    raw.source.key = NULL;
    file("1,A,5,3\n1,B,6,1\n1,C,7,2\n");
    expect("0.2:1005 0.3:1005 ",
           "3.0 superseded-row [1] row-dropped\n4.0 superseded-row [1] row-dropped\n");
}

static void many_rows_of_one_key_take_linear_time(void **state) {
    (void)state;
    struct sm_buf text;
    sm_buf_init(&text, 0);
    begin("ID", SM_DUPS_FIRST, NULL);
    for (unsigned i = 0; i < 60000; i++)
        sm_buf_printf(&text, "1,A,%u,x\n", i / 2);
    file(text.p);
    size_t before = raw.diags.n;
    assert_int_equal(sm_dedup_finish(raw.dedup, mark, &raw, &raw.diags, &raw.err), SM_OK);
    assert_int_equal(raw.diags.n - before, 59999);
    sm_buf_free(&text);
    sm_buf_free(&marks);
    rawspec_close(&raw);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_rows_of_one_file_are_repeats),
        cmocka_unit_test(equal_rows_of_two_files_share_a_key_only),
        cmocka_unit_test(the_latest_entry_wins_wherever_it_stands),
        cmocka_unit_test(a_finding_names_the_line_that_is_kept),
        cmocka_unit_test(keys_with_missing_parts_take_part),
        cmocka_unit_test(repeats_of_a_superseded_row_are_repeats),
        cmocka_unit_test(the_key_of_a_file_is_that_of_its_records),
        cmocka_unit_test(many_rows_of_one_key_take_linear_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
