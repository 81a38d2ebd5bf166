/* SPDX-License-Identifier: MIT */
#include "map/map_priv.h"

#include "sdtmill/utf8.h"

struct sm_str map_text(const struct map_run *m, sm_val v, struct sm_valbuf *buf) {
    return sm_val_text(m->texts, v, buf);
}

struct sm_str map_say(struct map_run *m, const char *fmt, ...) {
    char text[768];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    size_t len = n < 0 ? 0 : (size_t)n;
    if (len >= sizeof text) {
        len = sizeof text - 1;
        size_t bad = sm_utf8_invalid(sm_str_n(text, len), NULL);
        if (bad < len) len = bad; /* not in the middle of a character */
    }
    struct sm_str s = sm_arena_dup(&m->w->scratch, sm_str_n(text, len));
    if (!s.p) m->nomem = true;
    return s;
}

uint32_t map_column_of(const struct map_run *m, struct sm_slot s) {
    switch (s.kind) {
    case SM_SLOT_COLUMN:
        return m->source ? s.index : SM_NO;
    case SM_SLOT_PARAM:
        return m->tpl && m->tpl->record ? m->tpl->record->repeat : SM_NO;
    case SM_SLOT_VAR:
        return m->tpl && m->tpl->var_column ? m->tpl->var_column[s.index] : SM_NO;
    case SM_SLOT_REF:
    case SM_SLOT_NONE:
        break;
    }
    return SM_NO;
}

uint32_t map_rule_column(const struct map_run *m) {
    const struct map_rule *r = m->rule;
    uint32_t said = r->rule && m->source ? r->rule->column : SM_NO;
    if (said != SM_NO && !m->post) return said;
    for (uint32_t i = 0; i < r->nin; i++) {
        uint32_t column = map_column_of(m, r->in[i]);
        if (column != SM_NO) return column;
    }
    return said;
}

/* USUBJID stands behind the canonical columns; the raw cell is that of what it is made from. */
static uint32_t raw_column(const struct sm_source *s, uint32_t column) {
    if (column < s->ncolumn) return column;
    if (column > s->ncolumn + 1) return SM_NO;
    const struct sm_expr *e = column == s->ncolumn ? s->usubjid : s->subjid;
    const struct sm_slot *in;
    size_t n = e ? sm_expr_inputs(e, &in) : 0;
    for (size_t i = 0; i < n; i++)
        if (in[i].kind == SM_SLOT_COLUMN && in[i].index < s->ncolumn) return in[i].index;
    return SM_NO;
}

static void find_cell(const struct map_run *m, uint32_t column, struct sm_diag *d) {
    if (!m->batch || !m->batch->raw || column == SM_NO) return;
    uint32_t raw = raw_column(m->source, column);
    if (raw == SM_NO) return;
    struct sm_str header = {0};
    struct sm_raw_cell cell = m->batch->raw(m->batch, m->row, raw, &header);
    if (cell.field == 0) return;
    d->field = cell.field;
    d->column = header;
    d->value = cell.text;
}

static void find_place(const struct map_run *m, struct sm_diag *d) {
    const struct sm_runtime *rt = m->w->rt;
    sm_pos pos = m->pos[m->row];
    d->line = sm_pos_line(pos);
    if (m->batch)
        d->file = m->batch->file_name;
    else if (rt->file && sm_pos_file(pos) < rt->nfile)
        d->file = rt->file[sm_pos_file(pos)];
}

static sm_val find_subject(const struct map_run *m) {
    if (m->id_row) return m->id_row[m->row];
    return m->id_rec && m->rejected ? m->id_rec[m->rec] : SM_MISSING;
}

void map_find(struct map_run *m, const struct map_issue *issue) {
    m->dirty = true;
    if (m->rejected && m->rejected[m->rec]) return;
    struct sm_valbuf value, subject;
    struct sm_diag d = {
        .code = issue->code, .effect = issue->effect, .detail = issue->detail, .mend = issue->mend};
    d.value = map_text(m, issue->value, &value);
    d.subject = map_text(m, find_subject(m), &subject);
    find_place(m, &d);
    find_cell(m, issue->column, &d);
    uint32_t var = issue->var;
    if (var == SM_NO && m->rule->rule) var = m->rule->rule->var;
    if (m->domain) {
        d.domain = m->domain->name;
        if (var != SM_NO) d.variable = m->domain->var[var].name;
    }
    if (m->rule->where) {
        d.map_file = m->rule->where->file;
        d.map_line = m->rule->where->line;
        d.map_column = m->rule->where->column;
    }
    sm_diags_add(m->diags, &d, issue->sev);
}

/* The cell of the file that the subject's identifier is made from: constants have none. */
static void find_subject_cell(const struct map_run *m, struct sm_diag *d) {
    const struct sm_slot *in;
    size_t n = m->source->usubjid ? sm_expr_inputs(m->source->usubjid, &in) : 0;
    for (size_t i = 0; i < n && !d->field; i++)
        if (in[i].kind == SM_SLOT_COLUMN) find_cell(m, in[i].index, d);
}

/* The same for every domain that reads the row, so that it is one finding in the end. */
void map_unknown_subject(struct map_run *m, uint32_t row, bool rejected) {
    struct sm_valbuf subject;
    map_at(m, row, 0);
    struct sm_diag d = {.code = SM_D_UNKNOWN_SUBJECT,
                        .effect = rejected ? SM_EFFECT_DROPPED : SM_EFFECT_KEPT};
    d.subject = map_text(m, m->id_row[row], &subject);
    d.value = d.subject;
    find_place(m, &d);
    find_subject_cell(m, &d);
    d.map_file = m->source->where.file;
    d.map_line = m->source->where.line;
    d.map_column = m->source->where.column;
    sm_diags_add(m->diags, &d, -1);
}

static const struct {
    uint16_t code;
    const char *say;
} problem[] = {
    [SM_EXPR_NOT_A_NUMBER] = {SM_D_NOT_A_NUMBER, "is no number"},
    [SM_EXPR_UNKNOWN_KEY] = {SM_D_UNKNOWN_KEY, "is no key of the table"},
    [SM_EXPR_BAD_DATE] = {SM_D_INVALID_DATE, "is no date of the declared formats"},
    [SM_EXPR_NO_RESULT] = {SM_D_NOT_A_NUMBER,
                           "cannot be calculated with: it is 0, or the result too long"},
    [SM_EXPR_TOO_COSTLY] = {SM_D_EXPRESSION, "is too much work for the pattern"},
};

void map_expr_problem(void *ctx, enum sm_expr_problem what, struct sm_str text,
                      struct sm_slot slot) {
    struct map_run *m = ctx;
    const struct map_rule *r = m->rule;
    m->dirty = true;
    uint32_t column = map_column_of(m, slot);
    if (column == SM_NO) column = map_rule_column(m);
    bool gives = r->rule && r->rule->var != SM_NO;
    struct sm_str detail = map_say(m, "\"%.*s\" %s", SM_STR_FMT(text), problem[what].say);
    struct map_issue issue = {.code = problem[what].code,
                              .effect = gives ? SM_EFFECT_BLANK : SM_EFFECT_KEPT,
                              .sev = -1,
                              .column = column,
                              .var = SM_NO,
                              .value = sm_val_make(m->in, text),
                              .detail = detail};
    map_find(m, &issue);
}
