/* SPDX-License-Identifier: MIT */
/* run_compare.c - `compare`: pairs the files of both sides, then load -> sort -> compare for each
 * pair. Datasets that point to others' records come last, when the renumbering of those is known.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rcmp_priv.h"
#include "sdtmill/csvw.h"
#include "sdtmill/num.h"

/* ---- which files ----------------------------------------------------------------------------- */
static bool wanted(const struct sm_compare_opts *o, struct sm_str name) {
    struct sm_str list = sm_str(o->datasets), item;
    if (!o->datasets) return true;
    while (sm_str_split(&list, ',', &item))
        if (sm_str_eq_nocase(sm_str_trim(item), name)) return true;
    return false;
}

static const struct sm_load_file *file_find(const struct rcmp *r, int side, struct sm_str name) {
    for (size_t i = 0; i < r->nfile[side]; i++)
        if (!r->file[side][i].again && sm_str_eq(r->file[side][i].name, name))
            return &r->file[side][i];
    return NULL;
}

static struct sm_str supp_name(struct rcmp *r, struct sm_str parent) {
    return sm_arena_printf(&r->arena, "SUPP%.*s", SM_STR_FMT(parent));
}

static bool folded_away(const struct rcmp *r, struct sm_str name) {
    if (!r->o->fold_supp || !sm_str_starts(name, SM_STR("SUPP")) || name.n < 6) return false;
    struct sm_str parent = sm_str_n(name.p + 4, name.n - 4);
    return file_find(r, 0, parent) || file_find(r, 1, parent);
}

static int pair_add(struct rcmp *r, const struct sm_load_file *a, const struct sm_load_file *b,
                    struct sm_err *err) {
    const struct sm_load_file *f = a ? a : b;
    if (!f) return SM_OK;
    struct rcmp_pair *p = &r->pair[r->nds];
    struct sm_cmp_dataset *d = &r->ds[r->nds++];
    *d = (struct sm_cmp_dataset){.name = f->name, .order = !r->o->ignore_order, .opts = &p->cmp};
    if (a) d->base_path = a->path;
    if (b) d->new_path = b->path;
    *p = (struct rcmp_pair){.run = r, .ds = d, .seq = SM_CMP_NONE, .site_made = SM_CMP_NONE};
    p->side[0].file = a;
    p->side[1].file = b;
    p->side[1].is_new = true;
    p->relation = sm_str_starts(f->name, SM_STR("SUPP")) || sm_str_eq_c(f->name, "RELREC") ||
                  sm_str_eq_c(f->name, "CO");
    for (int i = 0; r->o->fold_supp && i < 2; i++) {
        struct sm_str supp = supp_name(r, f->name);
        if (!supp.p) return sm_fail(err, SM_ENOMEM, "out of memory");
        p->side[i].supp = file_find(r, i, supp);
    }
    return SM_OK;
}

static int files_list(struct rcmp *r, struct sm_err *err) {
    int rc = sm_load_list(r->o->base, r->o->base_format, &r->arena, &r->file[0], &r->nfile[0], err);
    if (!rc)
        rc = sm_load_list(r->o->now, r->o->new_format, &r->arena, &r->file[1], &r->nfile[1], err);
    if (rc) return rc;
    size_t n = r->nfile[0] + r->nfile[1];
    for (int i = 0; i < 2; i++)
        if (r->nfile[i] == 0)
            return sm_fail(err, SM_EDATA, "%s: no dataset files", i ? r->o->now : r->o->base);
    r->pair = sm_arena_array(&r->arena, n, sizeof *r->pair);
    r->ds = sm_arena_array(&r->arena, n, sizeof *r->ds);
    return r->pair && r->ds ? SM_OK : sm_fail(err, SM_ENOMEM, "out of memory");
}

