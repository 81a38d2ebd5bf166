/* SPDX-License-Identifier: MIT */
#include <gmp.h>

#include "sdtmill/num.h"

#include "sdtmill/mem.h"

__extension__ typedef __int128 dec_int;
__extension__ typedef unsigned __int128 dec_uint;

enum {
    DEC_DIGITS_MOST = 200,   /* of a number that is computed with, and places of a result */
    DEC_EXACT_MOST = 100,    /* places of an exact result */
    DEC_DIV_PLACES = 20,
    DEC_SMALL = 18,          /* digits that always fit in an int64_t */
    DEC_EXACT_TRY = 12       /* places the fast path tries for an exact result */
};

/* A decimal text without its redundant zeros: value = whole.frac, both may be empty. */
struct dec_text {
    bool neg;
    struct sm_str whole, frac;
};

static bool dec_scan(struct sm_str s, struct dec_text *ret) {
    size_t at = 0, n = 0;
    *ret = (struct dec_text){.whole = SM_STR(""), .frac = SM_STR("")};
    if (s.n && (s.p[0] == '+' || s.p[0] == '-')) ret->neg = s.p[at++] == '-';
    while (at + n < s.n && sm_is_digit(s.p[at + n])) n++;
    ret->whole = sm_str_n(s.p + at, n);
    size_t nf = 0;
    if (at + n < s.n) {
        if (s.p[at + n] != '.') return false;
        nf = s.n - at - n - 1;
        ret->frac = sm_str_n(s.p + at + n + 1, nf);
        for (size_t i = 0; i < nf; i++)
            if (!sm_is_digit(ret->frac.p[i])) return false;
        if (nf == 0) return false;
    }
    if (n + nf == 0) return false;
    while (ret->whole.n && ret->whole.p[0] == '0') ret->whole.p++, ret->whole.n--;
    while (ret->frac.n && ret->frac.p[ret->frac.n - 1] == '0') ret->frac.n--;
    return true;
}

static size_t dec_len(const struct dec_text *t) { return t->whole.n + t->frac.n; }

/* ---- writing --------------------------------------------------------------------------------- */

struct dec_out {
    char *p;
    size_t cap, *ret_n;
};

/* digits x 10^-scale as canonical text; scale may be negative. */
static bool dec_emit(bool neg, const char *digits, size_t n, int scale, const struct dec_out *out) {
    while (n && scale > 0 && digits[n - 1] == '0') n--, scale--;
    while (n && digits[0] == '0') digits++, n--;
    if (n == 0) {
        if (out->cap < 1) return false;
        out->p[0] = '0';
        *out->ret_n = 1;
        return true;
    }
    size_t frac = scale > 0 ? (size_t)scale : 0, after = scale < 0 ? (size_t)-(int64_t)scale : 0;
    size_t whole = n > frac ? n - frac : 0, lead = frac > n ? frac - n : 0;
    size_t total = (size_t)neg + (whole ? whole + after : 1) + (frac ? 1 + frac : 0);
    if (total > out->cap) return false;
    char *p = out->p;
    if (neg) *p++ = '-';
    if (whole) memcpy(p, digits, whole);
    else *p = '0';
    p += whole ? whole : 1;
    memset(p, '0', after);
    p += after;
    if (frac) {
        *p++ = '.';
        memset(p, '0', lead);
        memcpy(p + lead, digits + whole, n - whole);
    }
    *out->ret_n = total;
    return true;
}

static bool dec_emit_int(dec_int v, int scale, const struct dec_out *out) {
    char digits[40];
    dec_uint u = v < 0 ? -(dec_uint)v : (dec_uint)v;
    size_t at = sizeof digits;
    while (u > UINT64_MAX) {
        digits[--at] = (char)('0' + (int)(u % 10));
        u /= 10;
    }
    for (uint64_t w = (uint64_t)u; w; w /= 10) digits[--at] = (char)('0' + w % 10);
    return dec_emit(v < 0, digits + at, sizeof digits - at, scale, out);
}

/* ---- fast path: 128-bit integers, given up as soon as anything might not fit ----------------- */

static int dec_bits(dec_int v) {
    dec_uint u = v < 0 ? -(dec_uint)v : (dec_uint)v;
    uint64_t hi = (uint64_t)(u >> 64), lo = (uint64_t)u;
    if (hi) return 128 - __builtin_clzll(hi);
    return lo ? 64 - __builtin_clzll(lo) : 0;
}

