#!/bin/sh
# Line coverage per source file from the counters under $1; fails when the whole is below $2 percent.
set -u
# A file whose code never ran has notes but no counters; gcov then counts all its lines as missed.
find "$1/src" -name '*.gcno' | LC_ALL=C sort | while read -r n; do
    gcov -n -r -s "$PWD" "$n" 2>/dev/null
done | awk -v min="$2" '
    /^File / { file = $0; gsub(/^File .|.$/, "", file); next }
    /^Lines executed:/ && file ~ /^src\/.*\.c$/ {
        split($0, a, /[:% ]+/)
        hit += a[3] * a[5] / 100; all += a[5]
        printf "%6.2f%% of %4d  %s\n", a[3], a[5], file
    }
    { file = "" }
    END {
        t = all ? 100 * hit / all : 0
        printf "total %.2f%% of %d lines (at least %s%% wanted)\n", t, all, min
        exit !(t >= min)
    }'
