/* SPDX-License-Identifier: MIT */
/* sort_spill.c - the records in memory become a run: in parts, each put in order and packed anew in
 * the thread of a front, written by the owner in their order. */
#include "sdtmill/err.h"
#include "sdtmill/mem.h"
#include "sort/sort_priv.h"

enum {
    PART_MOST = SM_PACK_ROWS - SM_PACK_ROWS / 16, /* rows: most parts become one pack */
    PART_LEAST = 1024,
    PART_SHIFT = 14, /* bytes of memory for each: whoever merges holds packs of all runs */
    PACKS_FULL = SORT_PACKS_MOST / 2,
    SCRATCH_MOST = 48 * 1024 * 1024 /* bytes left for the writing of a run */
};

struct sort_spiller { /* what one front works with */
    struct sort_reader reader;
    struct sort_intake intake;
};

/* What it takes to put the records in order: their numbers, and what opens their packs. */
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
        sort_scratch_free(&s->spiller[i].reader.scratch);
        sort_intake_close(&s->spiller[i].intake);
    }
    sm_free(s->spiller);
    s->spiller = NULL;
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
    if (rc == SM_OK) rc = sort_index_packs(s, err);
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

static int pack_part(struct sort_spiller *t, struct sm_packer *by, struct sm_sort_packs *p,
                     struct sm_err *err) {
    const struct sort_from from = {sort_reader_next, &t->reader};
    size_t cap = 0;
    int rc = t->intake.col ? SM_OK : sort_intake_open(&t->intake, by, err);
    while (rc == SM_OK && t->reader.given < t->reader.end) {
        const uint32_t want = sort_pack_rows(by, t->reader.end - t->reader.given);
        rc = sm_grow(&p->pack, &cap, (size_t)p->npack + 1, sizeof *p->pack, err);
        if (rc == SM_OK) rc = sort_intake_pack(&t->intake, from, by, want, &p->pack[p->npack], err);
        if (rc == SM_OK) p->npack++;
    }
    return rc;
}

int sm_sorter_spill_part(struct sm_sorter *s, unsigned front, size_t part,
                         struct sm_sort_packs **ret, struct sm_err *err) {
    *ret = NULL;
    if (!s->spiller || front >= s->o.threads || part >= s->nparts)
        return sm_fail(err, SM_ESTATE, "there is no part %zu to spill", part);
    struct sort_spiller *t = &s->spiller[front];
    const struct sort_cut *cut = &s->cut[part];
    struct sm_packer *by = NULL;
    int rc = sort_packer(s, front + 1, &by, err);
    if (rc != SM_OK) return rc;
    struct sm_sort_packs *p = sm_alloc(1, sizeof *p);
    if (!p) return sm_fail(err, SM_ENOMEM, "out of memory");
    t->reader = (struct sort_reader){.x = &s->index,
                                     .scratch = t->reader.scratch,
                                     .sorted = cut[0].from,
                                     .given = cut[0].from,
                                     .end = cut[1].from,
                                     .bucket = cut[0].bucket,
                                     .pack = cut[0].pack,
                                     .row = cut[0].row};
    rc = pack_part(t, by, p, err);
    p->maker = front + 1;
    p->maker_bytes = by->bytes;
    if (rc == SM_OK)
        *ret = p;
    else
        sm_sort_packs_free(p);
    return rc;
}

int sm_sorter_spill_take(struct sm_sorter *s, struct sm_sort_packs *p, struct sm_err *err) {
    int rc = SM_OK;
    if (!p) return SM_OK;
    for (uint32_t i = 0; i < p->npack && rc == SM_OK; i++)
        rc = sort_run_add(&s->run[s->nrun - 1], &s->file, p->pack[i], err);
    s->packer_bytes[p->maker] = p->maker_bytes;
    sm_sort_packs_free(p);
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
        struct sm_sort_packs *p = NULL;
        rc = sm_sorter_spill_part(s, 0, i, &p, err);
        if (rc == SM_OK) rc = sm_sorter_spill_take(s, p, err);
    }
    sm_sorter_spill_close(s, rc == SM_OK);
    return rc;
}
