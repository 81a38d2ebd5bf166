/* SPDX-License-Identifier: MIT */
#include "expr_priv.h"

#include "sdtmill/num.h"

/* ---- one evaluation ---------------------------------------------------------------------------
 */

void xrun_begin(struct xrun *r, const struct sm_env *env) {
    r->env = env;
    r->texts = sm_intern_texts(env->in);
    r->keep = NULL;
    r->used = 0;
    r->problem = false;
}

void xrun_end(struct xrun *r) {
    if (r->keep && --*xkeep_depth(r->keep) == 0) sm_arena_reset(xkeep_arena(r->keep));
}

char *xscratch(struct xrun *r, size_t n) {
    size_t room = (n + 15) & ~(size_t)15;
    if (room <= X_STACK - r->used && n <= X_STACK) {
        char *p = r->stack + r->used;
        r->used += room;
        return p;
    }
    if (!r->keep) {
        r->keep = xkeep_get(r->env->in);
        if (r->keep) ++*xkeep_depth(r->keep);
    }
    char *p = r->keep ? sm_arena_alloc(xkeep_arena(r->keep), n) : NULL;
    if (!p) sm_intern_fail(r->env->in);
    return p;
}

void xproblem(struct xrun *r, enum sm_expr_problem what, struct sm_str text, struct sm_slot slot) {
    r->problem = true;
    if (r->env->problem) r->env->problem(r->env->problem_ctx, what, text, slot);
}

/* ---- values -----------------------------------------------------------------------------------
 */

static const struct sm_str x_true = {"true", 4}, x_false = {"false", 5};

struct sm_str xstr(struct xrun *r, const struct xval *x) {
    if (x->kind == XV_TEXT) return x->s;
    if (x->kind == XV_BOOL) return x->b ? x_true : x_false;
    if (x->v == SM_MISSING) return SM_STR("");
    struct sm_valbuf none, *buf = &none; /* a pooled text needs no buffer */
    if (!sm_val_is_pooled(x->v)) {
        size_t n = sm_val_is_inline(x->v) ? 8 : sizeof *buf;
        buf = (struct sm_valbuf *)(void *)xscratch(r, n);
        if (!buf) return SM_STR("");
    }
    return sm_val_text(r->texts, x->v, buf);
}

struct sm_str xeval_str(const struct xnode *n, struct xrun *r) {
    struct xval x;
    xeval(n, r, &x);
    return xstr(r, &x);
}

bool xtruth(struct xrun *r, const struct xval *x) {
    if (x->kind == XV_BOOL) return x->b;
    if (xval_is_missing(x)) return false;
    if (!x->num) return true;
    struct sm_str s = xstr(r, x);
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] >= '1' && s.p[i] <= '9') return true;
    return false;
}

sm_val xval_out(struct xrun *r, const struct xval *x) {
    if (x->kind == XV_VAL) return x->v;
    return sm_val_make(r->env->in, xstr(r, x));
}

void xrun_const(const struct xnode *n, struct xrun *r, struct xval *out) {
    (void)r;
    *out = (struct xval){.kind = XV_VAL, .v = n->k, .num = n->num};
    if (n->boolean)
        *out = (struct xval){.kind = XV_BOOL, .b = n->k == sm_val_make_short("true", 4)};
}

static inline sm_val slot_value(struct sm_slot slot, const struct sm_env *e) {
    const sm_val *ref;
    switch (slot.kind) {
    case SM_SLOT_COLUMN:
        return e->col[slot.index][e->row];
    case SM_SLOT_VAR:
        return e->var[slot.index][e->rec];
    case SM_SLOT_PARAM:
        return e->param[slot.index];
    case SM_SLOT_REF:
        ref = e->subject ? e->subject(e) : NULL;
        return ref ? ref[slot.index] : SM_MISSING;
    case SM_SLOT_NONE:
        break;
    }
    return SM_MISSING;
}

void xrun_slot(const struct xnode *n, struct xrun *r, struct xval *out) {
    xval_val(out, slot_value(n->slot, r->env));
}

void xrun_seq(const struct xnode *n, struct xrun *r, struct xval *out) {
    (void)n;
    (void)r;
    xval_missing(out);
}

size_t xseq(const struct xnode *n, struct xrun *r, struct xval **ret) {
    if (n->is_seq && n->op != ',') return xtokens(n, r, ret);
    size_t count = n->is_seq ? n->narg : 1;
    struct xval *item = (struct xval *)(void *)xscratch(r, count * sizeof *item);
    if (!item) return SIZE_MAX;
    for (size_t i = 0; i < count; i++)
        xeval(n->is_seq ? n->arg[i] : n, r, &item[i]);
    *ret = item;
    return count;
}

