"""deploy/kubernetes.md: what the published values make KubeSpawner ask of Kubernetes, and the image in a Pod as it asks for it.

No Kubernetes is here: a stand-in takes the place of its API and of one node, which runs Pods by Docker (kubernetes_api.py).
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.machines import deployment, kubernetes
from tests.harness.machines.deployment import BEHIND, URL
from tests.harness.machines.kubernetes import POD
from tests.harness.manifest import FURTHER_PROXIES, MANIFEST, PUBLISHED, ROOT
from tests.harness.measuring import evidence
from tests.harness.measuring.ladder import tell
from tests.harness.on_server import chart, kubernetes_api
from tests.harness.site.docker_page import CREATE

PAGE = "deploy/kubernetes.md"
TEXT = PUBLISHED.read(kubernetes.VALUES)
VALUES = chart.read(TEXT)
# What the workflow adds.
OWN = chart.read((ROOT / ".ci/kubernetes.yaml").read_text("utf-8"))
IMAGE = "registry.example.com/jupyter-user:1"
PROXY_VERSION = FURTHER_PROXIES["traefik"].reports
# What the page has its reader type to make the image.
MAKE = ["cd /root/docker", "sh image.sh", f"docker tag jupyter-user {IMAGE}"]
pytestmark = pytest.mark.xdist_group("kubernetes")


# Read strictly


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("  baseUrl: /jupyter/", "  baseURL: /jupyter/", "hub.baseURL: the chart has no such key"),
        ("  uid: 1000", "  uid: jovyan", "singleuser.uid: 'jovyan' is not a whole number"),
        ("  uid: 1000", "  uid: true", "singleuser.uid: True is not a whole number"),
        ("proxy-body-size: 512m", "proxy-body-size: 512", "proxy-body-size: 512 is not a string"),
        ('proxy-buffering: "off"', "proxy-buffering: off", "proxy-buffering: False is not a string"),
        ('    tag: "1"', "    tag: 1", "singleuser.image.tag: 1 is not a string"),
        ("    type: ClusterIP", "    type: Internal", "proxy.service.type: 'Internal' is none of ClusterIP, NodePort, LoadBalancer"),
        ("cull:", "hub:", "hub stands twice"),
        ("  hosts: [hub.example.com]\n  tls", "  hosts: hub.example.com\n  tls", "ingress.hosts: 'hub.example.com' is no list"),
        ("    limit: 2G", "    limits: 2G", "singleuser.memory.limits: the chart has no such key"),
        ("      secretName: hub", "      secret: hub", "ingress.tls[0].secret: the chart has no such key"),
    ],
)
def test_values_that_the_chart_would_refuse_are_refused_by_key(old, new, words):
    assert TEXT.count(old) == 1
    with pytest.raises(chart.Refused, match=re.escape(words)):
        chart.read(TEXT.replace(old, new))


def test_each_annotation_is_one_of_ingress_nginx_and_says_what_the_published_nginx_says():
    """No ingress controller runs here. nginx does, with the same numbers, in front of the hub of the tests below."""
    annotations = VALUES["ingress"]["annotations"]
    assert annotations.keys() == chart.INGRESS_NGINX
    said = {name.partition("/")[2]: value for name, value in annotations.items()}
    site = PUBLISHED.read("nginx/jupyterhub.conf")
    theirs = {name: re.search(rf"^ +{name.replace('-', '_')} +(\S+);", site, re.M) for name in said}
    theirs["proxy-body-size"] = re.search(r"client_max_body_size (\S+);", site)
    assert {name: found[1].replace("1h", "3600") for name, found in theirs.items()} == said


def test_what_the_workflow_runs_is_what_the_page_says():
    """It runs on a machine of GitHub's alone. Here its parts are read: each value strictly, its script by shellcheck."""
    script = ROOT / ".ci/kubernetes"
    spawner = chart.traits(VALUES)["KubeSpawner"]
    assert chart.traits(chart.joined(OWN, VALUES))["KubeSpawner"] == spawner
    text, page = script.read_text("utf-8"), (ROOT / PAGE).read_text("utf-8")
    said = dict(re.findall(r"^(\w+)=(\S+)$", text, re.M))
    assert said["image"] == spawner["image"] == IMAGE
    assert f"chart {said['chart']}" in page
    assert said["host"] in VALUES["ingress"]["hosts"]
    workflow = (ROOT / ".github/workflows/kubernetes.yml").read_text("utf-8")
    steps = re.findall(r"run: \.ci/kubernetes (\w+)", workflow)
    assert steps == re.findall(r"^(\w+)\(\) \{$", text.replace("fetched() {", ""), re.M)
    done = subprocess.run([Path(sys.executable).with_name("shellcheck"), script], capture_output=True, text=True)
    assert not done.returncode, done.stdout
    assert "This workflow has not run here" in page


