#!/usr/bin/env python3
"""run.py - runs the statements of tests/data/flinksql through `penstock run --output json` and compares types, values, changelogs
and error classes with what Apache Flink answered.

  run.py [--bin DIR] [--parallelism N] [--batch-rows N] [--data DIR] [--known FILE] expressions|errors|queries [ID...]

Prints the failures and closes with "N passed, N failed". With --known, failures listed there (one "part/id" a line, # comments)
don't count, but a listed one that passes at parallelism 1 does: the list stays true. Exit status 1 if anything unexpected happened."""
import argparse, collections, concurrent.futures, json, os, subprocess, sys, tempfile

TIMEOUT_S = 120


def penstock(args, sql, options):
    """Runs a script; returns (objects, print lines, stderr, exit status)."""
    cmd = [os.path.join(args.bin, "penstock"), "run", "-", "--output", "json", "--keep-going", "--progress", "never"]
    cmd += ["--parallelism", str(args.parallelism)] + options
    if args.batch_rows:
        cmd += ["--set", "penstock.batch-rows=%d" % args.batch_rows]
    p = subprocess.run(cmd, input=sql.encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=TIMEOUT_S)
    objects, lines = [], []
    for line in p.stdout.decode("utf-8", "replace").split("\n"):
        if line.startswith("{"):
            try:
                objects.append(json.loads(line))
                continue
            except ValueError:
                pass
        if line:
            lines.append(line)
    return objects, lines, p.stderr.decode("utf-8", "replace"), p.returncode


def error_class(o):
    return o.get("error", {}).get("class")


def split_top(s):
    """Elements of the text of a MAP or ARRAY: top-level parts between commas."""
    parts, depth, cur = [], 0, ""
    for c in s:
        depth += c in "[{(" 
        depth -= c in "]})"
        if c == "," and depth == 0:
            parts.append(cur.strip())
            cur = ""
        else:
            cur += c
    return parts + [cur.strip()] if cur.strip() else parts


def normal(v):
    """Maps have no order: their entries are sorted."""
    if isinstance(v, str) and v.startswith("{") and v.endswith("}"):
        return "{" + ", ".join(sorted(normal(p) for p in split_top(v[1:-1]))) + "}"
    if isinstance(v, str) and v.startswith("[") and v.endswith("]"):
        return "[" + ", ".join(normal(p) for p in split_top(v[1:-1])) + "]"
    return v


def normal_row(row):
    return tuple(normal(v) for v in row)


def check_expression(case, o):
    if o is None:
        return "no answer"
    if "error" in case:
        got = error_class(o)
        if got == case["error"]:
            return None
        if case.get("null_in_not_null"):
            return None
        return "expected error %s (%s), got %s" % (case["error"], case.get("message"), json.dumps(o)[-300:])
    if case.get("null_in_not_null") and ("error" in o or o["rows"] == [["+I", [None]]]):
        return None
    if "error" in o:
        return "expected %s %r, got error %s" % (case["type"], case.get("value"), json.dumps(o["error"]))
    t = o["schema"][0]["type"]
    if t != case["type"]:
        return "expected type %s, got %s (value %r, expected %r)" % (case["type"], t, o["rows"], case.get("value"))
    if case.get("nondeterministic"):
        return None
    if len(o["rows"]) != 1 or normal(o["rows"][0][1][0]) != normal(case["value"]):
        return "expected %r, got %r" % (case["value"], o["rows"])
    return None


def expression_sql(case):
    return "SELECT %s AS v FROM (VALUES (1)) AS t0(x0);\n" % case["expr"]


def run_expressions(args, cases):
    """Many to a process; one by one where a broken statement could swallow the next."""
    results = {}
    by_zone = collections.defaultdict(list)
    for c in cases:
        alone = c.get("error") == "parse" or c["expr"].count("'") % 2
        by_zone[(c.get("tz", "UTC"), c["id"] if alone else "")].append(c)

    def run(item):
        (zone, _), group = item
        sql = "SET 'table.local-time-zone' = '%s';\n" % zone + "".join(expression_sql(c) for c in group)
        objects, _, stderr, rc = penstock(args, sql, ["--mode", "batch"])
        by_index = {o["statement"]: o for o in objects if "statement" in o}
        out = {}
        for i, c in enumerate(group):
            what = check_expression(c, by_index.get(i + 1))
            out[c["id"]] = what and "%s: %s" % (c["expr"], what)
            if what == "no answer":
                out[c["id"]] += " (exit %d) %s" % (rc, stderr[-300:])
        return out

    chunks = []
    for key, group in by_zone.items():
        for i in range(0, len(group), 100):
            chunks.append((key, group[i:i + 100]))
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for r in pool.map(run, chunks):
            results.update(r)
    return results


