/* SPDX-License-Identifier: MIT */
/* Whatever the records, the memory and the threads: the sorter gives what a plain stable sort gives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sdtmill/err.h"
#include "sdtmill/mem.h"
#include "sdtmill/num.h"
#include "sdtmill/sort.h"

enum { COLUMNS = 7 };

static uint64_t next_random(uint64_t *seed) {
    uint64_t z = *seed += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

struct world {
    struct sm_texts *texts;
    struct sm_intern *in;
    uint64_t seed;
    sm_val *cell;               /* [n][COLUMNS] */
    sm_pos *pos;
    uint32_t *order;            /* as it should come out */
    uint32_t n;
    struct sm_sort_key key[COLUMNS];
    uint32_t nkey;
};

/* ---- the plain sort --------------------------------------------------------------------------- */

static int plain_numbers(struct sm_str a, struct sm_str b) {
    int c, x;
    if (sm_dec_cmp(a, b, &c)) return c;
    bool a_is = sm_dec_cmp(a, a, &x), b_is = sm_dec_cmp(b, b, &x);
    if (a_is != b_is) return a_is ? -1 : 1;
    return sm_str_cmp(a, b);
}

static int plain_cmp(const struct world *w, uint32_t a, uint32_t b) {
    for (uint32_t i = 0; i < w->nkey; i++) {
        sm_val x = w->cell[(size_t)a * COLUMNS + w->key[i].column], y = w->cell[(size_t)b * COLUMNS + w->key[i].column];
        struct sm_valbuf p, q;
        struct sm_str s = sm_val_text(w->texts, x, &p), t = sm_val_text(w->texts, y, &q);
        bool number = w->key[i].kind == SM_SORT_NUM && s.n && t.n;
        int c = number ? plain_numbers(s, t) : sm_str_cmp(s, t);
        if (c) return c;
    }
    if (w->pos[a] != w->pos[b]) return w->pos[a] < w->pos[b] ? -1 : 1;
    return (a > b) - (a < b);
}

static void plain_sort(struct world *w) {
    uint32_t *tmp = sm_alloc(w->n + 1, sizeof *tmp), *from = w->order, *to = tmp;
    for (uint32_t i = 0; i < w->n; i++) w->order[i] = i;
    for (size_t run = 1; run < w->n; run *= 2) {
        for (size_t lo = 0; lo < w->n; lo += 2 * run) {
            size_t mid = lo + run < w->n ? lo + run : w->n, hi = lo + 2 * run < w->n ? lo + 2 * run : w->n, i = lo, j = mid;
            for (size_t o = lo; o < hi; o++) to[o] = i < mid && (j >= hi || plain_cmp(w, from[i], from[j]) < 0) ? from[i++] : from[j++];
        }
        uint32_t *was = from;
        from = to;
        to = was;
    }
    if (from != w->order) memcpy(w->order, from, w->n * sizeof *from);
    sm_free(tmp);
}

/* ---- random records ----------------------------------------------------------------------------- */

static sm_val text_value(struct world *w, const char *before, uint64_t number) {
    char text[400];
    int n = snprintf(text, sizeof text, "%s%" PRIu64, before, number);
    return sm_val_make(w->in, sm_str_n(text, (size_t)n));
}

static sm_val number_value(struct world *w) {
    static const char *const odd[] = {"007", "7.0", "7", "+7", "-0", "0", "0.00", "<5", "ABC", "not done at all", "1e5", ".5", "0.5",
                                      "12345678901234567890.1", "12345678901234567890.2", "-12345678901234567890.1", "5."};
    uint64_t r = next_random(&w->seed);
    char text[420];
    if (r % 8 == 0) return sm_val_make(w->in, sm_str(odd[(r >> 8) % SM_ARRAY_LEN(odd)]));
    if (r % 64 == 1) { /* beyond the doubles */
        memset(text, '9', 400);
        text[0] = r & 64 ? '-' : '9';
        return sm_val_make(w->in, sm_str_n(text, 390 + (size_t)(r >> 8) % 10));
    }
    int n = snprintf(text, sizeof text, "%s%d.%0*d", r & 16 ? "-" : "", (int)(r >> 8) % 40, (int)(r >> 20) % 3 + 1, (int)(r >> 24) % 10);
    return sm_val_make(w->in, sm_str_n(text, (size_t)n));
}

