/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_SORT_PRIV_H
#define SDTMILL_SORT_PRIV_H
/* sort_priv.h - how the files of this room work together.
 *
 *   sort_key    what a record's key is: columns to bits whose numeric order is the order wanted
 *   sort_index  the records in memory, put in order through their numbers
 *   sort_merge  runs in the temporary file, merged
 *   sort        the public face: decides between the two */
#include "sdtmill/pack.h"
#include "sdtmill/sort.h"
#include "sdtmill/tmpfile.h"

enum {
    SORT_OUT_ROWS = 1024,   /* records of a block that goes out */
    SORT_NUMBER_BITS = 13   /* low bits of a record's number: its place in the pack */
};
_Static_assert(SM_PACK_ROWS <= 1 << SORT_NUMBER_BITS, "a record's number must fit");

/* ---- keys ------------------------------------------------------------------------------------ */
enum sort_how {
    SORT_RANK,              /* every value has a code: rank of the code; exact */
    SORT_BITS,              /* values whose bits order as their texts; exact */
    SORT_IMAGE,             /* first bytes or double: a greater value is never less; not exact */
    SORT_POS                /* position; exact */
};
struct sort_field {
    uint32_t column, word;
    uint8_t shift, width;
    enum sort_how how;
    enum sm_sort_kind kind;
    uint64_t base;          /* SORT_POS: smallest; SORT_BITS: smallest less 1 */
    uint32_t *rank;         /* SORT_RANK: [codes] */
};
struct sort_plan {
    const struct sm_packer *packer;
    const struct sm_texts *texts;
    const struct sm_sort_key *key;
    uint32_t nkey;
    struct sort_field *field;
    uint32_t nfield, words; /* words: at least 1 */
    uint32_t *first;        /* [words + 1] fields of each word */
    bool exact;             /* equal words are equal keys */
    uint32_t rest;          /* not exact: first key to compare by value */
};
struct sort_span { bool ascending; sm_pos least, most, last; };  /* positions seen so far */

int sort_plan_make(struct sort_plan *p, const struct sm_packer *packer, const struct sm_texts *t, const struct sm_sort_opts *o,
                   const struct sort_span *span, struct sm_err *err) SM_MUST_CHECK;
void sort_plan_free(struct sort_plan *p);
/* The words of a record's key: words numbers to out. */
void sort_plan_key(const struct sort_plan *p, const struct sm_pack *k, uint32_t row, uint64_t *out);
/* `bits` bits of word w from bit `shift` on. */
uint32_t sort_plan_digit(const struct sort_plan *p, const struct sm_pack *k, uint32_t row, uint32_t w, unsigned shift, unsigned bits);
/* Order of two records whose words are equal: the keys that the words do not settle, then position. */
int sort_plan_tie(const struct sort_plan *p, const struct sm_pack *a, uint32_t i, const struct sm_pack *b, uint32_t j);
/* memcmp order, or number order, as sort.h says. */
int sort_value_cmp(const struct sm_texts *t, enum sm_sort_kind kind, sm_val a, sm_val b);

/* ---- records in memory ----------------------------------------------------------------------- */
struct sort_place { const uint8_t *data; uint32_t stride; };  /* of a pack's records */
struct sort_index {
    const struct sort_plan *plan;
    struct sm_pack **pack;
    struct sort_place *place; /* [packs] */
    size_t head;            /* bytes of a pack's fields, right before its records */
    uint64_t n;
    uint64_t sorted, given; /* how many from the start are in their place; were given out */
    bool as_is;             /* they came in order: number[] is not there */
    bool coded;             /* cells go out as sm_pack_row_coded gives them */
    uint32_t *number;       /* [n] pack << SORT_NUMBER_BITS | place in the pack */
    uint32_t *end;          /* [buckets] of the first split */
    uint32_t nbucket, bucket;
    unsigned top;           /* bits of the first split */
    uint32_t as_pack, as_row; /* as_is: the next record */
    /* scratch for at most `most` records */
    uint32_t most, cap;
    uint64_t *key;
    uint32_t *a, *b;
};
/* most: records to sort at a time with all their key words. */
int sort_index_open(struct sort_index *x, const struct sort_plan *plan, struct sm_pack **pack, uint32_t npack, uint32_t most,
                    struct sm_err *err) SM_MUST_CHECK;
/* Up to `want` further records in order, row by row; *ret_n = 0 at the end. */
int sort_index_next(void *index, sm_val *cell, sm_pos *pos, uint32_t want, uint32_t *ret_n, struct sm_err *err) SM_MUST_CHECK;
void sort_index_free(struct sort_index *x);
/* Stable, by sort_plan_tie; tmp needs room for n. */
void sort_index_ties(const struct sort_index *x, uint32_t *number, uint32_t *tmp, size_t n);

/* ---- runs in the file ------------------------------------------------------------------------ */
struct sort_run { uint64_t at, end, widest; };  /* bytes in the file; widest: bytes of its largest pack */
/* Where the records of a new run come from: sort_index_next or sort_merge_next, coded. */
struct sort_from {
    int (*next)(void *ctx, sm_val *cell, sm_pos *pos, uint32_t want, uint32_t *ret_n, struct sm_err *err);
    void *ctx;
};
int sort_run_write(struct sort_run *ret, struct sm_tmpfile *f, struct sm_packer *packer, struct sort_from from, struct sm_err *err) SM_MUST_CHECK;
struct sort_merge;
int sort_merge_open(struct sort_merge **ret, const struct sort_plan *plan, const struct sm_tmpfile *f, const struct sort_run *run,
                    uint32_t nrun, bool coded, struct sm_err *err) SM_MUST_CHECK;
int sort_merge_next(void *merge, sm_val *cell, sm_pos *pos, uint32_t want, uint32_t *ret_n, struct sm_err *err) SM_MUST_CHECK;
void sort_merge_close(struct sort_merge *m);
#endif
