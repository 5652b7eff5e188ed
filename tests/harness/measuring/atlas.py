"""The entries of troubleshooting/ (in code, the atlas): causes the fault of each entry, and looks at what it shows.

A folder holds `index.md` (its front matter names the rung that breaks), `symptom.txt` (what is seen, by where), and the
fault: `fix.diff`, from the broken files to the published ones, or `fault.sh` and `fix.sh`, which run on the server. Where the
published files themselves do not fit, behind a `balancer`, the published difference leads to those that do. Where its front
matter says that this is at `another address`, the difference was made, with the example's address left in it. A `cell` that a user
runs can be the fault by itself, and needs no other. With a `login` of
`openid-connect`, the hub has that page's files, and its users log in at a provider; the check then comes without a user.

`python -m tests.harness.measuring.atlas NAME...` makes the faults and prints all that is seen: what to write a symptom.txt from.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import trustme
import yaml
from playwright.sync_api import Browser, BrowserContext, Error, Page

from _ext.atlas import PLACES, symptoms
from tests.harness.browsers import logins, user_browser
from tests.harness.browsers.user_browser import APPLICATIONS, PATIENCE
from tests.harness.machines import balancer, deployment, engine, images
from tests.harness.machines.deployment import CHECK, PYTHON, URL
from tests.harness.manifest import CONFIG, EVERY_PROXY, NEWEST, PROXIES, PUBLISHED, ROOT, SNIPPETS, VALUES, Files
from tests.harness.pairs import WHOLE

ATLAS = ROOT / "troubleshooting"
KEYS = {
    "rung",
    "shown",
    "proxies",
    "server",
    "certificate",
    "address",
    "user",
    "check",
    "cell",
    "needs",
    "balancer",
    "login",
    "also_called",
    "headings_also_called",
}
# A server that holds the certificate, and speaks plain HTTP with the one behind it. Of the hub's name it has the addresses that
# are put in; the published site has all others.
BALANCER = """
server {{
    {listens}
    server_name balancer.example.com;
    ssl_certificate     {certificate};
    ssl_certificate_key {key};
    if ($scheme = http) {{
        return 301 https://$host$request_uri;
    }}
    location / {{
        proxy_pass http://127.0.0.1:80;
        proxy_http_version 1.1;
        proxy_set_header Host $http_host;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $jupyterhub_connection;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto https;
        proxy_buffer_size 12k;
        proxy_buffering off;
        proxy_read_timeout 1h;
        client_max_body_size 0;
    }}
}}
"""
# The rung below hubcheck's ladder: a server refuses a file.
BELOW = "config_accepted"
# How long a browser is watched where nothing is expected, in seconds.
SETTLED = 8
# How long a hub waits for a user's server that cannot start, in seconds.
GIVES_UP = 12


class Unclear(Exception):
    """An entry that cannot be read; the text says what is wrong, and in which file."""


def shown(path: Path) -> Path:
    """A path as messages name it."""
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


@dataclass(frozen=True)
class Entry:
    """A folder of the atlas."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @cached_property
    def about(self) -> dict:
        """The front matter of its page. Raises `Unclear`."""
        page = self.folder / "index.md"
        if not page.is_file():
            raise Unclear(f"{shown(self.folder)} has no index.md")
        found = re.match(r"---\n(.*?\n)---\n", page.read_text("utf-8"), re.DOTALL)
        about = yaml.safe_load(found[1]) if found else None
        where = shown(page)
        if not isinstance(about, dict) or "rung" not in about:
            raise Unclear(f"{where}:1: no front matter with a rung")
        if unknown := set(about) - KEYS:
            raise Unclear(f"{where}:1: unknown in the front matter: {', '.join(sorted(unknown))}; known are {', '.join(sorted(KEYS))}")
        return about

    @property
    def rung(self) -> str:
        return self.about["rung"]

    @property
    def changes(self) -> list[str]:
        """The snippets that its fix.diff names."""
        diff = self.folder / "fix.diff"
        return re.findall(r"^\+\+\+ b/snippets/(\S+)$", diff.read_text("utf-8"), re.M) if diff.exists() else []

    @property
    def files(self) -> Files:
        """The snippets with the fault in them: fix.diff, taken back. Raises `Unclear` if it does not fit what is published."""
        diff, names = self.folder / "fix.diff", self.changes
        if not diff.exists():
            return PUBLISHED
        where = shown(diff)
        if not names:
            raise Unclear(f"{where}:1: changes no file below snippets/")
        with tempfile.TemporaryDirectory() as work:
            for name in names:
                copy = Path(work, "snippets", name)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes((SNIPPETS / name).read_bytes())
            done = subprocess.run(["git", "apply", "--reverse", diff], cwd=work, capture_output=True, text=True)
            if done.returncode:
                raise Unclear(f"{where} does not lead to what is published: {done.stderr.strip()}")
            return Files({name: Path(work, "snippets", name).read_text("utf-8") for name in names})

    @property
    def proxies(self) -> list[str]:
        """The reverse proxies to show the fault with: those whose files it changes, else the first."""
        changed = [proxy for proxy in EVERY_PROXY if any(name.startswith(f"{proxy}/") for name in self.changes)]
        return self.about.get("proxies") or changed or list(PROXIES)[:1]

    @property
    def of_the_hub(self) -> bool:
        """Whether the fault is in the server itself, so that it needs a JupyterHub of its own."""
        proxied = tuple(f"{proxy}/" for proxy in EVERY_PROXY)
        return (self.folder / "fault.sh").exists() or any(not name.startswith(proxied) for name in self.changes)

    @property
    def at_a_provider(self) -> bool:
        """Whether the hub's users log in at a provider of OpenID Connect."""
        return "login" in self.about

    def script(self, name: str) -> str:
        """fault.sh or fix.sh."""
        path = self.folder / name
        return path.read_text("utf-8") if path.exists() else ""

    def expected(self, proxy: str) -> list[tuple[str, int, str]]:
        """The lines of symptom.txt that a proxy's reader sees: (place, line number, line). Raises `Unclear`."""
        path = self.folder / "symptom.txt"
        if not path.exists():
            raise Unclear(f"{shown(self.folder)} has no symptom.txt")
        lines = symptoms(path)
        for place, whose, number, _ in lines:
            if not place:
                raise Unclear(f"{shown(path)}:{number}: a line before the first [place]")
            if place not in PLACES or (whose and whose not in EVERY_PROXY):
                head = f"{place} {whose}".rstrip()
                raise Unclear(f"{shown(path)}:{number}: no such place: [{head}]; there are {', '.join(PLACES)}")
        return [(place, number, line) for place, whose, number, line in lines if whose in ("", proxy)]


