/* SPDX-License-Identifier: MIT */
/* run_convert.c - a whole study, from opening the workers to the commit of the output folder. */
#include <sys/stat.h>
#include <unistd.h>

#include "run_priv.h"
#include "sdtmill/clock.h"
#include "sdtmill/err.h"
#include "sdtmill/mem.h"

#ifndef SM_VERSION
#define SM_VERSION "0.0.0"
#endif

const char *sm_version(void) {
    return SM_VERSION;
}

bool run_stopped(const struct run *r) {
    return r->opts->stopped && r->opts->stopped();
}

/* Shares of the memory limit for what a worker remembers: of its rules, of its reading, and of that
 * for all workers. */
enum {
    MEMO_SHARE = 16,
    READ_SHARE = 32,
    READ_ALL = 4,
    MEMO_MOST = 24 * 1024 * 1024,
    LARGE_PAGES_FROM = 256 * 1024 * 1024
};

static int open_workers(struct run *r, struct sm_err *err) {
    r->worker = sm_alloc(r->threads, sizeof *r->worker);
    r->worker_ptr = sm_alloc(r->threads, sizeof *r->worker_ptr);
    if (!r->worker || !r->worker_ptr) return sm_fail(err, SM_ENOMEM, "out of memory");
    r->rt.lut = (const struct sm_lut *const *)r->spec->lut;
    sm_mem_large_pages(r->memory >= LARGE_PAGES_FROM);
    r->rt.memo_bytes = r->memory / MEMO_SHARE < MEMO_MOST ? r->memory / MEMO_SHARE : MEMO_MOST;
    const uint64_t fair = r->memory / READ_ALL / r->threads,
                   room = r->memory / READ_SHARE < fair ? r->memory / READ_SHARE : fair;
    for (unsigned i = 0; i < r->threads; i++) {
        struct run_worker *w = &r->worker[i];
        r->worker_ptr[i] = w;
        w->index = i;
        int rc = sm_intern_open(&w->in, r->spec->texts, err);
        if (!rc) rc = sm_read_worker_open(&w->read, r->spec, w->in, room, err);
        if (!rc) rc = sm_map_worker_open(&w->map, r->spec, &r->rt, w->in, err);
        if (rc) return rc;
    }
    return sm_pool_open(&r->pool, r->threads, run_job_work, r->worker_ptr, err);
}

static void close_workers(struct run *r) {
    sm_pool_close(r->pool, NULL);
    for (unsigned i = 0; r->worker && i < r->threads; i++) {
        sm_recs_free(&r->worker[i].recs);
        sm_map_worker_close(r->worker[i].map);
        sm_read_worker_close(r->worker[i].read);
        sm_intern_close(r->worker[i].in);
    }
    sm_free(r->worker);
    sm_free(r->worker_ptr);
    run_jobs_free(r);
    r->pool = NULL;
    r->worker = NULL;
    r->worker_ptr = NULL;
}

/* "Now": --created, SOURCE_DATE_EPOCH, or the newest input. */
int run_find_created(struct run *r, struct sm_err *err) {
    int64_t t = 0, mtime;
    if (r->opts->created) {
        if (!sm_clock_parse_iso(r->opts->created, &t))
            return sm_fail(err, SM_EUSAGE, "--created %s is no date", r->opts->created);
    } else if (!sm_clock_epoch(&t)) {
        struct stat st;
        for (size_t i = 0; i < r->ninput; i++) {
            if (stat(r->input[i].in.path, &st) != 0) continue;
            mtime = (int64_t)st.st_mtim.tv_sec;
            if (mtime > t) t = mtime;
        }
    }
    sm_clock_iso(t, r->created);
    return SM_OK;
}

void run_note_output(void *ctx, const char *relative, struct sm_str dataset, uint64_t rows,
                     uint64_t bytes, const char *sha256) {
    struct run *r = ctx;
    struct sm_err ignored = {0};
    if (sm_grow(&r->output, &r->cap_output, r->noutput + 1, sizeof *r->output, &ignored)) {
        r->failed = true;
        return;
    }
    struct sm_output_row *o = &r->output[r->noutput++];
    *o = (struct sm_output_row){.path = sm_arena_dup(&r->arena, sm_str(relative)),
                                .dataset = sm_arena_dup(&r->arena, dataset),
                                .rows = rows,
                                .bytes = bytes};
    memcpy(o->sha256, sha256, 64);
    o->sha256[64] = 0;
    if (!o->path.p || (dataset.n && !o->dataset.p)) r->failed = true;
}

