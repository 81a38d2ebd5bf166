/* SPDX-License-Identifier: MIT */
#include "map/map_priv.h"

static uint16_t code_of_kind(struct sm_str kind) {
    for (size_t i = 0; i < sm_diag_count() && kind.p; i++)
        if (sm_str_eq_c(kind, sm_diag_at(i)->kind)) return sm_diag_at(i)->code;
    return SM_D_ASSERTION;
}

/* A test that speaks of missing values itself is taken as it stands. */
static bool speaks_of_missing(struct sm_str text) {
    static const char *const word[] = {"''", "\"\"", "exists", "coalesce"};
    for (size_t i = 0; i < SM_ARRAY_LEN(word); i++)
        if (sm_str_find(text, sm_str(word[i]), 0) != SIZE_MAX) return true;
    return false;
}

void map_check_prepare(struct map_rule *r, const struct sm_spec *spec) {
    (void)spec;
    map_rule_inputs(r, r->expr);
    r->code = code_of_kind(r->rule->kind_text);
    r->wants_all = !speaks_of_missing(sm_expr_text(r->expr));
}

static bool operand_missing(const struct map_run *m, const struct sm_expr *e) {
    const struct sm_slot *in;
    size_t n = sm_expr_inputs(e, &in);
    for (size_t i = 0; i < n; i++)
        if (map_slot(m, in[i]) == SM_MISSING) return true;
    return false;
}

void map_check_value(struct map_run *m, const struct map_rule *r, sm_val *out) {
    const struct sm_rule *rule = r->rule;
    (void)out;
    if (r->wants_all && operand_missing(m, r->expr)) return;
    if (sm_expr_test(r->expr, &m->env)) return;
    struct map_issue issue = {
        .code = r->code,
        .effect = rule->reject_invalid ? SM_EFFECT_DROPPED : SM_EFFECT_KEPT,
        .sev = (int)rule->sev,
        .column = map_rule_column(m),
        .var = SM_NO,
    };
    if (rule->mend.n) issue.mend = rule->mend;
    struct sm_str said = rule->message.n ? rule->message : sm_expr_text(r->expr);
    const char *pre = rule->message.n ? "" : "does not hold: ";
    bool own = rule->kind_text.p && rule->kind_text.n && r->code == SM_D_ASSERTION &&
               !sm_str_eq_c(rule->kind_text, "assertion");
    if (own)
        issue.detail =
            map_say(m, "%.*s: %s%.*s", SM_STR_FMT(rule->kind_text), pre, SM_STR_FMT(said));
    else
        issue.detail = map_say(m, "%s%.*s", pre, SM_STR_FMT(said));
    if (r->nin) {
        issue.value = map_slot(m, r->in[0]);
        if (r->in[0].kind == SM_SLOT_VAR) issue.var = r->in[0].index;
    }
    map_find(m, &issue);
    if (rule->reject_invalid) map_reject(m, issue.code);
}
