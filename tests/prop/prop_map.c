/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "map_kit.h"

enum { COLUMNS = 6, ROWS = 1500, STUDIES = 30 };

static struct kit kit;
static uint64_t seed;

static uint64_t next_random(void) {
    uint64_t z = seed += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}
static uint32_t below(uint32_t n) {
    return (uint32_t)(next_random() % n);
}

/* Words, numbers and dates, good and bad, few or many different ones. */
static sm_val random_value(uint32_t many) {
    static const char *const some[] = {
        "",           "",        "MILD",    "mild",       "SEVERE ", "what is this",
        "12.50",      "<3",      "7O",      "2014-03-05", "2014-03", "31.02.2014",
        "05.03.2014", "11.2014", "UN.2014", "08:15",      "99:99",   "N"};
    char text[32];
    uint32_t i = below(many);
    if (i < SM_ARRAY_LEN(some)) return kit_val(&kit, some[i]);
    int n = i % 3 == 0
                ? snprintf(text, sizeof text, "%02u.%02u.20%02u", i % 31 + 1, i % 13 + 1, i % 100)
                : snprintf(text, sizeof text, i % 3 == 1 ? "%u" : "text number %u", i);
    return sm_val_make(kit.in, sm_str_n(text, (size_t)n));
}

static const char *const exprs[] = {"concat(A, B)",
                                    "A + 1",
                                    "if (C = 'MILD') then D else E",
                                    "upper-case(F)",
                                    "A = B or C = D",
                                    "concat(sourceline(), A)",
                                    "concat(A, B, C, D, E, F)",
                                    "number(A) * number(B)",
                                    "days-between(A, B)",
                                    "concat(A, $column)",
                                    "DM.RFSTDTC",
                                    "concat(DM.RFXENDTC, C)"};
static const char *const guards[] = {"A != ''", "B = 'MILD'", "number(C) > 5", "D = E",
                                     "contains(F, 'i')"};

static const struct sm_guard *random_guard(const struct sm_guard *parent) {
    if (below(3) == 0) return parent;
    return kit_guard(&kit, guards[below(SM_ARRAY_LEN(guards))], below(2), parent);
}

static void random_rule(uint32_t record, uint32_t var, const struct sm_codelist *const *list) {
    static const enum sm_rule_kind kind[] = {SM_RULE_ASSIGN, SM_RULE_COMPUTE, SM_RULE_COMPUTE,
                                             SM_RULE_DATETIME, SM_RULE_CHECK};
    struct sm_rule *r = kit_rule_in(&kit, record, kind[below(SM_ARRAY_LEN(kind))], var);
    r->column = below(COLUMNS);
    r->from = (struct sm_slot){SM_SLOT_COLUMN, r->column};
    r->guard = below(2) ? random_guard(NULL) : NULL;
    if (r->guard && below(2)) r->guard = random_guard(r->guard);
    r->reject_invalid = below(8) == 0;
    if (r->kind == SM_RULE_CHECK) r->var = SM_NO;
    if (r->kind == SM_RULE_CHECK) r->expr = kit_expr(&kit, guards[below(SM_ARRAY_LEN(guards))]);
    if (r->kind == SM_RULE_COMPUTE) r->expr = kit_expr(&kit, exprs[below(SM_ARRAY_LEN(exprs))]);
    if (r->kind == SM_RULE_DATETIME && below(2))
        r->time = (struct sm_slot){SM_SLOT_COLUMN, below(COLUMNS)};
    if (r->kind == SM_RULE_ASSIGN || r->kind == SM_RULE_COMPUTE) {
        if (below(3) == 0) r->terms = (struct sm_terms){list, 1, (enum sm_unmatched)below(4)};
        if (below(6) == 0) r->has_min = true, r->min = SM_STR("3");
        if (below(4) == 0) r->fold = 'u';
    }
}

static void random_post(void) {
    uint32_t day = kit_num(&kit, "AEDY"), dur = kit_var(&kit, "AEDUR");
    struct sm_rule *r = kit_post(&kit, SM_RULE_STUDY_DAY, day);
    r->from = (struct sm_slot){SM_SLOT_VAR, below(6)};
    r->expr = kit_expr(&kit, "DM.RFSTDTC");
    r->guard = below(2) ? random_guard(NULL) : NULL;
    static const enum sm_rule_kind kind[] = {SM_RULE_DURATION, SM_RULE_DATE_ORDER};
    for (uint32_t i = 0; i < 2; i++) {
        r = kit_post(&kit, kind[i], i ? SM_NO : dur);
        r->from = (struct sm_slot){SM_SLOT_VAR, below(6)};
        r->time = (struct sm_slot){SM_SLOT_VAR, below(6)};
    }
}

