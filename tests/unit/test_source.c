/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <zlib.h>

#include "sdtmill/buf.h"
#include "sdtmill/err.h"
#include "sdtmill/source.h"

static struct sm_err err;
static struct sm_buf got;
static char encoding[64], file_encoding[64];
static size_t bom;

static int setup(void **state) {
    (void)state;
    sm_buf_init(&got, 0);
    sm_err_reset(&err);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    sm_buf_free(&got);
    return 0;
}

/* Everything, in pieces of `step` bytes. */
static int take(const char *p, size_t n, const struct sm_source_opts *opts, size_t step,
                char sha[65]) {
    struct sm_bytes *b = NULL;
    char piece[4096];
    size_t more = 1;
    sm_buf_clear(&got);
    sm_err_reset(&err);
    int rc = sm_bytes_open_memory(&b, (struct sm_str){p, n}, opts, &err);
    while (!rc && more > 0) {
        rc = sm_bytes_read(b, piece, step, &more, &err);
        if (!rc) sm_buf_add(&got, piece, more);
    }
    if (!rc) {
        (void)snprintf(encoding, sizeof encoding, "%s", sm_bytes_encoding(b));
        (void)snprintf(file_encoding, sizeof file_encoding, "%s", sm_bytes_file_encoding(b));
        bom = sm_bytes_bom(b).n;
        assert_int_equal(sm_bytes_size(b), n);
    }
    if (!rc && sha) rc = sm_bytes_sha256(b, sha, &err);
    if (b) sm_bytes_close(b);
    return rc;
}

static void expect(const char *p, size_t n, const char *declared, const char *want,
                   const char *from) {
    struct sm_source_opts opts = {.encoding = declared};
    for (size_t step = 1; step < 5000; step *= 8) {
        assert_int_equal(take(p, n, &opts, step > 4096 ? 4096 : step, NULL), SM_OK);
        assert_string_equal(got.n ? got.p : "", want);
        assert_string_equal(file_encoding, from);
    }
}

#define BYTES(s) s, sizeof(s) - 1

static void a_mark_decides_the_encoding(void **state) {
    (void)state;
    expect(BYTES("\xEF\xBB\xBF\xC3\xA4"), "ISO-8859-1", "\xC3\xA4", "UTF-8");
    assert_int_equal(bom, 3);
    expect(BYTES("\xFF\xFE\xE4\0\x3D\xD8\0\xDE"), "UTF-8", "\xC3\xA4\xF0\x9F\x98\x80", "UTF-16LE");
    expect(BYTES("\xFE\xFF\0\xE4"), NULL, "\xC3\xA4", "UTF-16BE");
    expect(BYTES("\xFF\xFE\0\0\xE4\0\0\0"), NULL, "\xC3\xA4", "UTF-32LE");
    expect(BYTES("\0\0\xFE\xFF\0\0\0\xE4"), NULL, "\xC3\xA4", "UTF-32BE");
    assert_int_equal(bom, 4);
    expect(BYTES("\0a\0b"), "UTF-16", "ab", "UTF-16BE");
    expect(BYTES("a\0b\0"), "utf-16", "ab", "UTF-16LE");
    expect(BYTES(""), NULL, "", "UTF-8");
    expect(BYTES("a"), "UTF8", "a", "UTF-8");
}

static void single_bytes_pass_and_the_rest_is_converted(void **state) {
    (void)state;
    expect(BYTES("\xE4"), "ISO-8859-1", "\xE4", "ISO-8859-1");
    assert_string_equal(encoding, "ISO-8859-1");
    expect(BYTES("\x83\x7C|"), "CP932", "\xE3\x83\x9D|", "CP932");
    assert_string_equal(encoding, "UTF-8");
    expect(BYTES("\x1B$B$\"\x1B(B,"), "ISO-2022-JP", "\xE3\x81\x82,", "ISO-2022-JP");
    expect(BYTES("A+AOQ-"), "UTF-7", "A\xC3\xA4", "UTF-7");
}

static void bad_code_units_are_marked(void **state) {
    (void)state;
    expect(BYTES("a\0\0\xD8"
                 "b\0"),
           "UTF-16LE",
           "a\xFF\xE0\xE0\xFF\xED\xE8"
           "b",
           "UTF-16LE");
    expect(BYTES("\xFF,"), "EUC-JP", "\xFF\xEF\xEF,", "EUC-JP");
}

static void cut_characters_end_the_file(void **state) {
    (void)state;
    struct sm_source_opts opts = {.encoding = "UTF-16LE"};
    assert_int_equal(take(BYTES("a\0b"), &opts, 100, NULL), SM_EDATA);
    assert_string_equal(got.p, "a");
    opts.encoding = "EUC-JP";
    assert_int_equal(take(BYTES("a\xA4"), &opts, 100, NULL), SM_EDATA);
}