def entries() -> list[Entry]:
    return [Entry(folder) for folder in sorted(ATLAS.iterdir()) if folder.is_dir() and not folder.name.startswith((".", "_"))]


@dataclass
class Seen:
    """What a deployment has shown: the rungs that hubcheck climbed, and what was said in each of `PLACES`."""

    rungs: list[dict] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)

    @property
    def broken(self) -> str:
        """The first rung that does not hold; empty if all do."""
        return next((rung["rung"] for rung in self.rungs if not rung["ok"]), "")

    @property
    def named(self) -> str:
        """The page that hubcheck sends its reader to."""
        return next((rung["page"] for rung in self.rungs if not rung["ok"]), "")

    def missing(self, lines: list[tuple[str, int, str]]) -> list[tuple[str, int, str]]:
        return [(place, number, line) for place, number, line in lines if not pattern(line).search(self.places.get(place, ""))]

    def told(self) -> str:
        return "\n".join(f"[{place}]\n{text}" for place, text in self.places.items())


def pattern(line: str) -> re.Pattern:
    """A line of a symptom: "…" stands for anything up to the line's end, and spaces for any spaces."""
    parts = [r"\s+".join(re.escape(word) for word in part.split(" ")) for part in line.strip().split("…")]
    return re.compile(".*?".join(parts))


