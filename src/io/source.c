/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "source_priv.h"

#include "sdtmill/err.h"
#include "sdtmill/hash.h"
#include "sdtmill/mem.h"

#include <sys/stat.h>

enum { BYTES_BUF = 64 * 1024 };

struct sm_bytes {
    int fd;                /* -1: memory */
    struct sm_str memory;  /* what is left of it */
    uint64_t size, offset; /* of the file's own bytes */
    struct sm_sha256 *hash;
    struct sm_inflate *inflate;
    struct sm_decode *decode;
    struct sm_feed plain, top; /* gzip undone; what sm_bytes_read gives */
    uint64_t given, max;
    char encoding[64]; /* of the file, then of what is given */
    char text_encoding[64];
    char head[4]; /* bytes looked at for the BOM, still to be given */
    size_t nhead, head_at, nbom;
    char bom[4];
    struct sm_charmap map; /* of a single-byte encoding */
    size_t nbuf, at;
    char *buf; /* [BYTES_BUF] */
};

/* ---- the file's own bytes -----------------------------------------------------------------------
 */
static int own_take(struct sm_bytes *b, char *buf, size_t cap, size_t *ret_n, struct sm_err *err) {
    if (b->fd < 0) {
        size_t n = b->memory.n < cap ? b->memory.n : cap;
        if (n) memcpy(buf, b->memory.p, n);
        if (n) b->memory = (struct sm_str){b->memory.p + n, b->memory.n - n};
        *ret_n = n;
    } else {
        ssize_t n;
        do
            n = read(b->fd, buf, cap);
        while (n < 0 && errno == EINTR);
        if (n < 0) return sm_fail_sys(err, SM_EDATA, "cannot be read");
        *ret_n = (size_t)n;
    }
    b->offset += *ret_n;
    if (b->hash) sm_sha256_add(b->hash, buf, *ret_n);
    return SM_OK;
}

static int own_read(void *ctx, char *buf, size_t cap, size_t *ret_n, struct sm_err *err) {
    struct sm_bytes *b = ctx;
    if (b->at == b->nbuf && cap >= BYTES_BUF) return own_take(b, buf, cap, ret_n, err);
    if (b->at == b->nbuf) {
        b->at = b->nbuf = 0;
        int rc = own_take(b, b->buf, BYTES_BUF, &b->nbuf, err);
        if (rc) return rc;
    }
    size_t n = b->nbuf - b->at < cap ? b->nbuf - b->at : cap;
    memcpy(buf, b->buf + b->at, n);
    b->at += n;
    *ret_n = n;
    return SM_OK;
}

/* ---- behind the BOM -------------------------------------------------------------------------- */
static int text_read(void *ctx, char *buf, size_t cap, size_t *ret_n, struct sm_err *err) {
    struct sm_bytes *b = ctx;
    if (b->head_at == b->nhead) return b->plain.read(b->plain.ctx, buf, cap, ret_n, err);
    size_t n = b->nhead - b->head_at < cap ? b->nhead - b->head_at : cap;
    memcpy(buf, b->head + b->head_at, n);
    b->head_at += n;
    *ret_n = n;
    return SM_OK;
}

static int head_fill(struct sm_bytes *b, struct sm_err *err) {
    size_t n = 1;
    while (b->nhead < sizeof b->head && n > 0) {
        int rc =
            b->plain.read(b->plain.ctx, b->head + b->nhead, sizeof b->head - b->nhead, &n, err);
        if (rc) return rc;
        b->nhead += n;
    }
    return SM_OK;
}

static void encoding_set(struct sm_bytes *b, const char *name) {
    (void)snprintf(b->encoding, sizeof b->encoding, "%s", name);
}

/* The longest BOM that fits, else what was declared. Two-byte text without either is little-endian
 * unless its first character says otherwise. */
static void encoding_find(struct sm_bytes *b, const char *declared) {
    static const struct {
        const char *bom;
        size_t n;
        const char *name;
    } boms[] = {{"\xFF\xFE\0\0", 4, "UTF-32LE"},
                {"\0\0\xFE\xFF", 4, "UTF-32BE"},
                {"\xEF\xBB\xBF", 3, "UTF-8"},
                {"\xFF\xFE", 2, "UTF-16LE"},
                {"\xFE\xFF", 2, "UTF-16BE"}};
    for (size_t i = 0; i < SM_ARRAY_LEN(boms); i++) {
        if (b->nhead < boms[i].n || memcmp(b->head, boms[i].bom, boms[i].n) != 0) continue;
        b->nbom = b->head_at = boms[i].n;
        memcpy(b->bom, boms[i].bom, boms[i].n);
        encoding_set(b, boms[i].name);
        return;
    }
    struct sm_str name = sm_str(declared ? declared : "UTF-8");
    bool big = b->nhead >= 2 && b->head[0] == 0 && b->head[1] != 0;
    if (sm_str_eq_nocase(name, SM_STR("UTF-16")) || sm_str_eq_nocase(name, SM_STR("UTF16")))
        encoding_set(b, big ? "UTF-16BE" : "UTF-16LE");
    else if (sm_str_eq_nocase(name, SM_STR("UTF-32")) || sm_str_eq_nocase(name, SM_STR("UTF32")))
        encoding_set(b, b->nhead >= 2 && b->head[0] == 0 ? "UTF-32BE" : "UTF-32LE");
    else if (sm_str_eq_nocase(name, SM_STR("UTF8")) || sm_str_eq_nocase(name, SM_STR("UTF-8")))
        encoding_set(b, "UTF-8");
    else
        encoding_set(b, name.p);
}

