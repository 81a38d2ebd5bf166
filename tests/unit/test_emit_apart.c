/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dataset.h"

enum { ROWS = 7, ROUNDS = 160, JOBS = 3 };

static void log_file(void *ctx, const char *relative, struct sm_str dataset, uint64_t rows,
                     uint64_t bytes, const char *sha256) {
    sm_buf_printf(ctx, "%s %.*s %llu %llu %s\n", relative, SM_STR_FMT(dataset),
                  (unsigned long long)rows, (unsigned long long)bytes, sha256);
}

static void log_findings(const struct sm_diags *all, struct sm_buf *out) {
    for (const struct sm_diag *d = all->first; d; d = d->next)
        sm_buf_printf(out, "%d %d %.*s:%llu %.*s %.*s %.*s %s %.*s\n", d->code, d->effect,
                      SM_STR_FMT(d->file), (unsigned long long)d->line, SM_STR_FMT(d->subject),
                      SM_STR_FMT(d->variable), SM_STR_FMT(d->value), d->detail.p,
                      SM_STR_FMT(d->mend));
}

static struct sm_block rows_of(struct kit *k, size_t round) {
    size_t from = round % 3, n = ROWS - from;
    return (struct sm_block){&k->cell[from * k->ds.nvar], &k->pos[from], (uint32_t)n, k->ds.nvar};
}

/* Jobs are formatted in another order than they are written in, some of them several blocks. */
static void write_apart(struct kit *k, struct sm_emitter *e) {
    struct sm_emit_apart apart[JOBS] = {0};
    for (size_t round = 0; round < ROUNDS; round += 2 * JOBS) {
        for (size_t i = JOBS; i-- > 0;)
            for (size_t n = 0; n < 2 && round + 2 * i + n < ROUNDS; n++) {
                struct sm_block b = rows_of(k, round + 2 * i + n);
                assert_int_equal(sm_emitter_format(e, &apart[i], &b, &k->err), SM_OK);
            }
        for (size_t i = 0; i < JOBS; i++)
            assert_int_equal(sm_emitter_put(e, &apart[i], &k->err), SM_OK);
    }
    for (size_t i = 0; i < JOBS; i++)
        sm_emit_apart_free(&apart[i]);
}

static void write_blocks(struct kit *k, struct sm_emitter *e) {
    for (size_t round = 0; round < ROUNDS; round++) {
        struct sm_block b = rows_of(k, round);
        assert_int_equal(sm_emitter_block(e, &b, &k->err), SM_OK);
    }
}

/* What was written and found, as a text. */
static void emit_all(struct kit *k, const char *format,
                     void (*write)(struct kit *k, struct sm_emitter *e), struct sm_buf *out) {
    struct sm_emitter *e = NULL;
    const struct sm_emit_ops *ops = sm_emit_find(sm_str(format));
    assert_non_null(ops);
    sm_buf_init(out, 0);
    sm_diags_free(&k->diags);
    sm_diags_init(&k->diags);
    k->study.wrote = log_file;
    k->study.wrote_ctx = out;
    assert_int_equal(sm_stage_open(&k->study.stage, tmp_path(&k->tmp, "out"), true, &k->err),
                     SM_OK);
    assert_int_equal(sm_emitter_open(&e, ops, &k->study, &k->err), SM_OK);
    assert_int_equal(sm_emitter_begin(e, &k->ds, &k->err), SM_OK);
    write(k, e);
    assert_int_equal(sm_emitter_end(e, &k->err), SM_OK);
    sm_emitter_close(e);
    sm_stage_close(k->study.stage);
    log_findings(&k->diags, out);
}

static void assert_same(struct kit *k, const char *format, bool file) {
    struct sm_buf blocks, apart;
    emit_all(k, format, write_blocks, &blocks);
    emit_all(k, format, write_apart, &apart);
    assert_int_equal(sm_str_find_byte(sm_buf_str(&blocks), '/', 0) < 10, file);
    assert_string_equal(apart.p, blocks.p);
    sm_buf_free(&blocks);
    sm_buf_free(&apart);
}

