/* SPDX-License-Identifier: MIT */
#include "sdtmill/pack.h"

#include "sdtmill/err.h"
#include "sdtmill/mem.h"

enum {
    DICT_FIRST = 16,
    DICT_PLAIN_MOST = 65536,      /* values of a column nobody sorts by */
    DICT_KEY_MOST = 1 << 20,
    ROWS_LEAST = 64,
    BITS_MOST = 57                /* that one load of eight bytes gives wherever they begin */
};

static uint64_t dict_bytes(const struct sm_dict *d) {
    return d->cap * sizeof *d->val + d->nplace * sizeof *d->place;
}

static void packer_free(struct sm_packer *p) {
    for (uint32_t c = 0; p->dict && c < p->ncol; c++) {
        sm_free(p->dict[c].val);
        sm_free(p->dict[c].place);
    }
    sm_free(p->dict);
    sm_free(p->cell);
    sm_free(p);
}

static bool dict_open(struct sm_dict *d) {
    d->val = sm_alloc(DICT_FIRST, sizeof *d->val);
    d->place = sm_alloc(DICT_FIRST * 2, sizeof *d->place);
    d->cap = DICT_FIRST;
    d->nplace = DICT_FIRST * 2;
    d->n = 1;
    d->most = DICT_PLAIN_MOST;
    return d->val && d->place;
}

int sm_packer_open(struct sm_packer **ret, uint32_t ncol, uint64_t memory, struct sm_err *err) {
    struct sm_packer *p = sm_alloc(1, sizeof *p);
    if (!p) return sm_fail(err, SM_ENOMEM, "out of memory");
    uint64_t wide = ((uint64_t)ncol + 2) * sizeof *p->cell;
    uint64_t rows = memory ? memory / 2 / wide : SM_PACK_ROWS;
    p->ncol = ncol;
    p->rows = rows < ROWS_LEAST ? ROWS_LEAST : rows > SM_PACK_ROWS ? SM_PACK_ROWS : (uint32_t)rows;
    p->room = memory ? memory / 2 : UINT64_MAX;
    p->dict = sm_alloc(ncol ? ncol : 1, sizeof *p->dict);
    p->cell = sm_alloc((size_t)wide, p->rows);
    bool good = p->dict && p->cell;
    for (uint32_t c = 0; good && c < ncol; c++) {
        good = dict_open(&p->dict[c]);
        p->bytes += dict_bytes(&p->dict[c]);
    }
    if (!good) {
        packer_free(p);
        return sm_fail(err, SM_ENOMEM, "out of memory");
    }
    p->bytes += wide * p->rows;
    *ret = p;
    return SM_OK;
}

void sm_packer_prefer(struct sm_packer *p, uint32_t column) { p->dict[column].most = DICT_KEY_MOST; }

void sm_packer_close(struct sm_packer *p) {
    if (p) packer_free(p);
}

/* ---- dictionaries ---------------------------------------------------------------------------- */

static inline size_t dict_hash(sm_val v) {
    v *= UINT64_C(0x9E3779B97F4A7C15);
    v ^= v >> 32;
    v *= UINT64_C(0xBF58476D1CE4E5B9);
    return (size_t)(v >> 29);
}

static inline struct sm_dict_place *dict_find(const struct sm_dict *d, sm_val v) {
    size_t at = dict_hash(v) & (d->nplace - 1);
    while (d->place[at].val != v && d->place[at].val != 0) at = (at + 1) & (d->nplace - 1);
    return &d->place[at];
}

static int dict_widen(struct sm_dict *d, struct sm_err *err) {
    struct sm_dict_place *was = d->place;
    size_t n = d->nplace;
    struct sm_dict_place *now = sm_alloc(n * 2, sizeof *now);
    if (!now) return sm_fail(err, SM_ENOMEM, "out of memory");
    d->place = now;
    d->nplace = n * 2;
    for (size_t i = 0; i < n; i++)
        if (was[i].val) *dict_find(d, was[i].val) = was[i];
    sm_free(was);
    return SM_OK;
}

/* Room for one more value. SM_EOF: the dictionary is full. */
static int dict_room(struct sm_packer *p, struct sm_dict *d, struct sm_err *err) {
    if (d->n >= d->most) return SM_EOF;
    uint64_t was = dict_bytes(d);
    bool wider = d->n >= d->nplace / 8 * 5;
    bool longer = d->n >= d->cap;
    uint64_t more = (wider ? d->nplace * sizeof *d->place : 0) + (longer ? d->cap * sizeof *d->val : 0);
    if (more > (d->most == DICT_KEY_MOST ? p->room : p->room / 4)) return SM_EOF;
    int rc = wider ? dict_widen(d, err) : SM_OK;
    if (rc == SM_OK) rc = sm_grow(&d->val, &d->cap, d->n + 1, sizeof *d->val, err);
    if (p->room != UINT64_MAX) p->room -= dict_bytes(d) - was;
    p->bytes += dict_bytes(d) - was;
    return rc;
}

