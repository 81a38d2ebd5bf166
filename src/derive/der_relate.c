/* SPDX-License-Identifier: MIT */
/* der_relate.c - records of two domains with equal values in pairs of variables. Each set of records of
 * a subject that agree is one relation, numbered in the order of this domain's records. */
#include "derive/derive_priv.h"
#include "sdtmill/err.h"
#include "sdtmill/mem.h"

enum { V_STUDYID, V_RDOMAIN, V_USUBJID, V_IDVAR, V_IDVARVAL, V_RELTYPE, V_RELID };
#define END UINT32_MAX

struct node { sm_val study, id; sm_pos pos; uint32_t next; };  /* a record of theirs */
struct side { const struct sm_domain *d; const uint32_t *by; uint32_t idvar, studyid; };
struct relate {
    const struct sm_spec *spec;
    const struct sm_relate *rel;
    struct side mine, theirs;
    struct sm_intern *in;
    struct sm_recs *out;
    struct sm_diags *diags;
    struct sm_lut *index;            /* subject and key -> first node, last node, number of the relation */
    struct sm_lut *count;            /* subject -> relations */
    struct node *node;
    size_t n, cap;
    sm_val *key;                     /* [1 + npair] */
};

static void side_init(struct side *s, const struct sm_domain *d, const uint32_t *by, uint32_t npair) {
    *s = (struct side){.d = d, .by = by, .studyid = SM_NO};
    s->idvar = d->seq != SM_NO ? d->seq : npair ? by[0] : SM_NO;
    for (uint32_t c = 0; c < d->nvar; c++)
        if (sm_str_eq_c(d->var[c].name, "STUDYID")) s->studyid = c;
}

static sm_val cell_or(const sm_val *row, uint32_t c, sm_val other) { return c == SM_NO ? other : row[c]; }

/* False: the record has no key. */
static bool key_of(struct relate *r, const struct side *s, const sm_val *row) {
    bool any = false;
    r->key[0] = cell_or(row, s->d->usubjid, SM_MISSING);
    for (uint32_t i = 0; i < r->rel->npair; i++) {
        r->key[1 + i] = row[s->by[i]];
        any = any || r->key[1 + i] != SM_MISSING;
    }
    return any;
}

static int put(struct relate *r, const struct side *s, sm_val study, sm_val id, sm_val relid, sm_pos pos, struct sm_err *err) {
    struct sm_recs *o = r->out;
    if (o->nrow == UINT32_MAX) return sm_fail(err, SM_ELIMIT, "too many relations");
    int rc = sm_recs_reserve(o, SM_RELREC_COUNT, o->nrow + 1, err);
    if (rc != SM_OK) return rc;
    const uint32_t i = o->nrow++;
    o->col[V_STUDYID][i] = study;
    o->col[V_RDOMAIN][i] = sm_val_make(r->in, s->d->name);
    o->col[V_USUBJID][i] = r->key[0];
    o->col[V_IDVAR][i] = s->idvar == SM_NO ? SM_MISSING : sm_val_make(r->in, s->d->var[s->idvar].name);
    o->col[V_IDVARVAL][i] = id;
    o->col[V_RELTYPE][i] = SM_MISSING;
    o->col[V_RELID][i] = relid;
    o->pos[i] = pos;
    return SM_OK;
}

/* ---- their records, by key ------------------------------------------------------------------- */

static int index_row(struct relate *r, const sm_val *row, sm_pos pos, struct sm_err *err) {
    if (!key_of(r, &r->theirs, row)) return SM_OK;
    if (r->n >= END) return sm_fail(err, SM_ELIMIT, "too many records to relate");
    int rc = sm_grow(&r->node, &r->cap, r->n + 1, sizeof *r->node, err);
    if (rc != SM_OK) return rc;
    const uint32_t at = (uint32_t)r->n++;
    r->node[at] = (struct node){cell_or(row, r->theirs.studyid, r->spec->study_oid), cell_or(row, r->theirs.idvar, SM_MISSING), pos, END};
    sm_val val[3] = {at, at, 0}, *old;
    rc = sm_lut_add(r->index, r->key, val, &old, err);
    if (rc != SM_OK || !old) return rc;
    r->node[old[1]].next = at;
    old[1] = at;
    return SM_OK;
}

