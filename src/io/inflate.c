/* SPDX-License-Identifier: MIT */
#include <zlib.h>

#include "source_priv.h"

#include "sdtmill/err.h"
#include "sdtmill/mem.h"

/* A file that unpacks to more than this, and to more than so many times its size, is refused. */
enum { INFLATE_BUF = 64 * 1024, INFLATE_RATIO = 250, INFLATE_FREE = 64 * 1024 * 1024 };

struct sm_inflate {
    struct sm_feed from;
    z_stream z;
    uint64_t in, out;
    bool open, between; /* between: behind one member, another may follow */
    bool from_end, end;
    char buf[INFLATE_BUF];
};

static voidpf inflate_alloc(voidpf ctx, uInt n, uInt size) {
    (void)ctx;
    return sm_alloc(n, size);
}

static void inflate_free(voidpf ctx, voidpf p) {
    (void)ctx;
    sm_free(p);
}

int sm_inflate_open(struct sm_inflate **ret, struct sm_feed from, struct sm_err *err) {
    struct sm_inflate *z = sm_alloc(1, sizeof *z);
    if (!z) return sm_fail(err, SM_ENOMEM, "out of memory");
    z->from = from;
    z->z.zalloc = inflate_alloc;
    z->z.zfree = inflate_free;
    if (inflateInit2(&z->z, 15 + 16) != Z_OK) {
        sm_free(z);
        return sm_fail(err, SM_ENOMEM, "out of memory");
    }
    z->open = true;
    *ret = z;
    return SM_OK;
}

static int inflate_fill(struct sm_inflate *z, struct sm_err *err) {
    size_t n = 0;
    if (z->z.avail_in > 0 || z->from_end) return SM_OK;
    int rc = z->from.read(z->from.ctx, z->buf, sizeof z->buf, &n, err);
    if (rc) return rc;
    z->from_end = n == 0;
    z->in += n;
    z->z.next_in = (Bytef *)z->buf;
    z->z.avail_in = (uInt)n;
    return SM_OK;
}

/* Behind a member: the end (zero bytes may fill a block), or the next member. */
static int inflate_next_member(struct sm_inflate *z, struct sm_err *err) {
    for (;;) {
        int rc = inflate_fill(z, err);
        if (rc) return rc;
        if (z->from_end && z->z.avail_in == 0) {
            z->end = true;
            return SM_OK;
        }
        if (*z->z.next_in != 0) break;
        z->z.next_in++;
        z->z.avail_in--;
    }
    if (*z->z.next_in != 0x1F)
        return sm_fail(err, SM_EDATA, "something else follows the gzip data");
    if (inflateReset(&z->z) != Z_OK) return sm_fail(err, SM_ESTATE, "gzip state is broken");
    z->between = false;
    return SM_OK;
}

static int inflate_step(struct sm_inflate *z, struct sm_err *err) {
    int rc = inflate_fill(z, err);
    if (rc) return rc;
    if (z->from_end && z->z.avail_in == 0) return sm_fail(err, SM_EDATA, "gzip data is cut off");
    int zrc = inflate(&z->z, Z_NO_FLUSH);
    if (zrc == Z_STREAM_END)
        z->between = true;
    else if (zrc == Z_MEM_ERROR)
        return sm_fail(err, SM_ENOMEM, "out of memory");
    else if (zrc != Z_OK && zrc != Z_BUF_ERROR)
        return sm_fail(err, SM_EDATA, "gzip data is damaged");
    return SM_OK;
}

int sm_inflate_read(void *inflate, char *buf, size_t cap, size_t *ret_n, struct sm_err *err) {
    struct sm_inflate *z = inflate;
    uInt want = cap > UINT32_MAX / 2 ? UINT32_MAX / 2 : (uInt)cap;
    z->z.next_out = (Bytef *)buf;
    z->z.avail_out = want;
    while (!z->end && z->z.avail_out == want && want > 0) {
        int rc = z->between ? inflate_next_member(z, err) : inflate_step(z, err);
        if (rc) return rc;
    }
    *ret_n = want - z->z.avail_out;
    z->out += *ret_n;
    if (z->out > INFLATE_FREE && z->out / INFLATE_RATIO > z->in)
        return sm_fail(err, SM_ELIMIT, "gzip data unpacks to more than %d times its size",
                       INFLATE_RATIO);
    return SM_OK;
}

void sm_inflate_close(struct sm_inflate *z) {
    if (!z) return;
    if (z->open) (void)inflateEnd(&z->z);
    sm_free(z);
}
