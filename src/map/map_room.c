/* SPDX-License-Identifier: MIT */
#include "map/map_priv.h"

enum { ROOM_FIRST = 64 * 1024, ROOM_ALIGN = 64 };

struct map_room_block {
    struct map_room_block *next;
    size_t size;
    _Alignas(max_align_t) char data[];
};

static struct map_room_block *block_new(struct map_room *room, size_t need) {
    size_t size = room->total > ROOM_FIRST ? room->total : ROOM_FIRST;
    if (size < need) size = need;
    struct map_room_block *b = sm_alloc(1, sizeof *b + size);
    if (!b) return NULL;
    b->size = size;
    b->next = room->block;
    room->block = b;
    room->used = 0;
    room->total += size;
    return b;
}

void *map_room_take(struct map_run *m, size_t n, size_t size) {
    struct map_room *room = &m->w->room;
    struct map_room_block *b = room->block;
    bool fits = size == 0 || n < (SIZE_MAX / 4) / size;
    size_t need = fits ? (n * size + ROOM_ALIGN) / ROOM_ALIGN * ROOM_ALIGN : 0;
    if (fits && (!b || b->size - room->used < need)) b = block_new(room, need);
    if (!fits || !b) {
        m->nomem = true;
        return NULL;
    }
    void *p = b->data + room->used;
    room->used += need;
    return p;
}

void *map_room_zero(struct map_run *m, size_t n, size_t size) {
    void *p = map_room_take(m, n, size);
    if (p) memset(p, 0, n * size);
    return p;
}

/* Several blocks make way for one that is as large as all of them. */
void map_room_reset(struct map_room *room) {
    room->used = 0;
    if (!room->block || !room->block->next) return;
    size_t total = room->total;
    map_room_free(room);
    room->total = total;
}

void map_room_free(struct map_room *room) {
    while (room->block) {
        struct map_room_block *b = room->block;
        room->block = b->next;
        sm_free(b);
    }
    room->used = room->total = 0;
}