/* ---- my records ------------------------------------------------------------------------------ */

static sm_val relid_of(struct relate *r, uint64_t number) {
    char text[128];
    const struct sm_str id = r->rel->id;
    int n = id.n ? snprintf(text, sizeof text, "%.*s%" PRIu64, (int)(id.n > 64 ? 64 : id.n), id.p, number)
                 : snprintf(text, sizeof text, "%.*s%.*s%" PRIu64, (int)(r->mine.d->name.n > 32 ? 32 : r->mine.d->name.n),
                            r->mine.d->name.p, (int)(r->theirs.d->name.n > 32 ? 32 : r->theirs.d->name.n), r->theirs.d->name.p, number);
    return sm_val_make(r->in, sm_str_n(text, n > 0 ? (size_t)n : 0));
}

/* A relation is met for the first time: it gets its number, and their records go out. */
static int begin_relation(struct relate *r, sm_val *found, struct sm_err *err) {
    sm_val one = 1, *count;
    int rc = sm_lut_add(r->count, r->key, &one, &count, err);
    if (rc != SM_OK) return rc;
    found[2] = count ? ++*count : 1;
    sm_val id = relid_of(r, found[2]);
    for (uint32_t at = (uint32_t)found[0]; at != END && rc == SM_OK; at = r->node[at].next)
        rc = put(r, &r->theirs, r->node[at].study, r->node[at].id, id, r->node[at].pos, err);
    return rc;
}

static void note_none(struct relate *r, const sm_val *row) {
    struct sm_valbuf a, b;
    const struct sm_texts *t = sm_intern_texts(r->in);
    const uint32_t c = r->mine.by[0];
    struct sm_diag x = {.code = SM_D_RELATE_NONE, .domain = r->mine.d->name, .variable = r->mine.d->var[c].name,
                        .value = sm_val_text(t, row[c], &a), .subject = sm_val_text(t, r->key[0], &b), .map_file = r->rel->where.file,
                        .map_line = r->rel->where.line, .map_column = r->rel->where.column};
    sm_diags_add(r->diags, &x, -1);
}

static int relate_row(struct relate *r, const sm_val *row, sm_pos pos, struct sm_err *err) {
    if (!key_of(r, &r->mine, row)) return SM_OK;
    if (!sm_lut_find(r->index, r->key)) {
        note_none(r, row);
        return SM_OK;
    }
    sm_val *found = NULL;
    int rc = sm_lut_add(r->index, r->key, NULL, &found, err);
    if (rc == SM_OK && !found) rc = sm_fail(err, SM_ESTATE, "a key was lost");
    if (rc == SM_OK && found[2] == 0) rc = begin_relation(r, found, err);
    if (rc != SM_OK) return rc;
    return put(r, &r->mine, cell_or(row, r->mine.studyid, r->spec->study_oid), cell_or(row, r->mine.idvar, SM_MISSING), relid_of(r, found[2]),
               pos, err);
}

static int each_row(struct relate *r, struct sm_blocks in, int (*see)(struct relate *, const sm_val *, sm_pos, struct sm_err *),
                    struct sm_err *err) {
    struct sm_block b;
    int rc;
    while ((rc = in.next(in.ctx, &b, err)) == SM_OK)
        for (uint32_t i = 0; i < b.nrow; i++)
            if ((rc = see(r, b.cell + (size_t)i * b.ncol, b.pos[i], err)) != SM_OK) return rc;
    return rc == SM_EOF ? SM_OK : rc;
}

