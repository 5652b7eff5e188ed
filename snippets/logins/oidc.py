# /etc/jupyterhub/oidc.py
# Users log in at an OpenID Connect provider. The last line of jupyterhub_config.py reads this file.
import asyncio
import grp
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import oauthenticator.oauth2
import pamela
from oauthenticator.generic import GenericOAuthenticator
from tornado import web
from tornado.httpclient import HTTPClientError

c = get_config()

# alice@example.com logs in as the account alice. Addresses of any other domain are refused, because
# anybody may be alice somewhere else.
DOMAIN = "example.com"
# Only members of this Unix group may use the hub. root and the system's accounts are not in it.
UNIX_GROUP = "jupyterhub"
SECRET = "/etc/jupyterhub/oidc-secret"
WAITING = ThreadPoolExecutor(4)

# The cookie with which a login begins. Browsers take a name that begins with __Host- from the hub's own host name
# alone. A page at another name of your domain could otherwise log users in as somebody else.
oauthenticator.oauth2.STATE_COOKIE_NAME = "__Host-oauthenticator-state"


class AccountAuthenticator(GenericOAuthenticator):
    """Lets somebody in who is in the provider's group and has a valid account on this machine too."""

    def user_info_to_username(self, claims):
        # As bytes, so that no letter beyond a to z becomes one of them: the Kelvin sign would be a k.
        name, _, domain = str(claims.get("email")).encode("ascii", "replace").lower().decode().rpartition("@")
        if domain != DOMAIN or not re.fullmatch("[a-z][a-z0-9._-]{0,31}", name):
            raise web.HTTPError(403, "Your email address leads to no account on this hub.")
        # Some providers let people type any address, and say that they have not checked it.
        if claims.get("email_verified") is not True:
            raise web.HTTPError(403, "Your provider has not checked your email address.")
        # The groups of an object would be its keys, whatever their values.
        groups = claims.get("groups", [])
        if not isinstance(groups, list) or not all(isinstance(group, str) for group in groups):
            self.log.warning("The provider says that %s has these groups, which are no list of names: %.200r", name, groups)
            raise web.HTTPError(403, "Your provider sends no list of your groups.")
        return name

    async def check_allowed(self, name, auth_model):
        if not await super().check_allowed(name, auth_model):
            self.log.warning("%s is in none of these groups of the provider: %s", name, ", ".join(self.allowed_groups))
            return False
        # In a thread, so that only this login waits for a directory of accounts that does not answer.
        return await asyncio.get_running_loop().run_in_executor(WAITING, self.has_account, name)

    def has_account(self, name):
        try:
            # By a program of its own: for Python's os.getgrouplist the whole hub would wait, even here.
            groups = subprocess.check_output(["id", "--groups", "--", name], text=True).split()
            if str(grp.getgrnam(UNIX_GROUP).gr_gid) not in groups:
                self.log.warning("%s is not in the Unix group %s", name, UNIX_GROUP)
                return False
            # Refuses an expired account. leave.sh, for example, locks an account by letting it expire.
            pamela.check_account(name, "login")
        except (KeyError, subprocess.CalledProcessError):
            self.log.warning("%s has no account on this machine, or there is no Unix group %s", name, UNIX_GROUP)
            return False
        except pamela.PAMError as error:
            self.log.warning("%s has an account that may not log in: %s", name, error)
            return False
        return True

    async def refresh_user(self, user, handler=None, **kwargs):
        """With oidc_again.py: whether somebody who is logged in may stay."""
        try:
            fresh = await super().refresh_user(user, handler, **kwargs)
        # ValueError: a page for people, such as one on maintenance, instead of JSON.
        except (OSError, ValueError, HTTPClientError) as error:
            self.log.warning("The provider does not say whether %s may stay: %s", user.name, error)
            return True
        # JupyterHub itself does not look at the groups and the name again.
        if isinstance(fresh, dict):
            if fresh["name"] != user.name:
                self.log.warning("%s would be %s now", user.name, fresh["name"])
                return False
            if not await self.check_allowed(user.name, fresh):
                return False
        return fresh


if os.stat(SECRET).st_mode & 0o077:
    sys.exit(f"{SECRET} can be read by others: chmod 600 {SECRET}")
with open(SECRET) as file:
    c.GenericOAuthenticator.client_secret = file.read().strip()

c.JupyterHub.authenticator_class = AccountAuthenticator
# A line "c.Authenticator.allow_all = True" elsewhere is meant for passwords. Here it would let in root, too.
c.AccountAuthenticator.allow_all = False
# What the button says: Sign in with ...
c.GenericOAuthenticator.login_service = "Example University"
c.GenericOAuthenticator.client_id = "jupyterhub"
# The provider sends users back to this address. It has to be registered there.
c.GenericOAuthenticator.oauth_callback_url = "https://hub.example.com/jupyter/hub/oauth_callback"

# The provider's addresses, and what the hub asks it for.
c.GenericOAuthenticator.authorize_url = "https://login.example.com/auth"
c.GenericOAuthenticator.token_url = "https://login.example.com/token"
c.GenericOAuthenticator.userdata_url = "https://login.example.com/me"
c.GenericOAuthenticator.scope = ["openid", "email", "groups"]

# Members of one of these groups at the provider may log in.
c.GenericOAuthenticator.manage_groups = True
c.GenericOAuthenticator.auth_state_groups_key = "oauth_user.groups"
c.GenericOAuthenticator.allowed_groups = {"jupyter-users"}
