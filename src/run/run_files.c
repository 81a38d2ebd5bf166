/* SPDX-License-Identifier: MIT */
/* run_files.c - what stands beside the datasets: issues.csv, rejects/, manifest.json. */
#include <jansson.h>

#include "run_priv.h"
#include "sdtmill/buf.h"
#include "sdtmill/csvw.h"
#include "sdtmill/err.h"
#include "sdtmill/hash.h"
#include "sdtmill/mem.h"

/* ---- issues.csv ------------------------------------------------------------------------------ */
/* A blank at an end needs no quotes here. */
static bool needs_quotes(struct sm_str s) {
    bool needs = false;
    for (size_t i = 0; i < s.n && !needs; i++)
        needs = s.p[i] == '"' || s.p[i] == ',' || s.p[i] == '\n' || s.p[i] == '\r';
    return needs;
}

static void csv_cell(struct sm_buf *b, struct sm_str s, char end) {
    if (!sm_buf_reserve(b, 2 * s.n + 3)) return;
    char *p = b->p + b->n;
    if (!sm_csv_plain(s) && needs_quotes(s)) {
        p = sm_csv_put_quoted(p, s);
    } else if (s.n) {
        memcpy(p, s.p, s.n);
        p += s.n;
    }
    *p++ = end;
    b->n = (size_t)(p - b->p);
}

static void csv_number(struct sm_buf *b, uint64_t n) {
    if (n) sm_buf_add_u64(b, n);
    sm_buf_add_byte(b, ',');
}

struct sm_str run_map_name(const struct run *r, struct sm_str file) {
    const char *slash = strrchr(r->spec->path.p, '/');
    size_t n = slash ? (size_t)(slash - r->spec->path.p) + 1 : 0;
    return n && sm_str_starts(file, sm_str_n(r->spec->path.p, n)) ? sm_str_n(file.p + n, file.n - n)
                                                                  : file;
}

/* The last digit of a code's number, which has four. */
static char digit(unsigned n) {
    return (char)('0' + n % 10);
}

/* What lines of findings of one shape share: before the subject, the line, the value, at the end; and
 * the message of those that have none of their own. */
enum { ISSUE_SHAPES = 64, ISSUE_PARTS = 4 };
struct issue_shape {
    const void *of; /* NULL = none */
    struct sm_str title;
    struct sm_buf text;
    size_t end[ISSUE_PARTS];
};

static void shape_make(const struct run *r, struct issue_shape *s, const struct sm_diags_walk *w) {
    const struct sm_diag *d = &w->diag;
    const struct sm_diag_info *info = sm_diag_info(d->code);
    const unsigned n = d->code;
    const char code[] = {'S', 'M', digit(n / 1000), digit(n / 100), digit(n / 10), digit(n)};
    struct sm_buf *b = &s->text;
    s->of = w->shape;
    s->title = sm_str(info ? info->title : "");
    sm_buf_clear(b);
    csv_cell(b, sm_str(sm_sev_name((enum sm_sev)d->sev)), ',');
    csv_cell(b, sm_str_n(code, sizeof code), ',');
    csv_cell(b, sm_str(info ? info->kind : ""), ',');
    csv_cell(b, sm_str(sm_effect_name((enum sm_effect)d->effect)), ',');
    csv_cell(b, d->domain, ',');
    csv_cell(b, d->variable, ',');
    s->end[0] = b->n;
    csv_cell(b, d->file, ',');
    s->end[1] = b->n;
    csv_cell(b, d->column, ',');
    csv_number(b, d->field);
    s->end[2] = b->n;
    csv_cell(b, d->mend.n ? d->mend : sm_str(info ? info->mend : ""), ',');
    if (d->map_file.n) {
        sm_buf_add_str(b, run_map_name(r, d->map_file));
        if (d->map_line) sm_buf_add_byte(b, ':');
        if (d->map_line) sm_buf_add_u64(b, d->map_line);
    }
    sm_buf_add_byte(b, '\n');
    s->end[3] = b->n;
}

