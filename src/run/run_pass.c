/* SPDX-License-Identifier: MIT */
/* run_pass.c - one reading of one source: chunks go to the workers, results come back in order. */
#include <sys/stat.h>

#include "run_priv.h"
#include "sdtmill/err.h"
#include "sdtmill/mem.h"

int run_job_new(struct run *r, struct run_job **ret, struct sm_err *err) {
    struct run_job *j = r->free_jobs;
    if (j) {
        r->free_jobs = j->next;
    } else {
        j = sm_alloc(1, sizeof *j);
        if (!j) return sm_fail(err, SM_ENOMEM, "out of memory");
        sm_batch_init(&j->batch);
    }
    *ret = j;
    return SM_OK;
}

void run_job_release(struct run *r, struct run_job *j) {
    sm_sort_packs_free(j->packs);
    j->packs = NULL;
    sm_sort_sheaves_free(j->sheaves);
    j->sheaves = NULL;
    sm_sort_slice_free(j->slice);
    j->slice = NULL;
    j->next = r->free_jobs;
    r->free_jobs = j;
}

void run_read_done(struct run *r, const struct sm_domain *d) {
    for (unsigned i = 0; i < r->threads; i++) {
        sm_map_forget(r->worker[i].map, d);
        sm_read_worker_forget(r->worker[i].read);
        sm_recs_free(&r->worker[i].recs);
    }
    run_jobs_free(r);
}

void run_jobs_free(struct run *r) {
    while (r->free_jobs) {
        struct run_job *j = r->free_jobs;
        r->free_jobs = j->next;
        sm_chunk_free(j->chunk);
        sm_batch_free(&j->batch);
        sm_recs_free(&j->recs);
        run_blocks_free(j);
        sm_free(j);
    }
}

/* Runs in a worker: parse, then map. A failure is kept in the job and met in order by the consumer.
 */
void run_job_work(void *job, void *state) {
    struct run_job *j = job;
    struct run_worker *w = state;
    const struct run_pass *p = j->pass;
    sm_err_reset(&j->err);
    if (p->kind == RUN_BLOCK) {
        run_blocks_work(j);
        return;
    }
    if (p->kind == RUN_PART) {
        run_parts_work(j, w);
        return;
    }
    if (p->kind == RUN_SPILL) {
        j->err.code = sm_sorter_spill_part(p->sorter, w->index, j->part, &j->sheaves, &j->err);
        return;
    }
    sm_recs_clear(&j->recs);
    j->batch.late = p->kind == RUN_DOMAIN ? sm_map_late(w->map, p->domain, p->from) : NULL;
    if (sm_reader_parse(j->reader, w->read, j->chunk, j->fate, j->nfate, &j->batch, &j->err))
        return;
    int rc = SM_OK;
    if (p->kind == RUN_DOMAIN) {
        sm_recs_clear(&w->recs);
        rc = sm_map_batch(w->map, p->domain, p->from, p->source, j->input->in.file, &j->batch,
                          &w->recs, &j->err);
        if (!rc) rc = sm_sorter_pack(p->sorter, w->index, &w->recs, &j->packs, &j->err);
        j->nrec = w->recs.nrow;
    } else if (p->kind == RUN_LOOKUP) {
        rc = sm_map_lookup(w->map, p->lookup, p->lookup_from, p->source, j->input->in.file,
                           &j->batch, &j->recs, &j->err);
    }
    if (!rc && sm_intern_failed(w->in))
        sm_fail(&j->err, SM_ELIMIT,
                "a value is longer than 1 MiB, a regular expression takes too much work, or memory "
                "is short");
}

static bool feeds_domain(const struct run *r, const struct sm_source *s) {
    for (uint32_t d = 0; d < r->spec->ndomain; d++)
        for (uint32_t f = 0; f < r->spec->domain[d].nfrom; f++)
            if (r->spec->domain[d].from[f].source != SM_NO &&
                &r->spec->source[r->spec->domain[d].from[f].source] == s)
                return true;
    return false;
}

