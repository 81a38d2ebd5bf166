/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <iconv.h>

#include "source_priv.h"

#include "sdtmill/buf.h"
#include "sdtmill/err.h"
#include "sdtmill/mem.h"

enum { DECODE_IN = 32 * 1024, DECODE_OUT = 4 * DECODE_IN, DECODE_ROOM = 64 };

struct sm_decode {
    struct sm_feed from;
    iconv_t cd;
    size_t unit;          /* bytes that one bad code unit takes */
    size_t nin, at, nout; /* bytes of in[]; next byte and end of out[] */
    bool from_end, flushed, cut;
    char in[DECODE_IN];
    char out[DECODE_OUT];
};

static size_t decode_unit(const char *encoding) {
    struct sm_str s = sm_str(encoding);
    static const struct {
        const char *name;
        size_t unit;
    } units[] = {{"UTF-16", 2}, {"UTF16", 2}, {"UCS-2", 2}, {"UCS2", 2},
                 {"UTF-32", 4}, {"UTF32", 4}, {"UCS-4", 4}, {"UCS4", 4}};
    for (size_t i = 0; i < SM_ARRAY_LEN(units); i++) {
        struct sm_str name = sm_str(units[i].name);
        if (s.n >= name.n && sm_str_eq_nocase((struct sm_str){s.p, name.n}, name))
            return units[i].unit;
    }
    return 1;
}

/* A slash in a name would switch transliteration on. */
static int decode_cd(iconv_t *ret, const char *to, const char *from, const char *name,
                     struct sm_err *err) {
    iconv_t none = (iconv_t)-1;
    *ret = strchr(name, '/') ? none : iconv_open(to, from);
    if (*ret == none) return sm_fail(err, SM_ESPEC, "encoding \"%s\" is not known", name);
    return SM_OK;
}

int sm_decode_open(struct sm_decode **ret, struct sm_feed from, const char *encoding,
                   struct sm_err *err) {
    struct sm_decode *d = sm_alloc(1, sizeof *d);
    if (!d) return sm_fail(err, SM_ENOMEM, "out of memory");
    d->from = from;
    d->unit = decode_unit(encoding);
    int rc = decode_cd(&d->cd, "UTF-8", encoding, encoding, err);
    if (rc) {
        sm_free(d);
        return rc;
    }
    *ret = d;
    return SM_OK;
}

static int decode_fill(struct sm_decode *d, struct sm_err *err) {
    size_t n = 0;
    if (d->from_end || d->nin == sizeof d->in) return SM_OK;
    int rc = d->from.read(d->from.ctx, d->in + d->nin, sizeof d->in - d->nin, &n, err);
    if (rc) return rc;
    d->from_end = n == 0;
    d->nin += n;
    return SM_OK;
}

static void decode_mark(struct sm_decode *d, unsigned char c) {
    d->out[d->nout++] = (char)0xFF;
    d->out[d->nout++] = (char)(0xE0 | c >> 4);
    d->out[d->nout++] = (char)(0xE0 | (c & 15));
}

/* Converts what in[] holds, as far as it goes; a character cut off by its end stays there. */
static int decode_run(struct sm_decode *d, struct sm_err *err) {
    char *in = d->in, *out = d->out;
    size_t nin = d->nin;
    d->nout = 0;
    for (;;) {
        size_t room = sizeof d->out - d->nout - DECODE_ROOM;
        out = d->out + d->nout;
        size_t rc = iconv(d->cd, &in, &nin, &out, &room);
        int why = rc == (size_t)-1 ? errno : 0;
        d->nout = (size_t)(out - d->out);
        if (why == EILSEQ) {
            size_t bad = nin < d->unit ? nin : d->unit;
            for (size_t i = 0; i < bad; i++)
                decode_mark(d, (unsigned char)in[i]);
            in += bad;
            nin -= bad;
            if (d->nout + 2 * DECODE_ROOM < sizeof d->out) continue;
        } else if (why != 0 && why != EINVAL && why != E2BIG) {
            return sm_fail(err, SM_EDATA, "text cannot be converted");
        }
        break;
    }
    memmove(d->in, in, nin);
    if (nin == d->nin && nin == sizeof d->in)
        return sm_fail(err, SM_EDATA, "text cannot be converted");
    d->cut = d->from_end && nin > 0 && d->nout == 0 && nin == d->nin;
    d->nin = nin;
    return SM_OK;
}

