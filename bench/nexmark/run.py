#!/usr/bin/env python3
"""run.py - Nexmark's queries with a blackhole sink (q10: files): events per second and per core-second, peak memory, and the
ratios to Apache Flink 2.3.0 on a machine of the same kind (docs/performance.md says how its figures were taken) and to
hand-written programs that do the same work (bench/limit).

  run.py [--bin DIR] [--parallelism N] [--runs N] [--scale F] [--source made|pruned|both|json] [--checkpoints MS] [--limit DIR] [--out FILE] [QUERY...]

Each query runs over as many events as Flink's better run did (--scale changes that), with Nexmark's own settings. --source made:
the nexmark source makes every event whole, as the public generator does; pruned: only what the query reads; both: one
beside the other; json: JSON lines from disk, written once. CPU time (user and system) and peak memory are those of the worker, as
the operating system accounts them. Figures are the median of the runs, +- half their range."""
import argparse, glob, json, os, platform, re, shutil, statistics, subprocess, sys, tempfile, time
from collections import namedtuple

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.join(HERE, "../..")
# Flink's better state backend: M events, k events per core-second, peak MB.
Flink = namedtuple("Flink", "millions rate peak")
FLINK = {
    "q0": Flink(25, 310, 3104), "q1": Flink(25, 451, 3111), "q2": Flink(25, 479, 3106), "q3": Flink(25, 343, 4690),
    "q4": Flink(6, 108, 6239), "q5": Flink(10, 189, 5835), "q6": None, "q7": Flink(6, 59, 6725), "q8": Flink(15, 295, 4696),
    "q9": Flink(5, 61, 6300), "q10": Flink(12, 191, 3127), "q11": Flink(8, 206, 4583), "q12": Flink(15, 286, 4629),
    "q13": Flink(15, 244, 3127), "q14": Flink(20, 505, 3114), "q15": Flink(10, 129, 4552), "q16": Flink(3, 26, 6310),
    "q17": Flink(15, 234, 4819), "q18": Flink(6, 126, 4508), "q19": Flink(8, 84, 6617), "q20": Flink(6, 107, 6611),
    "q21": Flink(15, 207, 3119), "q22": Flink(20, 310, 3108), "q23": None}
MILLIONS_WITHOUT_FLINK = 5
JSON_MILLIONS = 2
SETTINGS = ["table.exec.mini-batch.enabled=true", "table.exec.mini-batch.allow-latency=2 s",
            "table.exec.mini-batch.size=50000", "table.optimizer.distinct-agg.split.enabled=true"]
MADE = "'connector' = 'nexmark', 'events.num' = '%d', 'first-event.rate' = '10000000', 'next-event.rate' = '10000000'"
Run = namedtuple("Run", "wall cpu peak")


def unit(text, units):
    m = re.match(r"([\d.]+) ?([a-zA-Z]+)", text)
    return float(m.group(1)) * units[m.group(2)]


def seconds(text):
    return sum(unit(part, {"ms": 1e-3, "s": 1, "min": 60, "h": 3600}) for part in re.findall(r"[\d.]+ [a-z]+", text))


def penstock(args, sql, settings):
    cmd = [os.path.join(args.bin, "penstock"), "run", "-", "-p", str(args.parallelism), "--progress", "never", "--usage"]
    for s in settings:
        cmd += ["--set", s]
    with tempfile.TemporaryFile() as err_file:
        p = subprocess.Popen(cmd, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=err_file)
        p.stdin.write(sql.encode())
        p.stdin.close()
        _, status, use = os.wait4(p.pid, 0)
        p.returncode = status
        err_file.seek(0)
        err = err_file.read().decode()
    if status:
        raise RuntimeError(err.strip()[-400:])
    wall = seconds(re.search(r", in (.*?)(;|$)", err, re.M).group(1))
    peak = re.search(r"worker w0: peak memory ([\d.]+ \w+),", err).group(1)
    others = seconds(re.search(r"coordinator: .* CPU (.*)", err).group(1))
    # To the millisecond; the command's own few are counted with the worker's.
    cpu = use.ru_utime + use.ru_stime - others
    return Run(wall, cpu, unit(peak, {"B": 1e-6, "kB": 1e-3, "MB": 1, "GB": 1e3}))


