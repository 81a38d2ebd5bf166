/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_CSVW_H
#define SDTMILL_CSVW_H
/* csvw.h - CSV out (RFC 4180; the caller ends records with LF). A cell is quoted only where it must be: comma,
 * quote, CR, LF, or a blank at either end. */
#include "sdtmill/sink.h"

/* No comma, quote, CR or LF among eight bytes, and surely so: anything up to the comma counts. */
static inline bool sm_csv_word_plain(uint64_t w) {
    return ((w - UINT64_C(0x2D2D2D2D2D2D2D2D)) & ~w & UINT64_C(0x8080808080808080)) == 0;
}
/* Is there a comma, quote, CR or LF among eight bytes? */
static inline bool sm_csv_word_special(uint64_t w) {
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t comma = w ^ ones * ',', quote = w ^ ones * '"', lf = w ^ ones * '\n',
                   cr = w ^ ones * '\r';
    const uint64_t hit = ((comma - ones) & ~comma) | ((quote - ones) & ~quote) |
                         ((lf - ones) & ~lf) | ((cr - ones) & ~cr);
    return (hit & ones << 7) != 0;
}
/* True if s can stand without quotes. */
bool sm_csv_plain(struct sm_str s);
/* Writes s with quotes to p, which has room for 2 x s.n + 2 bytes; the end of what was written. */
char *sm_csv_put_quoted(char *p, struct sm_str s);
/* Writes a cell, quoted if need be, and `end` behind it. */
void sm_csvw_cell(struct sm_sink *k, struct sm_str s, char end);
#endif