static const struct sm_str raw_file[] = {{"raw.csv", 7}};

static void open_rows(struct kit *k, const char *odd, const char *number) {
    char cells[200];
    kit_open(k, "LB");
    k->study.file = raw_file;
    k->study.nfile = 1;
    kit_var(k, "USUBJID", 'c');
    kit_var(k, "LBSEQ", 'n');
    kit_var(k, "LBORRES", 'c');
    kit_var(k, "LBDTC", 'd');
    for (int i = 1; i <= ROWS; i++) {
        snprintf(cells, sizeof cells, "S-001-00%d|%s|%s|2014-03-1%dT10:20", i,
                 i == 4 ? number : "12.5", i == 5 ? odd : "a < b & \"c\"", i);
        kit_row(k, cells);
    }
    kit_cell(k, 2, SM_STR("a text that is so long that no format keeps it ready, with \"quotes\""));
    k->ds.rows = 0;
    for (size_t round = 0; round < ROUNDS; round++)
        k->ds.rows += rows_of(k, round).nrow;
}

static void every_format_writes_the_same_apart(void **state) {
    (void)state;
    static const char *const format[] = {"csv", "xml", "json", "ndjson", "dsjc", "xpt"};
    for (size_t i = 0; i < SM_ARRAY_LEN(format); i++) {
        struct kit k;
        open_rows(&k, "x", "123456789.50");
        assert_true((sm_emit_find(sm_str(format[i]))->caps & SM_EMIT_APART) != 0);
        assert_same(&k, format[i], true);
        assert_int_equal(k.diags.n, 0);
        kit_close(&k);
    }
}

static void findings_are_the_same_apart(void **state) {
    (void)state;
    struct kit k;
    open_rows(&k, "bad\x01", "abc");
    assert_same(&k, "xml", true);
    assert_in_range(k.diags.n, 100, ROUNDS);
    assert_same(&k, "ndjson", true);
    assert_in_range(k.diags.n, 100, ROUNDS);
    kit_close(&k);
}

static void findings_beyond_the_limit_are_counted_apart(void **state) {
    (void)state;
    struct kit k;
    open_rows(&k, "x", "1");
    for (uint32_t i = 0; i < ROWS * k.ds.nvar; i++)
        k.cell[i] = sm_val_make(k.in, SM_STR("\x02"));
    assert_same(&k, "xml", true);
    assert_int_equal(k.diags.n, SM_EMIT_BREACHES + 1);
    kit_close(&k);
}

static void a_refused_file_is_refused_apart(void **state) {
    (void)state;
    struct kit k;
    open_rows(&k, "\xC3\xA9", "1");
    assert_same(&k, "xpt", false);
    assert_true(k.diags.n > 100);
    kit_close(&k);
}

static void transliterated_texts_are_counted_apart(void **state) {
    (void)state;
    struct kit k;
    open_rows(&k, "\xC3\xA9", "1");
    k.study.transliterate = true;
    for (uint32_t i = 0; i < k.ds.nvar; i++)
        k.var[i].max_ascii = k.var[i].max_bytes;
    assert_same(&k, "xpt", true);
    assert_int_equal(k.diags.n, 1);
    kit_close(&k);
}

static void parts_begin_at_the_same_records_apart(void **state) {
    (void)state;
    struct kit k;
    open_rows(&k, "x", "1");
    for (uint64_t limit = 3000; limit < 9000; limit += 1111) {
        k.study.split_size = limit;
        assert_same(&k, "xpt", true);
    }
    kit_close(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format_writes_the_same_apart),
        cmocka_unit_test(findings_are_the_same_apart),
        cmocka_unit_test(findings_beyond_the_limit_are_counted_apart),
        cmocka_unit_test(a_refused_file_is_refused_apart),
        cmocka_unit_test(transliterated_texts_are_counted_apart),
        cmocka_unit_test(parts_begin_at_the_same_records_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
