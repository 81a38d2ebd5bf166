/* SPDX-License-Identifier: MIT */
#include "map/map_priv.h"

/* For rows without a file: what unknown parts of dates look like by default. */
static const struct sm_dtc_rules default_rules = {{"UN|UNK|NK|NA|--|??", 18}, 68};

int sm_map_worker_open(struct sm_map_worker **ret, const struct sm_spec *spec,
                       const struct sm_runtime *rt, struct sm_intern *in, struct sm_err *err) {
    struct sm_map_worker *w = sm_alloc(1, sizeof *w);
    if (!w) return sm_fail(err, SM_ENOMEM, "out of memory");
    w->spec = spec;
    w->rt = rt;
    w->in = in;
    sm_arena_init(&w->arena);
    sm_arena_init(&w->scratch);
    sm_buf_init(&w->text, 0);
    *ret = w;
    return SM_OK;
}

void sm_map_worker_close(struct sm_map_worker *w) {
    if (!w) return;
    for (struct map_plan *p = w->plan; p; p = p->next)
        map_plan_free(w, p);
    sm_buf_free(&w->text);
    sm_arena_free(&w->scratch);
    map_room_free(&w->room);
    sm_arena_free(&w->arena);
    sm_free(w);
}

/* ---- where values come from -------------------------------------------------------------------
 */

static sm_val current_id(const struct map_run *m) {
    if (m->id_row) return m->id_row[m->row];
    return m->id_rec ? m->id_rec[m->rec] : SM_MISSING;
}

static const sm_val *refs_of(const struct map_run *m, sm_val id) {
    const struct sm_lut *refs = m->w->rt->refs;
    if (id == SM_MISSING || !refs) return NULL;
    uint64_t h = (id ^ id >> 32) * UINT64_C(0x9E3779B97F4A7C15);
    struct map_subject *s = &m->subject[h >> (64 - MAP_SUBJECT_BITS)];
    if (s->id != id) *s = (struct map_subject){id, sm_lut_find(refs, &id)};
    return s->ref;
}

const sm_val *map_subject(const struct sm_env *env) {
    const struct map_run *m = env->subject_ctx;
    return refs_of(m, current_id(m));
}

sm_val map_slot(const struct map_run *m, struct sm_slot s) {
    const sm_val *ref;
    switch (s.kind) {
    case SM_SLOT_COLUMN:
        return m->col[s.index][m->row];
    case SM_SLOT_VAR:
        return m->var[s.index][m->rec];
    case SM_SLOT_PARAM:
        return m->param[s.index];
    case SM_SLOT_REF:
        ref = refs_of(m, current_id(m));
        return ref ? ref[s.index] : SM_MISSING;
    case SM_SLOT_NONE:
        break;
    }
    return SM_MISSING;
}

/* References of n subjects, of which neighbours mostly are the same. */
static bool refs_of_each(struct map_run *m, const sm_val *id, uint32_t n) {
    const struct sm_lut *refs = m->w->rt->refs;
    struct map_refs *of = map_room_zero(m, 1, sizeof *of);
    sm_val *key = map_room_take(m, (size_t)n + 1, sizeof *key), last = SM_MISSING;
    if (!of || !key) return false;
    of->from = map_room_take(m, (size_t)n + 1, sizeof *of->from);
    if (!of->from) return false;
    for (uint32_t i = 0; i < n && refs; i++) { /* subjects that are missing have none */
        key[of->n] = id[i];
        of->from[of->n] = i;
        of->n += id[i] != last;
        last = id[i];
    }
    of->from[of->n] = n;
    of->first = of->n ? of->from[0] : n;
    of->ref = map_room_take(m, (size_t)of->n + 1, sizeof *of->ref);
    if (!of->ref) return false;
    if (of->n) sm_lut_find_each(refs, key, of->n, of->ref);
    for (uint32_t k = 0; k < of->n; k++)
        if (key[k] == SM_MISSING) of->ref[k] = NULL;
    m->id_ref = of;
    return true;
}

