#!/usr/bin/env python3
"""run.py - jobs whose processes are killed, with exactly the output of jobs that weren't.

  run.py [--bin DIR] [--rounds N] [--kills N] [--events N] [--seed N] [--checkpoint MS] [QUERY...]

Each query reads a Nexmark stream and writes changes to files. It runs once in peace; then, per round, workers are
killed with SIGKILL at seeded times, as many as --kills. What is in the files must be the same: rows, less those that
were taken back. Exit status 1 if a round differs or a job fails."""
import argparse, collections, glob, json, os, random, re, shutil, signal, subprocess, sys, tempfile, threading, time

LIMIT_S = 300

SETTINGS = """
SET 'execution.runtime-mode' = 'streaming';
SET 'execution.checkpointing.interval' = '%(checkpoint)d ms';
SET 'execution.checkpointing.dir' = 'file://%(dir)s/checkpoints';
SET 'restart-strategy.type' = 'fixed-delay';
SET 'restart-strategy.fixed-delay.attempts' = '1000';
SET 'restart-strategy.fixed-delay.delay' = '10 ms';
"""

TABLES = """
CREATE TABLE events (
  event_type INT,
  person ROW<id BIGINT, name STRING, emailAddress STRING, creditCard STRING, city STRING, state STRING,
             `dateTime` TIMESTAMP(3), extra STRING>,
  auction ROW<id BIGINT, itemName STRING, description STRING, initialBid BIGINT, reserve BIGINT,
              `dateTime` TIMESTAMP(3), expires TIMESTAMP(3), seller BIGINT, category BIGINT, extra STRING>,
  bid ROW<auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, `dateTime` TIMESTAMP(3), extra STRING>,
  `dateTime` AS CASE WHEN event_type = 0 THEN person.`dateTime` WHEN event_type = 1 THEN auction.`dateTime` ELSE bid.`dateTime` END,
  WATERMARK FOR `dateTime` AS `dateTime` - INTERVAL '4' SECOND
) WITH ('connector' = 'nexmark', 'events.num' = '%(events)d', 'base-time' = '1700000000000', 'penstock.prune' = 'true');
CREATE TEMPORARY VIEW person AS SELECT person.id, person.name, person.state, `dateTime` FROM events WHERE event_type = 0;
CREATE TEMPORARY VIEW auction AS
SELECT auction.id, auction.itemName, auction.reserve, `dateTime`, auction.expires, auction.seller, auction.category
FROM events WHERE event_type = 1;
CREATE TEMPORARY VIEW bid AS SELECT bid.auction, bid.bidder, bid.price, bid.channel, `dateTime` FROM events WHERE event_type = 2;
CREATE TEMPORARY VIEW some_bids AS SELECT * FROM bid WHERE MOD(bidder, 20) = 0;
"""

# name: columns of the result, the query
QUERIES = {
    "filter": ("auction BIGINT, price BIGINT", "SELECT auction, price FROM bid WHERE MOD(auction, 123) = 0"),
    "sums": ("bidder BIGINT, n BIGINT, total BIGINT", "SELECT bidder, COUNT(*), SUM(price) FROM bid WHERE MOD(bidder, 50) = 0 GROUP BY bidder"),
    "distinct": ("channel STRING, bidders BIGINT", "SELECT channel, COUNT(DISTINCT bidder) FROM bid WHERE MOD(auction, 40) = 0 GROUP BY channel"),
    "tumble": (
        "w TIMESTAMP(3), auction BIGINT, n BIGINT, best BIGINT",
        "SELECT window_start, auction, COUNT(*), MAX(price) FROM TABLE(TUMBLE(TABLE some_bids, DESCRIPTOR(`dateTime`), INTERVAL '2' SECOND)) "
        "GROUP BY window_start, window_end, auction",
    ),
    "hop": (
        "w TIMESTAMP(3), channel STRING, n BIGINT, bidders BIGINT",
        "SELECT window_start, channel, COUNT(*), COUNT(DISTINCT bidder) "
        "FROM TABLE(HOP(TABLE some_bids, DESCRIPTOR(`dateTime`), INTERVAL '1' SECOND, INTERVAL '4' SECOND)) GROUP BY window_start, window_end, channel",
    ),
    "session": (
        "w TIMESTAMP(3), bidder BIGINT, n BIGINT",
        "SELECT window_start, bidder, COUNT(*) FROM TABLE(SESSION(TABLE some_bids PARTITION BY bidder, DESCRIPTOR(`dateTime`), INTERVAL '1' SECOND)) "
        "GROUP BY window_start, window_end, bidder",
    ),
    "join": (
        "id BIGINT, name STRING, auction BIGINT",
        "SELECT p.id, p.name, a.id FROM auction a JOIN person p ON a.seller = p.id WHERE MOD(a.category, 5) = 0",
    ),
    "top": (
        "channel STRING, auction BIGINT, price BIGINT, r BIGINT",
        "SELECT channel, auction, price, r FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY channel ORDER BY price DESC, auction, `dateTime`) AS r "
        "FROM bid) WHERE r <= 5",
    ),
    "best": (
        "id BIGINT, price BIGINT",
        "SELECT a.id, MAX(b.price) FROM auction a JOIN bid b ON a.id = b.auction "
        "WHERE b.`dateTime` BETWEEN a.`dateTime` AND a.expires AND MOD(a.id, 20) = 0 GROUP BY a.id",
    ),
    "interval": (
        "id BIGINT, seller BIGINT, name STRING",
        "SELECT a.id, a.seller, p.name FROM auction a, person p "
        "WHERE a.seller = p.id AND a.`dateTime` BETWEEN p.`dateTime` AND p.`dateTime` + INTERVAL '5' SECOND",
    ),
    "over": (
        "auction BIGINT, price BIGINT, s BIGINT",
        "SELECT auction, price, SUM(price) OVER (PARTITION BY auction ORDER BY `dateTime` RANGE BETWEEN INTERVAL '2' SECOND PRECEDING AND CURRENT ROW) "
        "FROM bid WHERE MOD(auction, 25) = 0",
    ),
}


