/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_EXPR_PRIV_H
#define SDTMILL_EXPR_PRIV_H
/* expr_priv.h - expressions inside: tokens, the tree, the running evaluation. */
#include "sdtmill/expr.h"

enum {
    X_SOURCE_MAX = 16 * 1024, /* bytes of an expression */
    X_DEPTH_MAX = 100,        /* nesting of an expression, and of its tree */
    X_TEXT_MAX = 1024 * 1024, /* bytes of a text made while evaluating */
    X_TOKENS_MAX = 10000,     /* pieces tokenize() may give */
    X_STACK = 512,            /* scratch bytes of an evaluation before the heap is asked */
    X_NUM_TEXT = 512          /* room for a decimal */
};

/* ---- tokens ---- */
enum xtok { XT_END, XT_NAME, XT_PARAM, XT_NUMBER, XT_TEXT, XT_OP, XT_BAD };
/* Operators of two characters: n is !=, l is <=, g is >=, | is ||; others are the character. */
struct xlex {
    struct sm_str src;
    size_t pos; /* behind the current token */
    enum xtok kind;
    size_t at;          /* byte offset of the current token */
    struct sm_str text; /* NAME, PARAM (without $), NUMBER; TEXT between the quotes, doubled ones as
                           they are */
    char op;            /* OP; for TEXT the quote */
    const char *bad;    /* BAD: what is wrong */
};
void xlex_next(struct xlex *l);
/* The current token is a name and "(" follows it. */
bool xlex_is_call(const struct xlex *l);

/* ---- values while running ---- */
enum xkind { XV_VAL, XV_TEXT, XV_BOOL };
struct xval {
    enum xkind kind;
    bool num; /* a number by type, not by look: decides the boolean value */
    bool b;
    sm_val v;        /* VAL */
    struct sm_str s; /* TEXT; n == 0 is missing */
};
struct xrun {
    const struct sm_env *env;
    const struct sm_texts *texts;
    struct xkeep *keep; /* NULL until needed */
    size_t used;        /* of stack */
    bool problem;       /* one was met */
    _Alignas(16) char stack[X_STACK];
};
struct xnum { /* m / 10^scale */
    int64_t m;
    int scale;
};

/* ---- the tree ---- */
struct xnode {
    void (*run)(const struct xnode *n, struct xrun *r, struct xval *out);
    const struct xnode **arg;
    uint32_t narg;
    uint32_t at;         /* byte offset in the source */
    struct sm_slot slot; /* an input: itself; else the first input below, for findings */
    sm_val k;            /* constant */
    struct xnum kn;      /* its number, if has_kn */
    const void *aux;     /* what the function prepared */
    uint8_t depth;
    char op;
    bool is_const, is_seq, impure, num, boolean, has_kn, numeric_look;
};
struct sm_expr {
    const struct xnode *root;
    const struct sm_slot *input;
    size_t ninput;
    struct sm_str text;
};

/* ---- compiling ---- */
struct xparse {
    struct xlex lex;
    struct sm_arena *arena;
    const struct sm_expr_scope *scope;
    struct sm_err *err;
    size_t fail_at;
    unsigned depth;
    struct sm_slot *input;
    size_t ninput, capinput;
};
enum { XF_NUM = 1, XF_BOOL = 2, XF_IMPURE = 4, XF_NOFOLD = 8, XF_SEQ = 16, XF_SEQARG = 32 };
struct xfn {
    const char *name;
    uint8_t min, max; /* 255: any number */
    uint8_t flags;
    void (*run)(const struct xnode *n, struct xrun *r, struct xval *out);
    bool (*prep)(struct xparse *p, struct xnode *n); /* NULL, or false after xfail */
};
extern const struct xfn xfns_text[]; /* those of expr_text.c; ends with a NULL name */
const struct xfn *xfn_find(struct sm_str name);
struct sm_str xfn_nearest(struct sm_str name);
/* Notes the mistake (the first one stays); returns false. */
bool xfail(struct xparse *p, size_t at, const char *fmt, ...) SM_PRINTF(3, 4);
bool xfail_memory(struct xparse *p);
/* The text of a constant argument; false after xfail when it is none. */
bool xconst_text(struct xparse *p, const struct xnode *n, const char *what, struct sm_str *ret);

