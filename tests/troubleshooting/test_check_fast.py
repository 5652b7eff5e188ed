"""hubcheck with recorded answers of real deployments: what it asks, what it says, and the effect of each option."""

import argparse
import base64
import dataclasses
import datetime
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import time
from types import SimpleNamespace
from unittest import mock
from urllib.parse import quote
from xml.etree import ElementTree

import pytest
import requests
import trustme
import websocket

from _ext.atlas import symptoms
from snippets.check import hubcheck
from tests.harness import releases
from tests.harness.machines.replay import ADDRESS, Answer, Place, Replay, recorded
from tests.harness.manifest import MANIFEST, ROOT

LADDER = MANIFEST["ladder"]
URL = "https://hub.example.com/jupyter/"
HTML = (("Content-Type", "text/html"),)
EXPIRED = "certificate verify failed: certificate has expired"
SECRETS = {"alice": "password-of-alice", "wrong": "wrong", "token": "token-of-alice", "narrow": "narrow-token", "unknown": "unknown-token"}


@pytest.fixture
def place(tmp_path):
    """A machine from which hub.example.com is reached, with the files that the recorded climbs name."""
    made = Place(tmp_path)
    for name, secret in SECRETS.items():
        made.file(f"{name}.txt", f"{secret}\n")
    return made


def given(place, options):
    """Options as they were recorded, with this machine's files."""
    assert place.trusted
    return [str(place.folder / word) if re.fullmatch(r"\w+\.(txt|pem)", word) else word for word in options]


def numbers(text):
    return re.sub(r"\d+(?:\.\d+)?", "0", text)


# Recorded climbs


def told_of(rungs):
    """What was said of each rung, but for the numbers in it."""
    return [
        (rung["rung"], rung["ok"], *map(numbers, rung["evidence"]), numbers(rung.get("said", "")), rung.get("cause"), rung.get("page"))
        for rung in rungs
    ]


def without_identity(frame):
    return re.sub("[0-9a-f]{32}", "…", frame)


@pytest.mark.parametrize("name", recorded())
def test_a_climb_asks_and_says_what_it_asked_and_said_of_a_real_hub(place, name):
    climb = recorded()[name]
    replay = Replay.of(name)
    place.names = {"hub.example.com": "127.0.1.1"}
    place.ports |= {800: "http"} if name == "past the proxy" else {}
    run = place.check(replay, *given(place, climb["options"]), "--ca-file", place.trusted, "--megabytes", "1")
    assert told_of(run.rungs) == told_of(climb["rungs"])
    assert replay.seen == [exchange["asked"] for exchange in climb["exchanges"]]
    assert [request["headers"] for request in replay.opened] == [kept["headers"] for kept in climb["sockets"]]
    sent = [text for kept in climb["sockets"] for what, text in kept["frames"] if what == "sent"]
    assert sorted(map(without_identity, replay.said)) == sorted(map(without_identity, sent))
    assert run.status == climb["status"] == (0 if climb["rungs"][-1]["ok"] else 1)


# How it is used


WRONG_USE = [
    (["hub.example.com"], "not an address: 'hub.example.com'; it looks like https://hub.example.com/jupyter/"),
    (["ftp://hub.example.com/"], "not an address: 'ftp://hub.example.com/'; it looks like https://hub.example.com/jupyter/"),
    (["https:///jupyter/"], "not an address: 'https:///jupyter/'; it looks like https://hub.example.com/jupyter/"),
    (["https://[::1/"], "not an address: 'https://[::1/'; it looks like https://hub.example.com/jupyter/"),
    (["https://hub.example.com:port/"], "not an address: 'https://hub.example.com:port/'; it looks like https://hub.example.com/jupyter/"),
    (["https://alice:secret@hub.example.com/"], "an address holds no name and no password: give --user and --password-file"),
    ([URL, "--user", "alice", "--password-file", "/proc/self/mem"], "/proc/self/mem: Input/output error"),
    ([URL, "--token-file", "/proc/self/mem"], "/proc/self/mem: Input/output error"),
    ([URL, "--ca-file", "/proc/self/mem"], "no certificates in PEM format: /proc/self/mem"),
    ([URL, "--json", "/proc/self"], "a folder, not a file: /proc/self"),
    ([URL, "--junit", "/"], "a folder, not a file: /"),
    ([URL, "--idle", "inf"], "argument --idle: invalid seconds value: 'inf'"),
    ([URL, "--timeout", "-1"], "argument --timeout: invalid seconds value: '-1'"),
    ([URL, "--spawn-timeout", "nan"], "argument --spawn-timeout: invalid seconds value: 'nan'"),
    ([URL, "--user", "alice", "--password-file", "/nowhere"], "no such file: /nowhere"),
    ([URL, "--token-file", "/nowhere"], "no such file: /nowhere"),
    ([URL, "--ca-file", "/nowhere"], "no such file: /nowhere"),
    ([URL, "--password-file", "alice.txt"], "--password-file goes with --user"),
    ([URL, "--token-file", "empty.txt"], "nothing in the file: {}/empty.txt"),
    ([URL, "--user", "alice", "--password-file", "empty.txt"], "nothing in the file: {}/empty.txt"),
    ([URL, "--token-file", "two.txt"], "the token holds characters that no token has"),
    ([URL, "--user", "alice", "--token-file", "token.txt"], "--token-file goes without --user: a token is somebody's already"),
    ([URL, "--ca-file", "alice.txt"], "no certificates in PEM format: {}/alice.txt"),
    ([URL, "--junit", "/nowhere/out.xml"], "no such folder: /nowhere"),
    ([URL, "--json", "/nowhere/out.json"], "no such folder: /nowhere"),
    ([URL, "--resolve", "here"], "--resolve takes HOST:PORT:ADDRESS, not 'here'"),
    ([URL, "--resolve", "a:443:192.0.2.1", "--resolve", "a:b:192.0.2.1"], "--resolve takes HOST:PORT:ADDRESS, not 'a:b:192.0.2.1'"),
    (
        [URL, "--until", "the_top"],
        f"argument --until: invalid choice: 'the_top' (choose from {', '.join(map(repr, LADDER))})",
    ),
    ([URL, "--colour"], "unrecognized arguments: --colour"),
    ([], "the following arguments are required: url"),
]


@pytest.mark.parametrize(("arguments", "words"), WRONG_USE)
def test_wrong_use_ends_with_2_and_one_line(place, arguments, words):
    place.file("empty.txt", "\r\n")
    place.file("two.txt", "two words\n")
    run = place.check(Replay(), *given(place, arguments))
    assert (run.status, run.out) == (2, "")
    # Python 3.12 and later name the choices without quotes.
    assert run.err.replace("'", "") == f"hubcheck: error: {words.format(place.folder)}\n".replace("'", "")


# What --help says of each option, word by word: (option and what it takes, words).
HELP = [
    ("url", "the hub's public address, with its base URL: https://hub.example.com/jupyter/"),
    ("--user USER", "log in as this user; an ordinary test account is best"),
    ("--password-file FILE", "file that holds the password; without it you are asked"),
    ("--token-file FILE", "file that holds a user's API token, in place of --user (or HUBCHECK_TOKEN)"),
    ("--kernel KERNEL", "the kernel to run (default: my_kernel)"),
    ("--code CODE", "what the kernel computes (default: 6 * 7)"),
    ("--expect EXPECT", "what its answer contains (default: 42)"),
    ("--idle SECONDS", "leave the kernel's WebSocket silent for so long"),
    ("--megabytes MEGABYTES", "size of the upload (default: 20)"),
    ("--timeout SECONDS", "for one answer (default: 20)"),
    ("--spawn-timeout SECONDS", "for a server's start (default: 90)"),
    ("--ca-file CA_FILE", "trust the certificate authorities in this file instead of the machine's"),
    ("--resolve HOST:PORT:ADDRESS", "before the name is in the DNS"),
    ("--until RUNG", "climb no further than this rung"),
    ("--keep-server", "leave the user's server running afterwards"),
    ("--json [FILE]", "write the results as JSON, to a file or in place of the text"),
    ("--junit FILE", "write the results as JUnit's XML, for CI"),
    ("--watch", "say nothing if all rungs hold, and else one line: for a timer"),
    ("--guide URL", "where your copy of the guide is, for whole addresses"),
    ("--log FILE", "read a log, and name the pages that have lines of it; - for what is piped in"),
    ("--verbose", "print every request to the error stream"),
    ("--version", "print which release of the guide this is from"),
]


def test_help_names_every_option_and_what_it_is_for(place):
    run = place.check(Replay(), "--help", COLUMNS="200")
    assert (run.status, run.err) == (0, "")
    said = " ".join(run.out.split())
    assert said.startswith("usage: hubcheck [-h] [--user USER] ")
    assert " Check a JupyterHub from the outside, the way a user's browser meets it. positional arguments: " in said
    options = [re.sub("^--verbose", "-v, --verbose", " ".join(row)) for row in HELP]
    assert said.partition(" positional arguments: ")[2] == " ".join(
        [options[0], "options: -h, --help show this help message and exit", *options[1:]]
    )


def parsed(*options):
    return hubcheck.arguments([URL, *options])


def test_without_options_it_looks_from_outside_as_the_page_says(monkeypatch):
    monkeypatch.delenv("HUBCHECK_TOKEN", raising=False)
    assert vars(parsed()) == {
        "url": URL,
        "user": "",
        "password_file": None,
        "token_file": None,
        "kernel": "my_kernel",
        "code": "6 * 7",
        "expect": "42",
        "idle": 0,
        "megabytes": 20,
        "timeout": 20,
        "spawn_timeout": 90,
        "ca_file": None,
        "resolve": [],
        "until": None,
        "keep_server": False,
        "json": None,
        "junit": None,
        "watch": False,
        "guide": "",
        "log": None,
        "verbose": False,
        "token": "",
    }


def test_options_are_read_as_what_they_are(place, monkeypatch):
    monkeypatch.setenv("HUBCHECK_TOKEN", " from-the-environment\n")
    assert parsed().token == "from-the-environment"
    assert parsed("--token-file", f"{place.folder}/token.txt").token == "token-of-alice"
    user = parsed("--user", "alice", "--password-file", f"{place.folder}/alice.txt")
    assert (user.user, user.password, user.token) == ("alice", "password-of-alice", "")
    floats = parsed("--idle", "1.5", "--timeout", "2.5", "--spawn-timeout", "3.5", "--megabytes", "4")
    assert (floats.idle, floats.timeout, floats.spawn_timeout, floats.megabytes) == (1.5, 2.5, 3.5, 4)
    assert (parsed("--json").json, parsed("--json", "out.json").json) == ("-", "out.json")
    assert (parsed("-v").verbose, parsed("--verbose").verbose) == (True, True)
    assert parsed("--junit", "out.xml").junit == "out.xml", "a file in this folder"
    assert parsed("--resolve", "a:1:192.0.2.1", "--resolve", "b:2:::1").resolve == ["a:1:192.0.2.1", "b:2:::1"]


def test_it_says_which_release_of_the_guide_it_is_from(place):
    run = place.check(Replay(), "--version")
    assert (run.status, run.out) == (0, f"hubcheck {releases.rows()[0]['version']}\n")


def test_without_a_password_file_it_asks(monkeypatch):
    asked = []
    monkeypatch.setattr(hubcheck.getpass, "getpass", lambda words: asked.append(words) or "typed")
    assert parsed("--user", "alice").password == "typed"
    assert asked == ["Password of alice: "]


@pytest.mark.parametrize("key", [KeyboardInterrupt, EOFError])
def test_who_types_no_password_is_told_so_in_one_line(monkeypatch, capsys, key):
    monkeypatch.setattr(hubcheck.getpass, "getpass", mock.Mock(side_effect=key))
    with pytest.raises(SystemExit):
        parsed("--user", "alice")
    assert capsys.readouterr().err == "hubcheck: error: no password was given\n"


def test_a_terminal_without_all_letters_gets_those_that_it_has():
    line = f"{'x' * 50} ✓ ü {EXPIRED}"
    done = subprocess.run(
        [sys.executable, hubcheck.__file__, "--log", "-"], input=line.encode(), capture_output=True, env={"PYTHONIOENCODING": "latin-1"}
    )
    assert (done.returncode, done.stderr) == (1, b"")
    assert done.stdout.startswith(f"    {'x' * 50} ? ü {EXPIRED}\n".encode("latin-1"))


def test_a_secret_keeps_its_spaces_and_loses_the_end_of_its_line(place):
    kept = place.file("spaces.txt", " two  words \r\n")
    assert parsed("--user", "alice", "--password-file", kept).password == " two  words "


def test_a_secret_that_is_no_text_is_read_all_the_same(place):
    (place.folder / "latin.txt").write_bytes(b"\xe9t\xe9\n")
    assert parsed("--user", "alice", "--password-file", f"{place.folder}/latin.txt").password == "�t�"


# What it makes of an answer


def answered(status=200, text="", **headers):
    """An answer of a server."""
    made = requests.Response()
    made.status_code, made._content, made.encoding = status, text.encode(), "utf-8"
    made.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return made


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (answered(302, Location="/jupyter/hub/login?next=%2Fsecret"), "/jupyter/hub/login"),
        (answered(403, '{"message": "Action is not authorized"}'), "Action is not authorized"),
        (answered(403, '{"message": null}'), ""),
        (answered(400, '{"status": 400}'), '{"status": 400}'),
        (answered(400, '["message"]'), '["message"]'),
        (answered(502, "<html><h1>502 Bad\n Gateway</h1></html>"), "502 Bad Gateway"),
        (answered(200, "<style>a {}</style>A<script>\nlet b = 1\n</script><!-- no\n -->B<br/>C"), "A B C"),
        (answered(200, "x" * 300), "x" * 200),
    ],
)
def test_of_an_answer_it_shows_what_a_person_would_read(answer, words):
    assert hubcheck.excerpt(answer) == words


def test_all_policies_of_an_answer_count():
    policy = "Default-Src 'self'; frame-ancestors 'none';, sandbox allow-scripts;script-src 'self' 'unsafe-eval'"
    assert hubcheck.policies(answered(Content_Security_Policy=policy)) == [
        {"default-src": "'self'", "frame-ancestors": "'none'"},
        {"sandbox": "allow-scripts", "script-src": "'self' 'unsafe-eval'"},
    ]
    assert hubcheck.policies(answered()) == [{}]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('<p class="login_error">\nInvalid <b>username</b> or password</p><p>Other</p>', "Invalid username or password"),
        ('<p id="x" class="login_error text-danger">No</p>', "No"),
        ("<h1>500 : Internal Server Error</h1>", "500 : Internal Server Error"),
    ],
)
def test_of_a_refused_login_it_shows_the_hubs_words(text, words):
    assert hubcheck.login_error(answered(403, text)) == words


def opened(url=URL, **options):
    return hubcheck.Hub(url, argparse.Namespace(**({"user": "", "token": ""} | options)))


@pytest.mark.parametrize(
    ("given", "url", "host", "origin", "base"),
    [
        ("https://hub.example.com", "https://hub.example.com/", "hub.example.com", "https://hub.example.com", "/"),
        (URL, URL, "hub.example.com", "https://hub.example.com", "/jupyter/"),
        ("https://hub.example.com/jupyter?next=/a#b", URL, "hub.example.com", "https://hub.example.com", "/jupyter/"),
        ("http://hub.example.com:8443/a//", "http://hub.example.com:8443/a/", "hub.example.com", "http://hub.example.com:8443", "/a/"),
        ("https://[::1]:8443/a/", "https://[::1]:8443/a/", "[::1]", "https://[::1]:8443", "/a/"),
        ("HTTPS://Hub.Example.com/Jupyter/", "https://hub.example.com/Jupyter/", "hub.example.com", "https://hub.example.com", "/Jupyter/"),
        ("https://hub.example.com:443/jupyter/", URL, "hub.example.com", "https://hub.example.com", "/jupyter/"),
        ("http://[::AB]:80/a/", "http://[::ab]/a/", "[::ab]", "http://[::ab]", "/a/"),
        ("https://hub.example.com:80/a/", "https://hub.example.com:80/a/", "hub.example.com", "https://hub.example.com:80", "/a/"),
    ],
)
def test_an_address_is_taken_apart(given, url, host, origin, base):
    hub = opened(given)
    assert (hub.url, hub.host, hub.origin, hub.base) == (url, host, origin, base)


def test_a_users_server_has_the_name_in_its_path_as_it_is_quoted():
    assert opened(user="a/b@ü").server == "user/a%2Fb@%C3%BC/"


def connecting(monkeypatch, happens=lambda: None):
    """What a WebSocket is asked for, by a hub below a path that is called as a scheme is."""
    asked = {}

    def connect(address, **more):
        asked.update(address=address, **more)
        happens()

    monkeypatch.setattr(hubcheck.websocket, "create_connection", connect)
    return asked, opened("http://http.example.com/http/", timeout=7.5, ca_file=None, verbose=False)


def test_a_websocket_has_the_hubs_own_address(monkeypatch):
    asked, hub = connecting(monkeypatch)
    hub.socket("a")
    assert asked == {
        "address": "ws://http.example.com/http/a",
        "timeout": 7.5,
        "cookie": None,
        "origin": "http://http.example.com",
        "sslopt": {},
        "header": ["User-Agent: hubcheck"],
    }


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (websocket.WebSocketBadStatusException("refused", 403), "GET /http/a -> 403 on the WebSocket (from another program)"),
        (
            websocket.WebSocketBadStatusException("refused", 502, resp_body=b" <b>\xff</b>\n"),
            "GET /http/a -> 502 on the WebSocket: � (from another program)",
        ),
        (websocket.WebSocketTimeoutException("late"), "GET /http/a: the WebSocket does not open in 7.5 s"),
        (TimeoutError("late"), "GET /http/a: the WebSocket does not open in 7.5 s"),
    ],
)
def test_a_websocket_that_does_not_open_is_told(monkeypatch, error, words):
    def fails():
        raise error

    _, hub = connecting(monkeypatch, fails)
    with pytest.raises(hubcheck.Failed) as failed:
        hub.socket("a")
    assert str(failed.value) == words


def test_a_websocket_that_is_refused_is_told_with_who_refused_it(monkeypatch):
    def fails():
        raise websocket.WebSocketBadStatusException("refused", 403, resp_headers={"x-jupyterhub-version": "6.1.1"})

    _, hub = connecting(monkeypatch, fails)
    with pytest.raises(hubcheck.Failed) as failed:
        hub.socket("user/alice/api/kernels/1/channels")
    assert str(failed.value).endswith("-> 403 on the WebSocket (from the user's server)")


def test_the_xsrf_cookie_of_the_nearest_path_counts():
    hub = opened()
    assert hub.xsrf("hub/login") == ""
    for name, path, value in (
        ("_xsrf", "/jupyter/hub/", "of the hub"),
        ("_xsrf", "/jupyter/", "of the site"),
        ("_xsrf", "/jupyter/user/alice/", "of the server"),
        ("other", "/jupyter/hub/login", "none"),
    ):
        hub.session.cookies.set(name, value, path=path)
    assert [hub.xsrf(path) for path in ("hub/login", "user/alice/lab", "user/bob/")] == ["of the hub", "of the server", "of the site"]


# How it tells


RESULT = {"rung": "hub_answers", "ok": True, "seconds": 0.06, "evidence": ["one", "two"]}
SURE = {"certainty": "certain", "cause": "why", "decide": "", "page": "deploy/check"}
OPEN_CHOICE = {"certainty": "one of these", "cause": "(1) this (2) that", "decide": "look", "page": "deploy/check"}
NOT_KNOWN = {"certainty": "not known", "cause": "", "decide": "", "page": "troubleshooting/a"}
FAULT = {"rung": "login_works", "ok": False, "seconds": 2.34, "evidence": [], "said": "seen"} | SURE


