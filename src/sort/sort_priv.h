/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_SORT_PRIV_H
#define SDTMILL_SORT_PRIV_H
/* sort_priv.h - how the files of this room work together.
 *
 *   sort_key    what a record's key is: columns to bits whose numeric order is the order wanted
 *   sort_index  the records in memory, put in order through their numbers
 *   sort_deal   the making of an index
 *   sort_front  records packed in several threads
 *   sort_part   the records in memory, cut into parts that several threads read
 *   sort_run    runs in the temporary file: written, and read sheaf by sheaf
 *   sort_spill  the records in memory to a run, by several threads
 *   sort_merge  runs merged
 *   sort_slice  runs cut by key into slices that several threads merge
 *   sort        the owner's side: takes, spills, decides where the blocks come from */
#include "sdtmill/pack.h"
#include "sdtmill/sheaf.h"
#include "sdtmill/sort.h"
#include "sdtmill/tmpfile.h"

enum {
    SORT_OUT_ROWS = 1024,  /* records of a block that goes out */
    SORT_PACKS_MOST = (int)(UINT32_MAX / SM_PACK_ROWS), /* whose records have numbers */
    SORT_OWNER = 0 /* number of the owner's packer; front f has f + 1 */
};

/* ---- keys ------------------------------------------------------------------------------------ */
enum sort_how {
    SORT_RANK,  /* every value has a code: rank of the code; exact */
    SORT_BITS,  /* values whose bits order as their texts; exact */
    SORT_IMAGE, /* first bytes or double: a greater value is never less; not exact */
    SORT_POS    /* position; exact */
};
struct sort_field {
    uint32_t key; /* which of the sort keys; their number for SORT_POS */
    uint32_t column, word;
    uint8_t shift, width;
    enum sort_how how;
    enum sm_sort_kind kind;
    uint64_t base;       /* SORT_POS: smallest; SORT_BITS: smallest less 1 */
    uint32_t *rank;      /* SORT_RANK: [codes of all packers, one after the other] */
    const uint32_t **of; /* SORT_RANK: [npacker] where a packer's begin */
};
struct sort_makers {                 /* whoever makes packs: a packer's place is its id */
    struct sm_packer *const *packer; /* [n], NULL where there is none */
    uint32_t n;
};
struct sort_plan {
    struct sort_makers by;
    const sm_val **val; /* [by.n][ncol] values of the codes, which stay when the packers go on */
    const struct sm_texts *texts;
    const struct sm_sort_key *key;
    uint32_t nkey, ncol;
    struct sort_field *field;
    uint32_t nfield, words; /* words: at least 1 */
    uint32_t *first;        /* [words + 1] fields of each word */
    bool exact;             /* equal words are equal keys */
    uint32_t rest;          /* not exact: first key to compare by value */
};
struct sort_span { /* positions seen so far */
    bool ascending, any;
    sm_pos least, most, first, last;
};
void sort_span_see(struct sort_span *s, const sm_pos *pos, uint32_t n);
void sort_span_join(struct sort_span *s, const struct sort_span *then);

int sort_plan_make(struct sort_plan *p, struct sort_makers by, const struct sm_texts *t,
                   const struct sm_sort_opts *o, const struct sort_span *span,
                   struct sm_err *err) SM_MUST_CHECK;
void sort_plan_free(struct sort_plan *p);
/* One field of the key, ready for the records of one pack. */
struct sort_step {
    union {
        const uint32_t *rank; /* SORT_RANK */
        uint64_t base;        /* SORT_BITS: what the smallest value stands for */
    };
    uint64_t mask;
    uint32_t at; /* byte of the record */
    uint8_t by, low, left;
    uint8_t how; /* SORT_RANK; SORT_BITS of values without code; else all the rest */
    bool begins; /* the second word, or a further one */
};
/* Fills [nfield] steps. */
void sort_plan_steps(const struct sort_plan *p, const struct sm_pack *k, struct sort_step *out);
/* A field whose value has to be looked at. Here and below k is the pack of a record, or the head of
 * its kind, and `record` its first byte. */
uint64_t sort_plan_look(const struct sort_plan *p, uint32_t field, const struct sm_pack *k,
                        const uint8_t *record);
