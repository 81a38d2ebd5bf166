/* SPDX-License-Identifier: MIT */
/* emit_csv.c - one CSV file a dataset: a header of variable names, then records, each ended by LF.
 */
#include "emit_priv.h"

#include "sdtmill/csvw.h"
#include "sdtmill/err.h"

/* Room that a cell can take with its comma, unless it is a text that is not ready to be copied. */
enum { CELL_ROOM = 56 };
_Static_assert((int)EMIT_READY_TEXT <= (int)CELL_ROOM, "a cell is copied as a whole");
_Static_assert((int)EMIT_PHRASE_TEXT <= 2 * (int)CELL_ROOM, "a phrase has two cells at least");
/* Texts that are not ready: too long, or to be quoted. */
enum mark { MARK_READY = EMIT_READY_ALL, MARK_ANY };

struct csv {
    struct emit_ready_memo memo; /* dates and pooled texts, with the comma behind */
    struct emit_phrases phrases;
    struct emit_phrase_memo said; /* with all commas */
};

static int csv_begin(struct sm_emitter *e, const struct sm_dsinfo *d, struct sm_err *err) {
    (void)err;
    for (uint32_t i = 0; i < d->nvar; i++)
        sm_csvw_cell(e->sink, d->var[i].name, i + 1 < d->nvar ? ',' : '\n');
    return SM_OK;
}

/* An inline text with a byte that is suspect; `filled` has letters behind it. */
static char *put_short_suspect(char *p, uint64_t left, uint64_t filled, size_t n) {
    const char first = (char)(left >> 56), last = (char)(left >> (64 - 8 * n));
    char text[8];
    emit_store_left(text, left);
    if (sm_is_blank(first) || sm_is_blank(last) || sm_csv_word_special(filled)) {
        p = sm_csv_put_quoted(p, (struct sm_str){text, n});
    } else {
        memcpy(p, text, 8);
        p += n;
    }
    *p = ',';
    return p + 1;
}

static inline char *put_short(char *p, sm_val v) {
    const uint64_t tops = UINT64_C(0x8080808080808080);
    uint64_t left;
    const unsigned behind = emit_short(v, &left);
    const uint64_t filled = left | emit_letters[behind];
    /* whether all bytes are ASCII behind the comma: quicker than sm_csv_word_plain */
    if (__builtin_expect((((filled - UINT64_C(0x2D2D2D2D2D2D2D2D)) | filled) & tops) != 0, 0))
        return put_short_suspect(p, left, filled, 8 - behind);
    emit_store_left(p, left | emit_comma[behind]);
    return p + 9 - behind;
}

static void make_ready(const struct sm_emitter *e, struct emit_ready *r, sm_val v) {
    struct sm_valbuf b;
    struct sm_str s = sm_val_text(e->study->texts, v, &b);
    emit_ready_clear(r, v, s.n < EMIT_READY_TEXT && sm_csv_plain(s) ? MARK_READY : MARK_ANY);
    if (r->mark != MARK_READY) return;
    memcpy(r->text, s.p, s.n);
    r->text[s.n] = ',';
    r->n = (uint32_t)s.n + 1;
}

/* A text of any length and content; what is in the sink's buffer up to p is written before. There
 * is room for `cells` more afterwards. NULL after an error. */
static char *put_any(struct sm_emitter *e, char *p, struct sm_str s, uint32_t cells) {
    sm_sink_used(e->sink, (size_t)(p - e->sink->at));
    p = sm_sink_reserve(e->sink, 2 * s.n + 3 + (size_t)(cells + 1) * CELL_ROOM);
    if (!p) return NULL;
    if (sm_csv_plain(s)) {
        memcpy(p, s.p, s.n);
        p += s.n;
    } else {
        p = sm_csv_put_quoted(p, s);
    }
    *p++ = ',';
    return p;
}

/* A date or a pooled text. */
static inline char *put_known(struct sm_emitter *e, char *p, sm_val v, uint32_t left) {
    struct emit_ready *r = emit_ready_at(&((struct csv *)e->state)->memo, v);
    if (__builtin_expect(r->v != v, 0)) make_ready(e, r, v);
    if (__builtin_expect(r->mark == MARK_READY, 1)) return emit_ready_put(p, r);
    struct sm_valbuf b;
    return put_any(e, p, sm_val_text(e->study->texts, v, &b), left);
}

