/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dataset.h"
#include "emit/define_priv.h"
#include "sdtmill/check_define.h"
#include "sdtmill/run.h"
#include "sdtmill/spec_load.h"

/* ---- a small study
 * ------------------------------------------------------------------------------------ */
static const char mapping[] =
    "<study xmlns='urn:sdtmill:mapping:1' oid='S1' name='S1' title='A study' standard='SDTMIG 3.4' "
    "raw='raw'>"
    "<subject source='subjects' usubjid=\"concat(study(), '-', SUBJ)\" subjid='SUBJ'/>"
    "<codelist name='SEX' code='C66731' extensible='no' label='Sex'>"
    " <term value='M' code='C20197' decode='Male'/> <term value='F' code='C16576' "
    "decode='Female'/></codelist>"
    "<codelist name='LBTESTCD' code='C65047' extensible='yes' label='Laboratory Test Code'>"
    " <term value='GLUC' code='C105585' decode='Glucose Measurement'><synonym>Glu</synonym></term>"
    " <term value='ALT' code='C64433' decode='Alanine Aminotransferase Measurement'/>"
    " <term value='COLOR' code='C64546' decode='Color Assessment'/></codelist>"
    "<table name='tests' key='CODE'>CODE,NAME\nGLUC,Glucose\nALT,Alanine "
    "Aminotransferase\nCOLOR,Color\nZZX,Local Thing\n</table>"
    "<units name='units' round='half-up'>"
    " <convert test='GLUC' from='mg/dL' to='mmol/L' factor='0.0555' digits='2'/> <convert "
    "test='GLUC' from='mmol/L' to='mmol/L'/>"
    " <convert test='ALT' from='U/L' to='U/L'/> <convert test='TEMP' from='F' to='C' offset='-32' "
    "factor='5/9'/></units>"
    "<source name='subjects'><column name='SUBJ' required='yes'/><column name='SEX'/><column "
    "name='CONSENT' type='date'/>"
    " <column name='FIRST' type='date'/><column name='SMOKER'/><file path='subjects.csv'/></source>"
    "<source name='labs'><column name='SUBJ' required='yes'/><column name='TEST'/><column "
    "name='RESULT' type='result'/>"
    " <column name='UNIT'/><column name='DRAWN' type='date'/><file path='labs.csv'/></source>"
    "<domain name='DM'><from source='subjects'>"
    " <assign var='SITEID' from='SUBJ'/> <assign var='SEX' from='SEX' codelist='SEX' comment='As "
    "on the form &amp; nowhere else'/>"
    " <datetime var='RFICDTC' date='CONSENT'/> <datetime var='RFSTDTC' date='FIRST'/> <hardcode "
    "var='COUNTRY' value='SWE'/>"
    " <hardcode var='AGEU' value='YEARS'/> <compute var='AGE' value=\"if (SUBJ = '1') then 61 else "
    "62.5\" method='By hand.'/>"
    " <compute var='RACE' value=\"''\"/>"
    " <supplement name='SMOKER' label='Smokes' from='SMOKER'/>"
    " <supplement name='HEAVY' label='Heavy Smoker' origin='Derived' value=\"if (SMOKER > 20) then "
    "'Y' else 'N'\"/></from></domain>"
    "<domain name='LB'><from source='labs'>"
    " <assign var='LBTESTCD' from='TEST' codelist='LBTESTCD'/> <compute var='LBTEST' "
    "value=\"lookup('tests', LBTESTCD, 'NAME')\" origin='Assigned'/>"
    " <when test=\"RESULT = 'ND'\"><hardcode var='LBSTAT' value='NOT DONE'/></when>"
    " <otherwise><assign var='LBORRES' from='RESULT'/><assign var='LBORRESU' "
    "from='UNIT'/></otherwise>"
    " <datetime var='LBDTC' date='DRAWN'/></from>"
    " <derive><standardize units='units'/><study-day var='LBDY' from='LBDTC' "
    "reference='DM.RFSTDTC'/><sequence var='LBSEQ'/></derive></domain>"
    "</study>";
static const char subjects[] =
    "SUBJ,SEX,CONSENT,FIRST,SMOKER\n1,M,2024-01-02,2024-01-10,5\n2,M,2024-01,2024-01-11,40\n";
static const char results[] =
    "SUBJ,TEST,RESULT,UNIT,DRAWN\n1,Glu,90,mg/dL,2024-01-09\n1,ALT,12,U/"
    "L,2024-01-09\n1,COLOR,yellow,,2024-01-09\n"
    "2,Glu,5.25,mmol/L,2024-01-12T10:30\n2,ALT,ND,,2024-01-12\n2,ZZX,7,,2024-02\n";

struct study {
    struct tmp tmp;
    struct sm_buf xml;
    struct sm_diags found; /* by the checker */
};

