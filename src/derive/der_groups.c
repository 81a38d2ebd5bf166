/* SPDX-License-Identifier: MIT */
#include "derive/derive_priv.h"
#include "sdtmill/err.h"
#include "sdtmill/mem.h"

int der_groups_reset(struct der_groups *g, size_t n, struct sm_err *err) {
    size_t want = 16;
    while (want < n * 2) want *= 2;
    int rc = sm_grow(&g->place, &g->cap_place, want, sizeof *g->place, err);
    if (rc != SM_OK) return rc;
    memset(g->place, 0, want * sizeof *g->place);
    g->nplace = want;
    g->n = 0;
    return SM_OK;
}

void der_groups_free(struct der_groups *g) {
    sm_free(g->place);
    sm_free(g->first);
    *g = (struct der_groups){0};
}

static bool same(const struct sm_deriver *v, const uint32_t *by, uint32_t nby, const sm_val *a, const sm_val *b) {
    for (uint32_t i = 0; i < nby; i++)
        if (!sm_val_eq(v->texts, a[by[i]], b[by[i]])) return false;
    const uint32_t u = v->d->usubjid;
    return !v->whole || u == SM_NO || sm_val_eq(v->texts, a[u], b[u]);
}

static bool same_bits(const uint32_t *by, uint32_t nby, const sm_val *a, const sm_val *b) {
    for (uint32_t i = 0; i < nby; i++)
        if (a[by[i]] != b[by[i]]) return false;
    return true;
}

/* By the hash of the values; a group that is not there is made. */
static int find(struct sm_deriver *v, const uint32_t *by, uint32_t nby, size_t row, uint32_t *ret, struct sm_err *err) {
    struct der_groups *g = &v->groups;
    const sm_val *cell = der_row(v, row);
    uint64_t h = v->whole && v->d->usubjid != SM_NO ? sm_val_hash(v->texts, cell[v->d->usubjid]) : 0;
    for (uint32_t i = 0; i < nby; i++) h = (h << 7 | h >> 57) ^ sm_val_hash(v->texts, cell[by[i]]);
    h *= UINT64_C(0x9E3779B97F4A7C15);
    size_t at = (size_t)(h >> 32) & (g->nplace - 1);
    for (; g->place[at]; at = (at + 1) & (g->nplace - 1)) {
        *ret = g->place[at] - 1;
        if (same(v, by, nby, cell, der_row(v, g->first[*ret]))) return SM_OK;
    }
    int rc = sm_grow(&g->first, &g->cap, g->n + 1, sizeof *g->first, err);
    if (rc != SM_OK) return rc;
    g->first[g->n] = (uint32_t)row;
    *ret = (uint32_t)g->n++;
    g->place[at] = *ret + 1;
    return SM_OK;
}

/* Records that agree mostly follow each other. */
int der_groups_of(struct sm_deriver *v, const uint32_t *by, uint32_t nby, size_t row, uint32_t *ret, struct sm_err *err) {
    struct der_groups *g = &v->groups;
    const uint32_t u = v->whole ? v->d->usubjid : SM_NO;
    const sm_val *cell = der_row(v, row);
    if (g->n && same_bits(by, nby, cell, der_row(v, g->row)) && (u == SM_NO || cell[u] == der_row(v, g->row)[u])) {
        *ret = g->group;
        return SM_OK;
    }
    int rc = find(v, by, nby, row, ret, err);
    g->row = (uint32_t)row;
    g->group = *ret;
    return rc;
}