# What KubeSpawner asks


@pytest.fixture(scope="module")
def cluster():
    with kubernetes.cluster([CREATE, *MAKE], chart.ingress(chart.joined(OWN, VALUES))) as running:
        yield running


@pytest.fixture
def at_rest(cluster):
    """The cluster; no Pod of alice's runs before a test, nor after it."""
    yield cluster
    cluster.stop()


def started(cluster):
    rungs = cluster.hub.check("--until", "server_spawns", "--keep-server")
    assert rungs[-1]["ok"], tell(rungs[-1])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"hostPID": True}, "spec.hostPID"),
        ({"automountServiceAccountToken": True}, "spec.automountServiceAccountToken"),
        ({"securityContext": {"fsGroup": 100, "runAsNonRoot": True}}, "spec.runAsNonRoot"),
    ],
)
def test_a_pod_with_a_field_that_the_node_would_pass_over_is_refused(change, words):
    """The control: what ran, ran with all that the Pod says."""
    container = {"name": "notebook", "image": IMAGE, "args": ["true"], "resources": {}}
    spec = {"automountServiceAccountToken": False, "restartPolicy": "OnFailure", "containers": [container]}
    pod = {"metadata": {"name": POD}, "spec": spec}
    assert kubernetes_api.command(pod)[-2:] == [IMAGE, "true"]
    with pytest.raises(kubernetes_api.Unknown, match=re.escape(words)):
        kubernetes_api.command(pod | {"spec": spec | change})


def failed(cluster, seconds="60"):
    last = cluster.hub.check("--until", "server_spawns", "--spawn-timeout", seconds)[-1]
    assert (last["rung"], last["ok"]) == ("server_spawns", False), tell(last)
    return last


