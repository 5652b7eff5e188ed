"""Each line that the pages call necessary: without it the ladder breaks at this rung, with these words and this advice."""

import pytest

from tests.harness import deployment
from tests.harness.climb import IMPATIENT, climb, tell
from tests.harness.manifest import PROXIES, PUBLISHED, VERSIONS

NEWEST, OLDER = VERSIONS["jupyterhub"][0], VERSIONS["jupyterhub"][-1]

# (in the line, what comes instead of it ("" for the whole line), rung that breaks, words seen there, words of the advice)
NGINX = [
    ("proxy_set_header Upgrade ", "", "kernel_channel", 'Can "Upgrade" only to "WebSocket"', "proxy_set_header Upgrade $http_upgrade"),
    ("proxy_set_header Connection ", "", "kernel_channel", '"Connection" must be "Upgrade"', "proxy_set_header Connection"),
    ("proxy_set_header Host ", "", "kernel_channel", "403 on the WebSocket", "proxy_set_header Host $http_host"),
    ("client_max_body_size", "", "upload_lands", "413", "client_max_body_size"),
    ("proxy_read_timeout", "", "kernel_computes", "closed the idle WebSocket", "proxy_read_timeout"),
    ("X-Scheme", "", "login_works", "comes without Secure", "proxy_set_header X-Scheme $scheme"),
    ("proxy_buffering off", "", "server_spawns", "arrived all at once", "proxy_buffering off"),
    ("Cross-Origin-Opener-Policy", "", "blocks_shown", "Cross-Origin-Opener-Policy: none", "add_header Cross-Origin-Opener-Policy"),
    ("server 127.0.0.1:8000", "server 127.0.0.1:8009", "hub_answers", "502", "does not reach JupyterHub"),
]
APACHE = [
    ("ProxyPreserveHost On", "", "kernel_channel", "403 on the WebSocket", "ProxyPreserveHost On"),
    (" upgrade=websocket", " ", "kernel_channel", "400 on the WebSocket", "upgrade=websocket"),
    (" timeout=3600", " ", "kernel_computes", "closed the idle WebSocket", "timeout= on ProxyPass"),
    (" nocanon", " ", "upload_lands", "400", "nocanon"),
    ("AllowEncodedSlashes", "", "upload_lands", "encoded slash", "AllowEncodedSlashes NoDecode"),
    ("RedirectMatch", "", "hub_answers", "no redirect from /jupyter to /jupyter/", "RedirectMatch"),
    ("X-Scheme", "", "login_works", "comes without Secure", "RequestHeader set X-Scheme https"),
    ("Cross-Origin-Opener-Policy", "", "blocks_shown", "Cross-Origin-Opener-Policy: none", "Header always set"),
    (":8000/jupyter/", ":8009/jupyter/", "hub_answers", "503", "does not reach JupyterHub"),
]
LINES = [("nginx", OLDER, *row) for row in NGINX] + [("apache", NEWEST, *row) for row in APACHE]


@pytest.mark.parametrize(("proxy", "version", "line", "instead", "rung", "words", "advice"), LINES)
def test_without_the_line_the_ladder_breaks(hubs, proxy, version, line, instead, rung, words, advice):
    files = PUBLISHED.replace(f"{proxy}/jupyterhub.conf", line, instead)
    # bob's server runs all the time; where the start is what breaks, it is alice's.
    user = "alice" if rung == "server_spawns" else "bob"
    options = ["--keep-server", "--megabytes", "20" if words == "413" else "1", "--idle", "6" if "idle" in words else "0"]
    last = climb(hubs(version), proxy, PROXIES[proxy].servers[1], *options, files=files, extra=IMPATIENT[proxy], user=user)[-1]
    assert (last["rung"], last["ok"]) == (rung, False), tell(last) if not last["ok"] else "the ladder holds without it"
    assert words in last["said"], tell(last)
    assert advice in last["cause"], tell(last)


# (file, in the line, what comes instead, rung that breaks, words seen there, words of the advice)
HUB = [
    ("jupyterhub/jupyterhub_config.py", "bind_url", "", "hub_answers", "/jupyter/hub/api -> ", "bind_url"),
    ("jupyterhub/jupyterhub_config.py", "allowed_groups", "", "login_works", "403: Invalid username or password", "allowed_groups"),
    ("jupyter/jupyter_server_config.py", "files_handler_class", "", "blocks_shown", "frame-ancestors 'none'", "files_handler_class"),
    ("jupyter/jupyter_server_config.py", "; sandbox allow-scripts", ";", "blocks_shown", "not sandboxed", "sandbox allow-scripts"),
]


@pytest.mark.parametrize(("name", "line", "instead", "rung", "words", "advice"), HUB)
def test_without_the_option_the_ladder_breaks(name, line, instead, rung, words, advice):
    with deployment.hub(NEWEST, PUBLISHED.replace(name, line, instead)) as hub:
        last = climb(hub, "nginx", PROXIES["nginx"].servers[0], "--megabytes", "1")[-1]
    assert (last["rung"], last["ok"]) == (rung, False), tell(last) if not last["ok"] else "the ladder holds without it"
    assert words in last["said"], tell(last)
    assert advice in last["cause"], tell(last)


@pytest.mark.parametrize("version", [NEWEST])
def test_without_proxy_http_apache_accepts_the_site_and_answers_nothing(hubs, version):
    files = PUBLISHED.replace("apache/enable.sh", " headers proxy_http", " headers proxy")
    last = climb(hubs(version), "apache", PROXIES["apache"].servers[1], files=files)[-1]
    assert last["rung"] == "hub_answers"
    assert "hub/api -> 500" in last["said"]
    assert "proxy_http" in last["cause"]
    assert "AH01144: No protocol handler was valid for the URL" in last["told"]


@pytest.mark.parametrize("version", [NEWEST])
def test_with_debians_own_site_port_80_leads_nowhere(hubs, version):
    files = PUBLISHED.replace("apache/enable.sh", "a2dissite", "")
    last = climb(hubs(version), "apache", PROXIES["apache"].servers[1], files=files)[-1]
    assert (last["rung"], last["said"]) == ("hub_answers", "port 80 answers without sending people to https://")


@pytest.mark.parametrize("version", [NEWEST])
def test_apaches_body_limit_does_not_touch_uploads(hubs, version):
    limited = PUBLISHED.replace("apache/jupyterhub.conf", "SSLEngine on", "SSLEngine on\n    LimitRequestBody 1048576")
    last = climb(hubs(version), "apache", PROXIES["apache"].servers[1], "--keep-server", files=limited, user="bob")[-1]
    assert last["ok"], last["told"]
