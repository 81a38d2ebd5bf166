/* SPDX-License-Identifier: MIT */
#include "map/map_priv.h"

#include "sdtmill/num.h"

enum { STD_DIGITS = 12 /* most places of what is said to be exact */, STD_TEXT = 512 };
/* A result as it was collected. */
struct result {
    sm_val test, value, unit, low, high;
    struct sm_str text, sign, number; /* of value: [<>=...] and the decimal behind it */
    bool numeric;
    struct sm_valbuf buf;
};

void map_standardize_prepare(struct map_rule *r, const struct sm_spec *spec) {
    (void)spec;
    for (uint32_t i = SM_STD_TEST; i <= SM_STD_ORNRHI; i++)
        if (r->rule->v[i] != SM_NO) map_rule_input(r, (struct sm_slot){SM_SLOT_VAR, r->rule->v[i]});
    for (uint32_t i = SM_STD_STRESC; i < SM_STD_COUNT; i++)
        r->out[r->nout++] = r->rule->v[i];
}

static sm_val input(const struct map_run *m, const struct sm_rule *rule, enum sm_std_var which) {
    return rule->v[which] == SM_NO ? SM_MISSING : m->var[rule->v[which]][m->rec];
}

static void read_sign(struct result *x) {
    static const struct sm_str sign[] = {{"<=", 2}, {">=", 2},           {"<", 1},
                                         {">", 1},  {"\xE2\x89\xA4", 3}, {"\xE2\x89\xA5", 3}};
    x->number = x->text;
    x->sign = (struct sm_str){x->text.p, 0};
    for (size_t i = 0; i < SM_ARRAY_LEN(sign); i++) {
        if (!sm_str_starts(x->text, sign[i])) continue;
        x->sign.n = sign[i].n;
        x->number = sm_str_trim((struct sm_str){x->text.p + x->sign.n, x->text.n - x->sign.n});
        return;
    }
}

static void read_result(const struct map_run *m, const struct sm_rule *rule, struct result *x) {
    x->test = input(m, rule, SM_STD_TEST);
    x->value = input(m, rule, SM_STD_ORRES);
    x->unit = input(m, rule, SM_STD_ORRESU);
    x->low = input(m, rule, SM_STD_ORNRLO);
    x->high = input(m, rule, SM_STD_ORNRHI);
    x->text = map_text(m, x->value, &x->buf);
    read_sign(x);
    x->numeric = sm_num_parse(x->number, false, NULL);
}

const struct sm_convert *map_std_row(const struct map_run *m, const struct sm_units *units,
                                     sm_val test, sm_val unit) {
    struct sm_valbuf buf;
    uint64_t row;
    sm_val key[2] = {test, unit};
    const sm_val *found = sm_lut_find(units->index, key);
    if (!found && units->any_test) {
        key[0] = SM_MISSING;
        found = sm_lut_find(units->index, key);
    }
    if (!found || !sm_str_to_u64(map_text(m, found[0], &buf), &row) || row >= units->nconvert)
        return NULL;
    return &units->convert[row];
}

static void find_input(struct map_run *m, uint16_t code, enum sm_std_var which, uint8_t effect,
                       struct sm_str detail) {
    const struct sm_rule *rule = m->rule->rule;
    uint32_t var = rule->v[which], column = SM_NO;
    if (var != SM_NO) column = map_column_of(m, (struct sm_slot){SM_SLOT_VAR, var});
    if (column == SM_NO && rule->v[SM_STD_ORRES] != SM_NO)
        column = map_column_of(m, (struct sm_slot){SM_SLOT_VAR, rule->v[SM_STD_ORRES]});
    struct map_issue issue = {.code = code,
                              .effect = effect,
                              .sev = -1,
                              .column = column,
                              .var = var,
                              .value = input(m, rule, which),
                              .detail = detail};
    map_find(m, &issue);
}

bool map_std_convert(struct map_run *m, const struct sm_rule *rule, const struct sm_convert *row,
                     struct sm_str sign, struct sm_str number, sm_val *ret) {
    const struct sm_units *units = rule->units;
    char out[STD_TEXT + 4];
    size_t n;
    int digits = rule->digits;
    if (digits < 0 && row) digits = row->digits;
    if (digits < 0 && units) digits = units->digits;
    if (digits < 0) digits = STD_DIGITS;
    if (sign.n) memcpy(out, sign.p, sign.n);
    if (!sm_dec_convert(number, row ? row->offset : NULL, row ? row->factor : NULL, digits,
                        units ? units->round : SM_ROUND_HALF_UP, out + sign.n, STD_TEXT, &n))
        return false;
    *ret = sm_val_make(m->in, sm_str_n(out, sign.n + n));
    return true;
}