/* Both lists are sorted by name. Two files are a pair whatever their names are. */
static int files_pair(struct rcmp *r, struct sm_err *err) {
    const struct sm_load_file *a = r->file[0], *b = r->file[1];
    size_t i = 0, k = 0;
    int rc = SM_OK;
    if (r->nfile[0] == 1 && r->nfile[1] == 1 && sm_str_eq_c(a->path, r->o->base) &&
        sm_str_eq_c(b->path, r->o->now))
        return pair_add(r, a, b, err);
    while (!rc && (i < r->nfile[0] || k < r->nfile[1])) {
        if (i < r->nfile[0] && a[i].again) {
            i++;
            continue;
        }
        if (k < r->nfile[1] && b[k].again) {
            k++;
            continue;
        }
        int order = i == r->nfile[0] ? 1 : k == r->nfile[1] ? -1 : sm_str_cmp(a[i].name, b[k].name);
        const struct sm_load_file *x = order <= 0 ? &a[i++] : NULL,
                                  *y = order >= 0 ? &b[k++] : NULL;
        struct sm_str name = x ? x->name : y ? y->name : SM_STR("");
        if (wanted(r->o, name) && !folded_away(r, name)) rc = pair_add(r, x, y, err);
    }
    if (!rc && r->nds == 0) rc = sm_fail(err, SM_EUSAGE, "no dataset of --datasets is there");
    return rc;
}

/* ---- which variables ------------------------------------------------------------------------- */
/* "VAR", "DS.VAR", and "--VAR" for any two letters. */
static bool names_var(struct sm_str pattern, struct sm_str ds, struct sm_str var) {
    size_t dot = sm_str_find_byte(pattern, '.', 0);
    if (dot != SIZE_MAX) {
        if (!sm_str_eq_nocase(sm_str_n(pattern.p, dot), ds)) return false;
        pattern = sm_str_n(pattern.p + dot + 1, pattern.n - dot - 1);
    }
    if (sm_str_starts(pattern, SM_STR("--")) && var.n > 2) {
        pattern = sm_str_n(pattern.p + 2, pattern.n - 2);
        var = sm_str_n(var.p + 2, var.n - 2);
    }
    return sm_str_eq_nocase(pattern, var);
}

static bool ignored(const struct rcmp_pair *p, struct sm_str var) {
    const struct sm_compare_opts *o = p->run->o;
    for (size_t i = 0; i < o->nignore; i++) {
        struct sm_str list = sm_str(o->ignore[i]), item;
        while (sm_str_split(&list, ',', &item))
            if (names_var(sm_str_trim(item), p->ds->name, var)) return true;
    }
    return false;
}

static int tolerance(const struct rcmp_pair *p, const char *const *list, size_t n,
                     struct sm_str var, const char *option, double *ret, struct sm_err *err) {
    for (size_t i = 0; i < n; i++) {
        struct sm_str s = sm_str(list[i]);
        size_t eq = sm_str_find_byte(s, '=', 0);
        double d;
        if (!sm_num_parse(eq == SIZE_MAX ? s : sm_str_n(s.p + eq + 1, s.n - eq - 1), true, &d) ||
            d < 0)
            return sm_fail(err, SM_EUSAGE, "%s: \"%s\" is neither a number nor VAR=NUMBER", option,
                           list[i]);
        if (eq == SIZE_MAX || names_var(sm_str_n(s.p, eq), p->ds->name, var)) *ret = d;
    }
    return SM_OK;
}

static int var_add(struct rcmp_pair *p, struct sm_str name, bool is_num, bool silent,
                   struct sm_err *err) {
    struct sm_cmp_var *v = &p->var[p->cmp.nvar++];
    *v = (struct sm_cmp_var){
        .name = sm_arena_dup(&p->run->arena, name), .is_num = is_num, .silent = silent};
    if (!v->name.p) return sm_fail(err, SM_ENOMEM, "out of memory");
    const struct sm_compare_opts *o = p->run->o;
    int rc = tolerance(p, o->absolute, o->nabsolute, name, "--tolerance", &v->absolute, err);
    return rc ? rc : tolerance(p, o->relative, o->nrelative, name, "--relative", &v->relative, err);
}

/* Variables of both sides, in base's order. An ignored one that tells site, subject or test is
 * carried. */
