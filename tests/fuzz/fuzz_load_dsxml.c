/* SPDX-License-Identifier: MIT */
/* Dataset-XML. */
#include "sdtmill/err.h"
#include "sdtmill/load.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
    if (!holds) __builtin_trap();
}

/* Either a failure that says what, or as many rows as the loader counted, all cells of them good text. */
static void drain(struct sm_loader *l, const struct sm_texts *t) {
    struct sm_blocks in = sm_loader_blocks(l);
    struct sm_block b;
    struct sm_err err = {0};
    struct sm_valbuf buf;
    uint64_t rows = 0;
    int rc;
    while (!(rc = in.next(in.ctx, &b, &err))) {
        must(b.nrow > 0 && b.ncol == sm_loader_info(l)->nvar);
        for (size_t i = 0; i < (size_t)b.nrow * b.ncol; i++) must(b.cell[i] == SM_MISSING || sm_val_text(t, b.cell[i], &buf).n > 0);
        rows += b.nrow;
    }
    must(rc == SM_EOF ? rows == sm_loader_info(l)->rows : rc < 0 && err.text[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct sm_texts *t = NULL;
    struct sm_intern *in = NULL;
    struct sm_loader *l = NULL;
    struct sm_err err = {0};
    if (sm_texts_open(&t, &err) || sm_intern_open(&in, t, &err)) return 0;
    int rc = sm_loader_open_memory(&l, "ae.xml", (struct sm_str){(const char *)data, size}, NULL, in, &err);
    must(rc == SM_OK ? l != NULL : rc < 0 && err.text[0]);
    if (!rc) drain(l, t);
    sm_loader_close(l);
    sm_intern_close(in);
    sm_texts_close(t);
    return 0;
}
