/* SPDX-License-Identifier: MIT */
/* run_keep.c - work of people in an output folder (rows mended in rejects/, notes) must not vanish with
 * the next run: what the folder's manifest does not name, or names with another size, stops it. Files
 * that people edit (issues.csv, rejects/) are compared by hash, datasets by size. */
#include <dirent.h>
#include <jansson.h>
#include <sys/stat.h>

#include "run_priv.h"
#include "sdtmill/err.h"
#include "sdtmill/hash.h"

struct keep {
    struct run *r;
    const char *root;
    const json_t *outputs;
};

static const json_t *named(const struct keep *k, const char *relative) {
    size_t i;
    json_t *o;
    json_array_foreach(k->outputs, i, o) {
        const char *file = json_string_value(json_object_get(o, "file"));
        if (file && strcmp(file, relative) == 0) return o;
    }
    return NULL;
}

static bool same_hash(const char *path, const char *want) {
    struct sm_sha256 *h;
    struct sm_err ignored = {0};
    char digest[65] = "", buf[8192];
    FILE *f = fopen(path, "rb");
    if (!f || sm_sha256_open(&h, &ignored)) {
        if (f) fclose(f);
        return false;
    }
    for (size_t n; (n = fread(buf, 1, sizeof buf, f)) > 0;) sm_sha256_add(h, buf, n);
    fclose(f);
    sm_sha256_finish(h, digest);
    return want && strcmp(digest, want) == 0;
}

static int keep_file(const struct keep *k, const char *path, const char *relative, uint64_t size,
                     struct sm_err *err) {
    if (strcmp(relative, "manifest.json") == 0) return SM_OK;
    const json_t *o = named(k, relative);
    if (!o)
        return sm_fail(err, SM_EIO, "%s holds %s, which sdtmill did not write; move it away, or use --force",
                       k->root, relative);
    bool edited = (uint64_t)json_integer_value(json_object_get(o, "bytes")) != size;
    if (!edited && (strncmp(relative, "rejects/", 8) == 0 || strcmp(relative, "issues.csv") == 0))
        edited = !same_hash(path, json_string_value(json_object_get(o, "sha256")));
    if (!edited) return SM_OK;
    return sm_fail(err, SM_EIO, "%s/%s was changed since sdtmill wrote it; move it away, or use --force",
                   k->root, relative);
}

static int keep_dir(const struct keep *k, const char *relative, int depth, struct sm_err *err) {
    struct sm_str path = sm_arena_printf(&k->r->arena, "%s/%s", k->root, relative);
    DIR *dir = path.p && depth < 32 ? opendir(path.p) : NULL;
    if (!dir) return SM_OK; /* making the output says what is wrong */
    int rc = SM_OK;
    for (const struct dirent *e; !rc && (e = readdir(dir));) {
        struct stat st;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        struct sm_str rel = sm_arena_printf(&k->r->arena, "%s%s%s", relative, *relative ? "/" : "", e->d_name);
        struct sm_str full = sm_arena_printf(&k->r->arena, "%s/%s", k->root, rel.p ? rel.p : "");
        if (!rel.p || !full.p || lstat(full.p, &st) != 0) continue;
        rc = S_ISDIR(st.st_mode) ? keep_dir(k, rel.p, depth + 1, err)
                                 : keep_file(k, full.p, rel.p, (uint64_t)st.st_size, err);
    }
    closedir(dir);
    return rc;
}

int run_keep_check(struct run *r, struct sm_err *err) {
    if (r->opts->force) return SM_OK;
    struct sm_str path = sm_arena_printf(&r->arena, "%s/manifest.json", r->opts->out);
    json_t *m = path.p ? json_load_file(path.p, 0, NULL) : NULL;
    const json_t *outputs = json_object_get(m, "outputs");
    struct keep k = {r, r->opts->out, outputs};
    int rc = json_is_array(outputs) ? keep_dir(&k, "", 0, err) : SM_OK;
    json_decref(m);
    return rc;
}
