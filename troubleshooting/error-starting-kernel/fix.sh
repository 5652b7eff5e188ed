/opt/jupyterhub/bin/python -m my_kernel install --sys-prefix
