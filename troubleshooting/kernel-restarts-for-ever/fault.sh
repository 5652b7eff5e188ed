# kernel.json names a Python in which the kernel is not installed.
sed --in-place 's|"/opt/jupyterhub/bin/python[^"]*"|"/usr/bin/python3"|' /opt/jupyterhub/share/jupyter/kernels/my_kernel/kernel.json
