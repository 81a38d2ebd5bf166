/* SPDX-License-Identifier: MIT */
#include "read_priv.h"

/* read_chunk.c - bytes to chunks of whole records. Where a chunk ends depends on the chunk size;
 * what is said about the end of a file does not: whole records are handed out before a fault is
 * met. */

void sm_chunk_free(struct sm_chunk *c) {
    if (!c) return;
    sm_free(c->data);
    sm_spans_free(&c->rec);
    sm_free(c);
}

bool read_is_cut(struct sm_str text) {
    size_t back = 0;
    while (back < 3 && back < text.n && ((unsigned char)text.p[text.n - 1 - back] & 0xC0) == 0x80)
        back++;
    if (back >= text.n) return false;
    struct sm_str last = {text.p + text.n - 1 - back, back + 1};
    bool cut;
    return sm_utf8_invalid(last, &cut) != SIZE_MAX && cut;
}

int read_more(struct sm_reader *r, char *to, size_t cap, size_t *ret_n, struct sm_err *err) {
    *ret_n = 0;
    if (r->eof) return SM_OK;
    sm_err_reset(&r->fault);
    int rc = sm_bytes_read(r->bytes, to, cap, ret_n, &r->fault);
    if (rc == SM_ENOMEM || rc == SM_ESTATE) {
        if (err) *err = r->fault;
        return rc;
    }
    if (rc) *ret_n = 0;
    r->eof = *ret_n == 0;
    if (*ret_n) r->latest = to[*ret_n - 1];
    return SM_OK;
}

/* Always with room behind the bytes, for looks at many of them at once. */
static int chunk_room(struct sm_chunk *c, size_t more, struct sm_err *err) {
    size_t n = c->n + more + SM_SCAN;
    return n <= c->cap ? SM_OK : sm_grow(&c->data, &c->cap, n, 1, err);
}

static int chunk_new(struct sm_chunk **chunk, struct sm_err *err) {
    if (!*chunk) *chunk = sm_alloc(1, sizeof **chunk);
    if (!*chunk) return sm_fail(err, SM_ENOMEM, "out of memory");
    (*chunk)->n = 0;
    (*chunk)->rec.n = 0;
    return SM_OK;
}

static int chunk_start(struct sm_reader *r, struct sm_chunk *c, struct sm_err *err) {
    int rc = chunk_room(c, r->carry.n, err);
    if (rc) return rc;
    if (r->carry.n) memcpy(c->data, r->carry.p, r->carry.n);
    c->n = r->carry.n;
    c->line = r->line;
    sm_buf_clear(&r->carry);
    sm_split_restart(&r->split, 0, r->line);
    r->split.base_line = r->line;
    return sm_split_feed(&r->split, c->data, 0, c->n, &c->rec, err);
}

/* Nothing but blank lines so far: they need not be kept. */
static void chunk_shrink(struct sm_reader *r, struct sm_chunk *c) {
    struct sm_split *s = &r->split;
    if (c->rec.n > 0 || s->start == 0) return;
    memmove(c->data, c->data + s->start, c->n - s->start);
    c->n -= s->start;
    s->start = 0;
    s->base_line = c->line = s->start_line;
}

static bool chunk_is_too_long(const struct sm_reader *r, const struct sm_chunk *c) {
    size_t longest = c->n - r->split.start;
    for (size_t i = 0; i < c->rec.n && longest <= r->opts.max_record; i++)
        longest = c->rec.v[i].n;
    return longest > r->opts.max_record;
}

/* Keeps the first n records: the rest goes back into the carry. */
static int chunk_keep(struct sm_reader *r, struct sm_chunk *c, size_t n, struct sm_err *err) {
    size_t cut = r->split.start;
    uint64_t line = r->split.start_line;
    if (n < c->rec.n) {
        cut = c->rec.v[n].at;
        line = c->line + c->rec.v[n].line;
    }
    sm_buf_add(&r->carry, c->data + cut, c->n - cut);
    memset(c->data + c->n, 0, SM_SCAN); /* looked at, though it does not count */
    r->line = line;
    c->n = cut;
    c->rec.n = n;
    c->first_record = r->records + 1;
    r->records += n;
    return sm_buf_check(&r->carry, err);
}

