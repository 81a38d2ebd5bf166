/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_CMP_PRIV_H
#define SDTMILL_CMP_PRIV_H
/* cmp_priv.h - state of one comparison. */
#include "sdtmill/compare.h"
#include "sdtmill/err.h"
#include "sdtmill/mem.h"

enum { CMP_GROUP_MAX = 1000000, CMP_LEFT_MAX = 2000, CMP_BUCKETS = 8192, CMP_SITES = 4096 };

struct cmp_rows {              /* rows kept: the group of one key, or what is left over */
    sm_val *cell;              /* [n][ncol] */
    sm_pos *pos;
    size_t n, cap_cell, cap_pos;
    uint32_t ncol;
};
struct cmp_span { double low, high; };
struct cmp_bucket {            /* differing cells of one column, cause and site */
    bool used, one_subject, one_test, one_pair, dates, numbers, ratios;
    enum sm_cmp_kind kind;
    enum sm_cmp_cause cause;
    uint32_t column;
    sm_val site, subject, test, base, now;
    uint64_t n, serial;
    struct cmp_span delta, ratio, value, days;
    struct sm_str base_text, now_text, where;
};
struct cmp_site { sm_val site; uint64_t rows; };
struct cmp {
    const struct sm_cmp_opts *o;
    const struct sm_texts *t;
    int (*diff)(void *ctx, const struct sm_cmp_diff *d, struct sm_err *err);
    void *ctx;
    struct sm_cmp_result *r;
    struct cmp_rows group[2], left[2];   /* 0 base, 1 new */
    struct cmp_bucket *bucket;           /* [CMP_BUCKETS] */
    size_t nbucket;
    struct cmp_site *site;               /* [CMP_SITES] of paired records */
    size_t nsite, last_site;
    sm_val subject, test;                /* of the first pair */
    bool subjects, tests;                /* there are others */
    uint64_t moved;
};

static inline const sm_val *cmp_row(const struct cmp_rows *g, size_t i) { return g->cell + i * g->ncol; }
int cmp_rows_add(struct cmp_rows *g, const sm_val *row, sm_pos pos, struct sm_err *err) SM_MUST_CHECK;
void cmp_rows_free(struct cmp_rows *g);

/* cmp_cell.c */
bool cmp_equal(const struct cmp *c, uint32_t column, sm_val a, sm_val b);
uint32_t cmp_distance(const struct cmp *c, const sm_val *a, const sm_val *b, uint32_t limit);  /* cells that differ; limit+1 = more */
enum sm_cmp_cause cmp_classify(const struct cmp *c, uint32_t column, sm_val a, sm_val b);
int cmp_key_order(const struct cmp *c, uint32_t key, sm_val a, sm_val b);

/* cmp_pair.c: partner[i] = row of the new side for base row i, or SIZE_MAX. `left`: rows that need not
 * have a partner, and get one only if at most `limit` cells differ. */
int cmp_pair(const struct cmp *c, const struct cmp_rows *a, const struct cmp_rows *b, size_t *partner, struct sm_err *err) SM_MUST_CHECK;
int cmp_pair_left(const struct cmp *c, const struct cmp_rows *a, const struct cmp_rows *b, size_t *partner, struct sm_err *err) SM_MUST_CHECK;

/* cmp_cause.c */
int cmp_note(struct cmp *c, const struct sm_cmp_diff *d, struct sm_err *err) SM_MUST_CHECK;
void cmp_note_row(struct cmp *c, const sm_val *row);   /* of every pair: which sites, subjects and tests there are */
int cmp_causes(struct cmp *c, struct sm_err *err) SM_MUST_CHECK;
#endif
