/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "sdtmill/ct.h"
#include "sdtmill/err.h"

static struct sm_arena arena;
static struct sm_ct *ct;
static struct sm_err err;
static char path[64];

static int setup(void **state) {
    (void)state;
    sm_arena_init(&arena);
    sm_err_reset(&err);
    snprintf(path, sizeof path, "/tmp/sdtmill-test-ct-%ld", (long)getpid());
    return sm_ct_open(&ct, &arena, &err);
}

static int teardown(void **state) {
    (void)state;
    sm_ct_close(ct);
    sm_arena_free(&arena);
    unlink(path);
    return 0;
}

static int load(const char *text) {
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    return sm_ct_load(ct, path, &err);
}

#define HEAD                                                                                       \
    "Code\tCodelist Code\tCodelist Extensible (Yes/No)\tCodelist Name\tCDISC Submission "          \
    "Value\tCDISC Synonym(s)\t"                                                                    \
    "CDISC Definition\tNCI Preferred Term\n"
#define SEX_AND_NY                                                                                 \
    HEAD "C66731\t\tNo\tSex\tSEX\tSex\tdef\tCDISC SDTM Sex\n"                                      \
         "C20197\tC66731\t\tSex\tM\tMale\tdef\tMale person\r\n"                                    \
         "C16576\tC66731\t\tSex\tF\tFemale; Woman ;Lady\tdef\tFemale person\n"                     \
         "C66742\t\tYes\tNo Yes Response\tNY\tNo Yes\tdef\tNY list\n"                              \
         "C49487\tC66742\t\tNo Yes Response\tN\tNo\tdef\tNo answer\n"                              \
         "C49488\tC66742\t\tNo Yes Response\tY\tYes\tdef\tYes answer"

static void check_find(const char *list, const char *value, enum sm_ct_how how, const char *want) {
    const struct sm_codelist *l = sm_ct_list(ct, sm_str(list));
    const struct sm_term *t = NULL;
    assert_non_null(l);
    assert_int_equal(sm_ct_find(l, sm_str(value), &t), how);
    if (how != SM_CT_NONE && !sm_str_eq_c(t->value, want))
        fail_msg("%s: got %.*s", value, SM_STR_FMT(t->value));
}

static void text_package_is_found_by_name_and_code(void **state) {
    (void)state;
    assert_int_equal(load(SEX_AND_NY), SM_OK);
    assert_int_equal(sm_ct_count(ct), 2);
    const struct sm_codelist *l = sm_ct_list(ct, SM_STR("SEX"));
    assert_non_null(l);
    assert_ptr_equal(l, sm_ct_list(ct, SM_STR("C66731")));
    assert_int_equal(l->nterm, 2);
    assert_false(l->extensible);
    assert_true(l->from_package);
    assert_true(sm_str_eq_c(l->label, "Sex"));
    assert_true(sm_str_eq_c(l->term[1].code, "C16576"));
    assert_int_equal(l->term[1].nsynonym, 3);
    assert_true(sm_str_eq_c(l->term[1].synonym[1], "Woman"));
    assert_true(sm_ct_list(ct, SM_STR("NY"))->extensible);
    assert_int_equal(sm_ct_list(ct, SM_STR("NY"))->nterm, 2);
    assert_null(sm_ct_list(ct, SM_STR("sex")));
    assert_true(sm_str_eq_c(sm_ct_nearest_list(ct, SM_STR("SXE")), "SEX"));
}

static void value_is_matched_in_the_stated_order(void **state) {
    (void)state;
    assert_int_equal(load(SEX_AND_NY), SM_OK);
    check_find("SEX", "M", SM_CT_EXACT, "M");
    check_find("SEX", " m ", SM_CT_NOCASE, "M");
    check_find("SEX", "Male", SM_CT_SYNONYM, "M");
    check_find("SEX", "LADY", SM_CT_SYNONYM, "F");
    check_find("SEX", "male PERSON", SM_CT_DECODE, "M");
    check_find("SEX", "Mal", SM_CT_NONE, NULL);
    check_find("SEX", "", SM_CT_NONE, NULL);
    check_find("NY", "yes", SM_CT_SYNONYM, "Y");
}