int run_emitters_open(struct run *r, struct sm_err *err) {
    const struct sm_spec *s = r->spec;
    if (!r->opts->out) return SM_OK;
    int rc = run_place_check(r, err);
    if (!rc) rc = run_keep_check(r, err);
    if (!rc) rc = sm_stage_open(&r->stage, r->opts->out, r->opts->force, err);
    if (rc) return rc;
    if (r->threads == 1) sm_stage_no_threads(r->stage);
    r->tmpdir = r->opts->tmpdir ? r->opts->tmpdir : sm_stage_path(r->stage);
    r->study = (struct sm_emit_study){
        .oid = s->oid,
        .name = s->name,
        .description = s->description.n ? s->description : s->title,
        .protocol = s->protocol.n ? s->protocol : s->name,
        .metadata_oid = sm_arena_printf(&r->arena, "MDV.%.*s", SM_STR_FMT(s->oid)),
        .file_oid = sm_arena_printf(&r->arena, "%.*s.define", SM_STR_FMT(s->oid)),
        .originator = s->sponsor,
        .created = sm_str(r->created),
        .standard_name = s->model ? s->model->name : SM_STR(""),
        .standard_version = s->model ? s->model->version : SM_STR(""),
        .spec = s,
        .transliterate = r->opts->transliterate,
        .split_size = r->opts->split_size,
        .dsjc_gzip = r->opts->dsjc_gzip,
        .texts = s->texts,
        .stage = r->stage,
        .diags = r->diags,
        .wrote = run_note_output,
        .wrote_ctx = r,
        .file = r->files,
        .nfile = (uint32_t)r->ninput};
    struct sm_str rest = sm_str(r->opts->formats ? r->opts->formats : "csv,xml"), name;
    r->emitter = sm_alloc(RUN_EMITTERS, sizeof *r->emitter);
    if (!r->emitter) return sm_fail(err, SM_ENOMEM, "out of memory");
    while (sm_str_split(&rest, ',', &name)) {
        const struct sm_emit_ops *ops = sm_emit_find(sm_str_trim(name));
        if (!ops || r->nemitter >= RUN_EMITTERS)
            return sm_fail(err, SM_EUSAGE, "no format %.*s", SM_STR_FMT(name));
        for (size_t i = 0; i < r->nemitter; i++)
            if (r->emitter[i]->ops == ops) ops = NULL;
        if (!ops) continue;
        rc = sm_emitter_open(&r->emitter[r->nemitter], ops, &r->study, err);
        if (rc) return rc;
        r->nemitter++;
    }
    return SM_OK;
}

int run_emitters_finish(struct run *r, struct sm_err *err) {
    for (size_t i = 0; i < r->nemitter; i++) {
        int rc = sm_emitter_finish(r->emitter[i], r->dataset, r->ndataset, err);
        if (rc) return rc;
    }
    return SM_OK;
}

static int run_steps(struct run *r, struct sm_err *err) {
    int rc =
        sm_lut_open(&r->refs, r->spec->texts, 1, r->spec->nref ? r->spec->nref : 1, false, err);
    if (rc) return rc;
    r->rt.refs = r->refs;
    for (uint32_t i = 0; i < r->spec->nstep && !rc; i++) {
        const struct sm_step *st = &r->spec->step[i];
        rc = st->kind == SM_STEP_LOOKUP ? run_lookup(r, &r->spec->lookup[st->index], err)
                                        : run_domain_make(r, st->index, err);
    }
    if (!rc) rc = run_survey_rest(r, err);
    return rc ? rc : run_relrec(r, err);
}

int run_result_outputs(struct run *r, struct sm_run_result *ret, struct sm_err *err) {
    struct sm_output_row *o = sm_arena_array(&ret->arena, r->noutput ? r->noutput : 1, sizeof *o);
    if (!o) return sm_fail(err, SM_ENOMEM, "out of memory");
    for (size_t i = 0; i < r->noutput; i++) {
        o[i] = r->output[i];
        o[i].path = sm_arena_dup(&ret->arena, r->output[i].path);
        o[i].dataset = sm_arena_dup(&ret->arena, r->output[i].dataset);
    }
    ret->output = o;
    ret->noutput = r->noutput;
    return SM_OK;
}

static int write_reports(struct run *r, struct sm_run_result *ret, struct sm_err *err) {
    int rc = run_ledger(r, ret, err);
    if (rc || !r->stage) return rc;
    rc = run_write_rejects(r, err);
    if (!rc) rc = run_write_issues(r, err);
    if (!rc) rc = run_result_outputs(r, ret, err);
    if (!rc && r->failed) rc = sm_fail(err, SM_ENOMEM, "out of memory");
    if (!rc) rc = run_write_manifest(r, ret, err);
    return rc ? rc : sm_stage_commit(r->stage, err);
}

