/* SPDX-License-Identifier: MIT */
/* run_formats.c - `convert --from`: load -> write, one dataset after the other, through the same
 * stage, writers and manifest as a conversion with a mapping. */
#include <sys/stat.h>

#include "run_priv.h"
#include "sdtmill/hash.h"
#include "sdtmill/load.h"
#include "sdtmill/mem.h"
#include "sdtmill/run_formats.h"

struct formats {
    const struct sm_formats_opts *o;
    struct run r;
    struct sm_spec spec; /* holds what the frame of a run asks for; there is no mapping */
    struct sm_intern *in;
    const struct sm_load_file *list;
    size_t nlist;
    struct sm_ledger_row *row; /* [ninput] */
    uint64_t recoded;
};

int run_file_digest(const char *path, bool (*stopped)(void), uint64_t *ret_n, char digest[65],
                    struct sm_err *err) {
    char piece[65536];
    struct sm_sha256 *h;
    FILE *f = fopen(path, "rb");
    if (!f) return sm_fail_sys(err, SM_EDATA, "%s", path);
    int rc = sm_sha256_open(&h, err);
    *ret_n = 0;
    if (!rc) {
        for (size_t n; !rc && (n = fread(piece, 1, sizeof piece, f)) > 0; *ret_n += n) {
            sm_sha256_add(h, piece, n);
            if (stopped && stopped()) rc = sm_fail(err, SM_EINTR, "interrupted");
        }
        if (!rc && ferror(f)) rc = sm_fail_sys(err, SM_EDATA, "%s", path);
        sm_sha256_finish(h, digest);
    }
    (void)fclose(f);
    return rc;
}

/* ---- what there is
 * ----------------------------------------------------------------------------------- */
static struct sm_load_opts load_opts(const struct formats *f, size_t i) {
    return (struct sm_load_opts){.model = f->o->model,
                                 .encoding = f->o->encoding,
                                 .open_end = f->o->open_end,
                                 .file = (uint32_t)i};
}

/* A define.xml is part of the input too: what it says shapes the output. */
static int define_note(struct formats *f, struct sm_err *err) {
    struct stat st;
    struct sm_str path = sm_arena_printf(&f->r.arena, "%s/define.xml", f->o->from);
    if (!path.p) return sm_fail(err, SM_ENOMEM, "out of memory");
    if (stat(path.p, &st) != 0) return SM_OK;
    struct sm_str *input = sm_arena_alloc(&f->r.arena, sizeof *input);
    if (!input) return sm_fail(err, SM_ENOMEM, "out of memory");
    *input = path;
    f->spec.input = input;
    f->spec.ninput = 1;
    return SM_OK;
}

/* "LB12" is a part of LB, and "QS11" of QS or QS1. */
static bool part_is_listed(const struct formats *f, struct sm_str part) {
    while (part.n > 1 && sm_is_digit(part.p[part.n - 1])) {
        part.n--;
        for (size_t i = 0; i < f->nlist; i++)
            if (sm_str_eq(f->list[i].name, part)) return true;
    }
    return false;
}

/* Parts of XPORT datasets are not put together here: a dataset that is nowhere else must not be
 * left out in silence. */
static int parts_check(struct formats *f, struct sm_err *err) {
    static const char *const folders[] = {"xpt/split", "split"};
    for (size_t k = 0; k < SM_ARRAY_LEN(folders); k++) {
        const struct sm_load_file *list;
        struct stat st;
        size_t n = 0;
        struct sm_str path = sm_arena_printf(&f->r.arena, "%s/%s", f->o->from, folders[k]);
        if (!path.p) return sm_fail(err, SM_ENOMEM, "out of memory");
        if (stat(path.p, &st) != 0 || !S_ISDIR(st.st_mode)) continue;
        int rc = sm_load_list(path.p, "xpt", &f->r.arena, &list, &n, err);
        if (rc) return rc;
        for (size_t i = 0; i < n; i++)
            if (!part_is_listed(f, list[i].name))
                return sm_fail(err, SM_EDATA,
                               "%s is a part of a dataset that is nowhere whole; name the parts one "
                               "by one, or take other formats",
                               list[i].path.p);
    }
    return SM_OK;
}

