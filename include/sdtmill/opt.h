/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_OPT_H
#define SDTMILL_OPT_H
/* opt.h - option tables. One const table per verb drives parsing (getopt_long underneath), help,
 * completions and the manual check. A row says where its value goes (offset into the verb's
 * option struct), so there is no switch over options. */
#include "sdtmill/common.h"

enum sm_opt_kind {
    SM_OPT_FLAG,    /* bool: set to true */
    SM_OPT_TEXT,    /* const char *: points into argv */
    SM_OPT_LIST,    /* struct sm_opt_list: repeatable text */
    SM_OPT_COUNT,   /* uint64_t: plain number with range */
    SM_OPT_SIZE,    /* uint64_t: bytes, with K, M, G suffix */
    SM_OPT_CHOICE,  /* const char *: one of choices "a|b|c" */
    SM_OPT_SET      /* const char *: comma-separated subset of choices */
};
struct sm_opt_list { const char **item; size_t n; };
struct sm_opt {
    const char *name;         /* long name, without dashes; NULL ends the table */
    char letter;              /* short form, or 0 */
    enum sm_opt_kind kind;
    size_t offset;            /* into the option struct */
    const char *arg;          /* name of the argument in help, NULL for flags */
    const char *choices;      /* CHOICE and SET */
    uint64_t min, max;        /* COUNT and SIZE; 0,0 = any */
    const char *help;         /* one line, lower case, no full stop */
};
/* Parses argv[1..] into *into. Options and operands may be mixed; "--" ends options. Operands are
 * left at argv[ret_first..argc-1]. Failures are SM_EUSAGE with the nearest option offered.
 * Lists are allocated with mem.h and live until sm_opt_free, to be called after a failure too.
 * *into is zeroed or holds the defaults beforehand. Unambiguous beginnings of long names are
 * accepted. Not for two threads at a time (getopt). */
int sm_opt_parse(const struct sm_opt *table, int argc, char **argv, void *into, int *ret_first,
                 struct sm_err *err) SM_MUST_CHECK;
void sm_opt_free(const struct sm_opt *table, void *into);
/* Two-column help text, lines of at most 80 characters, into out (a struct sm_buf). */
struct sm_buf;
void sm_opt_help(const struct sm_opt *table, struct sm_buf *out);
#endif
