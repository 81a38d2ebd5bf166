#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Counts the cells in which a converted dataset differs from a published one.

usage: pairs_compare.py EXPECTED.csv GOT.csv --keys A,B [--supp SUPP.csv] [--rename OLD=NEW] [--ignore A,B] [--show N]

Records are paired by the keys; those that share a key, by fewest differing cells. A variable that one side does not have is
blank there; a cell of blanks alone is blank. With --supp the supplemental qualifiers are put back into their records first. Printed, in
this order: one line for the records, one line a variable that differs anywhere, sorted by name:

    records EXPECTED GOT only-expected N only-got N
    VARIABLE N
"""
import argparse
import csv
import sys


def read(path):
    with open(path, encoding="utf-8-sig", newline="") as f:
        rows = list(csv.DictReader(f))
    return [{k: "" if v.strip(" ") == "" else v for k, v in r.items()} for r in rows]


def fold(rows, supp):
    for q in read(supp):
        hits = [r for r in rows if r["USUBJID"] == q["USUBJID"] and (not q["IDVAR"] or r[q["IDVAR"]] == q["IDVARVAL"])]
        if len(hits) != 1:
            sys.exit(f"{supp}: {q['QNAM']} of {q['USUBJID']} belongs to {len(hits)} records")
        hits[0][q["QNAM"]] = q["QVAL"]


def index(rows, keys):
    ret = {}
    for r in rows:
        ret.setdefault(tuple(r.get(x, "") for x in keys), []).append(r)
    return ret


def differing(x, y, ignore):
    return [v for v in sorted((set(x) | set(y)) - ignore) if x.get(v, "") != y.get(v, "")]


def pair(left, right, ignore):
    """Pairs of records of one key, the most alike first; then what is left of either side."""
    pairs = []
    while left and right:
        _, i, j = min((len(differing(x, y, ignore)), i, j) for i, x in enumerate(left) for j, y in enumerate(right))
        pairs.append((left.pop(i), right.pop(j)))
    return pairs, left, right


def main():
    p = argparse.ArgumentParser()
    p.add_argument("expected")
    p.add_argument("got")
    p.add_argument("--keys", required=True)
    p.add_argument("--supp")
    p.add_argument("--rename", action="append", default=[])
    p.add_argument("--ignore", default="")
    p.add_argument("--show", type=int, default=0)
    a = p.parse_args()
    keys = a.keys.split(",")
    names = dict(x.split("=") for x in a.rename)
    want = [{names.get(k, k): v for k, v in r.items()} for r in read(a.expected)]
    got = read(a.got)
    if a.supp:
        fold(got, a.supp)
    left, right, ignore = index(want, keys), index(got, keys), set(a.ignore.split(","))
    counts, shown, lone = {}, {}, ([], [])
    for k in sorted(set(left) | set(right)):
        pairs, rest_left, rest_right = pair(left.get(k, []), right.get(k, []), ignore)
        lone[0].extend([k] * len(rest_left))
        lone[1].extend([k] * len(rest_right))
        for x, y in pairs:
            for v in differing(x, y, ignore):
                counts[v] = counts.get(v, 0) + 1
                shown.setdefault(v, []).append(f"    {'|'.join(k)}: expected {x.get(v, '')!r}, got {y.get(v, '')!r}")
    print(f"records {len(want)} {len(got)} only-expected {len(lone[0])} only-got {len(lone[1])}")
    for v in sorted(counts):
        print(v, counts[v])
        print("".join(s + "\n" for s in shown[v][: a.show]), end="")
    for side, rest in zip(("expected", "got"), lone):
        for k in rest[: a.show]:
            print(f"    only {side}:", "|".join(k))


main()
