/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_SPEC_PRIV_H
#define SDTMILL_SPEC_PRIV_H
/* spec_priv.h - the mapping loader's own: XML files with places, names, and what is known while the
 * plan is built. Memory that outlives the loading is in the spec's arena, the rest in own->scratch.
 * Mistakes are said with sp_say and loading goes on; running out of memory is sticky (l->failed).
 */
#include <libxml/tree.h>

#include "sdtmill/spec_load.h"

enum {
    SP_FILE_MAX = 16 << 20, /* bytes of one file */
    SP_BLOCK = 512,         /* bytes between two counts of characters */
    SP_DEPTH_MAX = 200,     /* nested elements of one file */
    SP_INCLUDE_MAX = 1000,  /* included files */
    SP_NEST_MAX = 20,       /* includes within includes */
    SP_SAY_MAX = 1000,      /* mistakes that are named */
    SP_CHILDREN_MAX = 5000, /* elements within one, but for lists of terms, words, conversions */
    SP_TOPS_MAX = 10000,    /* elements of the study */
    SP_RULES_MAX = 200000,  /* compiled rules of a mapping */
    SP_VARS_MAX = 2000,     /* variables of a domain */
    SP_CELLS_MAX = 4000000  /* columns of files and variables of records, all together */
};

/* ---- growable arrays in the arena ---- */
struct sp_vec {
    void *p;
    uint32_t n, cap;
};

/* ---- XML ---- */
struct sp_file {
    struct sm_str path, real, dir; /* as shown, resolved, folder as shown */
    struct sm_str text;
    xmlDoc *doc;
    const uint32_t *line; /* offset of each line */
    uint32_t nline, nest;
    const uint32_t *chars;  /* characters before each SP_BLOCK bytes */
    struct sp_file *parent; /* the file that includes it */
    bool own;               /* below the study's folder: unused things in it are worth a word */
};
struct sp_top {
    xmlNode *node;
    struct sp_file *file;
};

/* ---- named things while loading ---- */
struct sp_list {
    const struct sm_codelist *list;
    xmlNode *node;
    struct sp_file *file;
    bool used;
};
struct sp_named {
    bool used, own;
    const xmlNode *node;
}; /* recodes, tables, units, lookups: by the same index */
struct sp_dialect {
    struct sm_str name;
    const xmlNode *node;
    bool used;
};
struct sp_pattern {
    struct sm_str formats, locale;
    const struct sm_dtc_pattern *pattern;
};

/* dates= ... of study or file, in force */
struct sp_habits {
    struct sm_str dates, times, locale, unknown, missing, group;
    int century;
    char decimal;
};

/* What is known of an output variable while a domain is built. */
struct sp_dom {
    struct sp_top top;
    struct sm_domain *d;
    struct sm_var *var;   /* = d->var, still writable */
    uint8_t *subjectwise; /* [nvar] set by a subject-wise derivation */
    uint8_t *anywhere;    /* [nvar] given by some record */
    struct sp_vec *lists; /* [nvar] const struct sm_codelist *: those its rules name */
    struct sp_vec decls;  /* struct sp_decl: <variable> elements */
    struct sp_vec models; /* struct sm_model_var: what the standard (or like=) has */
    struct sp_vec gives;  /* struct sp_give: variables and supplements given, first each */
    struct sm_str keys;   /* blank-separated, of the standard or like= */
    uint32_t index;
};
struct sp_decl {
    struct sm_str name, after;
    const xmlNode *node;
    bool placed;
};
struct sp_give {
    struct sm_str name, label;
    bool supp;
    const xmlNode *node;
};

struct sm_spec_own {
    struct sm_diags lint;
    struct sm_arena scratch;
    struct sp_vec decs;  /* struct sm_dec * to free */
    struct sp_vec luts;  /* struct sm_lut * to free */
    struct sp_vec files; /* struct sp_file * */
    struct sp_vec texts; /* char * to free after loading */
};

