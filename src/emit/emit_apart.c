/* SPDX-License-Identifier: MIT */
/* emit_apart.c - blocks formatted apart from the emitter, in any thread, and written in order.
 *
 * The number of a record depends on all records before it. It is left free while formatting, with as
 * many digits as the latest numbers had: mostly that fits, and the digits are put in place. */
#include "emit_priv.h"

#include "sdtmill/err.h"
#include "sdtmill/mem.h"
#include "sdtmill/num.h"

int emit_numbers_reserve(struct sm_emitter *e, uint32_t nrow, struct sm_err *err) {
    struct sm_emit_apart *a = e->apart;
    if (!a) return SM_OK;
    return sm_grow(&a->number, &a->cap_number, a->nnumber + nrow, sizeof *a->number, err);
}

void emit_counter_set(struct emit_counter *c, uint64_t value) {
    uint32_t i = c->n;
    bool next = c->n > 0 && value == c->value + 1;
    c->value = value;
    while (next && i > 0 && c->text[i - 1] == '9')
        c->text[--i] = '0';
    if (next && i > 0)
        c->text[i - 1]++;
    else
        c->n = (uint32_t)sm_num_format_u64(value, c->text);
}

char *emit_number_put(struct sm_emitter *e, struct emit_counter *c, char *p, size_t at) {
    struct sm_emit_apart *a = e->apart;
    if (!a) {
        memcpy(p, c->text, sizeof c->text);
        return p + c->n;
    }
    at += sm_sink_size(a->sink);
    a->number[a->nnumber++] = at - a->number_end;
    a->number_end = at + a->digits;
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

/* The digits of all numbers go where they were left free. */
static void patch_numbers(const struct sm_emitter *e, struct sm_emit_apart *a) {
    struct emit_counter c = {0};
    size_t at = 0;
    for (size_t i = 0; i < a->nnumber; i++) {
        emit_counter_set(&c, e->rows + i + 1);
        at += a->number[i];
        sm_sink_patch(a->sink, at, c.text, a->digits);
        at += a->digits;
    }
    sm_sink_move(e->sink, a->sink);
}

static void insert_numbers(const struct sm_emitter *e, struct sm_emit_apart *a) {
    struct sm_str s = sm_sink_kept(a->sink);
    struct emit_counter c = {0};
    for (size_t i = 0; i < a->nnumber; i++) {
        size_t before = a->number[i], free = a->digits;
        emit_counter_set(&c, e->rows + i + 1);
        sm_sink_write(e->sink, s.p, before);
        sm_sink_write(e->sink, c.text, c.n);
        s = sm_str_n(s.p + before + free, s.n - before - free);
    }
    sm_sink_write(e->sink, s.p, s.n);
}

static void write_numbered(const struct sm_emitter *e, struct sm_emit_apart *a) {
    struct emit_counter first = {0}, last = {0};
    emit_counter_set(&first, e->rows + 1);
    emit_counter_set(&last, e->rows + a->nnumber);
    if (first.n == a->digits && last.n == a->digits)
        patch_numbers(e, a);
    else
        insert_numbers(e, a);
    a->digits = last.n;
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
