/* SPDX-License-Identifier: MIT */
/* Values against plain texts: equality, order, hash and reading back agree with the bytes, for
 * pseudo-random texts near the inline limit; threads that intern the same texts get the same
 * values. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sdtmill/err.h"
#include "sdtmill/lut.h"
#include "sdtmill/mem.h"
#include "sdtmill/val.h"

enum { TEXTS = 400, TEXT_MAX = 24, THREADS = 4, SHARED = 20000 };

static uint64_t next(uint64_t *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* Few letters, so that equal texts and long common beginnings are usual. */
static size_t random_text(uint64_t *seed, char *out) {
    static const char letters[] = "ab0-\xC3";
    size_t n = next(seed) % 12;
    for (size_t i = 0; i < n; i++)
        out[i] = letters[next(seed) % 5];
    if (next(seed) % 8 == 0)
        n = (size_t)snprintf(out, TEXT_MAX, "2014-%02u-%02u", (unsigned)(next(seed) % 14),
                             (unsigned)(next(seed) % 32));
    if (next(seed) % 16 == 0)
        n = (size_t)snprintf(out, TEXT_MAX, "2014-%02u", (unsigned)(next(seed) % 14));
    return n;
}

static void check_pair(const struct sm_texts *t, sm_val a, sm_val b, struct sm_str x,
                       struct sm_str y) {
    int want = sm_str_cmp(x, y);
    assert_int_equal(sm_val_cmp(t, a, b), (want > 0) - (want < 0));
    assert_int_equal(sm_val_eq(t, a, b), want == 0);
    if (want == 0) assert_true(sm_val_hash(t, a) == sm_val_hash(t, b));
}

static void values_behave_like_their_texts(void **state) {
    (void)state;
    static char text[TEXTS][TEXT_MAX];
    static struct sm_str s[TEXTS];
    static sm_val v[TEXTS];
    struct sm_texts *t;
    struct sm_intern *in;
    struct sm_err err = {0};
    struct sm_valbuf buf;
    uint64_t seed = 88172645463325252u;
    assert_int_equal(sm_texts_open(&t, &err), SM_OK);
    assert_int_equal(sm_intern_open(&in, t, &err), SM_OK);
    for (size_t i = 0; i < TEXTS; i++) {
        s[i] = sm_str_n(text[i], random_text(&seed, text[i]));
        v[i] = sm_val_make(in, s[i]);
        if (next(&seed) % 2) v[i] = sm_val_as_dtc(t, v[i]);
        assert_true(sm_str_eq(sm_val_text(t, v[i], &buf), s[i]));
        assert_int_equal(sm_val_text(t, v[i], &buf).p[s[i].n], '\0');
    }
    for (size_t i = 0; i < TEXTS; i++)
        for (size_t k = 0; k < TEXTS; k++)
            check_pair(t, v[i], v[k], s[i], s[k]);
    sm_intern_close(in);
    sm_texts_close(t);
}

struct worker {
    pthread_t thread;
    struct sm_texts *texts;
    uint64_t seed;
    sm_val *got; /* by number of the text */
    bool failed;
};

static void *intern_all(void *arg) {
    struct worker *w = arg;
    struct sm_intern *in;
    struct sm_err err = {0};
    char text[64];
    if (sm_intern_open(&in, w->texts, &err) != SM_OK) {
        w->failed = true;
        return NULL;
    }
    for (size_t i = 0; i < SHARED * 2; i++) {
        size_t which = next(&w->seed) % SHARED;
        struct sm_valbuf buf;
        size_t n = (size_t)snprintf(text, sizeof text, "subject %zu of the study", which);
        sm_val v = sm_val_make(in, sm_str_n(text, n));
        if (!sm_str_eq(sm_val_text(w->texts, v, &buf), sm_str_n(text, n))) w->failed = true;
        if (w->got[which] && w->got[which] != v) w->failed = true;
        w->got[which] = v;
    }
    w->failed |= sm_intern_failed(in);
    sm_intern_close(in);
    return NULL;
}

static void threads_agree_on_every_text(void **state) {
    (void)state;
    struct sm_texts *t;
    struct sm_err err = {0};
    struct worker w[THREADS] = {0};
    assert_int_equal(sm_texts_open(&t, &err), SM_OK);
    for (size_t i = 0; i < THREADS; i++) {
        w[i].texts = t;
        w[i].seed = 88172645463325252u + i * 7919;
        w[i].got = sm_alloc(SHARED, sizeof(sm_val));
        assert_non_null(w[i].got);
        assert_int_equal(pthread_create(&w[i].thread, NULL, intern_all, &w[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(w[i].thread, NULL), 0);
    size_t common = 0;
    for (size_t i = 0; i < THREADS; i++) {
        assert_false(w[i].failed);
        for (size_t k = 0; k < SHARED; k++) {
            if (!w[i].got[k] || !w[0].got[k]) continue;
            assert_true(w[i].got[k] == w[0].got[k]);
            common++;
        }
    }
    assert_true(common > SHARED);
    for (size_t i = 0; i < THREADS; i++)
        sm_free(w[i].got);
    sm_texts_close(t);
}

static void sum_and_count_do_not_depend_on_order(void **state) {
    (void)state;
    static const char *const numbers[] = {"0.1", "0.2",   "-3",  "1000000000000",
                                          "0.7", "12.50", "-0.5"};
    struct sm_texts *t;
    struct sm_intern *in;
    struct sm_err err = {0};
    assert_int_equal(sm_texts_open(&t, &err), SM_OK);
    assert_int_equal(sm_intern_open(&in, t, &err), SM_OK);
    for (size_t first = 0; first < SM_ARRAY_LEN(numbers); first++) {
        sm_val sum = SM_MISSING, count = SM_MISSING, most = SM_MISSING;
        for (size_t i = 0; i < SM_ARRAY_LEN(numbers); i++) {
            sm_val v = sm_val_make(in, sm_str(numbers[(first + i) % SM_ARRAY_LEN(numbers)]));
            sm_take_combine(SM_TAKE_SUM, &sum, v, in);
            sm_take_combine(SM_TAKE_COUNT, &count, v, in);
            sm_take_combine(SM_TAKE_MAX, &most, v, in);
        }
        assert_true(sum == sm_val_make(in, SM_STR("1000000000010")));
        assert_true(count == sm_val_make(in, SM_STR("7")));
        assert_true(most == sm_val_make(in, SM_STR("1000000000000")));
    }
    sm_intern_close(in);
    sm_texts_close(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_behave_like_their_texts),
        cmocka_unit_test(threads_agree_on_every_text),
        cmocka_unit_test(sum_and_count_do_not_depend_on_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
