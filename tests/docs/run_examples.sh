#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs every example of the manuals and of README.md: run_examples.sh [FILE...]
# Needs SDTMILL and SRC. Lines that begin with ok or FAIL are tests. BLESS=1 writes what came into the files.
set -u
cd "$SRC" || exit 1
[ $# -gt 0 ] || set -- README.md man/*.[1-9]
exec python3 tests/docs/examples.py "$@"
