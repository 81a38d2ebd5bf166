/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "emit_priv.h"

#include "sdtmill/err.h"
#include "sdtmill/mem.h"

#ifndef SM_VERSION
#define SM_VERSION "0.0.0"
#endif

struct sm_str emit_version(void) {
    return SM_STR(SM_VERSION);
}

enum { NAME_MAX_BYTES = 64, PATH_CAP = 256 };

int emit_enter(struct sm_emitter *e, enum emit_phase want, const char *call, struct sm_err *err) {
    enum emit_phase was = (enum emit_phase)e->phase;
    e->phase = EMIT_FAILED;
    if (was == want) return SM_OK;
    return sm_fail(err, SM_ESTATE, "%s: %s out of order", e->ops->name, call);
}

int emit_leave(struct sm_emitter *e, enum emit_phase next, int rc, struct sm_err *err) {
    if (!rc)
        e->phase = (int)next;
    else if (e->ds)
        (void)sm_err_ctx(err, "%.*s as %s", SM_STR_FMT(e->ds->name), e->ops->name);
    return rc;
}

/* <folder>/<name in lower case><suffix>, or part N of it: <folder>/split/<name>N<suffix>; 0 = whole. */
static int file_name(const struct sm_emitter *e, size_t part, char out[PATH_CAP],
                     struct sm_err *err) {
    struct sm_str name = e->ds->name;
    bool fine = name.n > 0 && name.n <= NAME_MAX_BYTES;
    for (size_t i = 0; fine && i < name.n; i++)
        fine = sm_is_alpha(name.p[i]) || sm_is_digit(name.p[i]) || name.p[i] == '_';
    if (!fine)
        return sm_fail(err, SM_EUSAGE, "dataset name %.*s makes no file name", SM_STR_FMT(name));
    char lower[NAME_MAX_BYTES + 1], number[24] = "";
    for (size_t i = 0; i < name.n; i++)
        lower[i] = sm_to_lower(name.p[i]);
    lower[name.n] = '\0';
    if (part) (void)snprintf(number, sizeof number, "%zu", part);
    const char *folder = e->ops->folder ? e->ops->folder : "";
    int n = snprintf(out, PATH_CAP, "%s%s%s%s%s%s", folder, *folder ? "/" : "",
                     part ? "split/" : "", lower, number, e->ops->suffix);
    return n > 0 && n < PATH_CAP ? SM_OK : sm_fail(err, SM_ESTATE, "file name is too long");
}

int sm_emitter_open(struct sm_emitter **ret, const struct sm_emit_ops *ops,
                    const struct sm_emit_study *s, struct sm_err *err) {
    struct sm_emitter *e = sm_alloc(1, sizeof *e);
    if (!e || !(e->state = sm_alloc(1, ops->state_size ? ops->state_size : 1))) {
        sm_free(e);
        return sm_fail(err, SM_ENOMEM, "out of memory");
    }
    e->ops = ops;
    e->study = s;
    e->plan = e->state;
    *ret = e;
    return SM_OK;
}

int sm_emitter_begin(struct sm_emitter *e, const struct sm_dsinfo *d, struct sm_err *err) {
    char path[PATH_CAP];
    int rc = emit_enter(e, EMIT_READY, "begin", err);
    if (rc) return rc;
    e->ds = d;
    e->rows = e->breaches = 0;
    e->refused = e->parted = false;
    e->npart = 0;
    if (!(e->ops->caps & SM_EMIT_STUDY)) {
        rc = file_name(e, 0, path, err);
        if (!rc) rc = sm_stage_file(e->study->stage, path, &e->sink, err);
    }
    if (!rc && e->ops->begin) rc = e->ops->begin(e, d, err);
    return emit_leave(e, EMIT_ROWS, rc, err);
}

int sm_emitter_block(struct sm_emitter *e, const struct sm_block *b, struct sm_err *err) {
    int rc = emit_enter(e, EMIT_ROWS, "block", err);
    if (rc) return rc;
    if (b->ncol != e->ds->block_ncol)
        rc = sm_fail(err, SM_ESTATE, "block has %u columns, not %u", b->ncol, e->ds->block_ncol);
    if (!rc && e->ops->block) rc = e->ops->block(e, b, err);
    if (!rc && e->sink) rc = sm_sink_check(e->sink, err);
    e->rows += b->nrow;
    return emit_leave(e, EMIT_ROWS, rc, err);
}

