/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sink_priv.h"

#include "sdtmill/arena.h"
#include "sdtmill/err.h"
#include "sdtmill/mem.h"

#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE 2
#endif

struct sm_stage {
    struct sm_arena arena;
    const char *out;         /* as given, for messages */
    const char *base;        /* last component of the real path */
    char *name;              /* of the temporary folder below the parent */
    const char *path;        /* the same, absolute */
    int parent, fd;          /* fd holds the lock */
    bool force, gone;        /* gone: it is the output now */
    bool no_threads;
    const char **item;       /* folders and files in it, a folder before what it holds */
    size_t nitem, cap_item;
    size_t open_sinks;
};

static int out_of_memory(struct sm_err *err) { return sm_fail(err, SM_ENOMEM, "out of memory"); }

/* ---- where ----------------------------------------------------------------------------------- */
static int make_folders(char *path, struct sm_err *err) {
    for (char *p = path + 1;; p++) {
        if (*p != '/' && *p != '\0') continue;
        char was = *p;
        struct stat st;
        *p = '\0';
        if (mkdir(path, 0777) != 0) {
            int e = errno;
            if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) {
                errno = e;
                return sm_fail_sys(err, SM_EIO, "cannot make the folder %s", path);
            }
        }
        *p = was;
        if (was == '\0') return SM_OK;
    }
}

/* realpath into the arena; NULL with errno. */
static const char *real_path(struct sm_stage *s, const char *path) {
    char *real = realpath(path, NULL);
    if (!real) return NULL;
    struct sm_str copy = sm_arena_dup(&s->arena, sm_str(real));
    (free)(real); /* the C library's own block */
    if (!copy.p) errno = ENOMEM;
    return copy.p;
}

/* The parent is made if need be; *ret is the absolute path of the output without links. */
static int find_new(struct sm_stage *s, char *path, const char **ret, struct sm_err *err) {
    struct stat st;
    if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
        return sm_fail(err, SM_EIO, "%s is a symbolic link to nothing", s->out);
    char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path, *parent = ".";
    if (slash) {
        *slash = '\0';
        parent = slash == path ? "/" : path;
        int rc = slash == path ? SM_OK : make_folders(path, err);
        if (rc) return rc;
    }
    const char *real = real_path(s, parent);
    if (!real) return sm_fail_sys(err, SM_EIO, "cannot find the folder %s", parent);
    if (strcmp(base, "..") == 0 || strcmp(base, ".") == 0)
        return sm_fail(err, SM_EIO, "%s names no folder that could be made", s->out);
    *ret = sm_arena_printf(&s->arena, "%s/%s", strcmp(real, "/") == 0 ? "" : real, base).p;
    return *ret ? SM_OK : out_of_memory(err);
}

static int find_out(struct sm_stage *s, const char **ret, struct sm_err *err) {
    struct sm_str given = sm_str(s->out);
    while (given.n > 1 && given.p[given.n - 1] == '/') given.n--;
    if (given.n == 0) return sm_fail(err, SM_EIO, "output folder has no name");
    struct sm_str copy = sm_arena_dup(&s->arena, given);
    if (!copy.p) return out_of_memory(err);
    *ret = real_path(s, copy.p);
    if (*ret) return strcmp(*ret, "/") == 0 ? sm_fail(err, SM_EIO, "/ cannot be replaced") : SM_OK;
    if (errno != ENOENT) return sm_fail_sys(err, SM_EIO, "cannot use %s", s->out);
    char *path = sm_arena_alloc(&s->arena, copy.n + 1);
    if (!path) return out_of_memory(err);
    memcpy(path, copy.p, copy.n);
    return find_new(s, path, ret, err);
}

/* ---- may it be replaced? --------------------------------------------------------------------- */
static bool skip_text(const char **p, const char *want) {
    while (**p == ' ' || **p == '\t' || **p == '\n' || **p == '\r') ++*p;
    size_t n = strlen(want);
    if (strncmp(*p, want, n) != 0) return false;
    *p += n;
    return true;
}

