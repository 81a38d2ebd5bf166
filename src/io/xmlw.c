/* SPDX-License-Identifier: MIT */
#include "sdtmill/xmlw.h"

#include "sdtmill/utf8.h"

static bool is_plain(struct sm_str s) {
    uint64_t w = UINT64_C(0x6161616161616161);
    if (s.n < 8) {
        if (s.n) memcpy(&w, s.p, s.n);
        return sm_xml_word_plain(w);
    }
    for (size_t i = 0; i + 8 < s.n; i += 8) {
        memcpy(&w, s.p + i, 8);
        if (!sm_xml_word_plain(w)) return false;
    }
    memcpy(&w, s.p + s.n - 8, 8);
    return sm_xml_word_plain(w);
}

static bool is_control(char c) { return (unsigned char)c < 0x20 && c != '\t' && c != '\n' && c != '\r'; }

size_t sm_xml_impossible(struct sm_str s) {
    size_t bad = sm_utf8_invalid(s, NULL);
    size_t n = bad == SIZE_MAX ? s.n : bad;
    for (size_t i = 0; i < n; i++) {
        if (is_control(s.p[i])) return i;
        if ((unsigned char)s.p[i] == 0xEF && i + 2 < n && (unsigned char)s.p[i + 1] == 0xBF &&
            (unsigned char)s.p[i + 2] >= 0xBE)
            return i;
    }
    return bad;
}

enum sm_xml_fit sm_xml_look(struct sm_str s) {
    if (is_plain(s)) return SM_XML_PLAIN;
    return sm_xml_impossible(s) == SIZE_MAX ? SM_XML_ESCAPE : SM_XML_IMPOSSIBLE;
}

static const char *reference(char c) {
    switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return "&quot;";
    case '\t': return "&#9;";
    case '\n': return "&#10;";
    case '\r': return "&#13;";
    default: return NULL;
    }
}

/* Bytes of the character at s.p, 0 if it is none that XML can hold. */
static size_t character(struct sm_str s) {
    unsigned char c = (unsigned char)s.p[0];
    if (c < 0x80) return is_control(s.p[0]) ? 0 : 1;
    size_t n = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
    return n <= s.n && sm_xml_impossible(sm_str_n(s.p, n)) == SIZE_MAX ? n : 0;
}

char *sm_xml_put(char *p, struct sm_str s) {
    while (s.n) {
        const char *r = reference(s.p[0]), *from = s.p;
        size_t n = 1, took = 1;
        if (r) {
            from = r;
            n = strlen(r);
        } else if ((n = took = character(s)) == 0) {
            from = "\xEF\xBF\xBD"; /* U+FFFD */
            n = 3;
            took = 1;
        }
        memcpy(p, from, n);
        p += n;
        s = sm_str_n(s.p + took, s.n - took);
    }
    return p;
}

void sm_xmlw_text(struct sm_sink *k, struct sm_str s) {
    char *p = sm_sink_reserve(k, SM_XML_GROWTH * s.n + 1);
    if (p) sm_sink_used(k, (size_t)(sm_xml_put(p, s) - p));
}

void sm_xmlw_attr(struct sm_sink *k, const char *name, struct sm_str value) {
    sm_sink_write(k, " ", 1);
    sm_sink_write(k, name, strlen(name));
    sm_sink_write(k, "=\"", 2);
    sm_xmlw_text(k, value);
    sm_sink_write(k, "\"", 1);
}
