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

struct listing { /* relative paths, sorted by bytes */
    struct sm_str *name;
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
    if (entry[0] == '.') return SM_OK; /* ".", "..", and what editors and systems hide */
    struct sm_str name = *rel ? sm_arena_printf(&r->arena, "%s/%s", rel, entry)
                              : sm_arena_dup(&r->arena, sm_str(entry));
    struct sm_str path = sm_arena_printf(&r->arena, "%s/%s", root, name.p ? name.p : "");
    if (!name.p || !path.p) return sm_fail(err, SM_ENOMEM, "out of memory");
    struct stat st;
    if (stat(path.p, &st) != 0) return sm_fail_sys(err, SM_EDATA, "%s", path.p);
    if (S_ISDIR(st.st_mode)) return list_dir(r, l, root, name.p, depth + 1, err);
    if (!S_ISREG(st.st_mode)) return SM_OK;
    if (l->n >= MAX_FILES)
        return sm_fail(err, SM_ELIMIT, "more than %d files below %s", (int)MAX_FILES, root);
    int rc = sm_grow(&l->name, &l->cap, l->n + 1, sizeof *l->name, err);
    if (rc) return rc;
    l->name[l->n++] = name;
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
    struct sm_str *tmp = sm_alloc(l->n ? l->n : 1, sizeof *tmp);
    if (!tmp) return sm_fail(err, SM_ENOMEM, "out of memory");
    for (size_t w = 1; w < l->n; w *= 2) {
        for (size_t lo = 0; lo < l->n; lo += 2 * w) {
            size_t mid = lo + w < l->n ? lo + w : l->n, hi = lo + 2 * w < l->n ? lo + 2 * w : l->n;
            for (size_t i = lo, j = mid, k = lo; k < hi; k++) {
                bool left = i < mid && (j >= hi || sm_str_cmp(l->name[i], l->name[j]) <= 0);
                tmp[k] = left ? l->name[i++] : l->name[j++];
            }
        }
        memcpy(l->name, tmp, l->n * sizeof *tmp);
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
            if (fnmatch(src->file[f].path.p, name.p, FNM_PATHNAME) != 0) continue;
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

static int add_input(struct run *r, const char *root, struct sm_str name, struct sm_err *err) {
    const struct sm_source *src;
    const struct sm_file *file = NULL;
    int rc = claim(r, name, &src, &file, err);
    if (rc) return rc;
    struct sm_str called = shown(r, name);
    struct sm_str path = sm_arena_printf(&r->arena, "%s/%s", root, name.p);
    if (!called.p || !path.p) return sm_fail(err, SM_ENOMEM, "out of memory");
    if (!src) {
        if (!ignored(r, name))
            sm_diags_add(r->diags, &(struct sm_diag){.code = SM_D_UNCLAIMED_FILE, .file = called},
                         -1);
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
        rc = add_input(r, root, l.name[i], err);
    sm_free(l.name);
    return rc ? rc : check_missing(r, root, err);
}
