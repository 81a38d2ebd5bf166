/* SPDX-License-Identifier: MIT */
/* Sources: canonical columns, and how each file supplies every one of them. */
#include <iconv.h>

#include "spec/spec_priv.h"

#include "sdtmill/err.h"
#include "sdtmill/utf8.h"

/* ---- shared ---------------------------------------------------------------------------------- */

void sp_habits(struct sp_load *l, const xmlNode *n, struct sp_habits *h) {
    const struct {
        const char *name;
        struct sm_str *to;
    } attrs[] = {
        {"dates", &h->dates},     {"times", &h->times},     {"locale", &h->locale},
        {"unknown", &h->unknown}, {"missing", &h->missing}, {"group", &h->group},
    };
    for (size_t i = 0; i < SM_ARRAY_LEN(attrs); i++)
        if (sp_has(n, attrs[i].name)) *attrs[i].to = sp_dup(l, sp_attr(n, attrs[i].name));
    uint64_t century;
    if (sp_has(n, "century-cutoff")) {
        if (sm_str_to_u64(sp_word(n, "century-cutoff"), &century) && century <= 99)
            h->century = (int)century;
        else
            sp_say(l, SM_D_MAPPING_INVALID, sp_at_attr(n, "century-cutoff", 1), NULL,
                   "century-cutoff= is a year from 0 to 99");
    }
    struct sm_str d = sp_word(n, "decimal");
    if (d.n == 1) h->decimal = d.p[0];
}

const struct sm_dtc_pattern *sp_pattern(struct sp_load *l, const xmlNode *n, const char *attr,
                                        struct sm_str formats, struct sm_str locale) {
    struct sp_pattern *v = l->patterns.p;
    for (uint32_t i = 0; i < l->patterns.n; i++)
        if (sm_str_eq(v[i].formats, formats) && sm_str_cmp(v[i].locale, locale) == 0)
            return v[i].pattern;
    struct sm_err e;
    sm_err_reset(&e);
    struct sm_str loc = sp_dup(l, locale);
    const struct sm_dtc_pattern *p =
        sm_dtc_pattern_compile(l->a, formats, loc.n ? loc.p : NULL, &e);
    if (p == NULL && e.code == SM_ENOMEM) sp_nomem(l);
    if (p == NULL && !l->failed) {
        const char *where = sp_has(n, attr) ? attr : "locale";
        sp_say(l, SM_D_MAPPING_INVALID, sp_at_attr(n, where, 1), NULL, "date format '%.*s': %s",
               SM_STR_FMT(formats), e.text);
        return NULL;
    }
    struct sp_pattern *slot = sp_push(l, &l->patterns, sizeof *slot);
    if (slot) *slot = (struct sp_pattern){sp_dup(l, formats), loc, p};
    return p;
}

uint32_t sp_column(const struct sm_source *s, struct sm_str name) {
    for (uint32_t i = 0; i < s->ncolumn; i++)
        if (sm_str_eq(s->column[i].name, name)) return i;
    return SM_NO;
}

struct sm_str sp_column_nearest(const struct sm_source *s, struct sm_str name) {
    struct sp_near near = sp_near_start(name);
    for (uint32_t i = 0; i < s->ncolumn; i++)
        sp_near_try(&near, s->column[i].name);
    return near.best;
}

struct sm_source *sp_source(struct sp_load *l, const xmlNode *n, const char *attr,
                            uint32_t *ret_index) {
    struct sm_source *v = l->sources.p;
    struct sm_str name = sp_word(n, attr);
    struct sp_near near = sp_near_start(name);
    *ret_index = SM_NO;
    if (name.p == NULL) return NULL;
    for (uint32_t i = 0; i < l->sources.n; i++) {
        if (sm_str_eq(v[i].name, name)) {
            *ret_index = i;
            return &v[i];
        }
        sp_near_try(&near, v[i].name);
    }
    sp_unknown(l, sp_at_attr(n, attr, 1), "source", name, near.best);
    return NULL;
}

bool sp_decimal(struct sp_load *l, const xmlNode *n, const char *attr, struct sm_str *ret) {
    struct sm_str s = sp_word(n, attr);
    *ret = (struct sm_str){NULL, 0};
    if (s.p == NULL) return false;
    if (!sm_num_parse(s, false, NULL)) {
        sp_say(l, SM_D_MAPPING_INVALID, sp_at_attr(n, attr, 1), NULL, "%s=\"%.*s\" is not a number",
               attr, SM_STR_FMT(s));
        return false;
    }
    *ret = sp_dup(l, s);
    return ret->p != NULL;
}

