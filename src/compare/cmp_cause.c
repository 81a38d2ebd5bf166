/* SPDX-License-Identifier: MIT */
/* cmp_cause.c - groups differing cells by what explains many of them. While the cells stream by, one
 * bucket per variable, kind of difference and site keeps ranges; at the end a range that is (nearly) a
 * point is a shift or a factor, and buckets of different sites that say the same become one. */
#include "cmp_priv.h"
#include "sdtmill/hash.h"
#include "sdtmill/num.h"

static const struct { const char *name, *text; } causes[SM_CAUSE_COUNT] = {
    [SM_CAUSE_RECORD] = {"record", "record"},
    [SM_CAUSE_OTHER] = {"other", "another value"},
    [SM_CAUSE_LOST] = {"value-lost", "value lost"},
    [SM_CAUSE_GAINED] = {"value-gained", "value gained"},
    [SM_CAUSE_CASE] = {"case", "upper and lower case only"},
    [SM_CAUSE_BLANKS] = {"blanks", "blanks only"},
    [SM_CAUSE_CUT] = {"cut", "text cut off at its end"},
    [SM_CAUSE_TIME_LOST] = {"time-lost", "time part lost"},
    [SM_CAUSE_TIME_GAINED] = {"time-gained", "time part gained"},
    [SM_CAUSE_DATE_LESS] = {"date-less", "date less precise"},
    [SM_CAUSE_DATE_MORE] = {"date-more", "date more precise"},
    [SM_CAUSE_DATE_SHIFT] = {"date-shift", "another day"},
    [SM_CAUSE_ROUNDED] = {"rounded", "rounded to another number of decimals"},
    [SM_CAUSE_LAST_DIGIT] = {"last-digit", "last binary digits only (--relative 1e-13 makes them equal)"},
    [SM_CAUSE_NUMBER] = {"number", "another number"},
};
const char *sm_cmp_cause_name(enum sm_cmp_cause c) { return causes[c].name; }
const char *sm_cmp_kind_name(enum sm_cmp_kind k) {
    static const char *const name[] = {"base-only", "new-only", "value", "key"};
    return name[k];
}

static sm_val cell(const sm_val *row, uint32_t column) { return !row || column == SM_CMP_NONE ? SM_MISSING : row[column]; }

/* ---- sites ------------------------------------------------------------------------------------------- */
static void note_site(struct cmp *c, const sm_val *row) {
    if (c->o->site == SM_CMP_NONE) return;
    sm_val v = row[c->o->site];
    if (c->nsite && sm_val_eq(c->t, c->site[c->last_site].site, v)) {
        c->site[c->last_site].rows++;
        return;
    }
    for (size_t at = sm_val_hash(c->t, v) & (CMP_SITES - 1);; at = (at + 1) & (CMP_SITES - 1)) {
        struct cmp_site *s = &c->site[at];
        if (s->rows == 0) {
            if (c->nsite >= CMP_SITES / 2) return;
            c->nsite++;
            s->site = v;
        } else if (!sm_val_eq(c->t, s->site, v)) {
            continue;
        }
        s->rows++;
        c->last_site = at;
        return;
    }
}

void cmp_note_row(struct cmp *c, const sm_val *row) {
    sm_val subject = cell(row, c->o->subject), test = cell(row, c->o->test);
    if (c->r->paired == 0) c->subject = subject, c->test = test;
    c->subjects = c->subjects || !sm_val_eq(c->t, c->subject, subject);
    c->tests = c->tests || !sm_val_eq(c->t, c->test, test);
    note_site(c, row);
}

static uint64_t site_rows(const struct cmp *c, sm_val v) {
    for (size_t i = 0; i < CMP_SITES; i++)
        if (c->site[i].rows && sm_val_eq(c->t, c->site[i].site, v)) return c->site[i].rows;
    return 0;
}

