/* SPDX-License-Identifier: MIT */
/* Generated datasets through every ordered pair of formats come out as they went in, but for what a
 * format cannot hold, which is then a finding; and `verify` notices every changed byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>

#include "sdtmill/emit.h"
#include "sdtmill/err.h"
#include "sdtmill/load.h"
#include "sdtmill/num.h"
#include "sdtmill/run_formats.h"
#include "sdtmill/run_verify.h"
#include "tmp.h"

enum { ROWS = 90, COLS = 8, FLIPS = 500, TEXT_CAP = 1400 };
enum { C_STUDY, C_SUBJECT, C_SEQ, C_TEXT, C_SHORT, C_NUM, C_DATE, C_EMPTY };
static const char *const names[COLS] = {"STUDYID", "USUBJID",  "XXSEQ", "XXORRES",
                                        "XXSPID",  "XXSTRESN", "XXDTC", "XXREASND"};
static const char *const formats[] = {"csv", "xml", "xpt", "json", "ndjson", "dsjc"};
enum { FORMATS = SM_ARRAY_LEN(formats), XML = 1, XPT = 2 };
static const char all_formats[] = "csv,xml,xpt,json,ndjson,dsjc,define";

static uint64_t seed;
static size_t pick(size_t n) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (size_t)(seed >> 33) % n;
}

/* ---- the datasets
 * ---------------------------------------------------------------------------------- */
enum profile { PLAIN, UNICODE, CONTROL, LONG, HUGE_NUMBER, PROFILES };
struct table {
    char *cell[ROWS][COLS];
    size_t n;
    char store[ROWS * COLS * (TEXT_CAP + 1)];
    size_t used;
};

static void set(struct table *t, size_t row, int col, const char *text) {
    size_t n = strlen(text) + 1;
    assert_true(t->used + n <= sizeof t->store);
    t->cell[row][col] = memcpy(t->store + t->used, text, n);
    t->used += n;
}

static const char *const awkward[] = {"\"",
                                      "\"\"",
                                      "'",
                                      ",",
                                      ";",
                                      "|",
                                      "\\",
                                      "/",
                                      "\\n",
                                      "&amp;",
                                      "<b>&",
                                      "]]>",
                                      "<!--",
                                      "--",
                                      "{",
                                      "[1,\"x\"]",
                                      "null",
                                      "NA",
                                      ".",
                                      "=1+1",
                                      "@",
                                      "%s%n",
                                      "a,b",
                                      "\"q\"",
                                      "it's",
                                      "1e5",
                                      "007",
                                      "+5",
                                      "-",
                                      "TRUE",
                                      " leading",
                                      "  ",
                                      "x  y",
                                      "~",
                                      "#",
                                      "$0",
                                      "`",
                                      "?",
                                      "SELECT *",
                                      "2024-13-45",
                                      "a longer text than seven"};
static const char *const unicode[] = {"\xC3\xA4\xC3\xB6\xC3\xBC\xC3\x9F",
                                      "\xC2\xB5g/mL",
                                      "\xE2\x89\xA4 5",
                                      "\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E",
                                      "\xF0\x9F\xA7\xAA",
                                      "e\xCC\x81",
                                      "\xD7\xA2\xD7\x91\xD7\xA8",
                                      "line\nbreak",
                                      "cr\r\nlf",
                                      "tab\there",
                                      "\xC2\xA0nbsp",
                                      "\xE2\x80\xA8",
                                      "\xEF\xBB\xBFxyz",
                                      "\n",
                                      " \t",
                                      "trailing "};
static const char *const dates[] = {"2024",
                                    "2024-05",
                                    "2024-05-06",
                                    "2024-05-06T07",
                                    "2024-05-06T07:08",
                                    "2024-05-06T07:08:09",
                                    "--05-06",
                                    "2024---06",
                                    "-----T07:08",
                                    "2024-05-06T-:08",
                                    "2024-05-06T07:08:09+02:00",
                                    "2024-05-06/2024-05-08",
                                    "P1Y2M",
                                    "1899-12-31",
                                    "2024-02-30",
                                    "UNK",
                                    "2024-05-06T24:00",
                                    "0001-01-01"};

