/* SPDX-License-Identifier: MIT */
/* What names mean in an expression or an attribute: headers of a file, columns of a source,
 * variables of the record, variables of finished domains, tables and lookups. Lookups and epochs
 * are built here too, being little more than expressions. */
#include "spec/spec_priv.h"

#include "sdtmill/err.h"
#include "sdtmill/hash.h"
#include "sdtmill/utf8.h"

static const struct sm_slot scope_none = {SM_SLOT_NONE, 0};

/* ---- who uses what --------------------------------------------------------------------------- */

void sp_edge(struct sp_load *l, uint32_t used, struct sm_where where) {
    enum { RECENT = 64 };
    if (l->step == SM_NO) return;
    const struct sp_edge *v = l->edges.p;
    uint32_t from = l->edges.n > RECENT ? l->edges.n - RECENT : 0;
    for (uint32_t i = from; i < l->edges.n; i++)
        if (v[i].user == l->step && v[i].used == used) return;
    struct sp_edge *e = sp_push(l, &l->edges, sizeof *e);
    if (e) *e = (struct sp_edge){l->step, used, where};
}

uint32_t sp_ref(struct sp_load *l, uint32_t domain, uint32_t var) {
    struct sm_ref *v = l->refs.p;
    for (uint32_t i = 0; i < l->refs.n; i++)
        if (v[i].domain == domain && v[i].var == var) return i;
    struct sm_ref *r = sp_push(l, &l->refs, sizeof *r);
    if (r == NULL) return 0;
    *r = (struct sm_ref){domain, var};
    return l->refs.n - 1;
}

/* ---- names ----------------------------------------------------------------------------------- */

uint32_t sp_raw(struct sp_load *l, struct sp_rawset *r, struct sm_str name) {
    if (r->names.n * 2 >= r->nslot) {
        uint32_t n = r->nslot ? r->nslot * 2 : 64;
        uint32_t *slot = sp_alloc(l, n, sizeof *slot);
        if (slot == NULL) return SM_NO;
        const struct sm_str *v = r->names.p;
        for (uint32_t i = 0; i < r->names.n; i++) {
            uint32_t h = (uint32_t)sm_hash(v[i].p, v[i].n) & (n - 1);
            while (slot[h])
                h = (h + 1) & (n - 1);
            slot[h] = i + 1;
        }
        r->slot = slot;
        r->nslot = n;
    }
    const struct sm_str *v = r->names.p;
    uint32_t h = (uint32_t)sm_hash(name.p, name.n) & (r->nslot - 1);
    for (; r->slot[h]; h = (h + 1) & (r->nslot - 1))
        if (sm_str_eq(v[r->slot[h] - 1], name)) return r->slot[h] - 1;
    struct sm_str *add = sp_push(l, &r->names, sizeof *add);
    if (add == NULL) return SM_NO;
    *add = sp_dup(l, name);
    r->slot[h] = r->names.n;
    return r->names.n - 1;
}

static struct sm_slot scope_raw(struct sp_scope *c, struct sm_str name) {
    uint32_t i = sp_raw(c->l, c->raw, name);
    return i == SM_NO ? scope_none : (struct sm_slot){SM_SLOT_COLUMN, i};
}

static struct sm_slot scope_column(struct sp_scope *c, struct sm_str name, struct sp_near *near) {
    if (c->from_domain) {
        struct sm_domain *d = c->from_domain->d;
        uint32_t v = sp_var(d, name);
        if (v != SM_NO) return (struct sm_slot){SM_SLOT_COLUMN, v};
        for (uint32_t i = 0; i < d->nvar; i++)
            sp_near_try(near, d->var[i].name);
        return scope_none;
    }
    struct sm_source *s = c->source;
    if (s == NULL) return scope_none;
    uint32_t i = sp_column(s, name);
    if (i != SM_NO) {
        ((struct sm_column *)(uintptr_t)s->column)[i].used = true;
        return (struct sm_slot){SM_SLOT_COLUMN, i};
    }
    bool subject = c->kind != SP_SCOPE_SUBJECT && s->usubjid;
    if (subject && sm_str_eq_c(name, "USUBJID"))
        return (struct sm_slot){SM_SLOT_COLUMN, s->ncolumn};
    if (subject && sm_str_eq_c(name, "SUBJID"))
        return (struct sm_slot){SM_SLOT_COLUMN, s->ncolumn + 1};
    for (i = 0; i < s->ncolumn; i++)
        sp_near_try(near, s->column[i].name);
    return scope_none;
}

