#!/usr/bin/env python3
"""latency.py - how long events take from the nexmark source to the end of the sink at fixed rates: latency markers, one a
millisecond and source subtask, each stamped with when it was due, so that time during which the source itself is held up counts.

  latency.py [--bin DIR] [--parallelism N] [--seconds N] [--rates K,K...] [--out FILE] [QUERY...]

Prints percentiles in ms over the whole run, its start included, and the share of a core that the worker used. "behind": the source
did not reach the rate."""
import argparse, json, os, re, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.join(HERE, "../..")
SOURCE = ("'connector' = 'nexmark', 'events.num' = '%d', 'first-event.rate' = '%d', 'next-event.rate' = '%d', "
          "'rate.limited' = 'true'")
SETTINGS = ["metrics.latency.interval=1 ms", "table.exec.mini-batch.enabled=false"]
POINTS = ["p50", "p90", "p99", "p999", "p9999", "max"]


def script(query, rate, seconds):
    with open(os.path.join(HERE, "tables.sql")) as f:
        tables = f.read()
    with open(os.path.join(HERE, "queries", query + ".sql")) as f:
        text = f.read()
    sql = tables.replace("${SOURCE}", SOURCE % (rate * seconds, rate, rate)) + text
    return re.sub(r"\$\{SINK\}", "'connector' = 'blackhole'", sql)


def run(args, query, rate):
    name = "latency-%s-%d" % (query, os.getpid())
    cmd = [os.path.join(args.bin, "penstock"), "run", "-", "-p", str(args.parallelism), "--progress", "never", "--usage",
           "--set", "pipeline.name=" + name]
    for s in SETTINGS:
        cmd += ["--set", s]
    last, begin = None, time.monotonic()
    with tempfile.TemporaryFile() as err_file:
        p = subprocess.Popen(cmd, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=err_file)
        p.stdin.write(script(query, rate, args.seconds).encode())
        p.stdin.close()
        while p.poll() is None:
            top = subprocess.run([os.path.join(args.bin, "penstock"), "top", name, "--output", "json"], stdout=subprocess.PIPE,
                                 stderr=subprocess.DEVNULL)
            if not top.returncode:
                last = json.loads(top.stdout)
            time.sleep(0.5)
        wall = time.monotonic() - begin
        err_file.seek(0)
        err = err_file.read().decode()
    if p.returncode or not last:
        raise RuntimeError(err.strip()[-400:])
    cpu = re.search(r"worker w0: .*CPU ([\d.]+) (\w+)", err)
    cpu_s = float(cpu.group(1)) * {"ms": 1e-3, "s": 1, "min": 60}[cpu.group(2)]
    latency = last["vertices"][-1].get("latencyMs", {})
    return {"query": query, "rate": rate, "seconds": wall, "cores": cpu_s / wall, "behind": wall > args.seconds * 1.05 + 1,
            "latencyMs": latency}


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--bin", default=os.path.join(TOP, "build/bin"))
    ap.add_argument("--parallelism", type=int, default=2)
    ap.add_argument("--seconds", type=int, default=30)
    ap.add_argument("--rates", default="100,500,1000,2000", help="thousands of events a second")
    ap.add_argument("--out")
    ap.add_argument("queries", nargs="*", default=[])
    args = ap.parse_args()
    results = []
    print("%-5s %8s %6s %9s %s" % ("query", "k ev/s", "cores", "markers", "".join("%10s" % p for p in POINTS)))
    for query in args.queries or ["q0", "q5"]:
        for rate in args.rates.split(","):
            r = run(args, query, int(rate) * 1000)
            results.append(r)
            l = r["latencyMs"]
            print("%-5s %8s %6.2f %9d %s%s" % (query, rate, r["cores"], l.get("count", 0),
                                               "".join("%10.3f" % l.get(p, float("nan")) for p in POINTS),
                                               "  behind" if r["behind"] else ""), flush=True)
    if args.out:
        with open(args.out, "w") as f:
            json.dump(results, f, indent=1)


sys.exit(main())
