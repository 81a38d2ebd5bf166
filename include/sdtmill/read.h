/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_READ_H
#define SDTMILL_READ_H
/* read.h - raw files to batches in the source's canonical shape.
 *
 * Flow     files -> [read] -> map
 * Main thread: sm_reader_open (header, binding), sm_reader_chunk (bytes cut at record ends).
 * Workers:     sm_reader_parse (libcsv, decoding, cleaning, recodes, dates, unpivot, subject).
 * Chunk size is independent of the number of threads; nothing that comes out depends on it.
 * Rows     a record with wrong field count, broken quotes, NUL, invalid bytes, blank, or repeating
 * the header becomes a finding and an entry of batch->lost, never a row. */
#include "sdtmill/batch.h"
#include "sdtmill/spec.h"

struct sm_input {       /* one raw file of the run; made by run */
    uint32_t index;     /* position in the run's sorted list */
    struct sm_str name; /* relative to the raw folder */
    const char *path;
    const struct sm_source *source;
    const struct sm_file *file;
};
struct sm_read_opts {
    size_t chunk;                 /* bytes a chunk aims at; 0 = 256 KiB */
    size_t max_field, max_record; /* bytes; 0 = 1 MiB, 16 MiB */
    uint32_t max_columns;         /* 0 = 10,000 */
    bool quiet;                   /* findings were reported by an earlier pass */
    bool row_hash;                /* fill batch->row_hash */
    bool hash;                    /* SHA-256 of the file */
};
struct sm_reader;      /* one open file; parse may run in several threads at once */
struct sm_chunk;       /* raw bytes of whole records */
struct sm_read_worker; /* one thread's scratch: interning front, libcsv state, iconv, caches */

/* Opens and binds the header. Header findings (missing-column, duplicate-header, header-case,
 * unmapped-column, empty-file) go to diags; those that refuse the file give SM_EDATA. */
int sm_reader_open(struct sm_reader **ret, const struct sm_spec *spec, const struct sm_input *input,
                   const struct sm_read_opts *opts, struct sm_diags *diags,
                   struct sm_err *err) SM_MUST_CHECK;
/* Next chunk (never splits a record); SM_EOF after the last. *chunk is reused if it is not NULL.
 * Unclosed quote or a cut character at the end of the file: finding in diags and SM_EDATA. */
int sm_reader_chunk(struct sm_reader *r, struct sm_chunk **chunk, struct sm_diags *diags,
                    struct sm_err *err) SM_MUST_CHECK;
void sm_chunk_free(struct sm_chunk *c);
/* fate: what is known of the file's records by number - 1 (from an earlier pass), or NULL; records
 * with SM_FATE_DUPLICATE or SM_FATE_UNREADABLE are skipped and not listed in b->lost. The batch is
 * reset first. The chunk must live as long as the batch is used. */
int sm_reader_parse(const struct sm_reader *r, struct sm_read_worker *w, const struct sm_chunk *c,
                    const uint8_t *fate, uint64_t nfate, struct sm_batch *b,
                    struct sm_err *err) SM_MUST_CHECK;
/* After the last chunk was read and all chunks were parsed: footer check (SM_EDATA when the trailer
 * is not there or counts other rows), columns without a name that hold values, totals. */
struct sm_read_totals {
    uint64_t bytes, records, lines;
    char sha256[65];
};
int sm_reader_finish(struct sm_reader *r, struct sm_read_totals *ret, struct sm_diags *diags,
                     struct sm_err *err) SM_MUST_CHECK;
/* Bytes of the file itself that were read so far. */
uint64_t sm_reader_offset(const struct sm_reader *r);
void sm_reader_close(struct sm_reader *r);

/* memory: bytes that it may take to remember what many different subjects and texts became. */
int sm_read_worker_open(struct sm_read_worker **ret, const struct sm_spec *spec,
                        struct sm_intern *in, uint64_t memory, struct sm_err *err) SM_MUST_CHECK;
/* Lets go of what it remembers: another file comes, or none for a while. */
void sm_read_worker_forget(struct sm_read_worker *w);
void sm_read_worker_close(struct sm_read_worker *w);
void sm_batch_init(struct sm_batch *b);
void sm_batch_free(struct sm_batch *b);

/* Header lines and single records as they stand in the file, byte for byte (re-encoded from UTF-8
 * where the file is UTF-16/32). */
struct sm_buf;
void sm_reader_raw_header(const struct sm_reader *r, struct sm_buf *out);
uint64_t sm_chunk_first_record(const struct sm_chunk *c);
uint64_t sm_chunk_records(const struct sm_chunk *c);
void sm_chunk_raw_record(const struct sm_reader *r, const struct sm_chunk *c, uint64_t i,
                         struct sm_buf *out);

/* ---- repeated and superseded rows of a source with a <key> --------------------------------------
 */
struct sm_dedup;
int sm_dedup_open(struct sm_dedup **ret, const struct sm_spec *spec, const struct sm_source *source,
                  struct sm_err *err) SM_MUST_CHECK;
/* Batches in file order, then record order. Needs batch->row_hash. */
int sm_dedup_add(struct sm_dedup *d, const struct sm_input *input, const struct sm_batch *b,
                 struct sm_err *err) SM_MUST_CHECK;
/* Calls mark for every record that must yield nothing, and adds the findings. */
int sm_dedup_finish(struct sm_dedup *d,
                    void (*mark)(void *ctx, uint32_t file, uint64_t record, enum sm_fate fate,
                                 uint16_t code),
                    void *ctx, struct sm_diags *diags, struct sm_err *err) SM_MUST_CHECK;
void sm_dedup_close(struct sm_dedup *d);
#endif
