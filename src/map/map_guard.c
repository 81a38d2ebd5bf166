/* SPDX-License-Identifier: MIT */
#include "map/map_priv.h"

static bool pairs(struct map_run *m, uint32_t n, uint32_t **rec, uint32_t **row) {
    *rec = map_room_take(m, (size_t)n + 1, sizeof **rec);
    *row = map_room_take(m, (size_t)n + 1, sizeof **row);
    return *rec && *row;
}

static const uint32_t *gather(struct map_run *m, const uint32_t *from, const uint32_t *at,
                              uint32_t n) {
    uint32_t *to = map_room_take(m, (size_t)n + 1, sizeof *to);
    for (uint32_t k = 0; to && k < n; k++)
        to[k] = from[at[k]];
    return to;
}

bool map_pick(struct map_run *m, const struct map_sel *from, const uint32_t *at, uint32_t n,
              struct map_sel *ret) {
    bool same = from->rec == from->row;
    if (n == from->n) {
        *ret = *from;
        return true;
    }
    *ret = (struct map_sel){n, at, at};
    if (from->rec) ret->rec = gather(m, from->rec, at, n);
    if (same)
        ret->row = ret->rec;
    else if (from->row)
        ret->row = gather(m, from->row, at, n);
    return ret->rec && ret->row;
}

static bool split_room(struct map_run *m, uint32_t n, struct map_split *ret) {
    *ret = (struct map_split){.at = {NULL, NULL}};
    return pairs(m, n, &ret->at[0], &ret->at[1]);
}

static bool select_where(struct map_run *m, struct map_rule *test, struct map_sel *sel) {
    struct map_split part;
    struct map_sel from = *sel;
    return split_room(m, from.n, &part) && map_memo_test(m, test, &from, &part) &&
           map_pick(m, &from, part.at[1], part.n[1], sel);
}

static bool split(struct map_run *m, struct map_guard *it, const struct map_sel *from,
                  struct map_split *ret) {
    if (!split_room(m, from->n, ret)) return false;
    return map_kinds_test(m, it, from, ret) || (!m->nomem && map_memo_test(m, &it->test, from, ret));
}

/* The twin has the rest, unless there were findings: it has its own then. */
static bool guard_run(struct map_run *m, struct map_guards *g, struct map_guard *it,
                      const struct map_sel *from) {
    struct map_split part;
    bool want = !it->guard->negate;
    m->found = false;
    if (!split(m, it, from, &part) ||
        !map_pick(m, from, part.at[want], part.n[want], &it->sel))
        return false;
    it->ready = true;
    if (it->twin == SM_NO || m->found) return true;
    struct map_guard *twin = &g->item[it->twin];
    twin->ready = true;
    return map_pick(m, from, part.at[!want], part.n[!want], &twin->sel);
}

bool map_guard_select(struct map_run *m, struct map_guards *g, uint32_t i,
                      const struct map_sel *all, struct map_sel *ret) {
    struct map_guard *it = &g->item[i];
    if (!it->ready) {
        struct map_sel from = *all;
        if (it->parent != SM_NO && !map_guard_select(m, g, it->parent, all, &from)) return false;
        if (!guard_run(m, g, it, &from)) return false;
    }
    *ret = it->sel;
    return true;
}

void map_guard_reset(struct map_guards *g) {
    for (size_t i = 0; i < g->n; i++)
        g->item[i].ready = false;
}

/* ---- which rows, which records ------------------------------------------------------------------
 */

static void verdict_all(struct map_run *m, struct sm_verdict v) {
    for (uint32_t i = 0; m->verdict && i < m->nrow; i++)
        m->verdict[i] = v;
}

static void verdict_rows(struct map_run *m, const struct map_sel *rows, struct sm_verdict v) {
    for (uint32_t k = 0; m->verdict && k < rows->n; k++)
        m->verdict[rows->row ? rows->row[k] : k] = v;
}

static bool checks_subject(const struct map_run *m) {
    return m->source && m->w->rt->subjects && m->id_row && !m->source->is_subject_source &&
           m->spec->unknown_subject != SM_SUBJECT_KEEP;
}

/* A subject's rows mostly stand together, so the last answer is kept. */
static bool select_subjects(struct map_run *m, struct map_sel *ret) {
    uint32_t *row = map_room_take(m, (size_t)m->nrow + 1, sizeof *row), n = 0;
    if (!row) return false;
    bool reject = m->spec->unknown_subject == SM_SUBJECT_REJECT, known = false;
    sm_val last = ~(sm_val)0;
    for (uint32_t i = 0; i < m->nrow; i++) {
        if (m->id_row[i] != last) {
            last = m->id_row[i];
            known = last != SM_MISSING && sm_lut_find(m->w->rt->subjects, &last) != NULL;
        }
        row[n] = i;
        if (known || !reject) n++;
        if (known) continue;
        if (m->domain) map_unknown_subject(m, i, reject);
        if (reject && m->verdict)
            m->verdict[i] = (struct sm_verdict){SM_FATE_REJECTED, SM_D_UNKNOWN_SUBJECT, NULL};
    }
    if (n < m->nrow) *ret = (struct map_sel){n, row, row};
    return true;
}

