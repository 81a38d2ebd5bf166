/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_SPEC_H
#define SDTMILL_SPEC_H
/* spec.h - the compiled mapping: what every stage reads and nobody changes after loading. All names
 * are resolved to indexes, all constants are values, all expressions and date formats compiled.
 * Everything lives in the spec's arena. The language itself: sdtmill-mapping(5). */
#include "sdtmill/arena.h"
#include "sdtmill/ct.h"
#include "sdtmill/diag.h"
#include "sdtmill/dtc.h"
#include "sdtmill/expr.h"
#include "sdtmill/lut.h"
#include "sdtmill/model.h"
#include "sdtmill/num.h"
#include "sdtmill/val.h"

#define SM_NO UINT32_MAX /* "none" for an index */

struct sm_where {
    struct sm_str file;
    uint32_t line, column;
}; /* place in the mapping */

/* ---- terms, tables, units -------------------------------------------------------------------- */
enum sm_unmatched {
    SM_UNMATCHED_KEEP,
    SM_UNMATCHED_UPPER,
    SM_UNMATCHED_BLANK,
    SM_UNMATCHED_REJECT,
    SM_UNMATCHED_REPORT
};
struct sm_terms {
    const struct sm_codelist *const *list;
    uint32_t nlist;
    enum sm_unmatched unmatched;
};
struct sm_recode {
    struct sm_str name;
    struct sm_lut *map;          /* 1 key, 1 value */
    enum sm_unmatched unmatched; /* KEEP, REPORT or BLANK (BLANK reports too) */
    struct sm_where where;
};
struct sm_table { /* a <table>; its lut is spec->lut[lut] */
    struct sm_str name;
    const struct sm_str *key, *val; /* column names */
    uint32_t nkey, nval, lut;
    struct sm_where where;
};
struct sm_convert {
    sm_val test, from, to;                /* test missing = any test */
    const struct sm_dec *factor, *offset; /* NULL = 1, 0; a divisor is folded into factor */
    int digits;                           /* places after rounding; -1 = the table's */
    struct sm_where where;
};
struct sm_units {
    struct sm_str name;
    enum sm_round round;
    int digits; /* -1: exact, at most 12 places */
    const struct sm_convert *convert;
    uint32_t nconvert;
    struct sm_lut *index; /* (test, from) -> row number as text */
    struct sm_lut *tests; /* test -> nothing: tests the table lists */
    bool any_test;        /* has rows without a test */
    struct sm_where where;
};

