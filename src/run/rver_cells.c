/* SPDX-License-Identifier: MIT */
/* rver_cells.c - all formats of a dataset side by side, record by record, in as many blocks as
 * there are formats. */
#include "rver_priv.h"
#include "sdtmill/num.h"
#include "sdtmill/utf8.h"
#include "sdtmill/xmlw.h"

enum { SHOWN = 60, FORGET_AT = 64 << 20 };

/* ---- two cells
 * ------------------------------------------------------------------------------------- */
static struct sm_str blanks_off(struct sm_str s) {
    while (s.n > 0 && s.p[s.n - 1] == ' ')
        s.n--;
    return s;
}

static bool transliterated_same(struct sm_str text, struct sm_str ascii) {
    struct sm_buf b;
    sm_buf_init(&b, 0);
    bool same = sm_utf8_to_ascii(text, &b) && sm_str_eq(blanks_off(sm_buf_str(&b)), ascii);
    sm_buf_free(&b);
    return same;
}

/* Numbers are compared as doubles where one side holds doubles, or where one side knew no better
 * than to take a text for a number. */
static bool cell_same(const struct rver_ds *d, const struct rver_side *x, const struct sm_dsvar *xv,
                      sm_val a, const struct sm_dsvar *yv, sm_val b, const struct rver_side *y) {
    struct sm_valbuf abuf, bbuf;
    double m, n;
    if (sm_val_eq(d->texts, a, b)) return true;
    struct sm_str s = sm_val_text(d->texts, a, &abuf), t = sm_val_text(d->texts, b, &bbuf);
    if ((x->xml && s.n == 0 && sm_xml_impossible(t) < t.n) ||
        (y->xml && t.n == 0 && sm_xml_impossible(s) < s.n))
        return true; /* SM6005 */
    if (xv->is_num || yv->is_num) {
        bool loose = x->binary || y->binary || xv->is_num != yv->is_num;
        return loose && sm_num_parse(s, true, &m) && sm_num_parse(t, true, &n) && !(m < n) &&
               !(m > n);
    }
    if (!x->binary && !y->binary) return false;
    s = blanks_off(s);
    t = blanks_off(t);
    if (sm_str_eq(s, t)) return true;
    return d->v->transliterated && x->binary != y->binary &&
           transliterated_same(x->binary ? t : s, x->binary ? s : t);
}

/* ---- the first difference
 * -------------------------------------------------------------------------- */
struct shown {
    char c[SHOWN + 8];
};

/* In quotes, at most SHOWN bytes, cut between characters. */
static const char *show(struct sm_str s, struct shown *room) {
    size_t n = s.n < SHOWN ? s.n : SHOWN;
    while (n > 0 && n < s.n && ((unsigned char)s.p[n] & 0xC0) == 0x80)
        n--;
    if (s.n == 0) return "nothing";
    (void)snprintf(room->c, sizeof room->c, "\"%.*s%s\"", (int)n, s.p, n < s.n ? "..." : "");
    return room->c;
}

static int first_note(struct rver_ds *d, struct rver_side *y, uint32_t var, sm_val a, sm_val b,
                      struct sm_err *err) {
    const struct rver_side *x = &d->side[0];
    struct sm_valbuf abuf, bbuf;
    struct shown s, t;
    y->first =
        sm_arena_printf(&d->v->arena, "%.*s: record %" PRIu64 ", %.*s: %s in %.*s, %s in %.*s",
                        SM_STR_FMT(d->name), y->rows + 1, SM_STR_FMT(x->info->var[var].name),
                        show(sm_val_text(d->texts, a, &abuf), &s), SM_STR_FMT(x->file->path),
                        show(sm_val_text(d->texts, b, &bbuf), &t), SM_STR_FMT(y->file->path));
    return y->first.p ? SM_OK : sm_fail(err, SM_ENOMEM, "out of memory");
}

