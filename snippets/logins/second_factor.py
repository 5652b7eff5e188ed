# /etc/jupyterhub/second_factor.py
# Users log in with a password and a code. The last line of jupyterhub_config.py reads this file.
c = get_config()

# By /etc/pam.d/jupyterhub. SSH and the console still ask for a password alone.
c.PAMAuthenticator.service = "jupyterhub"
# A field for the code below that for the password.
c.Authenticator.request_otp = True
c.Authenticator.otp_prompt = "Code:"
