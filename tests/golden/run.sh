#!/bin/bash
# Golden tests: run.sh PROGRAM [NAME...]
# Each folder tests/golden/NAME holds `cmd`, run by bash in a fresh folder with
#   SDTMILL the program    SRC the top of this tree    TZ=UTC LC_ALL=C
# and what must come of it, byte for byte:
#   stdout, stderr   no file: silence. The paths of SRC and of the fresh folder read $SRC and $TMP.
#   exit             no file: 0
#   out/             the tree that the run leaves in ./out; not looked at when there is none here
# BLESS=1 writes what came instead of comparing (mkdir out in the case to have the tree kept).
set -u
program=$(realpath "$1") || exit 2
shift
here=$(cd "$(dirname "$0")" && pwd)
src=$(cd "$here/../.." && pwd)
[ $# -gt 0 ] || set -- $(cd "$here" && for c in */cmd; do [ -e "$c" ] && dirname "$c"; done)
failed=0 n=0

neutral() { # file text name: replaces the path by its name
    if grep -qF -- "$2" "$1"; then
        local esc
        esc=$(printf '%s' "$2" | sed 's/[][\.*^$|]/\\&/g')
        sed -i "s|$esc|$3|g" "$1"
    fi
}

run_case() {
    local name=$1 t=$2 c=$here/$1 f bad=0
    mkdir "$t/run"
    (cd "$t/run" && env -u SOURCE_DATE_EPOCH -u SM_FAULT -u NO_COLOR -u CLICOLOR_FORCE -u COLUMNS \
        SDTMILL="$program" SRC="$src" TZ=UTC LC_ALL=C bash "$c/cmd" \
        >"$t/stdout" 2>"$t/stderr" </dev/null)
    echo $? >"$t/exit"
    for f in stdout stderr; do
        neutral "$t/$f" "$t/run" '$TMP'
        neutral "$t/$f" "$src" '$SRC'
    done
    if [ "${BLESS:-0}" = 1 ]; then
        for f in stdout stderr exit; do rm -f "$c/$f"; done
        [ ! -s "$t/stdout" ] || cp "$t/stdout" "$c/stdout"
        [ ! -s "$t/stderr" ] || cp "$t/stderr" "$c/stderr"
        [ "$(cat "$t/exit")" = 0 ] || cp "$t/exit" "$c/exit"
        if [ -d "$c/out" ]; then rm -rf "$c/out" && cp -r "$t/run/out" "$c/out"; fi
        return
    fi
    : >"$t/silence"
    echo 0 >"$t/zero"
    for f in stdout stderr exit; do
        local want=$c/$f
        [ -e "$want" ] || { want=$t/silence && [ $f = exit ] && want=$t/zero; }
        cmp -s "$want" "$t/$f" || { bad=1 && echo "# $f differs" && diff -a -u "$want" "$t/$f" | head -n 40; }
    done
    if [ -d "$c/out" ] && ! diff -r "$c/out" "$t/run/out" >/dev/null 2>&1; then
        bad=1
        echo '# out/ differs'
        diff -a -ru "$c/out" "$t/run/out" 2>&1 | head -n 60
    fi
    return $bad
}

for name; do
    n=$((n + 1))
    [ -e "$here/$name/cmd" ] || { echo "not ok $n - $name: no such case" && failed=1 && continue; }
    t=$(mktemp -d) || exit 2
    if run_case "$name" "$t"; then echo "ok $n - $name"; else echo "not ok $n - $name" && failed=1; fi
    chmod -R u+rwX "$t"
    rm -rf "$t"
done
exit $failed
