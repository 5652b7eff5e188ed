# /etc/jupyterhub/second_factor.py
# Users log in with a password and a code. The last line of jupyterhub_config.py reads this file.
import os
import sys

c = get_config()

# The hub uses /etc/pam.d/jupyterhub. SSH and the console still ask only for a password.
c.PAMAuthenticator.service = "jupyterhub"
# Without that file, PAM would use its file "other", which asks for no code.
if not os.path.exists("/etc/pam.d/jupyterhub"):
    sys.exit("/etc/pam.d/jupyterhub is missing. Without it, the hub would ask for no code.")
# A field for the code, below the field for the password.
c.Authenticator.request_otp = True
c.Authenticator.otp_prompt = "Code:"
