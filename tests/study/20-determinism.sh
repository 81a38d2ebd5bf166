#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Same bytes whatever the threads, chunk size, memory, time zone, locale and order of the file system.
set -u
fix=$SRC/fixtures/re223
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
export SOURCE_DATE_EPOCH=1500000000
formats=$("$SDTMILL" help names | awk '$1 == "format" { printf "%s%s", s, $2; s = "," }')
sums() { (cd "$1" && find . -type f | LC_ALL=C sort | xargs sha256sum); }
try() { # name, environment..., -- options
    local name=$1; shift
    local env=()
    while [ "$1" != -- ]; do env+=("$1"); shift; done
    shift
    env "${env[@]}" "$SDTMILL" convert "$SRC/mappings/re223/study.xml" --raw "${RAW:-$fix/raw}" -o "$dir/out" --format "$formats" -q "$@" >"$dir/log" 2>&1
    local rc=$?
    [ $rc -le 1 ] || { echo "FAIL determinism $name: exit $rc"; sed 's/^/  | /' "$dir/log" | tail -5; return; }
    sums "$dir/out" >"$dir/now"
    [ -f "$dir/first" ] || cp "$dir/now" "$dir/first"
    if cmp -s "$dir/first" "$dir/now"; then echo "ok determinism $name"; else echo "FAIL determinism $name"; diff "$dir/first" "$dir/now" | head -6; fi
    rm -rf "$dir/out"
}
try "one thread" A=1 -- -j 1
threads='2 3 8' chunks='1 4K 256K' memory='1M 16M 4G'
[ -z "${SHORT:-}" ] || { threads=3 chunks=4K memory=1M; }
for j in $threads; do try "$j threads" A=1 -- -j $j; done
for c in $chunks; do try "chunks of $c" A=1 -- -j 2 --chunk $c; done
for m in $memory; do try "memory $m" A=1 -- -j 2 --memory $m; done
try "memory 1M, chunks of 7, 3 threads" A=1 -- -j 3 --memory 1M --chunk 7
try "another time zone" TZ=Pacific/Kiritimati -- -j 2
try "another locale" LC_ALL=tr_TR.UTF-8 LANG=de_DE.UTF-8 -- -j 2
mkdir "$dir/raw"; for d in $(ls -r "$fix/raw"); do mkdir "$dir/raw/$d"; for f in $(ls -r "$fix/raw/$d"); do cp "$fix/raw/$d/$f" "$dir/raw/$d/$f"; done; done
RAW=$dir/raw try "files made in another order" A=1 -- -j 2
