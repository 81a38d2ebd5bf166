/* SPDX-License-Identifier: MIT */
/* unpack.c - packs opened: one record, or many of them; and what came back from a file. */
#include "sdtmill/pack.h"

#include "sdtmill/hash.h"

enum {
    FAR = 4096, /* values that a cache near the processor does not hold beside all else */
    TILE = 8,   /* records opened together */
    CODES = 64, /* most codes of one of them */
    LINE = 64   /* bytes that come to the processor together */
};

sm_pos sm_pack_row(const struct sm_packer *p, const struct sm_pack *k, uint32_t row, sm_val *out) {
    const uint8_t *record = sm_pack_data(k) + (size_t)row * k->stride;
    const struct sm_pack_field *f = k->field;
    for (uint32_t c = 0; c < k->ncol; c++, f++) {
        uint64_t x = sm_pack_bits(f, record);
        out[c] = f->coded ? sm_pack_values(p, f, c)[f->base + x] : sm_pack_plain(f, x);
    }
    return sm_pack_pos(k, record);
}

size_t sm_unpack_most(uint32_t ncol) {
    return sizeof(struct sm_unpack) + ncol * sizeof(struct sm_unpack_cell);
}

size_t sm_unpack_bytes(const struct sm_pack *k) {
    size_t n = sizeof(struct sm_unpack);
    for (uint32_t c = 0; c < k->ncol; c++)
        n += k->field[c].width ? sizeof(struct sm_unpack_cell) : sizeof(struct sm_unpack_fixed);
    return n;
}

static struct sm_unpack_cell cell_of(const struct sm_pack_field *f, uint32_t column) {
    return (struct sm_unpack_cell){.base = f->base,
                                   .mask = sm_bits_most(f->width),
                                   .at = f->bit >> 3,
                                   .column = column,
                                   .by = f->bit & 7,
                                   .shift = f->shift};
}

void sm_unpack_set(struct sm_unpack *u, const struct sm_packer *p, const struct sm_pack *k) {
    const struct sm_pack_field *f = k->field;
    *u = (struct sm_unpack){.data = sm_pack_data(k), .stride = k->stride};
    for (uint32_t c = 0; c < k->ncol; c++)
        if (!f[c].coded && f[c].width) u->plain[u->nplain++] = cell_of(&f[c], c);
    struct sm_unpack_cell *coded = u->plain + u->nplain;
    for (int far = 1; far >= 0; far--) {
        for (uint32_t c = 0; c < k->ncol; c++) {
            if (!f[c].coded || !f[c].width || (p->dict[c - f[c].leader].n > FAR) != far) continue;
            coded[u->ncoded] = cell_of(&f[c], c);
            coded[u->ncoded++].val = sm_pack_values(p, &f[c], c) + f[c].base;
        }
        if (far) u->nfar = u->ncoded;
    }
    u->coded = coded;
    struct sm_unpack_fixed *fixed = (struct sm_unpack_fixed *)(void *)(coded + u->ncoded);
    for (uint32_t c = 0; c < k->ncol; c++) {
        if (f[c].width) continue;
        const sm_val v = f[c].coded ? sm_pack_values(p, &f[c], c)[f[c].base] : SM_MISSING;
        fixed[u->nfixed++] = (struct sm_unpack_fixed){.v = v, .column = c};
    }
    u->fixed = fixed;
    u->pos[0] = cell_of(&f[k->ncol], 0);
    u->pos[1] = cell_of(&f[k->ncol + 1], 0);
}

bool sm_unpack_share(struct sm_unpack *u, const struct sm_unpack *other) {
    const bool fixed = u->nfixed == other->nfixed &&
                       memcmp(u->fixed, other->fixed, u->nfixed * sizeof *u->fixed) == 0;
    const bool coded = u->ncoded == other->ncoded &&
                       memcmp(u->coded, other->coded, u->ncoded * sizeof *u->coded) == 0;
    if (fixed) u->fixed = other->fixed;
    if (coded) u->coded = other->coded;
    return fixed && coded;
}

