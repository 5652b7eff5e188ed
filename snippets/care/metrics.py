# At the end of jupyterhub_config.py: anyone with this token may read the hub's numbers, and nothing else.
with open("/etc/jupyterhub/metrics-token") as file:
    c.JupyterHub.services.append({"name": "prometheus", "api_token": file.read().strip()})
c.JupyterHub.load_roles.append({"name": "prometheus", "services": ["prometheus"], "scopes": ["read:metrics"]})
