/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "findings.h"
#include "sdtmill/diag.h"

static struct sm_diag finding(const char *file, uint64_t line, uint32_t field, unsigned code,
                              const char *domain) {
    return (struct sm_diag){.code = (uint16_t)code,
                            .file = sm_str(file),
                            .line = line,
                            .field = field,
                            .domain = sm_str(domain)};
}

static void codes_rise_and_are_found(void **state) {
    (void)state;
    for (size_t i = 0; i < sm_diag_count(); i++) {
        const struct sm_diag_info *d = sm_diag_at(i);
        if (i) assert_true(d->code > sm_diag_at(i - 1)->code);
        assert_ptr_equal(sm_diag_info(d->code), d);
        assert_true(d->kind[0] && d->title[0] && d->mend[0]);
    }
    assert_null(sm_diag_at(sm_diag_count()));
    assert_null(sm_diag_info(0));
    assert_null(sm_diag_info(9999));
    assert_string_equal(sm_diag_info(SM_D_UNKNOWN_TERM)->kind, "unknown-term");
}

static void severity_is_the_codes_own_unless_given(void **state) {
    (void)state;
    struct sm_diags d;
    sm_diags_init(&d);
    struct sm_diag f = finding("a.csv", 1, 0, SM_D_BLANK_ROW, "");
    sm_diags_add(&d, &f, -1);
    sm_diags_add(&d, &f, SM_SEV_ERROR);
    assert_int_equal(d.first->sev, SM_SEV_WARNING);
    assert_int_equal(d.first->next->sev, SM_SEV_ERROR);
    sm_diags_free(&d);
}

static void texts_are_copied(void **state) {
    (void)state;
    struct sm_diags d;
    sm_diags_init(&d);
    char text[] = "a.csv";
    struct sm_diag f = finding(text, 1, 0, SM_D_BLANK_ROW, "AE");
    sm_diags_add(&d, &f, -1);
    text[0] = 'b';
    sm_diags_add(&d, &f, -1);
    assert_string_equal(d.first->file.p, "a.csv");
    assert_string_equal(d.first->next->file.p, "b.csv");
    assert_string_equal(d.first->next->domain.p, "AE");
    assert_null(d.first->next->value.p);
    sm_diags_free(&d);
}

static void final_order_is_file_line_field_code_domain(void **state) {
    (void)state;
    struct sm_diag want[] = {
        finding("a.csv", 2, 1, 3001, "AE"), finding("a.csv", 2, 1, 4001, "AE"),
        finding("a.csv", 2, 3, 3001, "AE"), finding("a.csv", 10, 0, 1002, "AE"),
        finding("a.csv", 10, 0, 1002, "CM"), finding("b.csv", 1, 0, 1002, "AE"),
    };
    static const size_t shuffle[] = {3, 5, 0, 4, 2, 1};
    struct sm_diags d;
    sm_diags_init(&d);
    for (size_t i = 0; i < SM_ARRAY_LEN(want); i++) sm_diags_add(&d, &want[shuffle[i]], -1);
    size_t n = 0;
    const struct sm_diag **v = findings_final(&d, &n);
    assert_non_null(v);
    assert_int_equal(n, SM_ARRAY_LEN(want));
    for (size_t i = 0; i < n; i++) {
        assert_true(sm_str_eq(v[i]->file, want[i].file));
        assert_true(v[i]->line == want[i].line && v[i]->field == want[i].field);
        assert_int_equal(v[i]->code, want[i].code);
        assert_true(sm_str_eq(v[i]->domain, want[i].domain));
    }
    assert_null(v[n]);
    sm_diags_free(&d);
}

static void one_cell_read_by_many_domains_is_one_finding(void **state) {
    (void)state;
    struct sm_diags d;
    sm_diags_init(&d);
    struct sm_diag f = finding("a.csv", 2, 4, 3001, "CM");
    f.value = SM_STR("x");
    f.effect = SM_EFFECT_KEPT;
    sm_diags_add(&d, &f, -1);
    f.value = SM_STR("y");
    sm_diags_add(&d, &f, -1);
    f.domain = SM_STR("AE");
    f.value = SM_STR("x");
    f.effect = SM_EFFECT_BLANK;
    sm_diags_add(&d, &f, -1);
    f.domain = SM_STR("DM");
    f.effect = SM_EFFECT_NONE;
    sm_diags_add(&d, &f, -1);
    size_t n = 0;
    const struct sm_diag **v = findings_final(&d, &n);
    assert_int_equal(n, 2);
    assert_string_equal(v[0]->domain.p, "AE");
    assert_string_equal(v[0]->value.p, "x");
    assert_int_equal(v[0]->effect, SM_EFFECT_BLANK);
    assert_string_equal(v[1]->value.p, "y");
    sm_diags_free(&d);
}

