/* SPDX-License-Identifier: MIT */
/* der_range.c - which domains can be derived in ranges of whole subjects. */
#include "derive/derive_priv.h"

/* ---- a variable that is the same in all records ---------------------------------------------- */

static bool gives(const struct sm_rule *r, uint32_t var) {
    bool is = r->var == var;
    for (uint32_t i = 0; i < r->nv && i < SM_ARRAY_LEN(r->v); i++)
        is = is || r->v[i] == var;
    return is;
}

/* The value that all records of this kind have; false if they may differ. */
static bool record_constant(const struct sm_record *rec, uint32_t var, sm_val *ret) {
    const struct sm_rule *by = NULL;
    *ret = SM_MISSING;
    for (uint32_t i = 0; i < rec->nrule; i++) {
        const struct sm_rule *r = &rec->rule[i];
        if (!gives(r, var)) continue;
        if (by) return false;
        by = r;
    }
    if (!by) return true;
    *ret = by->value;
    return by->kind == SM_RULE_CONSTANT && by->var == var && !by->guard && !by->fold &&
           !by->recode && !by->terms.nlist;
}

static bool is_constant(const struct sm_domain *d, uint32_t var) {
    sm_val first = SM_MISSING, value;
    bool begun = false;
    if (d->ngroup && d->var[var].has_take) return false;
    for (uint32_t i = 0; i < d->npost; i++)
        if (gives(&d->post[i], var)) return false;
    for (uint32_t f = 0; f < d->nfrom; f++)
        for (uint32_t k = 0; k < d->from[f].nrecord; k++) {
            if (!record_constant(&d->from[f].record[k], var, &value)) return false;
            if (begun && value != first) return false;
            first = value;
            begun = true;
        }
    return true;
}

/* ---- ranges ---------------------------------------------------------------------------------- */

/* Keys up to USUBJID, when those before it are the same in all records; else 0. */
static uint32_t subject_lead(const struct sm_domain *d) {
    for (uint32_t k = 0; k < d->nkey && d->usubjid != SM_NO; k++) {
        if (d->key[k] == d->usubjid) return k + 1;
        if (!is_constant(d, d->key[k])) return 0;
    }
    return 0;
}

static bool stays_in_subject(const struct sm_domain *d, const struct sm_derive *r, uint32_t lead) {
    bool inside = r->kind != SM_DERIVE_SEQUENCE || r->nby == 0;
    for (uint32_t i = 0; i < r->nby; i++)
        inside = inside || r->by[i] == d->usubjid;
    for (uint32_t k = 0; k < lead; k++)
        inside = inside && r->var != d->key[k];
    return inside;
}

bool sm_deriver_by_subject(const struct sm_domain *d, uint32_t *ret_lead) {
    *ret_lead = 0;
    /* keys that differ in what is cut off are equal afterwards, on both sides of a cut too */
    for (uint32_t k = 0; k < d->nkey; k++)
        if (d->var[d->key[k]].split_supp) return false;
    const uint32_t lead = d->nderive ? subject_lead(d) : d->nkey;
    bool fine = lead > 0 || d->nderive == 0;
    for (uint32_t i = 0; i < d->nderive && fine; i++)
        fine = stays_in_subject(d, &d->derive[i], lead);
    if (fine) *ret_lead = lead;
    return fine;
}
