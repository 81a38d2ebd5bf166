/* SPDX-License-Identifier: MIT */
#include "sdtmill/sheaf.h"

#include "sheaf_priv.h"
#include "sdtmill/err.h"
#include "sdtmill/hash.h"
#include "sdtmill/mem.h"

enum { AHEAD = 12 }; /* records asked for before they are needed */

struct span { /* of a column in all packs of a kind */
    uint64_t least, most;
    uint8_t shift;
    bool any;
};
struct sm_binder {
    uint32_t npack, nkind, ncol;
    struct sheaf_source *source; /* [npack] */
    struct sheaf_move *move;     /* of all packs, one after the other */
    size_t nmove, cap_move;
    struct sm_pack **kind; /* [nkind] heads: no records */
    size_t cap_kind;
    bool *plain; /* [makers][ncol] has some pack of the maker values there that have no codes? */
};

/* ---- kinds ----------------------------------------------------------------------------------- */

static int find_plain(struct sm_binder *b, struct sm_pack *const *pack, struct sm_err *err) {
    uint32_t most = 0;
    for (uint32_t i = 0; i < b->npack; i++)
        most = pack[i]->maker > most ? pack[i]->maker : most;
    b->plain = sm_alloc((size_t)most + 1, (size_t)b->ncol + 1);
    if (!b->plain) return sm_fail(err, SM_ENOMEM, "out of memory");
    for (uint32_t i = 0; i < b->npack; i++)
        for (uint32_t c = 0; c < b->ncol; c++)
            if (!pack[i]->field[c].coded && pack[i]->field[c].width)
                b->plain[(size_t)pack[i]->maker * b->ncol + c] = true;
    return SM_OK;
}

/* Are there codes in the column, as far as there are values? */
static bool is_coded(const struct sm_binder *b, const struct sm_pack *k, uint32_t c) {
    const struct sm_pack_field *f = &k->field[c];
    const bool missing = !f->leader && !f->width && !f->base;
    return f->coded && !(missing && b->plain[(size_t)k->maker * b->ncol + c]);
}

static bool is_of_kind(const struct sm_binder *b, const struct sm_pack *k,
                       const struct sm_pack *kind) {
    if (k->maker != kind->maker) return false;
    for (uint32_t c = 0; c < k->ncol; c++)
        if (is_coded(b, k, c) != kind->field[c].coded || k->field[c].leader != kind->field[c].leader)
            return false;
    return true;
}

static uint64_t hash_of_kind(const struct sm_binder *b, const struct sm_pack *k) {
    uint64_t h = k->maker;
    for (uint32_t c = 0; c < k->ncol; c++)
        h = (h ^ (uint64_t)(k->field[c].leader << 1 | is_coded(b, k, c))) *
            UINT64_C(0x9E3779B97F4A7C15);
    return h ^ h >> 32;
}

/* A head for pack k and its like, whose fields are to be made. */
static int kind_new(struct sm_binder *b, const struct sm_pack *k, struct sm_err *err) {
    int rc = sm_grow(&b->kind, &b->cap_kind, (size_t)b->nkind + 1, sizeof(struct sm_pack *), err);
    struct sm_pack *head = rc == SM_OK ? sm_alloc(1, sm_pack_head(b->ncol)) : NULL;
    if (!head) return rc == SM_OK ? sm_fail(err, SM_ENOMEM, "out of memory") : rc;
    memcpy(head, k, sm_pack_head(b->ncol));
    for (uint32_t c = 0; c < b->ncol; c++)
        head->field[c].coded = is_coded(b, k, c);
    b->kind[b->nkind++] = head;
    return SM_OK;
}

