/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "map_kit.h"

static struct kit kit;
static uint32_t a, b, x, y, z; /* columns A and B, variables X, Y and Z */

static int open_kit(void **state) {
    (void)state;
    kit_open(&kit);
    a = kit_column(&kit, "A", SM_COL_TEXT);
    b = kit_column(&kit, "B", SM_COL_TEXT);
    x = kit_var(&kit, "X");
    y = kit_var(&kit, "Y");
    z = kit_var(&kit, "Z");
    return 0;
}
static int close_kit(void **state) {
    (void)state;
    kit_close(&kit);
    return 0;
}

static void expect(uint32_t var, const char *first, const char *second) {
    assert_string_equal(kit_out(&kit, 0, var), first);
    assert_string_equal(kit_out(&kit, 1, var), second);
}

static void rules_over_the_same_inputs_share_one_memo(void **state) {
    (void)state;
    kit_compute(&kit, x, "concat(A, '1')");
    kit_assign(&kit, z, b);
    kit_compute(&kit, y, "concat(A, '2')");
    KIT_ROW(&kit, "", "p", "q");
    KIT_ROW(&kit, "", "p", "r");
    kit_run(&kit);
    expect(x, "p1", "p1");
    expect(y, "p2", "p2");
    expect(z, "q", "r");
    const struct map_rule *r = kit.worker->plan->tpl[0].rule;
    assert_ptr_equal(r[0].next, &r[2]);
    assert_true(r[2].follows && !r[1].follows);
}

static void a_rule_between_that_writes_an_input_is_seen(void **state) {
    (void)state;
    uint32_t p = kit_var(&kit, "P");
    kit_assign(&kit, z, a);
    kit_compute(&kit, x, "concat(Z, '1')");
    kit_assign(&kit, z, b);
    kit_compute(&kit, y, "concat(Z, '2')");
    kit_compute(&kit, p, "concat(Z, '3')");
    KIT_ROW(&kit, "", "p", "q");
    KIT_ROW(&kit, "", "p", "r");
    kit_run(&kit);
    expect(x, "p1", "p1");
    expect(y, "q2", "r2");
    expect(p, "q3", "r3");
}

static void a_rule_between_reads_what_was_there_before(void **state) {
    (void)state;
    kit_assign(&kit, z, b);
    kit_compute(&kit, x, "concat(A, '1')");
    kit_compute(&kit, y, "concat(Z, 'y')");
    kit_compute(&kit, z, "concat(A, '2')");
    KIT_ROW(&kit, "", "p", "q");
    KIT_ROW(&kit, "", "p", "r");
    kit_run(&kit);
    expect(y, "qy", "ry");
    expect(z, "p2", "p2");
}

static void a_guard_between_reads_what_was_there_before(void **state) {
    (void)state;
    kit_assign(&kit, z, b);
    kit_compute(&kit, x, "concat(A, '1')");
    struct sm_rule *r = kit_assign(&kit, y, a);
    r->guard = kit_guard(&kit, "Z = 'q'", false, NULL);
    kit_compute(&kit, z, "concat(A, '2')");
    KIT_ROW(&kit, "", "p", "q");
    KIT_ROW(&kit, "", "p", "r");
    kit_run(&kit);
    expect(y, "p", "");
    expect(z, "p2", "p2");
}

static void the_last_of_two_rules_for_a_variable_has_its_way(void **state) {
    (void)state;
    kit_compute(&kit, x, "concat(A, '1')");
    kit_assign(&kit, z, b);
    kit_compute(&kit, z, "concat(A, '2')");
    kit_compute(&kit, y, "concat(A, '3')");
    kit_assign(&kit, y, b);
    KIT_ROW(&kit, "", "p", "q");
    KIT_ROW(&kit, "", "p", "r");
    kit_run(&kit);
    expect(z, "p2", "p2");
    expect(y, "q", "r");
}

static void what_is_left_is_asked_again_when_a_variable_changed(void **state) {
    (void)state;
    const struct sm_guard *g = kit_guard(&kit, "X = 'p'", false, NULL);
    struct sm_guard rest = *g;
    rest.negate = true;
    kit_assign(&kit, x, a);
    struct sm_rule *r = kit_rule(&kit, SM_RULE_CONSTANT, x);
    r->value = kit_val(&kit, "changed");
    r->guard = g;
    r = kit_rule(&kit, SM_RULE_CONSTANT, y);
    r->value = kit_val(&kit, "rest");
    r->guard = &rest;
    KIT_ROW(&kit, "", "p", "");
    KIT_ROW(&kit, "", "q", "");
    kit_run(&kit);
    expect(x, "changed", "q");
    expect(y, "rest", "rest");
}

