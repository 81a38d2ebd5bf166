/* SPDX-License-Identifier: MIT */
#include "expr_priv.h"

#include "sdtmill/dtc.h"
#include "sdtmill/err.h"
#include "sdtmill/num.h"

/* ---- shared with expr_text.c -------------------------------------------------------------------
 */

static int64_t floor_i64(double x) {
    if (x > 1e15) return (int64_t)1e15;
    if (x < -1e15) return (int64_t)-1e15;
    int64_t i = (int64_t)x;
    return (double)i > x ? i - 1 : i;
}

bool xeval_round(const struct xnode *n, struct xrun *r, int64_t *ret) {
    struct sm_str s;
    double x;
    if (!xeval_num(n, r, &s) || !sm_num_parse(s, false, &x)) return false;
    *ret = floor_i64(x + 0.5);
    return true;
}

void xval_i64(struct xrun *r, int64_t v, struct xval *out) {
    if (!xnum_format(r, (struct xnum){v, 0}, out)) xval_missing(out);
}

void xout_add(struct xout *o, const char *p, size_t n) {
    if (o->failed || n == 0) return;
    if (n > X_TEXT_MAX - o->n) {
        sm_intern_fail(o->r->env->in);
        o->failed = true;
        return;
    }
    if (n > o->cap - o->n) {
        size_t cap = (o->n + n) * 2;
        char *more = xscratch(o->r, cap);
        if (!more) {
            o->failed = true;
            return;
        }
        if (o->n) memcpy(more, o->p, o->n);
        o->p = more;
        o->cap = cap;
    }
    memcpy(o->p + o->n, p, n);
    o->n += n;
}

/* ---- logic and choice ------------------------------------------------------------------------ */

static void f_not(const struct xnode *n, struct xrun *r, struct xval *out) {
    struct xval x;
    xeval(n->arg[0], r, &x);
    xval_bool(out, !xtruth(r, &x));
}

static void f_true(const struct xnode *n, struct xrun *r, struct xval *out) {
    (void)n;
    (void)r;
    xval_bool(out, true);
}

static void f_false(const struct xnode *n, struct xrun *r, struct xval *out) {
    (void)n;
    (void)r;
    xval_bool(out, false);
}

static void f_exists(const struct xnode *n, struct xrun *r, struct xval *out) {
    struct xval x;
    xeval(n->arg[0], r, &x);
    xval_bool(out, !xval_is_missing(&x));
}

static void f_coalesce(const struct xnode *n, struct xrun *r, struct xval *out) {
    xval_missing(out);
    for (uint32_t i = 0; i < n->narg; i++) {
        xeval(n->arg[i], r, out);
        if (!xval_is_missing(out)) return;
    }
}

static void f_count(const struct xnode *n, struct xrun *r, struct xval *out) {
    struct xval *item;
    size_t count = xseq(n->arg[0], r, &item);
    int64_t some = 0;
    for (size_t i = 0; count != SIZE_MAX && i < count; i++)
        some += !xval_is_missing(&item[i]);
    xval_i64(r, some, out);
}

/* ---- numbers ----------------------------------------------------------------------------------
 */

static void out_decimal(struct sm_str s, bool ok, struct xval *out) {
    xval_missing(out);
    if (!ok) return;
    xval_text(out, s);
    out->num = true;
}

static void f_number(const struct xnode *n, struct xrun *r, struct xval *out) {
    struct sm_str s;
    struct xnum fast;
    xval_missing(out);
    if (!xeval_num(n->arg[0], r, &s)) return;
    if (xnum_parse(s, &fast)) {
        if (!xnum_format(r, fast, out)) xval_missing(out);
        return;
    }
    char *p = xscratch(r, X_NUM_TEXT);
    size_t k = 0;
    out_decimal(sm_str_n(p, k), false, out);
    if (p && sm_dec_canonical(s, p, X_NUM_TEXT, &k)) out_decimal(sm_str_n(p, k), true, out);
}

