/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_DEFINE_PRIV_H
#define SDTMILL_DEFINE_PRIV_H
/* define_priv.h - Define-XML 2.1 inside: a model of the whole file is made from the mapping, the
 * standard and the data's facts (define_items, define_values, define_ct, define_methods), then
 * written (define_write). Every text of the model lies in its arena. Making it fails by
 * out-of-memory only: that is latched in define.failed and looked at once. */
#include "emit_priv.h"
#include "sdtmill/buf.h"
#include "sdtmill/spec.h"

struct def_text { /* a method or a comment */
    struct sm_str oid, name, text, formal;
};
struct def_clause {
    struct sm_str oid, item, value;
};
struct def_term {
    struct sm_str value, decode, code;
    bool extended;
};
struct def_list {
    struct sm_str oid, name, code;
    struct def_term *term;
    uint32_t nterm;
    const char *type;       /* text integer float */
    bool standard, decoded; /* of the terminology standard; items have decodes */
};
enum { DEF_NO_DIGITS = -1 };
struct def_item { /* a variable, or one value list entry of it */
    struct sm_str oid, name, label, field, role, method, comment, list, values, predecessor, clause;
    const char *type, *source;
    uint32_t length; /* 0 = none */
    int digits;      /* DEF_NO_DIGITS = none */
    uint32_t key;
    unsigned origins; /* 1 << enum sm_origin */
    bool mandatory, no_data, nonstandard;
    const struct sm_dsvar *facts; /* a variable of the dataset, or of one of its slices */
    const struct sm_var *var;     /* NULL: the mapping does not know it */
};
struct def_values {
    struct sm_str oid;
    struct def_item *item;
    uint32_t nitem;
};
struct def_group {
    const struct sm_dsinfo *d;
    const struct sm_domain *domain; /* NULL = RELREC, or no mapping */
    struct sm_str oid, cls, comment, href, title, leaf, parent_label;
    bool standard, no_data;
    bool parted; /* href is the first of several parts */
    int rank; /* of the class */
    struct def_item *item;
};
#define DEF_IG "STD.IG"
#define DEF_CT "STD.CT"
#define DEF_VEC(type)                                                                              \
    struct {                                                                                       \
        struct type *p;                                                                            \
        size_t n, cap;                                                                             \
    }
struct define {
    const struct sm_emit_study *study;
    const struct sm_spec *spec; /* may be NULL */
    struct sm_arena arena;
    struct sm_sink *sink;
    DEF_VEC(def_group) group;
    DEF_VEC(def_text) method;
    DEF_VEC(def_text) comment;
    DEF_VEC(def_clause) clause;
    DEF_VEC(def_list) list;
    DEF_VEC(def_values) values;
    struct sm_str ct_version, ct_comment;
    bool has_ig, uses_ct; /* standards that something refers to */
    bool failed;          /* out of memory */
};

/* ---- texts (emit_define.c) ----------------------------------------------------------------------
 */
struct sm_str def_printf(struct define *f, const char *fmt, ...) SM_PRINTF(2, 3);
struct sm_str def_keep(struct define *f, struct sm_str s);
struct sm_str def_take(struct define *f, struct sm_buf *b); /* copies what b holds, frees b */
struct sm_str def_value(struct define *f, sm_val v);        /* its text, kept */
/* An entry of a vector; NULL when out of memory. */
void *def_push(struct define *f, void *array, size_t *n, size_t *cap, size_t size);
#define DEF_PUSH(f, vec) def_push(f, &(f)->vec.p, &(f)->vec.n, &(f)->vec.cap, sizeof *(f)->vec.p)
/* OIDs of new entries; a comment without text gives no OID. */
struct sm_str def_comment(struct define *f, struct sm_str oid, struct sm_str text);
struct sm_str def_method(struct define *f, const struct def_text *m);

/* ---- what things are
 * ------------------------------------------------------------------------------ */
void def_group_items(struct define *f, struct def_group *g); /* define_items.c */
void def_item_type(struct def_item *i, bool free_type);      /* type, length, digits */
void def_item_origin(struct define *f, const struct def_group *g, struct def_item *i,
                     uint32_t v); /* from the rules of variable v */
/* Value lists of the group's variables; their items, clauses, lists. define_values.c */
void def_group_values(struct define *f, struct def_group *g);
/* The code list of the values found; OID, or no value when there is none to give. define_ct.c */
struct def_coded {
    const struct sm_var *var;
    const struct sm_dsset *set,
        *all; /* all: of the whole variable when set is a part of it; may be NULL */
    const struct sm_dsvalues
        *decode;                 /* of --TESTCD: decodes are the labels of the slices; else NULL */
    struct sm_str dataset, name; /* for OID and name of a list that is one of several */
    const char *type;
    bool plain; /* no decodes, as for --TEST */
};
bool def_is_coded(const struct define *f, const struct sm_var *v, const struct sm_dsset *set);
struct sm_str def_codelist(struct define *f, const struct def_coded *c);

/* ---- rules (define_methods.c)
 * --------------------------------------------------------------------- */
struct def_use {                /* a rule that gives the variable a value */
    const struct sm_rule *rule; /* or */
    const struct sm_derive *derive;
    const struct sm_from *from; /* NULL = of <derive> */
    const struct sm_record *record;
    int part; /* STANDARDIZE: enum sm_std_var; VISIT, MULTIPLE: index; else -1 */
};
/* Rules of variable v of the domain, in order; calls fn for each. */
void def_uses(const struct sm_domain *d, uint32_t v, void (*fn)(void *ctx, const struct def_use *u),
              void *ctx);
/* Name of what a slot reads in that place; no value for parameters. */
struct sm_str def_slot_name(const struct define *f, const struct sm_domain *d,
                            const struct def_use *u, struct sm_slot s);
/* MethodDef of a derived variable from its rules; OID. */
struct sm_str def_method_of(struct define *f, const struct def_group *g, const struct def_item *i,
                            uint32_t v);

/* ---- expressions in words (define_words.c)
 * --------------------------------------------------------- */
void def_words(const struct sm_spec *spec, const struct sm_expr *e, struct sm_buf *out);
/* if A, and not (B): nothing for no guard. */
void def_words_guard(const struct sm_spec *spec, const struct sm_guard *g, struct sm_buf *out);

/* Rows of the table for tests that are in the data (define_units.c). */
void def_words_conversions(const struct define *f, const struct def_group *g,
                           const struct sm_units *u, struct sm_buf *out);

/* ---- XML (define_write.c)
 * --------------------------------------------------------------------------- */
void def_write(const struct define *f);
#endif
