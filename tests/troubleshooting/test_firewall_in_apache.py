"""ModSecurity inside Apache, with Debian's settings: which limit ends a save, in which words, and that the page's lines lift it."""

import contextlib

import pytest

from tests.harness.machines import deployment, engine
from tests.harness.manifest import NEWEST, PROXIES, ROOT

SETTINGS = "/etc/modsecurity/modsecurity.conf"
INSTALL = f"""
apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq libapache2-mod-security2 >/dev/null 2>&1
sed 's/^SecRuleEngine .*/SecRuleEngine On/' {SETTINGS}-recommended >{SETTINGS}
"""
PAGE = (ROOT / "troubleshooting/request-entity-too-large/index.md").read_text("utf-8")
# What a save of so many megabytes meets, by the directive that the page names.
LIMITS = {
    "SecRequestBodyNoFilesLimit": ("1", "Request body no files data length is larger than the configured limit"),
    "SecRequestBodyLimit": ("20", "Request body (Content-Length) is larger than the configured limit"),
}
RULES = "Method is not allowed by policy"


@pytest.fixture(scope="module")
def guarded():
    """A hub, and in front of it an Apache in which ModSecurity is installed from Debian."""
    with contextlib.ExitStack() as stack:
        hub = stack.enter_context(deployment.hub(NEWEST, network=stack.enter_context(engine.network())))
        machine = stack.enter_context(deployment.in_front(hub, PROXIES["apache"].servers[-1], "apache"))
        machine.sh(INSTALL, timeout=300)
        yield hub, machine


def saved(hub, machine, megabytes, edit):
    """How a save ends after an edit of the settings, and what Apache's error log says from then on."""
    log = PROXIES["apache"].error_log
    machine.sh(f"{edit}; : >{log}; apachectl -k stop; until ! pidof apache2 >/dev/null; do sleep 0.1; done; apachectl -k start")
    last = hub.check("--keep-server", "--megabytes", megabytes, "--until", "upload_lands")[-1]
    return last, machine.read(log)


def test_which_limit_it_is_the_error_log_says_and_the_pages_lines_lift_it(guarded):
    without = "sed -i /modsecurity-crs/d /etc/apache2/mods-enabled/security2.conf"
    for directive, (megabytes, words) in LIMITS.items():
        last, said = saved(*guarded, megabytes, without)
        assert (last["rung"], last["ok"]) == ("upload_lands", False), last
        assert "413" in last["said"]
        assert words in said
        assert f"`{words}`" in PAGE
        assert f"`{directive}`" in PAGE
    lines = [line for line in PAGE.splitlines() if line.startswith("SecRequestBody")]
    assert [line.split()[0] for line in lines] == ["SecRequestBodyLimit", "SecRequestBodyNoFilesLimit"]
    last, _ = saved(*guarded, "20", "; ".join(f"sed -i 's/^{line.split()[0]} .*/{line}/' {SETTINGS}" for line in lines))
    assert (last["rung"], last["ok"]) == ("upload_lands", True), last


def test_debians_rules_refuse_each_save_with_403(guarded):
    rules = "echo 'IncludeOptional /usr/share/modsecurity-crs/*.load' >/etc/apache2/conf-enabled/rules.conf"
    last, said = saved(*guarded, "1", rules)
    assert not last["ok"]
    assert "PUT" in last["said"]
    assert "403 Forbidden" in last["said"]
    assert RULES in said
    assert f"`{RULES}`" in PAGE
