/* SPDX-License-Identifier: MIT */
#include <float.h>
#include <math.h>

#include "sdtmill/num.h"

/* A text cut into its parts by the grammar of num.h. */
struct num_parts {
    bool neg;
    struct sm_str whole, frac;
    int64_t exp;
};

enum { NUM_EXP_MOST = 1000000000 };

static size_t num_digits(struct sm_str s, size_t at) {
    size_t n = at;
    while (n < s.n && sm_is_digit(s.p[n])) n++;
    return n - at;
}

/* [eE][+-]digits from `at` to the end; a huge exponent is cut to one that is as good. */
static bool num_exponent(struct sm_str s, size_t at, int64_t *ret) {
    bool neg = false;
    at++;
    if (at < s.n && (s.p[at] == '+' || s.p[at] == '-')) neg = s.p[at++] == '-';
    if (at == s.n || num_digits(s, at) != s.n - at) return false;
    int64_t e = 0;
    for (; at < s.n; at++)
        if (e < NUM_EXP_MOST) e = e * 10 + (s.p[at] - '0');
    *ret = neg ? -e : e;
    return true;
}

static bool num_scan(struct sm_str s, bool allow_exp, struct num_parts *ret) {
    size_t at = 0;
    *ret = (struct num_parts){0};
    if (s.n && (s.p[0] == '+' || s.p[0] == '-')) ret->neg = s.p[at++] == '-';
    size_t n = num_digits(s, at);
    ret->whole = sm_str_n(s.p + at, n);
    at += n;
    if (at < s.n && s.p[at] == '.') {
        size_t nf = num_digits(s, at + 1);
        if (nf == 0) return false;
        ret->frac = sm_str_n(s.p + at + 1, nf);
        at += nf + 1;
    }
    if (ret->whole.n == 0 && ret->frac.n == 0) return false;
    if (at == s.n) return true;
    if (!allow_exp || (s.p[at] != 'e' && s.p[at] != 'E')) return false;
    return num_exponent(s, at, &ret->exp);
}

/* 767 digits decide between any two neighbouring doubles; a 1 stands for what is cut behind. */
enum { NUM_SIG_MOST = 800 };
struct num_sig {
    char digit[NUM_SIG_MOST + 32];
    size_t n;
    int64_t exp;  /* value = digits x 10^exp */
    bool cut;
};

static void num_sig_add(struct num_sig *sig, struct sm_str s, bool frac) {
    for (size_t i = 0; i < s.n; i++) {
        bool keep = sig->n < NUM_SIG_MOST;
        if (keep && (sig->n || s.p[i] != '0')) sig->digit[sig->n++] = s.p[i];
        else if (!keep && s.p[i] != '0') sig->cut = true;
        sig->exp += (int)!keep - (int)frac;
    }
}

