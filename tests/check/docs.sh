#!/bin/bash
# The manuals and the program name the same things: docs.sh PROGRAM
# `PROGRAM help names` lists what the program knows, one thing on each line:
#   verb NAME | option VERB --NAME | finding SMnnnn KIND | format NAME
# Elements and attributes come from the schema, functions of expressions from their table, environment
# and columns of issues.csv from the source. In man/sdtmill.1 a comment stands before each verb and
# format: `.\" verb: NAME`, `.\" format: NAME`. The manuals are read as they are shown, where that matters.
set -u
program=${1:-}
bad=0
say() { echo "docs: $*" && bad=1; }
t=$(mktemp -d) || exit 2
trap 'rm -rf "$t"' EXIT

pages=$(ls man/*.[1-9] 2>/dev/null)
[ -n "$pages" ] || say 'no manuals'
for m in $pages; do
    groff -mdoc -ww -z "$m" >"$t/log" 2>&1
    mandoc -Tlint "$m" 2>&1 | grep -v 'referenced manual not found' >>"$t/log"
    [ ! -s "$t/log" ] || { say "$m has warnings" && cat "$t/log"; }
    mandoc -Tascii -O width=1000 "$m" 2>/dev/null | sed 's/.\x08//g' >"$t/$(basename "$m")"
    [ -s "$t/$(basename "$m")" ] || say "$m cannot be shown"
done
for m in $pages; do
    sed -n 's/^\.Xr \([a-z-]*\) \([1-9]\).*/\1.\2/p' "$m" | sort -u | while read -r x; do
        case $x in sdtmill*) [ -e "man/$x" ] || echo "$m refers to $x, which is no page" ;; esac
    done
done >"$t/log"
[ ! -s "$t/log" ] || { bad=1 && sed 's/^/docs: /' "$t/log"; }

# shown PAGE WORD: the word stands in the page, not as a part of a longer one
shown() {
    local esc
    esc=$(printf '%s' "$2" | sed 's/[][\.*^$+?(){}|/]/\\&/g')
    grep -qE "(^|[^[:alnum:]_-])$esc([^[:alnum:]_-]|\$)" "$t/$1" 2>/dev/null
}
# same WHAT FILE FILE: lines of the first are the program's, of the second the manual's
same() {
    sort -u "$2" >"$t/a"
    sort -u "$3" >"$t/b"
    comm -23 "$t/a" "$t/b" | while read -r x; do echo "docs: $1 $x is not in the manual"; done >"$t/log"
    comm -13 "$t/a" "$t/b" | while read -r x; do echo "docs: $1 $x is only in the manual"; done >>"$t/log"
    [ -s "$t/a" ] || echo "docs: no $1 was found in the program" >>"$t/log"
    [ ! -s "$t/log" ] || { bad=1 && cat "$t/log"; }
}

# ---- findings --------------------------------------------------------------------------------------
codes=include/sdtmill/diag_codes.def
sed -n 's/^SM_DIAG(\([0-9]*\), *[A-Z0-9_]*, *[A-Z_]*, *"\([^"]*\)".*/SM\1 \2/p' "$codes" >"$t/codes"
[ "$(grep -c '^SM_DIAG(' "$codes")" = "$(wc -l <"$t/codes")" ] || say "$codes: a row was not understood"
sed -n 's/^\.It Sy \(SM[0-9]*\) , Li \([a-z-]*\) .*/\1 \2/p' man/sdtmill-findings.5 >"$t/said"
same finding "$t/codes" "$t/said"
for m in $pages; do
    for code in $(grep -oE '\<SM[0-9]{4}\>' "$t/$(basename "$m")" | sort -u); do
        grep -q "^$code " "$t/codes" || say "$m names $code, which is no finding"
    done
done

# ---- the mapping language --------------------------------------------------------------------------
python3 tests/docs/elements.py mappings/schema/mapping.rng man/sdtmill-mapping.5 || bad=1
{
    sed -n '/struct xfn xfns[a-z_]*\[\] = /,/^};/s/^ *{"\([a-z-]*\)".*/\1/p' src/spec/expr_*.c
    printf '%s\n' column var if
} >"$t/functions"
sed -n '/^\.Sh EXPRESSIONS/,/^\.Sh DATE/s/^\.It Li "\{0,1\}\([a-z][a-z-]*\) \{0,1\}(.*/\1/p' man/sdtmill-mapping.5 >"$t/said"
same function "$t/functions" "$t/said"

