/* SPDX-License-Identifier: MIT */
/* emit_phrase.c - which neighbouring variables of a dataset come again with the same values. */
#include "emit_priv.h"

enum {
    LOOK_BLOCKS = 8, /* blocks before a look; as many before what was found is looked at again */
    LOOK_ROWS = 256, /* least records of the block looked at */
    KINDS_MOST = 64, /* tuples of values of a phrase in that block */
    NEWS_PART = 16,  /* of its second half, one record in so many may have a tuple that the others
                        have not */
    MISSED_PART = 4, /* phrases are given up when one is not known for every so many records */
    PLACES = 4 * KINDS_MOST
};

/* Do the tuples of those columns come again? Two of one hash count as one, which does no harm. */
static bool comes_again(const struct sm_block *b, const uint32_t *column, uint32_t n) {
    uint64_t seen[PLACES] = {0};
    uint32_t kinds = 0, news = 0;
    const sm_val *row = b->cell;
    for (uint32_t r = 0; r < b->nrow; r++, row += b->ncol) {
        uint64_t h = 1;
        for (uint32_t i = 0; i < n; i++) {
            h = (h ^ row[column[i]]) * UINT64_C(0xD6E8FEB86659FD93);
            h ^= h >> 32;
        }
        size_t at = h % PLACES;
        while (seen[at] && seen[at] != h)
            at = (at + 1) % PLACES;
        if (seen[at] == h) continue;
        seen[at] = h;
        if (++kinds > KINDS_MOST) return false;
        news += r >= b->nrow / 2;
    }
    return news <= b->nrow / 2 / NEWS_PART;
}

/* From left to right, each as long as it can be. */
static void look(struct emit_phrases *s, const struct sm_dsinfo *ds, const struct sm_block *b) {
    for (uint32_t i = 0; i < ds->nvar; i += s->cells[s->n++]) {
        uint32_t n = 1;
        while (n < EMIT_PHRASE_CELLS && i + n < ds->nvar && comes_again(b, ds->column + i, n + 1))
            n++;
        s->cells[s->n] = (uint8_t)n;
    }
}

void emit_phrases_set(struct emit_phrases *s, const struct sm_dsinfo *ds,
                      const struct sm_block *b) {
    const bool tired = s->blocks >= LOOK_BLOCKS && s->missed > s->rows / MISSED_PART;
    if (s->nvar != ds->nvar || tired) *s = (struct emit_phrases){.nvar = ds->nvar};
    if (s->n == 0 && ds->nvar <= EMIT_PHRASES_MOST && s->blocks >= LOOK_BLOCKS &&
        b->nrow >= LOOK_ROWS) {
        look(s, ds, b);
        s->blocks = s->rows = s->missed = 0;
    }
    s->blocks++;
    s->rows += b->nrow;
    const uint32_t *column = ds->column;
    for (uint32_t i = 0; i < s->n; i++) {
        struct emit_phrase *f = &s->phrase[i];
        f->cells = s->cells[i];
        for (uint32_t k = 0; k < EMIT_PHRASE_CELLS; k++)
            f->column[k] = column[k < f->cells ? k : 0];
        column += f->cells;
    }
}
