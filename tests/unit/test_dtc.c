/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sdtmill/arena.h"
#include "sdtmill/dtc.h"
#include "sdtmill/err.h"

static struct sm_dtc read_text(const char *text) {
    struct sm_dtc d;
    if (!sm_dtc_parse(sm_str(text), &d)) fail_msg("\"%s\" is not read", text);
    return d;
}

static void canonical_texts_are_written_back(void **state) {
    (void)state;
    static const char *const texts[] = {"2014",
                                        "2014-03",
                                        "2014-03-15",
                                        "2014-03-15T10",
                                        "2014-03-15T10:20",
                                        "2014-03-15T10:20:30",
                                        "0000",
                                        "9999-12-31T23:59:59",
                                        "2014---15",
                                        "--03",
                                        "----15",
                                        "--12-15",
                                        "-----T07:15",
                                        "2014-03--T10",
                                        "2014----T14:00",
                                        "2014-03-15T-:30",
                                        "2014-03-15T-:-:05",
                                        "2014-03-15T10:-:05",
                                        "-----T-:-:05",
                                        "2016-02-29",
                                        "--02-29",
                                        "2014-03-15T10:20:30.5",
                                        "2014-03-15T10:20:30.000000001",
                                        "2014-03-15T10:20:30.10",
                                        "2014-03-15T10:20Z",
                                        "2014-03-15T10+02:00",
                                        "2014-03-15T10:20:30.25-05:30",
                                        "2014-03-15T-:30-05:00",
                                        "2014-03-15T10:20+00:00"};
    for (size_t i = 0; i < SM_ARRAY_LEN(texts); i++) {
        struct sm_dtc d = read_text(texts[i]);
        char out[SM_DTC_TEXT_MAX];
        assert_int_equal(sm_dtc_format(&d, out), strlen(texts[i]));
        assert_string_equal(out, texts[i]);
    }
}

static void other_texts_are_refused(void **state) {
    (void)state;
    static const char *const texts[] = {"",
                                        " ",
                                        "-",
                                        "--",
                                        "----",
                                        "-----T",
                                        "-----T-",
                                        "2014-",
                                        "2014--",
                                        "2014-03-",
                                        "2014-03--",
                                        "2014-3",
                                        "2014-03-5",
                                        "201403",
                                        "2014/03/15",
                                        "14-03-15",
                                        "20140",
                                        "2014-03-15 10:20",
                                        "2014-03-15T",
                                        "2014-03-15T1",
                                        "2014-03-15T10:",
                                        "2014-03-15T10:2",
                                        "2014-03-15T10:20:",
                                        "2014-03-15T10:-",
                                        "2014T10",
                                        "2014-03T10",
                                        "2014-00",
                                        "2014-13",
                                        "2014-03-00",
                                        "2014-03-32",
                                        "2014-02-29",
                                        "2014-02-30",
                                        "2014-04-31",
                                        "--02-30",
                                        "1900-02-29",
                                        "2014-03-15T24:00",
                                        "2014-03-15T10:60",
                                        "2014-03-15T10:20:60",
                                        "2014-03-15t10:20",
                                        "2014-03-15T10:20:30.",
                                        "2014-03-15T10:20:30.1234567890",
                                        "2014-03-15T10:20:30,5",
                                        "2014-03-15T10:20:-.5",
                                        "2014-03-15Z",
                                        "2014-03-15T10:20z",
                                        "2014-03-15T10:20+02",
                                        "2014-03-15T10:20-00:00",
                                        "2014-03-15T10:20+14:01",
                                        "2014-03-15T10:20+02:60",
                                        "2014-03-15T10:20ZZ",
                                        "2014-03-15T10:20+-:00",
                                        " 2014",
                                        "2014 ",
                                        "2014-03-15T-Z",
                                        "P1D"};
    for (size_t i = 0; i < SM_ARRAY_LEN(texts); i++) {
        struct sm_dtc d;
        if (sm_dtc_parse(sm_str(texts[i]), &d)) fail_msg("\"%s\" is read", texts[i]);
        assert_memory_equal(&d, &sm_dtc_none, sizeof d);
    }
    struct sm_dtc d;
    assert_false(sm_dtc_parse(sm_str(NULL), &d));
    assert_false(sm_dtc_parse(sm_str_n("2014\0", 5), &d));
}

