#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Whole runs for memcheck, whose exit status is none of the program's: one thread, every format.
set -u
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
formats=$("$SDTMILL" help names | awk '$1 == "format" { printf "%s%s", s, $2; s = "," }')
run() { # name, highest good exit status, arguments...
    local name=$1 most=$2
    shift 2
    "$SDTMILL" "$@" >"$dir/log" 2>&1
    local rc=$?
    if [ $rc -le "$most" ]; then echo "ok memory $name"; else
        echo "FAIL memory $name: exit $rc"
        grep -e '^==' "$dir/log" | head -n 40 | sed 's/^/  | /'
    fi
}
run 're223' 1 convert "$SRC/mappings/re223/study.xml" --raw "$SRC/fixtures/re223/raw" -o "$dir/out" --format "$formats" -j 1 -q
run 're223, spilling' 1 convert "$SRC/mappings/re223/study.xml" --raw "$SRC/fixtures/re223/raw" -o "$dir/out2" --format csv -j 1 -q --memory 1M --chunk 100
run 'every finding' 1 convert "$SRC/tests/study/codes/study.xml" -o "$dir/out3" --format "$formats" -j 1 -q --max-field 280
run 'check' 1 check "$SRC/mappings/re223/study.xml" --raw "$SRC/fixtures/re223/raw" -q
run 'compare' 1 compare "$dir/out/csv" "$dir/out/xpt"
run 'mapping that is wrong' 3 check "$SRC/fixtures/re223/README.md"
