# A limit of an administrator's own, whose name systemd does not know.
echo 'c.SystemdSpawner.unit_extra_properties["MemoryMaximum"] = "4G"' >>/etc/jupyterhub/jupyterhub_config.py
