/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sdtmill/dtc.h"
#include "sdtmill/err.h"
#include "sdtmill/expr.h"

/* One row for all tests: columns by name, with their texts. */
static const char *const names[][2] = {{"A", "abc"},
                                       {"B", "12.50"},
                                       {"N", "3"},
                                       {"EMPTY", ""},
                                       {"LONG", "a text longer than seven bytes"},
                                       {"Z", "0"},
                                       {"SPACED", "  a \t b\n c "},
                                       {"UNI", "m\xC3\xA4nnlich \xE2\x89\xA4 5"},
                                       {"D1", "2014-03-05"},
                                       {"D2", "2015-03-04"},
                                       {"RAW", "05.03.2014"},
                                       {"TIME", "10:30"},
                                       {"PART", "2014-03"},
                                       {"LIST", "x; y;z"},
                                       {"BIG", "123456789012345678901234567890"},
                                       {"IT.AE TERM", "odd"},
                                       {"NEG", "-2.5"},
                                       {"DT", "2014-03-05T10:30"}};
enum { NCOL = SM_ARRAY_LEN(names) };

static struct sm_texts *texts;
static struct sm_intern *in;
static struct sm_arena arena;
static struct sm_err err;
static struct sm_lut *visits, *pairs;
static struct sm_ct *ct;
static sm_val cell[NCOL];
static const sm_val *col[NCOL];
static const struct sm_lut *luts[2];
static const sm_val params[2];
static sm_val refs[1];
static unsigned problems;
static enum sm_expr_problem last_problem;
static char last_text[100];
static struct sm_slot last_slot;

static sm_val make(const char *s) {
    return sm_val_make(in, sm_str(s));
}

static struct sm_slot resolve(void *ctx, struct sm_str name, char force,
                              struct sm_str *ret_nearest) {
    (void)ctx;
    if (force == '$')
        return (struct sm_slot){sm_str_eq_c(name, "value") ? SM_SLOT_PARAM : SM_SLOT_NONE, 0};
    if (force == '.')
        return (struct sm_slot){sm_str_eq_c(name, "DM.RFSTDTC") ? SM_SLOT_REF : SM_SLOT_NONE, 0};
    for (uint32_t i = 0; i < NCOL; i++)
        if (sm_str_eq_c(name, names[i][0]))
            return (struct sm_slot){force == 'v' ? SM_SLOT_VAR : SM_SLOT_COLUMN, i};
    *ret_nearest = SM_STR("SPACED");
    return (struct sm_slot){SM_SLOT_NONE, 0};
}

static bool table(void *ctx, struct sm_str name, struct sm_str column, uint32_t *ret_lut,
                  uint32_t *ret_nkey, uint32_t *ret_val, struct sm_str *ret_nearest) {
    (void)ctx;
    bool one = sm_str_eq_c(name, "visits"), two = sm_str_eq_c(name, "pairs");
    *ret_nearest = SM_STR("visits");
    if (!one && !two) return false;
    if (one && !sm_str_eq_c(column, "VISITNUM") && !sm_str_eq_c(column, "VISIT")) return false;
    if (two && column.p) return false;
    *ret_lut = two;
    *ret_nkey = one ? 1 : 2;
    *ret_val = sm_str_eq_c(column, "VISIT");
    return true;
}

static const sm_val *subject(const struct sm_env *env) {
    (void)env;
    return refs;
}

static void problem(void *ctx, enum sm_expr_problem what, struct sm_str text, struct sm_slot slot) {
    (void)ctx;
    problems++;
    last_problem = what;
    last_slot = slot;
    snprintf(last_text, sizeof last_text, "%.*s", SM_STR_FMT(text));
}

static struct sm_expr_scope scope;
static struct sm_env env;

