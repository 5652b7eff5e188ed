"""Every command of the pages, typed on a bare server in the order of the built pages, prints what the page says."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.harness.machines import bare, deployment, reader_values, troubles
from tests.harness.manifest import FURTHER_PROXIES, HOMES, MANIFEST, PROXIES, ROOT, VALUES
from tests.harness.measuring import atlas
from tests.harness.pairs import SINCE, WHOLE, changed_since, in_turn
from tests.harness.site import (
    apache_sign_on_page,
    balancer_page,
    certificate,
    conda_page,
    database_page,
    docker_page,
    domain_page,
    existing_site_page,
    faster_page,
    following,
    languages_page,
    ldap_page,
    lti_page,
    openid_page,
    other_kernels_page,
    removal,
    second_factor_page,
    slurm_page,
    two_proxies_page,
    user_hosts_page,
)
from tests.harness.site.following import TABS, State
from tests.harness.site.walk import Type

# Pages that are followed on machines of their own, and where.
ELSEWHERE = {
    "index.md": "tests/deploy/test_remove.py",
    "deploy/active-directory.md": "tests/deploy/test_active_directory.py",
    "deploy/apache-sign-on.md": "tests/deploy/test_apache_sign_on.py",
    "deploy/balancer.md": "tests/deploy/test_balancer.py",
    "deploy/certificate.md": "tests/deploy/test_certificate.py",
    "deploy/class.md": "tests/deploy/test_class_and_shares.py",
    "deploy/conda.md": "tests/deploy/test_conda.py",
    "deploy/database.md": "tests/deploy/test_database.py",
    "deploy/existing-site.md": "tests/deploy/test_existing_site.py",
    "deploy/faster.md": "tests/deploy/test_faster.py",
    "deploy/ldap.md": "tests/deploy/test_ldap.py",
    "deploy/lti.md": "tests/deploy/test_lti.py",
    "deploy/look-after.md": "tests/deploy/test_look_after.py",
    "deploy/one-download.md": "tests/deploy/test_one_download.py",
    "deploy/openid-connect.md": "tests/deploy/test_openid_connect.py",
    "deploy/other-kernels.md": "tests/deploy/test_other_kernels.py",
    "deploy/remove.md": "tests/deploy/test_remove.py",
    "deploy/second-factor.md": "tests/deploy/test_second_factor.py",
    "deploy/shares.md": "tests/deploy/test_class_and_shares.py",
    **{f"deploy/{proxy}.md": "tests/deploy/test_other_proxies.py" for proxy in FURTHER_PROXIES},
    "deploy/slurm.md": "tests/deploy/test_slurm.py",
    "deploy/docker.md": "tests/deploy/test_docker.py",
    "deploy/two-proxies.md": "tests/deploy/test_two_proxies.py",
    "deploy/upgrade.md": "tests/deploy/test_upgrade.py",
    "deploy/user-hosts.md": "tests/deploy/test_user_hosts.py",
    "deploy/users.md": "tests/deploy/test_users.py",
    "jigsaw/languages.md": "tests/jigsaw/test_languages.py",
}
# A section of such a page whose commands yet another test types.
APART = {("deploy/shares.md", "a-limit-for-each-user-s-disk"): "tests/deploy/test_disk.py"}
# The page of which each section is followed, whatever its name is.
EACH_SECTION = removal.PAGE
# Where a whole page is followed, or all but some of its sections.
ALL_OF_IT = re.compile(r"\.follow\((?:PAGE|NAME|page)(?:\)|, (?:without|skip)=)")
COMMENT = re.compile(r"(?m)(?:^ *|  )# .*$")
HAVE_STATES = (
    apache_sign_on_page,
    balancer_page,
    certificate,
    conda_page,
    database_page,
    docker_page,
    domain_page,
    existing_site_page,
    faster_page,
    languages_page,
    ldap_page,
    lti_page,
    openid_page,
    other_kernels_page,
    removal,
    second_factor_page,
    slurm_page,
    two_proxies_page,
    user_hosts_page,
)
PASSWORD = "Correct-horse-7"
ANSWERS = {"New password: ": PASSWORD, "Retype new password: ": PASSWORD}
OWN = VALUES | reader_values.OWN
LISTS = tomllib.loads((ROOT / "tests/not_typed.toml").read_text("utf-8"))
NOT_TYPED, NOT_MADE = LISTS["command"], LISTS["instead"]
# The lists may only get shorter.
MOST_NOT_TYPED, MOST_NOT_MADE = 6, 30
WALKS = [(suite, proxy) for suite in HOMES for proxy in PROXIES]
# The examples, with which the faults of the atlas are made, or what a reader has typed into the form: each of them every time.
VALUES_OF = {(suite, proxy): OWN if suite == HOMES[-1] else VALUES for suite, proxy in WALKS}
# Whether, beside the way that leads to a hub, each fault of the atlas is made and each "If you see" of the way: once a week, and
# for a change that is about them. test_atlas makes the same faults and cures them, without typing what their pages say.
ABOUT = ("deploy/", "jigsaw/", "snippets/", "troubleshooting/")
THOROUGHLY = WHOLE or bool(SINCE and any(path.startswith(ABOUT) for path in changed_since(SINCE)))


def of_the_atlas(values):
    """Whether faults are made on a machine with these values: it takes the examples, which the faults are written with."""
    return THOROUGHLY and values == VALUES


# What pages have their reader do in words, before a command.
BEFORE = {
    "chmod 600 alice.txt": lambda machine: machine.put({"/root/check/alice.txt": PASSWORD}),
    **dict.fromkeys(
        [f"grep who-asks {proxy.log}" for proxy in PROXIES.values()],
        lambda machine: machine.sh(f"wget --quiet --output-document - {deployment.URL}who-asks", check=False),
    ),
}


def long_way(reader, proxy, skip, states):
    """The pages in an order in which their reader may follow them; a page that is about a hub that runs comes after its start.

    What `states` are cured by comes with them.
    """
    other = next(name for name in PROXIES if name != proxy)
    started = ["address-and-base-url-one-option", "three-ports-below-1024"]
    reader.follow("deploy/install.md", skip=skip)
    reader.follow("deploy/configure-jupyterhub.md", without=started, skip=skip)
    reader.follow("deploy/run-as-a-service.md", without=["stop-everything"], skip=skip)
    reader.follow("deploy/configure-jupyterhub.md", started, skip=skip)
    reader.follow("deploy/reverse-proxy.md", skip=skip)
    reader.follow("jigsaw/configure.md", skip=skip)
    reader.follow("deploy/check.md", skip=skip)
    reader.follow("deploy/kernel-discovery.md", without=[INSTALLED_AGAIN] if states else [], skip=skip)
    reader.follow("deploy/growing.md", skip=skip)
    reader.follow("deploy/faults.md", skip=skip)
    reader.follow("deploy/proxy-parts.md", without=[other], skip=skip)


def troubles_of(proxy):
    """The entries whose fault a reverse proxy's reader may have, by their pages."""
    return {f"troubleshooting/{entry.name}/index.md": entry for entry in atlas.entries() if proxy in entry.proxies}


