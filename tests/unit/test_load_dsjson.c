/* SPDX-License-Identifier: MIT */
#include <zlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "load_kit.h"

#define META(n) "\"datasetJSONCreationDateTime\":\"2024-05-06T07:08:09\",\"datasetJSONVersion\":\"1.1.0\",\"itemGroupOID\":\"IG.LB\",\"records\":" #n \
                ",\"name\":\"LB\",\"label\":\"Laboratory\""
#define COLUMNS ",\"columns\":[{\"itemOID\":\"a\",\"name\":\"USUBJID\",\"label\":\"Subject\",\"dataType\":\"string\",\"length\":9,\"keySequence\":1}," \
                "{\"itemOID\":\"b\",\"name\":\"LBSTRESN\",\"label\":\"\",\"dataType\":\"float\"}," \
                "{\"itemOID\":\"c\",\"name\":\"LBDTC\",\"label\":\"\",\"dataType\":\"datetime\"}]"
#define ONE "[\"1\\u00e4\\ud83d\\ude00\\n\",5.40,\"2014-03\"]"
#define TWO "[ \"\" , null ,null ]"

static void rows_nulls_and_escapes_are_read(void **state) {
    (void)state;
    const char *rows = "1\xC3\xA4\xF0\x9F\x98\x80\n|5.4|2014-03|\n|||\n";
    kit_loads("lb.json", "{" META(2) COLUMNS ",\"rows\":[" ONE "," TWO "]}", "USUBJID LBSTRESN# LBDTC@", rows);
    kit_loads("lb.ndjson", "{" META(2) COLUMNS "}\n" ONE "\n" TWO "\n", "USUBJID LBSTRESN# LBDTC@", rows);
    kit_loads("lb.json", "{\"rows\":[" ONE "," TWO "]," META(2) COLUMNS "}", "USUBJID LBSTRESN# LBDTC@", rows);
    kit_loads("lb.json", "{" META(0) COLUMNS ",\"rows\":[]}", NULL, "");
    kit_loads("lb.json", "{" META(0) COLUMNS "}", NULL, "");
    kit_loads("lb.json", "{" META(1) COLUMNS ",\"rows\":[[\"1\",-1.5e-3,\"\"]]}", NULL, "1|-0.0015||\n");
}

static void damage_is_an_error_with_its_place(void **state) {
    (void)state;
    kit_refuses("a.json", "{" META(3) COLUMNS ",\"rows\":[" ONE "," TWO "]}", "3 records announced, 2 found");
    kit_refuses("a.ndjson", "{" META(1) COLUMNS "}\n" ONE "\n" TWO "\n", "1 records announced, 2 found");
    kit_refuses("a.json", "{" META(1) COLUMNS ",\"rows\":[[\"1\",2]]}", "record 1, cell 3 (LBDTC): fewer cells than columns");
    kit_refuses("a.json", "{" META(1) COLUMNS ",\"rows\":[[\"1\",2,\"\",4]]}", "more cells than columns");
    kit_refuses("a.json", "{" META(1) COLUMNS ",\"rows\":[[\"1\",\"x\",\"\"]]}", "cell 2 (LBSTRESN): text where a number must stand");
    kit_refuses("a.json", "{" META(1) COLUMNS ",\"rows\":[[\"1\",01,\"\"]]}", "cell 2");
    kit_refuses("a.json", "{" META(1) COLUMNS ",\"rows\":[[\"1\",NaN,\"\"]]}", "cell 2");
    kit_refuses("a.json", "{" META(1) COLUMNS ",\"rows\":[[\"\\ud800\",1,\"\"]]}", "surrogate");
    kit_refuses("a.json", "{" META(1) COLUMNS ",\"rows\":[[\"1\",2,\"\",]]}", "behind the comma");
    kit_refuses("a.json", "{" META(1) COLUMNS ",\"rows\":[[\"1\",2,{}]]}", "cell 3");
    kit_refuses("a.json", "{" META(1) COLUMNS ",\"rows\":[" ONE "]}x", "something follows the dataset");
    kit_refuses("a.json", "{" META(1) ",\"rows\":[]}", "no columns");
    kit_refuses("a.json", "{\"datasetJSONVersion\":\"1.0.0\"}", "datasetJSONVersion is not 1.1");
    kit_refuses("a.json", "{\"clinicalData\":{}}", "Dataset-JSON 1.0 is not read");
    kit_refuses("a.json", "{\"a\":{\"b\":1,\"b\":2}}", "line 1");
}

static void a_file_cut_off_anywhere_is_refused(void **state) {
    (void)state;
    struct sm_buf b;
    sm_buf_init(&b, 0);
    sm_buf_add_c(&b, "{" META(60) COLUMNS ",\"rows\":[");
    for (int i = 0; i < 60; i++) sm_buf_printf(&b, "%s[\"S%d\",%d,\"2014-01\"]", i ? "," : "", i, i);
    sm_buf_add_c(&b, "]}");
    kit_cut("lb.json", b.p, b.n, 1, NULL);
    sm_buf_clear(&b);
    sm_buf_add_c(&b, "{" META(60) COLUMNS "}\n");
    for (int i = 0; i < 60; i++) sm_buf_printf(&b, "[\"S%d\",%d,\"2014-01\"]\n", i, i);
    kit_cut("lb.ndjson", b.p, b.n, 2, NULL);
    sm_buf_free(&b);
}

static size_t squeeze(const char *text, size_t n, int wrap, unsigned char *out, size_t cap) {
    z_stream z;
    memset(&z, 0, sizeof z);
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, wrap, 8, Z_DEFAULT_STRATEGY), Z_OK);
    unsigned char in[4096];
    assert_true(n <= sizeof in);
    memcpy(in, text, n);
    z.next_in = in;
    z.avail_in = (uInt)n;
    z.next_out = out;
    z.avail_out = (uInt)cap;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t got = cap - z.avail_out;
    (void)deflateEnd(&z);
    return got;
}

static void both_compressions_are_read_and_checked(void **state) {
    (void)state;
    static const char text[] = "{" META(2) COLUMNS "}\n" ONE "\n" TWO "\n";
    for (int wrap = 15; wrap <= 31; wrap += 16) {
        unsigned char z[4096];
        size_t n = squeeze(text, sizeof text - 1, wrap, z, sizeof z);
        struct kit k;
        kit_memory(&k, "lb.dsjc", z, n, NULL);
        assert_int_equal(k.rc, SM_OK);
        assert_string_equal(sm_loader_format(k.l), "dsjc");
        assert_string_equal(sm_loader_info(k.l)->name.p, "LB");
        assert_int_equal(sm_loader_info(k.l)->var[0].key, 1);
        kit_close(&k);
        kit_cut("lb.dsjc", z, n, 1, NULL);
        z[n] = 'x';
        kit_memory(&k, "lb.dsjc", z, n + 1, NULL);
        assert_int_equal(k.rc, SM_EFORMAT);
        kit_close(&k);
        z[n / 2] ^= 0x55;
        kit_memory(&k, "lb.dsjc", z, n, NULL);
        assert_int_equal(k.rc, SM_EFORMAT);
        kit_close(&k);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_nulls_and_escapes_are_read),
        cmocka_unit_test(damage_is_an_error_with_its_place),
        cmocka_unit_test(a_file_cut_off_anywhere_is_refused),
        cmocka_unit_test(both_compressions_are_read_and_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