/* ---- canonical columns ----------------------------------------------------------------------- */

static void source_column(struct sp_load *l, const xmlNode *n, struct sm_column *c) {
    static const struct {
        const char *name;
        enum sm_col_type type;
    } types[] = {{"number", SM_COL_NUMBER},
                 {"result", SM_COL_RESULT},
                 {"date", SM_COL_DATE},
                 {"time", SM_COL_TIME}};
    struct sm_str type = sp_word(n, "type");
    c->name = sp_dup(l, sp_word(n, "name"));
    c->label = sp_dup(l, sp_word(n, "label"));
    for (size_t i = 0; i < SM_ARRAY_LEN(types); i++)
        if (sm_str_eq_c(type, types[i].name)) c->type = types[i].type;
    c->required = sp_yes(n, "required", false);
    c->optional = sp_yes(n, "optional", false);
    c->reject_invalid = sm_str_eq_c(sp_word(n, "invalid"), "reject");
    c->has_min = sp_decimal(l, n, "min", &c->min);
    c->has_max = sp_decimal(l, n, "max", &c->max);
    c->where = sp_at(n);
}

static void source_columns(struct sp_load *l, const xmlNode *n, struct sm_source *s) {
    struct sp_vec v = {NULL, 0, 0};
    for (const xmlNode *c = sp_first(n); c && !l->failed; c = sp_next(c)) {
        if (!sp_is(c, "column")) continue;
        struct sm_str name = sp_word(c, "name");
        s->column = v.p;
        s->ncolumn = v.n;
        uint32_t twice = sp_column(s, name);
        if (twice != SM_NO || v.n >= 2000) {
            sp_say(l, SM_D_MAPPING_INVALID, sp_at_attr(c, "name", 1), NULL,
                   twice != SM_NO ? "column '%.*s' is declared twice"
                                  : "more than 2000 columns, '%.*s' is one of them",
                   SM_STR_FMT(name));
            continue;
        }
        struct sm_column *slot = sp_push(l, &v, sizeof *slot);
        if (slot) source_column(l, c, slot);
    }
    s->column = v.p;
    s->ncolumn = v.n;
}

/* ---- keys ------------------------------------------------------------------------------------ */

static uint32_t source_key_column(struct sp_load *l, const xmlNode *n, const struct sm_source *s,
                                  const char *attr, struct sm_str name) {
    uint32_t c = sp_column(s, name);
    if (c != SM_NO) return c;
    if (sm_str_eq_c(name, "USUBJID")) return s->ncolumn;
    if (sm_str_eq_c(name, "SUBJID")) return s->ncolumn + 1;
    sp_unknown(l, sp_at_attr(n, attr, 1), "column of the source", name, sp_column_nearest(s, name));
    return SM_NO;
}

static const struct sm_key *source_key(struct sp_load *l, const xmlNode *n,
                                       const struct sm_source *s) {
    static const struct {
        const char *name;
        enum sm_dups dups;
    } dups[] = {{"keep", SM_DUPS_KEEP},
                {"first", SM_DUPS_FIRST},
                {"last", SM_DUPS_LAST},
                {"reject", SM_DUPS_REJECT}};
    struct sm_key *k = sp_alloc(l, 1, sizeof *k);
    if (k == NULL) return NULL;
    *k = (struct sm_key){.by = SM_NO, .dups = SM_DUPS_KEEP, .where = sp_at(n)};
    struct sm_str rest = sp_attr(n, "columns"), name, how = sp_word(n, "duplicates");
    struct sp_vec v = {NULL, 0, 0};
    while (rest.p && sm_str_word(&rest, &name)) {
        uint32_t c = source_key_column(l, n, s, "columns", name);
        uint32_t *slot = c == SM_NO ? NULL : sp_push(l, &v, sizeof *slot);
        if (slot) *slot = c;
    }
    k->column = v.p;
    k->ncolumn = v.n;
    bool known = how.p == NULL;
    for (size_t i = 0; i < SM_ARRAY_LEN(dups); i++)
        if (sm_str_eq_c(how, dups[i].name)) k->dups = dups[i].dups, known = true;
    if (sm_str_starts(how, SM_STR("last-by:"))) {
        k->dups = SM_DUPS_LAST_BY;
        k->by =
            source_key_column(l, n, s, "duplicates", sm_str_trim(sm_str_n(how.p + 8, how.n - 8)));
    } else if (!known) {
        sp_say(l, SM_D_MAPPING_INVALID, sp_at_attr(n, "duplicates", 1),
               &(struct sp_about){.mend = "write keep, first, last, reject or last-by:COLUMN"},
               "duplicates=\"%.*s\" is not one of its values", SM_STR_FMT(how));
    }
    return k;
}

