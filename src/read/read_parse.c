/* SPDX-License-Identifier: MIT */
#include "read_priv.h"

/* read_parse.c - a chunk to a batch: what stands against a record as a whole, then its rows. */

int sm_read_worker_open(struct sm_read_worker **ret, const struct sm_spec *spec,
                        struct sm_intern *in, uint64_t memory, struct sm_err *err) {
    struct sm_read_worker *w = sm_alloc(1, sizeof *w);
    if (!w) return sm_fail(err, SM_ENOMEM, "out of memory");
    w->spec = spec;
    w->in = in;
    w->memo_most = w->memo_room = memory;
    sm_buf_init(&w->clean, 0);
    sm_buf_init(&w->work, 0);
    int rc = read_fields_open(&w->fields, err);
    if (rc)
        sm_read_worker_close(w);
    else
        *ret = w;
    return rc;
}

void sm_read_worker_forget(struct sm_read_worker *w) {
    for (size_t i = 0; i < w->nmemo; i++)
        sm_free(w->memo[i].memory);
    w->nmemo = 0;
    w->memo_room = w->memo_most;
}

void sm_read_worker_close(struct sm_read_worker *w) {
    if (!w) return;
    read_fields_close(&w->fields);
    sm_buf_free(&w->clean);
    sm_buf_free(&w->work);
    sm_read_worker_forget(w);
    sm_free(w->memo);
    sm_free(w->brief);
    sm_free(w->raw);
    sm_free(w->rawcol);
    sm_free(w->stamp);
    sm_free(w->base);
    sm_free(w->row);
    sm_free(w);
}

/* Scratch as large as this file's binding asks for. */
static int worker_fit(struct sm_read_worker *w, const struct sm_reader *r, struct sm_err *err) {
    const size_t nraw = r->file->nraw, ncol = r->source->ncolumn;
    const size_t nmemo = (size_t)r->ncell + READ_SUBJECTS + 1; /* the last for what is skipped */
    if (nmemo > w->nmemo) {
        int rc = sm_resize(&w->memo, nmemo, sizeof *w->memo, err);
        if (rc) return rc;
        for (; w->nmemo < nmemo; w->nmemo++) {
            if (!read_memo_open(&w->memo[w->nmemo], READ_MEMO))
                return sm_fail(err, SM_ENOMEM, "out of memory");
        }
    }
    if (r->nbrief > w->nbrief) {
        sm_free(w->brief);
        w->nbrief = 0;
        w->brief = sm_alloc(r->nbrief, sizeof *w->brief);
        if (!w->brief) return sm_fail(err, SM_ENOMEM, "out of memory");
        w->nbrief = r->nbrief;
    }
    if (nraw > w->nraw) {
        int rc = sm_resize(&w->raw, nraw, sizeof *w->raw, err);
        if (!rc) rc = sm_resize(&w->rawcol, nraw, sizeof *w->rawcol, err);
        if (!rc) rc = sm_resize(&w->stamp, nraw, sizeof *w->stamp, err);
        if (rc) return rc;
        memset(w->raw, 0, nraw * sizeof *w->raw);
        memset(w->stamp, 0, nraw * sizeof *w->stamp);
        for (size_t i = 0; i < nraw; i++)
            w->rawcol[i] = &w->raw[i];
        w->nraw = nraw;
        w->tick = 0;
    }
    if (ncol * 2 > w->nbase) {
        int rc = sm_resize(&w->base, ncol * 2, sizeof *w->base, err);
        if (!rc) rc = sm_resize(&w->row, ncol * 2, sizeof *w->row, err);
        if (rc) return rc;
        w->nbase = ncol * 2;
        for (size_t i = 0; i < w->nbase; i++)
            w->row[i] = &w->base[i];
    }
    if (ncol) memset(w->base, 0, ncol * 2 * sizeof *w->base);
    return SM_OK;
}

/* ---- batches --------------------------------------------------------------------------------- */
void sm_batch_init(struct sm_batch *b) {
    *b = (struct sm_batch){0};
    sm_diags_init(&b->diags);
    sm_arena_init(&b->arena);
}

void sm_batch_free(struct sm_batch *b) {
    sm_diags_free(&b->diags);
    sm_arena_free(&b->arena);
    *b = (struct sm_batch){0};
    sm_diags_init(&b->diags);
}

static struct sm_raw_cell batch_raw(const struct sm_batch *b, uint32_t row, uint32_t column,
                                    struct sm_str *ret_header);

