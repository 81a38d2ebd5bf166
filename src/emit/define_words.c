/* SPDX-License-Identifier: MIT */
/* define_words.c - an expression of the mapping in words. The text has been compiled before, so
 * this reading of it is lenient: what it does not understand is given as it is written. */
#include "define_priv.h"

enum { DEPTH_MAX = 100, ARGS_MAX = 16 };
enum tok { T_END, T_NAME, T_PARAM, T_NUMBER, T_TEXT, T_OP };
struct words {
    const struct sm_spec *spec;
    struct sm_buf *out;
    struct sm_str src;
    size_t pos, at; /* behind the token, its start */
    enum tok kind;
    struct sm_str text; /* the token; of T_TEXT what is between the quotes */
    unsigned depth;
    bool in_lookup; /* lookups within lookups are named only */
    bool bad;
};

static void words_expr(struct words *w);
static void words_part(const struct words *w, struct sm_str src);

/* ---- tokens
 * ---------------------------------------------------------------------------------------- */
static char at(const struct words *w, size_t i) {
    return i < w->src.n ? w->src.p[i] : '\0';
}
static bool is_start(char c) {
    return sm_is_alpha(c) || c == '_' || (c & 0x80);
}
static bool is_part(char c) {
    return is_start(c) || sm_is_digit(c) || c == '-' || c == '.';
}

static size_t quoted_end(const struct words *w, size_t i) {
    char quote = at(w, i++);
    for (; i < w->src.n; i++) {
        if (w->src.p[i] != quote) continue;
        if (at(w, i + 1) != quote) return i;
        i++;
    }
    return i;
}

static void next(struct words *w) {
    while (at(w, w->pos) == ' ' || at(w, w->pos) == '\n' || at(w, w->pos) == '\t' ||
           at(w, w->pos) == '\r')
        w->pos++;
    size_t i = w->at = w->pos;
    char c = at(w, i);
    w->kind = T_OP;
    if (i >= w->src.n) {
        w->kind = T_END;
        w->text = (struct sm_str){"", 0};
        return;
    }
    if (c == '\'' || c == '"') {
        i = quoted_end(w, i);
        w->kind = T_TEXT;
        w->text = sm_str_n(w->src.p + w->at + 1, i - w->at - 1);
        w->pos = i < w->src.n ? i + 1 : i;
        return;
    }
    if (sm_is_digit(c) || (c == '.' && sm_is_digit(at(w, i + 1)))) {
        w->kind = T_NUMBER;
        while (sm_is_digit(at(w, i)) || at(w, i) == '.')
            i++;
    } else if (c == '$' || is_start(c)) {
        w->kind = c == '$' ? T_PARAM : T_NAME;
        for (i++; is_part(at(w, i)); i++) {
        }
    } else {
        char d = at(w, i + 1);
        i += (d == '=' && strchr("!<>", c)) || (c == '|' && d == '|') ? 2 : 1;
    }
    w->text = sm_str_n(w->src.p + w->at, i - w->at);
    w->pos = i;
}

static bool is(const struct words *w, const char *s) {
    return w->kind != T_TEXT && sm_str_eq_c(w->text, s);
}
static void say(struct words *w, const char *s) {
    sm_buf_add_c(w->out, s);
}

static void say_quoted(struct words *w, struct sm_str s) {
    sm_buf_add_byte(w->out, '\'');
    sm_buf_add_str(w->out, s);
    sm_buf_add_byte(w->out, '\'');
}

/* Texts between the commas of the parentheses that open at the current token; the token behind them
 * is current afterwards. */
static size_t arguments(struct words *w, struct sm_str arg[ARGS_MAX]) {
    size_t n = 0, from = w->pos, i = w->pos;
    unsigned open = 1;
    for (; i < w->src.n && open; i++) {
        char c = w->src.p[i];
        if (c == '\'' || c == '"')
            i = quoted_end(w, i);
        else if (c == '(')
            open++;
        else if (c == ')')
            open--;
        if ((c == ',' && open == 1) || open == 0) {
            struct sm_str s = sm_str_trim(sm_str_n(w->src.p + from, i - from));
            if (n < ARGS_MAX && (s.n || n))
                arg[n++] = s;
            else if (n)
                w->bad = true;
            from = i + 1;
        }
    }
    if (open) w->bad = true;
    w->pos = i;
    next(w);
    return n;
}

