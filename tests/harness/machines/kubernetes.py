"""A hub with KubeSpawner, configured by the published values, before a stand-in for Kubernetes whose one node runs Pods by Docker."""

from __future__ import annotations

import base64
import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.harness.machines import containers, deployment, engine, images
from tests.harness.manifest import HUBS, PUBLISHED, ROOT, SAVED_AS

VALUES = "kubernetes/values.yaml"
HERE = "/opt/kubernetes"
NODE = "/var/lib/node"
PORT = 6443
UNIT = "stand-in.service"
CONFIG = SAVED_AS["jupyterhub/jupyterhub_config.py"]
SITE = SAVED_AS["nginx/jupyterhub.conf"]
POD = "jupyter-alice"
# How the hub reaches the stand-in.
KUBECONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "here",
    "contexts": [{"name": "here", "context": {"cluster": "here", "user": "here"}}],
    "clusters": [{"name": "here", "cluster": {"server": f"http://127.0.0.1:{PORT}"}}],
    "users": [{"name": "here", "user": {}}],
}
# What the chart's hub does beside the values: another spawner, and a hub that Pods reach.
LINES = f"""
import os
import sys

os.environ["KUBECONFIG"] = "{HERE}/config"
sys.path[:0] = ["{HERE}", "{HERE}/packages"]
import chart

# The chart's hub has no other limits than those of the values.
c.pop("Spawner")
c.JupyterHub.spawner_class = "kubespawner.KubeSpawner"
c.JupyterHub.hub_bind_url = "http://10.123.0.1:881"
with open("{HERE}/values.yaml") as values:
    chart.configure(c, values.read())
# The chart's proxy is a Pod of its own. Here it is the published hub's.
c.JupyterHub.bind_url = "http://127.0.0.1:800" + c.JupyterHub.pop("base_url")
"""
PROGRAMS = {
    f"{HERE}/{name}.py": Path(__file__).parents[1].joinpath(f"on_server/{name}.py").read_text() for name in ("chart", "kubernetes_api")
}


# What an ingress does not do stands in the values, and nginx in its place does not either.
OPENER = "    add_header Cross-Origin-Opener-Policy same-origin always;\n"

# k3s's own ingress controller as the workflow has it, with what k3s itself tells it; it finds the stand-in on the loopback address.
TRAEFIK = ROOT / ".ci/kubernetes-traefik.yaml"
K3S = ["--entryPoints.web.address=:80", "--entryPoints.websecure.address=:443", "--entryPoints.websecure.http.tls=true"]
K3S += [f"--providers.kubernetesingress.endpoint=http://127.0.0.1:{PORT}", "--log.level=DEBUG", "--log.noColor=true"]
READS = "Configuration received.*providerName=kubernetes"


def around(ingress: dict) -> list[dict]:
    """What an ingress controller reads: an Ingress, its class, the Service of the hub's proxy, where that is, and the certificate."""
    named = {"namespace": "default"}
    chain, key = deployment.certificate(ingress["spec"]["rules"][0]["host"])
    keys = {name: base64.b64encode(text).decode() for name, text in (("tls.crt", chain), ("tls.key", key))}
    (proxy,) = {path["backend"]["service"]["name"] for rule in ingress["spec"]["rules"] for path in rule["http"]["paths"]}
    slices = {"labels": {"kubernetes.io/service-name": proxy}, "name": f"{proxy}-1"}
    return [
        ingress,
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "IngressClass",
            "metadata": {"name": ingress["spec"]["ingressClassName"]},
            "spec": {"controller": "traefik.io/ingress-controller"},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": named | {"name": proxy},
            "spec": {"type": "ClusterIP", "clusterIP": "127.0.0.1", "ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
        },
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": named | slices,
            "addressType": "IPv4",
            "ports": [{"name": "http", "port": 800, "protocol": "TCP"}],
            "endpoints": [{"addresses": ["127.0.0.1"], "conditions": {"ready": True, "serving": True}}],
        },
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": named | {"name": ingress["spec"]["tls"][0]["secretName"]},
            "type": "kubernetes.io/tls",
            "data": keys,
        },
    ]