@dataclass
class Stage:
    """A server's place on a network, with a browser that finds it: hubs and proxies come and go there.

    What they share is the network namespace of `place`; `hub` is one from the published files, running as long as the stage.
    """

    place: engine.Container
    browser: Browser
    hub: deployment.Hub | None = None

    def network(self) -> str:
        return f"container:{self.place.id}"


def by_stage(entries: Iterable[Entry]) -> dict[tuple[bool, bool], list[Entry]]:
    """Entries by the arguments of the `stage` that they need."""
    needed: dict[tuple[bool, bool], list[Entry]] = {}
    for entry in entries:
        needed.setdefault((not entry.of_the_hub, entry.at_a_provider), []).append(entry)
    return needed


@contextlib.contextmanager
def stage(published: bool, provider: bool = False) -> Iterator[Stage]:
    """A stage; with a hub from the `published` files, or with none, for entries that bring their own; with a `provider` of logins."""
    with contextlib.ExitStack() as stack:
        network = stack.enter_context(engine.network())
        names = {logins.PROVIDER: stack.enter_context(logins.provider(network)).machine.address()} if provider else {}
        place = stack.enter_context(engine.run(images.hub(NEWEST).tag, network=network, options=deployment.NAMED))
        hosts = dict.fromkeys((VALUES["host"], logins.OTHER), place.address())
        chromium = stack.enter_context(user_browser.chromium(network, hosts | names))
        made = Stage(place, chromium)
        if published:
            made.hub = stack.enter_context(deployment.hub(NEWEST, network=made.network()))
        yield made


def certificate(kind: str) -> tuple[bytes, bytes]:
    """What an entry has in place of a good certificate: its chain and its key, both PEM. Raises `Unclear`."""
    day = datetime.timedelta(days=1)
    now = datetime.datetime.now(datetime.UTC)
    issue = deployment.authority().issue_cert
    kinds = {
        "another name": lambda: issue("www.example.com"),
        "expired": lambda: issue(VALUES["host"], not_before=now - 90 * day, not_after=now - day),
        "not yet": lambda: issue(VALUES["host"], not_before=now + day, not_after=now + 90 * day),
        "unknown authority": lambda: trustme.CA().issue_cert(VALUES["host"]),
    }
    if kind not in kinds:
        raise Unclear(f"certificate: {kind}; there are {', '.join(kinds)}")
    return deployment.pem(kinds[kind]())