static void packing_keeps_the_text(void **state) {
    (void)state;
    struct sm_dtc d = read_text("2014---15T-:30:05");
    uint64_t packed;
    char out[SM_DTC_TEXT_MAX];
    assert_true(sm_dtc_pack(&d, &packed));
    assert_int_equal(packed >> 62, 0);
    assert_int_equal(sm_dtc_format_packed(packed, out), 17);
    assert_string_equal(out, "2014---15T-:30:05");
    struct sm_dtc e = sm_dtc_unpack(packed);
    assert_memory_equal(&d, &e, sizeof d);
}

static void a_form_has_the_same_parts_and_length(void **state) {
    (void)state;
    static const char *const text[] = {"2014", "2014-12", "2014-12-31", "2014---31", "--12-31", "----31", "2014-12-31T23:59:58",
                                       "2014-12-31T-:59", "-----T23", "9999-01-01T00:00"};
    char out[SM_DTC_TEXT_MAX];
    uint64_t packed, form;
    for (size_t i = 0; i < SM_ARRAY_LEN(text); i++) {
        struct sm_dtc d = read_text(text[i]);
        assert_true(sm_dtc_pack(&d, &packed));
        form = sm_dtc_packed_form(packed);
        assert_int_equal(sm_dtc_format_packed(form, out), strlen(text[i]));
        for (size_t k = 0; k < strlen(out); k++) assert_true(sm_is_digit(out[k]) ? sm_is_digit(text[i][k]) : out[k] == text[i][k]);
        assert_int_equal(sm_dtc_packed_form(form), form);
    }
    assert_int_equal(sm_dtc_packed_form(0), 0);
}

static void fractions_and_zones_are_not_packed(void **state) {
    (void)state;
    uint64_t packed;
    struct sm_dtc d = read_text("2014-03-15T10:20:30.5");
    assert_false(sm_dtc_pack(&d, &packed));
    d = read_text("2014-03-15T10:20Z");
    assert_false(sm_dtc_pack(&d, &packed));
}

static void nothing_known_is_zero_and_no_text(void **state) {
    (void)state;
    uint64_t packed = 1;
    char out[SM_DTC_TEXT_MAX];
    assert_true(sm_dtc_pack(&sm_dtc_none, &packed));
    assert_int_equal(packed, 0);
    assert_int_equal(sm_dtc_format(&sm_dtc_none, out), 0);
    assert_int_equal(sm_dtc_format_packed(0, out), 0);
    struct sm_dtc d = sm_dtc_unpack(0);
    assert_memory_equal(&d, &sm_dtc_none, sizeof d);
}

static void days_are_counted_from_1970(void **state) {
    (void)state;
    static const struct {
        int32_t year;
        int month, day;
        int32_t days;
    } cases[] = {{1970, 1, 1, 0},         {1969, 12, 31, -1},     {2000, 2, 29, 11016},
                 {2000, 3, 1, 11017},     {1899, 12, 30, -25569}, {2014, 8, 5, 16287},
                 {9999, 12, 31, 2932896}, {0, 1, 1, -719528}};
    for (size_t i = 0; i < SM_ARRAY_LEN(cases); i++) {
        int32_t year;
        int month, day;
        assert_int_equal(sm_dtc_days_from_civil(cases[i].year, cases[i].month, cases[i].day),
                         cases[i].days);
        sm_dtc_civil_from_days(cases[i].days, &year, &month, &day);
        assert_int_equal(year, cases[i].year);
        assert_int_equal(month, cases[i].month);
        assert_int_equal(day, cases[i].day);
    }
    assert_int_equal(sm_dtc_days_in_month(1900, 2), 28);
    assert_int_equal(sm_dtc_days_in_month(2000, 2), 29);
    assert_int_equal(sm_dtc_days_in_month(2014, 13), 0);
}

static void packed_day_needs_a_complete_date(void **state) {
    (void)state;
    static const char *const texts[] = {"2014", "2014-03", "2014---15", "--03-15", "-----T10:00"};
    uint64_t packed;
    int32_t day;
    for (size_t i = 0; i < SM_ARRAY_LEN(texts); i++) {
        struct sm_dtc d = read_text(texts[i]);
        assert_true(sm_dtc_pack(&d, &packed));
        assert_false(sm_dtc_packed_day(packed, &day));
        assert_false(sm_dtc_day(&d, &day));
        assert_int_equal(sm_dtc_packed_date(packed), 0);
        assert_int_equal(sm_dtc_date(&d), 0);
    }
    struct sm_dtc d = read_text("2014-08-05T11:00");
    assert_true(sm_dtc_pack(&d, &packed));
    assert_true(sm_dtc_packed_day(packed, &day));
    assert_int_equal(day, 16287);
}

