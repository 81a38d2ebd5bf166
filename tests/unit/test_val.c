/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sdtmill/err.h"
#include "sdtmill/mem.h"
#include "sdtmill/val.h"

struct fix {
    struct sm_texts *texts;
    struct sm_intern *in, *other;
};

static int setup(void **state) {
    static struct fix f;
    struct sm_err err = {0};
    f = (struct fix){0};
    *state = &f;
    if (sm_texts_open(&f.texts, &err) != SM_OK) return -1;
    if (sm_intern_open(&f.in, f.texts, &err) != SM_OK) return -1;
    return sm_intern_open(&f.other, f.texts, &err);
}

static int teardown(void **state) {
    struct fix *f = *state;
    sm_intern_close(f->in);
    sm_intern_close(f->other);
    sm_texts_close(f->texts);
    return 0;
}

static sm_val make(struct fix *f, const char *s) {
    return sm_val_make(f->in, sm_str(s));
}

static void check_text(struct fix *f, sm_val v, const char *want) {
    struct sm_valbuf buf;
    struct sm_str s = sm_val_text(f->texts, v, &buf);
    assert_int_equal(s.n, strlen(want));
    assert_string_equal(s.p, want);
}

static sm_val date(struct fix *f, const char *s) {
    sm_val v = sm_val_as_dtc(f->texts, make(f, s));
    assert_true(sm_val_is_dtc(v));
    return v;
}

static void digits_are_told_from_other_short_texts(void **state) {
    struct fix *f = *state;
    for (size_t n = 1; n <= 7; n++)
        for (size_t at = 0; at < n; at++)
            for (unsigned c = 1; c < 256; c++) {
                char text[] = "0918273";
                text[at] = (char)c;
                sm_val v = sm_val_make(f->in, sm_str_n(text, n));
                assert_int_equal(sm_val_is_digits(v), sm_is_digit((char)c));
                assert_int_equal(sm_val_inline_length(v), n);
            }
}

static void every_length_reads_back(void **state) {
    struct fix *f = *state;
    char text[40];
    for (size_t n = 1; n < sizeof text; n++) {
        for (size_t i = 0; i < n; i++)
            text[i] = (char)('a' + i % 26);
        text[n] = '\0';
        sm_val v = make(f, text);
        assert_int_equal(sm_val_is_inline(v), n <= 7);
        assert_int_equal(sm_val_is_pooled(v), n > 7);
        check_text(f, v, text);
    }
}

static void empty_and_no_value_are_missing(void **state) {
    struct fix *f = *state;
    assert_true(sm_val_make(f->in, (struct sm_str){NULL, 0}) == SM_MISSING);
    assert_true(make(f, "") == SM_MISSING);
    check_text(f, SM_MISSING, "");
}

static void high_bytes_stay_inline_text(void **state) {
    struct fix *f = *state;
    sm_val v = make(f, "\xC3\xA5\xC3\xA4\xC3\xB6!");
    assert_true(sm_val_is_inline(v));
    assert_false(sm_val_is_dtc(v));
    check_text(f, v, "\xC3\xA5\xC3\xA4\xC3\xB6!");
}

static void two_fronts_give_one_value_for_one_text(void **state) {
    struct fix *f = *state;
    char text[64];
    for (int i = 0; i < 5000; i++) {
        snprintf(text, sizeof text, "subject number %d", i);
        assert_true(sm_val_make(f->in, sm_str(text)) == sm_val_make(f->other, sm_str(text)));
    }
    for (int i = 0; i < 5000; i++) {
        snprintf(text, sizeof text, "subject number %d", i);
        check_text(f, make(f, text), text);
    }
}

static void long_texts_do_not_move_when_others_come(void **state) {
    struct fix *f = *state;
    struct sm_valbuf buf;
    size_t n = 300000;
    char *big = sm_alloc(n + 1, 1);
    memset(big, 'x', n);
    sm_val v = sm_val_make(f->in, sm_str_n(big, n));
    const char *at = sm_val_text(f->texts, v, &buf).p;
    for (int i = 0; i < 40; i++) {
        big[i] = 'y';
        sm_val w = sm_val_make(f->in, sm_str_n(big, n));
        assert_true(w != v);
        assert_int_equal(sm_val_text(f->texts, w, &buf).n, n);
        assert_memory_equal(sm_val_text(f->texts, w, &buf).p, big, n);
    }
    assert_ptr_equal(sm_val_text(f->texts, v, &buf).p, at);
    assert_false(sm_intern_failed(f->in));
    sm_free(big);
}

