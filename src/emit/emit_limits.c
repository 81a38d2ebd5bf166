/* SPDX-License-Identifier: MIT */
/* emit_limits.c - findings about what a format cannot hold. */
#include "emit_priv.h"

#include "sdtmill/buf.h"
#include "sdtmill/err.h"
#include "sdtmill/mem.h"
#include "sdtmill/spec.h"
#include "sdtmill/utf8.h"

enum { VALUE_MAX = 256 }; /* bytes of a value that a finding quotes */

/* A finding about a cell as it is kept while formatting apart: its texts are its own. */
struct sm_emit_note {
    enum sm_diag_code code;
    enum sm_effect effect;
    uint32_t var, nvalue;
    uint64_t record; /* in the dataset, 1-based; 0 = no record. While apart: in what is formatted */
    sm_pos pos;
    sm_val subject;
    char value[VALUE_MAX], what[128], mend[128];
};

static sm_val subject_of(const struct sm_emitter *e, const struct emit_breach *b) {
    for (uint32_t i = 0; b->block && i < e->ds->nvar; i++)
        if (sm_str_eq_c(e->ds->var[i].name, "USUBJID"))
            return b->block->cell[(size_t)b->row * b->block->ncol + e->ds->column[i]];
    return SM_MISSING;
}

/* At most so many bytes, cut between characters. */
static struct sm_str cut(struct sm_str s, size_t most) {
    if (s.n <= most) return s;
    size_t n = most;
    while (n > 0 && n + 4 > most && ((unsigned char)s.p[n] & 0xC0) == 0x80) n--;
    return sm_str_n(s.p, n);
}

static void note_make(struct sm_emit_note *n, const struct sm_emitter *e,
                      const struct emit_breach *b) {
    struct sm_str value = cut(b->value, VALUE_MAX);
    *n = (struct sm_emit_note){.code = b->code,
                               .effect = b->effect,
                               .var = b->var,
                               .nvalue = (uint32_t)value.n,
                               .record = b->block ? e->rows + b->row + 1 : 0,
                               .subject = subject_of(e, b)};
    if (b->block && b->block->pos) n->pos = b->block->pos[b->row];
    if (value.n) memcpy(n->value, value.p, value.n);
    (void)snprintf(n->what, sizeof n->what, "%s", b->what);
    (void)snprintf(n->mend, sizeof n->mend, "%s", b->mend ? b->mend : "");
}

static void note_report(struct sm_emitter *e, const struct sm_emit_note *n) {
    const struct sm_emit_study *s = e->study;
    struct sm_valbuf buf;
    char detail[256], record[32] = "";
    e->breach_code = (uint16_t)n->code;
    if (e->breaches++ >= SM_EMIT_BREACHES) return;
    struct sm_diag d = {.code = (uint16_t)n->code,
                        .effect = (uint8_t)n->effect,
                        .value = sm_str_n(n->value, n->nvalue),
                        .domain = e->ds->name};
    if (n->record) (void)snprintf(record, sizeof record, "record %" PRIu64 ": ", n->record);
    if (n->subject != SM_MISSING) d.subject = sm_val_text(s->texts, n->subject, &buf);
    if (s->file && n->pos && sm_pos_file(n->pos) < s->nfile) {
        d.file = s->file[sm_pos_file(n->pos)];
        d.line = sm_pos_line(n->pos);
    }
    if (n->var != EMIT_NO_VAR) {
        const struct sm_var *v = e->ds->var[n->var].source;
        d.variable = e->ds->var[n->var].name;
        if (v) {
            d.map_file = v->where.file;
            d.map_line = v->where.line;
            d.map_column = v->where.column;
        }
    }
    (void)snprintf(detail, sizeof detail, "%s: %s%s", e->ops->name, record, n->what);
    d.detail = sm_str(detail);
    d.mend = sm_str(*n->mend ? n->mend : NULL);
    sm_diags_add(s->diags, &d, -1);
}

void emit_report(struct sm_emitter *e, const struct emit_breach *b) {
    struct sm_emit_apart *a = e->apart;
    if (!a) {
        struct sm_emit_note n;
        note_make(&n, e, b);
        note_report(e, &n);
        return;
    }
    a->breach_code = (uint16_t)b->code;
    a->breaches++;
    if (a->nnote >= SM_EMIT_BREACHES) return;
    if (sm_grow(&a->note, &a->cap_note, a->nnote + 1, sizeof *a->note, NULL))
        a->failed = true;
    else
        note_make(&a->note[a->nnote++], e, b);
}

