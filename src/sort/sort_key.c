/* SPDX-License-Identifier: MIT */
#include "sdtmill/err.h"
#include "sdtmill/mem.h"
#include "sdtmill/num.h"
#include "sort/sort_priv.h"

struct ranked { uint64_t image; uint32_t code; };

/* ---- values ---------------------------------------------------------------------------------- */

static int cmp_numbers(struct sm_str a, struct sm_str b) {
    int c = 0, x = 0;
    if (sm_dec_cmp(a, b, &c)) return c;
    bool a_is = sm_dec_cmp(a, a, &x), b_is = sm_dec_cmp(b, b, &x);
    if (a_is != b_is) return a_is ? -1 : 1;
    c = sm_str_cmp(a, b);
    return (c > 0) - (c < 0);
}

int sort_value_cmp(const struct sm_texts *t, enum sm_sort_kind kind, sm_val a, sm_val b) {
    if (a == b) return 0;
    if (kind == SM_SORT_TEXT || a == SM_MISSING || b == SM_MISSING) return sm_val_cmp(t, a, b);
    struct sm_valbuf x, y;
    return cmp_numbers(sm_val_text(t, a, &x), sm_val_text(t, b, &y));
}

static uint64_t image_of_text(struct sm_str s) {
    uint64_t x = 0;
    for (size_t i = 0; i < 8; i++) x = x << 8 | (i < s.n ? (unsigned char)s.p[i] : 0u);
    return x;
}

static uint64_t image_of_double(double v) {
    const uint64_t top = (uint64_t)1 << 63;
    uint64_t x;
    v += 0.0; /* no negative zero */
    memcpy(&x, &v, sizeof x);
    return x & top ? ~x : x | top;
}

static uint64_t image_of_number(struct sm_str s) {
    double v;
    int c = 0;
    if (sm_num_parse(s, false, &v)) return image_of_double(v);
    if (!sm_dec_cmp(s, SM_STR("0"), &c)) return UINT64_MAX;
    return c < 0 ? 1 : UINT64_MAX - 1; /* a number beyond the doubles */
}

/* A value that sorts later never has a smaller image. */
static uint64_t image_of(const struct sm_texts *t, enum sm_sort_kind kind, sm_val v) {
    struct sm_valbuf b;
    if (v == SM_MISSING) return 0;
    if (kind == SM_SORT_NUM) return image_of_number(sm_val_text(t, v, &b));
    return sm_val_is_inline(v) ? v << 8 : image_of_text(sm_val_text(t, v, &b));
}

/* ---- ranks ----------------------------------------------------------------------------------- */

static int cmp_ranked(const struct sort_plan *p, const struct sm_sort_key *key, const struct ranked *a, const struct ranked *b) {
    if (a->image != b->image) return a->image < b->image ? -1 : 1;
    const sm_val *val = p->packer->dict[key->column].val;
    return sort_value_cmp(p->texts, key->kind, val[a->code], val[b->code]);
}

/* One step of a merge sort, bottom up: pairs of runs of `run` from `from` to `to`. */
static void merge_ranked(const struct sort_plan *p, const struct sm_sort_key *key, const struct ranked *from, struct ranked *to,
                         size_t n, size_t run) {
    for (size_t lo = 0; lo < n; lo += 2 * run) {
        size_t mid = lo + run < n ? lo + run : n, hi = lo + 2 * run < n ? lo + 2 * run : n;
        size_t i = lo, j = mid;
        for (size_t o = lo; o < hi; o++) {
            bool left = i < mid && (j >= hi || cmp_ranked(p, key, &from[i], &from[j]) <= 0);
            to[o] = left ? from[i++] : from[j++];
        }
    }
}

