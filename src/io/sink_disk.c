/* SPDX-License-Identifier: MIT */
/* sink_disk.c - what a long file says to the system: begin with this, keep no copy of that. The
 * bytes are the same without. */
#define _GNU_SOURCE /* O_DIRECT, sync_file_range */
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