static int setup(void **state) {
    (void)state;
    static const struct sm_str male[] = {{"Male", 4}};
    static const struct sm_term sex[] = {
        {.value = {"M", 1}, .decode = {"Male person", 11}, .synonym = male, .nsynonym = 1},
        {.value = {"F", 1}, .decode = {"Female person", 13}}};
    static const struct sm_codelist list = {.name = {"SEX", 3}, .term = sex, .nterm = 2};
    if (sm_texts_open(&texts, &err) != SM_OK || sm_intern_open(&in, texts, &err) != SM_OK)
        return -1;
    sm_arena_init(&arena);
    if (sm_ct_open(&ct, &arena, &err) != SM_OK || sm_ct_add(ct, &list, &err) != SM_OK) return -1;
    if (sm_lut_open(&visits, texts, 1, 2, false, &err) != SM_OK) return -1;
    if (sm_lut_open(&pairs, texts, 2, 1, false, &err) != SM_OK) return -1;
    sm_val key[2] = {make("abc"), make("3")}, val[2] = {make("1"), make("SCREENING VISIT")}, *old;
    if (sm_lut_add(visits, key, val, &old, &err) != SM_OK ||
        sm_lut_add(pairs, key, val, &old, &err) != SM_OK)
        return -1;
    luts[0] = visits;
    luts[1] = pairs;
    for (uint32_t i = 0; i < NCOL; i++) {
        cell[i] = make(names[i][1]);
        col[i] = &cell[i];
    }
    cell[8] = sm_val_as_dtc(texts, cell[8]);
    refs[0] = sm_val_as_dtc(texts, make("2014-03-01"));
    scope = (struct sm_expr_scope){
        .resolve = resolve, .table = table, .ct = ct, .in = in, .study_oid = SM_STR("RE223")};
    env = (struct sm_env){.in = in,
                          .col = col,
                          .var = col,
                          .param = params,
                          .lut = luts,
                          .subject = subject,
                          .file_name = SM_STR("site/labs.csv"),
                          .pos = sm_pos_make(1, 42, 0),
                          .problem = problem};
    env.dates = sm_dtc_pattern_compile(&arena, SM_STR("dd.mm.yyyy"), NULL, &err);
    return env.dates ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    sm_lut_close(visits);
    sm_lut_close(pairs);
    sm_ct_close(ct);
    sm_intern_close(in);
    sm_texts_close(texts);
    sm_arena_free(&arena);
    return 0;
}

static const struct sm_expr *compile(const char *text) {
    uint32_t at = 0;
    sm_err_reset(&err);
    const struct sm_expr *e = sm_expr_compile(&arena, sm_str(text), &scope, &at, &err);
    if (!e) fail_msg("%s: %u: %s", text, at, err.text);
    return e;
}

static void check(const char *text, const char *want) {
    struct sm_valbuf buf;
    const struct sm_expr *e = compile(text);
    problems = 0;
    struct sm_str got = sm_val_text(texts, sm_expr_eval(e, &env), &buf);
    if (!sm_str_eq_c(got, want)) fail_msg("%s: got '%.*s', not '%s'", text, SM_STR_FMT(got), want);
    if (problems) fail_msg("%s: problem with '%s'", text, last_text);
}

static void check_problem(const char *text, enum sm_expr_problem what, const char *with,
                          uint32_t slot) {
    const struct sm_expr *e = compile(text);
    problems = 0;
    assert_true(sm_expr_eval(e, &env) == SM_MISSING);
    assert_int_equal(problems, 1);
    assert_int_equal(last_problem, what);
    assert_string_equal(last_text, with);
    if (slot != UINT32_MAX) assert_int_equal(last_slot.index, slot);
}

static void check_fails(const char *text, uint32_t want_at, const char *want) {
    uint32_t at = 0;
    sm_err_reset(&err);
    assert_null(sm_expr_compile(&arena, sm_str(text), &scope, &at, &err));
    if (!strstr(err.text, want)) fail_msg("%s: '%s' says nothing of '%s'", text, err.text, want);
    if (at != want_at) fail_msg("%s: at %u, not %u (%s)", text, at, want_at, err.text);
    assert_int_equal(err.code, SM_ESPEC);
}

struct pair {
    const char *expr, *want;
};

static void check_all(const struct pair *p, size_t n) {
    for (size_t i = 0; i < n; i++)
        check(p[i].expr, p[i].want);
}
#define CHECK_ALL(list) check_all(list, SM_ARRAY_LEN(list))