static void shape_part(struct sm_buf *b, const struct issue_shape *s, unsigned part) {
    const size_t from = part ? s->end[part - 1] : 0;
    sm_buf_add(b, s->text.p + from, s->end[part] - from);
}

static int issue_line(const struct run *r, struct issue_shape *known, struct sm_buf *b,
                      const struct sm_diags_walk *w, struct sm_err *err) {
    const struct sm_diag *d = &w->diag;
    struct issue_shape *s = &known[(uintptr_t)w->shape / 64 % ISSUE_SHAPES];
    if (s->of != w->shape) shape_make(r, s, w);
    int rc = sm_buf_check(&s->text, err);
    if (rc) return rc;
    shape_part(b, s, 0);
    csv_cell(b, d->subject, ',');
    shape_part(b, s, 1);
    csv_number(b, d->line);
    shape_part(b, s, 2);
    csv_cell(b, d->value, ',');
    csv_cell(b, d->detail.n ? d->detail : s->title, ',');
    shape_part(b, s, 3);
    return sm_buf_check(b, err);
}

static int write_lines(const struct run *r, struct sm_sink *k, size_t n, struct sm_err *err) {
    struct issue_shape *known = sm_alloc(ISSUE_SHAPES, sizeof *known);
    struct sm_diags_walk w;
    struct sm_buf b;
    int rc = known ? SM_OK : sm_fail(err, SM_ENOMEM, "out of memory");
    sm_buf_init(&b, 0);
    for (size_t i = 0; known && i < ISSUE_SHAPES; i++)
        sm_buf_init(&known[i].text, 0);
    for (size_t i = 0; i < n && !rc; i++) {
        sm_diags_get(r->diags, i, &w);
        rc = issue_line(r, known, &b, &w, err);
        sm_sink_write(k, b.p, b.n);
        sm_buf_clear(&b);
    }
    for (size_t i = 0; known && i < ISSUE_SHAPES; i++)
        sm_buf_free(&known[i].text);
    sm_buf_free(&b);
    sm_free(known);
    return rc;
}

int run_write_issues(struct run *r, struct sm_err *err) {
    static const char header[] = "SEVERITY,CODE,KIND,EFFECT,DOMAIN,VARIABLE,USUBJID,FILE,LINE,COLUMN,FIELD,RAW_"
                                 "VALUE,MESSAGE,MEND,MAPPING\n";
    size_t n;
    if (!sm_diags_sort(r->diags, &n)) return sm_fail(err, SM_ENOMEM, "out of memory for findings");
    struct sm_sink *k;
    int rc = sm_stage_file(r->stage, "issues.csv", &k, err);
    if (rc) return rc;
    sm_sink_write(k, header, sizeof header - 1);
    rc = write_lines(r, k, n, err);
    uint64_t size;
    char digest[65];
    int closed = sm_sink_close(k, &size, digest, err);
    if (!rc && !closed) run_note_output(r, "issues.csv", (struct sm_str){NULL, 0}, n, size, digest);
    return rc ? rc : closed;
}

/* ---- rejects/ -------------------------------------------------------------------------------- */
static bool is_rejected(const struct run_input *in, uint64_t record) {
    uint8_t f = record - 1 < in->nrecord ? in->fate[record - 1] : (uint8_t)SM_FATE_NONE;
    return f == SM_FATE_REJECTED || f == SM_FATE_UNREADABLE;
}

static int copy_rejects(struct sm_reader *reader, const struct run_input *in, struct sm_sink *k,
                        uint64_t *ret_n, struct sm_err *err) {
    struct sm_diags ignored;
    struct sm_chunk *c = NULL;
    struct sm_buf b;
    sm_diags_init(&ignored);
    sm_buf_init(&b, 0);
    sm_reader_raw_header(reader, &b);
    int rc = SM_OK;
    while (!rc && !(rc = sm_reader_chunk(reader, &c, &ignored, err))) {
        for (uint64_t i = 0; i < sm_chunk_records(c); i++) {
            if (!is_rejected(in, sm_chunk_first_record(c) + i)) continue;
            sm_chunk_raw_record(reader, c, i, &b);
            ++*ret_n;
        }
        rc = sm_buf_check(&b, err);
        sm_sink_write(k, b.p, b.n);
        sm_buf_clear(&b);
    }
    sm_chunk_free(c);
    sm_buf_free(&b);
    sm_diags_free(&ignored);
    return rc == SM_EOF ? SM_OK : rc;
}

