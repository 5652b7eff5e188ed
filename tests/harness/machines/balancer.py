"""A load balancer in front of the hub's machine: it ends TLS or passes it on, and tells the hub the client's address."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from tests.harness.machines import deployment, differences, engine, images
from tests.harness.manifest import EVERY_PROXY, NEWEST_ON, PUBLISHED, VALUES, Files

# How a balancer speaks with the reverse proxy, as the published differences are called.
WAYS = ("http", "https", "proxy-protocol")
# What stands in them for the balancer's address.
EXAMPLE = "192.0.2.1"
# Words of lines that hold several addresses with spaces between.
SPACED = (" src ", "trusted_proxies static", "remote_ip ")
# Beside what the guide has a reader switch on, Apache's module that reads the client's address.
MODULES = {"nginx": "true", "apache": "a2enmod --quiet remoteip"}
CONFIGURATION = """
global
    # Where the balancer itself is told to cut what it carries.
    stats socket ipv4@127.0.0.1:9999 level admin
defaults
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    timeout tunnel {tunnel}
frontend plain
    mode http
    bind :80
{plain}
frontend tls
{frontend}
    default_backend hub
backend hub
{backend}
"""
HOLDS = "    mode http\n    bind :443 ssl crt /etc/haproxy/both.pem alpn http/1.1\n    option forwardfor"
# By plain HTTP, the reverse proxy alone sends to HTTPS who came without it: the balancer only says so.
SAYS = "\n    http-request set-header X-Forwarded-Proto "
FRONTENDS = {"http": f"{HOLDS}{SAYS}https", "https": HOLDS, "proxy-protocol": "    mode tcp\n    bind :443"}
PASSES = "    option forwardfor\n    default_backend hub"
REDIRECTS = f"    http-request redirect prefix https://{VALUES['host']} code 301"
PLAIN = {"http": f"{PASSES}{SAYS}http", "https": REDIRECTS, "proxy-protocol": REDIRECTS}
# What the page has an owner of HAProxy write, who speaks HTTPS with the server.
VERIFIED = "ssl verify required ca-file /etc/haproxy/ca.pem verifyhost {host} sni str({host})".format(host=VALUES["host"])
BACKENDS = {
    "http": "    mode http\n    server one {address}:80",
    "https": f"    mode http\n    server one {{address}}:443 {VERIFIED}",
    "proxy-protocol": "    mode tcp\n    server one {address}:443 send-proxy-v2",
}


def difference(proxy: str, way: str) -> str:
    """The name of the published difference for a reverse proxy behind a balancer that speaks one of WAYS."""
    return f"balancer/{proxy}-{way}.diff"


def addressed(text: str, *addresses: str) -> str:
    """A file in which stand balancers' addresses, as the page has its reader write them: each line once for each, `||`, or spaces."""
    lines = []
    for line in text.splitlines(keepends=True):
        if "Require expr" in line:
            one = line.partition("expr ")[2].strip()
            lines.append(line.replace(one, " || ".join(one.replace(EXAMPLE, address) for address in addresses)))
        elif any(word in line for word in SPACED):
            lines.append(line.replace(EXAMPLE, " ".join(addresses)))
        else:
            lines += dict.fromkeys(line.replace(EXAMPLE, address) for address in addresses)
    return "".join(lines)


def files(proxy: str, way: str, *addresses: str) -> Files:
    """The published files with the difference for balancers at addresses. Raises `Stale` if it does not fit what is published."""
    name = EVERY_PROXY[proxy].site_file
    return Files({name: addressed(differences.changed(name, difference(proxy, way)), *addresses)})


