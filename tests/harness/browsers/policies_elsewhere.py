"""What Firefox and WebKitGTK do under each policy that a reverse proxy may add: a saved notebook is opened under each, in Notebook 7.

`python -m tests.harness.browsers.policies_elsewhere` looks at every policy and writes jigsaw/policies-browsers.csv; with names of
browsers, at theirs alone.
"""

from __future__ import annotations

import contextlib
import csv
import io
import re
import sys
import time

from tests.harness.browsers import other_browsers, policies
from tests.harness.browsers.other_browsers import NAMES, Desk, Notebook, Thrown
from tests.harness.browsers.policies import BLANK, BLOCKED, BUTTONS, DISABLED, NO_PICTURES, NO_SCRIPT, NO_STYLES, OURS, WORKS, Policy
from tests.harness.machines import engine
from tests.harness.machines.deployment import URL
from tests.harness.manifest import BUILD, ROOT

COMMAND = "python -m tests.harness.browsers.policies_elsewhere"
APPLICATION, FOLDER = "Notebook 7", "ours"
PATH = ROOT / "jigsaw/policies-browsers.csv"
HEAD = [policies.HEAD[0], *(column for name in NAMES for column in (name, f"{name}'s console"))]
# What a console says of what a policy refuses; in some words the directive stands.
REFUSAL = re.compile(r"Content[- ]Security[- ]Policy|violates|frame-ancestors|settings blocked", re.IGNORECASE)
# Seconds in which what comes at all has come: an editor that works stands after four.
TURNS, LATER = 25, 9.0


def prepare(desk: Desk) -> None:
    """alice's saved notebook, in which %jigsaw has run, behind the published proxy."""
    with desk.behind("nginx"):
        desk.log_in()
        desk.put(f"{FOLDER}/blocks.xml", policies.BLOCKS)
        notebook = desk.open(APPLICATION, desk.notebook(f"{FOLDER}/{policies.NOTEBOOK}", "%jigsaw Python --workspace blocks"))
        notebook.run()
        notebook.shown()
        notebook.save()
        desk.holds(f"{FOLDER}/{policies.NOTEBOOK}", "cat", "blocks.html")
        desk.clear()


def behind(desk: Desk) -> contextlib.AbstractContextManager[engine.Container]:
    """nginx, which adds the policy whose number is in the cookie."""
    return policies.behind(desk, "nginx")


def choose(desk: Desk, policy: Policy | None) -> None:
    """Let the reverse proxy add a policy to all that the browser asks for from now on."""
    page = desk.page().go(f"{URL}hub/home")
    cookie = f"{policies.COOKIE}={policies.ALL.index(policy)}" if policy else f"{policies.COOKIE}=; max-age=0"
    page.call("(cookie) => { document.cookie = `${cookie}; path=/` }", cookie)
    page.close()


STATE = """(disabled) => ({
  notebook: document.querySelectorAll(".jp-Notebook .jp-CodeCell").length > 0,
  disabled: document.body.textContent.includes(disabled),
  frame: document.querySelectorAll(".jp-OutputArea iframe").length > 0,
})"""
INSIDE = """() => ({
  buttons: !!document.querySelector("#run"),
  blocks: [...document.querySelectorAll(".blocklyToolboxCategory")].some((e) => e.textContent.includes("Logic") && e.clientWidth),
  styled: getComputedStyle(document.body).display === "flex",
})"""


# A page's own answer once more. Of what no address was typed for, a user's server takes nobody for its user who has not read the
# cookie too: it sends them to the hub, and that back, until the browser calls it an error of the network.
HEADERS = """async () => {
  const headers = { "X-XSRFToken": document.cookie.match(/_xsrf=([^;]*)/)[1] };
  const answer = await fetch(location.href, { headers });
  return [answer.status, Object.fromEntries(answer.headers)];
}"""


