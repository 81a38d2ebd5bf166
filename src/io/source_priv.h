/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_SOURCE_PRIV_H
#define SDTMILL_SOURCE_PRIV_H
/* source_priv.h - the layers of a byte source: own bytes, then gzip undone, then text as UTF-8.
 * Each gives up to `cap` bytes, *ret_n == 0 at the end. */
#include "sdtmill/common.h"
#include "sdtmill/source.h"

struct sm_feed { /* the layer below */
    int (*read)(void *ctx, char *buf, size_t cap, size_t *ret_n, struct sm_err *err);
    void *ctx;
};

struct sm_inflate;
int sm_inflate_open(struct sm_inflate **ret, struct sm_feed from, struct sm_err *err) SM_MUST_CHECK;
int sm_inflate_read(void *inflate, char *buf, size_t cap, size_t *ret_n, struct sm_err *err);
void sm_inflate_close(struct sm_inflate *z);

struct sm_decode;
int sm_decode_open(struct sm_decode **ret, struct sm_feed from, const char *encoding,
                   struct sm_err *err) SM_MUST_CHECK;
int sm_decode_read(void *decode, char *buf, size_t cap, size_t *ret_n, struct sm_err *err);
void sm_decode_close(struct sm_decode *d);
#endif