static struct sm_slot scope_var(struct sp_scope *c, struct sm_str name, struct sp_near *near) {
    if (c->dom == NULL || (c->kind != SP_SCOPE_RECORD && c->kind != SP_SCOPE_POST))
        return scope_none;
    const struct sm_domain *d = c->dom->d;
    uint32_t v = sp_var(d, name);
    if (v == SM_NO) {
        for (uint32_t i = 0; i < d->nvar; i++)
            sp_near_try(near, d->var[i].name);
        return scope_none;
    }
    if (c->no_vars) {
        c->why = SM_STR("a condition around a record sees columns only, the record's variables do "
                        "not exist yet");
        return scope_none;
    }
    if (c->dom->subjectwise[v] && !c->subjectwise) {
        c->why = SM_STR("it is derived over all records of a subject, after sorting, when this "
                        "rule has long run");
        return scope_none;
    }
    if (c->given && !c->given[v]) {
        c->why = c->kind == SP_SCOPE_POST ? SM_STR("its rule comes later")
                                          : SM_STR("no earlier rule of this record gives it");
        return scope_none;
    }
    return (struct sm_slot){SM_SLOT_VAR, v};
}

static struct sm_slot scope_param(struct sp_scope *c, struct sm_str name) {
    if (name.n && name.p[0] == '$') name.p++, name.n--;
    bool column = sm_str_eq_c(name, "column");
    if (!column && !sm_str_eq_c(name, "value")) {
        c->why = SM_STR("there are $value and $column");
        return scope_none;
    }
    if (!c->in_repeat) {
        c->why = SM_STR("$value and $column exist inside <repeat> only");
        return scope_none;
    }
    return (struct sm_slot){SM_SLOT_PARAM, column ? 1 : 0};
}

static struct sm_slot scope_ref(struct sp_scope *c, struct sm_str name, struct sp_near *near) {
    struct sp_load *l = c->l;
    size_t dot = sm_str_find_byte(name, '.', 0);
    if (dot == SIZE_MAX || c->kind == SP_SCOPE_RAW || c->kind == SP_SCOPE_SUBJECT) {
        c->why = SM_STR("other domains cannot be read here");
        return scope_none;
    }
    struct sm_str domain = sm_str_n(name.p, dot),
                  var = sm_str_n(name.p + dot + 1, name.n - dot - 1);
    uint32_t index;
    struct sp_dom *x = sp_domain_find(l, domain, &index);
    if (x == NULL) {
        c->why = sp_printf(l, "the study has no domain '%.*s'", SM_STR_FMT(domain));
        return scope_none;
    }
    if (x == c->dom && (c->kind == SP_SCOPE_RECORD || c->kind == SP_SCOPE_POST))
        return scope_var(c, var, near);
    uint32_t v = sp_var(x->d, var);
    if (v == SM_NO || x->var[v].supp) {
        struct sm_str best = sp_var_nearest(x->d, var);
        c->why = sp_printf(l, "no rule of %.*s gives '%.*s'%s%.*s%s", SM_STR_FMT(domain),
                           SM_STR_FMT(var), best.p ? "; did you mean '" : "", SM_STR_FMT(best),
                           best.p ? "'?" : "");
        return scope_none;
    }
    sp_edge(l, l->lookups.n + index, (struct sm_where){{NULL, 0}, 0, 0});
    return (struct sm_slot){SM_SLOT_REF, sp_ref(l, index, v)};
}

/* A header or column may hold a full stop too; a domain of the study goes first. */
static struct sm_slot scope_dotted(struct sp_scope *c, struct sm_str name, struct sp_near *near) {
    uint32_t index;
    size_t dot = sm_str_find_byte(name, '.', 0);
    if (c->kind == SP_SCOPE_RAW) return scope_raw(c, name);
    if (dot != SIZE_MAX && !sp_domain_find(c->l, sm_str_n(name.p, dot), &index)) {
        struct sm_slot s = scope_column(c, name, near);
        if (s.kind != SM_SLOT_NONE) return s;
    }
    return scope_ref(c, name, near);
}

