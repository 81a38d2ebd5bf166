/* SPDX-License-Identifier: MIT */
#include "expr_priv.h"

#include "sdtmill/utf8.h"

/* ---- texts ------------------------------------------------------------------------------------
 */

static bool is_lead(char c) {
    return ((unsigned char)c & 0xC0) != 0x80;
}

/* Characters first .. first + count - 1, counted from 1. */
static struct sm_str cut_chars(struct sm_str s, int64_t first, int64_t end) {
    size_t i = 0, from;
    int64_t at = 0;
    if (first < 1) first = 1;
    if (end <= first) return SM_STR("");
    for (; i < s.n; i++)
        if (is_lead(s.p[i]) && ++at >= first) break;
    from = i;
    for (at = first; i < s.n; i++)
        if (is_lead(s.p[i]) && at++ >= end) break;
    return sm_str_n(s.p + from, i - from);
}

static void f_substring(const struct xnode *n, struct xrun *r, struct xval *out) {
    int64_t first, count = INT64_C(1) << 40;
    struct sm_str s = xeval_str(n->arg[0], r);
    xval_missing(out);
    if (s.n == 0 || !xeval_round(n->arg[1], r, &first)) return;
    if (n->narg == 3 && !xeval_round(n->arg[2], r, &count)) return;
    xval_text(out, cut_chars(s, first, first + count));
}

static void f_before(const struct xnode *n, struct xrun *r, struct xval *out) {
    struct sm_str s = xeval_str(n->arg[0], r), by = xeval_str(n->arg[1], r);
    size_t at = s.n ? sm_str_find(s, by, 0) : SIZE_MAX;
    xval_text(out, at == SIZE_MAX ? SM_STR("") : sm_str_n(s.p, at));
}

static void f_after(const struct xnode *n, struct xrun *r, struct xval *out) {
    struct sm_str s = xeval_str(n->arg[0], r), by = xeval_str(n->arg[1], r);
    size_t at = s.n ? sm_str_find(s, by, 0) : SIZE_MAX;
    xval_text(out, at == SIZE_MAX ? SM_STR("") : sm_str_n(s.p + at + by.n, s.n - at - by.n));
}

static void f_length(const struct xnode *n, struct xrun *r, struct xval *out) {
    xval_i64(r, (int64_t)sm_utf8_count(xeval_str(n->arg[0], r)), out);
}

static bool is_xml_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void f_normalize(const struct xnode *n, struct xrun *r, struct xval *out) {
    struct sm_str s = xeval_str(n->arg[0], r);
    char *p = s.n ? xscratch(r, s.n) : NULL;
    size_t k = 0;
    xval_missing(out);
    if (!p) return;
    for (size_t i = 0; i < s.n; i++) {
        if (!is_xml_space(s.p[i]))
            p[k++] = s.p[i];
        else if (k && p[k - 1] != ' ')
            p[k++] = ' ';
    }
    if (k && p[k - 1] == ' ') k--;
    xval_text(out, sm_str_n(p, k));
}

static void change_case(const struct xnode *n, struct xrun *r, struct xval *out,
                        uint32_t (*to)(uint32_t)) {
    struct sm_str s = xeval_str(n->arg[0], r);
    char *p = s.n ? xscratch(r, s.n * 2 + 4) : NULL; /* a letter grows by one byte at most */
    size_t k = 0;
    xval_missing(out);
    if (!p) return;
    const char *q = s.p, *end = s.p + s.n;
    while (q < end)
        k += sm_utf8_put(p + k, to(sm_utf8_next(&q, end)));
    xval_text(out, sm_str_n(p, k));
}

static void f_upper(const struct xnode *n, struct xrun *r, struct xval *out) {
    change_case(n, r, out, sm_utf8_upper);
}
static void f_lower(const struct xnode *n, struct xrun *r, struct xval *out) {
    change_case(n, r, out, sm_utf8_lower);
}

/* ---- translate --------------------------------------------------------------------------------
 */

enum { TR_KEEP = 0x7FFFFFFF, TR_DROP = 0x7FFFFFFE }; /* no characters */
struct xtr {
    uint32_t ascii[128];
    uint32_t (*other)[2]; /* open addressing; [0] 0 = free */
    size_t cap;
};

