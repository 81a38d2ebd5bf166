#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""growth.py - CPU time a raw row of the LB job: by rows, by subjects, by mapping lines that do nothing. The least of several runs of one
thread, taken in turn. Fails if a figure is beyond what the table says is the most. Environment: SDTMILL (the program), BENCH_DIR
(work folder), BENCH_RUNS (runs, 7 unless told), BENCH_ROWS (rows, 1000000 unless told)."""
import os
import shutil
import subprocess
import sys

import bench

ROWS = int(os.environ.get('BENCH_ROWS', 1000000))
RUNS = int(os.environ.get('BENCH_RUNS', 7))
USUAL = 504  # rows of a subject
HERE = os.path.join(bench.WORK, 'growth')
RULES = '<compute var="LBTESTCD"'  # the first of them
FILE = '<file path="lb_raw.csv"/>'


def mapping():
    """The benchmark's, but its DM has what a DM must have: else each subject costs findings."""
    with open(bench.STUDY) as f:
        text = f.read()
    for old, new in (('<column name="RFSTDAT" type="date"/>', '<column name="RFSTDAT" type="date"/><column name="SEX"/>'),
                     ('<assign var="SITEID" from="SITE"/>',
                      '<assign var="SITEID" from="SITE"/><assign var="SEX" from="SEX"/><hardcode var="COUNTRY" value="DEU"/>')):
        assert text.count(old) == 1
        text = text.replace(old, new)
    return text


def put(text, at, more):
    assert text.count(at) == 1
    return text.replace(at, more)


def chain(test, n):
    """Conditions of which each is asked where the one before does not hold."""
    text = '<hardcode var="LBSPEC" value="BLOOD"/>'
    for i in range(n):
        text = '<when test="%s"><hardcode var="LBSPEC" value="X"/></when><otherwise>%s</otherwise>' % (test % i, text)
    return text


def idle(text):
    """The same mapping with lines that do nothing here: what they are, and the mapping."""
    spec = chain('', 0)
    blood = put(text, RULES, spec + RULES)
    test, two = "TEST = 'no such test %d'", "TEST = 'no such test %d' and UNIT = 'U/L'"
    supp = ''.join('<when test="%s"><supplement name="Q%d" label="%d" value="TEST"/></when>' % (test % i, i, i) for i in range(30))
    skip = FILE[:-2] + '>' + ''.join('<skip when="%s"/>' % (test % i) for i in range(20)) + '</file>'
    files = FILE + ''.join('<file path="other/%d.csv" optional="yes"/>' % i for i in range(100))
    words = ''.join('<map from="no such test %d" to="%d"/>' % (i, i) for i in range(1000))
    recode = put(text, FILE, FILE[:-2] + '><column name="TEST" recode="words"/></file>')
    return [('one that always holds', blood, None),
            ('20 conditions on a column in a chain', put(text, RULES, chain(test, 20) + RULES), blood),
            ('20 conditions on two columns in a chain', put(text, RULES, chain(two, 20) + RULES), blood),
            ('30 supplements, each with a condition', put(text, RULES, supp + RULES), text),
            ('20 <skip>', put(text, FILE, skip), text),
            ('100 <file> that match nothing', put(text, FILE, files), text),
            ('a <recode> with 1000 other words',
             put(recode, '  <source name="dm">', '  <recode name="words">%s</recode>\n  <source name="dm">' % words), text)]


def study(name, text):
    folder = os.path.join(HERE, name)
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(os.path.dirname(bench.STUDY), folder)
    path = os.path.join(folder, 'study.xml')
    with open(path, 'w') as f:
        f.write(text)
    return path


def raw(rows, each):
    """Raw folder of that many rows, so many a subject; and its rows, DM's too."""
    folder = os.path.join(HERE, 'raw_%d_%d' % (rows, each))
    if not os.path.exists(os.path.join(folder, 'done')):
        os.makedirs(folder, exist_ok=True)
        lb, dm = (os.path.join(folder, x) for x in ('lb_raw.csv', 'dm_raw.csv'))
        bench.run([os.path.join(bench.WORK, 'gen'), str(rows), lb, dm, str(each)])
        open(os.path.join(folder, 'done'), 'w').close()
    return folder, rows + -(-rows // each)


class Job:
    """A conversion; `like`: the one it is compared with, and whose LB it must give if it is `same`."""

    def __init__(self, what, path, rows, each, like=None, most=None, same=False):
        self.what, self.path, self.like, self.most, self.same = what, path, like, most, same
        self.raw, self.rows = raw(rows, each)
        self.seconds, self.peak, self.lb = 1e9, 0, None

    def run(self):
        out = os.path.join(HERE, 'out')
        argv = [bench.SDTMILL, 'convert', self.path, '--raw', self.raw, '-o', out, '--format', 'csv', '-q', '-j1', '--force']
        p = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        said = p.stderr.read()
        _, status, usage = os.wait4(p.pid, 0)
        p.returncode = os.waitstatus_to_exitcode(status)
        if p.returncode not in (0, 1):
            sys.exit('%s failed with %d: %s' % (' '.join(argv), p.returncode, said.decode()))
        self.seconds = min(self.seconds, usage.ru_utime + usage.ru_stime)
        self.peak = max(self.peak, usage.ru_maxrss / 1024)
        self.lb = self.lb or bench.digest(os.path.join(out, 'csv', 'lb.csv'))

    def times(self):
        return self.seconds / self.rows / (self.like.seconds / self.like.rows)

    def line(self):
        return '| %s | %.0f | %.0f | %s |' % (self.what, 1e9 * self.seconds / self.rows, self.peak,
                                              '%.2f | %s' % (self.times(), self.most) if self.like else ' |')


def plan():
    text = mapping()
    path = study('plain', text)
    few = Job('%d rows' % (ROWS // 10), path, ROWS // 10, USUAL)
    base = Job('%d rows' % ROWS, path, ROWS, USUAL, few, 1.2)
    jobs = [few, base]
    for each, most in ((50400, 1.3), (5040, 1.2), (24, 1.3), (12, 1.5)):
        jobs.append(Job('%d subjects' % -(-ROWS // each), path, ROWS, each, base, most))
    of = {text: base}
    for i, (what, other, like) in enumerate(idle(text)):
        job = Job(what, study('idle%d' % i, other), ROWS, USUAL, of.get(like), 1.2, like is not None)
        of[other] = job
        jobs.append(job)
    return jobs


def main():
    bench.prepare()
    os.makedirs(HERE, exist_ok=True)
    jobs = plan()
    bench.wait_quiet()
    for _ in range(RUNS):
        for job in jobs:
            job.run()
    print('| %d rows unless told | ns of CPU a row | peak MB | times | at most |\n|---|---|---|---|---|' % ROWS)
    print('\n'.join(job.line() for job in jobs))
    shutil.rmtree(os.path.join(HERE, 'out'), ignore_errors=True)
    wrong = [job.what for job in jobs if job.same and job.lb != job.like.lb]
    if wrong:
        sys.exit('another LB than without: ' + ', '.join(wrong))
    return any(job.like and job.times() > job.most for job in jobs)


if __name__ == '__main__':
    sys.exit(main())
