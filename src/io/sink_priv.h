/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_SINK_PRIV_H
#define SDTMILL_SINK_PRIV_H
/* sink_priv.h - what a sink, its stage and the tests of the stage know of each other. */
#include "sdtmill/sink.h"

/* A sink on a new file; fails if it is there. *open_sinks counts it. */
struct sink_where {
    int dir;
    const char *relative; /* below dir */
    bool threads;         /* may be started */
};
int sink_open_at(struct sm_sink **ret, struct sink_where at, size_t *open_sinks,
                 struct sm_err *err) SM_MUST_CHECK;

/* Asks the disk to begin with these bytes of a file, without waiting. */
void sink_disk_begin(int fd, uint64_t from, uint64_t end);
/* From now on writes go past the page cache, or no longer do. They must begin and end at multiples of
 * SINK_PAGE then, in the file and in memory. False: it cannot be had here. */
enum { SINK_PAGE = 4096 };
bool sink_disk_direct(int fd, bool on);
/* memcpy of what the disk reads next, and nobody here: it takes no room in the caches. */
void sink_disk_copy(char *to, const char *p, size_t n);

/* What follows takes names below the folder `dir`, follows no link, and returns 0 or an errno. */
int stage_exchange(int dir, const char *a, const char *b);
/* Without an exchange: out -> old, then stage -> out. */
int stage_two_renames(int dir, const char *stage, const char *out, const char *old);
int stage_remove_tree(int dir, const char *name);
/* Whether a folder holds nothing. */
bool stage_is_empty(int folder);
/* Makes the folder <base>.sdtmill-XXXXXX and locks it; name needs strlen(base) + STAGE_TAIL. */
enum { STAGE_TAIL = 24 };
int stage_make(int dir, const char *base, char *name, int *ret_fd);
/* Removes or undoes what killed runs left beside `base`. Never fails: what is held or not ours to
 * remove stays. */
void stage_clean(int dir, const char *base);
#endif