def reproduce(stage: Stage, entry: Entry, proxy: str, expected: list | None = None) -> Seen:
    """Make an entry's fault behind a proxy, climb with hubcheck, and look with a browser until the `expected` lines are there.

    Raises `Unfixed` if fix.sh does not mend what fault.sh breaks.
    """
    with contextlib.ExitStack() as stack:
        seen = Seen()
        hub = stage.hub if not entry.of_the_hub else stack.enter_context(_hub(stage, entry))
        if hub is None:
            raise Unclear(f"{entry.name}: its fault is in the proxy; it needs a stage with a hub")
        before = len(hub.log()) if hub is stage.hub else 0
        machine = stack.enter_context(deployment.beside(hub, entry.about.get("server", EVERY_PROXY[proxy].servers[-1]), proxy))
        try:
            deployment.install(machine, proxy, _broken(entry, proxy), _extra(entry, proxy, stage))
        except deployment.Refused as refused:
            seen.places["command"] = str(refused)
        options = str(entry.about.get("check", "--megabytes 1")).split()
        if entry.rung != "server_spawns":
            options.append("--keep-server")
        user = entry.about.get("user", "bob" if entry.rung == "server_spawns" and hub is stage.hub else "alice")
        if entry.at_a_provider:
            user = ""
        said = _check(hub, seen, user, options)
        logs = EVERY_PROXY[proxy].error_log

        def look(visit: Visit | None) -> None:
            seen.places |= visit.look() if visit else {}
            seen.places["hub"] = hub.log()[before:]
            seen.places["proxy"] = machine.sh(deployment.reading(logs), check=False).stdout
            seen.places["check"] = said
            if expected is None or seen.missing(expected):
                raise TimeoutError

        with contextlib.suppress(TimeoutError):
            look(None)
        # Where the check has already brought about all that is expected, nobody needs to come with a browser.
        if expected is None or seen.missing(expected):
            with contextlib.closing(Visit(stage.browser, entry, hub, user)) as visit, contextlib.suppress(TimeoutError):
                visit.go()
                patience = SETTLED + (GIVES_UP if entry.rung == "server_spawns" else 0) if expected is None else PATIENCE / 2000
                engine.wait(lambda: look(visit), timeout=patience, every=0.3)
        if entry.about.get("balancer"):
            stack.close()
            with deployment.in_front(
                hub, EVERY_PROXY[proxy].servers[-1], proxy, balancer.files(proxy, "http", "127.0.0.1"), _extra(entry, proxy, stage)
            ):
                # Kernels through both servers once a week.
                last = hub.check("--keep-server", "--until", "kernel_computes" if WHOLE else "login_works", user=user)[-1]
            if not last["ok"]:
                raise Unfixed(f"snippets/balancer/{proxy}-http.diff mends nothing of {entry.name}: {last['rung']}: {last['said']}")
        if entry.script("fix.sh"):
            try:
                _mend(hub, entry, user, options)
            except Unfixed as unfixed:
                raise Unfixed(f"{unfixed}\nBefore it:\n{seen.told()}") from None
        return seen


class Unfixed(Exception):
    """fix.sh was run, and the deployment is still broken; the text is what hubcheck said."""


def _run(machine: engine.Container, entry: Entry, name: str) -> None:
    """Run an entry's script on a server, as an administrator would who has the hub's programs in the PATH."""
    machine.sh(f"cd /root && env PATH={VALUES['environment']}/bin:$PATH sh {name}", {f"/root/{name}": entry.script(name)})


def _mend(hub: deployment.Hub, entry: Entry, user: str, options: list[str]) -> None:
    try:
        _run(hub.machine, entry, "fix.sh")
    except RuntimeError as error:
        raise Unfixed(f"troubleshooting/{entry.name}/fix.sh fails: {error}") from None
    if entry.about.get("needs") == "restart":
        with contextlib.suppress(RuntimeError):
            deployment.end(hub)
        deployment.start(hub)
    if entry.about.get("needs") == "server":
        hub.on_server("stop", URL, user)
    rungs = hub.check(*options, "--until", entry.rung, user=user)
    if not rungs[-1]["ok"]:
        raise Unfixed(f"troubleshooting/{entry.name}/fix.sh mends nothing: {rungs[-1]['rung']}: {rungs[-1]['said']}")


def _image(entry: Entry) -> Callable[[str], images.Image]:
    """What the hub of an entry is made from: with a login at a provider, or with Debian's `ss` where its cure asks that."""
    if entry.at_a_provider:
        return images.logins
    return images.certified if entry.script("fix.sh").startswith("ss ") else images.hub


