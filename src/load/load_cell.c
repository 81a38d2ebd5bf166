/* SPDX-License-Identifier: MIT */
/* load_cell.c - texts of files to values, and what variables are when the file does not say. */
#include "load_priv.h"
#include "sdtmill/num.h"
#include "sdtmill/utf8.h"

enum { EXACT_DIGITS = 15, LONG_NUMBER = 40 };

sm_val load_cell_double(struct sm_loader *l, double d) {
    char out[400];
    return sm_val_make(l->in, sm_str_n(out, sm_num_format_plain(d, out)));
}

/* Decimals of at most 15 digits, and whole numbers, stay what they are; everything else is the
 * shortest text of its double, so that all ways to print one double give one text. */
static bool number(struct sm_loader *l, struct sm_str s, sm_val *ret) {
    size_t digits = 0, point = 0;
    bool started = false, exponent = false;
    for (size_t i = 0; i < s.n; i++) {
        point += s.p[i] == '.';
        started = started || (s.p[i] >= '1' && s.p[i] <= '9');
        digits += started && sm_is_digit(s.p[i]);
        exponent = exponent || s.p[i] == 'e' || s.p[i] == 'E';
    }
    char out[LONG_NUMBER + 8];
    size_t n;
    double d;
    if (!exponent && s.n <= LONG_NUMBER && (digits <= EXACT_DIGITS || !point) && sm_dec_canonical(s, out, sizeof out, &n)) {
        *ret = sm_val_make(l->in, sm_str_n(out, n));
        return true;
    }
    if (!sm_num_parse(s, true, &d)) return false;
    *ret = load_cell_double(l, d);
    return true;
}

enum load_cell load_cell(struct sm_loader *l, const struct sm_dsvar *v, struct sm_str s, sm_val *ret) {
    *ret = SM_MISSING;
    if (s.n == 0) return LOAD_CELL_OK;
    if (s.n > LOAD_MAX_TEXT) return LOAD_CELL_LONG;
    if (v->is_num && number(l, sm_str_trim(s), ret)) return LOAD_CELL_OK;
    if (memchr(s.p, 0, s.n)) return LOAD_CELL_NUL;
    if (sm_utf8_invalid(s, NULL) != SIZE_MAX) return LOAD_CELL_UTF8;
    *ret = sm_val_make(l->in, s);
    if (v->is_dtc) *ret = sm_val_as_dtc(sm_intern_texts(l->in), *ret);
    return v->is_num ? LOAD_CELL_NUMBER : LOAD_CELL_OK;
}

const char *load_cell_why(enum load_cell c) {
    static const char *const why[] = {"", "value of more than 1 MiB", "NUL byte in a text", "bytes that are no UTF-8",
                                      "text where a number must stand"};
    return why[c];
}

/* ---- variables by name ---------------------------------------------------------------------------- */
bool load_name_is_dtc(struct sm_str name) { return sm_str_ends(name, SM_STR("DTC")); }

/* Numeric variables of SDTM: whole names, and endings behind the two letters of the domain. */
static bool name_is_num(struct sm_str name) {
    static const char *const whole[] = {"AGE", "VISITNUM", "VISITDY", "TAETORD", "DMDY"};
    static const char *const ending[] = {"SEQ", "DY", "STDY", "ENDY", "STRESN", "STNRLO", "STNRHI", "TPTNUM", "DOSE", "DOSTOT", "PTCD", "LLTCD",
                                         "HLTCD", "HLGTCD", "BDSYCD", "SOCCD", "LLOQ", "ULOQ"};
    for (size_t i = 0; i < SM_ARRAY_LEN(whole); i++)
        if (sm_str_eq_c(name, whole[i])) return true;
    if (name.n < 4) return false;
    struct sm_str tail = {name.p + 2, name.n - 2};
    for (size_t i = 0; i < SM_ARRAY_LEN(ending); i++)
        if (sm_str_eq_c(tail, ending[i])) return true;
    return false;
}

static void describe_by_model(const struct sm_model_ds *ds, struct sm_dsvar *v) {
    const struct sm_model_var *m = ds ? sm_model_ds_var(ds, v->name) : NULL;
    v->is_num = m ? m->is_num : name_is_num(v->name);
    v->is_dtc = m ? sm_model_var_is_dtc(m) && !m->is_num : load_name_is_dtc(v->name);
}

static const struct sm_model_ds *model_ds(const struct sm_loader *l) {
    if (!l->opts.model) return NULL;
    const struct sm_model_ds *ds = sm_model_find(l->opts.model, l->info.name);
    if (!ds && l->info.name.n > 2 && !sm_str_starts(l->info.name, SM_STR("SUPP"))) /* a split: LBCH */
        ds = sm_model_find(l->opts.model, sm_str_n(l->info.name.p, 2));
    return ds;
}

static void describe_by_item(struct sm_dsvar *v, const struct load_item *it) {
    v->label = it->label;
    v->length = it->length;
    v->key = it->key;
    v->is_num = sm_str_eq_c(it->type, "integer") || sm_str_eq_c(it->type, "float") || sm_str_eq_c(it->type, "double") ||
                sm_str_eq_c(it->type, "decimal");
    v->is_dtc = !v->is_num && load_name_is_dtc(v->name);
}

void load_describe(struct sm_loader *l, const struct load_group *g) {
    const struct sm_model_ds *ds = model_ds(l);
    bool all = g != NULL;
    for (uint32_t i = 0; i < l->info.nvar; i++) {
        struct sm_dsvar *v = &l->info.var[i];
        const struct load_item *it = NULL;
        for (uint32_t k = 0; g && k < g->nitem && !it; k++)
            if (sm_str_eq(g->item[k].name, v->name)) it = &g->item[k];
        all = all && it;
        if (it) describe_by_item(v, it);
        else describe_by_model(ds, v);
    }
    if (g) l->info.label = g->label;
    if (g) l->info.reference = g->reference;
    if (all) l->knows |= SM_LOAD_LABELS | SM_LOAD_TYPES | SM_LOAD_LENGTHS | SM_LOAD_KEYS;
}
