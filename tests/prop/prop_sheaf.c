/* SPDX-License-Identifier: MIT */
/* Whatever packs hold, and whoever made them: bound in any order, every record is the one it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "random.h"
#include "sdtmill/err.h"
#include "sdtmill/mem.h"
#include "sdtmill/sheaf.h"

enum { COLUMNS = 12, MAKERS = 8, PACKS_MOST = 700 };

static sm_val short_value(uint64_t number) {
    char text[24];
    const int n = snprintf(text, sizeof text, "%" PRIu64, number % 9999999);
    return sm_val_make_short(text, (size_t)n);
}

/* ---- columns ------------------------------------------------------------------------------------
 */

enum {
    KIND_NONE,
    KIND_CONSTANT,
    KIND_FEW,
    KIND_GROWS,      /* ever more values */
    KIND_OF_FIRST,   /* one for each of the first column */
    KIND_FOLLOWS,    /* one for each of the column before */
    KIND_BREAKS,     /* the same, but for some */
    KIND_MAY_FOLLOW, /* the same; some packs have but one value */
    KIND_DATE,
    KIND_ONE_DATE, /* another one in each pack */
    KIND_FAR,      /* more values than have codes of one width */
    KIND_POOLED,
    KIND_ANY, /* of all bits */
    KINDS
};

static sm_val date(uint64_t r) {
    return sm_val_of_packed((UINT64_C(2010) + r % 20) << 40 | (r >> 8) % 4096 << 12);
}

static sm_val value(unsigned kind, uint64_t r, uint32_t pack, sm_val before, sm_val first) {
    switch (kind) {
    case KIND_NONE:
        return SM_MISSING;
    case KIND_CONSTANT:
        return short_value(7);
    case KIND_FEW:
        return r % 9 ? short_value(r % 8) : SM_MISSING;
    case KIND_GROWS:
        return short_value((r >> 8) % (pack * 40 + 2));
    case KIND_FOLLOWS:
        return before == SM_MISSING ? SM_MISSING : short_value(before % 9973 + 10);
    case KIND_OF_FIRST:
        return short_value(first % 9973 + 10);
    case KIND_BREAKS:
        return r % 3000 ? short_value(before % 9973) : short_value(r >> 20);
    case KIND_MAY_FOLLOW:
        return pack % 3 == 1 ? short_value(5) : short_value(before % 7);
    case KIND_DATE:
        return r % 5 ? date(r >> 3) : SM_MISSING;
    case KIND_ONE_DATE:
        return date(pack * UINT64_C(0x9E3779B97F4A7C15) >> 5);
    case KIND_FAR:
        return short_value((r >> 8) % 400000);
    case KIND_POOLED:
        return (sm_val)2 << 56 | ((r >> 9) % 2000 * 64);
    default:
        return r % 4 == 0   ? SM_MISSING
               : r % 4 == 1 ? (sm_val)2 << 56 | (r >> 8 & UINT32_MAX)
               : r % 4 == 2 ? sm_val_of_packed(r >> 23)
                            : short_value(r >> 8);
    }
}

struct world {
    uint64_t seed;
    struct sm_packer *packer[MAKERS];
    struct sm_pack *pack[PACKS_MOST];
    uint32_t npack, nrow;
};

/* broken: columns with one odd value. */
static void make_pack(struct world *w, const unsigned kind[COLUMNS], uint32_t broken, uint32_t n) {
    struct sm_packer *p = w->packer[next_random(&w->seed) % MAKERS];
    sm_val *cell = sm_alloc((size_t)n * COLUMNS, sizeof *cell);
    sm_pos *pos = sm_alloc(n, sizeof *pos);
    const sm_val *col[COLUMNS];
    const uint32_t file = (uint32_t)(next_random(&w->seed) % 4), copies = file ? 0 : 7;
    const uint64_t line = next_random(&w->seed) >> (file == 3 ? 34 : 50);
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t c = 0; c < COLUMNS; c++) {
            sm_val *at = &cell[(size_t)i * COLUMNS + c];
            *at = value(kind[c], next_random(&w->seed), w->npack, c ? at[-1] : 1,
                        cell[(size_t)i * COLUMNS]);
            if (i == n / 2 && broken >> c & 1) *at = short_value(50000);
        }
        pos[i] = sm_pos_make(file, line + i, i & copies);
    }
    for (uint32_t c = 0; c < COLUMNS; c++)
        col[c] = cell + c;
    const struct sm_pack_in in = {.col = col, .step = COLUMNS, .pos = pos, .nrow = n};
    assert_int_equal(sm_packer_encode(p, &in, &w->pack[w->npack++], NULL), SM_OK);
    w->nrow += n;
    sm_free(cell);
    sm_free(pos);
}

static void world_open(struct world *w, uint64_t seed, uint64_t memory) {
    *w = (struct world){.seed = seed};
    for (uint32_t i = 0; i < MAKERS; i++) {
        assert_int_equal(sm_packer_open(&w->packer[i], COLUMNS, memory, NULL), SM_OK);
        w->packer[i]->id = i;
        sm_packer_prefer(w->packer[i], 0); /* it has a large dictionary */
    }
}

