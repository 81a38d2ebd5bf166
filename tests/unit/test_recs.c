/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sdtmill/batch.h"
#include "sdtmill/err.h"
#include "sdtmill/mem.h"

static void growing_keeps_what_is_there(void **state) {
    (void)state;
    struct sm_recs r = {0};
    struct sm_err err = {0};
    assert_int_equal(sm_recs_reserve(&r, 3, 10, &err), SM_OK);
    for (uint32_t c = 0; c < 3; c++)
        for (uint32_t i = 0; i < 10; i++)
            r.col[c][i] = c * 100 + i;
    for (uint32_t i = 0; i < 10; i++)
        r.pos[i] = i;
    r.nrow = 10;
    assert_int_equal(sm_recs_reserve(&r, 5, 5000, &err), SM_OK);
    assert_int_equal(r.ncol, 5);
    assert_true(r.cap >= 5000);
    for (uint32_t c = 0; c < 3; c++)
        for (uint32_t i = 0; i < 10; i++)
            assert_int_equal(r.col[c][i], c * 100 + i);
    assert_int_equal(r.pos[9], 9);
    r.col[4][4999] = 1;
    sm_recs_free(&r);
}

static void fewer_columns_and_back_again_lose_no_memory(void **state) {
    (void)state;
    struct sm_recs r = {0};
    struct sm_err err = {0};
    uint64_t before = sm_mem_now();
    assert_int_equal(sm_recs_reserve(&r, 8, 100, &err), SM_OK);
    assert_int_equal(sm_recs_reserve(&r, 2, 100, &err), SM_OK);
    assert_int_equal(r.ncol, 2);
    assert_int_equal(sm_recs_reserve(&r, 8, 9000, &err), SM_OK);
    r.col[7][8999] = 5;
    sm_recs_clear(&r);
    assert_int_equal(r.nrow, 0);
    sm_recs_free(&r);
    assert_int_equal(sm_mem_now(), before);
    sm_recs_free(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(growing_keeps_what_is_there),
        cmocka_unit_test(fewer_columns_and_back_again_lose_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
