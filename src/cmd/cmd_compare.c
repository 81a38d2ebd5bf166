/* SPDX-License-Identifier: MIT */
/* cmd_compare.c - sdtmill compare. */
#include "cmd.h"
#include "sdtmill/arena.h"
#include "sdtmill/run_compare.h"

struct compare_opts {
    struct sm_opt_list keys, ignore, absolute, relative;
    const char *datasets, *dates, *standard, *base_format, *new_format, *encoding, *differences,
        *tmp;
    uint64_t jobs, memory;
    bool seq, blanks, order, metadata, fold, open_end, json, quiet;
};
#define AT(f)   offsetof(struct compare_opts, f)
#define FORMATS "csv|xml|json|ndjson|dsjc|xpt|sas7bdat"
const struct sm_opt cmd_compare_opts[] = {
    {"keys", 'k', SM_OPT_LIST, AT(keys), "VAR,...", NULL, 0, 0,
     "variables that pair records; DS=VAR,... for one dataset (default: the standard's)"},
    {"ignore-vars", 'x', SM_OPT_LIST, AT(ignore), "VAR,...", NULL, 0, 0,
     "variables not compared; DS.VAR for one dataset, --VAR for any domain"},
    {"seq-renumbered", 0, SM_OPT_FLAG, AT(seq), NULL, NULL, 0, 0,
     "ignore --SEQ, and follow it in SUPP--, RELREC and CO"},
    {"ignore-blanks", 'b', SM_OPT_FLAG, AT(blanks), NULL, NULL, 0, 0,
     "ignore blanks at the end of values"},
    {"ignore-order", 0, SM_OPT_FLAG, AT(order), NULL, NULL, 0, 0, "ignore the order of rows"},
    {"ignore-metadata", 0, SM_OPT_FLAG, AT(metadata), NULL, NULL, 0, 0,
     "ignore variables of one side, their order, labels, types, lengths"},
    {"tolerance", 0, SM_OPT_LIST, AT(absolute), "[VAR=]N", NULL, 0, 0,
     "numbers that differ by at most N are equal"},
    {"relative", 0, SM_OPT_LIST, AT(relative), "[VAR=]N", NULL, 0, 0,
     "the same, N times the greater one"},
    {"dates", 0, SM_OPT_CHOICE, AT(dates), "HOW", "exact|partial", 0, 0,
     "partial: a partial date equals every date it contains"},
    {"fold-supp", 0, SM_OPT_FLAG, AT(fold), NULL, NULL, 0, 0,
     "compare supplemental qualifiers as variables of their parent"},
    {"datasets", 'd', SM_OPT_TEXT, AT(datasets), "DS,...", NULL, 0, 0,
     "compare these datasets only"},
    {"base-format", 0, SM_OPT_CHOICE, AT(base_format), "FORMAT", FORMATS, 0, 0,
     "files to take from base when there are several formats"},
    {"new-format", 0, SM_OPT_CHOICE, AT(new_format), "FORMAT", FORMATS, 0, 0, "the same for new"},
    {"encoding", 0, SM_OPT_TEXT, AT(encoding), "NAME", NULL, 0, 0,
     "encoding of CSV and XPORT files (default UTF-8)"},
    {"allow-open-end", 0, SM_OPT_FLAG, AT(open_end), NULL, NULL, 0, 0,
     "a CSV file without a line end at its end is whole"},
    {"standard", 0, SM_OPT_TEXT, AT(standard), "FILE", NULL, 0, 0,
     "standard for keys and types (default the shipped SDTMIG 3.4)"},
    {"differences", 'o', SM_OPT_TEXT, AT(differences), "FILE", NULL, 0, 0,
     "write all records and cells that differ to a CSV file"},
    {"json", 0, SM_OPT_FLAG, AT(json), NULL, NULL, 0, 0, "report as JSON"},
    {"quiet", 'q', SM_OPT_FLAG, AT(quiet), NULL, NULL, 0, 0, "no report, only the exit status"},
    {"memory", 'm', SM_OPT_SIZE, AT(memory), "SIZE", NULL, 1 << 20, 0,
     "memory for sorting, above it files are used"},
    {"jobs", 'j', SM_OPT_COUNT, AT(jobs), "N", NULL, 1, 256, "threads for sorting (default 1)"},
    {"tmp", 0, SM_OPT_TEXT, AT(tmp), "DIR", NULL, 0, 0,
     "folder for temporary files (default $TMPDIR or /tmp)"},
    {NULL, 0, SM_OPT_FLAG, 0, NULL, NULL, 0, 0, NULL}};

static int compare(char **operand, const struct compare_opts *o) {
    struct sm_arena arena;
    struct sm_err err = {0};
    struct sm_buf text;
    const struct sm_model *model = NULL;
    uint64_t n = 0;
    sm_arena_init(&arena);
    sm_buf_init(&text, 0);
    int rc = cmd_standard_load(o->standard, &arena, &model, &err);
    struct sm_compare_opts run = {.base = operand[0],
                                  .now = operand[1],
                                  .base_format = o->base_format,
                                  .new_format = o->new_format,
                                  .model = model,
                                  .keys = o->keys.item,
                                  .nkeys = o->keys.n,
                                  .ignore = o->ignore.item,
                                  .nignore = o->ignore.n,
                                  .absolute = o->absolute.item,
                                  .nabsolute = o->absolute.n,
                                  .relative = o->relative.item,
                                  .nrelative = o->relative.n,
                                  .datasets = o->datasets,
                                  .encoding = o->encoding,
                                  .seq_renumbered = o->seq,
                                  .ignore_blanks = o->blanks,
                                  .ignore_order = o->order,
                                  .ignore_metadata = o->metadata,
                                  .partial_dates = strcmp(o->dates, "partial") == 0,
                                  .fold_supp = o->fold,
                                  .open_end = o->open_end,
                                  .differences = o->differences,
                                  .tmpdir = o->tmp,
                                  .memory = o->memory,
                                  .threads = (unsigned)o->jobs,
                                  .stopped = cmd_stopped};
    if (!rc)
        rc = sm_run_compare(&run, o->json || o->quiet ? NULL : &text,
                            o->json && !o->quiet ? &text : NULL, &n, &err);
    if (!rc && text.n) {
        FILE *to = o->differences && strcmp(o->differences, "-") == 0 ? stderr : stdout;
        (void)fwrite(text.p, 1, text.n, to);
    }
    int code = rc ? cmd_fail(&err) : n ? CMD_FINDINGS : CMD_DONE;
    sm_buf_free(&text);
    sm_arena_free(&arena);
    return code;
}

int cmd_compare(const struct cmd_verb *v, int argc, char **argv) {
    struct compare_opts o = {.dates = "exact"};
    int first, code;
    if (cmd_parse(v, argc, argv, &o, &first, &code)) return code;
    if (argc - first != 2) {
        fprintf(stderr, "sdtmill compare: name two files or folders, BASE and NEW\n");
        code = CMD_USAGE;
    } else {
        code = compare(argv + first, &o);
    }
    sm_opt_free(v->opts, &o);
    return code;
}
