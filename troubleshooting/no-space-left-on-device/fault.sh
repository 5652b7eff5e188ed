# The user's home, on a small disk that is full.
mv /home/mallory /dev/shm/mallory
ln -s /dev/shm/mallory /home/mallory
cat /dev/zero >/dev/shm/mallory/large 2>/dev/null || true
