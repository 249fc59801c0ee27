#!/usr/bin/env python3
"""kafka_run.py - the kafka connectors against a real broker: transactions of dead processes (kafka_check.c), then whole jobs.

Usage: tests/services/kafka_run.py --bin build/bin --check build/services/kafka_check [--keep] [TEST...]
Starts the broker (kafka.sh) and removes it in the end, unless --keep. Needs kcat.
"""
import argparse
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BROKER = "127.0.0.1:%d" % (int(os.environ.get("SERVICES_PORT", "19100")) + 40)
SCRIPT = os.path.join(HERE, "kafka.sh")
WAIT_S = 60


class Failed(Exception):
    pass


def check(condition, text):
    if not condition:
        raise Failed(text)


def wait_for(condition, what):
    end = time.time() + WAIT_S
    while not condition():
        check(time.time() < end, "not within %d s: %s" % (WAIT_S, what))
        time.sleep(0.05)


def row(line):
    """A line of print without the subtask in front of it."""
    return line.split("> ", 1)[-1]


class Job:
    """A job that runs until it is stopped; its lines of output as they come."""

    def __init__(self, rig, sql):
        self.lines, self.errors = [], tempfile.TemporaryFile()
        self.process = subprocess.Popen(rig.command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors)
        self.process.stdin.write(sql.encode())
        self.process.stdin.close()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.lines.append(row(line.decode().rstrip()))

    def wait_for(self, lines):
        def there():
            check(self.process.poll() is None, "the job ended: " + self.said())
            return sorted(self.lines) == sorted(lines)
        try:
            wait_for(there, "output %s" % lines)
        except Failed as e:
            raise Failed("%s\nthere is %s\n%s" % (e, self.lines, self.said())) from None

    def kill_worker(self):
        """SIGKILL to a worker of this job; False if there is none just now."""
        out = subprocess.run(["ps", "--ppid", str(self.process.pid), "-o", "pid=,comm="], stdout=subprocess.PIPE,
                             check=False).stdout.decode()
        pids = [line.split()[0] for line in out.splitlines() if "penstock-worker"[:15] in line]
        if pids:
            os.kill(int(pids[0]), signal.SIGKILL)
        return bool(pids)

    def said(self):
        self.errors.seek(0)
        return self.errors.read().decode()

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(WAIT_S)


class Rig:
    def __init__(self, args):
        self.bin, self.check_bin = os.path.abspath(args.bin), os.path.abspath(args.check)
        self.run_id = "t%d" % int(time.time())

    def command(self):
        return [os.path.join(self.bin, "penstock"), "run", "-", "-p", "2", "--progress", "never"]

    def topic(self, name):
        return self.run_id + "-" + name

    def table(self, name, columns, topic, connector="kafka", **options):
        opts = {"connector": connector, "topic": topic, "properties.bootstrap.servers": BROKER}
        if connector == "kafka":
            opts.update({"format": "json", "scan.startup.mode": "earliest-offset"})
        opts.update({k.replace("__", ".").replace("_", "-"): v for k, v in options.items()})
        text = ", ".join("'%s' = '%s'" % kv for kv in opts.items() if kv[1] is not None)
        return "CREATE TABLE %s (%s) WITH (%s);\n" % (name, columns, text)

    def produce(self, topic, lines, *words):
        subprocess.run(["kcat", "-q", "-b", BROKER, "-P", "-t", topic, *words], input="".join(x + "\n" for x in lines).encode(),
                       check=True)

    def consume(self, topic, *words):
        out = subprocess.run(["kcat", "-q", "-b", BROKER, "-C", "-t", topic, "-e", "-X", "isolation.level=read_committed",
                              *words], stdout=subprocess.PIPE, check=True).stdout.decode()
        return sorted(out.splitlines())

    def job(self, sql):
        p = subprocess.run(self.command(), input=sql.encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=180,
                           check=False)
        check(p.returncode == 0, p.stderr.decode())
        return sorted(map(row, p.stdout.decode().splitlines()))


def rows(numbers):
    return ['{"id":%d}' % i for i in numbers]


def shown(numbers):
    return ["+I[%d]" % i for i in numbers]


PRINT = "CREATE TABLE p WITH ('connector' = 'print') LIKE t (EXCLUDING ALL);\nINSERT INTO p SELECT * FROM t;"
BOUNDED = {"scan__bounded__mode": "latest-offset"}


# ---- tests ----

def test_transactions(rig):
    """What dead processes left is committed once, or aborted."""
    subprocess.run([rig.check_bin, BROKER], check=True)


def test_copy(rig):
    """Exactly-once from end to end: all rows, once, and only those that are committed."""
    a, b = rig.topic("in"), rig.topic("out")
    rig.produce(a, rows(range(5000)))
    sql = rig.table("t", "id BIGINT", a, **BOUNDED)
    sql += rig.table("o", "id BIGINT", b, sink__delivery_guarantee="exactly-once", sink__transactional_id_prefix=b)
    rig.job(sql + "INSERT INTO o SELECT * FROM t;")
    check(rig.consume(b) == sorted(rows(range(5000))), "not the rows written")