static void source_keys(struct sp_load *l, const xmlNode *n, struct sm_source *s,
                        struct sm_column *column) {
    for (const xmlNode *c = sp_first(n); c && !l->failed; c = sp_next(c)) {
        if (!sp_is(c, "key")) continue;
        if (s->key) {
            sp_say(l, SM_D_MAPPING_INVALID, sp_at(c), NULL, "source '%.*s' has two keys",
                   SM_STR_FMT(s->name));
            continue;
        }
        s->key = source_key(l, c, s);
        for (uint32_t i = 0; s->key && i < s->key->ncolumn; i++)
            if (s->key->column[i] < s->ncolumn)
                column[s->key->column[i]].in_key = column[s->key->column[i]].used = true;
        if (s->key && s->key->by < s->ncolumn) column[s->key->by].used = true;
    }
}

/* ---- files ----------------------------------------------------------------------------------- */

struct source_file { /* one <file> while it is built */
    struct sp_load *l;
    struct sm_source *s;
    struct sm_file *f;
    struct sp_rawset raw;
    struct sp_habits habits;
    const xmlNode **said; /* [ncolumn] its <column> at file level */
    uint8_t *tall;        /* [ncolumn] supplied by the unpivot */
    const xmlNode *unpivot;
    const xmlNode *dialect; /* or NULL */
};

static void file_char(struct sp_load *l, const xmlNode *n, const char *attr, const char *word,
                      char other, const char *otherwise, char *ret) {
    struct sm_str s = sp_attr(n, attr);
    *ret = otherwise[0];
    if (s.p == NULL) return;
    if (sm_str_eq_c(s, word))
        *ret = other;
    else if (sm_str_eq_c(s, "\\t"))
        *ret = '\t';
    else if (s.n == 1)
        *ret = s.p[0];
    if ((s.n != 1 && *ret == otherwise[0] && !sm_str_eq_c(s, word)) || *ret == '\n' || *ret == '\r')
        sp_say(l, SM_D_MAPPING_INVALID, sp_at_attr(n, attr, 1), NULL,
               "%s=\"%.*s\" is neither one character nor '%s'", attr, SM_STR_FMT(s), word);
}

static void file_encoding(struct sp_load *l, const xmlNode *n, struct sm_file *f) {
    f->encoding = sp_has(n, "encoding") ? sp_dup(l, sp_word(n, "encoding")) : SM_STR("UTF-8");
    if (f->encoding.p == NULL || sm_str_eq_nocase(f->encoding, SM_STR("UTF-8"))) return;
    iconv_t cd = iconv_open("UTF-8", f->encoding.p);
    if (cd != (iconv_t)-1) {
        (void)iconv_close(cd);
        return;
    }
    sp_say(l, SM_D_UNKNOWN_NAME, sp_at_attr(n, "encoding", 1),
           &(struct sp_about){
               .mend = "write a name that iconv -l lists, such as ISO-8859-1 or windows-1252"},
           "no encoding '%.*s'", SM_STR_FMT(f->encoding));
}

static void file_path(struct sp_load *l, const xmlNode *n, struct sm_file *f) {
    f->path = sp_dup(l, sp_word(n, "path"));
    struct sm_str rest = f->path, piece;
    bool bad = f->path.n && f->path.p[0] == '/';
    while (sm_str_split(&rest, '/', &piece))
        bad = bad || sm_str_eq_c(piece, "..");
    if (bad)
        sp_say(l, SM_D_MAPPING_INVALID, sp_at_attr(n, "path", 1),
               &(struct sp_about){.mend = "write the path below the raw folder"},
               "path '%.*s' leaves the raw folder", SM_STR_FMT(f->path));
}

/* The element whose attribute is in force: the file, else its dialect. */
static const xmlNode *file_who(const struct source_file *w, const xmlNode *n, const char *attr) {
    return !sp_has(n, attr) && w->dialect && sp_has(w->dialect, attr) ? w->dialect : n;
}

static const xmlNode *file_said_by(const struct source_file *w, const xmlNode *n,
                                   const char *attr) {
    const xmlNode *who = file_who(w, n, attr);
    if (!sp_has(who, attr)) who = file_who(w, n, "locale");
    return sp_has(who, attr) || sp_has(who, "locale") ? who : w->l->study;
}

