/* SPDX-License-Identifier: MIT */
#include "spec/spec_priv.h"

#include <limits.h>
#include <sys/stat.h>

#include "sdtmill/err.h"
#include "sdtmill/hash.h"
#include "sdtmill/mem.h"

/* ---- memory ---------------------------------------------------------------------------------- */

void sp_nomem(struct sp_load *l) {
    l->failed = true;
    (void)sm_fail(l->err, SM_ENOMEM, "out of memory while loading the mapping");
}

void *sp_push(struct sp_load *l, struct sp_vec *v, size_t size) {
    if (v->n == v->cap) {
        uint32_t cap = v->cap ? v->cap * 2 : 8;
        void *p = v->cap < UINT32_MAX / 4 ? sm_arena_array(l->a, cap, size) : NULL;
        if (p == NULL) {
            sp_nomem(l);
            return NULL;
        }
        if (v->n) memcpy(p, v->p, v->n * size);
        v->p = p;
        v->cap = cap;
    }
    return (char *)v->p + (size_t)v->n++ * size;
}

void *sp_alloc(struct sp_load *l, size_t n, size_t size) {
    void *p = sm_arena_array(l->a, n ? n : 1, size);
    if (p == NULL) sp_nomem(l);
    return p;
}

struct sm_str sp_dup(struct sp_load *l, struct sm_str s) {
    if (s.p == NULL) return s;
    struct sm_str r = sm_arena_dup(l->a, s);
    if (r.p == NULL) sp_nomem(l);
    return r;
}

/* What has been said is enough; going on would only cost time. */
static void load_stop(struct sp_load *l, const char *why) {
    l->failed = true;
    (void)sm_fail(l->err, SM_ESPEC, "%s", why);
}

void sp_too_large(struct sp_load *l, struct sm_where at, const char *what, uint32_t most) {
    if (l->failed) return;
    sp_say(l, SM_D_MAPPING_INVALID, at, NULL, "mapping is too large: more than %u %s", most, what);
    load_stop(l, "mapping is too large");
}

bool sp_budget(struct sp_load *l, uint64_t n, struct sm_where at) {
    l->ncells += n;
    if (l->ncells <= SP_CELLS_MAX) return true;
    sp_too_large(l, at, "columns of files and variables of records", SP_CELLS_MAX);
    return false;
}

struct sm_str sp_printf(struct sp_load *l, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    char small[2048];
    int n = vsnprintf(small, sizeof small, fmt, ap);
    va_end(ap);
    if (n < 0) return (struct sm_str){NULL, 0};
    return sp_dup(l, sm_str_n(small, (size_t)n < sizeof small ? (size_t)n : sizeof small - 1));
}

/* ---- findings -------------------------------------------------------------------------------- */

/* One mistake is met as often as its element is compiled; it is said once. */
static bool load_said(struct sp_load *l, int code, struct sm_where at, const char *detail) {
    char place[96];
    int n = snprintf(place, sizeof place, "%d %u %u ", code, at.line, at.column);
    uint64_t h = sm_hash(place, n > 0 ? (size_t)n : 0) * 31 + sm_hash(detail, strlen(detail));
    if (at.file.p) h = h * 31 + sm_hash(at.file.p, at.file.n);
    for (uint32_t i = 0; i < l->nsaid; i++)
        if (l->said[i] == h) return true;
    if (l->nsaid < SP_SAY_MAX) l->said[l->nsaid++] = h;
    return false;
}

static void load_add(struct sm_diags *to, int code, struct sm_where at,
                     const struct sp_about *about, const char *detail) {
    struct sm_diag d = {.code = (uint16_t)code,
                        .file = at.file,
                        .line = at.line,
                        .map_file = at.file,
                        .map_line = at.line,
                        .map_column = at.column,
                        .detail = sm_str(detail)};
    if (about) {
        d.domain = about->domain;
        d.variable = about->variable;
        d.mend = sm_str(about->mend);
    }
    sm_diags_add(to, &d, -1);
}

void sp_say(struct sp_load *l, int code, struct sm_where at, const struct sp_about *about,
            const char *fmt, ...) {
    char detail[1024];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(detail, sizeof detail, fmt, ap);
    va_end(ap);
    const struct sm_diag_info *info = sm_diag_info((unsigned)code);
    bool is_error = info && info->sev == SM_SEV_ERROR;
    if (is_error) l->nerror++;
    if (l->nsaid >= SP_SAY_MAX || load_said(l, code, at, detail)) return;
    load_add(l->diags, code, at, about, detail);
    if (l->nsaid < SP_SAY_MAX) return;
    load_add(l->diags, SM_D_MAPPING_INVALID, at, NULL,
             "too many mistakes: further ones are not named");
    load_stop(l, "too many mistakes");
}