static void packed_days_are_counted_through_all_years(void **state) {
    (void)state;
    int32_t want = 0, got = 0;
    for (int16_t year = 0; year <= 9999; year++) {
        for (int8_t month = 1; month <= 12; month++) {
            struct sm_dtc d = sm_dtc_none;
            uint64_t packed = 0;
            d.year = year;
            d.month = month;
            d.day = (int8_t)sm_dtc_days_in_month(year, month);
            assert_true(sm_dtc_day(&d, &want) && sm_dtc_pack(&d, &packed));
            assert_true(sm_dtc_packed_day(packed, &got));
            if (got != want) fail_msg("%d-%d: %d is not %d", year, month, got, want);
        }
    }
}

static void a_time_goes_to_a_complete_date_without_one(void **state) {
    (void)state;
    static const char *const not[] = {"2014-03", "2014---15", "--03-15", "2014-03-15T10",
                                      "2014-03-15T-:30"};
    uint64_t packed = 0, want = 0, got = 0;
    struct sm_dtc d = read_text("2014-03-15"), full = read_text("2014-03-15T00:59");
    assert_true(sm_dtc_pack(&d, &packed) && sm_dtc_pack(&full, &want));
    assert_true(sm_dtc_packed_at(packed, 0, 59, &got));
    assert_true(got == want);
    for (size_t i = 0; i < SM_ARRAY_LEN(not); i++) {
        d = read_text(not[i]);
        assert_true(sm_dtc_pack(&d, &packed));
        assert_false(sm_dtc_packed_at(packed, 10, 0, &got));
    }
}

static void study_day_has_no_day_zero(void **state) {
    (void)state;
    struct sm_dtc ref = read_text("2014-03-01T10:00");
    static const struct {
        const char *text;
        int32_t day;
    } cases[] = {
        {"2014-03-01", 1}, {"2014-02-28", -1}, {"2014-03-02T09:00", 2}, {"2013-03-01", -365}};
    int32_t day;
    for (size_t i = 0; i < SM_ARRAY_LEN(cases); i++) {
        struct sm_dtc d = read_text(cases[i].text);
        assert_true(sm_dtc_study_day(&d, &ref, &day));
        assert_int_equal(day, cases[i].day);
    }
    struct sm_dtc d = read_text("2014-03");
    assert_false(sm_dtc_study_day(&d, &ref, &day));
    assert_false(sm_dtc_study_day(&ref, &d, &day));
}

static void years_are_completed_on_the_birthday(void **state) {
    (void)state;
    static const struct {
        const char *a, *b;
        int32_t years;
    } cases[] = {{"1950-06-15", "2014-06-14", 63}, {"1950-06-15", "2014-06-15", 64},
                 {"2012-02-29", "2014-02-28", 1},  {"2012-02-29", "2014-03-01", 2},
                 {"2012-02-29", "2016-02-29", 4},  {"2014-01-01", "2014-01-01", 0}};
    int32_t years;
    for (size_t i = 0; i < SM_ARRAY_LEN(cases); i++) {
        struct sm_dtc a = read_text(cases[i].a), b = read_text(cases[i].b);
        assert_true(sm_dtc_years_between(&a, &b, &years));
        assert_int_equal(years, cases[i].years);
    }
    struct sm_dtc a = read_text("2014-02-01"), b = read_text("2014-01-31"), c = read_text("2015");
    assert_false(sm_dtc_years_between(&a, &b, &years));
    assert_false(sm_dtc_years_between(&a, &c, &years));
}

