/* SPDX-License-Identifier: MIT */
/* sort_deal.c - opens the packs of an index and deals their records to its buckets. Each thread has
 * packs that follow each other, and its own places in every bucket: so a bucket has its records in
 * the order they came, however many threads there are. */
#include "sdtmill/err.h"
#include "sdtmill/mem.h"
#include "sdtmill/pool.h"
#include "sort/sort_priv.h"

enum { SHARE_LEAST = 1 << 15 }; /* records that are worth a thread */

struct share { /* of one thread */
    struct sort_index *x;
    int (*step)(struct share *s);
    uint32_t from, to; /* packs */
    uint32_t *count;   /* [nbucket] its records; then the place of its next one */
    int rc;
    struct sm_err err;
};
struct sort_deal {
    struct sort_index *x;
    struct sm_pool *pool;
    struct share *share;
    uint32_t n;
    uint32_t *count;
};

/* ---- what a thread does ---------------------------------------------------------------------- */

/* last: the latest view of each packer's packs, which mostly open alike; room: for any view. */
static int open_view(struct sort_index *x, uint32_t pack, const struct sm_unpack **last,
                     struct sm_unpack *room, struct sm_err *err) {
    const struct sm_pack *k = x->pack[pack];
    const struct sm_packer *p = x->plan->by.packer[k->maker];
    sm_unpack_set(room, p, k);
    const bool cut = last[k->maker] && sm_unpack_share(room, last[k->maker]);
    const size_t bytes = cut ? sm_unpack_head(room) : sm_unpack_bytes(k);
    int rc = sm_resize(&x->view[pack], 1, bytes, err);
    if (rc != SM_OK) return rc;
    struct sm_unpack *u = x->view[pack];
    if (cut) {
        memcpy(u, room, bytes);
    } else {
        sm_unpack_set(u, p, k);
        if (last[k->maker]) (void)sm_unpack_share(u, last[k->maker]);
    }
    last[k->maker] = u;
    return SM_OK;
}

static int open_packs(struct share *s) {
    struct sort_index *x = s->x;
    const struct sm_unpack **last = sm_alloc(x->plan->by.n, sizeof *last);
    struct sm_unpack *room = x->view ? sm_alloc(1, sm_unpack_most(x->plan->ncol)) : NULL;
    int rc = last && !room == !x->view ? SM_OK : sm_fail(&s->err, SM_ENOMEM, "out of memory");
    for (uint32_t i = s->from; i < s->to && rc == SM_OK; i++) {
        const struct sm_pack *k = x->pack[i];
        x->place[i] = (struct sort_place){sm_pack_data(k), k->stride};
        sort_plan_steps(x->plan, k, x->step + (size_t)i * x->plan->nfield);
        if (x->view) rc = open_view(x, i, last, room, &s->err);
    }
    sm_free(room);
    sm_free(last);
    return rc;
}

/* The first bits of the keys of the records of one pack. */
struct digits {
    uint16_t of[SM_PACK_ROWS];
};
static void digits_of(const struct sort_index *x, uint32_t pack, struct digits *ret) {
    sort_plan_digits(x->plan, sort_index_step(x, pack), x->pack[pack], x->top, ret->of);
}

static int count_digits(struct share *s) {
    const struct sort_index *x = s->x;
    struct digits digit;
    for (uint32_t i = s->from; i < s->to; i++) {
        digits_of(x, i, &digit);
        for (uint32_t r = 0; r < x->pack[i]->nrow; r++)
            s->count[digit.of[r]]++;
    }
    return SM_OK;
}

/* To keep the digits would take longer: it is memory touched for the first time. */
static int deal_out(struct share *s) {
    const struct sort_index *x = s->x;
    struct digits digit;
    for (uint32_t i = s->from; i < s->to; i++) {
        digits_of(x, i, &digit);
        for (uint32_t r = 0; r < x->pack[i]->nrow; r++)
            x->number[s->count[digit.of[r]]++] = sm_pack_number(i, r);
    }
    return SM_OK;
}

