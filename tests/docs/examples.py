#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the examples of manuals and README.md and compares what they print: examples.py FILE...

A marker line stands before a literal block (.Bd -literal or a fence) and says what the block is:
  manual     README.md
  .\\" file: NAME PATH   <!-- file: NAME PATH -->   this file of example NAME
  .\\" run: NAME         <!-- run: NAME -->         "$ command" lines, each followed by its output
  .\\" tree: NAME        <!-- tree: NAME -->        NAME sees mappings/, fixtures/ and
                                                  build/release/sdtmill of this tree
  .\\" expr: NAME=VALUE|...                        "expression  gives  value" lines, over these columns
  .\\" dates: LANGUAGE                              "format  text  gives  date" lines, two blanks between parts
  .\\" xml: PLACE        <!-- xml: PLACE -->        a piece of a mapping; PLACE is top, part, source, file,
                                                  domain, from or derive
Each example has its own empty folder. Output and messages come together, in the order in which they are
written; a line "..." stands for any lines. BLESS=1 writes what came into the files instead.
Needs SDTMILL (program) and SRC (top of the tree). A line of output that begins with ok or FAIL is one test."""
import csv
import difflib
import os
import re
import subprocess
import sys
import tempfile

SRC = os.environ['SRC']
NS = 'xmlns="urn:sdtmill:mapping:1"'
PLACES = {
    'top': '%s', 'part': f'<part {NS}>%s</part>', 'source': f'<source {NS} name="s">%s</source>',
    'file': f'<source {NS} name="s"><file path="p">%s</file></source>',
    'domain': f'<domain {NS} name="XX">%s</domain>',
    'from': f'<domain {NS} name="XX"><from source="s">%s</from></domain>',
    'derive': f'<domain {NS} name="XX"><derive>%s</derive></domain>',
}
MARK = re.compile(r'^(?:\.\\" |<!-- )(file|run|tree|xml): (\S+)(?: (\S+))?(?: -->)?$')
COLUMNS = re.compile(r'^\.\\" (expr|dates): (.*)$')


def plain(line):
    """A line of a literal block as it is shown."""
    for was, now in (('\\&', ''), ('\\(dq', '"'), ('\\(aq', "'"), ('\\-', '-'), ('\\e', '\\')):
        line = line.replace(was, now)
    return line


def source(line):
    """The opposite: output as it must stand in a manual."""
    line = line.replace('\\', '\\e')
    return '\\&' + line if line[:1] in ("'", '.') else line


class Block:
    def __init__(self, kind, name, path, first, lines):
        self.kind, self.name, self.path, self.first, self.lines = kind, name, path, first, lines


def blocks(path, text):
    """The marked blocks, and the names that see the tree."""
    manual = not path.endswith('.md')
    found, tree, mark, lines, first = [], set(), None, None, 0
    for i, line in enumerate(text):
        if lines is not None:
            if line == '.Ed' if manual else line.startswith('```'):
                found.append(Block(*mark, first, lines))
                mark = lines = None
            else:
                lines.append(plain(line) if manual else line)
            continue
        m = MARK.match(line)
        c = COLUMNS.match(line)
        if c:
            mark = (c[1], c[2], None)
        elif m and m[1] == 'tree':
            tree.add(m[2])
        elif m:
            mark = m.groups()
        elif mark and (line.startswith('.Bd -literal') if manual else line.startswith('```')):
            lines, first = [], i + 1
    if lines is not None or mark:
        raise SystemExit(f'{path}: a marked block has no end or no beginning')
    return found, tree


def transcript(lines):
    """[[command, [output line...]]...]"""
    steps = []
    for line in lines:
        if line.startswith('$ '):
            steps.append([line[2:], []])
        elif line.startswith('> ') and steps and not steps[-1][1]:
            steps[-1][0] += '\n' + line[2:]
        elif steps:
            steps[-1][1].append(line)
    return steps


def fits(want, got):
    if '...' not in want:
        return want == got
    pattern = ''.join('(?:.*\n)*?' if w == '...' else re.escape(w) + '\n' for w in want)
    return re.fullmatch(pattern, ''.join(g + '\n' for g in got)) is not None


class Runner:
    def __init__(self, top):
        self.top = top
        os.makedirs(top + '/bin')
        with open(top + '/bin/sdtmill', 'w') as f:
            f.write(f'#!/bin/sh\nexec "{os.environ["SDTMILL"]}" "$@"\n')
        os.chmod(top + '/bin/sdtmill', 0o755)
        self.env = {k: v for k, v in os.environ.items()
                    if k not in ('SOURCE_DATE_EPOCH', 'NO_COLOR', 'CLICOLOR_FORCE', 'COLUMNS')}
        self.env.update(PATH=f'{top}/bin:{os.environ["PATH"]}', SDTMILL_MAPPINGS=SRC + '/mappings',
                        LC_ALL='C.UTF-8', TZ='UTC')

    def folder(self, page, name, tree):
        path = f'{self.top}/{page}/{name}'
        if not os.path.isdir(path):
            os.makedirs(path)
            for sub in ('mappings', 'fixtures') if name in tree else ():
                os.symlink(f'{SRC}/{sub}', f'{path}/{sub}')
            if name in tree:
                os.makedirs(path + '/build/release')
                os.symlink(self.top + '/bin/sdtmill', path + '/build/release/sdtmill')
        return path

    def shell(self, where, command, last):
        """Runs one command; $? in it is `last`."""
        p = subprocess.run(['bash', '-c', f'(exit {last})\n{command}'], cwd=where, env=self.env, stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
        out = p.stdout.decode('utf-8', 'replace').split('\n')
        return p.returncode, out[:-1] if out[-1] == '' else out


def check_xml(block, page):
    """The shape of a piece of a mapping, or of a whole file."""
    text = (PLACES[block.name] if block.kind == 'xml' else '%s') % '\n'.join(block.lines)
    p = subprocess.run(['xmllint', '--noout', '--relaxng', SRC + '/mappings/schema/mapping.rng', '-'],
                       input=re.sub(r'<xi:include[^>]*/>', '', text).encode(), stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT)
    say(p.returncode == 0, f'{page}: shape of the mapping, line {block.first}', p.stdout.decode().split('\n'))


def quoted(text):
    return text.replace('&', '&amp;').replace('<', '&lt;').replace('"', '&quot;')


def expr_study(block):
    """Names and cells of the columns, their declarations, expressions, what each gives."""
    cells = dict(c.split('=', 1) for c in block.name.split('|'))
    wanted = [re.match(r'(.*?) +gives *(.*)$', x).groups() for x in block.lines]
    columns = [f'<column name="{n}"' + (' type="date"/>' if n in 'DP' else '/>') for n in cells]
    return cells, columns, [], wanted


def date_study(block):
    rows = [re.match(r'(.*?)  +(.*?)  +gives *(.*)$', x).groups() for x in block.lines]
    cells = {f'C{i}': text for i, (_, text, _) in enumerate(rows)}
    columns = [f'<column name="{n}" type="date"/>' for n in cells]
    formats = [f'<column name="C{i}" dates="{quoted(f)}" locale="{block.name}"/>' for i, (f, _, _) in enumerate(rows)]
    return cells, columns, formats, [(f'C{i}', value) for i, (_, _, value) in enumerate(rows)]


def check_values(runner, block, page):
    """A mapping that puts expression i into variable Vi, and its one row."""
    cells, columns, supplied, wanted = (expr_study if block.kind == 'expr' else date_study)(block)
    where = runner.folder(page, f'{block.kind}-{block.first}', ())
    os.makedirs(where + '/raw')
    with open(where + '/raw/r.csv', 'w', encoding='utf-8', newline='') as f:
        csv.writer(f).writerows([cells.keys(), cells.values()])
    with open(where + '/study.xml', 'w', encoding='utf-8') as f:
        f.write(f'<study {NS} oid="E" name="E" standard="SDTMIG 3.4" raw="raw">'
                + '<terminology file="sdtm-ct.xml"/><source name="s">' + ''.join(columns)
                + '<file path="r.csv">' + ''.join(supplied) + '</file></source>'
                + '<domain name="ZZ" label="z" class="Findings" structure="z" keys="V0">'
                + ''.join(f'<variable name="V{i}" label="v" type="Char"/>' for i in range(len(wanted)))
                + '<from source="s">'
                + ''.join(f'<compute var="V{i}" value="{quoted(e)}"/>' for i, (e, _) in enumerate(wanted))
                + '</from></domain></study>\n')
    _, log = runner.shell(where, 'sdtmill convert study.xml -o out --format csv --fail-on never', 0)
    try:
        with open(where + '/out/csv/zz.csv', encoding='utf-8', newline='') as f:
            header, got = list(csv.reader(f))[:2]
    except (OSError, ValueError):
        say(False, f'{page}: values, line {block.first}', log)
        return
    for i, (line, (_, value)) in enumerate(zip(block.lines, wanted)):
        now = got[header.index(f'V{i}')]
        say(now == value, f'{page}: {" ".join(line.split())}', [f'gives "{now}"'])


def say(good, what, why=()):
    print(('ok docs ' if good else 'FAIL docs ') + what)
    for line in [] if good else why:
        print('  | ' + line)


def run_block(runner, block, where, page, bless):
    good, why, now, rc = True, [], [], 0
    for command, want in transcript(block.lines):
        rc, got = runner.shell(where, command, rc)
        rc = rc if rc >= 0 else 128 - rc
        same = fits(want, got) and rc < 126
        now += ['$ ' + command.replace('\n', '\n> ')] + (want if same else got)
        if not same:
            good = False
            why += [f'$ {command}   (exit {rc})'] + list(difflib.unified_diff(want, got, lineterm='', n=1))[2:]
    if bless:
        return '\n'.join(now).split('\n')
    say(good, f'{page}: example {block.name}, line {block.first}', why)
    return None


def run_page(runner, path, bless):
    page = os.path.basename(path)
    with open(path, encoding='utf-8') as f:
        text = f.read().split('\n')
    found, tree = blocks(path, text)
    shift = 0
    for b in found:
        where = runner.folder(page, b.name, tree) if b.kind in ('file', 'run') else None
        if b.kind == 'xml':
            check_xml(b, page)
        elif b.kind in ('expr', 'dates'):
            if not bless:
                check_values(runner, b, page)
        elif b.kind == 'file':
            os.makedirs(os.path.dirname(f'{where}/{b.path}'), exist_ok=True)
            with open(f'{where}/{b.path}', 'w', encoding='utf-8') as f:
                f.write('\n'.join(b.lines) + '\n')
            if b.path.endswith('.xml') and not bless:
                check_xml(b, page)
        else:
            now = run_block(runner, b, where, page, bless)
            if now is not None:
                if not path.endswith('.md'):
                    now = [source(x) for x in now]
                text[b.first + shift:b.first + shift + len(b.lines)] = now
                shift += len(now) - len(b.lines)
    if bless:
        with open(path, 'w', encoding='utf-8') as f:
            f.write('\n'.join(text))


def main():
    bless = os.environ.get('BLESS') == '1'
    with tempfile.TemporaryDirectory() as top:
        runner = Runner(top)
        for path in sys.argv[1:]:
            run_page(runner, path, bless)


main()
