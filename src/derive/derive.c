/* SPDX-License-Identifier: MIT */
#include "derive/derive_priv.h"
#include "sdtmill/err.h"
#include "sdtmill/mem.h"

/* ---- expressions ----------------------------------------------------------------------------- */

static const sm_val *subject_values(const struct sm_env *env) {
    const struct sm_deriver *v = env->subject_ctx;
    return v->subject_refs;
}

static void problem(void *ctx, enum sm_expr_problem what, struct sm_str text, struct sm_slot slot) {
    static const uint16_t code[] = {
        [SM_EXPR_NOT_A_NUMBER] = SM_D_NOT_A_NUMBER, [SM_EXPR_UNKNOWN_KEY] = SM_D_UNKNOWN_KEY, [SM_EXPR_BAD_DATE] = SM_D_INVALID_DATE,
        [SM_EXPR_NO_RESULT] = SM_D_NOT_A_NUMBER, [SM_EXPR_TOO_COSTLY] = SM_D_EXPRESSION};
    struct sm_deriver *v = ctx;
    struct sm_valbuf b;
    (void)slot;
    struct sm_diag x = {.code = code[what], .line = sm_pos_line(v->pos[v->at_row]), .value = text, .domain = v->d->name,
                        .variable = v->d->var[v->at->var].name, .map_file = v->at->where.file, .map_line = v->at->where.line,
                        .map_column = v->at->where.column};
    if (v->files) x.file = v->files[sm_pos_file(v->pos[v->at_row])];
    if (v->d->usubjid != SM_NO) x.subject = sm_val_text(v->texts, der_row(v, v->at_row)[v->d->usubjid], &b);
    sm_diags_add(v->diags, &x, -1);
}

struct sm_env *der_env(struct sm_deriver *v, const struct sm_derive *r, const struct sm_expr *e, size_t row) {
    const struct sm_slot *in;
    const sm_val *cell = der_row(v, row);
    size_t n = sm_expr_inputs(e, &in);
    for (size_t i = 0; i < n; i++)
        if (in[i].kind == SM_SLOT_VAR) v->var[in[i].index] = cell + in[i].index;
    sm_val subject = v->d->usubjid == SM_NO ? SM_MISSING : cell[v->d->usubjid];
    if (subject != v->env.usubjid || !v->subject_refs)
        v->subject_refs = v->refs && subject != SM_MISSING ? sm_lut_find(v->refs, &subject) : NULL;
    v->env.usubjid = subject;
    v->env.pos = v->pos[row];
    if (v->files) v->env.file_name = v->files[sm_pos_file(v->pos[row])];
    v->at = r;
    v->at_row = row;
    return &v->env;
}

/* ---- opening --------------------------------------------------------------------------------- */

/* Do records of one subject stand together? */
static bool leads_by_subject(const struct sm_domain *d) {
    for (uint32_t k = 0; k < d->nkey; k++) {
        struct sm_str name = d->var[d->key[k]].name;
        if (d->key[k] == d->usubjid) return true;
        if (!sm_str_eq_c(name, "STUDYID") && !sm_str_eq_c(name, "DOMAIN")) return false;
    }
    return false;
}

uint32_t sm_deriver_ncol(const struct sm_domain *d) {
    return d->nvar + sm_domain_split(d, d->nvar);
}

static void choose_mode(struct sm_deriver *v) {
    const struct sm_domain *d = v->d;
    bool hold = false;
    v->whole = d->usubjid == SM_NO || !leads_by_subject(d);
    for (uint32_t i = 0; i < d->nderive; i++) {
        const struct sm_derive *r = &d->derive[i];
        hold = hold || r->kind != SM_DERIVE_SEQUENCE || der_sequence_needs_subject(r);
        if (r->kind == SM_DERIVE_SEQUENCE && der_sequence_needs_all(v, r)) v->whole = true;
    }
    v->mode = hold ? DER_HOLD : d->nderive || v->nsplit ? DER_STREAM : DER_PASS;
}

static int open_parts(struct sm_deriver *v, struct sm_err *err) {
    const struct sm_domain *d = v->d;
    v->var = sm_alloc((size_t)d->nvar + 1, sizeof *v->var);
    v->sequence = sm_alloc((size_t)d->nderive + 1, sizeof *v->sequence);
    v->split = sm_alloc((size_t)d->nvar + 1, sizeof *v->split);
    if (!v->var || !v->sequence || !v->split) return sm_fail(err, SM_ENOMEM, "out of memory");
    for (uint32_t c = 0; c < d->nvar; c++)
        if (d->var[c].split_supp) v->split[v->nsplit++] = c;
    v->ncol = d->nvar + v->nsplit;
    choose_mode(v);
    int rc = sm_lut_open(&v->noted, v->spec->texts, 1, 0, false, err);
    for (uint32_t i = 0; i < d->nderive && rc == SM_OK; i++)
        if (d->derive[i].kind == SM_DERIVE_SEQUENCE) rc = der_sequence_open(v, i, err);
    return rc;
}

