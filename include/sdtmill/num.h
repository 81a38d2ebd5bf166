/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_NUM_H
#define SDTMILL_NUM_H
/* num.h - numbers as text: strict decimal grammar, exact decimal arithmetic, shortest doubles.
 * Nothing here looks at the locale. A decimal is [+-]digits[.digits] or .digits; an exponent is
 * accepted by sm_num_parse only where said. */
#include "sdtmill/common.h"
#include "sdtmill/arena.h"
#include "sdtmill/str.h"

/* Whole text is a decimal (see above; optional exponent if allow_exp). Never nan, inf or hex.
 * ret may be NULL. The double is the correctly rounded one; a text that would overflow is
 * refused. */
bool sm_num_parse(struct sm_str s, bool allow_exp, double *ret);
/* Shortest decimal text without exponent-if-avoidable that reads back to the same double ("39",
 * "5.4"; "-0" is "0"). Not finite gives 0 bytes. Returns the length; out needs 400 bytes. An
 * exponent ("1e21", "5e-8") is written outside 1e-7 .. 1e21. */
size_t sm_num_format(double v, char *out);
/* The same text without an exponent whatever the size (xs:decimal); out needs 400 bytes. */
size_t sm_num_format_plain(double v, char *out);
size_t sm_num_format_u64(uint64_t v, char *out);  /* out needs 20 bytes */
size_t sm_num_format_i64(int64_t v, char *out);   /* out needs 20 bytes */

enum sm_round {          /* what happens to the digits that are cut */
    SM_ROUND_HALF_UP,    /* half away from zero */
    SM_ROUND_HALF_EVEN,
    SM_ROUND_DOWN        /* towards zero */
};

/* An exact rational number (GMP). Opaque; made by sm_dec_*, owned by the caller. */
struct sm_dec;
/* Parses a decimal or a fraction of two decimals ("5/9", "0.6206"), at most 200 digits each without
 * redundant zeros (the limit holds for every text that is computed with below). NULL if it
 * is none or memory is short. */
struct sm_dec *sm_dec_parse(struct sm_str s) SM_MUST_CHECK;
/* Is it one? Tells a text that is none from short memory. */
bool sm_dec_is(struct sm_str s);
void sm_dec_free(struct sm_dec *d);
/* ((x + offset) x factor) rounded to `digits` places (trailing zeros dropped), written to out as
 * plain decimal text. x is decimal text; offset and factor may be NULL for 0 and 1; digits < 0
 * means "exact" and gives false when the result has no finite decimal expansion within 100 places.
 * out needs `cap` bytes, the length goes to ret_n (no NUL). False when x is no decimal,
 * or it does not fit. */
bool sm_dec_convert(struct sm_str x, const struct sm_dec *offset, const struct sm_dec *factor,
                    int digits, enum sm_round how, char *out, size_t cap, size_t *ret_n);
/* Arithmetic on decimal texts for expressions: op is one of + - * / % (as XPath div and mod).
 * Division gives at most 20 places, half to even. False: not numbers, division by zero,
 * too long. */
bool sm_dec_arith(char op, struct sm_str a, struct sm_str b, char *out, size_t cap, size_t *ret_n);
/* a rounded to `digits` (negative: left of the point) places. */
bool sm_dec_round(struct sm_str a, int digits, enum sm_round how, char *out, size_t cap,
                  size_t *ret_n);
/* Exact comparison of two decimal texts; *ret -1, 0, 1. False if one is no number. */
bool sm_dec_cmp(struct sm_str a, struct sm_str b, int *ret);
/* Canonical form: no plus sign, no leading zeros, no trailing zeros, no "-0". False if no
 * number. */
bool sm_dec_canonical(struct sm_str a, char *out, size_t cap, size_t *ret_n);
#endif