static void make_number(struct table *t, size_t row, enum profile p) {
    static const double edges[] = {
        0.1,      0.3,     -7,   118.625, 123456789,    9007199254740992.0,
        0.000001, 5.4,     -0.5, 1e15,    4294967296.0, 2.5e-7,
        7.2e75,   5.5e-79, -7e70};
    static const double beyond[] = {8e75, 1e76, -1e300, 5e-79, 1e-300};
    char out[401];
    double v = pick(3) ? edges[pick(SM_ARRAY_LEN(edges))]
                       : (double)pick(1000000) / (double)(1 + pick(997));
    if (p == HUGE_NUMBER && row % 7 == 0) v = beyond[pick(SM_ARRAY_LEN(beyond))];
    if (pick(2)) v = -v;
    out[sm_num_format_plain(v, out)] = '\0';
    set(t, row, C_NUM, out);
}

static void make_text(struct table *t, size_t row, int col, enum profile p) {
    char out[TEXT_CAP + 1];
    size_t n = 0, words = pick(col == C_SHORT ? 2 : 6);
    out[0] = '\0';
    for (size_t i = 0; i < words; i++) {
        const char *w = p == UNICODE && pick(2) ? unicode[pick(SM_ARRAY_LEN(unicode))]
                                                : awkward[pick(SM_ARRAY_LEN(awkward))];
        n += (size_t)snprintf(out + n, sizeof out - n, "%s%s", i && pick(2) ? " " : "", w);
    }
    if (p == CONTROL && row % 9 == 0)
        n += (size_t)snprintf(out + n, sizeof out - n, "bell\x07%c", (int)(1 + pick(8)));
    if (p == LONG && row % 9 == 0)
        while (n < 201 + pick(1000))
            out[n++] = (char)('a' + pick(26));
    out[n] = '\0';
    set(t, row, col, out);
}

static void make(struct table *t, enum profile p) {
    char text[32];
    t->used = 0;
    t->n = pick(8) ? 1 + pick(ROWS) : 0;
    if (p != PLAIN) t->n = ROWS;
    for (size_t r = 0; r < t->n; r++) {
        set(t, r, C_STUDY, "S-1");
        (void)snprintf(text, sizeof text, "S-1-%03zu", r / 5);
        set(t, r, C_SUBJECT, text);
        (void)snprintf(text, sizeof text, "%zu", r + 1);
        set(t, r, C_SEQ, text);
        make_text(t, r, C_TEXT, p);
        make_text(t, r, C_SHORT, p);
        if (pick(4))
            make_number(t, r, p);
        else
            set(t, r, C_NUM, "");
        set(t, r, C_DATE, pick(5) ? dates[pick(SM_ARRAY_LEN(dates))] : "");
        set(t, r, C_EMPTY, "");
    }
}

/* ---- written by the writers themselves
 * -------------------------------------------------------------- */
struct world {
    struct tmp tmp;
    struct table table;
    struct sm_texts *texts;
    struct sm_intern *in;
    struct sm_diags diags;
    struct sm_err err;
    struct sm_dsvar var[COLS];
    uint32_t column[COLS];
    struct sm_dsinfo ds;
    sm_val cell[ROWS * COLS];
    sm_pos pos[ROWS];
};

static void open_world(struct world *w) {
    memset(w, 0, sizeof *w);
    tmp_open(&w->tmp);
    assert_int_equal(sm_texts_open(&w->texts, &w->err), SM_OK);
    assert_int_equal(sm_intern_open(&w->in, w->texts, &w->err), SM_OK);
    sm_diags_init(&w->diags);
}

static void close_world(struct world *w) {
    sm_diags_free(&w->diags);
    sm_intern_close(w->in);
    sm_texts_close(w->texts);
    tmp_close(&w->tmp);
}

static void describe(struct world *w) {
    w->ds = (struct sm_dsinfo){.name = SM_STR("XX"),
                               .label = SM_STR("Made & \"Generated\" <Records>"),
                               .domain = SM_STR("XX"),
                               .cls = SM_STR("FINDINGS"),
                               .structure = SM_STR("One record per record"),
                               .repeating = true,
                               .var = w->var,
                               .column = w->column,
                               .nvar = COLS,
                               .block_ncol = COLS};
    for (uint32_t i = 0; i < COLS; i++) {
        w->var[i] = (struct sm_dsvar){
            .name = sm_str(names[i]),
            .label = sm_str(i ? "A Label, \"with\" <all> & sundry" : "Study Identifier"),
            .is_num = i == C_SEQ || i == C_NUM,
            .is_dtc = i == C_DATE,
            .key = i < 3 ? i + 1 : 0};
        w->column[i] = i;
    }
}

