/* SPDX-License-Identifier: MIT */
#include "map/map_priv.h"

void map_datetime_prepare(struct map_rule *r, const struct sm_spec *spec) {
    (void)spec;
    const struct sm_rule *rule = r->rule;
    map_rule_input(r, rule->from);
    map_rule_input(r, rule->time);
    r->out[r->nout++] = rule->var;
    r->by_file = true; /* also for what its unknown parts look like */
    bool plain = rule->from_is_iso && rule->time.kind == SM_SLOT_NONE && !rule->reject_invalid &&
                 r->nin == 1;
    if (plain && r->domain->var[rule->var].is_dtc) r->op.bulk = map_copy_dtc_bulk;
    if (rule->from.kind != SM_SLOT_NONE && r->nin == 2) r->op.fast = map_datetime_fast;
}

static void find_date(struct map_run *m, uint32_t column, sm_val v, enum sm_dtc_fit fit,
                      bool time) {
    const struct sm_rule *rule = m->rule->rule;
    struct sm_valbuf buf;
    struct sm_str text = map_text(m, v, &buf);
    const char *why = fit == SM_DTC_IMPOSSIBLE
                          ? (time ? "there is no such time" : "there is no such calendar day")
                          : "it fits none of the declared formats";
    struct map_issue issue = {.code = SM_D_INVALID_DATE,
                              .effect = rule->reject_invalid ? SM_EFFECT_DROPPED : SM_EFFECT_BLANK,
                              .sev = -1,
                              .column = column,
                              .var = rule->var,
                              .value = v};
    issue.detail =
        map_say(m, "\"%.*s\" is no %s: %s", SM_STR_FMT(text), time ? "time" : "date", why);
    map_find(m, &issue);
    if (rule->reject_invalid) map_reject(m, issue.code);
}

static enum sm_dtc_fit read_date(const struct map_run *m, sm_val v, struct sm_dtc *ret) {
    const struct sm_rule *rule = m->rule->rule;
    struct sm_valbuf buf;
    const struct sm_dtc_pattern *p = rule->dates ? rule->dates : m->env.dates;
    if (rule->from_is_iso || sm_val_is_dtc(v) || !p)
        return sm_val_to_dtc(m->texts, v, ret) ? SM_DTC_FITS : SM_DTC_NO_FIT;
    return sm_dtc_pattern_run(p, m->env.rules, map_text(m, v, &buf), ret);
}

/* A date that another of the formats reads differently is kept, and said. */
static void find_other(struct map_run *m, sm_val v, const struct sm_dtc *d) {
    const struct sm_rule *rule = m->rule->rule;
    const struct sm_dtc_pattern *p = rule->dates ? rule->dates : m->env.dates;
    struct sm_valbuf buf;
    struct sm_dtc other;
    char a[SM_DTC_TEXT_MAX], b[SM_DTC_TEXT_MAX];
    if (rule->from_is_iso || sm_val_is_dtc(v) || !p ||
        !sm_dtc_pattern_other(p, m->env.rules, map_text(m, v, &buf), d, &other))
        return;
    struct map_issue issue = {.code = SM_D_MIXED_ORDER,
                              .effect = SM_EFFECT_KEPT,
                              .sev = -1,
                              .column = map_rule_column(m),
                              .var = rule->var,
                              .value = v};
    size_t n = sm_dtc_format(d, a), k = sm_dtc_format(&other, b);
    issue.detail =
        map_say(m, "read as %.*s, but the declared formats also allow %.*s", (int)n, a, (int)k, b);
    map_find(m, &issue);
}

static bool two_digits(const char *p, int8_t most, int8_t *ret) {
    if (!sm_is_digit(p[0]) || !sm_is_digit(p[1])) return false;
    *ret = (int8_t)((p[0] - '0') * 10 + (p[1] - '0'));
    return *ret <= most;
}

/* hh:mm[:ss] */
static enum sm_dtc_fit read_iso_time(struct sm_str s, struct sm_dtc *ret) {
    *ret = sm_dtc_none;
    if ((s.n != 5 && s.n != 8) || s.p[2] != ':' || (s.n == 8 && s.p[5] != ':'))
        return SM_DTC_NO_FIT;
    bool ok = two_digits(s.p, 23, &ret->hour) && two_digits(s.p + 3, 59, &ret->minute);
    if (ok && s.n == 8) ok = two_digits(s.p + 6, 59, &ret->second);
    return ok ? SM_DTC_FITS : SM_DTC_IMPOSSIBLE;
}

