#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# compare.sh [RECORDS]: two LB datasets (default 5,000,000 records) that differ at one site, compared by sdtmill in 64 MB, next to
# what Debian and npm offer: sort + comm (equal lines only, no keys) and daff (keys, whole files in memory; at 100,000 records).
# Prints wall seconds, CPU seconds and peak resident memory of each. Works in build/bench.
set -eu
cd "$(dirname "$0")/../.."
n=${1:-5000000}
sdtmill=$(realpath "${SDTMILL:-build/release/sdtmill}")
work=${BENCH_DIR:-build/bench}/compare
mkdir -p "$work"
[ -x "$work/gen" ] || cc -O2 -o "$work/gen" tests/bench/gen.c -lm
measure() { # label, command...
    python3 - "$@" <<'P'
import resource, subprocess, sys, time
t = time.monotonic()
rc = subprocess.run(sys.argv[2:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
u = resource.getrusage(resource.RUSAGE_CHILDREN)
print(f"{sys.argv[1]:34s} {time.monotonic() - t:8.1f} s wall {u.ru_utime + u.ru_stime:8.1f} s CPU {u.ru_maxrss / 1024:8.0f} MB  exit {rc}")
P
}
pair() { # records: base.csv and new.csv of that many
    local d=$work/$1
    [ -s "$d/new/lb.csv" ] && return
    mkdir -p "$d/raw" "$d/base" "$d/new"
    "$work/gen" "$1" "$d/raw/lb_raw.csv" "$d/raw/dm_raw.csv"
    "$sdtmill" convert tests/bench/mapping/study.xml --raw "$d/raw" -o "$d/out" --format csv -q --force >/dev/null 2>&1 || [ $? -eq 1 ]
    mv "$d/out/csv/lb.csv" "$d/base/lb.csv"
    rm -r "$d/raw" "$d/out"
    # one site's standard results ten times too high
    awk -F, -v OFS=, '$3 ~ /-003-/ && $13 != "" { $13 *= 10 } 1' "$d/base/lb.csv" >"$d/new/lb.csv"
}
pair "$n"
measure "sdtmill compare -m 64M, $n" "$sdtmill" compare "$work/$n/base" "$work/$n/new" -m 64M
measure "sort + comm, $n" bash -c "comm -3 <(LC_ALL=C sort '$work/$n/base/lb.csv') <(LC_ALL=C sort '$work/$n/new/lb.csv')" # wall only: the sorts are no children of it
pair 100000
measure "sdtmill compare, 100000" "$sdtmill" compare "$work/100000/base" "$work/100000/new"
if command -v npm >/dev/null && { [ -d "$work/node_modules/daff" ] || (cd "$work" && npm install --no-audit --no-fund --silent daff >/dev/null 2>&1); }; then
    measure "daff, 100000" node "$work/node_modules/daff/bin/daff.js" diff --id USUBJID --id LBSEQ "$work/100000/base/lb.csv" "$work/100000/new/lb.csv"
else
    echo "daff left out: npm is not here"
fi