def troubleshoot(reader, proxy):
    """Each fault that the atlas knows, made on this machine; then the commands of its page, with the cure where the page shows it."""
    for page, entry in troubles_of(proxy).items():
        if not any(isinstance(step, Type) for step in reader.pages.steps(page, reader.tab)):
            continue
        files, cure = entry.files, entry.script("fix.sh")
        bad = atlas.certificate(entry.about["certificate"]) if "certificate" in entry.about else None
        renew = {troubles.COMPARES: lambda machine, files=files: troubles.mend(machine, files, certificate=True)} if bad else {}
        reader.before = BEFORE | renew
        troubles.make(reader.machine, proxy, files, entry.script("fault.sh"), bad)
        reader.follow(page, mend=lambda files=files, cure=cure: troubles.mend(reader.machine, files, cure))
        troubles.settle(reader.machine, proxy, files, entry.script("fault.sh"))
    reader.before = BEFORE


def listed(page, command):
    rows = [row["command"] for row in NOT_TYPED if row["page"] == page]
    return any(command.startswith(row[:-1]) if row.endswith("*") else command == row for row in rows)


ENVIRONMENT, KERNEL = VALUES["environment"], f"{VALUES['environment']}/share/jupyter/kernels/{VALUES['kernel']}"
UNIT, CONFIG = "/etc/systemd/system/jupyterhub.service", "/etc/jupyterhub/jupyterhub_config.py"
RESTART = "systemctl daemon-reload; systemctl restart jupyterhub.service"
# A hub that is stopped before it is up leaves its proxy behind.
UP = deployment.COMES_UP