/* One reference of each row's (or, without a subject column, each record's) subject as a column. */
static const sm_val *ref_column(struct map_run *m, uint32_t index) {
    const sm_val *id = m->id_row ? m->id_row : m->id_rec;
    uint32_t nid = m->id_row ? m->nrow : m->nrec, n = m->nrow > m->nrec ? m->nrow : m->nrec;
    if (!m->ref) m->ref = map_room_zero(m, (size_t)m->spec->nref + 1, sizeof *m->ref);
    if (!m->ref) return NULL;
    if (m->ref[index]) return m->ref[index];
    sm_val *col = id ? map_room_take(m, (size_t)nid + 1, sizeof *col)
                     : map_room_zero(m, (size_t)n + 1, sizeof *col);
    if (col && id && !m->id_ref && !refs_of_each(m, id, nid)) return NULL;
    const struct map_refs *of = col && id ? m->id_ref : NULL;
    for (uint32_t i = 0; of && i < of->first; i++)
        col[i] = SM_MISSING;
    for (uint32_t k = 0; of && k < of->n; k++) {
        const sm_val v = of->ref[k] ? of->ref[k][index] : SM_MISSING;
        for (uint32_t i = of->from[k]; i < of->from[k + 1]; i++)
            col[i] = v;
    }
    return m->ref[index] = col;
}

/* References by record hold for one template: the next one's subjects are not known yet. */
static void ref_forget(struct map_run *m) {
    if (m->id_row) return;
    m->ref = NULL;
    m->id_ref = NULL;
}

bool map_source_of(struct map_run *m, struct sm_slot s, const struct map_sel *sel,
                   struct map_src *ret) {
    ret->at = sel->row;
    switch (s.kind) {
    case SM_SLOT_COLUMN:
        ret->base = m->col[s.index];
        break;
    case SM_SLOT_PARAM:
        ret->base = m->col[m->tpl->record->repeat];
        break;
    case SM_SLOT_REF:
        ret->base = ref_column(m, s.index);
        if (!m->id_row) ret->at = sel->rec;
        break;
    case SM_SLOT_VAR:
        ret->base = m->var[s.index];
        ret->at = sel->rec;
        break;
    case SM_SLOT_NONE:
        return false;
    }
    return ret->base != NULL;
}

void map_at(struct map_run *m, uint32_t row, uint32_t rec) {
    m->row = row;
    m->rec = rec;
    if (m->post)
        m->tpl = &m->plan->tpl[sm_pos_copy(m->rec_pos[rec]) % m->plan->copies - m->plan->copy];
    const struct sm_record *t = m->tpl ? m->tpl->record : NULL;
    m->param[0] = t && t->repeat != SM_NO ? m->col[t->repeat][row] : SM_MISSING;
    m->param[1] = t ? t->param[1] : SM_MISSING;
    m->env.row = row;
    m->env.rec = rec;
    m->env.pos = m->pos[row];
    m->env.usubjid = current_id(m);
}

void map_reject(struct map_run *m, uint16_t code) {
    m->dirty = true;
    if (m->rejected && !m->rejected[m->rec]) m->rejected[m->rec] = code;
    m->rejects = true;
}

/* ---- one batch ---------------------------------------------------------------------------------
 */

/* While rows are chosen there are no records: variables read as missing, by row. */
static bool no_variables(struct map_run *m, uint32_t nvar) {
    bool read = m->plan->filter.expr != NULL;
    for (uint32_t t = 0; t < m->plan->ntpl; t++)
        read |= m->plan->tpl[t].guard != SM_NO;
    sm_val *none = map_room_zero(m, read ? (size_t)m->nrow + 1 : 1, sizeof *none);
    m->var = map_room_take(m, (size_t)nvar + 1, sizeof *m->var);
    for (uint32_t v = 0; none && m->var && v < nvar; v++)
        m->var[v] = none;
    return none && m->var;
}

