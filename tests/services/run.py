#!/usr/bin/env python3
"""run.py - Penstock against real stores: the contract of fs/fs.h on each, then whole jobs.

Usage: tests/services/run.py --bin build/bin --check build/services/stores_check [--keep] [TEST...]
Starts the services that aren't up (s3.sh, hdfs.sh) and stops them in the end, unless --keep.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PORT = int(os.environ.get("SERVICES_PORT", "19100"))
KEYS = {"a": ("minioAAAA", "secretAAAAAAAA"), "b": ("minioBBBB", "secretBBBBBBBB"), "c": ("gatewayCCCC", "secretCCCCCCCC")}
REGION = {"a": "us-east-1", "b": "eu-west-1", "c": "us-east-1"}
ENDPOINT = {name: f"http://127.0.0.1:{PORT + i}" for i, name in enumerate("abc")}
HDFS = f"http://127.0.0.1:{PORT + 10}"


class Failed(Exception):
    pass


def check(condition, text):
    if not condition:
        raise Failed(text)


def sh(*words, **more):
    return subprocess.run(words, check=True, **more)


class Rig:
    def __init__(self, args):
        self.bin, self.check_bin = os.path.abspath(args.bin), os.path.abspath(args.check)
        self.dir = tempfile.mkdtemp(prefix="penstock-services-")
        self.run_id = os.path.basename(self.dir)[-8:].lower().replace("_", "x")

    def write_keys(self, name, key, secret):
        """As a mounted Secret is replaced: each file whole, by rename."""
        folder = os.path.join(self.dir, "keys-" + name)
        os.makedirs(folder, exist_ok=True)
        for file, text in (("accessKeyId", key), ("secretAccessKey", secret)):
            with open(os.path.join(folder, "." + file), "w", encoding="utf-8") as f:
                f.write(text + "\n")
            os.rename(os.path.join(folder, "." + file), os.path.join(folder, file))

    def bucket(self, name):
        return f"run-{self.run_id}-{name}"

    def status(self, name, key, secret, *words):
        """HTTP status of a request for the bucket."""
        return subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--aws-sigv4",
                              f"aws:amz:{REGION[name]}:s3", "--user", f"{key}:{secret}", "-H",
                              "x-amz-content-sha256: UNSIGNED-PAYLOAD", *words, f"{ENDPOINT[name]}/{self.bucket(name)}"],
                              stdout=subprocess.PIPE, check=True).stdout.decode()

    def make_bucket(self, name):
        out = self.status(name, *KEYS[name], "-X", "PUT")
        check(out == "200", f"bucket {self.bucket(name)}: {out}")

    def up(self):
        for script in ("s3.sh", "hdfs.sh"):
            begun = time.time()
            sh(os.path.join(HERE, script), "up")
            print(f"{script} up in {time.time() - begun:.1f} s")
        for name in KEYS:
            self.write_keys(name, *KEYS[name])
            self.make_bucket(name)

    def down(self):
        for script in ("s3.sh", "hdfs.sh"):
            sh(os.path.join(HERE, script), "wipe")

    def rows(self, **options):
        """fileSystems as JSON lines of flow YAML, the same text for both."""
        out = []
        for name in KEYS:
            opts = {"part-size": "5 mb", "list-page": "15", **options}
            text = ", ".join(f'"{k}": "{v}"' for k, v in opts.items())
            out.append(f'{{"name": "{name}", "prefix": "s3://{self.bucket(name)}", "type": "s3", '
                       f'"endpoint": "{ENDPOINT[name]}", "region": "{REGION[name]}", '
                       f'"secret": {{"path": "{self.dir}/keys-{name}"}}, "options": {{{text}}}}}')
        out.append(f'{{"name": "hdfs", "prefix": "hdfs://nn", "type": "webhdfs", "endpoint": "{HDFS}", "user": "root", '
                   '"options": {"write-buffer": "1 mb", "replication": "2", "retries": "20"}}')
        return out

    def uri(self, store, path):
        base = "hdfs://nn/" + self.run_id if store == "hdfs" else "s3://" + self.bucket(store)
        return f"{base}/{path}"

    def job(self, name, sql, fields="", wait=True):
        path = os.path.join(self.dir, name + ".yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(f"apiVersion: penstock.dev/v1\nkind: FlinkJob\nmetadata: {{name: {name}}}\nspec:\n{fields}  fileSystems:\n")
            for row in self.rows():
                f.write(f"    - {row}\n")
            f.write("  sql: |\n" + "".join(f"    {line}\n" for line in sql.strip().splitlines()))
        p = subprocess.Popen([os.path.join(self.bin, "penstock"), "run", path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if not wait:
            return p
        out = p.communicate(timeout=180)[0].decode()
        return p.returncode, out

    def counts(self, tables):
        """{name: (rows, sum of ids)}, read back by a job."""
        sql = "".join(f"CREATE TABLE {n} (id BIGINT, text STRING) WITH ('connector'='filesystem','path'='{uri}','format'='csv');\n"
                      for n, uri in tables.items())
        sql += "CREATE TABLE shown (t STRING, n BIGINT, s BIGINT) WITH ('connector'='print');\nINSERT INTO shown "
        sql += " UNION ALL ".join(f"SELECT '{n}', COUNT(*), SUM(id) FROM {n}" for n in tables) + ";"
        code, out = self.job("count", sql, "  mode: batch\n  parallelism: 2\n")
        check(code == 0, out)
        return {m.group(1): (int(m.group(2)), int(m.group(3))) for m in re.finditer(r"\+I\[(\w+), (\d+), (\d+)\]", out)}


def still_runs(p):
    if p.poll() is not None:
        raise Failed("the job is over too early: " + p.communicate()[0].decode())


def sums(n):
    return n, n * (n + 1) // 2


SOURCE = """CREATE TABLE gen (id BIGINT, text STRING) WITH ('connector'='datagen', 'rows-per-second'='{rate}',
 'fields.id.kind'='sequence', 'fields.id.start'='1', 'fields.id.end'='{n}', 'fields.text.length'='40');
