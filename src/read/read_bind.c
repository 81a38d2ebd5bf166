/* SPDX-License-Identifier: MIT */
#include "read_priv.h"

/* read_bind.c - the header of one file against what the mapping says of it. */

struct bind {
    struct sm_reader *r;
    struct sm_diags *diags;
    struct sm_err *err;
    bool *claimed; /* [nname] some rule reads the column */
    bool *needed;  /* [file->nraw] the file is refused without it */
    int rc;
};

static void bind_find(struct bind *b, uint16_t code, uint32_t field, struct sm_str column,
                      struct sm_str detail) {
    struct sm_diag d = {.code = code,
                        .file = b->r->input->name,
                        .line = b->r->header_line,
                        .field = field,
                        .column = column,
                        .detail = detail};
    if (!b->r->opts.quiet) sm_diags_add(b->diags, &d, -1);
}

/* ---- names ----------------------------------------------------------------------------------- */
/* Case-blind form of a name, without outer blanks. */
static struct sm_str bind_fold(struct sm_arena *a, struct sm_str s) {
    s = sm_str_trim_unicode(s);
    char *out = sm_arena_alloc(a, s.n * 2 + 4);
    if (!out) return (struct sm_str){NULL, 0};
    size_t n = 0;
    bool valid = sm_utf8_invalid(s, NULL) == SIZE_MAX;
    for (const char *p = s.p, *end = p + s.n; valid && p && p < end && n < s.n * 2;)
        n += sm_utf8_put(out + n, sm_utf8_lower(sm_utf8_next(&p, end)));
    return valid ? (struct sm_str){out, n} : s;
}

/* Fields with this name: their number, the first one in *ret. */
static uint32_t bind_count(const struct sm_str *name, uint32_t n, struct sm_str want,
                           uint32_t *ret) {
    uint32_t found = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (!sm_str_eq(name[i], want)) continue;
        if (found == 0) *ret = i;
        found++;
    }
    return found;
}

static struct sm_str bind_nearest(const struct sm_reader *r, struct sm_str want) {
    struct sm_str best = {NULL, 0};
    unsigned least = 4;
    for (uint32_t i = 0; i < r->nname; i++) {
        unsigned d = r->name[i].n ? sm_str_distance(r->name[i], want, 3) : 4;
        if (d >= least || d >= want.n) continue;
        least = d;
        best = r->name[i];
    }
    return best;
}

static struct sm_str bind_text(struct bind *b, struct sm_str s) {
    if (s.n == 0 && !b->err->code) (void)sm_fail(b->err, SM_ENOMEM, "out of memory");
    return s;
}

static void bind_missing(struct bind *b, struct sm_str want) {
    struct sm_reader *r = b->r;
    struct sm_str near = bind_nearest(r, want);
    struct sm_diag d = {.code = SM_D_MISSING_COLUMN,
                        .file = r->input->name,
                        .line = r->header_line,
                        .column = want,
                        .value = near};
    d.detail = near.n ? sm_arena_printf(&r->arena,
                                        "column \"%.*s\" is not in the header; nearest is \"%.*s\"",
                                        SM_STR_FMT(want), SM_STR_FMT(near))
                      : sm_arena_printf(&r->arena, "column \"%.*s\" is not in the header",
                                        SM_STR_FMT(want));
    b->rc = read_refuse(r, b->diags, &d, b->err);
}

/* Raw name k of the <file> to a field of this file. */
static void bind_raw(struct bind *b, uint32_t k, const struct sm_str *folded) {
    struct sm_reader *r = b->r;
    struct sm_str want = r->file->raw[k], low = folded[r->nname + k];
    uint32_t at = SM_NO, n = bind_count(r->name, r->nname, want, &at);
    bool exact = n > 0;
    if (n == 0) n = bind_count(folded, r->nname, low, &at);
    r->raw[k].field = n ? at : SM_NO;
    if (n == 0 && b->needed[k]) bind_missing(b, want);
    if (n == 0) return;
    if (n > 1) {
        struct sm_diag d = {.code = SM_D_DUPLICATE_HEADER,
                            .file = r->input->name,
                            .line = r->header_line,
                            .field = at + 1,
                            .column = r->name[at]};
        b->rc = read_refuse(r, b->diags, &d, b->err);
        return;
    }
    b->claimed[at] = true;
    if (exact) return;
    bind_find(
        b, SM_D_HEADER_CASE, at + 1, r->name[at],
        bind_text(b, sm_arena_printf(&r->arena, "the mapping says \"%.*s\"", SM_STR_FMT(want))));
}

