/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sdtmill/check.h"
#include "sdtmill/err.h"

#define NAME(literal)                                                                              \
    { (literal), sizeof(literal) - 1 }

enum { V_USUBJID, V_TERM, V_NOTE, NVAR, ROWS = 4 };

struct world {
    struct sm_texts *texts;
    struct sm_intern *in;
    struct sm_spec spec;
    struct sm_domain d;
    struct sm_diags diags;
    struct sm_row_checks *checks;
    struct sm_err err;
    sm_val cell[ROWS * NVAR];
    sm_pos pos[ROWS];
    uint32_t n;
};

static const struct sm_str files[] = {NAME("a.csv"), NAME("b.csv")};
static const uint32_t key[] = {V_USUBJID, V_TERM};
static const struct sm_var var[NVAR] = {{.name = NAME("USUBJID")},
                                        {.name = NAME("AETERM"), .required = true},
                                        {.name = NAME("AENOTE"), .length = 4}};

static int setup(void **state) {
    struct world *w = test_calloc(1, sizeof *w);
    assert_int_equal(sm_texts_open(&w->texts, &w->err), SM_OK);
    assert_int_equal(sm_intern_open(&w->in, w->texts, &w->err), SM_OK);
    sm_diags_init(&w->diags);
    w->spec.texts = w->texts;
    w->d = (struct sm_domain){.name = NAME("AE"),
                              .var = var,
                              .nvar = NVAR,
                              .key = key,
                              .nkey = 2,
                              .usubjid = V_USUBJID,
                              .seq = SM_NO};
    assert_int_equal(sm_row_checks_open(&w->checks, &w->spec, &w->d, files, &w->diags, &w->err),
                     SM_OK);
    *state = w;
    return 0;
}

static int teardown(void **state) {
    struct world *w = *state;
    sm_row_checks_close(w->checks);
    sm_diags_free(&w->diags);
    sm_intern_close(w->in);
    sm_texts_close(w->texts);
    test_free(w);
    return 0;
}

static void row(struct world *w, uint32_t file, uint64_t line, const char *subject,
                const char *term, const char *note) {
    sm_val *v = &w->cell[(size_t)w->n * NVAR];
    v[V_USUBJID] = sm_val_make(w->in, sm_str(subject));
    v[V_TERM] = sm_val_make(w->in, sm_str(term));
    v[V_NOTE] = sm_val_make(w->in, sm_str(note));
    w->pos[w->n++] = sm_pos_make(file, line, 0);
}

static void block(struct world *w) {
    struct sm_block b = {w->cell, w->pos, w->n, NVAR};
    assert_int_equal(sm_row_checks_block(w->checks, &b, &w->err), SM_OK);
    w->n = 0;
}

static void a_good_record_is_passed_over(void **state) {
    struct world *w = *state;
    row(w, 0, 2, "S-1", "Rash", "abcd");
    row(w, 0, 3, "S-1", "Cough", "");
    block(w);
    assert_int_equal(w->diags.n, 0);
}

static void an_empty_required_variable_is_named(void **state) {
    struct world *w = *state;
    row(w, 1, 7, "S-1", "", "");
    block(w);
    assert_int_equal(w->diags.n, 1);
    const struct sm_diag *d = w->diags.first;
    assert_int_equal(d->code, SM_D_REQUIRED_MISSING);
    assert_true(sm_str_eq_c(d->variable, "AETERM"));
    assert_true(sm_str_eq_c(d->file, "b.csv"));
    assert_int_equal(d->line, 7);
    assert_true(sm_str_eq_c(d->subject, "S-1"));
}

static void a_value_of_the_declared_length_is_kept_and_a_longer_one_reported(void **state) {
    struct world *w = *state;
    row(w, 0, 2, "S-1", "Rash", "abcd");
    row(w, 0, 3, "S-2", "Rash", "abcde");
    block(w);
    assert_int_equal(w->diags.n, 1);
    assert_int_equal(w->diags.first->code, SM_D_LENGTH_LIMIT);
    assert_true(sm_str_eq_c(w->diags.first->value, "abcde"));
    assert_int_equal(w->diags.first->line, 3);
}

static void lengths_are_bytes(void **state) {
    struct world *w = *state;
    row(w, 0, 2, "S-1", "Rash", "\xC3\xA9\xC3\xA9\xC3\xA9");
    block(w);
    assert_int_equal(w->diags.n, 1);
}

static void equal_keys_name_the_record_before(void **state) {
    struct world *w = *state;
    row(w, 0, 2, "S-1", "Rash", "");
    row(w, 1, 9, "S-1", "Rash", "x");
    row(w, 1, 10, "S-2", "Rash", "");
    block(w);
    assert_int_equal(w->diags.n, 1);
    const struct sm_diag *d = w->diags.first;
    assert_int_equal(d->code, SM_D_KEY_NOT_UNIQUE);
    assert_true(sm_str_eq_c(d->detail, "record has the keys of a.csv:2: USUBJID AETERM"));
    assert_true(sm_str_eq_c(d->file, "b.csv"));
}

static void equal_keys_are_seen_across_blocks(void **state) {
    struct world *w = *state;
    row(w, 0, 2, "S-1", "Rash", "");
    block(w);
    row(w, 0, 3, "S-1", "Rash", "");
    block(w);
    assert_int_equal(w->diags.n, 1);
}

static void a_new_start_knows_no_record_before(void **state) {
    struct world *w = *state;
    struct sm_diags other;
    sm_diags_init(&other);
    row(w, 0, 2, "S1", "RASH", "");
    block(w);
    sm_row_checks_restart(w->checks, &other);
    row(w, 0, 3, "S1", "RASH", "");
    row(w, 0, 4, "S1", "", "");
    block(w);
    assert_int_equal(w->diags.n, 0);
    assert_int_equal(other.n, 1);
    assert_int_equal(other.first->code, SM_D_REQUIRED_MISSING);
    sm_diags_free(&other);
}

static void a_domain_without_keys_has_no_equal_ones(void **state) {
    struct world *w = *state;
    w->d.nkey = 0;
    row(w, 0, 2, "S-1", "Rash", "");
    row(w, 0, 3, "S-1", "Rash", "");
    block(w);
    assert_int_equal(w->diags.n, 0);
}

static void a_domain_without_subjects_is_checked(void **state) {
    struct world *w = *state;
    w->d.usubjid = SM_NO;
    row(w, 0, 2, "S-1", "", "");
    block(w);
    assert_int_equal(w->diags.n, 1);
    assert_int_equal(w->diags.first->subject.n, 0);
}

int main(void) {
#define CHECK_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        CHECK_TEST(a_good_record_is_passed_over),
        CHECK_TEST(an_empty_required_variable_is_named),
        CHECK_TEST(a_value_of_the_declared_length_is_kept_and_a_longer_one_reported),
        CHECK_TEST(lengths_are_bytes),
        CHECK_TEST(equal_keys_name_the_record_before),
        CHECK_TEST(equal_keys_are_seen_across_blocks),
        CHECK_TEST(a_new_start_knows_no_record_before),
        CHECK_TEST(a_domain_without_keys_has_no_equal_ones),
        CHECK_TEST(a_domain_without_subjects_is_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