static void file_dialect(struct source_file *w, const xmlNode *n) {
    struct sm_str name = sp_word(n, "dialect");
    struct sp_near near = sp_near_start(name);
    struct sp_dialect *v = w->l->dialects.p;
    if (name.p == NULL) return;
    for (uint32_t i = 0; i < w->l->dialects.n; i++) {
        sp_near_try(&near, v[i].name);
        if (!sm_str_eq(v[i].name, name)) continue;
        v[i].used = true;
        w->dialect = v[i].node;
        return;
    }
    sp_unknown(w->l, sp_at_attr(n, "dialect", 1), "dialect", name, near.best);
}

/* One sign for both would make 1,5 and 1,500 numbers that nobody wrote. */
static void signs_differ(struct sp_load *l, const xmlNode *n, const struct sp_habits *h) {
    if (!h->group.n || !memchr(h->group.p, h->decimal, h->group.n)) return;
    sp_say(l, SM_D_MAPPING_INVALID, sp_at(n), NULL,
           "decimal and group are the same character '%c'", h->decimal);
}

static void file_attrs(struct source_file *w, const xmlNode *n) {
    struct sp_load *l = w->l;
    struct sm_file *f = w->f;
    uint64_t number;
    f->where = sp_at(n);
    file_path(l, n, f);
    file_char(l, file_who(w, n, "delimiter"), "delimiter", "tab", '\t', ",", &f->delimiter);
    file_char(l, file_who(w, n, "quote"), "quote", "none", '\0', "\"", &f->quote);
    if (f->delimiter == f->quote)
        sp_say(l, SM_D_MAPPING_INVALID, sp_at(n), NULL,
               "delimiter and quote are the same character");
    file_encoding(l, file_who(w, n, "encoding"), f);
    f->header =
        sm_str_to_u64(sp_word(file_who(w, n, "header"), "header"), &number) ? (uint32_t)number : 1;
    f->skip =
        sm_str_to_u64(sp_word(file_who(w, n, "skip"), "skip"), &number) ? (uint32_t)number : 0;
    f->footer = sp_dup(l, sp_attr(n, "footer"));
    f->optional = sp_yes(n, "optional", false);
    w->habits = l->habits;
    if (w->dialect) sp_habits(l, w->dialect, &w->habits);
    sp_habits(l, n, &w->habits);
    signs_differ(l, n, &w->habits);
    f->rules = (struct sm_dtc_rules){w->habits.unknown, w->habits.century};
    f->dates =
        sp_pattern(l, file_said_by(w, n, "dates"), "dates", w->habits.dates, w->habits.locale);
    f->times = sp_pattern(l, file_said_by(w, n, "times"), "times", w->habits.times,
                          (struct sm_str){NULL, 0});
}

/* What is in force for a column: its own, else the file's. said may be NULL. */
static void file_force(struct source_file *w, const xmlNode *said, struct sm_filecol *c) {
    struct sp_load *l = w->l;
    struct sp_habits h = w->habits;
    enum sm_col_type type = w->s->column[c->column].type;
    if (said) {
        sp_habits(l, said, &h);
        if (sp_has(said, "decimal") || sp_has(said, "group")) signs_differ(l, said, &h);
        if (sp_has(said, "recode")) c->recode = sp_recode(l, said, "recode");
    }
    c->missing = h.missing;
    c->decimal = h.decimal;
    c->group = h.group;
    bool own = said && (sp_has(said, "dates") || sp_has(said, "locale"));
    if (type == SM_COL_DATE)
        c->dates = own ? sp_pattern(l, said, "dates", h.dates, h.locale) : w->f->dates;
    if (type == SM_COL_TIME)
        c->dates = own && sp_has(said, "dates") ? sp_pattern(l, said, "dates", h.dates, h.locale)
                                                : w->f->times;
}

static void file_expr(struct source_file *w, const xmlNode *n, struct sm_filecol *c) {
    struct sp_scope scope = {.l = w->l, .kind = SP_SCOPE_RAW, .raw = &w->raw};
    const struct sm_slot *in;
    c->how = SM_SUPPLY_EXPR;
    c->expr = sp_expr(&scope, n, "expr");
    c->raw = c->expr && sm_expr_inputs(c->expr, &in) ? in[0].index : SM_NO;
}

