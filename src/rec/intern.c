/* SPDX-License-Identifier: MIT */
#include <pthread.h>

#include "rec_priv.h"

#include "sdtmill/err.h"
#include "sdtmill/hash.h"
#include "sdtmill/mem.h"

enum {
    SHARD_FIRST = 64, /* places; all sizes of tables are powers of two */
    FRONT_WAYS = 4,
    FRONT_FIRST = 1024,
    FRONT_MOST = 256 * 1024, /* beyond that a front forgets: it is a cache, the pool is the truth */
    UNIT = 8,
    CHUNK_UNITS = 1 << POOL_CHUNK_BITS
};

/* A place in a hash table. id 0 = free (unit 0 of a shard is never used). */
struct place {
    uint32_t hash, id;
};
struct block { /* one allocation: one chunk, or several for a long text */
    struct block *next;
    _Alignas(16) char data[];
};
struct shard {
    pthread_mutex_t lock;
    struct place *place;
    size_t nplace, cap;
    size_t used, room; /* units handed out; units there are chunks for */
    struct block *blocks;
    uint64_t bytes;
    char apart[64]; /* two shards share no cache line */
};
struct sm_texts {
    struct pool_dir dir;
    struct shard shard[POOL_SHARDS];
    size_t nready; /* shards whose lock is made */
};
struct sm_intern {
    struct sm_texts *texts;
    struct place *place;
    size_t cap, n;
    bool failed;
    struct sm_intern_slot slot;
};

const struct pool_dir *pool_dir(const struct sm_texts *t) {
    return &t->dir;
}

int sm_texts_open(struct sm_texts **ret, struct sm_err *err) {
    struct sm_texts *t = sm_alloc(1, sizeof *t);
    if (!t) return sm_fail(err, SM_ENOMEM, "out of memory");
    for (size_t i = 0; i < POOL_SHARDS; i++) {
        t->shard[i].used = 1;
        if (pthread_mutex_init(&t->shard[i].lock, NULL) != 0) {
            sm_texts_close(t);
            return sm_fail(err, SM_ENOMEM, "no more locks");
        }
        t->nready++;
    }
    *ret = t;
    return SM_OK;
}

static void shard_free(struct shard *s) {
    for (struct block *b = s->blocks, *next; b; b = next) {
        next = b->next;
        sm_free(b);
    }
    sm_free(s->place);
}

void sm_texts_close(struct sm_texts *t) {
    if (!t) return;
    for (size_t i = 0; i < t->nready; i++) {
        shard_free(&t->shard[i]);
        pthread_mutex_destroy(&t->shard[i].lock);
    }
    sm_free(t);
}

void sm_texts_reset(struct sm_texts *t, struct sm_intern *in) {
    size_t chunks = 0;
    for (size_t i = 0; i < POOL_SHARDS; i++) {
        struct shard *s = &t->shard[i];
        shard_free(s);
        chunks = s->room / CHUNK_UNITS > chunks ? s->room / CHUNK_UNITS : chunks;
        s->place = NULL;
        s->blocks = NULL;
        s->nplace = s->cap = s->room = 0;
        s->used = 1;
        s->bytes = 0;
    }
    memset(&t->dir, 0, chunks * sizeof *t->dir.chunk);
    memset(in->place, 0, in->cap * sizeof *in->place);
    in->n = 0;
}

uint64_t sm_texts_bytes(const struct sm_texts *t) {
    uint64_t n = sizeof *t - sizeof t->dir; /* of which little is ever touched */
    for (size_t i = 0; i < POOL_SHARDS; i++) {
        pthread_mutex_t *lock = (pthread_mutex_t *)(uintptr_t)&t->shard[i].lock;
        pthread_mutex_lock(lock);
        n += t->shard[i].bytes;
        pthread_mutex_unlock(lock);
    }
    return n;
}