HOME = VALUES["singleuser"]["extraEnv"]["HOME"]
FILES = {"secret": {"secretName": "singleuser", "items": [{"key": name, "path": name} for name in ("passwd", "headers")]}}
# What the page promises of a Pod, by the way to it.
PROMISED = {
    "metadata.name": POD,
    "spec.automountServiceAccountToken": False,
    "spec.serviceAccountName": None,
    "spec.securityContext": {"fsGroup": 100},
    "image": IMAGE,
    "command": None,
    "args": ["jupyterhub-singleuser"],
    "workingDir": "/home/jovyan",
    "resources.limits": {"cpu": 2, "memory": 2 << 30},
    "resources.requests": {"cpu": 0.1, "memory": 512 << 20},
    "securityContext": {
        "runAsUser": 1000,
        "runAsGroup": 100,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    },
    "env.HOME": "/home/jovyan",
    "env.SHELL": "/bin/bash",
    "env.JUPYTERHUB_PUBLIC_HUB_URL": "https://hub.example.com/jupyter/hub/",
    "env.JUPYTERHUB_API_URL": "http://10.123.0.1:881/jupyter/hub/api",
    "mounts./home/jovyan": {"persistentVolumeClaim": {"claimName": "claim-alice"}},
    "mounts./etc/passwd": FILES,
    "mounts./usr/local/etc/jupyter/jupyter_server_config.py": FILES,
    "mounts./dev/shm": {"emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}},
}


def seen(pod):
    """A Pod as `PROMISED` has it."""
    (container,) = pod["spec"]["containers"]
    volumes = {volume["name"]: {key: value for key, value in volume.items() if key != "name"} for volume in pod["spec"]["volumes"]}
    mounts = {mount["mountPath"]: volumes[mount["name"]] for mount in container["volumeMounts"]}
    whole = container | {"metadata": pod["metadata"], "spec": pod["spec"], "mounts": mounts}
    whole["env"] = {one["name"]: one.get("value") for one in container["env"]}

    def at(way):
        first, _, rest = way.partition(".")
        return whole.get(first, {}).get(rest) if rest else whole.get(first)

    return {way: at(way) for way in PROMISED}


def test_the_pod_is_as_the_page_says(at_rest):
    started(at_rest)
    pod = at_rest.pod()
    assert seen(pod) == PROMISED
    # Nothing more than these is mounted: no account's token, and no folder of the node.
    assert (len(pod["spec"]["volumes"]), len(pod["spec"]["containers"][0]["volumeMounts"])) == (3, 4)
    asked = [*at_rest.asked("POST", "pods"), *at_rest.asked("POST", "persistentvolumeclaims")]
    assert {note["status"] for note in asked} <= {201, 409}
    claim = at_rest.asked("POST", "persistentvolumeclaims")[0]["body"]["spec"]
    assert claim["resources"]["requests"] == {"storage": "10Gi"}
    assert claim["accessModes"] == ["ReadWriteOnce"]


def test_the_stand_in_refuses_a_field_that_kubernetes_does_not_know(at_rest):
    """The control: what was answered with 201 was read strictly."""
    with at_rest.changed(("          sizeLimit: 1Gi", "          sizeLimits: 1Gi")):
        failed(at_rest, "20")
        last = at_rest.asked("POST", "pods")[-1]
        assert last["status"] == 422
        assert "sizeLimits" in last["answer"]["message"]


# The image in such a Pod


def test_a_user_climbs_the_whole_ladder_in_a_pod(at_rest, prove):
    rungs = at_rest.hub.check("--keep-server")
    assert [rung["rung"] for rung in rungs if rung["ok"]] == MANIFEST["ladder"], tell(rungs[-1])
    by = re.search(r"jupyterhub-kubespawner==(\S+)", (ROOT / "tests/images/kubernetes.txt").read_text("utf-8"))[1]
    assert at_rest.pod()["metadata"]["annotations"]["hub.jupyter.org/kubespawner-version"] == by
    prove(evidence.row("accepted", "KubeSpawner", by, [kubernetes.VALUES], home=at_rest.hub.suite))


def test_a_user_climbs_through_the_ingress_controller_of_k3s(at_rest):
    """Traefik reads the Ingress that the chart makes of the values, as the workflow has it; the annotations are not for it."""
    with at_rest.controller() as machine:
        rungs = at_rest.hub.check("--keep-server")
        assert [rung["rung"] for rung in rungs if rung["ok"]] == MANIFEST["ladder"], tell(rungs[-1])
        said = machine.sh("journalctl --quiet --output cat --unit controller").stdout
        assert " ERR " not in said, [line for line in said.splitlines() if " ERR " in line]
        assert f"Traefik {machine.sh(PROXY_VERSION).stdout.strip()}" in (ROOT / PAGE).read_text("utf-8")


LOOK = """import getpass, json, os, pathlib, resource, subprocess
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
home = pathlib.Path.home()
(home / "new.txt").write_text("mine")
def writes(path):
    try:
        open(path, "a").close()
        return True
    except OSError:
        return False
print(json.dumps({
    "ids": [os.getuid(), os.getgid(), os.getgroups()],
    "name": getpass.getuser(),
    "home": [str(home), os.readlink(f"/proc/{os.getppid()}/cwd"), os.path.ismount("/home/jovyan")],
    "new": [(home / "new.txt").stat().st_uid, (home / "new.txt").stat().st_gid],
    "powers": [status[name].split()[0] for name in ("CapEff", "CapBnd", "NoNewPrivs", "Seccomp")],
    "account": os.path.exists("/var/run/secrets/kubernetes.io") or os.path.exists("/run/secrets/kubernetes.io"),
    "shared": os.statvfs("/dev/shm").f_blocks * os.statvfs("/dev/shm").f_frsize,
    "writes": [path for path in ("/etc/passwd", "/opt/jupyterhub/x", "/etc/jupyter/x", str(home / "x")) if writes(path)],
    "prompt": subprocess.run(["bash", "-ic", "echo ${PS1@P}"], capture_output=True, text=True).stdout.strip(),
}))"""
WITHIN = {
    "ids": [1000, 100, [100]],
    "name": "jovyan",
    "home": ["/home/jovyan", "/home/jovyan", True],
    "new": [1000, 100],
    "powers": ["0000000000000000", "0000000000000000", "1", "2"],
    "account": False,
    "shared": 1 << 30,
    "writes": [f"{HOME}/x"],
}


def within(cluster):
    return json.loads(cluster.inside(LOOK))


def test_the_kernel_sees_what_the_page_says(at_rest):
    found = within(at_rest)
    assert "jovyan@jupyter-alice" in found.pop("prompt")
    assert found == WITHIN
    # And Docker was given the Pod's limits.
    assert at_rest.place.inspect("{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}}") == f"{2 << 30} {2 * 10**9}"


def test_the_home_begins_empty_and_files_stay_from_pod_to_pod(at_rest):
    at_rest.hub.on_server("save", URL, "alice", "kept.txt", "mine\n")
    first = at_rest.place.inspect("{{.Id}}")
    at_rest.stop()
    assert at_rest.inside("import pathlib; print((pathlib.Path.home() / 'kept.txt').read_text())").split() == ["mine"]
    assert at_rest.place.inspect("{{.Id}}") != first


def made(place):
    """How often alice's pod has been made."""
    notes = [note for note in place.asked("POST", "pods") if note["status"] == 201]
    return sum(note["answer"]["metadata"]["name"] == POD for note in notes)


def test_the_hub_finds_pods_again_after_a_restart(at_rest):
    at_rest.hub.on_server("compute", URL, "alice", "kept = 7; print(kept)", "--keep-server")
    first, before = at_rest.place.inspect("{{.Id}}"), made(at_rest)
    assert before
    at_rest.hub.machine.sh("systemctl restart jupyterhub")
    at_rest.hub.machine.until(deployment.IS_UP)
    started(at_rest)
    assert at_rest.place.inspect("{{.Id}}") == first
    assert made(at_rest) == before


# What each line is for


def test_by_public_url_the_cookies_of_a_login_are_secure_whatever_stands_before_the_hub(at_rest):
    with at_rest.without_headers():
        assert at_rest.hub.check("--until", "login_works")[-1]["ok"]
    with at_rest.changed(("      public_url: https://hub.example.com/jupyter/", "      public_url: ''")), at_rest.without_headers():
        last = at_rest.hub.check("--until", "login_works")[-1]
    assert (last["rung"], last["ok"]) == ("login_works", False), tell(last)
    assert "Secure" in tell(last)


def test_without_the_header_for_servers_another_site_keeps_a_hold_on_a_notebook(at_rest):
    line = """        c.ServerApp.tornado_settings.update({"headers": {"Cross-Origin-Opener-Policy": "same-origin"}})\n"""
    with at_rest.changed((line, "        pass\n")):
        last = at_rest.hub.check()[-1]
    assert (last["rung"], last["ok"]) == ("blocks_shown", False), tell(last)
    assert "Cross-Origin-Opener-Policy: none" in tell(last)


def test_the_hubs_own_pages_have_the_header_too(at_rest):
    ask = f"import urllib.request as r; print(r.urlopen('{BEHIND}hub/login').headers['Cross-Origin-Opener-Policy'])"
    assert at_rest.hub.machine.exec(deployment.PYTHON, "-c", ask).stdout.split() == ["same-origin"]


def test_without_a_home_the_server_ends(at_rest):
    with at_rest.changed(("    HOME: /home/jovyan\n", ""), ("        jovyan:x:1000:100:jovyan:/home/jovyan:/bin/bash\n", "")):
        failed(at_rest)
        assert "Permission denied: '/.local'" in at_rest.said(), at_rest.said()[-3000:]


def test_without_the_file_passwd_programs_know_no_name(at_rest):
    with at_rest.changed(("        jovyan:x:1000:100:jovyan:/home/jovyan:/bin/bash\n", "")):
        assert "I have no name" in at_rest.inside(
            "import subprocess; print(subprocess.run(['bash','-ic','echo ${PS1@P}'], capture_output=True, text=True).stdout)"
        )


def test_without_a_group_new_files_are_of_roots(at_rest):
    with at_rest.changed(("      gid: 100\n", "")):
        started(at_rest)
        assert "runAsGroup" not in at_rest.pod()["spec"]["containers"][0]["securityContext"]
        assert at_rest.inside("import os; print(os.getgid())").strip() == "0"


@pytest.mark.parametrize(
    ("old", "way"),
    [
        ("        capabilities:\n          drop: [ALL]\n", "securityContext"),
        ("    limit: 2G\n", "resources.limits"),
        ("    limit: 2\n", "resources.limits"),
        ("      working_dir: /home/jovyan\n", "workingDir"),
        ("  fsGid: 100\n", "spec.securityContext"),
    ],
)
def test_without_a_line_the_pod_is_another(at_rest, old, way):
    new = "  fsGid: 101\n" if "fsGid" in old else ""
    with at_rest.changed((old, new)):
        started(at_rest)
        assert [one for one, value in seen(at_rest.pod()).items() if value != PROMISED[one]] == [way]
