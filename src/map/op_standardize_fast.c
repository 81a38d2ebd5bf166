/* SPDX-License-Identifier: MIT */
#include "map/map_priv.h"

/* Plain results, which most are. What belongs to test, unit and limits is found once for each of
 * their combinations (a kind); what belongs to the number, once for each number and row of the
 * units table. A kind or number that needs a finding, a sign or more digits than fit is not
 * easy. */

enum { KINDS = 4, KIND_BITS = 9, NUMBER_BITS = 16, WAYS = 8, PLACES = 6, DIGITS = 12, TILE = 32 };
#define NOT_FIXED INT64_MIN

struct std_kind {
    sm_val in[KINDS]; /* test, unit, low, high */
    const struct sm_convert *row;
    sm_val unit, low, high; /* as they are written */
    int64_t least, most;    /* limits as collected */
    bool known, easy;
};
struct std_number {
    const struct sm_convert *row;
    sm_val in, out; /* in 0 = free */
    int64_t fixed;  /* in, NOT_FIXED = not easy */
};
struct map_std {
    struct std_kind kind[1 << KIND_BITS];
    struct std_number number[1 << NUMBER_BITS];
    uint64_t made; /* kinds so far, each in the place of another */
};

void map_standardize_free(struct sm_map_worker *w, struct map_rule *r) {
    if (r->std) w->memo_bytes -= sizeof *r->std;
    sm_free(r->std);
    r->std = NULL;
}

static bool std_ready(struct sm_map_worker *w, struct map_rule *r) {
    if (r->std) return true;
    if (!map_memo_may(w, sizeof *r->std)) return false;
    /* zeroed here: of sm_alloc's zeros a page that is read before it is written comes twice, and
     * then all threads wait */
    if (sm_resize(&r->std, 1, sizeof *r->std, NULL) != SM_OK) return false;
    memset(r->std, 0, sizeof *r->std);
    w->memo_bytes += sizeof *r->std;
    return true;
}

/* A decimal of few digits and no more than PLACES places, times 10 to the power of PLACES. */
static int64_t fixed_point(struct sm_str s) {
    int64_t n = 0;
    size_t i = s.n > 0 && s.p[0] == '-', digits = 0, places = 0;
    for (; i < s.n && sm_is_digit(s.p[i]); i++, digits++)
        n = digits < DIGITS ? n * 10 + (s.p[i] - '0') : n;
    if (digits == 0 || digits > DIGITS) return NOT_FIXED;
    if (i < s.n && s.p[i] != '.') return NOT_FIXED;
    bool point = i < s.n;
    for (i += point; i < s.n && sm_is_digit(s.p[i]) && places < PLACES; i++, places++)
        n = n * 10 + (s.p[i] - '0');
    if (i < s.n || (point && places == 0)) return NOT_FIXED;
    for (; places < PLACES; places++)
        n *= 10;
    return s.p[0] == '-' ? -n : n;
}

static int64_t fixed_value(const struct map_run *m, sm_val v) {
    struct sm_valbuf buf;
    return fixed_point(map_text(m, v, &buf));
}

/* ---- numbers ----------------------------------------------------------------------------------
 */

static inline uint64_t number_hash(const struct sm_convert *row, sm_val in) {
    uint64_t h = (uintptr_t)row * UINT64_C(0xBF58476D1CE4E5B9) + (in ^ in >> 32);
    return h * UINT64_C(0x9E3779B97F4A7C15) >> (64 - NUMBER_BITS);
}

static __attribute__((noinline)) void number_make(struct map_run *m, const struct sm_rule *rule,
                                                  const struct sm_convert *row, sm_val in,
                                                  struct std_number *ret) {
    struct sm_valbuf buf;
    struct std_number x = {row, in, SM_MISSING, NOT_FIXED};
    if (map_std_convert(m, rule, row, SM_STR(""), map_text(m, in, &buf), &x.out))
        x.fixed = fixed_value(m, in);
    *ret = x;
}

/* An entry whose first place is taken is in one of WAYS - 1 others; when all are taken, it takes the
 * first. */