static void emit(struct world *w, const char *format, struct sm_stage *stage) {
    struct sm_emit_study study = {.oid = SM_STR("S-1"),
                                  .name = SM_STR("S-1"),
                                  .metadata_oid = SM_STR("MDV.S-1"),
                                  .file_oid = SM_STR("S-1.define"),
                                  .created = SM_STR("2024-05-06T07:08:09"),
                                  .texts = w->texts,
                                  .stage = stage,
                                  .diags = &w->diags};
    struct sm_emitter *e = NULL;
    const struct sm_dsinfo *all[1] = {&w->ds};
    const struct sm_emit_ops *ops = sm_emit_find(sm_str(format));
    struct sm_block b = {w->cell, w->pos, (uint32_t)w->table.n, COLS};
    assert_non_null(ops);
    int rc = sm_emitter_open(&e, ops, &study, &w->err);
    if (!rc && !(ops->caps & SM_EMIT_STUDY)) {
        rc = sm_emitter_begin(e, &w->ds, &w->err);
        if (!rc && b.nrow) rc = sm_emitter_block(e, &b, &w->err);
        if (!rc) rc = sm_emitter_end(e, &w->err);
    }
    if (!rc) rc = sm_emitter_finish(e, all, 1, &w->err);
    if (rc) print_error("%s: %s\n", format, w->err.text);
    assert_int_equal(rc, SM_OK);
    sm_emitter_close(e);
}

/* The table in all formats, below first/. */
static void write_first(struct world *w) {
    struct sm_stage *stage = NULL;
    describe(w);
    for (size_t r = 0; r < w->table.n; r++)
        for (size_t c = 0; c < COLS; c++) {
            sm_val v = sm_val_make(w->in, sm_str(w->table.cell[r][c]));
            w->cell[r * COLS + c] = c == C_DATE ? sm_val_as_dtc(w->texts, v) : v;
            w->pos[r] = sm_pos_make(0, r + 1, 0);
        }
    struct sm_block b = {w->cell, w->pos, (uint32_t)w->table.n, COLS};
    if (b.nrow) sm_dsinfo_fold(&w->ds, w->texts, &b, true);
    assert_int_equal(sm_stage_open(&stage, tmp_path(&w->tmp, "first"), true, &w->err), SM_OK);
    for (size_t i = 0; i < FORMATS; i++)
        emit(w, formats[i], stage);
    emit(w, "define", stage);
    assert_int_equal(sm_stage_commit(stage, &w->err), SM_OK);
    sm_stage_close(stage);
}

static size_t findings_of(const struct sm_diags *d, uint16_t code) {
    size_t n = 0;
    for (const struct sm_diag *x = d->first; x; x = x->next)
        n += x->code == code;
    return n;
}

/* ---- read again
 * ------------------------------------------------------------------------------------- */
static struct sm_str blanks_off(struct sm_str s) {
    while (s.n > 0 && s.p[s.n - 1] == ' ')
        s.n--;
    return s;
}

static void assert_cell(const char *path, size_t row, size_t col, struct sm_str want,
                        struct sm_str got, bool xpt) {
    double a, b;
    if (xpt) want = blanks_off(want);
    if (want.n == got.n && (want.n == 0 || memcmp(want.p, got.p, want.n) == 0)) return;
    if (xpt && (col == C_NUM || col == C_SEQ) && sm_num_parse(want, true, &a) &&
        sm_num_parse(got, true, &b) && !(a < b) && !(a > b))
        return;
    fail_msg("%s: record %zu, %s: \"%.*s\" became \"%.*s\"", path, row + 1, names[col],
             SM_STR_FMT(want), SM_STR_FMT(got));
}

/* The file holds the table; xpt: it came through a format that holds no blanks at the end. blank: a
 * cell that this format cannot hold is left out. */
