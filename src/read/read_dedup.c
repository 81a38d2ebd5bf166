/* SPDX-License-Identifier: MIT */
#include "read_priv.h"

#include "sdtmill/hash.h"
#include "sdtmill/num.h"

/* read_dedup.c - repeated and superseded rows of one source. A row is kept as hashes; rows of a
 * file whose own <key> is applied before its unpivot, and exact repeats, are a matter of records.
 */

#define DEDUP_NONE UINT32_MAX

struct dedup_row {
    struct sm_hash128 key; /* of the key's values; rows with the same one compete */
    uint64_t cells;        /* of all raw cells and the file */
    sm_val by, subject;
    sm_pos pos;
    uint64_t record;
    uint32_t next; /* next row with the same key, in order */
    uint16_t rule; /* index into d->rule */
    bool repeat, lost;
};
struct dedup_rule {
    const struct sm_key *key;
};
struct dedup_file {
    uint32_t index;
    struct sm_str name;
};

struct sm_dedup {
    const struct sm_spec *spec;
    const struct sm_source *source;
    struct dedup_row *row;
    size_t nrow, cap;
    struct dedup_rule *rule;
    size_t nrule, rule_cap;
    struct dedup_file *file; /* of the files seen, in order */
    size_t nfile, file_cap;
    struct sm_arena arena;
    struct sm_buf key;
};

int sm_dedup_open(struct sm_dedup **ret, const struct sm_spec *spec, const struct sm_source *source,
                  struct sm_err *err) {
    struct sm_dedup *d = sm_alloc(1, sizeof *d);
    if (!d) return sm_fail(err, SM_ENOMEM, "out of memory");
    d->spec = spec;
    d->source = source;
    sm_arena_init(&d->arena);
    sm_buf_init(&d->key, 0);
    *ret = d;
    return SM_OK;
}

void sm_dedup_close(struct sm_dedup *d) {
    if (!d) return;
    sm_free(d->row);
    sm_free(d->rule);
    sm_free(d->file);
    sm_buf_free(&d->key);
    sm_arena_free(&d->arena);
    sm_free(d);
}

static int dedup_rule(struct sm_dedup *d, const struct sm_key *key, uint16_t *ret,
                      struct sm_err *err) {
    for (size_t i = d->nrule; i-- > 0;) {
        *ret = (uint16_t)i;
        if (d->rule[i].key == key) return SM_OK;
    }
    if (d->nrule == UINT16_MAX) return sm_fail(err, SM_ELIMIT, "too many keys in one source");
    int rc = sm_grow(&d->rule, &d->rule_cap, d->nrule + 1, sizeof *d->rule, err);
    if (rc) return rc;
    *ret = (uint16_t)d->nrule;
    d->rule[d->nrule++].key = key;
    return SM_OK;
}

static int dedup_file(struct sm_dedup *d, const struct sm_input *input, struct sm_err *err) {
    if (d->nfile && d->file[d->nfile - 1].index == input->index) return SM_OK;
    int rc = sm_grow(&d->file, &d->file_cap, d->nfile + 1, sizeof *d->file, err);
    if (rc) return rc;
    struct sm_str name = sm_arena_dup(&d->arena, input->name);
    if (!name.p) return sm_fail(err, SM_ENOMEM, "out of memory");
    d->file[d->nfile++] = (struct dedup_file){input->index, name};
    return SM_OK;
}

/* Values are kept in more than one form (packed dates), so the key is hashed as text. */
static bool dedup_key(struct sm_dedup *d, const struct sm_key *key, uint16_t rule,
                      const struct sm_batch *b, uint32_t row, struct sm_hash128 *ret) {
    struct sm_valbuf buf;
    sm_buf_clear(&d->key);
    for (uint32_t i = 0; i < key->ncolumn; i++) {
        struct sm_str s = sm_val_text(d->spec->texts, b->col[key->column[i]][row], &buf);
        uint64_t n = s.n;
        sm_buf_add(&d->key, (const char *)&n, sizeof n);
        sm_buf_add_str(&d->key, s);
    }
    *ret = sm_hash128(d->key.p ? d->key.p : "", d->key.n, (uint64_t)rule + 1);
    return !d->key.failed;
}

static uint64_t dedup_cells(const struct sm_batch *b, uint32_t row) {
    uint64_t mix = ((uint64_t)b->file + 1) * UINT64_C(0x9E3779B97F4A7C15);
    return b->row_hash[row].lo ^ (b->row_hash[row].hi + mix);
}

static int dedup_add_row(struct sm_dedup *d, const struct sm_key *key, const struct sm_batch *b,
                         uint32_t i, struct sm_err *err) {
    const struct read_back *back = b->reader;
    struct dedup_row r = {
        .cells = dedup_cells(b, i), .pos = b->pos[i], .record = b->record[i], .next = DEDUP_NONE};
    int rc = dedup_rule(d, key, &r.rule, err);
    if (rc) return rc;
    if (!dedup_key(d, key, r.rule, b, i, &r.key)) return sm_fail(err, SM_ENOMEM, "out of memory");
    if (key->dups == SM_DUPS_LAST_BY && key->by != SM_NO) r.by = b->col[key->by][i];
    if (back && back->subject)
        r.subject = back->subject[i];
    else
        r.subject = b->col[sm_source_usubjid(d->source)][i];
    if (d->nrow >= DEDUP_NONE - 1)
        return sm_fail(err, SM_ELIMIT, "too many rows in a source with a key");
    rc = sm_grow(&d->row, &d->cap, d->nrow + 1, sizeof *d->row, err);
    if (!rc) d->row[d->nrow++] = r;
    return rc;
}

