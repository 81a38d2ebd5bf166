#!/bin/sh
# Nothing lies where it does not belong, and no product of a build is in the repository.
set -u
bad=0
say() { echo "stray: $*" && bad=1; }
allowed=' Makefile README.md LICENSE VERSION src include mappings fixtures tests man build '
for f in *; do
    case $allowed in *" $f "*) ;; *) say "$f does not belong in the top folder" ;; esac
done
if git rev-parse --git-dir >/dev/null 2>&1; then
    list=$(git ls-files --cached --others --exclude-standard)
else
    list=$(find . -path ./build -prune -o -type f -print | sed 's|^\./||')
fi
echo "$list" | grep -E '(^build/|\.(o|a|so|d|gcda|gcno|gcov|orig|rej|bak|swp|tmp|log|pyc|fz|reg)$|~$|(^|/)(core|a\.out|__pycache__)(/|$))' |
    sed 's/^/stray: product or leftover: /' | { ! grep .; } || bad=1
echo "$list" | while read -r f; do
    [ -f "$f" ] && [ "$(stat -c %s "$f")" -gt 8388608 ] && echo "$f"
done | sed 's/^/stray: larger than 8 MiB: /' | { ! grep .; } || bad=1
exit $bad
