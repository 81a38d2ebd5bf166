/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_MAP_PRIV_H
#define SDTMILL_MAP_PRIV_H
/* map_priv.h - the engine's own types.
 *
 * A plan is what a worker knows of one <from> or lookup: each rule with its inputs, its outputs and
 * its memo. A run is one batch going through a plan. A selection is a list of records (or, before
 * there are records, of rows) that a rule is for. */
#include "sdtmill/buf.h"
#include "sdtmill/err.h"
#include "sdtmill/map.h"
#include "sdtmill/mem.h"

enum {
    MAP_KEYS = 6, /* inputs a memo can have */
    MAP_OUTS = 16 /* values a rule can give */
};

struct map_run;
struct map_rule;
struct map_kinds;

/* Pairs (record, row), ascending; NULL stands for 0, 1, 2 ... */
struct map_sel {
    uint32_t n;
    const uint32_t *rec, *row;
};

/* Entries of a selection, by their place in it, for which a condition does not hold (0) and holds
 * (1). */
struct map_split {
    uint32_t n[2], *at[2];
};

/* Memory of one batch; what it holds is undefined. */
struct map_room {
    struct map_room_block *block; /* newest first */
    size_t used, total;
};

/* Direct-mapped: an entry is the inputs (the first inverted, so that zero is a free entry), then
 * the outputs. */
struct map_memo {
    sm_val *cell;
    uint32_t bits, width;
    uint64_t looks, misses;
    uint64_t was; /* misses in 1024 looks before it grew; 0 = it did not */
    bool settled; /* more room would not help */
};

struct map_op {
    void (*prepare)(struct map_rule *r, const struct sm_spec *spec);
    void (*value)(struct map_run *m, const struct map_rule *r, sm_val *out);
    /* All of a selection at once, where no memo is needed. May be NULL. */
    void (*bulk)(struct map_run *m, struct map_rule *r, const struct map_sel *sel);
    /* Those of a selection that are easy; dst as in map_memo_run. The places of the others in sel
     * go to rest, their number is the result. May be NULL. */
    uint32_t (*fast)(struct map_run *m, struct map_rule *r, const struct map_sel *sel,
                     sm_val *const *dst, uint32_t *rest);
};

struct map_rule {
    const struct sm_rule *rule; /* NULL: a condition or a lookup's expression */
    const struct sm_expr *expr; /* the rule's, or that condition or expression */
    const struct sm_where *where;
    const struct sm_domain *domain; /* NULL in a lookup */
    const struct sm_source *source; /* NULL when rows are finished records */
    struct map_op op;
    struct sm_slot in[MAP_KEYS];
    uint32_t nin;
    uint32_t out[MAP_OUTS]; /* variables, SM_NO = not wanted */
    uint32_t nout;
    struct map_rule *next; /* computed with this rule: same inputs, one memo */
    bool follows;          /* it is somebody's next */
    uint32_t nall;         /* outputs of this rule and those behind it */
    bool memo_ok;          /* a pure function of in[] */
    bool by_file;          /* and of the file's date formats */
    bool wants_all;        /* CHECK: holds when an operand is missing */
    bool equal, negate;    /* a condition: does in[0] have (or not have) the value k? */
    sm_val k;
    uint16_t code;         /* CHECK */
    uint32_t guard;        /* in the template's guards, SM_NO = none */
    struct map_memo memo;
    struct map_std *std; /* STANDARDIZE, made at first use */
};

struct map_guard {
    const struct sm_guard *guard;
    uint32_t parent; /* SM_NO = none; always smaller than its own index */
    uint32_t twin;   /* the same test negated, of nothing that rules write; SM_NO = none */
    struct map_rule test;
    struct map_kinds *kinds; /* of the columns it asks about; NULL = each value by itself */
    uint8_t *known;          /* with kinds: what it says of each */
    bool ready;              /* sel is that of this batch */
    struct map_sel sel;
};
struct map_guards {
    struct map_guard *item;
    size_t n, cap;
};

struct map_template {
    const struct sm_record *record; /* NULL for the domain's post rules */
    struct map_rule *rule;
    uint32_t nrule, guard;
    struct map_guards guards;
    uint32_t *var_column; /* canonical column behind each variable, SM_NO */
};

struct map_plan {
    const void *owner; /* sm_from or sm_lookup_from */
    struct map_plan *next;
    struct map_template *tpl;
    uint32_t ntpl;
    struct map_template post;
    struct map_rule filter;       /* expr NULL = none */
    const struct sm_where *place; /* of the from */
    struct map_rule *expr;        /* lookup: keys, then value */
    uint32_t nexpr;
    uint32_t *zero; /* variables that rules may leave out */
    uint32_t nzero;
    uint32_t copies, copy;      /* records a row may give in all, number of the first of these */
    const struct sm_file *file; /* last file seen */
    uint8_t *late;              /* [source->ncolumn] see sm_map_late */
    struct map_kinds *kinds;    /* columns that several conditions ask about */
};

