/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_EXPR_H
#define SDTMILL_EXPR_H
/* expr.h - expressions of the mapping language: a subset of XPath 2.0 over the cells of one row.
 * Compiled once into the spec's arena, evaluated by many threads. Names are resolved when compiled,
 * through the resolver of the context (file headers, source columns, output variables).
 *
 * A missing value is the empty text: `A != 'x'` holds for it, `A < 5` and `A > 5` do not. Two sides
 * that look like decimals are compared as decimals, else as texts in code point order. `A = (x, y)`
 * means any of them, `A != (x, y)` none of them. Boolean results leave as "true" and "false".
 * Arithmetic is exact; a missing operand gives missing, a text that is no number a problem too.
 * date-part() gives parts as ISO 8601 writes them ("03"). tokenize() takes [n], =, != or count().
 * Patterns are PCRE2 with Unicode, unanchored; replace() and tokenize() pass over empty matches.
 *
 * Limits  16 KiB and 100 levels of an expression (a chain of and, or, || is one level), 1 MiB of a
 *         text, 10,000 tokens, 1,000,000 steps of one match. One reached while running marks the
 *         front of the environment (sm_intern_failed) and gives missing. */
#include "sdtmill/arena.h"
#include "sdtmill/ct.h"
#include "sdtmill/lut.h"
#include "sdtmill/val.h"

struct sm_expr;
struct sm_dtc_pattern;
struct sm_dtc_rules;

enum sm_slot_kind {
    SM_SLOT_NONE,   /* unknown name */
    SM_SLOT_COLUMN, /* env->col[index][env->row] */
    SM_SLOT_VAR,    /* env->var[index][env->rec] */
    SM_SLOT_PARAM,  /* env->param[index]: 0 $value, 1 $column */
    SM_SLOT_REF     /* a finished domain's variable of this subject: index into spec refs */
};
struct sm_slot {
    enum sm_slot_kind kind;
    uint32_t index;
};

/* What an expression may see while it is compiled. */
struct sm_expr_scope {
    void *ctx;
    /* name as written; force: 0 bare name, 'c' column('..'), 'v' var('..'), '$' parameter (name
     * without the $), '.' DOMAIN.VARIABLE (every bare name with a full stop in it). On SM_SLOT_NONE
     * fills ret_nearest (may stay without value). */
    struct sm_slot (*resolve)(void *ctx, struct sm_str name, char force,
                              struct sm_str *ret_nearest);
    /* table or lookup by name: index for env->lut, its key count and value column; false if
     * unknown. column no value = the only value column. */
    bool (*table)(void *ctx, struct sm_str name, struct sm_str column, uint32_t *ret_lut,
                  uint32_t *ret_nkey, uint32_t *ret_val, struct sm_str *ret_nearest);
    struct sm_ct *ct;
    struct sm_intern
        *in; /* for constants; owns compiled patterns: must live as long as the expression */
    struct sm_str study_oid;
};

enum sm_expr_problem {
    SM_EXPR_NOT_A_NUMBER,
    SM_EXPR_UNKNOWN_KEY,
    SM_EXPR_BAD_DATE,
    SM_EXPR_NO_RESULT, /* the right side is 0, or the number becomes too long */
    SM_EXPR_TOO_COSTLY /* a pattern needs more work for this text than is allowed */
};
/* What it sees while it runs. */
struct sm_env {
    struct sm_intern *in;
    const sm_val *const *col;
    uint32_t row;
    const sm_val *const *var;
    uint32_t rec;
    const sm_val *param;
    const struct sm_lut *const *lut; /* static tables, then lookups, as numbered by the spec */
    const sm_val *(*subject)(
        const struct sm_env *env); /* values of spec refs for this row's subject; NULL = none */
    const void *subject_ctx;
    sm_val usubjid;
    const struct sm_dtc_pattern *dates, *times; /* the file's, for datetime(); may be NULL */
    const struct sm_dtc_rules *rules;
    struct sm_str file_name;
    sm_pos pos;
    /* called for each problem, with the offending text; slot = the input it came from, or kind NONE
     */
    void (*problem)(void *ctx, enum sm_expr_problem what, struct sm_str text, struct sm_slot slot);
    void *problem_ctx;
};

/* Compiles. On a mistake: NULL and err (SM_ESPEC) with the message; *ret_at is the 1-based
 * character position in the expression. */
const struct sm_expr *sm_expr_compile(struct sm_arena *a, struct sm_str text,
                                      const struct sm_expr_scope *scope, uint32_t *ret_at,
                                      struct sm_err *err);
/* The value; missing for "no value". */
sm_val sm_expr_eval(const struct sm_expr *e, const struct sm_env *env);
/* Effective boolean value (XPath rules: non-missing text is true; a number is true unless 0). */
bool sm_expr_test(const struct sm_expr *e, const struct sm_env *env);
/* Inputs, each once, in order of first use. */
size_t sm_expr_inputs(const struct sm_expr *e, const struct sm_slot **ret);
/* True if the value depends on nothing but the inputs and tables (no sourceline(), sourcefile(),
 * nor datetime(), which reads by the file's formats). Problems are called for at every evaluation.
 */
bool sm_expr_is_pure(const struct sm_expr *e);
/* True when it is a constant; its value in ret. */
bool sm_expr_is_const(const struct sm_expr *e, sm_val *ret);
/* True when it is an input and nothing else. */
bool sm_expr_is_slot(const struct sm_expr *e, struct sm_slot *ret);
/* True when it asks whether an input is a text (or is not: *ret_not) that is no number, and nothing else:
 * *ret is the input's value then, or equal to it by sm_val_eq. */
bool sm_expr_is_equal(const struct sm_expr *e, struct sm_slot *ret_slot, sm_val *ret, bool *ret_not);
struct sm_str sm_expr_text(const struct sm_expr *e); /* as written */
#endif
