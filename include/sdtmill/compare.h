/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_COMPARE_H
#define SDTMILL_COMPARE_H
/* compare.h - two datasets cell for cell. Knows nothing of files: both sides come as blocks that are
 * already sorted by the key columns (sort.h's order) and have the same columns.
 *
 * Pairing  records with equal keys; where several share a key, so that the fewest cells differ; what is
 *          left over on both sides and differs in few cells is a record whose key was changed
 * Causes   differing cells are grouped by what explains many of them: one factor, one shift, case,
 *          blanks, a lost time part, one site ...
 * Memory   the records of one key (at most a million, else SM_ELIMIT), 4,000 left-over records, 8,192
 *          groups of causes: independent of the datasets' size */
#include "sdtmill/buf.h"
#include "sdtmill/dsinfo.h"

#define SM_CMP_NONE UINT32_MAX       /* no column */
struct sm_cmp_var {
    struct sm_str name;
    bool is_num;                     /* numbers are compared by value */
    bool silent;                     /* carried for grouping only, not compared */
    double absolute, relative;       /* tolerance; 0 = exact */
};
struct sm_cmp_opts {
    const struct sm_cmp_var *var;    /* the columns of both sides */
    uint32_t nvar;
    const uint32_t *key;             /* columns */
    const bool *key_num;             /* [nkey] sorted by value */
    uint32_t nkey;                   /* 0 = records are paired by their place */
    uint32_t site, subject, test;    /* columns that may explain differences, or SM_CMP_NONE */
    bool partial_dates;              /* a partial date equals every date it contains */
    bool ignore_blanks;              /* blanks at the end */
    void (*pair)(void *ctx, const sm_val *base, const sm_val *now);  /* sees every pair; may be NULL */
    void *pair_ctx;
};

enum sm_cmp_kind {
    SM_CMP_BASE_ONLY, SM_CMP_NEW_ONLY,   /* a whole record */
    SM_CMP_VALUE,                        /* a cell of a paired record */
    SM_CMP_KEY                           /* a key cell of a record paired by everything else */
};
enum sm_cmp_cause {
    SM_CAUSE_RECORD, SM_CAUSE_OTHER, SM_CAUSE_LOST, SM_CAUSE_GAINED, SM_CAUSE_CASE, SM_CAUSE_BLANKS, SM_CAUSE_CUT,
    SM_CAUSE_TIME_LOST, SM_CAUSE_TIME_GAINED, SM_CAUSE_DATE_LESS, SM_CAUSE_DATE_MORE, SM_CAUSE_DATE_SHIFT, SM_CAUSE_ROUNDED,
    SM_CAUSE_LAST_DIGIT, SM_CAUSE_NUMBER, SM_CAUSE_COUNT
};
struct sm_cmp_diff {
    enum sm_cmp_kind kind;
    enum sm_cmp_cause cause;
    uint32_t column;                     /* SM_CMP_NONE for a record */
    uint64_t base_record, new_record;    /* 1-based; 0 = none */
    const sm_val *base, *now;            /* rows, NULL = none */
};
struct sm_cmp_group {                    /* differences that one cause explains */
    enum sm_cmp_kind kind;
    enum sm_cmp_cause cause;
    uint32_t column;
    uint64_t n;
    struct sm_str what;                  /* "by a factor of 2.2046 (all at site DE01)" */
    struct sm_str base, now, where;      /* the first of them: both values; key and record numbers */
};
struct sm_cmp_result {
    uint64_t base_rows, new_rows, paired, equal, base_only, new_only, rekeyed;
    uint64_t shared;                     /* records that share all keys with another one of their side */
    uint64_t beyond;                     /* records without a partner whose keys were not looked through: too many */
    uint64_t elsewhere;                  /* paired records at another row number; 0 if rows are missing */
    uint64_t cells;                      /* differing cells */
    uint64_t *differ;                    /* [nvar] by variable */
    double *most;                        /* [nvar] greatest absolute difference of numbers */
    struct sm_cmp_group *group;          /* most cells first */
    size_t ngroup;
    struct sm_arena arena;
};
/* diff may be NULL; it is called in key order (records whose key changed, and records of one side that
 * might be such, at the end). */
int sm_cmp_run(const struct sm_cmp_opts *o, const struct sm_texts *t, struct sm_blocks base, struct sm_blocks now,
               int (*diff)(void *ctx, const struct sm_cmp_diff *d, struct sm_err *err), void *ctx, struct sm_cmp_result *ret,
               struct sm_err *err) SM_MUST_CHECK;
void sm_cmp_result_free(struct sm_cmp_result *r);
const char *sm_cmp_kind_name(enum sm_cmp_kind k);    /* "base-only" "new-only" "value" "key" */
const char *sm_cmp_cause_name(enum sm_cmp_cause c);  /* "case", "time-lost" ... */

/* ---- what the files say of the variables --------------------------------------------------------- */
struct sm_cmp_side {
    const struct sm_dsinfo *info;
    bool labels, types, lengths, order;  /* says so itself: the rest is not compared */
};
struct sm_cmp_meta { struct sm_str variable, what, base, now; };  /* variable: none = the dataset */
int sm_cmp_meta(struct sm_cmp_side base, struct sm_cmp_side now, struct sm_arena *a, const struct sm_cmp_meta **ret, size_t *ret_n,
                struct sm_err *err) SM_MUST_CHECK;

/* ---- the report ----------------------------------------------------------------------------------- */
struct sm_cmp_dataset {
    struct sm_str name, base_path, new_path;     /* a path without value: the dataset is in one only */
    struct sm_str keys, keys_by;                 /* "USUBJID AESEQ", "the standard" */
    const struct sm_cmp_opts *opts;
    struct sm_cmp_result result;
    const struct sm_cmp_meta *meta;
    size_t nmeta;
    struct sm_str note;                          /* what else the reader must know; may have no value */
    bool order;                                  /* row order counts */
};
struct sm_cmp_report { struct sm_str base, now; struct sm_cmp_dataset *ds; size_t nds; };
/* Differences of any kind: 0 means equal. */
uint64_t sm_cmp_differences(const struct sm_cmp_dataset *d);
void sm_cmp_text(const struct sm_cmp_report *r, struct sm_buf *out);
void sm_cmp_json(const struct sm_cmp_report *r, struct sm_buf *out);
#endif
