/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_CMD_H
#define SDTMILL_CMD_H
/* cmd.h - verbs of the command line. One row per verb in cmd_table.c drives dispatch, help,
 * completions and the manual check. Only this room prints and exits. */
#include "sdtmill/diag.h"
#include "sdtmill/err.h"
#include "sdtmill/opt.h"

enum cmd_exit {
    CMD_DONE = 0,
    CMD_FINDINGS = 1,
    CMD_USAGE = 2,
    CMD_MAPPING = 3,
    CMD_INPUT = 4,
    CMD_OUTPUT = 5,
    CMD_LIMIT = 6,
    CMD_INTERNAL = 70,
    CMD_INTERRUPTED = 130,
    CMD_TERMINATED = 143
};

struct cmd_verb {
    const char *name, *summary, *usage; /* usage: operands, "MAPPING" */
    const struct sm_opt *opts;
    const char *examples; /* three lines that work when pasted */
    int (*run)(const struct cmd_verb *v, int argc, char **argv);
};
extern const struct cmd_verb cmd_verbs[];
const struct cmd_verb *cmd_find(const char *name);

extern const struct sm_opt cmd_convert_opts[], cmd_check_opts[], cmd_help_opts[];
int cmd_convert(const struct cmd_verb *v, int argc, char **argv);
int cmd_check(const struct cmd_verb *v, int argc, char **argv);
extern const struct sm_opt cmd_compare_opts[];
int cmd_compare(const struct cmd_verb *v, int argc, char **argv);
extern const struct sm_opt cmd_verify_opts[];
int cmd_verify(const struct cmd_verb *v, int argc, char **argv);
int cmd_help(const struct cmd_verb *v, int argc, char **argv);
int cmd_completions(const struct cmd_verb *v, int argc, char **argv);

/* Handles --help/-h and parse errors: true when the verb is done, its exit code in *ret. */
bool cmd_parse(const struct cmd_verb *v, int argc, char **argv, void *into, int *ret_first,
               int *ret);
void cmd_usage(const struct cmd_verb *v, FILE *to, bool full);
/* The failure as one line on stderr; the exit code that belongs to it. */
int cmd_fail(const struct sm_err *err);
int cmd_exit_of(enum sm_rc rc);

/* Findings on stderr: first three of each code, then how many more; totals are always true.
 * raw: root to read source lines from, may be NULL. */
struct cmd_show {
    const char *color;
    bool quiet;
    bool notes;
    const char *raw;
};
void cmd_show_findings(struct sm_diags *d, const struct cmd_show *how);
/* CMD_FINDINGS if a finding is at or above `fail_on` ("note", "warning", "error", "never"). */
int cmd_findings_exit(const struct sm_diags *d, const char *fail_on);

/* Where shipped mappings are: $SDTMILL_MAPPINGS, beside the program, the installed place. */
struct cmd_library {
    const char *folder[4];
    size_t n;
    char text[4][4096];
};
void cmd_find_library(struct cmd_library *lib);
/* The standard that was named, or the shipped SDTMIG 3.4, or NULL when that is not found. */
struct sm_arena;
struct sm_model;
int cmd_standard_load(const char *path, struct sm_arena *a, const struct sm_model **ret,
                      struct sm_err *err) SM_MUST_CHECK;
bool cmd_stopped(void);
void cmd_catch_signals(void);
/* True once after each SIGUSR1. */
bool cmd_was_asked(void);
/* Progress on stderr: "auto" draws on a terminal, "ndjson" one object a line, "none". */
struct sm_progress;
struct cmd_progress {
    int mode;
    double last, start;
    bool drawn;
};
void cmd_progress_open(struct cmd_progress *p, const char *mode);
void cmd_progress_step(void *ctx, const struct sm_progress *s);
void cmd_progress_close(struct cmd_progress *p);
#endif