static inline const uint8_t *sort_record(const struct sm_pack *k, uint32_t row) {
    return sm_pack_data(k) + (size_t)row * k->stride;
}
/* A field of a record's key, in its place in the word. */
static inline uint64_t sort_step_bits(const struct sort_plan *p, const struct sort_step *step,
                                      uint32_t field, const struct sm_pack *k,
                                      const uint8_t *record) {
    const struct sort_step *s = &step[field];
    if (s->how == SORT_IMAGE) return sort_plan_look(p, field, k, record) << s->left;
    uint64_t x = sm_pack_load(record + s->at) >> s->by & s->mask;
    if (s->how == SORT_RANK) return (uint64_t)s->rank[x] << s->left;
    return x ? (s->base + ((x - 1) << s->low)) << s->left : 0;
}
/* The words of a record's key: words numbers to out. */
static inline void sort_plan_key(const struct sort_plan *p, const struct sort_step *step,
                                 const struct sm_pack *k, const uint8_t *record, uint64_t *out) {
    uint64_t x = 0;
    for (uint32_t i = 0; i < p->nfield; i++) {
        if (step[i].begins) {
            *out++ = x;
            x = 0;
        }
        x |= sort_step_bits(p, step, i, k, record);
    }
    *out = x;
}
static inline int sort_cmp_words(const uint64_t *a, const uint64_t *b, uint32_t words) {
    for (uint32_t w = 0; w < words; w++)
        if (a[w] != b[w]) return a[w] < b[w] ? -1 : 1;
    return 0;
}
/* `bits` (at most 16) bits of the key from bit `bit` on, counted from the most significant of the
 * first word; they do not cross words. */
uint32_t sort_plan_digit(const struct sort_plan *p, const struct sort_step *step,
                         const struct sm_pack *k, const uint8_t *record, unsigned bit,
                         unsigned bits);
/* The first `bits` bits of all records of a pack. */
void sort_plan_digits(const struct sort_plan *p, const struct sort_step *step,
                      const struct sm_pack *k, unsigned bits, uint16_t *out);
/* Order of two records whose words are equal: the keys that the words do not settle, then position.
 */
int sort_plan_tie(const struct sort_plan *p, const struct sm_pack *a, const uint8_t *record_a,
                  const struct sm_pack *b, const uint8_t *record_b);
/* Bits of word w that belong to the first `lead` keys. */
uint64_t sort_plan_lead(const struct sort_plan *p, uint32_t lead, uint32_t w);
/* memcmp order, or number order, as sort.h says. */
int sort_value_cmp(const struct sm_texts *t, enum sm_sort_kind kind, sm_val a, sm_val b);

/* ---- records in memory ----------------------------------------------------------------------- */
struct sort_place { /* of a pack's records */
    const uint8_t *data;
    uint32_t stride;
};
struct sort_index {
    const struct sort_plan *plan;
    struct sm_pack **pack;
    uint32_t npack;
    struct sort_step *step;   /* [npack][nfield] */
    struct sm_unpack **view;  /* [npack]; NULL: records are not opened */
    struct sort_place *place; /* [npack] */
    uint64_t n;
    bool as_is;             /* they came in order: number[] is not there */
    uint32_t *number;       /* [n] sm_pack_number */
    uint32_t *end;          /* [nbucket] of the first split */
    uint32_t nbucket, most; /* most: records to sort at a time with all their key words */
    unsigned top;           /* bits of the first split */
};
struct sort_scratch { /* of one thread that sorts */
    uint32_t cap;
    uint64_t *key;
    struct sort_item {
        uint64_t key;
        uint32_t at;
    } * a, *b;
};
struct sort_reader { /* gives out an index */
    const struct sort_index *x;
    struct sort_scratch scratch;
    uint64_t sorted, given; /* how many from the start are in their place; were given out */
    uint32_t bucket, pack, row;  /* the next bucket; as_is: the next record */
};
struct sort_limits {
    uint32_t most;    /* records to sort at a time with all their key words */
    unsigned threads; /* that may make the index, the calling one with them */
    bool views;       /* records are opened, not only put in order */
};
int sort_index_open(struct sort_index *x, const struct sort_plan *plan, struct sm_pack **pack,
                    uint32_t npack, struct sort_limits limits, struct sm_err *err) SM_MUST_CHECK;
void sort_index_free(struct sort_index *x);
/* Puts the records of one bucket, which nobody else looks at meanwhile, in order. */
int sort_index_bucket(const struct sort_index *x, struct sort_scratch *s, uint32_t bucket,
                      struct sm_err *err) SM_MUST_CHECK;
/* Cells and positions of n records; number is in x->number. */
void sort_index_gather(const struct sort_index *x, const uint32_t *number, uint32_t n, sm_val *cell,
                       sm_pos *pos);
/* The same of n records as they came, from *pack, *row on, which move on. */
void sort_index_run(const struct sort_index *x, uint32_t *pack, uint32_t *row, uint32_t n,
                    sm_val *cell, sm_pos *pos);
static inline const struct sort_step *sort_index_step(const struct sort_index *x, uint32_t pack) {
    return x->step + (size_t)pack * x->plan->nfield;
}
void sort_scratch_free(struct sort_scratch *s);

