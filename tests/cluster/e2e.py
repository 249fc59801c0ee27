#!/usr/bin/env python3
"""e2e.py - Penstock on a real Kubernetes: helm install, FlinkJobs, and what people and failures do to them.

  tests/cluster/e2e.py [--bin DIR] [--keep] [--image NAME:TAG] [NAME...]

Without KUBECONFIG a one-node cluster is built (once per user), started, and stopped again (--keep: left running). With KUBECONFIG
that cluster is used; its nodes must have the image already (--image), and tests that need a volume on the node are skipped, and
said to be. NAMEs choose tests; without any, all run. Needs root, containerd, runc, nftables, CNI plugins, Go (tests/cluster/README.md).
"""
import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
CACHE = os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache"))
CL_BIN = os.environ.get("CL_BIN", os.path.join(CACHE, "penstock/cluster/1.33.13"))
RUN = os.environ.get("CL_RUN", os.path.join(tempfile.gettempdir(), "penstock-node"))
VOLUME = os.path.join(RUN, "volume")
NS = "e2e"
OPERATOR_NS = "penstock"


class Failed(Exception):
    pass


class Skipped(Exception):
    pass


def run(*cmd, check=True, stdin=None, env=None):
    r = subprocess.run(cmd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, input=stdin,
                       env={**os.environ, **(env or {})})
    if check and r.returncode:
        raise Failed(f"{' '.join(cmd)}: exit status {r.returncode}: {r.stdout[-2000:]}")
    return r.stdout if check else (r.returncode, r.stdout)


def tool(name):
    mine = os.path.join(CL_BIN, name)
    return mine if os.access(mine, os.X_OK) else shutil.which(name) or mine


def kubectl(*args, **kw):
    return run(tool("kubectl"), "-n", NS, *args, **kw)


def until(what, fn, seconds=60):
    """Waits until fn() is true; its last value otherwise tells what was there instead."""
    end = time.monotonic() + seconds
    while True:
        ok, seen = fn()
        if ok:
            return seen
        if time.monotonic() > end:
            raise Failed(f"not {what} within {seconds} s, but: {seen}")
        time.sleep(0.1)


# ---- FlinkJobs ----

def spec_of(fields):
    """state and upgradeMode stand in spec.job."""
    job = {k: fields.pop(k) for k in ("state", "upgradeMode") if k in fields}
    return {**fields, "job": job} if job else fields


def job(name, sql, **spec):
    return {"apiVersion": "penstock.dev/v1", "kind": "FlinkJob", "metadata": {"name": name, "namespace": NS},
            "spec": {"sql": sql, **spec_of(spec)}}