static uint32_t *tr_place(struct xtr *t, uint32_t cp) {
    if (cp < 128) return &t->ascii[cp];
    size_t at = cp * 2654435761u & (t->cap - 1);
    while (t->other[at][0] && t->other[at][0] != cp)
        at = (at + 1) & (t->cap - 1);
    if (t->other[at][0] == 0) {
        t->other[at][0] = cp;
        t->other[at][1] = TR_KEEP;
    }
    return &t->other[at][1];
}

static uint32_t tr_get(const struct xtr *t, uint32_t cp) {
    if (cp < 128) return t->ascii[cp];
    size_t at = cp * 2654435761u & (t->cap - 1);
    for (; t->other[at][0]; at = (at + 1) & (t->cap - 1))
        if (t->other[at][0] == cp) return t->other[at][1];
    return TR_KEEP;
}

static size_t tr_cap(struct sm_str from) {
    size_t cap = 2;
    while (cap < from.n * 2)
        cap *= 2;
    return cap;
}

/* t->other has room for tr_cap(from) zeroed pairs. */
static void tr_fill(struct xtr *t, struct sm_str from, struct sm_str to) {
    for (size_t i = 0; i < 128; i++)
        t->ascii[i] = TR_KEEP;
    const char *p = from.p, *pe = from.n ? from.p + from.n : from.p;
    const char *q = to.p, *qe = to.n ? to.p + to.n : to.p;
    while (p < pe) {
        uint32_t *place = tr_place(t, sm_utf8_next(&p, pe));
        uint32_t with = q < qe ? sm_utf8_next(&q, qe) : TR_DROP;
        if (*place == TR_KEEP) *place = with;
    }
}

static bool prep_translate(struct xparse *p, struct xnode *n) {
    struct sm_str from, to;
    if (!n->arg[1]->is_const || !n->arg[2]->is_const) return true;
    if (!xconst_text(p, n->arg[1], "characters", &from) ||
        !xconst_text(p, n->arg[2], "characters", &to))
        return false;
    struct xtr *t = sm_arena_alloc(p->arena, sizeof *t);
    if (!t) return xfail_memory(p);
    t->cap = tr_cap(from);
    t->other = sm_arena_array(p->arena, t->cap, sizeof *t->other);
    if (!t->other) return xfail_memory(p);
    tr_fill(t, from, to);
    n->aux = t;
    return true;
}

static const struct xtr *tr_now(const struct xnode *n, struct xrun *r) {
    if (n->aux) return n->aux;
    struct sm_str from = xeval_str(n->arg[1], r), to = xeval_str(n->arg[2], r);
    struct xtr *t = (struct xtr *)(void *)xscratch(r, sizeof *t);
    size_t cap = tr_cap(from);
    char *other = xscratch(r, cap * sizeof *t->other);
    if (!t || !other) return NULL;
    memset(other, 0, cap * sizeof *t->other);
    t->cap = cap;
    t->other = (uint32_t(*)[2])(void *)other;
    tr_fill(t, from, to);
    return t;
}

static void f_translate(const struct xnode *n, struct xrun *r, struct xval *out) {
    struct sm_str s = xeval_str(n->arg[0], r);
    const struct xtr *t = s.n ? tr_now(n, r) : NULL;
    char *p = t ? xscratch(r, s.n * 4) : NULL;
    size_t k = 0;
    xval_missing(out);
    if (!p) return;
    const char *q = s.p, *end = s.p + s.n;
    while (q < end) {
        uint32_t cp = sm_utf8_next(&q, end), with = tr_get(t, cp);
        if (with != TR_DROP) k += sm_utf8_put(p + k, with == TR_KEEP ? cp : with);
    }
    xval_text(out, sm_str_n(p, k));
}

/* ---- tests on texts ---------------------------------------------------------------------------
 */

static void f_contains(const struct xnode *n, struct xrun *r, struct xval *out) {
    struct sm_str s = xeval_str(n->arg[0], r), part = xeval_str(n->arg[1], r);
    xval_bool(out, part.n == 0 || (s.n && sm_str_find(s, part, 0) != SIZE_MAX));
}

