# Below jupyterhub_config.py: accounts from Active Directory. The second group is one of the
# domain's, in small letters.
c.PAMAuthenticator.allowed_groups = {"jupyterhub", "jupyter users"}
# Who writes Lena, lena@example.com or EXAMPLE\lena is lena, and has one server.
c.PAMAuthenticator.pam_normalize_username = True
# The hub itself sees no homes. systemd has them made, by /etc/pam.d/jupyterhub-home.
c.SystemdSpawner.unit_extra_properties["PAMName"] = "jupyterhub-home"