/* Records that can become rows: the others are too short to have that many fields. */
static size_t batch_rows(const struct sm_reader *r, const struct sm_chunk *c) {
    size_t n = 0;
    for (size_t i = 0; i < c->rec.n; i++)
        n += (size_t)c->rec.v[i].n + 1 >= r->nname;
    return n;
}

/* Everything of a batch in one piece, so that the arena keeps it for the next one; with room for what
 * mapping adds. */
static int batch_prepare(struct sm_batch *b, const struct sm_reader *r, const struct sm_chunk *c,
                         struct sm_err *err) {
    size_t copies = r->file->unpivot ? r->file->unpivot->nfrom : 1;
    size_t ncol = (size_t)r->source->ncolumn + 2, rows = batch_rows(r, c);
    bool hash = r->opts.row_hash;
    size_t one = (ncol + 2) * sizeof(sm_val) + sizeof(uint32_t) +
                 (hash ? sizeof(struct sm_hash128) + sizeof(sm_val) : 0);
    size_t fixed = ncol * sizeof(sm_val *) + sizeof(struct read_back) + 64;
    sm_diags_clear(&b->diags);
    sm_arena_reset(&b->arena);
    if (copies && rows > UINT32_MAX / copies)
        return sm_fail(err, SM_ELIMIT, "more than %" PRIu32 " rows in one piece", UINT32_MAX);
    rows = rows * copies + 1;
    const size_t bytes = fixed + rows * one;
    char *p = NULL;
    if (sm_arena_reserve(&b->arena, bytes + bytes / 8)) p = sm_arena_raw(&b->arena, bytes);
    if (!p) return sm_fail(err, SM_ENOMEM, "out of memory");
    struct read_back *back = (struct read_back *)(void *)p;
    p += sizeof *back;
    struct sm_hash128 *hashes = (struct sm_hash128 *)(void *)p;
    p += hash ? rows * sizeof *hashes : 0;
    b->col = (sm_val **)(void *)p;
    p += ncol * sizeof *b->col;
    sm_val *cell = (sm_val *)(void *)p;
    for (size_t i = 0; i < ncol; i++)
        b->col[i] = cell + i * rows;
    for (size_t i = 0; i < r->nabsent; i++)
        memset(b->col[r->absent[i]], 0, rows * sizeof *cell);
    b->pos = cell + ncol * rows;
    b->record = b->pos + rows;
    sm_val *subject = b->record + rows;
    uint32_t *from = (uint32_t *)(void *)(hash ? subject + rows : subject);
    *back = (struct read_back){r, c, r->file->unpivot ? from : NULL, hash ? subject : NULL};
    b->row_hash = hash ? hashes : NULL;
    b->reader = back;
    b->raw = batch_raw;
    b->bytes = (struct sm_str){c->data, c->n};
    b->more = NULL;
    b->nmore = b->more_cap = 0;
    b->file = r->input->index;
    b->file_name = r->input->name;
    b->verdict = NULL;
    b->all_used = false;
    b->nrow = 0;
    b->ncol = (uint32_t)ncol;
    b->nrecord = c->rec.n;
    b->first_record = c->first_record;
    b->lost = NULL;
    b->nlost = 0;
    return SM_OK;
}

/* ---- findings -------------------------------------------------------------------------------- */
static struct sm_str parse_detail(char *to, size_t cap, const char *fmt, ...) SM_PRINTF(3, 4);
static struct sm_str parse_detail(char *to, size_t cap, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(to, cap, fmt, ap);
    va_end(ap);
    return n < 0 ? (struct sm_str){NULL, 0} : sm_str(to);
}

struct sm_str read_sample(const struct read_fields *f) {
    const char *p = f->text.p, *end = p + f->text.n;
    if (f->invalid || f->text.n == 0) return (struct sm_str){f->text.p, 0};
    for (size_t i = 0; i < READ_SAMPLE && p < end; i++)
        (void)sm_utf8_next(&p, end);
    return (struct sm_str){f->text.p, (size_t)(p - f->text.p)};
}

void read_find(struct read_job *j, uint16_t code, enum sm_effect effect, uint32_t field,
               struct sm_str value, struct sm_str detail) {
    if (j->r->opts.quiet) return;
    struct sm_diag d = {.code = code,
                        .effect = (uint8_t)effect,
                        .file = j->r->input->name,
                        .line = j->line,
                        .field = field,
                        .value = value,
                        .detail = detail};
    if (field > 0 && field <= j->r->nname) d.column = j->r->name[field - 1];
    sm_diags_add(&j->b->diags, &d, -1);
}

