"""The commands of deploy/class.md and deploy/shares.md, typed from the pages on each Debian release, while a user's server runs."""

import pytest

from tests.harness.machines import deployment, faults
from tests.harness.machines.deployment import BEHIND
from tests.harness.manifest import CONFIG, NEWEST_ON, PUBLISHED
from tests.harness.pairs import EACH_ONCE
from tests.harness.site import following
from tests.harness.site.following import TABS

# The limit of a disk takes a disk of its own: test_disk.
SECTIONS = {
    "deploy/class.md": ["what-one-user-takes", "what-ends-and-when", "thirty-users-in-a-minute"],
    "deploy/shares.md": ["see-how-much-each-user-takes", "change-a-share"],
}
# In place of hours and minutes, seconds: so that there is a line about a server that was ended.
AT_ONCE = PUBLISHED.replace(CONFIG, "sleep 600", "sleep 1").replace(
    CONFIG, "--timeout=21600 --cull-every=600", "--timeout=2 --cull-every=1"
)
pytestmark = pytest.mark.xdist_group("class-and-shares")


@pytest.mark.parametrize(("suite", "proxy"), EACH_ONCE)
def test_each_command_prints_what_its_page_says(suite, proxy, site, prove):
    with deployment.hub(NEWEST_ON[suite], AT_ONCE) as hub:
        hub.on_server("settle", BEHIND, "bob")
        faults.said(hub, "Culling server bob")
        deployment.end(hub)
        hub.machine.put({f"/etc/{CONFIG}": PUBLISHED.read(CONFIG)})
        deployment.start(hub)
        hub.on_server("settle", BEHIND, "alice")
        reader = following.Reader(hub.machine, following.Pages.examples(site), TABS[proxy])
        for page, sections in SECTIONS.items():
            reader.follow(page, sections)
            assert {step.section for step in reader.typed if step.where.startswith(page)} == {*sections}
        assert not reader.wrong, "\n\n".join(reader.wrong)
        # No reverse proxy stands in front.
        prove(*reader.proof(suite, ""))
