/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_LOAD_H
#define SDTMILL_LOAD_H
/* load.h - finished datasets in, one back end per format, listed in load_table.c; the format is picked
 * by content, never by name.
 *
 * Flow     file -> [load] -> blocks, in the file's own row order
 * Formats  CSV, Dataset-XML 1.0, Dataset-JSON 1.1 (json, ndjson, dsjc as zlib or gzip), XPORT 5 and 8,
 *          SAS7BDAT; all but the last also inside gzip
 * Cells    missing and empty are both SM_MISSING; a number is plain decimal text, the shortest that
 *          reads back to the same double; in a date/time variable what is packable is packed
 * Errors   a truncated or damaged file is SM_EFORMAT with its place (line, record or byte), never a
 *          short dataset; SM_EDATA when it cannot be read. What a format cannot tell: CSV cut off
 *          behind a line end, XPORT 5 cut off between two records at a multiple of 80 bytes.
 * Memory   one block, whatever the file's size; a record holds at most 16 MiB, a value 1 MiB
 * Threads  a loader is used by one thread at a time, with that thread's interning front */
#include "sdtmill/dsinfo.h"
#include "sdtmill/model.h"

enum sm_load_knows {         /* what of sm_dsinfo the file (or its define.xml) really says */
    SM_LOAD_LABELS = 1,
    SM_LOAD_TYPES = 2,       /* else by the standard, else by name */
    SM_LOAD_LENGTHS = 4,
    SM_LOAD_ORDER = 8,       /* order of variables */
    SM_LOAD_KEYS = 16
};
struct sm_load_opts {
    const struct sm_model *model;  /* types where the file has none; may be NULL */
    const char *define;            /* define.xml for CSV and Dataset-XML; NULL = the one beside or above
                                    * the file, if there is one */
    const char *encoding;          /* of CSV and XPORT text; NULL = UTF-8, in XPORT Windows-1252 where
                                    * the bytes are no UTF-8 */
    bool open_end;                 /* CSV whose last line has no line end is whole */
    uint32_t file;                 /* number for positions; the line is the record number from 1 */
};
struct sm_loader;

/* Opens the file and reads what stands before the rows. *opts may go at once, but model, define,
 * encoding and `in` must live as long as the loader. */
int sm_loader_open(struct sm_loader **ret, const char *path, const struct sm_load_opts *opts, struct sm_intern *in,
                   struct sm_err *err) SM_MUST_CHECK;
/* The same for bytes in memory, which must outlive the loader; `name` stands in messages and, without
 * its suffix, for the dataset where the format has no name. */
int sm_loader_open_memory(struct sm_loader **ret, const char *name, struct sm_str data, const struct sm_load_opts *opts,
                          struct sm_intern *in, struct sm_err *err) SM_MUST_CHECK;
/* Name, label and variables; variable i stands in column i. The counts from the data are zero; rows
 * is right after the last block (before it, if the file says so). Lives in the loader. */
const struct sm_dsinfo *sm_loader_info(const struct sm_loader *l);
unsigned sm_loader_knows(const struct sm_loader *l);
const char *sm_loader_format(const struct sm_loader *l);   /* "csv" "xml" "json" "ndjson" "dsjc" "xpt" "sas7bdat" */
/* XPORT values that were no UTF-8 and were read as Windows-1252, so far. */
uint64_t sm_loader_recoded(const struct sm_loader *l);
struct sm_blocks sm_loader_blocks(struct sm_loader *l);
void sm_loader_close(struct sm_loader *l);

/* ---- folders ------------------------------------------------------------------------------------ */
struct sm_load_file {
    struct sm_str name;     /* dataset by file name, upper case: "LB" */
    struct sm_str path;
    struct sm_str suffix;   /* "csv", "xml" ... without .gz */
    bool again;             /* the same dataset stands before it in a format that says more */
};
/* All dataset files of a folder and of its subfolders csv, xml, json, ndjson, dsjc, xpt and sas7bdat,
 * by name, then format (json, ndjson, dsjc, xpt, sas7bdat, xml, csv). define*.xml, manifest.json,
 * issues.csv and differences.csv are none. A path to a file gives that file. suffix: only those, or
 * NULL. The array and texts live in the arena. */
int sm_load_list(const char *path, const char *suffix, struct sm_arena *a, const struct sm_load_file **ret, size_t *ret_n,
                 struct sm_err *err) SM_MUST_CHECK;

/* ---- for back ends ------------------------------------------------------------------------------ */
struct sm_load_ops {
    const char *name;
    size_t state_size;
    bool (*bid)(struct sm_str head, bool gzip);                 /* head: first bytes, gzip undone */
    int (*open)(struct sm_loader *l, struct sm_err *err);       /* fills the info */
    int (*next)(struct sm_loader *l, struct sm_err *err);       /* adds rows; SM_EOF when none are left */
    void (*close)(struct sm_loader *l);                         /* after a failed open too */
};
const struct sm_load_ops *sm_load_at(size_t i);                 /* NULL after the last */
#endif
