# The kernel was installed by a Python in root's own home.
mkdir --parents /root/mine/bin
ln --symbolic /opt/jupyterhub/bin/python /root/mine/bin/python
chmod 700 /root
sed --in-place 's|"/opt/jupyterhub/bin/python[^"]*"|"/root/mine/bin/python"|' /opt/jupyterhub/share/jupyter/kernels/my_kernel/kernel.json