def with_volume(spec):
    template = {"spec": {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
                         "containers": [{"name": "penstock", "volumeMounts": [{"name": "data", "mountPath": "/data"}]}]}}
    spec.setdefault("workers", {})["podTemplate"] = template
    spec["workers"].setdefault("resources", {"requests": {"cpu": "50m", "memory": "64Mi"}})
    spec["coordinator"] = {"podTemplate": template, "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}}}
    return spec


def apply(obj):
    return kubectl("apply", "-f", "-", stdin=json.dumps(obj))


def refused(obj):
    code, out = kubectl("apply", "-f", "-", stdin=json.dumps(obj), check=False)
    if code == 0:
        raise Failed(f"accepted: {json.dumps(obj)[:300]}")
    return out


def get(kind, name):
    code, out = kubectl("get", kind, name, "-o", "json", check=False)
    return json.loads(out) if code == 0 else None


def status(name):
    return (get("fj", name) or {}).get("status", {})


def state_is(name, *states, seconds=60):
    def look():
        s = status(name)
        return s.get("state") in states, {k: s.get(k) for k in ("state", "message", "workers", "conditions", "failure")}
    until(f"{name} {'/'.join(states)}", look, seconds)
    return status(name)


def patch(name, **spec):
    kubectl("patch", "fj", name, "--type=merge", "-p", json.dumps({"spec": spec_of(spec)}))


def pods(name, role=None):
    selector = f"penstock.dev/job={name}" + (f",app.kubernetes.io/component={role}" if role else "")
    return json.loads(kubectl("get", "pods", "-l", selector, "-o", "json"))["items"]


def live(items):
    return [p for p in items if p["status"]["phase"] in ("Pending", "Running") and "deletionTimestamp" not in p["metadata"]]


def events(name):
    items = json.loads(kubectl("get", "events", "--field-selector", f"involvedObject.name={name}", "-o", "json"))["items"]
    return {e["reason"]: e.get("message", "") for e in items}


def kill(pod):
    kubectl("delete", "pod", pod["metadata"]["name"], "--grace-period=0", "--force")


def remove(name):
    kubectl("delete", "fj", name, "--timeout=90s")

    def gone():
        out = kubectl("get", "pods,services,configmaps,secrets,serviceaccounts,poddisruptionbudgets,networkpolicies",
                      "-l", f"penstock.dev/job={name}", "-o", "name")
        return out.strip() == "" or "No resources" in out, out
    until(f"nothing left of {name}", gone, 60)


GEN = "CREATE TABLE a (x BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '20');\n" \
      "CREATE TABLE b (x BIGINT) WITH ('connector' = 'blackhole');\n"
SMALL = {"resources": {"requests": {"cpu": "50m", "memory": "64Mi"}}}


def generator(name, **spec):
    return job(name, GEN + "INSERT INTO b SELECT x FROM a;", workers=SMALL, **spec)


# ---- tests ----

def test_flights(e):
    """Real data through two workers: what comes out is what a local run gives. Bounded: it finishes."""
    e.need_volume()
    shutil.rmtree(VOLUME + "/flights", ignore_errors=True)
    shutil.copytree(os.path.join(TOP, "examples/flights/data"), VOLUME + "/flights/in")
    os.makedirs(VOLUME + "/flights/out")
    os.chmod(VOLUME + "/flights/out", 0o777)
    with open(os.path.join(TOP, "examples/flights/job.yaml"), encoding="utf-8") as f:
        lines = f.read().split("  sql: |\n")[1].split("\n")
    sql = "\n".join(line[4:] for line in lines).replace("examples/flights/data/", "/data/flights/in/")
    sql = sql.replace("build/demo/delays", "/data/flights/out/delays")
    begin = time.monotonic()
    apply(job("flights", sql, parallelism=2, **with_volume({})))
    state_is("flights", "Finished", seconds=120)
    e.figure("flights: kubectl apply to Finished", time.monotonic() - begin)
    with tempfile.TemporaryDirectory() as tmp:
        local = sql.replace("/data/flights/in/", VOLUME + "/flights/in/").replace("/data/flights/out/delays", tmp + "/delays")
        with open(tmp + "/job.sql", "w", encoding="utf-8") as f:
            f.write(local)
        run(os.path.join(e.bin, "penstock"), "run", "--progress", "never", tmp + "/job.sql")
        want, got = rows(tmp + "/delays"), rows(VOLUME + "/flights/out/delays")
    if want != got or len(got) < 19000:
        raise Failed(f"{len(got)} rows in the cluster, {len(want)} locally; equal: {want == got}")
    if kubectl("get", "fj", "flights", "--no-headers").split()[1] != "Finished":
        raise Failed("kubectl get fj doesn't show it")
    remove("flights")


def rows(folder):
    out = []
    for base, _, names in os.walk(folder):
        for n in names:
            if not n.startswith((".", "_")):
                with open(os.path.join(base, n), encoding="utf-8") as f:
                    out += f.read().splitlines()
    return sorted(out)


def test_start_and_scale(e):
    """How fast; kubectl scale makes new pods beside the old ones, which go on until then."""
    begin = time.monotonic()
    apply(generator("gen", parallelism=1, upgradeMode="stateless"))
    state_is("gen", "Running", seconds=60)
    e.figure("kubectl apply to Running", time.monotonic() - begin)
    until("records", lambda: (int(status("gen").get("recordsIn", "0")) > 0, status("gen")), 30)
    begin = time.monotonic()
    kubectl("scale", "fj/gen", "--replicas=3")
    until("run 2 with 3 workers", lambda: ((lambda s: (s.get("state") == "Running" and s["run"]["number"] == 2 and
                                                       s.get("workers") == "3/3", s))(status("gen"))), 60)
    e.figure("kubectl scale to all workers ready", time.monotonic() - begin)
    if len(live(pods("gen", "worker"))) != 3 or len(live(pods("gen", "coordinator"))) != 1:
        raise Failed(f"pods: {[p['metadata']['name'] for p in pods('gen')]}")
    if get("fj", "gen")["spec"]["parallelism"] != 3 or status("gen")["parallelism"] != 3:
        raise Failed("scale didn't reach the spec and the status")
    patch("gen", log={"level": "debug"})
    until("log levels", lambda: ((lambda s: (s.get("logLevels") == "debug" and s["run"]["number"] == 2, s))(status("gen"))), 30)


def test_bad_upgrade(e):
    """A script that doesn't compile never touches what runs; mended, it runs."""
    state_is("gen", "Running")
    before = status("gen")["run"]["number"]
    patch("gen", sql=GEN + "INSERT INTO b SELECT y FROM a;")
    until("rejected", lambda: ((lambda s: ("y" in s.get("rejected", {}).get("message", ""), s))(status("gen"))), 60)
    s = state_is("gen", "Running")
    if s["run"]["number"] != before or "UpgradeRejected" not in events("gen"):
        raise Failed(f"{s['run']}, events {events('gen')}")
    patch("gen", sql=GEN + "INSERT INTO b SELECT x + 1 FROM a;")
    until("upgraded", lambda: ((lambda s: (s.get("state") == "Running" and s["run"]["number"] > before, s))(status("gen"))), 60)


def test_no_state_is_lost(e):
    """Without checkpoints, a stateful job is neither upgraded nor suspended, and says what to do."""
    patch("gen", upgradeMode="last-checkpoint")
    patch("gen", state="suspended")

    def stalled():
        s = status("gen")
        c = {c["type"]: c for c in s.get("conditions", [])}.get("Stalled", {})
        return c.get("reason") == "NoCheckpoint" and "upgradeMode: stateless" in c["message"], s
    until("refused", stalled, 30)
    if status("gen")["state"] != "Running":
        raise Failed(f"{status('gen')}")
    patch("gen", upgradeMode="stateless")
    state_is("gen", "Suspended")
    if live(pods("gen")):
        raise Failed("pods of a suspended job")
    patch("gen", state="running")
    state_is("gen", "Running")
    remove("gen")


def test_bad_manifests(e):
    """Refused by the API server, with the field and how to mend it."""
    cases = [
        (job("m", "x", paralelism=2), "paralelism"),
        (job("m", "x", parallelism=0), "spec.parallelism"),
        (job("m", "x", parallelism=200), "spec.maxParallelism"),
        (job("m", "x", mode="stream"), "batch"),
        (job("m", "x", sqlFrom={"configMapKeyRef": {"name": "a", "key": "b"}}), "either inline in 'sql' or by reference"),
        (job("m", "x", parallelism=4, workers={"replicas": 1, "slots": 2}), "'replicas' times 'slots'"),
        (job("m", "x", upgradeMode="savepoint"), "execution.checkpointing.savepoint-dir"),
        (job("1m", "x"), "begins with a letter"),
        (job("m" * 41, "x"), "at most 40 characters"),
        (job("m", "x", fileSystems=[{"prefix": "s3:", "type": "s3", "secret": {"name": "a", "path": "/b"}}]), "give one of"),
        ({"apiVersion": "penstock.dev/v1", "kind": "FlinkSnapshot", "metadata": {"name": "s", "namespace": NS}, "spec": {}},
         "spec.jobName"),
    ]
    for obj, want in cases:
        out = refused(obj)
        if want not in out:
            raise Failed(f"'{want}' isn't in: {out}")
        # The same words where the manifest is run locally.
        if obj["kind"] == "FlinkJob" and "either" in want:
            with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
                json.dump(obj, f)
                f.flush()
                _, local = run(os.path.join(e.bin, "penstock"), "validate", f.name, check=False)
            if want not in local:
                raise Failed(f"locally: {local}")
    apply(generator("fixed", parallelism=1, maxParallelism=16))
    out = refused(generator("fixed", parallelism=1, maxParallelism=32))
    if "fixed for the life" not in out:
        raise Failed(out)
    remove("fixed")


def test_bad_sql(e):
    """A first script that doesn't compile: Failed, with the compiler's words; no pods left running."""
    apply(job("bad", "INSERT INTO nowhere SELECT 1;", workers=SMALL))
    s = state_is("bad", "Failed")
    if "nowhere" not in s["message"]:
        raise Failed(f"{s}")
    until("no pods", lambda: (not live(pods("bad")), [p["metadata"]["name"] for p in live(pods("bad"))]), 30)
    remove("bad")


def test_preview(e):
    apply(generator("preview", parallelism=2, state="preview"))
    s = state_is("preview", "Previewed")
    if s["plan"]["slots"] != 2 or not s["plan"]["vertices"][0]["uid"]:
        raise Failed(f"{s['plan']}")
    until("no pods", lambda: (not live(pods("preview")), [p["metadata"]["name"] for p in pods("preview")]), 30)
    patch("preview", state="running")
    state_is("preview", "Running")
    remove("preview")


def test_script_from_config_map(e):
    apply(job("from", "x") | {"spec": {"sqlFrom": {"configMapKeyRef": {"name": "script", "key": "s"}}, "workers": SMALL}})
    s = state_is("from", "Pending")
    if "make it" not in s["message"]:
        raise Failed(f"{s}")
    apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "script", "namespace": NS},
           "data": {"s": GEN + "INSERT INTO b SELECT x FROM a;"}})
    state_is("from", "Running", seconds=90)
    remove("from")
    kubectl("delete", "configmap", "script")


