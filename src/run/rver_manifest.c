/* SPDX-License-Identifier: MIT */
/* rver_manifest.c - the files of an output folder against its manifest.json: all there, unchanged,
 * and no dataset beside them that nobody vouches for. */
#include <errno.h>
#include <jansson.h>
#include <sys/stat.h>

#include "run_priv.h"
#include "rver_priv.h"
#include "sdtmill/hash.h"
#include "sdtmill/run.h"

enum { MANIFEST_MOST = 256 << 20, FILES_MOST = 30000, DATASET_FILES_MOST = 10000, PIECE = 1 << 16 };

/* ---- manifest.json
 * --------------------------------------------------------------------------------- */
static int slurp(const char *path, struct sm_buf *to, struct sm_err *err) {
    char piece[PIECE];
    struct stat st;
    if (stat(path, &st) != 0) return sm_fail_sys(err, SM_EDATA, "%s", path);
    if (!S_ISREG(st.st_mode)) return sm_fail(err, SM_EDATA, "%s is no file", path);
    FILE *f = fopen(path, "rb");
    if (!f) return sm_fail_sys(err, SM_EDATA, "%s", path);
    for (size_t n; (n = fread(piece, 1, sizeof piece, f)) > 0;)
        sm_buf_add(to, piece, n);
    int bad = ferror(f), number = errno;
    (void)fclose(f);
    errno = number;
    return bad ? sm_fail_sys(err, SM_EDATA, "%s", path) : sm_buf_check(to, err);
}

/* A path below the folder: nothing that leads out of it. */
static bool path_good(const char *p) {
    if (!p || !*p || *p == '/' || strlen(p) > 4000) return false;
    for (const char *c = p; *c; c++)
        if ((unsigned char)*c < 0x20) return false;
    struct sm_str rest = sm_str(p), piece;
    while (sm_str_split(&rest, '/', &piece))
        if (piece.n == 0 || sm_str_eq_c(piece, "..") || sm_str_eq_c(piece, ".")) return false;
    return true;
}

static bool count_get(const json_t *o, const char *name, uint64_t *ret) {
    const json_t *j = json_object_get(o, name);
    if (!json_is_integer(j) || json_integer_value(j) < 0) return false;
    *ret = (uint64_t)json_integer_value(j);
    return true;
}

/* "json/ae.json" is json; a file outside of a folder is what its suffix says. */
static struct sm_str format_of(struct sm_str path) {
    size_t slash = sm_str_find_byte(path, '/', 0), dot = 0;
    if (slash != SIZE_MAX) return sm_str_n(path.p, slash);
    while (sm_str_find_byte(path, '.', dot) != SIZE_MAX)
        dot = sm_str_find_byte(path, '.', dot) + 1;
    return sm_str_n(path.p + dot, path.n - dot);
}

/* Number of "xpt/split/lb12.xpt" of dataset LB; 0: no part. */
static uint64_t part_of(const struct rver_file *f) {
    static const char folder[] = "xpt/split/", suffix[] = ".xpt";
    const size_t skip = sizeof folder - 1 + f->dataset.n, last = sizeof suffix - 1;
    uint64_t n = 0;
    if (!f->dataset.n || !sm_str_starts(f->path, SM_STR("xpt/split/")) ||
        !sm_str_ends(f->path, SM_STR(".xpt")) || f->path.n <= skip + last)
        return 0;
    struct sm_str name = sm_str_n(f->path.p + sizeof folder - 1, f->dataset.n);
    struct sm_str number = sm_str_n(f->path.p + skip, f->path.n - skip - last);
    return sm_str_eq_nocase(name, f->dataset) && sm_str_to_u64(number, &n) ? n : 0;
}

