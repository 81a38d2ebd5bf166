/* SPDX-License-Identifier: MIT */
/* chk_rows.c - rules that need one record, or a record and the one before it. */
#include "sdtmill/buf.h"
#include "sdtmill/check.h"
#include "sdtmill/err.h"
#include "sdtmill/mem.h"

struct limit {
    uint32_t var, most; /* bytes */
    sm_val fine;        /* a value that is not too long: the latest one */
};
struct sm_row_checks {
    const struct sm_spec *spec;
    const struct sm_domain *d;
    const struct sm_str *files;
    struct sm_diags *diags;
    sm_val *last_key; /* [nkey] of the record before */
    sm_pos last_pos;
    bool have_last;
    uint32_t *need; /* variables that are required */
    struct limit *limit;
    uint32_t nneed, nlimit;
    struct sm_buf detail; /* of a finding */
    struct sm_buf keys;   /* their names, as a finding says them */
};
enum { SHORT_MOST = 7 }; /* bytes of an inline value */

/* What the standard allows. A short name behind the domain's two letters holds for every domain;
 * criteria have long texts. */
static uint32_t standard_limit(const struct sm_domain *d, const struct sm_var *var) {
    static const struct {
        const char *name;
        uint32_t most;
    } whole[] = {{"ARMCD", 20}, {"ACTARMCD", 20}, {"ETCD", 8}, {"IETEST", 200}, {"TITEST", 200}},
      tail[] = {{"TESTCD", 8}, {"TEST", 40}, {"PARMCD", 8}, {"PARM", 40}};
    if (var->supp || var->is_num || !var->model) return 0;
    for (size_t i = 0; i < SM_ARRAY_LEN(whole); i++)
        if (sm_str_eq_c(var->name, whole[i].name)) return whole[i].most;
    if (var->name.n <= 2 ||
        !sm_str_starts(var->name, sm_str_n(d->name.p, d->name.n < 2 ? d->name.n : 2)))
        return 0;
    const struct sm_str rest = sm_str_n(var->name.p + 2, var->name.n - 2);
    for (size_t i = 0; i < SM_ARRAY_LEN(tail); i++)
        if (sm_str_eq_c(rest, tail[i].name)) return tail[i].most;
    return 0;
}

int sm_row_checks_open(struct sm_row_checks **ret, const struct sm_spec *spec,
                       const struct sm_domain *d, const struct sm_str *files,
                       struct sm_diags *diags, struct sm_err *err) {
    struct sm_row_checks *c = sm_alloc(1, sizeof *c);
    if (!c) return sm_fail(err, SM_ENOMEM, "out of memory");
    *c = (struct sm_row_checks){.spec = spec, .d = d, .files = files, .diags = diags};
    c->last_key = sm_alloc(d->nkey ? d->nkey : 1, sizeof *c->last_key);
    c->limit = sm_alloc(d->nvar ? d->nvar : 1, sizeof *c->limit);
    c->need = sm_alloc(d->nvar ? d->nvar : 1, sizeof *c->need);
    sm_buf_init(&c->detail, 0);
    sm_buf_init(&c->keys, 0);
    for (uint32_t k = 0; k < d->nkey; k++) {
        sm_buf_add_c(&c->keys, k ? " " : ": ");
        sm_buf_add_str(&c->keys, d->var[d->key[k]].name);
    }
    if (!c->last_key || !c->limit || !c->need || c->keys.failed) {
        sm_row_checks_close(c);
        return sm_fail(err, SM_ENOMEM, "out of memory");
    }
    for (uint32_t v = 0; v < d->nvar; v++) {
        const struct sm_var *var = &d->var[v];
        const uint32_t most = var->length ? var->length : standard_limit(d, var);
        if (var->required) c->need[c->nneed++] = v;
        if (most && !var->split_supp) c->limit[c->nlimit++] = (struct limit){.var = v, .most = most};
    }
    *ret = c;
    return SM_OK;
}

void sm_row_checks_close(struct sm_row_checks *c) {
    if (!c) return;
    sm_buf_free(&c->detail);
    sm_buf_free(&c->keys);
    sm_free(c->limit);
    sm_free(c->last_key);
    sm_free(c->need);
    sm_free(c);
}

void sm_row_checks_restart(struct sm_row_checks *c, struct sm_diags *diags) {
    c->diags = diags;
    c->have_last = false;
}

/* What is found is said in c->detail. */
static void report(struct sm_row_checks *c, enum sm_diag_code code, uint32_t var, const sm_val *row,
                   sm_pos pos, struct sm_str value) {
    struct sm_valbuf b;
    struct sm_str subject = {NULL, 0};
    if (c->detail.failed) c->diags->failed = true;
    if (c->d->usubjid != SM_NO) subject = sm_val_text(c->spec->texts, row[c->d->usubjid], &b);
    sm_diags_add(
        c->diags,
        &(struct sm_diag){.code = (uint16_t)code,
                          .file = c->files[sm_pos_file(pos)],
                          .line = sm_pos_line(pos),
                          .domain = c->d->name,
                          .variable = var == SM_NO ? (struct sm_str){NULL, 0} : c->d->var[var].name,
                          .subject = subject,
                          .value = value,
                          .detail = sm_buf_str(&c->detail),
                          .map_file = c->d->where.file,
                          .map_line = c->d->where.line},
        -1);
}

