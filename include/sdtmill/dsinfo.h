/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_DSINFO_H
#define SDTMILL_DSINFO_H
/* dsinfo.h - facts about a finished dataset: what writers need to know before or after the rows. */
#include "sdtmill/batch.h"
#include "sdtmill/lut.h"

struct sm_dsvar {                        /* one variable of a dataset, as written */
    struct sm_str name, label;
    bool is_num, is_dtc;
    uint32_t key;                        /* position in the sort key, 1-based; 0 = none */
    uint32_t length;                     /* declared maximum in bytes; 0 = from the data */
    /* from the data (valid after the last row) */
    uint64_t present;                    /* records with a value */
    uint32_t max_bytes, max_chars;       /* longest text */
    uint32_t int_digits, decimals;       /* numbers: most digits before (sign included) and after the point */
    bool all_integer, all_ascii;
    uint8_t date_shapes;                 /* OR of enum sm_date_shape */
    const void *source;                  /* struct sm_var of the spec, or NULL for SUPP--, RELREC */
};
enum sm_date_shape { SM_SHAPE_DATE = 1, SM_SHAPE_PARTIAL_DATE = 2, SM_SHAPE_DATETIME_FULL = 4, SM_SHAPE_DATETIME_SHORT = 8,
                     SM_SHAPE_GAP = 16, SM_SHAPE_TIME = 32, SM_SHAPE_DURATION = 64, SM_SHAPE_OTHER = 128 };
struct sm_dsinfo {
    struct sm_str name, label, cls, structure, domain;   /* dataset name; domain = parent for SUPP-- and splits */
    bool reference, repeating, is_supp;
    struct sm_dsvar *var;
    uint32_t nvar;
    const uint32_t *column;              /* [nvar] where variable i stands in the blocks */
    uint32_t block_ncol;
    uint64_t rows;
    const void *source;                  /* struct sm_domain of the spec, or NULL */
};
/* Folds one block into the facts. Cheap facts only unless `widths`. */
void sm_dsinfo_fold(struct sm_dsinfo *d, const struct sm_texts *t, const struct sm_block *b, bool widths);
#endif
