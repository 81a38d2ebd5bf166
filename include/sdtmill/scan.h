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
enum { SM_SCAN_PART = 16 };
#else
typedef char sm_scan_part;
enum { SM_SCAN_PART = 1 };
#endif
enum { SM_SCAN_PARTS = SM_SCAN / SM_SCAN_PART };
struct sm_scan {
    sm_scan_part v[SM_SCAN_PARTS];
};

static inline struct sm_scan sm_scan_load(const char *p) {
    struct sm_scan x;
    memcpy(&x, p, sizeof x);
    return x;
}

/* The first n < SM_SCAN bytes; the others read as NUL. */
static inline struct sm_scan sm_scan_load_n(const char *p, size_t n) {
    static const unsigned char keep[2 * SM_SCAN] = {
#define SM_SCAN_8 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF
        SM_SCAN_8, SM_SCAN_8, SM_SCAN_8, SM_SCAN_8, SM_SCAN_8, SM_SCAN_8, SM_SCAN_8, SM_SCAN_8};
#undef SM_SCAN_8
    struct sm_scan x, k;
    memcpy(&x, p, sizeof x);
    memcpy(&k, keep + SM_SCAN - n, sizeof k);
    for (int i = 0; i < SM_SCAN_PARTS; i++)
        x.v[i] &= k.v[i];
    return x;
}

#ifdef __SSE2__
static inline uint64_t sm_scan_bits(sm_scan_part part) {
    return (uint64_t)(uint32_t)__builtin_ia32_pmovmskb128(part);
}
static inline sm_scan_part sm_scan_same(sm_scan_part part, char c) {
    return (sm_scan_part)(part == c);
}
#else
static inline uint64_t sm_scan_bits(sm_scan_part part) {
    return (unsigned char)part >> 7;
}
static inline sm_scan_part sm_scan_same(sm_scan_part part, char c) {
    return (sm_scan_part)(part == c ? -1 : 0);
}
#endif

/* Where c stands. */
static inline uint64_t sm_scan_eq(struct sm_scan x, char c) {
    uint64_t bits = 0;
    for (int i = 0; i < SM_SCAN_PARTS; i++)
        bits |= sm_scan_bits(sm_scan_same(x.v[i], c)) << (i * SM_SCAN_PART);
    return bits;
}

/* Where a or b stands. */
static inline uint64_t sm_scan_either(struct sm_scan x, char a, char b) {
    uint64_t bits = 0;
    for (int i = 0; i < SM_SCAN_PARTS; i++) {
        sm_scan_part same = sm_scan_same(x.v[i], a) | sm_scan_same(x.v[i], b);
        bits |= sm_scan_bits(same) << (i * SM_SCAN_PART);
    }
    return bits;
}

/* Is there a byte that is not ASCII? */
static inline bool sm_scan_high(struct sm_scan x) {
    sm_scan_part all = x.v[0];
    for (int i = 1; i < SM_SCAN_PARTS; i++)
        all |= x.v[i];
    return sm_scan_bits(all) != 0;
}

/* Bit i is set where an odd number of bits is set up to it, itself included: between a first and a
 * second one, a third and a fourth, and so on. */
static inline uint64_t sm_scan_between(uint64_t bits) {
    for (int n = 1; n < 64; n *= 2)
        bits ^= bits << n;
    return bits;
}
#endif