/* ---- numbers ----------------------------------------------------------------------------------
 */

static const int64_t x_pow10[] = {1,
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

/* Decimals of at most 18 digits; others go through num.h. */
bool xnum_parse(struct sm_str s, struct xnum *ret) {
    size_t i = 0, digits = 0;
    bool minus = false, point = false;
    int64_t m = 0;
    int scale = 0;
    if (s.n == 0 || s.n > 20) return false;
    if (s.p[0] == '-' || s.p[0] == '+') minus = s.p[i++] == '-';
    for (; i < s.n; i++) {
        if (s.p[i] == '.' && !point) {
            point = true;
            continue;
        }
        if (!sm_is_digit(s.p[i]) || ++digits > 18) return false;
        m = m * 10 + (s.p[i] - '0');
        scale += point;
    }
    if (digits == 0 || (point && scale == 0)) return false;
    ret->m = minus ? -m : m;
    ret->scale = scale;
    return true;
}

bool xnum_format(struct xrun *r, struct xnum x, struct xval *out) {
    char text[40];
    size_t at = sizeof text;
    uint64_t m = x.m < 0 ? (uint64_t)0 - (uint64_t)x.m : (uint64_t)x.m;
    while (x.scale > 0 && m % 10 == 0)
        m /= 10, x.scale--;
    int written = 0;
    do {
        if (written == x.scale && x.scale > 0) text[--at] = '.';
        text[--at] = (char)('0' + m % 10);
        m /= 10;
        written++;
    } while (m || written <= x.scale);
    if (x.m < 0) text[--at] = '-';
    size_t n = sizeof text - at;
    char *p = xscratch(r, n);
    if (!p) return false;
    memcpy(p, text + at, n);
    xval_text(out, sm_str_n(p, n));
    out->num = true;
    return true;
}

static bool num_align(struct xnum *a, struct xnum *b) {
    struct xnum *less = a->scale < b->scale ? a : b;
    int diff = a->scale < b->scale ? b->scale - a->scale : a->scale - b->scale;
    if (__builtin_mul_overflow(less->m, x_pow10[diff], &less->m)) return false;
    less->scale += diff;
    return true;
}

static bool num_start(char c) {
    return sm_is_digit(c) || c == '-' || c == '+' || c == '.';
}

bool xnum_cmp(struct sm_str a, struct sm_str b, int *ret) {
    struct xnum x, y;
    if (a.n == 0 || b.n == 0 || !num_start(a.p[0]) || !num_start(b.p[0])) return false;
    if (xnum_parse(a, &x) && xnum_parse(b, &y) && num_align(&x, &y)) {
        *ret = (x.m > y.m) - (x.m < y.m);
        return true;
    }
    return sm_num_parse(a, false, NULL) && sm_num_parse(b, false, NULL) && sm_dec_cmp(a, b, ret);
}

bool xeval_num(const struct xnode *n, struct xrun *r, struct sm_str *ret) {
    struct xval x;
    xeval(n, r, &x);
    if (xval_is_missing(&x)) return false;
    *ret = xstr(r, &x);
    struct xnum fast;
    if (x.num || xnum_parse(*ret, &fast) || sm_num_parse(*ret, false, NULL)) return true;
    xproblem(r, SM_EXPR_NOT_A_NUMBER, *ret, n->slot);
    return false;
}

static bool arith_fast(char op, struct xnum a, struct xnum b, struct xnum *ret) {
    switch (op) {
    case '+':
    case '-':
        if (!num_align(&a, &b)) return false;
        ret->scale = a.scale;
        return op == '+' ? !__builtin_add_overflow(a.m, b.m, &ret->m)
                         : !__builtin_sub_overflow(a.m, b.m, &ret->m);
    case '*':
        ret->scale = a.scale + b.scale;
        return !__builtin_mul_overflow(a.m, b.m, &ret->m);
    case '/':
        ret->scale = 0;
        if (b.m == 0 || !num_align(&a, &b) || a.m % b.m != 0) return false;
        ret->m = a.m / b.m;
        return true;
    default:
        if (b.m == 0 || !num_align(&a, &b)) return false;
        ret->scale = a.scale;
        ret->m = a.m % b.m;
        return true;
    }
}

static void arith(struct xrun *r, char op, struct sm_str a, struct sm_str b, struct xval *out,
                  const struct xnode *n) {
    struct xnum x, y, z;
    if (xnum_parse(a, &x) && xnum_parse(b, &y) && arith_fast(op, x, y, &z)) {
        if (!xnum_format(r, z, out)) xval_missing(out);
        return;
    }
    char *p = xscratch(r, X_NUM_TEXT);
    size_t len;
    if (p && sm_dec_arith(op, a, b, p, X_NUM_TEXT, &len)) {
        xval_text(out, sm_str_n(p, len));
        out->num = true;
        return;
    }
    xval_missing(out);
    if (p) xproblem(r, SM_EXPR_NO_RESULT, b, n->slot);
}

void xrun_arith(const struct xnode *n, struct xrun *r, struct xval *out) {
    struct sm_str a, b;
    bool left = xeval_num(n->arg[0], r, &a), right = xeval_num(n->arg[1], r, &b);
    if (left && right)
        arith(r, n->op, a, b, out, n->arg[1]);
    else
        xval_missing(out);
}

void xrun_negate(const struct xnode *n, struct xrun *r, struct xval *out) {
    struct sm_str a;
    if (!xeval_num(n->arg[0], r, &a)) {
        xval_missing(out);
        return;
    }
    arith(r, n->op, SM_STR("0"), a, out, n->arg[0]);
}

/* ---- comparisons ------------------------------------------------------------------------------
 */

static bool val_equal(struct xrun *r, const struct xval *a, const struct xval *b) {
    int c;
    if (a->kind == XV_VAL && b->kind == XV_VAL &&
        (a->v == b->v || a->v == SM_MISSING || b->v == SM_MISSING))
        return a->v == b->v;
    if (xval_is_missing(a) || xval_is_missing(b)) return xval_is_missing(a) == xval_is_missing(b);
    struct sm_str x = xstr(r, a), y = xstr(r, b);
    if (xnum_cmp(x, y, &c)) return c == 0;
    return sm_str_eq(x, y);
}

/* Texts that are no numbers: the same value, but for a packed date and its text. */
static inline bool text_equal(struct xrun *r, sm_val a, sm_val b) {
    if (a == b || sm_val_is_dtc(a) == sm_val_is_dtc(b)) return a == b;
    return sm_val_eq(r->texts, a, b);
}

/* A cell against a constant that cannot be a number needs no look at the text. */
static bool const_equal(struct xrun *r, const struct xval *x, const struct xnode *k) {
    if (x->kind == XV_VAL && !k->numeric_look && !k->boolean) return text_equal(r, x->v, k->k);
    struct xval c;
    xrun_const(k, r, &c);
    return val_equal(r, x, &c);
}

static bool any_equal(const struct xnode *left, const struct xnode *right, struct xrun *r) {
    struct xval *a, *b;
    size_t used = r->used;
    size_t na = xseq(left, r, &a);
    if (na == SIZE_MAX) return false;
    size_t nb = xseq(right, r, &b);
    if (nb == SIZE_MAX) return false;
    bool hit = false;
    for (size_t i = 0; i < na && !hit; i++) {
        for (size_t k = 0; k < nb && !hit; k++)
            hit = val_equal(r, &a[i], &b[k]);
    }
    r->used = used;
    return hit;
}

bool xrun_is_text(const struct xnode *n) {
    const struct xnode *left = n->arg[0], *right = n->arg[1];
    return left->run == xrun_slot && right->is_const && !right->numeric_look && !right->boolean;
}

static bool equal(const struct xnode *n, struct xrun *r) {
    const struct xnode *left = n->arg[0], *right = n->arg[1];
    struct xval a, b;
    if (xrun_is_text(n))
        return text_equal(r, slot_value(left->slot, r->env), right->k);
    if (left->is_seq || (right->is_seq && right->op != ',')) return any_equal(left, right, r);
    xeval(left, r, &a);
    if (right->is_const) return const_equal(r, &a, right);
    if (!right->is_seq) {
        xeval(right, r, &b);
        return val_equal(r, &a, &b);
    }
    for (uint32_t i = 0; i < right->narg; i++) {
        size_t used = r->used;
        bool hit;
        if (right->arg[i]->is_const) {
            hit = const_equal(r, &a, right->arg[i]);
        } else {
            xeval(right->arg[i], r, &b);
            hit = val_equal(r, &a, &b);
        }
        r->used = used;
        if (hit) return true;
    }
    return false;
}

static bool ordered(const struct xnode *n, struct xrun *r, int *ret) {
    struct xval a, b;
    xeval(n->arg[0], r, &a);
    xeval(n->arg[1], r, &b);
    if (xval_is_missing(&a) || xval_is_missing(&b)) return false;
    if (a.kind == XV_VAL && b.kind == XV_VAL && sm_val_is_dtc(a.v) && sm_val_is_dtc(b.v)) {
        *ret = sm_val_cmp(r->texts, a.v, b.v);
        return true;
    }
    struct sm_str x = xstr(r, &a), y = xstr(r, &b);
    if (!xnum_cmp(x, y, ret)) *ret = sm_str_cmp(x, y);
    return true;
}

void xrun_compare(const struct xnode *n, struct xrun *r, struct xval *out) {
    size_t used = r->used;
    int c = 0;
    bool yes;
    if (n->op == '=' || n->op == 'n')
        yes = equal(n, r) == (n->op == '=');
    else if (!ordered(n, r, &c))
        yes = false;
    else if (n->op == '<')
        yes = c < 0;
    else if (n->op == 'l')
        yes = c <= 0;
    else if (n->op == '>')
        yes = c > 0;
    else
        yes = c >= 0;
    r->used = used;
    xval_bool(out, yes);
}

void xrun_and(const struct xnode *n, struct xrun *r, struct xval *out) {
    struct xval x;
    bool yes = true;
    for (uint32_t i = 0; i < n->narg && yes; i++) {
        xeval(n->arg[i], r, &x);
        yes = xtruth(r, &x);
    }
    xval_bool(out, yes);
}

void xrun_or(const struct xnode *n, struct xrun *r, struct xval *out) {
    struct xval x;
    bool yes = false;
    for (uint32_t i = 0; i < n->narg && !yes; i++) {
        xeval(n->arg[i], r, &x);
        yes = xtruth(r, &x);
    }
    xval_bool(out, yes);
}

void xrun_if(const struct xnode *n, struct xrun *r, struct xval *out) {
    struct xval x;
    xeval(n->arg[0], r, &x);
    xeval(n->arg[xtruth(r, &x) ? 1 : 2], r, out);
}

void xrun_index(const struct xnode *n, struct xrun *r, struct xval *out) {
    struct xval *item;
    struct sm_str which;
    struct xnum at;
    size_t count = xseq(n->arg[0], r, &item);
    xval_missing(out);
    if (count == SIZE_MAX || !xeval_num(n->arg[1], r, &which) || !xnum_parse(which, &at)) return;
    if (at.m % x_pow10[at.scale] != 0) return;
    int64_t i = at.m / x_pow10[at.scale];
    if (i >= 1 && (uint64_t)i <= count) *out = item[i - 1];
}

void xrun_concat(const struct xnode *n, struct xrun *r, struct xval *out) {
    struct sm_str *part = (struct sm_str *)(void *)xscratch(r, n->narg * sizeof *part);
    size_t total = 0;
    xval_missing(out);
    if (!part) return;
    for (uint32_t i = 0; i < n->narg; i++) {
        part[i] = xeval_str(n->arg[i], r);
        total += part[i].n;
    }
    if (total > X_TEXT_MAX) {
        sm_intern_fail(r->env->in);
        return;
    }
    char *p = total ? xscratch(r, total) : NULL;
    if (!p) return;
    size_t at = 0;
    for (uint32_t i = 0; i < n->narg; i++) {
        if (part[i].n) memcpy(p + at, part[i].p, part[i].n);
        at += part[i].n;
    }
    xval_text(out, sm_str_n(p, total));
}

/* ---- entry ------------------------------------------------------------------------------------
 */

sm_val sm_expr_eval(const struct sm_expr *e, const struct sm_env *env) {
    if (e->root->is_const) return e->root->k;
    if (e->root->run == xrun_slot) return slot_value(e->root->slot, env);
    struct xrun r;
    struct xval x;
    xrun_begin(&r, env);
    xeval(e->root, &r, &x);
    sm_val v = xval_out(&r, &x);
    xrun_end(&r);
    return v;
}

bool sm_expr_test(const struct sm_expr *e, const struct sm_env *env) {
    struct xrun r;
    struct xval x;
    xrun_begin(&r, env);
    xeval(e->root, &r, &x);
    bool yes = xtruth(&r, &x);
    xrun_end(&r);
    return yes;
}
