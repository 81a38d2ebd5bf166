/* SPDX-License-Identifier: MIT */
#include "sdtmill/utf8.h"

/* Bytes that follow a lead byte, and the range of the first of them (RFC 3629, section 4). */
struct utf8_lead {
    unsigned char more, lo, hi;
};

static struct utf8_lead utf8_lead(unsigned char c) {
    if (c < 0xC2) return (struct utf8_lead){0, 0, 0};
    if (c < 0xE0) return (struct utf8_lead){1, 0x80, 0xBF};
    if (c == 0xE0) return (struct utf8_lead){2, 0xA0, 0xBF};
    if (c == 0xED) return (struct utf8_lead){2, 0x80, 0x9F};
    if (c < 0xF0) return (struct utf8_lead){2, 0x80, 0xBF};
    if (c == 0xF0) return (struct utf8_lead){3, 0x90, 0xBF};
    if (c < 0xF4) return (struct utf8_lead){3, 0x80, 0xBF};
    if (c == 0xF4) return (struct utf8_lead){3, 0x80, 0x8F};
    return (struct utf8_lead){0, 0, 0};
}

/* Length of the character at p, 0 if it is none; *cut if only its end is missing. */
static size_t utf8_char(const unsigned char *p, size_t n, bool *cut) {
    struct utf8_lead lead = utf8_lead(p[0]);
    if (lead.more == 0) return 0;
    for (size_t i = 1; i <= lead.more; i++) {
        if (i == n) {
            *cut = true;
            return 0;
        }
        unsigned char lo = i == 1 ? lead.lo : 0x80, hi = i == 1 ? lead.hi : 0xBF;
        if (p[i] < lo || p[i] > hi) return 0;
    }
    return (size_t)lead.more + 1;
}

static bool utf8_ascii8(const void *p) {
    uint64_t w;
    memcpy(&w, p, sizeof w);
    return (w & UINT64_C(0x8080808080808080)) == 0;
}

size_t sm_utf8_invalid(struct sm_str s, bool *ret_cut) {
    const unsigned char *p = (const unsigned char *)s.p;
    bool cut = false;
    size_t i = 0;
    while (i < s.n) {
        if (s.n - i >= 8 && utf8_ascii8(p + i)) {
            i += 8;
            continue;
        }
        size_t len = p[i] < 0x80 ? 1 : utf8_char(p + i, s.n - i, &cut);
        if (len == 0) break;
        i += len;
    }
    if (ret_cut) *ret_cut = cut;
    return i < s.n ? i : SIZE_MAX;
}

/* Every byte starts a character but 10xxxxxx, eight of which are looked at in one go. */
size_t sm_utf8_count(struct sm_str s) {
    const uint64_t ones = UINT64_C(0x0101010101010101);
    size_t i = 0, inner = 0;
    for (; s.n - i >= 8; i += 8) {
        uint64_t w;
        memcpy(&w, s.p + i, 8);
        inner += (size_t)(((w >> 7 & ~(w >> 6)) & ones) * ones >> 56);
    }
    for (; i < s.n; i++) inner += ((unsigned char)s.p[i] & 0xC0) == 0x80;
    return s.n - inner;
}

bool sm_utf8_is_ascii(struct sm_str s) {
    size_t i = 0;
    uint64_t any = 0, w[4];
    for (; s.n - i >= sizeof w; i += sizeof w) {
        memcpy(w, s.p + i, sizeof w);
        any |= w[0] | w[1] | w[2] | w[3];
    }
    for (; i < s.n; i++)
        any |= (unsigned char)s.p[i] & 0x80u;
    return (any & UINT64_C(0x8080808080808080)) == 0;
}

bool sm_utf8_is_printable_ascii(struct sm_str s) {
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < 0x20 || s.p[i] > 0x7E) return false;
    return true;
}

uint32_t sm_utf8_next(const char **p, const char *end) {
    unsigned char c = (unsigned char)*(*p)++;
    if (c < 0x80) return c;
    uint32_t cp = c < 0xE0 ? c & 0x1Fu : c < 0xF0 ? c & 0x0Fu : c & 0x07u;
    for (int more = c < 0xE0 ? 1 : c < 0xF0 ? 2 : 3; more > 0 && *p < end; more--)
        cp = cp << 6 | ((unsigned char)*(*p)++ & 0x3Fu);
    return cp;
}

