/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sdtmill/buf.h"
#include "sdtmill/err.h"

static void appends_of_every_kind_add_up(void **state) {
    (void)state;
    struct sm_buf b;
    sm_buf_init(&b, 0);
    sm_buf_add(&b, "ab", 2);
    sm_buf_add_str(&b, SM_STR("cd"));
    sm_buf_add_str(&b, sm_str(NULL));
    sm_buf_add_c(&b, "ef");
    sm_buf_add_byte(&b, '|');
    sm_buf_add_u64(&b, UINT64_MAX);
    sm_buf_add_byte(&b, '|');
    sm_buf_add_i64(&b, INT64_MIN);
    sm_buf_printf(&b, "|%s-%d", "x", 5);
    assert_string_equal(b.p, "abcdef|18446744073709551615|-9223372036854775808|x-5");
    assert_int_equal(b.n, strlen(b.p));
    assert_int_equal(sm_buf_check(&b, NULL), SM_OK);
    sm_buf_free(&b);
    assert_null(b.p);
}

static void long_printf_grows_the_buffer(void **state) {
    (void)state;
    struct sm_buf b;
    sm_buf_init(&b, 0);
    for (int i = 0; i < 50; i++) sm_buf_printf(&b, "%0*d", i * 10 + 1, i);
    size_t want = 0;
    for (size_t i = 0; i < 50; i++) want += i * 10 + 1;
    assert_int_equal(b.n, want);
    assert_int_equal(strlen(b.p), want);
    sm_buf_free(&b);
}

static void ceiling_is_exact_and_failure_sticks(void **state) {
    (void)state;
    struct sm_err e = {0};
    struct sm_buf b;
    sm_buf_init(&b, 5);
    sm_buf_add_c(&b, "12345");
    assert_false(b.failed);
    sm_buf_add_c(&b, "6");
    assert_true(b.failed);
    sm_buf_printf(&b, "%s", "");
    assert_true(b.failed);
    assert_string_equal(b.p, "12345");
    assert_int_equal(sm_buf_check(&b, &e), SM_ELIMIT);
    sm_buf_clear(&b);
    assert_false(b.failed);
    sm_buf_printf(&b, "%s", "123456");
    assert_true(b.failed);
    assert_string_equal(b.p, "");
    sm_buf_free(&b);
}

static void reserved_room_may_be_written_directly(void **state) {
    (void)state;
    struct sm_buf b;
    sm_buf_init(&b, 0);
    assert_true(sm_buf_reserve(&b, 100));
    memset(b.p + b.n, 'z', 100);
    b.n += 100;
    sm_buf_add_c(&b, "!");
    assert_int_equal(sm_buf_str(&b).n, 101);
    assert_int_equal(b.p[99], 'z');
    assert_int_equal(b.p[100], '!');
    sm_buf_free(&b);
}

static void impossible_reserve_fails_as_out_of_memory(void **state) {
    (void)state;
    struct sm_buf b;
    sm_buf_init(&b, 0);
    sm_buf_add_c(&b, "x");
    assert_false(sm_buf_reserve(&b, SIZE_MAX));
    assert_int_equal(sm_buf_check(&b, NULL), SM_ENOMEM);
    sm_buf_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_of_every_kind_add_up),
        cmocka_unit_test(long_printf_grows_the_buffer),
        cmocka_unit_test(ceiling_is_exact_and_failure_sticks),
        cmocka_unit_test(reserved_room_may_be_written_directly),
        cmocka_unit_test(impossible_reserve_fails_as_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
