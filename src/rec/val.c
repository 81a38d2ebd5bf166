/* SPDX-License-Identifier: MIT */
#include "sdtmill/val.h"

#include "rec_priv.h"

#include "sdtmill/hash.h"
#include "sdtmill/num.h"

sm_val sm_val_make(struct sm_intern *in, struct sm_str s) {
    if (s.n == 0 || !s.p) return SM_MISSING;
    if (s.n <= 7) return sm_val_make_short(s.p, s.n);
    return pool_make(in, s);
}

static size_t short_text(sm_val v, char out[8]) {
    uint64_t bytes = v << 8;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    bytes = __builtin_bswap64(bytes);
#endif
    memcpy(out, &bytes, 8);
    return sm_val_inline_length(v);
}

struct sm_str sm_val_text(const struct sm_texts *t, sm_val v, struct sm_valbuf *buf) {
    if (sm_val_is_inline(v)) return (struct sm_str){buf->c, short_text(v, buf->c)};
    if (sm_val_is_pooled(v)) {
        const struct pool_text *x = pool_get(pool_dir(t), (uint32_t)v);
        return (struct sm_str){x->text, x->n};
    }
    if (sm_val_is_dtc(v))
        return (struct sm_str){buf->c, sm_dtc_format_packed(sm_val_packed(v), buf->c)};
    buf->c[0] = '\0';
    return (struct sm_str){buf->c, 0};
}

/* A number of at most seven characters: digits from the last one on, as the inline value has them. */
static sm_val short_number(int32_t n) {
    uint64_t text = 0;
    uint32_t rest = n < 0 ? 0u - (uint32_t)n : (uint32_t)n;
    do {
        text = text >> 8 | (uint64_t)('0' + rest % 10) << 48;
        rest /= 10;
    } while (rest);
    if (n < 0) text = text >> 8 | (uint64_t)'-' << 48;
    return text | (uint64_t)1 << 56;
}

sm_val sm_val_from_i64(struct sm_intern *in, int64_t n) {
    char text[24];
    if (n > -1000000 && n < 10000000) return short_number((int32_t)n);
    return sm_val_make(in, sm_str_n(text, sm_num_format_i64(n, text)));
}

sm_val sm_val_from_dtc(struct sm_intern *in, const struct sm_dtc *d) {
    char text[SM_DTC_TEXT_MAX];
    uint64_t packed;
    if (sm_dtc_pack(d, &packed)) return packed ? sm_val_of_packed(packed) : SM_MISSING;
    return sm_val_make(in, sm_str_n(text, sm_dtc_format(d, text)));
}

bool sm_val_to_dtc(const struct sm_texts *t, sm_val v, struct sm_dtc *ret) {
    struct sm_valbuf buf;
    if (v == SM_MISSING) return false;
    if (sm_val_is_dtc(v)) {
        *ret = sm_dtc_unpack(sm_val_packed(v));
        return true;
    }
    return sm_dtc_parse(sm_val_text(t, v, &buf), ret);
}

sm_val sm_val_as_dtc(const struct sm_texts *t, sm_val v) {
    struct sm_valbuf buf;
    if (v == SM_MISSING || sm_val_is_dtc(v)) return v;
    struct sm_str s = sm_val_text(t, v, &buf);
    if (s.n >= SM_DTC_TEXT_MAX || (!sm_is_digit(s.p[0]) && s.p[0] != '-')) return v;
    struct sm_dtc d;
    uint64_t packed;
    if (!sm_dtc_parse(s, &d) || !sm_dtc_pack(&d, &packed) || packed == 0) return v;
    char text[SM_DTC_TEXT_MAX];
    size_t n = sm_dtc_format_packed(packed, text);
    return n == s.n && memcmp(text, s.p, n) == 0 ? sm_val_of_packed(packed) : v;
}

bool sm_val_to_num(const struct sm_texts *t, sm_val v, double *ret) {
    struct sm_valbuf buf;
    return v != SM_MISSING && sm_num_parse(sm_val_text(t, v, &buf), false, ret);
}

bool sm_val_eq(const struct sm_texts *t, sm_val a, sm_val b) {
    if (a == b) return true;
    if (sm_val_is_dtc(a) == sm_val_is_dtc(b)) return false;
    struct sm_valbuf x, y;
    return sm_str_eq(sm_val_text(t, a, &x), sm_val_text(t, b, &y));
}

int sm_val_cmp(const struct sm_texts *t, sm_val a, sm_val b) {
    if (a == b) return 0;
    if (a == SM_MISSING) return -1;
    if (b == SM_MISSING) return 1;
    if ((sm_val_is_inline(a) && sm_val_is_inline(b)) || (sm_val_is_dtc(a) && sm_val_is_dtc(b)))
        return a < b ? -1 : 1;
    struct sm_valbuf x, y;
    int c = sm_str_cmp(sm_val_text(t, a, &x), sm_val_text(t, b, &y));
    return (c > 0) - (c < 0);
}

static uint64_t mix(uint64_t h) {
    h ^= h >> 32;
    h *= UINT64_C(0x9E3779B97F4A7C15);
    h ^= h >> 29;
    h *= UINT64_C(0xBF58476D1CE4E5B9);
    return h ^ h >> 32;
}

void sm_val_ask(const struct sm_texts *t, sm_val v) {
    if (sm_val_is_pooled(v)) __builtin_prefetch(pool_get(pool_dir(t), (uint32_t)v));
}

uint64_t sm_val_hash(const struct sm_texts *t, sm_val v) {
    if (sm_val_is_pooled(v)) return mix(pool_get(pool_dir(t), (uint32_t)v)->hash);
    if (!sm_val_is_dtc(v)) return mix(v);
    char text[SM_DTC_TEXT_MAX];
    size_t n = sm_dtc_format_packed(sm_val_packed(v), text);
    if (n <= 7) return mix(n ? sm_val_make_short(text, n) : SM_MISSING);
    return mix((uint32_t)sm_hash(text, n));
}
