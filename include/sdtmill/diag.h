/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_DIAG_H
#define SDTMILL_DIAG_H
/* diag.h - findings: what is wrong with data or mapping while work goes on. A finding holds fields,
 * not a finished sentence; the sentence is made from the code's row in diag_codes.def when it is
 * shown. Workers collect into the list of their batch; the ordered stage moves them to the run's
 * list. The final order is by file, line, column, code, domain, variable; the same cell with the
 * same code is one finding however many domains read it. */
#include "sdtmill/arena.h"
#include "sdtmill/common.h"
#include "sdtmill/str.h"

enum sm_sev { SM_SEV_NOTE, SM_SEV_WARNING, SM_SEV_ERROR };
enum { SM_SEV_COUNT = SM_SEV_ERROR + 1 };
enum sm_effect {                   /* what became of the data */
                 SM_EFFECT_NONE,   /* nothing was changed, e.g. a note */
                 SM_EFFECT_KEPT,   /* value kept as collected */
                 SM_EFFECT_BLANK,  /* value left blank */
                 SM_EFFECT_DROPPED /* row yields nothing */
};
enum sm_diag_code {
#define SM_DIAG(num, name, sev, kind, title, mend) SM_D_##name = num,
#include "sdtmill/diag_codes.def"
#undef SM_DIAG
    SM_D_NONE = 0
};
struct sm_diag_info {
    uint16_t code;
    enum sm_sev sev;
    const char *name, *kind, *title, *mend;
};

struct sm_diag {
    uint16_t code;        /* enum sm_diag_code */
    uint8_t sev, effect;  /* enum sm_sev, enum sm_effect */
    struct sm_str file;   /* as the user would name it: relative to the raw folder */
    uint64_t line;        /* physical, 1-based; 0 = the file as a whole */
    uint32_t field;       /* 1-based field number in the record; 0 = the whole row */
    struct sm_str column; /* header of that field as it stands in the file */
    struct sm_str value;  /* raw value */
    struct sm_str domain, variable, subject;
    struct sm_str map_file; /* mapping file and line of the rule */
    uint32_t map_line, map_column;
    struct sm_str detail; /* what happened, one line; replaces the title when set */
    struct sm_str mend;   /* what to do; replaces the code's mend when set */
    struct sm_diag *next;
};

/* A short list is linked; one of more than SM_DIAGS_LINKED findings is packed (a few dozen bytes each)
 * and has no `first`: sm_diags_next and sm_diags_get unpack one finding at a time. */
enum { SM_DIAGS_LINKED = 2048, SM_DIAG_DETAIL = 512 };
struct sm_diags { /* a list with its own memory */
    struct sm_arena arena;
    struct sm_diag *first, **last;
    size_t n;
    uint8_t worst;               /* severity of the worst finding, if there is one */
    bool failed;                 /* out of memory: the run must stop */
    struct sm_diags_pack *pack;  /* private: once the list is packed */
    struct sm_diags_pack *final; /* private: the final order when there were `nseen` findings */
    size_t nseen;
};
struct sm_diags_walk { /* starts zeroed */
    struct sm_diag diag;
    char detail[SM_DIAG_DETAIL]; /* where diag.detail may lie */
    const void *shape; /* of sm_diags_get: the same for findings that differ in line, value, subject
                        * and detail alone, as long as the list stays as it is */
    const void *at;
    size_t i;
};

/* Row of a code, NULL if there is none. */
const struct sm_diag_info *sm_diag_info(unsigned code);
size_t sm_diag_count(void); /* number of codes */
const struct sm_diag_info *sm_diag_at(size_t i);

void sm_diags_init(struct sm_diags *d);
/* Appends a copy of *in (all texts copied); sev < 0 in `sev` means the code's own severity. */
void sm_diags_add(struct sm_diags *d, const struct sm_diag *in, int sev);
/* Moves everything to the end of `to` (copies texts) and empties `from`. */
void sm_diags_move(struct sm_diags *to, struct sm_diags *from);
void sm_diags_clear(struct sm_diags *d);
void sm_diags_free(struct sm_diags *d);
/* The next finding in the order in which they came, in w->diag; its texts stay as they are until the
 * next call or change of the list. False at the end. */
bool sm_diags_next(const struct sm_diags *d, struct sm_diags_walk *w);
/* Sorts into the final order and drops repeats: findings of one cell (field > 0) with the same code
 * and value, and findings of a whole row or file that agree in everything. The one kept has the
 * worst severity and effect of them all. False when out of memory. */
bool sm_diags_sort(struct sm_diags *d, size_t *ret_n);
/* Finding i < n of the final order after sm_diags_sort, in w->diag; texts as with sm_diags_next. */
void sm_diags_get(const struct sm_diags *d, size_t i, struct sm_diags_walk *w);
/* Its code and severity alone. */
uint16_t sm_diags_code(const struct sm_diags *d, size_t i, enum sm_sev *ret_sev);
/* How many there are in the final order, by sm_diag_at's number and severity: room for
 * sm_diag_count() rows, which this sets. */
void sm_diags_tally(const struct sm_diags *d, uint64_t (*ret_by)[SM_SEV_COUNT]);
const char *sm_sev_name(enum sm_sev s);       /* "note" "warning" "error" */
const char *sm_effect_name(enum sm_effect e); /* "" "kept" "value-blank" "row-dropped" */
#endif