def write_tables(q, dir):
    ddl = []
    for t in q.get("tables", []):
        with open(os.path.join(dir, t["name"] + ".jsonl"), "w") as f:
            for row in t["rows"]:
                f.write((row if isinstance(row, str) else json.dumps(row)) + "\n")
        ddl.append(t["ddl"].replace("${DIR}", dir))
    return ddl


def fold(changes, key=None):
    rows = collections.Counter()
    if key is not None:
        last = {}
        for op, row in changes:
            k = tuple(row[i] for i in key)
            if op in ("+I", "+U"):
                last[k] = row
            elif op == "-D":
                last.pop(k, None)
        return collections.Counter(last.values())
    for op, row in changes:
        if op in ("+I", "+U"):
            rows[row] += 1
        else:
            rows[row] -= 1
            if not rows[row]:
                del rows[row]
    return rows


def compare_sink(q, sink, changes):
    want_rows = [normal_row(r) for r in sink["rows"]]
    changes = [(op, normal_row(r)) for op, r in changes]
    key = None
    names = [c["name"] for c in sink["columns"]]
    if sink.get("fold_key"):
        key = [names.index(k) for k in sink["fold_key"]]
    elif sink.get("accept") == "upsert":
        key = [names.index(k) for k in sink["primary_key"]]
    if q.get("ordered"):
        got = [r for _, r in changes]
        if got != want_rows:
            return "rows in order: expected %s, got %s" % (want_rows, got)
        return None
    if fold(changes, key) != collections.Counter(want_rows):
        return "rows: expected %s, got %s" % (sorted(map(str, want_rows)), sorted(map(str, fold(changes, key).elements())))
    # "folded": run a second time, Flink itself sent other changes: which input was read first decides.
    firm = q["_exact"] and q.get("second_run") != "folded"
    if q.get("append_only") and firm and any(op != "+I" for op, _ in changes):
        return "an append-only result has changes: %s" % changes
    exact = q.get("changelog_order") == "exact" and sink.get("changelog") and q["_exact"]
    if exact:
        want = [(c["op"], normal_row(c["row"])) for c in sink["changelog"]]
        if changes != want:
            return "changelog: expected %s, got %s" % (want, changes)
    return None


def query_script(q, dir):
    lines = ["SET '%s' = '%s'" % kv for kv in q.get("config", {}).items()]
    lines += write_tables(q, dir) + list(q.get("setup", []))
    if "query" in q:
        return lines + [q["query"]]
    for s in q["sinks"]:
        cols = ", ".join("`%s` %s" % (c["name"], c["type"]) for c in s["columns"])
        if s.get("primary_key"):
            cols += ", PRIMARY KEY (%s) NOT ENFORCED" % ", ".join("`%s`" % k for k in s["primary_key"])
        mode = ", 'changelog-mode' = 'I,UA,D'" if s.get("accept") == "upsert" else ""
        lines.append("CREATE TABLE `%s` (%s) WITH ('connector' = 'print', 'print-identifier' = '%s'%s)" % (s["name"], cols, s["name"], mode))
    if len(q["inserts"]) == 1:
        return lines + q["inserts"]
    return lines + ["EXECUTE STATEMENT SET BEGIN " + " ".join(i + ";" for i in q["inserts"]) + " END"]


def check_query(args, q):
    q["_exact"] = args.parallelism == 1
    with tempfile.TemporaryDirectory() as dir:
        script = query_script(q, dir)
        objects, lines, stderr, rc = penstock(args, ";\n".join(script) + ";\n", ["--mode", q["mode"]])
    last = next((o for o in objects if o.get("statement") == len(script) - 1), None)
    first_bad = next((o for o in objects if "error" in o), None)
    if "expect" in q:
        if first_bad is None:
            return "expected error %s (%s), got rows %s" % (q["expect"]["error"], q["expect"].get("message"), (last or {}).get("rows"))
        if error_class(first_bad) != q["expect"]["error"]:
            return "expected error %s, got %s" % (q["expect"]["error"], json.dumps(first_bad["error"]))
        return None
    if first_bad is not None:
        return "error %s" % json.dumps(first_bad["error"])
    if last is None:
        return "no answer (exit %d): %s" % (rc, stderr[-500:])
    if "query" in q:
        types = ["%s %s" % (c["name"], c["type"]) for c in last["schema"]]
        if types != q["query_schema"]:
            return "schema: expected %s, got %s" % (q["query_schema"], types)
        return compare_sink(q, q["sinks"][0], [(op, row) for op, row in last["rows"]])
    for s in q["sinks"]:
        got = []
        for line in lines:
            head, _, rest = line.partition("> ")
            if head.split(":")[0] == s["name"]:
                got.append(rest)
        want = s.get("print")
        if want is not None and (got != want if q.get("append_only") is False and args.parallelism == 1 else sorted(got) != sorted(want)):
            return "sink %s: expected %s, got %s" % (s["name"], want, got)
        if want is None and len(got) != len(s["rows"]):
            return "sink %s: expected %d rows, got %s" % (s["name"], len(s["rows"]), got)
    return None


