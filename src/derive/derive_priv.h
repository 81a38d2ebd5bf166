/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_DERIVE_PRIV_H
#define SDTMILL_DERIVE_PRIV_H
/* derive_priv.h - how the files of this room work together.
 *
 *   derive        blocks in, blocks out: holds one subject, or streams when nothing needs a subject
 *   der_range     which domains need no more than a range of subjects at a time
 *   der_facts     what is known of a dataset before its records are derived
 *   der_sequence  --SEQ
 *   der_flag      last-before-exposure, baseline
 *   der_groups    which of the held records agree in some variables
 *   der_group     records of a grouped domain to one each
 *   der_supp      SUPP-- records, and texts that are continued there
 *   der_relate    RELREC records */
#include "sdtmill/derive.h"

enum {
    DER_ROWS = 1024,               /* of a block that goes out */
    DER_HELD_MOST = 10000000,
    DER_NUMBERS = 4096,            /* numbers whose values are kept */
    DER_TEXT_MOST = 200            /* bytes of a text that is continued in SUPP-- */
};

/* Records that agree in some variables, numbered from 0 in the order of their first record. */
struct der_groups {
    uint32_t *place;               /* group + 1, open addressing */
    size_t nplace, cap_place;
    uint32_t *first;               /* [n] first record of each */
    size_t n, cap;
    uint32_t row, group;           /* the latest record asked for, if there is any group */
};
/* date: as sm_dtc_date, 0 = none */
struct der_flag_group { uint32_t date; bool bare; uint32_t last, best; struct sm_dtc latest; };
struct der_candidate { uint32_t row, group, date; struct sm_dtc d; };

struct der_sequence {              /* numbering that goes on from one subject to the next */
    bool by_prefix;                /* by= are the first keys: a change begins anew */
    struct sm_lut *count;          /* else: by= values -> last number given */
    uint64_t n;
    sm_val *last;                  /* [nby] of the record before */
    bool begun;
};

struct sm_deriver {
    const struct sm_spec *spec;
    const struct sm_domain *d;
    const struct sm_texts *texts;
    struct sm_intern *in;
    const struct sm_str *files;
    struct sm_diags *diags;
    struct sm_blocks input;
    uint32_t ncol;                 /* of blocks that go out */
    enum { DER_PASS, DER_STREAM, DER_HOLD } mode;
    bool whole;                    /* hold everything: no order by subject, or none is there */
    uint32_t *split;               /* [nsplit] variables whose text may go on in SUPP-- */
    uint32_t nsplit;
    struct der_sequence *sequence; /* [nderive] */
    /* held records */
    sm_val *cell;                  /* [n][ncol] */
    sm_pos *pos;
    size_t n, cap_cell, cap_pos;
    size_t open, ready, given;     /* start of the subject under way; derived; gone out */
    bool over;
    bool failed;                   /* out of memory where no error could be returned */
    /* expressions */
    struct sm_env env;
    const sm_val **var;            /* [nvar] */
    const struct sm_lut *refs;
    const sm_val *subject_refs;
    const struct sm_derive *at;    /* whose expression runs */
    size_t at_row;
    struct sm_lut *noted;          /* subjects whose missing reference was reported */
    sm_val yes;
    sm_val *number;                /* [nnumber] values of 0, 1, 2 .. */
    size_t nnumber, cap_number;
    /* scratch */
    struct der_groups groups;
    struct der_flag_group *flag;
    size_t cap_flag;
    struct der_candidate *candidate;
    size_t cap_candidate;
    uint32_t *order, *order_tmp;
    size_t cap_order, cap_order_tmp;
    uint64_t *count;
    size_t cap_count;
};

/* The value of a number, which mostly comes after the one before. */
sm_val der_number_make(struct sm_deriver *v, uint64_t n);
static inline sm_val der_number(struct sm_deriver *v, uint64_t n) {
    return n < v->nnumber ? v->number[n] : der_number_make(v, n);
}

static inline sm_val *der_row(const struct sm_deriver *v, size_t row) { return v->cell + row * v->ncol; }

/* Begins numbering anew, for at most n records. */
int der_groups_reset(struct der_groups *g, size_t n, struct sm_err *err) SM_MUST_CHECK;
/* The group of a held record by the variables by[nby], and by subject when everything is held. */
int der_groups_of(struct sm_deriver *v, const uint32_t *by, uint32_t nby, size_t row, uint32_t *ret, struct sm_err *err) SM_MUST_CHECK;
void der_groups_free(struct der_groups *g);

int der_sequence_open(struct sm_deriver *v, uint32_t i, struct sm_err *err) SM_MUST_CHECK;
void der_sequence_close(struct der_sequence *s);
/* As after open. */
void der_sequence_restart(struct sm_deriver *v, uint32_t i);
/* Does the sequence need to see a whole subject, or everything? */
bool der_sequence_needs_subject(const struct sm_derive *r);
bool der_sequence_needs_all(const struct sm_deriver *v, const struct sm_derive *r);
/* n records from `cell` on, which follow those of the call before. */
int der_sequence_stream(struct sm_deriver *v, uint32_t i, sm_val *cell, size_t n, struct sm_err *err) SM_MUST_CHECK;
/* All held records [from, to) of one subject. */
int der_sequence_held(struct sm_deriver *v, uint32_t i, size_t from, size_t to, struct sm_err *err) SM_MUST_CHECK;
int der_flag_held(struct sm_deriver *v, const struct sm_derive *r, size_t from, size_t to, struct sm_err *err) SM_MUST_CHECK;

/* Makes ready to evaluate e, an expression of r, for a held record. */
struct sm_env *der_env(struct sm_deriver *v, const struct sm_derive *r, const struct sm_expr *e, size_t row);
/* memcmp order, or number order for numeric variables (what is no number last). */
int der_value_cmp(const struct sm_texts *t, const struct sm_var *var, sm_val a, sm_val b);

/* Bytes of s that stay in the variable, and from where the text goes on. */
size_t der_cut(struct sm_str s, size_t *ret_rest);
/* Cuts the texts of a record that goes out: the rest goes to the columns after the domain's own. */
void der_split_row(struct sm_deriver *v, sm_val *row);
#endif