static void names_are_columns_variables_parameters_and_references(void **state) {
    (void)state;
    static const struct pair t[] = {{"A", "abc"},
                                    {"column('IT.AE TERM')", "odd"},
                                    {"var('A')", "abc"},
                                    {"EMPTY", ""},
                                    {"DM.RFSTDTC", "2014-03-01"},
                                    {"$value", ""},
                                    {"LONG", "a text longer than seven bytes"},
                                    {"'it''s'", "it's"},
                                    {"\"a\"\"b\"", "a\"b"}};
    CHECK_ALL(t);
}

static void numbers_are_exact(void **state) {
    (void)state;
    static const struct pair t[] = {
        {"0.1 + 0.2", "0.3"},
        {"B + 1", "13.5"},
        {"B * 2", "25"},
        {"7 div 2", "3.5"},
        {"6 div 2", "3"},
        {"7 mod 2", "1"},
        {"-7 mod 2", "-1"},
        {"1 - 1", "0"},
        {"-N", "-3"},
        {"- -N", "3"},
        {"1 + 2 * 3", "7"},
        {"(1 + 2) * 3", "9"},
        {"10 - 3 - 2", "5"},
        {"BIG + 1", "123456789012345678901234567891"},
        {"EMPTY + 1", ""},
        {"number(B)", "12.5"},
        {"number('007')", "7"},
        {"999999999999999999 + 1", "1000000000000000000"},
        {"0.5", "0.5"},
        {"5.0", "5"},
        {"1 div 4", "0.25"},
        {"999999999 * 999999999 * 999999999", "999999997000000002999999999"},
        {"1.5 * 1.5", "2.25"},
        {"-0.25 * 2", "-0.5"}};
    CHECK_ALL(t);
}

static void rounding_is_half_away_from_zero(void **state) {
    (void)state;
    static const struct pair t[] = {
        {"round(2.5)", "3"},         {"round(-2.5)", "-3"},       {"round(B)", "13"},
        {"round(2.345, 2)", "2.35"}, {"round(1.005, 2)", "1.01"}, {"round(1250, -2)", "1300"},
        {"floor(-2.5)", "-3"},       {"floor(2.5)", "2"},         {"ceiling(2.1)", "3"},
        {"ceiling(NEG)", "-2"},      {"abs(NEG)", "2.5"},         {"floor(3)", "3"},
        {"ceiling(-0.5)", "0"},      {"round(EMPTY)", ""}};
    CHECK_ALL(t);
}

static void comparisons_know_numbers_texts_and_missing(void **state) {
    (void)state;
    static const struct pair t[] = {{"B = 12.5", "true"},
                                    {"B = '12.5'", "true"},
                                    {"B = 'abc'", "false"},
                                    {"A = 'abc'", "true"},
                                    {"A != 'abc'", "false"},
                                    {"N < 12", "true"},
                                    {"'3' < '12'", "true"},
                                    {"'b' < 'a'", "false"},
                                    {"N >= 3", "true"},
                                    {"EMPTY = ''", "true"},
                                    {"EMPTY != ''", "false"},
                                    {"A = ''", "false"},
                                    {"A != ''", "true"},
                                    {"EMPTY < 5", "false"},
                                    {"EMPTY > 5", "false"},
                                    {"EMPTY != 'x'", "true"},
                                    {"EMPTY = EMPTY", "true"},
                                    {"BIG > 5", "true"},
                                    {"D1 < D2", "true"},
                                    {"D1 = '2014-03-05'", "true"},
                                    {"D1 != '2014-03-05'", "false"},
                                    {"LONG = 'a text longer than seven bytes'", "true"},
                                    {"LONG = concat('a text', ' longer than seven bytes')", "true"},
                                    {"true() = 'true'", "true"},
                                    {"D1 > PART", "true"}};
    CHECK_ALL(t);
}