LAST = 4000


def counted(name):
    """Numbers 1 to LAST at 200 a second, with checkpoints each second, into files."""
    sql = f"""
    CREATE TABLE numbers (n BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '200',
        'fields.n.kind' = 'sequence', 'fields.n.start' = '1', 'fields.n.end' = '{LAST}');
    CREATE TABLE seen (n BIGINT) WITH ('connector' = 'filesystem', 'path' = '/data/{name}/out', 'format' = 'csv');
    INSERT INTO seen SELECT n FROM numbers;"""
    return job(name, sql, parallelism=2, checkpoint={"interval": "1 s", "storage": f"/data/{name}/checkpoints"}, **with_volume({}))


def fresh_folder(name):
    shutil.rmtree(f"{VOLUME}/{name}", ignore_errors=True)
    for part in ("", "/out", "/checkpoints"):
        os.makedirs(f"{VOLUME}/{name}{part}", exist_ok=True)
        os.chmod(f"{VOLUME}/{name}{part}", 0o777)


def checkpointed(name, after=0):
    return until("a checkpoint", lambda: ((lambda s: (s.get("checkpoint", {}).get("id", 0) > after, s))(status(name))), 60)


def all_seen(name):
    state_is(name, "Finished", seconds=120)
    got = sorted(int(r) for r in rows(f"{VOLUME}/{name}/out"))
    if got != list(range(1, LAST + 1)):
        missing = sorted(set(range(1, LAST + 1)) - set(got))
        raise Failed(f"{len(got)} rows for {LAST}; missing {missing[:5]}..., {len(got) - len(set(got))} twice")


