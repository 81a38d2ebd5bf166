/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>

#include "sdtmill/err.h"
#include "sdtmill/xmlw.h"
#include "tmp.h"

static void texts_are_escaped_for_attributes(void **state) {
    (void)state;
    static const struct { const char *text, *xml; enum sm_xml_fit fit; } t[] = {
        {"", "", SM_XML_PLAIN},
        {"a b", "a b", SM_XML_PLAIN},
        {"it's 5.4 {}[]", "it's 5.4 {}[]", SM_XML_PLAIN},
        {"a&b", "a&amp;b", SM_XML_ESCAPE},
        {"<", "&lt;", SM_XML_ESCAPE},
        {"a>b", "a&gt;b", SM_XML_ESCAPE},
        {"\"", "&quot;", SM_XML_ESCAPE},
        {"a\tb\nc\rd", "a&#9;b&#10;c&#13;d", SM_XML_ESCAPE},
        {"1234567&", "1234567&amp;", SM_XML_ESCAPE},
        {"123456789&", "123456789&amp;", SM_XML_ESCAPE},
        {"\xC2\xB5g", "\xC2\xB5g", SM_XML_ESCAPE},
        {"\xEF\xBF\xBD \xF0\x9F\x98\x80 \xEF\xBC\x81", "\xEF\xBF\xBD \xF0\x9F\x98\x80 \xEF\xBC\x81", SM_XML_ESCAPE},
        {"a\x01z", "a\xEF\xBF\xBDz", SM_XML_IMPOSSIBLE},
        {"a\x1F", "a\xEF\xBF\xBD", SM_XML_IMPOSSIBLE},
        {"\xEF\xBF\xBE<", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD&lt;", SM_XML_IMPOSSIBLE},
        {"\xFF\xC2", "\xEF\xBF\xBD\xEF\xBF\xBD", SM_XML_IMPOSSIBLE},
    };
    for (size_t i = 0; i < SM_ARRAY_LEN(t); i++) {
        char out[128];
        struct sm_str s = sm_str(t[i].text);
        size_t n = (size_t)(sm_xml_put(out, s) - out);
        assert_int_equal(n, strlen(t[i].xml));
        assert_memory_equal(out, t[i].xml, n);
        assert_int_equal(sm_xml_look(s), t[i].fit);
        assert_int_equal(sm_xml_impossible(s) == SIZE_MAX, t[i].fit != SM_XML_IMPOSSIBLE);
    }
}

static void the_place_of_what_xml_cannot_hold_is_told(void **state) {
    (void)state;
    assert_int_equal(sm_xml_impossible(SM_STR("abc\x02")), 3);
    assert_int_equal(sm_xml_impossible(SM_STR("\xC2\xB5\0x")), 2);
    assert_int_equal(sm_xml_impossible(SM_STR("ab\xEF\xBF\xBF")), 2);
    assert_int_equal(sm_xml_impossible(SM_STR("abcd\xED\xA0\x80")), 4);
}

/* The quick test may send a plain text the slow way, never the other way round. */
static void the_quick_test_of_eight_bytes_is_safe(void **state) {
    (void)state;
    for (unsigned c = 0; c < 256; c++)
        for (size_t at = 0; at < 8; at++) {
            char text[8] = {'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'}, out[64];
            uint64_t w;
            text[at] = (char)c;
            memcpy(&w, text, 8);
            bool same = sm_xml_put(out, sm_str_n(text, 8)) == out + 8 && memcmp(out, text, 8) == 0;
            if (sm_xml_word_plain(w)) assert_true(same);
            if (c < 0x80 && same) assert_true(sm_xml_word_plain(w));
        }
}

static void long_hopeless_texts_take_linear_time(void **state) {
    (void)state;
    size_t n = 1 << 20;
    char *text = test_malloc(n), *out = test_malloc(n * SM_XML_GROWTH);
    memset(text, 1, n);
    assert_ptr_equal(sm_xml_put(out, sm_str_n(text, n)), out + 3 * n);
    test_free(text);
    test_free(out);
}

static void an_attribute_is_written_with_its_name(void **state) {
    (void)state;
    struct tmp t;
    struct sm_sink *k = NULL;
    struct sm_err err = {0};
    tmp_open(&t);
    int fd = open(tmp_path(&t, "x"), O_WRONLY | O_CREAT, 0666);
    assert_int_equal(sm_sink_on_fd(&k, fd, &err), SM_OK);
    sm_xmlw_attr(k, "Name", SM_STR("a\"b"));
    assert_int_equal(sm_sink_close(k, NULL, NULL, &err), SM_OK);
    assert_int_equal(close(fd), 0);
    tmp_assert_file(tmp_path(&t, "x"), " Name=\"a&quot;b\"");
    tmp_close(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_escaped_for_attributes),
        cmocka_unit_test(the_place_of_what_xml_cannot_hold_is_told),
        cmocka_unit_test(the_quick_test_of_eight_bytes_is_safe),
        cmocka_unit_test(long_hopeless_texts_take_linear_time),
        cmocka_unit_test(an_attribute_is_written_with_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
