/* SPDX-License-Identifier: MIT */
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "sdtmill/scan.h"

#define SCAN_INLINE static SM_INLINE

/* ---- what the masks say ------------------------------------------------------------------------
 */
/* Bit i is set where an odd number of bits is set up to it, itself included: between a first and a
 * second one, a third and a fourth, and so on. */
SCAN_INLINE uint64_t scan_between(uint64_t bits) {
    bits ^= bits << 1;
    bits ^= bits << 2;
    bits ^= bits << 4;
    bits ^= bits << 8;
    bits ^= bits << 16;
    return bits ^ bits << 32;
}

/* The bytes behind those of a mask. */
SCAN_INLINE uint64_t scan_behind(uint64_t bits, uint64_t before) {
    return bits << 1 | before >> 63;
}

/* A quote that opens stands behind a separator, one that closes before one, but for two within a
 * field, which stand next to each other. */
SCAN_INLINE struct sm_scan_records scan_records(struct sm_scan *s, uint64_t lf, uint64_t cr,
                                                uint64_t delimiter, uint64_t quote,
                                                uint64_t between) {
    const uint64_t inside = between ^ s->inside, breaks = lf | cr;
    const uint64_t separator = (breaks | delimiter) & ~inside;
    const uint64_t open = quote & inside, close = quote & ~inside;
    uint64_t odd =
        (open ^ scan_behind(close, s->quotes)) & ~(separator | scan_behind(separator, s->left));
    const uint64_t ends = cr & ~inside;
    if (ends | s->cr) odd |= scan_behind(ends, s->cr) & ~lf;
    s->inside = 0 - (inside >> 63);
    s->left = separator;
    s->quotes = close;
    s->cr = ends;
    return (struct sm_scan_records){lf & ~inside, quote, breaks & inside, odd};
}

/* Odd is a blank next to the bounds of a field, its quotes if it has some, and a quote that opens
 * elsewhere than behind a separator. What a closing one stands before is the splitter's affair. */
struct scan_ends {
    uint64_t ends, quoted, odd;
};
SCAN_INLINE struct scan_ends scan_ends(struct sm_scan *s, uint64_t lf, uint64_t cr,
                                       uint64_t delimiter, uint64_t quote, uint64_t between,
                                       uint64_t blank) {
    const uint64_t inside = between ^ s->inside, open = quote & inside;
    const uint64_t any = lf | cr | delimiter;
    uint64_t ends = any & ~inside;
    if (s->tab) blank |= delimiter & inside;
    const uint64_t left = ends | open, starts = scan_behind(left, s->left);
    const uint64_t odd = (blank & starts) | (open & ~starts) |
                         (scan_behind(blank, s->blanks) & (any | quote) & ~inside);
    if (cr | s->cr) ends &= ~(lf & scan_behind(cr, s->cr));
    const uint64_t quoted = ends & scan_behind(quote, s->quotes);
    s->inside = 0 - (inside >> 63);
    s->left = left;
    s->quotes = quote;
    s->cr = cr;
    s->blanks = blank;
    return (struct scan_ends){ends, quoted, odd};
}

/* Where two quotes bound a field, which is one of those that were put. */
SCAN_INLINE void scan_mark(struct scan_ends e, size_t had, uint32_t *to) {
    for (uint64_t q = e.quoted; q; q &= q - 1) {
        const size_t i = (size_t)__builtin_popcountll(e.ends & (q ^ (q - 1)) >> 1);
        to[i] |= sm_scan_quoted(had + i);
    }
}

/* The ends of a mask. There are mostly some but not many, and a processor cannot guess how many: so
 * a number of them is put that is nearly always enough. */
enum { SCAN_MOSTLY = 12 };
_Static_assert((int)SM_SCAN_MORE >= (int)SCAN_MOSTLY, "so many are put at a time, wherever the last end is");
#define SCAN_PUT_1(i, FIRST)                                                                       \
    to[i] = at + FIRST(ends);                                                                      \
    ends &= ends - 1;