def test_suspend_and_resume(e):
    """From the last checkpoint, at another parallelism: each number once."""
    e.need_volume()
    fresh_folder("sus")
    apply(counted("sus"))
    checkpointed("sus")
    patch("sus", state="suspended")
    s = state_is("sus", "Suspended")
    if live(pods("sus")) or not s["checkpoint"]["id"]:
        raise Failed(f"{s}")
    patch("sus", state="running", parallelism=3)
    begin = time.monotonic()
    state_is("sus", "Running")
    e.figure("resume to Running", time.monotonic() - begin)
    kubectl("scale", "fj/sus", "--replicas=1")
    until("scaled", lambda: ((lambda s: (s.get("state") == "Running" and s["parallelism"] == 1, s))(status("sus"))), 60)
    all_seen("sus")
    remove("sus")


def test_savepoint_mode(e):
    """upgradeMode: savepoint takes one in front of the stop; where it can't be written, the job goes on and says so."""
    e.need_volume()
    fresh_folder("sav")
    os.makedirs(VOLUME + "/sav/savepoints")
    o = counted("sav")
    o["spec"]["job"] = {"upgradeMode": "savepoint"}
    o["spec"]["config"] = {"execution.checkpointing.savepoint-dir": "/data/sav/savepoints"}
    os.chmod(VOLUME + "/sav/savepoints", 0o555)
    apply(o)
    checkpointed("sav")
    patch("sav", state="suspended")

    def stalled():
        c = {c["type"]: c for c in status("sav").get("conditions", [])}.get("Stalled", {})
        return c.get("reason") == "StopRefused", c
    until("refused", stalled, 60)
    if status("sav")["state"] != "Running":
        raise Failed(f"{status('sav')}")
    os.chmod(VOLUME + "/sav/savepoints", 0o777)
    patch("sav", state="running")
    state_is("sav", "Running")
    patch("sav", state="suspended")
    state_is("sav", "Suspended", seconds=90)
    found = [n for _, _, names in os.walk(VOLUME + "/sav/savepoints") for n in names]
    if not found:
        raise Failed("no savepoint")
    patch("sav", state="running")
    all_seen("sav")
    remove("sav")


