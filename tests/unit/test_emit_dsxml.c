/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dataset.h"

#define HEAD(name)                                              \
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ODM\n"        \
    "  xmlns=\"http://www.cdisc.org/ns/odm/v1.3\"\n"            \
    "  xmlns:data=\"http://www.cdisc.org/ns/Dataset-XML/v1.0\"\n" \
    "  FileType=\"Snapshot\"\n  ODMVersion=\"1.3.2\"\n"         \
    "  data:DatasetXMLVersion=\"1.0.0\"\n"                      \
    "  FileOID=\"STUDY-1.define(IG." name ").Data(" name ")\"\n" \
    "  PriorFileOID=\"STUDY-1.define\"\n"                       \
    "  CreationDateTime=\"2024-05-06T07:08:09\"\n"              \
    "  Originator=\"A &amp; B\"\n  SourceSystem=\"sdtmill\"\n"  \
    "  SourceSystemVersion=\""

/* The file without the program's version, which differs from build to build. */
static void assert_file(struct kit *k, const char *head, const char *body) {
    struct sm_buf got;
    sm_buf_init(&got, 0);
    assert_true(tmp_slurp(kit_file(k), &got));
    size_t n = strlen(head);
    assert_true(got.n > n);
    assert_memory_equal(got.p, head, n);
    const char *rest = strstr(got.p + n, "\">\n  <");
    assert_non_null(rest);
    assert_string_equal(rest + 3, body);
    sm_buf_free(&got);
}

static void a_record_holds_an_item_for_every_value_that_is_there(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, "AE");
    kit_var(&k, "USUBJID", 'c');
    kit_var(&k, "AESEQ", 'n');
    kit_var(&k, "AETERM", 'c');
    kit_var(&k, "AESTDTC", 'd');
    kit_row(&k, "S-001-0001|1|Pain <left arm> & \"numb\"|2014-03");
    kit_row(&k, "S-001-0002||a\tb&|");
    kit_row(&k, "|||2014-03-15T10:20");
    assert_int_equal(kit_emit(&k, "xml"), SM_OK);
    assert_string_equal(k.path, "out/xml/ae.xml");
    assert_file(&k, HEAD("AE"),
                "  <ClinicalData StudyOID=\"STUDY-1\" MetaDataVersionOID=\"MDV.STUDY-1\">\n"
                "    <ItemGroupData ItemGroupOID=\"IG.AE\" data:ItemGroupDataSeq=\"1\">\n"
                "      <ItemData ItemOID=\"IT.AE.USUBJID\" Value=\"S-001-0001\"/>\n"
                "      <ItemData ItemOID=\"IT.AE.AESEQ\" Value=\"1\"/>\n"
                "      <ItemData ItemOID=\"IT.AE.AETERM\" Value=\"Pain &lt;left arm&gt; &amp; &quot;numb&quot;\"/>\n"
                "      <ItemData ItemOID=\"IT.AE.AESTDTC\" Value=\"2014-03\"/>\n"
                "    </ItemGroupData>\n"
                "    <ItemGroupData ItemGroupOID=\"IG.AE\" data:ItemGroupDataSeq=\"2\">\n"
                "      <ItemData ItemOID=\"IT.AE.USUBJID\" Value=\"S-001-0002\"/>\n"
                "      <ItemData ItemOID=\"IT.AE.AETERM\" Value=\"a&#9;b&amp;\"/>\n"
                "    </ItemGroupData>\n"
                "    <ItemGroupData ItemGroupOID=\"IG.AE\" data:ItemGroupDataSeq=\"3\">\n"
                "      <ItemData ItemOID=\"IT.AE.AESTDTC\" Value=\"2014-03-15T10:20\"/>\n"
                "    </ItemGroupData>\n"
                "  </ClinicalData>\n</ODM>\n");
    assert_int_equal(k.rows, 3);
    assert_int_equal(k.diags.n, 0);
    kit_close(&k);
}

static void reference_data_and_empty_datasets_have_their_section(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, "TA");
    k.ds.reference = true;
    kit_var(&k, "STUDYID", 'c');
    assert_int_equal(kit_emit(&k, "xml"), SM_OK);
    assert_file(&k, HEAD("TA"), "  <ReferenceData StudyOID=\"STUDY-1\" MetaDataVersionOID=\"MDV.STUDY-1\">\n"
                                "  </ReferenceData>\n</ODM>\n");
    kit_close(&k);
}

