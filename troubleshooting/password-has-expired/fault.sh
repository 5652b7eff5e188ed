# Let the user choose a password at the first login.
chage --lastday 0 mallory