static int inputs_list(struct formats *f, struct sm_err *err) {
    struct run *r = &f->r;
    size_t skip = strlen(f->o->from);
    int rc = sm_load_list(f->o->from, f->o->from_format, &r->arena, &f->list, &f->nlist, err);
    if (!rc && (!f->o->from_format || strcmp(f->o->from_format, "xpt") == 0))
        rc = parts_check(f, err);
    if (!rc && f->nlist == 0) rc = sm_fail(err, SM_EDATA, "%s: no dataset files", f->o->from);
    if (!rc && !(r->input = sm_alloc(f->nlist, sizeof *r->input)))
        rc = sm_fail(err, SM_ENOMEM, "out of memory");
    for (size_t i = 0; !rc && i < f->nlist; i++) {
        const struct sm_load_file *file = &f->list[i];
        if (file->again) continue;
        struct sm_str name =
            file->path.n > skip ? sm_str_n(file->path.p + skip, file->path.n - skip) : file->path;
        while (name.n > 0 && name.p[0] == '/')
            name = sm_str_n(name.p + 1, name.n - 1);
        r->input[r->ninput] =
            (struct run_input){.in = {.index = (uint32_t)i, .name = name, .path = file->path.p}};
        r->ninput++;
    }
    if (!rc && !(f->row = sm_arena_array(&r->arena, r->ninput, sizeof *f->row)))
        rc = sm_fail(err, SM_ENOMEM, "out of memory");
    if (!rc) rc = define_note(f, err);
    return rc ? rc : run_find_created(r, err);
}

/* The study by the first STUDYID there is. */
static int study_find(struct formats *f, struct sm_err *err) {
    struct sm_valbuf buf;
    f->spec.oid = SM_STR("STUDY");
    for (size_t i = 0; i < f->r.ninput; i++) {
        struct sm_load_opts o = load_opts(f, i);
        struct sm_loader *l = NULL;
        struct sm_block b;
        int rc = sm_loader_open(&l, f->r.input[i].in.path, &o, f->in, err);
        if (rc) return rc;
        const struct sm_dsinfo *d = sm_loader_info(l);
        uint32_t at = 0;
        while (at < d->nvar && !sm_str_eq_c(d->var[at].name, "STUDYID"))
            at++;
        struct sm_blocks in = sm_loader_blocks(l);
        rc = at < d->nvar ? in.next(in.ctx, &b, err) : SM_EOF;
        struct sm_str s =
            rc ? (struct sm_str){NULL, 0} : sm_val_text(f->spec.texts, b.cell[at], &buf);
        if (s.n > 0) s = sm_arena_dup(&f->r.arena, s);
        sm_loader_close(l);
        if (rc < 0) return rc;
        if (s.n == 0) continue;
        f->spec.oid = s;
        break;
    }
    f->spec.name = f->spec.oid;
    return SM_OK;
}

/* ---- a dataset
 * ----------------------------------------------------------------------------------------- */
static struct sm_str own(struct formats *f, struct sm_str s) {
    return s.n ? sm_arena_dup(&f->r.arena, s) : SM_STR("");
}

static const struct sm_model_ds *model_of(const struct formats *f, struct sm_str name) {
    if (!f->o->model) return NULL;
    const struct sm_model_ds *m = sm_model_find(f->o->model, name);
    return m || name.n < 3 || sm_str_starts(name, SM_STR("SUPP"))
               ? m
               : sm_model_find(f->o->model, sm_str_n(name.p, 2));
}