class Failure(Exception):
    pass


def script(args, query, where):
    columns, select = QUERIES[query]
    sink = "CREATE TABLE changes (%s) WITH ('connector' = 'filesystem', 'path' = 'file://%s/result', 'format' = 'debezium-json');\n" % (columns, where)
    values = {"checkpoint": args.checkpoint, "dir": where, "events": args.events}
    return SETTINGS % values + TABLES % values + sink + "INSERT INTO changes\n" + select + ";\n"


def content(where):
    """The rows that the changes come to, with how often each is there."""
    rows = collections.Counter()
    for path in glob.glob(where + "/result/**/part-*", recursive=True):
        with open(path, encoding="utf-8") as f:
            for line in f:
                change = json.loads(line)
                if change.get("before") is not None:
                    rows[json.dumps(change["before"], sort_keys=True)] -= 1
                if change.get("after") is not None:
                    rows[json.dumps(change["after"], sort_keys=True)] += 1
    return {k: n for k, n in rows.items() if n}


class Job:
    def __init__(self, args, query, where):
        os.makedirs(where)
        with open(where + "/job.sql", "w") as f:
            f.write(script(args, query, where))
        cmd = [args.bin + "/penstock", "run", where + "/job.sql", "--progress", "never", "--log", "info", "-p", str(args.parallelism), "-w", str(args.workers)]
        self.p = subprocess.Popen(cmd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.lines, self.workers, self.restores, self.lock = [], {}, 0, threading.Lock()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.p.stdout:
            with self.lock:
                self.lines.append(line)
                m = re.search(r"worker registered worker=(\S+) pid=(\d+)", line)
                if m:
                    self.workers[m.group(1)] = int(m.group(2))
                self.restores += " restoring job=" in line

    def kill_one(self, rng):
        """False: there is nobody to be killed."""
        with self.lock:
            names = sorted(self.workers)
            if not names:
                return False
            pid = self.workers.pop(rng.choice(names))
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    def end(self):
        try:
            code = self.p.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            self.p.kill()
            raise Failure("not over after %d s\n%s" % (LIMIT_S, "".join(self.lines[-40:])))
        self.reader.join()
        if code:
            raise Failure("exit status %d\n%s" % (code, "".join(self.lines[-40:])))


def differences(want, got):
    missing = [(k, n - got.get(k, 0)) for k, n in want.items() if got.get(k, 0) < n]
    extra = [(k, n - want.get(k, 0)) for k, n in got.items() if want.get(k, 0) < n]
    text = "%d rows are missing, %d too many" % (len(missing), len(extra))
    for name, list_ in (("missing", missing), ("too many", extra)):
        for k, n in list_[:3]:
            text += "\n    %s: %s x%d" % (name, k, n)
    return text


def run_query(args, query, top):
    job = Job(args, query, "%s/%s-peace" % (top, query))
    since = time.monotonic()
    job.end()
    took = time.monotonic() - since
    want = content("%s/%s-peace" % (top, query))
    print("%-10s %8d rows in %.1f s" % (query, len(want), took), flush=True)
    shutil.rmtree("%s/%s-peace" % (top, query))
    for r in range(args.rounds):
        rng = random.Random("%s %s %d" % (args.seed, query, r))
        where = "%s/%s-%d" % (top, query, r)
        job = Job(args, query, where)
        killed = 0
        while job.p.poll() is None and not os.path.exists(where + "/checkpoints"):
            time.sleep(0.01)  # who dies before the job begins isn't replaced
        for _ in range(args.kills):
            time.sleep(rng.uniform(0.05, max(took * 0.8, 0.3)))
            if job.p.poll() is not None:
                break
            killed += job.kill_one(rng)
        job.end()
        got = content(where)
        if got != want:
            with open(where + "/log", "w") as f:
                f.writelines(job.lines)
            raise Failure("round %d, seed %s, %d killed, %d restores: %s\n  kept: %s" % (r, args.seed, killed, job.restores, differences(want, got), where))
        print("%-10s round %d: %d killed, %d restores from checkpoints: the same" % (query, r, killed, job.restores), flush=True)
        shutil.rmtree(where)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--bin", default="build/bin")
    ap.add_argument("--rounds", type=int, default=2)
    ap.add_argument("--kills", type=int, default=2)
    ap.add_argument("--events", type=int, default=4000000)
    ap.add_argument("--seed", default="1")
    ap.add_argument("--checkpoint", type=int, default=200, help="interval in ms")
    ap.add_argument("--workers", type=int, default=2)
    ap.add_argument("--parallelism", type=int, default=2)
    ap.add_argument("queries", nargs="*")
    args = ap.parse_args()
    args.bin = os.path.abspath(args.bin)
    top = tempfile.mkdtemp(prefix="penstock-chaos-")
    failed = 0
    for q in args.queries or QUERIES:
        if q not in QUERIES:
            sys.exit("no query '%s'; there are: %s" % (q, ", ".join(QUERIES)))
        try:
            run_query(args, q, top)
        except Failure as e:
            failed += 1
            print("%-10s FAILED: %s" % (q, e), flush=True)
    if not failed:
        shutil.rmtree(top)
    sys.exit(1 if failed else 0)


main()
