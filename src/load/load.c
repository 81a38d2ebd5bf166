/* SPDX-License-Identifier: MIT */
/* load.c - the front end: picks the back end, owns the block, keeps the promises about failures. */
#include "load_priv.h"

int load_fail(const struct sm_loader *l, struct sm_err *err, const char *fmt, ...) {
    char what[700];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    return sm_fail(err, SM_EFORMAT, "%s: %s", l->path, what);
}

/* Damage inside gzip data or a UTF-16 character is found below; what the system refuses has its errno. */
static int bytes_fail(const struct sm_loader *l, int rc, const struct sm_err *own, struct sm_err *err) {
    if (own->code == SM_EDATA && own->sys == 0) return load_fail(l, err, "%s", own->text);
    return sm_fail(err, (enum sm_rc)rc, "%s: %s", l->path, own->text);
}

int load_bytes_open(const struct sm_loader *l, const char *encoding, struct sm_bytes **ret, struct sm_err *err) {
    struct sm_source_opts o = {.encoding = encoding};
    struct sm_err own = {0};
    int rc = l->in_memory ? sm_bytes_open_memory(ret, l->memory, &o, &own) : sm_bytes_open(ret, l->path, &o, &own);
    return rc ? bytes_fail(l, rc, &own, err) : SM_OK;
}

int load_bytes_read(const struct sm_loader *l, struct sm_bytes *b, char *buf, size_t cap, size_t *ret_n, struct sm_err *err) {
    struct sm_err own = {0};
    int rc = sm_bytes_read(b, buf, cap, ret_n, &own);
    return rc ? bytes_fail(l, rc, &own, err) : SM_OK;
}

int load_vars(struct sm_loader *l, uint32_t n, struct sm_err *err) {
    if (n == 0) return load_fail(l, err, "no variables");
    if (n > LOAD_MAX_VARS) return sm_fail(err, SM_ELIMIT, "%s: more than %d variables", l->path, (int)LOAD_MAX_VARS);
    uint32_t *column = sm_arena_array(&l->arena, n, sizeof *column);
    l->info.var = sm_arena_array(&l->arena, n, sizeof *l->info.var);
    if (!column || !l->info.var) return sm_fail(err, SM_ENOMEM, "out of memory");
    for (uint32_t i = 0; i < n; i++) column[i] = i;
    l->info.column = column;
    l->info.nvar = l->info.block_ncol = n;
    return SM_OK;
}

static int block_make(struct sm_loader *l, struct sm_err *err) {
    l->cell = sm_alloc((size_t)LOAD_ROWS * l->info.nvar, sizeof *l->cell);
    l->pos = sm_alloc(LOAD_ROWS, sizeof *l->pos);
    return l->cell && l->pos ? SM_OK : sm_fail(err, SM_ENOMEM, "out of memory");
}

sm_val *load_row(struct sm_loader *l) {
    sm_val *row = l->cell + (size_t)l->nrow * l->info.nvar;
    memset(row, 0, l->info.nvar * sizeof *row);
    l->info.rows++;
    l->pos[l->nrow++] = sm_pos_make(l->opts.file, l->info.rows, 0);
    return row;
}

struct sm_str load_upper(struct sm_arena *a, struct sm_str s) {
    struct sm_str d = sm_arena_printf(a, "%.*s", SM_STR_FMT(s));
    char *p = d.p ? sm_arena_alloc(a, d.n + 1) : NULL;
    if (!p) return (struct sm_str){NULL, 0};
    for (size_t i = 0; i < d.n; i++) p[i] = sm_to_upper(d.p[i]);
    return (struct sm_str){p, d.n};
}

struct sm_str load_stem(struct sm_loader *l) {
    const char *slash = strrchr(l->path, '/'), *base = slash ? slash + 1 : l->path, *dot = strchr(base, '.');
    return load_upper(&l->arena, sm_str_n(base, dot && dot > base ? (size_t)(dot - base) : strlen(base)));
}

/* ---- opening ------------------------------------------------------------------------------------- */
static int head_read(struct sm_loader *l, char *head, size_t *ret_n, struct sm_err *err) {
    struct sm_bytes *b = NULL;
    size_t n = 1;
    int rc = load_bytes_open(l, NULL, &b, err);
    *ret_n = 0;
    while (!rc && n > 0 && *ret_n < LOAD_HEAD) {
        rc = load_bytes_read(l, b, head + *ret_n, LOAD_HEAD - *ret_n, &n, err);
        if (!rc) *ret_n += n;
    }
    sm_bytes_close(b);
    return rc;
}

static int file_gzip(struct sm_loader *l, struct sm_err *err) {
    unsigned char two[2] = {0};
    if (l->in_memory) {
        if (l->memory.n >= 2) memcpy(two, l->memory.p, 2);
    } else {
        FILE *f = fopen(l->path, "rb");
        if (!f) return sm_fail_sys(err, SM_EDATA, "%s", l->path);
        if (fread(two, 1, 2, f) != 2) two[0] = 0;
        (void)fclose(f);
    }
    l->gzip = two[0] == 0x1F && two[1] == 0x8B;
    return SM_OK;
}

