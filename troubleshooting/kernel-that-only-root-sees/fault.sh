# Installed again, under a strict umask.
jupyter kernelspec remove -y my_kernel
umask 077
python -m my_kernel install --sys-prefix
