/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_CHECK_H
#define SDTMILL_CHECK_H
/* check.h - conformance of finished records, one block at a time: Req variables filled (SM7001),
 * keys unique (SM7002), lengths kept: declared ones, else those of test and arm codes and names
 * (SM7003). Source: SDTMIG 3.4 sections 4.1.5 (Core) and 4.2.1. */
#include "sdtmill/batch.h"
#include "sdtmill/spec.h"

struct sm_row_checks;
/* files: names of the run's inputs by the file number of a position. */
int sm_row_checks_open(struct sm_row_checks **ret, const struct sm_spec *spec,
                       const struct sm_domain *d, const struct sm_str *files,
                       struct sm_diags *diags, struct sm_err *err) SM_MUST_CHECK;
/* Blocks in key order. */
int sm_row_checks_block(struct sm_row_checks *c, const struct sm_block *b,
                        struct sm_err *err) SM_MUST_CHECK;
/* Begins anew with other records: there is none before, findings go to diags. */
void sm_row_checks_restart(struct sm_row_checks *c, struct sm_diags *diags);
void sm_row_checks_close(struct sm_row_checks *c);
#endif