static __attribute__((noinline)) const struct std_number *
number_elsewhere(struct map_run *m, const struct map_rule *r, const struct sm_convert *row,
                 sm_val in, uint64_t first) {
    struct std_number *all = r->std->number, *x = &all[first];
    for (uint64_t k = 1; k < WAYS && x->in; k++) {
        x = &all[first ^ k];
        if (x->in == in && x->row == row) return x;
    }
    if (x->in) x = &all[first];
    number_make(m, r->rule, row, in, x);
    return x;
}

static inline const struct std_number *number_of(struct map_run *m, const struct map_rule *r,
                                                 const struct sm_convert *row, sm_val in) {
    const uint64_t first = number_hash(row, in);
    const struct std_number *x = &r->std->number[first];
    if (__builtin_expect((x->in == in) & (x->row == row), 1)) return x;
    return number_elsewhere(m, r, row, in, first);
}

bool map_std_number(struct map_run *m, const struct map_rule *r, const struct sm_convert *row,
                    sm_val in, sm_val *ret) {
    struct std_number x;
    if (r->std && !m->w->memo_none)
        x = *number_of(m, r, row, in);
    else
        number_make(m, r->rule, row, in, &x);
    if (x.out != SM_MISSING) *ret = x.out;
    return x.out != SM_MISSING;
}

/* ---- kinds ------------------------------------------------------------------------------------
 */

static bool limit_of(struct map_run *m, const struct map_rule *r, const struct sm_convert *row,
                     sm_val limit, sm_val *ret, int64_t *ret_fixed) {
    *ret = SM_MISSING;
    if (limit == SM_MISSING) return true;
    *ret_fixed = fixed_value(m, limit);
    return *ret_fixed != NOT_FIXED && map_std_number(m, r, row, limit, ret);
}

static __attribute__((noinline)) void kind_make(struct map_run *m, const struct map_rule *r,
                                                const sm_val *in, struct std_kind *k) {
    const struct sm_units *units = r->rule->units;
    *k = (struct std_kind){.known = true, .least = INT64_MIN, .most = INT64_MAX};
    memcpy(k->in, in, sizeof k->in);
    k->row = units ? map_std_row(m, units, in[0], in[1]) : NULL;
    k->unit = k->row ? k->row->to : in[1];
    k->easy = (k->row || !units) && limit_of(m, r, k->row, in[2], &k->low, &k->least) &&
              limit_of(m, r, k->row, in[3], &k->high, &k->most);
}

static inline bool kind_is(const struct std_kind *k, const sm_val *in) {
    return (k->in[0] == in[0]) & (k->in[1] == in[1]) & (k->in[2] == in[2]) & (k->in[3] == in[3]) &
           k->known;
}

static inline const struct std_kind *kind_of(struct map_run *m, const struct map_rule *r,
                                             const sm_val *in) {
    uint64_t h = in[0] * UINT64_C(0x9E3779B97F4A7C15) + in[1] * UINT64_C(0xBF58476D1CE4E5B9) +
                 in[2] * UINT64_C(0x94D049BB133111EB) + in[3] * UINT64_C(0xD6E8FEB86659FD93);
    struct std_kind *k = &r->std->kind[h >> (64 - KIND_BITS)];
    if (__builtin_expect(kind_is(k, in), 1)) return k;
    struct std_kind *second = &r->std->kind[h >> (64 - KIND_BITS) ^ 1];
    if (kind_is(second, in)) return second;
    *second = *k;
    kind_make(m, r, in, k);
    r->std->made++;
    return k;
}

static sm_val indicator(const struct std_kind *k, int64_t fixed) {
    if (k->in[2] == SM_MISSING && k->in[3] == SM_MISSING) return SM_MISSING;
    if (fixed < k->least) return sm_val_make_short("LOW", 3);
    if (fixed > k->most) return sm_val_make_short("HIGH", 4);
    return sm_val_make_short("NORMAL", 6);
}

