# /etc/jupyterhub/database.py
# The hub's database is PostgreSQL's. The last line of jupyterhub_config.py reads this file.
c = get_config()

# On this machine, through its Unix socket. There the kernel tells PostgreSQL who asks: the hub,
# which is root. So no password is needed.
c.JupyterHub.db_url = "postgresql:///jupyterhub"