@pytest.mark.parametrize(
    ("result", "guide", "lines"),
    [
        (RESULT, "", ["✓ hub_answers (0.1 s)", "    one", "    two"]),
        (FAULT, "", ["✗ login_works (2.3 s)", "    seen", "  Cause: why", "  Read: deploy/check"]),
        (
            FAULT | OPEN_CHOICE,
            "https://x/",
            [
                "✗ login_works (2.3 s)",
                "    seen",
                "  One of these: (1) this (2) that",
                "  To decide: look",
                "  Read: https://x/deploy/check.html",
            ],
        ),
        (
            FAULT | NOT_KNOWN,
            "https://x/",
            ["✗ login_works (2.3 s)", "    seen", "  The cause is not known.", "  Read: https://x/troubleshooting/a/index.html"],
        ),
    ],
)
def test_a_rung_is_told_in_lines(capsys, result, guide, lines):
    hubcheck.show(result, guide)
    assert capsys.readouterr().out.splitlines() == lines


@pytest.mark.parametrize(
    ("result", "guide", "line"),
    [
        (RESULT, "", ""),
        (FAULT, "", "login_works fails: seen Cause: why Read: deploy/check\n"),
        (
            FAULT | OPEN_CHOICE | {"said": "two\nlines"},
            "https://x/",
            "login_works fails: two lines One of these: (1) this (2) that To decide: look Read: https://x/deploy/check.html\n",
        ),
        (FAULT | NOT_KNOWN, "", "login_works fails: seen The cause is not known. Read: troubleshooting/a\n"),
    ],
)
def test_for_a_timer_a_rung_that_holds_is_no_line_and_one_that_fails_is_one(capsys, result, guide, line):
    hubcheck.warn(result, guide)
    assert capsys.readouterr().out == line


OBEYED = "a\n b \x1b]0;title\x07\x9b2J \u202e"


def test_a_terminal_obeys_nothing_of_what_a_server_has_said(place, capsys):
    hubcheck.show(RESULT | {"evidence": [OBEYED]})
    hubcheck.show(FAULT | {"said": OBEYED})
    hubcheck.warn(FAULT | {"said": OBEYED})
    said = capsys.readouterr().out
    assert said.count("a b �]0;title��2J �") == 3
    assert all(letter.isprintable() or letter == "\n" for letter in said)
    page = pages(200, "OK", f"{OBEYED}\U000e0001ü").with_header("Content-Type", "text/html; charset=utf-8")
    run = place.check(Replay(everything=page), "http://127.0.0.1/a/", "--json")
    assert all(letter.isprintable() or letter == "\n" for letter in run.out)
    assert "\x9b2J \u202e\U000e0001ü" in json.loads(run.out)["rungs"][0]["said"], "JSON has it all the same"


def test_results_are_written_as_ci_reads_them():
    results = [RESULT, FAULT | {"said": "a bell: \x07, a letter: ü"}]
    written = hubcheck.junit(URL, results)
    assert written.startswith(b"<?xml version='1.0' encoding='utf-8'?>\n<testsuite ")
    suite = ElementTree.fromstring(written)
    assert suite.attrib == {"name": f"hubcheck {URL}", "tests": "2", "failures": "1", "time": "2.40"}
    first, second = suite
    assert first.tag == second.tag == "testcase"
    assert first.attrib == {"classname": "hubcheck", "name": "hub_answers", "time": "0.06"}
    assert second.attrib == {"classname": "hubcheck", "name": "login_works", "time": "2.34"}
    assert [(part.tag, part.attrib, part.text) for part in first] == [("system-out", {}, "one\ntwo")]
    assert [(part.tag, part.attrib, part.text) for part in second] == [
        ("failure", {"message": "a bell: �, a letter: ü"}, "Cause: why\nRead: deploy/check"),
        ("system-out", {}, None),
    ]


def test_ci_is_told_how_many_rungs_fail():
    suite = ElementTree.fromstring(hubcheck.junit(URL, [RESULT, RESULT, FAULT]))
    assert (suite.get("tests"), suite.get("failures")) == ("3", "1")


def test_without_the_guides_address_its_pages_are_named(capsys):
    hubcheck.show(FAULT)
    hubcheck.warn(FAULT)
    assert re.findall(r"Read: (\S+)", capsys.readouterr().out) == ["deploy/check"] * 2


def test_xml_holds_what_it_can_hold():
    assert hubcheck.printable("a\tb\nc\0d\x1be\ufffef\U0001f642") == "a\tb\nc�d�e�f\U0001f642"


def failed(error, **more):
    """An error of requests that holds another one."""
    made = requests.ConnectionError(SimpleNamespace(reason=error) if more.pop("wrapped", True) else error)
    return made


class Broken(Exception):
    """An error with a name of a library's object in it."""

    reason = None


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (hubcheck.Failed("as it is"), "as it is"),
        (requests.ConnectionError(Broken("<urllib3.X object at 0x7f00ab>: Failed  to\nconnect")), "Failed to connect"),
        (requests.ConnectionError(SimpleNamespace(reason=OSError("below"))), "below"),
        (requests.ConnectionError(OSError("as a name")), "as a name"),
        (requests.ConnectionError(), ""),
        (requests.ReadTimeout(request=SimpleNamespace(url="https://x/a?b=c")), "no answer from https://x/a in time: ReadTimeout"),
        (requests.ConnectTimeout(), "no answer from the server in time: ConnectTimeout"),
        (requests.TooManyRedirects("Exceeded 30 redirects."), "Exceeded 30 redirects. TooManyRedirects"),
        (
            requests.ConnectionError("Remote end closed connection without response", request=requests.Request("PUT", "https://x/a?b=c")),
            "PUT /a: Remote end closed connection without response",
        ),
        (
            requests.ConnectionError("EOF occurred in violation of protocol", request=requests.Request("PUT", "https://x/a")),
            "PUT /a: the connection was closed in the middle of the upload",
        ),
        (
            requests.ConnectionError("EOF occurred in violation of protocol", request=requests.Request("GET", "https://x/a")),
            "EOF occurred in violation of protocol",
        ),
        (requests.ConnectionError("refused", request=requests.Request("PUT", "https://x/a")), "refused"),
    ],
)
def test_an_error_is_told_in_one_line_without_names_of_objects(failure, words):
    assert hubcheck.words(failure) == words


def test_a_certificate_that_is_refused_is_told_in_openssls_words():
    error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] (_ssl.c:1)")
    error.verify_message = "certificate has expired"
    assert (
        hubcheck.words(requests.exceptions.SSLError(SimpleNamespace(reason=error))) == "certificate verify failed: certificate has expired"
    )
    assert hubcheck.words(error) == "certificate verify failed: certificate has expired"


STRICT = "troubleshooting/certificate-is-not-trusted#only-new-pythons-refuse-it"
NOT_TRUSTED = "troubleshooting/certificate-is-not-trusted"


@pytest.mark.parametrize(
    ("said", "page"),
    [
        ("CA cert does not include key usage extension", STRICT),
        ("Missing Authority Key Identifier", STRICT),
        ("Missing Subject Key Identifier", STRICT),
        ("Authority Key Identifier marked critical", STRICT),
        ("Basic Constraints of CA cert not marked critical", STRICT),
        ("Path length given without key usage keyCertSign", STRICT),
        ("Path length invalid for non-CA cert", STRICT),
        ("Key usage keyCertSign invalid for non-CA cert", STRICT),
        ("Issuer name empty", STRICT),
        ("Subject name empty", STRICT),
        ("Empty Subject Alternative Name extension", STRICT),
        ("Subject empty and Subject Alt Name extension not critical", STRICT),
        ("Using cert extension requires at least X509v3", STRICT),
        ("Certificate public key has explicit ECC parameters", STRICT),
        ("cert info signature and signature algorithm mismatch", STRICT),
        ("self-signed certificate", NOT_TRUSTED),
        ("self-signed certificate in certificate chain", NOT_TRUSTED),
        ("unable to get local issuer certificate", NOT_TRUSTED),
        # Older Pythons say it too.
        ("invalid CA certificate", NOT_TRUSTED),
        ("unhandled critical extension", NOT_TRUSTED),
    ],
)
def test_what_new_pythons_alone_refuse_is_told_apart_from_a_certificate_that_nobody_has_signed(said, page):
    told = hubcheck.verdict(f"certificate verify failed: {said}")
    assert told["page"] == page
    assert (told["certainty"], "Python 3.13" in told["cause"]) == (("certain", True) if page == STRICT else ("one of these", False))


NO_USE, NO_IDENTIFIER = "CA cert does not include key usage extension", "Missing Authority Key Identifier"


def departing(name, lacking):
    """A certificate and its key, in PEM, for a name, and its authority: one of the two lacks what the standard asks for."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    now = datetime.datetime.now(datetime.UTC)
    authority, own = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))

    def issued(called, key, *extensions):
        names = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, one)]) for one in (called, "an authority")]
        made = x509.CertificateBuilder().subject_name(names[0]).issuer_name(names[1]).public_key(key.public_key())
        made = made.serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
        made = made.not_valid_after(now + datetime.timedelta(days=90))
        for extension in extensions:
            made = made.add_extension(extension, isinstance(extension, (x509.BasicConstraints, x509.KeyUsage)))
        return made.sign(authority, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    use = [x509.KeyUsage(False, False, False, False, False, True, True, False, False)] if lacking != NO_USE else []
    known = [x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())] if lacking != NO_IDENTIFIER else []
    identifier = x509.SubjectKeyIdentifier.from_public_key(authority.public_key())
    signs = issued("an authority", authority, x509.BasicConstraints(True, None), identifier, *use)
    leaf = issued(name, own, x509.SubjectAlternativeName([x509.DNSName(name)]), *known)
    key = own.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return leaf + key, signs


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("lacking", [NO_USE, NO_IDENTIFIER])
def test_a_certificate_that_departs_from_the_standard_is_refused_by_new_pythons_alone(place, monkeypatch, lacking, strict):
    own, signs = departing("hub.example.com", lacking)
    (place.folder / "hub.pem").write_bytes(own)
    serves = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serves.load_cert_chain(place.folder / "hub.pem")
    monkeypatch.setattr(Place, "context", lambda self: serves)
    made = ssl.create_default_context

    def context(*given, **more):
        """As Python 3.13 makes it, or one before it."""
        one = made(*given, **more)
        one.verify_flags = one.verify_flags | ssl.VERIFY_X509_STRICT if strict else one.verify_flags & ~ssl.VERIFY_X509_STRICT
        return one

    monkeypatch.setattr(ssl, "create_default_context", context)
    run = place.check(Replay(), URL, "--ca-file", place.file("authority.pem", signs.decode()))
    assert (f"certificate verify failed: {lacking}" in run.last["said"]) == strict
    assert (run.last["page"] == STRICT) == strict


# The faults of troubleshooting/


def pages(status, reason, body="", **headers):
    """An answer with a page."""
    return Answer(status, reason, (*HTML, *((name.replace("_", "-"), value) for name, value in headers.items())), body.encode())


def json_of(text, status=200, reason="OK", **headers):
    more = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Answer(status, reason, (("Content-Type", "application/json"), *more), text.encode())


API = json_of('{"version": "6.1.1"}', X_JupyterHub_Version="6.1.1")


def jupyters(status, reason, body=""):
    """A page of the hub or of a user's server, as the path says."""
    return pages(status, reason, body, X_JupyterHub_Version="6.1.1")


def nginx(status, reason):
    """A page of nginx's own."""
    title = f"{status} {reason}"
    text = f"<html>\n<head><title>{title}</title></head>\n<body>\n<center><h1>{title}</h1></center>\n<hr><center>nginx</center>\n"
    return pages(status, reason, text, Server="nginx")


def apache(status, reason):
    """A page of Apache's own."""
    head = '<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">'
    return pages(
        status, reason, f"{head}\n<html><head>\n<title>{status} {reason}</title>\n</head><body>\n<h1>{reason}</h1>\n", Server="Apache"
    )


def told(status, message):
    """What Jupyter's API says to a request that it does not grant."""
    reason = {400: "Bad Request", 500: "Internal Server Error"}[status]
    return json_of(json.dumps({"message": message, "reason": None}), status, reason)


def everywhere(answer):
    def made(place, replay):
        replay.everything = answer

    return made


def at(method, part, answer):
    def made(place, replay):
        replay.change(method, part, answer)

    return made


PAST, FUTURE = datetime.datetime(2000, 1, 1), datetime.datetime(2090, 1, 1)


def moved(address, status=301):
    """nginx's own redirect."""
    return nginx(status, "Moved Permanently").with_header("Location", address)


def certified(**changes):
    """Another certificate, or a machine that does not know who has signed it."""

    def made(place, replay):
        for name, value in changes.items():
            setattr(place, name, value)

    return made


def refused(server):
    """Nobody listens on port 443, and another answers on port 80."""

    def made(place, replay):
        place.ports = {80: "http"}
        replay.everything = pages(200, "OK", "<h1>It works!</h1>", Server=server)

    return made


def unstarted(message):
    """No kernel starts; a notebook's own request gets the reason."""

    def made(place, replay):
        replay.change("POST", "/api/kernels", told(500, "Unhandled error"))
        replay.answers["POST", f"{URL}user/alice/api/sessions"] = [told(500, message)]

    return made


def open_port(place, replay):
    """The hub's own port answers to everybody."""
    place.ports[800] = "http"
    replay.answers["GET", "http://hub.example.com:800/jupyter/hub/api"] = [API]


def insecure(answer):
    return Answer(answer.status, answer.reason, tuple((name, value.replace("; Secure", "")) for name, value in answer.headers), answer.body)


def starting(*events):
    """The event stream of a server that starts; each event comes after some seconds of waiting: (seconds, event)."""

    def made(place, replay):
        def after(seconds):
            def passes():
                time.sleep(0.03)  # until what came before has been read
                replay.clock.gone += seconds

            return passes if seconds else lambda: None

        pieces = tuple((after(seconds), f"data: {event}\n\n".encode()) for seconds, event in events)
        replay.change("GET", "/server/progress", Answer(200, "OK", (("Content-Type", "text/event-stream"),), pieces=pieces))

    return made


LATE = "Spawn failed: Server at http://127.0.0.1:41209/jupyter/user/alice/api didn't respond in 30 seconds"
GAVE_UP = starting((0, '{"message": "Server requested"}'), (0, json.dumps({"failed": True, "message": LATE})))
NO_REASON = starting((0, '{"message": "Server requested"}'), (0, '{"failed": true, "message": "Spawn failed: "}'))
ONLY_PYTHON = Answer(
    headers=(("Content-Type", "application/json"),),
    body=b'{"default": "python3", "kernelspecs": {"python3": {"name": "python3", "spec": {"display_name": "Python 3 (ipykernel)"}}}}',
)
APACHE_404 = "<title>404 Not Found</title> <h1>Not Found</h1><p>The requested URL was not found on this server.</p>"
HUB_404 = (
    '<title>JupyterHub</title> <p>Logout</p> <div class="error"> <h1>404 : Not Found</h1> '
    "<p>Jupyter has lots of moons, but this is not one...</p> </div> <p>OK</p>"
)
PROXY_404 = "<h1>404: Not Found</h1> <p>No service is registered at this URL</p> <i>configurable-http-proxy</i>"
UNREACHED = nginx(503, "Service Temporarily Unavailable")
NO_FILE = pages(404, "File not found", "<h1>Error response</h1><p>Error code: 404</p><p>Message: File not found.</p>", Server="nginx")
WRONG_PASSWORD = jupyters(403, "Forbidden", '<p class="login_error">Invalid username or password</p>')
LOOP = pages(
    500,
    "Internal Server Error",
    '<title>JupyterHub</title><div class="error"><h1>500 : Redirect loop detected.</h1><p>Redirect loop detected.</p></div>',
)
UNSTARTED = jupyters(500, "Internal Server Error", "<h1>500</h1><p>Unhandled error starting server alice</p><p>more</p>")
CHANNELS = "/channels"


def framed(policy):
    return lambda answer: answer.with_header("Content-Security-Policy", policy)


def at_home(answer):
    return answer.with_header("Content-Security-Policy", f"{answer.header('Content-Security-Policy')}, default-src 'self'")


def new_cookies(place, replay):
    """Each page of the login comes with another cookie."""
    (key,) = replay.found("GET", "/hub/login")
    first = replay.answers[key][0]
    replay.answers[key] = [first.with_header("Set-Cookie", f"_xsrf=another-{turn}; Path=/jupyter/hub/; Secure") for turn in range(4)]


def channel(replay):
    """The frames of the kernel's WebSocket, and where among them each request begins."""
    ((kept,),) = [queue for url, queue in replay.sockets.items() if url.endswith(CHANNELS)]
    return kept, [number for number, (what, _) in enumerate(kept["frames"]) if what == "sent"]


def closed_when_idle(place, replay):
    """The kernel's WebSocket is closed after the first answer."""
    kept, sent = channel(replay)
    kept["frames"] = [*kept["frames"][: sent[1]], ["closed", ""]]


def ended(state):
    """The kernel ends while it computes: the user's server says so, in answer to nobody."""

    def made(place, replay):
        kept, (asked, *_) = channel(replay)
        status = {"parent_header": {}, "msg_type": "status", "content": {"execution_state": state}}
        kept["frames"] = [*kept["frames"][: asked + 1], ["received", json.dumps(status)]]

    return made


def cut_off(place, replay):
    """The connection ends in the middle of an upload."""
    replay.cut = "/large.bin"


def says_to_jigsaw(text):
    """What the kernel prints for %jigsaw, before it is idle again; nothing for ever, if it is empty."""

    def made(place, replay):
        kept, (_, asked, *_) = channel(replay)
        about = {"parent_header": {"msg_id": json.loads(kept["frames"][asked][1])["header"]["msg_id"]}}
        stream = about | {"msg_type": "stream", "content": {"name": "stdout", "text": text}}
        idle = about | {"msg_type": "status", "content": {"execution_state": "idle"}}
        said = [["received", json.dumps(message)] for message in (stream, idle) if text]
        kept["frames"] = [*kept["frames"][: asked + 1], *said]

    return made


PROVIDER = "https://login.example.org/authorize"
AT_PROVIDER = "https://login.example.com/auth"
NO_SUCH_ADDRESS = "<h1>oops! something went wrong</h1><p>redirect_uri did not match any of the client&#39;s registered redirect_uris</p>"


def button(answer):
    """JupyterHub's page for a login at a provider."""
    return dataclasses.replace(
        answer, body=b'<div class="service-login"><a role="button" href="/jupyter/hub/oauth_login?a=b&amp;next=">Sign in</a></div>'
    )


def by_a_button(answer, back=f"{URL}hub/oauth_callback", provider=AT_PROVIDER, called="login.example.com"):
    """A button leads to a provider, which is asked to send users back to an address, and gives an answer."""

    def made(place, replay):
        asked = f"{provider}?client_id=jupyterhub&redirect_uri={quote(back, safe='')}&state=secret"
        replay.change("GET", "/hub/login", button)
        replay.answers["GET", f"{URL}hub/oauth_login?a=b&next="] = [jupyters(302, "Found").with_header("Location", asked)]
        replay.answers["GET", asked] = [answer]
        place.names["login.example.com"], place.called = ADDRESS, (*place.called, called)

    return made