void read_lose(struct read_job *j, enum sm_fate fate, uint16_t code, const struct sm_where *where) {
    struct sm_batch *b = j->b;
    if (b->nlost == j->lost_cap) {
        size_t cap = j->lost_cap ? j->lost_cap * 2 : 16;
        struct sm_lost *to = sm_arena_array(&b->arena, cap, sizeof *to);
        if (!to) {
            j->failed = true;
            return;
        }
        if (b->nlost) memcpy(to, b->lost, b->nlost * sizeof *to);
        b->lost = to;
        j->lost_cap = cap;
    }
    b->lost[b->nlost++] = (struct sm_lost){j->number, j->line, code, (uint8_t)fate, where};
}

/* A finding about the whole record, which is lost. */
static bool parse_reject(struct read_job *j, uint16_t code, uint32_t field, struct sm_str value,
                         struct sm_str detail) {
    read_find(j, code, SM_EFFECT_DROPPED, field, value, detail);
    read_lose(j, SM_FATE_UNREADABLE, code, NULL);
    return false;
}

/* ---- what can be wrong with a record --------------------------------------------------------- */
static uint32_t parse_stored(const struct read_job *j) {
    uint32_t max = j->r->opts.max_columns;
    return j->f->n < max ? j->f->n : max;
}

/* The field with its bad bytes written out, so that the finding is proper text. */
static struct sm_str parse_escape(struct read_job *j, struct sm_str s) {
    struct sm_buf *b = &j->w->work;
    bool cut;
    sm_buf_clear(b);
    for (size_t i = 0; i < s.n && b->n < READ_SAMPLE * 2;) {
        struct sm_str rest = {s.p + i, s.n - i};
        size_t good = sm_utf8_invalid(rest, &cut);
        if (good == SIZE_MAX) good = rest.n;
        if (good > READ_SAMPLE) {
            for (good = READ_SAMPLE; good > 0 && ((unsigned char)rest.p[good] & 0xC0) == 0x80;)
                good--;
            sm_buf_add(b, rest.p, good);
            break;
        }
        sm_buf_add(b, rest.p, good);
        i += good;
        if (i == s.n) break;
        unsigned c = (unsigned char)s.p[i];
        bool mark = j->r->marked && c == 0xFF && s.n - i >= 3;
        if (mark) c = ((unsigned)s.p[i + 1] & 15) << 4 | ((unsigned)s.p[i + 2] & 15);
        sm_buf_printf(b, "\\x%02X", c);
        i += mark ? 3 : 1;
    }
    if (b->failed) j->failed = true;
    return sm_buf_str(b);
}

static bool parse_encoding(struct read_job *j) {
    unsigned byte;
    char text[128];
    uint32_t i = read_fields_invalid(j->f, j->r, &byte);
    struct sm_str field = i < parse_stored(j) ? j->f->v[i] : (struct sm_str){NULL, 0};
    struct sm_str detail = parse_detail(text, sizeof text, "byte 0x%02X is not valid in %s", byte,
                                        sm_bytes_file_encoding(j->r->bytes));
    return parse_reject(j, SM_D_INVALID_ENCODING, i + 1, parse_escape(j, field), detail);
}

static bool parse_nul(struct read_job *j) {
    struct sm_str none = {NULL, 0};
    uint32_t n = parse_stored(j);
    for (uint32_t i = 0; i < n; i++) {
        struct sm_str s = j->f->v[i];
        const char *at = s.n ? memchr(s.p, 0, s.n) : NULL;
        if (!at) continue;
        struct sm_str value = {s.p, (size_t)(at - s.p)};
        if (value.n > READ_SAMPLE || j->f->invalid) value.n = 0;
        return parse_reject(j, SM_D_NUL_BYTE, i + 1, value, none);
    }
    return parse_reject(j, SM_D_NUL_BYTE, 0, none, none);
}

static bool parse_all_empty(const struct read_job *j) {
    uint32_t n = parse_stored(j);
    for (uint32_t i = 0; i < n; i++)
        if (j->f->v[i].n) return false;
    return n > 1;
}

static bool parse_is_header(struct read_job *j) {
    const struct sm_reader *r = j->r;
    if (r->file->header == 0 || j->f->n != r->nname) return false;
    for (uint32_t i = 0; i < r->nname; i++) {
        struct sm_str s = j->f->v[i], name = r->name[i];
        if (s.n == name.n && (s.n == 0 || memcmp(s.p, name.p, s.n) == 0)) continue;
        if (j->f->tidy || !sm_str_eq(read_clean(s, &j->w->clean), name)) return false;
    }
    return true;
}

