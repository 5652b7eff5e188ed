#!/bin/sh
# Installs the kernel for every user of the hub. Run it as root, in the folder that holds my_kernel/.
set -eu

# umask 022: if only root could read the kernelspec, nobody would see the kernel.
umask 022

# What an earlier run has built goes first: a file that you have put back may be older, and would not replace it.
rm -rf my_kernel/build

# The Python that installs must be the one that runs the users' servers, so it is named in full.
/opt/jupyterhub/bin/pip install ./my_kernel
/opt/jupyterhub/bin/python -m my_kernel install --sys-prefix
/opt/jupyterhub/bin/jupyter kernelspec list
