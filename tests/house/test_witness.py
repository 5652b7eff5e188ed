"""Every line of every published file has a test that fails without it; and the search for those tests is not fooled."""

import json
import os
import re
import signal
import threading

import pytest

from _ext.witness import read
from tests.harness.manifest import PUBLISHED
from tests.harness.measuring import witness
from tests.harness.measuring.changes import Unknown, applied, changes, directives, files, kind
from tests.harness.measuring.witness_worker import told
from tests.harness.pairs import LEFT_OUT


@pytest.mark.parametrize("name", files())
def test_every_change_to_a_line_has_a_witness_or_a_reason(name):
    lacking = list(witness.lacking(name))
    assert not lacking, "no test is known to see it (make witness looks for one):\n" + "\n".join(lacking)


@pytest.mark.parametrize(
    ("name", "before", "useless", "changed"),
    [
        ("nginx/jupyterhub.conf", "    ssl_ciphers ", "    ssl_prefer_server_ciphers on;", ["deleted", "on → off"]),
        ("caddy/jupyterhub.caddyfile", "\t# This is Jupyter Server's own limit.", "\theader X-Useless 1", ["deleted"]),
        ("haproxy/jupyterhub.cfg", "    retries 0", "    option redispatch", ["deleted"]),
        ("traefik/traefik.yaml", "global:", "useless: true", ["deleted", "true → false"]),
    ],
)
def test_a_new_line_without_a_witness_is_named(name, before, useless, changed):
    text = PUBLISHED.read(name).replace(before, f"{useless}\n{before}", 1)
    number = text.split("\n").index(useless) + 1
    new = [line for line in witness.lacking(name, text) if useless.strip() in line]
    assert sorted(new) == [f"snippets/{name}:{number}: {useless.strip()} ({what})" for what in changed]


def test_what_is_exempt_is_little_argued_and_still_needed():
    argued, known = witness.exemptions(), witness.record()
    assert len({key[:2] for key in argued}) <= witness.EXEMPTIONS
    assert all(len(why) > 30 for why in argued.values())
    there = {change.key for name in files() for one in directives(name) for change in changes(one)}
    assert not argued.keys() - there, "no line is like this any more"
    assert not argued.keys() & known.keys(), "a test sees it now"


def test_every_witness_is_a_test_that_there_is(request):
    """Of those that run every time; for the files of a further reverse proxy, whose rows run once a week, of all."""
    there = {re.sub(r"@[^@\]]+$", "", item.nodeid) for item in request.session.items}
    left_out = {re.sub(r"@[^@\]]+$", "", name) for name in request.config.stash.get(LEFT_OUT, set())}
    if not any(name.startswith("tests/deploy/test_ladder.py") for name in there):  # some files alone
        there, left_out = set(witness.collected()), set(witness.collected(whole=True))
    lost = sorted(
        {test for (name, *_), test in witness.record().items() if test not in there | (left_out if witness.weekly(name) else set())}
    )
    assert not lost, "make witness WITNESS_OPTIONS=--keep finds others: " + ", ".join(lost)


def test_a_file_that_nothing_takes_apart_is_named():
    with pytest.raises(Unknown, match="snippets/caddy/Caddyfile: no parser"):
        kind("caddy/Caddyfile")


