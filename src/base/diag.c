/* SPDX-License-Identifier: MIT */
#include "sdtmill/diag.h"

#include "sdtmill/mem.h"

static const struct sm_diag_info diag_table[] = {
#define SM_DIAG(num, name, sev, kind, title, mend) {num, sev, #name, kind, title, mend},
#include "sdtmill/diag_codes.def"
#undef SM_DIAG
};

const struct sm_diag_info *sm_diag_info(unsigned code) {
    size_t lo = 0, hi = SM_ARRAY_LEN(diag_table);
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (diag_table[mid].code == code) return &diag_table[mid];
        if (diag_table[mid].code < code)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

size_t sm_diag_count(void) {
    return SM_ARRAY_LEN(diag_table);
}

const struct sm_diag_info *sm_diag_at(size_t i) {
    return i < SM_ARRAY_LEN(diag_table) ? &diag_table[i] : NULL;
}

void sm_diags_init(struct sm_diags *d) {
    sm_arena_init(&d->arena);
    d->first = NULL;
    d->last = &d->first;
    d->n = 0;
    d->failed = false;
    d->final = NULL;
    d->nfinal = d->nseen = 0;
}

/* Every text of a finding. Neighbours mostly share them, so an equal one is kept once. */
static const size_t diag_texts[] = {
    offsetof(struct sm_diag, file),     offsetof(struct sm_diag, column),
    offsetof(struct sm_diag, value),    offsetof(struct sm_diag, domain),
    offsetof(struct sm_diag, variable), offsetof(struct sm_diag, subject),
    offsetof(struct sm_diag, map_file), offsetof(struct sm_diag, detail),
    offsetof(struct sm_diag, mend),
};

static const struct sm_str *diag_text(const struct sm_diag *d, size_t offset) {
    return (const struct sm_str *)(const void *)((const char *)d + offset);
}

static bool diag_copy(struct sm_arena *a, struct sm_diag *to, const struct sm_diag *in,
                      const struct sm_diag *before) {
    *to = *in;
    to->next = NULL;
    for (size_t i = 0; i < SM_ARRAY_LEN(diag_texts); i++) {
        const struct sm_str *from = diag_text(in, diag_texts[i]);
        const struct sm_str *old = before ? diag_text(before, diag_texts[i]) : NULL;
        struct sm_str copy;
        if (old && sm_str_eq(*old, *from))
            copy = *old;
        else
            copy = sm_arena_dup(a, *from);
        if (from->p && copy.p == NULL) return false;
        memcpy((char *)to + diag_texts[i], &copy, sizeof copy);
    }
    return true;
}

void sm_diags_add(struct sm_diags *d, const struct sm_diag *in, int sev) {
    if (d->failed) return;
    if (d->first == NULL) d->last = &d->first;
    struct sm_diag *before = NULL;
    if (d->first) {
        char *next = (char *)d->last;
        before = (struct sm_diag *)(void *)(next - offsetof(struct sm_diag, next));
    }
    struct sm_diag *f = sm_arena_alloc(&d->arena, sizeof *f);
    if (f == NULL || !diag_copy(&d->arena, f, in, before)) {
        d->failed = true;
        return;
    }
    const struct sm_diag_info *info = sm_diag_info(in->code);
    if (sev >= 0)
        f->sev = (uint8_t)sev;
    else if (info)
        f->sev = (uint8_t)info->sev;
    *d->last = f;
    d->last = &f->next;
    d->n++;
}

void sm_diags_move(struct sm_diags *to, struct sm_diags *from) {
    for (const struct sm_diag *f = from->first; f; f = f->next)
        sm_diags_add(to, f, f->sev);
    if (from->failed) to->failed = true;
    sm_diags_clear(from);
}

void sm_diags_clear(struct sm_diags *d) {
    struct sm_arena arena = d->arena;
    sm_arena_reset(&arena);
    sm_diags_init(d);
    d->arena = arena;
}

void sm_diags_free(struct sm_diags *d) {
    sm_arena_free(&d->arena);
    sm_diags_init(d);
}

/* Texts are mostly shared, and then lie at the same place. */
static int diag_cmp_str(const struct sm_str *a, const struct sm_str *b) {
    return a->p == b->p && a->n == b->n ? 0 : sm_str_cmp(*a, *b);
}

static int diag_cmp_u64(uint64_t a, uint64_t b) {
    return (a > b) - (a < b);
}

/* Which cell (or row, or file) a finding is about, and what about it. */
static int diag_cmp_place(const struct sm_diag *a, const struct sm_diag *b) {
    int c = diag_cmp_str(&a->file, &b->file);
    if (c == 0) c = diag_cmp_u64(a->line, b->line);
    if (c == 0) c = diag_cmp_u64(a->field, b->field);
    if (c == 0) c = diag_cmp_u64(a->code, b->code);
    return c;
}

/* The rest of a finding; 0 only when nothing that is shown differs but severity and effect. */
static int diag_cmp_rest(const struct sm_diag *a, const struct sm_diag *b) {
    static const size_t order[] = {
        offsetof(struct sm_diag, domain),   offsetof(struct sm_diag, variable),
        offsetof(struct sm_diag, value),    offsetof(struct sm_diag, subject),
        offsetof(struct sm_diag, column),   offsetof(struct sm_diag, detail),
        offsetof(struct sm_diag, map_file), offsetof(struct sm_diag, mend),
    };
    for (size_t i = 0; i < SM_ARRAY_LEN(order); i++) {
        int c = diag_cmp_str(diag_text(a, order[i]), diag_text(b, order[i]));
        if (c) return c;
    }
    int c = diag_cmp_u64(a->map_line, b->map_line);
    return c ? c : diag_cmp_u64(a->map_column, b->map_column);
}

static int diag_cmp_final(const struct sm_diag *a, const struct sm_diag *b) {
    int c = diag_cmp_place(a, b);
    return c ? c : diag_cmp_rest(a, b);
}

/* Brings findings of one cell together even when their domains lie apart in the final order. */
static int diag_cmp_cell(const struct sm_diag *a, const struct sm_diag *b) {
    int c = diag_cmp_place(a, b);
    if (c == 0) c = sm_str_cmp(a->value, b->value);
    return c ? c : diag_cmp_rest(a, b);
}

static bool diag_same(const struct sm_diag *a, const struct sm_diag *b) {
    if (diag_cmp_place(a, b) != 0 || sm_str_cmp(a->value, b->value) != 0) return false;
    return a->field != 0 || diag_cmp_rest(a, b) == 0;
}

typedef int diag_order(const struct sm_diag *a, const struct sm_diag *b);

/* Stable, bottom up; tmp holds n pointers too. */
static void diag_sort(struct sm_diag **v, struct sm_diag **tmp, size_t n, diag_order *cmp) {
    struct sm_diag **from = v, **to = tmp;
    for (size_t width = 1; width < n; width *= 2) {
        for (size_t lo = 0; lo < n; lo += 2 * width) {
            size_t mid = lo + width < n ? lo + width : n;
            size_t hi = mid + width < n ? mid + width : n;
            size_t i = lo, j = mid;
            if (mid >= hi || cmp(from[mid - 1], from[mid]) <= 0) { /* in order as they are */
                memcpy(to + lo, from + lo, (hi - lo) * sizeof *to);
                continue;
            }
            for (size_t k = lo; k < hi; k++) {
                bool left = i < mid && (j >= hi || cmp(from[i], from[j]) <= 0);
                to[k] = left ? from[i++] : from[j++];
            }
        }
        struct sm_diag **t = from;
        from = to;
        to = t;
    }
    if (from != v) memcpy(v, from, n * sizeof *v);
}

/* Keeps the first of equal neighbours, with the worst severity and effect of all. */
static size_t diag_unique(struct sm_diag **v, size_t n) {
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (kept == 0 || !diag_same(v[kept - 1], v[i])) {
            v[kept++] = v[i];
            continue;
        }
        struct sm_diag *f = v[kept - 1];
        if (v[i]->sev > f->sev) f->sev = v[i]->sev;
        if (v[i]->effect > f->effect) f->effect = v[i]->effect;
    }
    return kept;
}

