#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh quick|full|huge - the benchmark; README.md beside this file says what it does.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
exec python3 "$here/bench.py" "$@"
