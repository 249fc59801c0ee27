#!/usr/bin/env python3
"""run.py - `penstock run` with its real processes, some of which are killed; and jobs that don't end by themselves.

  run.py [--bin DIR] [CASE...]

Waits for conditions, each for at most LIMIT_S; a hang is a failure. Exit status 1 if a case failed."""
import argparse, gzip, json, os, signal, subprocess, sys, tempfile, threading, time

LIMIT_S = 60

FLOW = """
CREATE TABLE g (id INT, v INT) WITH ('connector' = 'datagen', 'rows-per-second' = '5000', 'fields.id.min' = '0', 'fields.id.max' = '99');
CREATE TABLE o (id INT, n BIGINT) WITH ('connector' = 'print');
INSERT INTO o SELECT id, COUNT(*) FROM g GROUP BY id;
"""


ENDLESS = """
CREATE TABLE g (id INT) WITH ('connector' = 'datagen', 'rows-per-second' = '5000');
SELECT id FROM g;
"""


class Failure(Exception):
    pass


def wait_for(what, condition):
    end = time.monotonic() + LIMIT_S
    while not condition():
        if time.monotonic() > end:
            raise Failure("waited %d s for %s" % (LIMIT_S, what))
        time.sleep(0.01)


def alive(pid):
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


class Run:
    """A `penstock run` whose output is read as it comes. sql: its standard input; None: the options name a file."""

    def __init__(self, args, sql, *options):
        cmd = [os.path.join(args.bin, "penstock"), "run", "--progress", "never"] + ([] if sql is None else ["-"]) + list(options)
        self.p = subprocess.Popen(cmd, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.out, self.err = [], []
        self.readers = [threading.Thread(target=self.read, args=x, daemon=True) for x in ((self.p.stdout, self.out), (self.p.stderr, self.err))]
        for r in self.readers:
            r.start()
        self.p.stdin.write((sql or "").encode())
        self.p.stdin.close()

    def read(self, stream, lines):
        for line in stream:
            lines.append(line.decode("utf-8", "replace").rstrip("\n"))

    def wait_line(self, text, lines=None):
        lines = self.out if lines is None else lines
        wait_for("'%s'; there is: %s, %s" % (text, self.out[-20:], self.err[-20:]),
                 lambda: any(text in l for l in list(lines)) or self.p.poll() is not None)
        if not any(text in l for l in lines):
            raise Failure("ended without '%s': %s, %s" % (text, self.out[-20:], self.err[-20:]))

    def children(self):
        """{"coordinator": pid, "w0": pid...}"""
        found = {}
        with open("/proc/%d/task/%d/children" % (self.p.pid, self.p.pid)) as f:
            for pid in map(int, f.read().split()):
                with open("/proc/%d/cmdline" % pid) as c:
                    argv = c.read().split("\0")
                found[argv[argv.index("--id") + 1] if "--id" in argv else "coordinator"] = pid
        return found

    def end(self, status):
        try:
            got = self.p.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            raise Failure("penstock run is still there after %d s: %s" % (LIMIT_S, self.err[-20:]))
        for r in self.readers:
            r.join(LIMIT_S)
        if got != status:
            raise Failure("exit status %d, expected %d: %s" % (got, status, self.err[-20:]))

    def said(self, *texts):
        all_ = "\n".join(self.err)
        for t in texts:
            if t not in all_:
                raise Failure("nothing is said of '%s': %s" % (t, all_))

    def kill(self):
        if self.p.poll() is None:
            self.p.kill()
            self.p.wait()


def none_left(children):
    wait_for("the end of %s" % children, lambda: not any(alive(p) for p in children.values()))


def worker_killed(args, start):
    r = start(FLOW, "-p", "4", "-w", "2")
    r.wait_line("+U[")
    c = r.children()
    assert set(c) == {"coordinator", "w0", "w1"}, c
    os.kill(c["w1"], signal.SIGKILL)
    r.end(1)
    r.said("worker w1 (pid %d" % c["w1"], "is lost", "worker w1 was ended by signal 9")
    none_left(c)


def only_worker_killed(args, start):
    r = start(FLOW, "-p", "2")
    r.wait_line("+U[")
    c = r.children()
    os.kill(c["w0"], signal.SIGKILL)
    r.end(1)
    r.said("worker w0 (pid %d" % c["w0"], "is lost")
    none_left(c)


def coordinator_killed(args, start):
    r = start(FLOW, "-p", "4", "-w", "2")
    r.wait_line("+U[")
    c = r.children()
    os.kill(c["coordinator"], signal.SIGKILL)
    r.end(1)
    r.said("the coordinator has gone")
    none_left(c)


def client_killed(args, start):
    r = start(FLOW, "-p", "4", "-w", "2")
    r.wait_line("+U[")
    c = r.children()
    os.kill(r.p.pid, signal.SIGKILL)
    r.end(-signal.SIGKILL)
    none_left(c)


def interrupted(args, start):
    r = start(FLOW, "-p", "4", "-w", "2")
    r.wait_line("+U[")
    c = r.children()
    os.kill(r.p.pid, signal.SIGINT)
    r.end(130)
    none_left(c)


SYNC = "SET 'table.dml-sync' = '%s';" + FLOW + "INSERT INTO o VALUES (-7, 7);\n"


def dml_async(args, start):
    r = start(SYNC % "false")
    r.wait_line("+I[-7, 7]")
    r.wait_line("+U[")
    os.kill(r.p.pid, signal.SIGINT)
    r.end(130)


def dml_sync(args, start):
    r = start(SYNC % "true")
    wait_for("3000 lines", lambda: len(r.out) > 3000)
    os.kill(r.p.pid, signal.SIGINT)
    r.end(130)
    if "+I[-7, 7]" in r.out:
        raise Failure("the second INSERT ran while the first was running")


def add_file(dir, name, *rows):
    """All at once: a file is read when it is seen, as long as it is then."""
    with open(os.path.join(dir, "." + name), "w") as f:
        f.write("".join(r + "\n" for r in rows))
    os.rename(os.path.join(dir, "." + name), os.path.join(dir, name))


WATCHED = """
CREATE TABLE t (a INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'filesystem', 'path' = '%s', 'format' = 'json',
    'source.monitor-interval' = '20 ms');
CREATE TABLE o (s TIMESTAMP(3), n BIGINT, sum_a INT) WITH ('connector' = 'print');
INSERT INTO o SELECT window_start, COUNT(*), SUM(a) FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '10' SECOND))
    GROUP BY window_start, window_end;
"""


def row(a, second):
    return '{"a": %d, "ts": "2024-01-01 10:00:%02d"}' % (a, second)


def watched(args, start, parallelism):
    with tempfile.TemporaryDirectory() as tmp:
        dir = os.path.join(tmp, "in")
        os.mkdir(dir)
        add_file(dir, "a.jsonl", row(1, 1), row(2, 2))
        add_file(dir, "b.jsonl", row(3, 15))
        r = start(WATCHED % dir, "-p", str(parallelism))
        r.wait_line("+I[2024-01-01T10:00, 2, 3]")
        add_file(dir, "c.jsonl", row(4, 16), row(5, 27))
        r.wait_line("+I[2024-01-01T10:00:10, 2, 7]")
        os.rename(dir, dir + ".gone")  # a listing that fails is told, and tried again
        r.wait_line("the listing fails", r.err)
        os.rename(dir + ".gone", dir)
        add_file(dir, "d.jsonl", row(6, 31))
        r.wait_line("+I[2024-01-01T10:00:20, 1, 5]")
        os.kill(r.p.pid, signal.SIGINT)
        r.end(130)
        if len(r.out) != 3:
            raise Failure("more than three windows: %s" % r.out)


def watched_directory(args, start):
    watched(args, start, 1)


def watched_directory_by_three(args, start):
    watched(args, start, 3)


def watched_file_is_broken(args, start):
    with tempfile.TemporaryDirectory() as dir:
        add_file(dir, "a.jsonl", row(1, 1), row(1, 11))
        r = start(WATCHED % dir, "-p", "2")
        r.wait_line("+I[2024-01-01T10:00, 1, 1]")
        cut = gzip.compress((row(2, 12) + "\n").encode() * 1000)[:-20]
        with open(os.path.join(dir, ".c"), "wb") as f:
            f.write(cut)
        os.rename(os.path.join(dir, ".c"), os.path.join(dir, "c.jsonl.gz"))
        r.end(1)
        r.said(os.path.join(dir, "c.jsonl.gz"), "cut off", "table 't'")


def watched_directory_is_missing(args, start):
    with tempfile.TemporaryDirectory() as dir:
        r = start(WATCHED % os.path.join(dir, "none"))
        r.end(1)
        r.said(os.path.join(dir, "none"), "No such file or directory")


def output_is_full(args, start):
    """Results that can't be written: the job is cancelled, and the run says so and has failed."""
    for sql in ["SELECT 1", "CREATE TABLE o (i INT) WITH ('connector' = 'print'); INSERT INTO o VALUES (1)", ENDLESS]:
        for options in [], ["--output", "json"]:
            with open("/dev/full", "w") as full:
                try:
                    p = subprocess.run([os.path.join(args.bin, "penstock"), "run", "--execute", sql] + options, stdout=full,
                                       stderr=subprocess.PIPE, text=True, timeout=LIMIT_S)
                except subprocess.TimeoutExpired:
                    raise Failure("doesn't end: %s" % sql)
            if p.returncode != 1 or "write to standard output: No space left on device" not in p.stderr:
                raise Failure("exit status %d: %s: %s" % (p.returncode, sql, p.stderr))


def reader_goes(args, start):
    p = subprocess.Popen([os.path.join(args.bin, "penstock"), "run", "--execute", ENDLESS], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    p.stdout.readline()
    p.stdout.close()
    try:
        status = p.wait(LIMIT_S)
    except subprocess.TimeoutExpired:
        p.kill()
        raise Failure("runs on with nobody to read it")
    said = p.stderr.read().decode()
    if status != 1 or "write to standard output: Broken pipe" not in said:
        raise Failure("exit status %d: %s" % (status, said))


def long_rows(args, start):
    """Longer than the default of a frame or a queue: shown as far as possible, refused beyond."""
    one = "CREATE TABLE g (n INT) WITH ('connector' = 'datagen', 'number-of-rows' = '1', 'fields.n.min' = '%d', 'fields.n.max' = '%d');"

    def begin(sql, n, *options):
        return start(one % (n, n) + sql, *options)

    r = begin("CREATE TABLE o (s STRING) WITH ('connector' = 'print'); INSERT INTO o SELECT REPEAT('\u00e4', n) FROM g", 10000000)
    r.end(0)
    if ["+I[" + "\u00e4" * 10000000 + "]"] != r.out:
        raise Failure("a long line of print is not the one that was printed: %d lines" % len(r.out))
    r = begin("SELECT REPEAT('x', n) FROM g", 10000000, "--output", "json")
    r.end(0)
    if not any("x" * 10000000 in l for l in r.out):
        raise Failure("a long row is not the one that was made")
    r = begin("SELECT REPEAT('x', n) FROM g", 13000000)
    r.end(1)
    r.said("a row of the result has 130000")


def progress_is_shown(args, start):
    """While a job runs, which may be short: with its watermark, if there is one."""
    for column, watermark in (", WATERMARK FOR t AS t", "watermark 20"), ("", None):
        r = start("""CREATE TABLE g (n INT, t AS LOCALTIMESTAMP %s) WITH ('connector' = 'datagen', 'rows-per-second' = '100');
                     CREATE TABLE o (n INT) WITH ('connector' = 'blackhole');
                     INSERT INTO o SELECT n FROM g;""" % column, "--progress", "always")
        r.wait_line(watermark or " records in ", r.err)
        os.kill(r.p.pid, signal.SIGINT)
        r.end(130)
        if any("1970" in l or (not watermark and "watermark" in l) for l in r.err):
            raise Failure("a watermark that isn't: %s" % r.err)
    r = start("""CREATE TABLE g (n INT) WITH ('connector' = 'datagen', 'rows-per-second' = '100', 'number-of-rows' = '40');
                 CREATE TABLE o (n INT) WITH ('connector' = 'blackhole');
                 INSERT INTO o SELECT n FROM g;""", "--progress", "always")
    r.end(0)
    r.said(" records in ", "[")


def slow_reader_is_named(args, start):
    """Nobody reads the output: the sink waits for the outside, and is named as what holds the source up."""
    r = start("""SET 'pipeline.name' = 'slow-reader-%d';
                 CREATE TABLE g (id INT) WITH ('connector' = 'datagen', 'rows-per-second' = '200000');
                 CREATE TABLE o (id INT) WITH ('connector' = 'print');
                 INSERT INTO o SELECT id FROM g;""" % os.getpid(),
              "-p", "2", "--set", "pipeline.operator-chaining.enabled=false")
    r.wait_line("+I[")
    children = r.children()

    def ask(*command):
        p = subprocess.run([os.path.join(args.bin, "penstock")] + list(command), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if p.returncode:
            raise Failure("%s: %s" % (command, p.stderr.decode()))
        return p.stdout.decode()

    name = "slow-reader-%d" % os.getpid()
    r.p.send_signal(signal.SIGSTOP)
    seen = {}

    def named():
        seen.update(json.loads(ask("top", name, "--output", "json")))
        edges = seen["edges"]
        return seen["causes"] and seen["causes"][0]["reason"] == "outside" and edges[0]["blocked"] >= 0.95

    wait_for("the cause of the backpressure", named)
    cause, source, edge = seen["causes"][0], seen["vertices"][0], seen["edges"][0]
    if cause["vertex"] != seen["vertices"][-1]["uid"] or cause["victim"] != source["uid"]:
        raise Failure("%s is blamed: %s" % (cause["vertex"], seen))
    if source["backpressured"] < 0.95 or cause["share"] < 0.95:
        raise Failure("shares of a job that stands still: %s" % seen)
    if edge["episodes"] != sum(edge["episodeLengths"]) or edge["blockedMs"] <= 0:
        raise Failure("episodes: %s" % edge)
    if "is busy" in ask("top", name) or "waits" not in ask("top", name):
        raise Failure("top: %s" % ask("top", name))
    if "net=debug for" not in (ask("log-level", name, "net=debug") + ask("log-level", name)):
        raise Failure("log levels: %s" % ask("log-level", name))
    r.p.send_signal(signal.SIGCONT)
    os.kill(r.p.pid, signal.SIGINT)
    r.end(130)
    none_left(children)


def manifest_for_a_cluster(args, start):
    """What only a cluster can do is refused where a job is run here, and fine where it is only checked."""
    head = "apiVersion: penstock.dev/v1\nkind: FlinkJob\nmetadata: {name: j}\nspec:\n"
    sql = "  sql: CREATE TABLE a (i INT) WITH ('connector' = 'blackhole'); INSERT INTO a VALUES (1);\n"
    store = "  fileSystems: [{prefix: 's3:', type: s3, endpoint: 'http://127.0.0.1:1', secret: {name: keys}}]\n"
    with tempfile.TemporaryDirectory() as dir:
        path = os.path.join(dir, "job.yaml")
        for more, want in ("", ""), ("  job: {state: preview}\n", "penstock plan"), (store, "secret.name is a Secret"):
            with open(path, "w") as f:
                f.write(head + more + sql)
            for command, status in ("run", 2 if want else 0), ("validate", 0):
                p = subprocess.run([os.path.join(args.bin, "penstock"), command, path], stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True, timeout=LIMIT_S)
                if p.returncode != status or (status and want not in p.stdout):
                    raise Failure("%s: exit status %d: %s" % (command, p.returncode, p.stdout))


# ---- checkpoints: whatever dies, the output is that of a run in which nothing does ----

CRASH_ROWS = 12000
CRASH_NAME = "crash-%d" % os.getpid()
CRASH = """apiVersion: penstock.dev/v1
kind: FlinkJob
metadata: {name: %(name)s}
spec:
  parallelism: %(parallelism)d
  config:
    execution.checkpointing.interval: 100 ms
    execution.checkpointing.dir: %(dir)s/checkpoints
  sql: |
    CREATE TABLE g (id BIGINT, ts AS TO_TIMESTAMP_LTZ(id, 3), WATERMARK FOR ts AS ts - INTERVAL '2' SECOND)
      WITH ('connector' = 'datagen', 'rows-per-second' = '4000', 'number-of-rows' = '%(rows)d',
            'fields.id.kind' = 'sequence', 'fields.id.start' = '0', 'fields.id.end' = '%(last)d');
    CREATE TABLE w (s TIMESTAMP(3), k BIGINT, n BIGINT, total BIGINT)
      WITH ('connector' = 'filesystem', 'path' = '%(dir)s/w', 'format' = 'csv');
    CREATE TABLE o (id BIGINT) WITH ('connector' = 'filesystem', 'path' = '%(dir)s/o', 'format' = 'csv');
    INSERT INTO w SELECT window_start, id %% 7, COUNT(*), SUM(id)
      FROM TABLE(TUMBLE(TABLE g, DESCRIPTOR(ts), INTERVAL '1' SECOND)) GROUP BY window_start, window_end, id %% 7;
    INSERT INTO o SELECT id FROM g WHERE id %% 2 = 0;
"""


def crash_job(tmp, parallelism=2):
    path = os.path.join(tmp, "job.yaml")
    with open(path, "w") as f:
        f.write(CRASH % {"dir": tmp, "name": CRASH_NAME, "parallelism": parallelism, "rows": CRASH_ROWS, "last": CRASH_ROWS - 1})
    return path


def visible_rows(dir):
    rows = []
    for name in os.listdir(dir):
        if not name.startswith((".", "_")):
            with open(os.path.join(dir, name)) as f:
                rows += f.read().splitlines()
    return rows


def check_crash_output(tmp):
    rows = sorted(map(int, visible_rows(os.path.join(tmp, "o"))))
    if rows != list(range(0, CRASH_ROWS, 2)):
        have = set(rows)
        raise Failure("o: %d rows, %d twice, missing: %s" % (len(rows), len(rows) - len(have),
                                                           [i for i in range(0, CRASH_ROWS, 2) if i not in have][:10]))
    want = []
    for s in range(0, CRASH_ROWS, 1000):
        for k in range(7):
            ids = [i for i in range(s, min(s + 1000, CRASH_ROWS)) if i % 7 == k]
            want.append('"1970-01-01 00:00:%02d",%d,%d,%d' % (s // 1000, k, len(ids), sum(ids)))
    got = visible_rows(os.path.join(tmp, "w"))
    if sorted(got) != sorted(want):
        raise Failure("w: %d rows of %d; %s" % (len(got), len(want), sorted(set(got) ^ set(want))[:10]))
    left = [n for d in ("o", "w") for n in os.listdir(os.path.join(tmp, d)) if n.startswith(".")]
    if left:
        raise Failure("left over: %s" % left[:10])
    state = os.path.join(tmp, "checkpoints", CRASH_NAME, "state")
    if os.path.isdir(state) and os.listdir(state):
        raise Failure("state left over: %s" % os.listdir(state))


def committed(tmp):
    """A checkpoint's output is visible."""
    dir = os.path.join(tmp, "o")
    return os.path.isdir(dir) and any(not n.startswith(".") for n in os.listdir(dir))


def crash(args, start, options, victim):
    with tempfile.TemporaryDirectory() as tmp:
        r = start(None, crash_job(tmp), *options)
        wait_for("output of a checkpoint", lambda: committed(tmp) or r.p.poll() is not None)
        c = r.children()
        os.kill(c[victim], signal.SIGKILL)
        r.end(0)
        check_crash_output(tmp)
        none_left(c)
        return r


def nothing_dies(args, start):
    with tempfile.TemporaryDirectory() as tmp:
        r = start(None, crash_job(tmp), "-w", "2")
        r.end(0)
        check_crash_output(tmp)


def worker_killed_nothing_lost(args, start):
    r = crash(args, start, ["-w", "2"], "w1")
    r.said("restarting from the last checkpoint", "worker w1 was ended by signal 9")


def only_worker_killed_nothing_lost(args, start):
    crash(args, start, [], "w0")


def coordinator_killed_nothing_lost(args, start):
    r = crash(args, start, ["-w", "2"], "coordinator")
    r.said("the coordinator was ended by signal 9")


def run_killed_and_run_again(args, start):
    """The whole run is gone; the next goes on from its last checkpoint, at another parallelism."""
    with tempfile.TemporaryDirectory() as tmp:
        r = start(None, crash_job(tmp), "-w", "2")
        wait_for("output of a checkpoint", lambda: committed(tmp) or r.p.poll() is not None)
        c = r.children()
        os.kill(r.p.pid, signal.SIGKILL)
        r.end(-signal.SIGKILL)
        none_left(c)
        r = start(None, crash_job(tmp, 3))
        r.end(0)
        check_crash_output(tmp)


def penstock(args, *words):
    p = subprocess.run([os.path.join(args.bin, "penstock")] + list(words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=LIMIT_S)
    return p.returncode, p.stdout, p.stderr


def savepoint_elsewhere(args, start):
    """A savepoint is copied, looked at, and started from after its job is gone; what is damaged is found."""
    with tempfile.TemporaryDirectory() as tmp:
        save = os.path.join(tmp, "save")
        r = start(None, crash_job(tmp), "-w", "2")
        wait_for("output of a checkpoint", lambda: committed(tmp) or r.p.poll() is not None)
        status, _, said = penstock(args, "savepoint", CRASH_NAME, save)
        if status:
            raise Failure("penstock savepoint: %s" % said)
        r.kill()
        for what, want in [("ls", "savepoint"), ("show", "GlobalWindowAggregate"), ("verify", "sound"), ("export", '"kind":"put"')]:
            status, out, said = penstock(args, "state", what, save)
            if status or want not in out:
                raise Failure("penstock state %s: %d: %s%s" % (what, status, out, said))
        # All that the first run made visible after the savepoint would be there twice: begin with none of it.
        with tempfile.TemporaryDirectory() as again:
            job = crash_job(again)
            r = start(None, job, "--from-checkpoint", save, "--allow-non-restored-state", "-p", "3")
            r.end(0)
            ids = sorted(map(int, visible_rows(os.path.join(again, "o"))))
            if not ids or len(set(ids)) != len(ids) or ids[-1] != CRASH_ROWS - 2 or len(ids) >= CRASH_ROWS // 2:
                raise Failure("from the savepoint: %d rows" % len(ids))
        victim = os.path.join(save, "state", sorted(os.listdir(os.path.join(save, "state")))[0])
        with open(victim, "r+b") as f:
            f.seek(30)
            byte = f.read(1)
            f.seek(30)
            f.write(bytes([byte[0] ^ 1]))
        status, out, said = penstock(args, "state", "verify", save)
        if status != 1 or "checksum" not in out:
            raise Failure("a damaged file isn't found: %d: %s%s" % (status, out, said))


def stopped_and_run_again(args, start):
    with tempfile.TemporaryDirectory() as tmp:
        r = start(None, crash_job(tmp, 3), "-w", "2")
        wait_for("output of a checkpoint", lambda: committed(tmp) or r.p.poll() is not None)
        stop = subprocess.run([os.path.join(args.bin, "penstock"), "stop", CRASH_NAME], stderr=subprocess.PIPE, text=True, timeout=LIMIT_S)
        if stop.returncode:
            raise Failure("penstock stop: %s" % stop.stderr)
        r.end(0)
        r.said("stopped with checkpoint")
        # The first checkpoint of the new run is the one that ends it.
        r = start(None, crash_job(tmp, 2), "--set", "execution.checkpointing.interval=1 h")
        r.end(0)
        check_crash_output(tmp)


CASES = [manifest_for_a_cluster, nothing_dies, worker_killed_nothing_lost, only_worker_killed_nothing_lost, coordinator_killed_nothing_lost,
         run_killed_and_run_again, stopped_and_run_again,
         savepoint_elsewhere,
         slow_reader_is_named, progress_is_shown, worker_killed, only_worker_killed, coordinator_killed, client_killed, interrupted, dml_async, dml_sync, watched_directory,
         watched_directory_by_three, watched_file_is_broken, watched_directory_is_missing, output_is_full, reader_goes, long_rows]


def run_case(case, args):
    runs = []

    def start(sql, *options):
        runs.append(Run(args, sql, *options))
        return runs[-1]

    try:
        case(args, start)
        return True
    except Failure as e:
        print("FAILED %s: %s" % (case.__name__, e))
        return False
    finally:
        for r in runs:
            r.kill()


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    ap = argparse.ArgumentParser()
    ap.add_argument("--bin", default=os.path.join(here, "../../build/bin"))
    ap.add_argument("cases", nargs="*")
    args = ap.parse_args()
    results = [run_case(c, args) for c in CASES if not args.cases or c.__name__ in args.cases]
    print("%d passed, %d failed" % (results.count(True), results.count(False)))
    return 1 if False in results or not results else 0


if __name__ == "__main__":
    sys.exit(main())
