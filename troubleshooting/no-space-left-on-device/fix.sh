rm /home/mallory/large
