/* SPDX-License-Identifier: MIT */
/* sink_disk.c - what a long file says to the system: begin with this, keep no copy of that. The
 * bytes are the same without. */
#define _GNU_SOURCE /* O_DIRECT, sync_file_range */
#ifdef __SSE2__
#include <emmintrin.h>
#endif
#include <fcntl.h>

#include "sink_priv.h"

void sink_disk_begin(int fd, uint64_t from, uint64_t end) {
#if defined SYNC_FILE_RANGE_WRITE && defined __LP64__
    (void)sync_file_range(fd, (off_t)from, (off_t)(end - from), SYNC_FILE_RANGE_WRITE);
#else
    (void)fd, (void)from, (void)end;
#endif
}

bool sink_disk_direct(int fd, bool on) {
#ifdef O_DIRECT
    const int was = fcntl(fd, F_GETFL);
    if (was == -1) return false;
    return fcntl(fd, F_SETFL, on ? was | O_DIRECT : was & ~O_DIRECT) == 0;
#else
    (void)fd;
    return !on;
#endif
}

#ifdef __SSE2__
static void stream_lines(char *to, const char *p, size_t lines) {
    for (; lines; lines--, p += 64, to += 64)
        for (int i = 0; i < 64; i += 16)
            _mm_stream_si128((__m128i *)(void *)(to + i),
                             _mm_loadu_si128((const __m128i *)(const void *)(p + i)));
    _mm_sfence();
}

void sink_disk_copy(char *to, const char *p, size_t n) {
    const size_t head = (64 - (uintptr_t)to % 64) % 64, lines = n > head ? (n - head) / 64 : 0;
    const size_t first = lines ? head : n, past = first + lines * 64;
    memcpy(to, p, first);
    stream_lines(to + first, p + first, lines);
    memcpy(to + past, p + past, n - past);
}
#else
void sink_disk_copy(char *to, const char *p, size_t n) {
    memcpy(to, p, n);
}
#endif
