/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rawspec.h"

static struct rawspec raw;

static void begin(const char *columns) {
    assert_true(rawspec_open(&raw, columns));
}

static void expect(const char *rows, const char *findings) {
    struct sm_buf found;
    sm_buf_init(&found, 0);
    rawspec_findings(&raw, &found);
    assert_string_equal(raw.rows.n ? raw.rows.p : "", rows);
    assert_string_equal(found.n ? found.p : "", findings);
    sm_buf_free(&found);
    rawspec_close(&raw);
}

static void read_ok(const char *text) {
    int rc = rawspec_read(&raw, text);
    if (rc) fail_msg("%s", raw.err.text);
}

static void rows_have_lines_records_and_clean_cells(void **state) {
    (void)state;
    begin("ID VAL");
    read_ok("ID,VAL,\r\n1 , a ,\r\n\r\n2,\"b\r\nc\",\n\xE2\x80\x8F"
            "3,\xC2\xA0\xEF\xBB\xBFx\xC2\xA0,");
    assert_int_equal(raw.totals.records, 3);
    assert_int_equal(raw.totals.lines, 6);
    expect("2|1|0|1|a\n4|2|0|2|b c\n6|3|0|3|x\n", "");
}

static void blank_lines_are_silent_and_delimiter_lines_are_not(void **state) {
    (void)state;
    begin("A B");
    read_ok("A,B\n\n , \n  \n1,2\n,\n");
    expect("5|2|0|1|2\n", "3.0 blank-row [ , ] row-dropped\n6.0 blank-row [,] row-dropped\n");
}

static void wrong_rows_are_rejected_one_by_one(void **state) {
    (void)state;
    begin("A B");
    read_ok("A,B\n1\n1,2,3\nA,B\n\"x\"y\",2\n5\" pipe,3\n1,2\n");
    assert_string_equal(raw.lost.p, "2:1001 3:1001 4:1003 5:1007 ");
    expect("6|5|0|5\" pipe|3\n7|6|0|1|2\n",
           "2.0 malformed-row [1] row-dropped\n3.0 malformed-row [1,2,3] row-dropped\n"
           "4.0 repeated-header [A,B] row-dropped\n5.0 broken-quote [\"x\"y\",2] row-dropped\n");
}

static void bad_bytes_cost_one_row_and_are_named(void **state) {
    (void)state;
    static const char text[] = "A,B\n1,J\xE4rvi\n2,\0x\n3,c\n";
    begin("A B");
    assert_int_equal(rawspec_read_n(&raw, text, sizeof text - 1), SM_OK);
    assert_non_null(strstr(raw.diags.first->detail.p, "0xE4"));
    expect("4|3|0|3|c\n", "2.2 invalid-encoding (B) [J\\xE4rvi] row-dropped\n"
                          "3.2 nul-byte (B) row-dropped\n");
}

static void bad_bytes_of_other_encodings_cost_one_row(void **state) {
    (void)state;
    begin("A B");
    raw.file.encoding = SM_STR("Windows-1252");
    read_ok("A,B\n1,\x81\n2,\x80\xE4\n");
    expect("3|2|0|2|\xE2\x82\xAC\xC3\xA4\n", "2.2 invalid-encoding (B) [\\x81] row-dropped\n");
    begin("A B");
    raw.file.encoding = SM_STR("EUC-JP");
    read_ok("A,B\n1,\xA4,\n2,\xA4\xA2\n3,\xFF\n");
    expect("3|2|0|2|\xE3\x81\x82\n", "2.2 invalid-encoding (B) [\\xA4] row-dropped\n"
                                     "4.2 invalid-encoding (B) [\\xFF] row-dropped\n");
}

static void trail_bytes_are_no_delimiters(void **state) {
    (void)state;
    begin("A B");
    raw.file.encoding = SM_STR("BIG5");
    raw.file.delimiter = '|';
    read_ok("A|B\n1|\xA6\x7C\n");
    expect("2|1|0|1|\xE5\xB8\x86\n", "");
}