static bool shard_grow(struct shard *s) {
    size_t cap = s->cap ? s->cap * 2 : SHARD_FIRST;
    struct place *now = sm_alloc(cap, sizeof *now);
    if (!now) return false;
    for (size_t i = 0; i < s->cap; i++) {
        if (s->place[i].id == 0) continue;
        size_t at = s->place[i].hash & (cap - 1);
        while (now[at].id)
            at = (at + 1) & (cap - 1);
        now[at] = s->place[i];
    }
    sm_free(s->place);
    s->place = now;
    s->bytes += (cap - s->cap) * sizeof *now;
    s->cap = cap;
    return true;
}

/* Makes room for `units` in one run of memory; a rest of the last chunk too short for it is left.
 */
static bool shard_room(struct sm_texts *t, size_t which, size_t units) {
    struct shard *s = &t->shard[which];
    if (units <= s->room - s->used && s->room) return true;
    size_t chunks = (units + 1 + CHUNK_UNITS - 1) / CHUNK_UNITS;
    size_t first = s->room / CHUNK_UNITS;
    if (chunks > POOL_CHUNKS - first) return false;
    size_t bytes = sizeof(struct block) + chunks * CHUNK_UNITS * UNIT;
    struct block *b = sm_alloc_dense(SM_DENSE_TEXTS, bytes);
    if (!b) return false;
    b->next = s->blocks;
    s->blocks = b;
    s->bytes += bytes;
    for (size_t i = 0; i < chunks; i++)
        t->dir.chunk[first + i][which] = b->data + i * CHUNK_UNITS * UNIT;
    if (first) s->used = s->room;
    s->room += chunks * CHUNK_UNITS;
    return true;
}

/* The number of s, 0 when the pool can take no more. The shard is locked. */
static uint32_t shard_make(struct sm_texts *t, size_t which, struct sm_str s, uint32_t hash) {
    struct shard *sh = &t->shard[which];
    if (sh->nplace >= sh->cap / 4 * 3 && !shard_grow(sh)) return 0;
    size_t at = hash & (sh->cap - 1);
    for (; sh->place[at].id; at = (at + 1) & (sh->cap - 1)) {
        if (sh->place[at].hash != hash) continue;
        const struct pool_text *x = pool_get(&t->dir, sh->place[at].id);
        if (x->n == s.n && memcmp(x->text, s.p, s.n) == 0) return sh->place[at].id;
    }
    size_t units = (sizeof(struct pool_text) + s.n + 1 + UNIT - 1) / UNIT;
    if (!shard_room(t, which, units)) return 0;
    uint32_t id = (uint32_t)(sh->used << POOL_SHARD_BITS | which);
    struct pool_text *x = (struct pool_text *)(uintptr_t)pool_get(&t->dir, id);
    x->n = (uint32_t)s.n;
    x->hash = hash;
    memcpy(x->text, s.p, s.n);
    x->text[s.n] = '\0';
    sh->used += units;
    sh->place[at] = (struct place){hash, id};
    sh->nplace++;
    return id;
}

int sm_intern_open(struct sm_intern **ret, struct sm_texts *t, struct sm_err *err) {
    struct sm_intern *in = sm_alloc(1, sizeof *in);
    if (in) in->place = sm_alloc(FRONT_FIRST, sizeof *in->place);
    if (!in || !in->place) {
        sm_free(in);
        return sm_fail(err, SM_ENOMEM, "out of memory");
    }
    in->texts = t;
    in->cap = FRONT_FIRST;
    *ret = in;
    return SM_OK;
}

void sm_intern_close(struct sm_intern *in) {
    if (!in) return;
    if (in->slot.drop) in->slot.drop(in->slot.p);
    sm_free(in->place);
    sm_free(in);
}

struct sm_texts *sm_intern_texts(const struct sm_intern *in) {
    return in->texts;
}
bool sm_intern_failed(const struct sm_intern *in) {
    return in->failed;
}
void sm_intern_fail(struct sm_intern *in) {
    in->failed = true;
}
struct sm_intern_slot *sm_intern_slot(struct sm_intern *in) {
    return &in->slot;
}

