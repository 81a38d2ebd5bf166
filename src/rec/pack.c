/* SPDX-License-Identifier: MIT */
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "sdtmill/pack.h"

#include "rec_priv.h"
#include "sdtmill/err.h"
#include "sdtmill/mem.h"

#define APART __attribute__((noinline)) /* a narrow loop that needs the registers for itself */

enum {
    DICT_FIRST = 16,
    DICT_PLAIN_MOST = 65536, /* values of a column nobody sorts by */
    DICT_KEY_MOST = 1 << 20,
    DICT_PROBES_MOST = 512, /* places to look at: more of them only happen on purpose */
    DICT_NEAR = 8192,       /* values that a cache near the processor holds */
    DICT_ALIKE = 1 << 16,   /* values whose codes have the same width in all packs */
    ROWS_LEAST = 64,
    TILE = 32 /* rows put together at a time */
};

static uint64_t dict_bytes(const struct sm_dict *d) {
    return 2 * d->cap * sizeof *d->val + d->nplace * sizeof *d->place;
}

/* Bytes of what only packing needs, beside the dictionaries. */
static uint64_t packer_scratch(const struct sm_packer *p) {
    const uint64_t words = 2 * ((uint64_t)p->ncol + 3); /* more than fields of 64 bits can take */
    return ((uint64_t)p->ncol + 1) * p->rows * sizeof *p->code + words * TILE * sizeof *p->word;
}

static void packer_free(struct sm_packer *p) {
    for (uint32_t c = 0; p->dict && c < p->ncol; c++) {
        for (uint32_t i = 0; i < p->dict[c].nwas; i++)
            sm_free(p->dict[c].was[i]);
        sm_free(p->dict[c].val);
        sm_free(p->dict[c].place);
        if (p->follow) rec_follow_free(&p->follow[c]);
    }
    sm_free(p->dict);
    sm_free(p->follow);
    sm_free(p->code);
    sm_free(p->word);
    sm_free(p->field);
    sm_free(p);
}

void sm_packer_rest(struct sm_packer *p) {
    for (uint32_t c = 0; c < p->ncol; c++) {
        sm_free(p->dict[c].place);
        p->dict[c].place = NULL;
        p->bytes -= p->dict[c].nplace * sizeof *p->dict[c].place;
        p->dict[c].nplace = 0;
    }
    sm_free(p->code);
    sm_free(p->word);
    p->code = NULL;
    p->word = NULL;
    p->bytes -= packer_scratch(p);
    p->rows = 0;
}

static bool dict_open(struct sm_dict *d) {
    d->val = sm_alloc(DICT_FIRST, sizeof *d->val);
    d->place = sm_alloc(DICT_FIRST * 2, sizeof *d->place);
    d->cap = DICT_FIRST;
    d->nplace = DICT_FIRST * 2;
    d->shift = 64 - 5;
    d->n = d->folded = 1;
    d->most = DICT_PLAIN_MOST;
    return d->val && d->place;
}

int sm_packer_open(struct sm_packer **ret, uint32_t ncol, uint64_t memory, struct sm_err *err) {
    struct sm_packer *p = sm_alloc(1, sizeof *p);
    if (!p) return sm_fail(err, SM_ENOMEM, "out of memory");
    const uint64_t wide = ((uint64_t)ncol + 1) * sizeof *p->code;
    const uint64_t rows = memory ? memory / 2 / wide / TILE * TILE : SM_PACK_ROWS;
    p->ncol = ncol;
    p->rows = rows < ROWS_LEAST ? ROWS_LEAST : rows > SM_PACK_ROWS ? SM_PACK_ROWS : (uint32_t)rows;
    p->room = memory ? memory / 2 : UINT64_MAX;
    p->dict = sm_alloc(ncol ? ncol : 1, sizeof *p->dict);
    p->follow = sm_alloc(ncol ? ncol : 1, sizeof *p->follow);
    p->code = sm_alloc((size_t)wide, p->rows);
    p->word = sm_alloc(2 * ((size_t)ncol + 3), TILE * sizeof *p->word);
    p->field = sm_alloc((size_t)ncol + 2, sizeof *p->field);
    bool good = p->dict && p->follow && p->code && p->word && p->field;
    for (uint32_t c = 0; good && c < ncol; c++) {
        good = dict_open(&p->dict[c]);
        p->bytes += dict_bytes(&p->dict[c]);
    }
    if (!good) {
        packer_free(p);
        return sm_fail(err, SM_ENOMEM, "out of memory");
    }
    p->bytes += packer_scratch(p);
    *ret = p;
    return SM_OK;
}

