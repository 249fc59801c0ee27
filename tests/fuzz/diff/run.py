#!/usr/bin/env python3
"""run.py - random tables and queries (generate.py), run in streaming mode (its changes folded), in batch mode, and by SQLite where
the query has a meaning there: all must give the same rows. Parallelism, batch size and the number of files are random.

  run.py [--bin DIR] [--seconds N] [--seed N] [--rounds N] [--out DIR]

The same seed gives the same tables and queries; --rounds ends after so many rounds, however long they take. A query that disagrees
is made small and printed as a golden test, which goes to DIR (build/diff-fuzz) too; it belongs into tests/sql once it is mended."""
import argparse, collections, decimal, json, os, re, sqlite3, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import generate

QUERIES = 40      # a round
SHRINK_RUNS = 250  # of the engine, for one failure
FAILURES_MAX = 8
TIMEOUT_S = 120
ROWS_MAX, SQLITE_STEPS_MAX = 20000, 60  # of a result; hundred thousands
MINI_BATCH = (("table.exec.mini-batch.enabled", "true"), ("table.exec.mini-batch.allow-latency", "1 s"))
SETTINGS = [(), (), (("table.optimizer.agg-phase-strategy", "ONE_PHASE"),),
            MINI_BATCH + (("table.exec.mini-batch.size", "3"),),
            MINI_BATCH + (("table.exec.mini-batch.size", "1000"), ("table.optimizer.distinct-agg.split.enabled", "true")),
            MINI_BATCH + (("table.exec.mini-batch.size", "2"), ("table.optimizer.agg-phase-strategy", "TWO_PHASE"))]


# ---- SQLite ----

def sqlite_of(tables):
    db = sqlite3.connect(":memory:")
    db.execute("PRAGMA case_sensitive_like = 1")
    for t in tables:
        db.execute("CREATE TABLE %s (%s)" % (t.name, ", ".join(n for n, _ in t.columns)))
        db.executemany("INSERT INTO %s VALUES (%s)" % (t.name, ", ".join("?" for _ in t.columns)), t.rows)
    return db


class TooLarge(Exception):
    """A product of products: nothing to learn from."""


def sqlite_rows(db, q):
    rows, steps = collections.Counter(), [0]

    def count_steps():
        steps[0] += 1
        return steps[0] > SQLITE_STEPS_MAX
    db.set_progress_handler(count_steps, 100000)
    try:
        for r in db.execute(q.lite):
            rows[tuple(r)] += 1
            if rows.total() > ROWS_MAX:
                raise TooLarge()
    except sqlite3.OperationalError as e:
        raise TooLarge() if "interrupted" in str(e) else e
    return rows


# ---- the engine ----

def value(t, text):
    """A printed value as SQLite holds it."""
    if text is None:
        return None
    if t == "I":
        return int(text)
    if t == "D":
        return int(decimal.Decimal(text) * 100)
    if t == "B":
        return {"TRUE": 1, "FALSE": 0}[text]
    if t == "T":
        when, _, ms = text.partition(".")
        d = generate.datetime.datetime.strptime(when, "%Y-%m-%d %H:%M:%S") - generate.EPOCH
        return int(d.total_seconds()) * 1000 + int((ms + "000")[:3])
    return text


def table_as_files(t, folder, n_files):
    os.makedirs(folder, exist_ok=True)
    lines = changes_of(t) if t.cdc else [json.dumps(record_of(t, row)) for row in t.rows]
    n_files = 1 if t.in_order or t.cdc else n_files
    for i in range(n_files):
        with open(os.path.join(folder, "%d.jsonl" % i), "w") as f:
            f.write("".join(line + "\n" for line in lines[i::n_files]))
    columns = ", ".join("%s %s%s" % (n, generate.SQL_TYPE[ty], " NOT NULL" if n in ("id", "ts") else "") for n, ty in t.columns)
    return "CREATE TABLE %s (%s, %s) WITH ('connector' = 'filesystem', 'path' = '%s', 'format' = '%s')" % (
        t.name, columns, "PRIMARY KEY (id) NOT ENFORCED" if t.cdc else "WATERMARK FOR ts AS ts - INTERVAL '1' DAY", folder,
        "debezium-json" if t.cdc else "json")


