# A home that lies deep, and a configuration that does not mind.
mkdir --parents /srv/homes/students-of-the-faculty
usermod --home /srv/homes/students-of-the-faculty/mallory --move-home mallory
sed --in-place '/fsencode/d; /mkdtemp/d; /clears/d; /flock/d' /etc/jupyter/jupyter_server_config.py
