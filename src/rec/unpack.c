/* SPDX-License-Identifier: MIT */
/* unpack.c - packs opened: one record, or many of them; and what came back from a file. */
#include "sdtmill/pack.h"

#include "sdtmill/hash.h"

enum { FAR = 4096 }; /* values that a cache near the processor does not hold beside all else */

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

void sm_unpack_share(struct sm_unpack *u, const struct sm_unpack *other) {
    if (u->nfixed == other->nfixed &&
        memcmp(u->fixed, other->fixed, u->nfixed * sizeof *u->fixed) == 0)
        u->fixed = other->fixed;
    if (u->ncoded == other->ncoded &&
        memcmp(u->coded, other->coded, u->ncoded * sizeof *u->coded) == 0)
        u->coded = other->coded;
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
