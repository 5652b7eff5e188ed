# /etc/jupyterhub/sign_on.py
# Apache asks users who they are, and tells the hub. The last line of jupyterhub_config.py reads this file.
import hmac
import os
import re
import sys

import pamela
from jupyterhub.auth import PAMAuthenticator
from tornado import web
from tornado.concurrent import run_on_executor

c = get_config()

# alice@example.com logs in as the account alice. If your Apache sends names without @, write "" here.
DOMAIN = "example.com"
HEADER = "/etc/jupyterhub/sign-on-header"

if os.stat(HEADER).st_mode & 0o077:
    sys.exit(f"{HEADER} can be read by others: chmod 600 {HEADER}")
with open(HEADER) as file:
    (SECRET,) = re.findall(r'^RequestHeader set Authorization "Apache (\w{32,})"$', file.read(), re.MULTILINE)


class ApacheAuthenticator(PAMAuthenticator):
    """Believes the name in a header, if the request comes from Apache; the account must be valid on this machine too."""

    auto_login = True

    @run_on_executor
    def authenticate(self, handler, data):
        headers = handler.request.headers
        # Each user of this machine can send the hub any header. Only root and Apache know this one.
        if not hmac.compare_digest(headers.get("Authorization", "").encode(), f"Apache {SECRET}".encode()):
            raise web.HTTPError(403, "This login was not asked for by Apache.")
        told = headers.get("X-Remote-User", "")
        name, _, domain = told.lower().partition("@")
        if domain != DOMAIN or not re.fullmatch("[a-z][a-z0-9._-]{0,31}", name):
            self.log.warning("Apache told %r, which is no account", told)
            raise web.HTTPError(403, "Your name leads to no account on this hub.")
        try:
            # Refuses an expired account. leave.sh, for example, locks an account by letting it expire.
            pamela.check_account(name, self.service)
        except pamela.PAMError as error:
            self.log.warning("%s has no account that may log in: %s", name, error)
            raise web.HTTPError(403, "Your account may not log in on this hub.") from None
        return name


c.JupyterHub.authenticator_class = ApacheAuthenticator
# A line "c.Authenticator.allow_all = True" elsewhere is meant for passwords. Here it would let in root, too.
c.ApacheAuthenticator.allow_all = False
