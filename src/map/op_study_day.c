/* SPDX-License-Identifier: MIT */
#include "map/map_priv.h"

void map_study_day_prepare(struct map_rule *r, const struct sm_spec *spec) {
    (void)spec;
    map_rule_input(r, r->rule->from);
    map_rule_inputs(r, r->expr);
    r->out[r->nout++] = r->rule->var;
}

static bool day_of(const struct map_run *m, sm_val v, int32_t *ret) {
    struct sm_dtc d;
    if (sm_val_is_dtc(v)) return sm_dtc_packed_day(sm_val_packed(v), ret);
    return sm_val_to_dtc(m->texts, v, &d) && sm_dtc_day(&d, ret);
}

void map_study_day_value(struct map_run *m, const struct map_rule *r, sm_val *out) {
    int32_t day, reference;
    if (!day_of(m, map_slot(m, r->rule->from), &day)) return;
    if (!day_of(m, sm_expr_eval(r->expr, &m->env), &reference)) return;
    out[0] = sm_val_from_i64(m->in, (int64_t)day - reference + (day >= reference));
}
