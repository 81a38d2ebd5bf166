/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_SORT_H
#define SDTMILL_SORT_H
/* sort.h - put the records of one dataset in key order under a memory limit.
 *
 * Flow     map -> [sort] -> derive
 * In       records in columns, in any number, any order
 * Out      the same records ascending by key, ties by position (file, line, copy): a total order
 * Keys     text by bytes, numbers by value (what is no number after all numbers, by bytes), missing
 * first Memory   limit in bytes for records and keys; above it sorted runs go to one unlinked
 * temporary file Threads  one caller; the sort itself may use `threads` Errors   SM_EIO spill,
 * SM_ENOMEM */
#include "sdtmill/batch.h"

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
    unsigned threads;
};
struct sm_sorter;
int sm_sorter_open(struct sm_sorter **ret, const struct sm_texts *t, const struct sm_sort_opts *o,
                   struct sm_err *err) SM_MUST_CHECK;
int sm_sorter_add(struct sm_sorter *s, const struct sm_recs *r, struct sm_err *err) SM_MUST_CHECK;
/* After the last add. The blocks come from here; ctx is s. */
int sm_sorter_finish(struct sm_sorter *s, struct sm_blocks *ret, struct sm_err *err) SM_MUST_CHECK;
uint64_t sm_sorter_rows(const struct sm_sorter *s);
uint64_t sm_sorter_spilled(const struct sm_sorter *s); /* bytes written to the temporary file */
void sm_sorter_close(struct sm_sorter *s);
#endif
