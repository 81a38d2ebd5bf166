/* SPDX-License-Identifier: MIT */
#include "map/map_priv.h"

static const struct map_op op_table[] = {
    [SM_RULE_ASSIGN] = {map_assign_prepare, map_assign_value, NULL, NULL},
    [SM_RULE_CONSTANT] = {map_constant_prepare, map_constant_value, map_constant_bulk, NULL},
    [SM_RULE_COMPUTE] = {map_compute_prepare, map_compute_value, NULL, NULL},
    [SM_RULE_DATETIME] = {map_datetime_prepare, map_datetime_value, NULL, NULL},
    [SM_RULE_MULTIPLE] = {map_multiple_prepare, map_multiple_value, NULL, NULL},
    [SM_RULE_CHECK] = {map_check_prepare, map_check_value, NULL, NULL},
    [SM_RULE_STUDY_DAY] = {map_study_day_prepare, map_study_day_value, NULL, NULL},
    [SM_RULE_STANDARDIZE] = {map_standardize_prepare, map_standardize_value, NULL,
                             map_standardize_fast},
    [SM_RULE_VISIT] = {map_visit_prepare, map_visit_value, NULL, NULL},
    [SM_RULE_EPOCH] = {map_epoch_prepare, map_epoch_value, NULL, NULL},
    [SM_RULE_DURATION] = {map_duration_prepare, map_duration_value, NULL, NULL},
    [SM_RULE_AGE] = {map_age_prepare, map_age_value, NULL, NULL},
    [SM_RULE_DATE_ORDER] = {map_date_order_prepare, map_date_order_value, NULL, NULL},
};

void map_rule_prepare(struct map_rule *r, const struct sm_rule *rule, const struct sm_spec *spec) {
    r->rule = rule;
    r->expr = rule->expr;
    r->where = &rule->where;
    r->op = op_table[rule->kind];
    r->memo_ok = true;
    r->guard = SM_NO;
    r->op.prepare(r, spec);
    r->nall = r->nout;
}

void map_rule_of_expr(struct map_rule *r, const struct sm_expr *e, const struct sm_where *where,
                      bool condition) {
    r->expr = e;
    r->where = where;
    r->op = (struct map_op){NULL, condition ? map_condition_value : map_expr_value, NULL, NULL};
    r->memo_ok = true;
    r->guard = SM_NO;
    r->nout = r->nall = 1;
    map_rule_inputs(r, e);
    struct sm_slot slot;
    r->equal = condition && e && sm_expr_is_equal(e, &slot, &r->k, &r->negate);
}

void map_rule_input(struct map_rule *r, struct sm_slot s) {
    /* $column is one value for all records of a template. */
    if (s.kind == SM_SLOT_NONE || (s.kind == SM_SLOT_PARAM && s.index == 1)) return;
    for (uint32_t i = 0; i < r->nin; i++)
        if (r->in[i].kind == s.kind && r->in[i].index == s.index) return;
    if (r->nin == MAP_KEYS) {
        r->memo_ok = false;
        return;
    }
    r->in[r->nin++] = s;
}

void map_rule_inputs(struct map_rule *r, const struct sm_expr *e) {
    if (!e) return;
    const struct sm_slot *in;
    size_t n = sm_expr_inputs(e, &in);
    for (size_t i = 0; i < n; i++)
        map_rule_input(r, in[i]);
    if (!sm_expr_is_pure(e)) r->memo_ok = false;
    r->by_file = true;
}
