/* SPDX-License-Identifier: MIT */
#include "map/map_priv.h"

#include "sdtmill/num.h"

static sm_val finish_range(struct map_run *m, const struct sm_rule *rule, uint32_t var, sm_val v) {
    struct sm_valbuf buf;
    struct sm_str text = map_text(m, v, &buf);
    int c;
    struct map_issue issue = {
        .code = SM_D_OUT_OF_RANGE, .effect = SM_EFFECT_KEPT, .sev = -1, .var = var, .value = v};
    if (!sm_num_parse(text, false, NULL)) {
        issue.code = SM_D_NOT_A_NUMBER;
        issue.detail =
            map_say(m, "\"%.*s\" is no number, but has a declared range", SM_STR_FMT(text));
    } else if (rule->has_min && sm_dec_cmp(text, rule->min, &c) && c < 0) {
        issue.detail = map_say(m, "%.*s is below the declared minimum %.*s", SM_STR_FMT(text),
                               SM_STR_FMT(rule->min));
    } else if (rule->has_max && sm_dec_cmp(text, rule->max, &c) && c > 0) {
        issue.detail = map_say(m, "%.*s is above the declared maximum %.*s", SM_STR_FMT(text),
                               SM_STR_FMT(rule->max));
    } else {
        return v;
    }
    issue.column = map_rule_column(m);
    map_find(m, &issue);
    return v;
}

/* What cannot stand in a date or a numeric variable is left blank. */
static sm_val finish_type(struct map_run *m, const struct map_rule *r, uint32_t var, sm_val v) {
    const struct sm_var *to = &r->domain->var[var];
    struct sm_valbuf buf;
    struct sm_dtc d;
    struct map_issue issue = {.effect = SM_EFFECT_BLANK, .sev = -1, .var = var, .value = v};
    if (to->is_dtc) {
        v = sm_val_as_dtc(m->texts, v);
        if (sm_val_is_dtc(v) || sm_val_to_dtc(m->texts, v, &d)) return v;
        issue.code = SM_D_INVALID_DATE;
        issue.detail = map_say(m, "\"%.*s\" is no ISO 8601 date", SM_STR_FMT(map_text(m, v, &buf)));
    } else if (to->is_num && !sm_num_parse(map_text(m, v, &buf), false, NULL)) {
        issue.code = SM_D_NOT_A_NUMBER;
        issue.detail = map_say(m, "\"%.*s\" is no number, but %.*s is numeric",
                               SM_STR_FMT(map_text(m, v, &buf)), SM_STR_FMT(to->name));
    } else {
        return v;
    }
    issue.column = map_rule_column(m);
    map_find(m, &issue);
    return SM_MISSING;
}

sm_val map_finish(struct map_run *m, const struct map_rule *r, uint32_t var, sm_val v) {
    const struct sm_rule *rule = r->rule;
    if (rule->fold) v = map_fold(m, v, rule->fold == 'u');
    if (rule->recode) v = map_recode(m, rule, v);
    if (v != SM_MISSING && rule->terms.nlist) v = map_terms(m, rule, v);
    const struct sm_var *to = &r->domain->var[var];
    if (v != SM_MISSING && (to->is_dtc || to->is_num)) v = finish_type(m, r, var, v);
    if (v != SM_MISSING && (rule->has_min || rule->has_max)) v = finish_range(m, rule, var, v);
    return v;
}

/* ---- assign ---------------------------------------------------------------------------------- */

static bool source_is(const struct map_rule *r, struct sm_slot s, enum sm_col_type type) {
    return s.kind == SM_SLOT_COLUMN && r->source && s.index < r->source->ncolumn &&
           r->source->column[s.index].type == type;
}

void map_assign_prepare(struct map_rule *r, const struct sm_spec *spec) {
    (void)spec;
    const struct sm_rule *rule = r->rule;
    const struct sm_var *to = &r->domain->var[rule->var];
    map_rule_input(r, rule->from);
    r->out[r->nout++] = rule->var;
    bool plain = !rule->fold && !rule->recode && !rule->terms.nlist && !rule->has_min &&
                 !rule->has_max && r->nin == 1;
    if (!plain) return;
    if (to->is_dtc)
        r->op.bulk = map_copy_dtc_bulk;
    else if (!to->is_num || source_is(r, rule->from, SM_COL_NUMBER))
        r->op.bulk = map_copy_bulk;
}

void map_assign_value(struct map_run *m, const struct map_rule *r, sm_val *out) {
    out[0] = map_finish(m, r, r->rule->var, map_slot(m, r->rule->from));
}

void map_copy_bulk(struct map_run *m, struct map_rule *r, const struct map_sel *sel) {
    struct map_src src;
    if (!map_source_of(m, r->in[0], sel, &src)) {
        m->nomem = true;
        return;
    }
    sm_val *to = m->var[r->rule->var];
    if (!src.at && !sel->rec) {
        memcpy(to, src.base, sel->n * sizeof *to);
    } else if (!sel->rec) {
        for (uint32_t k = 0; k < sel->n; k++)
            to[k] = src.base[src.at[k]];
    } else {
        for (uint32_t k = 0; k < sel->n; k++)
            to[sel->rec[k]] = src.base[src.at ? src.at[k] : k];
    }
}

/* Dates mostly come packed; what does not is looked at. */
void map_copy_dtc_bulk(struct map_run *m, struct map_rule *r, const struct map_sel *sel) {
    struct map_src src;
    if (!map_source_of(m, r->in[0], sel, &src)) {
        m->nomem = true;
        return;
    }
    sm_val *to = m->var[r->rule->var];
    for (uint32_t k = 0; k < sel->n; k++) {
        sm_val v = src.base[src.at ? src.at[k] : k];
        uint32_t rec = sel->rec ? sel->rec[k] : k;
        if (v != SM_MISSING && !sm_val_is_dtc(v))
            map_value(m, r, sel->row ? sel->row[k] : k, rec, &v);
        to[rec] = v;
    }
}

/* ---- constant -------------------------------------------------------------------------------- */

void map_constant_prepare(struct map_rule *r, const struct sm_spec *spec) {
    (void)spec;
    r->out[r->nout++] = r->rule->var;
}

void map_constant_value(struct map_run *m, const struct map_rule *r, sm_val *out) {
    bool date = r->domain->var[r->rule->var].is_dtc;
    out[0] = date ? sm_val_as_dtc(m->texts, r->rule->value) : r->rule->value;
}

void map_constant_bulk(struct map_run *m, struct map_rule *r, const struct map_sel *sel) {
    sm_val v, *to = m->var[r->rule->var];
    map_constant_value(m, r, &v);
    if (sel->rec) {
        for (uint32_t k = 0; k < sel->n; k++)
            to[sel->rec[k]] = v;
    } else {
        for (uint32_t k = 0; k < sel->n; k++)
            to[k] = v;
    }
}
