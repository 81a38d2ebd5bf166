#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# SIGTERM ends a run with 143, SIGINT with 130; the old outputs stand and nothing is left beside them.
set -u
fix=$SRC/fixtures/re223
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
export SOURCE_DATE_EPOCH=1500000000 # no times in the manifest
cmd=("$SDTMILL" convert "$SRC/mappings/re223/study.xml" --raw "$fix/raw" -o "$dir/out" --chunk 64 -q --created)
sums() { (cd "$dir/out" && find . -type f | LC_ALL=C sort | xargs sha256sum) | sha256sum; }
"${cmd[@]}" 2020-01-01 >"$dir/log" 2>&1
[ $? -le 1 ] || { echo 'FAIL signals: the first run'; tail -n 3 "$dir/log"; exit 0; }
start=$(date +%s%N)
"${cmd[@]}" 2020-01-01 >"$dir/log" 2>&1
ms=$((($(date +%s%N) - start) / 1000000))
old=$(sums)
for want in TERM:143 INT:130; do
    hits=0 bad=
    for part in 2 5 10 20 35 50 65 80; do # early ones too: a machine may be quicker than it was a moment ago
        "${cmd[@]}" 2021-01-01 >"$dir/log" 2>&1 & pid=$!
        sleep "$(awk -v m="$ms" -v p=$part 'BEGIN { printf "%.3f", m * p / 100000 }')"
        kill -s "${want%:*}" $pid 2>/dev/null
        wait $pid
        rc=$?
        if [ $rc -le 1 ]; then # it was faster than the signal
            "${cmd[@]}" 2020-01-01 >/dev/null 2>&1
        elif [ $rc -ne "${want#*:}" ]; then bad="exit $rc"
        elif [ "$(sums)" != "$old" ]; then bad='the old outputs changed'
        else hits=$((hits + 1)); fi
    done
    left=$(find "$dir" -maxdepth 1 -name 'out.*' | wc -l)
    [ "$left" -eq 0 ] || bad="$left folders left behind"
    if [ -z "$bad" ] && [ $hits -gt 0 ]; then echo "ok signals: SIG${want%:*} gives ${want#*:}, the old outputs stand ($hits times)"
    else echo "FAIL signals: SIG${want%:*}: ${bad:-never in time}"; tail -n 2 "$dir/log"; fi
done
