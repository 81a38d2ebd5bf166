/* SPDX-License-Identifier: MIT */
/* emit_apart.c - blocks formatted apart from the emitter, in any thread, and written in order.
 *
 * The number of a record depends on all records before it. It is left free while formatting, with as
 * many digits as the latest numbers had: mostly that fits, and the digits are put in place. */
#include "emit_priv.h"

#include "sdtmill/err.h"
#include "sdtmill/mem.h"
#include "sdtmill/num.h"

enum { DIGITS_MOST = 20 };

int emit_numbers_reserve(struct sm_emitter *e, uint32_t nrow, struct sm_err *err) {
    struct sm_emit_apart *a = e->apart;
    if (!a) return SM_OK;
    return sm_grow(&a->number, &a->cap_number, a->nnumber + nrow, sizeof *a->number, err);
}

char *emit_number_put(struct sm_emitter *e, uint32_t row, char *p, size_t at) {
    struct sm_emit_apart *a = e->apart;
    if (!a) return p + sm_num_format_u64(e->rows + row + 1, p);
    at += sm_sink_size(a->sink);
    a->number[a->nnumber++] = at - a->number_end;
    a->number_end = at + a->digits;
    memset(p, '0', DIGITS_MOST);
    return p + a->digits;
}

int sm_emitter_format(const struct sm_emitter *e, struct sm_emit_apart *a, const struct sm_block *b,
                      struct sm_err *err) {
    if (!(e->ops->caps & SM_EMIT_APART) || b->ncol != e->ds->block_ncol)
        return sm_fail(err, SM_ESTATE, "%s: such a block is not formatted apart", e->ops->name);
    if (!a->state && !(a->state = sm_alloc(1, e->ops->state_size ? e->ops->state_size : 1)))
        return sm_fail(err, SM_ENOMEM, "out of memory");
    a->ops = e->ops;
    int rc = a->sink ? SM_OK : sm_sink_in_memory(&a->sink, err);
    if (rc) return rc;
    /* what the emitter's own thread does not change meanwhile */
    struct sm_emitter copy = {.ops = e->ops,
                              .study = e->study,
                              .ds = e->ds,
                              .sink = a->sink,
                              .state = a->state,
                              .plan = e->plan,
                              .apart = a,
                              .rows = a->rows};
    rc = e->ops->block(&copy, b, err);
    a->rows += b->nrow;
    a->refused = a->refused || copy.refused;
    if (!rc && a->failed) rc = sm_fail(err, SM_ENOMEM, "out of memory for findings");
    return rc ? rc : sm_sink_check(a->sink, err);
}

/* ---- the emitter's own thread -------------------------------------------------------------------
 */

static uint32_t digits_of(uint64_t n) {
    uint32_t d = 1;
    for (; n >= 10; n /= 10)
        d++;
    return d;
}

static void patch_numbers(const struct sm_emitter *e, struct sm_emit_apart *a) {
    char text[DIGITS_MOST];
    size_t at = 0;
    for (size_t i = 0; i < a->nnumber; i++) {
        at += a->number[i];
        sm_sink_patch(a->sink, at, text, sm_num_format_u64(e->rows + i + 1, text));
        at += a->digits;
    }
    sm_sink_move(e->sink, a->sink);
}

static void insert_numbers(const struct sm_emitter *e, struct sm_emit_apart *a) {
    struct sm_str s = sm_sink_kept(a->sink);
    char text[DIGITS_MOST];
    for (size_t i = 0; i < a->nnumber; i++) {
        sm_sink_write(e->sink, s.p, a->number[i]);
        s = sm_str_n(s.p + a->number[i] + a->digits, s.n - a->number[i] - a->digits);
        sm_sink_write(e->sink, text, sm_num_format_u64(e->rows + i + 1, text));
    }
    sm_sink_write(e->sink, s.p, s.n);
}

static void write_numbered(const struct sm_emitter *e, struct sm_emit_apart *a) {
    uint32_t last = digits_of(e->rows + a->nnumber);
    if (a->digits == last && a->digits == digits_of(e->rows + 1))
        patch_numbers(e, a);
    else
        insert_numbers(e, a);
    a->digits = last;
}

int sm_emitter_put(struct sm_emitter *e, struct sm_emit_apart *a, struct sm_err *err) {
    int rc = emit_enter(e, EMIT_ROWS, "block", err);
    if (rc || !a->sink) return rc ? rc : emit_leave(e, EMIT_ROWS, SM_OK, err);
    emit_notes_report(e, a);
    e->refused = e->refused || a->refused;
    if (e->ops->put) {
        rc = e->ops->put(e, a, err);
    } else if (a->nnumber) {
        write_numbered(e, a);
    } else {
        sm_sink_move(e->sink, a->sink);
    }
    e->rows += a->rows;
    a->rows = 0;
    a->nnumber = a->number_end = 0;
    a->refused = false;
    if (!rc) rc = sm_sink_check(e->sink, err);
    return emit_leave(e, EMIT_ROWS, rc, err);
}

void sm_emit_apart_free(struct sm_emit_apart *a) {
    if (a->state && a->ops->close) {
        struct sm_emitter copy = {.ops = a->ops, .state = a->state};
        a->ops->close(&copy);
    }
    sm_sink_discard(a->sink);
    sm_free(a->state);
    sm_free(a->number);
    sm_free(a->note);
    *a = (struct sm_emit_apart){0};
}
