# A hub with JupyterHub's own settings: address and users are said, since without them nobody gets in.
c = get_config()
c.JupyterHub.bind_url = "http://:800/jupyter/"
c.PAMAuthenticator.allowed_groups = {"jupyterhub"}
