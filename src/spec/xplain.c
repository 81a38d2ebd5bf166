/* SPDX-License-Identifier: MIT */
#include "xplain_priv.h"

#include "sdtmill/utf8.h"

static const struct {
    const char *written;
    char meant;
} references[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}};

static bool is_blank(char c) {
    return c == ' ' || c == '\n' || c == '\t';
}

static bool is_name(char c) {
    unsigned letter = ((unsigned char)c | 0x20u) - 'a';
    return letter < 26 || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

static inline bool skip_char(struct xp *x, char c) {
    bool hit = x->p < x->end && *x->p == c;
    x->p += hit;
    return hit;
}

static bool skip_if(struct xp *x, struct sm_str what) {
    bool hit = (size_t)(x->end - x->p) >= what.n && memcmp(x->p, what.p, what.n) == 0;
    if (hit) x->p += what.n;
    return hit;
}

static bool skip_blanks(struct xp *x) {
    const char *p = x->p, *end = x->end;
    while (p < end && is_blank(*p))
        p++;
    bool any = p > x->p;
    x->p = p;
    return any;
}

/* Length of the reference at the start of s; 0 for one that is not of the five. */
static size_t reference(struct sm_str s, char *ret) {
    for (size_t i = 0; i < SM_ARRAY_LEN(references); i++) {
        if (!sm_str_starts(s, sm_str(references[i].written))) continue;
        *ret = references[i].meant;
        return strlen(references[i].written);
    }
    return 0;
}

/* Could one of the eight bytes be below 0x20, '&', '<' or the quote? */
static inline bool any_special(const char *p, char quote) {
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    uint64_t w;
    memcpy(&w, p, 8);
    uint64_t amp = w ^ ones * '&', lt = w ^ ones * '<', end = w ^ ones * (unsigned char)quote;
    uint64_t hit = ((w - ones * 0x20) & ~w) | ((amp - ones) & ~amp) | ((lt - ones) & ~lt) |
                   ((end - ones) & ~end);
    return (hit & tops) != 0;
}

static inline bool is_special(char c, char quote) {
    return (unsigned char)c < 0x20 || c == '&' || c == '<' || c == quote;
}

/* Reads a run of text up to '<', or a value up to its quote; false when something in it is not
 * plain. Blanks other than the space have a meaning of their own in values. */
static bool read_run(struct xp *x, char quote, struct sm_str *ret) {
    const char *p = x->p, *end = x->end;
    size_t n;
    char c;
    for (;;) {
        while (end - p >= 8 && !any_special(p, quote))
            p += 8;
        while (p < end && !is_special(*p, quote))
            p++;
        if (p == end || *p == quote) break;
        if (*p == '<') return false;
        n = 1;
        if (*p == '&')
            n = reference(sm_str_n(p, (size_t)(end - p)), &c);
        else if (quote != '<' || !is_blank(*p))
            return false;
        if (n == 0) return false;
        p += n;
    }
    *ret = sm_str_n(x->p, (size_t)(p - x->p));
    x->p = p;
    return true;
}

static bool read_name(struct xp *x, struct sm_str *ret) {
    const char *p = x->p, *end = x->end;
    while (p < end && is_name(*p))
        p++;
    *ret = sm_str_n(x->p, (size_t)(p - x->p));
    x->p = p;
    if (ret->n == 0 || ret->n > XP_NAME) return false;
    char first = ret->p[0];
    return first == '_' || ((unsigned char)first | 0x20u) - 'a' < 26;
}

static inline bool same(struct sm_str a, struct sm_str b) {
    return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

static bool read_attr(struct xp *x) {
    struct xp_attr *a = &x->attr[x->nattr];
    if (x->nattr == XP_ATTRS || !read_name(x, &a->name)) return false;
    skip_blanks(x);
    if (!skip_char(x, '=')) return false;
    skip_blanks(x);
    char quote = x->p < x->end ? *x->p : '\0';
    if (quote != '"' && quote != '\'') return false;
    x->p++;
    if (!read_run(x, quote, &a->value) || !skip_char(x, quote)) return false;
    if (x->depth && same(a->name, SM_STR("xmlns"))) return false;
    for (uint32_t i = 0; i < x->nattr; i++)
        if (same(x->attr[i].name, a->name)) return false;
    x->nattr++;
    return true;
}

static enum xp_what read_open(struct xp *x) {
    x->nattr = 0;
    x->empty = false;
    if (x->depth == XP_DEPTH || !read_name(x, &x->name)) return XP_NOT;
    for (;;) {
        bool apart = skip_blanks(x);
        if (skip_char(x, '>')) break;
        if (skip_char(x, '/')) {
            x->empty = skip_char(x, '>');
            return x->empty ? XP_OPEN : XP_NOT;
        }
        if (!apart || !read_attr(x)) return XP_NOT;
    }
    x->open[x->depth++] = x->name;
    return XP_OPEN;
}

static enum xp_what read_close(struct xp *x) {
    if (x->depth == 0) return XP_NOT;
    x->name = x->open[--x->depth];
    if (!skip_if(x, x->name)) return XP_NOT;
    skip_blanks(x);
    return skip_char(x, '>') ? XP_CLOSE : XP_NOT;
}

static bool read_comment(struct xp *x) {
    struct sm_str rest = sm_str_n(x->p, (size_t)(x->end - x->p));
    size_t n = sm_str_find(rest, SM_STR("--"), 0);
    if (n == SIZE_MAX) return false;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)rest.p[i] < 0x20 && !is_blank(rest.p[i])) return false;
    x->p += n;
    return skip_if(x, SM_STR("-->"));
}