static void comparison_knows_what_it_cannot_know(void **state) {
    (void)state;
    static const struct {
        const char *a, *b;
        enum sm_order strict, common;
    } cases[] = {{"2014-03", "2014-03-05", SM_MAYBE, SM_SAME},
                 {"2014-03", "2014-04-01", SM_BEFORE, SM_BEFORE},
                 {"2014-03-05", "2014-03-05", SM_MAYBE, SM_SAME},
                 {"2014-03-05", "2014-03-05T10:00", SM_MAYBE, SM_SAME},
                 {"2014-03-05T10:00:00", "2014-03-05T10:00:00", SM_SAME, SM_SAME},
                 {"2014-03-05T10:00:00", "2014-03-05T10:00:00.5", SM_BEFORE, SM_SAME},
                 {"2014-03-05T10:00:00.25", "2014-03-05T10:00:00.3", SM_BEFORE, SM_BEFORE},
                 {"2014-03-05T10:00:00.5", "2014-03-05T10:00:00.50", SM_SAME, SM_SAME},
                 {"2014-03-05T10:00:00+02:00", "2014-03-05T08:00:00Z", SM_SAME, SM_SAME},
                 {"2014-03-05T00:30:00+02:00", "2014-03-04T23:00:00Z", SM_BEFORE, SM_BEFORE},
                 {"2014-03-05T10:00:00+02:00", "2014-03-05T10:00:00", SM_SAME, SM_SAME},
                 {"2014---15", "2014-03-15", SM_MAYBE, SM_SAME},
                 {"2014---15", "2015", SM_BEFORE, SM_BEFORE},
                 {"2014---15", "2014-01-14", SM_AFTER, SM_SAME},
                 {"--03-15", "2014-03-15", SM_MAYBE, SM_MAYBE},
                 {"2014-02", "2014-02-28T23:59:59", SM_MAYBE, SM_SAME},
                 {"2014-02", "2014-03-01", SM_BEFORE, SM_BEFORE},
                 {"2014-03-05T-:30", "2014-03-05T00:29:59", SM_AFTER, SM_SAME},
                 {"--02-29", "9997", SM_BEFORE, SM_MAYBE}};
    for (size_t i = 0; i < SM_ARRAY_LEN(cases); i++) {
        struct sm_dtc a = read_text(cases[i].a), b = read_text(cases[i].b);
        int strict = (int)sm_dtc_compare(&a, &b), common = (int)sm_dtc_compare_common(&a, &b);
        if (strict != (int)cases[i].strict || common != (int)cases[i].common)
            fail_msg("%s ? %s: %d, common %d", cases[i].a, cases[i].b, strict, common);
    }
}

static void containment_asks_only_for_known_parts(void **state) {
    (void)state;
    struct sm_dtc full = read_text("2014-03-15T10:20:30.5Z");
    static const struct {
        const char *text;
        bool inside;
    } cases[] = {{"2014", true},
                 {"2014---15", true},
                 {"--03", true},
                 {"2014-03-15T-:20", true},
                 {"2014-03-15T10:20:30.50", true},
                 {"2014-03-15T10:20:30.50Z", true},
                 {"2014-03-15T10:20:30.51", false},
                 {"2014-03-15T10:20+00:01", false},
                 {"2013", false},
                 {"2014-04", false},
                 {"----16", false}};
    for (size_t i = 0; i < SM_ARRAY_LEN(cases); i++) {
        struct sm_dtc partial = read_text(cases[i].text);
        if (sm_dtc_contains(&partial, &full) != cases[i].inside) fail_msg("%s", cases[i].text);
    }
}

static void merging_fills_only_what_is_unknown(void **state) {
    (void)state;
    struct sm_dtc date = read_text("2014-03"), time = read_text("2013-04-15T10:20:30.5+02:00");
    char out[SM_DTC_TEXT_MAX];
    sm_dtc_merge(&date, &time);
    sm_dtc_format(&date, out);
    assert_string_equal(out, "2014-03-15T10:20:30.5+02:00");
}

/* ---- site formats --------------------------------------------------------------------------- */

struct site {
    const char *format, *locale, *unknown, *text, *want; /* NULL: no fit; "!": impossible */
};