struct sp_load {
    struct sm_spec *s;
    struct sm_spec_own *own;
    struct sm_arena *a;
    struct sm_diags *diags;
    struct sm_err *err;
    const struct sm_spec_paths *paths;
    bool failed; /* err is set: nothing more can be done */
    uint32_t nerror, nsaid;
    uint64_t *said;          /* hashes of what was said, SP_SAY_MAX of them */
    struct sp_vec roots;     /* struct sm_str: real folders that files may come from */
    struct sm_str study_dir; /* real */
    struct sp_vec tops;      /* struct sp_top in document order */
    struct sp_vec lists;     /* struct sp_list */
    struct sp_vec recodes;   /* struct sm_recode */
    struct sp_vec tables;    /* struct sm_table */
    struct sp_vec units;     /* struct sm_units */
    struct sp_vec sources;   /* struct sm_source */
    struct sp_vec lookups;   /* struct sm_lookup */
    struct sp_vec dialects;  /* struct sp_dialect */
    struct sp_vec doms;      /* struct sp_dom */
    struct sp_vec epochs, refs, ignores, inputs;
    struct sp_vec luts; /* struct sm_lut *, as tables */
    struct sp_vec patterns;
    struct sp_vec recode_own, table_own, units_own, lookup_own; /* struct sp_named */
    struct sp_vec domains;                                      /* struct sm_domain */
    struct sp_habits habits;
    xmlNode *subject; /* <subject>, or NULL */
    xmlNode *study;
    uint32_t nrules;
    uint64_t ncells;
    /* who uses what: edges between steps (lookups first, then domains) */
    struct sp_vec edges; /* struct sp_edge */
    uint32_t step;       /* the step being compiled, SM_NO for none */
};
struct sp_edge {
    uint32_t user, used;
    struct sm_where where;
};
#define SP_STEP_EPOCHS (UINT32_MAX - 1) /* what epochs use, every rule of kind EPOCH uses */

/* spec_load.c */
void *sp_push(struct sp_load *l, struct sp_vec *v,
              size_t size); /* zeroed element; NULL = out of memory */
void *sp_alloc(struct sp_load *l, size_t n,
               size_t size); /* zeroed, in the spec's arena; NULL sets failed */
struct sm_str sp_dup(struct sp_load *l, struct sm_str s);
struct sm_str sp_printf(struct sp_load *l, const char *fmt, ...) SM_PRINTF(2, 3);
void sp_nomem(struct sp_load *l);
/* Counts n against SP_CELLS_MAX; false (and said) above it. */
/* Says so and stops the loading. */
void sp_too_large(struct sp_load *l, struct sm_where at, const char *what, uint32_t most);
bool sp_budget(struct sp_load *l, uint64_t n, struct sm_where at);
/* What is said about one place; domain and variable may have no value. */
struct sp_about {
    struct sm_str domain, variable;
    const char *mend;
};
void sp_say(struct sp_load *l, int code, struct sm_where at, const struct sp_about *about,
            const char *fmt, ...) SM_PRINTF(5, 6);
/* The same into the list of sm_spec_lint. */
void sp_lint(struct sp_load *l, int code, struct sm_where at, const struct sp_about *about,
             const char *fmt, ...) SM_PRINTF(5, 6);
/* Nearest name of several. */
struct sp_near {
    struct sm_str want, best;
    unsigned distance;
};
struct sp_near sp_near_start(struct sm_str want);
void sp_near_try(struct sp_near *n, struct sm_str name);
/* "unknown WHAT 'NAME'" with the nearest one offered. */
void sp_unknown(struct sp_load *l, struct sm_where at, const char *what, struct sm_str name,
                struct sm_str nearest);
/* Finds a file for reading: what= is looked for from `from`'s folder, then as sub/what in the
 * search places. Path as shown; no value after saying why not. */
struct sm_str sp_find_file(struct sp_load *l, struct sm_where at, const struct sp_file *from,
                           struct sm_str what, const char *sub);
/* <place>/sub/name for the study's folder, its parents, then the libraries; no value if none has
 * it. */
struct sm_str sp_search(struct sp_load *l, const char *sub, struct sm_str name);
void sp_input(struct sp_load *l, struct sm_str path);

/* spec_xml.c */
bool sp_xml_load(struct sp_load *l,
                 const char *path); /* fills tops, study; false: said why, nothing to go on with */
void sp_xml_free(struct sm_spec_own *own);
struct sm_str sp_read_file(struct sp_load *l, const char *path, const char **ret_why);
bool sp_is(const xmlNode *n, const char *name);
xmlNode *sp_first(const xmlNode *n); /* element children of the mapping's namespace */
xmlNode *sp_next(const xmlNode *n);
bool sp_has(const xmlNode *n, const char *attr);
struct sm_str sp_attr(const xmlNode *n,
                      const char *attr); /* as written; no value if absent; borrows from the tree */
