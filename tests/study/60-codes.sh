#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every finding the program knows comes of something: the study beside this script, and variants of it
# that stop a run. A code that this cannot raise is named in a unit test, a golden case or a later study.
set -u
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
from=$SRC/tests/study/codes
: >"$dir/seen"
see() { grep -oE '(error|warning|note)\[SM[0-9]{4}\]' "$1" | tr -d ']' | sed 's/.*\[//' >>"$dir/seen"; }

"$SDTMILL" convert "$from/study.xml" -o "$dir/out" --format csv,xml,xpt,json --max-field 280 >"$dir/log" 2>&1
rc=$?
if [ $rc -eq 1 ]; then echo 'ok codes: the study is converted, with findings'; else
    echo "FAIL codes: the study ends with $rc"; sed 's/^/  | /' "$dir/log" | tail -n 5
fi
tail -n +2 "$dir/out/issues.csv" | cut -d, -f2 >>"$dir/seen"
"$SDTMILL" check "$from/study.xml" >"$dir/log" 2>&1
see "$dir/log"

# Files that stop a run: name of the file, the code, what is put there (printf)
stop() {
    rm -rf "$dir/s" && mkdir "$dir/s" && cp -r "$from/." "$dir/s"
    case $2 in
    SM1020) rm "$dir/s/raw/$1" ;;
    SM1018) sed -i "s|path=\"$1\"|path=\"$1\" footer=\"END\"|" "$dir/s/study.xml" ;;
    *) printf "$3" >"$dir/s/raw/$1" ;;
    esac
    "$SDTMILL" convert "$dir/s/study.xml" -o "$dir/s/out" >"$dir/log" 2>&1
    rc=$?
    see "$dir/log"
    if [ $rc -eq 4 ] && grep -q "$2" "$dir/log" && [ ! -e "$dir/s/out" ]; then echo "ok codes: $2 stops the run"
    else echo "FAIL codes: $2 ends with $rc"; sed 's/^/  | /' "$dir/log" | tail -n 5; fi
}
stop doses.csv SM1008 'SUBJ,AMOUNT\n001,"10\n'
stop doses.csv SM1011 'SUBJ,AMOUNT\n001,10\303'
stop doses.csv SM1012 'SUBJ,DOSE\n001,10\n'
stop doses.csv SM1013 'SUBJ,AMOUNT,AMOUNT\n001,10,10\n'
stop doses.csv SM1018 ''
stop doses.csv SM1020 ''
stop doses.csv SM1021 ''

# Mistakes in the mapping: the code, the exit status of check, what takes the place of what (sed)
mistake() {
    rm -rf "$dir/s" && mkdir "$dir/s" && cp -r "$from/." "$dir/s"
    sed -i "$3" "$dir/s/study.xml"
    cmp -s "$from/study.xml" "$dir/s/study.xml" && echo "FAIL codes: $1: nothing was changed"
    "$SDTMILL" check "$dir/s/study.xml" --no-data >"$dir/log" 2>&1
    rc=$?
    see "$dir/log"
    if [ $rc -eq "$2" ] && grep -q "$1" "$dir/log"; then echo "ok codes: $1 is found by check"
    else echo "FAIL codes: $1: check ends with $rc"; sed 's/^/  | /' "$dir/log" | tail -n 5; fi
}
mistake SM2001 3 's|<codelist name="RACE"|<codelist nam="RACE"|'
mistake SM2002 3 's|recode="words"|recode="wrods"|'
mistake SM2003 3 's|<lookup name="dose" take="only" source="doses" key="USUBJID"|<lookup name="dose" take="only" source="doses" key="lookup('"'dose'"', USUBJID)"|'
mistake SM2004 3 's|<assign var="AEDECOD" from="TERM"/>|<assign var="AETERM" from="TERM"/>|'
mistake SM2005 3 's|test="NOTE = .huge."|test="NOTE ="|'
mistake SM2007 0 's|<from source="doses"/>||; s|<from source="labs">|<from source="labs" where="1 = 2">|'

# What is said of datasets that come without a mapping
printf 'STUDYID,DOMAIN,USUBJID,AESEQ,AETERM\nS,AE,S-1,1,Naive\n' >"$dir/ae.csv"
"$SDTMILL" convert --from "$dir/ae.csv" -o "$dir/plain" --format xpt >"$dir/log" 2>&1
LC_ALL=C sed 's/Naive/Na\xEFve/' "$dir/plain/xpt/ae.xpt" >"$dir/ae.xpt"
"$SDTMILL" convert --from "$dir/ae.xpt" -o "$dir/plain" --format json --notes >"$dir/log" 2>&1
see "$dir/log"
"$SDTMILL" convert --from "$dir/plain/json" -o "$dir/ascii" --format xpt --transliterate --notes >"$dir/log" 2>&1
see "$dir/log"

"$SDTMILL" help names | sed -n 's/^finding \(SM[0-9]*\).*/\1/p' >"$dir/all"
sort -u "$dir/seen" >"$dir/have"
while read -r code; do
    name=$(sed -n "s/^SM_DIAG(${code#SM}, *\([A-Z0-9_]*\),.*/\1/p" "$SRC/include/sdtmill/diag_codes.def")
    if grep -qx "$code" "$dir/have"; then echo "ok codes: $code is raised"
    elif grep -qE "SM_D_$name\>" "$SRC"/tests/*/*.c; then echo "ok codes: $code is raised by a unit test"
    elif grep -qE "$code\>" "$SRC"/tests/golden/*/std* "$SRC"/tests/study/6[1-9]*.sh; then echo "ok codes: $code is raised by another test"
    else echo "FAIL codes: nothing raises $code"; fi
done <"$dir/all"
