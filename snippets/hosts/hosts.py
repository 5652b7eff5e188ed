# /etc/jupyterhub/hosts.py
# Each user's server has a host name of its own. The last line of jupyterhub_config.py reads this file.
c = get_config()

# The hub's pages stay here. alice's server is at alice.hub.example.com.
c.JupyterHub.subdomain_host = "https://hub.example.com"

# A page on one of these names can set cookies for all of them, for example its own user's login:
# others would then work as that user. Browsers keep a cookie that begins with __Host- to one name.
c.JupyterHub.cookie_host_prefix_enabled = True