struct sm_str sp_word(const xmlNode *n, const char *attr); /* trimmed, copied by whoever keeps it */
bool sp_yes(const xmlNode *n, const char *attr, bool otherwise);
struct sm_str sp_text(struct sp_load *l, const xmlNode *n); /* text content, in scratch */
struct sp_file *sp_file_of(const xmlNode *n);
struct sm_where sp_at(const xmlNode *n); /* the element's '<' */
/* Place of character `at` (1-based; 0 and 1 are its start) of an attribute's value. */
struct sm_where sp_at_attr(const xmlNode *n, const char *attr, uint32_t at);
uint32_t sp_text_line(const xmlNode *n); /* line on which the element's content begins */

/* spec_rng.c */
void sp_rng_check(struct sp_load *l);
/* spec_elem.c: own check of elements and attributes, with nearest names. False if anything was
 * said. */
bool sp_elem_check(struct sp_load *l, struct sp_file *f);

/* spec_scope.c: names in expressions */
enum sp_scope_kind {
    SP_SCOPE_RAW,
    SP_SCOPE_SUBJECT,
    SP_SCOPE_ROW,
    SP_SCOPE_RECORD,
    SP_SCOPE_POST,
    SP_SCOPE_REFS
};
struct sp_rawset {
    struct sp_vec names;   /* struct sm_str */
    uint32_t *slot, nslot; /* open addressing: index + 1 */
};
/* Index of the name, added if it is new; SM_NO when out of memory. */
uint32_t sp_raw(struct sp_load *l, struct sp_rawset *r, struct sm_str name); /* struct sm_str */
struct sp_scope {
    struct sp_load *l;
    enum sp_scope_kind kind;
    struct sp_rawset *raw;    /* RAW */
    struct sm_source *source; /* canonical columns; NULL with from_domain */
    struct sp_dom *from_domain;
    struct sp_dom *dom;   /* domain being built, or NULL */
    const uint8_t *given; /* [nvar] variables given so far in the record */
    bool in_repeat;
    bool no_vars;      /* a condition around a record */
    bool subjectwise;  /* variables set by subject-wise derivations may be read */
    struct sm_str why; /* explains a name that is known but not here */
    bool unresolved;
};
const struct sm_expr *sp_expr(struct sp_scope *c, const xmlNode *n, const char *attr);
/* The same of part of an attribute: text begins at character `first` (1-based). */
const struct sm_expr *sp_expr_part(struct sp_scope *c, const xmlNode *n, const char *attr,
                                   struct sm_str text, uint32_t first);
/* A plain name in an attribute (from=, date= ...): column, then variable, $value, DM.X. Says what
 * is wrong. */
struct sm_slot sp_slot(struct sp_scope *c, const xmlNode *n, const char *attr);
/* First canonical column among the inputs, through `trace` for variables; SM_NO if none. */
uint32_t sp_expr_column(const struct sm_expr *e, const uint32_t *trace);
uint32_t sp_ref(struct sp_load *l, uint32_t domain, uint32_t var);
void sp_edge(struct sp_load *l, uint32_t used, struct sm_where where);
void sp_lookups(struct sp_load *l);      /* after domains' variables are known */
void sp_lookup_names(struct sp_load *l); /* before anything is compiled */
void sp_epochs(struct sp_load *l);

/* spec_tables.c */
void sp_codelists(struct sp_load *l);
void sp_recodes(struct sp_load *l);
void sp_tables(struct sp_load *l);
void sp_units(struct sp_load *l);
const struct sm_recode *sp_recode(struct sp_load *l, const xmlNode *n, const char *attr);
const struct sm_units *sp_unit_table(struct sp_load *l, const xmlNode *n, const char *attr);
const struct sm_table *sp_table(struct sp_load *l, const xmlNode *n, const char *attr);
/* One list by name, marked as used; NULL if unknown (nothing is said). */
const struct sm_codelist *sp_list(struct sp_load *l, struct sm_str name);
/* Lists of codelist=, unmatched=; says unknown names. */
void sp_terms(struct sp_load *l, const xmlNode *n, struct sm_terms *ret);
/* codelist= on a constant: value checked now. */
void sp_terms_check(struct sp_load *l, const xmlNode *n, const struct sm_terms *t,
                    struct sm_str value);
struct sm_lut *sp_lut(struct sp_load *l, uint32_t nkey, uint32_t nval, bool ignore_case);

