/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "findings.h"
#include "map_kit.h"
#include "random.h"
#include "sdtmill/num.h"

enum { COLUMNS = 6, ROWS = 1500, STUDIES = 30 };

static struct kit kit;
static const struct sm_guard *last_guard;
static uint64_t seed;

static uint32_t below(uint32_t n) {
    return (uint32_t)(next_random(&seed) % n);
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
                                    "concat(DM.RFXENDTC, C)",
                                    "concat(AEX, A)", /* the first variable */
                                    "concat(AEX, 'x')"};
enum { OF_COLUMNS = SM_ARRAY_LEN(exprs) - 2 };
static const char *const guards[] = {"A != ''", "B = 'MILD'",       "number(C) > 5",
                                     "D = E",   "contains(F, 'i')", "contains(C, '7')",
                                     "AEX != ''"};

/* A guard of its own, or what the one before leaves. */
static const struct sm_guard *random_guard(const struct sm_guard *parent, bool of_columns) {
    if (below(3) == 0) return parent;
    size_t n = SM_ARRAY_LEN(guards) - of_columns;
    const struct sm_guard *g = kit_guard(&kit, guards[below((uint32_t)n)], below(2), parent);
    if (last_guard && last_guard->parent == parent && !of_columns && below(2)) {
        struct sm_guard *other = sm_arena_alloc(&kit.arena, sizeof *other);
        *other = *last_guard;
        other->negate = !other->negate;
        g = other;
    }
    return last_guard = g;
}

/* The first rule gives the first variable; later ones may read it, or give it anew. */
static void random_rule(uint32_t record, uint32_t nth, const struct sm_codelist *const *list) {
    static const enum sm_rule_kind kind[] = {SM_RULE_ASSIGN, SM_RULE_COMPUTE, SM_RULE_COMPUTE,
                                             SM_RULE_DATETIME, SM_RULE_CHECK};
    uint32_t var = below(5) ? nth : below(nth + 1), nexpr = nth ? SM_ARRAY_LEN(exprs) : OF_COLUMNS;
    struct sm_rule *r = kit_rule_in(&kit, record, kind[below(SM_ARRAY_LEN(kind))], var);
    r->column = below(3) ? below(COLUMNS) : 0; /* the same inputs now and then */
    r->from = (struct sm_slot){SM_SLOT_COLUMN, r->column};
    r->guard = below(2) ? random_guard(NULL, nth == 0) : NULL;
    if (r->guard && below(2)) r->guard = random_guard(r->guard, nth == 0);
    r->reject_invalid = below(8) == 0;
    if (r->kind == SM_RULE_CHECK) r->var = SM_NO;
    if (r->kind == SM_RULE_CHECK)
        r->expr = kit_expr(&kit, guards[below(SM_ARRAY_LEN(guards) - (nth == 0))]);
    if (r->kind == SM_RULE_COMPUTE) r->expr = kit_expr(&kit, exprs[below(nexpr)]);
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
    r->from = (struct sm_slot){SM_SLOT_VAR, below(8)};
    r->expr = kit_expr(&kit, "DM.RFSTDTC");
    r->guard = below(2) ? random_guard(NULL, false) : NULL;
    static const enum sm_rule_kind kind[] = {SM_RULE_DURATION, SM_RULE_DATE_ORDER};
    for (uint32_t i = 0; i < 2; i++) {
        r = kit_post(&kit, kind[i], i ? SM_NO : dur);
        r->from = (struct sm_slot){SM_SLOT_VAR, below(8)};
        r->time = (struct sm_slot){SM_SLOT_VAR, below(8)};
    }
}

