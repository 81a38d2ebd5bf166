/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_JSONW_H
#define SDTMILL_JSONW_H
/* jsonw.h - JSON texts out (RFC 8259), UTF-8 raw. */
#include "sdtmill/buf.h"

enum { SM_JSON_GROWTH = 6 };  /* bytes that one byte can become: \u0001 */

/* Eight bytes of ASCII without control characters, quote and backslash. */
static inline bool sm_json_word_plain(uint64_t w) {
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = UINT64_C(0x8080808080808080);
    const uint64_t quot = w ^ ones * 2; /* the quote becomes 0x20; blank and ! become greater */
    const uint64_t back = w ^ ones * '\\';
    return !((w | (quot - ones * 0x21) | (back - ones)) & tops);
}
/* True if s can stand between quotes as it is. */
bool sm_json_plain(struct sm_str s);
/* Writes s escaped, without quotes, to p, which has room for SM_JSON_GROWTH x s.n bytes; the end of what
 * was written. A byte that is no UTF-8 becomes U+FFFD. */
char *sm_json_put(char *p, struct sm_str s);
/* Appends "text", with quotes; `"name":`. */
void sm_jsonw_text(struct sm_buf *b, struct sm_str s);
void sm_jsonw_name(struct sm_buf *b, const char *name);
#endif
