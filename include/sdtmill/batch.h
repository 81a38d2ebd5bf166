/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_BATCH_H
#define SDTMILL_BATCH_H
/* batch.h - what stages hand to each other: columns of values for many rows at once.
 *
 *   read -> struct sm_batch   rows of one chunk of one file, in the source's canonical shape
 *   map  -> struct sm_recs    records of one domain made from one batch
 *   sort, derive -> struct sm_block   records in key order
 */
#include "sdtmill/arena.h"
#include "sdtmill/diag.h"
#include "sdtmill/hash.h"
#include "sdtmill/val.h"

/* What became of a raw row; the ledger keeps one per record of a file. Greater wins when several
 * domains read the same row, so that a row counts once. */
struct sm_where;

enum sm_fate {
    SM_FATE_NONE,      /* not read yet */
    SM_FATE_FILTERED,  /* a condition left it out everywhere; reason = mapping rule */
    SM_FATE_REJECTED,  /* a finding made it yield nothing; reason = finding code */
    SM_FATE_USED,      /* at least one record came from it */
    SM_FATE_DUPLICATE, /* equal row came before, or another row of its key won; reason = code */
    SM_FATE_UNREADABLE /* rejected while reading, before any domain saw it; reason = code */
};

struct sm_raw_cell {
    struct sm_str text;
    uint32_t field;
}; /* decoded, uncleaned; field 1-based, 0 = none */

struct sm_batch {
    uint32_t file;           /* index in the run's input list */
    struct sm_str file_name; /* relative to the raw folder, for findings */
    uint32_t nrow, ncol;     /* canonical columns; then USUBJID and SUBJID (see spec.h) */
    sm_val **col;            /* [ncol][nrow] */
    sm_pos *pos;             /* [nrow]; copy part counts unpivoted rows of one record, from 0 */
    uint64_t *record;        /* [nrow] record number in the file, 1-based, header not counted */
    uint64_t nrecord;        /* records of the chunk, whether they became rows or not */
    uint64_t first_record;   /* number of the chunk's first record */
    struct sm_hash128
        *row_hash; /* [nrow] hash of all raw cells of the record; NULL unless asked for */
    struct sm_lost {
        uint64_t record, line;
        uint16_t code;
        uint8_t fate;
        const struct sm_where *where;
    } * lost;
    uint32_t nlost; /* records that became no row: UNREADABLE, or FILTERED by <skip>/skip-empty */
    struct sm_verdict *verdict; /* [nrow], filled by map */
    bool all_used;              /* they all are SM_FATE_USED */
    /* Set before parsing, NULL = none: [ncol] columns of plain text that are hardly read. Their
     * longer texts are not made into values: such a cell is a place in `bytes`, or in `more` as if
     * that followed (sm_val_is_late). */
    const uint8_t *late;
    struct sm_str bytes; /* of the chunk */
    char *more;          /* texts that had to be cleaned */
    size_t nmore, more_cap;
    /* Raw cell and header behind a canonical column, for findings. */
    struct sm_raw_cell (*raw)(const struct sm_batch *b, uint32_t row, uint32_t column,
                              struct sm_str *ret_header);
    const void *reader;    /* the reader's own data for raw() */
    struct sm_diags diags; /* findings of this chunk: read, then map append */
    struct sm_arena arena; /* memory of everything above; reset when the batch is reused */
};

/* A cell that is no value yet: 0x03, length (24 bits), offset (32 bits). */
enum { SM_LATE_MOST = 0xFFFFFF }; /* bytes */
static inline bool sm_val_is_late(sm_val v) {
    return v >> 56 == 3;
}
static inline sm_val sm_val_make_late(size_t at, size_t n) {
    return (sm_val)3 << 56 | (sm_val)n << 32 | (sm_val)at;
}
static inline struct sm_str sm_val_late_text(const struct sm_batch *b, sm_val v) {
    const size_t at = (uint32_t)v;
    return (struct sm_str){at < b->bytes.n ? b->bytes.p + at : b->more + (at - b->bytes.n),
                           (size_t)(v >> 32 & SM_LATE_MOST)};
}

struct sm_recs {
    uint32_t ncol, nrow, cap;
    sm_val **col; /* [ncol][cap] */
    sm_pos *pos;  /* [cap] */
};
int sm_recs_reserve(struct sm_recs *r, uint32_t ncol, uint32_t nrow, struct sm_err *err)
    SM_MUST_CHECK; /* grows, keeps what is there; new cells hold anything */
/* Adds the records of `from`; r has as many columns, or no records. */
int sm_recs_append(struct sm_recs *r, const struct sm_recs *from, struct sm_err *err) SM_MUST_CHECK;
void sm_recs_clear(struct sm_recs *r);
void sm_recs_free(struct sm_recs *r);

/* Finished or half-finished records, row by row: cell[row * ncol + column]. */
struct sm_block {
    const sm_val *cell;
    const sm_pos *pos;
    uint32_t nrow, ncol;
};
/* Pull iterator over blocks: SM_OK with *ret filled (nrow > 0; dies at the next call), SM_EOF, or a
 * failure. */
struct sm_blocks {
    int (*next)(void *ctx, struct sm_block *ret, struct sm_err *err);
    void *ctx;
};

/* What became of one row of a batch in one domain or lookup. */
struct sm_verdict {
    uint8_t fate;                 /* enum sm_fate: FILTERED, REJECTED or USED */
    uint16_t code;                /* finding that rejected it */
    const struct sm_where *where; /* mapping rule that filtered it; may be NULL */
};
#endif
