/* SPDX-License-Identifier: MIT */
/* run_domain.c - one domain from its sources to its finished dataset: read, map, sort, derive,
 * write. */
#include "run_priv.h"
#include "sdtmill/check.h"
#include "sdtmill/err.h"
#include "sdtmill/mem.h"

struct making { /* a domain at work */
    struct run *r;
    const struct sm_domain *d;
    uint32_t index;
    struct sm_sorter *first, *second; /* second only for grouped domains */
    struct sm_grouper *grouper;
    struct sm_deriver *deriver;
    struct sm_row_checks *checks;
    struct sm_spool *supp;
    struct sm_recs scratch;
};

/* facts: of the dataset, where these are its records; else NULL. */
static int open_sorter(struct making *m, const uint32_t *col, uint32_t n,
                       const struct sm_dsinfo *facts, struct sm_sorter **ret, struct sm_err *err) {
    struct sm_sort_key *key = sm_arena_array(&m->r->arena, n ? n : 1, sizeof *key);
    if (!key) return sm_fail(err, SM_ENOMEM, "out of memory");
    for (uint32_t i = 0; i < n; i++)
        key[i] =
            (struct sm_sort_key){col[i], m->d->var[col[i]].is_num ? SM_SORT_NUM : SM_SORT_TEXT};
    struct sm_sort_opts o = {.ncol = m->d->nvar,
                             .key = key,
                             .nkey = n,
                             .memory = m->r->memory,
                             .tmpdir = m->r->tmpdir,
                             .threads = m->r->threads,
                             .facts = run_asks_widths(m->r) ? facts : NULL};
    return sm_sorter_open(ret, m->r->spec->texts, &o, err);
}

static int sorter_take(void *ctx, struct run_job *j, struct sm_err *err) {
    struct making *m = ctx;
    struct sm_sort_packs *packs = j->packs;
    j->packs = NULL;
    return sm_sorter_take(m->first, packs, err);
}

/* <from domain=>: the finished records of another domain, in this thread. */
static int from_domain(struct making *m, const struct sm_from *f, struct sm_err *err) {
    struct run *r = m->r;
    struct sm_spool_reader *rd = NULL;
    if (!r->done[f->domain].spool)
        return sm_fail(err, SM_ESTATE, "records of domain %u were not kept", f->domain);
    int rc = sm_spool_read(&rd, r->done[f->domain].spool, err);
    if (rc) return rc;
    struct sm_blocks in = sm_spool_blocks(rd);
    for (struct sm_block b; !(rc = in.next(in.ctx, &b, err));) {
        sm_recs_clear(&m->scratch);
        rc = sm_map_block(r->worker[0].map, m->d, f, &r->spec->domain[f->domain], &b, &m->scratch,
                          r->diags, err);
        if (!rc && m->scratch.nrow) rc = sm_sorter_add(m->first, &m->scratch, err);
        if (rc) break;
    }
    sm_spool_reader_close(rd);
    return rc == SM_EOF ? SM_OK : rc;
}

static int run_froms(struct making *m, struct sm_err *err) {
    for (uint32_t i = 0; i < m->d->nfrom; i++) {
        const struct sm_from *f = &m->d->from[i];
        int rc;
        if (f->source == SM_NO) {
            rc = from_domain(m, f, err);
        } else {
            struct run_pass p = {.kind = RUN_DOMAIN,
                                 .source = &m->r->spec->source[f->source],
                                 .domain = m->d,
                                 .from = f,
                                 .sorter = m->first,
                                 .take = sorter_take,
                                 .ctx = m};
            rc = run_pass_all(m->r, &p, err);
        }
        if (rc) return rc;
    }
    return SM_OK;
}

/* Grouped domain: collapse what the first sorter gives, sort the result by the domain's keys. */
static int regroup(struct making *m, const struct sm_dsinfo *info, struct sm_blocks *io,
                   struct sm_err *err) {
    int rc = sm_grouper_open(&m->grouper, m->r->spec, m->d, m->r->spec->in, *io, m->r->files,
                             m->r->diags, err);
    if (!rc) rc = open_sorter(m, m->d->key, m->d->nkey, info, &m->second, err);
    if (rc) return rc;
    struct sm_blocks g = sm_grouper_blocks(m->grouper);
    for (struct sm_block b; !(rc = g.next(g.ctx, &b, err));) {
        sm_recs_clear(&m->scratch);
        rc = run_turn_back(&m->scratch, &b, err);
        if (!rc) rc = sm_sorter_add(m->second, &m->scratch, err);
        if (rc) return rc;
    }
    return rc == SM_EOF ? sm_sorter_finish(m->second, io, err) : rc;
}