/* ---- datasets as a whole --------------------------------------------------------------------- */

/* type=: one record for each dataset, which says how many of its records share a key. */
static int relate_datasets(struct relate *r, struct sm_blocks mine, struct sm_blocks theirs, struct sm_err *err) {
    struct sm_block a, b;
    int rc = mine.next(mine.ctx, &a, err);
    if (rc == SM_OK) rc = theirs.next(theirs.ctx, &b, err);
    if (rc != SM_OK) return rc == SM_EOF ? SM_OK : rc;
    const bool one = sm_str_eq_c(r->rel->type, "ONE");
    char name[72];
    int n = snprintf(name, sizeof name, "%.*s%.*s", (int)(r->mine.d->name.n > 32 ? 32 : r->mine.d->name.n), r->mine.d->name.p,
                     (int)(r->theirs.d->name.n > 32 ? 32 : r->theirs.d->name.n), r->theirs.d->name.p);
    sm_val id = r->rel->id.n ? sm_val_make(r->in, r->rel->id) : sm_val_make(r->in, sm_str_n(name, n > 0 ? (size_t)n : 0));
    r->key[0] = SM_MISSING;
    r->mine.idvar = r->mine.by[0];
    r->theirs.idvar = r->theirs.by[0];
    rc = put(r, &r->mine, cell_or(a.cell, r->mine.studyid, r->spec->study_oid), SM_MISSING, id, a.pos[0], err);
    if (rc == SM_OK) rc = put(r, &r->theirs, cell_or(b.cell, r->theirs.studyid, r->spec->study_oid), SM_MISSING, id, b.pos[0], err);
    if (rc != SM_OK) return rc;
    r->out->col[V_RELTYPE][r->out->nrow - 2] = sm_val_make(r->in, one ? SM_STR("ONE") : SM_STR("MANY"));
    r->out->col[V_RELTYPE][r->out->nrow - 1] = sm_val_make(r->in, one ? SM_STR("MANY") : SM_STR("ONE"));
    return SM_OK;
}

static int relate_all(struct relate *r, struct sm_blocks mine, struct sm_blocks theirs, struct sm_err *err) {
    r->key = sm_alloc((size_t)r->rel->npair + 1, sizeof *r->key);
    if (!r->key) return sm_fail(err, SM_ENOMEM, "out of memory");
    int rc = sm_recs_reserve(r->out, SM_RELREC_COUNT, r->out->nrow, err);
    if (rc != SM_OK) return rc;
    if (r->rel->type.n) return relate_datasets(r, mine, theirs, err);
    rc = sm_lut_open(&r->index, r->spec->texts, r->rel->npair + 1, 3, false, err);
    if (rc == SM_OK) rc = sm_lut_open(&r->count, r->spec->texts, 1, 1, false, err);
    if (rc == SM_OK) rc = each_row(r, theirs, index_row, err);
    if (rc == SM_OK) rc = each_row(r, mine, relate_row, err);
    return rc;
}

int sm_relate_rows(const struct sm_spec *spec, const struct sm_domain *d, const struct sm_relate *rel, struct sm_blocks mine,
                   struct sm_blocks theirs, struct sm_intern *i, struct sm_recs *out, struct sm_diags *diags, struct sm_err *err) {
    struct relate r = {.spec = spec, .rel = rel, .in = i, .out = out, .diags = diags};
    if (rel->npair == 0) return SM_OK;
    side_init(&r.mine, d, rel->mine, rel->npair);
    side_init(&r.theirs, &spec->domain[rel->to], rel->theirs, rel->npair);
    int rc = relate_all(&r, mine, theirs, err);
    if (rc == SM_OK && sm_intern_failed(i)) rc = sm_fail(err, SM_ELIMIT, "a text could not be kept");
    sm_lut_close(r.index);
    sm_lut_close(r.count);
    sm_free(r.node);
    sm_free(r.key);
    return rc;
}
