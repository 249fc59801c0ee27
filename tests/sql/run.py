#!/usr/bin/env python3
"""run.py - golden files: each *.test below tests/sql runs at batch size 1, 2 and 2048 and at parallelism 1 and 3, in the modes it
names, and must give the same rows every time.

  run.py [--bin DIR] [--update] [--quick] [FILE...]

A file is blocks separated by blank lines; # begins a comment line.

  modes streaming batch         (once, at the top; default: streaming)
  needs libnumbers.so           (once, at the top: the file is left out, and says so, where ${LIB} hasn't got this)

  statement                     (any statement that must succeed)
  CREATE VIEW ...

  query                         (rows compared sorted, changes folded; `query ordered`: as they come)
  SELECT ...
  ----
  1|ann|NULL

  prints out                    (lines of the print sink whose print-identifier is `out`, in order; looked at at parallelism 1)
  INSERT INTO t SELECT ...      (the sink's CREATE TABLE is another block)
  ----
  +I[1, ann]

  error validation nearest      (must fail with this class; the message must contain the rest of the line)
  SELECT nme FROM t

${DIR} is the folder of the test file, ${TMP} one that is new for each run, ${LIB} that of the libraries that make udf-libs builds. --update writes what came at batch size 2048,
parallelism 1, in the first mode. --quick runs only that and batch size 1 at parallelism 3."""
import argparse, collections, concurrent.futures, json, os, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))


class Block:
    def __init__(self, path, line, head, sql, rows, comments):
        self.path, self.line, self.head, self.sql, self.rows, self.comments = path, line, head, sql, rows, comments
        self.kind = head.split()[0]


def parse(path):
    top = []
    modes, blocks, lines, comments = ["streaming"], [], open(path).read().split("\n"), []
    i = 0
    while i < len(lines):
        if not lines[i].strip() or lines[i].startswith("#"):
            comments += [lines[i]] if lines[i] else []
            i += 1
            continue
        start, head = i + 1, lines[i].strip()
        i += 1
        if head.startswith("modes "):
            modes, top, comments = head.split()[1:], comments, []
            continue
        if head.startswith("needs "):
            continue
        body = []
        while i < len(lines) and lines[i].strip():
            if not lines[i].startswith("#"):
                body.append(lines[i])
            i += 1
        kind = head.split()[0]
        if kind not in ("statement", "query", "prints", "error"):
            sys.exit("%s:%d: unknown block '%s'" % (path, start, head))
        rows = None
        if kind in ("query", "prints"):
            if "----" not in body:
                body.append("----")
            cut = body.index("----")
            rows, body = body[cut + 1:], body[:cut]
        blocks.append(Block(path, start, head, "\n".join(body).rstrip(";"), rows, comments))
        comments = []
    return modes, blocks, top


def missing(args, path):
    """The library that a file needs and that isn't built here."""
    for line in open(path):
        words = line.split()
        if words[:1] == ["needs"] and not os.path.exists(os.path.join(args.bin, "../test/udf", words[1])):
            return words[1]
    return None


def run(args, path, blocks, mode, batch_rows, parallelism):
    with tempfile.TemporaryDirectory() as tmp:
        names = {"${DIR}": os.path.dirname(path), "${TMP}": tmp, "${LIB}": os.path.abspath(os.path.join(args.bin, "../test/udf"))}
        sql = "".join(b.sql + ";\n" for b in blocks)
        for name, value in names.items():
            sql = sql.replace(name, value)
        cmd = [os.path.join(args.bin, "penstock"), "run", "-", "-o", "json", "-k", "--progress", "never", "-m", mode,
               "-p", str(parallelism), "--set", "penstock.batch-rows=%d" % batch_rows]
        p = subprocess.run(cmd, input=sql.encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300)
    answers, prints = {}, collections.defaultdict(list)
    for line in p.stdout.decode().split("\n"):
        if line.startswith("{"):
            o = json.loads(line)
            answers[o["statement"]] = o
        elif "> " in line:
            name, row = line.split("> ", 1)
            prints[name].append(row)
    for i, b in enumerate(blocks):
        if b.kind == "prints" and i in answers:
            answers[i]["prints"] = prints[b.head.split()[1]]
    return answers, p.stderr.decode()


def text(row):
    return "|".join("NULL" if v is None else v.replace("\n", "\\n") for v in row)