static int map_make(struct sm_loader *l, struct sm_err *err) {
    bool fits;
    if (!l->opts.encoding || sm_str_eq_nocase(sm_str(l->opts.encoding), SM_STR("UTF-8"))) return SM_OK;
    l->map = sm_alloc(1, sizeof *l->map);
    if (!l->map) return sm_fail(err, SM_ENOMEM, "out of memory");
    int rc = sm_charmap_make(l->map, l->opts.encoding, &fits, err);
    if (rc || fits) return rc;
    sm_free(l->map); /* several bytes a character: sm_bytes turns it into UTF-8 itself */
    l->map = NULL;
    return SM_OK;
}

static int loader_start(struct sm_loader *l, struct sm_err *err) {
    char head[LOAD_HEAD];
    size_t n;
    int rc = file_gzip(l, err);
    if (!rc) rc = map_make(l, err);
    if (!rc) rc = head_read(l, head, &n, err);
    if (rc) return rc;
    if (n == 0) return load_fail(l, err, "the file is empty");
    for (size_t i = 0; sm_load_at(i) && !l->ops; i++)
        if (sm_load_at(i)->bid((struct sm_str){head, n}, l->gzip)) l->ops = sm_load_at(i);
    if (!l->ops) return load_fail(l, err, "none of the formats that can be read (CSV, Dataset-XML, Dataset-JSON, XPORT, SAS7BDAT)");
    l->format = l->ops->name;
    l->state = sm_alloc(1, l->ops->state_size);
    if (!l->state) return sm_fail(err, SM_ENOMEM, "out of memory");
    rc = l->ops->open(l, err);
    if (!rc && !l->cell) rc = block_make(l, err);
    return rc;
}

static int loader_new(struct sm_loader **ret, const char *path, const struct sm_load_opts *opts, struct sm_intern *in,
                      struct sm_err *err) {
    struct sm_loader *l = sm_alloc(1, sizeof *l);
    *ret = l;
    if (!l) return sm_fail(err, SM_ENOMEM, "out of memory");
    sm_arena_init(&l->arena);
    if (opts) l->opts = *opts;
    l->in = in;
    l->want_rows = UINT64_MAX;
    l->path = sm_arena_dup(&l->arena, sm_str(path)).p;
    return l->path ? SM_OK : sm_fail(err, SM_ENOMEM, "out of memory");
}

static int loader_give(struct sm_loader **ret, int rc) {
    if (rc == SM_OK) return SM_OK;
    sm_loader_close(*ret);
    *ret = NULL;
    return rc;
}

int sm_loader_open(struct sm_loader **ret, const char *path, const struct sm_load_opts *opts, struct sm_intern *in, struct sm_err *err) {
    int rc = loader_new(ret, path, opts, in, err);
    if (!rc) rc = loader_start(*ret, err);
    return loader_give(ret, rc);
}

int sm_loader_open_memory(struct sm_loader **ret, const char *name, struct sm_str data, const struct sm_load_opts *opts,
                          struct sm_intern *in, struct sm_err *err) {
    int rc = loader_new(ret, name, opts, in, err);
    if (!rc) {
        (*ret)->in_memory = true;
        (*ret)->memory = data;
        rc = loader_start(*ret, err);
    }
    return loader_give(ret, rc);
}

/* ---- rows ----------------------------------------------------------------------------------------- */
static int rows_check(const struct sm_loader *l, struct sm_err *err) {
    if (l->want_rows == UINT64_MAX || l->want_rows == l->info.rows) return SM_OK;
    return load_fail(l, err, "%" PRIu64 " records announced, %" PRIu64 " found", l->want_rows, l->info.rows);
}

static int blocks_next(void *ctx, struct sm_block *ret, struct sm_err *err) {
    struct sm_loader *l = ctx;
    if (l->failed) return sm_fail(err, (enum sm_rc)l->failed, "%s: was not read to its end", l->path);
    l->nrow = 0;
    int rc = SM_OK;
    while (!rc && !l->end && l->nrow < LOAD_ROWS) rc = l->ops->next(l, err);
    if (rc == SM_EOF) {
        l->end = true;
        rc = rows_check(l, err);
    }
    if (!rc && sm_intern_failed(l->in)) rc = sm_fail(err, SM_ENOMEM, "%s: out of memory for texts", l->path);
    if (rc) {
        l->failed = rc;
        return rc;
    }
    if (l->nrow == 0) return SM_EOF;
    *ret = (struct sm_block){l->cell, l->pos, l->nrow, l->info.nvar};
    return SM_OK;
}

struct sm_blocks sm_loader_blocks(struct sm_loader *l) { return (struct sm_blocks){blocks_next, l}; }
const struct sm_dsinfo *sm_loader_info(const struct sm_loader *l) { return &l->info; }
unsigned sm_loader_knows(const struct sm_loader *l) { return l->knows; }
const char *sm_loader_format(const struct sm_loader *l) { return l->format; }
uint64_t sm_loader_recoded(const struct sm_loader *l) { return l->recoded; }

void sm_loader_close(struct sm_loader *l) {
    if (!l) return;
    if (l->state) l->ops->close(l);
    sm_free(l->state);
    sm_free(l->cell);
    sm_free(l->pos);
    sm_free(l->map);
    sm_arena_free(&l->arena);
    sm_free(l);
}
