/* SPDX-License-Identifier: MIT */
/* run_dataset.c - finished blocks to all formats at once. Writers that need no facts, or find them
 * there, get each block as it comes; the others read the spool once the last block is in. */
#include "run_priv.h"
#include "sdtmill/err.h"
#include "sdtmill/mem.h"

static int note_dataset(struct run *r, const struct sm_dsinfo *info, struct sm_err *err) {
    int rc = sm_grow(&r->dataset, &r->cap_dataset, r->ndataset + 1, sizeof *r->dataset, err);
    if (!rc) r->dataset[r->ndataset++] = info;
    return rc;
}

static bool takes_rows(const struct sm_emitter *e) {
    return (e->ops->caps & SM_EMIT_STUDY) == 0;
}
bool run_waits_for_facts(const struct run_out *o, const struct sm_emitter *e) {
    return takes_rows(e) && (e->ops->caps & SM_EMIT_FACTS) != 0 && !o->info->ahead;
}
bool run_takes_stream(const struct run_out *o, const struct sm_emitter *e) {
    return takes_rows(e) && !run_waits_for_facts(o, e);
}

bool run_asks_widths(const struct run *r) {
    bool any = false;
    for (size_t i = 0; i < r->nemitter; i++)
        any = any || (r->emitter[i]->ops->caps & (SM_EMIT_FACTS | SM_EMIT_STUDY)) != 0;
    return any;
}

static int emit_from_spool(struct run *r, struct sm_emitter *e, const struct sm_dsinfo *info,
                           const struct sm_spool *spool, struct sm_err *err) {
    struct sm_spool_reader *rd = NULL;
    int rc = sm_emitter_begin(e, info, err);
    if (!rc) rc = sm_spool_read(&rd, spool, err);
    if (!rc) {
        struct sm_blocks in = sm_spool_blocks(rd);
        struct sm_block b;
        while (!(rc = in.next(in.ctx, &b, err)))
            if ((rc = sm_emitter_block(e, &b, err)) ||
                (rc = run_stopped(r) ? sm_fail(err, SM_EINTR, "interrupted") : SM_OK))
                break;
    }
    sm_spool_reader_close(rd);
    return rc == SM_EOF ? SM_OK : rc;
}

int run_out_begin(struct run_out *o, struct sm_dsinfo *info, bool keep, struct sm_err *err) {
    struct run *r = o->r;
    int rc = SM_OK;
    bool values = false;
    o->info = info;
    for (size_t i = 0; i < r->nemitter && !rc; i++) {
        struct sm_emitter *e = r->emitter[i];
        values = values || !takes_rows(e);
        o->facts = o->facts || run_waits_for_facts(o, e);
        if (run_takes_stream(o, e)) rc = sm_emitter_begin(e, info, err);
    }
    o->widths = run_asks_widths(r);
    if (!rc && values && !info->values) rc = sm_dsinfo_by_value(info, &r->arena, err);
    if (!rc && (keep || (o->facts && o->spools_facts)))
        rc = sm_spool_open(&o->spool, info->block_ncol, r->memory / 4, r->tmpdir, err);
    return rc;
}

int run_out_end(struct run_out *o, int rc, struct sm_spool **keep, struct sm_err *err) {
    struct run *r = o->r;
    for (size_t i = 0; i < r->nemitter && !rc && o->spools_facts; i++)
        if (run_waits_for_facts(o, r->emitter[i]))
            rc = emit_from_spool(r, r->emitter[i], o->info, o->spool, err);
    for (size_t i = 0; i < r->nemitter && !rc; i++)
        if (takes_rows(r->emitter[i])) rc = sm_emitter_end(r->emitter[i], err);
    if (!rc) rc = note_dataset(r, o->info, err);
    if (!rc && keep)
        *keep = o->spool;
    else
        sm_spool_close(o->spool);
    return rc;
}

