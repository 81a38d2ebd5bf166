/* SPDX-License-Identifier: MIT */
#include "read_priv.h"

/* reader.c - one open file: its header, and what is said when it ends. */

enum { READ_CHUNK = 256 * 1024, READ_FIELD = 1024 * 1024, READ_COLUMNS = 10000 };
static const size_t read_record_max = (size_t)16 * 1024 * 1024, read_limit = (size_t)1 << 30;

int read_refuse(struct sm_reader *r, struct sm_diags *diags, const struct sm_diag *d,
                struct sm_err *err) {
    const struct sm_diag_info *info = sm_diag_info(d->code);
    sm_diags_add(diags, d, -1);
    const char *title = info ? info->title : "";
    struct sm_str what = d->detail.n ? d->detail : sm_str(title);
    struct sm_str column = d->detail.n ? (struct sm_str){NULL, 0} : d->column;
    return sm_fail(err, SM_EDATA, "%.*s: line %" PRIu64 ": %.*s%s%.*s", SM_STR_FMT(r->input->name),
                   d->line, SM_STR_FMT(what), column.n ? ": " : "", SM_STR_FMT(column));
}

/* ---- the header ------------------------------------------------------------------------------ */
static int header_fail(struct sm_reader *r, struct sm_diags *diags, uint16_t code, uint64_t line,
                       struct sm_err *err) {
    struct sm_diag d = {.code = code, .file = r->input->name, .line = line};
    if (r->fault.code && (r->fault.code != SM_EDATA || r->fault.sys))
        return sm_fail(err, r->fault.code, "%.*s: %s", SM_STR_FMT(r->input->name), r->fault.text);
    if (r->fault.code) {
        d.code = SM_D_TRUNCATED_FILE;
        d.detail = sm_str(r->fault.text);
    }
    return read_refuse(r, diags, &d, err);
}

static int header_more(struct sm_reader *r, struct sm_err *err) {
    size_t n = 0;
    if (r->carry.n > r->opts.max_record)
        return sm_fail(err, SM_ELIMIT, "%.*s: line 1: no header within %zu bytes",
                       SM_STR_FMT(r->input->name), r->opts.max_record);
    if (!sm_buf_reserve(&r->carry, READ_SOME)) return sm_buf_check(&r->carry, err);
    int rc = read_more(r, r->carry.p + r->carry.n, READ_SOME, &n, err);
    r->carry.n += n;
    return rc;
}

/* Offset behind the line that starts at `at`; r->carry.n if there is no further line. */
static int header_line_end(struct sm_reader *r, size_t at, size_t *ret, struct sm_err *err) {
    for (;;) {
        const char *p = r->carry.p;
        for (; at < r->carry.n; at++) {
            bool open = at + 1 == r->carry.n && !r->eof;
            if (p[at] == '\r' && open) break;
            if (p[at] != '\n' && (p[at] != '\r' || (at + 1 < r->carry.n && p[at + 1] == '\n')))
                continue;
            *ret = at + 1;
            return SM_OK;
        }
        if (r->eof) {
            *ret = r->carry.n;
            return SM_OK;
        }
        int rc = header_more(r, err);
        if (rc) return rc;
    }
}

static int header_pass(struct sm_reader *r, size_t *at, uint32_t lines, uint32_t *ret_passed,
                       struct sm_err *err) {
    int rc = SM_OK;
    for (*ret_passed = 0; *ret_passed < lines && !rc; ++*ret_passed) {
        size_t from = *at;
        rc = header_line_end(r, from, at, err);
        if (!rc && *at == from) break;
    }
    return rc;
}

/* Line ends in p[from..to); a lone CR is one outside quotes only. */
static uint64_t header_count_lines(const char *p, size_t from, size_t to, bool lone) {
    uint64_t lines = 0;
    for (size_t i = from; i < to; i++)
        lines += p[i] == '\n' || (lone && p[i] == '\r' && (i + 1 == to || p[i + 1] != '\n'));
    return lines;
}

/* The first record at or after `at`. Its line end is there too, unless the file ends. */
static int header_record(struct sm_reader *r, size_t at, struct sm_spans *out, bool *ret_found,
                         struct sm_diags *diags, struct sm_err *err) {
    size_t fed = at;
    sm_split_restart(&r->split, at, 1 + header_count_lines(r->carry.p, 0, at, true));
    r->split.base_line = 1;
    for (;;) {
        int rc = sm_split_feed(&r->split, r->carry.p, fed, r->carry.n, out, err);
        if (rc) return rc;
        fed = r->carry.n;
        if (out->n > 0) break;
        if (r->eof) {
            uint64_t quote = r->split.quote_line;
            if (r->fault.code)
                return header_fail(r, diags, SM_D_TRUNCATED_FILE, r->split.line, err);
            rc = sm_split_end(&r->split, r->carry.p, fed, out, err);
            if (rc == SM_EDATA) return header_fail(r, diags, SM_D_UNCLOSED_QUOTE, quote, err);
            if (rc) return rc;
            break;
        }
        rc = header_more(r, err);
        if (rc) return rc;
    }
    *ret_found = out->n > 0;
    return SM_OK;
}

