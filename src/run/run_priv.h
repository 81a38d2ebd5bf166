/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_RUN_PRIV_H
#define SDTMILL_RUN_PRIV_H
/* run_priv.h - state of one conversion, shared by the files of this room. */
#include "sdtmill/derive.h"
#include "sdtmill/emit.h"
#include "sdtmill/err.h"
#include "sdtmill/map.h"
#include "sdtmill/pool.h"
#include "sdtmill/read.h"
#include "sdtmill/run.h"
#include "sdtmill/sort.h"
#include "sdtmill/spool.h"

struct run_input { /* one raw file and what became of its records */
    struct sm_input in;
    uint8_t *fate;    /* [nrecord] enum sm_fate */
    uint8_t **reason; /* pages of low bytes, then pages of high bytes of indexes into run->reason */
    size_t cap_fate, cap_reason;
    uint64_t nrecord;
    bool seen;            /* a pass has read it: later ones are quiet */
    uint64_t offset;      /* of the pass under way: bytes of the file given to jobs */
    uint64_t records_out; /* output records made from it */
    struct sm_read_totals totals;
};
struct run_reason {
    uint16_t code;
    const struct sm_where *where;
    const char *text;
};

struct run_worker { /* one thread's state, kept for the whole run */
    unsigned index;
    struct sm_intern *in;
    struct sm_read_worker *read;
    struct sm_map_worker *map;
    struct sm_recs recs; /* RUN_DOMAIN: scratch, so that one memory is always near the processor */
};
enum { RUN_EMITTERS = 16 };
enum run_job_kind { RUN_SURVEY, RUN_LOOKUP, RUN_DOMAIN, RUN_SPILL, RUN_BLOCK, RUN_PART };
struct run_pass;
/* A block with memory of its own, to which rows are added; zeroed is empty. */
struct run_cells {
    struct sm_block block;
    sm_val *cell;
    sm_pos *pos;
    size_t cap_cell, cap_pos;
};
struct run_job { /* one chunk, block or part on its way through a pass */
    const struct run_pass *pass;
    struct run_input *input;
    struct sm_reader *reader;
    struct sm_chunk *chunk;
    const uint8_t *fate;
    uint64_t nfate;
    uint64_t bytes;
    struct sm_batch batch; /* RUN_PART: its findings only */
    struct sm_recs recs; /* RUN_LOOKUP; RUN_PART: its SUPP-- records */
    struct sm_sort_packs *packs; /* RUN_DOMAIN: its records, for the pass's sorter */
    uint64_t nrec;               /* RUN_DOMAIN: how many */
    struct sm_sort_sheaves *sheaves; /* RUN_SPILL */
    size_t part;                 /* RUN_PART, RUN_SPILL */
    /* RUN_BLOCK, RUN_PART */
    struct sm_sort_slice *slice; /* RUN_PART of records that were spilled */
    struct run_cells cells;
    struct run_cells raw; /* RUN_PART cut out of blocks: its records as they were sorted */
    struct sm_emit_apart apart[RUN_EMITTERS];
    struct sm_err err;
    struct run_job *next; /* free list */
};
struct run_pass { /* one reading of one source */
    enum run_job_kind kind;
    const struct sm_source *source;
    const struct sm_lookup *lookup;
    const struct sm_lookup_from *lookup_from;
    const struct sm_domain *domain;
    const struct sm_from *from;
    struct sm_sorter *sorter; /* RUN_DOMAIN, RUN_SPILL: what the records are packed for */
    /* where results go, in file and record order */
    int (*take)(void *ctx, struct run_job *job, struct sm_err *err);
    void *ctx;
    bool row_hash;
};
struct run_domain {         /* a domain that is finished */
    struct sm_spool *spool; /* kept when somebody reads it later, else NULL */
    struct sm_dsinfo info;
};
struct run {
    const struct sm_spec *spec;
    const struct sm_run_opts *opts;
    struct sm_diags *diags;
    struct sm_arena arena;
    struct run_input *input;
    size_t ninput;
    struct sm_str *files;      /* [ninput] names, for findings */
    struct run_reason *reason; /* [0] is "none" */
    size_t nreason, cap_reason;
    struct sm_pool *pool;
    struct run_worker *worker;
    void **worker_ptr;
    unsigned threads;
    uint64_t memory;
    struct run_job *free_jobs, *all_jobs;
    struct sm_runtime rt;
    struct sm_lut *subjects, *refs;
    struct run_domain *done; /* [ndomain] */
    struct sm_stage *stage;
    const char *tmpdir;
    struct sm_emit_study study;
    struct sm_emitter **emitter;
    size_t nemitter;
    const struct sm_dsinfo **dataset; /* all written, in order */
    size_t ndataset, cap_dataset;
    struct sm_output_row *output;
    size_t noutput, cap_output;
    struct sm_recs relrec; /* records waiting for the RELREC dataset */
    struct sm_progress progress;
    char created[20];
    bool failed; /* memory ran out where no error could be returned */
};

