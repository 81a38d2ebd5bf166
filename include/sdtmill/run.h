/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_RUN_H
#define SDTMILL_RUN_H
/* run.h - the wiring: the only room that sees several stages. One call converts a study.
 *
 * Order of work: list the raw files; survey sources with keys and the subject source; then lookups
 * and domains in the order the mapping's needs dictate; each domain goes read -> map -> sort ->
 * derive -> write. Everything is written to a stage folder and appears at the end, or not at all.
 */
#include "sdtmill/diag.h"
#include "sdtmill/spec.h"

struct sm_progress {
    uint64_t bytes, bytes_total; /* of raw files, over all passes planned */
    uint64_t rows;
    const char *what; /* domain or lookup at work */
};
struct sm_run_opts {
    const char *raw;           /* raw folder; NULL = the mapping's */
    const char *out;           /* output folder; NULL = nothing is written (dry run) */
    const char *formats;       /* comma-separated names of emit_table.c */
    const char *created;       /* --created, or NULL */
    const char *tmpdir;        /* for spills; NULL = beside the output */
    const char *command;       /* normalised command line for the manifest */
    unsigned threads;          /* 0 = one a core */
    uint64_t memory;           /* bytes for sorting and spooling; 0 = 384 MiB */
    uint64_t chunk, max_field; /* bytes; 0 = defaults of read.h */
    uint64_t max_errors;       /* 0 = no limit */
    bool transliterate;        /* XPORT texts in ASCII */
    uint64_t split_size;       /* XPORT: most bytes of a file; 0 = no limit */
    bool dsjc_gzip;            /* dsjc inside gzip */
    bool force;
    void (*progress)(void *ctx, const struct sm_progress *p);
    void *progress_ctx;
    bool (*stopped)(void); /* true after a signal; may be NULL */
};
struct sm_fate_count {
    struct sm_str reason;
    uint64_t rows;
};                     /* "malformed-row", "lb.xml:31" */
struct sm_ledger_row { /* one raw file; read = used + filtered + rejected + duplicates */
    struct sm_str file, source;
    uint64_t bytes, read, used, filtered, rejected, duplicates, records;
    char sha256[65];
    const struct sm_fate_count *why; /* filtered, rejected and duplicates by reason, sorted */
    size_t nwhy;
};
struct sm_output_row {
    struct sm_str path, dataset, format;
    uint64_t rows, bytes;
    char sha256[65];
};
struct sm_run_result {
    const struct sm_ledger_row *ledger;
    size_t nledger;
    const struct sm_output_row *output;
    size_t noutput;
    uint64_t peak_memory;
    double seconds;
    struct sm_arena arena; /* owns the above */
};
/* Converts. Findings are in diags whatever is returned. On failure nothing of the output has
 * changed. */
int sm_run_convert(const struct sm_spec *spec, const struct sm_run_opts *opts,
                   struct sm_diags *diags, struct sm_run_result *ret,
                   struct sm_err *err) SM_MUST_CHECK;
void sm_run_result_free(struct sm_run_result *r);
/* Reads only the headers of the raw files: binding problems, unmapped columns, unclaimed files. */
int sm_run_headers(const struct sm_spec *spec, const struct sm_run_opts *opts,
                   struct sm_diags *diags, struct sm_err *err) SM_MUST_CHECK;
/* Program version, as --version and manifests say it. */
const char *sm_version(void);
#endif