def rows_of(block, o):
    if block.kind == "prints":
        return o["prints"]
    if "ordered" in block.head.split():
        return [text(r) for _, r in o["rows"]]
    rows = collections.Counter()
    for op, r in o["rows"]:
        rows[text(r)] += 1 if op in ("+I", "+U") else -1
    if any(n < 0 for n in rows.values()):
        return ["(a row was taken back that never came: %s)" % json.dumps(o["rows"])]
    return sorted(rows.elements())


def check(block, o, parallelism):
    if o is None:
        return "no answer"
    if block.kind == "error":
        words = block.head.split(None, 2)
        e = o.get("error")
        if not e:
            return "expected an error, got %s" % json.dumps(o)[:300]
        if len(words) > 1 and e["class"] != words[1]:
            return "expected a %s error, got %s: %s" % (words[1], e["class"], e["message"])
        if len(words) > 2 and words[2] not in e["message"]:
            return "expected '%s' in the message, got: %s" % (words[2], e["message"])
        return None
    if "error" in o:
        return "%s error: %s" % (o["error"]["class"], o["error"]["message"])
    if block.kind == "prints" and parallelism > 1:
        return None
    if block.kind in ("query", "prints") and rows_of(block, o) != block.rows:
        got = rows_of(block, o)
        return "expected %d rows, got %d\n      missing: %s\n      too many: %s" % (
            len(block.rows), len(got), list((collections.Counter(block.rows) - collections.Counter(got)).elements())[:10],
            list((collections.Counter(got) - collections.Counter(block.rows)).elements())[:10])
    return None


def update(args, path):
    modes, blocks, top = parse(path)
    answers, stderr = run(args, path, blocks, modes[0], 2048, 1)
    needs = [l for l in open(path).read().split("\n") if l.startswith("needs ")]
    out = "\n".join(top + ["modes %s" % " ".join(modes)] + needs) + "\n"
    for i, b in enumerate(blocks):
        o = answers.get(i)
        out += "\n" + "\n".join(b.comments + [b.head, b.sql]) + "\n"
        if b.kind in ("query", "prints"):
            if o is None or "error" in o:
                sys.exit("%s:%d: %s %s" % (path, b.line, o, stderr))
            out += "----\n" + "".join(r + "\n" for r in rows_of(b, o))
    open(path, "w").write(out)


def test(args, path):
    modes, blocks, _ = parse(path)
    failures, n = [], 0
    runs = [(m, b, p) for m in modes for b in (1, 2, 2048) for p in (1, 3)]
    if args.quick:
        runs = [(m, b, p) for m in modes for b, p in ((2048, 1), (1, 3))]
    for mode, batch_rows, parallelism in runs:
        try:
            answers, stderr = run(args, path, blocks, mode, batch_rows, parallelism)
        except subprocess.TimeoutExpired:
            failures.append("%s (%s, batch rows %d, parallelism %d): did not end" % (path, mode, batch_rows, parallelism))
            continue
        for i, b in enumerate(blocks):
            what = check(b, answers.get(i), parallelism)
            n += what is None
            if what:
                failures.append("%s:%d (%s, batch rows %d, parallelism %d): %s%s" % (
                    path, b.line, mode, batch_rows, parallelism, what, " " + stderr[-300:] if what == "no answer" else ""))
    return n, failures


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--bin", default=os.path.join(HERE, "../../build/bin"))
    ap.add_argument("--update", action="store_true")
    ap.add_argument("--quick", action="store_true")
    ap.add_argument("--jobs", type=int, default=2)
    ap.add_argument("files", nargs="*")
    args = ap.parse_args()
    files = [os.path.abspath(f) for f in args.files] or sorted(
        os.path.join(d, f) for d, _, fs in os.walk(HERE) for f in fs if f.endswith(".test"))
    for f in files:
        if missing(args, f):
            print("left out: %s needs %s" % (f, missing(args, f)))
    files = [f for f in files if not missing(args, f)]
    if args.update:
        for f in files:
            update(args, f)
        return 0
    passed, failures = 0, []
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for n, fails in pool.map(lambda f: test(args, f), files):
            passed += n
            failures += fails
    for f in failures[:20]:
        print("FAILED " + f)
    if len(failures) > 20:
        print("... and %d more" % (len(failures) - 20))
    print("%d passed, %d failed" % (passed, len(failures)))
    return 1 if failures or not passed else 0


sys.exit(main())
