/* SPDX-License-Identifier: MIT */
/* The final order of findings. */
#include "diag_priv.h"

#include "sdtmill/mem.h"

typedef int row_order(const struct diag_row *a, const struct diag_row *b);

/* Texts are mostly shared, and then lie at the same place. */
static int cmp_str(struct sm_str a, struct sm_str b) {
    return a.p == b.p && a.n == b.n ? 0 : sm_str_cmp(a, b);
}

static int cmp_u64(uint64_t a, uint64_t b) {
    return (a > b) - (a < b);
}

static int cmp_bytes(const struct diag_bytes *a, const struct diag_bytes *b) {
    return a == b ? 0 : sm_str_cmp(diag_row_text(a), diag_row_text(b));
}

static int cmp_detail(const struct diag_row *a, const struct diag_row *b) {
    char x[SM_DIAG_DETAIL], y[SM_DIAG_DETAIL];
    if (a->shape == b->shape && a->detail == b->detail) return 0;
    return sm_str_cmp(diag_row_detail(a, x), diag_row_detail(b, y));
}

static int cmp_file(const struct diag_row *a, const struct diag_row *b) {
    return cmp_str(a->shape->d.file, b->shape->d.file);
}

/* Which cell (or row, or file) a finding is about, and what about it. */
static int cmp_place(const struct diag_row *a, const struct diag_row *b) {
    const struct sm_diag *x = &a->shape->d, *y = &b->shape->d;
    int c = cmp_file(a, b);
    if (c == 0) c = cmp_u64(a->line, b->line);
    if (c == 0) c = cmp_u64(x->field, y->field);
    if (c == 0) c = cmp_u64(x->code, y->code);
    return c;
}

/* The rest of a finding; 0 only when nothing that is shown differs but severity and effect. */
static int cmp_rest(const struct diag_row *a, const struct diag_row *b) {
    const struct sm_diag *x = &a->shape->d, *y = &b->shape->d;
    int c = cmp_str(x->domain, y->domain);
    if (c == 0) c = cmp_str(x->variable, y->variable);
    if (c == 0) c = cmp_bytes(a->value, b->value);
    if (c == 0) c = cmp_bytes(a->subject, b->subject);
    if (c == 0) c = cmp_str(x->column, y->column);
    if (c == 0) c = cmp_detail(a, b);
    if (c == 0) c = cmp_str(x->map_file, y->map_file);
    if (c == 0) c = cmp_str(x->mend, y->mend);
    if (c == 0) c = cmp_u64(x->map_line, y->map_line);
    return c ? c : cmp_u64(x->map_column, y->map_column);
}

static int cmp_final(const struct diag_row *a, const struct diag_row *b) {
    int c = cmp_place(a, b);
    return c ? c : cmp_rest(a, b);
}

/* Brings findings of one cell together even when their domains lie apart in the final order. */
static int cmp_cell(const struct diag_row *a, const struct diag_row *b) {
    int c = cmp_place(a, b);
    if (c == 0) c = cmp_bytes(a->value, b->value);
    return c ? c : cmp_rest(a, b);
}

static bool same(const struct diag_row *a, const struct diag_row *b) {
    if (cmp_place(a, b) != 0 || cmp_bytes(a->value, b->value) != 0) return false;
    return a->shape->d.field != 0 || cmp_rest(a, b) == 0;
}

/* A row with its file and line, as a number that orders as they do where it differs. */
struct item {
    uint64_t key;
    struct diag_row *row;
};
static uint64_t key_of(const struct diag_row *r) {
    const uint64_t most = ((uint64_t)1 << 40) - 1;
    return (uint64_t)r->shape->file << 40 | (r->line < most ? r->line : most);
}
static bool is_before(const struct item *a, const struct item *b, row_order *cmp) {
    return a->key != b->key ? a->key < b->key : cmp(a->row, b->row) <= 0;
}

/* Stable, bottom up; tmp holds n items too. */
static void sort(struct item *v, struct item *tmp, size_t n, row_order *cmp) {
    struct item *from = v, *to = tmp;
    for (size_t width = 1; width < n; width *= 2) {
        for (size_t lo = 0; lo < n; lo += 2 * width) {
            size_t mid = lo + width < n ? lo + width : n;
            size_t hi = mid + width < n ? mid + width : n;
            size_t i = lo, j = mid;
            if (mid >= hi || is_before(&from[mid - 1], &from[mid], cmp)) { /* in order as they are */
                memcpy(to + lo, from + lo, (hi - lo) * sizeof *to);
                continue;
            }
            for (size_t k = lo; k < hi; k++) {
                bool left = i < mid && (j >= hi || is_before(&from[i], &from[j], cmp));
                to[k] = left ? from[i++] : from[j++];
            }
        }
        struct item *t = from;
        from = to;
        to = t;
    }
    if (from != v) memcpy(v, from, n * sizeof *v);
}

