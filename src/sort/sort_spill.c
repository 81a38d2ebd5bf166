/* SPDX-License-Identifier: MIT */
/* sort_spill.c - the records in memory become a run: in parts, each put in order and bound to sheaves
 * in the thread of a front, written by the owner in their order. */
#include "sdtmill/err.h"
#include "sdtmill/mem.h"
#include "sort/sort_priv.h"

enum {
    SHEAF_MOST = SM_PACK_ROWS,
    PART_MOST = SHEAF_MOST - SHEAF_MOST / 16, /* rows: most parts become one sheaf */
    PART_LEAST = 1024,
    PART_SHIFT = 14, /* bytes of memory for each: whoever merges holds sheaves of all runs */
    PACKS_FULL = SORT_PACKS_MOST / 2,
    SCRATCH_MOST = 48 * 1024 * 1024 /* bytes left for the writing of a run */
};

struct sort_spiller { /* what one front works with */
    struct sort_scratch scratch;
    uint32_t *number; /* [SHEAF_MOST] of some records that came in order */
};

/* What it takes to put the records in order: their numbers, and what opens or moves them. */
static uint64_t order_bytes(const struct sm_sorter *s) {
    const uint64_t pack = sizeof *s->pack + sizeof(struct sort_place) + sm_unpack_most(s->o.ncol) +
                          ((uint64_t)s->o.nkey + 1) * sizeof(struct sort_step);
    return s->held * sizeof(uint32_t) + s->npack * pack;
}

/* What is held, with what the sort itself will need; the rest of the program counts, too, but never
 * takes more than three quarters. */
bool sm_sorter_is_full(const struct sm_sorter *s) {
    if (s->npack >= PACKS_FULL) return true;
    if (!s->o.memory || !s->npack) return false;
    const uint64_t order = order_bytes(s);
    uint64_t used = s->bytes + order;
    for (uint32_t i = 0; i <= s->o.threads; i++)
        used += s->packer_bytes[i];
    if (used > s->o.memory - s->o.memory / 8) return true;
    uint64_t scratch = s->o.memory / 4 < SCRATCH_MOST ? s->o.memory / 4 : SCRATCH_MOST;
    return used > s->o.memory / 4 && sm_mem_now() + order > s->o.memory - scratch;
}

void sort_spiller_free(struct sm_sorter *s) {
    for (uint32_t i = 0; s->spiller && i < s->o.threads; i++) {
        sort_scratch_free(&s->spiller[i].scratch);
        sm_free(s->spiller[i].number);
    }
    sm_free(s->spiller);
    s->spiller = NULL;
    sm_binder_close(s->binder);
    s->binder = NULL;
}

static uint32_t part_rows(const struct sm_sorter *s) {
    const uint64_t rows = s->o.memory ? s->o.memory >> PART_SHIFT : PART_MOST;
    return rows < PART_LEAST ? PART_LEAST : rows > PART_MOST ? PART_MOST : (uint32_t)rows;
}

int sm_sorter_spill_open(struct sm_sorter *s, size_t *ret_n, struct sm_err *err) {
    *ret_n = 0;
    sm_mem_trim();
    int rc = sort_pack_few(s, false, err);
    if (rc != SM_OK || !s->npack) return rc;
    if (s->file.fd < 0) rc = sm_tmpfile_open(&s->file, *s->tmpdir ? s->tmpdir : NULL, err);
    if (rc == SM_OK) rc = sm_grow(&s->run, &s->cap_run, s->nrun + 1, sizeof *s->run, err);
    if (rc == SM_OK) rc = sort_index_packs(s, false, err);
    if (rc == SM_OK) rc = sm_binder_open(&s->binder, s->pack, (uint32_t)s->npack, err);
    if (rc == SM_OK) rc = sort_cuts_make(s, 0, part_rows(s), UINT64_MAX, err);
    s->spiller = rc == SM_OK ? sm_alloc(s->o.threads, sizeof *s->spiller) : NULL;
    if (rc == SM_OK && !s->spiller) rc = sm_fail(err, SM_ENOMEM, "out of memory");
    if (rc != SM_OK) {
        sm_sorter_spill_close(s, false);
        return rc;
    }
    s->run[s->nrun++] = sort_run_begin(&s->file);
    *ret_n = s->nparts;
    return SM_OK;
}