/* ---- buckets ------------------------------------------------------------------------------------------ */
static struct cmp_bucket *bucket_find(struct cmp *c, const struct sm_cmp_diff *d, sm_val site) {
    uint64_t key[4] = {(uint64_t)d->kind, (uint64_t)d->cause, d->column, sm_val_hash(c->t, site)};
    size_t at = sm_hash(key, sizeof key) & (CMP_BUCKETS - 1);
    for (;; at = (at + 1) & (CMP_BUCKETS - 1)) {
        struct cmp_bucket *b = &c->bucket[at];
        if (!b->used) {
            if (c->nbucket >= CMP_BUCKETS * 3 / 4) return NULL;
            *b = (struct cmp_bucket){.used = true, .kind = d->kind, .cause = d->cause, .column = d->column, .site = site, .serial = c->nbucket++};
            return b;
        }
        if (b->kind == d->kind && b->cause == d->cause && b->column == d->column && sm_val_eq(c->t, b->site, site)) return b;
    }
}

static void span_add(struct cmp_span *s, double v, bool first) {
    if (first || v < s->low) s->low = v;
    if (first || v > s->high) s->high = v;
}

static void bucket_numbers(struct cmp *c, struct cmp_bucket *b, sm_val x, sm_val y) {
    double p, q;
    bool first = b->n == 0;
    b->numbers = (first || b->numbers) && sm_val_to_num(c->t, x, &p) && sm_val_to_num(c->t, y, &q);
    if (!b->numbers) return;
    double gap = q > p ? q - p : p - q;
    if (gap > c->r->most[b->column]) c->r->most[b->column] = gap;
    span_add(&b->delta, q - p, first);
    span_add(&b->value, p, first);
    b->ratios = (first || b->ratios) && (p < 0 || p > 0) && (q < 0 || q > 0);
    if (b->ratios) span_add(&b->ratio, q / p, first);
}

static void bucket_dates(struct cmp *c, struct cmp_bucket *b, sm_val x, sm_val y) {
    struct sm_dtc p, q;
    int32_t m, n;
    bool first = b->n == 0;
    b->dates = (first || b->dates) && sm_val_to_dtc(c->t, x, &p) && sm_val_to_dtc(c->t, y, &q) && sm_dtc_day(&p, &m) && sm_dtc_day(&q, &n);
    if (b->dates) span_add(&b->days, (double)n - (double)m, first);
}

/* At most n bytes, whole characters. */
static size_t cut(struct sm_str s, size_t n) {
    if (s.n <= n) return s.n;
    while (n > 0 && ((unsigned char)s.p[n] & 0xC0) == 0x80) n--;
    return n;
}

static struct sm_str keep_text(struct cmp *c, sm_val v) {
    struct sm_valbuf buf;
    struct sm_str s = sm_val_text(c->t, v, &buf);
    return sm_arena_printf(&c->r->arena, "%.*s", (int)cut(s, 120), s.p);
}

static struct sm_str where_text(struct cmp *c, const struct sm_cmp_diff *d) {
    struct sm_buf b;
    struct sm_valbuf buf;
    const sm_val *row = d->base ? d->base : d->now;
    sm_buf_init(&b, 0);
    for (uint32_t i = 0; i < c->o->nkey; i++) {
        struct sm_str s = sm_val_text(c->t, row[c->o->key[i]], &buf), name = c->o->var[c->o->key[i]].name;
        if (!s.n || sm_str_eq_c(name, "STUDYID") || sm_str_eq_c(name, "DOMAIN")) continue;
        if (b.n) sm_buf_add_byte(&b, ' ');
        sm_buf_add_str(&b, name);
        sm_buf_add_byte(&b, '=');
        sm_buf_add(&b, s.p, cut(s, 60));
    }
    sm_buf_add_c(&b, b.n ? ", record " : "record ");
    if (d->base_record) sm_buf_add_u64(&b, d->base_record);
    if (d->base_record && d->new_record) sm_buf_add_c(&b, " and ");
    if (d->new_record) sm_buf_add_u64(&b, d->new_record);
    struct sm_str s = sm_arena_dup(&c->r->arena, sm_buf_str(&b));
    sm_buf_free(&b);
    return s;
}

