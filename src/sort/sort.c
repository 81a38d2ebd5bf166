/* SPDX-License-Identifier: MIT */
#include "sdtmill/err.h"
#include "sdtmill/mem.h"
#include "sort/sort_priv.h"

enum {
    BUCKET_MOST = 65536, /* records sorted at a time */
    BUCKET_LEAST = 256,
    FAN_LEAST = 4 /* runs merged at a time, however little memory there is */
};

int sm_sorter_open(struct sm_sorter **ret, const struct sm_texts *t, const struct sm_sort_opts *o,
                   struct sm_err *err) {
    struct sm_sorter *s = sm_alloc(1, sizeof *s);
    if (!s) return sm_fail(err, SM_ENOMEM, "out of memory");
    s->texts = t;
    s->o = *o;
    s->o.threads = o->threads ? o->threads : 1;
    s->file.fd = -1;
    s->key = sm_alloc(o->nkey ? o->nkey : 1, sizeof *s->key);
    s->col = sm_alloc((size_t)o->ncol + 1, sizeof *s->col);
    s->packer = sm_alloc((size_t)s->o.threads + 1, sizeof *s->packer);
    s->packer_bytes = sm_alloc((size_t)s->o.threads + 1, sizeof *s->packer_bytes);
    s->tmpdir = sm_alloc(o->tmpdir ? strlen(o->tmpdir) + 1 : 1, 1);
    if (o->facts) s->facts = sm_alloc((size_t)s->o.threads + 1, sizeof *s->facts);
    if (!s->key || !s->col || !s->packer || !s->packer_bytes || !s->tmpdir ||
        (o->facts && !s->facts)) {
        sm_sorter_close(s);
        return sm_fail(err, SM_ENOMEM, "out of memory");
    }
    if (o->tmpdir) memcpy(s->tmpdir, o->tmpdir, strlen(o->tmpdir) + 1);
    for (uint32_t i = 0; i < o->nkey; i++)
        s->key[i] = o->key[i];
    s->o.key = s->key;
    *ret = s;
    return SM_OK;
}

void sort_drop_packs(struct sm_sorter *s) {
    for (size_t i = 0; i < s->npack; i++)
        sm_free(s->pack[i]);
    s->npack = 0;
    s->bytes = 0;
    s->held = 0;
}

void sm_sorter_close(struct sm_sorter *s) {
    if (!s) return;
    sort_drop_packs(s);
    sm_free(s->pack);
    sm_free(s->run);
    sm_recs_free(&s->few);
    sort_merge_close(s->merge);
    sort_cutter_free(s);
    sort_spiller_free(s);
    sort_index_free(&s->index);
    sort_scratch_free(&s->reader.scratch);
    sort_plan_free(&s->plan);
    for (uint32_t i = 0; s->packer && i <= s->o.threads; i++)
        sm_packer_close(s->packer[i]);
    for (uint32_t i = 0; s->facts && i <= s->o.threads; i++)
        sm_dsinfo_part_close(&s->facts[i]);
    sm_free(s->facts);
    sm_free(s->packer);
    sm_free(s->packer_bytes);
    if (s->file.fd >= 0) sm_tmpfile_close(&s->file);
    sm_free(s->key);
    sm_free(s->col);
    sm_free(s->tmpdir);
    sm_free(s->cell);
    sm_free(s->pos);
    sm_free(s->cut);
    sm_free(s);
    sm_mem_trim();
}

void sm_sorter_facts(const struct sm_sorter *s, struct sm_dsinfo *d) {
    for (uint32_t i = 0; s->facts && i <= s->o.threads; i++)
        sm_dsinfo_merge(d, &s->facts[i]);
}

uint64_t sm_sorter_rows(const struct sm_sorter *s) {
    return s->rows;
}
uint64_t sm_sorter_spilled(const struct sm_sorter *s) {
    return s->file.bytes;
}

/* ---- records in ------------------------------------------------------------------------------ */

static uint32_t bucket_most(const struct sm_sorter *s) {
    uint64_t each = (uint64_t)s->plan.words * 8 + 2 * sizeof(struct sort_item);
    uint64_t n = s->o.memory ? s->o.memory / 8 / each : BUCKET_MOST;
    return n < BUCKET_LEAST ? BUCKET_LEAST : n > BUCKET_MOST ? BUCKET_MOST : (uint32_t)n;
}