static void check_site(const struct site *s) {
    struct sm_arena a = {0};
    struct sm_err err = {0};
    const struct sm_dtc_pattern *p = sm_dtc_pattern_compile(&a, sm_str(s->format), s->locale, &err);
    if (p == NULL) fail_msg("%s", err.text);
    struct sm_dtc_rules rules = {.unknown = sm_str(s->unknown), .century_cutoff = 68};
    struct sm_dtc d;
    char out[SM_DTC_TEXT_MAX];
    enum sm_dtc_fit fit = sm_dtc_pattern_run(p, &rules, sm_str(s->text), &d);
    sm_dtc_format(&d, out);
    const char *got = fit == SM_DTC_FITS ? out : fit == SM_DTC_NO_FIT ? NULL : "!";
    if ((got == NULL) != (s->want == NULL) || (got != NULL && strcmp(got, s->want) != 0))
        fail_msg("%s on \"%s\": %s, not %s", s->format, s->text, got ? got : "(no fit)",
                 s->want ? s->want : "(no fit)");
    if (fit != SM_DTC_FITS) assert_memory_equal(&d, &sm_dtc_none, sizeof d);
    sm_arena_free(&a);
}

#define CHECK_SITES(sites)                                                                         \
    for (size_t i = 0; i < SM_ARRAY_LEN(sites); i++)                                               \
    check_site(&(sites)[i])

static void formats_of_real_sites_are_read(void **state) {
    (void)state;
    static const struct site sites[] = {
        {"mm/dd/yyyy", NULL, "UN", "03/15/2014", "2014-03-15"},
        {"mm/dd/yyyy", NULL, "UN", "03/UN/2014", "2014-03"},
        {"mm/DD/YYYY", NULL, "UN", "un/un/2014", "2014"},
        {"mm/dd/yyyy", NULL, "UN", "UN/15/2014", "2014---15"},
        {"dd.mm.yyyy", NULL, "00", "15.03.2014", "2014-03-15"},
        {"dd.mm.yyyy", NULL, "00", "00.03.2014", "2014-03"},
        {"dd.mm.yyyy", NULL, "00", "00.00.2014", "2014"},
        {"dd.mm.yyyy", NULL, "00", "00.00.2000", "2000"},
        {"dd.mm.yyyy HH:MM", NULL, "00", "15.03.2014 00:00", "2014-03-15T00:00"},
        {"dd.mm.yyyy", NULL, NULL, "00.03.2014", "!"},
        {"dd.mm.yyyy", NULL, "00|0000", "00.00.0000", ""},
        {"dd.mm.yyyy", NULL, "00", "15.03.0000", "!"},
        {"yyyy-mm-dd|yyyy-mm|yyyy", NULL, NULL, "2014-03-15", "2014-03-15"},
        {"yyyy-mm-dd|yyyy-mm|yyyy", NULL, NULL, "2014-03", "2014-03"},
        {"yyyy-mm-dd | yyyy-mm | yyyy", NULL, NULL, "2014", "2014"},
        {"d.m.yyyy", NULL, NULL, "5.3.2014", "2014-03-05"},
        {"d.m.yyyy", NULL, NULL, "15.12.2014", "2014-12-15"},
        {"dd.mm.yy", NULL, "xx", "xx.03.14", "2014-03"},
        {"dd.mm.yy", NULL, "xx", "XX.xx.69", "1969"},
        {"dd.mm.yy", NULL, "xx", "15.03.68", "2068-03-15"},
        {"dd/mm/yyyy", NULL, "--", "--/03/2014", "2014-03"},
        {"dd/mm/yyyy", NULL, "--", "--/--/2014", "2014"},
        {"dd-mmm-yyyy", "es", "?\?|?\?\?", "15-ENE-2014", "2014-01-15"},
        {"dd-mmm-yyyy", "es", "?\?|?\?\?", "?\?-sept-2014", "2014-09"},
        {"dd-mmm-yyyy", "es", "?\?|?\?\?", "?\?-?\?\?-2014", "2014"},
        {"dd/mm/yyyy HH:MM", NULL, NULL, "15/03/2014 09:05", "2014-03-15T09:05"},
        {"dd/mm/yyyy HH:MM", NULL, NULL, "15/03/2014 9:05", "2014-03-15T09:05"},
        {"dd-mmm-yyyy", NULL, NULL, "31-FEB-2014", "!"},
        {"dd-mmm-yyyy", NULL, NULL, "29-FEB-2014", "!"},
        {"dd-mmm-yyyy", NULL, "UN", "29-FEB-UN", "--02-29"},
        {"ddmmmyyyy", NULL, NULL, "5JAN2014", "2014-01-05"},
        {"ddmmmyyyy:HH:MM:SS", NULL, NULL, "05JAN2014:10:20:30.000", "2014-01-05T10:20:30"},
        {"yyyymmdd", NULL, NULL, "20140305", "2014-03-05"},
        {"yymmdd", NULL, NULL, "140305", "2014-03-05"},
        {"yyyymmdd", NULL, NULL, "2014035", NULL}};
    CHECK_SITES(sites);
}

