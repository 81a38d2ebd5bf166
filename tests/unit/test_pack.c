/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sdtmill/err.h"
#include "sdtmill/mem.h"
#include "sdtmill/pack.h"

enum { COLS = 4, ROWS = 300 };

static sm_val value(uint32_t i) {
    char text[8];
    int n = snprintf(text, sizeof text, "%u", i);
    return sm_val_make_short(text, (size_t)n);
}

/* Packs ROWS rows of cell[column][row] and looks whether they come out again, every way. */
static struct sm_pack *pack(struct sm_packer *p, sm_val cell[COLS][ROWS]) {
    const sm_val *col[COLS];
    sm_pos pos[ROWS];
    struct sm_pack *k = NULL;
    for (uint32_t c = 0; c < COLS; c++) col[c] = cell[c];
    for (uint32_t i = 0; i < ROWS; i++) pos[i] = sm_pos_make(1, i + 1, 0);
    struct sm_pack_in in = {.col = col, .step = 1, .pos = pos, .nrow = ROWS};
    assert_int_equal(sm_packer_encode(p, &in, &k, NULL), SM_OK);
    assert_true(sm_pack_sound(p, k, k->bytes));
    struct sm_unpack *u = sm_alloc(1, sm_unpack_bytes(k));
    sm_unpack_set(u, p, k);
    for (uint32_t i = 0; i < ROWS; i++) {
        sm_val row[COLS], other[COLS];
        assert_true(sm_pack_row(p, k, i, row) == pos[i]);
        assert_true(sm_unpack_row(u, i, other) == pos[i]);
        for (uint32_t c = 0; c < COLS; c++) {
            assert_true(row[c] == cell[c][i]);
            assert_true(other[c] == cell[c][i]);
            assert_true(sm_pack_cell(p, k, i, c) == cell[c][i]);
        }
    }
    sm_free(u);
    return k;
}

static void fill(sm_val cell[COLS][ROWS]) {
    for (uint32_t i = 0; i < ROWS; i++)
        for (uint32_t c = 0; c < COLS; c++) cell[c][i] = value(i % 50);
}

static void columns_that_are_the_same_take_room_once(void **state) {
    (void)state;
    static sm_val cell[COLS][ROWS];
    struct sm_packer *p = NULL;
    assert_int_equal(sm_packer_open(&p, COLS, 1 << 20, NULL), SM_OK);
    fill(cell);
    struct sm_pack *k = pack(p, cell);
    uint32_t all = k->stride;
    assert_int_equal(k->field[1].like, 1);
    assert_int_equal(k->field[2].like, 2);
    assert_int_equal(k->field[3].like, 3);
    sm_free(k);
    cell[2][ROWS - 1] = value(7777); /* one row is enough */
    k = pack(p, cell);
    assert_int_equal(k->field[1].like, 1);
    assert_int_equal(k->field[2].like, 0);
    assert_int_equal(k->field[3].like, 0);
    assert_true(k->stride > all);
    k->field[1].like = 2; /* before the first column */
    assert_false(sm_pack_sound(p, k, k->bytes));
    sm_free(k);
    sm_packer_close(p);
}

/* What is sorted by has ranks by the codes of its own dictionary. */
static void a_column_that_is_sorted_by_has_codes_of_its_own(void **state) {
    (void)state;
    static sm_val cell[COLS][ROWS];
    struct sm_packer *p = NULL;
    assert_int_equal(sm_packer_open(&p, COLS, 1 << 20, NULL), SM_OK);
    sm_packer_prefer(p, 2);
    fill(cell);
    struct sm_pack *k = pack(p, cell);
    assert_int_equal(k->field[1].like, 1);
    assert_int_equal(k->field[2].like, 0);
    assert_int_equal(k->field[3].like, 1);
    assert_int_equal(p->dict[2].n, 51); /* and missing */
    sm_free(k);
    sm_packer_close(p);
}

static void constants_and_missing_columns_are_not_looked_at(void **state) {
    (void)state;
    static sm_val cell[COLS][ROWS];
    struct sm_packer *p = NULL;
    assert_int_equal(sm_packer_open(&p, COLS, 1 << 20, NULL), SM_OK);
    for (uint32_t i = 0; i < ROWS; i++) {
        cell[0][i] = cell[1][i] = value(1);
        cell[2][i] = cell[3][i] = SM_MISSING;
    }
    struct sm_pack *k = pack(p, cell);
    for (uint32_t c = 0; c < COLS; c++) assert_int_equal(k->field[c].width, 0);
    sm_free(k);
    sm_packer_close(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_that_are_the_same_take_room_once),
        cmocka_unit_test(a_column_that_is_sorted_by_has_codes_of_its_own),
        cmocka_unit_test(constants_and_missing_columns_are_not_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
