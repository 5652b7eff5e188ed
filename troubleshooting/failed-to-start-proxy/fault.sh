# The file for the number of the hub's own proxy, on a small disk that is full.
cat /dev/zero >/dev/shm/large 2>/dev/null || true
ln -s /dev/shm/jupyterhub-proxy.pid /run/jupyterhub-proxy.pid
