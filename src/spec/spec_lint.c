/* SPDX-License-Identifier: MIT */
/* What is worth a word although it is no mistake. Found while the tree is still there, kept for
 * sm_spec_lint. */
#include "spec/spec_priv.h"

static void lint_unused(struct sp_load *l, const char *what, struct sm_str name,
                        struct sm_where at) {
    sp_lint(l, SM_D_NEVER_USED, at, NULL, "%s '%.*s' is never used", what, SM_STR_FMT(name));
}

static void lint_named(struct sp_load *l) {
    const struct sp_list *lists = l->lists.p;
    for (uint32_t i = 0; i < l->lists.n; i++)
        if (!lists[i].used && lists[i].file->own)
            lint_unused(l, "codelist", lists[i].list->name, sp_at(lists[i].node));
    const struct sm_recode *recodes = l->recodes.p;
    const struct sm_table *tables = l->tables.p;
    const struct sm_units *units = l->units.p;
    const struct sm_lookup *lookups = l->lookups.p;
    const struct sp_named *u = l->recode_own.p;
    for (uint32_t i = 0; i < l->recodes.n; i++)
        if (!u[i].used && u[i].own) lint_unused(l, "recode", recodes[i].name, recodes[i].where);
    u = l->table_own.p;
    for (uint32_t i = 0; i < l->tables.n; i++)
        if (!u[i].used && u[i].own) lint_unused(l, "table", tables[i].name, tables[i].where);
    u = l->units_own.p;
    for (uint32_t i = 0; i < l->units.n; i++)
        if (!u[i].used && u[i].own) lint_unused(l, "units", units[i].name, units[i].where);
    const struct sp_dialect *dialects = l->dialects.p;
    for (uint32_t i = 0; i < l->dialects.n; i++)
        if (!dialects[i].used && sp_file_of(dialects[i].node)->own)
            lint_unused(l, "dialect", dialects[i].name, sp_at(dialects[i].node));
    u = l->lookup_own.p;
    for (uint32_t i = 0; i < l->lookups.n; i++)
        if (!u[i].used && u[i].own) lint_unused(l, "lookup", lookups[i].name, lookups[i].place);
}

static void lint_sources(struct sp_load *l) {
    const struct sm_source *s = l->sources.p;
    for (uint32_t i = 0; i < l->sources.n; i++) {
        if (!s[i].used) {
            lint_unused(l, "source", s[i].name, s[i].where);
            continue;
        }
        for (uint32_t c = 0; c < s[i].ncolumn; c++)
            if (!s[i].column[c].used)
                lint_unused(l, "column", s[i].column[c].name, s[i].column[c].where);
    }
}

/* Constant, and on the wrong side? */
static bool lint_never(struct sp_load *l, const struct sm_expr *e, bool negate) {
    sm_val v;
    if (e == NULL || !sm_expr_is_const(e, &v)) return false;
    struct sm_env env = {.in = l->s->in};
    return sm_expr_test(e, &env) == negate;
}

static void lint_guards(struct sp_load *l, const struct sm_domain *d, const struct sm_guard *g) {
    for (; g; g = g->parent) {
        if (!lint_never(l, g->test, g->negate)) continue;
        sp_lint(l, SM_D_NEVER_FIRES, g->where, &(struct sp_about){.domain = d->dataset},
                g->negate ? "the condition '%.*s' always holds, so this branch never does"
                          : "the condition '%.*s' never holds",
                SM_STR_FMT(sm_expr_text(g->test)));
        return;
    }
}

static void lint_rules(struct sp_load *l, const struct sm_domain *d, const struct sm_rule *r,
                       uint32_t n) {
    const struct sm_guard *last = NULL;
    for (uint32_t i = 0; i < n; i++) {
        if (r[i].guard != last) lint_guards(l, d, r[i].guard);
        last = r[i].guard;
    }
}

static void lint_conditions(struct sp_load *l, const struct sm_domain *d) {
    for (uint32_t f = 0; f < d->nfrom; f++) {
        const struct sm_from *from = &d->from[f];
        if (lint_never(l, from->filter, false))
            sp_lint(l, SM_D_NEVER_FIRES, from->where, &(struct sp_about){.domain = d->dataset},
                    "where= '%.*s' never holds", SM_STR_FMT(sm_expr_text(from->filter)));
        for (uint32_t r = 0; r < from->nrecord; r++) {
            lint_guards(l, d, from->record[r].guard);
            lint_rules(l, d, from->record[r].rule, from->record[r].nrule);
        }
    }
    lint_rules(l, d, d->post, d->npost);
}

static void lint_unmapped(struct sp_load *l, const struct sp_dom *x) {
    const struct sm_model_var *v = x->models.p;
    for (uint32_t i = 0; i < x->models.n; i++) {
        bool req = sm_str_eq_c(v[i].core, "Req");
        uint32_t k = sp_var(x->d, v[i].name);
        if ((!req && !sm_str_eq_c(v[i].core, "Exp")) || (k != SM_NO && x->var[k].ruled)) continue;
        sp_lint(l, req ? SM_D_REQUIRED_UNMAPPED : SM_D_EXPECTED_UNMAPPED, x->d->where,
                &(struct sp_about){.domain = x->d->dataset, .variable = v[i].name},
                "%s variable %.*s has no rule", req ? "required" : "expected",
                SM_STR_FMT(v[i].name));
    }
}

void sp_lints(struct sp_load *l) {
    const struct sp_dom *x = l->doms.p;
    lint_named(l);
    lint_sources(l);
    for (uint32_t i = 0; i < l->doms.n; i++) {
        lint_conditions(l, x[i].d);
        lint_unmapped(l, &x[i]);
    }
}
