#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# On a full disk: exit 5, and the old outputs stand.
set -u
fix=$SRC/fixtures/re223
dir=$(mktemp -d) || exit 1
mkdir "$dir/disk"
mount -t tmpfs -o size=6m tmpfs "$dir/disk" 2>/dev/null || { echo "skip disk-full: no right to mount a small file system"; rm -rf "$dir"; exit 0; }
trap 'umount "$dir/disk"; rm -rf "$dir"' EXIT
run() { "$SDTMILL" convert "$SRC/mappings/re223/study.xml" --raw "$fix/raw" -o "$dir/disk/out" "$@" >"$dir/log" 2>&1; }
run --format csv; rc=$?
[ $rc -le 1 ] || { echo "FAIL disk-full: the first run ended with $rc"; exit 0; }
before=$(cd "$dir/disk/out" && find . -type f | LC_ALL=C sort | xargs sha256sum)
run --format csv,xml; rc=$?
after=$(cd "$dir/disk/out" && find . -type f | LC_ALL=C sort | xargs sha256sum)
if [ $rc -eq 5 ] && [ "$before" = "$after" ] && [ "$(ls -A "$dir/disk" | wc -l)" -eq 1 ]; then echo "ok disk-full: exit 5, old outputs stand"
else echo "FAIL disk-full: exit $rc"; ls -A "$dir/disk"; tail -3 "$dir/log"; fi
