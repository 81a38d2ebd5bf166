/* SPDX-License-Identifier: MIT */
#include "derive/derive_priv.h"
#include "sdtmill/err.h"
#include "sdtmill/mem.h"

struct sm_grouper {
    const struct sm_domain *d;
    const struct sm_texts *texts;
    struct sm_intern *in;
    const struct sm_str *files;
    struct sm_diags *diags;
    struct sm_blocks input;
    struct sm_block block;         /* the input's latest, and the next record in it */
    uint32_t at;
    bool over;
    enum sm_take *take;            /* [nvar] */
    bool *by, *told;               /* [nvar] a group variable; this group's difference was reported */
    sm_val *cell, *first;          /* rows that go out; the group's first record */
    sm_pos *pos;
};

int sm_grouper_open(struct sm_grouper **ret, const struct sm_spec *spec, const struct sm_domain *d, struct sm_intern *in,
                    struct sm_blocks input, const struct sm_str *files, struct sm_diags *diags, struct sm_err *err) {
    struct sm_grouper *g = sm_alloc(1, sizeof *g);
    if (!g) return sm_fail(err, SM_ENOMEM, "out of memory");
    *g = (struct sm_grouper){.d = d, .texts = spec->texts, .in = in, .files = files, .diags = diags, .input = input};
    const size_t n = (size_t)d->nvar + 1;
    g->take = sm_alloc(n, sizeof *g->take);
    g->by = sm_alloc(n, sizeof *g->by);
    g->told = sm_alloc(n, sizeof *g->told);
    g->first = sm_alloc(n, sizeof *g->first);
    g->cell = sm_alloc(n * DER_ROWS, sizeof *g->cell);
    g->pos = sm_alloc(DER_ROWS, sizeof *g->pos);
    if (!g->take || !g->by || !g->told || !g->first || !g->cell || !g->pos) {
        sm_grouper_close(g);
        return sm_fail(err, SM_ENOMEM, "out of memory");
    }
    for (uint32_t c = 0; c < d->nvar; c++) g->take[c] = d->var[c].has_take ? d->var[c].take : SM_TAKE_ONLY;
    for (uint32_t i = 0; i < d->ngroup; i++) {
        g->by[d->group[i]] = true;
        g->take[d->group[i]] = SM_TAKE_FIRST;
    }
    *ret = g;
    return SM_OK;
}

void sm_grouper_close(struct sm_grouper *g) {
    if (!g) return;
    sm_free(g->take);
    sm_free(g->by);
    sm_free(g->told);
    sm_free(g->first);
    sm_free(g->cell);
    sm_free(g->pos);
    sm_free(g);
}

static bool same_group(const struct sm_grouper *g, const sm_val *a, const sm_val *b) {
    for (uint32_t i = 0; i < g->d->ngroup; i++) {
        uint32_t c = g->d->group[i];
        if (der_value_cmp(g->texts, &g->d->var[c], a[c], b[c]) != 0) return false;
    }
    return true;
}

static void report(struct sm_grouper *g, uint32_t c, const sm_val *row, sm_pos pos) {
    struct sm_valbuf a, b;
    const struct sm_var *var = &g->d->var[c];
    struct sm_diag x = {.code = SM_D_GROUP_DIFFERS, .line = sm_pos_line(pos), .value = sm_val_text(g->texts, row[c], &a), .domain = g->d->name,
                        .variable = var->name, .map_file = var->where.file, .map_line = var->where.line, .map_column = var->where.column};
    if (g->files) x.file = g->files[sm_pos_file(pos)];
    if (g->d->usubjid != SM_NO) x.subject = sm_val_text(g->texts, row[g->d->usubjid], &b);
    sm_diags_add(g->diags, &x, -1);
}

static void combine(struct sm_grouper *g, sm_val *into, const sm_val *row, sm_pos pos, bool begin) {
    for (uint32_t c = 0; c < g->d->nvar; c++) {
        if (begin) {
            into[c] = SM_MISSING;
            g->told[c] = false;
        }
        if (g->take[c] == SM_TAKE_ONLY && !g->told[c] && into[c] != SM_MISSING && row[c] != SM_MISSING &&
            !sm_val_eq(g->texts, into[c], row[c])) {
            g->told[c] = true;
            report(g, c, row, pos);
        }
        if (g->by[c] && into[c] != SM_MISSING) continue;
        sm_take_combine(g->take[c], &into[c], row[c], g->in);
    }
}

static int fetch(struct sm_grouper *g, struct sm_err *err) {
    if (g->over || g->at < g->block.nrow) return SM_OK;
    int rc = g->input.next(g->input.ctx, &g->block, err);
    g->at = 0;
    if (rc == SM_OK && g->block.ncol != g->d->nvar) return sm_fail(err, SM_ESTATE, "a block does not fit the domain");
    if (rc != SM_EOF) return rc;
    g->over = true;
    g->block.nrow = 0;
    return SM_OK;
}

/* The whole of the next group into one row. */
static int group_next(struct sm_grouper *g, sm_val *into, sm_pos *pos, struct sm_err *err) {
    const size_t bytes = g->d->nvar * sizeof *into;
    bool begin = true;
    for (;;) {
        int rc = fetch(g, err);
        if (rc != SM_OK) return rc;
        if (g->over) return SM_OK;
        const sm_val *row = g->block.cell + (size_t)g->at * g->block.ncol;
        if (begin) {
            if (bytes) memcpy(g->first, row, bytes);
            *pos = g->block.pos[g->at];
        } else if (!same_group(g, g->first, row)) {
            return SM_OK;
        }
        combine(g, into, row, g->block.pos[g->at], begin);
        begin = false;
        g->at++;
    }
}

static int next_block(void *ctx, struct sm_block *ret, struct sm_err *err) {
    struct sm_grouper *g = ctx;
    uint32_t n = 0;
    int rc = fetch(g, err);
    for (; rc == SM_OK && !g->over && n < DER_ROWS; n++) {
        rc = group_next(g, g->cell + (size_t)n * g->d->nvar, &g->pos[n], err);
        if (rc == SM_OK) rc = fetch(g, err);
    }
    if (rc != SM_OK) return rc;
    if (sm_intern_failed(g->in)) return sm_fail(err, SM_ELIMIT, "a text could not be kept");
    if (g->diags && g->diags->failed) return sm_fail(err, SM_ENOMEM, "out of memory for findings");
    *ret = (struct sm_block){g->cell, g->pos, n, g->d->nvar};
    return n ? SM_OK : SM_EOF;
}

struct sm_blocks sm_grouper_blocks(struct sm_grouper *g) { return (struct sm_blocks){next_block, g}; }
