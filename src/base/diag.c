/* SPDX-License-Identifier: MIT */
#include "diag_priv.h"

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
    *d = (struct sm_diags){.n = 0};
    sm_arena_init(&d->arena);
    d->last = &d->first;
}

/* Neighbours mostly share texts, so an equal one is kept once. */
static bool diag_copy(struct sm_arena *a, struct sm_diag *to, const struct sm_diag *in,
                      const struct sm_diag *before) {
    *to = *in;
    to->next = NULL;
    for (size_t i = 0; i < DIAG_TEXTS; i++) {
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

static bool diag_link(struct sm_diags *d, const struct sm_diag *in, uint8_t sev) {
    if (d->first == NULL) d->last = &d->first;
    struct sm_diag *before = NULL;
    if (d->first) {
        char *next = (char *)d->last;
        before = (struct sm_diag *)(void *)(next - offsetof(struct sm_diag, next));
    }
    struct sm_diag *f = sm_arena_alloc(&d->arena, sizeof *f);
    if (f == NULL || !diag_copy(&d->arena, f, in, before)) return false;
    f->sev = sev;
    *d->last = f;
    d->last = &f->next;
    return true;
}

/* Packs what is linked into memory of its own and lets the links go. */
static bool diag_unlink(struct sm_diags *d) {
    struct sm_arena arena;
    sm_arena_init(&arena);
    struct sm_diags_pack *pack = diag_pack_new(&arena);
    bool ok = pack != NULL;
    for (const struct sm_diag *f = d->first; f && ok; f = f->next)
        ok = diag_pack_add(pack, &arena, f);
    if (!ok) {
        sm_arena_free(&arena);
        return false;
    }
    sm_arena_free(&d->arena);
    d->arena = arena;
    d->pack = pack;
    d->first = NULL;
    d->last = &d->first;
    d->final = NULL;
    d->nseen = 0;
    return true;
}

void sm_diags_add(struct sm_diags *d, const struct sm_diag *in, int sev) {
    if (d->failed) return;
    const struct sm_diag_info *info = sm_diag_info(in->code);
    struct sm_diag f = *in;
    if (sev >= 0)
        f.sev = (uint8_t)sev;
    else if (info)
        f.sev = (uint8_t)info->sev;
    bool ok = d->pack || d->n < SM_DIAGS_LINKED || diag_unlink(d);
    if (ok) ok = d->pack ? diag_pack_add(d->pack, &d->arena, &f) : diag_link(d, &f, f.sev);
    d->failed = !ok;
    if (f.sev > d->worst) d->worst = f.sev;
    d->n += ok;
}

bool sm_diags_next(const struct sm_diags *d, struct sm_diags_walk *w) {
    if (d->pack) return diag_pack_next(d->pack, w);
    const struct sm_diag *was = w->at, *now = was ? was->next : d->first;
    if (!now) return false;
    w->at = now;
    w->diag = *now;
    return true;
}

void sm_diags_move(struct sm_diags *to, struct sm_diags *from) {
    struct sm_diags_walk w = {.i = 0};
    while (sm_diags_next(from, &w))
        sm_diags_add(to, &w.diag, w.diag.sev);
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

const char *sm_sev_name(enum sm_sev s) {
    static const char *const names[] = {"note", "warning", "error"};
    return (size_t)s < SM_ARRAY_LEN(names) ? names[s] : "";
}

const char *sm_effect_name(enum sm_effect e) {
    static const char *const names[] = {"", "kept", "value-blank", "row-dropped"};
    return (size_t)e < SM_ARRAY_LEN(names) ? names[e] : "";
}