void sp_lint(struct sp_load *l, int code, struct sm_where at, const struct sp_about *about,
             const char *fmt, ...) {
    char detail[1024];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(detail, sizeof detail, fmt, ap);
    va_end(ap);
    load_add(&l->own->lint, code, at, about, detail);
}

struct sp_near sp_near_start(struct sm_str want) {
    unsigned most = (unsigned)(want.n < 60 ? want.n / 3 + 1 : 20);
    return (struct sp_near){want, {NULL, 0}, most + 1};
}

void sp_near_try(struct sp_near *n, struct sm_str name) {
    if (n->distance == 0 || name.n == 0 || n->want.n > 200 || name.n > 200) return;
    unsigned d = sm_str_distance(n->want, name, n->distance - 1);
    if (d >= n->distance || d >= name.n) return;
    n->distance = d;
    n->best = name;
}

void sp_unknown(struct sp_load *l, struct sm_where at, const char *what, struct sm_str name,
                struct sm_str nearest) {
    char mend[300];
    struct sp_about about = {.mend = NULL};
    if (nearest.p) {
        (void)snprintf(mend, sizeof mend, "did you mean '%.*s'?", SM_STR_FMT(nearest));
        about.mend = mend;
    }
    sp_say(l, SM_D_UNKNOWN_NAME, at, &about, "no %s '%.*s'", what, SM_STR_FMT(name));
}

/* ---- files ----------------------------------------------------------------------------------- */

