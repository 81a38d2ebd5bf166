#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# outputs.sh [ROWS]: the other output formats of the LB job (default 1,000,000 rows), README.md says what is measured. Works in
# build/bench; BENCH_DIR, BENCH_RUNS, SDTMILL and LIBSDTMILL change that, the runs (3, the fastest counts), the program and its
# library. The folder BENCH_TMP (/dev/shm) takes the outputs that no disk shall slow down.
set -eu
cd "$(dirname "$0")/../.."
rows=${1:-1000000}
runs=${BENCH_RUNS:-3}
sdtmill=$(realpath "${SDTMILL:-build/release/sdtmill}")
library=$(realpath "${LIBSDTMILL:-build/release/libsdtmill.a}")
work=${BENCH_DIR:-build/bench}/outputs
raw=$work/raw_$rows
fast=$(mktemp -d "${BENCH_TMP:-/dev/shm}/outputs.XXXXXX")
mkdir -p "$work"
trap 'rm -rf "$fast" "$work/out" "$work/plain"' EXIT
libs=$(make print-config | sed -n 's/^LIBS=//p')
flags=$(make print-config | sed -n 's/^CPPFLAGS=//p')

compiler=${CC:-cc}
# shellcheck disable=SC2086
"$compiler" -std=c17 -O2 $flags -o "$work/outputs" tests/bench/outputs.c "$library" $libs
"$compiler" -O2 -shared -fPIC -o "$work/null_sink.so" tests/bench/null_sink.c -ldl
[ -x "$work/gen" ] || "$compiler" -O2 -o "$work/gen" tests/bench/gen.c -lm
if [ ! -s "$raw/lb_raw.csv" ]; then
    mkdir -p "$raw"
    "$work/gen" "$rows" "$raw/lb_raw.csv" "$raw/dm_raw.csv"
fi
# XPORT and the rest hold the same rows only if all texts are ASCII, which a few comments are not
if [ ! -s "$work/ascii_$rows/lb_raw.csv" ]; then
    mkdir -p "$work/ascii_$rows"
    LC_ALL=C sed 's/[\x80-\xFF]/x/g' "$raw/lb_raw.csv" >"$work/ascii_$rows/lb_raw.csv"
    cp "$raw/dm_raw.csv" "$work/ascii_$rows/"
fi
raw=$work/ascii_$rows

convert() { # folder, formats: 0 also when there are findings
    rm -rf "$1"
    "$sdtmill" convert tests/bench/mapping/study.xml --raw "$raw" --out "$1" --format "$2" --quiet >/dev/null 2>&1 || [ $? -eq 1 ]
}
least() { # of lines "wall user system": the least wall and CPU
    awk 'NR == 1 || $1 < w { w = $1 } NR == 1 || $2 + $3 < c { c = $2 + $3 } END { printf "%.2f %.2f", w, c }'
}
seconds() { # command...: wall and CPU, the least of all runs
    local TIMEFORMAT='%R %U %S'
    for _ in $(seq "$runs"); do
        { time "$@" >/dev/null 2>&1; } 2>&1
    done | least
}
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }
null() { # how, formats
    LD_PRELOAD=$work/null_sink.so NULL_SINK=$1 convert "$fast/null" "$2"
}

echo "## Writers, one thread"
convert "$fast/csv" csv
head -n 100001 "$fast/csv/csv/lb.csv" >"$work/lb.csv"
rm -rf "$fast/csv"
"$work/outputs" "$work/lb.csv" "$fast/writers"

echo; echo "## $rows rows into a null sink"
echo '| format | wall s | times CSV | CPU s | times CSV | hashed: wall s | times CSV |'
echo '|---|---|---|---|---|---|---|'
# in turn, so that a slow minute meets them all
for _ in $(seq "$runs"); do
    for f in csv xml ndjson xpt; do
        for how in nohash hash; do
            TIMEFORMAT="$how $f %R %U %S"
            { time null $how $f >/dev/null 2>&1; } 2>&1
        done
    done
done >"$work/times"
for f in csv xml ndjson xpt; do
    read -r a c <<<"$(grep "^nohash $f " "$work/times" | cut -d' ' -f3- | least)"
    read -r b _ <<<"$(grep "^hash $f " "$work/times" | cut -d' ' -f3- | least)"
    if [ $f = csv ]; then csv_a=$a csv_b=$b csv_c=$c; fi
    echo "| $f | $a | $(ratio "$a" "$csv_a") | $c | $(ratio "$c" "$csv_c") | $b | $(ratio "$b" "$csv_b") |"
done

echo; echo "## $rows rows on disk, in one pass"
plain() { cat "$work"/out/*/* | dd of="$work/plain" bs=1M conv=fsync status=none; }
formats=csv,xml,ndjson,xpt
sync
read -r a _ <<<"$(seconds convert "$work/out" $formats)"
bytes=$(cat "$work"/out/*/* | wc -c)
sync
read -r b _ <<<"$(seconds plain)"
echo '| what | bytes | wall s | times a plain write |'
echo '|---|---|---|---|'
echo "| $formats | $bytes | $a | $(ratio "$a" "$b") |"
echo "| the same bytes, written and fsynced | $bytes | $b | 1.00 |"
