/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <zlib.h>

#include "dataset.h"

static void small_lb(struct kit *k) {
    kit_open(k, "LB");
    kit_var(k, "USUBJID", 'c');
    kit_var(k, "LBSEQ", 'n');
    kit_var(k, "LBSTRESN", 'n');
    kit_var(k, "LBSTRESC", 'c');
    kit_var(k, "LBDTC", 'd');
    k->var[0].key = 1;
    k->var[3].length = 40;
    kit_row(k, "S-001-0001|1|5.4|5.4|2014-03-15");
    kit_row(k, "S-001-0001|2||\"low\" \\ \xC2\xB5|");
    kit_row(k, "S-001-0002|1|-0.50|a\tb|2014-03-16");
}

#define COLUMNS                                                                                                          \
    "\"columns\":[{\"itemOID\":\"IT.LB.USUBJID\",\"name\":\"USUBJID\",\"label\":\"A Label\",\"dataType\":\"string\","   \
    "\"length\":10,\"keySequence\":1},{\"itemOID\":\"IT.LB.LBSEQ\",\"name\":\"LBSEQ\",\"label\":\"A Label\","           \
    "\"dataType\":\"integer\"},{\"itemOID\":\"IT.LB.LBSTRESN\",\"name\":\"LBSTRESN\",\"label\":\"A Label\","            \
    "\"dataType\":\"float\"},{\"itemOID\":\"IT.LB.LBSTRESC\",\"name\":\"LBSTRESC\",\"label\":\"A Label\","              \
    "\"dataType\":\"string\",\"length\":40},{\"itemOID\":\"IT.LB.LBDTC\",\"name\":\"LBDTC\",\"label\":\"A Label\","     \
    "\"dataType\":\"date\"}]"
#define HEAD                                                                                                             \
    "{\"datasetJSONCreationDateTime\":\"2024-05-06T07:08:09\",\"datasetJSONVersion\":\"1.1.0\","                        \
    "\"fileOID\":\"STUDY-1.define/2024-05-06/LB\",\"originator\":\"A & B\",\"sourceSystem\":{\"name\":\"sdtmill\",\"version\":\""
#define BODY                                                                                                             \
    "\"},\"studyOID\":\"STUDY-1\",\"metaDataVersionOID\":\"MDV.STUDY-1\",\"itemGroupOID\":\"IG.LB\",\"records\":3,"     \
    "\"name\":\"LB\",\"label\":\"A Dataset\"," COLUMNS
static const char *const rows[] = {"[\"S-001-0001\",1,5.4,\"5.4\",\"2014-03-15\"]",
                                   "[\"S-001-0001\",2,null,\"\\\"low\\\" \\\\ \xC2\xB5\",\"\"]",
                                   "[\"S-001-0002\",1,-0.5,\"a\\tb\",\"2014-03-16\"]"};

static void assert_text(const char *got, const char *want) {
    size_t n = strlen(HEAD);
    assert_memory_equal(got, HEAD, n); /* then the version, which differs from build to build */
    const char *rest = strstr(got + n, "\"},");
    assert_non_null(rest);
    assert_string_equal(rest, want);
}

static void the_object_is_one_line_in_the_recommended_order(void **state) {
    (void)state;
    struct kit k;
    struct sm_buf got, want;
    sm_buf_init(&got, 0);
    sm_buf_init(&want, 0);
    small_lb(&k);
    assert_int_equal(kit_emit(&k, "json"), SM_OK);
    assert_string_equal(k.path, "out/json/lb.json");
    assert_true(tmp_slurp(kit_file(&k), &got));
    sm_buf_printf(&want, BODY ",\"rows\":[%s,%s,%s]}", rows[0], rows[1], rows[2]);
    assert_text(got.p, want.p);
    json_t *o = json_loadb(got.p, got.n, JSON_REJECT_DUPLICATES, NULL);
    assert_int_equal(json_array_size(json_object_get(o, "rows")), 3);
    json_decref(o);
    sm_buf_free(&got);
    sm_buf_free(&want);
    kit_close(&k);
}