/* True if the record has what rows are made of. */
static bool parse_check(struct read_job *j, bool nul) {
    const struct sm_reader *r = j->r;
    const struct read_fields *f = j->f;
    struct sm_str none = {NULL, 0};
    char text[128];
    if (nul && memchr(f->text.p, 0, f->text.n)) return parse_nul(j);
    if (f->invalid) return parse_encoding(j);
    if (j->span->flags & SM_SPAN_BROKEN)
        return parse_reject(j, SM_D_BROKEN_QUOTE, 0, read_sample(f), none);
    if (f->n != 1 && parse_all_empty(j))
        return parse_reject(j, SM_D_BLANK_ROW, 0, read_sample(f), none);
    if (f->n != r->nname)
        return parse_reject(j, SM_D_MALFORMED_ROW, 0, read_sample(f),
                            parse_detail(text, sizeof text,
                                         "%" PRIu32 " %s, the header has %" PRIu32, f->n,
                                         f->n == 1 ? "field" : "fields", r->nname));
    if (parse_is_header(j)) return parse_reject(j, SM_D_REPEATED_HEADER, 0, read_sample(f), none);
    if (f->text.n <= r->opts.max_field) return true;
    for (uint32_t i = 0; i < f->n; i++) {
        if (f->v[i].n <= r->opts.max_field) continue;
        return parse_reject(j, SM_D_FIELD_TOO_LONG, i + 1, read_sample(f),
                            parse_detail(text, sizeof text, "%zu bytes, the limit is %zu",
                                         f->v[i].n, r->opts.max_field));
    }
    return true;
}

/* Where columns without a name first hold something; reported at the end of the file. */
static void parse_unnamed(struct read_job *j) {
    const struct sm_reader *r = j->r;
    for (uint32_t i = 0; i < r->nunnamed; i++) {
        struct read_unnamed *u = &r->unnamed[i];
        const struct sm_str s = read_field(j, u->field);
        if (s.n == 0 || read_clean(s, &j->w->clean).n == 0) continue;
        uint64_t was = atomic_load(&u->line);
        while (j->line < was && !atomic_compare_exchange_weak(&u->line, &was, j->line)) {
        }
    }
}

static bool parse_is_done(const uint8_t *fate, uint64_t nfate, uint64_t number) {
    if (!fate || number > nfate) return false;
    return fate[number - 1] == SM_FATE_DUPLICATE || fate[number - 1] == SM_FATE_UNREADABLE;
}

static void parse_envs(struct read_job *j) {
    const struct sm_reader *r = j->r;
    struct sm_env env = {.in = j->w->in,
                         .lut = (const struct sm_lut *const *)(uintptr_t)r->spec->lut,
                         .dates = r->file->dates,
                         .times = r->file->times,
                         .rules = &r->file->rules,
                         .file_name = r->input->name,
                         .problem = read_problem,
                         .problem_ctx = j};
    j->raw_env = j->row_env = env;
    j->raw_env.col = j->w->rawcol;
    j->row_env.col = (const sm_val *const *)(uintptr_t)j->b->col;
}

void read_at(struct read_job *j, uint32_t k) {
    if (k == j->k) return;
    struct read_fields *f = j->f;
    j->k = k;
    j->span = &j->c->rec.v[j->first + k];
    j->number = j->c->first_record + j->first + k;
    j->line = j->c->line + j->span->line;
    j->raw_env.pos = sm_pos_make(j->b->file, j->line, 0);
    j->w->tick++;
    if (!j->many) return;
    f->text = (struct sm_str){j->c->data + j->span->at, j->span->n};
    f->changed = j->span->flags & SM_SPAN_QUOTE;
}

struct sm_str read_field(const struct read_job *j, uint32_t i) {
    const struct read_fields *f = j->f;
    if (!j->many) return f->v[i];
    const uint32_t *next = f->next + (size_t)j->k * f->n + i;
    return read_many_field(j->c->data, i ? next[-1] : f->start[j->k], next[0]);
}

static void parse_start(struct read_job *j, size_t first, bool many) {
    j->first = first;
    j->many = many;
    j->k = SM_NO;
}

