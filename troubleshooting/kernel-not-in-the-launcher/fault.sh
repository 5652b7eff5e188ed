# Installed again, for root alone.
jupyter kernelspec remove -y my_kernel
python -m my_kernel install --user
