"""The commands of deploy/class.md and deploy/shares.md, typed from there on each Debian, where a user's server runs."""

import pytest

from tests.harness.machines import deployment
from tests.harness.machines.deployment import BEHIND
from tests.harness.manifest import NEWEST_ON
from tests.harness.measuring import evidence
from tests.harness.pairs import EACH_ONCE
from tests.harness.site import following
from tests.harness.site.following import TABS

# The limit of a disk takes a disk of its own: test_disk.
SECTIONS = {
    "deploy/class.md": ["what-one-user-takes", "what-ends-and-when", "thirty-users-in-a-minute"],
    "deploy/shares.md": ["see-who-takes-what", "change-a-share"],
}
pytestmark = pytest.mark.xdist_group("class-and-shares")


@pytest.mark.parametrize(("suite", "proxy"), EACH_ONCE)
def test_each_command_prints_what_its_page_says(suite, proxy, site, prove):
    with deployment.hub(NEWEST_ON[suite]) as hub:
        hub.on_server("settle", BEHIND, "alice")
        reader = following.Reader(hub.machine, following.Pages.examples(site), TABS[proxy])
        for page, sections in SECTIONS.items():
            reader.follow(page, sections)
            assert {step.section for step in reader.typed if step.where.startswith(page)} == {*sections}
        assert not reader.wrong, "\n\n".join(reader.wrong)
        # No reverse proxy stands in front.
        prove(*(evidence.typed(page, suite, "", keys) for page, keys in reader.typed_by_page().items()))
