/* SPDX-License-Identifier: MIT */
#define SM_MAY_ALLOCATE
#include <malloc.h>
#include <pthread.h>

#include "sdtmill/mem.h"

#include <stdatomic.h>
#include <sys/mman.h>

#include "sdtmill/err.h"
#include "sdtmill/str.h"

/* Stands before every block, so that freed bytes can be counted. */
struct mem_head {
    _Alignas(max_align_t) size_t size;
    bool dense; /* lies in a region */
};

static _Atomic uint64_t mem_now;
static _Atomic uint64_t mem_peak;

#ifdef SM_DEBUG
/* Requests until the failing one; INT64_MIN: not read yet. */
static _Atomic int64_t mem_fault = INT64_MIN;

static bool mem_faulty(void) {
    int64_t left = atomic_load_explicit(&mem_fault, memory_order_relaxed);
    if (left == INT64_MIN) {
        static const char want[] = "alloc:";
        const char *env = getenv("SM_FAULT");
        int64_t first = 0;
        if (env && strncmp(env, want, sizeof want - 1) == 0 &&
            !sm_str_to_i64(sm_str(env + sizeof want - 1), &first))
            first = 0;
        int64_t seen = INT64_MIN;
        atomic_compare_exchange_strong(&mem_fault, &seen, first < 0 ? 0 : first);
    }
    if (atomic_load_explicit(&mem_fault, memory_order_relaxed) <= 0) return false;
    return atomic_fetch_sub_explicit(&mem_fault, 1, memory_order_relaxed) == 1;
}
#else
static inline bool mem_faulty(void) {
    return false;
}
#endif

static void mem_count(size_t was, size_t is) {
    uint64_t now =
        atomic_fetch_add_explicit(&mem_now, (uint64_t)is - (uint64_t)was, memory_order_relaxed) +
        is - was;
    uint64_t peak = atomic_load_explicit(&mem_peak, memory_order_relaxed);
    while (now > peak && !atomic_compare_exchange_weak_explicit(
                             &mem_peak, &peak, now, memory_order_relaxed, memory_order_relaxed)) {
    }
}

/* Bytes to ask the system for; false on overflow. At least one byte stands behind the head, so
 * that a pointer to nothing still points into its own block. */
static bool mem_total(size_t n, size_t size, size_t *ret_bytes, size_t *ret_total) {
    if (size != 0 && n > (PTRDIFF_MAX - sizeof(struct mem_head)) / size) return false;
    *ret_bytes = n * size;
    *ret_total = sizeof(struct mem_head) + (*ret_bytes ? *ret_bytes : 1);
    return true;
}

enum { LARGE = 4 * 1024 * 1024, LARGE_PAGE = 2 * 1024 * 1024 };
static _Atomic bool mem_large;

/* Blocks that are not LARGE come from one heap of all threads, whose first part is made here, to
 * lie on large pages. */
static void heap_open(void) {
#if defined __GLIBC__ && !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__
    enum { HEAP = 24 * 1024 * 1024 };
    (void)mallopt(M_ARENA_MAX, 1);
    (void)mallopt(M_MMAP_THRESHOLD, HEAP + LARGE); /* or this one would be a mapping */
    char *p = malloc(HEAP);
    if (p)
        (void)madvise(p + LARGE_PAGE - (uintptr_t)p % LARGE_PAGE, HEAP - LARGE_PAGE, MADV_HUGEPAGE);
    (void)mallopt(M_TRIM_THRESHOLD, 2 * HEAP);
    (void)mallopt(M_MMAP_THRESHOLD, LARGE);
    free(p);
#endif
}

void sm_mem_large_pages(bool on) {
    if (on && !atomic_exchange(&mem_large, true)) heap_open();
    if (!on) atomic_store(&mem_large, false);
}

/* A block of several large pages may have them: fewer faults, fewer look-ups of pages. */
static void mem_advise(void *p, size_t total) {
    if (total < LARGE || !atomic_load_explicit(&mem_large, memory_order_relaxed)) return;
    const size_t past = (uintptr_t)p % LARGE_PAGE, before = past ? LARGE_PAGE - past : 0;
    (void)madvise((char *)p + before, (total - before) / LARGE_PAGE * LARGE_PAGE, MADV_HUGEPAGE);
}

void *sm_alloc(size_t n, size_t size) {
    size_t bytes, total;
    if (!mem_total(n, size, &bytes, &total) || mem_faulty()) return NULL;
    struct mem_head *h = calloc(1, total);
    if (h == NULL) return NULL;
    mem_advise(h, total);
    h->size = bytes;
    mem_count(0, bytes);
    return h + 1;
}

int sm_resize(void *p, size_t n, size_t size, struct sm_err *err) {
    void *old;
    memcpy(&old, p, sizeof old);
    size_t bytes, total;
    if (!mem_total(n, size, &bytes, &total))
        return sm_fail(err, SM_ENOMEM, "out of memory (%zu x %zu bytes wanted)", n, size);
    struct mem_head *was = old ? (struct mem_head *)old - 1 : NULL;
    size_t was_bytes = was ? was->size : 0;
    struct mem_head *h = mem_faulty() ? NULL : realloc(was, total);
    if (h == NULL) return sm_fail(err, SM_ENOMEM, "out of memory (%zu bytes wanted)", bytes);
    *h = (struct mem_head){.size = bytes};
    mem_advise(h, total);
    mem_count(was_bytes, bytes);
    void *now = h + 1;
    memcpy(p, &now, sizeof now);
    return SM_OK;
}