/* ---- what is needed -------------------------------------------------------------------------- */
static void bind_need_inputs(struct bind *b, const struct sm_expr *e) {
    const struct sm_slot *input;
    size_t n = sm_expr_inputs(e, &input);
    for (size_t i = 0; i < n; i++)
        if (input[i].kind == SM_SLOT_COLUMN) b->needed[input[i].index] = true;
}

static void bind_need(struct bind *b, const struct sm_filecol *fc, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        if (b->r->source->column[fc[i].column].optional) continue;
        if (fc[i].how == SM_SUPPLY_HEADER)
            b->needed[fc[i].raw] = true;
        else if (fc[i].how == SM_SUPPLY_EXPR)
            bind_need_inputs(b, fc[i].expr);
    }
}

static void bind_need_all(struct bind *b) {
    const struct sm_file *f = b->r->file;
    bind_need(b, f->col, f->ncol);
    for (uint32_t i = 0; f->unpivot && i < f->unpivot->nfrom; i++)
        bind_need(b, f->unpivot->from[i].col, f->unpivot->from[i].ncol);
    for (uint32_t i = 0; i < f->nskip_when; i++)
        bind_need_inputs(b, f->skip_when[i].when);
}

/* ---- plans ----------------------------------------------------------------------------------- */
static bool bind_tokens(struct sm_reader *r, struct sm_str tokens, const struct sm_str **ret,
                        uint32_t *ret_n) {
    *ret = NULL;
    *ret_n = 0;
    if (tokens.n == 0) return true;
    size_t n = 1;
    for (size_t i = 0; i < tokens.n; i++)
        n += tokens.p[i] == '|';
    struct sm_str *v = sm_arena_array(&r->arena, n, sizeof *v), piece;
    if (!v) return false;
    while (sm_str_split(&tokens, '|', &piece)) {
        piece = sm_str_trim_unicode(piece);
        if (piece.n) v[(*ret_n)++] = piece;
    }
    *ret = v;
    return true;
}

static bool bind_in_key(const struct sm_key *key, uint32_t column) {
    for (uint32_t i = 0; key && i < key->ncolumn; i++)
        if (key->column[i] == column) return true;
    return false;
}

/* How the cell comes to its value, and room for short texts that it met. */
static void bind_way(struct sm_reader *r, struct read_cell *cell) {
    const struct sm_filecol *fc = cell->fc;
    cell->to = fc->column;
    cell->way = READ_CONSTANT;
    if (fc->how == SM_SUPPLY_EXPR)
        cell->way = READ_EXPR;
    else if (fc->how == SM_SUPPLY_HEADER && cell->field == SM_NO)
        cell->constant = SM_MISSING;
    else if (fc->how == SM_SUPPLY_HEADER)
        cell->way = cell->plain ? READ_TEXT : READ_KNOWN;
    if (cell->way != READ_TEXT && cell->way != READ_KNOWN) return;
    bool many = cell->way == READ_KNOWN && r->nbrief < READ_BRIEF;
    cell->brief = r->nbrief;
    cell->mask = (many ? READ_MANY : READ_FEW) - 1;
    r->nbrief += cell->mask + 1;
}

static bool bind_cell(struct sm_reader *r, struct read_cell *cell, const struct sm_filecol *fc) {
    const struct sm_column *c = &r->source->column[fc->column];
    cell->fc = fc;
    cell->column = c;
    cell->field = SM_NO;
    cell->memo = r->ncell++;
    cell->constant = fc->value;
    if (c->type == SM_COL_DATE) cell->constant = sm_val_as_dtc(r->spec->texts, fc->value);
    if (fc->how == SM_SUPPLY_HEADER) cell->field = r->raw[fc->raw].field;
    if (fc->how == SM_SUPPLY_EXPR) {
        cell->ninput = (uint32_t)sm_expr_inputs(fc->expr, &cell->input);
        if (fc->raw != SM_NO) cell->field = r->raw[fc->raw].field;
        for (uint32_t i = 0; i < cell->ninput && cell->field == SM_NO; i++)
            if (cell->input[i].kind == SM_SLOT_COLUMN)
                cell->field = r->raw[cell->input[i].index].field;
    }
    cell->rejects = c->required || c->reject_invalid || c->in_key ||
                    bind_in_key(r->file->key ? r->file->key : r->source->key, fc->column);
    bool same = !fc->recode && fc->missing.n == 0 && !c->has_min && !c->has_max;
    cell->plain = same && c->type == SM_COL_TEXT;
    cell->number = same && (c->type == SM_COL_NUMBER || c->type == SM_COL_RESULT);
    bind_way(r, cell);
    return bind_tokens(r, fc->missing, &cell->token, &cell->ntoken);
}

