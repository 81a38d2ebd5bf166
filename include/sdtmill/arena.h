/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_ARENA_H
#define SDTMILL_ARENA_H
/* arena.h - bump allocation with one lifetime. Nothing is freed singly; the arena is reset or
 * freed as a whole. Not shared between threads at the same time. Blocks start at 4 KiB and double
 * up to 1 MiB; larger requests get their own block. */
#include "sdtmill/common.h"
#include "sdtmill/str.h"

struct sm_arena_block;
struct sm_arena {
    struct sm_arena_block *blocks;  /* newest first */
    size_t used, size;              /* of the newest block */
    size_t total;                   /* bytes in all blocks */
};

/* A zeroed struct is a valid empty arena too. */
void sm_arena_init(struct sm_arena *a);
/* n zeroed bytes, aligned for any type; NULL when out of memory. */
void *sm_arena_alloc(struct sm_arena *a, size_t n) SM_MUST_CHECK;
/* The same with whatever bytes stood there. */
void *sm_arena_raw(struct sm_arena *a, size_t n) SM_MUST_CHECK;
void *sm_arena_array(struct sm_arena *a, size_t n, size_t size) SM_MUST_CHECK;
/* The next n bytes come from one block, which is hardly larger if it is new. False when out of memory.
 */
bool sm_arena_reserve(struct sm_arena *a, size_t n) SM_MUST_CHECK;
/* Copy with a NUL behind it; p == NULL on failure (or when s has no value). */
struct sm_str sm_arena_dup(struct sm_arena *a, struct sm_str s) SM_MUST_CHECK;
struct sm_str sm_arena_printf(struct sm_arena *a, const char *fmt, ...) SM_PRINTF(2, 3)
    SM_MUST_CHECK;
/* Forgets everything, keeps the largest block for reuse. */
void sm_arena_reset(struct sm_arena *a);
void sm_arena_free(struct sm_arena *a);
#endif
