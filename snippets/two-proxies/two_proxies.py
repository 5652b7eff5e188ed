# /etc/jupyterhub/two_proxies.py
# Two Traefiks take the place of the hub's own proxy. The last line of jupyterhub_config.py reads this file.
import os
import sys

c = get_config()

# Whoever knows this password can send any user's requests anywhere.
SECRET = "/etc/jupyterhub/routes.env"
if os.stat(SECRET).st_mode & 0o077:
    sys.exit(f"{SECRET} can be read by others: chmod 600 {SECRET}")
with open(SECRET) as file:
    secret = file.read().partition("=")[2].strip()

c.JupyterHub.proxy_class = "traefik_redis"
# systemd starts the Traefiks, so they go on when the hub restarts.
c.TraefikRedisProxy.should_start = False
# The hub writes here which path leads to which server, and both Traefiks read it.
c.TraefikRedisProxy.redis_url = "redis://127.0.0.1:802"
c.TraefikRedisProxy.redis_password = secret
# The hub asks the first Traefik whether it has a new route yet.
c.TraefikRedisProxy.traefik_api_url = "http://127.0.0.1:811"
c.TraefikRedisProxy.traefik_api_entrypoint = "routes"
c.TraefikRedisProxy.traefik_api_username = "hub"
c.TraefikRedisProxy.traefik_api_password = secret