# By the name of the entry below troubleshooting/: how the answers are other than recorded, and hubcheck's options.
FAULTS = {
    "address-already-in-use": (everywhere(NO_FILE), []),
    "bad-gateway-or-service-unavailable": (everywhere(UNREACHED), []),
    "bad-request-for-a-percent-sign": (at("PUT", "/a%20b%25c%23d%2Be%27f%20%C3%BC%E6%BC%A2.txt", told(400, "Bad Request")), []),
    "blank-jigsaw-iframe": (at("GET", "/page.html", framed("frame-ancestors 'none'; sandbox allow-scripts")), []),
    "blockly-does-not-load": (at("GET", "/blockly.min.js", jupyters(404, "Not Found", "<h1>404 : Not Found</h1>")), []),
    "can-upgrade-only-to-websocket": (at("GET", CHANNELS, pages(400, "Bad Request", 'Can "Upgrade" only to "WebSocket".')), []),
    "certificate-for-another-name": (certified(called=("other.example.com",)), []),
    "certificate-has-expired": (certified(certified={"not_before": PAST, "not_after": PAST.replace(year=2001)}), []),
    "certificate-is-not-trusted": (certified(known=False), []),
    "certificate-is-not-yet-valid": (certified(certified={"not_before": FUTURE, "not_after": FUTURE.replace(year=2091)}), []),
    "configurable-http-proxy-not-found": (everywhere(UNREACHED), []),
    "connect-emfile": (everywhere(Answer(503, "Service Unavailable", (), b"Service Unavailable")), []),
    "connection-must-be-upgrade": (at("GET", CHANNELS, pages(400, "Bad Request", '"Connection" must be "Upgrade".')), []),
    "cookies-without-secure": (at("POST", "/hub/login", insecure), []),
    "cross-origin-websockets-not-allowed": (at("GET", CHANNELS, pages(403, "Forbidden", "Cross origin websockets not allowed")), []),
    "debians-page-instead-of-the-hub": (at("GET", "http://hub.example.com/jupyter/", pages(404, "Not Found", APACHE_404)), []),
    "err-too-many-redirects": (at("GET", "https://hub.example.com/jupyter/hub/api", moved(f"{URL}hub/api")), []),
    "error-starting-kernel": (unstarted("[Errno 13] Permission denied: '/root/mine/bin/python'"), []),
    "exception-occurred-in-preexec-fn": (at("GET", "/hub/spawn", UNSTARTED), []),
    "failed-at-step-chdir": (GAVE_UP, []),
    "failed-to-start-proxy": (everywhere(UNREACHED), []),
    "file-name-too-long": (unstarted("File name too long (addr='ipc:///srv/homes')"), []),
    "forbidden-for-everybody": (everywhere(nginx(403, "Forbidden")), []),
    "getpwnam-name-not-found": (at("POST", "/hub/login", jupyters(500, "Internal Server Error", "<h1>Internal Server Error</h1>")), []),
    "internal-server-error-after-the-provider": (by_a_button(pages(200, "OK"), called="other.example.com"), []),
    "internal-server-error-from-apache": (everywhere(apache(500, "Internal Server Error")), []),
    "invalid-command-requestheader": (refused("Apache"), []),
    "invalid-response-403-forbidden": (at("PUT", "/api/contents/hubcheck-00000000", nginx(403, "Forbidden")), []),
    "invalid-username-or-password": (at("POST", "/hub/login", WRONG_PASSWORD), []),
    "jigsaw-urlopen-error": (says_to_jigsaw("<urlopen error [Errno -2] Name or service not known>"), []),
    "jupyterlab-stays-blank": (at("GET", "/user/alice/lab", at_home), []),
    "kernel-appears-to-have-died": (ended("restarting"), []),
    "kernel-not-in-the-launcher": (at("GET", "/api/kernelspecs", ONLY_PYTHON), []),
    "kernel-restarts-for-ever": (at("GET", CHANNELS, Answer(silent=True)), ["--timeout", "0.8"]),
    "kernel-that-only-root-sees": (at("GET", "/api/kernelspecs", ONLY_PYTHON), []),
    "no-home-directory": (GAVE_UP, []),
    "no-space-left-on-device": (GAVE_UP, []),
    "no-such-file-jupyterhub-singleuser": (NO_REASON, []),
    "not-found-for-an-encoded-slash": (
        at("GET", "%2Fa%20b%25c%23d%2Be%27f%20%C3%BC%E6%BC%A2.txt", pages(404, "Not Found", APACHE_404)),
        [],
    ),
    "not-found-under-the-base-url": (everywhere(pages(404, "Not Found", HUB_404)), []),
    "not-found-without-the-last-slash": (at("GET", "https://hub.example.com/jupyter", pages(404, "Not Found", APACHE_404)), []),
    "oauth-state-missing-from-cookies": (by_a_button(pages(200, "OK"), "https://www.hub.example.com/jupyter/hub/oauth_callback"), []),
    "password-has-expired": (at("POST", "/hub/login", WRONG_PASSWORD), []),
    "port-8000-is-open": (open_port, []),
    "progress-stays-at-zero": (starting((6, "{}"), (0, "{}"), (0, '{"ready": true}')), []),
    "proxy-of-an-earlier-hub": (everywhere(pages(404, "Not Found", PROXY_404)), []),
    "redirect-uri-did-not-match": (by_a_button(pages(400, "Bad Request", NO_SUCH_ADDRESS)), []),
    "redirected-you-too-many-times": (at("GET", "/user/alice/", LOOP), []),
    "request-entity-too-large": (at("PUT", "/large.bin", nginx(413, "Request Entity Too Large")), []),
    "scripts-are-not-found": (at("GET", "/static/lab/main.", nginx(404, "Not Found")), []),
    "server-did-not-respond-in-time": (GAVE_UP, []),
    "unknown-assignment": (NO_REASON, []),
    "unknown-directive-ssl": (refused("nginx"), []),
    "unsafe-url-with-3f": (at("GET", "/api/hubcheck%20%3F", apache(403, "Forbidden")), []),
    "upload-breaks-off": (cut_off, ["--megabytes", "20"]),
    "upstream-sent-too-big-header": (at("GET", "/hub/user-redirect/", UNREACHED), []),
    "websocket-closes-when-idle": (closed_when_idle, ["--idle", "6"]),
    "websockets-of-some-paths-only": (
        at("GET", "/api/events/subscribe", pages(400, "Bad Request", 'Can "Upgrade" only to "WebSocket".')),
        [],
    ),
    "xsrf-cookie-does-not-match": (new_cookies, []),
}
# Who logs in, if not alice.
NAMES = {"getpwnam-name-not-found": "Mallory"}
# Of which the check is run on the server itself: from another machine, it names other causes too.
HERE = ("can-upgrade-only-to-websocket", "connection-must-be-upgrade")


# What is no hub


# (address, what everything there answers, words of the failure, words of the cause)
NO_HUB = [
    (
        "http://127.0.0.1/html/",
        pages(200, "OK", "<h1>Welcome</h1>"),
        "but not JSON: Welcome (from another program)",
        "One of these: (1) Another program listens",
    ),
    (
        "http://127.0.0.1/form/",
        pages(200, "OK", "<form method='post'><input name='user'><input type='password'></form><p>Log in</p>", Server="Apache"),
        "but not JSON: Log in (from Apache or a program behind it)",
        "(2) Another site, or a login in front of the hub, answers at this address.",
    ),
    (
        "http://127.0.0.1/json/",
        json_of('["not", "a hub"]'),
        '-> 200, but no JupyterHub: ["not", "a hub"]',
        "One of these: (1) Another program listens",
    ),
    (
        "http://127.0.0.1/long/",
        json_of(f'["{"x" * 300}"]'),
        f'but no JupyterHub: ["{"x" * 198}',
        "One of these: (1) Another program listens",
    ),
    ("http://127.0.0.1/empty/", Answer(), "-> 200, but no JupyterHub: null", "One of these: (1) Another program listens"),
    (
        "http://127.0.0.1/error/",
        nginx(502, "Bad Gateway"),
        "GET /error/hub/api -> 502 Bad Gateway: 502 Bad Gateway 502 Bad Gateway nginx (from nginx)",
        "One of these: (1) The hub does not run. (2) The hub listens on another port",
    ),
    (
        "http://127.0.0.1/quiet/",
        Answer(403, "Forbidden"),
        "GET /quiet/hub/api -> 403 Forbidden (from another program)",
        "One of these: (1) Another program listens",
    ),
    (
        "http://127.0.0.1/",
        pages(404, "Not Found", "<hr>nginx"),
        "-> 404 Not Found: nginx (from another program); the address has no path",
        "One of these: (1) Users see the hub below a path",
    ),
    (
        "http://127.0.0.1/a/",
        Answer(301, "Moved Permanently", (("Location", "https://127.0.0.1/a/hub/api"),)),
        "GET /a/hub/api -> 301 Moved Permanently: https://127.0.0.1/a/hub/api (from another program); "
        "the address was http://127.0.0.1/a/, it begins with http://",
        "The address given begins with http://, and the site wants https://.",
    ),
    (
        "https://127.0.0.1/a/",
        pages(400, "Bad Request", "The plain HTTP request was sent to HTTPS port"),
        "-> 400 Bad Request: The plain HTTP request was sent",
        "begins with http://",
    ),
    ("http://127.0.0.1:9001/", None, "Connection refused", "One of these: (1) The port is another one."),
    ("https://127.0.0.1:9001/", None, "127.0.0.1:9001: [Errno 111] Connection refused", "One of these: (1) The port is another one."),
    ("http://127.0.0.1/garbage/", Answer(raw=b"\x16\x03\x01\x02no HTTP\r\n\xff\x00" * 50), "BadStatusLine", "The cause is not known."),
    (
        "http://127.0.0.1/silent/",
        Answer(silent=True),
        "no answer from http://127.0.0.1/silent/hub/api in time: ReadTimeout",
        "The cause is not known.",
    ),
    ("https://127.0.0.1:80/tls/", Answer(), "SSL", "One of these: (1) Another program than the reverse proxy"),
    (
        "https://no-such-name.invalid/",
        None,
        "no-such-name.invalid:443: [Errno -2] Name or service not known",
        "The host name does not resolve",
    ),
]


@pytest.mark.parametrize(("url", "answer", "words", "cause"), NO_HUB)
def test_what_is_no_hub_fails_the_first_rung_with_one_clear_line(place, url, answer, words, cause):
    place.certified = {}
    run = place.check(Replay(everything=answer), url, "--timeout", "0.6", "--spawn-timeout", "5", "--ca-file", place.trusted)
    assert (run.status, run.err) == (1, "")
    first, *told = run.out.splitlines()
    assert re.fullmatch(r"✗ hub_answers \(\d+\.\d s\)", first)
    said, *rest = told[len(run.last["evidence"]) :]
    assert words in said
    assert "0x" not in said
    assert cause in rest[0]
    assert len(rest) == (3 if run.last["decide"] else 2)
    assert run.last["said"] == said.strip()


def test_a_port_where_nobody_answers_is_not_waited_for_long(place):
    place.ports = {443: "mute"}
    began = time.monotonic()
    run = place.check(Replay(), URL, "--timeout", "0.3", "--spawn-timeout", "1", "--ca-file", place.trusted)
    assert "timed out" in run.last["said"]
    assert time.monotonic() - began < 10


def test_an_answer_that_comes_byte_by_byte_has_an_end(place):
    def drip():
        time.sleep(0.05)

    endless = Answer(200, "OK", HTML, pieces=tuple((drip, b"x") for _ in range(200)))
    run = place.check(Replay(everything=endless), "http://127.0.0.1/", "--timeout", "0.3", "--spawn-timeout", "0.05")
    assert run.last["said"] == "no end after 1 s"


def test_the_limit_of_a_rung_is_the_sum_of_all_it_may_wait_for(monkeypatch):
    set_to = []
    monkeypatch.setattr(hubcheck.signal, "setitimer", lambda which, seconds: set_to.append((which, seconds)))
    monkeypatch.setattr(hubcheck.signal, "signal", lambda which, handler: set_to.append((which, handler)))
    hub = opened(timeout=1, spawn_timeout=10, idle=100)
    assert list(hubcheck.limited(lambda hub: iter(["one", "two"]), hub)) == ["one", "two"]
    (which, handler), *timers = set_to
    assert (which, timers) == (signal.SIGALRM, [(signal.ITIMER_REAL, 223), (signal.ITIMER_REAL, 0)])
    with pytest.raises(hubcheck.TooLong, match=r"^no end after 223 s$"):
        handler(which, None)


def test_where_there_is_no_alarm_rungs_have_no_limit(monkeypatch):
    """As on Windows."""
    monkeypatch.delattr(hubcheck.signal, "SIGALRM")
    monkeypatch.delattr(hubcheck.signal, "setitimer")
    assert list(hubcheck.limited(lambda hub: iter(["one"]), opened(timeout=1, spawn_timeout=1, idle=0))) == ["one"]


@pytest.mark.parametrize("ports", [{80: "http"}, {80: "http", 443: "https"}])
def test_the_token_is_for_the_address_that_was_given_alone(place, ports):
    place.ports = ports
    replay = Replay(everything=pages(404, "Not Found", Server="nginx"))
    run = place.check(replay, URL, "--token-file", f"{place.folder}/token.txt", "--ca-file", place.trusted)
    holders = [request["url"] for request in replay.seen if request["headers"]["Authorization"]]
    assert holders == ([f"{URL}hub/api"] if 443 in ports else [])
    assert {request["method"] for request in replay.seen} == {"GET"}
    assert len(replay.seen) > 1
    assert run.status == 1


def test_what_is_only_looked_for_is_not_waited_for_long(place):
    waits = {url: seconds for _, url, seconds in place.check(Replay(), URL, "--ca-file", place.trusted).waits}
    assert waits.pop(f"{URL}hub/api") == 20
    assert {*waits.values()} == {3}
    place.ports = {80: "http"}
    assert {seconds for *_, seconds in place.check(Replay(), URL, "--ca-file", place.trusted).waits} == {3}
    run = place.check(redirecting(), URL, "--ca-file", place.trusted, "--timeout", "7", "--until", "hub_answers")
    assert {seconds for _, url, seconds in run.waits if re.search(":800|http://hub.example.com/hub|/$", url)} == {3}


# Where a hub answers instead


def there(*addresses):
    """A replay in which hubs answer at these addresses alone."""
    return Replay({("GET", f"{address}hub/api"): [API] for address in addresses})


NEARBY = [
    ("http://hub.example.com/jupyter/", "https://hub.example.com/jupyter/", {}),
    ("http://hub.example.com/", "https://hub.example.com/jupyter/", {}),
    ("https://hub.example.com/", "https://hub.example.com/jupyter/", {}),
    ("https://hub.example.com/jupyter/hub/login?next=%2F", "https://hub.example.com/jupyter/", {}),
    ("https://hub.example.com/a/user/alice/lab/tree/first.ipynb", "https://hub.example.com/a/", {}),
    ("https://hub.example.com:8443/jupyter/", "https://hub.example.com/jupyter/", {8443: "https"}),
    ("http://127.0.0.1/", "http://127.0.0.1/jupyter/", {}),
    ("https://hub.example.com/old/", "https://hub.example.com/new/", {("GET", "https://hub.example.com/old/"): "/new/hub/login?a=b"}),
    ("https://hub.example.com/x/", "http://hub.example.com/x/", {}),
]


@pytest.mark.parametrize(("given", "right", "more"), NEARBY)
def test_an_address_that_is_not_the_hubs_is_told_with_the_one_that_is(place, given, right, more):
    replay = there(right)
    for key, value in more.items():
        if isinstance(key, int):
            place.ports[key] = value
        else:
            replay.answers[key] = [Answer(302, "Found", (("Location", value),))]
            replay.answers["GET", f"https://hub.example.com{value}"] = [pages(200, "OK", "a page")]
    run = place.check(replay, given, "--ca-file", place.trusted)
    told = given.partition("?")[0].rstrip("/") + "/"
    path = told.partition("//")[2].partition("/")[2]
    assert run.last["said"] == f"GET /{path}hub/api -> 404 Not Found; JupyterHub answers at {right}, not at {told}"
    http = right.startswith("http:") and told.startswith("https:")
    assert run.last["page"] == ("deploy/reverse-proxy" if http else "deploy/check")
    assert (
        run.last["cause"]
        .removeprefix("(1) ")
        .startswith("The hub's site is for plain HTTP alone" if http else "The address given is not the hub's")
    )
    asked = [request["url"] for request in replay.seen]
    assert len(asked) == len(set(asked)) + asked.count(told) - (told in asked), "each address is tried once"


def test_an_address_that_leads_on_to_a_hub_is_not_taken_for_one(place):
    """The hub's API is looked for where it would be, and not where somebody else sends on to it."""
    replay = there("https://hub.example.com/z/")
    for address in ("https://hub.example.com/jupyter/", "http://hub.example.com/x/"):
        replay.answers["GET", f"{address}hub/api"] = [Answer(302, "Found", (("Location", "https://hub.example.com/z/hub/api"),))]
    run = place.check(replay, "https://hub.example.com/x/", "--ca-file", place.trusted)
    assert run.last["said"] == "GET /x/hub/api -> 404 Not Found: nothing recorded (from another program)"


def test_who_is_refused_on_the_port_hears_of_a_hub_on_another(place):
    place.ports = {80: "http"}
    run = place.check(there("http://hub.example.com/jupyter/"), URL, "--ca-file", place.trusted)
    assert run.last["said"] == (
        "hub.example.com:443: [Errno 111] Connection refused; "
        "JupyterHub answers at http://hub.example.com/jupyter/, not at https://hub.example.com/jupyter/"
    )


@pytest.mark.parametrize("server", ["nginx/1.22.1", "Apache", "lighttpd", ""])
@pytest.mark.parametrize("port", ["", ":443", ":8443"])
def test_a_server_that_answers_on_port_80_alone_is_named(place, server, port):
    place.ports = {80: "http"}
    everything = pages(200, "OK", "It works!").with_header("Server", server)
    run = place.check(Replay(everything=everything), f"https://hub.example.com{port}/jupyter/", "--ca-file", place.trusted)
    named = re.match("nginx|Apache", server) if port != ":8443" else None
    assert run.last["said"] == f"hub.example.com:{port[1:] or 443}: [Errno 111] Connection refused" + (
        f"; {named[0]} answers on port 80 alone" if named else ""
    )


# What the first rung sees besides


def first_rung(place, replay, *options, url=URL):
    run = place.check(replay, url, "--until", "hub_answers", "--ca-file", place.trusted, *options)
    return run.last


def redirecting():
    """A hub with both of its redirects."""
    made = there(URL)
    made.answers["GET", URL.rstrip("/")] = [Answer(301, "Moved Permanently", (("Location", URL),))]
    made.answers["GET", "http://hub.example.com/jupyter/"] = [Answer(301, "Moved Permanently", (("Location", URL),))]
    return made


def test_a_good_hub_is_told_with_its_certificate_its_version_and_its_redirects(place):
    until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=30, hours=1)
    place.certified = {"not_after": until}
    rung = first_rung(place, redirecting())
    assert rung["ok"]
    assert rung["evidence"] == [
        "TLSv1.3, the certificate ends in 30 days",
        "GET /jupyter/hub/api -> 200, JupyterHub 6.1.1",
        "GET /jupyter -> 301 https://hub.example.com/jupyter/",
        "GET http://hub.example.com/jupyter/ -> 301 https://hub.example.com/jupyter/",
        "port 800 is not open to this machine",
    ]


@pytest.mark.parametrize(
    ("status", "target", "good"),
    [
        (301, URL, True),
        (308, "/jupyter/hub/", True),
        (300, URL, False),
        (309, URL, False),
        (302, "/", False),
        (301, "", False),
        (200, URL, False),
    ],
)
def test_the_path_without_its_slash_leads_to_the_hub(place, status, target, good):
    replay = redirecting()
    replay.answers["GET", URL.rstrip("/")] = [Answer(status, "Moved", (("Location", target),))]
    rung = first_rung(place, replay)
    assert f"GET /jupyter -> {status} {target}" in rung["evidence"]
    assert rung["ok"] == good
    assert good or (rung["said"], rung["page"]) == (
        "no redirect from /jupyter to /jupyter/",
        "troubleshooting/not-found-without-the-last-slash",
    )


def test_a_hub_at_the_root_needs_no_redirect_there(place):
    replay = there("https://hub.example.com/")
    replay.answers["GET", "http://hub.example.com/"] = [Answer(301, "Moved Permanently", (("Location", "https://hub.example.com/"),))]
    rung = first_rung(place, replay, url="https://hub.example.com/")
    assert rung["ok"], rung["said"]
    assert [line.split()[0] for line in rung["evidence"]] == ["TLSv1.3,", "GET", "GET", "port"]


def test_port_80_that_is_closed_is_no_fault(place):
    place.ports = {443: "https"}
    rung = first_rung(place, redirecting())
    assert rung["ok"]
    assert rung["evidence"][-2] == "port 80 does not answer: people who type the name without https:// see nothing"


def test_port_80_is_not_asked_of_another_port_than_443(place):
    place.ports = {8443: "https"}
    replay = there("https://hub.example.com:8443/jupyter/")
    replay.answers["GET", "https://hub.example.com:8443/jupyter"] = [Answer(301, "", (("Location", "/jupyter/"),))]
    rung = first_rung(place, replay, url="https://hub.example.com:8443/jupyter/")
    assert rung["ok"], rung["said"]
    assert rung["evidence"][2:] == ["GET /jupyter -> 301 /jupyter/", "port 800 is not open to this machine"]