def test_kill_pods(e):
    """A worker, then the coordinator: each number once all the same."""
    e.need_volume()
    fresh_folder("kill")
    apply(counted("kill"))
    checkpointed("kill")
    victim = live(pods("kill", "worker"))[0]
    begin = time.monotonic()
    kill(victim)
    until("another worker", lambda: ((lambda w: (len(w) == 2 and all(p["metadata"]["uid"] != victim["metadata"]["uid"] for p in w),
                                                  [p["metadata"]["name"] for p in w]))(live(pods("kill", "worker")))), 60)
    state_is("kill", "Running")
    e.figure("killed worker to another, and Running", time.monotonic() - begin)
    checkpointed("kill", status("kill")["checkpoint"]["id"])
    begin = time.monotonic()
    run_number = status("kill")["run"]["number"]
    kill(live(pods("kill", "coordinator"))[0])
    until("another run", lambda: ((lambda s: (s.get("state") == "Running" and s["run"]["number"] > run_number, s))(status("kill"))), 90)
    e.figure("killed coordinator to Running", time.monotonic() - begin)
    all_seen("kill")
    if status("kill")["restarts"] < 1 or "Restarting" not in events("kill"):
        raise Failed(f"{status('kill')['restarts']} restarts, events {events('kill')}")
    remove("kill")


def snapshot(name, job_name, **spec):
    apply({"apiVersion": "penstock.dev/v1", "kind": "FlinkSnapshot", "metadata": {"name": name, "namespace": NS},
           "spec": {"jobName": job_name, **spec}})


def snapshot_is(name, state, seconds=60):
    def look():
        s = (get("fsnap", name) or {}).get("status", {})
        return s.get("state") == state, s
    return until(f"{name} {state}", look, seconds)


