/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_SPOOL_H
#define SDTMILL_SPOOL_H
/* spool.h - finished blocks, kept to be read any number of times: memory up to a limit, then one
 * unlinked temporary file. Many independent readers once it is closed for writing. */
#include "sdtmill/batch.h"

struct sm_spool;
int sm_spool_open(struct sm_spool **ret, uint32_t ncol, uint64_t memory, const char *tmpdir,
                  struct sm_err *err) SM_MUST_CHECK;
int sm_spool_add(struct sm_spool *s, const struct sm_block *b, struct sm_err *err) SM_MUST_CHECK;
uint64_t sm_spool_rows(const struct sm_spool *s);
/* A reader from the start; its blocks' ctx is *ret. */
struct sm_spool_reader;
int sm_spool_read(struct sm_spool_reader **ret, const struct sm_spool *s,
                  struct sm_err *err) SM_MUST_CHECK;
struct sm_blocks sm_spool_blocks(struct sm_spool_reader *r);
void sm_spool_reader_close(struct sm_spool_reader *r);
void sm_spool_close(struct sm_spool *s);
#endif
