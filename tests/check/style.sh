#!/bin/sh
# What every source file must have or must not have.
set -u
bad=0
files=$(find src include tests -name '*.[ch]' -type f | LC_ALL=C sort)
for f in $files; do
    head -n 1 "$f" | grep -qx '/\* SPDX-License-Identifier: MIT \*/' || { echo "$f:1: no SPDX line" && bad=1; }
    [ -z "$(tail -c 1 "$f")" ] || { echo "$f: no newline at the end" && bad=1; }
done
no() { # pattern, what it is
    # shellcheck disable=SC2086
    if grep -nE "$1" $files /dev/null; then
        echo "  ^ $2" && bad=1
    fi
}
tab=$(printf '\t') cr=$(printf '\r')
no "$tab" 'tab'
no "$cr" 'carriage return'
no ' $' 'blank at the end of the line'
no '\<(TODO|FIXME|XXX)\>' 'unfinished work'
# shellcheck disable=SC2086
n=$(grep -hE '^.{101,}' $files /dev/null | wc -l)
[ "$n" = 0 ] || echo "note: $n lines have more than 100 columns (make format)"
exit $bad