static bool load_is_file(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

void sp_input(struct sp_load *l, struct sm_str path) {
    const struct sm_str *v = l->inputs.p;
    for (uint32_t i = 0; i < l->inputs.n; i++)
        if (sm_str_eq(v[i], path)) return;
    struct sm_str *p = sp_push(l, &l->inputs, sizeof *p);
    if (p) *p = sp_dup(l, path);
}

/* "a/b/../c" to "a/c"; a leading ".." stays. */
static struct sm_str load_tidy(struct sp_load *l, const char *path) {
    char out[PATH_MAX];
    size_t n = 0, floor = 0;
    struct sm_str rest = sm_str(path), piece;
    if (path[0] == '/') out[n++] = '/', floor = 1, rest.p++, rest.n--;
    while (sm_str_split(&rest, '/', &piece)) {
        if (piece.n == 0 || sm_str_eq_c(piece, ".")) continue;
        bool up = sm_str_eq_c(piece, "..");
        if (up && n > floor) {
            while (n > floor && out[n - 1] != '/')
                n--;
            if (n > floor) n--;
            continue;
        }
        if (n + piece.n + 2 > sizeof out) break;
        if (n && out[n - 1] != '/') out[n++] = '/';
        memcpy(out + n, piece.p, piece.n);
        n += piece.n;
        if (up) floor = n;
    }
    if (n == 0) out[n++] = '.';
    return sp_dup(l, sm_str_n(out, n));
}

static bool load_below(const char *real, struct sm_str root) {
    size_t n = strlen(real);
    if (n < root.n || memcmp(real, root.p, root.n) != 0) return false;
    return n == root.n || real[root.n] == '/' || root.n == 1;
}

/* Inside the mapping's own tree or a library? */
static bool load_allowed(const struct sp_load *l, const char *path) {
    char real[PATH_MAX];
    if (realpath(path, real) == NULL) return false;
    const struct sm_str *v = l->roots.p;
    for (uint32_t i = 0; i < l->roots.n; i++)
        if (load_below(real, v[i])) return true;
    return false;
}

static struct sm_str load_join(struct sp_load *l, struct sm_str dir, struct sm_str name) {
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%.*s/%.*s", SM_STR_FMT(dir), SM_STR_FMT(name));
    if (n < 0 || (size_t)n >= sizeof path || name.n > PATH_MAX) return (struct sm_str){NULL, 0};
    return load_tidy(l, path);
}

struct sm_str sp_search(struct sp_load *l, const char *sub, struct sm_str name) {
    char path[PATH_MAX];
    struct sm_str none = {NULL, 0}, dir = l->study_dir;
    if (name.n == 0 || name.n > 255 || sm_str_find(name, SM_STR(".."), 0) != SIZE_MAX) return none;
    for (;;) {
        int n = snprintf(path, sizeof path, "%.*s/%s/%.*s", SM_STR_FMT(dir), sub, SM_STR_FMT(name));
        if (n > 0 && (size_t)n < sizeof path && load_is_file(path)) return sp_dup(l, sm_str(path));
        while (dir.n && dir.p[dir.n - 1] != '/')
            dir.n--;
        if (dir.n <= 1) break;
        dir.n--;
    }
    for (size_t i = 0; l->paths && i < l->paths->nlibrary; i++) {
        int n =
            snprintf(path, sizeof path, "%s/%s/%.*s", l->paths->library[i], sub, SM_STR_FMT(name));
        if (n > 0 && (size_t)n < sizeof path && load_is_file(path)) return sp_dup(l, sm_str(path));
    }
    return none;
}

struct sm_str sp_find_file(struct sp_load *l, struct sm_where at, const struct sp_file *from,
                           struct sm_str what, const char *sub) {
    struct sm_str none = {NULL, 0};
    if (what.n == 0 || memchr(what.p, 0, what.n)) {
        sp_say(l, SM_D_MAPPING_INVALID, at, NULL, "file name is empty");
        return none;
    }
    struct sm_str path = what.p[0] == '/' ? sp_dup(l, what) : load_join(l, from->dir, what);
    if (path.p && load_is_file(path.p)) {
        if (load_allowed(l, path.p)) return path;
        sp_say(l, SM_D_MAPPING_INVALID, at,
               &(struct sp_about){.mend = "copy the file into the mapping's folder"},
               "'%.*s' lies outside the mapping's own folders", SM_STR_FMT(what));
        return none;
    }
    struct sm_str found = sub && what.p[0] != '/' ? sp_search(l, sub, what) : none;
    if (found.p == NULL)
        sp_say(l, SM_D_MAPPING_INVALID, at,
               &(struct sp_about){.mend = "mend the path; it is relative to this file"},
               "no file '%.*s'", SM_STR_FMT(what));
    return found;
}

/* ---- where files may come from --------------------------------------------------------------- */

static void load_root(struct sp_load *l, const char *path) {
    char real[PATH_MAX];
    if (realpath(path, real) == NULL) return;
    struct sm_str *p = sp_push(l, &l->roots, sizeof *p);
    if (p) *p = sp_dup(l, sm_str(real));
}

static bool load_is_mappings(struct sm_str dir) {
    static const char *const marks[] = {"schema/mapping.rng", "standards", "terminology"};
    char path[PATH_MAX];
    struct stat st;
    for (size_t i = 0; i < SM_ARRAY_LEN(marks); i++) {
        int n = snprintf(path, sizeof path, "%.*s/%s", SM_STR_FMT(dir), marks[i]);
        if (n > 0 && (size_t)n < sizeof path && stat(path, &st) == 0) return true;
    }
    return false;
}

/* The study's folder, the nearest folder above it that holds standards or terminology, the
 * libraries. */
static bool load_roots(struct sp_load *l, const char *path) {
    char real[PATH_MAX];
    if (realpath(path, real) == NULL || !load_is_file(real)) {
        (void)sm_fail_sys(l->err, SM_ESPEC, "%s", path);
        sp_say(l, SM_D_MAPPING_INVALID, (struct sm_where){sm_str(path), 0, 0},
               &(struct sp_about){.mend = "give the path of the study's mapping"},
               "cannot be opened");
        return false;
    }
    struct sm_str dir = sm_str(real);
    while (dir.n > 1 && dir.p[dir.n - 1] != '/')
        dir.n--;
    if (dir.n > 1) dir.n--;
    l->study_dir = sp_dup(l, dir);
    if (l->failed) return false;
    load_root(l, l->study_dir.p);
    for (dir = l->study_dir; dir.n > 1;) {
        if (load_is_mappings(dir)) {
            struct sm_str root = sp_dup(l, dir);
            if (root.p) load_root(l, root.p);
            break;
        }
        while (dir.n && dir.p[dir.n - 1] != '/')
            dir.n--;
        if (dir.n > 1) dir.n--;
    }
    for (size_t i = 0; l->paths && i < l->paths->nlibrary; i++)
        load_root(l, l->paths->library[i]);
    return !l->failed;
}

/* ---- the standard ---------------------------------------------------------------------------- */

static void load_standard(struct sp_load *l) {
    struct sm_where at = sp_at_attr(l->study, "standard", 1);
    l->s->standard = sp_dup(l, sp_word(l->study, "standard"));
    char name[128];
    size_t n = 0;
    for (size_t i = 0; i < l->s->standard.n && n + 8 < sizeof name; i++) {
        char c = l->s->standard.p[i];
        name[n++] = c == ' ' ? '-' : sm_to_lower(c);
    }
    memcpy(name + n, ".xml", 5);
    struct sm_str path = n ? sp_search(l, "standards", sm_str(name)) : (struct sm_str){NULL, 0};
    if (path.p == NULL || strchr(name, '/')) {
        sp_say(
            l, SM_D_UNKNOWN_NAME, at,
            &(struct sp_about){
                .mend = "name a standard that is there, or put its file into a standards/ folder"},
            "no standard '%.*s': no file standards/%s beside the study, above it or in the library",
            SM_STR_FMT(l->s->standard), name);
        return;
    }
    struct sm_err e;
    sm_err_reset(&e);
    if (sm_model_load(&l->s->model, path.p, l->a, &e) != SM_OK) {
        l->s->model = NULL;
        if (e.code == SM_ENOMEM)
            sp_nomem(l);
        else
            sp_say(l, SM_D_MAPPING_INVALID, at, NULL, "standard: %s", e.text);
        return;
    }
    sp_input(l, path);
}

static void load_study(struct sp_load *l) {
    struct sm_spec *s = l->s;
    static const struct {
        const char *name;
        size_t at;
    } attrs[] = {
        {"oid", offsetof(struct sm_spec, oid)},
        {"name", offsetof(struct sm_spec, name)},
        {"title", offsetof(struct sm_spec, title)},
        {"description", offsetof(struct sm_spec, description)},
        {"protocol", offsetof(struct sm_spec, protocol)},
        {"sponsor", offsetof(struct sm_spec, sponsor)},
        {"raw", offsetof(struct sm_spec, raw)},
    };
    for (size_t i = 0; i < SM_ARRAY_LEN(attrs); i++) {
        struct sm_str *to = (struct sm_str *)(void *)((char *)s + attrs[i].at);
        *to = sp_dup(l, sp_word(l->study, attrs[i].name));
    }
    s->study_oid = sm_val_make(s->in, s->oid);
    l->habits = (struct sp_habits){.dates = SM_STR("iso"),
                                   .times = SM_STR("HH:MM:SS|HH:MM"),
                                   .unknown = SM_STR("UN|UNK|NK|NA|--|??"),
                                   .century = 68,
                                   .decimal = '.'};
    sp_habits(l, l->study, &l->habits);
}

static void load_ignores(struct sp_load *l) {
    const struct sp_top *t = l->tops.p;
    for (uint32_t i = 0; i < l->tops.n; i++) {
        if (!sp_is(t[i].node, "ignore")) continue;
        struct sm_str files = sp_attr(t[i].node, "files"), glob;
        while (sm_str_split(&files, '|', &glob)) {
            glob = sm_str_trim(glob);
            if (glob.n == 0) continue;
            struct sm_ignore *g = sp_push(l, &l->ignores, sizeof *g);
            if (g == NULL) return;
            *g = (struct sm_ignore){sp_dup(l, glob), sp_dup(l, sp_word(t[i].node, "reason"))};
        }
    }
}

/* ---- all of it ------------------------------------------------------------------------------- */

/* What others need of the vectors, before their elements' addresses are used. */
static void load_publish(struct sp_load *l) {
    struct sm_spec *s = l->s;
    s->source = l->sources.p, s->nsource = l->sources.n;
    s->table = l->tables.p, s->ntable = l->tables.n;
    s->lookup = l->lookups.p, s->nlookup = l->lookups.n;
    s->domain = l->domains.p, s->ndomain = l->domains.n;
    s->epoch = l->epochs.p, s->nepoch = l->epochs.n;
    s->ref = l->refs.p, s->nref = l->refs.n;
    s->ignore = l->ignores.p, s->nignore = l->ignores.n;
    s->input = l->inputs.p, s->ninput = l->inputs.n;
    s->nlut = s->ntable + s->nlookup;
    struct sm_lut **lut = sp_alloc(l, s->nlut, sizeof *lut);
    if (lut == NULL) return;
    if (s->ntable) memcpy(lut, l->luts.p, s->ntable * sizeof *lut);
    for (uint32_t i = 0; i < s->nlookup && !l->failed; i++)
        lut[s->ntable + i] = sp_lut(l, s->lookup[i].nkey ? s->lookup[i].nkey : 1, 1, false);
    s->lut = lut;
}

static void load_all(struct sp_load *l, const char *path) {
    static void (*const stage[])(struct sp_load *) = {
        load_study, /* names, the study's habits */
        load_standard, load_ignores, sp_codelists,    sp_recodes,         sp_tables, sp_units,
        sp_sources,    sp_subject,   sp_lookup_names, sp_domains_declare, sp_epochs, sp_lookups,
    };
    l->study = NULL;
    if (!load_roots(l, path) || !sp_xml_load(l, path)) return;
    for (size_t i = 0; i < SM_ARRAY_LEN(stage) && !l->failed; i++) {
        stage[i](l);
        if (stage[i] == load_standard && l->s->model == NULL) return; /* all else would follow from it */
    }
    struct sp_dom *x = l->doms.p;
    for (uint32_t i = 0; i < l->doms.n && !l->failed; i++) {
        l->step = l->lookups.n + i;
        sp_rules(l, &x[i]);
        if (!l->failed) sp_derive(l, &x[i]);
    }
    l->step = SM_NO;
    if (!l->failed) sp_domains_finish(l);
    if (!l->failed) sp_order(l);
    if (!l->failed) load_publish(l);
    /* the schema speaks last: whatever is wrong has been said better before */
    if (!l->failed && l->nerror == 0) sp_rng_check(l);
    if (!l->failed && l->nerror == 0) sp_lints(l);
}

static int load_open(struct sp_load *l, struct sm_texts *texts) {
    l->s->texts = texts;
    l->s->subject_source = SM_NO;
    sm_arena_init(&l->s->arena);
    l->own = sm_alloc(1, sizeof *l->own);
    if (l->own == NULL) return sm_fail(l->err, SM_ENOMEM, "out of memory");
    l->s->own = l->own;
    sm_diags_init(&l->own->lint);
    sm_arena_init(&l->own->scratch);
    l->said = sm_alloc(SP_SAY_MAX, sizeof *l->said);
    if (l->said == NULL) return sm_fail(l->err, SM_ENOMEM, "out of memory");
    l->a = &l->s->arena;
    int rc = sm_intern_open(&l->s->in, texts, l->err);
    return rc ? rc : sm_ct_open(&l->s->ct, l->a, l->err);
}

int sm_spec_load(struct sm_spec **ret, const char *path, const struct sm_spec_paths *paths,
                 struct sm_texts *texts, struct sm_diags *diags, struct sm_err *err) {
    *ret = NULL;
    struct sm_spec *s = sm_alloc(1, sizeof *s);
    if (s == NULL) return sm_fail(err, SM_ENOMEM, "out of memory");
    struct sm_err e;
    sm_err_reset(&e);
    struct sp_load l = {.s = s, .diags = diags, .err = &e, .paths = paths, .step = SM_NO};
    int rc = load_open(&l, texts);
    if (rc == SM_OK) {
        s->path = sp_dup(&l, sm_str(path));
        load_all(&l, path);
        if (!l.failed && sm_intern_failed(s->in)) sp_nomem(&l);
        if (!l.failed && (diags->failed || l.own->lint.failed)) sp_nomem(&l);
        if (l.failed)
            rc = e.code ? (int)e.code : SM_ENOMEM;
        else if (l.nerror)
            rc = SM_ESPEC;
    }
    sm_free(l.said);
    if (l.own) sp_xml_free(l.own);
    if (rc == SM_OK) {
        *ret = s;
        return SM_OK;
    }
    sm_spec_close(s);
    if (rc == SM_ESPEC) {
        return sm_fail(err, SM_ESPEC, "%s: mapping has %u mistake%s", path, l.nerror,
                       l.nerror == 1 ? "" : "s");
    }
    return sm_fail(err, (enum sm_rc)rc, "%s", e.text);
}

void sm_spec_close(struct sm_spec *s) {
    if (s == NULL) return;
    if (s->own) {
        struct sm_dec **dec = s->own->decs.p;
        for (uint32_t i = 0; i < s->own->decs.n; i++)
            sm_dec_free(dec[i]);
        struct sm_lut **lut = s->own->luts.p;
        for (uint32_t i = 0; i < s->own->luts.n; i++)
            sm_lut_close(lut[i]);
        sm_diags_free(&s->own->lint);
        sm_arena_free(&s->own->scratch);
        sm_free(s->own);
    }
    sm_ct_close(s->ct);
    sm_intern_close(s->in);
    sm_arena_free(&s->arena);
    sm_free(s);
}

void sm_spec_lint(const struct sm_spec *s, struct sm_diags *diags) {
    struct sm_diags_walk w = {.i = 0};
    while (sm_diags_next(&s->own->lint, &w))
        sm_diags_add(diags, &w.diag, w.diag.sev);
}