static struct sm_slot scope_resolve(void *ctx, struct sm_str name, char force,
                                    struct sm_str *ret_nearest) {
    struct sp_scope *c = ctx;
    struct sp_near near = sp_near_start(name);
    struct sm_slot s = scope_none;
    if (force == '$')
        s = scope_param(c, name);
    else if (force == '.')
        s = scope_dotted(c, name, &near);
    else if (c->kind == SP_SCOPE_REFS && sm_str_eq_c(name, "USUBJID"))
        s = scope_ref(c, SM_STR("DM.USUBJID"), &near);
    else if (c->kind == SP_SCOPE_RAW)
        s = force == 'v' ? scope_none : scope_raw(c, name);
    else {
        if (force != 'v') s = scope_column(c, name, &near);
        if (s.kind == SM_SLOT_NONE && force != 'c') s = scope_var(c, name, &near);
    }
    if (s.kind == SM_SLOT_NONE) {
        c->unresolved = true;
        if (ret_nearest && !c->why.p) *ret_nearest = near.best;
    }
    return s;
}

static bool scope_table(void *ctx, struct sm_str name, struct sm_str column, uint32_t *ret_lut,
                        uint32_t *ret_nkey, uint32_t *ret_val, struct sm_str *ret_nearest) {
    struct sp_scope *c = ctx;
    struct sp_load *l = c->l;
    struct sp_near near = sp_near_start(name);
    const struct sm_table *t = l->tables.p;
    struct sp_named *used = l->table_own.p;
    for (uint32_t i = 0; i < l->tables.n; i++) {
        sp_near_try(&near, t[i].name);
        if (!sm_str_eq(t[i].name, name)) continue;
        used[i].used = true;
        *ret_lut = t[i].lut;
        *ret_nkey = t[i].nkey;
        *ret_val = 0;
        if (column.p == NULL && t[i].nval == 1) return true;
        if (column.p == NULL) {
            c->why = SM_STR("the table has several value columns: name one as the last argument");
            return false;
        }
        struct sp_near cols = sp_near_start(column);
        for (uint32_t k = 0; k < t[i].nval; k++) {
            *ret_val = k;
            if (sm_str_eq(t[i].val[k], column)) return true;
            sp_near_try(&cols, t[i].val[k]);
        }
        c->why = sp_printf(l, "table '%.*s' has no value column '%.*s'", SM_STR_FMT(name),
                           SM_STR_FMT(column));
        *ret_nearest = cols.best;
        return false;
    }
    const struct sm_lookup *k = l->lookups.p;
    used = l->lookup_own.p;
    for (uint32_t i = 0; i < l->lookups.n; i++) {
        sp_near_try(&near, k[i].name);
        if (!sm_str_eq(k[i].name, name)) continue;
        used[i].used = true;
        *ret_lut = l->tables.n + i;
        *ret_nkey = k[i].nkey;
        *ret_val = 0;
        sp_edge(l, i, (struct sm_where){{NULL, 0}, 0, 0});
        if (column.p)
            c->why = sp_printf(l, "lookup '%.*s' has one value and no columns", SM_STR_FMT(name));
        return column.p == NULL;
    }
    *ret_nearest = near.best;
    return false;
}

/* codelist('X', ...) and decode('X', ...) find their list inside the compiler, so use is seen in
 * the text. */
static void scope_lists(struct sp_load *l, struct sm_str text) {
    if (sm_str_find(text, SM_STR("code"), 0) == SIZE_MAX) return;
    struct sp_list *v = l->lists.p;
    for (uint32_t i = 0; i < l->lists.n; i++) {
        struct sm_str name = v[i].list->name;
        size_t at = v[i].used ? SIZE_MAX : sm_str_find(text, name, 0);
        for (; at != SIZE_MAX; at = sm_str_find(text, name, at + 1)) {
            bool quoted = at > 0 && at + name.n < text.n && text.p[at - 1] == text.p[at + name.n] &&
                          (text.p[at - 1] == '\'' || text.p[at - 1] == '"');
            v[i].used = v[i].used || quoted;
            if (name.n == 0) break;
        }
    }
}

/* ---- compiling ------------------------------------------------------------------------------- */

