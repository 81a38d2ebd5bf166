/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "sdtmill/tmpfile.h"

#include "sdtmill/err.h"
#include "sdtmill/mem.h"

int sm_tmpfile_open(struct sm_tmpfile *f, const char *dir, struct sm_err *err) {
    static const char name[] = "/.sdtmill-XXXXXX";
    *f = (struct sm_tmpfile){.fd = -1};
    if (!dir || !*dir) dir = "/tmp";
    size_t n = strlen(dir);
    char *path = sm_alloc(n + sizeof name, 1);
    if (!path) return sm_fail(err, SM_ENOMEM, "out of memory");
    memcpy(path, dir, n);
    memcpy(path + n, name, sizeof name);
    f->fd = mkstemp(path);
    int rc = SM_OK;
    if (f->fd < 0) rc = sm_fail_sys(err, SM_EIO, "cannot make a temporary file in %s", dir);
    else if (unlink(path) != 0 || fcntl(f->fd, F_SETFD, FD_CLOEXEC) != 0)
        rc = sm_fail_sys(err, SM_EIO, "cannot use a temporary file in %s", dir);
    sm_free(path);
    if (rc != SM_OK) sm_tmpfile_close(f);
    return rc;
}

int sm_tmpfile_add(struct sm_tmpfile *f, const void *p, size_t n, uint64_t *ret_at, struct sm_err *err) {
    const char *at = p;
    *ret_at = f->bytes;
    while (n) {
        ssize_t k = pwrite(f->fd, at, n, (off_t)f->bytes);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) return sm_fail_sys(err, SM_EIO, "cannot write the temporary file");
        at += k;
        n -= (size_t)k;
        f->bytes += (uint64_t)k;
    }
    return SM_OK;
}

int sm_tmpfile_read(const struct sm_tmpfile *f, uint64_t at, void *p, size_t n, struct sm_err *err) {
    char *to = p;
    while (n) {
        ssize_t k = pread(f->fd, to, n, (off_t)at);
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) return sm_fail_sys(err, SM_EIO, "cannot read the temporary file");
        if (k == 0) return sm_fail(err, SM_EIO, "the temporary file is too short");
        to += k;
        n -= (size_t)k;
        at += (uint64_t)k;
    }
    return SM_OK;
}

void sm_tmpfile_close(struct sm_tmpfile *f) {
    if (f->fd >= 0) (void)close(f->fd);
    f->fd = -1;
}
