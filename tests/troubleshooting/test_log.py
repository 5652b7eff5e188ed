"""hubcheck --log on everything that the troubleshooting entries and good deployments printed: which pages it names.

What was seen is kept in captured.json.xz, which `python -m tests.harness.measuring.captures` writes.
"""

import re
import runpy
import warnings

import pytest

from _ext.atlas import CHECKED
from snippets.check import hubcheck
from tests.harness import one_script
from tests.harness.manifest import PROXIES, VALUES
from tests.harness.measuring import atlas, captures, evidence, known

TABLE = hubcheck.known()
ENTRIES = {entry.name: entry for entry in atlas.entries()}
BROKEN = {name: places for name, places in captures.captured().items() if name.split()[0] in ENTRIES}
GOOD = {name: places for name, places in captures.captured().items() if name.startswith(captures.GOOD)}

# Somebody else's hub: (what is replaced, what comes in its place).
STRANGERS = {
    "as it was": [],
    "another hub": [
        (re.escape(VALUES["host"]), "lab.uni-test.example"),
        (r"(?<![\w.])/jupyter(?=/)", "/physics/notebooks"),
        (r"\b(alice|bob|carol|mallory)\b", "ann.lee"),
        (VALUES["kernel"], "turtle_kernel"),
        ("My Kernel", "Turtle"),
        (r"\b127\.0\.0\.1:8\d\d\b", "10.20.30.40:18000"),
        (r"(?<=http://):8\d\d\b", ":8000"),
        (r"\b\d\d:\d\d:\d\d\b", "23:59:58"),
        (r"\[\d+\]", "[4711]"),
        (r"(?m)^(?=\S)", "Nov 26 23:59:58 server jupyterhub[4711]: "),
    ],
    "a hub for the whole host": [
        (re.escape(VALUES["host"]), "hub.local"),
        (r"(?<![\w.])/jupyter(?=/)", ""),
        (r"\b(alice|bob|carol|mallory)\b", "u0123456"),
        (VALUES["kernel"], "octave"),
        ("My Kernel", "Octave"),
        (r"\b127\.0\.0\.1\b", "[::1]"),
        (r"\b\d{4}-\d\d-\d\d\b", "2031-01-02"),
    ],
}
# A browser's page is pasted as it is shown, without a journal's head before each line.
SHOWN = ("browser", "console", "command")


def replaced(text, place, strangers):
    for pattern, instead in strangers:
        if place not in SHOWN or "?m" not in pattern:
            text = re.sub(pattern, instead, text)
    return text


def answers(text):
    """The pages that are answered, by groups of those of which the text holds the same lines."""
    return [[page for page, _, _ in group] for group in hubcheck.answers(hubcheck.found([text], TABLE), TABLE)][: hubcheck.ANSWERS]


def wholes(strangers):
    """[(entry, all that it showed to people and in logs)], of entries that show anything there that is published."""
    for name, places in BROKEN.items():
        entry = ENTRIES[name.split()[0]]
        if any(place != CHECKED for place, _, _ in entry.expected(name.split()[1])):
            yield entry.name, "\n".join(replaced(text, place, strangers) for place, text in places.items() if place != CHECKED)


def singles(strangers):
    """[(entry, a line as it was captured that holds one of its symptom, and that not many faults write)]; of a browser's page, the
    lines that do."""
    for name, places in BROKEN.items():
        entry = ENTRIES[name.split()[0]]
        for place, _, line in entry.expected(name.split()[1]):
            few = place != CHECKED and not known.BESIDE.match(known.pattern(line))
            if few and (seen := atlas.pattern(line).search(places.get(place, ""))):
                text = places[place]
                begin, end = text.rfind("\n", 0, seen.start()) + 1, text.find("\n", seen.end())
                yield entry.name, replaced(text[begin : end if end >= 0 else None], place, strangers)


def rates(texts):
    """How many there are; in how many parts of them the right page is among the answers, and in the first of them; and what was missed."""
    texts = [(f"troubleshooting/{name}", text, answers(text)) for name, text in texts]
    among = [any(name in group for group in groups) for name, _, groups in texts]
    first = [bool(groups) and name in groups[0] for name, _, groups in texts]
    missed = [f"{name}: {groups} for {text[-300:]!r}" for (name, text, groups), hit in zip(texts, first, strict=True) if not hit]
    return len(texts), sum(among) / len(texts), sum(first) / len(texts), "\n".join(missed)


