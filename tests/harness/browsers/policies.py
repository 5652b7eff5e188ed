"""What a security policy added by a reverse proxy does to %jigsaw: a browser opens a saved notebook under each policy.

`python -m tests.harness.browsers.policies` looks at every policy and writes what it saw into the tables below jigsaw/.
"""

from __future__ import annotations

import contextlib
import csv
import io
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Response

from tests.harness.arguments import takes_nothing
from tests.harness.browsers import user_browser
from tests.harness.browsers.user_browser import APPLICATIONS, PATIENCE, Desk, Notebook, User
from tests.harness.machines import engine, images
from tests.harness.manifest import PUBLISHED, ROOT, VALUES, VERSIONS

COMMAND = "python -m tests.harness.browsers.policies"
VERSION = VERSIONS["jupyterhub"][-1]
NOTEBOOK = "first.ipynb"
POLICY, FRAMES = "Content-Security-Policy", "X-Frame-Options"
EVAL = "script-src 'self' 'unsafe-inline' 'unsafe-eval'"
SAFE = f"default-src 'self'; {EVAL}; style-src 'self' 'unsafe-inline'; img-src 'self' data:"
ELSEWHERE = "https://calysto.github.io"


@dataclass(frozen=True)
class Policy:
    """Headers that a reverse proxy adds to every answer: (name, value)."""

    headers: tuple[tuple[str, str], ...]

    @property
    def words(self) -> str:
        """As the table shows it."""
        return " and ".join(f"`{value}`" if name == POLICY else f"`{name}: {value}`" for name, value in self.headers)


def _policies(*values: str) -> list[Policy]:
    return [Policy(((POLICY, value),)) for value in values]


OURS = [
    *_policies(
        "frame-src 'self'",
        f"frame-src https://{VALUES['host']}",
        "frame-src 'none'",
        f"frame-src {ELSEWHERE}",
        "child-src 'self'",
        "child-src 'none'",
        "frame-ancestors 'self'",
        "frame-ancestors 'none'",
    ),
    Policy(((FRAMES, "SAMEORIGIN"),)),
    Policy(((FRAMES, "DENY"),)),
    *_policies(
        "script-src 'self'",
        "script-src 'self' 'unsafe-inline'",
        "script-src 'self' 'unsafe-eval'",
        EVAL,
        f"script-src {ELSEWHERE} 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self'",
        "default-src 'none'",
        "default-src 'self'",
        "default-src 'self' 'unsafe-inline' 'unsafe-eval'",
        SAFE,
    ),
    Policy(((POLICY, "frame-src 'self'"), (POLICY, "child-src 'self'"))),
    Policy(((POLICY, "frame-src 'self'"), (POLICY, "frame-src 'none'"))),
]
# Where MetaKernel's own magic differs, which loads Blockly from elsewhere.
METAKERNELS = _policies(EVAL, EVAL.replace("'self'", f"'self' {ELSEWHERE}"), SAFE)
ALL = list(dict.fromkeys([*OURS, *METAKERNELS]))


@dataclass(frozen=True)
class Table:
    """A table of the guide: a folder of the user's home with one magic's notebook, and the policies to open it under."""

    folder: str
    policies: list[Policy]
    path: Path


TABLES = [
    Table("ours", OURS, ROOT / "jigsaw/policies.csv"),
    Table("metakernels", METAKERNELS, ROOT / "jigsaw/policies-metakernel.csv"),
]
HEAD = ["Added by the reverse proxy", *APPLICATIONS, "The browser's console"]

# What a user sees.
WORKS, NO_PICTURES = "works", "works, without pictures"
BLOCKED = "the frame is blocked"
BUTTONS = "three buttons, no blocks"
NO_SCRIPT = "no editor"
NO_STYLES = "unusable, without styles"
BLANK = "stays blank"
# What the console says where that is so.
SAID = {
    WORKS: "Loading|Executing|Evaluating|Applying|Connecting",  # in vain: nothing is refused
    NO_PICTURES: "Loading the image",
    BLOCKED: "Framing",
    BUTTONS: "Loading the script|Executing inline script",
    NO_STYLES: "Applying inline style",
    NO_SCRIPT: "Evaluating a string",
    BLANK: "Loading the script|Evaluating a string",
}
DISABLED = "JavaScript output is disabled in JupyterLab"
SETTINGS = "'@jupyterlab/apputils-extension:settings' failed to activate"

