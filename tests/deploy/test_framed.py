"""deploy/security.md, a hub in a page of another site: what is seen without its lines, and that users work in the frame with them."""

import contextlib
import json
import re

import pytest

from tests.harness.browsers import other_web, user_browser
from tests.harness.machines import deployment, engine
from tests.harness.manifest import NEWEST, PROXIES, PUBLISHED, ROOT, SAVED_AS, VALUES

HUB, SERVER = "jupyterhub/jupyterhub_config.py", "jupyter/jupyter_server_config.py"
PAGE = (ROOT / "deploy/security.md").read_text("utf-8").partition("## A hub in a page of another site")[2]
LINES = re.findall(r"`(c\.(?:JupyterHub|ServerApp)\.tornado_settings[^`]*)`", PAGE)
# Pages of another site, and of a host that a browser takes for the hub's own site.
FAR, NEAR = other_web.UNRELATED, f"bob.{VALUES['host']}"
NEAR_SITE = """
server {{
    listen 443 ssl;
    server_name {name};
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    root /srv/near;
}}
"""
FRAMING = f'<!DOCTYPE html><iframe name="hub" width="900" height="600" src="{deployment.URL}user/alice/notebooks/n.ipynb"></iframe>'


def with_lines(wanted):
    """The published files, with the page's lines that hold a word of `wanted` at their ends; the platform is at two addresses."""
    lines = [line.replace("https://lms.example.org", f"https://{FAR} https://{NEAR}") for line in LINES if re.search(wanted, line)]
    texts = {HUB: [line for line in lines if "JupyterHub" in line], SERVER: [line for line in lines if "ServerApp" in line]}
    return {name: "\n".join([PUBLISHED.read(name), *more, ""]) for name, more in texts.items()}


def shown(browser, where, password):
    """What comes of a user's visit to a page that frames the hub: the browser's refusal, the form's words, or what a cell prints."""
    with contextlib.closing(browser.new_context(viewport={"width": 1000, "height": 700})) as context:
        said = []
        context.on("console", lambda message: said.append(message.text))
        page = context.new_page()
        page.set_default_timeout(user_browser.PATIENCE)
        page.goto(f"https://{where}/framing.html", wait_until="networkidle")
        frame = page.frame_locator("iframe[name=hub]")
        if refusals := [text for text in said if "frame-ancestors" in text]:
            return refusals[0]
        frame.get_by_label("Username").fill("alice")
        frame.get_by_label("Password").fill(password)
        frame.get_by_role("button", name="Sign in").click()
        ready = frame.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']").first
        ready.or_(frame.locator(".login_error")).first.wait_for(state="attached")
        if not ready.count():
            return frame.locator(".login_error").inner_text()
        cell = frame.locator(".jp-Notebook .jp-CodeCell .cm-content").first
        cell.click()
        cell.press("Shift+Enter")
        output = frame.locator(".jp-OutputArea pre").first
        output.wait_for()
        return output.inner_text().strip()


@pytest.fixture(scope="module")
def seen():
    """By the page's lines that the hub has: what comes of a visit, by the host of the page around, and the check's last rung."""
    seen = {}
    with contextlib.ExitStack() as stack:
        network = stack.enter_context(engine.network())
        web = stack.enter_context(other_web.outside(network))
        web.put({f"{other_web.PAGES}/framing.html": FRAMING})
        hub = stack.enter_context(deployment.hub(NEWEST, network=network))
        names = other_web.known(web) | dict.fromkeys((VALUES["host"], NEAR), hub.machine.address())
        browser = stack.enter_context(user_browser.chromium(network, names, windowed=False))
        notebook = json.dumps(user_browser.document("print(6 * 7)"))
        hub.machine.exec("sh", "-c", "cat >/home/alice/n.ipynb", input=notebook, user="alice")
        chain, key = deployment.certificate(VALUES["host"], NEAR)
        extra = {VALUES["certificate"]: chain, VALUES["key"]: key, "/srv/near/framing.html": FRAMING}
        extra["/etc/nginx/conf.d/near.conf"] = NEAR_SITE.format(name=NEAR, **VALUES)
        stack.enter_context(deployment.in_front(hub, PROXIES["nginx"].servers[-1], "nginx", extra=extra))
        for state, wanted in (("published", "no line"), ("policy", "Policy"), ("cookies", "")):
            deployment.end(hub)
            hub.machine.sh("systemctl stop 'jupyter-*'", {SAVED_AS[name]: text for name, text in with_lines(wanted).items()}, check=False)
            deployment.start(hub)
            rungs = hub.check("--keep-server", "--megabytes", "1")
            seen[state] = {where: shown(browser, where, hub.passwords["alice"]) for where in (FAR, NEAR)} | {"check": rungs[-1]}
    return seen


REFUSED = """violates the following Content Security Policy directive: "frame-ancestors 'none'"."""


@pytest.mark.parametrize("where", [FAR, NEAR])
def test_as_published_the_browser_refuses_the_frame(seen, where):
    assert REFUSED in seen["published"][where]
    assert seen["published"]["check"]["ok"]
    assert REFUSED.removesuffix(".") in PAGE


def test_with_the_policies_alone_a_page_of_the_same_site_shows_a_hub_in_which_a_cell_runs(seen):
    assert seen["policy"][NEAR] == "42"


def test_with_the_policies_alone_the_form_comes_back_in_a_page_of_another_site(seen):
    assert seen["policy"][FAR] == "Login form invalid or expired. Try again."
    assert f"*{seen['policy'][FAR]}*" in PAGE


@pytest.mark.parametrize("where", [FAR, NEAR])
def test_with_the_lines_for_cookies_a_cell_runs_there_too(seen, where):
    assert seen["cookies"][where] == "42"


def test_the_check_says_that_all_pages_may_be_framed_and_is_not_sure_why(seen):
    last = seen["cookies"]["check"]
    assert last["said"].startswith("every page of the server may be framed: Content-Security-Policy: frame-ancestors 'self' https://")
    assert (last["rung"], last["certainty"]) == ("blocks_shown", "one of these")


def test_the_page_has_five_lines():
    assert [line.partition(" = ")[0].rpartition(".")[2] for line in LINES] == [
        "tornado_settings",
        'tornado_settings["headers"]',
        'tornado_settings["cookie_options"]',
        'tornado_settings["xsrf_cookie_kwargs"]',
        'tornado_settings["xsrf_cookie_kwargs"]',
    ]
