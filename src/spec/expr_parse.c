/* SPDX-License-Identifier: MIT */
#include "expr_priv.h"

#include "sdtmill/err.h"
#include "sdtmill/num.h"
#include "sdtmill/utf8.h"

struct xlist { /* arguments while they are read */
    const struct xnode *node;
    struct xlist *next;
};

static const struct xnode *parse_binary(struct xparse *p, int least);

/* ---- mistakes ---------------------------------------------------------------------------------
 */

bool xfail(struct xparse *p, size_t at, const char *fmt, ...) {
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (p->err->code == SM_OK) p->fail_at = at;
    sm_fail(p->err, SM_ESPEC, "%s", text);
    return false;
}

bool xfail_memory(struct xparse *p) {
    sm_fail(p->err, SM_ENOMEM, "out of memory");
    return false;
}

static const struct xnode *parse_fail(struct xparse *p, const char *what) {
    const struct xlex *l = &p->lex;
    if (l->kind == XT_BAD)
        xfail(p, l->at, "%s", l->bad);
    else if (l->kind == XT_END)
        xfail(p, l->at, "expression ends where %s must stand", what);
    else
        xfail(p, l->at, "%s expected before '%.*s'", what,
              SM_STR_FMT(sm_str_n(l->src.p + l->at, l->pos - l->at)));
    return NULL;
}

bool xconst_text(struct xparse *p, const struct xnode *n, const char *what, struct sm_str *ret) {
    struct sm_valbuf buf;
    if (!n->is_const) return xfail(p, n->at, "%s must be a text in quotes", what);
    *ret = sm_arena_dup(p->arena, sm_val_text(sm_intern_texts(p->scope->in), n->k, &buf));
    return ret->p ? true : xfail_memory(p);
}

/* ---- nodes ------------------------------------------------------------------------------------
 */

static struct xnode *node_new(struct xparse *p, size_t at) {
    struct xnode *n = sm_arena_alloc(p->arena, sizeof *n);
    if (!n) {
        xfail_memory(p);
        return NULL;
    }
    n->at = (uint32_t)at;
    return n;
}

static const struct xnode *node_const(struct xparse *p, size_t at, sm_val v, bool num) {
    struct sm_valbuf buf;
    struct xnode *n = node_new(p, at);
    if (!n) return NULL;
    n->run = xrun_const;
    n->is_const = true;
    n->k = v;
    n->num = num;
    struct sm_str s = sm_val_text(sm_intern_texts(p->scope->in), v, &buf);
    n->has_kn = xnum_parse(s, &n->kn);
    n->numeric_look = sm_num_parse(s, false, NULL);
    return n;
}

static void fold_problem(void *ctx, enum sm_expr_problem what, struct sm_str text,
                         struct sm_slot slot) {
    struct xparse *p = ctx;
    (void)slot;
    static const char *const say[] = {"is not a number", "is not in the table", "is not a date",
                                      "cannot be calculated with: it is 0, or the result too long",
                                      "is too much work for the pattern"};
    xfail(p, p->fail_at, "'%.*s' %s", SM_STR_FMT(text), say[what]);
}

/* The node's value when all it needs is constant. */
static const struct xnode *node_fold(struct xparse *p, const struct xnode *n) {
    struct sm_env env = {.in = p->scope->in, .problem = fold_problem, .problem_ctx = p};
    struct xrun r;
    struct xval x;
    p->fail_at = n->at;
    xrun_begin(&r, &env);
    xeval(n, &r, &x);
    bool boolean = x.kind == XV_BOOL, num = x.num;
    sm_val v = xval_out(&r, &x);
    xrun_end(&r);
    if (sm_intern_failed(p->scope->in))
        xfail(p, n->at, "the value is too long, or memory is short");
    if (p->err->code != SM_OK) return NULL;
    struct xnode *k = (struct xnode *)(uintptr_t)node_const(p, n->at, v, num);
    if (k) k->boolean = boolean;
    return k;
}

