# /etc/jupyterhub/framed.py
# Pages of a learning platform may show the hub's pages in a frame. The last line of jupyterhub_config.py reads this file.
c = get_config()

c.JupyterHub.tornado_settings = {"headers": {"Content-Security-Policy": "frame-ancestors 'self' https://lms.example.org"}}