/* spec_csv.c */
struct sp_csv_row {
    struct sm_str *cell;
    uint32_t n, line;
};
struct sp_csv {
    struct sp_csv_row *row;
    uint32_t nrow;
    struct sm_where at;
    struct sm_str file;
};
/* Rows of a CSV text, in scratch; row 0 is the header. False after saying why. */
bool sp_csv_text(struct sp_load *l, struct sm_where at, struct sm_str text, uint32_t line,
                 char delimiter, struct sp_csv *ret);
/* Rows of the file named by file= of n. */
bool sp_csv_file(struct sp_load *l, const xmlNode *n, struct sp_csv *ret);
uint32_t sp_csv_column(struct sp_load *l, const struct sp_csv *csv, struct sm_where at,
                       struct sm_str name);

/* spec_source.c */
void sp_sources(struct sp_load *l);
void sp_subject(struct sp_load *l);
void sp_habits(struct sp_load *l, const xmlNode *n,
               struct sp_habits *h); /* lays n's attributes over *h */
const struct sm_dtc_pattern *sp_pattern(struct sp_load *l, const xmlNode *n, const char *attr,
                                        struct sm_str formats, struct sm_str locale);
struct sm_source *sp_source(struct sp_load *l, const xmlNode *n, const char *attr,
                            uint32_t *ret_index);
uint32_t sp_column(const struct sm_source *s, struct sm_str name); /* SM_NO if it has none */
struct sm_str sp_column_nearest(const struct sm_source *s, struct sm_str name);
bool sp_decimal(struct sp_load *l, const xmlNode *n, const char *attr, struct sm_str *ret);

/* spec_domain.c */
void sp_domains_declare(struct sp_load *l); /* names and variables of all domains */
void sp_domains_finish(struct sp_load *l);  /* keys, groups, codelists; after rules */
struct sp_dom *sp_domain_find(struct sp_load *l, struct sm_str name, uint32_t *ret_index);
struct sm_str sp_domain_nearest(struct sp_load *l, struct sm_str name);
uint32_t sp_var(const struct sm_domain *d,
                struct sm_str name); /* SM_NO if the domain does not give it */
struct sm_str sp_var_nearest(const struct sm_domain *d, struct sm_str name);
/* The variable named in an attribute; says unknown ones; SM_NO then. */
uint32_t sp_var_attr(struct sp_load *l, struct sp_dom *x, const xmlNode *n, const char *attr);
struct sm_str sp_prefixed(struct sp_load *l, const struct sm_domain *d, const char *suffix);
/* Variables of a blank-separated list; n through ret_n. */
uint32_t *sp_var_list(struct sp_load *l, struct sp_dom *x, const xmlNode *n, const char *attr,
                      uint32_t *ret_n);

/* spec_rule.c: one rule element to a compiled rule */
struct sp_given {                 /* who gave a variable in this record */
    const struct sm_guard *guard; /* whole chain */
    struct sm_where where;
    struct sp_given *next;
};
struct sp_build { /* rules of one record as they are gathered */
    struct sp_load *l;
    struct sp_dom *x;
    struct sp_scope scope;
    struct sp_vec rules;          /* struct sm_rule */
    uint8_t *given;               /* [nvar] */
    struct sp_given **by_var;     /* [nvar] */
    uint32_t *trace;              /* [nvar] */
    const struct sm_guard *guard; /* run-time chain */
    const struct sm_guard *full;  /* chain with the conditions around the record */
    uint32_t repeat;              /* canonical column of $value, or SM_NO */
};
/* False when out of memory or budget. */
bool sp_build_start(struct sp_build *b, struct sp_load *l, struct sp_dom *x, struct sm_where at);
/* Compiles an element that is a rule; others are left alone. */
void sp_rule(struct sp_build *b, const xmlNode *n);
struct sm_rule *sp_rule_add(struct sp_build *b, enum sm_rule_kind kind, struct sm_where at);
/* Notes that the record now has the variable; says assigned-twice. */
void sp_gives(struct sp_build *b, uint32_t var, struct sm_where at, uint32_t column);
const struct sm_guard *sp_guard(struct sp_load *l, const struct sm_expr *test, bool negate,
                                const struct sm_guard *parent, const xmlNode *n);

/* spec_rules.c */
void sp_rules(struct sp_load *l, struct sp_dom *x);

/* spec_derive.c */
void sp_derive(struct sp_load *l, struct sp_dom *x);
/* spec_order.c */
void sp_order(struct sp_load *l);
/* spec_lint.c */
void sp_lints(struct sp_load *l);
#endif