static enum sm_dtc_fit read_time(const struct map_run *m, sm_val v, struct sm_dtc *ret) {
    const struct sm_rule *rule = m->rule->rule;
    struct sm_valbuf buf;
    struct sm_str text = map_text(m, v, &buf);
    const struct sm_dtc_pattern *p = rule->times ? rule->times : m->env.times;
    if (rule->time_is_iso || !p) return read_iso_time(text, ret);
    return sm_dtc_pattern_run(p, m->env.rules, text, ret);
}

static struct sm_dtc clock_of(const struct sm_dtc *t) {
    struct sm_dtc ret = sm_dtc_none;
    ret.hour = t->hour;
    ret.minute = t->minute;
    ret.second = t->second;
    ret.frac = t->frac;
    ret.frac_digits = t->frac_digits;
    return ret;
}

/* A date takes a time if its day is known ("2019---20T10:00"); a rule without a date gives the time
 * alone. */
static void add_time(struct map_run *m, const struct sm_rule *rule, struct sm_dtc *d) {
    struct sm_dtc t;
    sm_val time = map_slot(m, rule->time);
    if (time == SM_MISSING) return;
    enum sm_dtc_fit fit = read_time(m, time, &t);
    if (fit != SM_DTC_FITS) {
        uint32_t column = map_column_of(m, rule->time);
        find_date(m, column == SM_NO ? map_rule_column(m) : column, time, fit, true);
        return;
    }
    if (rule->from.kind != SM_SLOT_NONE && d->day == SM_DTC_UNKNOWN) return;
    t = clock_of(&t);
    sm_dtc_merge(d, &t);
}

void map_datetime_value(struct map_run *m, const struct map_rule *r, sm_val *out) {
    const struct sm_rule *rule = r->rule;
    struct sm_dtc d = sm_dtc_none;
    sm_val date = map_slot(m, rule->from);
    if (date != SM_MISSING) {
        enum sm_dtc_fit fit = read_date(m, date, &d);
        if (fit != SM_DTC_FITS) {
            find_date(m, map_rule_column(m), date, fit, false);
            return;
        }
        find_other(m, date, &d);
    } else if (rule->from.kind != SM_SLOT_NONE) {
        return;
    }
    add_time(m, rule, &d);
    out[0] = sm_val_from_dtc(m->in, &d);
}

static uint32_t digit_at(sm_val v, int shift) {
    return (uint32_t)(v >> shift & 0xFF) - '0';
}

/* hh:mm as the reader gives it; false: something else. */
static bool inline_time(sm_val v, int *ret_hour, int *ret_minute) {
    if (!sm_val_is_inline(v) || (v >> 32 & 0xFF) != ':' || (v & 0xFFFF)) return false;
    uint32_t h10 = digit_at(v, 48), h = digit_at(v, 40), m10 = digit_at(v, 24), m = digit_at(v, 16);
    *ret_hour = (int)(h10 * 10 + h);
    *ret_minute = (int)(m10 * 10 + m);
    return h10 <= 2 && h <= 9 && *ret_hour <= 23 && m10 <= 5 && m <= 9;
}

/* False: not easy. */
static bool fast_date(sm_val date, sm_val time, bool iso, sm_val *ret) {
    int hour, minute;
    uint64_t packed;
    *ret = date;
    if (date == SM_MISSING) return true;
    if (!sm_val_is_dtc(date)) return false;
    if (time == SM_MISSING) return true;
    if (!iso || !inline_time(time, &hour, &minute)) return false;
    if (!sm_dtc_packed_at(sm_val_packed(date), hour, minute, &packed)) return false;
    *ret = sm_val_of_packed(packed);
    return true;
}

/* Rows of one visit mostly stand together. */
uint32_t map_datetime_fast(struct map_run *m, struct map_rule *r, const struct map_sel *sel,
                           sm_val *const *dst, uint32_t *rest) {
    const struct sm_rule *rule = r->rule;
    bool iso = rule->time_is_iso || !(rule->times ? rule->times : m->env.times), easy = true;
    struct map_src src[MAP_KEYS];
    sm_val d = SM_MISSING, t = SM_MISSING, v = SM_MISSING;
    uint32_t n = 0;
    if (!map_sources(m, r, sel, src)) return 0;
    for (uint32_t k = 0; k < sel->n; k++) {
        const sm_val date = map_src_at(&src[0], k), time = map_src_at(&src[1], k);
        if (date != d || time != t) easy = fast_date(date, time, iso, &v);
        d = date;
        t = time;
        dst[0][sel->rec ? sel->rec[k] : k] = v;
        rest[n] = k;
        n += !easy;
    }
    return n;
}