static void f_is_number(const struct xnode *n, struct xrun *r, struct xval *out) {
    struct sm_str s = xeval_str(n->arg[0], r);
    xval_bool(out, s.n && sm_num_parse(s, false, NULL));
}

static void round_to(struct xrun *r, struct sm_str s, int digits, enum sm_round how,
                     struct xval *out) {
    struct xnum x;
    xval_missing(out);
    if (xnum_parse(s, &x) && x.scale <= digits) {
        if (!xnum_format(r, x, out)) xval_missing(out);
        return;
    }
    char *p = xscratch(r, X_NUM_TEXT);
    size_t k;
    if (p && sm_dec_round(s, digits, how, p, X_NUM_TEXT, &k))
        out_decimal(sm_str_n(p, k), true, out);
}

static void f_round(const struct xnode *n, struct xrun *r, struct xval *out) {
    struct sm_str s;
    int64_t digits = 0;
    xval_missing(out);
    if (!xeval_num(n->arg[0], r, &s) || (n->narg == 2 && !xeval_round(n->arg[1], r, &digits)))
        return;
    if (digits > 100) digits = 100;
    if (digits < -100) digits = -100;
    round_to(r, s, (int)digits, SM_ROUND_HALF_UP, out);
}

static void f_abs(const struct xnode *n, struct xrun *r, struct xval *out) {
    struct sm_str s;
    xval_missing(out);
    if (!xeval_num(n->arg[0], r, &s)) return;
    if (s.p[0] == '-' || s.p[0] == '+') s = sm_str_n(s.p + 1, s.n - 1);
    out_decimal(s, true, out);
}

/* Towards zero, then one further where that was the wrong way. */
static void round_down(const struct xnode *n, struct xrun *r, struct xval *out, bool up) {
    struct sm_str s;
    char *p = NULL;
    size_t k;
    int c;
    xval_missing(out);
    if (!xeval_num(n->arg[0], r, &s)) return;
    round_to(r, s, 0, SM_ROUND_DOWN, out);
    struct sm_str whole = xstr(r, out);
    if (whole.n == 0 || !xnum_cmp(s, whole, &c) || c == 0 || (c > 0) != up) return;
    p = xscratch(r, X_NUM_TEXT);
    bool ok = p && sm_dec_arith(up ? '+' : '-', whole, SM_STR("1"), p, X_NUM_TEXT, &k);
    out_decimal(sm_str_n(p, ok ? k : 0), ok, out);
}

static void f_floor(const struct xnode *n, struct xrun *r, struct xval *out) {
    round_down(n, r, out, false);
}
static void f_ceiling(const struct xnode *n, struct xrun *r, struct xval *out) {
    round_down(n, r, out, true);
}

static void extreme(const struct xnode *n, struct xrun *r, struct xval *out, int sign) {
    xval_missing(out);
    for (uint32_t i = 0; i < n->narg; i++) {
        struct xval x;
        int c;
        xeval(n->arg[i], r, &x);
        if (xval_is_missing(&x)) continue;
        if (xval_is_missing(out)) {
            *out = x;
            continue;
        }
        struct sm_str a = xstr(r, &x), b = xstr(r, out);
        if (!xnum_cmp(a, b, &c)) c = sm_str_cmp(a, b);
        if ((c > 0 && sign > 0) || (c < 0 && sign < 0)) *out = x;
    }
}

static void f_min(const struct xnode *n, struct xrun *r, struct xval *out) {
    extreme(n, r, out, -1);
}
static void f_max(const struct xnode *n, struct xrun *r, struct xval *out) {
    extreme(n, r, out, 1);
}

/* ---- tables and terms -------------------------------------------------------------------------
 */

struct xlookup {
    uint32_t lut, nkey, val;
    bool silent; /* lookup-or */
};

static bool table_try(struct xparse *p, struct xnode *n, struct xlookup *l, struct sm_str column,
                      uint32_t extra, struct sm_str *near) {
    struct sm_str name;
    if (!xconst_text(p, n->arg[0], "name of the table", &name)) return false;
    if (!p->scope->table(p->scope->ctx, name, column, &l->lut, &l->nkey, &l->val, near))
        return false;
    return n->narg - 1 - extra == l->nkey + (column.p ? 1 : 0);
}

