# At the end of jupyterhub_config.py: accounts from Active Directory. The second group is one of
# the domain's. Write its name in small letters here.
c.PAMAuthenticator.allowed_groups = {"jupyterhub", "jupyter users"}
# Whoever types Lena, lena@example.com or EXAMPLE\lena becomes the hub's user lena, with one
# server. Without this line each of these names would be another user.
c.PAMAuthenticator.pam_normalize_username = True
# The hub itself cannot see homes. systemd has them made, through /etc/pam.d/jupyterhub-home.
c.SystemdSpawner.unit_extra_properties["PAMName"] = "jupyterhub-home"
