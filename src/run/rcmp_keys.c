/* SPDX-License-Identifier: MIT */
/* rcmp_keys.c - which variables pair the records: those that the user names, else the standard's, else the
 * fewest that are unique on both sides. */
#include "rcmp_priv.h"
#include "sdtmill/hash.h"

enum { MAX_CANDIDATES = 14, SEARCH_COST = 1000000000 };

bool rcmp_is_seq(struct sm_str name) { return name.n == 5 && sm_str_ends(name, SM_STR("SEQ")); }

static uint32_t column(const struct rcmp_pair *p, struct sm_str name) {
    for (uint32_t i = 0; i < p->cmp.nvar; i++)
        if (!p->var[i].silent && sm_str_eq_nocase(p->var[i].name, name)) return i;
    return SM_CMP_NONE;
}

/* ---- a list of keys ------------------------------------------------------------------------------------- */
static int keys_set(struct rcmp_pair *p, const uint32_t *key, uint32_t n, const char *by, struct sm_err *err) {
    uint32_t *k = sm_arena_array(&p->run->arena, n + 1, sizeof *k);
    bool *num = sm_arena_array(&p->run->arena, n + 1, sizeof *num);
    struct sm_buf b;
    if (!k || !num) return sm_fail(err, SM_ENOMEM, "out of memory");
    sm_buf_init(&b, 0);
    for (uint32_t i = 0; i < n; i++) {
        k[i] = key[i];
        num[i] = p->var[key[i]].is_num;
        if (i) sm_buf_add_byte(&b, ' ');
        sm_buf_add_str(&b, p->var[key[i]].name);
    }
    p->cmp.key = k;
    p->cmp.key_num = num;
    p->cmp.nkey = n;
    p->ds->keys = n ? sm_arena_dup(&p->run->arena, sm_buf_str(&b)) : SM_STR("");
    p->ds->keys_by = sm_str(by);
    sm_buf_free(&b);
    return p->ds->keys.p ? SM_OK : sm_fail(err, SM_ENOMEM, "out of memory");
}

static void key_add(uint32_t *key, uint32_t *n, uint32_t cap, uint32_t col) {
    for (uint32_t i = 0; i < *n; i++)
        if (key[i] == col) return;
    if (col != SM_CMP_NONE && *n < cap) key[(*n)++] = col;
}

static int keys_by_user(struct rcmp_pair *p, bool *ret, struct sm_err *err) {
    const struct sm_compare_opts *o = p->run->o;
    for (int pass = 0; pass < 2 && !*ret; pass++) { /* those of this dataset first */
        for (size_t i = 0; i < o->nkeys; i++) {
            struct sm_str list = sm_str(o->keys[i]), item;
            size_t eq = sm_str_find_byte(list, '=', 0);
            uint32_t key[64], n = 0;
            if ((eq != SIZE_MAX) != (pass == 0)) continue;
            if (pass == 0 && !sm_str_eq_nocase(sm_str_n(list.p, eq), p->ds->name)) continue;
            if (pass == 0) list = sm_str_n(list.p + eq + 1, list.n - eq - 1);
            while (sm_str_split(&list, ',', &item)) {
                uint32_t col = column(p, sm_str_trim(item));
                if (col == SM_CMP_NONE && pass == 0)
                    return sm_fail(err, SM_EUSAGE, "--keys: %.*s is not compared in %.*s", SM_STR_FMT(item), SM_STR_FMT(p->ds->name));
                key_add(key, &n, SM_ARRAY_LEN(key), col);
            }
            if (n == 0) continue;
            *ret = true;
            return keys_set(p, key, n, "--keys", err);
        }
    }
    return SM_OK;
}

static struct sm_str keys_of_standard(const struct rcmp_pair *p) {
    struct sm_str name = p->ds->name;
    if (sm_str_starts(name, SM_STR("SUPP"))) return SM_STR("STUDYID RDOMAIN USUBJID IDVAR IDVARVAL QNAM");
    const struct sm_model *m = p->run->o->model;
    const struct sm_model_ds *ds = m ? sm_model_find(m, name) : NULL;
    if (m && !ds && name.n > 2) ds = sm_model_find(m, sm_str_n(name.p, 2)); /* a split: LBCH */
    return ds ? ds->keys : (struct sm_str){NULL, 0};
}

static int keys_by_standard(struct rcmp_pair *p, bool *ret, struct sm_err *err) {
    struct sm_str list = keys_of_standard(p), word;
    uint32_t key[64], n = 0;
    bool telling = false;
    while (list.p && sm_str_word(&list, &word)) {
        uint32_t before = n;
        key_add(key, &n, SM_ARRAY_LEN(key), column(p, word));
        telling = telling || (n > before && !sm_str_eq_c(word, "STUDYID") && !sm_str_eq_c(word, "DOMAIN"));
    }
    *ret = telling;
    return telling ? keys_set(p, key, n, "the standard", err) : SM_OK;
}

/* ---- the fewest unique ones ------------------------------------------------------------------------------- */
struct hashes { uint64_t *v; size_t n, cap; };   /* [n][ncand] */

static uint32_t candidates(const struct rcmp_pair *p, uint32_t cand[MAX_CANDIDATES]) {
    static const char *const whole[] = {"USUBJID", "SUBJID", "RDOMAIN", "IDVAR", "IDVARVAL", "QNAM", "RELID", "ARMCD", "ETCD", "TSPARMCD", "VISITNUM", "TAETORD"};
    static const char *const tail[] = {"TESTCD", "TRT", "TERM", "SEQ", "STDTC", "DTC", "TPTNUM", "SPID", "REFID", "CAT", "LOC", "EVALID"};
    uint32_t n = 0;
    for (size_t i = 0; i < SM_ARRAY_LEN(whole); i++) key_add(cand, &n, MAX_CANDIDATES, column(p, sm_str(whole[i])));
    for (size_t i = 0; i < SM_ARRAY_LEN(tail); i++)
        for (uint32_t k = 0; k < p->cmp.nvar; k++) {
            struct sm_str s = p->var[k].name;
            if (!p->var[k].silent && s.n > 2 && sm_str_eq_c(sm_str_n(s.p + 2, s.n - 2), tail[i])) key_add(cand, &n, MAX_CANDIDATES, k);
        }
    return n;
}

