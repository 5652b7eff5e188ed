"""A stand-in for Kubernetes: as much of its API as KubeSpawner asks, and one node, on which Docker runs the containers of Pods.

`python kubernetes_api.py PORT FOLDER`. What is posted is checked by Kubernetes' own schema, strictly, and refused otherwise. The node does
what a Pod's fields say, and a Pod with a field that it does not know fails, with the field's name as its reason: nothing is passed
over. Images are named as in the Pod; none is fetched.

FOLDER holds `secrets/NAME/KEY` for Pods to mount, and `objects.json`, what else is in the cluster, which an ingress controller may read.
Here appear `asked.jsonl`, each request that changes something, with its answer; `claims/NAME`, the folder of each volume that was claimed;
and `NAME.log`, what a Pod's container said until it ended.
"""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

VERSION = "1.37"
NETWORK = "jupyter"
KINDS = {"pods": "Pod", "events": "Event", "persistentvolumeclaims": "PersistentVolumeClaim"}
# What an ingress controller asks for beside them; it changes nothing.
READ = {"ingresses": "Ingress", "ingressclasses": "IngressClass", "services": "Service", "endpointslices": "EndpointSlice"}
READ |= {"secrets": "Secret", "configmaps": "ConfigMap", "nodes": "Node", "namespaces": "Namespace"}
# A field's place is its names without numbers. Of those that are nothing to a node with one Pod after the other, what they may be.
SCHEDULED = ("tolerations", "affinity", "nodeSelector", "priorityClassName", "schedulerName")
UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
FOLDER = Path()
CHANGED = threading.Condition()
OBJECTS: dict[tuple[str, str], dict] = {}  # by (plural, name)
EVENTS: list[tuple[str, str, dict]] = []  # (plural, type, object) in their order: the number of the last is the version of all


class Unknown(Exception):
    """A Pod asks for what this node has not; the text names the field."""


def size(text: object) -> int:
    """A quantity of Kubernetes' as a number of bytes."""
    number, unit = re.fullmatch(r"([0-9.]+)([A-Za-z]*)", str(text)).groups()
    return int(float(number) * UNITS[unit])


def take(fields: dict, *names: str) -> list:
    """The values of an object's fields, which are then done with."""
    return [fields.pop(name, None) for name in names]


def done(place: str, *rest: dict) -> None:
    left = [name for fields in rest for name, value in fields.items() if value not in (None, [], {})]
    if left:
        raise Unknown(f"{place}.{left[0]}")


def command(pod: dict) -> list[str]:
    """The command by which Docker runs a Pod's container. Raises `Unknown` for each field that it would pass over."""
    pod = json.loads(json.dumps(pod))
    spec, name = pod["spec"], pod["metadata"]["name"]
    (container,) = spec.pop("containers")
    volumes, security = take(spec, "volumes", "securityContext")
    restart, token = take(spec, "restartPolicy", "automountServiceAccountToken")
    take(spec, *SCHEDULED)
    own, security = container.pop("securityContext", None) or {}, security or {}
    user, group, shared = *take(own, "runAsUser", "runAsGroup"), security.pop("fsGroup", None)
    made = ["docker", "run", "--detach", "--name", name, "--hostname", name, "--network", NETWORK, "--pull", "never"]
    if restart not in ("OnFailure", "Never"):
        raise Unknown(f"spec.restartPolicy: {restart}")
    if token is not False:
        raise Unknown("spec.automountServiceAccountToken: this node has no account")
    if user is not None:
        made += ["--user", f"{user}" if group is None else f"{user}:{group}"]
    if shared is not None:
        made += ["--group-add", str(shared)]
    if own.pop("allowPrivilegeEscalation", None) is False:
        made += ["--security-opt", "no-new-privileges"]
    for power in (own.pop("capabilities", None) or {}).get("drop", []):
        made += ["--cap-drop", power]
    # RuntimeDefault is what Docker does unasked.
    if (profile := own.pop("seccompProfile", {"type": "RuntimeDefault"})) != {"type": "RuntimeDefault"}:
        raise Unknown(f"securityContext.seccompProfile: {profile}")
    limits = (container["resources"] or {}).pop("limits", None) or {}
    take(container["resources"], "requests")
    memory, processors = take(limits, "memory", "cpu")
    if memory:
        made += ["--memory", str(size(memory)), "--memory-swap", str(size(memory))]
    if processors:
        made += ["--cpus", str(processors)]
    done("resources", limits, container.pop("resources"))
    by_name = {volume.pop("name"): volume for volume in volumes or []}
    for mount in container.pop("volumeMounts", None) or []:
        made += mounted(mount, json.loads(json.dumps(by_name[mount["name"]])), shared)
    folder, image, entry, arguments = take(container, "workingDir", "image", "command", "args")
    if folder:
        made += ["--workdir", folder]
    for variable in container.pop("env", None) or []:
        field = variable.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath")
        value = name if field == "metadata.name" else variable.get("value") if "valueFrom" not in variable else None
        if value is None:
            raise Unknown(f"env: {variable}")
        made += ["--env", f"{variable['name']}={value}"]
    if entry:
        made += ["--entrypoint", entry[0]]
    take(container, "name", "imagePullPolicy", "ports")
    done("container", container, own)
    done("spec", spec, security)
    return [*made, image, *(entry or [])[1:], *(arguments or [])]