static bool is_read_by_subject(const struct making *m) {
    const struct sm_spec *spec = m->r->spec;
    bool any = false;
    for (uint32_t k = 0; k < spec->nref; k++)
        any = any || spec->ref[k].domain == m->index;
    return any;
}

/* DOMAIN.VARIABLE values that other rules read, kept by subject. */
static int keep_refs(struct making *m, const struct sm_block *b, struct sm_err *err) {
    const struct sm_spec *spec = m->r->spec;
    if (!is_read_by_subject(m) || m->d->usubjid == SM_NO) return SM_OK;
    sm_val *empty = sm_alloc(spec->nref, sizeof *empty);
    if (!empty) return sm_fail(err, SM_ENOMEM, "out of memory");
    int rc = SM_OK;
    for (uint32_t i = 0; i < b->nrow && !rc; i++) {
        const sm_val *row = &b->cell[(size_t)i * b->ncol];
        sm_val *val = NULL;
        if (row[m->d->usubjid] == SM_MISSING) continue;
        rc = sm_lut_add(m->r->refs, &row[m->d->usubjid], empty, &val, err);
        if (!rc && !val) rc = sm_lut_add(m->r->refs, &row[m->d->usubjid], empty, &val, err);
        for (uint32_t k = 0; k < spec->nref && !rc; k++) {
            if (spec->ref[k].domain != m->index) continue;
            const sm_val v = sm_domain_whole(m->d, row, b->ncol, spec->ref[k].var);
            if (val[k] != SM_MISSING && !sm_val_eq(spec->texts, val[k], v)) {
                struct sm_str detail = sm_arena_printf(
                    &m->r->arena,
                    "%.*s.%.*s is read by other domains, but the subject has several values",
                    SM_STR_FMT(m->d->name), SM_STR_FMT(m->d->var[spec->ref[k].var].name));
                struct sm_valbuf b1;
                sm_diags_add(
                    m->r->diags,
                    &(struct sm_diag){.code = SM_D_LOOKUP_TWICE,
                                      .domain = m->d->name,
                                      .detail = detail,
                                      .variable = m->d->var[spec->ref[k].var].name,
                                      .subject = sm_val_text(spec->texts, row[m->d->usubjid], &b1)},
                    -1);
            } else {
                val[k] = v;
            }
        }
    }
    sm_free(empty);
    return rc;
}

static int keep_supp(void *ctx, const struct sm_recs *supp, struct sm_err *err) {
    struct making *m = ctx;
    struct run_turn t;
    int rc = m->supp ? SM_OK
                     : sm_spool_open(&m->supp, SM_SUPP_COUNT, m->r->memory / 4, m->r->tmpdir, err);
    if (!rc) rc = run_turn_open(&t, supp, err);
    if (rc) return rc;
    struct sm_blocks in = run_turn_blocks(&t);
    for (struct sm_block x; !(rc = in.next(in.ctx, &x, err));)
        if ((rc = sm_spool_add(m->supp, &x, err))) break;
    run_turn_close(&t);
    return rc == SM_EOF ? SM_OK : rc;
}

static int collect_supp(struct making *m, const struct sm_block *b, struct sm_err *err) {
    if (!sm_domain_supplements(m->d)) return SM_OK;
    sm_recs_clear(&m->scratch);
    int rc = sm_supp_rows(m->r->spec, m->d, b, m->r->spec->in, &m->scratch, err);
    return rc || !m->scratch.nrow ? rc : keep_supp(m, &m->scratch, err);
}

static int see_block(void *ctx, const struct sm_block *b, struct sm_err *err) {
    struct making *m = ctx;
    int rc = keep_refs(m, b, err);
    if (!rc) rc = collect_supp(m, b, err);
    return rc ? rc : sm_row_checks_block(m->checks, b, err);
}

static bool is_read_later(const struct run *r, uint32_t index) {
    for (uint32_t d = 0; d < r->spec->ndomain; d++) {
        const struct sm_domain *o = &r->spec->domain[d];
        if (o->nrelate && d == index) return true;
        for (uint32_t i = 0; i < o->nrelate; i++)
            if (o->relate[i].to == index) return true;
        for (uint32_t i = 0; i < o->nfrom; i++)
            if (o->from[i].source == SM_NO && o->from[i].domain == index) return true;
    }
    return false;
}

static int write_supp(struct making *m, struct sm_err *err) {
    if (!m->supp) return SM_OK;
    struct sm_dsinfo *info;
    struct sm_spool_reader *rd = NULL;
    int rc = run_dsinfo_of_supp(m->r, m->d, &info, err);
    if (!rc) rc = sm_spool_read(&rd, m->supp, err);
    if (!rc) rc = run_write_blocks(m->r, info, sm_spool_blocks(rd), (struct run_tap){0}, NULL, err);
    sm_spool_reader_close(rd);
    return rc;
}