static bool dec_mul(dec_int *v, dec_int by) {
    if (dec_bits(*v) + dec_bits(by) > 125) return false;
    *v *= by;
    return true;
}

static bool dec_add(dec_int *v, dec_int w) {
    if (dec_bits(*v) > 124 || dec_bits(w) > 124) return false;
    *v += w;
    return true;
}

static bool dec_scale_up(dec_int *v, int places) {
    static const int64_t ten[] = {1,
                                  10,
                                  100,
                                  1000,
                                  10000,
                                  100000,
                                  1000000,
                                  10000000,
                                  100000000,
                                  1000000000,
                                  10000000000,
                                  100000000000,
                                  1000000000000,
                                  10000000000000,
                                  100000000000000,
                                  1000000000000000,
                                  10000000000000000,
                                  100000000000000000,
                                  1000000000000000000};
    while (places > 0) {
        int step = places < DEC_SMALL ? places : DEC_SMALL;
        if (!dec_mul(v, ten[step])) return false;
        places -= step;
    }
    return true;
}

/* coefficient x 10^-scale, if it is small. */
struct dec_small {
    dec_int coef;
    int scale;
};

static bool dec_small(const struct dec_text *t, struct dec_small *ret) {
    if (dec_len(t) > DEC_SMALL) return false;
    int64_t v = 0;
    for (size_t i = 0; i < t->whole.n; i++) v = v * 10 + (t->whole.p[i] - '0');
    for (size_t i = 0; i < t->frac.n; i++) v = v * 10 + (t->frac.p[i] - '0');
    ret->coef = t->neg ? -v : v;
    ret->scale = (int)t->frac.n;
    return true;
}

/* num / den (den > 0) rounded to an integer. */
static dec_int dec_quotient(dec_int num, dec_int den, enum sm_round how) {
    dec_int q = num / den, r = num % den;
    if (r < 0) r = -r;
    bool up = how != SM_ROUND_DOWN &&
              (r * 2 > den || (r * 2 == den && (how == SM_ROUND_HALF_UP || q % 2 != 0)));
    return up ? (num < 0 ? q - 1 : q + 1) : q;
}

/* ---- exact rationals ------------------------------------------------------------------------- */

struct sm_dec {
    mpq_t q;
    bool small;     /* the same number as num/den */
    int64_t num, den;
};

static void dec_mpz_ten(mpz_t z, unsigned long places) { mpz_ui_pow_ui(z, 10, places); }

/* Sets z to the coefficient of t; its scale is t->frac.n. The caller has checked the length. */
static void dec_mpz(mpz_t z, const struct dec_text *t) {
    char digits[DEC_DIGITS_MOST + 2];
    size_t n = dec_len(t);
    digits[0] = '0';
    if (t->whole.n) memcpy(digits + 1, t->whole.p, t->whole.n);
    if (t->frac.n) memcpy(digits + 1 + t->whole.n, t->frac.p, t->frac.n);
    digits[n + 1] = '\0';
    mpz_set_str(z, digits, 10);
    if (t->neg) mpz_neg(z, z);
}

static void dec_mpq(mpq_t q, const struct dec_text *t) {
    dec_mpz(mpq_numref(q), t);
    dec_mpz_ten(mpq_denref(q), t->frac.n);
    mpq_canonicalize(q);
}

static bool dec_scan_short(struct sm_str s, struct dec_text *ret) {
    return dec_scan(s, ret) && dec_len(ret) <= DEC_DIGITS_MOST;
}

/* den stays as it is when there is no slash. */
static bool dec_scan_fraction(struct sm_str s, struct dec_text *num, struct dec_text *den,
                              bool *ret_slash) {
    size_t slash = sm_str_find_byte(s, '/', 0);
    *ret_slash = slash != SIZE_MAX;
    if (!*ret_slash) return dec_scan_short(s, num);
    return dec_scan_short(sm_str_n(s.p, slash), num) &&
           dec_scan_short(sm_str_n(s.p + slash + 1, s.n - slash - 1), den) && dec_len(den) > 0;
}

bool sm_dec_is(struct sm_str s) {
    struct dec_text num, den;
    bool slash;
    return dec_scan_fraction(s, &num, &den, &slash);
}