static int run_begin(struct map_run *m, struct sm_map_worker *w, uint32_t nvar,
                     struct sm_err *err) {
    m->w = w;
    m->spec = w->spec;
    m->in = w->in;
    m->texts = sm_intern_texts(w->in);
    m->subject = map_room_zero(m, (size_t)1 << MAP_SUBJECT_BITS, sizeof *m->subject);
    if (!m->subject || !no_variables(m, nvar)) return sm_fail(err, SM_ENOMEM, "out of memory");
    m->env = (struct sm_env){.in = w->in,
                             .col = m->col,
                             .var = (const sm_val *const *)m->var,
                             .param = m->param,
                             .lut = w->rt->lut,
                             .subject = map_subject,
                             .subject_ctx = m,
                             .dates = m->file ? m->file->dates : NULL,
                             .times = m->file ? m->file->times : NULL,
                             .rules = m->file ? &m->file->rules : &default_rules,
                             .problem = map_expr_problem,
                             .problem_ctx = m};
    if (m->batch) m->env.file_name = m->batch->file_name;
    map_plan_file(m->plan, m->file);
    map_kinds_begin(m->plan);
    return SM_OK;
}

static int run_end(const struct map_run *m, struct sm_err *err) {
    if (m->nomem || m->diags->failed) return sm_fail(err, SM_ENOMEM, "out of memory");
    if (sm_intern_failed(m->in))
        return sm_fail(err, SM_ELIMIT, "a text is above 1 MiB, or memory is short");
    return SM_OK;
}

static int batch_begin(struct map_run *m, struct sm_map_worker *w, const struct sm_source *s,
                       struct sm_batch *b, struct sm_err *err) {
    m->source = s;
    m->batch = b;
    m->diags = &b->diags;
    m->col = (const sm_val *const *)b->col;
    m->pos = b->pos;
    m->nrow = b->nrow;
    if (s->usubjid) m->id_row = b->col[sm_source_usubjid(s)];
    b->all_used = false;
    b->verdict = sm_arena_array(&b->arena, (size_t)b->nrow + 1, sizeof *b->verdict);
    m->verdict = b->verdict;
    sm_arena_reset(&w->scratch);
    map_room_reset(&w->room);
    return b->verdict ? SM_OK : sm_fail(err, SM_ENOMEM, "out of memory");
}

/* What is not easy is left to the memo. */
static void run_rule(struct map_run *m, struct map_rule *r, const struct map_sel *sel) {
    sm_val *dst[MAP_OUTS];
    uint32_t n = 0;
    struct map_sel rest = *sel;
    for (const struct map_rule *x = r; x; x = x->next)
        for (uint32_t o = 0; o < x->nout; o++)
            dst[n++] = x->out[o] == SM_NO ? NULL : m->var[x->out[o]];
    if (r->op.fast && !m->w->memo_none) {
        uint32_t *at = map_room_take(m, (size_t)sel->n + 1, sizeof *at);
        if (!at) return;
        map_settle(m, r, sel);
        n = r->op.fast(m, r, sel, dst, at);
        if (n == 0 || !map_pick(m, sel, at, n, &rest)) return;
    }
    map_memo_run(m, r, &rest, dst);
}

static void run_rules(struct map_run *m, struct map_template *t, const struct map_sel *all) {
    map_guard_reset(&t->guards);
    ref_forget(m);
    for (uint32_t i = 0; i < t->nrule && !m->nomem; i++) {
        struct map_rule *r = &t->rule[i];
        struct map_sel sel = *all;
        if (r->follows) continue;
        if (r->guard != SM_NO && !map_guard_select(m, &t->guards, r->guard, all, &sel)) return;
        if (sel.n == 0) continue;
        m->rule = r;
        if (r->op.bulk) {
            map_settle(m, r, &sel);
            r->op.bulk(m, r, &sel);
            continue;
        }
        run_rule(m, r, &sel);
    }
}

static int records_begin(struct map_run *m, const struct map_sel *sel, struct sm_recs *out,
                         struct sm_err *err) {
    uint32_t nvar = m->domain->nvar, base = out->nrow;
    if (m->nrec > UINT32_MAX - base)
        return sm_fail(err, SM_ELIMIT, "more than 4 billion records in one batch");
    int rc = sm_recs_reserve(out, nvar, base + m->nrec, err);
    if (rc) return rc;
    m->rejected = map_room_zero(m, (size_t)m->nrec + 1, sizeof *m->rejected);
    if (!m->rejected) return sm_fail(err, SM_ENOMEM, "out of memory");
    for (uint32_t v = 0; v < nvar; v++)
        m->var[v] = out->col[v] + base;
    for (uint32_t i = 0; i < m->plan->nzero; i++)
        memset(m->var[m->plan->zero[i]], 0, m->nrec * sizeof(sm_val));
    if (!m->id_row && m->domain->usubjid != SM_NO) m->id_rec = m->var[m->domain->usubjid];
    m->rec_pos = out->pos + base;
    return map_number_positions(m, sel, out->pos + base, err);
}