# In a user's cookie stands the number of the policy to add, so that no proxy is started anew for each.
COOKIE = "policy"
COOP = {
    "nginx": "add_header Cross-Origin-Opener-Policy same-origin always;",
    "apache": "Header always set Cross-Origin-Opener-Policy same-origin",
}
# A browser that asks whether its copy is still good would go on with that copy's policy.
AFRESH = {
    "nginx": "proxy_set_header If-None-Match ''; proxy_set_header If-Modified-Since '';",
    "apache": "RequestHeader unset If-None-Match\n    RequestHeader unset If-Modified-Since",
}


def _nginx() -> tuple[str, dict[str, str]]:
    """What takes the line's place in nginx's site, and one more file: an empty value adds nothing."""
    names = [(POLICY, 0), (POLICY, 1), (FRAMES, 0)]
    lines, maps = [COOP["nginx"], AFRESH["nginx"]], []
    for number, (name, nth) in enumerate(names):
        rows = [
            f'    {row} "{values[nth]}";\n'
            for row, policy in enumerate(ALL)
            if len(values := [value for header, value in policy.headers if header == name]) > nth
        ]
        maps.append(f"map $cookie_{COOKIE} $added_{number} {{\n    default '';\n{''.join(rows)}}}\n")
        lines.append(f"add_header {name} $added_{number} always;")
    return "\n    ".join(lines), {"/etc/nginx/conf.d/policies.conf": "".join(maps)}


def _apache() -> tuple[str, dict[str, str]]:
    lines = [COOP["apache"], AFRESH["apache"]]
    for row, policy in enumerate(ALL):
        for name, value in policy.headers:
            lines.append(f'Header always add {name} "{value}" "expr=%{{HTTP_COOKIE}} =~ /{COOKIE}={row}(;|$)/"')
    return "\n    ".join(lines), {}


def behind(desk: Desk, proxy: str) -> contextlib.AbstractContextManager[engine.Container]:
    """A reverse proxy that adds the policy whose number is in the cookie."""
    lines, extra = {"nginx": _nginx, "apache": _apache}[proxy]()
    return desk.behind(proxy, files=PUBLISHED.replace(f"{proxy}/jupyterhub.conf", COOP[proxy], lines), extra=extra)


# A program that prints, and shows a picture: what the editor's Run has to bring back.
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
BLOCKS = f"""<xml xmlns="https://developers.google.com/blockly/xml">
<block type="import_statement" x="20" y="20"><field name="module">base64, IPython.display</field><next>
<block type="text_print"><value name="TEXT"><shadow type="text"><field name="TEXT">Hello</field></shadow></value><next>
<block type="expression_statement"><field name="expression">IPython.display.Image(base64.b64decode("{PIXEL}"))</field>
</block></next></block></next></block></xml>
"""


def notebooks(desk: Desk) -> User:
    """A user with a notebook for each table, in which %jigsaw has run and which is saved, so that Jupyter trusts it."""
    user = desk.user()
    desk.own_magic("metakernels")
    for table in TABLES:
        desk.put(f"{table.folder}/blocks.xml", BLOCKS)
        notebook = user.open("Notebook 7", desk.notebook(f"{table.folder}/{NOTEBOOK}", "%jigsaw Python --workspace blocks"))
        notebook.run()
        notebook.editor().shown()
        notebook.save()
        notebook.page.close()
    return user


@dataclass
class View:
    """A notebook that opens in an application under a policy."""

    application: str
    notebook: Notebook
    console: list[tuple[str, str]] = field(default_factory=list)  # (what is said, the address of the page or script that says it)
    connected: list[str] = field(default_factory=list)  # kernels' WebSockets
    answers: list[Response] = field(default_factory=list)  # the notebook's page, and the editor's

    def refusals(self, words: str, where: str = "") -> list[str]:
        """What the console says of a policy, beginning with certain words, about an address that holds `where`."""
        sentence = re.compile(rf"(?:{words}).*?violates the following Content Security Policy directive.*?[\"']\.(?=\s|$)", re.DOTALL)
        return [found[0] for said, address in self.console if where in address and (found := sentence.search(said))]

    def outcome(self) -> str:
        """What a user sees in the end; raises RuntimeError as long as nothing is decided."""
        page = self.notebook.page
        if self.refusals("Loading the script '[^']*/main[.]"):
            return BLANK
        # JupyterLab opens no notebook without its settings.
        if self.application == "JupyterLab" and any(SETTINGS in said for said, _ in self.console):
            page.wait_for_load_state("networkidle")
            if not page.locator(".jp-Notebook").count():
                return BLANK
        if self.notebook.output().get_by_text(DISABLED).count():
            return NO_SCRIPT
        frame = next((frame for frame in page.frames if frame.parent_frame), None)
        if frame and frame.url.startswith("chrome-error:") and self.refusals(SAID[BLOCKED]):
            return BLOCKED
        if frame and frame.get_by_role("button", name="Run", exact=True).count():
            if self.refusals(SAID[BUTTONS], where="/files/"):
                return BUTTONS
            if self.refusals(SAID[NO_STYLES], where="/files/"):
                return NO_STYLES
            if self.connected and frame.get_by_role("tree").get_by_text("Logic").is_visible():
                return WORKS
        raise RuntimeError(f"{self.application}: neither an editor nor a reason why there is none")

    def use(self) -> str:
        """What an editor's Run brings back."""
        self.notebook.ready()
        self.notebook.editor().send("Run")
        output = self.notebook.output()
        output.get_by_text("Hello").last.wait_for()
        if not self.notebook.printed().count():  # MetaKernel's own magic, which never shows pictures
            return WORKS
        picture = output.locator("img")
        picture.wait_for(state="attached")
        self.notebook.page.wait_for_function("image => image.complete", arg=picture.element_handle())
        return WORKS if picture.evaluate("image => image.naturalWidth") else NO_PICTURES