/* ---- running ---- */
/* Only the fields of its kind hold something. */
static inline void xval_bool(struct xval *out, bool b) {
    out->kind = XV_BOOL;
    out->num = false;
    out->b = b;
}
static inline void xval_text(struct xval *out, struct sm_str s) {
    out->kind = XV_TEXT;
    out->num = false;
    out->s = s;
}
static inline void xval_val(struct xval *out, sm_val v) {
    out->kind = XV_VAL;
    out->num = false;
    out->v = v;
}
static inline void xval_missing(struct xval *out) {
    xval_val(out, SM_MISSING);
}
static inline bool xval_is_missing(const struct xval *x) {
    return x->kind == XV_VAL ? x->v == SM_MISSING : x->kind == XV_TEXT && x->s.n == 0;
}
static inline void xeval(const struct xnode *n, struct xrun *r, struct xval *out) {
    n->run(n, r, out);
}
void xrun_begin(struct xrun *r, const struct sm_env *env);
void xrun_end(struct xrun *r);
/* Bytes that live until the evaluation ends; NULL when there are no more (the front is marked). */
char *xscratch(struct xrun *r, size_t n);
struct sm_str xstr(struct xrun *r, const struct xval *x);
struct sm_str xeval_str(const struct xnode *n, struct xrun *r);
bool xtruth(struct xrun *r, const struct xval *x);
/* The value as it leaves the evaluation. */
sm_val xval_out(struct xrun *r, const struct xval *x);
void xproblem(struct xrun *r, enum sm_expr_problem what, struct sm_str text, struct sm_slot slot);
bool xnum_parse(struct sm_str s, struct xnum *ret);
bool xnum_format(struct xrun *r, struct xnum x, struct xval *out);
/* Decimal comparison of two texts; false when one is no number. */
bool xnum_cmp(struct sm_str a, struct sm_str b, int *ret);
/* Evaluates a numeric argument: false when it is missing or no number (then a problem is noted). */
bool xeval_num(const struct xnode *n, struct xrun *r, struct sm_str *ret);
/* The argument as a whole number, half upwards; false as xeval_num. */
bool xeval_round(const struct xnode *n, struct xrun *r, int64_t *ret);
void xval_i64(struct xrun *r, int64_t v, struct xval *out);
struct xout { /* a text while it grows in scratch memory */
    struct xrun *r;
    char *p;
    size_t n, cap;
    bool failed;
};
/* Above X_TEXT_MAX the front is marked and the text has failed. */
void xout_add(struct xout *o, const char *p, size_t n);
/* Items of a sequence; SIZE_MAX when memory or the limit ended it. */
size_t xseq(const struct xnode *n, struct xrun *r, struct xval **ret);
size_t xtokens(const struct xnode *n, struct xrun *r, struct xval **ret); /* tokenize() */

void xrun_const(const struct xnode *n, struct xrun *r, struct xval *out);
void xrun_slot(const struct xnode *n, struct xrun *r, struct xval *out);
void xrun_and(const struct xnode *n, struct xrun *r, struct xval *out);
void xrun_or(const struct xnode *n, struct xrun *r, struct xval *out);
void xrun_if(const struct xnode *n, struct xrun *r, struct xval *out);
void xrun_compare(const struct xnode *n, struct xrun *r, struct xval *out);
/* Of a comparison: is it that of a slot with a text that is no number? */
bool xrun_is_text(const struct xnode *n);
void xrun_arith(const struct xnode *n, struct xrun *r, struct xval *out);
void xrun_negate(const struct xnode *n, struct xrun *r, struct xval *out);
void xrun_index(const struct xnode *n, struct xrun *r, struct xval *out);
void xrun_concat(const struct xnode *n, struct xrun *r, struct xval *out);
void xrun_seq(const struct xnode *n, struct xrun *r,
              struct xval *out); /* never evaluated as one value */

/* ---- what a thread keeps between evaluations (in its front's slot) ---- */
struct xkeep *xkeep_get(struct sm_intern *in); /* NULL when out of memory */
struct sm_arena *xkeep_arena(struct xkeep *k);
unsigned *xkeep_depth(struct xkeep *k);

/* ---- regular expressions (expr_regex.c) ---- */
struct xregex;
/* Compiles; kept until the front is closed. NULL with a message in `why` (120 bytes) otherwise. */
const struct xregex *xregex_const(struct sm_intern *in, struct sm_str pattern, struct sm_str flags,
                                  char *why, size_t *ret_at);
/* The one used last is kept, for patterns that are not constant. */
const struct xregex *xregex_last(struct sm_intern *in, struct sm_str pattern, struct sm_str flags);
/* Matches from `from` on. ret_span[2 * g], [2 * g + 1]: offsets of group g, SIZE_MAX if it took no
 * part; valid until the next call. Groups in *ret_n; 0 = no match; false = the limit on the work
 * ended it, or memory did (then the front has failed). */
bool xregex_match(struct sm_intern *in, const struct xregex *re, struct sm_str text, size_t from,
                  const size_t **ret_span, size_t *ret_n);
#endif
