# /etc/jupyterhub/lti.py
# Users come from a learning platform, by LTI 1.3. The last line of jupyterhub_config.py reads this file.
import asyncio
import grp
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pamela
from ltiauthenticator.lti13 import handlers
from ltiauthenticator.lti13.auth import LTI13Authenticator
from tornado import web

c = get_config()

PLATFORM = "https://lms.example.org"
# The platform's ids for the deployments that may log in. The package itself accepts any.
DEPLOYMENTS = {"1"}
# alice@example.com logs in as the account alice. Addresses of any other domain are refused. If users can write any
# address into their profile on the platform, write None: only those in ACCOUNTS are then let in.
DOMAIN = "example.com"
# For users whose address does not show their account: the platform's id, then the account.
# ACCOUNTS = {"5f0c7f1e-92d4": "dana"}
ACCOUNTS = {}
# Only members of this Unix group may use the hub. root and the system's accounts are not in it.
UNIX_GROUP = "jupyterhub"
CLAIM = "https://purl.imsglobal.org/spec/lti/claim/"
WAITING = ThreadPoolExecutor(4)

# A page at another name of the hub's domain could set this cookie, and log users in as somebody else. Browsers
# keep a cookie that begins with __Host- to one name.
handlers.STATE_COOKIE_NAME = "__Host-lti13authenticator-state"


class PatientHandler(handlers.LTI13CallbackHandler):
    """Waits for the platform's keys beside the hub's own work, so that a slow platform keeps nobody else waiting."""

    async def post(self):
        checked = asyncio.get_running_loop().run_in_executor(WAITING, self.decode_and_validate_launch_request)
        await asyncio.wait([checked])
        self.decode_and_validate_launch_request = checked.result
        await super().post()


class AccountAuthenticator(LTI13Authenticator):
    """Lets somebody in who comes from a known deployment and has a valid account on this machine."""

    callback_handler = PatientHandler

    async def authenticate(self, handler, data=None):
        # Only this handler has checked a token. The hub's own login form and its API pass on whatever anyone sends them.
        if not isinstance(handler, handlers.LTI13CallbackHandler):
            raise web.HTTPError(403, "A login can begin only on the learning platform.")
        return await super().authenticate(handler, data)

    def get_username(self, token):
        if token[f"{CLAIM}deployment_id"] not in DEPLOYMENTS:
            raise web.HTTPError(403, "This hub does not know this deployment of the platform.")
        if token.get("sub") in ACCOUNTS:
            return ACCOUNTS[token["sub"]]
        # If there is no address, the package itself would use the platform's id as the name.
        if not token.get("email"):
            raise web.HTTPError(403, "Your learning platform does not send your email address.")
        # As bytes, so that no letter beyond a to z becomes one of them: the Kelvin sign would be a k.
        name, _, domain = str(token["email"]).encode("ascii", "replace").lower().decode().rpartition("@")
        if not DOMAIN or domain != DOMAIN or not re.fullmatch("[a-z][a-z0-9._-]{0,31}", name):
            raise web.HTTPError(403, "Your email address leads to no account on this hub.")
        return name

    def get_custom_html(self, base_url):
        # A login can begin only on the platform. Users who open the hub in another way see this.
        return f'<p>Log in by the link in your course on <a href="{PLATFORM}">the learning platform</a>.</p>'

    async def check_blocked_users(self, name, auth_model):
        # The hub asks this of everyone, also with allow_all.
        if not super().check_blocked_users(name, auth_model):
            return False
        # In a thread, so that only this login waits for a directory of accounts that does not answer.
        return await asyncio.get_running_loop().run_in_executor(WAITING, self.has_account, name)

    def check_allowed(self, name, auth_model):
        # Whoever has an account that the function above accepts.
        return True

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


c.JupyterHub.authenticator_class = AccountAuthenticator
# Without this line, the hub's log says that nobody can log in.
c.Authenticator.any_allow_config = True
# The platform's name for itself, the address where it identifies users, and the address of its keys.
c.LTI13Authenticator.issuer = PLATFORM
c.LTI13Authenticator.authorize_url = f"{PLATFORM}/auth"
c.LTI13Authenticator.jwks_endpoint = f"{PLATFORM}/keys"
# The platform's id for the hub.
c.LTI13Authenticator.client_id = {"jupyterhub"}
# How many seconds the platform's clock may be ahead of this machine's, or behind it.
c.LTI13LaunchValidator.time_leeway = 10
