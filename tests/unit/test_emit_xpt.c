/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>
#include <readstat.h>

#include "dataset.h"

/* What an independent reader finds: names and widths, then a line a row, '|' between cells. */
struct seen {
    struct sm_buf text;
    int nvar;
};

static int see_metadata(readstat_metadata_t *m, void *ctx) {
    struct seen *s = ctx;
    s->nvar = readstat_get_var_count(m);
    sm_buf_printf(&s->text, "%s,%s,%ld\n", readstat_get_table_name(m), readstat_get_file_label(m),
                  (long)readstat_get_creation_time(m));
    return READSTAT_HANDLER_OK;
}

static int see_variable(int i, readstat_variable_t *v, const char *labels, void *ctx) {
    struct seen *s = ctx;
    (void)i, (void)labels;
    sm_buf_printf(&s->text, "%s:%s:%c%zu\n", readstat_variable_get_name(v), readstat_variable_get_label(v),
                  readstat_variable_get_type(v) == READSTAT_TYPE_STRING ? 'c' : 'n', readstat_variable_get_storage_width(v));
    return READSTAT_HANDLER_OK;
}

static int see_value(int row, readstat_variable_t *v, readstat_value_t value, void *ctx) {
    struct seen *s = ctx;
    (void)row;
    int i = readstat_variable_get_index(v);
    if (readstat_value_type(value) == READSTAT_TYPE_STRING) {
        const char *text = readstat_string_value(value);
        sm_buf_add_c(&s->text, text ? text : "");
    } else if (readstat_value_is_system_missing(value)) {
        sm_buf_add_byte(&s->text, '.');
    } else {
        sm_buf_printf(&s->text, "%.17g", readstat_double_value(value));
    }
    sm_buf_add_byte(&s->text, i + 1 < s->nvar ? '|' : '\n');
    return READSTAT_HANDLER_OK;
}

static void see(struct kit *k, struct seen *s) {
    sm_buf_init(&s->text, 0);
    readstat_parser_t *p = readstat_parser_init();
    readstat_set_metadata_handler(p, see_metadata);
    readstat_set_variable_handler(p, see_variable);
    readstat_set_value_handler(p, see_value);
    assert_int_equal(readstat_parse_xport(p, kit_file(k), s), READSTAT_OK);
    readstat_parser_free(p);
}

static void slurp(struct kit *k, struct sm_buf *b) {
    sm_buf_init(b, 0);
    assert_true(tmp_slurp(kit_file(k), b));
    assert_int_equal(b->n % 80, 0);
    assert_int_equal(k->bytes, b->n);
}

static void another_reader_gets_names_widths_and_cells(void **state) {
    (void)state;
    struct kit k;
    struct seen s;
    struct sm_buf bytes;
    kit_open(&k, "AE");
    kit_var(&k, "USUBJID", 'c');
    kit_var(&k, "AESEQ", 'n');
    kit_var(&k, "AETERM", 'c');
    kit_var(&k, "AESTDTC", 'd');
    kit_var(&k, "AENONE", 'c');
    kit_var(&k, "AEDECL", 'c');
    k.var[5].length = 200;
    k.var[2].label = SM_STR("Reported Term for the Adverse Event");
    kit_row(&k, "S-001-0001|1|Headache|2014-03-15||yes");
    kit_row(&k, "S-001-0001|-2.25|Pain, \"left\" arm|2014-03||");
    kit_row(&k, "S-2||  x|||no");
    assert_int_equal(kit_emit(&k, "xpt"), SM_OK);
    assert_string_equal(k.path, "out/xpt/ae.xpt");
    assert_int_equal(k.diags.n, 0);
    see(&k, &s);
    char time[32];
    assert_non_null(strchr(s.text.p, '\n'));
    const char *rest = strchr(s.text.p, '\n') + 1;
    snprintf(time, sizeof time, "AE,A Dataset,");
    assert_memory_equal(s.text.p, time, strlen(time));
    assert_string_equal(rest, "USUBJID:A Label:c10\nAESEQ:A Label:n8\nAETERM:Reported Term for the Adverse Event:c16\n"
                              "AESTDTC:A Label:c10\nAENONE:A Label:c1\nAEDECL:A Label:c200\n"
                              "S-001-0001|1|Headache|2014-03-15||yes\n"
                              "S-001-0001|-2.25|Pain, \"left\" arm|2014-03||\n"
                              "S-2|.|  x|||no\n");
    slurp(&k, &bytes);
    assert_memory_equal(bytes.p, "HEADER RECORD*******LIBRARY HEADER RECORD!!!!!!!000000000000000000000000000000  ", 80);
    assert_memory_equal(bytes.p + 80, "SAS     SAS     SASLIB  9.4     SDTMILL                         06MAY24:07:08:09", 80);
    assert_memory_equal(bytes.p + 160, "06MAY24:07:08:09                ", 32);
    assert_memory_equal(bytes.p + 240, "HEADER RECORD*******MEMBER  HEADER RECORD!!!!!!!000000000000000001600000000140  ", 80);
    assert_memory_equal(bytes.p + 400, "SAS     AE      SASDATA 9.4     SDTMILL                         06MAY24:07:08:09", 80);
    assert_memory_equal(bytes.p + 480, "06MAY24:07:08:09                A Dataset                                       ", 80);
    assert_memory_equal(bytes.p + 560, "HEADER RECORD*******NAMESTR HEADER RECORD!!!!!!!000000000600000000000000000000  ", 80);
    sm_buf_free(&bytes);
    sm_buf_free(&s.text);
    kit_close(&k);
}

