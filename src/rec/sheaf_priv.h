/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_SHEAF_PRIV_H
#define SDTMILL_SHEAF_PRIV_H
/* sheaf_priv.h - how records change their form without a look at their values. */
#include "rec_priv.h"
#include "sdtmill/sheaf.h"

/* Fields that lie side by side in a record, and in the one that it becomes. */
struct sheaf_move {
    uint64_t mask, add;
    uint32_t at;          /* byte of the record it comes from */
    uint8_t by, up, left; /* bits: right after it was read; left if it is a value; left to its place */
    bool value : 1;       /* 0 stays 0; else it is a number */
    bool ends : 1;        /* the word is full */
};
struct sheaf_source { /* records of one form, which become those of another */
    const uint8_t *data;
    const struct sheaf_move *move;
    uint32_t nmove, stride, kind;
};

/* Moves of a record with fields f to one with fields t, of ncol columns and then of the position, to
 * out[ncol + 2]; how many. Columns are kept in the same ways, unless all is missing, and what they
 * hold fits. sheaf_move.c */
uint32_t sheaf_moves(const struct sm_pack_field *f, const struct sm_pack_field *t, uint32_t ncol,
                     struct sheaf_move *out);
/* Writes whole words, up to end. */
static SM_INLINE void sheaf_move_record(const struct sheaf_source *s, uint32_t row, uint8_t *to,
                                        const uint8_t *end) {
    const uint8_t *record = s->data + (size_t)row * s->stride;
    uint64_t word = 0;
    for (const struct sheaf_move *m = s->move, *last = m + s->nmove; m < last; m++) {
        uint64_t x = sm_pack_load(record + m->at) >> m->by & m->mask;
        if (m->value)
            x = x ? ((x - 1) << m->up) + m->add : 0;
        else
            x += m->add;
        word |= x << m->left;
        if (!m->ends) continue;
        rec_store(to, word);
        to += 8;
        word = x >> 1 >> (63 - m->left);
    }
    for (; to < end; to += 8, word = 0)
        rec_store(to, word);
}

/* All but heads, kinds and records. sheaf.c */
int sheaf_new(struct sm_sheaf **ret, uint32_t nrow, uint32_t nkind, uint32_t ncol, uint32_t stride,
              struct sm_err *err) SM_MUST_CHECK;
void sheaf_set_head(struct sm_sheaf *s, uint32_t kind, const struct sm_pack *of);
/* Kinds of the records if there are several, then records. */
static inline uint8_t *sheaf_behind_heads(struct sm_sheaf *s) {
    return (uint8_t *)s->data + (size_t)s->nkind * s->head;
}
/* Puts a smaller sheaf of the same records into *s where that is worth it. sheaf_fit.c */
int sheaf_fit(struct sm_sheaf **s, struct sm_err *err) SM_MUST_CHECK;
#endif
