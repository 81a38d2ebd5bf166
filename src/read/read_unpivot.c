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

/* The record that became a row, which is one of those under way. */
static uint32_t rows_record(const struct read_job *j, uint32_t row) {
    return (uint32_t)(j->b->record[row] - j->c->first_record - j->first);
}

static void rows_lack(struct read_job *j, uint32_t c, uint32_t from, uint32_t k) {
    read_at(j, k);
    if (j->lose[k]) return; /* its bad value was reported */
    const struct read_cell *cell = read_cell_of(j->r, from, c);
    bool known = cell && cell->field != SM_NO && cell->field < j->f->n;
    char text[160];
    struct sm_str name = j->r->source->column[c].name;
    (void)snprintf(text, sizeof text, "required column %.*s is empty",
                   (int)(name.n > 100 ? 100 : name.n), name.p);
    read_find(j, SM_D_REQUIRED_EMPTY, SM_EFFECT_DROPPED, known ? cell->field + 1 : 0,
              known ? read_field(j, cell->field) : read_sample(j->f), sm_str(text));
    read_loses(j, SM_D_REQUIRED_EMPTY);
}

static void rows_required(struct read_job *j, uint32_t row, uint32_t from, uint32_t k, uint32_t n) {
    for (uint32_t i = 0; i < j->r->nrequired; i++) {
        const uint32_t c = j->r->required[i];
        const sm_val *v = j->b->col[c] + row;
        for (uint32_t at = 0; at < n; at++)
            if (v[at] == SM_MISSING) rows_lack(j, c, from, k + at);
    }
}

static sm_val rows_eval(struct read_job *j, uint32_t which, uint32_t row) {
    read_at(j, rows_record(j, row));
    j->row_env.row = row;
    j->row_env.pos = j->b->pos[row];
    j->row_env.usubjid = which ? j->b->col[j->r->source->ncolumn][row] : SM_MISSING;
    return sm_expr_eval(j->r->subject[which].e, &j->row_env);
}

struct rows_key {
    uint64_t of[READ_KEY], hash;
};

static sm_val rows_name(struct read_job *j, uint32_t which, uint32_t row,
                        const struct rows_key *k) {
    const struct read_subject *s = &j->r->subject[which];
    bool hit;
    struct read_memo *m = read_memo_find(j->w, &j->w->memo[s->memo], s->e, k->of, k->hash, &hit);
    if (!hit) {
        j->found = false;
        m->v = rows_eval(j, which, row);
        if (!j->found) m->who = s->e;
    }
    return m->v;
}

/* A subject's rows stand together, so what its name is made of mostly stands in the row above too.
 * The others are asked for together: with many subjects each is far from the processor. */
static void rows_names(struct read_job *j, uint32_t which, uint32_t row, uint32_t n, sm_val *to) {
    const struct read_subject *s = &j->r->subject[which];
    const sm_val *col[READ_KEY];
    struct rows_key key[READ_ROWS];
    uint32_t at[READ_ROWS + 1], many = 0;
    for (uint32_t i = 0; i < READ_KEY; i++)
        col[i] = j->b->col[s->col[i < s->ncol ? i : 0]] + row;
    for (uint32_t i = 0; i < n; i++) {
        if (i > 0 && ((col[0][i] ^ col[0][i - 1]) | (col[1][i] ^ col[1][i - 1]) |
                      (col[2][i] ^ col[2][i - 1]) | (col[3][i] ^ col[3][i - 1])) == 0)
            continue;
        struct rows_key *k = &key[many];
        at[many++] = i;
        for (uint32_t c = 0; c < READ_KEY; c++)
            k->of[c] = col[c][i];
        k->hash = read_memo_hash(k->of, SIZE_MAX);
        __builtin_prefetch(read_memo_place(&j->w->memo[s->memo], k->hash));
    }
    at[many] = n;
    for (uint32_t k = 0; k < many; k++) {
        const sm_val v = rows_name(j, which, row + at[k], &key[k]);
        for (uint32_t i = at[k]; i < at[k + 1]; i++)
            to[i] = v;
    }
}

