#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Killed at 200 moments the output folder is the old one or the new one. KILLS=n for another count. Half of the moments are random in
# the time the latest whole run took; half follow the last file of the new outputs, after a wait that grows when the folder is still
# the old one and shrinks when it is the new one, so that they gather around the exchange of the folders.
set -u
fix=$SRC/fixtures/re223
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
kills=${KILLS:-200}
cmd=("$SDTMILL" convert "$SRC/mappings/re223/study.xml" --raw "$fix/raw" -o "$dir/out" -q --created)
run() { # a whole run, and the milliseconds it took
    local start
    start=$(date +%s%N)
    "${cmd[@]}" "$1" >"$dir/log" 2>&1
    [ $? -le 1 ] || { echo "FAIL kill: a run that nobody disturbs: $(tail -n 1 "$dir/log")"; exit 0; }
    ms=$((($(date +%s%N) - start) / 1000000))
}
sums() { (cd "$dir/out" 2>/dev/null && grep -v '"seconds"\|"peak_memory"\|"threads"\|^ "sha256"' manifest.json | sha256sum; cd "$dir/out" && find . -type f ! -name manifest.json | LC_ALL=C sort | xargs sha256sum) | sha256sum; }
staged() { compgen -G "$dir/out.sdtmill-*/$1" >/dev/null; }
ended() { ! kill -0 $pid 2>/dev/null || grep -q '^State:.Z' /proc/$pid/status 2>/dev/null; }
run 2021-01-01; new=$(sums)
run 2020-01-01; old=$(sums)
[ "$old" != "$new" ] || { echo "FAIL kill: the two runs do not differ"; exit 0; }
bad=0 olds=0 news=0 halves=0 far=200
RANDOM=42
for ((i = 0; i < kills; i++)); do
    "${cmd[@]}" 2021-01-01 >/dev/null 2>&1 & pid=$! # the program itself, not a shell around it
    if [ $((i % 2)) -eq 0 ]; then sleep "$(awk -v m="$ms" -v r=$RANDOM 'BEGIN { printf "%.4f", m / 1000 * 1.1 * r / 32768 }')"
    else
        until staged manifest.json || ended; do :; done
        for ((spin = far / 2 + far * RANDOM / 32768; spin > 0; spin--)); do :; done
    fi
    kill -9 $pid 2>/dev/null; wait $pid 2>/dev/null
    staged '' && halves=$((halves + 1))
    now=$(sums)
    if [ "$now" = "$old" ]; then far=$((far + far * (i % 2) / 4 + 1)); else far=$((far - far * (i % 2) / 3)); fi
    case $now in "$old") olds=$((olds + 1));; "$new") news=$((news + 1)); run 2020-01-01;; *) bad=$((bad + 1)); run 2020-01-01;; esac
done
run 2020-01-01
left=$(find "$dir" -maxdepth 1 -name 'out.*' | wc -l)
if [ $bad -gt 0 ] || [ "$left" -gt 0 ]; then echo "FAIL kill: $bad mixtures of $kills, $left folders left behind"
elif [ $halves -eq 0 ]; then echo "FAIL kill: none of $kills kills met a run at work"
else echo "ok kill: $kills kills, $olds times the old folder, $news times the new, $halves times in the middle, nothing left behind"; fi
