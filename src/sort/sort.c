/* SPDX-License-Identifier: MIT */
#include "sdtmill/err.h"
#include "sdtmill/mem.h"
#include "sort/sort_priv.h"

enum {
    SMALL_BATCH = 512,          /* fewer records than these are gathered before they are packed */
    PACKS_MOST = 1 << (32 - SORT_NUMBER_BITS),
    BUCKET_MOST = 65536,        /* records sorted at a time */
    BUCKET_LEAST = 256,
    FAN_LEAST = 4               /* runs merged at a time, however little memory there is */
};

struct sm_sorter {
    const struct sm_texts *texts;
    struct sm_sort_opts o;
    struct sm_sort_key *key;
    char *tmpdir;
    struct sm_packer *packer;
    struct sm_recs few;         /* small batches waiting */
    const sm_val **col;         /* [ncol] scratch */
    struct sm_pack **pack;      /* in memory */
    size_t npack, cap_pack;
    uint64_t bytes, held;       /* of packs; records in packs */
    uint64_t rows;
    struct sort_span span;
    struct sm_tmpfile file;
    struct sort_run *run;
    size_t nrun, cap_run;
    /* after finish */
    bool finished;
    struct sort_plan plan;
    struct sort_index index;
    struct sort_merge *merge;
    sm_val *cell;
    sm_pos *pos;
};

int sm_sorter_open(struct sm_sorter **ret, const struct sm_texts *t, const struct sm_sort_opts *o, struct sm_err *err) {
    struct sm_sorter *s = sm_alloc(1, sizeof *s);
    if (!s) return sm_fail(err, SM_ENOMEM, "out of memory");
    s->texts = t;
    s->o = *o;
    s->file.fd = -1;
    s->span = (struct sort_span){.ascending = true, .least = UINT64_MAX};
    s->key = sm_alloc(o->nkey ? o->nkey : 1, sizeof *s->key);
    s->col = sm_alloc((size_t)o->ncol + 1, sizeof *s->col);
    s->tmpdir = sm_alloc(o->tmpdir ? strlen(o->tmpdir) + 1 : 1, 1);
    int rc = s->key && s->col && s->tmpdir ? SM_OK : sm_fail(err, SM_ENOMEM, "out of memory");
    if (rc == SM_OK) rc = sm_packer_open(&s->packer, o->ncol, o->memory ? o->memory / 4 + 1 : 0, err);
    if (rc != SM_OK) {
        sm_sorter_close(s);
        return rc;
    }
    if (o->tmpdir) memcpy(s->tmpdir, o->tmpdir, strlen(o->tmpdir) + 1);
    for (uint32_t i = 0; i < o->nkey; i++) {
        s->key[i] = o->key[i];
        sm_packer_prefer(s->packer, o->key[i].column);
    }
    s->o.key = s->key;
    *ret = s;
    return SM_OK;
}

static void drop_packs(struct sm_sorter *s) {
    for (size_t i = 0; i < s->npack; i++) sm_free(s->pack[i]);
    s->npack = 0;
    s->bytes = 0;
    s->held = 0;
}

void sm_sorter_close(struct sm_sorter *s) {
    if (!s) return;
    drop_packs(s);
    sm_free(s->pack);
    sm_free(s->run);
    sm_recs_free(&s->few);
    sort_merge_close(s->merge);
    sort_index_free(&s->index);
    sort_plan_free(&s->plan);
    sm_packer_close(s->packer);
    if (s->file.fd >= 0) sm_tmpfile_close(&s->file);
    sm_free(s->key);
    sm_free(s->col);
    sm_free(s->tmpdir);
    sm_free(s->cell);
    sm_free(s->pos);
    sm_free(s);
}

uint64_t sm_sorter_rows(const struct sm_sorter *s) { return s->rows; }
uint64_t sm_sorter_spilled(const struct sm_sorter *s) { return s->file.bytes; }

/* ---- records in ------------------------------------------------------------------------------ */

static uint32_t bucket_most(const struct sm_sorter *s) {
    uint64_t each = (uint64_t)s->plan.words * 8 + 8;
    uint64_t n = s->o.memory ? s->o.memory / 8 / each : BUCKET_MOST;
    return n < BUCKET_LEAST ? BUCKET_LEAST : n > BUCKET_MOST ? BUCKET_MOST : (uint32_t)n;
}

