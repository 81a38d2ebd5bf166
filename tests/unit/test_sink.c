/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>

#include "sdtmill/err.h"
#include "sdtmill/hash.h"
#include "io/sink_priv.h"
#include "tmp.h"

static struct sm_sink *on_file(struct tmp *t, int *ret_fd) {
    struct sm_sink *k = NULL;
    struct sm_err err = {0};
    *ret_fd = open(tmp_path(t, "out"), O_WRONLY | O_CREAT | O_TRUNC, 0666);
    assert_true(*ret_fd >= 0);
    assert_int_equal(sm_sink_on_fd(&k, *ret_fd, &err), SM_OK);
    return k;
}

static void pieces_of_any_size_come_out_in_order(void **state) {
    (void)state;
    struct tmp t;
    struct sm_buf want, got;
    struct sm_err err = {0};
    int fd;
    uint64_t size = 0;
    tmp_open(&t);
    sm_buf_init(&want, 0);
    sm_buf_init(&got, 0);
    struct sm_sink *k = on_file(&t, &fd);
    static const size_t sizes[] = {
        0, 1, 7, 1000, 1 << 20, 3, (1 << 20) + 1, 5, (1 << 20) - 4, 11, 3 << 20, 2};
    for (size_t i = 0; i < SM_ARRAY_LEN(sizes); i++) {
        size_t at = want.n;
        assert_true(sm_buf_reserve(&want, sizes[i]));
        for (size_t j = 0; j < sizes[i]; j++)
            want.p[at + j] = (char)('a' + (i * 7 + j) % 23);
        want.n += sizes[i];
        if (i % 2) {
            sm_sink_write(k, want.p + at, sizes[i]);
        } else {
            char *p = sm_sink_reserve(k, sizes[i] + 10);
            assert_non_null(p);
            memcpy(p, want.p + at, sizes[i]);
            sm_sink_used(k, sizes[i]);
        }
        assert_int_equal(sm_sink_size(k), want.n);
    }
    assert_int_equal(sm_sink_close(k, &size, NULL, &err), SM_OK);
    assert_int_equal(close(fd), 0); /* it was left open */
    assert_int_equal(size, want.n);
    assert_true(tmp_slurp(tmp_path(&t, "out"), &got));
    assert_int_equal(got.n, want.n);
    assert_memory_equal(got.p, want.p, want.n);
    sm_buf_free(&want);
    sm_buf_free(&got);
    tmp_close(&t);
}

static void a_full_disk_is_reported_once_and_everything_after_it_is_quiet(void **state) {
    (void)state;
    int fd = open("/dev/full", O_WRONLY);
    if (fd < 0) skip();
    struct sm_sink *k = NULL;
    struct sm_err err = {0};
    assert_int_equal(sm_sink_on_fd(&k, fd, &err), SM_OK);
    sm_sink_write(k, "abc", 3);
    assert_int_equal(sm_sink_check(k, &err), SM_OK); /* still in the buffer */
    assert_non_null(sm_sink_reserve(k, 1 << 19));
    assert_null(sm_sink_reserve(k, 2 << 20));
    assert_null(sm_sink_reserve(k, 1));
    sm_sink_write(k, "more", 4);
    char digest[65];
    assert_int_equal(sm_sink_close(k, NULL, digest, &err), SM_EIO);
    assert_int_equal(err.code, SM_EIO);
    assert_non_null(strstr(err.text, "No space left"));
    assert_int_equal(close(fd), 0);
}

static void a_full_disk_in_the_middle_of_a_long_file_is_reported(void **state) {
    (void)state;
    static char piece[100000];
    int fd = open("/dev/full", O_WRONLY);
    if (fd < 0) skip();
    struct sm_sink *k = NULL;
    struct sm_err err = {0};
    assert_int_equal(sm_sink_on_fd(&k, fd, &err), SM_OK);
    for (int i = 0; i < 100; i++)
        sm_sink_write(k, piece, sizeof piece);
    assert_int_equal(sm_sink_check(k, NULL), SM_EIO); /* known long before the end */
    assert_int_equal(sm_sink_close(k, NULL, NULL, &err), SM_EIO);
    assert_non_null(strstr(err.text, "No space left"));
    assert_int_equal(close(fd), 0);
}

