#!/usr/bin/env python3
"""chart.py - the Helm chart: helm lint, its schema, and what it renders. Needs helm (tests/cluster/build.sh --helm, or on PATH)."""
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
CHART = os.path.join(TOP, "helm/penstock")
CACHE = os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache"))
HELM = shutil.which("helm") or os.path.join(CACHE, "penstock/cluster/1.33.13/helm")


def helm(*args):
    r = subprocess.run([HELM, *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return r.returncode, r.stdout


def render(*sets):
    args = [a for s in sets for a in ("--set", s)]
    code, out = helm("template", "rel", CHART, "--namespace", "ops", *args)
    assert code == 0, out
    return out


def kinds(text):
    return sorted(line.split(": ")[1] for line in text.splitlines() if line.startswith("kind: "))


def check_lint():
    code, out = helm("lint", CHART, "--strict")
    assert code == 0, out


def check_default():
    text = render()
    assert kinds(text) == sorted(
        ["ServiceAccount"] * 2 + ["ClusterRole"] * 4 + ["ClusterRoleBinding"] * 2 +
        ["CustomResourceDefinition"] * 2 + ["Role", "RoleBinding", "Deployment", "Service", "PriorityClass", "Job"]), kinds(text)
    for want in ("helm.sh/resource-policy: keep", "runAsNonRoot: true", "readOnlyRootFilesystem: true", "--image=penstock:0.1.0",
                 "--lease=rel-penstock"):
        assert want in text, want
    assert "*" not in "".join(l for l in text.splitlines() if "verbs" in l or "resources: [" in l)


def check_namespaces():
    text = render("watchNamespaces={a,b}")
    assert "--namespaces=a,b" in text
    assert kinds(text).count("ClusterRoleBinding") == 0, "rights beyond the namespaces"
    assert kinds(text).count("Role") == 5


def check_options():
    text = render("replicas=2", "metrics.serviceMonitor.enabled=true", "crds.install=false", "priorityClass.create=false",
                  "extraEnv[0].name=A", "extraEnv[0].value=b", "nodeSelector.disk=ssd", "releaseOnUninstall=false", "jobImage=x:1")
    got = kinds(text)
    assert "PodDisruptionBudget" in got and "ServiceMonitor" in got
    assert "CustomResourceDefinition" not in got and "PriorityClass" not in got and "Job" not in got
    for want in ("--image=x:1", "disk: ssd", "name: A"):
        assert want in text, want
    text = render("serviceAccount.create=false", "serviceAccount.name=mine", "rbac.create=false")
    assert kinds(text).count("ServiceAccount") == 0 and "serviceAccountName: mine" in text


def check_bad_values():
    for bad, part in (("replica=2", "replica"), ("replicas=many", "replicas"), ("image.pullPolicy=Sometimes", "pullPolicy"),
                      ("serviceAccount.create=false", "serviceAccount.name is needed")):
        code, out = helm("template", "rel", CHART, "--set", bad)
        assert code != 0 and part in out, (bad, out)


def check_crds():
    for name in os.listdir(os.path.join(TOP, "crds")):
        with open(os.path.join(TOP, "crds", name)) as a, open(os.path.join(CHART, "files", name)) as b:
            assert a.read() == b.read(), f"{name}: make helm"


def main():
    if not os.access(HELM, os.X_OK):
        print("chart.py: SKIPPED, nothing was tested: no helm; tests/cluster/build.sh --helm builds it")
        return 0
    failed = 0
    for name, check in sorted(globals().items()):
        if not name.startswith("check_"):
            continue
        try:
            check()
            print(f"ok   {name[6:]}")
        except AssertionError as e:
            failed += 1
            print(f"FAIL {name[6:]}: {e}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
