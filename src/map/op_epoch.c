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

/* Order of two dates, by days where one side has no time; SM_MAYBE when a partial date leaves it open. */
static enum sm_order order(const struct sm_dtc *a, const struct sm_dtc *b) {
    int32_t day_a, day_b;
    if (!sm_dtc_day(a, &day_a) || !sm_dtc_day(b, &day_b)) return sm_dtc_compare(a, b);
    if (a->hour < 0 || b->hour < 0) return day_a < day_b ? SM_BEFORE : day_a > day_b ? SM_AFTER : SM_SAME;
    return sm_dtc_compare_common(a, b);
}

static bool bound(struct map_run *m, const struct sm_expr *e, struct sm_dtc *ret) {
    return e && sm_val_to_dtc(m->texts, sm_expr_eval(e, &m->env), ret);
}

/* The start of epoch i: its own, or the end of the one before, which does not belong to it. False: the
 * subject never enters it. */
static bool epoch_start(struct map_run *m, uint32_t i, struct sm_dtc *ret, bool *ret_after) {
    const struct sm_epoch *e = m->spec->epoch;
    *ret_after = !e[i].start;
    if (e[i].start) return bound(m, e[i].start, ret);
    return i > 0 && bound(m, e[i - 1].end, ret);
}

/* The end of epoch i: its own, or the start of the next one the subject enters, which does not belong
 * to it. False: it goes on. */
static bool epoch_end(struct map_run *m, uint32_t i, struct sm_dtc *ret, bool *ret_before) {
    const struct sm_epoch *e = m->spec->epoch;
    bool after;
    *ret_before = !e[i].end;
    if (e[i].end) return bound(m, e[i].end, ret);
    for (uint32_t k = i + 1; k < m->spec->nepoch; k++) {
        if (!epoch_start(m, k, ret, &after)) continue;
        *ret_before = !after;
        return true;
    }
    return false;
}

enum answer { ANSWER_NO, ANSWER_YES, ANSWER_UNKNOWN };

static enum answer in_epoch(struct map_run *m, uint32_t i, const struct sm_dtc *date) {
    struct sm_dtc b;
    bool open;
    enum sm_order from = SM_AFTER, to = SM_BEFORE;
    if (i > 0 || m->spec->epoch[i].start) {
        if (!epoch_start(m, i, &b, &open)) return ANSWER_NO;
        from = order(date, &b);
        if (from == SM_BEFORE || (from == SM_SAME && open)) return ANSWER_NO;
    }
    if (epoch_end(m, i, &b, &open)) {
        to = order(date, &b);
        if (to == SM_AFTER || (to == SM_SAME && open)) return ANSWER_NO;
    }
    return from == SM_MAYBE || to == SM_MAYBE ? ANSWER_UNKNOWN : ANSWER_YES;
}

void map_epoch_value(struct map_run *m, const struct map_rule *r, sm_val *out) {
    struct sm_dtc date;
    if (!sm_val_to_dtc(m->texts, map_slot(m, r->rule->from), &date)) return;
    for (uint32_t i = 0; i < m->spec->nepoch; i++) {
        enum answer a = in_epoch(m, i, &date);
        if (a == ANSWER_YES) out[0] = m->spec->epoch[i].name;
        if (a != ANSWER_NO) return;
    }
}
