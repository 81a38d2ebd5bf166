#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What the manuals, README.md and --help show is what the program does.
set -u
"$SRC/tests/docs/run_examples.sh"
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
ln -s "$SRC/mappings" "$SRC/fixtures" "$dir"
mkdir "$dir/bin"
printf '#!/bin/sh\nexec "%s" "$@"\n' "$SDTMILL" >"$dir/bin/sdtmill"
chmod +x "$dir/bin/sdtmill"
PATH=$dir/bin:$PATH
for verb in $("$SDTMILL" help names | sed -n 's/^verb //p'); do
    "$SDTMILL" "$verb" --help | sed -n '/^examples:$/,$s/^  //p' >"$dir/examples"
    while read -r example; do
        (cd "$dir" && eval "$example" >log 2>&1 </dev/null)
        rc=$?
        if [ $rc -le 1 ]; then echo "ok docs help: $example"; else
            echo "FAIL docs help: $example (exit $rc)"
            sed 's/^/  | /' "$dir/log" | tail -n 5
        fi
    done <"$dir/examples"
done
