/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>

#include "run/run_priv.h"
#include "sdtmill/mem.h"
#include "sdtmill/spec_load.h"
#include "tmp.h"

#define HEAD                                                                                       \
    "<study xmlns=\"urn:sdtmill:mapping:1\" oid=\"T\" name=\"T\" standard=\"SDTMIG 3.4\" "         \
    "raw=\"raw\"><subject usubjid=\"concat('T-', SUBJ)\" subjid=\"SUBJ\"/>\n"
#define COLUMNS "<column name=\"SUBJ\" required=\"yes\"/><column name=\"TERM\"/>\n"
#define DOMAIN                                                                                     \
    "<domain name=\"AE\"><from source=\"s\" where=\"TERM != 'no'\"><assign var=\"AETERM\" "        \
    "from=\"TERM\"/><assign var=\"AEDECOD\" from=\"TERM\"/></from><derive><sequence "              \
    "var=\"AESEQ\"/></derive></domain></study>\n"
#define STUDY(files) HEAD "<source name=\"s\">" COLUMNS files "</source>\n" DOMAIN

struct world {
    struct tmp tmp;
    struct sm_texts *texts;
    struct sm_spec *spec;
    struct sm_diags diags;
    struct sm_run_result result;
    struct sm_err err;
    char raw[1024], out[1024];
};

static int setup(void **state) {
    struct world *w = test_calloc(1, sizeof *w);
    tmp_open(&w->tmp);
    (void)snprintf(w->raw, sizeof w->raw, "%s", tmp_path(&w->tmp, "raw"));
    (void)snprintf(w->out, sizeof w->out, "%s", tmp_path(&w->tmp, "out"));
    assert_int_equal(sm_texts_open(&w->texts, &w->err), SM_OK);
    sm_diags_init(&w->diags);
    *state = w;
    return 0;
}

static int teardown(void **state) {
    struct world *w = *state;
    sm_run_result_free(&w->result);
    sm_spec_close(w->spec);
    sm_texts_close(w->texts);
    sm_diags_free(&w->diags);
    tmp_close(&w->tmp);
    test_free(w);
    return 0;
}

static void load(struct world *w, const char *study) {
    static const char *const library[] = {"mappings"};
    const char *path = tmp_write(&w->tmp, "study.xml", study);
    if (sm_spec_load(&w->spec, path, &(struct sm_spec_paths){library, 1}, w->texts, &w->diags,
                     &w->err))
        fail_msg("%s", w->err.text);
}

static int convert(struct world *w, struct sm_run_opts o) {
    sm_run_result_free(&w->result);
    sm_err_reset(&w->err);
    o.formats = "csv";
    o.created = "2020-01-01";
    o.threads = o.threads ? o.threads : 1;
    return sm_run_convert(w->spec, &o, &w->diags, &w->result, &w->err);
}

static size_t found(const struct world *w, enum sm_diag_code code) {
    size_t n = 0;
    for (const struct sm_diag *d = w->diags.first; d; d = d->next)
        n += d->code == code;
    return n;
}

static bool is_there(const char *path) {
    struct stat st;
    return stat(path, &st) == 0;
}

/* ---- fates ----------------------------------------------------------------------------------- */

struct booked {
    struct run r;
    struct sm_spec spec;
    struct run_input in;
    struct sm_source source;
    struct sm_run_result result;
    struct sm_err err;
};

static void booked_open(struct booked *b, uint64_t records) {
    memset(b, 0, sizeof *b);
    b->spec.path = SM_STR("study.xml");
    b->source.name = SM_STR("s");
    b->r.spec = &b->spec;
    b->r.input = &b->in;
    b->r.ninput = 1;
    b->in.in.name = SM_STR("a.csv");
    b->in.in.source = &b->source;
    b->in.totals.records = records;
    b->r.nreason = 1;
    assert_int_equal(sm_grow(&b->r.reason, &b->r.cap_reason, 4, sizeof *b->r.reason, NULL), SM_OK);
    b->r.reason[0] = (struct run_reason){0, NULL, ""};
    assert_int_equal(run_fate_reserve(&b->in, records, &b->err), SM_OK);
}

static void booked_close(struct booked *b) {
    run_fate_free(&b->in);
    sm_free(b->r.reason);
    sm_arena_free(&b->r.arena);
    sm_arena_free(&b->result.arena);
}