/* Everything that outlives the loader, in the run's arena. */
static int info_make(struct formats *f, const struct sm_dsinfo *from, struct sm_dsinfo **ret,
                     struct sm_err *err) {
    struct sm_arena *a = &f->r.arena;
    struct sm_dsinfo *d = sm_arena_alloc(a, sizeof *d);
    uint32_t *column = sm_arena_array(a, from->nvar, sizeof *column);
    if (!d || !column || !(d->var = sm_arena_array(a, from->nvar, sizeof *d->var)))
        return sm_fail(err, SM_ENOMEM, "out of memory");
    const struct sm_model_ds *m = model_of(f, from->name);
    bool good = true;
    d->name = own(f, from->name);
    d->label = own(f, from->label);
    d->is_supp = sm_str_starts(d->name, SM_STR("SUPP")) && d->name.n > 4;
    d->domain = d->is_supp ? sm_str_n(d->name.p + 4, d->name.n - 4) : m ? m->name : d->name;
    d->cls = m ? m->cls : d->is_supp ? SM_STR("Relationship") : SM_STR("");
    d->structure = m ? m->structure
                   : d->is_supp
                       ? SM_STR("One record per IDVAR, IDVARVAL, and QNAM value per subject")
                       : SM_STR("");
    d->reference = from->reference || (m && m->reference);
    d->repeating = !m || m->repeating;
    d->custom = f->o->model && !(d->is_supp ? model_of(f, d->domain) : m);
    for (uint32_t i = 0; i < from->nvar; i++) {
        const struct sm_dsvar *v = &from->var[i];
        const struct sm_model_var *mv = m ? sm_model_ds_var(m, v->name) : NULL;
        d->var[i] = (struct sm_dsvar){.name = own(f, v->name),
                                      .label = own(f, v->label),
                                      .is_num = v->is_num,
                                      .is_dtc = v->is_dtc,
                                      .key = v->key,
                                      .length = v->is_num ? 0 : v->length,
                                      .length_planned = true,
                                      .coded = mv && mv->codelist.n > 0};
        good = good && d->var[i].name.p && d->var[i].label.p;
        column[i] = i;
    }
    d->nvar = d->block_ncol = from->nvar;
    d->column = column;
    *ret = d;
    return good && d->name.p && d->label.p ? SM_OK : sm_fail(err, SM_ENOMEM, "out of memory");
}

struct tap {
    struct formats *f;
    struct sm_dsinfo *d;
};

/* A length that the data do not keep is none. */
static int tap_block(void *ctx, const struct sm_block *b, struct sm_err *err) {
    struct tap *t = ctx;
    struct run *r = &t->f->r;
    (void)err;
    for (uint32_t i = 0; i < t->d->nvar; i++) {
        struct sm_dsvar *v = &t->d->var[i];
        if (v->length && v->max_chars > v->length) v->length = v->max_chars;
    }
    r->progress.rows += b->nrow;
    if (r->opts->progress) r->opts->progress(r->opts->progress_ctx, &r->progress);
    return SM_OK;
}

static int dataset_write(struct formats *f, size_t i, struct sm_err *err) {
    struct run *r = &f->r;
    const char *path = r->input[i].in.path;
    struct sm_ledger_row *row = &f->row[i];
    struct sm_load_opts o = load_opts(f, i);
    struct sm_loader *l = NULL;
    struct sm_dsinfo *d = NULL;
    int rc = run_file_digest(path, r->opts->stopped, &row->bytes, row->sha256, err);
    if (!rc) rc = sm_loader_open(&l, path, &o, f->in, err);
    if (!rc) rc = info_make(f, sm_loader_info(l), &d, err);
    struct tap tap = {f, d};
    for (size_t k = 0; !rc && k < r->ndataset; k++)
        if (sm_str_eq_nocase(r->dataset[k]->name, d->name))
            rc = sm_fail(err, SM_EDATA, "%s: holds dataset %.*s, and so does another file", path,
                         SM_STR_FMT(d->name));
    if (!rc) {
        r->progress.what = d->name.p;
        rc = run_write_blocks(r, d, sm_loader_blocks(l), (struct run_tap){tap_block, &tap}, NULL,
                              err);
    }
    if (!rc) {
        row->file = r->input[i].in.name;
        row->source = d->name;
        row->read = row->used = row->records = d->rows;
        f->recoded += sm_loader_recoded(l);
        r->progress.bytes += row->bytes;
    }
    sm_loader_close(l);
    return rc;
}

