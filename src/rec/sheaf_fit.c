/* SPDX-License-Identifier: MIT */
/* sheaf_fit.c - a kind has room for whatever its packs hold. A column with few values, most of whose
 * packs have none or one, takes more of that than it needs in most sheaves: they are made narrow. */
#include "sdtmill/err.h"
#include "sdtmill/mem.h"
#include "sheaf_priv.h"

enum { WORTH = 4 }; /* a sheaf is made anew if that saves one part in so many of what is left */

struct reach { /* of a column that keeps values; 0 is none */
    uint64_t least, most;
    uint32_t column;
};
struct fit { /* of one kind */
    uint64_t *bits; /* [wide] what bits some record has, as they lie in memory */
    struct reach *reach;
    uint32_t nreach;
    struct sm_pack *head;
    struct sheaf_source source;
};
struct fitting {
    size_t wide; /* words of a record, and one more so that eight bytes can be read of each */
    uint32_t ncol, stride;
    struct fit *fit; /* [nkind] */
    uint64_t *bits;
    struct reach *reach;
    uint8_t *head;
    struct sheaf_move *move;
};

static void fitting_close(struct fitting *t) {
    sm_free(t->fit);
    sm_free(t->bits);
    sm_free(t->reach);
    sm_free(t->head);
    sm_free(t->move);
}

static int fitting_open(struct fitting *t, const struct sm_sheaf *s, struct sm_err *err) {
    const uint32_t ncol = sm_sheaf_head(s, 0)->ncol, n = s->nkind;
    *t = (struct fitting){.wide = (s->stride + 7) / 8 + 1, .ncol = ncol};
    t->fit = sm_alloc(n, sizeof *t->fit);
    t->bits = sm_alloc(n, t->wide * sizeof *t->bits);
    t->reach = sm_alloc(n, ((size_t)ncol + 1) * sizeof *t->reach);
    t->head = sm_alloc(n, s->head);
    if (!t->fit || !t->bits || !t->reach || !t->head)
        return sm_fail(err, SM_ENOMEM, "out of memory");
    for (uint32_t i = 0; i < n; i++) {
        const struct sm_pack *head = sm_sheaf_head(s, i);
        struct fit *f = &t->fit[i];
        *f = (struct fit){.bits = t->bits + i * t->wide,
                          .reach = t->reach + (size_t)i * (ncol + 1),
                          .head = (void *)(t->head + (size_t)i * s->head)};
        for (uint32_t c = 0; c < ncol; c++)
            if (!head->field[c].coded && head->field[c].width)
                f->reach[f->nreach++] = (struct reach){.least = UINT64_MAX, .column = c};
    }
    return SM_OK;
}

/* ---- what there is --------------------------------------------------------------------------- */

static void see_records(const struct sm_sheaf *s, const struct fitting *t) {
    const uint8_t *kind = sm_sheaf_kinds(s), *record = sm_sheaf_records(s);
    for (uint32_t i = 0; i < s->nrow; i++, record += s->stride) {
        const uint32_t k = kind ? kind[i] : 0;
        const struct fit *f = &t->fit[k];
        for (size_t w = 0; w + 1 < t->wide; w++) {
            uint64_t x;
            memcpy(&x, record + w * 8, 8); /* what is behind the record is in no field */
            f->bits[w] |= x;
        }
        for (struct reach *r = f->reach, *end = r + f->nreach; r < end; r++) {
            const uint64_t x = sm_pack_bits(&sm_sheaf_head(s, k)->field[r->column], record);
            r->least = x && x < r->least ? x : r->least;
            r->most = x > r->most ? x : r->most;
        }
    }
}

/* Fields no wider than that. */
static void fit_head(const struct fit *f, const struct sm_pack *from) {
    struct sm_pack *to = f->head;
    memcpy(to, from, sm_pack_head(from->ncol));
    for (uint32_t c = 0; c < from->ncol + 2; c++)
        if (to->field[c].width)
            to->field[c].width =
                sm_bits_of(sm_pack_bits(&from->field[c], (const uint8_t *)f->bits));
    for (const struct reach *r = f->reach, *end = r + f->nreach; r < end; r++) {
        struct sm_pack_field *v = &to->field[r->column];
        v->width = r->most ? sm_bits_of(r->most - r->least + 1) : 0;
        if (r->most) v->base += (r->least - 1) << v->shift;
    }
    to->stride = rec_place_fields(to->field, from->ncol + 2);
}

/* ---- made anew ------------------------------------------------------------------------------- */

static int fit_records(const struct sm_sheaf *from, struct fitting *t, struct sm_sheaf **ret,
                       struct sm_err *err) {
    const uint8_t *kind = sm_sheaf_kinds(from);
    t->move = sm_alloc(from->nkind, ((size_t)t->ncol + 2) * sizeof *t->move);
    if (!t->move) return sm_fail(err, SM_ENOMEM, "out of memory");
    int rc = sheaf_new(ret, from->nrow, from->nkind, t->ncol, t->stride, err);
    if (rc != SM_OK) return rc;
    for (uint32_t i = 0; i < from->nkind; i++) {
        struct sheaf_source *s = &t->fit[i].source;
        struct sheaf_move *move = t->move + (size_t)i * (t->ncol + 2);
        *s = (struct sheaf_source){.data = sm_sheaf_records(from), .move = move, .stride = from->stride};
        s->nmove = sheaf_moves(sm_sheaf_head(from, i)->field, t->fit[i].head->field, t->ncol, move);
        sheaf_set_head(*ret, i, t->fit[i].head);
    }
    uint8_t *to = sheaf_behind_heads(*ret);
    if (kind) {
        memcpy(to, kind, from->nrow);
        to += from->nrow;
    }
    const size_t words = (t->stride + 7) / 8;
    for (uint32_t i = 0; i < from->nrow; i++, to += t->stride)
        sheaf_move_record(&t->fit[kind ? kind[i] : 0].source, i, to, to + words * 8);
    return SM_OK;
}

int sheaf_fit(struct sm_sheaf **s, struct sm_err *err) {
    struct sm_sheaf *now = NULL;
    struct fitting t;
    int rc = fitting_open(&t, *s, err);
    if (rc == SM_OK) {
        see_records(*s, &t);
        for (uint32_t i = 0; i < (*s)->nkind; i++) {
            fit_head(&t.fit[i], sm_sheaf_head(*s, i));
            t.stride = t.fit[i].head->stride > t.stride ? t.fit[i].head->stride : t.stride;
        }
        if (t.stride + t.stride / WORTH < (*s)->stride) rc = fit_records(*s, &t, &now, err);
    }
    fitting_close(&t);
    if (rc != SM_OK) sm_free(now);
    if (rc != SM_OK || !now) return rc;
    sm_free(*s);
    *s = now;
    return SM_OK;
}