def test_snapshot(e):
    """A savepoint by hand; of a job that can't, it says why; of one that isn't there, it waits."""
    e.need_volume()
    fresh_folder("snap")
    os.makedirs(VOLUME + "/snap/savepoints")
    os.chmod(VOLUME + "/snap/savepoints", 0o777)
    snapshot("early", "snap", directory="/data/snap/savepoints")
    if "there is no FlinkJob 'snap'" not in snapshot_is("early", "Pending")["message"]:
        raise Failed("it doesn't say what it waits for")
    apply(counted("snap"))
    s = snapshot_is("early", "Completed", 90)
    folder = s["location"].replace("/data/", VOLUME + "/")
    if not s["checkpoint"] or not any(names for _, _, names in os.walk(folder)):
        raise Failed(f"{s}: {os.listdir(VOLUME + '/snap/savepoints')}")
    apply(generator("none", parallelism=1, upgradeMode="stateless"))
    state_is("none", "Running")
    snapshot("late", "none")
    if "takes no checkpoints" not in snapshot_is("late", "Failed")["message"]:
        raise Failed(f"{get('fsnap', 'late')}")
    code, out = kubectl("patch", "fsnap", "late", "--type=merge", "-p", json.dumps({"spec": {"jobName": "snap"}}), check=False)
    if code == 0 or "taken once" not in out:
        raise Failed(out)
    kubectl("delete", "fsnap", "early", "late", "--timeout=30s")
    all_seen("snap")
    remove("snap")
    remove("none")


def test_rollback(e):
    """A changed script that compiles and fails as it runs is given up for the last stable one."""
    apply(generator("roll", parallelism=1, upgradeMode="stateless"))
    state_is("roll", "Running")
    until("stable", lambda: ((lambda s: ("stable" in s, s))(status("roll"))), 60)
    patch("roll", sql=GEN + "INSERT INTO b SELECT CAST(CAST(x AS STRING) || 'x' AS BIGINT) FROM a;")
    until("rolled back", lambda: ("RolledBack" in events("roll"), events("roll")), 120)
    s = state_is("roll", "Running", seconds=60)
    if s["run"]["hash"] != s["stable"]["hash"] or s["rejected"]["hash"] == s["run"]["hash"]:
        raise Failed(f"{s}")
    remove("roll")


def test_knobs(e):
    """restartNonce, paused, isolation."""
    apply(generator("knobs", parallelism=1, upgradeMode="stateless"))
    state_is("knobs", "Running")
    run_is = lambda n: until(f"run {n}", lambda: ((lambda s: (s.get("state") == "Running" and s["run"]["number"] == n, s))
                                                  (status("knobs"))), 60)
    patch("knobs", restartNonce=1)
    run_is(2)
    if not get("networkpolicy", "knobs"):
        raise Failed("no network policy")
    patch("knobs", isolation="none")
    until("no policy", lambda: (get("networkpolicy", "knobs") is None, "it is there"), 30)
    patch("knobs", paused=True)
    until("paused", lambda: ((lambda c: ("Paused" in c, c))([c["reason"] for c in status("knobs").get("conditions", [])])), 30)
    patch("knobs", restartNonce=2)
    kill(live(pods("knobs", "worker"))[0])
    time.sleep(3)  # nothing may happen: there is no condition to wait for
    if status("knobs")["run"]["number"] != 2 or live(pods("knobs", "worker")):
        raise Failed(f"{status('knobs')['run']}, {[p['metadata']['name'] for p in live(pods('knobs'))]}")
    patch("knobs", paused=False)
    run_is(3)
    remove("knobs")


def operator_pods():
    out = run(tool("kubectl"), "-n", OPERATOR_NS, "get", "pods", "-l", "app.kubernetes.io/name=penstock-operator", "-o", "json")
    return [p for p in json.loads(out)["items"] if "deletionTimestamp" not in p["metadata"]]