static int hashes_read(struct rcmp_pair *p, struct rcmp_side *s, const uint32_t *cand, uint32_t n, struct hashes *h, bool *ret_fits, struct sm_err *err) {
    uint64_t most = (p->run->o->memory ? p->run->o->memory : (uint64_t)256 << 20) / 4 / (n * sizeof(uint64_t));
    struct sm_blocks in = sm_loader_blocks(s->l);
    struct sm_block b;
    int rc = SM_OK;
    while (!rc && !(rc = in.next(in.ctx, &b, err))) {
        sm_recs_clear(&s->recs);
        rc = rcmp_side_take(p, s, &b, err);
        if (!rc) rc = sm_grow(&h->v, &h->cap, (h->n + b.nrow) * n, sizeof *h->v, err);
        if (rc) return rc;
        for (uint32_t i = 0; i < b.nrow; i++)
            for (uint32_t k = 0; k < n; k++) h->v[(h->n + i) * n + k] = sm_val_hash(p->texts, s->recs.col[cand[k]][i]);
        h->n += b.nrow;
        if (h->n > most) {
            *ret_fits = false;
            break;
        }
    }
    return rc == SM_EOF ? SM_OK : rc;
}

/* Is the set (bits of mask) unique in h? table has room for `size` (a power of two, above twice h->n). */
static bool unique(const struct hashes *h, uint32_t n, uint32_t mask, uint64_t *table, size_t size) {
    memset(table, 0, size * sizeof *table);
    for (size_t i = 0; i < h->n; i++) {
        uint64_t part[MAX_CANDIDATES], x;
        uint32_t m = 0;
        for (uint32_t k = 0; k < n; k++)
            if (mask >> k & 1) part[m++] = h->v[i * n + k];
        x = sm_hash(part, m * sizeof *part) | 1;
        for (size_t at = (size_t)(x >> 1) & (size - 1);; at = (at + 1) & (size - 1)) {
            if (table[at] == x) return false;
            if (table[at]) continue;
            table[at] = x;
            break;
        }
    }
    return true;
}

static uint32_t bits(uint32_t x) { return (uint32_t)__builtin_popcount(x); }

/* Unique on both sides? Takes what that costs from the budget. */
static bool both(const struct hashes h[2], uint32_t n, uint32_t mask, uint64_t *table, size_t size, uint64_t *budget) {
    uint64_t cost = 2 * size + h[0].n + h[1].n;
    *budget = *budget > cost ? *budget - cost : 0;
    return unique(&h[0], n, mask, table, size) && unique(&h[1], n, mask, table, size);
}

/* Smallest set by number of variables, then by order of the candidates. When trying them all would take
 * too long, candidates are left out from the last to the first while the rest is unique. All if none is. */
static uint32_t smallest(const struct hashes h[2], uint32_t n, uint64_t *table, size_t size) {
    uint32_t all = (1u << n) - 1, kept = all;
    uint64_t budget = SEARCH_COST;
    if (!both(h, n, all, table, size, &budget)) return all;
    for (uint32_t want = 1; want < n; want++)
        for (uint32_t mask = 1; mask < all && budget > 0; mask++)
            if (bits(mask) == want && both(h, n, mask, table, size, &budget)) return mask;
    if (budget > 0) return all;
    for (uint32_t k = n; k-- > 0;)
        if (both(h, n, kept & ~(1u << k), table, size, &budget)) kept &= ~(1u << k);
    return kept;
}

static int keys_by_search(struct rcmp_pair *p, struct sm_err *err) {
    uint32_t cand[MAX_CANDIDATES], key[MAX_CANDIDATES] = {0}, n = candidates(p, cand), k = 0;
    struct hashes h[2] = {{0}};
    bool fits = true;
    int rc = SM_OK;
    if (n == 0) return keys_set(p, key, 0, "", err);
    for (int i = 0; !rc && fits && i < 2; i++) {
        rc = hashes_read(p, &p->side[i], cand, n, &h[i], &fits, err);
        sm_recs_clear(&p->side[i].recs);
    }
    size_t most = h[0].n > h[1].n ? h[0].n : h[1].n, size = 16;
    while (size < most * 2 + 2) size *= 2;
    uint64_t *table = rc ? NULL : sm_alloc(size, sizeof *table);
    if (!rc && !table) rc = sm_fail(err, SM_ENOMEM, "out of memory");
    uint32_t mask = (1u << n) - 1;
    if (!rc && fits) mask = smallest(h, n, table, size);
    for (uint32_t i = 0; i < n; i++)
        if (mask >> i & 1) key[k++] = cand[i];
    sm_free(table);
    sm_free(h[0].v);
    sm_free(h[1].v);
    if (!rc) rc = keys_set(p, key, k, fits ? "search: the fewest that are unique on both sides" : "name: too many records to look for fewer", err);
    for (int i = 0; !rc && i < 2; i++) rc = rcmp_side_open(p, &p->side[i], err); /* read again from the start */
    return rc;
}

int rcmp_keys(struct rcmp_pair *p, struct sm_err *err) {
    bool found = false;
    int rc = keys_by_user(p, &found, err);
    if (!rc && !found) rc = keys_by_standard(p, &found, err);
    return rc || found ? rc : keys_by_search(p, err);
}
