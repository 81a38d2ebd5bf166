/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_DSINFO_H
#define SDTMILL_DSINFO_H
/* dsinfo.h - facts about a finished dataset: what writers need to know before or after the rows. */
#include "sdtmill/arena.h"
#include "sdtmill/batch.h"
#include "sdtmill/lut.h"

struct sm_dsvar { /* one variable of a dataset, as written */
    struct sm_str name, label;
    bool is_num, is_dtc;
    uint32_t key;    /* position in the sort key, 1-based; 0 = none */
    uint32_t length; /* declared maximum in bytes; 0 = from the data */
    bool length_planned;                 /* length is another format's, and may count characters */
    bool late; /* see sm_dsinfo.ahead: whole numbers if is_num, else texts of one letter */
    /* from the data (valid after the last row) */
    bool present;                  /* some record has a value */
    uint32_t max_ascii;            /* longest text as sm_utf8_to_ascii writes it, where it can */
    uint32_t max_bytes, max_chars; /* longest text */
    uint32_t int_digits,
        decimals; /* numbers: most digits before (sign included) and after the point */
    bool all_integer, all_ascii;
    bool all_number;     /* every value is a decimal number; known for numbers and in slices */
    bool coded;          /* set before the rows: its distinct values are wanted */
    uint8_t date_shapes; /* OR of enum sm_date_shape */
    const void *source;  /* struct sm_var of the spec, or NULL for SUPP--, RELREC */
};
enum sm_date_shape {
    SM_SHAPE_DATE = 1,
    SM_SHAPE_PARTIAL_DATE = 2,
    SM_SHAPE_DATETIME_FULL = 4,
    SM_SHAPE_DATETIME_SHORT = 8,
    SM_SHAPE_GAP = 16,
    SM_SHAPE_TIME = 32,
    SM_SHAPE_DURATION = 64,
    SM_SHAPE_OTHER = 128
};
struct sm_dsinfo {
    struct sm_str name, label, cls, structure,
        domain; /* dataset name; domain = parent for SUPP-- and splits */
    bool reference, repeating, is_supp;
    bool custom; /* the sponsor's own, or the SUPP-- of such: the standard does not know it */
    /* The rows and the facts of all variables but the late ones are there before the rows: folding
     * and merging leaves them as they are. No format needs the facts of late ones before its rows. */
    bool ahead;
    struct sm_dsvar *var;
    uint32_t nvar;
    const uint32_t *column; /* [nvar] where variable i stands in the blocks */
    uint32_t block_ncol;
    uint64_t rows;
    const void *source;         /* struct sm_domain of the spec, or NULL */
    struct sm_dsvalues *values; /* NULL unless asked for */
};

/* ---- facts by value: which values there are, and widths per test or qualifier ------------------
 */
enum { SM_DSSET_MAX = 1000, SM_DSSLICE_SET_MAX = 200, SM_DSSLICE_MAX = 2000, SM_DSSPLIT_MAX = 5 };
struct sm_dsset { /* distinct values, in the order in which they came */
    sm_val *value;
    uint32_t n, max;
    bool over;             /* there are more than max, which are not kept */
    uint32_t *slot, nslot; /* hash table of indexes + 1 */
};
struct sm_dsslice {                      /* records with one value of the variable sm_dsvalues.by */
    sm_val value, label;                 /* label: of --TEST, QLABEL */
    struct sm_dsvar var[SM_DSSPLIT_MAX]; /* number facts are folded for texts too */
    struct sm_dsset set[SM_DSSPLIT_MAX]; /* max 0: not kept */
    sm_val seen[SM_DSSPLIT_MAX][32];
};
struct sm_dsvalues {
    struct sm_arena *arena;
    struct sm_dsset *set; /* [nvar]; max 0 for variables that are not coded */
    uint32_t by, label;   /* --TESTCD and --TEST, QNAM and QLABEL; UINT32_MAX = none */
    uint32_t split[SM_DSSPLIT_MAX],
        nsplit;                /* --ORRES --ORRESU --STRESC --STRESN --STRESU; QVAL; TSVAL */
    struct sm_dsset groups;    /* values of `by`, at most SM_DSSLICE_MAX */
    struct sm_dsslice **slice; /* [groups.n] */
    bool failed;               /* out of memory: nothing here is complete */
};
/* Before the first row: folds with `widths` keep facts by value too, in the arena. */
int sm_dsinfo_by_value(struct sm_dsinfo *d, struct sm_arena *a, struct sm_err *err) SM_MUST_CHECK;
/* Folds one block into the facts; unless `widths`, into the number of rows alone. */
void sm_dsinfo_fold(struct sm_dsinfo *d, const struct sm_texts *t, const struct sm_block *b,
                    bool widths);
/* The same dataset without d->values, its facts in memory of their own: to fold some of the records into.
 * d has no records yet, or what it has is `ahead`. */
int sm_dsinfo_part_open(struct sm_dsinfo *ret, const struct sm_dsinfo *d,
                        struct sm_err *err) SM_MUST_CHECK;
void sm_dsinfo_part_close(struct sm_dsinfo *part); /* accepts a zeroed one */
/* Adds the facts of other records of the same dataset, folded into `part` (all but those by value);
 * in whatever order and however the records were parted, the sum is that of folding them all. */
void sm_dsinfo_merge(struct sm_dsinfo *d, const struct sm_dsinfo *part);
/* The facts by value alone, if they are kept: blocks in their order. With sm_dsinfo_merge of the
 * same blocks folded elsewhere it is the whole of sm_dsinfo_fold. */
void sm_dsinfo_fold_values(struct sm_dsinfo *d, const struct sm_texts *t, const struct sm_block *b);
#endif