int sm_dedup_add(struct sm_dedup *d, const struct sm_input *input, const struct sm_batch *b,
                 struct sm_err *err) {
    const struct sm_key *key = input->file && input->file->key ? input->file->key : d->source->key;
    bool whole = input->file && input->file->key;
    if (!key || key->dups == SM_DUPS_KEEP) return SM_OK;
    if (!b->row_hash) return sm_fail(err, SM_ESTATE, "rows are not hashed");
    int rc = dedup_file(d, input, err);
    for (uint32_t i = 0; i < b->nrow && !rc; i++) {
        if (whole && i > 0 && b->record[i] == b->record[i - 1]) continue;
        rc = dedup_add_row(d, key, b, i, err);
    }
    return rc;
}

/* ---- finding rows again ---------------------------------------------------------------------- */
struct dedup_table {
    uint32_t *slot;
    size_t mask;
};

static int dedup_table(struct dedup_table *t, size_t n, struct sm_err *err) {
    size_t size = 16;
    while (size < n * 2)
        size *= 2;
    t->slot = NULL;
    t->mask = size - 1;
    int rc = sm_resize(&t->slot, size, sizeof *t->slot, err);
    if (!rc) memset(t->slot, 0xFF, size * sizeof *t->slot);
    return rc;
}

static bool dedup_same_key(const struct dedup_row *a, const struct dedup_row *b) {
    return a->key.lo == b->key.lo && a->key.hi == b->key.hi && a->rule == b->rule;
}

static bool dedup_same_record(const struct dedup_row *a, const struct dedup_row *b) {
    return a->record == b->record && sm_pos_file(a->pos) == sm_pos_file(b->pos);
}

/* The slot of the row's raw cells or (by_key) of its key: empty, or the first row like it. */
static uint32_t *dedup_slot(const struct sm_dedup *d, const struct dedup_table *t,
                            const struct dedup_row *r, bool by_key) {
    uint64_t h = by_key ? r->key.lo : r->cells;
    for (size_t i = (size_t)(h ^ h >> 32) & t->mask;; i = (i + 1) & t->mask) {
        uint32_t at = t->slot[i];
        if (at == DEDUP_NONE) return &t->slot[i];
        const struct dedup_row *o = &d->row[at];
        if (dedup_same_key(o, r) && (by_key || o->cells == r->cells)) return &t->slot[i];
    }
}

/* ---- findings -------------------------------------------------------------------------------- */
static struct sm_str dedup_name(const struct sm_dedup *d, const struct dedup_row *r) {
    for (size_t i = 0; i < d->nfile; i++)
        if (d->file[i].index == sm_pos_file(r->pos)) return d->file[i].name;
    return (struct sm_str){NULL, 0};
}

static void dedup_find(const struct sm_dedup *d, const struct dedup_row *lost,
                       const struct dedup_row *kept, uint16_t code, enum sm_effect effect,
                       struct sm_diags *diags) {
    struct sm_valbuf buf;
    char text[512], where[400] = "";
    bool other = sm_pos_file(lost->pos) != sm_pos_file(kept->pos);
    struct sm_str name = dedup_name(d, kept);
    if (other)
        (void)snprintf(where, sizeof where, " of %.*s", (int)(name.n > 300 ? 300 : name.n), name.p);
    const char *what = code == SM_D_DUPLICATE_ROW ? "all cells equal line" : "same key as line";
    const char *so = code == SM_D_DUPLICATE_KEY ? "" : ", which is kept";
    (void)snprintf(text, sizeof text, "%s %" PRIu64 "%s%s", what, sm_pos_line(kept->pos), where,
                   so);
    struct sm_diag f = {.code = code,
                        .effect = (uint8_t)effect,
                        .file = dedup_name(d, lost),
                        .line = sm_pos_line(lost->pos),
                        .detail = sm_str(text)};
    f.value = sm_val_text(d->spec->texts, lost->subject, &buf);
    sm_diags_add(diags, &f, -1);
}

/* ---- who wins -------------------------------------------------------------------------------- */
/* Greater one of two values: dates and texts by their order, numbers by their size. */
static int dedup_order(const struct sm_dedup *d, sm_val a, sm_val b) {
    struct sm_valbuf x, y;
    int order;
    if (a == b) return 0;
    if (a == SM_MISSING || b == SM_MISSING) return a == SM_MISSING ? -1 : 1;
    if (sm_val_is_dtc(a) && sm_val_is_dtc(b))
        return (sm_val_packed(a) > sm_val_packed(b)) - (sm_val_packed(a) < sm_val_packed(b));
    struct sm_str s = sm_val_text(d->spec->texts, a, &x), t = sm_val_text(d->spec->texts, b, &y);
    if (sm_dec_cmp(s, t, &order)) return order;
    return sm_str_cmp(s, t);
}

