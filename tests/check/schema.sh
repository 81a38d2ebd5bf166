#!/bin/sh
# The two forms of each schema say the same, and every shipped XML file is well-formed.
set -u
bad=0
t=$(mktemp -d) || exit 2
for c in mappings/schema/*.rnc; do
    [ -e "$c" ] || continue
    g=${c%.rnc}.rng
    if ! trang "$c" "$t/a.rng" >"$t/log" 2>&1; then
        echo "schema: trang refuses $c" && cat "$t/log" && bad=1
    elif ! cmp -s "$t/a.rng" "$g"; then
        echo "schema: $g is not what trang makes of $c" && bad=1
    fi
done
find mappings -name '*.xml' >"$t/list"
while read -r f; do
    xmllint --nonet --noout "$f" || bad=1
done <"$t/list"
rm -rf "$t"
exit $bad
