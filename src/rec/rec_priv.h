/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_REC_PRIV_H
#define SDTMILL_REC_PRIV_H
/* rec_priv.h - how the text pool keeps a text, so that val.c reads it without a call.
 *
 * A pool number is shard (low bits) and unit: the text's place in the shard's storage, counted in
 * 8-byte units. Storage is cut in chunks of equal size; a text lies in one run of memory. */
#include "sdtmill/dsinfo.h"
#include "sdtmill/pack.h"
#include "sdtmill/val.h"

enum {
    POOL_SHARD_BITS = 6,
    POOL_SHARDS = 1 << POOL_SHARD_BITS,
    POOL_CHUNK_BITS = 11, /* units of a chunk: 16 KiB */
    POOL_CHUNKS = 1 << (32 - POOL_SHARD_BITS - POOL_CHUNK_BITS),
    POOL_TEXT_MAX = 1024 * 1024
};

struct pool_text {
    uint32_t n, hash;
    char text[]; /* n bytes and a NUL */
};

/* chunk[unit >> POOL_CHUNK_BITS][shard]: what is used lies together, since shards grow alike. Written
 * under the shard's lock before the number is out. */
struct pool_dir {
    char *chunk[POOL_CHUNKS][POOL_SHARDS];
};
const struct pool_dir *pool_dir(const struct sm_texts *t);
sm_val pool_make(struct sm_intern *in, struct sm_str s); /* s longer than 7 bytes */

static inline const struct pool_text *pool_get(const struct pool_dir *d, uint32_t id) {
    uint32_t unit = id >> POOL_SHARD_BITS;
    const char *chunk = d->chunk[unit >> POOL_CHUNK_BITS][id & (POOL_SHARDS - 1)];
    size_t at = (size_t)(unit & ((1u << POOL_CHUNK_BITS) - 1)) * 8;
    return (const struct pool_text *)(const void *)(chunk + at);
}

/* Facts of one value; `number`: digits and all_number too. dsinfo.c */
void rec_fold_value(struct sm_dsvar *v, const struct sm_texts *t, sm_val x, bool number);
/* Facts of n values; whether there is one. */
void rec_fold_column(struct sm_dsvar *v, const struct sm_texts *t, const sm_val *x, size_t step,
                     uint32_t n);
bool rec_has_value(const sm_val *x, size_t step, uint32_t n);
/* Before the first record: what is true of all values until one says no. */
void rec_begin_facts(struct sm_dsinfo *d);
/* Makes field c that of a column that follows another; fields before it are made, and their codes in
 * p->code. constant: all values are the same. SM_EOF: it does not. follow.c */
int rec_follow(struct sm_packer *p, const struct sm_pack_in *in, uint32_t c, bool constant,
               struct sm_pack_field *field, struct sm_err *err) SM_MUST_CHECK;
void rec_follow_free(struct sm_follow *w);
/* Gives n fields, of columns and then of the position, their places; bytes of a record. pack.c */
uint32_t rec_place_fields(struct sm_pack_field *f, uint32_t n);
static inline void rec_store(uint8_t *at, uint64_t x) {
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    x = __builtin_bswap64(x);
#endif
    memcpy(at, &x, 8);
}
/* dsvalues.c; d->values is there. */
void rec_fold_by_value(struct sm_dsinfo *d, const struct sm_texts *t, const struct sm_block *b);
#endif