static int header_names(struct sm_reader *r, const struct sm_span *span, struct sm_diags *diags,
                        struct sm_err *err) {
    struct read_fields f = {0};
    struct sm_buf work;
    sm_buf_init(&work, 0);
    int rc = sm_buf_reserve(&r->carry, SM_SCAN) ? SM_OK : sm_buf_check(&r->carry, err);
    struct sm_str raw = {r->carry.p + span->at, span->n};
    if (!rc) rc = read_fields_open(&f, err);
    if (!rc && !read_fields_run(&f, r, raw, span->flags))
        rc = sm_fail(err, SM_ENOMEM, "out of memory");
    uint64_t line = 1 + (uint64_t)span->line;
    bool named = r->file->header > 0;
    if (rc)
        line = 0;
    else if (read_is_cut(raw) && !r->map && !r->marked && r->eof &&
             span->at + (size_t)span->n == r->carry.n)
        rc = header_fail(r, diags, SM_D_TRUNCATED_FILE, line, err);
    else if (f.n > r->opts.max_columns)
        rc = sm_fail(err, SM_ELIMIT, "%.*s: line %" PRIu64 ": more than %" PRIu32 " columns",
                     SM_STR_FMT(r->input->name), line, r->opts.max_columns);
    else if (named && f.invalid)
        rc = header_fail(r, diags, SM_D_INVALID_ENCODING, line, err);
    else if (named && memchr(f.text.p, 0, f.text.n))
        rc = header_fail(r, diags, SM_D_NUL_BYTE, line, err);
    else if (named && span->flags & SM_SPAN_BROKEN)
        rc = header_fail(r, diags, SM_D_BROKEN_QUOTE, line, err);
    r->nname = rc ? 0 : f.n;
    r->name = sm_arena_array(&r->arena, (size_t)r->nname + 1, sizeof *r->name);
    for (uint32_t i = 0; !rc && r->name && i < r->nname; i++) {
        r->name[i] = named ? sm_arena_dup(&r->arena, read_clean(f.v[i], &work))
                           : sm_arena_printf(&r->arena, "%" PRIu32, i + 1);
        if (named && f.v[i].n == 0) r->name[i] = SM_STR("");
        if (!r->name[i].p) rc = sm_fail(err, SM_ENOMEM, "out of memory");
    }
    if (!rc && !r->name) rc = sm_fail(err, SM_ENOMEM, "out of memory");
    r->header_line = line;
    sm_buf_free(&work);
    read_fields_close(&f);
    return rc;
}

/* Everything before `at` is no data. */
static int header_take(struct sm_reader *r, size_t at, struct sm_span header,
                       struct sm_err *err) {
    const size_t from = header.at < at ? header.at : at, end = from + (size_t)header.n,
                 to = end < at ? end : at;
    sm_buf_add(&r->head, r->carry.p, at);
    if (sm_buf_check(&r->head, err)) return SM_ENOMEM;
    r->line = 1 + header_count_lines(r->carry.p, 0, from, true) +
              header_count_lines(r->carry.p, from, to, false) +
              header_count_lines(r->carry.p, to, at, true);
    r->crlf = at > 1 && memcmp(r->carry.p + at - 2, "\r\n", 2) == 0;
    if (r->carry.n > at) memmove(r->carry.p, r->carry.p + at, r->carry.n - at);
    r->carry.n -= at;
    return SM_OK;
}

int read_header(struct sm_reader *r, struct sm_diags *diags, struct sm_err *err) {
    size_t at = 0;
    bool found = false;
    struct sm_spans spans = {0};
    uint32_t before = r->file->header ? r->file->header - 1 : r->file->skip;
    uint32_t passed;
    int rc = header_pass(r, &at, before, &passed, err);
    if (!rc) rc = header_record(r, at, &spans, &found, diags, err);
    if (!rc && !found) rc = header_fail(r, diags, SM_D_EMPTY_FILE, 1, err);
    if (!rc) rc = header_names(r, &spans.v[0], diags, err);
    if (!rc && r->file->header) {
        rc = header_line_end(r, spans.v[0].at + (size_t)spans.v[0].n, &at, err);
        if (!rc) rc = header_pass(r, &at, r->file->skip, &passed, err);
        if (!rc && passed < r->file->skip) /* lines that skip= names are not there: cut, or another export */
            rc = header_fail(r, diags, SM_D_TRUNCATED_FILE, r->file->header + passed, err);
    }
    const struct sm_span header = found ? spans.v[0] : (struct sm_span){0};
    sm_spans_free(&spans);
    return rc ? rc : header_take(r, at, header, err);
}

/* ---- the file -------------------------------------------------------------------------------- */
static void reader_opts(struct sm_reader *r, const struct sm_read_opts *opts) {
    r->opts = opts ? *opts : (struct sm_read_opts){0};
    struct sm_read_opts *o = &r->opts;
    if (!o->chunk) o->chunk = READ_CHUNK;
    if (!o->max_field) o->max_field = READ_FIELD;
    if (!o->max_record) o->max_record = read_record_max;
    if (o->max_record < o->max_field && o->max_field <= read_limit / 2)
        o->max_record = o->max_field * 2;
    if (o->max_record > read_limit) o->max_record = read_limit;
    if (o->chunk > read_limit) o->chunk = read_limit;
    if (!o->max_columns) o->max_columns = READ_COLUMNS;
}

