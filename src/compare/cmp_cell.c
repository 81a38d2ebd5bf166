/* SPDX-License-Identifier: MIT */
/* cmp_cell.c - are two cells the same, and if not, what kind of difference is it? */
#include "cmp_priv.h"
#include "sdtmill/num.h"

static struct sm_str trim_end(struct sm_str s) {
    while (s.n > 0 && s.p[s.n - 1] == ' ') s.n--;
    return s;
}

/* Does the partial date a contain b: is every part that a knows the same in b? */
static bool contains(const struct sm_dtc *a, const struct sm_dtc *b) {
    const int x[] = {a->year, a->month, a->day, a->hour, a->minute, a->second};
    const int y[] = {b->year, b->month, b->day, b->hour, b->minute, b->second};
    for (size_t i = 0; i < SM_ARRAY_LEN(x); i++)
        if (x[i] != SM_DTC_UNKNOWN && x[i] != y[i]) return false;
    bool zones = !a->has_zone || (b->has_zone && a->zone == b->zone);
    return zones && (a->frac_digits == 0 || (a->frac_digits == b->frac_digits && a->frac == b->frac));
}

static bool dates_agree(const struct sm_texts *t, sm_val a, sm_val b) {
    struct sm_dtc x, y;
    if (!sm_val_to_dtc(t, a, &x) || !sm_val_to_dtc(t, b, &y)) return false;
    return contains(&x, &y) || contains(&y, &x);
}

static double magnitude(double d) { return d < 0 ? -d : d; }

static bool numbers_agree(const struct cmp *c, uint32_t column, sm_val a, sm_val b) {
    const struct sm_cmp_var *v = &c->o->var[column];
    double x, y;
    if (!sm_val_to_num(c->t, a, &x) || !sm_val_to_num(c->t, b, &y)) return false;
    double gap = magnitude(x - y), big = magnitude(x) > magnitude(y) ? magnitude(x) : magnitude(y);
    return gap <= 0 || gap <= v->absolute || gap <= v->relative * big;
}

bool cmp_equal(const struct cmp *c, uint32_t column, sm_val a, sm_val b) {
    if (a == b || sm_val_eq(c->t, a, b)) return true;
    if (c->o->var[column].is_num && numbers_agree(c, column, a, b)) return true;
    struct sm_valbuf x, y;
    if (c->o->ignore_blanks && sm_str_eq(trim_end(sm_val_text(c->t, a, &x)), trim_end(sm_val_text(c->t, b, &y)))) return true;
    return c->o->partial_dates && a && b && dates_agree(c->t, a, b);
}

uint32_t cmp_distance(const struct cmp *c, const sm_val *a, const sm_val *b, uint32_t limit) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->o->nvar && n <= limit; i++)
        if (a[i] != b[i] && !c->o->var[i].silent && !cmp_equal(c, i, a[i], b[i])) n++;
    return n;
}

int cmp_key_order(const struct cmp *c, uint32_t key, sm_val a, sm_val b) {
    struct sm_valbuf x, y;
    int order = 0, ignored;
    if (a == b) return 0;
    if (!c->o->key_num[key] || !a || !b) return sm_val_cmp(c->t, a, b);
    struct sm_str s = sm_val_text(c->t, a, &x), u = sm_val_text(c->t, b, &y);
    if (sm_dec_cmp(s, u, &order)) return order;
    bool first = sm_dec_cmp(s, s, &ignored), second = sm_dec_cmp(u, u, &ignored);
    if (first != second) return first ? -1 : 1;
    return sm_str_cmp(s, u);
}

/* ---- kinds of difference ---------------------------------------------------------------------------- */
static bool same_but_blanks(struct sm_str a, struct sm_str b) {
    size_t i = 0, k = 0;
    for (;;) {
        while (i < a.n && sm_is_blank(a.p[i])) i++;
        while (k < b.n && sm_is_blank(b.p[k])) k++;
        if (i == a.n || k == b.n) return i == a.n && k == b.n;
        if (a.p[i++] != b.p[k++]) return false;
    }
}

static enum sm_cmp_cause classify_dates(const struct sm_dtc *a, const struct sm_dtc *b) {
    int32_t x, y;
    bool a_time = a->hour != SM_DTC_UNKNOWN || a->minute != SM_DTC_UNKNOWN, b_time = b->hour != SM_DTC_UNKNOWN || b->minute != SM_DTC_UNKNOWN;
    if (contains(b, a)) return a_time && !b_time && b->day != SM_DTC_UNKNOWN ? SM_CAUSE_TIME_LOST : SM_CAUSE_DATE_LESS;
    if (contains(a, b)) return b_time && !a_time && a->day != SM_DTC_UNKNOWN ? SM_CAUSE_TIME_GAINED : SM_CAUSE_DATE_MORE;
    if (sm_dtc_day(a, &x) && sm_dtc_day(b, &y) && x != y) return SM_CAUSE_DATE_SHIFT;
    return SM_CAUSE_OTHER;
}

static int decimals(struct sm_str s) {
    size_t point = sm_str_find_byte(s, '.', 0);
    return point == SIZE_MAX ? 0 : (int)(s.n - point - 1);
}

/* Is one the other with fewer decimals? */
static bool rounded(struct sm_str a, struct sm_str b) {
    char out[128];
    size_t n;
    int x = decimals(a), y = decimals(b);
    if (x == y || a.n > 64 || b.n > 64) return false;
    struct sm_str more = x > y ? a : b, less = x > y ? b : a;
    for (int digits = x < y ? x : y; digits < (x > y ? x : y); digits++)
        if (sm_dec_round(more, digits, SM_ROUND_HALF_UP, out, sizeof out, &n) && sm_str_eq(sm_str_n(out, n), less)) return true;
    return false;
}

enum sm_cmp_cause cmp_classify(const struct cmp *c, uint32_t column, sm_val a, sm_val b) {
    struct sm_valbuf x, y;
    struct sm_dtc p, q;
    double d;
    if (!b) return SM_CAUSE_LOST;
    if (!a) return SM_CAUSE_GAINED;
    struct sm_str s = sm_val_text(c->t, a, &x), u = sm_val_text(c->t, b, &y);
    if (c->o->var[column].is_num || (sm_num_parse(s, false, &d) && sm_num_parse(u, false, &d))) {
        double e;
        if (!sm_num_parse(s, true, &d) || !sm_num_parse(u, true, &e)) return SM_CAUSE_OTHER;
        if (magnitude(d - e) <= 1e-13 * magnitude(d)) return SM_CAUSE_LAST_DIGIT;
        return rounded(s, u) ? SM_CAUSE_ROUNDED : SM_CAUSE_NUMBER;
    }
    if (same_but_blanks(s, u)) return SM_CAUSE_BLANKS;
    if (sm_str_eq_nocase(s, u)) return SM_CAUSE_CASE;
    if (sm_val_to_dtc(c->t, a, &p) && sm_val_to_dtc(c->t, b, &q)) return classify_dates(&p, &q);
    return u.n < s.n && sm_str_starts(s, u) ? SM_CAUSE_CUT : SM_CAUSE_OTHER;
}
