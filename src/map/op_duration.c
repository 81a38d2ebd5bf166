/* SPDX-License-Identifier: MIT */
#include "map/map_priv.h"

#include "sdtmill/num.h"

void map_duration_prepare(struct map_rule *r, const struct sm_spec *spec) {
    (void)spec;
    map_rule_input(r, r->rule->from);
    map_rule_input(r, r->rule->time);
    r->out[r->nout++] = r->rule->var;
}

/* Days from one date to the other, as ISO 8601 counts them; nothing when they run backwards. */
void map_duration_value(struct map_run *m, const struct map_rule *r, sm_val *out) {
    struct sm_dtc from, to;
    int32_t a, b;
    if (!sm_val_to_dtc(m->texts, map_slot(m, r->rule->from), &from) || !sm_dtc_day(&from, &a))
        return;
    if (!sm_val_to_dtc(m->texts, map_slot(m, r->rule->time), &to) || !sm_dtc_day(&to, &b)) return;
    if (b < a) return;
    char text[24] = "P";
    size_t n = 1 + sm_num_format_i64((int64_t)b - a, text + 1);
    text[n++] = 'D';
    out[0] = sm_val_make(m->in, sm_str_n(text, n));
}