static int write_reject_file(struct run *r, struct run_input *in, struct sm_err *err) {
    struct sm_read_opts o = {
        .chunk = r->opts->chunk, .max_field = r->opts->max_field, .quiet = true};
    struct sm_reader *reader = NULL;
    struct sm_sink *k = NULL;
    struct sm_str name = sm_arena_printf(&r->arena, "rejects/%s", in->in.name.p);
    if (!name.p) return sm_fail(err, SM_ENOMEM, "out of memory");
    int rc = sm_reader_open(&reader, r->spec, &in->in, &o, r->diags, err);
    if (!rc) rc = sm_stage_file(r->stage, name.p, &k, err);
    uint64_t n = 0, size;
    char digest[65];
    if (!rc) rc = copy_rejects(reader, in, k, &n, err);
    sm_reader_close(reader);
    if (!k) return rc;
    int closed = sm_sink_close(k, &size, digest, err);
    if (!rc && !closed) run_note_output(r, name.p, (struct sm_str){NULL, 0}, n, size, digest);
    return rc ? rc : closed;
}

int run_write_rejects(struct run *r, struct sm_err *err) {
    for (size_t i = 0; i < r->ninput; i++) {
        struct run_input *in = &r->input[i];
        const size_t n = (size_t)in->nrecord;
        bool any =
            n && (memchr(in->fate, SM_FATE_REJECTED, n) || memchr(in->fate, SM_FATE_UNREADABLE, n));
        int rc = any ? write_reject_file(r, in, err) : SM_OK;
        if (rc) return rc;
    }
    return SM_OK;
}

/* ---- manifest.json --------------------------------------------------------------------------- */
static json_t *text(struct sm_str s) {
    return json_stringn_nocheck(s.p ? s.p : "", s.p ? s.n : 0);
}
static json_t *count(uint64_t n) {
    return json_integer((json_int_t)n);
}

static json_t *ledger_json(const struct sm_ledger_row *w) {
    json_t *o = json_object(), *why = json_object();
    json_object_set_new(o, "file", text(w->file));
    json_object_set_new(o, "source", text(w->source));
    json_object_set_new(o, "bytes", count(w->bytes));
    json_object_set_new(o, "sha256", json_string(w->sha256));
    json_object_set_new(o, "rows", count(w->read));
    json_object_set_new(o, "used", count(w->used));
    json_object_set_new(o, "filtered", count(w->filtered));
    json_object_set_new(o, "rejected", count(w->rejected));
    json_object_set_new(o, "duplicates", count(w->duplicates));
    json_object_set_new(o, "records", count(w->records));
    for (size_t i = 0; i < w->nwhy; i++)
        json_object_set_new(why, w->why[i].reason.p, count(w->why[i].rows));
    json_object_set_new(o, "reasons", why);
    return o;
}

static json_t *inputs_json(const struct run *r) {
    json_t *a = json_array();
    for (uint32_t i = 0; i < r->spec->ninput; i++) {
        char digest[65] = "";
        struct sm_sha256 *h;
        struct sm_err e = {0};
        FILE *f = fopen(r->spec->input[i].p, "rb");
        if (f && !sm_sha256_open(&h, &e)) {
            char buf[65536];
            for (size_t n; (n = fread(buf, 1, sizeof buf, f)) > 0;)
                sm_sha256_add(h, buf, n);
            sm_sha256_finish(h, digest);
        }
        if (f) fclose(f);
        const char *slash = strrchr(r->spec->input[i].p, '/');
        json_t *o = json_object();
        json_object_set_new(o, "file", json_string(slash ? slash + 1 : r->spec->input[i].p));
        json_object_set_new(o, "sha256", json_string(digest));
        json_array_append_new(a, o);
    }
    return a;
}

