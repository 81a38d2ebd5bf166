/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_TEST_LOAD_KIT_H
#define SDTMILL_TEST_LOAD_KIT_H
/* load_kit.h - for tests of loaders: a dataset read from memory or a file, kept as texts. Include cmocka.h
 * first. */
#include "sdtmill/buf.h"
#include "sdtmill/err.h"
#include "sdtmill/load.h"

struct kit {
    struct sm_texts *texts;
    struct sm_intern *in;
    struct sm_loader *l;      /* open while the result is looked at */
    struct sm_err err;
    int rc;                   /* SM_OK, or what failed */
    struct sm_buf rows;       /* "A|B|\nC||\n": cells end with a bar, rows with LF */
    struct sm_buf vars;       /* "USUBJID AESEQ# AESTDTC@": # numeric, @ date */
};

SM_UNUSED static inline void kit_rows(struct kit *k) {
    const struct sm_dsinfo *d = sm_loader_info(k->l);
    for (uint32_t i = 0; i < d->nvar; i++)
        sm_buf_printf(&k->vars, "%s%.*s%s", i ? " " : "", SM_STR_FMT(d->var[i].name), d->var[i].is_num ? "#" : d->var[i].is_dtc ? "@" : "");
    struct sm_blocks in = sm_loader_blocks(k->l);
    struct sm_block b;
    struct sm_valbuf buf;
    while (!(k->rc = in.next(in.ctx, &b, &k->err)))
        for (size_t i = 0; i < (size_t)b.nrow * b.ncol; i++) {
            sm_buf_add_str(&k->rows, sm_val_text(k->texts, b.cell[i], &buf));
            sm_buf_add_byte(&k->rows, '|');
            if ((i + 1) % b.ncol == 0) sm_buf_add_byte(&k->rows, '\n');
        }
    if (k->rc == SM_EOF) k->rc = SM_OK;
}

SM_UNUSED static inline void kit_start(struct kit *k) {
    memset(k, 0, sizeof *k);
    sm_buf_init(&k->rows, 0);
    sm_buf_init(&k->vars, 0);
    assert_int_equal(sm_texts_open(&k->texts, &k->err), SM_OK);
    assert_int_equal(sm_intern_open(&k->in, k->texts, &k->err), SM_OK);
}

SM_UNUSED static inline void kit_memory(struct kit *k, const char *name, const void *p, size_t n, const struct sm_load_opts *o) {
    kit_start(k);
    k->rc = sm_loader_open_memory(&k->l, name, sm_str_n(p, n), o, k->in, &k->err);
    if (!k->rc) kit_rows(k);
}

SM_UNUSED static inline void kit_text(struct kit *k, const char *name, const char *text) {
    kit_memory(k, name, text, strlen(text), NULL);
}

SM_UNUSED static inline void kit_file(struct kit *k, const char *path, const struct sm_load_opts *o) {
    kit_start(k);
    k->rc = sm_loader_open(&k->l, path, o, k->in, &k->err);
    if (!k->rc) kit_rows(k);
}

SM_UNUSED static inline void kit_close(struct kit *k) {
    sm_loader_close(k->l);
    sm_intern_close(k->in);
    sm_texts_close(k->texts);
    sm_buf_free(&k->rows);
    sm_buf_free(&k->vars);
}

SM_UNUSED static inline void kit_loads(const char *name, const char *text, const char *vars, const char *rows) {
    struct kit k;
    kit_text(&k, name, text);
    if (k.rc) print_error("%s\n", k.err.text);
    assert_int_equal(k.rc, SM_OK);
    if (vars) assert_string_equal(k.vars.p, vars);
    assert_string_equal(k.rows.p ? k.rows.p : "", rows);
    kit_close(&k);
}

/* Must fail as damaged, and say what. */
SM_UNUSED static inline void kit_refuses(const char *name, const char *text, const char *what) {
    struct kit k;
    kit_text(&k, name, text);
    if (k.rc != SM_EFORMAT || !strstr(k.err.text, what)) print_error("%d %s\n", k.rc, k.err.text);
    assert_int_equal(k.rc, SM_EFORMAT);
    assert_non_null(strstr(k.err.text, what));
    kit_close(&k);
}

/* Cut off at 50 places from the start to n - margin: damaged each time, but where `whole` says that
 * nobody can tell. */
SM_UNUSED static inline void kit_cut(const char *name, const void *p, size_t n, size_t margin, bool (*whole)(const char *p, size_t n, size_t at)) {
    int done = 0;
    for (size_t i = 0; i < 50; i++) {
        size_t at = (n - margin) * i / 49;
        struct kit k;
        if (whole && whole(p, n, at)) continue;
        kit_memory(&k, name, p, at, NULL);
        if (k.rc != SM_EFORMAT) print_error("cut at %zu of %zu: %d %s\n", at, n, k.rc, k.err.text);
        assert_int_equal(k.rc, SM_EFORMAT);
        kit_close(&k);
        done++;
    }
    assert_true(done >= 40);
}
#endif
