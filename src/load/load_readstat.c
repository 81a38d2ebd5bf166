/* SPDX-License-Identifier: MIT */
/* load_readstat.c - SAS7BDAT through libreadstat. The library pushes cells, callers pull blocks: the
 * parse runs in a thread of its own, and the two sides take turns, so that one block is held and only
 * one side is ever at work (which lets both use the caller's interning front). */
#include <pthread.h>
#include <readstat.h>

#include "load_priv.h"

enum turn { TURN_CALLER, TURN_PARSER, TURN_OVER };
struct sas {
    pthread_t thread;
    bool running, stop;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool locks;
    enum turn turn;
    readstat_error_t result;
    int failed;                    /* an own failure, in err */
    struct sm_err err;
    char why[200];
    struct sm_loader *l;
    bool ready;                    /* variables are all there */
    sm_val *row;
    uint64_t rows, want;           /* begun so far; in the header */
    int columns;                   /* as the header says */
    off_t at;                      /* memory files */
};

static bool sas_bid(struct sm_str head, bool gzip) {
    static const unsigned char magic[32] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xC2, 0xEA, 0x81, 0x60, 0xB3, 0x14, 0x11, 0xCF,
                                            0xBD, 0x92, 0x08, 0x00, 0x09, 0xC7, 0x31, 0x8C, 0x18, 0x1F, 0x10, 0x11};
    return !gzip && head.n >= sizeof magic && memcmp(head.p, magic, sizeof magic) == 0;
}

/* ---- taking turns ----------------------------------------------------------------------------------- */
/* Gives the turn away and waits for it. Not after TURN_OVER. */
static void yield(struct sas *s, enum turn to, enum turn mine) {
    (void)pthread_mutex_lock(&s->lock);
    s->turn = to;
    (void)pthread_cond_broadcast(&s->changed);
    while (s->turn != mine && s->turn != TURN_OVER) (void)pthread_cond_wait(&s->changed, &s->lock);
    (void)pthread_mutex_unlock(&s->lock);
}

static int own_fail(struct sas *s, int rc) {
    s->failed = rc;
    return READSTAT_HANDLER_ABORT;
}

/* ---- handlers, on the parser's thread ---------------------------------------------------------------- */
static int dup_c(struct sas *s, const char *from, struct sm_str *to) {
    *to = sm_arena_dup(&s->l->arena, sm_str(from ? from : ""));
    return to->p ? SM_OK : sm_fail(&s->err, SM_ENOMEM, "out of memory");
}

static int on_metadata(readstat_metadata_t *m, void *ctx) {
    struct sas *s = ctx;
    int rows = readstat_get_row_count(m);
    s->columns = readstat_get_var_count(m);
    if (rows >= 0) s->want = (uint64_t)rows;
    int rc = dup_c(s, readstat_get_table_name(m), &s->l->info.name);
    if (!rc) rc = dup_c(s, readstat_get_file_label(m), &s->l->info.label);
    if (!rc) rc = load_vars(s->l, s->columns > 0 ? (uint32_t)s->columns : 0, &s->err);
    return rc ? own_fail(s, rc) : READSTAT_HANDLER_OK;
}

static int on_variable(int index, readstat_variable_t *v, const char *labels, void *ctx) {
    struct sas *s = ctx;
    (void)labels;
    if (index < 0 || (uint32_t)index >= s->l->info.nvar) return own_fail(s, load_fail(s->l, &s->err, "more variables than its header says"));
    struct sm_dsvar *d = &s->l->info.var[index];
    int rc = dup_c(s, readstat_variable_get_name(v), &d->name);
    if (!rc) rc = dup_c(s, readstat_variable_get_label(v), &d->label);
    d->is_num = readstat_variable_get_type_class(v) == READSTAT_TYPE_CLASS_NUMERIC;
    d->is_dtc = !d->is_num && load_name_is_dtc(d->name);
    d->length = (uint32_t)readstat_variable_get_storage_width(v);
    return rc ? own_fail(s, rc) : READSTAT_HANDLER_OK;
}

static int row_begin(struct sas *s) {
    if (!s->ready) {
        s->ready = true;
        yield(s, TURN_CALLER, TURN_PARSER);
    }
    if (!s->stop && s->l->nrow == LOAD_ROWS) yield(s, TURN_CALLER, TURN_PARSER);
    if (s->stop) return READSTAT_HANDLER_ABORT;
    s->row = load_row(s->l);
    return READSTAT_HANDLER_OK;
}

static int on_value(int obs, readstat_variable_t *v, readstat_value_t value, void *ctx) {
    struct sas *s = ctx;
    int i = readstat_variable_get_index(v);
    if ((!s->row || (uint64_t)obs + 1 != s->rows) && row_begin(s) != READSTAT_HANDLER_OK) return READSTAT_HANDLER_ABORT;
    s->rows = (uint64_t)obs + 1;
    if (i < 0 || (uint32_t)i >= s->l->info.nvar || readstat_value_is_system_missing(value)) return READSTAT_HANDLER_OK;
    const struct sm_dsvar *d = &s->l->info.var[i];
    if (d->is_num) {
        s->row[i] = load_cell_double(s->l, readstat_double_value(value));
        return READSTAT_HANDLER_OK;
    }
    struct sm_str text = sm_str(readstat_string_value(value));
    while (text.n > 0 && text.p[text.n - 1] == ' ') text.n--;
    enum load_cell got = load_cell(s->l, d, text, &s->row[i]);
    if (got == LOAD_CELL_OK) return READSTAT_HANDLER_OK;
    return own_fail(s, load_fail(s->l, &s->err, "record %" PRIu64 ", %.*s: %s", s->rows, SM_STR_FMT(d->name), load_cell_why(got)));
}

