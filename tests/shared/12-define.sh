#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# define.xml of the reference study: valid by the published schema, rendered without an unresolved
# reference by the public stylesheet, the same bytes whatever the threads. SHARED names the folder of
# schemas (formats/schemas/...) and is passed over where it is not there.
set -u
facts=${SHARED:-$SRC/../shared}/facts/formats
xsd=$facts/schemas/define-xml-2.1/cdisc-define-2.1/define2-1-0.xsd
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
say() { if [ "$1" -eq 0 ]; then echo "ok define $2"; else echo "FAIL define $2"; sed 's/^/  | /' "$dir/log" | head -40; fi; }
convert() { "$SDTMILL" convert "$SRC/mappings/re223/study.xml" --raw "$SRC/fixtures/re223/raw" "$@" >"$dir/log" 2>&1; [ $? -le 1 ]; }

convert -o "$dir/a" --format csv,xml,define --jobs 1; say $? "is written beside the datasets"
convert -o "$dir/b" --format define,xml,csv --jobs 4 --chunk 4096; say $? "is written with four threads and small pieces"
cmp "$dir/a/define.xml" "$dir/b/define.xml" >"$dir/log" 2>&1; say $? "does not depend on threads, pieces or the order of formats"
xmllint --nonet --noout "$dir/a/define.xml" >"$dir/log" 2>&1; say $? "is well-formed"
if [ -r "$xsd" ]; then
    xmllint --nonet --noout --schema "$xsd" "$dir/a/define.xml" >"$dir/log" 2>&1; say $? "of RE223 is valid by the schema"
else
    echo "skip define of RE223 is valid by the schema: no schema at $xsd"
fi
python3 - "$dir/a" >"$dir/log" 2>&1 <<'EOF'
# Every dataset, variable and value of the files is in the define, with lengths that hold the data.
import csv, glob, os, sys
from xml.etree import ElementTree as E
o, d = '{http://www.cdisc.org/ns/odm/v1.3}', '{http://www.cdisc.org/ns/def/v2.1}'
v = E.parse(sys.argv[1] + '/define.xml').getroot().find(f'{o}Study/{o}MetaDataVersion')
item = {i.get('OID'): i for i in v.findall(o + 'ItemDef')}
lists = {l.get('OID'): {i.get('CodedValue') for i in l} for l in v.findall(o + 'CodeList')}
groups = {g.get('Name'): g for g in v.findall(o + 'ItemGroupDef')}
files = {os.path.basename(f)[:-4].upper(): f for f in glob.glob(sys.argv[1] + '/csv/*.csv')}
assert set(groups) == set(files), set(groups) ^ set(files)
bad = []
def look(i, name, values):
    if i.get('Length') and max((len(x) for x in values), default=0) > int(i.get('Length')) + (i.get('DataType') == 'float'):
        bad.append(f'{i.get("OID")}: Length {i.get("Length")} is too small')
    ref = i.find(o + 'CodeListRef')
    if ref is not None and not values <= lists[ref.get('CodeListOID')]: bad.append(f'{i.get("OID")}: values outside the code list')
for name, f in files.items():
    rows = list(csv.DictReader(open(f, encoding='utf-8', newline='')))
    refs = groups[name].findall(o + 'ItemRef')
    assert [item[r.get('ItemOID')].get('Name') for r in refs] == list(rows[0]), name
    for r in refs:
        i = item[r.get('ItemOID')]
        look(i, name, {x[i.get('Name')] for x in rows if x[i.get('Name')]})
        if r.get('Mandatory') == 'Yes' and any(not x[i.get('Name')] for x in rows): bad.append(f'{i.get("OID")}: mandatory, with nulls')
        vl = i.find(d + 'ValueListRef')
        if vl is None: continue
        by = 'QNAM' if name.startswith('SUPP') else name + 'TESTCD'
        values = next(x for x in v.findall(d + 'ValueListDef') if x.get('OID') == vl.get('ValueListOID'))
        said = set()
        for r2 in values.findall(o + 'ItemRef'):
            clause = r2.find(d + 'WhereClauseRef').get('WhereClauseOID')
            w = next(x for x in v.findall(d + 'WhereClauseDef') if x.get('OID') == clause)
            test = w.find(f'{o}RangeCheck/{o}CheckValue').text
            said.add(test)
            look(item[r2.get('ItemOID')], name, {x[i.get('Name')] for x in rows if x[by] == test and x[i.get('Name')]})
        if said != {x[by] for x in rows if x[i.get('Name')]}: bad.append(f'{vl.get("ValueListOID")}: not all values')
