/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_TEST_RAWSPEC_H
#define SDTMILL_TEST_RAWSPEC_H
/* rawspec.h - for tests: a mapping of one source with one kind of file, made by hand, and raw files
 * in memory read through it. What comes out is one line of text a row. */
#include <stdio.h>

#include "findings.h"
#include "sdtmill/buf.h"
#include "sdtmill/err.h"
#include "sdtmill/expr.h"
#include "sdtmill/read.h"

enum { RAW_COLUMNS = 16, RAW_SKIPS = 8 };

struct rawspec {
    struct sm_spec spec;
    struct sm_source source;
    struct sm_file file;
    struct sm_column column[RAW_COLUMNS];
    struct sm_filecol col[RAW_COLUMNS];
    struct sm_str raw[RAW_COLUMNS];
    struct sm_skip skip[RAW_SKIPS];
    struct sm_key key;
    uint32_t key_column[RAW_COLUMNS];
    struct sm_read_opts opts;
    struct sm_intern *in;
    struct sm_read_worker *worker;
    struct sm_arena arena;
    struct sm_diags diags;
    struct sm_err err;
    struct sm_read_totals totals;
    struct sm_buf rows; /* line|record|copy|cell|cell...|SUBJECT */
    struct sm_buf lost; /* line:code, and of a record that was skipped the line of its <skip> */
    struct sm_dedup *dedup;
    uint32_t nfile; /* files read so far */
    const uint8_t *fate;
    uint64_t nfate;
};

/* Columns are names with blanks between them, each with a type letter behind a colon (text if there
 * is none): n number, r result, d date, t time; capitals: required too. */
SM_UNUSED static bool rawspec_open(struct rawspec *r, const char *columns) {
    *r = (struct rawspec){.file = {.delimiter = ',', .quote = '"', .header = 1}};
    sm_arena_init(&r->arena);
    sm_diags_init(&r->diags);
    sm_buf_init(&r->rows, 0);
    sm_buf_init(&r->lost, 0);
    if (sm_texts_open(&r->spec.texts, &r->err) || sm_intern_open(&r->in, r->spec.texts, &r->err))
        return false;
    struct sm_str rest = sm_str(columns), word;
    uint32_t n = 0;
    while (n < RAW_COLUMNS && sm_str_word(&rest, &word)) {
        struct sm_column *c = &r->column[n];
        size_t colon = sm_str_find_byte(word, ':', 0);
        char type = colon != SIZE_MAX ? word.p[colon + 1] : 'x';
        c->name = (struct sm_str){word.p, colon != SIZE_MAX ? colon : word.n};
        c->required = type >= 'A' && type <= 'Z';
        type = sm_to_lower(type);
        c->type = type == 'n'   ? SM_COL_NUMBER
                  : type == 'r' ? SM_COL_RESULT
                  : type == 'd' ? SM_COL_DATE
                  : type == 't' ? SM_COL_TIME
                                : SM_COL_TEXT;
        r->raw[n] = c->name;
        r->col[n] =
            (struct sm_filecol){.column = n, .how = SM_SUPPLY_HEADER, .raw = n, .decimal = '.'};
        n++;
    }
    r->source = (struct sm_source){
        .name = SM_STR("test"), .column = r->column, .ncolumn = n, .file = &r->file, .nfile = 1};
    r->file.raw = r->raw;
    r->file.nraw = n;
    r->file.col = r->col;
    r->file.ncol = n;
    r->spec.source = &r->source;
    r->spec.nsource = 1;
    r->spec.in = r->in;
    return sm_read_worker_open(&r->worker, &r->spec, r->in, 1 << 20, &r->err) == SM_OK;
}

SM_UNUSED static void rawspec_close(struct rawspec *r) {
    sm_dedup_close(r->dedup);
    sm_read_worker_close(r->worker);
    sm_intern_close(r->in);
    sm_texts_close(r->spec.texts);
    sm_diags_free(&r->diags);
    sm_buf_free(&r->rows);
    sm_buf_free(&r->lost);
    sm_arena_free(&r->arena);
}

/* Names of columns (as opened) that make the key. */
SM_UNUSED static void rawspec_key(struct rawspec *r, const char *columns, enum sm_dups dups,
                                  const char *by) {
    struct sm_str rest = sm_str(columns), word;
    r->key = (struct sm_key){.column = r->key_column, .by = SM_NO, .dups = dups};
    while (sm_str_word(&rest, &word))
        for (uint32_t i = 0; i < r->source.ncolumn; i++)
            if (sm_str_eq(r->column[i].name, word)) r->key_column[r->key.ncolumn++] = i;
    for (uint32_t i = 0; by && i < r->source.ncolumn; i++)
        if (sm_str_eq_c(r->column[i].name, by)) r->key.by = i;
    r->source.key = &r->key;
    r->opts.row_hash = true;
}

static inline struct sm_slot rawspec_resolve(void *ctx, struct sm_str name, char force,
                                             struct sm_str *ret_nearest) {
    const struct rawspec *r = ctx;
    (void)force;
    *ret_nearest = SM_STR("");
    for (uint32_t i = 0; i < r->file.nraw; i++)
        if (sm_str_eq(r->raw[i], name)) return (struct sm_slot){SM_SLOT_COLUMN, i};
    return (struct sm_slot){SM_SLOT_NONE, 0};
}