static void text_above_one_mebibyte_marks_the_front(void **state) {
    struct fix *f = *state;
    size_t n = 1024 * 1024 + 1;
    char *big = sm_alloc(n, 1);
    memset(big, 'x', n);
    assert_false(sm_val_make(f->in, sm_str_n(big, n - 1)) == SM_MISSING);
    assert_false(sm_intern_failed(f->in));
    assert_true(sm_val_make(f->in, sm_str_n(big, n)) == SM_MISSING);
    assert_true(sm_intern_failed(f->in));
    sm_free(big);
}

static void order_is_that_of_the_bytes(void **state) {
    struct fix *f = *state;
    static const char *const sorted[] = {"",         "A", "AB", "ABCDEFG",      "ABCDEFGH",
                                         "ABCDEFGI", "B", "a",  "abcdefghijkl", "\xC3\xA5"};
    for (size_t i = 0; i < SM_ARRAY_LEN(sorted); i++) {
        for (size_t k = 0; k < SM_ARRAY_LEN(sorted); k++) {
            int want = (i > k) - (i < k);
            assert_int_equal(sm_val_cmp(f->texts, make(f, sorted[i]), make(f, sorted[k])), want);
        }
    }
}

static void packed_date_equals_its_text(void **state) {
    struct fix *f = *state;
    static const char *const dates[] = {"2014",      "2014-03",          "2014-03-05",
                                        "2014---05", "2014-03-05T10:30", "2014-03-05T10:30:15"};
    for (size_t i = 0; i < SM_ARRAY_LEN(dates); i++) {
        sm_val d = date(f, dates[i]), t = make(f, dates[i]);
        assert_true(sm_val_eq(f->texts, d, t));
        assert_true(sm_val_eq(f->texts, t, d));
        assert_int_equal(sm_val_cmp(f->texts, d, t), 0);
        assert_true(sm_val_hash(f->texts, d) == sm_val_hash(f->texts, t));
        check_text(f, d, dates[i]);
    }
    assert_false(sm_val_eq(f->texts, date(f, "2014-03"), make(f, "2014-04")));
}

static void what_is_no_canonical_date_is_not_packed(void **state) {
    struct fix *f = *state;
    static const char *const texts[] = {"2014-13-01", "2014-3-5", "05.03.2014",
                                        "2014-02-30", "hello",    "2014-03-05T10:30:15.25"};
    for (size_t i = 0; i < SM_ARRAY_LEN(texts); i++) {
        sm_val v = make(f, texts[i]);
        assert_true(sm_val_as_dtc(f->texts, v) == v);
    }
}

static void numbers_are_read_and_written(void **state) {
    struct fix *f = *state;
    double d = 0;
    check_text(f, sm_val_from_i64(f->in, -9000000000), "-9000000000");
    for (int64_t far = 1; far < 100000000000; far = far * 10)
        for (int64_t n = far - 30; n <= far + 30; n++)
            for (int sign = -1; sign <= 1; sign += 2) {
                char text[32];
                snprintf(text, sizeof text, "%" PRId64, sign * n);
                check_text(f, sm_val_from_i64(f->in, sign * n), text);
                assert_true(sm_val_from_i64(f->in, sign * n) == sm_val_make(f->in, sm_str(text)));
            }
    assert_true(sm_val_to_num(f->texts, make(f, "12.5"), &d) && d == 12.5);
    assert_false(sm_val_to_num(f->texts, make(f, "1e5"), &d));
    assert_false(sm_val_to_num(f->texts, SM_MISSING, &d));
}

static void position_keeps_its_parts_and_orders_by_them(void **state) {
    (void)state;
    sm_pos p = sm_pos_make(3, 123456789, 77);
    assert_int_equal(sm_pos_file(p), 3);
    assert_int_equal(sm_pos_line(p), 123456789);
    assert_int_equal(sm_pos_copy(p), 77);
    assert_true(sm_pos_make(1, 9, 9) < sm_pos_make(2, 1, 0) &&
                sm_pos_make(1, 1, 9) < sm_pos_make(1, 2, 0));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(digits_are_told_from_other_short_texts, setup, teardown),
        cmocka_unit_test_setup_teardown(every_length_reads_back, setup, teardown),
        cmocka_unit_test_setup_teardown(empty_and_no_value_are_missing, setup, teardown),
        cmocka_unit_test_setup_teardown(high_bytes_stay_inline_text, setup, teardown),
        cmocka_unit_test_setup_teardown(two_fronts_give_one_value_for_one_text, setup, teardown),
        cmocka_unit_test_setup_teardown(long_texts_do_not_move_when_others_come, setup, teardown),
        cmocka_unit_test_setup_teardown(text_above_one_mebibyte_marks_the_front, setup, teardown),
        cmocka_unit_test_setup_teardown(order_is_that_of_the_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(packed_date_equals_its_text, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_canonical_date_is_not_packed, setup, teardown),
        cmocka_unit_test_setup_teardown(numbers_are_read_and_written, setup, teardown),
        cmocka_unit_test(position_keeps_its_parts_and_orders_by_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
