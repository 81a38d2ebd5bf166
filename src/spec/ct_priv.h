/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_CT_PRIV_H
#define SDTMILL_CT_PRIV_H
/* ct_priv.h - codelists inside: what the loaders fill and the search reads. */
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
    bool ready, busy; /* terms and index are built; are being built */
};
struct ct_place {        /* in the hash table of a list's texts */
    uint32_t hash, term; /* term + 1; 0 = free */
    char kind;           /* v value, s synonym, d decode */
    struct sm_str text;  /* without outer blanks */
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
    char **text; /* raw package texts */
    size_t ntext, textcap;
    struct sm_str version;
};

/* A new list, not yet findable; NULL when out of memory. */
struct ct_list *ct_list_new(struct sm_ct *ct, struct sm_err *err);
/* Makes a list findable by its name and code. A mapping's own list wins, else the first. */
int ct_list_name(struct sm_ct *ct, struct ct_list *l, struct sm_err *err);
/* The list as it stands, nothing built. */
struct ct_list *ct_list_get(const struct sm_ct *ct, struct sm_str name);
/* Terms of a list from its lines of a text package. */
bool ct_text_terms(struct sm_ct *ct, struct ct_list *l);
int ct_load_text(struct sm_ct *ct, const char *path, struct sm_str text, struct sm_err *err);
int ct_load_xml(struct sm_ct *ct, const char *path, struct sm_str text, struct sm_err *err);
#endif
