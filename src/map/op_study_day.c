/* SPDX-License-Identifier: MIT */
#include "map/map_priv.h"

void map_study_day_prepare(struct map_rule *r, const struct sm_spec *spec) {
    struct sm_slot reference;
    (void)spec;
    map_rule_input(r, r->rule->from);
    map_rule_inputs(r, r->expr);
    r->out[r->nout++] = r->rule->var;
    if (sm_expr_is_slot(r->expr, &reference) && r->nin == 2) r->op.fast = map_study_day_fast;
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

/* A packed date, or nothing: the day, INT32_MIN if there is none. False: it is a text. */
static bool packed_day(sm_val v, int32_t *ret) {
    if (v != SM_MISSING && !sm_val_is_dtc(v)) return false;
    if (v == SM_MISSING || !sm_dtc_packed_day(sm_val_packed(v), ret)) *ret = INT32_MIN;
    return true;
}

static sm_val fast_day(struct sm_intern *in, int32_t day, int32_t reference) {
    if (day == INT32_MIN || reference == INT32_MIN) return SM_MISSING;
    return sm_val_from_i64(in, (int64_t)day - reference + (day >= reference));
}

/* What was a date, and its day. */
struct fast_date {
    sm_val v;
    int32_t day;
    bool known;
};
static inline bool fast_see(struct fast_date *d, sm_val v) {
    if (v == d->v) return false;
    const int32_t was = d->day;
    d->v = v;
    d->known = packed_day(v, &d->day);
    return d->known && d->day != was;
}

/* Rows of one day and subject mostly stand together. */
uint32_t map_study_day_fast(struct map_run *m, struct map_rule *r, const struct map_sel *sel,
                            sm_val *const *dst, uint32_t *rest) {
    struct map_src src[MAP_KEYS];
    struct fast_date to = {SM_MISSING, INT32_MIN, true}, from = to;
    sm_val v = SM_MISSING;
    uint32_t n = 0;
    if (!map_sources(m, r, sel, src)) return 0;
    for (uint32_t k = 0; k < sel->n; k++) {
        bool other = fast_see(&to, map_src_at(&src[0], k));
        other = fast_see(&from, map_src_at(&src[1], k)) || other;
        if (other) v = fast_day(m->in, to.day, from.day);
        dst[0][sel->rec ? sel->rec[k] : k] = v;
        rest[n] = k;
        n += !(to.known && from.known);
    }
    return n;
}
