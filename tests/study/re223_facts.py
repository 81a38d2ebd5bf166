#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compare a conversion of RE223 with the facts of its fixture.

    re223_facts.py FIXTURE OUT facts     every cell named in FIXTURE/expected, matched on the natural keys
    re223_facts.py FIXTURE OUT issues    issues.csv against issues-expected.csv
    re223_facts.py FIXTURE OUT ledger    manifest.json and rejects/ against counts.csv and the raw files
    re223_facts.py FIXTURE OUT join DIR  write OUT joined with SUPP-- as the tables check_targets.py reads

Prints what differs and leaves with 1 if anything does."""
import csv
import hashlib
import json
import os
import sys

KEYS = {
    "DM": "USUBJID", "EX": "USUBJID VISITNUM", "AE": "USUBJID AEDECOD AESTDTC", "LB": "USUBJID LBTESTCD VISITNUM LBDTC",
    "RS": "USUBJID RSTESTCD RSDTC", "TU": "USUBJID TUDTC TULOC", "TR": "USUBJID TRTESTCD TRDTC", "DS": "USUBJID DSSCAT DSDECOD",
    "QS": "USUBJID QSTESTCD VISITNUM", "CE": "USUBJID CETERM CESTDTC", "VS": "USUBJID VSTESTCD VISITNUM",
    "CM": "USUBJID CMCAT CMTRT CMSTDTC", "SS": "USUBJID SSDTC", "SV": "USUBJID VISITNUM"}
PROVENANCE = {"RAWFILE", "RAWLINE"}


def table(path):
    if not os.path.exists(path):
        return []
    with open(path, newline="", encoding="utf-8") as f:
        return list(csv.DictReader(f))


def joined(out, domain):
    """Records of a domain with their supplemental qualifiers as columns."""
    rows = table(os.path.join(out, "csv", domain.lower() + ".csv"))
    supp = {}
    for s in table(os.path.join(out, "csv", "supp" + domain.lower() + ".csv")):
        supp.setdefault((s["USUBJID"], s["IDVARVAL"]), {})[s["QNAM"]] = s["QVAL"]
    for r in rows:
        r.update(supp.get((r["USUBJID"], r.get(domain + "SEQ", "") if domain != "DM" else ""), {}))
    return rows


def facts(fixture, out):
    bad = cells = records = 0
    for domain, key in KEYS.items():
        names = key.split()
        want = table(os.path.join(fixture, "expected", domain.lower() + ".csv"))
        have, twice = {}, 0
        for r in joined(out, domain):
            k = tuple(r.get(n, "") for n in names)
            twice += k in have
            have[k] = r
        seen, diffs = set(), []
        for w in want:
            k = tuple(w[n] for n in names)
            seen.add(k)
            records += 1
            h = have.get(k)
            if h is None:
                diffs.append(f"{domain} {k}: no record ({w.get('RAWFILE')}:{w.get('RAWLINE')})")
                continue
            for n, v in w.items():
                if n in PROVENANCE:
                    continue
                cells += 1
                if h.get(n, "") != v:
                    diffs.append(f"{domain} {k} {n}: {h.get(n, '')!r}, expected {v!r} ({w.get('RAWFILE')}:{w.get('RAWLINE')})")
        diffs += [f"{domain} {k}: record not expected" for k in have if k not in seen]
        if twice:
            diffs.append(f"{domain}: {twice} records share a natural key")
        for d in diffs[:8]:
            print(d)
        if len(diffs) > 8:
            print(f"... and {len(diffs) - 8} more in {domain}")
        bad += len(diffs)
    print(f"{records} records, {cells} cells, {bad} differences")
    return bad


def issues(fixture, out):
    strip = lambda p: p[4:] if p.startswith("raw/") else p
    want = {(strip(r["FILE"]), r["LINE"], r["COLUMN"], r["KIND"], r["EFFECT"]) for r in table(os.path.join(fixture, "issues-expected.csv"))}
    rows = [r for r in table(os.path.join(out, "issues.csv")) if r["SEVERITY"] in ("warning", "error")]
    have = [(strip(r["FILE"]), r["LINE"], r["COLUMN"], r["KIND"], r["EFFECT"]) for r in rows]
    for x in sorted(want - set(have)):
        print("not reported:", x)
    for x in sorted(set(have) - want):
        print("not expected:", x)
    for x in sorted({x for x in have if have.count(x) > 1}):
        print("reported twice:", x)
    print(f"{len(want)} problems expected, {len(have)} reported")
    return 0 if set(have) == want and len(have) == len(want) else 1


def ledger(fixture, out):
    bad = []
    with open(os.path.join(out, "manifest.json"), encoding="utf-8") as f:
        manifest = json.load(f)
    rows = {r["file"]: r for r in manifest["ledger"]}
    counts = table(os.path.join(fixture, "counts.csv"))
    for c in counts:
        r = rows.get(c["FILE"])
        if r is None:
            bad.append(f"{c['FILE']}: not in the ledger")
            continue
        if r["rows"] != r["used"] + r["filtered"] + r["rejected"] + r["duplicates"]:
            bad.append(f"{c['FILE']}: does not balance: {r}")
        got = (r["rows"], r["duplicates"], r["rejected"], r["sha256"])
        exp = (int(c["ROWS"]), int(c["DUPLICATES"]) + int(c["SUPERSEDED"]), int(c["REJECTED"]), c["SHA256"])
        if got != exp:
            bad.append(f"{c['FILE']}: {got}, expected {exp}")
        # the rejected lines stand in rejects/ byte for byte
        dropped = [i for i in table(os.path.join(out, "issues.csv")) if i["FILE"] == c["FILE"] and i["EFFECT"] == "row-dropped"
                   and i["KIND"] not in ("duplicate-row", "superseded-row")]
        path = os.path.join(out, "rejects", c["FILE"])
        if bool(dropped) != os.path.exists(path):
            bad.append(f"{c['FILE']}: {len(dropped)} rows dropped, rejects file {'is there' if os.path.exists(path) else 'is not'}")
        if not dropped or not os.path.exists(path):
            continue
        with open(os.path.join(fixture, "raw", c["FILE"]), "rb") as f:
            raw = f.read()
        step = b"\n\0" if raw[:2] == b"\xff\xfe" else b"\n"
        lines = raw.split(step)
        with open(path, "rb") as f:
            rejects = f.read()
        for i in dropped:
            if lines[int(i["LINE"]) - 1] not in rejects:
                bad.append(f"{c['FILE']}:{i['LINE']}: not in rejects/ byte for byte")
    if len(rows) != len(counts):
        bad.append(f"{len(rows)} files in the ledger, {len(counts)} expected")
    for o in manifest["outputs"]:
        with open(os.path.join(out, o["file"]), "rb") as f:
            if hashlib.sha256(f.read()).hexdigest() != o["sha256"]:
                bad.append(f"{o['file']}: hash is not the manifest's")
    for b in bad[:20]:
        print(b)
    print(f"{len(rows)} files, {len(bad)} differences")
    return len(bad)


def join(fixture, out, to):
    os.makedirs(to, exist_ok=True)
    for domain in KEYS:
        want = table(os.path.join(fixture, "expected", domain.lower() + ".csv"))
        names = [n for n in (want[0] if want else {}) if n not in PROVENANCE]
        with open(os.path.join(to, domain.lower() + ".csv"), "w", newline="", encoding="utf-8") as f:
            w = csv.DictWriter(f, names, extrasaction="ignore", restval="", lineterminator="\n")
            w.writeheader()
            w.writerows(joined(out, domain))
    return 0


if __name__ == "__main__":
    run = {"facts": facts, "issues": issues, "ledger": ledger, "join": join}[sys.argv[3]]
    sys.exit(1 if run(sys.argv[1], sys.argv[2], *sys.argv[4:]) else 0)
