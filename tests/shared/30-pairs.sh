#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Two published raw -> SDTM pairs: every record and every cell. What differs is pinned, variable by variable; it is what no mapping
# can make from the raw files (a value that is not in them, or one that the published dataset leaves out).
# Counted twice: by pairs_compare.py and by sdtmill compare.
set -u
data=${SHARED:-$SRC/../shared}/realdata
if [ ! -d "$data/01-pharmaverse/raw" ] || [ ! -d "$data/02-oak-cm/raw" ]; then
    echo "skip pairs: no published studies in $data (they are not part of this project)"
    exit 0
fi
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
say() { if [ "$1" -eq 0 ]; then echo "ok pairs $2"; else echo "FAIL pairs $2"; sed 's/^/  | /' "$dir/log" | head -60; fi; }
count() { python3 "$SRC/tests/shared/pairs_compare.py" "$@"; }

# dataset, keys; then what is expected of the comparison on standard input
pinned() {
    local what=$1
    shift
    cat >"$dir/want"
    count "$@" >"$dir/got" 2>&1
    diff "$dir/want" "$dir/got" >"$dir/log" 2>&1
    say $? "$what"
}

# The same by sdtmill compare, for the variables that both sides have.
agrees() {
    local what=$1 base=$2 new=$3
    shift 3
    "$SDTMILL" compare "$base" "$new" --ignore-order --ignore-blanks --ignore-metadata "$@" --json >"$dir/json" 2>"$dir/log"
    python3 -c 'import json, sys
for d in json.load(sys.stdin)["datasets"]:
    print("records", d["baseRecords"], d["newRecords"], "only-expected", d["baseOnly"], "only-got", d["newOnly"])
    for v in sorted(d["variables"], key=lambda v: v["name"]):
        print(v["name"], v["differ"])' <"$dir/json" >"$dir/got" 2>>"$dir/log"
    diff - "$dir/got" >>"$dir/log" 2>&1
    say $? "$what"
}

# ---- 01: the pilot study of CDISC ----
pilot=$data/01-pharmaverse
out=$dir/pilot/csv
"$SDTMILL" check "$SRC/mappings/cdiscpilot01/study.xml" --raw "$pilot/raw" >"$dir/log" 2>&1; say $? "pilot: check finds no error"
"$SDTMILL" convert "$SRC/mappings/cdiscpilot01/study.xml" --raw "$pilot/raw" -o "$dir/pilot" --format csv >"$dir/log" 2>&1
say $? "pilot: converts without an error"
grep -q '^5 files, 15916 rows = 15916 used .* 32581 records made' "$dir/log"; say $? "pilot: 15916 rows make 32581 records"

# Not in the raw files: the date of birth, contacts after the last disposition or adverse event. An invented consent date.
pinned "pilot: DM" "$pilot/expected/dm.csv" "$out/dm.csv" --keys USUBJID <<'W'
records 306 306 only-expected 0 only-got 0
BRTHDTC 306
RFENDTC 1
RFICDTC 254
RFPENDTC 67
W
pinned "pilot: DS" "$pilot/expected/ds.csv" "$out/ds.csv" --keys USUBJID,DSSTDTC,DSDECOD <<'W'
records 850 850 only-expected 0 only-got 0
DSSPID 95
W
pinned "pilot: EX" "$pilot/expected/ex.csv" "$out/ex.csv" --keys USUBJID,EXSTDTC <<'W'
records 591 591 only-expected 0 only-got 0
W
# The published order of events hangs on AESPID, which is not in the raw files; nor are 15 dates of year and month.
pinned "pilot: AE" "$pilot/expected/ae.csv" "$out/ae.csv" --keys USUBJID,AETERM,AELLT,AEDTC,AEENDTC <<'W'
records 1191 1191 only-expected 0 only-got 0
AESEQ 224
AESPID 1191
AESTDTC 15
AESTDY 1
W
# 17 records were measured in cm, kg or C; the raw files have no unit.
pinned "pilot: VS" "$pilot/expected/vs.csv" "$out/vs.csv" --keys USUBJID,VSTESTCD,VISITNUM,VSTPTNUM <<'W'
records 29643 29643 only-expected 0 only-got 0
VSORRESU 17
VSSTRESC 17
VSSTRESN 17
W
python3 - "$out/vs.csv" >"$dir/log" <<'P'
import csv, sys
n = sum(r["VSBLFL"] == "Y" for r in csv.DictReader(open(sys.argv[1])))
print(n, "baseline flags")
sys.exit(n != 2783)
P
say $? "pilot: 2783 baseline flags"
agrees "pilot: compare says the same" "$pilot/expected" "$out" -d DM,DS,EX,AE,VS -k DM=USUBJID -k DS=USUBJID,DSSTDTC,DSDECOD \
    -k EX=USUBJID,EXSTDTC -k AE=USUBJID,AETERM,AELLT,AEDTC,AEENDTC -k VS=USUBJID,VSTESTCD,VISITNUM,VSTPTNUM <<'W'
