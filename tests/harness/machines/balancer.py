"""A balancer in front of the hub's machine, which holds the certificate or hands TLS on, and tells which client asks."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.harness.machines import deployment, engine, images
from tests.harness.manifest import NEWEST_ON, SAVED_AS, SNIPPETS, VALUES, Files, Stale

# How a balancer speaks with the reverse proxy, as the published differences are called.
WAYS = ("http", "proxy-protocol")
# What stands in them for the balancer's address.
EXAMPLE = "192.0.2.1"
# Beside what the guide has a reader switch on, Apache's module that reads the client's address.
MODULES = {"nginx": "true", "apache": "a2enmod --quiet remoteip"}
CONFIGURATION = """
defaults
    timeout connect 5s
    timeout client 1h
    timeout server 1h
frontend plain
    mode http
    bind :80
    http-request redirect prefix https://{host} code 301
frontend tls
{frontend}
    default_backend hub
backend hub
{backend}
"""
FRONTENDS = {
    "http": "    mode http\n    bind :443 ssl crt /etc/haproxy/both.pem alpn http/1.1\n    option forwardfor",
    "proxy-protocol": "    mode tcp\n    bind :443",
}
BACKENDS = {
    "http": "    mode http\n    server one {address}:80",
    "proxy-protocol": "    mode tcp\n    server one {address}:443 send-proxy-v2",
}


def difference(proxy: str, way: str) -> str:
    """The name of the published difference for a reverse proxy behind a balancer that speaks one of WAYS."""
    return f"balancer/{proxy}-{way}.diff"


def files(proxy: str, way: str, address: str) -> Files:
    """The published files with the difference for a balancer at an address. Raises `Stale` if it does not fit what is published."""
    name = f"{proxy}/jupyterhub.conf"
    with tempfile.TemporaryDirectory() as work:
        copy = Path(work, SAVED_AS[name].lstrip("/"))
        copy.parent.mkdir(parents=True)
        copy.write_bytes((SNIPPETS / name).read_bytes())
        done = subprocess.run(["git", "apply", SNIPPETS / difference(proxy, way)], cwd=work, capture_output=True, text=True)
        if done.returncode:
            raise Stale(f"snippets/{difference(proxy, way)} does not fit what is published: {done.stderr.strip()}")
        return Files({name: copy.read_text("utf-8").replace(EXAMPLE, address)})


@dataclass
class Balanced:
    """A hub, a `front` that balances, and a `client` that finds the hub's name there; a reverse proxy comes and goes at the hub."""

    hub: deployment.Hub
    front: engine.Container
    client: engine.Container
    address: str

    @contextlib.contextmanager
    def behind(self, proxy: str, way: str, changed: Files | None = None, modules: bool = True) -> Iterator[engine.Container]:
        """A reverse proxy from the published difference, or from `changed` files, to which the balancer speaks one of WAYS.

        Without `modules`, Apache has none but what the published script switches on.
        """
        backend = BACKENDS[way].format(address=self.hub.machine.address())
        said = CONFIGURATION.format(host=VALUES["host"], frontend=FRONTENDS[way], backend=backend)
        self.front.sh(
            "for pid in $(pidof haproxy); do kill $pid; done; haproxy -D -f /etc/haproxy/haproxy.cfg", {"/etc/haproxy/haproxy.cfg": said}
        )
        made = changed or files(proxy, way, self.address)
        with deployment.beside(self.hub, self.hub.suite) as machine:
            if modules:
                machine.sh(MODULES[proxy])
            deployment.install(machine, proxy, made)
            yield machine

    def check(self, *options: str, user: str = "alice") -> list[dict]:
        """Climb the ladder from the client's machine; see `deployment.Hub.check`."""
        return deployment.Hub(self.client, self.hub.version, self.hub.passwords).check(*options, user=user)

    def asked(self, name: str, *arguments: str) -> object:
        """What a function of `user_actions` returns on the client's machine."""
        return deployment.on_server(self.client, "user_actions", name, *arguments)


@contextlib.contextmanager
def balanced(suite: str) -> Iterator[Balanced]:
    """The newest hub on a network with a balancer and a client; hub, reverse proxy and balancer are of a Debian release."""
    images.prepare(lambda line: None, [images.balancer(suite)])
    chain, key = deployment.certificate(VALUES["host"])
    with contextlib.ExitStack() as stack:
        network = stack.enter_context(engine.network())
        front = stack.enter_context(engine.run(images.balancer(suite).tag, network=network))
        front.put({"/etc/haproxy/both.pem": chain + key})
        hub = stack.enter_context(deployment.hub(NEWEST_ON[suite], network=network))
        client = stack.enter_context(deployment.stranger(hub, network, front.address()))
        passwords = {f"{deployment.CHECK}/{user}.txt": password for user, password in hub.passwords.items()}
        check = {f"{deployment.CHECK}/hubcheck.py": hub.files.read("check/hubcheck.py")}
        client.put(check | passwords)
        yield Balanced(hub, front, client, front.address())