int sm_deriver_open(struct sm_deriver **ret, const struct sm_spec *spec, const struct sm_domain *d, const struct sm_lut *refs,
                    const struct sm_lut *const *lut, struct sm_intern *in, struct sm_blocks input, const struct sm_str *files,
                    struct sm_diags *diags, struct sm_err *err) {
    struct sm_deriver *v = sm_alloc(1, sizeof *v);
    if (!v) return sm_fail(err, SM_ENOMEM, "out of memory");
    *v = (struct sm_deriver){.spec = spec, .d = d, .texts = sm_intern_texts(in), .in = in, .files = files, .diags = diags, .input = input,
                             .refs = refs, .yes = sm_val_make(in, SM_STR("Y"))};
    int rc = open_parts(v, err);
    if (rc != SM_OK) {
        sm_deriver_close(v);
        return rc;
    }
    v->env = (struct sm_env){.in = in, .var = v->var, .lut = lut, .subject = subject_values, .subject_ctx = v, .problem = problem,
                             .problem_ctx = v};
    *ret = v;
    return SM_OK;
}

void sm_deriver_restart(struct sm_deriver *v, struct sm_diags *diags) {
    v->diags = diags;
    v->n = v->open = v->ready = v->given = 0;
    v->over = false;
    v->env.usubjid = SM_MISSING;
    v->subject_refs = NULL;
    for (uint32_t i = 0; i < v->d->nderive; i++)
        if (v->d->derive[i].kind == SM_DERIVE_SEQUENCE) der_sequence_restart(v, i);
    if (!v->noted || sm_lut_count(v->noted) == 0) return;
    sm_lut_close(v->noted);
    v->noted = NULL;
    if (sm_lut_open(&v->noted, v->spec->texts, 1, 0, false, NULL) != SM_OK) v->failed = true;
}

void sm_deriver_close(struct sm_deriver *v) {
    if (!v) return;
    for (uint32_t i = 0; v->sequence && i < v->d->nderive; i++) der_sequence_close(&v->sequence[i]);
    der_groups_free(&v->groups);
    sm_lut_close(v->noted);
    sm_free(v->sequence);
    sm_free(v->var);
    sm_free(v->split);
    sm_free(v->cell);
    sm_free(v->pos);
    sm_free(v->flag);
    sm_free(v->candidate);
    sm_free(v->order);
    sm_free(v->order_tmp);
    sm_free(v->count);
    sm_free(v->number);
    sm_free(v);
}

/* ---- records through ------------------------------------------------------------------------- */

static int check(const struct sm_deriver *v, struct sm_err *err) {
    if (v->failed) return sm_fail(err, SM_ENOMEM, "out of memory");
    if (v->diags && v->diags->failed) return sm_fail(err, SM_ENOMEM, "out of memory for findings");
    return sm_intern_failed(v->in) ? sm_fail(err, SM_ELIMIT, "a text could not be kept") : SM_OK;
}

/* Copies a block behind the records held. */
static int take(struct sm_deriver *v, const struct sm_block *b, struct sm_err *err) {
    if (b->ncol != v->d->nvar) return sm_fail(err, SM_ESTATE, "a block has %u columns, not %u", b->ncol, v->d->nvar);
    int rc = sm_grow(&v->cell, &v->cap_cell, (v->n + b->nrow) * v->ncol, sizeof *v->cell, err);
    if (rc == SM_OK) rc = sm_grow(&v->pos, &v->cap_pos, v->n + b->nrow, sizeof *v->pos, err);
    if (rc != SM_OK) return rc;
    memcpy(v->pos + v->n, b->pos, b->nrow * sizeof *b->pos);
    if (v->nsplit == 0) {
        memcpy(der_row(v, v->n), b->cell, (size_t)b->nrow * b->ncol * sizeof *b->cell);
    } else {
        memset(der_row(v, v->n), 0, (size_t)b->nrow * v->ncol * sizeof *b->cell);
        for (uint32_t i = 0; i < b->nrow; i++) memcpy(der_row(v, v->n + i), b->cell + (size_t)i * b->ncol, b->ncol * sizeof *b->cell);
    }
    v->n += b->nrow;
    return SM_OK;
}

static int derive_range(struct sm_deriver *v, size_t from, size_t to, struct sm_err *err) {
    v->subject_refs = NULL;
    for (uint32_t i = 0; i < v->d->nderive; i++) {
        const struct sm_derive *r = &v->d->derive[i];
        int rc = r->kind == SM_DERIVE_SEQUENCE ? der_sequence_held(v, i, from, to, err) : der_flag_held(v, r, from, to, err);
        if (rc != SM_OK) return rc;
    }
    return SM_OK;
}