static void a_full_disk_that_shows_at_the_end_is_reported_by_close(void **state) {
    (void)state;
    int fd = open("/dev/full", O_WRONLY);
    if (fd < 0) skip();
    struct sm_sink *k = NULL;
    struct sm_err err = {0};
    assert_int_equal(sm_sink_on_fd(&k, fd, &err), SM_OK);
    sm_sink_write(k, "abc", 3);
    assert_int_equal(sm_sink_close(k, NULL, NULL, &err), SM_EIO);
    assert_int_equal(close(fd), 0);
}

static void a_stage_file_has_its_digest_and_size(void **state) {
    (void)state;
    struct tmp t;
    struct sm_stage *s = NULL;
    struct sm_sink *k = NULL;
    struct sm_err err = {0};
    char digest[65];
    uint64_t size = 0;
    tmp_open(&t);
    assert_int_equal(sm_stage_open(&s, tmp_path(&t, "out"), false, &err), SM_OK);
    assert_int_equal(sm_stage_file(s, "f", &k, &err), SM_OK);
    sm_sink_write(k, "ab", 2);
    sm_sink_write(k, "c", 1);
    assert_int_equal(sm_sink_close(k, &size, digest, &err), SM_OK);
    assert_int_equal(size, 3);
    assert_string_equal(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    sm_stage_close(s);
    tmp_close(&t);
}

static void a_sink_in_memory_keeps_everything_until_it_is_asked(void **state) {
    (void)state;
    enum { BIG = 3 * 1024 * 1024 };
    struct sm_sink *k = NULL;
    struct sm_err err = {0};
    assert_int_equal(sm_sink_in_memory(&k, &err), SM_OK);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < BIG / 16; i++) {
            sm_sink_write(k, "0123456", 7);
            char *p = sm_sink_reserve(k, 9);
            assert_non_null(p);
            memcpy(p, "789abcdef", 9);
            sm_sink_used(k, 9);
        }
        struct sm_str all = sm_sink_kept(k);
        assert_int_equal(all.n, BIG);
        for (size_t i = 0; i < BIG; i += 16)
            if (memcmp(all.p + i, "0123456789abcdef", 16) != 0) fail_msg("wrong at %zu", i);
        assert_int_equal(sm_sink_kept(k).n, 0);
    }
    assert_int_equal(sm_sink_check(k, &err), SM_OK);
    sm_sink_discard(k);
}

static void what_is_moved_comes_out_in_order(void **state) {
    (void)state;
    enum { ROUNDS = 40 };
    struct tmp t;
    struct sm_stage *s = NULL;
    struct sm_sink *k = NULL, *kept[2] = {NULL, NULL};
    struct sm_err err = {0};
    struct sm_buf got;
    char line[32];
    size_t lines = 0, at = 0;
    tmp_open(&t);
    assert_int_equal(sm_stage_open(&s, tmp_path(&t, "out"), false, &err), SM_OK);
    assert_int_equal(sm_stage_file(s, "a.txt", &k, &err), SM_OK);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(sm_sink_in_memory(&kept[i], &err), SM_OK);
    for (size_t round = 0; round < ROUNDS; round++) {
        struct sm_sink *m = kept[round % 2];
        for (size_t n = round * round * 40; n > 0; n--)
            sm_sink_write(m, line, (size_t)snprintf(line, sizeof line, "line %zu\n", lines++));
        sm_sink_move(k, m);
        assert_int_equal(sm_sink_kept(m).n, 0);
        sm_sink_write(k, line, (size_t)snprintf(line, sizeof line, "line %zu\n", lines++));
    }
    for (size_t i = 0; i < 2; i++)
        sm_sink_discard(kept[i]);
    assert_int_equal(sm_sink_close(k, NULL, NULL, &err), SM_OK);
    assert_int_equal(sm_stage_commit(s, &err), SM_OK);
    sm_stage_close(s);
    sm_buf_init(&got, 0);
    assert_true(tmp_slurp(tmp_path(&t, "out/a.txt"), &got));
    for (size_t i = 0; i < lines; i++) {
        size_t n = (size_t)snprintf(line, sizeof line, "line %zu\n", i);
        if (at + n > got.n || memcmp(got.p + at, line, n) != 0) fail_msg("wrong at %zu", i);
        at += n;
    }
    assert_int_equal(at, got.n);
    sm_buf_free(&got);
    tmp_close(&t);
}