void sm_packer_prefer(struct sm_packer *p, uint32_t column) {
    p->dict[column].most = DICT_KEY_MOST;
    p->dict[column].own = true;
}

void sm_packer_close(struct sm_packer *p) {
    if (p) packer_free(p);
}

/* ---- dictionaries ---------------------------------------------------------------------------- */

#define DICT_FACTOR UINT64_C(0x9E3779B97F4A7C15)

static inline size_t dict_hash(const struct sm_dict *d, sm_val v) {
    return (size_t)(v * DICT_FACTOR >> d->shift);
}

/* Where v is or goes; NULL when too many others were in the way. A free place has the code of what
 * is missing, so that this is found like any other. */
static uint32_t *dict_find(const struct sm_dict *d, sm_val v, size_t most) {
    size_t at = dict_hash(d, v);
    for (size_t i = 0; i < most; i++, at = (at + 1) & (d->nplace - 1))
        if (d->place[at] == 0 || d->val[d->place[at]] == v) return &d->place[at];
    return NULL;
}

static int dict_widen(struct sm_dict *d, struct sm_err *err) {
    uint32_t *now = sm_alloc(d->nplace * 2, sizeof *now);
    if (!now) return sm_fail(err, SM_ENOMEM, "out of memory");
    sm_free(d->place);
    d->place = now;
    d->nplace *= 2;
    d->shift--;
    for (size_t i = 1; i < d->n; i++) {
        uint32_t *e = dict_find(d, d->val[i], d->nplace);
        if (e) *e = (uint32_t)i;
    }
    return SM_OK;
}

/* The values move to an array of twice the size; the old one stays as it is. */
static int dict_lengthen(struct sm_dict *d, struct sm_err *err) {
    sm_val *val = NULL;
    int rc = sm_resize(&val, d->cap * 2, sizeof *val, err);
    if (rc != SM_OK) return rc;
    memcpy(val, d->val, d->n * sizeof *val);
    d->was[d->nwas++] = d->val;
    d->val = val;
    d->cap *= 2;
    return SM_OK;
}

/* Room for one more value. SM_EOF: the dictionary is full. */
static int dict_room(struct sm_packer *p, struct sm_dict *d, struct sm_err *err) {
    if (d->n >= d->most || d->nwas == SM_DICT_GROWTHS) return SM_EOF;
    uint64_t was = dict_bytes(d);
    /* few values have most places for themselves */
    bool wider = d->n >= d->nplace / (d->n < DICT_NEAR ? 8 : 2);
    bool longer = d->n >= d->cap;
    uint64_t more =
        (wider ? d->nplace * sizeof *d->place : 0) + (longer ? 2 * d->cap * sizeof *d->val : 0);
    if (more > (d->most == DICT_KEY_MOST ? p->room : p->room / 4)) return SM_EOF;
    int rc = wider ? dict_widen(d, err) : SM_OK;
    if (rc == SM_OK && longer) rc = dict_lengthen(d, err);
    if (p->room != UINT64_MAX) p->room -= dict_bytes(d) - was;
    p->bytes += dict_bytes(d) - was;
    return rc;
}

/* A new code, for a value that has none. SM_EOF: there can be none. */
static int dict_add(struct sm_packer *p, struct sm_dict *d, sm_val v, struct sm_err *err) {
    int rc = dict_room(p, d, err);
    if (rc != SM_OK) return rc;
    uint32_t *e = dict_find(d, v, DICT_PROBES_MOST);
    if (!e) return SM_EOF;
    *e = (uint32_t)d->n;
    d->val[d->n++] = v;
    return SM_OK;
}

/* Codes of n values, up to the first that has none; returns its number, or n. */
static inline uint32_t codes_of(const struct sm_dict *d, const sm_val *v, size_t step, uint32_t n,
                                uint32_t *out) {
    const uint32_t *place = d->place;
    const sm_val *val = d->val;
    const size_t last = d->nplace - 1;
    const unsigned shift = d->shift;
    for (size_t i = 0; i < n; i++) {
        const sm_val x = v[i * step];
        size_t at = (size_t)(x * DICT_FACTOR >> shift);
        uint32_t code = place[at];
        while (val[code] != x) {
            if (!code) return (uint32_t)i;
            at = (at + 1) & last;
            code = place[at];
        }
        out[i] = code;
    }
    return n;
}

/* The same where neither places nor values are near: many are asked for together, but for those below
 * *asked, which were before. */
