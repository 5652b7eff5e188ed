"""A site that the hub's host has already, at / of the same name; and the hub's lines in that site's own file, as its page says."""

from __future__ import annotations

from tests.harness.manifest import PUBLISHED, VALUES, Files

HOST, CERTIFICATE, KEY = VALUES["host"], VALUES["certificate"], VALUES["key"]
# Where it lies. Apache takes sites in the order of the alphabet, nginx those of this folder first.
PATHS = {"nginx": "/etc/nginx/conf.d/a-site.conf", "apache": "/etc/apache2/sites-enabled/a-site.conf"}
SITES = {
    "nginx": f"""
server {{
    listen 80;
    server_name {HOST};
    location / {{ return 200 "a site"; }}
    %s
}}
server {{
    listen 443 ssl;
    server_name {HOST};
    ssl_certificate {CERTIFICATE};
    ssl_certificate_key {KEY};
    location / {{ return 200 "a site"; }}
    %s
}}
""",
    "apache": f"""
<VirtualHost *:80>
    ServerName {HOST}
    DocumentRoot /var/www/html
    %s
</VirtualHost>
<VirtualHost *:443>
    ServerName {HOST}
    SSLEngine on
    SSLCertificateFile {CERTIFICATE}
    SSLCertificateKeyFile {KEY}
    DocumentRoot /var/www/html
    %s
</VirtualHost>
""",
}
TO_HTTPS = {
    "nginx": "location /jupyter { return 301 https://$host$request_uri; }",
    "apache": f"Redirect permanent /jupyter https://{HOST}/jupyter",
}
# In the published file: how a server's block begins, from where on its lines are taken, and what is left out of them.
PARTS = {
    "nginx": ("server {", "    access_log ", "    location = / {\n        return 302 /jupyter/hub/;\n    }\n"),
    "apache": ("<VirtualHost", "    CustomLog ", "    RedirectMatch ^/$ /jupyter/hub/\n"),
}
ENDS = {"nginx": "\n}", "apache": "\n</VirtualHost>"}


def beside(proxy: str, host: str = HOST) -> dict[str, str]:
    """The site's own file (path: content), without a word of the hub; `host` is its name."""
    return {PATHS[proxy]: (SITES[proxy] % ("", "")).replace(HOST, host)}


def merged(proxy: str) -> tuple[Files, dict[str, str]]:
    """What is left of the published files, and the site's own file with the hub's lines in it.

    Raises ValueError if the published file has not what is to be left out.
    """
    name, (begins, first, left_out) = f"{proxy}/jupyterhub.conf", PARTS[proxy]
    before, _, block = PUBLISHED.read(name).split(begins)
    lines = first + block.partition(first)[2].rpartition(ENDS[proxy])[0]
    if left_out not in lines:
        raise ValueError(f"snippets/{name} does not hold {left_out!r}")
    extra = {}
    if proxy == "nginx":  # It reads files in the order of the alphabet.
        before, extra = "", {"/etc/nginx/conf.d/00-jupyterhub.conf": before}
    return Files({name: before}), extra | {PATHS[proxy]: SITES[proxy] % (TO_HTTPS[proxy], lines.replace(left_out, ""))}
