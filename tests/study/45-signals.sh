#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# SIGTERM ends a run with 143, SIGINT and SIGHUP with 130; then the old outputs stand, and nothing is left beside them. A run that
# ends with 0 or 1 all the same was past the last moment it looks for signals: then the new outputs are there, as a whole.
# No clock decides: standard error is a full pipe, so that a run waits in the middle until its signal is sent, and later moments
# are known by what the folder it writes holds.
set -u
fix=$SRC/fixtures/re223
dir=$(mktemp -d) || exit 1
trap '[ $BASHPID != $$ ] || rm -rf "$dir"' EXIT # a child that a signal meets before it is the program runs this too
export SOURCE_DATE_EPOCH=1500000000 # no times in the manifest
cmd=("$SDTMILL" convert "$SRC/mappings/re223/study.xml" --raw "$fix/raw" -o "$dir/out" -q --progress ndjson --created)
moments="at-once csv xml issues.csv manifest.json"
[ -z "${SHORT:-}" ] || moments="at-once manifest.json"
mkfifo "$dir/pipe"
exec 3<>"$dir/pipe"
sums() { (cd "$dir/out" && find . -type f | LC_ALL=C sort | xargs sha256sum) >"$dir/$1"; }
same() { sums now && cmp -s "$dir/$1" "$dir/now"; }
staged() { compgen -G "$dir/out.sdtmill-*${1:+/$1}" >/dev/null; }
is_shell() { [ "/proc/$pid/exe" -ef "/proc/$$/exe" ]; }
alive() { kill -0 "$pid" 2>/dev/null && ! grep -q '^State:.Z' "/proc/$pid/status" 2>/dev/null; }
run() {
    "${cmd[@]}" "$1" >"$dir/log" 2>&1
    [ $? -le 1 ] && return
    echo "FAIL signals: a run that nobody disturbs: $(tail -n 1 "$dir/log")"
    exit 0
}
# Starts a run that cannot go past its first words of progress; there once all its threads sleep.
start_waiting() {
    local calm=0
    dd if=/dev/zero of="$dir/pipe" bs=4096 oflag=nonblock 2>/dev/null
    "$@" 2021-01-01 >"$dir/log" 2>&3 & pid=$!
    while alive && [ $calm -lt 5 ]; do
        if staged '' && ! grep -q '^State:.[^S]' /proc/$pid/task/*/status 2>/dev/null; then calm=$((calm + 1)); else calm=0; fi
        sleep 0.01
    done
}
# Reads the pipe empty until the run has ended: its exit status in rc, what it said in the file "said".
let_go() {
    cat <&3 >"$dir/bytes" & local reader=$!
    wait $pid 2>/dev/null
    rc=$?
    echo END >&3
    until tail -n 1 "$dir/bytes" | grep -q '^END$'; do sleep 0.01; done
    kill $reader
    wait $reader 2>/dev/null
    tr -d '\0' <"$dir/bytes" >"$dir/said"
}
judge() { # the status that tells of the signal, and the one of a program that has not begun to catch it
    if [ $rc -eq "$1" ] || [ $rc -eq "${2:-$1}" ]; then
        same old || bad="exit $rc, but the outputs are not the old ones: $(diff "$dir/old" "$dir/now" | grep -c '^>') files differ"
    elif [ $rc -le 1 ]; then
        same new || bad="exit $rc, but the outputs are not the new ones"
    else bad="exit $rc"; fi
    ! staged '' || bad="$bad; a folder was left behind"
    same old || run 2020-01-01
}
result() { if [ -z "$bad" ]; then echo "ok signals: $1"; else echo "FAIL signals: $1: $bad"; grep -v '^{' "$dir/said" "$dir/log" | tail -n 2; fi; }

run 2021-01-01
sums new
run 2020-01-01
sums old
! cmp -s "$dir/old" "$dir/new" || echo 'FAIL signals: the two runs do not differ'
for want in TERM:143 INT:130 HUP:130; do
    name=${want%:*} want=${want#*:} bad=
    start_waiting "${cmd[@]}"
    kill -s "$name" $pid
    let_go
    [ $rc -eq "$want" ] || bad="exit $rc"
    judge "$want"
    result "SIG$name in the middle of a run gives $want, and the old outputs stand"

    bad=
    for moment in $moments; do
        "${cmd[@]}" 2021-01-01 >"$dir/log" 2>&1 & pid=$!
        while is_shell; do :; done
        [ "$moment" = at-once ] || until staged "$moment" || ! alive; do :; done
        kill -s "$name" $pid 2>/dev/null
        wait $pid 2>/dev/null
        rc=$?
        judge "$want" $((128 + $(kill -l "$name")))
    done
    result "SIG$name at any time gives $want or comes too late"
done

# nohup: who ignores SIGHUP for a program wants it to go on
bad=
start_waiting nohup "${cmd[@]}"
kill -s HUP $pid
let_go
[ $rc -le 1 ] || bad="exit $rc"
judge 0
result 'SIGHUP is nothing to a run under nohup'

# A question is answered, and costs nothing of what is being written at that moment.
bad=
start_waiting "${cmd[@]}"
kill -s USR1 $pid
let_go
[ $rc -le 1 ] || bad="exit $rc"
head -n 1 "$dir/said" | grep -q '^{"what":.*}$' || bad="$bad; the line that was being written is lost"
grep -q '^[^{]*MB, [0-9]* rows, ' "$dir/said" || bad="$bad; no answer"
judge 0
result 'SIGUSR1 has progress printed, and no word is lost'