int cmp_note(struct cmp *c, const struct sm_cmp_diff *d, struct sm_err *err) {
    const sm_val *row = d->base ? d->base : d->now;
    sm_val subject = cell(row, c->o->subject), test = cell(row, c->o->test);
    sm_val x = d->base && d->column != SM_CMP_NONE ? d->base[d->column] : SM_MISSING, y = d->now && d->column != SM_CMP_NONE ? d->now[d->column] : SM_MISSING;
    struct cmp_bucket *b = bucket_find(c, d, cell(row, c->o->site));
    if (!b) b = bucket_find(c, d, SM_MISSING);
    if (!b) return SM_OK; /* the counts by variable stay true */
    if (b->n == 0) {
        b->subject = subject, b->test = test, b->base = x, b->now = y;
        b->one_subject = b->one_test = b->one_pair = true;
        b->base_text = keep_text(c, x);
        b->now_text = keep_text(c, y);
        b->where = where_text(c, d);
        if (!b->base_text.p || !b->now_text.p || !b->where.p) return sm_fail(err, SM_ENOMEM, "out of memory");
    }
    b->one_subject = b->one_subject && sm_val_eq(c->t, b->subject, subject);
    b->one_test = b->one_test && sm_val_eq(c->t, b->test, test);
    b->one_pair = b->one_pair && sm_val_eq(c->t, b->base, x) && sm_val_eq(c->t, b->now, y);
    if (d->cause == SM_CAUSE_NUMBER || d->cause == SM_CAUSE_ROUNDED) bucket_numbers(c, b, x, y);
    if (d->cause == SM_CAUSE_DATE_SHIFT) bucket_dates(c, b, x, y);
    b->n++;
    return SM_OK;
}

/* ---- at the end ---------------------------------------------------------------------------------------- */
static double size_of(double d) { return d < 0 ? -d : d; }

enum finding { FOUND_NONE, FOUND_SHIFT, FOUND_FACTOR, FOUND_DAYS };

/* A shift is exact; a factor may be blurred by rounding. One value throughout shows neither. */
static enum finding bucket_find_rule(const struct cmp_bucket *b) {
    if (b->n < 2) return FOUND_NONE;
    if (b->dates && b->days.high - b->days.low < 0.5) return FOUND_DAYS;
    if (!b->numbers || b->value.high - b->value.low <= 0) return FOUND_NONE;
    double delta = size_of(b->delta.low) > size_of(b->delta.high) ? size_of(b->delta.low) : size_of(b->delta.high);
    if (b->delta.high - b->delta.low <= 1e-9 * (delta + size_of(b->value.high))) return FOUND_SHIFT;
    double ratio = size_of(b->ratio.low) > size_of(b->ratio.high) ? size_of(b->ratio.low) : size_of(b->ratio.high);
    if (b->ratios && b->ratio.high - b->ratio.low <= 0.02 * ratio) return FOUND_FACTOR;
    return FOUND_NONE;
}

static void span_join(struct cmp_span *a, struct cmp_span b) {
    if (b.low < a->low) a->low = b.low;
    if (b.high > a->high) a->high = b.high;
}

static void bucket_join(const struct cmp *c, struct cmp_bucket *a, const struct cmp_bucket *b) {
    a->one_subject = a->one_subject && b->one_subject && sm_val_eq(c->t, a->subject, b->subject);
    a->one_test = a->one_test && b->one_test && sm_val_eq(c->t, a->test, b->test);
    a->one_pair = a->one_pair && b->one_pair && sm_val_eq(c->t, a->base, b->base) && sm_val_eq(c->t, a->now, b->now);
    a->numbers = a->numbers && b->numbers;
    a->ratios = a->ratios && b->ratios;
    a->dates = a->dates && b->dates;
    span_join(&a->delta, b->delta);
    span_join(&a->ratio, b->ratio);
    span_join(&a->value, b->value);
    span_join(&a->days, b->days);
    a->n += b->n;
}