@pytest.mark.parametrize("port", [800, 8000])
@pytest.mark.parametrize("header", ["X-JupyterHub-Version", "Server"])
def test_the_hubs_own_port_is_closed_to_others(place, port, header):
    place.ports[port] = "http"
    replay = redirecting()
    replay.answers["GET", f"http://hub.example.com:{port}/jupyter/hub/api"] = [Answer(403, "Forbidden", ((header, "6.1.1"),))]
    rung = first_rung(place, replay)
    assert rung["ok"] == (header == "Server")
    if not rung["ok"]:
        assert rung["said"] == f"http://hub.example.com:{port}/jupyter/hub/api answers past the reverse proxy, without TLS"
        assert rung["page"] == "troubleshooting/port-8000-is-open"


@pytest.mark.parametrize("own", ["", "127.0.0.9"])
def test_on_the_server_itself_the_loopback_address_says_nothing_and_its_own_is_asked(place, own):
    """Whoever resolves the name to a loopback address, and has an address in a network, asks that one."""
    place.names, place.own = {"hub.example.com": "127.0.1.1"}, own
    place.ports[800] = "http"
    replay = redirecting()
    replay.answers["GET", "http://hub.example.com:800/jupyter/hub/api"] = [API]
    replay.answers["GET", "http://127.0.0.9:800/jupyter/hub/api"] = [API]
    rung = first_rung(place, replay)
    if own:
        assert rung["said"] == "http://127.0.0.9:800/jupyter/hub/api answers past the reverse proxy, without TLS"
    else:
        assert rung["ok"]
        assert rung["evidence"][-1] == "hub.example.com is 127.0.1.1, this machine itself: check from another one whether port 800 is open"


def test_the_hubs_own_port_is_not_judged_where_it_is_the_one_given(place):
    place.ports = {8000: "https"}
    replay = there("https://hub.example.com:8000/jupyter/")
    replay.answers["GET", "https://hub.example.com:8000/jupyter"] = [Answer(301, "", (("Location", "/jupyter/"),))]
    rung = first_rung(place, replay, url="https://hub.example.com:8000/jupyter/")
    assert [line.split()[0] for line in rung["evidence"]] == ["TLSv1.3,", "GET", "GET"]


def test_names_lead_where_resolve_says(place):
    """For the port that is named, and for those that are not."""
    place.names = {}
    place.ports |= {8443: "https"}
    options = ["--resolve", f"hub.example.com:443:{ADDRESS}", "--resolve", "hub.example.com:80:192.0.2.99"]
    place.names["elsewhere"] = ADDRESS
    rung = first_rung(place, redirecting(), *options)
    assert rung["ok"], rung["said"]
    assert "port 80 does not answer: people who type the name without https:// see nothing" in rung["evidence"]
    assert first_rung(place, redirecting(), *options[:2])["evidence"][3].startswith("GET http://hub.example.com/jupyter/ -> 301")


def test_a_certificate_of_nobodys_is_refused(place):
    run = place.check(redirecting(), URL)
    assert run.last["said"].startswith("certificate verify failed: ")
    assert run.last["page"] == "troubleshooting/certificate-is-not-trusted"


def test_the_environments_authorities_do_not_count_beside_the_one_that_was_given(place):
    """requests reads REQUESTS_CA_BUNDLE, which may name a file without the hub's."""
    other = place.file("other.pem", trustme.CA().cert_pem.bytes().decode())
    run = place.check(redirecting(), URL, "--ca-file", place.trusted, "--until", "hub_answers", REQUESTS_CA_BUNDLE=other)
    assert run.last["ok"], run.last["said"]


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ("[1]", "AttributeError(\"'list' object has no attribute 'get'\")"),
        ('{"name": 7, "kind": "user"}', "TypeError('quote_from_bytes() expected bytes')"),
    ],
)
def test_an_answer_that_is_not_a_hubs_ends_in_a_line_and_no_traceback(place, about, words):
    site = "http://127.0.0.1/a"
    replay = Replay(
        {
            ("GET", f"{site}/hub/api"): [json_of('{"version": 6}')],
            ("GET", site): [Answer(301, "", (("Location", "/a/"),))],
            ("GET", f"{site}/hub/login"): [pages(200, "OK")],
            ("GET", f"{site}/hub/api/user"): [json_of(about)],
            ("GET", f"{site}/hub/user-redirect/hubcheck?link=6000-letters"): [Answer(302, "Found", (("Location", "/a/hub/login"),))],
        }
    )
    run = place.check(replay, f"{site}/", "--token-file", f"{place.folder}/token.txt")
    assert run.last["said"] == f"an answer that is not JupyterHub's: {words}"
    assert (run.last["certainty"], run.last["cause"], run.last["page"]) == ("not known", "", "troubleshooting/index")


# What a user's rungs see


def climb(place, replay, *options, name="alice", watched=False):
    """A user's climb against a replay of one."""
    secret = ["--password-file", f"{place.folder}/alice.txt"]
    user = [] if "--token-file" in options else ["--user", name, *secret]
    trust = ["--ca-file", place.trusted] if place.known else []
    return place.check(replay, URL, *user, *trust, "--megabytes", "0", "--timeout", "2", *options, watched=watched)


def urls(replay):
    return [f"{request['method']} {request['url'].removeprefix(URL)}" for request in replay.seen]


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_the_atlas_is_told_in_its_words(place, name):
    """The words are those that the check says of a real deployment with this fault; the tests of the atlas see to that."""
    make, options = FAULTS[name]
    replay = Replay.of("user")
    make(place, replay)
    if name in HERE:
        place.names = {"hub.example.com": "127.0.1.1"}
    run = climb(place, replay, *options, name=NAMES.get(name, "alice"))
    path = ROOT / f"troubleshooting/{name}/symptom.txt"
    lines = [(proxy, line.strip()) for where, proxy, _, line in symptoms(path) if where == "check"]
    wanted = [line.replace("mallory", "alice") for proxy, line in lines if proxy == lines[0][0]]
    printed = [line.strip() for line in run.out.splitlines()]
    missing = [line for line in wanted if not any(re.match(".*?".join(map(re.escape, line.split("…"))), text) for text in printed)]
    assert not missing, run.out
    assert (run.status, run.err) == (1, "")


def test_each_fault_of_the_atlas_is_tried_here():
    assert [*FAULTS] == sorted(path.parent.name for path in (ROOT / "troubleshooting").glob("*/symptom.txt"))


def test_the_kernel_that_does_not_answer_is_told_with_the_seconds(place):
    replay = Replay.of("user")
    channel(replay)[0]["frames"] = []
    run = climb(place, replay, "--timeout", "0.8")
    assert (run.last["rung"], run.last["said"]) == ("kernel_computes", "the kernel did not answer in 0.8 s")
    assert run.last["page"] == "troubleshooting/kernel-restarts-for-ever"


@pytest.mark.parametrize(
    ("state", "said"), [("dead", "the kernel ended while it computed"), ("busy", "the kernel did not answer in 0.8 s")]
)
def test_what_the_server_says_of_its_kernel_counts_whoever_has_asked(place, state, said):
    replay = Replay.of("user")
    ended(state)(place, replay)
    run = climb(place, replay, "--timeout", "0.8")
    assert (run.last["rung"], run.last["said"]) == ("kernel_computes", said)


@pytest.mark.parametrize("status", [403, 404])
def test_terminals_may_be_switched_off(place, status):
    replay = Replay.of("user")
    replay.change("POST", "/api/terminals", Answer(status, "Forbidden"))
    run = climb(place, replay, "--until", "kernel_computes")
    assert run.last["ok"]
    assert run.last["evidence"][1:] == ["terminals are switched off"]


def test_an_idle_websocket_is_asked_again_after_that_time(place):
    replay = Replay.of("user")
    kept, (_, second, *_) = channel(replay)
    kept["frames"] = [*kept["frames"][:second], *kept["frames"]]
    run = climb(place, replay, "--idle", "90", "--until", "kernel_computes")
    assert run.last["ok"], run.last
    assert [numbers(line) for line in run.last["evidence"]] == [
        "0 * 0 -> 0 in 0 ms",
        "0 * 0 -> 0 in 0 ms",
        "the WebSocket outlived 0 s of silence",
        "a terminal answers",
    ]
    assert run.last["evidence"][2] == "the WebSocket outlived 90 s of silence"
    assert 90 in run.clock.slept


def test_frames_of_others_and_pings_are_passed_over(place):
    replay = Replay.of("user")
    kept, (first, *_) = channel(replay)
    stranger = '{"parent_header": {"msg_id": "another"}, "msg_type": "error", "content": {"ename": "E", "evalue": "v"}}'
    kept["frames"][first + 1 : first + 1] = [["ping", ""], ["received", stranger], ["received", '{"content": {}}']]
    assert climb(place, replay, "--until", "kernel_computes").last["ok"]


def says_to_code(replay, *messages):
    """What the kernel sends after it was asked to compute."""
    kept, (first, second, *_) = channel(replay)
    about = {"parent_header": {"msg_id": json.loads(kept["frames"][first][1])["header"]["msg_id"]}}
    said = [["received", json.dumps(about | message)] for message in messages]
    kept["frames"] = [*kept["frames"][: first + 1], *said, *kept["frames"][second:]]


IDLE = {"msg_type": "status", "content": {"execution_state": "idle"}}
BUSY = {"msg_type": "status", "content": {"execution_state": "busy"}}


def of_kind(kind, **content):
    return {"msg_type": kind, "content": content}


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([BUSY, IDLE], "nothing"),
        ([of_kind("stream", text="x" * 300), IDLE], "x" * 200),
        ([of_kind("stream", text=" 41\n"), of_kind("execute_reply", execution_state="idle"), IDLE], "41"),
        ([of_kind("error", ename="NameError", evalue="no name")], "NameError: no name"),
        ([of_kind("stream", text="before "), of_kind("error", ename="E", evalue="v"), of_kind("stream", text="42")], "before E: v"),
    ],
)
def test_what_a_kernel_says_in_place_of_the_answer_is_told(place, messages, words):
    replay = Replay.of("user")
    says_to_code(replay, *messages)
    run = climb(place, replay)
    assert (run.last["rung"], run.last["said"]) == ("kernel_computes", f"6 * 7 -> {words}")


@pytest.mark.parametrize(
    "messages",
    [
        [of_kind("stream", text="4"), of_kind("stream", text="2")],
        [of_kind("execute_result", data={"text/plain": "42", "text/html": "<b>"})],
        [of_kind("display_data", data={"application/javascript": "42"})],
        [of_kind("stream", text="4"), of_kind("display_data", data={"text/plain": "2"}), IDLE],
    ],
)
def test_an_answer_counts_in_whatever_way_it_comes(place, messages):
    replay = Replay.of("user")
    says_to_code(replay, *messages)
    run = climb(place, replay, "--until", "kernel_computes")
    assert run.last["ok"], run.last
    assert re.fullmatch(r"6 \* 7 -> 42 in \d+ ms", run.last["evidence"][0])


def test_a_kernels_time_is_told_in_milliseconds(place):
    replay = Replay.of("user")

    def passes(frame):
        replay.clock.gone += 1.5

    replay.on_frame = passes
    run = climb(place, replay, "--until", "kernel_computes")
    assert 1500 <= int(re.search(r"in (\d+) ms", run.last["evidence"][0])[1]) < 2500


def test_a_terminals_answer_stands_at_the_beginning_of_a_line(place):
    replay = Replay.of("user")
    for url, (kept,) in replay.sockets.items():
        if "/terminals/" in url:
            words = [
                '["setup", {}]',
                '["stdout", "echo 42\\r\\n420 x42"]',
                '["other", "\\n42"]',
                '["stdout", "\\r4"]',
                '["stdout", "2\\r"]',
            ]
            kept["frames"] = [kept["frames"][0], *(["received", text] for text in words)]
    assert climb(place, replay, "--until", "kernel_computes").last["evidence"][-1] == "a terminal answers"
    replay = Replay.of("user")
    for url, (kept,) in replay.sockets.items():
        if "/terminals/" in url:
            kept["frames"] = [kept["frames"][0], *(["received", text] for text in words[:-1])]
    assert climb(place, replay, "--timeout", "0.8").last["rung"] == "kernel_computes"


@pytest.mark.parametrize("prompt", ["$ ", "alice@hub:~# ", "hub% ", "~> "])
def test_a_shell_that_begins_after_it_was_asked_answers_behind_its_prompt(place, prompt):
    replay = Replay.of("user")
    for url, (kept,) in replay.sockets.items():
        if "/terminals/" in url:
            words = ["echo $((6 * 7))\r\n", prompt, "42\r\n"]
            kept["frames"] = [kept["frames"][0], *(["received", json.dumps(["stdout", text])] for text in words)]
    assert climb(place, replay, "--until", "kernel_computes").last["evidence"][-1] == "a terminal answers"


# What the hub knows of a user


def user_of(**about):
    return json_of(json.dumps({"name": "alice", "server": None, "pending": None} | about))


@pytest.mark.parametrize("pending", ["stop", "check"])
def test_it_waits_until_an_earlier_server_is_at_rest(place, pending):
    replay = Replay.of("user")
    key = ("GET", f"{URL}hub/api/users/alice")
    replay.answers[key] = [user_of(pending=pending), user_of(pending=pending), *replay.answers[key]]
    run = climb(place, replay, "--until", "server_spawns", watched=True)
    assert run.last["ok"], run.last
    assert run.clock.slept[:2] == [0.2, 0.2]
    assert f"… server_spawns: the hub's {pending} of an earlier server has to end " in run.err


def test_it_does_not_wait_for_ever(place):
    replay = Replay.of("user")
    replay.answers["GET", f"{URL}hub/api/users/alice"] = [user_of(pending="stop")]
    run = climb(place, replay, "--until", "server_spawns", "--spawn-timeout", "1")
    assert run.last["ok"], run.last
    assert run.clock.slept.count(0.2) == 5


def test_a_server_that_starts_already_is_not_waited_for(place):
    replay = Replay.of("user")
    key = ("GET", f"{URL}hub/api/users/alice")
    replay.answers[key] = [user_of(pending="spawn"), *replay.answers[key]]
    run = climb(place, replay, "--until", "server_spawns")
    assert run.last["ok"]
    assert 0.2 not in run.clock.slept
    assert "DELETE hub/api/users/alice/server" not in urls(replay), "it is the user's, and stays"


def test_a_server_that_is_up_at_once_is_not_started_again(place):
    replay = Replay.of("user")
    replay.change("GET", "/hub/spawn", moved(f"{URL}user/alice/", 302))
    replay.answers["POST", f"{URL}hub/api/users/alice/server"] = [told(400, "alice is already running")]
    run = climb(place, replay, "--until", "server_spawns")
    assert run.last["ok"], run.last


def test_a_page_with_a_form_is_passed_over(place):
    replay = Replay.of("user")
    replay.change("GET", "/hub/spawn", pages(200, "OK", "<form>"))
    replay.answers["POST", f"{URL}hub/api/users/alice/server"] = [Answer(201, "Created")]
    assert climb(place, replay, "--until", "server_spawns").last["ok"]
    assert "POST hub/api/users/alice/server" in urls(replay)
    replay = Replay.of("user")
    replay.change("GET", "/hub/spawn", pages(200, "OK", "<form>"))
    replay.answers["POST", f"{URL}hub/api/users/alice/server"] = [told(400, "alice is already running")]
    assert (
        climb(place, replay).last["said"]
        == "POST /jupyter/hub/api/users/alice/server -> 400 Bad Request: alice is already running (from the hub)"
    )


READY = '{"progress": 100, "ready": true, "message": "Server ready"}'


def test_the_events_are_timed(place):
    replay = Replay.of("user")
    starting((0, '{"message": "Server requested"}'), (0, "{}"), (2, READY))(place, replay)
    run = climb(place, replay, "--until", "server_spawns", watched=True)
    assert run.last["ok"], run.last
    assert re.fullmatch(r"event stream: 3 events, the first after 0\.\d s, the last after 2\.\d s", run.last["evidence"][0])
    assert "… server_spawns: Server requested\r\033[K… server_spawns: \r\033[K… server_spawns: Server ready\r" in run.err


@pytest.mark.parametrize(("first", "ok"), [(5.2, True), (5.7, False)])
def test_events_that_come_at_once_are_told_by_a_tenth_of_the_time(place, first, ok):
    replay = Replay.of("user")
    starting((first, "{}"), (6 - first, READY))(place, replay)
    run = climb(place, replay, "--until", "server_spawns")
    assert run.last["ok"] == ok
    assert ok or re.fullmatch(r"the 2 events of the starting server arrived all at once, after 6\.\d s", run.last["said"])


def test_a_server_that_starts_at_once_is_no_fault(place):
    replay = Replay.of("user")
    starting((0.1, "{}"), (0, READY))(place, replay)
    assert climb(place, replay, "--until", "server_spawns").last["ok"]


def test_a_hub_that_has_given_a_server_up_says_why_on_the_second_try(place):
    replay = Replay.of("user")
    starting((0, '{"failed": true, "message": "Spawn failed: it ended"}'))(place, replay)
    key = ("GET", f"{URL}hub/api/users/alice/server/progress")
    replay.answers[key] = [told(400, "alice's server is not starting"), *replay.answers[key]]
    run = climb(place, replay)
    assert run.last["said"] == "the server does not start: Spawn failed: it ended"
    assert run.clock.slept[0] == 1
    replay = Replay.of("user")
    replay.answers[key] = [told(400, "alice is not starting")]
    run = climb(place, replay)
    assert run.last["said"] == "GET /jupyter/hub/api/users/alice/server/progress -> 400 Bad Request: alice is not starting (from the hub)"
    assert run.clock.slept[:2] == [1, 1]
    assert urls(replay).count("GET hub/api/users/alice/server/progress") == 3


def test_a_stream_without_events_and_one_that_breaks_off(place):
    replay = Replay.of("user")
    starting()(place, replay)
    replay.change("GET", "/server/progress", Answer(200, "OK", body=b"\n\n"))
    assert climb(place, replay).last["said"] == "the server does not start: no event"
    replay = Replay.of("user")
    replay.change("GET", "/server/progress", Answer(silent=True))
    run = climb(place, replay, "--spawn-timeout", "0.5")
    assert run.last["said"].startswith("the event stream /jupyter/hub/api/users/alice/server/progress went silent: ")
    assert run.last["page"] == "troubleshooting/websocket-closes-when-idle"


def test_a_page_of_the_server_that_leads_elsewhere_is_told(place):
    replay = Replay.of("user")
    replay.change("GET", "/user/alice/", Answer(302, "Found", (("Location", "/jupyter/hub/login?next=a"),)))
    replay.answers["GET", f"{URL}hub/login?next=a"] = [pages(200, "OK")]
    run = climb(place, replay)
    assert run.last["said"] == "GET /jupyter/user/alice/ ends on https://hub.example.com/jupyter/hub/login?next=a"


# A host name for each user


ALICES = "https://alice.hub.example.com/jupyter/"


def at_a_name_of_her_own(place, name="user"):
    """A recorded climb of alice's, as it is on a hub that leads to a host name of her own."""
    replay, own = Replay.of(name), f"{URL}user/alice/"

    def there(url):
        return url.replace(own, f"{ALICES}user/alice/")

    def leading(answer):
        to = answer.header("Location")
        leads = {"/jupyter/hub/": "https://hub.example.com", "/jupyter/user/alice/oauth_callback": "https://alice.hub.example.com"}
        host = next((host for path, host in leads.items() if to.startswith(path)), "")
        return answer.with_header("Location", f"{host}{to}")

    replay.answers = {(method, there(url)): [*map(leading, answers)] for (method, url), answers in replay.answers.items()}
    replay.sockets = {there(url): kept for url, kept in replay.sockets.items()}
    for address, to in ((own, f"{URL}hub/user/alice/"), (f"{URL}hub/user/alice/", f"{ALICES}user/alice/")):
        replay.answers["GET", address] = [jupyters(302, "Found").with_header("Location", to)]
    # Of what is at the user's own name, the user's server says its version with each page.
    replay.change("GET", "/user/alice/lab", lambda answer: answer.with_header("X-JupyterHub-Version", "6.1.1"))
    place.names["alice.hub.example.com"] = ADDRESS
    place.called = ("hub.example.com", "alice.hub.example.com")
    return replay


