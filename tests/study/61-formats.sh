#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# convert --from: the example study from every format into every other, nothing lost on the way.
set -u
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
export SOURCE_DATE_EPOCH=1500000000
say() { if [ "$1" = 0 ]; then echo "ok formats: $2"; else echo "FAIL formats: $2"; sed 's/^/  | /' "$dir/log" | head -n 8; fi; }
run() { "$SDTMILL" "$@" >"$dir/log" 2>&1; }
# exits EXIT NAME PATTERN COMMAND...
exits() {
    local want=$1 name=$2 pattern=$3 rc
    shift 3
    run "$@"
    rc=$?
    [ $rc = "$want" ] && grep -qF -- "$pattern" "$dir/log"
    say $? "$name"
}
all=csv,xml,xpt,json,ndjson,dsjc
convert=(convert "$SRC/mappings/re223/study.xml" --raw "$SRC/fixtures/re223/raw" -q)
run "${convert[@]}" -o "$dir/out" --format $all,define --transliterate
# What Hebrew letters keep out of XPORT is left out here: every format holds the same datasets.
mkdir "$dir/base"
for f in csv xml xpt json ndjson dsjc; do
    cp -r "$dir/out/$f" "$dir/base/$f"
    for x in "$dir/base/$f"/*; do
        name=$(basename "$x" ".$f")
        [ -e "$dir/out/xpt/$name.xpt" ] || rm "$x"
    done
done
cp "$dir/out/define.xml" "$dir/base"
[ "$(ls "$dir/base/csv" | wc -l)" -ge 16 ]
say $? 'most datasets of the study fit into XPORT once transliterated'

for f in csv xml xpt json ndjson dsjc; do
    rm -rf "$dir/now"
    run convert --from "$dir/base" --from-format $f -o "$dir/now" --format $all,define --transliterate -q
    say $? "from $f to all"
    run verify "$dir/now"
    say $? "from $f: all of them agree"
    # XPORT's own texts are in ASCII: with it as the source, it is what the others are compared with.
    base=json
    [ $f = xpt ] && base=xpt
    for g in csv xml xpt json ndjson dsjc; do
        ours=$base
        [ $g = xpt ] && ours=xpt
        run compare "$dir/base/$ours" "$dir/now/$g" --ignore-metadata
        say $? "from $f to $g: no cell differs"
    done
done

# ---- the same bytes --------------------------------------------------------------------------------
run convert --from "$dir/out/json" -o "$dir/again" --format $all -q --transliterate
cmp "$dir/out/csv/lb.csv" "$dir/again/csv/lb.csv" >"$dir/log" 2>&1 && cmp "$dir/out/xpt/lb.xpt" "$dir/again/xpt/lb.xpt" >>"$dir/log" 2>&1 &&
    cmp "$dir/out/ndjson/ae.ndjson" "$dir/again/ndjson/ae.ndjson" >>"$dir/log" 2>&1
say $? 'from JSON: CSV, NDJSON and XPORT are those of the conversion, byte for byte'
TZ=Asia/Tokyo LC_ALL=C.UTF-8 run convert --from "$dir/out/json" -o "$dir/twice" --format $all -q --transliterate -m 1M
diff -r "$dir/again" "$dir/twice" >"$dir/log" 2>&1
say $? 'the same bytes whatever the time zone and the memory'

# ---- what XPORT cannot hold -------------------------------------------------------------------------
exits 1 'texts that are no ASCII are a finding each' 'SM6002' convert --from "$dir/out/json/lb.json" -o "$dir/one" --format xpt
[ ! -e "$dir/one/xpt/lb.xpt" ]; say $? 'and no file is written'
exits 0 '--transliterate writes them, and says how many in one note' 'texts of this dataset were transliterated' \
    convert --from "$dir/out/json/lb.json" -o "$dir/one" --format xpt,csv --transliterate --notes
[ "$(grep -c SM6006 "$dir/one/issues.csv")" = 1 ]
say $? 'one note a dataset'
exits 0 'verify knows what was transliterated' 'everything agrees' verify "$dir/one"
exits 1 'what has no ASCII form stays a finding' 'U+05' convert --from "$dir/out/json/ae.json" -o "$dir/two" --format xpt --transliterate

# ---- parts of a large dataset ---------------------------------------------------------------------
run convert --from "$dir/base/json" -o "$dir/parts" --format xpt,csv,define --split-size 200K --transliterate
say $? '--split-size writes datasets in parts'
bad=0 n=0
for f in "$dir"/parts/xpt/split/lb*.xpt "$dir"/parts/xpt/*.xpt; do
    size=$(stat -c %s "$f")
    [ "$size" -le 204800 ] && [ $((size % 80)) = 0 ] || { bad=1; echo "$f: $size"; }
done >"$dir/log"
[ $bad = 0 ] && [ ! -e "$dir/parts/xpt/lb.xpt" ]; say $? 'no file is larger, and all are made of records of 80 bytes'
while [ -e "$dir/parts/xpt/split/lb$((n + 1)).xpt" ]; do
    n=$((n + 1))
    "$SDTMILL" convert --from "$dir/parts/xpt/split/lb$n.xpt" -o "$dir/part" --format csv -q >"$dir/log" 2>&1 || bad=1
    sed 1d "$dir/part/csv/lb.csv" >>"$dir/rows"
done
[ $bad = 0 ] && [ $n -gt 1 ] && [ $n = "$(ls "$dir"/parts/xpt/split/lb*.xpt | wc -l)" ]
say $? 'each part is a file that can be read, of the same dataset'
head -n 1 "$dir/part/csv/lb.csv" | cat - "$dir/rows" >"$dir/lb.csv"
run convert --from "$dir/base/json/lb.json" -o "$dir/lb" --format xpt --transliterate
run convert --from "$dir/lb/xpt/lb.xpt" -o "$dir/whole" --format csv
cmp "$dir/lb.csv" "$dir/whole/csv/lb.csv" >"$dir/log" 2>&1
say $? 'the parts in their order are the dataset'
exits 0 'verify reads the parts as one dataset' 'everything agrees' verify "$dir/parts"
grep -q 'href="xpt/split/lb1.xpt"' "$dir/parts/define.xml" && grep -q 'first of several parts' "$dir/parts/define.xml"
say $? 'define.xml points to the first part, and says so'
cp "$dir/parts/xpt/split/lb1.xpt" "$dir/parts/xpt/split/lb99.xpt"
exits 5 'a part that nobody wrote' 'xpt/split/lb99.xpt: is not in the manifest' verify "$dir/parts"
rm "$dir/parts/xpt/split/lb99.xpt"
cp -r "$dir/parts" "$dir/kept"
rm "$dir/parts/xpt/split/lb2.xpt"
exits 5 'a part that is gone' 'xpt/split/lb2.xpt: is not there' verify "$dir/parts"
rm -r "$dir/parts/csv"
exits 4 'a folder that has a dataset in parts only' 'is a part of a dataset' convert --from "$dir/parts" -o "$dir/x" --format csv
exits 2 'a size without room for a record' 'for its headers and a record' \
    convert --from "$dir/base/json/lb.json" -o "$dir/x" --format xpt --split-size 1K --transliterate
[ ! -e "$dir/x" ]; say $? 'writes nothing'
mkdir "$dir/qs"
for name in qs qs1; do
    { echo STUDYID,DOMAIN,USUBJID && for i in $(seq 12); do printf 'S,QS,%0150d\n' "$i"; done; } >"$dir/qs/$name.csv"
done
exits 2 'two datasets whose parts have one name' 'qs11.xpt would be a part of two datasets' \
    convert --from "$dir/qs" -o "$dir/x" --format xpt --split-size 1360
run "${convert[@]}" -o "$dir/mapped" --format xpt,csv,define --split-size 200K --transliterate
for f in "$dir"/mapped/xpt/split/*.xpt; do cmp "$f" "$dir/kept/${f#"$dir"/mapped/}" || echo "$f"; done >"$dir/log" 2>&1
[ -e "$dir/mapped/xpt/split/lb2.xpt" ] && [ ! -s "$dir/log" ]
say $? 'a mapping gives the same parts'
exits 0 'verify reads these too' 'everything agrees' verify "$dir/mapped"
run convert --from "$dir/base/json" -o "$dir/gz" --format dsjc,ndjson --dsjc-gzip
for f in "$dir"/gz/dsjc/*.dsjc; do gzip -dc <"$f" | cmp - "$dir/gz/ndjson/$(basename "$f" .dsjc).ndjson"; done >"$dir/log" 2>&1
[ ! -s "$dir/log" ]; say $? '--dsjc-gzip: gzip around the lines of NDJSON'
exits 0 'and it can be read' 'everything agrees' verify "$dir/gz"

# ---- how it is called --------------------------------------------------------------------------------
exits 0 'one file' '1 files, 47 rows = 47 used' convert --from "$dir/out/csv/dm.csv" -o "$dir/dm" --format json
exits 0 'a dry run' 'records made' convert --from "$dir/out" --dry-run
exits 2 'a mapping and --from' 'not both' convert "$SRC/mappings/re223/study.xml" --from "$dir/out" -o "$dir/x"
exits 2 '--from-format without --from' 'go with --from' convert "$SRC/mappings/re223/study.xml" --from-format csv -o "$dir/x"
exits 2 'nowhere to write' 'say where to write' convert --from "$dir/out"
exits 4 'nothing to read' 'no dataset files' convert --from "$SRC/man" -o "$dir/x"
exits 4 'a folder that is not there' 'No such file' convert --from "$dir/nowhere" -o "$dir/x"
exits 2 'the output over what is read' 'would be replaced' convert --from "$dir/out/csv" -o "$dir/out"
head -c 3000 "$dir/out/json/vs.json" >"$dir/cut.json"
exits 4 'a file that is cut off' 'cut.json' convert --from "$dir/cut.json" -o "$dir/x"
[ ! -e "$dir/x" ]; say $? 'and nothing was written'
python3 -c "
import json, sys
m = json.load(open(sys.argv[1]))
assert m['ledger'][0]['file'] == 'dm.csv' or m['ledger'][0]['file'].endswith('dm.csv'), m['ledger'][0]
assert m['ledger'][0]['rows'] == m['ledger'][0]['used'] == 47 and len(m['ledger'][0]['sha256']) == 64
assert m['study'] == 'RE223' and m['outputs'][0]['file'] == 'json/dm.json'" "$dir/dm/manifest.json" >"$dir/log" 2>&1
say $? 'the manifest says what was read, and from where'
