/* SPDX-License-Identifier: MIT */
/* null_sink.c - preloaded into a program that is measured without a disk: pieces of 64 KB or more
 * that it writes to files opened for writing only are dropped. With NULL_SINK=nohash they are not
 * hashed by libcrypto either. Temporary files, which are read again, are written as ever. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LEAST = 64 * 1024 };

static int is_output(int fd) {
    struct stat st;
    int how = fcntl(fd, F_GETFL);
    return how != -1 && (how & O_ACCMODE) == O_WRONLY && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

ssize_t write(int fd, const void *p, size_t n) {
    if (n >= LEAST && is_output(fd)) return (ssize_t)n;
    return syscall(SYS_write, fd, p, n);
}

int EVP_DigestUpdate(EVP_MD_CTX *c, const void *p, size_t n) {
    static int (*real)(EVP_MD_CTX *, const void *, size_t);
    const char *how = n >= LEAST ? getenv("NULL_SINK") : NULL;
    if (how && strcmp(how, "nohash") == 0) return 1;
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "EVP_DigestUpdate");
    return real(c, p, n);
}