static int vars_common(struct rcmp_pair *p, struct sm_err *err) {
    const struct sm_dsinfo *a = p->side[0].info, *b = p->side[1].info;
    int rc = SM_OK;
    for (uint32_t i = 0; !rc && i < a->nvar; i++) {
        struct sm_str name = a->var[i].name;
        uint32_t other = rcmp_column(b, name.p);
        if (other == SM_CMP_NONE) continue;
        bool seq = p->run->o->seq_renumbered && rcmp_is_seq(name) && !sm_str_eq_c(name, "TSSEQ");
        bool carried = sm_str_eq_c(name, "USUBJID") || sm_str_eq_c(name, "SITEID"),
             out = ignored(p, name);
        if (out && !carried && !seq) continue;
        if (seq && !p->relation && sm_str_starts(name, sm_str_n(p->ds->name.p, 2)))
            p->seq = p->cmp.nvar;
        rc = var_add(p, name, a->var[i].is_num || b->var[other].is_num, out || seq, err);
    }
    return rc;
}

/* The union of both sides' QNAMs that are no variables already. */
static int vars_folded(struct rcmp_pair *p, struct sm_err *err) {
    p->fold_name = sm_arena_array(&p->run->arena, 2 * RCMP_FOLDED, sizeof *p->fold_name);
    if (!p->fold_name) return sm_fail(err, SM_ENOMEM, "out of memory");
    for (int side = 0; side < 2; side++) {
        const struct rcmp_fold *f = p->side[side].fold;
        for (uint32_t i = 0; f && i < f->nqnam; i++) {
            bool there = false;
            for (uint32_t k = 0; k < p->cmp.nvar && !there; k++)
                there = sm_str_eq(p->var[k].name, f->qnam[i]);
            if (there || ignored(p, f->qnam[i])) continue;
            int rc = var_add(p, f->qnam[i], false, false, err);
            if (rc) return rc;
            p->fold_name[p->nfold++] = f->qnam[i];
        }
    }
    return SM_OK;
}

static uint32_t by_name(const struct rcmp_pair *p, const char *name) {
    for (uint32_t i = 0; i < p->cmp.nvar; i++)
        if (sm_str_eq_c(p->var[i].name, name)) return i;
    return SM_CMP_NONE;
}

static void vars_test(struct rcmp_pair *p) {
    p->cmp.test = SM_CMP_NONE;
    for (uint32_t i = 0; i < p->cmp.nvar; i++)
        if ((p->var[i].name.n == 8 && sm_str_ends(p->var[i].name, SM_STR("TESTCD"))) ||
            sm_str_eq_c(p->var[i].name, "QNAM"))
            p->cmp.test = i;
}

static int vars_make(struct rcmp_pair *p, struct sm_err *err) {
    p->var =
        sm_arena_array(&p->run->arena, p->side[0].info->nvar + 2 * RCMP_FOLDED + 2, sizeof *p->var);
    if (!p->var) return sm_fail(err, SM_ENOMEM, "out of memory");
    p->cmp.var = p->var;
    int rc = vars_common(p, err);
    if (!rc && p->cmp.nvar == 0)
        rc = sm_fail(err, SM_EDATA, "%.*s: the two sides have no variable in common",
                     SM_STR_FMT(p->ds->name));
    if (!rc && p->run->o->fold_supp) rc = vars_folded(p, err);
    if (rc) return rc;
    p->cmp.subject = by_name(p, "USUBJID");
    p->cmp.site = by_name(p, "SITEID");
    vars_test(p);
    const struct sm_load_file *dm = file_find(p->run, 0, SM_STR("DM"));
    if (p->cmp.site == SM_CMP_NONE && p->cmp.subject != SM_CMP_NONE && dm) {
        p->site_made = p->cmp.site = p->cmp.nvar;
        rc = var_add(p, SM_STR("SITEID"), false, true, err);
    }
    return rc;
}

/* ---- differences.csv ------------------------------------------------------------------------- */
static void number_cell(struct sm_sink *k, uint64_t n, char end) {
    char out[24];
    sm_csvw_cell(k, sm_str_n(out, n ? sm_num_format_u64(n, out) : 0), end);
}