TAKEN = {
    "nginx/a.conf": (
        "map $a $b {\n    default c;\n}\n# word\nproxy_read_timeout 1h;\nlog_format x 'a'\n  'b';\ngzip on;\nadd_header A b always;\n",
        [
            "map $a $b {: deleted",
            "default c;: deleted",
            "proxy_read_timeout 1h;: deleted",
            "log_format x 'a' 'b';: deleted",
            "gzip on;: deleted, on → off",
            "add_header A b always;: deleted, always left out",
        ],
    ),
    "apache/a.conf": (
        "<VirtualHost *:80>\n    Timeout 10\n    SSLSessionTickets off\n</VirtualHost>\n",
        [
            "<VirtualHost *:80>: deleted",
            "Timeout 10: deleted, 10 → 5 (halved), 10 → 20 (doubled)",
            "SSLSessionTickets off: deleted, off → on",
        ],
    ),
    "systemd/a.service": (
        "[Service]\nExecStart=/a \\\n  --b\nRestrictAddressFamilies=AF_UNIX AF_INET\nLockPersonality=yes\n",
        [
            "ExecStart=/a --b: deleted",
            "RestrictAddressFamilies=AF_UNIX AF_INET: deleted, AF_UNIX left out, AF_INET left out, AF_PACKET as well",
            "LockPersonality=yes: deleted, yes → no",
        ],
    ),
    "a/install.sh": (
        "#!/bin/sh\nset -eu\nif [ -e a ]; then\n    rm a\nfi\ncat <<'END'\ntext\nEND\nservice a restart\n",
        [
            "set -eu: deleted, -eu → -u",
            "if [ -e a ]; then: deleted",
            "rm a: deleted",
            "cat <<'END' text END: deleted",
            "service a restart: deleted, restart → reload",
        ],
    ),
    "a/a_config.py": (
        'import os\n\nc.A.b = True\n\n\ndef f():\n    """Words."""\n    return 1\n',
        ["c.A.b = True: deleted, True → False", "def f():: deleted", "return 1: deleted"],
    ),
    "caddy/a.caddyfile": (
        "# word\n{\n\tservers {\n\t\tprotocols h1\n\t}\n}\nhttp:// {\n\tredir https://a.b{uri} 301\n}\n",
        [
            "{: deleted",
            "servers {: deleted",
            "protocols h1: deleted, h1 → h1 h2",
            "http:// {: deleted",
            "redir https://a.b{uri} 301: deleted, 301 → 302, {uri} → {path}",
        ],
    ),
    "haproxy/a.cfg": (
        "defaults a\n    mode http\n.if version_atleast(2.9)\n    timeout client-hs 15s\n.endif\n\nfrontend b\n    bind :80,:::80\n",
        [
            "defaults a: deleted",
            "mode http: deleted",
            ".if version_atleast(2.9): deleted",
            "timeout client-hs 15s: deleted, client-hs 15s → client-hs 1m",
            "frontend b: deleted",
            "bind :80,:::80: deleted, ,:::80 left out",
        ],
    ),
    "traefik/a.yaml": (
        "a:\n  b:\n    c: true\n    # word\n    d: >-\n      one\n      two\n\n  middlewares: [x, y]\ne:\n  f:\n    - g: 1\n      h: 2\n",
        [
            "a:: deleted",
            "b:: deleted",
            "c: true: deleted, true → false",
            "d: >- one two: deleted",
            "middlewares: [x, y]: deleted, x left out, y left out",
            "e:: deleted",
            "- g: 1: deleted",
            "h: 2: deleted",
        ],
    ),
    "haproxy/a.conf": ("[Service]\nEnvironment=A=1\n", ["Environment=A=1: deleted"]),
    "caddy/a.logrotate": (
        "/var/log/*.log {\n    rotate 14\n    postrotate\n        true\n    endscript\n}\n",
        ["/var/log/*.log {: deleted", "rotate 14: deleted, 14 → 2", "postrotate: deleted", "true: deleted"],
    ),
    "a/a.js": ("const a = 1;\nf(() => {\n  b();\n});\n", ["const a = 1;: deleted", "b();: deleted"]),
}


@pytest.mark.parametrize("name", TAKEN)
def test_a_file_is_taken_apart_as_its_kind_has_it(name):
    text, expected = TAKEN[name]
    told = []
    for one in directives(name, text):
        made = changes(one, text)
        told.append(f"{one.text}: {', '.join(change.what for change in made)}")
        assert all(applied(text, [change]) != text for change in made)
    assert told == expected


