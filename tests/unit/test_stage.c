/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>

#include "io/sink_priv.h"
#include "sdtmill/err.h"
#include "tmp.h"

#define MANIFEST "{\n \"program\": \"sdtmill\",\n \"version\": \"0\"\n}\n"

static void put(struct sm_stage *s, const char *name, const char *text) {
    struct sm_sink *k = NULL;
    struct sm_err err = {0};
    assert_int_equal(sm_stage_file(s, name, &k, &err), SM_OK);
    sm_sink_write(k, text, strlen(text));
    assert_int_equal(sm_sink_close(k, NULL, NULL, &err), SM_OK);
}

/* One whole run: manifest.json and csv/dm.csv. */
static int run_once(const char *out, const char *text, bool force, struct sm_err *err) {
    struct sm_stage *s = NULL;
    int rc = sm_stage_open(&s, out, force, err);
    if (rc) return rc;
    put(s, "csv/dm.csv", text);
    put(s, "manifest.json", MANIFEST);
    rc = sm_stage_commit(s, err);
    sm_stage_close(s);
    return rc;
}

/* Everything below the folder, a name a line, sorted. */
static void assert_tree(struct tmp *t, const char *want) {
    struct sm_buf out;
    char command[512];
    sm_buf_init(&out, 0);
    snprintf(command, sizeof command, "cd '%s' && find . -mindepth 1 | LC_ALL=C sort", t->dir);
    assert_int_equal(tmp_run(command, &out), 0);
    assert_string_equal(out.n ? out.p : "", want);
    sm_buf_free(&out);
}

static void the_output_appears_at_the_commit_and_replaces_the_old_one(void **state) {
    (void)state;
    struct tmp t;
    struct sm_err err = {0};
    struct sm_stage *s = NULL;
    tmp_open(&t);
    assert_int_equal(sm_stage_open(&s, tmp_path(&t, "out"), false, &err), SM_OK);
    put(s, "csv/dm.csv", "one");
    put(s, "manifest.json", MANIFEST);
    assert_int_not_equal(access(tmp_path(&t, "out"), F_OK), 0);
    assert_int_equal(sm_stage_commit(s, &err), SM_OK);
    tmp_assert_file(tmp_path(&t, "out/csv/dm.csv"), "one");
    sm_stage_close(s);
    assert_int_equal(run_once(tmp_path(&t, "out"), "two", false, &err), SM_OK);
    tmp_assert_file(tmp_path(&t, "out/csv/dm.csv"), "two");
    assert_tree(&t, "./out\n./out/csv\n./out/csv/dm.csv\n./out/manifest.json\n");
    tmp_close(&t);
}

static void without_commit_nothing_is_left_and_the_old_one_stands(void **state) {
    (void)state;
    struct tmp t;
    struct sm_err err = {0};
    struct sm_stage *s = NULL;
    tmp_open(&t);
    assert_int_equal(run_once(tmp_path(&t, "out"), "one", false, &err), SM_OK);
    assert_int_equal(sm_stage_open(&s, tmp_path(&t, "out"), false, &err), SM_OK);
    put(s, "csv/a/b/dm.csv", "two");
    sm_stage_close(s);
    sm_stage_close(NULL);
    tmp_assert_file(tmp_path(&t, "out/csv/dm.csv"), "one");
    assert_tree(&t, "./out\n./out/csv\n./out/csv/dm.csv\n./out/manifest.json\n");
    tmp_close(&t);
}

static void somebody_elses_folder_is_replaced_by_force_only(void **state) {
    (void)state;
    struct tmp t;
    struct sm_err err = {0};
    static const char *const foreign[] = {"{\"program\": \"other\"}", "", "[\"program\", \"sdtmill\"]", "{\"program\": \"sdtmil"};
    tmp_open(&t);
    tmp_write(&t, "out/thesis.txt", "years of work");
    assert_int_equal(run_once(tmp_path(&t, "out"), "x", false, &err), SM_EIO);
    assert_non_null(strstr(err.text, "--force"));
    for (size_t i = 0; i < SM_ARRAY_LEN(foreign); i++) {
        tmp_write(&t, "out/manifest.json", foreign[i]);
        sm_err_reset(&err);
        assert_int_equal(run_once(tmp_path(&t, "out"), "x", false, &err), SM_EIO);
    }
    assert_tree(&t, "./out\n./out/manifest.json\n./out/thesis.txt\n");
    sm_err_reset(&err);
    assert_int_equal(run_once(tmp_path(&t, "out"), "x", true, &err), SM_OK);
    assert_tree(&t, "./out\n./out/csv\n./out/csv/dm.csv\n./out/manifest.json\n");
    tmp_close(&t);
}