def away(path, **more):
    return State(f"mv {path} /var/tmp/away", f"mv /var/tmp/away {path}", **more)


def changed(path, edit, then="true", **more):
    """A file is changed by sed, and has its old text and mode again."""
    make = f"cp --archive {path} /var/tmp/before; sed -i '{edit}' {path}; {then}"
    return State(make, f"cp --archive /var/tmp/before {path}; {then}", **more)


def taken(port, service):
    """Another program has a service's port."""
    listen = f"{ENVIRONMENT}/bin/python -m http.server --bind 0.0.0.0 --directory /srv {port} >/dev/null 2>&1"
    make = f"systemctl stop {service}; {listen} & echo $! >/var/tmp/pid; until ss -Hltn 'sport = :{port}' | grep .; do sleep 0.1; done"
    up = f"; {UP}" if service == "jupyterhub" else ""
    return State(make, f"kill $(cat /var/tmp/pid); systemctl start {service}{up}", cured=True)


SITE = f"server {{ listen 80; server_name {VALUES['host']}; }}"
FETCHED = f"/root/jigsaw/blockly-{MANIFEST['versions']['blockly']}.tgz"
# The section that has its reader install the kernel again: where states are made, one of them is cured by it.
INSTALLED_AGAIN = "the-kernel-is-listed-but-does-not-start"
# What may be seen instead, by the beginning of its sentence.
STATES = {
    "If you see No such file or directory for configurable-http-proxy": away(f"{ENVIRONMENT}/bin/configurable-http-proxy"),
    "If you see alice alone": State(
        "gpasswd --delete alice jupyterhub", "usermod --append --groups jupyterhub alice", seen=["alice"], cured=True
    ),
    "If you see python3 alone": away(KERNEL),
    "If you see something else": away("/root/jigsaw/listener.js", cured=True),
    "If you see group 'jupyterhub' does not exist": State(
        "groupdel jupyterhub",
        "groupadd jupyterhub; usermod --append --groups jupyterhub alice",
    ),
    "If you see 0.0.0.0:800 or *:800": changed(CONFIG, "s|^c.JupyterHub.bind_url.*|c.JupyterHub.port = 800|", f"{RESTART}; {UP}"),
    "If you see the following": State("true", typed=["jupyter kernelspec list"], seen=["bash: jupyter: command not found"]),
    "If you see drwx------": State(f"chmod 700 {KERNEL}", cure=INSTALLED_AGAIN, cured=True),
    "If you see command not found": away("/usr/sbin/nginx"),
    # It is so on a server on which a hub was set up before: here, by these pages.
    "If you see a name": State("true", seen=["/jupyterhub."]),
    "If you see an r further right": State(
        f"chmod 644 {VALUES['key']}",
        f"chmod 600 {VALUES['key']}",
        typed=[f"ls -lL {VALUES['key']}"],
        seen=["-rw-r--r--"],
        cured=True,
    ),
    "If you see [emerg]": changed("/etc/nginx/conf.d/jupyterhub.conf", "s/ssl_session_tickets.*/ssl_session_tickets maybe;/"),
    "If you see Another site has the name": State(
        f"echo '{SITE}' >/etc/nginx/conf.d/another.conf", "rm /etc/nginx/conf.d/another.conf", cured=True
    ),
    "If you see Another site has an address of its own": State(
        "echo 'server { listen 127.0.0.2:80; }' >/etc/nginx/conf.d/another.conf", "rm /etc/nginx/conf.d/another.conf", cured=True
    ),
    "If you see is not the key of": State(
        f"mv {VALUES['key']} /root/right.key; openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out {VALUES['key']}",
        f"mv /root/right.key {VALUES['key']}",
        cured=True,
    ),
    "If you see Port 80 is taken by another program or Port 443 is taken by another program": taken(80, "nginx"),
    "If you see nginx is not running": State("systemctl stop nginx", "systemctl start nginx", cured=True),
    "If you see one": changed(UNIT, "s/^Restart=/Restrat=/", seen=["Restrat"]),
    "If you see Port 800 is taken by another program": taken(800, "jupyterhub"),
    "If you see jupyterhub.service runs already": State(
        f"""cp --archive {UNIT} /var/tmp/before; sed -i 's|^ExecStart=.*|ExecStart=/bin/sh -c "sleep 600" \\\\|' {UNIT}; {RESTART}""",
        f"cp --archive /var/tmp/before {UNIT}; systemctl daemon-reload; systemctl stop jupyterhub.service",
        seen=["jupyterhub.service runs already, another one"],
        cured=True,
    ),
    "If you see another word than active": State("systemctl stop jupyterhub.service", "systemctl start jupyterhub.service"),
    # They are there since the page was followed.
    "If you see File exists": State("true", "mv /root/jupyterhub-before /root/jupyterhub-before-1", cured=True),
    "If you see Directory not empty": State("true", f"systemctl start jupyterhub.service; {UP}"),
    "If you see UNSAFE": changed(UNIT, "/^CapabilityBoundingSet/,/^\\[Install/ { /^\\[Install/!d }", "systemctl daemon-reload"),
    "If you see blockly-13.3.0.tgz and FAILED": State(f"echo x >{FETCHED}", f"rm {FETCHED}", cured=True),
    "If you see ✗": State("systemctl stop nginx", "systemctl start nginx"),
}