static void the_weightiest_fate_of_a_row_stands(void **state) {
    struct booked b;
    (void)state;
    booked_open(&b, 2);
    run_fate_mark(&b.r, &b.in, 1, SM_FATE_REJECTED, SM_D_INVALID_DATE, NULL);
    run_fate_mark(&b.r, &b.in, 1, SM_FATE_USED, 0, NULL); /* in another domain */
    run_fate_mark(&b.r, &b.in, 1, SM_FATE_FILTERED, 0, NULL);
    run_fate_mark(&b.r, &b.in, 2, SM_FATE_UNREADABLE, SM_D_MALFORMED_ROW, NULL);
    run_fate_mark(&b.r, &b.in, 2, SM_FATE_USED, 0, NULL);
    assert_int_equal(b.in.fate[0], SM_FATE_USED);
    assert_int_equal(b.in.fate[1], SM_FATE_UNREADABLE);
    assert_int_equal(run_ledger(&b.r, &b.result, &b.err), SM_OK);
    assert_int_equal(b.result.ledger->nwhy, 1);
    assert_string_equal(b.result.ledger->why->reason.p, "malformed-row");
    booked_close(&b);
}

static void a_mark_outside_the_file_is_ignored(void **state) {
    struct booked b;
    (void)state;
    booked_open(&b, 1);
    run_fate_mark(&b.r, &b.in, 0, SM_FATE_USED, 0, NULL);
    run_fate_mark(&b.r, &b.in, 2, SM_FATE_USED, 0, NULL);
    assert_int_equal(b.in.fate[0], SM_FATE_NONE);
    booked_close(&b);
}

static void a_row_without_a_fate_unbalances_the_ledger(void **state) {
    struct booked b;
    (void)state;
    booked_open(&b, 2);
    run_fate_mark(&b.r, &b.in, 1, SM_FATE_USED, 0, NULL);
    assert_int_equal(run_ledger(&b.r, &b.result, &b.err), SM_ESTATE);
    assert_non_null(strstr(b.err.text, "does not balance"));
    booked_close(&b);
}

static void more_rows_read_than_booked_unbalance_the_ledger(void **state) {
    struct booked b;
    (void)state;
    booked_open(&b, 1);
    run_fate_mark(&b.r, &b.in, 1, SM_FATE_USED, 0, NULL);
    b.in.totals.records = 2;
    assert_int_equal(run_ledger(&b.r, &b.result, &b.err), SM_ESTATE);
    booked_close(&b);
}

static void the_ledger_counts_reasons_by_name(void **state) {
    struct booked b;
    const struct sm_where at = {SM_STR("ae.xml"), 7, 1};
    (void)state;
    booked_open(&b, 5);
    run_fate_mark(&b.r, &b.in, 1, SM_FATE_REJECTED, SM_D_MALFORMED_ROW, NULL);
    run_fate_mark(&b.r, &b.in, 2, SM_FATE_REJECTED, SM_D_INVALID_DATE, NULL);
    run_fate_mark(&b.r, &b.in, 3, SM_FATE_FILTERED, 0, &at);
    run_fate_mark(&b.r, &b.in, 4, SM_FATE_REJECTED, SM_D_INVALID_DATE, NULL);
    run_fate_mark(&b.r, &b.in, 5, SM_FATE_DUPLICATE, SM_D_DUPLICATE_ROW, NULL);
    if (run_ledger(&b.r, &b.result, &b.err)) fail_msg("%s", b.err.text);
    const struct sm_ledger_row *row = b.result.ledger;
    assert_int_equal(row->rejected, 3);
    assert_int_equal(row->filtered, 1);
    assert_int_equal(row->duplicates, 1);
    static const char *const want[] = {"ae.xml:7", "duplicate-row", "invalid-date",
                                       "malformed-row"};
    assert_int_equal(row->nwhy, SM_ARRAY_LEN(want));
    for (size_t i = 0; i < row->nwhy; i++)
        assert_string_equal(row->why[i].reason.p, want[i]);
    assert_int_equal(row->why[2].rows, 2);
    booked_close(&b);
}