static int find_kinds(struct sm_binder *b, struct sm_pack *const *pack, struct sm_err *err) {
    size_t nplace = 16;
    while (nplace < (size_t)b->npack * 2)
        nplace *= 2;
    uint32_t *place = sm_alloc(nplace, sizeof *place); /* number of a kind, plus 1 */
    int rc = place ? SM_OK : sm_fail(err, SM_ENOMEM, "out of memory");
    for (uint32_t i = 0; i < b->npack && rc == SM_OK; i++) {
        size_t at = hash_of_kind(b, pack[i]) & (nplace - 1);
        while (place[at] && !is_of_kind(b, pack[i], b->kind[place[at] - 1]))
            at = (at + 1) & (nplace - 1);
        if (!place[at]) {
            rc = kind_new(b, pack[i], err);
            place[at] = b->nkind;
        }
        b->source[i] = (struct sheaf_source){
            .data = sm_pack_data(pack[i]), .stride = pack[i]->stride, .kind = place[at] - 1};
    }
    sm_free(place);
    return rc;
}

/* ---- what the fields of a kind have to hold -------------------------------------------------- */

static void join_number(struct span *s, const struct sm_pack_field *f) {
    const uint64_t reach = sm_bits_most(f->width);
    const uint64_t most = reach > UINT64_MAX - f->base ? UINT64_MAX : f->base + reach;
    s->least = s->any && s->least < f->base ? s->least : f->base;
    s->most = s->any && s->most > most ? s->most : most;
    s->any = true;
}

/* Low bits that are zero in all differences of the values: a single value says nothing of them. */
static void join_value(struct span *s, const struct sm_pack_field *f) {
    if (!f->width) return; /* nothing but missing ones */
    const uint64_t reach = sm_bits_most(f->width) - 1;
    const uint8_t shift = f->width == 1 ? 63 : f->shift;
    uint64_t most = f->base;
    if (f->width > SM_PACK_BITS_MOST || reach > (UINT64_MAX - f->base) >> f->shift)
        most = UINT64_MAX;
    else
        most += reach << f->shift;
    if (!s->any) {
        *s = (struct span){f->base, most, shift, true};
        return;
    }
    const uint64_t differ = s->least ^ f->base;
    const uint8_t apart = (uint8_t)(differ ? __builtin_ctzll(differ) : 63);
    s->shift = shift < s->shift ? shift : s->shift;
    s->shift = apart < s->shift ? apart : s->shift;
    s->least = s->least < f->base ? s->least : f->base;
    s->most = s->most > most ? s->most : most;
}

static void field_of_span(struct sm_pack_field *f, struct span s, bool number) {
    *f = (struct sm_pack_field){.base = s.least, .coded = f->coded, .leader = f->leader};
    if (number) {
        f->width = sm_bits_of(s.most - s.least);
    } else if (s.any) {
        f->shift = s.most > s.least ? s.shift : 0;
        f->width = sm_bits_of(((s.most - s.least) >> f->shift) + 1);
    }
}

static void join_pack(struct span *span, const struct sm_pack *k, const struct sm_pack *kind) {
    for (uint32_t c = 0; c < k->ncol + 2; c++) {
        if (c < k->ncol && !kind->field[c].coded)
            join_value(&span[c], &k->field[c]);
        else
            join_number(&span[c], &k->field[c]);
    }
}

static void head_make(struct sm_pack *head, const struct span *span) {
    struct sm_pack_field *f = head->field;
    const uint32_t n = head->ncol + 2;
    for (uint32_t c = 0; c < n; c++)
        field_of_span(&f[c], span[c], c >= head->ncol || f[c].coded);
    head->stride = rec_place_fields(f, n);
}

static int make_heads(struct sm_binder *b, struct sm_pack *const *pack, struct sm_err *err) {
    const size_t wide = b->ncol + 2;
    struct span *span = sm_alloc(b->nkind, wide * sizeof *span);
    if (!span) return sm_fail(err, SM_ENOMEM, "out of memory");
    for (uint32_t i = 0; i < b->npack; i++)
        join_pack(span + b->source[i].kind * wide, pack[i], b->kind[b->source[i].kind]);
    for (uint32_t i = 0; i < b->nkind; i++)
        head_make(b->kind[i], span + i * wide);
    sm_free(span);
    return SM_OK;
}

