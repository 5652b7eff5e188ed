# At the end of jupyterhub_config.py: accounts from LDAP. The second group is one of the directory's.
c.PAMAuthenticator.allowed_groups = {"jupyterhub", "jupyter-users"}
# The hub itself cannot see homes. systemd has them made, through /etc/pam.d/jupyterhub-home.
c.SystemdSpawner.unit_extra_properties["PAMName"] = "jupyterhub-home"
