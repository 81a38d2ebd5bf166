/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_CT_PRIV_H
#define SDTMILL_CT_PRIV_H
/* ct_priv.h - codelists inside: what the loaders fill and the search reads. */
#include <zlib.h>

#include "sdtmill/ct.h"

enum {
    CT_FILE_MAX = 512 * 1024 * 1024, /* bytes of a package, unpacked */
    CT_EXTENDS_MAX = 20              /* lists that extend lists that extend lists */
};

struct ct_lines { /* lines of a text package that belong to one list */
    const char *p, *end;
    struct ct_lines *next;
};
struct ct_list {
    struct sm_codelist list; /* first: what callers hold */
    struct sm_str extends;   /* own lists read from XML */
    struct ct_lines *lines, **last;
    struct sm_str plain; /* its terms as plain XML */
    uint32_t nsynonym;   /* there */
    struct ct_list *next;
    const char *path; /* text package it is from: one address per loading */
    uint32_t place;   /* among the lists of that package */
    bool left_out;    /* its lines are there and not here */
    bool ready, busy; /* terms and index are built; are being built */
};
struct ct_place {        /* in the hash table of a list's texts */
    uint32_t hash, term; /* term + 1; 0 = free */
    uint32_t which;      /* text of the term: 0 value, 1 decode, then the synonyms */
};
struct sm_ct_index {
    struct ct_place *place;
    size_t cap;
};
struct ct_name { /* in the hash table of list names and codes */
    uint64_t hash;
    struct ct_list *list; /* NULL = free */
    bool is_code;
};
struct sm_ct {
    struct sm_arena *arena;
    struct ct_list **list;
    size_t nlist, listcap;
    struct ct_name *name;
    size_t nname, namecap;
    char **text; /* XML packages that terms point into */
    size_t ntext, textcap;
    uint64_t *want; /* hash table of the hashes of names that may be asked for; 0 = free */
    size_t nwant, wantcap;
    struct sm_str version;
};

/* A new list, not yet findable; NULL when out of memory. */
struct ct_list *ct_list_new(struct sm_ct *ct, struct sm_err *err);
/* Takes a list that was made elsewhere in the arena, not yet findable. */
int ct_list_put(struct sm_ct *ct, struct ct_list *l, struct sm_err *err);
/* Makes a list findable by its name and code. A mapping's own list wins, else the first. */
int ct_list_name(struct sm_ct *ct, struct ct_list *l, struct sm_err *err);
/* The list as it stands, nothing built. */
struct ct_list *ct_list_get(const struct sm_ct *ct, struct sm_str name);
/* Forgets the lists after the first n. */
int ct_lists_drop(struct sm_ct *ct, size_t n, struct sm_err *err);
/* Terms of a list from its lines of a text package. */
bool ct_text_terms(struct sm_ct *ct, struct ct_list *l);
/* Terms of a list from its piece of a plain XML package. */
bool ct_plain_terms(struct sm_ct *ct, struct ct_list *l);
/* Loads XML of the mapping language's own form. *ret_is tells whether the text is plain enough, to
 * the last byte: if not, nothing was loaded and ct_load_xml has to judge. The text must stay. */
int ct_load_plain(struct sm_ct *ct, struct sm_str text, bool *ret_is, struct sm_err *err);
/* Gets the lines of a list that was left out. */
bool ct_text_fetch(struct sm_ct *ct, struct ct_list *l);
int ct_load_text(struct sm_ct *ct, const char *path, gzFile f, struct sm_err *err);
int ct_load_xml(struct sm_ct *ct, const char *path, struct sm_str text, struct sm_err *err);
#endif