def test_what_a_fault_showed_leads_to_its_page(prove):
    told = {}
    for what, made, fewest in (("texts", wholes, 40), ("lines", singles, 100)):
        for name, strangers in STRANGERS.items():
            number, among, first, missed = rates(made(strangers))
            assert number >= fewest
            assert among >= 0.95, f"{what}, {name}: {among:.1%}\n{missed}"
            assert first >= 0.85, f"{what}, {name}: {first:.1%}\n{missed}"
            worst = told.get(f"{what}_among", 1), told.get(f"{what}_first", 1)
            told |= {what: number, f"{what}_among": min(among, worst[0]), f"{what}_first": min(first, worst[1])}
    prove(evidence.row("log_read", "hubcheck", "", ["check/hubcheck.py"], [], rungs=told))


@pytest.mark.parametrize(
    "line",
    [
        "jupyterhub.service: Main process exited, code=exited, status=1/FAILURE",
        "nginx: configuration file /etc/nginx/nginx.conf test failed",
        "AH00526: Syntax error on line 12 of /etc/apache2/sites-enabled/mine.conf:",
        "[E 12:00:00 JupyterHub log:192] 500 GET /jupyter/hub/spawn (alice@127.0.0.1) 20.00ms",
        "[E 12:00:00 JupyterHub web:2108] Uncaught exception POST /jupyter/hub/login (127.0.0.1)",
        "[E 12:00:00 JupyterHub web:2108] Uncaught exception GET /jupyter/hub/oauth_callback?code=a (127.0.0.1)",
        "Failed to load resource: the server responded with a status of 404 (Not Found)",
    ],
)
def test_a_line_that_many_faults_write_leads_nowhere_alone(line):
    assert hubcheck.found([line], TABLE), "it is one of the table"
    assert answers(line) == []


def test_a_line_that_many_faults_write_counts_beside_another():
    line = "jupyterhub.service: Main process exited, code=exited, status=1/FAILURE"
    groups = hubcheck.answers(hubcheck.found([f"{line}\nFailed to start proxy"], TABLE), TABLE)
    assert groups[0] == [("troubleshooting/failed-to-start-proxy", "hub_answers", ["Failed to start proxy", known.pattern(line)])]


@pytest.mark.parametrize("strangers", STRANGERS.values(), ids=STRANGERS)
def test_what_good_deployments_print_leads_nowhere(strangers):
    assert {name.split()[1] for name in GOOD} == set(PROXIES)
    told = {
        (name, place, line[0])
        for name, places in GOOD.items()
        for place, text in places.items()
        for line in hubcheck.found([replaced(text, place, strangers)], TABLE).values()
    }
    assert not told, told
    assert all(len(places["hub"]) > 2000 for places in GOOD.values())


# What other programs print, in words of their own.
OTHERS = """Nov 26 12:00:00 srv sshd[812]: Failed password for invalid user admin from 192.0.2.7 port 40022 ssh2
Nov 26 12:00:00 srv systemd[1]: Started session-4.scope - Session 4 of User root.
192.0.2.7 - - [26/Nov/2026:12:00:00 +0000] "GET /wp-login.php HTTP/1.1" 404 153 "-" "Mozilla/5.0"
192.0.2.7 - - [26/Nov/2026:12:00:00 +0000] "POST /login HTTP/1.1" 500 21 "-" "curl/8.5"
2026/11/26 12:00:00 [error] 77#77: *1 open() "/usr/share/nginx/html/favicon.ico" failed (2: No such file or directory)
Not Found: /favicon.ico
django.request ERROR Internal Server Error: /shop/basket
2026-11-26 12:00:00.000 UTC [99] FATAL:  password authentication failed for user "shop"
npm ERR! code ENOENT
Traceback (most recent call last):
FileNotFoundError: [Errno 2] No such file or directory: 'settings.toml'
[Thu Nov 26 12:00:00.000000 2026] [core:notice] [pid 1] AH00094: Command line: '/usr/sbin/apache2'
kernel: Out of memory: Killed process 4242 (java) total-vm:9000000kB
"""


def test_what_other_programs_print_leads_nowhere():
    assert hubcheck.found([OTHERS], TABLE) == {}


