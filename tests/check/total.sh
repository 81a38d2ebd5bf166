#!/bin/sh
# Adds up files that hold "passed failed skipped"; a missing file is one failure.
for f; do cat "$f" 2>/dev/null || echo 0 1 0; done |
    awk '{ p += $1; f += $2; s += $3 } END { printf "%d passed, %d failed, %d skipped\n", p, f, s }'
