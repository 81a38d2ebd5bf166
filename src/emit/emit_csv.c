/* SPDX-License-Identifier: MIT */
/* emit_csv.c - one CSV file a dataset: a header of variable names, then records, each ended by LF.
 */
#include "emit_priv.h"

#include "sdtmill/csvw.h"
#include "sdtmill/err.h"

struct csv {
    struct emit_memo memo;
};

/* Room that a cell of any kind but a pooled text can take, with its comma. */
enum { CELL_ROOM = SM_DTC_TEXT_MAX + 8 };

static uint32_t look(struct sm_str s) {
    return sm_csv_plain(s);
}

static int csv_begin(struct sm_emitter *e, const struct sm_dsinfo *d, struct sm_err *err) {
    (void)err;
    for (uint32_t i = 0; i < d->nvar; i++)
        sm_csvw_cell(e->sink, d->var[i].name, i + 1 < d->nvar ? ',' : '\n');
    return SM_OK;
}

static inline char *put_short(char *p, sm_val v) {
    uint64_t bytes, filled;
    size_t n = emit_short(v, &bytes, &filled);
    if (sm_csv_word_plain(filled)) {
        emit_store_left(p, bytes);
        return p + n;
    }
    char text[8];
    emit_store_left(text, bytes);
    struct sm_str s = {text, n};
    if (!sm_csv_plain(s)) return sm_csv_put_quoted(p, s);
    memcpy(p, text, 8);
    return p + n;
}

static inline char *put_text(char *p, const struct emit_text *t) {
    if (!t->mark) return sm_csv_put_quoted(p, (struct sm_str){t->p, t->n});
    emit_copy(p, t->p, t->n);
    return p + t->n;
}

/* The end of the row in the sink's buffer, NULL after an error. */
static char *put_row(struct sm_emitter *e, const sm_val *row, char *p) {
    struct csv *c = e->state;
    const struct sm_dsinfo *d = e->ds;
    char *base = p;
    for (uint32_t i = 0; i < d->nvar; i++) {
        sm_val v = row[d->column[i]];
        if (sm_val_is_inline(v)) {
            p = put_short(p, v);
        } else if (sm_val_is_pooled(v)) {
            const struct emit_text *t = emit_memo_text(&c->memo, e->study->texts, v, look);
            if (2 * (size_t)t->n + 3 > CELL_ROOM) {
                sm_sink_used(e->sink, (size_t)(p - base));
                p = base = sm_sink_reserve(e->sink, 2 * (size_t)t->n +
                                                        (size_t)(d->nvar - i + 1) * CELL_ROOM);
                if (!p) return NULL;
            }
            p = put_text(p, t);
        } else if (sm_val_is_dtc(v)) {
            p += sm_dtc_format_packed(sm_val_packed(v), p);
        } else if (d->nvar == 1) { /* an empty line would be no record */
            p = sm_csv_put_quoted(p, (struct sm_str){"", 0});
        }
        *p++ = ',';
    }
    p[-1] = '\n';
    sm_sink_used(e->sink, (size_t)(p - base));
    return p;
}

static int csv_block(struct sm_emitter *e, const struct sm_block *b, struct sm_err *err) {
    const size_t room = (size_t)(e->ds->nvar + 1) * CELL_ROOM;
    if (e->ds->nvar == 0) return SM_OK;
    for (uint32_t r = 0; r < b->nrow; r++) {
        char *p = sm_sink_reserve(e->sink, room);
        if (!p || !put_row(e, b->cell + (size_t)r * b->ncol, p)) return sm_sink_check(e->sink, err);
    }
    return SM_OK;
}

const struct sm_emit_ops emit_csv = {.name = "csv",
                                     .folder = "csv",
                                     .suffix = ".csv",
                                     .caps = SM_EMIT_APART,
                                     .state_size = sizeof(struct csv),
                                     .begin = csv_begin,
                                     .block = csv_block};
