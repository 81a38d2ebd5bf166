/* SPDX-License-Identifier: MIT */
/* sort_front.c - records packed in several threads, each with dictionaries of its own. */
#include "sdtmill/err.h"
#include "sdtmill/mem.h"
#include "sort/sort_priv.h"

int sort_packer(struct sm_sorter *s, uint32_t number, struct sm_packer **ret, struct sm_err *err) {
    *ret = s->packer[number];
    if (*ret) return SM_OK;
    uint64_t memory = s->o.memory / 4 / (number == SORT_OWNER ? 1 : s->o.threads) + 1;
    int rc = SM_OK;
    if (s->facts && !s->facts[number].var)
        rc = sm_dsinfo_part_open(&s->facts[number], s->o.facts, err);
    if (rc == SM_OK) rc = sm_packer_open(ret, s->o.ncol, s->o.memory ? memory : 0, err);
    if (rc != SM_OK) return rc;
    (*ret)->id = number;
    for (uint32_t i = 0; i < s->o.nkey; i++)
        sm_packer_prefer(*ret, s->o.key[i].column);
    s->packer[number] = *ret;
    return SM_OK;
}

int sort_pack_new(struct sm_sorter *s, struct sm_packer *p, const struct sm_pack_in *in,
                  struct sm_pack **ret, struct sm_err *err) {
    int rc = sm_packer_encode(p, in, ret, err);
    if (rc == SM_OK && s->facts) sm_packer_fold(p, in, *ret, s->texts, &s->facts[p->id]);
    return rc;
}

uint32_t sort_some(uint64_t left, uint32_t most) {
    if (left >= (uint64_t)most * 2) return most;
    return (uint32_t)(left <= most ? left : (left + 1) / 2);
}

static int pack_many(struct sm_sorter *s, struct sm_packer *by, struct sm_sort_packs *p,
                     const struct sm_recs *r, struct sm_err *err) {
    const sm_val **col = sm_alloc((size_t)r->ncol + 1, sizeof *col);
    p->pack = sm_alloc((size_t)r->nrow / by->rows + 2, sizeof *p->pack);
    int rc = col && p->pack ? SM_OK : sm_fail(err, SM_ENOMEM, "out of memory");
    for (uint32_t from = 0, n; from < r->nrow && rc == SM_OK; from += n) {
        n = sort_some(r->nrow - from, by->rows);
        struct sm_pack_in in = {.col = col, .step = 1, .pos = r->pos + from, .nrow = n};
        for (uint32_t c = 0; c < r->ncol; c++)
            col[c] = r->col[c] + from;
        rc = sort_pack_new(s, by, &in, &p->pack[p->npack], err);
        if (rc == SM_OK) p->npack++;
    }
    sort_span_see(&p->span, r->pos, r->nrow);
    sm_free(col);
    return rc;
}

int sm_sorter_pack(struct sm_sorter *s, unsigned front, const struct sm_recs *r,
                   struct sm_sort_packs **ret, struct sm_err *err) {
    *ret = NULL;
    if (front >= s->o.threads || (r->nrow && r->ncol != s->o.ncol))
        return sm_fail(err, SM_ESTATE, "records do not fit the sorter");
    if (r->nrow == 0) return SM_OK;
    struct sm_packer *by = NULL;
    int rc = sort_packer(s, front + 1, &by, err);
    if (rc != SM_OK) return rc;
    struct sm_sort_packs *p = sm_alloc(1, sizeof *p);
    if (!p) return sm_fail(err, SM_ENOMEM, "out of memory");
    p->maker = front + 1;
    rc = r->nrow < SORT_FEW ? sm_recs_append(&p->few, r, err) : pack_many(s, by, p, r, err);
    p->maker_bytes = by->bytes;
    if (rc == SM_OK)
        *ret = p;
    else
        sm_sort_packs_free(p);
    return rc;
}

void sm_sort_packs_free(struct sm_sort_packs *p) {
    if (!p) return;
    for (uint32_t i = 0; i < p->npack; i++)
        sm_free(p->pack[i]);
    sm_free(p->pack);
    sm_recs_free(&p->few);
    sm_free(p);
}
