/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_DIAG_PRIV_H
#define SDTMILL_DIAG_PRIV_H
/* diag_priv.h - findings packed. What many findings share (all but line, value, subject and the
 * middle of the detail) is kept once, as their shape. */
#include "sdtmill/diag.h"

/* Every text of a finding. */
static const size_t diag_texts[] = {
    offsetof(struct sm_diag, file),     offsetof(struct sm_diag, column),
    offsetof(struct sm_diag, value),    offsetof(struct sm_diag, domain),
    offsetof(struct sm_diag, variable), offsetof(struct sm_diag, subject),
    offsetof(struct sm_diag, map_file), offsetof(struct sm_diag, detail),
    offsetof(struct sm_diag, mend),
};
enum { DIAG_TEXTS = sizeof diag_texts / sizeof *diag_texts };

static inline const struct sm_str *diag_text(const struct sm_diag *d, size_t offset) {
    return (const struct sm_str *)(const void *)((const char *)d + offset);
}

struct diag_shape {
    struct sm_diag d; /* detail: of the first finding of the shape */
    uint64_t hash;
    uint32_t file; /* of those in a list that is sorted, in the order of their names */
};
struct diag_bytes { /* a text; of a detail what stands between the first `head` and the last `tail`
                     * bytes of the shape's */
    uint32_t n;
    uint16_t head, tail;
    char text[];
};
struct diag_row {
    uint64_t line;
    struct diag_shape *shape;
    const struct diag_bytes *value, *subject, *detail; /* NULL: no value; detail: the shape's */
};

/* NULL when out of memory. All of it lives in the arena. */
struct sm_diags_pack *diag_pack_new(struct sm_arena *a);
/* False when out of memory. */
bool diag_pack_add(struct sm_diags_pack *p, struct sm_arena *a, const struct sm_diag *in);
bool diag_pack_next(const struct sm_diags_pack *p, struct sm_diags_walk *w);
/* Pointers to all rows in the order in which they came. */
void diag_pack_rows(struct sm_diags_pack *p, struct diag_row **ret);
/* Gives a row another severity and effect. */
bool diag_pack_raise(struct sm_diags_pack *p, struct sm_arena *a, struct diag_row *row, uint8_t sev,
                     uint8_t effect);
/* room: SM_DIAG_DETAIL bytes. */
struct sm_str diag_row_detail(const struct diag_row *r, char *room);
struct sm_str diag_row_text(const struct diag_bytes *b);
void diag_row_get(const struct diag_row *r, struct sm_diags_walk *w);
/* The final order; the array lives in the arena, too. */
void diag_pack_set_order(struct sm_diags_pack *p, struct diag_row **order, size_t n);
struct diag_row *const *diag_pack_order(const struct sm_diags_pack *p, size_t *ret_n);
#endif
