"""Reads values of the chart of Zero to JupyterHub strictly, and says what of them its hub hands to KubeSpawner.

The chart itself is not here. The keys below are those that the published values use, with their types, and what becomes of them was
looked up in the chart's release 4: in its schema, and in the configuration of its hub. A key that is not below is refused, as the
chart's schema refuses one that it does not know.
"""

from __future__ import annotations

from typing import Any

import yaml

STRING, NUMBER, WHOLE, SWITCH = "a string", "a number", "a whole number", "true or false"
TYPES = {STRING: (str,), NUMBER: (int, float), WHOLE: (int,), SWITCH: (bool,)}
TEXTS = {"*": STRING}  # any names, each with a string


class OneOf(tuple):
    """The strings that a value may be."""


# A list of one means any number of such; a dictionary with the key * any names. None is what others read: traitlets, or Kubernetes.
IMAGE = {"name": STRING, "tag": STRING, "pullPolicy": OneOf(("IfNotPresent", "Always", "Never")), "pullSecrets": [STRING]}
KEYS: dict[str, Any] = {
    "hub": {"baseUrl": STRING, "config": {"*": {"*": None}}, "image": IMAGE, "extraConfig": TEXTS},
    "proxy": {"service": {"type": OneOf(("ClusterIP", "NodePort", "LoadBalancer"))}},
    "singleuser": {
        "image": IMAGE,
        "cmd": [STRING],
        "uid": WHOLE,
        "fsGid": WHOLE,
        "serviceAccountName": STRING,
        "allowPrivilegeEscalation": SWITCH,
        "extraEnv": TEXTS,
        "extraFiles": {"*": {"mountPath": STRING, "stringData": STRING, "mode": WHOLE}},
        "storage": {
            "type": OneOf(("dynamic", "static", "none")),
            "homeMountPath": STRING,
            "capacity": STRING,
            "dynamic": {"storageClass": STRING, "storageAccessModes": [STRING]},
            "extraVolumes": [{"*": None}],
            "extraVolumeMounts": [{"*": None}],
        },
        "memory": {"limit": STRING, "guarantee": STRING},
        "cpu": {"limit": NUMBER, "guarantee": NUMBER},
        "cloudMetadata": {"blockWithIptables": SWITCH, "ip": STRING},
    },
    "cull": {"enabled": SWITCH, "timeout": WHOLE},
    "scheduling": {"userScheduler": {"enabled": SWITCH}},
    "prePuller": {"hook": {"enabled": SWITCH}, "continuous": {"enabled": SWITCH}},
    "ingress": {
        "enabled": SWITCH,
        "ingressClassName": STRING,
        "annotations": TEXTS,
        "hosts": [STRING],
        "pathType": OneOf(("Prefix", "Exact", "ImplementationSpecific")),
        "tls": [{"hosts": [STRING], "secretName": STRING}],
    },
}
# What the chart has where the values have nothing, of what reaches the Pod.
DEFAULTS = {
    "hub": {"baseUrl": "/", "config": {}},
    "singleuser": {
        "cmd": "jupyterhub-singleuser",
        "uid": 1000,
        "fsGid": 100,
        "allowPrivilegeEscalation": False,
        "extraEnv": {},
        "extraFiles": {},
        "storage": {"type": "dynamic", "homeMountPath": "/home/jovyan", "capacity": "10Gi", "extraVolumes": [], "extraVolumeMounts": []},
        "memory": {"guarantee": "1G"},
        "cpu": {},
    },
}
# The Secret in which the chart keeps files for users' servers.
SECRET = "singleuser"
# The annotations of ingress-nginx that the values may have, by its own list of them.
INGRESS_NGINX = {
    f"nginx.ingress.kubernetes.io/{name}"
    for name in ("proxy-body-size", "proxy-read-timeout", "proxy-send-timeout", "proxy-buffer-size", "proxy-buffering")
}


class Refused(ValueError):
    """Values that the chart would not take; the text says which key, and why."""


