/* SPDX-License-Identifier: MIT */
/* chk_rows.c - rules that need one record, or a record and the one before it. */
#include "sdtmill/buf.h"
#include "sdtmill/check.h"
#include "sdtmill/err.h"
#include "sdtmill/mem.h"

struct sm_row_checks {
    const struct sm_spec *spec;
    const struct sm_domain *d;
    const struct sm_str *files;
    struct sm_diags *diags;
    uint32_t *limit;  /* [nvar] bytes, 0 = none */
    sm_val *last_key; /* [nkey] of the record before */
    sm_pos last_pos;
    bool have_last;
    uint32_t *look; /* [nlook] variables that are required or have a limit */
    uint32_t nlook;
    sm_val *fine; /* [nvar] a value that is not too long: the latest one */
};

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
    c->look = sm_alloc(d->nvar ? d->nvar : 1, sizeof *c->look);
    c->fine = sm_alloc(d->nvar ? d->nvar : 1, sizeof *c->fine);
    if (!c->last_key || !c->limit || !c->look || !c->fine) {
        sm_row_checks_close(c);
        return sm_fail(err, SM_ENOMEM, "out of memory");
    }
    for (uint32_t v = 0; v < d->nvar; v++) {
        const struct sm_var *var = &d->var[v];
        c->limit[v] = var->split_supp ? 0 : var->length ? var->length : standard_limit(d, var);
        if (c->limit[v] || var->required) c->look[c->nlook++] = v;
    }
    *ret = c;
    return SM_OK;
}

void sm_row_checks_close(struct sm_row_checks *c) {
    if (!c) return;
    sm_free(c->limit);
    sm_free(c->last_key);
    sm_free(c->look);
    sm_free(c->fine);
    sm_free(c);
}

void sm_row_checks_restart(struct sm_row_checks *c, struct sm_diags *diags) {
    c->diags = diags;
    c->have_last = false;
}

static void report(struct sm_row_checks *c, enum sm_diag_code code, uint32_t var, const sm_val *row,
                   sm_pos pos, struct sm_str value, struct sm_str detail) {
    struct sm_valbuf b;
    struct sm_str subject = {NULL, 0};
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
                          .detail = detail,
                          .map_file = c->d->where.file,
                          .map_line = c->d->where.line},
        -1);
}

static void report_missing(struct sm_row_checks *c, uint32_t var, const sm_val *row, sm_pos pos) {
    struct sm_str name = c->d->var[var].name;
    struct sm_buf b;
    sm_buf_init(&b, 0);
    sm_buf_printf(&b, "required variable %.*s is empty", SM_STR_FMT(name));
    if (b.failed) c->diags->failed = true;
    report(c, SM_D_REQUIRED_MISSING, var, row, pos, (struct sm_str){NULL, 0}, sm_buf_str(&b));
    sm_buf_free(&b);
}

static void report_long(struct sm_row_checks *c, uint32_t var, const sm_val *row, sm_pos pos,
                        struct sm_str text) {
    struct sm_str name = c->d->var[var].name;
    struct sm_buf b;
    sm_buf_init(&b, 0);
    sm_buf_printf(&b, "%.*s has %zu bytes, the limit is %u", SM_STR_FMT(name), text.n,
                  (unsigned)c->limit[var]);
    if (b.failed) c->diags->failed = true;
    report(c, SM_D_LENGTH_LIMIT, var, row, pos, text, sm_buf_str(&b));
    sm_buf_free(&b);
}

/* Names the keys and the record before. */
static void report_same(struct sm_row_checks *c, const sm_val *row, sm_pos pos) {
    struct sm_str file = c->files[sm_pos_file(c->last_pos)];
    struct sm_buf b;
    sm_buf_init(&b, 0);
    sm_buf_printf(&b, "record has the keys of %.*s:%llu", SM_STR_FMT(file),
                  (unsigned long long)sm_pos_line(c->last_pos));
    for (uint32_t k = 0; k < c->d->nkey; k++) {
        struct sm_str name = c->d->var[c->d->key[k]].name;
        sm_buf_printf(&b, "%s%.*s", k ? " " : ": ", SM_STR_FMT(name));
    }
    if (b.failed) c->diags->failed = true;
    report(c, SM_D_KEY_NOT_UNIQUE, SM_NO, row, pos, (struct sm_str){NULL, 0}, sm_buf_str(&b));
    sm_buf_free(&b);
}

static void check_row(struct sm_row_checks *c, const sm_val *row, sm_pos pos) {
    for (uint32_t k = 0; k < c->nlook; k++) {
        const uint32_t v = c->look[k];
        const struct sm_var *var = &c->d->var[v];
        if (var->required && row[v] == SM_MISSING) report_missing(c, v, row, pos);
        if (!c->limit[v] || row[v] == SM_MISSING || row[v] == c->fine[v]) continue;
        struct sm_valbuf b;
        struct sm_str text = sm_val_text(c->spec->texts, row[v], &b);
        if (text.n > c->limit[v])
            report_long(c, v, row, pos, text);
        else
            c->fine[v] = row[v];
    }
}

int sm_row_checks_block(struct sm_row_checks *c, const struct sm_block *b, struct sm_err *err) {
    const struct sm_domain *d = c->d;
    for (uint32_t i = 0; i < b->nrow; i++) {
        const sm_val *row = &b->cell[(size_t)i * b->ncol];
        check_row(c, row, b->pos[i]);
        bool same = c->have_last && d->nkey;
        for (uint32_t k = 0; k < d->nkey; k++) {
            same = same && row[d->key[k]] == c->last_key[k];
            c->last_key[k] = row[d->key[k]];
        }
        c->have_last = true;
        if (same) report_same(c, row, b->pos[i]);
        c->last_pos = b->pos[i];
    }
    return c->diags->failed ? sm_fail(err, SM_ENOMEM, "out of memory for findings") : SM_OK;
}