static void utf16_is_read_by_its_mark(void **state) {
    (void)state;
    static const char text[] = "\xFF\xFE"
                               "A\0,\0B\0\r\0\n\0"
                               "1\0,\0\xE4\0\r\0\n\0";
    begin("A B");
    assert_int_equal(rawspec_read_n(&raw, text, sizeof text - 1), SM_OK);
    expect("2|1|0|1|\xC3\xA4\n", "");
    begin("A B");
    assert_int_equal(rawspec_read_n(&raw, text, sizeof text - 2), SM_EDATA);
    expect("2|1|0|1|\xC3\xA4\n", "2.0 truncated-file row-dropped\n");
}

static void cut_files_are_refused_where_they_end(void **state) {
    (void)state;
    begin("A B");
    assert_int_equal(rawspec_read(&raw, "A,B\n1,2\n3,\"x\ny\n"), SM_EDATA);
    assert_non_null(strstr(raw.err.text, "raw1.csv: line 3: "));
    expect("2|1|0|1|2\n", "3.0 unclosed-quote row-dropped\n");
    begin("A B");
    assert_int_equal(rawspec_read(&raw, "A,B\n1,2\n3,\xC3"), SM_EDATA);
    expect("2|1|0|1|2\n", "3.0 truncated-file row-dropped\n");
    begin("A B");
    assert_int_equal(rawspec_read(&raw, "A,\"B\n1,2\n"), SM_EDATA);
    expect("", "1.0 unclosed-quote\n");
    begin("A B");
    assert_int_equal(rawspec_read(&raw, "\n \n"), SM_EDATA);
    expect("", "1.0 empty-file\n");
}

static void headers_are_matched_and_the_rest_is_told(void **state) {
    (void)state;
    begin("Name Dato Age");
    read_ok("\xEF\xBB\xBF"
            "Name ,\xEF\xBB\xBF"
            "DATO,Age,Extra,\nx,y,z,e,q\n");
    expect("2|1|0|x|y|z\n",
           "1.2 header-case (DATO)\n1.4 unmapped-column (Extra)\n2.5 unnamed-column\n");
    begin("WORST");
    assert_int_equal(rawspec_read(&raw, "WORTS,B\n1,2\n"), SM_EDATA);
    expect("", "1.0 missing-column (WORST) [WORTS]\n");
    begin("WORST");
    assert_int_equal(rawspec_read(&raw, "WORST,WORST\n1,2\n"), SM_EDATA);
    expect("", "1.1 duplicate-header (WORST)\n");
    begin("A C");
    raw.column[1].optional = true;
    read_ok("A,B,B\n1,2,3\n");
    expect("2|1|0|1|\n", "1.2 unmapped-column (B)\n1.3 unmapped-column (B)\n");
}

static void header_lines_are_where_they_are_said_to_be(void **state) {
    (void)state;
    begin("A B");
    raw.file.header = 3;
    raw.file.skip = 1;
    read_ok("report \"of\nnothing\nA,B\nmm,kg\n1,2\n");
    expect("5|1|0|1|2\n", "");
    begin("2 1");
    raw.file.header = 0;
    read_ok("x,y\nz,w\n");
    expect("1|1|0|y|x\n2|2|0|w|z\n", "");
}

static void trailers_are_taken_off_and_counted(void **state) {
    (void)state;
    static const size_t chunks[] = {1, 7, 4096};
    for (size_t i = 0; i < SM_ARRAY_LEN(chunks); i++) {
        begin("A B");
        raw.file.footer = SM_STR("END OF FILE");
        raw.opts.chunk = chunks[i];
        read_ok("A,B\n1,2\n3,4\nEND OF FILE 2 rows\n");
        assert_int_equal(raw.totals.records, 2);
        expect("2|1|0|1|2\n3|2|0|3|4\n", "");
    }
    begin("A B");
    raw.file.footer = SM_STR("END OF FILE");
    assert_int_equal(rawspec_read(&raw, "A,B\n1,2\nEND OF FILE 2\n"), SM_EDATA);
    expect("2|1|0|1|2\n", "3.0 missing-footer\n");
    begin("A B");
    raw.file.footer = SM_STR("END OF FILE");
    assert_int_equal(rawspec_read(&raw, "A,B\n1,2\n"), SM_EDATA);
    expect("2|1|0|1|2\n", "2.0 missing-footer\n");
}

