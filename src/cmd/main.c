/* SPDX-License-Identifier: MIT */
/* main.c - dispatch. Time zone and locale never matter: TZ is set to UTC before any thread exists
 * and the C locale is never changed. */
#include <libxml/parser.h>
#include <signal.h>

#include "cmd.h"
#include "sdtmill/run.h"
#include "sdtmill/str.h"

static int top_help(FILE *to, bool full) {
    fprintf(to, "usage: sdtmill VERB [options] INPUT...\n\n");
    for (const struct cmd_verb *v = cmd_verbs; v->name; v++)
        fprintf(to, "  %-12s %s\n", v->name, v->summary);
    fprintf(
        to,
        "\n`sdtmill help VERB` tells the options of a verb, `sdtmill --version` the version.\n");
    if (full)
        fprintf(to, "\nexamples:\n  sdtmill check mappings/re223/study.xml\n  sdtmill convert "
                    "mappings/re223/study.xml -o out\n  sdtmill help exit-codes\n");
    return to == stderr ? CMD_USAGE : CMD_DONE;
}

static int unknown_verb(const char *name) {
    const char *best = NULL;
    unsigned at = 4;
    for (const struct cmd_verb *v = cmd_verbs; v->name; v++) {
        unsigned d = sm_str_distance(sm_str(name), sm_str(v->name), 3);
        if (d < at) {
            at = d;
            best = v->name;
        }
    }
    fprintf(stderr, "sdtmill: no verb \"%s\"", name);
    if (best) fprintf(stderr, "; did you mean \"%s\"?", best);
    fprintf(stderr, "\n");
    return CMD_USAGE;
}

static int dispatch(int argc, char **argv) {
    if (argc < 2) return top_help(stderr, false);
    if (strcmp(argv[1], "-h") == 0) return top_help(stdout, false);
    if (strcmp(argv[1], "--help") == 0) return top_help(stdout, true);
    if (strcmp(argv[1], "--version") == 0) {
        printf("sdtmill %s\n", sm_version());
        return CMD_DONE;
    }
    const struct cmd_verb *v = cmd_find(argv[1]);
    return v ? v->run(v, argc - 1, argv + 1) : unknown_verb(argv[1]);
}

int main(int argc, char **argv) {
    setenv("TZ", "UTC0", 1);
    cmd_catch_signals();
    xmlInitParser();
    int rc = dispatch(argc, argv);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "sdtmill: standard output could not be written\n");
        if (rc == CMD_DONE || rc == CMD_FINDINGS) rc = CMD_OUTPUT;
    }
    xmlCleanupParser();
    return rc;
}