def test_the_table_is_what_the_pages_publish():
    assert known.TABLE.search(known.PART.read_text("utf-8"))[0] == known.table(), "python -m tests.harness.measuring.known writes it"


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (
            {"index.md": "## Elsewhere in this guide\n| `a` | [no page](b) |\n"},
            r"pages/index\.md: this row has no line and one link to a page: \| `a` \| \[no page\]\(b\) \|",
        ),
        ({"one/symptom.txt": "", "one/index.md": "# One\n"}, r".*/pages/one/index\.md:1: no front matter with a rung"),
        ({"one/index.md": "---\nrung: hub_answers\n---\n"}, r".*No such file or directory: '.*/pages/one/symptom\.txt'"),
    ],
    ids=["a row", "an entry", "no file"],
)
def test_a_page_of_which_no_line_can_be_had_is_named_and_nothing_is_written(tmp_path, monkeypatch, capsys, files, words):
    part = tmp_path / "known_lines.py"
    part.write_text('KNOWN = r"""\n"""\n', "utf-8")
    for name, text in files.items():
        page = tmp_path / "pages" / name
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(text, "utf-8")
    monkeypatch.setattr(one_script, "PACKAGE", tmp_path)
    monkeypatch.setattr(atlas, "ATLAS", tmp_path / "pages")
    monkeypatch.setattr("sys.argv", ["known"])
    with pytest.raises(SystemExit) as ended, warnings.catch_warnings(action="ignore"):
        runpy.run_module("tests.harness.measuring.known", run_name="__main__")
    assert re.fullmatch(f"error: {words}", str(ended.value.code))
    assert capsys.readouterr().out == ""
    assert part.read_text("utf-8") == 'KNOWN = r"""\n"""\n'


def test_nearly_every_entry_was_captured_and_is_in_the_table():
    captured = {name.split()[0] for name in BROKEN}
    assert len(ENTRIES.keys() - captured) <= len(ENTRIES) / 10, "python -m tests.harness.measuring.captures NAME... adds them"
    assert {f"troubleshooting/{name}" for name in ENTRIES} <= {page for page, _, _ in TABLE}


@pytest.mark.parametrize(
    ("line", "pattern"),
    [
        ("404 GET /jupyter/user/alice/static/a.js?v=…", "404 GET …/user/…/static/a.js?v=…"),
        ("listen EADDRINUSE: address already in use 127.0.0.1:800", "listen EADDRINUSE: address already in use …"),
        ("JupyterHub is now running at http://:800/jupyter/", "JupyterHub is now running at http://:…/"),
        ("wss://hub.example.com:8443/jupyter/ and 127.0.0.1:… (127.0.0.1:800)", "wss://…/ and … (…)"),
        ("AH01909: hub.example.com:443:0 server certificate", "AH01909: … server certificate"),
        ("Apache Server at hub.example.com Port 443", "Apache Server at … Port …"),
        ("/usr/bin/python3: No module named my_kernel", "…/python3: No module named …"),
        ("denied: '/root/mine/bin/python' or '/home/mallory'", "denied: '…/python' or '/home/…'"),
        ("in /etc/nginx/conf.d/jupyterhub.conf:… for big.ipynb", "in …/….conf:… for ….ipynb"),
        ("to …/.local/share/jupyter/runtime/jupyter_cookie_secret", "to …/.local/share/jupyter/runtime/jupyter_cookie_secret"),
        ("restarting kernel (1/5) in 0 seconds, MemoryMaximum=4G HTTP/1.1", "restarting kernel (…) in … seconds, MemoryMaximum=… HTTP/…"),
        ("[Errno 13] AH00957 413 Error code: 404", "[Errno 13] AH00957 413 Error code: 404"),
        ("  two  spaces stay: 1", "two  spaces stay: 1"),
        ("alice my_kernel", ""),
        ("a b c: …", ""),
    ],
)
def test_of_a_line_what_is_a_hubs_own_becomes_a_gap(line, pattern):
    assert known.pattern(line) == pattern


def test_of_a_long_line_the_beginning_and_the_end_stay():
    line = f"begins here {'and goes on ' * 20}to the very end of it"
    made = known.pattern(line)
    assert len(made) <= known.LONGEST + 4
    begins, ends = made.split(" … ")
    assert line.startswith(begins)
    assert line.endswith(ends)
    assert min(len(begins), len(ends)) > 30
