/* SPDX-License-Identifier: MIT */
/* Published sample files, kept beside this tree: all formats of a dataset load and agree cell by cell; numbers that SAS wrote
 * one unit in the last place below the decimal are the only difference, and their count is known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "load_kit.h"
#include "sdtmill/run_compare.h"
#include "tmp.h"

static char folder[700];

static bool found(void) {
    const char *shared = getenv("SDTMILL_SHARED");
    (void)snprintf(folder, sizeof folder, "%s/facts/formats/samples", shared && *shared ? shared : "../shared");
    return access(folder, R_OK) == 0;
}

static int same_cells(const char *a, const char *b, const char *relative, uint64_t *ret_n, struct sm_buf *text) {
    char x[1000], y[1000];
    const char *const rel[] = {relative};
    struct sm_err err = {0};
    (void)snprintf(x, sizeof x, "%s/%s", folder, a);
    (void)snprintf(y, sizeof y, "%s/%s", folder, b);
    struct sm_compare_opts o = {.base = x, .now = y, .relative = rel, .nrelative = relative ? 1 : 0, .ignore_metadata = true};
    int rc = sm_run_compare(&o, text, NULL, ret_n, &err);
    if (rc) print_error("%s\n", err.text);
    return rc;
}

static void all_formats_of_a_sample_agree(void **state) {
    (void)state;
    static const struct { const char *a, *b; uint64_t n; } pairs[] = {
        {"dm.json", "dm.xpt", 0},       {"dm.json", "dm.ndjson", 0},     {"dm.json", "dm.dsjc", 0},           {"dm.json", "dataset-xml/dm.xml", 0},
        {"ae.json", "ae.xpt", 0},       {"ae.json", "ae.ndjson", 0},     {"ae.json", "ae.dsjc", 0},           {"ae.json", "dataset-xml/ae.xml", 0},
        {"ta.json", "ta.xpt", 0},       {"ta.json", "dataset-xml/ta.xml", 0}, {"suppdm.json", "suppdm.xpt", 0}, {"suppdm.json", "dataset-xml/suppdm.xml", 0},
        {"relrec.json", "relrec.xpt", 0}, {"relrec.json", "dataset-xml/relrec.xml", 0}, {"ts.json", "ts.xpt", 0}, {"lb100.json", "lb100.ndjson", 0},
        {"lb100.json", "lb100.xpt", 14}, {"../examples/dataset-json-minimal.json", "../examples/dataset-json-minimal.dsjc", 0},
        {"../examples/dataset-json-minimal.json", "../examples/dataset-json-minimal.gzip.dsjc", 0},
        {"../examples/dataset-json-minimal.json", "../examples/dataset-json-minimal.ndjson", 0}};
    if (!found()) {
        print_message("the samples are not kept beside this tree\n");
        skip();
    }
    for (size_t i = 0; i < SM_ARRAY_LEN(pairs); i++) {
        struct sm_buf text;
        uint64_t n = 99;
        sm_buf_init(&text, 0);
        assert_int_equal(same_cells(pairs[i].a, pairs[i].b, NULL, &n, &text), SM_OK);
        if (n != pairs[i].n) print_error("%s %s\n%s\n", pairs[i].a, pairs[i].b, text.p);
        assert_int_equal(n, pairs[i].n);
        if (n) {
            assert_int_equal(same_cells(pairs[i].a, pairs[i].b, "1e-14", &n, &text), SM_OK);
            assert_int_equal(n, 0);
        }
        sm_buf_free(&text);
    }
}

static void every_sample_loads_with_its_records(void **state) {
    (void)state;
    static const struct { const char *file; uint64_t rows; uint32_t vars; } files[] = {
        {"dm.json", 18, 26}, {"ae.xpt", 74, 37}, {"ta.xpt", 8, 10}, {"suppdm.json", 3, 10}, {"relrec.xpt", 6, 7}, {"ts.xpt", 51, 11},
        {"lb.dsjc", 3488, 23}, {"ae_i18n20.json", 20, 36}, {"dataset-xml/lb-msgv1.xml", 83, 28}, {"../examples/xpt-minimal.xpt", 3, 3}};
    if (!found()) {
        print_message("the samples are not kept beside this tree\n");
        skip();
    }
    for (size_t i = 0; i < SM_ARRAY_LEN(files); i++) {
        char path[1000];
        struct kit k;
        (void)snprintf(path, sizeof path, "%s/%s", folder, files[i].file);
        kit_file(&k, path, NULL);
        if (k.rc) print_error("%s\n", k.err.text);
        assert_int_equal(k.rc, SM_OK);
        assert_int_equal(sm_loader_info(k.l)->rows, files[i].rows);
        assert_int_equal(sm_loader_info(k.l)->nvar, files[i].vars);
        kit_close(&k);
    }
}

static void a_sample_cut_off_is_refused(void **state) {
    (void)state;
    static const char *const files[] = {"dm.json", "dm.ndjson", "dm.dsjc", "dm.xpt", "dataset-xml/dm.xml"};
    if (!found()) {
        print_message("the samples are not kept beside this tree\n");
        skip();
    }
    for (size_t i = 0; i < SM_ARRAY_LEN(files); i++) {
        char path[1000];
        struct sm_buf b;
        (void)snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        sm_buf_init(&b, 0);
        assert_true(tmp_slurp(path, &b));
        kit_cut(files[i], b.p, b.n, 2, NULL);
        sm_buf_free(&b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_formats_of_a_sample_agree),
        cmocka_unit_test(every_sample_loads_with_its_records),
        cmocka_unit_test(a_sample_cut_off_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