static void sequence_means_any_of_and_none_of(void **state) {
    (void)state;
    static const struct pair t[] = {{"A = ('x', 'abc')", "true"},
                                    {"A = ('x', 'y')", "false"},
                                    {"A != ('x', 'y')", "true"},
                                    {"A != ('x', 'abc')", "false"},
                                    {"N = (1, 2, 3.0)", "true"},
                                    {"EMPTY = ('', 'x')", "true"},
                                    {"('x', A) = 'abc'", "true"},
                                    {"A = (EMPTY, N, A)", "true"},
                                    {"'y' = tokenize(LIST, '; *')", "true"},
                                    {"'q' = tokenize(LIST, '; *')", "false"},
                                    {"(A, N)[2]", "3"},
                                    {"tokenize(LIST, '; *')[3]", "z"},
                                    {"tokenize(LIST, '; *')[4]", ""},
                                    {"tokenize(EMPTY, ',')[1]", ""},
                                    {"count(tokenize(LIST, ';'))", "3"},
                                    {"count((A, EMPTY, N))", "2"},
                                    {"tokenize('a,,b', ',')[2]", ""},
                                    {"count(A)", "1"}};
    CHECK_ALL(t);
}

static void logic_and_branches(void **state) {
    (void)state;
    static const struct pair t[] = {{"A = 'abc' and N = 3", "true"},
                                    {"A = 'x' or N = 3", "true"},
                                    {"not(A = 'x')", "true"},
                                    {"A = 'x' and N = 3 or true()", "true"},
                                    {"if (N = 3) then 'yes' else 'no'", "yes"},
                                    {"if (EMPTY) then 'yes' else 'no'", "no"},
                                    {"if (Z) then 'text' else 'no'", "text"},
                                    {"if (Z + 0) then 'yes' else 'zero'", "zero"},
                                    {"if (0) then 1 else 2", "2"},
                                    {"if ('0') then 1 else 2", "1"},
                                    {"if (false()) then A else B", "12.50"},
                                    {"if (N = 1) then 'a' else if (N = 3) then 'b' else 'c'", "b"},
                                    {"coalesce(EMPTY, '', A)", "abc"},
                                    {"exists(A)", "true"},
                                    {"exists(EMPTY)", "false"},
                                    {"min(N, 10, B)", "3"},
                                    {"max(N, 10, B)", "12.50"},
                                    {"max('b', 'a')", "b"},
                                    {"max(EMPTY, A)", "abc"},
                                    {"min((4, 2, 3))", "2"},
                                    {"max(D1, D2)", "2015-03-04"}};
    CHECK_ALL(t);
}

static void texts_are_cut_by_characters(void **state) {
    (void)state;
    static const struct pair t[] = {
        {"concat(A, '-', B)", "abc-12.50"},
        {"A || N || EMPTY || 'x'", "abc3x"},
        {"substring('12345', 2, 3)", "234"},
        {"substring('12345', 2)", "2345"},
        {"substring('12345', 0)", "12345"},
        {"substring('12345', 1.5, 2.6)", "234"},
        {"substring('12345', 0, 3)", "12"},
        {"substring('12345', -42, 100)", "12345"},
        {"substring('12345', 6)", ""},
        {"substring(UNI, 2, 3)", "\xC3\xA4nn"},
        {"string-length(UNI)", "12"},
        {"string-length(EMPTY)", "0"},
        {"substring-before('1999/04/01', '/')", "1999"},
        {"substring-after('1999/04/01', '/')", "04/01"},
        {"substring-before(A, 'x')", ""},
        {"substring-after(A, '')", "abc"},
        {"normalize-space(SPACED)", "a b c"},
        {"upper-case(UNI)", "M\xC3\x84NNLICH \xE2\x89\xA4 5"},
        {"lower-case('\xC3\x85\xC3\x84 X')", "\xC3\xA5\xC3\xA4 x"},
        {"translate('bar', 'abc', 'AB')", "BAr"},
        {"translate('12,5', ',', '.')", "12.5"},
        {"translate(UNI, '\xC3\xA4\xE2\x89\xA4', 'a<')", "mannlich < 5"},
        {"translate(A, A, N)", "3"},
        {"contains(LONG, 'longer')", "true"},
        {"contains(A, EMPTY)", "true"},
        {"contains(EMPTY, 'a')", "false"},
        {"starts-with(A, 'ab')", "true"},
        {"ends-with(A, 'bc')", "true"},
        {"ends-with(A, 'xabc')", "false"},
        {"is-number(B)", "true"},
        {"is-number(A)", "false"},
        {"is-number(EMPTY)", "false"}};
    CHECK_ALL(t);
}

