/* SPDX-License-Identifier: MIT */
/* A generated dataset and 200 random mutations of it: each is found, and named as what it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sdtmill/err.h"
#include "sdtmill/run_compare.h"
#include "tmp.h"

enum { SUBJECTS = 18, VISITS = 4, TESTS = 5, ROWS = SUBJECTS * VISITS * TESTS + SUBJECTS, COLS = 9, MUTATIONS = 200 };
enum { C_STUDY, C_SUBJECT, C_SEQ, C_TEST, C_ORRES, C_NUM, C_VISIT, C_DATE, C_TEXT };
static const char *const names[COLS] = {"STUDYID", "USUBJID", "VSSEQ", "VSTESTCD", "VSORRES", "VSSTRESN", "VISITNUM", "VSDTC", "VSREASND"};
static const char *const tests_of[TESTS] = {"DIABP", "PULSE", "SYSBP", "TEMP", "WEIGHT"};

struct row { char cell[COLS][32]; };
struct table { struct row row[ROWS + 1]; size_t n; };

static uint64_t seed = 20240506;
static size_t pick(size_t n) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (size_t)(seed >> 33) % n;
}

static void set(struct row *r, int c, const char *text) { (void)snprintf(r->cell[c], sizeof r->cell[c], "%s", text); }
static void set_number(struct row *r, int c, int digits, double v) { (void)snprintf(r->cell[c], sizeof r->cell[c], "%.*f", digits, v); }

/* The site is the second part of USUBJID's subject number: 6 subjects a site. */
static void make(struct table *t) {
    t->n = 0;
    for (int s = 0; s < SUBJECTS; s++) {
        int seq = 1;
        for (int k = 0; k < VISITS * TESTS + 1; k++) {
            int visit = k / TESTS, test = k % TESTS;
            struct row *r = &t->row[t->n++];
            if (k == VISITS * TESTS) visit = 0, test = 0; /* a repeat: the same keys, another value */
            memset(r, 0, sizeof *r);
            set(r, C_STUDY, "S1");
            (void)snprintf(r->cell[C_SUBJECT], 32, "S1-%d-%03d", s / 6, s);
            (void)snprintf(r->cell[C_SEQ], 32, "%d", seq++);
            set(r, C_TEST, tests_of[test]);
            double v = 40 + (double)pick(900) / 10 + test * 10 + k;
            set_number(r, C_NUM, 1, v);
            set_number(r, C_ORRES, 2, v);
            (void)snprintf(r->cell[C_VISIT], 32, "%d", visit + 1);
            (void)snprintf(r->cell[C_DATE], 32, "2014-%02d-%02dT10:%02d", visit + 1, s + 1, test + 10);
            (void)snprintf(r->cell[C_TEXT], 32, "Reason %zu", pick(1000));
        }
    }
}

static void save(struct tmp *t, const char *name, const struct table *d) {
    struct sm_buf b;
    sm_buf_init(&b, 0);
    for (int c = 0; c < COLS; c++) sm_buf_printf(&b, "%s%s", c ? "," : "", names[c]);
    sm_buf_add_byte(&b, '\n');
    for (size_t i = 0; i < d->n; i++)
        for (int c = 0; c < COLS; c++) sm_buf_printf(&b, "%s%s", d->row[i].cell[c], c + 1 < COLS ? "," : "\n");
    tmp_write_n(t, name, b.p, b.n);
    sm_buf_free(&b);
}

/* Each mutation changes d and says what the report must hold (two texts). */
struct want { char a[160], b[160]; uint64_t n; };

static void cell(struct table *d, struct want *w) {
    static const int some[] = {C_SEQ, C_TEST, C_ORRES, C_NUM, C_VISIT, C_DATE, C_TEXT};
    int c = some[pick(SM_ARRAY_LEN(some))];
    struct row *r = &d->row[pick(d->n)];
    char was[32];
    memcpy(was, r->cell[c], sizeof was);
    set(r, c, c == C_DATE ? "2019-12-31" : c == C_TEST ? "HEIGHT" : c == C_TEXT ? "another" : "777");
    (void)snprintf(w->a, sizeof w->a, "1 x %s: ", names[c]);
    (void)snprintf(w->b, sizeof w->b, "\"%s\" / ", c == C_NUM && strstr(was, ".0") ? "" : was);
    if (c == C_NUM) w->b[0] = 0; /* numbers are shown in their canonical form */
    w->n = 1;
}