static void months_are_read_in_their_language(void **state) {
    (void)state;
    static const struct site sites[] = {
        {"d. mmm yyyy", "de", NULL, "5. März 2014", "2014-03-05"},
        {"d. mmm yyyy", "de", NULL, "5. MÄRZ 2014", "2014-03-05"},
        {"d.mmm.yyyy", "de", NULL, "5.Mär.2014", "2014-03-05"},
        {"d.mmm.yyyy", "de", NULL, "5.Mrz..2014", "2014-03-05"},
        {"d.mmm.yyyy", "de-AT", NULL, "5.maerz.2014", "2014-03-05"},
        {"d mmm yyyy", "fr", NULL, "1 FÉVR. 2014", "2014-02-01"},
        {"d mmm yyyy", "fr_CA", NULL, "1 août 2014", "2014-08-01"},
        {"d mmm yyyy", "fr", NULL, "1 juillet 2014", "2014-07-01"},
        {"d mmm yyyy", "fr", NULL, "1 juin 2014", "2014-06-01"},
        {"d 'de' mmm 'de' yyyy", "pt", NULL, "1 de MARÇO de 2014", "2014-03-01"},
        {"d mmm yyyy", "it", NULL, "1 mag 2014", "2014-05-01"},
        {"d mmm yyyy", "nl", NULL, "1 mrt. 2014", "2014-03-01"},
        {"d mmm yyyy", "sv", NULL, "1 maj 2014", "2014-05-01"},
        {"d mmm yyyy", "nb", NULL, "1 des. 2014", "2014-12-01"},
        {"d mmm yyyy", "da", NULL, "1 marts 2014", "2014-03-01"},
        {"d. mmm yyyy", "fi", NULL, "1. kesäkuuta 2014", "2014-06-01"},
        {"d. mmm yyyy", "fi", NULL, "1. HEINÄK. 2014", "2014-07-01"},
        {"d mmm yyyy", NULL, NULL, "1 September 2014", "2014-09-01"},
        {"d mmm yyyy", NULL, NULL, "1 Sept. 2014", "2014-09-01"},
        {"d mmm yyyy", NULL, NULL, "1 Sep 2014", "2014-09-01"},
        {"d mmm yyyy", NULL, NULL, "1 Septem 2014", NULL},
        {"d mmm yyyy", "en", NULL, "1 Mai 2014", NULL},
        {"d mmm yyyy", NULL, NULL, "1 03 2014", NULL},
        {"d m yyyy", NULL, NULL, "1 March 2014", "2014-03-01"}};
    CHECK_SITES(sites);
}

static void times_are_read(void **state) {
    (void)state;
    static const struct site sites[] = {
        {"H:MM", NULL, NULL, "9:05", "-----T09:05"},
        {"HH:MM", NULL, NULL, "24:00", "!"},
        {"HH:MM:SS", NULL, NULL, "10:20:60", "!"},
        {"HHMM", NULL, NULL, "0905", "-----T09:05"},
        {"HHMM", NULL, NULL, "905", NULL},
        {"HMM", NULL, NULL, "905", "-----T09:05"},
        {"hh:MM", NULL, NULL, "09:05", "-----T09:05"},
        {"HHhMM", NULL, NULL, "15h20", "-----T15:20"},
        {"HH:MM a", NULL, NULL, "12:30 AM", "-----T00:30"},
        {"HH:MM a", NULL, NULL, "12:30 pm", "-----T12:30"},
        {"H:MMa", NULL, NULL, "1:30p.m.", "-----T13:30"},
        {"HH:MM a", NULL, NULL, "13:30 PM", "!"},
        {"HH:MM a", NULL, "UN", "01:30 UN", "-----T-:30"},
        {"HH:MM", NULL, "UN", "UN:30", "-----T-:30"},
        {"HH:MM:SS", NULL, NULL, "10:20:30.1234567891", NULL},
        {"HH:MM:SS", NULL, NULL, "10:20:30.1234567890", "-----T10:20:30.123456789"},
        {"HH:MM 'Uhr'", NULL, NULL, "10:20 Uhr", "-----T10:20"},
        {"HH \\a\\m MM", NULL, NULL, "10 am 20", "-----T10:20"},
        {"HH''MM'''x'", NULL, NULL, "10'20'x", "-----T10:20"},
        {"iso", NULL, NULL, "2014-03-15T10:20:30.5Z", "2014-03-15T10:20:30.5Z"},
        {"iso", NULL, NULL, "2014-02-30", "!"},
        {"ISO|dd/mm/yyyy", NULL, NULL, "15/03/2014", "2014-03-15"}};
    CHECK_SITES(sites);
}

