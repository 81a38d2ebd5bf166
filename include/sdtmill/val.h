/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_VAL_H
#define SDTMILL_VAL_H
/* val.h - a cell in eight bytes. Every value is text (a number is its decimal text, a date its
 * ISO 8601 text); this is how the text is kept while it travels.
 *
 *   0                          missing (SDTM knows no empty text)
 *   0x01 bbbbbbb               text of 1..7 bytes, left-justified, zero-filled: numeric order of
 * two such values is memcmp order of the texts 0x02 ---- iiii             longer text: number in
 * the run's text pool 01.. (two top bits)        packed date/time of dtc.h
 *
 * A text of at most 7 bytes is always inline, a longer one always pooled, so equal values that are
 * both not dates are equal texts and the other way round. A date variable's column holds packed
 * dates wherever the text is packable (sm_val_as_dtc), so equality is one comparison there too.
 *
 * Threads  one pool per run, shared; each thread interns through its own front (sm_intern), which
 *          asks the pool only for texts it has not seen. Pool numbers depend on thread timing and
 *          therefore never decide an order or reach an output. */
#include "sdtmill/common.h"
#include "sdtmill/dtc.h"
#include "sdtmill/str.h"

typedef uint64_t sm_val;
#define SM_MISSING ((sm_val)0)
struct sm_valbuf {
    char c[SM_DTC_TEXT_MAX];
}; /* room for the text of an inline or date value */

struct sm_texts;  /* the pool: append-only, sharded, entries never move */
struct sm_intern; /* one thread's front */

int sm_texts_open(struct sm_texts **ret, struct sm_err *err) SM_MUST_CHECK;
void sm_texts_close(struct sm_texts *t);
uint64_t sm_texts_bytes(const struct sm_texts *t); /* memory it holds */
/* Forgets all texts and gives their memory back: every pooled value made before means nothing now.
 * One thread only; `in` is the only front of the pool. */
void sm_texts_reset(struct sm_texts *t, struct sm_intern *in);
int sm_intern_open(struct sm_intern **ret, struct sm_texts *t, struct sm_err *err) SM_MUST_CHECK;
void sm_intern_close(struct sm_intern *in);
struct sm_texts *sm_intern_texts(const struct sm_intern *in);
/* True after a failed intern (out of memory, or a text above 1 MiB): sticky, checked once a batch.
 */
bool sm_intern_failed(const struct sm_intern *in);
/* Sets that mark: a value could not be made because a stated limit was reached. */
void sm_intern_fail(struct sm_intern *in);
/* A place where the expression engine keeps what it reuses from call to call on this thread (match
 * data, scratch memory, compiled patterns). drop(p) runs when the front is closed. */
struct sm_intern_slot {
    void *p;
    void (*drop)(void *p);
};
struct sm_intern_slot *sm_intern_slot(struct sm_intern *in);

/* The inline value of n = 1..7 bytes. Trailing NUL bytes cannot be kept; nothing but NULs is
 * missing. */
static inline sm_val sm_val_make_short(const char *p, size_t n) {
    const unsigned char *u = (const unsigned char *)p;
    uint64_t v;
    if (n >= 4) {
        uint32_t first, last; /* overlapping halves hold the same bits at the same place */
        memcpy(&first, u, 4);
        memcpy(&last, u + (n - 4), 4);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        first = __builtin_bswap32(first);
        last = __builtin_bswap32(last);
#endif
        v = (uint64_t)first << 24 | (uint64_t)last << (8 * (7 - n));
    } else {
        v = (uint64_t)u[0] << 48 | (uint64_t)u[n >> 1] << (48 - 8 * (n >> 1)) |
            (uint64_t)u[n - 1] << (48 - 8 * (n - 1));
    }
    return v ? v | (uint64_t)1 << 56 : 0;
}
/* Asks for the memory that the functions below will read of v. */
void sm_val_ask(const struct sm_texts *t, sm_val v);
/* Text to value; empty or no value gives SM_MISSING. No date packing. */
sm_val sm_val_make(struct sm_intern *in, struct sm_str s);
/* The same for n texts at once, which is faster where they are many. */
void sm_val_make_each(struct sm_intern *in, const struct sm_str *s, size_t n, sm_val *ret);
/* The text of v: points into the pool, or into buf for short and date values. Missing gives
 * {buf, 0}. Ends with a NUL. */