static void no_rows_make_a_file_that_ends_behind_its_head(void **state) {
    (void)state;
    struct kit k;
    struct sm_buf bytes;
    kit_open(&k, "XX");
    kit_var(&k, "A", 'c');
    assert_int_equal(kit_emit(&k, "xpt"), SM_OK);
    slurp(&k, &bytes);
    assert_int_equal(bytes.n, 880);
    sm_buf_free(&bytes);
    kit_close(&k);
}

static void numbers_have_the_bits_of_ibm_doubles(void **state) {
    (void)state;
    static const struct { const char *text; unsigned char bytes[8]; } t[] = {
        {"1", {0x41, 0x10}}, {"-1", {0xC1, 0x10}}, {"0", {0}}, {"-0.0", {0}}, {"-7", {0xC1, 0x70}}, {"84", {0x42, 0x54}},
        {"0.1", {0x40, 0x19, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9A}}, {"0.3", {0x40, 0x4C, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC}},
        {"5.4", {0x41, 0x56, 0x66, 0x66, 0x66, 0x66, 0x66, 0x68}}, {"118.625", {0x42, 0x76, 0xA0}},
        {"123456789", {0x47, 0x75, 0xBC, 0xD1, 0x50}}, {"", {0x2E}},
    };
    for (size_t i = 0; i < SM_ARRAY_LEN(t); i++) {
        struct kit k;
        struct sm_buf bytes;
        kit_open(&k, "XX");
        kit_var(&k, "N", 'n');
        kit_row(&k, t[i].text);
        assert_int_equal(kit_emit(&k, "xpt"), SM_OK);
        slurp(&k, &bytes);
        assert_memory_equal(bytes.p + 880, t[i].bytes, 8);
        sm_buf_free(&bytes);
        kit_close(&k);
    }
}

static void random_numbers_come_back_exactly(void **state) {
    (void)state;
    struct kit k;
    struct seen s;
    struct sm_buf want;
    uint64_t x = 42;
    sm_buf_init(&want, 0);
    kit_open(&k, "XX");
    kit_var(&k, "N", 'n');
    for (int i = 0; i < KIT_ROWS - 1; i++) {
        char text[400];
        double v;
        x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        uint64_t bits = (x & ~(UINT64_C(0x7FF) << 52)) | (UINT64_C(0x3FF) - 60 + (uint64_t)i * 2) << 52;
        memcpy(&v, &bits, sizeof v);
        text[sm_num_format_plain(v, text)] = '\0';
        kit_row(&k, text);
        sm_buf_printf(&want, "%.17g\n", v);
    }
    assert_int_equal(kit_emit(&k, "xpt"), SM_OK);
    see(&k, &s);
    assert_string_equal(strstr(s.text.p, ":n8\n") + 4, want.p);
    sm_buf_free(&want);
    sm_buf_free(&s.text);
    kit_close(&k);
}

/* All the finding says that is not in other fields. */
static void assert_refused(struct kit *k, enum sm_diag_code code, const char *detail, const char *mend) {
    assert_int_equal(kit_emit(k, "xpt"), SM_OK);
    assert_int_equal(k->wrote, 0);
    assert_int_not_equal(access(tmp_path(&k->tmp, "out/xpt/xx.xpt"), F_OK), 0);
    const struct sm_diag *d = kit_finding(k, 0);
    assert_int_equal(d->code, code);
    assert_int_equal(d->sev, SM_SEV_ERROR);
    assert_string_equal(d->detail.p, detail);
    if (mend) assert_string_equal(d->mend.p, mend);
}