static bool prep_lookup_any(struct xparse *p, struct xnode *n, bool silent) {
    struct xlookup *l = sm_arena_alloc(p->arena, sizeof *l);
    struct sm_str name, column = {NULL, 0}, near = {NULL, 0}, ignored = {NULL, 0};
    uint32_t extra = silent ? 1 : 0;
    if (!l) return xfail_memory(p);
    if (!xconst_text(p, n->arg[0], "name of the table", &name)) return false;
    if (!p->scope->table) return xfail(p, n->at, "tables cannot be read here");
    l->nkey = UINT32_MAX;
    n->aux = l;
    n->num = false;
    l->silent = silent;
    const struct xnode *last = n->arg[n->narg - 1 - extra];
    if (n->narg >= 3 + extra && last->is_const) {
        if (!xconst_text(p, last, "value column", &column)) return false;
        if (table_try(p, n, l, column, extra, &near)) return true;
    }
    if (table_try(p, n, l, (struct sm_str){NULL, 0}, extra, &ignored)) return true;
    if (p->err->code != SM_OK) return false;
    if (l->nkey != UINT32_MAX)
        return xfail(
            p, n->at, "'%.*s' has %u key column%s; give so many keys, then the value column%s",
            SM_STR_FMT(name), l->nkey, l->nkey == 1 ? "" : "s", silent ? " and a default" : "");
    if (!near.p) near = ignored;
    if (near.p && !sm_str_eq(near, name))
        return xfail(
            p, n->at,
            "no table or lookup '%.*s' with such a value column; the nearest name is '%.*s'",
            SM_STR_FMT(name), SM_STR_FMT(near));
    return xfail(p, n->at,
                 "no table or lookup '%.*s', or it needs the name of one of its value columns",
                 SM_STR_FMT(name));
}

static bool prep_lookup(struct xparse *p, struct xnode *n) {
    return prep_lookup_any(p, n, false);
}
static bool prep_lookup_or(struct xparse *p, struct xnode *n) {
    return prep_lookup_any(p, n, true);
}

static void unknown_key(const struct xnode *n, struct xrun *r, const sm_val *key, uint32_t nkey) {
    struct xout o = {.r = r};
    for (uint32_t i = 0; i < nkey; i++) {
        struct xval x;
        xval_val(&x, key[i]);
        struct sm_str s = xstr(r, &x);
        if (i) xout_add(&o, " ", 1);
        xout_add(&o, s.p, s.n);
    }
    struct sm_slot slot = n->arg[1]->slot;
    xproblem(r, SM_EXPR_UNKNOWN_KEY, sm_str_n(o.p ? o.p : "", o.n), slot);
}

static void f_lookup(const struct xnode *n, struct xrun *r, struct xval *out) {
    const struct xlookup *l = n->aux;
    sm_val *key = (sm_val *)(void *)xscratch(r, (l->nkey + 1) * sizeof *key);
    bool missing = false;
    xval_missing(out);
    if (!key || !r->env->lut || !r->env->lut[l->lut]) return;
    for (uint32_t i = 0; i < l->nkey; i++) {
        struct xval x;
        xeval(n->arg[1 + i], r, &x);
        key[i] = xval_out(r, &x);
        missing |= key[i] == SM_MISSING;
    }
    const sm_val *row = sm_lut_find(r->env->lut[l->lut], key);
    if (row && (!l->silent || row[l->val] != SM_MISSING)) {
        xval_val(out, row[l->val]);
    } else if (l->silent) {
        xeval(n->arg[n->narg - 1], r, out);
    } else if (!missing) {
        unknown_key(n, r, key, l->nkey);
    }
}