/* ---- all of them ----------------------------------------------------------------------------- */

static void work(void *job, void *state) {
    struct share *s = job;
    (void)state;
    s->rc = s->step(s);
}

/* The first failure in the order of the shares. */
static int each_share(struct sort_deal *d, int (*step)(struct share *), struct sm_err *err) {
    int rc = SM_OK;
    for (uint32_t i = 0; i < d->n; i++) {
        d->share[i].step = step;
        sm_pool_put(d->pool, &d->share[i]);
    }
    for (const struct share *s = sm_pool_get(d->pool); s; s = sm_pool_get(d->pool)) {
        if (rc == SM_OK && s->rc != SM_OK) *err = s->err;
        if (rc == SM_OK) rc = s->rc;
    }
    return rc;
}

/* Shares of about the same number of records. */
static void cut_shares(struct sort_deal *d) {
    struct sort_index *x = d->x;
    uint32_t pack = 0;
    uint64_t before = 0;
    for (uint32_t i = 0; i < d->n; i++) {
        struct share *s = &d->share[i];
        *s = (struct share){.x = x, .from = pack};
        for (; pack < x->npack && before < x->n / d->n * (i + 1); pack++)
            before += x->pack[pack]->nrow;
        if (i + 1 == d->n) pack = x->npack;
        s->to = pack;
    }
}

int sort_deal_open(struct sort_deal **ret, struct sort_index *x, unsigned threads,
                   struct sm_err *err) {
    struct sort_deal *d = sm_alloc(1, sizeof *d);
    if (!d) return sm_fail(err, SM_ENOMEM, "out of memory");
    const uint64_t worth = x->n / SHARE_LEAST + 1;
    d->x = x;
    d->n = threads < worth ? threads : (uint32_t)worth;
    if (d->n == 0) d->n = 1;
    d->share = sm_alloc(d->n, sizeof *d->share);
    int rc = d->share ? SM_OK : sm_fail(err, SM_ENOMEM, "out of memory");
    if (rc == SM_OK) rc = sm_pool_open(&d->pool, d->n, work, NULL, err);
    if (rc == SM_OK) {
        cut_shares(d);
        rc = each_share(d, open_packs, err);
    }
    if (rc == SM_OK)
        *ret = d;
    else
        sort_deal_close(d);
    return rc;
}

static int rooms(struct sort_deal *d, struct sm_err *err) {
    struct sort_index *x = d->x;
    const uint64_t n = x->n ? x->n : 1;
    int rc = sm_resize(&x->number, n, sizeof *x->number, err);
    if (rc != SM_OK) return rc;
    x->end = sm_alloc(x->nbucket, sizeof *x->end);
    d->count = sm_alloc(x->nbucket, d->n * sizeof *d->count);
    return x->end && d->count ? SM_OK : sm_fail(err, SM_ENOMEM, "out of memory");
}

int sort_deal_run(struct sort_deal *d, struct sm_err *err) {
    struct sort_index *x = d->x;
    int rc = rooms(d, err);
    if (rc != SM_OK) return rc;
    for (uint32_t i = 0; i < d->n; i++)
        d->share[i].count = d->count + (size_t)i * x->nbucket;
    rc = each_share(d, count_digits, err);
    uint32_t sum = 0;
    for (uint32_t b = 0; b < x->nbucket; b++) {
        for (uint32_t i = 0; i < d->n; i++) {
            uint32_t *count = &d->share[i].count[b], here = *count;
            *count = sum;
            sum += here;
        }
        x->end[b] = sum;
    }
    return rc == SM_OK ? each_share(d, deal_out, err) : rc;
}

void sort_deal_close(struct sort_deal *d) {
    if (!d) return;
    if (d->pool) sm_pool_close(d->pool, NULL);
    sm_free(d->share);
    sm_free(d->count);
    sm_free(d);
}