/* Codes of n values. SM_EOF: some value has no code and can have none. */
static int dict_codes(struct sm_packer *p, struct sm_dict *d, const struct sm_pack_in *in, uint32_t c, uint64_t *out,
                      struct sm_err *err) {
    const sm_val *v = in->col[c];
    sm_val last = SM_MISSING;
    uint64_t code = 0;
    for (uint32_t i = 0; i < in->nrow; i++, v += in->step) {
        if (*v != last) {
            last = *v;
            struct sm_dict_place *e = last ? dict_find(d, last) : NULL;
            if (e && !e->val) {
                int rc = dict_room(p, d, err);
                if (rc != SM_OK) return rc;
                e = dict_find(d, last);
                *e = (struct sm_dict_place){last, (uint32_t)d->n};
                d->val[d->n++] = last;
            }
            code = e ? e->code : 0;
        }
        out[i] = code;
    }
    return SM_OK;
}

/* ---- encode ---------------------------------------------------------------------------------- */

static uint8_t bits_of(uint64_t x) { return (uint8_t)(x ? 64 - __builtin_clzll(x) : 0); }

/* Sets base and width for n numbers that stand for themselves, and takes the base off them. */
static void field_numbers(struct sm_pack_field *f, uint64_t *x, uint32_t n) {
    uint64_t lo = x[0], hi = x[0];
    for (uint32_t i = 1; i < n; i++) {
        lo = x[i] < lo ? x[i] : lo;
        hi = x[i] > hi ? x[i] : hi;
    }
    f->base = lo;
    f->width = bits_of(hi - lo);
    for (uint32_t i = 0; i < n && lo; i++) x[i] -= lo;
}

/* The same for values: 0 stays 0, others are shifted right as far as all of them can be, plus 1. */
static void field_values(struct sm_pack_field *f, struct sm_dict *d, uint64_t *x, uint32_t n) {
    uint64_t lo = UINT64_MAX, hi = 0, any = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (!x[i]) continue;
        d->has_short |= sm_val_is_inline(x[i]);
        d->has_pooled |= sm_val_is_pooled(x[i]);
        d->has_date |= sm_val_is_dtc(x[i]);
        lo = x[i] < lo ? x[i] : lo;
        hi = x[i] > hi ? x[i] : hi;
    }
    if (!hi) return;
    if (!d->greatest || lo < d->least) d->least = lo;
    if (hi > d->greatest) d->greatest = hi;
    f->base = lo;
    for (uint32_t i = 0; i < n; i++)
        if (x[i]) any |= x[i] - lo;
    f->shift = (uint8_t)(any ? __builtin_ctzll(any) : 0);
    for (uint32_t i = 0; i < n; i++)
        if (x[i]) x[i] = ((x[i] - lo) >> f->shift) + 1;
    f->width = bits_of(((hi - lo) >> f->shift) + 1);
}

static void copy_values(const struct sm_pack_in *in, uint32_t c, uint64_t *x) {
    const sm_val *v = in->col[c];
    for (uint32_t i = 0; i < in->nrow; i++, v += in->step) x[i] = *v;
}

/* Are there dates, and nothing else but missing values? Copies them as far as that holds. */
static bool all_dates(const struct sm_pack_in *in, uint32_t c, uint64_t *x) {
    const sm_val *v = in->col[c];
    bool some = false;
    for (uint32_t i = 0; i < in->nrow; i++, v += in->step) {
        if (*v && !sm_val_is_dtc(*v)) return false;
        some |= *v != 0;
        x[i] = *v;
    }
    return some;
}

static int field_make(struct sm_packer *p, const struct sm_pack_in *in, uint32_t c, struct sm_pack_field *f, struct sm_err *err) {
    struct sm_dict *d = &p->dict[c];
    uint64_t *x = p->cell + (size_t)c * p->rows;
    int rc = SM_OK;
    if (in->coded && sm_dict_has_all(d)) {
        copy_values(in, c, x);
    } else if (d->n == 1 && all_dates(in, c, x)) {
        rc = SM_EOF;
    } else {
        rc = d->closed ? SM_EOF : dict_codes(p, d, in, c, x, err);
        if (rc == SM_EOF) {
            d->closed = true;
            copy_values(in, c, x);
        }
    }
    if (rc == SM_OK) {
        f->coded = 1;
        field_numbers(f, x, in->nrow);
        return SM_OK;
    }
    if (rc == SM_EOF) field_values(f, d, x, in->nrow);
    return rc == SM_EOF ? SM_OK : rc;
}

/* Gives every field its place; bytes of a record in ret_stride. */
static uint32_t fields_place(struct sm_pack_field *f, uint32_t n) {
    uint64_t bit = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (f[i].width > BITS_MOST) {
            bit = (bit + 7) & ~UINT64_C(7);
            f[i].width = 64;
        }
        f[i].bit = (uint32_t)bit;
        bit += f[i].width;
    }
    return (uint32_t)((bit + 7) / 8);
}