static void kept_bytes_can_be_changed_but_no_others(void **state) {
    (void)state;
    struct sm_sink *k = NULL;
    assert_int_equal(sm_sink_in_memory(&k, NULL), SM_OK);
    sm_sink_write(k, "number: ...", 11);
    sm_sink_patch(k, 8, "123", 3);
    sm_sink_patch(k, 10, "999", 3);
    struct sm_str s = sm_sink_kept(k);
    assert_int_equal(s.n, 11);
    assert_memory_equal(s.p, "number: 123", 11);
    sm_sink_discard(k);
}

/* ---- long files, which go past the page cache ------------------------------------------------ */
enum { MIB = 1024 * 1024, LONG = 24 * MIB, CYCLE = 65521 }; /* a prime: no page is like another */

static const char *cycle(size_t at, size_t n) { /* n bytes of an endless text */
    static char twice[2 * CYCLE + (4 << 20)];
    if (!twice[0])
        for (size_t i = 0; i < sizeof twice; i++)
            twice[i] = (char)('a' + (i % CYCLE) * 31 % 97 % 26);
    assert_true(at % CYCLE + n <= sizeof twice);
    return twice + at % CYCLE;
}

static void is_cycle(const char *path, size_t size, const char *digest) {
    struct sm_buf got;
    char want[65];
    struct sm_sha256 *h = NULL;
    sm_buf_init(&got, 0);
    assert_true(tmp_slurp(path, &got));
    assert_int_equal(got.n, size);
    assert_int_equal(sm_sha256_open(&h, NULL), SM_OK);
    for (size_t at = 0; at < size; at += CYCLE) {
        size_t n = size - at < CYCLE ? size - at : CYCLE;
        if (memcmp(got.p + at, cycle(at, n), n) != 0) fail_msg("wrong after %zu", at);
        sm_sha256_add(h, got.p + at, n);
    }
    sm_sha256_finish(h, want);
    assert_string_equal(digest, want);
    sm_buf_free(&got);
}

struct shape {
    size_t piece;             /* bytes written at once, */
    bool moved, alone;        /* by another sink; without threads */
    size_t every;             /* moved: each so many is written all the same; 0 = none */
    size_t large, from, upto; /* asked for at once while the file has from..upto bytes */
};

static void long_file(struct shape f) {
    struct tmp t;
    struct sm_stage *s = NULL;
    struct sm_sink *k = NULL, *kept = NULL;
    char digest[65];
    size_t at = 0, i = 0;
    uint64_t size = 0;
    tmp_open(&t);
    assert_int_equal(sm_stage_open(&s, tmp_path(&t, "out"), false, NULL), SM_OK);
    if (f.alone) sm_stage_no_threads(s);
    assert_int_equal(sm_stage_file(s, "f", &k, NULL), SM_OK);
    assert_int_equal(sm_sink_in_memory(&kept, NULL), SM_OK);
    while (at < LONG) {
        const bool large = f.large && at >= f.from && at < f.upto;
        const size_t n = large ? f.large : f.piece;
        if (large) {
            char *p = sm_sink_reserve(k, n);
            assert_non_null(p);
            memcpy(p, cycle(at, n), n);
            sm_sink_used(k, n);
        } else if (f.moved && !(f.every && ++i % f.every == 0)) {
            sm_sink_write(kept, cycle(at, n), n);
            sm_sink_move(k, kept);
        } else {
            sm_sink_write(k, cycle(at, n), n);
        }
        at += n;
        assert_int_equal(sm_sink_size(k), at);
    }
    sm_sink_discard(kept);
    assert_int_equal(sm_sink_close(k, &size, digest, NULL), SM_OK);
    assert_int_equal(size, at);
    assert_int_equal(sm_stage_commit(s, NULL), SM_OK);
    sm_stage_close(s);
    is_cycle(tmp_path(&t, "out/f"), at, digest);
    tmp_close(&t);
}