static uint32_t codes_far(const struct sm_dict *d, const sm_val *v, size_t step, uint32_t i,
                          uint32_t n, uint32_t *out, uint32_t *asked) {
    enum { TOGETHER = 256 };
    while (i < n) {
        if (i >= *asked) {
            const uint32_t many = n - i < TOGETHER ? n - i : TOGETHER;
            size_t at[TOGETHER];
            for (uint32_t k = 0; k < many; k++) {
                at[k] = (size_t)(v[(i + k) * step] * DICT_FACTOR >> d->shift);
                __builtin_prefetch(&d->place[at[k]]);
            }
            for (uint32_t k = 0; k < many; k++)
                __builtin_prefetch(&d->val[d->place[at[k]]]);
            *asked = i + many;
        }
        const uint32_t many = *asked - i, done = codes_of(d, v + i * step, step, many, out + i);
        i += done;
        if (done < many) return i;
    }
    return n;
}

/* The same for a column's values from i on; *asked: 0 at first. */
APART static uint32_t dict_codes(const struct sm_dict *d, const struct sm_pack_in *in, uint32_t c,
                                 uint32_t i, uint32_t *out, uint32_t *asked) {
    const sm_val *v = in->col[c];
    const uint32_t n = in->nrow;
    if (d->n > DICT_NEAR) return codes_far(d, v, in->step, i, n, out, asked);
    if (in->step == 1) return i + codes_of(d, v + i, 1, n - i, out + i);
    return i + codes_of(d, v + i * in->step, in->step, n - i, out + i);
}

/* ---- encode ---------------------------------------------------------------------------------- */

static void field_numbers(struct sm_pack_field *f, uint64_t least, uint64_t most) {
    f->base = least;
    f->width = sm_bits_of(most - least);
}

/* Least and most of n codes. */
static void codes_span(const uint32_t *code, uint32_t n, uint32_t *ret_least, uint32_t *ret_most) {
    uint32_t least = code[0], most = code[0], i = 0;
#ifdef __SSE2__
    __m128i lo = _mm_set1_epi32((int)least), hi = lo;
    for (; i + 4 <= n; i += 4) { /* codes are below 2^31 */
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(code + i));
        __m128i less = _mm_cmplt_epi32(x, lo), more = _mm_cmpgt_epi32(x, hi);
        lo = _mm_or_si128(_mm_and_si128(less, x), _mm_andnot_si128(less, lo));
        hi = _mm_or_si128(_mm_and_si128(more, x), _mm_andnot_si128(more, hi));
    }
    uint32_t l[4], h[4];
    _mm_storeu_si128((__m128i *)(void *)l, lo);
    _mm_storeu_si128((__m128i *)(void *)h, hi);
    for (uint32_t k = 0; k < 4; k++) {
        least = l[k] < least ? l[k] : least;
        most = h[k] > most ? h[k] : most;
    }
#endif
    for (; i < n; i++) {
        least = code[i] < least ? code[i] : least;
        most = code[i] > most ? code[i] : most;
    }
    *ret_least = least;
    *ret_most = most;
}

/* Codes of a column's values. SM_EOF: some value has none. */
static int field_codes(struct sm_packer *p, const struct sm_pack_in *in, uint32_t c,
                       struct sm_pack_field *f, struct sm_err *err) {
    struct sm_dict *d = &p->dict[c];
    uint32_t *out = p->code + (size_t)c * p->rows, asked = 0, least, most;
    for (uint32_t i = 0; (i = dict_codes(d, in, c, i, out, &asked)) < in->nrow;) {
        int rc = dict_add(p, d, in->col[c][i * in->step], err);
        if (rc != SM_OK) return rc;
    }
    f->coded = 1;
    field_numbers(f, 0, d->n - 1);
    if (d->n <= DICT_ALIKE && in->nrow > 1) return SM_OK;
    codes_span(out, in->nrow, &least, &most);
    field_numbers(f, least, most);
    return SM_OK;
}

/* The same values without codes: 0 stays 0, others are shifted right as far as all of them can be,
 * plus 1. dates: nothing but dates and missing values will do, and a date now or before, else SM_EOF. */
