/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_READ_PRIV_H
#define SDTMILL_READ_PRIV_H
/* read_priv.h - the read room inside: what a reader knows of its file, what a worker keeps, and the
 * record that is being read. A file that uses libcsv includes csv.h before anything else. */
#include <stdatomic.h>

#include "sdtmill/buf.h"
#include "sdtmill/err.h"
#include "sdtmill/mem.h"
#include "sdtmill/read.h"
#include "sdtmill/scan.h"
#include "sdtmill/source.h"
#include "sdtmill/split.h"
#include "sdtmill/utf8.h"

enum {
    READ_MEMO = 512,
    READ_MEMO_FEW = 1 << 15, /* places: more come in smaller steps */
    READ_MEMO_MOST = 1 << 20,
    READ_KEY = 4,
    READ_SUBJECTS = 2, /* USUBJID, SUBJID */
    READ_SHORT = 16,
    READ_SAMPLE = 48,
    READ_SOME = 65536,
    READ_ROWS = 64,    /* records that are worked on together, at most; */
    READ_FIELDS = 1024 /* so many fields of them, unless one alone has more */
};

/* ---- one record as fields ----------------------------------------------------------------------
 */
struct read_csv; /* a libcsv parser */
struct read_fields {
    struct sm_str *v; /* fields as UTF-8, uncleaned; at most max_columns of them */
    uint32_t n;       /* how many there are */
    size_t cap;
    uint32_t *next; /* of many records: where the next field begins, as sm_scan_way.fields says */
    uint32_t start[READ_ROWS]; /* where each of them begins */
    size_t cap_next;
    struct sm_str text; /* the record as UTF-8 */
    bool ascii;
    bool tidy;    /* all of its fields are clean as they stand; if not known, false */
    bool invalid; /* some byte is no character; it stands where it was */
    bool changed; /* the fields joined by delimiters are not `text` */
    struct sm_buf decoded, cells;
    struct read_csv *csv;
};
int read_fields_open(struct read_fields *f, struct sm_err *err) SM_MUST_CHECK;
void read_fields_close(struct read_fields *f);
/* Fields of one record (raw bytes without line end), behind which SM_SCAN bytes can be read; so
 * they can behind each field. False when out of memory. */
bool read_fields_run(struct read_fields *f, const struct sm_reader *r, struct sm_str raw,
                     uint32_t flags);
/* Fields of the usual records from c->rec.v[first] on, at most `most` (READ_ROWS): as many as the
 * header has, tidy, and nothing speaks against them at a first look. They are told by `start`, and
 * by `next`, n for each record; v has room for one of them. Gives how many records; 0 too when out
 * of memory. The chunk must not hold NULs. */
uint32_t read_fields_many(struct read_fields *f, const struct sm_reader *r,
                          const struct sm_chunk *c, size_t first, size_t most);
/* A field that begins at `from`, and its entry in `next`. */
static inline struct sm_str read_many_field(const char *data, uint32_t from, uint32_t next) {
    const uint32_t to = next & SM_SCAN_OFFSET, quoted = to != next;
    from &= SM_SCAN_OFFSET;
    return (struct sm_str){data + from + quoted, (size_t)(to - from - 1 - 2 * quoted)};
}
/* Bytes of the record as UTF-8 where it is no character: the first such field (0-based), and the
 * byte as it stands in the file. */
uint32_t read_fields_invalid(const struct read_fields *f, const struct sm_reader *r,
                             unsigned *ret_byte);
/* Equal for records with equal fields, however they are quoted. */
bool read_fields_hash(struct read_fields *f, const struct sm_reader *r, struct sm_hash128 *ret);

/* ---- the file bound to its source -------------------------------------------------------------
 */
enum read_way {                /* how a cell comes to its value */
                READ_CONSTANT, /* always the same */
                READ_TEXT,     /* the cleaned text of a field */
                READ_KNOWN,    /* a field's text converted, as it was the last time */
                READ_EXPR
};
/* Short texts kept of a TEXT and of a KNOWN cell; from how many on the latter get no more either.
 */