/* Books one finished job: findings, fates, counts; then the pass takes its records. */
static int job_take(struct run *r, const struct run_pass *p, struct run_job *j, bool first,
                    struct sm_err *err) {
    if (j->err.code) {
        *err = j->err;
        return err->code;
    }
    struct sm_batch *b = &j->batch;
    if (b->diags.failed) return sm_fail(err, SM_ENOMEM, "out of memory for findings");
    sm_diags_move(r->diags, &b->diags);
    if (first) {
        int rc = run_fate_reserve(j->input, b->first_record - 1 + b->nrecord, err);
        if (rc) return rc;
        for (uint32_t i = 0; i < b->nlost; i++)
            run_fate_mark(r, j->input, b->lost[i].record, (enum sm_fate)b->lost[i].fate,
                          b->lost[i].code, b->lost[i].where);
    }
    if (p->kind == RUN_DOMAIN || (p->kind == RUN_LOOKUP && !feeds_domain(r, p->source)))
        run_fate_rows(r, j->input, b);
    if (p->kind == RUN_DOMAIN) j->input->records_out += j->nrec;
    r->progress.bytes += j->bytes;
    r->progress.rows += b->nrow;
    if (r->opts->progress) r->opts->progress(r->opts->progress_ctx, &r->progress);
    if (r->opts->max_errors && r->diags->n > r->opts->max_errors) {
        return sm_fail(err, SM_ELIMIT, "more than %" PRIu64 " findings (--max-errors)",
                       r->opts->max_errors);
    }
    return p->take ? p->take(p->ctx, j, err) : SM_OK;
}

static int drain_one(struct run *r, const struct run_pass *p, bool first, struct sm_err *err) {
    struct run_job *j = sm_pool_get(r->pool);
    int rc = j ? job_take(r, p, j, first, err) : SM_OK;
    if (j) run_job_release(r, j);
    return rc;
}

static int put_one(struct run *r, const struct run_pass *p, struct run_input *in,
                   struct sm_reader *reader, struct sm_err *err) {
    struct run_job *j = NULL;
    int rc = run_job_new(r, &j, err);
    if (rc) return rc;
    rc = sm_reader_chunk(reader, &j->chunk, r->diags, err);
    if (rc) {
        run_job_release(r, j);
        return rc;
    }
    j->pass = p;
    j->input = in;
    j->reader = reader;
    j->bytes = sm_reader_offset(reader) - in->offset;
    in->offset += j->bytes;
    j->fate = in->seen ? in->fate : NULL;
    j->nfate = in->seen ? in->nrecord : 0;
    sm_pool_put(r->pool, j);
    return SM_OK;
}

/* ---- spilling -------------------------------------------------------------------------------- */

static int spill_oldest(struct run *r, const struct run_pass *p, int rc, struct sm_err *err) {
    struct run_job *j = sm_pool_get(r->pool);
    if (!j) return rc;
    if (!rc && j->err.code) {
        *err = j->err;
        rc = err->code;
    }
    if (!rc) {
        rc = sm_sorter_spill_take(p->sorter, j->sheaves, err);
        j->sheaves = NULL;
    }
    run_job_release(r, j);
    return rc;
}

static int spill_one(struct run *r, const struct run_pass *p, size_t part, struct sm_err *err) {
    struct run_job *j = NULL;
    int rc = SM_OK;
    while (!rc && sm_pool_full(r->pool))
        rc = spill_oldest(r, p, rc, err);
    if (rc) return rc;
    rc = run_job_new(r, &j, err);
    if (rc || !j) return rc;
    j->pass = p;
    j->part = part;
    sm_pool_put(r->pool, j);
    return SM_OK;
}

int run_spill(struct run *r, struct sm_sorter *s, struct sm_err *err) {
    const struct run_pass p = {.kind = RUN_SPILL, .sorter = s};
    size_t n = 0;
    int rc = sm_sorter_spill_open(s, &n, err);
    if (rc || !n) return rc;
    for (size_t i = 0; i < n && !rc; i++)
        rc = spill_one(r, &p, i, err);
    while (sm_pool_busy(r->pool))
        rc = spill_oldest(r, &p, rc, err);
    sm_sorter_spill_close(s, !rc);
    return rc;
}

static int pass_chunks(struct run *r, const struct run_pass *p, struct run_input *in,
                       struct sm_reader *reader, struct sm_err *err) {
    int rc = SM_OK;
    while (!rc) {
        if (run_stopped(r)) {
            rc = sm_fail(err, SM_EINTR, "interrupted");
            break;
        }
        bool full = p->sorter && sm_sorter_is_full(p->sorter);
        while (!rc && (full ? sm_pool_busy(r->pool) : sm_pool_full(r->pool)))
            rc = drain_one(r, p, !in->seen, err);
        if (!rc && full) rc = run_spill(r, p->sorter, err);
        if (!rc) rc = put_one(r, p, in, reader, err);
    }
    bool end = rc == SM_EOF;
    if (end) rc = SM_OK;
    for (struct run_job *j;
         (j = sm_pool_get(r->pool));) { /* also after a failure: the reader must outlive its jobs */
        if (!rc) rc = job_take(r, p, j, !in->seen, err);
        run_job_release(r, j);
    }
    return rc;
}