struct sm_map_worker {
    const struct sm_spec *spec;
    const struct sm_runtime *rt;
    struct sm_intern *in;
    struct sm_arena arena;   /* plans */
    struct sm_arena scratch; /* texts of one batch */
    struct map_room room;
    struct sm_buf text;
    struct map_plan *plan;
    uint64_t memo_bytes;
    bool memo_none; /* for tests: each rule by itself, nothing is remembered */
};

/* References of a subject, for look-ups of one batch. */
enum { MAP_SUBJECT_BITS = 8 };
struct map_subject {
    sm_val id;         /* 0 = free */
    const sm_val *ref; /* NULL = none */
};

/* The same for all rows, in runs of one subject. Rows before the first run have none. */
struct map_refs {
    uint32_t n, first;
    uint32_t *from;     /* [n + 1] */
    const sm_val **ref; /* [n] NULL = none */
};

struct map_run {
    struct sm_map_worker *w;
    struct map_plan *plan;
    const struct sm_spec *spec;
    struct sm_intern *in;
    const struct sm_texts *texts;
    const struct sm_domain *domain; /* NULL in a lookup */
    const struct sm_source *source; /* NULL when rows are finished records */
    const struct sm_file *file;
    struct sm_batch *batch; /* NULL when rows are finished records */
    struct sm_diags *diags;
    const sm_val *const *col;
    const sm_pos *pos; /* [nrow] */
    uint32_t nrow;
    sm_val **var; /* [domain->nvar][nrec] */
    uint32_t nrec;
    uint32_t *rec_row; /* NULL = a record for each row */
    const sm_pos *rec_pos;
    uint16_t *rejected;             /* [nrec] finding code; NULL while records are chosen */
    struct sm_verdict *verdict;     /* [nrow], NULL when nobody asks */
    const sm_val *id_row, *id_rec;  /* USUBJID by row, else by record, or NULL */
    struct map_subject *subject;    /* [1 << MAP_SUBJECT_BITS] references by subject */
    struct map_refs *id_ref;        /* references of each such row's or record's subject */
    sm_val **ref;                   /* [nref] columns of references, made at first use */
    const struct map_template *tpl; /* NULL while the filter runs */
    bool post;                      /* the domain's post rules run: tpl follows the record */
    const struct map_rule *rule;
    uint32_t row, rec;
    sm_val param[2];
    bool dirty;   /* this value has a finding: not to be remembered */
    bool rejects; /* some record is rejected */
    bool found;   /* a value since this was cleared had one */
    bool nomem;
    struct sm_env env;
};

/* ---- map_run.c ---- */
/* The value of a slot for the current row and record. */
sm_val map_slot(const struct map_run *m, struct sm_slot s);
/* Where the values of a slot lie, and by which index. false: out of memory. */
struct map_src {
    const sm_val *base;
    const uint32_t *at;
};
static inline sm_val map_src_at(const struct map_src *s, uint32_t k) {
    return s->base[s->at ? s->at[k] : k];
}
bool map_source_of(struct map_run *m, struct sm_slot s, const struct map_sel *sel,
                   struct map_src *ret);
/* References of the current row's subject, NULL if there are none. */
const sm_val *map_subject(const struct sm_env *env);
/* Makes (row, record) the current one. */
void map_at(struct map_run *m, uint32_t row, uint32_t rec);
/* The record yields nothing, because of a finding. */
void map_reject(struct map_run *m, uint16_t code);

/* ---- map_plan.c ---- */
struct map_plan *map_plan_get(struct sm_map_worker *w, const struct sm_domain *d,
                              const struct sm_from *f, struct sm_err *err);
struct map_plan *map_plan_lookup(struct sm_map_worker *w, const struct sm_lookup *l,
                                 const struct sm_lookup_from *f, struct sm_err *err);
/* Formats of another file: what depends on them is forgotten. */
void map_plan_file(struct map_plan *p, const struct sm_file *file);
void map_plan_free(struct sm_map_worker *w, struct map_plan *p);

/* ---- map_share.c ---- */
/* Does one of the template's first n rules, or a guard of any, read the variable? */
bool map_reads(const struct map_template *t, uint32_t n, uint32_t var);
/* Finds the rules of a template that can share a memo. */
void map_share_rules(struct map_template *t, const struct sm_domain *d);

/* ---- map_room.c ---- */
/* n elements; NULL when out of memory (m->nomem is set). */
void *map_room_take(struct map_run *m, size_t n, size_t size);
void *map_room_zero(struct map_run *m, size_t n, size_t size);
void map_room_reset(struct map_room *room);
void map_room_free(struct map_room *room);

