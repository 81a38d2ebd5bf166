#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""bench.py quick|full|huge - see README.md. Environment: SDTMILL (the program), BENCH_DIR (work folder),
BENCH_WAIT (seconds to wait for a quiet machine, 0 = do not), BENCH_RUNS (runs a tool), BENCH_TOOLS (names)."""
import hashlib
import os
import shutil
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
WORK = os.environ.get('BENCH_DIR') or os.path.join(ROOT, 'build', 'bench')
SDTMILL = os.environ.get('SDTMILL') or os.path.join(ROOT, 'build', 'release', 'sdtmill')
STUDY = os.path.join(HERE, 'mapping', 'study.xml')
CFG = os.path.join(WORK, 'cfg')
NPM = ('@duckdb/node-api', 'nodejs-polars')


def run(argv, **kw):
    return subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, **kw)


def prepare():
    os.makedirs(CFG, exist_ok=True)
    for folder, name in (('mapping', 'lbtest.csv'), ('mapping', 'visit.csv'), ('peers', 'units.csv')):
        shutil.copy(os.path.join(HERE, folder, name), CFG)
    for name in os.listdir(os.path.join(HERE, 'peers')):
        shutil.copy(os.path.join(HERE, 'peers', name), WORK)
    gen = os.path.join(WORK, 'gen')
    if not os.path.exists(gen):
        run([os.environ.get('CC', 'cc'), '-O2', '-o', gen, os.path.join(HERE, 'gen.c'), '-lm'])


def data(n):
    """The raw folder with n rows; what was generated before is used again."""
    folder = os.path.join(WORK, 'raw_%d' % n)
    lb, dm = (os.path.join(folder, x) for x in ('lb_raw.csv', 'dm_raw.csv'))
    if os.path.exists(os.path.join(folder, 'done')):
        return folder
    os.makedirs(folder, exist_ok=True)
    run([os.path.join(WORK, 'gen'), str(n), lb, dm])
    with open(os.path.join(HERE, 'MD5SUMS')) as f:
        want = dict(reversed(line.split()) for line in f)
    for kind, path in (('lb', lb), ('dm', dm)):
        h = hashlib.md5()
        with open(path, 'rb') as f:
            for block in iter(lambda: f.read(1 << 20), b''):
                h.update(block)
        if want.get('%s_%d.csv' % (kind, n), h.hexdigest()) != h.hexdigest():
            sys.exit('%s is not what the generator must give' % path)
    open(os.path.join(folder, 'done'), 'w').close()
    return folder


def peers():
    """Names of the peers that can be run here."""
    if not shutil.which('node') or not shutil.which('npm'):
        print('no node and npm here: the peers are left out')
        return []
    if not all(os.path.isdir(os.path.join(WORK, 'node_modules', x)) for x in NPM):
        got = subprocess.run(('npm', 'install', '--force', '--no-audit', '--no-fund', '--prefix', WORK) + NPM, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
        if got.returncode:
            print('npm install failed: the peers are left out')
            return []
    return ['polars', 'duckdb']


def command(tool, n, out):
    raw = data(n)
    lb, dm = os.path.join(raw, 'lb_raw.csv'), os.path.join(raw, 'dm_raw.csv')
    if tool == 'duckdb':
        return ['node', os.path.join(WORK, 'duckdb.js'), lb, dm, CFG, os.path.join(out, 'lb.csv'), 'narrow']
    if tool == 'polars':
        return ['node', os.path.join(WORK, 'polars.js'), lb, dm, CFG, os.path.join(out, 'lb.csv'), 'streaming']
    more = {'sdtmill': [], 'sdtmill -j1': ['-j1'], 'sdtmill 64M': ['--memory', '64M'], 'sdtmill 1G': ['--memory', '1G']}[tool]
    return [SDTMILL, 'convert', STUDY, '--raw', raw, '-o', os.path.join(out, 'o'), '--format', 'csv', '-q'] + more


def result(tool, out):
    return os.path.join(out, 'lb.csv' if tool in ('duckdb', 'polars') else 'o/csv/lb.csv')


def measure(tool, n, out):
    """Wall seconds, CPU seconds, peak RSS in MB of one run."""
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    argv = command(tool, n, out)
    start = time.monotonic()
    p = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(p.pid, 0)
    wall = time.monotonic() - start
    p.returncode = os.waitstatus_to_exitcode(status)
    if p.returncode not in ((0,) if tool in ('duckdb', 'polars') else (0, 1)):
        sys.exit('%s failed with %d: %s' % (tool, p.returncode, ' '.join(argv)))
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def wait_quiet():
    left = int(os.environ.get('BENCH_WAIT', '600'))
    while left > 0 and os.getloadavg()[0] > 0.3:
        time.sleep(5)
        left -= 5
    if os.getloadavg()[0] > 0.3:
        print('note: load %.1f before the runs; trust the ratios, not the times' % os.getloadavg()[0])


def table(n, tools, runs):
    """Runs the tools alternately; medians, and the table's lines."""
    got = {t: [] for t in tools}
    for path in os.listdir(data(n)):
        with open(os.path.join(data(n), path), 'rb') as f:  # into the page cache
            while f.read(1 << 20):
                pass
    for _ in range(runs):
        for t in tools:
            got[t].append(measure(t, n, os.path.join(WORK, 'out')))
    med = {t: [statistics.median(x[i] for x in got[t]) for i in range(3)] for t in tools}
    others = [med[t] for t in tools if t in ('duckdb', 'polars')]
    lines = ['| %d rows | wall s | CPU s | peak MB | best peer / wall | best peer / CPU |' % n, '|---|---|---|---|---|---|']
    for t in tools:
        ratio = ['%.1f' % (min(o[i] for o in others) / med[t][i]) if others else '-' for i in (0, 1)]
        lines.append('| %s | %.2f | %.2f | %.0f | %s | %s |' % (t, med[t][0], med[t][1], med[t][2], ratio[0], ratio[1]))
    return med, lines