static void whole_row_findings_merge_only_when_equal(void **state) {
    (void)state;
    struct sm_diags d;
    sm_diags_init(&d);
    struct sm_diag f = finding("", 0, 0, SM_D_MAPPING_INVALID, "");
    f.map_file = SM_STR("ae.xml");
    f.map_line = 3;
    f.detail = SM_STR("one");
    sm_diags_add(&d, &f, -1);
    f.map_line = 4;
    sm_diags_add(&d, &f, -1);
    f.map_line = 3;
    sm_diags_add(&d, &f, -1);
    f.detail = SM_STR("two");
    sm_diags_add(&d, &f, -1);
    size_t n = 0;
    assert_non_null(findings_final(&d, &n));
    assert_int_equal(n, 3);
    sm_diags_free(&d);
}

static void move_empties_one_list_into_the_other(void **state) {
    (void)state;
    struct sm_diags a, b;
    sm_diags_init(&a);
    sm_diags_init(&b);
    for (unsigned i = 0; i < 1000; i++) {
        struct sm_diag f = finding("a.csv", i, 0, SM_D_BLANK_ROW, "");
        sm_diags_add(i % 2 ? &a : &b, &f, SM_SEV_NOTE);
    }
    sm_diags_move(&a, &b);
    assert_int_equal(a.n, 1000);
    assert_int_equal(b.n, 0);
    assert_null(b.first);
    sm_diags_move(&a, &b);
    struct sm_diag f = finding("z.csv", 5, 0, SM_D_BLANK_ROW, "");
    sm_diags_add(&b, &f, -1);
    assert_int_equal(b.n, 1);
    size_t n = 0;
    const struct sm_diag **v = findings_final(&a, &n);
    assert_int_equal(n, 1000);
    for (size_t i = 0; i < n; i++) assert_int_equal(v[i]->line, i);
    assert_int_equal(v[0]->sev, SM_SEV_NOTE);
    sm_diags_free(&a);
    sm_diags_free(&b);
}

enum { MANY = 3000 };

