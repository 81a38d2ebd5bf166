/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_SCAN_H
#define SDTMILL_SCAN_H
/* scan.h - where records and fields of CSV end, sixty-four bytes at a time, as masks of bits: bit i
 * stands for byte i. For usual CSV only: what is otherwise is told, not understood. There is one
 * way of looking for each kind of processor; all see the same. */
#include "sdtmill/common.h"

/* Bytes looked at at once: a whole number of them is read, from wherever a look starts. And the
 * room that is written to behind the ends of fields. */
enum { SM_SCAN = 64, SM_SCAN_MORE = 16 };

struct sm_scan { /* what is looked for, and what is known of the bytes before: sm_scan_start */
    char delimiter, quote, blank[2];
    bool tab;                          /* the delimiter is a blank itself */
    uint64_t signs;                    /* all bits: there is a quote sign */
    uint64_t inside;                   /* all bits: within quotes */
    uint64_t left, quotes, cr, blanks; /* signs of the bytes before, the last one in bit 63 */
};
struct sm_scan_records {
    uint64_t ends;   /* LFs that end a record, or a line of blanks */
    uint64_t quotes; /* all of them */
    uint64_t breaks; /* CRs and LFs within quotes */
    uint64_t odd; /* quotes that are neither the bounds of a field nor doubled in one; behind a CR
                     no LF stands */
};

struct sm_scan_way {
    /* to[n]: what stands in n times SM_SCAN bytes at p. */
    void (*records)(struct sm_scan *s, const char *p, size_t n, struct sm_scan_records *to);
    /* Fields that end in n times SM_SCAN bytes: to[] gets one more than the offset from p + origin
     * of each end (delimiter, CR, LF; CR LF is one end), with sm_scan_quoted() if a quote stands
     * before it, for the number of ends before, `had`, and those. Room for n times SM_SCAN and
     * SM_SCAN_MORE. Gives how many; the offset of the first byte that is odd, or SIZE_MAX: a blank
     * or quote at the bounds of a field where it does not belong to them as it should, a byte that
     * is not ASCII. Behind it nothing is sure. */
    size_t (*fields)(struct sm_scan *s, const char *p, size_t n, uint32_t origin, size_t had,
                     uint32_t *to, size_t *ret_odd);
};
/* Two marks in turns, so that where one of two neighbours has one their difference is great. */
enum { SM_SCAN_OFFSET = 0x3FFFFFFF };
static inline uint32_t sm_scan_quoted(size_t i) {
    return UINT32_C(0x40000000) << (i & 1);
}

/* At the start of a record; quote 0 = there is no such sign. */
struct sm_scan sm_scan_start(char delimiter, char quote);
/* The ways that this processor knows, the best one first; NULL behind the last. */
enum { SM_SCAN_WAYS = 5 };
void sm_scan_ways(const struct sm_scan_way *ret[SM_SCAN_WAYS]);
const struct sm_scan_way *sm_scan_best(void);
#endif