/* An expression over the columns; NULL: err tells. */
static inline const struct sm_expr *rawspec_expr(struct rawspec *r, const char *text) {
    struct sm_expr_scope scope = {.ctx = r, .resolve = rawspec_resolve, .in = r->in};
    uint32_t at = 0;
    return sm_expr_compile(&r->arena, sm_str(text), &scope, &at, &r->err);
}

/* One more <skip>; they stand in lines 1, 2 and so on. */
SM_UNUSED static bool rawspec_skip(struct rawspec *r, const char *when) {
    const uint32_t n = r->file.nskip_when++;
    r->skip[n] = (struct sm_skip){.when = rawspec_expr(r, when), .where = {SM_STR("map.xml"), n + 1, 1}};
    r->file.skip_when = r->skip;
    return r->skip[n].when != NULL;
}

SM_UNUSED static void rawspec_take(struct rawspec *r, const struct sm_batch *b) {
    struct sm_valbuf buf;
    for (uint32_t i = 0; i < b->nrow; i++) {
        sm_buf_printf(&r->rows, "%u|%u|%u", (unsigned)sm_pos_line(b->pos[i]),
                      (unsigned)b->record[i], (unsigned)sm_pos_copy(b->pos[i]));
        for (uint32_t c = 0; c < r->source.ncolumn; c++) {
            sm_buf_add_byte(&r->rows, '|');
            sm_buf_add_str(&r->rows, sm_val_text(r->spec.texts, b->col[c][i], &buf));
        }
        sm_buf_add_byte(&r->rows, '\n');
    }
    for (uint32_t i = 0; i < b->nlost; i++) {
        const struct sm_lost *l = &b->lost[i];
        const bool skipped = l->fate == SM_FATE_FILTERED && l->where && l->where->line;
        sm_buf_printf(&r->lost, "%u:%u", (unsigned)l->line, (unsigned)l->code);
        if (skipped) sm_buf_printf(&r->lost, "/%u", (unsigned)l->where->line);
        sm_buf_add_byte(&r->lost, ' ');
    }
}

static inline int rawspec_pass(struct rawspec *r, struct sm_reader *reader,
                               const struct sm_input *input) {
    struct sm_chunk *chunk = NULL;
    struct sm_batch batch;
    sm_batch_init(&batch);
    int rc;
    while ((rc = sm_reader_chunk(reader, &chunk, &r->diags, &r->err)) == SM_OK) {
        rc = sm_reader_parse(reader, r->worker, chunk, r->fate, r->nfate, &batch, &r->err);
        if (rc) break;
        rawspec_take(r, &batch);
        sm_diags_move(&r->diags, &batch.diags);
        if (r->dedup && (rc = sm_dedup_add(r->dedup, input, &batch, &r->err)) != SM_OK) break;
    }
    sm_chunk_free(chunk);
    sm_batch_free(&batch);
    if (r->nfile % 2) sm_read_worker_forget(r->worker); /* whatever is remembered, files read alike */
    return rc;
}

/* Reads bytes as the next file of the run, "raw1.csv" and so on. */
SM_UNUSED static int rawspec_read_n(struct rawspec *r, const char *bytes, size_t n) {
    char path[64], name[64];
    FILE *f = tmpfile();
    sm_err_reset(&r->err);
    if (!f) return SM_EIO;
    size_t put = n ? fwrite(bytes, 1, n, f) : 0;
    int rc = put == n && fflush(f) == 0 ? SM_OK : SM_EIO;
    (void)snprintf(path, sizeof path, "/dev/fd/%d", fileno(f));
    (void)snprintf(name, sizeof name, "raw%u.csv", (unsigned)r->nfile + 1);
    struct sm_input input = {.index = r->nfile++,
                             .name = sm_arena_dup(&r->arena, sm_str(name)),
                             .path = path,
                             .source = &r->source,
                             .file = &r->file};
    struct sm_reader *reader = NULL;
    if (!rc) rc = sm_reader_open(&reader, &r->spec, &input, &r->opts, &r->diags, &r->err);
    if (!rc) rc = rawspec_pass(r, reader, &input);
    if (rc == SM_EOF) rc = sm_reader_finish(reader, &r->totals, &r->diags, &r->err);
    sm_reader_close(reader);
    (void)fclose(f);
    return rc;
}

SM_UNUSED static int rawspec_read(struct rawspec *r, const char *text) {
    return rawspec_read_n(r, text, strlen(text));
}

/* Findings in their final order: line.field kind [value] effect, one a line. */
SM_UNUSED static void rawspec_findings(struct rawspec *r, struct sm_buf *out) {
    size_t n = 0;
    const struct sm_diag **v = findings_final(&r->diags, &n);
    for (size_t i = 0; v && i < n; i++) {
        const struct sm_diag_info *info = sm_diag_info(v[i]->code);
        sm_buf_printf(out, "%u.%u %s", (unsigned)v[i]->line, (unsigned)v[i]->field, info->kind);
        if (v[i]->column.n) sm_buf_printf(out, " (%.*s)", SM_STR_FMT(v[i]->column));
        if (v[i]->value.n) sm_buf_printf(out, " [%.*s]", SM_STR_FMT(v[i]->value));
        if (v[i]->effect) sm_buf_printf(out, " %s", sm_effect_name((enum sm_effect)v[i]->effect));
        sm_buf_add_byte(out, '\n');
    }
}
#endif
