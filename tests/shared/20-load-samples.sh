#!/bin/bash
# The published sample files through the program itself: every format of a dataset against its JSON.
# One line a pair: ok, FAIL or skip.
set -u
samples=${SDTMILL_SHARED:-../shared}/facts/formats/samples
[ -d "$samples" ] || { echo "skip load-samples: $samples is not there"; exit 0; }
export SDTMILL_MAPPINGS=$SRC/mappings

pair() { # name, wanted exit, arguments
    local name=$1 want=$2 out rc
    shift 2
    out=$("$SDTMILL" compare "$@" 2>&1)
    rc=$?
    if [ "$rc" = "$want" ]; then echo "ok $name"; else
        echo "FAIL $name: exit $rc, wanted $want"
        printf '%s\n' "$out" | head -n 20 | sed 's/^/    /'
    fi
}
for d in dm ae; do
    for f in xpt ndjson dsjc; do pair "$d.json = $d.$f" 0 "$samples/$d.json" "$samples/$d.$f"; done
done
for d in ta suppdm relrec ts; do pair "$d.json = $d.xpt" 0 "$samples/$d.json" "$samples/$d.xpt"; done
for d in dm ae ta suppdm relrec; do
    pair "$d.json = $d.xml" 0 --ignore-metadata "$samples/$d.json" "$samples/dataset-xml/$d.xml"
done
pair 'lb100.json = lb100.ndjson' 0 "$samples/lb100.json" "$samples/lb100.ndjson"
pair 'lb100.xpt differs in last digits' 1 "$samples/lb100.json" "$samples/lb100.xpt"
pair 'lb100.xpt is equal within 1e-14' 0 --relative 1e-14 "$samples/lb100.json" "$samples/lb100.xpt"
pair 'ae with Japanese text loads' 1 "$samples/ae_i18n20.json" "$samples/ae.json"
head -c 5000 "$samples/dm.json" >"${TMPDIR:-/tmp}/sdtmill-$$.json"
pair 'half a file is refused' 4 "$samples/dm.json" "${TMPDIR:-/tmp}/sdtmill-$$.json"
rm -f "${TMPDIR:-/tmp}/sdtmill-$$.json"
real=${SDTMILL_SHARED:-../shared}/realdata/01-pharmaverse/expected
[ -d "$real" ] && pair 'a study equals itself, supplements folded' 0 --fold-supp --seq-renumbered "$real" "$real"
exit 0