const struct sm_expr *sp_expr_part(struct sp_scope *c, const xmlNode *n, const char *attr,
                                   struct sm_str text, uint32_t first) {
    struct sp_load *l = c->l;
    struct sm_expr_scope scope = {.ctx = c,
                                  .resolve = scope_resolve,
                                  .table = scope_table,
                                  .ct = l->s->ct,
                                  .in = l->s->in,
                                  .study_oid = l->s->oid};
    struct sm_str given = c->why;
    c->unresolved = false;
    if (c->kind != SP_SCOPE_SUBJECT) c->why = (struct sm_str){NULL, 0};
    text = sp_dup(l, text);
    struct sm_err e;
    sm_err_reset(&e);
    uint32_t at = 1;
    const struct sm_expr *x = text.p ? sm_expr_compile(l->a, text, &scope, &at, &e) : NULL;
    struct sm_str why = c->why;
    c->why = given;
    if (x) {
        scope_lists(l, text);
        return x;
    }
    if (l->failed || e.code == SM_ENOMEM) {
        if (!l->failed) sp_nomem(l);
        return NULL;
    }
    static const struct sp_about quotes = {.mend = "mend the name; a text needs quotes around it"};
    bool bare = c->unresolved && why.p == NULL && strstr(e.text, "nearest") == NULL;
    sp_say(l, c->unresolved ? SM_D_UNKNOWN_NAME : SM_D_EXPRESSION,
           sp_at_attr(n, attr, first + (at ? at - 1 : 0)), bare ? &quotes : NULL, "%s%s%.*s", e.text,
           why.p ? ": " : "", SM_STR_FMT(why));
    return NULL;
}

const struct sm_expr *sp_expr(struct sp_scope *c, const xmlNode *n, const char *attr) {
    struct sm_str text = sp_attr(n, attr);
    return text.p ? sp_expr_part(c, n, attr, text, 1) : NULL;
}

struct sm_slot sp_slot(struct sp_scope *c, const xmlNode *n, const char *attr) {
    struct sm_str name = sp_word(n, attr), nearest = {NULL, 0};
    if (name.p == NULL) return scope_none;
    c->why = (struct sm_str){NULL, 0};
    bool param = name.n && name.p[0] == '$';
    struct sm_slot s = scope_resolve(c, name, param ? '$' : '\0', &nearest);
    size_t dot = sm_str_find_byte(name, '.', 0);
    if (s.kind == SM_SLOT_NONE && dot != SIZE_MAX &&
        sp_domain_find(c->l, sm_str_n(name.p, dot), &(uint32_t){0}))
        s = scope_resolve(c, name, '.', &nearest);
    if (s.kind != SM_SLOT_NONE) return s;
    char mend[300];
    struct sp_about about = {.mend = NULL};
    if (nearest.p) {
        (void)snprintf(mend, sizeof mend, "did you mean '%.*s'?", SM_STR_FMT(nearest));
        about.mend = mend;
    }
    const char *what = c->kind == SP_SCOPE_POST ? "variable"
                       : c->from_domain         ? "variable"
                                                : "column";
    sp_say(c->l, SM_D_UNKNOWN_NAME, sp_at_attr(n, attr, 1), &about, "no %s '%.*s'%s%.*s", what,
           SM_STR_FMT(name), c->why.p ? ": " : "", SM_STR_FMT(c->why));
    c->why = (struct sm_str){NULL, 0};
    return scope_none;
}

uint32_t sp_expr_column(const struct sm_expr *e, const uint32_t *trace) {
    const struct sm_slot *in;
    size_t n = e ? sm_expr_inputs(e, &in) : 0;
    for (size_t i = 0; i < n; i++)
        if (in[i].kind == SM_SLOT_COLUMN) return in[i].index;
    for (size_t i = 0; trace && i < n; i++)
        if (in[i].kind == SM_SLOT_VAR && trace[in[i].index] != SM_NO) return trace[in[i].index];
    return SM_NO;
}

/* ---- lookups --------------------------------------------------------------------------------- */

struct scope_key {
    struct sm_str text;
    uint32_t first;
};

/* Cuts at commas outside of parentheses and quotes. */
static uint32_t scope_commas(struct sm_str s, struct scope_key *ret, uint32_t most) {
    uint32_t n = 0;
    size_t from = 0, depth = 0;
    char quote = 0;
    for (size_t i = 0; i <= s.n; i++) {
        char ch = i < s.n ? s.p[i] : ',';
        if (i < s.n && quote) {
            if (ch == quote) quote = 0;
            continue;
        }
        if (ch == '\'' || ch == '"')
            quote = ch;
        else if (ch == '(')
            depth++;
        else if (ch == ')' && depth)
            depth--;
        if (i < s.n && (ch != ',' || depth)) continue;
        if (n < most)
            ret[n] = (struct scope_key){sm_str_n(s.p + from, i - from),
                                        (uint32_t)sm_utf8_count(sm_str_n(s.p, from)) + 1};
        n++;
        from = i + 1;
    }
    return n;
}