static sm_val date_value(struct world *w) {
    struct sm_dtc d = sm_dtc_none;
    uint64_t r = next_random(&w->seed);
    d.year = (int16_t)(2010 + (int)(r % 3));
    if (r & 64) d.month = (int8_t)(1 + (int)((r >> 8) % 12));
    if (r & 128) d.day = (int8_t)(1 + (int)((r >> 16) % 28));
    if (d.month > 0 && d.day > 0 && r & 256) d.hour = (int8_t)((r >> 24) % 24);
    return sm_val_from_dtc(w->in, &d);
}

enum { KIND_CONSTANT, KIND_FEW, KIND_LONG, KIND_SHORT, KIND_NUMBER, KIND_DATE, KIND_MANY, KIND_MANY_LONG, KIND_ALL, KIND_NONE, KINDS };

static sm_val value(struct world *w, unsigned kind) {
    uint64_t r = next_random(&w->seed);
    switch (kind) {
    case KIND_CONSTANT: return text_value(w, "THE-ONE-STUDY-", 1);
    case KIND_FEW: return text_value(w, "T", r % 5);
    case KIND_LONG: return text_value(w, "SUBJECT-", r % 300);
    case KIND_SHORT: return r % 4 ? text_value(w, "", r % 1000) : SM_MISSING;
    case KIND_NUMBER: return r % 8 ? number_value(w) : SM_MISSING;
    case KIND_DATE: return r % 8 ? date_value(w) : SM_MISSING;
    case KIND_MANY: return text_value(w, "", (r >> 8) % 9999999);
    case KIND_MANY_LONG: return text_value(w, r & 1 ? "a common beginning " : "10000", r >> 40);
    case KIND_NONE: return SM_MISSING;
    default: return value(w, (unsigned)(r % KIND_ALL));
    }
}

static void make_records(struct world *w, uint32_t n) {
    unsigned kind[COLUMNS];
    w->n = n;
    w->cell = sm_alloc((size_t)n * COLUMNS + 1, sizeof *w->cell);
    w->pos = sm_alloc(n + 1, sizeof *w->pos);
    w->order = sm_alloc(n + 1, sizeof *w->order);
    for (unsigned c = 0; c < COLUMNS; c++) kind[c] = (unsigned)(next_random(&w->seed) % KINDS);
    w->nkey = (uint32_t)(next_random(&w->seed) % (COLUMNS + 1));
    for (uint32_t i = 0; i < w->nkey; i++)
        w->key[i] = (struct sm_sort_key){(uint32_t)(next_random(&w->seed) % COLUMNS), next_random(&w->seed) & 1 ? SM_SORT_NUM : SM_SORT_TEXT};
    unsigned how = (unsigned)(next_random(&w->seed) % 4);
    for (uint32_t i = 0; i < n; i++) {
        uint64_t r = next_random(&w->seed);
        for (unsigned c = 0; c < COLUMNS; c++) w->cell[(size_t)i * COLUMNS + c] = value(w, kind[c]);
        w->pos[i] = how == 0   ? sm_pos_make(i / 1000, i / 4, i % 4)
                    : how == 1 ? sm_pos_make((uint32_t)(r % 5), r >> 40, (uint32_t)(r >> 8) % 7)
                    : how == 2 ? sm_pos_make(i < n / 2 ? 3 : 1, i, 0)
                               : sm_pos_make(1, i / 50, 0);
    }
    if (how == 3) { /* in order already */
        plain_sort(w);
        sm_val *cell = sm_alloc((size_t)n * COLUMNS + 1, sizeof *cell);
        for (uint32_t i = 0; i < n; i++) {
            memcpy(cell + (size_t)i * COLUMNS, w->cell + (size_t)w->order[i] * COLUMNS, COLUMNS * sizeof *cell);
            w->pos[i] = i;
        }
        sm_free(w->cell);
        w->cell = cell;
    }
    plain_sort(w);
}

static void drop_records(struct world *w) {
    sm_free(w->cell);
    sm_free(w->pos);
    sm_free(w->order);
}

/* ---- the sorter --------------------------------------------------------------------------------- */