static int field_values(const struct sm_pack_in *in, uint32_t c, struct sm_pack_field *f,
                        struct sm_dict *d, bool dates) {
    const sm_val *v = in->col[c];
    sm_val least = UINT64_MAX, most = 0, some = 0, differ = 0;
    bool has_short = false, has_pooled = false, has_date = false;
    for (uint32_t i = 0; i < in->nrow; i++, v += in->step) {
        if (!*v) continue;
        if (sm_val_is_dtc(*v))
            has_date = true;
        else if (dates)
            return SM_EOF;
        else if (sm_val_is_inline(*v))
            has_short = true;
        else
            has_pooled = true;
        some = some ? some : *v;
        differ |= *v ^ some;
        least = *v < least ? *v : least;
        most = *v > most ? *v : most;
    }
    if (!most) return dates && !d->greatest ? SM_EOF : SM_OK;
    d->has_short |= has_short;
    d->has_pooled |= has_pooled;
    d->has_date |= has_date;
    if (!d->greatest || least < d->least) d->least = least;
    if (most > d->greatest) d->greatest = most;
    f->base = least;
    f->shift = (uint8_t)(differ ? __builtin_ctzll(differ) : 0);
    f->width = sm_bits_of(((most - least) >> f->shift) + 1);
    return SM_OK;
}

static bool is_constant(const sm_val *v, size_t step, uint32_t n) {
    if (v[(n - 1) * step] != *v) return false;
    if (step == 1) return memcmp(v, v + 1, (n - 1) * sizeof *v) == 0;
    for (size_t i = 1; i < n; i++)
        if (v[i * step] != *v) return false;
    return true;
}

static int field_make(struct sm_packer *p, const struct sm_pack_in *in, uint32_t c,
                      struct sm_pack_field *field, struct sm_err *err) {
    struct sm_dict *d = &p->dict[c];
    struct sm_pack_field *f = &field[c];
    const struct sm_pack_in one = {in->col, 0, in->pos, 1};
    int rc = SM_EOF;
    if (!d->closed) {
        const bool constant = is_constant(in->col[c], in->step, in->nrow);
        rc = rec_follow(p, in, c, constant, field, err);
        if (rc != SM_EOF) return rc;
        in = constant ? &one : in;
        if (d->n == 1 && field_values(in, c, f, d, true) == SM_OK) return SM_OK;
        rc = field_codes(p, in, c, f, err);
        if (rc == SM_EOF) d->closed = true;
    }
    return rc == SM_EOF ? field_values(in, c, f, d, false) : rc;
}

static void fields_of_pos(struct sm_pack_field f[2], const sm_pos *pos, uint32_t n) {
    const sm_pos mask = ((sm_pos)1 << SM_POS_COPY_BITS) - 1;
    sm_pos least = pos[0], most = pos[0], least_copy = mask, most_copy = 0;
    for (uint32_t i = 0; i < n; i++) {
        const sm_pos copy = pos[i] & mask;
        least = pos[i] < least ? pos[i] : least;
        most = pos[i] > most ? pos[i] : most;
        least_copy = copy < least_copy ? copy : least_copy;
        most_copy = copy > most_copy ? copy : most_copy;
    }
    field_numbers(&f[0], least >> SM_POS_COPY_BITS, most >> SM_POS_COPY_BITS);
    field_numbers(&f[1], least_copy, most_copy);
}

static uint64_t field_place(struct sm_pack_field *f, uint64_t bit) {
    if (f->width > SM_PACK_BITS_MOST) {
        bit = (bit + 7) & ~UINT64_C(7);
        f->width = 64;
    }
    f->bit = (uint32_t)bit;
    return bit + f->width;
}

/* Codes come first: their widths are the same in most packs, and so are their places then. */
uint32_t rec_place_fields(struct sm_pack_field *f, uint32_t n) {
    uint64_t bit = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (f[i].leader)
            f[i].bit = f[i - f[i].leader].bit;
        else if (f[i].coded) bit = field_place(&f[i], bit);
    }
    for (uint32_t i = 0; i < n; i++)
        if (!f[i].coded) bit = field_place(&f[i], bit);
    return (uint32_t)((bit + 7) / 8);
}

/* ---- records put together: words of TILE rows, word by word ---------------------------------- */

static inline void tile_or(uint64_t *word, const struct sm_pack_field *f, uint32_t i, uint64_t x) {
    uint64_t *at = word + (size_t)(f->bit / 64) * TILE + i;
    const unsigned by = f->bit % 64;
    *at |= x << by;
    if (by + f->width > 64) at[TILE] |= x >> (64 - by);
}

#ifdef __SSE2__
static inline void or_words(uint64_t *at, __m128i x) {
    __m128i *w = (__m128i *)(void *)at;
    _mm_storeu_si128(w, _mm_or_si128(_mm_loadu_si128(w), x));
}

