/* SPDX-License-Identifier: MIT */
/* A run that is stopped at its n-th look for a signal, for every n: no clock decides what is met.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>

#include "sdtmill/err.h"
#include "sdtmill/run.h"
#include "sdtmill/run_formats.h"
#include "sdtmill/spec_load.h"
#include "tmp.h"

#define STUDY                                                                                      \
    "<study xmlns=\"urn:sdtmill:mapping:1\" oid=\"T\" name=\"T\" standard=\"SDTMIG 3.4\" "         \
    "raw=\"raw\"><subject usubjid=\"concat('T-', SUBJ)\" subjid=\"SUBJ\"/>"                        \
    "<source name=\"s\"><column name=\"SUBJ\" required=\"yes\"/><column name=\"TERM\"/>"           \
    "<key columns=\"SUBJ TERM\" duplicates=\"last\"/><file path=\"a.csv\"/></source>"              \
    "<domain name=\"AE\"><from source=\"s\"><assign var=\"AETERM\" from=\"TERM\"/></from>"         \
    "<derive><sequence var=\"AESEQ\"/></derive></domain></study>"

struct world {
    struct tmp tmp;
    struct sm_texts *texts;
    struct sm_spec *spec;
    char out[256], from[256];
    struct sm_buf old; /* manifest of the outputs that must stand */
};

static atomic_long looks_left; /* below zero: never */

static bool stopped(void) {
    return atomic_load(&looks_left) >= 0 && atomic_fetch_sub(&looks_left, 1) <= 0;
}

static int run(struct world *w, bool formats, const char *created, long looks, unsigned threads) {
    struct sm_diags diags;
    struct sm_run_result res = {0};
    struct sm_err err = {0};
    struct sm_run_opts o = {.out = w->out,
                            .formats = "csv,xml",
                            .created = created,
                            .chunk = 16,
                            .threads = threads,
                            .stopped = stopped};
    atomic_store(&looks_left, looks);
    sm_diags_init(&diags);
    int rc = formats ? sm_run_formats(&(struct sm_formats_opts){.from = w->from, .open_end = true},
                                      &o, &diags, &res, &err)
                     : sm_run_convert(w->spec, &o, &diags, &res, &err);
    if (rc && rc != SM_EINTR) fail_msg("%s", err.text);
    sm_run_result_free(&res);
    sm_diags_free(&diags);
    return rc;
}

static void read_manifest(struct world *w, struct sm_buf *into) {
    char path[300];
    (void)snprintf(path, sizeof path, "%s/manifest.json", w->out);
    sm_buf_init(into, 0);
    assert_true(tmp_slurp(path, into));
}

/* Names in the folder that holds the output. */
static size_t beside(struct world *w) {
    size_t n = 0;
    DIR *d = opendir(w->tmp.dir);
    assert_non_null(d);
    while (readdir(d))
        n++;
    (void)closedir(d);
    return n;
}

static void stop_everywhere(struct world *w, bool formats, unsigned threads) {
    assert_int_equal(run(w, formats, "2020-01-01", -1, threads), SM_OK);
    read_manifest(w, &w->old);
    size_t names = beside(w);
    long n = 0;
    for (; run(w, formats, "2021-01-01", n, threads) == SM_EINTR; n++) {
        struct sm_buf now;
        read_manifest(w, &now);
        if (now.n != w->old.n || memcmp(now.p, w->old.p, now.n) != 0)
            fail_msg("stopped at look %ld: the old outputs are gone", n);
        sm_buf_free(&now);
        if (beside(w) != names) fail_msg("stopped at look %ld: something is left behind", n);
    }
    struct sm_buf now;
    read_manifest(w, &now);
    assert_true(now.n != w->old.n || memcmp(now.p, w->old.p, now.n) != 0);
    sm_buf_free(&now);
    sm_buf_free(&w->old);
    if (n < 3) fail_msg("a run looks %ld times only", n);
}

static int setup(void **state) {
    static const char *const library[] = {"mappings"};
    struct world *w = test_calloc(1, sizeof *w);
    struct sm_diags diags;
    struct sm_err err = {0};
    sm_diags_init(&diags);
    tmp_open(&w->tmp);
    (void)snprintf(w->out, sizeof w->out, "%s/out", w->tmp.dir);
    (void)snprintf(w->from, sizeof w->from, "%s/from", w->tmp.dir);
    tmp_write(&w->tmp, "raw/a.csv", "SUBJ,TERM\n1,Rash\n2,Itch\n3,Cough\n1,Fever\n1,Rash\n");
    tmp_write(&w->tmp, "from/ae.csv", "STUDYID,DOMAIN,USUBJID,AESEQ,AETERM\nT,AE,T-1,1,Rash\n");
    tmp_write(&w->tmp, "from/cm.csv", "STUDYID,DOMAIN,USUBJID,CMSEQ,CMTRT\nT,CM,T-1,1,Water\n");
    tmp_write(&w->tmp, "from/vs.csv", "STUDYID,DOMAIN,USUBJID,VSSEQ,VSTEST\nT,VS,T-1,1,Pulse\n");
    const char *path = tmp_write(&w->tmp, "study.xml", STUDY);
    assert_int_equal(sm_texts_open(&w->texts, &err), SM_OK);
    if (sm_spec_load(&w->spec, path, &(struct sm_spec_paths){library, 1}, w->texts, &diags, &err))
        fail_msg("%s", err.text);
    sm_diags_free(&diags);
    *state = w;
    return 0;
}

static int teardown(void **state) {
    struct world *w = *state;
    sm_spec_close(w->spec);
    sm_texts_close(w->texts);
    tmp_close(&w->tmp);
    test_free(w);
    return 0;
}

static void a_stopped_conversion_leaves_the_old_outputs(void **state) {
    stop_everywhere(*state, false, 1);
}

static void a_stopped_conversion_with_workers_leaves_the_old_outputs(void **state) {
    stop_everywhere(*state, false, 3);
}

static void a_stopped_change_of_format_leaves_the_old_outputs(void **state) {
    stop_everywhere(*state, true, 1);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_stopped_conversion_leaves_the_old_outputs, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_stopped_conversion_with_workers_leaves_the_old_outputs,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_stopped_change_of_format_leaves_the_old_outputs, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
