/* SPDX-License-Identifier: MIT */
/* load_list.c - the dataset files of a folder. */
#include <dirent.h>
#include <sys/stat.h>

#include "load_priv.h"

enum { LIST_MAX = 10000 };

/* Suffixes, the ones that say most of a dataset first; folders of the same names are looked into. */
static const char *const suffixes[] = {"json", "ndjson", "dsjc", "xpt", "sas7bdat", "xml", "csv"};

struct listing {
    struct sm_arena *arena;
    const char *suffix;
    struct sm_load_file *file;
    size_t n, cap;
};

static bool is_other(struct sm_str name) {
    static const char *const other[] = {"manifest.json", "issues.csv", "differences.csv", "compare.json", "rejects.csv"};
    for (size_t i = 0; i < SM_ARRAY_LEN(other); i++)
        if (sm_str_eq_c(name, other[i])) return true;
    return sm_str_starts(name, SM_STR("define")) && sm_str_ends(name, SM_STR(".xml"));
}

/* Place of the suffix in the list, -1 if it is none; *ret_stem without it. */
static int suffix_find(struct sm_str name, struct sm_str *ret_stem) {
    if (sm_str_ends(name, SM_STR(".gz"))) name.n -= 3;
    for (size_t i = 0; i < SM_ARRAY_LEN(suffixes); i++) {
        size_t n = strlen(suffixes[i]);
        if (name.n < n + 2 || name.p[name.n - n - 1] != '.' || !sm_str_eq_nocase(sm_str_n(name.p + name.n - n, n), sm_str(suffixes[i]))) continue;
        *ret_stem = sm_str_n(name.p, name.n - n - 1);
        return (int)i;
    }
    return -1;
}

static int list_add(struct listing *s, struct sm_str path, struct sm_str stem, int suffix, struct sm_err *err) {
    if (s->n >= LIST_MAX) return sm_fail(err, SM_ELIMIT, "more than %d dataset files", (int)LIST_MAX);
    int rc = sm_grow(&s->file, &s->cap, s->n + 1, sizeof *s->file, err);
    if (rc) return rc;
    struct sm_load_file *f = &s->file[s->n++];
    *f = (struct sm_load_file){.name = load_upper(s->arena, stem), .path = path, .suffix = sm_str(suffix < 0 ? "" : suffixes[suffix])};
    return f->name.p ? SM_OK : sm_fail(err, SM_ENOMEM, "out of memory");
}

static int list_folder(struct listing *s, const char *folder, bool top, struct sm_err *err);

static int list_entry(struct listing *s, const char *folder, const char *entry, bool top, struct sm_err *err) {
    struct sm_str stem, name = sm_str(entry);
    struct stat st;
    if (entry[0] == '.') return SM_OK;
    struct sm_str path = sm_arena_printf(s->arena, "%s/%s", folder, entry);
    if (!path.p) return sm_fail(err, SM_ENOMEM, "out of memory");
    if (stat(path.p, &st) != 0) return sm_fail_sys(err, SM_EDATA, "%s", path.p);
    if (S_ISDIR(st.st_mode)) {
        for (size_t i = 0; top && i < SM_ARRAY_LEN(suffixes); i++)
            if (sm_str_eq_c(name, suffixes[i])) return list_folder(s, path.p, false, err);
        return SM_OK;
    }
    int at = S_ISREG(st.st_mode) && !is_other(name) ? suffix_find(name, &stem) : -1;
    if (at < 0 || (s->suffix && strcmp(s->suffix, suffixes[at]) != 0)) return SM_OK;
    return list_add(s, path, stem, at, err);
}

static int list_folder(struct listing *s, const char *folder, bool top, struct sm_err *err) {
    DIR *dir = opendir(folder);
    if (!dir) return sm_fail_sys(err, SM_EDATA, "%s", folder);
    int rc = SM_OK;
    for (const struct dirent *e; !rc && (e = readdir(dir));) rc = list_entry(s, folder, e->d_name, top, err);
    (void)closedir(dir);
    return rc;
}

static size_t rank_of(const struct sm_load_file *f) {
    size_t i = 0;
    while (i < SM_ARRAY_LEN(suffixes) && !sm_str_eq_c(f->suffix, suffixes[i])) i++;
    return i;
}

static bool before(const struct sm_load_file *a, const struct sm_load_file *b) {
    int c = sm_str_cmp(a->name, b->name);
    size_t x = rank_of(a), y = rank_of(b);
    return c < 0 || (c == 0 && (x < y || (x == y && sm_str_cmp(a->path, b->path) < 0)));
}

/* Heap sort: readdir's order is the file system's own. The order is total, so it need not be stable. */
static void sift(struct sm_load_file *f, size_t at, size_t n) {
    for (size_t child; (child = at * 2 + 1) < n; at = child) {
        if (child + 1 < n && before(&f[child], &f[child + 1])) child++;
        if (!before(&f[at], &f[child])) return;
        struct sm_load_file t = f[at];
        f[at] = f[child];
        f[child] = t;
    }
}

static void sort(struct sm_load_file *f, size_t n) {
    for (size_t i = n / 2; i-- > 0;) sift(f, i, n);
    for (size_t end = n; end-- > 1;) {
        struct sm_load_file t = f[0];
        f[0] = f[end];
        f[end] = t;
        sift(f, 0, end);
    }
}

static int list_finish(struct listing *s, const struct sm_load_file **ret, size_t *ret_n, struct sm_err *err) {
    struct sm_load_file *all = sm_arena_array(s->arena, s->n ? s->n : 1, sizeof *all);
    if (!all) return sm_fail(err, SM_ENOMEM, "out of memory");
    sort(s->file, s->n);
    for (size_t i = 0; i < s->n; i++) {
        all[i] = s->file[i];
        all[i].again = i > 0 && sm_str_eq(all[i].name, all[i - 1].name);
    }
    *ret = all;
    *ret_n = s->n;
    return SM_OK;
}

int sm_load_list(const char *path, const char *suffix, struct sm_arena *a, const struct sm_load_file **ret, size_t *ret_n, struct sm_err *err) {
    struct listing s = {.arena = a, .suffix = suffix};
    struct stat st;
    if (stat(path, &st) != 0) return sm_fail_sys(err, SM_EDATA, "%s", path);
    int rc;
    if (S_ISDIR(st.st_mode)) {
        rc = list_folder(&s, path, true, err);
    } else {
        const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path, *dot = strchr(base, '.');
        struct sm_str stem = sm_str_n(base, dot && dot > base ? (size_t)(dot - base) : strlen(base)), ignored;
        struct sm_str own = sm_arena_dup(a, sm_str(path));
        rc = own.p ? list_add(&s, own, stem, suffix_find(sm_str(base), &ignored), err) : sm_fail(err, SM_ENOMEM, "out of memory");
    }
    if (!rc) rc = list_finish(&s, ret, ret_n, err);
    sm_free(s.file);
    return rc;
}