int sort_index_packs(struct sm_sorter *s, bool views, struct sm_err *err) {
    struct sort_makers by = {s->packer, s->o.threads + 1};
    int rc = sort_plan_make(&s->plan, by, s->texts, &s->o, &s->span, err);
    if (rc != SM_OK) return rc;
    const struct sort_limits limits = {bucket_most(s), s->o.threads, views};
    rc = sort_index_open(&s->index, &s->plan, s->pack, (uint32_t)s->npack, limits, err);
    s->reader = (struct sort_reader){.x = &s->index};
    return rc;
}

/* Keeps a pack; it is freed if that fails. */
static int keep(struct sm_sorter *s, struct sm_pack *k, struct sm_err *err) {
    int rc = sm_grow(&s->pack, &s->cap_pack, s->npack + 1, sizeof *s->pack, err);
    if (rc == SM_OK && s->npack >= SORT_PACKS_MOST)
        rc = sm_fail(err, SM_ESTATE, "too many packs of records in memory");
    if (rc != SM_OK) {
        sm_free(k);
        return rc;
    }
    s->pack[s->npack++] = k;
    s->bytes += k->bytes;
    s->held += k->nrow;
    s->rows += k->nrow;
    return SM_OK;
}

/* Packs what the owner itself has. */
static int pack_all(struct sm_sorter *s, const struct sm_recs *r, bool may_spill,
                    struct sm_err *err) {
    struct sm_packer *p = NULL;
    int rc = sort_packer(s, SORT_OWNER, &p, err);
    for (uint32_t from = 0, n; from < r->nrow && rc == SM_OK; from += n) {
        struct sm_pack *k = NULL;
        n = sort_some(r->nrow - from, p->rows);
        struct sm_pack_in in = {.col = s->col, .step = 1, .pos = r->pos + from, .nrow = n};
        for (uint32_t c = 0; c < s->o.ncol; c++)
            s->col[c] = r->col[c] + from;
        sort_span_see(&s->span, in.pos, n);
        rc = sort_pack_new(s, p, &in, &k, err);
        if (rc == SM_OK) rc = keep(s, k, err);
        s->packer_bytes[SORT_OWNER] = p->bytes;
        if (rc == SM_OK && may_spill && sm_sorter_is_full(s)) rc = sm_sorter_spill(s, err);
    }
    return rc;
}

int sort_pack_few(struct sm_sorter *s, bool may_spill, struct sm_err *err) {
    struct sm_recs few = s->few;
    s->few = (struct sm_recs){0}; /* spilling would take them once more */
    int rc = few.nrow ? pack_all(s, &few, may_spill, err) : SM_OK;
    sm_recs_clear(&few);
    s->few = few;
    return rc;
}

/* Records in their turn: many are packed, few wait for more. */
static int add(struct sm_sorter *s, const struct sm_recs *r, bool may_spill, struct sm_err *err) {
    if (s->finished || (r->nrow && r->ncol != s->o.ncol))
        return sm_fail(err, SM_ESTATE, "records do not fit the sorter");
    if (r->nrow >= SORT_FEW) {
        int rc = sort_pack_few(s, may_spill, err);
        return rc == SM_OK ? pack_all(s, r, may_spill, err) : rc;
    }
    if (r->nrow == 0) return SM_OK;
    int rc = sm_recs_append(&s->few, r, err);
    if (rc != SM_OK) return rc;
    return s->few.nrow >= SORT_FEW * 4 ? sort_pack_few(s, may_spill, err) : SM_OK;
}

int sm_sorter_add(struct sm_sorter *s, const struct sm_recs *r, struct sm_err *err) {
    return add(s, r, true, err);
}

int sm_sorter_take(struct sm_sorter *s, struct sm_sort_packs *p, struct sm_err *err) {
    if (!p) return SM_OK;
    int rc = s->finished ? sm_fail(err, SM_ESTATE, "the sorter was finished before") : SM_OK;
    if (rc == SM_OK) rc = add(s, &p->few, false, err);
    if (rc == SM_OK && p->npack) rc = sort_pack_few(s, false, err);
    for (uint32_t i = 0; i < p->npack && rc == SM_OK; i++) {
        rc = keep(s, p->pack[i], err);
        p->pack[i] = NULL;
    }
    if (rc == SM_OK) sort_span_join(&s->span, &p->span);
    s->packer_bytes[p->maker] = p->maker_bytes;
    sm_sort_packs_free(p);
    return rc;
}

