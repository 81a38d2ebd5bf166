/* SPDX-License-Identifier: MIT */
#define XXH_INLINE_ALL
#include <openssl/evp.h>
#include <xxhash.h>

#include "sdtmill/hash.h"

#include "sdtmill/err.h"
#include "sdtmill/mem.h"

uint64_t sm_hash(const void *p, size_t n) { return XXH3_64bits(n ? p : "", n); }

struct sm_hash128 sm_hash128(const void *p, size_t n, uint64_t seed) {
    XXH128_hash_t h = XXH3_128bits_withSeed(n ? p : "", n, seed);
    return (struct sm_hash128){h.low64, h.high64};
}

struct sm_sha256 {
    EVP_MD_CTX *ctx;
    bool failed;
};

int sm_sha256_open(struct sm_sha256 **ret, struct sm_err *err) {
    struct sm_sha256 *h = sm_alloc(1, sizeof *h);
    if (h == NULL) return sm_fail(err, SM_ENOMEM, "out of memory");
    h->ctx = EVP_MD_CTX_new();
    if (h->ctx == NULL || EVP_DigestInit_ex(h->ctx, EVP_sha256(), NULL) != 1) {
        sm_sha256_free(h);
        return sm_fail(err, SM_ENOMEM, "SHA-256 is not available or memory is short");
    }
    *ret = h;
    return SM_OK;
}

void sm_sha256_add(struct sm_sha256 *h, const void *p, size_t n) {
    if (n && EVP_DigestUpdate(h->ctx, p, n) != 1) h->failed = true;
}

void sm_sha256_finish(struct sm_sha256 *h, char out[65]) {
    static const char hex[] = "0123456789abcdef";
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    bool ok = EVP_DigestFinal_ex(h->ctx, sum, &len) == 1 && len == 32 && !h->failed;
    for (size_t i = 0; ok && i < 32; i++) {
        out[2 * i] = hex[sum[i] >> 4];
        out[2 * i + 1] = hex[sum[i] & 15];
    }
    out[ok ? 64 : 0] = '\0';
    sm_sha256_free(h);
}

void sm_sha256_free(struct sm_sha256 *h) {
    if (h == NULL) return;
    EVP_MD_CTX_free(h->ctx);
    sm_free(h);
}
