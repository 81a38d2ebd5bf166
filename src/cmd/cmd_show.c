/* SPDX-License-Identifier: MIT */
/* cmd_show.c - findings and progress on stderr. */
#include <inttypes.h>
#include <unistd.h>

#include "cmd.h"
#include "sdtmill/clock.h"
#include "sdtmill/mem.h"
#include "sdtmill/run.h"

enum { SHOWN_PER_CODE = 3, PROGRESS_NONE = 0, PROGRESS_BAR = 1, PROGRESS_NDJSON = 2 };

static bool use_color(const char *choice) {
    if (choice && strcmp(choice, "always") == 0) return true;
    if (choice && strcmp(choice, "never") == 0) return false;
    const char *no = getenv("NO_COLOR"), *force = getenv("CLICOLOR_FORCE");
    if (no && *no) return false;
    if (force && *force && strcmp(force, "0") != 0) return true;
    return isatty(STDERR_FILENO) == 1;
}

/* One text from outside: control characters must not reach a terminal. */
static void put_text(struct sm_str s, size_t max) {
    size_t n = s.n < max ? s.n : max;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < 0x20 || c == 0x7f)
            fputc(' ', stderr);
        else
            fputc(c, stderr);
    }
    if (n < s.n) fputs("...", stderr);
}

static void show_place(const struct sm_diag *d) {
    if (d->file.n) {
        put_text(d->file, 400);
        if (d->line) fprintf(stderr, ":%" PRIu64, d->line);
        if (d->line && d->field) fprintf(stderr, ":%u", d->field);
    } else if (d->map_file.n) {
        put_text(d->map_file, 400);
        if (d->map_line) fprintf(stderr, ":%u", d->map_line);
        if (d->map_line && d->map_column) fprintf(stderr, ":%u", d->map_column);
    } else {
        put_text(d->domain.n ? d->domain : SM_STR("sdtmill"), 40);
    }
    fputs(": ", stderr);
}

static void show_one(const struct sm_diag *d, bool color) {
    static const char *const paint[] = {"\033[36m", "\033[33m", "\033[31m"};
    const struct sm_diag_info *info = sm_diag_info(d->code);
    show_place(d);
    fprintf(stderr, "%s%s[SM%04u]%s ", color ? paint[d->sev < 3 ? d->sev : 2] : "",
            sm_sev_name((enum sm_sev)d->sev), (unsigned)d->code, color ? "\033[0m" : "");
    put_text(d->detail.n ? d->detail : sm_str(info ? info->title : ""), 600);
    if (d->effect > SM_EFFECT_NONE)
        fprintf(stderr, " (%s)", sm_effect_name((enum sm_effect)d->effect));
    fputc('\n', stderr);
    if (d->column.n || d->value.n) {
        fputs("  | ", stderr);
        put_text(d->column, 120);
        if (d->column.n && d->value.n) fputs(" = ", stderr);
        put_text(d->value, 160);
        if (d->subject.n) fputs("   ", stderr);
        put_text(d->subject, 80);
        fputc('\n', stderr);
    }
    if (d->file.n && d->map_file.n && !sm_str_eq(d->file, d->map_file)) {
        fputs("  = mapping: ", stderr);
        put_text(d->map_file, 400);
        fprintf(stderr, ":%u\n", d->map_line);
    }
    struct sm_str mend = d->mend.n ? d->mend : sm_str(info ? info->mend : "");
    if (mend.n) {
        fputs("  = mend: ", stderr);
        put_text(mend, 400);
        fputc('\n', stderr);
    }
}

/* by: how many findings of this code there are, by severity. */
static void show_code(const struct sm_diags *d, size_t n, unsigned code, const uint64_t *by,
                      const struct cmd_show *how, bool color) {
    const uint64_t all = by[SM_SEV_ERROR] + by[SM_SEV_WARNING] + (how->notes ? by[SM_SEV_NOTE] : 0);
    const uint64_t want = all < SHOWN_PER_CODE ? all : SHOWN_PER_CODE;
    uint64_t seen = 0;
    struct sm_diags_walk w;
    enum sm_sev sev;
    for (size_t i = 0; i < n && seen < want; i++) {
        if (sm_diags_code(d, i, &sev) != code || (sev == SM_SEV_NOTE && !how->notes)) continue;
        seen++;
        sm_diags_get(d, i, &w);
        show_one(&w.diag, color);
    }
    if (all > want)
        fprintf(stderr, "... and %" PRIu64 " more like this [SM%04u]\n", all - want, code);
}

