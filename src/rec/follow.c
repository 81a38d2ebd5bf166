/* SPDX-License-Identifier: MIT */
/* follow.c - columns that follow another one: a value of theirs comes with each value of that, like
 * the name of a test with its code, the name of a visit with its number, a unit with a test. Whether
 * it is so is found in the values, and looked after in every one of them. */
#include "rec_priv.h"
#include "sdtmill/err.h"
#include "sdtmill/mem.h"

enum {
    BROKEN_MOST = 8, /* packs with exceptions */
    TRIES_MOST = 16, /* of all leaders */
    NEWS_PART = 4,   /* relied on when at most one value in so many was not known before */
    TOGETHER = 8,    /* values looked at before anything is asked */
    LEAD_MOST = 16   /* values of a leader for each of the column: few of many are better kept alone */
};

void rec_follow_free(struct sm_follow *w) {
    for (uint32_t i = 0; i < w->nwas; i++)
        sm_free(w->was[i]);
    sm_free(w->with);
}

/* A leader has codes of its own, */
static bool can_lead(const struct sm_pack_field *f) {
    return f->coded && !f->leader;
}
/* and at first more than one. */
static bool has_codes(const struct sm_pack_field *f) {
    return can_lead(f) && f->width;
}

/* Room for all codes of the leader. SM_EOF: there is none. */
static int follow_room(struct sm_packer *p, struct sm_follow *w, const struct sm_dict *leader,
                       struct sm_err *err) {
    sm_val *with = NULL;
    if (w->cap >= leader->n) return SM_OK;
    const uint64_t bytes = leader->cap * sizeof *with;
    uint64_t had = w->cap * sizeof *with;
    if (bytes > p->room / 4 || w->nwas == SM_DICT_GROWTHS) return SM_EOF;
    int rc = sm_resize(&with, leader->cap, sizeof *with, err);
    if (rc != SM_OK) return rc;
    memset(with, 0xFF, (size_t)bytes); /* SM_FOLLOW_UNKNOWN */
    if (w->cap) memcpy(with, w->with, w->cap * sizeof *with);
    if (w->relied) {
        w->was[w->nwas++] = w->with;
        had = 0;
    } else {
        sm_free(w->with);
    }
    w->with = with;
    w->cap = leader->cap;
    if (p->room != UINT64_MAX) p->room -= bytes - had;
    p->bytes += bytes - had;
    return SM_OK;
}

/* How many of n values come with their codes, up to some that may not. */
static uint32_t holds_surely(const sm_val *with, const uint32_t *code, const sm_val *v, size_t step,
                             uint32_t n) {
    uint32_t i = 0;
    for (; i + TOGETHER <= n; i += TOGETHER) {
        sm_val differ = 0;
        for (uint32_t k = 0; k < TOGETHER; k++)
            differ |= with[code[i + k]] ^ v[(i + k) * step];
        if (differ) break;
    }
    return i;
}

/* Does every value come with its code? What was not known is from now on. */
static bool holds(struct sm_follow *w, const uint32_t *code, const struct sm_pack_in *in,
                  uint32_t c) {
    const sm_val *v = in->col[c];
    const size_t step = in->step;
    uint32_t news = 0, i = 0, look = 0;
    for (; i < in->nrow; i++) {
        if (i == look) { /* then some one by one */
            const uint32_t left = in->nrow - i;
            i += step == 1 ? holds_surely(w->with, code + i, v + i, 1, left)
                           : holds_surely(w->with, code + i, v + i * step, step, left);
            look = i + TOGETHER;
            if (i == in->nrow) break;
        }
        sm_val *with = &w->with[code[i]];
        if (*with == v[i * step]) continue;
        if (*with != SM_FOLLOW_UNKNOWN) break;
        *with = v[i * step];
        news++;
    }
    w->news = news;
    return i == in->nrow;
}

/* The leader that packs rely on: they go on with it, but for some. Where it is constant, so is what
 * follows it, and that is kept in the same way as everywhere. */
static int follow_on(struct sm_packer *p, const struct sm_pack_in *in, uint32_t c, bool constant,
                     const struct sm_pack_field *field, struct sm_err *err) {
    struct sm_follow *w = &p->follow[c];
    const uint32_t l = c - w->leader;
    if (!can_lead(&field[l]) || (!field[l].width && !constant)) return SM_EOF;
    int rc = follow_room(p, w, &p->dict[l], err);
    if (rc != SM_OK) return rc;
    const uint32_t one = (uint32_t)field[l].base;
    const struct sm_pack_in first = {in->col, 0, in->pos, 1};
    if (field[l].width ? holds(w, p->code + (size_t)l * p->rows, in, c) : holds(w, &one, &first, c))
        return SM_OK;
    if (++w->broken == BROKEN_MOST) w->over = true;
    return SM_EOF;
}

/* The nearest one that all values so far follow: one that is not broken, that is, since it is tried.
 * It is relied on when it says what comes, and is not only told. */
static int follow_first(struct sm_packer *p, const struct sm_pack_in *in, uint32_t c,
                        const struct sm_pack_field *field, struct sm_err *err) {
    struct sm_follow *w = &p->follow[c];
    const uint32_t most = c < UINT8_MAX ? c : UINT8_MAX;
    for (uint32_t back = w->leader ? w->leader : 1; back <= most; back++) {
        const uint32_t l = c - back;
        const bool can = has_codes(&field[l]) && p->dict[l].n <= p->dict[c].n * LEAD_MOST;
        int rc = can ? follow_room(p, w, &p->dict[l], err) : SM_EOF;
        if (rc == SM_OK && holds(w, p->code + (size_t)l * p->rows, in, c)) {
            w->leader = (uint8_t)back;
            w->relied = w->news <= in->nrow / NEWS_PART;
            if (w->relied) w->broken = 0;
            return w->relied ? SM_OK : SM_EOF;
        }
        if (rc != SM_OK && rc != SM_EOF) return rc;
        if (rc == SM_OK || back == w->leader) memset(w->with, 0xFF, w->cap * sizeof *w->with);
    }
    w->leader = 0;
    w->over = ++w->broken == TRIES_MOST;
    return SM_EOF;
}

int rec_follow(struct sm_packer *p, const struct sm_pack_in *in, uint32_t c, bool constant,
               struct sm_pack_field *field, struct sm_err *err) {
    struct sm_follow *w = &p->follow[c];
    w->news = 0;
    if (w->over || p->dict[c].own || (constant && !w->relied)) return SM_EOF;
    int rc = w->relied ? follow_on(p, in, c, constant, field, err)
                       : follow_first(p, in, c, field, err);
    if (rc != SM_OK) return rc;
    field[c] = field[c - w->leader];
    field[c].leader = w->leader;
    return SM_OK;
}