# In a copy of the tree, tests of a script that have no server: one that sees a line go, and what is no witness.
TRIED = '''"""Tries."""
import pathlib
from tests.harness.manifest import PUBLISHED
NAME = "systemd/enable.sh"
CONTROL = PUBLISHED.replace(NAME, "systemctl --no-pager", "")
def has(words):
    return words in PUBLISHED.read(NAME)
def test_modes():
    assert has("chmod 600"), "everybody reads it"
def test_flaky():
    seen = pathlib.Path("seen")
    times = len(seen.read_text()) if seen.exists() else 0
    if not has("chown root:root") and times < 2:
        seen.write_text("x" * (times + 1))
        raise AssertionError("twice, and not the third time")
def test_text():
    CONTROL.read(NAME)
def test_that_is_red_anyway():
    raise AssertionError
'''
HANGS = '"""Hangs."""\nimport time\ndef test_hangs():\n    time.sleep(99)\n'
NAME, MODULE = "systemd/enable.sh", "tests/house/test_tried.py"


def looked(tmp_path, text, tests, *texts, **more):
    """What a worker says that looks for witnesses of deletions in NAME, among tests whose file has a text."""
    keys = [changes(one)[0].key for one in directives(NAME) if one.text.startswith(texts)]
    cheap_first = {f"{MODULE}::test_{test}": cost for cost, test in enumerate(tests)}
    job = {
        "file": NAME,
        "keys": keys,
        "tests": cheap_first,
        "hints": [],
        "machines": False,
        "modules": [MODULE],
        "out": str(tmp_path / "out"),
    }
    said = []
    witness.look(job | {"out": str(tmp_path / "out")} | more, said.append, {MODULE: text})
    return said


def test_what_fails_for_another_reason_is_no_witness(tmp_path):
    lines = ("chmod 600", "chown root", "systemctl --no-pager", "chmod 644")
    said = looked(tmp_path, TRIED, ("that_is_red_anyway", "modes", "flaky", "text"), *lines)
    told = {line: row for row in said for line in lines if row.get("key", ["", ""])[1].startswith(line)}
    assert [told[line]["verdict"] for line in lines] == ["dies", "unclear", "survives", "survives"], said
    modes, once, status, _ = (told[line] for line in lines)
    assert (modes["test"], modes["said"]) == (f"{MODULE}::test_modes", "everybody reads it")
    assert "failed once, and not the second time: twice, and not the third time" in once["why"]
    assert "only a text no longer fits" in status["why"]
    assert [row["test"] for row in said if "unsound" in row] == [f"{MODULE}::test_that_is_red_anyway"]


def test_what_a_test_says_is_told_in_few_words():
    """Its own, else in what two values differ, else the last of a command that failed."""
    ran = "docker exec 0123 sh -c until\nnobody answers\nConnection refused\n"
    differ = "assert {'a', 'b'} == {'a'}\n  \n  Extra items in the left set:\n  'b'\n  Use -v to get more diff"
    bare = "assert 3 == 2\n +  where 3 = len([1, 2, 3])"
    for text, words in (
        (ran, "nobody answers\nConnection refused"),
        (differ, "Extra items in the left set:\n'b'"),
        (f"it is late\n{differ}", "it is late"),
        (bare, "assert 3 == 2\n+  where 3 = len([1, 2, 3])"),
        ("snippets of the reverse proxy: kernel_channel fails\nkernel_channel fails: GET / -> 400", "GET / -> 400"),
    ):
        assert told(AssertionError(text))[1] == words


def test_a_worker_that_hangs_is_ended_and_named(tmp_path):
    said = looked(tmp_path, HANGS, ("hangs",), "set -eu", silent=8)
    notes = [row["note"] for row in said if "note" in row]
    assert notes[0] == "silent for too long, and so ended; what is left of it is tried the next time"