static void gzip_is_told_by_content(void **state) {
    (void)state;
    gzFile f = gzopen(path, "wb");
    assert_non_null(f);
    assert_true(gzputs(f, SEX_AND_NY) > 0);
    assert_int_equal(gzclose(f), Z_OK);
    assert_int_equal(sm_ct_load(ct, path, &err), SM_OK);
    check_find("NY", "N", SM_CT_EXACT, "N");
}

static void lines_of_a_list_may_stand_apart(void **state) {
    (void)state;
    assert_int_equal(
        load(HEAD "C1\t\tNo\tOne\tONE\t\t\t\nC2\t\tNo\tTwo\tTWO\t\t\t\nC11\tC1\t\tOne\tA\t\t\t\n"
                  "C21\tC2\t\tTwo\tB\t\t\t\nC12\tC1\t\tOne\tC\t\t\t\n"),
        SM_OK);
    assert_int_equal(sm_ct_list(ct, SM_STR("ONE"))->nterm, 2);
    check_find("ONE", "C", SM_CT_EXACT, "C");
    check_find("ONE", "B", SM_CT_NONE, NULL);
    check_find("TWO", "B", SM_CT_EXACT, "B");
}

static void own_list_wins_over_a_package(void **state) {
    (void)state;
    static const struct sm_term term[] = {{.value = {"U", 1}}};
    static const struct sm_codelist own = {
        .name = {"SEX", 3}, .code = {"C66731", 6}, .term = term, .nterm = 1};
    assert_int_equal(sm_ct_add(ct, &own, &err), SM_OK);
    assert_int_equal(load(SEX_AND_NY), SM_OK);
    check_find("SEX", "U", SM_CT_EXACT, "U");
    check_find("C66731", "M", SM_CT_NONE, NULL);
    static const struct sm_codelist later = {.name = {"NY", 2}, .term = term, .nterm = 1};
    assert_int_equal(sm_ct_add(ct, &later, &err), SM_OK);
    check_find("NY", "U", SM_CT_EXACT, "U");
}

static void synonym_spelled_exactly_beats_one_without_case(void **state) {
    (void)state;
    assert_int_equal(load(HEAD "C1\t\tNo\tOne\tONE\t\t\t\nC2\tC1\t\tOne\tFIRST\tpg\t\t\nC3\tC1\t\tO"
                               "ne\tSECOND\tPG\t\t\n"
                               "C4\tC1\t\tOne\tPg\t\t\t\n"),
                     SM_OK);
    check_find("ONE", "Pg", SM_CT_EXACT, "Pg");
    check_find("ONE", "PG", SM_CT_NOCASE, "Pg");
    assert_int_equal(load(HEAD "C5\t\tNo\tTwo\tTWO\t\t\t\nC2\tC5\t\tOne\tFIRST\tpg\t\t\nC3\tC5\t\tO"
                               "ne\tSECOND\tPG\t\t\n"),
                     SM_OK);
    check_find("TWO", "PG", SM_CT_SYNONYM, "SECOND");
    check_find("TWO", "pG", SM_CT_SYNONYM, "FIRST");
}

static void letters_beyond_ascii_ignore_case(void **state) {
    (void)state;
    assert_int_equal(load(HEAD "C1\t\tNo\tOne\tONE\t\t\t\nC2\tC1\t\tOne\tM\tm\xC3\xA4nnlich\t\t\n"),
                     SM_OK);
    check_find("ONE", "M\xC3\x84NNLICH", SM_CT_SYNONYM, "M");
}

static void own_xml_lists_extend_others(void **state) {
    (void)state;
    assert_int_equal(
        load("<part xmlns='urn:sdtmill:mapping:1'>"
             "<codelist name='BASE' code='C9' extensible='yes' label='Base'><term value='A' "
             "code='C1' decode='Alpha'>"
             "<synonym> first </synonym></term><term value='B'/></codelist>"
             "<codelist name='MORE' extends='BASE'><term value='C'/></codelist>"
             "<codelist name='LOOP' extends='LOOP'><term value='L'/></codelist></part>"),
        SM_OK);
    check_find("C9", "first", SM_CT_SYNONYM, "A");
    check_find("MORE", "alpha", SM_CT_DECODE, "A");
    check_find("MORE", "C", SM_CT_EXACT, "C");
    const struct sm_codelist *l = sm_ct_list(ct, SM_STR("MORE"));
    assert_int_equal(l->nterm, 3);
    assert_true(l->term[2].extended && !l->term[0].extended);
    check_find("LOOP", "L", SM_CT_EXACT, "L");
}

