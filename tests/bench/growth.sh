#!/bin/sh
# SPDX-License-Identifier: MIT
# growth.sh - how cost grows: with rows, with subjects, with mapping lines that do nothing. README.md beside this file says more.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
exec python3 "$here/growth.py" "$@"