@contextlib.contextmanager
def _hub(stage: Stage, entry: Entry) -> Iterator[deployment.Hub]:
    """A JupyterHub with the entry's fault; it may not have come up."""
    files = entry.files
    if entry.script("fault.sh") and entry.rung == "server_spawns":
        # A server that ends at once is waited for as long as one that starts slowly, half a minute; one that does not begin, a whole one.
        files = Files(files.changed | {CONFIG: f"{files.read(CONFIG)}\nc.Spawner.http_timeout = c.Spawner.start_timeout = {GIVES_UP}\n"})
    with deployment.machine(NEWEST, stage.network(), (), _image(entry)) as machine:
        hub = deployment.prepare(machine, NEWEST, files)
        if entry.at_a_provider:
            logins.ready(hub)
        if entry.script("fault.sh"):
            _run(machine, entry, "fault.sh")
            if (user := entry.about.get("user", "alice")) not in hub.passwords:  # an account with another name
                hub.passwords[user] = hub.passwords[user.lower()]
                machine.put({f"{CHECK}/{user}.txt": hub.passwords[user]})
        with contextlib.suppress(RuntimeError):
            deployment.start(hub, files)
        yield hub


def _broken(entry: Entry, proxy: str) -> Files:
    """What a proxy is made of that has the fault."""
    elsewhere = entry.about.get("balancer") == "another address"
    return balancer.files(proxy, "http", balancer.EXAMPLE) if elsewhere else entry.files


def _extra(entry: Entry, proxy: str, stage: Stage) -> dict[str, str | bytes]:
    """What a proxy has beside the snippets: short time limits, the entry's certificate, and a balancer in front of it."""
    extra: dict[str, str | bytes] = dict(EVERY_PROXY[proxy].impatient)
    if kind := entry.about.get("certificate"):
        extra[VALUES["certificate"]], extra[VALUES["key"]] = certificate(kind)
    if entry.at_a_provider:
        extra[VALUES["certificate"]], extra[VALUES["key"]] = deployment.certificate(VALUES["host"], logins.OTHER)
    if entry.about.get("balancer"):
        addresses = ("127.0.1.1", stage.place.address())
        # It stands for another machine. On one line, `enable.sh` would see that it takes the hub's requests.
        listens = "\n    ".join(f"listen\n        {address}:443 ssl;\n    listen\n        {address}:80;" for address in addresses)
        about = {"listens": listens, "certificate": VALUES["certificate"], "key": VALUES["key"]}
        extra["/etc/nginx/conf.d/zz-balancer.conf"] = BALANCER.format(**about)
    return extra


def _check(hub: deployment.Hub, seen: Seen, user: str, options: list[str]) -> str:
    """What hubcheck prints for a person; the rungs are kept too."""
    given = ["--user", user, "--password-file", f"{CHECK}/{user}.txt"] if user else []
    machine = hub.machine
    command = [
        PYTHON,
        f"{CHECK}/hubcheck.py",
        URL,
        *given,
        "--ca-file",
        f"{CHECK}/ca.pem",
        *options,
        "--timeout",
        "10",
        "--json",
        "/root/rungs.json",
    ]
    done = machine.exec(*command, check=False, timeout=180)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"hubcheck ended with {done.returncode}\n{done.stdout}{done.stderr}")
    seen.rungs = json.loads(machine.read("/root/rungs.json"))["rungs"]
    return done.stdout