size_t sm_utf8_put(char out[4], uint32_t cp) {
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (char)(0xC0 | cp >> 6);
        out[1] = (char)(0x80 | (cp & 0x3F));
        return 2;
    }
    if (cp < 0x10000) {
        out[0] = (char)(0xE0 | cp >> 12);
        out[1] = (char)(0x80 | (cp >> 6 & 0x3F));
        out[2] = (char)(0x80 | (cp & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | cp >> 18);
    out[1] = (char)(0x80 | (cp >> 12 & 0x3F));
    out[2] = (char)(0x80 | (cp >> 6 & 0x3F));
    out[3] = (char)(0x80 | (cp & 0x3F));
    return 4;
}

/* Upper-case letters lo..hi. add != 0: the small letter is that much further. add == 0: capital
 * and small letter take turns, starting with the capital lo; hi is the last small letter. */
struct utf8_case {
    uint32_t lo, hi;
    int32_t add;
};
static const struct utf8_case utf8_cases[] = {
    {0x41, 0x5A, 32},     {0xC0, 0xD6, 32},     {0xD8, 0xDE, 32},     {0x100, 0x12F, 0},
    {0x132, 0x137, 0},    {0x139, 0x148, 0},    {0x14A, 0x177, 0},    {0x178, 0x178, -121},
    {0x179, 0x17E, 0},    {0x1CD, 0x1DC, 0},    {0x1DE, 0x1EF, 0},    {0x1F8, 0x21F, 0},
    {0x222, 0x233, 0},    {0x370, 0x373, 0},    {0x376, 0x377, 0},    {0x386, 0x386, 38},
    {0x388, 0x38A, 37},   {0x38C, 0x38C, 64},   {0x38E, 0x38F, 63},   {0x391, 0x3A1, 32},
    {0x3A3, 0x3AB, 32},   {0x3D8, 0x3EF, 0},    {0x400, 0x40F, 80},   {0x410, 0x42F, 32},
    {0x460, 0x481, 0},    {0x48A, 0x4BF, 0},    {0x4C0, 0x4C0, 15},   {0x4C1, 0x4CE, 0},
    {0x4D0, 0x52F, 0},    {0x1E00, 0x1E95, 0},  {0x1EA0, 0x1EFF, 0},
};
/* Letters whose partner has another partner itself. */
static const uint32_t utf8_lower_only[][2] = {{0x130, 0x69}, {0x1E9E, 0xDF}};
static const uint32_t utf8_upper_only[][2] = {{0x131, 0x49}, {0x17F, 0x53}, {0x3C2, 0x3A3}};

uint32_t sm_utf8_lower(uint32_t cp) {
    if (cp < 0x80) return cp - 0x41u < 26 ? cp + 32 : cp;
    for (size_t i = 0; i < SM_ARRAY_LEN(utf8_lower_only); i++)
        if (utf8_lower_only[i][0] == cp) return utf8_lower_only[i][1];
    for (size_t i = 0; i < SM_ARRAY_LEN(utf8_cases); i++) {
        const struct utf8_case *c = &utf8_cases[i];
        if (cp < c->lo || cp > c->hi) continue;
        if (c->add == 0) return cp + ((cp - c->lo) % 2 == 0);
        return (uint32_t)((int32_t)cp + c->add);
    }
    return cp;
}

uint32_t sm_utf8_upper(uint32_t cp) {
    if (cp < 0x80) return cp - 0x61u < 26 ? cp - 32 : cp;
    for (size_t i = 0; i < SM_ARRAY_LEN(utf8_upper_only); i++)
        if (utf8_upper_only[i][0] == cp) return utf8_upper_only[i][1];
    for (size_t i = 0; i < SM_ARRAY_LEN(utf8_cases); i++) {
        const struct utf8_case *c = &utf8_cases[i];
        int64_t up = (int64_t)cp - c->add;
        if (up < c->lo || up > c->hi) continue;
        if (c->add == 0) return cp - ((cp - c->lo) % 2 == 1);
        return (uint32_t)up;
    }
    return cp;
}