def record_of(t, row):
    def plain(ty, v):
        if v is None:
            return None
        return {"D": lambda: generate.literal("D", v)[0], "T": lambda: generate.timestamp_text(v), "B": lambda: bool(v)}.get(ty, lambda: v)()
    return {name: plain(ty, v) for (name, ty), v in zip(t.columns, row)}


def changes_of(t):
    """The history as Debezium writes it; of rows that are still the table's, or that go again."""
    kept = {row[0] for row in t.rows}
    out = []
    for i, before, after in t.history:
        if i in kept or i >= 1000:
            out.append(json.dumps({"before": before and record_of(t, before), "after": after and record_of(t, after),
                                   "op": "c" if not before else "u" if after else "d"}))
    return out


def versions(t):
    """The last row of each key, as a versioned table."""
    names = ", ".join(n for n, _ in t.columns)
    return "CREATE VIEW v%s AS SELECT %s FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY %s ORDER BY ts DESC) AS rn FROM %s) WHERE rn = 1" % (
        t.name, names, t.columns[2][0], t.name)


class Setup:
    """How the engine is run."""

    def __init__(self, mode, parallelism, batch_rows, n_files, settings):
        self.mode, self.parallelism, self.batch_rows, self.n_files = mode, parallelism, batch_rows, n_files
        self.settings = settings

    def text(self):
        return "%s mode, parallelism %d, batch rows %d, %d files%s" % (
            self.mode, self.parallelism, self.batch_rows, self.n_files, "".join(", %s=%s" % s for s in self.settings))


def engine(args, tables, queries, setup):
    """For each query {"rows": Counter} or {"error": class, "message": text} ("crash", "hang": the run ended without an answer)."""
    with tempfile.TemporaryDirectory() as tmp:
        ddl = [table_as_files(t, os.path.join(tmp, t.name), setup.n_files) for t in tables] + [versions(t) for t in tables if not t.cdc]
        sql = ddl + [q.flink for q in queries]
        cmd = [os.path.join(args.bin, "penstock"), "run", "-", "-o", "json", "-k", "--progress", "never", "-m", setup.mode,
               "-p", str(setup.parallelism), "--set", "penstock.batch-rows=%d" % setup.batch_rows]
        for s in setup.settings:
            cmd += ["--set", "%s=%s" % s]
        hang = False
        try:
            p = subprocess.run(cmd, input=";\n".join(sql).encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=TIMEOUT_S)
            out, err = p.stdout, p.stderr
        except subprocess.TimeoutExpired as e:
            hang, out, err = True, e.stdout or b"", e.stderr or b""
    answers = {}
    for line in out.decode(errors="replace").split("\n"):
        if line.startswith("{"):
            try:
                o = json.loads(line)
            except ValueError:
                continue
            answers[o["statement"]] = o
    lost = {"error": "hang" if hang else "crash", "message": err.decode(errors="replace")[-500:]}
    result, gone = [], False
    for i, q in enumerate(queries):
        o = answers.get(len(ddl) + i)
        if o is None:
            result.append(dict(lost) if not gone else {"error": "not run", "message": ""})
            gone = True
        elif "error" in o:
            result.append({"error": o["error"]["class"], "message": o["error"]["message"]})
        else:
            result.append(fold(o["rows"], q.columns))
    return result


def fold(changes, columns):
    rows, early = collections.Counter(), None
    for op, row in changes:
        key = tuple(value(t, v) for (_, t), v in zip(columns, row))
        rows[key] += 1 if op in ("+I", "+U") else -1
        if rows[key] < 0:
            early = key
    rows = +rows if early is None else rows
    if early is not None and any(n < 0 for n in rows.values()):
        return {"error": "changelog", "message": "a row was taken back that never came: %s" % (early,)}
    return {"rows": +rows}


# ---- comparing ----

REFUSED = ("unsupported", "validation")


def refused(answer):
    return answer.get("error") in REFUSED


