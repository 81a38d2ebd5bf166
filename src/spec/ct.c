/* SPDX-License-Identifier: MIT */
#include "ct_priv.h"

#include "sdtmill/err.h"
#include "sdtmill/hash.h"
#include "sdtmill/mem.h"

int sm_ct_open(struct sm_ct **ret, struct sm_arena *a, struct sm_err *err) {
    struct sm_ct *ct = sm_alloc(1, sizeof *ct);
    if (!ct) return sm_fail(err, SM_ENOMEM, "out of memory");
    ct->arena = a;
    *ret = ct;
    return SM_OK;
}

void sm_ct_close(struct sm_ct *ct) {
    if (!ct) return;
    for (size_t i = 0; i < ct->ntext; i++)
        sm_free(ct->text[i]);
    sm_free(ct->text);
    sm_free(ct->list);
    sm_free(ct->name);
    sm_free(ct->want);
    sm_free(ct);
}

size_t sm_ct_count(const struct sm_ct *ct) {
    return ct->nlist;
}
struct sm_str sm_ct_version(const struct sm_ct *ct) {
    return ct->version;
}

struct ct_list *ct_list_new(struct sm_ct *ct, struct sm_err *err) {
    struct ct_list *l = sm_arena_alloc(ct->arena, sizeof *l);
    if (!l) {
        sm_fail(err, SM_ENOMEM, "out of memory");
        return NULL;
    }
    l->last = &l->lines;
    return ct_list_put(ct, l, err) == SM_OK ? l : NULL;
}

int ct_list_put(struct sm_ct *ct, struct ct_list *l, struct sm_err *err) {
    int rc = sm_grow(&ct->list, &ct->listcap, ct->nlist + 1, sizeof(struct ct_list *), err);
    if (rc == SM_OK) ct->list[ct->nlist++] = l;
    return rc;
}

static struct sm_str name_of(const struct ct_name *n) {
    return n->is_code ? n->list->list.code : n->list->list.name;
}

static struct ct_name *name_place(const struct sm_ct *ct, struct sm_str s, uint64_t hash) {
    size_t at = hash & (ct->namecap - 1);
    for (; ct->name[at].list; at = (at + 1) & (ct->namecap - 1))
        if (ct->name[at].hash == hash && sm_str_eq(name_of(&ct->name[at]), s)) break;
    return &ct->name[at];
}

static int names_grow(struct sm_ct *ct, struct sm_err *err) {
    size_t cap = ct->namecap ? ct->namecap * 2 : 64;
    struct ct_name *was = ct->name, *now = sm_alloc(cap, sizeof *now);
    size_t n = ct->namecap;
    if (!now) return sm_fail(err, SM_ENOMEM, "out of memory");
    ct->name = now;
    ct->namecap = cap;
    for (size_t i = 0; i < n; i++)
        if (was[i].list) *name_place(ct, name_of(&was[i]), was[i].hash) = was[i];
    sm_free(was);
    return SM_OK;
}

static int name_add(struct sm_ct *ct, struct sm_str s, struct ct_list *l, bool is_code,
                    struct sm_err *err) {
    if (s.n == 0) return SM_OK;
    if (ct->nname + 1 > ct->namecap / 2) {
        int rc = names_grow(ct, err);
        if (rc != SM_OK) return rc;
    }
    uint64_t hash = sm_hash(s.p, s.n);
    struct ct_name *place = name_place(ct, s, hash);
    if (!place->list)
        ct->nname++;
    else if (l->list.from_package || !place->list->list.from_package)
        return SM_OK;
    *place = (struct ct_name){hash, l, is_code};
    return SM_OK;
}

int ct_list_name(struct sm_ct *ct, struct ct_list *l, struct sm_err *err) {
    int rc = name_add(ct, l->list.name, l, false, err);
    return rc == SM_OK ? name_add(ct, l->list.code, l, true, err) : rc;
}

int ct_lists_drop(struct sm_ct *ct, size_t n, struct sm_err *err) {
    int rc = SM_OK;
    if (ct->namecap) memset(ct->name, 0, ct->namecap * sizeof *ct->name);
    ct->nname = 0;
    ct->nlist = n;
    for (size_t i = 0; i < n && rc == SM_OK; i++)
        rc = ct_list_name(ct, ct->list[i], err);
    return rc;
}

static uint64_t want_hash(struct sm_str name) {
    uint64_t hash = sm_hash(name.p, name.n);
    return hash ? hash : 1;
}

static size_t want_place(const uint64_t *want, size_t cap, uint64_t hash) {
    size_t at = hash & (cap - 1);
    while (want[at] && want[at] != hash)
        at = (at + 1) & (cap - 1);
    return at;
}

bool sm_ct_is_wanted(const struct sm_ct *ct, struct sm_str name) {
    if (ct->nwant == 0 || name.n == 0) return false;
    return ct->want[want_place(ct->want, ct->wantcap, want_hash(name))] != 0;
}

int sm_ct_want(struct sm_ct *ct, struct sm_str name, struct sm_err *err) {
    if (name.n == 0) return SM_OK;
    if (ct->nwant >= ct->wantcap / 2) {
        size_t cap = ct->wantcap ? ct->wantcap * 2 : 1024;
        uint64_t *now = sm_alloc(cap, sizeof *now);
        if (!now) return sm_fail(err, SM_ENOMEM, "out of memory");
        for (size_t i = 0; i < ct->wantcap; i++)
            if (ct->want[i]) now[want_place(now, cap, ct->want[i])] = ct->want[i];
        sm_free(ct->want);
        ct->want = now;
        ct->wantcap = cap;
    }
    uint64_t hash = want_hash(name);
    uint64_t *place = &ct->want[want_place(ct->want, ct->wantcap, hash)];
    ct->nwant += *place == 0;
    *place = hash;
    return SM_OK;
}

struct ct_list *ct_list_get(const struct sm_ct *ct, struct sm_str name) {
    if (ct->namecap == 0 || name.n == 0) return NULL;
    return name_place(ct, name, sm_hash(name.p, name.n))->list;
}

int sm_ct_add(struct sm_ct *ct, const struct sm_codelist *list, struct sm_err *err) {
    struct ct_list *l = ct_list_new(ct, err);
    if (!l) return SM_ENOMEM;
    l->list = *list;
    l->list.from_package = false;
    l->list.index = NULL;
    return ct_list_name(ct, l, err);
}

struct sm_str sm_ct_nearest_list(const struct sm_ct *ct, struct sm_str name) {
    struct sm_str best = {NULL, 0};
    unsigned least = 4;
    if (name.n > 64) return best;
    for (size_t i = 0; i < ct->nlist; i++) {
        unsigned d = sm_str_distance(ct->list[i]->list.name, name, 3);
        if (d >= least || ct->list[i]->list.name.n == 0) continue;
        least = d;
        best = ct->list[i]->list.name;
    }
    return best;
}
