/* SPDX-License-Identifier: MIT */
/* run_place.c - the output folder replaces what was there: it must not hold what the run reads. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "run_priv.h"
#include "sdtmill/err.h"

/* Whether `path` is `folder` or lies in it; both without links. */
static bool lies_in(const char *path, const char *folder) {
    const size_t n = strlen(folder);
    if (n == 1) return true; /* "/" */
    return strncmp(path, folder, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

/* The real path of the output; while it is not there, that of the nearest folder above it. False
 * where there is none: making the output says what is wrong. */
static bool real_output(struct run *r, char *real, bool *ret_is_there) {
    struct sm_str copy = sm_arena_dup(&r->arena, sm_str(r->opts->out));
    if (!copy.p || copy.n == 0) return false;
    *ret_is_there = realpath(copy.p, real) != NULL;
    if (*ret_is_there) return true;
    char *path = sm_arena_alloc(&r->arena, copy.n + 1);
    if (!path) return false;
    memcpy(path, copy.p, copy.n);
    for (char *slash; errno == ENOENT && (slash = strrchr(path, '/')) != NULL;) {
        *slash = '\0';
        if (realpath(slash == path ? "/" : path, real)) return true;
        if (slash == path) return false;
    }
    return errno == ENOENT && realpath(".", real) != NULL;
}

static int refuse_if_in(const struct run *r, const char *input, const char *out,
                        struct sm_err *err) {
    char real[PATH_MAX];
    if (!realpath(input, real) || !lies_in(real, out)) return SM_OK;
    if (strcmp(real, out) == 0)
        return sm_fail(err, SM_EUSAGE,
                       "%s is what is read, and would be replaced; choose another folder",
                       r->opts->out);
    return sm_fail(err, SM_EUSAGE,
                   "%s holds %s, which is read, and would be replaced; choose another folder",
                   r->opts->out, input);
}

int run_place_check(struct run *r, struct sm_err *err) {
    char out[PATH_MAX], raw[PATH_MAX];
    bool is_there;
    const char *folder = run_raw_dir(r);
    if (!real_output(r, out, &is_there)) return SM_OK;
    if (folder && realpath(folder, raw) && lies_in(out, raw) &&
        (!is_there || strcmp(out, raw) != 0))
        return sm_fail(err, SM_EUSAGE, "%s lies in the raw folder %s; choose another folder",
                       r->opts->out, folder);
    if (!is_there) return SM_OK;
    int rc = folder ? refuse_if_in(r, folder, out, err) : SM_OK;
    for (size_t i = 0; i < r->ninput && !rc; i++)
        rc = refuse_if_in(r, r->input[i].in.path, out, err);
    for (uint32_t i = 0; i < r->spec->ninput && !rc; i++)
        rc = refuse_if_in(r, r->spec->input[i].p, out, err);
    return rc;
}
