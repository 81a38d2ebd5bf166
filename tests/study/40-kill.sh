#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Killed at 200 random moments the output folder is the old one or the new one. KILLS=n for another count.
set -u
fix=$SRC/fixtures/re223
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
kills=${KILLS:-200}
cmd=("$SDTMILL" convert "$SRC/mappings/re223/study.xml" --raw "$fix/raw" -o "$dir/out" -q --created)
run() { "${cmd[@]}" "$1" >/dev/null 2>&1; }
sums() { (cd "$dir/out" 2>/dev/null && grep -v '"seconds"\|"peak_memory"\|"threads"\|^ "sha256"' manifest.json | sha256sum; cd "$dir/out" && find . -type f ! -name manifest.json | LC_ALL=C sort | xargs sha256sum) | sha256sum; }
run 2020-01-01; old=$(sums)
start=$(date +%s%N); run 2021-01-01; ms=$((($(date +%s%N) - start) / 1000000)); new=$(sums)
[ "$old" != "$new" ] || { echo "FAIL kill: the two runs do not differ"; exit 0; }
run 2020-01-01
bad=0 olds=0 news=0
RANDOM=42
for i in $(seq "$kills"); do
    "${cmd[@]}" 2021-01-01 >/dev/null 2>&1 & pid=$! # the program itself, not a shell around it
    sleep "$(awk -v m="$ms" -v r=$RANDOM 'BEGIN { printf "%.4f", m / 1000 * 1.1 * r / 32768 }')"
    kill -9 $pid 2>/dev/null; wait $pid 2>/dev/null
    now=$(sums)
    case $now in "$old") olds=$((olds + 1));; "$new") news=$((news + 1)); run 2020-01-01;; *) bad=$((bad + 1)); run 2020-01-01;; esac
done
run 2020-01-01
left=$(find "$dir" -maxdepth 1 -name 'out.*' | wc -l)
if [ $bad -eq 0 ] && [ "$left" -eq 0 ]; then echo "ok kill: $kills kills, $olds times the old folder, $news times the new, nothing left behind"
else echo "FAIL kill: $bad mixtures of $kills, $left folders left behind"; fi
