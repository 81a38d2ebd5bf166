/* SPDX-License-Identifier: MIT */
/* load_json_row.c - one row of Dataset-JSON: an array of texts, numbers, truth values and nulls. */
#include "load_priv.h"
#include "sdtmill/utf8.h"

struct row { const char *p, *end; struct sm_buf *text; };

static void row_space(struct row *r) {
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\n' || *r->p == '\r')) r->p++;
}

static int hex4(const char *p, const char *end, uint32_t *ret) {
    if (end - p < 4) return -1;
    *ret = 0;
    for (int i = 0; i < 4; i++) {
        char c = sm_to_lower(p[i]);
        if (!sm_is_digit(c) && (c < 'a' || c > 'f')) return -1;
        *ret = *ret * 16 + (uint32_t)(sm_is_digit(c) ? c - '0' : c - 'a' + 10);
    }
    return 0;
}

/* Behind a backslash. */
static const char *row_escape(struct row *r) {
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (r->p == r->end) return "the text is not closed";
    char c = *r->p++;
    const char *at = c ? strchr(from, c) : NULL;
    uint32_t u, low;
    if (at) {
        sm_buf_add_byte(r->text, to[at - from]);
        return NULL;
    }
    if (c != 'u' || hex4(r->p, r->end, &u)) return "no such escape";
    r->p += 4;
    if (u >= 0xD800 && u < 0xDC00) {
        if (r->end - r->p < 6 || r->p[0] != '\\' || r->p[1] != 'u' || hex4(r->p + 2, r->end, &low) || low < 0xDC00 || low > 0xDFFF)
            return "half of a surrogate pair";
        r->p += 6;
        u = 0x10000 + ((u - 0xD800) << 10) + (low - 0xDC00);
    } else if (u >= 0xDC00 && u < 0xE000) {
        return "half of a surrogate pair";
    }
    char out[4];
    sm_buf_add(r->text, out, sm_utf8_put(out, u));
    return NULL;
}

static const char *row_text(struct row *r) {
    sm_buf_clear(r->text);
    for (r->p++; r->p < r->end && *r->p != '"';) {
        if ((unsigned char)*r->p < 0x20) return "control character in a text";
        const char *from = r->p;
        while (r->p < r->end && *r->p != '"' && *r->p != '\\' && (unsigned char)*r->p >= 0x20) r->p++;
        sm_buf_add(r->text, from, (size_t)(r->p - from));
        if (r->p < r->end && *r->p == '\\') {
            r->p++;
            const char *why = row_escape(r);
            if (why) return why;
        }
    }
    if (r->p == r->end) return "the text is not closed";
    r->p++;
    return NULL;
}

/* JSON's number grammar. */
static bool number_good(struct sm_str s) {
    size_t i = 0, from;
    if (i < s.n && s.p[i] == '-') i++;
    from = i;
    while (i < s.n && sm_is_digit(s.p[i])) i++;
    if (i == from || (s.p[from] == '0' && i > from + 1)) return false;
    if (i < s.n && s.p[i] == '.') {
        from = ++i;
        while (i < s.n && sm_is_digit(s.p[i])) i++;
        if (i == from) return false;
    }
    if (i < s.n && (s.p[i] == 'e' || s.p[i] == 'E')) {
        i++;
        if (i < s.n && (s.p[i] == '+' || s.p[i] == '-')) i++;
        from = i;
        while (i < s.n && sm_is_digit(s.p[i])) i++;
        if (i == from) return false;
    }
    return i == s.n;
}

static const char *row_cell(struct sm_loader *l, struct row *r, const struct sm_dsvar *v, sm_val *ret) {
    struct sm_str s;
    if (*r->p == '"') {
        const char *why = row_text(r);
        if (why) return why;
        s = sm_buf_str(r->text);
    } else {
        const char *from = r->p;
        while (r->p < r->end && !strchr(",] \t\r\n", *r->p)) r->p++;
        s = sm_str_n(from, (size_t)(r->p - from));
        if (sm_str_eq_c(s, "null")) return NULL;
        if (!sm_str_eq_c(s, "true") && !sm_str_eq_c(s, "false") && !number_good(s)) return "no value of a kind that a cell can hold";
    }
    enum load_cell got = load_cell(l, v, s, ret);
    return got == LOAD_CELL_OK ? NULL : load_cell_why(got);
}

const char *load_json_row(struct sm_loader *l, struct sm_str text, struct sm_buf *scratch, sm_val *to, uint32_t *ret_cell) {
    struct row r = {text.p + 1, text.p + text.n, scratch}; /* behind the bracket */
    uint32_t i = 0;
    for (row_space(&r); r.p < r.end && *r.p != ']'; row_space(&r)) {
        *ret_cell = i;
        if (i == l->info.nvar) return "more cells than columns";
        const char *why = row_cell(l, &r, &l->info.var[i], &to[i]);
        if (why) return why;
        i++;
        row_space(&r);
        if (r.p == r.end || (*r.p != ',' && *r.p != ']')) return "a comma or the closing bracket must stand here";
        if (*r.p == ']') break;
        r.p++;
        row_space(&r);
        if (r.p < r.end && *r.p == ']') return "a cell must stand behind the comma";
    }
    *ret_cell = i;
    return i < l->info.nvar ? "fewer cells than columns" : NULL;
}