/* How one canonical column is supplied; said NULL = by the header of its name. */
static struct sm_filecol file_col(struct source_file *w, uint32_t column, const xmlNode *said) {
    struct sm_filecol c = {
        .column = column, .raw = SM_NO, .where = said ? sp_at(said) : w->f->where};
    int ways = said ? sp_has(said, "from") + sp_has(said, "value") + sp_has(said, "expr") : 0;
    if (ways > 1)
        sp_say(w->l, SM_D_MAPPING_INVALID, c.where, NULL,
               "a column has one of from=, value= and expr=");
    if (said && sp_has(said, "value")) {
        struct sm_str v = sp_word(said, "value");
        c.how = v.n ? SM_SUPPLY_VALUE : SM_SUPPLY_ABSENT;
        c.value = sm_val_make(w->l->s->in, v);
    } else if (said && sp_has(said, "expr")) {
        file_expr(w, said, &c);
    } else {
        c.how = SM_SUPPLY_HEADER;
        c.implied = ways == 0;
        c.raw = sp_raw(w->l, &w->raw, ways ? sp_word(said, "from") : w->s->column[column].name);
    }
    file_force(w, said, &c);
    return c;
}

/* The <column> elements of a <file> or of an unpivot's <from>, by canonical column. */
static void file_said(struct source_file *w, const xmlNode *n, const xmlNode **said) {
    for (const xmlNode *c = sp_first(n); c; c = sp_next(c)) {
        if (!sp_is(c, "column")) continue;
        struct sm_str name = sp_word(c, "name");
        uint32_t k = sp_column(w->s, name);
        if (k == SM_NO) {
            sp_unknown(w->l, sp_at_attr(c, "name", 1), "column of the source", name,
                       sp_column_nearest(w->s, name));
        } else if (said[k]) {
            sp_say(w->l, SM_D_MAPPING_INVALID, sp_at(c), NULL, "column '%.*s' is supplied twice",
                   SM_STR_FMT(name));
        } else {
            said[k] = c;
        }
    }
}

/* ---- unpivot --------------------------------------------------------------------------------- */

static uint32_t unpivot_target(struct source_file *w, const char *attr) {
    struct sm_str name = sp_word(w->unpivot, attr);
    if (name.p == NULL) return SM_NO;
    uint32_t c = sp_column(w->s, name);
    if (c == SM_NO)
        sp_unknown(w->l, sp_at_attr(w->unpivot, attr, 1), "column of the source", name,
                   sp_column_nearest(w->s, name));
    else
        w->tall[c] = 1;
    return c;
}

/* Columns at file level say how a column of the unpivot is read only when they do not say whence.
 */
static void unpivot_clash(struct source_file *w, uint32_t c) {
    const xmlNode *said = w->said[c];
    if (said == NULL || !(sp_has(said, "from") || sp_has(said, "value") || sp_has(said, "expr")))
        return;
    sp_say(w->l, SM_D_MAPPING_INVALID, sp_at(said), NULL,
           "column '%.*s' is supplied by the file and by its <unpivot>",
           SM_STR_FMT(w->s->column[c].name));
}

struct unpivot_to {
    uint32_t name, value, unit;
};

static struct sm_filecol unpivot_col(struct source_file *w, const xmlNode *from,
                                     const struct unpivot_to *to, uint32_t c, const xmlNode *said) {
    struct sm_filecol r = {.column = c, .raw = SM_NO, .where = sp_at(from)};
    if (c == to->value) {
        r.how = SM_SUPPLY_HEADER;
        r.raw = sp_raw(w->l, &w->raw, sp_word(from, "column"));
        file_force(w, w->said[c], &r);
        return r;
    }
    if (c != to->name && c != to->unit) return file_col(w, c, said);
    struct sm_str v = sp_word(from, c == to->name ? "name" : "unit");
    r.how = v.n ? SM_SUPPLY_VALUE : SM_SUPPLY_ABSENT;
    r.value = sm_val_make(w->l->s->in, v);
    file_force(w, w->said[c], &r);
    return r;
}