def see_instead(reader):
    """Each state in which something else comes than the page says first: it is what the page says next."""
    for instead in reader.pages.instead(reader.tab):
        if instead.begins in STATES and instead.after and instead.page not in ELSEWHERE:
            reader.meet(instead, reader.pages.block(instead.after, reader.tab), STATES[instead.begins])


def take_nginx_away(reader):
    """What the page on removal says of nginx, whose files are then as its package has them; test_remove does so with Apache."""
    reader.follow(removal.PAGE, [removal.SITE])
    reader.wrong += reader.machine.sh(
        f"dpkg --verify nginx nginx-common | grep /etc/; {removal.STRANGERS}", check=False
    ).stdout.splitlines()
    reader.follow(removal.PAGE, [removal.WEB_SERVER])
    reader.wrong += reader.machine.sh("ls -d /etc/nginx", check=False).stdout.splitlines()


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(
            param.values, id="-".join(param.values), marks=[*param.marks, pytest.mark.xdist_group(f"walk-{'-'.join(param.values)}")]
        )
        for param in in_turn(WALKS)
    ],
)
def walked(request, site, reader):
    """A reader who has followed all pages on a bare server, with one of the reverse proxies, and the commands of the pages that it has."""
    suite, proxy = request.param
    values = VALUES_OF[request.param]
    pages = following.Pages.for_values(site, reader, values)
    keys = following.Pages.examples(site).commands(TABS[proxy])
    with bare.machine(suite, values) as machine:
        at_work = following.Reader(machine, pages, TABS[proxy], answers=ANSWERS, before=BEFORE)
        states = THOROUGHLY and values == VALUES and proxy == "nginx"
        long_way(at_work, proxy, lambda step: listed(step.where.partition(":")[0], keys[step.where].command), states)
        if states:
            see_instead(at_work)
        if of_the_atlas(values):
            troubleshoot(at_work, proxy)
        at_work.follow("deploy/run-as-a-service.md", ["stop-everything"])
        if proxy == "nginx":
            take_nginx_away(at_work)
        yield suite, proxy, at_work, keys


def test_each_command_prints_what_its_page_says(walked, prove):
    suite, proxy, at_work, _ = walked
    assert not at_work.wrong, "\n\n".join(at_work.wrong)
    prove(*at_work.proof(suite, proxy))