# ---- surroundings ----------------------------------------------------------------------------------
grep -ohE 'getenv\("[A-Z_]+"\)' src/*/*.c | sed 's/.*"\(.*\)".*/\1/' | grep -v '^SM_' >"$t/env"
sed -n 's/^\.It Ev //p' man/sdtmill.1 >"$t/said"
grep -q '"SOURCE_DATE_EPOCH"' src/base/clock.c && echo SOURCE_DATE_EPOCH >>"$t/env"
same 'environment variable' "$t/env" "$t/said"
sed -n '/"SEVERITY,/,/;/p' src/run/run_files.c | tr -d ' "\n' | grep -oE 'SEVERITY,[A-Z_,]*' |
    tr , '\n' >"$t/columns"
sed -n '/^\.Ss Findings/,/^\.El/s/^\.It Va //p' man/sdtmill-convert.1 >"$t/said"
same 'column of issues.csv' "$t/columns" "$t/said"

# ---- the tour of the source ------------------------------------------------------------------------
tour=man/sdtmill-internals.7
for f in $(grep -oE '(^\.|[( ])Fn [a-z0-9_]+' $tour | sed 's/.*Fn //' | sort -u); do
    case $f in sm_) continue ;; esac # sm_X_open and the like
    grep -rqw -e "$f" src include || say "$tour names the function $f, which is not there"
done
for f in $(grep -oE '(^\.|[( ])Pa (src|include|tests|mappings)/[^ ]+' $tour | sed 's/.*Pa //' | sort -u); do
    case $f in *NAME*) continue ;; esac
    [ -e "$f" ] || say "$tour names $f, which is not there"
done
awk '$1 == "rank" { for (i = 2; i <= NF; i++) print $i, NR }' tests/check/rooms.txt >"$t/rooms"
sed -n 's/^\.It \([a-z]*\) Ta \([0-9]\) Ta.*/\1 \2/p' $tour >"$t/said"
same 'room' "$t/rooms" "$t/said"

# ---- verbs, options, formats -----------------------------------------------------------------------
if ! { [ -n "$program" ] && [ -x "$program" ] && "$program" help names >"$t/names" 2>/dev/null </dev/null &&
    grep -q '^verb ' "$t/names"; }; then
    echo 'docs: the program lists no names; verbs, options and formats are not compared'
    exit $bad
fi
for what in verb format; do
    sed -n "s/^$what //p" "$t/names" >"$t/known"
    sed -n "s/^\.\\\\\" $what: //p" man/sdtmill.1 >"$t/said"
    same "$what" "$t/known" "$t/said"
    while read -r x; do shown sdtmill.1 "$x" || say "$what $x is not in man/sdtmill.1"; done <"$t/known"
done
sed -n 's/^finding //p' "$t/names" >"$t/known"
same 'finding of `help names`' "$t/known" "$t/codes"
"$program" help exit-codes | awk '{ print $1 }' >"$t/exits"
while read -r x; do
    sed -n '/^EXIT STATUS/,/^[A-Z]/p; /^EXIT STATUS/,/^EXAMPLES/p' "$t/sdtmill.1" | grep -qw "$x" ||
        say "exit status $x is not in man/sdtmill.1"
done <"$t/exits"

# The page of a verb: its own if there is one, else the main one.
page_of() { if [ -e "$t/sdtmill-$1.1" ]; then echo "sdtmill-$1.1"; else echo sdtmill.1; fi; }
while read -r what verb option; do
    [ "$what" = option ] || continue
    p=$(page_of "$verb")
    shown "$p" "$option" || say "option $option of $verb is not in man/$p"
done <"$t/names"
for m in $pages; do
    m=$(basename "$m") verb='[^ ]+'
    case $m in sdtmill-*.1)
        verb=${m#sdtmill-} verb=${verb%.1}
        grep -qx "verb $verb" "$t/names" || say "man/$m: $verb is no verb"
        ;;
    esac
    for o in $(grep -oE '(^|[^[:alnum:]-])--[a-z][a-z0-9-]*' "$t/$m" | sed 's/^[^-]*//' | sort -u); do
        case $o in --help | --version) continue ;; esac
        grep -qE "^option $verb $o\$" "$t/names" || say "man/$m names $o, which is no option there"
    done
done
for m in README.md; do
    [ -e "$m" ] || { say "no $m" && continue; }
    for o in $(grep -E '^\$? ?sdtmill |build/release/sdtmill ' "$m" | grep -oE ' --[a-z][a-z0-9-]*' | sort -u); do
        case $o in --help | --version) continue ;; esac
        grep -qE "^option [^ ]+ $o\$" "$t/names" || say "$m names $o, which is no option"
    done
done
exit $bad