static bool node_args(struct xparse *p, struct xnode *n, const struct xlist *args) {
    for (const struct xlist *a = args; a; a = a->next)
        n->narg++;
    n->arg = sm_arena_array(p->arena, n->narg + 1, sizeof *n->arg);
    if (!n->arg) return xfail_memory(p);
    unsigned depth = 0;
    size_t i = 0;
    for (const struct xlist *a = args; a; a = a->next) {
        n->arg[i++] = a->node;
        if (a->node->depth > depth) depth = a->node->depth;
        if (n->slot.kind == SM_SLOT_NONE) n->slot = a->node->slot;
        if (a->node->impure) n->impure = true;
    }
    if (depth >= X_DEPTH_MAX)
        return xfail(p, n->at, "expression is nested deeper than %d levels", X_DEPTH_MAX);
    n->depth = (uint8_t)(depth + 1);
    return true;
}

static bool node_all_const(const struct xnode *n) {
    for (uint32_t i = 0; i < n->narg; i++)
        if (!n->arg[i]->is_const &&
            !(n->arg[i]->is_seq && node_all_const(n->arg[i]) && n->arg[i]->op == ','))
            return false;
    return true;
}

static const struct xnode *node_scalar(struct xparse *p, const struct xnode *n) {
    if (n && n->is_seq) {
        xfail(p, n->at,
              "several values stand where one must; choose one with [n], or compare with = or !=");
        return NULL;
    }
    return n;
}

/* An operator's node; args are already allowed to be what they are. */
static const struct xnode *node_op(struct xparse *p, size_t at, char op,
                                   void (*run)(const struct xnode *, struct xrun *, struct xval *),
                                   const struct xlist *args) {
    struct xnode *n = node_new(p, at);
    if (!n) return NULL;
    n->op = op;
    n->run = run;
    if (!node_args(p, n, args)) return NULL;
    n->boolean = run == xrun_compare || run == xrun_and || run == xrun_or;
    n->num = run == xrun_arith || run == xrun_negate;
    return node_all_const(n) ? node_fold(p, n) : n;
}

static const struct xnode *node_slot(struct xparse *p, size_t at, struct sm_slot slot) {
    struct xnode *n = node_new(p, at);
    if (!n) return NULL;
    n->run = xrun_slot;
    n->slot = slot;
    for (size_t i = 0; i < p->ninput; i++)
        if (p->input[i].kind == slot.kind && p->input[i].index == slot.index) return n;
    if (p->ninput == p->capinput) {
        size_t cap = p->capinput ? p->capinput * 2 : 8;
        struct sm_slot *more = sm_arena_array(p->arena, cap, sizeof *more);
        if (!more) {
            xfail_memory(p);
            return NULL;
        }
        if (p->ninput) memcpy(more, p->input, p->ninput * sizeof *more);
        p->input = more;
        p->capinput = cap;
    }
    p->input[p->ninput++] = slot;
    return n;
}

/* ---- primaries --------------------------------------------------------------------------------
 */

static const struct xnode *parse_name(struct xparse *p, size_t at, struct sm_str name, char force) {
    struct sm_str near = {NULL, 0};
    struct sm_slot slot = {SM_SLOT_NONE, 0};
    if (p->scope->resolve) slot = p->scope->resolve(p->scope->ctx, name, force, &near);
    if (slot.kind != SM_SLOT_NONE) return node_slot(p, at, slot);
    const char *mark = force == '$' ? "$" : "";
    const char *minus =
        force == 0 && memchr(name.p, '-', name.n) ? " (a minus sign needs blanks around it)" : "";
    if (near.p)
        xfail(p, at, "no such name: '%s%.*s'; the nearest is '%.*s'%s", mark, SM_STR_FMT(name),
              SM_STR_FMT(near), minus);
    else
        xfail(p, at, "no such name: '%s%.*s'%s", mark, SM_STR_FMT(name), minus);
    return NULL;
}

