"""The options, and what each of them does."""

from __future__ import annotations

import argparse
import getpass
import json
import os
import re
import signal
import ssl
import sys
from contextlib import suppress
from urllib.parse import urlsplit

from .addresses import port_of, resolve
from .climbing import INSIDE, climb
from .hub import Hub
from .libraries import LACKING
from .logs import read_log
from .reports import in_a_line, junit, show, teller, warn
from .responses import shortened

# The release of the guide that this is from.
VERSION = "1.0"


class Arguments(argparse.ArgumentParser):
    """A command line whose faults are told in one line, without all the options before it."""

    def error(self, message: str):
        self.exit(2, f"{self.prog}: error: {message}\n")


def seconds(text: str) -> float:
    """What an option for a time holds: no more than a day."""
    if not 0 <= float(text) <= 86400:
        raise ValueError
    return float(text)


def arguments(given: list[str]) -> argparse.Namespace:
    """Read the command line; ends with status 2 and a line that says what is wrong."""
    parser = Arguments(prog="hubcheck", description="Check a JupyterHub from the outside, the way a user's browser meets it.")
    parser.add_argument("url", nargs="?", help="the hub's public address, with its base URL: https://hub.example.com/jupyter/")
    parser.add_argument("--user", default="", help="log in as this user; an ordinary test account is best")
    parser.add_argument("--password-file", metavar="FILE", help="file that holds the password; without it you are asked")
    parser.add_argument("--token-file", metavar="FILE", help="file that holds a user's API token, in place of --user (or HUBCHECK_TOKEN)")
    parser.add_argument("--kernel", default="my_kernel", help="the kernel to run (default: %(default)s)")
    parser.add_argument("--code", default="6 * 7", help="what the kernel computes (default: %(default)s)")
    parser.add_argument("--expect", default="42", help="what its answer contains (default: %(default)s)")
    parser.add_argument("--idle", type=seconds, default=0, metavar="SECONDS", help="leave the kernel's WebSocket silent for so long")
    parser.add_argument("--megabytes", type=int, default=20, help="size of the upload (default: %(default)s)")
    parser.add_argument("--timeout", type=seconds, default=20, metavar="SECONDS", help="for one answer (default: %(default)s)")
    parser.add_argument("--spawn-timeout", type=seconds, default=90, metavar="SECONDS", help="for a server's start (default: %(default)s)")
    parser.add_argument("--ca-file", help="trust the certificate authorities in this file instead of the machine's")
    parser.add_argument("--resolve", action="append", default=[], metavar="HOST:PORT:ADDRESS", help="before the name is in the DNS")
    parser.add_argument("--until", choices=INSIDE, metavar="RUNG", help="climb no further than this rung")
    parser.add_argument("--keep-server", action="store_true", help="leave the user's server running afterwards")
    parser.add_argument("--json", nargs="?", const="-", metavar="FILE", help="write the results as JSON, to a file or in place of the text")
    parser.add_argument("--junit", metavar="FILE", help="write the results as JUnit's XML, for CI")
    parser.add_argument("--watch", action="store_true", help="say nothing if all rungs hold, and else one line: for a timer")
    parser.add_argument("--guide", default="", metavar="URL", help="where your copy of the guide is, for whole addresses")
    parser.add_argument("--log", metavar="FILE", help="read a log, and name the pages that have lines of it; - for what is piped in")
    parser.add_argument("-v", "--verbose", action="store_true", help="print every request to the error stream")
    parser.add_argument("--version", action="version", version=f"%(prog)s {VERSION}", help="print which release of the guide this is from")
    options = parser.parse_args(given)
    if options.log is not None:
        if options != parser.parse_args(["--log", options.log, "--guide", options.guide]):
            parser.error("--log goes with --guide alone")
        return options
    if not options.url:
        parser.error("the following arguments are required: url")
    if "@" in options.url.partition("//")[2].partition("/")[0]:
        parser.error("an address holds no name and no password: give --user and --password-file")
    try:
        parts = urlsplit(options.url)
        fits = parts.scheme in ("http", "https") and parts.hostname and port_of(parts)
    except ValueError:
        fits = False
    if not fits:
        parser.error(f"not an address: {options.url!r}; it looks like https://hub.example.com/jupyter/")
    for entry in options.resolve:
        if not re.fullmatch(r"[^:]+:\d+:.+", entry):
            parser.error(f"--resolve takes HOST:PORT:ADDRESS, not {entry!r}")
    for name in filter(None, (options.password_file, options.token_file, options.ca_file)):
        if not os.path.isfile(name):
            parser.error(f"no such file: {name}")
    if options.password_file and not options.user:
        parser.error("--password-file goes with --user")
    if options.ca_file:
        try:
            ssl.create_default_context(cafile=options.ca_file)
        except OSError:
            parser.error(f"no certificates in PEM format: {options.ca_file}")
    if options.user and options.token_file:
        parser.error("--token-file goes without --user: a token is somebody's already")
    for name in filter(None, (options.json, options.junit)):
        if os.path.isdir(name):
            parser.error(f"a folder, not a file: {name}")
        if name != "-" and not os.path.isdir(os.path.dirname(name) or "."):
            parser.error(f"no such folder: {os.path.dirname(name)}")
    options.token = "" if options.user else secret(parser, options.token_file) or os.environ.get("HUBCHECK_TOKEN", "").strip()
    if options.token and not re.fullmatch(r"[\x21-\x7e]+", options.token):
        parser.error("the token holds characters that no token has")
    if options.user and options.password_file:
        options.password = secret(parser, options.password_file)
    elif options.user:
        try:
            options.password = getpass.getpass(f"Password of {options.user}: ")
        except (KeyboardInterrupt, EOFError):
            parser.error("no password was given")
    return options