@dataclass
class Balanced:
    """A hub, a `front` that balances, and a `client` that finds the hub's name there; a reverse proxy comes and goes at the hub.

    A `second` balancer serves as the first does.
    """

    hub: deployment.Hub
    front: engine.Container
    second: engine.Container
    client: engine.Container
    network: str

    @cached_property
    def address(self) -> str:
        """The first balancer's."""
        return self.front.address()

    @cached_property
    def addresses(self) -> tuple[str, str]:
        """Both balancers'."""
        return self.address, self.second.address()

    @contextlib.contextmanager
    def behind(
        self,
        proxy: str,
        way: str,
        changed: Files | None = None,
        modules: bool = True,
        tunnel: str = "1h",
        plain: str = "",
        says: str = "https",
    ) -> Iterator[engine.Container]:
        """A reverse proxy from the published difference, or from `changed` files, to which both balancers speak one of WAYS.

        Without `modules`, Apache has none but what the published script switches on. The balancers cut a WebSocket that has been
        silent for as long as `tunnel` says, in HAProxy's words. What comes without TLS they treat as PLAIN has it, or as `plain` says.
        Of what comes with TLS they say `says`.
        """
        backend = BACKENDS[way].format(address=self.hub.machine.address())
        frontend = FRONTENDS[way].replace(f"{SAYS}https", f"{SAYS}{says}")
        said = CONFIGURATION.format(plain=plain or PLAIN[way], frontend=frontend, backend=backend, tunnel=tunnel)
        for one in (self.front, self.second):
            one.sh(
                "for pid in $(pidof haproxy); do kill $pid; done; haproxy -D -f /etc/haproxy/haproxy.cfg",
                {"/etc/haproxy/haproxy.cfg": said, "/etc/haproxy/ca.pem": deployment.authority().cert_pem.bytes()},
            )
        with self.served(proxy, changed or files(proxy, way, self.address), modules) as machine:
            yield machine

    @contextlib.contextmanager
    def served(self, proxy: str, made: Files, modules: bool = True) -> Iterator[engine.Container]:
        """A reverse proxy from files at the hub, and what the balancers do as before."""
        with deployment.beside(self.hub, self.hub.suite, proxy) as machine:
            if modules:
                machine.sh(MODULES.get(proxy, "true"))
            deployment.install(machine, proxy, made)
            yield machine

    @contextlib.contextmanager
    def chained(self, front: str, back: str, without: str = "") -> Iterator[Balanced]:
        """The same with a reverse proxy from the published files in the balancer's place, the other one's port 80 in that of its hub.

        Lines of its site that hold what it is to be `without` are left out.
        """
        with (
            deployment.server(EVERY_PROXY[front].servers[-1], front, self.network) as first,
            deployment.stranger(self.hub, self.network, first.address()) as client,
        ):
            site = EVERY_PROXY[front].site_file
            passed = PUBLISHED.replace(site, VALUES["hub"], f"{self.hub.machine.address()}:80")
            passed = passed.replace(site, without) if without else passed
            equip(client, self.hub)
            with self.served(back, files(back, "http", first.address())):
                deployment.install(first, front, passed)
                yield Balanced(self.hub, first, self.second, client, self.network)

    def user(self) -> deployment.Hub:
        """The hub as somebody has it before them who comes from the client's machine."""
        return deployment.Hub(self.client, self.hub.version, self.hub.passwords)

    def check(self, *options: str, user: str = "alice") -> list[dict]:
        """Climb the ladder from the client's machine; see `deployment.Hub.check`."""
        return self.user().check(*options, user=user)

    def asked(self, name: str, *arguments: str) -> object:
        """What a function of `user_actions` returns on the client's machine."""
        return deployment.on_server(self.client, "user_actions", name, *arguments)

    def cut(self) -> None:
        """Let the first balancer end all that it carries, as one that gives each connection a time does."""
        say = "exec 3<>/dev/tcp/127.0.0.1/9999; echo shutdown sessions server hub/one >&3; cat <&3"
        self.front.exec("bash", "-c", say)


def equip(client: engine.Container, hub: deployment.Hub) -> None:
    """Give a client's machine the check, and the passwords of a hub's users."""
    passwords = {f"{deployment.CHECK}/{user}.txt": password for user, password in hub.passwords.items()}
    client.put({f"{deployment.CHECK}/hubcheck.py": hub.files.read("check/hubcheck.py")} | passwords)


@contextlib.contextmanager
def balanced(suite: str) -> Iterator[Balanced]:
    """The newest hub on a network with two balancers and a client; hub, reverse proxy and balancers are of a Debian release."""
    images.prepare(lambda line: None, [images.balancer(suite)])
    chain, key = deployment.certificate(VALUES["host"])
    with contextlib.ExitStack() as stack:
        network = stack.enter_context(engine.network())
        fronts = [stack.enter_context(engine.run(images.balancer(suite).tag, network=network)) for _ in range(2)]
        for front in fronts:
            front.put({"/etc/haproxy/both.pem": chain + key})
        hub = stack.enter_context(deployment.hub(NEWEST_ON[suite], network=network))
        client = stack.enter_context(deployment.stranger(hub, network, fronts[0].address()))
        equip(client, hub)
        yield Balanced(hub, *fronts, client, network)
