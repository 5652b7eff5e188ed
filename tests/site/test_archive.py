"""The one download: the built archive, and the archive that a browser makes with the reader's values."""

import gzip
import hashlib
import io
import tarfile

import pytest

from tests.harness.machines import reader_values
from tests.harness.manifest import MANIFEST, NOT_SHOWN, SAVED_AS, SNIPPETS, VALUES, on_the_server
from tests.harness.site.guide import attempt, type_in

pytestmark = pytest.mark.xdist_group("site-values")

NAME = "metakernel-hub.tar.gz"
EXAMPLES = {name: VALUES[name] for name in MANIFEST["fields"]}
OWN = reader_values.OWN
# The longest name of a file that there can be: more than the hundred letters of the oldest kind of tar.
LONG = OWN | {"kernel": "a" * 33 + "_kernel", "base_url": "/"}
SECOND = "If its name has (1), an older one lies beside it: delete that one, and give the new one its name."
SIZES = {"wide": {"width": 1280, "height": 800}, "narrow": {"width": 360, "height": 640}}


def places(kernel=VALUES["kernel"]):
    """Where each published file is in the archive."""
    found = {name: f"metakernel-hub{SAVED_AS.get(name, f'/root/{name}').removeprefix('/root/metakernel-hub')}" for name in on_the_server()}
    return {name: place.replace(VALUES["kernel"], kernel) for name, place in found.items()}


def unpacked(data):
    """What tar makes of an archive: {path: (text, mode, owner, group, time)}."""
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {
            entry.name: (tar.extractfile(entry).read().decode(), entry.mode, entry.uname, entry.gname, entry.uid, entry.gid, entry.mtime)
            for entry in tar.getmembers()
        }


def texts(data):
    return {path: entry[0] for path, entry in unpacked(data).items()}


@pytest.fixture
def visit(reader):
    """`visit(values, size, page, **options)`: a page of the guide in a fresh profile, with values in its form."""
    contexts = []

    def opened(values, size="wide", path="index.html", script="", **options):
        context = reader.context(viewport=SIZES[size], **options)
        contexts.append(context)
        if script:
            context.add_init_script(script)
        page = context.new_page()
        page.goto(reader.address + path)
        if values:
            type_in(page, values)
        return page

    yield opened
    for context in contexts:
        context.close()


def downloaded(page, folder):
    """The name and the bytes of what the button gives."""
    with page.expect_download() as download:
        page.locator(".archive-link").click()
    download.value.save_as(folder / "file")
    return download.value.suggested_filename, (folder / "file").read_bytes()


def copied(site, reader, page):
    """What the copy buttons of all pages give, by file."""
    seen = {}
    for path in sorted({path for path, _ in site.copies.values()}):
        page.goto(reader.address + path)
        names = [name for name, (where, _) in site.copies.items() if where == path]
        seen |= dict(zip(names, attempt(page, {}, [site.copies[name][1] for name in names])[1], strict=True))
    return seen


def test_the_built_archive_holds_every_published_file_at_its_place(site):
    seen = unpacked((site.html / NAME).read_bytes())
    assert list(seen) == sorted(places().values())
    for name, place in places().items():
        text = (SNIPPETS / name).read_text("utf-8")
        assert seen[place] == (text, 0o755 if text.startswith("#!") else 0o644, "root", "root", 0, 0, 0), name


def test_the_same_files_make_the_same_archive(site):
    """Nothing in it says when it was built."""
    data = (site.html / NAME).read_bytes()
    assert data[4:8] == bytes(4)
    assert gzip.decompress(data) == (site.html / NAME.removesuffix(".gz")).read_bytes()


@pytest.mark.parametrize("path", ["index.html", "deploy/one-download.html"])
def test_without_javascript_the_archive_has_the_examples_and_the_page_its_checksum(site, visit, tmp_path, path):
    page = visit({}, path=path, java_script_enabled=False)
    assert page.locator(".archive-link").inner_text() == "Download the whole set-up"
    name, data = downloaded(page, tmp_path)
    assert (name, data) == (NAME, (site.html / NAME).read_bytes())
    assert page.locator(".archive-sum code").inner_text() == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("values", [OWN, LONG], ids=["own", "long"])