/* ---- map_rule_table.c ---- */
void map_rule_prepare(struct map_rule *r, const struct sm_rule *rule, const struct sm_spec *spec);
void map_rule_of_expr(struct map_rule *r, const struct sm_expr *e, const struct sm_where *where,
                      bool condition);
void map_rule_input(struct map_rule *r, struct sm_slot s);
void map_rule_inputs(struct map_rule *r, const struct sm_expr *e);

/* ---- map_memo.c ---- */
/* Runs a rule, and those that share its memo, over a selection; values go to dst[i] (NULL = not
 * wanted), one array per output (r->nall), indexed by record. */
void map_memo_run(struct map_run *m, struct map_rule *r, const struct map_sel *sel,
                  sm_val *const *dst);
/* Makes values of the cells that a rule reads for a selection (sm_batch.late). */
void map_settle(struct map_run *m, const struct map_rule *r, const struct map_sel *sel);
/* Runs a condition over a selection; ret has room for all of it in both lists. False: no memory. */
bool map_memo_test(struct map_run *m, struct map_rule *r, const struct map_sel *sel,
                   struct map_split *ret);
/* One value, not remembered. True if it is clean. */
bool map_value(struct map_run *m, const struct map_rule *r, uint32_t row, uint32_t rec,
               sm_val *out);
/* Cells of the rule's inputs. False: out of memory. */
bool map_sources(struct map_run *m, const struct map_rule *r, const struct map_sel *sel,
                 struct map_src *src);
/* May the worker remember that many more bytes? */
bool map_memo_may(const struct sm_map_worker *w, uint64_t bytes);
void map_memo_forget(struct map_memo *memo);
/* The rule begins anew when it runs again. */
void map_memo_free(struct sm_map_worker *w, struct map_memo *memo);

/* ---- map_kinds.c ---- */
/* Finds the guards that ask about columns alone, and about the same ones as another. False: no memory. */
bool map_kinds_plan(struct sm_map_worker *w, struct map_plan *p, struct map_guards *g);
/* A batch begins: kinds of the one before are forgotten. */
void map_kinds_begin(struct map_plan *p);
/* What the guard's condition says of its kinds is forgotten. */
void map_kinds_forget(struct map_guard *g);
/* As map_memo_test; ret has no entries yet, and where all go to one side `at` is left as it is. False: not by
 * kinds (or no memory), nothing was done. */
bool map_kinds_test(struct map_run *m, struct map_guard *g, const struct map_sel *from,
                    struct map_split *ret);

/* ---- map_guard.c ---- */
/* The entries of `from` at these places; all of them, or n < from->n. */
bool map_pick(struct map_run *m, const struct map_sel *from, const uint32_t *at, uint32_t n,
              struct map_sel *ret);
/* Records out of `all` for which the guard holds; kept for the batch. */
bool map_guard_select(struct map_run *m, struct map_guards *g, uint32_t i,
                      const struct map_sel *all, struct map_sel *ret);
void map_guard_reset(struct map_guards *g);
/* Chooses rows: subject, filter, then each template's records; fills rec_row (none: a record for
 * each row) and sel[ntpl]. The verdict of a row that can have no record is there then. */
int map_choose_rows(struct map_run *m, struct map_sel *ret, struct sm_err *err) SM_MUST_CHECK;
int map_choose_records(struct map_run *m, const struct map_sel *rows, struct map_sel *sel,
                       struct sm_err *err) SM_MUST_CHECK;
/* Positions of the records, to ret[nrec]. */
int map_number_positions(const struct map_run *m, const struct map_sel *sel, sm_pos *ret,
                         struct sm_err *err) SM_MUST_CHECK;

/* ---- map_find.c ---- */
struct map_issue {
    uint16_t code;
    uint8_t effect;
    int sev;         /* -1 = the code's own */
    uint32_t column; /* canonical column, SM_NO = none */
    uint32_t var;    /* variable, SM_NO = the rule's */
    sm_val value;    /* shown when there is no raw cell */
    struct sm_str detail, mend;
};
/* Adds the finding unless the record is rejected already. */
void map_find(struct map_run *m, const struct map_issue *issue);
/* Canonical column behind a slot, SM_NO. */
uint32_t map_column_of(const struct map_run *m, struct sm_slot s);
/* Column to name for the current rule: the one it says, else behind its first input. A domain's
 * post rules serve several sources, so theirs is found through the record's own rules first. */
uint32_t map_rule_column(const struct map_run *m);
struct sm_str map_say(struct map_run *m, const char *fmt, ...) SM_PRINTF(2, 3);
void map_expr_problem(void *ctx, enum sm_expr_problem what, struct sm_str text,
                      struct sm_slot slot);
void map_unknown_subject(struct map_run *m, uint32_t row, bool rejected);

