/* SPDX-License-Identifier: MIT */
#include "map/map_priv.h"

/* Outputs: the variable, then one for each choice that may hold. */
void map_multiple_prepare(struct map_rule *r, const struct sm_spec *spec) {
    (void)spec;
    const struct sm_rule *rule = r->rule;
    r->out[r->nout++] = rule->var;
    for (uint32_t i = 0; i < rule->nv && i < SM_ARRAY_LEN(rule->v); i++)
        r->out[r->nout++] = rule->v[i];
    for (uint32_t i = 0; i < rule->nchoice; i++) {
        map_rule_input(r, rule->choice[i].from);
        map_rule_inputs(r, rule->choice[i].test);
    }
}

static sm_val choice_value(struct map_run *m, const struct sm_choice *c) {
    sm_val cell = map_slot(m, c->from);
    if (c->from.kind != SM_SLOT_NONE && cell == SM_MISSING) return SM_MISSING;
    if (c->test && !sm_expr_test(c->test, &m->env)) return SM_MISSING;
    return c->value != SM_MISSING ? c->value : cell;
}

void map_multiple_value(struct map_run *m, const struct map_rule *r, sm_val *out) {
    const struct sm_rule *rule = r->rule;
    sm_val held[MAP_OUTS] = {0};
    uint32_t n = 0;
    for (uint32_t i = 0; i < rule->nchoice; i++) {
        sm_val v = choice_value(m, &rule->choice[i]);
        if (v != SM_MISSING) v = map_finish(m, r, rule->var, v);
        if (v == SM_MISSING) continue;
        if (n < MAP_OUTS) held[n] = v;
        n++;
    }
    out[0] = n > 1 ? rule->value : held[0];
    for (uint32_t i = 1; i < r->nout && n > 1; i++)
        out[i] = i <= n ? held[i - 1] : SM_MISSING;
}
