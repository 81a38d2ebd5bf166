/* SPDX-License-Identifier: MIT */
/* Codelists, recodes, tables and units. */
#include "spec/spec_priv.h"

#include "sdtmill/err.h"

struct sm_lut *sp_lut(struct sp_load *l, uint32_t nkey, uint32_t nval, bool ignore_case) {
    struct sm_lut **slot = sp_push(l, &l->own->luts, sizeof *slot), *lut = NULL;
    if (slot == NULL) return NULL;
    if (sm_lut_open(&lut, l->s->texts, nkey, nval, ignore_case, l->err) != SM_OK) {
        l->own->luts.n--;
        l->failed = true;
        return NULL;
    }
    *slot = lut;
    return lut;
}

static sm_val tables_val(struct sp_load *l, struct sm_str s) {
    return sm_val_make(l->s->in, s);
}

/* Adds a row; false (and failed) when memory is short. *ret_old as sm_lut_add. */
static bool tables_add(struct sp_load *l, struct sm_lut *lut, const sm_val *key, const sm_val *val,
                       sm_val **ret_old) {
    *ret_old = NULL;
    if (sm_lut_add(lut, key, val, ret_old, l->err) == SM_OK) return true;
    l->failed = true;
    return false;
}

static bool tables_is_new(struct sp_load *l, const xmlNode *n, const char *what, struct sm_str name,
                          const struct sm_where *before) {
    if (before == NULL) return true;
    sp_say(l, SM_D_MAPPING_INVALID, sp_at_attr(n, "name", 1),
           &(struct sp_about){.mend = "rename or remove one of them"},
           "%s '%.*s' is defined twice; first at %.*s:%u", what, SM_STR_FMT(name),
           SM_STR_FMT(before->file), before->line);
    return false;
}

/* ---- codelists ------------------------------------------------------------------------------- */

static void tables_synonyms(struct sp_load *l, const xmlNode *n, struct sm_term *t) {
    uint32_t k = 0;
    for (const xmlNode *s = sp_first(n); s; s = sp_next(s))
        k++;
    if (k == 0) return;
    struct sm_str *v = sp_alloc(l, k, sizeof *v);
    if (v == NULL) return;
    for (const xmlNode *s = sp_first(n); s; s = sp_next(s)) {
        struct sm_str text = SM_STR("");
        if (s->children)
            text = s->children->next ? sp_text(l, s) : sm_str((const char *)s->children->content);
        v[t->nsynonym++] = sp_dup(l, sm_str_trim(text));
    }
    t->synonym = v;
}

static void tables_terms(struct sp_load *l, const xmlNode *n, struct sm_codelist *c,
                         const struct sm_codelist *base) {
    uint32_t k = base ? base->nterm : 0;
    for (const xmlNode *t = sp_first(n); t; t = sp_next(t))
        k++;
    struct sm_term *v = sp_alloc(l, k, sizeof *v);
    if (v == NULL) return;
    if (base && base->nterm) memcpy(v, base->term, base->nterm * sizeof *v);
    c->nterm = base ? base->nterm : 0;
    for (const xmlNode *t = sp_first(n); t; t = sp_next(t)) {
        struct sm_term *to = &v[c->nterm++];
        to->value = sp_dup(l, sp_word(t, "value"));
        to->code = sp_dup(l, sp_word(t, "code"));
        to->decode = sp_dup(l, sp_word(t, "decode"));
        to->extended = base != NULL;
        tables_synonyms(l, t, to);
    }
    c->term = v;
}

static bool tables_list(struct sp_load *l, xmlNode *n, struct sp_file *f) {
    struct sm_str extends = sp_word(n, "extends");
    const struct sm_codelist *base = NULL;
    if (extends.n) {
        base = sp_list(l, extends);
        if (base == NULL) return false;
    }
    struct sm_codelist *c = sp_alloc(l, 1, sizeof *c);
    struct sp_list *own = sp_push(l, &l->lists, sizeof *own);
    if (c == NULL || own == NULL) return true;
    c->name = sp_dup(l, sp_word(n, "name"));
    c->code = sp_dup(l, sp_has(n, "code") || !base ? sp_word(n, "code") : base->code);
    c->label = sp_dup(l, sp_has(n, "label") || !base ? sp_word(n, "label") : base->label);
    c->extensible = sp_yes(n, "extensible", base ? base->extensible : false);
    c->nonstandard = c->code.n == 0;
    tables_terms(l, n, c, base);
    *own = (struct sp_list){c, n, f, false};
    if (!l->failed && sm_ct_add(l->s->ct, c, l->err) != SM_OK) l->failed = true;
    return true;
}

