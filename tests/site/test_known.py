"""The field for a log on the troubleshooting page: it answers like hubcheck --log, refuses what is not text, and is accessible."""

import base64
import io
import json
import re
from urllib.parse import urlsplit

import pytest
from bs4 import BeautifulSoup

from snippets.check import hubcheck
from tests.harness.manifest import SNIPPETS, VALUES
from tests.harness.measuring import evidence
from tests.harness.site.guide import small, sphinx, type_in

PAGE = "troubleshooting/index.html"
IN_USE = "Uncaught Exception: listen EADDRINUSE: address already in use 192.0.2.1:9000"
EXPIRED = "certificate verify failed: certificate has expired"
# Files as a reader would choose them; for each what the page answers, in the words that it says and the addresses that it leads to.
CHOOSE = """async files => {
    const chooser = document.querySelector("#known-file"), status = document.querySelector(".known-status"), told = [];
    for (const [name, data] of files) {
        const bytes = Uint8Array.from(atob(data), letter => letter.charCodeAt(0)), chosen = new DataTransfer();
        chosen.items.add(new File([bytes], name));
        chooser.files = chosen.files;
        status.textContent = "";
        chooser.dispatchEvent(new Event("change", { bubbles: true }));
        while (["", "Looking…"].includes(status.textContent)) await new Promise(turn => setTimeout(turn, 2));
        const items = [...document.querySelectorAll(".known-answers > li")];
        const groups = items.map(item => [...item.querySelectorAll("a")].map(link => link.href));
        told.push([status.textContent, groups, [...document.querySelectorAll(".known-answers mark")].map(mark => mark.textContent)]);
    }
    return told;
}"""
# Ten megabytes of a log, as a file or pasted: how long it takes until the answer is there, how often the page had its turn meanwhile,
# and for how long it had none at most.
LARGE = """async ([line, pasted]) => {
    const text = line.repeat(Math.ceil(1e7 / line.length)).slice(0, 1e7) + "\\ncertificate verify failed: certificate has expired\\n";
    const given = new DataTransfer(), list = document.querySelector(".known-answers"), gaps = [];
    list.replaceChildren();
    if (pasted) given.setData("text/plain", text);
    else given.items.add(new File([text], "large.log"));
    await new Promise(turn => setTimeout(turn, 50));
    const began = performance.now();
    let last = began;
    if (pasted) {
        document.querySelector("#known-text").dispatchEvent(new ClipboardEvent("paste", { clipboardData: given, cancelable: true }));
    } else {
        document.querySelector("#known-file").files = given.files;
        document.querySelector("#known-file").dispatchEvent(new Event("change"));
    }
    while (!list.children.length) {
        await new Promise(turn => setTimeout(turn));
        gaps.push(performance.now() - last);
        last = performance.now();
    }
    return [last - began, gaps.length, Math.max(...gaps)];
}"""


@pytest.fixture(scope="module")
def page(reader):
    context = reader.context()
    made = context.new_page()
    made.asked = []
    made.goto(reader.address + PAGE, wait_until="networkidle")
    made.on("request", lambda request: made.asked.append(request.url))
    yield made
    context.close()


def choose(page, **files):
    return page.evaluate(CHOOSE, [[name, base64.b64encode(data).decode()] for name, data in files.items()])


def address(reader, page):
    return hubcheck.address(page, reader.address)


def answers(reader, data):
    """What hubcheck answers of a file, as the page would: the pages by groups, and what matched."""
    table = hubcheck.known()
    seen = hubcheck.found(hubcheck.pieces(io.BytesIO(data)), table)
    groups = hubcheck.answers(seen, table)[: hubcheck.ANSWERS]
    matched = [seen[pattern][0][seen[pattern][1] : seen[pattern][2]] for group in groups for pattern in group[0][2]]
    return [[address(reader, page) for page, _, _ in group] for group in groups], matched