def test_the_browsers_archive_holds_what_the_copy_buttons_give(site, reader, visit, tmp_path, size, values):
    page = visit(values, size)
    assert page.locator(".archive-link").inner_text() == "Download the whole set-up with your values"
    name, data = downloaded(page, tmp_path)
    page.get_by_text("The archive holds your values.").wait_for()
    assert name == NAME
    there = places(values["kernel"])
    offered = copied(site, reader, page) | {name: (SNIPPETS / name).read_text("utf-8") for name in NOT_SHOWN}
    assert texts(data) == {there[of]: text for of, text in offered.items() if of in there}
    built = unpacked((site.html / NAME).read_bytes())
    rest = {path: entry[1:] for path, entry in unpacked(data).items()}
    assert rest == {there[of]: built[place][1:] for of, place in places().items()}


@pytest.mark.parametrize("size", SIZES)
def test_with_the_examples_the_browser_gives_the_built_archive(site, visit, tmp_path, size):
    """Also where other values were there before."""
    page = visit(OWN, size)
    type_in(page, EXAMPLES)
    assert downloaded(page, tmp_path) == (NAME, (site.html / NAME).read_bytes())


@pytest.mark.parametrize("size", SIZES)
def test_the_button_is_whole_on_the_page_and_as_high_as_a_finger_needs(visit, size):
    box = visit({}, size).locator(".archive-link").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= SIZES[size]["width"]
    assert box["height"] >= 40


@pytest.mark.parametrize("path", ["index.html", "deploy/one-download.html"])
def test_a_refused_value_is_not_in_it_and_the_page_says_which(visit, tmp_path, path):
    page = visit(OWN | {"host": "a;b", "kernel": "K"}, path=path)
    assert "metakernel-hub (1).tar.gz" in page.locator("article").inner_text()
    _, data = downloaded(page, tmp_path)
    page.get_by_text(
        f"What the form refuses is not in the archive. In its place: Host name: {VALUES['host']}, Kernel's name: {VALUES['kernel']}."
    ).wait_for()
    seen = texts(data)
    assert set(seen) == set(places().values())
    assert f"https://{VALUES['host']}/teaching/" in seen["metakernel-hub/setup.sh"]
    assert not [name for name, text in seen.items() if "a;b" in text]


def test_what_was_refused_is_not_told_again_once_it_is_right(visit, tmp_path):
    page = visit(OWN | {"host": "a;b"})
    downloaded(page, tmp_path)
    type_in(page, {"host": OWN["host"]})
    downloaded(page, tmp_path)
    page.get_by_text("The archive holds your values.").wait_for()
    # A browser does not replace what it saved before.
    assert page.locator(".archive-status").inner_text() == f"The archive holds your values. {SECOND}"


def test_a_browser_that_cannot_compress_gives_a_tar_and_says_so(site, reader, visit, tmp_path):
    page = visit(OWN, script="delete window.CompressionStream")
    name, data = downloaded(page, tmp_path)
    page.get_by_text("Your browser cannot compress: the file is called metakernel-hub.tar.").wait_for()
    assert name == "metakernel-hub.tar"
    assert data[:2] != b"\x1f\x8b"
    assert texts(data)["metakernel-hub/setup.sh"] == copied(site, reader, page)["setup/setup.sh"]


@pytest.mark.parametrize("how", ["abort", "missing"])
def test_where_nothing_can_be_fetched_the_page_says_it_in_a_sentence(visit, how):
    """As from a folder of one's own, without a web server."""
    page = visit(OWN)
    page.route("**/metakernel-hub.tar", lambda route: route.abort() if how == "abort" else route.fulfill(status=404, body="none"))
    page.locator(".archive-link").click()
    page.get_by_text("From this place the archive cannot be filled in.").wait_for()


def test_the_command_for_readers_without_javascript_does_what_the_form_does(site, visit, idle, tmp_path):
    page = site.pages[site.html / "deploy/one-download.html"]
    (command,) = [line[2:] for line in page.find(id="without-javascript").select_one("pre").get_text().splitlines()]
    put = {"host": "lab.example.org", "certificate": "/srv/tls/lab.crt", "key": "/srv/tls/lab.key"}
    _, wanted = downloaded(visit(put), tmp_path)
    machine = idle("bookworm")
    machine.sh(
        f"cd /root/own && tar --extract --file {NAME} && {command}",
        {f"/root/own/{NAME}": (site.html / NAME).read_bytes()},
    )
    seen = machine.sh("cd /root/own && for file in $(find metakernel-hub -type f | sort); do sha256sum $file; done").stdout.splitlines()
    assert seen == [f"{hashlib.sha256(text.encode()).hexdigest()}  {path}" for path, text in sorted(texts(wanted).items())]
