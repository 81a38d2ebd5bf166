/* SPDX-License-Identifier: MIT */
/* cmp_report.c - what a person reads (after PROC COMPARE), and the same as JSON. */
#include "cmp_priv.h"

enum { SHOWN_GROUPS = 12, SHOWN_META = 20, SHOWN_TEXT = 60 };

uint64_t sm_cmp_differences(const struct sm_cmp_dataset *d) {
    const struct sm_cmp_result *r = &d->result;
    if (!d->base_path.p || !d->new_path.p) return 1;
    return r->cells + r->base_only + r->new_only + d->nmeta + (d->order ? r->elsewhere : 0);
}

/* ---- text ----------------------------------------------------------------------------------------------- */
static void put(struct sm_buf *b, struct sm_str s) {
    for (size_t i = 0; i < s.n; i++) sm_buf_add_byte(b, (unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7F ? ' ' : s.p[i]);
}

static void put_value(struct sm_buf *b, struct sm_str s) {
    if (s.n == 0) {
        sm_buf_add_c(b, "(missing)");
        return;
    }
    sm_buf_add_byte(b, '"');
    size_t n = s.n > SHOWN_TEXT ? SHOWN_TEXT : s.n;
    while (n < s.n && n > 0 && ((unsigned char)s.p[n] & 0xC0) == 0x80) n--;
    put(b, sm_str_n(s.p, n));
    sm_buf_add_c(b, s.n > n ? "...\"" : "\"");
}

static void text_meta(const struct sm_cmp_dataset *d, struct sm_buf *b) {
    if (d->nmeta) sm_buf_add_c(b, "  variables:\n");
    for (size_t i = 0; i < d->nmeta && i < SHOWN_META; i++) {
        const struct sm_cmp_meta *m = &d->meta[i];
        sm_buf_add_c(b, "    ");
        put(b, m->variable.n ? m->variable : SM_STR("(dataset)"));
        sm_buf_add_byte(b, ' ');
        put(b, m->what);
        if (m->base.n || m->now.n) {
            sm_buf_add_c(b, ": ");
            put_value(b, m->base);
            sm_buf_add_c(b, " / ");
            put_value(b, m->now);
        }
        sm_buf_add_byte(b, '\n');
    }
    if (d->nmeta > SHOWN_META) sm_buf_printf(b, "    ... and %zu more\n", d->nmeta - SHOWN_META);
}

static void text_vars(const struct sm_cmp_dataset *d, struct sm_buf *b) {
    const struct sm_cmp_result *r = &d->result;
    if (!r->cells || !d->opts) return;
    sm_buf_add_c(b, "  variables with differing values:\n");
    for (uint32_t i = 0; i < d->opts->nvar; i++) {
        if (!r->differ[i]) continue;
        struct sm_str name = d->opts->var[i].name;
        sm_buf_printf(b, "    %-16.*s %10" PRIu64 " of %" PRIu64, SM_STR_FMT(name), r->differ[i], r->paired);
        if (r->most[i] > 0) sm_buf_printf(b, "   greatest difference %.6g", r->most[i]);
        sm_buf_add_byte(b, '\n');
    }
}

static struct sm_str column_name(const struct sm_cmp_dataset *d, uint32_t column) {
    return column == SM_CMP_NONE || !d->opts ? SM_STR("") : d->opts->var[column].name;
}

static void text_groups(const struct sm_cmp_dataset *d, struct sm_buf *b) {
    const struct sm_cmp_result *r = &d->result;
    if (r->ngroup) sm_buf_add_c(b, "  by cause:\n");
    for (size_t i = 0; i < r->ngroup && i < SHOWN_GROUPS; i++) {
        const struct sm_cmp_group *g = &r->group[i];
        sm_buf_printf(b, "    %10" PRIu64 " x ", g->n);
        struct sm_str name = column_name(d, g->column);
        put(b, name);
        if (name.n) sm_buf_add_c(b, ": ");
        put(b, g->what);
        sm_buf_add_c(b, "\n                 ");
        if (g->column != SM_CMP_NONE) {
            put_value(b, g->base);
            sm_buf_add_c(b, " / ");
            put_value(b, g->now);
            sm_buf_add_c(b, "   ");
        }
        put(b, g->where);
        sm_buf_add_byte(b, '\n');
    }
    if (r->ngroup > SHOWN_GROUPS) sm_buf_printf(b, "    ... and %zu more causes\n", r->ngroup - SHOWN_GROUPS);
}

static const char *s_of(uint64_t n) { return n == 1 ? "" : "s"; }

static void text_dataset(const struct sm_cmp_dataset *d, struct sm_buf *b) {
    const struct sm_cmp_result *r = &d->result;
    put(b, d->name);
    if (!d->base_path.p || !d->new_path.p) {
        sm_buf_add_c(b, d->base_path.p ? ": in base only\n" : ": in new only\n");
        return;
    }
    uint64_t n = sm_cmp_differences(d);
    if (n == 0) sm_buf_printf(b, ": equal, %" PRIu64 " record%s", r->paired, s_of(r->paired));
    else sm_buf_printf(b, ": %" PRIu64 " difference%s", n, s_of(n));
    sm_buf_add_c(b, " (keys ");
    put(b, d->keys.n ? d->keys : SM_STR("none, records paired by their place"));
    if (d->keys.n) {
        sm_buf_add_c(b, ", by ");
        put(b, d->keys_by);
    }
    sm_buf_add_c(b, ")\n");
    if (n > 0) {
        sm_buf_printf(b, "  records: %" PRIu64 " in base, %" PRIu64 " in new; %" PRIu64 " paired, %" PRIu64 " of them equal; %" PRIu64 " in base only, %" PRIu64
                      " in new only\n", r->base_rows, r->new_rows, r->paired, r->equal, r->base_only, r->new_only);
        if (r->rekeyed) sm_buf_printf(b, "  records whose keys differ, paired by everything else: %" PRIu64 "\n", r->rekeyed);
        if (d->order && r->elsewhere) sm_buf_printf(b, "  row order: records that stand at another row: %" PRIu64 "\n", r->elsewhere);
    }
    if (r->shared) sm_buf_printf(b, "  %" PRIu64 " records share all keys with another one; they were paired by least difference\n", r->shared);
    if (d->note.n) {
        sm_buf_add_c(b, "  note: ");
        put(b, d->note);
        sm_buf_add_byte(b, '\n');
    }
    text_meta(d, b);
    text_vars(d, b);
    text_groups(d, b);
}

void sm_cmp_text(const struct sm_cmp_report *r, struct sm_buf *out) {
    uint64_t differ = 0, all = 0, records = 0;
    sm_buf_add_c(out, "base: ");
    put(out, r->base);
    sm_buf_add_c(out, "\nnew:  ");
    put(out, r->now);
    sm_buf_add_c(out, "\n\n");
    for (size_t i = 0; i < r->nds; i++) {
        uint64_t n = sm_cmp_differences(&r->ds[i]);
        text_dataset(&r->ds[i], out);
        differ += n > 0;
        all += n;
        records += r->ds[i].result.paired;
    }
    sm_buf_printf(out, "\n%zu dataset%s, %" PRIu64 " paired record%s: ", r->nds, s_of(r->nds), records, s_of(records));
    if (all == 0) sm_buf_add_c(out, "no difference\n");
    else sm_buf_printf(out, "%" PRIu64 " difference%s in %" PRIu64 " dataset%s\n", all, s_of(all), differ, s_of(differ));
}

/* ---- JSON ------------------------------------------------------------------------------------------------- */
static void json_text(struct sm_buf *b, const char *key, struct sm_str s, const char *end) {
    if (key) sm_buf_printf(b, "\"%s\":", key);
    sm_buf_add_byte(b, '"');
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '"' || c == '\\') sm_buf_add_byte(b, '\\');
        if (c < 0x20) sm_buf_printf(b, "\\u%04x", c);
        else sm_buf_add_byte(b, (char)c);
    }
    sm_buf_add_byte(b, '"');
    sm_buf_add_c(b, end);
}

