/* SPDX-License-Identifier: MIT */
#include "map/map_priv.h"

void map_visit_prepare(struct map_rule *r, const struct sm_spec *spec) {
    (void)spec;
    const struct sm_rule *rule = r->rule;
    map_rule_input(r, rule->from);
    for (uint32_t i = 0; i < rule->nv && i < SM_ARRAY_LEN(rule->v); i++)
        r->out[r->nout++] = rule->v[i];
}

/* The label's own column, where the table gives a standard label for a local one. */
static bool own_column(const struct sm_rule *rule, uint32_t *ret) {
    for (uint32_t i = 0; i < rule->nv && i < SM_ARRAY_LEN(rule->v); i++) {
        *ret = i;
        if (rule->from.kind == SM_SLOT_VAR && rule->v[i] == rule->from.index) return true;
    }
    return false;
}

/* A label may be the standard one already. */
static const sm_val *find_standard(const struct map_run *m, const struct sm_lut *lut,
                                   uint32_t column, sm_val label) {
    for (size_t i = 0; i < sm_lut_count(lut); i++) {
        const sm_val *row = sm_lut_val_at(lut, i);
        if (sm_val_eq(m->texts, row[column], label)) return row;
    }
    return NULL;
}

static void find_visit(struct map_run *m, const struct sm_rule *rule, sm_val label,
                       uint8_t effect) {
    struct sm_valbuf buf;
    uint32_t column = map_rule_column(m);
    struct sm_str table =
        rule->lut < m->spec->ntable ? m->spec->table[rule->lut].name : SM_STR("visits");
    struct map_issue issue = {.code = SM_D_UNKNOWN_KEY,
                              .effect = effect,
                              .sev = -1,
                              .column = column,
                              .var = rule->var,
                              .value = label};
    if (issue.var == SM_NO && rule->from.kind == SM_SLOT_VAR) issue.var = rule->from.index;
    issue.detail = map_say(m, "visit \"%.*s\" is not in the table %.*s",
                           SM_STR_FMT(map_text(m, label, &buf)), SM_STR_FMT(table));
    map_find(m, &issue);
}

void map_visit_value(struct map_run *m, const struct map_rule *r, sm_val *out) {
    const struct sm_rule *rule = r->rule;
    const struct sm_lut *lut = m->w->rt->lut[rule->lut];
    sm_val label = map_slot(m, rule->from);
    uint32_t own = 0;
    bool has_own = own_column(rule, &own);
    if (label == SM_MISSING) return;
    const sm_val *row = sm_lut_find(lut, &label);
    if (!row && has_own) row = find_standard(m, lut, rule->c[own], label);
    for (uint32_t i = 0; row && i < r->nout; i++) {
        uint32_t var = r->out[i];
        out[i] = row[rule->c[i]];
        if (out[i] != SM_MISSING && r->domain->var[var].is_dtc)
            out[i] = sm_val_as_dtc(m->texts, out[i]);
    }
    if (row) return;
    bool blank = rule->terms.unmatched == SM_UNMATCHED_BLANK;
    if (has_own && !blank) out[own] = label;
    if (!blank && rule->terms.unmatched != SM_UNMATCHED_KEEP)
        find_visit(m, rule, label, has_own ? SM_EFFECT_KEPT : SM_EFFECT_BLANK);
}
