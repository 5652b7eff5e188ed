# At the end of jupyterhub_config.py, instead of domain.py: the hub itself asks a domain controller.
import pwd
import ssl

import pamela

c.JupyterHub.authenticator_class = "ldapauthenticator.LDAPAuthenticator"
c.LDAPAuthenticator.server_address = "dc.example.com"
# TLS from the first byte on, with a controller whose certificate this machine trusts.
c.LDAPAuthenticator.tls_strategy = "on_connect"
c.LDAPAuthenticator.tls_kwargs = {"validate": ssl.CERT_REQUIRED, "ca_certs_file": "/etc/ssl/certs/ca-certificates.crt"}
# The hub asks in the name of the user who logs in, with the domain's short name. As name@example.com,
# it could be another account: the one that has this userPrincipalName.
c.LDAPAuthenticator.bind_dn_template = r"EXAMPLE\{username}"
c.LDAPAuthenticator.user_search_base = "dc=example,dc=com"
c.LDAPAuthenticator.user_attribute = "sAMAccountName"
# Only members of this group are found, and whoever is found may log in.
c.LDAPAuthenticator.search_filter = "(&(sAMAccountName={username})(memberOf=CN=Jupyter Users,CN=Users,DC=example,DC=com))"
c.LDAPAuthenticator.allow_all = True


def has_account(authenticator, handler, auth_model):
    """Refuse an account that this machine lets nobody use: leave.sh, for example, locks one by letting it expire. No controller knows.

    Refuse root and the system's own accounts too: an account of the domain may have such a name.
    """
    try:
        pamela.check_account(auth_model["name"], "login")
    except pamela.PAMError as error:
        authenticator.log.warning("%s has no account that may log in: %s", auth_model["name"], error)
        return None
    if pwd.getpwnam(auth_model["name"]).pw_uid < 1000:
        authenticator.log.warning("%s is the name of an account of the system's own", auth_model["name"])
        return None
    return auth_model


c.Authenticator.post_auth_hook = has_account
