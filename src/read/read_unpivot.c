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
    for (uint32_t i = 0; i < j->r->nrequired; i++) {
        const uint32_t c = j->r->required[i];
        if (j->b->col[c][row] != SM_MISSING) continue;
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

static sm_val rows_name(struct read_job *j, uint32_t which, uint32_t row) {
    const struct read_subject *s = &j->r->subject[which];
    if (!s->keep) return sm_expr_eval(s->e, &j->row_env);
    uint64_t key[READ_KEY] = {0};
    for (uint32_t i = 0; i < s->ncol; i++)
        key[i] = j->b->col[s->col[i]][row];
    bool hit;
    struct read_memo *m = read_memo_find(j->w, &j->w->memo[s->memo], s->e, key, SIZE_MAX, &hit);
    if (!hit) {
        j->found = false;
        m->v = sm_expr_eval(s->e, &j->row_env);
        if (!j->found) m->who = s->e;
    }
    j->w->subject[which] = *m;
    return m->v;
}

/* A subject's rows stand together, so what it is made of mostly stands in the row before too. */
static inline sm_val rows_subject(struct read_job *j, uint32_t which, uint32_t row) {
    const struct read_subject *s = &j->r->subject[which];
    if (s->same) return j->b->col[s->col[0]][row];
    const struct read_memo *last = &j->w->subject[which];
    uint64_t differ = (uint64_t)(uintptr_t)s->e ^ (uint64_t)(uintptr_t)last->who;
    for (uint32_t i = 0; i < s->ncol; i++)
        differ |= j->b->col[s->col[i]][row] ^ last->key[i];
    return s->keep && differ == 0 ? last->v : rows_name(j, which, row);
}

/* USUBJID and SUBJID behind the canonical columns. */
static inline void rows_subjects(struct read_job *j, uint32_t row) {
    const struct read_subject *s = j->r->subject;
    sm_val **col = j->b->col + j->r->source->ncolumn;
    col[0][row] = col[1][row] = SM_MISSING;
    if (!s[0].e && !s[1].e) return;
    j->row_env.row = row;
    j->row_env.pos = j->b->pos[row];
    j->row_env.usubjid = SM_MISSING;
    j->subject = true;
    if (s[0].e) col[0][row] = rows_subject(j, 0, row);
    j->row_env.usubjid = col[0][row];
    if (s[1].e) col[1][row] = rows_subject(j, 1, row);
    j->subject = false;
}

/* Books the row at b->nrow if nothing speaks against it. */
static inline void rows_finish(struct read_job *j, uint32_t from, uint32_t copy) {
    struct sm_batch *b = j->b;
    uint32_t row = b->nrow;
    if (j->r->nrequired) rows_required(j, row, from);
    if (j->lose) return;
    b->pos[row] = sm_pos_make(b->file, j->line, copy);
    b->record[row] = j->number;
    rows_subjects(j, row);
    b->nrow++;
}

static void rows_unpivot(struct read_job *j, const struct sm_unpivot *u, uint32_t *from_of) {
    struct sm_batch *b = j->b;
    uint32_t first = b->nrow, ncol = j->r->source->ncolumn;
    uint16_t lost = 0;
    sm_val *const *base = j->w->row, *const *row = base + ncol;
    for (uint32_t k = 0; k < u->nfrom; k++) {
        for (uint32_t c = 0; c < ncol; c++)
            *row[c] = *base[c];
        j->lose = 0;
        read_cells(j, &j->r->from[k], row, 0);
        if (u->skip_empty && *row[u->from[k].value_col] == SM_MISSING && !j->lose) continue;
        for (uint32_t c = 0; c < ncol; c++)
            b->col[c][b->nrow] = *row[c];
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

/* What tells repeated records, and rows of one key, from the others. */
static void rows_hash(struct read_job *j, uint32_t first) {
    struct sm_batch *b = j->b;
    const struct read_back *back = b->reader;
    struct sm_hash128 hash;
    if (!read_fields_hash(j->f, j->r, &hash)) j->failed = true;
    uint32_t field = j->r->subject_field == SM_NO ? 0 : j->r->subject_field;
    struct sm_str who = read_clean(j->f->v[field], &j->w->clean);
    sm_val *subject = (sm_val *)(uintptr_t)back->subject;
    sm_val value = sm_val_make(j->w->in, who.n > READ_SAMPLE * 4 ? (struct sm_str){NULL, 0} : who);
    for (uint32_t row = first; row < b->nrow; row++) {
        b->row_hash[row] = hash;
        subject[row] = value;
    }
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
    if (r->file->unpivot) read_cells(j, &r->base, j->w->row, 0);
    if (!j->lose && r->file->unpivot) {
        rows_unpivot(j, r->file->unpivot, (uint32_t *)(uintptr_t)back->from);
    } else {
        if (!r->file->unpivot) read_cells(j, &r->base, b->col, first);
        rows_finish(j, 0, 0);
        if (j->lose) read_lose(j, SM_FATE_UNREADABLE, j->lose, NULL);
    }
    if (b->row_hash && b->nrow > first) rows_hash(j, first);
}