/* ---- sources: sites' files to one shape ------------------------------------------------------ */
enum sm_col_type { SM_COL_TEXT, SM_COL_NUMBER, SM_COL_RESULT, SM_COL_DATE, SM_COL_TIME };
struct sm_column { /* canonical column */
    struct sm_str name, label;
    enum sm_col_type type;
    bool required, optional, in_key, reject_invalid, used;
    bool has_min, has_max;
    struct sm_str min, max; /* decimal texts */
    struct sm_where where;
};
enum sm_dups { SM_DUPS_KEEP, SM_DUPS_FIRST, SM_DUPS_LAST, SM_DUPS_LAST_BY, SM_DUPS_REJECT };
struct sm_key { /* column index ncolumn = USUBJID, ncolumn + 1 = SUBJID */
    const uint32_t *column;
    uint32_t ncolumn, by; /* by: SM_NO unless LAST_BY */
    enum sm_dups dups;
    struct sm_where where;
};
enum sm_supply { SM_SUPPLY_HEADER, SM_SUPPLY_VALUE, SM_SUPPLY_EXPR, SM_SUPPLY_ABSENT };
struct sm_filecol {  /* how one file supplies one canonical column */
    uint32_t column; /* canonical index */
    enum sm_supply how;
    bool implied;               /* not said: header of the same name */
    uint32_t raw;               /* HEADER: index into file->raw; EXPR: first raw input or SM_NO */
    sm_val value;               /* VALUE */
    const struct sm_expr *expr; /* EXPR; column slots index file->raw */
    const struct sm_recode *recode;
    struct sm_str missing;              /* '|'-separated tokens in force */
    const struct sm_dtc_pattern *dates; /* in force for a DATE (or TIME) column */
    char decimal;                       /* in force */
    struct sm_str group; /* thousands signs in force, as UTF-8 characters; may be empty */
    struct sm_where where;
};
struct sm_unpivot_from {          /* value_col: canonical column that receives the cell */
    const struct sm_filecol *col; /* the canonical columns not in file->col, each once */
    uint32_t ncol, value_col;
    struct sm_where where;
};
struct sm_unpivot { /* canonical rows made from one raw row */
    const struct sm_unpivot_from *from;
    uint32_t nfrom;
    bool skip_empty; /* no row when the column value_col is missing */
};
struct sm_skip {
    const struct sm_expr *when;
    struct sm_str reason;
    struct sm_where where;
};
struct sm_file {           /* one <file> element; may match many paths */
    struct sm_str path;    /* glob below the raw folder */
    char delimiter, quote; /* quote 0 = none */
    struct sm_str encoding;
    uint32_t header, skip; /* header line (0 = none), lines to pass over after it */
    struct sm_str footer;
    bool optional;
    struct sm_dtc_rules rules;
    const struct sm_dtc_pattern *dates, *times;
    const struct sm_str *raw; /* header names this element refers to */
    uint32_t nraw;
    const struct sm_filecol *col; /* columns outside unpivot */
    uint32_t ncol;
    const struct sm_unpivot *unpivot; /* NULL = one canonical row a raw row */
    const struct sm_skip *skip_when;
    uint32_t nskip_when;
    const struct sm_key
        *key; /* replaces the source's, applied to raw rows before unpivot; or NULL */
    const struct sm_str *not_submitted; /* header names */
    uint32_t nnot_submitted;
    struct sm_where where;
};
struct sm_source {
    struct sm_str name, label;
    const struct sm_column *column;
    uint32_t ncolumn;
    const struct sm_key *key; /* NULL = none */
    const struct sm_file *file;
    uint32_t nfile;
    const struct sm_expr *usubjid,
        *subjid; /* over canonical columns; NULL = source has no subject */
    bool is_subject_source;
    bool used; /* some domain or lookup reads it */
    struct sm_where where;
};
/* In a batch: canonical columns 0..ncolumn-1, then USUBJID, then SUBJID. */
static inline uint32_t sm_source_usubjid(const struct sm_source *s) {
    return s->ncolumn;
}

enum sm_unknown_subject { SM_SUBJECT_REJECT, SM_SUBJECT_REPORT, SM_SUBJECT_KEEP };

/* ---- lookups: tables built from sources before or between domains -----------------------------
 */
struct sm_lookup_from {
    uint32_t source;
    const struct sm_expr *const *key;    /* nkey of them */
    const struct sm_expr *value, *where; /* value NULL only for count */
};
struct sm_lookup {
    struct sm_str name;
    enum sm_take take;
    uint32_t nkey, lut; /* lut: index into the run's table array */
    const struct sm_lookup_from *from;
    uint32_t nfrom;
    struct sm_where place;
};

/* ---- domains -----------------------------------------------------------------------------------
 */
enum sm_origin {
    SM_ORIGIN_NONE,
    SM_ORIGIN_COLLECTED,
    SM_ORIGIN_DERIVED,
    SM_ORIGIN_ASSIGNED,
    SM_ORIGIN_PROTOCOL,
    SM_ORIGIN_PREDECESSOR,
    SM_ORIGIN_NOT_AVAILABLE,
    SM_ORIGIN_OTHER
};
struct sm_var {
    struct sm_str name, label, role, core;
    bool is_num, is_dtc, required; /* required: Core = Req */
    bool supp;                     /* written to SUPP--; name = QNAM, label = QLABEL */
    bool inner;                    /* computed for other rules, not written */
    bool split_supp;               /* text over 200 bytes goes on in SUPP-- */
    bool ruled;                    /* some rule gives it a value */
    struct sm_str origin_text;     /* QORIG / Define-XML origin as written, or no value */
    struct sm_str evaluator;       /* QEVAL */
    enum sm_origin origin;
    struct sm_str comment, method;
    uint32_t length; /* declared maximum in bytes, 0 = from the data */
    const struct sm_codelist *const
        *codelist; /* lists its values come from (rules' and standard's) */
    uint32_t ncodelist;
    enum sm_take take;
    bool has_take;                    /* in a grouped domain */
    const struct sm_model_var *model; /* NULL = sponsor's own */
    struct sm_where where;            /* its first rule */
};

