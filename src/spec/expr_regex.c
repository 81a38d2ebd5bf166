/* SPDX-License-Identifier: MIT */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "expr_priv.h"

#include "sdtmill/buf.h"
#include "sdtmill/mem.h"

enum {
    REGEX_GROUPS = 32,
    REGEX_PATTERN_MAX = 16 * 1024,
    REGEX_MATCH_LIMIT =
        1000000, /* steps of one match; a pattern that needs more is not fit for its data */
    REGEX_DEPTH_LIMIT = 10000,
    REGEX_HEAP_LIMIT = 16 * 1024, /* KiB */
    REGEX_JIT_LEAST = 32 * 1024,
    REGEX_JIT_MOST = 512 * 1024
};

struct xregex {
    pcre2_code *code;
    struct xregex *next;
};
struct xkeep {
    struct sm_arena arena;
    unsigned depth; /* evaluations under way on this thread */
    pcre2_general_context *general;
    pcre2_compile_context *compile;
    pcre2_match_context *match;
    pcre2_match_data *data;
    pcre2_jit_stack *jit;
    struct xregex *constant;
    struct xregex last;
    struct sm_buf last_text; /* flags, NUL, pattern of `last` */
};

static void *keep_alloc(size_t n, void *ctx) {
    (void)ctx;
    return sm_alloc(n, 1);
}

static void keep_release(void *p, void *ctx) {
    (void)ctx;
    sm_free(p);
}

static void keep_drop(void *p) {
    struct xkeep *k = p;
    for (struct xregex *re = k->constant, *next; re; re = next) {
        next = re->next;
        pcre2_code_free(re->code);
        sm_free(re);
    }
    pcre2_code_free(k->last.code);
    sm_buf_free(&k->last_text);
    pcre2_jit_stack_free(k->jit);
    pcre2_match_data_free(k->data);
    pcre2_match_context_free(k->match);
    pcre2_compile_context_free(k->compile);
    pcre2_general_context_free(k->general);
    sm_arena_free(&k->arena);
    sm_free(k);
}

struct xkeep *xkeep_get(struct sm_intern *in) {
    struct sm_intern_slot *slot = sm_intern_slot(in);
    if (slot->p) return slot->p;
    struct xkeep *k = sm_alloc(1, sizeof *k);
    if (!k) return NULL;
    sm_arena_init(&k->arena);
    sm_buf_init(&k->last_text, 0);
    slot->p = k;
    slot->drop = keep_drop;
    return k;
}

struct sm_arena *xkeep_arena(struct xkeep *k) {
    return &k->arena;
}
unsigned *xkeep_depth(struct xkeep *k) {
    return &k->depth;
}

/* What matching needs is made when the first pattern comes. */
static bool keep_regex(struct xkeep *k) {
    if (k->data) return true;
    if (!k->general) k->general = pcre2_general_context_create(keep_alloc, keep_release, NULL);
    if (!k->general) return false;
    if (!k->compile) k->compile = pcre2_compile_context_create(k->general);
    if (!k->match) k->match = pcre2_match_context_create(k->general);
    if (!k->compile || !k->match) return false;
    pcre2_set_max_pattern_length(k->compile, REGEX_PATTERN_MAX);
    pcre2_set_match_limit(k->match, REGEX_MATCH_LIMIT);
    pcre2_set_depth_limit(k->match, REGEX_DEPTH_LIMIT);
    pcre2_set_heap_limit(k->match, REGEX_HEAP_LIMIT);
    if (!k->jit) k->jit = pcre2_jit_stack_create(REGEX_JIT_LEAST, REGEX_JIT_MOST, k->general);
    if (k->jit) pcre2_jit_stack_assign(k->match, NULL, k->jit);
    k->data = pcre2_match_data_create(REGEX_GROUPS, k->general);
    return k->data != NULL;
}

static bool regex_flags(struct sm_str flags, uint32_t *ret) {
    static const struct {
        char c;
        uint32_t option;
    } known[] = {{'i', PCRE2_CASELESS},
                 {'m', PCRE2_MULTILINE},
                 {'s', PCRE2_DOTALL},
                 {'x', PCRE2_EXTENDED},
                 {'q', PCRE2_LITERAL}};
    *ret = PCRE2_UTF;
    uint32_t more = PCRE2_UCP | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C;
    for (size_t i = 0; i < flags.n; i++) {
        size_t f = 0;
        while (f < SM_ARRAY_LEN(known) && known[f].c != flags.p[i])
            f++;
        if (f == SM_ARRAY_LEN(known)) return false;
        if (known[f].option == PCRE2_LITERAL) more = 0;
        *ret |= known[f].option;
    }
    if (more == 0) *ret &= PCRE2_UTF | PCRE2_LITERAL | PCRE2_CASELESS;
    *ret |= more;
    return true;
}

