#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What others' tools say of the files: schemas of Dataset-XML and Dataset-JSON, readers of XPORT; and the published samples,
# converted into everything.
set -u
facts=${SHARED:-$SRC/../shared}/facts/formats
if [ ! -d "$facts/schemas" ]; then
    echo "skip formats: no schemas in $facts (they are not part of this project)"
    exit 0
fi
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
say() { if [ "$1" -eq 0 ]; then echo "ok formats: $2"; else echo "FAIL formats: $2"; sed 's/^/  | /' "$dir/log" | head -n 12; fi; }
have() { command -v "$1" >/dev/null 2>&1; }
"$SDTMILL" convert "$SRC/mappings/re223/study.xml" --raw "$SRC/fixtures/re223/raw" -o "$dir/re223" --format csv,xml,xpt,json,ndjson,dsjc -q \
    --transliterate >"$dir/log" 2>&1
[ $? -le 1 ]; say $? 'the example study is written'
for s in dm ae ta suppdm relrec ts lb; do
    for f in "$facts/samples/$s.json" "$facts/samples/$s.dsjc" "$facts/samples/$s.xpt"; do
        [ -e "$f" ] || continue
        name=$(basename "$f" | tr . -)
        "$SDTMILL" convert --from "$f" -o "$dir/sample-$name" --format csv,xml,xpt,json,ndjson,dsjc,define -q >"$dir/log" 2>&1
        say $? "the published $name becomes every format"
        "$SDTMILL" verify "$dir/sample-$name" >"$dir/log" 2>&1
        say $? "and all of them agree"
        case $f in
        *.json | *.xpt)
            "$SDTMILL" compare "$f" "$dir/sample-$name/json/$s.json" --ignore-metadata >"$dir/log" 2>&1
            say $? "and hold what the published $name holds"
            ;;
        esac
    done
done

# ---- schemas ------------------------------------------------------------------------------------------
if have xmllint; then
    xsd=$facts/schemas/dataset-xml-1.0/cdisc-dataset-1.0.0/dataset1-0-0.xsd
    xmllint --nonet --noout --schema "$xsd" "$dir"/*/xml/*.xml >"$dir/log" 2>&1
    rc=$?
    grep -v ' validates$' "$dir/log" >"$dir/bad" && mv "$dir/bad" "$dir/log"
    say $rc "$(ls "$dir"/*/xml/*.xml | wc -l) Dataset-XML files are valid"
else
    echo 'skip formats: no xmllint'
fi
if python3 -c 'import jsonschema' 2>/dev/null; then
    python3 - "$facts/schemas/dataset-json-1.1/dataset.schema.json" "$dir"/*/json/*.json "$dir"/*/ndjson/*.ndjson >"$dir/log" 2>&1 <<'P'
import json, sys, warnings
warnings.simplefilter('ignore')
import jsonschema
schema = json.load(open(sys.argv[1]))
kind = jsonschema.validators.validator_for(schema)
kind.check_schema(schema)
v = kind(schema)
bad = 0
for path in sys.argv[2:]:
    with open(path, encoding='utf-8', newline='') as f:
        text = f.read()
    lines = text.split('\n')
    doc = json.loads(lines[0]) if path.endswith('.ndjson') else json.loads(text)
    rows = [json.loads(x) for x in lines[1:-1]] if path.endswith('.ndjson') else doc['rows']
    if len(rows) > 200 and not path.endswith('.ndjson'):
        doc = dict(doc, rows=doc['rows'][:200])  # the schema looks at every row for long
    for e in v.iter_errors(doc):
        bad += 1
        print(path, list(e.path)[:4], e.message[:200])
    if len(rows) != doc['records'] or any(len(r) != len(doc['columns']) for r in rows):
        bad += 1
        print(path, 'records or cells are not those announced')
sys.exit(bad != 0)
P
    say $? "$(ls "$dir"/*/json/*.json "$dir"/*/ndjson/*.ndjson | wc -l) Dataset-JSON files are valid"
else
    echo 'skip formats: no python3-jsonschema'
fi

# ---- XPORT ---------------------------------------------------------------------------------------------
bad=0
for f in "$dir"/*/xpt/*.xpt; do [ $(($(stat -c %s "$f") % 80)) = 0 ] || { bad=1; echo "$f"; }; done >"$dir/log"
[ $bad = 0 ]; say $? "$(ls "$dir"/*/xpt/*.xpt | wc -l) XPORT files are made of records of 80 bytes"
if have readstat; then
    python3 - "$dir" "$facts/examples/xptdump.py" >"$dir/log" 2>&1 <<'P'
# The cells of every XPORT file by readstat's own command, against our CSV.
import csv, glob, os, subprocess, sys
bad = 0
for path in sorted(glob.glob(sys.argv[1] + '/*/xpt/*.xpt')):
    name = os.path.basename(path)[:-4]
    got = '/'.join(path.split('/')[:-2]) + f'/{name}-readstat.csv'
    p = subprocess.run(['readstat', path, got], capture_output=True, text=True)
    if p.returncode or not os.path.exists(got):
        bad += 1
        print(path, p.stdout[-200:], p.stderr[-200:])
        continue
    a = list(csv.reader(open(got, encoding='utf-8', newline='')))
    b = list(csv.reader(open(path.replace('/xpt/', '/csv/')[:-4] + '.csv', encoding='utf-8', newline='')))
    if a[0] != b[0] or len(a) != len(b):
        bad += 1
        print(path, 'header or number of rows', len(a), len(b))
        continue
    for i, (x, y) in enumerate(zip(a[1:], b[1:])):
        for var, u, v in zip(a[0], x, y):
            if u == v.rstrip(' ') or not v.isascii():
                continue
            try:  # readstat prints six decimals
                same = abs(float(u) - float(v)) <= 1e-6 * max(1, abs(float(v)))
            except ValueError:
                same = False
            if not same:
                bad += 1
                print(path, i + 1, var, repr(u), repr(v))
sys.exit(bad != 0)
P
    say $? 'readstat reads the same cells from them'
else
    echo 'skip formats: no readstat'
fi
python=python3
"$python" -c 'import pandas' 2>/dev/null || python=/usr/bin/python3
if "$python" -c 'import pandas' 2>/dev/null; then
    "$python" - "$dir" >"$dir/log" 2>&1 <<'P'
import csv, glob, pandas, sys
bad = 0
for path in sorted(glob.glob(sys.argv[1] + '/*/xpt/*.xpt')):
    d = pandas.read_sas(path, format='xport', encoding='ascii')
    b = list(csv.reader(open(path.replace('/xpt/', '/csv/')[:-4] + '.csv', encoding='utf-8', newline='')))
    if list(d.columns) != b[0] or (len(d) != len(b) - 1 and len(b) > 1):
        bad += 1
        print(path, list(d.columns), len(d), len(b) - 1)
sys.exit(bad != 0)
P
    say $? 'pandas reads them'
else
    echo 'skip formats: no python3-pandas, whose reader of XPORT would be tried here'
fi
