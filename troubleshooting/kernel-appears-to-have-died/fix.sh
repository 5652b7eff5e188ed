systemctl set-property --runtime jupyter-alice.service MemoryMax=4G