/* Usual records from the first on; gives how many. */
static uint32_t parse_many(struct read_job *j, size_t first, size_t most) {
    const uint32_t n = read_fields_many(j->f, j->r, j->c, first, most);
    parse_start(j, first, true);
    for (uint32_t k = 0; k < n && j->r->nunnamed; k++) {
        read_at(j, k);
        parse_unnamed(j);
    }
    if (n) read_rows(j, 0, n);
    return n;
}

/* Any record. False when out of memory. */
static bool parse_one(struct read_job *j, size_t i, bool nul) {
    parse_start(j, i, false);
    read_at(j, 0);
    struct sm_str raw = {j->c->data + j->span->at, j->span->n};
    if (!read_fields_run(j->f, j->r, raw, j->span->flags)) return false;
    if (!parse_check(j, nul)) return true;
    if (j->r->nunnamed) parse_unnamed(j);
    read_rows(j, 0, 1);
    return true;
}

/* How many records from i on can be taken together. */
static size_t parse_run(const struct read_job *j, const uint8_t *fate, uint64_t nfate, size_t i) {
    const size_t left = j->c->rec.n - i, most = left < j->r->many ? left : j->r->many;
    for (size_t n = 1; n < most && fate; n++)
        if (parse_is_done(fate, nfate, j->c->first_record + i + n)) return n;
    return most;
}

/* Where few records are usual, the look for them is taken less often. */
struct parse_shy {
    uint32_t left, next;
};
static bool shy_is_due(struct parse_shy *shy) {
    if (shy->left == 0) return true;
    shy->left--;
    return false;
}
static void shy_learn(struct parse_shy *shy, size_t found) {
    shy->next = found ? 0 : shy->next < READ_ROWS ? shy->next * 2 + 1 : shy->next;
    shy->left = shy->next;
}

int sm_reader_parse(const struct sm_reader *r, struct sm_read_worker *w, const struct sm_chunk *c,
                    const uint8_t *fate, uint64_t nfate, struct sm_batch *b, struct sm_err *err) {
    int rc = batch_prepare(b, r, c, err);
    if (!rc) rc = worker_fit(w, r, err);
    if (rc) return rc;
    struct read_job j = {.r = r, .w = w, .c = c, .b = b, .f = &w->fields};
    struct parse_shy shy = {0, 0};
    parse_envs(&j);
    bool nul = c->n && memchr(c->data, 0, c->n);
    for (size_t i = 0; i < c->rec.n; i++) {
        if (parse_is_done(fate, nfate, c->first_record + i)) continue;
        if (!nul && shy_is_due(&shy)) {
            const size_t most = parse_run(&j, fate, nfate, i), n = parse_many(&j, i, most);
            shy_learn(&shy, n);
            i += n;
            if (n == most && i-- > 0) continue;
        }
        if (!parse_one(&j, i, nul)) return sm_fail(err, SM_ENOMEM, "out of memory");
    }
    if (j.failed || sm_intern_failed(w->in) || w->clean.failed)
        return sm_fail(err, SM_ENOMEM, "out of memory, or a value is longer than 1 MiB");
    return SM_OK;
}

/* ---- looking back ---------------------------------------------------------------------------- */
/* Only findings ask for it, so the record is cut into fields once more. */
static struct sm_raw_cell batch_raw(const struct sm_batch *b, uint32_t row, uint32_t column,
                                    struct sm_str *ret_header) {
    const struct read_back *back = b->reader;
    const struct sm_reader *r = back->r;
    struct sm_raw_cell ret = {{NULL, 0}, 0};
    uint32_t field = SM_NO;
    if (ret_header) *ret_header = (struct sm_str){NULL, 0};
    const struct read_cell *cell = read_cell_of(r, back->from ? back->from[row] : 0, column);
    if (column >= r->source->ncolumn)
        field = r->subject_field;
    else if (cell)
        field = cell->field;
    uint64_t i = b->record[row] - back->c->first_record;
    if (field == SM_NO || i >= back->c->rec.n) return ret;
    struct read_fields f;
    const struct sm_span *span = &back->c->rec.v[i];
    struct sm_str raw = {back->c->data + span->at, span->n};
    if (read_fields_open(&f, NULL) || !read_fields_run(&f, r, raw, span->flags)) {
        ((struct sm_batch *)(uintptr_t)b)->diags.failed = true;
    } else if (field < f.n) {
        ret.text = sm_arena_dup((struct sm_arena *)(uintptr_t)&b->arena, f.v[field]);
        ret.field = field + 1;
        if (ret_header) *ret_header = r->name[field];
    }
    read_fields_close(&f);
    return ret;
}
