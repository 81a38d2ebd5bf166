/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sdtmill/buf.h"
#include "sdtmill/err.h"
#include "sdtmill/utf8.h"
#include "sdtmill/val.h"

static void assert_spelled(const char *text, const char *want) {
    struct sm_buf b;
    sm_buf_init(&b, 0);
    sm_buf_add_c(&b, "> ");
    assert_true(sm_utf8_to_ascii(sm_str(text), &b));
    assert_string_equal(b.p + 2, want);
    sm_buf_free(&b);
}

static void letters_signs_and_quotes_have_the_forms_that_people_write(void **state) {
    (void)state;
    assert_spelled("M\xC3\xBCller-Stra\xC3\x9F\x65", "Mueller-Strasse");
    assert_spelled("na\xC3\xAFve caf\xC3\xA9", "naive cafe");
    assert_spelled("5 \xC2\xB5g/m\xC2\xB2 \xE2\x89\xA4 37 \xC2\xB0\x43", "5 ug/m^2 <= 37 degC");
    assert_spelled("\xCE\xB1-\xCE\xBC \xCE\xA9", "alpha-u Omega");
    assert_spelled("\xE2\x80\x9Eja\xE2\x80\x9C \xE2\x80\x93 \xE2\x80\xA6", "\"ja\" - ...");
    assert_spelled("\xC5\x81\xC3\xB3\x64\xC5\xBA", "Lodz");
    assert_spelled("a\xE2\x80\x8B\x62", "ab");
    assert_spelled("", "");
    assert_spelled("plain ASCII ~", "plain ASCII ~");
}

static void a_text_with_any_other_character_is_left_alone(void **state) {
    (void)state;
    static const char *const texts[] = {"ab\xE6\x97\xA5", "\xD7\xA2", "a\tb", "\x7F", "\xFF", "\xC3", "\xF0\x9F\xA7\xAA"};
    for (size_t i = 0; i < SM_ARRAY_LEN(texts); i++) {
        struct sm_buf b;
        sm_buf_init(&b, 0);
        sm_buf_add_c(&b, "x");
        assert_false(sm_utf8_to_ascii(sm_str(texts[i]), &b));
        assert_string_equal(b.n == 1 ? "x" : "more", "x");
        sm_buf_free(&b);
    }
}

/* Every character is looked for: one that stood at a wrong place of the table would not be found. */
static void every_form_is_short_printable_ascii_and_all_of_latin_1_has_one(void **state) {
    (void)state;
    size_t found = 0;
    for (uint32_t cp = 0; cp < 0x10000; cp++) {
        const char *s = sm_utf8_ascii(cp);
        assert_true(s == NULL || cp >= 0xA0);
        if (cp >= 0xA0 && cp < 0x180) assert_non_null(s);
        if (!s) continue;
        found++;
        assert_in_range(strlen(s), 0, 9);
        assert_true(sm_utf8_is_printable_ascii(sm_str(s)));
    }
    assert_in_range(found, 380, 600);
}

static void a_pool_that_was_reset_takes_texts_anew(void **state) {
    (void)state;
    struct sm_texts *t = NULL;
    struct sm_intern *in = NULL;
    struct sm_err err = {0};
    struct sm_valbuf buf;
    char text[64];
    assert_int_equal(sm_texts_open(&t, &err), SM_OK);
    assert_int_equal(sm_intern_open(&in, t, &err), SM_OK);
    uint64_t empty = sm_texts_bytes(t);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 20000; i++) {
            (void)snprintf(text, sizeof text, "round %d has a text with number %d", round, i);
            sm_val v = sm_val_make(in, sm_str(text));
            assert_true(sm_val_is_pooled(v));
            if (i % 997 == 0) assert_string_equal(sm_val_text(t, v, &buf).p, text);
            assert_int_equal(sm_val_make(in, sm_str(text)), v);
        }
        assert_true(sm_texts_bytes(t) > empty + 20000 * 30);
        sm_texts_reset(t, in);
        assert_int_equal(sm_texts_bytes(t), empty);
    }
    assert_false(sm_intern_failed(in));
    sm_intern_close(in);
    sm_texts_close(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letters_signs_and_quotes_have_the_forms_that_people_write),
        cmocka_unit_test(a_text_with_any_other_character_is_left_alone),
        cmocka_unit_test(every_form_is_short_printable_ascii_and_all_of_latin_1_has_one),
        cmocka_unit_test(a_pool_that_was_reset_takes_texts_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
