/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sdtmill/buf.h"
#include "sdtmill/err.h"
#include "sdtmill/opt.h"
#include "sdtmill/str.h"

struct given {
    bool force;
    const char *out, *color, *formats;
    struct sm_opt_list subjects;
    uint64_t threads, memory;
};

static const struct sm_opt table[] = {
    {"force", 'f', SM_OPT_FLAG, offsetof(struct given, force), NULL, NULL, 0, 0, "replace outputs"},
    {"output", 'o', SM_OPT_TEXT, offsetof(struct given, out), "DIR", NULL, 0, 0,
     "folder for everything that is written, made if it is not there yet"},
    {"subject", 0, SM_OPT_LIST, offsetof(struct given, subjects), "ID", NULL, 0, 0, "one subject"},
    {"threads", 'j', SM_OPT_COUNT, offsetof(struct given, threads), "N", NULL, 1, 64, "threads"},
    {"memory", 0, SM_OPT_SIZE, offsetof(struct given, memory), "SIZE", NULL, 0, 0, "memory"},
    {"color", 0, SM_OPT_CHOICE, offsetof(struct given, color), "WHEN", "auto|always|never", 0, 0,
     "colour"},
    {"format", 0, SM_OPT_SET, offsetof(struct given, formats), "LIST", "csv|xml|json|xpt", 0, 0,
     "formats"},
    {NULL, 0, SM_OPT_FLAG, 0, NULL, NULL, 0, 0, NULL},
};

enum { ARGS_MOST = 20 };
struct line {
    char text[ARGS_MOST][40];
    char *argv[ARGS_MOST + 1];
    int argc;
};

/* Words apart by one blank. */
static void line_set(struct line *l, const char *words) {
    struct sm_str rest = sm_str(words), word;
    memset(l, 0, sizeof *l);
    while (l->argc < ARGS_MOST && sm_str_split(&rest, ' ', &word)) {
        memcpy(l->text[l->argc], word.p, word.n);
        l->argv[l->argc] = l->text[l->argc];
        l->argc++;
    }
}

static int parse(struct line *l, const char *words, struct given *g, int *first,
                 struct sm_err *err) {
    line_set(l, words);
    memset(g, 0, sizeof *g);
    sm_err_reset(err);
    return sm_opt_parse(table, l->argc, l->argv, g, first, err);
}

static void every_kind_reaches_its_field(void **state) {
    (void)state;
    struct line l;
    struct given g;
    struct sm_err e;
    int first = 0;
    assert_int_equal(parse(&l,
                           "x a -fo out --subject=1 --subject 2 b --subject=3 -j 8 --memory=2M "
                           "--color never --format=csv,xpt -- --c",
                           &g, &first, &e),
                     SM_OK);
    assert_true(g.force);
    assert_string_equal(g.out, "out");
    assert_int_equal(g.subjects.n, 3);
    assert_string_equal(g.subjects.item[0], "1");
    assert_string_equal(g.subjects.item[2], "3");
    assert_int_equal(g.threads, 8);
    assert_int_equal(g.memory, 2 * 1024 * 1024);
    assert_string_equal(g.color, "never");
    assert_string_equal(g.formats, "csv,xpt");
    assert_int_equal(l.argc - first, 3);
    assert_string_equal(l.argv[first], "a");
    assert_string_equal(l.argv[first + 1], "b");
    assert_string_equal(l.argv[first + 2], "--c");
    sm_opt_free(table, &g);
    assert_int_equal(g.subjects.n, 0);
}

static void operands_may_be_mixed_whatever_posix_says(void **state) {
    (void)state;
    struct line l;
    struct given g;
    struct sm_err e;
    int first = 0;
    setenv("POSIXLY_CORRECT", "1", 1);
    assert_int_equal(parse(&l, "x a -f - b", &g, &first, &e), SM_OK);
    unsetenv("POSIXLY_CORRECT");
    assert_true(g.force);
    assert_int_equal(l.argc - first, 3);
    assert_string_equal(l.argv[first + 1], "-");
    assert_int_equal(parse(&l, "x", &g, &first, &e), SM_OK);
    assert_int_equal(first, 1);
}

static void wrong_lines_are_refused_with_a_reason(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"x --thraeds=3", "unknown option --thraeds; did you mean --threads?"},
        {"x --zzzzzzzzzz", "unknown option --zzzzzzzzzz"},
        {"x --fo", "option --fo is short for more than one option"},
        {"x -q", "unknown option -q"},
        {"x -fq", "unknown option -q"},
        {"x --output", "option --output needs a value"},
        {"x -o", "option --output needs a value"},
        {"x --force=1", "option --force takes no value"},
        {"x --threads=0", "option --threads: 0 is less than 1"},
        {"x --threads=65", "option --threads: 65 is more than 64"},
        {"x --threads=2K", "option --threads: \"2K\" is no whole number"},
        {"x --threads=-1", "option --threads: \"-1\" is no whole number"},
        {"x --memory=K", "option --memory: \"K\" is no size (a number, with K, M or G if wanted)"},
        {"x --memory=99999999999999G",
         "option --memory: \"99999999999999G\" is no size (a number, with K, M or G if wanted)"},
        {"x --color=Never", "option --color: \"Never\" is none of: auto, always, never"},
        {"x --format=csv,", "option --format: \"\" is none of: csv, xml, json, xpt"},
        {"x --format=csv,sas", "option --format: \"sas\" is none of: csv, xml, json, xpt"},
    };
    for (size_t i = 0; i < SM_ARRAY_LEN(cases); i++) {
        struct line l;
        struct given g;
        struct sm_err e;
        int first = -7;
        assert_int_equal(parse(&l, cases[i][0], &g, &first, &e), SM_EUSAGE);
        assert_string_equal(e.text, cases[i][1]);
        assert_int_equal(first, -7);
        sm_opt_free(table, &g);
    }
}

static void help_names_every_option_within_80_columns(void **state) {
    (void)state;
    struct sm_buf b;
    sm_buf_init(&b, 0);
    sm_opt_help(table, &b);
    struct sm_str rest = sm_buf_str(&b), one;
    while (sm_str_split(&rest, '\n', &one)) {
        assert_true(one.n <= 80);
        assert_false(sm_str_ends(one, SM_STR(" ")));
    }
    for (const struct sm_opt *o = table; o->name; o++)
        assert_true(sm_str_find(sm_buf_str(&b), sm_str(o->name), 0) != SIZE_MAX);
    assert_true(sm_str_starts(sm_buf_str(&b), SM_STR("  -f, --force               replace outputs\n"
                                                     "  -o, --output=DIR          folder for")));
    struct sm_str choices = SM_STR("colour: auto, always, never\n");
    assert_true(sm_str_find(sm_buf_str(&b), choices, 0) != SIZE_MAX);
    sm_buf_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_reaches_its_field),
        cmocka_unit_test(operands_may_be_mixed_whatever_posix_says),
        cmocka_unit_test(wrong_lines_are_refused_with_a_reason),
        cmocka_unit_test(help_names_every_option_within_80_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
