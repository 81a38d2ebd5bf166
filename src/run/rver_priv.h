/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_RVER_PRIV_H
#define SDTMILL_RVER_PRIV_H
/* rver_priv.h - state of `verify`, shared by the files run_verify.c, rver_*.c. */
#include "sdtmill/err.h"
#include "sdtmill/load.h"
#include "sdtmill/mem.h"
#include "sdtmill/run_verify.h"

enum { RVER_SIDES = 16 }; /* formats of one dataset */

struct rver_file {            /* one file of the manifest */
    struct sm_str path, full; /* relative to the folder; to open */
    struct sm_str dataset;    /* no value: no dataset */
    struct sm_str format;     /* "json": the folder it is in, else its suffix */
    uint64_t rows, bytes;
    char sha256[65];
    bool there, good; /* it is there; size and SHA-256 are right */
    bool taken;       /* its dataset has been read */
    uint64_t part;    /* 3: the third of the files of an XPORT dataset in parts; 0: whole */
};
struct rver {
    const struct sm_verify_opts *o;
    struct sm_buf *text;
    struct sm_verify_result *ret;
    struct sm_arena arena;
    struct rver_file *file;
    size_t nfile;
    const struct rver_file *define; /* define.xml, or NULL */
    bool transliterated;            /* by the command in the manifest */
    size_t last;                    /* where the last line of text begins */
};
struct rver_side { /* one format of a dataset */
    struct rver_file *file;
    struct sm_loader *l;
    const struct sm_dsinfo *info;
    unsigned knows;
    bool xml;      /* Dataset-XML: a text with a control character is not there */
    bool binary;   /* XPORT: numbers are doubles, no blanks at the end of texts */
    uint32_t *col; /* [variables of the reference], UINT32_MAX = none */
    struct sm_blocks in;
    struct sm_block b;
    uint32_t at;
    bool end;
    uint64_t rows, differ;
    uint64_t before; /* of the rows: those in the parts before this file */
    struct sm_str first; /* the first differing cell */
};
struct rver_ds {
    struct rver *v;
    struct sm_str name;
    struct sm_texts *texts;
    struct sm_intern *in;
    struct rver_side side[RVER_SIDES]; /* [0] is the reference once all are open */
    uint32_t n;
};

/* A line of the report, control characters blanked; said once if said twice in a row. */
void rver_say(struct rver *v, const char *fmt, ...) SM_PRINTF(2, 3);
/* A failure to read the file, without the path that its text begins with. */
void rver_say_unread(struct rver *v, const struct rver_file *f, const char *what,
                     const struct sm_err *e);
/* rver_manifest.c: what the folder holds, against its manifest. */
int rver_manifest(struct rver *v, struct sm_err *err) SM_MUST_CHECK;
int rver_files(struct rver *v, struct sm_err *err) SM_MUST_CHECK;
/* rver_meta.c: variables of a side against the reference's; fills col. */
int rver_meta(struct rver_ds *d, struct rver_side *s, struct sm_err *err) SM_MUST_CHECK;
/* The same for what define.xml says of the dataset. */
int rver_meta_define(struct rver_ds *d, struct sm_err *err) SM_MUST_CHECK;
/* run_verify.c: a part is at its end: s goes on with the next one, if there is one. SM_EOF: there is
 * none, or none that can be read as a part of the same dataset. */
int rver_part_next(struct rver_ds *d, struct rver_side *s, struct sm_err *err) SM_MUST_CHECK;
/* rver_cells.c: all cells of a dataset in lock step. */
int rver_cells(struct rver_ds *d, struct sm_err *err) SM_MUST_CHECK;
#endif
