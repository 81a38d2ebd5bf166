/* SPDX-License-Identifier: MIT */
/* compare.c - the merge of two sorted streams. */
#include "cmp_priv.h"

struct stream {
    struct sm_blocks in;
    struct sm_block b;
    uint32_t at;
    bool end;
    uint64_t rows;
};

/* ---- kept rows ---------------------------------------------------------------------------------------- */
int cmp_rows_add(struct cmp_rows *g, const sm_val *row, sm_pos pos, struct sm_err *err) {
    int rc = sm_grow(&g->cell, &g->cap_cell, (g->n + 1) * g->ncol, sizeof *g->cell, err);
    if (!rc) rc = sm_grow(&g->pos, &g->cap_pos, g->n + 1, sizeof *g->pos, err);
    if (rc) return rc;
    memcpy(g->cell + g->n * g->ncol, row, g->ncol * sizeof *row);
    g->pos[g->n++] = pos;
    return SM_OK;
}

void cmp_rows_free(struct cmp_rows *g) {
    sm_free(g->cell);
    sm_free(g->pos);
}

/* ---- streams ------------------------------------------------------------------------------------------ */
/* Makes the current row there, or sets end. */
static int stream_fill(struct stream *s, struct sm_err *err) {
    if (s->end || s->at < s->b.nrow) return SM_OK;
    int rc = s->in.next(s->in.ctx, &s->b, err);
    s->at = 0;
    s->end = rc == SM_EOF;
    return rc == SM_EOF ? SM_OK : rc;
}

static const sm_val *stream_row(const struct stream *s) { return s->b.cell + (size_t)s->at * s->b.ncol; }

static int key_cmp(const struct cmp *c, const sm_val *a, const sm_val *b) {
    for (uint32_t i = 0; i < c->o->nkey; i++) {
        int order = cmp_key_order(c, i, a[c->o->key[i]], b[c->o->key[i]]);
        if (order) return order;
    }
    return 0;
}

/* All rows with the key of the current one; one row when there are no keys. */
static int group_read(struct cmp *c, struct stream *s, struct cmp_rows *g, struct sm_err *err) {
    g->n = 0;
    int rc = stream_fill(s, err);
    while (!rc && !s->end && (g->n == 0 || (c->o->nkey > 0 && key_cmp(c, cmp_row(g, 0), stream_row(s)) == 0))) {
        if (g->n >= CMP_GROUP_MAX) return sm_fail(err, SM_ELIMIT, "more than %d records share all keys: name more keys", (int)CMP_GROUP_MAX);
        rc = cmp_rows_add(g, stream_row(s), s->b.pos[s->at], err);
        s->at++;
        s->rows++;
        if (!rc) rc = stream_fill(s, err);
    }
    return rc;
}

/* ---- what was found ------------------------------------------------------------------------------------- */
static int tell(struct cmp *c, const struct sm_cmp_diff *d, struct sm_err *err) {
    int rc = cmp_note(c, d, err);
    return rc || !c->diff ? rc : c->diff(c->ctx, d, err);
}

static int tell_only(struct cmp *c, int side, const sm_val *row, sm_pos pos, struct sm_err *err) {
    struct sm_cmp_diff d = {.kind = side ? SM_CMP_NEW_ONLY : SM_CMP_BASE_ONLY, .cause = SM_CAUSE_RECORD, .column = SM_CMP_NONE};
    if (side) d.now = row, d.new_record = sm_pos_line(pos), c->r->new_only++;
    else d.base = row, d.base_record = sm_pos_line(pos), c->r->base_only++;
    return tell(c, &d, err);
}

static bool is_key(const struct cmp *c, uint32_t column) {
    for (uint32_t i = 0; i < c->o->nkey; i++)
        if (c->o->key[i] == column) return true;
    return false;
}

static int tell_pair(struct cmp *c, const sm_val *a, sm_pos pa, const sm_val *b, sm_pos pb, struct sm_err *err) {
    struct sm_cmp_result *r = c->r;
    uint64_t before = r->cells;
    for (uint32_t i = 0; i < c->o->nvar; i++) {
        if (a[i] == b[i] || c->o->var[i].silent || cmp_equal(c, i, a[i], b[i])) continue;
        struct sm_cmp_diff d = {is_key(c, i) ? SM_CMP_KEY : SM_CMP_VALUE, cmp_classify(c, i, a[i], b[i]), i, sm_pos_line(pa), sm_pos_line(pb), a, b};
        r->differ[i]++;
        r->cells++;
        int rc = tell(c, &d, err);
        if (rc) return rc;
    }
    cmp_note_row(c, a);
    if (c->o->pair) c->o->pair(c->o->pair_ctx, a, b);
    r->paired++;
    r->equal += r->cells == before;
    c->moved += sm_pos_line(pa) != sm_pos_line(pb);
    return SM_OK;
}

/* A record without a partner waits for the end: its key may have been changed. */
static int leave(struct cmp *c, int side, const sm_val *row, sm_pos pos, struct sm_err *err) {
    if (c->left[side].n < CMP_LEFT_MAX && c->o->nkey > 0) return cmp_rows_add(&c->left[side], row, pos, err);
    c->r->beyond += c->o->nkey > 0;
    return tell_only(c, side, row, pos, err);
}

static int leave_all(struct cmp *c, int side, struct sm_err *err) {
    int rc = SM_OK;
    for (size_t i = 0; i < c->group[side].n && !rc; i++) rc = leave(c, side, cmp_row(&c->group[side], i), c->group[side].pos[i], err);
    c->group[side].n = 0;
    return rc;
}