struct sm_guard { /* all of the chain must hold */
    const struct sm_expr *test;
    bool negate; /* an <otherwise> */
    const struct sm_guard *parent;
    struct sm_where where;
};
enum sm_rule_kind {
    SM_RULE_ASSIGN,
    SM_RULE_CONSTANT,
    SM_RULE_COMPUTE,
    SM_RULE_DATETIME,
    SM_RULE_MULTIPLE,
    SM_RULE_CHECK,
    /* row-wise derivations */
    SM_RULE_STUDY_DAY,
    SM_RULE_STANDARDIZE,
    SM_RULE_VISIT,
    SM_RULE_EPOCH,
    SM_RULE_DURATION,
    SM_RULE_AGE,
    SM_RULE_DATE_ORDER
};
struct sm_choice {
    struct sm_slot from;
    const struct sm_expr *test;
    sm_val value;
};
struct sm_rule {
    enum sm_rule_kind kind;
    uint32_t var;                 /* output variable, SM_NO for CHECK and DATE_ORDER */
    const struct sm_guard *guard; /* NULL = always */
    struct sm_slot from;         /* ASSIGN; first date of STUDY_DAY, EPOCH, DURATION; VISIT label */
    struct sm_slot time;         /* DATETIME time; DURATION, DATE_ORDER end */
    const struct sm_expr *expr;  /* COMPUTE value, CHECK test, STUDY_DAY reference, AGE from */
    const struct sm_expr *expr2; /* AGE to */
    sm_val value;                /* CONSTANT; MULTIPLE word for several; AGE unit */
    const struct sm_recode *recode;
    struct sm_terms terms; /* VISIT: terms.unmatched is REPORT, KEEP or BLANK */
    char fold;             /* 'u' upper, 'l' lower, 0 */
    bool reject_invalid;   /* DATETIME: a bad date drops the record; CHECK: effect=reject */
    bool has_min, has_max;
    struct sm_str min, max;
    const struct sm_dtc_pattern *dates, *times; /* DATETIME: NULL = the file's */
    bool from_is_iso, time_is_iso;              /* DATETIME: column is of type date / time */
    uint32_t column; /* canonical column to name in findings, SM_NO if none */
    struct sm_str message, kind_text, mend; /* CHECK */
    enum sm_sev sev;
    /* STANDARDIZE, VISIT, MULTIPLE, AGE: */
    const struct sm_units *units;
    const struct sm_codelist *words;
    bool keep_unconverted;
    int digits;     /* STANDARDIZE override, -1 = none */
    uint32_t v[12]; /* enum sm_std_var for STANDARDIZE; VISIT: target vars; MULTIPLE: supp vars;
                       AGE: [0] unit var */
    uint32_t c[12]; /* VISIT: value column of each v; STANDARDIZE: SM_NO (see sm_record.trace) */
    uint32_t nv;
    uint32_t lut; /* VISIT table */
    const struct sm_choice *choice;
    uint32_t nchoice;
    struct sm_where where;
};
enum sm_std_var {
    SM_STD_TEST,
    SM_STD_ORRES,
    SM_STD_ORRESU,
    SM_STD_ORNRLO,
    SM_STD_ORNRHI,
    SM_STD_STRESC,
    SM_STD_STRESN,
    SM_STD_STRESU,
    SM_STD_STNRLO,
    SM_STD_STNRHI,
    SM_STD_NRIND,
    SM_STD_COUNT
};
struct sm_record {                /* one kind of output record of a <from> */
    const struct sm_guard *guard; /* when the record is made */
    sm_val param[2];              /* $value is taken from `repeat`, $column */
    uint32_t repeat;              /* canonical column of $value, SM_NO if not in a repeat */
    bool skip_empty;              /* no record when $value is missing */
    const struct sm_rule *rule;
    uint32_t nrule;
    const uint32_t *trace; /* [domain's nvar] canonical column that feeds each variable, for
                              findings of post rules; SM_NO if none */
    struct sm_where where;
};
struct sm_from {                  /* of a domain: COLUMN slots are variables of that domain */
    uint32_t source;              /* or SM_NO */
    uint32_t domain;              /* or SM_NO: rows are this finished domain's records */
    const struct sm_expr *filter; /* where= */
    const struct sm_record *record;
    uint32_t nrecord;
    struct sm_where where;
};
enum sm_derive_kind { SM_DERIVE_SEQUENCE, SM_DERIVE_LAST_BEFORE, SM_DERIVE_BASELINE };
struct sm_derive { /* subject-wise derivations, in order, on sorted records */
    enum sm_derive_kind kind;
    uint32_t var;
    const uint32_t *by; /* grouping variables besides USUBJID; SEQUENCE: instead of it */
    uint32_t nby;
    const uint32_t
        *order; /* SEQUENCE order= variables, or SM_NO alone: raw rows; 0 = the domain's keys */
    uint32_t norder;
    uint32_t date, stat, result;     /* variables, SM_NO if the domain has none */
    const struct sm_expr *reference; /* over subject refs and variables */
    const struct sm_expr *filter;    /* over variables */
    bool all_ties;
    struct sm_where where;
};
struct sm_relate {                 /* RELREC */
    uint32_t to;                   /* domain index */
    const uint32_t *mine, *theirs; /* pairs of variables, equal texts */
    uint32_t npair;
    struct sm_str id, type;
    struct sm_where where;
};
struct sm_domain {
    struct sm_str name;    /* domain code: LB */
    struct sm_str dataset; /* dataset name, usually the same */
    struct sm_str label, cls, structure, comment;
    bool repeating, reference, custom;
    const struct sm_var *var; /* output order; supplements last */
    uint32_t nvar, nsupp;     /* nvar counts all, nsupp those that are supplements */
    const uint32_t *key;      /* sort keys, as variable indexes */
    uint32_t nkey;
    const uint32_t *group; /* group by=, or none */
    uint32_t ngroup;
    const struct sm_from *from;
    uint32_t nfrom;
    const struct sm_rule *post; /* row-wise rules of <derive>, after a record's own */
    uint32_t npost;
    const struct sm_derive *derive;
    uint32_t nderive;
    const struct sm_relate *relate;
    uint32_t nrelate;
    uint32_t usubjid, seq;           /* variable indexes or SM_NO */
    const struct sm_model_ds *model; /* NULL = the sponsor's own */
    struct sm_where where;
};
/* How many of the first n variables go on in SUPP-- where they are long. */
static inline uint32_t sm_domain_split(const struct sm_domain *d, uint32_t n) {
    uint32_t split = 0;
    for (uint32_t c = 0; c < n; c++)
        split += d->var[c].split_supp;
    return split;
}
/* Can the domain have SUPP-- records? */
static inline bool sm_domain_supplements(const struct sm_domain *d) {
    return d->nsupp || sm_domain_split(d, d->nvar);
}
/* A variable of a finished record (row: its ncol cells, as derive.h gives them out) for whoever reads
 * it: all of a text that goes on in SUPP--. */
