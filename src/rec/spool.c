/* SPDX-License-Identifier: MIT */
#include "sdtmill/spool.h"

#include "sdtmill/err.h"
#include "sdtmill/mem.h"
#include "sdtmill/pack.h"
#include "sdtmill/tmpfile.h"

struct place {
    struct sm_pack *pack;
    uint64_t at;
}; /* in memory, or where in the file */
struct sm_spool {
    struct sm_packer *packer;
    const sm_val **col; /* [ncol] scratch */
    struct place *place;
    size_t n, cap;
    uint64_t memory, bytes; /* limit; of packs in memory */
    uint64_t rows, widest;  /* widest: bytes of the largest pack in the file */
    uint32_t longest;       /* most records in a pack */
    char *tmpdir;
    struct sm_tmpfile file;
};
struct sm_spool_reader {
    const struct sm_spool *s;
    size_t next;
    struct sm_pack *pack; /* room for one from the file */
    struct sm_unpack *view;
    sm_val *cell;
    sm_pos *pos;
};

int sm_spool_open(struct sm_spool **ret, uint32_t ncol, uint64_t memory, const char *tmpdir,
                  struct sm_err *err) {
    struct sm_spool *s = sm_alloc(1, sizeof *s);
    if (!s) return sm_fail(err, SM_ENOMEM, "out of memory");
    size_t n = tmpdir ? strlen(tmpdir) : 0;
    s->file.fd = -1;
    s->memory = memory;
    s->col = sm_alloc((size_t)ncol + 1, sizeof *s->col);
    s->tmpdir = sm_alloc(n + 1, 1);
    int rc = s->col && s->tmpdir ? SM_OK : sm_fail(err, SM_ENOMEM, "out of memory");
    if (rc == SM_OK) rc = sm_packer_open(&s->packer, ncol, memory ? memory / 4 + 1 : 0, err);
    if (rc != SM_OK) {
        sm_spool_close(s);
        return rc;
    }
    if (n) memcpy(s->tmpdir, tmpdir, n);
    *ret = s;
    return SM_OK;
}

void sm_spool_close(struct sm_spool *s) {
    if (!s) return;
    for (size_t i = 0; i < s->n; i++)
        sm_free(s->place[i].pack);
    sm_free(s->place);
    sm_free(s->col);
    sm_free(s->tmpdir);
    sm_packer_close(s->packer);
    if (s->file.fd >= 0) sm_tmpfile_close(&s->file);
    sm_free(s);
}

uint64_t sm_spool_rows(const struct sm_spool *s) {
    return s->rows;
}

/* Keeps a pack in memory while there is room, else puts it into the file. */
static int keep(struct sm_spool *s, struct sm_pack *k, struct sm_err *err) {
    struct place *p = &s->place[s->n];
    *p = (struct place){.pack = k};
    s->n++;
    uint64_t used = s->bytes + k->bytes + s->packer->bytes + s->cap * sizeof *s->place;
    if (!s->memory || used <= s->memory) {
        s->bytes += k->bytes;
        return SM_OK;
    }
    int rc = s->file.fd < 0 ? sm_tmpfile_open(&s->file, *s->tmpdir ? s->tmpdir : NULL, err) : SM_OK;
    if (rc == SM_OK) sm_pack_seal(k);
    if (rc == SM_OK) rc = sm_tmpfile_add(&s->file, k, k->bytes, &p->at, err);
    if (k->bytes > s->widest) s->widest = k->bytes;
    sm_free(k);
    p->pack = NULL;
    return rc;
}

int sm_spool_add(struct sm_spool *s, const struct sm_block *b, struct sm_err *err) {
    const uint32_t ncol = s->packer->ncol;
    if (b->ncol < ncol) return sm_fail(err, SM_ESTATE, "a block has too few columns for the spool");
    for (uint32_t from = 0, n; from < b->nrow; from += n) {
        n = b->nrow - from < s->packer->rows ? b->nrow - from : s->packer->rows;
        for (uint32_t c = 0; c < ncol; c++)
            s->col[c] = b->cell + (size_t)from * b->ncol + c;
        struct sm_pack_in in = {.col = s->col, .step = b->ncol, .pos = b->pos + from, .nrow = n};
        struct sm_pack *k = NULL;
        int rc = sm_grow(&s->place, &s->cap, s->n + 1, sizeof *s->place, err);
        if (rc == SM_OK) rc = sm_packer_encode(s->packer, &in, &k, err);
        if (rc == SM_OK) rc = keep(s, k, err);
        if (rc != SM_OK) return rc;
        s->rows += n;
        if (n > s->longest) s->longest = n;
    }
    return SM_OK;
}

int sm_spool_read(struct sm_spool_reader **ret, const struct sm_spool *s, struct sm_err *err) {
    struct sm_spool_reader *r = sm_alloc(1, sizeof *r);
    if (!r) return sm_fail(err, SM_ENOMEM, "out of memory");
    r->s = s;
    const size_t ncol = s->packer->ncol ? s->packer->ncol : 1;
    int rc = sm_resize(&r->cell, ncol * (s->longest ? s->longest : 1), sizeof *r->cell, err);
    if (rc == SM_OK) rc = sm_resize(&r->pos, s->longest ? s->longest : 1, sizeof *r->pos, err);
    if (rc == SM_OK) rc = sm_resize(&r->view, 1, sm_unpack_most(s->packer->ncol), err);
    if (rc == SM_OK && s->widest) rc = sm_resize(&r->pack, 1, s->widest, err);
    if (rc == SM_OK)
        *ret = r;
    else
        sm_spool_reader_close(r);
    return rc;
}

static int read_next(void *ctx, struct sm_block *ret, struct sm_err *err) {
    struct sm_spool_reader *r = ctx;
    const struct sm_spool *s = r->s;
    if (r->next >= s->n) return SM_EOF;
    const struct place *p = &s->place[r->next];
    const struct sm_pack *k = p->pack;
    if (!k) {
        uint64_t n = s->file.bytes - p->at < s->widest ? s->file.bytes - p->at : s->widest;
        int rc = sm_tmpfile_read(&s->file, p->at, r->pack, (size_t)n, err);
        if (rc != SM_OK) return rc;
        k = r->pack;
        if (!sm_pack_sound(s->packer, k, n))
            return sm_fail(err, SM_EIO, "the temporary file was changed");
    }
    r->next++;
    sm_unpack_set(r->view, s->packer, k);
    sm_unpack_run(r->view, 0, k->nrow, s->packer->ncol, r->cell, r->pos);
    *ret = (struct sm_block){r->cell, r->pos, k->nrow, s->packer->ncol};
    return SM_OK;
}

struct sm_blocks sm_spool_blocks(struct sm_spool_reader *r) {
    return (struct sm_blocks){read_next, r};
}

void sm_spool_reader_close(struct sm_spool_reader *r) {
    if (!r) return;
    sm_free(r->pack);
    sm_free(r->view);
    sm_free(r->cell);
    sm_free(r->pos);
    sm_free(r);
}