/* Both groups have the same key. */
static int groups_compare(struct cmp *c, struct sm_err *err) {
    struct cmp_rows *a = &c->group[0], *b = &c->group[1];
    size_t *partner = sm_alloc(a->n, sizeof *partner);
    bool *taken = sm_alloc(b->n, sizeof *taken);
    int rc = partner && taken ? cmp_pair(c, a, b, partner, err) : sm_fail(err, SM_ENOMEM, "out of memory");
    for (size_t i = 0; !rc && i < a->n; i++) {
        if (partner[i] == SIZE_MAX) {
            rc = leave(c, 0, cmp_row(a, i), a->pos[i], err);
            continue;
        }
        taken[partner[i]] = true;
        rc = tell_pair(c, cmp_row(a, i), a->pos[i], cmp_row(b, partner[i]), b->pos[partner[i]], err);
    }
    for (size_t k = 0; !rc && k < b->n; k++)
        if (!taken[k]) rc = leave(c, 1, cmp_row(b, k), b->pos[k], err);
    c->r->shared += (a->n > 1 ? a->n : 0) + (b->n > 1 ? b->n : 0);
    a->n = b->n = 0;
    sm_free(partner);
    sm_free(taken);
    return rc;
}

static int left_compare(struct cmp *c, struct sm_err *err) {
    struct cmp_rows *a = &c->left[0], *b = &c->left[1];
    size_t *partner = sm_alloc(a->n, sizeof *partner);
    bool *taken = sm_alloc(b->n, sizeof *taken);
    int rc = partner && taken ? cmp_pair_left(c, a, b, partner, err) : sm_fail(err, SM_ENOMEM, "out of memory");
    for (size_t i = 0; !rc && i < a->n; i++) {
        if (partner[i] == SIZE_MAX) {
            rc = tell_only(c, 0, cmp_row(a, i), a->pos[i], err);
            continue;
        }
        taken[partner[i]] = true;
        c->r->rekeyed++;
        rc = tell_pair(c, cmp_row(a, i), a->pos[i], cmp_row(b, partner[i]), b->pos[partner[i]], err);
    }
    for (size_t k = 0; !rc && k < b->n; k++)
        if (!taken[k]) rc = tell_only(c, 1, cmp_row(b, k), b->pos[k], err);
    sm_free(partner);
    sm_free(taken);
    return rc;
}

static int merge(struct cmp *c, struct stream s[2], struct sm_err *err) {
    for (;;) {
        for (int side = 0; side < 2; side++) {
            int rc = c->group[side].n ? SM_OK : group_read(c, &s[side], &c->group[side], err);
            if (rc) return rc;
        }
        bool a = c->group[0].n > 0, b = c->group[1].n > 0;
        if (!a && !b) return SM_OK;
        int order = a && b ? key_cmp(c, cmp_row(&c->group[0], 0), cmp_row(&c->group[1], 0)) : a ? -1 : 1;
        int rc = order < 0 ? leave_all(c, 0, err) : order > 0 ? leave_all(c, 1, err) : groups_compare(c, err);
        if (rc) return rc;
    }
}

/* ---- the call ------------------------------------------------------------------------------------------- */
static int result_make(struct sm_cmp_result *r, uint32_t nvar, struct sm_err *err) {
    *r = (struct sm_cmp_result){.base_rows = 0};
    sm_arena_init(&r->arena);
    r->differ = sm_arena_array(&r->arena, nvar + 1, sizeof *r->differ);
    r->most = sm_arena_array(&r->arena, nvar + 1, sizeof *r->most);
    return r->differ && r->most ? SM_OK : sm_fail(err, SM_ENOMEM, "out of memory");
}

int sm_cmp_run(const struct sm_cmp_opts *o, const struct sm_texts *t, struct sm_blocks base, struct sm_blocks now,
               int (*diff)(void *ctx, const struct sm_cmp_diff *d, struct sm_err *err), void *ctx, struct sm_cmp_result *ret,
               struct sm_err *err) {
    struct cmp c = {.o = o, .t = t, .diff = diff, .ctx = ctx, .r = ret};
    struct stream s[2] = {{.in = base}, {.in = now}};
    for (int i = 0; i < 2; i++) c.group[i].ncol = c.left[i].ncol = o->nvar;
    int rc = result_make(ret, o->nvar, err);
    c.bucket = sm_alloc(CMP_BUCKETS, sizeof *c.bucket);
    c.site = sm_alloc(CMP_SITES, sizeof *c.site);
    if (!rc && (!c.bucket || !c.site)) rc = sm_fail(err, SM_ENOMEM, "out of memory");
    if (!rc) rc = merge(&c, s, err);
    if (!rc) rc = left_compare(&c, err);
    if (!rc) rc = cmp_causes(&c, err);
    ret->base_rows = s[0].rows;
    ret->new_rows = s[1].rows;
    ret->elsewhere = ret->base_only || ret->new_only ? 0 : c.moved;
    for (int i = 0; i < 2; i++) {
        cmp_rows_free(&c.group[i]);
        cmp_rows_free(&c.left[i]);
    }
    sm_free(c.bucket);
    sm_free(c.site);
    return rc;
}

void sm_cmp_result_free(struct sm_cmp_result *r) {
    sm_arena_free(&r->arena);
    *r = (struct sm_cmp_result){.base_rows = 0};
}