def texts():
    """A text for each row of the table, with all its lines as a hub would print them; and all of them, and what has none."""
    made = {
        page: "\n".join(f"[E 12:00:00 hub app:{number}] {line.replace('…', '7')}" for number, line in enumerate(lines))
        for page, _, lines in hubcheck.known()
    }
    return made | {
        "all of them": "\n".join(made.values()),
        "none": "all is well\n" * 9,
        "colours": "Uncaught Exception: listen \x1b[31mEADDRINUSE\x1b[0m: address already in use 1\r\n"
        "#033[1mcertificate verify failed: certificate ^[[1mhas#033[0m expired",
        "a browser's": "Notebook\nPython 3 (ipykernel)\n\nConsole\nPython 3 (ipykernel)\nOther",
        "one line": f"{'x' * 1_200_000}{EXPIRED}{'y' * 1_200_000}",
        "alone": "Not Found",
        "many faults write it": "nginx: configuration file /etc/nginx/nginx.conf test failed\nSaving failed",
        "not alone": "Here is Not Found",
    }


def test_the_page_answers_as_hubcheck_does(page, reader):
    made = {name: text.encode() for name, text in texts().items()}
    for (name, data), (_, groups, matched) in zip(made.items(), choose(page, **made), strict=True):
        assert (groups, matched) == answers(reader, data), name
    assert page.asked == [], "nothing is sent anywhere"