/* run_convert.c: the frame of a run. */
int run_open(struct run *r, struct sm_err *err) SM_MUST_CHECK;
void run_close(struct run *r);
int run_find_created(struct run *r, struct sm_err *err) SM_MUST_CHECK;
/* Opens the stage and a writer for each format, describes the study from the spec. */
int run_emitters_open(struct run *r, struct sm_err *err) SM_MUST_CHECK;
int run_emitters_finish(struct run *r, struct sm_err *err) SM_MUST_CHECK;
int run_result_outputs(struct run *r, struct sm_run_result *ret, struct sm_err *err) SM_MUST_CHECK;
/* run_formats.c: size and SHA-256 of a file; SM_EINTR when `stopped` (may be NULL) says so. */
int run_file_digest(const char *path, bool (*stopped)(void), uint64_t *ret_n, char digest[65],
                    struct sm_err *err) SM_MUST_CHECK;
/* run_inputs.c: raw files of the mapping, sorted, with findings for what is missing or unclaimed.
 */
int run_inputs_list(struct run *r, struct sm_err *err) SM_MUST_CHECK;
const char *run_raw_dir(struct run *r);
/* run_place.c: SM_EUSAGE if the output folder is, holds or lies in the raw folder, or holds a file
 * that the run reads: replacing it would destroy the input. */
int run_place_check(struct run *r, struct sm_err *err) SM_MUST_CHECK;
/* run_keep.c: SM_EIO if the output folder holds files that sdtmill did not write, or that were
 * changed since (unless --force). */
int run_keep_check(struct run *r, struct sm_err *err) SM_MUST_CHECK;
/* run_pass.c */
int run_pass_all(struct run *r, const struct run_pass *p, struct sm_err *err) SM_MUST_CHECK;
/* Spills what the sorter holds, in all threads; no job is under way. */
int run_spill(struct run *r, struct sm_sorter *s, struct sm_err *err) SM_MUST_CHECK;
int run_survey(struct run *r, struct sm_err *err) SM_MUST_CHECK;      /* keys, subjects */
int run_survey_rest(struct run *r, struct sm_err *err) SM_MUST_CHECK; /* files nobody read */
int run_lookup(struct run *r, const struct sm_lookup *l, struct sm_err *err) SM_MUST_CHECK;
void run_jobs_free(struct run *r);
/* No job is at work, and all records of d are there: what was held to read and map them is free for what
 * comes next. */
void run_read_done(struct run *r, const struct sm_domain *d);
/* run_fate.c */
void run_fate_free(struct run_input *in);
int run_fate_reserve(struct run_input *in, uint64_t nrecord, struct sm_err *err) SM_MUST_CHECK;
void run_fate_mark(struct run *r, struct run_input *in, uint64_t record, enum sm_fate fate,
                   uint16_t code, const struct sm_where *where);
/* The same for all rows of a batch, by their verdicts. */
void run_fate_rows(struct run *r, struct run_input *in, const struct sm_batch *b);
int run_ledger(struct run *r, struct sm_run_result *ret, struct sm_err *err) SM_MUST_CHECK;
/* run_domain.c, run_dataset.c */
int run_domain_make(struct run *r, uint32_t index, struct sm_err *err) SM_MUST_CHECK;
struct run_tap { /* sees every finished block before it is written; fn NULL = nobody */
    int (*fn)(void *ctx, const struct sm_block *b, struct sm_err *err);
    void *ctx;
};
/* Writes a dataset in all formats; info (in the run's arena) is complete afterwards. keep (may be
 * NULL) gets a spool of the blocks. */
int run_write_blocks(struct run *r, struct sm_dsinfo *info, struct sm_blocks in, struct run_tap tap,
                     struct sm_spool **keep, struct sm_err *err) SM_MUST_CHECK;
/* The same for a domain's sorted records that can be finished part by part; row checks are made with
 * the parts. */
struct run_parts {
    const struct sm_domain *domain;
    uint32_t lead;            /* leading keys that are equal in a part's last and the next one's first
                                 record nowhere */
    uint32_t rows;            /* records that a part aims at */
    struct sm_sorter *sorter; /* finished */
    size_t n;                 /* its parts; 0 = they are cut out of `blocks` */
    struct sm_blocks blocks;
    /* takes the SUPP-- records of each part, in order; NULL = nobody wants them */
    int (*supp)(void *ctx, const struct sm_recs *supp, struct sm_err *err);
    void *ctx;
};
int run_write_parts(struct run *r, struct sm_dsinfo *info, const struct run_parts *p,
                    struct sm_spool **keep, struct sm_err *err) SM_MUST_CHECK;
