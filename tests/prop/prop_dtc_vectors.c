/* SPDX-License-Identifier: MIT */
/* The date/time vectors of sdtm.oak 0.2.0, each answered by the real package, against the site
 * formats of this program. The table of differences is part of the test: a vector that differs and
 * is not listed fails, and so does a listed one that agrees. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sdtmill/arena.h"
#include "sdtmill/dtc.h"
#include "sdtmill/err.h"

enum { FILE_MAX = 1 << 20, COLUMNS = 16, INPUTS = 4, FORMAT_MAX = 512, VECTORS = 333 };
enum { C_ID = 0, C_IN = 1, C_FMT = 5, C_UNKNOWN = 9, C_CUTOFF, C_EXPECTED, C_PROBLEM, C_REGEX };

struct difference {
    const char *id, *ours; /* with " !" behind it where a problem is reported */
    const char *reason;
};

static const char impossible[] = "no such date or time: refused, not passed on";
static const char one_digit_month[] = "a month of one digit is read";
static const char name_in_full[] = "full names and other abbreviations are read";

static const struct difference differences[] = {
    {"D011", "--01", one_digit_month},
    {"D013", "<NA> !", impossible},
    {"D014", "<NA> !", impossible},
    {"D092", "1984-04-04T13 !", impossible},
    {"D158", "<NA> !", impossible},
    {"D159", "--01", one_digit_month},
    {"D174", "<NA> !", impossible},
    {"D180", "<NA> !", impossible},
    {"D187", "<NA> !", impossible},
    {"D241", "2014-01-03", one_digit_month},
    {"D244", "<NA> !", impossible},
    {"D271", "<NA> !", impossible},
    {"D272", "<NA> !", impossible},
    {"D273", "<NA> !", impossible},
    {"D274", "0020-01-01", "a year of four digits is taken as written"},
    {"D276", "2020-01-05", one_digit_month},
    {"D279", "2020-01-05", name_in_full},
    {"D284", "2020-01-05", one_digit_month},
    {"D286", "<NA> !", impossible},
    {"D287", "<NA> !", impossible},
    {"D294", "-----T10:00:00.102",
     "zeros at the end of a fraction are dropped, whatever stands before them"},
    {"D295", "<NA> !", impossible},
    {"D298", "2020-01", "tokens are matched without case"},
    {"D309", "1999-12-31", "an alternative in which the date is impossible is passed over"},
    {"D310", "format refused", "minutes in a date without an hour are a mistake in the format"},
    {"D326", "2020-05", one_digit_month},
    {"D327", "<NA> !", impossible},
    {"D328", "<NA> !", impossible},
    {"D330", "2024-03-04T08:05", one_digit_month},
    {"D331", "2020-09-01", name_in_full},
};

struct vector {
    struct sm_str field[COLUMNS];
};

/* One record of quoted or bare fields; quotes are undone in place. */
static bool record_next(char **at, char *end, struct vector *ret) {
    char *p = *at;
    if (p >= end) return false;
    *ret = (struct vector){0};
    for (size_t i = 0; i < COLUMNS; i++) {
        char *out = p, *start = p;
        bool quoted = p < end && *p == '"';
        p += quoted;
        for (; p < end && (quoted || (*p != ',' && *p != '\n')); p++) {
            if (quoted && *p == '"' && p + 1 < end && p[1] == '"')
                p++;
            else if (quoted && *p == '"') {
                quoted = false;
                continue;
            }
            *out++ = *p;
        }
        ret->field[i] = sm_str_n(start, (size_t)(out - start));
        if (p < end && *p++ == '\n') break;
    }
    *at = p;
    return true;
}

/* One alternative: the first run of a letter is the part, however long; all else is literal. */
static size_t translate_one(struct sm_str from, char *out) {
    static const char letters[] = "ymdHMS";
    bool seen[sizeof letters] = {false};
    size_t n = 0;
    for (size_t i = 0; i < from.n;) {
        const char c = from.p[i];
        const char *letter = memchr(letters, c, sizeof letters - 1);
        if (letter != NULL && !seen[letter - letters]) {
            seen[letter - letters] = true;
            out[n++] = c;
            while (i < from.n && from.p[i] == c)
                i++;
            continue;
        }
        out[n++] = '\\';
        out[n++] = c;
        i++;
    }
    return n;
}

static struct sm_str translate(struct sm_str from, char out[FORMAT_MAX]) {
    static const struct sm_str bar = {" || ", 4};
    size_t n = 0;
    assert_true(from.n * 2 + 1 < FORMAT_MAX);
    for (;;) {
        size_t at = sm_str_find(from, bar, 0);
        n += translate_one(sm_str_n(from.p, at == SIZE_MAX ? from.n : at), out + n);
        if (at == SIZE_MAX) return sm_str_n(out, n);
        out[n++] = '|';
        from = sm_str_n(from.p + at + bar.n, from.n - at - bar.n);
    }
}