/* ---- op_*.c ---- */
sm_val map_fold(struct map_run *m, sm_val v, bool upper);
sm_val map_recode(struct map_run *m, const struct sm_rule *rule, sm_val v);
sm_val map_terms(struct map_run *m, const struct sm_rule *rule, sm_val v);
/* case, recode, terms, the variable's type and range, in this order. */
sm_val map_finish(struct map_run *m, const struct map_rule *r, uint32_t var, sm_val v);
struct sm_str map_text(const struct map_run *m, sm_val v, struct sm_valbuf *buf);

void map_assign_prepare(struct map_rule *r, const struct sm_spec *spec);
void map_assign_value(struct map_run *m, const struct map_rule *r, sm_val *out);
void map_copy_bulk(struct map_run *m, struct map_rule *r, const struct map_sel *sel);
void map_copy_dtc_bulk(struct map_run *m, struct map_rule *r, const struct map_sel *sel);
void map_constant_prepare(struct map_rule *r, const struct sm_spec *spec);
void map_constant_value(struct map_run *m, const struct map_rule *r, sm_val *out);
void map_constant_bulk(struct map_run *m, struct map_rule *r, const struct map_sel *sel);
void map_compute_prepare(struct map_rule *r, const struct sm_spec *spec);
void map_compute_value(struct map_run *m, const struct map_rule *r, sm_val *out);
void map_condition_value(struct map_run *m, const struct map_rule *r, sm_val *out);
void map_expr_value(struct map_run *m, const struct map_rule *r, sm_val *out);
void map_datetime_prepare(struct map_rule *r, const struct sm_spec *spec);
uint32_t map_datetime_fast(struct map_run *m, struct map_rule *r, const struct map_sel *sel,
                           sm_val *const *dst, uint32_t *rest);
void map_datetime_value(struct map_run *m, const struct map_rule *r, sm_val *out);
void map_multiple_prepare(struct map_rule *r, const struct sm_spec *spec);
void map_multiple_value(struct map_run *m, const struct map_rule *r, sm_val *out);
void map_check_prepare(struct map_rule *r, const struct sm_spec *spec);
void map_check_value(struct map_run *m, const struct map_rule *r, sm_val *out);
void map_study_day_prepare(struct map_rule *r, const struct sm_spec *spec);
uint32_t map_study_day_fast(struct map_run *m, struct map_rule *r, const struct map_sel *sel,
                            sm_val *const *dst, uint32_t *rest);
void map_study_day_value(struct map_run *m, const struct map_rule *r, sm_val *out);
/* Outputs of STANDARDIZE, in the order of enum sm_std_var. */
enum {
    MAP_OUT_STRESC,
    MAP_OUT_STRESN,
    MAP_OUT_STRESU,
    MAP_OUT_STNRLO,
    MAP_OUT_STNRHI,
    MAP_OUT_NRIND,
    MAP_OUT_COUNT
};
void map_standardize_prepare(struct map_rule *r, const struct sm_spec *spec);
void map_standardize_value(struct map_run *m, const struct map_rule *r, sm_val *out);
/* The row of a table for this test and unit, else the one for any test; NULL. */
const struct sm_convert *map_std_row(const struct map_run *m, const struct sm_units *units,
                                     sm_val test, sm_val unit);
/* The decimal by the row (NULL: as it is), with the sign before it. False: too long. */
bool map_std_convert(struct map_run *m, const struct sm_rule *rule, const struct sm_convert *row,
                     struct sm_str sign, struct sm_str number, sm_val *ret);
/* The same for a value that is a decimal as a whole, remembered. */
bool map_std_number(struct map_run *m, const struct map_rule *r, const struct sm_convert *row,
                    sm_val in, sm_val *ret);
uint32_t map_standardize_fast(struct map_run *m, struct map_rule *r, const struct map_sel *sel,
                              sm_val *const *dst, uint32_t *rest);
void map_standardize_free(struct sm_map_worker *w, struct map_rule *r);
void map_visit_prepare(struct map_rule *r, const struct sm_spec *spec);
void map_visit_value(struct map_run *m, const struct map_rule *r, sm_val *out);
void map_epoch_prepare(struct map_rule *r, const struct sm_spec *spec);
void map_epoch_value(struct map_run *m, const struct map_rule *r, sm_val *out);
void map_duration_prepare(struct map_rule *r, const struct sm_spec *spec);
void map_duration_value(struct map_run *m, const struct map_rule *r, sm_val *out);
void map_age_prepare(struct map_rule *r, const struct sm_spec *spec);
void map_age_value(struct map_run *m, const struct map_rule *r, sm_val *out);
void map_date_order_prepare(struct map_rule *r, const struct sm_spec *spec);
void map_date_order_value(struct map_run *m, const struct map_rule *r, sm_val *out);
#endif