static void reasons_beyond_255_are_told_apart(void **state) {
    enum { RULES = 700, ROWS = 9000 };
    static struct sm_where at[RULES];
    struct booked b;
    uint64_t rows = 0;
    (void)state;
    booked_open(&b, 1);
    for (uint32_t i = 0; i < RULES; i++)
        at[i] = (struct sm_where){SM_STR("ae.xml"), i + 1, 1};
    b.in.totals.records = ROWS;
    for (uint64_t i = 0; i < ROWS; i++) {
        assert_int_equal(run_fate_reserve(&b.in, i + 1, &b.err), SM_OK);
        if (i >= 4096 && i < 8192)
            run_fate_mark(&b.r, &b.in, i + 1, SM_FATE_USED, 0, NULL);
        else
            run_fate_mark(&b.r, &b.in, i + 1, SM_FATE_FILTERED, 0, &at[i % RULES]);
        if (i % 10 == 0) run_fate_mark(&b.r, &b.in, i + 1, SM_FATE_REJECTED, 0, &at[0]);
    }
    if (run_ledger(&b.r, &b.result, &b.err)) fail_msg("%s", b.err.text);
    const struct sm_ledger_row *row = b.result.ledger;
    assert_int_equal(row->nwhy, 631); /* rules of tens lost their rows to the first */
    for (size_t i = 0; i < row->nwhy; i++)
        rows += row->why[i].rows;
    assert_int_equal(rows, ROWS - row->used);
    assert_string_equal(row->why[0].reason.p, "ae.xml:1");
    assert_int_equal(row->why[0].rows, row->rejected);
    booked_close(&b);
}

/* ---- which files ----------------------------------------------------------------------------- */

static void a_file_that_is_not_there_stops_the_run(void **state) {
    struct world *w = *state;
    load(w, STUDY("<file path=\"a.csv\"/>"));
    tmp_write(&w->tmp, "raw/b.csv", "SUBJ,TERM\n");
    assert_int_equal(convert(w, (struct sm_run_opts){.out = w->out}), SM_EDATA);
    assert_int_equal(found(w, SM_D_NO_FILE), 1);
    assert_int_equal(found(w, SM_D_UNCLAIMED_FILE), 1);
    assert_false(is_there(w->out));
}

static void an_optional_file_may_be_missing(void **state) {
    struct world *w = *state;
    load(w, STUDY("<file path=\"a.csv\"/><file path=\"b.csv\" optional=\"yes\"/>"));
    tmp_write(&w->tmp, "raw/a.csv", "SUBJ,TERM\n1,Rash\n");
    assert_int_equal(convert(w, (struct sm_run_opts){0}), SM_OK);
    assert_int_equal(w->result.nledger, 1);
    assert_int_equal(found(w, SM_D_NO_FILE), 0);
}

static void a_file_that_two_elements_read_is_a_mistake_of_the_mapping(void **state) {
    struct world *w = *state;
    load(w, STUDY("<file path=\"*.csv\"/><file path=\"a.*\"/>"));
    tmp_write(&w->tmp, "raw/a.csv", "SUBJ,TERM\n1,Rash\n");
    assert_int_equal(convert(w, (struct sm_run_opts){0}), SM_ESPEC);
    assert_non_null(strstr(w->err.text, "a.csv is already read"));
}

static void ignored_files_are_not_reported_and_hidden_ones_are_noted(void **state) {
    struct world *w = *state;
    load(w, HEAD "<ignore files=\"notes/*\"/><source name=\"s\">" COLUMNS
                 "<file path=\"*/a.csv\"/></source>" DOMAIN);
    tmp_write(&w->tmp, "raw/X/a.csv", "SUBJ,TERM\n1,Rash\n");
    tmp_write(&w->tmp, "raw/.hidden", "x");
    tmp_write(&w->tmp, "raw/notes/read.me", "x");
    tmp_write(&w->tmp, "raw/X/other.csv", "x");
    assert_int_equal(convert(w, (struct sm_run_opts){0}), SM_OK);
    assert_int_equal(found(w, SM_D_UNCLAIMED_FILE), 2);
    for (const struct sm_diag *d = w->diags.first; d; d = d->next)
        assert_int_equal(d->sev, sm_str_eq_c(d->file, ".hidden") ? SM_SEV_NOTE : SM_SEV_WARNING);
}

static void files_are_taken_in_the_order_of_their_bytes(void **state) {
    struct world *w = *state;
    static const char *const name[] = {"raw/b.csv", "raw/B.csv", "raw/a.csv", "raw/10.csv",
                                       "raw/9.csv"};
    static const char *const want[] = {"10.csv", "9.csv", "B.csv", "a.csv", "b.csv"};
    load(w, STUDY("<file path=\"*.csv\"/>"));
    for (size_t i = 0; i < SM_ARRAY_LEN(name); i++)
        tmp_write(&w->tmp, name[i], "SUBJ,TERM\n1,Rash\n");
    assert_int_equal(convert(w, (struct sm_run_opts){0}), SM_OK);
    assert_int_equal(w->result.nledger, SM_ARRAY_LEN(want));
    for (size_t i = 0; i < SM_ARRAY_LEN(want); i++)
        assert_string_equal(w->result.ledger[i].file.p, want[i]);
}

