/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_PACK_H
#define SDTMILL_PACK_H
/* pack.h - records in few bits, for stages that keep many of them.
 *
 * A packer has one dictionary a column. A pack holds up to SM_PACK_ROWS records row by row: each
 * cell is a dictionary code or the value itself, less the smallest of the pack, in as many bits as
 * the largest needs. A column that is constant in the pack takes none, and neither does one whose
 * values come with those of a column before it, one for each, as a test's name comes with its code:
 * it follows that one. A column of dates keeps values; one whose dictionary is full goes on with
 * values. A pack is one run of memory without pointers: it can be written to a file and read back,
 * but only the packer that made it can open it.
 *
 * Threads  encode: one; decode: many, while nobody encodes
 * Errors   SM_ENOMEM */
#include "sdtmill/batch.h"

struct sm_dsinfo;

enum {
    SM_PACK_ROWS = 8192,
    SM_PACK_BITS_MOST = 57, /* that one load of eight bytes gives wherever they begin */
    SM_DICT_GROWTHS = 20
};

struct sm_pack_field {
    uint64_t base; /* smallest code or value; 0 stands for missing where values are kept */
    uint32_t bit;  /* place in the record */
    uint8_t width; /* bits */
    uint8_t shift; /* low bits that are zero in all values */
    uint8_t coded; /* dictionary or values */
    uint8_t leader; /* its codes are those of the column so many before it, which it follows */
};
struct sm_pack {
    uint64_t seal;               /* of all that is behind it: sm_pack_seal */
    uint32_t nrow, ncol, stride; /* stride: bytes of one record */
    uint32_t maker;              /* id of the packer */
    uint64_t bytes;              /* of the whole pack, this header included */
    /* ncol, then file and line, then copy of the position; then the records */
    struct sm_pack_field field[];
};
struct sm_dict { /* of one column */
    sm_val *val; /* [n]; code 0 is missing */
    size_t n, cap;
    sm_val *was[SM_DICT_GROWTHS]; /* val before it grew, for whoever holds a struct sm_unpack */
    uint32_t nwas;
    uint32_t *place;     /* [nplace] codes by the hash of their values; 0: none */
    size_t nplace, most; /* places (a power of two); values it may hold */
    uint8_t shift;       /* 64 less the bits of a place's number */
    bool closed;         /* was full once, or too many values fell on one place */
    bool own;            /* all values have codes of this dictionary and no other */
    size_t folded;       /* codes below are of values that sm_packer_fold has seen */
    /* of the values kept without code */
    bool has_short, has_pooled, has_date;
    sm_val least, greatest; /* 0 if there are none */
};
struct sm_follow { /* what one column knows of another, its leader: the same one for good once packs rely on it */
    sm_val *with;  /* [cap] the value that comes with each of its codes, or SM_FOLLOW_UNKNOWN */
    size_t cap;
    sm_val *was[SM_DICT_GROWTHS]; /* with before it grew, for whoever holds a struct sm_unpack */
    uint32_t nwas;
    uint8_t leader; /* the column so many before */
    bool relied;    /* packs have codes of the leader alone */
    bool over;      /* there is none */
    uint8_t broken; /* packs that broke the rule after that; while leaders are tried, times that all were */
    uint32_t news;  /* values of the latest pack that were not known to come with their codes */
};
#define SM_FOLLOW_UNKNOWN UINT64_MAX /* no value */
/* Have all values of the column that were packed so far a code? */
static inline bool sm_dict_has_all(const struct sm_dict *d) {
    return !d->closed && !d->greatest;
}
struct sm_packer {
    uint32_t ncol;
    uint32_t id;                 /* the owner's, to tell several packers apart; 0 unless set */
    struct sm_dict *dict;        /* [ncol] */
    struct sm_follow *follow;    /* [ncol] */
    uint32_t *code;              /* scratch [ncol][rows] */
    uint64_t *word;              /* scratch: records of a few rows */
    struct sm_pack_field *field; /* scratch [ncol + 2] */
    uint32_t rows;               /* most records of a pack */
    uint64_t room;               /* bytes all dictionaries may still take */
    uint64_t bytes;              /* that the packer holds */
};