void emit_notes_report(struct sm_emitter *e, struct sm_emit_apart *a) {
    for (size_t i = 0; i < a->nnote; i++) {
        a->note[i].record += a->note[i].record ? e->rows : 0;
        note_report(e, &a->note[i]);
    }
    if (a->breaches > a->nnote) {
        e->breaches += a->breaches - a->nnote;
        e->breach_code = a->breach_code;
    }
    a->breaches = a->nnote = 0;
}

void emit_report_rest(struct sm_emitter *e) {
    char detail[128];
    if (e->breaches <= SM_EMIT_BREACHES) return;
    (void)snprintf(detail, sizeof detail, "%s: %" PRIu64 " more findings about this dataset are not listed", e->ops->name,
                   e->breaches - SM_EMIT_BREACHES);
    const struct sm_diag d = {.code = e->breach_code, .domain = e->ds->name, .detail = sm_str(detail)};
    sm_diags_add(e->study->diags, &d, -1);
}

/* ---- ASCII --------------------------------------------------------------------------------------- */
uint32_t emit_ascii_length(struct sm_str s) {
    size_t i = 0;
    for (uint64_t w; i + 8 <= s.n; i += 8) {
        memcpy(&w, s.p + i, 8);
        if (!emit_word_ascii(w)) break;
    }
    while (i < s.n && (unsigned char)s.p[i] >= 0x20 && (unsigned char)s.p[i] < 0x7F) i++;
    return (uint32_t)i;
}

void emit_report_not_ascii(struct sm_emitter *e, const struct emit_breach *place) {
    struct emit_breach b = *place;
    char what[96], mend[96];
    uint32_t at = emit_ascii_length(b.value);
    const char *p = b.value.p + at, *end = b.value.p + b.value.n, *ascii = NULL;
    unsigned char byte = (unsigned char)*p;
    uint32_t cp = byte < 0x80 || sm_utf8_invalid(b.value, NULL) != SIZE_MAX ? byte : sm_utf8_next(&p, end);
    if (cp >= 0x80) ascii = sm_utf8_ascii(cp);
    (void)snprintf(what, sizeof what, "byte %u of the value, U+%04X, is no printable ASCII character", at + 1, cp);
    if (ascii) (void)snprintf(mend, sizeof mend, "write '%s' for it with replace() in the mapping, or use --transliterate", ascii);
    else (void)snprintf(mend, sizeof mend, "replace it with replace() in the mapping, or leave the format out");
    b.code = SM_D_NOT_ASCII;
    b.what = what;
    b.mend = mend;
    emit_report(e, &b);
    e->refused = true;
}

void emit_report_too_long(struct sm_emitter *e, const struct emit_breach *place, uint32_t most, bool declared) {
    struct emit_breach b = *place;
    char what[128];
    (void)snprintf(what, sizeof what, "value has %zu bytes, %s %u: byte %u is the first that does not fit", b.value.n,
                   declared ? "the mapping declares" : "the format holds", most, most + 1);
    b.code = SM_D_TEXT_TOO_LONG;
    b.what = what;
    b.mend = declared          ? "declare a greater length"
             : e->ds->is_supp ? "make the value of the <supplement> shorter, or leave the format out"
                              : "say split=\"supp\" for the variable, so that the rest goes to SUPP--";
    emit_report(e, &b);
    e->refused = true;
}

/* ---- names --------------------------------------------------------------------------------------- */
static void refuse_name(struct sm_emitter *e, uint32_t var, struct sm_str value, const char *what, const char *mend) {
    emit_report(e, &(struct emit_breach){.code = SM_D_NAME_LIMIT, .var = var, .value = value, .what = what, .mend = mend});
    e->refused = true;
}

static void check_name(struct sm_emitter *e, uint32_t var, struct sm_str s, uint32_t most) {
    char what[96], mend[96];
    if (s.n > most) {
        (void)snprintf(what, sizeof what, "name has %zu bytes, the format holds %u", s.n, most);
        (void)snprintf(mend, sizeof mend, "shorten it, for instance to %.*s", SM_STR_FMT(cut(s, most)));
        refuse_name(e, var, s, what, mend);
        return;
    }
    bool fine = s.n > 0 && !sm_is_digit(s.p[0]);
    for (size_t i = 0; i < s.n && fine; i++) fine = sm_is_alpha(s.p[i]) || sm_is_digit(s.p[i]) || s.p[i] == '_';
    if (!fine) refuse_name(e, var, s, "name is not made of letters, digits and _, a digit not first", "rename it in the mapping");
}

