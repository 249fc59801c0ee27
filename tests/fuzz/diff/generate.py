"""generate.py - random tables and queries, each in two dialects: Flink SQL, and SQLite's with the same meaning.

What is random is drawn from Choices, a list of numbers that can be recorded, changed and played again: run.py makes a failing
query small by taking numbers out and making them smaller. So 0 is always the plainest choice.

Types, and how SQLite holds them: I BIGINT integer, D DECIMAL(10, 2) integer of hundredths, S STRING text, B BOOLEAN 0 or 1,
T TIMESTAMP(3) integer of ms, A DATE text."""
import datetime, random

TYPES = "ISDBTA"
SQL_TYPE = {"I": "BIGINT", "S": "STRING", "D": "DECIMAL(10, 2)", "B": "BOOLEAN", "T": "TIMESTAMP(3)", "A": "DATE"}
EPOCH = datetime.datetime(1970, 1, 1)
BASE_MS = 1704103200000  # 2024-01-01 10:00:00
WORDS = ["", "a", "b", "ab", "ba", "é", "日本", "a long string of text", "a long string of text, and more", "A", "%", "x_y", "'"]


class Choices:
    def __init__(self, seed=None, played=None):
        self.rng = random.Random(seed)
        self.played, self.at, self.taken = played, 0, []

    def pick(self, n):
        """A number below n."""
        if self.played is None:
            v = self.rng.randrange(n)
        else:
            v = min(self.played[self.at], n - 1) if self.at < len(self.played) else 0
            self.at += 1
        self.taken.append(v)
        return v

    def chance(self, percent):
        return self.pick(100) >= 100 - percent

    def of(self, items):
        return items[self.pick(len(items))]


