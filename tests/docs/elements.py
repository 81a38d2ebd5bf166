#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every element and attribute of the grammar is in the manual, and nothing else: elements.py mapping.rng MANUAL

The manual says `.\\" element: NAME +SET...` and lists attributes as `.It Va NAME`; a marker without a name
describes the set. Sets: dates about terms limits take. Elements of one name are looked at together."""
import re
import sys
import xml.etree.ElementTree as ET

RNG = '{http://relaxng.org/ns/structure/1.0}'
GROUPS = {'dates-attributes': 'dates', 'about': 'about', 'terms': 'terms', 'limits': 'limits', 'take': 'take'}


def grammar(path):
    """{element: attributes}, {set: attributes}"""
    root = ET.parse(path).getroot()
    defs = {}
    for d in root.iter(RNG + 'define'):
        defs.setdefault(d.get('name'), []).extend(d)

    def attributes(nodes, seen):
        """Those of the element at hand: what is in elements below does not count."""
        found = set()
        for n in nodes:
            if n.tag == RNG + 'attribute':
                found.add(n.get('name'))
            elif n.tag == RNG + 'ref' and n.get('name') not in seen:
                found |= attributes(defs[n.get('name')], seen | {n.get('name')})
            elif n.tag != RNG + 'element':
                found |= attributes(n, seen)
        return found - {'xml:base'}

    elements = {}
    for e in root.iter(RNG + 'element'):
        elements.setdefault(e.get('name'), set()).update(attributes(e, set()))
    return elements, {GROUPS[g]: attributes(defs[g], {g}) for g in GROUPS}


def manual(path):
    """{element or +set: attributes}, sets named at elements"""
    found, uses, now, fresh = {}, {}, [], False
    with open(path, encoding='utf-8') as f:
        for line in f:
            m = re.match(r'\.\\" element: (.*)', line)
            if m:
                words = m[1].split()
                names = [w for w in words if not w.startswith('+')]
                now = names or words
                for n in now:
                    found.setdefault(n, set())
                    uses.setdefault(n, set()).update(w[1:] for w in words if names and w.startswith('+'))
            elif line.startswith('.Sh ') or line.startswith('.Ss '):
                if not fresh:
                    now = []
            m2 = re.match(r'\.It Va ([a-z-]+)$', line.strip())
            if m2:
                for n in now:
                    found[n].add(m2[1])
            fresh = m is not None
    return found, uses


def main():
    bad = []
    elements, sets = grammar(sys.argv[1])
    found, uses = manual(sys.argv[2])
    for s, attrs in sets.items():
        for a in sorted(attrs ^ found.get('+' + s, set())):
            bad.append(f'attribute {a}= of the set {s} is ' + ('not in the manual' if a in attrs else 'only in the manual'))
    for e, attrs in elements.items():
        if e not in found:
            bad.append(f'element <{e}> is not in the manual')
            continue
        said = set(found[e]).union(*(sets.get(s, set()) for s in uses[e]))
        for a in sorted((attrs) ^ said):
            bad.append(f'attribute {a}= of <{e}> is ' + ('not in the manual' if a in attrs else 'only in the manual'))
    for e in found:
        if not e.startswith('+') and e not in elements:
            bad.append(f'the manual has <{e}>, which is no element')
    for b in bad:
        print('docs: ' + b)
    if len(elements) < 20 or min(len(s) for s in sets.values()) == 0:
        print('docs: the grammar was not understood')
        bad.append('')
    sys.exit(1 if bad else 0)


main()