static void lines_are_the_object_and_then_the_rows(void **state) {
    (void)state;
    struct kit k;
    struct sm_buf got, want;
    sm_buf_init(&got, 0);
    sm_buf_init(&want, 0);
    small_lb(&k);
    assert_int_equal(kit_emit(&k, "ndjson"), SM_OK);
    assert_string_equal(k.path, "out/ndjson/lb.ndjson");
    assert_true(tmp_slurp(kit_file(&k), &got));
    sm_buf_printf(&want, BODY "}\n%s\n%s\n%s\n", rows[0], rows[1], rows[2]);
    assert_text(got.p, want.p);
    sm_buf_free(&got);
    sm_buf_free(&want);
    kit_close(&k);
}

/* Appends what the zlib stream holds; nothing may stand behind it. */
static void inflate_all(const struct sm_buf *in, struct sm_buf *out) {
    z_stream z;
    memset(&z, 0, sizeof z);
    assert_int_equal(inflateInit2(&z, 15), Z_OK);
    z.next_in = (Bytef *)in->p;
    z.avail_in = (uInt)in->n;
    int rc;
    do {
        char piece[4096];
        z.next_out = (Bytef *)piece;
        z.avail_out = sizeof piece;
        rc = inflate(&z, Z_NO_FLUSH);
        assert_true(rc == Z_OK || rc == Z_STREAM_END);
        sm_buf_add(out, piece, sizeof piece - z.avail_out);
    } while (rc != Z_STREAM_END);
    assert_int_equal(z.avail_in, 0);
    assert_int_equal(inflateEnd(&z), Z_OK);
}

static void the_packed_form_is_a_zlib_stream_of_the_lines(void **state) {
    (void)state;
    struct kit k;
    struct sm_buf lines, packed, got;
    sm_buf_init(&lines, 0);
    sm_buf_init(&packed, 0);
    sm_buf_init(&got, 0);
    small_lb(&k);
    assert_int_equal(kit_emit(&k, "ndjson"), SM_OK);
    assert_true(tmp_slurp(kit_file(&k), &lines));
    assert_int_equal(kit_emit(&k, "dsjc"), SM_OK);
    assert_string_equal(k.path, "out/dsjc/lb.dsjc");
    assert_true(tmp_slurp(kit_file(&k), &packed));
    inflate_all(&packed, &got);
    assert_string_equal(got.p, lines.p);
    sm_buf_free(&lines);
    sm_buf_free(&packed);
    sm_buf_free(&got);
    kit_close(&k);
}

static void the_packed_form_can_be_gzip_without_a_time(void **state) {
    (void)state;
    struct kit k;
    struct sm_buf lines, packed;
    char got[4096];
    sm_buf_init(&lines, 0);
    sm_buf_init(&packed, 0);
    small_lb(&k);
    assert_int_equal(kit_emit(&k, "ndjson"), SM_OK);
    assert_true(tmp_slurp(kit_file(&k), &lines));
    k.study.dsjc_gzip = true;
    assert_int_equal(kit_emit(&k, "dsjc"), SM_OK);
    assert_true(tmp_slurp(kit_file(&k), &packed));
    assert_in_range(packed.n, 18, 4096);
    assert_memory_equal(packed.p, "\x1F\x8B\x08\0\0\0\0\0", 8);
    gzFile f = gzopen(kit_file(&k), "rb");
    assert_non_null(f);
    assert_int_equal(gzread(f, got, sizeof got), lines.n);
    assert_int_equal(gzclose(f), Z_OK);
    assert_memory_equal(got, lines.p, lines.n);
    sm_buf_free(&lines);
    sm_buf_free(&packed);
    kit_close(&k);
}