/* ---- ends that refuse the file --------------------------------------------------------------- */
static int chunk_fail_long(struct sm_reader *r, const struct sm_chunk *c, struct sm_diags *diags,
                           struct sm_err *err) {
    uint64_t line = c->rec.n ? c->line + c->rec.v[0].line : r->split.start_line;
    struct sm_diag d = {.code = SM_D_FIELD_TOO_LONG,
                        .effect = SM_EFFECT_DROPPED,
                        .file = r->input->name,
                        .line = line};
    char text[160];
    (void)snprintf(text, sizeof text, "record is longer than %zu bytes%s", r->opts.max_record,
                   sm_split_is_quoted(&r->split) ? "; is a quote never closed?" : "");
    d.detail = sm_str(text);
    sm_diags_add(diags, &d, -1);
    return sm_fail(err, SM_ELIMIT, "%.*s: line %" PRIu64 ": %s", SM_STR_FMT(r->input->name), line,
                   text);
}

static int chunk_fail_end(struct sm_reader *r, struct sm_diags *diags, struct sm_err *err) {
    bool lf_is_cut = r->latest == '\r' && !sm_split_is_quoted(&r->split);
    struct sm_diag d = {.code = SM_D_TRUNCATED_FILE,
                        .effect = SM_EFFECT_DROPPED,
                        .file = r->input->name,
                        .line = r->split.line - (lf_is_cut ? 1 : 0)};
    if (r->fault.code && (r->fault.code != SM_EDATA || r->fault.sys))
        return sm_fail(err, r->fault.code, "%.*s: %s", SM_STR_FMT(r->input->name), r->fault.text);
    if (r->fault.code)
        d.detail = sm_str(r->fault.text);
    else
        d.detail = SM_STR("the last character is cut off");
    return read_refuse(r, diags, &d, err);
}

static int chunk_fail_quote(struct sm_reader *r, struct sm_diags *diags, struct sm_err *err) {
    struct sm_diag d = {.code = SM_D_UNCLOSED_QUOTE,
                        .effect = SM_EFFECT_DROPPED,
                        .file = r->input->name,
                        .line = r->split.quote_line};
    return read_refuse(r, diags, &d, err);
}

/* ---- the end of the file --------------------------------------------------------------------- */
/* The number in what follows the declared text. */
static void footer_number(struct sm_reader *r, struct sm_str rest) {
    size_t at = 0;
    while (at < rest.n && !sm_is_digit(rest.p[at]))
        at++;
    size_t end = at;
    while (end < rest.n && sm_is_digit(rest.p[end]))
        end++;
    r->footer_counts =
        end > at && sm_str_to_u64((struct sm_str){rest.p + at, end - at}, &r->footer_count);
}

/* Takes the trailer off the records if it is the last of them. */
static int chunk_footer(struct sm_reader *r, struct sm_chunk *c, struct sm_err *err) {
    struct read_fields f;
    const struct sm_span *last = &c->rec.v[c->rec.n - 1];
    struct sm_str raw = {c->data + last->at, last->n};
    r->footer_line = c->line + last->line;
    int rc = read_fields_open(&f, err);
    if (!rc && !read_fields_run(&f, r, raw, last->flags))
        rc = sm_fail(err, SM_ENOMEM, "out of memory");
    if (!rc) {
        struct sm_str s = sm_str_trim_unicode(f.text), want = r->file->footer;
        if (s.n && r->file->quote && *s.p == r->file->quote) s = (struct sm_str){s.p + 1, s.n - 1};
        r->footer_seen = sm_str_starts(s, want);
        if (r->footer_seen) footer_number(r, (struct sm_str){s.p + want.n, s.n - want.n});
        if (r->footer_seen) c->rec.n--;
    }
    read_fields_close(&f);
    return rc;
}