/* The ways of a hash's bucket are next to each other; the newest stands first. */
static struct place *front_bucket(const struct sm_intern *in, uint32_t hash) {
    return in->place + (hash & (in->cap / FRONT_WAYS - 1)) * FRONT_WAYS;
}

static void front_put(struct sm_intern *in, uint32_t hash, uint32_t id) {
    struct place *b = front_bucket(in, hash);
    if (b[FRONT_WAYS - 1].id == 0) in->n++;
    memmove(b + 1, b, (FRONT_WAYS - 1) * sizeof *b);
    b[0] = (struct place){hash, id};
}

/* A front that cannot grow stays as it is. */
static void front_grow(struct sm_intern *in) {
    struct place *was = in->place;
    size_t cap = in->cap;
    struct place *now = sm_alloc(cap * 2, sizeof *now);
    if (!now) return;
    in->place = now;
    in->cap = cap * 2;
    in->n = 0;
    for (size_t i = cap; i-- > 0;)
        if (was[i].id) front_put(in, was[i].hash, was[i].id);
    sm_free(was);
}

static sm_val make_hashed(struct sm_intern *in, struct sm_str s, uint64_t h) {
    uint32_t hash = (uint32_t)h;
    const struct place *b = front_bucket(in, hash);
    for (size_t i = 0; i < FRONT_WAYS && b[i].id; i++) {
        if (b[i].hash != hash) continue;
        const struct pool_text *x = pool_get(&in->texts->dir, b[i].id);
        if (x->n == s.n && memcmp(x->text, s.p, s.n) == 0) return (sm_val)2 << 56 | b[i].id;
    }
    size_t which = (size_t)(h >> (64 - POOL_SHARD_BITS));
    struct shard *sh = &in->texts->shard[which];
    pthread_mutex_lock(&sh->lock);
    uint32_t id = shard_make(in->texts, which, s, hash);
    pthread_mutex_unlock(&sh->lock);
    if (id == 0) {
        in->failed = true;
        return SM_MISSING;
    }
    if (in->n >= in->cap / 2 && in->cap < FRONT_MOST) front_grow(in);
    front_put(in, hash, id);
    return (sm_val)2 << 56 | id;
}

sm_val pool_make(struct sm_intern *in, struct sm_str s) {
    if (s.n > POOL_TEXT_MAX) {
        in->failed = true;
        return SM_MISSING;
    }
    return make_hashed(in, s, sm_hash(s.p, s.n));
}

/* The memory of the text that has this hash, most likely. */
static SM_INLINE void ask_for_text(const struct sm_intern *in, uint32_t hash) {
    const struct place *b = front_bucket(in, hash);
    for (size_t i = 0; i < FRONT_WAYS && b[i].id; i++)
        if (b[i].hash == hash) __builtin_prefetch(pool_get(&in->texts->dir, b[i].id));
}

void sm_val_make_each(struct sm_intern *in, const struct sm_str *s, size_t n, sm_val *ret) {
    enum { TOGETHER = 16 };
    for (size_t from = 0; from < n; from += TOGETHER) {
        const size_t many = n - from < TOGETHER ? n - from : TOGETHER;
        uint64_t h[TOGETHER];
        for (size_t i = 0; i < many; i++) {
            h[i] = sm_hash(s[from + i].p, s[from + i].n);
            __builtin_prefetch(front_bucket(in, (uint32_t)h[i]));
        }
        for (size_t i = 0; i < many; i++)
            ask_for_text(in, (uint32_t)h[i]);
        for (size_t i = from; i < from + many; i++) {
            bool plain = s[i].n > 7 && s[i].n <= POOL_TEXT_MAX;
            ret[i] = plain ? make_hashed(in, s[i], h[i - from]) : sm_val_make(in, s[i]);
        }
    }
}
