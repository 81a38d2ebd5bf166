/* SPDX-License-Identifier: MIT */
#define SM_MAY_ALLOCATE
#include "sdtmill/mem.h"

#include <stdatomic.h>

#include "sdtmill/err.h"
#include "sdtmill/str.h"

/* Stands before every block, so that freed bytes can be counted. */
struct mem_head {
    _Alignas(max_align_t) size_t size;
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
static inline bool mem_faulty(void) { return false; }
#endif

static void mem_count(size_t was, size_t is) {
    uint64_t now = atomic_fetch_add_explicit(&mem_now, (uint64_t)is - (uint64_t)was,
                                             memory_order_relaxed) + is - was;
    uint64_t peak = atomic_load_explicit(&mem_peak, memory_order_relaxed);
    while (now > peak &&
           !atomic_compare_exchange_weak_explicit(&mem_peak, &peak, now, memory_order_relaxed,
                                                  memory_order_relaxed)) {
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

void *sm_alloc(size_t n, size_t size) {
    size_t bytes, total;
    if (!mem_total(n, size, &bytes, &total) || mem_faulty()) return NULL;
    struct mem_head *h = calloc(1, total);
    if (h == NULL) return NULL;
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
    h->size = bytes;
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

void sm_free(void *p) {
    if (p == NULL) return;
    struct mem_head *h = (struct mem_head *)p - 1;
    mem_count(h->size, 0);
    free(h);
}

uint64_t sm_mem_now(void) { return atomic_load_explicit(&mem_now, memory_order_relaxed); }

uint64_t sm_mem_peak(void) { return atomic_load_explicit(&mem_peak, memory_order_relaxed); }
