"""hubcheck with random answers, frames and words in place of a hub's: it says what it saw in lines of text, and ends."""

import copy
import json
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snippets.check import hubcheck
from tests.harness.fuzzing import examples
from tests.harness.machines.replay import Answer, Place, Replay, recorded

URL = "https://hub.example.com/jupyter/"
# What servers write into headers, and what they should not.
NAMES = ["Content-Type", "Location", "Set-Cookie", "Server", "Content-Security-Policy", "X-JupyterHub-Version", "Content-Encoding", "Via"]
VALUES = [
    "text/html; charset=utf-16",
    "application/json",
    "text/event-stream",
    "gzip",
    "/jupyter/hub/",
    URL,
    "//",
    "http://[",
    "https://:x/",
]
VALUES += [
    "http://hub.example.com:99999/",
    "https://.example.com/",
    "_xsrf=a; Path=/; Secure",
    "Caddy",
    "nginx",
    "a" * 9000,
    "\x1b[31m",
    "é",
]
WORDS = [
    '{"version": 1}',
    '{"message": null, "reason": 1}',
    "[]",
    "null",
    "{",
    "<title>JupyterHub</title>",
    "\x1b]0;a\x07",
    "\u202e",
    "404",
]
WORDS += ['<script src="http://[/a.js">', "<link href='//:x/a.css'>", 'data: {"ready": 1}\n\n', "data: []\n\n", "data: x\n\n", "<" * 3000]
TEXTS = st.lists(st.sampled_from(WORDS) | st.text(max_size=40), max_size=6).map("".join)
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(NAMES), st.sampled_from(VALUES) | st.text(st.characters(codec="latin-1", exclude_characters="\r\n"), max_size=30)
    ),
    max_size=4,
).map(tuple)
ANSWERS = st.builds(
    Answer,
    st.sampled_from([200, 201, 204, 302, 308, 400, 401, 403, 404, 413, 426, 500, 502, 503]) | st.integers(200, 999),
    st.text(st.characters(codec="latin-1", exclude_characters="\r\n"), max_size=30)
    | st.sampled_from(["a long link -> 502 " * 2000, "(from " * 9000, "-> 4" * 9000]),
    HEADERS,
    TEXTS.map(lambda text: text.encode("utf-8", "replace")) | st.binary(max_size=200),
)
RAW = st.builds(
    lambda head, rest: Answer(raw=head + rest),
    st.sampled_from(
        [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"HTTP/1.1 ", b"HTTP/9 1\r\n\r\n", b"\x16\x03\1"]
    ),
    st.binary(min_size=1, max_size=200),
)
KEYS = [
    "version",
    "name",
    "kind",
    "server",
    "pending",
    "kernelspecs",
    "my_kernel",
    "spec",
    "display_name",
    "id",
    "message",
    "reason",
    "ready",
]
KEYS += ["parent_header", "msg_id", "msg_type", "content", "text", "data", "execution_state", "ename"]


def things(inner):
    return st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9), lambda inner: st.lists(inner, max_size=3) | things(inner), max_leaves=6
)


ANYTHING = (
    ANSWERS | RAW | things(JSON).map(lambda made: Answer(200, "OK", (("Content-Type", "application/json"),), json.dumps(made).encode()))
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    made = Place(tmp_path_factory.mktemp("place"))
    made.file("alice.txt", "password-of-alice\n")
    return made


def holds(run):
    """What is true of every check: it ended as it should, and a terminal obeys nothing of what it prints."""
    assert run.status in (0, 1)
    assert re.fullmatch(r"(hubcheck: not taken away again: .+\n)?", run.err)
    strange = {letter for letter in run.out + run.err if not letter.isprintable() and letter != "\n"}
    assert not strange, strange
    for rung in run.rungs:
        told = [*rung["evidence"], *([] if rung["ok"] else [rung["said"]])]
        assert all(told), rung
        assert not [line for line in told if "\n" in line or len(line) > 1000], rung
    lines = [1 + len(rung["evidence"]) + (0 if rung["ok"] else 3 + (rung["certainty"] == "one of these")) for rung in run.rungs]
    assert len(run.out.split("\n")) == sum(lines) + 1


@examples(40)
@given(ANYTHING)
def test_whatever_a_server_answers_to_everything(place, answer):
    holds(place.check(Replay(everything=answer), "http://hub.example.com/jupyter/", "--timeout", "2"))


ASKED = [(exchange["asked"]["method"], exchange["asked"]["url"]) for exchange in recorded()["user"]["exchanges"]]


@examples(25)
@given(st.sampled_from(ASKED), ANYTHING)
def test_whatever_a_server_answers_to_one_request_of_a_climb(place, asked, answer):
    replay = Replay.of("user")
    replay.answers[asked] = [answer]
    secret = f"{place.folder}/alice.txt"
    options = ("--user", "alice", "--password-file", secret, "--ca-file", place.trusted, "--megabytes", "0", "--timeout", "0.5")
    holds(place.check(replay, URL, *options, "--spawn-timeout", "2"))


@examples(15)
@given(st.integers(0, 50), TEXTS | things(JSON).map(json.dumps))
def test_whatever_a_kernel_says(place, where, text):
    replay = Replay.of("user")
    ((kept,),) = [queue for url, queue in replay.sockets.items() if url.endswith("/channels")]
    kept["frames"] = copy.deepcopy(kept["frames"])
    kept["frames"].insert(where % len(kept["frames"]), ["received", text[:9000]])
    secret = f"{place.folder}/alice.txt"
    options = ("--user", "alice", "--password-file", secret, "--ca-file", place.trusted, "--megabytes", "0", "--timeout", "0.5")
    holds(place.check(replay, URL, *options))


@examples(100)
@given(
    st.lists(
        st.sampled_from(["-> 404 ", "(from ", "nginx)", "the hub", " on the WebSocket", "hub/api ", "PUT ", "("]) | st.text(max_size=99)
    )
)
def test_whatever_was_said_a_verdict_comes_at_once(said):
    began = time.process_time()  # what else the machine does is not counted
    told = hubcheck.verdict("".join(said) * 9)
    assert time.process_time() - began < 0.5
    assert told["certainty"] in ("certain", "one of these", "not known")
