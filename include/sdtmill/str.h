/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_STR_H
#define SDTMILL_STR_H
/* str.h - borrowed bytes. p == NULL means "no value"; n == 0 with p set means an empty text.
 * Classification is ASCII only and independent of the locale. */
#include "sdtmill/common.h"

struct sm_str {
    const char *p;
    size_t n;
};

#define SM_STR(literal) ((struct sm_str){(literal), sizeof(literal) - 1})
#define SM_STR_FMT(s) (int)((s).n > 4096 ? 4096 : (s).n), ((s).p ? (s).p : "")  /* for "%.*s" */

/* NULL gives the no-value slice. */
struct sm_str sm_str(const char *cstr);
struct sm_str sm_str_n(const char *p, size_t n);
bool sm_str_eq(struct sm_str a, struct sm_str b);
bool sm_str_eq_c(struct sm_str a, const char *b);
/* Equal when ASCII letters are compared without case. */
bool sm_str_eq_nocase(struct sm_str a, struct sm_str b);
/* memcmp order, shorter first on a tie; no value sorts before empty. <0, 0, >0. */
int sm_str_cmp(struct sm_str a, struct sm_str b);
bool sm_str_starts(struct sm_str s, struct sm_str prefix);
bool sm_str_ends(struct sm_str s, struct sm_str suffix);
/* Without blanks, tabs, CR and LF at both ends; the Unicode form also takes U+00A0, U+FEFF and
 * U+200F off (UTF-8). */
struct sm_str sm_str_trim(struct sm_str s);
struct sm_str sm_str_trim_unicode(struct sm_str s);
/* Offset of the first occurrence at or after `from`, or SIZE_MAX. */
size_t sm_str_find(struct sm_str s, struct sm_str needle, size_t from);
size_t sm_str_find_byte(struct sm_str s, char c, size_t from);
/* Cuts the piece before the next `sep` off *rest (the separator too). False when *rest has no
 * value left. "a|b" gives "a" and "b"; "" gives one empty piece. */
bool sm_str_split(struct sm_str *rest, char sep, struct sm_str *ret_piece);
/* The same for runs of ASCII white space; no empty pieces. */
bool sm_str_word(struct sm_str *rest, struct sm_str *ret_word);
/* Decimal digits only; false on overflow or anything else. */
bool sm_str_to_u64(struct sm_str s, uint64_t *ret);
bool sm_str_to_i64(struct sm_str s, int64_t *ret);
/* Edit distance (Damerau-Levenshtein, ASCII case folded), capped: anything above `cap` is
 * cap+1, and so are texts of more than 256 bytes between their common ends. */
unsigned sm_str_distance(struct sm_str a, struct sm_str b, unsigned cap);
static inline bool sm_is_digit(char c) { return c >= '0' && c <= '9'; }
static inline bool sm_is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
static inline bool sm_is_blank(char c) { return c == ' ' || c == '\t'; }
static inline char sm_to_lower(char c) { return (c >= 'A' && c <= 'Z') ? (char)(c + 32) : c; }
static inline char sm_to_upper(char c) { return (c >= 'a' && c <= 'z') ? (char)(c - 32) : c; }
#endif
