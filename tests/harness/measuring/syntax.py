"""Runs the servers' own syntax checks, and reports errors by the published file and its line."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.harness.machines import deployment, engine, images
from tests.harness.manifest import EVERY_PROXY, FURTHER_PROXIES, HUBS, PROXIES, PUBLISHED, SAVED_AS, SNIPPETS, VERSIONS, Files, snippets
from tests.harness.measuring import evidence
from tests.harness.pairs import QUICK

# On a machine without a running server, what enable.sh would restart; that it would is told by a file.
RESTARTED = "/root/restarted"
QUIET = {"/root/quiet/service": f"#!/bin/sh\ntouch {RESTARTED}\n"}
STRICT = Path(__file__).parents[1].joinpath("on_server/strict_config.py").read_text("utf-8")


def in_the_tree(text: str) -> str:
    """Replace the places where files are saved on a server by their places in this tree: PATH:LINE or "line N of PATH"."""
    for name, path in SAVED_AS.items():
        text = text.replace(path, f"snippets/{name}").replace(path.replace("-available/", "-enabled/"), f"snippets/{name}")
    text = re.sub(r"on line (\d+) of (snippets/[^\s:]+)", r"in \2:\1", text)
    text = re.sub(r'File "(snippets/[^"]+)", line (\d+)', r"\1:\2: ", text)
    return re.sub(r"/root/([a-z]+/enable\.sh): (\d+):", r"snippets/\1:\2:", text)


def proxy(machine: engine.Container, name: str, files: Files = PUBLISHED) -> str:
    """Enable a proxy's files on a server of its own and run its check; what it said.

    Raises `deployment.Refused` with the server's own words if it does not accept them, or warns.
    """
    row = EVERY_PROXY[name]
    # A script that asks the server to reload needs it running; one that restarts it by `service` does not, and here
    # that restart is left out: it takes seconds and checks nothing more.
    start = "true" if "service " in files.read(f"{name}/enable.sh") else deployment.beginning(name)
    # Where one runs, another's script changes nothing.
    pids = " ".join(other.pid for other in PROXIES.values() if other is not row and name in PROXIES)
    alone = f"for pid in {pids}; do while [ -s $pid ]; do kill $(cat $pid) 2>/dev/null || rm $pid; sleep 0.05; done; done"
    # The server runs before the files are there.
    # The script of a further one restarts it by systemd, which these machines have.
    quiet = {} if row.systemd else QUIET
    script = f"{alone}; PATH=/root/quiet:$PATH; {start} && tar -xC / && sh /root/{name}/enable.sh && {row.accepts}"
    done = machine.exec("sh", "-c", script, input=engine.archive(deployment.placed(name, files) | quiet), check=False)
    said = in_the_tree("".join(line for line in (done.stdout + done.stderr).splitlines(True) if not line.startswith("Enabling ")))
    if done.returncode or re.search(row.warns, said):
        version = machine.sh(row.reports, check=False).stdout.strip()
        raise deployment.Refused(f"{name} {version} does not accept snippets/{name}: {said.strip()}")
    return said


def unit(machine: engine.Container, files: Files = PUBLISHED) -> None:
    """`systemd-analyze verify` on the published unit; raises `deployment.Refused` with its words."""
    name = "systemd/jupyterhub.service"
    command, _, _ = deployment.unit(files)
    program = {command.split()[0]: "#!/bin/sh\n"}
    done = machine.sh(f"systemd-analyze verify {SAVED_AS[name]}", {SAVED_AS[name]: files.read(name)} | program, check=False)
    # Debian's own units name programs that a minimal machine lacks: only words about ours count.
    said = [line for line in (done.stdout + done.stderr).splitlines() if "jupyterhub" in line]
    if said:
        raise deployment.Refused(in_the_tree("\n".join(said)))


def python(machine: engine.Container, files: Files = PUBLISHED) -> None:
    """A strict reading of both configurations, and compilation of every Python snippet, in the hub's own environment.

    Raises `deployment.Refused` with FILE:LINE and what is wrong.
    """
    configurations = [name for name in SAVED_AS if name.endswith("_config.py")]
    scripts = [str(path.relative_to(SNIPPETS)) for path in SNIPPETS.rglob("*.py")]
    put = (
        {SAVED_AS[name]: files.read(name) for name in configurations}
        | {f"/root/snippets/{name}": files.read(name) for name in scripts}
        | {"/root/strict_config.py": STRICT}
    )
    strict = f"{deployment.PYTHON} strict_config.py {' '.join(SAVED_AS[name] for name in configurations)}"
    checks = f"cd /root; {deployment.PYTHON} -m compileall -q snippets && {strict}"
    done = machine.sh(checks, put, check=False)
    if done.returncode:
        raise deployment.Refused(in_the_tree(done.stdout + done.stderr).strip())


@contextlib.contextmanager
def machine(name: str, proxy: str = "", options: tuple[str, ...] = ()) -> Iterator[engine.Container]:
    """A machine with nothing running: a server's kind, or a kind of the hub's machine in `HUBS`, with the install scripts in /root.

    A server has the reverse proxies that every page names, or a further `proxy`.
    """
    options = (*deployment.NAMED, *deployment.IPV6, *options)
    if name not in HUBS:
        with deployment.server(name, proxy, options=options) as running:
            yield running
        return
    with engine.run(images.hub(name).tag, options=options) as running:
        running.put({f"/root/{script}": PUBLISHED.read(script) for script in snippets() if script.endswith("/install.sh")})
        yield running


def newest(names: list[str]) -> list[str]:
    """All of some releases, or in `make check` the newest alone: the last but for JupyterHub's, of which it is the first."""
    return names if not QUICK else names[:1] if names is HUBS else names[-1:]


def everything() -> dict[tuple[str, str], Exception | list[dict]]:
    """Ask every server about every snippet, all machines at once.

    Returns {(what, machine): verdict}, where what is a proxy's name, "systemd" or "python", and the verdict is
    what it proves that a snippet is accepted (rows of `evidence`), else the `deployment.Refused` that says why not.
    """
    asked: dict[tuple[str, str], list[tuple[str, Callable[[engine.Container], object]]]] = {
        (name, ""): [("python", python)]
        for name in newest(HUBS)  # first, since they take longest
    }
    for name, row in EVERY_PROXY.items():
        for kind in newest(row.servers):
            asked.setdefault((kind, name if name in FURTHER_PROXIES else ""), []).append(
                (name, lambda machine, name=name: proxy(machine, name))
            )
    for suite in newest(VERSIONS["debian"]):
        asked.setdefault((suite, ""), []).append(("systemd", unit))

    def ask(which: tuple[str, str]) -> dict[tuple[str, str], Exception | list[dict]]:
        answers: dict[tuple[str, str], Exception | list[dict]] = {}
        where, _ = which
        with machine(*which) as running:
            for what, check in asked[which]:
                try:
                    check(running)
                    answers[what, where] = evidence.accepted(what, where, running)
                except Exception as refused:
                    answers[what, where] = refused
        return answers

    with ThreadPoolExecutor(6) as pool:
        return {key: verdict for answers in pool.map(ask, asked) for key, verdict in answers.items()}
