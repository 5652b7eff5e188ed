# /etc/jupyterhub/database.py
# The hub's database is PostgreSQL's. The last line of jupyterhub_config.py reads this file.
c = get_config()

# On this machine, by its Unix socket. There the kernel says who asks: the hub, which is root. So
# there is no password.
c.JupyterHub.db_url = "postgresql:///jupyterhub"