static void drop(struct table *d, struct want *w) {
    size_t i = pick(d->n);
    (void)snprintf(w->b, sizeof w->b, "USUBJID=%s VSTESTCD=%s VISITNUM=%s", d->row[i].cell[C_SUBJECT], d->row[i].cell[C_TEST], d->row[i].cell[C_VISIT]);
    memmove(&d->row[i], &d->row[i + 1], (d->n - i - 1) * sizeof d->row[0]);
    d->n--;
    (void)snprintf(w->a, sizeof w->a, "record is in base only");
    w->n = 1;
}

static void insert(struct table *d, struct want *w) {
    struct row r = d->row[pick(d->n)];
    set(&r, C_SUBJECT, "S1-9-999");
    set(&r, C_TEXT, "made up");
    set(&r, C_NUM, "1");
    d->row[d->n++] = r;
    (void)snprintf(w->a, sizeof w->a, "record is in new only");
    (void)snprintf(w->b, sizeof w->b, "USUBJID=S1-9-999");
    w->n = 1;
}

static void renumber(struct table *d, struct want *w) {
    struct row *at = &d->row[pick(d->n)];
    char subject[32];
    memcpy(subject, at->cell[C_SUBJECT], sizeof subject);
    for (size_t i = 0; i < d->n; i++)
        if (strcmp(d->row[i].cell[C_SUBJECT], subject) == 0) {
            (void)snprintf(d->row[i].cell[C_SEQ], 32, "%d", (int)strtod(d->row[i].cell[C_SEQ], NULL) + 50);
            w->n++;
        }
    (void)snprintf(w->a, sizeof w->a, "VSSEQ: another number: shifted by 50");
    (void)snprintf(w->b, sizeof w->b, "all of subject %s", subject);
}

static bool at_site(const struct row *r, size_t site) { return r->cell[C_SUBJECT][3] == (char)('0' + site); }

static void scale(struct table *d, struct want *w) {
    size_t site = pick(3), test = pick(TESTS);
    for (size_t i = 0; i < d->n; i++) {
        if (!at_site(&d->row[i], site) || strcmp(d->row[i].cell[C_TEST], tests_of[test]) != 0) continue;
        set_number(&d->row[i], C_NUM, 2, strtod(d->row[i].cell[C_NUM], NULL) * 0.4536);
        w->n++;
    }
    (void)snprintf(w->a, sizeof w->a, "VSSTRESN: another number: about a factor of 0.45");
    (void)snprintf(w->b, sizeof w->b, "all at site %zu (%d of", site, (int)w->n);
}

static void upper(struct table *d, struct want *w) {
    size_t site = pick(3);
    for (size_t i = 0; i < d->n; i++) {
        if (!at_site(&d->row[i], site)) continue;
        for (char *p = d->row[i].cell[C_TEXT]; *p; p++) *p = sm_to_upper(*p);
        w->n++;
    }
    (void)snprintf(w->a, sizeof w->a, "VSREASND: upper and lower case only");
    (void)snprintf(w->b, sizeof w->b, "all at site %zu", site);
}

static void blanks(struct table *d, struct want *w) {
    struct row *r = &d->row[pick(d->n)];
    (void)snprintf(r->cell[C_TEXT] + strlen(r->cell[C_TEXT]), 8, "  ");
    (void)snprintf(w->a, sizeof w->a, "1 x VSREASND: blanks only");
    w->n = 1;
}

static void lose(struct table *d, struct want *w) {
    int c = pick(2) ? C_NUM : C_TEXT;
    set(&d->row[pick(d->n)], c, "");
    (void)snprintf(w->a, sizeof w->a, "1 x %s: value lost", names[c]);
    w->n = 1;
}

