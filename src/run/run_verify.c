/* SPDX-License-Identifier: MIT */
/* run_verify.c - `verify`: the manifest, then each dataset in all its formats at once. */
#include "rver_priv.h"
#include "sdtmill/check_define.h"

void rver_say(struct rver *v, const char *fmt, ...) {
    char line[2000];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    size_t len = n < 0 ? 0 : (size_t)n < sizeof line ? (size_t)n : sizeof line - 1;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7F) line[i] = ' ';
    struct sm_str before =
        v->text->n ? sm_str_n(v->text->p + v->last, v->text->n - v->last) : SM_STR("");
    if (before.n == len + 1 && memcmp(before.p, line, len) == 0) return;
    v->last = v->text->n;
    sm_buf_add(v->text, line, len);
    sm_buf_add_byte(v->text, '\n');
    v->ret->problems++;
}

void rver_say_unread(struct rver *v, const struct rver_file *f, const char *what,
                     const struct sm_err *e) {
    struct sm_str s = sm_str(e->text);
    if (sm_str_starts(s, f->full) && s.n > f->full.n + 2)
        s = sm_str_n(s.p + f->full.n + 2, s.n - f->full.n - 2);
    rver_say(v, "%.*s: cannot be read%s: %.*s", SM_STR_FMT(f->path), what, SM_STR_FMT(s));
}

/* ---- one dataset
 * ----------------------------------------------------------------------------------- */
/* Damage is a problem that is named; anything else ends the work. */
static int side_open(struct rver_ds *d, struct rver_file *f, struct sm_err *err) {
    struct rver *v = d->v;
    struct rver_side *s = &d->side[d->n];
    struct sm_load_opts o = {.model = v->o->model,
                             .define = v->define && v->define->there ? v->define->full.p : NULL};
    struct sm_err own = {0};
    if (!f->there || (f->rows == 0 && !o.define && sm_str_eq_c(f->format, "xml")))
        return SM_OK; /* that one names no variables */
    *s = (struct rver_side){.file = f};
    int rc = sm_loader_open(&s->l, f->full.p, &o, d->in, &own);
    if (rc == SM_EFORMAT || rc == SM_EDATA) {
        rver_say_unread(v, f, "", &own);
        return SM_OK;
    }
    if (rc) return sm_fail(err, (enum sm_rc)rc, "%s", own.text);
    s->info = sm_loader_info(s->l);
    s->knows = sm_loader_knows(s->l);
    s->xml = strcmp(sm_loader_format(s->l), "xml") == 0;
    s->binary = strcmp(sm_loader_format(s->l), "xpt") == 0 ||
                strcmp(sm_loader_format(s->l), "sas7bdat") == 0;
    s->in = sm_loader_blocks(s->l);
    d->n++;
    if (!sm_str_eq_c(f->format, sm_loader_format(s->l)))
        rver_say(v, "%.*s: holds %s", SM_STR_FMT(f->path), sm_loader_format(s->l));
    return SM_OK;
}

/* ---- a dataset in parts: one side, its files one after the other
 * --------------------------------- */
static struct rver_file *part_find(const struct rver_ds *d, const struct rver_file *like,
                                   uint64_t part) {
    struct rver *v = d->v;
    for (size_t i = 0; i < v->nfile; i++)
        if (v->file[i].part == part && sm_str_eq(v->file[i].dataset, d->name) &&
            sm_str_eq(v->file[i].format, like->format))
            return &v->file[i];
    return NULL;
}

/* What must be the same in all parts. */
static bool same_shape(const struct sm_dsinfo *a, const struct sm_dsinfo *b) {
    bool same =
        a->nvar == b->nvar && sm_str_eq(a->name, b->name) && sm_str_eq(a->label, b->label);
    for (uint32_t i = 0; i < a->nvar && same; i++) {
        const struct sm_dsvar *x = &a->var[i], *y = &b->var[i];
        same = sm_str_eq(x->name, y->name) && sm_str_eq(x->label, y->label) &&
               x->is_num == y->is_num && x->length == y->length;
    }
    return same;
}

int rver_part_next(struct rver_ds *d, struct rver_side *s, struct sm_err *err) {
    struct rver_file *f = part_find(d, s->file, s->file->part + 1);
    struct sm_load_opts o = {.model = d->v->o->model};
    struct sm_loader *l = NULL;
    struct sm_err own = {0};
    if (!f || !f->there) return SM_EOF;
    int rc = sm_loader_open(&l, f->full.p, &o, d->in, &own);
    if (rc == SM_EFORMAT || rc == SM_EDATA) {
        rver_say_unread(d->v, f, "", &own);
        return SM_EOF;
    }
    if (rc) return sm_fail(err, (enum sm_rc)rc, "%s", own.text);
    if (strcmp(sm_loader_format(l), sm_loader_format(s->l)) != 0 ||
        !same_shape(s->info, sm_loader_info(l))) {
        rver_say(d->v, "%.*s: name, label or variables are not those of %.*s", SM_STR_FMT(f->path),
                 SM_STR_FMT(s->file->path));
        sm_loader_close(l);
        return SM_EOF;
    }
    sm_loader_close(s->l);
    s->l = l;
    s->info = sm_loader_info(l);
    s->in = sm_loader_blocks(l);
    s->file = f;
    s->before = s->rows;
    return SM_OK;
}

