#!/usr/bin/env python3
"""faults.py - a job whose processes are killed and paused at random while it runs: its output is that of a run in which
nothing happens.

  faults.py [--bin DIR] [--rounds N] [--first SEED] [--faults N]

Each round is one run of tests/processes' crash job (windowed aggregates and plain rows to files, exactly once, two
workers) out of a seed. A fault is SIGKILL of a worker, of the coordinator, or of the whole run, which then is started
again; or SIGSTOP of a worker or the coordinator for up to a second. Faults come at random times: in the middle of
checkpoints, commits and restores as well. A round that fails prints its seed and what was done when; --first SEED
--rounds 1 does the same again, as far as time can be done again. Exit status 1 if a round failed."""
import argparse, os, random, signal, sys, tempfile, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../processes"))
import run as processes

ROUND_LIMIT_S = 90
GAP_S = (0.05, 0.9)  # between two faults


class Round:
    def __init__(self, args, seed):
        self.args, self.random = args, random.Random(seed)
        self.begun = time.monotonic()
        self.done = []  # what was done when
        self.run = None

    def note(self, what):
        self.done.append("%.2f s: %s" % (time.monotonic() - self.begun, what))

    def start(self):
        self.run = processes.Run(self.args, None, self.job, "-w", "2")

    def victim(self, children):
        return self.random.choice(sorted(children))

    def kill_one(self):
        children = self.run.children()
        if children:
            who = self.victim(children)
            self.note("kill %s" % who)
            self.signal(children[who], signal.SIGKILL)

    def kill_all(self):
        self.note("kill the run")
        children = self.run.children()
        self.run.kill()
        processes.none_left(children)
        self.start()

    def pause_one(self):
        children = self.run.children()
        if not children:
            return
        who, pause_s = self.victim(children), self.random.uniform(0.05, 1.0)
        self.note("pause %s for %.2f s" % (who, pause_s))
        if self.signal(children[who], signal.SIGSTOP):
            time.sleep(pause_s)
            self.signal(children[who], signal.SIGCONT)

    @staticmethod
    def signal(pid, sig):
        try:
            os.kill(pid, sig)
            return True
        except ProcessLookupError:
            return False

    def fault(self):
        kind = self.random.random()
        if kind < 0.65:
            self.kill_one()
        elif kind < 0.85:
            self.pause_one()
        else:
            self.kill_all()

    def play(self, tmp):
        self.job = processes.crash_job(tmp)
        self.start()
        for _ in range(self.args.faults):
            due = time.monotonic() + self.random.uniform(*GAP_S)
            while time.monotonic() < due and self.run.p.poll() is None:
                time.sleep(0.005)
            if self.run.p.poll() is not None:
                break
            self.fault()
        self.end()
        processes.check_crash_output(tmp)

    def end(self):
        until = time.monotonic() + ROUND_LIMIT_S
        while self.run.p.poll() is None:
            if time.monotonic() > until:
                raise processes.Failure("still there after %d s" % ROUND_LIMIT_S)
            time.sleep(0.02)
        self.run.end(0)


def play(args, seed):
    r = Round(args, seed)
    with tempfile.TemporaryDirectory() as tmp:
        try:
            r.play(tmp)
            print("round %d: ok, %d faults, %.1f s" % (seed, len(r.done), time.monotonic() - r.begun), flush=True)
            return True
        except processes.Failure as e:
            print("round %d FAILED: %s\n  %s\n  it said: %s" % (seed, e, "\n  ".join(r.done), "\n    ".join(r.run.err[-40:])), flush=True)
            return False
        finally:
            r.run.kill()


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    ap = argparse.ArgumentParser()
    ap.add_argument("--bin", default=os.path.join(here, "../../build/bin"))
    ap.add_argument("--rounds", type=int, default=10)
    ap.add_argument("--first", type=int, default=1)
    ap.add_argument("--faults", type=int, default=5)
    args = ap.parse_args()
    results = [play(args, seed) for seed in range(args.first, args.first + args.rounds)]
    print("%d rounds, %d failed" % (len(results), results.count(False)))
    return 1 if False in results or not results else 0


if __name__ == "__main__":
    sys.exit(main())
