/* SPDX-License-Identifier: MIT */
/* cmd_convert.c - sdtmill convert. */
#include "cmd.h"
#include "sdtmill/arena.h"
#include "sdtmill/buf.h"
#include "sdtmill/run.h"
#include "sdtmill/run_formats.h"
#include "sdtmill/spec_load.h"

struct convert_opts {
    const char *raw, *out, *format, *created, *tmp, *fail_on, *color, *progress, *from,
        *from_format, *standard, *encoding;
    uint64_t jobs, memory, chunk, max_field, max_errors, split_size;
    bool force, dry_run, quiet, notes, transliterate, open_end, dsjc_gzip;
};
#define AT(f) offsetof(struct convert_opts, f)
const struct sm_opt cmd_convert_opts[] = {
    {"raw", 'r', SM_OPT_TEXT, AT(raw), "DIR", NULL, 0, 0,
     "folder of the raw exports (default: the mapping's)"},
    {"out", 'o', SM_OPT_TEXT, AT(out), "DIR", NULL, 0, 0,
     "output folder; appears as a whole or not at all"},
    {"format", 'f', SM_OPT_SET, AT(format), "LIST", "csv|xml|xpt|json|ndjson|dsjc|define", 0, 0,
     "formats to write (default csv,xml)"},
    {"transliterate", 0, SM_OPT_FLAG, AT(transliterate), NULL, NULL, 0, 0,
     "write texts in ASCII where the format holds nothing else (xpt)"},
    {"split-size", 0, SM_OPT_SIZE, AT(split_size), "SIZE", NULL, 1, 0,
     "most bytes of an XPORT file; a larger dataset is written in parts"},
    {"dsjc-gzip", 0, SM_OPT_FLAG, AT(dsjc_gzip), NULL, NULL, 0, 0,
     "wrap dsjc files as gzip instead of zlib"},
    {"from", 0, SM_OPT_TEXT, AT(from), "DIR", NULL, 0, 0,
     "no mapping: write the datasets of a folder, or of a file, in other formats"},
    {"from-format", 0, SM_OPT_CHOICE, AT(from_format), "FORMAT",
     "csv|xml|json|ndjson|dsjc|xpt|sas7bdat", 0, 0,
     "files to take with --from when there are several formats"},
    {"standard", 0, SM_OPT_TEXT, AT(standard), "FILE", NULL, 0, 0,
     "standard for types with --from (default the shipped SDTMIG 3.4)"},
    {"encoding", 0, SM_OPT_TEXT, AT(encoding), "NAME", NULL, 0, 0,
     "encoding of CSV and XPORT files with --from (default UTF-8)"},
    {"allow-open-end", 0, SM_OPT_FLAG, AT(open_end), NULL, NULL, 0, 0,
     "with --from, a CSV file without a line end at its end is whole"},
    {"jobs", 'j', SM_OPT_COUNT, AT(jobs), "N", NULL, 1, 256, "threads (default: one a core)"},
    {"memory", 'm', SM_OPT_SIZE, AT(memory), "SIZE", NULL, 1 << 20, 0,
     "memory for sorting, above it files are used"},
    {"chunk", 0, SM_OPT_SIZE, AT(chunk), "SIZE", NULL, 1, (uint64_t)1 << 30,
     "bytes a worker takes at a time"},
    {"max-field", 0, SM_OPT_SIZE, AT(max_field), "SIZE", NULL, 1, (uint64_t)1 << 30,
     "longest field that is read (default 1M)"},
    {"max-errors", 0, SM_OPT_COUNT, AT(max_errors), "N", NULL, 0, 0, "stop when there are more findings"},
    {"fail-on", 0, SM_OPT_CHOICE, AT(fail_on), "LEVEL", "note|warning|error|never", 0, 0,
     "severity that makes the exit status 1 (default error)"},
    {"created", 0, SM_OPT_TEXT, AT(created), "DATE", NULL, 0, 0,
     "creation date-time to write (default: the newest input's)"},
    {"tmp", 0, SM_OPT_TEXT, AT(tmp), "DIR", NULL, 0, 0,
     "folder for temporary files (default: beside the output)"},
    {"force", 0, SM_OPT_FLAG, AT(force), NULL, NULL, 0, 0,
     "replace a folder that sdtmill did not make"},
    {"dry-run", 'n', SM_OPT_FLAG, AT(dry_run), NULL, NULL, 0, 0, "do everything but write"},
    {"notes", 0, SM_OPT_FLAG, AT(notes), NULL, NULL, 0, 0, "show notes too"},
    {"quiet", 'q', SM_OPT_FLAG, AT(quiet), NULL, NULL, 0, 0, "show totals only"},
    {"progress", 0, SM_OPT_CHOICE, AT(progress), "HOW", "auto|none|ndjson", 0, 0,
     "progress on standard error (default auto)"},
    {"color", 0, SM_OPT_CHOICE, AT(color), "WHEN", "auto|always|never", 0, 0,
     "colour (default auto)"},
    {NULL, 0, SM_OPT_FLAG, 0, NULL, NULL, 0, 0, NULL}};

/* What decides the output, and nothing else: the manifest must not depend on threads or folders. */
static void command_text(struct sm_buf *b, const char *mapping, const struct convert_opts *o) {
    const char *slash = mapping ? strrchr(mapping, '/') : NULL;
    sm_buf_add_c(b, "sdtmill convert ");
    sm_buf_add_c(b, slash ? slash + 1 : mapping ? mapping : "--from");
    sm_buf_printf(b, " --format %s", o->format);
    if (o->transliterate) sm_buf_add_c(b, " --transliterate");
    if (o->split_size) sm_buf_printf(b, " --split-size %" PRIu64, o->split_size);
    if (o->dsjc_gzip) sm_buf_add_c(b, " --dsjc-gzip");
    if (o->from_format) sm_buf_printf(b, " --from-format %s", o->from_format);
    if (o->encoding) sm_buf_printf(b, " --encoding %s", o->encoding);
    if (o->max_field) sm_buf_printf(b, " --max-field %" PRIu64, o->max_field);
    if (o->created) sm_buf_printf(b, " --created %s", o->created);
}

