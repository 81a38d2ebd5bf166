/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_SOURCE_H
#define SDTMILL_SOURCE_H
/* source.h - bytes in: a file or memory, gzip undone by content (ratio-limited), UTF-16/32 and
 * other encodings of more than one byte turned into UTF-8 (BOM, or declared). UTF-8 and single-byte
 * supersets of ASCII pass through unchanged: they are converted record by record by the reader, so
 * that a bad byte costs one row. Hashes the file's own bytes on the way.
 *
 * A byte that is no character of a converted encoding comes out as the three bytes 0xFF,
 * 0xE0 | high half, 0xE0 | low half, which no UTF-8 text holds: it costs one row there too. */
#include "sdtmill/common.h"
#include "sdtmill/str.h"

struct sm_source_opts {
    const char *encoding; /* declared; NULL = UTF-8. A BOM overrides it */
    uint64_t max_bytes;   /* after decompression; 0 = 1 TiB */
    bool hash;            /* compute the SHA-256 of the file */
};
struct sm_bytes; /* an open byte source */
int sm_bytes_open(struct sm_bytes **ret, const char *path, const struct sm_source_opts *opts,
                  struct sm_err *err) SM_MUST_CHECK;
int sm_bytes_open_memory(struct sm_bytes **ret, struct sm_str data,
                         const struct sm_source_opts *opts, struct sm_err *err) SM_MUST_CHECK;
/* Up to `cap` bytes into buf; *ret_n == 0 at the end. A file cut off inside gzip data or inside a
 * UTF-16 code unit is SM_EDATA. */
int sm_bytes_read(struct sm_bytes *b, char *buf, size_t cap, size_t *ret_n,
                  struct sm_err *err) SM_MUST_CHECK;
/* iconv name of the bytes that sm_bytes_read delivers: "UTF-8" or the declared 8-bit/multibyte one.
 */
const char *sm_bytes_encoding(const struct sm_bytes *b);
/* Its table, if what sm_bytes_read delivers is a single-byte encoding. */
struct sm_charmap;
bool sm_bytes_charmap(const struct sm_bytes *b, struct sm_charmap *ret);
/* Encoding of the file itself ("UTF-16LE" ...) and its BOM, for writing rejects byte for byte. */
const char *sm_bytes_file_encoding(const struct sm_bytes *b);
struct sm_str sm_bytes_bom(const struct sm_bytes *b);
uint64_t sm_bytes_offset(const struct sm_bytes *b); /* bytes taken from the file so far */
uint64_t sm_bytes_size(const struct sm_bytes *b);   /* size of the file, 0 if unknown */
/* Reads what is left (for the hash), then gives the hex digest. Only with opts.hash. */
int sm_bytes_sha256(struct sm_bytes *b, char out[65], struct sm_err *err) SM_MUST_CHECK;
void sm_bytes_close(struct sm_bytes *b);

/* A single-byte encoding as a table: UTF-8 of every byte, n == 0 where it is no character. */
struct sm_charmap {
    uint8_t n[256];
    char c[256][4];
};
/* Fills *ret; *ret_fits is false when the encoding has characters of several bytes, or its lower
 * half is not ASCII. SM_ESPEC when the name is not known. */
int sm_charmap_make(struct sm_charmap *ret, const char *encoding, bool *ret_fits,
                    struct sm_err *err) SM_MUST_CHECK;
/* Appends UTF-8 text in another encoding (what it cannot hold becomes a question mark). SM_ESPEC
 * when the name is not known. */
struct sm_buf;
int sm_encode_text(struct sm_str text, const char *encoding, struct sm_buf *out,
                   struct sm_err *err) SM_MUST_CHECK;
#endif