static int entry_take(struct rver *v, const json_t *o, struct rver_file *f, struct sm_err *err) {
    const char *path = json_string_value(json_object_get(o, "file")),
               *hash = json_string_value(json_object_get(o, "sha256"));
    const json_t *dataset = json_object_get(o, "dataset");
    if (!path_good(path) || !hash || strlen(hash) != 64 || !count_get(o, "rows", &f->rows) ||
        !count_get(o, "bytes", &f->bytes) || (dataset && !json_string_length(dataset)))
        return sm_fail(
            err, SM_EFORMAT,
            "%s/manifest.json: output %zu has no file, rows, bytes or sha256 that could be one",
            v->o->out, v->nfile + 1);
    memcpy(f->sha256, hash, 65);
    f->path = sm_arena_dup(&v->arena, sm_str(path));
    f->full = sm_arena_printf(&v->arena, "%s/%s", v->o->out, path);
    if (dataset) f->dataset = sm_arena_dup(&v->arena, sm_str(json_string_value(dataset)));
    if (!f->path.p || !f->full.p || (dataset && !f->dataset.p))
        return sm_fail(err, SM_ENOMEM, "out of memory");
    f->format = format_of(f->path);
    f->part = part_of(f);
    if (sm_str_eq_c(f->path, "define.xml")) v->define = f;
    v->nfile++;
    return SM_OK;
}

static int entries_take(struct rver *v, const json_t *root, struct sm_err *err) {
    const json_t *list = json_object_get(root, "outputs");
    const char *program = json_string_value(json_object_get(root, "program")),
               *command = json_string_value(json_object_get(root, "command"));
    size_t n = json_array_size(list), datasets = 0;
    int rc = SM_OK;
    if (!program || strcmp(program, "sdtmill") != 0 || !json_is_array(list))
        return sm_fail(err, SM_EFORMAT, "%s/manifest.json is no manifest of sdtmill", v->o->out);
    if (n > FILES_MOST)
        return sm_fail(err, SM_ELIMIT, "%s/manifest.json: more than %d files", v->o->out,
                       (int)FILES_MOST);
    v->transliterated = command && strstr(command, " --transliterate") != NULL;
    v->file = sm_arena_array(&v->arena, n ? n : 1, sizeof *v->file);
    if (!v->file) return sm_fail(err, SM_ENOMEM, "out of memory");
    for (size_t i = 0; i < n && !rc; i++) {
        rc = entry_take(v, json_array_get(list, i), &v->file[i], err);
        datasets += !rc && v->file[i].dataset.n > 0;
    }
    if (!rc && datasets > DATASET_FILES_MOST)
        return sm_fail(err, SM_ELIMIT, "%s/manifest.json: more than %d dataset files", v->o->out,
                       (int)DATASET_FILES_MOST);
    return rc;
}

/* ---- the seal
 * -------------------------------------------------------------------------------------- */
static const char seal_before[] = ",\n \"sha256\": \"", seal_after[] = "\"\n}\n";

static bool digest_of(struct sm_str s, char out[65]) {
    struct sm_sha256 *h;
    struct sm_err ignored = {0};
    if (sm_sha256_open(&h, &ignored)) return false;
    sm_sha256_add(h, s.p, s.n);
    sm_sha256_finish(h, out);
    return out[0] != 0;
}

int run_manifest_seal(struct sm_buf *b, struct sm_err *err) {
    char digest[65];
    int rc = sm_buf_check(b, err);
    if (rc) return rc; /* it lacks what there was no memory for */
    struct sm_str s = sm_str_trim(sm_buf_str(b));
    if (s.n < 2 || s.p[s.n - 1] != '}')
        return sm_fail(err, SM_ESTATE, "a manifest that is no object");
    s = sm_str_trim(sm_str_n(s.p, s.n - 1));
    if (!digest_of(s, digest)) return sm_fail(err, SM_ENOMEM, "no SHA-256");
    b->n = s.n;
    sm_buf_add_c(b, seal_before);
    sm_buf_add_c(b, digest);
    sm_buf_add_c(b, seal_after);
    return sm_buf_check(b, err);
}

