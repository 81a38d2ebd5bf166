/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <unistd.h>

#include "sdtmill/err.h"
#include "sdtmill/mem.h"

/* Runs first: the environment is read at the first request. */
static void third_request_fails_in_debug_builds_only(void **state) {
    (void)state;
    void *p[4];
    for (size_t i = 0; i < SM_ARRAY_LEN(p); i++) p[i] = sm_alloc(1, 8);
#ifdef SM_DEBUG
    assert_null(p[2]);
#else
    assert_non_null(p[2]);
#endif
    assert_non_null(p[0]);
    assert_non_null(p[1]);
    assert_non_null(p[3]);
    for (size_t i = 0; i < SM_ARRAY_LEN(p); i++) sm_free(p[i]);
}

static void alloc_gives_zeroed_counted_memory(void **state) {
    (void)state;
    uint64_t before = sm_mem_now();
    char *p = sm_alloc(100, 3);
    assert_non_null(p);
    for (size_t i = 0; i < 300; i++) assert_int_equal(p[i], 0);
    assert_int_equal(sm_mem_now() - before, 300);
    assert_true(sm_mem_peak() >= before + 300);
    sm_free(p);
    assert_int_equal(sm_mem_now(), before);
}

static void overflow_is_refused(void **state) {
    (void)state;
    struct sm_err e = {0};
    void *p = NULL;
    volatile size_t huge = SIZE_MAX / 2;
    assert_null(sm_alloc(huge, 3));
    assert_int_equal(sm_resize(&p, huge, 4, &e), SM_ENOMEM);
    assert_int_equal(e.code, SM_ENOMEM);
    assert_null(p);
}

static void nothing_has_an_address(void **state) {
    (void)state;
    void *p = sm_alloc(0, 8);
    assert_non_null(p);
    sm_free(p);
    sm_free(NULL);
}

static void grow_doubles_and_keeps_contents(void **state) {
    (void)state;
    uint64_t before = sm_mem_now();
    int *v = NULL;
    size_t cap = 0;
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(sm_grow(&v, &cap, (size_t)i + 1, sizeof *v, NULL), SM_OK);
        v[i] = i;
    }
    assert_int_equal(cap, 1024);
    for (int i = 0; i < 1000; i++) assert_int_equal(v[i], i);
    assert_int_equal(sm_mem_now() - before, 1024 * sizeof *v);
    assert_int_equal(sm_resize(&v, 10, sizeof *v, NULL), SM_OK);
    assert_int_equal(v[9], 9);
    sm_free(v);
    assert_int_equal(sm_mem_now(), before);
}

/* Blocks of every size, up to more than a region takes, given back in another order by another
 * thread. */
enum { DENSE = 600 };

enum { MIB = 1024 * 1024 };
static size_t dense_size(size_t i) { return i % 100 == 99 ? 700000 : i * 977 % 60000; }

static void *make_dense(void *arg) {
    unsigned char **p = arg;
    for (size_t i = 0; i < DENSE; i++) {
        p[i] = sm_alloc_dense((enum sm_dense)(i % SM_DENSE_KINDS), dense_size(i));
        if (p[i]) memset(p[i], (int)(i & 255), dense_size(i));
    }
    return NULL;
}

/* Bytes of memory this process has; 0 where that is not told. */
static size_t resident(void) {
    FILE *f = fopen("/proc/self/statm", "r");
    unsigned long pages = 0;
    if (f && fscanf(f, "%*u %lu", &pages) != 1) pages = 0;
    if (f) fclose(f);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void dense_blocks_do_not_overlap(void **state) {
    (void)state;
    static unsigned char *block[2][DENSE];
    for (int round = 0; round < 3; round++) { /* the third has the second's memory */
        uint64_t before = sm_mem_now(), wanted = 0;
        pthread_t thread[2];
        sm_mem_large_pages(round > 0);
        for (size_t t = 0; t < 2; t++)
            assert_int_equal(pthread_create(&thread[t], NULL, make_dense, block[t]), 0);
        for (size_t t = 0; t < 2; t++) assert_int_equal(pthread_join(thread[t], NULL), 0);
        for (size_t i = 0; i < DENSE; i++) {
            assert_non_null(block[0][i]);
            assert_non_null(block[1][i]);
            assert_int_equal((uintptr_t)block[0][i] % _Alignof(max_align_t), 0);
            wanted += 2 * dense_size(i);
        }
        assert_int_equal(sm_mem_now() - before, wanted);
        for (size_t k = 0; k < DENSE; k++) {
            size_t i = k * 7 % DENSE;
            for (size_t t = 0; t < 2; t++) {
                for (size_t at = 0; at < dense_size(i); at++)
                    if (block[t][i][at] != (i & 255)) fail_msg("block %zu at %zu", i, at);
                sm_free(block[t][i]);
            }
        }
        assert_int_equal(sm_mem_now(), before);
    }
    sm_mem_large_pages(false);
#ifndef __SANITIZE_ADDRESS__
    const size_t held = resident();
    sm_mem_trim();
    if (held) assert_true(resident() + MIB < held);
    sm_mem_trim();
#endif
}

int main(void) {
    setenv("SM_FAULT", "alloc:3", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(third_request_fails_in_debug_builds_only),
        cmocka_unit_test(alloc_gives_zeroed_counted_memory),
        cmocka_unit_test(dense_blocks_do_not_overlap),
        cmocka_unit_test(overflow_is_refused),
        cmocka_unit_test(nothing_has_an_address),
        cmocka_unit_test(grow_doubles_and_keeps_contents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
