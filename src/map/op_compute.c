/* SPDX-License-Identifier: MIT */
#include "map/map_priv.h"

void map_compute_prepare(struct map_rule *r, const struct sm_spec *spec) {
    (void)spec;
    map_rule_inputs(r, r->expr);
    r->out[r->nout++] = r->rule->var;
}

void map_compute_value(struct map_run *m, const struct map_rule *r, sm_val *out) {
    out[0] = map_finish(m, r, r->rule->var, sm_expr_eval(r->expr, &m->env));
}

void map_condition_value(struct map_run *m, const struct map_rule *r, sm_val *out) {
    out[0] = sm_expr_test(r->expr, &m->env);
}

void map_expr_value(struct map_run *m, const struct map_rule *r, sm_val *out) {
    out[0] = sm_expr_eval(r->expr, &m->env);
}
