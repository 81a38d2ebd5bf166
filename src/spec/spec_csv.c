/* SPDX-License-Identifier: MIT */
/* Small tables: CSV beside the mapping or inside its elements. */
#include <csv.h>

#include "spec/spec_priv.h"

#include "sdtmill/utf8.h"

struct csv_gather {
    struct sp_load *l;
    struct sp_vec cells; /* struct sm_str of the row being read */
    struct sp_vec rows;  /* struct sp_csv_row */
    uint32_t line, start;
};

static void csv_on_cell(void *s, size_t n, void *ctx) {
    struct csv_gather *g = ctx;
    struct sm_str *c = sp_push(g->l, &g->cells, sizeof *c);
    if (c == NULL) return;
    if (g->cells.n == 1) g->start = g->line;
    *c = sp_dup(g->l, sm_str_trim_unicode(s ? sm_str_n(s, n) : SM_STR("")));
}

static void csv_on_row(int c SM_UNUSED, void *ctx) {
    struct csv_gather *g = ctx;
    if (g->cells.n == 1 && ((struct sm_str *)g->cells.p)->n == 0) {
        g->cells.n = 0; /* a line of blanks */
        return;
    }
    struct sp_csv_row *r = g->cells.n ? sp_push(g->l, &g->rows, sizeof *r) : NULL;
    if (r) *r = (struct sp_csv_row){g->cells.p, g->cells.n, g->start};
    g->cells = (struct sp_vec){NULL, 0, 0};
}

static bool csv_read(struct csv_gather *g, struct sm_str text, char delimiter) {
    struct csv_parser p;
    if (csv_init(&p, CSV_STRICT | CSV_STRICT_FINI) != 0) return false;
    csv_set_delim(&p, (unsigned char)delimiter);
    bool good = true;
    while (text.n && good) {
        size_t end = sm_str_find_byte(text, '\n', 0);
        size_t n = end == SIZE_MAX ? text.n : end + 1;
        good = csv_parse(&p, text.p, n, csv_on_cell, csv_on_row, g) == n;
        if (!good) break;
        text.p += n;
        text.n -= n;
        g->line++;
    }
    good = good && csv_fini(&p, csv_on_cell, csv_on_row, g) == 0;
    csv_free(&p);
    return good;
}

bool sp_csv_text(struct sp_load *l, struct sm_where at, struct sm_str text, uint32_t line,
                 char delimiter, struct sp_csv *ret) {
    struct csv_gather g = {.l = l, .line = line, .start = line};
    struct sm_where here = {at.file, line, 0};
    if (sm_str_starts(text, SM_STR("\xEF\xBB\xBF"))) text.p += 3, text.n -= 3;
    if (sm_utf8_invalid(text, NULL) != SIZE_MAX || memchr(text.p, 0, text.n)) {
        sp_say(l, SM_D_MAPPING_INVALID, here, &(struct sp_about){.mend = "save the table as UTF-8"},
               "table is not UTF-8 text");
        return false;
    }
    bool good = csv_read(&g, text, delimiter);
    if (l->failed) return false;
    here.line = g.line;
    if (!good) {
        sp_say(l, SM_D_MAPPING_INVALID, here,
               &(struct sp_about){.mend = "double the quotes inside the field"},
               "quotes of the table do not match");
        return false;
    }
    if (g.rows.n == 0) {
        sp_say(l, SM_D_MAPPING_INVALID, at,
               &(struct sp_about){.mend = "begin the table with a line of column names"},
               "table is empty");
        return false;
    }
    *ret = (struct sp_csv){g.rows.p, g.rows.n, at, at.file};
    for (uint32_t i = 1; i < ret->nrow; i++) {
        if (ret->row[i].n == ret->row[0].n) continue;
        here.line = ret->row[i].line;
        sp_say(l, SM_D_MAPPING_INVALID, here, NULL, "row has %u fields, the table %u",
               ret->row[i].n, ret->row[0].n);
        good = false;
    }
    return good;
}

static char csv_delimiter(const xmlNode *n) {
    struct sm_str d = sp_attr(n, "delimiter");
    if (d.p == NULL || d.n == 0) return ',';
    return sm_str_eq_c(d, "tab") ? '\t' : d.p[0];
}

bool sp_csv_file(struct sp_load *l, const xmlNode *n, struct sp_csv *ret) {
    struct sm_where at = sp_at_attr(n, "file", 1);
    struct sm_str path = sp_find_file(l, at, sp_file_of(n), sp_word(n, "file"), NULL);
    if (path.p == NULL) return false;
    const char *why;
    struct sm_str text = sp_read_file(l, path.p, &why);
    if (l->failed) return false;
    if (text.p == NULL) {
        sp_say(l, SM_D_MAPPING_INVALID, at, NULL, "%.*s %s", SM_STR_FMT(path), why);
        return false;
    }
    sp_input(l, path);
    return sp_csv_text(l, (struct sm_where){path, 1, 0}, text, 1, csv_delimiter(n), ret);
}

uint32_t sp_csv_column(struct sp_load *l, const struct sp_csv *csv, struct sm_where at,
                       struct sm_str name) {
    struct sp_near near = sp_near_start(name);
    for (uint32_t i = 0; i < csv->row[0].n; i++) {
        if (sm_str_eq(csv->row[0].cell[i], name)) return i;
        sp_near_try(&near, csv->row[0].cell[i]);
    }
    sp_unknown(l, at, "column of the table", name, near.best);
    return SM_NO;
}