static int row_compare(struct rver_ds *d, struct rver_side *y, const sm_val *a, const sm_val *b,
                       struct sm_err *err) {
    const struct rver_side *x = &d->side[0];
    static const struct sm_dsvar unknown = {.is_num = false};
    for (uint32_t i = 0; i < x->info->nvar; i++) {
        uint32_t k = y->col[i];
        sm_val v = k == UINT32_MAX ? SM_MISSING : b[k];
        if (a[i] == v || (k == UINT32_MAX && (y->knows & SM_LOAD_ORDER)))
            continue; /* an absent variable is named elsewhere */
        if (cell_same(d, x, &x->info->var[i], a[i], k == UINT32_MAX ? &unknown : &y->info->var[k],
                      v, y))
            continue;
        int rc = y->differ++ ? SM_OK : first_note(d, y, i, a[i], v, err);
        if (rc) return rc;
    }
    return SM_OK;
}

/* ---- in lock step
 * ---------------------------------------------------------------------------------- */
static int side_fill(struct rver_ds *d, struct rver_side *s, struct sm_err *err) {
    struct sm_err own = {0};
    if (s->end || s->at < s->b.nrow) return SM_OK;
    s->at = 0;
    int rc = s->in.next(s->in.ctx, &s->b, &own);
    while (rc == SM_EOF) {
        if (s->rows - s->before != s->file->rows)
            rver_say(d->v, "%.*s: has %" PRIu64 " records, the manifest says %" PRIu64,
                     SM_STR_FMT(s->file->path), s->rows - s->before, s->file->rows);
        rc = s->file->part ? rver_part_next(d, s, &own) : SM_EOF;
        if (rc) break;
        rc = s->in.next(s->in.ctx, &s->b, &own);
    }
    if (rc == SM_OK) return SM_OK;
    s->b.nrow = 0;
    s->end = true;
    if (rc == SM_EFORMAT || rc == SM_EDATA)
        rver_say_unread(d->v, s->file, " to its end", &own);
    else if (rc != SM_EOF)
        return sm_fail(err, (enum sm_rc)rc, "%s", own.text);
    return SM_OK;
}

/* Rows that all sides which are not at their end have at hand; 0 when all are. */
static uint32_t rows_at_hand(const struct rver_ds *d) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < d->n; i++) {
        const struct rver_side *s = &d->side[i];
        if (s->end) continue;
        if (n == 0 || s->b.nrow - s->at < n) n = s->b.nrow - s->at;
    }
    return n;
}

static int step(struct rver_ds *d, uint32_t n, struct sm_err *err) {
    struct rver_side *x = &d->side[0];
    int rc = SM_OK;
    for (uint32_t i = 0; i < d->n && !rc; i++) {
        struct rver_side *y = &d->side[i];
        if (y->end) continue;
        for (uint32_t r = 0; r < n && !rc; r++) {
            if (i > 0 && !x->end)
                rc = row_compare(d, y, x->b.cell + (size_t)(x->at - n + r) * x->b.ncol,
                                 y->b.cell + (size_t)(y->at + r) * y->b.ncol, err);
            y->rows++;
        }
        y->at += n;
        d->v->ret->records += n;
        d->v->ret->cells += (uint64_t)n * y->info->nvar;
    }
    return rc;
}

/* Texts of rows that have all been compared are of no use any more. */
static void forget(struct rver_ds *d) {
    for (uint32_t i = 0; i < d->n; i++)
        if (!d->side[i].end && d->side[i].at < d->side[i].b.nrow) return;
    if (sm_texts_bytes(d->texts) > FORGET_AT) sm_texts_reset(d->texts, d->in);
}

int rver_cells(struct rver_ds *d, struct sm_err *err) {
    int rc = SM_OK;
    for (uint32_t n = 1; !rc && n > 0;) {
        forget(d);
        for (uint32_t i = 0; i < d->n && !rc; i++)
            rc = side_fill(d, &d->side[i], err);
        n = rows_at_hand(d);
        if (!rc && n) rc = step(d, n, err);
        if (!rc && d->v->o->stopped && d->v->o->stopped())
            rc = sm_fail(err, SM_EINTR, "interrupted");
    }
    for (uint32_t i = 1; i < d->n && !rc; i++) {
        const struct rver_side *y = &d->side[i];
        if (y->differ == 1)
            rver_say(d->v, "%.*s", SM_STR_FMT(y->first));
        else if (y->differ > 1)
            rver_say(d->v, "%.*s; %" PRIu64 " cells differ in all", SM_STR_FMT(y->first),
                     y->differ);
    }
    return rc;
}
