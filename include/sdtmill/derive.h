/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_DERIVE_H
#define SDTMILL_DERIVE_H
/* derive.h - what needs a subject's records in order: --SEQ, last-before-exposure and baseline
 * flags, grouped records; and the SUPP-- and RELREC records that follow from finished ones.
 *
 * Flow     sort -> [derive] -> write
 * In       blocks in key order; one subject at a time is held (limit: SM_ELIMIT above 10 million
 * records) Out      blocks in the same order, all variables of the domain filled; behind them one
 * column for each variable with split_supp: its whole text, if that goes on in SUPP-- (missing if it
 * does not; see sm_domain_whole). The variable itself then holds the first 200 bytes at most, cut at
 * a blank (which is left out) or, where there is none in the second half, between two characters. */
#include "sdtmill/batch.h"
#include "sdtmill/dsinfo.h"
#include "sdtmill/spec.h"

struct sm_deriver;
/* refs: as in map.h's runtime (USUBJID -> spec->nref values), may be NULL. Findings go to diags;
 * files: names of the run's inputs by the file number of a position. */
int sm_deriver_open(struct sm_deriver **ret, const struct sm_spec *spec, const struct sm_domain *d,
                    const struct sm_lut *refs, const struct sm_lut *const *lut,
                    struct sm_intern *in, struct sm_blocks input, const struct sm_str *files,
                    struct sm_diags *diags, struct sm_err *err) SM_MUST_CHECK;
struct sm_blocks sm_deriver_blocks(struct sm_deriver *v);
/* Columns of the blocks of a domain's deriver. */
uint32_t sm_deriver_ncol(const struct sm_domain *d);
void sm_deriver_close(struct sm_deriver *v);
/* facts: of all records that go in. Are they those of what comes out, but for the variables that are
 * derived, which are late ones? Then these are marked. */
bool sm_deriver_keeps_facts(const struct sm_domain *d, struct sm_dsinfo *facts);
/* Can ranges of the records be derived apart from each other, with the result of all together? The
 * ranges are cut where one of the first *ret_lead keys differs from the record before, so a subject
 * lies in one of them. Where nothing is derived those are all keys, so that records with equal ones
 * stay together for the row checks; 0 = there are none, any cut will do. False when records of a
 * subject need not stand together, or a derivation goes on beyond the subject. */
bool sm_deriver_by_subject(const struct sm_domain *d, uint32_t *ret_lead);
/* Begins anew with the next range: everything is as after open, except that the findings go to
 * diags and memory is kept. The input is pulled again, though it had ended. */
void sm_deriver_restart(struct sm_deriver *v, struct sm_diags *diags);
/* After restart, instead of pulling blocks: derives a range in its place, without a copy. The block
 * holds the whole range; its cells are memory that may be changed, though a block says const.
 * SM_ESTATE if the blocks that go out have other columns than those that come in. */
int sm_deriver_in_place(struct sm_deriver *v, const struct sm_block *b,
                        struct sm_err *err) SM_MUST_CHECK;

/* Collapses records that are equal in the domain's group variables (input sorted by them, ties by
 * position) to one each, by each variable's take; the position is the first record's. */
struct sm_grouper;
int sm_grouper_open(struct sm_grouper **ret, const struct sm_spec *spec, const struct sm_domain *d,
                    struct sm_intern *in, struct sm_blocks input, const struct sm_str *files,
                    struct sm_diags *diags, struct sm_err *err) SM_MUST_CHECK;
struct sm_blocks sm_grouper_blocks(struct sm_grouper *g);
void sm_grouper_close(struct sm_grouper *g);

/* SUPP-- of a block of finished records: columns STUDYID RDOMAIN USUBJID IDVAR IDVARVAL QNAM QLABEL
 * QVAL QORIG QEVAL, in record order, then variable order. Appends to out. The rest of a split text
 * of variable X becomes QNAM X1, X2 ... (X shortened to fit eight characters), as in the deriver's
 * blocks. */
enum {
    SM_SUPP_STUDYID,
    SM_SUPP_RDOMAIN,
    SM_SUPP_USUBJID,
    SM_SUPP_IDVAR,
    SM_SUPP_IDVARVAL,
    SM_SUPP_QNAM,
    SM_SUPP_QLABEL,
    SM_SUPP_QVAL,
    SM_SUPP_QORIG,
    SM_SUPP_QEVAL,
    SM_SUPP_COUNT
};
int sm_supp_rows(const struct sm_spec *spec, const struct sm_domain *d, const struct sm_block *in,
                 struct sm_intern *i, struct sm_recs *out, struct sm_err *err) SM_MUST_CHECK;
/* RELREC records for one <relate>, from the finished blocks of both domains. Columns STUDYID
 * RDOMAIN USUBJID IDVAR IDVARVAL RELTYPE RELID. */
enum { SM_RELREC_COUNT = 7 };
int sm_relate_rows(const struct sm_spec *spec, const struct sm_domain *d,
                   const struct sm_relate *rel, struct sm_blocks mine, struct sm_blocks theirs,
                   struct sm_intern *i, struct sm_recs *out, struct sm_diags *diags,
                   struct sm_err *err) SM_MUST_CHECK;
#endif