/* The text of a constant argument, else the argument as written. */
static struct sm_str constant(struct sm_str s) {
    bool quoted = s.n >= 2 && (s.p[0] == '\'' || s.p[0] == '"') && s.p[s.n - 1] == s.p[0];
    return quoted ? sm_str_n(s.p + 1, s.n - 2) : s;
}

/* ---- functions
 * -------------------------------------------------------------------------------------- */
static const struct phrase {
    const char *name;
    size_t narg;       /* SIZE_MAX: any number */
    const char *words; /* $1 in words, '1 a constant as it is, $* all with commas */
} phrases[] = {
    {"concat", SIZE_MAX, "the concatenation of ($*)"},
    {"number", 1, "$1 as a number"},
    {"is-number", 1, "$1 is a number"},
    {"round", 1, "$1 rounded to a whole number"},
    {"round", 2, "$1 rounded to $2 decimals"},
    {"abs", 1, "the absolute value of $1"},
    {"floor", 1, "$1 rounded down"},
    {"ceiling", 1, "$1 rounded up"},
    {"min", SIZE_MAX, "the least of ($*)"},
    {"max", SIZE_MAX, "the greatest of ($*)"},
    {"coalesce", SIZE_MAX, "the first of ($*) that is present"},
    {"not", 1, "not ($1)"},
    {"true", 0, "true"},
    {"false", 0, "false"},
    {"exists", 1, "$1 is present"},
    {"datetime", 1, "$1"},
    {"datetime", 2, "$1 with time $2"},
    {"date-part", 2, "the '2 part of $1"},
    {"days-between", 2, "the number of days from $1 to $2"},
    {"years-between", 2, "the completed years from $1 to $2"},
    {"codelist", 2, "the term of codelist '1 for $2"},
    {"decode", 2, "the decode in codelist '1 of $2"},
    {"sourcefile", 0, "the name of the raw file"},
    {"sourceline", 0, "the line in the raw file"},
    {"study", 0, "the study identifier"},
    {"substring", 2, "$1 from character $2 on"},
    {"substring", 3, "$3 characters of $1 from character $2 on"},
    {"substring-before", 2, "the part of $1 before $2"},
    {"substring-after", 2, "the part of $1 after $2"},
    {"string-length", 1, "the length of $1"},
    {"normalize-space", 1, "$1 with single blanks"},
    {"upper-case", 1, "$1 in capitals"},
    {"lower-case", 1, "$1 in small letters"},
    {"translate", 3, "$1 with the characters $2 replaced by $3"},
    {"contains", 2, "$1 contains $2"},
    {"starts-with", 2, "$1 begins with $2"},
    {"ends-with", 2, "$1 ends with $2"},
    {"matches", 2, "$1 matches the pattern $2"},
    {"matches", 3, "$1 matches the pattern $2"},
    {"replace", 3, "$1 with the pattern $2 replaced by $3"},
    {"replace", 4, "$1 with the pattern $2 replaced by $3"},
    {"tokenize", 2, "the pieces of $1 between $2"},
    {"count", 1, "the number of $1"},
    {"column", 1, "'1"},
    {"var", 1, "'1"},
};

static void say_phrase(struct words *w, const char *words, const struct sm_str *arg, size_t n) {
    for (const char *p = words; *p; p++) {
        if (p[0] == '$' && p[1] == '*') {
            for (size_t i = 0; i < n; i++) {
                if (i) say(w, ", ");
                words_part(w, arg[i]);
            }
            p++;
        } else if ((p[0] == '$' || p[0] == '\'') && sm_is_digit(p[1])) {
            struct sm_str a = arg[p[1] - '1'];
            if (p[0] == '$')
                words_part(w, a);
            else
                sm_buf_add_str(w->out, constant(a));
            p++;
        } else {
            sm_buf_add_byte(w->out, *p);
        }
    }
}

static void say_lookup_from(struct words *w, const struct sm_lookup_from *from) {
    if (from->value) {
        words_part(w, sm_expr_text(from->value));
        say(w, " over the ");
    }
    sm_buf_printf(w->out, "rows of source %.*s", SM_STR_FMT(w->spec->source[from->source].name));
    if (!from->where) return;
    say(w, " where ");
    words_part(w, sm_expr_text(from->where));
}

