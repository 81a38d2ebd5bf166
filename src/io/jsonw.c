/* SPDX-License-Identifier: MIT */
#include "sdtmill/jsonw.h"

#include "sdtmill/utf8.h"

static bool ascii_plain(struct sm_str s) {
    uint64_t w = UINT64_C(0x6161616161616161);
    if (s.n < 8) {
        if (s.n) memcpy(&w, s.p, s.n);
        return sm_json_word_plain(w);
    }
    for (size_t i = 0; i + 8 < s.n; i += 8) {
        memcpy(&w, s.p + i, 8);
        if (!sm_json_word_plain(w)) return false;
    }
    memcpy(&w, s.p + s.n - 8, 8);
    return sm_json_word_plain(w);
}

bool sm_json_plain(struct sm_str s) {
    if (ascii_plain(s)) return true;
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == '"' || s.p[i] == '\\') return false;
    return sm_utf8_invalid(s, NULL) == SIZE_MAX;
}

static char *put_control(char *p, char c) {
    static const char hex[] = "0123456789abcdef", from[] = "\b\f\n\r\t\"\\", to[] = "bfnrt\"\\";
    const char *at = c ? strchr(from, c) : NULL;
    *p++ = '\\';
    if (at) {
        *p++ = to[at - from];
        return p;
    }
    *p++ = 'u';
    *p++ = '0';
    *p++ = '0';
    *p++ = hex[(unsigned char)c >> 4];
    *p++ = hex[(unsigned char)c & 15];
    return p;
}

/* Bytes of the UTF-8 character at s.p, 0 if it is none. */
static size_t character(struct sm_str s) {
    unsigned char c = (unsigned char)s.p[0];
    size_t n = c < 0x80 ? 1 : c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
    return n <= s.n && sm_utf8_invalid(sm_str_n(s.p, n), NULL) == SIZE_MAX ? n : 0;
}

char *sm_json_put(char *p, struct sm_str s) {
    while (s.n) {
        size_t n = 1;
        if ((unsigned char)s.p[0] < 0x20 || s.p[0] == '"' || s.p[0] == '\\') {
            p = put_control(p, s.p[0]);
        } else if ((n = character(s)) > 0) {
            memcpy(p, s.p, n);
            p += n;
        } else {
            p += sm_utf8_put(p, 0xFFFD);
            n = 1;
        }
        s = sm_str_n(s.p + n, s.n - n);
    }
    return p;
}

void sm_jsonw_text(struct sm_buf *b, struct sm_str s) {
    if (!sm_buf_reserve(b, SM_JSON_GROWTH * s.n + 2)) return;
    char *p = b->p + b->n;
    *p++ = '"';
    p = sm_json_put(p, s);
    *p++ = '"';
    b->n = (size_t)(p - b->p);
}

void sm_jsonw_name(struct sm_buf *b, const char *name) {
    sm_jsonw_text(b, sm_str(name));
    sm_buf_add_byte(b, ':');
}