static void random_study(void) {
    static const char *const term[] = {"MILD", "SEVERE"};
    static const char *const name[COLUMNS] = {"A", "B", "C", "D", "E", "F"};
    kit_open(&kit);
    last_guard = NULL;
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
    kit.from.filter = below(2) ? kit_expr(&kit, guards[below(5)]) : NULL;
    for (uint32_t v = 0; v < 6; v++) {
        uint32_t var = kit_var(&kit, "AEX");
        kit.var[var].is_num = below(5) == 0;
        kit.var[var].is_dtc = !kit.var[var].is_num && below(3) == 0;
    }
    for (uint32_t t = 0; t < kit.from.nrecord; t++) {
        if (below(2)) kit.record[t].guard = random_guard(NULL, true);
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
    const struct sm_diag **d = findings_final(diags, &n);
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
        for (uint32_t c = 0; c <= kit.batch.ncol; c++)
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

/* ---- a laboratory: what has ways of its own for what is easy
 * ------------------------------------- */

enum { TEST, RESULT, UNIT, LOW, HIGH, DAY, CLOCK, SUBJECT, LAB_COLUMNS };
static struct sm_units units;
static struct sm_convert convert[4];

static void open_units(void) {
    static const struct {
        const char *test, *from, *to, *factor, *offset;
    } row[] = {{"CREAT", "mg/dl", "umol/L", "88.42", NULL},
               {"CREAT", "umol/l", "umol/L", NULL, NULL},
               {"TEMP", "F", "C", "5/9", "-32"},
               {"", "%", "%", NULL, NULL}};
    units = (struct sm_units){.name = SM_STR("lab"),
                              .convert = convert,
                              .nconvert = SM_ARRAY_LEN(row),
                              .digits = (int)below(4) - 1,
                              .any_test = true};
    units.index = kit_lut(&kit, 2, 1);
    units.tests = kit_lut(&kit, 1, 0);
    KIT_LUT_ROW(&kit, units.tests, "CREAT");
    KIT_LUT_ROW(&kit, units.tests, "TEMP");
    for (uint32_t i = 0; i < SM_ARRAY_LEN(row); i++) {
        char number[2] = {(char)('0' + i), '\0'};
        KIT_LUT_ROW(&kit, units.index, row[i].test, row[i].from, number);
        convert[i] = (struct sm_convert){.test = kit_val(&kit, row[i].test),
                                         .from = kit_val(&kit, row[i].from),
                                         .to = kit_val(&kit, row[i].to),
                                         .digits = -1};
        if (row[i].factor) convert[i].factor = sm_dec_parse(sm_str(row[i].factor));
        if (row[i].offset) convert[i].offset = sm_dec_parse(sm_str(row[i].offset));
    }
}

static void close_units(void) {
    for (uint32_t i = 0; i < SM_ARRAY_LEN(convert); i++) {
        sm_dec_free((struct sm_dec *)(uintptr_t)convert[i].factor);
        sm_dec_free((struct sm_dec *)(uintptr_t)convert[i].offset);
    }
    sm_lut_close(units.index);
    sm_lut_close(units.tests);
}

/* Numbers of all shapes, near each other, and what is none. */
static sm_val random_number(void) {
    static const char *const some[] = {
        "",          "5",           "5.0",      "-5",
        "+5",        "5.",          ".5",       "-.5",
        "-0",        "0.000001",    "-0.0",     "007",
        "5.1234567", "1e3",         "<0.1",     ">= 5",
        "5 ",        "NOT DONE",    "4.999999", "5.000001",
        "5.0000001", "99999999999", "1.2.3",    "999999999999.999999",
        "--5",       "-",           ".",        "12345678901234567890"};
    if (below(3)) return kit_val(&kit, some[below(SM_ARRAY_LEN(some))]);
    char text[32];
    int n = snprintf(text, sizeof text, "%u.%02u", below(120), below(100));
    return sm_val_make(kit.in, sm_str_n(text, (size_t)n));
}

static sm_val random_of(const char *const *text, uint32_t n) {
    return sm_val_as_dtc(kit.texts, kit_val(&kit, text[below(n)]));
}

static void lab_row(uint32_t i) {
    static const char *const test[] = {"CREAT", "TEMP", "HCT", "COLOUR", ""};
    static const char *const unit[] = {"mg/dl", "umol/l", "F", "%", "g", ""};
    static const char *const day[] = {"2014-03-05",       "2014-02-28", "2012-02-29", "2014-03",
                                      "2014---05",        "",           "0000-01-01", "9999-12-31",
                                      "2014-03-05T08:15", "5 March",    "2013-12-31"};
    static const char *const clock[] = {"",     "08:15",    "23:59", "24:00", "08:60",
                                        "8:15", "08:15:30", "0x:10", "00:00", "T08:15"};
    static const char *const id[] = {"MILD", "mild", "nobody", ""};
    kit.cell[TEST][i] = random_of(test, SM_ARRAY_LEN(test));
    kit.cell[RESULT][i] = random_number();
    kit.cell[UNIT][i] = random_of(unit, SM_ARRAY_LEN(unit));
    kit.cell[LOW][i] = below(2) ? random_number() : kit_val(&kit, "5");
    kit.cell[HIGH][i] = below(2) ? random_number() : SM_MISSING;
    kit.cell[DAY][i] = random_of(day, SM_ARRAY_LEN(day));
    kit.cell[CLOCK][i] = random_of(clock, SM_ARRAY_LEN(clock));
    kit.cell[SUBJECT][i] = kit_val(&kit, id[below(SM_ARRAY_LEN(id))]);
    kit.cell[LAB_COLUMNS][i] = kit.cell[SUBJECT][i];
    kit.pos[i] = sm_pos_make(0, i + 2, 0);
}

static void lab_rules(void) {
    for (uint32_t v = 0; v < SM_STD_COUNT; v++)
        kit_var(&kit, "LBX");
    for (uint32_t v = TEST; v <= HIGH; v++)
        kit_assign(&kit, v, v);
    uint32_t dtc = kit_dtc(&kit, "LBDTC"), day = kit_num(&kit, "LBDY");
    struct sm_rule *r = kit_rule(&kit, SM_RULE_DATETIME, dtc);
    r->from = (struct sm_slot){SM_SLOT_COLUMN, DAY};
    r->time = (struct sm_slot){SM_SLOT_COLUMN, CLOCK};
    r->from_is_iso = r->time_is_iso = true;
    r->guard = below(2) ? kit_guard(&kit, below(2) ? "TEST != 'HCT'" : "DAY != '2014-02-28'", false, NULL) : NULL;
    r = kit_post(&kit, SM_RULE_STANDARDIZE, SM_STD_STRESC);
    for (uint32_t i = 0; i < SM_STD_COUNT; i++)
        r->v[i] = below(8) || i == SM_STD_ORRES ? i : SM_NO;
    r->units = below(5) ? &units : NULL;
    r->keep_unconverted = below(2);
    r->guard = below(2) ? kit_guard(&kit, "TEST != 'COLOUR'", false, NULL) : NULL;
    r = kit_post(&kit, SM_RULE_STUDY_DAY, day);
    r->from = (struct sm_slot){SM_SLOT_VAR, dtc};
    r->expr = kit_expr(&kit, "DM.RFSTDTC");
}

static void random_lab(void) {
    static const char *const name[] = {"TEST", "RESULT", "UNIT",  "LOW",
                                       "HIGH", "DAY",    "CLOCK", "SUBJECT"};
    kit_open(&kit);
    open_units();
    for (uint32_t c = 0; c < LAB_COLUMNS; c++)
        kit_column(&kit, name[c], SM_COL_TEXT);
    kit_subject(&kit, "SUBJECT");
    kit.refs = kit_lut(&kit, 1, 2);
    kit.rt.refs = kit.refs;
    kit.rt.memo_bytes = below(2) ? 300000 : 0;
    KIT_LUT_ROW(&kit, kit.refs, "MILD", "2014-03-05T10:00", "x");
    KIT_LUT_ROW(&kit, kit.refs, "mild", below(2) ? "2014" : "2012-03-01", "y");
    lab_rules();
    for (uint32_t i = 0; i < ROWS; i++)
        lab_row(i);
    kit.batch.nrow = ROWS;
    kit.batch.ncol = LAB_COLUMNS;
}

/* ---- both
 * ---------------------------------------------------------------------------------------- */

static void compare_ways(uint32_t study) {
    struct sm_buf plain, other;
    sm_buf_init(&plain, 0);
    sm_buf_init(&other, 0);
    map_all(&plain, ROWS, false);
    static const struct {
        uint32_t piece;
        bool memo;
    } way[] = {{ROWS, true}, {97, true}, {400, false}, {3, true}};
    for (size_t k = 0; k < SM_ARRAY_LEN(way); k++) {
        map_all(&other, way[k].piece, way[k].memo);
        if (!sm_str_eq(sm_buf_str(&plain), sm_buf_str(&other)))
            fail_msg("study %u differs in way %zu", study, k);
    }
    assert_true(plain.n > ROWS);
    sm_buf_free(&plain);
    sm_buf_free(&other);
}

static void neither_memory_nor_batches_change_what_comes_out(void **state) {
    (void)state;
    for (uint32_t i = 0; i < STUDIES; i++) {
        seed = i;
        random_study();
        compare_ways(i);
        kit_close(&kit);
    }
}

static void ways_of_their_own_change_nothing_either(void **state) {
    (void)state;
    for (uint32_t i = 0; i < STUDIES; i++) {
        seed = i;
        random_lab();
        compare_ways(i);
        close_units();
        kit_close(&kit);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neither_memory_nor_batches_change_what_comes_out),
        cmocka_unit_test(ways_of_their_own_change_nothing_either)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
