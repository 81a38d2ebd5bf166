/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_SINK_H
#define SDTMILL_SINK_H
/* sink.h - bytes out. A sink is one file below a stage; a stage is a temporary folder beside the
 * output folder that replaces it as a whole, or vanishes. Write errors are latched: the first one
 * makes every later call a no-op and close reports it. Each file's SHA-256 and size are kept. */
#include "sdtmill/common.h"
#include "sdtmill/str.h"

struct sm_stage;
struct sm_sink {    /* open for the two inline functions below only */
    char *at, *end; /* room left in the buffer */
};
/* Makes <out>.sdtmill-XXXXXX beside `out`, which may be a link to a folder, end in slashes, or lie
 * in folders that are not there yet (they are made). Refuses (SM_EIO) a folder that holds something
 * but no manifest.json of ours, unless force. Leftovers of killed runs beside it are removed when
 * no process holds them (flock on the folder), and a replacement broken off half-way is undone. */
int sm_stage_open(struct sm_stage **ret, const char *out, bool force,
                  struct sm_err *err) SM_MUST_CHECK;
/* Sinks opened from now on write and hash in the caller's thread. By default a long file may have
 * a thread for either. */
void sm_stage_no_threads(struct sm_stage *s);
const char *sm_stage_path(const struct sm_stage *s); /* the temporary folder */
/* A new file at the relative path (folders are made). SHA-256 is computed as it is written. All
 * sinks are closed before the stage. */
int sm_stage_file(struct sm_stage *s, const char *relative, struct sm_sink **ret,
                  struct sm_err *err) SM_MUST_CHECK;
/* Removes a file of the stage whose sink is closed; it is no part of the output. */
int sm_stage_drop(struct sm_stage *s, const char *relative, struct sm_err *err) SM_MUST_CHECK;
/* fsync of everything, then the exchange by rename: at any moment the old or the new folder is
 * there whole (renameat2 RENAME_EXCHANGE; on file systems without it, two renames, and the next run
 * on the same output undoes the first if it was killed between them). Failure: SM_EIO, the old one
 * stands. */
int sm_stage_commit(struct sm_stage *s, struct sm_err *err) SM_MUST_CHECK;
/* Removes the temporary folder if not committed; frees. Accepts NULL. */
void sm_stage_close(struct sm_stage *s);

void sm_sink_write(struct sm_sink *k, const char *p, size_t n);
char *sm_sink_more(struct sm_sink *k, size_t n); /* sm_sink_reserve when there is no room left */
/* Room of at least n bytes in the sink's own buffer to format into; then sm_sink_used tells how
 * many were written. NULL after an error. */
static inline char *sm_sink_reserve(struct sm_sink *k, size_t n) {
    return (size_t)(k->end - k->at) >= n && k->at ? k->at : sm_sink_more(k, n);
}
static inline void sm_sink_used(struct sm_sink *k, size_t n) {
    k->at += n;
}
/* The latched error: SM_OK if there is none. */
int sm_sink_check(const struct sm_sink *k, struct sm_err *err) SM_MUST_CHECK;
uint64_t sm_sink_size(const struct sm_sink *k);
/* Flushes and closes; SM_EIO with the latched error. digest (may be NULL) gets the hex SHA-256.
 * Frees k in any case. */
int sm_sink_close(struct sm_sink *k, uint64_t *ret_size, char digest[65],
                  struct sm_err *err) SM_MUST_CHECK;
/* Closes and removes the file as if it had never been opened; frees k. Accepts NULL. */
void sm_sink_discard(struct sm_sink *k);
/* A sink on a stream that is already open (standard output) and stays open. No digest. */
int sm_sink_on_fd(struct sm_sink **ret, int fd, struct sm_err *err) SM_MUST_CHECK;
/* A sink that keeps what is written; sm_sink_kept gives it and makes the sink empty (the bytes stay
 * until the next write). SM_ENOMEM is latched. */
int sm_sink_in_memory(struct sm_sink **ret, struct sm_err *err) SM_MUST_CHECK;
struct sm_str sm_sink_kept(struct sm_sink *k);
/* Writes all that a sink in memory keeps to k, and makes it empty. */
void sm_sink_move(struct sm_sink *k, struct sm_sink *kept);
/* Puts other bytes in place of n that a sink in memory keeps, `at` bytes from the first. */
void sm_sink_patch(struct sm_sink *kept, size_t at, const char *p, size_t n);
#endif