/* USUBJID or SUBJID behind the canonical columns. */
static void rows_subject(struct read_job *j, uint32_t which, uint32_t row, uint32_t n) {
    const struct read_subject *s = &j->r->subject[which];
    sm_val *const *col = j->b->col, *to = col[j->r->source->ncolumn + which] + row;
    if (!s->e || s->same) {
        for (uint32_t i = 0; i < n; i++)
            to[i] = s->e ? col[s->col[0]][row + i] : SM_MISSING;
        return;
    }
    j->subject = true;
    if (s->keep)
        rows_names(j, which, row, n, to);
    else
        for (uint32_t i = 0; i < n; i++)
            to[i] = rows_eval(j, which, row + i);
    j->subject = false;
}

/* Closes the gaps that lost rows leave. Gives how many there are left. */
static uint32_t rows_keep(struct read_job *j, uint32_t row, uint32_t k, uint32_t n) {
    struct sm_batch *b = j->b;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (j->lose[k + i]) continue;
        for (uint32_t c = 0; kept < i && c < j->r->source->ncolumn; c++)
            b->col[c][row + kept] = b->col[c][row + i];
        b->pos[row + kept] = b->pos[row + i];
        b->record[row + kept++] = b->record[row + i];
    }
    return kept;
}

/* Books the rows from b->nrow on, of n records under way from the kth on, if nothing speaks against
 * them. */
static void rows_finish(struct read_job *j, uint32_t from, uint32_t copy, uint32_t k, uint32_t n) {
    struct sm_batch *b = j->b;
    const uint32_t row = b->nrow;
    const struct sm_span *span = &j->c->rec.v[j->first + k];
    for (uint32_t i = 0; i < n; i++) {
        b->pos[row + i] = sm_pos_make(b->file, j->c->line + span[i].line, copy);
        b->record[row + i] = j->c->first_record + j->first + k + i;
    }
    rows_required(j, row, from, k, n);
    if (j->lost) n = rows_keep(j, row, k, n);
    rows_subject(j, 0, row, n);
    rows_subject(j, 1, row, n);
    b->nrow += n;
}

static void rows_unpivot(struct read_job *j, const struct sm_unpivot *u, uint32_t *from_of) {
    struct sm_batch *b = j->b;
    uint32_t first = b->nrow, ncol = j->r->source->ncolumn;
    const uint32_t k = j->k;
    uint16_t lost = 0;
    sm_val *const *base = j->w->row, *const *row = base + ncol;
    for (uint32_t at = 0; at < u->nfrom; at++) {
        for (uint32_t c = 0; c < ncol; c++)
            *row[c] = *base[c];
        j->lose[k] = 0;
        read_cells(j, &j->r->from[at], row, 0, k, 1);
        if (u->skip_empty && *row[u->from[at].value_col] == SM_MISSING && !j->lose[k]) continue;
        for (uint32_t c = 0; c < ncol; c++)
            b->col[c][b->nrow] = *row[c];
        from_of[b->nrow] = at;
        rows_finish(j, at, b->nrow - first, k, 1);
        if (j->lose[k]) lost = j->lose[k];
    }
    if (b->nrow > first) return;
    if (lost)
        read_lose(j, SM_FATE_UNREADABLE, lost, NULL);
    else
        read_lose(j, SM_FATE_FILTERED, 0, u->nfrom ? &u->from[0].where : &j->r->file->where);
}

/* Number of the first <skip> that holds, from 1; 0 if none does. */
static uint32_t first_skip(struct read_job *j) {
    const struct sm_file *f = j->r->file;
    for (uint32_t i = 0; i < f->nskip_when; i++) {
        const struct sm_slot *input;
        const size_t n = sm_expr_inputs(f->skip_when[i].when, &input);
        read_inputs(j, input, n);
        if (sm_expr_test(f->skip_when[i].when, &j->raw_env)) return i + 1;
    }
    return 0;
}