static bool bind_plan(struct sm_reader *r, struct read_plan *plan, const struct sm_filecol *fc,
                      uint32_t n) {
    plan->cell = sm_arena_array(&r->arena, (size_t)n + 1, sizeof *plan->cell);
    if (!plan->cell) return false;
    for (uint32_t i = 0; i < n; i++)
        if (fc[i].how != SM_SUPPLY_ABSENT && !bind_cell(r, &plan->cell[plan->ncell++], &fc[i]))
            return false;
    return true;
}

/* Missing words of raw columns as expressions see them: those of the column made from it. */
static void bind_raw_tokens(struct sm_reader *r, const struct read_plan *plan) {
    for (uint32_t i = 0; i < plan->ncell; i++) {
        const struct read_cell *c = &plan->cell[i];
        if (c->fc->how == SM_SUPPLY_HEADER) {
            struct read_raw *raw = &r->raw[c->fc->raw];
            raw->token = c->token;
            raw->ntoken = c->ntoken;
        }
        for (uint32_t k = 0; k < c->ninput; k++) {
            if (c->input[k].kind != SM_SLOT_COLUMN || r->raw[c->input[k].index].token) continue;
            r->raw[c->input[k].index].token = c->token;
            r->raw[c->input[k].index].ntoken = c->ntoken;
        }
    }
}

static bool bind_plans(struct sm_reader *r) {
    const struct sm_unpivot *u = r->file->unpivot;
    if (!bind_plan(r, &r->base, r->file->col, r->file->ncol)) return false;
    bind_raw_tokens(r, &r->base);
    if (!u) return true;
    r->from = sm_arena_array(&r->arena, (size_t)u->nfrom + 1, sizeof *r->from);
    for (uint32_t i = 0; r->from && i < u->nfrom; i++) {
        if (!bind_plan(r, &r->from[i], u->from[i].col, u->from[i].ncol)) return false;
        bind_raw_tokens(r, &r->from[i]);
    }
    return r->from != NULL;
}

/* The raw cell that a person would take for the subject's number: the last input of SUBJID, else of
 * USUBJID, that comes from a cell. */
static void bind_subject(struct sm_reader *r) {
    const struct sm_expr *e[2] = {r->source->subjid, r->source->usubjid};
    r->subject_field = SM_NO;
    for (size_t k = 0; k < 2; k++) {
        const struct sm_slot *input;
        size_t n = e[k] ? sm_expr_inputs(e[k], &input) : 0;
        while (n-- > 0 && r->subject_field == SM_NO) {
            const struct read_cell *cell = NULL;
            if (input[n].kind == SM_SLOT_COLUMN) cell = read_cell_of(r, 0, input[n].index);
            if (cell) r->subject_field = cell->field;
        }
    }
}

/* ---- columns that nobody reads --------------------------------------------------------------- */
static bool bind_is_named(const struct sm_reader *r, struct sm_arena *a, uint32_t i) {
    struct sm_str low = bind_fold(a, r->name[i]);
    for (uint32_t k = 0; k < r->file->nnot_submitted; k++) {
        struct sm_str name = r->file->not_submitted[k];
        if (sm_str_eq(name, r->name[i]) || sm_str_eq(bind_fold(a, name), low)) return true;
    }
    return false;
}

static bool bind_rest(struct bind *b) {
    struct sm_reader *r = b->r;
    r->unnamed = sm_arena_array(&r->arena, (size_t)r->nname + 1, sizeof *r->unnamed);
    if (!r->unnamed) return false;
    struct sm_arena scratch;
    sm_arena_init(&scratch);
    for (uint32_t i = 0; i < r->nname; i++) {
        if (b->claimed[i]) continue;
        if (r->name[i].n == 0) {
            r->unnamed[r->nunnamed].field = i;
            atomic_init(&r->unnamed[r->nunnamed++].line, UINT64_MAX);
        } else if (!r->opts.quiet && !bind_is_named(r, &scratch, i)) {
            bind_find(b, SM_D_UNMAPPED_COLUMN, i + 1, r->name[i], (struct sm_str){NULL, 0});
        }
    }
    sm_arena_free(&scratch);
    return true;
}