def timestamp_text(ms):
    return (EPOCH + datetime.timedelta(milliseconds=ms)).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def literal(t, v):
    """(Flink, SQLite) of a value as SQLite holds it."""
    if v is None:
        return "CAST(NULL AS %s)" % SQL_TYPE[t], "NULL"
    if t == "I":
        return str(v), str(v)
    if t == "D":
        return "%s%d.%02d" % ("-" if v < 0 else "", abs(v) // 100, abs(v) % 100), str(v)
    if t == "S":
        s = "'%s'" % v.replace("'", "''")
        return s, s
    if t == "B":
        return ("TRUE", "1") if v else ("FALSE", "0")
    if t == "T":
        return "TIMESTAMP '%s'" % timestamp_text(v), str(v)
    return "DATE '%s'" % v, "'%s'" % v


def value(c, t):
    if t == "I":
        return c.of([0, 1, 2, 3, -1, 7, 10, -100, 999])
    if t == "D":
        return c.of([0, 100, 50, -1, 1999, -12345, 100000])
    if t == "S":
        return c.of(WORDS)
    if t == "B":
        return c.pick(2)
    if t == "T":
        return BASE_MS + 500 * c.pick(40)
    return "2024-0%d-1%d" % (1 + c.pick(3), c.pick(3))


class Table:
    """id is unique, ts the event time (never NULL), the other columns have NULLs and duplicates. A changelog table (cdc) has a
    history that leads to its rows; it has no event time, and batch mode refuses it, as Flink's does."""

    def __init__(self, c, name, cdc):
        self.name, self.cdc = name, cdc
        self.columns = [("id", "I"), ("ts", "T")] + [("c%d" % i, c.of("IISSDBA")) for i in range(2 + c.pick(4))]
        n = c.of([5, 0, 1, 12, 12, 30, 60])
        nulls = c.of([0, 10, 40])
        self.unique_ts = c.pick(2) == 0
        # Rows that come in the order of their times: of those that don't, deduplication forgets the older ones.
        self.in_order = self.unique_ts and c.pick(2) == 0
        order = list(range(n))
        if not self.in_order:
            c.rng.shuffle(order)
        self.rows = []
        for i in range(n):
            row = [i, BASE_MS + 500 * (order[i] if self.unique_ts else c.pick(40))]
            row += [None if c.chance(nulls) else value(c, t) for _, t in self.columns[2:]]
            self.rows.append(row)
        self.history = self.make_history(c, nulls) if cdc else []

    def make_history(self, c, nulls):
        """[(id, row before, row after)]: inserts, updates that end in the table's rows, and rows that go again."""
        def other(row):
            return row[:2] + [v if c.chance(50) else None if c.chance(nulls) else value(c, t)
                              for v, (_, t) in zip(row[2:], self.columns[2:])]
        lives = []
        for row in self.rows:
            versions = [other(row) for _ in range(c.pick(3))] + [row]
            lives.append([(row[0], b, a) for b, a in zip([None] + versions, versions)])
        for i in range(c.pick(6)):
            if self.rows:
                row = other([1000 + i] + c.of(self.rows)[1:])
                lives.append([(row[0], None, row), (row[0], row, None)])
        history = []
        while lives:
            life = lives[c.rng.randrange(len(lives))]
            history.append(life.pop(0))
            if not life:
                lives.remove(life)
        return history


class Expr:
    def __init__(self, t, flink, lite):
        self.t, self.flink, self.lite = t, flink, lite


def both(t, text, *args):
    return Expr(t, text % tuple(a.flink for a in args), text % tuple(a.lite for a in args))


class Query:
    """flink, lite (None: SQLite hasn't got this), columns [(name, type)]."""

    def __init__(self, flink, lite, columns):
        self.flink, self.lite, self.columns = flink, lite, columns


class Generator:
    def __init__(self, c, tables):
        self.c, self.tables, self.n = c, tables, 0
        self.timed = [t for t in tables if not t.cdc]

    def name(self, prefix):
        self.n += 1
        return "%s%d" % (prefix, self.n)

    # ---- expressions ----

    def columns_of(self, scope, t):
        return [e for e in scope if e.t == t]

    def expr(self, scope, t, depth=2):
        """scope: Exprs that are columns."""
        c, columns = self.c, self.columns_of(scope, t)
        kind = c.pick(2 + 4 * depth) if depth else c.pick(2)
        if kind == 0 and columns or (kind < 4 and len(columns) > 1 and c.chance(60)):
            return c.of(columns)
        if kind <= 1:
            return Expr(t, *literal(t, None if c.chance(8) else value(c, t)))
        d = depth - 1
        if kind == 2:
            return both(t, "COALESCE(%s, %s)", self.expr(scope, t, d), self.expr(scope, t, d))
        if kind == 3:
            e = self.expr(scope, t, d)
            return both(t, "CASE WHEN %s THEN %s ELSE %s END", self.predicate(scope, d), e, self.expr(scope, t, d))
        if kind == 4:
            return both(t, "NULLIF(%s, %s)", self.expr(scope, t, d), self.expr(scope, t, 0))
        return getattr(self, "expr_" + t)(scope, d)

    def expr_I(self, scope, d):
        c = self.c
        kind = c.pick(8)
        x = self.expr(scope, "I", d)
        if kind < 2:
            return both("I", "(%s " + "+-"[kind] + " %s)", x, self.expr(scope, "I", 0))
        if kind == 2:
            return both("I", "(%s * %s)", self.expr(scope, "I", 0), self.expr(scope, "I", 0))
        if kind == 3:
            return both("I", "(%s / " + str(c.of([2, 3, -7])) + ")", x)
        if kind == 4:
            m = c.of([2, 3, 10])
            return Expr("I", "MOD(%s, %d)" % (x.flink, m), "(%s %% %d)" % (x.lite, m))
        if kind == 5:
            s = self.expr(scope, "S", d)
            return Expr("I", "CHAR_LENGTH(%s)" % s.flink, "LENGTH(%s)" % s.lite)
        if kind == 6:
            e = self.expr(scope, "D", d)
            return Expr("I", "CAST(%s AS BIGINT)" % e.flink, "(%s / 100)" % e.lite)
        return both("I", "ABS(%s)", x)

    def expr_D(self, scope, d):
        op = self.c.of(["+", "-"])
        return both("D", "(%s " + op + " %s)", self.expr(scope, "D", d), self.expr(scope, "D", 0))

    def expr_S(self, scope, d):
        c, kind = self.c, self.c.pick(6)
        s = self.expr(scope, "S", d)
        if kind == 4:
            return both("S", "TRIM(%s)", s)
        if kind == 5:
            return Expr(
                "S", "LPAD(%s, 3, '*')" % s.flink,
                "(CASE WHEN LENGTH(%s) >= 3 THEN SUBSTR(%s, 1, 3) ELSE SUBSTR('***', 1, 3 - LENGTH(%s)) || %s END)" % ((s.lite,) * 4))
        if kind == 0:
            return both("S", "(%s || %s)", s, self.expr(scope, "S", 0))
        if kind == 1:
            a, n = 1 + c.pick(3), c.pick(4)
            return Expr("S", "SUBSTRING(%s FROM %d FOR %d)" % (s.flink, a, n), "SUBSTR(%s, %d, %d)" % (s.lite, a, n))
        if kind == 2:
            return both("S", "REPLACE(%s, 'a', 'bb')", s)
        return both("S", "CAST(%s AS " + c.of(["VARCHAR(100)"]) + ")", self.expr(scope, "I", d))

    def expr_B(self, scope, d):
        return self.predicate(scope, d)

    def expr_T(self, scope, d):
        e = self.expr(scope, "T", d)
        s = 1 + self.c.pick(30)
        return Expr("T", "(%s + INTERVAL '%d' SECOND)" % (e.flink, s), "(%s + %d)" % (e.lite, s * 1000))

    def expr_A(self, scope, d):
        return both("A", "CASE WHEN %s THEN %s END", self.predicate(scope, d), self.expr(scope, "A", d))

    def predicate(self, scope, depth=2):
        c = self.c
        kind = c.pick(9 if depth else 3)
        t = c.of([e.t for e in scope] or ["I"])
        x = self.expr(scope, t, min(depth, 1))
        if kind == 0:
            op = c.of(["=", "<>", "<", "<=", ">", ">="]) if t != "B" else "="
            return both("B", "(%s " + op + " %s)", x, self.expr(scope, t, 0))
        if kind == 1:
            return both("B", "(%s IS " + c.of(["", "NOT "]) + "NULL)", x)
        if kind == 2:
            if t == "B":
                return both("B", "(%s IS NOT TRUE)", x)
            vs = [self.expr([], t, 0) for _ in range(1 + c.pick(3))]
            neg = c.of(["", "NOT "])
            return Expr("B", "(%s %sIN (%s))" % (x.flink, neg, ", ".join(v.flink for v in vs)),
                        "(%s %sIN (%s))" % (x.lite, neg, ", ".join(v.lite for v in vs)))
        d = depth - 1
        if kind == 3:
            return both("B", "(%s AND %s)", self.predicate(scope, d), self.predicate(scope, d))
        if kind == 4:
            return both("B", "(%s OR %s)", self.predicate(scope, d), self.predicate(scope, d))
        if kind == 5:
            return both("B", "(NOT %s)", self.predicate(scope, d))
        if kind == 6:
            s = self.expr(scope, "S", d)
            p = c.of(["a%", "%b%", "_", "%", "a_%", "%é%"])
            return Expr("B", "(%s LIKE '%s')" % (s.flink, p), "(%s LIKE '%s')" % (s.lite, p))
        if kind == 7 and t != "B":
            return both("B", "(%s BETWEEN %s AND %s)", x, self.expr(scope, t, 0), self.expr(scope, t, 0))
        return both("B", "(%s IS " + c.of(["NOT ", ""]) + "DISTINCT FROM %s)", x, self.expr(scope, t, 0))

    # ---- FROM ----

    def scope_of(self, alias, columns):
        return [Expr(t, "%s.%s" % (alias, n), "%s.%s" % (alias, n)) for n, t in columns]

    def source(self, depth, joins=True):
        """(FROM text of both, scope); SQLite's is None where it has none."""
        c = self.c
        kind = c.pick(6 if joins else 5) if depth else 0
        alias = self.name("a")
        if kind <= 2:
            t = c.of(self.tables)
            text = "%s AS %s" % (t.name, alias)
            return text, text, self.scope_of(alias, t.columns)
        if kind <= 4:
            q = self.query(depth - 1)
            lite = None if q.lite is None else "(%s) AS %s" % (q.lite, alias)
            return "(%s) AS %s" % (q.flink, alias), lite, self.scope_of(alias, q.columns)
        return self.join(depth - 1)

    def equal_pairs(self, left, right):
        return [(l, r) for l in left for r in right if l.t == r.t and l.t != "B"]

    def join(self, depth):
        c = self.c
        lf, ll, left = self.source(depth)
        rf, rl, right = self.source(0 if c.chance(50) else depth, joins=False)
        pairs = self.equal_pairs(left, right)
        how = c.of(["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "JOIN", "CROSS JOIN"])
        if how == "CROSS JOIN" and depth and pairs:
            how = "JOIN"
        if how == "CROSS JOIN" or not pairs:
            lite = None if ll is None or rl is None else "%s CROSS JOIN %s" % (ll, rl)
            return "%s CROSS JOIN %s" % (lf, rf), lite, left + right
        on = [both("B", "%s = %s", *c.of(pairs)) for _ in range(1 + c.pick(2))]
        if c.chance(25):
            p = self.predicate(left + right, 1)
            # SQLite 3.40 takes a constant condition, or a constant part of one, for the whole query's.
            if any(e.flink in p.flink for e in left + right) and " AND (" not in p.flink:
                on.append(p)
        if c.chance(10):
            on[0] = both("B", "%s IS NOT DISTINCT FROM %s", *c.of(pairs))
        flink, lite = " AND ".join(e.flink for e in on), " AND ".join(e.lite for e in on)
        lite = None if ll is None or rl is None else "%s %s %s ON %s" % (ll, how, rl, lite)
        return "%s %s %s ON %s" % (lf, how, rf, flink), lite, left + right

    # ---- queries ----

    def put(self, select, lite_select, frm, lite_from, tail="", lite_tail=None):
        flink = "SELECT %s FROM %s%s" % (select, frm, tail)
        lite = None if lite_from is None else "SELECT %s FROM %s%s" % (lite_select, lite_from,
                                                                       tail if lite_tail is None else lite_tail)
        return flink, lite

    def items(self, exprs):
        names = [self.name("x") for _ in exprs]
        return (", ".join("%s AS %s" % (e.flink, n) for e, n in zip(exprs, names)),
                ", ".join("%s AS %s" % (e.lite, n) for e, n in zip(exprs, names)), [(n, e.t) for e, n in zip(exprs, names)])

    def where(self, scope, depth):
        c = self.c
        kind = c.pick(8)
        if kind < 3:
            return "", ""
        if kind < 6 or not depth:
            p = self.predicate(scope)
        else:
            p = self.subquery_predicate(scope, depth)
            if p is None:
                return "", None
        return " WHERE " + p.flink, " WHERE " + p.lite

    def subquery_predicate(self, scope, depth):
        """IN, NOT IN, EXISTS, NOT EXISTS; a comparison with a scalar subquery."""
        c = self.c
        frm, lite_from, inner = self.source(0)
        pairs = [(o, i) for o in scope for i in inner if o.t == i.t and o.t != "B"]
        neg = c.of(["", "", "NOT "])
        filt = self.predicate(inner, 1) if c.chance(50) else Expr("B", "TRUE", "1")
        if not pairs or lite_from is None:
            return Expr("B", "TRUE", "1")
        o, i = c.of(pairs)
        kind = c.pick(4)
        if kind == 0:
            return Expr("B", "%s %sIN (SELECT %s FROM %s WHERE %s)" % (o.flink, neg, i.flink, frm, filt.flink),
                        "%s %sIN (SELECT %s FROM %s WHERE %s)" % (o.lite, neg, i.lite, lite_from, filt.lite))
        if kind == 1:
            return Expr("B", "%sEXISTS (SELECT 1 FROM %s WHERE %s = %s AND %s)" % (neg, frm, i.flink, o.flink, filt.flink),
                        "%sEXISTS (SELECT 1 FROM %s WHERE %s = %s AND %s)" % (neg, lite_from, i.lite, o.lite, filt.lite))
        f = c.of(["MAX", "MIN"])
        op = c.of(["=", ">=", "<"])
        if kind == 2:
            return Expr("B", "%s %s (SELECT %s(%s) FROM %s WHERE %s)" % (o.flink, op, f, i.flink, frm, filt.flink),
                        "%s %s (SELECT %s(%s) FROM %s WHERE %s)" % (o.lite, op, f, i.lite, lite_from, filt.lite))
        k1, k2 = c.of(pairs)
        return Expr("B", "%s %s (SELECT %s(%s) FROM %s WHERE %s = %s)" % (o.flink, op, f, i.flink, frm, k2.flink, k1.flink),
                    "%s %s (SELECT %s(%s) FROM %s WHERE %s = %s)" % (o.lite, op, f, i.lite, lite_from, k2.lite, k1.lite))

    def query(self, depth):
        c = self.c
        kinds = [self.select, self.aggregate, self.aggregate, self.topn, self.setop, self.distinct]
        if depth >= 2:
            kinds += [self.limit, self.over, self.window, self.interval_join, self.select, self.with_twice, self.last,
                      self.window_join, self.grouping_sets, self.window_topn, self.over_updates, self.ranks, self.session,
                      self.temporal]
        return kinds[c.pick(len(kinds))](depth)

    def select(self, depth):
        c = self.c
        frm, lite_from, scope = self.source(depth)
        tail, lite_tail = self.where(scope, depth)
        exprs = [self.expr(scope, c.of([e.t for e in scope])) for _ in range(1 + c.pick(4))]
        a, b, columns = self.items(exprs)
        if lite_tail is None:
            lite_from = None
        return Query(*self.put(a, b, frm, lite_from, tail, lite_tail), columns)

    def distinct(self, depth):
        q = self.select(depth)
        return Query(q.flink.replace("SELECT ", "SELECT DISTINCT ", 1),
                     q.lite and q.lite.replace("SELECT ", "SELECT DISTINCT ", 1), q.columns)

    def aggregate_call(self, scope):
        c = self.c
        f = c.of(["COUNT(*)", "COUNT", "SUM", "MIN", "MAX", "AVG", "COUNT DISTINCT", "SUM DISTINCT"])
        filt = self.predicate(scope, 1) if c.chance(20) else None
        tail = (" FILTER (WHERE %s)" % filt.flink, " FILTER (WHERE %s)" % filt.lite) if filt else ("", "")
        if f == "COUNT(*)":
            return Expr("I", "COUNT(*)" + tail[0], "COUNT(*)" + tail[1])
        types = [e.t for e in scope]
        if f in ("SUM", "SUM DISTINCT", "AVG"):
            types = [t for t in types if t in ("ID" if f != "AVG" else "I")] or ["I"]
        elif f in ("MIN", "MAX"):
            types = [t for t in types if t != "B"] or ["I"]
        x = self.expr(scope, c.of(types), 1)
        if f in ("SUM", "SUM DISTINCT", "AVG") and x.t == "I" and x not in scope:
            x = Expr("I", "CAST(%s AS BIGINT)" % x.flink, x.lite)  # Flink's SUM of INTs wraps around at 32 bits
        if f == "AVG":
            return Expr("I", "AVG(%s)%s" % (x.flink, tail[0]),
                        "(SUM(%s)%s / COUNT(%s)%s)" % (x.lite, tail[1], x.lite, tail[1]))
        name, _, distinct = f.partition(" ")
        arg = "DISTINCT " if distinct else ""
        return Expr("I" if name == "COUNT" else x.t, "%s(%s%s)%s" % (name, arg, x.flink, tail[0]),
                    "%s(%s%s)%s" % (name, arg, x.lite, tail[1]))

    def aggregate(self, depth):
        c = self.c
        frm, lite_from, scope = self.source(depth)
        tail, lite_tail = self.where(scope, depth)
        n_keys = c.pick(4)
        keys = [self.expr(scope, c.of([e.t for e in scope]), 0 if c.chance(80) else 1) for _ in range(n_keys)]
        keys = [k for k in keys if k.lite[:1] in "a("]  # columns and computed ones: SQLite takes literals for positions
        calls = [self.aggregate_call(scope) for _ in range(1 + c.pick(3))]
        a, b, columns = self.items(keys + calls)
        group = " GROUP BY " + ", ".join(k.flink for k in keys)
        lite_group = " GROUP BY " + ", ".join(k.lite for k in keys)
        if not keys:
            # Over no rows streaming gives nothing, SQLite (and batch mode) one row.
            group = lite_group = " HAVING COUNT(*) > 0"
        elif c.chance(25):
            h = self.aggregate_call(scope)
            p = both("B", " HAVING %s IS NOT NULL", h) if c.chance(30) else both(
                "B", " HAVING %s >= %s", h, Expr(h.t, *literal(h.t, value(c, h.t))))
            group, lite_group = group + p.flink, lite_group + p.lite
        if lite_tail is None:
            lite_from, lite_tail = None, ""
        return Query(*self.put(a, b, frm, lite_from, tail + group, lite_tail + lite_group), columns)

    def order_by(self, columns, alias=None):
        """All columns, so that equal ranks are equal rows."""
        c = self.c
        rest, out = list(columns), []
        while rest:
            n, _ = rest.pop(c.pick(len(rest)))
            out.append("%s%s%s" % (alias + "." if alias else "", n, c.of(["", " DESC"])))
        return ", ".join(out)

    def topn(self, depth):
        c = self.c
        q = self.select(depth) if c.chance(70) else self.aggregate(depth)
        partition = c.of(["", q.columns[0][0], q.columns[-1][0]])
        over = "ROW_NUMBER() OVER (%sORDER BY %s)" % (
            "PARTITION BY %s " % partition if partition else "", self.order_by(q.columns))
        a, b, n = self.name("a"), self.name("a"), self.name("x")
        low, high = c.of([(1, 1), (1, 2), (1, 4), (2, 3)])
        columns = q.columns + ([(n, "I")] if c.chance(40) else [])
        text = "SELECT %s FROM (SELECT %s, %s AS %s FROM (%%s) AS %s) AS %s WHERE %s" % (
            ", ".join(x for x, _ in columns), ", ".join(x for x, _ in q.columns), over, n, a, b,
            "%s <= %d" % (n, high) if low == 1 else "%s BETWEEN %d AND %d" % (n, low, high))
        return Query(text.replace("%s", q.flink, 1),
                     q.lite and text.replace("%s", q.lite, 1), columns)

    def limit(self, depth):
        c = self.c
        q = self.query(depth - 1)
        a = self.name("a")
        tail = " ORDER BY %s LIMIT %d" % (self.order_by(q.columns), 1 + c.pick(5))
        head = "SELECT * FROM (%s) AS " + a + tail
        return Query(head.replace("%s", q.flink, 1), q.lite and head.replace("%s", q.lite, 1), q.columns)

    def setop(self, depth):
        c = self.c
        l, r = self.select(depth - 1 if depth else 0), self.select(0)
        op = c.of(["UNION ALL", "UNION", "INTERSECT", "EXCEPT", "INTERSECT ALL", "EXCEPT ALL"])
        # The right side's columns are made to fit by picking, or NULLs.
        a = self.name("a")
        picks = []
        for n, t in l.columns:
            fit = [x for x, u in r.columns if u == t]
            picks.append(Expr(t, c.of(fit), "") if fit else Expr(t, *literal(t, value(c, t))))
        flink = ", ".join(p.flink for p in picks)
        lite = ", ".join(p.lite or p.flink for p in picks)
        known = l.lite and r.lite and op not in ("INTERSECT ALL", "EXCEPT ALL")
        b = self.name("a")
        return Query("SELECT * FROM (%s) AS %s %s SELECT %s FROM (%s) AS %s" % (l.flink, b, op, flink, r.flink, a),
                     "SELECT * FROM (%s) AS %s %s SELECT %s FROM (%s) AS %s" % (l.lite, b, op, lite, r.lite, a)
                     if known else None, l.columns)

    # ---- queries over event time: FROM a table itself ----

    def over(self, depth):
        c = self.c
        t = c.of(self.timed)
        a = self.name("a")
        scope = self.scope_of(a, t.columns)
        partition = c.of(["", "%s.%s" % (a, t.columns[-1][0]), "%s.%s" % (a, t.columns[2][0])])
        head = "(%sORDER BY %s.ts " % ("PARTITION BY %s " % partition if partition else "", a)
        ms = 1000 * (1 + c.pick(6))
        frames = [("", ""), ("RANGE BETWEEN INTERVAL '%d' SECOND PRECEDING AND CURRENT ROW" % (ms // 1000),
                             "RANGE BETWEEN %d PRECEDING AND CURRENT ROW" % ms)]
        calls = []
        if t.unique_ts:
            frames += [("ROWS BETWEEN %d PRECEDING AND CURRENT ROW" % (ms // 1000),) * 2]
            f = c.of(["", "LAG(%s.id) OVER ", "LAG(%s.id, 2) OVER ", "ROW_NUMBER() OVER "])
            if f:
                f = f.replace("%s", a) + head + ")"
                calls.append(Expr("I", f, f))
        flink, lite = c.of(frames)
        for _ in range(1 + c.pick(2)):
            f = c.of(["COUNT", "SUM", "MIN", "MAX"])
            x = c.of([e for e in scope if e.t in ("ID" if f == "SUM" else "ISDTA")])
            calls.append(Expr("I" if f == "COUNT" else x.t, "%s(%s) OVER %s%s)" % (f, x.flink, head, flink),
                              "%s(%s) OVER %s%s)" % (f, x.lite, head, lite)))
        x, y, columns = self.items([scope[0]] + calls)
        return Query(*self.put(x, y, "%s AS %s" % (t.name, a), "%s AS %s" % (t.name, a)), columns)

    def window(self, depth):
        c = self.c
        t = c.of(self.timed)
        a = self.name("a")
        scope = [e for e in self.scope_of(a, t.columns)]
        kind = c.of(["TUMBLE", "HOP", "CUMULATE"])
        s = c.of([1, 2, 5])
        args = {"TUMBLE": "INTERVAL '%d' SECOND" % s, "HOP": "INTERVAL '%d' SECOND, INTERVAL '%d' SECOND" % (s, s * 3),
                "CUMULATE": "INTERVAL '%d' SECOND, INTERVAL '%d' SECOND" % (s, s * 4)}[kind]
        frm = "TABLE(%s(TABLE %s, DESCRIPTOR(ts), %s)) AS %s" % (kind, t.name, args, a)
        keys = [scope[2 + c.pick(len(scope) - 2)]] if c.chance(50) else []
        calls = [self.aggregate_call(scope) for _ in range(1 + c.pick(2))]
        start = Expr("T", a + ".window_start", "(%s.ts - %s.ts %% %d)" % (a, a, s * 1000))
        end = Expr("T", a + ".window_end", "(%s.ts - %s.ts %% %d + %d)" % (a, a, s * 1000, s * 1000))
        x, y, columns = self.items([start, end] + keys + calls)
        group = " GROUP BY " + ", ".join(e.flink for e in [start, end] + keys)
        lite_group = " GROUP BY " + ", ".join(e.lite for e in [start, end] + keys)
        return Query(*self.put(x, y, frm, "%s AS %s" % (t.name, a) if kind == "TUMBLE" else None, group, lite_group), columns)

    def interval_join(self, depth):
        c = self.c
        t, u = c.of(self.timed), c.of(self.timed)
        a, b = self.name("a"), self.name("a")
        left, right = self.scope_of(a, t.columns), self.scope_of(b, u.columns)
        l, r = c.of(self.equal_pairs(left[2:], right[2:]) or [(left[0], right[0])])
        how = c.of(["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"])
        low, high = c.pick(4), c.pick(4)
        flink = "%s.ts BETWEEN %s.ts - INTERVAL '%d' SECOND AND %s.ts + INTERVAL '%d' SECOND" % (a, b, low, b, high)
        lite = "%s.ts BETWEEN %s.ts - %d AND %s.ts + %d" % (a, b, low * 1000, b, high * 1000)
        exprs = [c.of(left), c.of(right), left[0], right[0]]
        x, y, columns = self.items(exprs)
        frm = "%s AS %s %s %s AS %s ON %s = %s AND " % (t.name, a, how, u.name, b, l.flink, r.flink)
        return Query(*self.put(x, y, frm + flink, frm + lite), columns)


    # ---- more shapes ----

    def with_twice(self, depth):
        """A query that is named and used on both sides of a join, or of a union."""
        c = self.c
        q = self.query(1)
        w, a, b = self.name("w"), self.name("a"), self.name("a")
        left, right = self.scope_of(a, q.columns), self.scope_of(b, q.columns)
        pairs = self.equal_pairs(left, right)
        head = "WITH %s AS (%%s) " % w
        if not pairs or c.chance(30):
            body = "SELECT * FROM %s UNION ALL SELECT * FROM %s" % (w, w)
            columns = q.columns
        else:
            l, r = c.of(pairs)
            how = c.of(["JOIN", "LEFT JOIN", "FULL JOIN"])
            x, _, columns = self.items([c.of(left), c.of(right), c.of(right)])
            body = "SELECT %s FROM %s AS %s %s %s AS %s ON %s = %s" % (x, w, a, how, w, b, l.flink, r.flink)
        text = head + body
        return Query(text.replace("%s", q.flink, 1), q.lite and text.replace("%s", q.lite, 1), columns)

    def last(self, depth):
        """The first or last row of each key by event time."""
        c = self.c
        some = [t for t in self.timed if t.unique_ts]
        if not some:
            return self.topn(depth)
        t = c.of(some)
        a, b, n = self.name("a"), self.name("a"), self.name("x")
        key = t.columns[2 + c.pick(len(t.columns) - 2)][0]
        names = [x for x, _ in t.columns]
        text = "SELECT %s FROM (SELECT %s, ROW_NUMBER() OVER (PARTITION BY %s ORDER BY ts %s) AS %s FROM %s AS %s) AS %s WHERE %s = 1" % (
            ", ".join(names), ", ".join(names), key, c.of(["DESC", "ASC"]), n, t.name, a, b, n)
        q = Query(text, text, t.columns)
        if c.chance(50):
            return q
        # What comes behind sees updates.
        w = self.name("a")
        scope = self.scope_of(w, t.columns)
        x, y, columns = self.items([c.of(scope), self.aggregate_call(scope), self.aggregate_call(scope)])
        k, l = x.split(" AS ")[0], y.split(" AS ")[0]
        return Query(*self.put(x, y, "(%s) AS %s" % (text, w), "(%s) AS %s" % (text, w), " GROUP BY " + k, " GROUP BY " + l), columns)

    def tumbled(self, t, s):
        a = self.name("a")
        names = ", ".join(n for n, _ in t.columns)
        flink = "(SELECT %s, window_start, window_end FROM TABLE(TUMBLE(TABLE %s, DESCRIPTOR(ts), INTERVAL '%d' SECOND))) AS %s" % (
            names, t.name, s, a)
        lite = "(SELECT %s, ts - ts %% %d AS window_start, ts - ts %% %d + %d AS window_end FROM %s) AS %s" % (
            names, s * 1000, s * 1000, s * 1000, t.name, a)
        return flink, lite, a, self.scope_of(a, t.columns)

    def window_join(self, depth):
        c = self.c
        s = c.of([1, 2, 5])
        lf, ll, a, left = self.tumbled(c.of(self.timed), s)
        rf, rl, b, right = self.tumbled(c.of(self.timed), s)
        l, r = c.of(self.equal_pairs(left[2:], right[2:]) or [(left[0], right[0])])
        how = c.of(["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"])
        on = "%s.window_start = %s.window_start AND %s.window_end = %s.window_end AND %s = %s" % (a, b, a, b, l.flink, r.flink)
        x, y, columns = self.items([left[0], right[0], c.of(left), c.of(right)])
        return Query(*self.put(x, y, "%s %s %s ON %s" % (lf, how, rf, on), "%s %s %s ON %s" % (ll, how, rl, on)), columns)

    def window_topn(self, depth):
        c = self.c
        t = c.of(self.timed)
        lf, ll, a, scope = self.tumbled(t, c.of([1, 2, 5]))
        n, b = self.name("x"), self.name("a")
        key = c.of(["", ", " + t.columns[-1][0]])
        names = ", ".join(x for x, _ in t.columns)
        text = "SELECT %s, %s FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end%s ORDER BY %s) AS %s FROM %%s) AS %s WHERE %s <= %d" % (
            names, n, key, self.order_by(t.columns), n, b, n, 1 + c.pick(3))
        return Query(text.replace("%s", lf, 1), text.replace("%s", ll, 1), t.columns + [(n, "I")])

    def over_updates(self, depth):
        """OVER an order that is no time, of rows that may be taken back. All columns are ordered by: equal rows are peers."""
        c = self.c
        q = self.aggregate(1) if c.chance(60) else self.select(1)
        a = self.name("a")
        scope = self.scope_of(a, q.columns)
        partition = c.of(["", "PARTITION BY %s " % scope[0].flink, "PARTITION BY %s " % scope[-1].flink])
        over = " OVER (%sORDER BY %s%s)" % (partition, self.order_by(q.columns, a), c.of(
            ["", "", " ROWS BETWEEN 1 PRECEDING AND CURRENT ROW", " ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING"]))
        bare = over.split(" ROWS")[0] + (")" if " ROWS" in over else "")
        calls = []
        for _ in range(1 + c.pick(2)):
            x = c.of(scope)
            f = c.of(["COUNT", "MAX", "MIN", "SUM", "ROW_NUMBER()", "RANK()", "DENSE_RANK()", "LAG", "LEAD"])
            if f == "SUM" and x.t not in "ID" or f in ("MAX", "MIN") and x.t == "B":
                f = "COUNT"
            if f.endswith("()"):
                calls.append(Expr("I", f + bare, f + bare))
            elif f in ("LAG", "LEAD"):
                calls.append(Expr(x.t, "%s(%s)%s" % (f, x.flink, bare), "%s(%s)%s" % (f, x.lite, bare)))
            else:
                calls.append(Expr("I" if f == "COUNT" else x.t, "%s(%s)%s" % (f, x.flink, over), "%s(%s)%s" % (f, x.lite, over)))
        x, y, columns = self.items(scope + calls[:1])
        return Query(*self.put(x, y, "(%s) AS %s" % (q.flink, a), q.lite and "(%s) AS %s" % (q.lite, a)), columns)

    def ranks(self, depth):
        c = self.c
        q = self.select(1) if c.chance(50) else self.aggregate(1)
        a, b, n = self.name("a"), self.name("a"), self.name("x")
        partition = c.of(["", "PARTITION BY %s " % q.columns[0][0]])
        text = "SELECT %s, %s FROM (SELECT %s, %s() OVER (%sORDER BY %s) AS %s FROM (%%s) AS %s) AS %s WHERE %s <= %d" % (
            ", ".join(x for x, _ in q.columns), n, ", ".join(x for x, _ in q.columns), c.of(["RANK", "DENSE_RANK"]), partition,
            self.order_by(q.columns[-2:]), n, a, b, n, 1 + c.pick(3))
        return Query(text.replace("%s", q.flink, 1), q.lite and text.replace("%s", q.lite, 1), q.columns + [(n, "I")])

    def session(self, depth):
        c = self.c
        t = c.of(self.timed)
        a = self.name("a")
        scope = self.scope_of(a, t.columns)
        key = scope[2 + c.pick(len(scope) - 2)]
        column = key.flink.split(".")[1]
        frm = "TABLE(SESSION(TABLE %s PARTITION BY %s, DESCRIPTOR(ts), INTERVAL '%d' SECOND)) AS %s" % (t.name, column, 1 + c.pick(3), a)
        start, end = Expr("T", a + ".window_start", ""), Expr("T", a + ".window_end", "")
        x, _, columns = self.items([start, end, key, self.aggregate_call(scope)])
        return Query("SELECT %s FROM %s GROUP BY %s.window_start, %s.window_end, %s" % (x, frm, a, a, key.flink), None, columns)

    def temporal(self, depth):
        """Each row with the version of the other table's row of that key that held then: views v<table> are versioned by their
        first column (run.py makes them). Batch mode refuses it, as Flink's does."""
        c = self.c
        some = [t for t in self.timed if t.in_order]
        if not some:
            return self.interval_join(depth)
        t, u = c.of(self.timed), c.of(some)
        key, kt = u.columns[2]
        mine = [n for n, x in t.columns if x == kt]
        if not mine or kt == "B":
            return self.interval_join(depth)
        a, b, k = self.name("a"), self.name("a"), c.of(mine)
        how = c.of(["JOIN", "LEFT JOIN"])
        left, right = self.scope_of(a, t.columns), self.scope_of(b, u.columns)
        x, y, columns = self.items([left[0], c.of(left), right[0], c.of(right)])
        flink = "%s AS %s %s v%s FOR SYSTEM_TIME AS OF %s.ts AS %s ON %s.%s = %s.%s" % (t.name, a, how, u.name, a, b, a, k, b, key)
        lite = "%s AS %s %s %s AS %s ON %s.%s = %s.%s AND %s.ts = (SELECT MAX(z.ts) FROM %s AS z WHERE z.%s = %s.%s AND z.ts <= %s.ts)" % (
            t.name, a, how, u.name, b, a, k, b, key, b, u.name, key, a, k, a)
        return Query(*self.put(x, y, flink, lite), columns)

    def grouping_sets(self, depth):
        c = self.c
        frm, _, scope = self.source(0 if c.chance(50) else 1)
        keys = [c.of(scope) for _ in range(2)]
        sets = c.of(["ROLLUP (%s, %s)", "CUBE (%s, %s)", "GROUPING SETS ((%s), (%s))"])
        if keys[0].flink == keys[1].flink:
            return self.aggregate(depth)
        x, _, columns = self.items(keys + [self.aggregate_call(scope)])
        return Query("SELECT %s FROM %s GROUP BY %s" % (x, frm, sets % (keys[0].flink, keys[1].flink)), None, columns)


def tables(seed):
    c = Choices(seed)
    return [Table(c, "t%d" % i, i > 0 and c.chance(25)) for i in range(2 + c.pick(3))]


def query(choices, ts):
    return Generator(choices, ts).query(2 + choices.pick(2))