static void tables_want(struct sp_load *l, struct sm_str name) {
    if (!l->failed && sm_ct_want(l->s->ct, name, l->err) != SM_OK) l->failed = true;
}

static bool tables_is_word(char c) {
    return sm_is_alpha(c) || sm_is_digit(c) || c == '_' || c == '-';
}

static void tables_want_words(struct sp_load *l, struct sm_str text) {
    for (size_t i = 0, from; i < text.n; i++) {
        for (from = i; i < text.n && tables_is_word(text.p[i]);)
            i++;
        if (i > from) tables_want(l, sm_str_n(text.p + from, i - from));
    }
}

/* Lists are named in attributes, among other words; the rows of lists name none. */
static void tables_want_names(struct sp_load *l, const xmlNode *n) {
    for (; n && !l->failed; n = n->next) {
        if (n->type != XML_ELEMENT_NODE) continue;
        for (const xmlAttr *a = n->properties; a; a = a->next)
            if (a->children && a->children->content)
                tables_want_words(l, sm_str((const char *)a->children->content));
        if (!sp_is(n, "codelist") && !sp_is(n, "recode") && !sp_is(n, "units"))
            tables_want_names(l, n->children);
    }
}

/* What the study may ask its terminology for: names in the mapping, and the standard's codes for
 * the datasets that are named there. */
static void tables_want_all(struct sp_load *l) {
    struct sp_file **f = l->own->files.p;
    for (uint32_t i = 0; i < l->own->files.n; i++)
        tables_want_names(l, xmlDocGetRootElement(f[i]->doc));
    const struct sm_model *m = l->s->model;
    for (uint32_t i = 0; i < m->nds; i++)
        for (uint32_t v = 0; v < m->ds[i].nvar && sm_ct_is_wanted(l->s->ct, m->ds[i].name); v++)
            tables_want_words(l, m->ds[i].var[v].codelist);
}

static void tables_terminology(struct sp_load *l, const xmlNode *n) {
    struct sm_where at = sp_at_attr(n, "file", 1);
    struct sm_str path = sp_find_file(l, at, sp_file_of(n), sp_word(n, "file"), "terminology");
    if (path.p == NULL) return;
    struct sm_err e;
    sm_err_reset(&e);
    int rc = sm_ct_load(l->s->ct, path.p, &e);
    if (rc == SM_ENOMEM)
        sp_nomem(l);
    else if (rc != SM_OK)
        sp_say(l, SM_D_MAPPING_INVALID, at, NULL, "terminology cannot be read: %s", e.text);
    else
        sp_input(l, path);
}

static bool tables_said_twice(struct sp_load *l, xmlNode *n) {
    const struct sp_list *v = l->lists.p;
    struct sm_str name = sp_word(n, "name");
    for (uint32_t i = 0; i < l->lists.n; i++) {
        if (!sm_str_eq(v[i].list->name, name)) continue;
        if (sm_str_eq(sp_word(n, "extends"), name)) continue; /* goes on where the other ends */
        struct sm_where first = sp_at(v[i].node);
        return !tables_is_new(l, n, "codelist", name, &first);
    }
    return false;
}

/* Lists that extend others wait until those are there. */
static void tables_extending(struct sp_load *l, struct sp_top *t, uint32_t n) {
    bool more = true;
    while (more && !l->failed) {
        more = false;
        for (uint32_t i = 0; i < n && !l->failed; i++) {
            if (t[i].node == NULL || !tables_list(l, t[i].node, t[i].file)) continue;
            t[i].node = NULL;
            more = true;
        }
    }
    for (uint32_t i = 0; i < n && !l->failed; i++) {
        if (t[i].node == NULL) continue;
        struct sm_str name = sp_word(t[i].node, "extends");
        sp_unknown(l, sp_at_attr(t[i].node, "extends", 1), "codelist to extend", name,
                   sm_ct_nearest_list(l->s->ct, name));
    }
}