enum { SCOPE_KEYS = 16 };

/* "(A, B)"? Then what is inside. */
static bool scope_parentheses(struct sm_str s, struct sm_str *ret) {
    size_t depth = 0, from = 0, end = s.n;
    while (from < end && sm_is_blank(s.p[from]))
        from++;
    while (end > from && sm_is_blank(s.p[end - 1]))
        end--;
    if (end - from < 2 || s.p[from] != '(' || s.p[end - 1] != ')') return false;
    for (size_t i = from; i + 1 < end; i++) {
        depth += s.p[i] == '(';
        depth -= s.p[i] == ')';
        if (depth == 0) return false;
    }
    *ret = sm_str_n(s.p + from + 1, end - from - 2);
    return true;
}

/* "(A, B)" and "A, B" are expressions; "A B" are columns. */
static uint32_t scope_keys(const struct sm_source *s, struct sm_str text, struct scope_key *ret) {
    struct sm_str inner;
    uint32_t n, k = 0;
    if (scope_parentheses(text, &inner)) {
        n = scope_commas(inner, ret, SCOPE_KEYS);
        uint32_t before = (uint32_t)sm_utf8_count(sm_str_n(text.p, (size_t)(inner.p - text.p)));
        for (uint32_t i = 0; i < n && i < SCOPE_KEYS; i++)
            ret[i].first += before;
        return n;
    }
    n = scope_commas(text, ret, SCOPE_KEYS);
    if (n != 1 || s == NULL) return n;
    struct sm_str rest = text, word;
    struct scope_key words[SCOPE_KEYS];
    while (sm_str_word(&rest, &word)) {
        bool known = sp_column(s, word) != SM_NO || sm_str_eq_c(word, "USUBJID") ||
                     sm_str_eq_c(word, "SUBJID");
        if (!known || k == SCOPE_KEYS) return n;
        words[k++] = (struct scope_key){
            word, (uint32_t)sm_utf8_count(sm_str_n(text.p, (size_t)(word.p - text.p))) + 1};
    }
    if (k < 2) return n;
    memcpy(ret, words, k * sizeof *ret);
    return k;
}

static struct sm_source *scope_source_quiet(struct sp_load *l, const xmlNode *n) {
    struct sm_source *v = l->sources.p;
    struct sm_str name = sp_word(n, "source");
    for (uint32_t i = 0; i < l->sources.n; i++)
        if (sm_str_eq(v[i].name, name)) return &v[i];
    return NULL;
}

static const xmlNode *scope_from(const xmlNode *n) {
    return sp_has(n, "source") ? n : sp_first(n);
}

static void scope_lookup_name(struct sp_load *l, const struct sp_top *t) {
    static const struct {
        const char *name;
        enum sm_take take;
    } takes[] = {{"first", SM_TAKE_FIRST}, {"last", SM_TAKE_LAST}, {"min", SM_TAKE_MIN},
                 {"max", SM_TAKE_MAX},     {"sum", SM_TAKE_SUM},   {"count", SM_TAKE_COUNT},
                 {"only", SM_TAKE_ONLY}};
    struct sm_str name = sp_word(t->node, "name"), take = sp_word(t->node, "take");
    const struct sm_lookup *v = l->lookups.p;
    const struct sm_table *tables = l->tables.p;
    const struct sm_where *twice = NULL;
    for (uint32_t i = 0; i < l->lookups.n; i++)
        if (sm_str_eq(v[i].name, name)) twice = &v[i].place;
    for (uint32_t i = 0; i < l->tables.n; i++)
        if (sm_str_eq(tables[i].name, name)) twice = &tables[i].where;
    if (twice) {
        sp_say(l, SM_D_MAPPING_INVALID, sp_at_attr(t->node, "name", 1),
               &(struct sp_about){.mend = "rename one of them"},
               "lookup '%.*s' is defined twice; first at %.*s:%u", SM_STR_FMT(name),
               SM_STR_FMT(twice->file), twice->line);
        return;
    }
    struct sm_lookup *k = sp_push(l, &l->lookups, sizeof *k);
    struct sp_named *named = sp_push(l, &l->lookup_own, sizeof *named);
    if (k == NULL || named == NULL) return;
    named->own = t->file->own;
    named->node = t->node;
    *k =
        (struct sm_lookup){.name = sp_dup(l, name), .take = SM_TAKE_FIRST, .place = sp_at(t->node)};
    for (size_t i = 0; i < SM_ARRAY_LEN(takes); i++)
        if (sm_str_eq_c(take, takes[i].name)) k->take = takes[i].take;
    const xmlNode *from = scope_from(t->node);
    struct scope_key keys[SCOPE_KEYS];
    if (from && sp_has(from, "key"))
        k->nkey = scope_keys(scope_source_quiet(l, from), sp_attr(from, "key"), keys);
}