def mounted(mount: dict, volume: dict, group: int | None) -> list[str]:
    _, path, part, writable = *take(mount, "name", "mountPath", "subPath"), not mount.pop("readOnly", False)
    claim, secret, empty = take(volume, "persistentVolumeClaim", "secret", "emptyDir")
    done("volume", mount, volume)
    if claim:
        name = claim.pop("claimName")
        done("persistentVolumeClaim", claim)
        if ("persistentvolumeclaims", name) not in OBJECTS:
            raise Unknown(f"persistentvolumeclaim {name!r} not found")
        lies = FOLDER / "claims" / name
        # Where a Pod has an fsGroup, a volume is that group's.
        if group is not None:
            subprocess.run(["chgrp", str(group), str(lies)], check=True)
            lies.chmod(0o2775)
    elif secret:
        lies, writable = FOLDER / "secrets" / secret["secretName"], False
        if part not in [item["path"] for item in secret["items"] if item["key"] == part]:
            raise Unknown(f"secret: {part}")
        lies, part = lies / part, None
    elif empty is not None and (empty := dict(empty)).pop("medium", None) == "Memory":
        limit = size(empty.pop("sizeLimit", "64Mi"))
        done("emptyDir", empty)
        return ["--tmpfs", f"{path}:rw,exec,nosuid,nodev,mode=1777,size={limit}"]
    else:
        raise Unknown(f"volume of {path}")
    if part:
        raise Unknown(f"subPath: {part}")
    return ["--volume", f"{lies}:{path}" + ("" if writable else ":ro")]


def changed(plural: str, kind: str, thing: dict) -> None:
    """Tell those that watch. The lock is held."""
    EVENTS.append((plural, kind, json.loads(json.dumps(thing))))
    thing["metadata"]["resourceVersion"] = EVENTS[-1][2]["metadata"]["resourceVersion"] = str(len(EVENTS))
    CHANGED.notify_all()


def state(pod: dict, phase: str, **status: object) -> None:
    """A Pod's new state."""
    with CHANGED:
        pod["status"] = {"phase": phase, **status}
        changed("pods", "MODIFIED", pod)