static int pass_file(struct run *r, const struct run_pass *p, struct run_input *in,
                     struct sm_err *err) {
    struct sm_reader *reader = NULL;
    struct sm_read_opts o = {.chunk = r->opts->chunk,
                             .max_field = r->opts->max_field,
                             .quiet = in->seen,
                             .row_hash = p->row_hash,
                             .hash = !in->seen};
    int rc = sm_reader_open(&reader, r->spec, &in->in, &o, r->diags, err);
    if (rc) return rc;
    in->offset = 0;
    rc = pass_chunks(r, p, in, reader, err);
    struct sm_read_totals t = {0};
    if (!rc) rc = sm_reader_finish(reader, &t, r->diags, err);
    if (!rc && in->seen && t.records != in->totals.records)
        rc = sm_fail(err, SM_EDATA, "%s changed while it was read", in->in.name.p);
    if (!rc && !in->seen) {
        in->totals = t;
        in->seen = true;
    }
    sm_reader_close(reader);
    return rc;
}

int run_pass_all(struct run *r, const struct run_pass *p, struct sm_err *err) {
    for (size_t i = 0; i < r->ninput; i++) {
        if (r->input[i].in.source != p->source) continue;
        int rc = pass_file(r, p, &r->input[i], err);
        if (rc) return rc;
    }
    return SM_OK;
}

/* ---- survey: repeated rows, and who the subjects are -------------------------------------------
 */
struct survey {
    struct run *r;
    struct sm_dedup *dedup;
    const struct sm_source *source;
};

static int survey_take(void *ctx, struct run_job *j, struct sm_err *err) {
    struct survey *s = ctx;
    return s->dedup ? sm_dedup_add(s->dedup, &j->input->in, &j->batch, err) : SM_OK;
}

static void survey_mark(void *ctx, uint32_t file, uint64_t record, enum sm_fate fate,
                        uint16_t code) {
    struct survey *s = ctx;
    run_fate_mark(s->r, &s->r->input[file], record, fate, code, NULL);
}

static bool has_key(const struct sm_source *s) {
    bool any = s->key && s->key->dups != SM_DUPS_KEEP;
    for (uint32_t f = 0; f < s->nfile && !any; f++)
        any = s->file[f].key && s->file[f].key->dups != SM_DUPS_KEEP;
    return any;
}

static int survey_source(struct run *r, const struct sm_source *source, struct sm_err *err) {
    struct survey s = {r, NULL, source};
    int rc = sm_dedup_open(&s.dedup, r->spec, source, err);
    struct run_pass p = {
        .kind = RUN_SURVEY, .source = source, .take = survey_take, .ctx = &s, .row_hash = true};
    if (!rc) rc = run_pass_all(r, &p, err);
    if (!rc) rc = sm_dedup_finish(s.dedup, survey_mark, &s, r->diags, err);
    sm_dedup_close(s.dedup);
    return rc;
}

/* USUBJIDs of the rows of the subject source that stand. */
static int subjects_take(void *ctx, struct run_job *j, struct sm_err *err) {
    struct survey *s = ctx;
    const sm_val *id = j->batch.col[sm_source_usubjid(s->source)];
    for (uint32_t i = 0; i < j->batch.nrow; i++) {
        sm_val *old;
        if (id[i] == SM_MISSING) continue;
        int rc = sm_lut_add(s->r->subjects, &id[i], NULL, &old, err);
        if (rc) return rc;
    }
    return SM_OK;
}

/* How often a source is read in all. */
static uint64_t passes_of(const struct run *r, const struct sm_source *s) {
    const struct sm_spec *spec = r->spec;
    uint64_t n = has_key(s) + !feeds_domain(r, s);
    n += spec->subject_source != SM_NO && spec->unknown_subject != SM_SUBJECT_KEEP &&
         &spec->source[spec->subject_source] == s;
    for (uint32_t d = 0; d < spec->ndomain; d++)
        for (uint32_t f = 0; f < spec->domain[d].nfrom; f++) {
            uint32_t k = spec->domain[d].from[f].source;
            n += k != SM_NO && &spec->source[k] == s;
        }
    for (uint32_t l = 0; l < spec->nlookup; l++)
        for (uint32_t f = 0; f < spec->lookup[l].nfrom; f++)
            n += &spec->source[spec->lookup[l].from[f].source] == s;
    return n;
}

static void count_bytes(struct run *r) {
    struct stat st;
    for (size_t i = 0; i < r->ninput; i++)
        if (stat(r->input[i].in.path, &st) == 0)
            r->progress.bytes_total += (uint64_t)st.st_size * passes_of(r, r->input[i].in.source);
}