struct sm_str sm_val_text(const struct sm_texts *t, sm_val v, struct sm_valbuf *buf);
sm_val sm_val_from_i64(struct sm_intern *in, int64_t n);
/* Packs if possible, else the text form. Nothing known gives SM_MISSING. */
sm_val sm_val_from_dtc(struct sm_intern *in, const struct sm_dtc *d);
/* Reads a value as a date: packed ones directly, texts through sm_dtc_parse. */
bool sm_val_to_dtc(const struct sm_texts *t, sm_val v, struct sm_dtc *ret);
/* The packed form of a text that is a packable canonical date, else v itself. */
sm_val sm_val_as_dtc(const struct sm_texts *t, sm_val v);
/* Reads a value as a number (decimal grammar of num.h). */
bool sm_val_to_num(const struct sm_texts *t, sm_val v, double *ret);
/* Same text? Also right between a packed date and a text. */
bool sm_val_eq(const struct sm_texts *t, sm_val a, sm_val b);
/* memcmp order of the texts, missing first. */
int sm_val_cmp(const struct sm_texts *t, sm_val a, sm_val b);
/* Hash of the text (equal for a packed date and its text). */
uint64_t sm_val_hash(const struct sm_texts *t, sm_val v);

static inline bool sm_val_is_dtc(sm_val v) {
    return (v >> 62) == 1;
}
static inline bool sm_val_is_inline(sm_val v) {
    return (v >> 56) == 1;
}
static inline bool sm_val_is_pooled(sm_val v) {
    return (v >> 56) == 2;
}
/* Bytes of an inline value's text; is it made of digits alone? */
static inline unsigned sm_val_inline_length(sm_val v) {
    return 8 - ((unsigned)__builtin_ctzll(v << 8) >> 3); /* v << 8 is never 0 */
}
static inline bool sm_val_is_digits(sm_val v) {
    const uint64_t ones = UINT64_C(0x0101010101010101), left = v << 8;
    const unsigned behind = (unsigned)__builtin_ctzll(left) & ~7u;
    const uint64_t digits = (left ^ ones * '0') >> behind;
    return ((digits | (digits + ones * 6)) & ones * 0xF0) == 0;
}
static inline uint64_t sm_val_packed(sm_val v) {
    return v & ~((uint64_t)3 << 62);
}
static inline sm_val sm_val_of_packed(uint64_t packed) {
    return packed | (uint64_t)1 << 62;
}

/* ---- where a row came from ------------------------------------------------------------------
 * One number orders all rows of a run: file (in the run's sorted list), first physical line of the
 * record, and which of the records made from it this is. It is the tie-break of every sort. */
enum { SM_POS_COPY_BITS = 16, SM_POS_LINE_BITS = 34, SM_POS_FILE_BITS = 14 };
typedef uint64_t sm_pos;
static inline sm_pos sm_pos_make(uint32_t file, uint64_t line, uint32_t copy) {
    return (uint64_t)file << (SM_POS_COPY_BITS + SM_POS_LINE_BITS) | line << SM_POS_COPY_BITS |
           copy;
}
static inline uint32_t sm_pos_file(sm_pos p) {
    return (uint32_t)(p >> (SM_POS_COPY_BITS + SM_POS_LINE_BITS));
}
static inline uint64_t sm_pos_line(sm_pos p) {
    return p >> SM_POS_COPY_BITS & (((uint64_t)1 << SM_POS_LINE_BITS) - 1);
}
static inline uint32_t sm_pos_copy(sm_pos p) {
    return (uint32_t)(p & ((1u << SM_POS_COPY_BITS) - 1));
}
#endif
