/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>

#include "sdtmill/csvw.h"
#include "sdtmill/err.h"
#include "tmp.h"

static void a_cell_is_quoted_only_where_it_must_be(void **state) {
    (void)state;
    static const struct { const char *text, *cell; } t[] = {
        {"", ""}, {"a", "a"}, {"1.5", "1.5"}, {"a b", "a b"}, {"it's", "it's"}, {"a;b", "a;b"},
        {"a,b", "\"a,b\""}, {"\"", "\"\"\"\""}, {"a\"b\"c", "\"a\"\"b\"\"c\""}, {"a\nb", "\"a\nb\""}, {"a\rb", "\"a\rb\""},
        {" a", "\" a\""}, {"a ", "\"a \""}, {"\ta", "\"\ta\""}, {"a\tb", "a\tb"},
        {"12345678", "12345678"}, {"1234567,", "\"1234567,\""}, {"123456789,", "\"123456789,\""},
        {",123456789", "\",123456789\""}, {"a long text without anything special in it", "a long text without anything special in it"},
        {"a long text, with a comma in it", "\"a long text, with a comma in it\""}, {"\xC2\xB5g/mL", "\xC2\xB5g/mL"},
        {"\xC3\xAC\xC3\xAC\xC3\xAC\xC3\xAC\xC3\xAC", "\xC3\xAC\xC3\xAC\xC3\xAC\xC3\xAC\xC3\xAC"},
    };
    struct tmp tmp;
    tmp_open(&tmp);
    for (size_t i = 0; i < SM_ARRAY_LEN(t); i++) {
        struct sm_sink *k = NULL;
        struct sm_err err = {0};
        char want[128];
        int fd = open(tmp_path(&tmp, "cell"), O_WRONLY | O_CREAT | O_TRUNC, 0666);
        assert_int_equal(sm_sink_on_fd(&k, fd, &err), SM_OK);
        sm_csvw_cell(k, sm_str(t[i].text), '\n');
        assert_int_equal(sm_sink_close(k, NULL, NULL, &err), SM_OK);
        assert_int_equal(close(fd), 0);
        snprintf(want, sizeof want, "%s\n", t[i].cell);
        tmp_assert_file(tmp_path(&tmp, "cell"), want);
        assert_int_equal(sm_csv_plain(sm_str(t[i].text)), t[i].cell[0] != '"');
    }
    tmp_close(&tmp);
}

/* The quick test may send a plain text the slow way, never the other way round. */
static void the_quick_test_of_eight_bytes_is_safe(void **state) {
    (void)state;
    for (unsigned c = 0; c < 256; c++)
        for (size_t at = 0; at < 8; at++) {
            char text[8] = "abcdefg";
            uint64_t w;
            text[7] = 'h';
            text[at] = (char)c;
            memcpy(&w, text, 8);
            if (sm_csv_word_plain(w)) assert_true(sm_csv_plain(sm_str_n(text, 8)));
            if (c >= 0x2D) assert_true(sm_csv_word_plain(w));
            assert_int_equal(sm_csv_word_special(w), c == ',' || c == '"' || c == '\n' || c == '\r');
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cell_is_quoted_only_where_it_must_be),
        cmocka_unit_test(the_quick_test_of_eight_bytes_is_safe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