static void show_ledger(const struct sm_run_result *res) {
    struct sm_ledger_row all = {.read = 0};
    for (size_t i = 0; i < res->nledger; i++) {
        const struct sm_ledger_row *w = &res->ledger[i];
        all.read += w->read;
        all.used += w->used;
        all.filtered += w->filtered;
        all.rejected += w->rejected;
        all.duplicates += w->duplicates;
        all.records += w->records;
        if (!w->rejected && !w->duplicates && !w->filtered) continue;
        fprintf(stderr,
                "  %-40.*s %8" PRIu64 " rows = %" PRIu64 " used + %" PRIu64 " filtered + %" PRIu64
                " rejected + %" PRIu64 " duplicate\n",
                SM_STR_FMT(w->file), w->read, w->used, w->filtered, w->rejected, w->duplicates);
    }
    fprintf(stderr,
            "%zu files, %" PRIu64 " rows = %" PRIu64 " used + %" PRIu64 " filtered + %" PRIu64
            " rejected + %" PRIu64 " duplicate; %" PRIu64 " records made\n",
            res->nledger, all.read, all.used, all.filtered, all.rejected, all.duplicates,
            all.records);
}

/* With a mapping, or between formats when it is NULL. */
static int work(const char *mapping, const struct convert_opts *o, const struct sm_run_opts *run,
                struct sm_diags *diags, struct sm_run_result *res, struct sm_err *err) {
    struct cmd_library lib;
    struct sm_texts *texts = NULL;
    struct sm_spec *spec = NULL;
    struct sm_arena arena = {NULL, 0, 0, 0};
    struct sm_formats_opts from = {.from = o->from,
                                   .from_format = o->from_format,
                                   .encoding = o->encoding,
                                   .open_end = o->open_end};
    int rc;
    if (!mapping) {
        rc = cmd_standard_load(o->standard, &arena, &from.model, err);
        if (!rc) rc = sm_run_formats(&from, run, diags, res, err);
        sm_arena_free(&arena);
        return rc;
    }
    cmd_find_library(&lib);
    rc = sm_texts_open(&texts, err);
    if (!rc)
        rc = sm_spec_load(&spec, mapping, &(struct sm_spec_paths){lib.folder, lib.n}, texts, diags,
                          err);
    if (!rc) rc = sm_run_convert(spec, run, diags, res, err);
    sm_spec_close(spec);
    sm_texts_close(texts);
    return rc;
}

static int convert(const char *mapping, const struct convert_opts *o, struct sm_diags *diags) {
    struct sm_err err = {0};
    struct sm_buf command;
    struct cmd_progress progress;
    struct sm_run_result res = {0};
    sm_buf_init(&command, 0);
    command_text(&command, mapping, o);
    cmd_progress_open(&progress, o->progress);
    struct sm_run_opts run = {.raw = o->raw,
                              .out = o->dry_run ? NULL : o->out,
                              .formats = o->format,
                              .created = o->created,
                              .tmpdir = o->tmp,
                              .command = command.p,
                              .threads = (unsigned)o->jobs,
                              .memory = o->memory,
                              .chunk = o->chunk,
                              .max_field = o->max_field,
                              .max_errors = o->max_errors,
                              .transliterate = o->transliterate,
                              .split_size = o->split_size,
                              .dsjc_gzip = o->dsjc_gzip,
                              .force = o->force,
                              .progress = cmd_progress_step,
                              .progress_ctx = &progress,
                              .stopped = cmd_stopped};
    int rc = work(mapping, o, &run, diags, &res, &err);
    cmd_progress_close(&progress);
    cmd_show_findings(diags,
                      &(struct cmd_show){.color = o->color, .quiet = o->quiet, .notes = o->notes});
    if (!rc) show_ledger(&res);
    if (!rc && run.out) fprintf(stderr, "written: %s (%zu files)\n", run.out, res.noutput + 1);
    int code = rc ? cmd_fail(&err) : cmd_findings_exit(diags, o->fail_on);
    sm_run_result_free(&res);
    sm_buf_free(&command);
    return code;
}

/* What is wrong with the command line, or NULL. */
static const char *complaint(const struct convert_opts *o, int operands) {
    if (o->from && operands) return "name a mapping file, or --from DIR, not both";
    if (o->from && o->raw) return "--raw goes with a mapping, not with --from";
    if (!o->from && (o->from_format || o->standard || o->encoding || o->open_end))
        return "--from-format, --standard, --encoding and --allow-open-end go with --from";
    if (!o->from && operands != 1) return "name one mapping file";
    return o->out || o->dry_run ? NULL : "say where to write: -o DIR (or --dry-run)";
}

int cmd_convert(const struct cmd_verb *v, int argc, char **argv) {
    struct convert_opts o = {
        .format = "csv,xml", .fail_on = "error", .color = "auto", .progress = "auto"};
    int first, code;
    if (cmd_parse(v, argc, argv, &o, &first, &code)) return code;
    const char *wrong = complaint(&o, argc - first);
    if (wrong) {
        fprintf(stderr, "sdtmill convert: %s\n", wrong);
        return CMD_USAGE;
    }
    struct sm_diags diags;
    sm_diags_init(&diags);
    code = convert(o.from ? NULL : argv[first], &o, &diags);
    sm_diags_free(&diags);
    sm_opt_free(v->opts, &o);
    return code;
}