static void odm_package_is_read(void **state) {
    (void)state;
    assert_int_equal(
        load("<?xml version='1.0'?><ODM xmlns='http://www.cdisc.org/ns/odm/v1.3' "
             "xmlns:nciodm='http://ncicb.nci.nih.gov/xml/odm/EVS/CDISC'>"
             "<Study OID='CDISC_CT.SDTM.2023-09-29'><MetaDataVersion OID='x' Name='y'>"
             "<CodeList OID='CL.C66731.SEX' Name='Sex' DataType='text' nciodm:ExtCodeID='C66731' "
             "nciodm:CodeListExtensible='No'>"
             "<Description><TranslatedText>About sex</TranslatedText></Description>"
             "<EnumeratedItem CodedValue='M' "
             "nciodm:ExtCodeID='C20197'><nciodm:CDISCSynonym>Male</nciodm:CDISCSynonym>"
             "<nciodm:CDISCSynonym>Man</nciodm:CDISCSynonym><nciodm:PreferredTerm>Male "
             "person</nciodm:PreferredTerm></EnumeratedItem>"
             "<EnumeratedItem CodedValue='F' nciodm:ExtCodeID='C16576'/>"
             "<nciodm:CDISCSubmissionValue>SEX</nciodm:CDISCSubmissionValue>"
             "<nciodm:CDISCSynonym>list "
             "synonym</nciodm:CDISCSynonym></CodeList></MetaDataVersion></Study></ODM>"),
        SM_OK);
    assert_true(sm_str_eq_c(sm_ct_version(ct), "2023-09-29"));
    const struct sm_codelist *l = sm_ct_list(ct, SM_STR("SEX"));
    assert_non_null(l);
    assert_true(sm_str_eq_c(l->label, "Sex") && sm_str_eq_c(l->code, "C66731"));
    check_find("C66731", "man", SM_CT_SYNONYM, "M");
    check_find("SEX", "Male Person", SM_CT_DECODE, "M");
    check_find("SEX", "F", SM_CT_EXACT, "F");
}

static void what_is_no_terminology_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "hello",
        "<html/>",
        "<part><codelist name='X'>",
        "<!DOCTYPE part [<!ENTITY a 'b'>]><part><codelist name='X'/></part>",
        "<part><codelist/></part>",
        "<part><codelist name='X'><term/></codelist></part>",
        "<part><codelist name='X'><codelist name='Y'/></codelist></part>",
        HEAD "C1\tC2\t\tx\ty\t\t\t\n",
        HEAD "no tabs\n",
        HEAD "C1\t\tNo\tOne\tONE\t\xC3\t\t\n"};
    for (size_t i = 0; i < SM_ARRAY_LEN(bad); i++) {
        sm_err_reset(&err);
        if (load(bad[i]) != SM_ESPEC) fail_msg("taken: %s", bad[i]);
        assert_non_null(strstr(err.text, "sdtmill-test-ct"));
    }
    sm_err_reset(&err);
    assert_int_equal(sm_ct_load(ct, "/nonexistent/terminology.txt", &err), SM_ESPEC);
}

static void lists_nobody_wants_are_read_when_asked_for(void **state) {
    (void)state;
    assert_int_equal(sm_ct_want(ct, SM_STR("SEX"), &err), SM_OK);
    assert_true(sm_ct_is_wanted(ct, SM_STR("SEX")) && !sm_ct_is_wanted(ct, SM_STR("NY")));
    assert_int_equal(load(SEX_AND_NY "\n"
                                     "C1\t\tNo\tOne\tONE\t\t\t\nC2\tC1\t\tOne\tA\t\t\t\n"),
                     SM_OK);
    assert_int_equal(sm_ct_count(ct), 3);
    assert_true(sm_str_eq_c(sm_ct_nearest_list(ct, SM_STR("NYY")), "NY"));
    check_find("NY", "yes", SM_CT_SYNONYM, "Y");
    assert_int_equal(sm_ct_list(ct, SM_STR("C66742"))->nterm, 2);
    unlink(path);
    check_find("SEX", "Lady", SM_CT_SYNONYM, "F");
    check_find("NY", "N", SM_CT_EXACT, "N");
    assert_null(sm_ct_list(ct, SM_STR("ONE")));
}

enum { MANY = 20000 };