/* ---- how the records of a pack become those of its kind -------------------------------------- */

static int make_moves(struct sm_binder *b, struct sm_pack *const *pack, struct sm_err *err) {
    size_t at = 0;
    int rc = SM_OK;
    for (uint32_t i = 0; i < b->npack && rc == SM_OK; i++) {
        struct sheaf_source *s = &b->source[i];
        rc = sm_grow(&b->move, &b->cap_move, b->nmove + b->ncol + 2, sizeof *b->move, err);
        if (rc != SM_OK) break;
        s->nmove = sheaf_moves(pack[i]->field, b->kind[s->kind]->field, b->ncol, b->move + b->nmove);
        b->nmove += s->nmove;
    }
    for (uint32_t i = 0; i < b->npack && rc == SM_OK; at += b->source[i++].nmove)
        b->source[i].move = b->move + at;
    return rc;
}

/* ---- the binder ------------------------------------------------------------------------------ */

int sm_binder_open(struct sm_binder **ret, struct sm_pack *const *pack, uint32_t npack,
                   struct sm_err *err) {
    struct sm_binder *b = sm_alloc(1, sizeof *b);
    if (!b) return sm_fail(err, SM_ENOMEM, "out of memory");
    b->npack = npack;
    b->ncol = npack ? pack[0]->ncol : 0;
    b->source = sm_alloc(npack, sizeof *b->source);
    int rc = b->source ? SM_OK : sm_fail(err, SM_ENOMEM, "out of memory");
    if (rc == SM_OK) rc = find_plain(b, pack, err);
    if (rc == SM_OK) rc = find_kinds(b, pack, err);
    if (rc == SM_OK) rc = make_heads(b, pack, err);
    if (rc == SM_OK) rc = make_moves(b, pack, err);
    if (rc == SM_OK)
        *ret = b;
    else
        sm_binder_close(b);
    return rc;
}

void sm_binder_close(struct sm_binder *b) {
    if (!b) return;
    for (uint32_t i = 0; i < b->nkind; i++)
        sm_free(b->kind[i]);
    sm_free(b->kind);
    sm_free(b->plain);
    sm_free(b->source);
    sm_free(b->move);
    sm_free(b);
}

/* ---- sheaves --------------------------------------------------------------------------------- */

int sheaf_new(struct sm_sheaf **ret, uint32_t nrow, uint32_t nkind, uint32_t ncol, uint32_t stride,
              struct sm_err *err) {
    const size_t head = sm_pack_head(ncol);
    const size_t bytes = sizeof **ret + head * nkind + (nkind > 1 ? nrow : 0) +
                         (size_t)nrow * stride + 8; /* eight bytes can be read of any record */
    struct sm_sheaf *s = NULL;
    int rc = sm_resize(&s, 1, bytes, err);
    if (rc != SM_OK) return rc;
    *s = (struct sm_sheaf){
        .bytes = bytes, .nrow = nrow, .nkind = nkind, .stride = stride, .head = (uint32_t)head};
    memset((uint8_t *)s + bytes - 8, 0, 8);
    *ret = s;
    return SM_OK;
}

void sheaf_set_head(struct sm_sheaf *s, uint32_t kind, const struct sm_pack *of) {
    uint8_t *at = (uint8_t *)s->data + (size_t)kind * s->head;
    struct sm_pack head = *of;
    head.nrow = 0;
    head.stride = s->stride;
    head.bytes = s->head;
    memcpy(at, of, s->head);
    memcpy(at, &head, sizeof head);
}

/* Asks for a record, and for how it moves. */
static SM_INLINE void ask(const struct sm_binder *b, uint32_t number) {
    const struct sheaf_source *s = &b->source[sm_pack_of(number)];
    const uint8_t *record = s->data + (size_t)sm_pack_place(number) * s->stride;
    __builtin_prefetch(record);
    __builtin_prefetch(record + s->stride);
    for (size_t i = 0; i < s->nmove; i += 2)
        __builtin_prefetch(&s->move[i]);
}

