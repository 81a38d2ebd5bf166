/* SPDX-License-Identifier: MIT */
#if defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#endif
#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

#include "sdtmill/arena.h"

#include "sdtmill/mem.h"

enum {
    ARENA_ALIGN = _Alignof(max_align_t),
    ARENA_FIRST = 4096,
    ARENA_MOST = 1024 * 1024,
    ARENA_OWN = ARENA_MOST / 4 /* larger requests would waste too much of a shared block */
};

struct sm_arena_block {
    struct sm_arena_block *next;
    size_t size;
    size_t dirty; /* bytes at the front that may not be zero any more */
    _Alignas(max_align_t) char data[];
};

void sm_arena_init(struct sm_arena *a) { *a = (struct sm_arena){NULL, 0, 0, 0}; }

static struct sm_arena_block *arena_block(struct sm_arena *a, size_t size) {
    if (size > SIZE_MAX - sizeof(struct sm_arena_block)) return NULL;
    struct sm_arena_block *b = NULL;
    if (size <= ARENA_OWN)
        b = sm_alloc(1, sizeof *b + size);
    else if (sm_resize(&b, 1, sizeof *b + size, NULL) == SM_OK)
        *b = (struct sm_arena_block){.dirty = size}; /* zeros when they are asked for */
    if (b == NULL) return NULL;
    b->size = size;
    a->total += size;
    ASAN_POISON_MEMORY_REGION(b->data, size);
    return b;
}

/* A block of its own goes behind the newest one, whose rest stays in use. */
static void *arena_own(struct sm_arena *a, size_t n, size_t *ret_dirty) {
    struct sm_arena_block *b = arena_block(a, n);
    if (b == NULL) return NULL;
    *ret_dirty = b->dirty;
    b->dirty = n;
    ASAN_UNPOISON_MEMORY_REGION(b->data, n);
    if (a->blocks) {
        b->next = a->blocks->next;
        a->blocks->next = b;
        return b->data;
    }
    a->blocks = b;
    a->used = a->size = n;
    return b->data;
}

/* A newest block of that many bytes. */
static bool arena_push(struct sm_arena *a, size_t size) {
    struct sm_arena_block *b = arena_block(a, size);
    if (b == NULL) return false;
    if (a->blocks && a->blocks->dirty < a->used) a->blocks->dirty = a->used;
    b->next = a->blocks;
    a->blocks = b;
    a->used = 0;
    a->size = size;
    return true;
}

static bool arena_more(struct sm_arena *a, size_t n) {
    size_t size = a->size > ARENA_MOST / 2 ? ARENA_MOST : a->size * 2;
    if (size < ARENA_FIRST) size = ARENA_FIRST;
    while (size < n) size *= 2;
    return arena_push(a, size);
}

bool sm_arena_reserve(struct sm_arena *a, size_t n) {
    if (n > SIZE_MAX / 2) return false;
    n = (n + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    return (a->blocks && n <= a->size - a->used) || arena_push(a, n + n / 8 / ARENA_ALIGN * ARENA_ALIGN);
}

/* n bytes whose first *ret_dirty may hold anything; the rest is zero. */
static void *arena_take(struct sm_arena *a, size_t n, size_t *ret_dirty) {
    *ret_dirty = 0;
    if (n > SIZE_MAX / 2) return NULL;
    size_t room = (n + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    if (room == 0) room = ARENA_ALIGN;
    if (a->blocks == NULL || room > a->size - a->used) {
        if (room > ARENA_OWN) return arena_own(a, room, ret_dirty);
        if (!arena_more(a, room)) return NULL;
    }
    struct sm_arena_block *b = a->blocks;
    size_t at = a->used;
    a->used = at + room;
    if (b->dirty > at) *ret_dirty = b->dirty - at < n ? b->dirty - at : n;
    ASAN_UNPOISON_MEMORY_REGION(b->data + at, n);
    return b->data + at;
}

void *sm_arena_alloc(struct sm_arena *a, size_t n) {
    size_t dirty;
    void *p = arena_take(a, n, &dirty);
    if (p && dirty) memset(p, 0, dirty);
    return p;
}

void *sm_arena_raw(struct sm_arena *a, size_t n) {
    size_t dirty;
    return arena_take(a, n, &dirty);
}

void *sm_arena_array(struct sm_arena *a, size_t n, size_t size) {
    if (size != 0 && n > SIZE_MAX / size) return NULL;
    return sm_arena_alloc(a, n * size);
}

struct sm_str sm_arena_dup(struct sm_arena *a, struct sm_str s) {
    if (s.p == NULL || s.n == SIZE_MAX) return (struct sm_str){NULL, 0};
    size_t dirty;
    char *p = arena_take(a, s.n + 1, &dirty);
    if (p == NULL) return (struct sm_str){NULL, 0};
    if (s.n) memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return (struct sm_str){p, s.n};
}

struct sm_str sm_arena_printf(struct sm_arena *a, const char *fmt, ...) {
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n < 0) return (struct sm_str){NULL, 0};
    if ((size_t)n < sizeof text) return sm_arena_dup(a, sm_str_n(text, (size_t)n));
    size_t dirty;
    char *p = arena_take(a, (size_t)n + 1, &dirty);
    if (p == NULL) return (struct sm_str){NULL, 0};
    va_start(ap, fmt);
    vsnprintf(p, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return (struct sm_str){p, (size_t)n};
}

static void arena_drop(struct sm_arena_block *b) {
    ASAN_UNPOISON_MEMORY_REGION(b->data, b->size);
    sm_free(b);
}

void sm_arena_reset(struct sm_arena *a) {
    if (a->blocks == NULL) return;
    if (a->blocks->dirty < a->used) a->blocks->dirty = a->used;
    struct sm_arena_block *keep = a->blocks;
    for (struct sm_arena_block *b = keep->next; b; b = b->next)
        if (b->size > keep->size) keep = b;
    for (struct sm_arena_block *b = a->blocks, *next; b; b = next) {
        next = b->next;
        if (b != keep) arena_drop(b);
    }
    keep->next = NULL;
    ASAN_POISON_MEMORY_REGION(keep->data, keep->size);
    a->blocks = keep;
    a->used = 0;
    a->size = a->total = keep->size;
}

void sm_arena_free(struct sm_arena *a) {
    for (struct sm_arena_block *b = a->blocks, *next; b; b = next) {
        next = b->next;
        arena_drop(b);
    }
    sm_arena_init(a);
}