/* Columns that no row may lack, those that no cell supplies, and what names the subject. */
static bool bind_rows(struct sm_reader *r) {
    uint32_t n = r->source->ncolumn;
    r->required = sm_arena_array(&r->arena, (size_t)n + 1, sizeof *r->required);
    r->absent = sm_arena_array(&r->arena, (size_t)n + 1, sizeof *r->absent);
    if (!r->required || !r->absent) return false;
    for (uint32_t c = 0; c < n; c++) {
        bool supplied = false;
        for (uint32_t i = 0; i < r->base.ncell && !supplied; i++)
            supplied = r->base.cell[i].to == c;
        if (!supplied) r->absent[r->nabsent++] = c;
        if (r->source->column[c].required) r->required[r->nrequired++] = c;
    }
    const struct sm_expr *e[READ_SUBJECTS] = {r->source->usubjid, r->source->subjid};
    for (uint32_t k = 0; k < READ_SUBJECTS; k++) {
        r->subject[k] = (struct read_subject){.e = e[k], .memo = r->ncell + k};
        const struct sm_slot *input;
        size_t ninput = e[k] ? sm_expr_inputs(e[k], &input) : 0;
        r->subject[k].keep = e[k] && ninput <= READ_KEY && sm_expr_is_pure(e[k]);
        for (size_t i = 0; i < ninput && r->subject[k].keep; i++)
            if (input[i].kind == SM_SLOT_COLUMN)
                r->subject[k].col[r->subject[k].ncol++] = input[i].index;
        struct sm_slot only;
        r->subject[k].same =
            r->subject[k].ncol == 1 && sm_expr_is_slot(e[k], &only) && only.kind == SM_SLOT_COLUMN;
    }
    return true;
}

static void bind_skip_input(struct read_skip *s, struct sm_slot in) {
    if (in.kind != SM_SLOT_COLUMN) s->keep = false;
    for (uint32_t i = 0; i < s->n; i++)
        if (s->in[i].index == in.index) return;
    if (s->n == READ_KEY)
        s->keep = false;
    else
        s->in[s->n++] = in;
}

static void bind_skips(struct sm_reader *r) {
    r->skip = (struct read_skip){.memo = r->ncell + READ_SUBJECTS, .keep = r->file->nskip_when > 0};
    for (uint32_t i = 0; i < r->file->nskip_when; i++) {
        const struct sm_slot *input;
        const size_t n = sm_expr_inputs(r->file->skip_when[i].when, &input);
        for (size_t k = 0; k < n; k++)
            bind_skip_input(&r->skip, input[k]);
        if (!sm_expr_is_pure(r->file->skip_when[i].when)) r->skip.keep = false;
    }
}

/* How many records can be worked on together. */
static void bind_many(struct sm_reader *r) {
    r->many = r->nname < READ_FIELDS ? READ_FIELDS / r->nname : 1;
    if (r->many > READ_ROWS) r->many = READ_ROWS;
}

int read_bind(struct sm_reader *r, struct sm_diags *diags, struct sm_err *err) {
    struct sm_err own = {0};
    struct bind b = {.r = r, .diags = diags, .err = err ? err : &own};
    uint32_t nraw = r->file->nraw;
    struct sm_str *folded = sm_arena_array(&r->arena, (size_t)r->nname + nraw + 1, sizeof *folded);
    b.claimed = sm_arena_array(&r->arena, (size_t)r->nname + 1, sizeof *b.claimed);
    b.needed = sm_arena_array(&r->arena, (size_t)nraw + 1, sizeof *b.needed);
    r->raw = sm_arena_array(&r->arena, (size_t)nraw + 1, sizeof *r->raw);
    if (!folded || !b.claimed || !b.needed || !r->raw)
        return sm_fail(err, SM_ENOMEM, "out of memory");
    for (uint32_t i = 0; i < r->nname; i++)
        folded[i] = bind_fold(&r->arena, r->name[i]);
    for (uint32_t k = 0; k < nraw; k++)
        folded[r->nname + k] = bind_fold(&r->arena, r->file->raw[k]);
    bind_need_all(&b);
    for (uint32_t k = 0; k < nraw; k++)
        bind_raw(&b, k, folded);
    if (b.rc) return b.rc;
    if (!bind_plans(r) || !bind_rest(&b) || !bind_rows(r) || b.err->code)
        return sm_fail(err, SM_ENOMEM, "out of memory");
    bind_subject(r);
    bind_skips(r);
    bind_many(r);
    return SM_OK;
}
