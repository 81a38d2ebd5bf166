/* SPDX-License-Identifier: MIT */
/* define_units.c - a table of conversions in words. */
#include "define_priv.h"
#include "sdtmill/num.h"

enum { CONVERSIONS_MAX = 200 };

/* A conversion's number as decimals: factor of x = 1, offset of x = 0. */
static struct sm_str decimal(const struct sm_convert *c, bool factor, char *out, size_t cap) {
    size_t n = 0;
    struct sm_str x = factor ? SM_STR("1") : SM_STR("0");
    if (!sm_dec_convert(x, factor ? NULL : c->offset, factor ? c->factor : NULL, 12,
                        SM_ROUND_HALF_UP, out, cap, &n))
        return (struct sm_str){"?", 1};
    return sm_str_n(out, n);
}

/* Unit and what is done with the number; the unit that comes out stands before the list. */
static void say_convert(const struct define *f, const struct sm_convert *c, struct sm_buf *out) {
    char text[128];
    struct sm_valbuf b;
    if (c->from == SM_MISSING)
        sm_buf_add_c(out, "no unit");
    else
        sm_buf_add_str(out, sm_val_text(f->study->texts, c->from, &b));
    if (c->offset) {
        struct sm_str s = decimal(c, false, text, sizeof text);
        bool minus = s.n && s.p[0] == '-';
        sm_buf_printf(out, " %s %.*s, then", minus ? "-" : "+", (int)(s.n - minus), s.p + minus);
    }
    if (c->factor) {
        struct sm_str s = decimal(c, true, text, sizeof text);
        if (c->offset || !sm_str_eq_c(s, "1")) sm_buf_printf(out, " x %.*s", SM_STR_FMT(s));
    }
    if (c->digits >= 0)
        sm_buf_printf(out, " to %d decimal%s", c->digits, c->digits == 1 ? "" : "s");
}

static bool is_in_data(const struct def_group *g, const struct sm_convert *c) {
    const struct sm_dsvalues *w = g->d->values;
    bool there = c->test == SM_MISSING || !w || w->groups.n == 0 || w->groups.over;
    for (uint32_t k = 0; !there && k < w->groups.n; k++)
        there = w->groups.value[k] == c->test;
    return there;
}

void def_words_conversions(const struct define *f, const struct def_group *g,
                           const struct sm_units *u, struct sm_buf *out) {
    const struct sm_convert *last = NULL;
    uint32_t said = 0, more = 0;
    struct sm_valbuf b;
    for (uint32_t i = 0; i < u->nconvert; i++) {
        const struct sm_convert *c = &u->convert[i];
        if (!is_in_data(g, c)) continue;
        if (said++ >= CONVERSIONS_MAX) {
            more++;
            continue;
        }
        if (last && last->test == c->test && last->to == c->to) {
            sm_buf_add_c(out, ", ");
        } else {
            sm_buf_add_c(out, last ? "; " : " Conversions: ");
            if (c->test != SM_MISSING)
                sm_buf_printf(out, "%.*s ", SM_STR_FMT(sm_val_text(f->study->texts, c->test, &b)));
            sm_buf_printf(out, "to %.*s from ",
                          SM_STR_FMT(sm_val_text(f->study->texts, c->to, &b)));
        }
        say_convert(f, c, out);
        last = c;
    }
    if (more) sm_buf_printf(out, "; and %u more", more);
    if (said) sm_buf_add_c(out, ".");
}