def choose(user: User, policy: Policy) -> None:
    """Let the reverse proxy add a policy to all that a user's browser asks for from now on."""
    cookie = {"name": COOKIE, "value": str(ALL.index(policy)), "domain": VALUES["host"], "path": "/"}
    user.context.add_cookies([cookie])  # type: ignore[list-item]


def look(user: User, policy: Policy, folder: str, applications: Iterable[str] = APPLICATIONS) -> dict[str, str]:
    """A row of a table: a notebook is opened under a policy, in several applications at once. The pages stay open."""
    choose(user, policy)
    views = [_open(user, application, f"{folder}/{NOTEBOOK}") for application in applications]
    seen, said = {}, []
    for view in views:
        outcome = engine.wait(view.outcome, timeout=2 * PATIENCE / 1000)
        outcome = view.use() if outcome == WORKS else outcome
        seen[view.application] = outcome
        said += view.refusals(SAID[outcome])[:1]
        _has(policy, view.answers)
    return {HEAD[0]: policy.words} | seen | {HEAD[-1]: " ".join(f"`{words}`" for words in dict.fromkeys(map(_brief, said)))}


def _open(user: User, application: str, path: str) -> View:
    view = View(application, Notebook(user.page()))
    page = view.notebook.page
    page.on("console", lambda message: view.console.append((message.text, message.location.get("url", ""))))
    page.on("websocket", lambda socket: view.connected.append(socket.url) if "/channels" in socket.url else None)
    page.on("response", lambda answer: view.answers.append(answer) if answer.request.is_navigation_request() else None)
    page.goto(user.address(f"{APPLICATIONS[application]}{path}?reset"), wait_until="commit")
    return view


def _has(policy: Policy, answers: list[Response]) -> None:
    """Raises RuntimeError if an answer has no such header: a policy that does not arrive proves nothing."""
    for answer in answers:
        missing = [value for name, value in policy.headers if value not in answer.header_values(name)]
        if missing:
            raise RuntimeError(f"{answer.url} comes without {missing}")


def _brief(said: str) -> str:
    """A message of the console, with "…" for what all of them say, and for what follows the host in an address."""
    said = re.sub(r" the following Content Security Policy directive:?", " …", said)
    return re.sub(r"'(\w+://[^/']+/|data:)[^']+'", r"'\1…'", said)


def text(rows: Iterable[dict[str, str]]) -> str:
    """A table as its file holds it."""
    file = io.StringIO()
    writer = csv.DictWriter(file, HEAD, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def rows(text: str) -> dict[str, dict[str, str]]:
    """The rows of a table's file, by what is added."""
    return {row[HEAD[0]]: row for row in csv.DictReader(io.StringIO(text))}


def main() -> None:
    with engine.running():
        images.prepare()
        with user_browser.desk(VERSION) as desk, behind(desk, "nginx"):
            user = notebooks(desk)
            for table in TABLES:
                before = table.path.read_text("utf-8") if table.path.exists() else ""
                made = []
                for policy in table.policies:
                    made.append(look(user, policy, table.folder))
                    desk.clear()
                table.path.write_text(after := text(made), "utf-8")
                print(f"{table.path.relative_to(ROOT)}: {'unchanged' if after == before else 'written'}")


if __name__ == "__main__":
    takes_nothing("browsers.policies")
    try:
        main()
    except engine.Trouble as trouble:
        sys.exit(f"error: {trouble}")