static void numbers_keep_their_digits(void **state) {
    (void)state;
    begin("N:n R:r");
    raw.file.delimiter = ';';
    raw.col[0].decimal = raw.col[1].decimal = ',';
    raw.col[0].group = raw.col[1].group = SM_STR(".\xC2\xA0");
    read_ok("N;R\n12,50;< 0,1\n1.234,5;>1.000\n+007;12,0\n12.5;n.d.\n1\xC2\xA0"
            "012;\xE2\x89\xA4"
            "3.210\n-,5;8O\n1.2345;1.2345\n");
    expect("2|1|0|12.50|<0.1\n3|2|0|1234.5|>1000\n4|3|0|7|12.0\n5|4|0||n.d.\n"
           "6|5|0|1012|\xE2\x89\xA4"
           "3210\n7|6|0|-0.5|8O\n8|7|0||1.2345\n",
           "5.1 not-a-number (N) [12.5] value-blank\n8.1 not-a-number (N) [1.2345] value-blank\n");
}

static void numbers_outside_their_range_are_kept(void **state) {
    (void)state;
    begin("N:n");
    raw.column[0].has_max = true;
    raw.column[0].max = SM_STR("10");
    read_ok("N\n10\n11\n11\n");
    expect("2|1|0|10\n3|2|0|11\n4|3|0|11\n", "3.1 out-of-range (N) [11] kept\n"
                                             "4.1 out-of-range (N) [11] kept\n");
}

static void bad_dates_blank_or_reject(void **state) {
    (void)state;
    begin("D:d T:t K:D");
    raw.col[0].dates = sm_dtc_pattern_compile(&raw.arena, SM_STR("dd.mm.yyyy"), NULL, &raw.err);
    assert_non_null(raw.col[0].dates);
    read_ok("D,T,K\n01.02.2014,08:05,2014-01-01\n31.02.2014,25:00,2014-01\n"
            "01.02.2014,,2014-02-30\n01.02.2014,1,\n");
    assert_string_equal(raw.lost.p, "4:4001 5:1019 ");
    assert_non_null(strstr(raw.diags.first->detail.p, "no such date; formats: dd.mm.yyyy"));
    expect(
        "2|1|0|2014-02-01|08:05|2014-01-01\n3|2|0|||2014-01\n",
        "3.1 invalid-date (D) [31.02.2014] value-blank\n3.2 invalid-date (T) [25:00] value-blank\n"
        "4.3 invalid-date (K) [2014-02-30] row-dropped\n"
        "5.2 invalid-date (T) [1] value-blank\n5.3 required-empty (K) row-dropped\n");
}

static void missing_words_and_recodes_come_before_types(void **state) {
    (void)state;
    begin("A N:n");
    struct sm_lut *lut;
    assert_int_equal(sm_lut_open(&lut, raw.spec.texts, 1, 1, false, &raw.err), SM_OK);
    sm_val from = sm_val_make(raw.in, SM_STR("ja")), to = sm_val_make(raw.in, SM_STR("Y")), *old;
    assert_int_equal(sm_lut_add(lut, &from, &to, &old, &raw.err), SM_OK);
    struct sm_recode recode = {.map = lut, .unmatched = SM_UNMATCHED_BLANK};
    raw.col[0].recode = &recode;
    raw.col[0].missing = raw.col[1].missing = SM_STR("k.A.|.");
    read_ok("A,N\nja,.\nnein,1\nk.A.,2\n");
    expect("2|1|0|Y|\n3|2|0||1\n4|3|0||2\n", "3.1 unknown-term (A) [nein] value-blank\n");
    sm_lut_close(lut);
}

