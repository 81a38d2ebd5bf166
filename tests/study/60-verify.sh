#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# verify: an output agrees with itself; whatever is changed in it afterwards is noticed and named.
set -u
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
formats=$("$SDTMILL" help names | awk '$1 == "format" { printf "%s%s", s, $2; s = "," }')
say() { if [ "$1" = 0 ]; then echo "ok verify: $2"; else echo "FAIL verify: $2"; sed 's/^/  | /' "$dir/log" | head -n 8; fi; }
verify() { "$SDTMILL" verify "$@" >"$dir/log" 2>&1; }
# expect EXIT NAME PATTERN...: verify of $dir/out exits so, and says all of the patterns
expect() {
    local want=$1 name=$2 rc p
    shift 2
    verify "$dir/out"
    rc=$?
    [ $rc = "$want" ] || { echo "exit $rc" >>"$dir/log"; say 1 "$name"; return; }
    for p; do grep -qF -- "$p" "$dir/log" || { echo "not said: $p" >>"$dir/log"; say 1 "$name"; return; }; done
    say 0 "$name"
}
fresh() { rm -rf "$dir/out" && cp -r "$dir/whole" "$dir/out"; }

for how in '' --transliterate; do
    "$SDTMILL" convert "$SRC/mappings/re223/study.xml" --raw "$SRC/fixtures/re223/raw" -o "$dir/whole" --format "$formats" -q $how >"$dir/log" 2>&1
    verify "$dir/whole"
    say $? "the example study in $formats ${how:-as it is}"
done
for f in csv xml csv,xml json,define; do
    "$SDTMILL" convert "$SRC/mappings/re223/study.xml" --raw "$SRC/fixtures/re223/raw" -o "$dir/some" --format $f -q >"$dir/log" 2>&1
    verify "$dir/some"
    say $? "the example study in $f"
done

# ---- what is missing, added, cut off ----------------------------------------------------------------
fresh; rm "$dir/out/ndjson/ce.ndjson"
expect 5 'a file that is gone' 'ndjson/ce.ndjson: is not there'
fresh; cp "$dir/out/csv/ae.csv" "$dir/out/csv/zz.csv"; cp "$dir/out/json/ae.json" "$dir/out/zz.json"
expect 5 'datasets that nobody vouches for' 'csv/zz.csv: is not in the manifest' 'zz.json: is not in the manifest'
fresh; truncate -s -80 "$dir/out/xpt/lb.xpt"
expect 5 'a file that was cut off' 'xpt/lb.xpt: has'
fresh; rm "$dir/out/manifest.json"
expect 4 'no manifest' 'manifest.json: No such file'
fresh; sed -i '1s/{/[/' "$dir/out/manifest.json"
expect 4 'a manifest that is no JSON' 'manifest.json: line'
fresh; sed -i 's,"csv/ae.csv","../ae.csv",' "$dir/out/manifest.json"
expect 4 'a manifest that leads out of the folder' 'manifest.json: output'
fresh; sed -i 's/"version": "/&0/' "$dir/out/manifest.json"
expect 5 'a manifest that was changed' 'manifest.json: was changed'
verify; [ $? = 2 ]; say $? 'no folder named is wrong usage'
verify "$dir/nowhere"; [ $? = 4 ]; say $? 'a folder that is not there'
verify "$dir/whole" --quiet; [ $? = 0 ] && [ ! -s "$dir/log" ]; say $? '--quiet says nothing'

# ---- other content under right hashes ---------------------------------------------------------------
# change FILE FROM TO: once in the file, and the manifest made to fit
cat >"$dir/change.py" <<'P'
import gzip, hashlib, json, re, sys, zlib
out, name, was, now = sys.argv[1:5]
path = f'{out}/{name}'
data = open(path, 'rb').read()
plain = zlib.decompress(data) if name.endswith('.dsjc') else data
was, now = was.encode(), now.encode()
if name.endswith('.xpt'):
    now = now.ljust(len(was))
