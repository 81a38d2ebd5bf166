/* SPDX-License-Identifier: MIT */
#include <getopt.h>

#include "sdtmill/opt.h"

#include "sdtmill/buf.h"
#include "sdtmill/err.h"
#include "sdtmill/mem.h"
#include "sdtmill/str.h"
#include "sdtmill/utf8.h"

enum { OPT_FIRST = 256 }; /* getopt's value of row 0, above every letter */

struct opt_run {
    const struct sm_opt *table;
    size_t rows;
    struct option *longs;
    char *letters;
    int *operand; /* indexes into argv */
    size_t operands;
    void *into;
    struct sm_err *err;
};

static size_t opt_rows(const struct sm_opt *table) {
    size_t n = 0;
    while (table[n].name) n++;
    return n;
}

static int opt_setup(struct opt_run *r, int argc) {
    r->longs = sm_alloc(r->rows + 1, sizeof *r->longs);
    r->letters = sm_alloc(2 * r->rows + 3, 1);
    r->operand = sm_alloc((size_t)argc + 1, sizeof *r->operand);
    if (!r->longs || !r->letters || !r->operand) return sm_fail(r->err, SM_ENOMEM, "out of memory");
    char *p = r->letters;
    *p++ = '-'; /* operands in order, so that POSIXLY_CORRECT makes no difference */
    *p++ = ':';
    for (size_t i = 0; i < r->rows; i++) {
        const struct sm_opt *o = &r->table[i];
        int has = o->kind == SM_OPT_FLAG ? no_argument : required_argument;
        r->longs[i] = (struct option){o->name, has, NULL, OPT_FIRST + (int)i};
        if (o->letter == 0) continue;
        *p++ = o->letter;
        if (has == required_argument) *p++ = ':';
    }
    return SM_OK;
}

static const struct sm_opt *opt_row(const struct opt_run *r, int c) {
    if (c >= OPT_FIRST && (size_t)(c - OPT_FIRST) < r->rows) return &r->table[c - OPT_FIRST];
    for (size_t i = 0; i < r->rows; i++)
        if (r->table[i].letter && r->table[i].letter == c) return &r->table[i];
    return NULL;
}

/* ---- values ---------------------------------------------------------------------------------- */

static bool opt_in(const char *choices, struct sm_str word) {
    struct sm_str rest = sm_str(choices), one;
    while (sm_str_split(&rest, '|', &one))
        if (sm_str_eq(one, word)) return true;
    return false;
}

static void opt_list_choices(const char *choices, struct sm_buf *out) {
    struct sm_str rest = sm_str(choices), one;
    for (bool first = true; sm_str_split(&rest, '|', &one); first = false) {
        if (!first) sm_buf_add_c(out, ", ");
        sm_buf_add_str(out, one);
    }
}

static int opt_bad_choice(struct opt_run *r, const struct sm_opt *o, struct sm_str word) {
    struct sm_buf list;
    sm_buf_init(&list, 600);
    opt_list_choices(o->choices, &list);
    int rc = sm_fail(r->err, SM_EUSAGE, "option --%s: \"%.*s\" is none of: %s", o->name,
                     SM_STR_FMT(word), list.p ? list.p : "");
    sm_buf_free(&list);
    return rc;
}

static int opt_choice(struct opt_run *r, const struct sm_opt *o, const char *arg) {
    struct sm_str rest = sm_str(arg), word = rest;
    if (o->kind == SM_OPT_CHOICE)
        return opt_in(o->choices, word) ? SM_OK : opt_bad_choice(r, o, word);
    while (sm_str_split(&rest, ',', &word))
        if (!opt_in(o->choices, word)) return opt_bad_choice(r, o, word);
    return SM_OK;
}

static unsigned opt_suffix(char c) {
    switch (sm_to_upper(c)) {
    case 'K': return 10;
    case 'M': return 20;
    case 'G': return 30;
    default: return 0;
    }
}