void sp_codelists(struct sp_load *l) {
    struct sp_vec later = {NULL, 0, 0};
    const struct sp_top *t = l->tops.p;
    tables_want_all(l);
    for (uint32_t i = 0; i < l->tops.n && !l->failed; i++)
        if (sp_is(t[i].node, "terminology")) tables_terminology(l, t[i].node);
    for (uint32_t i = 0; i < l->tops.n && !l->failed; i++) {
        if (!sp_is(t[i].node, "codelist") || tables_said_twice(l, t[i].node)) continue;
        if (!sp_has(t[i].node, "extends")) {
            (void)tables_list(l, t[i].node, t[i].file);
            continue;
        }
        struct sp_top *w = sp_push(l, &later, sizeof *w);
        if (w) *w = t[i];
    }
    tables_extending(l, later.p, later.n);
}

const struct sm_codelist *sp_list(struct sp_load *l, struct sm_str name) {
    const struct sm_codelist *c = sm_ct_list(l->s->ct, name);
    struct sp_list *v = l->lists.p;
    for (uint32_t i = 0; c && i < l->lists.n; i++)
        if (sm_str_eq(v[i].list->name, c->name)) v[i].used = true;
    return c;
}

void sp_terms(struct sp_load *l, const xmlNode *n, struct sm_terms *ret) {
    *ret = (struct sm_terms){NULL, 0, SM_UNMATCHED_KEEP};
    struct sm_str u = sp_word(n, "unmatched"), rest = sp_attr(n, "codelist"), name;
    if (sm_str_eq_c(u, "upper"))
        ret->unmatched = SM_UNMATCHED_UPPER;
    else if (sm_str_eq_c(u, "blank"))
        ret->unmatched = SM_UNMATCHED_BLANK;
    else if (sm_str_eq_c(u, "reject"))
        ret->unmatched = SM_UNMATCHED_REJECT;
    struct sp_vec v = {NULL, 0, 0};
    while (rest.p && sm_str_word(&rest, &name)) {
        const struct sm_codelist *c = sp_list(l, name);
        if (c == NULL) {
            sp_unknown(l, sp_at_attr(n, "codelist", 1), "codelist", name,
                       sm_ct_nearest_list(l->s->ct, name));
            continue;
        }
        const struct sm_codelist **to = sp_push(l, &v, sizeof *to);
        if (to) *to = c;
    }
    ret->list = v.p;
    ret->nlist = v.n;
}

void sp_terms_check(struct sp_load *l, const xmlNode *n, const struct sm_terms *t,
                    struct sm_str value) {
    if (t->nlist == 0 || value.n == 0) return;
    const struct sm_term *term;
    bool extensible = false;
    struct sm_str near = {NULL, 0};
    for (uint32_t i = 0; i < t->nlist; i++) {
        if (sm_ct_find(t->list[i], value, &term) != SM_CT_NONE) return;
        extensible = extensible || t->list[i]->extensible;
        if (near.p == NULL) near = sm_ct_nearest_term(t->list[i], value);
    }
    char mend[300] = "use a term of the list, or add it to the study's own codelist";
    if (near.p) (void)snprintf(mend, sizeof mend, "did you mean '%.*s'?", SM_STR_FMT(near));
    sp_say(l, extensible ? SM_D_EXTENDED_TERM : SM_D_UNKNOWN_TERM, sp_at_attr(n, "value", 1),
           &(struct sp_about){.mend = mend}, "'%.*s' is not in the %scodelist %.*s",
           SM_STR_FMT(value), extensible ? "extensible " : "", SM_STR_FMT(t->list[0]->name));
}

/* ---- recodes --------------------------------------------------------------------------------- */

static void tables_recode_add(struct sp_load *l, struct sm_recode *r, struct sm_where at,
                              struct sm_str from, struct sm_str to) {
    sm_val key = tables_val(l, from), val = tables_val(l, to), *old;
    if (!tables_add(l, r->map, &key, &val, &old) || old == NULL || *old == val) return;
    struct sm_valbuf buf;
    struct sm_str was = sm_val_text(l->s->texts, *old, &buf);
    sp_say(l, SM_D_MAPPING_INVALID, at, &(struct sp_about){.mend = "remove one of the two"},
           "'%.*s' is mapped twice, to '%.*s' and to '%.*s'", SM_STR_FMT(from), SM_STR_FMT(was),
           SM_STR_FMT(to));
}

