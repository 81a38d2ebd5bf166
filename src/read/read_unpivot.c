/* SPDX-License-Identifier: MIT */
#include "read_priv.h"

/* read_unpivot.c - one raw record to its canonical rows: cells, subject, required columns. */

const struct read_cell *read_cell_of(const struct sm_reader *r, uint32_t from, uint32_t column) {
    if (r->file->unpivot && from < r->file->unpivot->nfrom)
        for (uint32_t i = 0; i < r->from[from].ncell; i++)
            if (r->from[from].cell[i].fc->column == column) return &r->from[from].cell[i];
    for (uint32_t i = 0; i < r->base.ncell; i++)
        if (r->base.cell[i].fc->column == column) return &r->base.cell[i];
    return NULL;
}

static void rows_required(struct read_job *j, uint32_t row, uint32_t from) {
    const struct sm_source *s = j->r->source;
    for (uint32_t c = 0; c < s->ncolumn; c++) {
        if (!s->column[c].required || j->b->col[c][row] != SM_MISSING) continue;
        const struct read_cell *cell = read_cell_of(j->r, from, c);
        bool known = cell && cell->field != SM_NO && cell->field < j->f->n;
        if (j->lose) continue; /* its bad value was reported */
        char text[160];
        struct sm_str name = s->column[c].name;
        (void)snprintf(text, sizeof text, "required column %.*s is empty",
                       (int)(name.n > 100 ? 100 : name.n), name.p);
        read_find(j, SM_D_REQUIRED_EMPTY, SM_EFFECT_DROPPED, known ? cell->field + 1 : 0,
                  known ? j->f->v[cell->field] : read_sample(j->f), sm_str(text));
        j->lose = SM_D_REQUIRED_EMPTY;
    }
}

static sm_val rows_subject(struct read_job *j, const struct sm_expr *e, size_t table,
                           uint32_t row) {
    const struct sm_slot *input;
    size_t n = sm_expr_inputs(e, &input);
    struct read_memo *m = NULL;
    if (n <= READ_KEY && sm_expr_is_pure(e)) {
        uint64_t key[READ_KEY] = {0};
        bool hit;
        for (size_t i = 0; i < n; i++)
            if (input[i].kind == SM_SLOT_COLUMN) key[i] = j->b->col[input[i].index][row];
        m = read_memo_find(j->w->memo[table], e, key, SIZE_MAX, &hit);
        if (hit) return m->v;
    }
    j->found = false;
    sm_val v = sm_expr_eval(e, &j->row_env);
    if (m) m->v = v;
    if (m && !j->found) m->who = e;
    return v;
}

/* USUBJID and SUBJID behind the canonical columns. */
static void rows_subjects(struct read_job *j, uint32_t row) {
    const struct sm_source *s = j->r->source;
    sm_val **col = j->b->col;
    col[s->ncolumn][row] = col[s->ncolumn + 1][row] = SM_MISSING;
    if (!s->usubjid && !s->subjid) return;
    j->row_env.row = row;
    j->row_env.pos = j->b->pos[row];
    j->row_env.usubjid = SM_MISSING;
    j->subject = true;
    if (s->usubjid) col[s->ncolumn][row] = rows_subject(j, s->usubjid, j->r->ncell, row);
    j->row_env.usubjid = col[s->ncolumn][row];
    if (s->subjid) col[s->ncolumn + 1][row] = rows_subject(j, s->subjid, j->r->ncell + 1, row);
    j->subject = false;
}

/* Books the row at b->nrow if nothing speaks against it. */
static void rows_finish(struct read_job *j, uint32_t from, uint32_t copy) {
    struct sm_batch *b = j->b;
    uint32_t row = b->nrow;
    rows_required(j, row, from);
    if (j->lose) return;
    b->pos[row] = sm_pos_make(b->file, j->line, copy);
    b->record[row] = j->number;
    rows_subjects(j, row);
    b->nrow++;
}

static void rows_plan(struct read_job *j, const struct read_plan *plan, sm_val *to) {
    for (uint32_t i = 0; i < plan->ncell; i++)
        to[plan->cell[i].fc->column] = read_cell_value(j, &plan->cell[i]);
}

static void rows_unpivot(struct read_job *j, const struct sm_unpivot *u, uint32_t *from_of) {
    struct sm_batch *b = j->b;
    uint32_t first = b->nrow;
    uint16_t lost = 0;
    sm_val *base = j->w->base, *row = base + j->r->source->ncolumn;
    for (uint32_t k = 0; k < u->nfrom; k++) {
        const struct read_plan *plan = &j->r->from[k];
        memcpy(row, base, j->r->source->ncolumn * sizeof *row);
        j->lose = 0;
        rows_plan(j, plan, row);
        if (u->skip_empty && row[u->from[k].value_col] == SM_MISSING && !j->lose) continue;
        for (uint32_t c = 0; c < j->r->source->ncolumn; c++)
            b->col[c][b->nrow] = row[c];
        from_of[b->nrow] = k;
        rows_finish(j, k, b->nrow - first);
        if (j->lose) lost = j->lose;
    }
    if (b->nrow > first) return;
    if (lost)
        read_lose(j, SM_FATE_UNREADABLE, lost, NULL);
    else
        read_lose(j, SM_FATE_FILTERED, 0, u->nfrom ? &u->from[0].where : &j->r->file->where);
}

static bool rows_skipped(struct read_job *j) {
    for (uint32_t i = 0; i < j->r->file->nskip_when; i++) {
        const struct sm_skip *skip = &j->r->file->skip_when[i];
        const struct sm_slot *input;
        size_t n = sm_expr_inputs(skip->when, &input);
        read_inputs(j, input, n);
        if (!sm_expr_test(skip->when, &j->raw_env)) continue;
        read_lose(j, SM_FATE_FILTERED, 0, &skip->where);
        return true;
    }
    return false;
}

void read_rows(struct read_job *j) {
    struct sm_batch *b = j->b;
    const struct sm_reader *r = j->r;
    const struct read_back *back = b->reader;
    uint32_t first = b->nrow;
    j->w->tick++;
    j->raw_env.pos = sm_pos_make(b->file, j->line, 0);
    if (rows_skipped(j)) return;
    j->lose = 0;
    memset(j->w->base, 0, r->source->ncolumn * sizeof *j->w->base);
    rows_plan(j, &r->base, j->w->base);
    if (!j->lose && r->file->unpivot) {
        rows_unpivot(j, r->file->unpivot, (uint32_t *)(uintptr_t)back->from);
    } else {
        for (uint32_t c = 0; c < r->source->ncolumn; c++)
            b->col[c][first] = j->w->base[c];
        rows_finish(j, 0, 0);
        if (j->lose) read_lose(j, SM_FATE_UNREADABLE, j->lose, NULL);
    }
    if (!b->row_hash || b->nrow == first) return;
    struct sm_hash128 hash;
    if (!read_fields_hash(j->f, r, &hash)) j->failed = true;
    uint32_t field = r->subject_field == SM_NO ? 0 : r->subject_field;
    struct sm_str who = read_clean(j->f->v[field], &j->w->clean);
    sm_val *subject = (sm_val *)(uintptr_t)back->subject;
    sm_val value = sm_val_make(j->w->in, who.n > READ_SAMPLE * 4 ? (struct sm_str){NULL, 0} : who);
    for (uint32_t row = first; row < b->nrow; row++) {
        b->row_hash[row] = hash;
        subject[row] = value;
    }
}