def run(pod: dict) -> None:
    """Run a Pod's container until it ends; in a thread of its own."""
    name, image = pod["metadata"]["name"], pod["spec"]["containers"][0]["image"]
    named = {"name": "notebook", "image": image, "imageID": "", "restartCount": 0}

    def ended(reason: str, message: str, code: int) -> None:
        over = {"terminated": {"exitCode": code, "reason": reason, "message": message}}
        state(pod, "Failed", message=message, containerStatuses=[{**named, "ready": False, "state": over}])

    try:
        asked = command(pod)
    except Unknown as why:
        ended("NotOfThisNode", str(why), 128)
        return
    began = subprocess.run(asked, capture_output=True, text=True)
    if began.returncode:
        ended("ContainerCannotRun", began.stderr, began.returncode)
        return
    look = ["docker", "inspect", "--format", f'{{{{(index .NetworkSettings.Networks "{NETWORK}").IPAddress}}}}', name]
    address = subprocess.run(look, capture_output=True, text=True).stdout.strip()
    running = {**named, "ready": True, "started": True, "state": {"running": {"startedAt": time.strftime("%Y-%m-%dT%H:%M:%SZ")}}}
    ready = [{"type": "Ready", "status": "True"}]
    state(pod, "Running", podIP=address, hostIP="127.0.0.1", containerStatuses=[running], conditions=ready)
    code = subprocess.run(["docker", "wait", name], capture_output=True, text=True).stdout.strip()
    kept(name)
    if ("pods", name) in OBJECTS and "deletionTimestamp" not in pod["metadata"]:
        ended("Error", "", int(code or 1))