struct sm_dec *sm_dec_parse(struct sm_str s) {
    struct dec_text num, den = {0};
    bool slash;
    if (!dec_scan_fraction(s, &num, &den, &slash)) return NULL;
    struct sm_dec *d = sm_alloc(1, sizeof *d);
    if (d == NULL) return NULL;
    mpq_init(d->q);
    dec_mpq(d->q, &num);
    if (slash) {
        mpq_t by;
        mpq_init(by);
        dec_mpq(by, &den);
        mpq_div(d->q, d->q, by);
        mpq_clear(by);
    }
    d->small = mpz_fits_slong_p(mpq_numref(d->q)) && mpz_fits_slong_p(mpq_denref(d->q));
    if (d->small) {
        d->num = mpz_get_si(mpq_numref(d->q));
        d->den = mpz_get_si(mpq_denref(d->q));
    }
    return d;
}

void sm_dec_free(struct sm_dec *d) {
    if (d == NULL) return;
    mpq_clear(d->q);
    sm_free(d);
}

static bool dec_emit_mpz(const mpz_t z, int scale, const struct dec_out *out) {
    char digits[4096];
    if (mpz_sizeinbase(z, 10) + 2 > sizeof digits) return false;
    mpz_get_str(digits, 10, z);
    const char *p = digits[0] == '-' ? digits + 1 : digits;
    return dec_emit(mpz_sgn(z) < 0, p, strlen(p), scale, out);
}

/* Rounds num/den (den > 0) to an integer in num. */
static void dec_mpz_quotient(mpz_t num, const mpz_t den, enum sm_round how) {
    mpz_t r;
    mpz_init(r);
    int sign = mpz_sgn(num);
    mpz_tdiv_qr(num, r, num, den);
    mpz_mul_2exp(r, r, 1);
    int c = mpz_cmpabs(r, den);
    bool tie_up = c == 0 && (how == SM_ROUND_HALF_UP || mpz_odd_p(num));
    if (how != SM_ROUND_DOWN && (c > 0 || tie_up)) {
        if (sign < 0) mpz_sub_ui(num, num, 1);
        else mpz_add_ui(num, num, 1);
    }
    mpz_clear(r);
}

/* Places q needs for all its digits; -1 if none are enough. */
static int dec_places(const mpq_t q) {
    mpz_t rest, five;
    mpz_init_set(rest, mpq_denref(q));
    mpz_init_set_ui(five, 5);
    unsigned long twos = mpz_scan1(rest, 0);
    mpz_tdiv_q_2exp(rest, rest, twos);
    unsigned long fives = mpz_remove(rest, rest, five);
    unsigned long most = twos > fives ? twos : fives;
    bool finite = mpz_cmp_ui(rest, 1) == 0 && most <= DEC_EXACT_MOST;
    mpz_clear(rest);
    mpz_clear(five);
    return finite ? (int)most : -1;
}

static bool dec_emit_mpq(mpq_t q, int digits, enum sm_round how, const struct dec_out *out) {
    mpq_canonicalize(q);
    if (digits < 0) digits = dec_places(q);
    if (digits < 0) return false;
    mpz_t z;
    mpz_init(z);
    dec_mpz_ten(z, (unsigned long)digits);
    mpz_mul(mpq_numref(q), mpq_numref(q), z);
    mpz_clear(z);
    dec_mpz_quotient(mpq_numref(q), mpq_denref(q), how);
    return dec_emit_mpz(mpq_numref(q), digits, out);
}

/* The numerator and denominator of (x + offset) x factor; false if they are not small. */
static bool dec_convert_small(const struct dec_text *t, const struct sm_dec *offset,
                              const struct sm_dec *factor, dec_int *ret_num, dec_int *ret_den) {
    struct dec_small x;
    if ((offset && !offset->small) || (factor && !factor->small) || !dec_small(t, &x)) return false;
    dec_int num = x.coef, den = 1;
    if (!dec_scale_up(&den, x.scale)) return false;
    if (offset) {
        dec_int off = offset->num;
        if (!dec_mul(&off, den) || !dec_mul(&num, offset->den) || !dec_add(&num, off)) return false;
        if (!dec_mul(&den, offset->den)) return false;
    }
    if (factor && (!dec_mul(&num, factor->num) || !dec_mul(&den, factor->den))) return false;
    *ret_num = num;
    *ret_den = den;
    return true;
}

