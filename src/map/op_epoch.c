/* SPDX-License-Identifier: MIT */
#include "map/map_priv.h"

void map_epoch_prepare(struct map_rule *r, const struct sm_spec *spec) {
    map_rule_input(r, r->rule->from);
    for (uint32_t i = 0; i < spec->nepoch; i++) {
        map_rule_inputs(r, spec->epoch[i].start);
        map_rule_inputs(r, spec->epoch[i].end);
    }
    r->out[r->nout++] = r->rule->var;
}

enum answer { ANSWER_NO, ANSWER_YES, ANSWER_UNKNOWN };

/* a not after b; by date where one side has no time. */
static enum answer not_after(const struct sm_dtc *a, const struct sm_dtc *b) {
    int32_t day_a, day_b;
    if (!sm_dtc_day(a, &day_a) || !sm_dtc_day(b, &day_b)) {
        enum sm_order o = sm_dtc_compare(a, b);
        if (o == SM_MAYBE) return ANSWER_UNKNOWN;
        return o == SM_AFTER ? ANSWER_NO : ANSWER_YES;
    }
    if (a->hour < 0 || b->hour < 0) return day_a > day_b ? ANSWER_NO : ANSWER_YES;
    return sm_dtc_compare_common(a, b) == SM_AFTER ? ANSWER_NO : ANSWER_YES;
}

/* An epoch whose start has no value has not begun; one whose end has none goes on. */
static enum answer in_epoch(struct map_run *m, const struct sm_epoch *e,
                            const struct sm_dtc *date) {
    struct sm_dtc bound;
    enum answer from = ANSWER_YES, to = ANSWER_YES;
    if (e->start) {
        if (!sm_val_to_dtc(m->texts, sm_expr_eval(e->start, &m->env), &bound)) return ANSWER_NO;
        from = not_after(&bound, date);
    }
    if (e->end && sm_val_to_dtc(m->texts, sm_expr_eval(e->end, &m->env), &bound))
        to = not_after(date, &bound);
    if (from == ANSWER_NO || to == ANSWER_NO) return ANSWER_NO;
    return from == ANSWER_UNKNOWN || to == ANSWER_UNKNOWN ? ANSWER_UNKNOWN : ANSWER_YES;
}

void map_epoch_value(struct map_run *m, const struct map_rule *r, sm_val *out) {
    struct sm_dtc date;
    if (!sm_val_to_dtc(m->texts, map_slot(m, r->rule->from), &date)) return;
    for (uint32_t i = 0; i < m->spec->nepoch; i++) {
        enum answer a = in_epoch(m, &m->spec->epoch[i], &date);
        if (a == ANSWER_YES) out[0] = m->spec->epoch[i].name;
        if (a != ANSWER_NO) return;
    }
}