static inline sm_val sm_domain_whole(const struct sm_domain *d, const sm_val *row, uint32_t ncol,
                                     uint32_t var) {
    if (!d->var[var].split_supp) return row[var];
    const uint32_t more = d->nvar + sm_domain_split(d, var);
    return more < ncol && row[more] != SM_MISSING ? row[more] : row[var];
}
struct sm_epoch {
    sm_val name;
    const struct sm_expr *start, *end;
    struct sm_where where;
};
struct sm_ref {
    uint32_t domain, var;
}; /* DOMAIN.VARIABLE used somewhere */
struct sm_ignore {
    struct sm_str glob;
    struct sm_str reason;
};

enum sm_step_kind { SM_STEP_LOOKUP, SM_STEP_DOMAIN };
struct sm_step {
    enum sm_step_kind kind;
    uint32_t index;
};

struct sm_spec {
    struct sm_str oid, name, title, description, protocol, sponsor, standard, raw;
    struct sm_str path; /* the study file as given */
    const struct sm_model *model;
    struct sm_ct *ct;
    const struct sm_source *source;
    uint32_t nsource;
    const struct sm_table *table;
    uint32_t ntable;
    const struct sm_lookup *lookup;
    uint32_t nlookup;
    const struct sm_domain *domain;
    uint32_t ndomain;
    const struct sm_epoch *epoch;
    uint32_t nepoch;
    const struct sm_ref *ref;
    uint32_t nref;
    const struct sm_ignore *ignore;
    uint32_t nignore;
    /* tables of the run: [0..ntable) static and filled, then one per lookup, empty until built */
    struct sm_lut **lut;
    uint32_t nlut;
    const struct sm_step *step;
    uint32_t nstep;          /* order of work: lookups and domains */
    uint32_t subject_source; /* SM_NO if not declared */
    enum sm_unknown_subject unknown_subject;
    sm_val study_oid;
    const struct sm_str *input; /* every file the mapping was made from, for the manifest */
    uint32_t ninput;
    struct sm_arena arena;
    struct sm_texts *texts;
    struct sm_intern *in;    /* the loader's front; main thread only */
    struct sm_spec_own *own; /* private to the loader: findings of sm_spec_lint, what close frees */
};
#endif