static void folders_that_go_round_in_a_circle_are_a_limit(void **state) {
    struct world *w = *state;
    load(w, STUDY("<file path=\"a.csv\"/>"));
    tmp_write(&w->tmp, "raw/a.csv", "SUBJ,TERM\n1,Rash\n");
    assert_int_equal(symlink(".", tmp_path(&w->tmp, "raw/again")), 0);
    assert_int_equal(convert(w, (struct sm_run_opts){0}), SM_ELIMIT);
}

/* ---- what is written ------------------------------------------------------------------------- */

static const char rows[] = "SUBJ,TERM\n1,Rash\n1,no\n,Itch\n1,too,many\n2,\"a \"\"b\"\"\"\n";

static void every_row_is_accounted_for(void **state) {
    struct world *w = *state;
    load(w, STUDY("<file path=\"a.csv\"/>"));
    tmp_write(&w->tmp, "raw/a.csv", rows);
    for (unsigned threads = 1; threads < 4; threads++) {
        assert_int_equal(convert(w, (struct sm_run_opts){.threads = threads, .chunk = 8}), SM_OK);
        const struct sm_ledger_row *l = w->result.ledger;
        assert_int_equal(l->read, 5);
        assert_int_equal(l->used, 2);
        assert_int_equal(l->filtered, 1);
        assert_int_equal(l->rejected, 2);
        assert_int_equal(l->records, 2);
    }
}

static void rejected_rows_are_kept_as_they_came(void **state) {
    struct world *w = *state;
    load(w, STUDY("<file path=\"a.csv\"/>"));
    tmp_write(&w->tmp, "raw/a.csv", rows);
    assert_int_equal(convert(w, (struct sm_run_opts){.out = w->out}), SM_OK);
    tmp_assert_file(tmp_path(&w->tmp, "out/rejects/a.csv"), "SUBJ,TERM\n,Itch\n1,too,many\n");
    assert_true(is_there(tmp_path(&w->tmp, "out/manifest.json")));
}

static void a_dry_run_writes_nothing(void **state) {
    struct world *w = *state;
    load(w, STUDY("<file path=\"a.csv\"/>"));
    tmp_write(&w->tmp, "raw/a.csv", rows);
    assert_int_equal(convert(w, (struct sm_run_opts){0}), SM_OK);
    assert_int_equal(w->result.noutput, 0);
    assert_false(is_there(w->out));
}

static void too_many_findings_stop_the_run(void **state) {
    struct world *w = *state;
    load(w, STUDY("<file path=\"a.csv\"/>"));
    tmp_write(&w->tmp, "raw/a.csv", rows);
    assert_int_equal(convert(w, (struct sm_run_opts){.out = w->out, .max_errors = 1}), SM_ELIMIT);
    assert_false(is_there(w->out));
}

static bool at_once(void) {
    return true;
}

static void a_stopped_run_leaves_the_old_folder(void **state) {
    struct world *w = *state;
    load(w, STUDY("<file path=\"a.csv\"/>"));
    tmp_write(&w->tmp, "raw/a.csv", rows);
    assert_int_equal(convert(w, (struct sm_run_opts){.out = w->out}), SM_OK);
    tmp_write(&w->tmp, "out/mine.txt", "still here");
    struct sm_run_opts o = {.out = w->out, .stopped = at_once, .force = true};
    assert_int_equal(convert(w, o), SM_EINTR);
    tmp_assert_file(tmp_path(&w->tmp, "out/mine.txt"), "still here");
}

static size_t most_threads; /* of this process; 0 where that is not told */

static bool count_threads(void) {
    DIR *d = opendir("/proc/self/task");
    size_t n = 0;
    for (const struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d))
        n += e->d_name[0] != '.';
    if (d) (void)closedir(d);
    if (n > most_threads) most_threads = n;
    return false;
}