@pytest.mark.parametrize("name", ["user", "token"])
def test_a_server_at_a_host_name_of_its_own_is_climbed_there(place, name):
    replay = at_a_name_of_her_own(place, name)
    run = place.check(replay, *given(place, recorded()[name]["options"]), "--ca-file", place.trusted, "--megabytes", "1")
    assert [(rung["rung"], rung["ok"]) for rung in run.rungs] == [(rung, True) for rung in LADDER], run.last
    (spawned,) = [rung["evidence"] for rung in run.rungs if rung["rung"] == "server_spawns"]
    assert "the user's server has a host name of its own, alice.hub.example.com" in spawned
    asked = [request["url"] for request in [*replay.seen, *replay.opened]]
    assert {url for url in asked if "/jupyter/user/" in url and not url.startswith(ALICES)} == {f"{URL}user/alice/"}
    assert all(url.startswith(URL) for url in asked if "/jupyter/hub/" in url and "http://" not in url)
    # What a browser says of where a request comes from.
    (channel, *_) = replay.opened
    assert channel["headers"]["Origin"] == "https://alice.hub.example.com"
    assert {request["headers"]["Referer"] for request in replay.seen if request["method"] == "PUT"} == {ALICES}
    assert any(line.startswith("scripts and styles of this page: 1,") for line in spawned)


def test_a_token_is_sent_to_the_hub_and_to_the_users_own_name_alone(place):
    replay = at_a_name_of_her_own(place, "token")
    token = place.folder / "token.txt"
    climbed = place.check(replay, URL, "--token-file", str(token), "--ca-file", place.trusted, "--until", "kernel_listed")
    assert climbed.last["ok"], climbed.last
    replay = at_a_name_of_her_own(place, "token")
    other = "https://hub.example.org/jupyter/user/alice/"
    place.names["hub.example.org"] = ADDRESS
    place.called += ("hub.example.org",)
    replay.answers["GET", f"{URL}hub/user/alice/"] = [jupyters(302, "Found").with_header("Location", other)]
    replay.answers["GET", other] = [jupyters(200, "OK", "<p>Give me your token</p>")]
    place.check(replay, URL, "--token-file", str(token), "--ca-file", place.trusted)
    assert [request["headers"].get("Authorization") for request in replay.seen if request["url"] == other] == [None]


def another_certificate(place, replay):
    place.called = ("hub.example.com",)


def unknown_name(place, replay):
    del place.names["alice.hub.example.com"]


def another_site(answer):
    def made(place, replay):
        replay.answers["GET", f"{ALICES}user/alice/"] = [answer]

    return made


# What is wrong, what is said of it, and words of the cause.
AMISS = [
    (unknown_name, "the user's own host name, alice.hub.example.com: .*Failed to resolve", "The DNS knows the hub's name, but not"),
    (
        another_certificate,
        "the user's own host name, alice.hub.example.com: .*certificate verify failed: Hostname mismatch",
        "The certificate is for the",
    ),
    (another_site(nginx(404, "Not Found")), f"GET {ALICES}user/alice/ -> 404 Not Found: ", "Another site of the reverse proxy answers at"),
    (another_site(apache(200, "OK")), f"GET {ALICES}user/alice/ -> 200 OK: ", "Another site of the reverse proxy answers at"),
]


@pytest.mark.parametrize(("amiss", "said", "cause"), AMISS)
def test_what_is_missing_for_users_names_is_told(place, amiss, said, cause):
    replay = at_a_name_of_her_own(place)
    amiss(place, replay)
    run = place.check(replay, *given(place, recorded()["user"]["options"]), "--ca-file", place.trusted)
    assert (run.last["rung"], run.last["ok"], run.last["certainty"]) == ("server_spawns", False, "certain")
    assert re.match(said, run.last["said"]), run.last
    assert run.last["cause"].startswith(cause)
    assert run.last["page"] == "deploy/user-hosts"


def test_a_cookie_for_one_name_alone_has_to_be_secure_too(place):
    replay = Replay.of("user")
    named = [
        answer.with_header("Set-Cookie", "__Host-jupyterhub-hub-login=a; Path=/") for answer in replay.answers["POST", f"{URL}hub/login"]
    ]
    replay.answers["POST", f"{URL}hub/login"] = named
    assert climb(place, replay).last["said"].startswith("the cookie __Host-jupyterhub-hub-login comes without Secure")


@pytest.mark.parametrize(
    ("policy", "ok"),
    [
        ("script-src 'self' 'unsafe-inline' 'unsafe-eval'", True),
        ("script-src 'self' 'unsafe-inline'", False),
        ("default-src 'none'; script-src 'self' 'unsafe-inline' 'unsafe-eval'", True),
        ("default-src 'self'", False),
        ("img-src 'none'", True),
        ("default-src * 'unsafe-inline' 'unsafe-eval' data: blob:", True),
        ("script-src https: 'Unsafe-Inline' 'unsafe-eval'", True),
        ("script-src https://hub.example.com/jupyter/ 'unsafe-inline' 'unsafe-eval'", True),
        ("script-src hub.example.com:443 'unsafe-inline' 'unsafe-eval'", True),
        ("script-src *.example.com 'unsafe-inline' 'unsafe-eval'", True),
        ("script-src * 'unsafe-eval'", False),
        ("script-src data: http: cdn.example.com *.example.org 'unsafe-inline' 'unsafe-eval'", False),
    ],
)
def test_a_policy_that_refuses_scripts_is_told(place, policy, ok):
    replay = Replay.of("user")
    replay.change("GET", "/user/alice/lab", lambda answer: answer.with_header("Content-Security-Policy", policy))
    run = climb(place, replay, "--until", "server_spawns")
    assert run.last["ok"] == ok
    assert ok or run.last["said"] == f"a policy refuses JupyterLab's scripts: Content-Security-Policy: {policy}"


def test_a_server_is_stopped_and_waited_for(place):
    replay = Replay.of("user")
    about = ("GET", f"{URL}hub/api/users/alice")
    gone = [user_of(server="/jupyter/user/alice/"), user_of(pending="stop"), user_of()]
    replay.answers[about] = [replay.answers[about][0], *gone]
    replay.answers["DELETE", f"{URL}hub/api/users/alice/server"] = [told(400, "alice is starting"), Answer(202, "Accepted")]
    run = climb(place, replay, "--until", "server_spawns")
    assert run.last["ok"]
    assert run.clock.slept == [0.5, 0.1, 0.1]
    assert urls(replay)[-5:] == [*["DELETE hub/api/users/alice/server"] * 2, *["GET hub/api/users/alice"] * 3]


def test_a_server_that_does_not_stop_is_given_up(place):
    replay = Replay.of("user")
    replay.answers["DELETE", f"{URL}hub/api/users/alice/server"] = [told(400, "alice is starting")]
    run = climb(place, replay, "--until", "server_spawns", "--spawn-timeout", "2")
    assert run.last["ok"]
    assert run.clock.slept.count(0.5) == 4
    replay = Replay.of("user")
    about = ("GET", f"{URL}hub/api/users/alice")
    replay.answers[about] = [replay.answers[about][0], user_of(server="/jupyter/user/alice/")]
    run = climb(place, replay, "--until", "server_spawns", "--spawn-timeout", "2")
    # A tenth of a second each time, less what a busy machine takes in between.
    assert 8 < run.clock.slept.count(0.1) <= 20


# The kernel


def test_no_kernel_starts_and_a_notebooks_words_say_why(place):
    replay = Replay.of("user")
    replay.change("POST", "/api/kernels", told(500, "Unhandled error"))
    sessions = ("POST", f"{URL}user/alice/api/sessions")
    replay.answers[sessions] = [told(500, "File name too long (addr='ipc:///srv')")]
    run = climb(place, replay)
    assert run.last["said"] == (
        "POST /jupyter/user/alice/api/kernels -> 500 Internal Server Error: Unhandled error (from the user's server); File name too long (addr='ipc:///srv')"
    )
    assert run.last["page"] == "troubleshooting/file-name-too-long"
    (asked,) = [request for request in replay.seen if request["url"].endswith("/api/sessions")]
    folder = re.search(r"hubcheck-\d+", asked["body"])[0]
    assert json.loads(asked["body"]) == {
        "type": "notebook",
        "name": "",
        "path": f"{folder}/none.ipynb",
        "kernel": {"name": "my_kernel"},
    }


@pytest.mark.parametrize("answer", [Answer(500, "Error", body=b"[]"), Answer(500, "Error", body=b"no JSON")])
def test_a_notebooks_request_may_say_nothing(place, answer):
    replay = Replay.of("user")
    replay.change("POST", "/api/kernels", told(500, "Unhandled error"))
    replay.answers["POST", f"{URL}user/alice/api/sessions"] = [answer]
    assert climb(place, replay).last["said"].endswith("-> 500 Internal Server Error: Unhandled error (from the user's server)")


@pytest.mark.parametrize("options", [[], ["--keep-server"]])
def test_a_kernel_that_starts_for_a_notebook_after_all_is_taken_away(place, options):
    replay = Replay.of("user")
    replay.change("POST", "/api/kernels", told(500, "Unhandled error"))
    replay.answers["POST", f"{URL}user/alice/api/sessions"] = [json_of('{"id": "a-session"}', 201, "Created")]
    assert climb(place, replay, *options).last["said"].endswith("-> 500 Internal Server Error: Unhandled error (from the user's server)")
    assert "DELETE user/alice/api/sessions/a-session" in urls(replay)


# Files


@pytest.mark.parametrize("back", [b"short", b""])
def test_a_file_that_comes_back_otherwise_is_told(place, back):
    replay = Replay.of("user")
    replay.changed["large.bin"] = back
    run = climb(place, replay, "--megabytes", "1")
    assert run.last["said"] == f"1000000 bytes were sent, and {len(back)} others came back"


def test_an_awkward_name_that_arrives_as_another_is_told(place):
    replay = Replay.of("user")
    replay.change(
        "GET",
        re.search(r"hubcheck-\d+$", next(url for _, url in replay.answers if re.search(r"contents/hubcheck-\d+$", url)))[0],
        json_of('{"content": [{"name": "a b"}, {"name": "large.bin"}]}'),
    )
    run = climb(place, replay)
    assert run.last["said"] == "the encoded name \"a b%c#d+e'f ü漢.txt\" arrived as ['a b', 'large.bin']"
    assert run.last["page"] == "troubleshooting/bad-request-for-a-percent-sign"
    replay = Replay.of("user")
    replay.changed["a b%c#d+e'f ü漢.txt"] = b"other"
    assert climb(place, replay).last["said"].startswith('the encoded name "a b%c#d+e\'f ü漢.txt" arrived as [')


# Blocks


UNBOXED = "a page under files/ is not sandboxed: Content-Security-Policy: "
OPEN = "every page of the server may be framed: Content-Security-Policy: "
# (the end of an address, the policy that it comes with, what is said before the policy)
FRAMED = [
    ("/page.html", "", UNBOXED),
    ("/page.html", "frame-ancestors 'self'", UNBOXED),
    ("/page.html", "frame-ancestors 'self'; sandbox allow-scripts allow-same-origin", UNBOXED),
    (
        "/page.html",
        "frame-ancestors 'self', frame-ancestors 'none'; sandbox",
        "GET /jupyter/user/alice/files/hubcheck-…/page.html -> Content-Security-Policy: ",
    ),
    ("/lab", "", OPEN),
    ("/lab", "frame-ancestors 'self'", OPEN),
]


@pytest.mark.parametrize(("part", "policy", "said"), FRAMED)
def test_what_may_be_framed_is_told_with_the_policy(place, part, policy, said):
    replay = Replay.of("user")
    replay.change("GET", part, framed(policy))
    run = climb(place, replay)
    assert run.last["rung"] == "blocks_shown"
    assert re.sub("hubcheck-[0-9a-f]{8}", "hubcheck-…", run.last["said"]) == said + (policy or "none")


@pytest.mark.parametrize("value", ["", "unsafe-none"])
def test_a_page_that_keeps_a_hold_on_the_one_that_opened_it_is_told(place, value):
    replay = Replay.of("user")
    replay.change("GET", "/lab", lambda answer: answer.with_header("Cross-Origin-Opener-Policy", value))
    assert climb(place, replay).last["said"] == (
        f"a page that opens a notebook in a new tab keeps a hold on it: Cross-Origin-Opener-Policy: {value or 'none'}"
    )


@pytest.mark.parametrize(
    ("policy", "said"),
    [("", "Content-Security-Policy: none"), ("default-src 'none'", "Content-Security-Policy: default-src 'none'")],
)
def test_from_outside_a_hub_whose_pages_may_be_framed_is_told(place, policy, said):
    replay = Replay.of("outside")
    replay.change("GET", "/hub/login", framed(policy))
    run = place.check(replay, URL, "--ca-file", place.trusted, "--megabytes", "1")
    assert run.last["said"] == f"the hub's pages may be framed: {said}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "Error in calling magic\n<urlopen error [Errno -2] Name or service not known>\nmore",
            "<urlopen error [Errno -2] Name or service not known>",
        ),
        ("urllib.error.HTTPError: HTTP Error 404: Not Found\nmore", "HTTP Error 404: Not Found"),
    ],
)
def test_an_editor_that_does_not_reach_its_page_is_told(place, text, said):
    replay = Replay.of("user")
    says_to_jigsaw(text)(place, replay)
    run = climb(place, replay)
    assert (run.last["said"], run.last["page"]) == (f"%jigsaw Python: {said}", "troubleshooting/jigsaw-urlopen-error")


def test_an_editor_that_does_not_end_is_told(place):
    replay = Replay.of("user")
    says_to_jigsaw("")(place, replay)
    run = climb(place, replay, "--timeout", "0.8")
    assert (run.last["said"], run.last["page"]) == ("%jigsaw did not end in 0.8 s", "troubleshooting/jigsaw-urlopen-error")


@pytest.mark.parametrize(
    ("said", "page", "words"),
    [
        (
            "jigsaw_listener_set",
            '<script src="https://calysto.github.io/x/blockly.js">',
            "this is MetaKernel's own %jigsaw, not the guide's editor: Blockly comes from calysto.github.io",
        ),
        (
            "done",
            '__jigsaw_blockly__ = "https://Elsewhere.example/Blockly/"',
            "this is another %jigsaw, not the guide's editor: Blockly comes from Elsewhere.example",
        ),
        ("done", "<p>nothing</p>", "this is another %jigsaw, not the guide's editor: Blockly comes from elsewhere"),
    ],
)
def test_another_editor_is_told_once_all_else_holds(place, said, page, words):
    replay = Replay.of("user")
    says_to_jigsaw(said)(place, replay)
    replay.change("GET", "/blocks.html", pages(200, "OK", page))
    run = climb(place, replay)
    assert (run.last["said"], run.last["page"]) == (words, "jigsaw/configure")
    assert run.last["evidence"][-1] == "Cross-Origin-Opener-Policy: same-origin"
    assert not [line for line in run.last["evidence"] if "Blockly" in line]
    assert [url for url in urls(replay) if url.startswith("DELETE") and "/blocks." in url]


@pytest.mark.parametrize("address", ["/jupyter/user/alice/static/blockly/", "../../static/blockly", "https://hub.example.com/b"])
def test_blockly_is_looked_for_where_the_page_says(place, address):
    replay = Replay.of("user")
    replay.change("GET", "/blocks.html", pages(200, "OK", f'let __jigsaw_blockly__ = "{address}"'))
    where = "https://hub.example.com/b" if address.endswith("/b") else f"{URL}user/alice/static/blockly"
    replay.answers["GET", f"{where}/blockly.min.js"] = [Answer(body=b"x" * 1_250_001)]
    run = climb(place, replay)
    assert run.last["ok"], run.last
    assert run.last["evidence"][0] == "the page of %jigsaw and Blockly, 1.3 MB, come from here"


def test_a_kernel_may_have_no_editor(place):
    replay = Replay.of("user")
    replay.change("GET", "/blocks.html", pages(404, "Not Found"))
    run = climb(place, replay)
    assert run.last["ok"], run.last
    assert run.last["evidence"][0] == "my_kernel makes no page for %jigsaw"
    assert not [url for url in urls(replay) if url.startswith("DELETE") and "/blocks." in url]


# Who logs in


def test_a_login_that_does_not_last_is_told_of_cookies(place):
    replay = Replay.of("user")
    replay.change("GET", "/hub/home", moved(f"{URL}hub/login?next=%2Fjupyter%2Fhub%2Fhome", 302))
    replay.answers["GET", f"{URL}hub/login?next=%2Fjupyter%2Fhub%2Fhome"] = replay.answers["GET", f"{URL}hub/login"]
    run = climb(place, replay)
    assert run.last["said"] == "cookies do not come back: after the login, GET /jupyter/hub/home leads to the login again"
    assert run.last["cause"].startswith("Something on the way drops cookies")
    assert run.last["page"] == "troubleshooting/redirected-you-too-many-times"


@pytest.mark.parametrize("known", [True, False])
def test_a_netrc_is_nobodys_business(place, known):
    place.file(".netrc", "machine hub.example.com login mallory password secret\n")
    os.chmod(place.folder / ".netrc", 0o600)
    replay = Replay.of("token")
    replay.change("GET", "http://hub.example.com/jupyter/", lambda answer: answer)
    options = ["--token-file", f"{place.folder}/token.txt"] if known else []
    place.check(replay, URL, *options, "--ca-file", place.trusted, "--megabytes", "0", HOME=str(place.folder))
    sent = [headers.get("Authorization", "") for headers in replay.headers]
    assert len(sent) > 5
    assert not [one for one in sent if one.startswith("Basic")]


@pytest.mark.parametrize(("address", "lines"), [(ADDRESS, 1), ("127.0.1.1", 0)])
@pytest.mark.parametrize(
    ("options", "what"), [(["--user", "alice", "--password-file", "alice.txt"], "password"), (["--token-file", "token.txt"], "token")]
)
def test_who_sends_a_secret_in_clear_is_told_once(place, address, lines, options, what):
    place.names = {"hub.example.com": address}
    run = place.check(Replay.of("http"), URL.replace("https", "http"), *given(place, options))
    assert run.err == f"hubcheck: without https, all can read what is sent: the {what} too\n" * lines


def test_a_cookie_without_secure_matters_under_https_alone(place):
    replay = Replay.of("user")
    replay.change("POST", "/hub/login", insecure)
    run = climb(place, replay)
    assert run.last["said"].startswith("the cookie jupyterhub-")
    assert run.last["said"].endswith(" comes without Secure, though the address is https")


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ({"kind": "service", "name": "a"}, "the token is no user's: service a"),
        ({"kind": None}, "the token is no user's: None"),
        ({}, "the token is no user's: nobody"),
    ],
)
def test_a_token_that_is_no_users_is_told(place, about, words):
    replay = Replay.of("token")
    replay.change("GET", "/hub/api/user", json_of(json.dumps(about)))
    assert climb(place, replay, "--token-file", f"{place.folder}/token.txt").last["said"] == words


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (json_of('{"message": "Missing or invalid credentials.", "status": 403}', 403, "Forbidden"), "the hub does not know this token"),
        (json_of('{"message": "Missing or invalid credentials.", "status": 401}', 401, "Unauthorized"), "the hub does not know this token"),
        (moved(f"{URL}hub/login", 302), "-> 302 Moved Permanently: https://hub.example.com/jupyter/hub/login"),
    ],
)
def test_a_token_that_the_hub_does_not_take_is_told(place, answer, words):
    replay = Replay.of("token")
    replay.change("GET", "/hub/api/user", answer)
    assert words in climb(place, replay, "--token-file", f"{place.folder}/token.txt").last["said"]


def test_a_token_of_an_old_hub_has_no_kind(place):
    replay = Replay.of("token")
    replay.change("GET", "/hub/api/user", json_of('{"name": "alice"}'))
    run = climb(place, replay, "--token-file", f"{place.folder}/token.txt", "--until", "login_works")
    assert run.last["ok"], run.last
    assert run.last["evidence"][-3:] == [
        "GET /jupyter/hub/api/user -> 200, alice",
        "with a token, neither cookies nor the check of a WebSocket's origin are seen",
        "a link of 6000 characters reaches the hub -> 302",
    ]