/* memory: aim for everything the packer itself holds, in bytes; 0 = no limit. */
int sm_packer_open(struct sm_packer **ret, uint32_t ncol, uint64_t memory,
                   struct sm_err *err) SM_MUST_CHECK;
/* Before anything is packed: this column is sorted by. Its dictionary may grow large, and it follows
 * no other. */
void sm_packer_prefer(struct sm_packer *p, uint32_t column);
void sm_packer_close(struct sm_packer *p);
/* Nothing is packed any more: lets go of what only that needs. */
void sm_packer_rest(struct sm_packer *p);

/* Cells to pack: column c of row i is col[c][i * step]. nrow is 1..p->rows. */
struct sm_pack_in {
    const sm_val *const *col;
    size_t step;
    const sm_pos *pos;
    uint32_t nrow;
};
/* A new pack in *ret (owned by the caller, sm_free). */
int sm_packer_encode(struct sm_packer *p, const struct sm_pack_in *in, struct sm_pack **ret,
                     struct sm_err *err) SM_MUST_CHECK;
/* Right after that: adds the facts of the cells to d, whose columns are those of the packs. From one
 * call to the next nothing else is packed but records that are in d, too; always the same d. */
void sm_packer_fold(struct sm_packer *p, const struct sm_pack_in *in, const struct sm_pack *k,
                    const struct sm_texts *t, struct sm_dsinfo *d);
/* All ncol cells of one record, and its position. */
sm_pos sm_pack_row(const struct sm_packer *p, const struct sm_pack *k, uint32_t row, sm_val *out);
/* Before it is written to a file. */
void sm_pack_seal(struct sm_pack *k);
/* Is this a pack of p as it was sealed, within the n bytes it lies in? For what comes from a file. */
bool sm_pack_sound(const struct sm_packer *p, const struct sm_pack *k, uint64_t n);

/* Bytes of a pack before its records. */
static inline size_t sm_pack_head(uint32_t ncol) {
    return sizeof(struct sm_pack) + ((size_t)ncol + 2) * sizeof(struct sm_pack_field);
}
static inline const uint8_t *sm_pack_data(const struct sm_pack *k) {
    return (const uint8_t *)(k->field + k->ncol + 2);
}
/* Where there are many packs a record has a number: that of its pack times SM_PACK_ROWS, plus its
 * place in it. */