/* 1: written, 0: does not fit in out, -1: take the slow path. */
static int dec_convert_fast(const struct dec_text *t, const struct sm_dec *offset,
                            const struct sm_dec *factor, int digits, enum sm_round how,
                            const struct dec_out *out) {
    dec_int num, den;
    if (!dec_convert_small(t, offset, factor, &num, &den) || den <= 0) return -1;
    int places = digits < 0 ? DEC_EXACT_TRY : digits;
    if (!dec_scale_up(&num, places)) return -1;
    if (digits < 0 && num % den != 0) return -1;
    return dec_emit_int(dec_quotient(num, den, how), places, out);
}

bool sm_dec_convert(struct sm_str x, const struct sm_dec *offset, const struct sm_dec *factor,
                    int digits, enum sm_round how, char *out, size_t cap, size_t *ret_n) {
    struct dec_text t;
    struct dec_out o = {out, cap, ret_n};
    if (digits > DEC_DIGITS_MOST || !dec_scan_short(x, &t)) return false;
    int fast = dec_convert_fast(&t, offset, factor, digits, how, &o);
    if (fast >= 0) return fast == 1;
    mpq_t q;
    mpq_init(q);
    dec_mpq(q, &t);
    if (offset) mpq_add(q, q, offset->q);
    if (factor) mpq_mul(q, q, factor->q);
    bool ok = dec_emit_mpq(q, digits, how, &o);
    mpq_clear(q);
    return ok;
}

/* ---- arithmetic ------------------------------------------------------------------------------ */

/* As dec_convert_fast; b is not zero for / and %. */
static int dec_arith_fast(char op, struct dec_small a, struct dec_small b,
                          const struct dec_out *out) {
    int scale = a.scale > b.scale ? a.scale : b.scale;
    if (op == '*') {
        if (!dec_mul(&a.coef, b.coef)) return -1;
        return dec_emit_int(a.coef, a.scale + b.scale, out);
    }
    if (!dec_scale_up(&a.coef, scale - a.scale) || !dec_scale_up(&b.coef, scale - b.scale))
        return -1;
    if (op == '%') return dec_emit_int(a.coef % b.coef, scale, out);
    if (op == '/') {
        if (!dec_scale_up(&a.coef, DEC_DIV_PLACES)) return -1;
        if (b.coef < 0) a.coef = -a.coef, b.coef = -b.coef;
        return dec_emit_int(dec_quotient(a.coef, b.coef, SM_ROUND_HALF_EVEN), DEC_DIV_PLACES, out);
    }
    if (op == '-') b.coef = -b.coef;
    if (!dec_add(&a.coef, b.coef)) return -1;
    return dec_emit_int(a.coef, scale, out);
}

/* a mod b with the sign of a. */
static void dec_mpq_mod(mpq_t a, const mpq_t b) {
    mpq_t times;
    mpq_init(times);
    mpq_div(times, a, b);
    mpz_tdiv_q(mpq_numref(times), mpq_numref(times), mpq_denref(times));
    mpz_set_ui(mpq_denref(times), 1);
    mpq_mul(times, times, b);
    mpq_sub(a, a, times);
    mpq_clear(times);
}

static bool dec_arith_slow(char op, const struct dec_text *a, const struct dec_text *b,
                           const struct dec_out *out) {
    mpq_t x, y;
    mpq_init(x);
    mpq_init(y);
    dec_mpq(x, a);
    dec_mpq(y, b);
    if (op == '+') mpq_add(x, x, y);
    else if (op == '-') mpq_sub(x, x, y);
    else if (op == '*') mpq_mul(x, x, y);
    else if (op == '/') mpq_div(x, x, y);
    else dec_mpq_mod(x, y);
    int digits = op == '/' ? DEC_DIV_PLACES : (int)(a->frac.n + b->frac.n);
    bool ok = dec_emit_mpq(x, digits, SM_ROUND_HALF_EVEN, out);
    mpq_clear(x);
    mpq_clear(y);
    return ok;
}

