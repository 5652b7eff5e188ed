"""What other pages can try against a user of the hub: the notebooks, headers and scripts of attacks, for any browser."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Collection
from typing import Protocol

from tests.harness.browsers import other_web, policies
from tests.harness.machines import deployment, engine
from tests.harness.manifest import PUBLISHED, ROOT, VALUES, Files


class Desk(Protocol):
    """Whoever can put a file below a user's home."""

    def put(self, path: str, content: str, user: str = "alice") -> None: ...


ELSEWHERE = f"https://{other_web.UNRELATED}/"

BLOCKS = (
    '<xml xmlns="https://developers.google.com/blockly/xml"><block type="text_print" x="40" y="40">'
    '<value name="TEXT"><shadow type="text"><field name="TEXT">Hello</field></shadow></value></block></xml>'
)
# Beside the editor, the notebook shows a page of another site, with a page in it, and a frame whose origin is "null".
CELLS = (
    "%jigsaw Python --workspace first-blocks",
    "from IPython.display import HTML\n"
    f'HTML(\'<iframe name="other" src="{ELSEWHERE}frame.html"></iframe>'
    '<iframe name="locked" sandbox="allow-scripts" srcdoc="<p>words</p>"></iframe>\')',
)
OTHERS = ("other", "nested", "locked")
# Seconds in which what is not to run might: the one that the editor itself waits before it saves, and one more.
LATER = 2.0

SERVER, COOP = "jupyter/jupyter_server_config.py", "add_header Cross-Origin-Opener-Policy same-origin always;"
WHOLE_SERVER = """{"headers": {"Content-Security-Policy": "frame-ancestors 'self'"}, """
FRAMED = PUBLISHED.replace(SERVER, "tornado_settings = {", f"tornado_settings = {WHOLE_SERVER}")
CARELESS = FRAMED.replace(SERVER, "; sandbox allow-scripts", ";")

# (the value of Cross-Origin-Opener-Policy, which windows can answer: one of another site that a page of the hub opened,
# the same once it has come back to the hub, one of the hub that another site opened)
POPUPS = [("", True, True, True), ("same-origin-allow-popups", True, False, False), ("same-origin", False, False, False)]


def header(value: str) -> Files:
    """The published files, but with this Cross-Origin-Opener-Policy in nginx's; without one for "".

    Nothing is asked for again by what a browser has: it would go on with the header of its copy.
    """
    line = COOP.replace("same-origin", value) if value else ""
    return PUBLISHED.replace("nginx/jupyterhub.conf", COOP, f"{line} {policies.AFRESH['nginx']}".strip())


def message(name: str) -> dict[str, str]:
    """What the editor would send for a program that leaves a file of this name."""
    code = f"open('ATTACK-{name}', 'w').close()\n"
    return {"type": "jigsaw", "action": "execute", "workspace_filename": "first-blocks.xml", "msg_id": name, "code": code}


def ran(hub: deployment.Hub, folder: str, tried: Collection[str], wanted: set[str]) -> set[str]:
    """Whose programs have run in a folder of alice's, of those that were `tried`; their files are removed.

    The wanted ones have ten seconds. Then those that are not to run have `LATER`.
    """
    command = ["find", f"/home/alice/{folder}", "-name", "ATTACK-*"]
    found: set[str] = set()

    def look() -> None:
        listed = hub.machine.exec(*command, "-printf", "%f\n").stdout
        found.update(name.removeprefix("ATTACK-") for name in listed.split())
        if not found >= wanted:
            raise LookupError

    with contextlib.suppress(LookupError):
        engine.wait(look, timeout=10)
        if {*tried} != wanted:
            time.sleep(LATER)
            look()
    hub.machine.exec(*command, "-delete")
    return found


def kept_out(browser: str) -> str:
    """What a browser says, by the page on how the editor works, to a script of its frame that reaches for the page around it."""
    (words,) = re.findall(rf"^\| {browser} \| `(.+?)` \|$", (ROOT / "jigsaw/how-it-works.md").read_text("utf-8"), re.M)
    return words


def other_site(outside: engine.Container) -> None:
    """Let the unrelated site have two pages: one that frames the other."""
    framing = '<!DOCTYPE html><p>other</p><iframe name="nested" src="page.html"></iframe>'
    outside.put({f"{other_web.PAGES}/frame.html": framing, f"{other_web.PAGES}/page.html": "<!DOCTYPE html><p>page</p>"})


# What mallory's own server says of everything that it shows.
ALLOWED = {"Service-Worker-Allowed": VALUES["base_url"]}
# It answers in place of the hub's login page.
WORKER = """
addEventListener("install", () => skipWaiting());
addEventListener("fetch", (event) => {
  if (!new URL(event.request.url).pathname.endsWith("/hub/login")) return;
  event.respondWith(new Response("<title>mallory's login</title>", { headers: { "Content-Type": "text/html" } }));
});
"""


def mallorys(desk: Desk) -> None:
    """mallory's own server is to show everybody a page of his and a worker, by lines of his own configuration."""
    lines = f"c.ServerApp.extra_static_paths = ['~/public']\nc.ServerApp.tornado_settings = {{'headers': {ALLOWED}}}\n"
    desk.put(".jupyter/jupyter_server_config.py", lines, "mallory")
    desk.put("public/worker.js", WORKER, "mallory")
    desk.put("public/page.html", "<!DOCTYPE html><title>mallory's</title><p>Welcome</p>", "mallory")


# A page frames an address, and is told when the frame has loaded, or shows the browser's own error.
FRAME = """address => new Promise((loaded) => {
  const frame = document.createElement("iframe");
  frame.onload = loaded;
  frame.src = address;
  document.body.append(frame);
})"""
# What a page asks for itself, [method, path]: to read a file and to write one; as links and forms do, or with the token of its cookie.
ASKED = [("GET", "api/contents/ours/first-blocks.xml"), ("PUT", "api/contents/asked.txt")]
ASK = """async ([method, address, shows]) => {
  const token = document.cookie.match(/_xsrf=([^;]*)/)?.[1];
  const headers = { "Content-Type": "application/json", ...(shows && token ? { "X-XSRFToken": token } : {}) };
  const body = method === "PUT" ? JSON.stringify({ type: "file", format: "text", content: "asked" }) : undefined;
  return [(await fetch(address, { method, headers, body })).status, Boolean(token)];
}"""
# It reads the window that it holds, and writes a file as its user; or says why not.
REACH = """async (file) => {
  const held = window.held ?? frames[0];
  try {
    const title = held.document.title;
    const headers = { "X-XSRFToken": held.document.cookie.match(/_xsrf=([^;]*)/)[1], "Content-Type": "application/json" };
    const body = JSON.stringify({ type: "file", format: "text", content: "mallory's words" });
    const answer = await held.fetch(file, { method: "PUT", headers, body });
    return `${title}: ${answer.status}`;
  } catch (error) {
    return error.message;
  }
}"""
# It asks the browser to have a script of its own answer for a part of the host: for which part it does so then, or why not.
REGISTER = """async (scope) => {
  try {
    const worker = await navigator.serviceWorker.register("worker.js", { scope });
    const script = worker.installing ?? worker.waiting ?? worker.active;
    while (script.state !== "activated") await new Promise((changed) => { script.onstatechange = changed; });
    return worker.scope;
  } catch (error) {
    return error.message;
  }
}"""
POST = "message => { parent.postMessage(message, '*'); if (parent !== top) top.postMessage(message, '*'); }"
