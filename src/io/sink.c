/* SPDX-License-Identifier: MIT */
/* sink.c - a sink's full buffers are written by a thread of its own and hashed by another, which
 * are started with the first one: the formatting thread goes on in a second buffer meanwhile. Small
 * files never get there. What comes from a sink in memory is hashed when it comes: it is near then,
 * and whoever takes it has others that format. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "sink_priv.h"

#include "sdtmill/err.h"
#include "sdtmill/hash.h"
#include "sdtmill/mem.h"

/* What is shorter than MOVE_LEAST is copied rather than handed over. */
enum { BUFFER_SIZE = 1024 * 1024, MOVE_LEAST = BUFFER_SIZE / 8, PUSH_LEAST = 8 * BUFFER_SIZE };
/* For one call: a file system takes memory in pieces as large as what is written at once, and large
 * ones are hardly ever among those that were given back a moment ago. */
enum { WRITE_MOST = BUFFER_SIZE / 4 };
/* A file of ours that has become so long goes past the page cache: its pages would be memory that
 * the system has to find, clear and fill, and all of it is on the disk before the commit anyhow.
 * What is shorter stays in memory for whoever reads it next. */
#define DIRECT_LEAST (UINT64_C(4) << 20)

struct sink;
struct hand { /* a thread that does one thing with every full buffer */
    int (*work)(struct sink *o, const char *p, size_t n); /* 0 or an errno */
    struct sink *sink;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t turn;
    /* under the lock */
    const char *p; /* what to work on; NULL = nothing */
    size_t n;
    int sys; /* errno of the first failure */
    bool quit;
};
enum { WRITER, HASHER, HANDS };
struct buffer {
    char *p;
    size_t cap;
};
struct sink {
    struct sm_sink pub; /* first: sm_sink_* get a pointer to it */
    struct buffer now, next;
    uint64_t flushed;
    uint64_t written, pushed; /* bytes of the file, and those that the disk was told of */
    int fd, dir;
    bool ours;        /* fd is closed here */
    bool kept;        /* nothing is written anywhere: the buffer grows */
    bool alone;       /* no thread can be had, or may be started */
    bool direct;      /* past the page cache: `flushed` is a multiple of SINK_PAGE */
    bool tried;       /* whether it can be direct is known */
    char *pages;      /* NULL, or where both buffers lie */
    bool cached;      /* it was direct and is not any more; whoever writes knows */
    size_t hashed;    /* bytes of the buffer */
    unsigned started; /* hands at work */
    enum sm_rc code;
    int sys;
    struct sm_sha256 *hash;
    size_t *open_sinks;
    struct hand hand[HANDS];
    char name[]; /* for messages; below `dir` if ours */
};

static struct sink *own(struct sm_sink *k) {
    return (struct sink *)(void *)k;
}
static const struct sink *own_const(const struct sm_sink *k) {
    return (const struct sink *)(const void *)k;
}

static void latch(struct sink *o, enum sm_rc code, int sys) {
    if (o->code == SM_OK) {
        o->code = code;
        o->sys = sys;
    }
    o->pub.at = o->pub.end = NULL;
}

/* The disk begins while the file grows: it would have to wait for the commit otherwise. */
static void push(struct sink *o, size_t n) {
    o->written += n;
    if (!o->ours || (o->direct && !o->cached) || o->written - o->pushed < PUSH_LEAST) return;
    sink_disk_begin(o->fd, o->pushed, o->written);
    o->pushed = o->written;
}

static int write_bytes(struct sink *o, const char *p, size_t n) {
    while (n > 0) {
        const bool direct = o->direct && !o->cached;
        ssize_t w = write(o->fd, p, direct || n < WRITE_MOST ? n : WRITE_MOST);
        if (w < 0 && errno == EINTR) continue;
        /* Other pages than here, or the rest of what the disk took in part. */
        if (w < 0 && errno == EINVAL && direct && sink_disk_direct(o->fd, false)) {
            o->cached = true;
            continue;
        }
        if (w <= 0) return w < 0 ? errno : ENOSPC;
        p += w;
        n -= (size_t)w;
        push(o, (size_t)w);
    }
    return 0;
}

static int hash_bytes(struct sink *o, const char *p, size_t n) {
    sm_sha256_add(o->hash, p, n);
    return 0;
}

/* ---- the threads ----------------------------------------------------------------------------- */
static void *hand_main(void *arg) {
    struct hand *h = arg;
    (void)pthread_mutex_lock(&h->lock);
    while (h->p || !h->quit) {
        if (!h->p) {
            (void)pthread_cond_wait(&h->turn, &h->lock);
            continue;
        }
        bool skip = h->sys != 0;
        (void)pthread_mutex_unlock(&h->lock);
        int e = skip ? 0 : h->work(h->sink, h->p, h->n);
        (void)pthread_mutex_lock(&h->lock);
        if (e) h->sys = e;
        h->p = NULL;
        (void)pthread_cond_signal(&h->turn);
    }
    (void)pthread_mutex_unlock(&h->lock);
    return NULL;
}