static void patterns_match_replace_and_split(void **state) {
    (void)state;
    static const struct pair t[] = {
        {"matches(A, '^a.c$')", "true"},
        {"matches(A, 'B')", "false"},
        {"matches(A, 'B', 'i')", "true"},
        {"matches(UNI, '^m.nnlich')", "true"},
        {"matches(EMPTY, '^$')", "true"},
        {"replace(A, 'b', 'X')", "aXc"},
        {"replace('2014-03', '(\\d+)-(\\d+)', '$2/$1')", "03/2014"},
        {"replace(A, 'q', 'X')", "abc"},
        {"replace(A, 'b', '\\$')", "a$c"},
        {"replace('aaa', 'a', '')", ""},
        {"replace(A, 'b*', '-')", "a-c"},
        {"replace('a.b.c', '.', '', 'q')", "abc"},
        {"matches(A, A)", "true"},
        {"replace(LONG, concat('t', 'ext'), A)", "a abc longer than seven bytes"},
        {"replace(replace(A, 'a', 'bb'), 'b', 'cc')", "ccccccc"}};
    CHECK_ALL(t);
}

static void tables_and_codelists(void **state) {
    (void)state;
    static const struct pair t[] = {{"lookup('visits', A, 'VISITNUM')", "1"},
                                    {"lookup('visits', A, 'VISIT')", "SCREENING VISIT"},
                                    {"lookup('pairs', A, N)", "1"},
                                    {"lookup('visits', EMPTY, 'VISIT')", ""},
                                    {"lookup-or('visits', N, 'VISIT', 'none')", "none"},
                                    {"lookup-or('pairs', A, A, N)", "3"},
                                    {"lookup-or('pairs', A, N, 'x')", "1"},
                                    {"codelist('SEX', 'male')", "M"},
                                    {"codelist('SEX', A)", ""},
                                    {"decode('SEX', 'F')", "Female person"},
                                    {"study()", "RE223"},
                                    {"sourcefile()", "site/labs.csv"},
                                    {"sourceline()", "42"}};
    CHECK_ALL(t);
    check_problem("lookup('visits', N, 'VISIT')", SM_EXPR_UNKNOWN_KEY, "3", 2);
    check_problem("lookup('pairs', N, A)", SM_EXPR_UNKNOWN_KEY, "3 abc", 2);
}

static void dates_are_joined_cut_and_measured(void **state) {
    (void)state;
    static const struct pair t[] = {{"datetime(D1)", "2014-03-05"},
                                    {"datetime(RAW)", "2014-03-05"},
                                    {"datetime(RAW, TIME)", "2014-03-05T10:30"},
                                    {"datetime(PART, TIME)", "2014-03"},
                                    {"datetime('2014---12', TIME)", "2014---12T10:30"},
                                    {"datetime(EMPTY, TIME)", ""},
                                    {"datetime(D1, EMPTY)", "2014-03-05"},
                                    {"date-part(DT, 'date')", "2014-03-05"},
                                    {"date-part(DT, 'time')", "10:30"},
                                    {"date-part(D1, 'time')", ""},
                                    {"date-part(D1, 'year')", "2014"},
                                    {"date-part(D1, 'month')", "03"},
                                    {"date-part(PART, 'day')", ""},
                                    {"days-between(D1, D2)", "364"},
                                    {"days-between(D2, D1)", "-364"},
                                    {"years-between(D1, D2)", "0"},
                                    {"years-between('1950-06-01', '2014-06-01')", "64"},
                                    {"days-between(D1, PART)", ""},
                                    {"days-between(DM.RFSTDTC, D1) + 1", "5"}};
    CHECK_ALL(t);
    check_problem("datetime(A)", SM_EXPR_BAD_DATE, "abc", 0);
    check_problem("datetime('31.02.2014')", SM_EXPR_BAD_DATE, "31.02.2014", UINT32_MAX);
}

static void text_that_is_no_number_is_a_problem_with_its_column(void **state) {
    (void)state;
    check_problem("A + 1", SM_EXPR_NOT_A_NUMBER, "abc", 0);
    check_problem("number(normalize-space(SPACED))", SM_EXPR_NOT_A_NUMBER, "a b c", 6);
    check_problem("1 div Z", SM_EXPR_NO_RESULT, "0", 5);
    check("if (is-number(A)) then number(A) else ''", "");
}