assert plain.count(was) >= 1, (name, was)
at = plain.rindex(was)
plain = plain[:at] + now + plain[at + len(was):]
data = zlib.compress(plain) if name.endswith('.dsjc') else plain
open(path, 'wb').write(data)
text = open(f'{out}/manifest.json').read()
m = json.loads(text)
old = next(o for o in m['outputs'] if o['file'] == name)
new = dict(old, bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
i = text.index(f'"file": "{name}"')
j = text.index('}', i)
piece = text[i:j].replace(f'"bytes": {old["bytes"]}', f'"bytes": {new["bytes"]}').replace(old['sha256'], new['sha256'])
text = text[:i] + piece + text[j:]
body = text[:text.rindex(',\n "sha256": "')]
open(f'{out}/manifest.json', 'w').write(body + ',\n "sha256": "%s"\n}\n' % hashlib.sha256(body.encode()).hexdigest())
P
for f in csv xml xpt json ndjson dsjc; do
    fresh
    python3 "$dir/change.py" "$dir/out" $f/cm.$f PREDNISOLONE PREDNISOLINE 2>"$dir/log" || { say 1 "changing $f"; continue; }
    expect 5 "one other cell in $f" 'CM: record' 'CMTRT: ' '"PREDNISOLONE"' '"PREDNISOLINE"' "$f/cm.$f"
done
fresh; python3 "$dir/change.py" "$dir/out" json/vs.json '"label":"Visit Number"' '"label":"Visit"'
expect 5 'another label' 'VS, VISITNUM: label "Visit' 'json/vs.json'
fresh; python3 "$dir/change.py" "$dir/out" ndjson/vs.ndjson '"name":"VISITNUM"' '"name":"VISITNUX"'
expect 5 'another name of a variable' 'VS: variable VISITNUX of ndjson/vs.ndjson is not in' 'VS: variable VISITNUM of'
fresh; python3 "$dir/change.py" "$dir/out" json/vs.json '"keySequence":2' '"keySequence":7'
expect 5 'another key' ': key position' 'json/vs.json'
fresh; python3 "$dir/change.py" "$dir/out" dsjc/vs.dsjc '"name":"VISITNUM","label":"Visit Number","dataType":"integer"' '"name":"VISITNUM","label":"Visit Number","dataType":"string"'
expect 5 'another type' 'VS, VISITNUM: type' 'dsjc/vs.dsjc'
fresh; python3 "$dir/change.py" "$dir/out" define.xml 'ItemOID="IT.VS.VISITNUM"' 'ItemOID="IT.VS.VISITNUX"'
expect 5 'a reference of define.xml that leads nowhere' 'define.xml:' 'IT.VS.VISITNUX' 'VS: variable VISITNUM of'
fresh; python3 "$dir/change.py" "$dir/out" define.xml 'Visit Number' 'Visit No'
expect 5 'another label in define.xml' 'label' '"Visit No" in define.xml'
fresh; sed -i '$d' "$dir/out/csv/dm.csv"; python3 "$dir/change.py" "$dir/out" csv/dm.csv STUDYID STUDYID
expect 5 'a record less' 'csv/dm.csv: has 46 records, the manifest says 47'

# ---- single bytes -------------------------------------------------------------------------------------
fresh
cat >"$dir/flip.py" <<'P'
import os, random, subprocess, sys
random.seed(7)
program, out = sys.argv[1:3]
files = sorted(os.path.relpath(os.path.join(d, f), out) for d, _, fs in os.walk(out) for f in fs)
bad = 0
for i in range(15):
    name = random.choice(files)
    path = os.path.join(out, name)
    data = bytearray(open(path, 'rb').read())
    if not data:
        continue
    at, bit = random.randrange(len(data)), 1 << random.randrange(8)
    data[at] ^= bit
    open(path, 'wb').write(data)
    p = subprocess.run([program, 'verify', out], capture_output=True)
    if p.returncode not in (4, 5) or name.encode() not in p.stdout + p.stderr:
        bad += 1
        print(f'{name} byte {at} bit {bit}: exit {p.returncode}', p.stdout[:200])
    data[at] ^= bit
    open(path, 'wb').write(data)
sys.exit(bad != 0)
P
python3 "$dir/flip.py" "$SDTMILL" "$dir/out" >"$dir/log" 2>&1
say $? '15 changed bits in the example study'
expect 0 'and it is whole again' 'everything agrees'