/* ---- records --------------------------------------------------------------------------------- */
static inline const uint8_t *record_at(const struct sm_unpack_at *at) {
    return at->u->data + (size_t)at->row * at->u->stride;
}

/* The codes of a record; their values are asked for where those are so many that they are far. */
static inline void cut_codes(const struct sm_unpack *u, const uint8_t *record, uint64_t *code) {
    for (uint32_t i = 0; i < u->ncoded; i++)
        code[i] = sm_unpack_bits(&u->coded[i], record);
    for (uint32_t i = 0; i < u->nfar && i < u->ncoded; i++)
        __builtin_prefetch(&u->coded[i].val[code[i]]);
}

static inline sm_pos look_up(const struct sm_unpack *u, const uint8_t *record, const uint64_t *code,
                             sm_val *out) {
    for (const struct sm_unpack_fixed *c = u->fixed, *end = c + u->nfixed; c < end; c++)
        out[c->column] = c->v;
    for (const struct sm_unpack_cell *c = u->coded, *end = c + u->ncoded; c < end; c++)
        out[c->column] = c->val[*code++];
    return sm_unpack_rest(u, record, out);
}

static inline void ask_view(const struct sm_unpack *u) {
    for (size_t i = 0; i < 4; i++)
        __builtin_prefetch((const char *)u + i * LINE);
}

/* Codes first, so that their values come near while others are cut. */
static void open_tile(const struct sm_unpack_at *at, uint32_t n, uint32_t ncol, sm_val *out,
                      sm_pos *pos) {
    uint64_t code[TILE][CODES];
    for (uint32_t i = 0; i < n; i++)
        cut_codes(at[i].u, record_at(&at[i]), code[i]);
    for (uint32_t i = 0; i < n; i++, out += ncol)
        pos[i] = look_up(at[i].u, record_at(&at[i]), code[i], out);
}

void sm_unpack_rows(const struct sm_unpack_at *at, uint32_t n, uint32_t ncol, sm_val *out, sm_pos *pos) {
    for (uint32_t from = 0, many; from < n; from += many, out += (size_t)many * ncol) {
        bool few = true;
        many = n - from < TILE ? n - from : TILE;
        for (uint32_t i = from; i < from + many; i++) {
            few = few && at[i].u->ncoded <= CODES;
            if (i + TILE < n) ask_view(at[i + TILE].u);
        }
        if (few) {
            open_tile(at + from, many, ncol, out, pos + from);
            continue;
        }
        for (uint32_t i = 0; i < many; i++)
            pos[from + i] = sm_unpack_row(at[from + i].u, at[from + i].row, out + (size_t)i * ncol);
    }
}

void sm_unpack_run(const struct sm_unpack *u, uint32_t row, uint32_t n, uint32_t ncol, sm_val *out,
                   sm_pos *pos) {
    enum { MANY = 64 };
    struct sm_unpack_at at[MANY];
    for (uint32_t from = 0, many; from < n; from += many) {
        many = n - from < MANY ? n - from : MANY;
        for (uint32_t i = 0; i < many; i++)
            at[i] = (struct sm_unpack_at){u, row + from + i};
        sm_unpack_rows(at, many, ncol, out + (size_t)from * ncol, pos + from);
    }
}

static uint64_t seal_of(const struct sm_pack *k) {
    return sm_hash(&k->seal + 1, (size_t)k->bytes - sizeof k->seal);
}

void sm_pack_seal(struct sm_pack *k) {
    k->seal = seal_of(k);
}

bool sm_pack_sound(const struct sm_packer *p, const struct sm_pack *k, uint64_t n) {
    return n >= sizeof *k && k->bytes >= sizeof *k && k->bytes <= n && k->maker == p->id &&
           k->seal == seal_of(k);
}
