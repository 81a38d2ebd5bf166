/* SPDX-License-Identifier: MIT */
/* emit_define.c - define.xml, CDISC Define-XML 2.1, of all datasets of a run. */
#include <unistd.h>

#include "define_priv.h"
#include "sdtmill/err.h"
#include "sdtmill/mem.h"

enum { TEXT_CUT = 60, PATH_CAP = 4200 };
static const char define_path[] = "define.xml";

/* ---- texts of the model
 * ----------------------------------------------------------------------------- */
static struct sm_str kept(struct define *f, struct sm_str s) {
    if (s.p) return s;
    f->failed = true;
    return (struct sm_str){"", 0};
}

struct sm_str def_printf(struct define *f, const char *fmt, ...) {
    struct sm_buf b;
    char text[256];
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    sm_buf_init(&b, 0);
    if (n >= 0 && (size_t)n < sizeof text) {
        sm_buf_add(&b, text, (size_t)n);
    } else if (n >= 0 && sm_buf_reserve(&b, (size_t)n + 1)) {
        (void)vsnprintf(b.p, (size_t)n + 1, fmt, again);
        b.n = (size_t)n;
    }
    va_end(again);
    return def_take(f, &b);
}

struct sm_str def_keep(struct define *f, struct sm_str s) {
    return s.n ? kept(f, sm_arena_dup(&f->arena, s)) : (struct sm_str){"", 0};
}

struct sm_str def_take(struct define *f, struct sm_buf *b) {
    if (b->failed && !b->over) f->failed = true;
    struct sm_str s = b->n ? sm_str_n(b->p, b->n) : (struct sm_str){"", 0};
    while (b->over && s.n && ((unsigned char)s.p[s.n - 1] & 0x80))
        s.n--; /* no half character */
    if (b->over)
        s = kept(f, sm_arena_printf(&f->arena, "%.*s ...", (int)s.n, s.p));
    else
        s = def_keep(f, s);
    sm_buf_free(b);
    return s;
}

struct sm_str def_value(struct define *f, sm_val v) {
    struct sm_valbuf b;
    return v == SM_MISSING ? (struct sm_str){"", 0}
                           : def_keep(f, sm_val_text(f->study->texts, v, &b));
}

void *def_push(struct define *f, void *array, size_t *n, size_t *cap, size_t size) {
    struct sm_err err = {0};
    char *base;
    if (f->failed || sm_grow(array, cap, *n + 1, size, &err)) {
        f->failed = true;
        return NULL;
    }
    memcpy(&base, array, sizeof base);
    return base + (*n)++ * size;
}

struct sm_str def_comment(struct define *f, struct sm_str oid, struct sm_str text) {
    if (!text.n) return text;
    for (size_t i = 0; i < f->comment.n; i++)
        if (sm_str_eq(f->comment.p[i].text, text)) return f->comment.p[i].oid;
    struct def_text *t = DEF_PUSH(f, comment);
    if (t) *t = (struct def_text){.oid = oid, .text = text};
    return oid;
}

struct sm_str def_method(struct define *f, const struct def_text *m) {
    for (size_t i = 0; i < f->method.n; i++)
        if (sm_str_eq(f->method.p[i].text, m->text) && sm_str_eq(f->method.p[i].formal, m->formal))
            return f->method.p[i].oid;
    struct def_text *t = DEF_PUSH(f, method);
    if (t) *t = *m;
    return m->oid;
}

/* ---- datasets
 * ----------------------------------------------------------------------------------------- */
/* Class names of Define-XML 2.1 in the order in which their datasets stand. */
static const char *const classes[] = {"TRIAL DESIGN", "SPECIAL PURPOSE", "INTERVENTIONS",
                                      "EVENTS",       "FINDINGS",        "FINDINGS ABOUT",
                                      "RELATIONSHIP", "STUDY REFERENCE"};

static void set_class(struct def_group *g) {
    char text[TEXT_CUT];
    size_t n = 0;
    for (; n < g->d->cls.n && n + 1 < sizeof text; n++)
        text[n] = g->d->cls.p[n] == '-' ? ' ' : sm_to_upper(g->d->cls.p[n]);
    text[n] = '\0';
    g->rank = (int)SM_ARRAY_LEN(classes);
    for (size_t i = 0; i < SM_ARRAY_LEN(classes); i++)
        if (strcmp(text, classes[i]) == 0) {
            g->rank = (int)i;
            g->cls = sm_str(classes[i]);
        }
}

/* The file <folder><name><number><suffix>, if it was written. */
static bool try_leaf(struct define *f, struct def_group *g, const struct sm_emit_ops *ops,
                     const char *below, const char *number) {
    char title[PATH_CAP], path[PATH_CAP], lower[TEXT_CUT + 1];
    size_t n = 0;
    for (; n < g->d->name.n && n < TEXT_CUT; n++)
        lower[n] = sm_to_lower(g->d->name.p[n]);
    lower[n] = '\0';
    (void)snprintf(title, sizeof title, "%s%s%s", lower, number, ops->suffix);
    int len = snprintf(path, sizeof path, "%s/%s/%s%s", sm_stage_path(f->study->stage), ops->folder,
                       below, title);
    if (len < 0 || len >= PATH_CAP || access(path, F_OK) != 0) return false;
    g->title = def_keep(f, sm_str(title));
    g->href = def_printf(f, "%s/%s%s", ops->folder, below, title);
    g->leaf = def_printf(f, "LF.%.*s", SM_STR_FMT(g->d->name));
    return true;
}