/* Block by block, in this thread. */
static int finish_blocks(struct making *m, struct sm_blocks in, struct sm_dsinfo *info,
                         struct sm_spool **keep, struct sm_err *err) {
    struct run *r = m->r;
    int rc = sm_deriver_open(&m->deriver, r->spec, m->d, r->refs, r->rt.lut, r->spec->in, in,
                             r->files, r->diags, err);
    if (!rc) rc = sm_row_checks_open(&m->checks, r->spec, m->d, r->files, r->diags, err);
    if (rc) return rc;
    return run_write_blocks(r, info, sm_deriver_blocks(m->deriver), (struct run_tap){see_block, m},
                            keep, err);
}

/* Part by part, in the workers, where the records allow it: each part needs whole subjects, and
 * what other rules read by subject must not change meanwhile. */
static int finish(struct making *m, struct sm_sorter *sorter, struct sm_blocks in,
                  struct sm_dsinfo *info, struct sm_err *err) {
    /* at most as many as stay near the processor, with the texts that become of them */
    enum { ROWS_SHIFT = 17, ROWS_LEAST = 256, ROWS_MOST = 768 };
    struct run *r = m->r;
    struct sm_spool **keep = is_read_later(r, m->index) ? &r->done[m->index].spool : NULL;
    struct run_parts p = {.domain = m->d, .sorter = sorter, .blocks = in};
    if (is_read_by_subject(m) || !sm_deriver_by_subject(m->d, &p.lead))
        return finish_blocks(m, in, info, keep, err);
    uint64_t rows = r->memory >> ROWS_SHIFT;
    p.rows = rows < ROWS_LEAST ? ROWS_LEAST : rows > ROWS_MOST ? ROWS_MOST : (uint32_t)rows;
    int rc = sm_sorter_parts(sorter, p.lead, p.rows, &p.n, err);
    if (rc) return rc;
    if (sm_domain_supplements(m->d)) p.supp = keep_supp;
    p.ctx = m;
    return run_write_parts(r, info, &p, keep, err);
}

/* What the sorter knows of its records is known of the dataset before it is derived and written. */
static int foresee(const struct making *m, const struct sm_sorter *sorter, struct sm_dsinfo *info,
                   struct sm_err *err) {
    struct sm_dsinfo seen;
    int rc = run_asks_widths(m->r) ? sm_dsinfo_part_open(&seen, info, err) : SM_EOF;
    if (rc) return rc == SM_EOF ? SM_OK : rc;
    sm_sorter_facts(sorter, &seen);
    info->ahead = sm_deriver_keeps_facts(m->d, &seen);
    if (info->ahead) {
        info->rows = seen.rows;
        memcpy(info->var, seen.var, info->nvar * sizeof *info->var);
    }
    sm_dsinfo_part_close(&seen);
    return SM_OK;
}

static int make(struct making *m, struct sm_err *err) {
    const struct sm_domain *d = m->d;
    struct sm_blocks blocks;
    struct sm_dsinfo *info;
    int rc = run_dsinfo_of_domain(m->r, d, &info, err);
    if (!rc)
        rc = d->ngroup ? open_sorter(m, d->group, d->ngroup, NULL, &m->first, err)
                       : open_sorter(m, d->key, d->nkey, info, &m->first, err);
    if (!rc) rc = run_froms(m, err);
    run_read_done(m->r, d);
    if (!rc && sm_sorter_spilled(m->first)) rc = run_spill(m->r, m->first, err);
    if (!rc) rc = sm_sorter_finish(m->first, &blocks, err);
    if (!rc && d->ngroup) rc = regroup(m, info, &blocks, err);
    struct sm_sorter *last = d->ngroup ? m->second : m->first;
    if (!rc) rc = foresee(m, last, info, err);
    if (!rc) rc = finish(m, last, blocks, info, err);
    if (!rc) rc = write_supp(m, err);
    return rc;
}

int run_domain_make(struct run *r, uint32_t index, struct sm_err *err) {
    struct making m = {.r = r, .d = &r->spec->domain[index], .index = index};
    r->progress.what = m.d->name.p;
    int rc = make(&m, err);
    if (rc) sm_err_ctx(err, "%.*s", SM_STR_FMT(m.d->name));
    sm_row_checks_close(m.checks);
    sm_deriver_close(m.deriver);
    sm_grouper_close(m.grouper);
    sm_sorter_close(m.first);
    sm_sorter_close(m.second);
    sm_spool_close(m.supp);
    sm_recs_free(&m.scratch);
    return rc;
}