def test_kill_operator(e):
    """Jobs don't notice; what was changed meanwhile is done when it is back."""
    apply(generator("lone", parallelism=1, upgradeMode="stateless"))
    state_is("lone", "Running")
    uids = {p["metadata"]["uid"] for p in live(pods("lone"))}
    for p in operator_pods():
        run(tool("kubectl"), "-n", OPERATOR_NS, "delete", "pod", p["metadata"]["name"], "--grace-period=0", "--force")
    patch("lone", parallelism=2)
    until("scaled", lambda: ((lambda s: (s.get("state") == "Running" and s.get("workers") == "2/2", s))(status("lone"))), 120)
    if uids & {p["metadata"]["uid"] for p in live(pods("lone"))}:
        raise Failed("old pods are there")
    remove("lone")


def test_two_operators(e):
    """One leads; when it goes, the other does, and nothing is done twice."""
    e.install("replicas=2")
    until("two operators", lambda: ((lambda p: (len(p) == 2, p))([x["metadata"]["name"] for x in operator_pods()])), 60)
    apply(generator("both", parallelism=1, upgradeMode="stateless"))
    state_is("both", "Running")

    def leader():
        out = run(tool("kubectl"), "-n", OPERATOR_NS, "get", "lease", "penstock", "-o", "jsonpath={.spec.holderIdentity}")
        return out.rsplit("_", 1)[0]
    first = leader()
    begin = time.monotonic()
    run(tool("kubectl"), "-n", OPERATOR_NS, "delete", "pod", first, "--wait=false")
    until("another leader", lambda: (leader() not in ("", first), leader()), 60)
    e.figure("leader deleted to another leading", time.monotonic() - begin)
    patch("both", parallelism=2)
    until("scaled", lambda: ((lambda s: (s.get("state") == "Running" and s.get("workers") == "2/2", s))(status("both"))), 60)
    if status("both")["run"]["number"] != 2:
        raise Failed(f"{status('both')['run']}")
    remove("both")
    e.install()


def test_delete_while_starting(e):
    apply(job("pending", GEN + "INSERT INTO b SELECT x FROM a;", image="registry.local/none:1"))
    until("why it waits", lambda: ((lambda s: ("Pull" in s.get("message", ""), s))(status("pending"))), 60)
    remove("pending")


def test_restricted(e):
    """The namespace enforces the Pod Security Standard: what could run in it so far passes it."""
    labels = json.loads(run(tool("kubectl"), "get", "namespace", NS, "-o", "json"))["metadata"]["labels"]
    if labels.get("pod-security.kubernetes.io/enforce") != "restricted":
        raise Failed(f"{labels}")
    out = run(tool("kubectl"), "-n", OPERATOR_NS, "logs", "deploy/penstock")
    for secret in ("PRIVATE KEY", "PENSTOCK_TOKEN"):
        if secret in out:
            raise Failed(f"{secret} in the operator's log")


def test_uninstall(e):
    """Last: FlinkJobs and their pods stay, and can be deleted without the operator."""
    apply(generator("stays", parallelism=1))
    state_is("stays", "Running")
    run(tool("helm"), "uninstall", "penstock", "-n", OPERATOR_NS, "--wait", "--timeout", "90s")
    if not live(pods("stays")):
        raise Failed("its pods went with the operator")
    kubectl("delete", "fj", "stays", "--timeout=30s")
    until("no pods", lambda: (not live(pods("stays")), "pods"), 60)
    e.install()