/* Many blocks, two datasets from one emitter: what is left in the compressor must not leak over. */
static void big_datasets_pass_through_whole(void **state) {
    (void)state;
    struct kit k;
    struct sm_emitter *e = NULL;
    kit_open(&k, "XX");
    kit_var(&k, "A", 'c');
    for (int i = 0; i < KIT_ROWS; i++) kit_row(&k, "0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz");
    k.ds.rows = (uint64_t)KIT_ROWS * 300;
    assert_int_equal(sm_stage_open(&k.study.stage, tmp_path(&k.tmp, "out"), false, &k.err), SM_OK);
    assert_int_equal(sm_emitter_open(&e, sm_emit_find(SM_STR("dsjc")), &k.study, &k.err), SM_OK);
    for (int pass = 0; pass < 2; pass++) {
        k.ds.name = pass ? SM_STR("YY") : SM_STR("XX");
        assert_int_equal(sm_emitter_begin(e, &k.ds, &k.err), SM_OK);
        for (int i = 0; i < 300; i++) {
            struct sm_block b = {k.cell, k.pos, KIT_ROWS, 1};
            assert_int_equal(sm_emitter_block(e, &b, &k.err), SM_OK);
        }
        assert_int_equal(sm_emitter_end(e, &k.err), SM_OK);
    }
    sm_emitter_close(e);
    assert_int_equal(sm_stage_commit(k.study.stage, &k.err), SM_OK);
    sm_stage_close(k.study.stage);
    struct sm_buf packed, got;
    sm_buf_init(&packed, 0);
    sm_buf_init(&got, 0);
    assert_true(tmp_slurp(kit_file(&k), &packed));
    inflate_all(&packed, &got);
    size_t lines = 0;
    for (size_t i = 0; i < got.n; i++) lines += got.p[i] == '\n';
    assert_int_equal(lines, KIT_ROWS * 300 + 1);
    sm_buf_free(&packed);
    sm_buf_free(&got);
    kit_close(&k);
}

static void a_wrong_count_of_records_is_caught(void **state) {
    (void)state;
    struct kit k;
    struct sm_emitter *e = NULL;
    small_lb(&k);
    assert_int_equal(sm_stage_open(&k.study.stage, tmp_path(&k.tmp, "out"), false, &k.err), SM_OK);
    assert_int_equal(sm_emitter_open(&e, sm_emit_find(SM_STR("json")), &k.study, &k.err), SM_OK);
    assert_int_equal(sm_emitter_begin(e, &k.ds, &k.err), SM_OK);
    assert_int_equal(sm_emitter_end(e, &k.err), SM_ESTATE);
    sm_emitter_close(e);
    sm_stage_close(k.study.stage);
    kit_close(&k);
}

/* Last line of the NDJSON of one number. */
static void assert_number(const char *text, const char *json, size_t findings) {
    struct kit k;
    struct sm_buf got;
    char want[600];
    sm_buf_init(&got, 0);
    kit_open(&k, "XX");
    kit_var(&k, "N", 'n');
    kit_row(&k, text);
    assert_int_equal(kit_emit(&k, "ndjson"), SM_OK);
    assert_true(tmp_slurp(kit_file(&k), &got));
    snprintf(want, sizeof want, "[%s]\n", json);
    assert_true(sm_str_ends(sm_buf_str(&got), sm_str(want)));
    assert_int_equal(k.diags.n, findings);
    if (findings) assert_int_equal(kit_finding(&k, 0)->code, SM_D_NUMBER_RANGE);
    sm_buf_free(&got);
    kit_close(&k);
}

static void numbers_are_spelled_as_json_wants_them(void **state) {
    (void)state;
    assert_number("0", "0", 0);
    assert_number("-0", "0", 0);
    assert_number("-0.0", "0", 0);
    assert_number("007", "7", 0);
    assert_number("+5", "5", 0);
    assert_number("10", "10", 0);
    assert_number("9876543", "9876543", 0);
    assert_number("0000000", "0", 0);
    assert_number("12:4", "null", 1);
    assert_number("12/4", "null", 1);
    assert_number("1 ", "null", 1);
    assert_number(".5", "0.5", 0);
    assert_number("5.", "null", 1);
    assert_number("39.0", "39", 0);
    assert_number("5.40", "5.4", 0);
    assert_number("-5.4", "-5.4", 0);
    assert_number("123456789.123456789", "123456789.123456789", 0);
    assert_number("000123456789.5000", "123456789.5", 0);
    assert_number("-", "null", 1);
    assert_number("1.2.3", "null", 1);
    assert_number("1e5", "null", 1);
    assert_number("not a number", "null", 1);
    assert_number("", "null", 0);
    char digits[451];
    memset(digits, '7', 450);
    digits[450] = '\0';
    digits[200] = '\0';
    assert_number(digits, digits, 0);
}

