/* SPDX-License-Identifier: MIT */
/* dsvalues.c - facts by value: distinct values of coded variables, widths per test or qualifier. */
#include "rec_priv.h"
#include "sdtmill/arena.h"
#include "sdtmill/dsinfo.h"
#include "sdtmill/err.h"

static uint64_t mix(sm_val v) {
    return v * UINT64_C(0x9E3779B97F4A7C15);
}

static bool set_grow(struct sm_dsset *s, struct sm_arena *a) {
    uint32_t n = s->nslot ? s->nslot * 2 : 16;
    uint32_t *slot = sm_arena_array(a, n, sizeof *slot);
    sm_val *value = sm_arena_array(a, n / 2, sizeof *value);
    if (!slot || !value) return false;
    for (uint32_t i = 0; i < s->n; i++) {
        uint32_t at = (uint32_t)(mix(s->value[i]) >> 32) & (n - 1);
        while (slot[at])
            at = (at + 1) & (n - 1);
        slot[at] = i + 1;
        value[i] = s->value[i];
    }
    s->slot = slot;
    s->nslot = n;
    s->value = value;
    return true;
}

/* Index of v, which is added unless the set is full; UINT32_MAX if it is not there then. */
static uint32_t set_add(struct sm_dsvalues *w, struct sm_dsset *s, sm_val v) {
    if (s->n * 2 >= s->nslot && s->n < s->max && !set_grow(s, w->arena)) w->failed = true;
    if (w->failed || s->nslot == 0) return UINT32_MAX;
    uint32_t at = (uint32_t)(mix(v) >> 32) & (s->nslot - 1);
    for (; s->slot[at]; at = (at + 1) & (s->nslot - 1))
        if (s->value[s->slot[at] - 1] == v) return s->slot[at] - 1;
    if (s->n >= s->max) {
        s->over = true;
        return UINT32_MAX;
    }
    s->value[s->n] = v;
    s->slot[at] = ++s->n;
    return s->n - 1;
}

static uint32_t find_var(const struct sm_dsinfo *d, struct sm_str stem, const char *suffix) {
    for (uint32_t i = 0; i < d->nvar; i++) {
        struct sm_str name = d->var[i].name;
        if (name.n == stem.n + strlen(suffix) && sm_str_starts(name, stem) &&
            sm_str_ends(name, sm_str(suffix)))
            return i;
    }
    return UINT32_MAX;
}

/* Which variable tells the records apart, and which ones depend on it. */
static void find_split(const struct sm_dsinfo *d, struct sm_dsvalues *w) {
    static const struct {
        const char *by, *label, *split[SM_DSSPLIT_MAX];
    } kind[] = {{"TESTCD", "TEST", {"ORRES", "ORRESU", "STRESC", "STRESN", "STRESU"}},
                {"PARMCD", "PARM", {"VAL"}},
                {"QNAM", "QLABEL", {"QVAL"}}};
    for (uint32_t i = 0; i < d->nvar; i++)
        for (size_t k = 0; k < SM_ARRAY_LEN(kind); k++) {
            struct sm_str name = d->var[i].name, by = sm_str(kind[k].by);
            if (!sm_str_ends(name, by) || (k == 2) != d->is_supp) continue;
            struct sm_str stem = sm_str_n(name.p, name.n - by.n);
            w->by = i;
            w->label = find_var(d, stem, kind[k].label);
            for (size_t s = 0; s < SM_DSSPLIT_MAX && kind[k].split[s]; s++) {
                uint32_t v = find_var(d, stem, kind[k].split[s]);
                if (v != UINT32_MAX) w->split[w->nsplit++] = v;
            }
            return;
        }
}

int sm_dsinfo_by_value(struct sm_dsinfo *d, struct sm_arena *a, struct sm_err *err) {
    struct sm_dsvalues *w = sm_arena_alloc(a, sizeof *w);
    if (!w || !(w->set = sm_arena_array(a, d->nvar ? d->nvar : 1, sizeof *w->set)) ||
        !(w->slice = sm_arena_array(a, SM_DSSLICE_MAX, sizeof(struct sm_dsslice *))))
        return sm_fail(err, SM_ENOMEM, "out of memory");
    w->arena = a;
    w->by = w->label = UINT32_MAX;
    w->groups.max = SM_DSSLICE_MAX;
    find_split(d, w);
    for (uint32_t i = 0; i < d->nvar; i++)
        if (d->var[i].coded && !d->var[i].is_dtc) w->set[i].max = SM_DSSET_MAX;
    d->values = w;
    return SM_OK;
}

static struct sm_dsslice *slice_of(struct sm_dsinfo *d, sm_val by, sm_val label) {
    struct sm_dsvalues *w = d->values;
    uint32_t had = w->groups.n, at = set_add(w, &w->groups, by);
    if (at == UINT32_MAX || at < had) return at == UINT32_MAX ? NULL : w->slice[at];
    struct sm_dsslice *s = sm_arena_alloc(w->arena, sizeof *s);
    if (!s) {
        w->failed = true;
        return NULL;
    }
    s->value = by;
    s->label = label;
    for (uint32_t k = 0; k < w->nsplit; k++) {
        const struct sm_dsvar *v = &d->var[w->split[k]];
        s->var[k] = (struct sm_dsvar){.name = v->name,
                                      .label = v->label,
                                      .is_num = v->is_num,
                                      .source = v->source,
                                      .all_integer = true,
                                      .all_ascii = true,
                                      .all_number = true};
        if (d->is_supp || v->coded || sm_str_ends(v->name, SM_STR("ORRESU")) ||
            sm_str_ends(v->name, SM_STR("STRESU")))
            s->set[k].max = SM_DSSLICE_SET_MAX;
    }
    return w->slice[at] = s;
}

static void slice_fold(struct sm_dsinfo *d, const struct sm_texts *t, struct sm_dsslice *s,
                       const sm_val *row) {
    struct sm_dsvalues *w = d->values;
    for (uint32_t k = 0; k < w->nsplit; k++) {
        sm_val v = row[d->column[w->split[k]]];
        if (v == SM_MISSING) continue;
        s->var[k].present = true;
        sm_val *seen = &s->seen[k][mix(v) >> 59];
        if (*seen == v) continue;
        *seen = v;
        rec_fold_value(&s->var[k], t, v, true);
        if (s->set[k].max) (void)set_add(w, &s->set[k], v);
    }
}

void rec_fold_by_value(struct sm_dsinfo *d, const struct sm_texts *t, const struct sm_block *b) {
    struct sm_dsvalues *w = d->values;
    for (uint32_t i = 0; i < d->nvar; i++) {
        sm_val last = SM_MISSING;
        if (!w->set[i].max) continue;
        for (uint32_t r = 0; r < b->nrow && !w->set[i].over; r++) {
            sm_val v = b->cell[(size_t)r * b->ncol + d->column[i]];
            if (v == SM_MISSING || v == last) continue;
            last = v;
            (void)set_add(w, &w->set[i], v);
        }
    }
    struct sm_dsslice *slice = NULL;
    for (uint32_t r = 0; w->nsplit && r < b->nrow; r++) {
        const sm_val *row = b->cell + (size_t)r * b->ncol;
        sm_val by = row[d->column[w->by]];
        if (by == SM_MISSING) continue;
        if (!slice || slice->value != by)
            slice = slice_of(d, by, w->label == UINT32_MAX ? SM_MISSING : row[d->column[w->label]]);
        if (slice) slice_fold(d, t, slice, row);
    }
}
