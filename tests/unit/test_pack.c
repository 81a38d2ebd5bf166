/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sdtmill/dsinfo.h"
#include "sdtmill/err.h"
#include "sdtmill/mem.h"
#include "sdtmill/pack.h"

enum { COLS = 4, ROWS = 300 };

static sm_val value(uint32_t i) {
    char text[8];
    int n = snprintf(text, sizeof text, "%u", i);
    return sm_val_make_short(text, (size_t)n);
}

static struct sm_packer *packer(uint64_t memory) {
    struct sm_packer *p = NULL;
    assert_int_equal(sm_packer_open(&p, COLS, memory, NULL), SM_OK);
    return p;
}

static sm_pos pos_of(uint32_t i) {
    return sm_pos_make(1, i + 1, 0);
}

static void assert_view(const struct sm_unpack *u, sm_val cell[COLS][ROWS]) {
    for (uint32_t i = 0; i < ROWS; i++) {
        sm_val row[COLS];
        assert_true(sm_unpack_row(u, i, row) == pos_of(i));
        for (uint32_t c = 0; c < COLS; c++) assert_true(row[c] == cell[c][i]);
    }
    static sm_val all[ROWS][COLS];
    sm_pos pos[ROWS];
    for (uint32_t from = 0; from < ROWS; from += 97) {
        memset(all, 0xEE, sizeof all);
        sm_unpack_run(u, from, ROWS - from, COLS, all[0], pos);
        for (uint32_t i = from; i < ROWS; i++) {
            assert_true(pos[i - from] == pos_of(i));
            for (uint32_t c = 0; c < COLS; c++) assert_true(all[i - from][c] == cell[c][i]);
        }
    }
}

static void assert_same(const struct sm_packer *p, struct sm_pack *k, sm_val cell[COLS][ROWS]) {
    sm_pack_seal(k);
    assert_true(sm_pack_sound(p, k, k->bytes));
    struct sm_unpack *u = sm_alloc(1, sm_unpack_bytes(k));
    sm_unpack_set(u, p, k);
    assert_view(u, cell);
    for (uint32_t i = 0; i < ROWS; i++) {
        sm_val row[COLS];
        assert_true(sm_pack_row(p, k, i, row) == pos_of(i));
        for (uint32_t c = 0; c < COLS; c++) {
            assert_true(row[c] == cell[c][i]);
            assert_true(sm_pack_cell(p, k, i, c) == cell[c][i]);
        }
    }
    sm_free(u);
}

static struct sm_pack_in cells_in(sm_val cell[COLS][ROWS]) {
    static const sm_val *col[COLS];
    static sm_pos pos[ROWS];
    for (uint32_t c = 0; c < COLS; c++) col[c] = cell[c];
    for (uint32_t i = 0; i < ROWS; i++) pos[i] = pos_of(i);
    return (struct sm_pack_in){.col = col, .step = 1, .pos = pos, .nrow = ROWS};
}

/* Packs ROWS rows of cell[column][row] and looks whether they come out again, every way. */
static struct sm_pack *pack(struct sm_packer *p, sm_val cell[COLS][ROWS]) {
    struct sm_pack *k = NULL;
    const struct sm_pack_in in = cells_in(cell);
    assert_int_equal(sm_packer_encode(p, &in, &k, NULL), SM_OK);
    assert_same(p, k, cell);
    return k;
}

static void pack_and_drop(struct sm_packer *p, sm_val cell[COLS][ROWS]) {
    sm_free(pack(p, cell));
}

/* Column 0 has `many` values; 1 and 3 have one for each of them, 2 one for each three. */
static void fill(sm_val cell[COLS][ROWS], uint32_t many) {
    for (uint32_t i = 0; i < ROWS; i++) {
        cell[0][i] = cell[3][i] = value(i % many);
        cell[1][i] = value(10000 + i % many);
        cell[2][i] = value(i % many / 3);
    }
}

static void a_column_that_comes_with_another_takes_no_room(void **state) {
    (void)state;
    static sm_val cell[COLS][ROWS];
    struct sm_packer *p = packer(1 << 20);
    fill(cell, 50);
    struct sm_pack *k = pack(p, cell);
    const uint32_t alone = k->stride;
    for (uint32_t c = 0; c < COLS; c++) assert_int_equal(k->field[c].leader, 0);
    sm_free(k);
    k = pack(p, cell); /* now it is known how many values there are */
    for (uint32_t c = 0; c < COLS; c++) assert_int_equal(k->field[c].leader, c);
    assert_true(k->stride < alone);
    sm_free(k);
    sm_packer_close(p);
}

