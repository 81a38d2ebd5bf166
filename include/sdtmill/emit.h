/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_EMIT_H
#define SDTMILL_EMIT_H
/* emit.h - finished datasets out, one back end per format, listed in emit_table.c.
 *
 * Flow     derive -> [emit] -> files of a stage
 * A back end is pushed blocks. One that needs facts before the first row (row count, widths) has
 * SM_EMIT_FACTS: it gets complete dsinfo at begin, but for late variables (dsinfo.h), on which nothing
 * that it writes may depend; the others get the names and labels only.
 * The front end keeps the order open, (begin, block*, end)*, finish, close: anything else is
 * SM_ESTATE, and so is every call after a failure. A cell that the format cannot hold is a finding
 * (SM6xxx), not a failure; at most SM_EMIT_BREACHES of a dataset are listed singly, one more
 * finding says how many there are. */
#include "sdtmill/dsinfo.h"
#include "sdtmill/sink.h"

enum { SM_EMIT_BREACHES = 1000, SM_EMIT_OID_MAX = 128 };
enum sm_emit_caps {
    SM_EMIT_FACTS = 1, /* needs rows counted and widths measured before begin */
    SM_EMIT_STUDY = 2, /* writes at finish only, from all datasets' facts (define) */
    SM_EMIT_APART = 4  /* many threads may format blocks at once: what a block becomes depends on
                          begin and on its cells alone. See sm_emitter_format */
};
struct sm_emit_study { /* the same for all back ends of a run */
    struct sm_str oid, name, description, protocol, metadata_oid, file_oid, originator,
        created; /* created: ISO date-time */
    struct sm_str standard_name, standard_version;
    bool transliterate; /* XPORT: other characters in ASCII, as sm_utf8_ascii has them */
    uint64_t split_size; /* XPORT: most bytes of a file, larger datasets in parts; 0 = no limit */
    bool dsjc_gzip;      /* dsjc: gzip around the stream, not zlib */
    const void *spec;   /* struct sm_spec, or NULL when converting between formats */
    const struct sm_texts *texts;
    struct sm_stage *stage;
    struct sm_diags *diags; /* SM6xxx findings */
    void (*wrote)(void *ctx, const char *relative, struct sm_str dataset, uint64_t rows,
                  uint64_t bytes, const char *sha256);
    void *wrote_ctx;
    const struct sm_str
        *file; /* raw files by sm_pos_file, for findings; NULL: findings name the record only */
    size_t nfile;
};
struct sm_emitter;
struct sm_emit_apart;
struct sm_emit_ops {
    const char *name, *folder, *suffix; /* "csv", "csv", ".csv" */
    unsigned caps;
    size_t state_size;
    int (*begin)(struct sm_emitter *e, const struct sm_dsinfo *d, struct sm_err *err);
    int (*block)(struct sm_emitter *e, const struct sm_block *b, struct sm_err *err);
    /* SM_EMIT_APART: writes what was formatted apart, and takes what block() left in that state;
     * NULL = the bytes are written as they are, and state is a cache only */
    int (*put)(struct sm_emitter *e, struct sm_emit_apart *a, struct sm_err *err);
    int (*end)(struct sm_emitter *e, const struct sm_dsinfo *d, struct sm_err *err);
    int (*finish)(struct sm_emitter *e, const struct sm_dsinfo *const *all, size_t n,
                  struct sm_err *err);   /* NULL = nothing to do */
    void (*close)(struct sm_emitter *e); /* frees what the state holds; NULL = nothing */
};
struct sm_emit_part { /* a file of a dataset in parts that is complete */
    uint64_t rows, bytes;
    char sha256[65];
};
struct sm_emitter { /* open to back ends */
    const struct sm_emit_ops *ops;
    const struct sm_emit_study *study;
    const struct sm_dsinfo *ds;
    struct sm_sink
        *sink; /* of the current dataset; opened by the front end as <folder>/<name><suffix> */
    bool parted; /* it is <folder>/split/<name>N<suffix> now, N = npart + 1 */
    struct sm_emit_part *part;
    size_t npart, cap_part;
    void *state;
    /* What begin() made of the dataset: `state`, or while a block is formatted apart, the state of
     * the emitter that it belongs to, which does not change meanwhile. */
    const void *plan;
    struct sm_emit_apart *apart; /* NULL unless formatting apart */
    int phase;
    uint64_t rows;     /* of the current dataset, before the block that a back end is given */
    uint64_t breaches; /* findings of the current dataset, and the code of the latest */
    uint16_t breach_code;
    bool refused; /* by a back end: the data do not fit, the file is not written */
};
const struct sm_emit_ops *sm_emit_find(struct sm_str name);
const struct sm_emit_ops *sm_emit_at(size_t i); /* NULL after the last */
int sm_emitter_open(struct sm_emitter **ret, const struct sm_emit_ops *ops,
                    const struct sm_emit_study *s, struct sm_err *err) SM_MUST_CHECK;
int sm_emitter_begin(struct sm_emitter *e, const struct sm_dsinfo *d,
                     struct sm_err *err) SM_MUST_CHECK;
int sm_emitter_block(struct sm_emitter *e, const struct sm_block *b,
                     struct sm_err *err) SM_MUST_CHECK;
/* For SM_EMIT_APART: block() in two steps. format() may run in any thread, any number of times; it
 * reads nothing but the blocks and what begin() made. put() writes what was formatted since the
 * last one and reports what was found, in the emitter's thread, in the order of the records. */
struct sm_emit_note;
struct sm_emit_apart { /* one thread's or job's; zeroed is empty */
    const struct sm_emit_ops *ops;
    struct sm_sink *sink;
    void *state; /* as the emitter's own, but zeroed at first: begin() never saw it */
    uint32_t rows;
    /* Record numbers are not known yet: bytes from one's place to the next one's, and digits that
     * are left free for each. */
    size_t *number;
    size_t nnumber, cap_number, number_end;
    uint32_t digits;
    /* findings, and whether a back end refused */
    struct sm_emit_note *note;
    size_t nnote, cap_note;
    uint64_t breaches;
    uint16_t breach_code;
    bool refused, failed; /* failed: out of memory for findings */
};
int sm_emitter_format(const struct sm_emitter *e, struct sm_emit_apart *a, const struct sm_block *b,
                      struct sm_err *err) SM_MUST_CHECK;
int sm_emitter_put(struct sm_emitter *e, struct sm_emit_apart *a, struct sm_err *err) SM_MUST_CHECK;
void sm_emit_apart_free(struct sm_emit_apart *a);
int sm_emitter_end(struct sm_emitter *e, struct sm_err *err) SM_MUST_CHECK;
int sm_emitter_finish(struct sm_emitter *e, const struct sm_dsinfo *const *all, size_t n,
                      struct sm_err *err) SM_MUST_CHECK;
void sm_emitter_close(struct sm_emitter *e);
/* OIDs, the same in every format: "IG.LB", "IT.LB.LBTESTCD". Written to buf, NUL-terminated. */
void sm_oid_group(const struct sm_dsinfo *d, char *buf, size_t cap);
void sm_oid_item(const struct sm_dsinfo *d, const struct sm_dsvar *v, char *buf, size_t cap);
#endif
