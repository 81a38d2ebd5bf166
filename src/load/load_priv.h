/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_LOAD_PRIV_H
#define SDTMILL_LOAD_PRIV_H
/* load_priv.h - what loaders share: the open file, one block of rows, places in messages. */
#include "sdtmill/buf.h"
#include "sdtmill/err.h"
#include "sdtmill/load.h"
#include "sdtmill/mem.h"
#include "sdtmill/source.h"

enum { LOAD_ROWS = 512, LOAD_HEAD = 512, LOAD_MAX_VARS = 10000, LOAD_MAX_TEXT = 1 << 20, LOAD_MAX_RECORD = 16 << 20 };

struct load_define;                 /* load_define.c: what a define.xml says of datasets */
struct load_item {                  /* one variable of it */
    struct sm_str oid, name, label, type;
    uint32_t length, key;
};
struct load_group { struct sm_str oid, name, label; const struct load_item *item; uint32_t nitem; bool reference; };

struct sm_loader {
    const struct sm_load_ops *ops;
    const char *path;               /* for messages */
    struct sm_str memory;           /* the bytes, if they are not in a file */
    bool in_memory, gzip;
    struct sm_load_opts opts;
    struct sm_intern *in;
    struct sm_arena arena;
    struct sm_dsinfo info;
    unsigned knows;
    const char *format;
    uint64_t recoded;
    struct sm_charmap *map;         /* of opts.encoding, when it is not UTF-8 */
    uint64_t want_rows;             /* what the file says; UINT64_MAX = nothing */
    sm_val *cell;                   /* the block: [LOAD_ROWS][nvar] */
    sm_pos *pos;
    uint32_t nrow;
    bool end;
    int failed;                     /* code of a failure: every later call gives it again */
    void *state;
};

/* ---- load.c ---- */
/* SM_EFORMAT "path: <what>". */
int load_fail(const struct sm_loader *l, struct sm_err *err, const char *fmt, ...) SM_PRINTF(3, 4);
int load_bytes_open(const struct sm_loader *l, const char *encoding, struct sm_bytes **ret, struct sm_err *err) SM_MUST_CHECK;
/* sm_bytes_read with the path in the message; damaged gzip is SM_EFORMAT. */
int load_bytes_read(const struct sm_loader *l, struct sm_bytes *b, char *buf, size_t cap, size_t *ret_n, struct sm_err *err) SM_MUST_CHECK;
/* Variables of the info, all zero; to be called once. */
int load_vars(struct sm_loader *l, uint32_t n, struct sm_err *err) SM_MUST_CHECK;
/* Next row of the block, all missing. There is room while nrow < LOAD_ROWS. */
sm_val *load_row(struct sm_loader *l);
/* Dataset name by the file's name: stem in upper case. */
struct sm_str load_stem(struct sm_loader *l);
struct sm_str load_upper(struct sm_arena *a, struct sm_str s);

/* ---- load_cell.c ---- */
enum load_cell { LOAD_CELL_OK, LOAD_CELL_LONG, LOAD_CELL_NUL, LOAD_CELL_UTF8, LOAD_CELL_NUMBER };
/* Value of a text in variable v. A text that is no number in a numeric variable is LOAD_CELL_NUMBER and
 * *ret is the text. */
enum load_cell load_cell(struct sm_loader *l, const struct sm_dsvar *v, struct sm_str s, sm_val *ret);
sm_val load_cell_double(struct sm_loader *l, double d);
const char *load_cell_why(enum load_cell c);
/* Types, labels and lengths for files without their own: define, then standard, then name. */
void load_describe(struct sm_loader *l, const struct load_group *g);
bool load_name_is_dtc(struct sm_str name);

/* ---- load_json_row.c ---- */
/* The cells of `text`, which begins with a bracket and ends with its partner; NULL, or what is wrong with
 * cell *ret_cell. scratch: memory to use again. */
const char *load_json_row(struct sm_loader *l, struct sm_str text, struct sm_buf *scratch, sm_val *to, uint32_t *ret_cell);

/* ---- load_define.c ---- */
/* The define.xml that belongs to the loader's file; *ret NULL when there is none. */
int load_define_open(struct sm_loader *l, const struct load_define **ret, struct sm_err *err) SM_MUST_CHECK;
const struct load_group *load_define_group(const struct load_define *d, struct sm_str oid, struct sm_str name);

/* ---- load_xml.c: a text reader without network, DTD and entities ---- */
struct load_xml;
int load_xml_open(const struct sm_loader *l, const char *path, struct load_xml **ret, struct sm_err *err) SM_MUST_CHECK;
struct _xmlTextReader *load_xml_reader(struct load_xml *x);
/* To the next node: SM_OK, SM_EOF at the end of a well-formed document, or SM_EFORMAT with the line. */
int load_xml_step(struct load_xml *x, struct sm_err *err) SM_MUST_CHECK;
unsigned load_xml_line(const struct load_xml *x);
/* Is the current node an element of this name, whatever its prefix? */
bool load_xml_is(const struct load_xml *x, const char *name);
/* Attribute of the current element by local name; no value when it is not there. Good until the next
 * step; into `keep`, which is cleared. */
struct sm_str load_xml_attr(struct load_xml *x, const char *name, struct sm_buf *keep);
void load_xml_close(struct load_xml *x);

extern const struct sm_load_ops load_csv_ops, load_dsxml_ops, load_dsjson_ops, load_xpt_ops, load_sas_ops;
#endif
