"""The scripts of the further reverse proxies on a server: what they enable, and each refusal, by which nothing is changed."""

import contextlib
import re

import pytest

from tests.harness.machines import deployment
from tests.harness.manifest import FURTHER_PROXIES

# Of what a page says may be seen instead, that which a script says; the rest is pip's, ls's or a program's own.
SCRIPTS = ("enable.sh", "check.sh")


def script(proxy, state):
    """The command that a state is seen by; "" if it is no script of ours."""
    typed = state.get("typed") or [f"sh /root/{proxy}/enable.sh"]
    return typed[0] if len(typed) == 1 and typed[0].endswith(SCRIPTS) else ""


# This one is said by ls, which the page has before the script.
BEFORE = "If you see No such file or directory"
STATES = [
    (name, words)
    for name, proxy in FURTHER_PROXIES.items()
    for words, state in proxy.states.items()
    if script(name, state) and words != BEFORE
]


@contextlib.contextmanager
def prepared(proxy):
    """A server with the files of a reverse proxy, whose script has not run."""
    with deployment.server(FURTHER_PROXIES[proxy].servers[-1], proxy, options=(*deployment.NAMED, *deployment.IPV6)) as machine:
        deployment.begin(machine, proxy)
        machine.put(deployment.placed(proxy))
        yield machine


@pytest.fixture(scope="module")
def enabled():
    """`enabled(proxy)`: a server on which the script has run."""
    with contextlib.ExitStack() as stack:
        made = {}

        def enabled(proxy):
            if proxy not in made:
                made[proxy] = stack.enter_context(prepared(proxy))
                deployment.enable(made[proxy], proxy)
            return made[proxy]

        yield enabled


# Everything that a script might change, and which program serves.
FOLDERS = "/etc/caddy /etc/haproxy /etc/traefik /run/systemd/system /etc/systemd/system"
LOOK = f"find {FOLDERS} -printf '%p %l %T@\\n' 2>/dev/null | sort"


@pytest.mark.parametrize(("proxy", "words"), STATES)
def test_what_is_in_the_way_is_named_and_the_server_stays_as_it_is(enabled, proxy, words):
    machine, row = enabled(proxy), FURTHER_PROXIES[proxy]
    state = row.states[words]
    machine.sh(f"systemctl reset-failed {row.service}; {state['make']}")
    try:
        before = [machine.sh(look, check=False).stdout for look in (LOOK, f"pgrep -x {row.service}")]
        done = machine.exec("sh", "-c", script(proxy, state), check=False)
        after = [machine.sh(look, check=False).stdout for look in (LOOK, f"pgrep -x {row.service}")]
    finally:
        machine.sh(state.get("undo", "true"))
    said = done.stdout + done.stderr
    assert done.returncode, said
    expected = words.removeprefix("If you see ").split(" or ")
    assert any(one in said for one in expected), said
    assert after[1] == before[1]
    if re.search("Another|Port|Somebody|already|is no link|CONFIG|is not in", expected[0]):
        assert "Nothing was changed" in said
        assert after == before
    machine.sh(f"systemctl reset-failed {row.service}; sh /root/{proxy}/enable.sh")


@pytest.mark.parametrize("proxy", FURTHER_PROXIES)
def test_the_script_puts_a_site_to_work_and_does_so_again(proxy):
    row = FURTHER_PROXIES[proxy]
    with prepared(proxy) as machine:
        for _ in range(2):
            machine.sh(f"systemctl reset-failed {row.service}", check=False)
            deployment.enable(machine, proxy)
            # Port 80 answers as soon as the script has ended.
            answer = machine.sh(f"perl -MIO::Socket::INET -e '{ASK}'").stdout
            assert " 301 " in answer, answer
        assert machine.sh(f"systemctl is-enabled {row.service}").stdout.strip() == "enabled"


ASK = '$s = IO::Socket::INET->new("127.0.0.1:80") or die; print $s "GET / HTTP/1.0\\r\\n\\r\\n"; print scalar <$s>'