static void convert(struct study *s, const char *out, const char *formats, unsigned threads,
                    uint64_t chunk) {
    static const char *const library[] = {"mappings"};
    struct sm_texts *texts = NULL;
    struct sm_spec *spec = NULL;
    struct sm_diags diags;
    struct sm_err err = {0};
    struct sm_run_result res = {0};
    char path[1100], raw[1100], folder[1100];
    sm_diags_init(&diags);
    tmp_write(&s->tmp, "raw/subjects.csv", subjects);
    tmp_write(&s->tmp, "raw/labs.csv", results);
    snprintf(path, sizeof path, "%s", tmp_write(&s->tmp, "study.xml", mapping));
    snprintf(raw, sizeof raw, "%s", tmp_path(&s->tmp, "raw"));
    snprintf(folder, sizeof folder, "%s", tmp_path(&s->tmp, out));
    assert_int_equal(sm_texts_open(&texts, &err), SM_OK);
    if (sm_spec_load(&spec, path, &(struct sm_spec_paths){library, 1}, texts, &diags, &err) !=
        SM_OK)
        for (const struct sm_diag *d = diags.first; d; d = d->next)
            print_error("%u %s\n", d->map_line, d->detail.p);
    assert_non_null(spec);
    struct sm_run_opts o = {.raw = raw,
                            .out = folder,
                            .formats = formats,
                            .created = "2024-05-06T07:08:09",
                            .threads = threads,
                            .chunk = chunk};
    assert_int_equal(sm_run_convert(spec, &o, &diags, &res, &err), SM_OK);
    sm_run_result_free(&res);
    sm_spec_close(spec);
    sm_diags_free(&diags);
    sm_texts_close(texts);
    snprintf(path, sizeof path, "%s/define.xml", out);
    sm_buf_clear(&s->xml);
    assert_true(tmp_slurp(tmp_path(&s->tmp, path), &s->xml));
}

static int study_open(void **state) {
    struct study *s = test_calloc(1, sizeof *s);
    tmp_open(&s->tmp);
    sm_buf_init(&s->xml, 0);
    sm_diags_init(&s->found);
    convert(s, "out", "csv,xml,define", 1, 0);
    *state = s;
    return 0;
}

static int study_close(void **state) {
    struct study *s = *state;
    sm_buf_free(&s->xml);
    sm_diags_free(&s->found);
    tmp_close(&s->tmp);
    test_free(s);
    return 0;
}

/* Runs the checker on a text; its answer. */
static int check(struct study *s, const char *xml, size_t n) {
    struct sm_err err = {0};
    sm_diags_clear(&s->found);
    const char *path = tmp_write_n(&s->tmp, "checked.xml", xml, n);
    return sm_check_define(path, SM_STR("define.xml"), &s->found, &err);
}

static bool is_found(const struct study *s, const char *what) {
    for (const struct sm_diag *d = s->found.first; d; d = d->next)
        if ((d->code == SM_D_DEFINE_REFERENCE || d->code == SM_D_DEFINE_RULE) &&
            strstr(d->detail.p, what))
            return true;
    return false;
}

static void show(const struct study *s) {
    for (const struct sm_diag *d = s->found.first; d; d = d->next)
        print_error("line %u: %s: %.*s\n", (unsigned)d->line, d->detail.p, SM_STR_FMT(d->value));
}

#define HAS(s, text)                                                                               \
    do {                                                                                           \
        if (!strstr((s)->xml.p, text)) fail_msg("define.xml lacks %s", text);                      \
    } while (0)
#define HAS_NOT(s, text)                                                                           \
    do {                                                                                           \
        if (strstr((s)->xml.p, text)) fail_msg("define.xml has %s", text);                         \
    } while (0)

/* From the first `begin` to the first `end` behind it, as a text that the caller compares. */
static const char *part(struct study *s, const char *begin, const char *end) {
    static char text[8192];
    const char *from = strstr(s->xml.p, begin), *to = from ? strstr(from, end) : NULL;
    if (!to) fail_msg("define.xml lacks %s ... %s", begin, end);
    snprintf(text, sizeof text, "%.*s", (int)(to - from), from);
    return text;
}

/* ---- what is written
 * ---------------------------------------------------------------------------------------- */
static void a_generated_define_keeps_every_rule(void **state) {
    struct study *s = *state;
    assert_int_equal(check(s, s->xml.p, s->xml.n), SM_OK);
    show(s);
    assert_int_equal(s->found.n, 0);
}