static void a_pack_that_was_changed_is_known(void **state) {
    (void)state;
    static sm_val cell[COLS][ROWS];
    struct sm_packer *p = packer(1 << 20), *other = packer(1 << 20);
    other->id = 1;
    fill(cell, 50);
    struct sm_pack *k = pack(p, cell);
    const uint64_t bytes = k->bytes;
    for (uint64_t i = 0; i < bytes; i++) { /* one bit of each byte in turns */
        uint8_t *at = (uint8_t *)k + i;
        *at ^= (uint8_t)(1u << i % 8);
        assert_false(sm_pack_sound(p, k, bytes));
        *at ^= (uint8_t)(1u << i % 8);
    }
    assert_true(sm_pack_sound(p, k, bytes));
    assert_true(sm_pack_sound(p, k, bytes + 100));
    assert_false(sm_pack_sound(p, k, bytes - 1)); /* cut off */
    assert_false(sm_pack_sound(p, k, sizeof *k - 1));
    assert_false(sm_pack_sound(other, k, bytes));
    sm_free(k);
    sm_packer_close(p);
    sm_packer_close(other);
}

static void an_exception_costs_its_pack_the_room(void **state) {
    (void)state;
    static sm_val cell[COLS][ROWS];
    struct sm_packer *p = packer(1 << 20);
    fill(cell, 50);
    pack_and_drop(p, cell);
    for (uint32_t times = 0; times < 20; times++) {
        struct sm_pack *k = pack(p, cell);
        assert_int_equal(k->field[1].leader, 1);
        assert_int_equal(k->field[2].leader, times < 8 ? 2 : 0); /* it gives up */
        assert_int_equal(k->field[3].leader, 3);
        sm_free(k);
        cell[2][ROWS - 1] = value(7777); /* one row is enough */
        k = pack(p, cell);
        assert_int_equal(k->field[1].leader, 1);
        assert_int_equal(k->field[2].leader, 0);
        sm_free(k);
        fill(cell, 50);
    }
    sm_packer_close(p);
}

/* What was packed stays readable, through views made before, too. */
static void what_follows_grows_with_its_leader(void **state) {
    (void)state;
    enum { PACKS = 60 };
    static sm_val cell[PACKS][COLS][ROWS];
    struct sm_pack *k[PACKS];
    struct sm_unpack *u[PACKS];
    struct sm_packer *p = packer(1 << 26);
    for (uint32_t n = 0; n < PACKS; n++) {
        for (uint32_t i = 0; i < ROWS; i++) {
            const uint32_t x = i % 5 ? i % 50 : n * ROWS + i; /* some that are new */
            cell[n][0][i] = value(x);
            cell[n][1][i] = value(x * 7);
            cell[n][2][i] = x % 3 ? value(x / 3) : SM_MISSING;
            cell[n][3][i] = value(i);
        }
        k[n] = pack(p, cell[n]);
        u[n] = sm_alloc(1, sm_unpack_bytes(k[n]));
        sm_unpack_set(u[n], p, k[n]);
        if (n < 3) continue;
        assert_int_equal(k[n]->field[1].leader, 1);
        assert_int_equal(k[n]->field[2].leader, 2);
        assert_int_equal(k[n]->field[3].leader, 0);
    }
    for (uint32_t n = 0; n < PACKS; n++) {
        assert_same(p, k[n], cell[n]);
        assert_view(u[n], cell[n]);
        sm_free(u[n]);
        sm_free(k[n]);
    }
    sm_packer_close(p);
}

/* More codes in a record than are cut together, next to packs with fewer; what is the same in two packs
 * is read in the first. */
static void records_of_several_packs_come_out_together(void **state) {
    (void)state;
    enum { WIDE = 90, MANY = 40, PACKS = 3 };
    static sm_val cell[PACKS][WIDE][MANY], out[MANY * PACKS][WIDE];
    const sm_val *col[WIDE];
    sm_pos pos[MANY], is[MANY * PACKS];
    struct sm_packer *p = NULL;
    struct sm_pack *k[PACKS];
    struct sm_unpack *u[PACKS];
    struct sm_unpack_at at[MANY * PACKS];
    assert_int_equal(sm_packer_open(&p, WIDE, 0, NULL), SM_OK);
    for (uint32_t n = 0; n < PACKS; n++) {
        for (uint32_t c = 0; c < WIDE; c++) {
            for (uint32_t i = 0; i < MANY; i++)
                cell[n][c][i] = n == 1 && c % 2 ? value(c) : value((i * 7 + c * 13 + n) % 31);
            col[c] = cell[n][c];
        }
        for (uint32_t i = 0; i < MANY; i++) pos[i] = pos_of(n * MANY + i);
        const struct sm_pack_in in = {.col = col, .step = 1, .pos = pos, .nrow = MANY};
        assert_int_equal(sm_packer_encode(p, &in, &k[n], NULL), SM_OK);
        u[n] = sm_alloc(1, sm_unpack_bytes(k[n]));
        sm_unpack_set(u[n], p, k[n]);
    }
    assert_false(sm_unpack_share(u[1], u[0]));
    for (uint32_t i = 0; i < MANY * PACKS; i++)
        at[i] = (struct sm_unpack_at){u[i * 2 / 3 % PACKS], i / PACKS};
    sm_unpack_rows(at, MANY * PACKS, WIDE, out[0], is);
    for (uint32_t i = 0; i < MANY * PACKS; i++) {
        const uint32_t n = i * 2 / 3 % PACKS;
        assert_true(is[i] == pos_of(n * MANY + i / PACKS));
        for (uint32_t c = 0; c < WIDE; c++) assert_true(out[i][c] == cell[n][c][i / PACKS]);
    }
    for (uint32_t n = 0; n < PACKS; n++) {
        sm_free(u[n]);
        sm_free(k[n]);
    }
    sm_packer_close(p);
}