def test_a_hub_without_xsrf_cookies_is_asked_once(place):
    """Of before 4.1."""
    replay = Replay.of("outside")
    replay.change("GET", "/hub/login", lambda answer: answer.with_header("Set-Cookie", ""))
    run = place.check(replay, URL, "--ca-file", place.trusted, "--until", "login_works")
    assert run.last["evidence"] == ["GET /jupyter/hub/login -> 200", "a link of 6000 characters reaches the hub -> 302"]


def at_a_provider(place, replay):
    """The hub, or something in front of it, sends people on to a provider, and tells it their state."""
    place.names["login.example.org"], place.called = ADDRESS, (*place.called, "login.example.org")
    sent = {"Location": f"{PROVIDER}?state=secret", "Content-Security-Policy": OF_THE_HUB}
    answer = jupyters(302, "Found")
    for name, value in sent.items():
        answer = answer.with_header(name, value)
    replay.change("GET", "/hub/login", answer.with_header("Cross-Origin-Opener-Policy", "same-origin"))
    replay.answers["GET", f"{PROVIDER}?state=secret"] = [pages(200, "OK", "<h1>Log in</h1>")]


@pytest.mark.parametrize("how", ["at once", "by a button", "as the page says"])
def test_who_logs_in_elsewhere_is_told_to_bring_a_token_and_gives_nobody_the_password(place, how):
    replay = Replay.of("users come from a course" if how == "as the page says" else "user")
    if how == "by a button":
        replay.change("GET", "/hub/login", button)
    if how == "at once":
        at_a_provider(place, replay)
    run = climb(place, replay)
    where = PROVIDER if how == "at once" else f"{URL}hub/login"
    assert run.last["said"] == f"GET /jupyter/hub/login leads to {where}, which has no form of the hub's: users log in elsewhere"
    assert (run.last["certainty"], run.last["page"]) == ("certain", "deploy/check")
    assert "token" in run.last["cause"]
    assert not [request for request in replay.seen if request["method"] == "POST"]


@pytest.mark.parametrize("typed", ["Alice", "alice@example.com"])
def test_who_types_another_name_goes_on_under_that_of_the_hub(place, typed):
    replay = Replay.of("user")
    script = b'<script>window.jhdata = { prefix: "/jupyter/", user: "alice", admin_access: false };</script>'
    replay.change("GET", "/hub/home", lambda answer: dataclasses.replace(answer, body=script))
    run = climb(place, replay, name=typed)
    assert run.last["ok"], run.last
    assert "the hub knows this user as alice" in str(run.rungs)


def test_a_page_of_another_program_in_the_place_of_the_login_is_not_taken_for_the_hubs_own_words(place):
    replay = Replay.of("user")
    replay.change("GET", "/hub/login", pages(200, "OK", "<h1>Welcome</h1>"))
    run = climb(place, replay)
    assert run.last["ok"], run.last


# (what a provider answers, where it is to send users back, its address, the name in its certificate, what the check says, page).
AT_PROVIDERS = [
    (pages(303, "See Other"), f"{URL}hub/oauth_callback", AT_PROVIDER, "login.example.com", f"GET {AT_PROVIDER} -> 303", ""),
    # Plain HTTP leads to the hub's own address.
    (
        pages(200, "OK"),
        "http://hub.example.com/jupyter/hub/oauth_callback",
        AT_PROVIDER,
        "login.example.com",
        f"GET {AT_PROVIDER} -> 200",
        "",
    ),
    (
        pages(400, "Bad Request", "<p>invalid_client</p>"),
        f"{URL}hub/oauth_callback",
        AT_PROVIDER,
        "login.example.com",
        f"the provider refuses what the hub asks: GET {AT_PROVIDER} -> 400: invalid_client",
        "troubleshooting/redirect-uri-did-not-match",
    ),
    (
        pages(200, "OK"),
        "https://hub.example.com/hub/oauth_callback",
        AT_PROVIDER,
        "login.example.com",
        f"the provider sends users back to https://hub.example.com/hub/oauth_callback, not to {URL}hub/oauth_callback",
        "troubleshooting/redirect-uri-did-not-match",
    ),
    (
        pages(200, "OK"),
        "https://hub.example.com:8443/jupyter/hub/oauth_callback",
        AT_PROVIDER,
        "login.example.com",
        f"the provider sends users back to https://hub.example.com:8443/jupyter/hub/oauth_callback, not to {URL}hub/oauth_callback",
        "troubleshooting/oauth-state-missing-from-cookies",
    ),
    (
        pages(200, "OK"),
        f"{URL}hub/oauth_callback",
        "https://login.example.com:9001/auth",
        "login.example.com",
        "Failed to establish a new connection: [Errno 111] Connection refused",
        "troubleshooting/internal-server-error-after-the-provider",
    ),
    (
        Answer(silent=True),
        f"{URL}hub/oauth_callback",
        AT_PROVIDER,
        "login.example.com",
        f"the provider does not answer: no answer from {AT_PROVIDER} in time: ReadTimeout",
        "troubleshooting/internal-server-error-after-the-provider",
    ),
]


@pytest.mark.parametrize(("answer", "back", "provider", "called", "words", "page"), AT_PROVIDERS)
def test_what_a_provider_answers_is_looked_at_without_a_user(place, answer, back, provider, called, words, page):
    replay = Replay.of("outside")
    by_a_button(answer, back, provider, called)(place, replay)
    run = place.check(replay, URL, "--ca-file", place.trusted, "--until", "login_works", "--timeout", "2")
    if page:
        assert (run.last["ok"], run.last["page"]) == (False, page)
        assert words in run.last["said"]
    else:
        assert run.last["ok"], run.last
        assert run.last["evidence"][-3:-1] == [f"GET /jupyter/hub/oauth_login -> 302 {provider}, to come back to {back}", words]


def test_a_provider_gets_neither_the_hubs_cookies_nor_a_token(place):
    replay = Replay.of("token")
    by_a_button(pages(200, "OK"))(place, replay)
    climb(place, replay, "--token-file", f"{place.folder}/token.txt", "--until", "login_works")
    (asked,) = [request for request in replay.seen if request["url"].startswith(AT_PROVIDER)]
    assert not {"cookie", "authorization"} & {name.lower() for name in asked["headers"]}


def test_a_provider_whose_authority_is_not_known_here_is_left_alone(place):
    """The hub may know it."""
    replay = Replay.of("outside")
    by_a_button(pages(200, "OK"))(place, replay)
    with mock.patch.object(hubcheck.requests, "get", side_effect=requests.exceptions.SSLError("unable to get local issuer certificate")):
        run = place.check(replay, URL, "--ca-file", place.trusted, "--until", "login_works")
    assert run.last["ok"], run.last
    assert f"whether {AT_PROVIDER} answers is not known: unable to get local issuer certificate" in run.last["evidence"]


def test_from_outside_a_hub_whose_users_log_in_elsewhere_has_no_fault(place):
    replay = Replay.of("outside")
    at_a_provider(place, replay)
    run = place.check(replay, URL, "--ca-file", place.trusted, "--megabytes", "1")
    assert run.last["ok"], run.last
    assert run.last["rung"] == "blocks_shown"


# From outside


@pytest.mark.parametrize("name", ["outside", "user", "token"])
def test_a_hub_that_hides_its_version_is_one_all_the_same(place, name):
    replay = Replay.of(name)
    for key, known in replay.answers.items():
        replay.answers[key] = [answer.with_header("X-JupyterHub-Version", "") for answer in known]
    run = place.check(replay, *given(place, recorded()[name]["options"]), "--ca-file", place.trusted, "--megabytes", "1")
    assert (run.status, run.last["rung"]) == (0, LADDER[-1]), run.last


def test_a_websocket_that_stays_before_the_hub_is_told(place):
    replay = Replay.of("outside")
    replay.change("GET", "/channels", nginx(403, "Forbidden"))
    run = place.check(replay, URL, "--ca-file", place.trusted, "--megabytes", "1")
    assert run.last["said"] == (
        "GET /jupyter/user/hubcheck/api/kernels/none/channels -> 403 on the WebSocket: 403 Forbidden 403 Forbidden nginx (from nginx)"
    )
    assert run.last["page"] == "deploy/how-the-parts-fit"


def test_it_asks_for_a_websocket_as_a_browser_does(place):
    replay = Replay.of("outside")
    place.check(replay, URL, "--ca-file", place.trusted, "--megabytes", "1")
    (asked,) = [headers for request, headers in zip(replay.seen, replay.headers, strict=True) if request["url"].endswith("/channels")]
    key = asked.pop("Sec-WebSocket-Key")
    assert len(base64.b64decode(key)) == 16
    names = ("upgrade", "connection", "sec-websocket-version", "origin")
    assert {name.lower(): value for name, value in asked.items() if name.lower() in names} == {
        "upgrade": "websocket",
        "connection": "Upgrade",
        "sec-websocket-version": "13",
        "origin": "https://hub.example.com",
    }


def test_a_large_request_may_take_as_long_as_a_server_that_starts(place):
    replay = Replay.of("outside")
    replay.change("POST", "/hub/api/users/hubcheck", API.with_header("Location", URL))
    run = place.check(replay, URL, "--ca-file", place.trusted, "--megabytes", "1", "--timeout", "7", "--spawn-timeout", "70")
    assert run.last["rung"] == "blocks_shown"
    assert run.rungs[-2]["evidence"] == ["1 MB reach the hub -> 200"]
    assert {(method, seconds) for method, _, seconds in run.waits if method == "POST"} == {("POST", 70)}
    assert {seconds for method, url, seconds in run.waits if url.startswith(URL) and method == "GET"} == {7}


def test_a_large_request_is_not_sent_on_to_another_address(place):
    replay = Replay.of("outside")
    replay.change("POST", "/hub/api/users/hubcheck", Answer(307, "Temporary Redirect", (("Location", "/elsewhere"),)))
    run = place.check(replay, URL, "--ca-file", place.trusted, "--megabytes", "1")
    assert run.last["said"] == "POST /jupyter/hub/api/users/hubcheck, 1 MB -> 307 Temporary Redirect: /elsewhere (from another program)"


def test_of_a_climb_uploads_and_starts_may_take_longer(place):
    run = climb(place, Replay.of("user"), "--timeout", "7", "--spawn-timeout", "70")
    assert run.last["ok"]
    waits = {(method, re.sub("hubcheck-[0-9a-f]+", "…", url.removeprefix(URL)), seconds) for method, url, seconds in run.waits}
    assert {(method, url) for method, url, seconds in waits if seconds == 70} == {
        ("GET", "hub/api/users/alice/server/progress"),
        ("PUT", "user/alice/api/contents/…/large.bin"),
        ("PUT", "user/alice/api/contents/…/a%20b%25c%23d%2Be%27f%20%C3%BC%E6%BC%A2.txt"),
        ("PUT", "user/alice/api/contents/…/lesson.txt"),
        ("PUT", "user/alice/api/contents/…/page.html"),
    }
    assert {seconds for *_, seconds in waits} == {7, 70, 3}


def test_a_large_request_that_stays_before_the_hub_is_told(place):
    replay = Replay.of("outside")
    replay.change("POST", "/hub/api/users/hubcheck", pages(413, "Request Entity Too Large", "<h1>413</h1>"))
    run = place.check(replay, URL, "--ca-file", place.trusted, "--megabytes", "2")
    assert run.last["said"] == "POST /jupyter/hub/api/users/hubcheck, 2 MB -> 413 Request Entity Too Large: 413 (from another program)"
    (asked,) = [request for request in replay.seen if request["method"] == "POST"]
    assert asked["body"] == "<2000000 characters>"


# How it goes on and how it ends


def test_how_long_it_took_is_told_in_seconds_that_went_by(place):
    evidence = [line for rung in climb(place, Replay.of("user")).rungs for line in rung["evidence"]]
    told = [float(seconds) for line in evidence for seconds in re.findall(r" in ([\d.]+) s$", line)]
    assert max(told) < 60, evidence


def test_a_server_without_any_kernel_is_told(place):
    replay = Replay.of("user")
    replay.change("GET", "/api/kernelspecs", json_of('{"default": "python3", "kernelspecs": {}}'))
    assert climb(place, replay).last["said"] == "my_kernel is not among the kernels: none"


def test_where_the_hub_does_not_answer_no_other_address_is_looked_for(place):
    replay = there(URL)
    replay.answers["GET", "https://hub.example.com/other/hub/api"] = [nginx(502, "Bad Gateway")]
    rung = first_rung(place, replay, url="https://hub.example.com/other/")
    assert "JupyterHub answers at" not in rung["said"]
    assert rung["page"] == "troubleshooting/bad-gateway-or-service-unavailable"


def test_a_server_that_answers_on_port_80_alone_is_named_though_it_leads_to_https(place):
    place.ports = {80: "http"}
    rung = first_rung(place, Replay(everything=moved(URL)))
    assert rung["said"].endswith("; nginx answers on port 80 alone")


def test_it_climbs_no_further_than_it_is_told(place):
    run = climb(place, Replay.of("user"), "--until", "login_works")
    assert [(rung["rung"], rung["ok"]) for rung in run.rungs] == [("hub_answers", True), ("login_works", True)]
    assert run.status == 0


def test_results_are_json_in_place_of_the_text_or_beside_it(place):
    run = place.check(Replay.of("outside"), URL, "--ca-file", place.trusted, "--until", "login_works", "--json")
    shown = json.loads(run.out)
    assert shown["url"] == URL
    assert [list(rung) for rung in shown["rungs"]] == [["rung", "ok", "seconds", "evidence"]] * 2
    assert run.out.startswith(
        '{\n  "hubcheck": "1.0",\n  "guide": "",\n  "url": "https://hub.example.com/jupyter/",\n  "rungs": ['
        '\n    {\n      "rung": "hub_answers",\n'
    )
    run = place.check(Replay.of("outside"), URL, "--ca-file", place.trusted, "--until", "login_works")
    assert run.out.startswith("✓ hub_answers (")
    assert (place.folder / "told.json").read_text("utf-8").endswith("\n}\n")


def test_for_a_timer_it_is_silent_while_all_holds_and_else_says_one_line(place):
    options = (URL, "--ca-file", place.trusted, "--megabytes", "2", "--watch")
    run = place.check(Replay.of("outside"), *options)
    assert (run.status, run.out, run.err) == (0, "", "")
    replay = Replay.of("outside")
    replay.change("POST", "/hub/api/users/hubcheck", pages(413, "Request Entity Too Large", "<h1>413</h1>"))
    run = place.check(replay, *options)
    assert run.status == 1
    assert re.fullmatch(r"upload_lands fails: POST .* -> 413 .* Cause: .* Read: troubleshooting/request-entity-too-large\n", run.out)


def test_what_is_not_ascii_is_written_as_it_is(place):
    page = pages(404, "Not Found", "ü漢").with_header("Content-Type", "text/html; charset=utf-8")
    replay = Replay(everything=page)
    run = place.check(replay, "http://127.0.0.1/a/", "--junit", f"{place.folder}/out.xml")
    assert "ü漢" in (place.folder / "told.json").read_text("utf-8")
    suite = ElementTree.parse(place.folder / "out.xml").getroot()
    assert suite.get("name") == "hubcheck http://127.0.0.1/a/"
    assert [case.get("name") for case in suite] == ["hub_answers"]
    assert "ü漢" in place.check(replay, "http://127.0.0.1/a/", "--json").out
    assert run.status == 1


def test_seconds_are_those_that_went_by(place):
    replay = Replay.of("user")
    starting((0, "{}"), (2.5, READY))(place, replay)
    run = climb(place, replay, "--until", "server_spawns")
    assert 2.5 <= run.last["seconds"] < 3.5
    assert run.last["seconds"] == round(run.last["seconds"], 2)


def test_with_v_every_request_is_told_without_its_query(place):
    run = place.check(Replay.of("outside"), URL, "--ca-file", place.trusted, "--megabytes", "1", "-v")
    lines = [re.sub(r"\d\.\d\d s", "… s", line) for line in run.err.splitlines()]
    assert lines[:3] == ["TLS hub.example.com:443", f"GET {URL}hub/api", f"  200 GET {URL}hub/api in … s"]
    run = climb(place, Replay.of("user"), "-v")
    assert "?…" in run.err
    assert not re.search(r"\?[^…\n]", run.err)
    assert re.search(r"^WebSocket wss://hub.example.com/jupyter/user/alice/api/kernels/[0-9-]+/channels$", run.err, re.M)
    assert "password-of-alice" not in run.err
    assert not climb(place, Replay.of("user"), "--until", "login_works").err


def test_the_guides_address_makes_whole_addresses(place):
    replay = Replay(everything=pages(502, "Bad Gateway", "<h1>502 Bad Gateway</h1>"))
    run = place.check(replay, "http://127.0.0.1/a/", "--guide", "https://docs.example.com/hub/")
    assert run.out.endswith("\n  Read: https://docs.example.com/hub/troubleshooting/bad-gateway-or-service-unavailable/index.html\n")


def test_a_person_at_a_terminal_sees_colours_and_what_goes_on(place):
    replay = Replay.of("outside")
    replay.change("POST", "/hub/api/users/hubcheck", pages(413, "Request Entity Too Large"))
    given = (URL, "--ca-file", place.trusted, "--megabytes", "1")
    run = place.check(replay, *given, watched=True)
    marks = re.findall(r"^(\S+ \S+) \(\d", run.out, re.M)
    assert marks == [
        "\033[32m✓ hub_answers\033[0m",
        "\033[32m✓ login_works\033[0m",
        "\033[32m✓ kernel_channel\033[0m",
        "\033[31m✗ upload_lands\033[0m",
    ]
    clear = "\r\033[K"
    rungs = ("hub_answers", "login_works", "kernel_channel", "upload_lands")
    assert run.err == "".join(f"{clear}… {rung}{clear}" for rung in rungs) + clear * 2
    run = place.check(Replay.of("outside"), *given, watched=True, NO_COLOR="")
    assert "\033" not in run.out
    assert "… hub_answers" in run.err


def test_a_person_is_told_of_the_cleaning_up(place):
    run = climb(place, Replay.of("user"), "--until", "server_spawns", watched=True)
    assert run.err.endswith("\r\033[K… cleaning up\r\033[K")


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_whoever_interrupts_it_leaves_nothing_running(place, name):
    replay = Replay.of("user")
    stop = dataclasses.replace(Answer(silent=True), before=lambda: os.kill(os.getpid(), getattr(signal, name)))
    replay.change("GET", "/api/kernelspecs", stop)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    run = climb(place, replay)
    assert run.status == 1
    assert run.err == "hubcheck: interrupted; what it had started is taken away again\n"
    assert [line.split()[1] for line in run.out.splitlines() if line.startswith("✓")] == LADDER[:3]
    assert "DELETE hub/api/users/alice/server" in urls(replay)
    assert not run.rungs


def test_who_interrupts_it_hears_of_what_is_left(place):
    replay = Replay.of("user")
    stop = dataclasses.replace(Answer(silent=True), before=lambda: os.kill(os.getpid(), signal.SIGTERM))
    replay.change("GET", "/api/kernelspecs", stop)
    replay.answers["DELETE", f"{URL}hub/api/users/alice/server"] = [UNREACHED]
    assert climb(place, replay).err.splitlines() == [
        "hubcheck: interrupted",
        "hubcheck: not taken away again: DELETE /jupyter/hub/api/users/alice/server -> 503 Service Temporarily Unavailable: "
        "503 Service Temporarily Unavailable 503 Service Temporarily Unavailable nginx (from nginx)",
    ]


def test_who_interrupts_the_cleaning_up_is_not_told_that_it_is_done(place):
    replay = Replay.of("user")
    stop = dataclasses.replace(Answer(silent=True), before=lambda: os.kill(os.getpid(), signal.SIGTERM))
    replay.answers["DELETE", f"{URL}hub/api/users/alice/server"] = [stop]
    run = climb(place, replay, "--until", "server_spawns")
    assert (run.status, run.err) == (1, "hubcheck: interrupted\n")


def test_under_nohup_a_terminal_that_closes_ends_nothing(place):
    replay = Replay.of("user")
    replay.change("GET", "/api/kernelspecs", lambda answer: dataclasses.replace(answer, before=lambda: os.kill(os.getpid(), signal.SIGHUP)))
    kept = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert climb(place, replay, "--until", "kernel_listed").status == 0
    finally:
        signal.signal(signal.SIGHUP, kept)