static bool same_kind(const struct cmp_bucket *a, const struct cmp_bucket *b) {
    return a->kind == b->kind && a->cause == b->cause && a->column == b->column;
}

static void add_number(struct sm_buf *b, double low, double high) {
    char out[400];
    double mid = low + (high - low) / 2;
    if (high - low > 0) { /* four digits are enough for a blurred one */
        sm_buf_printf(b, "%.4g", mid);
        return;
    }
    sm_buf_add(b, out, sm_num_format(mid, out));
}

static void add_place(struct cmp *c, struct sm_buf *b, const struct cmp_bucket *k, size_t nsites) {
    struct sm_valbuf buf;
    const struct sm_cmp_opts *o = c->o;
    if (k->n < 2) return;
    if (nsites == 1 && c->nsite > 1 && k->site) {
        struct sm_str s = sm_val_text(c->t, k->site, &buf);
        uint64_t of = site_rows(c, k->site);
        sm_buf_printf(b, ", all at site %.*s", SM_STR_FMT(s));
        if (k->kind == SM_CMP_VALUE) sm_buf_printf(b, " (%" PRIu64 " of %" PRIu64 " records there)", k->n, of);
    }
    if (c->subjects && k->one_subject && k->subject) {
        struct sm_str s = sm_val_text(c->t, k->subject, &buf);
        sm_buf_printf(b, ", all of subject %.*s", SM_STR_FMT(s));
    }
    if (c->tests && k->one_test && k->test) {
        struct sm_str s = sm_val_text(c->t, k->test, &buf), name = o->var[o->test].name;
        sm_buf_printf(b, ", all with %.*s=%.*s", SM_STR_FMT(name), SM_STR_FMT(s));
    }
}

static void add_what(struct sm_buf *b, const struct cmp_bucket *k) {
    enum finding rule = bucket_find_rule(k);
    if (k->kind == SM_CMP_BASE_ONLY || k->kind == SM_CMP_NEW_ONLY) {
        sm_buf_add_c(b, k->kind == SM_CMP_BASE_ONLY ? "record is in base only" : "record is in new only");
        return;
    }
    sm_buf_add_c(b, k->kind == SM_CMP_KEY ? "key changed: " : "");
    sm_buf_add_c(b, causes[k->cause].text);
    if (rule == FOUND_FACTOR) {
        sm_buf_add_c(b, k->ratio.high - k->ratio.low > 0 ? ": about a factor of " : ": a factor of ");
        add_number(b, k->ratio.low, k->ratio.high);
    } else if (rule == FOUND_SHIFT) {
        sm_buf_add_c(b, ": shifted by ");
        sm_buf_printf(b, "%.10g", k->delta.low + (k->delta.high - k->delta.low) / 2);
    } else if (rule == FOUND_DAYS) {
        sm_buf_printf(b, ": shifted by %.0f days", k->days.low);
    } else if (k->one_pair && k->n > 1) {
        sm_buf_add_c(b, ": the same two values throughout");
    }
}

static int group_add(struct cmp *c, const struct cmp_bucket *k, size_t nsites, struct sm_err *err) {
    struct sm_cmp_group *g = &c->r->group[c->r->ngroup++];
    struct sm_buf b;
    sm_buf_init(&b, 0);
    add_what(&b, k);
    if (nsites > 1 && bucket_find_rule(k) != FOUND_NONE) sm_buf_printf(&b, ", at %zu sites", nsites);
    add_place(c, &b, k, nsites);
    *g = (struct sm_cmp_group){k->kind, k->cause, k->column, k->n, sm_arena_dup(&c->r->arena, sm_buf_str(&b)), k->base_text, k->now_text, k->where};
    sm_buf_free(&b);
    return g->what.p ? SM_OK : sm_fail(err, SM_ENOMEM, "out of memory");
}

