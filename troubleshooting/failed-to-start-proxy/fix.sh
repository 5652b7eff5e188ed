rm /dev/shm/large
pkill --full configurable-http-proxy