static void what_xml_cannot_hold_is_a_finding_and_left_out(void **state) {
    (void)state;
    static const struct sm_str raw[] = {{"raw/ae.csv", 10}};
    struct kit k;
    kit_open(&k, "AE");
    k.study.file = raw;
    k.study.nfile = 1;
    kit_var(&k, "USUBJID", 'c');
    kit_var(&k, "AETERM", 'c');
    kit_row(&k, "S-1|fine");
    kit_row(&k, "S-2|ab\x01");
    kit_row(&k, "S-3|a longer text \x7F with\x02 it");
    assert_int_equal(kit_emit(&k, "xml"), SM_OK);
    assert_file(&k, HEAD("AE"),
                "  <ClinicalData StudyOID=\"STUDY-1\" MetaDataVersionOID=\"MDV.STUDY-1\">\n"
                "    <ItemGroupData ItemGroupOID=\"IG.AE\" data:ItemGroupDataSeq=\"1\">\n"
                "      <ItemData ItemOID=\"IT.AE.USUBJID\" Value=\"S-1\"/>\n"
                "      <ItemData ItemOID=\"IT.AE.AETERM\" Value=\"fine\"/>\n"
                "    </ItemGroupData>\n"
                "    <ItemGroupData ItemGroupOID=\"IG.AE\" data:ItemGroupDataSeq=\"2\">\n"
                "      <ItemData ItemOID=\"IT.AE.USUBJID\" Value=\"S-2\"/>\n"
                "    </ItemGroupData>\n"
                "    <ItemGroupData ItemGroupOID=\"IG.AE\" data:ItemGroupDataSeq=\"3\">\n"
                "      <ItemData ItemOID=\"IT.AE.USUBJID\" Value=\"S-3\"/>\n"
                "    </ItemGroupData>\n"
                "  </ClinicalData>\n</ODM>\n");
    assert_int_equal(k.diags.n, 2);
    const struct sm_diag *d = kit_finding(&k, 0);
    assert_int_equal(d->code, SM_D_NOT_XML);
    assert_int_equal(d->sev, SM_SEV_ERROR);
    assert_true(sm_str_eq_c(d->domain, "AE"));
    assert_true(sm_str_eq_c(d->variable, "AETERM"));
    assert_true(sm_str_eq_c(d->subject, "S-2"));
    assert_true(sm_str_eq_c(d->file, "raw/ae.csv"));
    assert_int_equal(d->line, 3);
    assert_string_equal(d->detail.p, "xml: record 2: byte 3 of the value (0x01) is no character of XML; cell is left out");
    assert_string_equal(kit_finding(&k, 1)->detail.p,
                        "xml: record 3: byte 21 of the value (0x02) is no character of XML; cell is left out");
    kit_close(&k);
}

static void findings_of_a_dataset_are_listed_up_to_a_limit(void **state) {
    (void)state;
    struct kit k;
    struct sm_emitter *e = NULL;
    kit_open(&k, "AE");
    kit_var(&k, "A", 'c');
    for (int i = 0; i < KIT_ROWS; i++) kit_row(&k, "\x01");
    assert_int_equal(sm_stage_open(&k.study.stage, tmp_path(&k.tmp, "out"), false, &k.err), SM_OK);
    assert_int_equal(sm_emitter_open(&e, sm_emit_find(SM_STR("xml")), &k.study, &k.err), SM_OK);
    assert_int_equal(sm_emitter_begin(e, &k.ds, &k.err), SM_OK);
    for (int i = 0; i < 20; i++) {
        struct sm_block b = {k.cell, k.pos, KIT_ROWS, 1};
        assert_int_equal(sm_emitter_block(e, &b, &k.err), SM_OK);
    }
    assert_int_equal(sm_emitter_end(e, &k.err), SM_OK);
    sm_emitter_close(e);
    sm_stage_close(k.study.stage);
    assert_int_equal(k.diags.n, SM_EMIT_BREACHES + 1);
    const struct sm_diag *last = kit_finding(&k, SM_EMIT_BREACHES);
    assert_int_equal(last->code, SM_D_NOT_XML);
    assert_string_equal(last->detail.p, "xml: 280 more findings about this dataset are not listed");
    kit_close(&k);
}

static void long_texts_to_escape_fit(void **state) {
    (void)state;
    struct kit k;
    struct sm_buf got;
    size_t n = 1 << 20, quotes = 0;
    char *text = test_malloc(n);
    memset(text, '"', n);
    kit_open(&k, "XX");
    kit_var(&k, "A", 'c');
    kit_var(&k, "B", 'c');
    kit_row(&k, "x|");
    kit_cell(&k, 1, sm_str_n(text, n));
    assert_int_equal(kit_emit(&k, "xml"), SM_OK);
    sm_buf_init(&got, 0);
    assert_true(tmp_slurp(kit_file(&k), &got));
    for (const char *p = strstr(got.p, "&quot;"); p && memcmp(p, "&quot;", 6) == 0; p += 6) quotes++;
    assert_int_equal(quotes, n);
    sm_buf_free(&got);
    test_free(text);
    kit_close(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_holds_an_item_for_every_value_that_is_there),
        cmocka_unit_test(reference_data_and_empty_datasets_have_their_section),
        cmocka_unit_test(what_xml_cannot_hold_is_a_finding_and_left_out),
        cmocka_unit_test(findings_of_a_dataset_are_listed_up_to_a_limit),
        cmocka_unit_test(long_texts_to_escape_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
