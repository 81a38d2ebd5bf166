/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_RCMP_PRIV_H
#define SDTMILL_RCMP_PRIV_H
/* rcmp_priv.h - state of `compare`, shared by the files run_compare.c, rcmp_*.c. */
#include "sdtmill/compare.h"
#include "sdtmill/err.h"
#include "sdtmill/load.h"
#include "sdtmill/lut.h"
#include "sdtmill/mem.h"
#include "sdtmill/run_compare.h"
#include "sdtmill/sink.h"
#include "sdtmill/sort.h"

enum { RCMP_IDVARS = 16, RCMP_FOLDED = 500 };

struct rcmp_fold {                   /* SUPP-- of one side */
    struct sm_lut *lut;              /* IDVAR, USUBJID, IDVARVAL, QNAM -> QVAL */
    sm_val idvar[RCMP_IDVARS];       /* values of IDVAR that occur */
    uint32_t nidvar;
    struct sm_str qnam[RCMP_FOLDED]; /* in the order in which they come */
    uint32_t nqnam;
    uint64_t twice;                  /* rows whose key another one had */
};
struct rcmp_side {                   /* one dataset of one side */
    const struct sm_load_file *file, *supp;
    struct sm_loader *l;
    const struct sm_dsinfo *info;
    uint32_t *from;                  /* [nvar] column of the loader, or SM_CMP_NONE */
    struct rcmp_fold *fold;
    uint32_t idvar_from[RCMP_IDVARS];/* column of the loader for fold->idvar[i] */
    struct sm_lut *sites;            /* USUBJID -> SITEID, by DM of this side */
    uint32_t subject;                /* column of the loader, or none */
    sm_val last_subject, last_site;
    struct sm_sorter *sorter;
    struct sm_recs recs;
    bool is_new;
};
struct rcmp;
struct rcmp_pair {                   /* one dataset */
    struct rcmp *run;
    struct sm_cmp_dataset *ds;
    struct rcmp_side side[2];
    bool relation;                   /* SUPP--, RELREC, CO: points to other datasets' records */
    struct sm_texts *texts;
    struct sm_intern *in;
    struct sm_cmp_var *var;
    struct sm_cmp_opts cmp;
    uint32_t seq;                    /* column of --SEQ when it is carried for the renumbering, or none */
    uint32_t site_made;              /* column made from USUBJID, or none */
    uint32_t nfold;                  /* the last nfold columns before it are folded supplements */
    struct sm_str *fold_name;
};
struct rcmp {
    const struct sm_compare_opts *o;
    struct sm_arena arena;
    const struct sm_load_file *file[2];
    size_t nfile[2];
    struct rcmp_pair *pair;
    struct sm_cmp_dataset *ds;
    size_t nds;
    struct sm_texts *seq_texts;      /* the renumbering: dataset, USUBJID, new --SEQ -> base --SEQ */
    struct sm_intern *seq_in;
    struct sm_lut *seq;
    struct sm_sink *out;             /* differences.csv */
};

/* rcmp_side.c */
int rcmp_side_open(struct rcmp_pair *p, struct rcmp_side *s, struct sm_err *err) SM_MUST_CHECK;
int rcmp_side_columns(struct rcmp_pair *p, struct rcmp_side *s, struct sm_err *err) SM_MUST_CHECK;
int rcmp_side_sort(struct rcmp_pair *p, struct rcmp_side *s, struct sm_blocks *ret, struct sm_err *err) SM_MUST_CHECK;
void rcmp_side_close(struct rcmp_side *s);
/* The columns of the comparison from one block of the loader, appended to s->recs. */
int rcmp_side_take(struct rcmp_pair *p, struct rcmp_side *s, const struct sm_block *b, struct sm_err *err) SM_MUST_CHECK;
uint32_t rcmp_column(const struct sm_dsinfo *d, const char *name);
/* rcmp_fold.c */
int rcmp_fold_read(struct rcmp_pair *p, struct rcmp_side *s, struct sm_err *err) SM_MUST_CHECK;
sm_val rcmp_fold_find(struct rcmp_pair *p, const struct rcmp_side *s, const sm_val *row, struct sm_str qnam);
int rcmp_sites_read(struct rcmp_pair *p, struct rcmp_side *s, const struct sm_load_file *dm, struct sm_err *err) SM_MUST_CHECK;
void rcmp_fold_free(struct rcmp_fold *f);
/* "007", " 7" and "7" are one number. */
sm_val rcmp_idvarval(struct sm_texts *t, struct sm_intern *in, sm_val v);
/* rcmp_keys.c: fills p->cmp.key and names in p->ds. */
int rcmp_keys(struct rcmp_pair *p, struct sm_err *err) SM_MUST_CHECK;
bool rcmp_is_seq(struct sm_str name);
#endif
