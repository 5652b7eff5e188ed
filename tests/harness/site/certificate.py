"""A hub's machine on which certbot fetches its certificate from Pebble, a test authority by the makers of Let's Encrypt."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

from tests.harness.machines import deployment, engine, images
from tests.harness.manifest import VALUES
from tests.harness.site.following import State

PAGE = "deploy/certificate.md"
# What the page says may be seen instead; the service is the reader's own web server.
KEPT, CONF = f"/etc/letsencrypt/archive/{VALUES['host']}/fullchain1.pem", f"/etc/letsencrypt/renewal/{VALUES['host']}.conf"
ANOTHER = f"openssl req -x509 -newkey rsa -nodes -subj /CN=another -keyout /dev/null -out {KEPT} 2>/dev/null"
STATES = {
    "If you see No such file or directory": State("mv /etc/letsencrypt/live /root", "mv /root/live /etc/letsencrypt"),
    "If you see < and > before lines": State(f"mv {KEPT} /root/kept; {ANOTHER}", f"mv /root/kept {KEPT}", cured=True),
    "If you see nothing": State(f"sed -i.kept /renew_hook/d {CONF}", f"mv {CONF}.kept {CONF}", cured=True),
    "If you see Certbot failed to authenticate some domains": State(
        "systemctl stop {service}", "systemctl start {service}", seen=["Detail:"]
    ),
    "If you see is not active": State("systemctl stop {service}", "systemctl start {service}", cured=True),
}
LIVE = f"/etc/letsencrypt/live/{VALUES['host']}"
# What a reader enters after the page's second step.
OWN = VALUES | {"certificate": f"{LIVE}/fullchain.pem", "key": f"{LIVE}/privkey.pem"}
# What certbot asks for, and what is typed then.
ANSWERS = {"(Enter 'c' to cancel): ": "root@example.com", "(Enter 'c' to\ncancel): ": "root@example.com", "(Y)es/(N)o: ": "y"}
PEBBLE = {
    "listenAddress": "127.0.0.1:14000",
    "managementListenAddress": "127.0.0.1:15000",
    "certificate": "/root/pebble/cert.pem",
    "privateKey": "/root/pebble/key.pem",
    "httpPort": 80,
    "tlsPort": 443,
    "ocspResponderURL": "",
    "externalAccountBindingRequired": False,
    # 90 days, as Let's Encrypt has it; in seconds.
    "certificateValidityPeriod": 7776000,
}
# It asks a server of names that gives this machine's address for each; waits for nothing, and asks anew each time.
START = r"""
systemd-run --quiet --unit names pebble-challtestsrv -defaultIPv4 127.0.0.1 -defaultIPv6 '' -dns01 127.0.0.1:8053 \
  -http01 '' -https01 '' -tlsalpn01 ''
systemd-run --quiet --unit pebble --setenv PEBBLE_VA_NOSLEEP=1 --setenv PEBBLE_WFE_NONCEREJECT=0 --setenv PEBBLE_AUTHZREUSE=0 \
  pebble -config /root/pebble/config.json -dnsserver 127.0.0.1:8053
"""


@contextlib.contextmanager
def hub(name: str, network: str = "none") -> Iterator[deployment.Hub]:
    """A booted hub of a kind in `HUBS`: with both web servers, neither of them running, with certbot, and an authority that it asks."""
    chain, key = deployment.certificate("127.0.0.1")
    files = {
        "/root/pebble/ca.pem": deployment.authority().cert_pem.bytes(),
        "/root/pebble/config.json": json.dumps({"pebble": PEBBLE}),
        "/root/pebble/cert.pem": chain,
        "/root/pebble/key.pem": key,
        "/etc/letsencrypt/cli.ini": "server = https://127.0.0.1:14000/dir\n",
        # Debian's timer starts certbot without what a shell has told it.
        "/etc/systemd/system/certbot.service.d/tests.conf": "[Service]\nEnvironment=REQUESTS_CA_BUNDLE=/root/pebble/ca.pem\n",
    }
    with deployment.hub(name, network=network, image=images.certified) as made:
        made.machine.sh(f"{START}echo export REQUESTS_CA_BUNDLE=/root/pebble/ca.pem >>/root/.profile; systemctl daemon-reload", files)
        made.machine.until("bash -c '</dev/tcp/127.0.0.1/15000'")
        yield made


def trusted(machine: engine.Container) -> None:
    """From now on the check, and whoever works by the protocol, trusts the authority."""
    ask = "import ssl, urllib.request as u; c = ssl._create_unverified_context()"
    fetch = f'{ask}; print(u.urlopen("https://127.0.0.1:15000/roots/0", context=c).read().decode(), end="")'
    machine.sh(f"{deployment.PYTHON} -c '{fetch}' >{deployment.CHECK}/ca.pem")


def serial(machine: engine.Container) -> tuple[str, str]:
    """The serial numbers of the certificate in the file, and of the one that a new connection gets."""
    of_file = machine.sh(f"openssl x509 -in {OWN['certificate']} -noout -serial").stdout
    ask = f"openssl s_client -connect {VALUES['host']}:443 -servername {VALUES['host']} </dev/null 2>/dev/null"
    return of_file.strip(), machine.sh(f"{ask} | openssl x509 -noout -serial").stdout.strip()


def renew(machine: engine.Container) -> None:
    """What Debian's timer starts, on a day on which the certificate is due."""
    machine.sh(f"sed -i 's/^#* *renew_before_expiry.*/renew_before_expiry = 365 days/' {CONF}")
    machine.sh("systemctl start certbot.service", timeout=120)
