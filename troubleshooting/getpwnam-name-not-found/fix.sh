echo 'c.Authenticator.username_map = {"mallory": "Mallory"}' >>/etc/jupyterhub/jupyterhub_config.py
