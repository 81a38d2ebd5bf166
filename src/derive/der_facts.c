/* SPDX-License-Identifier: MIT */
/* der_facts.c - what is known of a dataset before its records are derived. */
#include "derive/derive_priv.h"

static struct sm_dsvar *written_as(struct sm_dsinfo *facts, uint32_t var) {
    for (uint32_t i = 0; i < facts->nvar; i++)
        if (facts->column[i] == var) return &facts->var[i];
    return NULL;
}

/* Numbers of a sequence in a number, flags in a text; and nothing else in either. */
static bool is_late(const struct sm_derive *r, const struct sm_dsvar *v) {
    const bool sequence = r->kind == SM_DERIVE_SEQUENCE;
    return !v->present && v->is_num == sequence && !v->is_dtc;
}

bool sm_deriver_keeps_facts(const struct sm_domain *d, struct sm_dsinfo *facts) {
    for (uint32_t i = 0; i < facts->nvar; i++)
        if (d->var[facts->column[i]].split_supp && facts->var[i].max_bytes > DER_TEXT_MOST)
            return false;
    for (uint32_t i = 0; i < d->nderive; i++) {
        struct sm_dsvar *v = written_as(facts, d->derive[i].var);
        if (v && !is_late(&d->derive[i], v)) return false;
        if (v) v->late = true;
    }
    return true;
}