static int part_close(struct sm_emitter *e, uint64_t rows, struct sm_err *err) {
    struct sm_sink *k = e->sink;
    int rc = sm_grow(&e->part, &e->cap_part, e->npart + 1, sizeof *e->part, err);
    if (rc) return rc;
    struct sm_emit_part *p = &e->part[e->npart];
    e->sink = NULL;
    rc = sm_sink_close(k, &p->bytes, p->sha256, err);
    p->rows = rows;
    if (!rc) e->npart++;
    return rc;
}

int emit_part_next(struct sm_emitter *e, uint64_t rows, struct sm_err *err) {
    char path[PATH_CAP];
    int rc = e->parted ? part_close(e, rows, err) : SM_OK;
    if (rc) return rc;
    sm_sink_discard(e->sink);
    e->sink = NULL;
    e->parted = true;
    rc = file_name(e, e->npart + 1, path, err);
    if (rc) return rc;
    struct sm_err own = {0};
    rc = sm_stage_file(e->study->stage, path, &e->sink, &own);
    if (rc && own.sys == EEXIST)
        return sm_fail(err, SM_EUSAGE, "%s would be a part of two datasets; change --split-size",
                       path);
    return rc ? sm_fail(err, (enum sm_rc)rc, "%s", own.text) : SM_OK;
}

static int parts_finish(struct sm_emitter *e, struct sm_err *err) {
    char path[PATH_CAP];
    uint64_t before = 0;
    for (size_t i = 0; i < e->npart; i++)
        before += e->part[i].rows;
    int rc = e->refused ? SM_OK : part_close(e, e->rows - before, err);
    sm_sink_discard(e->sink);
    e->sink = NULL;
    for (size_t i = 0; i < e->npart && !rc; i++) {
        const struct sm_emit_part *p = &e->part[i];
        rc = file_name(e, i + 1, path, err);
        if (!rc && e->refused)
            rc = sm_stage_drop(e->study->stage, path, err);
        else if (!rc && e->study->wrote)
            e->study->wrote(e->study->wrote_ctx, path, e->ds->name, p->rows, p->bytes, p->sha256);
    }
    return rc;
}

static int close_file(struct sm_emitter *e, struct sm_err *err) {
    char path[PATH_CAP], digest[65];
    uint64_t size;
    if (e->parted) return parts_finish(e, err);
    struct sm_sink *k = e->sink;
    e->sink = NULL;
    if (e->refused) {
        sm_sink_discard(k);
        return SM_OK;
    }
    int rc = sm_sink_close(k, &size, digest, err);
    if (!rc) rc = file_name(e, 0, path, err);
    if (!rc && e->study->wrote)
        e->study->wrote(e->study->wrote_ctx, path, e->ds->name, e->rows, size, digest);
    return rc;
}

int sm_emitter_end(struct sm_emitter *e, struct sm_err *err) {
    int rc = emit_enter(e, EMIT_ROWS, "end", err);
    if (rc) return rc;
    if (e->ops->end) rc = e->ops->end(e, e->ds, err);
    if (!rc && e->sink) rc = close_file(e, err);
    if (!rc) emit_report_rest(e);
    return emit_leave(e, EMIT_READY, rc, err);
}

int sm_emitter_finish(struct sm_emitter *e, const struct sm_dsinfo *const *all, size_t n,
                      struct sm_err *err) {
    int rc = emit_enter(e, EMIT_READY, "finish", err);
    if (rc) return rc;
    e->ds = NULL;
    if (e->ops->finish) rc = e->ops->finish(e, all, n, err);
    return emit_leave(e, EMIT_FINISHED, rc, err);
}

void sm_emitter_close(struct sm_emitter *e) {
    if (!e) return;
    if (e->ops->close) e->ops->close(e);
    sm_sink_discard(e->sink);
    sm_free(e->part);
    sm_free(e->state);
    sm_free(e);
}

void sm_oid_group(const struct sm_dsinfo *d, char *buf, size_t cap) {
    (void)snprintf(buf, cap, "IG.%.*s", SM_STR_FMT(d->name));
}

void sm_oid_item(const struct sm_dsinfo *d, const struct sm_dsvar *v, char *buf, size_t cap) {
    (void)snprintf(buf, cap, "IT.%.*s.%.*s", SM_STR_FMT(d->name), SM_STR_FMT(v->name));
}