/* The making of an index by several threads: step[], view[] and place[] are filled by open, number[]
 * and end[] made by run. */
struct sort_deal;
int sort_deal_open(struct sort_deal **ret, struct sort_index *x, unsigned threads,
                   struct sm_err *err) SM_MUST_CHECK;
int sort_deal_run(struct sort_deal *d, struct sm_err *err) SM_MUST_CHECK;
void sort_deal_close(struct sort_deal *d);
/* Up to `want` further records in order, row by row; *ret_n = 0 at the end. */
int sort_reader_next(struct sort_reader *r, sm_val *cell, sm_pos *pos, uint32_t want, uint32_t *ret_n,
                     struct sm_err *err) SM_MUST_CHECK;

/* ---- runs in the file ------------------------------------------------------------------------ */
struct sort_run {
    uint64_t at, end; /* bytes in the file */
    uint64_t widest;  /* bytes of its largest sheaf */
    uint32_t kinds;   /* of which a sheaf's records are, at most */
};
/* Nothing in it yet; what is added begins at the end of the file. */
struct sort_run sort_run_begin(const struct sm_tmpfile *f);
int sort_run_add(struct sort_run *r, struct sm_tmpfile *f, struct sm_sheaf *k,
                 struct sm_err *err) SM_MUST_CHECK;
/* A new run of those that are merged; its records are packed anew. */
struct sort_merge;
int sort_run_write(struct sort_run *ret, struct sm_tmpfile *f, struct sm_packer *packer,
                   struct sort_merge *m, struct sm_err *err) SM_MUST_CHECK;
struct sort_loaded { /* a sheaf of a run, ready to be read */
    struct sm_sheaf *sheaf;
    const uint8_t *record, *kind; /* in it; kind NULL: all are of the first */
    struct sort_step *step;       /* [kinds][nfield] */
    struct sm_unpack **view;      /* [kinds] */
    uint64_t room;                /* bytes there are for the sheaf */
    uint32_t kinds;               /* that there is room for */
    uint32_t users;               /* sort_slice.c: slices that it is in, and the cutter */
    struct sort_loaded *next;     /* sort_slice.c: spare ones */
};
int sort_loaded_new(struct sort_loaded **ret, struct sm_err *err) SM_MUST_CHECK;
void sort_loaded_free(struct sort_loaded *k);
/* The first sheaf of what is left of a run, which has one; *left gets shorter. */
int sort_loaded_read(struct sort_loaded *k, const struct sort_plan *plan,
                     const struct sm_tmpfile *f, struct sort_run *left, struct sm_err *err) SM_MUST_CHECK;
static inline uint32_t sort_loaded_kind(const struct sort_loaded *k, uint32_t row) {
    return k->kind ? k->kind[row] : 0;
}
static inline const uint8_t *sort_loaded_record(const struct sort_loaded *k, uint32_t row) {
    return k->record + (size_t)row * k->sheaf->stride;
}
/* The key of one of its records. */
static inline void sort_loaded_key(const struct sort_loaded *k, const struct sort_plan *p,
                                   uint32_t row, uint64_t *out) {
    const uint32_t kind = sort_loaded_kind(k, row);
    sort_plan_key(p, k->step + (size_t)kind * p->nfield, sm_sheaf_head(k->sheaf, kind),
                  sort_loaded_record(k, row), out);
}

/* ---- merging --------------------------------------------------------------------------------- */
struct sort_cursor {             /* in one of the sequences that are merged */
    const struct sort_loaded *k; /* NULL: it is over */
    uint32_t row, end;
};
struct sort_more { /* where sequence i goes on, or that it is over */
    int (*fn)(void *ctx, uint32_t i, struct sort_cursor *c, struct sm_err *err);
    void *ctx;
};
struct sort_tree { /* of losers */
    const struct sort_plan *plan;
    struct sort_cursor *c; /* [n] */
    uint32_t n;
    uint64_t *key;  /* [n][words] of each cursor's record; [words] scratch */
    uint32_t *tree; /* [2n] [0]: the winner; below n: the loser of that match; scratch */
    uint32_t same;  /* times that the winner was the one of the time before */
};
int sort_tree_open(struct sort_tree *t, const struct sort_plan *plan, uint32_t n,
                   struct sm_err *err) SM_MUST_CHECK;
/* Asks for the first records of all sequences. Of records that tie the one of the earlier sequence
 * comes first. */
int sort_tree_start(struct sort_tree *t, struct sort_more more, struct sm_err *err) SM_MUST_CHECK;
int sort_tree_next(struct sort_tree *t, struct sort_more more, sm_val *cell, sm_pos *pos,
                   uint32_t want, uint32_t *ret_n, struct sm_err *err) SM_MUST_CHECK;
