/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sdtmill/err.h"
#include "sdtmill/sort.h"
#include "tmp.h"

struct world {
    struct sm_texts *texts;
    struct sm_intern *in;
};

static void world_open(struct world *w) {
    assert_int_equal(sm_texts_open(&w->texts, NULL), SM_OK);
    assert_int_equal(sm_intern_open(&w->in, w->texts, NULL), SM_OK);
}

static void world_close(struct world *w) {
    sm_intern_close(w->in);
    sm_texts_close(w->texts);
}

/* One column of values, sorted; the result joined with blanks (a missing value is a hyphen). */
static void assert_sorted(enum sm_sort_kind kind, const char *const *value, uint32_t n,
                          const char *want) {
    struct world w;
    struct sm_recs r = {0};
    struct sm_sorter *s = NULL;
    struct sm_blocks in;
    struct sm_block b;
    char got[2000] = "";
    world_open(&w);
    struct sm_sort_key key = {0, kind};
    struct sm_sort_opts o = {.ncol = 1, .key = &key, .nkey = 1, .tmpdir = "/tmp", .threads = 1};
    assert_int_equal(sm_sorter_open(&s, w.texts, &o, NULL), SM_OK);
    assert_int_equal(sm_recs_reserve(&r, 1, n, NULL), SM_OK);
    for (uint32_t i = 0; i < n; i++) {
        r.col[0][i] = sm_val_make(w.in, sm_str(value[i]));
        r.pos[i] = i;
    }
    r.nrow = n;
    assert_int_equal(sm_sorter_add(s, &r, NULL), SM_OK);
    assert_int_equal(sm_sorter_finish(s, &in, NULL), SM_OK);
    size_t used = 0;
    while (in.next(in.ctx, &b, NULL) == SM_OK)
        for (uint32_t i = 0; i < b.nrow; i++) {
            struct sm_valbuf buf;
            struct sm_str t = sm_val_text(w.texts, b.cell[i], &buf);
            int k = snprintf(got + used, sizeof got - used, "%s%.*s", used ? " " : "",
                             (int)(t.n ? t.n : 1), t.n ? t.p : "-");
            used += (size_t)k;
        }
    assert_string_equal(got, want);
    sm_recs_free(&r);
    sm_sorter_close(s);
    world_close(&w);
}

static void texts_sort_by_bytes_and_missing_comes_first(void **state) {
    (void)state;
    static const char *const v[] = {"b", "",         "abcdefghij", "abcdefg",
                                    "B", "abcdefgh", "\xC3\xA9",   "a"};
    assert_sorted(SM_SORT_TEXT, v, SM_ARRAY_LEN(v), "- B a abcdefg abcdefgh abcdefghij b \xC3\xA9");
}

static void numbers_sort_by_value_before_what_is_no_number(void **state) {
    (void)state;
    static const char *const v[] = {"10", "9", "", "<5", "-1", "0.5", "ABC", "100"};
    assert_sorted(SM_SORT_NUM, v, SM_ARRAY_LEN(v), "- -1 0.5 9 10 100 <5 ABC");
}

static void equal_numbers_in_different_spelling_keep_their_order(void **state) {
    (void)state;
    static const char *const v[] = {"2", "1.0", "1", "01", "1.00", "0"};
    assert_sorted(SM_SORT_NUM, v, SM_ARRAY_LEN(v), "0 1.0 1 01 1.00 2");
}

static void numbers_that_no_double_tells_apart_sort_exactly(void **state) {
    (void)state;
    static const char *const v[] = {"12345678901234567891", "12345678901234567890",
                                    "0.10000000000000000002", "0.1", "0.10000000000000000001"};
    assert_sorted(SM_SORT_NUM, v, SM_ARRAY_LEN(v),
                  "0.1 0.10000000000000000001 0.10000000000000000002 12345678901234567890 "
                  "12345678901234567891");
}

static void nothing_added_gives_no_block(void **state) {
    (void)state;
    assert_sorted(SM_SORT_TEXT, NULL, 0, "");
}

/* ---- several batches ----------------------------------------------------------------------------
 */

