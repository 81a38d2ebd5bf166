/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sdtmill/jsonw.h"

static void texts_are_escaped(void **state) {
    (void)state;
    static const struct { const char *text, *json; } t[] = {
        {"", ""}, {"a/b 'c'", "a/b 'c'"}, {"\"", "\\\""}, {"a\\b", "a\\\\b"}, {"\b\f\n\r\t", "\\b\\f\\n\\r\\t"},
        {"\x01\x1F", "\\u0001\\u001f"}, {"\x7F", "\x7F"}, {"\xC2\xB5g/mL", "\xC2\xB5g/mL"},
        {"1234567\"", "1234567\\\""}, {"123456789\\", "123456789\\\\"}, {"\xF0\x9F\x98\x80", "\xF0\x9F\x98\x80"},
        {"a\xFF\xC2", "a\xEF\xBF\xBD\xEF\xBF\xBD"},
    };
    for (size_t i = 0; i < SM_ARRAY_LEN(t); i++) {
        struct sm_buf b;
        char want[64];
        sm_buf_init(&b, 0);
        sm_jsonw_text(&b, sm_str(t[i].text));
        sm_buf_add_byte(&b, '\n');
        snprintf(want, sizeof want, "\"%s\"\n", t[i].json);
        assert_string_equal(b.p, want);
        assert_int_equal(sm_json_plain(sm_str(t[i].text)), strcmp(t[i].text, t[i].json) == 0);
        sm_buf_free(&b);
    }
}

static void a_nul_byte_is_escaped(void **state) {
    (void)state;
    char out[16];
    char *end = sm_json_put(out, SM_STR("a\0b"));
    assert_int_equal(end - out, 8);
    assert_memory_equal(out, "a\\u0000b", 8);
}

/* The quick test may send a plain text the slow way, never the other way round. */
static void the_quick_test_of_eight_bytes_is_safe(void **state) {
    (void)state;
    for (unsigned c = 0; c < 256; c++)
        for (size_t at = 0; at < 8; at++) {
            char text[8] = {'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'};
            uint64_t w;
            text[at] = (char)c;
            memcpy(&w, text, 8);
            bool same = sm_json_plain(sm_str_n(text, 8));
            if (sm_json_word_plain(w)) assert_true(same);
            if (c < 0x80 && same) assert_true(sm_json_word_plain(w));
            assert_int_equal(same, c >= 0x20 && c < 0x80 && c != '"' && c != '\\');
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_escaped),
        cmocka_unit_test(a_nul_byte_is_escaped),
        cmocka_unit_test(the_quick_test_of_eight_bytes_is_safe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