static bool tables_only(struct sp_load *l, const xmlNode *n, const struct sp_csv *csv,
                        const struct sp_csv_row *row) {
    for (const xmlNode *o = sp_first(n); o; o = sp_next(o)) {
        uint32_t c = sp_csv_column(l, csv, sp_at_attr(o, "column", 1), sp_word(o, "column"));
        if (c == SM_NO || !sm_str_eq(row->cell[c], sp_word(o, "value"))) return false;
    }
    return true;
}

static void tables_recode_file(struct sp_load *l, const xmlNode *n, struct sm_recode *r) {
    struct sp_csv csv;
    if (!sp_csv_file(l, n, &csv)) return;
    if (!sp_has(n, "from") || !sp_has(n, "to")) {
        sp_say(l, SM_D_MAPPING_INVALID, sp_at(n), NULL,
               "<recode file=> needs from= and to=, the columns of the file");
        return;
    }
    uint32_t from = sp_csv_column(l, &csv, sp_at_attr(n, "from", 1), sp_word(n, "from"));
    uint32_t to = sp_csv_column(l, &csv, sp_at_attr(n, "to", 1), sp_word(n, "to"));
    if (from == SM_NO || to == SM_NO) return;
    for (uint32_t i = 1; i < csv.nrow && !l->failed; i++) {
        const struct sp_csv_row *row = &csv.row[i];
        if (tables_only(l, n, &csv, row))
            tables_recode_add(l, r, (struct sm_where){csv.file, row->line, 0}, row->cell[from],
                              row->cell[to]);
    }
}

static void tables_recode(struct sp_load *l, const struct sp_top *t) {
    const xmlNode *n = t->node;
    struct sm_str name = sp_word(n, "name");
    struct sm_recode *all = l->recodes.p;
    for (uint32_t i = 0; i < l->recodes.n; i++)
        if (sm_str_eq(all[i].name, name) && !tables_is_new(l, n, "recode", name, &all[i].where))
            return;
    struct sm_recode *r = sp_push(l, &l->recodes, sizeof *r);
    struct sp_named *named = sp_push(l, &l->recode_own, sizeof *named);
    if (r == NULL || named == NULL) return;
    struct sm_str u = sp_word(n, "unmatched");
    named->own = t->file->own;
    r->name = sp_dup(l, name);
    r->unmatched = sm_str_eq_c(u, "report")  ? SM_UNMATCHED_REPORT
                   : sm_str_eq_c(u, "blank") ? SM_UNMATCHED_BLANK
                                             : SM_UNMATCHED_KEEP;
    r->where = sp_at(n);
    r->map = sp_lut(l, 1, 1, sp_yes(n, "ignore-case", false));
    if (r->map == NULL) return;
    if (sp_has(n, "file")) {
        tables_recode_file(l, n, r);
        return;
    }
    for (const xmlNode *m = sp_first(n); m && !l->failed; m = sp_next(m))
        if (sp_is(m, "map"))
            tables_recode_add(l, r, sp_at(m), sp_word(m, "from"), sp_word(m, "to"));
}

void sp_recodes(struct sp_load *l) {
    const struct sp_top *t = l->tops.p;
    for (uint32_t i = 0; i < l->tops.n && !l->failed; i++)
        if (sp_is(t[i].node, "recode")) tables_recode(l, &t[i]);
}

/* By name, marked as used; the vector does not grow once names are asked for. */
#define SP_FIND(l, n, attr, vec, type, owns, what)                                                 \
    do {                                                                                           \
        struct sm_str want = sp_word(n, attr);                                                     \
        type *v = (l)->vec.p;                                                                      \
        struct sp_named *u = (l)->owns.p;                                                          \
        struct sp_near near = sp_near_start(want);                                                 \
        if (want.p == NULL) return NULL;                                                           \
        for (uint32_t i = 0; i < (l)->vec.n; i++) {                                                \
            if (sm_str_eq(v[i].name, want)) {                                                      \
                u[i].used = true;                                                                  \
                return &v[i];                                                                      \
            }                                                                                      \
            sp_near_try(&near, v[i].name);                                                         \
        }                                                                                          \
        sp_unknown(l, sp_at_attr(n, attr, 1), what, want, near.best);                              \
        return NULL;                                                                               \
    } while (0)

