/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* memmem: linear time, unlike a loop over memcmp */
#include "sdtmill/str.h"

struct sm_str sm_str(const char *cstr) {
    return (struct sm_str){cstr, cstr ? strlen(cstr) : 0};
}

struct sm_str sm_str_n(const char *p, size_t n) { return (struct sm_str){p, n}; }

bool sm_str_eq(struct sm_str a, struct sm_str b) {
    if (a.n != b.n || !a.p != !b.p) return false;
    return a.n == 0 || memcmp(a.p, b.p, a.n) == 0;
}

bool sm_str_eq_c(struct sm_str a, const char *b) { return sm_str_eq(a, sm_str(b)); }

bool sm_str_eq_nocase(struct sm_str a, struct sm_str b) {
    if (a.n != b.n) return false;
    if (!a.p || !b.p) return a.p == b.p;
    for (size_t i = 0; i < a.n; i++)
        if (sm_to_lower(a.p[i]) != sm_to_lower(b.p[i])) return false;
    return true;
}

int sm_str_cmp(struct sm_str a, struct sm_str b) {
    if (!a.p || !b.p) return (a.p != NULL) - (b.p != NULL);
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

bool sm_str_starts(struct sm_str s, struct sm_str prefix) {
    if (s.n < prefix.n) return false;
    return prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0;
}

bool sm_str_ends(struct sm_str s, struct sm_str suffix) {
    if (s.n < suffix.n) return false;
    return suffix.n == 0 || memcmp(s.p + (s.n - suffix.n), suffix.p, suffix.n) == 0;
}

static bool str_is_space(char c) { return sm_is_blank(c) || c == '\r' || c == '\n'; }

struct sm_str sm_str_trim(struct sm_str s) {
    while (s.n && str_is_space(s.p[s.n - 1])) s.n--;
    while (s.n && str_is_space(s.p[0])) s.p++, s.n--;
    return s;
}

struct sm_str sm_str_trim_unicode(struct sm_str s) {
    static const struct sm_str blanks[] = {
        {"\xC2\xA0", 2}, {"\xEF\xBB\xBF", 3}, {"\xE2\x80\x8F", 3}};
    size_t before;
    do {
        s = sm_str_trim(s);
        before = s.n;
        for (size_t i = 0; i < SM_ARRAY_LEN(blanks); i++) {
            if (sm_str_ends(s, blanks[i])) s.n -= blanks[i].n;
            if (sm_str_starts(s, blanks[i])) s.p += blanks[i].n, s.n -= blanks[i].n;
        }
    } while (s.n != before);
    return s;
}

size_t sm_str_find(struct sm_str s, struct sm_str needle, size_t from) {
    if (!s.p || from > s.n || needle.n > s.n - from) return SIZE_MAX;
    if (needle.n == 0) return from;
    const char *hit = memmem(s.p + from, s.n - from, needle.p, needle.n);
    return hit ? (size_t)(hit - s.p) : SIZE_MAX;
}

size_t sm_str_find_byte(struct sm_str s, char c, size_t from) {
    if (!s.p || from >= s.n) return SIZE_MAX;
    const char *hit = memchr(s.p + from, (unsigned char)c, s.n - from);
    return hit ? (size_t)(hit - s.p) : SIZE_MAX;
}

bool sm_str_split(struct sm_str *rest, char sep, struct sm_str *ret_piece) {
    if (!rest->p) return false;
    size_t at = sm_str_find_byte(*rest, sep, 0);
    if (at == SIZE_MAX) {
        *ret_piece = *rest;
        *rest = (struct sm_str){NULL, 0};
        return true;
    }
    *ret_piece = sm_str_n(rest->p, at);
    rest->p += at + 1;
    rest->n -= at + 1;
    return true;
}

bool sm_str_word(struct sm_str *rest, struct sm_str *ret_word) {
    struct sm_str s = *rest;
    while (s.n && (str_is_space(s.p[0]) || s.p[0] == '\v' || s.p[0] == '\f')) s.p++, s.n--;
    size_t n = 0;
    while (n < s.n && !str_is_space(s.p[n]) && s.p[n] != '\v' && s.p[n] != '\f') n++;
    if (n == 0) {
        *rest = (struct sm_str){NULL, 0};
        return false;
    }
    *ret_word = sm_str_n(s.p, n);
    *rest = sm_str_n(s.p + n, s.n - n);
    return true;
}

bool sm_str_to_u64(struct sm_str s, uint64_t *ret) {
    uint64_t v = 0;
    if (s.n == 0) return false;
    for (size_t i = 0; i < s.n; i++) {
        if (!sm_is_digit(s.p[i])) return false;
        uint64_t d = (uint64_t)(s.p[i] - '0');
        if (v > (UINT64_MAX - d) / 10) return false;
        v = v * 10 + d;
    }
    *ret = v;
    return true;
}

bool sm_str_to_i64(struct sm_str s, int64_t *ret) {
    bool neg = s.n && s.p[0] == '-';
    if (s.n && (neg || s.p[0] == '+')) s.p++, s.n--;
    uint64_t v;
    if (!sm_str_to_u64(s, &v) || v > (uint64_t)INT64_MAX + neg) return false;
    *ret = neg ? (v ? -(int64_t)(v - 1) - 1 : 0) : (int64_t)v;
    return true;
}

enum { STR_DISTANCE_MAX = 256 };

/* Three rows of the table are enough: the transposition looks two back. */
static unsigned str_distance_rows(struct sm_str a, struct sm_str b, unsigned cap) {
    unsigned rows[3][STR_DISTANCE_MAX + 1];
    unsigned *two = rows[0], *one = rows[1], *now = rows[2];
    for (size_t j = 0; j <= b.n; j++) one[j] = (unsigned)j;
    for (size_t i = 1; i <= a.n; i++) {
        unsigned best = now[0] = (unsigned)i;
        char x = sm_to_lower(a.p[i - 1]);
        for (size_t j = 1; j <= b.n; j++) {
            char y = sm_to_lower(b.p[j - 1]);
            unsigned d = one[j - 1] + (x != y);
            if (one[j] + 1 < d) d = one[j] + 1;
            if (now[j - 1] + 1 < d) d = now[j - 1] + 1;
            if (i > 1 && j > 1 && x == sm_to_lower(b.p[j - 2]) && y == sm_to_lower(a.p[i - 2]) &&
                two[j - 2] + 1 < d)
                d = two[j - 2] + 1;
            now[j] = d;
            if (d < best) best = d;
        }
        if (best > cap + 1) return cap + 1;
        unsigned *t = two;
        two = one, one = now, now = t;
    }
    return one[b.n] > cap ? cap + 1 : one[b.n];
}

unsigned sm_str_distance(struct sm_str a, struct sm_str b, unsigned cap) {
    while (a.n && b.n && sm_to_lower(a.p[0]) == sm_to_lower(b.p[0])) a.p++, a.n--, b.p++, b.n--;
    while (a.n && b.n && sm_to_lower(a.p[a.n - 1]) == sm_to_lower(b.p[b.n - 1])) a.n--, b.n--;
    size_t apart = a.n > b.n ? a.n - b.n : b.n - a.n;
    if (apart > cap || a.n > STR_DISTANCE_MAX || b.n > STR_DISTANCE_MAX) return cap + 1;
    return str_distance_rows(a, b, cap);
}