/* The rank of every code; equal values have equal ranks. *ret_most: the greatest rank. */
static uint32_t *ranks_make(const struct sort_plan *p, const struct sm_sort_key *key, uint32_t *ret_most) {
    const struct sm_dict *d = &p->packer->dict[key->column];
    size_t n = d->n;
    struct ranked *a = sm_alloc(n, sizeof *a), *b = sm_alloc(n, sizeof *b), *from = a, *to = b;
    uint32_t *rank = sm_alloc(n, sizeof *rank);
    if (a && b && rank) {
        for (size_t i = 0; i < n; i++) a[i] = (struct ranked){image_of(p->texts, key->kind, d->val[i]), (uint32_t)i};
        for (size_t run = 1; run < n; run *= 2) {
            merge_ranked(p, key, from, to, n, run);
            struct ranked *was = from;
            from = to;
            to = was;
        }
        uint32_t r = 0;
        for (size_t i = 0; i < n; i++) {
            if (i && cmp_ranked(p, key, &from[i - 1], &from[i]) != 0) r++;
            rank[from[i].code] = r;
        }
        *ret_most = r;
    }
    sm_free(a);
    sm_free(b);
    if (a && b) return rank;
    sm_free(rank);
    return NULL;
}

/* ---- plan ------------------------------------------------------------------------------------ */

/* What the column holds, with a code or without; least and greatest are 0 if nothing. */
struct holds { bool short_text, pooled, date; sm_val least, greatest; };

static struct holds holds_of(const struct sm_dict *d) {
    struct holds h = {d->has_short, d->has_pooled, d->has_date, d->least, d->greatest};
    for (size_t i = 1; i < d->n; i++) {
        sm_val v = d->val[i];
        h.short_text |= sm_val_is_inline(v);
        h.pooled |= sm_val_is_pooled(v);
        h.date |= sm_val_is_dtc(v);
        h.least = !h.least || v < h.least ? v : h.least;
        h.greatest = v > h.greatest ? v : h.greatest;
    }
    return h;
}

static uint8_t width_of(uint64_t x) { return (uint8_t)(x ? 64 - __builtin_clzll(x) : 0); }

static int field_of_key(struct sort_plan *p, const struct sm_sort_key *key, struct sort_field *f, struct sm_err *err) {
    const struct sm_dict *d = &p->packer->dict[key->column];
    *f = (struct sort_field){.column = key->column, .kind = key->kind, .how = SORT_RANK};
    if (sm_dict_has_all(d)) {
        uint32_t most = 0;
        f->rank = ranks_make(p, key, &most);
        f->width = width_of(most);
        return f->rank ? SM_OK : sm_fail(err, SM_ENOMEM, "out of memory");
    }
    f->how = SORT_IMAGE;
    f->width = 64;
    struct holds h = holds_of(d);
    if (key->kind != SM_SORT_TEXT || h.pooled || (h.short_text && h.date)) return SM_OK;
    f->how = SORT_BITS;
    f->base = h.least ? h.least - 1 : 0;
    f->width = width_of(h.greatest - f->base);
    return SM_OK;
}

/* Places of the fields: most significant first, none across two words. */
static void fields_place(struct sort_plan *p) {
    unsigned left = 0;
    uint32_t w = 0;
    p->first[0] = 0;
    for (uint32_t i = 0; i < p->nfield; i++) {
        struct sort_field *f = &p->field[i];
        if (i == 0) left = 64;
        if (f->width > left) {
            p->first[++w] = i;
            left = 64;
        }
        left -= f->width;
        f->word = w;
        f->shift = (uint8_t)left;
    }
    p->words = w + 1;
    p->first[w + 1] = p->nfield;
}