static bool parse_op(struct xparse *p, char op, const char *what) {
    if (p->lex.kind != XT_OP || p->lex.op != op) return parse_fail(p, what) != NULL;
    xlex_next(&p->lex);
    return true;
}

static const struct xnode *parse_text(struct xparse *p) {
    struct sm_str raw = p->lex.text;
    char *out = sm_arena_alloc(p->arena, raw.n + 1);
    size_t n = 0, at = p->lex.at;
    if (!out) {
        xfail_memory(p);
        return NULL;
    }
    for (size_t i = 0; i < raw.n; i++) {
        out[n++] = raw.p[i];
        if (raw.p[i] == p->lex.op) i++;
    }
    xlex_next(&p->lex);
    return node_const(p, at, sm_val_make(p->scope->in, sm_str_n(out, n)), false);
}

static const struct xnode *parse_number(struct xparse *p) {
    char out[X_NUM_TEXT];
    size_t n, at = p->lex.at;
    struct sm_str raw = p->lex.text;
    if (raw.p[raw.n - 1] == '.') raw.n--;
    if (!sm_dec_canonical(raw, out, sizeof out, &n)) {
        xfail(p, at, "not a number");
        return NULL;
    }
    xlex_next(&p->lex);
    return node_const(p, at, sm_val_make(p->scope->in, sm_str_n(out, n)), true);
}

static struct xlist *list_add(struct xparse *p, struct xlist ***tail, const struct xnode *n) {
    struct xlist *item = n ? sm_arena_alloc(p->arena, sizeof *item) : NULL;
    if (!item) {
        if (n) xfail_memory(p);
        return NULL;
    }
    item->node = n;
    **tail = item;
    *tail = &item->next;
    return item;
}

/* Items up to and with the closing parenthesis; the opening one is read. */
static bool parse_items(struct xparse *p, struct xlist **ret) {
    struct xlist **tail = ret;
    if (p->lex.kind == XT_OP && p->lex.op == ')') {
        xlex_next(&p->lex);
        return true;
    }
    for (;;) {
        if (!list_add(p, &tail, parse_binary(p, 0))) return false;
        if (p->lex.kind != XT_OP || p->lex.op != ',') break;
        xlex_next(&p->lex);
    }
    return parse_op(p, ')', "',' or ')'");
}

static const struct xnode *parse_paren(struct xparse *p) {
    struct xlist *items = NULL;
    size_t at = p->lex.at;
    xlex_next(&p->lex);
    if (!parse_items(p, &items)) return NULL;
    if (!items) {
        xfail(p, at, "nothing stands between the parentheses");
        return NULL;
    }
    if (!items->next) return items->node;
    for (const struct xlist *i = items; i; i = i->next)
        if (!node_scalar(p, i->node)) return NULL;
    struct xnode *n = node_new(p, at);
    if (!n) return NULL;
    n->op = ',';
    n->run = xrun_seq;
    n->is_seq = true;
    return node_args(p, n, items) ? n : NULL;
}

static bool parse_word(struct xparse *p, const char *word) {
    if (p->lex.kind != XT_NAME || !sm_str_eq_c(p->lex.text, word))
        return parse_fail(p, word) != NULL;
    xlex_next(&p->lex);
    return true;
}

static const struct xnode *parse_if(struct xparse *p) {
    struct xlist *items = NULL, **tail = &items;
    size_t at = p->lex.at;
    xlex_next(&p->lex);
    xlex_next(&p->lex); /* "(" was seen by the caller */
    if (!list_add(p, &tail, node_scalar(p, parse_binary(p, 0)))) return NULL;
    if (!parse_op(p, ')', "')'") || !parse_word(p, "then")) return NULL;
    if (!list_add(p, &tail, node_scalar(p, parse_binary(p, 0)))) return NULL;
    if (!parse_word(p, "else")) return NULL;
    if (!list_add(p, &tail, node_scalar(p, parse_binary(p, 0)))) return NULL;
    if (items->node->is_const) {
        const struct xnode *n = node_op(p, at, 'i', xrun_if, items);
        if (!n || n->is_const) return n;
        struct sm_valbuf buf;
        struct sm_str s = sm_val_text(sm_intern_texts(p->scope->in), items->node->k, &buf);
        bool no = s.n == 0 || (items->node->boolean ? sm_str_eq_c(s, "false")
                                                    : items->node->num && sm_str_eq_c(s, "0"));
        return no ? items->next->next->node : items->next->node;
    }
    return node_op(p, at, 'i', xrun_if, items);
}