int run_survey(struct run *r, struct sm_err *err) {
    count_bytes(r);
    for (uint32_t i = 0; i < r->spec->nsource; i++) {
        const struct sm_source *s = &r->spec->source[i];
        int rc = has_key(s) ? survey_source(r, s, err) : SM_OK;
        if (rc) return rc;
    }
    if (r->spec->subject_source == SM_NO || r->spec->unknown_subject == SM_SUBJECT_KEEP)
        return SM_OK;
    const struct sm_source *s = &r->spec->source[r->spec->subject_source];
    int rc = sm_lut_open(&r->subjects, r->spec->texts, 1, 0, false, err);
    if (rc) return rc;
    struct survey ctx = {r, NULL, s};
    struct run_pass p = {.kind = RUN_SURVEY, .source = s, .take = subjects_take, .ctx = &ctx};
    rc = run_pass_all(r, &p, err);
    r->rt.subjects = r->subjects;
    return rc;
}

static int rest_take(void *ctx, struct run_job *j, struct sm_err *err) {
    struct survey *s = ctx;
    (void)err;
    for (uint32_t i = 0; i < j->batch.nrow; i++)
        run_fate_mark(s->r, j->input, j->batch.record[i], SM_FATE_FILTERED, 0,
                      &j->input->in.source->where);
    return SM_OK;
}

int run_survey_rest(struct run *r, struct sm_err *err) {
    for (uint32_t i = 0; i < r->spec->nsource; i++) {
        const struct sm_source *s = &r->spec->source[i];
        struct survey ctx = {r, NULL, s};
        struct run_pass p = {.kind = RUN_SURVEY, .source = s, .take = rest_take, .ctx = &ctx};
        if (feeds_domain(r, s)) continue;
        int rc = run_pass_all(r, &p, err);
        if (rc) return rc;
    }
    return SM_OK;
}

/* ---- lookups ------------------------------------------------------------------------------------
 */
enum { LOOKUP_KEYS = 16 };

struct lookup {
    struct run *r;
    const struct sm_lookup *l;
    struct sm_lut *lut; /* the spec's own, empty until now */
};

static int lookup_take(void *ctx, struct run_job *j, struct sm_err *err) {
    struct lookup *k = ctx;
    uint32_t nkey = k->l->nkey;
    sm_val key[LOOKUP_KEYS] = {SM_MISSING};
    struct sm_intern *in = k->r->spec->in;
    for (uint32_t i = 0; i < j->recs.nrow; i++) {
        for (uint32_t c = 0; c < nkey; c++)
            key[c] = j->recs.col[c][i];
        sm_val v = j->recs.col[nkey][i], *old;
        if (k->l->take == SM_TAKE_COUNT) v = sm_val_from_i64(in, 1);
        int rc = sm_lut_add(k->lut, key, &v, &old, err);
        if (rc) return rc;
        if (!old) continue;
        enum sm_take how = k->l->take == SM_TAKE_COUNT ? SM_TAKE_SUM : k->l->take;
        if (how == SM_TAKE_ONLY && !sm_val_eq(k->r->spec->texts, *old, v)) {
            struct sm_valbuf b1, b2;
            struct sm_str name = sm_val_text(k->r->spec->texts, key[0], &b1),
                          val = sm_val_text(k->r->spec->texts, v, &b2);
            struct sm_str detail =
                sm_arena_printf(&k->r->arena, "lookup %.*s: a second value for key \"%.*s\"",
                                SM_STR_FMT(k->l->name), SM_STR_FMT(name));
            sm_diags_add(k->r->diags,
                         &(struct sm_diag){.code = SM_D_LOOKUP_TWICE,
                                           .file = j->input->in.name,
                                           .line = sm_pos_line(j->recs.pos[i]),
                                           .value = val,
                                           .detail = detail,
                                           .map_file = k->l->place.file,
                                           .map_line = k->l->place.line},
                         -1);
        }
        sm_take_combine(how, old, v, in);
    }
    return SM_OK;
}

int run_lookup(struct run *r, const struct sm_lookup *l, struct sm_err *err) {
    struct lookup k = {.r = r, .l = l, .lut = r->spec->lut[l->lut]};
    int rc = l->nkey <= LOOKUP_KEYS ? SM_OK
                                    : sm_fail(err, SM_ELIMIT, "lookup %s has more than %d keys",
                                              l->name.p, (int)LOOKUP_KEYS);
    r->progress.what = l->name.p;
    for (uint32_t f = 0; f < l->nfrom && !rc; f++) {
        struct run_pass p = {.kind = RUN_LOOKUP,
                             .source = &r->spec->source[l->from[f].source],
                             .lookup = l,
                             .lookup_from = &l->from[f],
                             .take = lookup_take,
                             .ctx = &k};
        rc = run_pass_all(r, &p, err);
    }
    return rc;
}