static void unpivot_from(struct source_file *w, const xmlNode *n, const struct unpivot_to *to,
                         struct sm_unpivot_from *ret) {
    uint32_t k = 0;
    if (!sp_budget(w->l, w->s->ncolumn, sp_at(n))) return;
    const xmlNode **said = sp_alloc(w->l, w->s->ncolumn, sizeof *said);
    if (said == NULL) return;
    file_said(w, n, said);
    for (uint32_t c = 0; c < w->s->ncolumn; c++)
        k += w->tall[c];
    struct sm_filecol *col = sp_alloc(w->l, k, sizeof *col);
    if (col == NULL) return;
    *ret =
        (struct sm_unpivot_from){.col = col, .ncol = k, .value_col = to->value, .where = sp_at(n)};
    k = 0;
    for (uint32_t c = 0; c < w->s->ncolumn; c++) {
        if (!w->tall[c]) continue;
        if (said[c] && (c == to->name || c == to->value || c == to->unit))
            sp_say(w->l, SM_D_MAPPING_INVALID, sp_at(said[c]), NULL,
                   "column '%.*s' is supplied twice", SM_STR_FMT(w->s->column[c].name));
        col[k++] = unpivot_col(w, n, to, c, said[c]);
    }
}

static void file_unpivot(struct source_file *w) {
    struct sp_load *l = w->l;
    struct unpivot_to to;
    to.name = unpivot_target(w, "name");
    to.value = unpivot_target(w, "value");
    to.unit = unpivot_target(w, "unit");
    if (to.name == SM_NO || to.value == SM_NO) return;
    uint32_t n = 0;
    for (const xmlNode *f = sp_first(w->unpivot); f; f = sp_next(f), n++)
        for (const xmlNode *c = sp_first(f); c; c = sp_next(c)) {
            uint32_t k = sp_column(w->s, sp_word(c, "name"));
            if (k != SM_NO) w->tall[k] = 1;
        }
    for (uint32_t c = 0; c < w->s->ncolumn; c++)
        if (w->tall[c]) unpivot_clash(w, c);
    struct sm_unpivot_from *from = sp_alloc(l, n, sizeof *from);
    struct sm_unpivot *u = sp_alloc(l, 1, sizeof *u);
    if (from == NULL || u == NULL) return;
    n = 0;
    for (const xmlNode *f = sp_first(w->unpivot); f && !l->failed; f = sp_next(f))
        if (sp_is(f, "from")) unpivot_from(w, f, &to, &from[n++]);
    *u = (struct sm_unpivot){from, n, sp_yes(w->unpivot, "skip-empty", true)};
    w->f->unpivot = u;
    if (n == 0) sp_say(l, SM_D_MAPPING_INVALID, sp_at(w->unpivot), NULL, "<unpivot> has no <from>");
}

/* ---- the rest of a file ---------------------------------------------------------------------- */

static void file_name(struct sp_load *l, const xmlNode *n, struct sp_vec *v, struct sm_str name) {
    struct sm_str *slot = sp_budget(l, 1, sp_at(n)) ? sp_push(l, v, sizeof *slot) : NULL;
    if (slot) *slot = sp_dup(l, name);
}

static void file_names(struct sp_load *l, const xmlNode *n, struct sp_vec *v) {
    for (const xmlNode *c = sp_first(n); c; c = sp_next(c)) {
        if (!sp_is(c, "not-submitted")) continue;
        struct sm_str rest = sp_attr(c, "columns"), word, one = sp_word(c, "column");
        while (rest.p && !l->failed && sm_str_word(&rest, &word))
            file_name(l, n, v, word);
        if (one.n) file_name(l, n, v, one);
        if (!sp_has(c, "columns") && !sp_has(c, "column"))
            sp_say(l, SM_D_MAPPING_INVALID, sp_at(c), NULL,
                   "<not-submitted> needs columns= or column=");
    }
}

static void file_skips(struct source_file *w, const xmlNode *n) {
    struct sp_vec v = {NULL, 0, 0};
    struct sp_scope scope = {.l = w->l, .kind = SP_SCOPE_RAW, .raw = &w->raw};
    for (const xmlNode *c = sp_first(n); c && !w->l->failed; c = sp_next(c)) {
        if (!sp_is(c, "skip")) continue;
        struct sm_skip *s = sp_push(w->l, &v, sizeof *s);
        if (s)
            *s = (struct sm_skip){sp_expr(&scope, c, "when"), sp_dup(w->l, sp_word(c, "reason")),
                                  sp_at(c)};
    }
    w->f->skip_when = v.p;
    w->f->nskip_when = v.n;
}

static void file_children(struct source_file *w, const xmlNode *n) {
    for (const xmlNode *c = sp_first(n); c && !w->l->failed; c = sp_next(c)) {
        bool twice = (sp_is(c, "unpivot") && w->unpivot) || (sp_is(c, "key") && w->f->key);
        if (twice) {
            sp_say(w->l, SM_D_MAPPING_INVALID, sp_at(c), NULL, "<file> has two <%s>",
                   (const char *)c->name);
            continue;
        }
        if (sp_is(c, "unpivot")) w->unpivot = c;
        if (sp_is(c, "key")) w->f->key = source_key(w->l, c, w->s);
    }
}

