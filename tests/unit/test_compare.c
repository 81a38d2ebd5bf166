/* SPDX-License-Identifier: MIT */
/* `compare` from files to the report. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sdtmill/err.h"
#include "sdtmill/run_compare.h"
#include "tmp.h"

static const char header[] = "STUDYID,DOMAIN,USUBJID,VSSEQ,VSTESTCD,VSORRES,VSSTRESN,VSDTC\n";

struct run {
    struct tmp t;
    struct sm_compare_opts o;
    char base[600], now[600];
    struct sm_buf text, json;
    uint64_t n;
    struct sm_err err;
    int rc;
};

static void run_open(struct run *r) {
    memset(r, 0, sizeof *r);
    tmp_open(&r->t);
    (void)snprintf(r->base, sizeof r->base, "%s/base", r->t.dir);
    (void)snprintf(r->now, sizeof r->now, "%s/new", r->t.dir);
    r->o = (struct sm_compare_opts){.base = r->base, .now = r->now, .tmpdir = r->t.dir, .memory = 1 << 20};
    sm_buf_init(&r->text, 0);
    sm_buf_init(&r->json, 0);
}

static void put_file(struct run *r, const char *name, const char *head, const char *rows) {
    struct sm_buf b;
    sm_buf_init(&b, 0);
    sm_buf_add_c(&b, head);
    sm_buf_add_c(&b, rows);
    tmp_write(&r->t, name, b.p);
    sm_buf_free(&b);
}

static void vs(struct run *r, const char *base, const char *now) {
    put_file(r, "base/vs.csv", header, base);
    put_file(r, "new/vs.csv", header, now);
}

static void go(struct run *r) {
    sm_buf_clear(&r->text);
    sm_buf_clear(&r->json);
    r->err = (struct sm_err){0};
    r->rc = sm_run_compare(&r->o, &r->text, &r->json, &r->n, &r->err);
    if (r->rc) print_error("%s\n", r->err.text);
    assert_int_equal(r->rc, SM_OK);
}

static void says(const struct run *r, uint64_t n, const char *what) {
    if (r->n != n || !strstr(r->text.p, what)) print_error("%s\n", r->text.p);
    assert_int_equal(r->n, n);
    assert_non_null(strstr(r->text.p, what));
}

static void run_close(struct run *r) {
    sm_buf_free(&r->text);
    sm_buf_free(&r->json);
    tmp_close(&r->t);
}

#define ROW(subject, seq, test, num, date) "S,VS," subject "," seq "," test "," num "," num "," date "\n"
#define A ROW("01", "1", "PULSE", "60", "2014-01-02T10:30")
#define B ROW("01", "2", "SYSBP", "120", "2014-01-02T10:30")
#define C ROW("02", "1", "PULSE", "70", "2014-01-03")

static void equal_folders_have_no_difference(void **state) {
    (void)state;
    struct run r;
    run_open(&r);
    vs(&r, A B C, A B C);
    go(&r);
    says(&r, 0, "VS: equal, 3 records (keys USUBJID VSTESTCD, by search");
    run_close(&r);
}

static void a_changed_cell_is_named(void **state) {
    (void)state;
    struct run r;
    run_open(&r);
    vs(&r, A B C, A ROW("01", "2", "SYSBP", "121", "2014-01-02T10:30") C);
    go(&r);
    says(&r, 2, "VSSTRESN                  1 of 3   greatest difference 1\n");
    assert_non_null(strstr(r.text.p, "\"120\" / \"121\"   USUBJID=01 VSTESTCD=SYSBP, record 2 and 2"));
    assert_non_null(strstr(r.json.p, "{\"variable\":\"VSSTRESN\",\"kind\":\"value\",\"cause\":\"number\",\"n\":1"));
    run_close(&r);
}

static void records_of_one_side_and_row_order_are_told(void **state) {
    (void)state;
    struct run r;
    run_open(&r);
    vs(&r, A B C, B A C);
    go(&r);
    says(&r, 2, "row order: records that stand at another row: 2");
    r.o.ignore_order = true;
    go(&r);
    says(&r, 0, "VS: equal");
    vs(&r, A B C, A C ROW("09", "9", "TEMP", "37", "2020"));
    go(&r);
    says(&r, 2, "1 in base only, 1 in new only");
    run_close(&r);
}

static void a_changed_key_is_a_changed_cell(void **state) {
    (void)state;
    static const char *const keys[] = {"USUBJID,VSTESTCD"};
    struct run r;
    run_open(&r);
    r.o.keys = keys;
    r.o.nkeys = 1;
    vs(&r, A B C, A B ROW("02", "1", "DIABP", "70", "2014-01-03"));
    go(&r);
    says(&r, 1, "VSTESTCD: key changed: another value");
    run_close(&r);
}

static void tolerances_ignored_variables_and_partial_dates_hold(void **state) {
    (void)state;
    static const char *const tolerance[] = {"VSSTRESN=0.5"}, *const ignore[] = {"--ORRES,VS.VSSEQ"};
    struct run r;
    run_open(&r);
    vs(&r, A B, ROW("01", "7", "PULSE", "60.4", "2014-01") B);
    r.o.absolute = tolerance;
    r.o.nabsolute = 1;
    r.o.ignore = ignore;
    r.o.nignore = 1;
    go(&r);
    says(&r, 1, "VSDTC: date less precise");
    r.o.partial_dates = true;
    go(&r);
    says(&r, 0, "VS: equal");
    run_close(&r);
}

static void blanks_case_and_lost_times_are_causes(void **state) {
    (void)state;
    struct run r;
    run_open(&r);
    put_file(&r, "base/ae.csv", "USUBJID,AESEQ,AETERM,AEOUT,AESTDTC\n", "1,1,HEADACHE,X,2014-01-02T10:30\n1,2,FEVER,Y,2014-01-03T10:30\n");
    put_file(&r, "new/ae.csv", "USUBJID,AESEQ,AETERM,AEOUT,AESTDTC\n", "1,1,Headache,\"X \",2014-01-02\n1,2,Fever,\"Y \",2014-01-03\n");
    static const char *const keys[] = {"AE=USUBJID,AESEQ"};
    r.o.keys = keys;
    r.o.nkeys = 1;
    go(&r);
    says(&r, 6, "2 x AETERM: upper and lower case only");
    assert_non_null(strstr(r.text.p, "2 x AEOUT: blanks only"));
    assert_non_null(strstr(r.text.p, "2 x AESTDTC: time part lost"));
    r.o.ignore_blanks = true;
    go(&r);
    says(&r, 4, "AETERM");
    run_close(&r);
}

static void a_factor_at_one_site_is_found(void **state) {
    (void)state;
    struct run r;
    struct sm_buf a, b;
    run_open(&r);
    sm_buf_init(&a, 0);
    sm_buf_init(&b, 0);
    for (int i = 0; i < 40; i++) {
        sm_buf_printf(&a, "S,VS,%d,1,WEIGHT,x,%d,2014\n", i, 50 + i);
        sm_buf_printf(&b, "S,VS,%d,1,WEIGHT,x,%d,2014\n", i, (50 + i) * (i < 10 ? 2 : 1));
    }
    vs(&r, a.p, b.p);
    sm_buf_clear(&a);
    for (int i = 0; i < 40; i++) sm_buf_printf(&a, "%d,%s\n", i, i < 10 ? "DE01" : "FI02");
    put_file(&r, "base/dm.csv", "USUBJID,SITEID\n", a.p);
    put_file(&r, "new/dm.csv", "USUBJID,SITEID\n", a.p);
    go(&r);
    says(&r, 10, "VSSTRESN: another number: a factor of 2, all at site DE01 (10 of 10 records there)");
    sm_buf_free(&a);
    sm_buf_free(&b);
    run_close(&r);
}

static void duplicate_keys_are_paired_by_least_difference(void **state) {
    (void)state;
    static const char *const keys[] = {"USUBJID"};
    struct run r;
    run_open(&r);
    r.o.keys = keys;
    r.o.nkeys = 1;
    r.o.ignore_order = true;
    vs(&r, A B ROW("01", "3", "TEMP", "37", "2014-01-02"), ROW("01", "3", "TEMP", "38", "2014-01-02") A B);
    go(&r);
    says(&r, 2, "6 records share all keys with another one");
    assert_non_null(strstr(r.text.p, "\"37\" / \"38\""));
    run_close(&r);
}

static void a_renumbered_seq_is_followed_into_supp_and_relrec(void **state) {
    (void)state;
    struct run r;
    run_open(&r);
    vs(&r, A B C, ROW("01", "11", "PULSE", "60", "2014-01-02T10:30") ROW("01", "12", "SYSBP", "120", "2014-01-02T10:30") C);
    static const char supp[] = "STUDYID,RDOMAIN,USUBJID,IDVAR,IDVARVAL,QNAM,QLABEL,QVAL,QORIG,QEVAL\n";
    put_file(&r, "base/suppvs.csv", supp, "S,VS,01,VSSEQ,1,Q,q,x,CRF,\nS,VS,01,VSSEQ,2,Q,q,y,CRF,\n");
    put_file(&r, "new/suppvs.csv", supp, "S,VS,01,VSSEQ,11,Q,q,x,CRF,\nS,VS,01,VSSEQ,12,Q,q,z,CRF,\n");
    r.o.seq_renumbered = true;
    go(&r);
    says(&r, 1, "QVAL: another value");
    assert_non_null(strstr(r.text.p, "VS: equal"));
    r.o.fold_supp = true;
    go(&r);
    says(&r, 1, "Q                         1 of 3");
    assert_null(strstr(r.text.p, "SUPPVS"));
    run_close(&r);
}

static void datasets_and_variables_of_one_side_are_differences(void **state) {
    (void)state;
    struct run r;
    run_open(&r);
    vs(&r, A, A);
    put_file(&r, "base/dm.csv", "USUBJID,AGE\n", "01,5\n");
    put_file(&r, "base/ae.csv", "USUBJID,AGE,SEX\n", "01,5,F\n");
    put_file(&r, "new/ae.csv", "USUBJID,SEX,RACE\n", "01,F,X\n");
    go(&r);
    says(&r, 3, "DM: in base only");
    assert_non_null(strstr(r.text.p, "AGE in base only"));
    assert_non_null(strstr(r.text.p, "RACE in new only"));
    r.o.ignore_metadata = true;
    go(&r);
    says(&r, 1, "AE: equal");
    run_close(&r);
}

static void every_difference_is_in_the_csv(void **state) {
    (void)state;
    struct run r;
    char path[700];
    run_open(&r);
    vs(&r, A B, A ROW("01", "2", "SYSBP", "99", "2014-01-02T10:30") ROW("03", "1", "PULSE", "1", "2000"));
    (void)snprintf(path, sizeof path, "%s/d.csv", r.t.dir);
    r.o.differences = path;
    go(&r);
    tmp_assert_file(path, "DATASET,KIND,VARIABLE,BASE,NEW,CAUSE,KEY,BASE_RECORD,NEW_RECORD\n"
                          "VS,value,VSORRES,120,99,number,01|SYSBP,2,2\nVS,value,VSSTRESN,120,99,number,01|SYSBP,2,2\n"
                          "VS,new-only,,,,record,03|PULSE,,3\n");
    run_close(&r);
}

static void more_than_memory_is_compared_all_the_same(void **state) {
    (void)state;
    struct run r;
    struct sm_buf a, b;
    run_open(&r);
    sm_buf_init(&a, 0);
    sm_buf_init(&b, 0);
    for (int i = 0; i < 30000; i++) {
        sm_buf_printf(&a, "S,VS,%05d,%d,PULSE,%d,%d,2014-01-02\n", i / 10, i % 10, i, i);
        sm_buf_printf(&b, "S,VS,%05d,%d,PULSE,%d,%d,2014-01-02\n", i / 10, i % 10, i, i == 17777 ? 0 : i);
    }
    vs(&r, a.p, b.p);
    go(&r);
    says(&r, 1, "\"17777\" / \"0\"   USUBJID=01777 VSTESTCD=PULSE VSSEQ=7");
    sm_buf_free(&a);
    sm_buf_free(&b);
    run_close(&r);
}

static void a_damaged_side_is_an_error(void **state) {
    (void)state;
    struct run r;
    run_open(&r);
    vs(&r, A B, A "S,VS,01");
    assert_int_equal(sm_run_compare(&r.o, &r.text, NULL, &r.n, &r.err), SM_EFORMAT);
    assert_non_null(strstr(r.err.text, "vs.csv: line 3"));
    run_close(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_folders_have_no_difference),
        cmocka_unit_test(a_changed_cell_is_named),
        cmocka_unit_test(records_of_one_side_and_row_order_are_told),
        cmocka_unit_test(a_changed_key_is_a_changed_cell),
        cmocka_unit_test(tolerances_ignored_variables_and_partial_dates_hold),
        cmocka_unit_test(blanks_case_and_lost_times_are_causes),
        cmocka_unit_test(a_factor_at_one_site_is_found),
        cmocka_unit_test(duplicate_keys_are_paired_by_least_difference),
        cmocka_unit_test(a_renumbered_seq_is_followed_into_supp_and_relrec),
        cmocka_unit_test(datasets_and_variables_of_one_side_are_differences),
        cmocka_unit_test(every_difference_is_in_the_csv),
        cmocka_unit_test(more_than_memory_is_compared_all_the_same),
        cmocka_unit_test(a_damaged_side_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