def tables(source):
    return open(os.path.join(HERE, "tables.sql")).read().replace("${SOURCE}", source)


def script(args, query, source, out):
    sql = open(os.path.join(HERE, "queries", query + ".sql")).read()
    for name, value in (("OUT", out), ("SIDE", os.path.join(out, "side.csv")), ("COUNT_CHAR", args.count_char)):
        sql = sql.replace("${%s}" % name, value)
    sql = re.sub(r"--.*", "", sql).strip()
    if "${SIDE}" in open(os.path.join(HERE, "queries", query + ".sql")).read():
        open(os.path.join(out, "side.csv"), "w").write("".join("%d,%d\n" % (i, i) for i in range(10000)))
    before, cut, select = sql.rpartition(";")
    into = "INSERT INTO sink" if "CREATE TABLE sink" in before else "CREATE TABLE sink WITH ('connector' = 'blackhole') AS"
    return "%s%s%s\n%s\n%s;\n" % (tables(source), before, cut, into, select.strip())


def events_of(args, query, kind):
    f = FLINK[query]
    millions = JSON_MILLIONS if kind == "json" else f.millions if f else MILLIONS_WITHOUT_FLINK
    return int(millions * 1e6 * args.scale)


def json_files(args, events):
    """Events as JSON lines, made once: one file per subtask."""
    folder = os.path.join(TOP, "build/bench/events-%d-p%d" % (events, args.parallelism))
    if not os.path.exists(folder):
        part = folder + ".part"
        shutil.rmtree(part, ignore_errors=True)
        sql = tables((MADE + ", 'base-time' = '1767225600000'") % events)
        types = re.search(r"CREATE TABLE events \((.*?)`dateTime` AS", sql, re.S).group(1).strip().rstrip(",")
        sql += "CREATE TABLE files (%s) WITH ('connector' = 'filesystem', 'path' = '%s', 'format' = 'json');\n" % (types, part)
        sql += "INSERT INTO files SELECT event_type, person, auction, bid FROM events;\n"
        penstock(args, sql, [])
        os.rename(part, folder)
    return folder


def source_of(args, kind, events):
    if kind == "json":
        return "'connector' = 'filesystem', 'path' = '%s', 'format' = 'json'" % json_files(args, events)
    return MADE % events + (", 'penstock.prune' = 'true'" if kind == "pruned" else "")


def run_query(args, query, kind):
    events = events_of(args, query, kind)
    source = source_of(args, kind, events)
    runs = []
    for _ in range(args.runs):
        with tempfile.TemporaryDirectory(prefix="nexmark-bench-") as out:
            settings = list(SETTINGS)
            if args.checkpoints:
                settings += ["execution.checkpointing.interval=%d ms" % args.checkpoints,
                             "execution.checkpointing.dir=file://%s/checkpoints" % out]
            runs.append(penstock(args, script(args, query, source, out), settings))
    return events, runs


def run_limit(args, query, events):
    """The hand-written program, one thread per core as the engine; None if there is none."""
    program = os.path.join(args.limit, query)
    if not os.path.exists(program):
        return None
    runs = []
    for _ in range(args.runs):
        p = subprocess.Popen([program, str(events), str(args.parallelism)], stdout=subprocess.DEVNULL)
        start = time.monotonic()
        _, status, use = os.wait4(p.pid, 0)
        if status:
            raise RuntimeError("%s failed" % program)
        runs.append(Run(time.monotonic() - start, use.ru_utime + use.ru_stime, use.ru_maxrss / 1e3))
    return runs