"""
SINK = "CREATE TABLE {name} (id BIGINT, text STRING) WITH ('connector'='filesystem','path'='{uri}','format'='csv'{more});\n"


def sink(rig, name, store, path, more=""):
    return SINK.format(name=name, uri=rig.uri(store, path), more=more)


def test_contract(rig):
    """What fs/fs.h promises, on each store."""
    rows = os.path.join(rig.dir, "rows.json")
    with open(rows, "w", encoding="utf-8") as f:
        f.write("[" + ",".join(rig.rows()) + "]")
    for store in ("a", "b", "c", "hdfs"):
        p = subprocess.run([rig.check_bin, rows, rig.uri(store, "x")], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        check(p.returncode == 0, p.stdout.decode())


def test_several_stores(rig):
    """A job that reads from one S3 and writes to two others with other keys, and to HDFS."""
    n = 60000
    code, out = rig.job("fill", SOURCE.format(rate=1000000, n=n) + sink(rig, "a", "a", "in") + "INSERT INTO a SELECT * FROM gen;")
    check(code == 0, out)
    code, out = rig.job("copy", sink(rig, "a", "a", "in") + sink(rig, "b", "b", "out") + sink(rig, "c", "c", "out", ", 'sink.compression'='gzip'") +
                        sink(rig, "h", "hdfs", "out") + "INSERT INTO b SELECT * FROM a;\nINSERT INTO c SELECT * FROM a;\nINSERT INTO h SELECT * FROM a;",
                        "  parallelism: 2\n")
    check(code == 0, out)
    got = rig.counts({"b": rig.uri("b", "out"), "c": rig.uri("c", "out"), "h": rig.uri("hdfs", "out"), "g": rig.uri("b", "o*/part-*")})
    for name in "bchg":
        check(got.get(name) == sums(n), f"{name}: {got}")


def test_keys_are_rotated(rig):
    """The keys of a store change while a job writes to it: old ones are refused from a moment on, new ones come later."""
    n, new = 120000, ("gatewayNEWW", "secretNEWWWWWW")
    small = ", 'sink.rolling-policy.file-size'='100 kb'"
    p = rig.job("rotate", SOURCE.format(rate=10000, n=n) + sink(rig, "c", "c", "rotated", small) + sink(rig, "b", "b", "rotated", small) +
                "INSERT INTO c SELECT * FROM gen;\nINSERT INTO b SELECT * FROM gen;", wait=False)
    try:
        time.sleep(2.5)  # in the middle of its twelve seconds
        still_runs(p)
        env = dict(os.environ, GATEWAY_KEY=new[0], GATEWAY_SECRET=new[1])
        sh(os.path.join(HERE, "s3.sh"), "rotate", env=env)
        check(rig.status("c", *KEYS["c"]) in ("403", "404"), "the old keys are still good")
        time.sleep(2.5)  # as a mounted secret comes late
        still_runs(p)
        rig.write_keys("c", *new)
        out = p.communicate(timeout=120)[0].decode()
    finally:
        if p.poll() is None:
            p.terminate()
            p.wait()
    check(p.returncode == 0, out)
    check(new[1] not in out and KEYS["c"][1] not in out, "a key is shown")
    got = rig.counts({"c": rig.uri("c", "rotated"), "b": rig.uri("b", "rotated")})
    check(got.get("c") == sums(n) and got.get("b") == sums(n), str(got))
    sh(os.path.join(HERE, "s3.sh"), "rotate")  # back
    rig.write_keys("c", *KEYS["c"])


def test_wrong_keys(rig):
    """Keys that never were good fail at once, and say where."""
    rig.write_keys("b", "minioAAAA", "wrongSecret99")
    try:
        begun = time.time()
        code, out = rig.job("denied", SOURCE.format(rate=1000000, n=10) + sink(rig, "b", "b", "denied") + "INSERT INTO b SELECT * FROM gen;")
    finally:
        rig.write_keys("b", *KEYS["b"])
    check(code != 0 and "403" in out and "store 'b'" in out, out)
    check("wrongSecret99" not in out, "the key is shown")
    check(time.time() - begun < 30, "it took too long")


def test_datanode_dies(rig):
    """A DataNode is killed while a job writes to HDFS."""
    n = 60000
    p = rig.job("dying", SOURCE.format(rate=10000, n=n) + sink(rig, "h", "hdfs", "dying", ", 'sink.rolling-policy.file-size'='100 kb'") +
                "INSERT INTO h SELECT * FROM gen;", wait=False)
    time.sleep(2.5)
    still_runs(p)
    sh(os.path.join(HERE, "hdfs.sh"), "kill", "dn1")
    out = p.communicate(timeout=180)[0].decode()
    check(p.returncode == 0, out)
    got = rig.counts({"h": rig.uri("hdfs", "dying")})
    check(got.get("h") == sums(n), str(got))
    sh(os.path.join(HERE, "hdfs.sh"), "up")


TESTS = [test_contract, test_several_stores, test_keys_are_rotated, test_wrong_keys, test_datanode_dies]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", default="build/bin")
    parser.add_argument("--check", default="build/services/stores_check")
    parser.add_argument("--keep", action="store_true", help="leave the services running")
    parser.add_argument("tests", nargs="*", help="names, without test_")
    args = parser.parse_args()
    rig = Rig(args)
    failed = 0
    try:
        rig.up()
        for test in TESTS:
            if args.tests and test.__name__[5:] not in args.tests:
                continue
            begun = time.time()
            try:
                test(rig)
                print(f"ok     {test.__name__[5:]} ({time.time() - begun:.1f} s)")
            except (Failed, subprocess.SubprocessError) as e:
                failed += 1
                print(f"FAILED {test.__name__[5:]} ({test.__doc__}): {e}")
            sys.stdout.flush()
    finally:
        if not args.keep:
            rig.down()
        shutil.rmtree(rig.dir)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