def secret(parser: argparse.ArgumentParser, name: str | None) -> str:
    """What a file holds, without the end of its line; a file that holds nothing is wrong usage."""
    if not name:
        return ""
    try:
        with open(name, encoding="utf-8", errors="replace") as file:
            held = file.read().rstrip("\r\n")
    except OSError as error:
        parser.error(f"{name}: {error.strerror}")
    if not held:
        parser.error(f"nothing in the file: {name}")
    return held


def main(given: list[str] | None = None) -> int:
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):  # no terminal, but a text in memory
            stream.reconfigure(errors="replace")
    options = arguments(sys.argv[1:] if given is None else given)
    if options.log is not None:
        return read_log(options.log, options.guide)
    if LACKING:
        sys.exit(f"hubcheck needs the Python package {LACKING!r}: run it with 'uv run', or with the hub's own Python.")
    options.tell = teller()
    resolve(options.resolve)
    # Nothing of a ~/.netrc: it would take the token's place, and be sent in clear to addresses with http://.
    os.environ["NETRC"] = os.devnull
    # Whoever ends the check, or closes its terminal, gets the cleaning up too; under nohup, the terminal does not count.
    for name in ("SIGTERM", "SIGHUP"):
        if signal.getsignal(getattr(signal, name, signal.SIGTERM)) == signal.SIG_DFL:
            signal.signal(getattr(signal, name), signal.default_int_handler)
    hub = Hub(options.url, options)
    with suppress(OSError):
        if hub.parts.scheme == "http" and (options.user or options.token) and not hub.loopback:
            print(
                f"hubcheck: without https, all can read what is sent: the {'token' if options.token else 'password'} too", file=sys.stderr
            )

    def say(result: dict) -> None:
        options.tell("")
        if options.json != "-":
            (warn if options.watch else show)(result, options.guide)

    try:
        results = climb(hub, say)
    except KeyboardInterrupt:
        options.tell("")
        clean = not hub.left and not hub.undo
        print(f"hubcheck: interrupted{'; what it had started is taken away again' if clean else ''}", file=sys.stderr)
        return 1
    finally:
        if hub.left:
            print(f"hubcheck: not taken away again: {in_a_line(shortened('; '.join(dict.fromkeys(hub.left))))}", file=sys.stderr)
    written = json.dumps({"hubcheck": VERSION, "guide": options.guide, "url": options.url, "rungs": results}, indent=2, ensure_ascii=False)
    # JSON itself lets a terminal's signs pass that are no ASCII.
    written = "".join(letter if letter.isprintable() or letter == "\n" else json.dumps(letter)[1:-1] for letter in written)
    if options.json == "-":
        print(written)
    elif options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            file.write(f"{written}\n")
    if options.junit:
        with open(options.junit, "wb") as file:
            file.write(junit(options.url, results))
    return 0 if all(result["ok"] for result in results) else 1
