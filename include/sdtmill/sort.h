/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_SORT_H
#define SDTMILL_SORT_H
/* sort.h - put the records of one dataset in key order under a memory limit.
 *
 * Flow     map -> [sort] -> derive
 * In       records in columns, in any number, any order
 * Out      the same records ascending by key, ties by position (file, line, copy): a total order
 * Keys     text by bytes, numbers by value (what is no number after all numbers, by bytes), missing
 *          first
 * Memory   limit in bytes for records and keys; above it sorted runs go to one unlinked temporary
 *          file
 * Threads  one owner, who opens, takes, spills, finishes and closes; beside it `threads` fronts,
 *          each of which packs records in a thread of its own; after finish any number of readers
 *          of parts. Which front packed what never shows in the order
 * Errors   SM_EIO spill, SM_ENOMEM, SM_ESTATE */
#include "sdtmill/batch.h"
#include "sdtmill/dsinfo.h"

enum sm_sort_kind { SM_SORT_TEXT, SM_SORT_NUM };
struct sm_sort_key {
    uint32_t column;
    enum sm_sort_kind kind;
};
struct sm_sort_opts {
    uint32_t ncol;
    const struct sm_sort_key *key;
    uint32_t nkey;
    uint64_t memory;    /* bytes; 0 = no limit */
    const char *tmpdir; /* for runs */
    unsigned threads;   /* fronts, at least 1 */
    const struct sm_dsinfo *facts; /* the dataset whose facts are wanted, for its variables; or NULL */
};
struct sm_sorter;
int sm_sorter_open(struct sm_sorter **ret, const struct sm_texts *t, const struct sm_sort_opts *o,
                   struct sm_err *err) SM_MUST_CHECK;
/* Records from the owner's thread. Spills by itself when memory is full, so no front may pack. */
int sm_sorter_add(struct sm_sorter *s, const struct sm_recs *r, struct sm_err *err) SM_MUST_CHECK;

/* ---- records from several threads ------------------------------------------------------------ */
struct sm_sort_packs; /* records of one call */
/* Packs records with the dictionaries of front 0..threads-1. One thread a front at a time; other
 * fronts may pack meanwhile, and the owner may take. *ret goes to sm_sorter_take or
 * sm_sort_packs_free. */
int sm_sorter_pack(struct sm_sorter *s, unsigned front, const struct sm_recs *r,
                   struct sm_sort_packs **ret, struct sm_err *err) SM_MUST_CHECK;
void sm_sort_packs_free(struct sm_sort_packs *p); /* accepts NULL */
/* Takes over p, also when it fails (NULL is nothing); the calls are the order in which records
 * count as added. Never spills. */
int sm_sorter_take(struct sm_sorter *s, struct sm_sort_packs *p, struct sm_err *err) SM_MUST_CHECK;
/* Is the memory full? The owner then waits until no front packs, and spills. */
bool sm_sorter_is_full(const struct sm_sorter *s);
int sm_sorter_spill(struct sm_sorter *s, struct sm_err *err) SM_MUST_CHECK;
struct sm_sort_sheaves; /* a part that is spilled */
/* The same in *ret_n parts, as long as nothing is packed or taken otherwise: a part is put in order
 * and bound in the thread of a front, different parts at once by different fronts; the owner takes
 * them in their order. *ret_n = 0: there was nothing to spill, and nothing is to be closed. */
int sm_sorter_spill_open(struct sm_sorter *s, size_t *ret_n, struct sm_err *err) SM_MUST_CHECK;
/* *ret goes to sm_sorter_spill_take or sm_sort_sheaves_free. */
int sm_sorter_spill_part(const struct sm_sorter *s, unsigned front, size_t part,
                         struct sm_sort_sheaves **ret, struct sm_err *err) SM_MUST_CHECK;
void sm_sort_sheaves_free(struct sm_sort_sheaves *p); /* accepts NULL */
/* Takes over p, also when it fails. */
int sm_sorter_spill_take(struct sm_sorter *s, struct sm_sort_sheaves *p,
                         struct sm_err *err) SM_MUST_CHECK;
/* good: all parts were taken, and memory is empty now; else only sm_sorter_close may follow. */
void sm_sorter_spill_close(struct sm_sorter *s, bool good);

/* ---- records out ----------------------------------------------------------------------------- */
/* After the last add or take. The blocks come from here; ctx is s. */
int sm_sorter_finish(struct sm_sorter *s, struct sm_blocks *ret, struct sm_err *err) SM_MUST_CHECK;
/* After finish: adds the facts of all records to d, a dataset as `facts` was. They are those that
 * folding the blocks would give. */
void sm_sorter_facts(const struct sm_sorter *s, struct sm_dsinfo *d);
uint64_t sm_sorter_rows(const struct sm_sorter *s);
uint64_t sm_sorter_spilled(const struct sm_sorter *s); /* bytes written to the temporary file */
void sm_sorter_close(struct sm_sorter *s);

/* After finish: cuts the records into *ret_n parts in key order of about `rows` records each.
 * Records equal in the first `lead` keys are in one part; lead 0 cuts anywhere. *ret_n = 0 when
 * that cannot be: records were spilled, or too many are equal; or there are none. The blocks are
 * there as before, as long as no part is being read. */
int sm_sorter_parts(struct sm_sorter *s, uint32_t lead, uint32_t rows, size_t *ret_n,
                    struct sm_err *err) SM_MUST_CHECK;
struct sm_sort_part; /* what one thread reads parts with */
int sm_sort_part_open(struct sm_sort_part **ret, struct sm_sorter *s,
                      struct sm_err *err) SM_MUST_CHECK;
/* All records of a part in order, as one block that dies at the next read or close. Different parts
 * may be read by several threads at once, and a part more than once. */
int sm_sort_part_read(struct sm_sort_part *p, size_t part, struct sm_block *ret,
                      struct sm_err *err) SM_MUST_CHECK;
void sm_sort_part_close(struct sm_sort_part *p);

/* ---- spilled records by several threads ------------------------------------------------------ */
/* After finish: were records spilled, and can they be had in slices? Not when the first `lead` keys
 * (0: all) hold what cannot be ordered without being looked at. */
bool sm_sorter_slices(const struct sm_sorter *s, uint32_t lead);
struct sm_sort_slice;
/* For the owner: the next records in key order, about `rows` of them, more where records equal in
 * the first `lead` keys would be in two slices otherwise. SM_EOF at the end. Each record is in one
 * slice; the blocks are there as before. */
int sm_sorter_slice(struct sm_sorter *s, uint32_t lead, uint32_t rows, struct sm_sort_slice **ret,
                    struct sm_err *err) SM_MUST_CHECK;
/* In any thread: the records of a slice in order, as sm_sort_part_read gives those of a part. */
int sm_sort_part_slice(struct sm_sort_part *p, const struct sm_sort_slice *slice,
                       struct sm_block *ret, struct sm_err *err) SM_MUST_CHECK;
/* For the owner, before the sorter is closed; accepts NULL. */
void sm_sort_slice_free(struct sm_sort_slice *slice);
#endif
