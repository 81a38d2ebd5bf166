#!/bin/sh
# Installs the named Debian packages that are not there yet. Touches no network when all are.
set -u
say() { printf 'setup: %s\n' "$*"; }

# Are the libraries there all the same, from another source than Debian's packages?
usable() {
    cc=$(command -v gcc || command -v cc) || return 1
    t=$(mktemp -d) || return 1
    printf '#include <%s>\n' stdint.h stddef.h stdarg.h setjmp.h csv.h zlib.h readstat.h gmp.h jansson.h \
        xxhash.h openssl/evp.h libxml/xmlreader.h cmocka.h >"$t/a.c"
    printf '#define PCRE2_CODE_UNIT_WIDTH 8\n#include <pcre2.h>\nint main(void) { return 0; }\n' >>"$t/a.c"
    # shellcheck disable=SC2046
    "$cc" $(pkg-config --cflags libxml-2.0 2>/dev/null || echo -I/usr/include/libxml2) -o "$t/a" "$t/a.c" \
        -lxml2 -lcsv -lz -lreadstat -lpcre2-8 -lgmp -ljansson -lxxhash -lcrypto -lcmocka >/dev/null 2>&1
    r=$?
    rm -rf "$t"
    return $r
}

if command -v dpkg-query >/dev/null 2>&1; then
    have=" $(dpkg-query -W -f '${db:Status-Status}:${Package} ' "$@" 2>/dev/null)"
    missing=
    for p in "$@"; do
        case $have in *" installed:$p "*) ;; *) missing="$missing $p" ;; esac
    done
    [ -n "$missing" ] || exit 0
else
    missing=" $*"
fi

command="apt-get update && apt-get install -y --no-install-recommends$missing"
if ! command -v apt-get >/dev/null 2>&1; then
    as=none
    say "this system has no apt-get"
elif [ "$(id -u)" = 0 ]; then
    as=
elif command -v sudo >/dev/null 2>&1; then
    as=sudo
    [ -t 0 ] || as='sudo -n'
else
    as=none
fi
if [ "$as" != none ]; then
    say "installing Debian packages:$missing"
    set -f
    if $as env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Acquire::Retries=3 update &&
        # shellcheck disable=SC2086
        $as env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 \
            install -y --no-install-recommends $missing >/dev/null; then
        say "done"
        exit 0
    fi
    say "apt-get did not succeed"
fi
say "not installed:$missing"
say "as root, run: $command"
if usable; then
    say "the compiler finds all libraries, so the work goes on; a test that needs a missing tool says skip"
    exit 0
fi
exit 1