/* The file of the dataset that was written: transport file, else XML, JSON, text. Of a transport
 * file in parts the first one. */
static void set_leaf(struct define *f, struct def_group *g) {
    static const char *const formats[] = {"xpt", "xml", "json", "ndjson", "dsjc", "csv"};
    for (size_t i = 0; i < SM_ARRAY_LEN(formats) && !g->no_data; i++) {
        const struct sm_emit_ops *ops = sm_emit_find(sm_str(formats[i]));
        if (!ops) continue;
        if (try_leaf(f, g, ops, "", "")) return;
        g->parted = f->study->split_size && try_leaf(f, g, ops, "split/", "1");
        if (g->parted) return;
    }
}

static void set_group_comment(struct define *f, struct def_group *g) {
    struct sm_str own = g->domain && !g->d->is_supp ? g->domain->comment : (struct sm_str){NULL, 0};
    struct sm_str note = g->no_data ? SM_STR("No data: the dataset has no records.") : SM_STR("");
    if (g->parted)
        note = def_printf(f, "The file is the first of several parts with the same variables; the "
                             "others are numbered after it.");
    struct sm_str text = own.n && note.n
                             ? def_printf(f, "%.*s %.*s", SM_STR_FMT(own), SM_STR_FMT(note))
                         : own.n ? own
                                 : note;
    g->comment = def_comment(f, def_printf(f, "COM.%.*s", SM_STR_FMT(g->d->name)), text);
}

static void add_group(struct define *f, const struct sm_dsinfo *d,
                      const struct sm_dsinfo *const *all, size_t n) {
    char oid[SM_EMIT_OID_MAX];
    struct def_group g = {.d = d, .domain = f->spec ? d->source : NULL, .no_data = d->rows == 0};
    sm_oid_group(d, oid, sizeof oid);
    g.oid = def_keep(f, sm_str(oid));
    g.standard = f->has_ig && !d->custom;
    set_class(&g);
    set_leaf(f, &g);
    for (size_t i = 0; i < n && !g.parent_label.n; i++)
        if (!sm_str_eq(d->name, d->domain) && !all[i]->is_supp &&
            sm_str_eq(all[i]->domain, d->domain))
            g.parent_label = all[i]->label;
    set_group_comment(f, &g);
    struct def_group *to = DEF_PUSH(f, group);
    if (to) *to = g;
}

static bool stands_before(const struct def_group *a, const struct def_group *b) {
    return a->rank != b->rank ? a->rank < b->rank : sm_str_cmp(a->d->name, b->d->name) < 0;
}

static void sort_groups(struct define *f) {
    for (size_t i = 1; i < f->group.n; i++) {
        struct def_group g = f->group.p[i];
        size_t k = i;
        for (; k > 0 && stands_before(&g, &f->group.p[k - 1]); k--)
            f->group.p[k] = f->group.p[k - 1];
        f->group.p[k] = g;
    }
}

/* ---- the whole
 * ------------------------------------------------------------------------------------------ */
static bool is_known_standard(const struct sm_emit_study *s) {
    static const char *const known[] = {"SDTMIG",    "SDTMIG-AP",   "SDTMIG-MD",      "SENDIG",
                                        "SENDIG-AR", "SENDIG-DART", "SENDIG-GENETOX", "BIMO"};
    for (size_t i = 0; i < SM_ARRAY_LEN(known); i++)
        if (sm_str_eq_c(s->standard_name, known[i]) && s->standard_version.n) return true;
    return false;
}

static void make_model(struct define *f, const struct sm_dsinfo *const *all, size_t n) {
    f->has_ig = is_known_standard(f->study);
    for (size_t i = 0; i < n; i++) {
        if (all[i]->values && all[i]->values->failed) f->failed = true;
        add_group(f, all[i], all, n);
    }
    sort_groups(f);
    for (size_t i = 0; i < f->group.n && !f->failed; i++) {
        def_group_items(f, &f->group.p[i]);
        if (!f->failed) def_group_values(f, &f->group.p[i]);
    }
    if (f->spec) f->ct_version = sm_ct_version(f->spec->ct);
    if (f->uses_ct && !f->ct_version.n)
        f->ct_comment = def_comment(
            f, SM_STR("COM." DEF_CT),
            SM_STR("The terminology files of the mapping do not say which package they are from."));
}

static int write_file(struct define *f, struct sm_err *err) {
    char digest[65];
    uint64_t size;
    int rc = sm_stage_file(f->study->stage, define_path, &f->sink, err);
    if (rc) return rc;
    def_write(f);
    rc = sm_sink_close(f->sink, &size, digest, err);
    if (!rc && f->study->wrote)
        f->study->wrote(f->study->wrote_ctx, define_path, (struct sm_str){NULL, 0}, 0, size,
                        digest);
    return rc;
}

static int define_finish(struct sm_emitter *e, const struct sm_dsinfo *const *all, size_t n,
                         struct sm_err *err) {
    struct define f = {.study = e->study, .spec = e->study->spec};
    make_model(&f, all, n);
    int rc =
        f.failed ? sm_fail(err, SM_ENOMEM, "out of memory for define.xml") : write_file(&f, err);
    sm_free(f.group.p);
    sm_free(f.method.p);
    sm_free(f.comment.p);
    sm_free(f.clause.p);
    sm_free(f.list.p);
    sm_free(f.values.p);
    sm_arena_free(&f.arena);
    return rc;
}

const struct sm_emit_ops emit_define = {
    .name = "define", .suffix = "define.xml", .caps = SM_EMIT_STUDY, .finish = define_finish};
