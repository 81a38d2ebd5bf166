/* SPDX-License-Identifier: MIT */
/* cmd_help.c - sdtmill help and sdtmill completions, both made from the verb and option tables. */
#include "cmd.h"
#include "sdtmill/emit.h"

const struct sm_opt cmd_help_opts[] = {{NULL, 0, SM_OPT_FLAG, 0, NULL, NULL, 0, 0, NULL}};

static void help_exit_codes(void) {
    static const struct { int code; const char *meaning; } row[] = {
        {0, "done; nothing at or above --fail-on (default error)"},
        {1, "done; findings, differences or rejects at or above it"},
        {2, "wrong usage"},
        {3, "mapping or metadata invalid; nothing written"},
        {4, "input missing, unreadable, truncated"},
        {5, "output could not be written or verified; old outputs untouched"},
        {6, "a limit was reached (memory, disk, --max-...); says which, nothing half-written"},
        {70, "internal invariant broken"},
        {130, "interrupted; old outputs untouched"},
        {143, "terminated; old outputs untouched"}};
    for (size_t i = 0; i < SM_ARRAY_LEN(row); i++) printf("%4d  %s\n", row[i].code, row[i].meaning);
}

static void help_findings(void) {
    for (size_t i = 0; i < sm_diag_count(); i++) {
        const struct sm_diag_info *d = sm_diag_at(i);
        printf("SM%04u  %-8s %-18s %s\n", (unsigned)d->code, sm_sev_name(d->sev), d->kind, d->title);
    }
}

static void help_mapping(void) {
    printf("The mapping language is described in sdtmill-mapping(5); its grammar is mappings/schema/mapping.rnc.\n");
}

static void help_formats(void) {
    for (size_t i = 0; sm_emit_at(i); i++) {
        const struct sm_emit_ops *o = sm_emit_at(i);
        printf("%-8s %s%s%s\n", o->name, o->folder ? o->folder : "", o->folder ? "/*" : "", o->suffix);
    }
}

/* Verbs and options, one a line: what the manual check reads. */
static void help_names(void) {
    for (const struct cmd_verb *v = cmd_verbs; v->name; v++) {
        printf("verb %s\n", v->name);
        for (const struct sm_opt *o = v->opts; o->name; o++) printf("option %s --%s\n", v->name, o->name);
    }
    for (size_t i = 0; i < sm_diag_count(); i++) printf("finding SM%04u %s\n", (unsigned)sm_diag_at(i)->code, sm_diag_at(i)->kind);
    for (size_t i = 0; sm_emit_at(i); i++) printf("format %s\n", sm_emit_at(i)->name);
}

int cmd_help(const struct cmd_verb *v, int argc, char **argv) {
    static const struct { const char *name; void (*show)(void); } topic[] = {
        {"exit-codes", help_exit_codes}, {"findings", help_findings}, {"mapping", help_mapping}, {"formats", help_formats}, {"names", help_names}};
    if (argc < 2) {
        for (const struct cmd_verb *x = cmd_verbs; x->name; x++) printf("  %-12s %s\n", x->name, x->summary);
        printf("\ntopics: exit-codes findings mapping formats\n");
        return CMD_DONE;
    }
    if (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0) {
        cmd_usage(v, stdout, argv[1][1] == '-');
        return CMD_DONE;
    }
    for (size_t i = 0; i < SM_ARRAY_LEN(topic); i++)
        if (strcmp(argv[1], topic[i].name) == 0) {
            topic[i].show();
            return CMD_DONE;
        }
    const struct cmd_verb *of = cmd_find(argv[1]);
    if (!of) {
        fprintf(stderr, "sdtmill help: no verb or topic \"%s\"\n", argv[1]);
        return CMD_USAGE;
    }
    cmd_usage(of, stdout, true);
    return CMD_DONE;
}

/* ---- completions ----------------------------------------------------------------------------- */
static void complete_bash(void) {
    printf("_sdtmill() {\n    local cur=${COMP_WORDS[COMP_CWORD]} verb=${COMP_WORDS[1]} words=\n    if [ \"$COMP_CWORD\" -eq 1 ]; then words=\"");
    for (const struct cmd_verb *v = cmd_verbs; v->name; v++) printf("%s%s", v == cmd_verbs ? "" : " ", v->name);
    printf("\"; else\n    case $verb in\n");
    for (const struct cmd_verb *v = cmd_verbs; v->name; v++) {
        printf("    %s) words=\"", v->name);
        for (const struct sm_opt *o = v->opts; o->name; o++) printf("--%s ", o->name);
        printf("--help\";;\n");
    }
    printf("    esac; fi\n    case $cur in -*|\"\") ;; *) [ \"$COMP_CWORD\" -gt 1 ] && words=;; esac\n"
           "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\ncomplete -o default -F _sdtmill sdtmill\n");
}

/* Text inside single quotes, as the shell writes a quote there: fish \', the others '\\''. */
static void put_quoted(const char *s, bool fish) {
    for (; *s; s++) {
        if (*s == '\'') fputs(fish ? "\\'" : "'\\''", stdout);
        else if (fish && *s == '\\') fputs("\\\\", stdout);
        else if (!fish && (*s == '[' || *s == ']')) printf("\\%c", *s);
        else putchar(*s);
    }
}

static void complete_zsh(void) {
    printf("#compdef sdtmill\nlocal -a verbs\nverbs=(\n");
    for (const struct cmd_verb *v = cmd_verbs; v->name; v++) {
        printf("  '%s:", v->name);
        put_quoted(v->summary, false);
        printf("'\n");
    }
    printf(")\nif (( CURRENT == 2 )); then _describe verb verbs; return; fi\ncase $words[2] in\n");
    for (const struct cmd_verb *v = cmd_verbs; v->name; v++) {
        printf("%s) _arguments", v->name);
        for (const struct sm_opt *o = v->opts; o->name; o++) {
            printf(" '--%s[", o->name);
            put_quoted(o->help, false);
            printf("]%s'", o->kind == SM_OPT_FLAG ? "" : ":value:_files");
        }
        printf(" '--help[show help]' '*:file:_files';;\n");
    }
    printf("esac\n");
}

static void complete_fish(void) {
    for (const struct cmd_verb *v = cmd_verbs; v->name; v++) {
        printf("complete -c sdtmill -n __fish_use_subcommand -a %s -d '", v->name);
        put_quoted(v->summary, true);
        printf("'\n");
        for (const struct sm_opt *o = v->opts; o->name; o++) {
            printf("complete -c sdtmill -n '__fish_seen_subcommand_from %s' -l %s%s -d '", v->name, o->name, o->kind == SM_OPT_FLAG ? "" : " -r");
            put_quoted(o->help, true);
            printf("'\n");
        }
    }
}

int cmd_completions(const struct cmd_verb *v, int argc, char **argv) {
    static const struct { const char *name; void (*print)(void); } shell[] = {{"bash", complete_bash}, {"zsh", complete_zsh}, {"fish", complete_fish}};
    if (argc == 2 && (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0)) {
        cmd_usage(v, stdout, argv[1][1] == '-');
        return CMD_DONE;
    }
    for (size_t i = 0; argc == 2 && i < SM_ARRAY_LEN(shell); i++)
        if (strcmp(argv[1], shell[i].name) == 0) {
            shell[i].print();
            return CMD_DONE;
        }
    fprintf(stderr, "sdtmill completions: name a shell: bash, zsh or fish\n");
    return CMD_USAGE;
}