static void json_count(struct sm_buf *b, const char *key, uint64_t n, const char *end) { sm_buf_printf(b, "\"%s\":%" PRIu64 "%s", key, n, end); }

static void json_details(const struct sm_cmp_dataset *d, struct sm_buf *b) {
    const struct sm_cmp_result *r = &d->result;
    const char *comma = "";
    sm_buf_add_c(b, "\"metadata\":[");
    for (size_t i = 0; i < d->nmeta; i++) {
        sm_buf_add_c(b, i ? ",{" : "{");
        json_text(b, "variable", d->meta[i].variable, ",");
        json_text(b, "what", d->meta[i].what, ",");
        json_text(b, "base", d->meta[i].base, ",");
        json_text(b, "new", d->meta[i].now, "}");
    }
    sm_buf_add_c(b, "],\"variables\":[");
    for (uint32_t i = 0; d->opts && i < d->opts->nvar; i++) {
        if (!r->differ[i]) continue;
        sm_buf_add_c(b, comma);
        comma = ",";
        sm_buf_add_byte(b, '{');
        json_text(b, "name", d->opts->var[i].name, ",");
        json_count(b, "differ", r->differ[i], "}");
    }
    sm_buf_add_c(b, "],\"causes\":[");
    for (size_t i = 0; i < r->ngroup; i++) {
        const struct sm_cmp_group *g = &r->group[i];
        sm_buf_add_c(b, i ? ",{" : "{");
        json_text(b, "variable", column_name(d, g->column), ",");
        json_text(b, "kind", sm_str(sm_cmp_kind_name(g->kind)), ",");
        json_text(b, "cause", sm_str(sm_cmp_cause_name(g->cause)), ",");
        json_count(b, "n", g->n, ",");
        json_text(b, "what", g->what, ",");
        json_text(b, "base", g->base, ",");
        json_text(b, "new", g->now, ",");
        json_text(b, "where", g->where, "}");
    }
    sm_buf_add_c(b, "]");
}