class Visit:
    """A user with a browser, who goes as far as a rung and looks around; nothing is waited for but what must come."""

    def __init__(self, chromium: Browser, entry: Entry, hub: deployment.Hub, user: str):
        self.entry, self.hub, self.user = entry, hub, user
        self.context: BrowserContext = chromium.new_context(viewport={"width": 1000, "height": 700})
        self.console: list[str] = []
        self.errors: list[str] = []
        self.context.on("console", lambda message: self.console.append(message.text))
        self.context.on("weberror", lambda error: self.console.append(f"Uncaught {error.error}"))
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE / 2)

    def close(self) -> None:
        self.context.close()

    def look(self) -> dict[str, str]:
        """What the browser shows, and what its console says."""
        shown = [*self.errors]
        for page in self.context.pages:
            for frame in page.frames:
                with contextlib.suppress(Error):
                    shown.append(f"{frame.title()}\n{frame.locator('body').inner_text(timeout=1000)}")
        return {"browser": "\n".join(shown), "console": "\n".join(self.console)}

    def go(self) -> None:
        """Go as far as the rung. What does not come is an error to be seen."""
        try:
            self._go()
        except Error as error:
            self.errors.append(error.message)

    def _go(self) -> None:
        if address := self.entry.about.get("address"):
            self.page.goto(address)
            return
        if self.entry.rung in (BELOW, "hub_answers"):
            self.page.goto(URL)
            return
        page = self.page
        if self.entry.at_a_provider:
            page.goto(f"{URL}hub/login")
            page.get_by_role("button", name=logins.SIGN_IN).click()
            logins.sign_in(page, "alice")
            page.get_by_role("button", name="Continue").click()
            return
        first = self.entry.rung in ("login_works", "server_spawns")
        # Who goes on to a notebook does not need the launcher before it.
        user_browser.sign_in(page, self.user, self.hub.passwords[self.user], "" if first else "hub/home")
        if first:
            return
        page.wait_for_url(re.compile(r"/hub/home|/user/|/spawn"), timeout=PATIENCE / 2)
        if self.entry.rung == "kernel_listed":
            page.goto(f"{URL}user/{self.user}/lab?reset")
            return
        address = f"{URL}user/{self.user}/{APPLICATIONS['JupyterLab']}{self._notebook()}?reset"
        if self.entry.rung == "blocks_shown" or "cell" in self.entry.about:  # the kernel works
            user_browser.Notebook(page).load(lambda: page.goto(address)).run()
            return
        page.goto(address)
        if self.entry.rung == "kernel_channel":
            return  # there is nothing to run a cell with, and a key would answer the dialog that says so
        dialog = page.locator(".jp-Dialog")
        cell = page.locator(".jp-Notebook .jp-CodeCell").first.locator(".cm-content")
        cell.or_(dialog).first.wait_for()

        def click() -> None:
            if not dialog.count():  # which would keep it from being clicked
                cell.click(timeout=1000)
                cell.and_(page.locator(":focus")).wait_for(timeout=1000)

        engine.wait(click, timeout=PATIENCE / 2000)
        if dialog.count():
            return
        if self.entry.rung == "upload_lands":
            page.keyboard.type(" ")
            page.keyboard.press("Control+s")
        else:
            page.keyboard.press("Shift+Enter")

    def _notebook(self) -> str:
        """A notebook of one cell in the user's home; one with much output where saving is the matter."""
        outputs = [{"output_type": "stream", "name": "stdout", "text": "x" * 1_500_000}] if self.entry.rung == "upload_lands" else []
        notebook = user_browser.document(self.entry.about.get("cell", "%jigsaw Python" if self.entry.rung == "blocks_shown" else "6 * 7"))
        notebook["cells"][0]["outputs"] = outputs
        name = "big.ipynb" if outputs else "first.ipynb"
        self.hub.machine.exec("sh", "-c", f"cat >~{self.user}/{name}", input=json.dumps(notebook), user=self.user)
        return name


def _describe(place: Stage, entry: Entry, proxy: str) -> str:
    try:
        seen = reproduce(place, entry, proxy)
    except (Unfixed, RuntimeError) as error:
        return str(error)
    return f"{seen.broken or 'no rung'} breaks; {seen.named}\n{seen.told()}"


def main(names: list[str]) -> None:
    """Print what the named entries show, with every proxy that they are for."""
    known = {entry.name: entry for entry in entries()}
    if not names or set(names) - set(known):
        sys.exit(f"usage: python -m tests.harness.measuring.atlas NAME...; the names are {', '.join(known)}")
    with engine.running():
        images.prepare()
        for (published, provider), chosen in by_stage(known[name] for name in names).items():
            with stage(published, provider) as place:
                for entry in chosen:
                    for proxy in entry.proxies:
                        print(f"===== {entry.name}, {proxy}: {_describe(place, entry, proxy)}", flush=True)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (engine.Trouble, Unclear) as trouble:
        sys.exit(f"error: {trouble}")