static inline uint32_t sm_pack_number(uint32_t pack, uint32_t row) {
    return pack * SM_PACK_ROWS + row;
}
static inline uint32_t sm_pack_of(uint32_t number) {
    return number / SM_PACK_ROWS;
}
static inline uint32_t sm_pack_place(uint32_t number) {
    return number % SM_PACK_ROWS;
}
/* Bits that x takes, and the largest number of so many. */
static inline uint8_t sm_bits_of(uint64_t x) {
    return (uint8_t)(x ? 64 - __builtin_clzll(x) : 0);
}
static inline uint64_t sm_bits_most(unsigned width) {
    return width > 63 ? UINT64_MAX : ((uint64_t)1 << width) - 1;
}
static inline uint64_t sm_pack_load(const uint8_t *at) {
    uint64_t x;
    memcpy(&x, at, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    x = __builtin_bswap64(x);
#endif
    return x;
}
/* The bits of a field: record is the record's first byte. At most 57 bits, or a multiple of 8. */
static inline uint64_t sm_pack_bits(const struct sm_pack_field *f, const uint8_t *record) {
    return sm_pack_load(record + (f->bit >> 3)) >> (f->bit & 7) & sm_bits_most(f->width);
}
static inline sm_pos sm_pack_pos(const struct sm_pack *k, const uint8_t *record) {
    const struct sm_pack_field *upper = &k->field[k->ncol], *copy = upper + 1;
    return (upper->base + sm_pack_bits(upper, record)) << SM_POS_COPY_BITS |
           (copy->base + sm_pack_bits(copy, record));
}
/* A value that is kept without code. */
static inline sm_val sm_pack_plain(const struct sm_pack_field *f, uint64_t bits) {
    return bits ? f->base + ((bits - 1) << f->shift) : SM_MISSING;
}
/* What the codes of column c stand for in packs whose field this is. */
static inline const sm_val *sm_pack_values(const struct sm_packer *p, const struct sm_pack_field *f,
                                           uint32_t c) {
    return f->leader ? p->follow[c].with : p->dict[c].val;
}
static inline sm_val sm_pack_cell(const struct sm_packer *p, const struct sm_pack *k, uint32_t row,
                                  uint32_t c) {
    const struct sm_pack_field *f = &k->field[c];
    uint64_t x = sm_pack_bits(f, sm_pack_data(k) + (size_t)row * k->stride);
    return f->coded ? sm_pack_values(p, f, c)[f->base + x] : sm_pack_plain(f, x);
}

/* ---- many records of one pack ---------------------------------------------------------------- */
struct sm_unpack_cell { /* a column that is not constant */
    union {
        const sm_val *val; /* the value of bits 0, and so on */
        uint64_t base;
    };
    uint64_t mask;
    uint32_t at, column; /* at: byte of the record */
    uint8_t by, shift, unused[6];
};
struct sm_unpack_fixed { /* a column that is */
    sm_val v;
    uint32_t column, unused;
};
/* A pack made ready: its records come out faster than by sm_pack_row. */
struct sm_unpack {
    const uint8_t *data;
    const struct sm_unpack_fixed *fixed; /* [nfixed] */
    const struct sm_unpack_cell *coded;  /* [ncoded] cells with codes */
    uint32_t stride, nfixed, ncoded, nplain;
    uint32_t nfar; /* of coded[]: the first ones, whose values are too many to be near */
    struct sm_unpack_cell pos[2];  /* position: its upper part, its copy */
    struct sm_unpack_cell plain[]; /* [nplain] the others; then coded[] and fixed[] */
};
/* Bytes of a struct sm_unpack for this pack, and for any pack of that many columns. */
size_t sm_unpack_bytes(const struct sm_pack *k);
size_t sm_unpack_most(uint32_t ncol);
/* Good as long as p and k are there; p may go on encoding. */
void sm_unpack_set(struct sm_unpack *u, const struct sm_packer *p, const struct sm_pack *k);
/* What is the same in `other`, which stays longer, is read there from now on: packs of one packer
 * mostly have their codes at the same places, and so these stay near the processor. True if that is all
 * but the first sm_unpack_head bytes of u, and then those will do. */
bool sm_unpack_share(struct sm_unpack *u, const struct sm_unpack *other);
static inline size_t sm_unpack_head(const struct sm_unpack *u) {
    return sizeof *u + u->nplain * sizeof *u->plain;
}

struct sm_unpack_at { /* a record */
    const struct sm_unpack *u;
    uint32_t row;
};
/* All ncol cells of n records, one record behind the other, and their positions. */
void sm_unpack_rows(const struct sm_unpack_at *at, uint32_t n, uint32_t ncol, sm_val *out, sm_pos *pos);
/* n neighbours from `row` on. */
void sm_unpack_run(const struct sm_unpack *u, uint32_t row, uint32_t n, uint32_t ncol, sm_val *out,
                   sm_pos *pos);

static inline uint64_t sm_unpack_bits(const struct sm_unpack_cell *c, const uint8_t *record) {
    return sm_pack_load(record + c->at) >> c->by & c->mask;
}
/* Cells without codes, and the position. */
static SM_INLINE sm_pos sm_unpack_rest(const struct sm_unpack *u, const uint8_t *record, sm_val *out) {
    for (const struct sm_unpack_cell *c = u->plain, *end = c + u->nplain; c < end; c++) {
        uint64_t x = sm_unpack_bits(c, record);
        out[c->column] = x ? c->base + ((x - 1) << c->shift) : SM_MISSING;
    }
    return (u->pos[0].base + sm_unpack_bits(&u->pos[0], record)) << SM_POS_COPY_BITS |
           (u->pos[1].base + sm_unpack_bits(&u->pos[1], record));
}
static SM_INLINE sm_pos sm_unpack_row(const struct sm_unpack *u, uint32_t row, sm_val *out) {
    const uint8_t *record = u->data + (size_t)row * u->stride;
    for (const struct sm_unpack_fixed *c = u->fixed, *end = c + u->nfixed; c < end; c++)
        out[c->column] = c->v;
    for (const struct sm_unpack_cell *c = u->coded, *end = c + u->ncoded; c < end; c++)
        out[c->column] = c->val[sm_unpack_bits(c, record)];
    return sm_unpack_rest(u, record, out);
}
#endif
