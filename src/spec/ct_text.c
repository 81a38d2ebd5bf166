/* SPDX-License-Identifier: MIT */
/* Tab-delimited packages of NCI EVS. They are read through a window: lists get their names, and of
 * the lists that may be asked for the lines are kept. */
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

enum { WINDOW_FIRST = 256 * 1024 };

struct text_load {
    struct sm_ct *ct;
    const char *path;
    struct sm_err *err;   /* the first mistake of a line; the rest of the file is still looked at */
    struct ct_list *list; /* of the line before */
    size_t nlist;         /* lists there were before this file */
    uint64_t number;      /* lines read */
    size_t offset;        /* bytes read, without the byte order mark */
    size_t bad;           /* offset of the first byte that is not UTF-8, or SIZE_MAX */
    int rc;
};

/* ---- lines -------------------------------------------------------------------------------------
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

/* "CODE <tab> LISTCODE <tab>": the list's code, {p, 0} for a list's own line. */
static bool line_list(const char *p, const char *end, struct sm_str *ret) {
    const char *a = memchr(p, '\t', (size_t)(end - p));
    const char *b = a ? memchr(a + 1, '\t', (size_t)(end - a - 1)) : NULL;
    if (!b) return false;
    *ret = sm_str_n(a + 1, (size_t)(b - a - 1));
    return true;
}

static bool lines_add(struct text_load *t, const char *p, const char *end) {
    struct ct_list *l = t->list;
    if (!l || p == end || l->left_out) return true;
    struct ct_lines *s = sm_arena_alloc(t->ct->arena, sizeof *s);
    struct sm_str kept = sm_arena_dup(t->ct->arena, sm_str_n(p, (size_t)(end - p)));
    if (!s || !kept.p) return false;
    s->p = kept.p;
    s->end = kept.p + kept.n;
    *l->last = s;
    l->last = &s->next;
    return true;
}

static struct sm_str column_keep(struct text_load *t, struct sm_str s) {
    struct sm_str kept = sm_arena_dup(t->ct->arena, s);
    if (!kept.p) t->rc = SM_ENOMEM;
    return kept;
}

static void list_open(struct text_load *t, const char *p, const char *end) {
    struct sm_str col[CT_COLUMNS];
    struct ct_list *l = t->list = ct_list_new(t->ct, t->err);
    if (!l) {
        t->rc = SM_ENOMEM;
        return;
    }
    split_line(p, end, col);
    l->list.code = column_keep(t, col[CT_CODE]);
    l->list.name = column_keep(t, col[CT_VALUE]);
    l->list.label = column_keep(t, col[CT_NAME]);
    l->list.extensible = sm_str_eq_nocase(col[CT_EXTENSIBLE], SM_STR("yes"));
    l->list.from_package = true;
    l->left_out = t->ct->nwant && !sm_ct_is_wanted(t->ct, l->list.code) &&
                  !sm_ct_is_wanted(t->ct, l->list.name);
    l->path = t->path;
    l->place = (uint32_t)(t->ct->nlist - 1 - t->nlist);
    if (t->rc == SM_OK) t->rc = ct_list_name(t->ct, l, t->err);
}

/* The list whose lines follow, after lines of another. Another list of that code wins. */
static void list_again(struct text_load *t, struct sm_str code) {
    struct ct_list *l = ct_list_get(t->ct, code);
    t->list = l && l->path == t->path ? l : NULL;
    if (l) return;
    t->rc = sm_fail(t->err, SM_ESPEC,
                    "%s:%" PRIu64 ": codelist %.*s has no line of its own before its terms",
                    t->path, t->number, SM_STR_FMT(code));
}

static void head_read(struct text_load *t, const char *p, const char *end) {
    struct sm_str col[CT_COLUMNS];
    if (split_line(p, end, col) == CT_COLUMNS && sm_str_eq_c(col[CT_CODE], "Code") &&
        sm_str_eq_c(col[CT_LIST], "Codelist Code"))
        return;
    t->rc = sm_fail(t->err, SM_ESPEC,
                    "%s: neither NCI EVS terminology text (first line \"Code<tab>Codelist "
                    "Code...\") nor XML",
                    t->path);
}