static void field_write(const struct sm_pack_field *f, const uint64_t *x, struct sm_pack *k) {
    uint8_t *at = (uint8_t *)(k->field + k->ncol + 2) + (f->bit >> 3);
    unsigned by = f->bit & 7;
    for (uint32_t i = 0; f->width && i < k->nrow; i++, at += k->stride) {
        uint64_t was, add = x[i] << by;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        add = __builtin_bswap64(add);
#endif
        memcpy(&was, at, 8);
        was |= add;
        memcpy(at, &was, 8);
    }
}

int sm_packer_encode(struct sm_packer *p, const struct sm_pack_in *in, struct sm_pack **ret, struct sm_err *err) {
    uint32_t nfield = p->ncol + 2;
    struct sm_pack_field *f = sm_alloc(nfield, sizeof *f);
    if (!f) return sm_fail(err, SM_ENOMEM, "out of memory");
    int rc = SM_OK;
    for (uint32_t c = 0; c < p->ncol && rc == SM_OK; c++) rc = field_make(p, in, c, &f[c], err);
    uint64_t *hi = p->cell + (size_t)p->ncol * p->rows, *lo = hi + p->rows;
    for (uint32_t i = 0; i < in->nrow; i++) {
        hi[i] = in->pos[i] >> SM_POS_COPY_BITS;
        lo[i] = in->pos[i] & ((1u << SM_POS_COPY_BITS) - 1);
    }
    field_numbers(&f[p->ncol], hi, in->nrow);
    field_numbers(&f[p->ncol + 1], lo, in->nrow);
    uint32_t stride = fields_place(f, nfield);
    size_t head = sizeof(struct sm_pack) + nfield * sizeof *f;
    size_t bytes = head + (size_t)stride * in->nrow + 8;
    struct sm_pack *k = rc == SM_OK ? sm_alloc(1, bytes) : NULL;
    if (rc == SM_OK && !k) rc = sm_fail(err, SM_ENOMEM, "out of memory");
    if (k) {
        *k = (struct sm_pack){.nrow = in->nrow, .ncol = p->ncol, .stride = stride, .maker = p->id, .bytes = bytes};
        memcpy(k->field, f, nfield * sizeof *f);
        for (uint32_t c = 0; c < nfield; c++) field_write(&f[c], p->cell + (size_t)c * p->rows, k);
        *ret = k;
    }
    sm_free(f);
    return rc;
}

/* ---- decode ---------------------------------------------------------------------------------- */

static sm_pos row_pos(const struct sm_pack *k, const uint8_t *record) {
    const struct sm_pack_field *f = k->field + k->ncol;
    uint64_t hi = f[0].base + sm_pack_bits(&f[0], record);
    return hi << SM_POS_COPY_BITS | (f[1].base + sm_pack_bits(&f[1], record));
}

sm_pos sm_pack_row(const struct sm_packer *p, const struct sm_pack *k, uint32_t row, sm_val *out) {
    const uint8_t *record = sm_pack_data(k) + (size_t)row * k->stride;
    const struct sm_pack_field *f = k->field;
    const struct sm_dict *d = p->dict;
    for (uint32_t c = 0; c < k->ncol; c++, f++, d++) {
        uint64_t x = sm_pack_bits(f, record);
        out[c] = f->coded ? d->val[f->base + x] : sm_pack_plain(f, x);
    }
    return row_pos(k, record);
}

sm_pos sm_pack_row_coded(const struct sm_packer *p, const struct sm_pack *k, uint32_t row, sm_val *out) {
    const uint8_t *record = sm_pack_data(k) + (size_t)row * k->stride;
    const struct sm_pack_field *f = k->field;
    const struct sm_dict *d = p->dict;
    for (uint32_t c = 0; c < k->ncol; c++, f++, d++) {
        uint64_t x = sm_pack_bits(f, record);
        if (!f->coded) out[c] = sm_pack_plain(f, x);
        else out[c] = sm_dict_has_all(d) ? f->base + x : d->val[f->base + x];
    }
    return row_pos(k, record);
}

bool sm_pack_sound(const struct sm_packer *p, const struct sm_pack *k, uint64_t n) {
    size_t head = sizeof *k + ((size_t)p->ncol + 2) * sizeof *k->field;
    if (n < sizeof *k || k->ncol != p->ncol || k->maker != p->id || k->bytes > n || k->bytes < head || k->nrow == 0) return false;
    if (k->bytes != head + (uint64_t)k->stride * k->nrow + 8) return false;
    for (uint32_t c = 0; c < p->ncol + 2; c++) {
        const struct sm_pack_field *f = &k->field[c];
        if (f->width > 64 || f->shift > 63 || (f->width > BITS_MOST && (f->width != 64 || f->bit % 8))) return false;
        if ((uint64_t)f->bit + f->width > (uint64_t)k->stride * 8) return false;
        if (c >= p->ncol || !f->coded) continue;
        const size_t most = p->dict[c].n;
        if (f->base >= most || f->width > 32) return false;
        for (uint32_t i = 0; i < k->nrow; i++)
            if (sm_pack_bits(f, sm_pack_data(k) + (size_t)i * k->stride) >= most - f->base) return false;
    }
    return true;
}