/* The file's own key is compared before rows are made from columns. */
static void file_key_check(struct source_file *w) {
    const struct sm_key *k = w->f->key;
    for (uint32_t i = 0; k && i < k->ncolumn; i++) {
        uint32_t c = k->column[i];
        if (c >= w->s->ncolumn || !w->tall[c]) continue;
        sp_say(w->l, SM_D_MAPPING_INVALID, k->where,
               &(struct sp_about){.mend = "leave it out; a raw row has all of them"},
               "column '%.*s' comes from <unpivot>, which is applied after the file's key",
               SM_STR_FMT(w->s->column[c].name));
    }
}

/* What the file does not supply itself and its source has. */
static void file_dialect_columns(struct source_file *w) {
    for (const xmlNode *c = sp_first(w->dialect); c; c = sp_next(c)) {
        uint32_t k = sp_is(c, "column") ? sp_column(w->s, sp_word(c, "name")) : SM_NO;
        if (k == SM_NO || w->tall[k] || (w->said[k] && w->said[k]->parent != w->dialect)) continue;
        if (w->said[k])
            sp_say(w->l, SM_D_MAPPING_INVALID, sp_at(c), NULL, "column '%.*s' is supplied twice",
                   SM_STR_FMT(w->s->column[k].name));
        w->said[k] = c;
    }
}

static void source_file(struct sp_load *l, const xmlNode *n, struct sm_source *s,
                        struct sm_file *f) {
    struct source_file w = {.l = l, .s = s, .f = f};
    if (!sp_budget(l, s->ncolumn, sp_at(n))) return;
    w.said = sp_alloc(l, s->ncolumn, sizeof *w.said);
    w.tall = sp_alloc(l, s->ncolumn, 1);
    if (w.said == NULL || w.tall == NULL) return;
    file_dialect(&w, n);
    file_attrs(&w, n);
    file_said(&w, n, w.said);
    file_children(&w, n);
    if (w.unpivot) file_unpivot(&w);
    if (w.dialect) file_dialect_columns(&w);
    struct sm_filecol *col = sp_alloc(l, s->ncolumn, sizeof *col);
    if (col == NULL) return;
    for (uint32_t c = 0; c < s->ncolumn && !l->failed; c++)
        if (!w.tall[c]) col[f->ncol++] = file_col(&w, c, w.said[c]);
    f->col = col;
    file_key_check(&w);
    file_skips(&w, n);
    struct sp_vec gone = {NULL, 0, 0};
    file_names(l, n, &gone);
    file_names(l, n->parent, &gone);
    if (w.dialect) file_names(l, w.dialect, &gone);
    f->not_submitted = gone.p;
    f->nnot_submitted = gone.n;
    f->raw = w.raw.names.p;
    f->nraw = w.raw.names.n;
}

static void source_one(struct sp_load *l, const struct sp_top *t) {
    const xmlNode *n = t->node;
    struct sm_source *all = l->sources.p;
    struct sm_str name = sp_word(n, "name");
    for (uint32_t i = 0; i < l->sources.n; i++) {
        if (!sm_str_eq(all[i].name, name)) continue;
        sp_say(l, SM_D_MAPPING_INVALID, sp_at_attr(n, "name", 1),
               &(struct sp_about){.mend = "put all files into one source"},
               "source '%.*s' is defined twice; first at %.*s:%u", SM_STR_FMT(name),
               SM_STR_FMT(all[i].where.file), all[i].where.line);
        return;
    }
    struct sm_source *s = sp_push(l, &l->sources, sizeof *s);
    if (s == NULL) return;
    s->name = sp_dup(l, name);
    s->label = sp_dup(l, sp_word(n, "label"));
    s->where = sp_at(n);
    source_columns(l, n, s);
    source_keys(l, n, s, (struct sm_column *)(uintptr_t)s->column);
    struct sp_vec v = {NULL, 0, 0};
    for (const xmlNode *c = sp_first(n); c && !l->failed; c = sp_next(c)) {
        if (!sp_is(c, "file")) continue;
        struct sm_file *f = sp_push(l, &v, sizeof *f);
        if (f) source_file(l, c, s, f);
    }
    s->file = v.p;
    s->nfile = v.n;
    if (v.n == 0 && !l->failed)
        sp_say(l, SM_D_MAPPING_INVALID, s->where, NULL, "source '%.*s' has no <file>",
               SM_STR_FMT(name));
}