/* Blanks before it are not part of it. */
static enum xp_what read_text(struct xp *x) {
    if (x->depth == 0 || !read_run(x, '<', &x->text)) return XP_NOT;
    if (sm_str_find_byte(x->text, '>', 0) == SIZE_MAX) return XP_TEXT;
    return sm_str_find(x->text, SM_STR("]]>"), 0) == SIZE_MAX ? XP_TEXT : XP_NOT;
}

bool xp_file(struct xp *x, struct sm_str text) {
    xp_piece(x, text);
    if (text.n > XP_FILE_MAX || sm_utf8_invalid(text, NULL) != SIZE_MAX) return false;
    if (sm_str_find_byte(text, '\xEF', 0) != SIZE_MAX) return false; /* U+FFFE, U+FFFF and more */
    skip_if(x, SM_STR("<?xml version=\"1.0\" encoding=\"UTF-8\"?>"));
    return true;
}

void xp_piece(struct xp *x, struct sm_str text) {
    x->p = text.p;
    x->end = text.p + text.n;
    x->nattr = x->depth = 0;
    x->empty = false;
}

enum xp_what xp_next(struct xp *x) {
    for (;;) {
        skip_blanks(x);
        if (x->p == x->end) return x->depth == 0 ? XP_END : XP_NOT;
        if (!skip_char(x, '<')) return read_text(x);
        if (skip_char(x, '/')) return read_close(x);
        if (!skip_if(x, SM_STR("!--"))) return read_open(x);
        if (!read_comment(x)) return XP_NOT;
    }
}

struct sm_str xp_attr(const struct xp *x, const char *name) {
    for (uint32_t i = 0; i < x->nattr; i++)
        if (sm_str_eq_c(x->attr[i].name, name)) return x->attr[i].value;
    return (struct sm_str){NULL, 0};
}

struct sm_str xp_meaning(struct sm_arena *a, struct sm_str written) {
    if (sm_str_find_byte(written, '&', 0) == SIZE_MAX) return written;
    char *p = sm_arena_alloc(a, written.n + 1);
    size_t n = 0;
    if (!p) return (struct sm_str){NULL, 0};
    for (size_t i = 0; i < written.n;) {
        size_t len = reference(sm_str_n(written.p + i, written.n - i), &p[n]);
        if (len == 0) p[n] = written.p[i];
        i += len ? len : 1;
        n++;
    }
    return sm_str_n(p, n);
}
