/* SPDX-License-Identifier: MIT */
/* rver_meta.c - what two files say of a dataset and its variables: names, order, labels, types,
 * keys. Only what both say by themselves (or define.xml for them) is compared. */
#include "rver_priv.h"
#include "sdtmill/utf8.h"

static uint32_t find(const struct sm_dsinfo *d, struct sm_str name) {
    for (uint32_t i = 0; i < d->nvar; i++)
        if (sm_str_eq(d->var[i].name, name)) return i;
    return UINT32_MAX;
}

/* One of the two files of a comparison, by the name to call it. */
struct party {
    const struct sm_dsinfo *info;
    struct sm_str path;
    unsigned knows;
    bool binary;
};
struct meeting {
    struct rver_ds *d;
    struct party a, b;
};

static struct sm_str blanks_off(struct sm_str s) {
    while (s.n > 0 && s.p[s.n - 1] == ' ')
        s.n--;
    return s;
}

static bool label_same(const struct meeting *m, struct sm_str a, struct sm_str b) {
    struct sm_buf ascii;
    if (m->a.binary || m->b.binary) {
        a = blanks_off(a);
        b = blanks_off(b);
    }
    if (a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0)) return true;
    if (!m->d->v->transliterated || m->a.binary == m->b.binary) return false;
    sm_buf_init(&ascii, 0);
    bool same = sm_utf8_to_ascii(m->a.binary ? b : a, &ascii) &&
                sm_str_eq(blanks_off(sm_buf_str(&ascii)), m->a.binary ? a : b);
    sm_buf_free(&ascii);
    return same;
}

static void say(const struct meeting *m, struct sm_str var, const char *what, struct sm_str a,
                struct sm_str b) {
    rver_say(m->d->v, "%.*s%s%.*s: %s \"%.*s\" in %.*s, \"%.*s\" in %.*s", SM_STR_FMT(m->d->name),
             var.n ? ", " : "", SM_STR_FMT(var), what, SM_STR_FMT(a), SM_STR_FMT(m->a.path),
             SM_STR_FMT(b), SM_STR_FMT(m->b.path));
}

static struct sm_str type_name(const struct sm_dsvar *v) {
    return v->is_num ? SM_STR("number") : SM_STR("text");
}

static struct sm_str digits(uint32_t n, char room[16]) {
    (void)snprintf(room, 16, "%u", n);
    return sm_str(room);
}

static void var_compare(const struct meeting *m, const struct sm_dsvar *a,
                        const struct sm_dsvar *b) {
    unsigned both = m->a.knows & m->b.knows;
    char x[16], y[16];
    if ((both & SM_LOAD_LABELS) && !label_same(m, a->label, b->label))
        say(m, a->name, "label", a->label, b->label);
    if ((both & SM_LOAD_TYPES) && a->is_num != b->is_num)
        say(m, a->name, "type", type_name(a), type_name(b));
    if ((both & SM_LOAD_KEYS) && a->key != b->key)
        say(m, a->name, "key position", digits(a->key, x), digits(b->key, y));
}

/* The variables of b for those of a; col may be NULL. */
static void vars_compare(const struct meeting *m, uint32_t *col) {
    const struct sm_dsinfo *a = m->a.info, *b = m->b.info;
    bool ordered = (m->a.knows & m->b.knows & SM_LOAD_ORDER) != 0;
    uint32_t last = 0;
    for (uint32_t i = 0; i < a->nvar; i++) {
        uint32_t k = find(b, a->var[i].name);
        if (col) col[i] = k;
        if (k == UINT32_MAX) { /* without define.xml Dataset-XML knows only variables that have a
                                  value */
            if (m->b.knows & SM_LOAD_ORDER)
                rver_say(m->d->v, "%.*s: variable %.*s of %.*s is not in %.*s",
                         SM_STR_FMT(m->d->name), SM_STR_FMT(a->var[i].name), SM_STR_FMT(m->a.path),
                         SM_STR_FMT(m->b.path));
            continue;
        }
        if (ordered && k < last) {
            rver_say(m->d->v, "%.*s: variable %.*s stands at another place in %.*s than in %.*s",
                     SM_STR_FMT(m->d->name), SM_STR_FMT(a->var[i].name), SM_STR_FMT(m->b.path),
                     SM_STR_FMT(m->a.path));
            ordered = false;
        }
        last = k;
        var_compare(m, &a->var[i], &b->var[k]);
    }
    for (uint32_t i = 0; i < b->nvar; i++)
        if (find(a, b->var[i].name) == UINT32_MAX)
            rver_say(m->d->v, "%.*s: variable %.*s of %.*s is not in %.*s", SM_STR_FMT(m->d->name),
                     SM_STR_FMT(b->var[i].name), SM_STR_FMT(m->b.path), SM_STR_FMT(m->a.path));
}