int sort_plan_make(struct sort_plan *p, const struct sm_packer *packer, const struct sm_texts *t, const struct sm_sort_opts *o,
                   const struct sort_span *span, struct sm_err *err) {
    *p = (struct sort_plan){.packer = packer, .texts = t, .key = o->key, .nkey = o->nkey, .exact = true};
    p->field = sm_alloc((size_t)o->nkey + 1, sizeof *p->field);
    p->first = sm_alloc((size_t)o->nkey + 3, sizeof *p->first);
    int rc = p->field && p->first ? SM_OK : sm_fail(err, SM_ENOMEM, "out of memory");
    for (uint32_t i = 0; i < o->nkey && rc == SM_OK && p->exact; i++) {
        struct sort_field *f = &p->field[p->nfield];
        rc = field_of_key(p, &o->key[i], f, err);
        if (rc != SM_OK) break;
        p->exact = f->how != SORT_IMAGE;
        p->rest = i;
        if (f->width) p->nfield++;
        else sm_free(f->rank);
    }
    if (rc == SM_OK && p->exact && !span->ascending && span->most > span->least)
        p->field[p->nfield++] = (struct sort_field){.how = SORT_POS, .base = span->least, .width = width_of(span->most - span->least)};
    if (rc == SM_OK) fields_place(p);
    else sort_plan_free(p);
    return rc;
}

void sort_plan_free(struct sort_plan *p) {
    for (uint32_t i = 0; p->field && i < p->nfield; i++) sm_free(p->field[i].rank);
    sm_free(p->field);
    sm_free(p->first);
    *p = (struct sort_plan){0};
}

/* ---- keys of records ------------------------------------------------------------------------- */

static inline uint64_t field_bits(const struct sort_plan *p, const struct sort_field *f, const struct sm_pack *k, uint32_t row) {
    const uint8_t *record = sm_pack_data(k) + (size_t)row * k->stride;
    if (f->how == SORT_POS) {
        const struct sm_pack_field *hi = &k->field[k->ncol], *lo = hi + 1;
        return ((hi->base + sm_pack_bits(hi, record)) << SM_POS_COPY_BITS | (lo->base + sm_pack_bits(lo, record))) - f->base;
    }
    const struct sm_pack_field *c = &k->field[f->column];
    uint64_t x = sm_pack_bits(c, record);
    if (f->how == SORT_RANK) return f->rank[c->base + x];
    sm_val v = c->coded ? p->packer->dict[f->column].val[c->base + x] : sm_pack_plain(c, x);
    if (f->how == SORT_IMAGE) return image_of(p->texts, f->kind, v);
    return v ? v - f->base : 0;
}

void sort_plan_key(const struct sort_plan *p, const struct sm_pack *k, uint32_t row, uint64_t *out) {
    for (uint32_t w = 0; w < p->words; w++) {
        uint64_t x = 0;
        for (uint32_t i = p->first[w]; i < p->first[w + 1]; i++) x |= field_bits(p, &p->field[i], k, row) << p->field[i].shift;
        out[w] = x;
    }
}

uint32_t sort_plan_digit(const struct sort_plan *p, const struct sm_pack *k, uint32_t row, uint32_t w, unsigned shift, unsigned bits) {
    uint64_t x = 0;
    for (uint32_t i = p->first[w]; i < p->first[w + 1]; i++) {
        const struct sort_field *f = &p->field[i];
        if (f->shift < shift + bits && (unsigned)f->shift + f->width > shift) x |= field_bits(p, f, k, row) << f->shift;
    }
    return (uint32_t)(x >> shift & (((uint64_t)1 << bits) - 1));
}

static sm_pos pos_of(const struct sm_pack *k, uint32_t row) {
    const uint8_t *record = sm_pack_data(k) + (size_t)row * k->stride;
    const struct sm_pack_field *hi = &k->field[k->ncol], *lo = hi + 1;
    return (hi->base + sm_pack_bits(hi, record)) << SM_POS_COPY_BITS | (lo->base + sm_pack_bits(lo, record));
}

int sort_plan_tie(const struct sort_plan *p, const struct sm_pack *a, uint32_t i, const struct sm_pack *b, uint32_t j) {
    if (p->exact) return 0;
    for (uint32_t k = p->rest; k < p->nkey; k++) {
        const struct sm_sort_key *key = &p->key[k];
        int c = sort_value_cmp(p->texts, key->kind, sm_pack_cell(p->packer, a, i, key->column), sm_pack_cell(p->packer, b, j, key->column));
        if (c) return c;
    }
    sm_pos x = pos_of(a, i), y = pos_of(b, j);
    return (x > y) - (x < y);
}
