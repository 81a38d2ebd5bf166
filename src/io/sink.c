/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "sink_priv.h"

#include "sdtmill/err.h"
#include "sdtmill/hash.h"
#include "sdtmill/mem.h"

enum { BUFFER_SIZE = 1024 * 1024 };

struct sink {
    struct sm_sink s; /* first: sm_sink_* get a pointer to it */
    char *buf;
    size_t cap;
    uint64_t flushed;
    int fd, dir;
    bool ours; /* fd is closed here */
    enum sm_rc code;
    int sys;
    struct sm_sha256 *hash;
    size_t *open_sinks;
    char name[]; /* for messages; below `dir` if ours */
};

static struct sink *own(struct sm_sink *k) { return (struct sink *)(void *)k; }
static const struct sink *own_const(const struct sm_sink *k) {
    return (const struct sink *)(const void *)k;
}

static void latch(struct sink *k, enum sm_rc code, int sys) {
    if (k->code == SM_OK) {
        k->code = code;
        k->sys = sys;
    }
    k->s.at = k->s.end = NULL;
}

static void put(struct sink *k, const char *p, size_t n) {
    if (k->hash) sm_sha256_add(k->hash, p, n);
    k->flushed += n;
    while (n > 0) {
        ssize_t w = write(k->fd, p, n);
        if (w < 0 && errno == EINTR) continue;
        if (w <= 0) {
            latch(k, SM_EIO, w < 0 ? errno : ENOSPC);
            return;
        }
        p += w;
        n -= (size_t)w;
    }
}

static void flush(struct sink *k) {
    if (k->code) return;
    size_t n = (size_t)(k->s.at - k->buf);
    k->s.at = k->buf;
    if (n > 0) put(k, k->buf, n);
}

char *sm_sink_more(struct sm_sink *s, size_t n) {
    struct sink *k = own(s);
    flush(k);
    if (k->code) return NULL;
    if (n > k->cap) {
        if (sm_resize(&k->buf, n, 1, NULL)) {
            latch(k, SM_ENOMEM, 0);
            return NULL;
        }
        k->cap = n;
        s->at = k->buf;
        s->end = k->buf + n;
    }
    return s->at;
}

void sm_sink_write(struct sm_sink *s, const char *p, size_t n) {
    struct sink *k = own(s);
    if (n == 0 || k->code) return;
    if (n > (size_t)(s->end - s->at)) {
        flush(k);
        if (k->code) return;
        if (n >= k->cap) {
            put(k, p, n);
            return;
        }
    }
    memcpy(s->at, p, n);
    s->at += n;
}

uint64_t sm_sink_size(const struct sm_sink *s) {
    const struct sink *k = own_const(s);
    return k->flushed + (k->code ? 0 : (uint64_t)(s->at - k->buf));
}

int sm_sink_check(const struct sm_sink *s, struct sm_err *err) {
    const struct sink *k = own_const(s);
    if (k->code == SM_ENOMEM) return sm_fail(err, SM_ENOMEM, "out of memory writing %s", k->name);
    if (k->code == SM_OK) return SM_OK;
    errno = k->sys;
    return sm_fail_sys(err, k->code, "cannot write %s", k->name);
}

static void sink_free(struct sink *k) {
    if (k->open_sinks) --*k->open_sinks;
    sm_sha256_free(k->hash);
    sm_free(k->buf);
    sm_free(k);
}

int sm_sink_close(struct sm_sink *s, uint64_t *ret_size, char digest[65], struct sm_err *err) {
    struct sink *k = own(s);
    flush(k);
    if (k->ours && close(k->fd) != 0 && errno != EINTR) latch(k, SM_EIO, errno);
    if (ret_size) *ret_size = k->flushed;
    if (digest) {
        digest[0] = '\0';
        if (k->hash) {
            sm_sha256_finish(k->hash, digest);
            k->hash = NULL;
            if (digest[0] == '\0') latch(k, SM_ENOMEM, 0);
        }
    }
    int rc = sm_sink_check(s, err);
    sink_free(k);
    return rc;
}

void sm_sink_discard(struct sm_sink *s) {
    if (!s) return;
    struct sink *k = own(s);
    if (k->ours) {
        (void)close(k->fd);
        (void)unlinkat(k->dir, k->name, 0);
    }
    sink_free(k);
}

static int sink_new(struct sink **ret, const char *name, struct sm_err *err) {
    size_t n = strlen(name) + 1;
    struct sink *k = sm_alloc(1, sizeof *k + n);
    if (!k || !(k->buf = sm_alloc(BUFFER_SIZE, 1))) {
        sm_free(k);
        return sm_fail(err, SM_ENOMEM, "out of memory writing %s", name);
    }
    memcpy(k->name, name, n);
    k->cap = BUFFER_SIZE;
    k->s.at = k->buf;
    k->s.end = k->buf + k->cap;
    *ret = k;
    return SM_OK;
}

int sm_sink_on_fd(struct sm_sink **ret, int fd, struct sm_err *err) {
    struct sink *k;
    int rc = sink_new(&k, fd == STDOUT_FILENO ? "standard output" : "an open file", err);
    if (rc) return rc;
    k->fd = fd;
    *ret = &k->s;
    return SM_OK;
}

int sink_open_at(struct sm_sink **ret, int dir, const char *relative, size_t *open_sinks,
                 struct sm_err *err) {
    struct sink *k;
    int rc = sink_new(&k, relative, err);
    if (rc) return rc;
    rc = sm_sha256_open(&k->hash, err);
    if (!rc) {
        k->fd = openat(dir, relative, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (k->fd < 0) rc = sm_fail_sys(err, SM_EIO, "cannot make %s", relative);
    }
    if (rc) {
        sink_free(k);
        return rc;
    }
    k->dir = dir;
    k->ours = true;
    k->open_sinks = open_sinks;
    ++*open_sinks;
    *ret = &k->s;
    return SM_OK;
}