/* MANY lists of two terms each, then `tail`; *ret_size without the tail. */
static int load_many(const char *tail, size_t *ret_size) {
    FILE *f = fopen(path, "wb");
    long at;
    assert_non_null(f);
    assert_true(fputs("\xEF\xBB\xBF" HEAD, f) >= 0);
    for (int i = 0; i < MANY; i++)
        fprintf(f,
                "C%d\t\tYes\tList %d\tL%d\t\t\t\nA%d\tC%d\t\tList\tONE%d\tu;v\t\tOne\n"
                "B%d\tC%d\t\tList\tTWO\t\tlong text\tZw\xC3\xB6i\n",
                i, i, i, i, i, i, i, i);
    at = ftell(f);
    assert_true(at > 1024 * 1024);
    *ret_size = (size_t)at - 3;
    assert_true(fputs(tail, f) >= 0);
    assert_int_equal(fclose(f), 0);
    return sm_ct_load(ct, path, &err);
}

static void long_files_are_read_piece_by_piece(void **state) {
    (void)state;
    size_t size;
    char list[16], value[16];
    assert_int_equal(load_many("C3\tC1\t\tList\tLAST\t\t\t", &size), SM_OK);
    assert_int_equal(sm_ct_count(ct), MANY);
    for (int i = 2; i < MANY; i += 7) {
        snprintf(list, sizeof list, "L%d", i);
        snprintf(value, sizeof value, "ONE%d", i);
        check_find(list, value, SM_CT_EXACT, value);
        check_find(list, "ZW\xC3\x96I", SM_CT_DECODE, "TWO");
        assert_int_equal(sm_ct_list(ct, sm_str(list))->nterm, 2);
    }
    assert_int_equal(sm_ct_list(ct, SM_STR("L1"))->nterm, 3);
    check_find("L1", "LAST", SM_CT_EXACT, "LAST");
}

static void mistakes_of_long_files_are_placed(void **state) {
    (void)state;
    char want[64];
    size_t size;
    assert_int_equal(load_many("X\tC1\t\t\tx\t\xC3\t\t\nno tabs\n", &size), SM_ESPEC);
    snprintf(want, sizeof want, "not UTF-8 at byte %zu", size + strlen("X\tC1\t\t\tx\t"));
    if (!strstr(err.text, want)) fail_msg("%s, not %s", err.text, want);
    assert_int_equal(sm_ct_count(ct), 0);
    assert_null(sm_ct_list(ct, SM_STR("L1")));
    sm_err_reset(&err);
    assert_int_equal(load_many("\nno tabs\n", &size), SM_ESPEC);
    snprintf(want, sizeof want, ":%d: has no tab-delimited columns", MANY * 3 + 3);
    if (!strstr(err.text, want)) fail_msg("%s, not %s", err.text, want);
}

static void nearest_term_is_offered(void **state) {
    (void)state;
    assert_int_equal(load(SEX_AND_NY), SM_OK);
    assert_int_equal(load(HEAD "C1\t\tNo\tOne\tONE\t\t\t\nC2\tC1\t\tOne\tMODERATE\t\t\t\n"), SM_OK);
    const struct sm_codelist *l = sm_ct_list(ct, SM_STR("ONE"));
    assert_true(sm_str_eq_c(sm_ct_nearest_term(l, SM_STR("moderat")), "MODERATE"));
    assert_null(sm_ct_nearest_term(l, SM_STR("severe")).p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(text_package_is_found_by_name_and_code, setup, teardown),
        cmocka_unit_test_setup_teardown(value_is_matched_in_the_stated_order, setup, teardown),
        cmocka_unit_test_setup_teardown(gzip_is_told_by_content, setup, teardown),
        cmocka_unit_test_setup_teardown(lines_of_a_list_may_stand_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(own_list_wins_over_a_package, setup, teardown),
        cmocka_unit_test_setup_teardown(synonym_spelled_exactly_beats_one_without_case, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(letters_beyond_ascii_ignore_case, setup, teardown),
        cmocka_unit_test_setup_teardown(own_xml_lists_extend_others, setup, teardown),
        cmocka_unit_test_setup_teardown(odm_package_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_terminology_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(lists_nobody_wants_are_read_when_asked_for, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(long_files_are_read_piece_by_piece, setup, teardown),
        cmocka_unit_test_setup_teardown(mistakes_of_long_files_are_placed, setup, teardown),
        cmocka_unit_test_setup_teardown(nearest_term_is_offered, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