/* Derives the subjects that are complete, looking at the records from `from` on for the next one. */
static int derive_complete(struct sm_deriver *v, size_t from, struct sm_err *err) {
    const uint32_t u = v->d->usubjid;
    int rc = SM_OK;
    for (size_t i = from > v->open ? from : v->open + 1; !v->whole && i < v->n && rc == SM_OK; i++) {
        const sm_val x = der_row(v, i)[u], before = der_row(v, i - 1)[u];
        if (x == before || sm_val_eq(v->texts, x, before)) continue;
        rc = derive_range(v, v->open, i, err);
        v->open = i;
    }
    if (rc == SM_OK && v->over && v->open < v->n) {
        rc = derive_range(v, v->open, v->n, err);
        v->open = v->n;
    }
    if (rc == SM_OK && v->n - v->open > DER_HELD_MOST)
        rc = sm_fail(err, SM_ELIMIT, "more than %d records of %.*s must be held at a time to derive", DER_HELD_MOST, SM_STR_FMT(v->d->name));
    v->ready = v->open;
    return rc;
}

/* Forgets what has gone out and takes records until some are ready or nothing is left. */
static int hold_more(struct sm_deriver *v, struct sm_err *err) {
    v->n -= v->given;
    if (v->given && v->n) {
        memmove(v->cell, der_row(v, v->given), v->n * v->ncol * sizeof *v->cell);
        memmove(v->pos, v->pos + v->given, v->n * sizeof *v->pos);
    }
    v->open = v->ready = v->given = 0;
    while (v->ready == 0 && !v->over) {
        struct sm_block b;
        size_t from = v->n;
        int rc = v->input.next(v->input.ctx, &b, err);
        v->over = rc == SM_EOF;
        if (rc == SM_OK) rc = take(v, &b, err);
        if (rc == SM_OK || rc == SM_EOF) rc = derive_complete(v, from, err);
        if (rc != SM_OK) return rc;
    }
    return check(v, err);
}

static int hold_next(void *ctx, struct sm_block *ret, struct sm_err *err) {
    struct sm_deriver *v = ctx;
    if (v->given == v->ready) {
        int rc = hold_more(v, err);
        if (rc != SM_OK) return rc;
        if (v->ready == 0) return SM_EOF;
    }
    size_t n = v->ready - v->given < DER_ROWS ? v->ready - v->given : DER_ROWS;
    for (size_t i = 0; i < n && v->nsplit; i++) der_split_row(v, der_row(v, v->given + i));
    *ret = (struct sm_block){der_row(v, v->given), v->pos + v->given, (uint32_t)n, v->ncol};
    v->given += n;
    return SM_OK;
}

static int stream_next(void *ctx, struct sm_block *ret, struct sm_err *err) {
    struct sm_deriver *v = ctx;
    struct sm_block b;
    int rc = v->input.next(v->input.ctx, &b, err);
    if (rc != SM_OK) return rc;
    v->n = 0;
    rc = take(v, &b, err);
    for (uint32_t i = 0; i < v->d->nderive && rc == SM_OK; i++) rc = der_sequence_stream(v, i, v->cell, v->n, err);
    if (rc != SM_OK) return rc;
    for (size_t i = 0; i < v->n && v->nsplit; i++) der_split_row(v, der_row(v, i));
    *ret = (struct sm_block){v->cell, v->pos, b.nrow, v->ncol};
    return check(v, err);
}

/* The held records are the block's for this while. */
static int hold_in_place(struct sm_deriver *v, sm_val *cell, sm_pos *pos, uint32_t n, struct sm_err *err) {
    sm_val *const own_cell = v->cell;
    sm_pos *const own_pos = v->pos;
    v->cell = cell;
    v->pos = pos;
    v->n = n;
    v->over = true;
    int rc = derive_complete(v, 0, err);
    v->cell = own_cell;
    v->pos = own_pos;
    v->n = v->open = v->ready = v->given = 0;
    return rc;
}

int sm_deriver_in_place(struct sm_deriver *v, const struct sm_block *b, struct sm_err *err) {
    if (b->ncol != v->ncol) return sm_fail(err, SM_ESTATE, "a block has %u columns, not %u", b->ncol, v->ncol);
    if (v->nsplit) return sm_fail(err, SM_ESTATE, "texts that are continued need more columns");
    sm_val *cell = (sm_val *)(uintptr_t)b->cell;
    int rc = SM_OK;
    if (v->mode == DER_HOLD) rc = hold_in_place(v, cell, (sm_pos *)(uintptr_t)b->pos, b->nrow, err);
    for (uint32_t i = 0; i < v->d->nderive && v->mode == DER_STREAM && rc == SM_OK; i++)
        rc = der_sequence_stream(v, i, cell, b->nrow, err);
    return rc == SM_OK ? check(v, err) : rc;
}

struct sm_blocks sm_deriver_blocks(struct sm_deriver *v) {
    if (v->mode == DER_PASS) return v->input;
    return (struct sm_blocks){v->mode == DER_HOLD ? hold_next : stream_next, v};
}
