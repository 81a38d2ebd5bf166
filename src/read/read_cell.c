/* SPDX-License-Identifier: MIT */
#include "read_priv.h"

/* read_cell.c - the cells of a record to values: what was met before is not worked out again. */

/* ---- remembered tuples and longer texts --------------------------------------------------------
 */
bool read_memo_open(struct read_memos *t, uint32_t size) {
    char *p = sm_alloc((size_t)size + 1, sizeof *t->m);
    if (!p) return false;
    size_t past = (uintptr_t)p % sizeof *t->m;
    struct read_memo *m = (struct read_memo *)(void *)(p + (past ? sizeof *t->m - past : 0));
    *t = (struct read_memos){.memory = p, .m = m, .size = size};
    return true;
}

static struct read_memo *memo_other(struct read_memos *t, struct read_memo *m) {
    return &t->m[(size_t)(m - t->m) ^ 1];
}
static bool memo_is(const struct read_memo *m, const void *who, const uint64_t key[READ_KEY]) {
    uint64_t differ = 0;
    for (size_t i = 0; i < READ_KEY; i++)
        differ |= m->key[i] ^ key[i];
    return m->who == who && differ == 0;
}

/* More places: soon where what is asked for comes again, late where it hardly does. */
static void memo_grow(struct sm_read_worker *w, struct read_memos *t) {
    const uint32_t size = t->size * (t->size < READ_MEMO_FEW ? 4 : 2);
    const uint64_t more = (uint64_t)(size - t->size) * sizeof *t->m;
    const bool again = t->looks - t->missed > t->missed / 4;
    if (!again && t->missed <= t->size * 2) return;
    t->looks = t->missed = 0;
    if (size > READ_MEMO_MOST || more > w->memo_room) return;
    struct read_memos now;
    if (!read_memo_open(&now, size)) return;
    for (uint32_t i = 0; i < t->size; i++) {
        const struct read_memo *m = &t->m[i];
        if (!m->who) continue;
        struct read_memo *to = read_memo_place(&now, m->hash);
        *(to->who ? memo_other(&now, to) : to) = *m;
    }
    sm_free(t->memory);
    *t = now;
    w->memo_room -= more;
}

uint64_t read_memo_hash(const uint64_t key[READ_KEY], size_t n) {
    uint64_t h = n * UINT64_C(0x9E3779B97F4A7C15);
    size_t words = n > (READ_KEY - 1) * sizeof *key ? READ_KEY : n / sizeof *key + 1;
    for (size_t i = 0; i < words; i++)
        h = (h ^ key[i]) * UINT64_C(0xD6E8FEB86659FD93);
    return h;
}

/* A key has two places, side by side; in the first is the latest that was not known. */
struct read_memo *read_memo_find(struct sm_read_worker *w, struct read_memos *t, const void *who,
                                 const uint64_t key[READ_KEY], uint64_t hash, bool *ret_hit) {
    struct read_memo *m = read_memo_place(t, hash), *other = memo_other(t, m);
    t->looks++;
    *ret_hit = true;
    if (memo_is(m, who, key)) return m;
    if (memo_is(other, who, key)) return other;
    *ret_hit = false;
    if (m->who && other->who && ++t->missed > t->size / 2) {
        memo_grow(w, t);
        m = read_memo_place(t, hash);
        other = memo_other(t, m);
    }
    if (m->who) *other = *m;
    m->who = NULL;
    m->hash = hash;
    memcpy(m->key, key, sizeof m->key);
    return m;
}

/* ---- one cell of a header -----------------------------------------------------------------------
 */
/* Digits with at most one decimal point between them, which stand for themselves whatever the
 * file's habits are: most numbers. */
static bool cell_is_plain_number(const struct read_cell *cell, struct sm_str s) {
    size_t points = 0;
    if (!cell->number || s.n > 18) return false;
    for (size_t i = 0; i < s.n; i++) {
        if (sm_is_digit(s.p[i])) continue;
        if (s.p[i] != '.' || cell->fc->decimal == ',' || i == 0 || i + 1 == s.n) return false;
        points++;
    }
    return points <= 1 && (s.p[0] != '0' || s.n == 1 || s.p[1] == '.');
}

static inline bool cell_is_late(const struct read_job *j, const struct read_cell *cell) {
    return j->b->late && j->b->late[cell->to];
}