static int opt_number(struct opt_run *r, const struct sm_opt *o, const char *arg, uint64_t *ret) {
    struct sm_str s = sm_str(arg);
    unsigned shift = o->kind == SM_OPT_SIZE && s.n ? opt_suffix(s.p[s.n - 1]) : 0;
    if (shift) s.n--;
    uint64_t v = 0;
    if (!sm_str_to_u64(s, &v) || v > UINT64_MAX >> shift)
        return sm_fail(r->err, SM_EUSAGE, "option --%s: \"%s\" is no %s", o->name, arg,
                       o->kind == SM_OPT_SIZE ? "size (a number, with K, M or G if wanted)"
                                              : "whole number");
    v <<= shift;
    if (v < o->min)
        return sm_fail(r->err, SM_EUSAGE, "option --%s: %s is less than %" PRIu64, o->name, arg,
                       o->min);
    if (o->max != 0 && v > o->max)
        return sm_fail(r->err, SM_EUSAGE, "option --%s: %s is more than %" PRIu64, o->name, arg,
                       o->max);
    *ret = v;
    return SM_OK;
}

/* A list grows at every power of two, so its length tells its capacity. */
static int opt_list_add(struct opt_run *r, struct sm_opt_list *list, const char *arg) {
    if ((list->n & (list->n - 1)) == 0) {
        int rc = sm_resize(&list->item, list->n ? list->n * 2 : 1, sizeof *list->item, r->err);
        if (rc != SM_OK) return rc;
    }
    list->item[list->n++] = arg;
    return SM_OK;
}

static int opt_set(struct opt_run *r, const struct sm_opt *o, const char *arg) {
    void *at = (char *)r->into + o->offset;
    int rc = SM_OK;
    switch (o->kind) {
    case SM_OPT_FLAG: *(bool *)at = true; return SM_OK;
    case SM_OPT_LIST: return opt_list_add(r, at, arg);
    case SM_OPT_COUNT:
    case SM_OPT_SIZE: return opt_number(r, o, arg, at);
    case SM_OPT_CHOICE:
    case SM_OPT_SET: rc = opt_choice(r, o, arg); break;
    case SM_OPT_TEXT: break;
    }
    if (rc == SM_OK) memcpy(at, &arg, sizeof arg);
    return rc;
}

/* ---- complaints ------------------------------------------------------------------------------ */

static int opt_unknown_long(struct opt_run *r, struct sm_str name) {
    const struct sm_opt *best = NULL;
    unsigned cap = name.n < 4 ? 1 : 3, least = cap + 1, begins = 0;
    for (size_t i = 0; i < r->rows; i++) {
        struct sm_str have = sm_str(r->table[i].name);
        unsigned d = sm_str_distance(name, have, cap);
        if (d < least) {
            least = d;
            best = &r->table[i];
        }
        begins += sm_str_starts(have, name);
    }
    if (begins > 1)
        return sm_fail(r->err, SM_EUSAGE, "option --%.*s is short for more than one option",
                       SM_STR_FMT(name));
    if (best == NULL)
        return sm_fail(r->err, SM_EUSAGE, "unknown option --%.*s", SM_STR_FMT(name));
    return sm_fail(r->err, SM_EUSAGE, "unknown option --%.*s; did you mean --%s?", SM_STR_FMT(name),
                   best->name);
}

static int opt_complain(struct opt_run *r, int c, char **argv) {
    const struct sm_opt *o = opt_row(r, optopt);
    if (c == ':' && o) return sm_fail(r->err, SM_EUSAGE, "option --%s needs a value", o->name);
    if (optopt >= OPT_FIRST && o)
        return sm_fail(r->err, SM_EUSAGE, "option --%s takes no value", o->name);
    if (optopt != 0) return sm_fail(r->err, SM_EUSAGE, "unknown option -%c", optopt);
    struct sm_str name = sm_str(argv[optind - 1]), rest;
    while (sm_str_starts(name, SM_STR("-"))) name.p++, name.n--;
    rest = name;
    return sm_str_split(&rest, '=', &name) ? opt_unknown_long(r, name) : SM_EUSAGE;
}

/* ---- parsing --------------------------------------------------------------------------------- */

