#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Memory runs out at the n-th request, for n from 1 on with a growing stride: exit 6, nothing written,
# nothing leaked. Needs a program built with SM_DEBUG, best under AddressSanitizer.
set -u
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
sweep() { # name, study, options...
    local name=$1 study=$2 n=1 runs=0 bad=0 done=0 rc base
    shift 2
    convert() { "$SDTMILL" convert "$study" -o "$dir/out" --created 2020-01-01 -q -j 1 "$@" >"$dir/log" 2>&1; }
    sums() { (cd "$dir/out" && find . -type f ! -name manifest.json | LC_ALL=C sort | xargs sha256sum) | sha256sum; }
    convert "$@"
    base=$?
    [ $base -le 1 ] || { echo "FAIL fault $name: exit $base without a fault"; tail -n 3 "$dir/log"; return; }
    sums >"$dir/base"
    rm -rf "$dir/out"
    while [ $done -lt 3 ] && [ $bad -lt 5 ]; do
        SM_FAULT=alloc:$n convert "$@"
        rc=$?
        runs=$((runs + 1))
        if [ $rc -eq $base ] && sums | cmp -s - "$dir/base"; then done=$((done + 1))
        elif [ $rc -ne 6 ] || [ -n "$(find "$dir" -maxdepth 1 -name 'out*')" ]; then
            bad=$((bad + 1))
            echo "FAIL fault $name: request $n: exit $rc"
            ls -d "$dir"/out* 2>/dev/null | sed 's/^/  | left: /'
            grep -v '^findings' "$dir/log" | head -n 12 | sed 's/^/  | /'
        else done=0; fi
        rm -rf "$dir"/out*
        n=$((n + 1 + n / 40))
    done
    [ $bad -gt 0 ] || echo "ok fault $name: $runs runs, up to request $n"
}
sweep shapes "$SRC/tests/golden/20-shapes/in/study.xml" --format csv,xml
sweep codes "$SRC/tests/study/codes/study.xml" --format csv,xml,xpt,json,define
sweep spills "$SRC/tests/study/codes/study.xml" --format csv --memory 1M --chunk 7