void sp_lookup_names(struct sp_load *l) {
    const struct sp_top *t = l->tops.p;
    for (uint32_t i = 0; i < l->tops.n && !l->failed; i++)
        if (sp_is(t[i].node, "lookup")) scope_lookup_name(l, &t[i]);
}

static void scope_lookup_from(struct sp_load *l, const xmlNode *n, const struct sm_lookup *k,
                              struct sm_lookup_from *ret) {
    struct scope_key keys[SCOPE_KEYS];
    struct sm_source *s = sp_source(l, n, "source", &ret->source);
    if (s == NULL) return;
    s->used = true;
    struct sp_scope scope = {.l = l, .kind = SP_SCOPE_ROW, .source = s};
    if (!sp_has(n, "key")) {
        sp_say(l, SM_D_MAPPING_INVALID, sp_at(n), NULL, "<lookup source=> needs key=");
        return;
    }
    uint32_t nkey = scope_keys(s, sp_attr(n, "key"), keys);
    if (nkey != k->nkey || nkey > SCOPE_KEYS) {
        sp_say(l, SM_D_MAPPING_INVALID, sp_at_attr(n, "key", 1), NULL,
               nkey > SCOPE_KEYS ? "%u keys; the most are 16"
                                 : "%u keys, and the first <from> has another number",
               nkey);
        return;
    }
    const struct sm_expr **key = sp_alloc(l, nkey, sizeof *key);
    if (key == NULL) return;
    for (uint32_t i = 0; i < nkey; i++)
        key[i] = sp_expr_part(&scope, n, "key", keys[i].text, keys[i].first);
    ret->key = key;
    ret->value = sp_expr(&scope, n, "value");
    ret->where = sp_expr(&scope, n, "where");
    if (!sp_has(n, "value") && k->take != SM_TAKE_COUNT)
        sp_say(l, SM_D_MAPPING_INVALID, sp_at(n),
               &(struct sp_about){.mend = "say value=, or take=\"count\""},
               "lookup '%.*s' has no value=", SM_STR_FMT(k->name));
}

static void scope_lookup(struct sp_load *l, const xmlNode *n, struct sm_lookup *k) {
    struct sp_vec v = {NULL, 0, 0};
    for (const xmlNode *f = scope_from(n); f && !l->failed; f = f == n ? NULL : sp_next(f)) {
        struct sm_lookup_from *slot = sp_push(l, &v, sizeof *slot);
        if (slot) scope_lookup_from(l, f, k, slot);
    }
    k->from = v.p;
    k->nfrom = v.n;
    if (v.n == 0)
        sp_say(l, SM_D_MAPPING_INVALID, k->place, NULL, "lookup '%.*s' needs source= or <from>",
               SM_STR_FMT(k->name));
}

void sp_lookups(struct sp_load *l) {
    struct sm_lookup *v = l->lookups.p;
    const struct sp_named *named = l->lookup_own.p;
    for (uint32_t k = 0; k < l->lookups.n && !l->failed; k++) {
        l->step = k;
        v[k].lut = l->tables.n + k;
        scope_lookup(l, named[k].node, &v[k]);
    }
    l->step = SM_NO;
}

/* ---- epochs ---------------------------------------------------------------------------------- */

void sp_epochs(struct sp_load *l) {
    const struct sp_top *t = l->tops.p;
    struct sp_scope scope = {.l = l, .kind = SP_SCOPE_REFS};
    l->step = SP_STEP_EPOCHS;
    for (uint32_t i = 0; i < l->tops.n && !l->failed; i++) {
        if (!sp_is(t[i].node, "epochs")) continue;
        for (const xmlNode *n = sp_first(t[i].node); n && !l->failed; n = sp_next(n)) {
            struct sm_epoch *e = sp_push(l, &l->epochs, sizeof *e);
            if (e)
                *e = (struct sm_epoch){sm_val_make(l->s->in, sp_word(n, "name")),
                                       sp_expr(&scope, n, "start"), sp_expr(&scope, n, "end"),
                                       sp_at(n)};
        }
    }
    l->step = SM_NO;
}
