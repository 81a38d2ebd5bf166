#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""bench.py quick|full|huge - see README.md. Environment: SDTMILL (the program), BENCH_DIR (work folder), BENCH_WAIT (seconds to wait
for a quiet machine, 0 = do not), BENCH_RUNS (runs a tool), BENCH_ROWS (rows), BENCH_TOOLS (names, with commas)."""
import glob
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
WORK = os.path.abspath(os.environ.get('BENCH_DIR') or os.path.join(ROOT, 'build', 'bench'))
SDTMILL = os.path.abspath(os.environ.get('SDTMILL') or os.path.join(ROOT, 'build', 'release', 'sdtmill'))
STUDY = os.path.join(HERE, 'mapping', 'study.xml')
CFG = os.path.join(WORK, 'cfg')
CPUS = os.cpu_count() or 1
QUIET = 0.05  # part of the machine that others may use

# Every peer gets two threads, so sdtmill does too.
OWN = {'sdtmill': ['-j2'], 'sdtmill -j1': ['-j1'], 'sdtmill 64M': ['-j2', '--memory', '64M'], 'sdtmill 1G': ['-j2', '--memory', '1G']}
NPM = {'polars': ('nodejs-polars', '0.26.1', 'nodejs-polars'), 'duckdb': ('@duckdb/node-api', '1.5.6-r.1', '@duckdb/node-bindings')}
FIRST, SMALL, PEERS = ['sdtmill', 'sdtmill -j1', 'sdtmill 64M'], ['mawk+sort'], ['polars', 'duckdb']
# rows, runs, tools
PLANS = {'quick': [(1000000, 5, FIRST + PEERS)],
         'full': [(100000, 5, FIRST + SMALL + PEERS), (1000000, 5, FIRST + SMALL + PEERS), (10000000, 3, FIRST + PEERS)],
         'huge': [(100000000, 1, ['sdtmill 1G', 'duckdb']), (10000000, 3, ['sdtmill'])]}
PROOF = 100000
ROW_RAW, ROW_OUT, ROW_SPILL = 92, 138, 100  # bytes of disk a row


def run(argv, **kw):
    return subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, **kw)


def prepare():
    os.makedirs(CFG, exist_ok=True)
    for folder, name in (('mapping', 'lbtest.csv'), ('mapping', 'visit.csv'), ('peers', 'units.csv')):
        shutil.copy(os.path.join(HERE, folder, name), CFG)
    for name in os.listdir(os.path.join(HERE, 'peers')):
        shutil.copy(os.path.join(HERE, 'peers', name), WORK)
    gen, source = os.path.join(WORK, 'gen'), os.path.join(HERE, 'gen.c')
    if not os.path.exists(gen) or os.path.getmtime(gen) < os.path.getmtime(source):
        run([os.environ.get('CC', 'cc'), '-O2', '-o', gen, source, '-lm'])


def room_for(n):
    """Ends the program when the disk cannot hold the raw data, an output and what a sort spills."""
    need = n * (ROW_OUT + ROW_SPILL + (0 if os.path.exists(os.path.join(WORK, 'raw_%d' % n, 'done')) else ROW_RAW))
    free = shutil.disk_usage(WORK).free
    if free < need * 1.1:
        sys.exit('%d rows need %.0f GB in %s, and %.0f GB are free' % (n, need * 1.1e-9, WORK, free * 1e-9))


def digest(path, how=hashlib.md5):
    h = how()
    with open(path, 'rb') as f:
        for block in iter(lambda: f.read(1 << 20), b''):
            h.update(block)
    return h.hexdigest()


def data(n):
    """The raw folder with n rows; what was generated before is used again."""
    folder = os.path.join(WORK, 'raw_%d' % n)
    lb, dm = (os.path.join(folder, x) for x in ('lb_raw.csv', 'dm_raw.csv'))
    if os.path.exists(os.path.join(folder, 'done')):
        return folder
    room_for(n)
    os.makedirs(folder, exist_ok=True)
    run([os.path.join(WORK, 'gen'), str(n), lb, dm])
    with open(os.path.join(HERE, 'MD5SUMS')) as f:
        want = dict(reversed(line.split()) for line in f)
    for kind, path in (('lb', lb), ('dm', dm)):
        name = '%s_%d.csv' % (kind, n)
        if name in want and want[name] != digest(path):
            sys.exit('%s is not what the generator must give' % path)
    open(os.path.join(folder, 'done'), 'w').close()
    return folder


# ---- peers -------------------------------------------------------------------------------------------------------------------------
def npm_install(*packages):
    """None, or what went wrong."""
    got = subprocess.run(('npm', 'install', '--include=optional', '--no-audit', '--no-fund', '--prefix', WORK) + packages,
                         stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    said = [x for x in got.stderr.splitlines() if 'warn' not in x] or ['it says nothing']
    return ' '.join(said[:2]) if got.returncode else None


def npm_loads(package):
    """None if node can load the package, native part and all; or what it says."""
    got = subprocess.run(('node', '-e', 'require(%s)' % json.dumps(package)), cwd=WORK, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                         text=True)
    said = [x for x in got.stderr.splitlines() if 'Error' in x] or ['node ended with %d' % got.returncode]
    return said[0].strip() if got.returncode else None


def native_parts(package):
    """The packages that hold this system's native part: optional dependencies, which npm leaves out at times."""
    ask = 'const p = process, r = p.report && p.report.getReport().header; console.log(p.platform + "-" + p.arch + " " + ' \
          '(r && r.glibcVersionRuntime ? "gnu" : "musl"))'
    system, libc = subprocess.run(('node', '-e', ask), stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    tails = ('-' + system, '-%s-%s' % (system, libc))
    try:
        with open(os.path.join(WORK, 'node_modules', package, 'package.json')) as f:
            optional = json.load(f).get('optionalDependencies', {})
    except OSError:
        return []
    return ['%s@%s' % x for x in optional.items() if x[0].endswith(tails)]


def npm_peer(name):
    """None if this peer can run here, or why not."""
    package, version, native = NPM[name]
    if not shutil.which('node') or not shutil.which('npm'):
        return 'no node and npm here'
    try:
        with open(os.path.join(WORK, 'node_modules', package, 'package.json')) as f:
            there = json.load(f)['version'] == version
    except OSError:
        there = False
    if not there:
        bad = npm_install('%s@%s' % (package, version))
        if bad:
            return 'npm install %s@%s: %s' % (package, version, bad)
    bad = npm_loads(package)
    parts = native_parts(native) if bad else []
    if parts:
        bad = npm_install(*parts) or npm_loads(package)
    return bad


def usable(tools):
    """Those tools that can run here; says of the others why not."""
    good = []
    for t in tools:
        why = None
        if t in NPM:
            why = npm_peer(t)
        elif t in SMALL and not shutil.which('mawk'):
            why = 'no mawk here'
        if why:
            print('%s is left out: %s' % (t, why))
        else:
            good.append(t)
    return good


# ---- runs --------------------------------------------------------------------------------------------------------------------------
def command(tool, n, out):
    raw, to = data(n), os.path.join(out, 'lb.csv')
    four = [os.path.join(raw, 'lb_raw.csv'), os.path.join(raw, 'dm_raw.csv'), CFG, to]
    if tool == 'duckdb':
        return ['node', os.path.join(WORK, 'duckdb.js')] + four + ['narrow']
    if tool == 'polars':
        return ['node', os.path.join(WORK, 'polars.js')] + four + ['streaming']
    if tool == 'mawk+sort':
        return [os.path.join(WORK, 'mawk_sort.sh')] + four
    return [SDTMILL, 'convert', STUDY, '--raw', raw, '-o', os.path.join(out, 'o'), '--format', 'csv', '-q'] + OWN[tool]


def result(tool, out):
    return os.path.join(out, 'o/csv/lb.csv' if tool in OWN else 'lb.csv')


def cpu_used():
    """CPU seconds all processes of this machine have used."""
    with open('/proc/stat') as f:
        field = [int(x) for x in f.readline().split()[1:]]
    return (sum(field[:3]) + sum(field[5:8])) / os.sysconf('SC_CLK_TCK')


def measure(tool, n, out):
    """Wall seconds, CPU seconds of all threads and children, peak RSS of the largest process in MB, part of the machine others used."""
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    os.sync()  # nobody runs while what another has written goes to the disk
    argv = command(tool, n, out)
    before, start = cpu_used(), time.monotonic()
    p = subprocess.Popen(argv, cwd=out, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # DuckDB spills to .tmp
    _, status, usage = os.wait4(p.pid, 0)
    wall = time.monotonic() - start
    p.returncode = os.waitstatus_to_exitcode(status)
    if p.returncode not in ((0, 1) if tool in OWN else (0,)):
        sys.exit('%s failed with %d: %s' % (tool, p.returncode, ' '.join(argv)))
    cpu = usage.ru_utime + usage.ru_stime
    return wall, cpu, usage.ru_maxrss / 1024, max(0, cpu_used() - before - cpu) / (wall * CPUS)


def wait_quiet():
    """Until others have left the machine alone for ten seconds."""
    end, calm, part = time.monotonic() + int(os.environ.get('BENCH_WAIT', '600')), 0, 1
    while time.monotonic() < end and calm < 5:
        before = cpu_used()
        time.sleep(2)
        part = (cpu_used() - before) / (2 * CPUS)
        calm = calm + 1 if part < QUIET else 0
    if calm < 5:
        print('note: the machine is not quiet; trust the ratios, not the times')


def table(n, tools, runs):
    """Runs the tools alternately; medians of wall, CPU and memory, and the table's lines."""
    got, own = {t: [] for t in tools}, {}
    for path in glob.glob(os.path.join(data(n), '*.csv')):
        with open(path, 'rb') as f:  # into the page cache
            while f.read(1 << 20):
                pass
    wait_quiet()
    for _ in range(runs):
        for t in tools:
            out = os.path.join(WORK, 'out')
            got[t].append(measure(t, n, out))
            if t in OWN and t not in own:
                own[t] = digest(result(t, out))
    if len(set(own.values())) > 1:
        sys.exit('outputs differ by threads or memory: %s' % own)
    med = {t: [statistics.median(x[i] for x in got[t]) for i in range(3)] for t in tools}
    others = max(x[3] for t in tools for x in got[t])
    lines = ['| %d rows | wall s | CPU s | peak MB | best peer / wall | best peer / CPU | best peer / MB |' % n, '|---' * 7 + '|']
    peers = [med[t] for t in tools if t not in OWN]
    for t in tools:
        ratio = ['%.1f' % (min(p[i] for p in peers) / med[t][i]) if peers else '-' for i in range(3)]
        lines.append('| %s | %.2f | %.2f | %.0f | %s |' % (t, med[t][0], med[t][1], med[t][2], ' | '.join(ratio)))
    lines += ['', 'Medians of %d runs each, taken in turn; others used at most %.0f %% of %d CPUs during a run.' % (runs, others * 100, CPUS)]
    return med, lines


def prove(tools, n):
    """All outputs equal the plain reference's."""
    raw, ref = data(n), os.path.join(WORK, 'oracle_%d.csv' % n)
    if not os.path.exists(ref):
        run(['python3', os.path.join(HERE, 'peers', 'oracle.py'), os.path.join(raw, 'lb_raw.csv'), os.path.join(raw, 'dm_raw.csv'),
             CFG, ref + '.new'])
        os.rename(ref + '.new', ref)
    bad = 0
    for t in tools:
        out = os.path.join(WORK, 'proof')
        measure(t, n, out)
        got = subprocess.run(['python3', os.path.join(HERE, 'equal.py'), ref, result(t, out)], stdout=subprocess.PIPE, text=True)
        print('%-12s against the reference at %d rows: %s' % (t, n, got.stdout.split(': ', 1)[1].strip()))
        bad += got.returncode != 0
    shutil.rmtree(os.path.join(WORK, 'proof'), ignore_errors=True)
    if bad:
        sys.exit('the outputs differ')


# ---- what the figures say ----------------------------------------------------------------------------------------------------------
def scaling(med):
    """Lines on CPU time by size, and on threads."""
    lines, sizes = [], sorted(med)
    if len(sizes) > 1 and 'sdtmill' in med[sizes[0]] and 'sdtmill 1G' in med[sizes[-1]]:
        lines.append('With 1G, %d rows take %.1f times the CPU time of %d rows.' % (
            sizes[-1], med[sizes[-1]]['sdtmill 1G'][1] / med[sizes[0]]['sdtmill'][1], sizes[0]))
    per_row = ['%.0f ns at %d rows' % (1e9 * med[n][t][1] / n, n) for n in sizes for t in list(OWN)[:1] if t in med[n]]
    if len(per_row) > 1:
        lines.append('CPU time of sdtmill for each row: %s.' % ', '.join(per_row))
    speed = ['%.2f at %d rows' % (med[n]['sdtmill -j1'][0] / med[n]['sdtmill'][0], n) for n in sizes
             if 'sdtmill' in med[n] and 'sdtmill -j1' in med[n]]
    if speed:
        lines.append('Two threads are as many times as fast as one: %s.' % ', '.join(speed))
    return lines


def summary(n, med):
    """The last line."""
    first = next(t for t in med if t in OWN) if any(t in OWN for t in med) else next(iter(med))
    mine = med[first]
    text = 'bench: %d rows in %.2f s, %.2f s CPU, %.0f MB' % (n, mine[0], mine[1], mine[2])
    peers = {t: m for t, m in med.items() if t not in OWN}
    if not peers:
        return text + '; no peer beside it'
    fast, thrifty = (min(peers, key=lambda t: peers[t][i]) for i in (0, 1))
    return text + '; %.1f times as fast as %s, %.1f times less CPU than %s' % (
        peers[fast][0] / mine[0], fast, peers[thrifty][1] / mine[1], thrifty)


def main(argv):
    what = argv[1] if len(argv) > 1 else 'quick'
    if what not in PLANS:
        sys.exit('usage: bench.py quick|full|huge')
    plan, only, rows = PLANS[what], os.environ.get('BENCH_TOOLS'), os.environ.get('BENCH_ROWS')
    if rows:
        plan = [(int(rows),) + plan[0][1:]]
    if only:
        plan = [(n, runs, only.split(',')) for n, runs, _ in plan]
    unknown = {t for _, _, tools in plan for t in tools} - set(OWN) - set(NPM) - set(SMALL)
    if unknown:
        sys.exit('no such tool: %s' % ', '.join(sorted(unknown)))
    prepare()
    for n, _, _ in plan:
        room_for(n)
    good = usable(list(dict.fromkeys(t for _, _, tools in plan for t in tools)))
    prove(good, PROOF)
    text, med = [], {}
    for n, runs, tools in plan:
        tools = [t for t in tools if t in good]
        med[n], lines = table(n, tools, int(os.environ.get('BENCH_RUNS', runs)))
        text += lines + ['']
        print('\n'.join(lines), flush=True)
    text += scaling(med)
    print('\n'.join(scaling(med)))
    shutil.rmtree(os.path.join(WORK, 'out'), ignore_errors=True)
    with open(os.path.join(WORK, 'result-%s.md' % what), 'w') as f:
        f.write('\n'.join(text) + '\n')
    print(summary(max(med), med[max(med)]))
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv))