print('\n'.join(bad))
sys.exit(1 if bad else 0)
EOF
say $? "agrees with every value of the datasets"

# ---- a study of every dataset of the standard: one subject, every variable filled -----------------------
python3 - "$SRC/mappings/standards/sdtmig-3.4.xml" "$dir" >"$dir/log" 2>&1 <<'EOF'
import os, sys
from xml.etree import ElementTree as E
from xml.sax.saxutils import quoteattr as q
ns = '{urn:sdtmill:standard:1}'
out = ['<study xmlns="urn:sdtmill:mapping:1" oid="ALL" name="ALL" title="All datasets" standard="SDTMIG 3.4" raw="raw">',
       '<subject source="s" usubjid="SUBJ" subjid="SUBJ"/>',
       '<source name="s"><column name="SUBJ"/><column name="TERM"/><file path="s.csv"/></source>']
for d in E.parse(sys.argv[1]).getroot():
    if d.get('name') in ('SUPPQUAL', 'RELREC'): continue
    out.append(f'<domain name={q(d.get("name"))}><from source="s">')
    for i, v in enumerate(d):
        n = v.get('name')
        if n in ('STUDYID', 'DOMAIN', 'USUBJID', 'SUBJID'): continue
        value = str(i) if v.get('type') == 'Num' else '2024-01-02T03:04' if n.endswith('DTC') else f'{n[:4]} {i}'
        if i % 3 == 0: out.append(f'<assign var={q(n)} from="TERM"/>' if v.get('type') == 'Char' and not n.endswith('DTC') else f'<hardcode var={q(n)} value={q(value)}/>')
        elif i % 3 == 1: out.append(f"<compute var={q(n)} value={q(chr(39) + value + chr(39))}/>")
        else: out.append(f'<hardcode var={q(n)} value={q(value)}/>')
    out.append('<supplement name="EXTRA" label="Something &lt;more&gt;" from="TERM"/></from></domain>')
open(sys.argv[2] + '/all.xml', 'w').write('\n'.join(out + ['</study>']))
os.mkdir(sys.argv[2] + '/raw')
open(sys.argv[2] + '/raw/s.csv', 'w').write('SUBJ,TERM\n001,"a & b <c> ""d"""\n')
EOF
cp -r "$SRC/mappings/standards" "$SRC/mappings/schema" "$dir"
[ -r "$dir/all.xml" ] && { "$SDTMILL" convert "$dir/all.xml" --raw "$dir/raw" -o "$dir/all" --format xml,define >"$dir/log" 2>&1; [ $? -le 1 ]; }
say $? "of a study of all datasets is written"
data=$facts/schemas/dataset-xml-1.0/cdisc-dataset-1.0.0/dataset1-0-0.xsd
if [ -r "$data" ]; then
    bad=0
    : >"$dir/log"
    for f in "$dir"/all/xml/*.xml; do xmllint --nonet --noout --stream --schema "$data" "$f" >>"$dir/log" 2>&1 || bad=1; done
    [ $bad -eq 0 ]; say $? "stands beside Dataset-XML of all datasets that is valid by the schema"
else
    echo "skip Dataset-XML of all datasets is valid by the schema: no schema at $data"
fi
"$SDTMILL" verify "$dir/all" >"$dir/log" 2>&1; say $? "and all its datasets agree (verify)"
n=$(grep -c '<ItemGroupDef ' "$dir/all/define.xml" 2>"$dir/log"); [ "${n:-0}" -ge 61 ]; say $? "has every dataset of the standard"
if [ -r "$xsd" ]; then
    xmllint --nonet --noout --schema "$xsd" "$dir/all/define.xml" >"$dir/log" 2>&1; say $? "of all datasets is valid by the schema"
else
    echo "skip define of all datasets is valid by the schema: no schema at $xsd"
fi