static json_t *outputs_json(const struct sm_run_result *res) {
    json_t *a = json_array();
    for (size_t i = 0; i < res->noutput; i++) {
        const struct sm_output_row *w = &res->output[i];
        json_t *o = json_object();
        json_object_set_new(o, "file", text(w->path));
        if (w->dataset.n) json_object_set_new(o, "dataset", text(w->dataset));
        json_object_set_new(o, "rows", count(w->rows));
        json_object_set_new(o, "bytes", count(w->bytes));
        json_object_set_new(o, "sha256", json_string(w->sha256));
        json_array_append_new(a, o);
    }
    return a;
}

static json_t *findings_json(struct run *r) {
    json_t *a = json_array();
    size_t n = 0;
    uint64_t(*tally)[SM_SEV_COUNT] = sm_alloc(sm_diag_count(), sizeof *tally);
    if (!tally || !sm_diags_sort(r->diags, &n)) {
        sm_free(tally);
        json_decref(a);
        return NULL;
    }
    sm_diags_tally(r->diags, tally);
    for (size_t c = 0; c < sm_diag_count(); c++) {
        const struct sm_diag_info *info = sm_diag_at(c);
        const uint64_t *by = tally[c];
        if (!by[0] && !by[1] && !by[2]) continue;
        char code[16];
        snprintf(code, sizeof code, "SM%04u", (unsigned)info->code);
        json_t *o = json_object();
        json_object_set_new(o, "code", json_string(code));
        json_object_set_new(o, "kind", json_string(info->kind));
        json_object_set_new(o, "errors", count(by[2]));
        json_object_set_new(o, "warnings", count(by[1]));
        json_object_set_new(o, "notes", count(by[0]));
        json_array_append_new(a, o);
    }
    sm_free(tally);
    return a;
}

static json_t *manifest_json(struct run *r, const struct sm_run_result *res) {
    json_t *o = json_object(), *ledger = json_array();
    json_object_set_new(o, "program", json_string("sdtmill"));
    json_object_set_new(o, "version", json_string(sm_version()));
    json_object_set_new(o, "command", json_string(r->opts->command ? r->opts->command : ""));
    json_object_set_new(o, "created", json_string(r->created));
    json_object_set_new(o, "study", text(r->spec->oid));
    json_object_set_new(o, "standard", text(r->spec->standard));
    json_object_set_new(o, "mapping", inputs_json(r));
    for (size_t i = 0; i < res->nledger; i++)
        json_array_append_new(ledger, ledger_json(&res->ledger[i]));
    json_object_set_new(o, "ledger", ledger);
    if (json_object_set_new(o, "findings", findings_json(r)) != 0) {
        json_decref(o);
        return NULL;
    }
    json_object_set_new(o, "outputs", outputs_json(res));
    if (!getenv("SOURCE_DATE_EPOCH")) {
        json_t *run = json_object();
        json_object_set_new(run, "seconds", json_real(res->seconds));
        json_object_set_new(run, "peak_memory", count(res->peak_memory));
        json_object_set_new(run, "threads", count(r->threads));
        json_object_set_new(run, "memory_limit", count(r->memory));
        json_object_set_new(o, "run", run);
    }
    return o;
}

int run_write_manifest(struct run *r, const struct sm_run_result *res, struct sm_err *err) {
    json_t *o = manifest_json(r, res);
    char *dump = o ? json_dumps(o, JSON_INDENT(1) | JSON_REAL_PRECISION(4)) : NULL;
    json_decref(o);
    if (!dump) return sm_fail(err, SM_ENOMEM, "out of memory");
    struct sm_buf b;
    sm_buf_init(&b, 0);
    sm_buf_add_c(&b, dump);
    (free)(dump); /* jansson's own block */
    struct sm_sink *k;
    int rc = run_manifest_seal(&b, err);
    if (!rc) rc = sm_stage_file(r->stage, "manifest.json", &k, err);
    if (!rc) {
        sm_sink_write(k, b.p, b.n);
        rc = sm_sink_close(k, NULL, NULL, err);
    }
    sm_buf_free(&b);
    return rc;
}