static void mistakes_are_told_with_their_place(void **state) {
    (void)state;
    check_fails("", 1, "empty");
    check_fails("A +", 4, "ends where");
    check_fails("A = 'x", 5, "not closed");
    check_fails("SPACE = 1", 1, "nearest is 'SPACED'");
    check_fails("N-1", 1, "minus sign");
    check_fails("'\xC3\xA4' || foo", 8, "no such name: 'foo'");
    check_fails("contain(A, 'x')", 1, "nearest is contains()");
    check_fails("substring(A)", 1, "takes 2 to 3 arguments, not 1");
    check_fails("A = 1 = 2", 7, "in a row");
    check_fails("A B", 3, "an operator expected");
    check_fails("('a', 'b')", 1, "several values");
    check_fails("tokenize(A, ',')", 1, "several values");
    check_fails("matches(A, '(')", 12, "pattern");
    check_fails("lookup('nope', A)", 1, "no table");
    check_fails("lookup('visits', A, N, 'VISIT')", 1, "1 key column");
    check_fails("codelist('SEXX', A)", 10, "nearest is 'SEX'");
    check_fails("number('abc')", 1, "'abc' is not a number");
    check_fails("A ! B", 3, "!=");
    check_fails("(A", 3, "ends where");
    check_fails("date-part(A, 'week')", 14, "'month'");
    check_fails("column(A)", 8, "in quotes");
    check_fails("2x", 1, "start with a digit");
}

static void nesting_has_a_limit(void **state) {
    (void)state;
    char text[12000];
    size_t n = 0;
    for (int i = 0; i < 5000; i++)
        text[n++] = '(';
    text[n++] = 'A';
    text[n] = '\0';
    uint32_t at;
    sm_err_reset(&err);
    assert_null(sm_expr_compile(&arena, sm_str(text), &scope, &at, &err));
    assert_non_null(strstr(err.text, "deeper"));
    n = 0;
    for (int i = 0; i < 2000; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "A + ");
    snprintf(text + n, sizeof text - n, "A");
    sm_err_reset(&err);
    assert_null(sm_expr_compile(&arena, sm_str(text), &scope, &at, &err));
    assert_non_null(strstr(err.text, "deeper"));
    n = 0;
    for (int i = 0; i < 500; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "A = 'q' or ");
    snprintf(text + n, sizeof text - n, "N = 3");
    check(text, "true");
}

static void comparisons_of_an_input_with_a_text_are_known(void **state) {
    (void)state;
    static const char *const others[] = {"A = 5",      "A = '5'",       "'NOT DONE' = A",  "A = N", "A < 'b'",
                                         "A",          "A = true()",    "A = ('x', 'y')",  "A = 'x' and N = 'y'",
                                         "not(A = 'x')", "upper-case(A) = 'X'"};
    struct sm_slot slot = {0};
    sm_val v = SM_MISSING;
    bool no = true;
    assert_true(sm_expr_is_equal(compile("A = 'NOT DONE'"), &slot, &v, &no));
    assert_int_equal(slot.kind, SM_SLOT_COLUMN);
    assert_true(v == make("NOT DONE") && !no);
    assert_true(sm_expr_is_equal(compile("DM.RFSTDTC != ''"), &slot, &v, &no));
    assert_int_equal(slot.kind, SM_SLOT_REF);
    assert_true(v == SM_MISSING && no);
    for (size_t i = 0; i < SM_ARRAY_LEN(others); i++)
        assert_false(sm_expr_is_equal(compile(others[i]), &slot, &v, &no));
}