const struct sm_recode *sp_recode(struct sp_load *l, const xmlNode *n, const char *attr) {
    SP_FIND(l, n, attr, recodes, struct sm_recode, recode_own, "recode");
}

const struct sm_units *sp_unit_table(struct sp_load *l, const xmlNode *n, const char *attr) {
    SP_FIND(l, n, attr, units, struct sm_units, units_own, "units");
}

const struct sm_table *sp_table(struct sp_load *l, const xmlNode *n, const char *attr) {
    SP_FIND(l, n, attr, tables, struct sm_table, table_own, "table");
}

/* ---- tables ---------------------------------------------------------------------------------- */

static void tables_rows(struct sp_load *l, const struct sp_csv *csv, struct sm_table *t,
                        const uint32_t *from, struct sm_lut *lut) {
    uint32_t ncol = t->nkey + t->nval;
    sm_val *row = sm_arena_array(&l->own->scratch, ncol + 1, sizeof *row), *old;
    if (row == NULL) {
        sp_nomem(l);
        return;
    }
    for (uint32_t i = 1; i < csv->nrow; i++) {
        for (uint32_t c = 0; c < ncol; c++)
            row[c] = tables_val(l, csv->row[i].cell[from[c]]);
        if (!tables_add(l, lut, row, row + t->nkey, &old)) return;
        if (old)
            sp_say(l, SM_D_MAPPING_INVALID, (struct sm_where){csv->file, csv->row[i].line, 0},
                   &(struct sp_about){.mend = "remove one of the rows, or add a key column"},
                   "table '%.*s' has two rows for the key '%.*s'%s", SM_STR_FMT(t->name),
                   SM_STR_FMT(csv->row[i].cell[from[0]]), t->nkey > 1 ? " ..." : "");
    }
}

/* Key columns first, then the others in their order. */
static bool tables_columns(struct sp_load *l, const xmlNode *n, const struct sp_csv *csv,
                           struct sm_table *t, uint32_t **ret_from) {
    uint32_t ncol = csv->row[0].n;
    uint32_t *from = sp_alloc(l, ncol, sizeof *from);
    struct sm_str *name = sp_alloc(l, ncol, sizeof *name), rest = sp_attr(n, "key"), word;
    bool *is_key = sp_alloc(l, ncol, sizeof *is_key);
    if (from == NULL || name == NULL || is_key == NULL) return false;
    bool good = true;
    while (rest.p && sm_str_word(&rest, &word)) {
        uint32_t c = sp_csv_column(l, csv, sp_at_attr(n, "key", 1), word);
        if (c == SM_NO || is_key[c]) {
            good = false;
            continue;
        }
        is_key[c] = true;
        from[t->nkey++] = c;
    }
    uint32_t k = t->nkey;
    for (uint32_t c = 0; c < ncol; c++)
        if (!is_key[c]) from[k++] = c;
    for (uint32_t c = 0; c < ncol; c++)
        name[c] = csv->row[0].cell[from[c]];
    t->key = name;
    t->val = name + t->nkey;
    t->nval = ncol - t->nkey;
    *ret_from = from;
    if (good && t->nkey == 0) {
        sp_say(l, SM_D_MAPPING_INVALID, sp_at(n), NULL, "table '%.*s' has no key column",
               SM_STR_FMT(t->name));
        good = false;
    }
    return good;
}

static void tables_table(struct sp_load *l, const struct sp_top *top) {
    const xmlNode *n = top->node;
    struct sm_str name = sp_word(n, "name");
    struct sm_table *all = l->tables.p;
    for (uint32_t i = 0; i < l->tables.n; i++)
        if (sm_str_eq(all[i].name, name) && !tables_is_new(l, n, "table", name, &all[i].where))
            return;
    struct sm_table *t = sp_push(l, &l->tables, sizeof *t);
    struct sp_named *named = sp_push(l, &l->table_own, sizeof *named);
    if (t == NULL || named == NULL) return;
    named->own = top->file->own;
    t->name = sp_dup(l, name);
    t->where = sp_at(n);
    t->lut = l->tables.n - 1;
    struct sp_csv csv;
    uint32_t *from;
    struct sm_str delimiter = sp_attr(n, "delimiter");
    char d = delimiter.n == 0 ? ',' : sm_str_eq_c(delimiter, "tab") ? '\t' : delimiter.p[0];
    bool good = sp_has(n, "file")
                    ? sp_csv_file(l, n, &csv)
                    : sp_csv_text(l, t->where, sp_text(l, n), sp_text_line(n), d, &csv);
    good = good && tables_columns(l, n, &csv, t, &from);
    struct sm_lut *lut = sp_lut(l, t->nkey ? t->nkey : 1, t->nval, sp_yes(n, "ignore-case", false));
    if (lut == NULL) return;
    if (good) tables_rows(l, &csv, t, from, lut);
    struct sm_lut **slot = sp_push(l, &l->luts, sizeof *slot);
    if (slot) *slot = lut;
}

