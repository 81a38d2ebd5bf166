/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sdtmill/err.h"
#include "sdtmill/hash.h"

static void sha256_matches_the_standard_vectors(void **state) {
    (void)state;
    struct sm_sha256 *h = NULL;
    char out[65];
    assert_int_equal(sm_sha256_open(&h, NULL), SM_OK);
    sm_sha256_add(h, "a", 1);
    sm_sha256_add(h, NULL, 0);
    sm_sha256_add(h, "bc", 2);
    sm_sha256_finish(h, out);
    assert_string_equal(out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(sm_sha256_open(&h, NULL), SM_OK);
    sm_sha256_finish(h, out);
    assert_string_equal(out, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_int_equal(sm_sha256_open(&h, NULL), SM_OK);
    sm_sha256_free(h);
    sm_sha256_free(NULL);
}

static void hash_is_fixed_and_depends_on_every_byte(void **state) {
    (void)state;
    assert_true(sm_hash("", 0) == sm_hash(NULL, 0));
    assert_true(sm_hash("", 0) == UINT64_C(0x2d06800538d394c2));
    char text[100] = {0};
    uint64_t before = sm_hash(text, sizeof text);
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = 1;
        assert_true(sm_hash(text, sizeof text) != before);
        text[i] = 0;
    }
}

static void wide_hash_depends_on_the_seed(void **state) {
    (void)state;
    struct sm_hash128 a = sm_hash128("x", 1, 0), b = sm_hash128("x", 1, 1);
    struct sm_hash128 c = sm_hash128("x", 1, 0);
    assert_true(a.lo != b.lo && a.hi != b.hi);
    assert_true(a.lo == c.lo && a.hi == c.hi);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_matches_the_standard_vectors),
        cmocka_unit_test(hash_is_fixed_and_depends_on_every_byte),
        cmocka_unit_test(wide_hash_depends_on_the_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