static void assert_table(struct world *w, const char *name, bool xpt,
                         bool (*blank)(const char *text)) {
    struct sm_loader *l = NULL;
    struct sm_block b;
    struct sm_valbuf buf;
    char path[300];
    size_t row = 0;
    (void)snprintf(path, sizeof path, "%s/%s", w->tmp.dir, name);
    int rc = sm_loader_open(&l, path, NULL, w->in, &w->err);
    if (rc) fail_msg("%s", w->err.text);
    assert_int_equal(sm_loader_info(l)->nvar, COLS);
    for (uint32_t c = 0; c < COLS; c++)
        assert_true(sm_str_eq_c(sm_loader_info(l)->var[c].name, names[c]));
    struct sm_blocks in = sm_loader_blocks(l);
    while (!(rc = in.next(in.ctx, &b, &w->err)))
        for (uint32_t r = 0; r < b.nrow; r++, row++)
            for (size_t c = 0; c < COLS && row < w->table.n; c++) {
                const char *want = w->table.cell[row][c];
                assert_cell(path, row, c, blank && blank(want) ? SM_STR("") : sm_str(want),
                            sm_val_text(w->texts, b.cell[r * COLS + c], &buf), xpt);
            }
    if (rc != SM_EOF) fail_msg("%s", w->err.text);
    assert_int_equal(row, w->table.n);
    sm_loader_close(l);
}

static bool is_there(struct world *w, const char *name) {
    struct stat st;
    return stat(tmp_path(&w->tmp, name), &st) == 0;
}

/* Converts first/<from> into all formats below second/. */
static void write_second(struct world *w, const char *from) {
    char in[300], out[300];
    struct sm_run_result res;
    (void)snprintf(in, sizeof in, "%s/first/%s", w->tmp.dir, from);
    (void)snprintf(out, sizeof out, "%s/second", w->tmp.dir);
    struct sm_run_opts run = {.out = out,
                              .formats = all_formats,
                              .command = "sdtmill convert --from",
                              .created = "2024-05-06"};
    struct sm_formats_opts o = {.from = in};
    int rc = sm_run_formats(&o, &run, &w->diags, &res, &w->err);
    if (rc) fail_msg("from %s: %s", from, w->err.text);
    sm_run_result_free(&res);
}

static void assert_verified(struct world *w, const char *from) {
    char out[300];
    struct sm_buf text;
    struct sm_verify_result res;
    sm_buf_init(&text, 0);
    (void)snprintf(out, sizeof out, "%s/second", w->tmp.dir);
    int rc = sm_run_verify(&(struct sm_verify_opts){.out = out}, &text, &res, &w->err);
    if (rc) fail_msg("from %s: %s", from, w->err.text);
    if (res.problems) fail_msg("from %s:\n%s", from, text.p);
    sm_buf_free(&text);
}

static bool has_control(const char *text) {
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 && *text != '\t' && *text != '\n' && *text != '\r')
            return true;
    return false;
}

/* All pairs from the formats that could be written at all. */
static void assert_pairs(struct world *w, bool with_xpt, bool (*blank_in_xml)(const char *)) {
    char name[64];
    for (size_t a = 0; a < FORMATS; a++) {
        (void)snprintf(name, sizeof name, "first/%s/xx.%s", formats[a], formats[a]);
        assert_int_equal(is_there(w, name), a != XPT || with_xpt);
        if (a == XPT && !with_xpt) continue;
        assert_table(w, name, a == XPT, a == XML ? blank_in_xml : NULL);
        write_second(w, formats[a]);
        for (size_t b = 0; b < FORMATS; b++) {
            (void)snprintf(name, sizeof name, "second/%s/xx.%s", formats[b], formats[b]);
            assert_int_equal(is_there(w, name),
                             b != XPT || with_xpt ||
                                 (a == XML && blank_in_xml && !with_xpt && is_there(w, name)));
            if (b == XPT && !is_there(w, name)) continue;
            assert_table(w, name, a == XPT || b == XPT, a == XML || b == XML ? blank_in_xml : NULL);
        }
        if (!blank_in_xml) assert_verified(w, formats[a]);
    }
}

static void run_profile(enum profile p, size_t times, uint16_t code,
                        bool (*blank_in_xml)(const char *)) {
    for (size_t i = 0; i < times; i++) {
        struct world *w = test_malloc(sizeof *w);
        seed = 7919 * (i + 1) + (size_t)p;
        open_world(w);
        make(&w->table, p);
        write_first(w);
        if (code)
            assert_true(findings_of(&w->diags, code) > 0);
        else
            assert_int_equal(w->diags.n, 0);
        assert_pairs(w, code == 0, blank_in_xml);
        close_world(w);
        test_free(w);
    }
}

/* ---- the properties
 * ---------------------------------------------------------------------------------- */
