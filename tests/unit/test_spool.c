/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sdtmill/err.h"
#include "sdtmill/spool.h"

enum { COLUMNS = 4, ROWS = 700, BLOCKS = 60 };

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

static sm_val text(struct world *w, const char *before, uint64_t number) {
    char t[64];
    int n = snprintf(t, sizeof t, "%s%" PRIu64, before, number);
    return sm_val_make(w->in, sm_str_n(t, (size_t)n));
}

static void fill(struct world *w, uint32_t block, sm_val *cell, sm_pos *pos) {
    for (uint32_t i = 0; i < ROWS; i++) {
        uint64_t row = (uint64_t)block * ROWS + i;
        sm_val *c = cell + (size_t)i * COLUMNS;
        c[0] = text(w, "STUDY-NUMBER-", 1);
        c[1] = text(w, "S", row / 50);
        c[2] = row % 3 ? text(w, "a long text that is never seen again ", row) : SM_MISSING;
        c[3] = SM_MISSING;
        pos[i] = sm_pos_make(block % 3, row, i % 5);
    }
}

static void make(struct world *w, uint64_t memory, struct sm_spool **ret) {
    sm_val cell[ROWS * COLUMNS];
    sm_pos pos[ROWS];
    assert_int_equal(sm_spool_open(ret, COLUMNS, memory, "/tmp", NULL), SM_OK);
    for (uint32_t b = 0; b < BLOCKS; b++) {
        fill(w, b, cell, pos);
        struct sm_block k = {cell, pos, ROWS, COLUMNS};
        assert_int_equal(sm_spool_add(*ret, &k, NULL), SM_OK);
    }
}

/* Reads on until `want` records have been compared. */
static void compare(struct world *w, struct sm_spool_reader *r, uint64_t *at, uint64_t want) {
    sm_val cell[ROWS * COLUMNS];
    sm_pos pos[ROWS];
    struct sm_blocks in = sm_spool_blocks(r);
    struct sm_block b;
    while (*at < want) {
        assert_int_equal(in.next(in.ctx, &b, NULL), SM_OK);
        assert_int_equal(b.ncol, COLUMNS);
        for (uint32_t i = 0; i < b.nrow; i++, ++*at) {
            if (*at % ROWS == 0 || i == 0) fill(w, (uint32_t)(*at / ROWS), cell, pos);
            uint32_t k = (uint32_t)(*at % ROWS);
            assert_memory_equal(b.cell + (size_t)i * COLUMNS, cell + (size_t)k * COLUMNS,
                                COLUMNS * sizeof *cell);
            assert_int_equal(b.pos[i], pos[k]);
        }
    }
}

static void blocks_come_back_as_they_went_in_whatever_the_memory(void **state) {
    (void)state;
    static const uint64_t memory[] = {0, 1, 50000, 400000};
    for (size_t i = 0; i < SM_ARRAY_LEN(memory); i++) {
        struct world w;
        struct sm_spool *s = NULL;
        struct sm_spool_reader *r = NULL;
        struct sm_block b;
        uint64_t at = 0;
        world_open(&w);
        make(&w, memory[i], &s);
        assert_int_equal(sm_spool_rows(s), ROWS * BLOCKS);
        assert_int_equal(sm_spool_read(&r, s, NULL), SM_OK);
        compare(&w, r, &at, ROWS * BLOCKS);
        struct sm_blocks in = sm_spool_blocks(r);
        assert_int_equal(in.next(in.ctx, &b, NULL), SM_EOF);
        sm_spool_reader_close(r);
        sm_spool_close(s);
        world_close(&w);
    }
}

static void readers_do_not_disturb_each_other(void **state) {
    (void)state;
    struct world w;
    struct sm_spool *s = NULL;
    struct sm_spool_reader *a = NULL, *b = NULL;
    uint64_t at_a = 0, at_b = 0;
    world_open(&w);
    make(&w, 100000, &s);
    assert_int_equal(sm_spool_read(&a, s, NULL), SM_OK);
    compare(&w, a, &at_a, ROWS * 10);
    assert_int_equal(sm_spool_read(&b, s, NULL), SM_OK);
    for (uint32_t step = 1; step < 20; step++) {
        compare(&w, a, &at_a, ROWS * (10 + step));
        compare(&w, b, &at_b, ROWS * step);
    }
    sm_spool_reader_close(a);
    sm_spool_reader_close(b);
    sm_spool_close(s);
    world_close(&w);
}

static void an_empty_spool_ends_at_once(void **state) {
    (void)state;
    struct sm_spool *s = NULL;
    struct sm_spool_reader *r = NULL;
    struct sm_block b;
    assert_int_equal(sm_spool_open(&s, 3, 1000, NULL, NULL), SM_OK);
    assert_int_equal(sm_spool_read(&r, s, NULL), SM_OK);
    struct sm_blocks in = sm_spool_blocks(r);
    assert_int_equal(in.next(in.ctx, &b, NULL), SM_EOF);
    sm_spool_reader_close(r);
    sm_spool_close(s);
}

static void a_folder_that_is_not_there_is_an_error_when_it_is_needed(void **state) {
    (void)state;
    struct sm_spool *s = NULL;
    struct sm_err err = {0};
    sm_val cell[2] = {SM_MISSING, SM_MISSING};
    sm_pos pos[1] = {1};
    struct sm_block b = {cell, pos, 1, 2};
    assert_int_equal(sm_spool_open(&s, 2, 1, "/nonexistent", &err), SM_OK);
    assert_int_equal(sm_spool_add(s, &b, &err), SM_EIO);
    sm_spool_close(s);
}

static void a_block_with_too_few_columns_is_refused(void **state) {
    (void)state;
    struct sm_spool *s = NULL;
    sm_val cell[2] = {SM_MISSING, SM_MISSING};
    sm_pos pos[1] = {1};
    struct sm_block b = {cell, pos, 1, 2};
    assert_int_equal(sm_spool_open(&s, 3, 0, NULL, NULL), SM_OK);
    assert_int_equal(sm_spool_add(s, &b, NULL), SM_ESTATE);
    sm_spool_close(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_come_back_as_they_went_in_whatever_the_memory),
        cmocka_unit_test(readers_do_not_disturb_each_other),
        cmocka_unit_test(an_empty_spool_ends_at_once),
        cmocka_unit_test(a_folder_that_is_not_there_is_an_error_when_it_is_needed),
        cmocka_unit_test(a_block_with_too_few_columns_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
