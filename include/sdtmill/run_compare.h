/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_RUN_COMPARE_H
#define SDTMILL_RUN_COMPARE_H
/* run_compare.h - the wiring of load, sort and compare: two folders or files against each other. */
#include "sdtmill/buf.h"
#include "sdtmill/model.h"

struct sm_compare_opts {
    const char *base, *now;              /* files or folders */
    const char *base_format, *new_format;/* take only files of this suffix; NULL = the one that says most */
    const struct sm_model *model;        /* keys and types; may be NULL */
    const char *const *keys;             /* [nkeys] "VAR,VAR" for all datasets or "DS=VAR,VAR" */
    size_t nkeys;
    const char *const *ignore;           /* [nignore] "VAR" or "DS.VAR"; a leading -- stands for two letters */
    size_t nignore;
    const char *const *absolute;         /* [nabsolute] "0.01" or "VAR=0.01" */
    size_t nabsolute;
    const char *const *relative;
    size_t nrelative;
    const char *datasets;                /* comma-separated; NULL = all */
    const char *encoding;                /* as in load.h */
    bool seq_renumbered;                 /* --SEQ and what points to it */
    bool ignore_blanks, ignore_order, ignore_metadata, partial_dates, fold_supp, open_end;
    const char *differences;             /* CSV file for every difference; NULL = none, "-" = standard output */
    const char *tmpdir;                  /* NULL = $TMPDIR or /tmp */
    uint64_t memory;                     /* bytes for sorting both sides; 0 = 256 MiB */
    unsigned threads;                    /* 0 = 1 */
    bool (*stopped)(void);               /* true after a signal; may be NULL */
};
/* Compares. text and json (either may be NULL) get the report; *ret_n the number of differences. */
int sm_run_compare(const struct sm_compare_opts *o, struct sm_buf *text, struct sm_buf *json, uint64_t *ret_n, struct sm_err *err) SM_MUST_CHECK;
#endif
