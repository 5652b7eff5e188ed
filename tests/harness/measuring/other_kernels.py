"""Kernels that people install beside the guide's: what each is asked and answers, and those from PyPI that do not run."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass, field

from PIL import Image


@dataclass(frozen=True)
class Kernel:
    """A kernel from PyPI that starts.

    - package: its name there. program: what it runs, and version: the command that tells which one; "" for Python alone.
    - shows: its name in the launcher. environment: variables in its kernelspec without which it does not start.
    - steps: what it is told to do, see `kernel_actions.exercise`. answers: by step, words in what it then says.
    - draws: the type of the picture that its step "draws" shows; "" for none.
    - cannot: of `DOES`, what it does not do, with the words for the page; a test sees that it still does not.
    """

    package: str
    shows: str
    steps: Mapping[str, str]
    answers: Mapping[str, str]
    program: str = ""
    version: str = ""
    draws: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    cannot: frozenset[str] = frozenset()


# What a kernel may do, by the word of the evidence.
DOES = ("installs", "starts", "computes", "fails", "draws", "completes", "inspects", "asks", "interrupts", "restarts", "ends")

MIT_CONFIG = "/etc/jupyter/mit_scheme_kernel.yaml"
KERNELS = {
    "octave": Kernel(
        "octave_kernel",
        "Octave",
        {
            "computes": "6*7",
            "fails": "undefined_thing",
            "draws": "plot(1:10)",
            "kept": "x = 3;",
            "completes": "plo",
            "inspects": "sin",
            "asks": "y = input('name ', 's')",
            "endless": "while true, x = x + 1; end",
            "keeps": "printf('kept %d\\n', x > 3)",
        },
        {
            "computes": " = 42",
            "fails": "'undefined_thing' undefined",
            "completes": "plot",
            "inspects": "sine",
            "asks": "y = bob",
            "after": "kept 1",
        },
        program="GNU Octave",
        environment={"OCTAVE_INITFILE": "${HOME}/.octaverc"},
        version="octave --no-gui --version | head -n 1",
        draws="image/png",
    ),
    "gnuplot": Kernel(
        "gnuplot_kernel",
        "gnuplot",
        {
            "computes": "print 6*7",
            "fails": "print undefined_thing",
            "draws": "plot [0:10] x notitle",
            "kept": "x = 3",
            "completes": "plo",
            "inspects": "plot",
            "endless": "do for [i=1:1000000000] { y = i }",
            "keeps": "print x",
        },
        {"computes": "42", "fails": "undefined variable", "completes": "plot", "inspects": "Subtopics", "after": "3"},
        program="gnuplot",
        version="gnuplot --version",
        draws="image/png",
        cannot=frozenset({"completes", "asks"}),
    ),
    "calysto_scheme": Kernel(
        "calysto_scheme",
        "Calysto Scheme 3",
        {
            "computes": "(* 6 7)",
            "fails": "(undefined-thing)",
            "kept": "(define x 3)",
            "completes": "(def",
            "inspects": "car",
            "asks": '(input "name ")',
            "endless": "(define loop (lambda () (loop))) (loop)",
            "keeps": "x",
        },
        {"computes": "42", "fails": "unbound variable", "completes": "define", "inspects": "first element", "asks": "bob", "after": "3"},
    ),
    "mit-scheme-kernel": Kernel(
        "mit-scheme-kernel",
        "MIT/GNU Scheme",
        {
            "computes": "(* 6 7)",
            "fails": "(car 5)",
            "kept": "(define x 3141)",
            "completes": "(def",
            "inspects": "car",
            "asks": "(read-line)",
            "endless": "(define (loop) (loop)) (loop)",
            "keeps": "x",
        },
        {"computes": "42", "fails": "not the correct type", "completes": "define", "inspects": "car", "asks": "bob", "after": "3141"},
        program="MIT/GNU Scheme",
        version="dpkg-query --show --showformat 'MIT/GNU Scheme ${Version}' mit-scheme",
        environment={"MIT_SCHEME_KERNEL_CONFIG": MIT_CONFIG},
        cannot=frozenset({"completes", "inspects", "asks", "interrupts"}),
    ),
    "scilab": Kernel(
        "scilab-kernel",
        "Scilab",
        {
            "computes": "disp(6*7)",
            "fails": "undefined_thing",
            "kept": "x = 3",
            "completes": "plo",
            "inspects": "sin",
            "endless": "while %t, x = x + 1; end",
            "keeps": "disp(x > 3)",
        },
        {"computes": "42", "fails": "Undefined variable", "completes": "plot", "inspects": "sin", "after": "T"},
        program="Scilab",
        version="dpkg-query --show --showformat 'Scilab ${Version}' scilab-cli",
        environment={"SCILAB_EXECUTABLE": "scilab-cli"},
        cannot=frozenset({"completes", "inspects", "asks"}),
    ),
    "calysto_bash": Kernel(
        "calysto-bash",
        "Calysto Bash",
        {
            "computes": "echo $((6*7))",
            "fails": "nosuchcommand",
            "kept": "x=3",
            "completes": "ech",
            "inspects": "ls",
            "endless": "while :; do :; done",
            "keeps": "echo $x",
        },
        {"computes": "42", "fails": "command not found", "completes": "echo", "inspects": "list directory", "after": "3"},
        program="GNU bash",
        version="bash --version | head -n 1",
        cannot=frozenset({"inspects", "asks", "interrupts"}),
    ),
    "calysto_prolog": Kernel(
        "calysto-prolog",
        "Calysto Prolog",
        {
            "computes": "likes(mary, wine).\nlikes(mary, X)?",
            "fails": "X is 6 * 7?",
            "kept": "has(mary, book).",
            "completes": "likes",
            "inspects": "likes",
            "keeps": "has(mary, X)?",
        },
        {"computes": "wine", "fails": "Unable to process", "completes": "likes", "inspects": "likes"},
        cannot=frozenset({"completes", "inspects", "asks", "interrupts"}),
    ),
}

# Those that PyPI has and that do not come so far: the kernel's name, and the words that are seen when it is added.
BROKEN = {
    "metakernel-python": ("metakernel_python", "No module named 'IPython'"),
    "metakernel-echo": ("metakernel_echo", "No module named 'IPython'"),
    "metakernel-bash": ("metakernel_bash", "No module named 'IPython'"),
    "calysto-hy": ("calysto_hy", "No module named 'hy.version'"),
    "calysto-lc3": ("calysto_lc3", "No module named 'IPython.kernel'"),
    "calysto-chatbot": ("calysto_chatbot", "module 'time' has no attribute 'clock'"),
    "agent-client-kernel": ("agentclient", "No module named 'agentclientkernel'"),
    "xonsh-kernel": ("xonsh", "Installed kernelspec python3"),
    "sas-kernel": ("sas", "Installed kernelspec python3"),
}
# Those that start, but whose program Debian does not have: the kernel's name, a cell, and the words that come.
LACKING = {
    "matlab-kernel": ("matlab", "6*7", "Matlab engine not installed"),
    "calysto-processing": ("calysto_processing", "println(6*7);", "processing-java"),
}


def does(kernel: Kernel, seen: Mapping) -> dict[str, bool]:
    """By word of `DOES`, whether a kernel does it, from what was seen."""

    def holds(step: str, words: str = "") -> bool:
        wanted = words or kernel.answers[step]
        told = seen.get(step, "")
        return wanted in (told["said"] + told["errors"] if isinstance(told, dict) else told)

    return {
        "installs": seen["listed"] == kernel.shows,
        "starts": bool(seen["started"]),
        "computes": holds("computes"),
        # A notebook goes on with the next cell unless the status says that there was an error.
        "fails": holds("fails") and seen["fails"]["status"] in ("ok", "error"),
        "draws": bool(kernel.draws) and rises(seen["draws"]["shown"].get(kernel.draws, "")),
        "completes": kernel.answers["completes"] in seen["completes"],
        "inspects": holds("inspects"),
        "asks": "asks" in seen and seen["asks"]["asked"] and holds("asks"),
        "interrupts": "endless" in seen and holds("after"),
        # Nothing is left of what was there before: the answer to an interrupt would come again.
        "restarts": kernel.answers["computes"] in seen["anew"]["said"]
        and kernel.answers.get("after", kernel.answers["computes"]) not in seen["gone"]["said"],
        "ends": seen["ended"],
    }


def rises(png: str) -> bool:
    """Whether a picture has a line that rises from its left to its right, and is white at most places."""
    if not png:
        return False
    picture = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    pixels = picture.load()
    places = [(x, y) for x in range(picture.width) for y in range(picture.height)]
    coloured = [place for place in places if max(pixels[place]) - min(pixels[place]) > 60]  # type: ignore[index]
    white = sum(min(pixels[place]) > 240 for place in places)  # type: ignore[index]
    if not coloured or white < len(places) / 2:
        return False
    (left, low), (right, high) = min(coloured), max(coloured)
    return right - left > picture.width / 2 and low - high > picture.height / 2
