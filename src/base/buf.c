/* SPDX-License-Identifier: MIT */
#include "sdtmill/buf.h"

#include "sdtmill/err.h"
#include "sdtmill/mem.h"
#include "sdtmill/num.h"

void sm_buf_init(struct sm_buf *b, size_t max) { *b = (struct sm_buf){.max = max}; }

bool sm_buf_reserve(struct sm_buf *b, size_t n) {
    if (b->failed) return false;
    if (n < b->cap && b->n < b->cap - n && (b->max == 0 || n <= b->max - b->n)) return true;
    b->over = b->max != 0 && (b->n > b->max || n > b->max - b->n);
    b->failed = b->over || n > PTRDIFF_MAX - b->n - 1;
    if (b->failed) return false;
    size_t need = b->n + n + 1;
    size_t want = b->cap > SIZE_MAX / 2 ? need : b->cap * 2;
    if (want < 64) want = 64;
    if (b->max != 0 && want > b->max) want = b->max + 1;
    if (want < need) want = need;
    if (sm_resize(&b->p, want, 1, NULL) != SM_OK) {
        b->failed = true;
        return false;
    }
    b->cap = want;
    b->p[b->n] = '\0';
    return true;
}

void sm_buf_add(struct sm_buf *b, const char *p, size_t n) {
    if (!sm_buf_reserve(b, n)) return;
    if (n) memcpy(b->p + b->n, p, n);
    b->n += n;
    b->p[b->n] = '\0';
}

void sm_buf_add_str(struct sm_buf *b, struct sm_str s) { sm_buf_add(b, s.p, s.n); }

void sm_buf_add_c(struct sm_buf *b, const char *cstr) { sm_buf_add(b, cstr, strlen(cstr)); }

void sm_buf_add_byte(struct sm_buf *b, char c) { sm_buf_add(b, &c, 1); }

void sm_buf_add_u64(struct sm_buf *b, uint64_t v) {
    char text[20];
    sm_buf_add(b, text, sm_num_format_u64(v, text));
}

void sm_buf_add_i64(struct sm_buf *b, int64_t v) {
    char text[20];
    sm_buf_add(b, text, sm_num_format_i64(v, text));
}

void sm_buf_printf(struct sm_buf *b, const char *fmt, ...) {
    if (!sm_buf_reserve(b, 0)) return;
    size_t room = b->cap - b->n;
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(b->p + b->n, room, fmt, ap);
    va_end(ap);
    if (n < 0) {
        b->failed = true;
        b->p[b->n] = '\0';
        return;
    }
    if (!sm_buf_reserve(b, (size_t)n)) {
        b->p[b->n] = '\0';
        return;
    }
    if ((size_t)n >= room) {
        va_start(ap, fmt);
        vsnprintf(b->p + b->n, b->cap - b->n, fmt, ap);
        va_end(ap);
    }
    b->n += (size_t)n;
}

struct sm_str sm_buf_str(const struct sm_buf *b) {
    return (struct sm_str){b->p ? b->p : "", b->n};
}

void sm_buf_clear(struct sm_buf *b) {
    b->n = 0;
    b->failed = b->over = false;
    if (b->p) b->p[0] = '\0';
}

void sm_buf_free(struct sm_buf *b) {
    sm_free(b->p);
    sm_buf_init(b, b->max);
}

int sm_buf_check(const struct sm_buf *b, struct sm_err *err) {
    if (!b->failed) return SM_OK;
    if (b->over) return sm_fail(err, SM_ELIMIT, "text is longer than %zu bytes", b->max);
    return sm_fail(err, SM_ENOMEM, "out of memory");
}