def test_each_command_is_typed_or_listed(walked):
    suite, proxy, at_work, keys = walked
    typed = {step.where for step in at_work.typed}
    other = next(name for name in PROXIES if name != proxy)
    ours = troubles_of(proxy) if of_the_atlas(VALUES_OF[suite, proxy]) else {}
    missing = {}
    for where, step in keys.items():
        page = where.partition(":")[0]
        elsewhere = page in ELSEWHERE or (page.startswith("troubleshooting/") and page not in ours) or step.section == other
        if where not in typed and not elsewhere and not listed(page, step.command):
            missing[where] = step.command
    assert not missing, missing


def test_a_page_that_is_followed_elsewhere_is_named_there():
    """Those of further reverse proxies are named together."""
    for page, test in ELSEWHERE.items():
        further = page.removeprefix("deploy/").removesuffix(".md") in FURTHER_PROXIES
        assert ('f"deploy/{proxy}.md"' if further else page) in (ROOT / test).read_text("utf-8")


def test_each_section_with_commands_of_a_page_that_is_followed_elsewhere_is_named_there(site):
    pages, lost = following.Pages.examples(site), []
    # A comment follows no page.
    texts = [
        COMMENT.sub("", path.read_text("utf-8"))
        for path in [*ROOT.glob("tests/*/test_*.py"), *ROOT.glob("tests/harness/site/*.py")]
        if path != Path(__file__)
    ]
    for page, test in ELSEWHERE.items():
        told = "".join([COMMENT.sub("", (ROOT / test).read_text("utf-8")), *(text for text in texts if f'"{page}"' in text)])
        if page == EACH_SECTION or ALL_OF_IT.search(told):
            continue
        sections = {step.section for tab in TABS.values() for step in pages.steps(page, tab) if isinstance(step, Type)}
        lost += [(page, one) for one in sections if f'"{one}"' not in told and (page, one) not in APART]
    assert not lost
    assert all(page in (ROOT / test).read_text("utf-8") for (page, _), test in APART.items())


def test_the_list_of_what_is_not_typed_gets_no_longer_and_names_commands_that_are_there(site):
    examples = following.Pages.examples(site)
    commands = [(where.partition(":")[0], step.command) for tab in TABS.values() for where, step in examples.commands(tab).items()]
    for row in NOT_TYPED:
        assert any(listed(page, command) for page, command in commands if page == row["page"]), row
        assert len(row["reason"]) > 30, row
    assert len(NOT_TYPED) <= MOST_NOT_TYPED
    assert sum(listed(*one) for one in commands) < 0.1 * len(commands)


def test_each_thing_that_may_be_seen_instead_is_made_or_listed_with_what_makes_it(site):
    pages = following.Pages.examples(site)
    said = {(one.page, one.begins): one for tab in TABS.values() for one in pages.instead(tab)}
    rows = {(row["page"], row["begins"]): row for row in NOT_MADE}
    assert not rows.keys() - said.keys(), "no page says so any more"
    states = dict.fromkeys(ELSEWHERE, ()) | {page.PAGE: page.STATES for page in HAVE_STATES}
    states |= {
        f"deploy/{name}.md": {begins: State(**one) for begins, one in proxy.states.items()} for name, proxy in FURTHER_PROXIES.items()
    }
    states[removal.PAGE] = {begins: state for begins, (_, state) in removal.STATES.items()}
    made = {key for key, one in said.items() if one.begins in states.get(one.page, STATES) and one.after}
    assert said.keys() - made - rows.keys() == set()
    assert not made & rows.keys(), "the walk makes it now"
    for row in NOT_MADE:
        seen = [ROOT / place for place in row.get("seen", [])]
        assert seen or len(row["reason"]) > 30, row
        assert all(place.exists() for place in seen), row
    assert len(NOT_MADE) <= MOST_NOT_MADE
    blind = [key for key in made if not following.compares(said[key], states.get(key[0], STATES)[key[1]])]
    assert not blind, "these compare nothing with what the page says"
    links = {(one.page, one.link) for one in said.values() if one.link}
    lost = [
        (page, link) for page, link in links if not (site.html / page).parent.joinpath(link.partition("#")[0] or ".").resolve().exists()
    ]
    assert not lost