static void spreadsheet_serials_are_read(void **state) {
    (void)state;
    static const struct site sites[] = {
        {"excel", NULL, NULL, "41856.4583333333", "2014-08-05T11:00"},
        {"excel", NULL, NULL, "41856", "2014-08-05"},
        {"excel", NULL, NULL, "41856.0", "2014-08-05"},
        {"excel", NULL, NULL, "41856.5", "2014-08-05T12:00"},
        {"excel", NULL, NULL, "41855.99999", "2014-08-04T23:59:59"},
        {"excel", NULL, NULL, "41855.999999", "2014-08-05T00:00"},
        {"excel", NULL, NULL, "41855.9999", "2014-08-04T23:59"},
        {"excel", NULL, NULL, "41856.4379", "2014-08-05T10:31"},
        {"excel", NULL, NULL, "41856.50035", "2014-08-05T12:00:30"},
        {"excel", NULL, NULL, "41856.9999999999999999", "2014-08-06T00:00"},
        {"excel", NULL, NULL, "1", "1900-01-01"},
        {"excel", NULL, NULL, "59", "1900-02-28"},
        {"excel", NULL, NULL, "59.999999", "1900-03-01T00:00"},
        {"excel", NULL, NULL, "60", "!"},
        {"excel", NULL, NULL, "61", "1900-03-01"},
        {"excel", NULL, NULL, "0.75", "-----T18:00"},
        {"excel", NULL, NULL, "0", "!"},
        {"excel", NULL, NULL, "0.99999", "-----T23:59:59"},
        {"excel", NULL, NULL, "0.999999", "!"},
        {"excel", NULL, NULL, "2958465", "9999-12-31"},
        {"excel", NULL, NULL, "2958465.999999", "!"},
        {"excel", NULL, NULL, "2958466", "!"},
        {"excel", NULL, NULL, "41856.", NULL},
        {"excel", NULL, NULL, ".5", NULL},
        {"excel", NULL, NULL, "-5", NULL},
        {"excel", NULL, NULL, "4.1e4", NULL},
        {"excel|dd/mm/yyyy", NULL, "UNK", "UNK", ""}};
    CHECK_SITES(sites);
}

static void unknown_parts_follow_the_rules(void **state) {
    (void)state;
    static const struct site sites[] = {
        {"dd mmm yyyy", NULL, "UN|UNK", "UN UNK UNK", ""},
        {"dd mmm yyyy", NULL, "UN|UNK", "unk", ""},
        {"dd mmm yyyy", NULL, NULL, "UNK", NULL},
        {"dd/mm/yyyy", NULL, "UN", "  /03/2014", "2014-03"},
        {"dd/mm/yyyy", NULL, NULL, "  /03/2014", NULL},
        {"dd mmm yyyy", NULL, "UN", "   MAR 2014", "2014-03"},
        {"dd/mm/yyyy", NULL, "UN", "   ", NULL},
        {"yyyy", NULL, "UN", "", NULL},
        {"dd/mm/yyyy", NULL, "99|9999", "99/99/9999", ""},
        {"dd/mm/yyyy", NULL, NULL, "01/01/9999", "9999-01-01"},
        {"dd/mm/yy", NULL, "00", "00/00/00", "2000"},
        {"dd-mmm-yyyy", NULL, "N|NO", "01-NOV-2014", "2014-11-01"},
        {"dd-mmm-yyyy", NULL, "N|NO", "01-NO-2014", "2014---01"},
        {"mm/dd/yyyy|dd/mm/yyyy", NULL, NULL, "31/12/2014", "2014-12-31"},
        {"mm/dd/yyyy|dd/mm/yyyy", NULL, NULL, "31/13/2014", "!"},
        {"y-m-d", NULL, NULL, " 2014-01-05", NULL},
        {"y-m-d", NULL, NULL, "2014-01-05 ", NULL}};
    CHECK_SITES(sites);
}