static bool prep_codelist(struct xparse *p, struct xnode *n) {
    struct sm_str names, word;
    size_t count = 0;
    if (!xconst_text(p, n->arg[0], "name of the codelist", &names)) return false;
    for (struct sm_str rest = names; sm_str_word(&rest, &word);)
        count++;
    const struct sm_codelist **list = sm_arena_array(p->arena, count + 1, sizeof *list);
    if (!list) return xfail_memory(p);
    size_t i = 0;
    for (struct sm_str rest = names; sm_str_word(&rest, &word);) {
        list[i] = p->scope->ct ? sm_ct_list(p->scope->ct, word) : NULL;
        if (list[i++]) continue;
        struct sm_str near =
            p->scope->ct ? sm_ct_nearest_list(p->scope->ct, word) : (struct sm_str){NULL, 0};
        if (near.p)
            return xfail(p, n->arg[0]->at, "no codelist '%.*s'; the nearest is '%.*s'",
                         SM_STR_FMT(word), SM_STR_FMT(near));
        return xfail(p, n->arg[0]->at, "no codelist '%.*s'", SM_STR_FMT(word));
    }
    if (count == 0) return xfail(p, n->arg[0]->at, "name of the codelist is empty");
    n->aux = list;
    return true;
}

static const struct sm_term *term_of(const struct xnode *n, struct xrun *r) {
    const struct sm_codelist *const *list = n->aux;
    struct sm_str s = xeval_str(n->arg[1], r);
    const struct sm_term *term = NULL;
    for (; s.n && *list; list++)
        if (sm_ct_find(*list, s, &term) != SM_CT_NONE) return term;
    return NULL;
}

static void f_codelist(const struct xnode *n, struct xrun *r, struct xval *out) {
    const struct sm_term *term = term_of(n, r);
    xval_missing(out);
    if (term) xval_text(out, term->value);
}

static void f_decode(const struct xnode *n, struct xrun *r, struct xval *out) {
    const struct sm_term *term = term_of(n, r);
    xval_missing(out);
    if (term) xval_text(out, term->decode.n ? term->decode : term->value);
}

/* ---- dates ------------------------------------------------------------------------------------
 */

static const struct sm_dtc_rules no_rules = {{NULL, 0}, 68};

/* Through the file's formats, then as ISO 8601. */
static bool read_date(struct xrun *r, const struct sm_dtc_pattern *pattern, struct sm_str s,
                      struct sm_dtc *ret) {
    const struct sm_dtc_rules *rules = r->env->rules ? r->env->rules : &no_rules;
    if (pattern) {
        enum sm_dtc_fit fit = sm_dtc_pattern_run(pattern, rules, s, ret);
        if (fit != SM_DTC_NO_FIT) return fit == SM_DTC_FITS;
    }
    return sm_dtc_parse(s, ret);
}

static bool two_digits(struct sm_str s, size_t at, int max, int8_t *ret) {
    if (at + 2 > s.n || !sm_is_digit(s.p[at]) || !sm_is_digit(s.p[at + 1])) return false;
    int v = (s.p[at] - '0') * 10 + (s.p[at + 1] - '0');
    *ret = (int8_t)v;
    return v <= max;
}

/* hh:mm[:ss], as a column of type time has it. */
static bool iso_time(struct sm_str s, struct sm_dtc *ret) {
    *ret = sm_dtc_none;
    if (s.n != 5 && s.n != 8) return false;
    if (!two_digits(s, 0, 23, &ret->hour) || s.p[2] != ':' || !two_digits(s, 3, 59, &ret->minute))
        return false;
    return s.n == 5 || (s.p[5] == ':' && two_digits(s, 6, 59, &ret->second));
}

/* The problem names the text; missing is none. */
static bool eval_date(const struct xnode *n, struct xrun *r, const struct sm_dtc_pattern *pattern,
                      struct sm_dtc *ret) {
    struct xval x;
    xeval(n, r, &x);
    if (xval_is_missing(&x)) return false;
    if (x.kind == XV_VAL && sm_val_is_dtc(x.v)) {
        *ret = sm_dtc_unpack(sm_val_packed(x.v));
        return true;
    }
    struct sm_str s = xstr(r, &x);
    if (read_date(r, pattern, s, ret)) return true;
    xproblem(r, SM_EXPR_BAD_DATE, s, n->slot);
    return false;
}

