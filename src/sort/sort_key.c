/* SPDX-License-Identifier: MIT */
#include "sdtmill/err.h"
#include "sdtmill/mem.h"
#include "sdtmill/num.h"
#include "sort/sort_priv.h"

struct ranked {
    uint64_t image;
    sm_val val;
    uint32_t at; /* in sort_field.rank */
};

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
    for (size_t i = 0; i < 8; i++)
        x = x << 8 | (i < s.n ? (unsigned char)s.p[i] : 0u);
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

static int cmp_ranked(const struct sm_texts *t, enum sm_sort_kind kind, const struct ranked *a,
                      const struct ranked *b) {
    if (a->image != b->image) return a->image < b->image ? -1 : 1;
    return sort_value_cmp(t, kind, a->val, b->val);
}

/* One step of a merge sort, bottom up: pairs of runs of `run` from `from` to `to`. */
static void merge_ranked(const struct sm_texts *t, enum sm_sort_kind kind,
                         const struct ranked *from, struct ranked *to, size_t n, size_t run) {
    for (size_t lo = 0; lo < n; lo += 2 * run) {
        size_t mid = lo + run < n ? lo + run : n, hi = lo + 2 * run < n ? lo + 2 * run : n;
        size_t i = lo, j = mid;
        for (size_t o = lo; o < hi; o++) {
            bool left = i < mid && (j >= hi || cmp_ranked(t, kind, &from[i], &from[j]) <= 0);
            to[o] = left ? from[i++] : from[j++];
        }
    }
}

/* Sorts a[n] with room for as many in b, and writes the ranks; equal values have equal ranks.
 * Returns the greatest. */
static uint32_t ranks_write(const struct sm_texts *t, enum sm_sort_kind kind, struct ranked *a,
                            struct ranked *b, size_t n, uint32_t *rank) {
    for (size_t run = 1; run < n; run *= 2) {
        merge_ranked(t, kind, a, b, n, run);
        struct ranked *was = a;
        a = b;
        b = was;
    }
    uint32_t r = 0;
    for (size_t i = 0; i < n; i++) {
        if (i && cmp_ranked(t, kind, &a[i - 1], &a[i]) != 0) r++;
        rank[a[i].at] = r;
    }
    return r;
}

/* How many bytes all texts of a[n] begin with alike. */
static size_t common_start(const struct sm_texts *t, const struct ranked *a, size_t n) {
    struct sm_valbuf one, other;
    struct sm_str first = {NULL, 0};
    size_t common = SIZE_MAX;
    for (size_t i = 0; i < n && common; i++) {
        if (a[i].val == SM_MISSING) continue;
        if (common == SIZE_MAX) {
            first = sm_val_text(t, a[i].val, &one);
            common = first.n;
            continue;
        }
        struct sm_str s = sm_val_text(t, a[i].val, &other);
        size_t k = 0;
        while (k < common && k < s.n && s.p[k] == first.p[k])
            k++;
        common = k;
    }
    return common == SIZE_MAX ? 0 : common;
}

/* The images of texts begin where they begin to differ: subjects share the study, mostly. */
static void images_of_texts(const struct sm_texts *t, struct ranked *a, size_t n) {
    const size_t skip = common_start(t, a, n);
    struct sm_valbuf buf;
    for (size_t i = 0; i < n; i++) {
        struct sm_str s = sm_val_text(t, a[i].val, &buf);
        a[i].image = s.n > skip ? image_of_text(sm_str_n(s.p + skip, s.n - skip)) : 0;
    }
}

/* Ranks of all codes of all packers. *ret_most: the greatest. */
static int ranks_make(const struct sort_plan *p, struct sort_field *f, uint32_t *ret_most,
                      struct sm_err *err) {
    size_t n = 0;
    for (uint32_t i = 0; i < p->by.n; i++)
        n += p->by.packer[i] ? p->by.packer[i]->dict[f->column].n : 0;
    struct ranked *a = sm_alloc(n, sizeof *a), *b = sm_alloc(n, sizeof *b);
    f->rank = sm_alloc(n, sizeof *f->rank);
    f->of = sm_alloc(p->by.n, sizeof *f->of);
    bool good = a && b && f->rank && f->of;
    n = 0;
    for (uint32_t i = 0; good && i < p->by.n; i++) {
        if (!p->by.packer[i]) continue;
        const struct sm_dict *d = &p->by.packer[i]->dict[f->column];
        f->of[i] = f->rank + n;
        for (size_t k = 0; k < d->n; k++, n++)
            a[n] = (struct ranked){f->kind == SM_SORT_TEXT ? 0
                                                           : image_of(p->texts, f->kind, d->val[k]),
                                   d->val[k], (uint32_t)n};
    }
    if (good && f->kind == SM_SORT_TEXT) images_of_texts(p->texts, a, n);
    if (good) *ret_most = ranks_write(p->texts, f->kind, a, b, n, f->rank);
    sm_free(a);
    sm_free(b);
    return good ? SM_OK : sm_fail(err, SM_ENOMEM, "out of memory");
}