static void a_manifest_that_is_no_file_is_not_waited_for(void **state) {
    (void)state;
    struct tmp t;
    struct sm_err err = {0};
    tmp_open(&t);
    tmp_write(&t, "out/x", "");
    assert_int_equal(mkfifo(tmp_path(&t, "out/manifest.json"), 0666), 0);
    assert_int_equal(run_once(tmp_path(&t, "out"), "x", false, &err), SM_EIO);
    tmp_close(&t);
}

static void an_empty_folder_is_fine_and_its_mode_is_kept(void **state) {
    (void)state;
    struct tmp t;
    struct stat st;
    struct sm_err err = {0};
    tmp_open(&t);
    assert_int_equal(mkdir(tmp_path(&t, "out"), 0700), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(run_once(tmp_path(&t, "out"), "x", false, &err), SM_OK);
        assert_int_equal(stat(tmp_path(&t, "out"), &st), 0);
        assert_int_equal(st.st_mode & 0777, 0700);
    }
    tmp_close(&t);
}

static void a_file_in_the_place_of_the_folder_is_refused(void **state) {
    (void)state;
    struct tmp t;
    struct sm_err err = {0};
    tmp_open(&t);
    tmp_write(&t, "out", "a file");
    assert_int_equal(run_once(tmp_path(&t, "out"), "x", true, &err), SM_EIO);
    sm_err_reset(&err);
    assert_int_equal(run_once(tmp_path(&t, "out/below"), "x", true, &err), SM_EIO);
    sm_err_reset(&err);
    assert_int_equal(run_once("/", "x", true, &err), SM_EIO);
    sm_err_reset(&err);
    assert_int_equal(run_once("", "x", true, &err), SM_EIO);
    assert_tree(&t, "./out\n");
    tmp_close(&t);
}