static void datasets_stand_in_class_order_with_keys_and_files(void **state) {
    struct study *s = *state;
    const char *dm = strstr(s->xml.p, "<ItemGroupDef OID=\"IG.DM\""),
               *lb = strstr(s->xml.p, "<ItemGroupDef OID=\"IG.LB\""),
               *supp = strstr(s->xml.p, "<ItemGroupDef OID=\"IG.SUPPDM\"");
    assert_true(dm && lb && supp && dm < lb && lb < supp);
    const char *g = part(s, "<ItemGroupDef OID=\"IG.LB\"", "</ItemGroupDef>");
    assert_non_null(strstr(g, "Name=\"LB\" Domain=\"LB\" SASDatasetName=\"LB\" Repeating=\"Yes\" "
                              "IsReferenceData=\"No\" Purpose=\"Tabulation\""));
    assert_non_null(strstr(g, "def:StandardOID=\"STD.IG\" def:ArchiveLocationID=\"LF.LB\""));
    assert_non_null(strstr(g, "<ItemRef ItemOID=\"IT.LB.STUDYID\" OrderNumber=\"1\" "
                              "Mandatory=\"Yes\" KeySequence=\"1\" Role=\"Identifier\"/>"));
    assert_non_null(strstr(g, "<def:Class Name=\"FINDINGS\"/>"));
    assert_non_null(strstr(g, "<def:leaf ID=\"LF.LB\" xlink:href=\"xml/lb.xml\">"));
    assert_non_null(strstr(part(s, "<ItemGroupDef OID=\"IG.SUPPDM\"", "</ItemGroupDef>"),
                           "<Alias Context=\"DomainDescription\" Name=\"Demographics\"/>"));
    HAS(s, "<def:Standard OID=\"STD.IG\" Name=\"SDTMIG\" Type=\"IG\" Version=\"3.4\" "
           "Status=\"Final\"/>");
}

static void the_file_that_is_there_is_the_one_referred_to(void **state) {
    struct study *s = *state;
    convert(s, "csvonly", "define,csv", 1, 0);
    HAS(s, "xlink:href=\"csv/lb.csv\"");
    convert(s, "none", "define", 1, 0);
    HAS_NOT(s, "def:leaf");
    assert_int_equal(check(s, s->xml.p, s->xml.n), SM_OK);
    assert_int_equal(s->found.n, 0);
}

static void types_and_lengths_are_those_of_the_data(void **state) {
    struct study *s = *state;
    HAS(s, "<ItemDef OID=\"IT.DM.AGE\" Name=\"AGE\" SASFieldName=\"AGE\" DataType=\"float\" "
           "Length=\"3\" SignificantDigits=\"1\"");
    HAS(s, "<ItemDef OID=\"IT.DM.RFSTDTC\" Name=\"RFSTDTC\" SASFieldName=\"RFSTDTC\" "
           "DataType=\"date\">");
    HAS(s, "<ItemDef OID=\"IT.DM.RFICDTC\" Name=\"RFICDTC\" SASFieldName=\"RFICDTC\" "
           "DataType=\"partialDate\">");
    HAS(s, "<ItemDef OID=\"IT.LB.LBDTC\" Name=\"LBDTC\" SASFieldName=\"LBDTC\" "
           "DataType=\"partialDatetime\">");
    HAS(s, "<ItemDef OID=\"IT.LB.LBDY\" Name=\"LBDY\" SASFieldName=\"LBDY\" DataType=\"integer\" "
           "Length=\"2\">");
    HAS(s, "<ItemDef OID=\"IT.LB.LBTEST\" Name=\"LBTEST\" SASFieldName=\"LBTEST\" "
           "DataType=\"text\" Length=\"24\">");
}

static void origins_follow_from_the_rules(void **state) {
    struct study *s = *state;
    assert_non_null(strstr(part(s, "<ItemDef OID=\"IT.DM.SEX\"", "</ItemDef>"),
                           "<def:Origin Type=\"Collected\" Source=\"Investigator\"/>"));
    assert_non_null(strstr(part(s, "<ItemDef OID=\"IT.DM.COUNTRY\"", "</ItemDef>"),
                           "<def:Origin Type=\"Assigned\" Source=\"Sponsor\"/>"));
    assert_non_null(strstr(part(s, "<ItemDef OID=\"IT.DM.AGE\"", "</ItemDef>"),
                           "<def:Origin Type=\"Derived\" Source=\"Sponsor\"/>"));
    assert_non_null(strstr(part(s, "<ItemDef OID=\"IT.DM.STUDYID\"", "</ItemDef>"),
                           "<def:Origin Type=\"Protocol\" Source=\"Sponsor\"/>"));
    assert_non_null(strstr(part(s, "<ItemDef OID=\"IT.LB.LBTEST\"", "</ItemDef>"),
                           "<def:Origin Type=\"Assigned\" Source=\"Sponsor\"/>"));
    assert_non_null(strstr(part(s, "<ItemDef OID=\"IT.LB.LBORRES\"", "</ItemDef>"),
                           "<def:Origin Type=\"Collected\" Source=\"Vendor\"/>"));
}

static void methods_say_what_the_mapping_does(void **state) {
    struct study *s = *state;
    HAS(s, "Study day: date part of LBDTC minus date part of DM.RFSTDTC, plus 1 from the reference "
           "date on (there is no day 0); complete dates only, otherwise missing.");
    HAS(s, "By hand. Rule: If SUBJ is '1' then 61, otherwise 62.5.");
    HAS(s, "<FormalExpression Context=\"sdtmill\">if (SUBJ = '1') then 61 else "
           "62.5</FormalExpression>");
    HAS(s, "The concatenation of (the study identifier, '-', SUBJ).");
    HAS(s, "Number of the record (1, 2, 3, ...) within USUBJID in the order of STUDYID, USUBJID, "
           "LBTESTCD");
    HAS(s, "Conversions: GLUC to mmol/L from mg/dL x 0.0555 to 2 decimals, mmol/L; ALT to U/L from "
           "U/L.");
    HAS(s, "If SMOKER is greater than 20 then 'Y', otherwise 'N'.");
}

