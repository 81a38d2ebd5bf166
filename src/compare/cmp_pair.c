/* SPDX-License-Identifier: MIT */
/* cmp_pair.c - which record belongs to which, where keys do not tell: the assignment with the fewest
 * differing cells, ties by place. Equal records first; then the exact optimum (Hungarian method) for
 * what is left of small groups, best pairs first for middling ones, order of place for huge ones. */
#include "cmp_priv.h"

enum { EXACT_SIDE = 160, BEST_CELLS = 4000000 };

struct todo { size_t *a, *b; size_t na, nb; };   /* rows without a partner */

static int64_t cost(const struct cmp *c, const struct cmp_rows *a, const struct cmp_rows *b, size_t i, size_t k) {
    size_t apart = i > k ? i - k : k - i;
    return (int64_t)cmp_distance(c, cmp_row(a, i), cmp_row(b, k), UINT32_MAX - 1) * 65536 + (int64_t)(apart > 65535 ? 65535 : apart);
}

/* Rows that are the same in every cell, in order: found by the first free one at or behind the last. */
static void pair_equal(const struct cmp *c, const struct cmp_rows *a, const struct cmp_rows *b, size_t *partner, bool *taken) {
    bool small = a->n <= BEST_CELLS / (b->n ? b->n : 1);
    size_t from = 0;
    for (size_t i = 0; i < a->n; i++) {
        size_t tries = small ? b->n : 64, k = from < b->n ? from : 0;
        for (; tries > 0 && b->n > 0; tries--, k = k + 1 < b->n ? k + 1 : 0) {
            if (taken[k] || cmp_distance(c, cmp_row(a, i), cmp_row(b, k), 0) > 0) continue;
            partner[i] = k;
            taken[k] = true;
            from = k + 1;
            break;
        }
    }
}

/* Hungarian method with potentials; w has n rows and m >= n columns, 1-based inside. */
static int assign(const int64_t *w, size_t n, size_t m, size_t *ret_col, struct sm_err *err) {
    int64_t *u = sm_alloc(n + 1, sizeof *u), *v = sm_alloc(m + 1, sizeof *v), *low = sm_alloc(m + 1, sizeof *low);
    size_t *p = sm_alloc(m + 1, sizeof *p), *way = sm_alloc(m + 1, sizeof *way);
    bool *used = sm_alloc(m + 1, sizeof *used), good = u && v && low && p && way && used;
    for (size_t i = 1; good && i <= n; i++) {
        size_t at = 0;
        p[0] = i;
        for (size_t k = 0; k <= m; k++) low[k] = INT64_MAX, used[k] = false;
        do {
            size_t row = p[at], next = 0;
            int64_t delta = INT64_MAX;
            used[at] = true;
            for (size_t k = 1; k <= m; k++) {
                if (used[k]) continue;
                int64_t now = w[(row - 1) * m + k - 1] - u[row] - v[k];
                if (now < low[k]) low[k] = now, way[k] = at;
                if (low[k] < delta) delta = low[k], next = k;
            }
            for (size_t k = 0; k <= m; k++) {
                if (used[k]) u[p[k]] += delta, v[k] -= delta;
                else low[k] -= delta;
            }
            at = next;
        } while (p[at] != 0);
        do {
            size_t before = way[at];
            p[at] = p[before];
            at = before;
        } while (at);
    }
    for (size_t k = 1; good && k <= m; k++)
        if (p[k]) ret_col[p[k] - 1] = k - 1;
    sm_free(u), sm_free(v), sm_free(low), sm_free(p), sm_free(way), sm_free(used);
    return good ? SM_OK : sm_fail(err, SM_ENOMEM, "out of memory");
}

static int pair_exact(const struct cmp *c, const struct cmp_rows *a, const struct cmp_rows *b, const struct todo *d, size_t *partner,
                      struct sm_err *err) {
    bool turn = d->na > d->nb;
    size_t n = turn ? d->nb : d->na, m = turn ? d->na : d->nb;
    int64_t *w = sm_alloc(n * m, sizeof *w);
    size_t *col = sm_alloc(n, sizeof *col);
    int rc = w && col ? SM_OK : sm_fail(err, SM_ENOMEM, "out of memory");
    for (size_t i = 0; !rc && i < n; i++)
        for (size_t k = 0; k < m; k++) w[i * m + k] = turn ? cost(c, a, b, d->a[k], d->b[i]) : cost(c, a, b, d->a[i], d->b[k]);
    if (!rc) rc = assign(w, n, m, col, err);
    for (size_t i = 0; !rc && i < n; i++) {
        if (turn) partner[d->a[col[i]]] = d->b[i];
        else partner[d->a[i]] = d->b[col[i]];
    }
    sm_free(w);
    sm_free(col);
    return rc;
}

