/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_SHEAF_H
#define SDTMILL_SHEAF_H
/* sheaf.h - records of many packs, in any order, bound together without a look at their values: what
 * is sorted goes to a file that way.
 *
 * A record keeps the codes it has; its fields only move to places that are the same for all packs of
 * one kind: those of one packer that keep each column in the same way. A sheaf says for each record
 * of which kind it is. It is one run of memory without pointers: it can be written to a file and
 * read back, but only the packers that made the packs can open it.
 *
 * Threads  a binder is open: many bind, and packers may go on encoding
 * Errors   SM_ENOMEM */
#include "sdtmill/pack.h"

enum { SM_SHEAF_KINDS = 256 };

struct sm_sheaf {
    uint64_t seal;  /* of all that is behind it: sm_sheaf_seal */
    uint64_t bytes; /* of the whole sheaf, this header included */
    uint32_t nrow, nkind;
    uint32_t stride; /* bytes of one record */
    uint32_t head;   /* bytes of a kind's head */
    /* nkind heads: packs without records, with the stride of the sheaf; unless there is but one, the
     * number of its kind for each record; then the records, each field of which can be read with
     * sm_pack_load */
    uint64_t data[];
};

struct sm_binder;
/* Looks at the packs, which stay where they are while it is open. */
int sm_binder_open(struct sm_binder **ret, struct sm_pack *const *pack, uint32_t npack,
                   struct sm_err *err) SM_MUST_CHECK;
/* A new sheaf (owned by the caller, sm_free) of the first *ret_n of n >= 1 records: of all of them,
 * unless they are of more than SM_SHEAF_KINDS kinds. number: sm_pack_number. */
int sm_binder_bind(const struct sm_binder *b, const uint32_t *number, uint32_t n,
                   struct sm_sheaf **ret, uint32_t *ret_n, struct sm_err *err) SM_MUST_CHECK;
void sm_binder_close(struct sm_binder *b); /* accepts NULL */
/* A new sheaf of all records of one pack. */
int sm_sheaf_of_pack(struct sm_sheaf **ret, const struct sm_pack *k,
                     struct sm_err *err) SM_MUST_CHECK;

/* Before it is written to a file. */
void sm_sheaf_seal(struct sm_sheaf *s);
/* Is this a sheaf as it was sealed, within the n bytes it lies in? For what comes from a file. */
bool sm_sheaf_sound(const struct sm_sheaf *s, uint64_t n);

/* Opens the records of a kind, of which p made the packs: sm_unpack_row of row 0, and so on. Room as
 * for a pack. */
void sm_sheaf_view(struct sm_unpack *u, const struct sm_packer *p, const struct sm_sheaf *s,
                   uint32_t kind);

static inline const struct sm_pack *sm_sheaf_head(const struct sm_sheaf *s, uint32_t kind) {
    const void *at = (const uint8_t *)s->data + (size_t)kind * s->head;
    return at;
}
/* [nrow] numbers of kinds; NULL: all are of the first. */
static inline const uint8_t *sm_sheaf_kinds(const struct sm_sheaf *s) {
    return s->nkind > 1 ? (const uint8_t *)sm_sheaf_head(s, s->nkind) : NULL;
}
static inline const uint8_t *sm_sheaf_records(const struct sm_sheaf *s) {
    return (const uint8_t *)sm_sheaf_head(s, s->nkind) + (s->nkind > 1 ? s->nrow : 0);
}
#endif