static uint32_t dedup_winner(const struct sm_dedup *d, uint32_t first) {
    enum sm_dups dups = d->rule[d->row[first].rule].key->dups;
    uint32_t best = first;
    if (dups == SM_DUPS_FIRST || dups == SM_DUPS_REJECT) return best;
    for (uint32_t i = d->row[first].next; i != DEDUP_NONE; i = d->row[i].next)
        if (dups == SM_DUPS_LAST || dedup_order(d, d->row[i].by, d->row[best].by) >= 0) best = i;
    return best;
}

/* Marks exact repeats, and chains the others by key; *tail is the last of each chain. */
static void dedup_chain(struct sm_dedup *d, const struct dedup_table *cells,
                        const struct dedup_table *keys, uint32_t *tail, uint32_t *original) {
    for (uint32_t i = 0; i < d->nrow; i++) {
        struct dedup_row *r = &d->row[i];
        uint32_t *slot = dedup_slot(d, cells, r, false);
        if (*slot == DEDUP_NONE) *slot = i;
        original[i] = *slot;
        r->repeat = !dedup_same_record(&d->row[*slot], r);
        if (r->repeat) continue;
        slot = dedup_slot(d, keys, r, true);
        if (*slot == DEDUP_NONE)
            *slot = i;
        else
            d->row[tail[*slot]].next = i;
        tail[*slot] = i;
    }
}

/* All rows of one record, [i..end): a record is lost when all its rows are. */
struct dedup_out {
    void (*mark)(void *ctx, uint32_t file, uint64_t record, enum sm_fate fate, uint16_t code);
    void *ctx;
    struct sm_diags *diags;
    const uint32_t *other; /* the row that each lost row lost to */
};

static void dedup_record(const struct sm_dedup *d, const struct dedup_out *o, size_t i,
                         size_t end) {
    const struct dedup_row *r = &d->row[i];
    uint32_t file = sm_pos_file(r->pos);
    if (r->repeat) {
        dedup_find(d, r, &d->row[o->other[i]], SM_D_DUPLICATE_ROW, SM_EFFECT_DROPPED, o->diags);
        o->mark(o->ctx, file, r->record, SM_FATE_DUPLICATE, SM_D_DUPLICATE_ROW);
        return;
    }
    size_t lost = 0;
    for (size_t k = i; k < end; k++)
        lost += d->row[k].lost;
    bool reject = d->rule[r->rule].key->dups == SM_DUPS_REJECT;
    uint16_t code = reject ? SM_D_DUPLICATE_KEY : SM_D_SUPERSEDED_ROW;
    bool all = lost == end - i;
    for (size_t k = i; k < end; k++)
        if (d->row[k].lost)
            dedup_find(d, &d->row[k], &d->row[o->other[k]], code,
                       all ? SM_EFFECT_DROPPED : SM_EFFECT_KEPT, o->diags);
    /* a row that somebody has to look at counts as rejected, and lies with those */
    if (all) o->mark(o->ctx, file, r->record, reject ? SM_FATE_UNREADABLE : SM_FATE_DUPLICATE, code);
}

static void dedup_report(struct sm_dedup *d, const struct dedup_out *o) {
    for (size_t i = 0, end; i < d->nrow; i = end) {
        end = i + 1;
        while (end < d->nrow && dedup_same_record(&d->row[i], &d->row[end]))
            end++;
        dedup_record(d, o, i, end);
    }
}

int sm_dedup_finish(struct sm_dedup *d,
                    void (*mark)(void *ctx, uint32_t file, uint64_t record, enum sm_fate fate,
                                 uint16_t code),
                    void *ctx, struct sm_diags *diags, struct sm_err *err) {
    struct dedup_table cells = {NULL, 0}, keys = {NULL, 0};
    uint32_t *other = NULL, *tail = NULL;
    int rc = d->nrow ? dedup_table(&cells, d->nrow, err) : SM_EOF;
    if (!rc) rc = dedup_table(&keys, d->nrow, err);
    if (!rc) rc = sm_resize(&other, d->nrow, sizeof *other, err);
    if (!rc) rc = sm_resize(&tail, d->nrow, sizeof *tail, err);
    if (!rc) {
        dedup_chain(d, &cells, &keys, tail, other);
        for (size_t s = 0; s <= keys.mask; s++) {
            uint32_t first = keys.slot[s];
            if (first == DEDUP_NONE || d->row[first].next == DEDUP_NONE) continue;
            uint32_t best = dedup_winner(d, first);
            for (uint32_t i = first; i != DEDUP_NONE; i = d->row[i].next) {
                d->row[i].lost = !dedup_same_record(&d->row[i], &d->row[best]);
                other[i] = best;
            }
        }
        struct dedup_out o = {mark, ctx, diags, other};
        dedup_report(d, &o);
    }
    sm_free(cells.slot);
    sm_free(keys.slot);
    sm_free(other);
    sm_free(tail);
    return rc == SM_EOF ? SM_OK : rc;
}
