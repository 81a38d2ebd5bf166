/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_POOL_H
#define SDTMILL_POOL_H
/* pool.h - an ordered worker pool: jobs go in with serial numbers, results come out in the same
 * order whatever thread finished first. A ring of 2n+2 slots (of one without threads, so that one job has
 * the same memory again and again), one mutex, two condition variables.
 * n threads with the calling one, which is producer, consumer and worker 0: it runs jobs where it
 * would wait in sm_pool_get. n <= 1 creates no thread: work runs inside sm_pool_put (the reference
 * path). A job is moved: producer -> one worker -> consumer. Workers cannot fail; they note failures
 * in the job. */
#include "sdtmill/common.h"

struct sm_pool;
/* work(job, worker_state[i]) runs on worker i; states may be NULL. */
int sm_pool_open(struct sm_pool **ret, unsigned threads, void (*work)(void *job, void *state),
                 void **states, struct sm_err *err) SM_MUST_CHECK;
/* True when a put would block: take one result first. */
bool sm_pool_full(const struct sm_pool *p);
/* Not when the pool is full (the program stops: nobody else could make room). */
void sm_pool_put(struct sm_pool *p, void *job);
/* The oldest job; until it is done, runs others or waits. NULL when none is under way. */
void *sm_pool_get(struct sm_pool *p);
/* Is some job under way, or done and not taken? */
bool sm_pool_busy(const struct sm_pool *p);
/* Waits for running jobs, hands every job not taken to discard (may be NULL), joins. */
void sm_pool_close(struct sm_pool *p, void (*discard)(void *job));
#endif
