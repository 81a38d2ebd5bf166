/* SPDX-License-Identifier: MIT */
/* run_inputs.c - which raw files there are, which source reads each, and which nobody reads. */
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <sys/stat.h>

#include "run_priv.h"
#include "sdtmill/buf.h"
#include "sdtmill/err.h"
#include "sdtmill/mem.h"
#include "sdtmill/utf8.h"

enum { MAX_DEPTH = 32, MAX_FILES = 1 << SM_POS_FILE_BITS };

/* Nothing is left out without a word: not what editors and systems hide, of which files are read if a
 * <file> has a leading dot too, nor what is no file. */
enum kind { PLAIN, HIDDEN, HIDDEN_FOLDER, NO_FILE };
struct listing { /* sorted by bytes */
    struct entry {
        struct sm_str name; /* relative to the raw folder */
        enum kind kind;
    } * v;
    size_t n, cap;
};

const char *run_raw_dir(struct run *r) {
    if (r->opts->raw) return r->opts->raw;
    if (!r->spec->raw.n) return NULL;
    if (r->spec->raw.p[0] == '/') return r->spec->raw.p;
    /* relative to the folder of the study file */
    const char *slash = strrchr(r->spec->path.p, '/');
    int n = slash ? (int)(slash - r->spec->path.p) + 1 : 0;
    return sm_arena_printf(&r->arena, "%.*s%s", n, r->spec->path.p, r->spec->raw.p).p;
}

static int list_dir(struct run *r, struct listing *l, const char *root, const char *rel, int depth,
                    struct sm_err *err);

static int list_entry(struct run *r, struct listing *l, const char *root, const char *rel,
                      const char *entry, int depth, struct sm_err *err) {
    if (strcmp(entry, ".") == 0 || strcmp(entry, "..") == 0) return SM_OK;
    struct sm_str name = *rel ? sm_arena_printf(&r->arena, "%s/%s", rel, entry)
                              : sm_arena_dup(&r->arena, sm_str(entry));
    struct sm_str path = sm_arena_printf(&r->arena, "%s/%s", root, name.p ? name.p : "");
    if (!name.p || !path.p) return sm_fail(err, SM_ENOMEM, "out of memory");
    const bool hidden = entry[0] == '.';
    struct stat st = {.st_mode = S_IFREG}; /* a hidden link may lead nowhere, as those of editors do */
    if (stat(path.p, &st) != 0 && !hidden) return sm_fail_sys(err, SM_EDATA, "%s", path.p);
    const bool folder = S_ISDIR(st.st_mode);
    if (folder && !hidden) return list_dir(r, l, root, name.p, depth + 1, err);
    if (l->n >= MAX_FILES)
        return sm_fail(err, SM_ELIMIT, "more than %d files below %s", (int)MAX_FILES, root);
    int rc = sm_grow(&l->v, &l->cap, l->n + 1, sizeof *l->v, err);
    if (rc) return rc;
    const enum kind kind = folder                  ? HIDDEN_FOLDER
                           : !S_ISREG(st.st_mode) ? NO_FILE
                           : hidden               ? HIDDEN
                                                  : PLAIN;
    l->v[l->n++] = (struct entry){name, kind};
    return SM_OK;
}

static int list_dir(struct run *r, struct listing *l, const char *root, const char *rel, int depth,
                    struct sm_err *err) {
    if (depth > MAX_DEPTH)
        return sm_fail(err, SM_ELIMIT, "%s/%s: folders nest deeper than %d", root, rel,
                       (int)MAX_DEPTH);
    struct sm_str path = sm_arena_printf(&r->arena, "%s/%s", root, rel);
    if (!path.p) return sm_fail(err, SM_ENOMEM, "out of memory");
    DIR *dir = opendir(path.p);
    if (!dir) return sm_fail_sys(err, SM_EDATA, "raw folder %s", path.p);
    int rc = SM_OK;
    errno = 0;
    for (const struct dirent *e; !rc && (e = readdir(dir)); errno = 0)
        rc = list_entry(r, l, root, rel, e->d_name, depth, err);
    if (!rc && errno) rc = sm_fail_sys(err, SM_EDATA, "raw folder %s", path.p);
    closedir(dir);
    return rc;
}

/* Bottom-up merge sort by bytes: readdir's order is the file system's own. */
static int sort_names(struct listing *l, struct sm_err *err) {
    struct entry *tmp = sm_alloc(l->n ? l->n : 1, sizeof *tmp);
    if (!tmp) return sm_fail(err, SM_ENOMEM, "out of memory");
    for (size_t w = 1; w < l->n; w *= 2) {
        for (size_t lo = 0; lo < l->n; lo += 2 * w) {
            size_t mid = lo + w < l->n ? lo + w : l->n, hi = lo + 2 * w < l->n ? lo + 2 * w : l->n;
            for (size_t i = lo, j = mid, k = lo; k < hi; k++) {
                bool left = i < mid && (j >= hi || sm_str_cmp(l->v[i].name, l->v[j].name) <= 0);
                tmp[k] = left ? l->v[i++] : l->v[j++];
            }
        }
        memcpy(l->v, tmp, l->n * sizeof *tmp);
    }
    sm_free(tmp);
    return SM_OK;
}