static void f_starts(const struct xnode *n, struct xrun *r, struct xval *out) {
    struct sm_str s = xeval_str(n->arg[0], r), part = xeval_str(n->arg[1], r);
    xval_bool(out, part.n == 0 || sm_str_starts(s, part));
}

static void f_ends(const struct xnode *n, struct xrun *r, struct xval *out) {
    struct sm_str s = xeval_str(n->arg[0], r), part = xeval_str(n->arg[1], r);
    xval_bool(out, part.n == 0 || sm_str_ends(s, part));
}

/* ---- regular expressions ----------------------------------------------------------------------
 */

/* Arguments 1 and, at `flags`, the last one. */
static bool prep_regex_at(struct xparse *p, struct xnode *n, uint32_t flags_at) {
    struct sm_str pattern, flags = SM_STR("");
    char why[120];
    size_t at;
    if (!n->arg[1]->is_const) return true;
    if (n->narg > flags_at && !n->arg[flags_at]->is_const) return true;
    if (!xconst_text(p, n->arg[1], "pattern", &pattern)) return false;
    if (n->narg > flags_at && !xconst_text(p, n->arg[flags_at], "flags", &flags)) return false;
    n->aux = xregex_const(p->scope->in, pattern, flags, why, &at);
    if (n->aux) return true;
    return xfail(p, n->arg[1]->at, "pattern, at its character %zu: %s",
                 sm_utf8_count(sm_str_n(pattern.p, at < pattern.n ? at : pattern.n)) + 1, why);
}

static bool prep_regex(struct xparse *p, struct xnode *n) {
    return prep_regex_at(p, n, 2);
}
static bool prep_replace(struct xparse *p, struct xnode *n) {
    return prep_regex_at(p, n, 3);
}

static const struct xregex *regex_now(const struct xnode *n, struct xrun *r, uint32_t flags_at) {
    if (n->aux) return n->aux;
    struct sm_str pattern = xeval_str(n->arg[1], r), flags = SM_STR("");
    if (n->narg > flags_at) flags = xeval_str(n->arg[flags_at], r);
    return xregex_last(r->env->in, pattern, flags);
}

/* False: the text was too much work, which is said. */
static bool match_from(const struct xnode *n, struct xrun *r, const struct xregex *re,
                       struct sm_str s, size_t from, const size_t **span, size_t *groups) {
    if (xregex_match(r->env->in, re, s, from, span, groups)) return true;
    if (!sm_intern_failed(r->env->in)) xproblem(r, SM_EXPR_TOO_COSTLY, s, n->arg[0]->slot);
    return false;
}

static void f_matches(const struct xnode *n, struct xrun *r, struct xval *out) {
    struct sm_str s = xeval_str(n->arg[0], r);
    const struct xregex *re = regex_now(n, r, 2);
    const size_t *span;
    size_t groups = 0;
    if (re && !match_from(n, r, re, s, 0, &span, &groups))
        xval_missing(out);
    else
        xval_bool(out, groups > 0);
}

static size_t char_len(struct sm_str s, size_t at) {
    size_t n = 1;
    while (at + n < s.n && !is_lead(s.p[at + n]))
        n++;
    return n;
}

/* The next match of at least one character at or after `from`: 1 if there is one, 0 if there is
 * none, -1 if it was too much work. */
static int next_match(const struct xnode *n, struct xrun *r, const struct xregex *re,
                      struct sm_str s, size_t from, const size_t **span, size_t *groups) {
    while (from < s.n) {
        if (!match_from(n, r, re, s, from, span, groups)) return -1;
        if (*groups == 0) return 0;
        if ((*span)[1] > (*span)[0]) return 1;
        from = (*span)[1] >= from ? (*span)[1] : from;
        if (from >= s.n) return 0;
        from += char_len(s, from);
    }
    return 0;
}

