/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_MEM_H
#define SDTMILL_MEM_H
/* mem.h - the only way to the heap. Sizes are element count x element size, overflow-checked.
 * Out of memory is a normal failure (NULL / SM_ENOMEM). Memory is zeroed by sm_alloc only.
 * Debug builds can make the Nth request fail (SM_FAULT=alloc:N in the environment). */
#include "sdtmill/common.h"

/* n x size zeroed bytes; NULL on overflow or when the system refuses. n x size == 0 gives a valid
 * pointer to nothing. Release with sm_free. */
void *sm_alloc(size_t n, size_t size) SM_MUST_CHECK;
/* Grows or shrinks *p (may be NULL) to n x size bytes. On failure *p is unchanged.
 * Returns SM_OK or SM_ENOMEM with err filled. New bytes are not zeroed. */
int sm_resize(void *p, size_t n, size_t size, struct sm_err *err) SM_MUST_CHECK;
/* Makes room for at least `need` elements in the array *p of capacity *cap, doubling.
 * Same failures as sm_resize. */
int sm_grow(void *p, size_t *cap, size_t need, size_t size, struct sm_err *err) SM_MUST_CHECK;
/* From now on memory may come in large pages, which is faster and leaves more of it unused: a few
 * MiB a thread. At first it does not. What is not large comes from one heap of all threads then, and
 * still does when this is taken back. Before there are threads. */
void sm_mem_large_pages(bool on);
/* size bytes, not zeroed, that stay long and are read here and there: blocks of a thread lie close
 * together on large pages, which are free for others when all blocks on them are freed. Those of
 * one kind are freed at about the same time. Not for sm_resize. */
enum sm_dense { SM_DENSE_RECORDS, SM_DENSE_TEXTS, SM_DENSE_KINDS };
void *sm_alloc_dense(enum sm_dense kind, size_t size) SM_MUST_CHECK;
/* Gives large pages without blocks back to the system: when no such blocks come for a while. */
void sm_mem_trim(void);
/* Accepts NULL. */
void sm_free(void *p);
/* Bytes handed out and not yet freed (as requested), and their peak since start. */
uint64_t sm_mem_now(void);
uint64_t sm_mem_peak(void);
#endif
