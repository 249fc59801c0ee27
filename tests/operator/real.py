#!/usr/bin/env python3
"""real.py - runs real_check (operator/k8s against a real API server) on an etcd and API server of its own.

Usage: real.py --check build/test/k8s_real_check
       real.py --restart RUN_FOLDER      kills that API server and starts it anew (for real_check)

The binaries come from tests/cluster/build.sh, once per user.
"""
import argparse
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CLUSTER = os.path.join(ROOT, "tests/cluster")
CACHE = os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache"))
CL_BIN = os.environ.get("CL_BIN", os.path.join(CACHE, "penstock/cluster/1.33.13"))


def free_ports(n):
    """The first of n ports in a row that nobody listens on."""
    for base in range(20000, 30000, n):
        socks = []
        try:
            for port in range(base, base + n):
                s = socket.socket()
                socks.append(s)
                s.bind(("127.0.0.1", port))
            return base
        except OSError:
            continue
        finally:
            for s in socks:
                s.close()
    raise SystemExit("real.py: no free ports")


def start_time(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
        return f.read().rsplit(") ", 1)[1].split()[19]


def is_ready(folder):
    kubectl = [os.path.join(CL_BIN, "kubectl"), "--kubeconfig", os.path.join(folder, "kubeconfig")]
    return subprocess.run(kubectl + ["get", "--raw", "/readyz"], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, check=False).returncode == 0


def restart(folder):
    """As after a crash: SIGKILL, then the same command."""
    pid_file = os.path.join(folder, "apiserver.pid")
    with open(pid_file, encoding="utf-8") as f:
        pid = int(f.read().split()[0])
    with open(f"/proc/{pid}/cmdline", "rb") as f:
        command = [a.decode() for a in f.read().split(b"\0")[:-1]]
    os.kill(pid, signal.SIGKILL)
    while os.path.exists(f"/proc/{pid}") and start_state(pid) != "Z":
        time.sleep(0.02)
    with open(os.path.join(folder, "log/apiserver.log"), "ab") as log:
        p = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                             start_new_session=True)
    with open(pid_file, "w", encoding="utf-8") as f:
        f.write(f"{p.pid} {start_time(p.pid)}\n")
    end = time.time() + 120
    while not is_ready(folder):
        if time.time() > end or p.poll() is not None:
            raise SystemExit("real.py: the API server doesn't come up again")
        time.sleep(0.1)


def start_state(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
            return f.read().rsplit(") ", 1)[1][0]
    except FileNotFoundError:
        return "Z"


def check(program):
    if not os.path.exists(os.path.join(CL_BIN, "kube-apiserver")):
        subprocess.run([os.path.join(CLUSTER, "build.sh")], check=True)
    folder = tempfile.mkdtemp(prefix="penstock-real-")
    env = dict(os.environ, CL_RUN=folder, CL_PORT=str(free_ports(3)), CL_BIN=CL_BIN)
    env.pop("KUBECONFIG", None)
    lite = os.path.join(CLUSTER, "lite.sh")
    try:
        subprocess.run([lite, "up"], check=True, env=env)
        env["KUBECONFIG"] = os.path.join(folder, "kubeconfig")
        env["K8S_RESTART"] = f"{shlex.quote(sys.executable)} {shlex.quote(os.path.abspath(__file__))} " \
                             f"--restart {shlex.quote(folder)}"
        kubectl = os.path.join(CL_BIN, "kubectl")
        subprocess.run([kubectl, "apply", "--server-side", "-f", os.path.join(ROOT, "crds")],
                       check=True, env=env)
        subprocess.run([kubectl, "wait", "--for=condition=Established", "--timeout=60s", "crd", "--all"],
                       check=True, env=env, stdout=subprocess.DEVNULL)
        return subprocess.run([program], env=env, check=False, timeout=600).returncode
    finally:
        env.pop("KUBECONFIG", None)
        subprocess.run([lite, "down", "--purge"], check=False, env=env)
        shutil.rmtree(folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--check")
    parser.add_argument("--restart")
    args = parser.parse_args()
    if args.restart:
        restart(args.restart)
        return 0
    if not args.check:
        parser.error("--check or --restart")
    return check(args.check)


if __name__ == "__main__":
    sys.exit(main())