static const struct xnode *call_named(struct xparse *p, size_t at, char force) {
    if (p->lex.kind != XT_TEXT) return parse_fail(p, "a name in quotes");
    struct sm_str name = p->lex.text;
    xlex_next(&p->lex);
    if (!parse_op(p, ')', "')'")) return NULL;
    return parse_name(p, at, name, force);
}

/* Sequences written out are the same as so many arguments. */
static bool call_args(struct xparse *p, const struct xfn *fn, struct xlist *in,
                      struct xlist **ret) {
    struct xlist **tail = ret;
    for (const struct xlist *i = in; i; i = i->next) {
        if (i->node->is_seq && i->node->op == ',' && fn->max == 255) {
            for (uint32_t k = 0; k < i->node->narg; k++)
                if (!list_add(p, &tail, i->node->arg[k])) return false;
            continue;
        }
        if (!(fn->flags & XF_SEQARG) && !node_scalar(p, i->node)) return false;
        if (!list_add(p, &tail, i->node)) return false;
    }
    return true;
}

static bool call_arity(struct xparse *p, size_t at, const struct xfn *fn, size_t n) {
    if (n >= fn->min && (fn->max == 255 || n <= fn->max)) return true;
    if (fn->max == 255)
        return xfail(p, at, "%s() takes %u or more arguments, not %zu", fn->name, fn->min, n);
    if (fn->min == fn->max)
        return xfail(p, at, "%s() takes %u argument%s, not %zu", fn->name, fn->min,
                     fn->min == 1 ? "" : "s", n);
    return xfail(p, at, "%s() takes %u to %u arguments, not %zu", fn->name, fn->min, fn->max, n);
}

static const struct xnode *parse_call(struct xparse *p) {
    size_t at = p->lex.at;
    struct sm_str name = p->lex.text;
    if (sm_str_eq_c(name, "if")) return parse_if(p);
    xlex_next(&p->lex);
    xlex_next(&p->lex);
    if (sm_str_eq_c(name, "column")) return call_named(p, at, 'c');
    if (sm_str_eq_c(name, "var")) return call_named(p, at, 'v');
    const struct xfn *fn = xfn_find(name);
    if (!fn) {
        struct sm_str near = xfn_nearest(name);
        if (near.p)
            xfail(p, at, "no such function: %.*s(); the nearest is %.*s()", SM_STR_FMT(name),
                  SM_STR_FMT(near));
        else
            xfail(p, at, "no such function: %.*s()", SM_STR_FMT(name));
        return NULL;
    }
    struct xlist *items = NULL, *args = NULL;
    struct xnode *n = node_new(p, at);
    if (!n || !parse_items(p, &items) || !call_args(p, fn, items, &args)) return NULL;
    n->run = fn->run;
    n->op = 'f';
    if (!node_args(p, n, args) || !call_arity(p, at, fn, n->narg)) return NULL;
    n->num = fn->flags & XF_NUM;
    n->boolean = fn->flags & XF_BOOL;
    n->is_seq = fn->flags & XF_SEQ;
    if (fn->flags & XF_IMPURE) n->impure = true;
    if (fn->prep && !fn->prep(p, n)) return NULL;
    bool fold = !(fn->flags & (XF_NOFOLD | XF_SEQ)) && node_all_const(n);
    return fold ? node_fold(p, n) : n;
}

