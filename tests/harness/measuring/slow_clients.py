"""How a reverse proxy treats clients that are slow or that violate the standard."""

from __future__ import annotations

import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.harness.machines import deployment, engine, images
from tests.harness.manifest import EVERY_PROXY, NEWEST, PROXIES, PUBLISHED, VALUES, Files
from tests.harness.on_server import raw_client

ELSEWHERE = 8443


def loitered(proxy: str, files: Files, seconds: float, extra: Mapping[str, str | bytes] | None = None) -> dict[str, float | None]:
    """The words of `raw_client.loiter` on a proxy's newest server, with no hub behind it."""
    with deployment.alone(proxy, EVERY_PROXY[proxy].servers[-1], files, extra) as machine, deployment.authority().cert_pem.tempfile() as ca:
        return raw_client.loiter(seconds, deployment.URL, ca, "127.0.0.1", machine.port(443))


# Takes connections in the hub's place, and nothing that is sent on them.
DEAF = (
    "perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(LocalAddr => \"{}\", Listen => 9) or die; fork and exit; sleep' >/dev/null 2>&1"
)
# nginx waits for a whole body before it asks the hub; 8 MB are more than a connection holds on its way.
MEGABYTES = {"nginx": 8}


def unanswered(proxy: str, seconds: float, files: Files = PUBLISHED) -> dict[str, float | None]:
    """The words of `raw_client.unanswered` on a proxy's newest server, which is impatient but for the lines of its site.

    Apache gives a body three seconds in place of 30, so that it is soon seen which rate lengthens them.
    """
    kind, hasty = EVERY_PROXY[proxy].servers[-1], files.replace("apache/jupyterhub.conf", "body=30", "body=3")
    with deployment.alone(proxy, kind, hasty, EVERY_PROXY[proxy].impatient) as machine, deployment.authority().cert_pem.tempfile() as ca:
        machine.sh(DEAF.format(VALUES["hub"]))
        return raw_client.unanswered(seconds, deployment.URL, ca, "127.0.0.1", machine.port(443), MEGABYTES.get(proxy, 0))


def patient(hub: deployment.Hub, seconds: float) -> dict[str, dict]:
    """By proxy, the words of `user_actions.patiently`: both newest servers in front of one hub at once, Apache on port ELSEWHERE."""
    conf = "apache/jupyterhub.conf"
    apache = PUBLISHED.replace(conf, ":443", f":{ELSEWHERE}").replace(conf, "*:80", f"*:{ELSEWHERE + 1}")
    ports = {"/etc/apache2/ports.conf": f"Listen {ELSEWHERE}\n"}
    # Apache first: at its installation it takes port 80, and gives it back.
    with (
        deployment.in_front(hub, PROXIES["apache"].servers[-1], "apache", apache, ports),
        deployment.in_front(hub, PROXIES["nginx"].servers[-1], "nginx"),
    ):
        hub.machine.until("bash -c '</dev/tcp/127.0.0.1/443'")
        urls = {"nginx": deployment.URL, "apache": f"https://{VALUES['host']}:{ELSEWHERE}{VALUES['base_url']}"}
        seen = hub.on_server("patiently", str(seconds), *urls.values())
    return {proxy: seen[url] for proxy, url in urls.items()}


def patient_behind(hub: deployment.Hub, proxy: str, seconds: float) -> dict:
    """The words of `user_actions.patiently` of one reverse proxy alone, the newest of its servers."""
    with deployment.in_front(hub, EVERY_PROXY[proxy].servers[-1], proxy):
        return hub.on_server("patiently", str(seconds), deployment.URL)[deployment.URL]


def everything(hub: deployment.Hub, seconds: float, without: Mapping[str, dict]) -> tuple[dict[str, dict], dict[str, dict]]:
    """What `patient` and, by proxy, `loitered` tell (for its options `without` the lines), in the time of one of them."""
    with ThreadPoolExecutor() as pool:
        bare = {proxy: pool.submit(loitered, proxy, seconds=seconds, **options) for proxy, options in without.items()}
        return patient(hub, seconds), {proxy: future.result() for proxy, future in bare.items()}


# Node's own limit for a whole request, for which the hub's own proxy has no option; it looks twice a second who is beyond it.
LIMITED = """
const http = require("node:http");
const create = http.createServer;
const limits = {{ requestTimeout: {0}, headersTimeout: {0}, connectionsCheckingInterval: 500 }};
http.createServer = (...given) => create({{ ...(typeof given[0] === "object" ? given.shift() : {{}}), ...limits }}, ...given);
"""
# Takes uploads in the hub's place, whole.
TAKER = """
import http.server

class Taker(http.server.BaseHTTPRequestHandler):
    def do_PUT(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(201)
        self.end_headers()

http.server.ThreadingHTTPServer(("127.0.0.1", 881), Taker).serve_forever()
"""
BEGIN = """
cd /root
python3 taker.py >/dev/null 2>&1 &
NODE_OPTIONS="--require /root/limited.js" configurable-http-proxy --ip 127.0.0.1 --port {port} --api-ip 127.0.0.1 --api-port 801 \\
  --default-target http://127.0.0.1:881 >/dev/null 2>&1 &
timeout 30 bash -c 'until : </dev/tcp/127.0.0.1/881 && : </dev/tcp/127.0.0.1/{port}; do sleep 0.1; done' 2>/dev/null
"""


def beyond(limit: float, seconds: float, files: Files = PUBLISHED) -> dict[str, tuple[list, str]]:
    """By proxy, the words of `raw_client.steady` about an upload that takes so many seconds, and the proxy's error log.

    The hub's own proxy, behind either newest server in turn, allows a request `limit` seconds in place of Node's five minutes.
    """
    version, path = NEWEST, f"{VALUES['environment']}/bin"
    with engine.run(images.hub(version).tag, options=deployment.NAMED) as machine:
        put = {"/root/limited.js": LIMITED.format(round(1000 * limit)), "/root/taker.py": TAKER}
        put[f"{deployment.CHECK}/ca.pem"] = deployment.authority().cert_pem.bytes()
        machine.sh(f"export PATH={path}:$PATH\n{BEGIN.format(port=VALUES['hub'].rpartition(':')[2])}", put)
        seen, hub = {}, deployment.Hub(machine, version, {})
        for name, proxy in PROXIES.items():
            with deployment.in_front(hub, proxy.servers[-1], name, files) as front:
                said = deployment.on_server(machine, "raw_client", "steady", str(seconds), deployment.URL, f"{deployment.CHECK}/ca.pem")
                seen[name] = said, front.sh(deployment.reading(proxy.error_log)).stdout
    return seen


@dataclass
class Smuggled:
    """What became of requests that hide another: the answers (`raw_client.smuggle`), and the hidden pages in each log."""

    answers: dict[str, list]
    hub: set[str]
    proxy: set[str]


def smuggled(hub: deployment.Hub, proxy: str, kind: str) -> Smuggled:
    """Send `raw_client.attempts` to a reverse proxy with the published files in front of a hub."""

    def hidden(log: str) -> set[str]:
        return set(re.findall(r"/hub/hidden-([\w-]+)", log))

    before = len(hub.log())
    with deployment.in_front(hub, kind, proxy) as machine:
        answers = deployment.on_server(hub.machine, "raw_client", "smuggle", deployment.URL, f"{deployment.CHECK}/ca.pem")
        own = machine.sh(deployment.reading(EVERY_PROXY[proxy].log)).stdout
        return Smuggled(answers, hidden(hub.log()[before:]), hidden(own))