def prove(tools, n):
    """All outputs equal the plain reference's."""
    raw, ref = data(n), os.path.join(WORK, 'oracle_%d.csv' % n)
    if not os.path.exists(ref):
        run(['python3', os.path.join(HERE, 'peers', 'oracle.py'), os.path.join(raw, 'lb_raw.csv'), os.path.join(raw, 'dm_raw.csv'),
             CFG, ref])
    bad = 0
    for t in tools:
        out = os.path.join(WORK, 'proof')
        measure(t, n, out)
        got = subprocess.run(['python3', os.path.join(HERE, 'equal.py'), ref, result(t, out)], stdout=subprocess.PIPE, text=True)
        print('%-12s against the reference at %d rows: %s' % (t, n, got.stdout.split(': ', 1)[1].strip()))
        bad += got.returncode != 0
    if bad:
        sys.exit('the outputs differ')


def main(argv):
    what = argv[1] if len(argv) > 1 else 'quick'
    plan = {'quick': [(1000000, 3)], 'full': [(100000, 5), (1000000, 5), (10000000, 3)], 'huge': [(100000000, 1)]}
    if what not in plan:
        sys.exit('usage: bench.py quick|full|huge')
    prepare()
    tools = ['sdtmill', 'sdtmill -j1', 'sdtmill 64M'] + peers()
    if what == 'huge':
        tools = ['sdtmill 1G'] + [t for t in tools if t == 'duckdb']
    if os.environ.get('BENCH_TOOLS'):
        tools = os.environ['BENCH_TOOLS'].split(',')
    prove(tools, 100000)
    wait_quiet()
    text, med = [], {}
    for n, runs in plan[what]:
        med, lines = table(n, tools, int(os.environ.get('BENCH_RUNS', runs)))
        text += lines + ['']
        print('\n'.join(lines))
    shutil.rmtree(os.path.join(WORK, 'out'), ignore_errors=True)
    with open(os.path.join(WORK, 'result-%s.md' % what), 'w') as f:
        f.write('\n'.join(text))
    n, first = plan[what][-1][0], tools[0]
    best = min((med[t][0], t) for t in tools if t != first and not t.startswith('sdtmill')) if len(peers()) else (0, '-')
    print('bench: %d rows in %.2f s, %.2f s CPU, %.0f MB; %.1f times as fast as %s' %
          (n, med[first][0], med[first][1], med[first][2], best[0] / med[first][0], best[1]))
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv))