static void what_is_no_ascii_is_a_finding_and_no_file(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, "XX");
    kit_var(&k, "USUBJID", 'c');
    kit_var(&k, "XXORRESU", 'c');
    kit_row(&k, "S-1|mg");
    kit_row(&k, "S-2|\xC2\xB5g/mL");
    kit_row(&k, "S-3|a long text of \xE6\x97\xA5");
    kit_row(&k, "S-4|a\tb");
    assert_refused(&k, SM_D_NOT_ASCII, "xpt: record 2: byte 1 of the value, U+00B5, is no printable ASCII character",
                   "write 'u' for it with replace() in the mapping, or use --transliterate");
    assert_int_equal(k.diags.n, 3);
    assert_true(sm_str_eq_c(kit_finding(&k, 0)->subject, "S-2"));
    assert_true(sm_str_eq_c(kit_finding(&k, 0)->variable, "XXORRESU"));
    assert_string_equal(kit_finding(&k, 1)->detail.p, "xpt: record 3: byte 16 of the value, U+65E5, is no printable ASCII character");
    assert_string_equal(kit_finding(&k, 2)->detail.p, "xpt: record 4: byte 2 of the value, U+0009, is no printable ASCII character");
    kit_close(&k);
}

static void a_text_over_200_bytes_is_a_finding_and_no_file(void **state) {
    (void)state;
    struct kit k;
    char text[202];
    memset(text, 'x', 201);
    text[201] = '\0';
    kit_open(&k, "XX");
    kit_var(&k, "A", 'c');
    kit_row(&k, text + 1);
    kit_row(&k, text);
    assert_refused(&k, SM_D_TEXT_TOO_LONG, "xpt: record 2: value has 201 bytes, the format holds 200: byte 201 is the first that does not fit",
                   "say split=\"supp\" for the variable, so that the rest goes to SUPP--");
    assert_int_equal(k.diags.n, 1);
    kit_close(&k);
}

static void a_text_over_its_declared_length_is_a_finding(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, "XX");
    kit_var(&k, "A", 'c');
    kit_var(&k, "B", 'd');
    k.var[0].length = 2;
    k.var[1].length = 7;
    kit_row(&k, "ab|2014-03");
    kit_row(&k, "abc|");
    kit_row(&k, "a long text|2014-03-15");
    assert_refused(&k, SM_D_TEXT_TOO_LONG, "xpt: record 2: value has 3 bytes, the mapping declares 2: byte 3 is the first that does not fit",
                   "declare a greater length");
    assert_int_equal(k.diags.n, 3);
    kit_close(&k);
}

/* A text of n letters, one of them another byte. */
static void assert_short(size_t n, size_t at, unsigned char byte) {
    struct kit k;
    struct sm_buf got;
    char text[8] = "abcdefg";
    sm_buf_init(&got, 0);
    kit_open(&k, "XX");
    kit_var(&k, "A", 'c');
    k.var[0].length = 9;
    text[at] = (char)byte;
    k.ds.rows = 1;
    kit_cell(&k, 0, sm_str_n(text, n));
    assert_int_equal(kit_emit(&k, "xpt"), SM_OK);
    const bool fine = byte >= 0x20 && byte < 0x7F;
    assert_int_equal(k.wrote, fine ? 1 : 0);
    assert_int_equal(k.diags.n, fine ? 0 : 1);
    if (fine) {
        char want[80];
        memset(want, ' ', sizeof want);
        memcpy(want, text, n);
        assert_true(tmp_slurp(kit_file(&k), &got));
        assert_memory_equal(got.p + got.n - sizeof want, want, sizeof want);
    }
    sm_buf_free(&got);
    kit_close(&k);
}

static void short_texts_are_written_or_found_whatever_byte_is_in_them(void **state) {
    (void)state;
    static const unsigned char byte[] = {1, 0x1F, ' ', '!', '"', '~', 0x7F, 0x80, 0xFF};
    for (size_t n = 1; n <= 7; n++)
        for (size_t at = 0; at < n; at++)
            for (size_t i = 0; i < sizeof byte; i++) assert_short(n, at, byte[i]);
}

