/* SPDX-License-Identifier: MIT */
/* The input up to the first NUL is an expression, the rest a cell. Whatever compiles is evaluated
 * twice: both times must give the same value. Text that is not UTF-8 never reaches expressions. */
#include "sdtmill/err.h"
#include "sdtmill/expr.h"
#include "sdtmill/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sm_slot resolve(void *ctx, struct sm_str name, char force,
                              struct sm_str *ret_nearest) {
    (void)ctx;
    (void)force;
    *ret_nearest = SM_STR("A");
    bool known = name.n == 1 && name.p[0] >= 'A' && name.p[0] <= 'C';
    return (struct sm_slot){known ? SM_SLOT_COLUMN : SM_SLOT_NONE,
                            known ? (uint32_t)(name.p[0] - 'A') : 0};
}

static bool table(void *ctx, struct sm_str name, struct sm_str column, uint32_t *ret_lut,
                  uint32_t *ret_nkey, uint32_t *ret_val, struct sm_str *ret_nearest) {
    (void)ctx;
    (void)column;
    (void)ret_nearest;
    *ret_lut = 0;
    *ret_nkey = 1;
    *ret_val = 0;
    return sm_str_eq_c(name, "t");
}

static void run(struct sm_str text, struct sm_str cell, struct sm_intern *in,
                struct sm_arena *arena) {
    struct sm_err err = {0};
    uint32_t at = 0;
    const struct sm_expr_scope scope = {
        .resolve = resolve, .table = table, .in = in, .study_oid = SM_STR("S")};
    const struct sm_expr *e = sm_expr_compile(arena, text, &scope, &at, &err);
    if (!e) {
        if (err.code == SM_OK || at == 0 || at > sm_utf8_count(text) + 1) __builtin_trap();
        return;
    }
    sm_val cells[] = {sm_val_make(in, cell), sm_val_make(in, SM_STR("12.5")), SM_MISSING};
    cells[0] = sm_val_as_dtc(sm_intern_texts(in), cells[0]);
    const sm_val *col[] = {&cells[0], &cells[1], &cells[2]};
    const struct sm_lut *luts[] = {NULL};
    const struct sm_env env = {
        .in = in, .col = col, .lut = luts, .file_name = SM_STR("f"), .pos = sm_pos_make(1, 2, 3)};
    sm_val first = sm_expr_eval(e, &env);
    bool yes = sm_expr_test(e, &env);
    if (sm_intern_failed(in)) return;
    if (sm_expr_eval(e, &env) != first || sm_expr_test(e, &env) != yes) __builtin_trap();
    if (sm_expr_is_const(e, &first) && sm_expr_eval(e, &env) != first) __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *p = size ? (const char *)data : "";
    const char *nul = size ? memchr(p, '\0', size) : NULL;
    size_t n = nul ? (size_t)(nul - p) : size;
    struct sm_str text = sm_str_n(p, n),
                  cell = nul ? sm_str_n(nul + 1, size - n - 1) : SM_STR("some cell");
    struct sm_texts *t;
    struct sm_intern *in;
    struct sm_arena arena;
    struct sm_err err = {0};
    if (sm_utf8_invalid(text, NULL) != SIZE_MAX || sm_utf8_invalid(cell, NULL) != SIZE_MAX)
        return 0;
    if (cell.n && memchr(cell.p, '\0', cell.n)) return 0;
    if (sm_texts_open(&t, &err) != SM_OK) return 0;
    sm_arena_init(&arena);
    if (sm_intern_open(&in, t, &err) == SM_OK) {
        run(text, cell, in, &arena);
        sm_intern_close(in);
    }
    sm_arena_free(&arena);
    sm_texts_close(t);
    return 0;
}