int run_write_blocks(struct run *r, struct sm_dsinfo *info, struct sm_blocks in, struct run_tap tap,
                     struct sm_spool **keep, struct sm_err *err) {
    struct run_out o = {.r = r, .spools_facts = true};
    struct run_blocks out;
    run_blocks_open(&out, &o);
    int rc = run_out_begin(&o, info, keep != NULL, err);
    struct sm_block b;
    while (!rc) {
        rc = in.next(in.ctx, &b, err);
        if (rc) break;
        sm_dsinfo_fold(info, r->spec->texts, &b, o.widths);
        if (tap.fn) rc = tap.fn(tap.ctx, &b, err);
        if (!rc && o.spool) rc = sm_spool_add(o.spool, &b, err);
        if (!rc) rc = run_blocks_block(&out, &b, err);
        if (r->opts->progress) r->opts->progress(r->opts->progress_ctx, &r->progress);
        if (!rc && run_stopped(r)) rc = sm_fail(err, SM_EINTR, "interrupted");
    }
    rc = run_blocks_end(&out, rc, err);
    return run_out_end(&o, rc == SM_EOF ? SM_OK : rc, keep, err);
}

static int dsinfo_new(struct run *r, uint32_t nvar, struct sm_dsinfo **ret, uint32_t **ret_column,
                      struct sm_err *err) {
    struct sm_dsinfo *d = sm_arena_alloc(&r->arena, sizeof *d);
    *ret_column = sm_arena_array(&r->arena, nvar ? nvar : 1, sizeof **ret_column);
    if (!d || !*ret_column ||
        !(d->var = sm_arena_array(&r->arena, nvar ? nvar : 1, sizeof *d->var)))
        return sm_fail(err, SM_ENOMEM, "out of memory");
    d->nvar = nvar;
    d->column = *ret_column;
    *ret = d;
    return SM_OK;
}

int run_dsinfo_of_domain(struct run *r, const struct sm_domain *d, struct sm_dsinfo **ret,
                         struct sm_err *err) {
    uint32_t *column;
    int rc = dsinfo_new(r, d->nvar - d->nsupp, ret, &column, err);
    if (rc) return rc;
    struct sm_dsinfo *i = *ret;
    i->name = d->dataset;
    i->domain = d->name;
    i->label = d->label;
    i->cls = d->cls;
    i->structure = d->structure;
    i->reference = d->reference;
    i->repeating = d->repeating;
    i->custom = d->custom || !d->model;
    i->block_ncol = sm_deriver_ncol(d);
    i->source = d;
    uint32_t n = 0;
    for (uint32_t v = 0; v < d->nvar; v++) {
        const struct sm_var *var = &d->var[v];
        if (var->supp || var->inner) continue;
        struct sm_dsvar *x = &i->var[n];
        *x = (struct sm_dsvar){.name = var->name,
                               .label = var->label,
                               .is_num = var->is_num,
                               .is_dtc = var->is_dtc,
                               .length = var->length,
                               .source = var,
                               .coded = var->ncodelist > 0 ||
                                        (var->model && var->model->codelist.n > 0)};
        for (uint32_t k = 0; k < d->nkey; k++)
            if (d->key[k] == v) x->key = k + 1;
        column[n++] = v;
    }
    i->nvar = n;
    return SM_OK;
}

/* SDTMIG 3.4 section 8.4 (Supplemental Qualifiers) and 8.3 (RELREC): names, labels, which keys. */
struct fixed_var {
    const char *name, *label;
    uint32_t key;
};
static const struct fixed_var supp_var[SM_SUPP_COUNT] = {
    {"STUDYID", "Study Identifier", 1},
    {"RDOMAIN", "Related Domain Abbreviation", 2},
    {"USUBJID", "Unique Subject Identifier", 3},
    {"IDVAR", "Identifying Variable", 4},
    {"IDVARVAL", "Identifying Variable Value", 5},
    {"QNAM", "Qualifier Variable Name", 6},
    {"QLABEL", "Qualifier Variable Label", 0},
    {"QVAL", "Data Value", 0},
    {"QORIG", "Origin", 0},
    {"QEVAL", "Evaluator", 0}};
static const struct fixed_var relrec_var[SM_RELREC_COUNT] = {
    {"STUDYID", "Study Identifier", 1},
    {"RDOMAIN", "Related Domain Abbreviation", 2},
    {"USUBJID", "Unique Subject Identifier", 3},
    {"IDVAR", "Identifying Variable", 4},
    {"IDVARVAL", "Identifying Variable Value", 5},
    {"RELTYPE", "Relationship Type", 0},
    {"RELID", "Relationship Identifier", 6}};