static int diff_write(void *ctx, const struct sm_cmp_diff *d, struct sm_err *err) {
    struct rcmp_pair *p = ctx;
    struct sm_sink *k = p->run->out;
    struct sm_valbuf buf;
    struct sm_buf key;
    const sm_val *row = d->base ? d->base : d->now;
    (void)err;
    sm_csvw_cell(k, p->ds->name, ',');
    sm_csvw_cell(k, sm_str(sm_cmp_kind_name(d->kind)), ',');
    sm_csvw_cell(k, d->column == SM_CMP_NONE ? SM_STR("") : p->var[d->column].name, ',');
    sm_csvw_cell(k,
                 d->base && d->column != SM_CMP_NONE
                     ? sm_val_text(p->texts, d->base[d->column], &buf)
                     : SM_STR(""),
                 ',');
    sm_csvw_cell(k,
                 d->now && d->column != SM_CMP_NONE ? sm_val_text(p->texts, d->now[d->column], &buf)
                                                    : SM_STR(""),
                 ',');
    sm_csvw_cell(k, sm_str(sm_cmp_cause_name(d->cause)), ',');
    sm_buf_init(&key, 0);
    for (uint32_t i = 0; row && i < p->cmp.nkey; i++) {
        if (i) sm_buf_add_byte(&key, '|');
        sm_buf_add_str(&key, sm_val_text(p->texts, row[p->cmp.key[i]], &buf));
    }
    sm_csvw_cell(k, sm_buf_str(&key), ',');
    sm_buf_free(&key);
    number_cell(k, d->base_record, ',');
    number_cell(k, d->new_record, '\n');
    return SM_OK;
}

/* ---- one dataset ----------------------------------------------------------------------------- */
static void pair_seen(void *ctx, const sm_val *base, const sm_val *now) {
    struct rcmp_pair *p = ctx;
    struct rcmp *r = p->run;
    struct sm_valbuf buf;
    sm_val *old, value, key[3];
    struct sm_err ignored_err = {0};
    if (sm_val_eq(p->texts, base[p->seq], now[p->seq])) return;
    key[0] = sm_val_make(r->seq_in, p->ds->name);
    key[1] = p->cmp.subject == SM_CMP_NONE
                 ? SM_MISSING
                 : sm_val_make(r->seq_in, sm_val_text(p->texts, now[p->cmp.subject], &buf));
    key[2] = sm_val_make(r->seq_in, sm_val_text(p->texts, now[p->seq], &buf));
    value = sm_val_make(r->seq_in, sm_val_text(p->texts, base[p->seq], &buf));
    if (sm_lut_add(r->seq, key, &value, &old, &ignored_err))
        sm_intern_fail(r->seq_in); /* looked at after the dataset */
}

static struct sm_cmp_side side_of(const struct rcmp_side *s) {
    unsigned k = sm_loader_knows(s->l);
    return (struct sm_cmp_side){s->info, k & SM_LOAD_LABELS, k & SM_LOAD_TYPES, k & SM_LOAD_LENGTHS,
                                k & SM_LOAD_ORDER};
}

static int pair_open(struct rcmp_pair *p, struct sm_err *err) {
    const struct sm_compare_opts *o = p->run->o;
    const struct sm_load_file *dm = file_find(p->run, 0, SM_STR("DM"));
    p->cmp.partial_dates = o->partial_dates;
    p->cmp.ignore_blanks = o->ignore_blanks;
    int rc = sm_texts_open(&p->texts, err);
    if (!rc) rc = sm_intern_open(&p->in, p->texts, err);
    for (int i = 0; !rc && i < 2; i++)
        rc = rcmp_side_open(p, &p->side[i], err);
    for (int i = 0; !rc && i < 2 && o->fold_supp; i++)
        rc = rcmp_fold_read(p, &p->side[i], err);
    if (!rc && sm_str_eq(p->side[0].info->name,
                         p->side[1].info->name)) { /* the files know better than their names */
        p->ds->name = sm_arena_dup(&p->run->arena, p->side[0].info->name);
        if (!p->ds->name.p) rc = sm_fail(err, SM_ENOMEM, "out of memory");
    }
    if (!rc && !o->ignore_metadata)
        rc = sm_cmp_meta(side_of(&p->side[0]), side_of(&p->side[1]), &p->run->arena, &p->ds->meta,
                         &p->ds->nmeta, err);
    if (!rc) rc = vars_make(p, err);
    for (int i = 0; !rc && i < 2; i++)
        rc = rcmp_side_columns(p, &p->side[i], err);
    for (int i = 0; !rc && i < 2 && p->site_made != SM_CMP_NONE; i++) {
        const struct sm_load_file *own = file_find(p->run, i, SM_STR("DM"));
        rc = rcmp_sites_read(p, &p->side[i], own ? own : dm, err);
    }
    return rc ? rc : rcmp_keys(p, err);
}

