/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_UTF8_H
#define SDTMILL_UTF8_H
/* utf8.h - UTF-8 as RFC 3629 has it (no surrogates, nothing above U+10FFFF, shortest form only). */
#include "sdtmill/common.h"
#include "sdtmill/str.h"

/* Offset of the first byte that is not part of a valid character, or SIZE_MAX if all are valid.
 * ret_cut (may be NULL) tells whether the fault is a character cut off by the end of s. */
size_t sm_utf8_invalid(struct sm_str s, bool *ret_cut);
/* Characters in a valid text. */
size_t sm_utf8_count(struct sm_str s);
/* True if no byte is above 0x7E or below 0x20. */
bool sm_utf8_is_printable_ascii(struct sm_str s);
bool sm_utf8_is_ascii(struct sm_str s);
/* Reads one character at p < end of valid text, moves *p behind it. */
uint32_t sm_utf8_next(const char **p, const char *end);
/* Writes one character, returns its length 1..4. */
size_t sm_utf8_put(char out[4], uint32_t cp);
/* Lower-case/upper-case of Latin, Greek and Cyrillic letters; others unchanged. Sharp s, dotted i
 * and the like keep their length in characters. */
uint32_t sm_utf8_lower(uint32_t cp);
uint32_t sm_utf8_upper(uint32_t cp);
/* How people write a character where there is printable ASCII only ("ae" for U+00E4, "u" for U+00B5,
 * "<=" for U+2264): Latin-1, Latin Extended-A, Greek, typographic and mathematical signs. NULL: no
 * such form. An ASCII character has none either. */
const char *sm_utf8_ascii(uint32_t cp);
/* Appends a whole text so; false, and nothing appended, when it is no UTF-8 or a character has no such
 * form. */
struct sm_buf;
bool sm_utf8_to_ascii(struct sm_str s, struct sm_buf *to);
#endif
