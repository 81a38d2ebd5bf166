/* SPDX-License-Identifier: MIT */
/* run_fate.c - what became of every raw row, and the ledger made from it. */
#include "run_priv.h"
#include "sdtmill/err.h"
#include "sdtmill/mem.h"

/* Most rows are used and have no reason. Reasons lie in pages that are there when one of their rows
 * has one, the high bytes in pages of their own: few runs have more than 255 reasons. */
enum { REASON_PAGE = 4096 };

static size_t page_low(uint64_t row) {
    return (size_t)(row / REASON_PAGE) * 2;
}

static uint16_t reason_get(const struct run_input *in, uint64_t row) {
    const uint8_t *low = in->reason[page_low(row)], *high = in->reason[page_low(row) + 1];
    unsigned reason = low ? low[row % REASON_PAGE] : 0;
    if (high) reason |= (unsigned)high[row % REASON_PAGE] << 8;
    return (uint16_t)reason;
}

static bool byte_set(uint8_t **page, uint64_t row, unsigned byte) {
    if (!*page && byte) *page = sm_alloc(REASON_PAGE, 1);
    if (*page) (*page)[row % REASON_PAGE] = (uint8_t)byte;
    return *page || !byte;
}

static bool reason_set(struct run_input *in, uint64_t row, uint16_t reason) {
    uint8_t **page = in->reason + page_low(row);
    return byte_set(page, row, reason & 0xFFu) && byte_set(page + 1, row, reason >> 8);
}

int run_fate_reserve(struct run_input *in, uint64_t nrecord, struct sm_err *err) {
    if (nrecord <= in->nrecord) return SM_OK;
    size_t need = (size_t)nrecord, pages = page_low(nrecord - 1) + 2;
    size_t had = in->nrecord ? page_low(in->nrecord - 1) + 2 : 0;
    int rc = sm_grow(&in->fate, &in->cap_fate, need, sizeof *in->fate, err);
    if (!rc) rc = sm_grow(&in->reason, &in->cap_reason, pages, sizeof *in->reason, err);
    if (rc) return rc;
    memset(in->fate + in->nrecord, SM_FATE_NONE, need - (size_t)in->nrecord);
    for (size_t i = had; i < pages; i++)
        in->reason[i] = NULL;
    in->nrecord = nrecord;
    return SM_OK;
}

void run_fate_free(struct run_input *in) {
    for (size_t i = 0; in->nrecord && i < page_low(in->nrecord - 1) + 2; i++)
        sm_free(in->reason[i]);
    sm_free(in->reason);
    sm_free(in->fate);
}

static uint16_t reason_index(struct run *r, uint16_t code, const struct sm_where *where) {
    for (size_t i = 1; i < r->nreason; i++)
        if (r->reason[i].code == code && r->reason[i].where == where) return (uint16_t)i;
    struct sm_err ignored = {0};
    if (r->nreason >= UINT16_MAX) return 0;
    if (sm_grow(&r->reason, &r->cap_reason, r->nreason + 1, sizeof *r->reason, &ignored)) {
        r->failed = true;
        return 0;
    }
    const char *text = "";
    const struct sm_diag_info *info = sm_diag_info(code);
    if (info)
        text = info->kind;
    else if (where)
        text = sm_arena_printf(&r->arena, "%.*s:%u", SM_STR_FMT(run_map_name(r, where->file)),
                               where->line)
                   .p;
    if (!text) r->failed = true;
    r->reason[r->nreason] = (struct run_reason){code, where, text ? text : ""};
    return (uint16_t)r->nreason++;
}

void run_fate_mark(struct run *r, struct run_input *in, uint64_t record, enum sm_fate fate,
                   uint16_t code, const struct sm_where *where) {
    if (record < 1 || record > in->nrecord || fate <= in->fate[record - 1]) return;
    in->fate[record - 1] = (uint8_t)fate;
    uint16_t reason = fate == SM_FATE_USED ? 0 : reason_index(r, code, where);
    if (!reason_set(in, record - 1, reason)) r->failed = true;
}

/* Rows that follow each other, of which nothing is known yet, as most do. */
static bool fate_run(struct run_input *in, const struct sm_batch *b) {
    const uint64_t first = b->nrow ? b->record[0] - 1 : 0, end = first + b->nrow;
    if (!b->all_used || !b->nrow || b->record[b->nrow - 1] != end || end > in->nrecord) return false;
    for (uint32_t i = 0; i < b->nrow; i++)
        if (in->fate[first + i] != SM_FATE_NONE || b->record[i] != first + i + 1) return false;
    memset(in->fate + first, SM_FATE_USED, b->nrow);
    return true;
}