/* A view that shares all there is to share needs nothing else. */
static void what_is_shared_can_be_cut_off(void **state) {
    (void)state;
    static sm_val cell[COLS][ROWS];
    struct sm_packer *p = packer(1 << 20);
    fill(cell, 100);
    for (uint32_t n = 0; n < 4; n++)
        sm_free(pack(p, cell)); /* until it is settled what follows what */
    struct sm_pack *a = pack(p, cell), *b = pack(p, cell);
    struct sm_unpack *first = sm_alloc(1, sm_unpack_bytes(a)), *second = sm_alloc(1, sm_unpack_bytes(b));
    sm_unpack_set(first, p, a);
    sm_unpack_set(second, p, b);
    assert_true(sm_unpack_share(second, first));
    assert_int_equal(sm_resize(&second, 1, sm_unpack_head(second), NULL), SM_OK);
    assert_view(second, cell);
    sm_packer_rest(p);
    assert_view(second, cell);
    sm_free(first);
    sm_free(second);
    sm_free(a);
    sm_free(b);
    sm_packer_close(p);
}

/* Two values are near wherever they are looked up; those of a large leader are not. */
static void few_values_do_not_follow_many(void **state) {
    (void)state;
    static sm_val cell[COLS][ROWS];
    struct sm_packer *p = packer(1 << 20);
    fill(cell, 100);
    for (uint32_t i = 0; i < ROWS; i++) cell[1][i] = i % 100 == 99 ? value(1) : SM_MISSING;
    for (uint32_t n = 0; n < 4; n++) {
        struct sm_pack *k = pack(p, cell);
        assert_int_equal(k->field[1].leader, 0);
        assert_int_equal(k->field[2].leader, n < 2 ? 0 : 2); /* a third was new */
        sm_free(k);
    }
    sm_packer_close(p);
}

/* Columns of a pack whose leader says nothing yet are not relied on. */
static void values_that_are_all_new_prove_nothing(void **state) {
    (void)state;
    static sm_val cell[COLS][ROWS];
    struct sm_packer *p = packer(1 << 20);
    for (uint32_t n = 0; n < 5; n++) {
        for (uint32_t i = 0; i < ROWS; i++)
            for (uint32_t c = 0; c < COLS; c++) cell[c][i] = value((n * ROWS + i) * (c + 1));
        struct sm_pack *k = pack(p, cell);
        for (uint32_t c = 0; c < COLS; c++) assert_int_equal(k->field[c].leader, 0);
        sm_free(k);
    }
    sm_packer_close(p);
}

/* What is sorted by has ranks by the codes of its own dictionary. */
static void a_column_that_is_sorted_by_has_codes_of_its_own(void **state) {
    (void)state;
    static sm_val cell[COLS][ROWS];
    struct sm_packer *p = packer(1 << 20);
    sm_packer_prefer(p, 1);
    fill(cell, 50);
    pack_and_drop(p, cell);
    struct sm_pack *k = pack(p, cell);
    assert_int_equal(k->field[1].leader, 0);
    assert_int_equal(k->field[2].leader, 1); /* and may lead */
    assert_int_equal(k->field[3].leader, 2);
    assert_int_equal(p->dict[1].n, 51); /* and missing */
    sm_free(k);
    sm_packer_close(p);
}