static void decode_flush(struct sm_decode *d) {
    char *out = d->out;
    size_t room = sizeof d->out;
    (void)iconv(d->cd, NULL, NULL, &out, &room);
    d->nout = (size_t)(out - d->out);
    d->flushed = true;
}

int sm_decode_read(void *decode, char *buf, size_t cap, size_t *ret_n, struct sm_err *err) {
    struct sm_decode *d = decode;
    *ret_n = 0;
    while (d->at == d->nout) {
        d->at = d->nout = 0;
        int rc = decode_fill(d, err);
        if (rc) return rc;
        if (d->nin > 0) {
            rc = decode_run(d, err);
            if (rc) return rc;
            if (d->cut) return sm_fail(err, SM_EDATA, "the last character is cut off");
        } else if (d->from_end) {
            if (d->flushed) return SM_OK;
            decode_flush(d);
        }
    }
    size_t n = d->nout - d->at < cap ? d->nout - d->at : cap;
    memcpy(buf, d->out + d->at, n);
    d->at += n;
    *ret_n = n;
    return SM_OK;
}

void sm_decode_close(struct sm_decode *d) {
    if (!d) return;
    (void)iconv_close(d->cd);
    sm_free(d);
}

/* One byte as a text of its own: 1 a character, 0 none, -1 the encoding is not of single bytes. */
static int charmap_byte(iconv_t cd, unsigned c, char to[4], uint8_t *ret_n) {
    char byte = (char)(unsigned char)c, out[16];
    char *in = &byte, *p = out;
    size_t nin = 1, room = sizeof out;
    (void)iconv(cd, NULL, NULL, NULL, NULL);
    size_t rc = iconv(cd, &in, &nin, &p, &room);
    if (rc == (size_t)-1) return errno == EILSEQ ? 0 : -1;
    size_t n = (size_t)(p - out);
    if (n == 0 || n > 4) return -1;
    memcpy(to, out, n);
    *ret_n = (uint8_t)n;
    return 1;
}

int sm_charmap_make(struct sm_charmap *ret, const char *encoding, bool *ret_fits,
                    struct sm_err *err) {
    iconv_t cd;
    int rc = decode_cd(&cd, "UTF-8", encoding, encoding, err);
    if (rc) return rc;
    *ret = (struct sm_charmap){0};
    bool fits = decode_unit(encoding) == 1;
    for (unsigned c = 0; c < 256 && fits; c++) {
        int got = charmap_byte(cd, c, ret->c[c], &ret->n[c]);
        if (got < 0) fits = false;
        if (c < 128 && (got != 1 || ret->n[c] != 1 || (unsigned char)ret->c[c][0] != c))
            fits = false;
    }
    (void)iconv_close(cd);
    *ret_fits = fits;
    return SM_OK;
}

int sm_encode_text(struct sm_str text, const char *encoding, struct sm_buf *out,
                   struct sm_err *err) {
    iconv_t cd;
    int rc = decode_cd(&cd, encoding, "UTF-8", encoding, err);
    if (rc) return rc;
    char mark[] = "?", *p = NULL;
    char *in = sm_alloc(text.n + 1, 1);
    if (!in) {
        (void)iconv_close(cd);
        return sm_fail(err, SM_ENOMEM, "out of memory");
    }
    if (text.n) memcpy(in, text.p, text.n);
    size_t nin = text.n;
    p = in;
    while (nin > 0 && sm_buf_reserve(out, nin * 4 + 16)) {
        char *to = out->p + out->n, *question = mark;
        size_t room = nin * 4 + 8, one = 1;
        bool bad = iconv(cd, &p, &nin, &to, &room) == (size_t)-1 && errno != E2BIG;
        if (bad && nin > 0) {
            p++;
            nin--;
            room += 8;
            (void)iconv(cd, &question, &one, &to, &room);
        }
        out->n = (size_t)(to - out->p);
    }
    (void)iconv_close(cd);
    sm_free(in);
    return sm_buf_check(out, err);
}