def test_kills(rig):
    """Checkpoints, and workers that are killed: every row is committed once."""
    a, b = rig.topic("kills-in"), rig.topic("kills-out")
    rig.produce(a, rows([0]))
    with tempfile.TemporaryDirectory() as dir_:
        sql = "SET 'execution.checkpointing.interval' = '200 ms';\nSET 'execution.checkpointing.dir' = '%s';\n" % dir_
        sql += rig.table("t", "id BIGINT", a, properties__group__id=a)
        sql += rig.table("o", "id BIGINT", b, sink__delivery_guarantee="exactly-once", sink__transactional_id_prefix=b)
        job = Job(rig, sql + "INSERT INTO o SELECT * FROM t;")

        def committed():
            try:
                return len(rig.consume(b))
            except subprocess.CalledProcessError:  # there is no such topic yet
                return 0
        wait_for(lambda: committed() == 1, "the first commit")
        for i in range(12):
            rig.produce(a, rows(range(1 + i * 500, 1 + (i + 1) * 500)))
            if i % 3 == 2: # somewhere behind the first commit since the last one
                before = committed()
                wait_for(lambda n=before: committed() > n or n == 1 + (i + 1) * 500, "a commit")
                wait_for(job.kill_worker, "a worker")
        try:
            wait_for(lambda: committed() >= 6001, "6001 rows")
        except Failed as e:
            raise Failed("%s, but %d\n%s" % (e, committed(), job.said())) from None
        # The group was told how far the checkpoints came: nothing is left behind that.
        group = rig.table("t", "id BIGINT", a, properties__group__id=a, scan__startup__mode="group-offsets", **BOUNDED)
        wait_for(lambda: not rig.job(group + PRINT), "offsets of the group")
        job.stop()
    check(rig.consume(b) == sorted(rows(range(6001))), "rows are lost or came twice")


def test_stream(rig):
    """latest-offset: what is written from now on; the broker may go and come back."""
    topic = rig.topic("stream")
    rig.produce(topic, rows([1]), "-p", "0")
    job = Job(rig, rig.table("t", "id BIGINT", topic, scan__startup__mode="latest-offset") + PRINT)
    n = [100]

    def arrives():
        n[0] += 1
        rig.produce(topic, rows([n[0]]), "-p", "0")
        return job.lines
    wait_for(arrives, "the first row that is written behind the start")
    first = int(job.lines[0][3:-1])
    job.wait_for(shown(range(first, n[0] + 1)))
    subprocess.run([SCRIPT, "kill"], check=True)
    subprocess.run([SCRIPT, "up"], check=True)
    rig.produce(topic, rows([7, 8]), "-p", "1")
    job.wait_for(shown([*range(first, n[0] + 1), 7, 8]))
    job.stop()


def test_discovery(rig):
    """Topics that come into being are found by their name, and read from their beginning."""
    rig.produce(rig.topic("found-a"), rows([1]))
    job = Job(rig, rig.table("t", "id BIGINT", None, topic_pattern=rig.topic("found-.*"),
                             scan__topic_partition_discovery__interval="500 ms", scan__startup__mode="latest-offset") + PRINT)

    def arrives():
        rig.produce(rig.topic("found-a"), rows([1]))
        return job.lines
    wait_for(arrives, "a row of the first topic")
    rig.produce(rig.topic("found-b"), rows([2, 3]))
    wait_for(lambda: {"+I[2]", "+I[3]"} <= set(job.lines), "rows of the second topic")
    job.stop()


def test_modes(rig):
    """Where to begin and to end."""
    topic = rig.topic("modes")
    rig.produce(topic, rows([1, 2]), "-p", "0")
    time.sleep(0.01)
    now = int(time.time() * 1000)
    time.sleep(0.01)
    rig.produce(topic, rows([3, 4, 5]), "-p", "0")

    def read(**options):
        return rig.job(rig.table("t", "id BIGINT", topic, **options) + PRINT)
    check(read(**BOUNDED) == shown([1, 2, 3, 4, 5]), "earliest to latest")
    check(read(scan__startup__mode="timestamp", scan__startup__timestamp_millis=now, **BOUNDED) == shown([3, 4, 5]), "from a time")
    check(read(scan__bounded__mode="timestamp", scan__bounded__timestamp_millis=now) == shown([1, 2]), "up to a time")
    check(read(scan__startup__mode="specific-offsets", scan__startup__specific_offsets="partition:0,offset:4",
               **BOUNDED) == shown([5]), "from an offset")
    group = {"scan__startup__mode": "group-offsets", "properties__group__id": rig.run_id, "properties__auto__offset__reset": "earliest"}
    check(read(**group, **BOUNDED) == shown([1, 2, 3, 4, 5]), "a group without offsets")
    try:
        read(**{**group, "properties__auto__offset__reset": None}, **BOUNDED)
        raise Failed("a group without offsets, nor a place to begin")
    except Failed as e:
        check("has no offset for partition" in str(e), str(e))