static void slashes_links_relative_names_and_missing_parents_work(void **state) {
    (void)state;
    struct tmp t;
    struct sm_err err = {0};
    char old[1024];
    tmp_open(&t);
    assert_non_null(getcwd(old, sizeof old));
    assert_int_equal(chdir(t.dir), 0);
    assert_int_equal(run_once("a/b/../c/out///", "1", false, &err), SM_OK);
    tmp_assert_file("a/c/out/csv/dm.csv", "1");
    assert_int_equal(run_once("./plain/", "2", false, &err), SM_OK);
    tmp_assert_file("plain/csv/dm.csv", "2");
    assert_int_equal(symlink("a/c/out", "link"), 0);
    assert_int_equal(run_once("link", "3", false, &err), SM_OK);
    tmp_assert_file("a/c/out/csv/dm.csv", "3");
    struct stat st;
    assert_int_equal(lstat("link", &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(symlink("nowhere", "dangling"), 0);
    assert_int_equal(run_once("dangling", "4", false, &err), SM_EIO);
    assert_int_equal(chdir(old), 0);
    tmp_close(&t);
}

static void names_that_leave_the_stage_are_refused(void **state) {
    (void)state;
    struct tmp t;
    struct sm_stage *s = NULL;
    struct sm_sink *k = NULL;
    struct sm_err err = {0};
    static const char *const bad[] = {"/etc/x", "../x", "a/../x", "a//x", "", "a/", ".", "a/./b"};
    tmp_open(&t);
    assert_int_equal(sm_stage_open(&s, tmp_path(&t, "out"), false, &err), SM_OK);
    for (size_t i = 0; i < SM_ARRAY_LEN(bad); i++) {
        sm_err_reset(&err);
        assert_int_equal(sm_stage_file(s, bad[i], &k, &err), SM_ESTATE);
    }
    put(s, "same", "1");
    sm_err_reset(&err);
    assert_int_equal(sm_stage_file(s, "same", &k, &err), SM_EIO);
    sm_stage_close(s);
    tmp_close(&t);
}

static void an_open_file_stops_the_commit(void **state) {
    (void)state;
    struct tmp t;
    struct sm_stage *s = NULL;
    struct sm_sink *k = NULL;
    struct sm_err err = {0};
    tmp_open(&t);
    assert_int_equal(sm_stage_open(&s, tmp_path(&t, "out"), false, &err), SM_OK);
    assert_int_equal(sm_stage_file(s, "f", &k, &err), SM_OK);
    assert_int_equal(sm_stage_commit(s, &err), SM_ESTATE);
    sm_sink_discard(k);
    sm_err_reset(&err);
    assert_int_equal(sm_stage_commit(s, &err), SM_OK);
    assert_tree(&t, "./out\n");
    sm_stage_close(s);
    tmp_close(&t);
}

static void leftovers_go_unless_they_are_held(void **state) {
    (void)state;
    struct tmp t;
    struct sm_stage *held = NULL;
    struct sm_err err = {0};
    tmp_open(&t);
    tmp_write(&t, "out.sdtmill-abc123/csv/dm.csv", "half");
    tmp_write(&t, "out.sdtmill-abc1234/keep", "not our pattern");
    tmp_write(&t, "out.sdtmill-ABCDEF/keep", "not our pattern");
    tmp_write(&t, "other.sdtmill-abc123/keep", "another output");
    tmp_write(&t, "out.sdtmill-zzzzzz", "a file");
    assert_int_equal(sm_stage_open(&held, tmp_path(&t, "out"), false, &err), SM_OK);
    put(held, "f", "still written");
    assert_int_equal(run_once(tmp_path(&t, "out"), "x", false, &err), SM_OK);
    assert_int_not_equal(access(tmp_path(&t, "out.sdtmill-abc123"), F_OK), 0);
    put(held, "manifest.json", MANIFEST);
    assert_int_equal(sm_stage_commit(held, &err), SM_OK);
    sm_stage_close(held);
    assert_tree(&t, "./other.sdtmill-abc123\n./other.sdtmill-abc123/keep\n./out\n./out.sdtmill-ABCDEF\n"
                    "./out.sdtmill-ABCDEF/keep\n./out.sdtmill-abc1234\n./out.sdtmill-abc1234/keep\n"
                    "./out.sdtmill-zzzzzz\n./out/f\n./out/manifest.json\n");
    tmp_close(&t);
}

static void a_leftover_link_is_not_followed(void **state) {
    (void)state;
    struct tmp t;
    struct sm_err err = {0};
    char target[256];
    tmp_open(&t);
    tmp_write(&t, "precious/file", "1");
    snprintf(target, sizeof target, "%s/precious", t.dir);
    assert_int_equal(symlink(target, tmp_path(&t, "out.sdtmill-aaaaaa")), 0);
    tmp_write(&t, "out.sdtmill-bbbbbb/x", "1");
    assert_int_equal(symlink(target, tmp_path(&t, "out.sdtmill-bbbbbb/in")), 0);
    assert_int_equal(run_once(tmp_path(&t, "out"), "x", false, &err), SM_OK);
    tmp_assert_file(tmp_path(&t, "precious/file"), "1");
    assert_int_not_equal(access(tmp_path(&t, "out.sdtmill-bbbbbb"), F_OK), 0);
    tmp_close(&t);
}

static void two_renames_replace_where_there_is_no_exchange(void **state) {
    (void)state;
    struct tmp t;
    tmp_open(&t);
    tmp_write(&t, "new/f", "new");
    tmp_write(&t, "out/f", "old");
    int dir = open(t.dir, O_RDONLY | O_DIRECTORY);
    assert_int_equal(stage_two_renames(dir, "new", "out", "old"), 0);
    tmp_assert_file(tmp_path(&t, "out/f"), "new");
    tmp_assert_file(tmp_path(&t, "old/f"), "old");
    assert_int_not_equal(stage_two_renames(dir, "missing", "out", "older"), 0);
    tmp_assert_file(tmp_path(&t, "out/f"), "new"); /* undone */
    assert_int_equal(close(dir), 0);
    tmp_close(&t);
}

static void a_replacement_killed_between_its_renames_is_undone(void **state) {
    (void)state;
    struct tmp t;
    struct sm_stage *s = NULL;
    struct sm_err err = {0};
    tmp_open(&t);
    tmp_write(&t, "out.sdtmill-abcdef.old/manifest.json", MANIFEST);
    tmp_write(&t, "out.sdtmill-abcdef.old/f", "old");
    tmp_write(&t, "out.sdtmill-abcdef/f", "new");
    assert_int_equal(sm_stage_open(&s, tmp_path(&t, "out"), false, &err), SM_OK);
    tmp_assert_file(tmp_path(&t, "out/f"), "old");
    sm_stage_close(s);
    assert_tree(&t, "./out\n./out/f\n./out/manifest.json\n");
    tmp_write(&t, "out.sdtmill-abcdef.old/f", "older"); /* killed after both: the output is there */
    assert_int_equal(sm_stage_open(&s, tmp_path(&t, "out"), false, &err), SM_OK);
    sm_stage_close(s);
    tmp_assert_file(tmp_path(&t, "out/f"), "old");
    assert_tree(&t, "./out\n./out/f\n./out/manifest.json\n");
    tmp_close(&t);
}

static void a_full_disk_leaves_the_old_output(void **state) {
    (void)state;
    struct tmp t;
    struct sm_stage *s = NULL;
    struct sm_sink *k = NULL;
    struct sm_err err = {0};
    static char piece[65536];
    struct rlimit was, small = {1000, 0};
    tmp_open(&t);
    assert_int_equal(run_once(tmp_path(&t, "out"), "one", false, &err), SM_OK);
    assert_int_equal(sm_stage_open(&s, tmp_path(&t, "out"), false, &err), SM_OK);
    assert_int_equal(sm_stage_file(s, "f", &k, &err), SM_OK);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    small.rlim_max = was.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    sm_sink_write(k, piece, sizeof piece);
    int rc = sm_sink_close(k, NULL, NULL, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    signal(SIGXFSZ, handler);
    assert_int_equal(rc, SM_EIO);
    sm_stage_close(s);
    tmp_assert_file(tmp_path(&t, "out/csv/dm.csv"), "one");
    assert_tree(&t, "./out\n./out/csv\n./out/csv/dm.csv\n./out/manifest.json\n");
    tmp_close(&t);
}

/* Writes outputs until it is killed; both files of an output hold the same number. */
static void write_for_ever(const char *out, int told) {
    for (unsigned i = 2;; i++) {
        char text[32];
        struct sm_stage *s = NULL;
        snprintf(text, sizeof text, "%u", i);
        if (sm_stage_open(&s, out, false, NULL)) _exit(1);
        static const char *const names[] = {"a", "z/z", "manifest.json"};
        for (size_t f = 0; f < SM_ARRAY_LEN(names); f++) {
            struct sm_sink *k;
            const char *what = f == 2 ? MANIFEST : text;
            if (sm_stage_file(s, names[f], &k, NULL)) _exit(1);
            sm_sink_write(k, what, strlen(what));
            if (sm_sink_close(k, NULL, NULL, NULL)) _exit(1);
        }
        if (sm_stage_commit(s, NULL)) _exit(1);
        sm_stage_close(s);
        if (write(told, "", 1) != 1) _exit(1);
    }
}

static void a_killed_run_leaves_one_whole_output(void **state) {
    (void)state;
    struct tmp t;
    struct sm_err err = {0};
    tmp_open(&t);
    char out[1024];
    snprintf(out, sizeof out, "%s", tmp_path(&t, "out"));
    bool moved = false;
    tmp_write(&t, "out/a", "1");
    tmp_write(&t, "out/z/z", "1");
    tmp_write(&t, "out/manifest.json", MANIFEST);
    for (long i = 0; i < 60; i++) {
        struct sm_buf a, z;
        int status, told[2];
        char byte;
        assert_int_equal(pipe(told), 0);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) write_for_ever(out, told[1]);
        struct timespec nap = {0, i * 97000};
        if (i % 4) assert_int_equal(read(told[0], &byte, 1), 1); /* else it may be the first one */
        nanosleep(&nap, NULL);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(close(told[0]) + close(told[1]), 0);
        sm_buf_init(&a, 0);
        sm_buf_init(&z, 0);
        assert_true(tmp_slurp(tmp_path(&t, "out/a"), &a));
        assert_true(tmp_slurp(tmp_path(&t, "out/z/z"), &z));
        assert_int_equal(a.n, z.n);
        assert_memory_equal(a.p, z.p, a.n);
        tmp_assert_file(tmp_path(&t, "out/manifest.json"), MANIFEST);
        moved = moved || a.n != 1 || a.p[0] != '1';
        sm_buf_free(&a);
        sm_buf_free(&z);
    }
    assert_true(moved); /* else nothing was tested */
    assert_int_equal(run_once(out, "end", false, &err), SM_OK);
    assert_tree(&t, "./out\n./out/csv\n./out/csv/dm.csv\n./out/manifest.json\n");
    tmp_close(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_output_appears_at_the_commit_and_replaces_the_old_one),
        cmocka_unit_test(without_commit_nothing_is_left_and_the_old_one_stands),
        cmocka_unit_test(somebody_elses_folder_is_replaced_by_force_only),
        cmocka_unit_test(a_manifest_that_is_no_file_is_not_waited_for),
        cmocka_unit_test(an_empty_folder_is_fine_and_its_mode_is_kept),
        cmocka_unit_test(a_file_in_the_place_of_the_folder_is_refused),
        cmocka_unit_test(slashes_links_relative_names_and_missing_parents_work),
        cmocka_unit_test(names_that_leave_the_stage_are_refused),
        cmocka_unit_test(an_open_file_stops_the_commit),
        cmocka_unit_test(leftovers_go_unless_they_are_held),
        cmocka_unit_test(a_leftover_link_is_not_followed),
        cmocka_unit_test(two_renames_replace_where_there_is_no_exchange),
        cmocka_unit_test(a_replacement_killed_between_its_renames_is_undone),
        cmocka_unit_test(a_full_disk_leaves_the_old_output),
        cmocka_unit_test(a_killed_run_leaves_one_whole_output),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