/* False: not easy. k: NULL for no result. */
static inline bool fast_result(struct map_run *m, const struct map_rule *r,
                               const struct std_kind *k, sm_val value, sm_val *const *to,
                               uint32_t rec) {
    if (!k) {
        for (uint32_t o = 0; o < MAP_OUT_COUNT; o++)
            to[o][rec] = SM_MISSING;
        return true;
    }
    if (!k->easy) return false;
    const struct std_number *x = number_of(m, r, k->row, value);
    if (x->fixed == NOT_FIXED) return false;
    to[MAP_OUT_STRESC][rec] = to[MAP_OUT_STRESN][rec] = x->out;
    to[MAP_OUT_STRESU][rec] = k->unit;
    to[MAP_OUT_STNRLO][rec] = k->low;
    to[MAP_OUT_STNRHI][rec] = k->high;
    to[MAP_OUT_NRIND][rec] = indicator(k, x->fixed);
    return true;
}

/* Columns of test, unit, limits and result; what the domain does not have is missing. */
static bool columns_of(struct map_run *m, const struct sm_rule *rule, const sm_val **ret) {
    static const enum sm_std_var which[] = {SM_STD_TEST, SM_STD_ORRESU, SM_STD_ORNRLO,
                                            SM_STD_ORNRHI, SM_STD_ORRES};
    sm_val *none = NULL;
    for (uint32_t i = 0; i <= KINDS; i++) {
        uint32_t var = rule->v[which[i]];
        if (var == SM_NO && !none) none = map_room_zero(m, (size_t)m->nrec + 1, sizeof *none);
        ret[i] = var == SM_NO ? none : m->var[var];
        if (!ret[i]) return false;
    }
    return true;
}

/* What the fast way reads and writes. */
struct fast {
    const sm_val *src[KINDS + 1];
    sm_val *to[MAP_OUT_COUNT];
};

static inline const struct std_kind *kind_at(struct map_run *m, const struct map_rule *r,
                                             const struct fast *f, uint32_t rec) {
    const sm_val in[] = {f->src[0][rec], f->src[1][rec], f->src[2][rec], f->src[3][rec]};
    return f->src[KINDS][rec] == SM_MISSING ? NULL : kind_of(m, r, in);
}

/* Kinds first: so the numbers of all these records can be asked for before they are needed. */
static uint32_t fast_tile(struct map_run *m, const struct map_rule *r, const struct fast *f,
                          const uint32_t *rec, uint32_t from, uint32_t n, uint32_t *rest) {
    const struct std_kind *kind[TILE];
    const uint64_t made = r->std->made;
    uint32_t left = 0;
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t at = rec ? rec[i] : from + i;
        kind[i] = kind_at(m, r, f, at);
        if (kind[i])
            __builtin_prefetch(&r->std->number[number_hash(kind[i]->row, f->src[KINDS][at])]);
    }
    const bool stand = r->std->made == made;
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t at = rec ? rec[i] : from + i;
        const struct std_kind *k = stand ? kind[i] : kind_at(m, r, f, at);
        rest[left] = from + i;
        left += !fast_result(m, r, k, f->src[KINDS][at], f->to, at);
    }
    return left;
}

uint32_t map_standardize_fast(struct map_run *m, struct map_rule *r, const struct map_sel *sel,
                              sm_val *const *dst, uint32_t *rest) {
    struct fast f;
    sm_val *waste = map_room_take(m, (size_t)m->nrec + 1, sizeof *waste);
    uint32_t n = 0;
    if (!waste || !columns_of(m, r->rule, f.src) || !std_ready(m->w, r)) {
        for (; n < sel->n; n++)
            rest[n] = n;
        return n;
    }
    for (uint32_t o = 0; o < MAP_OUT_COUNT; o++)
        f.to[o] = dst[o] ? dst[o] : waste;
    for (uint32_t k = 0; k < sel->n; k += TILE) {
        const uint32_t many = sel->n - k < TILE ? sel->n - k : TILE;
        n += fast_tile(m, r, &f, sel->rec ? sel->rec + k : NULL, k, many, rest + n);
    }
    return n;
}