void sp_tables(struct sp_load *l) {
    const struct sp_top *t = l->tops.p;
    for (uint32_t i = 0; i < l->tops.n && !l->failed; i++)
        if (sp_is(t[i].node, "table")) tables_table(l, &t[i]);
}

/* ---- units ----------------------------------------------------------------------------------- */

/* What one row says, from an element or from a line of a file. */
struct unit_row {
    struct sm_str test, from, to, factor, divide, offset, digits;
    struct sm_where where;
};

static const struct sm_dec *units_dec(struct sp_load *l, struct sm_where at, struct sm_str s,
                                      const char *what) {
    s = sm_str_trim(s);
    if (s.n == 0) return NULL;
    struct sm_dec *d = sm_dec_parse(s), **slot;
    if (d == NULL && sm_dec_is(s)) {
        sp_nomem(l);
        return NULL;
    }
    if (d == NULL) {
        sp_say(l, SM_D_MAPPING_INVALID, at,
               &(struct sp_about){.mend = "write a decimal or a fraction such as 5/9"},
               "%s '%.*s' is not a number", what, SM_STR_FMT(s));
        return NULL;
    }
    slot = sp_push(l, &l->own->decs, sizeof *slot);
    if (slot == NULL) {
        sm_dec_free(d);
        return NULL;
    }
    *slot = d;
    return d;
}

/* factor / divide as one fraction. */
static struct sm_str units_factor(struct sp_load *l, const struct unit_row *r) {
    struct sm_str f = sm_str_trim(r->factor), d = sm_str_trim(r->divide);
    if (d.n == 0) return f;
    size_t slash = sm_str_find_byte(f, '/', 0);
    int zero;
    if (!sm_dec_cmp(d, SM_STR("0"), &zero) || zero == 0) {
        sp_say(l, SM_D_MAPPING_INVALID, r->where, NULL,
               "divide '%.*s' is not a number other than 0", SM_STR_FMT(d));
        return f;
    }
    if (f.n == 0) return sp_printf(l, "1/%.*s", SM_STR_FMT(d));
    if (slash == SIZE_MAX) return sp_printf(l, "%.*s/%.*s", SM_STR_FMT(f), SM_STR_FMT(d));
    char out[512];
    size_t n;
    if (!sm_dec_arith('*', sm_str_n(f.p + slash + 1, f.n - slash - 1), d, out, sizeof out, &n))
        return f;
    return sp_printf(l, "%.*s/%.*s", (int)slash, f.p, (int)n, out);
}

static void units_add(struct sp_load *l, struct sm_units *u, struct sp_vec *rows,
                      const struct unit_row *r) {
    struct sm_convert *c = sp_push(l, rows, sizeof *c);
    if (c == NULL) return;
    struct sm_str test = sm_str_trim(r->test);
    c->test = tables_val(l, test);
    c->from = tables_val(l, sm_str_trim(r->from));
    c->to = tables_val(l, sm_str_trim(r->to));
    c->factor = units_dec(l, r->where, units_factor(l, r), "factor");
    c->offset = units_dec(l, r->where, r->offset, "offset");
    c->digits = -1;
    c->where = r->where;
    uint64_t digits;
    struct sm_str ds = sm_str_trim(r->digits);
    if (ds.n) {
        if (sm_str_to_u64(ds, &digits) && digits <= 30)
            c->digits = (int)digits;
        else
            sp_say(l, SM_D_MAPPING_INVALID, r->where, NULL,
                   "digits '%.*s' is not a number from 0 to 30", SM_STR_FMT(ds));
    }
    sm_val key[2] = {c->test, c->from}, row = sm_val_from_i64(l->s->in, (int64_t)rows->n - 1), *old;
    if (!tables_add(l, u->index, key, &row, &old)) return;
    if (old)
        sp_say(l, SM_D_MAPPING_INVALID, r->where,
               &(struct sp_about){.mend = "remove one of the rows"},
               "units '%.*s' convert '%.*s' twice for test '%.*s'", SM_STR_FMT(u->name),
               SM_STR_FMT(sm_str_trim(r->from)), SM_STR_FMT(test));
    if (c->test == SM_MISSING)
        u->any_test = true;
    else
        (void)tables_add(l, u->tests, &c->test, NULL, &old);
}