/* What is held, with the numbers the sort itself will need. */
static bool is_full(const struct sm_sorter *s) {
    if (s->npack >= PACKS_MOST) return true;
    uint64_t used = s->bytes + s->npack * sizeof *s->pack + s->held * sizeof(uint32_t) + s->packer->bytes;
    return s->o.memory && s->npack && used > s->o.memory - s->o.memory / 8;
}

/* Packs in memory become one run of the file. */
static int spill(struct sm_sorter *s, struct sm_err *err) {
    int rc = s->file.fd < 0 ? sm_tmpfile_open(&s->file, *s->tmpdir ? s->tmpdir : NULL, err) : SM_OK;
    if (rc == SM_OK) rc = sm_grow(&s->run, &s->cap_run, s->nrun + 1, sizeof *s->run, err);
    if (rc == SM_OK) rc = sort_plan_make(&s->plan, s->packer, s->texts, &s->o, &s->span, err);
    if (rc != SM_OK) return rc;
    rc = sort_index_open(&s->index, &s->plan, s->pack, (uint32_t)s->npack, bucket_most(s), err);
    s->index.coded = true;
    if (rc == SM_OK)
        rc = sort_run_write(&s->run[s->nrun], &s->file, s->packer, (struct sort_from){sort_index_next, &s->index}, err);
    sort_index_free(&s->index);
    sort_plan_free(&s->plan);
    if (rc != SM_OK) return rc;
    s->nrun++;
    drop_packs(s);
    return SM_OK;
}

static int pack(struct sm_sorter *s, const struct sm_recs *r, uint32_t from, uint32_t n, struct sm_err *err) {
    struct sm_pack_in in = {.col = s->col, .step = 1, .pos = r->pos + from, .nrow = n};
    for (uint32_t c = 0; c < s->o.ncol; c++) s->col[c] = r->col[c] + from;
    for (uint32_t i = 0; i < n; i++) {
        sm_pos p = in.pos[i];
        if (p < s->span.last) s->span.ascending = false;
        s->span.last = p;
        if (p < s->span.least) s->span.least = p;
        if (p > s->span.most) s->span.most = p;
    }
    int rc = sm_grow(&s->pack, &s->cap_pack, s->npack + 1, sizeof *s->pack, err);
    if (rc == SM_OK) rc = sm_packer_encode(s->packer, &in, &s->pack[s->npack], err);
    if (rc != SM_OK) return rc;
    s->bytes += s->pack[s->npack]->bytes;
    s->npack++;
    s->held += n;
    s->rows += n;
    return is_full(s) ? spill(s, err) : SM_OK;
}

static int pack_all(struct sm_sorter *s, const struct sm_recs *r, struct sm_err *err) {
    for (uint32_t from = 0, n; from < r->nrow; from += n) {
        uint32_t left = r->nrow - from;
        /* two packs of one size rather than a full one and a rest */
        n = left <= s->packer->rows ? left : left < s->packer->rows * 2 ? (left + 1) / 2 : s->packer->rows;
        int rc = pack(s, r, from, n, err);
        if (rc != SM_OK) return rc;
    }
    return SM_OK;
}

static int pack_few(struct sm_sorter *s, struct sm_err *err) {
    int rc = pack_all(s, &s->few, err);
    sm_recs_clear(&s->few);
    return rc;
}

int sm_sorter_add(struct sm_sorter *s, const struct sm_recs *r, struct sm_err *err) {
    if (s->finished || r->ncol != s->o.ncol) return sm_fail(err, SM_ESTATE, "records do not fit the sorter");
    if (r->nrow >= SMALL_BATCH) {
        int rc = s->few.nrow ? pack_few(s, err) : SM_OK;
        return rc == SM_OK ? pack_all(s, r, err) : rc;
    }
    int rc = sm_recs_reserve(&s->few, r->ncol, s->few.nrow + r->nrow, err);
    if (rc != SM_OK) return rc;
    for (uint32_t c = 0; c < r->ncol; c++)
        if (r->nrow) memcpy(s->few.col[c] + s->few.nrow, r->col[c], r->nrow * sizeof(sm_val));
    if (r->nrow) memcpy(s->few.pos + s->few.nrow, r->pos, r->nrow * sizeof *r->pos);
    s->few.nrow += r->nrow;
    return s->few.nrow >= s->packer->rows || s->few.nrow >= SMALL_BATCH * 4 ? pack_few(s, err) : SM_OK;
}