static void one_raw_row_becomes_a_row_per_filled_column(void **state) {
    (void)state;
    begin("ID TEST VALUE");
    struct sm_filecol psa[2] = {
        {.column = 1, .how = SM_SUPPLY_VALUE, .value = sm_val_make(raw.in, SM_STR("PSA"))},
        {.column = 2, .how = SM_SUPPLY_HEADER, .raw = 1}};
    struct sm_filecol alp[2] = {
        {.column = 1, .how = SM_SUPPLY_VALUE, .value = sm_val_make(raw.in, SM_STR("ALP"))},
        {.column = 2, .how = SM_SUPPLY_HEADER, .raw = 2}};
    struct sm_unpivot_from from[2] = {{.col = psa, .ncol = 2, .value_col = 2},
                                      {.col = alp, .ncol = 2, .value_col = 2}};
    struct sm_unpivot unpivot = {from, 2, true};
    raw.file.unpivot = &unpivot;
    raw.file.ncol = 1;
    raw.raw[1] = SM_STR("P (ng/mL)");
    raw.raw[2] = SM_STR("A");
    read_ok("ID,P (ng/mL),A\n1,5,6\n2,,7\n3,,\n");
    assert_string_equal(raw.lost.p, "4:0 ");
    expect("2|1|0|1|PSA|5\n2|1|1|1|ALP|6\n3|2|0|2|ALP|7\n", "");
}

static void leave_out(const char *when) {
    if (!rawspec_skip(&raw, when)) fail_msg("%s: %s", when, raw.err.text);
}

static void skipped_records_are_counted_with_the_first_reason(void **state) {
    (void)state;
    begin("A B:R C");
    leave_out("A = 'x'");
    leave_out("C = 'test' or A = 'y'");
    leave_out("B = '7'");
    read_ok("A,B,C\na,1,\nx,,test\ny,7,\nb,2,ok\nc,7,\nd,,\nx,3,\ne,4,\n");
    assert_string_equal(raw.lost.p, "3:0/1 4:0/2 6:0/3 7:1019 8:0/1 ");
    expect("2|1|0|a|1|\n5|4|0|b|2|ok\n9|8|0|e|4|\n", "7.2 required-empty (B) row-dropped\n");
}

/* What a condition complains of is said of every record. */
static void skips_that_cannot_be_told_say_so_each_time(void **state) {
    (void)state;
    begin("A B");
    leave_out("number(A) > 5");
    read_ok("A,B\nx,1\n6,2\nx,3\n4,4\n");
    assert_string_equal(raw.lost.p, "3:0/1 ");
    expect("2|1|0|x|1\n4|3|0|x|3\n5|4|0|4|4\n",
           "2.1 not-a-number (A) [x] value-blank\n4.1 not-a-number (A) [x] value-blank\n");
}

static void skips_look_at_the_record_before_it_becomes_rows(void **state) {
    (void)state;
    begin("ID V");
    struct sm_filecol one = {.column = 1, .how = SM_SUPPLY_HEADER, .raw = 1}, two = one;
    two.raw = 2;
    struct sm_unpivot_from from[2] = {{.col = &one, .ncol = 1, .value_col = 1},
                                      {.col = &two, .ncol = 1, .value_col = 1}};
    struct sm_unpivot unpivot = {from, 2, true};
    raw.file.unpivot = &unpivot;
    raw.file.ncol = 1;
    raw.raw[1] = SM_STR("P");
    raw.raw[2] = SM_STR("Q");
    raw.file.nraw = 3;
    leave_out("Q = '9'");
    read_ok("ID,P,Q\n1,5,6\n2,5,9\n3,,\n4,,8\n");
    assert_string_equal(raw.lost.p, "3:0/1 4:0 ");
    expect("2|1|0|1|5\n2|1|1|1|6\n5|4|0|4|8\n", "");
}

static void long_fields_cost_a_row_and_long_records_the_file(void **state) {
    (void)state;
    char text[400];
    begin("A B");
    raw.opts.max_field = 20;
    raw.opts.max_record = 200;
    (void)snprintf(text, sizeof text, "A,B\n1,%030d\n2,3\n4,%0250d\n5,6\n", 1, 2);
    assert_int_equal(rawspec_read(&raw, text), SM_ELIMIT);
    expect("3|2|0|2|3\n", "2.2 field-too-long (B) [1,000000000000000000000000000001] row-dropped\n"
                          "4.0 field-too-long row-dropped\n");
}