/* The output is long enough for threads that write and hash, and its parts are short enough. */
static void with_one_thread_there_is_no_other(void **state) {
    struct world *w = *state;
    enum { ROWS = 60000 };
    struct sm_buf b;
    char line[80];
    load(w, STUDY("<file path=\"a.csv\"/>"));
    sm_buf_init(&b, 0);
    sm_buf_add_c(&b, "SUBJ,TERM\n");
    for (int i = 0; i < ROWS; i++) {
        (void)snprintf(line, sizeof line, "%d,a term: %d\n", i / 100, i);
        sm_buf_add_c(&b, line);
    }
    tmp_write_n(&w->tmp, "raw/a.csv", b.p, b.n);
    sm_buf_free(&b);
    for (unsigned threads = 1; threads < 3; threads++) {
        most_threads = 0;
        (void)count_threads(); /* a sanitizer may have its own */
        const size_t before = most_threads;
        struct sm_run_opts o = {.out = w->out, .threads = threads, .stopped = count_threads};
        assert_int_equal(convert(w, o), SM_OK);
        assert_int_equal(w->result.ledger->records, ROWS);
        if (threads == 1) assert_int_equal(most_threads, before);
        if (threads == 2 && before) assert_true(most_threads > before);
    }
}

static void a_date_of_creation_that_is_none_is_refused(void **state) {
    struct world *w = *state;
    load(w, STUDY("<file path=\"a.csv\"/>"));
    tmp_write(&w->tmp, "raw/a.csv", rows);
    struct sm_run_opts o = {.created = "yesterday", .threads = 1};
    assert_int_equal(sm_run_convert(w->spec, &o, &w->diags, &w->result, &w->err), SM_EUSAGE);
}

static void a_format_that_does_not_exist_is_refused(void **state) {
    struct world *w = *state;
    load(w, STUDY("<file path=\"a.csv\"/>"));
    tmp_write(&w->tmp, "raw/a.csv", rows);
    struct sm_run_opts o = {.out = w->out, .formats = "csv,papyrus", .threads = 1};
    assert_int_equal(sm_run_convert(w->spec, &o, &w->diags, &w->result, &w->err), SM_EUSAGE);
    assert_false(is_there(w->out));
}

static void headers_of_all_files_are_looked_at(void **state) {
    struct world *w = *state;
    load(w, STUDY("<file path=\"*.csv\"/>"));
    tmp_write(&w->tmp, "raw/a.csv", "SUBJ\n");
    tmp_write(&w->tmp, "raw/b.csv", "TERM\n");
    struct sm_run_opts o = {.raw = w->raw};
    assert_int_equal(sm_run_headers(w->spec, &o, &w->diags, &w->err), SM_OK);
    assert_int_equal(found(w, SM_D_MISSING_COLUMN), 2);
}

int main(void) {
    const struct CMUnitTest fates[] = {
        cmocka_unit_test(the_weightiest_fate_of_a_row_stands),
        cmocka_unit_test(a_mark_outside_the_file_is_ignored),
        cmocka_unit_test(a_row_without_a_fate_unbalances_the_ledger),
        cmocka_unit_test(more_rows_read_than_booked_unbalance_the_ledger),
        cmocka_unit_test(the_ledger_counts_reasons_by_name),
        cmocka_unit_test(reasons_beyond_255_are_told_apart),
    };
#define RUN_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest runs[] = {
        RUN_TEST(a_file_that_is_not_there_stops_the_run),
        RUN_TEST(an_optional_file_may_be_missing),
        RUN_TEST(a_file_that_two_elements_read_is_a_mistake_of_the_mapping),
        RUN_TEST(ignored_files_are_not_reported_and_hidden_ones_are_noted),
        RUN_TEST(files_are_taken_in_the_order_of_their_bytes),
        RUN_TEST(folders_that_go_round_in_a_circle_are_a_limit),
        RUN_TEST(every_row_is_accounted_for),
        RUN_TEST(rejected_rows_are_kept_as_they_came),
        RUN_TEST(a_dry_run_writes_nothing),
        RUN_TEST(too_many_findings_stop_the_run),
        RUN_TEST(a_stopped_run_leaves_the_old_folder),
        RUN_TEST(with_one_thread_there_is_no_other),
        RUN_TEST(a_date_of_creation_that_is_none_is_refused),
        RUN_TEST(a_format_that_does_not_exist_is_refused),
        RUN_TEST(headers_of_all_files_are_looked_at),
    };
    int failed = cmocka_run_group_tests(fates, NULL, NULL);
    return failed + cmocka_run_group_tests(runs, NULL, NULL);
}