static struct party party_of(const struct rver_side *s) {
    return (struct party){s->info, s->file->path, s->knows, s->binary};
}

int rver_meta(struct rver_ds *d, struct rver_side *s, struct sm_err *err) {
    const struct rver_side *ref = &d->side[0];
    struct meeting m = {d, party_of(ref), party_of(s)};
    if (!sm_str_eq_nocase(s->info->name, d->name))
        rver_say(d->v, "%.*s: is dataset %.*s, the manifest says %.*s", SM_STR_FMT(s->file->path),
                 SM_STR_FMT(s->info->name), SM_STR_FMT(d->name));
    if (s == ref) return SM_OK;
    s->col = sm_alloc(ref->info->nvar, sizeof *s->col);
    if (!s->col) return sm_fail(err, SM_ENOMEM, "out of memory");
    if ((m.a.knows & m.b.knows & SM_LOAD_LABELS) &&
        !label_same(&m, ref->info->label, s->info->label))
        say(&m, SM_STR(""), "label", ref->info->label, s->info->label);
    vars_compare(&m, s->col);
    return SM_OK;
}

/* What define.xml says is read as the loader of Dataset-XML reads it: for a file without records.
 */
int rver_meta_define(struct rver_ds *d, struct sm_err *err) {
    static const char empty[] = "<ODM xmlns=\"http://www.cdisc.org/ns/odm/v1.3\" "
                                "xmlns:data=\"http://www.cdisc.org/ns/Dataset-XML/v1.0\" "
                                "data:DatasetXMLVersion=\"1.0.0\"><ClinicalData/></ODM>";
    const struct rver_file *define = d->v->define;
    if (!define || !define->there) return SM_OK;
    struct sm_str name = sm_arena_printf(&d->v->arena, "%.*s.xml", SM_STR_FMT(d->name));
    struct sm_loader *l = NULL;
    struct sm_err own = {0};
    if (!name.p) return sm_fail(err, SM_ENOMEM, "out of memory");
    int rc = sm_loader_open_memory(&l, name.p, sm_str_n(empty, sizeof empty - 1),
                                   &(struct sm_load_opts){.define = define->full.p}, d->in, &own);
    if (rc == SM_EFORMAT || rc == SM_EDATA) {
        bool absent = strstr(own.text, "no define.xml") != NULL; /* it has no such dataset */
        rver_say(d->v, absent ? "%.*s: is not in define.xml" : "define.xml: cannot be read: %.*s",
                 SM_STR_FMT(absent ? d->name : sm_str(own.text)));
        return SM_OK;
    }
    if (rc) return sm_fail(err, (enum sm_rc)rc, "%s", own.text);
    struct meeting m = {
        d, party_of(&d->side[0]), {sm_loader_info(l), define->path, sm_loader_knows(l), false}};
    if ((m.a.knows & SM_LOAD_LABELS) && !label_same(&m, m.a.info->label, m.b.info->label))
        say(&m, SM_STR(""), "label", m.a.info->label, m.b.info->label);
    vars_compare(&m, NULL);
    sm_loader_close(l);
    return SM_OK;
}
