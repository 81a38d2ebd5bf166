/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_SPLIT_H
#define SDTMILL_SPLIT_H
/* split.h - cuts CSV bytes at record ends, wherever the bytes happen to be cut themselves. The
 * rules are those of libcsv in its default mode: LF and CR both end a record; lines of nothing but
 * blanks are no records; blanks and tabs around a field do not matter; a quote opens a quoted field
 * at its start only; text after a closing quote opens the field again.
 *
 * Lines are physical ones, counted by LF, inside quotes too, and by a CR without LF that ends a
 * record or a blank line. Works on any encoding in which the
 * bytes of CR, LF, blank, tab, delimiter and quote stand for nothing else. */
#include "sdtmill/common.h"
#include "sdtmill/scan.h"

enum sm_span_flag {
    SM_SPAN_QUOTE = 1,  /* holds the quote sign somewhere */
    SM_SPAN_BROKEN = 2, /* text stands after a closing quote: no field of it can be trusted */
    SM_SPAN_BREAK = 4   /* goes over more than one line */
};
struct sm_span {    /* one record */
    uint32_t at, n; /* bytes, without the line end */
    uint32_t line;  /* lines between base_line and its first one */
    uint32_t flags; /* enum sm_span_flag */
};
struct sm_spans { /* growing array; zeroed is empty */
    struct sm_span *v;
    size_t n, cap;
};

struct sm_split {
    uint8_t cls[256]; /* class of each byte */
    char delimiter, quote;
    const struct sm_scan_way *scan; /* the best one, unless set otherwise after init */
    uint8_t state, flags;
    bool after_cr;       /* the byte before `start` is a CR, whose LF may follow */
    size_t start;        /* offset at which the record under way begins */
    uint64_t line;       /* line of the next byte, 1-based */
    uint64_t base_line;  /* spans count their lines from here; set by the caller */
    uint64_t start_line; /* of the record under way */
    uint64_t quote_line; /* where the quoted field began that is open */
};

/* quote 0 = quotes mean nothing. SM_ESPEC when the two signs cannot be told apart from each other,
 * from blanks or from line ends, or are not ASCII. */
int sm_split_init(struct sm_split *s, char delimiter, char quote, struct sm_err *err) SM_MUST_CHECK;
/* Looks at p[from..to) and appends the records that end there to `out`. `from` is the `to` of the
 * call before, or `at` of a restart; offsets are below 4 GiB. */
int sm_split_feed(struct sm_split *s, const char *p, size_t from, size_t to, struct sm_spans *out,
                  struct sm_err *err) SM_MUST_CHECK;
/* The bytes end at p[to): appends the last record if it has no line end. SM_EDATA when a quoted
 * field (quote_line) is still open; err stays unset then. */
int sm_split_end(struct sm_split *s, const char *p, size_t to, struct sm_spans *out,
                 struct sm_err *err) SM_MUST_CHECK;
/* Forgets the record under way: the next one begins at offset `at`, on this line; not between the CR
 * and the LF of one line end, unless at is `start`. */
void sm_split_restart(struct sm_split *s, size_t at, uint64_t line);
/* True inside a quoted field. */
bool sm_split_is_quoted(const struct sm_split *s);
void sm_spans_free(struct sm_spans *s);
#endif