/* ---- records out ----------------------------------------------------------------------------- */

static int plan_runs(struct sm_sorter *s, struct sm_err *err) {
    struct sort_makers by = {s->packer, s->o.threads + 1};
    sort_plan_free(&s->plan);
    return sort_plan_make(&s->plan, by, s->texts, &s->o, &s->span, err);
}

/* Merges groups of runs until `fan` or fewer are left. */
static int merge_some(struct sm_sorter *s, size_t fan, struct sm_err *err) {
    struct sm_packer *p = NULL;
    size_t n = 0;
    int rc = sort_packer(s, SORT_OWNER, &p, err);
    for (size_t i = 0; i < s->nrun && rc == SM_OK; i += fan) {
        uint32_t k = (uint32_t)(s->nrun - i < fan ? s->nrun - i : fan);
        struct sort_run one = s->run[i];
        struct sort_merge *m = NULL;
        if (k > 1) {
            rc = sort_merge_open(&m, &s->plan, &s->file, s->run + i, k, err);
            if (rc == SM_OK) rc = sort_run_write(&one, &s->file, p, m, err);
            sort_merge_close(m);
        }
        s->run[n++] = one;
    }
    s->nrun = n;
    return rc == SM_OK ? plan_runs(s, err) : rc; /* the packer may have learned more */
}

/* A run has a sheaf being read, and one more with those who are not done with it. */
static size_t fan_in(const struct sm_sorter *s) {
    const uint64_t kind = sm_unpack_most(s->o.ncol) + (s->o.nkey + 1) * sizeof(struct sort_step);
    uint64_t widest = 1;
    for (size_t i = 0; i < s->nrun; i++) {
        const uint64_t room = s->run[i].widest + s->run[i].kinds * kind;
        widest = room > widest ? room : widest;
    }
    uint64_t n = s->o.memory ? s->o.memory / 8 / widest : s->nrun;
    return n < FAN_LEAST ? FAN_LEAST : (size_t)n;
}

static int finish_runs(struct sm_sorter *s, struct sm_err *err) {
    int rc = sm_sorter_spill(s, err);
    sm_mem_trim();
    if (rc == SM_OK) rc = plan_runs(s, err);
    sm_free(s->pack);
    s->pack = NULL;
    while (rc == SM_OK && s->nrun > fan_in(s))
        rc = merge_some(s, fan_in(s), err);
    return rc;
}

static int next_block(void *ctx, struct sm_block *ret, struct sm_err *err) {
    struct sm_sorter *s = ctx;
    uint32_t n = 0;
    int rc = SM_OK;
    if (s->nrun && !s->merge)
        rc = sort_merge_open(&s->merge, &s->plan, &s->file, s->run, (uint32_t)s->nrun, err);
    if (rc == SM_OK)
        rc = s->merge ? sort_merge_next(s->merge, s->cell, s->pos, SORT_OUT_ROWS, &n, err)
                      : sort_reader_next(&s->reader, s->cell, s->pos, SORT_OUT_ROWS, &n, err);
    if (rc != SM_OK) return rc;
    if (n == 0) return SM_EOF;
    *ret = (struct sm_block){s->cell, s->pos, n, s->o.ncol};
    return SM_OK;
}

int sm_sorter_finish(struct sm_sorter *s, struct sm_blocks *ret, struct sm_err *err) {
    if (s->finished) return sm_fail(err, SM_ESTATE, "the sorter was finished before");
    s->finished = true;
    int rc = sort_pack_few(s, true, err);
    sm_mem_trim();
    sm_recs_free(&s->few);
    if (rc == SM_OK && s->nrun) {
        rc = finish_runs(s, err);
    } else if (rc == SM_OK) {
        for (uint32_t i = 0; i <= s->o.threads; i++)
            if (s->packer[i]) sm_packer_rest(s->packer[i]);
        rc = sort_index_packs(s, true, err);
    }
    if (rc == SM_OK)
        rc = sm_resize(&s->cell, (size_t)SORT_OUT_ROWS * (s->o.ncol ? s->o.ncol : 1),
                       sizeof *s->cell, err);
    if (rc == SM_OK) rc = sm_resize(&s->pos, SORT_OUT_ROWS, sizeof *s->pos, err);
    if (rc == SM_OK) *ret = (struct sm_blocks){next_block, s};
    return rc;
}
