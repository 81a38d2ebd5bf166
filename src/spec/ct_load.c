/* SPDX-License-Identifier: MIT */
#include <zlib.h>

#include "ct_priv.h"

#include "sdtmill/err.h"
#include "sdtmill/mem.h"
#include "sdtmill/utf8.h"

enum { CT_COLUMNS = 8 };
enum ct_column {
    CT_CODE,
    CT_LIST,
    CT_EXTENSIBLE,
    CT_NAME,
    CT_VALUE,
    CT_SYNONYMS,
    CT_DEFINITION,
    CT_PREFERRED
};

/* ---- the file ---------------------------------------------------------------------------------
 */

static int read_all(gzFile f, const char *path, char **ret, size_t *ret_n, struct sm_err *err) {
    size_t cap = 0, n = 0;
    char *p = NULL;
    int rc = sm_grow(&p, &cap, 8 * 1024 * 1024, 1, err);
    while (rc == SM_OK) {
        if (n == cap - 1) {
            rc = n > CT_FILE_MAX
                     ? sm_fail(err, SM_ELIMIT, "%s: larger than %d bytes", path, CT_FILE_MAX)
                     : sm_grow(&p, &cap, cap + 1, 1, err);
            continue;
        }
        size_t room = cap - 1 - n;
        int got = gzread(f, p + n, room > 1 << 30 ? 1u << 30 : (unsigned)room);
        if (got < 0) rc = sm_fail(err, SM_ESPEC, "%s: cannot be read or unpacked", path);
        if (got <= 0) break;
        n += (size_t)got;
    }
    if (rc != SM_OK) {
        sm_free(p);
        return rc;
    }
    p[n] = '\0';
    *ret = p;
    *ret_n = n;
    return SM_OK;
}

static bool is_ascii(struct sm_str s) {
    size_t i = 0;
    uint64_t any = 0, eight;
    for (; i + 8 <= s.n; i += 8) {
        memcpy(&eight, s.p + i, 8);
        any |= eight;
    }
    for (; i < s.n; i++)
        any |= (unsigned char)s.p[i] & 0x80u;
    return (any & UINT64_C(0x8080808080808080)) == 0;
}

int sm_ct_load(struct sm_ct *ct, const char *path, struct sm_err *err) {
    gzFile f = gzopen(path, "rb");
    if (!f) return sm_fail_sys(err, SM_ESPEC, "%s", path);
    gzbuffer(f, 128 * 1024);
    char *p = NULL;
    size_t n = 0;
    int rc = sm_grow(&ct->text, &ct->textcap, ct->ntext + 1, sizeof(char *), err);
    if (rc == SM_OK) rc = read_all(f, path, &p, &n, err);
    gzclose_r(f);
    if (rc != SM_OK) return rc;
    ct->text[ct->ntext++] = p;
    struct sm_str text = sm_str_n(p, n);
    if (sm_str_starts(text, SM_STR("\xEF\xBB\xBF"))) text = sm_str_n(p + 3, n - 3);
    struct sm_str head = sm_str_trim(sm_str_n(text.p, text.n < 200 ? text.n : 200));
    if (head.n && head.p[0] == '<') {
        rc = ct_load_xml(ct, path, text, err);
        sm_free(p); /* terms were copied */
        ct->ntext--;
        return rc;
    }
    if (!is_ascii(text) && sm_utf8_invalid(text, NULL) != SIZE_MAX)
        return sm_fail(err, SM_ESPEC, "%s: not UTF-8 at byte %zu", path,
                       sm_utf8_invalid(text, NULL));
    return ct_load_text(ct, path, text, err);
}

/* ---- tab-delimited text -----------------------------------------------------------------------
 */

static size_t split_line(const char *p, const char *end, struct sm_str col[CT_COLUMNS]) {
    size_t n = 0;
    while (end > p && (end[-1] == '\r' || end[-1] == '\n'))
        end--;
    struct sm_str rest = sm_str_n(p, (size_t)(end - p));
    while (n < CT_COLUMNS && sm_str_split(&rest, '\t', &col[n])) {
        col[n] = sm_str_trim(col[n]);
        n++;
    }
    for (size_t i = n; i < CT_COLUMNS; i++)
        col[i] = SM_STR("");
    return n;
}

static const char *line_end(const char *p, const char *end) {
    const char *nl = memchr(p, '\n', (size_t)(end - p));
    return nl ? nl + 1 : end;
}

static int lines_add(struct sm_ct *ct, struct ct_list *l, const char *p, const char *end,
                     struct sm_err *err) {
    if (p == end) return SM_OK;
    struct ct_lines *s = sm_arena_alloc(ct->arena, sizeof *s);
    if (!s) return sm_fail(err, SM_ENOMEM, "out of memory");
    s->p = p;
    s->end = end;
    *l->last = s;
    l->last = &s->next;
    return SM_OK;
}

