#!/usr/bin/env python3
"""run.py - Nexmark queries on the nexmark source with a blackhole sink: events per second and per core-second, peak memory, and
the ratio to Apache Flink 2.3.0 (docs/performance.md says how its figures were taken).

  run.py [--bin DIR] [--parallelism N] [--runs N] [--prune] [--scale F] [QUERY...]

CPU time and memory are the worker's, as the operating system accounts them. The median of the runs is printed. Every event is made
whole, as the public generator makes it; --prune lets the source leave out what the query doesn't read."""
import argparse, os, re, statistics, subprocess, sys

HERE = os.path.dirname(os.path.abspath(__file__))
# Millions of events for a run of a few seconds; thousands of events per core-second that Flink did (its faster backend).
QUERIES = {"q0": (20, 310), "q1": (20, 451), "q2": (20, 479), "q3": (10, 343), "q4": (3, 108), "q5": (10, 189),
           "q8": (10, 295), "q11": (10, 206), "q12": (10, 286), "q17": (5, 234), "q18": (3, 126), "q22": (10, 310)}


def unit(text, units):
    m = re.match(r"([\d.]+) ?([a-zA-Z]+)", text)
    return float(m.group(1)) * units[m.group(2)]


def seconds(text):
    return sum(unit(part, {"ms": 1e-3, "s": 1, "min": 60, "h": 3600}) for part in re.findall(r"[\d.]+ [a-z]+", text))


def run(args, query, events):
    source = "'connector' = 'nexmark', 'events.num' = '%d', 'first-event.rate' = '10000000', 'next-event.rate' = '10000000'%s" % (
        events, ", 'penstock.prune' = 'true'" if args.prune else "")
    tables = open(os.path.join(HERE, "tables.sql")).read().replace("${SOURCE}", source)
    select = open(os.path.join(HERE, query + ".sql")).read()
    sql = tables + "CREATE TABLE sink WITH ('connector' = 'blackhole') AS\n" + select + ";\n"
    settings = ["table.exec.mini-batch.enabled=true", "table.exec.mini-batch.allow-latency=2 s",
                "table.exec.mini-batch.size=50000", "table.optimizer.distinct-agg.split.enabled=true"]
    cmd = [os.path.join(args.bin, "penstock"), "run", "-", "-p", str(args.parallelism), "--progress", "never", "--usage"]
    for s in settings:
        cmd += ["--set", s]
    p = subprocess.run(cmd, input=sql.encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    err = p.stderr.decode()
    if p.returncode:
        sys.exit("%s failed: %s" % (query, err))
    wall = seconds(re.search(r", in (.*?)(;|$)", err, re.M).group(1))
    m = re.search(r"worker w0: peak memory ([\d.]+ \w+), CPU (.*)", err)
    return wall, seconds(m.group(2)), unit(m.group(1), {"B": 1e-6, "kB": 1e-3, "MB": 1, "GB": 1e3})


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--bin", default=os.path.join(HERE, "../../build/bin"))
    ap.add_argument("--parallelism", type=int, default=2)
    ap.add_argument("--runs", type=int, default=3)
    ap.add_argument("--scale", type=float, default=1.0)
    ap.add_argument("--prune", action="store_true")
    ap.add_argument("queries", nargs="*")
    args = ap.parse_args()
    print("query   M events   k events/s   k events/core-s   Flink   ratio   peak MB")
    for q in args.queries or QUERIES:
        millions, flink = QUERIES[q]
        events = int(millions * args.scale * 1e6)
        runs = [run(args, q, events) for _ in range(args.runs)]
        wall, cpu, peak = (statistics.median(r[i] for r in runs) for i in range(3))
        print("%-5s %10.1f %12.0f %17.0f %7d %7.1f %9.1f" % (q, events / 1e6, events / wall / 1e3, events / cpu / 1e3, flink,
                                                             events / cpu / 1e3 / flink, peak), flush=True)


main()