static void feed(struct world *w, struct sm_sorter *s, uint64_t seed) {
    struct sm_recs r = {0};
    for (uint32_t at = 0; at < w->n;) {
        uint64_t x = next_random(&seed);
        uint32_t k = x % 3 == 0 ? 1 + (uint32_t)(x >> 8) % 20 : (uint32_t)(x >> 8) % 20000;
        if (k > w->n - at) k = w->n - at;
        sm_recs_clear(&r);
        assert_int_equal(sm_recs_reserve(&r, COLUMNS, k, NULL), SM_OK);
        for (uint32_t i = 0; i < k; i++) {
            for (uint32_t c = 0; c < COLUMNS; c++) r.col[c][i] = w->cell[(size_t)(at + i) * COLUMNS + c];
            r.pos[i] = w->pos[at + i];
        }
        r.nrow = k;
        at += k;
        assert_int_equal(sm_sorter_add(s, &r, NULL), SM_OK);
    }
    sm_recs_free(&r);
}

static uint64_t sorts_like_the_plain_one(struct world *w, uint64_t memory, unsigned threads) {
    struct sm_sort_opts o = {.ncol = COLUMNS, .key = w->key, .nkey = w->nkey, .memory = memory, .tmpdir = "/tmp", .threads = threads};
    struct sm_sorter *s = NULL;
    struct sm_blocks in;
    struct sm_block b;
    struct sm_err err = {0};
    uint32_t at = 0;
    int rc;
    assert_int_equal(sm_sorter_open(&s, w->texts, &o, &err), SM_OK);
    feed(w, s, memory + threads);
    if (sm_sorter_finish(s, &in, &err) != SM_OK) fail_msg("%s", err.text);
    while ((rc = in.next(in.ctx, &b, &err)) == SM_OK) {
        assert_true(b.nrow > 0 && b.nrow <= 1024 && b.ncol == COLUMNS);
        for (uint32_t i = 0; i < b.nrow; i++, at++) {
            assert_true(at < w->n);
            const uint32_t want = w->order[at];
            if (b.pos[i] != w->pos[want] || memcmp(b.cell + (size_t)i * COLUMNS, w->cell + (size_t)want * COLUMNS, COLUMNS * sizeof(sm_val)) != 0)
                fail_msg("record %u of %u is not the right one (memory %" PRIu64 ", %u keys)", at, w->n, memory, w->nkey);
        }
    }
    assert_int_equal(rc, SM_EOF);
    assert_int_equal(at, w->n);
    assert_int_equal(sm_sorter_rows(s), w->n);
    uint64_t spilled = sm_sorter_spilled(s);
    sm_sorter_close(s);
    return spilled;
}

static void world_open(struct world *w, uint64_t seed) {
    *w = (struct world){.seed = seed};
    assert_int_equal(sm_texts_open(&w->texts, NULL), SM_OK);
    assert_int_equal(sm_intern_open(&w->in, w->texts, NULL), SM_OK);
}

static void world_close(struct world *w) {
    sm_intern_close(w->in);
    sm_texts_close(w->texts);
}

static void any_memory_gives_the_order_of_a_plain_sort(void **state) {
    (void)state;
    static const uint64_t memory[] = {0, 1, 20000, 300000, 1 << 20, 16 << 20};
    uint64_t most = 0;
    for (uint64_t round = 0; round < 40; round++) {
        struct world w;
        world_open(&w, round * 7919 + 1);
        make_records(&w, (uint32_t)(round % 5 == 0 ? round : 200 + next_random(&w.seed) % 6000));
        for (size_t i = 0; i < SM_ARRAY_LEN(memory); i++) {
            uint64_t spilled = sorts_like_the_plain_one(&w, memory[i], 1 + (unsigned)i % 3);
            most = spilled > most ? spilled : most;
        }
        drop_records(&w);
        world_close(&w);
    }
    assert_true(most > 0); /* some of it went through the file */
}

static void many_records_with_full_dictionaries_are_sorted_too(void **state) {
    (void)state;
    static const uint64_t memory[] = {0, 1 << 20, 4 << 20};
    for (uint64_t round = 0; round < 4; round++) {
        struct world w;
        world_open(&w, round + 1);
        make_records(&w, 90000);
        for (size_t i = 0; i < SM_ARRAY_LEN(memory); i++) sorts_like_the_plain_one(&w, memory[i], 2);
        drop_records(&w);
        world_close(&w);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_memory_gives_the_order_of_a_plain_sort),
        cmocka_unit_test(many_records_with_full_dictionaries_are_sorted_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