/* $1 is group 1, $0 the match; \$ and \\ stand for themselves. */
static void add_replacement(struct xout *o, struct sm_str with, struct sm_str s, const size_t *span,
                            size_t groups) {
    for (size_t i = 0; i < with.n; i++) {
        char c = with.p[i];
        if (c == '\\' && i + 1 < with.n) {
            i++;
        } else if (c == '$' && i + 1 < with.n && sm_is_digit(with.p[i + 1])) {
            size_t g = (size_t)(with.p[++i] - '0');
            while (i + 1 < with.n && sm_is_digit(with.p[i + 1]) &&
                   g * 10 + (size_t)(with.p[i + 1] - '0') < groups)
                g = g * 10 + (size_t)(with.p[++i] - '0');
            if (g < groups && span[2 * g] != SIZE_MAX && span[2 * g + 1] > span[2 * g])
                xout_add(o, s.p + span[2 * g], span[2 * g + 1] - span[2 * g]);
            continue;
        }
        xout_add(o, with.p + i, 1);
    }
}

static void f_replace(const struct xnode *n, struct xrun *r, struct xval *out) {
    struct sm_str s = xeval_str(n->arg[0], r), with = xeval_str(n->arg[2], r);
    const struct xregex *re = s.n ? regex_now(n, r, 3) : NULL;
    struct xout o = {.r = r};
    const size_t *span;
    size_t groups, at = 0;
    int more = 0;
    xval_missing(out);
    if (!re) return;
    while (!o.failed && (more = next_match(n, r, re, s, at, &span, &groups)) > 0) {
        size_t end = span[1];
        if (span[0] > at) xout_add(&o, s.p + at, span[0] - at);
        add_replacement(&o, with, s, span, groups);
        at = end;
    }
    if (more < 0) return;
    if (at == 0) {
        xval_text(out, s);
        return;
    }
    xout_add(&o, s.p + at, s.n - at);
    if (!o.failed) xval_text(out, sm_str_n(o.p, o.n));
}

size_t xtokens(const struct xnode *n, struct xrun *r, struct xval **ret) {
    struct sm_str s = xeval_str(n->arg[0], r);
    const struct xregex *re = s.n ? regex_now(n, r, 2) : NULL;
    const size_t *span;
    size_t groups, at = 0, count = 0, cap = 0;
    struct xval *item = NULL;
    int more = re != NULL;
    *ret = NULL;
    while (more > 0) {
        if (count == cap) {
            cap = cap ? cap * 2 : 4;
            struct xval *now = (struct xval *)(void *)xscratch(r, cap * sizeof *now);
            if (!now || count >= X_TOKENS_MAX) {
                sm_intern_fail(r->env->in);
                return SIZE_MAX;
            }
            if (count) memcpy(now, item, count * sizeof *now);
            item = now;
        }
        more = next_match(n, r, re, s, at, &span, &groups);
        if (more < 0) return 0;
        xval_text(&item[count++], sm_str_n(s.p + at, (more ? span[0] : s.n) - at));
        if (more) at = span[1];
    }
    *ret = item;
    return count;
}

/* ---- the table ------------------------------------------------------------------------------- */

const struct xfn xfns_text[] = {
    {"substring", 2, 3, 0, f_substring, NULL},
    {"substring-before", 2, 2, 0, f_before, NULL},
    {"substring-after", 2, 2, 0, f_after, NULL},
    {"string-length", 1, 1, XF_NUM, f_length, NULL},
    {"normalize-space", 1, 1, 0, f_normalize, NULL},
    {"upper-case", 1, 1, 0, f_upper, NULL},
    {"lower-case", 1, 1, 0, f_lower, NULL},
    {"translate", 3, 3, 0, f_translate, prep_translate},
    {"contains", 2, 2, XF_BOOL, f_contains, NULL},
    {"starts-with", 2, 2, XF_BOOL, f_starts, NULL},
    {"ends-with", 2, 2, XF_BOOL, f_ends, NULL},
    {"matches", 2, 3, XF_BOOL, f_matches, prep_regex},
    {"replace", 3, 4, 0, f_replace, prep_replace},
    {"tokenize", 2, 3, XF_SEQ, xrun_seq, prep_regex},
    {NULL, 0, 0, 0, NULL, NULL},
};