/* Signals are for the main thread. */
static bool hand_start(struct sink *o, int (*work)(struct sink *, const char *, size_t)) {
    struct hand *h = &o->hand[o->started];
    sigset_t all, was;
    *h = (struct hand){.work = work, .sink = o};
    if (pthread_mutex_init(&h->lock, NULL)) return false;
    if (pthread_cond_init(&h->turn, NULL)) {
        (void)pthread_mutex_destroy(&h->lock);
        return false;
    }
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &was);
    bool good = pthread_create(&h->thread, NULL, hand_main, h) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &was, NULL);
    o->started += good;
    if (good) return true;
    (void)pthread_cond_destroy(&h->turn);
    (void)pthread_mutex_destroy(&h->lock);
    return false;
}

/* Until the thread has nothing to do; what it ran into is latched. */
static void wait_for(struct sink *o, struct hand *h) {
    (void)pthread_mutex_lock(&h->lock);
    while (h->p)
        (void)pthread_cond_wait(&h->turn, &h->lock);
    int e = h->sys;
    (void)pthread_mutex_unlock(&h->lock);
    if (e) latch(o, SM_EIO, e);
}

static void wait_idle(struct sink *o) {
    for (struct hand *h = o->hand; h < o->hand + o->started; h++)
        wait_for(o, h);
}

static void stop_threads(struct sink *o) {
    wait_idle(o);
    for (; o->started; o->started--) {
        struct hand *h = &o->hand[o->started - 1];
        (void)pthread_mutex_lock(&h->lock);
        h->quit = true;
        (void)pthread_cond_signal(&h->turn);
        (void)pthread_mutex_unlock(&h->lock);
        (void)pthread_join(h->thread, NULL);
        (void)pthread_cond_destroy(&h->turn);
        (void)pthread_mutex_destroy(&h->lock);
    }
}

static bool start_writer(struct sink *o) {
    if (!o->pages && sm_resize(&o->next.p, BUFFER_SIZE, 1, NULL)) return false;
    o->next.cap = BUFFER_SIZE;
    return hand_start(o, write_bytes);
}

static void hand_over(struct hand *h, const char *p, size_t n) {
    (void)pthread_mutex_lock(&h->lock);
    h->p = p;
    h->n = n;
    (void)pthread_cond_signal(&h->turn);
    (void)pthread_mutex_unlock(&h->lock);
}

/* The first n bytes of the buffer, as far as they are not hashed yet. */
static void hash_out(struct sink *o, size_t n) {
    const size_t from = o->hashed < n ? o->hashed : n;
    o->hashed -= from;
    if (!o->hash || from == n) return;
    if (o->started == HASHER) (void)hand_start(o, hash_bytes);
    if (o->started > HASHER)
        hand_over(&o->hand[HASHER], o->now.p + from, n - from);
    else
        (void)hash_bytes(o, o->now.p + from, n - from);
}

/* ---- buffers --------------------------------------------------------------------------------- */
static void set_room(struct sink *o, size_t used) {
    o->pub.at = o->now.p + used;
    o->pub.end = o->now.p + o->now.cap;
}

/* The first n bytes of the buffer go out, the `rest` behind them stays. A short one is not worth a
 * thread. */
static void put_out(struct sink *o, size_t n, size_t rest) {
    const struct buffer full = o->now;
    o->flushed += n;
    if (!o->started && !o->alone && n >= BUFFER_SIZE / 2) o->alone = !start_writer(o);
    hash_out(o, n);
    if (o->started && n > 0) {
        hand_over(&o->hand[WRITER], full.p, n);
        o->now = o->next;
        o->next = full;
    } else {
        int e = write_bytes(o, full.p, n);
        if (e) {
            latch(o, SM_EIO, e);
            return;
        }
    }
    memmove(o->now.p, full.p + n, rest);
    set_room(o, rest);
}

/* Files that are short so far, and streams, are not. */
static bool wants_direct(const struct sink *o) {
    return o->ours && !o->tried && o->flushed >= DIRECT_LEAST;
}

/* `flushed` is a multiple of SINK_PAGE, the threads have nothing to do. */
static void go_direct(struct sink *o, size_t rest) {
    o->tried = true;
    if (sm_resize(&o->pages, 2 * BUFFER_SIZE + SINK_PAGE, 1, NULL)) return;
    if (!sink_disk_direct(o->fd, true)) {
        sm_free(o->pages);
        o->pages = NULL;
        return;
    }
    o->direct = true;
    char *p = o->pages + (SINK_PAGE - (uintptr_t)o->pages % SINK_PAGE) % SINK_PAGE;
    memcpy(p, o->now.p, rest);
    sm_free(o->now.p);
    sm_free(o->next.p);
    o->now = (struct buffer){p, BUFFER_SIZE};
    o->next = (struct buffer){p + BUFFER_SIZE, BUFFER_SIZE};
    set_room(o, rest);
}