static void set_limit(struct map_run *m, const struct map_rule *r, const struct sm_convert *row,
                      enum sm_std_var which, sm_val limit, sm_val *ret) {
    struct sm_valbuf buf;
    if (limit == SM_MISSING || map_std_number(m, r, row, limit, ret)) return;
    struct sm_str detail =
        map_say(m, "limit \"%.*s\" is no number", SM_STR_FMT(map_text(m, limit, &buf)));
    find_input(m, SM_D_NOT_A_NUMBER, which, SM_EFFECT_BLANK, detail);
}

static void set_indicator(struct map_run *m, const struct result *x, sm_val *ret) {
    struct sm_valbuf buf;
    int low = 0, high = 0;
    bool has_low = x->low != SM_MISSING && sm_dec_cmp(x->number, map_text(m, x->low, &buf), &low);
    bool has_high =
        x->high != SM_MISSING && sm_dec_cmp(x->number, map_text(m, x->high, &buf), &high);
    if (!has_low && !has_high) return;
    const char *word = "NORMAL";
    if (has_low && low < 0)
        word = "LOW";
    else if (has_high && high > 0)
        word = "HIGH";
    *ret = sm_val_make(m->in, sm_str(word));
}

/* Text: a declared word, or what the table does not list, needs no number. */
static void set_text(struct map_run *m, const struct map_rule *r, const struct sm_convert *row,
                     const struct result *x, sm_val *out) {
    const struct sm_rule *rule = r->rule;
    const struct sm_term *term;
    out[MAP_OUT_STRESC] = x->value;
    if (rule->words && sm_ct_find(rule->words, x->text, &term) != SM_CT_NONE) {
        out[MAP_OUT_STRESC] = sm_val_make(m->in, term->value);
        return;
    }
    bool listed = row != NULL;
    if (!listed && rule->units && x->test != SM_MISSING)
        listed = sm_lut_find(rule->units->tests, &x->test) != NULL;
    if (!listed) return;
    find_input(m, SM_D_NOT_A_NUMBER, SM_STD_ORRES, SM_EFFECT_BLANK,
               map_say(m, "result \"%.*s\" is no number; kept as text", SM_STR_FMT(x->text)));
}

static void find_unit(struct map_run *m, const struct sm_rule *rule, const struct result *x) {
    struct sm_valbuf test, unit;
    struct sm_str of = map_text(m, x->test, &test), in = map_text(m, x->unit, &unit);
    enum sm_std_var which = x->unit == SM_MISSING ? SM_STD_ORRES : SM_STD_ORRESU;
    struct sm_str detail = map_say(m, "no conversion of %.*s from unit \"%.*s\" in the table %.*s",
                                   SM_STR_FMT(of), SM_STR_FMT(in), SM_STR_FMT(rule->units->name));
    find_input(m, SM_D_UNKNOWN_UNIT, which,
               rule->keep_unconverted ? SM_EFFECT_KEPT : SM_EFFECT_BLANK, detail);
}

void map_standardize_value(struct map_run *m, const struct map_rule *r, sm_val *out) {
    const struct sm_rule *rule = r->rule;
    struct result x;
    read_result(m, rule, &x);
    if (x.value == SM_MISSING) return;
    const struct sm_convert *row = rule->units ? map_std_row(m, rule->units, x.test, x.unit) : NULL;
    bool known = row || !rule->units;
    if (!x.numeric) {
        set_text(m, r, row, &x, out);
    } else if (!known) {
        if (x.test != SM_MISSING) find_unit(m, rule, &x);
        known = rule->keep_unconverted;
        if (!known) return;
    }
    if (known) {
        set_limit(m, r, row, SM_STD_ORNRLO, x.low, &out[MAP_OUT_STNRLO]);
        set_limit(m, r, row, SM_STD_ORNRHI, x.high, &out[MAP_OUT_STNRHI]);
    }
    if (!x.numeric) return;
    bool done = x.sign.n ? map_std_convert(m, rule, row, x.sign, x.number, &out[MAP_OUT_STRESC])
                         : map_std_number(m, r, row, x.value, &out[MAP_OUT_STRESC]);
    if (!done) {
        out[MAP_OUT_STRESC] = x.value;
        find_input(
            m, SM_D_NOT_A_NUMBER, SM_STD_ORRES, SM_EFFECT_BLANK,
            map_say(m, "result \"%.*s\" has too many digits to compute with", SM_STR_FMT(x.text)));
        return;
    }
    out[MAP_OUT_STRESU] = row ? row->to : x.unit;
    if (x.sign.n) return;
    out[MAP_OUT_STRESN] = out[MAP_OUT_STRESC];
    set_indicator(m, &x, &out[MAP_OUT_NRIND]);
}
