/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_HASH_H
#define SDTMILL_HASH_H
/* hash.h - hashing for tables (xxHash, fixed seed; never decides any order in an output) and
 * SHA-256 for manifests (libcrypto). */
#include "sdtmill/common.h"
#include "sdtmill/str.h"

uint64_t sm_hash(const void *p, size_t n);
struct sm_hash128 { uint64_t lo, hi; };
struct sm_hash128 sm_hash128(const void *p, size_t n, uint64_t seed);

struct sm_sha256;
int sm_sha256_open(struct sm_sha256 **ret, struct sm_err *err) SM_MUST_CHECK;
void sm_sha256_add(struct sm_sha256 *h, const void *p, size_t n);
/* Writes 64 lower-case hex digits and a NUL (an empty text if the library failed); frees h. */
void sm_sha256_finish(struct sm_sha256 *h, char out[65]);
void sm_sha256_free(struct sm_sha256 *h);
#endif