@dataclass
class Cluster:
    """The machine of hub, stand-in and node, and the nginx that is in front."""

    place: containers.Place
    front: engine.Container

    @property
    def hub(self) -> deployment.Hub:
        return self.place.hub

    def give(self, values: str) -> None:
        """Start the hub anew with other values, as `helm upgrade` does; of the chart, the Secret of files is made too."""
        files = yaml.safe_load(values)["singleuser"].get("extraFiles", {})
        secret = {f"{NODE}/secrets/singleuser/{name}": file["stringData"] for name, file in files.items()}
        self.hub.machine.sh(
            f"chmod 755 {NODE} {NODE}/secrets {NODE}/secrets/*; systemctl restart jupyterhub", {f"{HERE}/values.yaml": values} | secret
        )
        self.hub.machine.until(deployment.IS_UP)

    @contextlib.contextmanager
    def changed(self, *pairs: tuple[str, str]) -> Iterator[None]:
        """The published values with other words in the place of some, for the length of a `with` block."""
        before = text = PUBLISHED.read(VALUES)
        for old, new in pairs:
            if text.count(old) != 1:
                raise ValueError(f"{old!r} stands {text.count(old)} times in {VALUES}")
            text = text.replace(old, new)
        self.give(text)
        try:
            yield
        finally:
            self.stop()
            self.give(before)

    @contextlib.contextmanager
    def without_headers(self) -> Iterator[None]:
        """nginx tells the hub nothing of HTTPS, for the length of a `with` block."""
        again = "nginx -s stop; while test -e /run/nginx.pid; do sleep 0.1; done; nginx"
        self.front.sh(f"cp {SITE} /root/site; sed -i '/X-Scheme/d; /X-Forwarded-Proto/d' {SITE}; {again}")
        try:
            yield
        finally:
            self.front.sh(f"mv /root/site {SITE}; {again}")

    @contextlib.contextmanager
    def controller(self) -> Iterator[engine.Container]:
        """Traefik as an ingress controller in the place of nginx, for the length of a `with` block."""
        told = re.findall(r"^ +- (--\S+)$", TRAEFIK.read_text("utf-8"), re.M)
        self.front.sh("nginx -s stop")
        try:
            with deployment.beside(self.hub, self.hub.suite, "traefik") as machine:
                machine.sh(f"systemd-run --quiet --unit controller /opt/traefik/bin/traefik {' '.join(K3S + told)}")
                machine.until(f"journalctl --quiet --unit controller --grep '{READS}' | grep -q hub.example.com")
                yield machine
        finally:
            self.front.sh("nginx")

    def asked(self, method: str, plural: str) -> list[dict]:
        """What the hub has asked of the API, each with its answer."""
        notes = map(json.loads, self.hub.machine.read(f"{NODE}/asked.jsonl").splitlines())
        return [note for note in notes if note["method"] == method and f"/{plural}" in note["path"]]

    def pod(self) -> dict:
        """The Pod that was posted last."""
        return self.asked("POST", "pods")[-1]["body"]

    def said(self, name: str = POD) -> str:
        """What the container of a Pod that has ended had said."""
        return self.hub.machine.read(f"{NODE}/{name}.log")

    def stop(self, user: str = "alice") -> None:
        self.hub.on_server("administer", deployment.URL, user, "DELETE", f"hub/api/users/{user}/server")
        self.hub.machine.until(f"! docker ps --all --format '{{{{.Names}}}}' | grep -x jupyter-{user}", 40)

    def inside(self, code: str) -> str:
        """What Python code prints in alice's kernel."""
        return self.hub.on_server("compute", deployment.URL, "alice", code, "--keep-server")


@contextlib.contextmanager
def cluster(make: list[str], ingress: dict, kind: str = HUBS[-1]) -> Iterator[Cluster]:
    """The cluster for the length of a `with` block. Shell commands `make` the node's network, and the image of users' servers.

    In front of the hub is nginx; an `ingress` leads to it too, for a controller that reads it.
    """
    images.prepare(wanted=[images.docker(kind)])
    with containers.machine(kind, images.kubernetes) as place:
        machine = place.hub.machine
        folder = {SAVED_AS[name]: PUBLISHED.read(name) for name in PUBLISHED.folder("docker")}
        machine.sh("; ".join(["set -e", *make]), folder, timeout=400)
        api = f"{deployment.PYTHON} {HERE}/kubernetes_api.py {PORT} {NODE}"
        machine.sh(
            f"systemd-run --quiet --unit {UNIT} --setenv PYTHONPATH={HERE}/packages {api}",
            PROGRAMS
            | {f"{HERE}/config": json.dumps(KUBECONFIG), f"{NODE}/asked.jsonl": "", f"{NODE}/objects.json": json.dumps(around(ingress))},
        )
        machine.sh(f"cat >>{CONFIG}", input=LINES)
        # By public_url, the hub answers at the address that users type alone: where the ingress would be, nginx is.
        site = PUBLISHED.replace("nginx/jupyterhub.conf", OPENER)
        with deployment.in_front(place.hub, place.hub.suite, "nginx", site) as front:
            running = Cluster(place, front)
            running.give(PUBLISHED.read(VALUES))
            yield running