class Env:
    def __init__(self, args):
        self.bin = os.path.abspath(args.bin)
        self.image = args.image or f"registry.local/penstock:{self.digest()}"
        self.own = "KUBECONFIG" not in os.environ
        self.figures = []

    def digest(self):
        """Other programs are another image: a tag that is there already isn't pulled again."""
        h = hashlib.sha256()
        for name in sorted(n for n in os.listdir(self.bin) if n.startswith("penstock")):
            with open(os.path.join(self.bin, name), "rb") as f:
                h.update(f.read())
        return h.hexdigest()[:12]

    def need_volume(self):
        if not self.own:
            raise Skipped("needs a folder of the node as a volume: only on the cluster of its own")

    def figure(self, what, seconds):
        self.figures.append((what, seconds))

    def up(self):
        if self.own:
            run(os.path.join(HERE, "build.sh"), "--helm")
            run(os.path.join(HERE, "up.sh"))
            os.environ["KUBECONFIG"] = os.path.join(RUN, "kubeconfig")
            tar = os.path.join(TOP, "build/image/e2e.tar")
            print(run(os.path.join(TOP, "deploy/pack"), "--name", self.image, "--out", tar, "--bin", self.bin).strip())
            run(os.path.join(HERE, "ctl.sh"), "import", tar)
        self.namespace()
        self.install()

    def namespace(self):
        run(tool("kubectl"), "delete", "namespace", NS, "--ignore-not-found", "--timeout=120s")
        run(tool("kubectl"), "apply", "-f", "-", stdin=json.dumps(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NS, "labels": {
                "pod-security.kubernetes.io/enforce": "restricted"}}}))
        if not self.own:
            return
        os.makedirs(VOLUME, exist_ok=True)
        run(tool("kubectl"), "delete", "pv", "penstock-e2e", "--ignore-not-found", "--timeout=60s")
        for o in ({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "penstock-e2e"},
                   "spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteMany"], "storageClassName": "static",
                            "persistentVolumeReclaimPolicy": "Retain", "hostPath": {"path": VOLUME}}},
                  {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data", "namespace": NS},
                   "spec": {"accessModes": ["ReadWriteMany"], "storageClassName": "static", "volumeName": "penstock-e2e",
                            "resources": {"requests": {"storage": "1Gi"}}}}):
            run(tool("kubectl"), "apply", "-f", "-", stdin=json.dumps(o))

    def install(self, *sets):
        repository, tag = self.image.rsplit(":", 1)
        run(tool("helm"), "upgrade", "--install", "penstock", os.path.join(TOP, "helm/penstock"), "-n", OPERATOR_NS,
            "--create-namespace", "--set", f"image.repository={repository}", "--set", f"image.tag={tag}", "--wait",
            "--timeout", "120s", *(a for s in sets for a in ("--set", s)))

    def down(self):
        if self.own:
            run(os.path.join(HERE, "down.sh"), "--purge")

    def explain(self):
        """What people would look at."""
        for args in (("-n", NS, "get", "fj,pods"), ("-n", OPERATOR_NS, "logs", "deploy/penstock", "--tail=15")):
            print(run(tool("kubectl"), *args, check=False)[1])


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--bin", default=os.path.join(TOP, "build/bin"))
    p.add_argument("--keep", action="store_true")
    p.add_argument("--image")
    p.add_argument("names", nargs="*")
    args = p.parse_args()
    tests = {n[5:]: f for n, f in globals().items() if n.startswith("test_")}
    unknown = [n for n in args.names if n not in tests]
    if unknown:
        p.error(f"no test {unknown[0]}; there are: {', '.join(tests)}")
    env = Env(args)
    passed = failed = skipped = 0
    try:
        env.up()
        for name, test in tests.items():
            if args.names and name not in args.names:
                continue
            begin = time.monotonic()
            try:
                test(env)
                passed += 1
                print(f"ok   {name} ({time.monotonic() - begin:.1f} s)", flush=True)
            except Skipped as e:
                skipped += 1
                print(f"SKIP {name}: {e}", flush=True)
            except (Failed, KeyError, TypeError) as e:
                failed += 1
                print(f"FAIL {name}: {type(e).__name__}: {e}", flush=True)
                env.explain()
    finally:
        if not args.keep:
            env.down()
    for what, seconds in env.figures:
        print(f"     {what}: {seconds:.2f} s")
    print(f"e2e: {passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