/* Facts from dictionaries, and those of the rows one by one. */
static void facts_know_the_values_that_follow(void **state) {
    (void)state;
    static sm_val cell[COLS][ROWS];
    static const uint32_t column[COLS] = {0, 1, 2, 3};
    struct sm_dsvar var[2][COLS] = {0};
    struct sm_dsinfo known = {.var = var[0], .nvar = COLS, .column = column, .block_ncol = COLS},
                     folded = known;
    struct sm_texts *t = NULL;
    struct sm_packer *p = packer(1 << 22);
    folded.var = var[1];
    assert_int_equal(sm_texts_open(&t, NULL), SM_OK);
    for (uint32_t n = 0; n < 12; n++) {
        fill(cell, 50);
        const uint32_t late = n % 6 == 5 ? ROWS : 6; /* all of them: constant columns */
        for (uint32_t i = 0; i < late; i++) { /* longer ones come late, with their leader or alone */
            cell[0][i] = value(n * 100);
            cell[1][i] = n % 4 == 3 ? SM_MISSING : value(n * 100000);
            cell[2][i] = value(n % 5 == 4 ? n * 30000 + i : n * 1000);
        }
        struct sm_pack *k = pack(p, cell);
        const struct sm_pack_in in = cells_in(cell);
        sm_packer_fold(p, &in, k, t, &known);
        sm_val rows[ROWS][COLS];
        for (uint32_t i = 0; i < ROWS; i++)
            for (uint32_t c = 0; c < COLS; c++) rows[i][c] = cell[c][i];
        const struct sm_block b = {rows[0], in.pos, ROWS, COLS};
        sm_dsinfo_fold(&folded, t, &b, true);
        sm_free(k);
        for (uint32_t c = 0; c < COLS; c++)
            assert_memory_equal(&var[0][c], &var[1][c], sizeof var[0][c]);
    }
    assert_int_equal(known.rows, folded.rows);
    sm_packer_close(p);
    sm_texts_close(t);
}

static void what_follows_does_so_where_its_leader_is_constant(void **state) {
    (void)state;
    static sm_val cell[COLS][ROWS];
    struct sm_packer *p = packer(1 << 20);
    for (uint32_t n = 0; n < 2; n++) {
        fill(cell, 50);
        pack_and_drop(p, cell);
    }
    for (uint32_t n = 0; n < 4; n++) {
        for (uint32_t i = 0; i < ROWS; i++) { /* known ones, and new ones */
            cell[0][i] = value(n < 2 ? 7 : 100 + n);
            cell[1][i] = value(n < 2 ? 10007 : 20000 + n);
            cell[2][i] = value(n < 2 ? 7 / 3 : 30000 + n);
            cell[3][i] = value(n < 2 ? 7 : 40000 + n);
        }
        struct sm_pack *k = pack(p, cell);
        assert_true(k->field[0].coded && k->field[0].width == 0);
        for (uint32_t c = 1; c < COLS; c++) assert_int_equal(k->field[c].leader, c);
        sm_free(k);
    }
    cell[1][0] = value(5); /* not one for each any more */
    struct sm_pack *k = pack(p, cell);
    assert_int_equal(k->field[1].leader, 0);
    sm_free(k);
    for (uint32_t i = 0; i < ROWS; i++) cell[2][i] = value(6); /* constant, but another one */
    k = pack(p, cell);
    assert_int_equal(k->field[2].leader, 0);
    assert_int_equal(k->field[3].leader, 3);
    sm_free(k);
    sm_packer_close(p);
}

/* As a column of dates it is, once there was a date. */
static void dates_are_kept_alike_where_all_are_missing(void **state) {
    (void)state;
    static sm_val cell[COLS][ROWS];
    struct sm_packer *p = packer(1 << 20);
    fill(cell, 50);
    for (uint32_t n = 0; n < 3; n++) {
        for (uint32_t i = 0; i < ROWS; i++)
            cell[2][i] = n == 1 && i % 3 ? sm_val_of_packed((UINT64_C(2010) + i) << 40) : SM_MISSING;
        struct sm_pack *k = pack(p, cell);
        assert_int_equal(k->field[2].coded, n == 0);
        assert_int_equal(k->field[2].width > 0, n == 1);
        sm_free(k);
    }
    sm_packer_close(p);
}

static void constants_and_missing_columns_are_not_looked_at(void **state) {
    (void)state;
    static sm_val cell[COLS][ROWS];
    struct sm_packer *p = packer(1 << 20);
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
        cmocka_unit_test(a_column_that_comes_with_another_takes_no_room),
        cmocka_unit_test(a_pack_that_was_changed_is_known),
        cmocka_unit_test(an_exception_costs_its_pack_the_room),
        cmocka_unit_test(what_follows_grows_with_its_leader),
        cmocka_unit_test(records_of_several_packs_come_out_together),
        cmocka_unit_test(what_is_shared_can_be_cut_off),
        cmocka_unit_test(few_values_do_not_follow_many),
        cmocka_unit_test(values_that_are_all_new_prove_nothing),
        cmocka_unit_test(facts_know_the_values_that_follow),
        cmocka_unit_test(a_column_that_is_sorted_by_has_codes_of_its_own),
        cmocka_unit_test(what_follows_does_so_where_its_leader_is_constant),
        cmocka_unit_test(dates_are_kept_alike_where_all_are_missing),
        cmocka_unit_test(constants_and_missing_columns_are_not_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