static uint64_t apart(sm_pos a, sm_pos b) {
    uint64_t x = sm_pos_line(a), y = sm_pos_line(b);
    return x > y ? x - y : y - x;
}

/* Pairs with 1, 2, 3 ... differing cells in turn, the nearest row numbers first. */
static void pair_best(const struct cmp *c, const struct cmp_rows *a, const struct cmp_rows *b, const struct todo *d, uint32_t most,
                      size_t *partner, bool *taken) {
    for (uint32_t limit = 1; limit <= most; limit++) {
        for (size_t i = 0; i < d->na; i++) {
            size_t x = d->a[i], best = SIZE_MAX;
            if (partner[x] != SIZE_MAX) continue;
            for (size_t k = 0; k < d->nb; k++) {
                size_t y = d->b[k];
                bool nearer = !taken[y] && (best == SIZE_MAX || apart(a->pos[x], b->pos[y]) < apart(a->pos[x], b->pos[best]));
                if (nearer && cmp_distance(c, cmp_row(a, x), cmp_row(b, y), limit) <= limit) best = y;
            }
            partner[x] = best;
            if (best != SIZE_MAX) taken[best] = true;
        }
    }
}

static void pair_in_order(const struct todo *d, size_t *partner, const bool *taken) {
    size_t k = 0;
    for (size_t i = 0; i < d->na; i++) {
        if (partner[d->a[i]] != SIZE_MAX) continue;
        while (k < d->nb && taken[d->b[k]]) k++;
        if (k < d->nb) partner[d->a[i]] = d->b[k++];
    }
}

static int todo_make(struct todo *d, const struct cmp_rows *a, const struct cmp_rows *b, const size_t *partner, const bool *taken,
                     struct sm_err *err) {
    *d = (struct todo){sm_alloc(a->n, sizeof *d->a), sm_alloc(b->n, sizeof *d->b), 0, 0};
    if (!d->a || !d->b) return sm_fail(err, SM_ENOMEM, "out of memory");
    for (size_t i = 0; i < a->n; i++)
        if (partner[i] == SIZE_MAX) d->a[d->na++] = i;
    for (size_t k = 0; k < b->n; k++)
        if (!taken[k]) d->b[d->nb++] = k;
    return SM_OK;
}

static void todo_free(struct todo *d) {
    sm_free(d->a);
    sm_free(d->b);
}

int cmp_pair(const struct cmp *c, const struct cmp_rows *a, const struct cmp_rows *b, size_t *partner, struct sm_err *err) {
    for (size_t i = 0; i < a->n; i++) partner[i] = SIZE_MAX;
    if (a->n == 1 && b->n == 1) {
        partner[0] = 0;
        return SM_OK;
    }
    bool *taken = sm_alloc(b->n, sizeof *taken);
    struct todo d = {0};
    if (!taken) return sm_fail(err, SM_ENOMEM, "out of memory");
    pair_equal(c, a, b, partner, taken);
    int rc = todo_make(&d, a, b, partner, taken, err);
    if (!rc && d.na && d.nb) {
        if (d.na <= EXACT_SIDE && d.nb <= EXACT_SIDE) {
            rc = pair_exact(c, a, b, &d, partner, err);
        } else {
            if (d.na <= BEST_CELLS / d.nb) pair_best(c, a, b, &d, 3, partner, taken);
            pair_in_order(&d, partner, taken);
        }
    }
    todo_free(&d);
    sm_free(taken);
    return rc;
}

int cmp_pair_left(const struct cmp *c, const struct cmp_rows *a, const struct cmp_rows *b, size_t *partner, struct sm_err *err) {
    bool *taken = sm_alloc(b->n, sizeof *taken);
    struct todo d = {0};
    uint32_t compared = 0;
    for (uint32_t i = 0; i < c->o->nvar; i++) compared += !c->o->var[i].silent;
    for (size_t i = 0; i < a->n; i++) partner[i] = SIZE_MAX;
    if (!taken) return sm_fail(err, SM_ENOMEM, "out of memory");
    int rc = todo_make(&d, a, b, partner, taken, err);
    if (!rc && d.na && d.nb && compared >= 3) pair_best(c, a, b, &d, compared / 6 > 1 ? compared / 6 : 1, partner, taken);
    todo_free(&d);
    sm_free(taken);
    return rc;
}
