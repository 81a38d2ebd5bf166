/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sdtmill/pool.h"

struct job {
    unsigned in, out;
    bool discarded;
};

static void work(void *arg, void *state) {
    struct job *j = arg;
    unsigned v = j->in;
    /* Uneven load, so that later jobs overtake earlier ones. */
    for (unsigned i = 0; i < (j->in % 7 == 0 ? 20000u : 10u); i++) v = v * 1664525u + 1013904223u;
    j->out = v | 1u;
    if (state) ++*(unsigned *)state;
}

static void discard(void *arg) { ((struct job *)arg)->discarded = true; }

static void run(unsigned threads, unsigned *out, unsigned n) {
    struct sm_pool *p = NULL;
    unsigned count[8] = {0}, total = 0;
    void *states[8];
    for (size_t i = 0; i < SM_ARRAY_LEN(count); i++) states[i] = &count[i];
    struct job *jobs = test_calloc(n, sizeof *jobs);
    assert_int_equal(sm_pool_open(&p, threads, work, states, NULL), SM_OK);
    unsigned got = 0;
    for (unsigned i = 0; i < n; i++) {
        jobs[i].in = i;
        if (sm_pool_full(p)) {
            struct job *j = sm_pool_get(p);
            assert_ptr_equal(j, &jobs[got]);
            out[got++] = j->out;
        }
        sm_pool_put(p, &jobs[i]);
    }
    for (struct job *j; (j = sm_pool_get(p)) != NULL;) {
        assert_ptr_equal(j, &jobs[got]);
        out[got++] = j->out;
    }
    assert_int_equal(got, n);
    sm_pool_close(p, discard);
    for (size_t i = 0; i < SM_ARRAY_LEN(count); i++) total += count[i];
    assert_int_equal(total, n);
    for (unsigned i = 0; i < n; i++) assert_false(jobs[i].discarded);
    test_free(jobs);
}

static void results_come_in_order_for_any_number_of_threads(void **state) {
    (void)state;
    enum { N = 500 };
    unsigned want[N], have[N];
    run(1, want, N);
    for (unsigned threads = 0; threads <= 8; threads += 2) {
        memset(have, 0, sizeof have);
        run(threads, have, N);
        assert_memory_equal(have, want, sizeof want);
    }
}

static void ring_holds_two_jobs_a_thread_and_two(void **state) {
    (void)state;
    struct sm_pool *p = NULL;
    struct job jobs[8] = {{0}};
    assert_int_equal(sm_pool_open(&p, 3, work, NULL, NULL), SM_OK);
    assert_null(sm_pool_get(p));
    for (size_t i = 0; i < 8; i++) {
        assert_false(sm_pool_full(p));
        sm_pool_put(p, &jobs[i]);
    }
    assert_true(sm_pool_full(p));
    assert_ptr_equal(sm_pool_get(p), &jobs[0]);
    assert_false(sm_pool_full(p));
    sm_pool_close(p, discard);
    assert_false(jobs[0].discarded);
    for (size_t i = 1; i < 8; i++) assert_true(jobs[i].discarded);
}

static void close_takes_idle_and_missing_pools(void **state) {
    (void)state;
    struct sm_pool *p = NULL;
    assert_int_equal(sm_pool_open(&p, 4, work, NULL, NULL), SM_OK);
    sm_pool_close(p, NULL);
    sm_pool_close(NULL, discard);
    assert_int_equal(sm_pool_open(&p, 100000, work, NULL, NULL), SM_ELIMIT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_come_in_order_for_any_number_of_threads),
        cmocka_unit_test(ring_holds_two_jobs_a_thread_and_two),
        cmocka_unit_test(close_takes_idle_and_missing_pools),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
