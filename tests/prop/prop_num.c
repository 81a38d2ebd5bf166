/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "random.h"
#include "sdtmill/num.h"

static void check_round_trip(double v) {
    char out[400];
    double back = 0;
    bool whole = !(v < 0) && !(v > 0);
    size_t n = sm_num_format(v, out);
    if (n > 26 || !sm_num_parse(sm_str_n(out, n), true, &back) || (!whole && memcmp(&v, &back, 8)))
        fail_msg("%.17g became %.*s", v, (int)n, out);
    n = sm_num_format_plain(v, out);
    if (!sm_num_parse(sm_str_n(out, n), false, &back) || (!whole && memcmp(&v, &back, 8) != 0))
        fail_msg("%.17g became %.*s", v, (int)n, out);
    if (sm_str_find_byte(sm_str_n(out, n), '.', 0) != SIZE_MAX) assert_true(out[n - 1] != '0');
}

static void written_doubles_read_back_the_same(void **state) {
    (void)state;
    uint64_t seed = 1;
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = next_random(&seed);
        if ((bits >> 52 & 0x7FF) == 0x7FF) continue;
        double v;
        memcpy(&v, &bits, sizeof v);
        check_round_trip(v);
        check_round_trip((double)(int64_t)(bits >> 40) / 1000);
        check_round_trip((double)(bits >> (bits & 63)));
    }
}

static void parsing_agrees_with_the_c_library(void **state) {
    (void)state;
    uint64_t seed = 2;
    for (int i = 0; i < 20000; i++) {
        char text[64];
        uint64_t r = next_random(&seed);
        snprintf(text, sizeof text, "%s%" PRIu64 ".%" PRIu64 "e%d", r & 1 ? "-" : "",
                 next_random(&seed) >> (r & 63), next_random(&seed) >> (r >> 6 & 63),
                 (int)(r >> 12 & 63) - 32);
        double v = 0, want = strtod(text, NULL);
        assert_true(sm_num_parse(sm_str(text), true, &v));
        if (memcmp(&v, &want, sizeof v) != 0) fail_msg("%s", text);
    }
}

/* For every tenth of a degree: Celsius to Fahrenheit and back is the start again, and the places
 * asked for are those of integer arithmetic. */
static void temperatures_convert_there_and_back(void **state) {
    (void)state;
    struct sm_dec *nine = sm_dec_parse(SM_STR("9/5")), *five = sm_dec_parse(SM_STR("5/9"));
    struct sm_dec *up = sm_dec_parse(SM_STR("160/9")), *down = sm_dec_parse(SM_STR("-32"));
    assert_true(nine && five && up && down);
    for (int tenth = -2731; tenth < 6000; tenth++) {
        char c[20], f[40], back[40], want[40];
        size_t nf = 0, nb = 0, nw = 0, nc = 0;
        snprintf(c, sizeof c, "%s%d.%d", tenth < 0 ? "-" : "", abs(tenth) / 10, abs(tenth) % 10);
        assert_true(sm_dec_convert(sm_str(c), up, nine, -1, SM_ROUND_HALF_UP, f, 40, &nf));
        assert_true(
            sm_dec_convert(sm_str_n(f, nf), down, five, -1, SM_ROUND_HALF_UP, back, 40, &nb));
        assert_true(sm_dec_canonical(sm_str(c), want, 40, &nw));
        assert_true(sm_str_eq(sm_str_n(back, nb), sm_str_n(want, nw)));
        int num = (tenth - 320) * 50; /* hundredths of Celsius x 9 of tenth/10 Fahrenheit */
        int q = (num < 0 ? -num : num) / 9, r = (num < 0 ? -num : num) % 9;
        q += r * 2 >= 9;
        snprintf(want, sizeof want, "%s%d.%02d", num < 0 ? "-" : "", q / 100, q % 100);
        assert_true(sm_dec_convert(sm_str(c), down, five, 2, SM_ROUND_HALF_UP, back, 40, &nb));
        assert_true(sm_dec_canonical(sm_str(want), f, 40, &nc));
        assert_true(sm_str_eq(sm_str_n(back, nb), sm_str_n(f, nc)));
    }
    sm_dec_free(nine);
    sm_dec_free(five);
    sm_dec_free(up);
    sm_dec_free(down);
}

/* 150 places leave the 128-bit path. Cut there and rounded afterwards, the digits are the same: no
 * quotient by less than 1000 comes that near to a tie without being one. */
static void fast_and_general_path_agree(void **state) {
    (void)state;
    uint64_t seed = 3;
    for (int i = 0; i < 3000; i++) {
        uint64_t r = next_random(&seed);
        char x[64], factor[64], fast[300], general[300], rounded[300];
        size_t nf = 0, ng = 0, nr = 0;
        snprintf(x, sizeof x, "%s%" PRIu64 ".%u", r & 1 ? "-" : "", r >> 40, (unsigned)(r & 0xFFF));
        snprintf(factor, sizeof factor, "%u/%u", (unsigned)(next_random(&seed) % 999) + 1,
                 (unsigned)(next_random(&seed) % 999) + 1);
        struct sm_dec *f = sm_dec_parse(sm_str(factor));
        assert_non_null(f);
        enum sm_round how = (enum sm_round)(r >> 20 & 0xFF) % 3;
        int digits = (int)(r >> 16 & 15);
        assert_true(sm_dec_convert(sm_str(x), NULL, f, digits, how, fast, 300, &nf));
        assert_true(sm_dec_convert(sm_str(x), NULL, f, 150, SM_ROUND_DOWN, general, 300, &ng));
        assert_true(sm_dec_round(sm_str_n(general, ng), digits, how, rounded, 300, &nr));
        if (!sm_str_eq(sm_str_n(rounded, nr), sm_str_n(fast, nf)))
            fail_msg("%s x %s to %d places: %.*s", x, factor, digits, (int)nf, fast);
        sm_dec_free(f);
    }
}

static void sums_and_products_undo_each_other(void **state) {
    (void)state;
    static const char op[][2] = {{'+', '-'}, {'*', '/'}};
    uint64_t seed = 4;
    for (int i = 0; i < 5000; i++) {
        char a[80], b[80], want[80], sum[300], back[300];
        size_t nw = 0, ns = 0, nb = 0;
        uint64_t r = next_random(&seed);
        snprintf(a, sizeof a, "%s%" PRIu64 ".%u", r & 1 ? "-" : "",
                 next_random(&seed) >> (r >> 4 & 63), (unsigned)(r >> 32 & 0xFFFF));
        snprintf(b, sizeof b, "%" PRIu64 ".%u1", next_random(&seed) >> (r >> 10 & 63),
                 (unsigned)(r >> 48));
        assert_true(sm_dec_canonical(sm_str(a), want, sizeof want, &nw));
        for (size_t k = 0; k < SM_ARRAY_LEN(op); k++) {
            assert_true(sm_dec_arith(op[k][0], sm_str(a), sm_str(b), sum, sizeof sum, &ns));
            assert_true(
                sm_dec_arith(op[k][1], sm_str_n(sum, ns), sm_str(b), back, sizeof back, &nb));
            if (!sm_str_eq(sm_str_n(back, nb), sm_str_n(want, nw)))
                fail_msg("%s %c %s: %.*s", a, op[k][0], b, (int)nb, back);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_doubles_read_back_the_same),
        cmocka_unit_test(parsing_agrees_with_the_c_library),
        cmocka_unit_test(temperatures_convert_there_and_back),
        cmocka_unit_test(fast_and_general_path_agree),
        cmocka_unit_test(sums_and_products_undo_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