static void bind_records(const struct sm_binder *b, const uint16_t *local, const uint32_t *number,
                         struct sm_sheaf *s) {
    uint8_t *kind = s->nkind > 1 ? sheaf_behind_heads(s) : NULL;
    uint8_t *to = sheaf_behind_heads(s) + (kind ? s->nrow : 0);
    const size_t words = (s->stride + 7) / 8;
    for (uint32_t i = 0; i < s->nrow; i++, to += s->stride) {
        if (i + AHEAD < s->nrow) ask(b, number[i + AHEAD]);
        const struct sheaf_source *from = &b->source[sm_pack_of(number[i])];
        if (kind) kind[i] = (uint8_t)(local[from->kind] - 1);
        sheaf_move_record(from, sm_pack_place(number[i]), to, to + words * 8);
    }
}

static int bind_wide(const struct sm_binder *b, const uint32_t *number, uint32_t n,
                     struct sm_sheaf **ret, struct sm_err *err) {
    uint32_t used[SM_SHEAF_KINDS], nkind = 0, stride = 0, nrow = 0;
    uint16_t *local = sm_alloc(b->nkind, sizeof *local); /* number in the sheaf, plus 1 */
    if (!local) return sm_fail(err, SM_ENOMEM, "out of memory");
    for (; nrow < n; nrow++) {
        const uint32_t kind = b->source[sm_pack_of(number[nrow])].kind;
        if (local[kind]) continue;
        if (nkind == SM_SHEAF_KINDS) break;
        used[nkind++] = kind;
        local[kind] = (uint16_t)nkind;
        stride = b->kind[kind]->stride > stride ? b->kind[kind]->stride : stride;
    }
    int rc = sheaf_new(ret, nrow, nkind, b->ncol, stride, err);
    if (rc == SM_OK) {
        for (uint32_t i = 0; i < nkind; i++)
            sheaf_set_head(*ret, i, b->kind[used[i]]);
        bind_records(b, local, number, *ret);
    }
    sm_free(local);
    return rc;
}

int sm_binder_bind(const struct sm_binder *b, const uint32_t *number, uint32_t n,
                   struct sm_sheaf **ret, uint32_t *ret_n, struct sm_err *err) {
    struct sm_sheaf *s = NULL;
    int rc = bind_wide(b, number, n, &s, err);
    if (rc == SM_OK) rc = sheaf_fit(&s, err);
    if (rc != SM_OK) {
        sm_free(s);
        return rc;
    }
    *ret = s;
    *ret_n = s->nrow;
    return SM_OK;
}

/* ---- whole ones, and what is done with them -------------------------------------------------- */

int sm_sheaf_of_pack(struct sm_sheaf **ret, const struct sm_pack *k, struct sm_err *err) {
    int rc = sheaf_new(ret, k->nrow, 1, k->ncol, k->stride, err);
    if (rc != SM_OK) return rc;
    sheaf_set_head(*ret, 0, k);
    memcpy(sheaf_behind_heads(*ret), sm_pack_data(k), (size_t)k->nrow * k->stride);
    return SM_OK;
}

static uint64_t seal_of(const struct sm_sheaf *s) {
    return sm_hash(&s->seal + 1, (size_t)s->bytes - sizeof s->seal);
}

void sm_sheaf_seal(struct sm_sheaf *s) {
    s->seal = seal_of(s);
}

bool sm_sheaf_sound(const struct sm_sheaf *s, uint64_t n) {
    return n >= sizeof *s && s->bytes >= sizeof *s && s->bytes <= n && s->seal == seal_of(s);
}

void sm_sheaf_view(struct sm_unpack *u, const struct sm_packer *p, const struct sm_sheaf *s,
                   uint32_t kind) {
    sm_unpack_set(u, p, sm_sheaf_head(s, kind));
    u->data = sm_sheaf_records(s);
}