const struct sm_diag **sm_diags_final(struct sm_diags *d, size_t *ret_n) {
    if (d->final && d->nseen == d->n && !d->failed) {
        *ret_n = d->nfinal;
        return d->final;
    }
    const struct sm_diag **ret = sm_arena_array(&d->arena, d->n + 1, sizeof *ret);
    struct sm_diag **v = sm_alloc(d->n * 2, sizeof *v);
    if (ret == NULL || v == NULL || d->failed) {
        sm_free(v);
        return NULL;
    }
    size_t n = 0;
    for (struct sm_diag *f = d->first; f; f = f->next)
        v[n++] = f;
    diag_sort(v, v + d->n, n, diag_cmp_cell);
    n = diag_unique(v, n);
    diag_sort(v, v + d->n, n, diag_cmp_final);
    for (size_t i = 0; i < n; i++)
        ret[i] = v[i];
    ret[n] = NULL;
    sm_free(v);
    d->final = ret;
    d->nseen = d->n;
    *ret_n = d->nfinal = n;
    return ret;
}

const char *sm_sev_name(enum sm_sev s) {
    static const char *const names[] = {"note", "warning", "error"};
    return (size_t)s < SM_ARRAY_LEN(names) ? names[s] : "";
}

const char *sm_effect_name(enum sm_effect e) {
    static const char *const names[] = {"", "kept", "value-blank", "row-dropped"};
    return (size_t)e < SM_ARRAY_LEN(names) ? names[e] : "";
}