/* ---- plan ------------------------------------------------------------------------------------ */

/* What the column holds, with a code or without; least and greatest are 0 if nothing. */
struct holds {
    bool short_text, pooled, date;
    sm_val least, greatest;
};

static void holds_join(struct holds *h, const struct sm_dict *d) {
    h->short_text |= d->has_short;
    h->pooled |= d->has_pooled;
    h->date |= d->has_date;
    if (d->least && (!h->least || d->least < h->least)) h->least = d->least;
    if (d->greatest > h->greatest) h->greatest = d->greatest;
    for (size_t i = 1; i < d->n; i++) {
        sm_val v = d->val[i];
        h->short_text |= sm_val_is_inline(v);
        h->pooled |= sm_val_is_pooled(v);
        h->date |= sm_val_is_dtc(v);
        h->least = !h->least || v < h->least ? v : h->least;
        h->greatest = v > h->greatest ? v : h->greatest;
    }
}

static int field_of_key(struct sort_plan *p, uint32_t key, struct sort_field *f,
                        struct sm_err *err) {
    const struct sm_sort_key *k = &p->key[key];
    bool coded = true;
    *f = (struct sort_field){.key = key, .column = k->column, .kind = k->kind, .how = SORT_RANK};
    for (uint32_t i = 0; i < p->by.n; i++)
        coded = coded && (!p->by.packer[i] || sm_dict_has_all(&p->by.packer[i]->dict[k->column]));
    if (coded) {
        uint32_t most = 0;
        int rc = ranks_make(p, f, &most, err);
        f->width = sm_bits_of(most);
        return rc;
    }
    struct holds h = {0};
    for (uint32_t i = 0; i < p->by.n; i++)
        if (p->by.packer[i]) holds_join(&h, &p->by.packer[i]->dict[k->column]);
    f->how = SORT_IMAGE;
    f->width = 64;
    if (k->kind != SM_SORT_TEXT || h.pooled || (h.short_text && h.date)) return SM_OK;
    f->how = SORT_BITS;
    f->base = h.least ? h.least - 1 : 0;
    f->width = sm_bits_of(h.greatest - f->base);
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

static void field_free(struct sort_field *f) {
    sm_free(f->rank);
    sm_free(f->of);
}

/* A packer that goes on encoding may put its values elsewhere; these stay good. */
static int keep_values(struct sort_plan *p, struct sm_err *err) {
    p->val = sm_alloc((size_t)p->by.n * p->ncol + 1, sizeof *p->val);
    if (!p->val) return sm_fail(err, SM_ENOMEM, "out of memory");
    for (uint32_t i = 0; i < p->by.n; i++)
        for (uint32_t c = 0; p->by.packer[i] && c < p->ncol; c++)
            p->val[(size_t)i * p->ncol + c] = p->by.packer[i]->dict[c].val;
    return SM_OK;
}

int sort_plan_make(struct sort_plan *p, struct sort_makers by, const struct sm_texts *t,
                   const struct sm_sort_opts *o, const struct sort_span *span, struct sm_err *err) {
    *p = (struct sort_plan){
        .by = by, .texts = t, .key = o->key, .nkey = o->nkey, .ncol = o->ncol, .exact = true};
    p->field = sm_alloc((size_t)o->nkey + 1, sizeof *p->field);
    p->first = sm_alloc((size_t)o->nkey + 3, sizeof *p->first);
    int rc = p->field && p->first ? SM_OK : sm_fail(err, SM_ENOMEM, "out of memory");
    if (rc == SM_OK) rc = keep_values(p, err);
    for (uint32_t i = 0; i < o->nkey && rc == SM_OK && p->exact; i++) {
        struct sort_field *f = &p->field[p->nfield];
        rc = field_of_key(p, i, f, err);
        p->exact = f->how != SORT_IMAGE;
        p->rest = i;
        if (rc == SM_OK && f->width)
            p->nfield++;
        else
            field_free(f);
    }
    if (rc == SM_OK && p->exact && !span->ascending && span->most > span->least)
        p->field[p->nfield++] = (struct sort_field){.key = o->nkey,
                                                    .how = SORT_POS,
                                                    .base = span->least,
                                                    .width = sm_bits_of(span->most - span->least)};
    if (rc == SM_OK)
        fields_place(p);
    else
        sort_plan_free(p);
    return rc;
}

void sort_plan_free(struct sort_plan *p) {
    for (uint32_t i = 0; p->field && i < p->nfield; i++)
        field_free(&p->field[i]);
    sm_free(p->field);
    sm_free(p->first);
    sm_free(p->val);
    *p = (struct sort_plan){0};
}

uint64_t sort_plan_lead(const struct sort_plan *p, uint32_t lead, uint32_t w) {
    uint64_t x = 0;
    for (uint32_t i = p->first[w]; i < p->first[w + 1]; i++)
        if (p->field[i].key < lead) x |= sm_bits_most(p->field[i].width) << p->field[i].shift;
    return x;
}

void sort_span_see(struct sort_span *s, const sm_pos *pos, uint32_t n) {
    struct sort_span x = {.ascending = true, .any = n > 0, .least = UINT64_MAX};
    for (uint32_t i = 0; i < n; i++) {
        x.ascending = x.ascending && (i == 0 || pos[i] >= pos[i - 1]);
        x.least = pos[i] < x.least ? pos[i] : x.least;
        x.most = pos[i] > x.most ? pos[i] : x.most;
    }
    if (n) x.first = pos[0], x.last = pos[n - 1];
    sort_span_join(s, &x);
}

void sort_span_join(struct sort_span *s, const struct sort_span *then) {
    if (!then->any) return;
    if (!s->any) {
        *s = *then;
        return;
    }
    s->ascending = s->ascending && then->ascending && then->first >= s->last;
    s->least = then->least < s->least ? then->least : s->least;
    s->most = then->most > s->most ? then->most : s->most;
    s->last = then->last;
}

/* ---- keys of records ------------------------------------------------------------------------- */

void sort_plan_steps(const struct sort_plan *p, const struct sm_pack *k, struct sort_step *out) {
    for (uint32_t i = 0; i < p->nfield; i++) {
        const struct sort_field *f = &p->field[i];
        struct sort_step *s = &out[i];
        *s = (struct sort_step){.how = SORT_IMAGE, .left = f->shift};
        s->begins = i && f->word != p->field[i - 1].word;
        if (f->how == SORT_POS || f->how == SORT_IMAGE) continue;
        const struct sm_pack_field *c = &k->field[f->column];
        if (f->how == SORT_BITS && c->coded) continue;
        s->how = (uint8_t)f->how;
        s->at = c->bit >> 3;
        s->by = c->bit & 7;
        s->low = c->shift;
        s->mask = sm_bits_most(c->width);
        if (f->how == SORT_RANK)
            s->rank = f->of[k->maker] + c->base;
        else
            s->base = c->base - f->base;
    }
}

static sm_val cell_of(const struct sort_plan *p, const struct sm_pack *k, const uint8_t *record,
                      uint32_t column) {
    const struct sm_pack_field *f = &k->field[column];
    const uint64_t x = sm_pack_bits(f, record);
    if (!f->coded) return sm_pack_plain(f, x);
    return p->val[(size_t)k->maker * p->ncol + column][f->base + x];
}

uint64_t sort_plan_look(const struct sort_plan *p, uint32_t field, const struct sm_pack *k,
                        const uint8_t *record) {
    const struct sort_field *f = &p->field[field];
    if (f->how == SORT_POS) return sm_pack_pos(k, record) - f->base;
    sm_val v = cell_of(p, k, record, f->column);
    if (f->how == SORT_IMAGE) return image_of(p->texts, f->kind, v);
    return v ? v - f->base : 0;
}

uint32_t sort_plan_digit(const struct sort_plan *p, const struct sort_step *step,
                         const struct sm_pack *k, const uint8_t *record, unsigned bit,
                         unsigned bits) {
    const uint32_t w = bit / 64;
    const unsigned shift = 64 - bits - bit % 64;
    uint64_t x = 0;
    for (uint32_t i = p->first[w]; i < p->first[w + 1]; i++) {
        const struct sort_field *f = &p->field[i];
        if (f->shift < shift + bits && (unsigned)f->shift + f->width > shift)
            x |= sort_step_bits(p, step, i, k, record);
    }
    return (uint32_t)(x >> shift & (((uint64_t)1 << bits) - 1));
}

void sort_plan_digits(const struct sort_plan *p, const struct sort_step *step,
                      const struct sm_pack *k, unsigned bits, uint16_t *out) {
    const unsigned shift = 64 - bits;
    memset(out, 0, k->nrow * sizeof *out);
    for (uint32_t i = 0; bits && i < p->first[1]; i++) {
        const struct sort_field *f = &p->field[i];
        if ((unsigned)f->shift + f->width <= shift) continue;
        for (uint32_t r = 0; r < k->nrow; r++)
            out[r] |= (uint16_t)(sort_step_bits(p, step, i, k, sort_record(k, r)) >> shift);
    }
}

int sort_plan_tie(const struct sort_plan *p, const struct sm_pack *a, const uint8_t *record_a,
                  const struct sm_pack *b, const uint8_t *record_b) {
    if (p->exact) return 0;
    for (uint32_t k = p->rest; k < p->nkey; k++) {
        const struct sm_sort_key *key = &p->key[k];
        int c = sort_value_cmp(p->texts, key->kind, cell_of(p, a, record_a, key->column),
                               cell_of(p, b, record_b, key->column));
        if (c) return c;
    }
    sm_pos x = sm_pack_pos(a, record_a), y = sm_pack_pos(b, record_b);
    return (x > y) - (x < y);
}
