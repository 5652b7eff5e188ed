chown --recursive mallory: /home/mallory