def test_watermarks(rig):
    """Partitions have event time of their own: rows of one aren't late because another is ahead."""
    topic = rig.topic("times")
    for partition in range(3):
        rig.produce(topic, ['{"ts":"2024-01-01 %02d:%02d:00"}' % (m // 60, m % 60) for m in range(600)], "-p", str(partition))
    sql = rig.table("t", "ts TIMESTAMP(3), WATERMARK FOR ts AS ts", topic, **BOUNDED)
    sql += "CREATE TABLE p (s TIMESTAMP(3), n BIGINT) WITH ('connector' = 'print');\nINSERT INTO p SELECT window_start, COUNT(*) "
    sql += "FROM TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' HOUR) GROUP BY window_start, window_end;"
    check(rig.job(sql) == ["+I[2024-01-01T%02d:00, 180]" % h for h in range(10)], "rows were late")


def test_changes(rig):
    """Debezium's changes become a table by key, which is read back; deletions are tombstones."""
    a, b = rig.topic("changes"), rig.topic("table")
    rig.produce(a, ['{"before":null,"after":{"id":1,"v":"a"},"op":"c"}', '{"before":null,"after":{"id":2,"v":"b"},"op":"c"}',
                    '{"before":{"id":1,"v":"a"},"after":{"id":1,"v":"c"},"op":"u"}',
                    '{"before":{"id":2,"v":"b"},"after":null,"op":"d"}'], "-p", "0")
    columns = "id BIGINT, v STRING, PRIMARY KEY (id) NOT ENFORCED"
    upsert = {"connector": "upsert-kafka", "key__format": "json", "value__format": "json"}
    sql = rig.table("t", columns, a, format="debezium-json", **BOUNDED) + rig.table("o", columns, b, **upsert)
    rig.job(sql + "INSERT INTO o SELECT * FROM t;")
    got = rig.consume(b, "-f", "%k %S\n")
    check(got == sorted(['{"id":1} 16', '{"id":2} 16', '{"id":1} 16', '{"id":2} -1']), got)
    sql = rig.table("t", columns, b, **upsert, **BOUNDED)
    sql += "CREATE TABLE p (n BIGINT, v STRING) WITH ('connector' = 'print');\nINSERT INTO p SELECT COUNT(*), MAX(v) FROM t;"
    check(rig.job(sql)[-1] in ("+U[1, c]", "-U[2, c]", "-U[2, b]", "+U[2, c]"), "no table by key")


def test_formats(rig):
    """Rows there and back in each format, keys in another."""
    columns = "id BIGINT, v STRING, d DECIMAL(9, 2), k STRING"
    for form in ("avro", "csv", "json", "debezium-json"):
        topic = rig.topic("format-" + form)
        keyed = {"format": form, "key__format": "raw", "key__fields": "k", "value__fields_include": "EXCEPT_KEY"}
        sql = rig.table("o", columns, topic, **keyed)
        rig.job(sql + "INSERT INTO o VALUES (1, 'a', 1.5, 'x'), (2, CAST(NULL AS STRING), 2, 'y');")
        got = rig.job(rig.table("t", columns, topic, **keyed, **BOUNDED) + PRINT)
        null = "" if form == "csv" else "null"
        check(got == ["+I[1, a, 1.50, x]", "+I[2, %s, 2.00, y]" % null], "%s: %s" % (form, got))


def test_poison(rig):
    """A record that can't be read goes to the dead letters, with its place."""
    topic = rig.topic("poison")
    rig.produce(topic, ['{"id":1}', "{", '{"id":3}'], "-p", "2")
    sql = "CREATE TABLE dead (`raw` BYTES, `position` STRING, error STRING) WITH ('connector' = 'print');\n"
    sql += rig.table("t", "id BIGINT", topic, penstock__dead_letter="dead", **BOUNDED)
    got = rig.job(sql + PRINT)
    check(got[:2] == ["+I[1]", "+I[3]"] and topic + "/2@1" in got[2], got)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--bin", required=True)
    p.add_argument("--check", required=True)
    p.add_argument("--keep", action="store_true")
    p.add_argument("tests", nargs="*")
    args = p.parse_args()
    tests = {k[5:]: v for k, v in globals().items() if k.startswith("test_")}
    unknown = [t for t in args.tests if t not in tests]
    if unknown:
        p.error("no test %s; there are %s" % (unknown[0], ", ".join(tests)))
    begun = time.time()
    subprocess.run([SCRIPT, "up"], check=True)
    print("kafka.sh up in %.1f s" % (time.time() - begun))
    rig, failed = Rig(args), 0
    try:
        for name in args.tests or tests:
            begun = time.time()
            try:
                tests[name](rig)
                print("ok %s (%.1f s)" % (name, time.time() - begun), flush=True)
            except (Failed, subprocess.SubprocessError) as e:
                failed += 1
                print("FAILED %s: %s" % (name, e), flush=True)
    finally:
        if not args.keep:
            subprocess.run([SCRIPT, "wipe"], check=True)
    print("%d failed" % failed)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