static void on_error(const char *message, void *ctx) {
    struct sas *s = ctx;
    (void)snprintf(s->why, sizeof s->why, "%s", message);
}

/* ---- a file in memory -------------------------------------------------------------------------------- */
static int mem_open(const char *path, void *ctx) {
    (void)path, (void)ctx;
    return 0;
}
static int mem_close(void *ctx) {
    (void)ctx;
    return 0;
}
static readstat_off_t mem_seek(readstat_off_t to, readstat_io_flags_t whence, void *ctx) {
    struct sas *s = ctx;
    off_t size = (off_t)s->l->memory.n, base = whence == READSTAT_SEEK_SET ? 0 : whence == READSTAT_SEEK_CUR ? s->at : size;
    if (base + to < 0 || base + to > size) return -1;
    return s->at = base + to;
}
static ssize_t mem_read(void *buf, size_t n, void *ctx) {
    struct sas *s = ctx;
    size_t left = s->l->memory.n - (size_t)s->at;
    if (n > left) n = left;
    if (n) memcpy(buf, s->l->memory.p + s->at, n);
    s->at += (off_t)n;
    return (ssize_t)n;
}

static void parse(struct sas *s) {
    readstat_parser_t *p = readstat_parser_init();
    if (!p) {
        s->failed = sm_fail(&s->err, SM_ENOMEM, "out of memory");
        return;
    }
    (void)readstat_set_metadata_handler(p, on_metadata);
    (void)readstat_set_variable_handler(p, on_variable);
    (void)readstat_set_value_handler(p, on_value);
    (void)readstat_set_error_handler(p, on_error);
    if (s->l->in_memory) {
        (void)readstat_set_open_handler(p, mem_open);
        (void)readstat_set_close_handler(p, mem_close);
        (void)readstat_set_seek_handler(p, mem_seek);
        (void)readstat_set_read_handler(p, mem_read);
        (void)readstat_set_io_ctx(p, s);
    }
    s->result = readstat_parse_sas7bdat(p, s->l->path, s);
    readstat_parser_free(p);
}

static void *thread_main(void *ctx) {
    struct sas *s = ctx;
    (void)pthread_mutex_lock(&s->lock);
    while (s->turn != TURN_PARSER) (void)pthread_cond_wait(&s->changed, &s->lock);
    (void)pthread_mutex_unlock(&s->lock);
    if (!s->stop) parse(s);
    (void)pthread_mutex_lock(&s->lock);
    s->turn = TURN_OVER;
    (void)pthread_cond_broadcast(&s->changed);
    (void)pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* ---- the caller's side ------------------------------------------------------------------------------- */
static int outcome(struct sas *s, struct sm_err *err) {
    if (s->failed) return sm_fail(err, s->err.code, "%s", s->err.text);
    if (s->result == READSTAT_OK) return SM_EOF;
    return load_fail(s->l, err, "record %" PRIu64 ": %s", s->rows, s->why[0] ? s->why : readstat_error_message(s->result));
}

static int sas_open(struct sm_loader *l, struct sm_err *err) {
    struct sas *s = l->state;
    s->l = l;
    s->want = UINT64_MAX;
    s->turn = TURN_CALLER;
    if (pthread_mutex_init(&s->lock, NULL) != 0 || pthread_cond_init(&s->changed, NULL) != 0) return sm_fail(err, SM_ENOMEM, "no lock");
    s->locks = true;
    l->knows = SM_LOAD_LABELS | SM_LOAD_TYPES | SM_LOAD_LENGTHS | SM_LOAD_ORDER;
    if (pthread_create(&s->thread, NULL, thread_main, s) != 0) return sm_fail(err, SM_ENOMEM, "no thread");
    s->running = true;
    yield(s, TURN_PARSER, TURN_CALLER);
    if (!s->ready) { /* over without a row */
        int rc = outcome(s, err);
        if (rc != SM_EOF) return rc;
    }
    if (l->info.nvar == 0) return load_fail(l, err, "no variables");
    for (uint32_t i = 0; i < l->info.nvar; i++)
        if (l->info.var[i].name.n == 0) return load_fail(l, err, "variable %u has no name", i + 1);
    if (l->info.name.n == 0) l->info.name = load_stem(l);
    l->info.name = load_upper(&l->arena, l->info.name);
    l->want_rows = s->want;
    return SM_OK;
}

static int sas_next(struct sm_loader *l, struct sm_err *err) {
    struct sas *s = l->state;
    if (s->turn == TURN_OVER) return outcome(s, err);
    yield(s, TURN_PARSER, TURN_CALLER);
    return s->turn == TURN_OVER ? outcome(s, err) : SM_OK;
}

static void sas_close(struct sm_loader *l) {
    struct sas *s = l->state;
    if (s->running) {
        s->stop = true;
        if (s->turn != TURN_OVER) yield(s, TURN_PARSER, TURN_OVER);
        (void)pthread_join(s->thread, NULL);
    }
    if (!s->locks) return;
    (void)pthread_mutex_destroy(&s->lock);
    (void)pthread_cond_destroy(&s->changed);
}

const struct sm_load_ops load_sas_ops = {"sas7bdat", sizeof(struct sas), sas_bid, sas_open, sas_next, sas_close};
