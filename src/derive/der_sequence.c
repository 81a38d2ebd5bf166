/* SPDX-License-Identifier: MIT */
#include "derive/derive_priv.h"
#include "sdtmill/err.h"
#include "sdtmill/mem.h"
#include "sdtmill/num.h"

sm_val der_number_make(struct sm_deriver *v, uint64_t n) {
    if (n >= DER_NUMBERS || sm_grow(&v->number, &v->cap_number, (size_t)n + 1, sizeof *v->number, NULL) != SM_OK)
        return sm_val_from_i64(v->in, (int64_t)n);
    for (; v->nnumber <= n; v->nnumber++) v->number[v->nnumber] = sm_val_from_i64(v->in, (int64_t)v->nnumber);
    return v->number[n];
}

/* The variables within which the numbers begin anew. */
static const uint32_t *within(const struct sm_deriver *v, const struct sm_derive *r, uint32_t *ret_n) {
    if (r->nby) {
        *ret_n = r->nby;
        return r->by;
    }
    *ret_n = v->d->usubjid == SM_NO ? 0 : 1;
    return &v->d->usubjid;
}

static bool is_in(uint32_t var, const uint32_t *list, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        if (list[i] == var) return true;
    return false;
}

/* Are the variables the first sort keys (those that are the same in all records aside)? */
static bool leads_keys(const struct sm_domain *d, const uint32_t *by, uint32_t nby) {
    uint32_t found = 0;
    for (uint32_t k = 0; k < d->nkey && found < nby; k++) {
        if (is_in(d->key[k], by, nby)) found++;
        else if (!sm_str_eq_c(d->var[d->key[k]].name, "STUDYID") && !sm_str_eq_c(d->var[d->key[k]].name, "DOMAIN")) return false;
    }
    return found == nby;
}

bool der_sequence_needs_subject(const struct sm_derive *r) { return r->norder > 0; }

bool der_sequence_needs_all(const struct sm_deriver *v, const struct sm_derive *r) {
    return r->norder > 0 && r->nby > 0 && (v->d->usubjid == SM_NO || !is_in(v->d->usubjid, r->by, r->nby));
}

int der_sequence_open(struct sm_deriver *v, uint32_t i, struct sm_err *err) {
    const struct sm_derive *r = &v->d->derive[i];
    struct der_sequence *s = &v->sequence[i];
    uint32_t n;
    const uint32_t *by = within(v, r, &n);
    if (r->norder) return SM_OK;
    s->by_prefix = leads_keys(v->d, by, n);
    s->last = sm_alloc(n ? n : 1, sizeof *s->last);
    if (!s->last) return sm_fail(err, SM_ENOMEM, "out of memory");
    return s->by_prefix ? SM_OK : sm_lut_open(&s->count, v->spec->texts, n, 1, false, err);
}

void der_sequence_close(struct der_sequence *s) {
    sm_free(s->last);
    sm_lut_close(s->count);
}

void der_sequence_restart(struct sm_deriver *v, uint32_t i) {
    struct der_sequence *s = &v->sequence[i];
    s->begun = false;
    s->n = 0;
    if (!s->count || sm_lut_count(s->count) == 0) return;
    const uint32_t nkey = sm_lut_nkey(s->count);
    sm_lut_close(s->count);
    s->count = NULL;
    if (sm_lut_open(&s->count, v->spec->texts, nkey, 1, false, NULL) != SM_OK) v->failed = true;
}

static int count_by_table(struct sm_deriver *v, struct der_sequence *s, const sm_val *cell, const uint32_t *by, uint32_t nby, struct sm_err *err) {
    sm_val one = 1, *old;
    if (!s->count) return sm_fail(err, SM_ENOMEM, "out of memory");
    for (uint32_t k = 0; k < nby; k++) s->last[k] = cell[by[k]];
    int rc = sm_lut_add(s->count, s->last, &one, &old, err);
    (void)v;
    if (rc == SM_OK) s->n = old ? ++*old : 1;
    return rc;
}

static void count_by_change(struct sm_deriver *v, struct der_sequence *s, const sm_val *cell, const uint32_t *by, uint32_t nby) {
    bool same = s->begun;
    for (uint32_t k = 0; k < nby; k++) {
        sm_val x = cell[by[k]];
        same = same && (x == s->last[k] || sm_val_eq(v->texts, x, s->last[k]));
        s->last[k] = x;
    }
    s->begun = true;
    s->n = same ? s->n + 1 : 1;
}

/* Numbers within one variable, which leads the keys. */
static void count_in_one(struct sm_deriver *v, struct der_sequence *s, sm_val *cell, size_t n, uint32_t by, uint32_t var) {
    sm_val last = *s->last;
    bool begun = s->begun;
    uint64_t number = s->n;
    for (size_t k = 0; k < n; k++, cell += v->ncol) {
        const sm_val x = cell[by];
        if (x != last || !begun) number = begun && sm_val_eq(v->texts, x, last) ? number : 0;
        last = x;
        begun = true;
        number++;
        cell[var] = der_number(v, number);
    }
    *s->last = last;
    s->begun = begun;
    s->n = number;
}

