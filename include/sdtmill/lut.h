/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_LUT_H
#define SDTMILL_LUT_H
/* lut.h - a table from a tuple of values to a tuple of values, in memory. Built by one thread, then
 * read by many. Keys are compared as texts (a packed date equals its text); ignore_case folds
 * letters. Rows stay in the order in which their keys first came. */
#include "sdtmill/val.h"

enum sm_take {
    SM_TAKE_FIRST,
    SM_TAKE_LAST,
    SM_TAKE_MIN,
    SM_TAKE_MAX,
    SM_TAKE_SUM,
    SM_TAKE_COUNT,
    SM_TAKE_ONLY
};
struct sm_lut;

int sm_lut_open(struct sm_lut **ret, struct sm_texts *t, uint32_t nkey, uint32_t nval,
                bool ignore_case, struct sm_err *err) SM_MUST_CHECK;
void sm_lut_close(struct sm_lut *l);
/* Adds a row; `val` may be NULL when nval is 0. A key that exists: *ret_old is its value row (which
 * the caller may change in place) and nothing is added; else *ret_old is NULL. */
int sm_lut_add(struct sm_lut *l, const sm_val *key, const sm_val *val, sm_val **ret_old,
               struct sm_err *err) SM_MUST_CHECK;
/* Combines v into *into: FIRST/LAST/MIN/MAX/SUM/COUNT (numbers by value when both are numbers, else
 * as text; missing never wins nor counts; SUM exact decimals, texts that are no numbers left out;
 * ONLY like FIRST). *into starts as SM_MISSING and takes every value, the first one too.
 * in: where new texts are interned. */
void sm_take_combine(enum sm_take how, sm_val *into, sm_val v, struct sm_intern *in);
/* Values of the key, NULL if it is not there. */
const sm_val *sm_lut_find(const struct sm_lut *l, const sm_val *key);
/* The same for n keys, one behind the other, which is faster where the table is large. */
void sm_lut_find_each(const struct sm_lut *l, const sm_val *key, size_t n, const sm_val **ret);
size_t sm_lut_count(const struct sm_lut *l);
const sm_val *sm_lut_key_at(const struct sm_lut *l, size_t i);
const sm_val *sm_lut_val_at(const struct sm_lut *l, size_t i);
uint32_t sm_lut_nkey(const struct sm_lut *l);
uint32_t sm_lut_nval(const struct sm_lut *l);
#endif