static void unknown_encodings_are_refused(void **state) {
    (void)state;
    struct sm_source_opts opts = {.encoding = "no-such-code"};
    assert_int_equal(take(BYTES("a"), &opts, 1, NULL), SM_ESPEC);
    opts.encoding = "ASCII//TRANSLIT";
    assert_int_equal(take(BYTES("a"), &opts, 1, NULL), SM_ESPEC);
}

static size_t squeeze(const char *p, size_t n, char *out, size_t cap) {
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)p;
    z.avail_in = (uInt)n;
    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)cap;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t made = cap - z.avail_out;
    (void)deflateEnd(&z);
    return made;
}

static void gzip_is_undone_by_content(void **state) {
    (void)state;
    char packed[512];
    size_t n = squeeze(BYTES("\xFF\xFE"
                             "a\0,\0"),
                       packed, sizeof packed);
    n += squeeze(BYTES("b\0"), packed + n, sizeof packed - n);
    expect(packed, n, NULL, "a,b", "UTF-16LE");
    memset(packed + n, 0, 10);
    expect(packed, n + 10, NULL, "a,b", "UTF-16LE");
    struct sm_source_opts opts = {0};
    packed[n] = 'x';
    assert_int_equal(take(packed, n + 1, &opts, 10, NULL), SM_EDATA);
    assert_int_equal(take(packed, n - 9, &opts, 10, NULL), SM_EDATA);
    packed[n - 5] ^= 1;
    assert_int_equal(take(packed, n, &opts, 10, NULL), SM_EDATA);
}

static void gzip_bombs_are_refused(void **state) {
    (void)state;
    static char zeros[1 << 20], piece[1 << 16];
    struct sm_buf bomb;
    sm_buf_init(&bomb, 0);
    size_t n = squeeze(zeros, sizeof zeros, piece, sizeof piece);
    for (int i = 0; i < 80; i++)
        sm_buf_add(&bomb, piece, n);
    struct sm_source_opts opts = {0};
    assert_int_equal(take(bomb.p, bomb.n, &opts, 4096, NULL), SM_ELIMIT);
    opts.max_bytes = 1000;
    assert_int_equal(take(zeros, sizeof zeros, &opts, 4096, NULL), SM_ELIMIT);
    sm_buf_free(&bomb);
}

static void the_hash_is_that_of_the_file(void **state) {
    (void)state;
    char sha[65];
    struct sm_source_opts opts = {.hash = true};
    assert_int_equal(take(BYTES("\xEF\xBB\xBF"
                                "abc"),
                          &opts, 2, sha),
                     SM_OK);
    assert_string_equal(sha, "1c28dc3f1f804a1ad9c9b4b4cf5e2658d16ad4ed08e3020d04a8d2865018947c");
    assert_int_equal(take(BYTES("abc"), &opts, 2, sha), SM_OK);
    assert_string_equal(sha, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void text_goes_back_into_its_encoding(void **state) {
    (void)state;
    assert_int_equal(sm_encode_text(SM_STR("\xC3\xA4"
                                           "b"),
                                    "UTF-16LE", &got, &err),
                     SM_OK);
    assert_int_equal(got.n, 4);
    assert_memory_equal(got.p, "\xE4\0b\0", 4);
    sm_buf_clear(&got);
    assert_int_equal(sm_encode_text(SM_STR("\xFF"
                                           "b"),
                                    "UTF-16LE", &got, &err),
                     SM_OK);
    assert_memory_equal(got.p, "?\0b\0", 4);
    assert_int_equal(sm_encode_text(SM_STR("a"), "nothing", &got, &err), SM_ESPEC);
}

static void what_cannot_be_opened_is_no_data(void **state) {
    (void)state;
    struct sm_bytes *b = NULL;
    struct sm_source_opts opts = {0};
    assert_int_equal(sm_bytes_open(&b, "/nowhere/at/all.csv", &opts, &err), SM_EDATA);
    assert_true(err.sys != 0);
    sm_err_reset(&err);
    assert_int_equal(sm_bytes_open(&b, "/", &opts, &err), SM_EDATA);
    assert_null(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_mark_decides_the_encoding, setup, teardown),
        cmocka_unit_test_setup_teardown(single_bytes_pass_and_the_rest_is_converted, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(bad_code_units_are_marked, setup, teardown),
        cmocka_unit_test_setup_teardown(cut_characters_end_the_file, setup, teardown),
        cmocka_unit_test_setup_teardown(unknown_encodings_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(gzip_is_undone_by_content, setup, teardown),
        cmocka_unit_test_setup_teardown(gzip_bombs_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(the_hash_is_that_of_the_file, setup, teardown),
        cmocka_unit_test_setup_teardown(text_goes_back_into_its_encoding, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_opened_is_no_data, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
