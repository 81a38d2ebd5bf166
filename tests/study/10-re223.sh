#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The reference study: every cell, every planted problem, every row and every published figure.
set -u
fix=$SRC/fixtures/re223
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
say() { if [ "$1" -eq 0 ]; then echo "ok re223 $2"; else echo "FAIL re223 $2"; sed 's/^/  | /' "$dir/log" | head -60; fi; }

"$SDTMILL" convert "$SRC/mappings/re223/study.xml" --raw "$fix/raw" -o "$dir/out" --format csv,xml >"$dir/log" 2>&1
[ $? -eq 1 ]; say $? "convert ends with 1: findings of error severity"
python3 "$SRC/tests/study/re223_facts.py" "$fix" "$dir/out" facts >"$dir/log" 2>&1; say $? "every expected cell"
python3 "$SRC/tests/study/re223_facts.py" "$fix" "$dir/out" issues >"$dir/log" 2>&1; say $? "exactly the planted problems"
python3 "$SRC/tests/study/re223_facts.py" "$fix" "$dir/out" ledger >"$dir/log" 2>&1; say $? "ledger, rejects, hashes"
python3 "$SRC/tests/study/re223_facts.py" "$fix" "$dir/out" join "$dir/joined" >"$dir/log" 2>&1; say $? "join with SUPP--"
python3 "$fix/check_targets.py" "$dir/joined" >"$dir/log" 2>&1
rc=$?; [ "$(grep -c 'OK' "$dir/log")" -ge 90 ] && [ $rc -eq 0 ]; say $? "all 90 targets"
"$SDTMILL" check "$SRC/mappings/re223/study.xml" --raw "$fix/raw" >"$dir/log" 2>&1; say $? "check finds no error"
"$SDTMILL" check "$SRC/mappings/re223/study.xml" --no-data >"$dir/log" 2>&1; say $? "check without data finds no error"