/* The <skip> that leaves the record out; NULL if none does. */
static const struct sm_skip *rows_skip(struct read_job *j) {
    const struct read_skip *s = &j->r->skip;
    const struct sm_skip *all = j->r->file->skip_when;
    uint64_t key[READ_KEY] = {0}, first;
    if (s->keep) {
        bool hit;
        read_inputs(j, s->in, s->n);
        for (uint32_t i = 0; i < s->n; i++)
            key[i] = j->w->raw[s->in[i].index];
        struct read_memo *m = read_memo_find(j->w, &j->w->memo[s->memo], all, key,
                                             read_memo_hash(key, SIZE_MAX), &hit);
        j->found = false;
        if (!hit) m->v = first_skip(j);
        if (!hit && !j->found) m->who = all;
        first = m->v;
    } else {
        first = first_skip(j);
    }
    return first ? &all[first - 1] : NULL;
}

/* What tells repeated records, and rows of one key, from the others. */
static void rows_hash(struct read_job *j, uint32_t first) {
    struct sm_batch *b = j->b;
    const struct read_back *back = b->reader;
    sm_val *subject = (sm_val *)(uintptr_t)back->subject;
    uint32_t field = j->r->subject_field == SM_NO ? 0 : j->r->subject_field;
    for (uint32_t row = first; row < b->nrow; row++) {
        if (row > first && b->record[row] == b->record[row - 1]) {
            b->row_hash[row] = b->row_hash[row - 1];
            subject[row] = subject[row - 1];
            continue;
        }
        read_at(j, rows_record(j, row));
        for (uint32_t i = 0; i < j->f->n && j->many && j->f->changed; i++)
            j->f->v[i] = read_field(j, i);
        if (!read_fields_hash(j->f, j->r, &b->row_hash[row])) j->failed = true;
        struct sm_str who = read_clean(read_field(j, field), &j->w->clean);
        if (who.n > READ_SAMPLE * 4) who.n = 0;
        subject[row] = sm_val_make(j->w->in, who);
    }
}

static void rows_lose(struct read_job *j, uint32_t k, uint32_t n) {
    for (const uint32_t end = k + n; k < end; k++) {
        if (!j->lose[k]) continue;
        read_at(j, k);
        read_lose(j, SM_FATE_UNREADABLE, j->lose[k], NULL);
    }
}

/* Records that are not left out. */
static void rows_make(struct read_job *j, uint32_t k, uint32_t n) {
    struct sm_batch *b = j->b;
    const uint32_t first = b->nrow;
    if (j->lost) memset(j->lose, 0, sizeof j->lose);
    j->lost = false;
    read_cells(j, &j->r->base, b->col, first, k, n);
    rows_finish(j, 0, 0, k, n);
    if (j->lost) rows_lose(j, k, n);
    if (b->row_hash && b->nrow > first) rows_hash(j, first);
}

/* One that becomes several rows. */
static void rows_make_many(struct read_job *j, uint32_t k) {
    struct sm_batch *b = j->b;
    const struct read_back *back = b->reader;
    const uint32_t first = b->nrow;
    read_at(j, k);
    if (j->lost) memset(j->lose, 0, sizeof j->lose);
    j->lost = false;
    read_cells(j, &j->r->base, j->w->row, 0, k, 1);
    if (j->lost)
        rows_lose(j, k, 1);
    else
        rows_unpivot(j, j->r->file->unpivot, (uint32_t *)(uintptr_t)back->from);
    if (b->row_hash && b->nrow > first) rows_hash(j, first);
}

static void rows_take(struct read_job *j, uint32_t k, uint32_t end) {
    if (!j->r->file->unpivot && k < end) rows_make(j, k, end - k);
    for (; k < end && j->r->file->unpivot; k++)
        rows_make_many(j, k);
}

void read_rows(struct read_job *j, uint32_t k, uint32_t n) {
    const uint32_t end = k + n;
    for (uint32_t at = k; at < end && j->r->file->nskip_when; at++) {
        read_at(j, at);
        const struct sm_skip *skip = rows_skip(j);
        if (!skip) continue;
        rows_take(j, k, at);
        k = at + 1;
        read_at(j, at);
        read_lose(j, SM_FATE_FILTERED, 0, &skip->where);
    }
    rows_take(j, k, end);
}