def test_each_line_that_is_asked_for_is_looked_at_also_where_two_are_of_one_file():
    whole = witness.wanted([NAME], None)[NAME]
    first, last = whole[0].directive.first, whole[-1].directive.last
    asked = witness.wanted([f"{NAME}:{first}", f"snippets/{NAME}:{last}"], None)[NAME]
    assert {change.directive.first for change in asked} == {first, whole[-1].directive.first}
    assert witness.wanted([f"{NAME}:{first}", NAME], None)[NAME] == witness.wanted([NAME, f"{NAME}:{first}"], None)[NAME] == whole


def test_what_the_command_cannot_do_it_says_in_one_line(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["witness", "caddy/Caddyfile"])
    monkeypatch.setattr(witness.engine, "ensure", lambda say: None)
    monkeypatch.setattr(witness.engine, "sweep", lambda: None)
    monkeypatch.setattr(witness.images, "prepare", lambda say: None)
    assert witness.main() == 2
    assert capsys.readouterr().err.startswith("error: snippets/caddy/Caddyfile is no published file that has directives; there are apache/")


@pytest.fixture
def alone(tmp_path, monkeypatch):
    """`alone(look)`: the command for NAME in a folder of its own, with no engine and no test, where `look` does a worker's work."""
    monkeypatch.setattr("sys.argv", ["witness", NAME])
    monkeypatch.setattr(witness, "WORK", tmp_path / "witness")
    monkeypatch.setattr(witness, "FILE", tmp_path / "witness.json")
    # Of the other file some changes are exempt.
    monkeypatch.setattr(witness, "files", lambda: [NAME, "nginx/jupyterhub.conf"])
    monkeypatch.setattr(witness, "collected", lambda whole=False: [])
    monkeypatch.setattr(witness.engine, "ensure", lambda say: None)
    monkeypatch.setattr(witness.engine, "sweep", lambda: None)
    monkeypatch.setattr(witness.images, "prepare", lambda say: None)

    def command(look):
        monkeypatch.setattr(witness, "look", look)
        return witness.main()

    before = signal.getsignal(signal.SIGINT)
    yield command
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, before)


def found(job, say):
    """A worker has found one thing, and is writing the next."""
    row = {"key": job["keys"][0], "verdict": "dies", "test": "a", "said": "b", "seconds": 1}
    with open(job["out"], "a", encoding="utf-8") as out:
        out.write(json.dumps(row) + '\n{"key": [')
    say(row | {"file": job["file"]})


def written():
    """The verdicts that build/witness.json holds of NAME."""
    told = read(witness.FILE)["files"].get(NAME, {"changes": []})["changes"]
    return [change["verdict"] for change in told if change["verdict"] != "exempt"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_run_that_is_interrupted_leaves_what_it_has_found(alone, capsys, monkeypatch, number):
    """GitHub sends the one, and 7.5 seconds later the other, where a job has taken too long."""
    signal.signal(signal.SIGTERM, lambda *_: pytest.fail("it would have ended without a word"))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ended = threading.Event()
    monkeypatch.setattr(witness, "end_all", ended.set)

    def look(job, say):
        found(job, say)
        os.kill(os.getpid(), number)
        assert ended.wait(30)

    assert alone(look) == 130
    assert written() == ["dies"]
    assert read(witness.FILE)["files"].keys() == {NAME}, "it tells of what it has not looked at"
    assert "interrupted: the next run goes on from here" in capsys.readouterr().err


def test_what_ends_without_a_signal_has_left_what_it_had_found_a_while_before(alone, monkeypatch):
    monkeypatch.setattr(witness, "EVERY", 0)
    seen = []

    def look(job, say):
        found(job, say)
        seen.extend(written())

    assert alone(look) == 0
    assert seen == ["dies"]


def test_the_record_is_in_the_order_of_the_files_and_holds_no_line_twice():
    keys = [tuple(row[:3]) for row in json.loads(witness.RECORD.read_text("utf-8"))]
    there = [change.key for name in files() for one in directives(name) for change in changes(one)]
    assert keys == [key for key in there if key in set(keys)]