/* All bytes are there. SM_EOF when nothing is left of them. */
static int chunk_end(struct sm_reader *r, struct sm_chunk *c, struct sm_diags *diags,
                     struct sm_err *err) {
    bool utf8 = !r->map && !r->marked;
    bool cut = r->fault.code || (utf8 && read_is_cut((struct sm_str){c->data, c->n}));
    bool quoted = sm_split_is_quoted(&r->split);
    size_t hold = r->file->footer.n ? 1 : 0;
    if ((cut || quoted) && c->rec.n > hold) return chunk_keep(r, c, c->rec.n - hold, err);
    if (cut && quoted && !r->fault.code) (void)chunk_fail_quote(r, diags, NULL);
    if (cut) return chunk_fail_end(r, diags, err);
    if (quoted) return chunk_fail_quote(r, diags, err);
    int rc = sm_split_end(&r->split, c->data, c->n, &c->rec, err);
    r->lines = r->split.line - (r->latest == '\n' || r->latest == '\r' ? 1 : 0);
    if (!rc && c->rec.n && hold) rc = chunk_footer(r, c, err);
    if (!rc) rc = chunk_keep(r, c, c->rec.n, err);
    sm_buf_clear(&r->carry);
    r->ended = true;
    if (rc) return rc;
    return c->rec.n ? SM_OK : SM_EOF;
}

/* A line end that may still grow from CR to CR LF is waited for. */
static bool chunk_is_open(const struct sm_reader *r, const struct sm_chunk *c) {
    return r->split.start == c->n && c->n > 0 && c->data[c->n - 1] == '\r';
}

int sm_reader_chunk(struct sm_reader *r, struct sm_chunk **chunk, struct sm_diags *diags,
                    struct sm_err *err) {
    if (r->ended) return SM_EOF;
    int rc = chunk_new(chunk, err);
    if (!rc) rc = chunk_start(r, *chunk, err);
    struct sm_chunk *c = *chunk;
    size_t hold = r->file->footer.n ? 1 : 0;
    while (!rc) {
        if (chunk_is_too_long(r, c)) {
            size_t good = 0;
            while (good < c->rec.n && c->rec.v[good].n <= r->opts.max_record)
                good++;
            if (good > hold) return chunk_keep(r, c, good - hold, err);
            c->rec.n = good < c->rec.n ? good + 1 : 0;
            if (c->rec.n) c->rec.v[0] = c->rec.v[good];
            return chunk_fail_long(r, c, diags, err);
        }
        if (r->eof) return chunk_end(r, c, diags, err);
        if (c->rec.n > hold && c->n >= r->opts.chunk && !chunk_is_open(r, c))
            return chunk_keep(r, c, c->rec.n - hold, err);
        if (c->n >= r->opts.chunk) chunk_shrink(r, c);
        size_t want = c->n < r->opts.chunk ? r->opts.chunk - c->n : c->n / 2 + 1, n;
        if (want > 16 * READ_SOME) want = 16 * READ_SOME;
        rc = chunk_room(c, want, err);
        if (!rc) rc = read_more(r, c->data + c->n, want, &n, err);
        if (rc) break;
        size_t from = c->n;
        c->n += n;
        rc = sm_split_feed(&r->split, c->data, from, c->n, &c->rec, err);
    }
    return rc;
}

uint64_t sm_chunk_first_record(const struct sm_chunk *c) {
    return c->first_record;
}

uint64_t sm_chunk_records(const struct sm_chunk *c) {
    return c->rec.n;
}

/* What cannot be written in the file's encoding any more is written as UTF-8. */
static void chunk_encode(const struct sm_reader *r, struct sm_str text, struct sm_buf *out) {
    struct sm_buf own;
    sm_buf_init(&own, 0);
    bool ok = r->marked && !r->map &&
              sm_encode_text(text, sm_bytes_file_encoding(r->bytes), &own, NULL) == SM_OK;
    sm_buf_add_str(out, ok ? sm_buf_str(&own) : text);
    sm_buf_free(&own);
}

void sm_chunk_raw_record(const struct sm_reader *r, const struct sm_chunk *c, uint64_t i,
                         struct sm_buf *out) {
    if (i >= c->rec.n) return;
    const struct sm_span *s = &c->rec.v[i];
    size_t end = s->at + (size_t)s->n;
    if (end < c->n && c->data[end] == '\r') end++;
    if (end < c->n && c->data[end] == '\n') end++;
    chunk_encode(r, (struct sm_str){c->data + s->at, end - s->at}, out);
    if (end == s->at + (size_t)s->n) chunk_encode(r, r->crlf ? SM_STR("\r\n") : SM_STR("\n"), out);
}

void sm_reader_raw_header(const struct sm_reader *r, struct sm_buf *out) {
    sm_buf_add_str(out, sm_bytes_bom(r->bytes));
    chunk_encode(r, sm_buf_str(&r->head), out);
}