static int reader_bytes(struct sm_reader *r, struct sm_diags *diags, struct sm_err *err) {
    char *encoding = NULL;
    struct sm_err own = {0};
    if (r->file->encoding.n) {
        struct sm_str copy = sm_arena_dup(&r->arena, r->file->encoding);
        if (!copy.p) return sm_fail(err, SM_ENOMEM, "out of memory");
        encoding = (char *)(uintptr_t)copy.p;
    }
    struct sm_source_opts o = {.encoding = encoding, .hash = r->opts.hash};
    int rc = sm_bytes_open(&r->bytes, r->input->path, &o, &own);
    if (rc == SM_EDATA && own.sys == 0) {
        r->fault = own;
        return header_fail(r, diags, SM_D_TRUNCATED_FILE, 1, err);
    }
    if (rc) return sm_fail(err, own.code, "%.*s: %s", SM_STR_FMT(r->input->name), own.text);
    if (strcmp(sm_bytes_encoding(r->bytes), "UTF-8") != 0) {
        r->map = sm_arena_alloc(&r->arena, sizeof *r->map);
        if (!r->map) return sm_fail(err, SM_ENOMEM, "out of memory");
        if (!sm_bytes_charmap(r->bytes, r->map))
            return sm_fail(err, SM_ESTATE, "an encoding without a table");
    }
    r->marked = strcmp(sm_bytes_file_encoding(r->bytes), "UTF-8") != 0;
    return SM_OK;
}

int sm_reader_open(struct sm_reader **ret, const struct sm_spec *spec, const struct sm_input *input,
                   const struct sm_read_opts *opts, struct sm_diags *diags, struct sm_err *err) {
    struct sm_reader *r = sm_alloc(1, sizeof *r);
    if (!r) return sm_fail(err, SM_ENOMEM, "out of memory");
    r->spec = spec;
    r->input = input;
    r->source = input->source;
    r->file = input->file;
    sm_arena_init(&r->arena);
    sm_buf_init(&r->head, 0);
    sm_buf_init(&r->carry, 0);
    reader_opts(r, opts);
    int rc = sm_split_init(&r->split, r->file->delimiter, r->file->quote, err);
    if (!rc) rc = reader_bytes(r, diags, err);
    if (!rc) rc = read_header(r, diags, err);
    if (!rc) rc = read_bind(r, diags, err);
    if (rc)
        sm_reader_close(r);
    else
        *ret = r;
    return rc;
}

static int finish_footer(struct sm_reader *r, struct sm_diags *diags, struct sm_err *err) {
    struct sm_diag d = {
        .code = SM_D_MISSING_FOOTER, .file = r->input->name, .line = r->footer_line};
    if (r->footer_seen && (!r->footer_counts || r->footer_count == r->records)) return SM_OK;
    if (r->footer_seen)
        d.detail =
            sm_arena_printf(&r->arena, "the trailer says %" PRIu64 " rows, there are %" PRIu64,
                            r->footer_count, r->records);
    else
        d.detail = sm_arena_printf(&r->arena, "the last line does not start with \"%.*s\"",
                                   SM_STR_FMT(r->file->footer));
    return read_refuse(r, diags, &d, err);
}

static void finish_unnamed(struct sm_reader *r, struct sm_diags *diags) {
    for (uint32_t i = 0; i < r->nunnamed && !r->opts.quiet; i++) {
        uint64_t line = atomic_load(&r->unnamed[i].line);
        if (line == UINT64_MAX) continue;
        struct sm_diag d = {.code = SM_D_MEANINGLESS_COLUMN,
                            .file = r->input->name,
                            .line = line,
                            .field = r->unnamed[i].field + 1};
        d.detail = SM_STR("column without a name first holds something here");
        sm_diags_add(diags, &d, -1);
    }
}

int sm_reader_finish(struct sm_reader *r, struct sm_read_totals *ret, struct sm_diags *diags,
                     struct sm_err *err) {
    int rc = SM_OK;
    *ret = (struct sm_read_totals){.records = r->records, .lines = r->lines};
    if (r->opts.hash) rc = sm_bytes_sha256(r->bytes, ret->sha256, err);
    ret->bytes = sm_bytes_offset(r->bytes);
    finish_unnamed(r, diags);
    if (!rc && r->file->footer.n) rc = finish_footer(r, diags, err);
    return rc;
}

uint64_t sm_reader_offset(const struct sm_reader *r) {
    return sm_bytes_offset(r->bytes);
}

void sm_reader_close(struct sm_reader *r) {
    if (!r) return;
    sm_bytes_close(r->bytes);
    sm_buf_free(&r->head);
    sm_buf_free(&r->carry);
    sm_arena_free(&r->arena);
    sm_free(r);
}