static void add_range(struct world *w, struct sm_sorter *s, uint32_t file, uint32_t n) {
    struct sm_recs r = {0};
    assert_int_equal(sm_recs_reserve(&r, 2, n, NULL), SM_OK);
    for (uint32_t i = 0; i < n; i++) {
        r.col[0][i] = sm_val_from_i64(w->in, (i * 7919) % 97);
        r.col[1][i] = sm_val_from_i64(w->in, 1000000 + i);
        r.pos[i] = sm_pos_make(file, i, 0);
    }
    r.nrow = n;
    assert_int_equal(sm_sorter_add(s, &r, NULL), SM_OK);
    sm_recs_free(&r);
}

static void ties_are_ordered_by_position_not_by_arrival(void **state) {
    (void)state;
    for (uint64_t memory = 0; memory < 3; memory++) {
        struct world w;
        struct sm_sorter *s = NULL;
        struct sm_blocks in;
        struct sm_block b;
        struct sm_sort_key key = {0, SM_SORT_NUM};
        struct sm_sort_opts o = {.ncol = 2,
                                 .key = &key,
                                 .nkey = 1,
                                 .memory = memory * 30000,
                                 .tmpdir = "/tmp",
                                 .threads = 1};
        uint64_t n = 0;
        sm_pos last = 0;
        sm_val last_key = SM_MISSING;
        world_open(&w);
        assert_int_equal(sm_sorter_open(&s, w.texts, &o, NULL), SM_OK);
        add_range(&w, s, 5, 3000);
        add_range(&w, s, 2, 3000);
        assert_int_equal(sm_sorter_finish(s, &in, NULL), SM_OK);
        while (in.next(in.ctx, &b, NULL) == SM_OK)
            for (uint32_t i = 0; i < b.nrow; i++, n++) {
                if (b.cell[(size_t)i * 2] == last_key) assert_true(b.pos[i] > last);
                last = b.pos[i];
                last_key = b.cell[(size_t)i * 2];
            }
        assert_int_equal(n, 6000);
        assert_int_equal(sm_sorter_spilled(s) > 0, memory > 0);
        sm_sorter_close(s);
        world_close(&w);
    }
}

static void a_temporary_folder_that_is_not_there_is_an_error(void **state) {
    (void)state;
    struct world w;
    struct sm_sorter *s = NULL;
    struct sm_blocks in;
    struct sm_err err = {0};
    struct sm_recs r = {0};
    struct sm_sort_key key = {0, SM_SORT_TEXT};
    struct sm_sort_opts o = {.ncol = 1,
                             .key = &key,
                             .nkey = 1,
                             .memory = 1,
                             .tmpdir = "/nonexistent/folder",
                             .threads = 1};
    world_open(&w);
    assert_int_equal(sm_sorter_open(&s, w.texts, &o, &err), SM_OK);
    assert_int_equal(sm_recs_reserve(&r, 1, 100, NULL), SM_OK);
    r.nrow = 100;
    int rc = sm_sorter_add(s, &r, &err);
    if (rc == SM_OK) rc = sm_sorter_finish(s, &in, &err);
    assert_int_equal(rc, SM_EIO);
    assert_non_null(strstr(err.text, "/nonexistent/folder"));
    sm_recs_free(&r);
    sm_sorter_close(s);
    world_close(&w);
}

static void no_file_is_left_in_the_temporary_folder(void **state) {
    (void)state;
    struct world w;
    struct tmp t;
    struct sm_sorter *s = NULL;
    struct sm_blocks in;
    struct sm_buf list;
    struct sm_sort_key key = {0, SM_SORT_NUM};
    char command[300];
    tmp_open(&t);
    world_open(&w);
    struct sm_sort_opts o = {
        .ncol = 2, .key = &key, .nkey = 1, .memory = 10000, .tmpdir = t.dir, .threads = 1};
    assert_int_equal(sm_sorter_open(&s, w.texts, &o, NULL), SM_OK);
    add_range(&w, s, 1, 5000);
    assert_int_equal(sm_sorter_finish(s, &in, NULL), SM_OK);
    assert_true(sm_sorter_spilled(s) > 0);
    sm_buf_init(&list, 0);
    (void)snprintf(command, sizeof command, "ls -A '%s'", t.dir);
    assert_int_equal(tmp_run(command, &list), 0);
    assert_int_equal(list.n, 0);
    sm_buf_free(&list);
    sm_sorter_close(s);
    world_close(&w);
    tmp_close(&t);
}

