/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sdtmill/arena.h"
#include "sdtmill/mem.h"

static void memory_is_aligned_zeroed_and_apart(void **state) {
    (void)state;
    struct sm_arena a = {0};
    unsigned char *last = NULL;
    for (size_t i = 0; i < 3000; i++) {
        size_t n = i * 7 % 500;
        unsigned char *p = sm_arena_alloc(&a, n);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
        for (size_t k = 0; k < n; k++) assert_int_equal(p[k], 0);
        memset(p, 0xEE, n);
        assert_ptr_not_equal(p, last);
        last = p;
    }
    sm_arena_free(&a);
}

static void memory_is_zero_again_after_reset(void **state) {
    (void)state;
    struct sm_arena a;
    sm_arena_init(&a);
    char *p = sm_arena_alloc(&a, 2000);
    assert_non_null(p);
    memset(p, 'x', 2000);
    sm_arena_reset(&a);
    p = sm_arena_array(&a, 300, 10);
    assert_non_null(p);
    for (size_t k = 0; k < 3000; k++) assert_int_equal(p[k], 0);
    sm_arena_free(&a);
}

/* Large blocks come with whatever stood there. */
static void large_blocks_are_zeroed_when_it_is_asked_for(void **state) {
    (void)state;
    enum { LARGE = 600 * 1000, SOME = 1000 };
    for (int i = 0; i < 3; i++) {
        struct sm_arena a = {0};
        assert_true(sm_arena_reserve(&a, LARGE));
        const size_t total = a.total;
        assert_true(total >= LARGE && total < LARGE * 5 / 4);
        char *p = sm_arena_raw(&a, LARGE - SOME);
        assert_non_null(p);
        memset(p, 'x', LARGE - SOME);
        p = sm_arena_alloc(&a, SOME - 100);
        assert_non_null(p);
        for (size_t k = 0; k < SOME - 100; k++) assert_int_equal(p[k], 0);
        memset(p, 'x', SOME - 100);
        assert_true(a.total == total);
        char *own = sm_arena_array(&a, LARGE, 1);
        assert_non_null(own);
        for (size_t k = 0; k < LARGE; k++) assert_int_equal(own[k], 0);
        memset(own, 'x', LARGE);
        sm_arena_free(&a);
    }
}

static void reset_keeps_the_largest_block_only(void **state) {
    (void)state;
    struct sm_arena a = {0};
    uint64_t before = sm_mem_now();
    assert_non_null(sm_arena_alloc(&a, 10));
    assert_non_null(sm_arena_alloc(&a, 3 * 1024 * 1024));
    assert_non_null(sm_arena_alloc(&a, 10));
    assert_int_equal(a.size, 4096);
    assert_int_equal(a.total, 4096 + 3 * 1024 * 1024);
    sm_arena_reset(&a);
    assert_int_equal(a.total, 3 * 1024 * 1024);
    assert_int_equal(a.used, 0);
    sm_arena_free(&a);
    assert_int_equal(a.total, 0);
    assert_int_equal(sm_mem_now(), before);
}

static void blocks_double_up_to_a_mebibyte(void **state) {
    (void)state;
    struct sm_arena a = {0};
    for (int i = 0; i < 30000; i++) assert_non_null(sm_arena_alloc(&a, 200));
    assert_int_equal(a.size, 1024 * 1024);
    sm_arena_free(&a);
}

static void copies_end_with_nul_and_no_value_stays_none(void **state) {
    (void)state;
    struct sm_arena a = {0};
    struct sm_str s = sm_arena_dup(&a, sm_str_n("abcdef", 3));
    assert_string_equal(s.p, "abc");
    assert_int_equal(s.n, 3);
    s = sm_arena_dup(&a, SM_STR(""));
    assert_non_null(s.p);
    assert_int_equal(s.n, 0);
    assert_null(sm_arena_dup(&a, sm_str(NULL)).p);
    s = sm_arena_printf(&a, "%0500d", 7);
    assert_int_equal(s.n, 500);
    assert_int_equal(s.p[499], '7');
    sm_arena_free(&a);
}

static void absurd_sizes_are_refused(void **state) {
    (void)state;
    struct sm_arena a = {0};
    volatile size_t huge = SIZE_MAX / 4;
    assert_null(sm_arena_array(&a, huge, 8));
    assert_null(sm_arena_alloc(&a, huge * 3));
    sm_arena_free(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_aligned_zeroed_and_apart),
        cmocka_unit_test(memory_is_zero_again_after_reset),
        cmocka_unit_test(large_blocks_are_zeroed_when_it_is_asked_for),
        cmocka_unit_test(reset_keeps_the_largest_block_only),
        cmocka_unit_test(blocks_double_up_to_a_mebibyte),
        cmocka_unit_test(copies_end_with_nul_and_no_value_stays_none),
        cmocka_unit_test(absurd_sizes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