static struct ct_list *text_list(struct sm_ct *ct, const struct sm_str col[CT_COLUMNS],
                                 struct sm_err *err) {
    struct ct_list *l = ct_list_new(ct, err);
    if (!l) return NULL;
    l->list.code = col[CT_CODE];
    l->list.name = col[CT_VALUE];
    l->list.label = col[CT_NAME];
    l->list.extensible = sm_str_eq_nocase(col[CT_EXTENSIBLE], SM_STR("yes"));
    l->list.from_package = true;
    return ct_list_name(ct, l, err) == SM_OK ? l : NULL;
}

/* "CODE <tab> LISTCODE <tab>": the list's code, {p, 0} for a list's own line. */
static bool line_list(const char *p, const char *end, struct sm_str *ret) {
    const char *a = memchr(p, '\t', (size_t)(end - p));
    const char *b = a ? memchr(a + 1, '\t', (size_t)(end - a - 1)) : NULL;
    if (!b) return false;
    *ret = sm_str_n(a + 1, (size_t)(b - a - 1));
    return true;
}

/* A run of lines with the same list code is one piece; lists are usually one piece each. */
int ct_load_text(struct sm_ct *ct, const char *path, struct sm_str text, struct sm_err *err) {
    const char *p = text.p, *end = text.p + text.n;
    struct sm_str col[CT_COLUMNS], code;
    const char *line = line_end(p, end);
    if (split_line(p, line, col) < CT_COLUMNS || !sm_str_eq_c(col[CT_CODE], "Code") ||
        !sm_str_eq_c(col[CT_LIST], "Codelist Code"))
        return sm_fail(err, SM_ESPEC,
                       "%s: neither NCI EVS terminology text (first line \"Code<tab>Codelist "
                       "Code...\") nor XML",
                       path);
    uint64_t number = 1;
    int rc = SM_OK;
    struct ct_list *list = NULL;
    const char *from = line;
    for (p = line; p < end && rc == SM_OK; p = line) {
        line = line_end(p, end);
        number++;
        if (p[0] == '\n' || p[0] == '\r') continue;
        if (!line_list(p, line, &code))
            return sm_fail(err, SM_ESPEC, "%s:%" PRIu64 ": has no tab-delimited columns", path,
                           number);
        if (list && sm_str_eq(code, list->list.code)) continue;
        if (list) rc = lines_add(ct, list, from, p, err);
        from = code.n ? p : line;
        if (code.n == 0) {
            split_line(p, line, col);
            list = text_list(ct, col, err);
            if (!list) rc = err->code ? err->code : SM_ENOMEM;
        } else {
            list = ct_list_get(ct, code);
            bool here = list && list->list.code.p >= text.p && list->list.code.p < end;
            if (list && !here)
                list = NULL; /* another list of that code wins */
            else if (!list)
                return sm_fail(err, SM_ESPEC,
                               "%s:%" PRIu64
                               ": codelist %.*s has no line of its own before its terms",
                               path, number, SM_STR_FMT(code));
        }
    }
    if (rc == SM_OK && list) rc = lines_add(ct, list, from, end, err);
    return rc;
}

static bool split_synonyms(struct sm_ct *ct, struct sm_str s, struct sm_term *t) {
    size_t n = 1;
    if (s.n == 0) return true;
    for (size_t i = 0; i < s.n; i++)
        n += s.p[i] == ';';
    struct sm_str *syn = sm_arena_array(ct->arena, n, sizeof *syn), piece;
    if (!syn) return false;
    while (sm_str_split(&s, ';', &piece)) {
        piece = sm_str_trim(piece);
        if (piece.n) syn[t->nsynonym++] = piece;
    }
    t->synonym = syn;
    return true;
}

bool ct_text_terms(struct sm_ct *ct, struct ct_list *l) {
    size_t n = 0;
    for (const struct ct_lines *s = l->lines; s; s = s->next)
        for (const char *p = s->p; p < s->end; p = line_end(p, s->end))
            n++;
    struct sm_term *term = sm_arena_array(ct->arena, n + 1, sizeof *term);
    struct sm_str col[CT_COLUMNS];
    size_t k = 0;
    if (!term) return false;
    for (const struct ct_lines *s = l->lines; s; s = s->next) {
        for (const char *p = s->p, *next; p < s->end; p = next) {
            next = line_end(p, s->end);
            split_line(p, next, col);
            if (col[CT_VALUE].n == 0) continue;
            term[k].value = col[CT_VALUE];
            term[k].code = col[CT_CODE];
            term[k].decode = col[CT_PREFERRED];
            if (!split_synonyms(ct, col[CT_SYNONYMS], &term[k++])) return false;
        }
    }
    l->list.term = term;
    l->list.nterm = (uint32_t)k;
    return true;
}
