#!/bin/bash
# The manuals and the program name the same things: docs.sh PROGRAM
# `PROGRAM help --names` lists what the program knows, one thing on each line:
#   verb NAME | option VERB NAME | element NAME | format NAME | exit CODE
# (option names without dashes; VERB "-" for options of every verb). Findings are taken from
# include/sdtmill/diag_codes.def. The manuals are read as they are shown, so mark-up does not matter.
set -u
program=${1:-}
bad=0
say() { echo "docs: $*" && bad=1; }
t=$(mktemp -d) || exit 2
trap 'rm -rf "$t"' EXIT

pages=$(ls man/*.[1-9] 2>/dev/null)
for m in $pages; do
    groff -mdoc -ww -z "$m" >"$t/log" 2>&1
    [ ! -s "$t/log" ] || { say "$m has warnings" && cat "$t/log"; }
    mandoc -Tascii -O width=1000 "$m" 2>/dev/null | sed 's/.\x08//g' >"$t/$(basename "$m")"
    [ -s "$t/$(basename "$m")" ] || say "$m cannot be shown"
done

# shown PAGE WORD: the word stands in the page, not as a part of a longer one
shown() {
    local esc
    esc=$(printf '%s' "$2" | sed 's/[][\.*^$+?(){}|/]/\\&/g')
    grep -qE "(^|[^[:alnum:]_-])$esc([^[:alnum:]_-]|\$)" "$t/$1"
}

codes=include/sdtmill/diag_codes.def
sed -n 's/^SM_DIAG(\([0-9]*\), *[A-Z0-9_]*, *[A-Z_]*, *"\([^"]*\)".*/SM\1 \2/p' "$codes" >"$t/codes"
[ "$(grep -c '^SM_DIAG(' "$codes")" = "$(wc -l <"$t/codes")" ] || say "$codes: a row was not understood"
if [ -e "$t/sdtmill-findings.5" ]; then
    while read -r code kind; do
        shown sdtmill-findings.5 "$code" || say "$code is not in man/sdtmill-findings.5"
        shown sdtmill-findings.5 "$kind" || say "$code: kind $kind is not in man/sdtmill-findings.5"
    done <"$t/codes"
fi
for m in $pages; do
    for code in $(grep -oE '\<SM[0-9]{4}\>' "$t/$(basename "$m")" | sort -u); do
        grep -q "^$code " "$t/codes" || say "$m names $code, which is no finding"
    done
done

names() {
    [ -x "$program" ] && "$program" help --names >"$t/names" 2>/dev/null </dev/null && grep -q '^verb ' "$t/names"
}
if ! names; then
    echo 'docs: the program lists no names; verbs, options and elements are not compared'
    exit $bad
fi

# The page of a verb: its own if there is one, else the main one.
page_of() { if [ -e "$t/sdtmill-$1.1" ]; then echo "sdtmill-$1.1"; else echo sdtmill.1; fi; }
if [ -e "$t/sdtmill.1" ]; then
    while read -r what a b; do
        case $what in
        verb) shown sdtmill.1 "$a" || say "verb $a is not in man/sdtmill.1" ;;
        option)
            p=sdtmill.1
            [ "$a" = - ] || p=$(page_of "$a")
            shown "$p" "--$b" || say "option --$b of $a is not in man/$p"
            ;;
        format | exit) shown sdtmill.1 "$a" || shown sdtmill-convert.1 "$a" 2>/dev/null || say "$what $a is in no manual" ;;
        esac
    done <"$t/names"
    for m in man/sdtmill*.1; do
        m=$(basename "$m")
        verb=${m#sdtmill-} verb=${verb%.1}
        for o in $(grep -oE '(^|[^[:alnum:]-])--[a-z][a-z0-9-]*' "$t/$m" | sed 's/^[^-]*--//' | sort -u); do
            if [ "$m" = sdtmill.1 ]; then
                grep -qE "^option [^ ]+ $o\$" "$t/names"
            else
                grep -qE "^option ($verb|-) $o\$" "$t/names"
            fi || say "man/$m names --$o, which is no option there"
        done
        [ "$m" = sdtmill.1 ] || grep -qx "verb $verb" "$t/names" || say "man/$m: $verb is no verb"
    done
fi
if [ -e "$t/sdtmill-mapping.5" ] && grep -q '^element ' "$t/names"; then
    for e in $(sed -n 's/^element //p' "$t/names"); do
        grep -qE "<$e[ />]" "$t/sdtmill-mapping.5" || say "element <$e> is not in man/sdtmill-mapping.5"
    done
    for e in $(grep -oE '<[a-z][a-z0-9-]*[ />]' "$t/sdtmill-mapping.5" | tr -d '<> /' | sort -u); do
        grep -qx "element $e" "$t/names" || say "man/sdtmill-mapping.5 names <$e>, which is no element"
    done
fi
exit $bad