static void settle_verdict(const struct map_run *m, uint32_t rec) {
    struct sm_verdict *v = &m->verdict[m->rec_row ? m->rec_row[rec] : rec];
    if (!m->rejected[rec])
        *v = (struct sm_verdict){SM_FATE_USED, 0, NULL};
    else if (!m->rec_row || v->fate == SM_FATE_FILTERED)
        *v = (struct sm_verdict){SM_FATE_REJECTED, m->rejected[rec], NULL};
}

static void keep_only(struct map_run *m, const uint32_t *at, uint32_t kept, sm_pos *pos) {
    for (uint32_t v = 0; v < m->domain->nvar; v++)
        for (uint32_t i = 0; i < kept; i++)
            m->var[v][i] = m->var[v][at[i]];
    for (uint32_t i = 0; i < kept; i++)
        pos[i] = pos[at[i]];
}

/* Takes rejected records out and settles what became of each row. */
static void records_end(struct map_run *m, struct sm_recs *out) {
    bool all = !m->rejects && !m->rec_row; /* each row has a record */
    if (m->batch) m->batch->all_used = all;
    for (uint32_t rec = 0; rec < m->nrec && m->verdict; rec++)
        if (all)
            m->verdict[rec] = (struct sm_verdict){SM_FATE_USED, 0, NULL};
        else
            settle_verdict(m, rec);
    uint32_t kept = m->nrec;
    if (m->rejects) {
        uint32_t *at = map_room_take(m, (size_t)m->nrec + 1, sizeof *at);
        if (!at) return;
        kept = 0;
        for (uint32_t rec = 0; rec < m->nrec; rec++) {
            at[kept] = rec;
            kept += !m->rejected[rec];
        }
        keep_only(m, at, kept, out->pos + out->nrow);
    }
    out->nrow += kept;
}

static int run_domain(struct map_run *m, struct sm_recs *out, struct sm_err *err) {
    struct map_plan *p = m->plan;
    struct map_sel rows, post, *sel = map_room_take(m, (size_t)p->ntpl + 1, sizeof *sel);
    if (!sel) return sm_fail(err, SM_ENOMEM, "out of memory");
    int rc = map_choose_rows(m, &rows, err);
    if (!rc) rc = map_choose_records(m, &rows, sel, err);
    if (!rc && m->nrec == 0) return run_end(m, err);
    if (!rc) rc = records_begin(m, sel, out, err);
    if (rc) return rc;
    for (uint32_t t = 0; t < p->ntpl; t++) {
        m->tpl = &p->tpl[t];
        if (sel[t].n) run_rules(m, &p->tpl[t], &sel[t]);
    }
    m->post = true;
    post = (struct map_sel){m->nrec, NULL, m->rec_row};
    run_rules(m, &p->post, &post);
    records_end(m, out);
    return run_end(m, err);
}

int sm_map_batch(struct sm_map_worker *w, const struct sm_domain *d, const struct sm_from *f,
                 const struct sm_source *s, const struct sm_file *file, struct sm_batch *b,
                 struct sm_recs *out, struct sm_err *err) {
    struct map_run m = {.domain = d, .file = file};
    int rc = batch_begin(&m, w, s, b, err);
    if (rc) return rc;
    m.plan = map_plan_get(w, d, f, err);
    if (!m.plan) return SM_ENOMEM;
    rc = run_begin(&m, w, d->nvar, err);
    return rc ? rc : run_domain(&m, out, err);
}

