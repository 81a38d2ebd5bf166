/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sdtmill/err.h"
#include "sdtmill/split.h"

static struct sm_split split;
static struct sm_spans spans;

static int teardown(void **state) {
    (void)state;
    sm_spans_free(&spans);
    return 0;
}

static int cut(const char *text, char delimiter, char quote) {
    assert_int_equal(sm_split_init(&split, delimiter, quote, NULL), SM_OK);
    assert_int_equal(sm_split_feed(&split, text, 0, strlen(text), &spans, NULL), SM_OK);
    return sm_split_end(&split, text, strlen(text), &spans, NULL);
}

static void assert_span(size_t i, size_t at, size_t n, unsigned line, unsigned flags) {
    assert_true(i < spans.n);
    assert_int_equal(spans.v[i].at, at);
    assert_int_equal(spans.v[i].n, n);
    assert_int_equal(spans.v[i].line, line - 1);
    assert_int_equal(spans.v[i].flags, flags);
}

static void records_lie_between_line_ends(void **state) {
    (void)state;
    assert_int_equal(cut("a,b\r\n\r\nc\rd\n e", ',', '"'), SM_OK);
    assert_int_equal(spans.n, 4);
    assert_span(0, 0, 3, 1, 0);
    assert_span(1, 7, 1, 3, 0);
    assert_span(2, 9, 1, 4, 0);
    assert_span(3, 11, 2, 5, 0);
    assert_int_equal(split.line, 5);
}

static void lone_carriage_returns_end_lines_outside_quotes_only(void **state) {
    (void)state;
    assert_int_equal(cut("a\r\r\r\n\"x\ry\"\rb\r\nc\n\rd", ',', '"'), SM_OK);
    assert_int_equal(spans.n, 5);
    assert_span(0, 0, 1, 1, 0);
    assert_span(1, 5, 5, 4, SM_SPAN_QUOTE | SM_SPAN_BREAK);
    assert_span(2, 11, 1, 5, 0);
    assert_span(3, 14, 1, 6, 0);
    assert_span(4, 17, 1, 8, 0);
}

static void a_record_is_on_its_first_line(void **state) {
    (void)state;
    assert_int_equal(cut("\"x\r\ny\",1\nz\n", ',', '"'), SM_OK);
    assert_int_equal(spans.n, 2);
    assert_span(0, 0, 8, 1, SM_SPAN_QUOTE | SM_SPAN_BREAK);
    assert_span(1, 9, 1, 3, 0);
}

static void text_behind_a_closing_quote_is_told(void **state) {
    (void)state;
    assert_int_equal(cut("\"a\"b\",1\n\"a\"\"b\" ,1\n5\" x\n\"a\" \"\n", ',', '"'), SM_OK);
    assert_int_equal(spans.n, 4);
    assert_span(0, 0, 7, 1, SM_SPAN_QUOTE | SM_SPAN_BROKEN);
    assert_span(1, 8, 9, 2, SM_SPAN_QUOTE);
    assert_span(2, 18, 4, 3, SM_SPAN_QUOTE);
    assert_span(3, 23, 5, 4, SM_SPAN_QUOTE | SM_SPAN_BROKEN);
}

static void an_open_quote_is_known_by_its_line(void **state) {
    (void)state;
    assert_int_equal(cut("a\n\"x\ny\",\"z\n\n", ',', '"'), SM_EDATA);
    assert_true(sm_split_is_quoted(&split));
    assert_int_equal(split.quote_line, 3);
    assert_int_equal(split.start_line, 2);
}

static void without_a_quote_sign_quotes_are_text(void **state) {
    (void)state;
    assert_int_equal(cut("\"a\n\"b", ';', '\0'), SM_OK);
    assert_int_equal(spans.n, 2);
    assert_span(1, 3, 2, 2, 0);
}

static void signs_must_be_told_apart(void **state) {
    (void)state;
    static const char *const bad[] = {",,", "\n\"", "\r\"", ",\n", ", ", "\xE4\"", ",\xE4", ",\t"};
    for (size_t i = 0; i < SM_ARRAY_LEN(bad); i++) {
        struct sm_err err = {0};
        assert_int_equal(sm_split_init(&split, bad[i][0], bad[i][1], &err), SM_ESPEC);
        assert_true(err.text[0] != '\0');
    }
    assert_int_equal(sm_split_init(&split, '\t', '"', NULL), SM_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(records_lie_between_line_ends, teardown),
        cmocka_unit_test_teardown(lone_carriage_returns_end_lines_outside_quotes_only, teardown),
        cmocka_unit_test_teardown(a_record_is_on_its_first_line, teardown),
        cmocka_unit_test_teardown(text_behind_a_closing_quote_is_told, teardown),
        cmocka_unit_test_teardown(an_open_quote_is_known_by_its_line, teardown),
        cmocka_unit_test_teardown(without_a_quote_sign_quotes_are_text, teardown),
        cmocka_unit_test_teardown(signs_must_be_told_apart, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