/* The <file> element that reads `name`; a second one is a mistake of the mapping. */
static int claim(struct run *r, struct sm_str name, const struct sm_source **ret_s,
                 const struct sm_file **ret_f, struct sm_err *err) {
    *ret_s = NULL;
    for (uint32_t s = 0; s < r->spec->nsource; s++) {
        const struct sm_source *src = &r->spec->source[s];
        for (uint32_t f = 0; f < src->nfile; f++) {
            if (fnmatch(src->file[f].path.p, name.p, FNM_PATHNAME | FNM_PERIOD) != 0) continue;
            if (*ret_s)
                return sm_fail(err, SM_ESPEC, "%.*s:%u: %s is already read at line %u",
                               SM_STR_FMT(src->file[f].where.file), src->file[f].where.line, name.p,
                               (*ret_f)->where.line);
            *ret_s = src;
            *ret_f = &src->file[f];
        }
    }
    return SM_OK;
}

static bool ignored(const struct run *r, struct sm_str name) {
    for (uint32_t i = 0; i < r->spec->nignore; i++)
        if (fnmatch(r->spec->ignore[i].glob.p, name.p, FNM_PATHNAME) == 0) return true;
    return false;
}

/* The name as findings and the manifest have it: bytes that are no UTF-8 become %XX. */
static struct sm_str shown(struct run *r, struct sm_str name) {
    struct sm_buf b;
    sm_buf_init(&b, 0);
    for (size_t bad; (bad = sm_utf8_invalid(name, NULL)) != SIZE_MAX;) {
        sm_buf_add(&b, name.p, bad);
        sm_buf_printf(&b, "%%%02X", (unsigned char)name.p[bad]);
        name = sm_str_n(name.p + bad + 1, name.n - bad - 1);
    }
    if (b.n == 0 && !b.failed) return name;
    sm_buf_add_str(&b, name);
    struct sm_str ret = b.failed ? sm_str_n(NULL, 0) : sm_arena_dup(&r->arena, sm_buf_str(&b));
    sm_buf_free(&b);
    return ret;
}

/* A file that is left out, unless the mapping says so. */
static void leave_out(struct run *r, struct sm_str name, struct sm_str called, enum kind kind) {
    static const char *const why[] = {
        [PLAIN] = NULL,
        [HIDDEN] = "a hidden file: it is not read",
        [HIDDEN_FOLDER] = "a hidden folder: nothing in it is read",
        [NO_FILE] = "neither a file nor a folder: it is not read"};
    const bool hidden = kind == HIDDEN || kind == HIDDEN_FOLDER;
    if (ignored(r, name)) return;
    sm_diags_add(r->diags,
                 &(struct sm_diag){.code = SM_D_UNCLAIMED_FILE,
                                   .file = called,
                                   .detail = why[kind] ? sm_str(why[kind]) : (struct sm_str){NULL, 0},
                                   .mend = hidden ? SM_STR("rename it if it is data, or name it in <ignore>")
                                                  : (struct sm_str){NULL, 0}},
                 hidden ? SM_SEV_NOTE : -1);
}

static int add_input(struct run *r, const char *root, const struct entry *e, struct sm_err *err) {
    const struct sm_str name = e->name;
    const struct sm_source *src = NULL;
    const struct sm_file *file = NULL;
    const bool is_file = e->kind == PLAIN || e->kind == HIDDEN;
    int rc = is_file ? claim(r, name, &src, &file, err) : SM_OK;
    if (rc) return rc;
    struct sm_str called = shown(r, name);
    struct sm_str path = sm_arena_printf(&r->arena, "%s/%s", root, name.p);
    if (!called.p || !path.p) return sm_fail(err, SM_ENOMEM, "out of memory");
    if (!src) {
        leave_out(r, name, called, e->kind);
        return SM_OK;
    }
    struct run_input *in = &r->input[r->ninput];
    in->in = (struct sm_input){(uint32_t)r->ninput, called, path.p, src, file};
    r->ninput++;
    return SM_OK;
}

/* Every <file> that is not optional must have found at least one file. */
static int check_missing(struct run *r, const char *root, struct sm_err *err) {
    size_t missing = 0;
    const struct sm_file *first = NULL;
    for (uint32_t s = 0; s < r->spec->nsource; s++) {
        for (uint32_t f = 0; f < r->spec->source[s].nfile; f++) {
            const struct sm_file *file = &r->spec->source[s].file[f];
            bool found = file->optional;
            for (size_t i = 0; i < r->ninput && !found; i++)
                found = r->input[i].in.file == file;
            if (found) continue;
            sm_diags_add(r->diags,
                         &(struct sm_diag){.code = SM_D_NO_FILE,
                                           .file = file->path,
                                           .map_file = file->where.file,
                                           .map_line = file->where.line},
                         -1);
            if (!missing++) first = file;
        }
    }
    if (!missing) return SM_OK;
    return sm_fail(err, SM_EDATA, "no file matches %.*s below %s (%.*s:%u)%s",
                   SM_STR_FMT(first->path), root, SM_STR_FMT(first->where.file), first->where.line,
                   missing > 1 ? ", and others" : "");
}

int run_inputs_list(struct run *r, struct sm_err *err) {
    const char *root = run_raw_dir(r);
    if (!root && r->spec->raw.n) return sm_fail(err, SM_ENOMEM, "out of memory");
    if (!root || !*root)
        return sm_fail(err, SM_EUSAGE, "%s names no raw folder: say --raw DIR",
                       root ? "--raw" : "the mapping");
    struct listing l = {0};
    int rc = list_dir(r, &l, root, "", 0, err);
    if (!rc) rc = sort_names(&l, err);
    if (!rc && !(r->input = sm_alloc(l.n ? l.n : 1, sizeof *r->input)))
        rc = sm_fail(err, SM_ENOMEM, "out of memory");
    for (size_t i = 0; i < l.n && !rc; i++)
        rc = add_input(r, root, &l.v[i], err);
    sm_free(l.v);
    return rc ? rc : check_missing(r, root, err);
}