/* A run of lines with the same list code is one piece; lists are usually one piece each. */
static void lines_read(struct text_load *t, struct sm_str text) {
    const char *p = text.p, *end = text.p + text.n, *from = p;
    struct sm_str code;
    for (const char *line; p < end && t->rc == SM_OK; p = line) {
        line = line_end(p, end);
        if (t->number++ == 0) {
            head_read(t, p, line);
            from = line;
            continue;
        }
        if (p[0] == '\n' || p[0] == '\r') continue;
        if (!line_list(p, line, &code)) {
            t->rc = sm_fail(t->err, SM_ESPEC, "%s:%" PRIu64 ": has no tab-delimited columns",
                            t->path, t->number);
            return;
        }
        if (t->list && sm_str_eq(code, t->list->list.code)) continue;
        if (!lines_add(t, from, p)) t->rc = SM_ENOMEM;
        from = code.n ? p : line;
        if (code.n)
            list_again(t, code);
        else
            list_open(t, p, line);
    }
    if (t->rc == SM_OK && !lines_add(t, from, end)) t->rc = SM_ENOMEM;
}

/* ---- the file ----------------------------------------------------------------------------------
 */

/* Whole lines, or the rest of the file. */
static void text_take(struct text_load *t, struct sm_str text) {
    if (t->offset == 0 && sm_str_starts(text, SM_STR("\xEF\xBB\xBF")))
        text = sm_str_n(text.p + 3, text.n - 3);
    if (t->bad == SIZE_MAX && !sm_utf8_is_ascii(text)) {
        size_t at = sm_utf8_invalid(text, NULL);
        if (at != SIZE_MAX) t->bad = t->offset + at;
    }
    t->offset += text.n;
    if (t->rc == SM_OK && t->bad == SIZE_MAX) lines_read(t, text);
}

static size_t whole_lines(const char *p, size_t n) {
    while (n && p[n - 1] != '\n')
        n--;
    return n;
}

static int text_read(struct text_load *t, gzFile f, struct sm_err *err) {
    size_t cap = 0, n = 0, all = 0;
    char *p = NULL;
    int got = 1, rc = sm_grow(&p, &cap, WINDOW_FIRST, 1, err);
    while (rc == SM_OK && got > 0) {
        if (n == cap) rc = sm_grow(&p, &cap, cap + 1, 1, err);
        if (rc != SM_OK) break;
        size_t room = cap - n;
        got = gzread(f, p + n, room > 1 << 30 ? 1u << 30 : (unsigned)room);
        if (got < 0) rc = sm_fail(err, SM_ESPEC, "%s: cannot be read or unpacked", t->path);
        if (got < 0) break;
        all += (size_t)got;
        n += (size_t)got;
        if (all > CT_FILE_MAX)
            rc = sm_fail(err, SM_ELIMIT, "%s: larger than %d bytes", t->path, CT_FILE_MAX);
        size_t whole = got ? whole_lines(p, n) : n;
        if (whole) text_take(t, sm_str_n(p, whole));
        n -= whole;
        memmove(p, p + whole, n);
    }
    sm_free(p);
    return rc;
}

int ct_load_text(struct sm_ct *ct, const char *path, gzFile f, struct sm_err *err) {
    struct sm_err mine = {0};
    struct text_load t = {.ct = ct, .err = &mine, .nlist = ct->nlist, .bad = SIZE_MAX};
    t.path = sm_arena_dup(ct->arena, sm_str(path)).p;
    if (!t.path) return sm_fail(err, SM_ENOMEM, "out of memory");
    int rc = text_read(&t, f, err);
    if (rc == SM_OK && t.bad != SIZE_MAX)
        rc = sm_fail(err, SM_ESPEC, "%s: not UTF-8 at byte %zu", path, t.bad);
    if (rc != SM_OK) {
        int again = ct_lists_drop(ct, t.nlist, err); /* as if none of it had been read */
        return again == SM_OK ? rc : again;
    }
    if (t.number == 0) head_read(&t, path, path);
    if (t.rc == SM_OK) return SM_OK;
    return mine.code ? sm_fail(err, mine.code, "%s", mine.text)
                     : sm_fail(err, SM_ENOMEM, "out of memory");
}

/* The lines of a list that was left out: its file is read again, all of it. */
bool ct_text_fetch(struct sm_ct *ct, struct ct_list *l) {
    struct sm_err ignored = {0};
    struct sm_ct *all;
    if (sm_ct_open(&all, ct->arena, &ignored) != SM_OK) return false;
    bool ok = sm_ct_load(all, l->path, &ignored) == SM_OK && l->place < all->nlist;
    const struct ct_list *same = ok ? all->list[l->place] : NULL;
    ok = ok && sm_str_eq(same->list.code, l->list.code);
    if (ok) l->lines = same->lines;
    if (ok) l->left_out = false;
    sm_ct_close(all);
    return ok;
}

/* ---- terms -------------------------------------------------------------------------------------
 */

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