/* Buckets that follow the same rule become one. */
static int groups_ruled(struct cmp *c, struct cmp_bucket *const *at, size_t n, struct sm_err *err) {
    bool *done = sm_alloc(n, sizeof *done);
    int rc = done ? SM_OK : sm_fail(err, SM_ENOMEM, "out of memory");
    for (size_t i = 0; i < n && !rc; i++) {
        enum finding rule = bucket_find_rule(at[i]);
        struct cmp_bucket sum = *at[i];
        size_t sites = 1;
        if (rule == FOUND_NONE || done[i]) continue;
        for (size_t k = i + 1; k < n; k++) {
            struct cmp_bucket more = sum;
            if (done[k] || bucket_find_rule(at[k]) != rule) continue;
            bucket_join(c, &more, at[k]);
            if (bucket_find_rule(&more) != rule) continue;
            sum = more;
            done[k] = true;
            sites++;
        }
        rc = group_add(c, &sum, sites, err);
    }
    sm_free(done);
    return rc;
}

/* One group for all sites, unless single sites follow a rule and all together do not. */
static int groups_of(struct cmp *c, struct cmp_bucket *const *at, size_t n, struct sm_err *err) {
    struct cmp_bucket all = *at[0], rest = *at[0];
    size_t ruled = 0, unruled = 0;
    for (size_t i = 1; i < n; i++) bucket_join(c, &all, at[i]);
    for (size_t i = 0; i < n; i++) ruled += bucket_find_rule(at[i]) != FOUND_NONE;
    if (n == 1 || ruled == 0 || bucket_find_rule(&all) != FOUND_NONE) return group_add(c, &all, n, err);
    for (size_t i = 0; i < n; i++) {
        if (bucket_find_rule(at[i]) != FOUND_NONE) continue;
        if (unruled++ == 0) rest = *at[i];
        else bucket_join(c, &rest, at[i]);
    }
    int rc = groups_ruled(c, at, n, err);
    return rc || !unruled ? rc : group_add(c, &rest, unruled, err);
}

static bool group_before(const struct sm_cmp_group *a, const struct sm_cmp_group *b) {
    if (a->n != b->n) return a->n > b->n;
    if (a->column != b->column) return a->column + 1 < b->column + 1; /* records first */
    if (a->kind != b->kind) return a->kind < b->kind;
    return a->cause < b->cause;
}

static void groups_sort(struct sm_cmp_group *g, size_t n) { /* stable; few */
    for (size_t i = 1; i < n; i++) {
        struct sm_cmp_group x = g[i];
        size_t k = i;
        for (; k > 0 && group_before(&x, &g[k - 1]); k--) g[k] = g[k - 1];
        g[k] = x;
    }
}

int cmp_causes(struct cmp *c, struct sm_err *err) {
    struct cmp_bucket **order = sm_alloc(c->nbucket, sizeof *order), **same = sm_alloc(c->nbucket, sizeof *same);
    int rc = order && same ? SM_OK : sm_fail(err, SM_ENOMEM, "out of memory");
    c->r->group = sm_arena_array(&c->r->arena, c->nbucket + 1, sizeof *c->r->group);
    if (!rc && !c->r->group) rc = sm_fail(err, SM_ENOMEM, "out of memory");
    for (size_t i = 0; !rc && i < CMP_BUCKETS; i++)
        if (c->bucket[i].used) order[c->bucket[i].serial] = &c->bucket[i];
    for (size_t i = 0; !rc && i < c->nbucket; i++) {
        size_t n = 0;
        if (!order[i]) continue;
        const struct cmp_bucket *first = order[i];
        for (size_t k = i; k < c->nbucket; k++) {
            if (!order[k] || !same_kind(first, order[k])) continue;
            same[n++] = order[k];
            order[k] = NULL;
        }
        rc = groups_of(c, same, n, err);
    }
    if (!rc) groups_sort(c->r->group, c->r->ngroup);
    sm_free(order);
    sm_free(same);
    return rc;
}
