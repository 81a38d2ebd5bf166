#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""equal.py REFERENCE FILE... - are these outputs of the LB job the same, record by record?

Numbers are compared by value (10 significant digits), a line break inside a text counts as a blank (sdtmill
cleans it so, see sdtmill-mapping(5)), "NA" as empty. Prints one line a file; exit 1 if any differs."""
import collections
import csv
import hashlib
import sys

NUMBERS = ('LBSTRESN', 'LBDY', 'LBSEQ', 'VISITNUM')


def records(path):
    with open(path, encoding='utf-8', newline='') as f:
        rows = csv.reader(f)
        head = next(rows)
        numbers = [head.index(c) for c in NUMBERS]
        yield head
        for r in rows:
            for i in numbers:
                if r[i]:
                    r[i] = '%.10g' % float(r[i])
            yield ['' if x == 'NA' else ' '.join(x.splitlines()) for x in r]


def compare(reference, path):
    """Number of records, counts of differing cells by column, digest of the records."""
    n, cells, digest = 0, collections.Counter(), hashlib.sha256()
    a, b = records(reference), records(path)
    head = next(a)
    if head != next(b):
        return 0, {'header': 1}, '-'
    end = object()
    while True:
        x, y = next(a, end), next(b, end)
        if x is end and y is end:
            return n, cells, digest.hexdigest()[:12]
        if x is end or y is end:
            cells['records'] += 1
            return n, cells, '-'
        n += 1
        digest.update(repr(y).encode())
        if x != y:
            for c, p, q in zip(head, x, y):
                cells[c] += p != q


def main(argv):
    bad = 0
    for path in argv[2:]:
        n, cells, digest = compare(argv[1], path)
        cells = {c: k for c, k in cells.items() if k}
        bad += bool(cells)
        print('%s: %d records, %s %s' % (path, n, digest, cells if cells else 'equal'))
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv))
