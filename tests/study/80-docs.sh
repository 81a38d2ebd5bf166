#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What the manuals, README.md and --help show is what the program does.
set -u
"$SRC/tests/docs/run_examples.sh"
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
ln -s "$SRC/mappings" "$SRC/fixtures" "$dir"
mkdir "$dir/bin"
printf '#!/bin/sh\nexec "%s" "$@"\n' "$SDTMILL" >"$dir/bin/sdtmill"
chmod +x "$dir/bin/sdtmill"
PATH=$dir/bin:$PATH

# What examples of --help call old and new: two transfers of a small study.
mkdir "$dir/small" "$dir/small/raw" "$dir/old" "$dir/new"
printf 'SUBJ,TERM\n1,Headache\n2,Rash\n' >"$dir/small/raw/ae.csv"
cat >"$dir/small/study.xml" <<'XML'
<study xmlns="urn:sdtmill:mapping:1" oid="S" name="S" standard="SDTMIG 3.4" raw="raw">
  <subject usubjid="concat('S-', SUBJ)"/>
  <source name="ae"> <column name="SUBJ"/> <column name="TERM"/> <file path="ae.csv"/> </source>
  <domain name="AE">
    <from source="ae">
      <assign var="AETERM" from="TERM"/> <assign var="AEDECOD" from="TERM" case="upper"/>
    </from>
    <derive> <sequence var="AESEQ"/> </derive>
  </domain>
</study>
XML
sdtmill convert "$dir/small/study.xml" -o "$dir/small/out" --format xpt,json >"$dir/log" 2>&1 ||
    { echo 'FAIL docs: the small study'; sed 's/^/  | /' "$dir/log"; }
cp "$dir/small/out/xpt/ae.xpt" "$dir/old/ae.xpt"
cp "$dir/small/out/json/ae.json" "$dir/new/ae.json"

for verb in $("$SDTMILL" help names | sed -n 's/^verb //p'); do
    "$SDTMILL" "$verb" --help | sed -n '/^examples:$/,$s/^  //p' >"$dir/examples"
    while read -r example; do
        (cd "$dir" && eval "$example" >log 2>&1 </dev/null)
        rc=$?
        if [ $rc -le 1 ]; then echo "ok docs help: $example"; else
            echo "FAIL docs help: $example (exit $rc)"
            sed 's/^/  | /' "$dir/log" | tail -n 5
        fi
    done <"$dir/examples"
done