static void source_dialect(struct sp_load *l, const xmlNode *n) {
    struct sm_str name = sp_word(n, "name");
    struct sp_dialect *v = l->dialects.p;
    for (uint32_t i = 0; i < l->dialects.n; i++) {
        if (!sm_str_eq(v[i].name, name)) continue;
        struct sm_where first = sp_at(v[i].node);
        sp_say(l, SM_D_MAPPING_INVALID, sp_at_attr(n, "name", 1),
               &(struct sp_about){.mend = "rename or remove one of them"},
               "dialect '%.*s' is defined twice; first at %.*s:%u", SM_STR_FMT(name),
               SM_STR_FMT(first.file), first.line);
        return;
    }
    struct sp_dialect *d = sp_push(l, &l->dialects, sizeof *d);
    if (d) *d = (struct sp_dialect){sp_dup(l, name), n, false};
}

void sp_sources(struct sp_load *l) {
    const struct sp_top *t = l->tops.p;
    for (uint32_t i = 0; i < l->tops.n && !l->failed; i++)
        if (sp_is(t[i].node, "dialect")) source_dialect(l, t[i].node);
    for (uint32_t i = 0; i < l->tops.n && !l->failed; i++)
        if (sp_is(t[i].node, "source")) source_one(l, &t[i]);
}

/* ---- the subject ----------------------------------------------------------------------------- */

static const struct sm_expr *subject_expr(struct sp_load *l, struct sm_source *s,
                                          const xmlNode *own, const char *attr) {
    struct sp_scope scope = {.l = l, .kind = SP_SCOPE_SUBJECT, .source = s};
    const xmlNode *from = own && sp_has(own, attr) ? own : l->subject;
    if (from == NULL || sp_word(from, attr).n == 0) return NULL;
    /* a source that says whose rows it has need not fit the study's subjid= */
    if (from == l->subject && own && sp_has(own, "usubjid")) return NULL;
    if (from == l->subject)
        scope.why = sp_printf(
            l,
            "source '%.*s' (%.*s:%u) lacks it; say usubjid= there, usubjid=\"\" if its rows "
            "belong to no subject",
            SM_STR_FMT(s->name), SM_STR_FMT(s->where.file), s->where.line);
    return sp_expr(&scope, from, attr);
}

static xmlNode *subject_source_node(struct sp_load *l, const struct sm_source *s) {
    const struct sp_top *t = l->tops.p;
    for (uint32_t i = 0; i < l->tops.n; i++)
        if (sp_is(t[i].node, "source") && sm_str_eq(sp_word(t[i].node, "name"), s->name))
            return t[i].node;
    return NULL;
}

static void subject_find(struct sp_load *l) {
    const struct sp_top *t = l->tops.p;
    for (uint32_t i = 0; i < l->tops.n; i++) {
        if (!sp_is(t[i].node, "subject")) continue;
        if (l->subject)
            sp_say(l, SM_D_MAPPING_INVALID, sp_at(t[i].node), NULL, "<subject> is declared twice");
        else
            l->subject = t[i].node;
    }
}

void sp_subject(struct sp_load *l) {
    struct sm_source *v = l->sources.p;
    subject_find(l);
    for (uint32_t i = 0; i < l->sources.n && !l->failed; i++) {
        const xmlNode *own = subject_source_node(l, &v[i]);
        v[i].usubjid = subject_expr(l, &v[i], own, "usubjid");
        if (v[i].usubjid) v[i].subjid = subject_expr(l, &v[i], own, "subjid");
    }
    if (l->subject == NULL || !sp_has(l->subject, "source")) return;
    struct sm_str u = sp_word(l->subject, "unknown");
    l->s->unknown_subject = sm_str_eq_c(u, "report") ? SM_SUBJECT_REPORT
                            : sm_str_eq_c(u, "keep") ? SM_SUBJECT_KEEP
                                                     : SM_SUBJECT_REJECT;
    struct sm_source *s = sp_source(l, l->subject, "source", &l->s->subject_source);
    if (s) s->is_subject_source = s->used = true;
    if (s && s->usubjid == NULL)
        sp_say(l, SM_D_MAPPING_INVALID, sp_at_attr(l->subject, "source", 1), NULL,
               "source '%.*s' lists the subjects but has no usubjid", SM_STR_FMT(s->name));
}