static void code_lists_hold_the_terms_that_are_used(void **state) {
    struct study *s = *state;
    const char *l = part(s, "<CodeList OID=\"CL.SEX\"", "</CodeList>");
    assert_non_null(strstr(l, "Name=\"Sex\" DataType=\"text\" def:StandardOID=\"STD.CT\""));
    assert_non_null(strstr(l, "<Alias Context=\"nci:ExtCodeID\" Name=\"C66731\"/>"));
    assert_null(strstr(l, "CodedValue=\"F\""));
    l = part(s, "<CodeList OID=\"CL.LBTESTCD\"", "</CodeList>");
    assert_non_null(strstr(l, "<CodeListItem CodedValue=\"ALT\" OrderNumber=\"1\">"));
    assert_non_null(strstr(l, "<Decode><TranslatedText xml:lang=\"en\">Alanine "
                              "Aminotransferase</TranslatedText></Decode>"));
    assert_non_null(
        strstr(l, "<CodeListItem CodedValue=\"ZZX\" OrderNumber=\"4\" def:ExtendedValue=\"Yes\">"));
    HAS(s, "Version=\"not stated\" Status=\"Final\" def:CommentOID=\"COM.STD.CT\"");
}

static void results_are_described_by_test(void **state) {
    struct study *s = *state;
    const char *v = part(s, "<def:ValueListDef OID=\"VL.LB.LBORRES\"", "</def:ValueListDef>");
    assert_non_null(
        strstr(v, "<ItemRef ItemOID=\"IT.LB.LBORRES.ALT\" OrderNumber=\"1\" Mandatory=\"No\">"));
    assert_non_null(strstr(v, "<def:WhereClauseRef WhereClauseOID=\"WC.LB.LBTESTCD.EQ.COLOR\"/>"));
    HAS(s, "def:ItemOID=\"IT.LB.LBTESTCD\"><CheckValue>COLOR</CheckValue>");
    HAS(s, "<ItemDef OID=\"IT.LB.LBORRES.ALT\" Name=\"LBORRES\" SASFieldName=\"LBORRES\" "
           "DataType=\"integer\" Length=\"2\">");
    HAS(s, "<ItemDef OID=\"IT.LB.LBORRES.GLUC\" Name=\"LBORRES\" SASFieldName=\"LBORRES\" "
           "DataType=\"float\" Length=\"4\" SignificantDigits=\"2\"");
    HAS(s, "<ItemDef OID=\"IT.LB.LBORRES.COLOR\" Name=\"LBORRES\" SASFieldName=\"LBORRES\" "
           "DataType=\"text\" Length=\"6\">");
    HAS(s, "<def:ValueListRef ValueListOID=\"VL.LB.LBORRES\"/>");
}

static void supplements_are_described_by_name(void **state) {
    struct study *s = *state;
    const char *v = part(s, "<def:ValueListDef OID=\"VL.SUPPDM.QVAL\"", "</def:ValueListDef>");
    assert_non_null(strstr(v, "ItemOID=\"IT.SUPPDM.QVAL.HEAVY\" OrderNumber=\"1\" "
                              "Mandatory=\"Yes\" MethodOID=\"MT.SUPPDM.QVAL.HEAVY\""));
    const char *i = part(s, "<ItemDef OID=\"IT.SUPPDM.QVAL.SMOKER\"", "</ItemDef>");
    assert_non_null(
        strstr(i, "Name=\"SMOKER\" SASFieldName=\"QVAL\" DataType=\"integer\" Length=\"2\""));
    assert_non_null(strstr(i, "<TranslatedText xml:lang=\"en\">Smokes</TranslatedText>"));
}

static void comments_come_from_the_mapping_and_from_empty_variables(void **state) {
    struct study *s = *state;
    HAS(s, "As on the form &amp; nowhere else");
    HAS(s, "ItemOID=\"IT.DM.RACE\" OrderNumber=");
    assert_non_null(strstr(part(s, "ItemOID=\"IT.DM.RACE\"", "/>"), "def:HasNoData=\"Yes\""));
    HAS(s, "No data: no record has a value.");
}

static void threads_and_chunks_change_no_byte(void **state) {
    struct study *s = *state;
    struct sm_buf was;
    sm_buf_init(&was, 0);
    sm_buf_add_str(&was, sm_buf_str(&s->xml));
    convert(s, "again", "define,csv,xml", 3, 16);
    assert_string_equal(was.p, s->xml.p);
    sm_buf_free(&was);
}