static void add_time(const struct xnode *n, struct xrun *r, struct sm_dtc *d) {
    struct sm_dtc time;
    struct sm_str s = xeval_str(n, r);
    if (s.n == 0) return;
    const struct sm_dtc_rules *rules = r->env->rules ? r->env->rules : &no_rules;
    bool ok = iso_time(s, &time) ||
              (r->env->times && sm_dtc_pattern_run(r->env->times, rules, s, &time) == SM_DTC_FITS);
    if (!ok)
        xproblem(r, SM_EXPR_BAD_DATE, s, n->slot);
    else if (d->day != SM_DTC_UNKNOWN)
        sm_dtc_merge(d, &time);
}

static void f_datetime(const struct xnode *n, struct xrun *r, struct xval *out) {
    struct sm_dtc d;
    xval_missing(out);
    if (!eval_date(n->arg[0], r, r->env->dates, &d)) return;
    if (n->narg == 2) add_time(n->arg[1], r, &d);
    xval_val(out, sm_val_from_dtc(r->env->in, &d));
}

static const char *const part_names[] = {"date", "time", "year", "month", "day"};

static bool prep_part(struct xparse *p, struct xnode *n) {
    struct sm_str part;
    if (!xconst_text(p, n->arg[1], "part of the date", &part)) return false;
    for (size_t i = 0; i < SM_ARRAY_LEN(part_names); i++)
        if (sm_str_eq_c(part, part_names[i])) n->aux = &part_names[i];
    return n->aux || xfail(p, n->arg[1]->at, "a part is 'date', 'time', 'year', 'month' or 'day'");
}

static void out_digits(struct xrun *r, int value, size_t width, struct xval *out) {
    char *p = value < 0 ? NULL : xscratch(r, width);
    xval_missing(out);
    if (!p) return;
    for (size_t i = width; i-- > 0; value /= 10)
        p[i] = (char)('0' + value % 10);
    xval_text(out, sm_str_n(p, width));
}

static void f_part(const struct xnode *n, struct xrun *r, struct xval *out) {
    const char *const *part = n->aux;
    struct sm_dtc d, only = sm_dtc_none;
    xval_missing(out);
    if (!eval_date(n->arg[0], r, NULL, &d)) return;
    switch (part - part_names) {
    case 0:
        only.year = d.year;
        only.month = d.month;
        only.day = d.day;
        xval_val(out, sm_val_from_dtc(r->env->in, &only));
        return;
    case 1: {
        char text[SM_DTC_TEXT_MAX];
        size_t k = sm_dtc_format(&d, text);
        const char *t = k ? memchr(text, 'T', k) : NULL;
        if (t) xval_val(out, sm_val_make(r->env->in, sm_str_n(t + 1, (size_t)(text + k - t - 1))));
        return;
    }
    case 2:
        out_digits(r, d.year, 4, out);
        return;
    case 3:
        out_digits(r, d.month, 2, out);
        return;
    default:
        out_digits(r, d.day, 2, out);
        return;
    }
}

static void f_days(const struct xnode *n, struct xrun *r, struct xval *out) {
    struct sm_dtc a, b;
    int32_t x, y;
    bool left = eval_date(n->arg[0], r, NULL, &a), right = eval_date(n->arg[1], r, NULL, &b);
    xval_missing(out);
    if (left && right && sm_dtc_day(&a, &x) && sm_dtc_day(&b, &y)) xval_i64(r, (int64_t)y - x, out);
}

static void f_years(const struct xnode *n, struct xrun *r, struct xval *out) {
    struct sm_dtc a, b;
    int32_t years;
    bool left = eval_date(n->arg[0], r, NULL, &a), right = eval_date(n->arg[1], r, NULL, &b);
    xval_missing(out);
    if (left && right && sm_dtc_years_between(&a, &b, &years)) xval_i64(r, years, out);
}

/* ---- the row ----------------------------------------------------------------------------------
 */

