/* SPDX-License-Identifier: MIT */
#include "derive/derive_priv.h"
#include "sdtmill/err.h"
#include "sdtmill/mem.h"

enum { QNAM_MOST = 8 };

/* ---- texts that go on ------------------------------------------------------------------------ */

size_t der_cut(struct sm_str s, size_t *ret_rest) {
    *ret_rest = s.n;
    if (s.n <= DER_TEXT_MOST) return s.n;
    for (size_t n = DER_TEXT_MOST; n > DER_TEXT_MOST / 2; n--) {
        if (s.p[n] != ' ') continue;
        *ret_rest = n + 1;
        while (n && s.p[n - 1] == ' ') n--;
        while (*ret_rest < s.n && s.p[*ret_rest] == ' ') ++*ret_rest;
        if (n) return n;
    }
    size_t n = DER_TEXT_MOST;
    while (n > DER_TEXT_MOST - 4 && ((unsigned char)s.p[n] & 0xC0) == 0x80) n--;
    *ret_rest = n;
    return n;
}

void der_split_row(struct sm_deriver *v, sm_val *row) {
    struct sm_valbuf b;
    size_t rest;
    for (uint32_t k = 0; k < v->nsplit; k++) {
        sm_val *x = &row[v->split[k]], *more = &row[v->d->nvar + k];
        *more = SM_MISSING;
        if (!sm_val_is_pooled(*x)) continue;
        struct sm_str s = sm_val_text(v->texts, *x, &b);
        size_t n = der_cut(s, &rest);
        if (n == s.n) continue;
        if (rest < s.n) *more = *x;
        *x = sm_val_make(v->in, sm_str_n(s.p, n));
    }
}

/* ---- SUPP-- records -------------------------------------------------------------------------- */

struct supp {                        /* one block's work */
    const struct sm_domain *d;
    struct sm_intern *in;
    struct sm_recs *out;
    sm_val fixed[SM_SUPP_COUNT];     /* what all records of the block have */
    uint32_t studyid;
};

static int put(struct supp *s, const struct sm_var *var, sm_val qnam, sm_val qval, sm_pos pos, struct sm_err *err) {
    struct sm_recs *o = s->out;
    if (o->nrow == UINT32_MAX) return sm_fail(err, SM_ELIMIT, "too many supplements");
    int rc = sm_recs_reserve(o, SM_SUPP_COUNT, o->nrow + 1, err);
    if (rc != SM_OK) return rc;
    const uint32_t i = o->nrow++;
    for (uint32_t c = 0; c < SM_SUPP_COUNT; c++) o->col[c][i] = s->fixed[c];
    o->col[SM_SUPP_QNAM][i] = qnam;
    o->col[SM_SUPP_QLABEL][i] = sm_val_make(s->in, var->label);
    o->col[SM_SUPP_QVAL][i] = qval;
    o->col[SM_SUPP_QORIG][i] = var->origin_text.n ? sm_val_make(s->in, var->origin_text) : sm_val_make(s->in, SM_STR("CRF"));
    o->col[SM_SUPP_QEVAL][i] = sm_val_make(s->in, var->evaluator);
    o->pos[i] = pos;
    return SM_OK;
}

/* X1, X2 ...: the name gives way where both are too long. */
static sm_val piece_name(struct supp *s, struct sm_str name, uint64_t piece) {
    char text[QNAM_MOST + 24], digits[24];
    int n = snprintf(digits, sizeof digits, "%" PRIu64, piece);
    size_t nd = n > 0 ? (size_t)n : 0, keep = nd < QNAM_MOST ? QNAM_MOST - nd : 1;
    if (keep > name.n) keep = name.n;
    memcpy(text, name.p, keep);
    memcpy(text + keep, digits, nd);
    return sm_val_make(s->in, sm_str_n(text, keep + nd));
}

/* What goes on of a text, whose first piece the record has. */
static int put_pieces(struct supp *s, const struct sm_var *var, sm_val whole, sm_pos pos, struct sm_err *err) {
    struct sm_valbuf b;
    struct sm_str left = sm_val_text(sm_intern_texts(s->in), whole, &b);
    size_t next;
    (void)der_cut(left, &next);
    left = sm_str_n(left.p + next, left.n - next);
    for (uint64_t piece = 1; left.n; piece++) {
        const size_t n = der_cut(left, &next);
        int rc = put(s, var, piece_name(s, var->name, piece), sm_val_make(s->in, sm_str_n(left.p, n)), pos, err);
        if (rc != SM_OK) return rc;
        left = sm_str_n(left.p + next, left.n - next);
    }
    return SM_OK;
}

/* Supplements are the last variables, and texts that go on stand behind them. */
static bool has_any(const struct sm_domain *d, const struct sm_block *b, const sm_val *row) {
    sm_val any = SM_MISSING;
    for (uint32_t c = d->nvar - d->nsupp; c < b->ncol; c++) any |= row[c];
    return any != SM_MISSING;
}

static int put_record(struct supp *s, const struct sm_block *b, uint32_t i, struct sm_err *err) {
    const struct sm_domain *d = s->d;
    const sm_val *row = b->cell + (size_t)i * b->ncol;
    uint32_t more = d->nvar;
    int rc = SM_OK;
    if (!has_any(d, b, row)) return SM_OK;
    if (s->studyid != SM_NO) s->fixed[SM_SUPP_STUDYID] = row[s->studyid];
    s->fixed[SM_SUPP_USUBJID] = d->usubjid == SM_NO ? SM_MISSING : row[d->usubjid];
    s->fixed[SM_SUPP_IDVARVAL] = s->fixed[SM_SUPP_IDVAR] == SM_MISSING ? SM_MISSING : row[d->seq];
    for (uint32_t c = 0; c < d->nvar && rc == SM_OK; c++) {
        const struct sm_var *var = &d->var[c];
        if (var->split_supp && more < b->ncol) {
            sm_val whole = row[more++];
            if (whole != SM_MISSING) rc = put_pieces(s, var, whole, b->pos[i], err);
        }
        if (var->supp && row[c] != SM_MISSING && rc == SM_OK) rc = put(s, var, sm_val_make(s->in, var->name), row[c], b->pos[i], err);
    }
    return rc;
}

int sm_supp_rows(const struct sm_spec *spec, const struct sm_domain *d, const struct sm_block *in, struct sm_intern *i, struct sm_recs *out,
                 struct sm_err *err) {
    struct supp s = {.d = d, .in = i, .out = out, .studyid = SM_NO};
    for (uint32_t c = 0; c < d->nvar; c++)
        if (sm_str_eq_c(d->var[c].name, "STUDYID")) s.studyid = c;
    s.fixed[SM_SUPP_STUDYID] = spec->study_oid;
    s.fixed[SM_SUPP_RDOMAIN] = sm_val_make(i, d->name);
    if (d->seq != SM_NO && !sm_str_eq_c(d->name, "DM")) s.fixed[SM_SUPP_IDVAR] = sm_val_make(i, d->var[d->seq].name);
    int rc = sm_recs_reserve(out, SM_SUPP_COUNT, out->nrow, err);
    for (uint32_t k = 0; k < in->nrow && rc == SM_OK; k++) rc = put_record(&s, in, k, err);
    if (rc == SM_OK && sm_intern_failed(i)) rc = sm_fail(err, SM_ELIMIT, "a text could not be kept");
    return rc;
}