/* Moves the operands behind everything else; both keep their order. */
static int opt_permute(struct opt_run *r, int argc, char **argv, int *ret_first) {
    char **moved = sm_alloc(r->operands, sizeof *moved);
    if (moved == NULL) return sm_fail(r->err, SM_ENOMEM, "out of memory");
    size_t k = 0;
    int to = 0;
    for (int i = 0; i < argc; i++) {
        if (k < r->operands && r->operand[k] == i) moved[k++] = argv[i];
        else argv[to++] = argv[i];
    }
    for (size_t i = 0; i < k; i++) argv[to + (int)i] = moved[i];
    sm_free(moved);
    *ret_first = to;
    return SM_OK;
}

static int opt_loop(struct opt_run *r, int argc, char **argv) {
    optind = 0; /* start over: an earlier run may have left getopt in the middle of a word */
    opterr = 0;
    for (;;) {
        int c = getopt_long(argc, argv, r->letters, r->longs, NULL);
        if (c == -1) break;
        if (c == 1) {
            r->operand[r->operands++] = optind - 1;
            continue;
        }
        const struct sm_opt *o = c == '?' || c == ':' ? NULL : opt_row(r, c);
        int rc = o ? opt_set(r, o, optarg) : opt_complain(r, c, argv);
        if (rc != SM_OK) return rc;
    }
    for (int i = optind; i < argc; i++) r->operand[r->operands++] = i;
    return SM_OK;
}

int sm_opt_parse(const struct sm_opt *table, int argc, char **argv, void *into, int *ret_first,
                 struct sm_err *err) {
    struct opt_run r = {.table = table, .rows = opt_rows(table), .into = into, .err = err};
    int rc = opt_setup(&r, argc);
    if (rc == SM_OK && argc > 0) rc = opt_loop(&r, argc, argv);
    if (rc == SM_OK) rc = opt_permute(&r, argc, argv, ret_first);
    sm_free(r.longs);
    sm_free(r.letters);
    sm_free(r.operand);
    return rc;
}

void sm_opt_free(const struct sm_opt *table, void *into) {
    for (const struct sm_opt *o = table; o->name; o++) {
        if (o->kind != SM_OPT_LIST) continue;
        struct sm_opt_list *list = (void *)((char *)into + o->offset);
        sm_free(list->item);
        *list = (struct sm_opt_list){NULL, 0};
    }
}

/* ---- help ------------------------------------------------------------------------------------ */

enum { OPT_COLUMN = 28, OPT_WIDTH = 80 };

static void opt_pad(struct sm_buf *out, size_t n) {
    for (; n > 0; n--) sm_buf_add_byte(out, ' ');
}

/* Words of text from column `at` on, broken before column OPT_WIDTH. */
static void opt_wrap(struct sm_str text, size_t at, size_t column, struct sm_buf *out) {
    struct sm_str word;
    bool fresh = true;
    while (sm_str_word(&text, &word)) {
        size_t wide = sm_utf8_count(word);
        if (!fresh && at + 1 + wide > OPT_WIDTH) {
            sm_buf_add_byte(out, '\n');
            opt_pad(out, column);
            at = column;
            fresh = true;
        }
        if (!fresh) sm_buf_add_byte(out, ' ');
        sm_buf_add_str(out, word);
        at += wide + !fresh;
        fresh = false;
    }
    sm_buf_add_byte(out, '\n');
}

static size_t opt_head(const struct sm_opt *o, struct sm_buf *out) {
    size_t from = out->n;
    if (o->letter) sm_buf_printf(out, "  -%c, --%s", o->letter, o->name);
    else sm_buf_printf(out, "      --%s", o->name);
    if (o->arg) sm_buf_printf(out, "=%s", o->arg);
    return out->n - from;
}

void sm_opt_help(const struct sm_opt *table, struct sm_buf *out) {
    for (const struct sm_opt *o = table; o->name; o++) {
        size_t at = opt_head(o, out);
        if (at + 2 > OPT_COLUMN) {
            sm_buf_add_byte(out, '\n');
            at = 0;
        }
        opt_pad(out, OPT_COLUMN - at);
        struct sm_buf text;
        sm_buf_init(&text, 0);
        sm_buf_add_c(&text, o->help ? o->help : "");
        if (o->choices) {
            sm_buf_add_c(&text, ": ");
            opt_list_choices(o->choices, &text);
        }
        if (text.failed) out->failed = true;
        opt_wrap(sm_buf_str(&text), OPT_COLUMN, OPT_COLUMN, out);
        sm_buf_free(&text);
    }
}
