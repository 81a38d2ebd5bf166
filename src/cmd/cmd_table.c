/* SPDX-License-Identifier: MIT */
/* cmd_table.c - every verb, and what all verbs share. */
#include "cmd.h"

const struct cmd_verb cmd_verbs[] = {
    {"convert", "raw exports and a mapping to SDTM datasets, findings, rejects and a manifest",
     "MAPPING", cmd_convert_opts,
     "sdtmill convert mappings/re223/study.xml -o out\n"
     "sdtmill convert mappings/re223/study.xml --raw fixtures/re223/raw -o out --format csv,xml "
     "--force\n"
     "sdtmill convert mappings/re223/study.xml --dry-run -j 1 --memory 16M\n",
     cmd_convert},
    {"check", "lint a mapping, with the raw headers or with no data at all", "MAPPING",
     cmd_check_opts,
     "sdtmill check mappings/re223/study.xml\n"
     "sdtmill check mappings/re223/study.xml --raw fixtures/re223/raw\n"
     "sdtmill check mappings/re223/study.xml --fail-on warning\n",
     cmd_check},
    {"compare", "two dataset folders or files against each other, cell for cell", "BASE NEW",
     cmd_compare_opts,
     "sdtmill compare fixtures/re223/expected out/csv\n"
     "sdtmill compare old/ae.xpt new/ae.json --seq-renumbered --dates partial\n"
     "sdtmill compare old new --fold-supp --ignore-vars --DTC --tolerance LBSTRESN=0.001 -o "
     "differences.csv\n",
     cmd_compare},
    {"verify",
     "an output folder read again: do its files agree with its manifest and with each other?",
     "OUT", cmd_verify_opts,
     "sdtmill verify out\n"
     "sdtmill verify out --quiet\n"
     "sdtmill verify out --standard mappings/standards/sdtmig-3.4.xml\n",
     cmd_verify},
    {"completions", "completion script for a shell", "bash|zsh|fish", cmd_help_opts,
     "sdtmill completions bash\nsdtmill completions zsh\nsdtmill completions fish\n",
     cmd_completions},
    {"help", "help on a verb, on exit-codes, findings, mapping or formats", "[TOPIC]",
     cmd_help_opts, "sdtmill help convert\nsdtmill help exit-codes\nsdtmill help findings\n",
     cmd_help},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};

const struct cmd_verb *cmd_find(const char *name) {
    for (const struct cmd_verb *v = cmd_verbs; v->name; v++)
        if (strcmp(v->name, name) == 0) return v;
    return NULL;
}
