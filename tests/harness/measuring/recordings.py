"""Records runs of hubcheck with a real deployment, for tests without one: python -m tests.harness.measuring.recordings [NAME ...]

With names, only these are recorded anew. What differs from run to run has a name in its place, so that a second run writes nearly the
same file.
"""

from __future__ import annotations

import json
import re
import secrets
import sys

from tests.harness.browsers import logins, lti
from tests.harness.machines import deployment, engine, images
from tests.harness.machines.deployment import BEHIND, CHECK, URL
from tests.harness.machines.replay import FILE, WHOLE, normal
from tests.harness.manifest import NEWEST, PROXIES, PUBLISHED

TRUST = ("--ca-file", f"{CHECK}/ca.pem", "--megabytes", "1")
ALICE = ("--user", "alice", "--password-file", f"{CHECK}/alice.txt")
HELD = f"{CHECK}/token.txt"
# (name, address, options)
CLIMBS = [
    ("outside", URL, ()),
    ("user", URL, ALICE),
    ("token", URL, ("--token-file", HELD)),
    ("keeping the server", URL, (*ALICE, "--keep-server", "--until", "kernel_channel")),
    ("server is running", URL, (*ALICE, "--kernel", "python3", "--code", "print(6 * 7, end='')", "--until", "kernel_computes")),
    ("another kernel", URL, (*ALICE, "--kernel", "nowhere")),
    ("another code", URL, (*ALICE, "--code", "6 * 8")),
    ("an error", URL, (*ALICE, "--kernel", "python3", "--code", "1 / 0")),
    ("wrong password", URL, ("--user", "alice", "--password-file", f"{CHECK}/wrong.txt")),
    ("capital letter", URL, ("--user", "Alice", "--password-file", f"{CHECK}/wrong.txt")),
    ("narrow token", URL, ("--token-file", f"{CHECK}/narrow.txt")),
    ("unknown token", URL, ("--token-file", f"{CHECK}/unknown.txt")),
    ("without its path", URL.removesuffix("jupyter/"), ()),
    ("a page's address", f"{URL}hub/login?next=%2Fjupyter%2Fhub%2Fhome", ()),
    ("http", URL.replace("https", "http"), ()),
    ("past the proxy", BEHIND, (*ALICE, "--until", "login_works")),
]
# With the files of the page on LTI, whose login page is kept as it is.
FROM_A_COURSE = [("users come from a course", URL, ALICE)]
MAKE_TOKEN = """
import json, sys, requests
hub, user, password, wanted = sys.argv[1:]
session = requests.Session()
xsrf = lambda: {"_xsrf": session.cookies.get("_xsrf", path="/jupyter/hub/")}
session.get(hub + "hub/login")
session.post(hub + "hub/login", data={"username": user, "password": password} | xsrf(), allow_redirects=False)
session.get(hub + "hub/home")
made = session.post(f"{hub}hub/api/users/{user}/tokens", params=xsrf(), json=json.loads(wanted))
made.raise_for_status()
print(made.json()["token"])
"""


def token(hub: deployment.Hub, **wanted) -> str:
    """A token that alice makes for herself by the hub's API, with the scopes that are `wanted`."""
    made = hub.machine.exec(deployment.PYTHON, "-c", MAKE_TOKEN, BEHIND, "alice", hub.passwords["alice"], json.dumps(wanted))
    return made.stdout.strip()


Climbs = list[tuple[str, str, tuple[str, ...]]]


def record(hub: deployment.Hub, climbs: Climbs) -> dict:
    """Some climbs through a hub that has a reverse proxy in front of it, by their names."""
    unknown = secrets.token_hex(16)
    made = {"token": token(hub), "narrow": token(hub, scopes=["read:users!user"])}
    held = {f"{CHECK}/{name}.txt": f"{secret}\n" for name, secret in (made | {"unknown": unknown, "wrong": "wrong"}).items()}
    hub.machine.put(held)
    names = {made["token"]: "token-of-alice", made["narrow"]: "narrow-token", unknown: "unknown-token"}
    names |= {hub.passwords["alice"]: "password-of-alice"}
    return {name: one(hub, name, url, options, names) for name, url, options in climbs}


def one(hub: deployment.Hub, name: str, url: str, options: tuple[str, ...], names: dict[str, str], whole: tuple[str, ...] = WHOLE) -> dict:
    print(f"recording: {name}", flush=True)
    climb = deployment.on_server(hub.machine, "recorder", "record", url, *options, *TRUST)
    return {"options": [url, *options]} | normal(climb, names, whole)


def record_from_a_course(hub: deployment.Hub, climbs: Climbs) -> dict:
    """The same through a hub whose users come from a learning platform."""
    lti.ready(hub)
    logins.restart(hub)
    names = {hub.passwords["alice"]: "password-of-alice"}
    return {name: one(hub, name, url, options, names, (*WHOLE, "/hub/login")) for name, url, options in climbs}


def main(wanted: list[str]) -> None:
    """Record the climbs that are wanted, or all if none is named.

    Raises:
        SystemExit: no climb has one of the names.
    """
    names = [climb[0] for climb in (*CLIMBS, *FROM_A_COURSE)]
    if unknown := sorted(set(wanted) - set(names)):
        raise SystemExit(f"No climb is called {', '.join(unknown)}. There are: {', '.join(names)}.")
    climbs = json.loads(FILE.read_text("utf-8")) if wanted else {}
    kind = PROXIES["nginx"].servers[-1]
    with engine.running():
        images.prepare(print, [images.hub(NEWEST), images.server(kind)])
        for image, listed, recorded in ((images.hub, CLIMBS, record), (images.lti, FROM_A_COURSE, record_from_a_course)):
            chosen = [climb for climb in listed if not wanted or climb[0] in wanted]
            if chosen:
                with deployment.hub(NEWEST, PUBLISHED, image=image) as hub, deployment.in_front(hub, kind, "nginx"):
                    climbs |= recorded(hub, chosen)
    text = json.dumps(climbs, indent=1, ensure_ascii=False)
    FILE.write_text(re.sub(re.escape(CHECK) + "/", "", text) + "\n", "utf-8")
    print(f"{FILE.name}: {len(climbs)} climbs, {len(text) / 1000:.0f} KB")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except engine.Trouble as trouble:
        sys.exit(f"error: {trouble}")
