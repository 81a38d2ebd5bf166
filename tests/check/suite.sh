#!/bin/bash
# Runs tests and counts them: suite.sh BUILD_DIR KIND...
#   unit prop   cmocka programs BUILD_DIR/tests/KIND/*, output in TAP
#   golden      the folders of tests/golden (see run.sh there)
#   fuzz        corpus replay, BUILD_DIR/tests/fuzz/*.reg
#   study       executables tests/study/*.sh; a line that begins with ok, skip or FAIL is one test;
#               they get SDTMILL (program), SRC (top of this tree) and BUILD (BUILD_DIR)
#   fault       the same for tests/fault/*.sh: memory runs out (needs a build with SM_DEBUG)
#   memory      the same for tests/memory/*.sh: runs for memcheck
#   shared      the same for tests/shared/*.sh
# SHORT=1 and KILLS=n make study tests try fewer ways: instrumented programs are slow. SKIP is an extended regular expression: what
# matches it whole, without .sh, is left out and not counted.
# WRAP is put before programs (valgrind ...), TEST_TIMEOUT is seconds for one program, TEST_JOBS how
# many run at once. Logs: BUILD_DIR/log. The last line is "N passed, N failed, N skipped".
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
export LC_ALL=C TZ=UTC ASAN_OPTIONS=${ASAN_OPTIONS:-detect_stack_use_after_return=1} \
    UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1} TSAN_OPTIONS=${TSAN_OPTIONS:-exitcode=66}
unset SOURCE_DATE_EPOCH SM_FAULT NO_COLOR CLICOLOR_FORCE MAKEFLAGS MAKELEVEL MFLAGS

bounded() { timeout -k 10 "${TEST_TIMEOUT:-900}" "$@" </dev/null; }

# TAP in, "passed failed skipped" out; tests that the plan promised and that never came have failed.
tap_count() {
    awk '/^1\.\.[0-9]+/ { plan += substr($1, 4) }
        /^(not )?ok / { n++; if (/# *SKIP/) s++; else if (/^ok/) p++; else f++ }
        END { if (plan > n) f += plan - n; print p + 0, f + 0, s + 0 }' "$1"
}
word_count() {
    awk '/^ok/ { p++ } /^FAIL/ { f++ } /^skip/ { s++ } END { print p + 0, f + 0, s + 0 }' "$1"
}

one() {
    local build=$1 kind=$2 item=$3 name log rc p f s mark
    name=$(basename "$item")
    log=$build/log/$kind-$name.log
    # shellcheck disable=SC2086
    case $kind in
    unit | prop)
        CMOCKA_MESSAGE_OUTPUT=TAP bounded ${WRAP:-} "$item" >"$log" 2>&1
        rc=$?
        read -r p f s <<<"$(tap_count "$log")"
        ;;
    fuzz)
        name=${name%.reg}
        bounded ${WRAP:-} "$item" "$root/tests/fuzz/corpus/${name#fuzz_}" >"$log" 2>&1
        rc=$?
        p=$((rc == 0)) f=$((rc != 0)) s=0
        ;;
    golden)
        bounded "$root/tests/golden/run.sh" "$SDTMILL" "$name" >"$log" 2>&1
        rc=$?
        p=$((rc == 0)) f=$((rc != 0)) s=0
        ;;
    *)
        (cd "$root" && SRC=$root BUILD=$build bounded "$item") >"$log" 2>&1
        rc=$?
        read -r p f s <<<"$(word_count "$log")"
        ;;
    esac
    [ $((p + f + s)) -gt 0 ] && { [ "$rc" = 0 ] || [ "$f" -gt 0 ]; } || f=$((f + 1))
    echo "$p $f $s" >"$build/log/$kind-$name.res"
    mark=ok
    [ "$p" = 0 ] && mark=skip
    [ "$f" = 0 ] || mark=FAIL
    {
        printf '%-4s %s %s (%d passed' "$mark" "$kind" "$name" "$p"
        [ "$f" = 0 ] || printf ', %d failed, exit %d' "$f" "$rc"
        [ "$s" = 0 ] || printf ', %d skipped' "$s"
        printf ')\n'
        if [ "$f" != 0 ]; then
            grep -v '^ok ' "$log" | tail -n 60 | sed 's/^/    /'
            echo "    whole output: ${log#"$root"/}"
        elif [ "$s" != 0 ]; then
            grep -e '^skip' -e '# *SKIP' "$log" | sed 's/^/    /'
        fi
    } >"$build/log/$kind-$name.say"
    flock "$build/log/lock" cat "$build/log/$kind-$name.say"
}

if [ "$1" = --one ]; then
    one "$2" "$3" "$4"
    exit 0
fi

build=$(cd "$1" && pwd) || exit 2
shift
rm -rf "$build/log"
mkdir -p "$build/log"
: >"$build/log/lock"
export SDTMILL=$build/sdtmill
if [ -n "${WRAP:-}" ]; then
    printf '#!/bin/sh\nexec %s "%s" "$@"\n' "$WRAP" "$SDTMILL" >"$build/log/sdtmill"
    chmod +x "$build/log/sdtmill"
    SDTMILL=$build/log/sdtmill
fi

# The sanitizers' shadow memory collides with wide address randomisation on some kernels.
fixed=
case $(basename "$build") in
asan | tsan) setarch "$(uname -m)" -R true 2>/dev/null && fixed="setarch $(uname -m) -R" ;;
esac

list() {
    local f
    for f; do
        [ -f "$f" ] && [ -x "$f" ] && case $f in *.o | *.d | *.fz) ;; *) printf '%s\n' "$f" ;; esac
    done
}
for kind; do
    # A program whose source is gone may still lie in the build folder: go by the sources.
    case $kind in
    unit | prop) for f in "$root/tests/$kind"/*_*.c; do
        f=$build/tests/$kind/$(basename "$f" .c)
        [ -e "$f" ] && echo "$kind $f"
    done ;;
    fuzz) for f in "$root"/tests/fuzz/fuzz_*.c; do
        f=$build/tests/fuzz/$(basename "$f" .c).reg
        [ -e "$f" ] && echo "fuzz $f"
    done ;;
    golden) for f in "$root"/tests/golden/*/cmd; do
        [ -e "$f" ] && echo "golden $(dirname "$f")"
    done ;;
    *) list "$root/tests/$kind"/*.sh | sed "s/^/$kind /" ;;
    esac
done >"$build/log/all"
awk -v skip="^(${SKIP:-/})$" '{ n = $2; sub(/.*\//, "", n); sub(/\.sh$/, "", n) } n !~ skip' "$build/log/all" >"$build/log/items"
# shellcheck disable=SC2086
xargs -r -P "${TEST_JOBS:-$(nproc)}" -L 1 $fixed "$0" --one "$build" <"$build/log/items"
rc=$?
find "$build/log" -name '*.res' -exec cat {} + | awk -v n="$(wc -l <"$build/log/items")" '
    { p += $1; f += $2; s += $3 }
    END { if (NR < n) f += n - NR; print p + 0, f + 0, s + 0 }' >"$build/log/total"
read -r p f s <"$build/log/total"
[ "$rc" = 0 ] || echo "suite: a runner ended with an error ($rc)"
"$root/tests/check/total.sh" "$build/log/total"
[ "$f" = 0 ] && [ "$rc" = 0 ] && [ $((p + s)) -gt 0 ]
