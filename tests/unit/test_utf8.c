/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sdtmill/utf8.h"

static void every_scalar_value_survives_put_and_next(void **state) {
    (void)state;
    for (uint32_t cp = 0; cp <= 0x10FFFF; cp++) {
        if (cp >= 0xD800 && cp <= 0xDFFF) continue;
        char c[4];
        size_t n = sm_utf8_put(c, cp);
        const char *p = c;
        if (sm_utf8_invalid(sm_str_n(c, n), NULL) != SIZE_MAX || sm_utf8_next(&p, c + n) != cp ||
            p != c + n)
            fail_msg("U+%04X", cp);
    }
}

static void malformed_bytes_are_found_where_they_stand(void **state) {
    (void)state;
    static const struct {
        struct sm_str s;
        size_t at;
        bool cut;
    } cases[] = {
        {{"abc\x80", 4}, 3, false},          {{"\xC0\xAF", 2}, 0, false},
        {{"\xED\xA0\x80", 3}, 0, false},     {{"\xF4\x90\x80\x80", 4}, 0, false},
        {{"\xE0\x80\x80", 3}, 0, false},     {{"12345678\xC3", 9}, 8, true},
        {{"a\xE2\x82", 3}, 1, true},         {{"a\xE2\x28\xA1", 4}, 1, false},
        {{"\xFF", 1}, 0, false},             {{"\xF0\x9F\x98", 3}, 0, true},
        {{"12345678abcdefg\x80", 16}, 15, false},
    };
    for (size_t i = 0; i < SM_ARRAY_LEN(cases); i++) {
        bool cut = !cases[i].cut;
        assert_int_equal(sm_utf8_invalid(cases[i].s, &cut), cases[i].at);
        assert_int_equal(cut, cases[i].cut);
    }
    assert_int_equal(sm_utf8_invalid(SM_STR("Gr\xC3\xBC\xC3\x9F""e \xE2\x82\xAC"), NULL), SIZE_MAX);
    assert_int_equal(sm_utf8_invalid(sm_str(NULL), NULL), SIZE_MAX);
}

static void characters_are_counted(void **state) {
    (void)state;
    assert_int_equal(sm_utf8_count(SM_STR("\xC3\xA4o\xE2\x82\xAC\xF0\x9F\x98\x80")), 4);
    assert_true(sm_utf8_is_printable_ascii(SM_STR("a ~")));
    assert_false(sm_utf8_is_printable_ascii(SM_STR("a\t")));
    assert_false(sm_utf8_is_printable_ascii(SM_STR("\xC3\xA4")));
    assert_false(sm_utf8_is_printable_ascii(SM_STR("\x7F")));
}

static void letters_change_case_both_ways(void **state) {
    (void)state;
    static const uint32_t pairs[][2] = {
        {'A', 'a'},       {'Z', 'z'},       {0xC4, 0xE4},     {0xDE, 0xFE},     {0x100, 0x101},
        {0x139, 0x13A},   {0x178, 0xFF},    {0x17D, 0x17E},   {0x218, 0x219},   {0x391, 0x3B1},
        {0x3A3, 0x3C3},   {0x386, 0x3AC},   {0x38C, 0x3CC},   {0x38F, 0x3CE},   {0x401, 0x451},
        {0x416, 0x436},   {0x42F, 0x44F},   {0x460, 0x461},   {0x4C0, 0x4CF},   {0x4C1, 0x4C2},
        {0x1E94, 0x1E95}, {0x1EA0, 0x1EA1},
    };
    for (size_t i = 0; i < SM_ARRAY_LEN(pairs); i++) {
        assert_int_equal(sm_utf8_lower(pairs[i][0]), pairs[i][1]);
        assert_int_equal(sm_utf8_upper(pairs[i][1]), pairs[i][0]);
        assert_int_equal(sm_utf8_lower(pairs[i][1]), pairs[i][1]);
        assert_int_equal(sm_utf8_upper(pairs[i][0]), pairs[i][0]);
    }
    static const uint32_t alone[] = {'@', '[', '`', '{', 0xD7, 0xF7, 0xDF,
                                     0xB5, 0x138, 0x149, 0x20AC};
    for (size_t i = 0; i < SM_ARRAY_LEN(alone); i++) {
        assert_int_equal(sm_utf8_lower(alone[i]), alone[i]);
        assert_int_equal(sm_utf8_upper(alone[i]), alone[i]);
    }
    assert_int_equal(sm_utf8_upper(0x3C2), 0x3A3);
    assert_int_equal(sm_utf8_lower(0x130), 'i');
}

static void ascii_is_told_at_every_place(void **state) {
    (void)state;
    char text[80];
    memset(text, 'a', sizeof text);
    for (size_t n = 0; n <= sizeof text; n++) {
        assert_true(sm_utf8_is_ascii(sm_str_n(text, n)));
        for (size_t at = 0; at < n; at++) {
            text[at] = (char)(0x80 + at);
            assert_false(sm_utf8_is_ascii(sm_str_n(text, n)));
            assert_true(sm_utf8_is_ascii(sm_str_n(text, at)));
            text[at] = 'a';
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ascii_is_told_at_every_place),
        cmocka_unit_test(every_scalar_value_survives_put_and_next),
        cmocka_unit_test(malformed_bytes_are_found_where_they_stand),
        cmocka_unit_test(characters_are_counted),
        cmocka_unit_test(letters_change_case_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