def disagreement(q, answers, expected):
    """What is wrong with [(setup, answer)...], and with which setup; None if nothing."""
    for setup, a in answers:
        if "error" in a and not refused(a) and a["error"] != "not run":
            return setup, "%s error: %s" % (a["error"], a["message"])
    first = ("SQLite", expected) if expected is not None else None
    for setup, a in answers:
        if "rows" not in a:
            continue
        if first is None:
            first = (setup.text(), a["rows"])
        elif a["rows"] != first[1]:
            return setup, "%s gives %s, %s gives %s" % (
                setup.text(), show(a["rows"] - first[1]), first[0], show(first[1] - a["rows"]))
    return None


def show(rows):
    return "nothing else" if not rows else "%d rows more: %s" % (sum(rows.values()), sorted(rows.items(), key=repr)[:4])


def kind_of(text):
    """Failures of one kind: messages without their numbers and names."""
    return re.sub(r"[0-9]+", "N", re.sub(r"'[^']*'", "'...'", text.split(" gives ")[0].split(": (")[0]))[:200]


# ---- making small ----

class Shrinker:
    def __init__(self, args, tables, choices, setups):
        self.args, self.tables, self.choices, self.setups, self.runs = args, tables, choices, setups, 0

    def fails(self, tables, choices):
        if self.runs >= SHRINK_RUNS:
            return None
        try:
            q = generate.query(generate.Choices(played=choices), tables)
            expected = sqlite_rows(sqlite_of(tables), q) if q.lite else None
        except (sqlite3.Error, IndexError, TooLarge):
            return None
        answers = []
        for s in self.setups:
            self.runs += 1
            answers.append((s, engine(self.args, tables, [q], s)[0]))
        bad = disagreement(q, answers, expected)
        return (q, bad, expected) if bad else None

    def smaller_choices(self, choices):
        n = len(choices)
        size = n // 2
        while size:
            for at in range(0, n - size + 1, size):
                yield choices[:at] + choices[at + size:]
            size //= 2
        for at in range(n):
            if choices[at]:
                yield choices[:at] + [0] + choices[at + 1:]

    def shrink(self):
        best = None
        again = True
        while again and self.runs < SHRINK_RUNS:
            again = False
            for smaller in self.smaller_choices(self.choices):
                got = self.fails(self.tables, smaller)
                if got and len(got[0].flink) <= (len(best[0].flink) if best else 1 << 30):
                    again = smaller != self.choices and (best is None or len(got[0].flink) < len(best[0].flink))
                    self.choices, best = smaller, got
                    if again:
                        break
        return self.shrink_rows(best)

    def shrink_rows(self, best):
        self.runs = min(self.runs, SHRINK_RUNS // 2)
        for t in self.tables:
            size = max(1, len(t.rows) // 2)
            while size:
                at = 0
                while at < len(t.rows):
                    kept = t.rows
                    t.rows = kept[:at] + kept[at + size:]
                    got = self.fails(self.tables, self.choices)
                    if got:
                        best = got
                    else:
                        t.rows = kept
                        at += size
                size //= 2
        return best or self.fails(self.tables, self.choices)


def golden(tables, q, setup, expected):
    out = ["modes %s\n" % setup.mode]
    for t in tables:
        if not re.search(r"\bv?%s\b" % t.name, q.flink):
            continue
        rows = [", ".join(generate.literal(ty, v)[0] if i or v is None else "CAST(%s AS %s)" % (generate.literal(ty, v)[0], generate.SQL_TYPE[ty])
                          for (_, ty), v in zip(t.columns, row)) for i, row in enumerate(t.rows)]
        names = ", ".join(n for n, _ in t.columns)
        empty = "SELECT %s" % ", ".join("CAST(NULL AS %s)" % generate.SQL_TYPE[ty] for _, ty in t.columns)
        body = "SELECT * FROM (VALUES %s) AS t(%s)" % (", ".join("(%s)" % r for r in rows), names) if rows else (
            "SELECT * FROM (%s) AS t(%s) WHERE FALSE" % (empty, names))
        for line in changes_of(t) if t.cdc else []:
            out.append("# %s: %s" % (t.name, line))
        out.append("statement\nCREATE VIEW %s AS %s\n" % (t.name, body))
        if re.search(r"\bv%s\b" % t.name, q.flink):
            out.append("statement\n%s\n" % versions(t))
    out.append("query\n%s\n----" % q.flink)
    for row in sorted((expected or collections.Counter()).elements(), key=repr):
        out.append("|".join(printed(t, v) for (_, t), v in zip(q.columns, row)))
    return "\n".join(out) + "\n"


def printed(t, v):
    if v is None:
        return "NULL"
    if t == "D":
        return generate.literal("D", v)[0]
    if t == "B":
        return "TRUE" if v else "FALSE"
    return generate.timestamp_text(v) if t == "T" else str(v)


# ---- rounds ----

class Fuzz:
    def __init__(self, args):
        self.args, self.failures, self.kinds = args, [], set()
        self.counts = collections.Counter()
        self.refusals = collections.Counter()

    def setups(self, c):
        rows, files = [2048, 1, 2, 7, 64], [1, 2, 3]
        chosen = c.of(SETTINGS) + c.of([(), (), (("pipeline.operator-chaining.enabled", "false"),)])
        return [Setup("streaming", 1 + c.pick(4), c.of(rows), c.of(files), chosen),
                Setup("batch", 1 + c.pick(4), c.of(rows), c.of(files), c.of(SETTINGS[:3]))]

    def round(self, seed):
        tables = generate.tables(seed)
        picks, queries, expected = [], [], []
        setups = self.setups(generate.Choices("setups %d" % seed))
        db = sqlite_of(tables)
        for i in range(QUERIES):
            c = generate.Choices("%d/%d" % (seed, i))
            q = generate.query(c, tables)
            try:
                rows = sqlite_rows(db, q) if q.lite else None
            except TooLarge:
                self.counts["too large"] += 1
                continue
            except sqlite3.Error as e:
                rows = None
                self.refusals["SQLite: %s" % e] += 1
            queries.append(q)
            picks.append(c.taken)
            expected.append(rows)
        answers = [engine(self.args, tables, queries, s) for s in setups]
        for i, q in enumerate(queries):
            here = [(s, a[i]) for s, a in zip(setups, answers)]
            self.counts["queries"] += 1
            self.counts["of SQLite too"] += expected[i] is not None
            for _, a in here:
                self.counts["refused"] += refused(a)
                if refused(a):
                    self.refusals[kind_of(a["message"])] += 1
            bad = disagreement(q, here, expected[i])
            if bad:
                self.failed(seed, i, tables, picks[i], setups, q, bad)

    def failed(self, seed, i, tables, picks, setups, q, bad):
        kind = kind_of(bad[1])
        self.counts["disagreements"] += 1
        if kind in self.kinds and "error" in bad[1].split(":")[0]:
            return
        self.kinds.add(kind)
        if len(self.failures) >= FAILURES_MAX:
            return
        s = Shrinker(self.args, generate.tables(seed), picks, setups)
        small = s.shrink()
        if small:
            q, bad, expected = small
        else:
            expected = None
        text = "# seed %d, query %d: %s\n# (%s)\n%s" % (
            seed, i, bad[1].replace("\n", " ")[:600], bad[0].text(), golden(s.tables, q, bad[0], expected))
        if not small:
            text = "# does not fail when it runs alone\n" + text
        self.failures.append(text)
        print(text, flush=True)
        os.makedirs(self.args.out, exist_ok=True)
        with open(os.path.join(self.args.out, "seed%d-%d.test" % (seed, i)), "w") as f:
            f.write(text)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--bin", default=os.path.join(HERE, "../../../build/bin"))
    ap.add_argument("--seconds", type=float, default=60)
    ap.add_argument("--rounds", type=int)
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--out", default=os.path.join(HERE, "../../../build/diff-fuzz"))
    ap.add_argument("--verbose", action="store_true", help="list what was refused")
    args = ap.parse_args()
    fuzz, start, n = Fuzz(args), time.monotonic(), 0
    while n < args.rounds if args.rounds else time.monotonic() - start < args.seconds:
        fuzz.round(args.seed * 1000003 + n)
        n += 1
    if args.verbose:
        for text, count in fuzz.refusals.most_common(40):
            print("%6d  %s" % (count, text))
    print("diff-fuzz: %d rounds, %s, %.0f s" % (
        n, ", ".join("%d %s" % (v, k) for k, v in fuzz.counts.items()), time.monotonic() - start))
    return 1 if fuzz.counts["disagreements"] or not fuzz.counts["queries"] else 0


sys.exit(main())