#define SCAN_PUT_4(i, FIRST)                                                                       \
    SCAN_PUT_1((i), FIRST)                                                                         \
    SCAN_PUT_1((i) + 1, FIRST) SCAN_PUT_1((i) + 2, FIRST) SCAN_PUT_1((i) + 3, FIRST)
#define SCAN_PUT(NAME, TARGET, FIRST)                                                              \
    TARGET static inline void NAME##_put(struct scan_ends e, uint32_t at, size_t had,              \
                                         uint32_t *start) {                                        \
        uint32_t *to = start;                                                                      \
        for (uint64_t ends = e.ends; ends; to += SCAN_MOSTLY) {                                    \
            SCAN_PUT_4(0, FIRST)                                                                   \
            SCAN_PUT_4(4, FIRST)                                                                   \
            SCAN_PUT_4(8, FIRST)                                                                   \
        }                                                                                          \
        scan_mark(e, had, start);                                                                  \
    }

/* The same in all of them: TYPE holds sixty-four bytes, LOAD reads them, SAME compares them with a
 * sign, HIGH tells bytes from 0x80 on, BETWEEN is scan_between, PUT puts ends with their marks. FIRST is
 * the first bit, or any number if none is set. */
#define SCAN_WAY(NAME, TARGET, TYPE, LOAD, SAME, HIGH, BETWEEN, PUT)                               \
    TARGET static void NAME##_records(struct sm_scan *state, const char *p, size_t n,              \
                                      struct sm_scan_records *to) {                                \
        struct sm_scan s = *state;                                                                 \
        for (size_t i = 0; i < n; i++) {                                                           \
            const TYPE x = LOAD(p + i * SM_SCAN);                                                  \
            const uint64_t quote = SAME(x, s.quote) & s.signs;                                     \
            to[i] = scan_records(&s, SAME(x, '\n'), SAME(x, '\r'), SAME(x, s.delimiter), quote,    \
                                 BETWEEN(quote));                                                  \
        }                                                                                          \
        *state = s;                                                                                \
    }                                                                                              \
    TARGET static size_t NAME##_fields(struct sm_scan *state, const char *p, size_t n,             \
                                       uint32_t origin, size_t had, uint32_t *to,                  \
                                       size_t *ret_odd) {                                          \
        struct sm_scan s = *state;                                                                 \
        size_t ends = 0, odd = SIZE_MAX;                                                           \
        for (size_t at = 0; at < n * SM_SCAN && odd == SIZE_MAX; at += SM_SCAN) {                  \
            const TYPE x = LOAD(p + at);                                                           \
            const uint64_t quote = SAME(x, s.quote) & s.signs;                                     \
            const struct scan_ends e =                                                             \
                scan_ends(&s, SAME(x, '\n'), SAME(x, '\r'), SAME(x, s.delimiter), quote,           \
                          BETWEEN(quote), SAME(x, s.blank[0]) | SAME(x, s.blank[1]));              \
            const uint64_t bad = e.odd | HIGH(x);                                                  \
            PUT(e, origin + (uint32_t)at + 1, had + ends, to + ends);                              \
            ends += (size_t)__builtin_popcountll(e.ends);                                          \
            if (bad) odd = at + (size_t)__builtin_ctzll(bad);                                      \
        }                                                                                          \
        *state = s;                                                                                \
        *ret_odd = odd;                                                                            \
        return ends;                                                                               \
    }                                                                                              \
    static const struct sm_scan_way NAME = {NAME##_records, NAME##_fields};
#define SCAN_ANY
SCAN_INLINE uint32_t scan_first(uint64_t bits) {
    return (uint32_t)__builtin_ctzll(bits | (uint64_t)1 << 63);
}

/* ---- any processor: eight bytes as a number ----------------------------------------------------
 */
struct scan_words {
    uint64_t w[SM_SCAN / 8];
};
SCAN_INLINE struct scan_words words_load(const char *p) {
    struct scan_words x;
    memcpy(&x, p, sizeof x);
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
    for (size_t i = 0; i < SM_ARRAY_LEN(x.w); i++)
        x.w[i] = __builtin_bswap64(x.w[i]);
#endif
    return x;
}
/* The upper bits of the bytes. */
SCAN_INLINE uint64_t words_high(struct scan_words x) {
    uint64_t bits = 0;
    for (size_t i = 0; i < SM_ARRAY_LEN(x.w); i++) {
        const uint64_t high = x.w[i] >> 7 & UINT64_C(0x0101010101010101);
        bits |= (high * UINT64_C(0x0102040810204080) >> 56) << i * 8;
    }
    return bits;
}
/* A byte that differs has some bit: its upper one, or one that carries into that. */
SCAN_INLINE uint64_t words_same(struct scan_words x, char c) {
    const uint64_t low = UINT64_C(0x7F7F7F7F7F7F7F7F);
    for (size_t i = 0; i < SM_ARRAY_LEN(x.w); i++) {
        const uint64_t differ = x.w[i] ^ (unsigned char)c * UINT64_C(0x0101010101010101);
        x.w[i] = ~(((differ & low) + low) | differ);
    }
    return words_high(x);
}
SCAN_PUT(scan_words, SCAN_ANY, scan_first)
SCAN_WAY(scan_words, SCAN_ANY, struct scan_words, words_load, words_same, words_high, scan_between,
         scan_words_put)

#if defined(__x86_64__)
/* ---- SSE2, which all of them have --------------------------------------------------------------
 */
struct scan_sse2 {
    __m128i a, b, c, d;
};
SCAN_INLINE struct scan_sse2 sse2_load(const char *p) {
    const __m128i *at = (const __m128i *)(const void *)p;
    return (struct scan_sse2){_mm_loadu_si128(at), _mm_loadu_si128(at + 1), _mm_loadu_si128(at + 2),
                              _mm_loadu_si128(at + 3)};
}
SCAN_INLINE uint64_t sse2_bits(__m128i x) {
    return (uint32_t)_mm_movemask_epi8(x);
}
SCAN_INLINE uint64_t sse2_high(struct scan_sse2 x) {
    return sse2_bits(x.a) | sse2_bits(x.b) << 16 | sse2_bits(x.c) << 32 | sse2_bits(x.d) << 48;
}
SCAN_INLINE uint64_t sse2_same(struct scan_sse2 x, char c) {
    const __m128i sign = _mm_set1_epi8(c);
    return sse2_high((struct scan_sse2){_mm_cmpeq_epi8(x.a, sign), _mm_cmpeq_epi8(x.b, sign),
                                        _mm_cmpeq_epi8(x.c, sign), _mm_cmpeq_epi8(x.d, sign)});
}
SCAN_PUT(scan_sse2, SCAN_ANY, scan_first)
SCAN_WAY(scan_sse2, SCAN_ANY, struct scan_sse2, sse2_load, sse2_same, sse2_high, scan_between,
         scan_sse2_put)

/* ---- AVX2 --------------------------------------------------------------------------------------
 */
#define SCAN_AVX2 __attribute__((target("avx2,bmi,bmi2,popcnt,pclmul")))
struct scan_avx2 {
    __m256i a, b;
};
SCAN_AVX2 static inline struct scan_avx2 avx2_load(const char *p) {
    const __m256i *at = (const __m256i *)(const void *)p;
    return (struct scan_avx2){_mm256_loadu_si256(at), _mm256_loadu_si256(at + 1)};
}
SCAN_AVX2 static inline uint64_t avx2_high(struct scan_avx2 x) {
    return (uint32_t)_mm256_movemask_epi8(x.a) | (uint64_t)(uint32_t)_mm256_movemask_epi8(x.b)
                                                     << 32;
}
SCAN_AVX2 static inline uint64_t avx2_same(struct scan_avx2 x, char c) {
    const __m256i sign = _mm256_set1_epi8(c);
    return avx2_high(
        (struct scan_avx2){_mm256_cmpeq_epi8(x.a, sign), _mm256_cmpeq_epi8(x.b, sign)});
}
/* A product without carries with all ones is what scan_between adds up. */
SCAN_AVX2 static inline uint64_t avx2_between(uint64_t bits) {
    const __m128i x = _mm_set_epi64x(0, (long long)bits), ones = _mm_set1_epi8(-1);
    return (uint64_t)_mm_cvtsi128_si64(_mm_clmulepi64_si128(x, ones, 0));
}
SCAN_AVX2 static inline uint32_t avx2_first(uint64_t bits) {
    return (uint32_t)_tzcnt_u64(bits);
}
SCAN_PUT(scan_avx2, SCAN_AVX2, avx2_first)
SCAN_WAY(scan_avx2, SCAN_AVX2, struct scan_avx2, avx2_load, avx2_same, avx2_high, avx2_between,
         scan_avx2_put)

/* ---- AVX-512 -----------------------------------------------------------------------------------
 */
#define SCAN_AVX512                                                                                \
    __attribute__((target("avx2,bmi,bmi2,popcnt,pclmul,avx512f,avx512bw,avx512vbmi2")))
SCAN_AVX512 static inline __m512i avx512_load(const char *p) {
    return _mm512_loadu_si512(p);
}
SCAN_AVX512 static inline uint64_t avx512_high(__m512i x) {
    return _mm512_movepi8_mask(x);
}
SCAN_AVX512 static inline uint64_t avx512_same(__m512i x, char c) {
    return _mm512_cmpeq_epi8_mask(x, _mm512_set1_epi8(c));
}
/* The numbers of the bits, sixteen at a time; the marks are bits of their own among them. */
SCAN_AVX512 static inline void avx512_put(struct scan_ends e, uint32_t at, size_t had,
                                          uint32_t *to) {
    static const uint8_t place[SM_SCAN] = {
        0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
        22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43,
        44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};
    const __m512i from = _mm512_set1_epi32((int)at);
    const __m512i mark = _mm512_set1_epi64(
        (long long)((uint64_t)sm_scan_quoted(had + 1) << 32 | sm_scan_quoted(had)));
    __m512i x = _mm512_maskz_compress_epi8(e.ends, _mm512_loadu_si512(place));
    uint64_t quoted = _pext_u64(e.quoted, e.ends);
    for (size_t left = (size_t)_mm_popcnt_u64(e.ends);; left -= 16, to += 16, quoted >>= 16) {
        const __m512i end =
            _mm512_add_epi32(_mm512_cvtepu8_epi32(_mm512_castsi512_si128(x)), from);
        _mm512_storeu_si512(to, _mm512_mask_or_epi32(end, (__mmask16)quoted, end, mark));
        if (left <= 16) break;
        x = _mm512_alignr_epi64(x, x, 2);
    }
}
SCAN_WAY(scan_avx512, SCAN_AVX512, __m512i, avx512_load, avx512_same, avx512_high, avx2_between,
         avx512_put)
#endif

struct sm_scan sm_scan_start(char delimiter, char quote) {
    return (struct sm_scan){
        .delimiter = delimiter,
        .quote = quote,
        .blank = {delimiter == ' ' ? '\t' : ' ', delimiter == '\t' ? ' ' : '\t'},
        .signs = quote ? UINT64_MAX : 0,
        .tab = delimiter == ' ' || delimiter == '\t',
        .left = UINT64_MAX};
}

void sm_scan_ways(const struct sm_scan_way *ret[SM_SCAN_WAYS]) {
    size_t n = 0;
#if defined(__x86_64__)
    const bool avx512 = __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi2") &&
                        __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
                        __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("pclmul");
    if (avx512) ret[n++] = &scan_avx512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
        __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("pclmul"))
        ret[n++] = &scan_avx2;
    ret[n++] = &scan_sse2;
#endif
    ret[n++] = &scan_words;
    while (n < SM_SCAN_WAYS)
        ret[n++] = NULL;
}

const struct sm_scan_way *sm_scan_best(void) {
    const struct sm_scan_way *way[SM_SCAN_WAYS];
    sm_scan_ways(way);
    return way[0];
}