/* Makes the buffer empty, but for less than a page of a file that is direct. */
static void flush(struct sink *o) {
    if (o->kept) return;
    wait_idle(o);
    if (o->code) return;
    const bool turn = wants_direct(o);
    const size_t n = (size_t)(o->pub.at - o->now.p);
    size_t rest = o->direct || turn ? (size_t)((o->flushed + n) % SINK_PAGE) : 0;
    if (rest > n) rest = n;
    put_out(o, n - rest, rest);
    if (!turn) return;
    wait_idle(o);
    if (!o->code && o->flushed % SINK_PAGE == 0) go_direct(o, rest);
    if (!o->code && !o->direct) put_out(o, rest, 0);
}

/* After a flush: what is left of the last page is written as usual. */
static void end_direct(struct sink *o) {
    if (!o->direct) return;
    wait_idle(o);
    if (o->code) return;
    if (!sink_disk_direct(o->fd, false)) {
        latch(o, SM_EIO, errno);
        return;
    }
    o->direct = false;
    put_out(o, (size_t)(o->pub.at - o->now.p), 0);
}

/* Room for n more bytes behind what is kept. */
static bool keep_more(struct sink *o, size_t n) {
    if (o->code) return false;
    size_t used = (size_t)(o->pub.at - o->now.p);
    if (sm_grow(&o->now.p, &o->now.cap, used + n, 1, NULL)) {
        latch(o, SM_ENOMEM, 0);
        return false;
    }
    set_room(o, used);
    return true;
}

/* A buffer of more than BUFFER_SIZE in place of the one there is, both empty; the threads have
 * nothing to do. */
static int larger_buffer(struct sink *o, size_t n) {
    if (o->pages) {
        sm_free(o->pages);
        o->pages = NULL;
        o->now = o->next = (struct buffer){0};
        if (sm_resize(&o->next.p, BUFFER_SIZE, 1, NULL)) return SM_ENOMEM;
        o->next.cap = BUFFER_SIZE;
    }
    if (sm_resize(&o->now.p, n, 1, NULL)) return SM_ENOMEM;
    o->now.cap = n;
    set_room(o, 0);
    return SM_OK;
}

char *sm_sink_more(struct sm_sink *k, size_t n) {
    struct sink *o = own(k);
    if (o->kept) return keep_more(o, n) ? k->at : NULL;
    flush(o);
    if (o->code) return NULL;
    if (n <= (size_t)(k->end - k->at)) return k->at;
    end_direct(o);
    wait_idle(o);
    if (!o->code && n > o->now.cap && larger_buffer(o, n)) latch(o, SM_ENOMEM, 0);
    return o->code ? NULL : k->at;
}

/* All of the buffer is hashed, here. */
static void hash_rest(struct sink *o) {
    const size_t n = (size_t)(o->pub.at - o->now.p);
    if (o->started > HASHER) wait_for(o, &o->hand[HASHER]);
    if (o->hashed < n) (void)hash_bytes(o, o->now.p + o->hashed, n - o->hashed);
    o->hashed = n;
}

/* told: the bytes are hashed, as all in the buffer are. */
static void take_bytes(struct sink *o, const char *p, size_t n, bool told) {
    struct sm_sink *k = &o->pub;
    while (n > 0 && !o->code) {
        const size_t room = (size_t)(k->end - k->at), m = n < room ? n : room;
        if (m == 0) {
            flush(o);
            continue;
        }
        if (told && o->pages)
            sink_disk_copy(k->at, p, m);
        else
            memcpy(k->at, p, m);
        k->at += m;
        p += m;
        n -= m;
        if (told) o->hashed = (size_t)(k->at - o->now.p);
    }
}

void sm_sink_write(struct sm_sink *k, const char *p, size_t n) {
    struct sink *o = own(k);
    if (o->kept && n > (size_t)(k->end - k->at) && !keep_more(o, n)) return;
    take_bytes(o, p, n, false);
}

uint64_t sm_sink_size(const struct sm_sink *k) {
    const struct sink *o = own_const(k);
    return o->flushed + (o->code ? 0 : (uint64_t)(k->at - o->now.p));
}

int sm_sink_check(const struct sm_sink *k, struct sm_err *err) {
    const struct sink *o = own_const(k);
    if (o->code == SM_ENOMEM) return sm_fail(err, SM_ENOMEM, "out of memory writing %s", o->name);
    if (o->code == SM_OK) return SM_OK;
    errno = o->sys;
    return sm_fail_sys(err, o->code, "cannot write %s", o->name);
}