static pcre2_code *regex_compile(struct xkeep *k, struct sm_str pattern, struct sm_str flags,
                                 char *why, size_t *ret_at) {
    uint32_t options;
    int code;
    PCRE2_SIZE at;
    *ret_at = 0;
    if (!regex_flags(flags, &options)) {
        if (why) snprintf(why, 120, "flags may be i, m, s, x and q");
        return NULL;
    }
    const char *p = pattern.n ? pattern.p : "";
    pcre2_code *re = pcre2_compile((PCRE2_SPTR)p, pattern.n, options, &code, &at, k->compile);
    if (re) {
        pcre2_jit_compile(re,
                          PCRE2_JIT_COMPLETE); /* without it matching is slower, not different */
        return re;
    }
    *ret_at = at;
    if (why) pcre2_get_error_message(code, (PCRE2_UCHAR *)why, 120);
    return NULL;
}

const struct xregex *xregex_const(struct sm_intern *in, struct sm_str pattern, struct sm_str flags,
                                  char *why, size_t *ret_at) {
    struct xkeep *k = xkeep_get(in);
    snprintf(why, 120, "out of memory");
    *ret_at = 0;
    if (!k || !keep_regex(k)) return NULL;
    struct xregex *re = sm_alloc(1, sizeof *re);
    if (!re) return NULL;
    re->code = regex_compile(k, pattern, flags, why, ret_at);
    if (!re->code) {
        sm_free(re);
        return NULL;
    }
    re->next = k->constant;
    k->constant = re;
    return re;
}

const struct xregex *xregex_last(struct sm_intern *in, struct sm_str pattern, struct sm_str flags) {
    struct xkeep *k = xkeep_get(in);
    size_t at;
    if (!k || !keep_regex(k)) {
        sm_intern_fail(in);
        return NULL;
    }
    struct sm_str was = sm_buf_str(&k->last_text);
    if (was.n == flags.n + 1 + pattern.n && was.p &&
        (flags.n == 0 || memcmp(was.p, flags.p, flags.n) == 0) && was.p[flags.n] == '\0' &&
        (pattern.n == 0 || memcmp(was.p + flags.n + 1, pattern.p, pattern.n) == 0))
        return k->last.code ? &k->last : NULL;
    pcre2_code_free(k->last.code);
    k->last.code = regex_compile(k, pattern, flags, NULL, &at);
    sm_buf_clear(&k->last_text);
    sm_buf_add_str(&k->last_text, flags);
    sm_buf_add_byte(&k->last_text, '\0');
    sm_buf_add_str(&k->last_text, pattern);
    if (k->last_text.failed) sm_buf_clear(&k->last_text);
    return k->last.code ? &k->last : NULL;
}

bool xregex_match(struct sm_intern *in, const struct xregex *re, struct sm_str text, size_t from,
                  const size_t **ret_span, size_t *ret_n) {
    struct xkeep *k = xkeep_get(in);
    *ret_n = 0;
    if (!k || !keep_regex(k)) {
        sm_intern_fail(in);
        return false;
    }
    const char *p = text.n ? text.p : "";
    uint32_t options = from ? PCRE2_NO_UTF_CHECK : 0;
    int rc = pcre2_match(re->code, (PCRE2_SPTR)p, text.n, from, options, k->data, k->match);
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT) /* the interpreter's heap is larger than the stack of the
                                             fast path */
        rc = pcre2_match(re->code, (PCRE2_SPTR)p, text.n, from, options | PCRE2_NO_JIT, k->data,
                         k->match);
    if (rc >= 0) {
        *ret_span = pcre2_get_ovector_pointer(k->data);
        *ret_n = rc == 0 ? REGEX_GROUPS : (size_t)rc;
        return true;
    }
    if (rc == PCRE2_ERROR_NOMATCH || (rc <= PCRE2_ERROR_UTF8_ERR1 && rc >= PCRE2_ERROR_UTF8_ERR21))
        return true;
    if (rc != PCRE2_ERROR_MATCHLIMIT && rc != PCRE2_ERROR_DEPTHLIMIT && rc != PCRE2_ERROR_HEAPLIMIT)
        sm_intern_fail(in);
    return false;
}
