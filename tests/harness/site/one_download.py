"""A bare server that a reader sets up by the one download of the built site."""

from __future__ import annotations

import contextlib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.harness.machines import bare, engine, picture, reader_values, terminal
from tests.harness.machines.picture import Picture
from tests.harness.manifest import HOMES, MANIFEST, ROOT, VALUES, on_the_server
from tests.harness.site import following, guide, removal
from tests.harness.site.following import TABS
from tests.harness.site.walk import Type

NAME, FOLDER = "metakernel-hub.tar.gz", "/root/metakernel-hub"
PASSWORD = "Correct-horse-7"
ANSWERS = {"Password of alice: ": PASSWORD}
PAGE, SHORT = "deploy/one-download.md", ("index.md", "the-whole-set-up-on-one-screen")
# The short page is followed on the newest Debian, by a reader who has filled in the form.
SUITE, PROXY, OWN = HOMES[-1], "apache", VALUES | reader_values.OWN


@dataclass
class Server:
    """A server to which a reader has brought the `archive` that the browser gave for `values`.

    `root` has what the reader saw on becoming root, by command: exit status and output. `seen` are pictures of the machine, as it was
    "bare" and with nothing but a "web server" of what the guide installs; there are none if they were not asked for.
    """

    machine: engine.Container
    at_work: following.Reader
    suite: str
    proxy: str
    values: Mapping[str, str]
    archive: bytes
    root: dict[str, tuple[int, str]]
    seen: dict[str, Picture]


def apart(step: Type) -> bool:
    """Whether a command is one of those that begin a login, or copy from a machine to another."""
    rows = tomllib.loads((ROOT / "tests/not_typed.toml").read_text("utf-8"))["command"]
    listed = [row["command"] for row in rows if row["page"] == PAGE]
    return any(step.command.startswith(row[:-1]) if row.endswith("*") else step.command == row for row in listed)


def downloaded(reader: guide.Reader, values: Mapping[str, str], folder: Path) -> bytes:
    """The archive that a browser gives for values, as its bytes."""
    context = reader.context(viewport={"width": 360, "height": 640})
    page = context.new_page()
    page.goto(f"{reader.address}index.html")
    guide.type_in(page, {name: values[name] for name in MANIFEST["fields"]})
    with page.expect_download() as download:
        page.locator(".archive-link").click()
    download.value.save_as(folder / NAME)
    context.close()
    return (folder / NAME).read_bytes()


@contextlib.contextmanager
def brought(
    site: guide.Site, reader: guide.Reader, folder: Path, suite: str, proxy: str, values: Mapping[str, str], pictures: bool = False
) -> Iterator[Server]:
    """A bare server of a suite with the archive in its user's home; nobody has unpacked it yet."""
    # That of the removal, for who takes the hub away afterwards.
    pages = following.Pages.for_values(site, reader, values, (PAGE, SHORT[0], removal.PAGE))
    archive, seen = downloaded(reader, values, folder), {}
    with bare.machine(suite, values) as machine:
        machine.sh(f"echo root:{PASSWORD} | chpasswd")
        if pictures:
            picture.taken_by_apt(machine)
            seen["bare"] = picture.taken(machine)
        machine.sh(f"useradd --create-home --shell /bin/bash alice; echo alice:{PASSWORD} | chpasswd")
        with terminal.opened(machine, "alice", {"Password: ": PASSWORD}) as shell:
            root = {command: shell.type(command) for command in ("sudo -i", "su - --command 'id --user'")}
            shell.leave()
        machine.put({f"/home/alice/{NAME}": archive})
        at_work = following.Reader(machine, pages, TABS[proxy], answers=ANSWERS, saved={*on_the_server()})
        yield Server(machine, at_work, suite, proxy, values, archive, root, seen)


@contextlib.contextmanager
def short_way(site: guide.Site, reader: guide.Reader, folder: Path) -> Iterator[Server]:
    """A server that is set up by the short page."""
    with brought(site, reader, folder, SUITE, PROXY, OWN, pictures=True) as server:
        page, section = SHORT
        server.at_work.follow(page, [section], skip=apart)
        server.seen["web server"] = picture.kept(server.machine, FOLDER)
        yield server