static void report_missing(struct sm_row_checks *c, uint32_t var, const sm_val *row, sm_pos pos) {
    sm_buf_clear(&c->detail);
    sm_buf_add_c(&c->detail, "required variable ");
    sm_buf_add_str(&c->detail, c->d->var[var].name);
    sm_buf_add_c(&c->detail, " is empty");
    report(c, SM_D_REQUIRED_MISSING, var, row, pos, (struct sm_str){NULL, 0});
}

static void report_long(struct sm_row_checks *c, const struct limit *l, const sm_val *row,
                        sm_pos pos) {
    struct sm_valbuf room;
    struct sm_str name = c->d->var[l->var].name,
                  text = sm_val_text(c->spec->texts, row[l->var], &room);
    sm_buf_clear(&c->detail);
    sm_buf_printf(&c->detail, "%.*s has %zu bytes, the limit is %u", SM_STR_FMT(name), text.n,
                  (unsigned)l->most);
    report(c, SM_D_LENGTH_LIMIT, l->var, row, pos, text);
}

/* Names the keys and the record before. */
static void report_same(struct sm_row_checks *c, const sm_val *row, sm_pos pos, sm_pos before) {
    sm_buf_clear(&c->detail);
    sm_buf_add_c(&c->detail, "record has the keys of ");
    sm_buf_add_str(&c->detail, c->files[sm_pos_file(before)]);
    sm_buf_add_byte(&c->detail, ':');
    sm_buf_add_u64(&c->detail, sm_pos_line(before));
    sm_buf_add(&c->detail, c->keys.p, c->keys.n);
    report(c, SM_D_KEY_NOT_UNIQUE, SM_NO, row, pos, (struct sm_str){NULL, 0});
}

/* The text is looked at unless the value itself tells; one that is kept is remembered. */
static bool is_too_long(const struct sm_row_checks *c, struct limit *l, sm_val x) {
    struct sm_valbuf b;
    if (x == SM_MISSING || x == l->fine) return false;
    const bool is_short = sm_val_is_inline(x) && l->most >= SHORT_MOST;
    if (!is_short && sm_val_text(c->spec->texts, x, &b).n > l->most) return true;
    l->fine = x;
    return false;
}

static inline bool row_is_fine(struct sm_row_checks *c, const sm_val *row) {
    uint64_t gaps = 0; /* a value's first bit is not set, so only 0 - 1 has it */
    bool fine = true;
    for (const uint32_t *v = c->need, *end = v + c->nneed; v < end; v++)
        gaps |= row[*v] - 1;
    for (struct limit *l = c->limit, *end = l + c->nlimit; l < end; l++)
        if (row[l->var] != l->fine && is_too_long(c, l, row[l->var])) fine = false;
    return fine && !(gaps >> 63);
}

/* Findings of one record, variable by variable. */
static void report_row(struct sm_row_checks *c, const sm_val *row, sm_pos pos) {
    struct limit *l = c->limit, *end = l + c->nlimit;
    for (uint32_t v = 0; v < c->d->nvar; v++) {
        if (c->d->var[v].required && row[v] == SM_MISSING) report_missing(c, v, row, pos);
        if (l == end || l->var != v) continue;
        if (is_too_long(c, l, row[v])) report_long(c, l, row, pos);
        l++;
    }
}

/* The last key tells records apart most often. */
static bool same_keys(const struct sm_domain *d, const sm_val *a, const sm_val *b) {
    for (uint32_t k = d->nkey; k-- > 0;)
        if (a[d->key[k]] != b[d->key[k]]) return false;
    return true;
}

/* Keys of the record before the block. */
static bool same_as_last(const struct sm_row_checks *c, const sm_val *row) {
    bool same = c->have_last;
    for (uint32_t k = 0; k < c->d->nkey && same; k++)
        same = row[c->d->key[k]] == c->last_key[k];
    return same;
}

int sm_row_checks_block(struct sm_row_checks *c, const struct sm_block *b, struct sm_err *err) {
    const struct sm_domain *d = c->d;
    const sm_val *row = b->cell;
    if (b->nrow == 0) return SM_OK;
    for (uint32_t i = 0; i < b->nrow; i++, row += b->ncol) {
        if (!row_is_fine(c, row)) report_row(c, row, b->pos[i]);
        if (d->nkey && (i ? same_keys(d, row, row - b->ncol) : same_as_last(c, row)))
            report_same(c, row, b->pos[i], i ? b->pos[i - 1] : c->last_pos);
    }
    for (uint32_t k = 0; k < d->nkey; k++)
        c->last_key[k] = (row - b->ncol)[d->key[k]];
    c->last_pos = b->pos[b->nrow - 1];
    c->have_last = true;
    return c->diags->failed ? sm_fail(err, SM_ENOMEM, "out of memory for findings") : SM_OK;
}
