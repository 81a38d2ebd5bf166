#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# mawk_sort.sh LB DM CFG OUT: the LB job of SPEC.md in two passes of mawk with sort between them. The three run at the same time and
# sort has threads of its own; sort compares whole lines in the C locale, which begin with the keys and the row number. What repeats
# (dates, results with their unit and range) is worked out once and kept. Only COMMENT, the last column, may be quoted or hold a line
# break; a break becomes a blank.
set -euo pipefail
lb=$1 dm=$2 cfg=$3 out=$4
export LC_ALL=C
mawk -F, -v OFS='\t' -v cfg="$cfg" -v dm="$dm" '
function date(s,  p, y, m, d, e) { # ISO[s], DAY[s] ("" for a partial one)
    ISO[s] = DAY[s] = ""
    if (s == "") return
    split(s, p, "-")
    y = p[3]; m = MON[p[2]]; d = p[1]
    if (m == "") { ISO[s] = y; return }
    if (d == "UN") { ISO[s] = y "-" m; return }
    ISO[s] = y "-" m "-" d
    m += 0; y -= m <= 2
    e = int(y / 400)
    y -= e * 400
    DAY[s] = e * 146097 + y * 365 + int(y / 4) - int(y / 100) + int((153 * (m + (m > 2 ? -3 : 9)) + 2) / 5) + d - 1
}
BEGIN {
    n = split("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC", p, " ")
    for (i = 1; i <= n; i++) MON[p[i]] = sprintf("%02d", i)
    while ((getline < (cfg "/lbtest.csv")) > 0) CODE[$1] = $2
    while ((getline < (cfg "/visit.csv")) > 0) VISIT[$1] = sprintf("%02d", $2)
    while ((getline < dm) > 0) { if (!($4 in ISO)) date($4); RF[$3] = DAY[$4] }
}
NR == 1 { next }
{
    comment = ""
    if (substr($12, 1, 1) == "\"") {
        line = $0
        while (gsub(/"/, "&", line) % 2 && (getline more) > 0) line = line " " more
        if ($0 != line) $0 = line
    }
    if ($8 == "NOT DONE") {
        comment = $12
        for (i = 13; i <= NF; i++) comment = comment "," $i
    }
    if (!($5 in ISO)) date($5)
    day = DAY[$5]; dy = ""; dtc = ISO[$5]; may = 0
    if (day != "") {
        if ($6 != "") dtc = dtc "T" $6
        if (RF[$3] != "") {
            dy = day - RF[$3]
            may = dy <= 0 && $8 != "NOT DONE"
            if (dy >= 0) dy++
        }
    }
    print $1 "-" $2 "-" $3, CODE[$7], VISIT[$4], dtc, sprintf("%010d", ++row), $8, $9, $10, $11, dy, may, $1, comment
}' "$lb" | sort -S 2G --parallel=2 -T "$(dirname "$out")" | mawk -F '\t' -v cfg="$cfg" '
function text(x) { x = sprintf("%.3f", x); sub(/0+$/, "", x); sub(/\.$/, "", x); return x }
function rounded(x) { return int(x * 1000 + 0.5) / 1000 } # none is below zero
function result(k, code, r, unit, low, high,  z) { # LBSTRESC..LBNRIND of a result
    if (r == "NOT DONE") z = ",,,"
    else if (substr(r, 1, 1) == "<") z = "<" text(rounded(substr(r, 2) * FACTOR[code, unit])) ",," UNIT[code] ","
    else {
        z = text(rounded(r * FACTOR[code, unit]))
        z = z "," z "," UNIT[code] "," (r + 0 < low + 0 ? "LOW" : r + 0 > high + 0 ? "HIGH" : "NORMAL")
    }
    RESULT[k] = (r == "NOT DONE" ? "" : r) "," unit "," low "," high "," z "," (r == "NOT DONE" ? r : "") ","
    return RESULT[k]
}
function group(  i) { # what is kept of one subject and test
    for (i = 1; i <= n; i++) print head[i] (i == best ? "Y" : "") tail[i]
    n = best = 0
    latest = ""
}
BEGIN {
    FS = ","
    while ((getline < (cfg "/lbtest.csv")) > 0) { TEST[$2] = $3 "," $4; UNIT[$2] = $5; CODE[$1] = $2 }
    while ((getline < (cfg "/units.csv")) > 0) FACTOR[CODE[$1], $2] = $3
    while ((getline < (cfg "/visit.csv")) > 0) VISIT[sprintf("%02d", $2)] = $2 "," $3
    FS = "\t"
    print "STUDYID,DOMAIN,USUBJID,LBSEQ,LBTESTCD,LBTEST,LBCAT,LBORRES,LBORRESU,LBORNRLO,LBORNRHI,LBSTRESC,LBSTRESN,LBSTRESU,LBNRIND," \
        "LBSTAT,LBREASND,LBBLFL,VISITNUM,VISIT,LBDTC,LBDY"
}
{
    if ($1 != id || $2 != code) { group(); if ($1 != id) seq = 0; id = $1; code = $2 }
    k = code SUBSEP $6 SUBSEP $7 SUBSEP $8 SUBSEP $9
    head[++n] = $12 ",LB," id "," (++seq) "," code "," TEST[code] "," (k in RESULT ? RESULT[k] : result(k, code, $6, $7, $8, $9)) $13 ","
    tail[n] = "," VISIT[$3] "," $4 "," $10
    if ($11 == 1 && $4 >= latest) { latest = $4; best = n }
}
END { group() }' >"$out"
