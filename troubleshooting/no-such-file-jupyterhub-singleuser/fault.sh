# Servers are to come from another environment, which has no JupyterHub.
echo 'c.Spawner.cmd = ["/opt/course/bin/jupyterhub-singleuser"]' >>/etc/jupyterhub/jupyterhub_config.py
