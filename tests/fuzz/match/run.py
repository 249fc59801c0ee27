#!/usr/bin/env python3
"""run.py - random patterns over random rows: MATCH_RECOGNIZE must find what the model (model.py) finds.

  run.py [--bin DIR] [--seconds N] [--seed N]

Parallelism, batch size, mode and how far the watermark lies behind are random. The same seed gives the same patterns."""
import argparse, json, os, random, subprocess, sys, tempfile, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import model

QUANTIFIERS = {"": (1, 1), "+": (1, None), "*": (0, None), "?": (0, 1), "+?": (1, None), "*?": (0, None), "{2}": (2, 2), "{1,3}": (1, 3),
               "{2,}": (2, None), "{0,2}": (0, 2), "{1,3}?": (1, 3), "{2,}?": (2, None)}
SKIPS = {"past": "SKIP PAST LAST ROW", "next": "SKIP TO NEXT ROW", "first": "SKIP TO FIRST ", "last": "SKIP TO LAST "}


def rows_of(taken, var):
    return [n for v, n in taken if v == var]


def condition(rnd, var, names):
    """SQL and its meaning: f(rows of the partition, taken, row number); None: no DEFINE."""
    least, other = rnd.randint(2, 5), rnd.choice(names)
    total = rnd.randint(6, 16)

    def not_less(rows, taken, n):
        at = rows_of(taken, other) + [n] * (other == var)
        return bool(at) and rows[n]["p"] >= rows[at[-1]]["p"]

    def rising(rows, taken, n):
        at = rows_of(taken, var)
        return not at or rows[at[-1]]["p"] <= rows[n]["p"]

    def few(rows, taken, n):
        at = [x for _, x in taken] + [n]
        return rows[at[0]]["p"] <= rows[n]["p"] and len(at) < 6

    return rnd.choice([
        None,
        ("%s.p > %d" % (var, least), lambda rows, taken, n: rows[n]["p"] > least),
        ("p < %d" % least, lambda rows, taken, n: rows[n]["p"] < least),
        ("%s.p >= %s.p" % (var, other), not_less),
        ("LAST(%s.p, 1) IS NULL OR LAST(%s.p, 1) <= %s.p" % (var, var, var), rising),
        ("SUM(%s.p) < %d" % (var, total), lambda rows, taken, n: sum(rows[x]["p"] for x in rows_of(taken, var) + [n]) < total),
        ("FIRST(p) <= p AND COUNT(*) < 6", few)])


def make_case(rnd):
    while True:
        names = "ABCD"[:rnd.randint(1, 4)]
        quantifiers = [rnd.choice(list(QUANTIFIERS)) for _ in names]
        greedy = [q not in ("", "?", "{2}") and not q.endswith("?") for q in quantifiers]
        pattern = [(v, *QUANTIFIERS[q], g) for v, q, g in zip(names, quantifiers, greedy)]
        defines = {v: condition(rnd, v, names) for v in names}
        if not greedy[-1] and any(p[1] for p in pattern) and any(defines.values()):
            break
    skip, skip_var, within = rnd.choice(list(SKIPS)), rnd.choice(names), rnd.choice([None, None, 5, 9])
    measures = ", ".join("COUNT({0}.i) AS n{0}, FIRST({0}.i) AS f{0}, LAST({0}.i) AS l{0}".format(v) for v in names)
    sql = "SELECT * FROM r MATCH_RECOGNIZE (PARTITION BY k ORDER BY ts MEASURES %s, SUM(p) AS s AFTER MATCH %s PATTERN (%s)%s DEFINE %s)" % (
        measures, SKIPS[skip] + (skip_var if skip in ("first", "last") else ""), " ".join(v + q for v, q in zip(names, quantifiers)),
        " WITHIN INTERVAL '%d' SECOND" % within if within else "", ", ".join("%s AS %s" % (v, d[0]) for v, d in defines.items() if d))

    def expected(rows):
        result = []
        for key in "ab":
            mine = [r for r in rows if r["k"] == key]
            holds = lambda v, taken, n: defines[v] is None or defines[v][1](mine, taken, n)
            for taken in model.find(pattern, mine, holds, skip, skip_var, within):
                line = [key]
                for v in names:
                    at = [mine[n]["i"] for n in rows_of(taken, v)]
                    line += [len(at), at[0] if at else None, at[-1] if at else None]
                result.append(line + [sum(mine[n]["p"] for _, n in taken)])
        return result

    return sql, expected


def answer(args, rnd, table, sql):
    cmd = [os.path.join(args.bin, "penstock"), "run", "-", "-o", "json", "--progress", "never", "-p", rnd.choice("13"), "-m",
           rnd.choice(["streaming", "batch"]), "--set", "penstock.batch-rows=" + rnd.choice(["1", "2", "2048"])]
    out = subprocess.run(cmd, input=(table + sql + ";\n").encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
    last = [json.loads(line) for line in out.stdout.decode().split("\n") if line.startswith("{")][-1]
    return last.get("error"), [row for _, row in last.get("rows", [])]


def text(rows):
    return sorted("|".join("NULL" if v is None else str(v) for v in row) for row in rows)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--bin", default="build/bin")
    ap.add_argument("--seconds", type=float, default=60)
    ap.add_argument("--seed", type=int, default=1)
    args = ap.parse_args()
    rnd, until, n, matches, failed = random.Random(args.seed), time.monotonic() + args.seconds, 0, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        while time.monotonic() < until:
            rows, t = [], 0
            for i in range(60):
                t += rnd.choice([0, 1, 1, 2, 4])
                rows.append({"i": i, "k": rnd.choice("ab"), "p": rnd.randint(1, 6), "t": t})
            path = os.path.join(folder, "r.csv")
            with open(path, "w") as f:
                f.writelines("%d,%s,%d,2024-01-01 10:%02d:%02d\n" % (r["i"], r["k"], r["p"], r["t"] // 60, r["t"] % 60) for r in rows)
            table = ("CREATE TABLE r (i INT, k STRING, p INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '%d' SECOND) WITH "
                     "('connector' = 'filesystem', 'path' = '%s', 'format' = 'csv', 'scan.parallelism' = '1');\n" % (
                         rnd.choice([1, 3, 90]), path))
            sql, expected = make_case(rnd)
            error, got = answer(args, rnd, table, sql)
            n += 1
            try:
                want = expected(rows)
            except ValueError:
                right = error is not None and "SKIP TO" in error["message"]
                want = "an error of AFTER MATCH SKIP TO"
            else:
                right = error is None and text(got) == text(want)
                matches += len(want)
            if not right:
                failed += 1
                print("seed %d, pattern %d: %s\n  expected %s\n  got %s" % (args.seed, n, sql, want, error or got))
    print("%d patterns, %d matches, %d wrong" % (n, matches, failed))
    sys.exit(1 if failed or not matches else 0)


main()