static void names_and_labels_have_their_limits(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, "XX");
    kit_var(&k, "A234567890", 'c');
    kit_var(&k, "OK", 'c');
    kit_var(&k, "ok", 'c');
    kit_var(&k, "1A", 'c');
    kit_var(&k, "LABEL", 'c');
    kit_var(&k, "LABEL2", 'c');
    kit_var(&k, "LONG", 'c');
    k.var[4].label = SM_STR("12345678901234567890123456789012345678901");
    k.var[5].label = SM_STR("\xC2\xB5");
    k.var[6].length = 300;
    kit_row(&k, "a|b|c|d|e|f|g");
    assert_refused(&k, SM_D_NAME_LIMIT, "xpt: name has 10 bytes, the format holds 8", "shorten it, for instance to A2345678");
    assert_int_equal(k.diags.n, 6);
    assert_string_equal(kit_finding(&k, 1)->detail.p, "xpt: name is not made of letters, digits and _, a digit not first");
    assert_string_equal(kit_finding(&k, 2)->detail.p, "xpt: label has 41 bytes, the format holds 40");
    assert_int_equal(kit_finding(&k, 3)->code, SM_D_NOT_ASCII);
    assert_string_equal(kit_finding(&k, 4)->detail.p, "xpt: declared length is 300 bytes, the format holds 200");
    assert_true(sm_str_eq_c(kit_finding(&k, 5)->variable, "ok"));
    kit_close(&k);
}

static void numbers_out_of_range_are_findings(void **state) {
    (void)state;
    static const char *const zeros = "0000000000000000000000000000000000000000";
    static const char *const bad[] = {"x", "1.2.3", "a long word"};
    char huge[80], tiny[128];
    snprintf(huge, sizeof huge, "8%s%.35s", zeros, zeros);
    snprintf(tiny, sizeof tiny, "0.%s%.40s1", zeros, zeros);
    for (size_t i = 0; i < SM_ARRAY_LEN(bad) + 2; i++) {
        struct kit k;
        kit_open(&k, "XX");
        kit_var(&k, "N", 'n');
        kit_row(&k, "1");
        kit_row(&k, i < SM_ARRAY_LEN(bad) ? bad[i] : i == SM_ARRAY_LEN(bad) ? huge : tiny);
        assert_refused(&k, SM_D_NUMBER_RANGE, "xpt: record 2: value is no number, or outside 5.4e-79 to 7.2e75", NULL);
        kit_close(&k);
    }
    struct kit k;
    struct seen s;
    kit_open(&k, "XX");
    kit_var(&k, "N", 'n');
    huge[0] = '7';
    kit_row(&k, huge);
    assert_int_equal(kit_emit(&k, "xpt"), SM_OK);
    see(&k, &s);
    assert_non_null(strstr(s.text.p, "e+75\n"));
    sm_buf_free(&s.text);
    kit_close(&k);
}

static void a_refused_dataset_does_not_stop_the_next(void **state) {
    (void)state;
    struct kit k;
    struct sm_emitter *e = NULL;
    struct sm_block b = {k.cell, k.pos, 1, 1};
    kit_open(&k, "XX");
    kit_var(&k, "A", 'c');
    kit_row(&k, "\xC2\xB5");
    assert_int_equal(sm_stage_open(&k.study.stage, tmp_path(&k.tmp, "out"), false, &k.err), SM_OK);
    assert_int_equal(sm_emitter_open(&e, sm_emit_find(SM_STR("xpt")), &k.study, &k.err), SM_OK);
    assert_int_equal(sm_emitter_begin(e, &k.ds, &k.err), SM_OK);
    assert_int_equal(sm_emitter_block(e, &b, &k.err), SM_OK);
    assert_int_equal(sm_emitter_end(e, &k.err), SM_OK);
    assert_int_equal(k.wrote, 0);
    kit_cell(&k, 0, SM_STR("u"));
    assert_int_equal(sm_emitter_begin(e, &k.ds, &k.err), SM_OK);
    assert_int_equal(sm_emitter_block(e, &b, &k.err), SM_OK);
    assert_int_equal(sm_emitter_end(e, &k.err), SM_OK);
    assert_int_equal(k.wrote, 1);
    sm_emitter_close(e);
    sm_stage_close(k.study.stage);
    kit_close(&k);
}

/* Seven records of 100 bytes behind a head of 1040. */
static void seven_rows(struct kit *k) {
    char row[120];
    kit_open(k, "LB");
    kit_var(k, "N", 'n');
    kit_var(k, "A", 'c');
    for (int i = 1; i <= 7; i++) {
        snprintf(row, sizeof row, "%d|%d%091d", i, i, i);
        kit_row(k, row);
    }
}