static const struct xnode *parse_primary(struct xparse *p) {
    const struct xlex *l = &p->lex;
    struct sm_str name = l->text;
    size_t at = l->at;
    if (l->kind == XT_TEXT) return parse_text(p);
    if (l->kind == XT_NUMBER) return parse_number(p);
    if (xlex_is_call(l)) return parse_call(p);
    if (l->kind == XT_OP && l->op == '(') return parse_paren(p);
    if (l->kind != XT_NAME && l->kind != XT_PARAM) return parse_fail(p, "a value");
    char force = l->kind == XT_PARAM ? '$' : memchr(name.p, '.', name.n) ? '.' : '\0';
    xlex_next(&p->lex);
    return parse_name(p, at, name, force);
}

static const struct xnode *parse_postfix(struct xparse *p) {
    const struct xnode *n = parse_primary(p);
    while (n && p->lex.kind == XT_OP && p->lex.op == '[') {
        struct xlist *items = NULL, **tail = &items;
        size_t at = p->lex.at;
        xlex_next(&p->lex);
        if (!list_add(p, &tail, n) || !list_add(p, &tail, node_scalar(p, parse_binary(p, 0))))
            return NULL;
        if (!parse_op(p, ']', "']'")) return NULL;
        n = node_op(p, at, '[', xrun_index, items);
    }
    return n;
}

static const struct xnode *parse_unary(struct xparse *p) {
    bool minus = false;
    size_t at = p->lex.at;
    size_t signs = 0;
    for (; p->lex.kind == XT_OP && (p->lex.op == '-' || p->lex.op == '+'); signs++) {
        minus ^= p->lex.op == '-';
        xlex_next(&p->lex);
    }
    if (signs == 0) return parse_postfix(p);
    struct xlist *items = NULL, **tail = &items;
    if (!list_add(p, &tail, node_scalar(p, parse_postfix(p)))) return NULL;
    return node_op(p, at, minus ? '-' : '+', xrun_negate, items);
}

/* ---- operators --------------------------------------------------------------------------------
 */

struct xop {
    const char *word; /* NULL: op is the token's */
    char token, op;
    int rank;
    void (*run)(const struct xnode *, struct xrun *, struct xval *);
    bool many; /* a chain is one node */
};
static const struct xop xops[] = {
    {"or", 0, 'o', 1, xrun_or, true},         {"and", 0, 'a', 2, xrun_and, true},
    {NULL, '=', '=', 3, xrun_compare, false}, {NULL, 'n', 'n', 3, xrun_compare, false},
    {NULL, '<', '<', 3, xrun_compare, false}, {NULL, 'l', 'l', 3, xrun_compare, false},
    {NULL, '>', '>', 3, xrun_compare, false}, {NULL, 'g', 'g', 3, xrun_compare, false},
    {NULL, '|', '|', 4, xrun_concat, true},   {NULL, '+', '+', 5, xrun_arith, false},
    {NULL, '-', '-', 5, xrun_arith, false},   {NULL, '*', '*', 6, xrun_arith, false},
    {"div", 0, '/', 6, xrun_arith, false},    {"mod", 0, '%', 6, xrun_arith, false},
};

static const struct xop *parse_peek(const struct xlex *l) {
    for (size_t i = 0; i < SM_ARRAY_LEN(xops); i++) {
        if (xops[i].word ? l->kind == XT_NAME && sm_str_eq_c(l->text, xops[i].word)
                         : l->kind == XT_OP && l->op == xops[i].token)
            return &xops[i];
    }
    return NULL;
}

static bool operand_ok(struct xparse *p, const struct xop *op, const struct xnode *n) {
    if (!n) return false;
    return op->op == '=' || op->op == 'n' || node_scalar(p, n) != NULL;
}

