#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Files that must be refused or reported: each broken variant takes the place of the raw file it was made from.
set -u
fix=$SRC/fixtures/re223
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
# kind by the fixture's name -> exit status, and how the finding must stand on the screen
expect() {
    case $1 in
    unclosed-quote) echo "4 3.*unclosed-quote" ;;
    invalid-encoding) echo "1 2.*invalid-encoding" ;;
    nul-byte) echo "1 3.*nul-byte" ;;
    truncated-file) echo "4 $2.*truncated-file" ;;
    missing-column) echo "4 1.*missing-column" ;;
    duplicate-header) echo "4 1.*duplicate-header" ;;
    field-too-long) echo "1 " ;;
    esac
}
tail -n +2 "$fix/broken/expected.csv" | while IFS=, read -r file line kind based _; do
    rm -rf "$dir/raw" "$dir/out"
    cp -r "$fix/raw" "$dir/raw"
    cp "$fix/$file" "$dir/${based}"
    set -- $(expect "$kind" "$line")
    timeout 300 "$SDTMILL" convert "$SRC/mappings/re223/study.xml" --raw "$dir/raw" -o "$dir/out" --color never >"$dir/log" 2>&1
    rc=$?
    name=${based#raw/}
    problem=
    [ $rc -eq "$1" ] || problem="exit $rc, expected $1"
    [ "$rc" -ne 4 ] || [ ! -e "$dir/out" ] || problem="$problem; something was written"
    if [ -n "${2:-}" ]; then
        place=${2%%.*} word=${2#*.\*}
        if [ "$rc" -eq 1 ]; then
            python3 - "$dir/out/issues.csv" "$name" "$place" "$word" <<'P' || problem="$problem; not in issues.csv"
import csv, sys
rows = list(csv.DictReader(open(sys.argv[1], encoding="utf-8")))
sys.exit(not any(r["FILE"] == sys.argv[2] and r["LINE"] == sys.argv[3] and r["KIND"] == sys.argv[4] and r["EFFECT"] == "row-dropped" for r in rows))
P
        fi
        grep -q "^$name:$place" "$dir/log" || problem="$problem; $name:$place not named on the screen"
    else # the long field: all rows of the file are read
        python3 - "$dir/out/manifest.json" "$name" <<'P' || problem="$problem; rows lost"
import json, sys
row = [r for r in json.load(open(sys.argv[1]))["ledger"] if r["file"] == sys.argv[2]][0]
sys.exit(not (row["rows"] == 2 and row["used"] + row["rejected"] == 2))
P
    fi
    if [ -z "$problem" ]; then echo "ok broken $kind ($file): exit $rc"; else echo "FAIL broken $kind ($file): $problem"; grep -v "rows =" "$dir/log" | tail -5; fi
done
