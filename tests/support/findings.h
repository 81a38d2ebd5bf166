/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_TEST_FINDINGS_H
#define SDTMILL_TEST_FINDINGS_H
/* findings.h - for tests: a short list of findings as an array. */
#include "sdtmill/diag.h"

/* The final order, in d's arena; NULL when out of memory. */
SM_UNUSED static const struct sm_diag **findings_final(struct sm_diags *d, size_t *ret_n) {
    if (!sm_diags_sort(d, ret_n)) return NULL;
    const struct sm_diag **ret = sm_arena_array(&d->arena, *ret_n + 1, sizeof *ret);
    struct sm_diags_walk *w = sm_arena_array(&d->arena, *ret_n + 1, sizeof *w);
    for (size_t i = 0; ret && w && i < *ret_n; i++) {
        sm_diags_get(d, i, &w[i]);
        ret[i] = &w[i].diag;
    }
    return w ? ret : NULL;
}
#endif
