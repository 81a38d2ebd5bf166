/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "sdtmill/err.h"

static void first_failure_wins(void **state) {
    (void)state;
    struct sm_err e = {0};
    assert_int_equal(sm_fail(&e, SM_EDATA, "file %s", "a.csv"), SM_EDATA);
    assert_int_equal(sm_fail(&e, SM_EIO, "other"), SM_EDATA);
    assert_string_equal(e.text, "file a.csv");
    sm_err_reset(&e);
    assert_int_equal(e.code, SM_OK);
    assert_string_equal(e.text, "");
}

static void context_is_prepended_only_to_a_failure(void **state) {
    (void)state;
    struct sm_err e = {0};
    assert_int_equal(sm_err_ctx(&e, "dataset %s", "AE"), SM_OK);
    assert_string_equal(e.text, "");
    sm_fail(&e, SM_ESPEC, "no such name");
    assert_int_equal(sm_err_ctx(&e, "dataset %s", "AE"), SM_ESPEC);
    assert_string_equal(e.text, "dataset AE: no such name");
}

static void errno_text_is_appended(void **state) {
    (void)state;
    struct sm_err e = {0};
    errno = ENOENT;
    assert_int_equal(sm_fail_sys(&e, SM_EDATA, "x.csv"), SM_EDATA);
    assert_int_equal(e.sys, ENOENT);
    assert_string_equal(e.text, "x.csv: No such file or directory");
}

static void message_stays_one_harmless_line(void **state) {
    (void)state;
    struct sm_err e = {0};
    sm_fail(&e, SM_EDATA, "a\nb\x1b[2Jc");
    assert_string_equal(e.text, "a b?[2Jc");
}

static void long_message_is_cut_between_characters(void **state) {
    (void)state;
    struct sm_err e = {0};
    char text[2000];
    for (size_t i = 0; i + 1 < sizeof text; i += 2) memcpy(text + i, "\xC3\xA4", 2);
    text[sizeof text - 2] = '\0';
    sm_fail(&e, SM_EDATA, "%s", text);
    assert_int_equal(strlen(e.text), 1022);
    sm_err_ctx(&e, "x");
    assert_int_equal(strlen(e.text), 1023);
}

static void nobody_listening_is_fine(void **state) {
    (void)state;
    assert_int_equal(sm_fail(NULL, SM_ELIMIT, "x"), SM_ELIMIT);
    assert_int_equal(sm_err_ctx(NULL, "x"), SM_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_failure_wins),
        cmocka_unit_test(context_is_prepended_only_to_a_failure),
        cmocka_unit_test(errno_text_is_appended),
        cmocka_unit_test(message_stays_one_harmless_line),
        cmocka_unit_test(long_message_is_cut_between_characters),
        cmocka_unit_test(nobody_listening_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