/* Columns of a block of finished records, which lies row by row. */
static const sm_val *const *turned(struct map_run *m, const struct sm_domain *from,
                                   const struct sm_block *in) {
    sm_val **col = map_room_take(m, (size_t)in->ncol + 1, sizeof *col);
    sm_val *cell = map_room_take(m, (size_t)in->ncol * in->nrow + 1, sizeof *cell);
    if (!col || !cell) return NULL;
    for (uint32_t c = 0; c < in->ncol; c++)
        col[c] = cell + (size_t)c * in->nrow;
    const sm_val *row = in->cell;
    for (uint32_t i = 0; i < in->nrow; i++, row += in->ncol)
        for (uint32_t c = 0; c < in->ncol; c++)
            col[c][i] = c < from->nvar ? sm_domain_whole(from, row, in->ncol, c) : row[c];
    return (const sm_val *const *)col;
}

int sm_map_block(struct sm_map_worker *w, const struct sm_domain *d, const struct sm_from *f,
                 const struct sm_domain *from, const struct sm_block *in, struct sm_recs *out,
                 struct sm_diags *diags, struct sm_err *err) {
    struct map_run m = {.domain = d, .diags = diags, .pos = in->pos, .nrow = in->nrow};
    sm_arena_reset(&w->scratch);
    map_room_reset(&w->room);
    m.w = w;
    m.col = turned(&m, from, in);
    if (!m.col) return sm_fail(err, SM_ENOMEM, "out of memory");
    if (from->usubjid != SM_NO) m.id_row = m.col[from->usubjid];
    m.plan = map_plan_get(w, d, f, err);
    if (!m.plan) return SM_ENOMEM;
    int rc = run_begin(&m, w, d->nvar, err);
    return rc ? rc : run_domain(&m, out, err);
}

/* ---- lookups --------------------------------------------------------------------------------- */

/* Drops entries that say nothing, compacting the columns. */
static void lookup_end(struct map_run *m, const struct sm_lookup *l, const struct map_sel *rows,
                       struct sm_recs *out) {
    uint32_t kept = 0;
    for (uint32_t k = 0; k < m->nrec; k++) {
        uint32_t row = rows->row ? rows->row[k] : k;
        bool has_key = l->nkey == 0;
        for (uint32_t c = 0; c < l->nkey && !has_key; c++)
            has_key = m->var[c][k] != SM_MISSING;
        if (!has_key || m->var[l->nkey][k] == SM_MISSING) continue;
        for (uint32_t c = 0; c <= l->nkey; c++)
            m->var[c][kept] = m->var[c][k];
        out->pos[out->nrow + kept] = m->pos[row];
        m->verdict[row] = (struct sm_verdict){SM_FATE_USED, 0, NULL};
        kept++;
    }
    out->nrow += kept;
}

static int run_lookup(struct map_run *m, const struct sm_lookup *l, struct sm_recs *out,
                      struct sm_err *err) {
    struct map_sel rows;
    int rc = map_choose_rows(m, &rows, err);
    if (rc) return rc;
    m->nrec = rows.n;
    rc = sm_recs_reserve(out, l->nkey + 1, out->nrow + rows.n, err);
    if (rc) return rc;
    for (uint32_t c = 0; c <= l->nkey; c++)
        m->var[c] = out->col[c] + out->nrow;
    if (m->plan->nexpr <= l->nkey) memset(m->var[l->nkey], 0, rows.n * sizeof(sm_val));
    struct map_sel dense = {rows.n, NULL, rows.row};
    for (uint32_t c = 0; c < m->plan->nexpr; c++)
        map_memo_run(m, &m->plan->expr[c], &dense, &m->var[c]);
    if (l->take == SM_TAKE_COUNT) {
        sm_val one = sm_val_from_i64(m->in, 1);
        for (uint32_t k = 0; k < rows.n; k++)
            m->var[l->nkey][k] = one;
    }
    lookup_end(m, l, &rows, out);
    return run_end(m, err);
}

int sm_map_lookup(struct sm_map_worker *w, const struct sm_lookup *l,
                  const struct sm_lookup_from *f, const struct sm_source *s,
                  const struct sm_file *file, struct sm_batch *b, struct sm_recs *out,
                  struct sm_err *err) {
    struct map_run m = {.file = file};
    int rc = batch_begin(&m, w, s, b, err);
    if (rc) return rc;
    m.plan = map_plan_lookup(w, l, f, err);
    if (!m.plan) return SM_ENOMEM;
    rc = run_begin(&m, w, l->nkey + 1, err);
    return rc ? rc : run_lookup(&m, l, out, err);
}