void cmd_show_findings(struct sm_diags *d, const struct cmd_show *how) {
    size_t n;
    uint64_t by[SM_SEV_COUNT] = {0};
    bool color = use_color(how->color);
    uint64_t(*tally)[SM_SEV_COUNT] = sm_alloc(sm_diag_count(), sizeof *tally);
    if (!tally || !sm_diags_sort(d, &n)) {
        fputs("sdtmill: out of memory for findings\n", stderr);
        sm_free(tally);
        return;
    }
    sm_diags_tally(d, tally);
    for (size_t c = 0; c < sm_diag_count(); c++)
        for (unsigned sev = 0; sev < SM_SEV_COUNT; sev++)
            by[sev] += tally[c][sev];
    for (size_t c = 0; !how->quiet && c < sm_diag_count(); c++)
        show_code(d, n, sm_diag_at(c)->code, tally[c], how, color);
    fprintf(stderr, "findings: %" PRIu64 " errors, %" PRIu64 " warnings, %" PRIu64 " notes\n",
            by[SM_SEV_ERROR], by[SM_SEV_WARNING], by[SM_SEV_NOTE]);
    sm_free(tally);
}

int cmd_findings_exit(const struct sm_diags *d, const char *fail_on) {
    static const char *const name[] = {"note", "warning", "error"};
    int level = 3;
    for (int i = 0; i < 3; i++)
        if (strcmp(fail_on, name[i]) == 0) level = i;
    return d->n && d->worst >= level ? CMD_FINDINGS : CMD_DONE;
}

/* ---- progress -------------------------------------------------------------------------------- */
void cmd_progress_open(struct cmd_progress *p, const char *mode) {
    *p = (struct cmd_progress){.start = sm_clock_monotonic()};
    if (strcmp(mode, "ndjson") == 0)
        p->mode = PROGRESS_NDJSON;
    else if (strcmp(mode, "auto") == 0 && isatty(STDERR_FILENO) == 1)
        p->mode = PROGRESS_BAR;
}

/* "12.3 of 90.1 MB, 141000 rows, 70500 rows/s, 5 s left" */
static void put_progress(const struct sm_progress *s, double secs) {
    double done = (double)s->bytes, all = (double)s->bytes_total;
    fprintf(stderr, "%-10.20s %.1f", s->what ? s->what : "", done / 1e6);
    if (s->bytes_total) fprintf(stderr, " of %.1f", all / 1e6);
    fprintf(stderr, " MB, %" PRIu64 " rows, %.0f rows/s", s->rows,
            secs > 0 ? (double)s->rows / secs : 0);
    if (s->bytes && s->bytes < s->bytes_total)
        fprintf(stderr, ", %.0f s left", secs * (all - done) / done);
}

static void put_bar(const struct sm_progress *s) {
    enum { WIDTH = 20 };
    uint64_t full = s->bytes_total ? s->bytes * WIDTH / s->bytes_total : 0;
    if (!s->bytes_total) return;
    fputc('[', stderr);
    for (uint64_t i = 0; i < WIDTH; i++)
        fputc(i < full ? '#' : '.', stderr);
    fputs("] ", stderr);
}

void cmd_progress_step(void *ctx, const struct sm_progress *s) {
    struct cmd_progress *p = ctx;
    double now = sm_clock_monotonic(), secs = now - p->start;
    if (cmd_was_asked()) {
        if (p->drawn) fputs("\r\033[K", stderr);
        put_progress(s, secs);
        fputc('\n', stderr);
    }
    if (p->mode == PROGRESS_NONE || now - p->last < 0.2) return;
    p->last = now;
    if (p->mode == PROGRESS_NDJSON) {
        fprintf(stderr,
                "{\"what\":\"%s\",\"bytes\":%" PRIu64 ",\"bytes_total\":%" PRIu64
                ",\"rows\":%" PRIu64 ",\"rows_per_second\":%.0f}\n",
                s->what ? s->what : "", s->bytes, s->bytes_total, s->rows,
                secs > 0 ? (double)s->rows / secs : 0);
        return;
    }
    fputc('\r', stderr);
    put_bar(s);
    put_progress(s, secs);
    fputs("\033[K", stderr);
    p->drawn = true;
}

void cmd_progress_close(struct cmd_progress *p) {
    if (p->drawn) fputs("\r\033[K", stderr);
}