static void known_records_are_passed_over(void **state) {
    (void)state;
    static const uint8_t fate[] = {SM_FATE_DUPLICATE, SM_FATE_USED, SM_FATE_UNREADABLE};
    begin("A");
    raw.fate = fate;
    raw.nfate = 3;
    raw.opts.quiet = true;
    read_ok("A,B\n1,x\n2,y\n3\n4,z\n");
    expect("3|2|0|2\n5|4|0|4\n", "");
}

/* A file that was read as one chunk, and its batch. */
static struct whole {
    FILE *file;
    struct sm_reader *reader;
    struct sm_chunk *chunk;
    struct sm_batch b;
} whole;

static void whole_read(const char *text, const uint8_t *late) {
    static char path[64];
    static struct sm_input input;
    whole.chunk = NULL;
    whole.file = tmpfile();
    assert_non_null(whole.file);
    assert_true(fputs(text, whole.file) >= 0 && fflush(whole.file) == 0);
    (void)snprintf(path, sizeof path, "/dev/fd/%d", fileno(whole.file));
    input = (struct sm_input){.name = SM_STR("x"), .path = path, .source = &raw.source, .file = &raw.file};
    sm_batch_init(&whole.b);
    whole.b.late = late;
    assert_int_equal(sm_reader_open(&whole.reader, &raw.spec, &input, NULL, &raw.diags, &raw.err), SM_OK);
    assert_int_equal(sm_reader_chunk(whole.reader, &whole.chunk, &raw.diags, &raw.err), SM_OK);
    assert_int_equal(
        sm_reader_parse(whole.reader, raw.worker, whole.chunk, NULL, 0, &whole.b, &raw.err), SM_OK);
}

static void whole_close(void) {
    sm_batch_free(&whole.b);
    sm_chunk_free(whole.chunk);
    sm_reader_close(whole.reader);
    (void)fclose(whole.file);
    rawspec_close(&raw);
}

/* What findings ask of a batch after it was read. */
static void raw_cells_can_be_looked_up_again(void **state) {
    (void)state;
    begin("A B");
    raw.file.encoding = SM_STR("ISO-8859-1");
    whole_read("B,A\r\n\"x \"\"y\",\xE4\r\n", NULL);
    struct sm_str header;
    struct sm_raw_cell cell = whole.b.raw(&whole.b, 0, 0, &header);
    assert_true(sm_str_eq_c(cell.text, "\xC3\xA4") && cell.field == 2 && sm_str_eq_c(header, "A"));
    cell = whole.b.raw(&whole.b, 0, 1, &header);
    assert_true(sm_str_eq_c(cell.text, "x \"y") && cell.field == 1 && sm_str_eq_c(header, "B"));
    struct sm_buf out;
    sm_buf_init(&out, 0);
    sm_reader_raw_header(whole.reader, &out);
    sm_chunk_raw_record(whole.reader, whole.chunk, 0, &out);
    assert_string_equal(out.p, "B,A\r\n\"x \"\"y\",\xE4\r\n");
    assert_int_equal(sm_chunk_first_record(whole.chunk), 1);
    assert_int_equal(sm_chunk_records(whole.chunk), 1);
    sm_buf_free(&out);
    whole_close();
}

static void texts_that_wait_are_those_of_the_cells(void **state) {
    (void)state;
    static const uint8_t late[] = {0, 1};
    static const char *const want[] = {"a plain comment", "with a break", "blanks around", "short",
                                       "a \"quoted\" one", "\xC3\xA4 is no ASCII", ""};
    begin("A B");
    whole_read("A,B\n1,a plain comment\n2,\"with\r\na break\"\n3,  blanks around \n4,short\n"
               "5,\"a \"\"quoted\"\" one\"\n6,\xC3\xA4 is no ASCII\n7,\n",
               late);
    assert_int_equal(whole.b.nrow, SM_ARRAY_LEN(want));
    for (uint32_t i = 0; i < whole.b.nrow; i++) {
        const sm_val v = whole.b.col[1][i];
        struct sm_valbuf buf;
        assert_int_equal(sm_val_is_late(v), strlen(want[i]) > 7);
        struct sm_str s = sm_val_is_late(v) ? sm_val_late_text(&whole.b, v)
                                            : sm_val_text(raw.spec.texts, v, &buf);
        assert_true(sm_str_eq_c(s, want[i]));
    }
    whole_close();
}