/* run_dataset.c: the two ends of writing a dataset, for run_write_blocks and run_write_parts. */
struct run_out {
    struct run *r;
    struct sm_dsinfo *info;
    struct sm_spool *spool; /* NULL = the blocks are not kept */
    bool facts;             /* some writer waits for facts, which are not there before the rows */
    bool spools_facts;      /* and reads the spool when they are there */
    bool widths;            /* somebody asks how long values are */
};
bool run_asks_widths(const struct run *r);
/* Begins the writers that take blocks as they come, opens the spool where it is needed. */
int run_out_begin(struct run_out *o, struct sm_dsinfo *info, bool keep,
                  struct sm_err *err) SM_MUST_CHECK;
/* rc: what the last step gave, SM_OK when all went well. keep as in run_write_blocks. */
int run_out_end(struct run_out *o, int rc, struct sm_spool **keep, struct sm_err *err) SM_MUST_CHECK;
/* Blocks as they come; or rows, once the facts are there. */
bool run_takes_stream(const struct run_out *o, const struct sm_emitter *e);
bool run_waits_for_facts(const struct run_out *o, const struct sm_emitter *e);
void run_parts_work(struct run_job *j, struct run_worker *w);
int run_relrec(struct run *r, struct sm_err *err) SM_MUST_CHECK;
int run_dsinfo_of_domain(struct run *r, const struct sm_domain *d, struct sm_dsinfo **ret,
                         struct sm_err *err) SM_MUST_CHECK;
int run_dsinfo_of_supp(struct run *r, const struct sm_domain *d, struct sm_dsinfo **ret,
                       struct sm_err *err) SM_MUST_CHECK;
/* run_turn.c: columns to rows. */
struct run_turn {
    const struct sm_recs *recs;
    uint32_t at;
    sm_val *cell;
};
int run_turn_open(struct run_turn *t, const struct sm_recs *recs, struct sm_err *err) SM_MUST_CHECK;
struct sm_blocks run_turn_blocks(struct run_turn *t);
void run_turn_close(struct run_turn *t);
/* Appends a block's rows to columns. */
int run_turn_back(struct sm_recs *out, const struct sm_block *b, struct sm_err *err) SM_MUST_CHECK;
/* run_files.c: issues.csv, rejects/, manifest.json */
/* A mapping file as reports name it: relative to the study file's folder, however that was typed.
 */
struct sm_str run_map_name(const struct run *r, struct sm_str file);
int run_write_issues(struct run *r, struct sm_err *err) SM_MUST_CHECK;
int run_write_rejects(struct run *r, struct sm_err *err) SM_MUST_CHECK;
int run_write_manifest(struct run *r, const struct sm_run_result *res,
                       struct sm_err *err) SM_MUST_CHECK;
/* rver_manifest.c: gives the JSON object a last member with the SHA-256 of all that stands before
 * it. */
int run_manifest_seal(struct sm_buf *b, struct sm_err *err) SM_MUST_CHECK;
void run_note_output(void *ctx, const char *relative, struct sm_str dataset, uint64_t rows,
                     uint64_t bytes, const char *sha256);
int run_job_new(struct run *r, struct run_job **ret, struct sm_err *err) SM_MUST_CHECK;
void run_job_release(struct run *r, struct run_job *j);
/* run_blocks.c */
struct run_blocks { /* a dataset on its way to the writers that take it as it comes */
    const struct run_out *out;
    struct run_pass pass;
    uint64_t blocks;
};
void run_blocks_open(struct run_blocks *f, const struct run_out *out);
int run_blocks_block(struct run_blocks *f, const struct sm_block *b,
                     struct sm_err *err) SM_MUST_CHECK;
/* Writes what is still under way; after a failure (rc), waits for it. Gives rc, or why writing
 * failed. */
int run_blocks_end(struct run_blocks *f, int rc, struct sm_err *err) SM_MUST_CHECK;
void run_blocks_work(struct run_job *j);
void run_blocks_free(struct run_job *j);
/* Adds n rows of b from row `from` on; all that are there have as many columns. */
int run_cells_add(struct run_cells *c, const struct sm_block *b, uint32_t from, uint32_t n,
                  struct sm_err *err) SM_MUST_CHECK;
void run_job_work(void *job, void *state);
bool run_stopped(const struct run *r);
#endif