static void a_define_without_mapping_has_what_the_data_say(void **state) {
    struct study *s = *state;
    struct kit k;
    kit_open(&k, "AE");
    k.study.standard_name = SM_STR("SDTMIG");
    k.study.standard_version = SM_STR("3.4");
    k.ds.cls = SM_STR("Events");
    kit_var(&k, "USUBJID", 'c');
    kit_var(&k, "AESEQ", 'n');
    kit_var(&k, "AESTDTC", 'd');
    kit_row(&k, "S-1|1|2024-01-02");
    kit_row(&k, "S-1|2|2024-01");
    k.var[1].int_digits = 1;
    k.var[0].key = 1;
    k.var[1].key = 2;
    k.study.wrote = NULL;
    assert_int_equal(kit_emit(&k, "define"), SM_OK);
    sm_buf_clear(&s->xml);
    assert_true(tmp_slurp(tmp_path(&k.tmp, "out/define.xml"), &s->xml));
    HAS(s, "CreationDateTime=\"2024-05-06T07:08:09\" Originator=\"A &amp; B\"");
    HAS(s, "<ItemDef OID=\"IT.AE.AESTDTC\" Name=\"AESTDTC\" SASFieldName=\"AESTDTC\" "
           "DataType=\"partialDate\">");
    HAS(s, "<def:Class Name=\"EVENTS\"/>");
    HAS_NOT(s, "def:Origin");
    assert_int_equal(check(s, s->xml.p, s->xml.n), SM_OK);
    show(s);
    assert_int_equal(s->found.n, 0);
    kit_close(&k);
}

static void long_names_and_awkward_values_keep_oids_apart(void **state) {
    struct study *s = *state;
    static const char *const name[] = {
        "A", "a name that is much longer than a test code may be, the first",
        "a name that is much longer than a test code may be, the second", "B & <C> \"D\"",
        "00000000000000000000000000000000000000002"};
    struct kit k;
    struct sm_arena a = {0};
    kit_open(&k, "SUPPAE");
    k.ds.is_supp = true;
    k.ds.cls = SM_STR("Relationship");
    k.ds.domain = SM_STR("AE");
    kit_var(&k, "QNAM", 'c');
    kit_var(&k, "QLABEL", 'c');
    kit_var(&k, "QVAL", 'c');
    assert_int_equal(sm_dsinfo_by_value(&k.ds, &a, &k.err), SM_OK);
    for (size_t i = 0; i < SM_ARRAY_LEN(name); i++) {
        sm_val row[3] = {sm_val_make(k.in, sm_str(name[i])), sm_val_make(k.in, SM_STR("Label")),
                         sm_val_make(k.in, SM_STR("1.50"))};
        sm_dsinfo_fold(&k.ds, k.texts, &(struct sm_block){row, k.pos, 1, 3}, true);
    }
    k.study.wrote = NULL;
    const struct sm_dsinfo *all[] = {&k.ds};
    struct sm_emitter *e = NULL;
    struct sm_stage *stage = NULL;
    assert_int_equal(sm_stage_open(&stage, tmp_path(&k.tmp, "out"), true, &k.err), SM_OK);
    k.study.stage = stage;
    assert_int_equal(sm_emitter_open(&e, sm_emit_find(SM_STR("define")), &k.study, &k.err), SM_OK);
    assert_int_equal(sm_emitter_finish(e, all, 1, &k.err), SM_OK);
    sm_emitter_close(e);
    assert_int_equal(sm_stage_commit(stage, &k.err), SM_OK);
    sm_stage_close(stage);
    sm_buf_clear(&s->xml);
    assert_true(tmp_slurp(tmp_path(&k.tmp, "out/define.xml"), &s->xml));
    HAS(s, "<CheckValue>B &amp; &lt;C&gt; &quot;D&quot;</CheckValue>");
    HAS(s, "<ItemDef OID=\"IT.SUPPAE.QVAL.A\" Name=\"A\" SASFieldName=\"QVAL\" DataType=\"float\" "
           "Length=\"3\" "
           "SignificantDigits=\"2\"");
    assert_int_equal(check(s, s->xml.p, s->xml.n), SM_OK);
    show(s);
    assert_int_equal(s->found.n, 0);
    sm_arena_free(&a);
    kit_close(&k);
}

static void a_dataset_without_records_says_so(void **state) {
    struct study *s = *state;
    struct kit k;
    kit_open(&k, "AE");
    k.ds.cls = SM_STR("Events");
    kit_var(&k, "USUBJID", 'c');
    k.study.wrote = NULL;
    assert_int_equal(kit_emit(&k, "define"), SM_OK);
    sm_buf_clear(&s->xml);
    assert_true(tmp_slurp(tmp_path(&k.tmp, "out/define.xml"), &s->xml));
    HAS(s, "def:IsNonStandard=\"Yes\" def:HasNoData=\"Yes\" def:CommentOID=\"COM.AE\"");
    HAS(s, "No data: the dataset has no records.");
    assert_int_equal(check(s, s->xml.p, s->xml.n), SM_OK);
    show(s);
    assert_int_equal(s->found.n, 0);
    kit_close(&k);
}

