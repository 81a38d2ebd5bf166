/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_TMPFILE_H
#define SDTMILL_TMPFILE_H
/* tmpfile.h - a temporary file without a name: it is gone when it is closed or the program ends.
 * Errors   SM_EIO */
#include "sdtmill/common.h"

struct sm_tmpfile { int fd; uint64_t bytes; };  /* bytes: written so far; fd -1 = not open */

/* dir NULL: /tmp. */
int sm_tmpfile_open(struct sm_tmpfile *f, const char *dir, struct sm_err *err) SM_MUST_CHECK;
/* Appends; *ret_at is where. */
int sm_tmpfile_add(struct sm_tmpfile *f, const void *p, size_t n, uint64_t *ret_at, struct sm_err *err) SM_MUST_CHECK;
/* Exactly n bytes from `at`. Many threads may read. */
int sm_tmpfile_read(const struct sm_tmpfile *f, uint64_t at, void *p, size_t n, struct sm_err *err) SM_MUST_CHECK;
void sm_tmpfile_close(struct sm_tmpfile *f);
#endif