/* ---- fronts and parts ---------------------------------------------------------------------------
 */

static void make_recs(struct world *w, struct sm_recs *r, uint32_t from, uint32_t n) {
    assert_int_equal(sm_recs_reserve(r, 2, n, NULL), SM_OK);
    for (uint32_t i = 0; i < n; i++) {
        r->col[0][i] = sm_val_from_i64(w->in, (from + i) / 10);
        r->col[1][i] = sm_val_from_i64(w->in, 1000000 + i);
        r->pos[i] = from + i;
    }
    r->nrow = n;
}

static void what_does_not_fit_is_refused_and_nothing_leaks(void **state) {
    (void)state;
    struct world w;
    struct sm_recs r = {0};
    struct sm_sorter *s = NULL;
    struct sm_sort_packs *p = NULL, *late = NULL;
    struct sm_sort_part *part = NULL;
    struct sm_blocks in;
    struct sm_block b;
    size_t n = 7;
    struct sm_sort_key key = {0, SM_SORT_NUM};
    struct sm_sort_opts o = {.ncol = 2, .key = &key, .nkey = 1, .tmpdir = "/tmp", .threads = 2};
    world_open(&w);
    make_recs(&w, &r, 0, 1000);
    assert_int_equal(sm_sorter_open(&s, w.texts, &o, NULL), SM_OK);
    assert_int_equal(sm_sorter_pack(s, 2, &r, &p, NULL), SM_ESTATE);
    assert_null(p);
    assert_int_equal(sm_sorter_parts(s, 1, 100, &n, NULL), SM_ESTATE);
    assert_int_equal(n, 0);
    assert_int_equal(sm_sorter_pack(s, 1, &r, &p, NULL), SM_OK);
    assert_int_equal(sm_sorter_pack(s, 0, &r, &late, NULL), SM_OK);
    assert_int_equal(sm_sorter_take(s, NULL, NULL), SM_OK);
    assert_int_equal(sm_sorter_take(s, p, NULL), SM_OK);
    assert_int_equal(sm_sorter_finish(s, &in, NULL), SM_OK);
    assert_int_equal(sm_sorter_take(s, late, NULL), SM_ESTATE);
    assert_int_equal(sm_sorter_parts(s, 1, 100, &n, NULL), SM_OK);
    assert_true(n > 0);
    assert_int_equal(sm_sort_part_open(&part, s, NULL), SM_OK);
    assert_int_equal(sm_sort_part_read(part, n, &b, NULL), SM_ESTATE);
    sm_sort_part_close(part);
    sm_sort_packs_free(NULL);
    sm_sorter_close(s);
    sm_recs_free(&r);
    world_close(&w);
}

static void parts_of_records_that_came_in_order_end_where_the_key_changes(void **state) {
    (void)state;
    struct world w;
    struct sm_recs r = {0};
    struct sm_sorter *s = NULL;
    struct sm_sort_packs *p = NULL;
    struct sm_sort_part *part = NULL;
    struct sm_blocks in;
    struct sm_block b;
    size_t n = 0;
    struct sm_sort_key key = {0, SM_SORT_NUM};
    struct sm_sort_opts o = {.ncol = 2, .key = &key, .nkey = 1, .tmpdir = "/tmp", .threads = 2};
    world_open(&w);
    assert_int_equal(sm_sorter_open(&s, w.texts, &o, NULL), SM_OK);
    for (uint32_t i = 0; i < 3; i++) {
        make_recs(&w, &r, i * 1000, i == 1 ? 30 : 1000); /* the middle ones are too few to pack */
        assert_int_equal(sm_sorter_pack(s, i & 1, &r, &p, NULL), SM_OK);
        assert_int_equal(sm_sorter_take(s, p, NULL), SM_OK);
    }
    assert_int_equal(sm_sorter_finish(s, &in, NULL), SM_OK);
    assert_int_equal(sm_sorter_parts(s, 1, 95, &n, NULL), SM_OK);
    assert_int_equal(n, 21); /* 203 keys of ten records, ten of them a part */
    assert_int_equal(sm_sort_part_open(&part, s, NULL), SM_OK);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(sm_sort_part_read(part, i, &b, NULL), SM_OK);
        assert_int_equal(b.nrow, i + 1 < n ? 100 : 30);
        assert_int_equal(b.pos[0] % 10, 0);
    }
    assert_int_equal(sm_sorter_parts(s, 0, 95, &n, NULL), SM_OK);
    assert_int_equal(n, 22);
    sm_sort_part_close(part);
    sm_sorter_close(s);
    sm_recs_free(&r);
    world_close(&w);
}

