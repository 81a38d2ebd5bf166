/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_XPLAIN_PRIV_H
#define SDTMILL_XPLAIN_PRIV_H
/* xplain_priv.h - XML of the plainest kind, read tag by tag without a tree. What is taken here
 * every XML parser takes, and in the same way; everything else (document types, prefixes, CDATA,
 * processing instructions, character references, carriage returns, mistakes of any sort) is XP_NOT:
 * the text is for libxml2 to judge, and nothing is said here. */
#include "sdtmill/arena.h"
#include "sdtmill/str.h"

enum {
    XP_ATTRS = 16,                /* attributes of one element */
    XP_DEPTH = 8,                 /* elements within each other */
    XP_NAME = 100,                /* bytes of a name; these are below every limit of libxml2 */
    XP_FILE_MAX = 8 * 1024 * 1024 /* bytes */
};
enum xp_what {
    XP_NOT,
    XP_OPEN,  /* name, attributes, empty */
    XP_CLOSE, /* name */
    XP_TEXT,  /* text that is not all blanks */
    XP_END    /* every element is closed */
};
struct xp_attr {
    struct sm_str name, value; /* as written */
};
struct xp {
    const char *p, *end; /* what has not been read */
    struct sm_str name, text;
    struct xp_attr attr[XP_ATTRS];
    uint32_t nattr, depth;
    bool empty;                   /* "<x/>": no XP_CLOSE follows */
    struct sm_str open[XP_DEPTH];
};

/* A whole file, without a byte order mark; false: not plain. */
bool xp_file(struct xp *x, struct sm_str text);
/* A piece of a file that was read to its end before: any number of elements. Namespaces: xmlns may
 * stand at elements that stand in no other. */
void xp_piece(struct xp *x, struct sm_str text);
enum xp_what xp_next(struct xp *x);
/* Is what xp_next gave the start of an element of this name? */
static inline bool xp_is_open(const struct xp *x, enum xp_what what, const char *name) {
    return what == XP_OPEN && sm_str_eq_c(x->name, name);
}
/* The attribute as written; no value if it is absent. */
struct sm_str xp_attr(const struct xp *x, const char *name);
/* What a text or a value as written means: itself, or a copy in the arena, closed by a zero byte,
 * if it has references. No value when out of memory. */
struct sm_str xp_meaning(struct sm_arena *a, struct sm_str written);
#endif