static void constants_are_folded_and_inputs_listed_once(void **state) {
    (void)state;
    sm_val v = SM_MISSING;
    const struct sm_slot *slot;
    assert_true(sm_expr_is_const(compile("concat('a', upper-case('b'), 1 + 1)"), &v));
    assert_true(v == make("aB2"));
    assert_false(sm_expr_is_const(compile("concat('a', A)"), &v));
    struct sm_slot alone = {0};
    assert_true(sm_expr_is_slot(compile(" (DM.RFSTDTC)"), &alone));
    assert_int_equal(alone.kind, SM_SLOT_REF);
    assert_false(sm_expr_is_slot(compile("-N"), &alone));
    assert_false(sm_expr_is_slot(compile("'A'"), &alone));
    const struct sm_expr *e = compile("concat(N, A, N, DM.RFSTDTC)");
    assert_int_equal(sm_expr_inputs(e, &slot), 3);
    assert_int_equal(slot[0].index, 2);
    assert_int_equal(slot[1].index, 0);
    assert_int_equal(slot[2].kind, SM_SLOT_REF);
    assert_true(sm_expr_is_pure(e));
    assert_false(sm_expr_is_pure(compile("concat(A, sourceline())")));
}

static void test_follows_the_boolean_value(void **state) {
    (void)state;
    assert_true(sm_expr_test(compile("A"), &env));
    assert_false(sm_expr_test(compile("EMPTY"), &env));
    assert_true(sm_expr_test(compile("Z"), &env));
    assert_false(sm_expr_test(compile("number(Z)"), &env));
    assert_true(sm_expr_test(compile("A != 'x'"), &env));
    assert_false(sm_expr_test(compile("false()"), &env));
}

static void pattern_that_never_ends_is_stopped(void **state) {
    (void)state;
    struct sm_intern *own;
    struct sm_env e = env;
    char text[64];
    memset(text, 'a', sizeof text);
    text[40] = '!';
    assert_int_equal(sm_intern_open(&own, texts, &err), SM_OK);
    sm_val hard = sm_val_make(own, sm_str_n(text, 41));
    const sm_val *cols[] = {&hard};
    e.in = own;
    e.col = cols;
    problems = 0;
    assert_false(sm_expr_test(compile("matches(A, '^(a|aa|a?)+$')"), &e));
    assert_true(sm_expr_eval(compile("replace(A, '^(a|aa|a?)+$', 'x')"), &e) == SM_MISSING);
    assert_int_equal(problems, 2);
    assert_int_equal(last_problem, SM_EXPR_TOO_COSTLY);
    assert_false(sm_intern_failed(own));
    sm_intern_close(own);
}

static void long_texts_use_the_heap_and_have_a_ceiling(void **state) {
    (void)state;
    struct sm_intern *own;
    struct sm_env e = env;
    assert_int_equal(sm_intern_open(&own, texts, &err), SM_OK);
    char text[4000];
    memset(text, 'x', sizeof text);
    sm_val big = sm_val_make(own, sm_str_n(text, sizeof text)), v;
    const sm_val *cols[] = {&big};
    e.in = own;
    e.col = cols;
    v = sm_expr_eval(compile("string-length(concat(A, A, upper-case(A)))"), &e);
    assert_true(v == make("12000"));
    v = sm_expr_eval(compile("replace(A, 'x', concat(A, A))"), &e);
    assert_true(v == SM_MISSING);
    assert_true(sm_intern_failed(own));
    sm_intern_close(own);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_columns_variables_parameters_and_references),
        cmocka_unit_test(numbers_are_exact),
        cmocka_unit_test(rounding_is_half_away_from_zero),
        cmocka_unit_test(comparisons_know_numbers_texts_and_missing),
        cmocka_unit_test(sequence_means_any_of_and_none_of),
        cmocka_unit_test(logic_and_branches),
        cmocka_unit_test(texts_are_cut_by_characters),
        cmocka_unit_test(patterns_match_replace_and_split),
        cmocka_unit_test(tables_and_codelists),
        cmocka_unit_test(dates_are_joined_cut_and_measured),
        cmocka_unit_test(text_that_is_no_number_is_a_problem_with_its_column),
        cmocka_unit_test(mistakes_are_told_with_their_place),
        cmocka_unit_test(nesting_has_a_limit),
        cmocka_unit_test(comparisons_of_an_input_with_a_text_are_known),
        cmocka_unit_test(constants_are_folded_and_inputs_listed_once),
        cmocka_unit_test(test_follows_the_boolean_value),
        cmocka_unit_test(pattern_that_never_ends_is_stopped),
        cmocka_unit_test(long_texts_use_the_heap_and_have_a_ceiling),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