/* ---- facts by value
 * ------------------------------------------------------------------------------------------- */
static void distinct_values_are_kept_up_to_the_stated_number(void **state) {
    (void)state;
    struct kit k;
    struct sm_arena a = {0};
    kit_open(&k, "LB");
    kit_var(&k, "LBTESTCD", 'c');
    kit_var(&k, "LBCAT", 'c');
    k.var[1].coded = true;
    assert_int_equal(sm_dsinfo_by_value(&k.ds, &a, &k.err), SM_OK);
    for (unsigned i = 0; i < SM_DSSET_MAX + 5; i++) {
        char text[32];
        sm_val row[2] = {sm_val_make(k.in, SM_STR("ALT")), 0};
        snprintf(text, sizeof text, "category number %u", i % (SM_DSSET_MAX + 1));
        row[1] = sm_val_make(k.in, sm_str(text));
        sm_dsinfo_fold(&k.ds, k.texts, &(struct sm_block){row, k.pos, 1, 2}, true);
        assert_int_equal(k.ds.values->set[1].over, i >= SM_DSSET_MAX);
    }
    assert_int_equal(k.ds.values->set[1].n, SM_DSSET_MAX);
    assert_int_equal(k.ds.values->set[0].n, 0);
    sm_arena_free(&a);
    kit_close(&k);
}

/* ---- expressions in words
 * ---------------------------------------------------------------------------------------- */
static struct sm_slot any_name(void *ctx, struct sm_str name, char force,
                               struct sm_str *ret_nearest) {
    (void)ctx, (void)name, (void)ret_nearest;
    return (struct sm_slot){force == '$' ? SM_SLOT_PARAM : SM_SLOT_COLUMN, 0};
}

static void expressions_become_words(void **state) {
    (void)state;
    static const struct {
        const char *expr, *words;
    } cases[] = {
        {"A = ''", "A is missing"},
        {"A != \"\"", "A is present"},
        {"A = ('x', 'y')", "A is one of ('x', 'y')"},
        {"A != ('x', 'y')", "A is none of ('x', 'y')"},
        {"A = (B)", "A is (B)"},
        {"A < 5 and B >= -2.5", "A is less than 5 and B is at least -2.5"},
        {"not(A = 'x' or B = 'y')", "not (A is 'x' or B is 'y')"},
        {"if (A > 1) then 'a, b' else B", "if A is greater than 1 then 'a, b', otherwise B"},
        {"concat(A, ')', B)", "the concatenation of (A, ')', B)"},
        {"A || '-' || B", "A followed by '-' followed by B"},
        {"(A + 1) * 2 div B", "(A + 1) * 2 divided by B"},
        {"substring-before(upper-case(A), '/')", "the part of A in capitals before '/'"},
        {"tokenize(A, ';')[2]", "the pieces of A between ';', number 2"},
        {"column('Blood pressure')", "Blood pressure"},
        {"round(A, 2)", "A rounded to 2 decimals"},
        {"if-then", "if-then"},
        {"A = 'it''s'", "A is 'it''s'"},
        {"$value", "the value of the column"},
        {"date-part(A, 'date')", "the date part of A"},
        {"days-between(DM.RFSTDTC, A) + 1", "the number of days from DM.RFSTDTC to A + 1"},
    };
    struct sm_arena a = {0};
    struct sm_texts *texts = NULL;
    struct sm_intern *in = NULL;
    struct sm_err err = {0};
    assert_int_equal(sm_texts_open(&texts, &err), SM_OK);
    assert_int_equal(sm_intern_open(&in, texts, &err), SM_OK);
    struct sm_expr_scope scope = {.resolve = any_name, .in = in, .study_oid = SM_STR("S1")};
    for (size_t i = 0; i < SM_ARRAY_LEN(cases); i++) {
        struct sm_buf b;
        uint32_t at = 0;
        sm_buf_init(&b, 0);
        const struct sm_expr *e = sm_expr_compile(&a, sm_str(cases[i].expr), &scope, &at, &err);
        if (!e) fail_msg("%s: %u: %s", cases[i].expr, at, err.text);
        def_words(NULL, e, &b);
        assert_string_equal(b.p, cases[i].words);
        sm_buf_free(&b);
    }
    sm_intern_close(in);
    sm_texts_close(texts);
    sm_arena_free(&a);
}

static void words_of_a_huge_expression_stop_at_the_ceiling(void **state) {
    (void)state;
    struct sm_arena a = {0};
    struct sm_texts *texts = NULL;
    struct sm_intern *in = NULL;
    struct sm_err err = {0};
    struct sm_buf src, b;
    uint32_t at = 0;
    assert_int_equal(sm_texts_open(&texts, &err), SM_OK);
    assert_int_equal(sm_intern_open(&in, texts, &err), SM_OK);
    sm_buf_init(&src, 0);
    sm_buf_init(&b, 1000);
    for (int i = 0; i < 90; i++)
        sm_buf_add_c(&src, "concat('a long text to repeat', ");
    sm_buf_add_c(&src, "A");
    for (int i = 0; i < 90; i++)
        sm_buf_add_c(&src, ")");
    struct sm_expr_scope scope = {.resolve = any_name, .in = in};
    const struct sm_expr *e = sm_expr_compile(&a, sm_buf_str(&src), &scope, &at, &err);
    assert_non_null(e);
    def_words(NULL, e, &b);
    assert_true(b.over);
    sm_buf_free(&src);
    sm_buf_free(&b);
    sm_intern_close(in);
    sm_texts_close(texts);
    sm_arena_free(&a);
}