static int list_inputs(struct run *r, struct sm_err *err) {
    int rc = run_inputs_list(r, err);
    if (rc) return rc;
    r->files = sm_arena_array(&r->arena, r->ninput ? r->ninput : 1, sizeof *r->files);
    if (!r->files) return sm_fail(err, SM_ENOMEM, "out of memory");
    for (size_t i = 0; i < r->ninput; i++)
        r->files[i] = r->input[i].in.name;
    r->rt.file = r->files;
    r->rt.nfile = (uint32_t)r->ninput;
    return run_find_created(r, err);
}

void run_close(struct run *r) {
    close_workers(r);
    for (size_t i = 0; i < r->nemitter; i++)
        sm_emitter_close(r->emitter[i]);
    sm_free(r->emitter);
    for (uint32_t d = 0; r->done && d < r->spec->ndomain; d++)
        sm_spool_close(r->done[d].spool);
    sm_free(r->done);
    sm_stage_close(r->stage);
    sm_lut_close(r->subjects);
    sm_lut_close(r->refs);
    for (size_t i = 0; i < r->ninput; i++)
        run_fate_free(&r->input[i]);
    sm_free(r->input);
    sm_free(r->reason);
    sm_free(r->dataset);
    sm_free(r->output);
    sm_arena_free(&r->arena);
}

static int convert(struct run *r, struct sm_run_result *ret, struct sm_err *err) {
    int rc = list_inputs(r, err);
    if (!rc) rc = run_emitters_open(r, err);
    if (!rc) rc = open_workers(r, err);
    if (!rc && !(r->done = sm_alloc(r->spec->ndomain ? r->spec->ndomain : 1, sizeof *r->done)))
        rc = sm_fail(err, SM_ENOMEM, "out of memory");
    if (!rc) rc = run_survey(r, err);
    if (!rc) rc = run_steps(r, err);
    if (!rc) rc = run_emitters_finish(r, err);
    close_workers(r); /* findings may want the memory */
    if (!rc && r->diags->failed) rc = sm_fail(err, SM_ENOMEM, "out of memory for findings");
    ret->seconds = sm_clock_monotonic() - ret->seconds;
    ret->peak_memory = sm_mem_peak();
    return rc ? rc : write_reports(r, ret, err);
}

int run_open(struct run *r, struct sm_err *err) {
    int rc = sm_grow(&r->reason, &r->cap_reason, 16, sizeof *r->reason, err);
    if (rc) return rc;
    r->reason[0] = (struct run_reason){0, NULL, ""};
    r->nreason = 1;
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    r->threads = r->opts->threads ? r->opts->threads : cores > 0 ? (unsigned)cores : 1;
    r->memory = r->opts->memory ? r->opts->memory : (uint64_t)384 << 20;
    r->tmpdir = r->opts->tmpdir ? r->opts->tmpdir : "/tmp";
    return SM_OK;
}

int sm_run_convert(const struct sm_spec *spec, const struct sm_run_opts *opts,
                   struct sm_diags *diags, struct sm_run_result *ret, struct sm_err *err) {
    struct run r = {.spec = spec, .opts = opts, .diags = diags};
    memset(ret, 0, sizeof *ret);
    ret->seconds = sm_clock_monotonic();
    int rc = run_open(&r, err);
    if (!rc) rc = convert(&r, ret, err);
    run_close(&r);
    return rc;
}

void sm_run_result_free(struct sm_run_result *r) {
    sm_arena_free(&r->arena);
}

int sm_run_headers(const struct sm_spec *spec, const struct sm_run_opts *opts,
                   struct sm_diags *diags, struct sm_err *err) {
    struct run r = {.spec = spec, .opts = opts, .diags = diags};
    int rc = run_open(&r, err);
    if (!rc) rc = run_inputs_list(&r, err);
    for (size_t i = 0; i < r.ninput && !rc; i++) {
        struct sm_reader *reader = NULL;
        struct sm_read_opts o = {.chunk = opts->chunk, .max_field = opts->max_field};
        rc = sm_reader_open(&reader, spec, &r.input[i].in, &o, diags, err);
        sm_reader_close(reader);
        if (rc == SM_EDATA) { /* named in the findings; the other files are looked at too */
            sm_err_reset(err);
            rc = SM_OK;
        }
    }
    run_close(&r);
    return rc;
}