static void a_front_that_fills_the_memory_is_heard_of_and_the_owner_spills(void **state) {
    (void)state;
    struct world w;
    struct sm_recs r = {0};
    struct sm_sorter *s = NULL;
    struct sm_sort_packs *p = NULL;
    struct sm_blocks in;
    struct sm_block b;
    size_t n = 7;
    uint64_t rows = 0;
    struct sm_sort_key key = {0, SM_SORT_NUM};
    struct sm_sort_opts o = {
        .ncol = 2, .key = &key, .nkey = 1, .memory = 20000, .tmpdir = "/tmp", .threads = 1};
    world_open(&w);
    make_recs(&w, &r, 0, 3000);
    assert_int_equal(sm_sorter_open(&s, w.texts, &o, NULL), SM_OK);
    assert_false(sm_sorter_is_full(s));
    assert_int_equal(sm_sorter_pack(s, 0, &r, &p, NULL), SM_OK);
    assert_int_equal(sm_sorter_take(s, p, NULL), SM_OK);
    assert_true(sm_sorter_is_full(s));
    assert_int_equal(sm_sorter_spilled(s), 0);
    assert_int_equal(sm_sorter_spill(s, NULL), SM_OK);
    assert_true(sm_sorter_spilled(s) > 0);
    assert_false(sm_sorter_is_full(s));
    assert_int_equal(sm_sorter_finish(s, &in, NULL), SM_OK);
    assert_int_equal(sm_sorter_parts(s, 1, 100, &n, NULL), SM_OK);
    assert_int_equal(n, 0);
    while (in.next(in.ctx, &b, NULL) == SM_OK)
        rows += b.nrow;
    assert_int_equal(rows, 3000);
    sm_sorter_close(s);
    sm_recs_free(&r);
    world_close(&w);
}

/* ---- several threads, spilled -------------------------------------------------------------------
 */

static void open_with(struct world *w, struct sm_sorter **s, const struct sm_sort_key *key,
                      uint64_t memory) {
    world_open(w);
    struct sm_sort_opts o = {
        .ncol = 2, .key = key, .nkey = 1, .memory = memory, .tmpdir = "/tmp", .threads = 1};
    assert_int_equal(sm_sorter_open(s, w->texts, &o, NULL), SM_OK);
}

static void what_is_not_being_spilled_has_no_parts_to_spill(void **state) {
    (void)state;
    struct world w;
    struct sm_sorter *s = NULL;
    struct sm_sort_sheaves *p = NULL;
    const struct sm_sort_key key = {0, SM_SORT_NUM};
    size_t n = 7;
    open_with(&w, &s, &key, 0);
    assert_int_equal(sm_sorter_spill_open(s, &n, NULL), SM_OK);
    assert_int_equal(n, 0);
    assert_int_equal(sm_sorter_spill_part(s, 0, 0, &p, NULL), SM_ESTATE);
    add_range(&w, s, 1, 700); /* few wait to be packed, and are spilled, too */
    add_range(&w, s, 2, 300);
    assert_int_equal(sm_sorter_spill_open(s, &n, NULL), SM_OK);
    assert_int_equal(n, 1);
    assert_int_equal(sm_sorter_spill_part(s, 1, 0, &p, NULL), SM_ESTATE);
    assert_int_equal(sm_sorter_spill_part(s, 0, 1, &p, NULL), SM_ESTATE);
    assert_int_equal(sm_sorter_spill_part(s, 0, 0, &p, NULL), SM_OK);
    assert_int_equal(sm_sorter_spill_take(s, p, NULL), SM_OK);
    sm_sorter_spill_close(s, true);
    assert_int_equal(sm_sorter_spill_open(s, &n, NULL), SM_OK);
    assert_int_equal(n, 0);
    assert_int_equal(sm_sorter_rows(s), 1000);
    sm_sorter_close(s);
    world_close(&w);
}