def test_a_text_may_be_written_in_several_ways_and_what_is_none_is_told_in_one_line(page, reader):
    text = f"Ünsinn\r\n{EXPIRED}\r\n"
    files = {name: text.encode(name) for name in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1")}
    for said, groups, _ in choose(page, **files):
        assert groups[0] == [address(reader, "troubleshooting/certificate-has-expired")], said
    told = choose(page, **{"packed.gz": bytes(range(256)) * 40, "zeros": b"\0" * 5000, "empty.log": b"", "other.log": b"all is well\n"})
    assert told == [
        ["packed.gz is no text: unpack it, or let journalctl print it.", [], []],
        ["zeros is no text: unpack it, or let journalctl print it.", [], []],
        ["There is nothing in empty.log.", [], []],
        ["No line of other.log is on a page of this guide. To find what fails first, run the check.", [], []],
    ]


def test_lines_are_pasted_and_read_without_a_mouse(page, reader):
    page.reload()
    type_in(page, {"host": "lab.example.org"})
    page.focus("#known-text")
    page.keyboard.insert_text(f"Nov 26 12:00:00 srv jupyterhub[7]: {IN_USE}")
    page.locator(".known-answers a").first.wait_for()
    assert page.locator(".known-status").get_attribute("role") == "status"
    assert page.locator(".known-status").text_content() == "2 pages have lines of your text, the likeliest first."
    assert page.locator(".known-answers mark").all_text_contents() == [IN_USE[: IN_USE.index("192")]]
    assert page.locator(".known-answers > li > p").all_text_contents() == [
        "The address is already in use or The proxy of an earlier hub is still running",
        "To decide between them: /opt/jupyterhub/bin/python hubcheck.py https://lab.example.org/jupyter/ --user alice --until hub_answers",
    ]
    page.evaluate("localStorage.clear()")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "known-file"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url(address(reader, "troubleshooting/address-already-in-use"))
    page.goto(reader.address + PAGE)
    page.fill("#known-text", EXPIRED)
    page.locator(".known-answers a").first.wait_for()
    pasted = f"a\n{'all is well' * 500}\n{IN_USE}\n"
    page.fill("#known-text", "before after")
    page.evaluate(
        """pasted => {
            const field = document.querySelector("#known-text"), given = new DataTransfer();
            given.setData("text/plain", pasted);
            field.setSelectionRange(7, 7);
            field.dispatchEvent(new ClipboardEvent("paste", { clipboardData: given, cancelable: true }));
        }""",
        pasted,
    )
    page.locator(".known-answers mark", has_text="EADDRINUSE").wait_for()
    assert page.input_value("#known-text") == f"before {pasted}after"
    page.fill("#known-text", " \n")
    page.locator(".known-answers a").first.wait_for(state="detached")
    assert page.locator(".known-status").text_content() == ""


def test_a_later_text_counts_and_not_one_that_was_longer(page):
    page.reload()
    page.evaluate(
        """() => {
            const chosen = new DataTransfer(), chooser = document.querySelector("#known-file");
            const end = "certificate verify failed: certificate has expired";
            chosen.items.add(new File(["all is well\\n".repeat(1e6), end], "long"));
            chooser.files = chosen.files;
            chooser.dispatchEvent(new Event("change"));
        }"""
    )
    page.fill("#known-text", IN_USE)
    page.locator(".known-answers a").first.wait_for()
    page.wait_for_timeout(2500)
    assert page.locator(".known-answers mark").all_text_contents() == [IN_USE[: IN_USE.index("192")]]


@pytest.mark.parametrize("pasted", [True, False], ids=["pasted", "a file"])
def test_ten_megabytes_take_less_than_a_second_and_do_not_freeze_the_page(page, pasted):
    page.reload()
    line = "Nov 26 12:00:00 srv jupyterhub[7]: [I 2026-11-26 12:00:00.123 JupyterHub log:192] 200 GET /hub/api/users/u/activity 9ms\n"
    # Of a few times the best counts: on a busy machine others have their turn too.
    for _ in range(5):
        took, turns, longest = page.evaluate(LARGE, [line, pasted])
        if took < 1000 and turns >= 4 and longest < 200:
            break
    assert took < 1000
    assert turns >= 4
    assert longest < 200
    assert len(page.input_value("#known-text")) < 5000, "a field draws ten megabytes for many seconds"


def test_without_javascript_the_page_says_what_to_do_and_has_no_form_that_does_nothing(reader):
    page = reader.context(java_script_enabled=False).new_page()
    page.goto(reader.address + PAGE)
    assert not page.locator("form.known").is_visible()
    assert page.locator(".known-instead").is_visible()
    page.context.close()


def test_only_that_page_loads_the_table_and_no_value_of_a_reader_is_in_it(site):
    with_it = [path.relative_to(site.html).as_posix() for path, soup in site.pages.items() if soup.select_one("script#known")]
    assert with_it == [PAGE]
    text = "\n".join(line for _, _, lines in hubcheck.known() for line in lines)
    assert not [value for value in VALUES.values() if re.search(rf"(?<![\w.]){re.escape(value)}", text)]


def test_every_page_that_is_named_is_there(site):
    for page, _, _ in hubcheck.known():
        path = urlsplit(hubcheck.address(page, "https://x"))
        soup = site.pages[site.html / path.path[1:]]
        assert not path.fragment or soup.find(id=path.fragment), page


def test_the_page_says_how_often_this_script_was_right_and_nothing_of_another(tmp_path):
    tree = small(tmp_path, ["stamps", "known"], index="# A page\n\nA line.\n\n```{measured}\n```\n")
    figures = {"texts": 50, "texts_among": 0.98, "texts_first": 0.9, "lines": 200, "lines_among": 1, "lines_first": 0.955}
    row = evidence.row("log_read", "hubcheck", "", ["check/hubcheck.py"], [], rungs=figures) | {"date": "2026-11-26"}
    (tree / "build/evidence.json").write_text(json.dumps([row]), "utf-8")
    told = []
    for _ in range(2):
        assert sphinx(tree, tree / "build").stderr == ""
        page = BeautifulSoup((tree / "build/html/index.html").read_text("utf-8"), "html.parser")
        told.append([text.text for text in page.select("section p")])
        (tree / "snippets/check/hubcheck.py").write_text((SNIPPETS / "check/hubcheck.py").read_text("utf-8") + "\n", "utf-8")
    assert told == [
        [
            "A line.",
            "On 2026-11-26, the right page was among the answers for 98% of 50 whole texts and for 100% of 200 single lines "
            "that not many faults write. It was the first answer for 90% and 96%; pages that have the same lines share a place.",
        ],
        ["A line."],
    ]
