/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_RUN_VERIFY_H
#define SDTMILL_RUN_VERIFY_H
/* run_verify.h - an output folder read again: proof that its files are those of its manifest.json
 * and that all formats of a dataset say the same, cell by cell and attribute by attribute.
 *
 * What a format cannot hold is no difference: blanks at the end and more digits than a double has
 * in XPORT, and what --transliterate made of a text there. Memory   one block of each format of one
 * dataset; texts are forgotten block by block */
#include "sdtmill/buf.h"
#include "sdtmill/model.h"

struct sm_verify_opts {
    const char *out;              /* the folder */
    const struct sm_model *model; /* types of CSV files without define.xml; may be NULL */
    bool (*stopped)(void);        /* true after a signal; may be NULL */
};
struct sm_verify_result {
    uint64_t files, datasets, formats;
    uint64_t records, cells; /* of all formats */
    uint64_t problems;       /* 0 = everything agrees */
};
/* Appends one line to text for each problem. SM_EDATA or SM_EFORMAT when there is no manifest.json,
 * or none that can be read. */
int sm_run_verify(const struct sm_verify_opts *o, struct sm_buf *text, struct sm_verify_result *ret,
                  struct sm_err *err) SM_MUST_CHECK;
#endif