static void note_add(struct sm_buf *b, uint64_t n, const char *what) {
    if (n) sm_buf_printf(b, "%s%" PRIu64 " %s", b->n ? "; " : "", n, what);
}

static int pair_note(struct rcmp_pair *p, struct sm_err *err) {
    struct sm_buf b;
    uint64_t twice = 0;
    for (int i = 0; i < 2; i++)
        twice += p->side[i].fold ? p->side[i].fold->twice : 0;
    sm_buf_init(&b, 0);
    note_add(&b, twice, "supplemental qualifiers have the key of another one and were left out");
    note_add(&b, sm_loader_recoded(p->side[0].l) + sm_loader_recoded(p->side[1].l),
             "values are no UTF-8 and were read as Windows-1252");
    note_add(&b, p->ds->result.beyond,
             "records without a partner are too many to find out whether only their key was changed");
    bool good = !b.failed;
    if (good && b.n) {
        p->ds->note = sm_arena_dup(&p->run->arena, sm_buf_str(&b));
        good = p->ds->note.p != NULL;
    }
    sm_buf_free(&b);
    return good ? SM_OK : sm_fail(err, SM_ENOMEM, "out of memory");
}

static int pair_compare(struct rcmp_pair *p, struct sm_err *err) {
    struct sm_blocks in[2];
    int rc = pair_open(p, err);
    if (!rc && p->seq != SM_CMP_NONE && p->run->seq) {
        p->cmp.pair = pair_seen;
        p->cmp.pair_ctx = p;
    }
    for (int i = 0; !rc && i < 2; i++) {
        rc = rcmp_side_sort(p, &p->side[i], &in[i], err);
        if (rc) sm_err_ctx(err, "%.*s", SM_STR_FMT(p->ds->name));
    }
    if (!rc)
        rc = sm_cmp_run(&p->cmp, p->texts, in[0], in[1], p->run->out ? diff_write : NULL, p,
                        &p->ds->result, err);
    if (!rc) rc = pair_note(p, err);
    if (!rc && p->run->seq_in && sm_intern_failed(p->run->seq_in))
        rc = sm_fail(err, SM_ENOMEM, "out of memory for the renumbering");
    for (int i = 0; i < 2; i++)
        rcmp_side_close(&p->side[i]);
    sm_intern_close(p->in);
    sm_texts_close(p->texts);
    p->in = NULL;
    p->texts = NULL;
    return rc;
}

static int pairs_compare(struct rcmp *r, struct sm_err *err) {
    int rc = SM_OK;
    for (int relations = 0; relations < 2; relations++)
        for (size_t i = 0; i < r->nds && !rc; i++) {
            struct rcmp_pair *p = &r->pair[i];
            if (p->relation != (relations == 1)) continue;
            if (p->side[0].file && p->side[1].file)
                rc = pair_compare(p, err);
            else
                p->ds->opts = NULL;
        }
    return rc;
}

/* ---- the call -------------------------------------------------------------------------------- */
static int seq_open(struct rcmp *r, struct sm_err *err) {
    if (!r->o->seq_renumbered) return SM_OK;
    int rc = sm_texts_open(&r->seq_texts, err);
    if (!rc) rc = sm_intern_open(&r->seq_in, r->seq_texts, err);
    return rc ? rc : sm_lut_open(&r->seq, r->seq_texts, 3, 1, false, err);
}

struct diff_out { /* where the differences go */
    const char *to, *part; /* part: where they are put together; NULL = they go straight to `to` */
    int fd;
};

