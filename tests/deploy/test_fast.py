"""How much the published files gain in speed: each is measured in one run with its lines and without them."""

import pytest

from tests.harness.machines import deployment
from tests.harness.machines.deployment import URL
from tests.harness.manifest import EVERY_PROXY, NEWEST, VALUES
from tests.harness.measuring import bench
from tests.harness.pairs import changed, further_weekly

newest = pytest.mark.parametrize("version", [NEWEST])


# A user's own file comes after the published one.
OWN = "/home/mallory/.jupyter/jupyter_server_config.py"


@newest
def test_no_answer_waits_for_an_acknowledgement_and_no_load_for_a_check_of_the_build(front, version):
    front.machine.exec("sh", "-c", f"mkdir -p ~/.jupyter && cat >{OWN}", user="mallory", input=bench.DEFAULTS)
    try:
        ours, without = front.on_server("late", URL, "bob", "mallory")
    finally:
        front.machine.sh(f"rm {OWN}")
    # Other tests share the processor, so that one answer or another is late for another reason.
    assert ours["late"] <= 1 / 3, f"{ours['late']:.0%} of the answers come late"
    assert without["late"] >= 0.5, f"without the class no more than {without['late']:.0%} of the answers come late"
    assert not ours["builds"], "snippets/jupyter/jupyter_server_config.py: JupyterLab asks whether it has to be built anew"
    assert without["builds"], "JupyterLab asks by itself no more whether it has to be built anew"


def weigh(hub):
    """JupyterLab's largest scripts: bytes on the line, for each byte on the disk, and for each that level 1 leaves."""
    line, disk, first = hub.on_server("weigh", URL, f"{VALUES['environment']}/share/jupyter/lab/static")
    assert disk > 3_000_000, "JupyterLab's scripts are elsewhere"
    return line / disk, line / first


@newest
def test_scripts_arrive_a_third_as_large_and_a_sixth_smaller_than_at_the_lowest_level(front, version, request):
    """Or half as large at most, where the reverse proxy cannot do better."""
    proxy, _ = request.node.callspec.params["front"]
    disk, first = weigh(front)
    weak = "compression" in EVERY_PROXY[proxy].cannot
    assert (1 / 3 < disk <= 1 / 2) if weak else disk <= 1 / 3
    assert (first > 0.85) if weak or "level" in EVERY_PROXY[proxy].cannot else first <= 0.85


@newest
@changed("compression")
def test_without_compression_they_arrive_as_they_are(front, version):
    assert weigh(front)[0] > 0.99


COMPRESSED = [
    "text/css",
    "text/javascript",
    "application/javascript",
    "application/json",
    "image/svg+xml",
    "image/vnd.microsoft.icon",
]
AS_THEY_ARE = ["application/xhtml+xml", "text/event-stream", "text/plain", "application/octet-stream", "image/png", "font/woff2"]
# A path that only begins as that of the stream of events does.
ALIKE = "hub/api/users/alice/progress-of-work?application/json"


@pytest.mark.parametrize("proxy", further_weekly(EVERY_PROXY))
def test_what_is_of_a_type_in_the_list_is_compressed_and_nothing_else(idle, proxy):
    hub = deployment.prepare(idle(NEWEST), NEWEST)
    larger, same = [*(f"hub/?{kind}" for kind in COMPRESSED), ALIKE], [f"hub/?{kind}" for kind in AS_THEY_ARE]
    with deployment.in_front(hub, EVERY_PROXY[proxy].servers[-1], proxy):
        seen = hub.on_server("compressed", URL, *larger, *same)
    assert [path for path in larger if seen[path] != ["gzip", True]] == []
    varies = "vary" in EVERY_PROXY[proxy].cannot
    assert [path for path in same if seen[path] != [None, varies]] == []


# What a browser says of a request that the hub's own pages have not sent; the last is one that does not say.
ELSEWHERE = ["cross-site", "same-site", "none", ""]


@newest
def test_a_page_with_a_token_is_not_compressed_for_another_site(front, version):
    """Its length would tell whether the token begins with what that site has put into the page beside it."""
    assert front.on_server("encoded", URL, *ELSEWHERE) == {site: [None, True] for site in ELSEWHERE}


# A line of Debian's nginx.conf.
SWITCHED_ON = ("nginx", {"extra": {"/etc/nginx/conf.d/gzip.conf": "gzip on;\n"}})


@newest
@pytest.mark.parametrize("front", [SWITCHED_ON], ids=["nginx"], indirect=True)
def test_nor_is_it_where_nginx_compresses_for_all_other_sites(front, version):
    assert front.on_server("encoded", URL, "cross-site", "") == {"cross-site": [None, True], "": [None, True]}


@newest
@changed("html")
def test_with_html_among_what_is_compressed_it_is(front, version):
    assert front.on_server("encoded", URL, "cross-site") == {"cross-site": ["gzip", True]}