static void world_close(struct world *w) {
    for (uint32_t i = 0; i < w->npack; i++)
        sm_free(w->pack[i]);
    for (uint32_t i = 0; i < MAKERS; i++)
        sm_packer_close(w->packer[i]);
}

/* ---- what comes out -----------------------------------------------------------------------------
 */

/* All that a record is: through a view, and cell by cell. */
static void assert_record(const struct world *w, const struct sm_sheaf *s, struct sm_unpack *const *view,
                          uint32_t row, uint32_t number) {
    sm_val is[COLUMNS], was[COLUMNS];
    const struct sm_pack *k = w->pack[sm_pack_of(number)];
    const uint32_t kind = sm_sheaf_kinds(s) ? sm_sheaf_kinds(s)[row] : 0;
    const struct sm_pack *head = sm_sheaf_head(s, kind);
    const struct sm_packer *p = w->packer[k->maker];
    const uint8_t *record = sm_sheaf_records(s) + (size_t)row * s->stride;
    assert_int_equal(head->maker, k->maker);
    assert_true(sm_unpack_row(view[kind], row, is) ==
                sm_pack_row(p, k, sm_pack_place(number), was));
    assert_memory_equal(is, was, sizeof is);
    for (uint32_t c = 0; c < COLUMNS; c++) {
        const struct sm_pack_field *f = &head->field[c];
        const uint64_t x = sm_pack_bits(f, record);
        assert_true((f->coded ? sm_pack_values(p, f, c)[f->base + x] : sm_pack_plain(f, x)) == was[c]);
    }
}

static void assert_sheaf(const struct world *w, struct sm_sheaf *s, const uint32_t *number) {
    struct sm_unpack *view[SM_SHEAF_KINDS];
    assert_in_range(s->nkind, 1, SM_SHEAF_KINDS);
    sm_sheaf_seal(s);
    assert_true(sm_sheaf_sound(s, s->bytes));
    for (uint32_t i = 0; i < s->nkind; i++) {
        const struct sm_pack *head = sm_sheaf_head(s, i);
        assert_int_equal(head->nrow, 0);
        assert_int_equal(head->stride, s->stride);
        view[i] = sm_alloc(1, sm_unpack_most(COLUMNS));
        sm_sheaf_view(view[i], w->packer[head->maker], s, i);
    }
    for (uint32_t i = 0; i < s->nrow; i++)
        assert_record(w, s, view, i, number[i]);
    for (uint32_t i = 0; i < s->nkind; i++)
        sm_free(view[i]);
}

/* All records, shuffled or as they are; how many sheaves were full before all wanted was in them. */
static uint32_t bind_all(struct world *w, bool shuffled) {
    struct sm_binder *b = NULL;
    uint32_t *number = sm_alloc(w->nrow, sizeof *number), n = 0, full = 0;
    for (uint32_t i = 0; i < w->npack; i++)
        for (uint32_t r = 0; r < w->pack[i]->nrow; r++)
            number[n++] = sm_pack_number(i, r);
    for (uint32_t i = 0; shuffled && i + 1 < n; i++) {
        const uint32_t j = i + (uint32_t)(next_random(&w->seed) % (n - i)), was = number[i];
        number[i] = number[j];
        number[j] = was;
    }
    assert_int_equal(sm_binder_open(&b, w->pack, w->npack, NULL), SM_OK);
    for (uint32_t at = 0, done; at < n; at += done) {
        struct sm_sheaf *s = NULL;
        uint32_t want = 1 + (uint32_t)(next_random(&w->seed) % SM_PACK_ROWS);
        if (want > n - at) want = n - at;
        assert_int_equal(sm_binder_bind(b, number + at, want, &s, &done, NULL), SM_OK);
        assert_in_range(done, 1, want);
        assert_int_equal(s->nrow, done);
        if (done < want) assert_int_equal(s->nkind, SM_SHEAF_KINDS);
        full += done < want;
        assert_sheaf(w, s, number + at);
        sm_free(s);
    }
    sm_binder_close(b);
    sm_free(number);
    return full;
}

/* ---- tests --------------------------------------------------------------------------------------
 */

static void any_records_in_any_order_are_the_same_in_sheaves(void **state) {
    (void)state;
    for (uint64_t round = 0; round < 60; round++) {
        struct world w;
        unsigned kind[COLUMNS];
        world_open(&w, round + 1, round % 4 == 0 ? 200000 : 0);
        for (unsigned c = 0; c < COLUMNS; c++)
            kind[c] = round < 2 ? (c + (unsigned)round) % KINDS
                                : (unsigned)(next_random(&w.seed) % KINDS);
        const uint32_t packs = 1 + (uint32_t)(next_random(&w.seed) % 30);
        const uint64_t rows = round % 4 == 0 ? 100 : 1500;
        for (uint32_t i = 0; i < packs; i++)
            make_pack(&w, kind, 0, 1 + (uint32_t)(next_random(&w.seed) % rows));
        bind_all(&w, round & 1);
        world_close(&w);
    }
}

