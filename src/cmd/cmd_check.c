/* SPDX-License-Identifier: MIT */
/* cmd_check.c - sdtmill check. */
#include <sys/stat.h>

#include "cmd.h"
#include "sdtmill/run.h"
#include "sdtmill/spec_load.h"

struct check_opts {
    const char *raw, *fail_on, *color;
    bool quiet, no_data;
};
#define AT(f) offsetof(struct check_opts, f)
const struct sm_opt cmd_check_opts[] = {
    {"raw", 'r', SM_OPT_TEXT, AT(raw), "DIR", NULL, 0, 0,
     "check against the headers of the files below DIR"},
    {"no-data", 0, SM_OPT_FLAG, AT(no_data), NULL, NULL, 0, 0,
     "look at the mapping alone, even if its raw folder is there"},
    {"fail-on", 0, SM_OPT_CHOICE, AT(fail_on), "LEVEL", "note|warning|error|never", 0, 0,
     "severity that makes the exit status 1 (default error)"},
    {"quiet", 'q', SM_OPT_FLAG, AT(quiet), NULL, NULL, 0, 0, "show totals only"},
    {"color", 0, SM_OPT_CHOICE, AT(color), "WHEN", "auto|always|never", 0, 0,
     "colour (default auto)"},
    {NULL, 0, SM_OPT_FLAG, 0, NULL, NULL, 0, 0, NULL}};

static int check(const char *mapping, const struct check_opts *o, struct sm_diags *diags) {
    struct cmd_library lib;
    struct sm_texts *texts = NULL;
    struct sm_spec *spec = NULL;
    struct sm_err err = {0};
    cmd_find_library(&lib);
    int rc = sm_texts_open(&texts, &err);
    if (!rc)
        rc = sm_spec_load(&spec, mapping, &(struct sm_spec_paths){lib.folder, lib.n}, texts, diags,
                          &err);
    if (!rc) sm_spec_lint(spec, diags);
    bool data = false;
    if (!rc && !o->no_data) {
        struct sm_run_opts run = {.raw = o->raw};
        data = o->raw || spec->raw.n;
        if (data) rc = sm_run_headers(spec, &run, diags, &err);
        if (rc && rc != SM_ESPEC &&
            !o->raw) { /* the mapping's own raw folder need not be on this machine */
            fprintf(stderr, "sdtmill check: headers not looked at: %s\n", err.text);
            data = false;
            rc = SM_OK;
        }
    }
    cmd_show_findings(diags,
                      &(struct cmd_show){.color = o->color, .quiet = o->quiet, .notes = true});
    if (!rc)
        fprintf(stderr, "%s: %u sources, %u domains%s\n", mapping, spec->nsource, spec->ndomain,
                data ? ", headers looked at" : ", no data looked at");
    int code = rc ? cmd_fail(&err) : cmd_findings_exit(diags, o->fail_on);
    sm_spec_close(spec);
    sm_texts_close(texts);
    return code;
}

int cmd_check(const struct cmd_verb *v, int argc, char **argv) {
    struct check_opts o = {.fail_on = "error", .color = "auto"};
    int first, code;
    if (cmd_parse(v, argc, argv, &o, &first, &code)) return code;
    if (argc - first != 1) {
        fprintf(stderr, "sdtmill check: name one mapping file\n");
        return CMD_USAGE;
    }
    struct sm_diags diags;
    sm_diags_init(&diags);
    code = check(argv[first], &o, &diags);
    sm_diags_free(&diags);
    sm_opt_free(v->opts, &o);
    return code;
}
