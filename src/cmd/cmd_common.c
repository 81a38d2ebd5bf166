/* SPDX-License-Identifier: MIT */
/* cmd_common.c - what verbs share: parsing, failures, signals, where shipped mappings are. */
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd.h"
#include "sdtmill/buf.h"
#include "sdtmill/model.h"
#include "sdtmill/str.h"

#ifndef SM_SHAREDIR
#define SM_SHAREDIR "/usr/local/share/sdtmill"
#endif

/* Set by the handler, read between chunks: a signal handler may touch nothing else. */
static volatile sig_atomic_t caught, asked;

static void on_signal(int number) {
    caught = number;
}

static void on_question(int number) {
    (void)number;
    asked = 1;
}

void cmd_catch_signals(void) {
    struct sigaction a, was;
    memset(&a, 0, sizeof a);
    a.sa_handler = on_signal;
    sigemptyset(&a.sa_mask);
    sigaction(SIGINT, &a, NULL);
    sigaction(SIGTERM, &a, NULL);
    if (sigaction(SIGHUP, NULL, &was) == 0 && was.sa_handler != SIG_IGN) /* nohup */
        sigaction(SIGHUP, &a, NULL);
    a.sa_handler = on_question;
    a.sa_flags = SA_RESTART; /* stdio drops what it was writing when it is interrupted */
    sigaction(SIGUSR1, &a, NULL);
    a.sa_flags = 0;
    a.sa_handler = SIG_DFL;
    sigaction(SIGPIPE, &a, NULL);
}

bool cmd_was_asked(void) {
    bool was = asked != 0;
    asked = 0;
    return was;
}

bool cmd_stopped(void) {
    return caught != 0;
}

int cmd_exit_of(enum sm_rc rc) {
    static const struct {
        enum sm_rc rc;
        int code;
    } map[] = {{SM_OK, CMD_DONE},      {SM_EUSAGE, CMD_USAGE},  {SM_ESPEC, CMD_MAPPING},
               {SM_EDATA, CMD_INPUT},  {SM_EFORMAT, CMD_INPUT}, {SM_EIO, CMD_OUTPUT},
               {SM_ELIMIT, CMD_LIMIT}, {SM_ENOMEM, CMD_LIMIT},  {SM_ESTATE, CMD_INTERNAL}};
    if (rc == SM_EINTR) return caught == SIGTERM ? CMD_TERMINATED : CMD_INTERRUPTED;
    for (size_t i = 0; i < SM_ARRAY_LEN(map); i++)
        if (map[i].rc == rc) return map[i].code;
    return CMD_INTERNAL;
}

int cmd_fail(const struct sm_err *err) {
    fprintf(stderr, "sdtmill: %s\n", err->text);
    return cmd_exit_of(err->code);
}

void cmd_usage(const struct cmd_verb *v, FILE *to, bool full) {
    struct sm_buf b;
    sm_buf_init(&b, 0);
    sm_opt_help(v->opts, &b);
    fprintf(to, "usage: sdtmill %s [options] %s\n\n%s\n", v->name, v->usage, v->summary);
    if (v->opts[0].name) fprintf(to, "\n%.*s", (int)b.n, b.p ? b.p : "");
    if (full) {
        fprintf(to, "\nexamples:\n");
        for (const char *p = v->examples; *p;) {
            const char *end = strchr(p, '\n');
            fprintf(to, "  %.*s\n", (int)(end - p), p);
            p = end + 1;
        }
    }
    sm_buf_free(&b);
}

bool cmd_parse(const struct cmd_verb *v, int argc, char **argv, void *into, int *ret_first,
               int *ret) {
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        bool brief = strcmp(argv[i], "-h") == 0, full = strcmp(argv[i], "--help") == 0;
        if (!brief && !full) continue;
        cmd_usage(v, stdout, full);
        *ret = CMD_DONE;
        return true;
    }
    struct sm_err err = {0};
    if (sm_opt_parse(v->opts, argc, argv, into, ret_first, &err) == SM_OK) return false;
    fprintf(stderr, "sdtmill %s: %s\n", v->name, err.text);
    *ret = cmd_exit_of(err.code);
    sm_opt_free(v->opts, into);
    return true;
}

static void add_folder(struct cmd_library *lib, const char *base, const char *tail) {
    struct stat st;
    if (lib->n >= SM_ARRAY_LEN(lib->folder)) return;
    char *to = lib->text[lib->n];
    int n = snprintf(to, sizeof lib->text[0], "%s%s", base, tail);
    if (n <= 0 || (size_t)n >= sizeof lib->text[0] || stat(to, &st) != 0 || !S_ISDIR(st.st_mode))
        return;
    lib->folder[lib->n++] = to;
}

void cmd_find_library(struct cmd_library *lib) {
    memset(lib, 0, sizeof *lib);
    const char *env = getenv("SDTMILL_MAPPINGS");
    if (env && *env) add_folder(lib, env, "");
    char exe[4096];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (n > 0) {
        exe[n] = 0;
        for (int up = 0; up < 3;
             up++) { /* <root>/build/release/sdtmill: the tree it was built in */
            char *slash = strrchr(exe, '/');
            if (slash) *slash = 0;
        }
        add_folder(lib, exe, "/mappings");
    }
    add_folder(lib, SM_SHAREDIR, "/mappings");
}

int cmd_standard_load(const char *path, struct sm_arena *a, const struct sm_model **ret,
                      struct sm_err *err) {
    struct cmd_library lib;
    struct stat st;
    char shipped[4200];
    *ret = NULL;
    if (path) return sm_model_load(ret, path, a, err);
    cmd_find_library(&lib);
    for (size_t i = 0; i < lib.n; i++) {
        (void)snprintf(shipped, sizeof shipped, "%s/standards/sdtmig-3.4.xml", lib.folder[i]);
        if (stat(shipped, &st) == 0) return sm_model_load(ret, shipped, a, err);
    }
    return SM_OK;
}
