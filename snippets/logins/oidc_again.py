# /etc/jupyterhub/oidc_again.py
# The hub asks the provider again while users are logged in. jupyterhub_config.py reads this file after oidc.py.
import os
import secrets

c = get_config()

# The hub's database keeps what the hub asks with, encrypted. The key is in a file beside it, made at the first start.
KEY = "oidc-key"
# An empty file is what a full disk leaves.
if not os.path.exists(KEY) or not os.path.getsize(KEY):
    with open(KEY, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        file.write(secrets.token_hex(32))
with open(KEY) as file:
    c.CryptKeeper.keys = [file.read()]
c.Authenticator.enable_auth_state = True

# Ask again after this many seconds, when the user opens the next page of the hub.
c.Authenticator.auth_refresh_age = 300
# With True, users who may not stay would see an error 500 at the start of their server, and no login page.
c.Authenticator.refresh_pre_spawn = False
