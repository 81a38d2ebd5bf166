/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_TEST_TMP_H
#define SDTMILL_TEST_TMP_H
/* tmp.h - for tests: a temporary folder, files in it, and commands. Include cmocka.h first. Nothing
 * is returned on failure: the test fails on the spot. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sdtmill/buf.h"
#include "sdtmill/common.h"
#include "sdtmill/str.h"

struct tmp {
    char dir[128];    /* absolute, without a slash at the end */
    char path[1024];  /* the answer of the latest tmp_path */
};

/* A fresh empty folder, below $TMPDIR if set. */
SM_UNUSED static inline void tmp_open(struct tmp *t) {
    const char *base = getenv("TMPDIR");
    int n = snprintf(t->dir, sizeof t->dir, "%s/sdtmill-test-XXXXXX", base && *base ? base : "/tmp");
    if (n < 0 || (size_t)n >= sizeof t->dir) fail_msg("TMPDIR is too long");
    if (!mkdtemp(t->dir)) fail_msg("cannot make a temporary folder");
}

/* Absolute path of a name in the folder; good until the next call. */
SM_UNUSED static inline const char *tmp_path(struct tmp *t, const char *name) {
    int n = snprintf(t->path, sizeof t->path, "%s/%s", t->dir, name);
    if (n < 0 || (size_t)n >= sizeof t->path) fail_msg("path is too long: %s", name);
    return t->path;
}

/* Writes n bytes to a file in the folder, making the folders that `name` goes through, and returns
 * its path as tmp_path does. */
SM_UNUSED static inline const char *tmp_write_n(struct tmp *t, const char *name, const char *bytes,
                                                size_t n) {
    const char *path = tmp_path(t, name);
    for (char *s = t->path + strlen(t->dir) + 1; (s = strchr(s, '/')) != NULL; s++) {
        *s = '\0';
        (void)mkdir(t->path, 0777);
        *s = '/';
    }
    FILE *f = fopen(path, "wb");
    if (!f) fail_msg("cannot write %s", path);
    if (fwrite(bytes, 1, n, f) != n || fclose(f) != 0) fail_msg("cannot write %s", path);
    return path;
}

/* The same for a text literal, such as a mapping. */
SM_UNUSED static inline const char *tmp_write(struct tmp *t, const char *name, const char *text) {
    return tmp_write_n(t, name, text, strlen(text));
}

/* Appends the bytes of a file (any path) to an initialised buffer; false if it cannot be read. */
SM_UNUSED static inline bool tmp_slurp(const char *path, struct sm_buf *into) {
    char piece[16384];
    size_t n;
    FILE *f = fopen(path, "rb");
    if (!f) return false;
    while ((n = fread(piece, 1, sizeof piece, f)) > 0) sm_buf_add(into, piece, n);
    bool good = !ferror(f) && !into->failed;
    (void)fclose(f);
    return good;
}

/* Fails the test unless the file holds exactly this text. */
SM_UNUSED static inline void tmp_assert_file(const char *path, const char *want) {
    struct sm_buf b;
    sm_buf_init(&b, 0);
    if (!tmp_slurp(path, &b)) fail_msg("cannot read %s", path);
    if (b.n != strlen(want) || (b.n > 0 && memcmp(b.p, want, b.n) != 0))
        print_error("%s holds:\n%.*s\n", path, (int)b.n, b.n > 0 ? b.p : "");
    assert_int_equal(b.n, strlen(want));
    if (b.n > 0) assert_memory_equal(b.p, want, b.n);
    sm_buf_free(&b);
}

/* Runs a shell command; standard output goes to an initialised buffer, unless that is NULL. Returns
 * the exit code, or 128 + the signal. */
SM_UNUSED static inline int tmp_run(const char *command, struct sm_buf *out) {
    char piece[4096];
    size_t n;
    FILE *p = popen(command, "r");
    if (!p) fail_msg("cannot run %s", command);
    while ((n = fread(piece, 1, sizeof piece, p)) > 0)
        if (out) sm_buf_add(out, piece, n);
    int status = pclose(p);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Removes the folder and all that is in it. */
SM_UNUSED static inline void tmp_close(struct tmp *t) {
    char command[sizeof t->dir + 16];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", t->dir);
    if (tmp_run(command, NULL) != 0) print_error("%s is left behind\n", t->dir);
}
#endif
