/* SPDX-License-Identifier: MIT */
#include "map/map_priv.h"

#include "sdtmill/utf8.h"

enum {
    TERMS_SHOWN = 5,
    NEAREST_TERMS = 500,
    NEAREST_BYTES = 40 /* above: too slow for what it gives */
};

sm_val map_fold(struct map_run *m, sm_val v, bool upper) {
    struct sm_valbuf buf;
    if (v == SM_MISSING || sm_val_is_dtc(v)) return v;
    struct sm_str text = map_text(m, v, &buf);
    struct sm_buf *out = &m->w->text;
    sm_buf_clear(out);
    if (!sm_buf_reserve(out, text.n * 4)) {
        m->nomem = true;
        return v;
    }
    const char *p = text.p, *end = text.p + text.n;
    while (p < end) {
        uint32_t c = sm_utf8_next(&p, end);
        out->n += sm_utf8_put(out->p + out->n, upper ? sm_utf8_upper(c) : sm_utf8_lower(c));
    }
    return sm_val_make(m->in, sm_str_n(out->p, out->n));
}

/* What the policy makes of a value that was not found, and what a finding says of it. */
static sm_val unmatched(struct map_run *m, enum sm_unmatched policy, sm_val v,
                        uint8_t *ret_effect) {
    *ret_effect = SM_EFFECT_KEPT;
    switch (policy) {
    case SM_UNMATCHED_BLANK:
        *ret_effect = SM_EFFECT_BLANK;
        return SM_MISSING;
    case SM_UNMATCHED_REJECT:
        *ret_effect = SM_EFFECT_DROPPED;
        return SM_MISSING;
    case SM_UNMATCHED_UPPER:
        return map_fold(m, v, true);
    case SM_UNMATCHED_KEEP:
    case SM_UNMATCHED_REPORT:
        break;
    }
    return v;
}

sm_val map_recode(struct map_run *m, const struct sm_rule *rule, sm_val v) {
    const struct sm_recode *recode = rule->recode;
    const sm_val *to = sm_lut_find(recode->map, &v);
    if (to) return to[0];
    if (v == SM_MISSING || recode->unmatched == SM_UNMATCHED_KEEP) return v;
    struct sm_valbuf buf;
    struct map_issue issue = {.code = SM_D_UNKNOWN_WORD,
                              .sev = -1,
                              .column = map_rule_column(m),
                              .var = rule->var,
                              .value = v};
    sm_val ret = unmatched(m, recode->unmatched, v, &issue.effect);
    issue.detail = map_say(m, "\"%.*s\" is not in the recode table %.*s",
                           SM_STR_FMT(map_text(m, v, &buf)), SM_STR_FMT(recode->name));
    map_find(m, &issue);
    if (recode->unmatched == SM_UNMATCHED_REJECT) map_reject(m, issue.code);
    return ret;
}

static void say_accepted(const struct sm_codelist *l, struct sm_str text, struct sm_buf *out) {
    struct sm_str near = {0};
    if (l->nterm <= NEAREST_TERMS && text.n <= NEAREST_BYTES) near = sm_ct_nearest_term(l, text);
    if (near.p) {
        sm_buf_printf(out, "; nearest: %.*s", SM_STR_FMT(near));
        return;
    }
    for (uint32_t i = 0; i < l->nterm && i < TERMS_SHOWN; i++)
        sm_buf_printf(out, "%s%.*s", i ? ", " : "; accepted: ", SM_STR_FMT(l->term[i].value));
    if (l->nterm > TERMS_SHOWN) sm_buf_printf(out, " and %" PRIu32 " more", l->nterm - TERMS_SHOWN);
}

static void find_term(struct map_run *m, const struct sm_rule *rule, sm_val v, uint8_t effect) {
    const struct sm_terms *t = &rule->terms;
    struct sm_valbuf buf;
    struct sm_str text = map_text(m, v, &buf);
    struct sm_buf *out = &m->w->text;
    bool extensible = false;
    sm_buf_clear(out);
    sm_buf_printf(out, "\"%.*s\" is not in %s ", SM_STR_FMT(text),
                  t->nlist > 1 ? "codelists" : "codelist");
    for (uint32_t i = 0; i < t->nlist; i++) {
        extensible |= t->list[i]->extensible;
        sm_buf_printf(out, "%s%.*s", i ? ", " : "", SM_STR_FMT(t->list[i]->name));
    }
    say_accepted(t->list[0], text, out);
    struct map_issue issue = {.code = extensible ? SM_D_EXTENDED_TERM : SM_D_UNKNOWN_TERM,
                              .effect = effect,
                              .sev = -1,
                              .column = map_rule_column(m),
                              .var = rule->var,
                              .value = v};
    if (out->failed)
        m->nomem = true;
    else
        issue.detail = map_say(m, "%.*s", SM_STR_FMT(sm_buf_str(out)));
    map_find(m, &issue);
    if (t->unmatched == SM_UNMATCHED_REJECT) map_reject(m, issue.code);
}

sm_val map_terms(struct map_run *m, const struct sm_rule *rule, sm_val v) {
    struct sm_valbuf buf;
    struct sm_str text = map_text(m, v, &buf);
    const struct sm_term *term;
    for (uint32_t i = 0; i < rule->terms.nlist; i++)
        if (sm_ct_find(rule->terms.list[i], text, &term) != SM_CT_NONE)
            return sm_val_make(m->in, term->value);
    uint8_t effect;
    sm_val ret = unmatched(m, rule->terms.unmatched, v, &effect);
    find_term(m, rule, v, effect);
    return ret;
}