/* To sheaves that are hardly longer than a part is meant to be, however long it became. */
static int bind(const struct sm_sorter *s, const uint32_t *number, uint32_t n,
                struct sm_sort_sheaves *p, struct sm_err *err) {
    const uint32_t most = part_rows(s) + part_rows(s) / 15;
    int rc = SM_OK;
    for (uint32_t done = 0; n && rc == SM_OK; number += done, n -= done) {
        rc = sm_grow(&p->sheaf, &p->cap, p->nsheaf + 1, sizeof(struct sm_sheaf *), err);
        if (rc == SM_OK)
            rc = sm_binder_bind(s->binder, number, sort_some(n, most), &p->sheaf[p->nsheaf], &done, err);
        if (rc == SM_OK) p->nsheaf++;
    }
    return rc;
}

/* Records that came in order, from *at on, which moves on; as many as fit the list. */
static uint32_t number_run(const struct sort_index *x, struct sort_cut *at, uint64_t end,
                           uint32_t *number) {
    uint32_t n = 0;
    for (; n < SHEAF_MOST && at->from < end; sort_cut_step(x, at))
        number[n++] = sm_pack_number(at->pack, at->row);
    return n;
}

static int bind_run(const struct sm_sorter *s, struct sort_spiller *t, const struct sort_cut *cut,
                    struct sm_sort_sheaves *p, struct sm_err *err) {
    struct sort_cut at = cut[0];
    int rc = t->number ? SM_OK : sm_resize(&t->number, SHEAF_MOST, sizeof *t->number, err);
    while (rc == SM_OK && at.from < cut[1].from)
        rc = bind(s, t->number, number_run(&s->index, &at, cut[1].from, t->number), p, err);
    return rc;
}

static int bind_buckets(const struct sm_sorter *s, struct sort_spiller *t,
                        const struct sort_cut *cut, struct sm_sort_sheaves *p, struct sm_err *err) {
    const struct sort_index *x = &s->index;
    for (uint32_t b = cut[0].bucket; b < cut[1].bucket; b++) {
        int rc = sort_index_bucket(x, &t->scratch, b, err);
        if (rc != SM_OK) return rc;
    }
    return bind(s, x->number + cut[0].from, (uint32_t)(cut[1].from - cut[0].from), p, err);
}

int sm_sorter_spill_part(const struct sm_sorter *s, unsigned front, size_t part,
                         struct sm_sort_sheaves **ret, struct sm_err *err) {
    *ret = NULL;
    if (!s->spiller || front >= s->o.threads || part >= s->nparts)
        return sm_fail(err, SM_ESTATE, "there is no part %zu to spill", part);
    struct sm_sort_sheaves *p = sm_alloc(1, sizeof *p);
    if (!p) return sm_fail(err, SM_ENOMEM, "out of memory");
    int rc = (s->index.as_is ? bind_run : bind_buckets)(s, &s->spiller[front], &s->cut[part], p, err);
    if (rc == SM_OK)
        *ret = p;
    else
        sm_sort_sheaves_free(p);
    return rc;
}

void sm_sort_sheaves_free(struct sm_sort_sheaves *p) {
    if (!p) return;
    for (size_t i = 0; i < p->nsheaf; i++)
        sm_free(p->sheaf[i]);
    sm_free(p->sheaf);
    sm_free(p);
}

int sm_sorter_spill_take(struct sm_sorter *s, struct sm_sort_sheaves *p, struct sm_err *err) {
    int rc = SM_OK;
    if (!p) return SM_OK;
    for (size_t i = 0; i < p->nsheaf && rc == SM_OK; i++)
        rc = sort_run_add(&s->run[s->nrun - 1], &s->file, p->sheaf[i], err);
    sm_sort_sheaves_free(p);
    return rc;
}

void sm_sorter_spill_close(struct sm_sorter *s, bool good) {
    sort_spiller_free(s);
    sort_index_free(&s->index);
    sort_plan_free(&s->plan);
    s->nparts = 0;
    if (good) sort_drop_packs(s);
}

int sm_sorter_spill(struct sm_sorter *s, struct sm_err *err) {
    size_t n = 0;
    int rc = sm_sorter_spill_open(s, &n, err);
    if (rc != SM_OK || n == 0) return rc;
    for (size_t i = 0; i < n && rc == SM_OK; i++) {
        struct sm_sort_sheaves *p = NULL;
        rc = sm_sorter_spill_part(s, 0, i, &p, err);
        if (rc == SM_OK) rc = sm_sorter_spill_take(s, p, err);
    }
    sm_sorter_spill_close(s, rc == SM_OK);
    return rc;
}