/* ---- records out ----------------------------------------------------------------------------- */

/* Merges groups of runs until `fan` or fewer are left. */
static int merge_some(struct sm_sorter *s, size_t fan, struct sm_err *err) {
    size_t n = 0;
    for (size_t i = 0; i < s->nrun; i += fan) {
        uint32_t k = (uint32_t)(s->nrun - i < fan ? s->nrun - i : fan);
        struct sort_run one = s->run[i];
        if (k > 1) {
            int rc = sort_merge_open(&s->merge, &s->plan, &s->file, s->run + i, k, true, err);
            if (rc == SM_OK) rc = sort_run_write(&one, &s->file, s->packer, (struct sort_from){sort_merge_next, s->merge}, err);
            sort_merge_close(s->merge);
            s->merge = NULL;
            if (rc != SM_OK) return rc;
        }
        s->run[n++] = one;
    }
    s->nrun = n;
    return SM_OK;
}

static size_t fan_in(const struct sm_sorter *s) {
    uint64_t widest = 1;
    for (size_t i = 0; i < s->nrun; i++) widest = s->run[i].widest > widest ? s->run[i].widest : widest;
    uint64_t n = s->o.memory ? s->o.memory / 2 / widest : s->nrun;
    return n < FAN_LEAST ? FAN_LEAST : (size_t)n;
}

static int finish_runs(struct sm_sorter *s, struct sm_err *err) {
    int rc = s->npack ? spill(s, err) : SM_OK;
    if (rc == SM_OK) rc = sort_plan_make(&s->plan, s->packer, s->texts, &s->o, &s->span, err);
    sm_free(s->pack);
    s->pack = NULL;
    while (rc == SM_OK && s->nrun > fan_in(s)) rc = merge_some(s, fan_in(s), err);
    if (rc == SM_OK) rc = sort_merge_open(&s->merge, &s->plan, &s->file, s->run, (uint32_t)s->nrun, false, err);
    return rc;
}

static int next_block(void *ctx, struct sm_block *ret, struct sm_err *err) {
    struct sm_sorter *s = ctx;
    uint32_t n = 0;
    int rc = s->merge ? sort_merge_next(s->merge, s->cell, s->pos, SORT_OUT_ROWS, &n, err)
                      : sort_index_next(&s->index, s->cell, s->pos, SORT_OUT_ROWS, &n, err);
    if (rc != SM_OK) return rc;
    if (n == 0) return SM_EOF;
    *ret = (struct sm_block){s->cell, s->pos, n, s->o.ncol};
    return SM_OK;
}

int sm_sorter_finish(struct sm_sorter *s, struct sm_blocks *ret, struct sm_err *err) {
    if (s->finished) return sm_fail(err, SM_ESTATE, "the sorter was finished before");
    s->finished = true;
    int rc = pack_few(s, err);
    sm_recs_free(&s->few);
    if (rc == SM_OK && s->nrun) {
        rc = finish_runs(s, err);
    } else if (rc == SM_OK) {
        rc = sort_plan_make(&s->plan, s->packer, s->texts, &s->o, &s->span, err);
        if (rc == SM_OK) rc = sort_index_open(&s->index, &s->plan, s->pack, (uint32_t)s->npack, bucket_most(s), err);
    }
    if (rc == SM_OK) rc = sm_resize(&s->cell, (size_t)SORT_OUT_ROWS * (s->o.ncol ? s->o.ncol : 1), sizeof *s->cell, err);
    if (rc == SM_OK) rc = sm_resize(&s->pos, SORT_OUT_ROWS, sizeof *s->pos, err);
    if (rc == SM_OK) *ret = (struct sm_blocks){next_block, s};
    return rc;
}