bool sm_dec_arith(char op, struct sm_str a, struct sm_str b, char *out, size_t cap, size_t *ret_n) {
    struct dec_text x, y;
    struct dec_small sx, sy;
    struct dec_out o = {out, cap, ret_n};
    if (op != '+' && op != '-' && op != '*' && op != '/' && op != '%') return false;
    if (!dec_scan_short(a, &x) || !dec_scan_short(b, &y)) return false;
    if ((op == '/' || op == '%') && dec_len(&y) == 0) return false;
    int fast = dec_small(&x, &sx) && dec_small(&y, &sy) ? dec_arith_fast(op, sx, sy, &o) : -1;
    return fast >= 0 ? fast == 1 : dec_arith_slow(op, &x, &y, &o);
}

/* ---- on the digits alone --------------------------------------------------------------------- */

/* Is the value cut off behind the first `keep` digits enough to raise the last one kept? */
static bool dec_round_up(const char *digits, size_t n, size_t keep, enum sm_round how) {
    if (how == SM_ROUND_DOWN || keep >= n || digits[keep] < '5') return false;
    if (how == SM_ROUND_HALF_UP || digits[keep] > '5') return true;
    for (size_t i = keep + 1; i < n; i++)
        if (digits[i] != '0') return true;
    return keep > 0 && (digits[keep - 1] - '0') % 2 != 0;
}

bool sm_dec_round(struct sm_str a, int digits, enum sm_round how, char *out, size_t cap,
                  size_t *ret_n) {
    struct dec_text t;
    char d[DEC_DIGITS_MOST + 1] = {'0'}; /* d[0] takes a carry */
    struct dec_out o = {out, cap, ret_n};
    if (!dec_scan_short(a, &t)) return false;
    size_t n = t.whole.n + t.frac.n;
    if (t.whole.n) memcpy(d + 1, t.whole.p, t.whole.n);
    if (t.frac.n) memcpy(d + 1 + t.whole.n, t.frac.p, t.frac.n);
    int64_t keep = (int64_t)t.whole.n + digits;
    if (keep >= (int64_t)n) return dec_emit(t.neg, d + 1, n, (int)t.frac.n, &o);
    if (keep < 0) return dec_emit(false, d, 0, 0, &o);
    size_t last = (size_t)keep;
    if (dec_round_up(d + 1, n, last, how)) {
        size_t i = last;
        for (; d[i] == '9'; i--) d[i] = '0';
        d[i]++;
    }
    return dec_emit(t.neg, d, last + 1, digits, &o);
}

static int dec_cmp_size(const struct dec_text *a, const struct dec_text *b) {
    if (a->whole.n != b->whole.n) return a->whole.n < b->whole.n ? -1 : 1;
    int c = a->whole.n ? memcmp(a->whole.p, b->whole.p, a->whole.n) : 0;
    if (c) return c < 0 ? -1 : 1;
    size_t n = a->frac.n < b->frac.n ? a->frac.n : b->frac.n;
    c = n ? memcmp(a->frac.p, b->frac.p, n) : 0;
    if (c) return c < 0 ? -1 : 1;
    return (a->frac.n > b->frac.n) - (a->frac.n < b->frac.n);
}

bool sm_dec_cmp(struct sm_str a, struct sm_str b, int *ret) {
    struct dec_text x, y;
    if (!dec_scan(a, &x) || !dec_scan(b, &y)) return false;
    bool x_neg = x.neg && dec_len(&x), y_neg = y.neg && dec_len(&y);
    if (x_neg != y_neg) *ret = x_neg ? -1 : 1;
    else *ret = x_neg ? dec_cmp_size(&y, &x) : dec_cmp_size(&x, &y);
    return true;
}

bool sm_dec_canonical(struct sm_str a, char *out, size_t cap, size_t *ret_n) {
    struct dec_text t;
    if (!dec_scan(a, &t)) return false;
    bool neg = t.neg && dec_len(&t);
    size_t total = (size_t)neg + (t.whole.n ? t.whole.n : 1) + (t.frac.n ? 1 + t.frac.n : 0);
    if (total > cap) return false;
    char *p = out;
    if (neg) *p++ = '-';
    if (t.whole.n) memcpy(p, t.whole.p, t.whole.n);
    else *p = '0';
    p += t.whole.n ? t.whole.n : 1;
    if (t.frac.n) {
        *p = '.';
        memcpy(p + 1, t.frac.p, t.frac.n);
    }
    *ret_n = total;
    return true;
}
