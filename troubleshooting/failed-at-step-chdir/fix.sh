find /home/mallory -xdev -exec chown --no-dereference mallory: {} +