static void mistakes_in_formats_are_named_with_their_place(void **state) {
    (void)state;
    static const struct {
        const char *format, *locale, *place;
    } cases[] = {{"", NULL, "empty"},
                 {"-", NULL, "position 1"},
                 {"yyyy|", NULL, "position 6"},
                 {"yyy-mm", NULL, "position 1"},
                 {"dd-mmmmm-yyyy", NULL, "position 4"},
                 {"dd/mm/yyyy HH:mm", NULL, "position 15"},
                 {"MM/DD/YYYY", NULL, "position 1"},
                 {"dd-Mon-yyyy", NULL, "minutes without an hour"},
                 {"MM a", NULL, "am/pm without"},
                 {"yyyy 'x", NULL, "position 6"},
                 {"yyyy\\", NULL, "position 5"},
                 {"yyyy", "xx", "language"},
                 {"yyyy", "e", "language"},
                 {"d-d", NULL, "position 3"},
                 {"yyyy", "", "language"},
                 {"yyyy", "eng", "language"}};
    for (size_t i = 0; i < SM_ARRAY_LEN(cases); i++) {
        struct sm_arena a = {0};
        struct sm_err err = {0};
        assert_null(sm_dtc_pattern_compile(&a, sm_str(cases[i].format), cases[i].locale, &err));
        assert_int_equal(err.code, SM_ESPEC);
        if (strstr(err.text, cases[i].place) == NULL) fail_msg("%s: %s", cases[i].format, err.text);
        sm_arena_free(&a);
    }
}

static void hostile_texts_end_soon(void **state) {
    (void)state;
    struct sm_arena a = {0};
    struct sm_err err = {0};
    const struct sm_dtc_pattern *p =
        sm_dtc_pattern_compile(&a, SM_STR("dmyHMS|d m y H M S"), NULL, &err);
    assert_non_null(p);
    struct sm_dtc_rules rules = {.unknown = SM_STR("U|UU|UUU|UUUU|UUUUU|UUUUUU|UUUUUUU"),
                                 .century_cutoff = 68};
    static char text[100000];
    struct sm_dtc d;
    memset(text, 'U', sizeof text);
    for (size_t n = 1; n < 128; n++)
        sm_dtc_pattern_run(p, &rules, sm_str_n(text, n), &d);
    assert_int_equal(sm_dtc_pattern_run(p, &rules, sm_str_n(text, sizeof text), &d), SM_DTC_NO_FIT);
    memset(text, ' ', sizeof text);
    text[120] = 'x';
    assert_int_equal(sm_dtc_pattern_run(p, &rules, sm_str_n(text, 121), &d), SM_DTC_NO_FIT);
    sm_arena_free(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(canonical_texts_are_written_back),
        cmocka_unit_test(other_texts_are_refused),
        cmocka_unit_test(packing_keeps_the_text),
        cmocka_unit_test(a_form_has_the_same_parts_and_length),
        cmocka_unit_test(fractions_and_zones_are_not_packed),
        cmocka_unit_test(nothing_known_is_zero_and_no_text),
        cmocka_unit_test(days_are_counted_from_1970),
        cmocka_unit_test(packed_day_needs_a_complete_date),
        cmocka_unit_test(packed_days_are_counted_through_all_years),
        cmocka_unit_test(a_time_goes_to_a_complete_date_without_one),
        cmocka_unit_test(study_day_has_no_day_zero),
        cmocka_unit_test(years_are_completed_on_the_birthday),
        cmocka_unit_test(comparison_knows_what_it_cannot_know),
        cmocka_unit_test(containment_asks_only_for_known_parts),
        cmocka_unit_test(merging_fills_only_what_is_unknown),
        cmocka_unit_test(formats_of_real_sites_are_read),
        cmocka_unit_test(months_are_read_in_their_language),
        cmocka_unit_test(times_are_read),
        cmocka_unit_test(spreadsheet_serials_are_read),
        cmocka_unit_test(unknown_parts_follow_the_rules),
        cmocka_unit_test(mistakes_in_formats_are_named_with_their_place),
        cmocka_unit_test(hostile_texts_end_soon),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