/* Both powers and mantissas below 2^53 are exact, so one operation rounds once. */
static bool num_fast(const struct num_parts *t, double *ret) {
    static const double ten[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                 1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (t->whole.n + t->frac.n > 15) return false;
    int64_t e = t->exp - (int64_t)t->frac.n;
    if (e < -22 || e > 22) return false;
    int64_t m = 0;
    for (size_t i = 0; i < t->whole.n; i++) m = m * 10 + (t->whole.p[i] - '0');
    for (size_t i = 0; i < t->frac.n; i++) m = m * 10 + (t->frac.p[i] - '0');
    double v = e < 0 ? (double)m / ten[-e] : (double)m * ten[e];
    *ret = t->neg ? -v : v;
    return true;
}

static bool num_slow(const struct num_parts *t, double *ret) {
    struct num_sig sig = {.n = 0, .exp = t->exp};
    num_sig_add(&sig, t->whole, false);
    num_sig_add(&sig, t->frac, true);
    if (sig.n == 0) {
        *ret = t->neg ? -0.0 : 0.0;
        return true;
    }
    if (sig.cut) {
        sig.digit[sig.n++] = '1';
        sig.exp--;
    }
    int64_t e = sig.exp < -99999 ? -99999 : sig.exp > 99999 ? 99999 : sig.exp;
    snprintf(sig.digit + sig.n, sizeof sig.digit - sig.n, "e%d", (int)e);
    double v = strtod(sig.digit, NULL);
    if (!isfinite(v)) return false;
    *ret = t->neg ? -v : v;
    return true;
}

bool sm_num_parse(struct sm_str s, bool allow_exp, double *ret) {
    struct num_parts t;
    double v;
    if (!num_scan(s, allow_exp, &t)) return false;
    if (!num_fast(&t, &v) && !num_slow(&t, &v)) return false;
    if (ret) *ret = v;
    return true;
}

size_t sm_num_format_u64(uint64_t v, char *out) {
    char tmp[20];
    size_t n = 0;
    do {
        tmp[n++] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    for (size_t i = 0; i < n; i++) out[i] = tmp[n - 1 - i];
    return n;
}

size_t sm_num_format_i64(int64_t v, char *out) {
    if (v >= 0) return sm_num_format_u64((uint64_t)v, out);
    out[0] = '-';
    return 1 + sm_num_format_u64(0 - (uint64_t)v, out + 1);
}

/* Shortest digits d1d2.. that read back to v > 0, v = d1.d2.. x 10^*ret_exp; digits needs 20. */
static size_t num_shortest(double v, char *digits, int *ret_exp) {
    char text[40];
    for (int prec = v < DBL_MIN ? 0 : 14; prec < 17; prec++) {
        snprintf(text, sizeof text, "%.*e", prec, v);
        if (!(strtod(text, NULL) < v) && !(strtod(text, NULL) > v)) break;
    }
    size_t n = 0;
    const char *p = text;
    for (; *p && *p != 'e'; p++)
        if (*p != '.') digits[n++] = *p;
    while (n > 1 && digits[n - 1] == '0') n--;
    bool neg = p[1] == '-';
    int e = 0;
    for (p += 2; sm_is_digit(*p); p++) e = e * 10 + (*p - '0');
    *ret_exp = neg ? -e : e;
    return n;
}

static size_t num_zeros(char *out, int n) {
    if (n <= 0) return 0;
    memset(out, '0', (size_t)n);
    return (size_t)n;
}

static size_t num_layout_plain(const char *digits, size_t n, int e, char *out) {
    size_t at = 0;
    if (e < 0) {
        out[at++] = '0';
        out[at++] = '.';
        at += num_zeros(out + at, -e - 1);
        memcpy(out + at, digits, n);
        return at + n;
    }
    size_t whole = (size_t)e + 1 < n ? (size_t)e + 1 : n;
    memcpy(out, digits, whole);
    at = whole + num_zeros(out + whole, e + 1 - (int)n);
    if (whole == n) return at;
    out[at++] = '.';
    memcpy(out + at, digits + whole, n - whole);
    return at + n - whole;
}

static size_t num_layout_exp(const char *digits, size_t n, int e, char *out) {
    size_t at = 0;
    out[at++] = digits[0];
    if (n > 1) {
        out[at++] = '.';
        memcpy(out + at, digits + 1, n - 1);
        at += n - 1;
    }
    out[at++] = 'e';
    return at + sm_num_format_i64(e, out + at);
}

enum { NUM_PLAIN_FROM = -7, NUM_PLAIN_TO = 20 };  /* exponents that are written out */

static size_t num_format(double v, bool plain, char *out) {
    if (!isfinite(v)) return 0;
    if (v > -1e15 && v < 1e15) {
        int64_t i = (int64_t)v;
        double back = (double)i;
        if (!(back < v) && !(back > v)) return sm_num_format_i64(i, out);
    }
    char digits[20];
    int e = 0;
    size_t at = 0;
    if (v < 0) {
        out[at++] = '-';
        v = -v;
    }
    size_t n = num_shortest(v, digits, &e);
    if (plain || (e >= NUM_PLAIN_FROM && e <= NUM_PLAIN_TO))
        return at + num_layout_plain(digits, n, e, out + at);
    return at + num_layout_exp(digits, n, e, out + at);
}

size_t sm_num_format(double v, char *out) { return num_format(v, false, out); }

size_t sm_num_format_plain(double v, char *out) { return num_format(v, true, out); }
