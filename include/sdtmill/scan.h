/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_SCAN_H
#define SDTMILL_SCAN_H
/* scan.h - sixty-four bytes at a time as masks of bits: bit i stands for byte i. */
#include "sdtmill/common.h"

/* Bytes looked at at once. So many must be readable from wherever a look starts, whatever they are;
 * where a text lies it is its buffer that has room for them behind the text. */
enum { SM_SCAN = 64 };

#ifdef __SSE2__
typedef char sm_scan_part __attribute__((vector_size(16)));
struct sm_scan {
    sm_scan_part a, b, c, d;
};
static inline sm_scan_part sm_scan_part_at(const char *p) {
    sm_scan_part part;
    memcpy(&part, p, sizeof part);
    return part;
}
#define SM_SCAN_BITS(part) ((uint64_t)(uint32_t)__builtin_ia32_pmovmskb128((sm_scan_part)(part)))
/* The parts' masks behind each other; `of` makes the mask of one part x. */
#define SM_SCAN_EACH(s, of)                                                                        \
    (SM_SCAN_BITS(of((s)->a)) | SM_SCAN_BITS(of((s)->b)) << 16 | SM_SCAN_BITS(of((s)->c)) << 32 |  \
     SM_SCAN_BITS(of((s)->d)) << 48)
#else
struct sm_scan {
    char c[SM_SCAN];
};
#endif

/* The first n <= SM_SCAN bytes at p; the others read as NUL. */
static inline void sm_scan_load(struct sm_scan *s, const char *p, size_t n) {
#define SM_SCAN_8 -1, -1, -1, -1, -1, -1, -1, -1
    static const char keep[2 * SM_SCAN] = {SM_SCAN_8, SM_SCAN_8, SM_SCAN_8, SM_SCAN_8,
                                           SM_SCAN_8, SM_SCAN_8, SM_SCAN_8, SM_SCAN_8};
#undef SM_SCAN_8
    const char *k = keep + (SM_SCAN - n);
#ifdef __SSE2__
    s->a = sm_scan_part_at(p) & sm_scan_part_at(k);
    s->b = sm_scan_part_at(p + 16) & sm_scan_part_at(k + 16);
    s->c = sm_scan_part_at(p + 32) & sm_scan_part_at(k + 32);
    s->d = sm_scan_part_at(p + 48) & sm_scan_part_at(k + 48);
#else
    for (size_t i = 0; i < SM_SCAN; i++)
        s->c[i] = (char)(p[i] & k[i]);
#endif
}

/* Where x stands. */
static inline uint64_t sm_scan_eq(const struct sm_scan *s, char x) {
#ifdef __SSE2__
#define SM_SCAN_SAME(part) ((part) == x)
    return SM_SCAN_EACH(s, SM_SCAN_SAME);
#undef SM_SCAN_SAME
#else
    uint64_t bits = 0;
    for (size_t i = 0; i < SM_SCAN; i++)
        bits |= (uint64_t)(s->c[i] == x) << i;
    return bits;
#endif
}

/* Where x or y stands. */
static inline uint64_t sm_scan_either(const struct sm_scan *s, char x, char y) {
#ifdef __SSE2__
#define SM_SCAN_ONE(part) (((part) == x) | ((part) == y))
    return SM_SCAN_EACH(s, SM_SCAN_ONE);
#undef SM_SCAN_ONE
#else
    return sm_scan_eq(s, x) | sm_scan_eq(s, y);
#endif
}

/* Is there a byte that is not ASCII? */
static inline bool sm_scan_high(const struct sm_scan *s) {
#ifdef __SSE2__
    return SM_SCAN_BITS(s->a | s->b | s->c | s->d) != 0;
#else
    unsigned all = 0;
    for (size_t i = 0; i < SM_SCAN; i++)
        all |= (unsigned char)s->c[i];
    return all >= 0x80;
#endif
}

/* Bit i is set where an odd number of bits is set up to it, itself included: between a first and a
 * second one, a third and a fourth, and so on. */
static inline uint64_t sm_scan_between(uint64_t bits) {
    bits ^= bits << 1;
    bits ^= bits << 2;
    bits ^= bits << 4;
    bits ^= bits << 8;
    bits ^= bits << 16;
    return bits ^ bits << 32;
}
#endif