int map_choose_rows(struct map_run *m, struct map_sel *ret, struct sm_err *err) {
    *ret = (struct map_sel){m->nrow, NULL, NULL};
    bool checks = checks_subject(m);
    if (checks || m->plan->filter.expr || m->plan->ntpl == 0)
        verdict_all(m, (struct sm_verdict){SM_FATE_FILTERED, 0, m->plan->place});
    bool ok = !checks || select_subjects(m, ret);
    if (ok && m->plan->filter.expr) ok = select_where(m, &m->plan->filter, ret);
    return ok ? SM_OK : sm_fail(err, SM_ENOMEM, "out of memory");
}

/* Rows that give a record of the template; the guards see no variables yet. */
static bool select_template(struct map_run *m, struct map_template *t, const struct map_sel *rows,
                            struct map_sel *ret) {
    const struct sm_record *rec = t->record;
    m->tpl = t;
    m->param[1] = rec->param[1];
    map_guard_reset(&t->guards);
    *ret = *rows;
    if (t->guard != SM_NO && !map_guard_select(m, &t->guards, t->guard, rows, ret)) return false;
    map_guard_reset(&t->guards);
    if (rec->repeat == SM_NO || !rec->skip_empty) return true;
    uint32_t *row = map_room_take(m, (size_t)ret->n + 1, sizeof *row), n = 0;
    if (!row) return false;
    const sm_val *value = m->col[rec->repeat];
    for (uint32_t k = 0; k < ret->n; k++) {
        row[n] = ret->row ? ret->row[k] : k;
        n += value[row[n]] != SM_MISSING;
    }
    if (n < ret->n) *ret = (struct map_sel){n, NULL, row};
    return true;
}

/* Numbers records in row order, then template order. */
static bool number_records(struct map_run *m, struct map_sel *sel) {
    uint32_t *next = map_room_zero(m, (size_t)m->nrow + 1, sizeof *next);
    m->rec_row = map_room_take(m, (size_t)m->nrec + 1, sizeof *m->rec_row);
    if (!next || !m->rec_row) return false;
    for (uint32_t t = 0; t < m->plan->ntpl; t++)
        for (uint32_t k = 0; k < sel[t].n; k++)
            next[(sel[t].row ? sel[t].row[k] : k) + 1]++;
    for (uint32_t i = 1; i <= m->nrow; i++)
        next[i] += next[i - 1];
    for (uint32_t t = 0; t < m->plan->ntpl; t++) {
        uint32_t *rec, *row;
        if (!pairs(m, sel[t].n, &rec, &row)) return false;
        for (uint32_t k = 0; k < sel[t].n; k++) {
            row[k] = sel[t].row ? sel[t].row[k] : k;
            rec[k] = next[row[k]]++;
            m->rec_row[rec[k]] = row[k];
        }
        sel[t].rec = rec;
        sel[t].row = row;
    }
    return true;
}

int map_number_positions(const struct map_run *m, const struct map_sel *sel, sm_pos *ret,
                         struct sm_err *err) {
    const uint32_t most = (1u << SM_POS_COPY_BITS) - 1;
    if (m->plan->copies == 1 && !m->rec_row) {
        memcpy(ret, m->pos, m->nrec * sizeof *ret);
        return SM_OK;
    }
    for (uint32_t t = 0; t < m->plan->ntpl; t++) {
        for (uint32_t k = 0; k < sel[t].n; k++) {
            sm_pos in = m->pos[sel[t].row ? sel[t].row[k] : k];
            uint64_t copy = (uint64_t)sm_pos_copy(in) * m->plan->copies + m->plan->copy + t;
            if (copy > most)
                return sm_fail(err, SM_ELIMIT,
                               "line %" PRIu64 " gives more than %" PRIu32 " records",
                               sm_pos_line(in), most);
            ret[sel[t].rec ? sel[t].rec[k] : k] = (in & ~(sm_pos)most) | copy;
        }
    }
    return SM_OK;
}

int map_choose_records(struct map_run *m, const struct map_sel *rows, struct map_sel *sel,
                       struct sm_err *err) {
    struct map_plan *p = m->plan;
    uint64_t total = 0;
    m->nrec = 0;
    if (p->ntpl == 0) return SM_OK;
    for (uint32_t t = 0; t < p->ntpl; t++) {
        if (!select_template(m, &p->tpl[t], rows, &sel[t]))
            return sm_fail(err, SM_ENOMEM, "out of memory");
        total += sel[t].n;
    }
    m->tpl = NULL;
    if (total >= UINT32_MAX)
        return sm_fail(err, SM_ELIMIT, "%" PRIu32 " rows give more than 4 billion records",
                       m->nrow);
    m->nrec = (uint32_t)total;
    if (p->ntpl == 1 && m->nrec == m->nrow) {
        sel[0] = (struct map_sel){m->nrec, NULL, NULL};
        return SM_OK;
    }
    const struct sm_record *first = p->tpl[0].record;
    const struct sm_where *why = first->guard ? &first->guard->where : &first->where;
    verdict_rows(m, rows, (struct sm_verdict){SM_FATE_FILTERED, 0, why});
    return number_records(m, sel) ? SM_OK : sm_fail(err, SM_ENOMEM, "out of memory");
}