def kept(name: str) -> None:
    """Keep what a container has said: it goes with its Pod."""
    said = subprocess.run(["docker", "logs", name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if not said.returncode:
        (FOLDER / f"{name}.log").write_text(said.stdout)


def end(pod: dict, grace: int) -> None:
    """Stop a Pod's container, and forget the Pod; in a thread of its own."""
    name = pod["metadata"]["name"]
    subprocess.run(["docker", "stop", "--time", str(grace), name], capture_output=True)
    kept(name)
    subprocess.run(["docker", "rm", "--force", name], capture_output=True)
    with CHANGED:
        changed("pods", "DELETED", OBJECTS.pop(("pods", name)))


class Api(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    place = re.compile(r"/(api/v1|apis/[\w.]+/v1)(?:/namespaces/([^/]+))?/(\w+)(?:/([^/]+))?")

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, status: int, body: dict) -> None:
        if self.command != "GET":
            note = {"method": self.command, "path": self.path, "body": self.asked, "status": status, "answer": body}
            with CHANGED, (FOLDER / "asked.jsonl").open("a") as notes:
                notes.write(json.dumps(note) + "\n")
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def refuse(self, status: int, reason: str, message: str) -> None:
        told = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": message, "code": status}
        self.answer(status, told)

    def handle_one(self) -> None:
        self.asked = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"null")
        address = urlsplit(self.path)
        found = self.place.fullmatch(address.path)
        known = KINDS | (READ if self.command == "GET" else {})
        if not found or found[3] not in known:
            self.refuse(404, "NotFound", f"no {address.path} here")
            return
        group, space, plural, name = found.groups()
        self.kind = {"kind": known[plural], "apiVersion": group.removeprefix("apis/").removeprefix("api/")}
        getattr(self, self.command.lower())(space, plural, name, parse_qs(address.query))

    do_GET = do_POST = do_DELETE = handle_one

    def get(self, space: str, plural: str, name: str | None, query: dict) -> None:
        with CHANGED:
            thing, version = json.loads(json.dumps(OBJECTS.get((plural, name)))), str(len(EVENTS))
            all_of = [json.loads(json.dumps(one)) for (kind, _), one in OBJECTS.items() if kind == plural]
        wanted = [part for part in query.get("labelSelector", [""])[0].split(",") if part]
        if name:
            self.answer(200, thing) if thing else self.refuse(404, "NotFound", f'{plural} "{name}" not found')
        elif query.get("watch", ["false"])[0].lower() == "true":
            begun = all_of if query.get("sendInitialEvents") == ["true"] else None
            after = int(version) if begun is not None else int(query["resourceVersion"][0])
            self.watch(plural, wanted, begun, after, float(query.get("timeoutSeconds", ["10"])[0]))
        else:
            items = [one for one in all_of if fits(one, wanted)]
            metadata = {"resourceVersion": version}
            whole = {"kind": f"{self.kind['kind']}List", "apiVersion": self.kind["apiVersion"]}
            self.answer(200, {**whole, "metadata": metadata, "items": items})

    def watch(self, plural: str, wanted: list[str], begun: list | None, version: int, seconds: float) -> None:
        """Each change from then on, as a line, until the time is over; before them what has `begun`, if that is asked for."""
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        if begun is not None:
            end = {**self.kind, "metadata": {"resourceVersion": str(version), "annotations": {"k8s.io/initial-events-end": "true"}}}
            lines = [{"type": "ADDED", "object": one} for one in begun if fits(one, wanted)]
            for line in [*lines, {"type": "BOOKMARK", "object": end}]:
                self.wfile.write(json.dumps(line).encode() + b"\n")
            self.wfile.flush()
        over = time.monotonic() + seconds
        while (left := over - time.monotonic()) > 0:
            with CHANGED:
                CHANGED.wait_for(lambda seen=version: len(EVENTS) > seen, min(left, 1))
                new, version = EVENTS[version:], len(EVENTS)
            for kind, what, thing in new:
                if kind == plural and fits(thing, wanted):
                    self.wfile.write(json.dumps({"type": what, "object": thing}).encode() + b"\n")
            self.wfile.flush()

    def post(self, space: str, plural: str, _: str | None, query: dict) -> None:
        thing, number = self.asked, next(NUMBERS)
        try:
            valid(thing)
        except Exception as error:
            self.refuse(422, "Invalid", str(getattr(error, "message", error)))
            return
        name = thing["metadata"]["name"]
        with CHANGED:
            if (plural, name) in OBJECTS:
                twice = True
            else:
                twice = False
                thing["metadata"] |= {"namespace": space, "uid": str(number), "creationTimestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ")}
                thing["status"] = {"phase": "Pending"}
                if plural == "persistentvolumeclaims":
                    (FOLDER / "claims" / name).mkdir(parents=True, exist_ok=True)
                OBJECTS[plural, name] = thing
                changed(plural, "ADDED", thing)
        if twice:
            self.refuse(409, "AlreadyExists", f'{plural} "{name}" already exists')
            return
        self.answer(201, thing)
        if plural == "pods":
            threading.Thread(target=run, args=(thing,), daemon=True).start()

    def delete(self, space: str, plural: str, name: str | None, query: dict) -> None:
        with CHANGED:
            thing = OBJECTS.get((plural, str(name)))
            if thing and "deletionTimestamp" not in thing["metadata"]:
                thing["metadata"]["deletionTimestamp"] = time.strftime("%Y-%m-%dT%H:%M:%SZ")
                grace = (self.asked or {}).get("gracePeriodSeconds") or query.get("gracePeriodSeconds", [1])[0]
                threading.Thread(target=end, args=(thing, int(grace)), daemon=True).start()
        self.answer(200, thing) if thing else self.refuse(404, "NotFound", f'{plural} "{name}" not found')


NUMBERS = itertools.count(1)


def fits(thing: dict, wanted: list[str]) -> bool:
    """Whether an object has the labels of a selector: name=value, or name!=value."""
    labels = thing["metadata"].get("labels", {})
    parts = [re.fullmatch("(.+?)(!?)==?(.*)", one).groups() for one in wanted]
    return all((labels.get(name) == value) != bool(other) for name, other, value in parts)


def valid(thing: dict) -> None:
    """Raises an error if an object is not as its schema says; what knows the schemas is where the stand-in runs."""
    import kubernetes_validate

    kubernetes_validate.validate(thing, VERSION, strict=True)


def load(text: str) -> None:
    """Put objects into the cluster, each checked by its schema."""
    plurals = {kind: plural for plural, kind in (KINDS | READ).items()}
    for thing in json.loads(text):
        valid(thing)
        with CHANGED:
            thing["metadata"] |= {"uid": str(next(NUMBERS)), "creationTimestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ")}
            OBJECTS[plurals[thing["kind"]], thing["metadata"]["name"]] = thing
            changed(plurals[thing["kind"]], "ADDED", thing)


if __name__ == "__main__":
    FOLDER = Path(sys.argv[2])
    load((FOLDER / "objects.json").read_text())
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Api).serve_forever()
