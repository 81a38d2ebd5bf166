/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cmd/cmd.h"

static void every_failure_has_its_exit_code(void **state) {
    (void)state;
    static const struct {
        enum sm_rc rc;
        int code;
    } want[] = {{SM_OK, 0},      {SM_EUSAGE, 2},  {SM_ESPEC, 3},  {SM_EDATA, 4},
                {SM_EFORMAT, 4}, {SM_EIO, 5},     {SM_ELIMIT, 6}, {SM_ENOMEM, 6},
                {SM_ESTATE, 70}, {SM_EINTR, 130}, {SM_EOF, 70}};
    for (size_t i = 0; i < SM_ARRAY_LEN(want); i++)
        assert_int_equal(cmd_exit_of(want[i].rc), want[i].code);
}

static void the_level_decides_whether_findings_fail(void **state) {
    (void)state;
    struct sm_diags d;
    sm_diags_init(&d);
    assert_int_equal(cmd_findings_exit(&d, "note"), CMD_DONE);
    sm_diags_add(&d, &(struct sm_diag){.code = SM_D_NEVER_USED}, -1);
    assert_int_equal(cmd_findings_exit(&d, "note"), CMD_FINDINGS);
    assert_int_equal(cmd_findings_exit(&d, "warning"), CMD_DONE);
    sm_diags_add(&d, &(struct sm_diag){.code = SM_D_BLANK_ROW}, -1);
    assert_int_equal(cmd_findings_exit(&d, "warning"), CMD_FINDINGS);
    assert_int_equal(cmd_findings_exit(&d, "error"), CMD_DONE);
    sm_diags_add(&d, &(struct sm_diag){.code = SM_D_MALFORMED_ROW}, -1);
    assert_int_equal(cmd_findings_exit(&d, "error"), CMD_FINDINGS);
    assert_int_equal(cmd_findings_exit(&d, "never"), CMD_DONE);
    sm_diags_free(&d);
}

/* What the help, the completions and the manual check take for granted. */
static void every_verb_and_option_is_explained(void **state) {
    (void)state;
    for (const struct cmd_verb *v = cmd_verbs; v->name; v++) {
        assert_ptr_equal(cmd_find(v->name), v);
        assert_non_null(v->summary);
        assert_non_null(v->usage);
        assert_non_null(v->run);
        size_t lines = 0;
        for (const char *p = v->examples; (p = strchr(p, '\n')) != NULL; p++)
            lines++;
        if (lines != 3 || v->examples[strlen(v->examples) - 1] != '\n')
            fail_msg("%s: %zu examples, or no line end", v->name, lines);
        for (const struct sm_opt *o = v->opts; o->name; o++) {
            assert_non_null(o->help);
            if (o->kind != SM_OPT_FLAG && !o->arg)
                fail_msg("--%s takes something unnamed", o->name);
        }
    }
    assert_null(cmd_find("convret"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_failure_has_its_exit_code),
        cmocka_unit_test(the_level_decides_whether_findings_fail),
        cmocka_unit_test(every_verb_and_option_is_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
