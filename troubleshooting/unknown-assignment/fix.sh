sed -i 's/"MemoryMaximum"/"MemoryMax"/' /etc/jupyterhub/jupyterhub_config.py