static int sides_open(struct rver_ds *d, size_t from, struct sm_err *err) {
    struct rver *v = d->v;
    int rc = SM_OK;
    for (size_t i = from; i < v->nfile && !rc; i++) {
        struct rver_file *f = &v->file[i];
        if (!f->dataset.n || !sm_str_eq(f->dataset, d->name)) continue;
        f->taken = true;
        if (f->part > 1 && !part_find(d, f, f->part - 1))
            rver_say(v, "%.*s: the part before it is not in the manifest", SM_STR_FMT(f->path));
        if (f->part > 1) continue;
        if (d->n == RVER_SIDES)
            return sm_fail(err, SM_ELIMIT, "%.*s: more than %d files", SM_STR_FMT(d->name),
                           (int)RVER_SIDES);
        rc = side_open(d, f, err);
    }
    return rc;
}

/* The one to measure the others by: unchanged, knowing most, knowing it by itself. */
static int weight(const struct rver_side *s) {
    bool own = !sm_str_eq_c(s->file->format, "csv") && !sm_str_eq_c(s->file->format, "xml");
    return s->file->good * 256 + (int)s->knows * 4 + own * 2 + !s->binary;
}

static void reference_first(struct rver_ds *d) {
    uint32_t best = 0;
    for (uint32_t i = 1; i < d->n; i++)
        if (weight(&d->side[i]) > weight(&d->side[best])) best = i;
    struct rver_side t = d->side[best];
    for (uint32_t i = best; i > 0; i--)
        d->side[i] = d->side[i - 1];
    d->side[0] = t;
}

static int ds_verify(struct rver_ds *d, size_t from, struct sm_err *err) {
    int rc = sm_texts_open(&d->texts, err);
    if (!rc) rc = sm_intern_open(&d->in, d->texts, err);
    if (!rc) rc = sides_open(d, from, err);
    if (!rc && d->n > 0) {
        reference_first(d);
        for (uint32_t i = 0; i < d->n && !rc; i++)
            rc = rver_meta(d, &d->side[i], err);
        if (!rc) rc = rver_meta_define(d, err);
        if (!rc) rc = rver_cells(d, err);
    }
    for (uint32_t i = 0; i < d->n; i++) {
        sm_loader_close(d->side[i].l);
        sm_free(d->side[i].col);
    }
    sm_intern_close(d->in);
    sm_texts_close(d->texts);
    return rc;
}

/* ---- define.xml by itself
 * --------------------------------------------------------------------------- */
static int define_verify(struct rver *v, struct sm_err *err) {
    struct sm_diags diags;
    struct sm_err own = {0};
    if (!v->define || !v->define->there) return SM_OK;
    sm_diags_init(&diags);
    int rc = sm_check_define(v->define->full.p, v->define->path, &diags, &own);
    struct sm_diags_walk w = {.i = 0};
    while (sm_diags_next(&diags, &w)) {
        const struct sm_diag *d = &w.diag;
        if (d->code == SM_D_DEFINE_REFERENCE) /* the other findings are no disagreement */
            rver_say(v, "define.xml:%" PRIu64 ": %.*s%s%.*s", d->line, SM_STR_FMT(d->detail),
                     d->value.n ? ": " : "", SM_STR_FMT(d->value));
    }
    sm_diags_free(&diags);
    if (rc == SM_EDATA || rc == SM_EIO) {
        rver_say(v, "%s", own.text);
        return SM_OK;
    }
    return rc ? sm_fail(err, (enum sm_rc)rc, "%s", own.text) : SM_OK;
}

static uint64_t count_formats(const struct rver *v) {
    uint64_t n = 0;
    for (size_t i = 0; i < v->nfile; i++) {
        bool seen = !v->file[i].dataset.n;
        for (size_t k = 0; k < i && !seen; k++)
            seen = v->file[k].dataset.n && sm_str_eq(v->file[k].format, v->file[i].format);
        n += !seen;
    }
    return n;
}

int sm_run_verify(const struct sm_verify_opts *o, struct sm_buf *text, struct sm_verify_result *ret,
                  struct sm_err *err) {
    struct rver v = {.o = o, .text = text, .ret = ret};
    memset(ret, 0, sizeof *ret);
    sm_arena_init(&v.arena);
    int rc = rver_manifest(&v, err);
    if (!rc) rc = rver_files(&v, err);
    if (!rc) rc = define_verify(&v, err);
    for (size_t i = 0; i < v.nfile && !rc; i++) {
        if (!v.file[i].dataset.n || v.file[i].taken) continue;
        struct rver_ds d = {.v = &v, .name = v.file[i].dataset};
        rc = ds_verify(&d, i, err);
        ret->datasets++;
    }
    if (!rc) ret->formats = count_formats(&v) + (v.define != NULL);
    if (!rc) rc = sm_buf_check(text, err);
    sm_arena_free(&v.arena);
    return rc;
}
