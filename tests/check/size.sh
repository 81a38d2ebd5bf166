#!/bin/sh
# Prints source files over $1 lines and functions over $2 lines: a look at them is worth while.
set -u
for f in src/*/*.c src/*/*.h include/sdtmill/*.h; do
    [ -e "$f" ] || continue
    n=$(wc -l <"$f")
    [ "$n" -le "$1" ] || echo "note: $f has $n lines (aim $1)"
done
command -v ctags >/dev/null 2>&1 || exit 0
ctags --languages=C --c-kinds=f --fields=+ne -f - src/*/*.c 2>/dev/null |
    awk -F'\t' -v max="$2" '{
        l = e = 0
        for (i = 4; i <= NF; i++) {
            if ($i ~ /^line:/) l = substr($i, 6)
            if ($i ~ /^end:/) e = substr($i, 5)
        }
        if (e && e - l + 1 > max) print "note: " $2 ":" l ": " $1 " has " e - l + 1 " lines (aim " max ")"
    }'
exit 0
