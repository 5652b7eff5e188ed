#!/bin/sh
# Makes room for many users, checks the configuration, then makes the running nginx read
# it. Run as root.
set -eu
# Debian's nginx.conf gives each of nginx's workers 768 connections. A WebSocket takes
# two, and each connection takes a file descriptor.
sed -i 's/worker_connections 768;/worker_connections 8192;/' /etc/nginx/nginx.conf
grep -q worker_rlimit_nofile /etc/nginx/nginx.conf ||
    sed -i '1i worker_rlimit_nofile 16384;' /etc/nginx/nginx.conf
nginx -t
# nginx lets everybody read a log that it makes: who was here, and their files' names.
chown root:adm /var/log/nginx/jupyterhub.log
chmod 640 /var/log/nginx/jupyterhub.log
nginx -s reload