enum { READ_FEW = 256, READ_MANY = 2048, READ_BRIEF = 65536 };
struct read_cell { /* a sm_filecol ready to run */
    enum read_way way;
    uint32_t to;          /* canonical column */
    uint32_t brief, mask; /* its short texts: the first of them in the worker, how many - 1 */
    const struct sm_filecol *fc;
    const struct sm_column *column;
    uint32_t field;             /* raw field behind it, 0-based; SM_NO = none */
    uint32_t memo;              /* its memo table */
    const struct sm_str *token; /* texts that mean missing */
    uint32_t ntoken;
    const struct sm_slot *input; /* EXPR */
    uint32_t ninput;
    sm_val constant;
    bool plain;   /* the cleaned text is the value */
    bool number;  /* so is the text of a plain number */
    bool rejects; /* a bad date loses the record */
};
struct read_plan {
    struct read_cell *cell;
    uint32_t ncell;
};
struct read_subject { /* USUBJID or SUBJID of a row */
    const struct sm_expr *e;
    uint32_t col[READ_KEY], ncol; /* what it reads of the row */
    uint32_t memo;
    bool keep; /* its values can be kept by those columns */
    bool same; /* it is the first of them as it stands */
};
struct read_skip { /* all <skip> of the file together */
    struct sm_slot in[READ_KEY];
    uint32_t n, memo;
    bool keep; /* what they say can be kept by those inputs */
};
struct read_raw {
    uint32_t field;
    const struct sm_str *token;
    uint32_t ntoken;
};
struct read_unnamed { /* a column without a name: where it first holds something */
    uint32_t field;
    _Atomic uint64_t line; /* UINT64_MAX = nowhere */
};

struct sm_reader {
    const struct sm_spec *spec;
    const struct sm_input *input;
    const struct sm_source *source;
    const struct sm_file *file;
    struct sm_read_opts opts; /* defaults filled in */
    struct sm_arena arena;
    struct sm_bytes *bytes;
    struct sm_charmap *map; /* NULL: the bytes are UTF-8 */
    bool marked;            /* bytes that are no character come as marks (source.h) */
    struct sm_split split;
    /* header and binding */
    struct sm_str *name; /* cleaned header names */
    uint32_t nname;
    uint64_t header_line;
    struct read_raw *raw; /* [file->nraw] */
    struct read_plan base;
    struct read_plan *from;        /* [unpivot->nfrom] */
    uint32_t ncell, nbrief;        /* memo tables and short texts needed */
    uint32_t *required, nrequired; /* columns */
    uint32_t *absent, nabsent;     /* columns that no cell of `base` supplies */
    struct read_subject subject[READ_SUBJECTS];
    struct read_skip skip;
    uint32_t subject_field; /* raw cell that names the subject; SM_NO = the first */
    uint32_t many;          /* records whose fields are cut in one go */
    struct read_unnamed *unnamed;
    uint32_t nunnamed;
    /* where reading stands */
    struct sm_buf head;  /* bytes before the first record, without BOM */
    struct sm_buf carry; /* bytes read, not yet handed out */
    uint64_t line;       /* of the first byte of carry */
    uint64_t records;
    bool eof;
    char latest;         /* byte that was read last */
    struct sm_err fault; /* why the bytes ended too early */
    bool footer_seen, ended;
    bool footer_counts;
    uint64_t footer_count, footer_line, lines;
    bool crlf; /* the header line ends with CR LF */
};

struct sm_chunk {
    char *data;
    size_t n, cap;
    struct sm_spans rec;
    uint64_t first_record;
    uint64_t line; /* spans count from here */
};

/* Finds header and data start in the carry, fills name[]. */
int read_header(struct sm_reader *r, struct sm_diags *diags, struct sm_err *err) SM_MUST_CHECK;
/* Header names to plans. */
int read_bind(struct sm_reader *r, struct sm_diags *diags, struct sm_err *err) SM_MUST_CHECK;
/* A finding that refuses the file: added to diags whatever opts.quiet says. Gives SM_EDATA. */
int read_refuse(struct sm_reader *r, struct sm_diags *diags, const struct sm_diag *d,
                struct sm_err *err);
/* Appends more bytes; at the end, or at a fault, r->eof is set. */
int read_more(struct sm_reader *r, char *to, size_t cap, size_t *ret_n,
              struct sm_err *err) SM_MUST_CHECK;
/* Is the last character of a UTF-8 text cut off? */
bool read_is_cut(struct sm_str text);

/* ---- workers --------------------------------------------------------------------------------- */
struct read_memo { /* what a text, or a tuple of values, became the last time */
    const void *who; /* NULL: nothing is known */
    uint64_t key[READ_KEY]; /* the text and zeros: it has no NUL */
    sm_val v;
    uint64_t hash; /* of the key */
    uint64_t unused; /* an entry is a line of the cache */
};
struct read_memos {
    void *memory;
    struct read_memo *m; /* [size], READ_MEMO at first */
    uint32_t size;
    uint32_t looks, missed; /* since the size is that; missed: what took another's place */
};
struct read_short { /* the same of a text of at most READ_SHORT bytes, uncleaned */
    uint64_t key[2];
    sm_val v;
    const void *who;
};
struct sm_read_worker {
    const struct sm_spec *spec;
    struct sm_intern *in;
    struct read_fields fields;
    struct sm_buf clean, work;
    struct read_memos *memo;
    size_t nmemo;
    uint64_t memo_most, memo_room; /* bytes by which they may grow: at first, and now */
    struct read_short *brief;
    size_t nbrief;
    sm_val *raw; /* values of raw cells for expressions */
    const sm_val **rawcol;
    uint64_t *stamp; /* record for which raw[i] holds */
    size_t nraw;
    uint64_t tick;
    sm_val *base, **row; /* two canonical rows, before and after unpivoting; where they stand */
    size_t nbase;
};