/* Keeps the first of equal neighbours, with the worst severity and effect of all. */
static bool unique(struct sm_diags_pack *p, struct sm_arena *a, struct item *v, size_t *n) {
    size_t kept = 0;
    for (size_t i = 0; i < *n; i++) {
        if (kept == 0 || !same(v[kept - 1].row, v[i].row)) {
            v[kept++] = v[i];
            continue;
        }
        struct diag_row *row = v[kept - 1].row;
        const struct sm_diag *f = &row->shape->d, *g = &v[i].row->shape->d;
        if (!diag_pack_raise(p, a, row, f->sev > g->sev ? f->sev : g->sev,
                             f->effect > g->effect ? f->effect : g->effect))
            return false;
    }
    *n = kept;
    return true;
}

/* A short list is packed for the purpose. */
static struct sm_diags_pack *packed(struct sm_diags *d) {
    struct sm_diags_pack *p = d->pack ? d->pack : diag_pack_new(&d->arena);
    for (const struct sm_diag *f = d->first; f && p; f = f->next)
        if (!diag_pack_add(p, &d->arena, f)) p = NULL;
    return p;
}

/* Numbers the files, by way of a row of each shape. */
static void rank_files(struct diag_row *const *row, size_t n, struct item *v, struct item *tmp) {
    size_t many = 0;
    for (size_t i = 0; i < n; i++)
        row[i]->shape->file = UINT32_MAX;
    for (size_t i = 0; i < n; i++) {
        if (row[i]->shape->file == 0) continue;
        row[i]->shape->file = 0;
        v[many++] = (struct item){0, row[i]};
    }
    sort(v, tmp, many, cmp_file);
    for (size_t i = 1; i < many; i++)
        v[i].row->shape->file =
            v[i - 1].row->shape->file + (cmp_file(v[i - 1].row, v[i].row) != 0);
}

/* The final order of a pack's n rows; v and tmp hold as many. */
static bool order(struct sm_diags_pack *p, struct sm_arena *a, struct item *v, struct item *tmp,
                  size_t n) {
    struct diag_row **row = sm_arena_array(a, n, sizeof *row);
    if (!row) return false;
    diag_pack_rows(p, row);
    rank_files(row, n, v, tmp);
    for (size_t i = 0; i < n; i++)
        v[i] = (struct item){key_of(row[i]), row[i]};
    sort(v, tmp, n, cmp_cell);
    if (!unique(p, a, v, &n)) return false;
    sort(v, tmp, n, cmp_final);
    for (size_t i = 0; i < n; i++)
        row[i] = v[i].row;
    diag_pack_set_order(p, row, n);
    return true;
}

bool sm_diags_sort(struct sm_diags *d, size_t *ret_n) {
    if (d->failed) return false;
    if (!d->final || d->nseen != d->n) {
        struct sm_diags_pack *p = packed(d);
        struct item *v = sm_alloc(d->n * 2, sizeof *v);
        bool ok = p && v && order(p, &d->arena, v, v + d->n, d->n);
        sm_free(v);
        if (!ok) return false;
        d->final = p;
        d->nseen = d->n;
    }
    (void)diag_pack_order(d->final, ret_n);
    return true;
}

void sm_diags_get(const struct sm_diags *d, size_t i, struct sm_diags_walk *w) {
    size_t n;
    diag_row_get(diag_pack_order(d->final, &n)[i], w);
}

uint16_t sm_diags_code(const struct sm_diags *d, size_t i, enum sm_sev *ret_sev) {
    size_t n;
    const struct sm_diag *f = &diag_pack_order(d->final, &n)[i]->shape->d;
    *ret_sev = (enum sm_sev)f->sev;
    return f->code;
}

void sm_diags_tally(const struct sm_diags *d, uint64_t (*ret_by)[SM_SEV_COUNT]) {
    size_t n;
    struct diag_row *const *row = diag_pack_order(d->final, &n);
    const struct sm_diag_info *info = NULL;
    memset(ret_by, 0, sm_diag_count() * sizeof *ret_by);
    for (size_t i = 0; i < n; i++) {
        const struct sm_diag *f = &row[i]->shape->d;
        if (!info || info->code != f->code) info = sm_diag_info(f->code);
        if (info) ret_by[info - sm_diag_at(0)][f->sev]++;
    }
}
