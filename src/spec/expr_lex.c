/* SPDX-License-Identifier: MIT */
#include "expr_priv.h"

static bool lex_name_start(char c) {
    return sm_is_alpha(c) || c == '_' || (c & 0x80);
}
static bool lex_name_char(char c) {
    return lex_name_start(c) || sm_is_digit(c) || c == '-' || c == '.';
}
static bool lex_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static char lex_at(const struct xlex *l, size_t i) {
    return i < l->src.n ? l->src.p[i] : '\0';
}

static void lex_bad(struct xlex *l, const char *why) {
    l->kind = XT_BAD;
    l->bad = why;
}

static void lex_cut(struct xlex *l, enum xtok kind, size_t from, size_t to) {
    l->kind = kind;
    l->text = sm_str_n(l->src.p + from, to - from);
    l->pos = to;
}

static void lex_quoted(struct xlex *l, char quote) {
    size_t i = l->at + 1;
    for (; i < l->src.n; i++) {
        if (l->src.p[i] != quote) continue;
        if (lex_at(l, i + 1) != quote) break;
        i++;
    }
    if (i >= l->src.n) {
        lex_bad(l, "text is not closed with its quote");
        return;
    }
    lex_cut(l, XT_TEXT, l->at + 1, i);
    l->op = quote;
    l->pos = i + 1;
}

static void lex_number(struct xlex *l) {
    size_t i = l->at;
    while (sm_is_digit(lex_at(l, i)))
        i++;
    if (lex_at(l, i) == '.') i++;
    while (sm_is_digit(lex_at(l, i)))
        i++;
    if (lex_name_start(lex_at(l, i)))
        lex_bad(l, "a name cannot start with a digit; write column('...')");
    else if (i - l->at > 100)
        lex_bad(l, "number has more than 100 digits");
    else
        lex_cut(l, XT_NUMBER, l->at, i);
}

static void lex_name(struct xlex *l, enum xtok kind, size_t from) {
    size_t i = from;
    if (!lex_name_start(lex_at(l, i))) {
        lex_bad(l, "a name must follow $");
        return;
    }
    while (i < l->src.n && lex_name_char(l->src.p[i]))
        i++;
    lex_cut(l, kind, from, i);
}

static void lex_op(struct xlex *l, char c) {
    static const struct {
        char c, next, op;
    } two[] = {{'!', '=', 'n'}, {'<', '=', 'l'}, {'>', '=', 'g'}, {'|', '|', '|'}};
    l->kind = XT_OP;
    l->pos = l->at + 1;
    l->op = c;
    for (size_t i = 0; i < SM_ARRAY_LEN(two); i++) {
        if (two[i].c != c || lex_at(l, l->pos) != two[i].next) continue;
        l->op = two[i].op;
        l->pos++;
        return;
    }
    if (c == '!')
        lex_bad(l, "unexpected '!'; \"not equal\" is !=");
    else if (c == '|')
        lex_bad(l, "unexpected '|'; texts are joined with ||");
    else if (c == '\0' || !strchr("=<>+-*(),[]", c))
        lex_bad(l, "unexpected character");
}

void xlex_next(struct xlex *l) {
    while (lex_space(lex_at(l, l->pos)))
        l->pos++;
    l->at = l->pos;
    l->text = (struct sm_str){NULL, 0};
    l->op = '\0';
    if (l->pos >= l->src.n) {
        l->kind = XT_END;
        return;
    }
    char c = l->src.p[l->pos];
    if (c == '\'' || c == '"')
        lex_quoted(l, c);
    else if (sm_is_digit(c) || (c == '.' && sm_is_digit(lex_at(l, l->pos + 1))))
        lex_number(l);
    else if (c == '$')
        lex_name(l, XT_PARAM, l->at + 1);
    else if (lex_name_start(c))
        lex_name(l, XT_NAME, l->at);
    else
        lex_op(l, c);
}

bool xlex_is_call(const struct xlex *l) {
    size_t i = l->pos;
    while (lex_space(lex_at(l, i)))
        i++;
    return l->kind == XT_NAME && lex_at(l, i) == '(';
}
