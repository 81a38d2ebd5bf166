/* SPDX-License-Identifier: MIT */
#include "map/map_priv.h"

/* Outputs: the age, then its unit. */
void map_age_prepare(struct map_rule *r, const struct sm_spec *spec) {
    (void)spec;
    map_rule_inputs(r, r->expr);
    map_rule_inputs(r, r->rule->expr2);
    r->out[r->nout++] = r->rule->var;
    if (r->rule->nv) r->out[r->nout++] = r->rule->v[0];
}

void map_age_value(struct map_run *m, const struct map_rule *r, sm_val *out) {
    struct sm_dtc from, to;
    int32_t years;
    if (!sm_val_to_dtc(m->texts, sm_expr_eval(r->expr, &m->env), &from)) return;
    if (!sm_val_to_dtc(m->texts, sm_expr_eval(r->rule->expr2, &m->env), &to)) return;
    if (!sm_dtc_years_between(&from, &to, &years)) return;
    out[0] = sm_val_from_i64(m->in, years);
    if (r->nout > 1) out[1] = r->rule->value;
}