/* ---- opening --------------------------------------------------------------------------------- */
static int bytes_inflate(struct sm_bytes *b, struct sm_err *err) {
    struct sm_feed own = {own_read, b};
    b->plain = own;
    int rc = own_take(b, b->buf, BYTES_BUF, &b->nbuf, err);
    if (rc) return rc;
    if (b->nbuf < 2 || memcmp(b->buf, "\x1F\x8B", 2) != 0) return SM_OK;
    rc = sm_inflate_open(&b->inflate, own, err);
    if (rc == SM_OK) b->plain = (struct sm_feed){sm_inflate_read, b->inflate};
    return rc;
}

static int bytes_decode(struct sm_bytes *b, const struct sm_source_opts *opts, struct sm_err *err) {
    int rc = head_fill(b, err);
    if (rc) return rc;
    if (opts->encoding && strlen(opts->encoding) >= sizeof b->encoding)
        return sm_fail(err, SM_ESPEC, "encoding \"%.40s...\" is not known", opts->encoding);
    encoding_find(b, opts->encoding);
    bool fits = true;
    struct sm_feed text = {text_read, b};
    b->top = text;
    if (strcmp(b->encoding, "UTF-8") != 0) rc = sm_charmap_make(&b->map, b->encoding, &fits, err);
    (void)snprintf(b->text_encoding, sizeof b->text_encoding, "%s", fits ? b->encoding : "UTF-8");
    if (rc || fits) return rc;
    rc = sm_decode_open(&b->decode, text, b->encoding, err);
    if (rc == SM_OK) b->top = (struct sm_feed){sm_decode_read, b->decode};
    return rc;
}

static int bytes_start(struct sm_bytes **ret, struct sm_bytes *b, const struct sm_source_opts *opts,
                       struct sm_err *err) {
    b->max = opts->max_bytes ? opts->max_bytes : (uint64_t)1 << 40;
    int rc = sm_resize(&b->buf, BYTES_BUF, 1, err);
    if (rc == SM_OK && opts->hash) rc = sm_sha256_open(&b->hash, err);
    if (rc == SM_OK) rc = bytes_inflate(b, err);
    if (rc == SM_OK) rc = bytes_decode(b, opts, err);
    if (rc)
        sm_bytes_close(b);
    else
        *ret = b;
    return rc;
}

int sm_bytes_open(struct sm_bytes **ret, const char *path, const struct sm_source_opts *opts,
                  struct sm_err *err) {
    struct sm_bytes *b = sm_alloc(1, sizeof *b);
    if (!b) return sm_fail(err, SM_ENOMEM, "out of memory");
    b->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (b->fd < 0) {
        sm_free(b);
        return sm_fail_sys(err, SM_EDATA, "cannot be opened");
    }
    struct stat st;
    if (fstat(b->fd, &st) == 0 && S_ISREG(st.st_mode)) b->size = (uint64_t)st.st_size;
    return bytes_start(ret, b, opts, err);
}

int sm_bytes_open_memory(struct sm_bytes **ret, struct sm_str data,
                         const struct sm_source_opts *opts, struct sm_err *err) {
    struct sm_bytes *b = sm_alloc(1, sizeof *b);
    if (!b) return sm_fail(err, SM_ENOMEM, "out of memory");
    b->fd = -1;
    b->memory = data;
    b->size = data.n;
    return bytes_start(ret, b, opts, err);
}

int sm_bytes_read(struct sm_bytes *b, char *buf, size_t cap, size_t *ret_n, struct sm_err *err) {
    int rc = b->top.read(b->top.ctx, buf, cap, ret_n, err);
    if (rc) return rc;
    b->given += *ret_n;
    if (b->given > b->max)
        return sm_fail(err, SM_ELIMIT, "more than %" PRIu64 " bytes of text", b->max);
    return SM_OK;
}

const char *sm_bytes_encoding(const struct sm_bytes *b) {
    return b->text_encoding;
}

bool sm_bytes_charmap(const struct sm_bytes *b, struct sm_charmap *ret) {
    *ret = b->map;
    return strcmp(b->text_encoding, "UTF-8") != 0;
}

const char *sm_bytes_file_encoding(const struct sm_bytes *b) {
    return b->encoding;
}

struct sm_str sm_bytes_bom(const struct sm_bytes *b) {
    return (struct sm_str){b->bom, b->nbom};
}

uint64_t sm_bytes_offset(const struct sm_bytes *b) {
    return b->offset;
}

uint64_t sm_bytes_size(const struct sm_bytes *b) {
    return b->size;
}

int sm_bytes_sha256(struct sm_bytes *b, char out[65], struct sm_err *err) {
    if (!b->hash) return sm_fail(err, SM_ESTATE, "the file is not hashed");
    size_t n = 1;
    b->at = b->nbuf = 0;
    while (n > 0) {
        int rc = own_take(b, b->buf, BYTES_BUF, &n, err);
        if (rc) return rc;
    }
    sm_sha256_finish(b->hash, out);
    b->hash = NULL;
    return SM_OK;
}

void sm_bytes_close(struct sm_bytes *b) {
    if (!b) return;
    if (b->fd >= 0) (void)close(b->fd);
    sm_inflate_close(b->inflate);
    sm_decode_close(b->decode);
    sm_sha256_free(b->hash);
    sm_free(b->buf);
    sm_free(b);
}