void sort_tree_close(struct sort_tree *t);

/* Of runs, from their starts to their ends. */
int sort_merge_open(struct sort_merge **ret, const struct sort_plan *plan,
                    const struct sm_tmpfile *f, const struct sort_run *run, uint32_t nrun,
                    struct sm_err *err) SM_MUST_CHECK;
int sort_merge_next(struct sort_merge *m, sm_val *cell, sm_pos *pos, uint32_t want, uint32_t *ret_n,
                    struct sm_err *err) SM_MUST_CHECK;
void sort_merge_close(struct sort_merge *m);

/* ---- the sorter ------------------------------------------------------------------------------ */
struct sm_sort_sheaves { /* a part that is spilled */
    struct sm_sheaf **sheaf;
    size_t nsheaf, cap;
};
struct sm_sort_packs {
    uint32_t maker;
    uint64_t maker_bytes; /* that the maker holds */
    struct sm_pack **pack;
    uint32_t npack;
    struct sort_span span;
    struct sm_recs few; /* too few to pack */
};
struct sm_sorter {
    const struct sm_texts *texts;
    struct sm_sort_opts o;
    struct sm_sort_key *key;
    char *tmpdir;
    struct sm_packer **packer; /* [o.threads + 1]; each made by its thread at first use */
    uint64_t *packer_bytes;    /* the same, as far as the owner knows */
    struct sm_dsinfo *facts;   /* [o.threads + 1] of what each packer was given; NULL: not wanted */
    struct sm_recs few;        /* small batches waiting */
    const sm_val **col;        /* [ncol] scratch */
    struct sm_pack **pack;     /* in memory */
    size_t npack, cap_pack;
    uint64_t bytes, held; /* of packs; records in packs */
    uint64_t rows;
    struct sort_span span;
    struct sm_tmpfile file;
    struct sort_run *run;
    size_t nrun, cap_run;
    /* while memory is spilled, and after finish */
    struct sort_plan plan;
    struct sort_index index;
    struct sort_cut *cut; /* [nparts + 1] where the parts begin */
    size_t nparts;
    struct sm_binder *binder;     /* of the records in memory, or NULL */
    struct sort_spiller *spiller; /* [o.threads], or NULL */
    /* after finish */
    bool finished;
    struct sort_reader reader;
    struct sort_merge *merge;
    struct sort_cutter *cutter;
    sm_val *cell;
    sm_pos *pos;
};
/* sort.c */
int sort_index_packs(struct sm_sorter *s, bool views, struct sm_err *err) SM_MUST_CHECK;
int sort_pack_few(struct sm_sorter *s, bool may_spill, struct sm_err *err) SM_MUST_CHECK;
void sort_drop_packs(struct sm_sorter *s);
enum { SORT_FEW = 512 }; /* fewer records than these are gathered before they are packed */
/* The packer of that number, made at its first use. */
int sort_packer(struct sm_sorter *s, uint32_t number, struct sm_packer **ret,
                struct sm_err *err) SM_MUST_CHECK;
/* A pack of records that are new to the sorter. */
int sort_pack_new(struct sm_sorter *s, struct sm_packer *p, const struct sm_pack_in *in,
                  struct sm_pack **ret, struct sm_err *err) SM_MUST_CHECK;
/* How many of `left` records go into the next pack or sheaf of at most `most`: two of one size rather
 * than a full one and a rest. */
uint32_t sort_some(uint64_t left, uint32_t most);

struct sort_cut {       /* where a part begins */
    uint64_t from;      /* records before it */
    uint32_t bucket;    /* its first bucket */
    uint32_t pack, row; /* as they came: its first record */
};
/* To the next of the records that came in order. */
static inline void sort_cut_step(const struct sort_index *x, struct sort_cut *at) {
    at->from++;
    if (++at->row < x->pack[at->pack]->nrow) return;
    at->row = 0;
    at->pack++;
}
/* Fills s->cut with parts of the index as sm_sorter_parts says. SM_EOF: one would have more than
 * `most` records. */
int sort_cuts_make(struct sm_sorter *s, uint32_t lead, uint32_t rows, uint64_t most,
                   struct sm_err *err) SM_MUST_CHECK;
void sort_spiller_free(struct sm_sorter *s);
void sort_cutter_free(struct sm_sorter *s);
/* sort_slice.c: records of a slice, and all of them in order; t is zeroed at first. */
uint32_t sort_slice_rows(const struct sm_sort_slice *c);
int sort_slice_merge(const struct sm_sort_slice *c, struct sort_tree *t, sm_val *cell, sm_pos *pos,
                     struct sm_err *err) SM_MUST_CHECK;
#endif