static void say_lookup_values(struct words *w, const struct sm_lookup *l) {
    static const char *const take[] = {"first", "last",   "least",     "greatest",
                                       "sum",   "number", "only value"};
    sm_buf_printf(w->out, "the %s of ", take[l->take]);
    w->in_lookup = true;
    for (uint32_t i = 0; i < l->nfrom; i++) {
        if (i) say(w, " and of ");
        say_lookup_from(w, &l->from[i]);
    }
    w->in_lookup = false;
}

static void say_keys(struct words *w, const struct sm_str *arg, size_t n) {
    say(w, " for ");
    for (size_t i = 0; i < n; i++) {
        if (i) say(w, ", ");
        words_part(w, arg[i]);
    }
}

/* lookup and lookup-or: what is looked up, by which keys, and what stands for a key that is not
 * there. */
static bool say_lookup(struct words *w, bool or_else, const struct sm_str *arg, size_t n) {
    struct sm_str name = n ? constant(arg[0]) : (struct sm_str){"", 0}, fallback = {NULL, 0};
    size_t nkey = 0;
    if (or_else && n > 1) fallback = constant(arg[--n]);
    for (uint32_t i = 0; w->spec && i < w->spec->ntable; i++) {
        const struct sm_table *t = &w->spec->table[i];
        if (!sm_str_eq(t->name, name)) continue;
        nkey = t->nkey;
        if (n < nkey + 1) return false;
        struct sm_str col = n > nkey + 1 ? constant(arg[nkey + 1]) : t->nval ? t->val[0] : name;
        sm_buf_printf(w->out, "%.*s in table %.*s", SM_STR_FMT(col), SM_STR_FMT(name));
    }
    for (uint32_t i = 0; !nkey && w->spec && i < w->spec->nlookup; i++) {
        const struct sm_lookup *l = &w->spec->lookup[i];
        if (!sm_str_eq(l->name, name)) continue;
        nkey = l->nkey;
        if (n < nkey + 1) return false;
        if (!w->in_lookup)
            say_lookup_values(w, l);
        else
            sm_buf_printf(w->out, "the value of %.*s", SM_STR_FMT(name));
    }
    if (!nkey) return false;
    say_keys(w, arg + 1, nkey);
    if (fallback.p && fallback.n)
        sm_buf_printf(w->out, ", '%.*s' if there is none", SM_STR_FMT(fallback));
    else if (fallback.p)
        say(w, ", missing if there is none");
    return true;
}

static void words_call(struct words *w, struct sm_str name) {
    struct sm_str arg[ARGS_MAX];
    size_t n = arguments(w, arg);
    bool or_else = sm_str_eq_c(name, "lookup-or");
    if (w->bad) return;
    if ((or_else || sm_str_eq_c(name, "lookup")) && say_lookup(w, or_else, arg, n)) return;
    for (size_t i = 0; i < SM_ARRAY_LEN(phrases); i++)
        if (sm_str_eq_c(name, phrases[i].name) &&
            (phrases[i].narg == n || phrases[i].narg == SIZE_MAX)) {
            say_phrase(w, phrases[i].words, arg, n);
            return;
        }
    sm_buf_add_str(w->out, name);
    say_phrase(w, "($*)", arg, n);
}

/* ---- grammar
 * ---------------------------------------------------------------------------------------- */
static void words_name(struct words *w) {
    struct sm_str name = w->text;
    next(w);
    if (is(w, "("))
        words_call(w, name);
    else
        sm_buf_add_str(w->out, name);
}

static void words_primary(struct words *w) {
    if (w->kind == T_NAME) {
        words_name(w);
        return;
    }
    if (is(w, "(")) {
        next(w);
        say(w, "(");
        words_expr(w);
        while (is(w, ",")) {
            next(w);
            say(w, ", ");
            words_expr(w);
        }
        if (!is(w, ")")) w->bad = true;
        say(w, ")");
    } else if (is(w, "-")) {
        say(w, "-");
        next(w);
        words_primary(w);
        return;
    } else if (w->kind == T_TEXT) {
        if (w->text.n)
            say_quoted(w, w->text);
        else
            say(w, "nothing");
    } else if (is(w, "$value")) {
        say(w, "the value of the column");
    } else if (is(w, "$column")) {
        say(w, "the name of the column");
    } else if (w->kind == T_NUMBER || w->kind == T_PARAM) {
        sm_buf_add_str(w->out, w->text);
    } else {
        w->bad = true;
    }
    next(w);
}

