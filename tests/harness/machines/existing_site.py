"""A host that already has a site at / of the same name, with its own headers, limits and rules; it includes the hub."""

from __future__ import annotations

from tests.harness.manifest import PUBLISHED, SAVED_AS, VALUES, Files

HOST, CERTIFICATE, KEY = VALUES["host"], VALUES["certificate"], VALUES["key"]
# Where it lies. Apache takes sites in the order of the alphabet, nginx those of this folder first.
PATHS = {"nginx": "/etc/nginx/conf.d/a-site.conf", "apache": "/etc/apache2/sites-enabled/a-site.conf"}
# Where nginx has read the hub's file for all sites before.
LATER = PATHS | {"nginx": "/etc/nginx/conf.d/z-site.conf"}
SITES = {
    "nginx": """
server {{
    listen 80;
    server_name {host};
    location / {{ return 200 "a site"; }}
    {plain}
}}
server {{
    listen 443 ssl;
    server_name {host};
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    root /srv/site;
    client_max_body_size 1m;
    proxy_read_timeout 4s;
    proxy_set_header X-Other site;
    add_header X-Frame-Options DENY always;
    add_header Content-Security-Policy "default-src 'self'" always;
    error_page 502 503 /maintenance.html;
    location ~ \\.(js|css|png|svg|html)$ {{ expires 30d; try_files $uri =404; }}
    location ~ /\\. {{ deny all; }}
    location / {{ return 200 "a site"; }}
    {tls}
}}
""",
    "apache": """
<VirtualHost *:80>
    ServerName {host}
    DocumentRoot /var/www/html
    {log}
    {plain}
</VirtualHost>
<VirtualHost *:443>
    ServerName {host}
    SSLEngine on
    SSLCertificateFile {certificate}
    SSLCertificateKeyFile {key}
    DocumentRoot /var/www/html
    Timeout 4
    Header always set X-Frame-Options DENY
    {log}
    {policy}
    RequestHeader set X-Other site
    <FilesMatch "\\.(js|css|svg)$">
        Header set Cache-Control "max-age=2592000"
    </FilesMatch>
    <LocationMatch "^/.*/\\.">
        Require all denied
    </LocationMatch>
    {tls}
</VirtualHost>
""",
}
PLAINEST = {
    "nginx": """
server {{
    listen 80;
    server_name {host};
    location / {{ return 200 "a site"; }}
}}
server {{
    listen 443 ssl;
    server_name {host};
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    location / {{ return 200 "a site"; }}
}}
""",
    "apache": """
<VirtualHost *:80>
    ServerName {host}
    DocumentRoot /var/www/html
</VirtualHost>
<VirtualHost *:443>
    ServerName {host}
    SSLEngine on
    SSLCertificateFile {certificate}
    SSLCertificateKeyFile {key}
    DocumentRoot /var/www/html
</VirtualHost>
""",
}
LOG = "CustomLog ${APACHE_LOG_DIR}/access.log combined"
POLICY = "Header set Content-Security-Policy \"default-src 'self'\""
# What the page has the owner of such a site write into it, and at the end of lines like these two.
PLAIN = {
    "nginx": "location /jupyter { access_log /var/log/nginx/jupyterhub.log jupyterhub; return 301 https://$host$request_uri; }",
    "apache": f"AllowEncodedSlashes On\n    Redirect permanent /jupyter https://{HOST}/jupyter",
}
TLS = {"nginx": "include /etc/nginx/jupyterhub-location.conf;", "apache": "Include /etc/apache2/jupyterhub-location.conf"}
ELSEWHERE = ' "expr=%{REQUEST_URI} !~ m#^/jupyter/#"'
# The line of theirs who have people come from the name alone to the hub.
NAME_ALONE = {"nginx": "location = / { return 302 /jupyter/hub/; }", "apache": "RedirectMatch ^/$ /jupyter/hub/"}
# What is written for a second hub.
SECOND_PLAIN = {
    "nginx": "location /second { access_log /var/log/nginx/jupyterhub.log jupyterhub; return 301 https://$host$request_uri; }",
    "apache": f"Redirect permanent /second https://{HOST}/second",
}
SECOND_TLS = {"nginx": "include /etc/nginx/second-location.conf;", "apache": "Include /etc/apache2/second-location.conf"}
ELSEWHERE_THAN_BOTH = ' "expr=%{REQUEST_URI} !~ m#^/jupyter/# && %{REQUEST_URI} !~ m#^/second/#"'
FRAGMENTS = {"nginx": ("nginx-http", "nginx-location"), "apache": ("apache-server", "apache-location")}


def site(proxy: str, plain: str = "", tls: str = "", elsewhere: str = "") -> str:
    """The site's own file, with lines of the hub's in it, or without."""
    own = {"log": LOG + elsewhere, "policy": POLICY + elsewhere}
    return SITES[proxy].format(host=HOST, certificate=CERTIFICATE, key=KEY, plain=plain, tls=tls, **own)


def beside(proxy: str, host: str = HOST) -> dict[str, str]:
    """A site's own file (path: content) that needs no module but TLS, without a word of the hub; `host` is its name."""
    return {PATHS[proxy]: PLAINEST[proxy].format(host=host, certificate=CERTIFICATE, key=KEY)}


def with_two(proxy: str) -> str:
    """The site's own file with the lines of both hubs in it."""
    plain, tls = (f"{one[proxy]}\n    {other[proxy]}" for one, other in ((PLAIN, SECOND_PLAIN), (TLS, SECOND_TLS)))
    return site(proxy, plain, tls, ELSEWHERE_THAN_BOTH)


def included(proxy: str, files: Files = PUBLISHED, elsewhere: str = ELSEWHERE, more: str = "") -> tuple[Files, dict[str, str]]:
    """What is in place of the published site, and beside it: the site's own file, and the published lines that it includes.

    `elsewhere` keeps the site's policy from the hub's pages, and these from Apache's log of the site. `more` is one more line of the
    block for port 443.
    """
    whole, location = (f"beside/{name}.conf" for name in FRAGMENTS[proxy])
    extra = {LATER[proxy]: site(proxy, PLAIN[proxy], f"{TLS[proxy]}\n    {more}", elsewhere), SAVED_AS[location]: files.read(location)}
    return Files({f"{proxy}/jupyterhub.conf": files.read(whole)}), extra | {"/srv/site/index.html": "a site"}