def test_a_terminal_that_is_closed_keeps_the_cleaning_up_from_nothing(monkeypatch):
    closed = SimpleNamespace(isatty=lambda: True, write=mock.Mock(side_effect=OSError(5, "Input/output error")), flush=lambda: None)
    monkeypatch.setattr(sys, "stderr", closed)
    hubcheck.teller()("cleaning up")
    assert closed.write.called


def test_what_cannot_be_taken_away_keeps_the_rest_from_nothing(place):
    replay = Replay.of("user")
    for method, url in list(replay.answers):
        if method == "DELETE" and "/api/contents/" in url:
            replay.answers[method, url] = [Answer(500, "Internal Server Error")]
    run = climb(place, replay, "--until", "kernel_channel")
    assert run.last["ok"]
    assert "DELETE hub/api/users/alice/server" in urls(replay)
    (line,) = run.err.splitlines()
    wanted = (
        r"hubcheck: not taken away again: DELETE /jupyter/user/alice/api/contents/hubcheck-\w{8} -> 500 Internal Server Error \(from .*\)"
    )
    assert re.fullmatch(wanted, line), line


@pytest.mark.parametrize("server", ["nginx", "Apache"])
def test_a_hub_where_nothing_can_be_deleted_is_no_good_one(place, server):
    replay = Replay.of("user")
    refusal = nginx(405, "Not Allowed") if server == "nginx" else apache(405, "Method Not Allowed")
    for method, url in list(replay.answers):
        if method == "DELETE":
            replay.answers[method, url] = [refusal]
    run = climb(place, replay)
    assert (run.status, run.last["rung"]) == (1, "upload_lands")
    assert re.match(rf"DELETE /jupyter/user/alice/api/contents/hubcheck-\w+/lesson.txt -> 405 .*\(from {server}\)$", run.last["said"])
    assert "lets only some methods of HTTP pass" in run.last["cause"]
    assert run.err.startswith("hubcheck: not taken away again: DELETE /jupyter/user/alice/api/contents/hubcheck-")


@pytest.mark.parametrize("address", ["\x80", "http://[", "https://hub.example.com:99999/"])
def test_a_redirect_that_cannot_be_read_keeps_the_rest_of_the_cleaning_up_from_nothing(place, address):
    replay = Replay.of("user")
    replay.change("DELETE", "/page.html", Answer(302, "Found", (("Location", address),)))
    run = climb(place, replay)
    assert run.last["ok"]
    assert "DELETE hub/api/users/alice/server" in urls(replay)


def test_a_redirect_that_cannot_be_read_is_told(place):
    run = place.check(Replay(everything=Answer(302, "Found", (("Location", "\x80"),))), "http://127.0.0.1/a/")
    assert run.last["said"] == "GET http://127.0.0.1/a/hub/api: the answer leads to an address that cannot be read"


def test_without_its_packages_it_says_how_it_is_run():
    script = "import sys; sys.modules['websocket'] = None; import runpy; runpy.run_path(sys.argv.pop(1), run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", script, hubcheck.__file__, URL], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == "hubcheck needs the Python package 'websocket': run it with 'uv run', or with the hub's own Python.\n"


def test_the_first_cause_that_fits_is_told():
    """In the order of the table: what is narrow stands before what is wide."""
    said = {
        "hub/api -> 404 Not Found: Not Found (from JupyterHub's own proxy)": "deploy/run-as-a-service",
        "hub/api -> 404 Not Found: nginx (from nginx)": "troubleshooting/not-found-under-the-base-url",
        "-> 403 on the WebSocket: Jupyter Server (from the user's server)": "deploy/how-the-parts-fit",
        "GET hub/api -> 500 Internal (from Apache)": "troubleshooting/internal-server-error-from-apache",
    }
    assert {words: next(page for seen, _, page in hubcheck.CAUSES if re.search(seen, words)) for words in said} == said


# Whose an answer is, and how sure a verdict is


WORDS = {404: "Not Found", 502: "Bad Gateway", 503: "Service Unavailable"}
# What JupyterHub gives to users' servers, too, where nobody sets another policy.
OF_THE_HUB = "frame-ancestors 'none'; report-uri /jupyter/hub/security/csp-report"
HAPROXY = "<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this request.\n</body></html>\n"


def from_whom(status, text, path="hub/api", **headers):
    answer = answered(status, text, **headers)
    answer.url = URL + path
    return hubcheck.whose(answer)


@pytest.mark.parametrize(
    ("status", "text", "headers", "name"),
    [
        (403, "", {"X_JupyterHub_Version": "6.1.1", "Content_Security_Policy": OF_THE_HUB}, "the user's server"),
        (503, "<title>JupyterHub</title>", {"X_JupyterHub_Version": "6.1.1"}, "the hub"),
        (302, "", {"X_JupyterHub_Version": "6.1.1", "Location": "/jupyter/hub/user/alice/api"}, "the hub"),
        (302, "", {"X_JupyterHub_Version": "6.1.1", "Location": "/jupyter/hub/login"}, "the user's server"),
        (403, "", {"X_JupyterHub_Version": "6.1.1", "Server": "nginx"}, "the user's server"),
        (403, "<h1>Blocked by</h1>", {"X_JupyterHub_Version": "6.1.1"}, "the user's server"),
        (404, "<title>JupyterHub</title>", {"Content_Type": "text/html"}, "the hub"),
        (404, "<title>Jupyter Server</title>", {"Content_Type": "text/html"}, "the user's server"),
        (500, '{"message": "no", "reason": null}', {"Content_Type": "application/json"}, "the user's server"),
        (500, '{"message": "no"}', {"Content_Type": "application/json"}, "another program"),
        (400, 'Can "Upgrade" only to "WebSocket".', {"Server": "nginx"}, "the user's server"),
        (404, "<i>configurable-http-proxy</i>", {"Content_Type": "text/html"}, "JupyterHub's own proxy"),
        (503, "Service Unavailable", {"Server": "nginx"}, "JupyterHub's own proxy"),
        (503, "Service Unavailable", {"Content_Type": "text/plain; charset=utf-8"}, "another program"),
        (503, "Not Found", {}, "another program"),
        (500, "Internal Server Error", {}, "JupyterHub's own proxy"),
        (502, "Bad Gateway", {}, "a program in Go, such as Traefik"),
        (502, "Bad Gateway", {"Server": "Caddy"}, "a program in Go, such as Traefik"),
        (502, "Bad Gateway", {"Content_Type": "text/plain"}, "another program"),
        (503, "no available server\n", {"Content_Type": "text/plain; charset=utf-8"}, "a program in Go, such as Traefik"),
        (502, "<hr><center>nginx/1.22.1</center>", {"Content_Type": "text/html", "Server": "cloudflare"}, "nginx"),
        (200, "<hr><center>nginx</center>", {"Content_Type": "text/html"}, "nginx"),
        (200, "<hr><center>nginx</center>", {"Content_Type": "text/plain"}, "another program"),
        (404, '<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">', {"Content_Type": "text/html"}, "Apache"),
        (404, "<address>Apache/2.4.66 (Debian) Server</address>", {}, "Apache"),
        (503, HAPROXY, {"Content_Type": "text/html"}, "HAProxy"),
        (404, "404 page not found\n", {"Content_Type": "text/plain; charset=utf-8"}, "a program in Go, such as Traefik"),
        (403, "The requested URL was rejected. Please consult with your administrator.", {}, "a firewall"),
        (406, "<p>This error was generated by Mod_Security.</p>", {"Server": "Apache"}, "a firewall"),
        (502, "", {"Server": "Caddy"}, "Caddy"),
        (403, "error code: 1020", {"Server": "cloudflare"}, "Cloudflare"),
        (503, "<center>a page</center>", {"Server": "awselb/2.0"}, "a balancer of AWS"),
        (503, "Our own page", {"Server": "nginx/1.22.1"}, "nginx or a program behind it"),
        (503, "Our own page", {"Server": "Apache"}, "Apache or a program behind it"),
        (520, "", {}, "another program"),
        (404, "", {"Server": "SimpleHTTP/0.6 Python/3.11"}, "another program"),
    ],
)
def test_whose_an_answer_is(status, text, headers, name):
    assert from_whom(status, text, "user/alice/api", **headers) == name


def test_only_the_hub_answers_above_the_users_servers():
    assert from_whom(403, "", "hub/api", X_JupyterHub_Version="6.1.1") == "the hub"
    assert from_whom(403, "", "hub/user/alice/", X_JupyterHub_Version="6.1.1") == "the hub"
    assert from_whom(500, '{"message": "no", "reason": null}', "hub/api", Content_Type="application/json") == "the hub"


SLASH = "not-found-for-an-encoded-slash"
# (what was said, how certain the cause is, the page)
VERDICTS = [
    ("PUT /a -> 413 Request Entity Too Large (from nginx)", "certain", "request-entity-too-large"),
    ("PUT /a -> 403 Forbidden: no (from a firewall)", "certain", "invalid-response-403-forbidden"),
    ("PUT /a -> 403 Forbidden: no (from nginx)", "one of these", "invalid-response-403-forbidden"),
    ("PUT /a -> 406 Not Acceptable (from another program)", "one of these", "invalid-response-403-forbidden"),
    ("DELETE /a -> 405 Not Allowed (from Apache)", "one of these", "invalid-response-403-forbidden"),
    ("PUT /a -> 403 Forbidden: no (from the user's server)", "not known", "index"),
    ("GET /jupyter/hub/login -> 403 Forbidden: 403 (from nginx)", "one of these", "forbidden-for-everybody"),
    ("POST /jupyter/hub/login -> 403: Attention Required! (from Cloudflare)", "one of these", "invalid-response-403-forbidden"),
    ("POST /jupyter/hub/login -> 405: 405 (from nginx)", "one of these", "invalid-response-403-forbidden"),
    ("POST /jupyter/hub/login -> 403: Login form invalid or expired. (from the hub)", "one of these", "xsrf-cookie-does-not-match"),
    ("POST /jupyter/hub/login -> 403: '_xsrf' argument missing from POST (from the hub)", "one of these", "xsrf-cookie-does-not-match"),
    ("POST /jupyter/hub/login -> 403: Invalid username or password (from the hub)", "one of these", "invalid-username-or-password"),
    *[
        (f"{whose}{words}", "not known", "index")
        for whose in (
            "the server does not start: Spawn failed: HTTPConnectionPool(host='docker', port=2375): ",
            "GET /hub/spawn -> 500 Internal Server Error: ",
        )
        for words in ("Name or service not known", "[Errno 111] Connection refused", "[SSL: WRONG_VERSION_NUMBER] no", EXPIRED)
    ],
    (
        "POST /u/api/kernels -> 500 Error: no (from the user's server); [Errno 111] Connection refused",
        "not known",
        "index",
    ),
    ("GET /a: [Errno 111] Connection refused", "one of these", "deploy/reverse-proxy"),
    ("hub.example.com:443: [Errno -2] Name or service not known", "certain", "deploy/reverse-proxy"),
    (EXPIRED, "one of these", "certificate-has-expired"),
    ("GET /b/hub/api -> 404; JupyterHub answers at https://h/a/, not at https://h/b/", "one of these", "deploy/check"),
    ("GET /ab/hub/api -> 404; JupyterHub answers at https://h/a/, not at https://h/ab/", "one of these", "deploy/check"),
    ("GET /a/b/hub/api -> 404; JupyterHub answers at https://h/a/, not at https://h/a/b/", "certain", "deploy/check"),
    ("GET /hub/api -> 404; JupyterHub answers at https://h/a/, not at https://h/", "certain", "deploy/check"),
    ("1426 bytes were sent, and 7 others came back", "not known", "index"),
    ("GET /x/channels -> 426 on the WebSocket: no (from the hub)", "certain", "can-upgrade-only-to-websocket"),
    ("PUT /a -> 504 Gateway Time-out: 504 (from nginx)", "one of these", "bad-gateway-or-service-unavailable"),
    ("GET /hub/api -> 503 Service Unavailable (from nginx)", "one of these", "bad-gateway-or-service-unavailable"),
    ("GET /user/alice/ -> 503 Service Unavailable: 503 (from the hub)", "not known", "index"),
    ("GET /x/channels -> 403 on the WebSocket: no (from nginx)", "one of these", "deploy/how-the-parts-fit"),
    ("GET /x/channels -> 504 on the WebSocket: late (from another program)", "one of these", "bad-gateway-or-service-unavailable"),
    ("GET /x/channels -> 200 on the WebSocket: Login (from another program)", "one of these", "deploy/how-the-parts-fit"),
    ("GET /x/channels -> 403 on the WebSocket: no (from a firewall)", "certain", "invalid-response-403-forbidden"),
    ("GET /x/channels -> 403 on the WebSocket: Jupyter Server (from the user's server)", "one of these", "deploy/how-the-parts-fit"),
    ("GET /x/channels -> 500 on the WebSocket: no (from the user's server)", "not known", "index"),
    ("GET /u/api/events/subscribe -> 404 on the WebSocket: no (from nginx)", "certain", "websockets-of-some-paths-only"),
    ("GET /u/api/events/subscribe -> 403 on the WebSocket: no (from the user's server)", "one of these", "deploy/how-the-parts-fit"),
    ("GET /hub/api -> 404 Not Found: 404 (from the hub)", "certain", "not-found-under-the-base-url"),
    ("GET /hub/api -> 404 Not Found: 404 (from Apache)", "one of these", "not-found-under-the-base-url"),
    ("GET /hub/api -> 200, but not JSON: Login (from nginx or a program behind it)", "one of these", "address-already-in-use"),
    ("GET /hub/api -> 500 Internal Server Error (from Apache)", "one of these", "internal-server-error-from-apache"),
    ("GET /hub/api -> 500 Internal Server Error (from the hub)", "not known", "index"),
    ("Spawn failed: Server at http://127.0.0.1:1/ didn't respond in 30 seconds", "one of these", "server-did-not-respond-in-time"),
    ("the server does not start: Spawn failed:", "one of these", "unknown-assignment"),
    ("Spawn failed: Job 5 ended before its server listened.", "one of these", "deploy/slurm"),
    ("Spawn failed: Job 5 took too long. Slurm said last: PENDING Resources", "one of these", "deploy/slurm"),
    ("GET /hub/spawn -> 500 Internal Server Error: sbatch: error: no (from the hub)", "one of these", "deploy/slurm"),
    ("Spawn failed: Container jupyter-alice ended at once: docker logs jupyter-alice says why.", "one of these", "deploy/docker"),
    ("GET /hub/spawn -> 500 error: Docker does not answer. (from the hub)", "one of these", "deploy/docker"),
    ("Spawn failed: Docker says: network jupyter not found", "one of these", "deploy/docker"),
    ("a part of JupyterLab's page does not load: GET /a.js -> 404 Not Found (from nginx)", "certain", "scripts-are-not-found"),
    ("a part of JupyterLab's page does not load: GET /a.js -> 200 OK: Hello (from another program)", "certain", "scripts-are-not-found"),
    ("a part of JupyterLab's page does not load: GET /a.js -> 404 Not Found (from the user's server)", "not known", "index"),
    ("a file whose text looks like an attack does not pass: PUT /a -> 403 (from nginx)", "certain", "invalid-response-403-forbidden"),
    ("a file whose text looks like an attack does not pass: PUT /a -> 500 (from the user's server)", "not known", "index"),
    ("GET /u/ -> 500 Internal Server Error: Redirect loop detected. (from the hub)", "one of these", "redirected-you-too-many-times"),
    ("GET /hub/api -> 401 Unauthorized: 401 Authorization Required (from nginx)", "certain", "deploy/check"),
    ("GET /hub/api -> 401 Unauthorized: a login (from another program)", "certain", "deploy/check"),
    ("GET /hub/api -> 400 Bad Request: No required SSL certificate was sent (from nginx)", "certain", "deploy/check"),
    ("GET /hub/api -> 400 Bad Request: 400 (from nginx)", "not known", "index"),
    ("GET /hub/api -> 500 Proxy Error: Error during SSL Handshake (from Apache)", "one of these", "internal-server-error-from-apache"),
    ("hub.example.com:443: [SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1000)", "one of these", "deploy/reverse-proxy"),
    ("GET /hub/api -> 401 Unauthorized: no (from the hub)", "not known", "index"),
    ("GET /hub/api -> 403 Forbidden: 403 (from nginx)", "one of these", "forbidden-for-everybody"),
    ("GET /hub/api -> 403 Forbidden: no (from the hub)", "not known", "index"),
    ("PUT /a: Remote end closed connection without response", "one of these", "invalid-response-403-forbidden"),
    ("GET /a: Remote end closed connection without response", "not known", "index"),
    ("PUT /a: the connection was closed in the middle of the upload", "one of these", "upload-breaks-off"),
    ("GET /files/a -> 404 Not Found: 404 (from nginx)", "one of these", "scripts-are-not-found"),
    ("GET /files/a -> 404 Not Found: 404 (from the user's server)", "not known", "index"),
    ("GET /u/api/kernelspecs -> 404 Not Found: no (from the user's server)", "certain", "cross-origin-websockets-not-allowed"),
    ("GET /hub/api -> 503 Service Unavailable: Service Unavailable (from JupyterHub's own proxy)", "one of these", "connect-emfile"),
    ("GET /user/alice/ -> 503 Service Unavailable: Service Unavailable (from JupyterHub's own proxy)", "one of these", "connect-emfile"),
    ("GET /x/channels -> 503 on the WebSocket: Service Unavailable (from JupyterHub's own proxy)", "one of these", "connect-emfile"),
    ("GET /x/channels -> 502 on the WebSocket: 502 (from nginx)", "one of these", "bad-gateway-or-service-unavailable"),
    ("GET /u/api/events/subscribe -> 504 on the WebSocket: late (from nginx)", "one of these", "bad-gateway-or-service-unavailable"),
    ("GET /u/api/events/subscribe -> 502 on the WebSocket: 502 (from Apache)", "one of these", "bad-gateway-or-service-unavailable"),
    ("a WebSocket's address with a space does not pass: GET /a -> 502 (from Apache)", "one of these", "bad-gateway-or-service-unavailable"),
    ("Blockly does not load: GET /blockly.js -> 502 (from nginx)", "one of these", "bad-gateway-or-service-unavailable"),
    # As Traefik 3.6.4 answers: an empty page, and no word of its own.
    ("a WebSocket's address with ? does not pass: GET /a -> 400 on the WebSocket (from another program)", "one of these", SLASH),
    ("the encoded name 'a' does not pass: PUT /a -> 400 Bad Request (from another program)", "one of these", SLASH),
    ("an encoded slash (%2F) does not pass: GET /a -> 400 Bad Request (from another program)", "one of these", SLASH),
    (
        "the encoded name 'a' does not pass: PUT /a -> 400 Bad Request: no (from the user's server)",
        "certain",
        "bad-request-for-a-percent-sign",
    ),
    ("GET /hub/login -> 401 Unauthorized: 401 (from Apache)", "certain", "deploy/check"),
    ("GET /hub/login -> 401 Unauthorized: no (from the hub)", "not known", "index"),
    ("the hub's pages may be framed: Content-Security-Policy: none", "one of these", "jigsaw/configure"),
    ("every page of the server may be framed: Content-Security-Policy: none", "one of these", "jigsaw/configure"),
    ("every page of the server may be framed: Content-Security-Policy: frame-ancestors 'none'", "one of these", "jigsaw/configure"),
    ("something that nobody has seen before", "not known", "index"),
]


@pytest.mark.parametrize(("said", "certainty", "page"), VERDICTS)
def test_a_verdict_is_as_sure_as_what_was_seen(said, certainty, page):
    told = hubcheck.verdict(said)
    assert (told["certainty"], told["page"].removeprefix("troubleshooting/")) == (certainty, page)
    assert bool(told["cause"]) == (certainty != "not known")
    assert bool(told["decide"]) == (certainty == "one of these")


@pytest.mark.parametrize("words", ['Can "Upgrade" only to "WebSocket".', '"Connection" must be "Upgrade".'])
@pytest.mark.parametrize(("address", "certainty"), [("127.0.1.1", "certain"), (ADDRESS, "one of these")])
def test_who_has_taken_an_upgrade_away_is_certain_on_the_server_alone(place, words, address, certainty):
    place.names = {"hub.example.com": address}
    replay = Replay.of("user")
    replay.change("GET", CHANNELS, pages(400, "Bad Request", words))
    run = climb(place, replay)
    assert run.last["certainty"] == certainty
    assert ("Something between this machine and the server" in run.last["cause"]) == (certainty != "certain")