static void both_branches_of_a_condition_have_its_findings(void **state) {
    (void)state;
    const struct sm_guard *g = kit_guard(&kit, "number(A) > 5", false, NULL);
    struct sm_guard rest = *g;
    rest.negate = true;
    kit_assign(&kit, x, b)->guard = g;
    kit_assign(&kit, y, b)->guard = &rest;
    KIT_ROW(&kit, "", "7", "high");
    KIT_ROW(&kit, "", "no number", "low");
    kit_run(&kit);
    expect(x, "high", "");
    expect(y, "", "low");
    assert_int_equal(kit.batch.diags.n, 2);
}

static void a_post_rule_reads_nothing_from_a_variable_that_is_given_later(void **state) {
    (void)state;
    kit_assign(&kit, x, a);
    struct sm_rule *r = kit_post(&kit, SM_RULE_COMPUTE, y);
    r->expr = kit_expr(&kit, "concat('<', Z, '>')");
    r = kit_post(&kit, SM_RULE_COMPUTE, z);
    r->expr = kit_expr(&kit, "concat(A, B)");
    KIT_ROW(&kit, "", "p", "q");
    KIT_ROW(&kit, "", "p", "r");
    assert_int_equal(sm_recs_reserve(&kit.out, kit.domain.nvar, 8, NULL), SM_OK);
    for (uint32_t v = 0; v < kit.domain.nvar; v++)
        for (uint32_t i = 0; i < 8; i++)
            kit.out.col[v][i] = kit_val(&kit, "left");
    kit_run(&kit);
    expect(y, "<>", "<>");
    expect(z, "pq", "pr");
}

static void run_many(uint32_t times) {
    kit_compute(&kit, x, "concat(A, 'x')");
    for (uint32_t i = 0; i < 2000; i++) {
        char text[16];
        assert_true(snprintf(text, sizeof text, "%u", i) > 0);
        KIT_ROW(&kit, "", text, "");
    }
    while (times--)
        kit_run(&kit);
    assert_string_equal(kit_out(&kit, 1999, x), "1999x");
    assert_string_equal(kit_out(&kit, kit.out.nrow - 1, x), "1999x");
}

static void a_memo_grows_with_what_comes(void **state) {
    (void)state;
    run_many(6);
    assert_true(kit.worker->memo_bytes > 20000);
    sm_map_forget(kit.worker, &kit.domain); /* and goes when there is nothing more to come */
    assert_true(kit.worker->memo_bytes == 0);
    kit_run(&kit);
    assert_string_equal(kit_out(&kit, kit.out.nrow - 1, x), "1999x");
}

static void memos_stay_below_their_limit(void **state) {
    (void)state;
    kit.rt.memo_bytes = 10000;
    run_many(6);
    assert_true(kit.worker->memo_bytes <= 10000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rules_over_the_same_inputs_share_one_memo, open_kit,
                                        close_kit),
        cmocka_unit_test_setup_teardown(a_rule_between_that_writes_an_input_is_seen, open_kit,
                                        close_kit),
        cmocka_unit_test_setup_teardown(a_rule_between_reads_what_was_there_before, open_kit,
                                        close_kit),
        cmocka_unit_test_setup_teardown(a_guard_between_reads_what_was_there_before, open_kit,
                                        close_kit),
        cmocka_unit_test_setup_teardown(the_last_of_two_rules_for_a_variable_has_its_way, open_kit,
                                        close_kit),
        cmocka_unit_test_setup_teardown(what_is_left_is_asked_again_when_a_variable_changed,
                                        open_kit, close_kit),
        cmocka_unit_test_setup_teardown(both_branches_of_a_condition_have_its_findings, open_kit,
                                        close_kit),
        cmocka_unit_test_setup_teardown(
            a_post_rule_reads_nothing_from_a_variable_that_is_given_later, open_kit, close_kit),
        cmocka_unit_test_setup_teardown(a_memo_grows_with_what_comes, open_kit, close_kit),
        cmocka_unit_test_setup_teardown(memos_stay_below_their_limit, open_kit, close_kit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