static void every_pair_of_formats_keeps_plain_texts_numbers_and_dates(void **state) {
    (void)state;
    run_profile(PLAIN, 6, 0, NULL);
}
static void other_characters_go_through_all_but_xport_which_names_them(void **state) {
    (void)state;
    run_profile(UNICODE, 3, SM_D_NOT_ASCII, NULL);
}
static void texts_over_200_bytes_go_through_all_but_xport_which_names_them(void **state) {
    (void)state;
    run_profile(LONG, 2, SM_D_TEXT_TOO_LONG, NULL);
}
static void numbers_beyond_ibm_go_through_all_but_xport_which_names_them(void **state) {
    (void)state;
    run_profile(HUGE_NUMBER, 2, SM_D_NUMBER_RANGE, NULL);
}
static void control_characters_go_through_all_but_xml_which_names_them(void **state) {
    (void)state;
    run_profile(CONTROL, 2, SM_D_NOT_XML, has_control);
}

/* ---- verify
 * -------------------------------------------------------------------------------------------- */
struct files {
    char path[64][200];
    size_t n;
};

static void collect(const char *root, const char *below, struct files *f) {
    char path[500];
    (void)snprintf(path, sizeof path, "%s%s%s", root, *below ? "/" : "", below);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (const struct dirent *e; (e = readdir(dir));) {
        char rel[200];
        struct stat st;
        if (e->d_name[0] == '.') continue;
        assert_true(snprintf(rel, sizeof rel, "%s%s%s", below, *below ? "/" : "", e->d_name) <
                    (int)sizeof rel);
        (void)snprintf(path, sizeof path, "%s/%s", root, rel);
        assert_int_equal(stat(path, &st), 0);
        if (S_ISDIR(st.st_mode))
            collect(root, rel, f);
        else
            assert_true(f->n < 64 && snprintf(f->path[f->n++], 200, "%s", rel) > 0);
    }
    (void)closedir(dir);
}

/* One byte of the file is changed; verify must say so and name it. */
static void flip(const char *root, const char *rel) {
    char path[500];
    struct sm_buf text;
    struct sm_verify_result res;
    struct sm_err err = {0};
    (void)snprintf(path, sizeof path, "%s/%s", root, rel);
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    long at = (long)pick((size_t)ftell(f));
    assert_int_equal(fseek(f, at, SEEK_SET), 0);
    int was = fgetc(f), now = was ^ (int)(1 + pick(255));
    assert_int_equal(fseek(f, at, SEEK_SET), 0);
    assert_int_equal(fputc(now, f), now);
    assert_int_equal(fflush(f), 0);
    sm_buf_init(&text, 0);
    int rc = sm_run_verify(&(struct sm_verify_opts){.out = root}, &text, &res, &err);
    const char *said = rc ? err.text : text.p ? text.p : "";
    if ((!rc && !res.problems) || !strstr(said, rel))
        fail_msg("byte %ld of %s, 0x%02x made 0x%02x: %d \"%s\"", at, rel, was, now, rc, said);
    sm_buf_free(&text);
    assert_int_equal(fseek(f, at, SEEK_SET), 0);
    assert_int_equal(fputc(was, f), was);
    assert_int_equal(fclose(f), 0);
}

static void five_hundred_changed_bytes_are_all_noticed_and_the_file_is_named(void **state) {
    (void)state;
    struct world *w = test_malloc(sizeof *w);
    struct files f = {.n = 0};
    char root[300];
    seed = 4242;
    open_world(w);
    make(&w->table, PLAIN);
    while (w->table.n < 8)
        make(&w->table, PLAIN);
    w->table.n = 8;
    write_first(w);
    write_second(w, "json");
    (void)snprintf(root, sizeof root, "%s/second", w->tmp.dir);
    collect(root, "", &f);
    assert_int_equal(f.n, FORMATS + 3); /* define.xml, issues.csv, manifest.json */
    assert_verified(w, "json");
    for (size_t i = 0; i < FLIPS; i++)
        flip(root, f.path[i % f.n]);
    assert_verified(w, "json");
    close_world(w);
    test_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pair_of_formats_keeps_plain_texts_numbers_and_dates),
        cmocka_unit_test(other_characters_go_through_all_but_xport_which_names_them),
        cmocka_unit_test(texts_over_200_bytes_go_through_all_but_xport_which_names_them),
        cmocka_unit_test(numbers_beyond_ibm_go_through_all_but_xport_which_names_them),
        cmocka_unit_test(control_characters_go_through_all_but_xml_which_names_them),
        cmocka_unit_test(five_hundred_changed_bytes_are_all_noticed_and_the_file_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