static void fixed_vars(struct sm_dsinfo *i, uint32_t *column, const struct fixed_var *v,
                       uint32_t n) {
    for (uint32_t k = 0; k < n; k++) {
        i->var[k] = (struct sm_dsvar){
            .name = sm_str(v[k].name), .label = sm_str(v[k].label), .key = v[k].key};
        column[k] = k;
    }
    i->block_ncol = n;
    i->repeating = true;
    i->cls = SM_STR("Relationship");
}

int run_dsinfo_of_supp(struct run *r, const struct sm_domain *d, struct sm_dsinfo **ret,
                       struct sm_err *err) {
    uint32_t *column;
    int rc = dsinfo_new(r, SM_SUPP_COUNT, ret, &column, err);
    if (rc) return rc;
    struct sm_dsinfo *i = *ret;
    fixed_vars(i, column, supp_var, SM_SUPP_COUNT);
    i->name = sm_arena_printf(&r->arena, "SUPP%.*s", SM_STR_FMT(d->dataset));
    i->label = sm_arena_printf(&r->arena, "Supplemental Qualifiers for %.*s", SM_STR_FMT(d->name));
    if (!i->name.p || !i->label.p) return sm_fail(err, SM_ENOMEM, "out of memory");
    i->domain = d->name;
    i->structure = SM_STR("One record per IDVAR, IDVARVAL, and QNAM value per subject");
    i->is_supp = true;
    i->custom = d->custom || !d->model;
    i->source = d;
    return SM_OK;
}

/* ---- RELREC ---------------------------------------------------------------------------------- */
static int relate_one(struct run *r, uint32_t index, const struct sm_relate *rel,
                      struct sm_recs *out, struct sm_err *err) {
    struct sm_spool_reader *mine = NULL, *theirs = NULL;
    int rc = sm_spool_read(&mine, r->done[index].spool, err);
    if (!rc) rc = sm_spool_read(&theirs, r->done[rel->to].spool, err);
    if (!rc)
        rc = sm_relate_rows(r->spec, &r->spec->domain[index], rel, sm_spool_blocks(mine),
                            sm_spool_blocks(theirs), r->spec->in, out, r->diags, err);
    sm_spool_reader_close(mine);
    sm_spool_reader_close(theirs);
    return rc;
}

static int relrec_write(struct run *r, const struct sm_recs *recs, struct sm_err *err) {
    uint32_t *column;
    struct sm_dsinfo *i;
    static const struct sm_sort_key key[] = {{1, SM_SORT_TEXT},
                                             {2, SM_SORT_TEXT},
                                             {3, SM_SORT_TEXT},
                                             {4, SM_SORT_NUM},
                                             {6, SM_SORT_TEXT}};
    struct sm_sort_opts o = {.ncol = SM_RELREC_COUNT,
                             .key = key,
                             .nkey = SM_ARRAY_LEN(key),
                             .memory = r->memory,
                             .tmpdir = r->tmpdir,
                             .threads = 1};
    struct sm_sorter *s = NULL;
    struct sm_blocks in;
    int rc = dsinfo_new(r, SM_RELREC_COUNT, &i, &column, err);
    if (rc) return rc;
    fixed_vars(i, column, relrec_var, SM_RELREC_COUNT);
    i->name = i->domain = SM_STR("RELREC");
    i->label = SM_STR("Related Records");
    i->structure = SM_STR("One record per related record, group of records or dataset");
    rc = sm_sorter_open(&s, r->spec->texts, &o, err);
    if (!rc) rc = sm_sorter_add(s, recs, err);
    if (!rc) rc = sm_sorter_finish(s, &in, err);
    if (!rc) rc = run_write_blocks(r, i, in, (struct run_tap){0}, NULL, err);
    sm_sorter_close(s);
    return rc;
}

int run_relrec(struct run *r, struct sm_err *err) {
    struct sm_recs out = {0};
    int rc = SM_OK;
    for (uint32_t d = 0; d < r->spec->ndomain && !rc; d++)
        for (uint32_t k = 0; k < r->spec->domain[d].nrelate && !rc; k++)
            rc = relate_one(r, d, &r->spec->domain[d].relate[k], &out, err);
    if (!rc && out.nrow) rc = relrec_write(r, &out, err);
    sm_recs_free(&out);
    return rc;
}