static void check_label(struct sm_emitter *e, uint32_t var, struct sm_str s, uint32_t most) {
    char what[96], mend[128];
    struct sm_buf ascii;
    sm_buf_init(&ascii, 0);
    if (e->study->transliterate && emit_ascii_length(s) < s.n && sm_utf8_to_ascii(s, &ascii)) s = sm_buf_str(&ascii);
    if (s.n > most) {
        (void)snprintf(what, sizeof what, "label has %zu bytes, the format holds %u", s.n, most);
        (void)snprintf(mend, sizeof mend, "shorten it, for instance to \"%.*s\"", SM_STR_FMT(cut(s, most)));
        refuse_name(e, var, s, what, mend);
    } else if (emit_ascii_length(s) < s.n) {
        struct emit_breach b = {.var = var, .value = s};
        emit_report_not_ascii(e, &b);
    }
    sm_buf_free(&ascii);
}

/* Names that differ in case only, found through a small table of their hashes. */
static int check_twins(struct sm_emitter *e, struct sm_err *err) {
    const struct sm_dsinfo *d = e->ds;
    uint32_t cap = 16;
    while (cap / 2 < d->nvar && cap < UINT32_MAX / 4) cap *= 2;
    uint32_t *slot = sm_alloc(cap, sizeof *slot); /* variable + 1 */
    if (!slot) return sm_fail(err, SM_ENOMEM, "out of memory");
    for (uint32_t i = 0; i < d->nvar; i++) {
        struct sm_str s = d->var[i].name;
        uint32_t h = 0;
        for (size_t k = 0; k < s.n; k++) h = (h ^ (unsigned char)sm_to_upper(s.p[k])) * 0x01000193u;
        h &= cap - 1;
        while (slot[h] && !sm_str_eq_nocase(d->var[slot[h] - 1].name, s)) h = (h + 1) & (cap - 1);
        if (slot[h]) refuse_name(e, i, s, "another variable has the same name but for case", "rename one of the two in the mapping");
        else slot[h] = i + 1;
    }
    sm_free(slot);
    return SM_OK;
}

int emit_check_names(struct sm_emitter *e, const struct emit_limits *l, struct sm_err *err) {
    const struct sm_dsinfo *d = e->ds;
    char what[96];
    check_name(e, EMIT_NO_VAR, d->name, l->name);
    check_label(e, EMIT_NO_VAR, d->label, l->label);
    if (d->nvar > l->vars || d->nvar == 0) {
        (void)snprintf(what, sizeof what, "dataset has %u variables, the format holds 1 to %u", d->nvar, l->vars);
        refuse_name(e, EMIT_NO_VAR, d->name, what, "leave the format out");
    }
    for (uint32_t i = 0; i < d->nvar; i++) {
        const struct sm_dsvar *v = &d->var[i];
        check_name(e, i, v->name, l->name);
        check_label(e, i, v->label, l->label);
        if (v->is_num || v->length <= l->text) continue;
        (void)snprintf(what, sizeof what, "declared length is %u bytes, the format holds %u", v->length, l->text);
        refuse_name(e, i, v->name, what, "declare a smaller length");
    }
    return check_twins(e, err);
}

/* ---- types --------------------------------------------------------------------------------------- */
static const char *date_type(unsigned shapes) {
    switch (shapes) {
    case SM_SHAPE_DATE: return "date";
    case SM_SHAPE_DATETIME_FULL: return "datetime";
    case SM_SHAPE_TIME: return "time";
    case SM_SHAPE_DURATION: return "durationDatetime";
    case SM_SHAPE_PARTIAL_DATE:
    case SM_SHAPE_PARTIAL_DATE | SM_SHAPE_DATE: return "partialDate";
    default: break;
    }
    if (shapes & (SM_SHAPE_OTHER | SM_SHAPE_DURATION | SM_SHAPE_TIME)) return "text";
    return shapes & SM_SHAPE_GAP ? "incompleteDatetime" : "partialDatetime";
}

const char *emit_data_type(const struct sm_dsvar *v) {
    if (v->is_num) return v->all_integer ? "integer" : "float";
    return v->is_dtc ? date_type(v->date_shapes) : "text";
}