# (what was said, which proxy other answers have named, what the cause or how to decide says, the page)
OTHERS = [
    ("GET /hub/api -> 502 Bad Gateway (from Caddy)", "", "reverse_proxy", "bad-gateway-or-service-unavailable"),
    ("GET /hub/api -> 503 Service Unavailable: 503 (from HAProxy)", "", "HAProxy's own check", "bad-gateway-or-service-unavailable"),
    (
        "GET /hub/api -> 502 Bad Gateway: Bad Gateway (from a program in Go, such as Traefik)",
        "",
        "the server's url",
        "bad-gateway-or-service-unavailable",
    ),
    (
        "GET /hub/api -> 404 Not Found: 404 page not found (from a program in Go, such as Traefik)",
        "",
        "no router",
        "not-found-under-the-base-url",
    ),
    ("GET /hub/api -> 404 Not Found (from Caddy)", "", "handle_path", "not-found-under-the-base-url"),
    ("GET /hub/api -> 404 Not Found: 404 : Not Found (from the hub)", "Caddy", "handle_path", "not-found-under-the-base-url"),
    ("GET /hub/api -> 200, but no JupyterHub: null (from Caddy)", "", "empty page and status 200", "not-found-under-the-base-url"),
    ("GET /hub/api -> 200, but not JSON: Welcome (from Caddy)", "", "Another program listens", "address-already-in-use"),
    ("GET /hub/api -> 401 Unauthorized (from Caddy)", "", "basic_auth", "deploy/check"),
    ("GET /hub/api -> 401 Unauthorized: 401 Unauthorized (from a program in Go, such as Traefik)", "", "basicAuth", "deploy/check"),
    (
        "GET /hub/api -> 403 Forbidden: Forbidden (from a program in Go, such as Traefik)",
        "",
        "ipAllowList",
        "forbidden-for-everybody",
    ),
    ("PUT /a, 20 MB -> 413 Request Entity Too Large (from Caddy)", "", "max_size", "request-entity-too-large"),
    ("PUT /a, 20 MB -> 413 Payload Too Large: 413 (from HAProxy)", "", "deny_status 413", "request-entity-too-large"),
    (
        "PUT /a -> 413 Request Entity Too Large (from a program in Go, such as Traefik)",
        "",
        "maxRequestBodyBytes",
        "request-entity-too-large",
    ),
    ("the cookie a comes without Secure, though the address is https", "Caddy", "header_up X-Scheme {scheme}", "cookies-without-secure"),
    ("the reverse proxy closed the idle WebSocket within 6 s: x", "Caddy", "stream_timeout", "websocket-closes-when-idle"),
    ("no redirect from /jupyter to /jupyter/", "Caddy", "redir /jupyter", "not-found-without-the-last-slash"),
    (
        'GET /x/channels -> 400 on the WebSocket: Can "Upgrade" only to "WebSocket". (from the user\'s server)',
        "Caddy",
        "header_up",
        "can-upgrade-only-to-websocket",
    ),
]
OF_TWO = r"\bnginx|Apache|apachectl|proxy_pass|ProxyPass|[{}]\w+\||limit_except|a location"


@pytest.mark.parametrize(("said", "front", "words", "page"), OTHERS)
def test_nobody_behind_another_reverse_proxy_is_told_to_change_a_line_of_nginx(said, front, words, page):
    told = hubcheck.verdict(said, front)
    assert told["page"].removeprefix("troubleshooting/") == page
    assert words in f"{told['cause']} {told['decide']}"
    assert not re.search(OF_TWO, f"{told['cause']} {told['decide']}")


def test_each_cause_has_words_that_fit_each_reverse_proxy():
    texts = [
        text for _, cause, _ in hubcheck.CAUSES for text in (cause if isinstance(cause, str) else " ".join((*cause.causes, cause.decide)),)
    ]
    about = {name for text in texts for name in re.findall(r"{(\w+)\|", text)}
    for proxy, own in hubcheck.OTHER_PROXIES.items():
        assert own.keys() <= about, proxy
        told = [hubcheck.fitting(text, proxy) for text in texts]
        assert not [text for text in told if re.search(r"[{]\w+[|]|  | \.(?!js)|\.\.", text)], proxy
        alone = [text for text in told if re.search(OF_TWO, text) and "on port 80 alone" not in text]
        # What nginx or Apache alone shows.
        assert [text[:40] for text in alone if not re.match(r"(nginx refused|Apache refused|Apache's module)", text)] == [], proxy
    known = [hubcheck.fitting(text, "") for text in texts]
    assert known == [hubcheck.fitting(text, "nginx") for text in texts]
    assert not [text for text in known if re.search(r"{\w+\|", text)]


def test_where_answers_name_two_reverse_proxies_the_words_are_those_of_nginx_and_apache():
    hub = opened()
    assert hub.front == ""
    for headers, front in (
        ({"Via": "1.1 Caddy", "Server": "TornadoServer/6.6.1"}, "Caddy"),
        ({"Server": "Caddy"}, "Caddy"),
        ({"Server": "nginx"}, ""),
    ):
        hub.seen.update(hubcheck.proxies(answered(**headers)))
        assert hub.front == front
    assert "client_max_body_size" in hubcheck.verdict("PUT /a -> 413 (from nginx)", "Caddy")["cause"]
    assert "client_max_body_size" in hubcheck.verdict("PUT /a -> 413 (from another program)")["cause"]
    assert "max_size" in hubcheck.verdict("PUT /a -> 413 (from another program)", "Caddy")["cause"]


def test_a_climb_remembers_which_reverse_proxy_has_answered(place):
    replay = Replay.of("user")
    replay.change("GET", "/hub/api", lambda answer: answer.with_header("Server", "").with_header("Via", "1.1 Caddy"))
    for key, given in replay.answers.items():
        replay.answers[key] = [answer.with_header("Server", "") for answer in given]
    replay.change("GET", "/hub/api", API.with_header("Via", "1.1 Caddy"))
    replay.change("POST", "/hub/login", insecure)
    run = climb(place, replay)
    assert run.last["page"] == "troubleshooting/cookies-without-secure"
    assert "header_up X-Scheme {scheme}" in run.last["cause"]
    assert "nginx" not in run.last["cause"]


@pytest.mark.parametrize(
    ("answer", "whose", "page"),
    [
        # As Caddy 2.11.7, Traefik 3.7.15 and HAProxy 3.0.11 answered.
        (Answer(502, "Bad Gateway", (("Server", "Caddy"),)), "Caddy", "bad-gateway-or-service-unavailable"),
        (Answer(200, "OK", (("Server", "Caddy"),)), "Caddy", "not-found-under-the-base-url"),
        (Answer(502, "Bad Gateway", (), b"Bad Gateway"), "a program in Go, such as Traefik", "bad-gateway-or-service-unavailable"),
        (Answer(504, "Gateway Timeout", (), b"Gateway Timeout"), "a program in Go, such as Traefik", "bad-gateway-or-service-unavailable"),
        (Answer(403, "Forbidden", (), b"Forbidden"), "a program in Go, such as Traefik", "forbidden-for-everybody"),
        (
            Answer(503, "Service Unavailable", (("Content-Type", "text/plain; charset=utf-8"),), b"no available server\n"),
            "a program in Go, such as Traefik",
            "bad-gateway-or-service-unavailable",
        ),
        (
            Answer(404, "Not Found", (("Content-Type", "text/plain; charset=utf-8"),), b"404 page not found\n"),
            "a program in Go, such as Traefik",
            "not-found-under-the-base-url",
        ),
        (pages(503, "Service Unavailable", HAPROXY), "HAProxy", "bad-gateway-or-service-unavailable"),
    ],
)
def test_an_answer_of_another_reverse_proxy_is_told_as_its_own(place, answer, whose, page):
    run = place.check(Replay(everything=answer), "http://127.0.0.1/a/")
    assert run.last["said"].endswith(f"(from {whose})")
    assert run.last["page"] == f"troubleshooting/{page}"
    assert not re.search(OF_TWO, run.last["cause"] + run.last["decide"])


@pytest.mark.parametrize(
    "answer",
    [
        Answer(502, "a long link -> 502 " * 2000, (("Server", "nginx"),)),
        Answer(302, "Found", (("Location", f"https://elsewhere.example.com/{'a' * 60_000}"), ("Server", "nginx"))),
    ],
    ids=["reason", "address"],
)
def test_a_server_that_says_much_is_told_in_short_and_at_once(place, answer):
    began = time.monotonic()
    run = place.check(Replay(everything=answer), "http://127.0.0.1/a/")
    assert time.monotonic() - began < 5
    assert len(run.last["said"]) < 1000
    assert run.last["said"].startswith("GET /a/hub/api -> ")
    assert "(from nginx" in run.last["said"]


def test_who_is_sent_on_to_another_host_is_not_told_that_https_alone_is_missing(place):
    answer = nginx(302, "Found").with_header("Location", "https://login.example.org/")
    run = place.check(Replay(everything=answer), "http://127.0.0.1/a/")
    assert run.last["certainty"] == "one of these"
    assert "A login in front of the hub" in run.last["cause"]


def test_where_nobody_answers_at_the_hubs_address_tls_may_be_the_cause():
    assert "speaks TLS" in hubcheck.verdict("GET /hub/api -> 502 Bad Gateway: 502 (from nginx)")["cause"]
    assert "https://" in hubcheck.verdict("GET /hub/api -> 500 Internal Server Error: no (from Apache)")["cause"]


def test_a_server_on_another_machine_is_told_apart_by_its_address():
    for address, far in (("172.18.0.3", True), ("[fd00::3]", True), ("127.0.0.1", False), ("localhost", False), ("[::1]", False)):
        told = hubcheck.verdict(f"the server does not start: Spawn failed: Server at http://{address}:8888/ didn't respond in 30 seconds")
        assert ("does not reach the hub" in told["cause"]) == far


def test_of_several_causes_each_has_its_number():
    assert hubcheck.verdict("certificate has expired") == {
        "certainty": "one of these",
        "cause": "(1) The certificate has expired. (2) This machine's clock is ahead.",
        "decide": "run date on this machine.",
        "page": "troubleshooting/certificate-has-expired",
    }


# Where a redirect leads


API_URL = f"{URL}hub/api"


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (API_URL, "leads back to itself"),
        ("/jupyter/hub/api", "leads back to itself"),
        ("http://hub.example.com/jupyter/hub/api", "leads out of https"),
        ("https://sso.example.org/login", "leads elsewhere"),
        ("https://hub.example.com:8443/jupyter/hub/api", "leads elsewhere"),
        ("https://hub.example.com:443/other/hub/api", ""),
        ("/other/hub/api", ""),
    ],
)
def test_the_whole_address_of_a_redirect_is_judged(place, target, words):
    replay = Replay({("GET", API_URL): [moved(target)]})
    rung = first_rung(place, replay)
    told = re.search(r"; that (leads .*)", rung["said"])
    assert (told[1] if told else "") == words
    assert rung["page"] == {
        "": "troubleshooting/not-found-under-the-base-url",
        "leads elsewhere": "deploy/check",
    }.get(words, "troubleshooting/err-too-many-redirects")


def test_a_way_that_comes_back_is_a_circle(place):
    there_and_back = {
        ("GET", API_URL): [moved("http://hub.example.com/jupyter/hub/api")],
        ("GET", "http://hub.example.com/jupyter/hub/api"): [moved(API_URL)],
    }
    rung = first_rung(place, Replay(there_and_back))
    assert rung["said"].endswith(f"; that leads in a circle: http://hub.example.com/jupyter/hub/api -> {API_URL}")
    assert rung["page"] == "troubleshooting/err-too-many-redirects"


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("http://hub.example.com/jupyter/", "; that leads out of https (from nginx)"),
        ("https://hub.example.com:8080/jupyter/", "; that leads elsewhere (from nginx)"),
        ("https://www.example.com/jupyter/", "; that leads elsewhere (from nginx)"),
    ],
)
def test_the_path_without_its_slash_leads_to_the_same_hub(place, target, words):
    replay = redirecting()
    replay.answers["GET", URL.rstrip("/")] = [moved(target)]
    assert first_rung(place, replay)["said"] == f"GET /jupyter -> 301{words}"


@pytest.mark.parametrize("target", ["https://www.example.com/jupyter/", "https://hub.example.com:8443/jupyter/"])
def test_port_80_leads_to_the_same_hub(place, target):
    replay = redirecting()
    replay.answers["GET", "http://hub.example.com/jupyter/"] = [moved(target)]
    rung = first_rung(place, replay)
    assert (rung["said"], rung["certainty"]) == (f"port 80 leads elsewhere than to {URL}", "one of these")


@pytest.mark.parametrize(("target", "ok"), [("http://hub.example.com/jupyter/user/alice/lab", False), (f"{URL}user/alice/lab", True)])
def test_no_page_of_the_users_leads_out_of_https(place, target, ok):
    replay = Replay.of("user")
    replay.change("GET", "https://hub.example.com/jupyter/user/alice/", moved(target, 302))
    replay.answers["GET", "http://hub.example.com/jupyter/user/alice/lab"] = [moved(f"{URL}user/alice/lab")]
    run = climb(place, replay, "--until", "server_spawns")
    assert run.last["ok"] == ok
    if not ok:
        words = f"GET /jupyter/user/alice/ -> 302 Moved Permanently: {target} (from nginx); that leads out of https"
        assert (run.last["said"], run.last["page"]) == (words, "troubleshooting/err-too-many-redirects")


# What a page and an application need


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (nginx(404, "Not Found"), "404 Not Found: 404 Not Found 404 Not Found nginx (from nginx)"),
        (pages(200, "OK", "<h1>Our site</h1>"), "200 OK: Our site (from another program)"),
        (jupyters(404, "Not Found", "<h1>404</h1>"), "404 Not Found: 404 (from the user's server)"),
        (Answer(403, "Forbidden", (("Content-Type", "text/plain"), ("Server", "Caddy")), b"no"), "403 Forbidden: no (from Caddy)"),
    ],
)
def test_a_script_that_does_not_come_is_told(place, answer, words):
    replay = Replay.of("user")
    replay.change("GET", "/static/lab/main.", answer)
    run = climb(place, replay)
    assert run.last["rung"] == "server_spawns"
    assert re.sub(r"main\.\w+", "main", run.last["said"]) == (
        f"a part of JupyterLab's page does not load: GET /jupyter/user/alice/static/lab/main.js -> {words}"
    )


def test_a_script_that_breaks_off_is_told(place):
    replay = Replay.of("user")
    replay.change("GET", "/static/lab/main.", Answer(silent=True))
    run = climb(place, replay, "--timeout", "0.8")
    assert run.last["rung"] == "server_spawns"
    assert run.last["said"].startswith("a part of JupyterLab's page does not load: GET /jupyter/user/alice/static/lab/main.")
    assert "in time: ReadTimeout" in run.last["said"]


def test_scripts_of_another_host_are_not_asked_for(place):
    replay = Replay.of("user")
    text = '<script src="https://cdn.example.org/a.js"></script><link rel="stylesheet" href=\'b.css?v=1&amp;w=2\'><link href="c.png">'
    replay.change("GET", "/user/alice/lab", lambda answer: dataclasses.replace(answer, status=200, body=text.encode()))
    replay.answers["GET", f"{URL}user/alice/b.css?v=1&w=2"] = [Answer(200, "OK", (("Content-Type", "text/css"),), b"x" * 300_000)]
    run = climb(place, replay, "--until", "server_spawns")
    assert run.last["evidence"][-1] == "scripts and styles of this page: 1, 0.3 MB"
    assert not [url for url in urls(replay) if "cdn" in url or "c.png" in url]


@pytest.mark.parametrize("answer", [jupyters(404, "Not Found", "<h1>404 : Not Found</h1>"), pages(404, "Not Found", HUB_404)])
def test_an_older_server_has_no_events(place, answer):
    """The second is of JupyterHub 1.5.0, tried with a hub of 6.1.1."""
    replay = Replay.of("user")
    replay.change("GET", "/api/events/subscribe", answer)
    run = climb(place, replay, "--until", "kernel_channel")
    assert run.last["ok"], run.last
    assert not [line for line in run.last["evidence"] if "subscribe" in line]


def test_a_websockets_address_may_be_answered_by_the_server_alone(place):
    replay = Replay.of("user")
    replay.change("GET", "/api/hubcheck%20%3F", nginx(404, "Not Found"))
    run = climb(place, replay)
    assert run.last["said"] == (
        "a WebSocket's address with a space and a question mark does not pass: "
        "GET /jupyter/user/alice/api/hubcheck%20%3F -> 404 on the WebSocket: 404 Not Found 404 Not Found nginx (from nginx)"
    )


def test_an_older_server_answers_a_websockets_address_with_a_page_like_the_hubs(place):
    """Of JupyterHub 2.3.1, tried with a hub of 6.1.1."""
    replay = Replay.of("user")
    replay.change("GET", "/api/hubcheck%20%3F", pages(404, "Not Found", HUB_404))
    assert climb(place, replay, "--until", "kernel_channel").last["ok"]


@pytest.mark.parametrize(("answer", "certainty"), [(UNREACHED, "certain"), (nginx(414, "Request-URI Too Large"), "certain"), (HUB_404, "")])
def test_a_long_link_passes(place, answer, certainty):
    replay = Replay.of("outside")
    answer = pages(404, "Not Found", answer) if isinstance(answer, str) else answer
    replay.change("GET", "/hub/user-redirect/", answer)
    run = place.check(replay, URL, "--ca-file", place.trusted, "--megabytes", "1")
    assert run.last["rung"] == "login_works"
    assert run.last["said"].startswith("a long link: GET /jupyter/hub/user-redirect/hubcheck?… of 6000 characters -> ")
    assert run.last["certainty"] == (certainty or "not known")


def test_a_text_that_looks_like_an_attack_passes(place):
    replay = Replay.of("user")
    replay.change("PUT", "/lesson.txt", nginx(403, "Forbidden"))
    run = climb(place, replay)
    assert run.last["said"].startswith(
        "a file whose text looks like an attack does not pass: PUT /jupyter/user/alice/api/contents/hubcheck-"
    )
    (asked,) = [request for request in replay.seen if request["url"].endswith("/lesson.txt") and request["method"] == "PUT"]
    body = json.loads(asked["body"])
    assert (body["format"], "://" in body["content"], "SELECT" in body["content"]) == ("text", True, True)


# Versions, and who sends people on


def test_another_version_of_the_users_server_is_told(place):
    replay = Replay.of("user")
    replay.change("GET", "/user/alice/lab", lambda answer: answer.with_header("X-JupyterHub-Version", "4.1.6"))
    run = climb(place, replay, "--until", "server_spawns")
    assert run.last["ok"], "two versions alone are no fault"
    assert "the user's server has JupyterHub 4.1.6, the hub 6.1.1" in run.last["evidence"]
    assert "JupyterHub 4" not in str(climb(place, Replay.of("user"), "--until", "server_spawns").rungs)


VERSIONS_DIFFER = "Redirect loop detected. Notebook has jupyterhub version 4.1.6, but the Hub expects 6.1.1."


@pytest.mark.parametrize(("on", "cause"), [("/jupyter/hub/user/alice/", "inner port"), ("/jupyter/user/alice/lab", "another version")])
def test_a_loop_is_told_by_who_has_sent_people_on(place, on, cause):
    """What the hub adds about versions says nothing: it does so in each loop in which they differ."""
    replay = Replay.of("user")
    replay.change("GET", "https://hub.example.com/jupyter/user/alice/", moved(on, 302))
    page = f'<title>JupyterHub</title>{"menu " * 60}<div class="error"><h1>500 : Internal Server Error</h1><p>{VERSIONS_DIFFER}</p></div>'
    replay.answers["GET", f"https://hub.example.com{on}"] = [pages(500, "Internal Server Error", page)]
    run = climb(place, replay)
    assert run.last["rung"] == "server_spawns"
    assert VERSIONS_DIFFER in run.last["said"]
    assert cause in run.last["cause"]
    assert run.last["certainty"] == "one of these"