static void slices_end_where_the_key_changes_and_hold_every_record_once(void **state) {
    (void)state;
    struct world w;
    struct sm_sorter *s = NULL;
    struct sm_sort_part *p = NULL;
    struct sm_sort_slice *slice = NULL;
    struct sm_blocks in;
    struct sm_block b;
    const struct sm_sort_key key = {0, SM_SORT_NUM};
    sm_val last = SM_MISSING;
    uint64_t n = 0;
    int rc;
    open_with(&w, &s, &key, 100000);
    for (uint32_t file = 0; file < 4; file++)
        add_range(&w, s, file, 3000);
    assert_false(sm_sorter_slices(s, 1));
    assert_int_equal(sm_sorter_slice(s, 1, 10, &slice, NULL), SM_ESTATE);
    assert_int_equal(sm_sorter_finish(s, &in, NULL), SM_OK);
    assert_true(sm_sorter_slices(s, 1) && sm_sorter_slices(s, 0));
    assert_int_equal(sm_sort_part_open(&p, s, NULL), SM_OK);
    while ((rc = sm_sorter_slice(s, 1, 50, &slice, NULL)) == SM_OK) {
        assert_int_equal(sm_sort_part_slice(p, slice, &b, NULL), SM_OK);
        assert_true(b.nrow > 0 && b.cell[0] != last);
        n += b.nrow;
        last = b.cell[(size_t)(b.nrow - 1) * b.ncol];
        sm_sort_slice_free(slice);
    }
    assert_int_equal(rc, SM_EOF);
    assert_int_equal(n, 12000);
    sm_sort_part_close(p);
    sm_sorter_close(s);
    world_close(&w);
}

static void what_was_not_spilled_has_no_slices(void **state) {
    (void)state;
    struct world w;
    struct sm_sorter *s = NULL;
    struct sm_sort_slice *slice = NULL;
    struct sm_blocks in;
    const struct sm_sort_key key = {0, SM_SORT_NUM};
    open_with(&w, &s, &key, 0);
    add_range(&w, s, 1, 3000);
    assert_int_equal(sm_sorter_finish(s, &in, NULL), SM_OK);
    assert_false(sm_sorter_slices(s, 1));
    assert_int_equal(sm_sorter_slice(s, 1, 10, &slice, NULL), SM_ESTATE);
    sm_sort_slice_free(NULL);
    sm_sorter_close(s);
    world_close(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_sort_by_bytes_and_missing_comes_first),
        cmocka_unit_test(numbers_sort_by_value_before_what_is_no_number),
        cmocka_unit_test(equal_numbers_in_different_spelling_keep_their_order),
        cmocka_unit_test(numbers_that_no_double_tells_apart_sort_exactly),
        cmocka_unit_test(nothing_added_gives_no_block),
        cmocka_unit_test(ties_are_ordered_by_position_not_by_arrival),
        cmocka_unit_test(a_temporary_folder_that_is_not_there_is_an_error),
        cmocka_unit_test(no_file_is_left_in_the_temporary_folder),
        cmocka_unit_test(what_does_not_fit_is_refused_and_nothing_leaks),
        cmocka_unit_test(parts_of_records_that_came_in_order_end_where_the_key_changes),
        cmocka_unit_test(a_front_that_fills_the_memory_is_heard_of_and_the_owner_spills),
        cmocka_unit_test(what_is_not_being_spilled_has_no_parts_to_spill),
        cmocka_unit_test(slices_end_where_the_key_changes_and_hold_every_record_once),
        cmocka_unit_test(what_was_not_spilled_has_no_slices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
