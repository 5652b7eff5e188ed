# At the end of jupyterhub_config.py: accounts from LDAP. The second group is one of the directory's.
c.PAMAuthenticator.allowed_groups = {"jupyterhub", "jupyter-users"}
# Whoever types lena@directory, or a mail address that the directory has, becomes the hub's user lena.
# Without this line each of these names would be another user.
c.PAMAuthenticator.pam_normalize_username = True
# The hub itself cannot see homes. systemd has them made, through /etc/pam.d/jupyterhub-home.
c.SystemdSpawner.unit_extra_properties["PAMName"] = "jupyterhub-home"
