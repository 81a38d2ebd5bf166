/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <signal.h>

#include "sdtmill/pool.h"

#include "sdtmill/err.h"
#include "sdtmill/mem.h"

enum { POOL_THREADS_MOST = 1024 };

struct pool_slot {
    void *job;
    bool done;
};

struct pool_worker {
    struct sm_pool *pool;
    void *state;
    pthread_t thread;
};

/* Jobs put so far: [0, got) taken, [got, next) with a worker or done, [next, put) waiting. The
 * slot of job i is i % slots. Only the calling thread changes put and got. */
struct sm_pool {
    void (*work)(void *job, void *state);
    pthread_mutex_t lock;
    pthread_cond_t more; /* something to do, or stop */
    pthread_cond_t done; /* a job was done */
    struct pool_slot *slot;
    struct pool_worker *worker; /* [0] is the calling thread */
    unsigned slots, started;    /* started: not yet joined, [1..started] */
    uint64_t got, next, put;
    bool inside; /* no threads: work runs in put */
    bool stop;
};

/* Runs the next job that waits; the lock is held before and after, not meanwhile. */
static void pool_run(struct sm_pool *p, const struct pool_worker *w) {
    struct pool_slot *s = &p->slot[p->next++ % p->slots];
    void *job = s->job;
    pthread_mutex_unlock(&p->lock);
    p->work(job, w->state);
    pthread_mutex_lock(&p->lock);
    s->done = true;
}

static void *pool_main(void *arg) {
    struct pool_worker *w = arg;
    struct sm_pool *p = w->pool;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        while (!p->stop && p->next == p->put)
            pthread_cond_wait(&p->more, &p->lock);
        if (p->stop) break;
        pool_run(p, w);
        pthread_cond_signal(&p->done);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* Signals belong to the calling thread, so workers are born with all of them blocked. */
static int pool_start(struct sm_pool *p, unsigned threads, struct sm_err *err) {
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int sys = 0;
    while (p->started + 1 < threads && sys == 0) {
        struct pool_worker *w = &p->worker[p->started + 1];
        sys = pthread_create(&w->thread, NULL, pool_main, w);
        if (sys == 0) p->started++;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (sys == 0) return SM_OK;
    return sm_fail(err, SM_ELIMIT, "cannot start thread %u of %u (error %d); ask for fewer threads",
                   p->started + 2, threads, sys);
}

int sm_pool_open(struct sm_pool **ret, unsigned threads, void (*work)(void *job, void *state),
                 void **states, struct sm_err *err) {
    if (threads > POOL_THREADS_MOST)
        return sm_fail(err, SM_ELIMIT, "%u threads are more than %d", threads, POOL_THREADS_MOST);
    if (threads == 0) threads = 1;
    struct sm_pool *p = sm_alloc(1, sizeof *p);
    if (p == NULL) return sm_fail(err, SM_ENOMEM, "out of memory");
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->more, NULL);
    pthread_cond_init(&p->done, NULL);
    p->work = work;
    p->inside = threads == 1;
    p->slots = p->inside ? 1 : 2 * threads + 2;
    p->slot = sm_alloc(p->slots, sizeof *p->slot);
    p->worker = sm_alloc(threads, sizeof *p->worker);
    int rc = SM_OK;
    if (p->slot == NULL || p->worker == NULL) rc = sm_fail(err, SM_ENOMEM, "out of memory");
    for (unsigned i = 0; rc == SM_OK && i < threads; i++) {
        p->worker[i].pool = p;
        p->worker[i].state = states ? states[i] : NULL;
    }
    if (rc == SM_OK && !p->inside) rc = pool_start(p, threads, err);
    if (rc != SM_OK) {
        sm_pool_close(p, NULL);
        return rc;
    }
    *ret = p;
    return SM_OK;
}

bool sm_pool_busy(const struct sm_pool *p) {
    return p->put != p->got;
}

bool sm_pool_full(const struct sm_pool *p) {
    return p->put - p->got == p->slots;
}

void sm_pool_put(struct sm_pool *p, void *job) {
    if (sm_pool_full(p)) abort(); /* nobody else could ever make room */
    struct pool_slot *s = &p->slot[p->put % p->slots];
    if (p->inside) {
        p->work(job, p->worker[0].state);
        *s = (struct pool_slot){job, true};
        p->next = ++p->put;
        return;
    }
    pthread_mutex_lock(&p->lock);
    *s = (struct pool_slot){job, false};
    p->put++;
    pthread_cond_signal(&p->more);
    pthread_mutex_unlock(&p->lock);
}

void *sm_pool_get(struct sm_pool *p) {
    if (p->got == p->put) return NULL;
    struct pool_slot *s = &p->slot[p->got % p->slots];
    pthread_mutex_lock(&p->lock);
    while (!s->done) {
        if (p->next != p->put) pool_run(p, &p->worker[0]);
        else pthread_cond_wait(&p->done, &p->lock);
    }
    p->got++;
    pthread_mutex_unlock(&p->lock);
    return s->job;
}

void sm_pool_close(struct sm_pool *p, void (*discard)(void *job)) {
    if (p == NULL) return;
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_broadcast(&p->more);
    pthread_mutex_unlock(&p->lock);
    for (unsigned i = 1; i <= p->started; i++)
        pthread_join(p->worker[i].thread, NULL);
    for (; discard && p->got != p->put; p->got++)
        discard(p->slot[p->got % p->slots].job);
    pthread_cond_destroy(&p->done);
    pthread_cond_destroy(&p->more);
    pthread_mutex_destroy(&p->lock);
    sm_free(p->worker);
    sm_free(p->slot);
    sm_free(p);
}
