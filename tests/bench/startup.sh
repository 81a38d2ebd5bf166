#!/bin/sh
# SPDX-License-Identifier: MIT
# CPU time (user + system, smallest of RUNS) of the start: a study of 14 domains with the terminology
# that is shipped, with the full package of NCI EVS, and with that package unpacked.
#   startup.sh [PACKAGE]     default: facts/sdtm/SDTM Terminology.txt.gz of $SHARED (../shared)
#   SDTMILL=build/release/sdtmill  RUNS=20  MOST=30 (milliseconds; more is a failure, but for the
#   compressed package, to which unpacking adds what zlib takes)
set -eu
src=$(cd "$(dirname "$0")/../.." && pwd)
bin=${SDTMILL:-$src/build/release/sdtmill}
package=${1:-${SHARED:-$src/../shared}/facts/sdtm/SDTM Terminology.txt.gz}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -R "$src/mappings" "$work/mappings"

# study NAME FILE: re223 with another terminology and no raw data
study() {
    cp -R "$work/mappings/re223" "$work/mappings/$1"
    sed "s#file=\"[^\"]*sdtm-ct.xml\"#file=\"../terminology/$2\"#; s# raw=\"[^\"]*\"# raw=\"none\"#" \
        "$src/mappings/re223/study.xml" >"$work/mappings/$1/study.xml"
}
study shipped sdtm-ct.xml
if [ -f "$package" ]; then
    gzip -cd <"$package" >"$work/mappings/terminology/evs.txt"
    gzip -c <"$work/mappings/terminology/evs.txt" >"$work/mappings/terminology/evs.txt.gz"
    study evs-gz evs.txt.gz
    study evs evs.txt
else
    echo "no package '$package': only the shipped terminology is measured"
fi
python3 - "$bin" "$work/mappings" "${RUNS:-20}" "${MOST:-30}" <<'EOF'
import os, sys

binary, mappings, runs, most = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])


def cpu(study):
    pid = os.fork()
    if pid == 0:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        os.execv(binary, [binary, "check", study])
    _, status, used = os.wait4(pid, 0)
    if status:
        sys.exit(f"{study}: check failed")
    return (used.ru_utime + used.ru_stime) * 1e3


bad = False
for name in "shipped", "evs-gz", "evs":
    study = os.path.join(mappings, name, "study.xml")
    if os.path.exists(study):
        least = min(cpu(study) for _ in range(runs))
        bad |= least > most and name != "evs-gz"
        print(f"{name:8} {least:6.1f} ms of CPU")
sys.exit(bad)
EOF
