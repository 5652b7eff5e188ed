mkdir --parents /etc/systemd/system/jupyterhub.service.d
cat >/etc/systemd/system/jupyterhub.service.d/zz-open-files.conf <<'END'
[Service]
LimitNOFILE=65536
END
systemctl daemon-reload
