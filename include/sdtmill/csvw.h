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
/* True if s can stand without quotes. */
bool sm_csv_plain(struct sm_str s);
/* Writes s with quotes to p, which has room for 2 x s.n + 2 bytes; the end of what was written. */
char *sm_csv_put_quoted(char *p, struct sm_str s);
/* Writes a cell, quoted if need be, and `end` behind it. */
void sm_csvw_cell(struct sm_sink *k, struct sm_str s, char end);
#endif