static bool sealed(struct sm_str s) {
    const size_t before = sizeof seal_before - 1, after = sizeof seal_after - 1,
                 tail = before + 64 + after;
    char digest[65];
    if (s.n < tail) return false;
    const char *p = s.p + s.n - tail;
    return memcmp(p, seal_before, before) == 0 && memcmp(p + before + 64, seal_after, after) == 0 &&
           digest_of(sm_str_n(s.p, s.n - tail), digest) && memcmp(p + before, digest, 64) == 0;
}

int rver_manifest(struct rver *v, struct sm_err *err) {
    json_error_t why;
    struct sm_buf text;
    struct sm_str path = sm_arena_printf(&v->arena, "%s/manifest.json", v->o->out);
    if (!path.p) return sm_fail(err, SM_ENOMEM, "out of memory");
    sm_buf_init(&text, MANIFEST_MOST);
    int rc = slurp(path.p, &text, err);
    if (!rc && !sealed(sm_buf_str(&text)))
        rver_say(v, "manifest.json: was changed: the SHA-256 at its end is not that of what stands "
                    "before it");
    json_t *root =
        rc ? NULL : json_loadb(text.p ? text.p : "", text.n, JSON_REJECT_DUPLICATES, &why);
    if (!rc && !root) rc = sm_fail(err, SM_EFORMAT, "%s: line %d: %s", path.p, why.line, why.text);
    if (!rc) rc = entries_take(v, root, err);
    json_decref(root);
    sm_buf_free(&text);
    return rc;
}

/* ---- the files
 * ------------------------------------------------------------------------------------- */
static int file_check(struct rver *v, struct rver_file *f, struct sm_err *err) {
    struct stat st;
    char digest[65] = "";
    uint64_t n = 0;
    if (stat(f->full.p, &st) != 0 || !S_ISREG(st.st_mode)) {
        rver_say(v, "%.*s: is not there", SM_STR_FMT(f->path));
        return SM_OK;
    }
    f->there = true;
    int rc = run_file_digest(f->full.p, v->o->stopped, &n, digest, err);
    if (rc) return rc;
    f->good = n == f->bytes && strcmp(digest, f->sha256) == 0;
    if (n != f->bytes)
        rver_say(v, "%.*s: has %" PRIu64 " bytes, the manifest says %" PRIu64, SM_STR_FMT(f->path),
                 n, f->bytes);
    else if (!f->good)
        rver_say(v, "%.*s: was changed: its SHA-256 is not that of the manifest",
                 SM_STR_FMT(f->path));
    return SM_OK;
}

static bool is_named(const struct rver *v, const char *full) {
    for (size_t i = 0; i < v->nfile; i++)
        if (sm_str_eq_c(v->file[i].full, full)) return true;
    return false;
}

static int unnamed_list(struct rver *v, const char *folder, struct sm_err *err) {
    const struct sm_load_file *list;
    size_t n, skip = strlen(v->o->out) + 1;
    int rc = sm_load_list(folder, NULL, &v->arena, &list, &n, err);
    for (size_t i = 0; !rc && i < n; i++)
        if (!is_named(v, list[i].path.p))
            rver_say(v, "%s: is not in the manifest", list[i].path.p + skip);
    return rc;
}

static int unnamed_find(struct rver *v, struct sm_err *err) {
    struct stat st;
    struct sm_str parts = sm_arena_printf(&v->arena, "%s/xpt/split", v->o->out);
    int rc = unnamed_list(v, v->o->out, err);
    if (!rc && parts.p && stat(parts.p, &st) == 0 && S_ISDIR(st.st_mode))
        rc = unnamed_list(v, parts.p, err);
    struct sm_str define = sm_arena_printf(&v->arena, "%s/define.xml", v->o->out);
    if (!rc && define.p && !v->define && stat(define.p, &st) == 0)
        rver_say(v, "define.xml: is not in the manifest");
    return rc;
}

int rver_files(struct rver *v, struct sm_err *err) {
    int rc = SM_OK;
    for (size_t i = 0; i < v->nfile && !rc; i++) {
        rc = file_check(v, &v->file[i], err);
        v->ret->files += v->file[i].there;
    }
    return rc ? rc : unnamed_find(v, err);
}