/* A link leads to the file that is replaced; what is no file is not replaced but written to. */
static int out_place(struct rcmp *r, struct diff_out *d, struct sm_err *err) {
    struct stat st;
    char *real = NULL;
    d->to = r->o->differences;
    if (stat(d->to, &st) == 0) {
        if (!S_ISREG(st.st_mode)) return SM_OK;
        real = realpath(d->to, NULL);
        if (!real) return sm_fail_sys(err, SM_EIO, "%s", d->to);
        d->to = sm_arena_dup(&r->arena, sm_str(real)).p;
        free(real);
    }
    if (d->to) d->part = sm_arena_printf(&r->arena, "%s.part", d->to).p;
    return d->part ? SM_OK : sm_fail(err, SM_ENOMEM, "out of memory");
}

static int out_open(struct rcmp *r, struct diff_out *d, struct sm_err *err) {
    static const char header[] =
        "DATASET,KIND,VARIABLE,BASE,NEW,CAUSE,KEY,BASE_RECORD,NEW_RECORD\n";
    *d = (struct diff_out){.fd = -1};
    if (!r->o->differences) return SM_OK;
    const bool standard = strcmp(r->o->differences, "-") == 0;
    int rc = standard ? SM_OK : out_place(r, d, err);
    if (rc) return rc;
    if (standard)
        d->fd = STDOUT_FILENO;
    else if (d->part)
        d->fd = open(d->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    else
        d->fd = open(d->to, O_WRONLY | O_NOCTTY | O_CLOEXEC);
    if (d->fd < 0) return sm_fail_sys(err, SM_EIO, "%s", d->part ? d->part : d->to);
    rc = sm_sink_on_fd(&r->out, d->fd, err);
    if (!rc) sm_sink_write(r->out, header, sizeof header - 1);
    return rc;
}

/* The file appears when it is whole. */
static int out_close(struct rcmp *r, const struct diff_out *d, int rc, struct sm_err *err) {
    if (r->out) {
        int closed = sm_sink_close(r->out, NULL, NULL, err);
        if (!rc) rc = closed;
    }
    if (d->fd < 0 || d->fd == STDOUT_FILENO) return rc;
    if (close(d->fd) != 0 && !rc) rc = sm_fail_sys(err, SM_EIO, "%s", d->to);
    if (!d->part) return rc;
    if (!rc && rename(d->part, d->to) != 0) rc = sm_fail_sys(err, SM_EIO, "%s", d->to);
    if (rc) (void)unlink(d->part);
    return rc;
}

static void report(struct rcmp *r, struct sm_buf *text, struct sm_buf *json, uint64_t *ret_n) {
    struct sm_cmp_report rep = {sm_str(r->o->base), sm_str(r->o->now), r->ds, r->nds};
    *ret_n = 0;
    for (size_t i = 0; i < r->nds; i++)
        *ret_n += sm_cmp_differences(&r->ds[i]);
    if (text) sm_cmp_text(&rep, text);
    if (json) sm_cmp_json(&rep, json);
}

int sm_run_compare(const struct sm_compare_opts *o, struct sm_buf *text, struct sm_buf *json,
                   uint64_t *ret_n, struct sm_err *err) {
    struct rcmp r = {.o = o};
    struct diff_out out = {.fd = -1};
    sm_arena_init(&r.arena);
    int rc = files_list(&r, err);
    if (!rc) rc = files_pair(&r, err);
    if (!rc) rc = seq_open(&r, err);
    if (!rc) rc = out_open(&r, &out, err);
    if (!rc) rc = pairs_compare(&r, err);
    rc = out_close(&r, &out, rc, err);
    if (!rc) report(&r, text, json, ret_n);
    if (!rc && text) rc = sm_buf_check(text, err);
    if (!rc && json) rc = sm_buf_check(json, err);
    for (size_t i = 0; i < r.nds; i++)
        sm_cmp_result_free(&r.ds[i].result);
    sm_lut_close(r.seq);
    sm_intern_close(r.seq_in);
    sm_texts_close(r.seq_texts);
    sm_arena_free(&r.arena);
    return rc;
}