void run_fate_rows(struct run *r, struct run_input *in, const struct sm_batch *b) {
    if (fate_run(in, b)) return;
    for (uint32_t i = 0; i < b->nrow; i++) {
        const struct sm_verdict *v = &b->verdict[i];
        const uint64_t at = b->record[i] - 1;
        if (v->fate == SM_FATE_USED && at < in->nrecord && in->fate[at] == SM_FATE_NONE)
            in->fate[at] = SM_FATE_USED; /* most are, and have no reason yet */
        else
            run_fate_mark(r, in, at + 1, (enum sm_fate)v->fate, v->code, v->where);
    }
}

/* How many rows from `row` on were used: most are. */
static uint64_t used_from(const struct run_input *in, uint64_t row) {
    const uint64_t all = UINT64_C(0x0101010101010101) * SM_FATE_USED;
    uint64_t at = row, x;
    for (; at + sizeof x <= in->nrecord; at += sizeof x) {
        memcpy(&x, in->fate + at, sizeof x);
        if (x != all) break;
    }
    while (at < in->nrecord && in->fate[at] == SM_FATE_USED)
        at++;
    return at - row;
}

static int ledger_why(struct run *r, const struct run_input *in, struct sm_ledger_row *row,
                      struct sm_run_result *ret, struct sm_err *err) {
    uint64_t *count = sm_alloc(r->nreason + 1, sizeof *count);
    if (!count) return sm_fail(err, SM_ENOMEM, "out of memory");
    size_t n = 0;
    for (uint64_t i = used_from(in, 0); i < in->nrecord; i += 1 + used_from(in, i + 1))
        if (!count[reason_get(in, i)]++) n++;
    struct sm_fate_count *why = sm_arena_array(&ret->arena, n ? n : 1, sizeof *why);
    size_t k = 0;
    for (size_t i = 0; i < r->nreason && why; i++)
        if (count[i])
            why[k++] = (struct sm_fate_count){
                sm_arena_dup(&ret->arena, sm_str(i ? r->reason[i].text : "no rule")), count[i]};
    sm_free(count);
    if (!why) return sm_fail(err, SM_ENOMEM, "out of memory");
    for (size_t i = 1; i < k; i++) /* few reasons a file: insertion sort by name */
        for (size_t j = i; j > 0 && sm_str_cmp(why[j - 1].reason, why[j].reason) > 0; j--) {
            struct sm_fate_count t = why[j];
            why[j] = why[j - 1];
            why[j - 1] = t;
        }
    row->why = why;
    row->nwhy = k;
    return SM_OK;
}

static int ledger_row(struct run *r, const struct run_input *in, struct sm_ledger_row *row,
                      struct sm_run_result *ret, struct sm_err *err) {
    *row = (struct sm_ledger_row){.file = sm_arena_dup(&ret->arena, in->in.name),
                                  .source = sm_arena_dup(&ret->arena, in->in.source->name),
                                  .bytes = in->totals.bytes,
                                  .read = in->totals.records,
                                  .records = in->records_out};
    memcpy(row->sha256, in->totals.sha256, sizeof row->sha256);
    uint64_t by[SM_FATE_UNREADABLE + 1] = {0};
    for (uint64_t i = 0; i < in->nrecord; i++) {
        const uint64_t used = used_from(in, i);
        by[SM_FATE_USED] += used;
        i += used;
        if (i < in->nrecord) by[in->fate[i]]++;
    }
    row->used = by[SM_FATE_USED];
    row->filtered = by[SM_FATE_FILTERED];
    row->rejected = by[SM_FATE_REJECTED] + by[SM_FATE_UNREADABLE];
    row->duplicates = by[SM_FATE_DUPLICATE];
    if (by[SM_FATE_NONE] ||
        row->used + row->filtered + row->rejected + row->duplicates != row->read)
        return sm_fail(err, SM_ESTATE,
                       "%s: the row ledger does not balance: %" PRIu64 " read, %" PRIu64
                       " used, %" PRIu64 " filtered, %" PRIu64 " rejected, %" PRIu64
                       " duplicates, %" PRIu64 " unaccounted for",
                       in->in.name.p, row->read, row->used, row->filtered, row->rejected,
                       row->duplicates, by[SM_FATE_NONE]);
    return ledger_why(r, in, row, ret, err);
}

int run_ledger(struct run *r, struct sm_run_result *ret, struct sm_err *err) {
    struct sm_ledger_row *row = sm_arena_array(&ret->arena, r->ninput ? r->ninput : 1, sizeof *row);
    if (!row) return sm_fail(err, SM_ENOMEM, "out of memory");
    for (size_t i = 0; i < r->ninput; i++) {
        int rc = ledger_row(r, &r->input[i], &row[i], ret, err);
        if (rc) return rc;
    }
    ret->ledger = row;
    ret->nledger = r->ninput;
    return SM_OK;
}
