rm /dev/shm/large
