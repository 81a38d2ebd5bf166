/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_MAP_H
#define SDTMILL_MAP_H
/* map.h - rows of a source to records of a domain, by running compiled rules over whole batches.
 *
 * Flow     read -> [map] -> sort
 * Each rule runs over all rows of the batch before the next one starts. A rule is a pure function
 * of few cells: results are remembered per worker by input values, so repeated values cost a
 * look-up. Findings are never remembered: a cell that has one is computed anew each time. A record
 * that a finding rejected has no further findings. The source's USUBJID of a row that is not known
 * (spec->unknown_subject) is handled here. Errors   SM_ELIMIT more than 65,536 records from one raw
 * record, or a text above 1 MiB; SM_ENOMEM */
#include "sdtmill/batch.h"
#include "sdtmill/spec.h"

struct sm_runtime {                  /* what is finished so far; frozen while a domain runs */
    const struct sm_lut *const *lut; /* spec->nlut tables */
    const struct sm_lut *subjects;   /* USUBJID -> nothing; NULL = no check */
    const struct sm_lut *refs; /* USUBJID -> spec->nref values; NULL before the first domain */
    const struct sm_str
        *file; /* names of the run's files by number, for findings on blocks; may be NULL */
    uint32_t nfile;
    uint64_t memo_bytes; /* most that one worker remembers results in; 0 = 48 MiB */
};
struct sm_map_worker; /* one thread's state: memos, scratch */
int sm_map_worker_open(struct sm_map_worker **ret, const struct sm_spec *spec,
                       const struct sm_runtime *rt, struct sm_intern *in,
                       struct sm_err *err) SM_MUST_CHECK;
void sm_map_worker_close(struct sm_map_worker *w);

/* Rows of a source's batch to records, appended to out (domain->nvar columns) in row order, then
 * record order; the copy part of their position tells records of one raw record apart. Fills
 * b->verdict (memory of b->arena) and appends to b->diags. */
int sm_map_batch(struct sm_map_worker *w, const struct sm_domain *d, const struct sm_from *f,
                 const struct sm_source *s, const struct sm_file *file, struct sm_batch *b,
                 struct sm_recs *out, struct sm_err *err) SM_MUST_CHECK;
/* For batch->late: the columns of f's source that only rules read that are not for every row. Lives
 * as long as w; NULL when there is no memory. */
const uint8_t *sm_map_late(struct sm_map_worker *w, const struct sm_domain *d,
                           const struct sm_from *f);
/* Records of a finished domain as input (<from domain=>): the block's cells are `from`'s variables.
 */
int sm_map_block(struct sm_map_worker *w, const struct sm_domain *d, const struct sm_from *f,
                 const struct sm_domain *from, const struct sm_block *in, struct sm_recs *out,
                 struct sm_diags *diags, struct sm_err *err) SM_MUST_CHECK;
/* Lets go of what was remembered of a domain's rules: all its records are there. */
void sm_map_forget(struct sm_map_worker *w, const struct sm_domain *d);
/* Rows to lookup entries: out gets nkey + 1 columns. Rows whose keys are all missing or, except
 * with take="count", whose value is missing are left out. Unknown subjects are not reported here.
 */
int sm_map_lookup(struct sm_map_worker *w, const struct sm_lookup *l,
                  const struct sm_lookup_from *f, const struct sm_source *s,
                  const struct sm_file *file, struct sm_batch *b, struct sm_recs *out,
                  struct sm_err *err) SM_MUST_CHECK;
#endif