static void units_from_file(struct sp_load *l, const xmlNode *n, struct sm_units *u,
                            struct sp_vec *rows) {
    static const char *const attrs[] = {"test",   "from",   "to",           "factor",
                                        "divide", "offset", "digits-column"};
    uint32_t col[SM_ARRAY_LEN(attrs)];
    struct sp_csv csv;
    if (!sp_csv_file(l, n, &csv)) return;
    for (size_t i = 0; i < SM_ARRAY_LEN(attrs); i++) {
        col[i] = SM_NO;
        if (!sp_has(n, attrs[i])) continue;
        col[i] = sp_csv_column(l, &csv, sp_at_attr(n, attrs[i], 1), sp_word(n, attrs[i]));
        if (col[i] == SM_NO) return;
    }
    if (col[1] == SM_NO || col[2] == SM_NO) {
        sp_say(l, SM_D_MAPPING_INVALID, sp_at(n), NULL,
               "<units file=> needs from= and to=, the columns of the file");
        return;
    }
    for (uint32_t i = 1; i < csv.nrow && !l->failed; i++) {
        struct sm_str v[SM_ARRAY_LEN(attrs)];
        for (size_t k = 0; k < SM_ARRAY_LEN(attrs); k++)
            v[k] = col[k] == SM_NO ? (struct sm_str){NULL, 0} : csv.row[i].cell[col[k]];
        units_add(l, u, rows,
                  &(struct unit_row){
                      v[0], v[1], v[2], v[3], v[4], v[5], v[6], {csv.file, csv.row[i].line, 0}});
    }
}

static void units_one(struct sp_load *l, const struct sp_top *t) {
    const xmlNode *n = t->node;
    struct sm_str name = sp_word(n, "name"), round = sp_word(n, "round");
    struct sm_units *all = l->units.p;
    for (uint32_t i = 0; i < l->units.n; i++)
        if (sm_str_eq(all[i].name, name) && !tables_is_new(l, n, "units", name, &all[i].where))
            return;
    struct sm_units *u = sp_push(l, &l->units, sizeof *u);
    struct sp_named *named = sp_push(l, &l->units_own, sizeof *named);
    if (u == NULL || named == NULL) return;
    named->own = t->file->own;
    u->name = sp_dup(l, name);
    u->where = sp_at(n);
    u->round = sm_str_eq_c(round, "half-even") ? SM_ROUND_HALF_EVEN
               : sm_str_eq_c(round, "down")    ? SM_ROUND_DOWN
                                               : SM_ROUND_HALF_UP;
    uint64_t digits;
    u->digits = sm_str_to_u64(sp_word(n, "digits"), &digits) && digits <= 30 ? (int)digits : -1;
    u->index = sp_lut(l, 2, 1, false);
    u->tests = sp_lut(l, 1, 0, false);
    if (l->failed) return;
    struct sp_vec rows = {NULL, 0, 0};
    if (sp_has(n, "file")) units_from_file(l, n, u, &rows);
    for (const xmlNode *c = sp_first(n); c && !l->failed; c = sp_next(c))
        if (sp_is(c, "convert"))
            units_add(l, u, &rows,
                      &(struct unit_row){sp_attr(c, "test"), sp_attr(c, "from"), sp_attr(c, "to"),
                                         sp_attr(c, "factor"), sp_attr(c, "divide"),
                                         sp_attr(c, "offset"), sp_attr(c, "digits"), sp_at(c)});
    u->convert = rows.p;
    u->nconvert = rows.n;
}

void sp_units(struct sp_load *l) {
    const struct sp_top *t = l->tops.p;
    for (uint32_t i = 0; i < l->tops.n && !l->failed; i++)
        if (sp_is(t[i].node, "units")) units_one(l, &t[i]);
}