static int read_file(const char *name) {
    static char bytes[2 << 20];
    char path[256];
    (void)snprintf(path, sizeof path, "fixtures/re223/broken/%s", name);
    FILE *f = fopen(path, "rb");
    if (!f) return SM_EOF;
    size_t n = fread(bytes, 1, sizeof bytes, f);
    (void)fclose(f);
    return rawspec_read_n(&raw, bytes, n);
}

static void broken_files_are_refused_or_reported(void **state) {
    (void)state;
    static const struct {
        const char *name, *columns;
        char delimiter;
        int rc;
        const char *findings;
    } files[] = {
        {"unclosed_quote.csv", "SUBJ EVENT", ',', SM_EDATA, "3.0 unclosed-quote"},
        {"invalid_utf8.csv", "Potilas Tapa", '\t', SM_OK, "2.4 invalid-encoding (Tapa)"},
        {"nul_byte.csv", "SUBJ VISIT", ',', SM_OK, "3.3 nul-byte (VISIT)"},
        {"truncated_multibyte.csv", "Pasientnr", ';', SM_EDATA, "3.0 truncated-file"},
        {"missing_column.csv", "SUBJ WORST", ',', SM_EDATA, "1.0 missing-column (WORST)"},
        {"duplicate_headers.csv", "SUBJ WORST", ',', SM_EDATA, "1.5 duplicate-header (WORST)"},
        {"utf16_odd.csv", "ID", '\t', SM_EDATA, "2.0 truncated-file"},
        {"huge_field.csv", "SUBJ", ',', SM_OK, NULL}};
    for (size_t i = 0; i < SM_ARRAY_LEN(files); i++) {
        struct sm_buf found;
        sm_buf_init(&found, 0);
        begin(files[i].columns);
        raw.file.delimiter = files[i].delimiter;
        int rc = read_file(files[i].name);
        rawspec_findings(&raw, &found);
        size_t rows = raw.rows.n;
        rawspec_close(&raw);
        if (rc == SM_EOF) skip();
        assert_int_equal(rc, files[i].rc);
        if (files[i].findings && !strstr(found.p, files[i].findings))
            fail_msg("%s: %s", files[i].name, found.p);
        assert_true(files[i].findings || rows > 0);
        sm_buf_free(&found);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(broken_files_are_refused_or_reported),
        cmocka_unit_test(rows_have_lines_records_and_clean_cells),
        cmocka_unit_test(blank_lines_are_silent_and_delimiter_lines_are_not),
        cmocka_unit_test(wrong_rows_are_rejected_one_by_one),
        cmocka_unit_test(bad_bytes_cost_one_row_and_are_named),
        cmocka_unit_test(bad_bytes_of_other_encodings_cost_one_row),
        cmocka_unit_test(trail_bytes_are_no_delimiters),
        cmocka_unit_test(utf16_is_read_by_its_mark),
        cmocka_unit_test(cut_files_are_refused_where_they_end),
        cmocka_unit_test(headers_are_matched_and_the_rest_is_told),
        cmocka_unit_test(header_lines_are_where_they_are_said_to_be),
        cmocka_unit_test(trailers_are_taken_off_and_counted),
        cmocka_unit_test(numbers_keep_their_digits),
        cmocka_unit_test(numbers_outside_their_range_are_kept),
        cmocka_unit_test(bad_dates_blank_or_reject),
        cmocka_unit_test(missing_words_and_recodes_come_before_types),
        cmocka_unit_test(one_raw_row_becomes_a_row_per_filled_column),
        cmocka_unit_test(skipped_records_are_counted_with_the_first_reason),
        cmocka_unit_test(skips_that_cannot_be_told_say_so_each_time),
        cmocka_unit_test(skips_look_at_the_record_before_it_becomes_rows),
        cmocka_unit_test(long_fields_cost_a_row_and_long_records_the_file),
        cmocka_unit_test(known_records_are_passed_over),
        cmocka_unit_test(raw_cells_can_be_looked_up_again),
        cmocka_unit_test(texts_that_wait_are_those_of_the_cells),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