static uint32_t next_random(uint32_t *seed) {
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static struct sm_str pick(uint32_t *seed, const char *const *from, size_t n) {
    const char *s = from[next_random(seed) % n];
    return s ? sm_str(s) : (struct sm_str){NULL, 0};
}

static void many_findings(struct sm_diag *v) {
    static char longer[2][2 * SM_DIAG_DETAIL];
    static char numbers[MANY][64];
    static const char *const names[] = {"a.csv", "b.csv", "", NULL};
    static const char *const values[] = {"x", "y", "", NULL, "a value of some length"};
    static const char *const details[] = {NULL, "", "short", longer[0], longer[1]};
    uint32_t seed = 7;
    for (size_t k = 0; k < 2; k++) {
        memset(longer[k], 'd', sizeof longer[k] - 1);
        longer[k][SM_DIAG_DETAIL / 2] = (char)('0' + k);
    }
    for (size_t i = 0; i < MANY; i++) {
        v[i] = (struct sm_diag){.code = (uint16_t)(1001 + next_random(&seed) % 2),
                                .sev = (uint8_t)(next_random(&seed) % 3),
                                .effect = (uint8_t)(next_random(&seed) % 4),
                                .line = next_random(&seed) % 12,
                                .field = next_random(&seed) % 3,
                                .map_line = next_random(&seed) % 2};
        v[i].file = pick(&seed, names, SM_ARRAY_LEN(names));
        v[i].column = pick(&seed, values, 2);
        v[i].value = pick(&seed, values, SM_ARRAY_LEN(values));
        v[i].domain = pick(&seed, names, 2);
        v[i].subject = pick(&seed, values, SM_ARRAY_LEN(values));
        v[i].detail = pick(&seed, details, SM_ARRAY_LEN(details));
        if (i % 3) continue;
        snprintf(numbers[i], sizeof numbers[i], "the same as line %u of it", next_random(&seed) % 99);
        v[i].detail = sm_str(numbers[i]);
    }
}

static bool same_text(struct sm_str a, struct sm_str b) {
    return !a.p == !b.p && sm_str_eq(a, b);
}

static bool same_cell(const struct sm_diag *a, const struct sm_diag *b) {
    return sm_str_cmp(a->file, b->file) == 0 && a->line == b->line && a->field == b->field &&
           a->code == b->code && sm_str_cmp(a->value, b->value) == 0;
}

static bool same_rest(const struct sm_diag *a, const struct sm_diag *b) {
    return sm_str_cmp(a->domain, b->domain) == 0 && sm_str_cmp(a->subject, b->subject) == 0 &&
           sm_str_cmp(a->column, b->column) == 0 && sm_str_cmp(a->detail, b->detail) == 0 &&
           a->map_line == b->map_line;
}

static void a_long_list_comes_back_as_it_was(void **state) {
    static struct sm_diag v[MANY];
    struct sm_diags d;
    struct sm_diags_walk w = {.i = 0};
    (void)state;
    many_findings(v);
    sm_diags_init(&d);
    for (size_t i = 0; i < MANY; i++)
        sm_diags_add(&d, &v[i], v[i].sev);
    assert_int_equal(d.n, MANY);
    assert_int_equal(d.worst, SM_SEV_ERROR);
    assert_null(d.first);
    for (size_t i = 0; i < MANY; i++) {
        assert_true(sm_diags_next(&d, &w));
        const struct sm_diag *x = &w.diag;
        assert_true(x->line == v[i].line && x->field == v[i].field && x->code == v[i].code);
        assert_true(x->sev == v[i].sev && x->effect == v[i].effect && x->map_line == v[i].map_line);
        assert_true(same_text(x->file, v[i].file) && same_text(x->value, v[i].value));
        assert_true(same_text(x->subject, v[i].subject) && same_text(x->detail, v[i].detail));
        assert_true(same_text(x->domain, v[i].domain) && same_text(x->column, v[i].column));
        assert_true(same_text(x->mend, v[i].mend));
    }
    assert_false(sm_diags_next(&d, &w));
    sm_diags_free(&d);
}

/* Findings that are one with v[i]; 0 if an earlier one stands for them. */
static size_t ones_with(const struct sm_diag *v, size_t i, uint8_t *sev, uint8_t *effect) {
    size_t n = 0;
    for (size_t k = 0; k < MANY; k++) {
        if (!same_cell(&v[i], &v[k]) || (v[i].field == 0 && !same_rest(&v[i], &v[k]))) continue;
        if (k < i) return 0;
        if (v[k].sev > *sev) *sev = v[k].sev;
        if (v[k].effect > *effect) *effect = v[k].effect;
        n++;
    }
    return n;
}

static void a_long_list_has_the_same_final_order(void **state) {
    static struct sm_diag v[MANY];
    struct sm_diags d;
    size_t n, want = 0;
    (void)state;
    many_findings(v);
    sm_diags_init(&d);
    for (size_t i = 0; i < MANY; i++)
        sm_diags_add(&d, &v[i], v[i].sev);
    const struct sm_diag **all = findings_final(&d, &n);
    assert_non_null(all);
    for (size_t i = 0; i < MANY; i++) {
        uint8_t sev = 0, effect = 0;
        if (!ones_with(v, i, &sev, &effect)) continue;
        want++;
        size_t k = 0;
        while (k < n && (!same_cell(all[k], &v[i]) || (v[i].field == 0 && !same_rest(all[k], &v[i]))))
            k++;
        assert_true(k < n && all[k]->sev == sev && all[k]->effect == effect);
    }
    assert_int_equal(n, want);
    for (size_t i = 1; i < n; i++) {
        int c = sm_str_cmp(all[i - 1]->file, all[i]->file);
        assert_true(c <= 0);
        if (c == 0) assert_true(all[i - 1]->line <= all[i]->line);
    }
    sm_diags_free(&d);
}

static void empty_list_has_a_final_order_too(void **state) {
    (void)state;
    struct sm_diags d;
    sm_diags_init(&d);
    size_t n = 9;
    const struct sm_diag **v = findings_final(&d, &n);
    assert_non_null(v);
    assert_int_equal(n, 0);
    assert_null(v[0]);
    sm_diags_free(&d);
}

static void names_are_those_of_the_reports(void **state) {
    (void)state;
    assert_string_equal(sm_sev_name(SM_SEV_WARNING), "warning");
    assert_string_equal(sm_effect_name(SM_EFFECT_NONE), "");
    assert_string_equal(sm_effect_name(SM_EFFECT_DROPPED), "row-dropped");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_rise_and_are_found),
        cmocka_unit_test(severity_is_the_codes_own_unless_given),
        cmocka_unit_test(texts_are_copied),
        cmocka_unit_test(final_order_is_file_line_field_code_domain),
        cmocka_unit_test(one_cell_read_by_many_domains_is_one_finding),
        cmocka_unit_test(whole_row_findings_merge_only_when_equal),
        cmocka_unit_test(move_empties_one_list_into_the_other),
        cmocka_unit_test(empty_list_has_a_final_order_too),
        cmocka_unit_test(a_long_list_comes_back_as_it_was),
        cmocka_unit_test(a_long_list_has_the_same_final_order),
        cmocka_unit_test(names_are_those_of_the_reports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