static void a_dataset_over_the_limit_is_written_in_parts_with_equal_heads(void **state) {
    (void)state;
    struct kit k;
    struct seen s;
    struct sm_buf first, part;
    char row[40], name[64];
    seven_rows(&k);
    k.study.split_size = 1040 + 300 + 79; /* 16 records of 80 bytes behind the head would be 1440 */
    assert_int_equal(kit_emit(&k, "xpt"), SM_OK);
    assert_int_equal(k.wrote, 3);
    assert_int_equal(k.rows, 1);
    assert_string_equal(k.path, "out/xpt/split/lb3.xpt");
    sm_buf_init(&first, 0);
    for (int i = 1, at = 1; i <= 3; i++) {
        snprintf(k.path, sizeof k.path, "out/xpt/split/lb%d.xpt", i);
        sm_buf_init(&part, 0);
        assert_true(tmp_slurp(kit_file(&k), &part));
        assert_in_range(part.n, 1040, k.study.split_size);
        assert_int_equal(part.n % 80, 0);
        if (i == 1) sm_buf_add(&first, part.p, part.n);
        assert_memory_equal(part.p, first.p, 1040);
        sm_buf_free(&part);
        see(&k, &s);
        snprintf(name, sizeof name, "LB,A Dataset,");
        assert_memory_equal(s.text.p, name, strlen(name));
        for (int n = 0; n < 3 && at <= 7; n++, at++) {
            snprintf(row, sizeof row, "\n%d|%d0", at, at);
            assert_non_null(strstr(s.text.p, row));
        }
        snprintf(row, sizeof row, "\n%d|", at);
        assert_null(strstr(s.text.p, row));
        sm_buf_free(&s.text);
    }
    snprintf(k.path, sizeof k.path, "out/xpt/lb.xpt");
    assert_int_not_equal(access(kit_file(&k), F_OK), 0);
    sm_buf_free(&first);
    kit_close(&k);
}

static void a_dataset_of_just_the_limit_is_written_whole(void **state) {
    (void)state;
    for (uint64_t less = 0; less < 2; less++) {
        struct kit k;
        seven_rows(&k);
        k.study.split_size = 1040 + 720 - less;
        assert_int_equal(kit_emit(&k, "xpt"), SM_OK);
        assert_string_equal(k.path, less ? "out/xpt/split/lb2.xpt" : "out/xpt/lb.xpt");
        assert_int_equal(k.wrote, 1 + less);
        kit_close(&k);
    }
}

static void a_limit_without_room_for_a_record_is_wrong_usage(void **state) {
    (void)state;
    struct kit k;
    seven_rows(&k);
    k.study.split_size = 1040 + 160 - 1;
    assert_int_equal(kit_emit(&k, "xpt"), SM_EUSAGE);
    assert_non_null(strstr(k.err.text, "needs at least 1200 bytes"));
    kit_close(&k);
}

static void a_refused_dataset_leaves_no_parts(void **state) {
    (void)state;
    struct kit k;
    seven_rows(&k);
    kit_cell(&k, 1, SM_STR("\xC2\xB5"));
    k.study.split_size = 1040 + 160;
    assert_int_equal(kit_emit(&k, "xpt"), SM_OK);
    assert_int_equal(k.wrote, 0);
    assert_int_equal(k.diags.n, 1);
    snprintf(k.path, sizeof k.path, "out/xpt/split/lb1.xpt");
    assert_int_not_equal(access(kit_file(&k), F_OK), 0);
    kit_close(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_reader_gets_names_widths_and_cells),
        cmocka_unit_test(no_rows_make_a_file_that_ends_behind_its_head),
        cmocka_unit_test(numbers_have_the_bits_of_ibm_doubles),
        cmocka_unit_test(random_numbers_come_back_exactly),
        cmocka_unit_test(what_is_no_ascii_is_a_finding_and_no_file),
        cmocka_unit_test(a_text_over_200_bytes_is_a_finding_and_no_file),
        cmocka_unit_test(a_text_over_its_declared_length_is_a_finding),
        cmocka_unit_test(short_texts_are_written_or_found_whatever_byte_is_in_them),
        cmocka_unit_test(names_and_labels_have_their_limits),
        cmocka_unit_test(numbers_out_of_range_are_findings),
        cmocka_unit_test(a_dataset_over_the_limit_is_written_in_parts_with_equal_heads),
        cmocka_unit_test(a_dataset_of_just_the_limit_is_written_whole),
        cmocka_unit_test(a_limit_without_room_for_a_record_is_wrong_usage),
        cmocka_unit_test(a_refused_dataset_leaves_no_parts),
        cmocka_unit_test(a_refused_dataset_does_not_stop_the_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
