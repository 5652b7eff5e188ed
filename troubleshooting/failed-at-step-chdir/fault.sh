# The home of an account that was made anew, with another number than before.
chown --recursive 4242:4242 /home/mallory
chmod 700 /home/mallory