APART static void tile_codes(uint64_t *word, const struct sm_pack_field *f, const uint32_t *code) {
    const unsigned by = f->bit % 64;
    const __m128i base = _mm_set1_epi32((int)f->base), none = _mm_setzero_si128();
    const __m128i left = _mm_cvtsi32_si128((int)by), right = _mm_cvtsi32_si128((int)(64 - by));
    const bool over = by + f->width > 64;
    uint64_t *at = word + (size_t)(f->bit / 64) * TILE;
    for (uint32_t i = 0; i < TILE; i += 4) {
        __m128i x = _mm_sub_epi32(_mm_loadu_si128((const __m128i *)(const void *)(code + i)), base);
        __m128i a = _mm_unpacklo_epi32(x, none), b = _mm_unpackhi_epi32(x, none);
        or_words(at + i, _mm_sll_epi64(a, left));
        or_words(at + i + 2, _mm_sll_epi64(b, left));
        if (!over) continue;
        or_words(at + TILE + i, _mm_srl_epi64(a, right));
        or_words(at + TILE + i + 2, _mm_srl_epi64(b, right));
    }
}
#else
APART static void tile_codes(uint64_t *word, const struct sm_pack_field *f, const uint32_t *code) {
    for (uint32_t i = 0; i < TILE; i++)
        tile_or(word, f, i, code[i] - (uint32_t)f->base);
}
#endif

static void tile_values(uint64_t *word, const struct sm_pack_field *f, const sm_val *v, size_t step,
                        uint32_t n) {
    for (uint32_t i = 0; i < n; i++, v += step)
        tile_or(word, f, i, *v ? ((*v - f->base) >> f->shift) + 1 : 0);
}

static void tile_pos(uint64_t *word, const struct sm_pack_field f[2], const sm_pos *pos,
                     uint32_t n) {
    for (uint32_t i = 0; i < n && f[0].width; i++)
        tile_or(word, &f[0], i, (pos[i] >> SM_POS_COPY_BITS) - f[0].base);
    for (uint32_t i = 0; i < n && f[1].width; i++)
        tile_or(word, &f[1], i, (pos[i] & (((sm_pos)1 << SM_POS_COPY_BITS) - 1)) - f[1].base);
}

/* n rows; what of the last word reaches into the next record is written over by that. */
static void tile_store(const uint64_t *word, uint8_t *at, uint32_t stride, uint32_t n) {
    const uint32_t words = (stride + 7) / 8;
    for (uint32_t i = 0; i < n; i++, at += stride)
        for (uint32_t w = 0; w < words; w++)
            rec_store(at + (size_t)w * 8, word[(size_t)w * TILE + i]);
}

APART static void records_write(const struct sm_packer *p, const struct sm_pack_in *in,
                                struct sm_pack *k) {
    uint8_t *at = (uint8_t *)(k->field + k->ncol + 2);
    const size_t words = (k->stride + 7) / 8;
    for (uint32_t from = 0; from < k->nrow; from += TILE, at += (size_t)k->stride * TILE) {
        const uint32_t n = k->nrow - from < TILE ? k->nrow - from : TILE;
        memset(p->word, 0, words * TILE * sizeof *p->word);
        for (uint32_t c = 0; c < k->ncol; c++) {
            const struct sm_pack_field *f = &k->field[c];
            if (!f->width || f->leader) continue;
            if (f->coded)
                tile_codes(p->word, f, p->code + (size_t)c * p->rows + from);
            else
                tile_values(p->word, f, in->col[c] + from * in->step, in->step, n);
        }
        tile_pos(p->word, k->field + k->ncol, in->pos + from, n);
        tile_store(p->word, at, k->stride, n);
    }
}

int sm_packer_encode(struct sm_packer *p, const struct sm_pack_in *in, struct sm_pack **ret,
                     struct sm_err *err) {
    const uint32_t nfield = p->ncol + 2;
    struct sm_pack_field *f = p->field;
    memset(f, 0, nfield * sizeof *f);
    for (uint32_t c = 0; c < p->ncol; c++) {
        int rc = field_make(p, in, c, f, err);
        if (rc != SM_OK) return rc;
    }
    fields_of_pos(f + p->ncol, in->pos, in->nrow);
    const uint32_t stride = rec_place_fields(f, nfield);
    const size_t bytes = sm_pack_head(p->ncol) + (size_t)stride * in->nrow + 8;
    struct sm_pack *k = sm_alloc_dense(SM_DENSE_RECORDS, bytes);
    if (!k) return sm_fail(err, SM_ENOMEM, "out of memory (%zu bytes wanted)", bytes);
    *k = (struct sm_pack){
        .nrow = in->nrow, .ncol = p->ncol, .stride = stride, .maker = p->id, .bytes = bytes};
    memcpy(k->field, f, nfield * sizeof *f);
    memset((uint8_t *)k + bytes - 8, 0, 8);
    records_write(p, in, k);
    *ret = k;
    return SM_OK;
}
