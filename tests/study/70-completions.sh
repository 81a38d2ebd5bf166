#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Completion scripts are scripts: shells that are here parse them, and each verb stands in them.
set -u
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
for shell in bash zsh fish; do
    "$SDTMILL" completions $shell >"$dir/script" 2>"$dir/log"
    bad=
    [ $? -eq 0 ] && [ -s "$dir/script" ] && [ ! -s "$dir/log" ] || bad='no script'
    for verb in $("$SDTMILL" help names | sed -n 's/^verb //p'); do
        grep -q "\<$verb\>" "$dir/script" || bad="$bad; $verb is not in it"
    done
    # quotes go by pairs on each line, once the escaped ones are gone: true of these scripts, parser or not
    [ $shell = bash ] || sed "s/\\\\'//g" "$dir/script" | awk -F"'" 'NF % 2 == 0 { exit 1 }' || bad="$bad; a quote is left open"
    if command -v $shell >/dev/null 2>&1; then
        $shell -n "$dir/script" >"$dir/log" 2>&1 || bad="$bad; does not parse: $(head -n 1 "$dir/log")"
    fi
    if [ -z "$bad" ]; then echo "ok completions $shell"; else echo "FAIL completions $shell: $bad"; fi
done
# What bash offers after a verb and after two dashes
eval "$("$SDTMILL" completions bash)"
COMP_WORDS=(sdtmill con) COMP_CWORD=1; _sdtmill
[ "${COMPREPLY[*]}" = convert ] && echo 'ok completions bash completes a verb' || echo "FAIL completions bash: ${COMPREPLY[*]}"
COMP_WORDS=(sdtmill convert --dry) COMP_CWORD=2; _sdtmill
[ "${COMPREPLY[*]}" = --dry-run ] && echo 'ok completions bash completes an option' || echo "FAIL completions bash: ${COMPREPLY[*]}"
