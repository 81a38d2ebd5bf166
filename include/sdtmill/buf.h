/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_BUF_H
#define SDTMILL_BUF_H
/* buf.h - growable bytes with a ceiling. Failure is sticky: after one failed append every further
 * one does nothing and `failed` stays set, so a writer may check once at the end. There is always
 * a NUL behind the last byte once anything was appended. */
#include "sdtmill/common.h"
#include "sdtmill/str.h"

struct sm_buf {
    char *p;
    size_t n, cap, max;  /* max == 0: no ceiling */
    bool failed;
    bool over;           /* failed because of max */
};

void sm_buf_init(struct sm_buf *b, size_t max);
/* Makes room for n more bytes; false when failed. Afterwards the caller may write p[n..] itself
 * and raise n (there is room for a NUL behind them too). */
bool sm_buf_reserve(struct sm_buf *b, size_t n);
void sm_buf_add(struct sm_buf *b, const char *p, size_t n);
void sm_buf_add_str(struct sm_buf *b, struct sm_str s);
void sm_buf_add_c(struct sm_buf *b, const char *cstr);
void sm_buf_add_byte(struct sm_buf *b, char c);
void sm_buf_add_u64(struct sm_buf *b, uint64_t v);
void sm_buf_add_i64(struct sm_buf *b, int64_t v);
void sm_buf_printf(struct sm_buf *b, const char *fmt, ...) SM_PRINTF(2, 3);
struct sm_str sm_buf_str(const struct sm_buf *b);
/* Empties, keeps the memory, clears `failed`. */
void sm_buf_clear(struct sm_buf *b);
void sm_buf_free(struct sm_buf *b);
/* SM_ENOMEM (or SM_ELIMIT when max was hit) with err filled if the buffer failed, else SM_OK. */
int sm_buf_check(const struct sm_buf *b, struct sm_err *err) SM_MUST_CHECK;
#endif