static void a_long_file_is_whole_in_pieces_of_any_size(void **state) {
    (void)state;
    static const size_t sizes[] = {4096, 999, 134567, MIB, 3000001};
    for (size_t i = 0; i < SM_ARRAY_LEN(sizes); i++) {
        long_file((struct shape){.piece = sizes[i]});
        long_file((struct shape){.piece = sizes[i], .moved = true});
        long_file((struct shape){.piece = sizes[i], .moved = i % 2, .alone = true});
        long_file((struct shape){.piece = sizes[i], .moved = true, .every = 2 + i % 2, .alone = i == 1});
        long_file((struct shape){.piece = sizes[i], .moved = true, .every = 40});
    }
}

/* More than the buffer has room for, from the moment on when the file goes past the page cache. */
static void a_long_file_goes_on_after_much_was_asked_for(void **state) {
    (void)state;
    static const size_t large[] = {MIB - 100, MIB, MIB + 5, 3 * MIB + 5};
    for (size_t i = 0; i < SM_ARRAY_LEN(large); i++)
        for (size_t from = 15 * MIB; from < 20 * MIB; from += MIB / 4 * 3)
            long_file((struct shape){.piece = 134567,
                                     .moved = true,
                                     .alone = from / MIB % 2,
                                     .large = large[i],
                                     .from = from,
                                     .upto = from + 134567});
    for (size_t i = 0; i < SM_ARRAY_LEN(large); i++)
        long_file((struct shape){.piece = 134567, .alone = i % 2, .large = large[i], .from = LONG - 134567, .upto = LONG});
}

static void a_long_file_that_may_not_grow_is_reported(void **state) {
    (void)state;
    struct tmp t;
    struct sm_stage *s = NULL;
    struct sm_sink *k = NULL;
    struct sm_err err = {0};
    struct rlimit was, now;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    now = was;
    now.rlim_cur = LONG - 4096 * 3 - 17; /* the last write is one in part */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &now), 0);
    tmp_open(&t);
    assert_int_equal(sm_stage_open(&s, tmp_path(&t, "out"), false, NULL), SM_OK);
    assert_int_equal(sm_stage_file(s, "f", &k, NULL), SM_OK);
    for (size_t at = 0; at < LONG; at += 1 << 20)
        sm_sink_write(k, cycle(at, 1 << 20), 1 << 20);
    assert_int_equal(sm_sink_close(k, NULL, NULL, &err), SM_EIO);
    assert_non_null(strstr(err.text, "File too large"));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    sm_stage_close(s);
    tmp_close(&t);
}

static void what_the_disk_reads_next_is_copied_whole_from_anywhere_to_anywhere(void **state) {
    (void)state;
    static char from[1024], to[1024], want[1024];
    for (size_t i = 0; i < sizeof from; i++)
        from[i] = (char)(i * 7 + i / 256);
    for (size_t at = 0; at < 130; at += 3)
        for (size_t p = 0; p < 70; p += 7)
            for (size_t n = 0; n < 300; n = n * 5 / 4 + 1) {
                memset(to, 'x', sizeof to);
                memset(want, 'x', sizeof want);
                memcpy(want + at, from + p, n);
                sink_disk_copy(to + at, from + p, n);
                assert_memory_equal(to, want, sizeof to);
            }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_of_any_size_come_out_in_order),
        cmocka_unit_test(a_full_disk_is_reported_once_and_everything_after_it_is_quiet),
        cmocka_unit_test(a_full_disk_in_the_middle_of_a_long_file_is_reported),
        cmocka_unit_test(a_full_disk_that_shows_at_the_end_is_reported_by_close),
        cmocka_unit_test(a_stage_file_has_its_digest_and_size),
        cmocka_unit_test(a_sink_in_memory_keeps_everything_until_it_is_asked),
        cmocka_unit_test(what_is_moved_comes_out_in_order),
        cmocka_unit_test(kept_bytes_can_be_changed_but_no_others),
        cmocka_unit_test(a_long_file_is_whole_in_pieces_of_any_size),
        cmocka_unit_test(a_long_file_goes_on_after_much_was_asked_for),
        cmocka_unit_test(a_long_file_that_may_not_grow_is_reported),
        cmocka_unit_test(what_the_disk_reads_next_is_copied_whole_from_anywhere_to_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