static void sink_free(struct sink *o) {
    stop_threads(o);
    if (o->open_sinks) --*o->open_sinks;
    sm_sha256_free(o->hash);
    if (!o->pages) {
        sm_free(o->now.p);
        sm_free(o->next.p);
    }
    sm_free(o->pages);
    sm_free(o);
}

int sm_sink_close(struct sm_sink *k, uint64_t *ret_size, char digest[65], struct sm_err *err) {
    struct sink *o = own(k);
    flush(o);
    end_direct(o);
    wait_idle(o);
    if (o->ours && close(o->fd) != 0 && errno != EINTR) latch(o, SM_EIO, errno);
    if (ret_size) *ret_size = o->flushed;
    if (digest) {
        digest[0] = '\0';
        if (o->hash) {
            sm_sha256_finish(o->hash, digest);
            o->hash = NULL;
            if (digest[0] == '\0') latch(o, SM_ENOMEM, 0);
        }
    }
    int rc = sm_sink_check(k, err);
    sink_free(o);
    return rc;
}

void sm_sink_discard(struct sm_sink *k) {
    if (!k) return;
    struct sink *o = own(k);
    stop_threads(o);
    if (o->ours) {
        (void)close(o->fd);
        (void)unlinkat(o->dir, o->name, 0);
    }
    sink_free(o);
}

static int sink_new(struct sink **ret, const char *name, struct sm_err *err) {
    size_t n = strlen(name) + 1;
    struct sink *o = sm_alloc(1, sizeof *o + n);
    if (!o || sm_resize(&o->now.p, BUFFER_SIZE, 1, NULL)) {
        sm_free(o);
        return sm_fail(err, SM_ENOMEM, "out of memory writing %s", name);
    }
    memcpy(o->name, name, n);
    o->now.cap = BUFFER_SIZE;
    set_room(o, 0);
    *ret = o;
    return SM_OK;
}

int sm_sink_on_fd(struct sm_sink **ret, int fd, struct sm_err *err) {
    struct sink *o;
    int rc = sink_new(&o, fd == STDOUT_FILENO ? "standard output" : "an open file", err);
    if (rc) return rc;
    o->fd = fd;
    *ret = &o->pub;
    return SM_OK;
}

int sm_sink_in_memory(struct sm_sink **ret, struct sm_err *err) {
    struct sink *o = NULL;
    int rc = sink_new(&o, "in memory", err);
    if (rc) return rc;
    o->kept = true;
    o->fd = -1;
    *ret = &o->pub;
    return SM_OK;
}

struct sm_str sm_sink_kept(struct sm_sink *k) {
    struct sink *o = own(k);
    struct sm_str s = {o->now.p, o->code ? 0 : (size_t)(k->at - o->now.p)};
    if (!o->code) k->at = o->now.p;
    return s;
}

void sm_sink_move(struct sm_sink *k, struct sm_sink *kept) {
    struct sink *to = own(k), *from = own(kept);
    struct sm_str s = sm_sink_kept(kept);
    if (to->kept) {
        sm_sink_write(k, s.p, s.n);
        return;
    }
    if (s.n >= MOVE_LEAST && !to->pages) flush(to);
    if (s.n == 0 || to->code) return;
    if (to->hash) {
        hash_rest(to);
        (void)hash_bytes(to, s.p, s.n);
    }
    if (s.n < MOVE_LEAST || to->pages) {
        take_bytes(to, s.p, s.n, true);
        return;
    }
    struct buffer full = from->now;
    from->now = to->now;
    to->now = full;
    to->hashed = s.n;
    set_room(to, s.n);
    set_room(from, 0);
}

void sm_sink_patch(struct sm_sink *kept, size_t at, const char *p, size_t n) {
    struct sink *o = own(kept);
    if (!o->code && at + n <= (size_t)(kept->at - o->now.p)) memcpy(o->now.p + at, p, n);
}

int sink_open_at(struct sm_sink **ret, struct sink_where at, size_t *open_sinks,
                 struct sm_err *err) {
    struct sink *o;
    int rc = sink_new(&o, at.relative, err);
    if (rc) return rc;
    rc = sm_sha256_open(&o->hash, err);
    if (!rc) {
        o->fd =
            openat(at.dir, at.relative, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (o->fd < 0) rc = sm_fail_sys(err, SM_EIO, "cannot make %s", at.relative);
    }
    if (rc) {
        sink_free(o);
        return rc;
    }
    o->dir = at.dir;
    o->alone = !at.threads;
    o->ours = true;
    o->open_sinks = open_sinks;
    ++*open_sinks;
    *ret = &o->pub;
    return SM_OK;
}