int sm_grow(void *p, size_t *cap, size_t need, size_t size, struct sm_err *err) {
    if (need <= *cap) return SM_OK;
    size_t want = *cap > SIZE_MAX / 2 ? SIZE_MAX : *cap * 2;
    if (want < 8) want = 8;
    if (want < need) want = need;
    int rc = sm_resize(p, want, size, err);
    if (rc == SM_OK) *cap = want;
    return rc;
}

/* ---- dense blocks ---------------------------------------------------------------------------- */

enum { REGION = 4 * 1024 * 1024, REGION_SHARE = REGION / 8 }; /* of a region, for one block */

/* At the start of a region, which is aligned to its size. */
struct mem_region {
    _Atomic uint32_t users;  /* blocks in it, and the thread that fills it */
    struct mem_region *next; /* of the spare ones */
};

#ifndef __SANITIZE_ADDRESS__ /* which looks after single blocks */
struct mem_filling {
    struct mem_region *region;
    size_t used;
};
static _Thread_local struct mem_filling filling[SM_DENSE_KINDS];

/* Regions without users. Memory that was touched before costs nothing to touch again. */
static pthread_mutex_t spare_lock = PTHREAD_MUTEX_INITIALIZER;
static struct mem_region *spare;

static void region_leave(struct mem_region *r) {
    if (!r || atomic_fetch_sub_explicit(&r->users, 1, memory_order_acq_rel) != 1) return;
    (void)pthread_mutex_lock(&spare_lock);
    r->next = spare;
    spare = r;
    (void)pthread_mutex_unlock(&spare_lock);
}

static struct mem_region *spare_take(bool all) {
    (void)pthread_mutex_lock(&spare_lock);
    struct mem_region *r = spare;
    spare = r && !all ? r->next : NULL;
    (void)pthread_mutex_unlock(&spare_lock);
    return r;
}

void sm_mem_trim(void) {
    for (struct mem_region *r = spare_take(true), *next; r; r = next) {
        next = r->next;
        (void)munmap(r, REGION);
    }
}

static struct mem_region *region_new(void) {
    char *p = mmap(NULL, 2 * (size_t)REGION, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) return NULL;
    const size_t past = (uintptr_t)p % REGION, before = past ? REGION - past : 0;
    if (before) (void)munmap(p, before);
    (void)munmap(p + before + REGION, REGION - before);
    struct mem_region *r = (struct mem_region *)(void *)(p + before);
    (void)madvise(r, REGION, MADV_HUGEPAGE);
    return r;
}

static struct mem_region *region_open(void) {
    struct mem_region *r = spare_take(false);
    if (!r) r = region_new();
    if (r) atomic_init(&r->users, 1);
    return r;
}

/* NULL: the block has to be had another way. */
static struct mem_head *region_block(enum sm_dense kind, size_t total) {
    struct mem_filling *f = &filling[kind];
    const size_t unit = _Alignof(struct mem_head), need = (total + unit - 1) / unit * unit;
    if (need > REGION_SHARE || !atomic_load_explicit(&mem_large, memory_order_relaxed)) return NULL;
    if (!f->region || need > REGION - f->used) {
        struct mem_region *next = region_open();
        if (!next) return NULL;
        region_leave(f->region);
        *f = (struct mem_filling){next, (sizeof *next + unit - 1) / unit * unit};
    }
    struct mem_head *h = (struct mem_head *)(void *)((char *)f->region + f->used);
    f->used += need;
    atomic_fetch_add_explicit(&f->region->users, 1, memory_order_relaxed);
    return h;
}
#else
void sm_mem_trim(void) {
}
static void region_leave(struct mem_region *r) {
    (void)r;
}
static struct mem_head *region_block(enum sm_dense kind, size_t total) {
    (void)kind;
    (void)total;
    return NULL;
}
#endif

void *sm_alloc_dense(enum sm_dense kind, size_t size) {
    size_t bytes, total;
    if (!mem_total(1, size, &bytes, &total) || mem_faulty()) return NULL;
    struct mem_head *h = region_block(kind, total);
    const bool dense = h != NULL;
    if (!dense) h = malloc(total);
    if (!h) return NULL;
    *h = (struct mem_head){bytes, dense};
    mem_count(0, bytes);
    return h + 1;
}

void sm_free(void *p) {
    if (p == NULL) return;
    struct mem_head *h = (struct mem_head *)p - 1;
    mem_count(h->size, 0);
    if (h->dense)
        region_leave((struct mem_region *)((uintptr_t)h / REGION * REGION));
    else
        free(h);
}

uint64_t sm_mem_now(void) {
    return atomic_load_explicit(&mem_now, memory_order_relaxed);
}

uint64_t sm_mem_peak(void) {
    return atomic_load_explicit(&mem_peak, memory_order_relaxed);
}
