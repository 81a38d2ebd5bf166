/* SPDX-License-Identifier: MIT */
/* Whatever the records, the memory and the threads: the sorter gives what a plain stable sort
 * gives, and its facts are those of the records. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "random.h"
#include "sdtmill/err.h"
#include "sdtmill/mem.h"
#include "sdtmill/num.h"
#include "sdtmill/sort.h"

enum { COLUMNS = 7 };

struct world {
    struct sm_texts *texts;
    struct sm_intern *in;
    uint64_t seed;
    sm_val *cell; /* [n][COLUMNS] */
    sm_pos *pos;
    uint32_t *order; /* as it should come out */
    uint32_t n;
    struct sm_sort_key key[COLUMNS];
    uint32_t nkey;
};

/* ---- the plain sort ---------------------------------------------------------------------------
 */

static int plain_numbers(struct sm_str a, struct sm_str b) {
    int c, x;
    if (sm_dec_cmp(a, b, &c)) return c;
    bool a_is = sm_dec_cmp(a, a, &x), b_is = sm_dec_cmp(b, b, &x);
    if (a_is != b_is) return a_is ? -1 : 1;
    return sm_str_cmp(a, b);
}

static int plain_cmp(const struct world *w, uint32_t a, uint32_t b) {
    for (uint32_t i = 0; i < w->nkey; i++) {
        sm_val x = w->cell[(size_t)a * COLUMNS + w->key[i].column],
               y = w->cell[(size_t)b * COLUMNS + w->key[i].column];
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
    for (uint32_t i = 0; i < w->n; i++)
        w->order[i] = i;
    for (size_t run = 1; run < w->n; run *= 2) {
        for (size_t lo = 0; lo < w->n; lo += 2 * run) {
            size_t mid = lo + run < w->n ? lo + run : w->n,
                   hi = lo + 2 * run < w->n ? lo + 2 * run : w->n, i = lo, j = mid;
            for (size_t o = lo; o < hi; o++)
                to[o] = i < mid && (j >= hi || plain_cmp(w, from[i], from[j]) < 0) ? from[i++]
                                                                                   : from[j++];
        }
        uint32_t *was = from;
        from = to;
        to = was;
    }
    if (from != w->order) memcpy(w->order, from, w->n * sizeof *from);
    sm_free(tmp);
}

/* ---- random records -----------------------------------------------------------------------------
 */

static sm_val text_value(struct world *w, const char *before, uint64_t number) {
    char text[400];
    int n = snprintf(text, sizeof text, "%s%" PRIu64, before, number);
    return sm_val_make(w->in, sm_str_n(text, (size_t)n));
}

static sm_val number_value(struct world *w) {
    static const char *const odd[] = {"007",
                                      "7.0",
                                      "7",
                                      "+7",
                                      "-0",
                                      "0",
                                      "0.00",
                                      "<5",
                                      "ABC",
                                      "not done at all",
                                      "1e5",
                                      ".5",
                                      "0.5",
                                      "12345678901234567890.1",
                                      "12345678901234567890.2",
                                      "-12345678901234567890.1",
                                      "5."};
    uint64_t r = next_random(&w->seed);
    char text[420];
    if (r % 8 == 0) return sm_val_make(w->in, sm_str(odd[(r >> 8) % SM_ARRAY_LEN(odd)]));
    if (r % 64 == 1) { /* beyond the doubles */
        memset(text, '9', 400);
        text[0] = r & 64 ? '-' : '9';
        return sm_val_make(w->in, sm_str_n(text, 390 + (size_t)(r >> 8) % 10));
    }
    int n = snprintf(text, sizeof text, "%s%d.%0*d", r & 16 ? "-" : "", (int)(r >> 8) % 40,
                     (int)(r >> 20) % 3 + 1, (int)(r >> 24) % 10);
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

enum {
    KIND_CONSTANT,
    KIND_FEW,
    KIND_LONG,
    KIND_SHORT,
    KIND_NUMBER,
    KIND_DATE,
    KIND_MANY,
    KIND_MANY_LONG,
    KIND_ALL,
    KIND_NONE,
    KIND_FOLLOWS,
    KINDS
};

/* One value for each of another column, but for some. */
static sm_val value_after(struct world *w, sm_val other, uint64_t exceptions) {
    const uint64_t r = next_random(&w->seed), hash = sm_val_hash(w->texts, other);
    if (exceptions && r % exceptions == 0) return text_value(w, "", r >> 60);
    return hash % 7 ? text_value(w, hash % 3 ? "NAME-OF-" : "", hash % 500) : SM_MISSING;
}

static sm_val value(struct world *w, unsigned kind) {
    uint64_t r = next_random(&w->seed);
    switch (kind) {
    case KIND_CONSTANT:
        return text_value(w, "THE-ONE-STUDY-", 1);
    case KIND_FEW:
        return text_value(w, "T", r % 5);
    case KIND_LONG:
        return text_value(w, "SUBJECT-", r % 300);
    case KIND_SHORT:
        return r % 4 ? text_value(w, "", r % 1000) : SM_MISSING;
    case KIND_NUMBER:
        return r % 8 ? number_value(w) : SM_MISSING;
    case KIND_DATE:
        return r % 8 ? date_value(w) : SM_MISSING;
    case KIND_MANY:
        return text_value(w, "", (r >> 8) % 9999999);
    case KIND_MANY_LONG:
        return text_value(w, r & 1 ? "a common beginning " : "10000", r >> 40);
    case KIND_NONE:
        return SM_MISSING;
    default:
        return value(w, (unsigned)(r % KIND_ALL));
    }
}

static void make_records(struct world *w, uint32_t n) {
    unsigned kind[COLUMNS];
    w->n = n;
    w->cell = sm_alloc((size_t)n * COLUMNS + 1, sizeof *w->cell);
    w->pos = sm_alloc(n + 1, sizeof *w->pos);
    w->order = sm_alloc(n + 1, sizeof *w->order);
    for (unsigned c = 0; c < COLUMNS; c++)
        kind[c] = (unsigned)(next_random(&w->seed) % KINDS);
    static const uint64_t often[] = {0, 100, 5000, 100000};
    const uint64_t exceptions = often[next_random(&w->seed) % SM_ARRAY_LEN(often)];
    w->nkey = (uint32_t)(next_random(&w->seed) % (COLUMNS + 1));
    for (uint32_t i = 0; i < w->nkey; i++)
        w->key[i] = (struct sm_sort_key){(uint32_t)(next_random(&w->seed) % COLUMNS),
                                         next_random(&w->seed) & 1 ? SM_SORT_NUM : SM_SORT_TEXT};
    unsigned how = (unsigned)(next_random(&w->seed) % 5);
    for (uint32_t i = 0; i < n; i++) {
        uint64_t r = next_random(&w->seed);
        for (unsigned c = 0; c < COLUMNS; c++) {
            sm_val *cell = &w->cell[(size_t)i * COLUMNS + c];
            *cell = c && kind[c] == KIND_FOLLOWS ? value_after(w, cell[-1], exceptions)
                                                 : value(w, kind[c] % KIND_FOLLOWS);
        }
        w->pos[i] = how == 0   ? sm_pos_make(i / 1000, i / 4, i % 4)
                    : how == 1 ? sm_pos_make((uint32_t)(r % 5), r >> 40, (uint32_t)(r >> 8) % 7)
                    : how == 2 ? sm_pos_make(i < n / 2 ? 3 : 1, i, 0)
                               : sm_pos_make(1, i / 50, 0);
    }
    if (how >= 3) { /* in order already, or but for some */
        plain_sort(w);
        sm_val *cell = sm_alloc((size_t)n * COLUMNS + 1, sizeof *cell);
        for (uint32_t i = 0; i < n; i++) {
            memcpy(cell + (size_t)i * COLUMNS, w->cell + (size_t)w->order[i] * COLUMNS,
                   COLUMNS * sizeof *cell);
            w->pos[i] = i;
        }
        for (uint32_t i = 0; how == 4 && i < n; i += 1 + (uint32_t)(next_random(&w->seed) % 80)) {
            const size_t j = (size_t)(next_random(&w->seed) % n);
            for (size_t c = 0; c < COLUMNS; c++) {
                const sm_val was = cell[i * (size_t)COLUMNS + c];
                cell[i * (size_t)COLUMNS + c] = cell[j * COLUMNS + c];
                cell[j * COLUMNS + c] = was;
            }
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

/* ---- the sorter ---------------------------------------------------------------------------------
 */

static void feed(struct world *w, struct sm_sorter *s, uint64_t seed) {
    struct sm_recs r = {0};
    for (uint32_t at = 0; at < w->n;) {
        uint64_t x = next_random(&seed);
        uint32_t k = x % 3 == 0 ? 1 + (uint32_t)(x >> 8) % 20 : (uint32_t)(x >> 8) % 20000;
        if (k > w->n - at) k = w->n - at;
        sm_recs_clear(&r);
        assert_int_equal(sm_recs_reserve(&r, COLUMNS, k, NULL), SM_OK);
        for (uint32_t i = 0; i < k; i++) {
            for (uint32_t c = 0; c < COLUMNS; c++)
                r.col[c][i] = w->cell[(size_t)(at + i) * COLUMNS + c];
            r.pos[i] = w->pos[at + i];
        }
        r.nrow = k;
        at += k;
        assert_int_equal(sm_sorter_add(s, &r, NULL), SM_OK);
    }
    sm_recs_free(&r);
}

/* ---- facts -------------------------------------------------------------------------------------- */

/* A dataset of some of the columns, and its first variables numbers, the others dates. */
struct facts {
    struct sm_dsinfo info;
    struct sm_dsvar var[COLUMNS];
};
static void facts_open(struct facts *f) {
    static const uint32_t column[] = {5, 0, 3, 1, 6, 2};
    *f = (struct facts){.info = {.nvar = SM_ARRAY_LEN(column), .column = column, .block_ncol = COLUMNS}};
    f->info.var = f->var;
    for (uint32_t i = 0; i < f->info.nvar; i++) {
        f->var[i].is_num = i < 3;
        f->var[i].is_dtc = i > 3;
    }
}

static void facts_are_right(const struct world *w, const struct sm_sorter *s) {
    struct facts folded, known;
    const struct sm_block b = {w->cell, w->pos, w->n, COLUMNS};
    facts_open(&folded);
    facts_open(&known);
    if (w->n) sm_dsinfo_fold(&folded.info, w->texts, &b, true);
    sm_sorter_facts(s, &known.info);
    assert_int_equal(known.info.rows, w->n);
    assert_memory_equal(known.var, folded.var, sizeof known.var);
}

static uint64_t sorts_like_the_plain_one(struct world *w, uint64_t memory, unsigned threads) {
    struct facts facts;
    facts_open(&facts);
    struct sm_sort_opts o = {.ncol = COLUMNS,
                             .key = w->key,
                             .nkey = w->nkey,
                             .memory = memory,
                             .tmpdir = "/tmp",
                             .threads = threads,
                             .facts = &facts.info};
    struct sm_sorter *s = NULL;
    struct sm_blocks in;
    struct sm_block b;
    struct sm_err err = {0};
    uint32_t at = 0;
    int rc;
    assert_int_equal(sm_sorter_open(&s, w->texts, &o, &err), SM_OK);
    feed(w, s, memory + threads);
    if (sm_sorter_finish(s, &in, &err) != SM_OK) fail_msg("%s", err.text);
    facts_are_right(w, s);
    while ((rc = in.next(in.ctx, &b, &err)) == SM_OK) {
        assert_true(b.nrow > 0 && b.nrow <= 1024 && b.ncol == COLUMNS);
        for (uint32_t i = 0; i < b.nrow; i++, at++) {
            assert_true(at < w->n);
            const uint32_t want = w->order[at];
            if (b.pos[i] != w->pos[want] ||
                memcmp(b.cell + (size_t)i * COLUMNS, w->cell + (size_t)want * COLUMNS,
                       COLUMNS * sizeof(sm_val)) != 0)
                fail_msg("record %u of %u is not the right one (memory %" PRIu64 ", %u keys)", at,
                         w->n, memory, w->nkey);
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
        for (size_t i = 0; i < SM_ARRAY_LEN(memory); i++)
            sorts_like_the_plain_one(&w, memory[i], 2);
        drop_records(&w);
        world_close(&w);
    }
}

/* ---- several fronts
 * ------------------------------------------------------------------------------ */

enum { FRONTS_MOST = 4, CHUNKS_MOST = 400 };

struct field { /* where fronts, owner and readers meet */
    struct world *w;
    struct sm_sorter *s;
    unsigned fronts;
    struct {
        uint32_t from, n;
    } chunk[CHUNKS_MOST];
    unsigned nchunk;
    pthread_rwlock_t packing; /* fronts share it, the owner alone spills */
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct sm_sort_packs *packs[CHUNKS_MOST];
    bool there[CHUNKS_MOST];
    size_t nparts;
    uint32_t lead;
    uint32_t part_rows[100000];
    struct sm_sort_slice *slice[100000]; /* NULL: a part */
    struct sm_sort_sheaves **spilled;    /* [nparts] */
};
struct hand {
    struct field *f;
    unsigned number;
    pthread_t thread;
    const char *bad;
};

static void cut_chunks(struct field *f, uint64_t seed) {
    f->nchunk = 0;
    for (uint32_t at = 0, n; at < f->w->n; at += n) {
        uint64_t x = next_random(&seed);
        n = x % 3 == 0 ? 1 + (uint32_t)(x >> 8) % 60
                       : (uint32_t)(x >> 8) % (f->w->n / 20 + 20000 % (f->w->n + 1) + 1) + 1;
        if (n > f->w->n - at || f->nchunk + 1 == CHUNKS_MOST) n = f->w->n - at;
        f->chunk[f->nchunk].from = at;
        f->chunk[f->nchunk].n = n;
        f->nchunk++;
    }
}

static void *pack_some(void *hand) {
    struct hand *h = hand;
    struct field *f = h->f;
    struct sm_recs r = {0};
    for (unsigned i = h->number; i < f->nchunk; i += f->fronts) {
        const uint32_t from = f->chunk[i].from, n = f->chunk[i].n;
        if (sm_recs_reserve(&r, COLUMNS, n, NULL) != SM_OK) h->bad = "no memory";
        for (uint32_t k = 0; k < n; k++)
            for (uint32_t c = 0; c < COLUMNS; c++)
                r.col[c][k] = f->w->cell[(size_t)(from + k) * COLUMNS + c];
        memcpy(r.pos, f->w->pos + from, n * sizeof *r.pos);
        r.nrow = n;
        pthread_rwlock_rdlock(&f->packing);
        struct sm_sort_packs *p = NULL;
        if (sm_sorter_pack(f->s, h->number, &r, &p, NULL) != SM_OK) h->bad = "a front cannot pack";
        pthread_rwlock_unlock(&f->packing);
        pthread_mutex_lock(&f->lock);
        f->packs[i] = p;
        f->there[i] = true;
        pthread_cond_signal(&f->more);
        pthread_mutex_unlock(&f->lock);
    }
    sm_recs_free(&r);
    return NULL;
}

static void run_hands(struct field *f, void *(*work)(void *), void (*meanwhile)(struct field *));

static void *spill_some(void *hand) {
    struct hand *h = hand;
    for (size_t i = h->number; i < h->f->nparts; i += h->f->fronts)
        if (sm_sorter_spill_part(h->f->s, h->number, i, &h->f->spilled[i], NULL) != SM_OK)
            h->bad = "a part cannot be spilled";
    return NULL;
}

static void spill_by_all(struct field *f) {
    assert_int_equal(sm_sorter_spill_open(f->s, &f->nparts, NULL), SM_OK);
    assert_true(f->nparts > 0);
    f->spilled = sm_alloc(f->nparts, sizeof(void *));
    run_hands(f, spill_some, NULL);
    for (size_t i = 0; i < f->nparts; i++)
        assert_int_equal(sm_sorter_spill_take(f->s, f->spilled[i], NULL), SM_OK);
    sm_sorter_spill_close(f->s, true);
    sm_free(f->spilled);
}

static void take_all(struct field *f) {
    for (unsigned i = 0; i < f->nchunk; i++) {
        pthread_mutex_lock(&f->lock);
        while (!f->there[i])
            pthread_cond_wait(&f->more, &f->lock);
        pthread_mutex_unlock(&f->lock);
        assert_int_equal(sm_sorter_take(f->s, f->packs[i], NULL), SM_OK);
        if (!sm_sorter_is_full(f->s)) continue;
        pthread_rwlock_wrlock(&f->packing);
        if (i % 2)
            spill_by_all(f);
        else
            assert_int_equal(sm_sorter_spill(f->s, NULL), SM_OK);
        pthread_rwlock_unlock(&f->packing);
    }
}

static void run_hands(struct field *f, void *(*work)(void *), void (*meanwhile)(struct field *)) {
    struct hand h[FRONTS_MOST];
    for (unsigned i = 0; i < f->fronts; i++) {
        h[i] = (struct hand){.f = f, .number = i};
        assert_int_equal(pthread_create(&h[i].thread, NULL, work, &h[i]), 0);
    }
    if (meanwhile) meanwhile(f);
    for (unsigned i = 0; i < f->fronts; i++) {
        assert_int_equal(pthread_join(h[i].thread, NULL), 0);
        if (h[i].bad) fail_msg("%s", h[i].bad);
    }
}

static bool is_next(const struct world *w, uint32_t at, const sm_val *cell, sm_pos pos) {
    return at < w->n && pos == w->pos[w->order[at]] &&
           memcmp(cell, w->cell + (size_t)w->order[at] * COLUMNS, COLUMNS * sizeof *cell) == 0;
}

static bool block_is_next(const struct world *w, uint32_t at, const struct sm_block *b) {
    for (uint32_t i = 0; i < b->nrow; i++)
        if (!is_next(w, at + i, b->cell + (size_t)i * COLUMNS, b->pos[i])) return false;
    return true;
}

static int read_part(const struct field *f, struct sm_sort_part *p, size_t i, struct sm_block *b) {
    return f->slice[i] ? sm_sort_part_slice(p, f->slice[i], b, NULL)
                       : sm_sort_part_read(p, i, b, NULL);
}

/* First for the sizes of the parts, then, when it is known where they begin, for their records. */
static void *read_sizes(void *hand) {
    struct hand *h = hand;
    struct sm_sort_part *p = NULL;
    struct sm_block b;
    if (sm_sort_part_open(&p, h->f->s, NULL) != SM_OK) h->bad = "no memory";
    for (size_t i = h->number; i < h->f->nparts; i += h->f->fronts) {
        if (read_part(h->f, p, i, &b) != SM_OK)
            h->bad = "a part cannot be read";
        else
            h->f->part_rows[i] = b.nrow;
    }
    sm_sort_part_close(p);
    return NULL;
}

static void *read_records(void *hand) {
    struct hand *h = hand;
    struct field *f = h->f;
    struct sm_sort_part *p = NULL;
    struct sm_block b;
    uint32_t at = 0;
    if (sm_sort_part_open(&p, f->s, NULL) != SM_OK) h->bad = "no memory";
    for (size_t i = 0; i < f->nparts; at += f->part_rows[i], i++) {
        if ((i + 1) % f->fronts != h->number) continue;
        if (read_part(f, p, i, &b) != SM_OK || b.nrow != f->part_rows[i])
            h->bad = "a part cannot be read again";
        else if (!block_is_next(f->w, at, &b))
            h->bad = "a part has other records";
        if (at == 0 || f->lead == 0) continue;
        bool same = true;
        for (uint32_t k = 0; k < f->lead && k < f->w->nkey; k++) {
            const size_t c = f->w->key[k].column;
            same = same && f->w->cell[(size_t)f->w->order[at - 1] * COLUMNS + c] ==
                               f->w->cell[(size_t)f->w->order[at] * COLUMNS + c];
        }
        if (same) h->bad = "equal leading keys are in two parts";
    }
    sm_sort_part_close(p);
    return NULL;
}

static void pieces_are_right(struct field *f, uint32_t lead) {
    uint64_t sum = 0;
    f->lead = lead;
    run_hands(f, read_sizes, NULL);
    for (size_t i = 0; i < f->nparts; i++) {
        assert_true(f->part_rows[i] > 0);
        sum += f->part_rows[i];
    }
    assert_int_equal(sum, f->w->n);
    run_hands(f, read_records, NULL);
}

static void parts_are_right(struct field *f, uint32_t lead, uint32_t rows) {
    assert_int_equal(sm_sorter_parts(f->s, lead, rows, &f->nparts, NULL), SM_OK);
    if (sm_sorter_spilled(f->s) || f->w->n == 0)
        assert_int_equal(f->nparts, 0);
    else
        assert_true(f->nparts > 0 && f->nparts <= SM_ARRAY_LEN(f->part_rows));
    if (f->nparts) pieces_are_right(f, lead);
}

/* False: there are none. */
static bool slices_are_right(struct field *f, uint32_t lead, uint32_t rows) {
    int rc;
    if (!sm_sorter_slices(f->s, lead)) return false;
    assert_true(sm_sorter_spilled(f->s) > 0);
    f->nparts = 0;
    while ((rc = sm_sorter_slice(f->s, lead, rows, &f->slice[f->nparts], NULL)) == SM_OK) {
        f->nparts++;
        assert_true(f->nparts < SM_ARRAY_LEN(f->slice));
    }
    assert_int_equal(rc, SM_EOF);
    pieces_are_right(f, lead);
    for (size_t i = 0; i < f->nparts; i++)
        sm_sort_slice_free(f->slice[i]);
    return true;
}

static unsigned sliced; /* sorters that gave slices */

static uint64_t fronts_sort_like_one(struct world *w, uint64_t memory, unsigned fronts) {
    struct facts facts;
    facts_open(&facts);
    struct sm_sort_opts o = {.ncol = COLUMNS,
                             .key = w->key,
                             .nkey = w->nkey,
                             .memory = memory,
                             .tmpdir = "/tmp",
                             .threads = fronts,
                             .facts = &facts.info};
    static struct field f;
    struct sm_blocks in;
    struct sm_block b;
    struct sm_err err = {0};
    uint32_t at = 0;
    int rc;
    f = (struct field){.w = w, .fronts = fronts};
    pthread_rwlock_init(&f.packing, NULL);
    pthread_mutex_init(&f.lock, NULL);
    pthread_cond_init(&f.more, NULL);
    assert_int_equal(sm_sorter_open(&f.s, w->texts, &o, &err), SM_OK);
    cut_chunks(&f, w->seed + fronts + memory);
    run_hands(&f, pack_some, take_all);
    if (sm_sorter_finish(f.s, &in, &err) != SM_OK) fail_msg("%s", err.text);
    facts_are_right(w, f.s);
    parts_are_right(&f, 0, 1 + w->n / 7);
    parts_are_right(&f, w->nkey ? 1 : 0, 1 + w->n / 50);
    parts_are_right(&f, w->nkey, 1);
    const uint32_t lead = fronts % 2 ? 0 : fronts / 2 < w->nkey ? fronts / 2 : w->nkey;
    sliced += slices_are_right(&f, lead, 1 + w->n / (lead ? 50 : 7));
    for (; (rc = in.next(in.ctx, &b, &err)) == SM_OK; at += b.nrow)
        if (!block_is_next(w, at, &b))
            fail_msg("a record from %u on is not the right one (memory %" PRIu64
                     ", %u keys, %u fronts)",
                     at, memory, w->nkey, fronts);
    assert_int_equal(rc, SM_EOF);
    assert_int_equal(at, w->n);
    assert_int_equal(sm_sorter_rows(f.s), w->n);
    uint64_t spilled = sm_sorter_spilled(f.s);
    sm_sorter_close(f.s);
    pthread_rwlock_destroy(&f.packing);
    pthread_mutex_destroy(&f.lock);
    pthread_cond_destroy(&f.more);
    return spilled;
}

static void any_number_of_fronts_gives_one_order_and_parts_are_pieces_of_it(void **state) {
    (void)state;
    static const uint64_t memory[] = {0, 300000, 1 << 20, 16 << 20};
    uint64_t most = 0;
    for (uint64_t round = 0; round < 24; round++) {
        struct world w;
        world_open(&w, round * 104729 + 3);
        make_records(&w, (uint32_t)(round % 6 == 0 ? round : 200 + next_random(&w.seed) % 9000));
        for (size_t i = 0; i < SM_ARRAY_LEN(memory); i++) {
            uint64_t spilled =
                fronts_sort_like_one(&w, memory[i], 1 + (unsigned)(round + i) % FRONTS_MOST);
            most = spilled > most ? spilled : most;
        }
        drop_records(&w);
        world_close(&w);
    }
    assert_true(most > 0);
    assert_true(sliced > 0);
}

static void many_records_from_fronts_with_full_dictionaries_are_sorted_too(void **state) {
    (void)state;
    for (uint64_t round = 0; round < 3; round++) {
        struct world w;
        world_open(&w, round + 11);
        make_records(&w, 90000);
        fronts_sort_like_one(&w, 0, 3);
        fronts_sort_like_one(&w, 4 << 20, 2);
        drop_records(&w);
        world_close(&w);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_memory_gives_the_order_of_a_plain_sort),
        cmocka_unit_test(many_records_with_full_dictionaries_are_sorted_too),
        cmocka_unit_test(any_number_of_fronts_gives_one_order_and_parts_are_pieces_of_it),
        cmocka_unit_test(many_records_from_fronts_with_full_dictionaries_are_sorted_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