def check_error(args, case, std):
    with tempfile.TemporaryDirectory() as dir:
        setup = std if case["setup"] == "std" else case["setup"]
        for name, row in (("ev", '{"k":"a","v":1,"d":1.5,"ts":"2024-01-01 10:00:00"}'), ("plain", '{"k":"a","v":1,"ts":"2024-01-01 10:00:00","arr":[1],"r":{"a":1,"b":"x"}}')):
            with open(os.path.join(dir, name + ".jsonl"), "w") as f:
                f.write(row + "\n")
        script = [s.replace("${DIR}", dir) for s in setup]
        objects, _, stderr, rc = penstock(args, "".join(s + ";\n" for s in script) + case["sql"] + ";\n", ["--mode", case["mode"]])
    mine = [o for o in objects if o.get("statement", -1) >= len(script)]
    bad = next((o for o in objects if "error" in o), None)
    got = error_class(bad) if bad else "none"
    if bad and bad["statement"] < len(script):
        return "setup failed: %s" % json.dumps(bad)
    if not mine and not bad:
        return "no answer (exit %d): %s" % (rc, stderr[-300:])
    if got != case["error"]:
        return "%s: expected %s (%s), got %s" % (case["sql"], case["error"], case.get("message"), json.dumps(bad["error"]) if bad else "none")
    return None


def run_each(args, cases, check):
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        def guarded(c):
            try:
                return check(c)
            except subprocess.TimeoutExpired:
                return "did not end within %d s" % TIMEOUT_S
        return dict(zip((c["id"] for c in cases), pool.map(guarded, cases)))


def load(args):
    path = lambda *p: os.path.join(args.data, *p)
    if args.part == "queries":
        return [json.load(open(path("queries", f))) for f in sorted(os.listdir(path("queries"))) if f.endswith(".json")]
    return [json.loads(line) for line in open(path(args.part + ".jsonl")) if line.strip()]


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    ap = argparse.ArgumentParser()
    ap.add_argument("--bin", default=os.path.join(here, "../../build/bin"))
    ap.add_argument("--data", default=os.path.join(here, "../data/flinksql"))
    ap.add_argument("--parallelism", type=int, default=1)
    ap.add_argument("--batch-rows", type=int, default=0)
    ap.add_argument("--jobs", type=int, default=2)
    ap.add_argument("--known", action="append", default=[])
    ap.add_argument("--quiet", action="store_true")
    ap.add_argument("part", choices=["expressions", "errors", "queries"])
    ap.add_argument("ids", nargs="*")
    args = ap.parse_args()
    cases = [c for c in load(args) if not args.ids or c["id"] in args.ids]
    if args.part == "expressions":
        results = run_expressions(args, cases)
    elif args.part == "errors":
        std = [s.strip() for s in open(os.path.join(args.data, "errors_setup.sql")).read().split(";\n") if s.strip()]
        results = run_each(args, cases, lambda c: check_error(args, c, std))
    else:
        results = run_each(args, cases, lambda c: check_query(args, c))
    known = set()
    for path in args.known:
        known |= {l.split("#")[0].strip() for l in open(path)} - {""}
    groups = collections.defaultdict(lambda: [0, 0])
    passed = failed = expected = 0
    for c in cases:
        what = results.get(c["id"], "not run")
        name = args.part + "/" + c["id"]
        groups[c.get("group", "")][what is not None] += 1
        if what is None and name in known and args.parallelism == 1:  # others compare less
            failed += 1
            print("PASSES though listed as a known failure: %s" % name)
        elif what is None:
            passed += 1
        elif name in known:
            expected += 1
        else:
            failed += 1
            if not args.quiet:
                print("FAILED %s\n    %s" % (name, what[:1500]))
    for g in sorted(groups):
        print("  %-14s %4d passed, %3d failed" % (g, groups[g][0], groups[g][1]))
    if expected:
        print("%d known failures" % expected)
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed or not passed else 0


sys.exit(main())
