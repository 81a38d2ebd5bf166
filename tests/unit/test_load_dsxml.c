/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "load_kit.h"
#include "tmp.h"

#define HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ODM xmlns=\"http://www.cdisc.org/ns/odm/v1.3\" " \
             "xmlns:data=\"http://www.cdisc.org/ns/Dataset-XML/v1.0\" FileOID=\"F\" data:DatasetXMLVersion=\"1.0.0\">\n" \
             "<ClinicalData StudyOID=\"S\" MetaDataVersionOID=\"M\">\n"
#define TAIL "</ClinicalData></ODM>\n"
#define REC(n, items) "<ItemGroupData ItemGroupOID=\"IG.AE\" data:ItemGroupDataSeq=\"" #n "\">" items "</ItemGroupData>\n"
#define ITEM(v, text) "<ItemData ItemOID=\"IT.AE." v "\" Value=\"" text "\"/>"

static void variables_are_found_in_the_records_without_a_define(void **state) {
    (void)state;
    kit_loads("ae.xml", HEAD REC(1, ITEM("USUBJID", "1") ITEM("AETERM", "a &lt;&#10;&quot;b")) REC(2, ITEM("USUBJID", "2") ITEM("AESEQ", "07") ITEM("AETERM", "x")) TAIL,
              "USUBJID AESEQ# AETERM", "1||a <\n\"b|\n2|7|x|\n");
    kit_loads("ae.xml", HEAD REC(1, ITEM("USUBJID", "1")) "<ItemGroupData ItemGroupOID=\"IG.AE\" data:ItemGroupDataSeq=\"2\"/>" TAIL, "USUBJID", "1|\n|\n");
}

static const char define[] =
    "<ODM xmlns=\"http://www.cdisc.org/ns/odm/v1.3\" xmlns:def=\"http://www.cdisc.org/ns/def/v2.1\"><Study OID=\"S\"><MetaDataVersion OID=\"M\" Name=\"m\">"
    "<ItemGroupDef OID=\"IG.AE\" Name=\"AE\" Repeating=\"Yes\"><Description><TranslatedText>Adverse Events</TranslatedText></Description>"
    "<ItemRef ItemOID=\"IT.AE.USUBJID\" Mandatory=\"Yes\" KeySequence=\"1\"/><ItemRef ItemOID=\"IT.AE.AEX\" Mandatory=\"No\"/>"
    "<ItemRef ItemOID=\"IT.AE.AETERM\" Mandatory=\"Yes\"/></ItemGroupDef>"
    "<ItemDef OID=\"IT.AE.AETERM\" Name=\"AETERM\" DataType=\"text\" Length=\"40\"><Description><TranslatedText>Term</TranslatedText></Description></ItemDef>"
    "<ItemDef OID=\"IT.AE.USUBJID\" Name=\"USUBJID\" DataType=\"text\" Length=\"9\"/>"
    "<ItemDef OID=\"IT.AE.AEX\" Name=\"AEX\" DataType=\"float\" Length=\"5\"/></MetaDataVersion></Study></ODM>";

static void a_define_beside_or_above_gives_variables_labels_and_types(void **state) {
    (void)state;
    struct tmp t;
    struct kit k;
    tmp_open(&t);
    tmp_write(&t, "define.xml", define);
    kit_file(&k, tmp_write(&t, "xml/ae.xml", HEAD REC(1, ITEM("USUBJID", "1") ITEM("AETERM", "x")) TAIL), NULL);
    assert_int_equal(k.rc, SM_OK);
    assert_string_equal(k.vars.p, "USUBJID AEX# AETERM");
    assert_string_equal(k.rows.p, "1||x|\n");
    const struct sm_dsinfo *d = sm_loader_info(k.l);
    assert_string_equal(d->label.p, "Adverse Events");
    assert_string_equal(d->var[2].label.p, "Term");
    assert_int_equal(d->var[2].length, 40);
    assert_int_equal(d->var[0].key, 1);
    assert_int_equal(sm_loader_knows(k.l), SM_LOAD_LABELS | SM_LOAD_TYPES | SM_LOAD_LENGTHS | SM_LOAD_ORDER | SM_LOAD_KEYS);
    kit_close(&k);
    kit_file(&k, tmp_write(&t, "xml/ae.xml", HEAD REC(1, ITEM("AEOTHER", "1")) TAIL), NULL);
    assert_int_equal(k.rc, SM_EFORMAT);
    assert_non_null(strstr(k.err.text, "IT.AE.AEOTHER is not in the define.xml"));
    kit_close(&k);
    tmp_close(&t);
}

static void damage_is_an_error_with_its_line(void **state) {
    (void)state;
    kit_refuses("a.xml", HEAD REC(1, ITEM("A", "1") ITEM("A", "2")) TAIL, "stands twice in record 1");
    kit_refuses("a.xml", HEAD REC(2, ITEM("A", "1")) REC(2, ITEM("A", "1")) TAIL, "does not follow 2");
    kit_refuses("a.xml", HEAD REC(1, ITEM("A", "1")) "<ItemGroupData ItemGroupOID=\"IG.DM\" data:ItemGroupDataSeq=\"2\"/>" TAIL, "record of IG.DM in a file of IG.AE");
    kit_refuses("a.xml", HEAD REC(1, "<ItemData ItemOID=\"IT.AE.A\"/>") TAIL, "line 4: ItemData without Value");
    kit_refuses("a.xml", HEAD REC(1, ITEM("A", "1")) "</ClinicalData>", "line");
    kit_refuses("a.xml", HEAD TAIL, "no records and no define.xml");
    kit_refuses("a.xml", "<ODM/>", "no Dataset-XML");
    kit_refuses("a.xml", "<html></html>", "the root element is not ODM");
    kit_refuses("a.xml", HEAD REC(1, ITEM("A", "\xFF")) TAIL, "line");
}

static void entities_and_document_types_are_refused(void **state) {
    (void)state;
    kit_refuses("a.xml", "<?xml version=\"1.0\"?><!DOCTYPE ODM [<!ENTITY a \"b\">]><ODM/>", "document type");
    kit_refuses("a.xml", "<!DOCTYPE ODM SYSTEM \"file:///etc/passwd\"><ODM/>", "document type");
}

static void a_file_cut_off_anywhere_is_refused(void **state) {
    (void)state;
    struct sm_buf b;
    sm_buf_init(&b, 0);
    sm_buf_add_c(&b, HEAD);
    for (int i = 1; i < 60; i++) sm_buf_printf(&b, "<ItemGroupData ItemGroupOID=\"IG.AE\" data:ItemGroupDataSeq=\"%d\"><ItemData ItemOID=\"IT.AE.A\" Value=\"%d\"/></ItemGroupData>\n", i, i);
    sm_buf_add_c(&b, TAIL);
    kit_cut("ae.xml", b.p, b.n, 3, NULL);
    sm_buf_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variables_are_found_in_the_records_without_a_define),
        cmocka_unit_test(a_define_beside_or_above_gives_variables_labels_and_types),
        cmocka_unit_test(damage_is_an_error_with_its_line),
        cmocka_unit_test(entities_and_document_types_are_refused),
        cmocka_unit_test(a_file_cut_off_anywhere_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
