"""From what was seen to a verdict: the cause, how certain it is, and the page to read."""

from __future__ import annotations

import re

from .causes_at_a_provider import AT_A_PROVIDER
from .causes_at_the_hub import AT_THE_HUB
from .causes_in_a_server import IN_A_SERVER
from .causes_on_the_way import ON_THE_WAY, OneOf
from .other_proxies import OTHER_PROXIES

CAUSES = [*AT_A_PROVIDER, *ON_THE_WAY, *AT_THE_HUB, *IN_A_SERVER]


def fitting(text: str, proxy: str) -> str:
    """A cause in the words of the reverse proxy that is known to stand there. In a cause, {about|words} are those for nginx and
    Apache, which are told where no other is known; another has words of its own about that, or none."""
    own = OTHER_PROXIES.get(proxy)
    return re.sub(
        r"( ?)\{(\w+)\|([^}]*)\}", lambda to: f"{to[1]}{word}" if (word := to[3] if own is None else own.get(to[2], "")) else "", text
    )


def verdict(said: str, front: str = "") -> dict[str, str]:
    """What follows from what was said: certainty ("certain", "one of these", "not known"), cause, decide (how to find out which
    of several causes it is), and page; without a known cause, cause and decide are empty. `front` is the reverse proxy that other
    answers have shown: it counts where this one shows none."""
    cause, page = next(((cause, page) for seen, cause, page in CAUSES if re.search(seen, said)), ("", "troubleshooting/index"))
    named = re.search(r"\(from (nginx|Apache|[^()]*)", said)
    proxy = named[1] if named and (named[1] in OTHER_PROXIES or named[1] in ("nginx", "Apache")) else front
    if isinstance(cause, OneOf):
        numbered = " ".join(f"({number}) {fitting(text, proxy)}" for number, text in enumerate(cause.causes, 1))
        return {"certainty": "one of these", "cause": numbered, "decide": fitting(cause.decide, proxy), "page": page}
    return {"certainty": "certain" if cause else "not known", "cause": fitting(cause, proxy), "decide": "", "page": page}


def judged(result: dict, guide: str = "") -> list[str]:
    """A verdict as a person reads it, in lines."""
    lines = {
        "certain": [f"Cause: {result['cause']}"],
        "one of these": [f"One of these: {result['cause']}", f"To decide: {result['decide']}"],
        "not known": ["The cause is not known."],
    }
    return [*lines[result["certainty"]], f"Read: {address(result['page'], guide)}"]


def address(page: str, guide: str) -> str:
    """A page of the guide: its path there, or its whole address where the guide's own is known."""
    if not guide:
        return page
    path, mark, part = page.partition("#")
    return f"{guide.rstrip('/')}/{path}{'/index' if path.startswith('troubleshooting/') else ''}.html{mark}{part}"