/* Does the text stand in the chunk as it is? Then, in a column that is hardly read, it can wait. */
static inline bool cell_can_wait(const struct read_job *j, struct sm_str s) {
    const struct sm_chunk *c = j->c;
    uintptr_t at = (uintptr_t)s.p - (uintptr_t)c->data;
    return at < c->n && s.n <= c->n - at && s.n <= SM_LATE_MOST && c->n <= UINT32_MAX;
}

/* A text that does not is kept in the batch. False when there is no room. */
static bool cell_keep(struct read_job *j, struct sm_str s, size_t *ret_at) {
    struct sm_batch *b = j->b;
    *ret_at = b->bytes.n + b->nmore;
    if (s.n > SM_LATE_MOST || *ret_at + s.n > UINT32_MAX) return false;
    if (b->nmore + s.n > b->more_cap) {
        const size_t cap = 2 * (b->nmore + s.n);
        char *to = sm_arena_raw(&b->arena, cap);
        if (!to) return false;
        if (b->nmore) memcpy(to, b->more, b->nmore);
        b->more = to;
        b->more_cap = cap;
    }
    memcpy(b->more + b->nmore, s.p, s.n);
    b->nmore += s.n;
    return true;
}

static struct sm_str cell_clean(const struct read_job *j, struct sm_str s) {
    if (j->span->flags & SM_SPAN_BREAK || !(j->f->ascii || sm_utf8_is_ascii(s)))
        return read_clean(s, &j->w->clean);
    while (s.n && sm_is_blank(s.p[0]))
        s = (struct sm_str){s.p + 1, s.n - 1};
    while (s.n && sm_is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

static sm_val cell_make(struct read_job *j, const struct read_cell *cell, struct sm_str s) {
    if (!j->f->tidy) s = cell_clean(j, s);
    if (s.n == 0) return SM_MISSING;
    if (cell->way == READ_TEXT && s.n > 7 && cell_is_late(j, cell)) {
        size_t at;
        if (cell_can_wait(j, s)) return sm_val_make_late((size_t)(s.p - j->c->data), s.n);
        if (cell_keep(j, s, &at)) return sm_val_make_late(at, s.n);
    }
    if (cell->way == READ_TEXT || cell_is_plain_number(cell, s)) return sm_val_make(j->w->in, s);
    uint64_t key[READ_KEY] = {0};
    if (s.n <= READ_SHORT || s.n > sizeof key) return read_convert(j, cell, SM_MISSING, s);
    memcpy(key, s.p, s.n);
    bool hit;
    struct read_memo *m = read_memo_find(j->w, &j->w->memo[cell->memo], cell->fc, key,
                                         read_memo_hash(key, s.n), &hit);
    if (hit) return m->v;
    j->found = false;
    m->v = read_convert(j, cell, SM_MISSING, s);
    if (!j->found) m->who = cell->fc;
    return m->v;
}

/* The bytes of a text of at most READ_SHORT, behind which as many can be read, and zeros. */
struct cell_key {
    uint64_t a, b;
};
static inline uint64_t cell_word(const char *p) {
    uint64_t w;
    memcpy(&w, p, sizeof w);
    return w;
}
static inline struct cell_key cell_key(struct sm_str s) {
    static const unsigned char keep[2 * READ_SHORT] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                                                       0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                                                       0xFF, 0xFF, 0xFF, 0xFF};
    const char *k = (const char *)keep + (READ_SHORT - s.n);
    return (struct cell_key){cell_word(s.p) & cell_word(k), cell_word(s.p + 8) & cell_word(k + 8)};
}

/* A text may lie in the second place of its pair too, where what was met before the latest goes. */
static inline bool short_is(const struct read_short *m, struct cell_key key, const void *who) {
    return ((m->key[0] ^ key.a) | (m->key[1] ^ key.b)) == 0 && m->who == who;
}

/* A text of the kth record that was not the latest here. Apart, so that the other case stays short.
 */
__attribute__((noinline)) static sm_val cell_learn(struct read_job *j, const struct read_cell *cell,
                                                   uint32_t k, struct sm_str s, uint32_t at) {
    struct read_short *m = &j->w->brief[at], *other = &j->w->brief[at ^ 1], was = *m;
    struct cell_key key = cell_key(s);
    if (short_is(other, key, cell->fc)) {
        *m = *other;
        *other = was;
        return m->v;
    }
    read_at(j, k);
    j->found = false;
    sm_val v = cell_make(j, cell, s);
    if (j->found) return v;
    *other = was;
    *m = (struct read_short){{key.a, key.b}, v, cell->fc};
    return v;
}

__attribute__((noinline)) static sm_val cell_long(struct read_job *j, const struct read_cell *cell,
                                                  uint32_t k, struct sm_str s) {
    read_at(j, k);
    return cell_make(j, cell, s);
}

/* What a short text, as it stands in the file, became the last time. Records with NUL are no rows,
 * so the bytes say how many they are. */
static inline sm_val cell_known(struct read_job *j, const struct read_cell *cell, uint32_t k,
                                struct sm_str s) {
    if (s.n > READ_SHORT) return cell_long(j, cell, k, s);
    struct cell_key key = cell_key(s);
    uint64_t h = (key.a ^ key.b * UINT64_C(0x9E3779B97F4A7C15)) * UINT64_C(0xD6E8FEB86659FD93);
    const uint32_t at = cell->brief + (uint32_t)(h >> 40 & cell->mask);
    const struct read_short *m = &j->w->brief[at];
    return short_is(m, key, cell->fc) ? m->v : cell_learn(j, cell, k, s, at);
}

/* The value of a text of at most 7 bytes. */
static inline sm_val cell_inline(const char *p, size_t n) {
#define CELL_KEEP(n) (~(UINT64_MAX >> 8 >> (n)*8) & UINT64_MAX >> 8)
#define CELL_TAG     ((uint64_t)1 << 56)
    static const struct {
        uint64_t keep[8], tag[8];
    } of = {{0, CELL_KEEP(1), CELL_KEEP(2), CELL_KEEP(3), CELL_KEEP(4), CELL_KEEP(5), CELL_KEEP(6),
             CELL_KEEP(7)},
            {SM_MISSING, CELL_TAG, CELL_TAG, CELL_TAG, CELL_TAG, CELL_TAG, CELL_TAG, CELL_TAG}};
    uint64_t w = cell_word(p);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    w = __builtin_bswap64(w);
#endif
    return (w >> 8 & of.keep[n]) | of.tag[n];
}

static inline sm_val cell_text(struct read_job *j, const struct read_cell *cell, uint32_t k,
                               struct sm_str s) {
    if (s.n <= 7) return j->f->tidy ? cell_inline(s.p, s.n) : cell_known(j, cell, k, s);
    if (!cell_is_late(j, cell)) return cell_known(j, cell, k, s);
    if (!j->f->tidy || !cell_can_wait(j, s)) return cell_long(j, cell, k, s);
    return sm_val_make_late((size_t)(s.p - j->c->data), s.n);
}

/* ---- cells of a column, one below the other, of records that were cut together ------------------
 * Their places are those of read_fields_many, which make a field without quotes of its own known by
 * its length. */
struct cells {
    const uint32_t *from, *next;
    size_t from_step, step;
};

static struct cells cells_of(const struct read_fields *f, const struct read_cell *cell,
                             uint32_t k) {
    const uint32_t *next = f->next + (size_t)k * f->n + cell->field;
    if (cell->field == 0) return (struct cells){f->start + k, next, 1, f->n};
    return (struct cells){next - 1, next, f->n, f->n};
}

static void cells_text(struct read_job *j, const struct read_cell *cell, sm_val *to, uint32_t k,
                       uint32_t n) {
    struct cells c = cells_of(j->f, cell, k);
    const char *data = j->c->data;
    for (const uint32_t end = k + n; k < end; k++, c.from += c.from_step, c.next += c.step) {
        const uint32_t length = *c.next - *c.from - 1;
        if (length <= 7)
            *to++ = cell_inline(data + *c.from, length);
        else
            *to++ = cell_text(j, cell, k, read_many_field(data, *c.from, *c.next));
    }
}

static void cells_known(struct read_job *j, const struct read_cell *cell, sm_val *to, uint32_t k,
                        uint32_t n) {
    struct cells c = cells_of(j->f, cell, k);
    const char *data = j->c->data;
    for (const uint32_t end = k + n; k < end; k++, c.from += c.from_step, c.next += c.step) {
        const uint32_t length = *c.next - *c.from - 1;
        const struct sm_str s = {data + *c.from, length};
        *to++ = cell_known(j, cell, k,
                           length <= READ_SHORT ? s : read_many_field(data, *c.from, *c.next));
    }
}

/* ---- expressions ------------------------------------------------------------------------------
 */
void read_inputs(struct read_job *j, const struct sm_slot *input, size_t n) {
    struct sm_read_worker *w = j->w;
    for (size_t i = 0; i < n; i++) {
        uint32_t k = input[i].index;
        if (input[i].kind != SM_SLOT_COLUMN || k >= j->r->file->nraw || w->stamp[k] == w->tick)
            continue;
        const struct read_raw *raw = &j->r->raw[k];
        struct sm_str s = {NULL, 0};
        if (raw->field != SM_NO) s = read_clean(read_field(j, raw->field), &w->clean);
        if (read_is_token(raw->token, raw->ntoken, s)) s.n = 0;
        w->raw[k] = sm_val_make(w->in, s);
        w->stamp[k] = w->tick;
    }
}

void read_problem(void *ctx, enum sm_expr_problem what, struct sm_str text, struct sm_slot slot) {
    static const uint16_t codes[] = {[SM_EXPR_NOT_A_NUMBER] = SM_D_NOT_A_NUMBER,
                                     [SM_EXPR_UNKNOWN_KEY] = SM_D_UNKNOWN_KEY,
                                     [SM_EXPR_BAD_DATE] = SM_D_INVALID_DATE,
                                     [SM_EXPR_NO_RESULT] = SM_D_NOT_A_NUMBER,
                                     [SM_EXPR_TOO_COSTLY] = SM_D_EXPRESSION};
    struct read_job *j = ctx;
    uint32_t field = SM_NO;
    if (slot.kind == SM_SLOT_COLUMN && !j->subject) {
        field = j->r->raw[slot.index].field;
    } else if (slot.kind == SM_SLOT_COLUMN) {
        const struct read_cell *cell = read_cell_of(j->r, 0, slot.index);
        if (cell) field = cell->field;
    } else if (j->cell) {
        field = j->cell->field;
    }
    j->found = true;
    bool known = field != SM_NO && field < j->f->n;
    read_find(j, codes[what], SM_EFFECT_BLANK, known ? field + 1 : 0,
              known ? read_field(j, field) : text, (struct sm_str){NULL, 0});
}

static sm_val cell_expr(struct read_job *j, const struct read_cell *cell) {
    read_inputs(j, cell->input, cell->ninput);
    bool keep = cell->ninput <= READ_KEY && sm_expr_is_pure(cell->fc->expr), hit = false;
    struct read_memo *m = NULL;
    if (keep) {
        uint64_t key[READ_KEY] = {0};
        for (uint32_t i = 0; i < cell->ninput; i++)
            if (cell->input[i].kind == SM_SLOT_COLUMN) key[i] = j->w->raw[cell->input[i].index];
        m = read_memo_find(j->w, &j->w->memo[cell->memo], cell->fc, key, SIZE_MAX, &hit);
        if (hit) return m->v;
    }
    j->found = false;
    j->cell = cell;
    struct sm_valbuf buf;
    sm_val v = sm_expr_eval(cell->fc->expr, &j->raw_env);
    struct sm_str s = sm_val_text(sm_intern_texts(j->w->in), v, &buf);
    if (v != SM_MISSING && !cell->plain) v = read_convert(j, cell, v, s);
    j->cell = NULL;
    if (m) m->v = v;
    if (m && !j->found) m->who = cell->fc;
    return v;
}

static void cells_expr(struct read_job *j, const struct read_cell *cell, sm_val *to, uint32_t k,
                       uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        read_at(j, k + i);
        to[i] = cell_expr(j, cell);
    }
}

void read_cells(struct read_job *j, const struct read_plan *plan, sm_val *const *col, size_t row,
                uint32_t k, uint32_t n) {
    for (const struct read_cell *cell = plan->cell, *end = cell + plan->ncell; cell < end; cell++) {
        sm_val *to = col[cell->to] + row;
        if (cell->way == READ_CONSTANT)
            for (uint32_t i = 0; i < n; i++)
                to[i] = cell->constant;
        else if (cell->way == READ_EXPR)
            cells_expr(j, cell, to, k, n);
        else if (j->many && cell->way == READ_TEXT)
            cells_text(j, cell, to, k, n);
        else if (j->many)
            cells_known(j, cell, to, k, n);
        else if (cell->way == READ_TEXT)
            *to = cell_text(j, cell, k, j->f->v[cell->field]);
        else
            *to = cell_known(j, cell, k, j->f->v[cell->field]);
    }
}
