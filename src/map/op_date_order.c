/* SPDX-License-Identifier: MIT */
#include "map/map_priv.h"

void map_date_order_prepare(struct map_rule *r, const struct sm_spec *spec) {
    (void)spec;
    map_rule_input(r, r->rule->time); /* first: findings name the end */
    map_rule_input(r, r->rule->from);
}

void map_date_order_value(struct map_run *m, const struct map_rule *r, sm_val *out) {
    const struct sm_rule *rule = r->rule;
    struct sm_dtc start, end;
    struct sm_valbuf buf1, buf2;
    (void)out;
    sm_val from = map_slot(m, rule->from), to = map_slot(m, rule->time);
    if (!sm_val_to_dtc(m->texts, from, &start) || !sm_val_to_dtc(m->texts, to, &end)) return;
    if (sm_dtc_compare(&start, &end) != SM_AFTER) return;
    struct map_issue issue = {.code = SM_D_DATE_ORDER,
                              .effect = SM_EFFECT_KEPT,
                              .sev = -1,
                              .column = map_rule_column(m),
                              .var = rule->time.kind == SM_SLOT_VAR ? rule->time.index : SM_NO,
                              .value = to};
    issue.detail = map_say(m, "end %.*s is before start %.*s", SM_STR_FMT(map_text(m, to, &buf1)),
                           SM_STR_FMT(map_text(m, from, &buf2)));
    map_find(m, &issue);
}