/* Columns follow the first one, but for two of them in each pack, and others each time. */
static void more_kinds_than_a_sheaf_has_room_for_are_bound_to_several(void **state) {
    (void)state;
    struct world w;
    unsigned kind[COLUMNS] = {KIND_FEW};
    world_open(&w, 5, 0);
    for (uint32_t c = 1; c < COLUMNS; c++)
        kind[c] = KIND_OF_FIRST;
    for (uint32_t i = 0; i < PACKS_MOST; i++) {
        uint32_t broken = 0;
        for (uint32_t k = 0; i > MAKERS * 8 && k < 2; k++)
            broken |= 1u << (1 + next_random(&w.seed) % (COLUMNS - 1));
        make_pack(&w, kind, broken, 40);
    }
    assert_true(bind_all(&w, true) > 2);
    bind_all(&w, false);
    world_close(&w);
}

/* Dates in one of many packs, and one date in each of some: a sheaf without, or with one, is hardly
 * wider than if there were none. */
static void rare_values_take_room_only_where_they_are(void **state) {
    (void)state;
    struct world w;
    struct sm_binder *b = NULL;
    const unsigned none[COLUMNS] = {KIND_FEW};
    unsigned kind[COLUMNS] = {KIND_FEW};
    uint32_t number[100], done, stride[3];
    world_open(&w, 11, 0);
    for (uint32_t i = 0; i < 60; i++) {
        for (uint32_t c = 1; c < COLUMNS; c++)
            kind[c] = i == 20 ? KIND_DATE : i % 3 ? KIND_ONE_DATE : KIND_NONE;
        make_pack(&w, i == 0 ? none : kind, 0, 100);
    }
    assert_int_equal(sm_binder_open(&b, w.pack, w.npack, NULL), SM_OK);
    for (uint32_t n = 0; n < 3; n++) {
        static const uint32_t pack[] = {20, 30, 31};
        struct sm_sheaf *s = NULL;
        for (uint32_t r = 0; r < 100; r++)
            number[r] = sm_pack_number(pack[n], r);
        assert_int_equal(sm_binder_bind(b, number, 100, &s, &done, NULL), SM_OK);
        assert_int_equal(done, 100);
        assert_sheaf(&w, s, number);
        stride[n] = s->stride;
        sm_free(s);
    }
    assert_true(stride[0] > 30); /* dates */
    assert_true(stride[1] < 6);  /* none */
    assert_true(stride[2] < 8);  /* one, the same in all records */
    sm_binder_close(b);
    world_close(&w);
}

static void a_pack_as_it_is_can_be_a_sheaf(void **state) {
    (void)state;
    struct world w;
    const unsigned kind[COLUMNS] = {KIND_FEW, KIND_FAR,  KIND_FOLLOWS, KIND_ANY,
                                    KIND_DATE, KIND_NONE, KIND_POOLED};
    uint32_t number[SM_PACK_ROWS];
    world_open(&w, 9, 0);
    for (uint32_t n = 1; n <= SM_PACK_ROWS; n = n * 5 + 1)
        make_pack(&w, kind, 0, n);
    for (uint32_t i = 0; i < w.npack; i++) {
        struct sm_sheaf *s = NULL;
        for (uint32_t r = 0; r < w.pack[i]->nrow; r++)
            number[r] = sm_pack_number(i, r);
        assert_int_equal(sm_sheaf_of_pack(&s, w.pack[i], NULL), SM_OK);
        assert_int_equal(s->nrow, w.pack[i]->nrow);
        assert_sheaf(&w, s, number);
        sm_free(s);
    }
    world_close(&w);
}

static void a_sheaf_that_was_changed_is_known(void **state) {
    (void)state;
    struct world w;
    const unsigned kind[COLUMNS] = {KIND_FEW, KIND_FAR, KIND_ANY};
    struct sm_sheaf *s = NULL;
    world_open(&w, 3, 0);
    make_pack(&w, kind, 0, 50);
    assert_int_equal(sm_sheaf_of_pack(&s, w.pack[0], NULL), SM_OK);
    sm_sheaf_seal(s);
    const uint64_t bytes = s->bytes;
    for (uint64_t i = 0; i < bytes; i++) { /* one bit of each byte in turns */
        uint8_t *at = (uint8_t *)s + i;
        *at ^= (uint8_t)(1u << i % 8);
        assert_false(sm_sheaf_sound(s, bytes));
        *at ^= (uint8_t)(1u << i % 8);
    }
    assert_true(sm_sheaf_sound(s, bytes));
    assert_true(sm_sheaf_sound(s, bytes + 100));
    assert_false(sm_sheaf_sound(s, bytes - 1)); /* cut off */
    assert_false(sm_sheaf_sound(s, sizeof *s - 1));
    sm_free(s);
    world_close(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_records_in_any_order_are_the_same_in_sheaves),
        cmocka_unit_test(more_kinds_than_a_sheaf_has_room_for_are_bound_to_several),
        cmocka_unit_test(rare_values_take_room_only_where_they_are),
        cmocka_unit_test(a_pack_as_it_is_can_be_a_sheaf),
        cmocka_unit_test(a_sheaf_that_was_changed_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