int der_sequence_stream(struct sm_deriver *v, uint32_t i, sm_val *cell, size_t n, struct sm_err *err) {
    const struct sm_derive *r = &v->d->derive[i];
    struct der_sequence *s = &v->sequence[i];
    uint32_t nby;
    const uint32_t *by = within(v, r, &nby);
    if (s->by_prefix && nby == 1) {
        count_in_one(v, s, cell, n, *by, r->var);
        return SM_OK;
    }
    for (size_t k = 0; k < n; k++, cell += v->ncol) {
        int rc = SM_OK;
        if (s->by_prefix) count_by_change(v, s, cell, by, nby);
        else rc = count_by_table(v, s, cell, by, nby, err);
        if (rc != SM_OK) return rc;
        cell[r->var] = der_number(v, s->n);
    }
    return SM_OK;
}

/* ---- in an order of its own ------------------------------------------------------------------ */

static int cmp_numbers(struct sm_str a, struct sm_str b) {
    int c = 0, x;
    if (sm_dec_cmp(a, b, &c)) return c;
    bool a_is = sm_dec_cmp(a, a, &x), b_is = sm_dec_cmp(b, b, &x);
    if (a_is != b_is) return a_is ? -1 : 1;
    return sm_str_cmp(a, b);
}

int der_value_cmp(const struct sm_texts *t, const struct sm_var *var, sm_val a, sm_val b) {
    if (a == b) return 0;
    if (!var->is_num || a == SM_MISSING || b == SM_MISSING) return sm_val_cmp(t, a, b);
    struct sm_valbuf x, y;
    return cmp_numbers(sm_val_text(t, a, &x), sm_val_text(t, b, &y));
}

static int cmp_rows(const struct sm_deriver *v, const struct sm_derive *r, uint32_t a, uint32_t b) {
    for (uint32_t i = 0; i < r->norder; i++) {
        uint32_t c = r->order[i];
        if (c == SM_NO) return (v->pos[a] > v->pos[b]) - (v->pos[a] < v->pos[b]);
        int d = der_value_cmp(v->texts, &v->d->var[c], der_row(v, a)[c], der_row(v, b)[c]);
        if (d) return d;
    }
    return 0;
}

/* Stable; the result lies in v->order. */
static void sort_rows(struct sm_deriver *v, const struct sm_derive *r, size_t n) {
    for (size_t run = 1; run < n; run *= 2) {
        const uint32_t *from = v->order;
        uint32_t *to = v->order_tmp;
        for (size_t lo = 0; lo < n; lo += 2 * run) {
            size_t mid = lo + run < n ? lo + run : n, hi = lo + 2 * run < n ? lo + 2 * run : n;
            size_t i = lo, j = mid;
            for (size_t o = lo; o < hi; o++) {
                bool left = i < mid && (j >= hi || cmp_rows(v, r, from[i], from[j]) <= 0);
                to[o] = left ? from[i++] : from[j++];
            }
        }
        uint32_t *was = v->order;
        v->order = v->order_tmp;
        v->order_tmp = was;
        size_t cap = v->cap_order;
        v->cap_order = v->cap_order_tmp;
        v->cap_order_tmp = cap;
    }
}

int der_sequence_held(struct sm_deriver *v, uint32_t i, size_t from, size_t to, struct sm_err *err) {
    const struct sm_derive *r = &v->d->derive[i];
    size_t n = to - from;
    if (r->norder == 0) return der_sequence_stream(v, i, der_row(v, from), n, err);
    int rc = sm_grow(&v->order, &v->cap_order, n, sizeof *v->order, err);
    if (rc == SM_OK) rc = sm_grow(&v->order_tmp, &v->cap_order_tmp, n, sizeof *v->order_tmp, err);
    if (rc == SM_OK) rc = sm_grow(&v->count, &v->cap_count, n, sizeof *v->count, err);
    if (rc == SM_OK) rc = der_groups_reset(&v->groups, n, err);
    if (rc != SM_OK) return rc;
    memset(v->count, 0, n * sizeof *v->count);
    for (size_t k = 0; k < n; k++) v->order[k] = (uint32_t)(from + k);
    sort_rows(v, r, n);
    /* held as a whole with by=: the subject must not part the groups */
    const bool whole = v->whole;
    if (r->nby) v->whole = false;
    for (size_t k = 0; k < n && rc == SM_OK; k++) {
        uint32_t g = 0;
        rc = der_groups_of(v, r->by, r->nby, v->order[k], &g, err);
        if (rc == SM_OK) der_row(v, v->order[k])[r->var] = der_number(v, ++v->count[g]);
    }
    v->whole = whole;
    return rc;
}
