"""Takes the published files apart: finds each directive, and makes the changes to it that show what breaks.

The set of changes is closed. Of every directive: it is deleted. Of its words, by the rules of its kind of file (`RULES`): a switch
is turned, `always` is left out, a number is halved and doubled, one word of a list is left out or one more is in it, an address is
open to others, and what has a neighbour of a similar name gets that one.
"""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import yaml

from tests.harness.manifest import FURTHER_PROXIES, MANIFEST, SNIPPETS, snippets


class Unknown(ValueError):
    """A file that nothing here can take apart; the text names it."""


@dataclass(frozen=True)
class Directive:
    """Lines `first` to `last` (from 1) of a snippet, which stand or fall together. `text` is their code, without comments."""

    name: str
    first: int
    last: int
    text: str
    gone: str = ""  # what is in its place once it is deleted


@dataclass(frozen=True)
class Change:
    """One change to a directive: `what` says it in words, `lines` are in place of those of the directive."""

    directive: Directive
    what: str
    lines: tuple[str, ...]

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it from all others, however many lines come before it."""
        return self.directive.name, self.directive.text, self.what


DELETED = "deleted"


def _comment(mark: str) -> Callable[[str], bool]:
    return lambda line: not line.strip() or line.lstrip().startswith(mark)


def _nginx(name: str, lines: list[str]) -> Iterator[Directive]:
    """Each statement up to its semicolon; a block with all that is in it."""
    opened: list[int] = []
    first = None
    for number, line in enumerate(lines, 1):
        code = line.strip()
        if not code or code.startswith("#"):
            continue
        first = first or number
        if code.endswith("{"):
            opened.append(first)
            first = None
        elif code == "}":
            begun = opened.pop()
            yield Directive(name, begun, number, lines[begun - 1].strip())
            first = None
        elif code.endswith(";"):
            yield Directive(name, first, number, " ".join(part.strip() for part in lines[first - 1 : number]))
            first = None


def _apache(name: str, lines: list[str]) -> Iterator[Directive]:
    """Each line; a section with all that is in it."""
    opened: list[int] = []
    for number, line in enumerate(lines, 1):
        code = line.strip()
        if not code or code.startswith("#"):
            continue
        if code.startswith("</"):
            begun = opened.pop()
            yield Directive(name, begun, number, lines[begun - 1].strip())
        elif code.startswith("<"):
            opened.append(number)
        else:
            yield Directive(name, number, number, re.sub(r" {2,}", " ", code))


def _unit(name: str, lines: list[str]) -> Iterator[Directive]:
    """Each setting, with the lines that go on with it."""
    first = None
    for number, line in enumerate(lines, 1):
        code = line.strip()
        if first is None and (not code or code.startswith(("#", "["))):
            continue
        first = first or number
        if not code.endswith("\\"):
            yield Directive(name, first, number, " ".join(part.strip().removesuffix("\\").strip() for part in lines[first - 1 : number]))
            first = None


def _reads(script: str) -> bool:
    return subprocess.run(["sh", "-n"], input=script, text=True, capture_output=True).returncode == 0


def _whole(part: list[str]) -> bool:
    """Whether a shell has read all that these lines begin."""
    text = "\n".join(part)
    words = re.findall(r"<<'?(\w+)'?", text)
    return _reads(text) and not text.endswith("\\") and all(part.count(word) for word in words)


def _shell(name: str, lines: list[str]) -> Iterator[Directive]:
    """The smallest runs of lines that a shell reads as they are, and each line within that can be another command."""
    number = 0
    while number < len(lines):
        if _comment("#")(lines[number]):
            number += 1
            continue
        end = next(end for end in range(number + 1, len(lines) + 1) if _whole(lines[number:end]))
        part = lines[number:end]
        if end - number == 1 or not any(line.startswith((" ", "\t")) for line in part) or "<<" in part[0]:
            yield Directive(name, number + 1, end, " ".join(line.strip().removesuffix("\\").strip() for line in part))
        else:
            yield Directive(name, number + 1, end, part[0].strip())
            for inner in range(number + 1, end):
                line = lines[inner]
                indent = line[: len(line) - len(line.lstrip())]
                changed = [*lines[number:inner], f"{indent}:", *lines[inner + 1 : end]]
                if (
                    indent
                    and not _comment("#")(line)
                    and not lines[inner - 1].endswith(("\\", "&&", "||", "|"))
                    and _reads("\n".join(changed))
                ):
                    yield Directive(name, inner + 1, inner + 1, line.strip(), gone=f"{indent}:")
        number = end


def _entries(node: ast.stmt) -> list[tuple[int, int]]:
    """The first and the last line of each entry of a dictionary that is assigned and has a line for each."""
    value = getattr(node, "value", None)
    if not isinstance(value, ast.Dict) or value.lineno == value.end_lineno:
        return []
    return [(key.lineno, entry.end_lineno or key.lineno) for key, entry in zip(value.keys, value.values, strict=True) if key]


def _python(name: str, lines: list[str]) -> Iterator[Directive]:
    """Each statement; of functions and classes also those within, of dictionaries each entry.

    Not imports, without which nothing begins, nor words for people."""

    def within(body: list[ast.stmt]) -> Iterator[Directive]:
        for node in body:
            if isinstance(node, ast.Import | ast.ImportFrom | ast.Pass) or (
                isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            ):
                continue
            first, named = min([node.lineno, *(part.lineno for part in getattr(node, "decorator_list", []))]), node.lineno
            last = node.end_lineno or first
            indent = " " * node.col_offset
            inner = [part for part in ("body", "orelse", "finalbody") if getattr(node, part, None)]
            entries = _entries(node)
            text = lines[named - 1].strip() if inner or entries else " ".join(line.strip() for line in lines[first - 1 : last])
            yield Directive(name, first, last, text, gone=f"{indent}pass")
            for begin, end in entries:
                yield Directive(name, begin, end, " ".join(line.strip() for line in lines[begin - 1 : end]))
            for part in inner:
                yield from within(getattr(node, part))
            for handler in getattr(node, "handlers", []):
                yield from within(handler.body)

    yield from within(ast.parse("\n".join(lines)).body)


def _script(name: str, lines: list[str]) -> Iterator[Directive]:
    """Of JavaScript each line that is a statement of its own; of a page around it also each element of one line that holds no text."""
    inside = name.endswith(".js")
    for number, line in enumerate(lines, 1):
        code = line.strip()
        if code in ("<script>", "</script>"):
            inside = code == "<script>"
        elif (STATEMENT if inside else ELEMENT).match(code) and (not inside or _balanced(code)):
            yield Directive(name, number, number, code)


STATEMENT = re.compile(r"(?!//|return\b|import\b|\"use strict\")[\w.$(\[].*;$")
ELEMENT = re.compile(r"<(button|meta|input|span)\b.*>$|#?[\w: .]+\{.*\}$")


def _balanced(code: str) -> bool:
    bare = re.sub(r"\"[^\"]*\"|'[^']*'|`[^`]*`|/(?![/*\s])[^/]+/\w*", "", code)
    return all(bare.count(one) == bare.count(other) for one, other in ("()", "[]", "{}"))


# How blocks begin and end in Caddy's files and logrotate's.
BEGINS, ENDS = re.compile(r".*\{$|postrotate$"), ("}", "endscript")


def _braces(name: str, lines: list[str]) -> Iterator[Directive]:
    """Each line; a block with all that is in it."""
    opened: list[int] = []
    for number, line in enumerate(lines, 1):
        code = line.strip()
        if not code or code.startswith("#"):
            continue
        if code in ENDS:
            begun = opened.pop()
            yield Directive(name, begun, number, lines[begun - 1].strip())
        elif BEGINS.match(code):
            opened.append(number)
        else:
            yield Directive(name, number, number, code)


def _haproxy(name: str, lines: list[str]) -> Iterator[Directive]:
    """Each line; a section with all that is in it, and a condition with all that it is for."""
    section = condition = last = 0
    for number, line in enumerate(lines, 1):
        code = line.strip()
        if not code or code.startswith("#"):
            continue
        if code.startswith(".if "):
            condition = number
        elif code == ".endif":
            yield Directive(name, condition, number, lines[condition - 1].strip())
        elif line.startswith(" "):
            yield Directive(name, number, number, code)
        else:
            if section:
                yield Directive(name, section, last, lines[section - 1].strip())
            section = number
        last = number
    if section:
        yield Directive(name, section, last, lines[section - 1].strip())


def _yaml(name: str, lines: list[str]) -> Iterator[Directive]:
    """Each entry of a mapping or a list that has lines of its own, with all that is in it. One that holds a single block is that block."""

    def blocks(node: yaml.Node) -> list:
        return node.value if isinstance(node, yaml.CollectionNode) and not node.flow_style else []

    def parts(entry: object) -> tuple[yaml.Node, yaml.Node]:
        return entry if isinstance(entry, tuple) else (entry, entry)  # of a list's entry, it is both

    def last(node: yaml.Node) -> int:
        if inner := blocks(node):
            return last(parts(inner[-1])[1])
        # The mark of a text that goes on over several lines is that of what comes after it.
        end = node.end_mark.line + (0 if getattr(node, "style", "") in (">", "|") else 1)
        while _comment("#")(lines[end - 1]):
            end -= 1
        return end

    def within(node: yaml.Node) -> Iterator[Directive]:
        inner = blocks(node)
        for begin, value in map(parts, inner):
            first, end = begin.start_mark.line + 1, last(value)
            if len(inner) > 1 or node is root or not blocks(value):
                text = lines[first - 1].strip() if blocks(value) else " ".join(line.strip() for line in lines[first - 1 : end])
                yield Directive(name, first, end, text)
            yield from within(value)

    root = yaml.compose("\n".join(lines), yaml.SafeLoader)
    # An entry of a list may begin on the line of the first of its own.
    yield from {(one.first, one.last): one for one in within(root)}.values()


def _lines(name: str, lines: list[str]) -> Iterator[Directive]:
    """Each line."""
    for number, line in enumerate(lines, 1):
        if not _comment("#")(line):
            yield Directive(name, number, number, line.strip())


KINDS: dict[str, Callable[[str, list[str]], Iterator[Directive]]] = {
    "nginx/*.conf": _nginx,
    "apache/*.conf": _apache,
    "people/*.conf": _apache,
    "caddy/*.conf": _unit,
    "haproxy/*.conf": _unit,
    "traefik/*.conf": _braces,
    ".caddyfile": _braces,
    ".logrotate": _braces,
    ".cfg": _haproxy,
    ".yaml": _yaml,
    ".service": _unit,
    ".slice": _unit,
    ".timer": _unit,
    ".yml": _lines,
    ".sh": _shell,
    ".py": _python,
    ".js": _script,
    ".html": _script,
}
# What is no configuration: the check has tests and a score of its own, and the rest is read by pip. Of each part of the differences
# for a balancer, test_balancer sees what breaks without it; what stands beside another site is the published site's, but for what
# test_existing_site sees. What each line for a faster first load does, test_faster sees; what a script for more kernels is for,
# test_other_kernels, which fetches them; what each part of a login elsewhere refuses, test_openid_connect, test_lti and test_ldap see. Of a
# cluster's files, test_slurm sees what each limit and each wall is for; of those for a host name for each user, test_user_hosts what
# each part keeps away; of two proxies, test_two_proxies what a restart of each part cuts; what makes the editor one for Lua,
# test_languages; of a move to another database, test_database what comes over; of those for
# containers, test_docker what each limit and each wall is for; of those for a frame of another site, test_framed what
# each part allows; and of values for Kubernetes, test_kubernetes what a Pod is without them.
ELSEWHERE = (
    "check/",
    *(f"{folder}/" for folder in MANIFEST["elsewhere"] if folder not in FURTHER_PROXIES),
    "kernel/my_kernel/",
    "jupyterhub/requirements",
    "course/requirements.txt",
    "caddy/requirements.txt",
    "traefik/requirements.txt",
)


def kind(name: str) -> str:
    """The key of `KINDS` for a snippet. Raises `Unknown`."""
    for known in KINDS:
        folder, star, end = known.rpartition("*")
        if name.endswith(end) and (not star or name.startswith(folder)):
            return known
    raise Unknown(f"snippets/{name}: no parser of tests/harness/measuring/changes.py knows such a file")


def files() -> list[str]:
    """The snippets whose lines have to have a witness."""
    return [name for name in snippets() if not name.startswith(ELSEWHERE)]


def directives(name: str, text: str | None = None) -> list[Directive]:
    """All directives of a snippet, in its order. Raises `Unknown`."""
    lines = ((SNIPPETS / name).read_text("utf-8") if text is None else text).split("\n")
    found = sorted(KINDS[kind(name)](name, lines), key=lambda one: (one.first, -one.last))
    # A text that stands there twice is told apart by its number.
    seen: dict[str, int] = {}
    numbered = []
    for one in found:
        seen[one.text] = seen.get(one.text, 0) + 1
        numbered.append(one if seen[one.text] == 1 else replace(one, text=f"{one.text} ({seen[one.text]})"))
    return numbered


# Neighbours: (what stands there, what comes in its place), by kind of file.
NEIGHBOURS: dict[str, list[tuple[str, str]]] = {
    "nginx/*.conf": [
        (r"\$http_host", "$host"),
        (r"\$remote_addr(?=;)", "$proxy_add_x_forwarded_for"),
        (r"\$jupyterhub_connection(?=;)", "upgrade"),
        (r"\$scheme(?=;)", "http"),
        (r"(?<=https://)hub\.example\.com(?=\$)", "$host"),
        (r"\$uri", "$request_uri"),
        (r"\b301\b", "302"),
        (r"\b302\b", "301"),
        (r"\$ (?=\{)", " "),
        (r"127\.0\.0\.1:800(?=;)", "127.0.0.1:800/"),
        (r"location = /", "location /"),
        (r"always", ""),
        (r"emerg", "error"),
    ],
    "apache/*.conf": [
        (r"%U", "%U%q"),
        (r"permanent ", ""),
        (r"(?<=\^)/\$", "/"),
        (r" nocanon", ""),
        (r" upgrade=websocket", ""),
        (r" disablereuse=On", ""),
        (r"NoDecode", "On"),
        (r"always ", ""),
        (r" early", ""),
        (r"\bset\b", "setifempty"),
        (r"(?<=X-Scheme )https", "http"),
    ],
    "people/*.conf": [
        (r",!sudo", ""),
    ],
    "caddy/*.conf": [
        (r"=0700", "=0755"),
        (r"--mode 400", "--mode 444"),
        (r" --force", ""),
    ],
    "haproxy/*.conf": [],
    "traefik/*.conf": [
        (r"640", "644"),
        (r"14", "2"),
    ],
    ".logrotate": [
        (r"14", "2"),
    ],
    ".caddyfile": [
        (r"unix//run/caddy/admin.sock", "127.0.0.1:2019"),
        (r"h1$", "h1 h2"),
        (r"read_header 15s", "read_header 1m"),
        (r"640", "644"),
        (r"\b301\b", "302"),
        (r"\b302\b", "301"),
        (r"\{uri\}", "{path}"),
        (r"(?<=\^)/jupyter\$", "/jupyter"),
        (r"(?<=gzip )7", "1"),
        (r"\{scheme\}", "http"),
        (r"\{remote_host\}", "{header.X-Real-IP}"),
        (r"24h", "1s"),
        (r"512MiB", "100MiB"),
        (r"512 \*", "100 *"),
    ],
    ".cfg": [
        (r",:::\d+", ""),
        (r" alpn http/1.1", " alpn h2,http/1.1"),
        (r" ssl-min-ver TLSv1.2", ""),
        (r" ciphers \S+", ""),
        (r" no-tls-tickets", ""),
        (r"http-request 15s", "http-request 1m"),
        (r"client-hs 15s", "client-hs 1m"),
        (r"(?<=path_reg \^)/jupyter\$", "/jupyter"),
        (r"http-after-response", "http-response"),
        (r"\b301\b", "302"),
        (r"\b302\b", "301"),
        (r"%HPO", "%HU"),
        (r"%\[src\]", "%[req.hdr(X-Forwarded-For)]"),
        (r"536870912", "104857600"),
        (r"retries 0", "retries 3"),
    ],
    ".yaml": [
        (r"\[web\]", "[websecure]"),
        (r"permanent: true", "permanent: false"),
        (r"(?<=\^)/jupyter\$", "/jupyter"),
        (r"(?<=X-Scheme: )https", "http"),
        (r"readTimeout: 15s", "readTimeout: 5m"),
        (r"readTimeout: 5m", "readTimeout: 30s"),
        (r"maxIdleConnsPerHost: -1", "maxIdleConnsPerHost: 2"),
        (r"defaultMode: drop", "defaultMode: keep"),
        (r"minResponseBodyBytes: 256", "minResponseBodyBytes: 1024"),
    ],
    ".service": [
        (r"on-failure", "always"),
        (r"on-failure", "no"),
        (r"=invisible", "=default"),
        (r"=strict", "=full"),
        (r"=EPERM", "=EACCES"),
        (r"=0700", "=0755"),
        (r"=0077", "=0027"),
        (r"=@system-service", "=@system-service @mount @debug"),
    ],
    ".slice": [],
    ".timer": [],
    ".yml": [],
    ".sh": [
        (r" restart$", " reload"),
        (r" -s reload$", " -s reopen"),
        (r"enable --now", "start"),
        (r"\b6(00|40)\b", "644"),
        (r"umask 022", "umask 077"),
        (r"(?<=set )-eu", "-u"),
    ],
    ".py": [
        (r"127\.0\.0\.1", "0.0.0.0"),
        (r"\"ipc\"", '"tcp"'),
        (r"0o700", "0o777"),
        (r"\"invisible\"", '"default"'),
        (r"\"full\"", '"yes"'),
        (r"\"EPERM\"", '"EACCES"'),
        (r"\"0077\"", '"0027"'),
        (r"\"@system-service\"", '"@system-service @mount @debug"'),
        (r"'self'", "*"),
        (r"sandbox allow-scripts", "sandbox allow-scripts allow-same-origin"),
    ],
    ".js": [],
    ".html": [],
}
# Where a list may hold one more: what that would be.
WIDER: dict[str, str] = {
    "ssl_protocols": "TLSv1.1",
    "SSLProtocol": "+TLSv1.1",
    "CapabilityBoundingSet": "CAP_SYS_ADMIN",
    "RestrictAddressFamilies": "AF_PACKET",
    "gzip_types": "application/xhtml+xml",
}
# Lists of which each word counts.
LISTS = re.compile(
    r"^(ssl_protocols|ssl_ciphers|gzip_types|SSLProtocol|SSLCipherSuite|AddOutputFilterByType DEFLATE|CapabilityBoundingSet"
    r"|RestrictAddressFamilies|a2enmod --quiet|compression type)[ =]+(.*?);?$"
)
# In YAML, those between brackets.
FLOW = re.compile(r"(?:middlewares|encodings|includedContentTypes): \[(.*)\]$")
# Of these kinds of files no number is halved or doubled: what time a test can see is among their neighbours.
WITHOUT_NUMBERS = ("caddy/*.conf", "haproxy/*.conf", "traefik/*.conf", ".logrotate", ".caddyfile", ".cfg", ".yaml")
SWITCHES = {"on": "off", "off": "on", "On": "Off", "yes": "no", "True": "False", "False": "True"}
# A number and its unit, where it is a value of its own.
NUMBER = re.compile(r"(?<![\w.:$/\"%-])(\d+)(?=(?:[smhdk]|MB?)?(?:[;,)]|\s|$|$))|(?<=[=:])(\d+)(?=[sm]?(?:[,;)\s]|$))")


def _numbers(text: str) -> Iterator[tuple[int, int, int]]:
    for found in NUMBER.finditer(text):
        which = 1 if found[1] else 2
        number = int(found[which])
        if number > 1 and not found[which].startswith("0"):
            yield found.start(which), found.end(which), number


def _worse(directive: Directive, line: str) -> Iterator[tuple[str, str]]:
    """A directive's line as it would be with other words: (what was changed, the line)."""
    where = kind(directive.name)
    code = line.strip()
    for old, new in NEIGHBOURS[where]:
        if found := re.search(old, line):
            said = f"{found[0].strip()} left out" if not new.strip() else f"{found[0].strip()} → {new.strip()}"
            yield said, line[: found.start()] + new + line[found.end() :]
    if where in (".js", ".html", ".sh"):
        return
    if where == ".py":
        if found := re.search(r"(?<=[ =])(True|False)(?=[,})]|$)", line):
            yield f"{found[0]} → {SWITCHES[found[0]]}", line[: found.start()] + SWITCHES[found[0]] + line[found.end() :]
        return
    for word, other in SWITCHES.items():
        if re.search(rf"(?<=[ =]){word}(?=[;,)\s]|$)", line):
            yield f"{word} → {other}", re.sub(rf"(?<=[ =]){word}(?=[;,)\s]|$)", other, line, count=1)
    if found := LISTS.match(code):
        separator = ":" if ":" in found[2] and " " not in found[2] else " "
        words = found[2].split(separator)
        if len(words) > 1:
            for word in words:
                left = separator.join(other for other in words if other != word)
                yield f"{word} left out", line.replace(found[2], left)
        if more := WIDER.get(found[1]):
            yield f"{more} as well", line.replace(found[2], f"{found[2]}{separator}{more}")
        return
    if where == ".yaml":
        if found := FLOW.search(code):
            words = found[1].split(", ")
            for word in words if len(words) > 1 else ():
                yield f"{word} left out", line.replace(found[1], ", ".join(other for other in words if other != word))
        for word, other in (("true", "false"), ("false", "true")):
            if code.endswith(f": {word}") and not code.startswith("permanent"):
                yield f"{word} → {other}", line.replace(f": {word}", f": {other}")
    if where in WITHOUT_NUMBERS:
        return
    if re.match(
        r"(return|error_page|proxy_pass|log_format|listen|RedirectMatch|LogFormat|ErrorLogFormat|SystemCallFilter|Environment|LimitNOFILE)\b",
        code,
    ):
        return
    for begin, end, number in _numbers(line):
        for said, other in (("halved", number // 2), ("doubled", number * 2)):
            yield f"{number} → {other} ({said})", f"{line[:begin]}{other}{line[end:]}"


def changes(directive: Directive, text: str | None = None) -> list[Change]:
    """All changes to a directive, its deletion first; `text` is that of the whole snippet."""
    lines = ((SNIPPETS / directive.name).read_text("utf-8") if text is None else text).split("\n")[directive.first - 1 : directive.last]
    made = [Change(directive, DELETED, (directive.gone,) if directive.gone else ())]
    block = directive.last > directive.first and not directive.text.endswith(";") and KINDS[kind(directive.name)] is not _unit
    for number, line in enumerate(lines[:1] if block else lines):
        for said, other in _worse(directive, line):
            made.append(Change(directive, said, (*lines[:number], other, *lines[number + 1 :])))
    return list({change.what: change for change in made}.values())


def applied(text: str, made: list[Change]) -> str:
    """The text of a snippet with changes to directives of which none holds another."""
    lines: list[str | None] = [*text.split("\n")]
    after: dict[int, tuple[str, ...]] = {}
    for change in made:
        for number in range(change.directive.first - 1, change.directive.last):
            if lines[number] is None:
                raise ValueError(f"{change.directive.name}:{number + 1}: two changes of one line")
            lines[number] = None
        after[change.directive.first - 1] = change.lines
    kept = [part for number, line in enumerate(lines) for part in ([*after.get(number, ())] + ([line] if line is not None else []))]
    return "\n".join(kept)