records 1191 1191 only-expected 0 only-got 0
AESEQ 224
AESTDTC 15
AESTDY 1
records 306 306 only-expected 0 only-got 0
RFENDTC 1
RFICDTC 254
RFPENDTC 67
records 850 850 only-expected 0 only-got 0
records 591 591 only-expected 0 only-got 0
records 29643 29643 only-expected 0 only-got 0
VSORRESU 17
VSSTRESC 17
VSSTRESN 17
W

# ---- 02: concomitant medication in two layouts ----
# Published names that are no SDTM names: CMDOS, and the tool's own oak_id, raw_source, patient_number. One layout has no CMSEQ.
oak=$data/02-oak-cm
own=oak_id,raw_source,patient_number
cp -r "$SRC/mappings/oak-cm" "$dir/right"
sed -i -e 's/extends="STENRF"/extends="FREQ"/' -e '/name="END"/s/ dates="d-mmm-yy"//' "$dir/right/edc.xml"
sed -i -e "s/from=\"IT.CMDOSU\"/expr=\"coalesce(column('IT.CMDOSU'), column('IT.DOSUO'))\"/" \
    -e "s/from=\"IT.CMDOSFRM\"/expr=\"coalesce(column('IT.CMDOSFRM'), column('IT.DOSFRMO'))\"/" \
    -e "s/from=\"IT.CMDOSFRQ\"/expr=\"coalesce(column('IT.CMDOSFRQ'), column('IT.DOSFRQO'))\"/" \
    -e "s/from=\"IT.CMROUTE\"/expr=\"coalesce(column('IT.CMROUTE'), column('IT.ROUTEO'))\"/" "$dir/right/cdash.xml"
for layout in edc cdash; do
    "$SDTMILL" check "$SRC/mappings/oak-cm/$layout.xml" --raw "$oak/raw" >"$dir/log" 2>&1; say $? "medication, $layout: check finds no error"
    "$SDTMILL" convert "$SRC/mappings/oak-cm/$layout.xml" --raw "$oak/raw" -o "$dir/$layout" --format csv >"$dir/log" 2>&1
    [ $? -eq 1 ]; say $? "medication, $layout: converts, and what the published mapping leaves out is an error"
    "$SDTMILL" convert "$dir/right/$layout.xml" --raw "$oak/raw" -o "$dir/right-$layout" --format csv >"$dir/right-$layout.log" 2>&1
done
pinned "medication, edc" "$oak/expected/cm_from_cm_raw_data.csv" "$dir/edc/csv/cm.csv" --supp "$dir/edc/csv/suppcm.csv" \
    --keys USUBJID,CMTRT --rename CMDOS=CMDOSE --ignore $own,CMSEQ <<'W'
records 14 14 only-expected 0 only-got 0
W
pinned "medication, cdash" "$oak/expected/cm_from_cdash.csv" "$dir/cdash/csv/cm.csv" --keys USUBJID,CMTRT --rename CMDOS=CMDOSE <<'W'
records 14 14 only-expected 0 only-got 0
W
mkdir "$dir/base"
sed '1s/"CMDOS"/"CMDOSE"/' "$oak/expected/cm_from_cdash.csv" >"$dir/base/cm.csv"
agrees "medication, cdash: compare says the same" "$dir/base" "$dir/cdash/csv" -k USUBJID,CMTRT <<'W'
records 14 14 only-expected 0 only-got 0
W

# With the marked places of the two mappings put right, exactly the cells differ that the published mapping got wrong.
cp "$dir/right-edc.log" "$dir/log"
! grep -q 'error\[' "$dir/log"; say $? "medication, edc put right: no error"
pinned "medication, edc put right" "$oak/expected/cm_from_cm_raw_data.csv" "$dir/right-edc/csv/cm.csv" --supp "$dir/right-edc/csv/suppcm.csv" \
    --keys USUBJID,CMTRT --rename CMDOS=CMDOSE --ignore $own,CMSEQ <<'W'
records 14 14 only-expected 0 only-got 0
CMDOSFRQ 11
CMENDTC 4
W
pinned "medication, cdash put right" "$oak/expected/cm_from_cdash.csv" "$dir/right-cdash/csv/cm.csv" --keys USUBJID,CMTRT \
    --rename CMDOS=CMDOSE <<'W'
records 14 14 only-expected 0 only-got 0
CMDOSFRM 1
CMDOSFRQ 1
CMDOSU 1
CMROUTE 1
W