/* One operator, or a chain of the same one, to the right of `left`. */
static const struct xnode *parse_chain(struct xparse *p, const struct xop *op,
                                       const struct xnode *left) {
    struct xlist *items = NULL, **tail = &items;
    size_t at = p->lex.at;
    if (!operand_ok(p, op, left) || !list_add(p, &tail, left)) return NULL;
    do {
        xlex_next(&p->lex);
        const struct xnode *right = parse_binary(p, op->rank + 1);
        if (!operand_ok(p, op, right) || !list_add(p, &tail, right)) return NULL;
    } while (op->many && parse_peek(&p->lex) == op);
    const struct xop *next = parse_peek(&p->lex);
    if (op->rank == 3 && next && next->rank == 3) {
        xfail(p, p->lex.at, "comparisons cannot stand in a row; join them with and");
        return NULL;
    }
    return node_op(p, at, op->op, op->run, items);
}

static const struct xnode *parse_binary(struct xparse *p, int least) {
    if (++p->depth > X_DEPTH_MAX * 3) {
        xfail(p, p->lex.at, "expression is nested deeper than %d levels", X_DEPTH_MAX);
        return NULL;
    }
    const struct xnode *n = parse_unary(p);
    const struct xop *op;
    while (n && (op = parse_peek(&p->lex)) != NULL && op->rank >= least)
        n = parse_chain(p, op, n);
    p->depth--;
    return n;
}

/* ---- the whole --------------------------------------------------------------------------------
 */

static const struct sm_expr *compile(struct xparse *p, struct sm_str text) {
    struct sm_expr *e = sm_arena_alloc(p->arena, sizeof *e);
    struct sm_str copy = sm_arena_dup(p->arena, text.p ? text : SM_STR(""));
    if (!e || !copy.p) {
        xfail_memory(p);
        return NULL;
    }
    if (copy.n > X_SOURCE_MAX) {
        xfail(p, 0, "expression is longer than %d bytes", X_SOURCE_MAX);
        return NULL;
    }
    p->lex.src = copy;
    xlex_next(&p->lex);
    if (p->lex.kind == XT_END) {
        xfail(p, 0, "expression is empty");
        return NULL;
    }
    e->root = node_scalar(p, parse_binary(p, 0));
    if (e->root && p->lex.kind != XT_END)
        return (const struct sm_expr *)(const void *)parse_fail(p, "an operator");
    e->input = p->input;
    e->ninput = p->ninput;
    e->text = copy;
    return e->root ? e : NULL;
}

const struct sm_expr *sm_expr_compile(struct sm_arena *a, struct sm_str text,
                                      const struct sm_expr_scope *scope, uint32_t *ret_at,
                                      struct sm_err *err) {
    struct sm_err mine = {0};
    struct xparse p = {.arena = a, .scope = scope, .err = &mine};
    const struct sm_expr *e = compile(&p, text);
    if (e) return e;
    size_t at = p.fail_at < text.n ? p.fail_at : text.n;
    if (ret_at) *ret_at = (uint32_t)sm_utf8_count(sm_str_n(text.p, at)) + 1;
    sm_fail(err, mine.code ? mine.code : SM_ESTATE, "%s", mine.text);
    return NULL;
}

size_t sm_expr_inputs(const struct sm_expr *e, const struct sm_slot **ret) {
    *ret = e->input;
    return e->ninput;
}

bool sm_expr_is_pure(const struct sm_expr *e) {
    return !e->root->impure;
}

bool sm_expr_is_const(const struct sm_expr *e, sm_val *ret) {
    if (e->root->is_const) *ret = e->root->k;
    return e->root->is_const;
}

bool sm_expr_is_slot(const struct sm_expr *e, struct sm_slot *ret) {
    if (e->root->run != xrun_slot) return false;
    *ret = e->root->slot;
    return true;
}

bool sm_expr_is_equal(const struct sm_expr *e, struct sm_slot *ret_slot, sm_val *ret, bool *ret_not) {
    const struct xnode *n = e->root;
    if (n->run != xrun_compare || (n->op != '=' && n->op != 'n') || !xrun_is_text(n)) return false;
    *ret_slot = n->arg[0]->slot;
    *ret = n->arg[1]->k;
    *ret_not = n->op == 'n';
    return true;
}

struct sm_str sm_expr_text(const struct sm_expr *e) {
    return e->text;
}