struct read_job { /* one call of sm_reader_parse */
    const struct sm_reader *r;
    struct sm_read_worker *w;
    const struct sm_chunk *c;
    struct sm_batch *b;
    struct read_fields *f;
    size_t first; /* record of the chunk: the first under way */
    bool many;    /* they come from read_fields_many */
    uint32_t k;   /* which of them is looked at, see read_at */
    const struct sm_span *span;
    uint64_t number, line; /* the record's */
    struct sm_env raw_env, row_env;
    const struct read_cell *cell; /* being filled, for findings of expressions */
    bool found;                   /* a finding was made for this cell */
    bool subject;                 /* a subject expression is being run */
    bool failed;
    bool lost;                /* some of `lose` are set */
    uint16_t lose[READ_ROWS]; /* codes of the findings that lose the rows under way; 0 = none */
    size_t lost_cap;
};
struct read_back { /* behind batch->reader */
    const struct sm_reader *r;
    const struct sm_chunk *c;
    const uint32_t *from;  /* [nrow] which <from> of the unpivot, NULL without one */
    const sm_val *subject; /* [nrow] cleaned raw cell naming the subject, with row_hash */
};

/* The kth record under way is the one that is looked at, findings are about it. Only what is out of
 * the ordinary asks for it. */
void read_at(struct read_job *j, uint32_t k);
/* A field of it. */
struct sm_str read_field(const struct read_job *j, uint32_t i);
/* The row of that record shall not be booked. */
static inline void read_loses(struct read_job *j, uint16_t code) {
    j->lose[j->k] = code;
    j->lost = true;
}
/* A finding about the record looked at: field 1-based, 0 = the whole row. */
void read_find(struct read_job *j, uint16_t code, enum sm_effect effect, uint32_t field,
               struct sm_str value, struct sm_str detail);
/* The record becomes no row. */
void read_lose(struct read_job *j, enum sm_fate fate, uint16_t code, const struct sm_where *where);
/* Sample of the record for a row finding: its first characters. */
struct sm_str read_sample(const struct read_fields *f);

/* Cleaned cell: points into s or into *work. */
struct sm_str read_clean(struct sm_str s, struct sm_buf *work);
bool read_is_token(const struct sm_str *token, uint32_t n, struct sm_str s);
/* s: cleaned text, not empty; v: the same as a value, if there is one. */
sm_val read_convert(struct read_job *j, const struct read_cell *cell, sm_val v, struct sm_str s);
/* The values of n records under way from the kth on, each to col[its column][row] and below. Of the
 * kth only, which is looked at, if the plan has expressions or its fields are not tidy. */
void read_cells(struct read_job *j, const struct read_plan *plan, sm_val *const *col, size_t row,
                uint32_t k, uint32_t n);
/* Values of the raw columns that an expression reads. */
void read_inputs(struct read_job *j, const struct sm_slot *input, size_t n);
bool read_memo_open(struct read_memos *t, uint32_t size); /* empty; memory to be freed */
/* Hash of a key of n bytes (SIZE_MAX: all of it). */
uint64_t read_memo_hash(const uint64_t key[READ_KEY], size_t n);
/* The place of a key, until the next call. */
struct read_memo *read_memo_find(struct sm_read_worker *w, struct read_memos *t, const void *who,
                                 const uint64_t key[READ_KEY], uint64_t hash, bool *ret_hit);
/* The first of the two places where a key can be. */
static inline struct read_memo *read_memo_place(const struct read_memos *t, uint64_t hash) {
    return &t->m[hash >> 32 & (t->size - 1)];
}
void read_problem(void *ctx, enum sm_expr_problem what, struct sm_str text, struct sm_slot slot);
/* n records under way from the kth on to canonical rows. */
void read_rows(struct read_job *j, uint32_t k, uint32_t n);
/* The cell that supplies a canonical column in the nth <from>; NULL if none. */
const struct read_cell *read_cell_of(const struct sm_reader *r, uint32_t from, uint32_t column);
#endif
