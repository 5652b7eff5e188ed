"""Records the state of a machine and compares two: files, packages, units, accounts, groups, ports and programs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.harness.machines import engine

SCRIPT = Path(__file__).parents[1].joinpath("on_server", "picture.sh").read_text("utf-8")
# What changes on a machine with which nobody does anything, and what the shell remembers of its own user's commands.
BY_ITSELF = (
    "/proc",
    "/sys",
    "/dev",
    "/run",
    "/tmp",
    "/var/tmp",
    "/var/cache/ldconfig",
    "/var/lib/systemd/random-seed",
    "/var/lib/systemd/timers",
    "/var/lib/systemd/timesync",
    "/root/.bash_history",
)
# Debian's packages name some files by the links that lead to /usr.
LINKS_TO_USR = ("/bin/", "/lib/", "/lib64/", "/sbin/")

Picture = dict[str, dict[str, str]]


@dataclass(frozen=True)
class Difference:
    """What one of two pictures has otherwise: a `kind`, such as "file", "user" or "package", its `name`, and what became of it."""

    kind: str
    name: str
    what: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}: {self.what}"


def taken(machine: engine.Container) -> Picture:
    """A picture of a machine as it is: by kind, the names of what is there and the facts of each."""
    return _read(machine.sh(f"sh -s {' '.join(BY_ITSELF)}", input=SCRIPT).stdout)


def _read(records: str) -> Picture:
    made: Picture = {}
    for record in records.split("\0")[:-1]:
        kind, name, *facts = record.split("\t")
        made.setdefault(kind, {})[name] = " ".join(facts).strip()
    return made


# Where a machine keeps the picture that it takes of itself, and its script: neither is on a picture.
OWN, HOOK = "/var/tmp/picture", "/etc/apt/apt.conf.d/zz-picture"


def taken_by_apt(machine: engine.Container) -> None:
    """Have a machine take a picture of itself once apt-get has put packages in place the next time: see `kept`."""
    take = f"sh {OWN}.sh {' '.join(BY_ITSELF)} >{OWN}.new && mv {OWN}.new {OWN}"
    machine.put({f"{OWN}.sh": SCRIPT, HOOK: f'DPkg::Post-Invoke {{ "test -e {OWN} || {{ {take}; }}"; }};\n'})


def kept(machine: engine.Container, without: str) -> Picture:
    """The picture that a machine has taken of itself, but for a folder with all below it."""
    made = _read(machine.sh(f"cat {OWN}").stdout)
    return {kind: {name: facts for name, facts in rows.items() if not f"{name}/".startswith(f"{without}/")} for kind, rows in made.items()}


def differences(before: Picture, after: Picture) -> list[Difference]:
    """All that differs. A package that came or went stands for its files."""
    of = {_in_usr(path): package for path, package in (before["file of"] | after["file of"]).items()}
    packages = before["package"].keys() ^ after["package"].keys()
    found = []
    for kind in sorted((before.keys() | after.keys()) - {"file of"}):
        was, became = before.get(kind, {}), after.get(kind, {})
        for name in sorted(was.keys() | became.keys()):
            old, new = was.get(name), became.get(name)
            if old == new or (kind in ("file", "content") and of.get(name) in packages):
                continue
            if kind == "content":
                if old and new:
                    found.append(Difference("file", name, "has another content"))
                continue
            found.append(Difference(kind, name, f"came ({new})" if old is None else "is gone" if new is None else f"was {old}, is {new}"))
    return found


def _in_usr(path: str) -> str:
    return f"/usr{path}" if path.startswith(LINKS_TO_USR) else path