class Once(yaml.SafeLoader):
    """YAML in which no key stands twice: the first would be lost without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        made: dict = {}
        for key, value in node.value:
            name = self.construct_object(key, deep=deep)
            if name in made:
                raise Refused(f"line {key.start_mark.line + 1}: {name} stands twice")
            made[name] = self.construct_object(value, deep=True)
        return made


Once.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, lambda loader, node: loader.construct_mapping(node, deep=True))


def read(text: str) -> dict:
    """The values, once each key is known and each value is of its type. Raises `Refused`."""
    try:
        values = yaml.load(text, Once)
    except yaml.YAMLError as error:
        raise Refused(str(error)) from None
    _fits("", values, KEYS)
    return values


def _fits(key: str, value: object, asked: Any) -> None:
    if asked is None:
        return
    if isinstance(asked, OneOf):
        if value not in asked:
            raise Refused(f"{key}: {value!r} is none of {', '.join(asked)}")
    elif isinstance(asked, list):
        if not isinstance(value, list):
            raise Refused(f"{key}: {value!r} is no list")
        for place, one in enumerate(value):
            _fits(f"{key}[{place}]", one, asked[0])
    elif isinstance(asked, dict):
        if not isinstance(value, dict):
            raise Refused(f"{key or 'the file'}: {value!r} has no keys")
        for name, one in value.items():
            if name not in asked and "*" not in asked:
                raise Refused(f"{key}.{name}".lstrip(".") + ": the chart has no such key")
            _fits(f"{key}.{name}".lstrip("."), one, asked.get(name, asked.get("*")))
    elif not isinstance(value, TYPES[asked]) or (isinstance(value, bool) and asked != SWITCH):
        raise Refused(f"{key}: {value!r} is not {asked}")


def joined(values: dict, defaults: dict) -> dict:
    """Values over the chart's own, as Helm joins them: names are added, lists are replaced."""
    made = dict(defaults)
    for name, value in values.items():
        made[name] = joined(value, made[name]) if isinstance(value, dict) and isinstance(made.get(name), dict) else value
    return made


def traits(values: dict) -> dict[str, dict[str, Any]]:
    """By class, what the chart's hub sets for these values: its own rendering first, and `hub.config` over it."""
    whole = joined(values, DEFAULTS)
    user, storage = whole["singleuser"], whole["singleuser"]["storage"]
    spawner: dict[str, Any] = {
        "image": f"{user['image']['name']}:{user['image']['tag']}",
        "uid": user["uid"],
        "fs_gid": user["fsGid"],
        "allow_privilege_escalation": user["allowPrivilegeEscalation"],
        "environment": user["extraEnv"],
        "cmd": user["cmd"],
        "mem_limit": user["memory"].get("limit"),
        "mem_guarantee": user["memory"].get("guarantee"),
        "cpu_limit": user["cpu"].get("limit"),
        "cpu_guarantee": user["cpu"].get("guarantee"),
        "service_account": user.get("serviceAccountName"),
        "volumes": [],
        "volume_mounts": [],
        # Every Pod of a user's has it: the chart's rules let those that have it reach the hub.
        "extra_labels": {"hub.jupyter.org/network-access-hub": "true"},
        "common_labels": {"app": "jupyterhub", "heritage": "jupyterhub"},
    }
    if storage["type"] == "dynamic":
        claim, volume = "claim-{user_server}", "volume-{user_server}"
        spawner |= {"storage_pvc_ensure": True, "storage_capacity": storage["capacity"], "pvc_name_template": claim}
        spawner |= {"storage_access_modes": storage.get("dynamic", {}).get("storageAccessModes", ["ReadWriteOnce"])}
        spawner["volumes"].append({"name": volume, "persistentVolumeClaim": {"claimName": "{pvc_name}"}})
        spawner["volume_mounts"].append({"name": volume, "mountPath": storage["homeMountPath"]})
    if files := user["extraFiles"]:
        items = [{"key": name, "path": name} | ({"mode": file["mode"]} if "mode" in file else {}) for name, file in files.items()]
        spawner["volumes"].append({"name": "files", "secret": {"secretName": SECRET, "items": items}})
        spawner["volume_mounts"] += [{"name": "files", "mountPath": file["mountPath"], "subPath": name} for name, file in files.items()]
    spawner["volumes"] += storage["extraVolumes"]
    spawner["volume_mounts"] += storage["extraVolumeMounts"]
    spawner = {name: value for name, value in spawner.items() if value is not None}
    return joined(whole["hub"]["config"], {"JupyterHub": {"base_url": whole["hub"]["baseUrl"]}, "KubeSpawner": spawner})


def ingress(values: dict) -> dict[str, Any]:
    """The Ingress that the chart makes of these values."""
    whole = joined(values, DEFAULTS)
    asked = whole["ingress"]
    service = {"name": "proxy-public", "port": {"name": "http"}}
    path = {"path": whole["hub"]["baseUrl"], "pathType": asked.get("pathType", "Prefix"), "backend": {"service": service}}
    spec = {"rules": [{"host": host, "http": {"paths": [path]}} for host in asked["hosts"]], "tls": asked["tls"]}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "jupyterhub", "namespace": "default", "annotations": asked["annotations"]},
        "spec": spec | {"ingressClassName": asked["ingressClassName"]},
    }


def configure(c: Any, text: str) -> None:
    """Set in a hub's configuration what the chart's hub would."""
    for name, options in traits(read(text)).items():
        for option, value in options.items():
            setattr(c[name], option, value)