static void random_study(void) {
    static const char *const term[] = {"MILD", "SEVERE"};
    static const char *const name[COLUMNS] = {"A", "B", "C", "D", "E", "F"};
    kit_open(&kit);
    for (uint32_t c = 0; c < COLUMNS; c++)
        kit_column(&kit, name[c], SM_COL_TEXT);
    kit_subject(&kit, "F");
    kit.refs = kit_lut(&kit, 1, 2);
    kit.rt.refs = kit.refs;
    KIT_LUT_ROW(&kit, kit.refs, "MILD", "2014-01-01", "x");
    KIT_LUT_ROW(&kit, kit.refs, "mild", "2014-01-02", "y");
    if (below(2)) {
        kit.subjects = kit_lut(&kit, 1, 0);
        kit.rt.subjects = kit.subjects;
        KIT_LUT_ROW(&kit, kit.subjects, "MILD");
        KIT_LUT_ROW(&kit, kit.subjects, "mild");
        kit.spec.unknown_subject = below(2) ? SM_SUBJECT_REJECT : SM_SUBJECT_REPORT;
    }
    static const struct sm_codelist *list[1];
    list[0] = kit_list(&kit, "SEV", below(2), term, 2);
    kit.from.nrecord = 1 + below(3);
    kit.from.filter = below(2) ? kit_expr(&kit, guards[below(SM_ARRAY_LEN(guards))]) : NULL;
    for (uint32_t v = 0; v < 6; v++) {
        uint32_t var = kit_var(&kit, "AEX");
        kit.var[var].is_num = below(5) == 0;
        kit.var[var].is_dtc = !kit.var[var].is_num && below(3) == 0;
    }
    for (uint32_t t = 0; t < kit.from.nrecord; t++) {
        if (below(2)) kit.record[t].guard = random_guard(NULL);
        kit.record[t].param[1] = kit_val(&kit, "PARAM");
        if (below(3) == 0)
            kit.record[t].repeat = below(COLUMNS), kit.record[t].skip_empty = below(2);
        for (uint32_t v = 0; v < 6; v++)
            random_rule(t, v, list);
    }
    random_post();
    uint32_t many = below(2) ? 24 : 4000;
    for (uint32_t i = 0; i < ROWS; i++) {
        for (uint32_t c = 0; c < COLUMNS; c++)
            kit.cell[c][i] = random_value(many);
        kit.cell[COLUMNS][i] = kit.cell[5][i];
        kit.pos[i] = sm_pos_make(0, i + 2, 0);
    }
    kit.batch.nrow = ROWS;
    kit.batch.ncol = COLUMNS;
}

/* All that came of it, as text. */
static void write_result(struct sm_buf *out, const struct sm_recs *recs, struct sm_diags *diags,
                         const struct sm_verdict *verdict) {
    struct sm_valbuf buf;
    for (uint32_t i = 0; i < recs->nrow; i++) {
        sm_buf_printf(out, "\n%" PRIu64, recs->pos[i]);
        for (uint32_t v = 0; v < kit.domain.nvar; v++) {
            sm_buf_printf(out, "|%d", sm_val_is_dtc(recs->col[v][i]));
            sm_buf_add_str(out, sm_val_text(kit.texts, recs->col[v][i], &buf));
        }
    }
    for (uint32_t i = 0; i < ROWS; i++)
        sm_buf_printf(out, "\n%d %d %u", verdict[i].fate, verdict[i].code,
                      verdict[i].where ? verdict[i].where->line : 0);
    size_t n;
    const struct sm_diag **d = sm_diags_final(diags, &n);
    for (size_t i = 0; i < n; i++)
        sm_buf_printf(out, "\n%u %d %d %" PRIu64 " %u %.*s|%.*s|%.*s|%.*s|%.*s", d[i]->code,
                      d[i]->sev, d[i]->effect, d[i]->line, d[i]->field, SM_STR_FMT(d[i]->column),
                      SM_STR_FMT(d[i]->value), SM_STR_FMT(d[i]->variable),
                      SM_STR_FMT(d[i]->subject), SM_STR_FMT(d[i]->detail));
}

/* Maps all rows, in pieces of at most `piece` rows. */
static void map_all(struct sm_buf *out, uint32_t piece, bool memo) {
    struct sm_verdict verdict[ROWS];
    struct sm_recs recs = {0};
    struct sm_diags diags;
    struct sm_map_worker *w = NULL;
    sm_buf_clear(out);
    sm_diags_init(&diags);
    assert_int_equal(sm_map_worker_open(&w, &kit.spec, &kit.rt, kit.in, NULL), SM_OK);
    w->memo_none = !memo;
    for (uint32_t at = 0, n; at < ROWS; at += n) {
        n = ROWS - at < piece ? ROWS - at : 1 + below(piece);
        struct sm_batch b = kit.batch;
        sm_val *col[KIT_MOST];
        for (uint32_t c = 0; c <= COLUMNS; c++)
            col[c] = kit.cell[c] + at;
        b.col = col;
        b.pos = kit.pos + at;
        b.nrow = n;
        sm_arena_init(&b.arena);
        sm_diags_init(&b.diags);
        assert_int_equal(
            sm_map_batch(w, &kit.domain, &kit.from, &kit.source, &kit.file, &b, &recs, NULL),
            SM_OK);
        memcpy(verdict + at, b.verdict, n * sizeof *verdict);
        sm_diags_move(&diags, &b.diags);
        sm_diags_free(&b.diags);
        sm_arena_free(&b.arena);
    }
    write_result(out, &recs, &diags, verdict);
    sm_map_worker_close(w);
    sm_diags_free(&diags);
    sm_recs_free(&recs);
}

static void neither_memory_nor_batches_change_what_comes_out(void **state) {
    (void)state;
    struct sm_buf plain, other;
    sm_buf_init(&plain, 0);
    sm_buf_init(&other, 0);
    for (uint32_t i = 0; i < STUDIES; i++) {
        seed = i;
        random_study();
        map_all(&plain, ROWS, false);
        static const struct {
            uint32_t piece;
            bool memo;
        } way[] = {{ROWS, true}, {97, true}, {400, false}, {3, true}};
        for (size_t k = 0; k < SM_ARRAY_LEN(way); k++) {
            map_all(&other, way[k].piece, way[k].memo);
            if (!sm_str_eq(sm_buf_str(&plain), sm_buf_str(&other)))
                fail_msg("study %u differs in way %zu", i, k);
        }
        kit_close(&kit);
    }
    assert_true(plain.n > ROWS);
    sm_buf_free(&plain);
    sm_buf_free(&other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neither_memory_nor_batches_change_what_comes_out)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
