/* SPDX-License-Identifier: MIT */
/* First byte: columns, some of which may be alike; second: how much memory the packer may have; the rest: cells, eight bytes
 * each, and then what a file might give back in place of a pack. What goes in comes out, from packs and
 * from a sheaf of them; what was changed is refused or stays within its bounds. */
#include "sdtmill/err.h"
#include "sdtmill/mem.h"
#include "sdtmill/sheaf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { COLUMNS_MOST = 8, ROWS_MOST = 200, PACKS = 2 };

static void must(bool holds) {
    if (!holds) __builtin_trap();
}

/* One of few values, or any value that is a sound one. */
static sm_val value_of(const uint8_t *p) {
    uint64_t x;
    memcpy(&x, p, sizeof x);
    switch (p[7] & 7) {
    case 0:
        return SM_MISSING;
    case 1:
        return sm_val_make_short((const char *)p, 1 + (p[6] & 1));
    case 2:
        return sm_val_make_short((const char *)p, 7);
    case 3:
        return (sm_val)2 << 56 | (x & UINT32_MAX);
    case 4:
        return sm_val_of_packed(x >> 23);
    default:
        return sm_val_make_short("ABCDEFG", 1 + (x & 3));
    }
}

/* Columns that are mostly or always the same as the one before. */
static bool is_copy(const uint8_t *data, uint32_t c, const uint8_t *at) {
    return c && data[0] & 16 && (c % 4 == 1 || (c % 4 == 2 && at[5] & 15));
}

static void check_same(struct sm_packer *p, const struct sm_pack *k, const sm_val *cell,
                       const sm_pos *pos) {
    sm_val row[COLUMNS_MOST], other[COLUMNS_MOST];
    struct sm_unpack *u = sm_alloc(1, sm_unpack_bytes(k));
    if (!u) return;
    must(sm_unpack_bytes(k) <= sm_unpack_most(k->ncol));
    sm_unpack_set(u, p, k);
    for (uint32_t i = 0; i < k->nrow; i++) {
        must(sm_pack_row(p, k, i, row) == pos[i]);
        must(sm_unpack_row(u, i, other) == pos[i]);
        must(memcmp(row, other, p->ncol * sizeof *row) == 0);
        for (uint32_t c = 0; c < p->ncol; c++) {
            must(row[c] == cell[(size_t)i * p->ncol + c]);
            must(sm_pack_cell(p, k, i, c) == row[c]);
        }
    }
    sm_free(u);
}

/* A pack with foreign bytes in it is known. */
static void check_changed(const struct sm_packer *p, struct sm_pack *k, const uint8_t *data,
                          size_t size) {
    const uint64_t bytes = k->bytes;
    struct sm_pack *was = sm_alloc(1, (size_t)bytes);
    if (!was) return;
    memcpy(was, k, (size_t)bytes);
    for (size_t i = 0; i + 2 < size && i < 64; i += 3)
        ((uint8_t *)k)[(data[i] | (size_t)data[i + 1] << 8) % bytes] ^= data[i + 2];
    must(sm_pack_sound(p, k, bytes) == (memcmp(was, k, (size_t)bytes) == 0));
    sm_free(was);
}

/* Records of all packs, the last one first, are the same in a sheaf. */
static void check_bound(const struct sm_packer *p, struct sm_pack *const *pack, uint32_t npack) {
    struct sm_binder *b = NULL;
    struct sm_sheaf *s = NULL;
    struct sm_unpack *u[PACKS] = {0};
    sm_val is[COLUMNS_MOST], was[COLUMNS_MOST];
    uint32_t number[ROWS_MOST], n = 0, done = 0;
    for (uint32_t i = npack; i-- > 0;)
        for (uint32_t r = pack[i]->nrow; r-- > 0;)
            number[n++] = sm_pack_number(i, r);
    if (n == 0 || sm_binder_open(&b, pack, npack, NULL) != SM_OK) return;
    if (sm_binder_bind(b, number, n, &s, &done, NULL) == SM_OK) {
        must(done == n && s->nrow == n && s->nkind <= npack);
        for (uint32_t i = 0; i < s->nkind; i++) {
            u[i] = sm_alloc(1, sm_unpack_most(p->ncol));
            must(u[i] != NULL);
            sm_sheaf_view(u[i], p, s, i);
        }
        for (uint32_t i = 0; i < n; i++) {
            const uint32_t kind = sm_sheaf_kinds(s) ? sm_sheaf_kinds(s)[i] : 0;
            must(sm_unpack_row(u[kind], i, is) ==
                 sm_pack_row(p, pack[sm_pack_of(number[i])], sm_pack_place(number[i]), was));
            must(memcmp(is, was, p->ncol * sizeof *is) == 0);
        }
    }
    for (uint32_t i = 0; i < PACKS; i++)
        sm_free(u[i]);
    sm_free(s);
    sm_binder_close(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) return 0;
    struct sm_packer *p = NULL;
    const uint32_t ncol = data[0] % (COLUMNS_MOST + 1);
    const sm_val *col[COLUMNS_MOST];
    sm_val cell[ROWS_MOST * COLUMNS_MOST] = {0};
    sm_pos pos[ROWS_MOST] = {0};
    uint32_t n = 0;
    if (sm_packer_open(&p, ncol, data[1] & 1 ? (uint64_t)data[1] * 64 : 1 << 16, NULL) != SM_OK)
        return 0;
    const uint8_t *at = data + 2;
    for (size_t left = size - 2; n < ROWS_MOST && n < p->rows && left >= 8 * ((size_t)ncol + 1);
         n++, left -= 8 * ((size_t)ncol + 1)) {
        memcpy(&pos[n], at, 8);
        at += 8;
        for (uint32_t c = 0; c < ncol; c++, at += 8)
            cell[(size_t)n * ncol + c] = is_copy(data, c, at) ? cell[(size_t)n * ncol + c - 1]
                                                              : value_of(at);
    }
    for (uint32_t c = 0; c < ncol; c++)
        col[c] = cell + c;
    struct sm_pack *pack[PACKS] = {0};
    uint32_t npack = 0;
    for (uint32_t from = 0, step = n / PACKS + 1; from < n; from += step) {
        struct sm_pack_in in = {
            .col = col, .step = ncol, .pos = pos + from, .nrow = n - from < step ? n - from : step};
        struct sm_pack *k = NULL;
        for (uint32_t c = 0; c < ncol; c++)
            col[c] = cell + (size_t)from * ncol + c;
        if (sm_packer_encode(p, &in, &k, NULL) != SM_OK) break;
        sm_pack_seal(k);
        must(sm_pack_sound(p, k, k->bytes));
        check_same(p, k, cell + (size_t)from * ncol, pos + from);
        check_changed(p, k, data, size);
        if (sm_packer_encode(p, &in, &pack[npack], NULL) != SM_OK) {
            sm_free(k);
            break;
        }
        npack++;
        sm_free(k);
    }
    check_bound(p, pack, npack);
    for (uint32_t i = 0; i < npack; i++)
        sm_free(pack[i]);
    sm_packer_close(p);
    return 0;
}