static void time_part(struct table *d, struct want *w) {
    for (size_t i = 0; i < d->n; i++) {
        if (strcmp(d->row[i].cell[C_VISIT], "3") != 0) continue;
        d->row[i].cell[C_DATE][10] = 0;
        w->n++;
    }
    (void)snprintf(w->a, sizeof w->a, "VSDTC: time part lost");
}

static void days(struct table *d, struct want *w) {
    size_t site = pick(3);
    for (size_t i = 0; i < d->n; i++) {
        if (!at_site(&d->row[i], site)) continue;
        int day = (d->row[i].cell[C_DATE][8] - '0') * 10 + (d->row[i].cell[C_DATE][9] - '0') + 7;
        d->row[i].cell[C_DATE][8] = (char)('0' + day / 10);
        d->row[i].cell[C_DATE][9] = (char)('0' + day % 10);
        w->n++;
    }
    (void)snprintf(w->a, sizeof w->a, "VSDTC: another day: shifted by 7 days");
    (void)snprintf(w->b, sizeof w->b, "all at site %zu", site);
}

/* Two rows with equal keys change places. */
static void swap(struct table *d, struct want *w) {
    size_t s = pick(SUBJECTS), first = s * (VISITS * TESTS + 1), last = first + VISITS * TESTS;
    struct row r = d->row[first];
    d->row[first] = d->row[last];
    d->row[last] = r;
    (void)snprintf(w->a, sizeof w->a, "row order: records that stand at another row: 2");
    w->n = 2;
}

static const struct { const char *name; void (*fn)(struct table *, struct want *); } mutations[] = {
    {"cell", cell}, {"cell", cell}, {"cell", cell}, {"drop", drop},   {"insert", insert}, {"renumber", renumber}, {"scale", scale},
    {"upper", upper}, {"blanks", blanks}, {"lose", lose}, {"time", time_part}, {"days", days}, {"swap", swap}};

static struct table base, now;

static void mutate(struct tmp *t, const struct sm_compare_opts *o, size_t i) {
    struct want w = {"", "", 0};
    struct sm_buf text;
    struct sm_err err = {0};
    uint64_t n = 0;
    size_t m = i < SM_ARRAY_LEN(mutations) ? i : pick(SM_ARRAY_LEN(mutations));
    now = base;
    mutations[m].fn(&now, &w);
    save(t, "new/vs.csv", &now);
    sm_buf_init(&text, 0);
    int rc = sm_run_compare(o, &text, NULL, &n, &err);
    bool good = rc == SM_OK && n == w.n && strstr(text.p, w.a) && strstr(text.p, w.b);
    if (!good) print_error("mutation %zu (%s): wanted %d, \"%s\", \"%s\"\n%s%s\n", i, mutations[m].name, (int)w.n, w.a, w.b, err.text, text.p ? text.p : "");
    assert_true(good);
    sm_buf_free(&text);
}

static void every_mutation_is_found_and_named(void **state) {
    (void)state;
    static const char *const keys[] = {"USUBJID,VSTESTCD,VISITNUM"};
    struct tmp t;
    char a[600], b[600];
    tmp_open(&t);
    (void)snprintf(a, sizeof a, "%s/base", t.dir);
    (void)snprintf(b, sizeof b, "%s/new", t.dir);
    struct sm_compare_opts o = {.base = a, .now = b, .keys = keys, .nkeys = 1, .tmpdir = t.dir, .memory = 8 << 20};
    make(&base);
    save(&t, "base/vs.csv", &base);
    struct sm_buf dm;
    sm_buf_init(&dm, 0);
    sm_buf_add_c(&dm, "USUBJID,SITEID\n");
    for (int s = 0; s < SUBJECTS; s++) sm_buf_printf(&dm, "S1-%d-%03d,%d\n", s / 6, s, s / 6);
    tmp_write(&t, "base/dm.csv", dm.p);
    tmp_write(&t, "new/dm.csv", dm.p);
    sm_buf_free(&dm);
    for (size_t i = 0; i < MUTATIONS; i++) mutate(&t, &o, i);
    tmp_close(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_mutation_is_found_and_named)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