/* ---- all of it
 * ----------------------------------------------------------------------------------------- */
static void report_recoded(struct formats *f) {
    char detail[96];
    if (!f->recoded) return;
    (void)snprintf(detail, sizeof detail,
                   "%" PRIu64 " values are no UTF-8 and were read as Windows-1252", f->recoded);
    const struct sm_diag d = {.code = SM_D_RECODED, .detail = sm_str(detail)};
    sm_diags_add(f->r.diags, &d, -1);
}

static int reports_write(struct formats *f, struct sm_run_result *ret, struct sm_err *err) {
    struct run *r = &f->r;
    struct sm_ledger_row *row = sm_arena_array(&ret->arena, r->ninput, sizeof *row);
    if (!row) return sm_fail(err, SM_ENOMEM, "out of memory");
    for (size_t i = 0; i < r->ninput; i++) {
        row[i] = f->row[i];
        row[i].file = sm_arena_dup(&ret->arena, row[i].file);
        row[i].source = sm_arena_dup(&ret->arena, row[i].source);
    }
    ret->ledger = row;
    ret->nledger = r->ninput;
    if (!r->stage) return SM_OK;
    int rc = run_write_issues(r, err);
    if (!rc) rc = run_result_outputs(r, ret, err);
    if (!rc) rc = run_write_manifest(r, ret, err);
    return rc ? rc : sm_stage_commit(r->stage, err);
}

static int work(struct formats *f, struct sm_run_result *ret, struct sm_err *err) {
    struct run *r = &f->r;
    int rc = sm_texts_open(&f->spec.texts, err);
    if (!rc) rc = sm_intern_open(&f->in, f->spec.texts, err);
    if (!rc) rc = run_open(r, err);
    if (!rc) rc = inputs_list(f, err);
    if (!rc) rc = study_find(f, err);
    if (!rc) rc = run_emitters_open(r, err);
    r->study.spec = NULL;
    r->study.file = NULL; /* findings name the record: a line of which file says little here */
    r->study.nfile = 0;
    for (size_t i = 0; i < r->ninput && !rc; i++)
        rc = dataset_write(f, i, err);
    if (!rc) rc = run_emitters_finish(r, err);
    if (!rc) report_recoded(f);
    if (!rc && r->diags->failed) rc = sm_fail(err, SM_ENOMEM, "out of memory for findings");
    return rc ? rc : reports_write(f, ret, err);
}

int sm_run_formats(const struct sm_formats_opts *o, const struct sm_run_opts *run,
                   struct sm_diags *diags, struct sm_run_result *ret, struct sm_err *err) {
    struct formats *f = sm_alloc(1, sizeof *f);
    memset(ret, 0, sizeof *ret);
    if (!f) return sm_fail(err, SM_ENOMEM, "out of memory");
    f->o = o;
    f->spec.path = SM_STR("");
    f->spec.model = o->model;
    if (o->model)
        f->spec.standard = sm_arena_printf(&f->r.arena, "%.*s %.*s", SM_STR_FMT(o->model->name),
                                           SM_STR_FMT(o->model->version));
    f->r.spec = &f->spec;
    f->r.opts = run;
    f->r.diags = diags;
    int rc = work(f, ret, err);
    run_close(&f->r);
    sm_intern_close(f->in);
    sm_texts_close(f->spec.texts);
    sm_free(f);
    return rc;
}
