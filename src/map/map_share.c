/* SPDX-License-Identifier: MIT */
#include "map/map_priv.h"

/* Rules over the same inputs are computed together, at the place of the first of them, and share
 * one memo. That is the same as one after the other where no rule from the first to the last
 * writes what they read, reads or writes what a later one gives, or rejects records. */

enum { SHARE_AHEAD = 32 /* rules looked at behind one */ };

static bool writes(const struct map_rule *r, uint32_t var) {
    for (uint32_t o = 0; o < r->nout; o++)
        if (r->out[o] == var && var != SM_NO) return true;
    return false;
}

static bool reads(const struct map_rule *r, uint32_t var) {
    for (uint32_t i = 0; i < r->nin; i++)
        if (r->in[i].kind == SM_SLOT_VAR && r->in[i].index == var) return true;
    return !r->memo_ok;
}

static bool guard_reads(const struct map_guards *g, uint32_t guard, uint32_t var) {
    for (; guard != SM_NO; guard = g->item[guard].parent)
        if (reads(&g->item[guard].test, var)) return true;
    return false;
}

bool map_reads(const struct map_template *t, uint32_t n, uint32_t var) {
    for (size_t i = 0; i < t->guards.n; i++)
        if (reads(&t->guards.item[i].test, var)) return true;
    for (uint32_t i = 0; i < n; i++)
        if (reads(&t->rule[i], var)) return true;
    return false;
}

static bool may_reject(const struct sm_rule *rule) {
    return rule->reject_invalid || rule->terms.unmatched == SM_UNMATCHED_REJECT ||
           (rule->recode && rule->recode->unmatched == SM_UNMATCHED_REJECT);
}

/* May rules with the inputs of r be computed before this one, or with it? */
static bool leaves_alone(const struct map_rule *between, const struct map_rule *r,
                         const struct sm_domain *d) {
    if (may_reject(between->rule) || writes(between, d->usubjid)) return false;
    for (uint32_t i = 0; i < r->nin; i++)
        if (r->in[i].kind == SM_SLOT_VAR && writes(between, r->in[i].index)) return false;
    return true;
}

static bool same_inputs(const struct map_rule *a, const struct map_rule *b) {
    bool same = a->nin == b->nin;
    for (uint32_t i = 0; same && i < a->nin; i++)
        same = a->in[i].kind == b->in[i].kind && a->in[i].index == b->in[i].index;
    return same;
}

static bool has_memo(const struct map_rule *r) {
    return r->memo_ok && r->nin && r->nout && !r->op.bulk && !r->op.fast && !r->follows;
}

/* Do the rules from `first` up to `last` let its values be there before them? */
static bool may_come_first(const struct map_template *t, uint32_t first, uint32_t last) {
    const struct map_rule *r = &t->rule[last];
    for (uint32_t k = first; k < last; k++) {
        const struct map_rule *between = &t->rule[k];
        for (uint32_t o = 0; o < r->nout; o++) {
            uint32_t var = r->out[o];
            if (var == SM_NO) continue;
            if (writes(between, var) || reads(between, var)) return false;
            if (guard_reads(&t->guards, between->guard, var)) return false;
        }
    }
    return true;
}

static void share_with(struct map_template *t, uint32_t first, const struct sm_domain *d) {
    struct map_rule *r = &t->rule[first], *last = r;
    for (uint32_t i = first + 1; i < t->nrule && i - first <= SHARE_AHEAD; i++) {
        struct map_rule *other = &t->rule[i];
        if (!leaves_alone(&t->rule[i - 1], r, d)) return;
        if (!has_memo(other) || other->guard != r->guard || !same_inputs(r, other)) continue;
        if (!leaves_alone(other, r, d) || r->nall + other->nout > MAP_OUTS) continue;
        if (!may_come_first(t, first, i)) continue;
        other->follows = true;
        last->next = other;
        last = other;
        r->nall += other->nout;
    }
}

void map_share_rules(struct map_template *t, const struct sm_domain *d) {
    for (uint32_t i = 0; i < t->nrule; i++)
        if (has_memo(&t->rule[i])) share_with(t, i, d);
}