def figures(events, runs):
    rates = [events / r.cpu / 1e3 for r in runs]
    return {"events": events, "events_per_s": round(events / statistics.median(r.wall for r in runs)),
            "events_per_core_s": round(statistics.median(rates) * 1e3),
            "spread": round((max(rates) - min(rates)) / 2 / statistics.median(rates), 3),
            "ns_per_event": round(1e6 / statistics.median(rates), 1),
            "peak_mb": round(statistics.median(r.peak for r in runs), 1), "runs": [r._asdict() for r in runs]}


def measure(args, query, kinds):
    flink, result = FLINK[query], {}
    for kind in kinds:
        events, runs = run_query(args, query, kind)
        f = result[kind] = figures(events, runs)
        if flink and kind != "json":
            f["ratio_to_flink"] = round(f["events_per_core_s"] / flink.rate / 1e3, 1)
            f["peak_to_flink"] = round(f["peak_mb"] / flink.peak, 3)
        limit = run_limit(args, query, events) if args.limit and kind == "made" else None
        if limit:
            result["limit"] = figures(events, limit)
            f["share_of_limit"] = round(f["events_per_core_s"] / result["limit"]["events_per_core_s"], 2)
    return result


HEADER = "query source M events    k ev/s  k ev/core-s    +-  ns/event  peak MB    Flink  ratio  of its peak  limit k ev/core-s  share"


def lines_of(query, result):
    flink = FLINK[query]
    for kind, f in result.items():
        if kind == "limit":
            continue
        of_flink = "%8d %6.1f %11.1f%%" % (flink.rate, f["ratio_to_flink"], f["peak_to_flink"] * 100) if "ratio_to_flink" in f else " " * 28
        limit = " %18.0f %6.2f" % (result["limit"]["events_per_core_s"] / 1e3, f["share_of_limit"]) if "share_of_limit" in f else ""
        yield "%-5s %-6s %8.1f %9.0f %12.0f %4.0f%% %9.1f %8.1f %s%s" % (
            query, kind, f["events"] / 1e6, f["events_per_s"] / 1e3, f["events_per_core_s"] / 1e3, f["spread"] * 100, f["ns_per_event"],
            f["peak_mb"], of_flink, limit)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--bin", default=os.path.join(TOP, "build/bin"))
    ap.add_argument("--limit", help="folder of the hand-written programs")
    ap.add_argument("--parallelism", type=int, default=2)
    ap.add_argument("--runs", type=int, default=3)
    ap.add_argument("--scale", type=float, default=1.0)
    ap.add_argument("--source", choices=["made", "pruned", "both", "json"], default="made")
    ap.add_argument("--checkpoints", type=int, default=0, metavar="MS",
                    help="takes them this often, and one at the end, in a local folder")
    ap.add_argument("--out", help="also write the figures there as JSON")
    ap.add_argument("queries", nargs="*")
    args = ap.parse_args()
    args.count_char = os.path.abspath(os.path.join(args.bin, "../test/udf/libtext.so")) + "#count_char"
    kinds = ["made", "pruned"] if args.source == "both" else [args.source]
    results, failed = {}, []
    print(HEADER)
    for q in args.queries or FLINK:
        try:
            results[q] = measure(args, q, kinds)
        except RuntimeError as e:
            failed.append(q)
            print("%-5s failed: %s" % (q, e), flush=True)
            continue
        for line in lines_of(q, results[q]):
            print(line, flush=True)
    ratios = [r["made"]["ratio_to_flink"] for r in results.values() if "ratio_to_flink" in r.get("made", {})]
    if ratios:
        print("ratio to Flink over %d queries: least %.1f, geometric mean %.1f" % (len(ratios), min(ratios), statistics.geometric_mean(ratios)))
    if args.out:
        os.makedirs(os.path.dirname(os.path.abspath(args.out)), exist_ok=True)
        doc = {"machine": {"cpu": platform.processor() or platform.machine(), "cores": os.cpu_count()}, "time": int(time.time()),
               "parallelism": args.parallelism, "load": os.getloadavg()[0], "queries": results}
        json.dump(doc, open(args.out, "w"), indent=1)
    return 1 if failed else 0


sys.exit(main())