/* Our manifest begins with the program's name. */
static bool is_ours(int folder) {
    char head[128];
    struct stat st;
    int fd = openat(folder, "manifest.json", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return false;
    ssize_t n = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? read(fd, head, sizeof head - 1) : -1;
    (void)close(fd);
    if (n < 0) return false;
    head[n] = '\0';
    const char *p = head;
    return skip_text(&p, "{") && skip_text(&p, "\"program\"") && skip_text(&p, ":") &&
           skip_text(&p, "\"sdtmill\"");
}

/* Whether an existing output may go. Not there is fine. */
static int check_old(const struct sm_stage *s, struct sm_err *err) {
    struct stat st, above;
    if (fstatat(s->parent, s->base, &st, 0) != 0)
        return errno == ENOENT ? SM_OK : sm_fail_sys(err, SM_EIO, "cannot use %s", s->out);
    if (!S_ISDIR(st.st_mode)) return sm_fail(err, SM_EIO, "%s is not a folder", s->out);
    if (fstat(s->parent, &above) == 0 && above.st_dev != st.st_dev)
        return sm_fail(err, SM_EIO, "%s is a mount point; name a folder in it", s->out);
    int fd = openat(s->parent, s->base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return sm_fail_sys(err, SM_EIO, "cannot read %s", s->out);
    bool fine = s->force || is_ours(fd) || stage_is_empty(fd);
    (void)close(fd);
    return fine ? SM_OK
                : sm_fail(err, SM_EIO, "%s holds files that sdtmill did not make; choose another folder, or use --force", s->out);
}

/* ---- open ------------------------------------------------------------------------------------ */
static int open_parent(struct sm_stage *s, const char *real, struct sm_err *err) {
    const char *slash = strrchr(real, '/');
    size_t n = (size_t)(slash - real);
    struct sm_str parent = sm_arena_dup(&s->arena, n ? sm_str_n(real, n) : SM_STR("/"));
    s->base = slash + 1;
    s->name = sm_arena_alloc(&s->arena, strlen(s->base) + STAGE_TAIL);
    if (!parent.p || !s->name) return out_of_memory(err);
    s->parent = open(parent.p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->parent < 0) return sm_fail_sys(err, SM_EIO, "cannot read the folder %s", parent.p);
    stage_clean(s->parent, s->base);
    int rc = check_old(s, err);
    if (rc) return rc;
    int e = stage_make(s->parent, s->base, s->name, &s->fd);
    if (e) {
        s->name = NULL;
        errno = e;
        return sm_fail_sys(err, SM_EIO, "cannot make a folder beside %s", s->out);
    }
    s->path = sm_arena_printf(&s->arena, "%s/%s", n ? parent.p : "", s->name).p;
    return s->path ? SM_OK : out_of_memory(err);
}

int sm_stage_open(struct sm_stage **ret, const char *out, bool force, struct sm_err *err) {
    struct sm_stage *s = sm_alloc(1, sizeof *s);
    const char *real = NULL;
    if (!s) return out_of_memory(err);
    s->parent = s->fd = -1;
    s->force = force;
    s->out = sm_arena_dup(&s->arena, sm_str(out)).p;
    int rc = s->out ? find_out(s, &real, err) : out_of_memory(err);
    if (!rc) rc = open_parent(s, real, err);
    if (rc) sm_stage_close(s);
    else *ret = s;
    return rc;
}

void sm_stage_no_threads(struct sm_stage *s) { s->no_threads = true; }
const char *sm_stage_path(const struct sm_stage *s) { return s->path; }

/* ---- files ----------------------------------------------------------------------------------- */
static int note_item(struct sm_stage *s, struct sm_str name, const char **ret, struct sm_err *err) {
    int rc = sm_grow(&s->item, &s->cap_item, s->nitem + 1, sizeof *s->item, err);
    if (rc) return rc;
    const char *copy = sm_arena_dup(&s->arena, name).p;
    if (!copy) return out_of_memory(err);
    s->item[s->nitem++] = *ret = copy;
    return SM_OK;
}

static bool is_below(const char *relative) {
    struct sm_str rest = sm_str(relative), piece;
    while (sm_str_split(&rest, '/', &piece))
        if (piece.n == 0 || sm_str_eq_c(piece, ".") || sm_str_eq_c(piece, "..")) return false;
    return true;
}

int sm_stage_file(struct sm_stage *s, const char *relative, struct sm_sink **ret, struct sm_err *err) {
    const char *name;
    int rc;
    if (!relative || !is_below(relative))
        return sm_fail(err, SM_ESTATE, "%s is no name below the output folder", relative ? relative : "");
    for (const char *p = relative; (p = strchr(p, '/')) != NULL; p++) {
        rc = note_item(s, sm_str_n(relative, (size_t)(p - relative)), &name, err);
        if (rc) return rc;
        if (mkdirat(s->fd, name, 0777) == 0) continue;
        if (errno != EEXIST) return sm_fail_sys(err, SM_EIO, "cannot make the folder %s", name);
        s->nitem--;
    }
    rc = note_item(s, sm_str(relative), &name, err);
    if (rc) return rc;
    rc = sink_open_at(ret, (struct sink_where){s->fd, name, !s->no_threads}, &s->open_sinks, err);
    if (rc) s->nitem--;
    return rc;
}

int sm_stage_drop(struct sm_stage *s, const char *relative, struct sm_err *err) {
    if (!relative || !is_below(relative)) return sm_fail(err, SM_ESTATE, "no name below the output folder");
    return unlinkat(s->fd, relative, 0) == 0 ? SM_OK : sm_fail_sys(err, SM_EIO, "cannot remove %s", relative);
}

/* ---- commit ---------------------------------------------------------------------------------- */
int stage_exchange(int dir, const char *a, const char *b) {
#ifdef SYS_renameat2
    return syscall(SYS_renameat2, dir, a, dir, b, RENAME_EXCHANGE) == 0 ? 0 : errno;
#else
    (void)dir, (void)a, (void)b;
    return ENOSYS;
#endif
}

int stage_two_renames(int dir, const char *stage, const char *out, const char *old) {
    if (renameat(dir, out, dir, old) != 0) return errno;
    if (renameat(dir, stage, dir, out) == 0) return 0;
    int e = errno;
    (void)renameat(dir, old, dir, out);
    return e;
}

/* Some file systems cannot sync a folder and say so. */
static int sync_fd(int fd) {
    return fsync(fd) == 0 || errno == EINVAL || errno == EROFS || errno == ENOTSUP ? 0 : errno;
}

static int sync_all(const struct sm_stage *s, struct sm_err *err) {
    for (size_t i = s->nitem; i-- > 0;) {
        int fd = openat(s->fd, s->item[i], O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT) continue; /* discarded */
        int e = fd < 0 ? errno : sync_fd(fd);
        if (fd >= 0) (void)close(fd);
        if (!e) continue;
        errno = e;
        return sm_fail_sys(err, SM_EIO, "cannot write %s to the disk", s->item[i]);
    }
    int e = sync_fd(s->fd);
    errno = e;
    return e ? sm_fail_sys(err, SM_EIO, "cannot write %s to the disk", s->out) : SM_OK;
}

static bool no_exchange(int e) { return e == ENOSYS || e == EINVAL || e == ENOTSUP || e == EPERM; }

static int replace_old(struct sm_stage *s, struct sm_err *err) {
    int rc = check_old(s, err);
    if (rc) return rc;
    int e = stage_exchange(s->parent, s->name, s->base);
    const char *old = s->name;
    if (no_exchange(e)) {
        old = sm_arena_printf(&s->arena, "%s.old", s->name).p;
        if (!old) return out_of_memory(err);
        e = stage_two_renames(s->parent, s->name, s->base, old);
    }
    if (e) {
        errno = e;
        return sm_fail_sys(err, SM_EIO, "cannot replace %s", s->out);
    }
    s->gone = true;
    (void)sync_fd(s->parent);
    (void)stage_remove_tree(s->parent, old); /* else the next run does it */
    return SM_OK;
}

int sm_stage_commit(struct sm_stage *s, struct sm_err *err) {
    if (s->open_sinks || s->gone) return sm_fail(err, SM_ESTATE, "stage is not ready to be committed");
    struct stat st;
    if (fstatat(s->parent, s->base, &st, 0) == 0 && S_ISDIR(st.st_mode))
        (void)fchmod(s->fd, st.st_mode & 07777);
    int rc = sync_all(s, err);
    if (rc) return rc;
    if (renameat(s->parent, s->name, s->parent, s->base) == 0) {
        s->gone = true;
    } else if (errno == ENOTEMPTY || errno == EEXIST) {
        rc = replace_old(s, err);
        if (rc) return rc;
    } else {
        return sm_fail_sys(err, SM_EIO, "cannot put %s in place", s->out);
    }
    int e = sync_fd(s->parent);
    errno = e;
    return e ? sm_fail_sys(err, SM_EIO, "cannot write the folder of %s to the disk", s->out) : SM_OK;
}

void sm_stage_close(struct sm_stage *s) {
    if (!s) return;
    if (s->fd >= 0 && !s->gone) (void)stage_remove_tree(s->parent, s->name);
    if (s->fd >= 0) (void)close(s->fd);
    if (s->parent >= 0) (void)close(s->parent);
    sm_free(s->item);
    sm_arena_free(&s->arena);
    sm_free(s);
}