static void f_file(const struct xnode *n, struct xrun *r, struct xval *out) {
    (void)n;
    xval_text(out, r->env->file_name.p ? r->env->file_name : SM_STR(""));
}

static void f_line(const struct xnode *n, struct xrun *r, struct xval *out) {
    (void)n;
    xval_i64(r, (int64_t)sm_pos_line(r->env->pos), out);
}

static bool prep_study(struct xparse *p, struct xnode *n) {
    n->k = sm_val_make(p->scope->in, p->scope->study_oid);
    return true;
}

static void f_study(const struct xnode *n, struct xrun *r, struct xval *out) {
    (void)r;
    xval_val(out, n->k);
}

/* ---- the table --------------------------------------------------------------------------------
 */

static const struct xfn xfns[] = {
    {"concat", 1, 255, 0, xrun_concat, NULL},
    {"count", 1, 1, XF_NUM | XF_SEQARG, f_count, NULL},
    {"number", 1, 1, XF_NUM, f_number, NULL},
    {"is-number", 1, 1, XF_BOOL, f_is_number, NULL},
    {"round", 1, 2, XF_NUM, f_round, NULL},
    {"abs", 1, 1, XF_NUM, f_abs, NULL},
    {"floor", 1, 1, XF_NUM, f_floor, NULL},
    {"ceiling", 1, 1, XF_NUM, f_ceiling, NULL},
    {"min", 1, 255, 0, f_min, NULL},
    {"max", 1, 255, 0, f_max, NULL},
    {"coalesce", 1, 255, 0, f_coalesce, NULL},
    {"not", 1, 1, XF_BOOL, f_not, NULL},
    {"true", 0, 0, XF_BOOL, f_true, NULL},
    {"false", 0, 0, XF_BOOL, f_false, NULL},
    {"exists", 1, 1, XF_BOOL, f_exists, NULL},
    {"lookup", 2, 255, XF_NOFOLD, f_lookup, prep_lookup},
    {"lookup-or", 3, 255, XF_NOFOLD, f_lookup, prep_lookup_or},
    {"datetime", 1, 2, XF_IMPURE | XF_NOFOLD, f_datetime, NULL},
    {"date-part", 2, 2, 0, f_part, prep_part},
    {"days-between", 2, 2, XF_NUM, f_days, NULL},
    {"years-between", 2, 2, XF_NUM, f_years, NULL},
    {"codelist", 2, 2, 0, f_codelist, prep_codelist},
    {"decode", 2, 2, 0, f_decode, prep_codelist},
    {"sourcefile", 0, 0, XF_IMPURE | XF_NOFOLD, f_file, NULL},
    {"sourceline", 0, 0, XF_IMPURE | XF_NOFOLD | XF_NUM, f_line, NULL},
    {"study", 0, 0, 0, f_study, prep_study},
};

static const struct xfn *fn_at(size_t i) {
    if (i < SM_ARRAY_LEN(xfns)) return &xfns[i];
    const struct xfn *fn = &xfns_text[i - SM_ARRAY_LEN(xfns)];
    return fn->name ? fn : NULL;
}

const struct xfn *xfn_find(struct sm_str name) {
    const struct xfn *fn;
    for (size_t i = 0; (fn = fn_at(i)) != NULL; i++)
        if (sm_str_eq_c(name, fn->name)) return fn;
    return NULL;
}

static void nearer(struct sm_str name, const char *have, unsigned *least, struct sm_str *best) {
    unsigned d = sm_str_distance(name, sm_str(have), 3);
    if (d >= *least) return;
    *least = d;
    *best = sm_str(have);
}

struct sm_str xfn_nearest(struct sm_str name) {
    static const char *const special[] = {"column", "var", "if"};
    struct sm_str best = {NULL, 0};
    const struct xfn *fn;
    unsigned least = 4;
    for (size_t i = 0; (fn = fn_at(i)) != NULL; i++)
        nearer(name, fn->name, &least, &best);
    for (size_t i = 0; i < SM_ARRAY_LEN(special); i++)
        nearer(name, special[i], &least, &best);
    return best;
}