def outcome(notebook: Notebook) -> str:
    """What a user sees in the end, in the words of the table."""
    page, ends = notebook.page, time.monotonic() + TURNS
    inside: dict = {}
    state: dict = {}
    came = 0.0
    while time.monotonic() < ends:
        time.sleep(0.4)
        with contextlib.suppress(RuntimeError, Thrown):
            state = page.call(STATE, DISABLED)
            if state["disabled"]:
                return NO_SCRIPT
            inside = page.call(INSIDE, frame=notebook.frame) if state["frame"] else {}
            if inside and inside["blocks"]:
                return use(notebook) if inside["styled"] else NO_STYLES
        came = came or (time.monotonic() if state.get("frame") else 0)
        if came and time.monotonic() - came > LATER:
            break
    if not state.get("notebook"):
        return BLANK
    if not state.get("frame"):
        page.picture(BUILD / "browsers" / f"{page.driver.name}-undecided.png")
        raise RuntimeError(f"{page.driver.name}: neither an editor nor a reason why there is none: {state}\n{page.text('body')[:1500]}")
    if inside.get("buttons"):
        return BUTTONS if inside["styled"] else NO_STYLES
    return BLOCKED


def use(notebook: Notebook) -> str:
    """What an editor's Run brings back."""
    notebook.ready()
    notebook.press("Run")
    notebook.page.text(".jp-OutputArea", "Hello")
    size = "() => { const e = document.querySelector('.jp-OutputArea img'); return e?.complete ? [e.naturalWidth] : null }"
    return WORKS if notebook.page.until(size)[0] else NO_PICTURES


def look(desk: Desk, policy: Policy) -> tuple[str, list[str]]:
    """What a user sees under a policy, and all that the console says of it."""
    choose(desk, policy)
    desk.said()
    page = desk.page().go(f"{desk.address('notebooks/')}{FOLDER}/{policies.NOTEBOOK}")
    if allows(policy):
        status, arrived = page.call(HEADERS)
        missing = [value for name, value in policy.headers if value not in arrived.get(name.lower(), "")]
        if status != 200 or missing:
            raise RuntimeError(f"{page.address} comes with {status} and without {missing}")
    seen = outcome(Notebook(page))
    said = [brief(words) for words in desk.said() if REFUSAL.search(words)]
    page.picture(BUILD / "browsers" / f"{desk.driver.name}-policy-{policies.ALL.index(policy)}.png")
    desk.clear()
    return seen, list(dict.fromkeys(said))


def allows(policy: Policy) -> bool:
    """Whether a page under it may ask for itself."""
    return not any("default-src 'none'" in value for _, value in policy.headers)


def brief(said: str) -> str:
    """The first sentence of a console's message, with "…" for what follows the host in an address."""
    said = re.sub(r"^(error|uncaught|warn|info|log|debug): ", "", said)
    said = re.sub(r"(https://[\w.]+/)[^\s'\"\u201d\u2019,;)]+", r"\1…", " ".join(said.split()))
    said = re.sub(r"\bdata:[^\s'\"\u201d\u2019)]+", "data:…", said)
    # After the policy's own words comes advice.
    return re.sub(r"(directive: “[^”]*”).*", r"\1", said)[:400]


def telling(seen: str, said: list[str]) -> str:
    """The message that says why; of what works, none."""
    words = {BLOCKED: "frame|child", NO_PICTURES: "img", BUTTONS: "script", NO_STYLES: "style", NO_SCRIPT: "eval", BLANK: "script|eval"}
    found = [one for one in said if seen in words and re.search(words[seen], one)]
    return f"`{found[0].replace('`', '')}`" if found else ""


def rows() -> dict[str, dict[str, str]]:
    """The rows of the table's file, by what is added."""
    return {row[HEAD[0]]: row for row in csv.DictReader(io.StringIO(PATH.read_text("utf-8")))} if PATH.exists() else {}


def text(rows: dict[str, dict[str, str]]) -> str:
    file = io.StringIO()
    writer = csv.DictWriter(file, HEAD, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(rows.values())
    return file.getvalue()


def main(names: list[str]) -> None:
    if set(names) - set(NAMES):
        sys.exit(f"usage: {COMMAND} [BROWSER...]; the browsers are {', '.join(NAMES)}")
    with engine.running():
        for name in names or NAMES:
            with other_browsers.desk(name, policies.VERSION) as desk:
                prepare(desk)
                with behind(desk):
                    for policy in OURS:
                        seen, said = look(desk, policy)
                        print(f"{name}, {policy.words}: {seen}", *said[:6], sep="\n    ", flush=True)
                        before = rows()
                        row = before.setdefault(policy.words, {HEAD[0]: policy.words})
                        row |= {name: seen, f"{name}'s console": telling(seen, said)}
                        PATH.write_text(text({one.words: before[one.words] for one in OURS if one.words in before}), "utf-8")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except engine.Trouble as trouble:
        sys.exit(f"error: {trouble}")
