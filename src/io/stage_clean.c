/* SPDX-License-Identifier: MIT */
/* stage_clean.c - temporary folders: made, removed, and found again after a run was killed.
 *
 * <out>.sdtmill-XXXXXX      a stage, or after an exchange the output it replaced
 * <out>.sdtmill-XXXXXX.old  the output on its way out, where the system cannot exchange
 *
 * The owner of a stage holds a lock on the folder itself for as long as it lives, so there is nothing
 * in it that would have to be taken out before it becomes the output. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sink_priv.h"

enum { MARK_LEN = 9, RANDOM_LEN = 6, TRIES = 64, DEPTH_MAX = 64 };
static const char mark[] = ".sdtmill-", old_tail[] = ".old";

static const int open_folder = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

/* Removes what is in the folder; closes fd. */
static int remove_content(int fd, unsigned depth) { // NOLINT(misc-no-recursion)
    DIR *d = depth < DEPTH_MAX ? fdopendir(fd) : NULL;
    if (!d) {
        int e = depth < DEPTH_MAX ? errno : ENAMETOOLONG;
        (void)close(fd);
        return e;
    }
    int rc = 0;
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        if (unlinkat(fd, e->d_name, 0) == 0 || errno == ENOENT) continue;
        int child = errno == EISDIR || errno == EPERM ? openat(fd, e->d_name, open_folder) : -1;
        int one = child >= 0 ? remove_content(child, depth + 1) : errno;
        if (!one && unlinkat(fd, e->d_name, AT_REMOVEDIR) != 0 && errno != ENOENT) one = errno;
        if (one && !rc) rc = one;
    }
    (void)closedir(d);
    return rc;
}

int stage_remove_tree(int dir, const char *name) {
    int fd = openat(dir, name, open_folder);
    int rc = fd < 0 ? errno : remove_content(fd, 0);
    if (!rc && unlinkat(dir, name, AT_REMOVEDIR) != 0) rc = errno;
    return rc;
}

bool stage_is_empty(int folder) {
    int fd = openat(folder, ".", open_folder);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        if (fd >= 0) (void)close(fd);
        return false;
    }
    bool empty = true;
    for (struct dirent *e; empty && (e = readdir(d)) != NULL;)
        empty = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
    (void)closedir(d);
    return empty;
}

/* The lock is ours only if the name still leads to the folder that was locked: another run may have
 * taken the new folder for a leftover in between. */
static bool lock_holds(int dir, const char *name, int fd) {
    struct stat a, b;
    return flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &a) == 0 &&
           fstatat(dir, name, &b, AT_SYMLINK_NOFOLLOW) == 0 && a.st_ino == b.st_ino &&
           a.st_dev == b.st_dev;
}

/* File systems without locks on folders (NFS): a stage works there, leftovers stay. */
static bool no_locks(int fd) {
    return flock(fd, LOCK_EX | LOCK_NB) != 0 && errno != EWOULDBLOCK && errno != EINTR;
}

static void random_name(const char *base, char *name) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    unsigned char r[RANDOM_LEN];
    if (getrandom(r, sizeof r, GRND_NONBLOCK) != (ssize_t)sizeof r) {
        uint64_t seed = (uint64_t)getpid() * UINT64_C(0x9E3779B97F4A7C15) + (uintptr_t)name;
        memcpy(r, &seed, sizeof r);
    }
    size_t n = strlen(base);
    memcpy(name, base, n);
    memcpy(name + n, mark, MARK_LEN);
    for (size_t i = 0; i < RANDOM_LEN; i++)
        name[n + MARK_LEN + i] = letters[r[i] % (sizeof letters - 1)];
    name[n + MARK_LEN + RANDOM_LEN] = '\0';
}

int stage_make(int dir, const char *base, char *name, int *ret_fd) {
    int rc = EEXIST;
    for (int i = 0; i < TRIES; i++) {
        random_name(base, name);
        if (mkdirat(dir, name, 0777) != 0) {
            if ((rc = errno) == EEXIST) continue;
            return rc;
        }
        int fd = openat(dir, name, open_folder);
        if (fd < 0 && errno != ENOENT) {
            rc = errno;
            (void)unlinkat(dir, name, AT_REMOVEDIR);
            return rc;
        }
        if (fd >= 0 && (lock_holds(dir, name, fd) || no_locks(fd))) {
            *ret_fd = fd;
            return 0;
        }
        if (fd >= 0) (void)close(fd);
    }
    return rc;
}

/* 1 = a stage, 2 = an output on its way out, 0 = neither. */
static int kind_of(const char *name, const char *base) {
    size_t n = strlen(base);
    if (strncmp(name, base, n) != 0 || strncmp(name + n, mark, MARK_LEN) != 0) return 0;
    name += n + MARK_LEN;
    for (int i = 0; i < RANDOM_LEN; i++, name++)
        if (!sm_is_digit(*name) && !(*name >= 'a' && *name <= 'z')) return 0;
    if (*name == '\0') return 1;
    return strcmp(name, old_tail) == 0 ? 2 : 0;
}

static void clean_one(int dir, const char *name, const char *base, int kind) {
    struct stat st;
    int fd = openat(dir, name, open_folder);
    if (fd < 0) return;
    bool ours = fstat(fd, &st) == 0 && st.st_uid == geteuid() && lock_holds(dir, name, fd);
    if (ours && kind == 2 && fstatat(dir, base, &st, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT)
        (void)renameat(dir, name, dir, base);
    else if (ours)
        (void)stage_remove_tree(dir, name);
    (void)close(fd);
}

static void clean_pass(int dir, const char *base, int kind) {
    int fd = openat(dir, ".", open_folder);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        if (fd >= 0) (void)close(fd);
        return;
    }
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        if (kind_of(e->d_name, base) == kind) clean_one(dir, e->d_name, base, kind);
    (void)closedir(d);
}

void stage_clean(int dir, const char *base) {
    clean_pass(dir, base, 2); /* first: it may be all there is of the output */
    clean_pass(dir, base, 1);
}
