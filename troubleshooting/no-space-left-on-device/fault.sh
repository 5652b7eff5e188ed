# The user's home, on a small disk that is full.
mv /home/mallory /mnt/small/mallory
ln -s /mnt/small/mallory /home/mallory
cat /dev/zero >/mnt/small/mallory/large 2>/dev/null || true
