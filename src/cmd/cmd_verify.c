/* SPDX-License-Identifier: MIT */
/* cmd_verify.c - sdtmill verify. */
#include "cmd.h"
#include "sdtmill/arena.h"
#include "sdtmill/run_verify.h"

struct verify_opts {
    const char *standard;
    bool quiet;
};
#define AT(f) offsetof(struct verify_opts, f)
const struct sm_opt cmd_verify_opts[] = {
    {"standard", 0, SM_OPT_TEXT, AT(standard), "FILE", NULL, 0, 0,
     "standard for the types of CSV files without define.xml (default the shipped one)"},
    {"quiet", 'q', SM_OPT_FLAG, AT(quiet), NULL, NULL, 0, 0, "no report, only the exit status"},
    {NULL, 0, SM_OPT_FLAG, 0, NULL, NULL, 0, 0, NULL}};

static void count(uint64_t n, const char *what, const char *end) {
    printf("%" PRIu64 " %s%s%s", n, what, n == 1 ? "" : "s", end);
}

static void show(const char *folder, const struct sm_buf *text, const struct sm_verify_result *r) {
    (void)fwrite(text->p ? text->p : "", 1, text->n, stdout);
    printf("%s: ", folder);
    count(r->files, "file", ", ");
    count(r->datasets, "dataset", " in ");
    count(r->formats, "format", ", ");
    count(r->records, "record", ", ");
    count(r->cells, "cell", ": ");
    if (r->problems)
        count(r->problems, "problem", "\n");
    else
        printf("everything agrees\n");
}

static int verify(const char *folder, const struct verify_opts *o) {
    struct sm_arena arena;
    struct sm_err err = {0};
    struct sm_buf text;
    struct sm_verify_result result;
    const struct sm_model *model = NULL;
    sm_arena_init(&arena);
    sm_buf_init(&text, 0);
    int rc = cmd_standard_load(o->standard, &arena, &model, &err);
    if (!rc)
        rc = sm_run_verify(
            &(struct sm_verify_opts){.out = folder, .model = model, .stopped = cmd_stopped}, &text,
            &result, &err);
    if (!rc && !o->quiet) show(folder, &text, &result);
    int code = rc ? cmd_fail(&err) : result.problems ? CMD_OUTPUT : CMD_DONE;
    sm_buf_free(&text);
    sm_arena_free(&arena);
    return code;
}

int cmd_verify(const struct cmd_verb *v, int argc, char **argv) {
    struct verify_opts o = {.quiet = false};
    int first, code;
    if (cmd_parse(v, argc, argv, &o, &first, &code)) return code;
    if (argc - first != 1) {
        fprintf(stderr, "sdtmill verify: name one output folder\n");
        code = CMD_USAGE;
    } else {
        code = verify(argv[first], &o);
    }
    sm_opt_free(v->opts, &o);
    return code;
}
