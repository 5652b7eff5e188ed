"""What the page about a host name for each user says may be seen instead, and how each is made."""

from __future__ import annotations

from tests.harness.machines import deployment
from tests.harness.manifest import VALUES
from tests.harness.site.following import State

PAGE = "deploy/user-hosts.md"
ALICE, CERTIFICATE = f"alice.{VALUES['host']}", VALUES["certificate"]
NGINX, APACHE = "/etc/nginx/conf.d/jupyterhub.conf", "/etc/apache2/sites-available/jupyterhub.conf"
# Where a test puts a certificate that is for the hub's name alone.
NARROW = "/root/narrow.crt"
# The hub's own proxy ends with it, and comes with it.
STOP, START = "systemctl stop jupyterhub.service", f"systemctl start jupyterhub.service; {deployment.COMES_UP}"
KEPT = f"cp {CERTIFICATE} /root/kept.crt; cp {VALUES['key']} /root/kept.key"
BACK = f"cp /root/kept.crt {CERTIFICATE}; cp /root/kept.key {VALUES['key']}"
RELOAD = "if pidof nginx >/dev/null; then nginx -s reload; else apachectl graceful; fi; sleep 2"
STATES = {
    "If you see nothing": State(
        f"cp /etc/hosts /root/hosts.kept; sed '/{ALICE}/d' /root/hosts.kept >/etc/hosts", "cat /root/hosts.kept >/etc/hosts"
    ),
    "If you see one of the two alone": State(f"{KEPT}; cp {NARROW} {CERTIFICATE}", BACK, cured=True),
    "If you see unknown directive": State(f"sed -i.kept 's/^ *server_name/+&/' {NGINX}", f"mv {NGINX}.kept {NGINX}", cured=True),
    "If you see Invalid command": State(f"sed -i.kept 's/^ *ServerAlias/+&/' {APACHE}", f"mv {APACHE}.kept {APACHE}", cured=True),
    "If you see HTTP Error 503": State(STOP, START, cured=True),
    "If you see CERTIFICATE_VERIFY_FAILED": State(
        f"{KEPT}; cp {NARROW} {CERTIFICATE}; cp /root/narrow.key {VALUES['key']}; {RELOAD}", f"{BACK}; {RELOAD}", cured=True
    ),
}