/* Inline values alone have it: a packed date is 41 bits long. */
#define INLINE_BIT ((uint64_t)1 << 56)

/* left: cells of the row from this one on, or more. NULL after an error. */
static inline char *put_cell(struct sm_emitter *e, char *p, sm_val v, uint32_t left) {
    if (__builtin_expect((v & INLINE_BIT) != 0, 1)) return put_short(p, v);
    if (v != SM_MISSING) return put_known(e, p, v, left);
    *p = ',';
    return p + 1;
}

/* The end of the row, NULL after an error. */
static inline char *put_row(struct sm_emitter *e, const sm_val *row, char *p) {
    const uint32_t *column = e->ds->column, *const end = column + e->ds->nvar;
    for (; column < end && p; column++)
        p = put_cell(e, p, row[*column], (uint32_t)(end - column));
    return p;
}

/* Cell by cell; remembered, unless it is too long or p moved to another buffer on the way. */
__attribute__((noinline)) static char *put_new_phrase(struct sm_emitter *e, char *p,
                                                      const sm_val *row,
                                                      const struct emit_phrase *f,
                                                      struct emit_phrase_text *t) {
    const char *const from = p;
    const uint64_t size = sm_sink_size(e->sink); /* grows when p moves on in another place */
    ((struct csv *)e->state)->phrases.missed++;
    for (uint32_t i = 0; i < f->cells && p; i++)
        p = put_cell(e, p, row[f->column[i]], e->ds->nvar);
    if (!p || sm_sink_size(e->sink) != size || p - from > EMIT_PHRASE_TEXT) return p;
    for (uint32_t i = 0; i < EMIT_PHRASE_CELLS; i++)
        t->v[i] = row[f->column[i]];
    t->cells = f->cells;
    t->n = (uint32_t)(p - from);
    memcpy(t->text, from, t->n);
    return p;
}

static inline char *put_phrase(char *p, const struct emit_phrase_text *t) {
    enum { MOSTLY = 32 };
    memcpy(p, t->text, MOSTLY);
    if (t->n > MOSTLY) memcpy(p + MOSTLY, t->text + MOSTLY, EMIT_PHRASE_TEXT - MOSTLY);
    return p + t->n;
}

static inline char *put_phrases(struct sm_emitter *e, const sm_val *row, char *p) {
    struct csv *c = e->state;
    const struct emit_phrase *f = c->phrases.phrase, *const end = f + c->phrases.n;
    for (; f < end && p; f++) {
        if (f->cells == 1) {
            p = put_cell(e, p, row[f->column[0]], e->ds->nvar);
            continue;
        }
        bool hit;
        struct emit_phrase_text *t = emit_phrase_at(&c->said, f, row, &hit);
        p = __builtin_expect(hit, 1) ? put_phrase(p, t) : put_new_phrase(e, p, row, f, t);
    }
    return p;
}

static int csv_block(struct sm_emitter *e, const struct sm_block *b, struct sm_err *err) {
    const uint32_t nvar = e->ds->nvar;
    const size_t room = (size_t)(nvar + 1) * CELL_ROOM;
    const sm_val *row = b->cell;
    struct csv *c = e->state;
    emit_phrases_set(&c->phrases, e->ds, b);
    for (uint32_t r = 0; r < b->nrow && nvar; r++, row += b->ncol) {
        char *p = sm_sink_reserve(e->sink, room);
        if (p && nvar == 1 && row[*e->ds->column] == SM_MISSING) { /* else an empty line */
            p = sm_csv_put_quoted(p, SM_STR(""));
            *p++ = ',';
        } else if (p) {
            p = c->phrases.n ? put_phrases(e, row, p) : put_row(e, row, p);
        }
        if (!p) return sm_sink_check(e->sink, err);
        p[-1] = '\n';
        sm_sink_used(e->sink, (size_t)(p - e->sink->at));
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
