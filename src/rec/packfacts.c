/* SPDX-License-Identifier: MIT */
/* packfacts.c - facts of a dataset from the dictionaries of a packer: a value that has a code is
 * looked at once, however many records have it. */
#include "sdtmill/pack.h"

#include "rec_priv.h"

/* Values that have got codes since. */
static void fold_new(struct sm_dict *d, struct sm_dsvar *v, const struct sm_texts *t) {
    for (; d->folded < d->n; d->folded++)
        rec_fold_value(v, t, d->val[d->folded], v->is_num);
}

void sm_packer_fold(struct sm_packer *p, const struct sm_pack_in *in, const struct sm_pack *k,
                    const struct sm_texts *t, struct sm_dsinfo *d) {
    rec_begin_facts(d);
    for (uint32_t i = 0; i < d->nvar; i++) {
        struct sm_dsvar *v = &d->var[i];
        const uint32_t c = d->column[i];
        const struct sm_pack_field *f = &k->field[c];
        if (f->coded && (!f->leader || !p->follow[c].news)) {
            fold_new(&p->dict[c], v, t);
            if (!v->present) v->present = rec_has_value(in->col[c], in->step, in->nrow);
        } else if (f->width || f->leader) { /* else nothing but missing */
            rec_fold_column(v, t, in->col[c], in->step, in->nrow);
        }
    }
    d->rows += in->nrow;
}
