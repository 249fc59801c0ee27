#!/usr/bin/env python3
"""faults.py - the operator as a process against the fake API server, which fails in every way it can while
FlinkJobs are made, changed and deleted and replicas of the operator die. When the storm is over, the
objects on the server must be those that a quiet day would have left.

Usage: faults.py --bin build/bin --fake build/test/fake_api [--seed N] [--jobs N] [--seconds S]

There is no kubelet: pods stay pending, jobs stay Starting.
"""
import argparse
import http.client
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

NS = "storm"
JOBS = f"/apis/penstock.dev/v1/namespaces/{NS}/flinkjobs"
OWNED = {kind: f"/api/v1/namespaces/{NS}/{kind}" for kind in ("pods", "services", "secrets", "configmaps")}
LABEL = "penstock.dev/job"
CONVERGE_S = 100


class Server:
    def __init__(self, program, token):
        self.process = subprocess.Popen([program, "--token", token], stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().split()[-1]
        self.token = token

    def ask(self, method, path, body=None, kind="application/json"):
        """Until the server has answered, whatever it is that it was told to do with requests. Returns the
        status and the JSON."""
        end = time.time() + 60
        while time.time() < end:
            conn = http.client.HTTPConnection(self.url.split("//")[1], timeout=20)
            try:
                headers = {"Content-Type": kind, "Authorization": "Bearer " + self.token}
                conn.request(method, path, json.dumps(body) if body is not None else None, headers)
                r = conn.getresponse()
                answer = json.loads(r.read() or b"{}")
                if r.status < 400 or r.status in (404, 422) or "already exists" in str(answer):
                    return r.status, answer
            except (http.client.HTTPException, OSError, ValueError):
                pass
            finally:
                conn.close()
            time.sleep(0.01)
        raise SystemExit(f"{method} {path}: never answered")

    def order(self, what, **args):
        status, answer = self.ask("POST", "/fake/" + what, args)
        if status >= 300:
            raise SystemExit(f"{what}: {answer}")

    def set_token(self, token):
        self.order("token", token=token)
        self.token = token

    def items(self, path):
        return self.ask("GET", path)[1].get("items", [])


def job(name, **spec):
    return {"apiVersion": "penstock.dev/v1", "kind": "FlinkJob", "metadata": {"name": name, "namespace": NS},
            "spec": dict({"sql": "SELECT 1", "parallelism": 2, "job": {"state": "running"}, "workers": {"replicas": 1, "slots": 2}}, **spec)}


class Storm:
    """Faults at random, from a seed."""

    def __init__(self, server, folder, seed):
        self.server, self.folder, self.random = server, folder, random.Random(seed)
        self.tokens = 1

    def write_token(self, token):
        path = os.path.join(self.folder, "token")
        with open(path + ".new", "w", encoding="utf-8") as f:
            f.write(token)
        os.rename(path + ".new", path)

    def rotate(self):
        self.tokens += 1
        token = f"token-{self.tokens}"
        self.server.set_token(token)
        time.sleep(self.random.uniform(0, 0.3))  # the file comes late
        self.write_token(token)

    def blow(self):
        r = self.random
        fault = self.server.order
        methods = ["GET", "POST", "PATCH", "PUT", "DELETE"]
        choices = [
            lambda: fault("fault", kind="status", status=r.choice([500, 502, 503, 504]), times=r.randint(1, 6)),
            lambda: fault("fault", kind="status", status=429, retryAfter=1, times=r.randint(1, 3)),
            lambda: fault("fault", kind="status", status=409, method=r.choice(["PATCH", "PUT"]), times=2),
            lambda: fault("fault", kind="status", status=410, path="?watch", times=1),
            lambda: fault("fault", kind="lost", method=r.choice(methods), times=r.randint(1, 4)),
            lambda: fault("fault", kind="cut", method="GET", times=2),
            lambda: fault("fault", kind="slow", delay=r.randint(10, 800), times=r.randint(1, 4)),
            lambda: fault("fault", kind="garbage", method="GET", times=1),
            lambda: fault("cut"), lambda: fault("end"), lambda: fault("gone"), lambda: fault("compact"),
            lambda: fault("stall", on=True), lambda: fault("stall", on=False),
            lambda: fault("repeat", times=r.randint(1, 3)),
            lambda: fault("skew", ms=r.randint(-3600000, 3600000)),
            self.rotate,
        ]
        r.choice(choices)()

    def calm(self):
        for what, args in (("clear", {}), ("stall", {"on": False}), ("repeat", {"times": 1}), ("skew", {"ms": 0}),
                           ("cut", {})):
            self.server.order(what, **args)


def start_operator(args, folder, log):
    return subprocess.Popen([os.path.join(args.bin, "penstock-operator"), "--kubeconfig",
                             os.path.join(folder, "kubeconfig"), "--image", "penstock", "--port", "0"],
                            stdout=log, stderr=log)


def change_jobs(server, r, names, made):
    """One change that a user might make."""
    what = r.random()
    if what < 0.5 or len(names) < 5:
        name = f"job-{made:04d}"
        server.ask("POST", JOBS, job(name))
        names[name] = "running"
        return made + 1
    name = r.choice(sorted(names))
    if what < 0.75:
        server.ask("DELETE", f"{JOBS}/{name}")
        del names[name]
    else:
        names[name] = "suspended" if names[name] == "running" else "running"
        server.ask("PATCH", f"{JOBS}/{name}", {"spec": {"job": {"state": names[name]}}},
                   "application/merge-patch+json")
    return made


def faults_of(server, names):
    """What isn't as it should be."""
    jobs = {j["metadata"]["name"]: j for j in server.items(JOBS)}
    wrong = [f"{n} is still there" for n in jobs if n not in names]
    wrong += [f"{n} is gone" for n in names if n not in jobs]
    uids = {j["metadata"]["uid"] for j in jobs.values()}
    pods = {}
    for kind, path in OWNED.items():
        for o in server.items(path):
            name, meta = o["metadata"]["name"], o["metadata"]
            owner = meta.get("labels", {}).get(LABEL)
            if owner is None:
                continue
            refs = [ref["uid"] for ref in meta.get("ownerReferences", [])]
            if owner not in jobs or not set(refs) & uids:
                wrong.append(f"{kind} {name} is left over")
            elif kind == "pods" and meta["labels"].get("app.kubernetes.io/component") == "coordinator":
                pods.setdefault(owner, []).append(name)
    for name, state in names.items():
        have = len(pods.get(name, []))
        if have != (1 if state == "running" else 0):
            wrong.append(f"{name} ({state}) has {have} coordinator pods")
        elif name in jobs:
            meta, status = jobs[name]["metadata"], jobs[name].get("status", {})
            if status.get("observedGeneration") != meta["generation"]:
                wrong.append(f"{name}: status of generation {status.get('observedGeneration')}, "
                             f"spec of {meta['generation']}")
    return wrong


def wait_converged(server, names, operators):
    begun = time.time()
    while True:
        wrong = faults_of(server, names)
        if not wrong:
            return time.time() - begun
        if time.time() - begun > CONVERGE_S:
            print(f"after {CONVERGE_S} s of calm:")
            print("\n".join(wrong[:20]))
            return None
        if not any(p.poll() is None for p in operators):
            print("no operator runs any more")
            return None
        time.sleep(0.2)


def run(args, server, folder, log):
    storm = Storm(server, folder, args.seed)
    storm.write_token(server.token)
    with open(os.path.join(folder, "kubeconfig"), "w", encoding="utf-8") as f:
        f.write("current-context: x\ncontexts: [{name: x, context: {cluster: x, user: x, namespace: storm}}]\n"
                f"clusters: [{{name: x, cluster: {{server: '{server.url}'}}}}]\n"
                "users: [{name: x, user: {tokenFile: token}}]\n")
    operators = [start_operator(args, folder, log), start_operator(args, folder, log)]
    names, made = {}, 0
    try:
        for made in range(args.jobs):
            name = f"job-{made:04d}"
            server.ask("POST", JOBS, job(name))
            names[name] = "running"
        made = args.jobs
        if wait_converged(server, names, operators) is None:
            return 1
        print(f"{len(names)} jobs; the storm begins", flush=True)
        r, changes = random.Random(args.seed + 1), 0
        end = time.time() + args.seconds
        killed = False
        while time.time() < end:
            storm.blow()
            made = change_jobs(server, r, names, made)
            changes += 1
            if not killed and time.time() > end - args.seconds / 2:
                killed = True
                operators[0].kill()
                operators.append(start_operator(args, folder, log))
            time.sleep(r.uniform(0, 0.2))
        storm.calm()
        took = wait_converged(server, names, operators)
        if took is None:
            return 1
        count = server.ask("GET", "/fake/requests")[1]["count"]
        print(f"{changes} changes, {len(names)} jobs left; as it should be {took:.1f} s after the storm; "
              f"{count} requests in all")
        return 0
    finally:
        for p in operators:
            p.terminate()
        for p in operators:
            try:
                p.wait(20)
            except subprocess.TimeoutExpired:
                p.kill()
                print("an operator didn't end")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--fake", required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=20)
    args = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="penstock-faults-")
    server = Server(args.fake, "token-1")
    try:
        with open(os.path.join(folder, "operator.log"), "w", encoding="utf-8") as log:
            code = run(args, server, folder, log)
        if code:
            with open(os.path.join(folder, "operator.log"), encoding="utf-8") as log:
                print("".join(log.readlines()[-40:]))
            print(f"seed {args.seed}")
        return code
    finally:
        server.process.terminate()
        server.process.wait()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