static void json_dataset(const struct sm_cmp_dataset *d, struct sm_buf *b) {
    const struct sm_cmp_result *r = &d->result;
    sm_buf_add_c(b, "{");
    json_text(b, "name", d->name, ",");
    if (!d->base_path.p || !d->new_path.p) {
        json_text(b, "only", d->base_path.p ? SM_STR("base") : SM_STR("new"), ",\"differences\":1}");
        return;
    }
    json_text(b, "base", d->base_path, ",");
    json_text(b, "new", d->new_path, ",");
    json_text(b, "keys", d->keys, ",");
    json_text(b, "keysBy", d->keys_by, ",");
    json_text(b, "note", d->note, ",");
    json_count(b, "differences", sm_cmp_differences(d), ",");
    json_count(b, "baseRecords", r->base_rows, ",");
    json_count(b, "newRecords", r->new_rows, ",");
    json_count(b, "paired", r->paired, ",");
    json_count(b, "equal", r->equal, ",");
    json_count(b, "baseOnly", r->base_only, ",");
    json_count(b, "newOnly", r->new_only, ",");
    json_count(b, "keyChanged", r->rekeyed, ",");
    json_count(b, "elsewhere", d->order ? r->elsewhere : 0, ",");
    json_count(b, "shareKeys", r->shared, ",");
    json_count(b, "cells", r->cells, ",");
    json_details(d, b);
    sm_buf_add_c(b, "}");
}

void sm_cmp_json(const struct sm_cmp_report *r, struct sm_buf *out) {
    uint64_t all = 0;
    sm_buf_add_c(out, "{");
    json_text(out, "base", r->base, ",");
    json_text(out, "new", r->now, ",\"datasets\":[");
    for (size_t i = 0; i < r->nds; i++) {
        if (i) sm_buf_add_c(out, ",");
        sm_buf_add_c(out, "\n");
        json_dataset(&r->ds[i], out);
        all += sm_cmp_differences(&r->ds[i]);
    }
    sm_buf_add_c(out, "],\n");
    json_count(out, "differences", all, "}\n");
}