/* Our answer in the form of the file: the text, or <NA>, and " !" for a problem. */
static void answer(const struct vector *v, char out[SM_DTC_TEXT_MAX + 8]) {
    struct sm_arena a = {0};
    struct sm_dtc whole = sm_dtc_none;
    uint64_t cutoff = 0;
    bool problem = false, given = false;
    assert_true(sm_str_to_u64(v->field[C_CUTOFF], &cutoff));
    const struct sm_dtc_rules rules = {.unknown = v->field[C_UNKNOWN],
                                       .century_cutoff = (int)cutoff};
    for (size_t i = 0; i < INPUTS; i++) {
        struct sm_err err = {0};
        char format[FORMAT_MAX];
        struct sm_dtc d;
        if (v->field[C_FMT + i].n == 0 || sm_str_eq_c(v->field[C_IN + i], "<NA>")) continue;
        given = true;
        const struct sm_dtc_pattern *p =
            sm_dtc_pattern_compile(&a, translate(v->field[C_FMT + i], format), "en", &err);
        if (p == NULL) {
            snprintf(out, SM_DTC_TEXT_MAX + 8, "format refused");
            sm_arena_free(&a);
            return;
        }
        if (sm_dtc_pattern_run(p, &rules, v->field[C_IN + i], &d) != SM_DTC_FITS) problem = true;
        sm_dtc_merge(&whole, &d);
    }
    char text[SM_DTC_TEXT_MAX];
    const bool nothing = sm_dtc_format(&whole, text) == 0;
    snprintf(out, SM_DTC_TEXT_MAX + 8, "%s%s", nothing ? "<NA>" : text,
             problem || (given && nothing) ? " !" : "");
    sm_arena_free(&a);
}

static const struct difference *difference_of(struct sm_str id) {
    for (size_t i = 0; i < SM_ARRAY_LEN(differences); i++)
        if (sm_str_eq_c(id, differences[i].id)) return &differences[i];
    return NULL;
}

/* 1 if the vector is as it should be: agreeing and not listed, or differing as listed. */
static int vector_holds(const struct vector *v) {
    char ours[SM_DTC_TEXT_MAX + 8], theirs[SM_DTC_TEXT_MAX + 8];
    const struct difference *listed = difference_of(v->field[C_ID]);
    answer(v, ours);
    snprintf(theirs, sizeof theirs, "%.*s%s", SM_STR_FMT(v->field[C_EXPECTED]),
             v->field[C_PROBLEM].n > 0 ? " !" : "");
    const char *want = listed == NULL ? theirs : listed->ours;
    if (listed != NULL && strcmp(listed->ours, theirs) == 0) {
        print_message("%.*s is listed but agrees\n", SM_STR_FMT(v->field[C_ID]));
        return 0;
    }
    if (strcmp(ours, want) == 0) return 1;
    print_message("%.*s \"%.*s\" by %.*s: %s, wanted %s%s%s\n", SM_STR_FMT(v->field[C_ID]),
                  SM_STR_FMT(v->field[C_IN]), SM_STR_FMT(v->field[C_FMT]), ours, want,
                  listed == NULL ? "" : " as ", listed == NULL ? "" : listed->reason);
    return 0;
}

static void vectors_agree_but_for_the_listed_ones(void **state) {
    (void)state;
    static char bytes[FILE_MAX];
    char path[4096];
    const char *shared = getenv("SDTMILL_SHARED");
    snprintf(path, sizeof path, "%s/realdata/dtc-vectors.csv", shared ? shared : "../shared");
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        print_message("SKIP: there is no %s (SDTMILL_SHARED names its folder)\n", path);
        skip();
    }
    char *at = bytes, *end = bytes + fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    struct vector v;
    size_t run = 0, wrong = 0, met = 0, all = 0;
    assert_true(record_next(&at, end, &v));
    while (record_next(&at, end, &v)) {
        all++;
        met += difference_of(v.field[C_ID]) != NULL;
        if (v.field[C_REGEX].n > 0) continue;
        run++;
        wrong += !vector_holds(&v);
    }
    print_message("%zu vectors, %zu run, %zu differ as listed, %zu wrong\n", all, run, met, wrong);
    assert_int_equal(all, VECTORS);
    assert_int_equal(met, SM_ARRAY_LEN(differences));
    assert_int_equal(wrong, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_agree_but_for_the_listed_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
