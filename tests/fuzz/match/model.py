"""model.py - MATCH_RECOGNIZE by the book: the state graph that Flink's pattern compiler makes of a sequence of variables, each with a
quantifier, walked state by state. Slow and plain; rows of a match are consecutive."""


class State:
    def __init__(self, name):
        self.name, self.moves = name, []  # moves: [takes the row, to, [(variable, its condition must be so)]]


class Run:
    def __init__(self, state, start, taken):
        self.state, self.start, self.taken = state, start, taken  # taken: [(variable, row number)]


def compile_pattern(pattern):
    """pattern: [(name, min, max or None, greedy)]. What follows a greedy variable doesn't take a row that it would take."""
    end = sink = State(None)
    for name, least, most, greedy in reversed(pattern):
        if greedy:
            for move in sink.moves:
                move[2] = move[2] + [(name, False)]
        behind, first = sink, max(least, 1)

        def once(to, may_skip):
            s = State(name)
            s.moves.append([True, to, [(name, True)]])
            if may_skip:
                s.moves.append([False, behind, []])
            return s

        if most is None:
            loop = State(name)
            loop.moves = [[False, behind, []], [True, loop, [(name, True)]]]
            sink = loop
        for _ in range(0 if most is None else most - first):
            sink = once(sink, True)
        for _ in range(first - 1):
            sink = once(sink, False)
        sink = once(sink, least == 0)
    return sink, end


def find(pattern, rows, holds, skip, skip_var, within):
    """holds(variable, taken, row number); rows: {'t': time}. Returns the matches' taken lists; raises ValueError where a match can't
    be skipped from."""
    begin, end = compile_pattern(pattern)
    runs, done, found = [], [], []
    allowed = lambda taken, conditions, row: all(holds(v, taken, row) == want for v, want in conditions)

    def next_start(taken):
        numbers = [n for _, n in taken]
        if skip == "past":
            return max(numbers) + 1
        if skip == "next":
            return min(numbers) + 1
        of_var = [n for v, n in taken if v == skip_var]
        if not of_var or of_var[0 if skip == "first" else -1] == min(numbers):
            raise ValueError("nowhere to skip to")
        return of_var[0 if skip == "first" else -1]

    def settle():
        nonlocal runs, done
        done.sort(key=lambda r: r.start)
        while done and not any(r.start < done[0].start for r in runs):
            match = done.pop(0)
            at = next_start(match.taken)
            found.append(match.taken)
            runs = [r for r in runs if r.start >= at]
            done = [r for r in done if r.start >= at]

    def can_end(state, taken, row):
        return any(to is end or can_end(to, taken, row)
                   for takes, to, conditions in state.moves if not takes and allowed(taken, conditions, row))

    def step(run, row):
        states, taking = [run.state], []
        while states:
            state = states.pop()
            for takes, to, conditions in state.moves:
                if allowed(run.taken, conditions, row):
                    (taking if takes else states).append((state, to) if takes else to)
        for state, to in taking:
            taken = run.taken + [(state.name, row)]
            start = row if run.start is None else run.start
            if to is end:
                done.append(Run(None, start, taken))
                continue
            yield Run(to, start, taken)
            if can_end(to, run.taken, row):
                done.append(Run(None, start, taken))

    for row in range(len(rows)):
        if within:
            runs = [r for r in runs if rows[row]["t"] - rows[r.start]["t"] < within]
            settle()
        runs = [after for r in runs + [Run(begin, None, [])] for after in step(r, row)]
        settle()
    if within:
        runs = []
        settle()
    return found