/* Arithmetic and || from left to right: their words need no grouping beyond the written one. */
static void words_terms(struct words *w) {
    static const struct {
        const char *op, *words;
    } ops[] = {{"+", " + "},
               {"-", " - "},
               {"*", " * "},
               {"div", " divided by "},
               {"idiv", " divided (whole) by "},
               {"mod", " modulo "},
               {"||", " followed by "}};
    words_primary(w);
    for (bool more = true; more && !w->bad;) {
        if (is(w, "[")) {
            next(w);
            sm_buf_printf(w->out, ", number %.*s", SM_STR_FMT(w->text));
            next(w);
            if (!is(w, "]")) w->bad = true;
            next(w);
            continue;
        }
        more = false;
        for (size_t i = 0; i < SM_ARRAY_LEN(ops) && !more; i++) {
            if (!is(w, ops[i].op)) continue;
            say(w, ops[i].words);
            next(w);
            words_primary(w);
            more = true;
        }
    }
}

/* Behind = or !=: the right side may be the empty text, or a list. */
static void words_equal(struct words *w, bool negate) {
    next(w);
    if (w->kind == T_TEXT && w->text.n == 0) {
        say(w, negate ? " is present" : " is missing");
        next(w);
        return;
    }
    if (is(w, "(")) {
        struct words ahead = *w;
        struct sm_str arg[ARGS_MAX];
        if (arguments(&ahead, arg) > 1)
            say(w, negate ? " is none of " : " is one of ");
        else
            say(w, negate ? " is not " : " is ");
    } else {
        say(w, negate ? " is not " : " is ");
    }
    words_terms(w);
}

static void words_compare(struct words *w) {
    static const struct {
        const char *op, *words;
    } ops[] = {{"<", " is less than "},
               {"<=", " is at most "},
               {">", " is greater than "},
               {">=", " is at least "}};
    words_terms(w);
    if (is(w, "=") || is(w, "!=")) {
        words_equal(w, is(w, "!="));
        return;
    }
    for (size_t i = 0; i < SM_ARRAY_LEN(ops); i++) {
        if (!is(w, ops[i].op)) continue;
        say(w, ops[i].words);
        next(w);
        words_terms(w);
        return;
    }
}

static void words_if(struct words *w) {
    next(w);
    next(w);
    say(w, "if ");
    words_expr(w);
    if (!is(w, ")")) w->bad = true;
    next(w);
    if (!is(w, "then")) w->bad = true;
    next(w);
    say(w, " then ");
    words_expr(w);
    if (!is(w, "else")) w->bad = true;
    next(w);
    say(w, ", otherwise ");
    words_expr(w);
}

static void words_expr(struct words *w) {
    if (++w->depth > DEPTH_MAX || w->out->failed) w->bad = true;
    if (w->bad) return;
    struct words ahead = *w;
    next(&ahead);
    if (is(w, "if") && is(&ahead, "(")) {
        words_if(w);
    } else {
        words_compare(w);
        while (!w->bad && (is(w, "and") || is(w, "or"))) {
            sm_buf_printf(w->out, " %.*s ", SM_STR_FMT(w->text));
            next(w);
            words_compare(w);
        }
    }
    w->depth--;
}

/* A piece of an expression; as it is written when it is not understood. */
static void words_part(const struct words *w, struct sm_str src) {
    struct words in = {.spec = w->spec,
                       .out = w->out,
                       .src = src,
                       .depth = w->depth + 1,
                       .in_lookup = w->in_lookup};
    size_t was = w->out->n;
    next(&in);
    words_expr(&in);
    if (!in.bad && in.kind == T_END) return;
    if (w->out->failed) return;
    w->out->n = was;
    sm_buf_add_str(w->out, src);
}

void def_words(const struct sm_spec *spec, const struct sm_expr *e, struct sm_buf *out) {
    struct words w = {.spec = spec, .out = out};
    words_part(&w, sm_expr_text(e));
}

void def_words_guard(const struct sm_spec *spec, const struct sm_guard *g, struct sm_buf *out) {
    if (!g) return;
    if (g->parent) {
        def_words_guard(spec, g->parent, out);
        sm_buf_add_c(out, " and ");
    }
    if (g->negate) sm_buf_add_c(out, "not (");
    def_words(spec, g->test, out);
    if (g->negate) sm_buf_add_c(out, ")");
}