/* ---- the checker
 * ------------------------------------------------------------------------------------------------------
 */
/* The define with the first `from` behind `behind` replaced. */
static void edit(struct study *s, const char *behind, const char *from, const char *to,
                 struct sm_buf *out) {
    const char *p = strstr(s->xml.p, behind);
    p = p ? strstr(p, from) : NULL;
    if (!p) fail_msg("define.xml lacks %s %s", behind, from);
    sm_buf_clear(out);
    sm_buf_add(out, s->xml.p, (size_t)(p - s->xml.p));
    sm_buf_add_c(out, to);
    sm_buf_add_c(out, p + strlen(from));
}

static void every_fault_is_found(void **state) {
    struct study *s = *state;
    static const struct {
        const char *behind, *from, *to, *finding;
    } faults[] = {
        {"IG.LB", "ItemOID=\"IT.LB.LBDY\"", "ItemOID=\"IT.LB.NONE\"",
         "ItemOID IT.LB.NONE leads to no <ItemDef>"},
        {"IG.LB", "ItemOID=\"IT.LB.LBDY\"", "ItemOID=\"IT.LB.NONE\"",
         "nothing refers to this <ItemDef>"},
        {"IG.LB", "MethodOID=\"MT.LB.LBDY\"", "MethodOID=\"MT.X\"",
         "MethodOID MT.X leads to no <MethodDef>"},
        {"IG.LB", "MethodOID=\"MT.LB.LBDY\"", "MethodOID=\"CL.SEX\"",
         "MethodOID CL.SEX leads to no <MethodDef>"},
        {"IG.LB", " MethodOID=\"MT.LB.LBDY\"", "",
         "the item is derived, but there is no MethodOID"},
        {"IG.LB", "KeySequence=\"2\"", "KeySequence=\"9\"", "KeySequence has a gap at 2"},
        {"IG.LB", "KeySequence=\"2\"", "KeySequence=\"1\"", "given twice"},
        {"IG.LB", "OrderNumber=\"2\"", "", "only some items have an OrderNumber"},
        {"IG.LB", "IT.LB.DOMAIN", "IT.LB.STUDYID", "the item stands twice here"},
        {"IG.LB", "Mandatory=\"Yes\"", "Mandatory=\"yes\"", "Mandatory is neither Yes nor No"},
        {"OID=\"IG.LB\"", "Purpose=\"Tabulation\"", "", "<ItemGroupDef> has no Purpose"},
        {"OID=\"IG.LB\"", "def:StandardOID=\"STD.IG\"", "", "either a standard or IsNonStandard"},
        {"OID=\"IG.LB\"", "def:ArchiveLocationID=\"LF.LB\"", "def:ArchiveLocationID=\"LF.DM\"",
         "not that of the dataset's own leaf"},
        {"OID=\"IG.LB\"", "<def:Class Name=\"FINDINGS\"/>", "", "the dataset has no class"},
        {"<ItemDef OID=\"IT.LB.LBTEST\"", " Length=\"24\"", "", "text without Length"},
        {"<ItemDef OID=\"IT.LB.LBDTC\"", "DataType=\"partialDatetime\"",
         "DataType=\"partialDatetime\" Length=\"16\"", "partialDatetime with Length"},
        {"<ItemDef OID=\"IT.DM.AGE\"", " SignificantDigits=\"1\"", "",
         "float without SignificantDigits"},
        {"<ItemDef OID=\"IT.LB.LBORRES.COLOR\"", "Length=\"6\"", "Length=\"60\"",
         "Length is greater than that of the variable"},
        {"<ItemDef OID=\"IT.DM.SEX\"", " Source=\"Investigator\"", "", "origin without Source"},
        {"<ItemDef OID=\"IT.DM.SEX\"", "SASFieldName=\"SEX\"", "SASFieldName=\"SEX OF SUBJECT\"",
         "SASFieldName is no SAS name"},
        {"<ItemDef OID=\"IT.DM.SEX\"", "OID=\"IT.DM.SEX\"", "OID=\"IT.DM.AGE\"",
         "OID IT.DM.AGE is given twice"},
        {"<ItemDef OID=\"IT.DM.RACE\"", "def:CommentOID", "x", "no comment says why"},
        {"<CodeList OID=\"CL.LBTESTCD\"", "CodedValue=\"ALT\"", "CodedValue=\"COLOR\"",
         "'COLOR' stands twice in the code list"},
        {"<CodeList OID=\"CL.LBTESTCD\"", "CodedValue=\"ALT\"", "CodedValue=\" \"",
         "a coded value is blank"},
        {"<CodeList OID=\"CL.LBTESTCD\"", " def:ExtendedValue=\"Yes\"", "",
         "'ZZX' has neither an NCI code nor ExtendedValue"},
        {"<CodeList OID=\"CL.LBTESTCD\"", "def:StandardOID=\"STD.CT\"", "",
         "either a standard or IsNonStandard"},
        {"<def:ValueListDef", "<def:WhereClauseRef", "<def:Nothing",
         "an item of a value list has no where-clause"},
        {"<RangeCheck", "<CheckValue>ALT</CheckValue>", "", "0 values for this comparator"},
        {"<RangeCheck", "def:ItemOID=\"IT.LB.LBTESTCD\"", "", "the where-clause tests no item"},
        {"def:Context", "def:Context=\"Other\"", "def:Context=\"Submission\"",
         "no page of the annotated CRF"},
        {"def:Context", "def:Context=\"Other\"", "", "Context is neither Submission nor Other"},
        {"</Study>", "</Study>", "</Study><ClinicalData/>", "<ClinicalData> does not belong"},
        {"STD.CT", " PublishingSet=\"SDTM\"", "", "terminology without PublishingSet"},
    };
    struct sm_buf b;
    sm_buf_init(&b, 0);
    for (size_t i = 0; i < SM_ARRAY_LEN(faults); i++) {
        edit(s, faults[i].behind, faults[i].from, faults[i].to, &b);
        assert_int_equal(check(s, b.p, b.n), SM_OK);
        if (!is_found(s, faults[i].finding)) {
            show(s);
            fail_msg("not found: %s", faults[i].finding);
        }
    }
    sm_buf_free(&b);
}

