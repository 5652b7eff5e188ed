# /etc/jupyterhub/jupyterhub_config.py
c = get_config()

# The address behind the reverse proxy and the path under which users see the hub, in
# one option. With base_url alone the hub would listen on every interface, in plain
# HTTP, past the proxy's TLS.
c.JupyterHub.bind_url = "http://127.0.0.1:8000/jupyter/"

# JupyterHub 5 and later let nobody in until you say who may. Members of this Unix
# group may:
#   sudo usermod --append --groups jupyterhub alice
c.PAMAuthenticator.allowed_groups = {"jupyterhub"}

# Users' servers get a short environment: of the hub's own only PATH, the language and
# little more.
# For a kernel outside /opt/jupyterhub, /usr/local and /usr, name its data directory:
# c.Spawner.environment = {"JUPYTER_PATH": "/opt/kernels/share/jupyter"}