static void several_long_numbers_fit_in_a_row(void **state) {
    (void)state;
    struct kit k;
    struct sm_buf row, got;
    sm_buf_init(&row, 0);
    sm_buf_init(&got, 0);
    kit_open(&k, "XX");
    for (int i = 0; i < 8; i++) {
        static const char *const names[] = {"A", "B", "C", "D", "E", "F", "G", "H"};
        kit_var(&k, names[i], 'n');
        for (int n = 0; n < 190; n++) sm_buf_add_byte(&row, i % 2 && n == 0 ? '0' : '3');
        sm_buf_add_byte(&row, i < 7 ? '|' : '\0');
    }
    for (int i = 0; i < 40; i++) kit_row(&k, row.p);
    assert_int_equal(kit_emit(&k, "json"), SM_OK);
    assert_true(tmp_slurp(kit_file(&k), &got));
    assert_int_equal(k.diags.n, 0);
    sm_buf_free(&row);
    sm_buf_free(&got);
    kit_close(&k);
}

static void dates_have_the_type_that_all_of_them_fit(void **state) {
    (void)state;
    static const struct { unsigned shapes; const char *type; } t[] = {
        {SM_SHAPE_DATE, "\"date\"}"}, {SM_SHAPE_DATETIME_FULL, "\"datetime\"}"}, {SM_SHAPE_TIME, "\"time\"}"},
        {SM_SHAPE_PARTIAL_DATE | SM_SHAPE_DATE, "\"string\"}"}, {SM_SHAPE_DATETIME_SHORT, "\"string\"}"},
        {SM_SHAPE_DATE | SM_SHAPE_DATETIME_FULL, "\"string\"}"}, {SM_SHAPE_GAP | SM_SHAPE_DATE, "\"string\"}"},
        {SM_SHAPE_DURATION, "\"string\"}"}, {SM_SHAPE_OTHER | SM_SHAPE_DATE, "\"string\",\"length\":7}"}, {0, "\"string\"}"},
    };
    for (size_t i = 0; i < SM_ARRAY_LEN(t); i++) {
        struct kit k;
        struct sm_buf got;
        sm_buf_init(&got, 0);
        kit_open(&k, "XX");
        kit_var(&k, "XXDTC", 'd');
        kit_row(&k, "2014-03");
        k.var[0].date_shapes = (uint8_t)t[i].shapes;
        assert_int_equal(kit_emit(&k, "json"), SM_OK);
        assert_true(tmp_slurp(kit_file(&k), &got));
        assert_true(sm_str_find(sm_buf_str(&got), sm_str(t[i].type), 0) != SIZE_MAX);
        sm_buf_free(&got);
        kit_close(&k);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_object_is_one_line_in_the_recommended_order),
        cmocka_unit_test(lines_are_the_object_and_then_the_rows),
        cmocka_unit_test(the_packed_form_is_a_zlib_stream_of_the_lines),
        cmocka_unit_test(the_packed_form_can_be_gzip_without_a_time),
        cmocka_unit_test(big_datasets_pass_through_whole),
        cmocka_unit_test(a_wrong_count_of_records_is_caught),
        cmocka_unit_test(numbers_are_spelled_as_json_wants_them),
        cmocka_unit_test(several_long_numbers_fit_in_a_row),
        cmocka_unit_test(dates_have_the_type_that_all_of_them_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