static void what_is_no_define_is_an_error(void **state) {
    struct study *s = *state;
    struct sm_buf b;
    struct sm_err err = {0};
    sm_buf_init(&b, 0);
    for (size_t n = 0; n < s->xml.n - 1; n += s->xml.n / 50)
        assert_int_equal(check(s, s->xml.p, n), SM_EDATA);
    edit(s, "<ODM", "<ODM", "<!DOCTYPE ODM [<!ENTITY e SYSTEM '/etc/hostname'>]><ODM", &b);
    assert_int_equal(check(s, b.p, b.n), SM_EDATA);
    edit(s, "<ODM", "http://www.cdisc.org/ns/odm/v1.3", "urn:other", &b);
    assert_int_equal(check(s, b.p, b.n), SM_EDATA);
    assert_int_equal(
        sm_check_define(tmp_path(&s->tmp, "nothing.xml"), SM_STR("nothing.xml"), &s->found, &err),
        SM_EIO);
    sm_buf_free(&b);
}

static void findings_beyond_the_limit_are_counted(void **state) {
    struct study *s = *state;
    struct sm_buf b;
    sm_buf_init(&b, 0);
    sm_buf_add_c(&b, "<ODM xmlns='http://www.cdisc.org/ns/odm/v1.3' "
                     "xmlns:def='http://www.cdisc.org/ns/def/v2.1'><Study><MetaDataVersion>");
    for (int i = 0; i < 2000; i++)
        sm_buf_printf(&b, "<MethodDef OID='M%d'/>", i);
    sm_buf_add_c(&b, "</MetaDataVersion></Study></ODM>");
    assert_int_equal(check(s, b.p, b.n), SM_OK);
    assert_int_equal(s->found.n, SM_DEFINE_FINDINGS + 1);
    assert_true(is_found(s, "more findings about this file are not listed"));
    sm_buf_free(&b);
}

#define STUDY(f) cmocka_unit_test_setup_teardown(f, study_open, study_close)
int main(void) {
    const struct CMUnitTest tests[] = {
        STUDY(a_generated_define_keeps_every_rule),
        STUDY(datasets_stand_in_class_order_with_keys_and_files),
        STUDY(the_file_that_is_there_is_the_one_referred_to),
        STUDY(types_and_lengths_are_those_of_the_data),
        STUDY(origins_follow_from_the_rules),
        STUDY(methods_say_what_the_mapping_does),
        STUDY(code_lists_hold_the_terms_that_are_used),
        STUDY(results_are_described_by_test),
        STUDY(supplements_are_described_by_name),
        STUDY(comments_come_from_the_mapping_and_from_empty_variables),
        STUDY(threads_and_chunks_change_no_byte),
        STUDY(a_define_without_mapping_has_what_the_data_say),
        STUDY(long_names_and_awkward_values_keep_oids_apart),
        STUDY(a_dataset_without_records_says_so),
        cmocka_unit_test(distinct_values_are_kept_up_to_the_stated_number),
        cmocka_unit_test(expressions_become_words),
        cmocka_unit_test(words_of_a_huge_expression_stop_at_the_ceiling),
        STUDY(every_fault_is_found),
        STUDY(what_is_no_define_is_an_error),
        STUDY(findings_beyond_the_limit_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
